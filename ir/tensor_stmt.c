/* One equation of a .hone kernel: `[for AXES [if GUARDS]:] LHS[...] = EXPRESSION`.

   Reductions may stand anywhere in the expression; each becomes an equation of its own ("pending") that defines a temp
   over the outer indices its body uses. When the expression is nothing but a reduction (maybe converted), that is the
   equation itself. Ranges are filled in when the whole statement was read, from all accesses that it makes. */
#include "ir/buf.h"
#include "ir/tensor_parse.h"
#include <string.h>

bool keyword(struct tparser *p, const char *word) {
  struct token next = lex_peek(&p->l);
  return lex_is(&p->l, word) && !lex_token_is(&next, "[");
}

/* ---- indices ---- */

static bool parse_index(struct tparser *p, sym_t *s) {
  struct lexer *l = &p->l;
  static const char *const kind[] = {"", "a dim", "", "a tensor", "a scalar", "a tensor"};
  if (l->tok.kind != TOK_NAME) return lex_error(l, "expected an index before %s", lex_describe(l));
  struct name *x = name_put(p, l->tok.s, l->tok.n);
  if (!x) return false;
  if (x->kind == NAME_UNKNOWN) {
    if (p->k->nsym >= TEXT_MAX_ITEMS) return lex_error(l, "more than %d symbols", TEXT_MAX_ITEMS);
    x->kind = NAME_INDEX;
    x->id = kernel_add_sym(p->k, x->s, SYM_INDEX);
  }
  if (x->kind != NAME_INDEX) return lex_error(l, "'%s' is %s, not an index", x->s, kind[x->kind]);
  lex_next(l);
  *s = x->id;
  return true;
}

bool parse_axis(struct tparser *p, struct axis *x) {
  *x = (struct axis){0};
  if (!parse_index(p, &x->sym)) return false;
  if (!lex_accept(&p->l, "in")) return true;
  x->lo = poly_parse(&p->ep);
  if (!x->lo || !lex_expect(&p->l, "..")) return false;
  x->hi = poly_parse(&p->ep);
  return x->hi != NULL;
}

static bool in_scope(const struct tparser *p, sym_t s) {
  for (unsigned i = 0; i < p->nscope; i++)
    if (p->scope[i] == s) return true;
  return false;
}

static bool push_scope(struct tparser *p, sym_t s) {
  if (p->nscope == sizeof p->scope / sizeof *p->scope) return lex_error(&p->l, "too many indices in one equation");
  p->scope[p->nscope++] = s;
  return true;
}

/* AXES [if GUARDS], up to the closing sign. */
static bool parse_axes(struct tparser *p, struct axis *axis, unsigned *n, poly_t **guard, uint8_t *nguard) {
  do {
    struct loc at = p->l.tok.loc;
    if (*n == TEXT_MAX_AXIS) return lex_error(&p->l, "more than %d indices", TEXT_MAX_AXIS);
    if (!parse_axis(p, &axis[*n])) return false;
    sym_t s = axis[*n].sym;
    if (in_scope(p, s)) return lex_error_at(&p->l, at, "index '%s' is already used around here", p->k->sym[s].name);
    if (!push_scope(p, s)) return false;
    ++*n;
  } while (lex_accept(&p->l, ","));
  if (!lex_accept(&p->l, "if")) return true;
  poly_t g[TEXT_MAX_GUARD];
  unsigned ng = 0;
  if (!guards_parse(&p->ep, g, &ng, TEXT_MAX_GUARD)) return false;
  *guard = arena_dup(p->a, g, sizeof *g * ng);
  *nguard = (uint8_t)ng;
  return true;
}

/* ---- reductions inside expressions ---- */

struct parens { /* what stands between the parentheses behind a name, and behind them */
  unsigned commas;
  bool worded; /* `in` or `if` behind a name */
  struct token after;
};

