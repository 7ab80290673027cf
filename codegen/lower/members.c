/* Equations -> members of a nest. A member has bounds over dims only (what that loses stands in guards), reads nothing
   that it writes, and where the result's type or a dependence forbids accumulating in place it is followed by a copying
   member. Then: what each loop means to each member. */
#include "ir/apart.h"
#include "codegen/lower/plan.h"
#include <string.h>

uint8_t tensor_type(const struct plan *p, unsigned t) {
  return t >= VT_BASE ? p->vt[t - VT_BASE].type : p->k->tensor[t].type;
}

unsigned tensor_rank(const struct plan *p, unsigned t) {
  return t >= VT_BASE ? p->vt[t - VT_BASE].rank : p->k->tensor[t].rank;
}

bool tensor_shrinks(const struct plan *p, unsigned t) {
  return t >= VT_BASE || group_private(p->gs, p->gi, t);
}

bool poly_over_dims(const struct kernel *k, poly_t x) {
  for (uint32_t i = 0; i < x->n; i++)
    for (unsigned j = 0; j < x->mono[i].n; j++)
      if (x->mono[i].sym[j] >= k->nsym || k->sym[x->mono[i].sym[j]].kind != SYM_DIM) return false;
  return !x->overflow;
}

static bool too_many(struct plan *p) {
  if (!p->why) p->why = "the group is too large";
  return false;
}

static struct member *add_member(struct plan *p, const struct eq *e) {
  if (p->nmember == MAX_MEMBER) return NULL;
  struct member *m = &p->member[p->nmember++];
  *m = (struct member){.e = arena_dup(p->a, e, sizeof *e), .aux = UINT16_MAX, .vec = -1, .thr = -1, .sub = -1};
  return m;
}

static unsigned add_vt(struct plan *p, const char *name, uint8_t type, unsigned rank) {
  if (p->nvt == MAX_MEMBER) return UINT16_MAX;
  p->vt[p->nvt] = (struct vtensor){name, type, (uint8_t)rank};
  return VT_BASE + p->nvt++;
}

struct member *member_add(struct plan *p, const struct eq *e) {
  return add_member(p, e);
}

unsigned member_temp(struct plan *p, const char *name, enum dtype type, unsigned rank) {
  return add_vt(p, name, (uint8_t)type, rank);
}

/* ---- bounds ---- */

static int find_axis(const struct eq *e, unsigned n, poly_t x) {
  for (unsigned a = 0; a < n; a++)
    if (poly_has(x, e->axis[a].sym)) return (int)a;
  return -1;
}

/* The extreme of x over the (relaxed) axes before axis n; NULL when a coefficient's sign is not known. */
static poly_t relax(struct plan *p, const struct eq *e, unsigned n, poly_t x, bool max) {
  for (int a; (a = find_axis(e, n, x)) >= 0;) {
    poly_t c, r;
    int64_t v;
    if (!poly_split(p->a, x, e->axis[a].sym, &c, &r) || !poly_is_const(c, &v)) return NULL;
    poly_t end = (v > 0) == max ? poly_addc(p->a, e->axis[a].hi, -1) : e->axis[a].lo;
    x = poly_add(p->a, r, poly_mul(p->a, c, end));
    if (x->overflow) return NULL;
  }
  return x;
}

/* Makes the bounds of axis n depend on dims only; the exact ones become guards. */
static unsigned relax_axis(struct plan *p, struct eq *e, unsigned n, poly_t *guard) {
  struct axis *x = &e->axis[n];
  unsigned ng = 0;
  if (poly_over_dims(p->k, x->lo) && poly_over_dims(p->k, x->hi)) return 0;
  poly_t lo = relax(p, e, n, x->lo, false), hi = relax(p, e, n, x->hi, true), s = poly_sym(p->a, x->sym);
  if (!lo || !hi) return 0;
  if (!poly_eq(lo, x->lo)) guard[ng++] = poly_sub(p->a, s, x->lo);
  if (!poly_eq(hi, x->hi)) guard[ng++] = poly_addc(p->a, poly_sub(p->a, x->hi, s), -1);
  x->lo = lo;
  x->hi = hi;
  return ng;
}

