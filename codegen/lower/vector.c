/* The innermost: members whose loops are all open but for the one on vector lanes. Members with the same vector share
   it where dependences allow; a private temp that lives in one such run is a register. */
#include "codegen/lower/plan.h"
#include <string.h>

void stmts_add(struct build *b, struct stmts *l, struct lstmt *s) {
  if (!s) return;
  if (l->n == l->cap) {
    unsigned cap = l->cap ? 2 * l->cap : 8;
    struct lstmt **n = ARENA_NEW(b->a, struct lstmt *, cap);
    if (l->n) memcpy(n, l->s, sizeof *n * l->n);
    l->s = n;
    l->cap = cap;
  }
  l->s[l->n++] = s;
}

struct lstmt *stmts_block(struct build *b, const struct stmts *l) {
  if (!l->n) return NULL;
  return l->n == 1 ? l->s[0] : loop_block(b->a, l->n, l->s);
}

/* A sunk member runs under its conditions. */
struct lstmt *when_wrap(struct build *b, const struct env *e, const struct member *m, struct lstmt *s) {
  poly_t g[MAX_LOOP];
  unsigned n = 0;
  for (const struct when *w = e->whens; w && s; w = w->next)
    if (w->m == m && n < MAX_LOOP) g[n++] = w->guard;
  return n && s ? loop_if(b->a, n, g, NULL, s, NULL) : s;
}

/* ---- one statement ---- */

struct guards {
  unsigned nuniform, nlane;
  poly_t uniform[UINT8_MAX + 1], lane[2 * UINT8_MAX + 4];
};

static void sort_guards(struct build *b, const struct member *m, const struct env *e, struct guards *o) {
  o->nuniform = o->nlane = 0;
  for (unsigned i = 0; i < m->e->nguard; i++) {
    bool known = false;
    int64_t c;
    for (unsigned j = 0; j < e->nknown; j++) known |= poly_eq(e->known[j], m->e->guard[i]);
    poly_t g = env_at(b, e, m->e->guard[i]);
    if (known || (poly_is_const(g, &c) && c >= 0)) continue;
    if ((m->vec >= 0 && poly_has(g, e->lane[m->vec])) || (m->thr >= 0 && poly_has(g, e->lane[m->thr])))
      o->lane[o->nlane++] = g;
    else
      o->uniform[o->nuniform++] = g;
  }
  if (m->thr >= 0) o->nlane += reg_piece_guard(b, m, (unsigned)m->thr, e, &o->lane[o->nlane]);
  if (m->vec >= 0) o->nlane += reg_piece_guard(b, m, (unsigned)m->vec, e, &o->lane[o->nlane]);
}

static struct lstmt *guarded_store(struct build *b, struct access *a, enum red r, expr_t value,
                                   const struct guards *g) {
  a->nguard = (uint8_t)g->nlane;
  a->guard = arena_dup(b->a, g->lane, sizeof *g->lane * g->nlane);
  return loop_store(b->a, a, r, value);
}

/* The index when the value improves, else what stood there; then the better value. */
static struct lstmt *arg_stmt(struct build *b, const struct member *m, const struct env *e, struct access *index,
                              const struct subscript *ix, const struct guards *g) {
  struct access *best = place_access(b, e, m, m->aux, ix, tensor_rank(b->p, m->aux));
  expr_t x = place_expr(b, e, m, m->e->body), held = expr_read(b->a, x->type, best), set = NULL;
  struct stmts s = {0};
  if (!g->nlane) {
    unsigned id = lfunc_add_local(b->f, "x", x->type);
    set = x;
    stmts_add(b, &s, loop_set(b->a, id, set));
    x = expr_local(b->a, x->type, id);
  }
  poly_t k = poly_sym(b->a, m->e->axis[m->e->nax - 1].sym);
  expr_t better = expr_op2(b->a, m->e->red == RED_argmax ? OP_gt : OP_lt, x, held);
  enum dtype t = (enum dtype)b->f->object[index->tensor].type; /* narrower than i64 on lanes */
  expr_t here = expr_cast(b->a, t, expr_poly(b->a, env_at(b, e, k)));
  expr_t at = expr_op3(b->a, OP_select, better, here, expr_read(b->a, t, index));
  stmts_add(b, &s, guarded_store(b, arena_dup(b->a, index, sizeof *index), RED_none, at, g));
  stmts_add(
      b, &s,
      guarded_store(b, arena_dup(b->a, best, sizeof *best), RED_none, expr_op3(b->a, OP_select, better, x, held), g));
  return stmts_block(b, &s);
}

