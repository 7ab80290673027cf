/* Measuring in worker processes (runtime/worker.c): on this machine's CPU one per batch, on a GPU one that stays until
 * something goes wrong; a memory file both map, verdicts by what arrives and how the process ends. */
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static const double START_S = 10; /* for the worker to come up on a busy machine */
static const double SAMPLE_S = 200e-6;
static const double PATIENCE = 20, LEAST_PATIENCE_S = 2; /* times the quickest run so far; and on a busy machine */
#define RESULT_BYTES      ((uint64_t)256 << 20)
#define SPARE_MEMORY      ((uint64_t)1 << 30)
#define STACKS_PER_THREAD ((uint64_t)80 << 20) /* stack and malloc arena: address space, hardly memory */

struct cpu {
  struct measure m;
  char *worker;
  double timeout_s;
  struct job_device device;
  pid_t idle; /* a worker that waits for its next job, 0: none; and its socket */
  int idle_pipe;
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

static void value_arg(const struct batch *b, struct job_arg *a, const struct param *p, unsigned i) {
  const struct args *args = &b->p->args;
  bool wide = b->cpu->device.kind != JOB_HOST && p->kind == PARAM_DIM;
  union value v = args->scalar ? args->scalar[i] : (union value){.i = 0};
  if (p->kind == PARAM_DIM) v.i = args->dim[i];
  a->is_value = 1;
  type_store(wide ? DT_i64 : (enum dtype)p->type, a->value, v);
}

static bool memory_arg(struct batch *b, struct job_arg *a, unsigned t, uint64_t results, uint64_t *at) {
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
  if (a->writes && results) a->result = reserve(at, results * a->bytes);
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
      value_arg(b, &j->arg[i], &k->param[i], i);
    else if (!memory_arg(b, &j->arg[i], k->param[i].ref, j->command == JOB_RUN ? n : 0, &at))
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
  header->device = b->cpu->device;
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
static char **worker_environment(char *out[16]) {
  static const char *const kept[] = {"LD_LIBRARY_PATH=", "CUDA_", "NVIDIA_"};
  unsigned n = 0;
  for (char **e = environ; *e; e++)
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
      if (!strncmp(*e, kept[i], strlen(kept[i])) && n < 15) out[n++] = *e;
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
  char *argv[] = {b->cpu->worker, NULL}, *env[16];
  int rc = posix_spawn(&b->pid, b->cpu->worker, &fa, &at, argv, worker_environment(env));
  posix_spawn_file_actions_destroy(&fa);
  posix_spawnattr_destroy(&at);
  return rc;
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

/* Hands the job to a worker that waits for one. */
static bool resume(struct batch *b) {
  char byte = 0;
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
  } control = {0};
  struct iovec io = {&byte, 1};
  struct msghdr m = {
      .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
  control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&control.head), &b->file, sizeof b->file);
  b->pid = b->cpu->idle;
  b->pipe = b->cpu->idle_pipe;
  b->cpu->idle = 0;
  return sendmsg(b->pipe, &m, MSG_NOSIGNAL) == 1;
}

static bool start(struct batch *b) {
  int ends[2];
  if (b->cpu->idle) {
    if (resume(b)) return true;
    finish(b, true);
    close(b->pipe);
  }
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
    return snprintf(b->why, 256, "no pipe: %s", strerror(errno)), false;
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
  r->text[sizeof r->text - 1] =
      r->kind == REPLY_ROUND || r->kind == REPLY_DONE || r->kind == REPLY_DIFFER ? r->text[sizeof r->text - 1] : 0;
  return 1;
}

/* The worker did its job and waits for another. */
static void keep_worker(struct batch *b) {
  b->cpu->idle = b->pid;
  b->cpu->idle_pipe = b->pipe;
  b->pid = 0;
  b->pipe = -1;
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
  const struct kernel *k = b->p->k;
  unsigned arg =
      r->kind == REPLY_DIFFER && r->seconds[0] >= 0 && r->seconds[0] < k->nparam ? (unsigned)r->seconds[0] : 0;
  char text[128];
  snprintf(text, sizeof text, "'%.60s' differs between two runs with buffers at other places",
           k->nparam ? k->param[arg].name : "");
  say(b, r->kind == REPLY_DIFFER ? text : r->text);
  switch (r->kind) {
  case REPLY_LOAD:
    return TRIAL_COMPILE;
  case REPLY_WRONG:
  case REPLY_DIFFER:
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

/* Reads messages until REPLY_END. on_reply gets results and rounds; each message (each call or sample) may take
 * `patience` seconds. */
static enum trial_status follow(struct batch *b, double patience, void (*on_reply)(void *, const struct reply *),
                                void *ctx, unsigned *culprit) {
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
      on_reply(ctx, &r);
      break;
    case REPLY_ROUND:
      on_reply(ctx, &r);
      break;
    case REPLY_COUNTS:
      on_reply(ctx, &r);
      break;
    case REPLY_NOTE:
      snprintf(b->cpu->m.note, sizeof b->cpu->m.note, "%.255s", r.text);
      break;
    case REPLY_END:
      if (b->cpu->device.kind == JOB_HOST)
        finish(b, false);
      else
        keep_worker(b);
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
                            void (*on_reply)(void *, const struct reply *), void *ctx, unsigned *culprit) {
  b->file = b->pipe = -1;
  b->why[0] = 0;
  if (!make_job(b, header, c, n) || !start(b)) return TRIAL_OOM;
  return follow(b, patience, on_reply, ctx, culprit);
}

/* Interface
 * -------------------------------------------------------------------------------------------------------------------------------
 */

/* Results of candidate i where the worker left them. */
static struct args results_of(const struct batch *b, unsigned i, void **data) {
  struct args got = b->p->args;
  for (unsigned n = 0; n < b->p->k->nparam; n++) {
    const struct job_arg *a = &b->job->arg[n];
    data[n] = got.data[n];
    if (!a->is_value && a->writes) data[n] = (uint8_t *)b->job + a->result + i * a->bytes;
  }
  got.data = data;
  return got;
}

struct runs {
  struct run *out;
  unsigned n;
  unsigned *placements; /* [n] that ran */
  bool *complete;       /* [n] none is left */
};

static void keep_run(void *ctx, const struct reply *r) {
  struct runs *x = ctx;
  if (r->candidate >= x->n) return;
  if (r->kind == REPLY_COUNTS) {
    x->out[r->candidate].counted = true;
    x->out[r->candidate].counts = r->counts;
    return;
  }
  unsigned before = x->placements[r->candidate]++;
  double *s = &x->out[r->candidate].seconds;
  x->out[r->candidate].load_s = r->seconds[1];
  x->complete[r->candidate] = r->seconds[2] == 0;
  if (!before || r->seconds[0] < *s) *s = r->seconds[0];
}

/* Candidates of one worker. Those that ran are handed to `result`; when one failed, it has its verdict and those
 * without one are to be run again: true. */
static bool run_together(struct cpu *cpu, const struct candidate *c, unsigned n, const struct problem *p,
                         double give_up_s, struct run *out, bool *done, run_result *result, void *ctx) {
  struct candidate left[JOB_CANDIDATES];
  struct run got[JOB_CANDIDATES] = {0};
  bool complete[JOB_CANDIDATES] = {false};
  unsigned map[JOB_CANDIDATES], placements[JOB_CANDIDATES] = {0}, m = 0, culprit = 0;
  for (unsigned i = 0; i < n; i++)
    if (!done[i]) {
      map[m] = i;
      left[m++] = c[i];
    }
  char why[256] = "";
  struct batch b = {.cpu = cpu, .p = p, .why = why};
  struct job *header = m ? xmalloc(sizeof *header) : NULL;
  if (!m) return false;
  struct runs runs = {got, m, placements, complete};
  header->command = JOB_RUN;
  header->give_up_s = give_up_s;
  header->cpu_s = (uint64_t)ceil(2 * m * (cpu->timeout_s + START_S)) * (p->threads ? p->threads : 1);
  enum trial_status ts = go(&b, header, left, m, patience_for(cpu, p), keep_run, &runs, &culprit);
  void **data = xmalloc((p->k->nparam + 1) * sizeof *data);
  for (unsigned i = 0; i < m && b.job; i++)
    if (complete[i]) {
      struct args args = results_of(&b, i, data);
      done[map[i]] = true;
      out[map[i]] = got[i];
      result(ctx, map[i], &args);
    }
  if (ts != TRIAL_OK) {
    unsigned at = map[culprit < m ? culprit : m - 1];
    done[at] = true;
    out[at].status = ts;
    memcpy(out[at].why, why, sizeof why);
  }
  free(data);
  free(header);
  release(&b);
  return ts != TRIAL_OK;
}

/* How many candidates' results a job may hold. */
static unsigned most_together(const struct problem *p) {
  uint64_t bytes = 1;
  for (unsigned i = 0; i < p->k->nparam; i++) {
    int64_t n = 0;
    if (p->k->param[i].kind != PARAM_TENSOR) continue;
    const struct tensor *t = &p->k->tensor[p->k->param[i].ref];
    if (t->role != ROLE_IN && tensor_span(p->k, p->k->param[i].ref, &p->args, INT64_MAX / 64, &n))
      bytes += (uint64_t)n * type_size((enum dtype)t->type);
  }
  uint64_t most = RESULT_BYTES / bytes;
  return most < 1 ? 1 : most > JOB_CANDIDATES ? JOB_CANDIDATES : (unsigned)most;
}

struct part {
  run_result *fn;
  void *ctx;
  unsigned first;
};
static void part_result(void *ctx, unsigned i, const struct args *got) {
  const struct part *x = ctx;
  x->fn(x->ctx, x->first + i, got);
}

static void cpu_run(struct measure *m, const struct candidate *c, unsigned n, const struct problem *p, double give_up_s,
                    struct run *out, run_result *result, void *ctx) {
  unsigned most = most_together(p);
  memset(out, 0, n * sizeof *out);
  for (unsigned first = 0; first < n; first += most) {
    unsigned count = n - first < most ? n - first : most;
    bool done[JOB_CANDIDATES] = {false};
    struct part part = {result, ctx, first};
    while (run_together((struct cpu *)m, c + first, count, p, give_up_s, out + first, done, part_result, &part))
      continue;
  }
}

struct rounds {
  struct samples *out;
  unsigned n, max;
};

static void keep_round(void *ctx, const struct reply *reply) {
  struct rounds *r = ctx;
  if (reply->kind != REPLY_ROUND) return;
  const double *s = reply->seconds;
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
  struct batch last = {.cpu = cpu, .pid = cpu->idle, .file = -1, .pipe = cpu->idle ? cpu->idle_pipe : -1};
  release(&last);
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
  *cpu = (struct cpu){.m = {.name = "cpu", .run = cpu_run, .time = cpu_time, .close = cpu_close},
                      .worker = path,
                      .timeout_s = timeout_s > 0 ? timeout_s : 10,
                      .seed = 0x6a09e667};
  return &cpu->m;
}

struct measure *measure_gpu_open(const char *worker_path, double timeout_s, const struct job_device *device) {
  struct measure *m = measure_cpu_open(worker_path, timeout_s);
  if (!m) return NULL;
  ((struct cpu *)m)->device = *device;
  m->name = device->kind == JOB_EMU ? "emulator" : "gpu";
  m->modelled = device->kind == JOB_EMU;
  return m;
}
