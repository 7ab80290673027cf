/* The thread pool behind hone_rt_parallel.

   A region is handed over through one 64-bit word, `ticket` = epoch << 32 | chunks not yet taken. Publishing a region
   stores a new epoch; taking a chunk is a compare-and-swap that counts down. Because epoch and count change together, a
   thread that comes late can never take a chunk of a region whose description it read before: its swap fails. So the
   caller waits only for chunks that somebody really took, never for a thread that still sleeps, and a region that is
   too small to share costs what the caller alone costs.

   Idle threads spin on the ticket for some milliseconds, then sleep on a futex: waking a sleeping thread costs 40..100
   us, a spinning one 0.5 us. The pool serves one region at a time; a second application thread that calls meanwhile
   runs its region by itself (it has a core already). After fork() the child has no pool threads; the state is reset
   there and the pool starts anew when needed. */
#include "runtime/hone_rt.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_THREADS = 1024,
  CHUNKS_PER_THREAD = 4, /* evens out threads of unequal speed */
  IDLE_SPIN_US = 4000,   /* how long an idle thread stays awake */
  JOIN_SPIN_US = 200,    /* how long the caller spins for the last chunk */
  CROWDED_SPIN_US = 20,  /* both, when there are more threads than CPUs */
  PAUSES_PER_LOOK = 64   /* spins between two looks at the clock */
};

static struct {
  _Alignas(128) _Atomic uint64_t ticket;
  _Alignas(128) _Atomic uint32_t undone; /* chunks not finished; futex word of a sleeping caller */
  _Atomic uint32_t caller_sleeps;
  _Alignas(128) _Atomic uint32_t wake; /* futex word of sleeping threads */
  _Atomic uint32_t sleepers;
  _Atomic uint32_t quit;
  _Atomic int caller_cpu; /* where the last region was published */
  /* The region; written only while no chunk is left, read between two looks at the ticket. */
  _Alignas(128) _Atomic(hone_rt_body *) body;
  _Atomic(void *) ctx;
  _Atomic int64_t n;
  _Atomic uint32_t chunks;
  _Atomic uint32_t active;  /* threads that may help, without the caller */
  _Atomic uint32_t spin_us; /* for idle threads */
  _Alignas(128) atomic_flag busy;
  _Atomic int wanted;   /* threads asked for; 0: not yet known */
  pthread_mutex_t lock; /* of what follows */
  uint32_t nworker;
  bool exhausted; /* the system refused a thread: do not ask again */
  bool prepared;  /* fork handlers are set */
  pthread_t worker[MAX_THREADS];
} pool = {.busy = ATOMIC_FLAG_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static _Atomic(hone_rt_run_fn *) hook;
static _Atomic(void *) hook_pool;
static _Thread_local bool inside; /* this thread runs a body: nested regions are serial */

static void futex_wait(_Atomic uint32_t *word, uint32_t while_equal) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, while_equal, NULL, NULL, 0);
}
static void futex_wake(_Atomic uint32_t *word, int n) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* CPUs that this process may run on, at least 1. The mask grows until the kernel's fits. */
static int allowed_cpus(void) {
  for (int cpus = 1024; cpus <= 1 << 18; cpus *= 4) {
    cpu_set_t *set = CPU_ALLOC(cpus);
    if (!set) break;
    size_t size = CPU_ALLOC_SIZE(cpus);
    int rc = sched_getaffinity(0, size, set), err = errno;
    int count = rc == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (rc == 0) return count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : count;
    if (err != EINVAL) break;
  }
  return 1;
}

/* $HONE_NUM_THREADS when it is a whole number in range, else the CPUs. */
static int default_threads(void) {
  const char *s = getenv("HONE_NUM_THREADS");
  if (s && *s >= '0' && *s <= '9') {
    char *end;
    errno = 0;
    long v = strtol(s, &end, 10);
    if (!errno && !*end && v >= 1 && v <= MAX_THREADS) return (int)v;
  }
  return allowed_cpus();
}