/* The guards go into the value. */
static expr_t zero_where_cut(struct build *b, const struct member *m, const struct env *e, expr_t x, struct guards *g) {
  for (unsigned i = 0; i < g->nuniform; i++) g->lane[g->nlane++] = g->uniform[i];
  x = held_value(b, m, e, g->lane, g->nlane, x);
  g->nlane = g->nuniform = 0;
  return x;
}

static struct lstmt *plain_statement(struct build *b, const struct member *m, const struct env *e) {
  struct guards g;
  unsigned rank = tensor_rank(b->p, m->e->lhs);
  struct subscript *ix = ARENA_NEW(b->a, struct subscript, rank + 1);
  for (unsigned d = 0; d < rank; d++) ix[d].poly = m->e->lhs_idx[d];
  sort_guards(b, m, e, &g);
  struct access *a = place_access(b, e, m, m->e->lhs, ix, rank);
  struct lstmt *s;
  if (IS_ARG(m->e->red))
    s = arg_stmt(b, m, e, a, ix, &g);
  else if (m->e->red != RED_none)
    s = guarded_store(b, a, m->e->red, place_expr(b, e, m, m->e->body), &g);
  else {
    expr_t x = expr_cast(b->a, tensor_type(b->p, m->e->lhs), place_expr(b, e, m, m->e->body));
    if (m->zeroed) x = zero_where_cut(b, m, e, x, &g);
    s = guarded_store(b, a, RED_none, x, &g);
  }
  s->loc = m->e->loc;
  if (m->e->red == RED_none) s->nontemporal = plan_streams(b->p, m, a);
  if (g.nuniform) s = loop_if(b->a, g.nuniform, g.uniform, NULL, s, NULL);
  return when_wrap(b, e, m, s);
}

/* The loop of a matrix instruction stands inside the lanes. */
static struct lstmt *statement(struct build *b, const struct member *m, const struct env *e) {
  if (m->sub < 0 || (e->open & BIT(m->sub))) return plain_statement(b, m, e);
  struct env in = *e;
  sub_open(b, (unsigned)m->sub, &in);
  return tensorize_close(b, e, m, plain_statement(b, m, &in));
}

/* ---- runs ---- */

static int pending(int l, const struct env *e) {
  return l >= 0 && !((e->open | e->serial) & BIT(l)) ? l : -1;
}

static int pending_vec(const struct member *m, const struct env *e) {
  return pending(m->vec, e);
}

static int pending_thr(const struct member *m, const struct env *e) {
  return pending(m->thr, e);
}

static uint32_t open_axes(const struct plan *p, const struct env *e) {
  uint32_t x = 0;
  for (unsigned a = 0; a < p->naxis; a++)
    if (axis_inner(p, e, a) < 0) x |= 1u << a;
  return x;
}

static bool may_share(struct build *b, const struct member *m, const struct member *n, const struct env *e) {
  int v = pending_vec(m, e), t = pending_thr(m, e);
  uint32_t fixed = open_axes(b->p, e);
  if (t >= 0 && !deps_share(b->p, m, n, (unsigned)t, fixed)) return false;
  if (t >= 0) fixed |= 1u << LOOP_AXIS(t);
  return v < 0 || deps_share(b->p, m, n, (unsigned)v, fixed);
}

static unsigned run_end(struct build *b, const struct set *s, unsigned i, const struct env *e) {
  int v = pending_vec(s->m[i], e), t = pending_thr(s->m[i], e);
  for (unsigned j = i + 1; j < s->n; j++) {
    if (s->m[i]->tile || s->m[j]->tile) return j;
    if (pending_vec(s->m[j], e) != v || pending_thr(s->m[j], e) != t) return j;
    for (unsigned k = i; k < j; k++)
      if (!may_share(b, s->m[k], s->m[j], e)) return j;
  }
  return s->n;
}

static bool placed(const struct env *e, const struct member *m, unsigned tensor) {
  for (const struct place *x = e->places; x; x = x->next)
    if (x->tensor == tensor && x->kind != PLACE_PACK && x->kind != PLACE_COPY && !x->ix && (!x->only || x->only == m))
      return true;
  return false;
}

static bool touched(struct build *b, const struct set *s, unsigned from, unsigned to, unsigned tensor) {
  for (unsigned i = from; i < to; i++)
    if (member_touches(b->p, s->m[i], tensor)) return true;
  return false;
}

