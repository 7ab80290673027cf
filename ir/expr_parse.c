/* Expressions from text by precedence climbing. The syntax is in expr_parse.h. */
#include "ir/expr_parse.h"
#include <assert.h>
#include <math.h>
#include <string.h>

enum { TREE_DEPTH = 1000, POLY_MAX_TERMS = 256, GUARD_MAX = 32, RANK_MAX = 16 };

/* A parsed value: lit says that it is a bare number, or an operation on nothing but those, which may still take another
   type. Until it does, the leaves are polynomials and f64 constants, and the types of operations on them say nothing.
 */
struct val {
  expr_t e;
  bool lit;
  unsigned depth;
};
static const struct val none;
static struct val parse_infix(struct expr_parser *p, unsigned min_prec);
static struct val parse_unary(struct expr_parser *p);

static expr_t placed(expr_t e, struct loc loc) {
  ((struct expr *)e)->loc = loc; /* nodes are made by this parser and not yet shared */
  return e;
}

static struct val fail(struct expr_parser *p, struct loc at, const char *text) {
  lex_error_at(p->l, at, "%s", text);
  return none;
}

static bool check_types(struct expr_parser *p, enum op o, const struct val *v, unsigned n, struct loc at);
static expr_t adapt(struct expr_parser *p, struct val v, enum dtype t);

static expr_t rebuild(struct arena *a, enum op o, const struct val *v, struct loc at) {
  unsigned n = op_info[o].arity;
  expr_t e = n == 1   ? expr_op1(a, o, v[0].e)
             : n == 2 ? expr_op2(a, o, v[0].e, v[1].e)
                      : expr_op3(a, o, v[0].e, v[1].e, v[2].e);
  return placed(e, at);
}

/* An operation on bare numbers in type t. */
static expr_t adapt_op(struct expr_parser *p, expr_t x, enum dtype t) {
  struct val v[3] = {0};
  for (unsigned i = 0; i < x->nkid; i++) {
    v[i].e = x->kid[i];
    if (x->op == OP_select && i == 0) continue;
    v[i].e = adapt(p, (struct val){x->kid[i], true, 1}, t);
    if (!v[i].e) return NULL;
  }
  if (!check_types(p, (enum op)x->op, v, x->nkid, x->loc)) return NULL;
  return rebuild(p->l->arena, (enum op)x->op, v, x->loc);
}

/* What lit values are when nothing else says: f32 (true) or polynomials. */
static bool is_float_number(expr_t x) {
  if (x->kind != E_OP) return x->kind == E_CONST;
  bool any = op_info[x->op].types == OPT_FLT;
  for (unsigned i = x->op == OP_select; i < x->nkid; i++) any |= is_float_number(x->kid[i]);
  return any;
}

/* Types that saturate would make another number of it; e4m3 has no infinity. */
static bool beyond(enum dtype t, double v) {
  return !type_computes(t) && fabs(v) > type_largest(t) && !(isinf(v) && t == DT_e5m2);
}

/* A bare number as a constant of type t; NULL with an error when it does not fit. */
static expr_t adapt(struct expr_parser *p, struct val v, enum dtype t) {
  struct arena *a = p->l->arena;
  int64_t c = 0;
  if (v.e->kind == E_OP) return adapt_op(p, v.e, t);
  bool is_int = v.e->kind == E_POLY && poly_is_const(v.e->poly, &c);
  expr_t r;
  if (!type_is_float(t)) {
    r = expr_i(a, t, c);
    bool fits = type_class(t) == DC_BOOL ? c == 0 || c == 1 : r->val.i == c && (c >= 0 || type_is_signed(t));
    if (!is_int || !fits) {
      lex_error_at(p->l, v.e->loc, "this number is not a value of type %s", type_name(t));
      return NULL;
    }
  } else if (beyond(t, is_int ? (double)c : v.e->val.f)) {
    lex_error_at(p->l, v.e->loc, "this number is too large for type %s", type_name(t));
    return NULL;
  } else if (is_int) {
    r = expr_const(a, t, type_convert(t, DT_i64, (union value){.i = c}));
  } else {
    r = expr_f(a, t, v.e->val.f);
    if (isinf(r->val.f) && !isinf(v.e->val.f)) {
      lex_error_at(p->l, v.e->loc, "this number is too large for type %s", type_name(t));
      return NULL;
    }
  }
  return placed(r, v.e->loc);
}

