/* Shared by the text forms of TENSOR (kernel_print, kernels_parse) and GROUP (groups_print, groups_parse). Private to ir/. */
#ifndef HONE_IR_TENSOR_TEXT_H
#define HONE_IR_TENSOR_TEXT_H
#include "ir/group.h"

enum { TEXT_MAX_AXIS = GROUP_MAX_AXIS, TEXT_MAX_ITEMS = 1000, TEXT_MAX_BYTES = 4 << 20 };
/* The whole text of a kernel; equations are printed by fn (NULL: one after the other). declared: temps that have a `temp` line, for text_equation. */
typedef void text_fn(struct buf *out, const struct kernel *k, const bool *declared, void *ctx);
void text_kernel(struct buf *out, const struct kernel *k, text_fn *fn, void *ctx);
void text_equation(struct buf *out, const struct kernel *k, const bool *declared, unsigned eq, int depth);
/* NAME [in lo..hi]: without the range when it is `known` (may be NULL). */
void text_axis(struct buf *out, const struct kernel *k, const struct axis *x, poly_t known);
/* Parses a text of kernels; groups are allowed when want_groups, then each (*gs)[i] belongs to out->k[i]. */
enum status text_parse(struct arena *a, struct diag *d, uint16_t file, const char *text, size_t len, bool want_groups, struct kernels *out,
                       struct groups **gs);
/* Accesses that are out of bounds whatever the dims are (as long as the ranges are not empty): reported as errors. */
void text_check_bounds(const struct kernel *k, struct diag *d);
/* Finds the nearest of n names to s[0..len); NULL when none is near. */
struct nearest { const char *s; size_t len; const char *best; unsigned distance; };
void nearest_try(struct nearest *x, const char *name);
#endif
