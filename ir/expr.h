/* Scalar expressions, shared by all levels. Immutable trees (sharing allowed), arena-allocated. */
#ifndef HONE_IR_EXPR_H
#define HONE_IR_EXPR_H
#include "ir/op.h"
#include "ir/poly.h"
#include "ir/diag.h"

enum ekind {
  E_CONST,  /* .val */
  E_POLY,   /* .poly: an integer value of dims and indices, type i64 */
  E_SCALAR, /* .id: scalar parameter of the kernel (index into kernel.params), its type */
  E_READ,   /* .acc: element of a tensor, its type */
  E_OP,     /* .op, .kid[] */
  E_CAST,   /* C conversion of kid[0] to .type */
  E_LOCAL,  /* .id: scalar local variable (SOURCE, LOOP) */
  E_ARG     /* .id: placeholder in eq.rescale: 0 the old, 1 the new value of the state */
};

/* One subscript: poly + dyn. dyn (an integer expression, or NULL) makes it a gather. */
struct subscript { poly_t poly; const struct expr *dyn; };

/* A tensor element. Guards protect: when one of guard[] (each meaning >= 0) fails, nothing is loaded and the value is `otherwise`. */
struct access {
  uint16_t tensor;               /* TENSOR, GROUP: kernel.tensors; LOOP: see loop.h */
  uint8_t rank, nguard;
  struct subscript *ix;          /* [rank] */
  poly_t *guard;                 /* [nguard] */
  const struct expr *otherwise;  /* NULL iff nguard == 0 */
};

struct expr {
  uint8_t kind, type;            /* enum ekind, enum dtype */
  uint8_t op, nkid;              /* E_OP: enum op */
  uint16_t id;
  struct loc loc;
  union { union value val; poly_t poly; const struct access *acc; const struct expr *kid[3]; };
};
typedef const struct expr *expr_t;

expr_t expr_const(struct arena *a, enum dtype t, union value v);
expr_t expr_f(struct arena *a, enum dtype t, double v);         /* float constant, rounded to t */
expr_t expr_i(struct arena *a, enum dtype t, int64_t v);        /* integer constant, wrapped to t */
expr_t expr_poly(struct arena *a, poly_t p);
expr_t expr_scalar(struct arena *a, enum dtype t, unsigned param);
expr_t expr_local(struct arena *a, enum dtype t, unsigned local);
expr_t expr_arg(struct arena *a, enum dtype t, unsigned n);
expr_t expr_read(struct arena *a, enum dtype t, const struct access *acc);
expr_t expr_cast(struct arena *a, enum dtype t, expr_t x);      /* x itself when the type is the same */
expr_t expr_op1(struct arena *a, enum op o, expr_t x);
expr_t expr_op2(struct arena *a, enum op o, expr_t x, expr_t y);
expr_t expr_op3(struct arena *a, enum op o, expr_t x, expr_t y, expr_t z);
/* Access without guards on tensor t: ix[i] = {poly, NULL}. */
struct access *access_new(struct arena *a, unsigned tensor, unsigned rank, const poly_t *ix);

bool expr_eq(expr_t x, expr_t y);                               /* structural, ignores loc */
bool access_eq(const struct access *x, const struct access *y);
/* Rebuilds x bottom-up: fn gets each node after its kids (also those inside accesses) were mapped and returns its replacement. */
expr_t expr_map(struct arena *a, expr_t x, expr_t (*fn)(struct arena *, expr_t, void *), void *ctx);
/* Every poly inside x (E_POLY, subscripts, guards) replaced by fn. */
expr_t expr_map_poly(struct arena *a, expr_t x, poly_t (*fn)(struct arena *, poly_t, void *), void *ctx);
expr_t expr_subst_sym(struct arena *a, expr_t x, sym_t s, poly_t by);
/* Pre-order visit, also into accesses (dyn, otherwise). */
void expr_visit(expr_t x, void (*fn)(expr_t, void *), void *ctx);
bool expr_has_sym(expr_t x, sym_t s);
bool expr_reads(expr_t x, unsigned tensor);
unsigned expr_cost(expr_t x);                                   /* rough: 1 a simple op or load, 10 a transcendental, 4 a division */
#endif