static struct parens look_parens(const struct lexer *from) {
  struct parens r = {0};
  struct lexer l = *from;
  unsigned depth = 0;
  bool name = false;
  l.d = NULL;
  lex_next(&l);
  for (unsigned n = 0; l.tok.kind != TOK_EOF; n++, lex_next(&l)) {
    if (n == TEXT_LOOK) return (struct parens){.commas = 1}; /* too long for a list of indices */
    if (lex_is(&l, "(") || lex_is(&l, "[")) depth++;
    if ((lex_is(&l, ")") || lex_is(&l, "]")) && --depth == 0) break;
    if (depth == 1 && lex_is(&l, ",")) r.commas++;
    if (depth == 1 && name && (lex_is(&l, "in") || lex_is(&l, "if"))) r.worded = true;
    name = l.tok.kind == TOK_NAME && !lex_is(&l, "if") && !lex_is(&l, "else");
  }
  lex_next(&l);
  r.after = l.tok;
  return r;
}

static bool starts_operand(const struct token *t) {
  static const char *const word[] = {"if", "else", "from", "start", "state", "rescale", "running"};
  if (t->nl) return false;
  if (t->kind == TOK_INT || t->kind == TOK_FLOAT || lex_token_is(t, "(") || lex_token_is(t, "$")) return true;
  if (t->kind != TOK_NAME) return false;
  for (size_t i = 0; i < sizeof word / sizeof *word; i++)
    if (lex_token_is(t, word[i])) return false;
  return true;
}

/* `max(k) X[k]` reduces, `max(a, b)` is an operation. */
static bool starts_reduction(const struct tparser *p, enum red *r) {
  const struct token *t = &p->l.tok;
  struct token next = lex_peek(&p->l);
  enum op o;
  if (t->kind != TOK_NAME || t->quoted || !red_from_name(t->s, t->n, r) || !lex_token_is(&next, "(")) return false;
  if (!op_from_name(t->s, t->n, &o)) return true;
  struct parens in = look_parens(&p->l);
  return in.worded || in.commas == 0 || starts_operand(&in.after);
}

static bool has(const sym_t *s, unsigned n, sym_t x) {
  for (unsigned i = 0; i < n; i++)
    if (s[i] == x) return true;
  return false;
}

static void eq_index_syms(const struct kernel *k, const struct eq *e, sym_t *out, unsigned *n, unsigned max) {
  expr_index_syms(k, e->body, out, n, max);
  expr_index_syms(k, e->init, out, n, max);
  expr_index_syms(k, e->start, out, n, max);
  for (unsigned i = 0; i < e->nguard; i++) poly_index_syms(k, e->guard[i], out, n, max);
  for (unsigned i = 0; i < e->nax; i++) {
    poly_index_syms(k, e->axis[i].lo, out, n, max);
    poly_index_syms(k, e->axis[i].hi, out, n, max);
  }
}

struct sym_place {
  sym_t s;
  struct loc at;
};

static void place_node(expr_t x, void *ctx) {
  struct sym_place *w = ctx;
  bool here = x->kind == E_POLY && poly_has(x->poly, w->s);
  for (unsigned i = 0; x->kind == E_READ && i < x->acc->rank; i++) here |= poly_has(x->acc->ix[i].poly, w->s);
  if (here && !w->at.line) w->at = x->loc;
}

static struct loc sym_loc(const struct eq *e, sym_t s) {
  struct sym_place w = {.s = s};
  expr_visit(e->body, place_node, &w);
  if (e->init && !w.at.line) expr_visit(e->init, place_node, &w);
  return w.at.line ? w.at : e->loc;
}

static void stray_index(struct tparser *p, const struct eq *e, sym_t s) {
  const char *name = p->k->sym[s].name;
  semantic_error(p, sym_loc(e, s), "'%s' is neither an index of the left side nor reduced over%s", name,
                 suggest(p, name, strlen(name), 1u << NAME_SCALAR | 1u << NAME_DIM | 1u << NAME_TENSOR));
}

