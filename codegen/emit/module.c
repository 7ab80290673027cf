/* One LLVM module from entries to bytes, in this process or in a forked child that LLVM may take down.
   Leaves the contents of functions to func.c and entry.c. No IR pass is run: values are SSA and placed when they are
   built (build.h).

   Loop strength reduction is off for the process: it costs 10-30 % of code generation and makes register tiles spill
   (12x2 f32 tile: 57 % of peak with it, 91 % without). */
#include "codegen/emit/build.h"
#include <errno.h>
#include <fcntl.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/ErrorHandling.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHILD_SECONDS = 20, CHILD_BYTES_LOG2 = 32 };

static void init_llvm(void) {
#define TARGET(id, llvm, what)                                                                                         \
  LLVMInitialize##llvm##TargetInfo();                                                                                  \
  LLVMInitialize##llvm##Target();                                                                                      \
  LLVMInitialize##llvm##TargetMC();                                                                                    \
  LLVMInitialize##llvm##AsmPrinter();
#include "codegen/target/targets.def"
#undef TARGET
  /* LSR: see docs/design.md. The peephole pass folds masked loads into masked arithmetic, and the two-address pass of
     LLVM 22 then takes them out again without the mask: lanes that are off would be read (tests/emit/loops.c). */
  const char *const argv[] = {"hone", "-disable-lsr", "-disable-peephole"};
  LLVMParseCommandLineOptions(sizeof argv / sizeof *argv, argv, "");
}

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

void emit_fail(struct module *m, const char *fmt, ...) {
  if (m->fail) return;
  char text[256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  m->fail = arena_strdup(m->arena, text);
}

LLVMValueRef intrinsic(struct module *m, const char *name, LLVMTypeRef *over, unsigned n, LLVMTypeRef *type) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(m->mod, id, over, n);
  *type = LLVMGlobalGetValueType(fn);
  return fn;
}

LLVMValueRef call_intrinsic(struct module *m, LLVMBuilderRef b, const char *name, LLVMTypeRef *over, unsigned nover,
                            LLVMValueRef *arg, unsigned narg) {
  LLVMTypeRef type;
  LLVMValueRef fn = intrinsic(m, name, over, nover, &type);
  return LLVMBuildCall2(b, type, fn, arg, narg, "");
}

void add_attr(struct module *m, LLVMValueRef fn, int at, const char *name, uint64_t value) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  LLVMAddAttributeAtIndex(fn, (LLVMAttributeIndex)at, LLVMCreateEnumAttribute(m->ctx, kind, value));
}

LLVMValueRef extern_fn(struct module *m, const char *name, LLVMTypeRef type) {
  LLVMValueRef fn = LLVMGetNamedFunction(m->mod, name);
  if (fn && LLVMGlobalGetValueType(fn) == type && LLVMIsDeclaration(fn)) return fn;
  if (fn) emit_fail(m, "a kernel cannot be called '%s': generated code calls the library function of that name", name);
  fn = LLVMAddFunction(m->mod, name, type);
  add_attr(m, fn, (int)LLVMAttributeFunctionIndex, "nounwind", 0);
  return fn;
}

static bool has_feature(const char *features, const char *name) {
  size_t n = strlen(name);
  for (const char *p = features; p && (p = strstr(p, name)); p += n)
    if (p > features && p[-1] == '+' && (p[n] == ',' || !p[n])) return true;
  return false;
}

static struct isa isa_of(const struct target *t) {
  const char *f = t->features;
  bool wide = has_feature(f, "avx512f");
  int madd = has_feature(f, "avx512bw") ? 2 : has_feature(f, "avx2") ? 1 : 0;
  return (struct isa){.vnni = has_feature(f, wide ? "avx512vnni" : "avxvnni"),
                      .vnni_int8 = has_feature(f, "avxvnniint8"),
                      .bf16 = has_feature(f, "avx512bf16"),
                      .amx = t->limits.matrix_per_cycle[MATRIX_amx] > 0,
                      .fp8 = t->limits.fp8,
                      .madd = madd,
                      .gfni = has_feature(f, "gfni") && has_feature(f, "avx2"),
                      .fma = t->limits.simt || has_feature(f, "fma"),
                      .f16c = t->limits.simt || has_feature(f, "f16c"),
                      .avx512 = has_feature(f, "avx512f") && has_feature(f, "avx512vl") && has_feature(f, "avx512dq") &&
                                has_feature(f, "avx512bw")};
}