/* Own copy of an equation with relaxed bounds. *npg: guards on what is written. */
static struct eq *own_eq(struct plan *p, const struct eq *from, uint8_t *npg) {
  struct eq *e = arena_dup(p->a, from, sizeof *from);
  e->axis = arena_dup(p->a, from->axis, sizeof *from->axis * from->nax);
  e->guard = ARENA_NEW(p->a, poly_t, from->nguard + 2u * from->nax + 1);
  unsigned n = 0;
  for (unsigned a = 0; a < from->npar; a++) n += relax_axis(p, e, a, e->guard + n);
  *npg = (uint8_t)n;
  for (unsigned i = 0; i < from->nguard; i++) e->guard[n++] = from->guard[i];
  if (from->red == RED_none) *npg = (uint8_t)n;
  for (unsigned a = from->npar; a < from->nax; a++) n += relax_axis(p, e, a, e->guard + n);
  e->nguard = (uint8_t)n;
  return n > UINT8_MAX ? NULL : e;
}

/* ---- equations ---- */

static bool reads_at(const struct access *r, const struct eq *e, unsigned rank) {
  for (unsigned d = 0; d < rank; d++)
    if (r->ix[d].dyn || !poly_eq(r->ix[d].poly, e->lhs_idx[d])) return false;
  return true;
}

struct self {
  const struct kernel *k;
  unsigned tensor, rank;
  const struct eq *e;
  bool any, elsewhere; /* reads of the tensor that it writes; of elements that other iterations write */
};
static void note_self(expr_t x, void *ctx) {
  struct self *s = ctx;
  if (x->kind != E_READ || x->acc->tensor != s->tensor) return;
  s->any = true;
  s->elsewhere |= !reads_at(x->acc, s->e, s->rank) && !eq_apart(s->k, s->e, s->e, x->acc);
}

static struct self self_reads(struct plan *p, const struct eq *e, expr_t x) {
  struct self s = {p->k, e->lhs, tensor_rank(p, e->lhs), e, false, false};
  if (x) expr_visit(x, note_self, &s);
  return s;
}

static bool in_place(struct plan *p, const struct eq *e) {
  if (e->red == RED_none) return !self_reads(p, e, e->body).elsewhere;
  if (IS_ARG(e->red) || e->body->type != tensor_type(p, e->lhs)) return false;
  return !self_reads(p, e, e->body).any && !self_reads(p, e, e->init).elsewhere &&
         !(e->running && self_reads(p, e, e->running).any);
}

poly_t *member_subs(struct plan *p, const struct eq *e) {
  poly_t *ix = ARENA_NEW(p->a, poly_t, e->npar + 1);
  for (unsigned a = 0; a < e->npar; a++) ix[a] = poly_sym(p->a, e->axis[a].sym);
  return ix;
}

static const char *lhs_name(const struct plan *p, const struct eq *e) {
  return e->lhs >= VT_BASE ? p->vt[e->lhs - VT_BASE].name : p->k->tensor[e->lhs].name;
}

/* lhs[lhs_idx] = vt[par axes], over what e writes. */
static bool add_copy(struct plan *p, const struct eq *e, unsigned npg, unsigned vt) {
  struct eq c = *e;
  c.red = RED_none;
  c.nax = c.npar;
  c.nguard = (uint8_t)npg;
  c.init = c.start = c.rescale = c.running = NULL;
  c.state = UINT16_MAX;
  c.body = expr_cast(p->a, tensor_type(p, e->lhs),
                     expr_read(p->a, tensor_type(p, vt), access_new(p->a, vt, e->npar, member_subs(p, e))));
  struct member *m = add_member(p, &c);
  if (!m) return too_many(p);
  m->npg = (uint8_t)npg;
  return true;
}