int hone_rt_num_threads(void) {
  int n = atomic_load_explicit(&pool.wanted, memory_order_relaxed);
  if (n > 0) return n;
  n = default_threads();
  atomic_store_explicit(&pool.wanted, n, memory_order_relaxed);
  return n;
}

void hone_rt_set_num_threads(int n) {
  if (n < 1) n = default_threads();
  atomic_store_explicit(&pool.wanted, n > MAX_THREADS ? MAX_THREADS : n, memory_order_relaxed);
}

void hone_rt_set_pool(hone_rt_run_fn *run, void *p) {
  atomic_store(&hook, NULL); /* no caller may see the new function with the old pool */
  atomic_store(&hook_pool, p);
  atomic_store(&hook, run);
}

/* Runs chunk c of a region of n iterations cut in `chunks` nearly equal parts. */
static void run_chunk(hone_rt_body *body, void *ctx, int64_t n, uint32_t chunks, uint32_t c) {
  int64_t q = n / chunks, r = n % chunks;
  int64_t first = q * c + (c < r ? c : r);
  body(ctx, first, first + q + (c < r));
}

static void chunk_done(void) {
  if (atomic_fetch_sub(&pool.undone, 1) == 1 && atomic_load(&pool.caller_sleeps)) futex_wake(&pool.undone, 1);
}

/* Takes and runs chunks of region `epoch` until none is left. index: of a helper, or UINT32_MAX for the caller. */
static void help(uint32_t epoch, uint32_t index) {
  uint64_t t = atomic_load_explicit(&pool.ticket, memory_order_acquire);
  while ((uint32_t)(t >> 32) == epoch && (uint32_t)t) {
    hone_rt_body *body = atomic_load_explicit(&pool.body, memory_order_relaxed);
    void *ctx = atomic_load_explicit(&pool.ctx, memory_order_relaxed);
    int64_t n = atomic_load_explicit(&pool.n, memory_order_relaxed);
    uint32_t chunks = atomic_load_explicit(&pool.chunks, memory_order_relaxed);
    if (index != UINT32_MAX && index >= atomic_load_explicit(&pool.active, memory_order_relaxed)) return;
    if (!atomic_compare_exchange_weak_explicit(&pool.ticket, &t, t - 1, memory_order_acq_rel, memory_order_acquire))
      continue;
    run_chunk(body, ctx, n, chunks, (uint32_t)t - 1);
    chunk_done();
    t = atomic_load_explicit(&pool.ticket, memory_order_acquire);
  }
}

static bool has_news(uint32_t seen) {
  return (uint32_t)(atomic_load(&pool.ticket) >> 32) != seen || atomic_load_explicit(&pool.quit, memory_order_acquire);
}

static void idle_sleep(uint32_t seen) {
  uint32_t w = atomic_load(&pool.wake);
  atomic_fetch_add(&pool.sleepers, 1); /* before the last look: the publisher looks at it after it stored the ticket */
  if (!has_news(seen)) futex_wait(&pool.wake, w);
  atomic_fetch_sub(&pool.sleepers, 1);
}

/* A thread that was woken where the caller runs would take a chunk and then wait for the caller's time slice to end,
   and the caller for it. It moves to another CPU that it may use, if there is one; the mask is as before afterwards. */
static void leave_caller(void) {
  cpu_set_t may, others;
  int here = sched_getcpu();
  if (here < 0 || here >= CPU_SETSIZE || here != atomic_load_explicit(&pool.caller_cpu, memory_order_relaxed)) return;
  if (sched_getaffinity(0, sizeof may, &may) || !CPU_ISSET(here, &may) || CPU_COUNT(&may) < 2) return;
  others = may;
  CPU_CLR(here, &others);
  if (sched_setaffinity(0, sizeof others, &others) == 0) sched_setaffinity(0, sizeof may, &may);
}