/* A register for a private temp that only this run touches; returns the object or -1. */
static int local_temp(struct build *b, const struct set *s, unsigned i, unsigned n, unsigned k, struct env *e) {
  const struct member *m = s->m[k];
  unsigned t = m->e->lhs;
  int dim[2] = {pending_thr(m, e), pending_vec(m, e)};
  if (!tensor_shrinks(b->p, t) || placed(e, m, t)) return -1;
  if (touched(b, s, 0, i, t) || touched(b, s, n, s->n, t) || (t < VT_BASE && other_writer(b, t, m))) {
    place_memory(b, t, m, e);
    return -1;
  }
  struct place *x = ARENA_NEW(b->a, struct place, 1);
  poly_t ext[6];
  unsigned rank = 0;
  *x = (struct place){.tensor = (uint16_t)t, .kind = PLACE_REG, .next = e->places};
  for (unsigned d = 0; d < 2; d++) {
    if (dim[d] < 0) continue;
    x->dim[x->nd++] = (uint8_t)dim[d];
    if (b->p->loop[dim[d]].warps > 1) ext[rank++] = cpoly(b, b->p->loop[dim[d]].warps);
    ext[rank++] = cpoly(b, b->p->loop[dim[d]].lanes);
    if (b->p->loop[dim[d]].piece > 1) ext[rank++] = cpoly(b, b->p->loop[dim[d]].piece);
  }
  const char *name = t >= VT_BASE ? b->p->vt[t - VT_BASE].name : b->p->k->tensor[t].name;
  x->object =
      (uint16_t)lfunc_add_object(b->f, arena_printf(b->a, "%s_reg", name), tensor_type(b->p, t), SCOPE_REG, rank, ext);
  e->places = x;
  return x->object;
}

struct unmasked {
  struct build *b;
  const struct env *e;
  const struct member *m;
  uint64_t cut;
  bool ok;
};

static void find_masked(expr_t x, void *ctx) {
  struct unmasked *c = ctx;
  if (x->kind != E_READ) return;
  const struct place *p = place_of(c->e, c->m, x->acc->tensor, x->acc->ix);
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if ((c->cut & BIT(l)) && expr_has_sym(x, c->b->p->axis[LOOP_AXIS(l)].sym) &&
        !(p && (p->kind == PLACE_REG || (p->filled & BIT(l)))))
      c->ok = false;
}

/* A sum in registers whose operands are there for all lanes, also those behind the end: nobody stores what these make.
 */
static bool runs_whole(struct build *b, const struct member *m, const struct env *e) {
  const struct place *acc = NULL;
  struct unmasked c = {b, e, m, 0, true};
  if (m->e->red == RED_none || IS_ARG(m->e->red) || !m->acc) return false;
  for (const struct place *x = e->places; x && !acc; x = x->next)
    if (x->only == m && x->tensor == m->e->lhs) acc = x;
  int lane[2] = {pending_thr(m, e), pending_vec(m, e)};
  for (unsigned i = 0; i < 2; i++)
    if (lane[i] >= 0 && !(m->red & BIT(lane[i])) && e->mode[LOOP_AXIS(lane[i])] != AX_FULL) c.cut |= BIT(lane[i]);
  if (c.cut) expr_visit(m->e->body, find_masked, &c);
  return acc && acc->kind == PLACE_REG && c.cut && c.ok && b->p->lim->simt;
}

/* Does m sum over lanes that the end of an axis cuts, with terms that are not 0 there? */
static bool masks(const struct member *m, const struct env *e) {
  return m->vec >= 0 && (m->red & BIT(m->vec)) && e->mode[LOOP_AXIS(m->vec)] != AX_FULL && !m->vanishes;
}

/* All of the run does the same in every thread. */
static bool run_whole(struct build *b, const struct set *s, unsigned from, unsigned to, const struct env *e) {
  if (to == from + 1 && runs_whole(b, s->m[from], e)) return true;
  bool all = e->held;
  for (unsigned k = from; k < to && all; k++)
    all = held_inside(b, s->m[k], e) && (to == from + 1 || !masks(s->m[k], e));
  return all;
}

struct run {
  const struct set *s;
  unsigned from, to;
  struct env *outer;
};

struct registers {
  unsigned n;
  uint16_t object[MAX_MEMBER];
};

/* The statements of the run, whose loops are open in `in`; e: before they were opened. */
static struct lstmt *run_statements(struct build *b, struct run *x, struct env *e, struct env *in,
                                    struct registers *reg) {
  struct stmts body = {0};
  reg->n = 0;
  for (unsigned k = x->from; k < x->to; k++) {
    struct place *before = e->places;
    int id = local_temp(b, x->s, x->from, x->to, k, e);
    if (id >= 0)
      reg->object[reg->n++] = (uint16_t)id;
    else if (e->places != before)
      x->outer->places = e->places;
    in->places = e->places;
    stmts_add(b, &body, statement(b, x->s->m[k], in));
  }
  return stmts_block(b, &body);
}