/* The temp that holds the reduction: over the outer indices that it uses, in their order. */
static expr_t pending_temp(struct tparser *p, struct pending *q) {
  sym_t used[256], free_sym[TEXT_MAX_AXIS];
  unsigned nused = 0, nfree = 0;
  struct eq *e = &q->e;
  eq_index_syms(p->k, e, used, &nused, 256);
  for (unsigned i = 0; i < p->nscope; i++) {
    if (!has(used, nused, p->scope[i])) continue;
    if (nfree == TEXT_MAX_AXIS || nfree + e->nax > TEXT_MAX_AXIS) return lex_error(&p->l, "too many indices"), NULL;
    free_sym[nfree++] = p->scope[i];
  }
  struct axis *axis = ARENA_NEW(p->a, struct axis, nfree + e->nax);
  poly_t *idx = ARENA_NEW(p->a, poly_t, nfree), *unknown = ARENA_NEW(p->a, poly_t, nfree);
  for (unsigned i = 0; i < nfree; i++) {
    axis[i].sym = free_sym[i];
    idx[i] = poly_sym(p->a, free_sym[i]);
  }
  memcpy(axis + nfree, e->axis, sizeof *axis * e->nax);
  e->axis = axis;
  e->npar = (uint8_t)nfree;
  e->nax = (uint8_t)(e->nax + nfree);
  e->lhs_idx = idx;
  for (unsigned i = 0; i < nused; i++) {
    bool mine = false;
    for (unsigned j = 0; j < e->nax; j++) mine |= axis[j].sym == used[i];
    if (!mine) stray_index(p, e, used[i]);
  }
  if (p->k->ntensor >= TEXT_MAX_ITEMS) return lex_error(&p->l, "more than %d tensors", TEXT_MAX_ITEMS), NULL;
  e->lhs = (uint16_t)kernel_add_tensor(p->k, "", eq_value_type(e), ROLE_TEMP, nfree, unknown);
  p->hoisted[e->lhs] = true;
  struct access *acc = access_new(p->a, e->lhs, nfree, idx);
  struct expr *x = (struct expr *)expr_read(p->a, eq_value_type(e), acc);
  x->loc = e->loc;
  return x;
}

static bool parse_from(struct tparser *p, struct eq *e) {
  if (keyword(p, "from")) {
    lex_next(&p->l);
    struct loc at = p->l.tok.loc;
    e->init = expr_parse_as(&p->ep, eq_value_type(e));
    if (!e->init) return false;
    if (e->init->type != (uint8_t)eq_value_type(e))
      return lex_error_at(&p->l, at, "the start value is %s but the reduction is %s: convert one",
                          type_name((enum dtype)e->init->type), type_name(eq_value_type(e)));
  }
  if (!keyword(p, "start")) return true;
  if (!red_is_arg(e->red)) return lex_error(&p->l, "'start' is for argmin and argmax; write 'from'");
  lex_next(&p->l);
  struct loc at = p->l.tok.loc;
  e->start = expr_parse_as(&p->ep, (enum dtype)e->body->type);
  if (e->start && e->start->type != e->body->type)
    return lex_error_at(&p->l, at, "the value to beat is %s but the values are %s: convert one",
                        type_name((enum dtype)e->start->type), type_name((enum dtype)e->body->type));
  return e->start != NULL;
}

static bool red_takes(struct tparser *p, enum red r, enum dtype t, struct loc at) {
  bool logic = r == RED_and || r == RED_or || r == RED_xor, is_bool = t == DT_bool;
  if (!type_computes(t))
    return lex_error_at(&p->l, at,
                        "'%s' does not reduce values of type %s, which is one of memory only: convert them, f32(...)",
                        red_name[r], type_name(t));
  if (logic ? !type_is_float(t) : !is_bool) return true;
  return lex_error_at(&p->l, at, "'%s' does not reduce values of type %s", red_name[r], type_name(t));
}

static bool parse_reduced(struct tparser *p, enum red r, struct pending *q) {
  struct axis axis[TEXT_MAX_AXIS];
  unsigned n = 0, outer = p->nscope;
  struct eq *e = &q->e;
  lex_next(&p->l);
  lex_next(&p->l);
  if (!parse_axes(p, axis, &n, &e->guard, &e->nguard) || !lex_expect(&p->l, ")")) return false;
  e->red = (uint8_t)r;
  e->axis = arena_dup(p->a, axis, sizeof *axis * n);
  e->nax = (uint8_t)n;
  e->body = expr_parse(&p->ep);
  if (!e->body || !red_takes(p, r, (enum dtype)e->body->type, e->loc)) return false;
  p->nscope = outer; /* the start value stands outside */
  return parse_from(p, e);
}

