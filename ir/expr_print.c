/* Expressions and polynomials to text. The syntax, and why it can be read back exactly, is in expr_parse.h. */
#include "ir/expr_parse.h"
#include "ir/loop.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PREC_ADD = 9, PREC_MUL = 10, PREC_UNARY = 11 };

/* How a constant must be written so that the parser gives it the same type: see the sugar in expr_parse.h. */
enum numctx {
  NUM_PLAIN,   /* bare: f32, and E_POLY */
  NUM_TYPE,    /* bare: takes `type` */
  NUM_POLY,    /* bare: E_POLY */
  NUM_EXPLICIT /* nothing is bare */
};
struct printer {
  struct buf *out;
  const struct kernel *k;
  const struct lfunc *f;
};
struct place {
  unsigned prec;
  enum numctx num;
  uint8_t type;
};
static void print(const struct printer *p, expr_t x, struct place at);

static const char *symbol(const struct kernel *k, sym_t s) {
  return k && s < k->nsym ? k->sym[s].name : "?";
}

static void print_mono(struct buf *out, const struct kernel *k, const struct mono *m, bool first) {
  bool neg = m->coef < 0, whole = m->coef == INT64_MIN;
  uint64_t c = neg ? 0 - (uint64_t)m->coef : (uint64_t)m->coef;
  if (!first) buf_puts(out, neg && !whole ? " - " : " + ");
  if (neg && (first || whole)) buf_putc(out, '-');
  if (c != 1 || !m->n) buf_printf(out, "%llu%s", (unsigned long long)c, m->n ? "*" : "");
  for (unsigned i = 0; i < m->n; i++) {
    if (i) buf_putc(out, '*');
    name_print(out, symbol(k, m->sym[i]));
  }
}

void poly_print(struct buf *out, const struct kernel *k, poly_t p) {
  if (!p || p->overflow) {
    buf_puts(out, p ? "<overflow>" : "?");
    return;
  }
  if (!p->n) buf_putc(out, '0');
  for (uint32_t i = 0; i < p->n; i++) print_mono(out, k, &p->mono[i], i == 0);
}

static unsigned poly_prec(poly_t p) {
  if (p->n == 0) return PREC_UNARY;
  if (p->n > 1) return PREC_ADD;
  const struct mono *m = &p->mono[0];
  unsigned factors = m->n + (m->coef != 1 && m->coef != -1);
  return factors > 1 ? PREC_MUL : PREC_UNARY;
}

/* Fewest digits that give the same value of type t when read as a double and rounded. */
static void print_float(struct buf *out, enum dtype t, double v) {
  char s[40];
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(s, sizeof s, "%.*g", digits, v);
    union value read = {.f = strtod(s, NULL)};
    if (type_round(t, read).f == v && (type_computes(t) || fabs(read.f) <= type_largest(t))) break;
  }
  buf_puts(out, s);
  if (!strpbrk(s, ".e")) buf_puts(out, ".0");
}

void const_print(struct buf *out, enum dtype t, union value v, bool bare) {
  if (t == DT_bool) {
    buf_puts(out, v.u ? "true" : "false");
  } else if (type_is_float(t) && !isfinite(v.f)) {
    const char *s = isnan(v.f) ? "nan" : v.f < 0 ? "-inf" : "inf";
    if (bare) {
      buf_puts(out, s);
    } else {
      buf_printf(out, "%s(%s)", type_name(t), s);
    }
  } else {
    if (type_is_float(t)) {
      print_float(out, t, v.f);
    } else if (type_is_signed(t)) {
      buf_printf(out, "%lld", (long long)v.i);
    } else {
      buf_printf(out, "%llu", (unsigned long long)v.u);
    }
    if (!bare) buf_puts(out, type_name(t));
  }
}

static bool is_number(expr_t x) {
  return x->kind == E_CONST || (x->kind == E_POLY && poly_is_const(x->poly, NULL));
}

static void print_poly_node(const struct printer *p, expr_t x, struct place at) {
  bool plus = is_number(x) && at.num != NUM_PLAIN && at.num != NUM_POLY;
  bool paren = poly_prec(x->poly) < at.prec;
  buf_puts(p->out, paren ? "(" : plus ? "+" : "");
  poly_print(p->out, p->k, x->poly);
  if (paren) buf_putc(p->out, ')');
}

/* A bare number takes the type of the first operand that is no number. */
static struct place operand_place(expr_t x) {
  for (unsigned i = x->op == OP_select; i < x->nkid; i++) {
    if (is_number(x->kid[i])) continue;
    return (struct place){0, x->kid[i]->kind == E_POLY ? NUM_POLY : NUM_TYPE, x->kid[i]->type};
  }
  return (struct place){0, NUM_EXPLICIT, 0};
}

static bool folds(expr_t x) {
  bool arithmetic = x->op == OP_add || x->op == OP_sub || x->op == OP_mul;
  return arithmetic && x->kid[0]->kind == E_POLY && x->kid[1]->kind == E_POLY;
}

static void print_call(const struct printer *p, expr_t x, struct place kid) {
  buf_printf(p->out, "%s(", op_info[x->op].name);
  for (unsigned i = 0; i < x->nkid; i++) {
    if (i) buf_puts(p->out, ", ");
    struct place cond = {0, NUM_EXPLICIT, 0};
    print(p, x->kid[i], x->op == OP_select && i == 0 ? cond : kid);
  }
  buf_putc(p->out, ')');
}

