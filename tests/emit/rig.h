/* What the emitter's tests share: LOOP text in, a loaded function out; arguments between guard pages; compiled against
 * interpreted. */
#ifndef HONE_TESTS_EMIT_RIG_H
#define HONE_TESTS_EMIT_RIG_H
#include "codegen/emit/emit.h"
#include "ir/interp.h"
#include "runtime/abi.h"
#include "runtime/elf_load.h"

struct rig {
  struct arena *a;
  struct diag *d;
  struct target t;
  struct lfunc *f;
  struct buf object;
  struct elf_image *image;
  hone_rt_call *call;
};
/* cpu: NULL for this machine's. */
void rig_open(struct rig *r, const char *cpu);
void rig_close(struct rig *r);
/* Parses, verifies, emits and loads one function. Fails the test with the reason. */
void rig_load(struct rig *r, const char *text);
void rig_emit(struct rig *r, enum emit_kind kind, struct buf *out);

/* Memory that ends (or begins) at an unreadable page. bytes 0 is fine. */
struct fence {
  void *p;
  char *map;
  size_t len;
};
void fence_open(struct fence *f, size_t bytes, bool at_end);
void fence_close(struct fence *f);

/* Runs r->f at these dims (by parameter) on pseudo-random data, compiled and interpreted, with buffers fenced at both
   ends in turn, and compares outputs: floats to `ulps` units in the last place of their type, integers exactly. */
void rig_compare(struct rig *r, const int64_t *dims, double ulps);
void rig_compare_text(const char *text, const int64_t *dims, double ulps);
uint64_t rig_random(uint64_t *state);
double ulp_distance(enum dtype t, double a, double b);
#endif