static LLVMTargetMachineRef new_machine(const struct target *t, char **err) {
  LLVMTargetRef llvm_target;
  if (LLVMGetTargetFromTriple(t->triple, &llvm_target, err)) return NULL;
  LLVMTargetMachineOptionsRef o = LLVMCreateTargetMachineOptions();
  LLVMTargetMachineOptionsSetCPU(o, t->cpu);
  LLVMTargetMachineOptionsSetFeatures(o, t->features);
  LLVMTargetMachineOptionsSetCodeGenOptLevel(o, LLVMCodeGenLevelDefault);
  LLVMTargetMachineOptionsSetRelocMode(o, LLVMRelocPIC);
  LLVMTargetMachineRef tm = LLVMCreateTargetMachineWithOptions(llvm_target, t->triple, o);
  LLVMDisposeTargetMachineOptions(o);
  return tm;
}

/* Making a machine costs 0.5 ms: each thread keeps its last one. */
static LLVMTargetMachineRef machine_for(const struct target *t, const char **why, struct arena *a) {
  static _Thread_local LLVMTargetMachineRef tm;
  static _Thread_local char *key;
  struct buf b;
  buf_init(&b);
  buf_printf(&b, "%s/%s/%s", t->triple, t->cpu, t->features);
  if (key && !strcmp(key, b.data)) {
    buf_free(&b);
    return tm;
  }
  char *err = NULL;
  LLVMTargetMachineRef made = new_machine(t, &err);
  if (!made) {
    *why = arena_strdup(a, err ? err : "LLVM has no such target machine");
    LLVMDisposeMessage(err);
    buf_free(&b);
    return NULL;
  }
  if (tm) LLVMDisposeTargetMachine(tm);
  free(key);
  tm = made;
  key = b.data;
  return tm;
}

static void module_init(struct module *m, const struct target *t, LLVMTargetMachineRef tm) {
  m->target = t;
  m->tm = tm;
  m->isa = isa_of(t);
  m->arena = arena_new();
  m->ctx = LLVMContextCreate();
  m->mod = LLVMModuleCreateWithNameInContext("hone", m->ctx);
  LLVMSetSourceFileName(m->mod, "hone", 4);
  LLVMSetTarget(m->mod, t->triple);
  LLVMTargetDataRef dl = LLVMCreateTargetDataLayout(tm);
  LLVMSetModuleDataLayout(m->mod, dl);
  LLVMDisposeTargetData(dl);
  m->i1 = LLVMInt1TypeInContext(m->ctx), m->i8 = LLVMInt8TypeInContext(m->ctx), m->i16 = LLVMInt16TypeInContext(m->ctx);
  m->i32 = LLVMInt32TypeInContext(m->ctx), m->i64 = LLVMInt64TypeInContext(m->ctx);
  m->f32 = LLVMFloatTypeInContext(m->ctx), m->f64 = LLVMDoubleTypeInContext(m->ctx);
  m->ptr = LLVMPointerTypeInContext(m->ctx, 0), m->void_ = LLVMVoidTypeInContext(m->ctx);
}

static void module_free(struct module *m) {
  LLVMDisposeModule(m->mod);
  LLVMContextDispose(m->ctx);
  arena_free(m->arena);
}

static bool verify_ok(struct module *m) {
#ifdef NDEBUG
  if (!getenv("HONE_VERIFY_LLVM")) return true;
#endif
  char *text = NULL;
  bool bad = LLVMVerifyModule(m->mod, LLVMReturnStatusAction, &text);
  if (bad) emit_fail(m, "internal: invalid LLVM IR: %s", text);
  if (bad && getenv("HONE_VERIFY_LLVM")) LLVMDumpModule(m->mod);
  LLVMDisposeMessage(text);
  return !bad;
}

/* Older drivers take older versions only, so the text says a newer one only where it needs it. */
static void raise_version(struct buf *ptx) {
  static const char old[] = ".version 8.0";
  char *at = strstr(ptx->data, old);
  if (at) at[sizeof old - 2] = '4';
}

static void write_module(struct module *m, LLVMTargetMachineRef tm, enum emit_kind kind, struct buf *out) {
  if (kind == EMIT_LLVM) {
    char *s = LLVMPrintModuleToString(m->mod);
    buf_puts(out, s);
    LLVMDisposeMessage(s);
    return;
  }
  LLVMMemoryBufferRef mem;
  char *err = NULL;
  if (LLVMTargetMachineEmitToMemoryBuffer(tm, m->mod, kind == EMIT_ASM ? LLVMAssemblyFile : LLVMObjectFile, &err,
                                          &mem)) {
    emit_fail(m, "%s", err);
    LLVMDisposeMessage(err);
    return;
  }
  buf_write(out, LLVMGetBufferStart(mem), LLVMGetBufferSize(mem));
  LLVMDisposeMemoryBuffer(mem);
  if (m->mixed && kind == EMIT_ASM) raise_version(out);
}

