/* See compiled.h. */
#include "tests/emit/compiled.h"
#include "codegen/emit/emit.h"
#include "runtime/abi.h"
#include "runtime/elf_load.h"
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *compiled_cpu = "native";
void (*compiled_change)(struct target *t);
void (*compiled_illegal)(int sig, siginfo_t *info, void *context);
const char *(*compiled_complaint)(void);
void (*compiled_parallel)(int64_t n, int64_t grain, hone_rt_body *body, void *ctx) = hone_rt_parallel;

static sigjmp_buf fault;

void compiled_fault(int sig) {
  siglongjmp(fault, sig);
}

static void *resolve(void *ctx, const char *name) {
  (void)ctx;
  if (strcmp(name, HONE_RT_PARALLEL_SYMBOL) != 0) return NULL;
  void (*fn)(int64_t, int64_t, hone_rt_body *, void *) = compiled_parallel;
  void *p;
  memcpy(&p, &fn, sizeof p);
  return p;
}

struct guarded {
  char *map, *at;
  size_t len, bytes;
};

static bool guard(struct guarded *g, const void *data, size_t bytes, bool at_end) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (bytes + page - 1) / page * page;
  g->len = room + 2 * page, g->bytes = bytes;
  g->map = mmap(NULL, g->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (g->map == MAP_FAILED || (room && mprotect(g->map + page, room, PROT_READ | PROT_WRITE))) return false;
  g->at = g->map + page + (at_end ? room - bytes : 0);
  memcpy(g->at, data, bytes);
  return true;
}

static int64_t span(const struct kernel *k, const struct tensor *t, const int64_t *dim) {
  int64_t *vals = ARENA_NEW(k->arena, int64_t, k->nsym + 1), last = 0, e, s;
  for (unsigned i = 0; i < k->nsym; i++)
    if (k->sym[i].kind == SYM_DIM) vals[i] = dim[k->sym[i].param];
  for (unsigned d = 0; d < t->rank; d++) {
    if (!poly_eval(t->extent[d], vals, &e) || !poly_eval(tensor_stride(k->arena, t, d), vals, &s) || e <= 0) return 0;
    last += (e - 1) * s;
  }
  return last + 1;
}

static struct elf_image *compile(const struct lfunc *f, struct diag *d, const char *cpu) {
  struct target t;
  struct loc none = {0};
  struct buf object;
  char why[ELF_WHY] = "";
  const char *reason = "";
  if (target_resolve(f->arena, "host", cpu, &t, d) != ST_OK) return NULL;
  if (compiled_change) compiled_change(&t);
  struct emit_entry e = {.k = f->k, .general = (struct lfunc *)(uintptr_t)f};
  struct emit_opts o = {.kind = EMIT_OBJ, .call_stub = true, .pic = true};
  buf_init(&object);
  enum status st = emit_module(f->arena, &e, 1, &t, &o, false, &object, &reason);
  struct elf_image *im = st == ST_OK ? elf_load(object.data, object.len, resolve, NULL, why) : NULL;
  if (!im) diag_error(d, none, "emit: %s%s", reason, why);
  buf_free(&object);
  return im;
}