static bool add_eq(struct plan *p, const struct eq *from) {
  uint8_t npg;
  struct eq *e = own_eq(p, from, &npg);
  if (!e) return too_many(p);
  if (in_place(p, e)) {
    struct member *m = add_member(p, e);
    if (!m) return too_many(p);
    m->npg = npg;
    return true;
  }
  uint8_t type = IS_ARG(e->red) ? (uint8_t)DT_i64 : e->body->type;
  unsigned vt = add_vt(p, arena_printf(p->a, "%s_part", lhs_name(p, e)), type, e->npar);
  struct eq c = *e;
  c.lhs = (uint16_t)vt;
  c.lhs_idx = member_subs(p, e);
  struct member *m = vt == UINT16_MAX ? NULL : add_member(p, &c);
  if (!m) return too_many(p);
  m->npg = npg;
  if (IS_ARG(e->red))
    m->aux = (uint16_t)add_vt(p, arena_printf(p->a, "%s_best", lhs_name(p, e)), e->body->type, e->npar);
  return add_copy(p, e, npg, vt);
}

/* ---- what readers do not need ---- */

static bool guards_hold(const struct member *n, poly_t g, bool *written) {
  bool holds = *written = false;
  for (unsigned i = 0; i < n->e->nguard + n->nsoft && !*written; i++) {
    bool same = poly_eq(n->e->guard[i], g);
    holds |= same;
    *written = same && (i < n->npg || i >= n->e->nguard);
  }
  return holds;
}

/* Does every reader of m's private result read just the element that m writes, and only where g holds? */
static bool unread_without(struct plan *p, const struct member *m, poly_t g) {
  unsigned readers = 0;
  for (unsigned i = 0; i < p->nmember; i++) {
    const struct member *n = &p->member[i];
    struct reads r;
    bool written;
    if (n != m && n->e->lhs == m->e->lhs) return false;
    member_reads(n, m->e->lhs, &r);
    if (!r.n) continue;
    if (n == m || r.more || !guards_hold(n, g, &written)) return false;
    bool start =
        (n->e->init && expr_reads(n->e->init, m->e->lhs)) || (n->e->start && expr_reads(n->e->start, m->e->lhs));
    if (start && !written) return false;
    for (unsigned j = 0; j < r.n; j++)
      if (!reads_at(r.acc[j], m->e, tensor_rank(p, m->e->lhs))) return false;
    readers++;
  }
  return readers > 0;
}

static bool over_par(const struct plan *p, const struct eq *e, poly_t g) {
  for (uint32_t i = 0; i < g->n; i++)
    for (unsigned j = 0; j < g->mono[i].n; j++) {
      sym_t s = g->mono[i].sym[j];
      int x = eq_axis(e, s);
      if (p->k->sym[s].kind != SYM_DIM && (x < 0 || x >= e->npar)) return false;
    }
  return true;
}

bool member_unread(struct plan *p, const struct member *m, poly_t g) {
  return over_par(p, m->e, g) && unread_without(p, m, g);
}

/* Guards that all readers of a private temp share need not hold where it is computed, but loops may stop there: of a
   causal attention's scores only those before the diagonal are made. From the last reader backwards. */
static void soft_guards(struct plan *p) {
  for (unsigned i = p->nmember; i-- > 0;) {
    struct member *m = &p->member[i];
    const struct member *reader = NULL;
    if (!tensor_shrinks(p, m->e->lhs)) continue;
    for (unsigned j = i + 1; j < p->nmember && !reader; j++)
      if (expr_reads(p->member[j].e->body, m->e->lhs)) reader = &p->member[j];
    for (unsigned g = 0; reader && g < (unsigned)(reader->e->nguard + reader->nsoft) && m->nsoft < 8; g++) {
      poly_t x = reader->e->guard[g];
      bool written;
      if (!over_par(p, m->e, x) || (guards_hold(m, x, &written) && written) || !unread_without(p, m, x)) continue;
      poly_t *all = ARENA_NEW(p->a, poly_t, m->e->nguard + m->nsoft + 1);
      for (unsigned k = 0; k < (unsigned)(m->e->nguard + m->nsoft); k++) all[k] = m->e->guard[k];
      all[m->e->nguard + m->nsoft++] = x;
      m->e->guard = all;
    }
  }
}

