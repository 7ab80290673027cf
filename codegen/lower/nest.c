/* The tree: which members share which loops. At each position of the order the members that walk that loop are cut into
   runs that may share it; the others stand before and after. An epilogue (a member that reads what a run reduces over
   this loop) sinks into the last iteration, to meet its tile. */
#include "codegen/lower/plan.h"
#include <string.h>

struct part {
  struct set s;
  bool walks;
};
struct parts {
  unsigned n;
  struct part p[MAX_MEMBER];
};

bool walks_here(const struct member *m, const struct env *e, unsigned l) {
  if (!(m->walks & BIT(l)) || (e->open & BIT(l)) || (m->tile && (m->block & BIT(l)))) return false;
  return (!on_lanes(m, l) && m->sub != (int)l) || (e->serial & BIT(l));
}

static bool is_reg(const struct member *m, const struct env *e, unsigned l) {
  return (m->reg & BIT(l)) && !(e->serial & BIT(l));
}

static uint32_t fixed_axes(const struct plan *p, const struct env *e) {
  uint32_t x = 0;
  for (unsigned a = 0; a < p->naxis; a++)
    if (axis_inner(p, e, a) < 0) x |= 1u << a;
  return x;
}

static void set_add(struct build *b, struct set *s, const struct member *m) {
  const struct member **n = ARENA_NEW(b->a, const struct member *, s->n + 1);
  if (s->n) memcpy(n, s->m, sizeof *n * s->n);
  n[s->n++] = m;
  s->m = n;
}

/* ---- sinking ---- */

static bool covers(const struct plan *p, const struct member *n, const struct member *m, const struct env *e) {
  bool any = false;
  for (unsigned l = 0; l < MAX_LOOP; l++) {
    if (!(m->walks & BIT(l)) || (m->red & BIT(l)) || (e->open & BIT(l)) || p->loop[l].trivial) continue;
    if (!(n->walks & BIT(l))) return false;
    any = true;
  }
  return any;
}

static bool may_sink(struct build *b, const struct set *run, const struct member *n, unsigned l, const struct env *e) {
  bool flows = false;
  if (n->e->red != RED_none || n->kind != MK_EQ || (int)l == b->p->stream_top) return false;
  for (unsigned i = 0; i < run->n; i++) {
    const struct member *m = run->m[i];
    if (!deps_any(b->p, m, n)) continue;
    if (m->walks & BIT(l)) {
      if (!m->first || !(m->outer & BIT(l)) || !covers(b->p, n, m, e)) return false;
      flows |= deps_flow(m, n);
    }
  }
  return flows;
}

/* ---- parts ---- */

/* Threads share out a loop of those for which its iterations are independent; who sums over it has one of its own. */
static bool apart(const struct plan *p, const struct member *m, const struct member *n, unsigned l) {
  return p->loop[l].parallel && ((m->red ^ n->red) & BIT(l));
}

static bool joins(struct build *b, const struct set *run, const struct member *n, unsigned l, const struct env *e,
                  uint32_t fixed) {
  for (unsigned i = 0; i < run->n; i++)
    if (!(run->m[i]->walks & BIT(l)) || is_reg(run->m[i], e, l) != is_reg(n, e, l) || !walks_here(run->m[i], e, l) ||
        apart(b->p, run->m[i], n, l) || !deps_share(b->p, run->m[i], n, l, fixed))
      return false;
  return true;
}

static void cut(struct build *b, const struct set *s, unsigned l, const struct env *e, struct parts *o) {
  uint32_t fixed = fixed_axes(b->p, e);
  o->n = 0;
  for (unsigned i = 0; i < s->n; i++) {
    const struct member *m = s->m[i];
    bool here = walks_here(m, e, l);
    struct part *last = o->n ? &o->p[o->n - 1] : NULL;
    if (last && last->walks && (here ? joins(b, &last->s, m, l, e, fixed) : may_sink(b, &last->s, m, l, e)))
      set_add(b, &last->s, m);
    else if (last && !last->walks && !here)
      set_add(b, &last->s, m);
    else {
      o->p[o->n] = (struct part){{0, NULL}, here};
      set_add(b, &o->p[o->n++].s, m);
    }
  }
}

/* ---- storage at a fork ---- */

