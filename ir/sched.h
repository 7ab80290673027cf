/* Schedules as data: a flat array of small steps, copied by assignment, compared, hashed, printed as one line:
     tile i 6; tile j 64; tile k 256; order j1 k1 i1 k0 i0 j0; pack B k1; vector j0; parallel j1 */
#ifndef HONE_IR_SCHED_H
#define HONE_IR_SCHED_H
#include "ir/group.h"

enum stepkind {
#define STEP(name, form) STEP_##name,
#include "ir/steps.def"
#undef STEP
  STEP_COUNT
};
enum { SCHED_MAX = 64, LEVEL_MAX = 4 };
#define LOOP_ID(axis, level) ((uint8_t)((axis) * LEVEL_MAX + (level)))
#define LOOP_AXIS(l) ((l) / LEVEL_MAX)
#define LOOP_LEVEL(l) ((l) % LEVEL_MAX)
/* loop: LOOP_ID (tile: level is ignored and 0). arg: tile size or unroll count; pack/copy/prefetch/stream: rank of the tensor among the tensors that the
   group touches, in order of first appearance (group_operand), so a schedule does not depend on names. compute: rank among the private temps
   (group_temps). tensorize: enum matrix. stage: arg as pack, loop names no loop but says how (enum stageflag). An `order` list is consecutive steps. */
enum stageflag { STAGE_COUNT = 15 /* buffers */, STAGE_TMA = 16 /* by boxes of a tensor map */, STAGE_SWIZZLE = 96 /* bytes of the pattern: 0, 32, 64, 128 */ };
#define STAGE_SWIZZLE_BYTES(how) ((how) & STAGE_SWIZZLE ? 16 << ((how) >> 5 & 3) : 0)
struct step { uint8_t kind, loop; int16_t arg; };
struct sched { uint8_t nstep; struct step step[SCHED_MAX]; };

/* Tensors that group g touches (members in order: reads left to right, then lhs), without private temps. Returns the count. */
unsigned group_operands(const struct groups *gs, unsigned g, uint16_t *tensor, unsigned max);
/* The private temps of group g, in the order in which they are first written: what `compute` numbers. Returns the count, at most max are stored. */
unsigned group_temps(const struct groups *gs, unsigned g, uint16_t *tensor, unsigned max);
/* The group that a `split` step makes of group g (number g of the result, which is a copy): axis k is cut in `parts` parts, the new axis is the last one.
   NULL with the reason in *why. strict: --fp strict. running: a stream over k stays one in each part. */
struct groups *group_split(struct arena *a, const struct groups *gs, unsigned g, unsigned axis, int64_t parts, bool strict, bool running, const char **why);
void sched_part_name(const struct groups *gs, unsigned g, unsigned axis, char *out, size_t size); /* what steps call the new axis */
bool sched_is_plain(const struct sched *s); /* the function as written: a `plain` step is in it */
int sched_split(const struct sched *s);   /* position of the first split step, -1: none */
void sched_print(struct buf *out, const struct groups *gs, unsigned g, const struct sched *s);  /* names of this group */
/* Parses against a group's names. ST_REFUSED with a diagnostic for bad syntax, unknown names, too many steps. Legality is legal.h's. */
enum status sched_parse(struct diag *d, uint16_t file, const char *text, size_t len, const struct groups *gs, unsigned g, struct sched *out);
/* Names free of the group: axes a0, a1 …, operands t0, t1 …: the form stored in the database (equal for renamed kernels). */
void sched_print_canon(struct buf *out, const struct sched *s);
/* The schedules of a kernel's n groups as one text, " | " between them, in the arena: how a record of several groups stores them. */
const char *sched_joined(struct arena *a, const struct sched *s, unsigned n);
enum status sched_parse_canon(const char *text, size_t len, struct sched *out);
bool sched_eq(const struct sched *a, const struct sched *b);
uint64_t sched_hash(const struct sched *s);
bool sched_push(struct sched *s, enum stepkind kind, unsigned loop, int arg);   /* false when full */
#endif