/* Waits until the epoch is another one than `seen`, or the pool ends. */
static void wait_for_news(uint32_t seen) {
  int64_t deadline = now_us() + atomic_load_explicit(&pool.spin_us, memory_order_relaxed);
  for (;;) {
    for (int i = 0; i < PAUSES_PER_LOOK; i++) {
      if (has_news(seen)) return;
      relax();
    }
    if (now_us() >= deadline) {
      while (!has_news(seen)) idle_sleep(seen);
      leave_caller();
      return;
    }
  }
}

static void *worker_main(void *arg) {
  uint32_t index = (uint32_t)(uintptr_t)arg, seen = 0;
  inside = true;
  while (!atomic_load_explicit(&pool.quit, memory_order_acquire)) {
    uint32_t epoch = (uint32_t)(atomic_load_explicit(&pool.ticket, memory_order_acquire) >> 32);
    if (epoch != seen) help(epoch, index);
    seen = epoch;
    wait_for_news(seen);
  }
  return NULL;
}

static void fork_prepare(void) {
  pthread_mutex_lock(&pool.lock);
}
static void fork_parent(void) {
  pthread_mutex_unlock(&pool.lock);
}
/* Only the forking thread exists in the child: forget the others and whatever region they were in. */
static void fork_child(void) {
  pthread_mutex_init(&pool.lock, NULL);
  pool.nworker = 0;
  pool.exhausted = false;
  atomic_store(&pool.sleepers, 0);
  atomic_store(&pool.quit, 0);
  atomic_store(&pool.undone, 0);
  atomic_store(&pool.ticket, atomic_load(&pool.ticket) & ~(uint64_t)UINT32_MAX);
  atomic_flag_clear(&pool.busy);
}

static bool start_one(uint32_t index) {
  sigset_t all, old;
  sigfillset(&all); /* the application's handlers run in the application's threads */
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int rc = pthread_create(&pool.worker[index], NULL, worker_main, (void *)(uintptr_t)index);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return rc == 0;
}

/* Brings the pool up to n helpers; returns how many there are (fewer when the system refuses). Caller holds `busy`. */
static uint32_t start_workers(uint32_t n) {
  if (pool.nworker >= n || pool.exhausted) return pool.nworker < n ? pool.nworker : n;
  pthread_mutex_lock(&pool.lock);
  if (!pool.prepared) pool.prepared = pthread_atfork(fork_prepare, fork_parent, fork_child) == 0;
  atomic_store(&pool.spin_us, (int)n + 1 > allowed_cpus() ? CROWDED_SPIN_US : IDLE_SPIN_US);
  while (pool.nworker < n && !pool.exhausted) {
    if (start_one(pool.nworker))
      pool.nworker++;
    else
      pool.exhausted = true;
  }
  uint32_t have = pool.nworker;
  pthread_mutex_unlock(&pool.lock);
  return have;
}

static uint32_t publish(int64_t n, uint32_t chunks, uint32_t helpers, hone_rt_body *body, void *ctx) {
  atomic_store_explicit(&pool.body, body, memory_order_relaxed);
  atomic_store_explicit(&pool.ctx, ctx, memory_order_relaxed);
  atomic_store_explicit(&pool.n, n, memory_order_relaxed);
  atomic_store_explicit(&pool.chunks, chunks, memory_order_relaxed);
  atomic_store_explicit(&pool.active, helpers, memory_order_relaxed);
  atomic_store_explicit(&pool.undone, chunks, memory_order_relaxed);
  uint32_t epoch = (uint32_t)(atomic_load_explicit(&pool.ticket, memory_order_relaxed) >> 32) + 1;
  if (!epoch) epoch = 1; /* 0 means "none seen" to a new thread */
  atomic_store(&pool.ticket, (uint64_t)epoch << 32 | chunks);
  if (atomic_load(&pool.sleepers)) {
    atomic_store_explicit(&pool.caller_cpu, sched_getcpu(), memory_order_relaxed);
    atomic_fetch_add(&pool.wake, 1);
    futex_wake(&pool.wake, INT_MAX);
  }
  return epoch;
}

