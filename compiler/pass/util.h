/* What the TENSOR and GROUP passes share: visiting, renaming and rewriting whole equations, dependences, proofs over index ranges. */
#ifndef HONE_COMPILER_PASS_UTIL_H
#define HONE_COMPILER_PASS_UTIL_H
#include "ir/group.h"

/* body, init, start and running, those that are set. */
typedef void (*eq_visit_fn)(expr_t x, void *ctx);
void eq_visit(const struct eq *e, eq_visit_fn fn, void *ctx);
typedef expr_t (*eq_map_fn)(struct arena *a, expr_t x, void *ctx);
/* Replaces expressions of e bottom-up, see expr_map. */
void eq_map(struct arena *a, struct eq *e, eq_map_fn fn, void *ctx);
/* What e reads of tensor `from` it reads of `to`, at the same subscripts. */
void eq_redirect(struct arena *a, struct eq *e, unsigned from, unsigned to);
/* Symbols everywhere in e: s := map[s] for s < n where map[s] != SYM_NONE, all at once. Fresh arrays: e shares nothing it changes. */
void eq_rename(struct arena *a, const struct kernel *k, struct eq *e, const sym_t *map, size_t n);
expr_t expr_rename(struct arena *a, expr_t x, const sym_t *map, size_t n);

/* by[sym] for every symbol of the kernel, NULL keeps it; all at once, so the replacements may hold replaced symbols. */
poly_t poly_subst_all(struct arena *a, poly_t p, const poly_t *by);
expr_t expr_subst_all(struct arena *a, expr_t x, const poly_t *by);

/* Accesses of e to `tensor` (or to all: UINT_MAX) in visiting order, repeats included. Returns the count; *out lives in a. */
unsigned eq_accesses(struct arena *a, const struct eq *e, unsigned tensor, const struct access ***out);
unsigned expr_accesses(struct arena *a, expr_t x, unsigned tensor, const struct access ***out);
bool eq_reads(const struct eq *e, unsigned tensor);
/* The later equation must stay behind the earlier one: it reads or writes what that writes, or writes what that reads. */
bool eq_depends(const struct eq *later, const struct eq *earlier);
/* Every element that e reads of its own result is the element it writes; or (parts) one that it never writes. */
bool eq_in_place(struct arena *a, const struct kernel *k, const struct eq *e, bool parts);

bool eq_is_par(const struct eq *e, sym_t s);         /* a parallel axis of e */
bool eq_is_red(const struct eq *e, sym_t s);         /* a reduced axis of e */
bool expr_has_red(const struct eq *e, expr_t x);     /* x varies along a reduced axis of e */
bool poly_has_axis(const struct eq *e, poly_t p);    /* p holds an axis of e */
bool eq_partial(const struct eq *e);                 /* guards restrict what is written (those of a reduction only restrict what is reduced) */
/* e without its reduction: its parallel axes, and its guards if it had no reduction. */
struct eq eq_outer(const struct eq *e);
/* lhs_idx are the parallel axes, each once, bare. */
bool eq_bare(const struct kernel *k, const struct eq *e);
/* Both write the same box of elements of a tensor: bare subscripts, equal ranges over dims only, nothing left out. */
bool eq_same_box(const struct kernel *k, const struct eq *x, const struct eq *y);
bool access_has_sym(const struct access *x, sym_t s);
/* Same subscripts as idx, no gather, no guard. */
bool access_is(const struct access *x, unsigned rank, const poly_t *idx);

/* p >= 0 wherever e's axes lie in their ranges and guards hold (axes nonempty; dims unknown). False: not known. */
bool eq_proves(struct arena *a, const struct eq *e, poly_t p);
/* A bool expression over dims and parallel axes that says whether e's reduction has any term; NULL when it cannot be said.
   *always: it has terms whatever the dims. */
expr_t eq_nonempty(struct arena *a, const struct eq *e, bool *always);

struct eq *kernel_insert_eq(struct kernel *k, unsigned at);               /* zeroed, state = UINT16_MAX; moves later ones up */
void kernel_remove_eq(struct kernel *k, unsigned at);
/* Index symbols that nothing walks and temps that nobody names leave their tables, the others are numbered by appearance. Groups' axes follow (gs may be NULL). */
void kernel_tidy(struct arena *a, struct kernel *k, struct groups *gs);
/* Writers of a tensor among the equations. *which: one of them. */
unsigned kernel_writers(const struct kernel *k, unsigned tensor, unsigned *which);
#endif
