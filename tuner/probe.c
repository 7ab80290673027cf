/* Asking hone-worker what a device is, so that no driver is loaded into this process. */
#include "tuner/measure.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROBE_MS = 30000 }; /* a driver that wakes its devices takes seconds */

/* It is on standard output when the device is there, on standard error why it is not. */
bool measure_probe(const char *worker, unsigned ordinal, char *text, size_t len) {
  char number[16];
  int ends[2];
  size_t n = 0;
  snprintf(number, sizeof number, "%u", ordinal);
  if (pipe2(ends, O_CLOEXEC)) return false;
  pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    execl(worker, worker, "--probe", number, (char *)NULL);
    _exit(127);
  }
  close(ends[1]);
  struct pollfd p = {.fd = ends[0], .events = POLLIN};
  while (pid > 0 && n + 1 < len && poll(&p, 1, PROBE_MS) > 0) {
    ssize_t got = read(ends[0], text + n, len - 1 - n);
    if (got <= 0) break;
    n += (size_t)got;
  }
  text[n] = '\0';
  close(ends[0]);
  int status = 1;
  if (pid > 0) kill(pid, SIGKILL);
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  char *end = strchr(text, '\n');
  if (end) *end = '\0';
  return end && !strncmp(text, "sm_", 3);
}
