/* Output files by rename. */
#include "compiler/cli/output.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct loc nowhere = {0};

static int write_all(int fd, const char *p, size_t n) {
  while (n) {
    ssize_t w = write(fd, p, n);
    if (w < 0 && errno == EINTR) continue;
    if (w <= 0) return -1;
    p += w;
    n -= (size_t)w;
  }
  return 0;
}

static enum status fail(struct diag *d, const char *path, int err) {
  diag_error(d, nowhere, "cannot write '%s': %s", path, strerror(err));
  return ST_ENV;
}

static enum status write_temp(const char *path, char *temp, const struct buf *data, struct diag *d) {
  struct stat st;
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return fail(d, path, EISDIR);
  int fd = mkstemp(temp);
  if (fd < 0) return fail(d, path, errno);
  mode_t mask = umask(0);
  umask(mask);
  int bad = write_all(fd, data->data, data->len) || fchmod(fd, 0666 & ~mask), err = errno;
  if (close(fd) && !bad) bad = 1, err = errno;
  if (!bad && rename(temp, path)) bad = 1, err = errno;
  if (!bad) return ST_OK;
  unlink(temp);
  return fail(d, path, err);
}

enum status output_write(const char *path, const struct buf *data, struct diag *d) {
  struct stat st;
  if (!strcmp(path, "-")) return write_all(1, data->data, data->len) ? fail(d, "<stdout>", errno) : ST_OK;
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) &&
      !S_ISDIR(st.st_mode)) { /* /dev/null, /dev/full, a pipe: cannot be renamed over */
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int bad = fd < 0 || write_all(fd, data->data, data->len), err = errno;
    if (fd >= 0) close(fd);
    return bad ? fail(d, path, err) : ST_OK;
  }
  struct buf temp;
  buf_init(&temp);
  buf_printf(&temp, "%s.XXXXXX", path);
  enum status s = write_temp(path, temp.data, data, d);
  buf_free(&temp);
  return s;
}

static void escaped(struct buf *out, const char *s) {
  for (; *s; s++) {
    if (*s == ' ' || *s == '#') buf_putc(out, '\\');
    if (*s == '$') buf_putc(out, '$');
    buf_putc(out, *s);
  }
}

void output_depfile(struct buf *out, const char *target, unsigned n, const char *const *dep, int phony) {
  escaped(out, target);
  buf_putc(out, ':');
  for (unsigned i = 0; i < n; i++) {
    buf_puts(out, i ? " \\\n  " : " ");
    escaped(out, dep[i]);
  }
  buf_putc(out, '\n');
  for (unsigned i = 1; phony && i < n; i++) {
    escaped(out, dep[i]);
    buf_puts(out, ":\n");
  }
}
