/* TENSOR level: a kernel as equations, run in order. Each equation defines elements of one tensor over an index space:

     lhs[lhs_idx] = red(reduction axes | guards) body  [from init]      for all parallel axes

   Its right side is wholly evaluated before its left side is written (so C[i] = C[i+1] is a shift; the verifier and the passes know).
   Elements outside the domain keep their old value. Axis ranges are half open, lo <= i < hi; an empty range means nothing is done
   (a reduction over it gives init). A reduction is always the root of an equation: `a * sum(k) ...` becomes two equations. */
#ifndef HONE_IR_TENSOR_H
#define HONE_IR_TENSOR_H
#include "ir/expr.h"

enum symkind { SYM_DIM, SYM_INDEX };
struct symbol { const char *name; uint8_t kind; uint16_t param; };   /* SYM_DIM: param is the integer parameter it stands for */

enum role { ROLE_IN, ROLE_OUT, ROLE_INOUT, ROLE_TEMP };  /* INOUT: read before it is wholly written, or partly written */
struct tensor {
  const char *name;
  uint8_t type, role, rank;
  poly_t *extent;    /* [rank] over dims; what the declaration says, not a promise on what is touched */
  poly_t *stride;    /* [rank] in elements, over dims; NULL: row-major dense */
  uint16_t param;    /* index into params; UINT16_MAX for ROLE_TEMP */
  struct loc loc;
};

enum paramkind { PARAM_DIM, PARAM_SCALAR, PARAM_TENSOR };
struct param {       /* in the order of the C signature */
  const char *name;
  uint8_t kind, type; /* dims: the C integer type; tensors: the element type */
  bool is_const, is_restrict;
  bool flat;          /* the C parameter is `T *`, not a declared array */
  uint8_t record;     /* fields of one array of structures have one number: they lie between each other, and never overlap; 0: none. Text: `of N` */
  uint16_t ref;       /* PARAM_DIM: sym; PARAM_TENSOR: tensor */
  const char *ctype;  /* the declaration as it goes into the header: "const float A[M][K]"; NULL: derived */
  struct loc loc;
};

struct axis { sym_t sym; poly_t lo, hi; };   /* bounds over dims and over axes that stand before it */

struct eq {
  uint16_t lhs;
  poly_t *lhs_idx;          /* [rank of lhs], affine in the parallel axes, injective */
  uint8_t npar, nax;        /* axis[0..npar) parallel, axis[npar..nax) reduced, outermost first (the order of --fp strict) */
  struct axis *axis;
  uint8_t nguard;
  poly_t *guard;            /* each >= 0, affine: restrict what is reduced (then everything is written still), or, without a reduction, what is written */
  uint8_t red;              /* enum red; RED_none iff nax == npar */
  expr_t body;              /* type of the accumulator (reductions accumulate in body->type), converted to the type of lhs at the end */
  expr_t init;              /* start value over the parallel axes; NULL: the identity. argmin/argmax: the index when nothing improves (NULL: -1) */
  expr_t start;             /* argmin/argmax only: the value to beat; NULL: the identity */
  /* Set by the pass `online` (see group.h); state UINT16_MAX, the others NULL, otherwise. */
  uint16_t state;           /* tensor (a max or min over the stream) whose running value this equation is relative to */
  expr_t rescale;           /* reductions: factor for the partial result when the state moves: over E_ARG 0 (old), 1 (new), dims, scalars; NULL for element-wise members */
  expr_t running;           /* body to use while the state is partial; same value when it is complete; NULL: body itself */
  struct loc loc;
};

struct lfunc;
struct kernel {
  struct arena *arena;      /* everything below lives here */
  const char *name;         /* the C symbol */
  uint16_t nsym, nparam, ntensor, neq, nassume;
  struct symbol *sym;
  struct param *param;
  struct tensor *tensor;
  struct eq *eq;
  poly_t *assume;           /* each >= 0 over dims: checked at entry; where one fails, the SOURCE form runs */
  bool noalias;             /* .hone specs: the caller promises that outputs overlap nothing; C: from restrict only */
  bool reshaped;            /* its loops are not those of `source`: that was unrolled by hand, asks in each iteration where it is, or treats members of structures alike */
  struct lfunc *source;     /* the C function that all of it was raised from, with the same parameters; NULL: there is none */
  struct loc loc;
};

struct kernel *kernel_new(struct arena *a, const char *name);
sym_t kernel_add_sym(struct kernel *k, const char *name, enum symkind kind);  /* the name is made unique: i, i_1, i_2 … */
unsigned kernel_add_param(struct kernel *k, const char *name, enum paramkind kind, enum dtype t); /* PARAM_DIM also adds its symbol */
unsigned kernel_add_tensor(struct kernel *k, const char *name, enum dtype t, enum role role, unsigned rank, const poly_t *extent);
unsigned kernel_add_temp(struct kernel *k, const char *base, enum dtype t, unsigned rank, const poly_t *extent); /* the name is made unique */
struct eq *kernel_add_eq(struct kernel *k);                                   /* zeroed, state = UINT16_MAX */
/* Do its own declarations rule out that an array that is written lies over another (noalias, or `restrict` on each that is written)? */
bool kernel_restricts(const struct kernel *k);
struct kernel *kernel_clone(struct arena *a, const struct kernel *k);         /* deep enough to be changed freely */
poly_t tensor_stride(struct arena *a, const struct tensor *t, unsigned d);    /* explicit or row-major */
/* Kernel with dims replaced by constants: value[sym] for each sym with has[sym]. Parameters stay (the signature does not change). */
struct kernel *kernel_specialise(struct arena *a, const struct kernel *k, const bool *has, const int64_t *value);
/* "M=1024,N=1024": fills has/value by the kernel's dims. false with *bad set to the offending word. */
bool kernel_parse_dims(const struct kernel *k, const char *s, bool *has, int64_t *value, const char **bad);

/* Text form: the .hone language (docs/spec.md). Exact inverses. */
void kernel_print(struct buf *out, const struct kernel *k);
/* All kernels of a text. file: number from diag_file. Returns ST_OK or ST_REFUSED (diagnostics given; nothing in *out). */
#include "ir/status.h"
struct kernels { unsigned n; struct kernel **k; };
enum status kernels_parse(struct arena *a, struct diag *d, uint16_t file, const char *text, size_t len, struct kernels *out);
void kernel_print_eq(struct buf *out, const struct kernel *k, unsigned eq);   /* one equation and a line break, for people */
void expr_print(struct buf *out, const struct kernel *k, expr_t x);
void poly_print(struct buf *out, const struct kernel *k, poly_t p);

/* Reports every violation as a diagnostic; true when there is none. */
bool kernel_verify(const struct kernel *k, struct diag *d);
/* Structural hash (SHA-256): equal for kernels that differ in names, parameter order, C dim types, locations. Dims that are constants count
   as constants. family: all constant extents are taken as symbols. */
void kernel_hash(const struct kernel *k, uint8_t out[32]);
void kernel_family_hash(const struct kernel *k, uint8_t out[32]);
#endif
