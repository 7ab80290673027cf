/* A peer in a Python process: it maps the row's data, prepares its forms, and then times calls on request over two
   pipes. While it works this process waits, and the other way round, so that rounds interleave as if both were one
   process. */
#include "bench.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct python {
  pid_t pid;
  FILE *to, *from;
};

static void describe(const struct row *r, char *text, size_t size) {
  size_t n = (size_t)snprintf(text, size, "{\"kernel\":\"%s\",\"threads\":%u,\"d\":[", r->kernel, r->threads);
  for (unsigned i = 0; i < r->nd; i++)
    n += (size_t)snprintf(text + n, size - n, "%s%lld", i ? "," : "", (long long)r->d[i]);
  n += (size_t)snprintf(text + n, size - n, "],\"buf\":[");
  static const char *const type[] = {"f32", "f64", "bf16", "i8", "u8", "i32"};
  for (unsigned i = 0; i < r->nbuf; i++)
    n += (size_t)snprintf(text + n, size - n, "%s[\"%s\",%zu,%zu,%s]", i ? "," : "", type[r->buf[i].type], r->buf[i].n,
                          r->buf[i].offset, r->buf[i].out ? "true" : "false");
  snprintf(text + n, size - n, "]}");
}

static pid_t spawn(const char *exe, const char *script, const char *peer, const char *row, const char *data, int in,
                   int out) {
  pid_t pid = fork();
  if (pid) return pid;
  in = fcntl(in, F_DUPFD, 20); /* neither may be the other's place */
  out = fcntl(out, F_DUPFD, 20);
  if (in < 0 || out < 0 || dup2(in, 10) < 0 || dup2(out, 11) < 0) _exit(127);
  close(in);
  close(out);
  dup2(2, 1); /* what a library prints is no answer */
  execlp(exe, exe, script, peer, row, data, (char *)NULL);
  _exit(127);
}

struct python *python_open(const char *exe, const char *script, const char *peer, const struct row *r, const char *data,
                           struct form *f, unsigned room, unsigned *n, char version[64]) {
  int down[2], up[2];
  char row[1024], line[256];
  describe(r, row, sizeof row);
  if (pipe2(down, O_CLOEXEC)) return NULL;
  if (pipe2(up, O_CLOEXEC)) return close(down[0]), close(down[1]), NULL;
  struct python *p = calloc(1, sizeof *p);
  signal(SIGPIPE, SIG_IGN);
  if (p) p->pid = spawn(exe, script, peer, row, data, down[0], up[1]);
  close(down[0]);
  close(up[1]);
  if (!p) return close(down[1]), close(up[0]), NULL;
  p->to = fdopen(down[1], "w");
  p->from = fdopen(up[0], "r");
  while (p->to && p->from && fgets(line, sizeof line, p->from)) {
    line[strcspn(line, "\n")] = 0;
    if (!strncmp(line, "version ", 8))
      snprintf(version, 64, "%.63s", line + 8);
    else if (!strncmp(line, "form ", 5) && *n < room)
      snprintf(f[(*n)++].name, sizeof f->name, "%.47s", line + 5);
    else if (!strncmp(line, "packed ", 7) && *n < room) {
      f[*n].prepacked = true;
      snprintf(f[(*n)++].name, sizeof f->name, "%.47s", line + 7);
    } else if (!strcmp(line, "ready"))
      return p;
  }
  python_close(p);
  *n = 0;
  return NULL;
}

pid_t python_pid(const struct python *p) {
  return p->pid;
}

double python_time(struct python *p, unsigned form, unsigned calls) {
  char line[64];
  if (fprintf(p->to, "%u %u\n", form, calls) < 0 || fflush(p->to) || !fgets(line, sizeof line, p->from)) return -1;
  return strtod(line, NULL);
}

void python_close(struct python *p) {
  if (p->to) fclose(p->to);
  if (p->from) fclose(p->from);
  waitpid(p->pid, NULL, 0);
  free(p);
}
