/* Measuring on this machine's CPU: a worker process per batch (runtime/worker.c), a memory file both map, verdicts by
 * what arrives and how the process ends. */
#include "runtime/job.h"
#include "tuner/measure.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
const char *const trial_status_name[] = {"ok", "wrong", "crash", "timeout", "oom", "compile"};

uint64_t measure_poison(enum dtype t) {
  switch (t) {
  case DT_f16:
    return 0x7d5a;
  case DT_bf16:
    return 0x7fa5;
  case DT_f32:
    return 0x7fa5a5a5;
  case DT_f64:
    return UINT64_C(0x7ff5a5a5a5a5a5a5);
  default:
    return UINT64_C(0xa5a5a5a5a5a5a5a5);
  }
}

static const double START_S = 10; /* for the worker to come up on a busy machine */
static const double SAMPLE_S = 200e-6;
static const double PATIENCE = 20, LEAST_PATIENCE_S = 2; /* times the quickest run so far; and on a busy machine */
#define SPARE_MEMORY      ((uint64_t)1 << 30)
#define STACKS_PER_THREAD ((uint64_t)80 << 20) /* stack and malloc arena: address space, hardly memory */

struct cpu {
  struct measure m;
  char *worker;
  double timeout_s;
  uint64_t seed;
  const struct kernel *known; /* kernel of the problem measured last, and the quickest run of a candidate for it */
  double quickest_s;
};

/* A job under construction and its process. */
struct batch {
  struct cpu *cpu;
  const struct problem *p;
  int file, pipe;
  pid_t pid;
  uint64_t size;
  struct job *job; /* the whole memory file */
  char *why;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Job
 * -------------------------------------------------------------------------------------------------------------------------------------
 */

static uint64_t reserve(uint64_t *at, uint64_t n) {
  uint64_t here = (*at + 63) & ~UINT64_C(63);
  *at = here + n;
  return here;
}

static void value_arg(struct job_arg *a, const struct param *p, const struct args *args, unsigned i) {
  union value v = args->scalar ? args->scalar[i] : (union value){.i = 0};
  if (p->kind == PARAM_DIM) v.i = args->dim[i];
  a->is_value = 1;
  type_store((enum dtype)p->type, a->value, v);
}

static bool memory_arg(struct batch *b, struct job_arg *a, unsigned t, uint64_t *at) {
  const struct tensor *x = &b->p->k->tensor[t];
  int64_t n;
  if (!tensor_span(b->p->k, t, &b->p->args, INT64_MAX / 64, &n)) return false;
  a->elem = (uint8_t)type_size((enum dtype)x->type);
  a->bytes = (uint64_t)n * a->elem;
  a->writes = x->role != ROLE_IN;
  a->fresh = x->role == ROLE_OUT;
  a->mantissa = (uint8_t)type_mantissa((enum dtype)x->type);
  a->poison = measure_poison((enum dtype)x->type);
  if (!a->fresh) a->at = reserve(at, a->bytes);
  if (a->writes) a->result = reserve(at, PLACEMENTS * a->bytes);
  return true;
}

/* Fills the header; returns the size of the file, 0 when the problem is too large for a job. */
static uint64_t lay_out(struct batch *b, struct job *j, const struct candidate *c, unsigned n) {
  const struct kernel *k = b->p->k;
  uint64_t at = sizeof *j;
  if (k->nparam > JOB_ARGS || n > JOB_CANDIDATES) return 0;
  j->nargs = k->nparam;
  j->ncandidates = n;
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind != PARAM_TENSOR)
      value_arg(&j->arg[i], &k->param[i], &b->p->args, i);
    else if (!memory_arg(b, &j->arg[i], k->param[i].ref, &at))
      return 0;
  }
  j->memory = at + SPARE_MEMORY + b->p->threads * STACKS_PER_THREAD;
  for (unsigned i = 0; i < n; i++) {
    j->candidate[i].object_len = c[i].object->len;
    j->candidate[i].object = reserve(&at, c[i].object->len);
    j->candidate[i].symbol = reserve(&at, strlen(c[i].symbol) + sizeof "__hone_call");
  }
  return at;
}

