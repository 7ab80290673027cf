/* Expressions of the TENSOR interpreter as flat programs. Private to ir/interp*.c. */
#ifndef HONE_IR_INTERP_EXPR_H
#define HONE_IR_INTERP_EXPR_H
#include "ir/interp.h"

enum { BAD_NONE, BAD_BOUNDS, BAD_UNDEFINED };
/* A value with what is known of its error. Floats: v in real arithmetic, |any correct implementation's value - v| <= e. Integers and bool: i exactly, e > 0 when
   a comparison or conversion upstream could have gone the other way (then implementations may differ by e). */
struct ival {
  long double v;
  int64_t i;
  double e;
  uint8_t bad;              /* what was wrong with an operand; an error only if the value is used */
};

struct cell { long double v; int64_t i; double e; uint8_t def; };
struct store {              /* memory of one tensor while it is interpreted */
  struct cell *cell;        /* NULL for inputs: read from `data` */
  size_t mapped;            /* bytes, where the cells are pages of their own; 0: they are of the heap */
  const unsigned char *data;
  int64_t n;                /* elements */
};

/* Where a subscript is outside: for the message. */
struct fault { const struct access *acc; int64_t ix[16]; };

enum { INTERP_AXES = 12, INTERP_LANES = 64 };
struct lin {                /* value = base + sum coef[i] * sym[axis[i]], or a polynomial when that does not hold */
  int64_t base, coef[INTERP_AXES];
  sym_t axis[INTERP_AXES];
  uint8_t n;
  poly_t general;
};
struct prog;
struct place {              /* an access with its index arithmetic resolved */
  const struct access *acc;
  struct lin ix[16];
  struct prog *dyn[16];
  struct lin *guard;
  bool any_dyn;
};
struct lanes {              /* values for successive values of one index */
  long double v[INTERP_LANES];
  int64_t i[INTERP_LANES];
  double e[INTERP_LANES];
  uint8_t bad[INTERP_LANES];
  bool any_e, any_bad;      /* false: e (bad) need not be looked at */
};
struct node {
  uint8_t kind, op, type, from;    /* from: operand type of a cast or comparison */
  bool tf32;                      /* a product whose operands may be rounded to tf32 */
  bool fast;                       /* an exponential or a quotient of f32 that may be approximate */
  uint8_t rounded, narrow;         /* a product whose factor number rounded - 1 may be rounded to the type `narrow`; 0: none */
  bool flush;                      /* a product that a matrix instruction may make: those of bf16 and tf32 take and give 0 for subnormals */
  uint16_t kid[3];
  struct ival val;                 /* constants, scalars */
  struct place *place;
  struct lin lin;                  /* E_POLY */
};
struct prog {               /* an expression in order of evaluation */
  unsigned n, cap;
  struct node *node;
  struct ival *val;                /* [n] */
  struct lanes *lanes;             /* [n] made when first run in blocks */
};
struct icontext {
  const struct kernel *k;
  const struct args *args;
  struct arena *arena;
  struct store *store;      /* [ntensor] */
  int64_t *sym;             /* [nsym] current values of dims and axes */
  const int64_t *extent;    /* [ntensor * 16] evaluated; INT64_MAX: unknown */
  const int64_t *stride;    /* [ntensor * 16] */
  uint64_t ops;             /* done so far */
  void *late, *late_at;     /* heap of the running equation */
  struct fault fault;
};
/* x over the axes of one equation. */
struct prog *prog_new(struct icontext *c, expr_t x, const struct axis *axis, unsigned naxis);
struct ival prog_run(struct icontext *c, const struct prog *p);
struct ival prog_read(struct icontext *c, const struct node *n, const struct ival *val);  /* the element, or val[kid] outside of the guards */
struct ival prog_apply(const struct node *n, struct ival x, struct ival y, struct ival z);
bool lin_eval(const struct icontext *c, const struct lin *l, int64_t *out);               /* false: overflow */
struct lin lin_new(struct icontext *c, poly_t p, const struct axis *axis, unsigned naxis);
/* x for sym = start, start + 1, … start + n - 1 (n at most INTERP_LANES): valid until the next run. sym is left at some value in that range. */
const struct lanes *prog_block(struct icontext *c, struct prog *p, sym_t sym, int64_t start, unsigned n);
/* Narrows [*lo, *hi) to the values of sym for which l >= 0; false when l is not affine in sym. */
bool lin_narrow(const struct icontext *c, const struct lin *l, sym_t sym, int64_t *lo, int64_t *hi);
/* Element for sym = start and the step to the next; false: it must be asked for each (dyn, out of bounds somewhere). */
bool place_block(struct icontext *c, const struct place *p, sym_t sym, int64_t start, unsigned n, int64_t *at, int64_t *step);
/* Element of tensor `t` at subscripts ix; -1 when outside. */
struct place *place_new(struct icontext *c, const struct access *acc, const struct axis *axis, unsigned naxis);
int64_t place_element(struct icontext *c, const struct place *p, struct fault *f);
/* What is added to the error of a product that may be flushed. */
double interp_flush(struct ival a, struct ival b, long double v);
double interp_rounded(enum dtype t, struct ival a, struct ival b, long double v); /* of one whose factor a may be rounded to t */
double interp_tf32(struct ival a, struct ival b, long double v); /* of one whose operands may be rounded to tf32 */
/* Error of rounding v to t, which first cuts it to the range of a type that saturates. */
double interp_narrowed(enum dtype t, long double *v);
/* Error of a result of add, sub, mul or div: what the operands carry (may be NaN), rounding to t, underflow; infinite where an infinity or a NaN is not sure. */
double interp_error(enum op o, enum dtype t, struct ival a, struct ival b, long double v, double carried);
#endif
