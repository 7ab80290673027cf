/* Runs one program on the emulator and on the CPU and compares all results bit for bit. usage: against PTX
 * SHARED_OBJECT */
#include "runtime/emu/emu.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 256, FIELDS = 5 };

static char *slurp(const char *path, size_t *len) {
  FILE *f = fopen(path, "rb");
  char *text = malloc(1 << 24);
  if (!f || !text) return NULL;
  *len = fread(text, 1, 1 << 24, f);
  fclose(f);
  return text;
}

/* Integers of all sizes, and numbers that are neither huge nor tiny as well as any bits. */
static void inputs(uint64_t in[THREADS][FIELDS]) {
  uint64_t s = 88172645463325252u;
  for (int t = 0; t < THREADS; t++) {
    for (int f = 0; f < FIELDS; f++) {
      s ^= s << 13, s ^= s >> 7, s ^= s << 17;
      in[t][f] = t % 3 ? s >> (s >> 58) : s;
    }
    float x = (float)(int)(s >> 40 & 0xffff) / 64 - 300;
    double y = (double)(int)(s >> 20 & 0xffff) / 128 - 200;
    if (t % 4 != 1) memcpy(&in[t][3], &x, 4), memcpy(&in[t][4], &y, 8);
  }
}

int main(int argc, char **argv) {
  static uint64_t in[THREADS][FIELDS], cpu[THREADS][FIELDS], gpu[THREADS][FIELDS];
  size_t len = 0;
  char *text = argc == 3 ? slurp(argv[1], &len) : NULL;
  void *so = text ? dlopen(argv[2], RTLD_NOW) : NULL;
  if (!so) return fprintf(stderr, "usage: against PTX SHARED_OBJECT: %s\n", argc == 3 ? dlerror() : ""), 2;
  void (*k)(const void *, void *, int) = (void (*)(const void *, void *, int))(uintptr_t)dlsym(so, "k");
  if (!k) return fprintf(stderr, "%s: no function k\n", argv[2]), 2;
  inputs(in);
  for (int t = 0; t < THREADS; t++) k(in, cpu, t);
  struct emu *d = emu_open();
  struct emu_error err;
  struct emu_module *m = emu_load(d, text, len, &err);
  if (!m) return fprintf(stderr, "%s:%u:%u: %s\n", argv[1], err.line, err.col, err.text), 1;
  uint64_t a = emu_alloc(d, sizeof in), b = emu_alloc(d, sizeof gpu);
  emu_write(d, a, in, sizeof in);
  emu_write(d, b, gpu, sizeof gpu);
  const void *params[] = {&a, &b};
  struct emu_launch how = {.grid = {1, 1, 1}, .block = {THREADS, 1, 1}};
  struct emu_report rep;
  if (!emu_launch(m, "k", &how, params, 2, &rep))
    return fprintf(stderr, "%s: line %u: %s\n", argv[1], rep.finding[0].line, rep.finding[0].text), 1;
  emu_read(d, gpu, b, sizeof gpu);
  int bad = 0;
  for (int t = 0; t < THREADS; t++) {
    for (int f = 0; f < FIELDS; f++) {
      if (cpu[t][f] != gpu[t][f] && bad++ < 5)
        fprintf(stderr, "%s: thread %d, result %d: %llx on the CPU, %llx here\n", argv[1], t, f,
                (unsigned long long)cpu[t][f], (unsigned long long)gpu[t][f]);
    }
  }
  emu_unload(m);
  emu_close(d);
  dlclose(so);
  free(text);
  return bad != 0;
}
