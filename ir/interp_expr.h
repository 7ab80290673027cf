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
  const unsigned char *data;
  int64_t n;                /* elements */
};

/* Where a subscript is outside: for the message. */
struct fault { const struct access *acc; int64_t ix[16]; };

struct place;               /* an access with its index arithmetic resolved */
struct prog;
struct icontext {
  const struct kernel *k;
  const struct args *args;
  struct arena *arena;
  struct store *store;      /* [ntensor] */
  int64_t *sym;             /* [nsym] current values of dims and axes */
  const int64_t *extent;    /* [ntensor * 16] evaluated; INT64_MAX: unknown */
  const int64_t *stride;    /* [ntensor * 16] */
  uint64_t ops;             /* done so far */
  struct fault fault;
};
/* x over the axes of one equation. */
struct prog *prog_new(struct icontext *c, expr_t x, const struct axis *axis, unsigned naxis);
struct ival prog_run(struct icontext *c, const struct prog *p);
/* Element of tensor `t` at subscripts ix; -1 when outside. */
struct place *place_new(struct icontext *c, const struct access *acc, const struct axis *axis, unsigned naxis);
int64_t place_element(struct icontext *c, const struct place *p, struct fault *f);
#endif
