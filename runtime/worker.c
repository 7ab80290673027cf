/* hone-worker: runs candidates so that nothing they do harms the tuner. A process of its own without LLVM, started for
   one job and gone after it (0.9 ms); limits on memory, processor time, files and processes; the results go to memory
   that the tuner maps, verdicts are the tuner's. A crash, a hang, an early exit or a refused allocation are each told
   apart by what arrives on the pipe and how the process ends (job.h). */
#include "runtime/worker.h"
#include "runtime/elf_load.h"
#include "runtime/hone_rt.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct work work;

void reply_send(const struct reply *r) {
  while (write(REPLY_FD, r, sizeof *r) < 0 && errno == EINTR) continue;
}

void reply_text(enum reply_kind kind, uint32_t candidate, const char *text) {
  struct reply r = {.kind = kind, .candidate = candidate};
  size_t n = strnlen(text, sizeof r.text - 1);
  memcpy(r.text, text, n);
  reply_send(&r);
}

void reply_seconds(const double *s, unsigned n) {
  struct reply r = {.kind = REPLY_ROUND};
  memcpy(r.seconds, s, n * sizeof *s);
  reply_send(&r);
}

static _Noreturn void fail(enum reply_kind kind, uint32_t candidate, const char *text) {
  reply_text(kind, candidate, text);
  _exit(1);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
/* Limits on address space do not go with sanitizers: count what is lent instead. What a candidate never frees is none
 * of theirs. */
static _Atomic uint64_t lent_bytes;
static bool too_much(void *p) {
  return work.job->memory && atomic_fetch_add(&lent_bytes, malloc_usable_size(p)) > work.job->memory;
}
static void lent_free(void *p) {
  if (p) atomic_fetch_sub(&lent_bytes, malloc_usable_size(p));
  free(p);
}
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
  return "detect_leaks=0:allocator_may_return_null=1";
}
#else
static bool too_much(void *p) {
  (void)p;
  return false;
}
#define lent_free free
#endif

/* Allocation of candidates: a refusal is reported as what it is, whatever the candidate would have made of it. */
static void *granted(void *p, size_t n) {
  if ((!p && n) || too_much(p)) fail(REPLY_OOM, work.job->current, "an allocation was refused");
  return p;
}
static void *lent_malloc(size_t n) {
  return granted(malloc(n), n);
}
static void *lent_calloc(size_t n, size_t size) {
  return granted(calloc(n, size), n && size);
}
static void *lent_realloc(void *p, size_t n) {
  void *q = lent_malloc(n);
  size_t old = p ? malloc_usable_size(p) : 0;
  if (p && q) memcpy(q, p, old < n ? old : n);
  lent_free(p);
  return q;
}
static void *lent_aligned_alloc(size_t align, size_t n) {
  return granted(aligned_alloc(align, n), n);
}
static int lent_posix_memalign(void **out, size_t align, size_t n) {
  int rc = posix_memalign(out, align, n);
  if (rc == 0 || rc == ENOMEM) granted(rc ? NULL : *out, 1);
  return rc;
}

static void *resolve(void *ctx, const char *name) {
  static const struct {
    const char *name;
    void *p;
  } lent[] = {{HONE_RT_PARALLEL_SYMBOL, (void *)(uintptr_t)hone_rt_parallel},
              {"hone_rt_num_threads", (void *)(uintptr_t)hone_rt_num_threads},
              {"free", (void *)(uintptr_t)lent_free},
              {"malloc", (void *)(uintptr_t)lent_malloc},
              {"calloc", (void *)(uintptr_t)lent_calloc},
              {"realloc", (void *)(uintptr_t)lent_realloc},
              {"aligned_alloc", (void *)(uintptr_t)lent_aligned_alloc},
              {"posix_memalign", (void *)(uintptr_t)lent_posix_memalign}};
  (void)ctx;
  for (size_t i = 0; i < sizeof lent / sizeof *lent; i++)
    if (!strcmp(name, lent[i].name)) return lent[i].p;
  return NULL;
}