struct job {
  const struct emit_entry *e;
  unsigned n;
  const struct target *t;
  const struct emit_opts *o;
  const struct buf *ptx, *cubin; /* the host's module of a GPU object */
  const struct limits *gpu;
};

static void emit_one(struct module *m, const struct job *j, unsigned i) {
  const struct emit_entry *e = &j->e[i];
  if (!j->t->limits.simt) {
    LLVMValueRef fn = emit_entry_fn(m, e);
    if (!m->fail && j->o->call_stub) emit_call_stub(m, e->k, fn);
    return;
  }
  if (!e->general) emit_fail(m, "'%s' is not raised to equations: a GPU cannot run it as written", e->k->name);
  for (unsigned v = 0; v < e->nvariant && !m->fail; v++) emit_kernels(m, e->variant[v].f);
  if (!m->fail) emit_kernels(m, e->general);
}

/* Builds the module once. A register object that is indexed by a run-time value is put in memory and the module built
 * again (*retry). */
static enum status attempt(struct arena *a, const struct job *j, LLVMTargetMachineRef tm, struct demotion **demoted,
                           bool *retry, struct buf *out, const char **why) {
  struct module m = {.retry = retry, .demoted = *demoted, .ptx = j->ptx, .cubin = j->cubin, .gpu = j->gpu};
  double start = seconds(CLOCK_THREAD_CPUTIME_ID), built;
  module_init(&m, j->t, tm);
  debug_open(&m, j->o->files);
  for (unsigned i = 0; i < j->n && !m.fail; i++) emit_one(&m, j, i);
  built = seconds(CLOCK_THREAD_CPUTIME_ID);
  debug_close(&m);
  if (!m.fail && verify_ok(&m)) write_module(&m, tm, j->o->kind, out);
  enum status st = m.fail ? ST_INFEASIBLE : ST_OK;
  if (m.fail) *why = arena_strdup(a, m.fail);
  if (*retry) { /* m's arena dies: keep the list in the caller's */
    struct demotion *d = ARENA_NEW(a, struct demotion, 1);
    *d = *m.demoted;
    d->next = *demoted;
    *demoted = d;
  }
  module_free(&m);
  if (j->o->times) { /* adds up: a module may be built more than once */
    j->o->times->ir += built - start;
    j->o->times->object += seconds(CLOCK_THREAD_CPUTIME_ID) - built;
  }
  return st;
}

/* e4m3 or e5m2 is in memory. */
static bool has_fp8(const struct job *j) {
  for (unsigned i = 0; i < j->n; i++)
    for (unsigned t = 0; t < j->e[i].k->ntensor; t++)
      if (!type_computes((enum dtype)j->e[i].k->tensor[t].type)) return true;
  return false;
}

static enum status emit_for_target(struct arena *a, const struct job *given, struct buf *out, const char **why) {
  struct job job = *given, *j = &job;
  struct target t = *given->t;
  t.limits.fp8 = t.limits.fp8 && has_fp8(given);
  if (t.limits.fp8) t.features = arena_strdup(a, t.fp8_features);
  j->t = &t;
  LLVMTargetMachineRef tm = machine_for(j->t, why, a);
  if (!tm) return ST_INFEASIBLE;
  struct demotion *demoted = NULL;
  enum status st;
  bool retry;
  int tries = 0;
  do {
    retry = false;
    st = attempt(a, j, tm, &demoted, &retry, out, why);
  } while (retry && ++tries < 64);
  return st;
}

/* Without an assembler the cubin stays empty. */
static struct ptxas_result assemble(const struct job *j, const struct buf *ptx, struct buf *cubin) {
  struct ptxas_result r = {0};
  if (j->o->ptxas) r = ptxas_run(j->o->ptxas, j->t->cpu, ptx, cubin);
  return r;
}

/* A GPU's object is the host's: its entries with the kernels as PTX text inside. */
static enum status emit_gpu_object(struct arena *a, const struct job *j, struct buf *out, const char **why) {
  struct buf ptx, cubin;
  struct target host;
  struct emit_opts asm_opts = {.kind = EMIT_ASM};
  struct job kernels = *j, entries = *j;
  buf_init(&ptx);
  buf_init(&cubin);
  kernels.o = &asm_opts;
  enum status st = emit_for_target(a, &kernels, &ptx, why);
  if (st == ST_OK) (void)assemble(j, &ptx, &cubin); /* what it refuses is left to the driver */
  if (st == ST_OK && target_resolve(a, "x86_64", "x86-64-v2", &host, NULL) != ST_OK) st = ST_INTERNAL;
  entries.t = &host, entries.ptx = &ptx, entries.cubin = &cubin, entries.gpu = &j->t->limits;
  if (st == ST_OK) st = emit_for_target(a, &entries, out, why);
  buf_free(&ptx);
  buf_free(&cubin);
  return st;
}