static void print_op(const struct printer *p, expr_t x, struct place at) {
  const struct opinfo *o = &op_info[x->op];
  struct place kid = operand_place(x);
  bool prefix = x->op == OP_neg && x->kid[0]->kind != E_CONST && x->kid[0]->kind != E_POLY;
  if (!prefix && (!o->prec || folds(x))) {
    print_call(p, x, kid);
    return;
  }
  unsigned prec = prefix ? PREC_UNARY : o->prec;
  bool paren = prec < at.prec;
  if (paren) buf_putc(p->out, '(');
  if (prefix) {
    kid.prec = PREC_UNARY;
    buf_putc(p->out, '-');
    print(p, x->kid[0], kid);
  } else {
    kid.prec = prec;
    print(p, x->kid[0], kid);
    buf_printf(p->out, " %s ", o->text);
    kid.prec = prec + 1;
    print(p, x->kid[1], kid);
  }
  if (paren) buf_putc(p->out, ')');
}

static const char *tensor_name(const struct printer *p, unsigned t) {
  if (p->f) return t < p->f->nobject ? p->f->object[t].name : "?";
  return p->k && t < p->k->ntensor ? p->k->tensor[t].name : "?";
}

static void print_subscripts(const struct printer *p, const struct access *acc) {
  name_print(p->out, tensor_name(p, acc->tensor));
  buf_putc(p->out, '[');
  for (unsigned i = 0; i < acc->rank; i++) {
    const struct subscript *s = &acc->ix[i];
    if (i) buf_puts(p->out, ", ");
    bool only_dyn = s->dyn && s->dyn->kind != E_POLY && poly_is_const(s->poly, NULL) && !s->poly->n;
    if (!only_dyn) poly_print(p->out, p->k, s->poly);
    if (s->dyn && !only_dyn) buf_puts(p->out, " @ ");
    if (s->dyn) print(p, s->dyn, (struct place){0, NUM_PLAIN, 0});
  }
  buf_putc(p->out, ']');
}

void guards_print(struct buf *out, const struct kernel *k, unsigned n, const poly_t *g) {
  for (unsigned i = 0; i < n; i++) {
    if (i) buf_puts(out, ", ");
    poly_print(out, k, g[i]);
    buf_puts(out, " >= 0");
  }
}

static void print_read(const struct printer *p, expr_t x, struct place at) {
  const struct access *acc = x->acc;
  bool paren = acc->nguard && at.prec;
  if (paren) buf_putc(p->out, '(');
  print_subscripts(p, acc);
  if (acc->nguard) {
    buf_puts(p->out, " if ");
    guards_print(p->out, p->k, acc->nguard, acc->guard);
    buf_puts(p->out, " else ");
    print(p, acc->otherwise, (struct place){PREC_UNARY, NUM_TYPE, x->type});
  }
  if (paren) buf_putc(p->out, ')');
}

/* Bare integers are polynomials first: they end at INT64_MAX. */
static bool bare_const(expr_t x, struct place at) {
  if (x->type == DT_u64 && x->val.u > INT64_MAX) return false;
  if (at.num == NUM_PLAIN) return x->type == DT_f32;
  return at.num == NUM_TYPE && at.type == x->type;
}

static void print(const struct printer *p, expr_t x, struct place at) {
  switch (x->kind) {
  case E_CONST:
    const_print(p->out, (enum dtype)x->type, x->val, bare_const(x, at));
    break;
  case E_POLY:
    print_poly_node(p, x, at);
    break;
  case E_SCALAR:
    name_print(p->out, p->k && x->id < p->k->nparam ? p->k->param[x->id].name : "?");
    break;
  case E_LOCAL:
    name_print(p->out, p->f && x->id < p->f->nlocal ? p->f->local[x->id].name : "?");
    break;
  case E_ARG:
    buf_printf(p->out, "$%u", x->id);
    break;
  case E_READ:
    print_read(p, x, at);
    break;
  case E_OP:
    print_op(p, x, at);
    break;
  case E_CAST:
    buf_printf(p->out, "%s(", type_name((enum dtype)x->type));
    print(p, x->kid[0], (struct place){0, NUM_EXPLICIT, 0});
    buf_putc(p->out, ')');
  }
}

void expr_print_in(struct buf *out, const struct kernel *k, const struct lfunc *f, expr_t x) {
  print(&(struct printer){out, f ? f->k : k, f}, x, (struct place){0, NUM_PLAIN, 0});
}

void expr_print_as(struct buf *out, const struct kernel *k, const struct lfunc *f, expr_t x, enum dtype t) {
  print(&(struct printer){out, f ? f->k : k, f}, x, (struct place){0, NUM_TYPE, (uint8_t)t});
}

void expr_print(struct buf *out, const struct kernel *k, expr_t x) {
  expr_print_in(out, k, NULL, x);
}

void access_print(struct buf *out, const struct kernel *k, const struct lfunc *f, const struct access *acc) {
  print_subscripts(&(struct printer){out, f ? f->k : k, f}, acc);
}