/* The value of a bare number with nothing to take a type from. Until then a float is kept as f64, not to round twice.
 */
static expr_t settle(struct expr_parser *p, struct val v) {
  if (!v.e || !v.lit) return v.e;
  if (is_float_number(v.e)) return adapt(p, v, DT_f32);
  bool wrong = v.e->kind == E_OP && !op_accepts((enum op)v.e->op, DT_i64);
  if (wrong) lex_error_at(p->l, v.e->loc, "'%s' does not take integers", op_info[v.e->op].name);
  return wrong ? NULL : v.e;
}

static bool suffixed_int(struct expr_parser *p, const struct token *t, bool neg, union value *v) {
  enum dtype dt = (enum dtype)t->suffix;
  v->u = neg ? 0 - t->u : t->u;
  bool fits = type_is_signed(dt) ? t->u <= (uint64_t)INT64_MAX + neg : !neg || !t->u;
  if (fits && type_round(dt, *v).u == v->u) return true;
  return lex_error_at(p->l, t->loc, "this number is not a value of type %s", type_name(dt));
}

/* The number at the current token. */
static struct val parse_number(struct expr_parser *p, bool neg) {
  struct lexer *l = p->l;
  struct arena *a = l->arena;
  struct token t = l->tok;
  struct loc loc = t.loc;
  double f = neg ? -t.f : t.f;
  lex_next(l);
  if (t.suffix != DT_COUNT) {
    enum dtype dt = (enum dtype)t.suffix;
    union value v;
    if (type_is_float(dt)) {
      struct val wide = {placed(expr_f(a, DT_f64, f), loc), true, 1};
      expr_t e = adapt(p, wide, dt);
      return e ? (struct val){e, false, 1} : none;
    }
    if (t.kind == TOK_FLOAT) return fail(p, loc, "a number with a fraction or an exponent cannot be an integer");
    if (!suffixed_int(p, &t, neg, &v)) return none;
    return (struct val){placed(expr_const(a, dt, v), loc), false, 1};
  }
  if (t.kind == TOK_FLOAT) return (struct val){placed(expr_f(a, DT_f64, f), loc), true, 1};
  if (t.u > (uint64_t)INT64_MAX + neg) return fail(p, loc, "this number is too large; write its type behind it");
  int64_t c = neg ? (int64_t)(0 - t.u) : (int64_t)t.u;
  return (struct val){placed(expr_poly(a, poly_const(a, c)), loc), true, 1};
}

/* inf nan true false. */
static struct val parse_word(struct expr_parser *p, bool neg) {
  struct lexer *l = p->l;
  struct token t = l->tok;
  bool is_inf = lex_is(l, "inf"), is_true = lex_is(l, "true");
  if (!is_inf && !is_true && !lex_is(l, "nan") && !lex_is(l, "false")) {
    lex_error(l, "unknown name %s", lex_describe(l));
    return none;
  }
  bool number = is_inf || lex_is(l, "nan");
  lex_next(l);
  expr_t e = number ? expr_f(l->arena, DT_f64, is_inf ? (neg ? -INFINITY : INFINITY) : NAN)
                    : expr_i(l->arena, DT_bool, is_true);
  return (struct val){placed(e, t.loc), number, 1};
}

static bool append_guard(struct expr_parser *p, poly_t *out, unsigned *n, unsigned max, poly_t x, poly_t y, int less) {
  struct arena *a = p->l->arena;
  if (*n == max) return lex_error(p->l, "too many guards");
  poly_t g = poly_addc(a, poly_sub(a, x, y), -less);
  if (g->overflow) return lex_error(p->l, "overflow in a guard");
  out[(*n)++] = g;
  return true;
}