static bool take_axes(struct plan *p) {
  p->naxis = p->g->naxis;
  for (unsigned a = 0; a < p->naxis; a++) {
    struct paxis *x = &p->axis[a];
    *x = (struct paxis){
        .sym = p->g->axis[a].sym, .lo = p->g->axis[a].lo, .hi = p->g->axis[a].hi, .uniform = true, .ext = -1};
    bool seen = false;
    for (unsigned i = 0; i < p->nmember; i++) {
      const struct axis *y = member_axis(p, &p->member[i], a);
      if (!y) continue;
      if (!seen)
        x->lo = y->lo, x->hi = y->hi;
      else if (!poly_eq(x->lo, y->lo) || !poly_eq(x->hi, y->hi))
        x->uniform = false;
      seen = true;
    }
    int64_t n;
    if (poly_is_const(poly_sub(p->a, x->hi, x->lo), &n)) x->ext = n < 0 ? 0 : n;
  }
  return true;
}

const struct axis *member_axis(const struct plan *p, const struct member *m, unsigned axis) {
  for (unsigned x = 0; x < m->e->nax; x++)
    if (m->e->axis[x].sym == p->axis[axis].sym) return &m->e->axis[x];
  return NULL;
}

bool members_make(struct plan *p) {
  for (unsigned i = 0; i < p->g->neq; i++)
    if (!add_eq(p, &p->k->eq[p->g->eq[i]])) return false;
  soft_guards(p);
  return take_axes(p);
}

/* ---- the stream ---- */

static const struct member *state_of(const struct plan *p, unsigned tensor) {
  for (unsigned i = 0; i < p->nmember; i++)
    if (p->member[i].e->lhs == tensor && p->member[i].e->red != RED_none) return &p->member[i];
  return NULL;
}

static bool reduces_stream(const struct plan *p, const struct eq *e) {
  for (unsigned x = e->npar; x < e->nax; x++)
    if (e->axis[x].sym == p->axis[LOOP_AXIS(p->stream_top)].sym) return true;
  return false;
}

/* Every state must be accumulated in place: running members read it directly. */
static bool stream_possible(const struct plan *p) {
  for (unsigned i = 0; i < p->nmember; i++) {
    const struct eq *e = p->member[i].e;
    if (e->state == UINT16_MAX) continue;
    const struct member *s = state_of(p, e->state);
    if (!s || s->aux != UINT16_MAX) return false;
    for (unsigned j = i; j < p->nmember; j++)
      if (&p->member[j] == s) return false;
    for (unsigned x = 0; x < s->e->npar; x++)
      if (eq_axis(e, s->e->axis[x].sym) < 0) return false;
  }
  return true;
}

static expr_t read_lhs(struct plan *p, const struct eq *e, unsigned tensor) {
  const poly_t *ix = tensor == e->lhs ? e->lhs_idx : member_subs(p, e);
  return expr_read(p->a, tensor_type(p, tensor),
                   access_new(p->a, tensor, tensor == e->lhs ? tensor_rank(p, tensor) : e->npar, ix));
}

struct args2 {
  expr_t arg[2];
};
static expr_t put_args(struct arena *a, expr_t x, void *ctx) {
  (void)a;
  return x->kind == E_ARG && x->id < 2 ? ((struct args2 *)ctx)->arg[x->id] : x;
}

static struct member *add_helper(struct plan *p, const struct member *like, enum mkind kind, expr_t body) {
  struct eq c = *like->e;
  c.red = RED_none;
  c.nax = c.npar;
  c.nguard = like->npg;
  c.init = c.start = c.rescale = c.running = NULL;
  c.body = body;
  struct member *n = add_member(p, &c);
  if (!n) return NULL;
  n->npg = like->npg;
  n->kind = (uint8_t)kind;
  n->on_stream = true;
  return n;
}

