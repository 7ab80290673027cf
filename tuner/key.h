/* The key of a tuning record: what was tuned (hashes that no name enters), at which extents, for which target. */
#ifndef HONE_TUNER_KEY_H
#define HONE_TUNER_KEY_H
#include "codegen/lower/lower.h"
#include "tuner/db.h"

enum { KEY_WHOLE = 255 };   /* instead of a group's number: the kernel with all its groups (schedules joined by " | ") */
/* symbolic: the groups before dims were bound (family_id); bound: after (kernel_id). The same object twice when the kernel has no dims.
   value[sym of symbolic->k] are the extents. dims text: "d0=1024,d1=64": dims numbered by first appearance in the equations, so that renaming changes nothing. */
void key_make(struct arena *a, const struct groups *symbolic, unsigned gsym, const struct groups *bound, unsigned gbound, const int64_t *value,
              const struct target *t, unsigned threads, bool cold, enum fpmode fp, struct db_key *out);
/* SHA-256 over isa, silicon and class. */
void key_target_id(const struct target *t, uint8_t out[32]);
/* Dims of group g (or KEY_WHOLE) in order of first appearance; returns how many. */
unsigned key_dims(const struct groups *gs, unsigned g, sym_t *out, unsigned max);
/* Reads a dims text back: value[sym]. false when it does not fit. */
bool key_dims_parse(const struct groups *gs, unsigned g, const char *text, int64_t *value);
#endif
