/* The building process. A process, because LLVM may abort or run away and must not take the tuner with it; one for many
   candidates, because forking the tuner for each costs as much as compiling one (page tables, copies of pages that LLVM
   writes to) and every fork would start with cold caches; beside the tuner, because building and measuring then overlap
   on two cores. It inherits the groups by the fork; schedules come in on one pipe, objects leave on another. It is
   nice: measuring goes first where both want one core. */
#include "tuner/builder.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const double BUILD_SECONDS = 30, WALL_TIMES = 20;
enum { PIPE_BYTES = 1 << 20, NICE = 5 };

struct builder {
  const struct groups *gs;
  const struct target *target;
  struct lower_opts lower;
  const char *ptxas;
  pid_t pid;           /* 0: none */
  int to, from;        /* pipes, -1: none */
  struct sched *queue; /* [BUILDER_QUEUE * gs->n] asked for and not taken, oldest at `first` */
  unsigned first, n;
};
struct answer {
  struct build_result result;
  uint64_t len;
  bool last;
}; /* last: the process ends after it */

static double seconds(clockid_t clock) {
  struct timespec t = {0};
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- in the process --- */

static struct {
  int in, out;
  struct answer answer;
} child;

static bool read_all(int fd, void *p, size_t n) {
  for (char *c = p; n > 0;) {
    ssize_t r = read(fd, c, n);
    if (r < 0 && errno == EINTR) continue;
    if (r <= 0) return false;
    c += r;
    n -= (size_t)r;
  }
  return true;
}

static bool write_all(int fd, const void *p, size_t n) {
  for (const char *c = p; n > 0;) {
    ssize_t w = write(fd, c, n);
    if (w < 0 && errno == EINTR) continue;
    if (w <= 0) return false;
    c += w;
    n -= (size_t)w;
  }
  return true;
}

static void reply(enum trial_status status, const char *why, const struct buf *object) {
  struct answer *x = &child.answer;
  x->result.status = status;
  snprintf(x->result.why, sizeof x->result.why, "%s", why ? why : "");
  x->len = object ? object->len : 0;
  if (!write_all(child.out, x, sizeof *x) || (object && !write_all(child.out, object->data, object->len))) _exit(0);
}

static void fatal(const char *reason) {
  child.answer.last = true;
  reply(TRIAL_COMPILE, reason, NULL);
  _exit(0);
}

static void build(const struct builder *b, const struct sched *s, struct arena *a, struct buf *object) {
  struct build_result *r = &child.answer.result;
  struct lfunc *f = NULL;
  const char *why = "";
  struct emit_times times = {0, 0};
  struct ptxas_result said = {0};
  double start = seconds(CLOCK_THREAD_CPUTIME_ID);
  enum status st = lower_kernel(a, b->gs, s, &b->target->limits, &b->lower, b->gs->k->name, &f, &why);
  r->stage_s[BUILD_LOWER] = seconds(CLOCK_THREAD_CPUTIME_ID) - start;
  if (st == ST_OK) {
    bool plain = f == b->gs->k->source;
    struct emit_entry e = {.k = b->gs->k, .general = plain ? NULL : f, .source = plain ? f : NULL};
    struct emit_opts eo = {.kind = b->target->limits.simt ? EMIT_PACKAGE : EMIT_OBJ,
                           .call_stub = true,
                           .pic = true,
                           .times = &times,
                           .ptxas = b->ptxas,
                           .assembled = &said};
    st = emit_module(a, &e, 1, b->target, &eo, false, object, &why);
  }
  r->stage_s[BUILD_IR] = times.ir;
  r->stage_s[BUILD_OBJECT] = times.object;
  snprintf(r->fault, sizeof r->fault, "%s", said.fault);
  snprintf(r->note, sizeof r->note, "%s", said.note);
  reply(st == ST_OK ? TRIAL_OK : TRIAL_COMPILE, why, st == ST_OK ? object : NULL);
}

static void quiet_signals(void) {
  static const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    signal(ours[i], i == 0 ? SIG_IGN : SIG_DFL); /* Ctrl-C is the tuner's to act on */
}

static _Noreturn void child_main(const struct builder *b, int in, int out, pid_t parent) {
  child.in = in;
  child.out = out;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0); /* it died before the line above */
  quiet_signals();
  if (nice(NICE) == -1) errno = 0;
  mallopt(M_MMAP_THRESHOLD, 64 << 20); /* freed memory stays: the next candidate takes it without page faults */
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  struct oom_guard g;
  if (OOM_TRY(&g)) {
    emit_child_begin(b->target, fatal);
    struct arena *a = arena_new();
    struct sched *s = ARENA_NEW(arena_new(), struct sched, b->gs->n + 1u);
    struct buf object;
    buf_init(&object);
    while (read_all(child.in, s, b->gs->n * sizeof *s)) {
      memset(&child.answer, 0, sizeof child.answer);
      build(b, s, a, &object);
      buf_clear(&object);
      arena_reset(a);
    }
    _exit(0);
  }
  fatal("out of memory");
  _exit(0);
}

/* --- in the tuner --- */