/* to[par axes of m] = body */
static bool add_temp(struct plan *p, const struct member *m, unsigned to, expr_t body) {
  struct member *n = to == UINT16_MAX ? NULL : add_helper(p, m, MK_SAVE, body);
  if (!n) return too_many(p);
  n->e->lhs = (uint16_t)to;
  n->e->lhs_idx = member_subs(p, m->e);
  return true;
}

/* Behind the state: what every result relative to it is multiplied by, lhs *= rescale(old, new). Equal factors are
 * computed once. */
static bool add_scales(struct plan *p, const struct member *old, unsigned n, const struct member *state,
                       unsigned saved) {
  expr_t known[GROUP_MAX_EQ];
  unsigned vt[GROUP_MAX_EQ], nknown = 0, f;
  for (unsigned i = 0; i < n; i++) {
    const struct eq *e = old[i].e;
    if (e->state != state->e->lhs || !e->rescale || !reduces_stream(p, e)) continue;
    for (f = 0; f < nknown; f++)
      if (expr_eq(known[f], e->rescale) && tensor_type(p, vt[f]) == e->body->type) break;
    if (f == nknown) {
      struct args2 ctx = {{read_lhs(p, state->e, saved), read_lhs(p, state->e, state->e->lhs)}};
      if (nknown == GROUP_MAX_EQ) return too_many(p);
      vt[nknown] = add_vt(p, arena_printf(p->a, "%s_move", lhs_name(p, state->e)), e->body->type, state->e->npar);
      known[nknown++] = e->rescale;
      if (!add_temp(p, state, vt[f], expr_cast(p->a, e->body->type, expr_map(p->a, e->rescale, put_args, &ctx))))
        return false;
    }
    expr_t body = expr_op2(p->a, OP_mul, read_lhs(p, e, e->lhs), read_lhs(p, state->e, vt[f]));
    if (!add_helper(p, &old[i], MK_SCALE, body)) return too_many(p);
  }
  return true;
}

static bool is_state(const struct member *m, const struct member *all, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    if (m->e->red != RED_none && all[i].e->state == m->e->lhs) return true;
  return false;
}

/* What follows from complete results (m + log(z)) waits until all running members are done, which share a loop: behind
   the last of them, where nothing in between reads it. */
static void gather_running(const struct plan *p, struct member *m, unsigned n) {
  unsigned end = 0;
  for (unsigned i = 0; i < n; i++)
    if (m[i].e->state != UINT16_MAX || is_state(&m[i], m, n)) end = i;
  for (unsigned i = end; i-- > 0;) {
    bool moves = m[i].e->state == UINT16_MAX && !is_state(&m[i], m, n);
    for (unsigned j = i + 1; j <= end; j++) moves &= !deps_any(p, &m[i], &m[j]);
    if (!moves) continue;
    struct member x = m[i];
    memmove(&m[i], &m[i + 1], (end - i) * sizeof x);
    m[end--] = x;
  }
}

bool members_stream(struct plan *p) {
  if (p->stream_top < 0) return true;
  if (!stream_possible(p)) {
    p->stream_top = -1;
    return true;
  }
  unsigned n = p->nmember;
  struct member *old = arena_dup(p->a, p->member, sizeof *old * n);
  p->nmember = 0;
  gather_running(p, old, n);
  for (unsigned i = 0; i < n; i++) {
    const struct member *m = &old[i];
    bool state = is_state(m, old, n);
    unsigned saved = UINT16_MAX;
    if (state) {
      saved = add_vt(p, arena_printf(p->a, "%s_old", lhs_name(p, m->e)), m->e->body->type, m->e->npar);
      if (!add_temp(p, m, saved, read_lhs(p, m->e, m->e->lhs))) return false;
    }
    struct member *own = add_member(p, m->e);
    if (!own) return too_many(p);
    struct eq *e = own->e;
    *own = *m;
    own->e = e;
    own->on_stream = m->e->state != UINT16_MAX || state;
    if (own->on_stream && e->running) e->body = e->running;
    if (state && !add_scales(p, old, n, m, saved)) return false;
  }
  return true;
}

/* ---- what loops mean ---- */