static expr_t parse_pending(struct tparser *p, enum red r) {
  struct loc at = p->l.tok.loc;
  int outer = p->around;
  unsigned nscope = p->nscope, me = p->npend;
  if (me == MAX_PENDING) return lex_error(&p->l, "more than %d reductions in one equation", MAX_PENDING), NULL;
  p->npend++;
  struct pending *q = &p->pend[me];
  *q = (struct pending){.e = {.state = UINT16_MAX, .loc = at}, .parent = outer};
  p->around = (int)me;
  bool ok = parse_reduced(p, r, q);
  p->around = outer;
  p->nscope = nscope;
  expr_t x = ok ? pending_temp(p, q) : NULL;
  if (x) p->done[p->ndone++] = (uint8_t)me;
  return x;
}

static bool reduction_hook(void *ctx, expr_t *out) {
  struct tparser *p = ctx;
  enum red r;
  *out = NULL;
  if (!starts_reduction(p, &r)) return false;
  if (!lex_enter(&p->l)) return true;
  *out = parse_pending(p, r);
  lex_leave(&p->l);
  return true;
}

/* `X[y - 1] else 0`: each subscript within its extent. Those that are so anyway are dropped when the ranges are known.
 */
static bool implied_guards(void *ctx, struct access *acc, struct loc at) {
  struct tparser *p = ctx;
  const struct tensor *t = &p->k->tensor[acc->tensor];
  poly_t g[2 * TEXT_MAX_AXIS];
  unsigned n = 0;
  if (p->nimplied == MAX_IMPLIED) return lex_error(&p->l, "too many guarded reads in one equation");
  if (!acc->rank) return lex_error_at(&p->l, at, "a single value needs no guard");
  for (unsigned d = 0; d < acc->rank; d++) {
    if (acc->ix[d].dyn)
      return lex_error_at(&p->l, at, "a guard cannot be implied for a subscript that is read from a tensor");
    if (!t->extent[d]) return lex_error_at(&p->l, at, "a guard cannot be implied: the extent is not known");
    g[n++] = acc->ix[d].poly;
    g[n++] = poly_addc(p->a, poly_sub(p->a, t->extent[d], acc->ix[d].poly), -1);
    if (g[n - 1]->overflow) return lex_error_at(&p->l, at, "overflow in a guard");
  }
  acc->nguard = (uint8_t)n;
  acc->guard = arena_dup(p->a, g, sizeof *g * n);
  p->implied_in[p->nimplied] = p->around;
  p->implied[p->nimplied++] = acc;
  return true;
}

/* ---- the left side ---- */

struct left {
  struct token name;
  struct name *entry;
  bool fresh; /* a temp that this statement makes */
  unsigned rank;
  poly_t idx[TEXT_MAX_AXIS];
  struct axis axis[TEXT_MAX_AXIS];
  unsigned naxis;
  poly_t *guard;
  uint8_t nguard;
};

static bool left_name(struct tparser *p, struct left *x) {
  struct lexer *l = &p->l;
  x->name = l->tok;
  if (l->tok.kind != TOK_NAME) return lex_error(l, "expected an equation before %s", lex_describe(l));
  x->entry = name_put(p, l->tok.s, l->tok.n);
  if (!x->entry) return false;
  uint8_t kind = x->entry->kind;
  if (kind == NAME_SCALAR || kind == NAME_DIM || kind == NAME_INDEX)
    return lex_error(l, "'%s' is %s, not a tensor: it cannot be assigned to", x->entry->s,
                     kind == NAME_SCALAR ? "a scalar"
                     : kind == NAME_DIM  ? "a dim"
                                         : "an index");
  x->fresh = kind != NAME_TENSOR;
  if (kind == NAME_TENSOR && p->k->tensor[x->entry->id].role == ROLE_IN)
    return lex_error(l, "'%s' is an input; declare it 'inout %s: ...' to write to it", x->entry->s, x->entry->s);
  lex_next(l);
  return true;
}

static bool left_indices(struct tparser *p, struct left *x) {
  struct loc at = p->l.tok.loc;
  if (!lex_expect(&p->l, "[")) return false;
  while (!lex_is(&p->l, "]")) {
    if (x->rank == TEXT_MAX_AXIS) return lex_error(&p->l, "more than %d dimensions", TEXT_MAX_AXIS);
    if (!(x->idx[x->rank] = poly_parse(&p->ep))) return false;
    x->rank++;
    if (!lex_accept(&p->l, ",")) break;
  }
  if (!lex_expect(&p->l, "]")) return false;
  if (x->fresh) return true;
  unsigned rank = p->k->tensor[x->entry->id].rank;
  if (rank == x->rank) return true;
  return lex_error_at(&p->l, at, "%u subscript%s for '%s' of rank %u", x->rank, x->rank == 1 ? "" : "s", x->entry->s,
                      rank);
}