/* What the tuner measures: the kernels and how they are launched, without the host's part. */
static enum status emit_gpu_package(struct arena *a, const struct job *j, struct buf *out, const char **why) {
  struct buf ptx, cubin;
  struct emit_opts asm_opts = {.kind = EMIT_ASM, .times = j->o->times};
  struct job kernels = *j;
  buf_init(&ptx);
  buf_init(&cubin);
  kernels.o = &asm_opts;
  enum status st = emit_for_target(a, &kernels, &ptx, why);
  if (st == ST_OK) {
    struct ptxas_result said = assemble(j, &ptx, &cubin);
    if (j->o->assembled) *j->o->assembled = said;
    st = emit_cuda_package(a, j->e[0].general, &j->t->limits, &ptx, &cubin, out, why);
  }
  buf_free(&ptx);
  buf_free(&cubin);
  return st;
}

static enum status emit_here(struct arena *a, const struct job *j, struct buf *out, const char **why) {
  if (j->o->kind == EMIT_PACKAGE) return emit_gpu_package(a, j, out, why);
  bool host_part = j->t->limits.simt && j->o->kind == EMIT_OBJ;
  return host_part ? emit_gpu_object(a, j, out, why) : emit_for_target(a, j, out, why);
}

/* --- the forked child --- */

static int child_fd;

static void put_all(int fd, const void *p, size_t n) {
  const char *c = p;
  while (n > 0) {
    ssize_t w = write(fd, c, n);
    if (w < 0 && errno == EINTR) continue;
    if (w <= 0) _exit(5);
    c += w;
    n -= (size_t)w;
  }
}

static void child_answer(char status, const char *p, size_t n) {
  put_all(child_fd, &status, 1);
  put_all(child_fd, p, n);
  _exit(0);
}

static void child_fatal(const char *reason) {
  child_answer(ST_INFEASIBLE, reason, strlen(reason));
}

/* Bytes that the parent had mapped: the limit counts from there. */
__attribute__((unused)) static rlim_t address_space(void) {
  unsigned long long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f && fscanf(f, "%llu", &pages) != 1) pages = 0;
  if (f) fclose(f);
  return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void child_limits(void) {
  struct rlimit core = {0, 0};
  setrlimit(RLIMIT_CORE, &core);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  rlim_t room = address_space() + (1ull << CHILD_BYTES_LOG2);
  struct rlimit mem = {room, room};
  setrlimit(RLIMIT_AS, &mem);
#endif
  int null = open("/dev/null", O_RDWR);
  if (null >= 0 && !getenv("HONE_VERIFY_LLVM")) dup2(null, 2);
}

static _Noreturn void child_main(const struct job *j, int fd) {
  struct rlimit cpu = {CHILD_SECONDS, CHILD_SECONDS + 1};
  child_fd = fd;
  child_limits();
  setrlimit(RLIMIT_CPU, &cpu);
  signal(SIGPIPE, SIG_DFL);
  LLVMInstallFatalErrorHandler(child_fatal);
  struct oom_guard g;
  if (OOM_TRY(&g)) {
    struct arena *a = arena_new();
    struct buf out;
    const char *why = "";
    buf_init(&out);
    enum status st = emit_here(a, j, &out, &why);
    if (st == ST_OK)
      child_answer(ST_OK, out.data, out.len);
    else
      child_answer((char)st, why, strlen(why));
  }
  child_answer(ST_NOMEM, "", 0);
  _exit(5);
}

/* Reads until the child closes its end; false when it takes too long. (Of processor time it has CHILD_SECONDS; on a
 * busy machine these take longer.) */
static bool drain(int fd, struct buf *got) {
  double end = seconds(CLOCK_MONOTONIC) + 10 * CHILD_SECONDS;
  for (;;) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    double left = end - seconds(CLOCK_MONOTONIC);
    if (left <= 0) return false;
    int r = poll(&p, 1, (int)(left * 1000) + 1);
    if (r < 0 && errno != EINTR) return false;
    if (r <= 0) continue;
    char block[65536];
    ssize_t n = read(fd, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0;
    buf_write(got, block, (size_t)n);
  }
}