static void fill_file(struct batch *b, const struct job *header, const struct candidate *c) {
  uint8_t *base = (uint8_t *)b->job;
  memcpy(b->job, header, sizeof *header);
  for (unsigned i = 0; i < header->nargs; i++) {
    const struct job_arg *a = &header->arg[i];
    if (!a->is_value && !a->fresh && a->bytes) memcpy(base + a->at, b->p->args.data[i], a->bytes);
  }
  for (unsigned i = 0; i < header->ncandidates; i++) {
    memcpy(base + header->candidate[i].object, c[i].object->data, c[i].object->len);
    size_t n = strlen(c[i].symbol);
    memcpy(base + header->candidate[i].symbol, c[i].symbol, n);
    memcpy(base + header->candidate[i].symbol + n, "__hone_call", sizeof "__hone_call");
  }
}

static bool make_job(struct batch *b, struct job *header, const struct candidate *c, unsigned n) {
  header->magic = JOB_MAGIC;
  header->threads = b->p->threads ? b->p->threads : 1;
  header->cold = b->p->cold;
  header->parent = getpid();
  header->timeout_s = b->cpu->timeout_s;
  header->sample_s = SAMPLE_S;
  header->seed = ++b->cpu->seed;
  b->size = lay_out(b, header, c, n);
  if (!b->size || b->size > INT64_MAX / 2) return snprintf(b->why, 256, "too many arguments or too large"), false;
  b->file = memfd_create("hone-job", MFD_CLOEXEC);
  if (b->file < 0 || ftruncate(b->file, (off_t)b->size))
    return snprintf(b->why, 256, "no memory for the job: %s", strerror(errno)), false;
  void *p = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_SHARED, b->file, 0);
  if (p == MAP_FAILED) return snprintf(b->why, 256, "no memory for the job: %s", strerror(errno)), false;
  b->job = p;
  fill_file(b, header, c);
  return true;
}

/* Process
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

/* A descriptor out of the way of those that the worker expects. */
static int move_up(int fd) {
  int up = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, REPLY_FD + 1);
  if (fd >= 0) close(fd);
  return up;
}

/* What the worker sees of our environment: nothing that changes how memory or mathematics behave (MALLOC_PERTURB_,
 * LD_PRELOAD of a profiler). */
static char **worker_environment(char *out[8]) {
  static const char *const kept[] = {"LD_LIBRARY_PATH="};
  unsigned n = 0;
  for (char **e = environ; *e; e++)
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
      if (!strncmp(*e, kept[i], strlen(kept[i])) && n < 7) out[n++] = *e;
  out[n] = NULL;
  return out;
}

static int spawn(struct batch *b, int reply_end) {
  posix_spawn_file_actions_t fa;
  posix_spawnattr_t at;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawn_file_actions_init(&fa);
  posix_spawnattr_init(&at);
  posix_spawn_file_actions_adddup2(&fa, b->file, JOB_FD);
  posix_spawn_file_actions_adddup2(&fa, reply_end, REPLY_FD);
  posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&at, &none);
  posix_spawnattr_setsigdefault(&at, &all);
  char *argv[] = {b->cpu->worker, NULL}, *env[8];
  int rc = posix_spawn(&b->pid, b->cpu->worker, &fa, &at, argv, worker_environment(env));
  posix_spawn_file_actions_destroy(&fa);
  posix_spawnattr_destroy(&at);
  return rc;
}

static bool start(struct batch *b) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) return snprintf(b->why, 256, "no pipe: %s", strerror(errno)), false;
  int write_end = move_up(ends[1]);
  b->pipe = ends[0];
  b->file = move_up(b->file);
  int rc = write_end < 0 || b->file < 0 ? errno : spawn(b, write_end);
  if (write_end >= 0) close(write_end);
  if (rc) {
    b->pid = 0;
    snprintf(b->why, 256, "cannot start %s: %s", b->cpu->worker, strerror(rc));
  }
  return !rc;
}

/* The next message. 1: got it, 0: the worker is gone, -1: deadline passed. */
static int next_reply(struct batch *b, struct reply *r, double deadline) {
  size_t have = 0;
  while (have < sizeof *r) {
    double left = deadline - now();
    struct pollfd pf = {.fd = b->pipe, .events = POLLIN};
    int rc = left <= 0 ? 0 : poll(&pf, 1, left > 1e6 ? -1 : (int)(left * 1e3) + 1);
    if (rc < 0 && errno == EINTR) continue;
    if (rc == 0) return -1;
    ssize_t n = read(b->pipe, (char *)r + have, sizeof *r - have);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    have += (size_t)n;
  }
  r->text[sizeof r->text - 1] = r->kind == REPLY_ROUND ? r->text[sizeof r->text - 1] : 0;
  return 1;
}