/* Indices of the left side that the `for` does not list follow it. */
static bool left_axes(struct tparser *p, struct left *x) {
  sym_t s[TEXT_MAX_AXIS];
  unsigned n = infer_lhs_syms(p->k, x->idx, x->rank, s, TEXT_MAX_AXIS);
  for (unsigned i = 0; i < n; i++) {
    if (in_scope(p, s[i])) continue;
    if (x->naxis == TEXT_MAX_AXIS) return lex_error(&p->l, "more than %d indices", TEXT_MAX_AXIS);
    x->axis[x->naxis++] = (struct axis){.sym = s[i]};
    if (!push_scope(p, s[i])) return false;
  }
  return true;
}

static bool parse_left(struct tparser *p, struct left *x) {
  if (keyword(p, "for")) {
    lex_next(&p->l);
    if (!parse_axes(p, x->axis, &x->naxis, &x->guard, &x->nguard) || !lex_expect(&p->l, ":")) return false;
  }
  p->e.loc = p->l.tok.loc;
  return left_name(p, x) && left_indices(p, x) && left_axes(p, x);
}

/* ---- the right side ---- */

/* The pending reduction that is all of x, maybe under a conversion; -1. */
static int whole_reduction(const struct tparser *p, expr_t x, const struct left *left) {
  if (left->nguard) return -1;
  if (x->kind == E_CAST && x->type != DT_bool) x = x->kid[0];
  if (x->kind != E_READ) return -1;
  for (unsigned i = 0; i < p->npend; i++)
    if (p->pend[i].e.lhs == x->acc->tensor && p->pend[i].parent < 0) return (int)i;
  return -1;
}

/* The statement is this reduction: no temp is needed. */
static void become(struct tparser *p, int which, const struct left *left) {
  struct pending *q = &p->pend[which];
  struct eq *e = &p->e;
  unsigned nred = q->e.nax - q->e.npar;
  struct axis *axis = ARENA_NEW(p->a, struct axis, left->naxis + nred);
  memcpy(axis, left->axis, sizeof *axis * left->naxis);
  memcpy(axis + left->naxis, q->e.axis + q->e.npar, sizeof *axis * nred);
  e->axis = axis;
  e->npar = (uint8_t)left->naxis;
  e->nax = (uint8_t)(left->naxis + nred);
  e->red = q->e.red;
  e->body = q->e.body;
  e->init = q->e.init;
  e->start = q->e.start;
  e->guard = q->e.guard;
  e->nguard = q->e.nguard;
  q->dead = true;
  p->hoisted[q->e.lhs] = false;
  p->k->ntensor--; /* made last */
}

static void plain(struct tparser *p, expr_t x, const struct left *left) {
  struct eq *e = &p->e;
  e->axis = arena_dup(p->a, left->axis, sizeof *left->axis * left->naxis);
  e->npar = e->nax = (uint8_t)left->naxis;
  e->body = x;
  e->guard = left->guard;
  e->nguard = left->nguard;
}

static bool check_stored(struct tparser *p, const struct left *left, enum dtype t, enum dtype made, struct loc at) {
  if (t == made || (red_is_arg(p->e.red) && type_is_int(t))) return true;
  return lex_error_at(&p->l, at,
                      "'%s' holds %s but the right side is %s: convert it, as in %s(...), or store it with ':='",
                      left->entry->s, type_name(t), type_name(made), type_name(t));
}

static bool parse_right(struct tparser *p, struct left *left, enum dtype *type) {
  bool converts = lex_is(&p->l, ":=");
  if (!lex_accept(&p->l, ":=") && !lex_expect(&p->l, "=")) return false;
  struct loc at = p->l.tok.loc;
  bool known = !left->fresh && !converts;
  enum dtype t = left->fresh ? DT_COUNT : (enum dtype)p->k->tensor[left->entry->id].type;
  expr_t x = known ? expr_parse_as(&p->ep, t) : expr_parse(&p->ep);
  if (!x) return false;
  int whole = whole_reduction(p, x, left);
  bool cast = x->kind == E_CAST;
  *type = left->fresh ? (enum dtype)x->type : t;
  if (whole >= 0 && (!cast || x->type == *type)) {
    become(p, whole, left);
  } else {
    plain(p, x, left);
    whole = -1;
  }
  if (converts && left->fresh)
    return lex_error_at(&p->l, at, "':=' needs a declared tensor: temp %s: TYPE[...]", left->entry->s);
  return converts || (whole >= 0 && cast) || check_stored(p, left, *type, eq_value_type(&p->e), at);
}