/* Strict: of floats only maxima and minima, whose zeros accum.c sees to. */
static bool lanes_reduce(const struct plan *p, const struct eq *e) {
  if (IS_ARG(e->red)) return e->nax == e->npar + 1; /* each lane keeps its first; the least index of the best wins */
  if (!type_is_float(e->body->type) || !p->o->strict) return true;
  return (e->red == RED_max || e->red == RED_min) && !p->lim->simt;
}

static void find_walks(const struct plan *p, struct member *m) {
  m->walks = m->red = m->reg = 0;
  for (unsigned x = 0; x < m->e->nax; x++) {
    int a = plan_axis(p, m->e->axis[x].sym);
    if (a < 0) continue;
    for (unsigned v = 0; v <= p->axis[a].ntile; v++) {
      m->walks |= BIT(LOOP_ID(a, v));
      if (x >= m->e->npar) m->red |= BIT(LOOP_ID(a, v));
    }
  }
  if (m->kind != MK_EQ) m->walks |= BIT(p->stream_top);
}

/* A parallel axis is preferred for the lanes; rows of threads stand along parallel axes only. */
static void find_vector(const struct plan *p, struct member *m) {
  m->vec = m->thr = -1;
  for (int pass = 0; pass < 2 && m->vec < 0; pass++)
    for (unsigned i = 0; i < p->norder; i++) {
      unsigned l = p->order[i];
      if (!(m->walks & BIT(l)) || p->loop[l].mark != MARK_VECTOR || ((m->red >> l) & 1) != (unsigned)pass) continue;
      if (p->loop[l].rows && !pass) m->thr = (int)l;
      if (p->loop[l].rows || (pass && p->loop[l].warps > 1)) continue; /* warps meet in no sum */
      if (!pass || lanes_reduce(p, m->e)) m->vec = (int)l;
    }
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if ((m->walks & BIT(l)) && (p->loop[l].mark == MARK_UNROLL || on_lanes(m, l))) m->reg |= BIT(l);
  m->sub = tensorize_loop(p, m);
  m->tile = m->sub >= 0 && p->loop[m->sub].matrix == MATRIX_amx;
  if (m->sub >= 0) m->reg |= BIT(m->sub);
  if (m->tile) mtile_take(p, m);
}

static void find_costly(expr_t x, void *ctx) {
  bool *costly = ctx;
  *costly |= x->kind == E_OP && (op_info[x->op].flags & OPF_TRANS);
}

/* An element-wise member with a long body walks its rows one after the other even where others unroll them: twenty-four
   copies of a tanh are no faster than four, and compile six times as long. Plain arithmetic gains: rows of a stencil
   read the same elements. */
static void spare_copies(const struct plan *p, struct member *m) {
  bool costly = false;
  expr_visit(m->e->body, find_costly, &costly);
  int64_t copies = expr_cost(m->e->body), most = costly ? 200 : 800;
  if (m->e->red != RED_none) return;
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if (m->reg & BIT(l))
      copies *= p->axis[LOOP_AXIS(l)].ntile ? p->axis[LOOP_AXIS(l)].tile[0] : p->axis[LOOP_AXIS(l)].ext;
  uint64_t lanes = (m->vec >= 0 ? BIT(m->vec) : 0) | (m->thr >= 0 ? BIT(m->thr) : 0);
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if ((lanes & BIT(l)) && p->loop[l].lanes) copies /= p->loop[l].lanes * p->loop[l].warps;
  if (copies > most) m->reg &= lanes;
}

/* The innermost run of reduction loops; what stands inside it must be register loops. */
static void find_run(const struct plan *p, struct member *m) {
  bool in = false, out = false;
  m->acc = false;
  if (m->tile) return;
  m->run = m->outer = 0;
  for (unsigned i = p->norder; i-- > 0;) {
    unsigned l = p->order[i];
    bool red = m->red & BIT(l);
    if (!(m->walks & BIT(l)) || p->loop[l].trivial || on_lanes(m, l) || (int)l == m->sub || (!red && (m->reg & BIT(l))))
      continue;
    if (!red || ((int)l == p->stream_top && m->on_stream)) out = true;
    if (!red) continue;
    if (!out)
      in = true, m->run |= BIT(l);
    else
      m->outer |= BIT(l);
  }
  m->acc = in;
}