static bool has_place(const struct env *e, unsigned tensor) {
  for (const struct place *x = e->places; x; x = x->next)
    if (x->tensor == tensor && !x->only && !x->ix) return true;
  return false;
}

static bool acc_open(const struct env *e, const struct member *m) {
  for (unsigned i = 0; i < e->naccs; i++)
    if (e->accs[i] == m) return true;
  return false;
}

static bool opens_acc(const struct member *m, const struct env *e, unsigned l) {
  return m->acc && (m->run & BIT(l)) && !acc_open(e, m);
}

/* Does m need its result in memory while loops from l inwards run? */
static bool keeps_outside(const struct member *m, unsigned l) {
  return (m->red & BIT(l)) && (m->outer || !m->acc);
}

static bool reads_exactly(const struct member *m, const struct member *n) {
  struct reads r;
  member_reads(n, m->e->lhs, &r);
  if (r.more) return false;
  for (unsigned i = 0; i < r.n; i++)
    for (unsigned d = 0; d < r.acc[i]->rank; d++)
      if (r.acc[i]->ix[d].dyn || !poly_eq(r.acc[i]->ix[d].poly, m->e->lhs_idx[d])) return false;
  return true;
}

/* Can n take m's result out of the accumulator: its register loops are those of the accumulator. */
static bool same_registers(const struct member *m, const struct member *n, const struct env *e) {
  if (n->e->lhs == m->e->lhs || !reads_exactly(m, n)) return false;
  for (unsigned l = 0; l < MAX_LOOP; l++) {
    if (!(m->reg & BIT(l)) || (m->red & BIT(l)) || ((e->open | e->serial) & BIT(l))) continue;
    if (!is_reg(n, e, l) || (on_lanes(m, l) != on_lanes(n, l))) return false;
    if (n->red & BIT(l)) return false;
  }
  return true;
}

/* All users of m's private result follow in this list and can read the accumulator: it needs no memory. */
static bool stays_in_registers(struct build *b, const struct parts *o, unsigned part, const struct member *m,
                               const struct env *e) {
  if (!tensor_shrinks(b->p, m->e->lhs) || has_place(e, m->e->lhs) || m->outer) return false;
  for (unsigned i = 0; i < o->n; i++)
    for (unsigned j = 0; j < o->p[i].s.n; j++) {
      const struct member *n = o->p[i].s.m[j];
      if (n == m || !member_touches(b->p, n, m->e->lhs)) continue;
      if (i <= part || !same_registers(m, n, e)) return false;
    }
  return true;
}

static void place_one(struct build *b, const struct parts *o, unsigned part, const struct member *m, unsigned tensor,
                      unsigned l, struct env *e) {
  if (tensor == UINT16_MAX || !tensor_shrinks(b->p, tensor) || has_place(e, tensor)) return;
  bool shared = false;
  for (unsigned i = 0; i < o->n; i++)
    for (unsigned j = 0; j < o->p[i].s.n && i != part; j++) shared |= member_touches(b->p, o->p[i].s.m[j], tensor);
  if (!o->p[part].walks) l = MAX_LOOP;
  bool outside = l < MAX_LOOP && !acc_open(e, m) && keeps_outside(m, l);
  if (!shared && !outside && !(l < MAX_LOOP && opens_acc(m, e, l) && tensor == m->e->lhs)) return;
  if (l < MAX_LOOP && opens_acc(m, e, l) && (tensor == m->aux ? !m->outer : stays_in_registers(b, o, part, m, e)))
    return;
  place_memory(b, tensor, m, e);
}

static void place_temps(struct build *b, const struct parts *o, unsigned l, struct env *e) {
  for (unsigned i = 0; i < o->n; i++)
    for (unsigned j = 0; j < o->p[i].s.n; j++) {
      place_one(b, o, i, o->p[i].s.m[j], o->p[i].s.m[j]->e->lhs, l, e);
      place_one(b, o, i, o->p[i].s.m[j], o->p[i].s.m[j]->aux, l, e);
    }
}

/* ---- starting values in memory ---- */

static bool is_own_value(const struct member *m, expr_t init) {
  return init->kind == E_READ && init->acc->tensor == m->e->lhs && !init->acc->nguard && reads_exactly(m, m) &&
         init->type == m->e->body->type;
}