static bool parse_annotation(struct tparser *p, const char *word, expr_t *out) {
  if (!keyword(p, word)) return true;
  lex_next(&p->l);
  *out = expr_parse_as(&p->ep, (enum dtype)p->e.body->type);
  if (*out && (*out)->type != p->e.body->type)
    return lex_error(&p->l, "%s is %s but the equation computes %s", word, type_name((enum dtype)(*out)->type),
                     type_name((enum dtype)p->e.body->type));
  return *out != NULL;
}

/* state TENSOR [rescale E] [running E] */
static bool parse_state(struct tparser *p) {
  if (!keyword(p, "state")) return true;
  lex_next(&p->l);
  struct name *x = p->l.tok.kind == TOK_NAME ? name_find(p, p->l.tok.s, p->l.tok.n) : NULL;
  if (!x || x->kind != NAME_TENSOR) return lex_error(&p->l, "expected a tensor before %s", lex_describe(&p->l));
  lex_next(&p->l);
  p->e.state = x->id;
  p->arg_type = p->k->tensor[x->id].type;
  p->ep.reduction = NULL;
  bool ok = parse_annotation(p, "rescale", &p->e.rescale) && parse_annotation(p, "running", &p->e.running);
  p->ep.reduction = reduction_hook;
  p->arg_type = DT_COUNT;
  return ok;
}

/* ---- ranges ---- */

static bool inside(const struct tparser *p, int which, int owner) {
  while (which >= 0 && which != owner) which = p->pend[which].parent;
  return which == owner;
}

static void infer_eq(struct infer *in, const struct kernel *k, const struct eq *e) {
  infer_expr(in, k, e->body);
  infer_expr(in, k, e->init);
  infer_expr(in, k, e->start);
}

static const char *extent_text(struct tparser *p, poly_t x) {
  struct buf b;
  struct oom_guard g;
  buf_init(&b);
  if (!OOM_TRY(&g)) {
    buf_free(&b);
    oom_raise();
  }
  poly_print(&b, p->k, x);
  const char *s = arena_strdup(p->a, b.data);
  oom_leave(&g);
  buf_free(&b);
  return s;
}

static void clash(struct tparser *p, const struct infer *in) {
  const char *name = p->k->sym[in->sym].name;
  semantic_error(p, in->other.loc,
                 "index '%s' would range over %s (dimension %u of '%s') and over %s (dimension %u of '%s')", name,
                 extent_text(p, in->first.extent), in->first.dim + 1, p->k->tensor[in->first.tensor].name,
                 extent_text(p, in->other.extent), in->other.dim + 1, p->k->tensor[in->other.tensor].name);
  diag_note(p->d, in->other.loc, "state its range: 'for %s in 0..%s: ...' or 'sum(%s in 0..%s) ...'", name,
            extent_text(p, in->first.extent), name, extent_text(p, in->first.extent));
}

/* Range of an index from the accesses made within `owner`. */
static void infer_axis(struct tparser *p, struct axis *x, int owner, const struct left *left, struct loc at) {
  struct infer in = {.sym = x->sym};
  if (x->lo) return;
  x->lo = poly_const(p->a, 0);
  x->hi = poly_const(p->a, 1);
  if (owner < 0 && !left->fresh) infer_index(&in, p->k, left->entry->id, left->idx, p->e.loc);
  if (owner < 0) infer_eq(&in, p->k, &p->e);
  for (unsigned i = 0; i < p->npend; i++)
    if (!p->pend[i].dead && (owner < 0 || inside(p, (int)i, owner))) infer_eq(&in, p->k, &p->pend[i].e);
  if (in.found && !in.clash) {
    x->hi = in.first.extent;
  } else if (in.clash) {
    clash(p, &in);
  } else {
    semantic_error(p, at, "the range of index '%s' does not follow from the accesses; state it, as in '%s in 0..N'",
                   p->k->sym[x->sym].name, p->k->sym[x->sym].name);
  }
}