static bool start(struct builder *b) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC)) return false;
  if (pipe2(out, O_CLOEXEC)) {
    close(in[0]), close(in[1]);
    return false;
  }
  (void)fcntl(out[1], F_SETPIPE_SZ, PIPE_BYTES); /* it builds ahead while the tuner measures */
  pid_t parent = getpid();
  b->pid = fork();
  if (b->pid == 0) {
    close(in[1]), close(out[0]);
    child_main(b, in[0], out[1], parent);
  }
  close(in[0]), close(out[1]);
  if (b->pid < 0) {
    b->pid = 0;
    close(in[1]), close(out[0]);
    return false;
  }
  b->to = in[1];
  b->from = out[0];
  return true;
}

/* Ends the process; its wait status. */
static int stop(struct builder *b) {
  int status = 0;
  if (!b->pid) return 0;
  close(b->to);
  close(b->from);
  b->to = b->from = -1;
  kill(b->pid, SIGKILL);
  while (waitpid(b->pid, &status, 0) < 0 && errno == EINTR) continue;
  b->pid = 0;
  return status;
}

static struct sched *queued(const struct builder *b, unsigned i) {
  return &b->queue[(size_t)((b->first + i) % BUILDER_QUEUE) * b->gs->n];
}

static void send(struct builder *b, unsigned i) {
  struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
  sigaction(SIGPIPE, &ignore, &old); /* a process that is gone is noticed when its answer is taken */
  if (b->to >= 0) (void)write_all(b->to, queued(b, i), b->gs->n * sizeof(struct sched));
  sigaction(SIGPIPE, &old, NULL);
}

struct builder *builder_open(const struct groups *gs, const struct target *t, const struct lower_opts *lower,
                             const char *ptxas) {
  struct builder *b = xmalloc(sizeof *b);
  *b = (struct builder){.gs = gs, .target = t, .lower = *lower, .ptxas = ptxas, .to = -1, .from = -1};
  b->queue = xmalloc((size_t)BUILDER_QUEUE * (gs->n + 1u) * sizeof *b->queue);
  if (start(b)) return b;
  int err = errno;
  builder_close(b);
  errno = err;
  return NULL;
}

unsigned builder_waiting(const struct builder *b) {
  return b->n;
}

void builder_ask(struct builder *b, const struct sched *s) {
  memcpy(queued(b, b->n), s, b->gs->n * sizeof *s);
  send(b, b->n++);
}

/* Processor time of the process counts, so that a busy machine, or one that was stopped for a while, is not to blame;
   one that sleeps ends in the end, too. */
struct patience {
  clockid_t clock;
  double cpu, wall; /* deadlines */
};

static struct patience begin_patience(const struct builder *b) {
  struct patience p = {.wall = seconds(CLOCK_MONOTONIC) + WALL_TIMES * BUILD_SECONDS};
  if (!b->pid || clock_getcpuclockid(b->pid, &p.clock)) p.clock = CLOCK_MONOTONIC;
  p.cpu = seconds(p.clock) + BUILD_SECONDS;
  return p;
}

static bool over(const struct patience *p) {
  return seconds(p->clock) > p->cpu || seconds(CLOCK_MONOTONIC) > p->wall;
}

/* Reads until all is there. 1: yes; 0: the process is gone; -1: too late. */
static int receive(struct builder *b, void *p, size_t n, const struct patience *patience) {
  for (char *c = p; n > 0;) {
    struct pollfd pf = {.fd = b->from, .events = POLLIN};
    int rc = poll(&pf, 1, 200);
    if ((rc < 0 && errno == EINTR) || (rc == 0 && !over(patience))) continue;
    if (rc <= 0) return rc == 0 ? -1 : 0;
    ssize_t r = read(b->from, c, n);
    if (r < 0 && errno == EINTR) continue;
    if (r <= 0) return 0;
    c += r;
    n -= (size_t)r;
  }
  return 1;
}

static int take_answer(struct builder *b, struct answer *x, struct buf *object) {
  struct patience patience = begin_patience(b);
  int rc = b->pid ? receive(b, x, sizeof *x, &patience) : 0;
  char block[16384];
  for (uint64_t left = rc == 1 ? x->len : 0; left > 0 && rc == 1;) {
    size_t n = left < sizeof block ? (size_t)left : sizeof block;
    rc = receive(b, block, n, &patience);
    if (rc == 1) buf_write(object, block, n);
    left -= n;
  }
  return rc;
}

/* The process is gone or stuck: what became of the oldest question. */
static void mourn(int rc, int status, struct build_result *r) {
  *r = (struct build_result){.status = TRIAL_COMPILE};
  if (rc < 0)
    snprintf(r->why, sizeof r->why, "code generation took too long");
  else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
    snprintf(r->why, sizeof r->why, "LLVM crashed (%s)", strsignal(WTERMSIG(status)));
  else
    snprintf(r->why, sizeof r->why, "the code generation process failed");
}

struct build_result builder_take(struct builder *b, struct buf *object) {
  struct answer x = {.result = {.status = TRIAL_COMPILE, .why = "nothing was asked for"}};
  if (!b->n) return x.result;
  size_t had = object->len;
  int rc = take_answer(b, &x, object);
  x.result.why[sizeof x.result.why - 1] = 0;
  b->first = (b->first + 1) % BUILDER_QUEUE;
  b->n--;
  if (rc == 1 && !x.last) return x.result;
  int status = stop(b);
  if (rc != 1) {
    mourn(rc, status, &x.result);
    object->len = had;
  }
  if (!start(b)) return x.result;
  for (unsigned i = 0; i < b->n; i++) send(b, i);
  return x.result;
}

void builder_close(struct builder *b) {
  if (!b) return;
  stop(b);
  free(b->queue);
  free(b);
}