static struct lstmt *init_one(struct build *b, const struct member *m, unsigned tensor, expr_t value, unsigned pos,
                              const struct env *e) {
  struct member *i = ARENA_NEW(b->a, struct member, 1);
  struct eq *q = arena_dup(b->a, m->e, sizeof *q);
  q->lhs = (uint16_t)tensor;
  q->red = RED_none;
  q->nax = q->npar;
  q->nguard = m->npg;
  q->body = value;
  q->init = q->start = q->rescale = q->running = NULL;
  *i = (struct member){.e = q, .aux = UINT16_MAX, .npg = m->npg, .vec = -1, .thr = -1, .sub = -1};
  member_analyse(b->p, i);
  struct set s = {0};
  set_add(b, &s, i);
  return nest_build(b, &s, pos, e);
}

struct lstmt *nest_init(struct build *b, const struct member *m, unsigned pos, const struct env *e) {
  struct stmts s = {0};
  expr_t init = member_init(b, m);
  if (!(m->e->init && is_own_value(m, m->e->init))) stmts_add(b, &s, init_one(b, m, m->e->lhs, init, pos, e));
  if (m->aux != UINT16_MAX) stmts_add(b, &s, init_one(b, m, m->aux, member_start(b, m), pos, e));
  return stmts_block(b, &s);
}

static bool first_reduction(const struct plan *p, const struct member *m, unsigned l, const struct env *e) {
  for (unsigned i = 0; i < MAX_LOOP; i++)
    if ((m->red & e->open & BIT(i)) && !p->loop[i].trivial) return false;
  return m->red & BIT(l);
}

/* ---- a run ---- */

struct run {
  struct accum acc[MAX_MEMBER / 4];
  unsigned nacc;
  struct stmts pre;
  struct env in;
};

static void open_accums(struct build *b, const struct set *s, unsigned l, unsigned pos, const struct env *e,
                        struct run *r) {
  r->nacc = 0;
  r->pre = (struct stmts){0};
  r->in = *e;
  for (unsigned i = 0; i < s->n; i++) {
    const struct member *m = s->m[i];
    if (!walks_here(m, e, l) || acc_open(e, m)) continue;
    if (keeps_outside(m, l) && !m->first && first_reduction(b->p, m, l, e))
      stmts_add(b, &r->pre, nest_init(b, m, pos, e));
    if (!opens_acc(m, e, l) || r->nacc == MAX_MEMBER / 4) continue;
    accum_open(b, m, pos, e, &r->acc[r->nacc++], &r->in);
  }
  for (unsigned i = 0; i < r->nacc; i++) stmts_add(b, &r->pre, accum_init(b, &r->acc[i], e));
}

/* hi - position - step < 0 in the last iteration, over all levels of the axis that are open. */
static poly_t last_guard(struct build *b, const struct set *s, unsigned l, const struct env *e) {
  const struct axis *x = NULL;
  for (unsigned i = 0; i < s->n && !x; i++)
    x = s->m[i]->walks & BIT(l) ? member_axis(b->p, s->m[i], LOOP_AXIS(l)) : NULL;
  poly_t past = poly_addc(b->a, axis_base(b, e, LOOP_AXIS(l)), b->p->loop[l].step);
  return poly_sub(b->a, past, env_at(b, e, x->hi));
}

static void add_when(struct build *b, struct env *e, const struct member *m, poly_t g) {
  struct when *w = ARENA_NEW(b->a, struct when, 1);
  *w = (struct when){m, g, e->whens};
  e->whens = w;
}

static bool runs_once(const struct set *s, unsigned l) {
  for (unsigned i = 0; i < s->n; i++)
    if ((s->m[i]->outer & BIT(l)) && s->m[i]->first) return true;
  return false;
}

/* What stands in loop l: in a cut tile twice, where it may find the tile full. */
static struct lstmt *inner_bodies(struct build *b, const struct set *s, unsigned l, unsigned pos, struct env *in) {
  struct env *full = in->edge ? ARENA_NEW(b->a, struct env, 1) : NULL;
  poly_t cond[MAX_GUARD + GROUP_MAX_AXIS];
  unsigned n = full ? edge_inside(b, s, l, in, full, cond) : 0;
  struct lstmt *rest = compute_body(b, s, l, pos, in);
  return n && rest ? loop_if(b->a, n, cond, NULL, compute_body(b, s, l, pos, full), rest) : rest;
}