static const struct axis *axis_of(const struct eq *e, sym_t s) {
  for (unsigned i = 0; i < e->nax; i++)
    if (e->axis[i].sym == s) return &e->axis[i];
  return NULL;
}

/* Range of an outer index of a pending reduction: that of the equation around it. */
static void inherit(struct tparser *p, struct axis *x, int parent) {
  const struct eq *e = parent < 0 || p->pend[parent].dead ? &p->e : &p->pend[parent].e;
  const struct axis *y = axis_of(e, x->sym);
  int up = parent;
  while (!y && up >= 0) {
    up = p->pend[up].parent;
    y = axis_of(up < 0 || p->pend[up].dead ? &p->e : &p->pend[up].e, x->sym);
  }
  x->lo = y ? y->lo : poly_const(p->a, 0);
  x->hi = y ? y->hi : poly_const(p->a, 1);
}

static void fill_extents(struct tparser *p, struct eq *e) {
  struct tensor *t = &p->k->tensor[e->lhs];
  for (unsigned d = 0; d < t->rank; d++) {
    t->extent[d] = infer_extent(p->a, p->k, e->lhs_idx[d], e->axis, e->npar);
    if (t->extent[d]) continue;
    t->extent[d] = poly_const(p->a, 0);
    if (!p->stmt_bad)
      semantic_error(p, e->loc, "the extents of '%s' do not follow from its index ranges; declare it: temp %s: %s[...]",
                     t->name, t->name, type_name((enum dtype)t->type));
  }
}

/* Guards of the statement that its inner reduction can check too save the work; elsewhere the result is not used. */
static void narrow(struct tparser *p, struct eq *e, const struct left *left) {
  poly_t g[2 * TEXT_MAX_GUARD];
  unsigned n = 0;
  for (unsigned i = 0; i < e->nguard; i++) g[n++] = e->guard[i];
  for (unsigned i = 0; i < left->nguard; i++) {
    sym_t s[TEXT_MAX_AXIS];
    unsigned ns = 0;
    bool ok = true;
    poly_index_syms(p->k, left->guard[i], s, &ns, TEXT_MAX_AXIS);
    for (unsigned j = 0; j < ns; j++) ok &= axis_of(e, s[j]) != NULL;
    if (ok) g[n++] = left->guard[i];
  }
  e->guard = arena_dup(p->a, g, sizeof *g * n);
  e->nguard = (uint8_t)n;
}

static void fill_ranges(struct tparser *p, const struct left *left) {
  for (unsigned i = 0; i < p->e.nax; i++) infer_axis(p, &p->e.axis[i], -1, left, p->e.loc);
  for (unsigned q = 0; q < p->npend; q++) { /* outer ones come first */
    struct eq *e = &p->pend[q].e;
    if (p->pend[q].dead) continue;
    for (unsigned i = 0; i < e->npar; i++) inherit(p, &e->axis[i], p->pend[q].parent);
    for (unsigned i = e->npar; i < e->nax; i++) infer_axis(p, &e->axis[i], (int)q, left, e->loc);
    if (left->nguard) narrow(p, e, left);
    p->k->tensor[e->lhs].name = left->entry->s;
    fill_extents(p, e);
  }
}

static bool never_negative(struct tparser *p, const struct eq *e, poly_t g) {
  poly_t min = infer_extreme(p->a, p->k, g, e->axis, e->nax, false);
  if (!min) return false;
  for (uint32_t i = 0; i < min->n; i++)
    if (min->mono[i].coef < 0) return false;
  return true;
}

static void prune_implied(struct tparser *p) {
  for (unsigned i = 0; i < p->nimplied; i++) {
    struct access *acc = p->implied[i];
    int in = p->implied_in[i];
    const struct eq *e = in < 0 || p->pend[in].dead ? &p->e : &p->pend[in].e;
    unsigned n = 0;
    for (unsigned g = 0; g < acc->nguard; g++)
      if (!never_negative(p, e, acc->guard[g])) acc->guard[n++] = acc->guard[g];
    acc->nguard = (uint8_t)n;
    if (!n) {
      acc->guard = NULL;
      acc->otherwise = NULL;
    }
  }
}

