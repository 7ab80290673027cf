/* Expressions as text, for every level. The parser climbs precedences out of ops.def; names are resolved by the caller.

   Syntax (canonical, exact inverse of the printer)
     infix        a + b * c          binding strength from ops.def; left-associative
     prefix       -x                 neg; -1.5 is a constant, neg(1.5) the operation
     calls        exp(x) min(a, b) select(c, a, b) neg(x) add(a, b)      every operation by its name
     casts        f32(x)             C conversion
     constants    1.5f64 3i32 true nan f64(inf)     a float constant without suffix is f32
     integers     3, i + 1, 2*M*k    polynomials (E_POLY, i64); + - * of polynomials fold into one. The operation on two of them is add(i, 1).
     reads        X[i + 1, idx[j]]   a subscript is a polynomial, or an integer expression (a gather), or both: X[i + 1 @ idx[j]]
     guarded      (X[y + r - 1] if y + r - 1 >= 0 else 0)
   Sugar (read, not printed)
     A bare number next to an operand of another type takes that type: X[i] * 2, alpha + 0.5; so does an operation on bare numbers: X[i] * sqrt(2).
     Bare means: no suffix; +3 is the polynomial 3, never sugar.
     Guards may be p >= q, p > q, p <= q, p < q, p == q.
     f32(0.1), f64(3): the constant of that type.
   `else` after a guard list binds tightly: `X[i] if i >= 0 else 0 * y` is `(X[i] if i >= 0 else 0) * y`. */
#ifndef HONE_IR_EXPR_PARSE_H
#define HONE_IR_EXPR_PARSE_H
#include "ir/expr.h"
#include "ir/lex.h"

enum refkind { REF_NONE, REF_TENSOR, REF_SYM, REF_SCALAR, REF_LOCAL, REF_ARG };
struct ref { uint8_t kind, type, rank; uint16_t id; };   /* type, rank: of a tensor its elements and subscripts; REF_SYM: id is the symbol */
struct expr_parser {
  struct lexer *l;
  /* What a name means; kind REF_NONE when unknown (the parser then reports, or takes inf nan true false).
     E_ARG is written $0, $1: the token is then the two characters. */
  struct ref (*resolve)(void *ctx, const struct token *name);
  /* Sugar `X[...] else E` without a guard list: fills acc->guard and nguard (otherwise follows). NULL: refused. */
  bool (*implied_guards)(void *ctx, struct access *acc, struct loc at);
  /* A reduction where a whole expression may start, `sum(k) …` up to the end of that expression. False: there is none (nothing was read);
     true with *out NULL: an error was reported. NULL: reductions are refused. */
  bool (*reduction)(void *ctx, expr_t *out);
  void *ctx;
};
/* All return NULL / false after the lexer has reported an error. */
expr_t expr_parse(struct expr_parser *p);                         /* a bare number gets its own type: f32 or, for integers, E_POLY */
expr_t expr_parse_as(struct expr_parser *p, enum dtype t);        /* ... takes type t (printed with expr_print_as) */
poly_t poly_parse(struct expr_parser *p);                         /* an expression that must be a polynomial */
/* Subscripts and guards of an access to tensor r (its name is consumed, the token is '['). */
struct access *access_parse(struct expr_parser *p, struct ref r);
/* g {, g}: conditions on polynomials, each as "poly >= 0" (== gives two). Appends to out[*n], at most max. */
bool guards_parse(struct expr_parser *p, poly_t *out, unsigned *n, unsigned max);

/* Printing. f: names of locals and objects (LOOP, SOURCE); NULL: tensors of k. */
struct kernel;
struct lfunc;
struct buf;
void expr_print_in(struct buf *out, const struct kernel *k, const struct lfunc *f, expr_t x);
void expr_print_as(struct buf *out, const struct kernel *k, const struct lfunc *f, expr_t x, enum dtype t); /* inverse of expr_parse_as(t) */
void access_print(struct buf *out, const struct kernel *k, const struct lfunc *f, const struct access *acc); /* X[...] without its guards */
void guards_print(struct buf *out, const struct kernel *k, unsigned n, const poly_t *g);                     /* p >= 0, q >= 0 */
void const_print(struct buf *out, enum dtype t, union value v, bool bare);  /* bare: f32 without suffix */
#endif