static bool guards_have(const struct eq *e, sym_t s) {
  for (unsigned i = 0; i < e->nguard; i++)
    if (poly_has(e->guard[i], s)) return true;
  return false;
}

static bool find_first(const struct plan *p, const struct member *m) {
  if (!m->acc && (!m->tile || m->e->init)) return false;
  for (unsigned l = 0; l < MAX_LOOP; l++) {
    if (!(m->outer & BIT(l))) continue;
    const struct paxis *x = &p->axis[LOOP_AXIS(l)];
    const struct axis *y = member_axis(p, m, LOOP_AXIS(l));
    if ((int)l == p->stream_top || guards_have(m->e, x->sym) || !poly_over_dims(p->k, y->lo) ||
        !poly_over_dims(p->k, y->hi))
      return false;
    if (!LOOP_LEVEL(l) && !(x->uniform && x->ext > 0)) return false;
  }
  return true;
}

bool member_analyse(struct plan *p, struct member *m) {
  find_walks(p, m);
  find_vector(p, m);
  spare_copies(p, m);
  find_run(p, m);
  m->first = find_first(p, m);
  return true;
}

/* Reductions whose order counts are walked in the order in which the equation names the axes. */
static bool in_order(const struct plan *p, const struct member *m) {
  int last = -1;
  for (unsigned i = 0; i < p->norder; i++) {
    unsigned l = p->order[i];
    if (!(m->red & BIT(l)) || p->loop[l].trivial) continue;
    int x = eq_axis(m->e, p->axis[LOOP_AXIS(l)].sym);
    if (x < last) return false;
    last = x;
  }
  return true;
}

static bool check_reduction(struct plan *p, const struct member *m) {
  if (IS_ARG(m->e->red) && m->vec >= 0 && (m->red & BIT(m->vec)) && !m->acc) {
    p->why = arena_printf(p->a, "vector %s: argmin and argmax on lanes need their accumulator",
                          plan_loop_name(p, (unsigned)m->vec));
    return false;
  }
  if (IS_ARG(m->e->red) && m->vec >= 0 && (m->red & BIT(m->vec)) && p->loop[m->vec].piece > 1) {
    p->why =
        arena_printf(p->a, "piece %s: argmin and argmax take single elements", plan_loop_name(p, (unsigned)m->vec));
    return false;
  }
  if (IS_ARG(m->e->red) && m->thr >= 0 && m->vec >= 0 && (m->red & BIT(m->vec)) &&
      p->loop[m->vec].lanes < 32) { /* of a warp */
    p->why = arena_printf(p->a, "threads %s: argmin and argmax beside rows of threads take whole warps",
                          plan_loop_name(p, (unsigned)m->thr));
    return false;
  }
  bool loose = !type_is_float(m->e->body->type) || !p->o->strict;
  if (m->e->red == RED_none || (!IS_ARG(m->e->red) && loose) || in_order(p, m)) return true;
  p->why = IS_ARG(m->e->red) ? "order: argmin and argmax need their reduction loops in the order of the equation"
                             : "order: --fp strict needs the reduction loops in the order of the equation";
  return false;
}

static int64_t loop_copies(const struct plan *p, const struct member *m, unsigned l, bool in_acc) {
  const struct paxis *x = &p->axis[LOOP_AXIS(l)];
  if (!(m->walks & BIT(l))) return 1;
  if (on_lanes(m, l)) return x->tile[0] / (p->loop[l].lanes * p->loop[l].warps);
  if (p->loop[l].mark == MARK_UNROLL) return in_acc && (m->red & BIT(l)) ? 1 : x->ntile ? x->tile[0] : x->ext;
  return in_acc || !p->loop[l].unroll ? 1 : p->loop[l].unroll;
}