/* Until every chunk that somebody took is finished. */
static void join(void) {
  int64_t deadline = 0;
  for (int i = 1; atomic_load_explicit(&pool.undone, memory_order_acquire); i++) {
    relax();
    if (i % PAUSES_PER_LOOK) continue;
    int64_t t = now_us();
    uint32_t idle = atomic_load_explicit(&pool.spin_us, memory_order_relaxed);
    if (!deadline) deadline = t + (idle < JOIN_SPIN_US ? idle : JOIN_SPIN_US);
    if (t < deadline) continue;
    atomic_store(&pool.caller_sleeps, 1);
    uint32_t left = atomic_load(&pool.undone);
    if (left) futex_wait(&pool.undone, left);
    atomic_store(&pool.caller_sleeps, 0);
  }
}

static uint32_t count_chunks(int64_t n, int64_t grain, uint32_t threads) {
  int64_t parts = n / (grain < 1 ? 1 : grain), most = (int64_t)threads * CHUNKS_PER_THREAD;
  return (uint32_t)(parts < most ? parts : most);
}

struct wrapped {
  hone_rt_body *body;
  void *ctx;
};
static void run_wrapped(void *ctx, int64_t first, int64_t last) {
  const struct wrapped *w = ctx;
  bool was = inside;
  inside = true;
  w->body(w->ctx, first, last);
  inside = was;
}

void hone_rt_parallel(int64_t n, int64_t grain, hone_rt_body *body, void *ctx) {
  if (n <= 0) return;
  hone_rt_run_fn *run = inside ? NULL : atomic_load_explicit(&hook, memory_order_acquire);
  if (run) {
    struct wrapped w = {body, ctx};
    run(atomic_load(&hook_pool), n, grain, run_wrapped, &w);
    return;
  }
  uint32_t threads = inside ? 1 : (uint32_t)hone_rt_num_threads();
  uint32_t chunks = threads > 1 ? count_chunks(n, grain, threads) : 1;
  if (chunks < 2 || atomic_flag_test_and_set_explicit(&pool.busy, memory_order_acquire)) {
    body(ctx, 0, n);
    return;
  }
  inside = true;
  uint32_t helpers = start_workers(threads - 1);
  if (helpers) {
    help(publish(n, chunks, helpers, body, ctx), UINT32_MAX);
    join();
  } else {
    body(ctx, 0, n);
  }
  inside = false;
  atomic_flag_clear_explicit(&pool.busy, memory_order_release);
}

/* Caller holds `busy`, so no region runs. */
static void stop_workers(void) {
  pthread_mutex_lock(&pool.lock);
  atomic_store(&pool.quit, 1);
  atomic_fetch_add(&pool.wake, 1);
  futex_wake(&pool.wake, INT_MAX);
  for (uint32_t i = 0; i < pool.nworker; i++) pthread_join(pool.worker[i], NULL);
  pool.nworker = 0;
  pool.exhausted = false;
  atomic_store(&pool.quit, 0);
  pthread_mutex_unlock(&pool.lock);
}

void hone_rt_shutdown(void) {
  if (inside) return; /* from a body: its own thread cannot be waited for */
  while (atomic_flag_test_and_set_explicit(&pool.busy, memory_order_acquire)) sched_yield();
  stop_workers();
  atomic_flag_clear_explicit(&pool.busy, memory_order_release);
}

/* At exit, and before a shared object that holds this code is unmapped. A region still running is left alone. */
__attribute__((destructor)) static void at_exit(void) {
  if (inside || atomic_flag_test_and_set_explicit(&pool.busy, memory_order_acquire)) return;
  stop_workers();
  atomic_flag_clear_explicit(&pool.busy, memory_order_release);
}