static void on_fault(int sig, siginfo_t *info, void *context) {
  char where[160] = "", text[256];
  (void)context;
  if (sig == SIGSEGV || sig == SIGBUS) block_describe(&work, info->si_addr, where, sizeof where);
  snprintf(text, sizeof text, "%s%s%s", strsignal(sig), *where ? ": " : "", where);
  reply_text(REPLY_FAULT, work.job->current, text);
  signal(sig, SIG_DFL); /* returning repeats the fault, which now ends the process */
  if (info->si_code <= 0) raise(sig);
}

static void catch_faults(void) {
  static uint8_t stack[64 << 10];
  stack_t alt = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alt, NULL);
  struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigaction(faults[i], &sa, NULL);
}

static void limit(int what, uint64_t value) {
  struct rlimit old, r;
  if (getrlimit(what, &old)) return;
  r.rlim_cur = r.rlim_max = value < old.rlim_max ? value : old.rlim_max;
  setrlimit(what, &r);
}

static uint64_t mapped_bytes(void) {
  char text[64] = "";
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  return n > 0 ? strtoull(text, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void set_limits(const struct job *j) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NPROC, 0); /* the pool has its threads by now */
  if (j->cpu_s) limit(RLIMIT_CPU, j->cpu_s);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (j->memory) limit(RLIMIT_AS, mapped_bytes() + j->memory);
#endif
}

/* One-thread problems stay on the core where the scheduler put this fresh process: an idle one, if there is any. */
static void pin(void) {
  cpu_set_t set;
  int cpu = sched_getcpu();
  if (cpu < 0 || cpu >= CPU_SETSIZE) return;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static void nothing(void *ctx, int64_t first, int64_t last) {
  (void)ctx, (void)first, (void)last;
}

static void start_threads(const struct job *j) {
  hone_rt_set_num_threads(j->threads ? (int)j->threads : 1);
  if (j->threads > 1)
    hone_rt_parallel(j->threads, 1, nothing, NULL);
  else
    pin();
}

static void open_job(void) {
  struct stat st;
  if (work.job) munmap(work.job, sizeof *work.job), munmap((void *)(uintptr_t)work.file, work.file_len);
  if (fstat(JOB_FD, &st) || (size_t)st.st_size < sizeof *work.job) exit(2);
  void *file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, JOB_FD, 0);
  void *job = mmap(NULL, sizeof *work.job, PROT_READ | PROT_WRITE, MAP_SHARED, JOB_FD, 0);
  if (file == MAP_FAILED || job == MAP_FAILED) fail(REPLY_SETUP, 0, "cannot map the job");
  work.file = file;
  work.file_len = (size_t)st.st_size;
  work.job = job;
  if (work.job->magic != JOB_MAGIC || work.job->nargs > JOB_ARGS || work.job->ncandidates > JOB_CANDIDATES)
    fail(REPLY_SETUP, 0, "the job was made by another version of hone");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != work.job->parent) exit(2); /* it died before the line above */
}

