/* Runs libclang in a child process: it crashes on legal-looking input now and then (deep nesting, long chains of
   operators), and a child's end by a signal is just a diagnostic. The child gets limits on time and memory, and sends
   everything at its end. */
#include "compiler/frontend/c_out.h"
#include "compiler/frontend/clang_api.h"
#include "compiler/frontend/spec.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS = 60, MEGABYTES = 4096, MAX_FRAMES = 256 << 20 };

static void limit(int what, rlim_t value) {
  struct rlimit r;
  if (getrlimit(what, &r)) return;
  if (r.rlim_max != RLIM_INFINITY && r.rlim_max < value) value = r.rlim_max;
  r.rlim_cur = value;
  setrlimit(what, &r);
}

static void set_limits(void) {
  limit(RLIMIT_CPU, SECONDS);
  limit(RLIMIT_CORE, 0);
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) /* which reserves terabytes */
  limit(RLIMIT_AS, (rlim_t)MEGABYTES << 20);
#endif
}

static void write_all(int fd, const char *p, size_t n) {
  while (n) {
    ssize_t w = write(fd, p, n);
    if (w < 0 && errno == EINTR) continue;
    if (w <= 0) return;
    p += w;
    n -= (size_t)w;
  }
}

enum { CHILD_OK, CHILD_NO_CLANG, CHILD_NO_MEMORY };

static _Noreturn void child(const struct spec_input *in, int fd) {
  signal(SIGSEGV, SIG_DFL);
  signal(SIGABRT, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  set_limits();
  if (!clang_api_load()) _exit(CHILD_NO_CLANG);
  struct oom_guard g;
  struct cout o = {0};
  if (!OOM_TRY(&g)) _exit(CHILD_NO_MEMORY);
  buf_init(&o.b);
  c_translate(&o, in);
  write_all(fd, o.b.data, o.b.len);
  _exit(CHILD_OK);
}

static long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Everything the child writes, until it closes its end. False: it took too long or wrote too much. */
static bool read_all(int fd, struct buf *out) {
  char part[65536];
  long end = now_ms() + SECONDS * 1000L;
  for (;;) {
    long left = end - now_ms();
    struct pollfd p = {fd, POLLIN, 0};
    if (left <= 0 || out->len > MAX_FRAMES) return false;
    int r = poll(&p, 1, (int)left);
    if (r < 0 && errno == EINTR) continue;
    if (r <= 0) return false;
    ssize_t n = read(fd, part, sizeof part);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0;
    buf_write(out, part, (size_t)n);
  }
}

static int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

static enum status judge(struct diag *d, const struct spec_input *in, int status) {
  struct loc at = {in->file, 0, 0};
  if (WIFSIGNALED(status)) {
    int s = WTERMSIG(status);
    if (s == SIGXCPU || s == SIGKILL)
      diag_error(d, at, "libclang took more than %d seconds for '%s'", SECONDS, in->path);
    else
      diag_error(d, at, "libclang crashed on '%s' (%s)", in->path, strsignal(s));
    return ST_REFUSED;
  }
  switch (WEXITSTATUS(status)) {
  case CHILD_OK:
    return ST_OK;
  case CHILD_NO_CLANG:
    diag_error(d, at, "libclang 17 … 22 not found: install libclang1-22");
    return ST_ENV;
  case CHILD_NO_MEMORY:
    diag_error(d, at, "out of memory while reading '%s'", in->path);
    return ST_NOMEM;
  default:
    diag_error(d, at, "the C frontend's process ended with status %d on '%s'", WEXITSTATUS(status), in->path);
    return ST_INTERNAL;
  }
}

enum status c_child(struct diag *d, const struct spec_input *in, struct buf *frames) {
  struct loc at = {in->file, 0, 0};
  int fd[2];
  if (pipe(fd)) {
    diag_error(d, at, "cannot create a pipe: %s", strerror(errno));
    return ST_ENV;
  }
  pid_t pid = fork();
  if (pid == 0) {
    close(fd[0]);
    child(in, fd[1]);
  }
  close(fd[1]);
  if (pid < 0) {
    close(fd[0]);
    diag_error(d, at, "cannot start a process: %s", strerror(errno));
    return ST_ENV;
  }
  struct oom_guard g;
  bool whole = false, memory = OOM_TRY(&g);
  if (memory) {
    whole = read_all(fd[0], frames);
    oom_leave(&g);
  }
  close(fd[0]);
  if (!whole) kill(pid, SIGKILL);
  int status = wait_for(pid);
  if (!memory) oom_raise();
  return judge(d, in, status);
}
