/* Random legal kernels for property tests: products, maps, stencils, reductions, guarded reads, triangular domains, chains of equations, several types.
   The same state gives the same kernel. All pass kernel_verify and touch only memory that exists, for all dims >= 0. */
#ifndef TESTS_GEN_KERNEL_GEN_H
#define TESTS_GEN_KERNEL_GEN_H
#include "ir/tensor.h"

struct gen_opts {
  unsigned max_eq;   /* equations, 1 … 12; 0: 4 */
  bool any_op;       /* every operation and type of the tables (values may be NaN or infinite); else arithmetic that stays tame on inputs in [-1, 1] */
  bool integers;     /* integer kernels too */
  bool strides;      /* explicit strides on some parameters */
  bool odd_names;    /* names that must be quoted or look like words of the language */
};
struct kernel *kernel_gen(struct arena *a, uint64_t *state, const struct gen_opts *o);
/* One of the kernels people write (matrix products, softmax, attention, convolution …) as .hone text; n counts them. */
extern const char *const gen_texts[];
extern const unsigned gen_ntexts;
#endif