/* Ends the process group and reaps; returns the wait status. */
static int finish(struct batch *b, bool by_force) {
  int status = 0;
  if (!b->pid) return 0;
  if (by_force) kill(-b->pid, SIGKILL);
  while (waitpid(b->pid, &status, 0) < 0 && errno == EINTR) continue;
  kill(-b->pid, SIGKILL); /* what it may have forked */
  b->pid = 0;
  return status;
}

static void release(struct batch *b) {
  finish(b, true);
  if (b->job) munmap(b->job, b->size);
  if (b->file >= 0) close(b->file);
  if (b->pipe >= 0) close(b->pipe);
}

/* Verdicts
 * --------------------------------------------------------------------------------------------------------------------------------
 */

static void say(struct batch *b, const char *text) {
  if (!b->why[0]) snprintf(b->why, 256, "%.255s", text);
}

/* The pipe closed early: what happened? */
static enum trial_status post_mortem(struct batch *b) {
  int status = finish(b, false);
  char text[128];
  if (WIFSIGNALED(status)) {
    int sig = WTERMSIG(status);
    snprintf(text, sizeof text, "%s", strsignal(sig));
    say(b, sig == SIGKILL ? "killed by the system, for its memory presumably" : text);
    return sig == SIGKILL ? TRIAL_OOM : sig == SIGXCPU ? TRIAL_TIMEOUT : TRIAL_CRASH;
  }
  snprintf(text, sizeof text, "the kernel ended the process (exit status %d)", WEXITSTATUS(status));
  say(b, text);
  return TRIAL_CRASH;
}

static enum trial_status verdict(struct batch *b, const struct reply *r) {
  say(b, r->text);
  switch (r->kind) {
  case REPLY_LOAD:
    return TRIAL_COMPILE;
  case REPLY_WRONG:
    return TRIAL_WRONG;
  case REPLY_OOM:
  case REPLY_SETUP:
    return TRIAL_OOM;
  default:
    return TRIAL_CRASH;
  }
}

/* How long one call may take: what the caller said, less once a candidate for this problem has shown how long it needs.
 */
static double patience_for(const struct cpu *cpu, const struct problem *p) {
  double s = PATIENCE * cpu->quickest_s;
  if (cpu->m.patient || cpu->known != p->k || !(cpu->quickest_s > 0)) return cpu->timeout_s;
  if (s < LEAST_PATIENCE_S) s = LEAST_PATIENCE_S;
  return s < cpu->timeout_s ? s : cpu->timeout_s;
}

static void learn_duration(struct cpu *cpu, const struct problem *p, double s) {
  if (cpu->known == p->k && s >= cpu->quickest_s) return;
  cpu->known = p->k;
  cpu->quickest_s = s;
}

/* Reads messages until REPLY_END. on_round gets the samples; each message (each call or sample) may take `patience`
 * seconds. */
static enum trial_status follow(struct batch *b, double patience, void (*on_round)(void *, const double *), void *ctx,
                                unsigned *culprit) {
  struct reply r;
  double grace = START_S, begun = 0, quickest = 0;
  for (;;) {
    int rc = next_reply(b, &r, now() + patience + grace);
    if (rc <= 0 && culprit) *culprit = b->job->current;
    if (rc == 0) return post_mortem(b);
    if (rc < 0) {
      finish(b, true);
      snprintf(b->why, 256, "no result after %.3g s", patience);
      return TRIAL_TIMEOUT;
    }
    grace = 0;
    switch (r.kind) {
    case REPLY_BEAT:
      begun = now();
      break;
    case REPLY_DONE: /* with filling and copying of buffers: more than the call alone */
      if (quickest == 0 || now() - begun < quickest) quickest = now() - begun;
      begun = now();
      break;
    case REPLY_ROUND:
      if (on_round) on_round(ctx, r.seconds);
      break;
    case REPLY_END:
      finish(b, false);
      if (quickest > 0) learn_duration(b->cpu, b->p, quickest);
      return TRIAL_OK;
    default:
      if (culprit) *culprit = r.candidate;
      enum trial_status ts = verdict(b, &r);
      finish(b, true);
      return ts;
    }
  }
}