static double load_s[JOB_CANDIDATES];
static double seconds(void) {
  struct timespec t;
  clock_gettime(work.job->threads > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void load_candidates(void) {
  for (uint32_t c = 0; c < work.job->ncandidates; c++) {
    const struct job_candidate *k = &work.job->candidate[c];
    char why[ELF_WHY];
    double start = seconds();
    const char *symbol = (const char *)work.file + k->symbol;
    struct elf_image *im = elf_load(work.file + k->object, k->object_len, resolve, NULL, why);
    void *p = im ? elf_symbol(im, symbol) : NULL;
    if (im && !p) snprintf(why, sizeof why, "the object does not define '%.100s'", symbol);
    if (!p) fail(REPLY_LOAD, c, why);
    load_s[c] = seconds() - start;
    work.call[c] = (hone_rt_call *)(uintptr_t)p;
  }
}

/* Copies the results of candidate c out. The mapping exists only meanwhile: a stray write of a candidate cannot reach
 * it. */
static void hand_over(uint32_t c) {
  const struct job *j = work.job;
  for (uint32_t i = 0; i < j->nargs; i++) {
    const struct job_arg *a = &j->arg[i];
    if (a->is_value || !a->writes || !a->bytes) continue;
    uint64_t at = a->result + c * a->bytes, page = at & ~UINT64_C(4095);
    uint8_t *p = mmap(NULL, at - page + a->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, JOB_FD, (off_t)page);
    if (p == MAP_FAILED) fail(REPLY_SETUP, c, "cannot map the results");
    memcpy(p + (at - page), work.block[i].data, a->bytes);
    munmap(p, at - page + a->bytes);
  }
}

/* Results of another placement must be those that were handed over. */
static void same_again(uint32_t c) {
  const struct job *j = work.job;
  for (uint32_t i = 0; i < j->nargs; i++) {
    const struct job_arg *a = &j->arg[i];
    if (a->is_value || !a->writes || !a->bytes) continue;
    if (!memcmp(work.file + a->result + c * a->bytes, work.block[i].data, a->bytes)) continue;
    struct reply r = {.kind = REPLY_DIFFER, .candidate = c};
    r.seconds[0] = i;
    reply_send(&r);
    _exit(1);
  }
}

static uint32_t float_mode(void) {
#ifdef __x86_64__
  return __builtin_ia32_stmxcsr() & 0xffc0; /* without the sticky flags */
#else
  return 0;
#endif
}

/* Runs c; false: it is hopeless. */
static bool run_one(uint32_t c, unsigned place) {
  char why[200];
  struct reply done = {.kind = REPLY_DONE, .candidate = c};
  uint32_t mode = float_mode();
  work.job->current = c;
  double start = seconds();
  work.call[c](work.args);
  done.seconds[0] = seconds() - start;
  if (float_mode() != mode) fail(REPLY_WRONG, c, "left the floating-point mode changed");
  if (!block_intact(&work, why, sizeof why)) fail(REPLY_WRONG, c, why);
  if (place == 0)
    hand_over(c);
  else
    same_again(c);
  bool hopeless = work.job->give_up_s > 0 && done.seconds[0] > work.job->give_up_s;
  done.seconds[1] = load_s[c];
  done.seconds[2] = hopeless ? 0 : PLACEMENTS - 1 - place;
  reply_send(&done);
  return !hopeless;
}

static void run_each(void) {
  bool over[JOB_CANDIDATES] = {false};
  for (unsigned place = 0; place < PLACEMENTS; place++) {
    block_place(&work, place);
    for (uint32_t c = 0; c < work.job->ncandidates; c++) {
      if (over[c]) continue;
      if (c) block_refill(&work, true);
      over[c] = !run_one(c, place);
    }
    block_drop(&work);
  }
}

/* The next job's file, over the socket that answers go to; false: no more are to come. */
static bool next_job(void) {
  char byte;
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec io = {&byte, 1};
  struct msghdr m = {
      .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
  ssize_t n;
  while ((n = recvmsg(REPLY_FD, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) continue;
  struct cmsghdr *c = n == 1 ? CMSG_FIRSTHDR(&m) : NULL;
  if (!c || c->cmsg_type != SCM_RIGHTS) return false;
  int fd;
  memcpy(&fd, CMSG_DATA(c), sizeof fd);
  bool ok = dup2(fd, JOB_FD) == JOB_FD;
  close(fd);
  return ok;
}

/* A driver has threads and maps more than any limit would allow; what a kernel does is limited by the tuner's patience.
 */
static _Noreturn void serve_gpu(void) {
  limit(RLIMIT_CORE, 0);
  do {
    gpu_job(&work);
    reply_text(REPLY_END, 0, "");
    if (!next_job()) _exit(0);
    open_job();
  } while (1);
}

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "--probe")) return gpu_probe((unsigned)atoi(argv[2]));
  if (argc > 1 || fcntl(JOB_FD, F_GETFD) < 0 || fcntl(REPLY_FD, F_GETFD) < 0) {
    fprintf(stderr, "hone-worker: started by hone, with a job on descriptor %d; not for use by hand\n", JOB_FD);
    return 2;
  }
  closefrom(REPLY_FD + 1);
  open_job();
  if (work.job->device.kind != JOB_HOST) serve_gpu();
  start_threads(work.job);
  set_limits(work.job);
  load_candidates();
  catch_faults();
  reply_text(REPLY_BEAT, 0, ""); /* from here on the time is the candidates' */
  if (work.job->command == JOB_RUN)
    run_each();
  else
    time_candidates(&work);
  reply_text(REPLY_END, 0, "");
  _exit(0);
}
