/* pack and copy: a contiguous buffer for the part of an operand that the loops inside walk. */
#include "codegen/lower/plan.h"

struct lstmt *pack_at(struct build *b, const struct set *s, unsigned l, struct env *e) {
  (void)b, (void)s, (void)l, (void)e;
  return NULL;
}

struct lstmt *prefetch_at(struct build *b, const struct set *s, unsigned l, const struct env *e) {
  (void)b, (void)s, (void)l, (void)e;
  return NULL;
}