static enum trial_status go(struct batch *b, struct job *header, const struct candidate *c, unsigned n, double patience,
                            void (*on_round)(void *, const double *), void *ctx, unsigned *culprit) {
  b->file = b->pipe = -1;
  b->why[0] = 0;
  if (!make_job(b, header, c, n) || !start(b)) return TRIAL_OOM;
  return follow(b, patience, on_round, ctx, culprit);
}

/* Interface
 * -------------------------------------------------------------------------------------------------------------------------------
 */

/* Copies the results out. The two placements must agree: else the kernel read memory that is not its own, or raced with
 * itself. */
static enum trial_status collect(struct batch *b, struct args *out) {
  const struct job *j = b->job;
  for (unsigned i = 0; i < b->p->k->nparam; i++) {
    const struct job_arg *a = &j->arg[i];
    if (a->is_value || !a->writes || !a->bytes) continue;
    const uint8_t *first = (const uint8_t *)j + a->result;
    if (memcmp(first, first + a->bytes, a->bytes)) {
      snprintf(b->why, 256, "'%s' differs between two runs with buffers at other places", b->p->k->param[i].name);
      return TRIAL_WRONG;
    }
    memcpy(out->data[i], first, a->bytes);
  }
  return TRIAL_OK;
}

static enum trial_status cpu_run_once(struct measure *m, const struct candidate *c, const struct problem *p,
                                      struct args *out, char why[256]) {
  struct cpu *cpu = (struct cpu *)m;
  struct batch b = {.cpu = cpu, .p = p, .why = why};
  struct job *header = calloc(1, sizeof *header);
  enum trial_status ts = TRIAL_OOM;
  if (header) {
    header->command = JOB_RUN;
    header->cpu_s = (uint64_t)ceil(2 * (cpu->timeout_s + START_S)) * (p->threads ? p->threads : 1);
    ts = go(&b, header, c, 1, patience_for(cpu, p), NULL, NULL, NULL);
    if (ts == TRIAL_OK) ts = collect(&b, out);
    release(&b);
  }
  free(header);
  return ts;
}

struct rounds {
  struct samples *out;
  unsigned n, max;
};

static void keep_round(void *ctx, const double *s) {
  struct rounds *r = ctx;
  for (unsigned i = 0; i < r->n; i++)
    if (s[i] >= 0 && r->out[i].n < r->max) r->out[i].s[r->out[i].n++] = s[i];
}

static bool rounds_open(struct rounds *r) {
  memset(r->out, 0, r->n * sizeof *r->out);
  for (unsigned i = 0; i < r->n; i++)
    if (!(r->out[i].s = calloc(r->max + 1, sizeof(double)))) return false;
  return true;
}

static enum trial_status cpu_time(struct measure *m, const struct candidate *c, unsigned n, const struct problem *p,
                                  unsigned rounds, double stop_ratio, struct samples *out, unsigned *culprit,
                                  char why[256]) {
  struct cpu *cpu = (struct cpu *)m;
  struct batch b = {.cpu = cpu, .p = p, .why = why};
  struct rounds r = {out, n, rounds};
  struct job *header = calloc(1, sizeof *header);
  enum trial_status ts = TRIAL_OOM;
  if (header && rounds_open(&r)) {
    header->command = JOB_TIME;
    header->rounds = rounds;
    header->stop_ratio = stop_ratio;
    ts = go(&b, header, c, n, patience_for(cpu, p), keep_round, &r, culprit);
    release(&b);
  }
  free(header);
  return ts;
}

static void cpu_close(struct measure *m) {
  struct cpu *cpu = (struct cpu *)m;
  free(cpu->worker);
  free(cpu);
}

struct measure *measure_cpu_open(const char *worker_path, double timeout_s) {
  if (!worker_path || access(worker_path, X_OK)) return NULL;
  struct cpu *cpu = calloc(1, sizeof *cpu);
  char *path = strdup(worker_path);
  if (!cpu || !path) {
    free(cpu);
    free(path);
    return NULL;
  }
  *cpu = (struct cpu){.m = {.name = "cpu", .run_once = cpu_run_once, .time = cpu_time, .close = cpu_close},
                      .worker = path,
                      .timeout_s = timeout_s > 0 ? timeout_s : 10,
                      .seed = 0x6a09e667};
  return &cpu->m;
}
