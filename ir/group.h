/* GROUP level: which equations share one loop nest. The kernel's equations are kept as they are; a group lists a run of them in order of
   execution, with index symbols unified: members that walk the same axis use the same symbol. Meaning never changes: interpreting the kernel's
   equations one after the other is the oracle of every group.

   Axes of a group: first `nshared` axes that are parallel in every member (the outer loops), then the others.
   stream >= 0: the reduction axis over which dependent reductions run in one pass with running corrections (eq.state, rescale, running):
   after each block of that axis, a member with `state` multiplies its partial result by rescale(old, new) before it adds the block's part;
   members read partial results of the block so far. Every member whose value depends on the running state has `state` set, also the element-wise ones
   (E = exp(P - M): state M, no rescale); they are temps private to the group and read inside the block only. The state itself (M) has no `state`.
   A member that reads a `state` member or the state and does not walk the stream axis as one of them runs after the last block. */
#ifndef HONE_IR_GROUP_H
#define HONE_IR_GROUP_H
#include "ir/tensor.h"

enum { GROUP_MAX_EQ = 32, GROUP_MAX_AXIS = 12 };
struct group {
  uint8_t neq, naxis, nshared;
  uint16_t eq[GROUP_MAX_EQ];              /* into kernel.eq, ascending */
  struct axis axis[GROUP_MAX_AXIS];       /* names: kernel.sym[axis.sym].name */
  int8_t stream;                          /* index into axis, or -1 */
};
struct groups {                           /* the GROUP level of a kernel */
  struct kernel *k;                       /* own copy, equations in group order */
  uint16_t n;
  struct group *g;
};
/* Temps written and read only inside group g (their storage may shrink to what a tile needs). */
bool group_private(const struct groups *gs, unsigned g, unsigned tensor);
/* Group g as a kernel of its own with one group: non-private temps become parameters (tN renamed), unused parameters are dropped. */
struct groups *group_extract(struct arena *a, const struct groups *gs, unsigned g);
/* Every equation its own group: always legal. */
struct groups *groups_trivial(struct arena *a, const struct kernel *k);
/* Axis of eq that is axis x of its group: by symbol; -1 when the member does not walk it. */
int eq_axis(const struct eq *e, sym_t s);
/* Text: the kernel's text with `group NAME (shared i j; stream s) { … }` around the equations. Exact inverses. */
void groups_print(struct buf *out, const struct groups *gs);
enum status groups_parse(struct arena *a, struct diag *d, uint16_t file, const char *text, size_t len, struct groups **out);
bool groups_verify(const struct groups *gs, struct diag *d);
/* The tuning key of a group: hash of group_extract's kernel and its grouping. dims that are symbols stay symbols. */
void group_hash(const struct groups *gs, unsigned g, uint8_t out[32]);
#endif