static enum status child_result(struct arena *a, const struct buf *got, bool in_time, int wstatus, struct buf *out,
                                const char **why) {
  if (!in_time) {
    *why = "code generation took too long";
    return ST_INFEASIBLE;
  }
  if (WIFSIGNALED(wstatus)) {
    int sig = WTERMSIG(wstatus);
    *why = sig == SIGXCPU || sig == SIGKILL ? "code generation took too long"
                                            : arena_printf(a, "LLVM crashed (signal %d)", sig);
    return ST_INFEASIBLE;
  }
  if (!WIFEXITED(wstatus) || WEXITSTATUS(wstatus) != 0 || got->len == 0) {
    *why = "the code generation process failed";
    return ST_INFEASIBLE;
  }
  enum status st = (enum status)got->data[0];
  if (st == ST_OK)
    buf_write(out, got->data + 1, got->len - 1);
  else
    *why = arena_strndup(a, got->data + 1, got->len - 1);
  return st;
}

static enum status emit_forked(struct arena *a, const struct job *j, struct buf *out, const char **why) {
  int fd[2];
  if (pipe2(fd, O_CLOEXEC)) {
    *why = arena_printf(a, "pipe: %s", strerror(errno));
    return ST_ENV;
  }
  pid_t pid = fork();
  if (pid < 0) {
    *why = arena_printf(a, "fork: %s", strerror(errno));
    close(fd[0]), close(fd[1]);
    return ST_ENV;
  }
  if (pid == 0) {
    close(fd[0]);
    child_main(j, fd[1]);
  }
  close(fd[1]);
  struct buf got;
  buf_init(&got);
  bool in_time = drain(fd[0], &got);
  close(fd[0]);
  if (!in_time) kill(pid, SIGKILL);
  int wstatus = 0;
  while (waitpid(pid, &wstatus, 0) < 0 && errno == EINTR) {
  }
  enum status st = child_result(a, &got, in_time, wstatus, out, why);
  buf_free(&got);
  return st;
}

/* The first code generation of a process costs 5 ms more (tables, page faults): the parent pays it once, its children
 * inherit it. */
static void warm_up(const struct target *t, struct arena *a) {
  static _Thread_local bool warm;
  if (warm) return;
  warm = true;
  const char *why;
  LLVMTargetMachineRef tm = machine_for(t, &why, a);
  if (!tm) return;
  struct module m = {0};
  module_init(&m, t, tm);
  LLVMTypeRef args[2] = {m.ptr, m.ptr};
  LLVMValueRef fn = LLVMAddFunction(m.mod, "warm", LLVMFunctionType(m.void_, args, 2, 0));
  LLVMBuilderRef b = LLVMCreateBuilderInContext(m.ctx);
  LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(m.ctx, fn, ""));
  LLVMTypeRef v4 = LLVMVectorType(m.f32, 4);
  LLVMValueRef x = LLVMBuildLoad2(b, v4, LLVMGetParam(fn, 0), "");
  LLVMBuildStore(b, LLVMBuildFAdd(b, x, x, ""), LLVMGetParam(fn, 1));
  LLVMBuildRetVoid(b);
  LLVMDisposeBuilder(b);
  struct buf out;
  buf_init(&out);
  write_module(&m, tm, t->limits.simt ? EMIT_ASM : EMIT_OBJ, &out);
  buf_free(&out);
  module_free(&m);
}

enum status emit_module(struct arena *a, const struct emit_entry *e, unsigned n, const struct target *t,
                        const struct emit_opts *o, bool forked, struct buf *out, const char **why) {
  const char *none;
  if (!why) why = &none;
  *why = "";
  pthread_once(&once, init_llvm);
  struct job j = {.e = e, .n = n, .t = t, .o = o};
  if (o->times) *o->times = (struct emit_times){0, 0};
  if (!forked) return emit_here(a, &j, out, why);
  warm_up(t, a);
  return emit_forked(a, &j, out, why);
}

void emit_child_begin(const struct target *t, void (*fatal)(const char *reason)) {
  pthread_once(&once, init_llvm);
  child_limits();
  LLVMInstallFatalErrorHandler(fatal);
  struct arena *a = arena_new();
  warm_up(t, a);
  arena_free(a);
}

const char *emit_llvm_version(void) {
  static char text[32];
  unsigned major, minor, patch;
  LLVMGetVersion(&major, &minor, &patch);
  snprintf(text, sizeof text, "%u.%u.%u", major, minor, patch);
  return text;
}