struct lstmt *nest_loop_body(struct build *b, const struct set *s, unsigned l, unsigned pos, const struct env *e,
                             struct env *in) {
  struct stmts body = {0};
  poly_t g[8];
  unsigned n = loop_tests(b, s, l, in, g, 8);
  for (unsigned i = 0; i < s->n; i++)
    if (!walks_here(s->m[i], e, l)) add_when(b, in, s->m[i], last_guard(b, s, l, in));
  stmts_add(b, &body, pack_at(b, s, l, in, true));
  stmts_add(b, &body, pack_at(b, s, l, in, false));
  stmts_add(b, &body, prefetch_at(b, s, l, in));
  stmts_add(b, &body, inner_bodies(b, s, l, pos, in));
  struct lstmt *x = stmts_block(b, &body);
  return n && x ? loop_if(b->a, n, g, NULL, x, NULL) : x;
}

static bool shared_out(const struct plan *p, const struct set *s, unsigned l) {
  bool par = p->loop[l].parallel && p->o->threads > 1;
  for (unsigned i = 0; i < s->n; i++) par &= !(s->m[i]->red & BIT(l));
  return par;
}

struct lstmt *nest_loop(struct build *b, const struct set *s, unsigned l, unsigned pos, const struct env *e,
                        struct env *in, const struct bounds *bd) {
  struct sink own = {0};
  bool par = shared_out(b->p, s, l);
  loop_open(b, l, in);
  if (par) in->sink = &own;
  struct lstmt *x = nest_loop_body(b, s, l, pos, e, in);
  if (!x) return NULL;
  if (par) x = sink_wrap(b, &own, x);
  struct lstmt *f = loop_close(b, l, e, bd, x);
  if (!par) return f;
  f->fkind = F_PARALLEL;
  f->persist = b->p->loop[l].persist;
  f->cluster = (uint8_t)b->p->loop[l].cluster;
  if (f->body[0]->kind == L_FOR && f->body[0]->fkind == F_PARALLEL) f->raster = b->p->loop[l].raster;
  return f;
}

static struct lstmt *real_loop(struct build *b, const struct set *s, unsigned l, unsigned pos, const struct env *e) {
  struct env in = *e;
  struct bounds bd;
  loop_bounds(b, s, l, e, &bd, &in);
  struct lstmt *ends = b->p->loop[l].peel ? loop_peeled(b, s, l, pos, e, &in, &bd, runs_once(s, l)) : NULL;
  if (ends) return ends;
  bool tile = tensorize_tile(b, s, l, e);
  if (tile)
    bd = (struct bounds){
        .nlo = 1, .nhi = 1, .lo = {cpoly(b, 0)}, .hi = {cpoly(b, b->p->axis[LOOP_AXIS(l)].tile[LOOP_LEVEL(l)])}};
  struct lstmt *f = nest_loop(b, s, l, pos, e, &in, &bd);
  if (f) f->once = runs_once(s, l);
  if (f && tile) f->fkind = F_UNROLL, f->unroll = 0, f->once = false;
  return f;
}

static bool is_known(const struct env *e, poly_t g) {
  for (unsigned i = 0; i < e->nknown; i++)
    if (poly_eq(e->known[i], g)) return true;
  return false;
}

/* A test that the vectors of a row share, if it is all that guards them: into g. */
static unsigned row_tests(struct build *b, const struct set *s, unsigned l, struct env *in, poly_t *g, unsigned max) {
  struct env known = *in;
  bool row = b->p->loop[l].mark == MARK_UNROLL && !b->p->lim->simt; /* threads of a block do not part */
  unsigned n = row ? loop_tests(b, s, l, &known, g, max) : 0;
  for (unsigned i = 0; i < s->n && n; i++)
    for (unsigned k = 0; k < s->m[i]->e->nguard; k++)
      if (!is_known(&known, s->m[i]->e->guard[k])) return 0;
  if (n) *in = known;
  return n;
}

static struct lstmt *loop_build(struct build *b, const struct set *s, unsigned l, unsigned pos, const struct env *e) {
  const struct member *m = s->m[0];
  if (!is_reg(m, e, l)) return real_loop(b, s, l, pos, e);
  struct env in = *e;
  poly_t g[8];
  reg_open(b, l, &in);
  unsigned n = row_tests(b, s, l, &in, g, 8);
  struct lstmt *x = nest_build(b, s, pos + 1, &in);
  return reg_close(b, m, l, e, n && x ? loop_if(b->a, n, g, NULL, x, NULL) : x);
}