bool guards_parse(struct expr_parser *p, poly_t *out, unsigned *n, unsigned max) {
  do {
    struct loc loc = p->l->tok.loc;
    struct val v = parse_infix(p, 0);
    if (!v.e) return false;
    bool cmp = v.e->kind == E_OP && (op_info[v.e->op].flags & OPF_CMP);
    if (!cmp || v.e->op == OP_ne || v.e->kid[0]->kind != E_POLY || v.e->kid[1]->kind != E_POLY)
      return lex_error_at(p->l, loc, "a guard must compare two sums of dims and indices by >=, >, <=, < or ==");
    poly_t x = v.e->kid[0]->poly, y = v.e->kid[1]->poly;
    unsigned o = v.e->op;
    if ((o == OP_ge || o == OP_gt || o == OP_eq) && !append_guard(p, out, n, max, x, y, o == OP_gt)) return false;
    if ((o == OP_le || o == OP_lt || o == OP_eq) && !append_guard(p, out, n, max, y, x, o == OP_lt)) return false;
  } while (lex_accept(p->l, ","));
  return true;
}

/* One subscript: poly, gather, or poly @ gather. */
static bool parse_subscript(struct expr_parser *p, struct subscript *s) {
  struct arena *a = p->l->arena;
  expr_t e = settle(p, parse_infix(p, 0));
  if (!e) return false;
  if (e->kind == E_POLY) {
    s->poly = e->poly;
    if (!lex_accept(p->l, "@")) return true;
    e = settle(p, parse_infix(p, 0));
    if (!e) return false;
  } else {
    s->poly = poly_const(a, 0);
  }
  s->dyn = e;
  if (!type_is_int((enum dtype)e->type))
    return lex_error_at(p->l, e->loc, "a subscript must be an integer, this is %s", type_name((enum dtype)e->type));
  return true;
}

static bool parse_subscripts(struct expr_parser *p, struct access *acc, unsigned rank) {
  struct subscript ix[RANK_MAX];
  struct loc loc = p->l->tok.loc;
  if (!lex_expect(p->l, "[")) return false;
  while (!lex_is(p->l, "]")) {
    if (acc->rank == RANK_MAX) return lex_error(p->l, "more than %d subscripts", RANK_MAX);
    ix[acc->rank] = (struct subscript){0};
    if (!parse_subscript(p, &ix[acc->rank])) return false;
    acc->rank++;
    if (!lex_accept(p->l, ",")) break;
  }
  if (!lex_expect(p->l, "]")) return false;
  if (acc->rank != rank)
    return lex_error_at(p->l, loc, "%u subscript%s for a tensor of rank %u", acc->rank, acc->rank == 1 ? "" : "s",
                        rank);
  acc->ix = arena_dup(p->l->arena, ix, sizeof *ix * rank);
  return true;
}

/* [...] [if guards] [else x] */
static struct access *parse_access(struct expr_parser *p, struct ref r, bool read) {
  struct lexer *l = p->l;
  struct access *acc = ARENA_NEW(l->arena, struct access, 1);
  acc->tensor = r.id;
  if (!parse_subscripts(p, acc, r.rank) || !read) return l->failed ? NULL : acc;
  struct loc loc = l->tok.loc;
  if (!l->tok.nl && lex_accept(l, "if")) { /* on the next line it is a statement of LOOP */
    poly_t g[GUARD_MAX];
    unsigned n = 0;
    if (!guards_parse(p, g, &n, GUARD_MAX)) return NULL;
    acc->nguard = (uint8_t)n;
    acc->guard = arena_dup(l->arena, g, sizeof *g * n);
    if (!lex_expect(l, "else")) return NULL;
  } else if (p->implied_guards && lex_accept(l, "else")) {
    if (!p->implied_guards(p->ctx, acc, loc)) return NULL;
  } else {
    return acc;
  }
  struct val v = parse_unary(p);
  expr_t e = v.lit ? adapt(p, v, (enum dtype)r.type) : v.e;
  acc->otherwise = acc->nguard ? e : NULL;
  return e ? acc : NULL;
}

