/* What the .hone language leaves unsaid: index ranges and the extents of temps. The parser fills them in by these rules, the printer leaves out what they give:
   so both must ask here. Private to the text forms and the verifier. */
#ifndef HONE_IR_TENSOR_INFER_H
#define HONE_IR_TENSOR_INFER_H
#include "ir/tensor.h"

/* Where a range came from, for messages. */
struct infer_hit { poly_t extent; unsigned tensor, dim; struct loc loc; };
struct infer { sym_t sym; bool found, weak, clash; struct infer_hit first, other; };
/* Adds what x (NULL: nothing) says about in->sym: each bare subscript says that it ranges over 0 <= sym < extent. Reads with guards only count where nothing
   else was found (weak). clash: two differing extents; other is the second. */
void infer_expr(struct infer *in, const struct kernel *k, expr_t x);
void infer_index(struct infer *in, const struct kernel *k, unsigned tensor, const poly_t *ix, struct loc loc);
/* Extent that e's accesses imply for s (range 0..extent); NULL when there is none or two differ. lhs_known: the left side's extents count too. */
poly_t infer_range(const struct kernel *k, const struct eq *e, sym_t s, bool lhs_known);
/* Largest (smallest) value of p over the axes, as a polynomial over dims; dims count as not negative. NULL when the direction is not known. */
poly_t infer_extreme(struct arena *a, const struct kernel *k, poly_t p, const struct axis *axis, unsigned n, bool largest);
/* Extent that a temp first written at index p over these axes gets. NULL: it must be declared. */
poly_t infer_extent(struct arena *a, const struct kernel *k, poly_t p, const struct axis *axis, unsigned n);
/* Type of what e computes: that of the body, i64 for argmin and argmax. */
enum dtype eq_value_type(const struct eq *e);
/* The parallel axes' natural order: by first appearance in the left side. Returns how many, at most max. */
unsigned infer_lhs_syms(const struct kernel *k, const poly_t *ix, unsigned rank, sym_t *out, unsigned max);
bool poly_is_affine(const struct kernel *k, poly_t p);   /* at most one index symbol in each product */
bool poly_only_dims(const struct kernel *k, poly_t p);
bool red_is_arg(unsigned red);                           /* argmin, argmax */
/* Index symbols in p that are not yet in out are appended. */
void poly_index_syms(const struct kernel *k, poly_t p, sym_t *out, unsigned *n, unsigned max);
void expr_index_syms(const struct kernel *k, expr_t x, sym_t *out, unsigned *n, unsigned max);
/* Runs fn with an arena of its own, which is freed also when memory runs out. */
void scratch_run(void (*fn)(struct arena *a, void *ctx), void *ctx);
#endif
