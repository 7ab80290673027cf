#include "tests/emu/rig.h"
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

char rig_text[1 << 17];
size_t rig_len;

void rig_put(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  rig_len += (size_t)vsnprintf(rig_text + rig_len, sizeof rig_text - rig_len, fmt, ap);
  va_end(ap);
  ck_assert(rig_len < sizeof rig_text);
}

struct emu_module *rig_load(struct emu *d, const char *text) {
  struct emu_error err;
  struct emu_module *m = emu_load(d, text, strlen(text), &err);
  ck_assert_msg(m != NULL, "%u:%u: %s\n%s", err.line, err.col, err.text, text);
  return m;
}

bool rig_run(struct emu_module *m, uint32_t grid, uint32_t block, uint32_t shared, bool lazy, uint64_t seed,
             const uint64_t *params, int nparams, struct emu_report *rep) {
  struct emu_launch how = {.grid = {grid, 1, 1},
                           .block = {block, 1, 1},
                           .dynamic_shared = shared,
                           .lazy = lazy,
                           .seed = seed,
                           .max_steps = 20000000};
  const void *ptrs[16];
  for (int i = 0; i < nparams; i++) ptrs[i] = &params[i];
  return emu_launch(m, "k", &how, ptrs, nparams, rep);
}

void rig_show(const struct emu_report *rep) {
  char text[8192];
  emu_report_text(rep, text, sizeof text);
  fputs(text, stderr);
}