static enum status call(const struct lfunc *f, const struct args *a, struct elf_image *im, struct diag *d,
                        bool at_end) {
  const struct kernel *k = f->k;
  struct guarded g[64] = {{0}};
  char cell[64][16], name[256];
  void *ptr[64];
  hone_rt_call *fn;
  snprintf(name, sizeof name, "%s__hone_call", k->name);
  void *sym = elf_symbol(im, name);
  if (!sym || k->nparam > 64) return ST_INTERNAL;
  memcpy(&fn, &sym, sizeof fn);
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    ptr[i] = cell[i];
    if (p->kind == PARAM_DIM) type_store((enum dtype)p->type, cell[i], (union value){.i = a->dim[i]});
    if (p->kind == PARAM_SCALAR) type_store((enum dtype)p->type, cell[i], a->scalar[i]);
    if (p->kind != PARAM_TENSOR) continue;
    if (!guard(&g[i], a->data[i], (size_t)span(k, &k->tensor[p->ref], a->dim) * type_size((enum dtype)p->type), at_end))
      return ST_NOMEM;
    ptr[i] = &g[i].at;
  }
  struct sigaction act = {.sa_handler = compiled_fault, .sa_flags = SA_NODEFER}, was[3],
                   illegal = {.sa_sigaction = compiled_illegal, .sa_flags = SA_NODEFER | SA_SIGINFO};
  static const int sig[3] = {SIGSEGV, SIGBUS, SIGILL};
  for (unsigned i = 0; i < 3; i++) sigaction(sig[i], sig[i] == SIGILL && compiled_illegal ? &illegal : &act, &was[i]);
  int got = sigsetjmp(fault, 1);
  if (!got) fn(ptr);
  for (unsigned i = 0; i < 3; i++) sigaction(sig[i], &was[i], NULL);
  for (unsigned i = 0; i < k->nparam; i++) {
    if (!g[i].map) continue;
    if (!got && at_end) memcpy(a->data[i], g[i].at, g[i].bytes);
    munmap(g[i].map, g[i].len);
  }
  struct loc none = {0};
  const char *bad = compiled_complaint ? compiled_complaint() : NULL;
  if (got) diag_error(d, none, "compiled code: signal %d, buffers fenced at the %s", got, at_end ? "end" : "start");
  if (bad) diag_error(d, none, "compiled code: %s", bad);
  return got || bad ? ST_REFUSED : ST_OK;
}

enum status compiled_run(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d) {
  (void)max_ops;
  struct elf_image *im = compile(f, d, compiled_cpu);
  if (!im) return ST_REFUSED;
  enum status st = call(f, a, im, d, false);
  if (st == ST_OK) st = call(f, a, im, d, true);
  elf_unload(im);
  return st;
}

unsigned compiled_count(const char *text, const char *word) {
  unsigned n = 0;
  for (const char *p = text; (p = strstr(p, word)); p += strlen(word)) n++;
  return n;
}

static _Noreturn void give_up(const char *why) {
  fprintf(stderr, "%s\n", why);
  abort();
}

char *compiled_text(struct lab *b, const char *kernel, const char *cpu, const char *dims) {
  struct target t;
  struct lfunc *f;
  struct buf out;
  const char *why = "";
  if (target_resolve(b->a, "x86_64-unknown-linux-gnu", cpu, &t, b->d) != ST_OK) give_up(cpu);
  struct groups *gs = lab_groups(b, lab_fixed(b, lab_kernel(b, kernel, strlen(kernel)), dims), true);
  struct sched s = sched_default(gs, 0, &t.limits, &b->o);
  if (lower_kernel(b->a, gs, &s, &t.limits, &b->o, "f", &f, &why) != ST_OK) give_up(why);
  struct emit_entry e = {.k = f->k, .general = f};
  struct emit_opts o = {.kind = EMIT_ASM, .pic = true};
  buf_init(&out);
  if (emit_module(b->a, &e, 1, &t, &o, false, &out, &why) != ST_OK) give_up(why);
  char *copy = arena_strdup(b->a, out.data);
  buf_free(&out);
  return copy;
}

const char *compiled_default(struct lab *b, const char *text, const char *dims, uint64_t seed, bool *ran) {
  bool skipped = false;
  struct kernel *k = lab_kernel(b, text, strlen(text));
  struct groups *gs = k ? lab_groups(b, k, true) : NULL;
  if (!gs) return lab_messages(b);
  if (gs->n != 1) return "not one group";
  struct sched s = sched_default(gs, 0, &b->lim, &b->o);
  const char *why = lab_check(b, k, gs, &s, dims, seed, &skipped);
  *ran |= !skipped;
  return why;
}