static struct lstmt *with_registers(struct build *b, struct registers *reg, struct lstmt *s) {
  while (reg->n-- > 0 && s) s = loop_alloc(b->a, reg->object[reg->n], s);
  return s;
}

/* Is the number of the vector asked for: by registers that outlive it, or by lanes that are shared out? */
static bool counts_vectors(struct build *b, const struct run *x, const struct env *e, unsigned v) {
  for (const struct place *p = x->outer->places; p; p = p->next)
    for (unsigned d = 0; d < p->nd; d++)
      if (p->kind == PLACE_REG && p->dim[d] == v && touched(b, x->s, x->from, x->to, p->tensor)) return true;
  for (unsigned k = x->from; k < x->to; k++)
    if (x->s->m[k]->sub >= 0 || (x->s->m[k]->red & BIT(v))) return true;
  return e->solo || e->held || e->whole || b->p->lim->simt;
}

/* Where the end of an axis cuts a tile of more than two vectors: one after the other while they are whole, then one
   with masks. Short rows are nothing but such tiles. */
static struct lstmt *run_in_turn(struct build *b, const struct env *outer, struct run *x, unsigned v) {
  struct lstmt *form[2];
  poly_t at = NULL, left = reg_left(b, x->s->m[x->from], v, outer);
  for (unsigned cut = 0; cut < 2; cut++) {
    struct env e = *outer, in;
    struct registers reg;
    e.places = x->outer->places;
    in = e;
    at = reg_open_at(b, v, &in);
    struct lstmt *body = run_statements(b, x, &e, &in, &reg);
    if (!body) return NULL;
    form[cut] = with_registers(b, &reg, reg_vector_upto(b, v, cut ? poly_sub(b->a, left, at) : NULL, body));
  }
  return reg_close_at(b, v, outer, left, form[0], form[1]);
}

static struct lstmt *run_body(struct build *b, const struct env *outer, void *ctx) {
  struct run *x = ctx;
  const struct set *s = x->s;
  int v = pending_vec(s->m[x->from], outer), t = pending_thr(s->m[x->from], outer);
  struct env e = *outer, mid, in;
  struct registers reg;
  e.places = x->outer->places;
  e.whole = run_whole(b, s, x->from, x->to, &e);
  if (v >= 0 && t < 0 && outer->mode[LOOP_AXIS(v)] == AX_EDGE && reg_count(b->p, outer, (unsigned)v) > 2 &&
      !counts_vectors(b, x, &e, (unsigned)v))
    return run_in_turn(b, outer, x, (unsigned)v);
  mid = e;
  if (t >= 0) reg_open(b, (unsigned)t, &mid);
  in = mid;
  if (v >= 0) reg_open(b, (unsigned)v, &in);
  struct lstmt *r = run_statements(b, x, &e, &in, &reg);
  if (v >= 0) r = reg_close(b, s->m[x->from], (unsigned)v, &mid, r);
  if (t >= 0) r = reg_close(b, s->m[x->from], (unsigned)t, &e, r);
  return with_registers(b, &reg, r);
}

static struct lstmt *run_parts(struct build *b, const struct env *e, void *ctx) {
  struct run *x = ctx;
  if (run_whole(b, x->s, x->from, x->to, e)) return run_body(b, e, x);
  return edge_both(b, e, x->s->m[x->from], run_body, x);
}

static struct lstmt *run_build(struct build *b, const struct set *s, unsigned i, unsigned n, struct env *outer) {
  struct run x = {s, i, n, outer};
  struct set part = {n - i, s->m + i};
  return edge_uncut(b, outer, &part, run_parts, &x);
}

struct lstmt *leaf_build(struct build *b, const struct set *s, const struct env *e) {
  struct env out = *e;
  struct stmts l = {0};
  for (unsigned i = 0, n; i < s->n; i = n) {
    n = run_end(b, s, i, &out);
    /* temps shared by several runs must have their place before the first of them */
    for (unsigned k = i; k < n; k++) {
      unsigned t = s->m[k]->e->lhs;
      if (tensor_shrinks(b->p, t) && !placed(&out, s->m[k], t) && (touched(b, s, 0, i, t) || touched(b, s, n, s->n, t)))
        place_memory(b, t, s->m[k], &out);
    }
    stmts_add(b, &l, s->m[i]->tile ? mtile_build(b, s->m[i], &out) : run_build(b, s, i, n, &out));
  }
  return stmts_block(b, &l);
}
