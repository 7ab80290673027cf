/* See env.h. */
#include "tuner/env.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static void put(struct buf *out, const char *key, const char *value) {
  if (out->data[out->len - 1] != '{') buf_putc(out, ',');
  buf_json(out, key);
  buf_putc(out, ':');
  buf_json(out, value);
}

/* First line of a file, without its newline; false when there is none. Only plain ASCII, whatever the file holds. */
static bool first_line(const char *path, char *line, int size) {
  FILE *f = fopen(path, "re");
  if (!f) return false;
  bool ok = fgets(line, size, f) != NULL;
  fclose(f);
  if (ok) line[strcspn(line, "\n")] = 0;
  for (char *p = line; ok && *p; p++)
    if (*p < ' ' || *p > '~') *p = '?';
  return ok && *line;
}

static void put_cpuinfo(struct buf *out) {
  char line[8192];
  bool model = false, flags = false;
  FILE *f = fopen("/proc/cpuinfo", "re");
  while (f && !(model && flags) && fgets(line, sizeof line, f)) {
    char *colon = strchr(line, ':');
    if (!colon) continue;
    line[strcspn(line, "\n")] = 0;
    if (!model && !strncmp(line, "model name", 10)) {
      model = true;
      put(out, "cpu", colon + (colon[1] == ' ' ? 2 : 1));
    }
    if (!flags && !strncmp(line, "flags", 5)) {
      flags = true;
      put(out, "hypervisor", strstr(line, " hypervisor") ? "yes" : "no");
    }
  }
  if (f) fclose(f);
}

void env_json(struct buf *out) {
  char line[256];
  struct utsname u;
  buf_putc(out, '{');
  put_cpuinfo(out);
  if (first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", line, sizeof line))
    put(out, "governor", line);
  if (uname(&u) == 0) put(out, "kernel", u.release);
  if (first_line("/proc/loadavg", line, sizeof line)) put(out, "load", line);
  buf_putc(out, '}');
}