struct access *access_parse(struct expr_parser *p, struct ref r) {
  return parse_access(p, r, false);
}

static struct val parse_name(struct expr_parser *p, bool neg) {
  struct lexer *l = p->l;
  struct arena *a = l->arena;
  struct token t = l->tok;
  struct ref r = p->resolve(p->ctx, &t);
  if (r.kind == REF_NONE && !t.quoted) return parse_word(p, neg);
  if (r.kind == REF_NONE) return lex_error(l, "unknown name %s", lex_describe(l)), none;
  lex_next(l);
  enum dtype dt = (enum dtype)r.type;
  if (r.kind == REF_TENSOR) {
    if (!lex_is(l, "[")) return fail(p, t.loc, "a tensor must be read with subscripts");
    struct access *acc = parse_access(p, r, true);
    return acc ? (struct val){placed(expr_read(a, dt, acc), t.loc), false, 1} : none;
  }
  expr_t e = r.kind == REF_SYM      ? expr_poly(a, poly_sym(a, r.id))
             : r.kind == REF_SCALAR ? expr_scalar(a, dt, r.id)
             : r.kind == REF_LOCAL  ? expr_local(a, dt, r.id)
                                    : expr_arg(a, dt, r.id);
  return (struct val){placed(e, t.loc), false, 1};
}

/* $0, $1 */
static struct val parse_arg(struct expr_parser *p) {
  struct lexer *l = p->l;
  struct token t = l->tok, n = lex_peek(l);
  if (n.kind != TOK_INT || n.s != t.s + 1) return lex_error(l, "expected an expression before '$'"), none;
  t.n = 1 + n.n;
  struct ref r = p->resolve(p->ctx, &t);
  if (r.kind != REF_ARG) return lex_error(l, "unknown name '%.*s'", (int)(t.n > 20 ? 20 : t.n), t.s), none;
  lex_next(l);
  lex_next(l);
  return (struct val){placed(expr_arg(l->arena, (enum dtype)r.type, r.id), t.loc), false, 1};
}

/* Gives bare numbers among the operands the type of the others (select: all but the condition). *lit: there are only
 * bare numbers, left as they are. */
static bool unify(struct expr_parser *p, enum op o, struct val *v, unsigned n, bool *lit) {
  unsigned first = o == OP_select, with = n;
  if (first) v[0].e = settle(p, v[0]);
  for (unsigned i = n; i-- > first;)
    if (!v[i].lit) with = i;
  *lit = with == n && !op_info[o].result_bool && !op_info[o].result_other;
  bool any_float = false;
  for (unsigned i = first; i < n; i++) any_float |= with == n && is_float_number(v[i].e);
  for (unsigned i = first; i < n && v[0].e && !*lit; i++) {
    bool poly = with < n ? v[with].e->kind == E_POLY && !is_float_number(v[i].e) : !any_float;
    if (!v[i].lit) continue;
    v[i].e = poly ? settle(p, v[i]) : adapt(p, v[i], with < n ? (enum dtype)v[with].e->type : DT_f32);
    if (!v[i].e) return false;
  }
  return v[0].e != NULL;
}

static bool check_types(struct expr_parser *p, enum op o, const struct val *v, unsigned n, struct loc at) {
  const char *name = op_info[o].text[0] ? op_info[o].text : op_info[o].name;
  unsigned first = o == OP_select;
  enum dtype t = (enum dtype)v[first].e->type;
  if (first && v[0].e->type != DT_bool) return lex_error_at(p->l, at, "the condition of select must be a comparison");
  for (unsigned i = first; i < n; i++)
    if (v[i].e->type != t)
      return lex_error_at(p->l, at, "operands of '%s' have different types, %s and %s: convert one, as in %s(...)",
                          name, type_name(t), type_name((enum dtype)v[i].e->type), type_name(t));
  if (!op_accepts(o, t) && !type_computes(t))
    return lex_error_at(p->l, at,
                        "'%s' does not take operands of type %s, which is one of memory only: convert them, f32(...)",
                        name, type_name(t));
  if (!op_accepts(o, t)) return lex_error_at(p->l, at, "'%s' does not take operands of type %s", name, type_name(t));
  return true;
}