static bool check_size(struct plan *p) {
  int64_t total = 0, most = p->lim->simt ? 128 : 64; /* a thread has 255 registers */
  for (unsigned i = 0; i < p->nmember; i++) {
    const struct member *m = &p->member[i];
    int64_t n = 1, acc = 1;
    for (unsigned l = 0; l < MAX_LOOP && n <= 4096; l++)
      n *= loop_copies(p, m, l, false), acc *= loop_copies(p, m, l, true);
    total += n;
    if (m->acc && acc > most) p->why = arena_printf(p->a, "unroll: more than %d accumulators", (int)most);
  }
  if (total > 8 * most) p->why = arena_printf(p->a, "unroll: more than %d statements", (int)(8 * most));
  return !p->why;
}

/* All running members must meet in one running loop: they share it and all loops outside. */
static bool check_stream(struct plan *p) {
  unsigned lo = p->nmember, hi = 0;
  uint32_t fixed = 0;
  for (unsigned i = 0; i < p->nmember; i++)
    if (p->member[i].on_stream) lo = i < lo ? i : lo, hi = i + 1;
  for (unsigned k = 0; k < p->norder; k++) {
    unsigned l = p->order[k];
    if (!p->loop[l].trivial)
      for (unsigned i = lo; i < hi; i++)
        for (unsigned j = lo; j <= i; j++) {
          const struct member *m = &p->member[j], *n = &p->member[i];
          bool alike = !((m->reg ^ n->reg) & BIT(l));
          if ((n->walks & BIT(l)) && !on_lanes(n, l) && alike && (i == j || deps_share(p, m, n, l, fixed))) continue;
          p->why = arena_printf(p->a, "tile %s: the running form needs all its members together at loop %s",
                                p->k->sym[p->axis[p->g->stream].sym].name, plan_loop_name(p, l));
          return false;
        }
    if ((int)l == p->stream_top) return true;
    if (LOOP_LEVEL(l) == 0) fixed |= 1u << LOOP_AXIS(l);
  }
  return true;
}

/* The rows of threads are the digit above the lanes of all other vector loops, warps those above both: those of lanes,
   then those of rows; a warp group is four of rows, so they come first there. */
static bool find_digits(struct plan *p) {
  unsigned most[4] = {1, 1, 1, 1}, digit[5] = {0},
           first = 0; /* lanes, rows of threads, warps of lanes, warps of rows */
  for (unsigned l = 0; l < MAX_LOOP; l++) {
    const struct ploop *x = &p->loop[l];
    if (loop_is_sub(p, l) && x->matrix == MATRIX_wgmma) first = 1;
  }
  for (unsigned l = 0; l < MAX_LOOP; l++) {
    const struct ploop *x = &p->loop[l];
    if (x->mark != MARK_VECTOR) continue;
    if (x->lanes > most[x->rows]) most[x->rows] = x->lanes;
    if (x->warps > most[2 + (x->rows ^ first)]) most[2 + (x->rows ^ first)] = x->warps;
  }
  for (unsigned i = 0; i < 4; i++) digit[i + 1] = digit[i] + (unsigned)__builtin_ctz(most[i]);
  if (digit[4] > 10) p->why = "threads: more than 1024 threads in a block";
  for (unsigned l = 0; l < MAX_LOOP; l++) {
    p->loop[l].digit = (uint8_t)digit[p->loop[l].rows];
    p->loop[l].warp_digit = (uint8_t)digit[2 + (p->loop[l].rows ^ first)];
  }
  p->threads = 1u << (digit[4] > 10 ? 10 : digit[4]);
  return !p->why;
}

bool members_analyse(struct plan *p) {
  for (unsigned i = 0; i < p->nmember; i++)
    if (!member_analyse(p, &p->member[i]) || !check_reduction(p, &p->member[i])) return false;
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if (p->loop[l].mark == MARK_VECTOR && !lanes_find(p, l)) return false;
  if (!find_digits(p)) return false;
  for (unsigned i = 0; i < p->nmember; i++) member_analyse(p, &p->member[i]); /* again: the lanes are known now */
  return (p->stream_top < 0 || check_stream(p)) && check_size(p);
}