static struct lstmt *parts_build(struct build *b, const struct parts *o, unsigned i, unsigned l, unsigned pos,
                                 const struct env *e);

/* Does everybody who reads m's private result stand behind it in this list, and can take it out of the accumulator? */
static bool all_read_here(struct build *b, const struct parts *o, unsigned part, const struct member *m,
                          const struct env *e) {
  unsigned here = 0, all = 0;
  if (!tensor_shrinks(b->p, m->e->lhs)) return false;
  for (unsigned i = 0; i < b->p->nmember; i++)
    all += &b->p->member[i] != m && member_touches(b->p, &b->p->member[i], m->e->lhs);
  for (unsigned i = part + 1; i < o->n; i++)
    for (unsigned j = 0; j < o->p[i].s.n; j++) {
      if (!member_touches(b->p, o->p[i].s.m[j], m->e->lhs)) continue;
      if (!same_registers(m, o->p[i].s.m[j], e)) return false;
      here++;
    }
  return here == all;
}

static struct lstmt *store_one(struct build *b, const struct env *e, void *ctx) {
  return accum_store(b, ctx, e);
}

/* The store of the accumulator: left out where nobody needs the result in memory any more. */
static struct lstmt *store_result(struct build *b, const struct parts *o, unsigned part, const struct accum *c,
                                  const struct env *e) {
  const struct member *m = c->m;
  if (stays_in_registers(b, o, part, m, e)) return NULL;
  struct lstmt *store = edge_both(b, e, m, store_one, (void *)(uintptr_t)c);
  if (!m->outer || !m->first || !all_read_here(b, o, part, m, e)) return store;
  poly_t g[MAX_LOOP];
  unsigned n = 0;
  const struct member *one = m;
  struct set s = {1, &one};
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if (m->outer & BIT(l)) g[n++] = last_guard(b, &s, l, e);
  return loop_if(b->a, n, g, NULL, loop_block(b->a, 0, NULL), store);
}

/* Another member writes m's result in memory: what is in the accumulator is then not the newest. */
static bool written_again(const struct build *b, const struct member *m) {
  for (unsigned i = 0; i < b->p->nmember; i++)
    if (&b->p->member[i] != m && b->p->member[i].e->lhs == m->e->lhs) return true;
  return false;
}

static struct lstmt *run_build(struct build *b, const struct parts *o, unsigned i, unsigned l, unsigned pos,
                               const struct env *e) {
  struct run *r = ARENA_NEW(b->a, struct run, 1);
  struct env after = *e;
  open_accums(b, &o->p[i].s, l, pos, e, r);
  stmts_add(b, &r->pre, loop_build(b, &o->p[i].s, l, pos, &r->in));
  for (unsigned k = 0; k < r->nacc; k++) {
    stmts_add(b, &r->pre, accum_finish(b, &r->acc[k], e));
    struct lstmt *store = store_result(b, o, i, &r->acc[k], e);
    stmts_add(b, &r->pre, store);
    if (!store || !written_again(b, r->acc[k].m)) accum_publish(b, &r->acc[k], &after);
  }
  stmts_add(b, &r->pre, parts_build(b, o, i + 1, l, pos, &after));
  struct lstmt *s = stmts_block(b, &r->pre);
  for (unsigned k = 0; k < r->nacc && s; k++) {
    struct accum *c = &r->acc[k];
    s = loop_alloc(b->a, c->all->object, s);
    if (c->lanes) s = loop_alloc(b->a, c->tot->object, s);
    if (c->best) s = loop_alloc(b->a, c->best->object, s);
    if (c->best && c->lanes) s = loop_alloc(b->a, c->first->object, loop_alloc(b->a, c->bests->object, s));
  }
  return s;
}

static struct lstmt *parts_build(struct build *b, const struct parts *o, unsigned i, unsigned l, unsigned pos,
                                 const struct env *e) {
  struct stmts s = {0};
  for (; i < o->n; i++) {
    if (o->p[i].walks) {
      stmts_add(b, &s, run_build(b, o, i, l, pos, e)); /* builds the parts behind it too */
      break;
    }
    stmts_add(b, &s, nest_build(b, &o->p[i].s, pos + 1, e));
  }
  return stmts_block(b, &s);
}