static struct val make_op(struct expr_parser *p, enum op o, struct val *v, struct loc at) {
  unsigned n = op_info[o].arity, depth = 0;
  bool lit;
  if (!unify(p, o, v, n, &lit) || !(lit || check_types(p, o, v, n, at))) return none;
  if (lit && o == OP_select && v[0].e->type != DT_bool)
    return fail(p, at, "the condition of select must be a comparison");
  for (unsigned i = 0; i < n; i++)
    if (v[i].depth > depth) depth = v[i].depth;
  if (depth >= TREE_DEPTH) return fail(p, at, "expression too large");
  return (struct val){rebuild(p->l->arena, o, v, at), lit, depth + 1};
}

/* + - * of two polynomials is one polynomial. */
static struct val fold(struct expr_parser *p, enum op o, struct val x, struct val y, struct loc at) {
  struct arena *a = p->l->arena;
  poly_t (*fn)(struct arena *, poly_t, poly_t) = o == OP_add ? poly_add : o == OP_sub ? poly_sub : poly_mul;
  poly_t r = fn(a, x.e->poly, y.e->poly);
  if (r->overflow) return fail(p, at, "overflow in an integer expression");
  if (r->n > POLY_MAX_TERMS) return fail(p, at, "integer expression has too many terms");
  return (struct val){placed(expr_poly(a, r), x.e->loc), x.lit && y.lit, 1};
}

static struct val parse_cast(struct expr_parser *p, enum dtype t, struct loc at) {
  struct lexer *l = p->l;
  lex_next(l);
  lex_next(l);
  struct val v = parse_infix(p, 0);
  if (!v.e || !lex_expect(l, ")")) return none;
  if (v.lit) {
    expr_t e = adapt(p, v, t);
    return e ? (struct val){e, false, 1} : none;
  }
  if (v.depth >= TREE_DEPTH) return fail(p, at, "expression too large");
  expr_t e = expr_cast(l->arena, t, v.e);
  return (struct val){e == v.e ? e : placed(e, at), false, v.depth + 1};
}

/* NAME(...): an operation or a cast. */
static struct val parse_call(struct expr_parser *p) {
  struct lexer *l = p->l;
  struct token t = l->tok;
  enum dtype dt;
  enum op o;
  if (type_from_name(t.s, t.n, &dt)) return parse_cast(p, dt, t.loc);
  enum red r;
  if (!op_from_name(t.s, t.n, &o) && p->reduction && red_from_name(t.s, t.n, &r))
    return lex_error(l, "a reduction inside an expression must stand in parentheses: (%s(...) ...)", red_name[r]), none;
  if (!op_from_name(t.s, t.n, &o)) return lex_error(l, "unknown operation %s", lex_describe(l)), none;
  lex_next(l);
  lex_next(l);
  struct val v[3] = {0};
  unsigned n = 0, want = op_info[o].arity;
  while (!lex_is(l, ")")) {
    if (n == want) return lex_error(l, "%s takes %u operand%s", op_info[o].name, want, want == 1 ? "" : "s"), none;
    v[n] = parse_infix(p, 0);
    if (!v[n].e) return none;
    n++;
    if (!lex_accept(l, ",")) break;
  }
  if (!lex_expect(l, ")")) return none;
  if (n != want)
    return lex_error_at(l, t.loc, "%s takes %u operand%s, not %u", op_info[o].name, want, want == 1 ? "" : "s", n),
           none;
  return make_op(p, o, v, t.loc);
}