/* ---- the whole ---- */

static void check_indices(struct tparser *p) {
  sym_t used[256];
  unsigned n = 0;
  eq_index_syms(p->k, &p->e, used, &n, 256);
  for (unsigned i = 0; i < n; i++)
    if (!axis_of(&p->e, used[i])) stray_index(p, &p->e, used[i]);
}

static bool make_temp(struct tparser *p, const struct left *left, enum dtype type) {
  poly_t unknown[TEXT_MAX_AXIS] = {0};
  if (p->k->ntensor >= TEXT_MAX_ITEMS) return lex_error(&p->l, "more than %d tensors", TEXT_MAX_ITEMS);
  p->e.lhs = (uint16_t)kernel_add_tensor(p->k, left->entry->s, type, ROLE_TEMP, left->rank, unknown);
  p->k->tensor[p->e.lhs].loc = left->name.loc;
  left->entry->kind = NAME_TENSOR;
  left->entry->id = p->e.lhs;
  return true;
}

static void emit(struct tparser *p, const struct eq *e) {
  if (p->k->neq >= TEXT_MAX_ITEMS) {
    semantic_error(p, e->loc, "more than %d equations", TEXT_MAX_ITEMS);
    return;
  }
  *kernel_add_eq(p->k) = *e;
}

static bool finish(struct tparser *p, struct left *left, enum dtype type) {
  p->e.lhs_idx = arena_dup(p->a, left->idx, sizeof *left->idx * left->rank);
  p->e.lhs = left->entry->id;
  if (!p->stmt_bad) check_indices(p);
  if (p->stmt_bad) return true;
  if (left->fresh && !make_temp(p, left, type)) return false;
  fill_ranges(p, left);
  prune_implied(p);
  if (left->fresh) fill_extents(p, &p->e);
  for (unsigned i = 0; i < p->ndone; i++)
    if (!p->pend[p->done[i]].dead) emit(p, &p->pend[p->done[i]].e);
  emit(p, &p->e);
  return true;
}

bool parse_statement(struct tparser *p) {
  struct left left = {0};
  enum dtype type = DT_f32;
  p->e = (struct eq){.state = UINT16_MAX, .loc = p->l.tok.loc};
  p->npend = p->ndone = p->nscope = p->nimplied = 0;
  p->around = -1;
  p->stmt_bad = false;
  p->ep.reduction = reduction_hook;
  p->ep.implied_guards = implied_guards;
  bool ok = parse_left(p, &left) && parse_right(p, &left, &type) && parse_state(p) && finish(p, &left, type);
  p->ep.reduction = NULL;
  p->ep.implied_guards = NULL;
  if ((!ok || p->stmt_bad) && left.entry && left.entry->kind == NAME_UNKNOWN) left.entry->kind = NAME_BROKEN;
  return ok;
}

bool parse_temp(struct tparser *p) {
  struct lexer *l = &p->l;
  lex_next(l);
  struct loc at = l->tok.loc;
  if (l->tok.kind != TOK_NAME) return lex_error(l, "expected the temp's name before %s", lex_describe(l));
  struct name *x = name_put(p, l->tok.s, l->tok.n);
  if (!x) return false;
  if (x->kind != NAME_UNKNOWN) return lex_error(l, "'%s' is declared already", x->s);
  x->kind = NAME_BROKEN;
  lex_next(l);
  enum dtype t;
  if (!lex_expect(l, ":")) return false;
  if (l->tok.kind != TOK_NAME || !type_from_name(l->tok.s, l->tok.n, &t))
    return lex_error(l, "expected a type before %s", lex_describe(l));
  lex_next(l);
  uint8_t rank;
  poly_t *extent, *stride;
  if (!parse_shape(p, &rank, &extent, &stride)) return false;
  if (p->k->ntensor >= TEXT_MAX_ITEMS) return lex_error(l, "more than %d tensors", TEXT_MAX_ITEMS);
  x->id = (uint16_t)kernel_add_tensor(p->k, x->s, t, ROLE_TEMP, rank, extent);
  x->kind = NAME_TENSOR;
  p->k->tensor[x->id].stride = stride;
  p->k->tensor[x->id].loc = at;
  return true;
}
