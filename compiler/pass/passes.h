/* TENSOR and GROUP passes. Each changes the unit in place; contracts stand in each file's head. */
#ifndef HONE_COMPILER_PASSES_H
#define HONE_COMPILER_PASSES_H
#include "ir/pass.h"
enum status pass_simplify(struct arena *a, struct unit *u, struct diag *d); /* TENSOR: constant folding, algebra, hoisting of factors out of sums */
enum status pass_divide(struct arena *a, struct unit *u, struct diag *d);   /* TENSOR: axes whose quotient is a subscript become two */
enum status pass_cse(struct arena *a, struct unit *u, struct diag *d);      /* TENSOR: one equation for equal right sides */
enum status pass_dce(struct arena *a, struct unit *u, struct diag *d);      /* TENSOR: equations nobody reads */
enum status pass_inline(struct arena *a, struct unit *u, struct diag *d);   /* TENSOR: cheap element-wise producers into their readers */
enum status pass_narrow(struct arena *a, struct unit *u, struct diag *d);   /* TENSOR: integers computed in the narrowest type that holds them */
enum status pass_collapse(struct arena *a, struct unit *u, struct diag *d); /* TENSOR: axes that lie one behind the other in memory become one */
enum status pass_fuse(struct arena *a, struct unit *u, struct diag *d);     /* TENSOR -> GROUP */
enum status pass_online(struct arena *a, struct unit *u, struct diag *d);   /* GROUP: running-correction form of dependent reductions */
/* Plain passes over arrays, in which a schedule has nothing to win over the loops as C has them (source; NULL: not known). */
bool kernel_is_light(const struct kernel *k, const struct lstmt *source);
/* Several groups pass over an array over which the loops as C has them pass once, and nothing else is in it for a schedule: rows that C finds in cache
   come from memory again. */
bool groups_pass_more(const struct groups *gs, const struct lstmt *source);
/* Behind pass_inline: does an iteration read what the next one reads again, with steps of more than one element (pooling 3 x 3 by 2)? */
bool kernel_has_windows(const struct kernel *k);
/* A pass (behind pass_narrow) whose results have 8 or 16 bits and lie side by side: a schedule has more lanes than C's int leaves to LLVM. */
bool kernel_is_narrow(const struct kernel *k);
/* Behind all passes: does it but move structures, member by member, within an array or across its rows, so that no row of members is left to make of them? */
bool kernel_moves_members(const struct kernel *k);
/* Does one of its equations sum many short integers (ir/short_sum.h)? Asked behind all passes. */
bool kernel_sums_short(const struct kernel *k);
/* Dims that are strides of arrays and nothing else, and at run time mostly 1: has[] and value[] (by symbol) are set for them. false: there are none. */
bool kernel_unit_strides(const struct kernel *k, bool *has, int64_t *value);
extern const struct pass hone_passes[];   /* the pipeline in order */
extern const unsigned hone_npasses;
#endif