static struct val parse_primary(struct expr_parser *p, bool neg) {
  struct lexer *l = p->l;
  if (l->tok.kind == TOK_INT || l->tok.kind == TOK_FLOAT) return parse_number(p, neg);
  if (l->tok.kind == TOK_NAME) {
    struct token next = lex_peek(l);
    if (!l->tok.quoted && lex_token_is(&next, "(")) return parse_call(p);
    return parse_name(p, neg);
  }
  if (lex_is(l, "$")) return parse_arg(p);
  if (lex_accept(l, "(")) {
    struct val v = parse_infix(p, 0);
    return v.e && lex_expect(l, ")") ? v : none;
  }
  lex_error(l, "expected an expression before %s", lex_describe(l));
  return none;
}

/* Whether the token is a number that takes a minus sign into itself. */
static bool signed_number(struct expr_parser *p) {
  struct lexer *l = p->l;
  if (l->tok.kind == TOK_INT || l->tok.kind == TOK_FLOAT) return true;
  return lex_is(l, "inf") && p->resolve(p->ctx, &l->tok).kind == REF_NONE;
}

static struct val parse_minus(struct expr_parser *p, struct loc at) {
  struct arena *a = p->l->arena;
  if (signed_number(p)) {
    struct val v = parse_primary(p, true);
    if (v.e) placed(v.e, at);
    return v;
  }
  struct val v = parse_unary(p);
  if (!v.e) return none;
  if (v.e->kind != E_POLY) return make_op(p, OP_neg, &v, at);
  return fold(p, OP_sub, (struct val){placed(expr_poly(a, poly_const(a, 0)), at), true, 1}, v, at);
}

static struct val parse_unary(struct expr_parser *p) {
  struct lexer *l = p->l;
  struct loc at = l->tok.loc;
  struct val v;
  if (!lex_enter(l)) return none;
  if (lex_accept(l, "-")) {
    v = parse_minus(p, at);
  } else if (lex_accept(l, "+")) {
    v = parse_unary(p);
    v.e = settle(p, v);
    v.lit = false;
  } else {
    v = parse_primary(p, false);
  }
  lex_leave(l);
  return v;
}

static bool infix_op(const struct lexer *l, enum op *out) {
  if (l->tok.kind != TOK_PUNCT) return false;
  for (unsigned o = 0; o < OP_COUNT; o++)
    if (op_info[o].prec && lex_is(l, op_info[o].text)) {
      *out = (enum op)o;
      return true;
    }
  return false;
}

static struct val parse_infix(struct expr_parser *p, unsigned min_prec) {
  expr_t reduced = NULL;
  bool is_red = min_prec == 0 && p->reduction && p->reduction(p->ctx, &reduced);
  struct val x = is_red ? (struct val){reduced, false, 1} : parse_unary(p);
  enum op o;
  while (x.e && infix_op(p->l, &o) && op_info[o].prec >= min_prec) {
    struct loc at = p->l->tok.loc;
    lex_next(p->l);
    struct val v[2] = {x, parse_infix(p, op_info[o].prec + 1u)};
    if (!v[1].e) return none;
    bool arithmetic = o == OP_add || o == OP_sub || o == OP_mul;
    bool polys = x.e->kind == E_POLY && v[1].e->kind == E_POLY;
    x = arithmetic && polys ? fold(p, o, v[0], v[1], at) : make_op(p, o, v, at);
  }
  return p->l->failed ? none : x;
}

expr_t expr_parse(struct expr_parser *p) {
  return settle(p, parse_infix(p, 0));
}

expr_t expr_parse_as(struct expr_parser *p, enum dtype t) {
  struct val v = parse_infix(p, 0);
  if (!v.e) return NULL;
  return v.lit ? adapt(p, v, t) : v.e;
}

poly_t poly_parse(struct expr_parser *p) {
  struct loc at = p->l->tok.loc;
  expr_t e = expr_parse(p);
  if (!e) return NULL;
  if (e->kind != E_POLY) {
    lex_error_at(p->l, at, "expected a sum of dims, indices and integers");
    return NULL;
  }
  return e->poly;
}