struct lstmt *nest_fission(struct build *b, const struct set *s, unsigned pos, const struct env *e) {
  struct parts *o = ARENA_NEW(b->a, struct parts, 1);
  struct stmts out = {0};
  struct env in = *e;
  for (unsigned i = 0; i < s->n; i++) set_add(b, &o->p[o->n++].s, s->m[i]);
  place_temps(b, o, MAX_LOOP, &in);
  for (unsigned i = 0; i < o->n; i++) stmts_add(b, &out, nest_build(b, &o->p[i].s, pos, &in));
  return stmts_block(b, &out);
}

/* ---- conditions of sunk members ---- */

static unsigned whens_of(const struct env *e, const struct member *m, poly_t *g, unsigned max) {
  unsigned n = 0;
  for (const struct when *w = e->whens; w; w = w->next)
    if (w->m == m && n < max) g[n++] = w->guard;
  return n;
}

/* Conditions that all members of the set have are tested here. */
static bool take_whens(const struct set *s, struct env *e, poly_t *g, unsigned *n) {
  poly_t other[MAX_LOOP];
  if (!e->whens || !(*n = whens_of(e, s->m[0], g, MAX_LOOP))) return false;
  for (unsigned i = 1; i < s->n; i++) {
    if (whens_of(e, s->m[i], other, MAX_LOOP) != *n) return false;
    for (unsigned k = 0; k < *n; k++)
      if (!poly_eq(g[k], other[k])) return false;
  }
  e->whens = NULL; /* others are not in this set */
  return true;
}

/* Loop l has one iteration and is not made. What a member in matrix tiles (or by warps) has packed there is packed all
   the same: it cannot do without. */
static bool packs_alone(const struct build *b, const struct set *s, unsigned l, const struct env *e) {
  if (!b->p->loop[l].trivial) return false;
  for (unsigned i = 0; i < b->p->npack; i++)
    for (unsigned k = 0; k < s->n && b->p->pack[i].loop == l; k++) {
      bool needs = s->m[k]->tile || (s->m[k]->sub >= 0 && loop_by_warps(b->p, (unsigned)s->m[k]->sub));
      expr_t r = needs ? member_read_of(s->m[k], b->p->pack[i].tensor) : NULL;
      if (r && !place_of(e, s->m[k], b->p->pack[i].tensor, r->acc->ix)) return true;
    }
  return false;
}

static struct lstmt *pack_alone(struct build *b, const struct set *s, unsigned pos, const struct env *e) {
  struct env in = *e;
  struct stmts body = {0};
  stmts_add(b, &body, pack_at(b, s, e->order[pos], &in, true));
  stmts_add(b, &body, pack_at(b, s, e->order[pos], &in, false));
  stmts_add(b, &body, nest_build(b, s, pos + 1, &in));
  return stmts_block(b, &body);
}

struct lstmt *nest_build(struct build *b, const struct set *s, unsigned pos, const struct env *e) {
  if (!s->n || b->why) return NULL;
  struct env in = *e;
  poly_t g[MAX_LOOP];
  unsigned n = 0;
  if (take_whens(s, &in, g, &n)) {
    struct lstmt *x = nest_build(b, s, pos, &in);
    return x ? loop_if(b->a, n, g, NULL, x, NULL) : NULL;
  }
  if (edge_wanted(b, s, pos, e)) return edge_split(b, s, pos, e);
  for (; pos < e->n; pos++) {
    bool any = false;
    for (unsigned i = 0; i < s->n; i++) any |= walks_here(s->m[i], e, e->order[pos]);
    if (any) break;
    if (packs_alone(b, s, e->order[pos], e)) return pack_alone(b, s, pos, e);
  }
  if (pos == e->n) return edge_wanted(b, s, pos, e) ? edge_split(b, s, pos, e) : leaf_build(b, s, e);
  if (edge_wanted(b, s, pos, e)) return edge_split(b, s, pos, e);
  struct parts *o = ARENA_NEW(b->a, struct parts, 1);
  cut(b, s, e->order[pos], e, o);
  place_temps(b, o, e->order[pos], &in);
  return b->why ? NULL : parts_build(b, o, 0, e->order[pos], pos, &in);
}
