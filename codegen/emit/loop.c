/* Loops. Serial ones are tested at the bottom and count in 64 bits; locals and register slots that the body changes
   become phis. A loop that may be empty has its first test before it, so code hoisted to its preheader runs only when
   the body does. */
#include "codegen/emit/build.h"

/* --- bounds --- */

/* The greatest (or least) of p[0..n) as one polynomial: substituted, without those that another one surely exceeds;
 * several that remain become a fresh symbol. */
static poly_t bound(struct fn *f, const poly_t *p, unsigned n, bool greatest, poly_t *parts, unsigned *nparts) {
  struct arena *a = f->m->arena;
  unsigned k = 0;
  for (unsigned i = 0; i < n; i++) {
    poly_t x = fn_subst(f, p[i]);
    bool drop = false;
    for (unsigned j = 0; j < k && !drop; j++)
      drop = provably_ge0(f, greatest ? poly_sub(a, parts[j], x) : poly_sub(a, x, parts[j]));
    if (drop) continue;
    unsigned keep = 0;
    for (unsigned j = 0; j < k; j++)
      if (!provably_ge0(f, greatest ? poly_sub(a, x, parts[j]) : poly_sub(a, parts[j], x))) parts[keep++] = parts[j];
    k = keep;
    parts[k++] = x;
  }
  *nparts = k;
  if (k == 1) return parts[0];
  struct val v = greatest ? fn_max(f, parts, k) : fn_min(f, parts, k);
  return poly_sym(a, fresh_sym(f, v));
}

/* The iteration that the loop begins with: the last one not beyond where it may. */
static void begin_at(struct fn *f, const struct lstmt *s, struct range *r) {
  struct arena *a = f->m->arena;
  poly_t ends[UINT8_MAX + 1], off;
  for (unsigned i = 0; i < s->nfrom; i++) {
    poly_t x = fn_subst(f, s->from[i]);
    if (provably_ge0(f, poly_sub(a, r->lo, x))) continue;
    ends[r->nfrom] = x;
    r->froms[r->nfrom++] = x;
  }
  if (!r->nfrom) return;
  int64_t known;
  if (r->nfrom == 1 && poly_is_const(off = poly_sub(a, r->froms[0], r->lo), &known)) {
    r->lo = poly_addc(a, r->lo, known < 0 ? 0 : known / s->step * s->step);
    return;
  }
  ends[r->nfrom] = r->lo;
  struct val far = vbin(f, LLVMSub, fn_max(f, ends, r->nfrom + 1), fn_poly(f, r->lo), false), step = vi64(f, s->step);
  far = vbin(f, LLVMMul, vbin(f, LLVMUDiv, far, step, false), step, false);
  sym_t at = fresh_sym(f, far);
  f->divisor[at] = s->step;
  r->lo = poly_add(a, r->lo, poly_sym(a, at));
}

void find_range(struct fn *f, const struct lstmt *s, struct range *r) {
  r->nfrom = r->nguard = 0;
  r->lo = bound(f, s->lo, s->nlo, true, r->los, &r->nlo);
  r->hi = bound(f, s->hi, s->nhi, false, r->his, &r->nhi);
  if (s->nfrom) begin_at(f, s, r);
}

/* --- loops whose whole body stands under a condition --- */

/* The one statement of the body, when it is an if by guards alone. */
static const struct lstmt *guarded_body(const struct lstmt *s) {
  const struct lstmt *b = s->body[0];
  while (b->kind == L_BLOCK && b->nbody == 1 && b->body[0]) b = b->body[0];
  return b->kind == L_IF && !b->cond && b->nguard && b->nbody == 1 ? b : NULL;
}

/* The first i at which x - c * i < 0. */
static poly_t first_below(struct fn *f, poly_t x, int64_t c) {
  struct arena *a = f->m->arena;
  if (c == 1) return poly_addc(a, x, 1);
  struct val v = fn_poly(f, x), by = vi64(f, c), q = vbin(f, LLVMSDiv, v, by, false);
  struct val rest = vbin(f, LLVMSub, v, vbin(f, LLVMMul, q, by, false), false);
  struct val down = vbin(f, LLVMAShr, rest, vi64(f, 63), false); /* -1: the quotient of a negative number goes down */
  return poly_addc(a, poly_sym(a, fresh_sym(f, vbin(f, LLVMAdd, q, down, false))), 1);
}

/* for (i < n) if (n - 2 * i - 2 >= 0), which is how i < n / 2 is said in polynomials: the loop ends there, and its body
   asks nothing. Guards that i only makes smaller, or by one larger (j > i: it starts there), become bounds; they are
   facts inside. */
static void bound_by_guards(struct fn *f, const struct lstmt *s, struct range *r) {
  struct arena *a = f->m->arena;
  const struct lstmt *b = s->once || f->simt ? NULL : guarded_body(s);
  if (!b) return;
  unsigned n = s->nhi, nlo = s->nlo;
  poly_t hi[UINT8_MAX + MAX_GUARD], lo[UINT8_MAX + MAX_GUARD];
  for (unsigned i = 0; i < n; i++) hi[i] = s->hi[i];
  for (unsigned i = 0; i < nlo; i++) lo[i] = s->lo[i];
  for (unsigned g = 0; g < b->nguard && r->nguard < MAX_GUARD; g++) {
    poly_t coef, rest, x = fn_subst(f, b->guard[g]);
    int64_t c;
    if (!poly_split(a, x, s->sym, &coef, &rest) || !poly_is_const(coef, &c) || c == INT64_MIN) continue;
    if (c > 1 || c == 0 || (c == 1 && s->step > 1)) continue;
    if (c < 0)
      hi[n++] = first_below(f, rest, -c);
    else
      lo[nlo++] = poly_scale(a, rest, -1);
    r->guard[r->nguard++] = x;
  }
  if (n > s->nhi && n <= UINT8_MAX) r->hi = bound(f, hi, n, false, r->his, &r->nhi);
  if (nlo > s->nlo && nlo <= UINT8_MAX) r->lo = bound(f, lo, nlo, true, r->los, &r->nlo);
}

bool range_spans(struct fn *f, const struct range *r, int64_t least) {
  struct arena *a = f->m->arena;
  for (unsigned i = 0; i < r->nlo + r->nfrom; i++)
    for (unsigned j = 0; j < r->nhi; j++) {
      poly_t lo = i < r->nlo ? r->los[i] : r->froms[i - r->nlo];
      if (!provably_ge0(f, poly_addc(a, poly_sub(a, r->his[j], lo), -least))) return false;
    }
  return true;
}

static void range_facts(struct fn *f, const struct range *r, sym_t s, poly_t i, bool once) {
  struct arena *a = f->m->arena;
  for (unsigned j = 0; j < r->nguard; j++) fact_add(f, poly_subst(a, r->guard[j], s, i));
  for (unsigned j = 0; j < r->nlo; j++) fact_add(f, poly_sub(a, i, r->los[j]));
  for (unsigned j = 0; j < r->nhi && !once; j++) fact_add(f, poly_addc(a, poly_sub(a, r->his[j], i), -1));
}

/* --- serial loops --- */

static void add_phis(struct fn *f, struct state *st, LLVMBasicBlockRef pre, LLVMValueRef *phi) {
  for (unsigned i = 0; i < st->n; i++) {
    phi[i] = LLVMBuildPhi(f->b, LLVMTypeOf(st->was[i].v), "");
    LLVMAddIncoming(phi[i], &st->was[i].v, &pre, 1);
    *st->at[i] = mkval(phi[i], cur_level(f), st->was[i].type, st->was[i].lanes);
  }
}

static void replace_everywhere(struct state *st, LLVMValueRef phi, struct val by) {
  for (unsigned i = 0; i < st->n; i++)
    if (st->at[i]->v == phi) *st->at[i] = by;
}

/* Phis whose value never changes go away. */
static void close_phis(struct state *st, LLVMBasicBlockRef latch, LLVMValueRef *phi) {
  for (unsigned i = 0; i < st->n; i++) {
    if (st->at[i]->v != phi[i]) {
      LLVMAddIncoming(phi[i], &st->at[i]->v, &latch, 1);
      continue;
    }
    LLVMReplaceAllUsesWith(phi[i], st->was[i].v);
    replace_everywhere(st, phi[i], st->was[i]);
    LLVMInstructionEraseFromParent(phi[i]);
    phi[i] = NULL;
  }
}

static void advance_offsets(struct fn *f, struct frame *fr, LLVMBasicBlockRef latch) {
  for (struct iv *v = fr->ivs; v; v = v->next) {
    LLVMValueRef next = LLVMBuildNSWAdd(f->b, v->phi, v->step, "");
    LLVMAddIncoming(v->phi, &next, &latch, 1);
  }
}

/* Tells LLVM how often a loop comes around whose iterations are known not to be many. */
static void mark_trips(struct fn *f, const struct lstmt *s, int64_t step, LLVMValueRef branch) {
  int64_t lo, hi, most = INT32_MAX;
  for (unsigned i = 0; i < s->nhi && s->nlo == 1 && poly_is_const(s->lo[0], &lo); i++)
    if (poly_is_const(s->hi[i], &hi) && hi - lo < most) most = hi - lo;
  if (most <= 0 || most == INT32_MAX || f->subscript || f->simt) return;
  unsigned trips = (unsigned)((most + step - 1) / step);
  mark_weights(f, branch, trips > 1 ? trips - 1 : 1, 1);
}

/* One loop over [lo, hi) by `step` of the counter; each iteration runs `times` copies of the body. The range must not
   be empty. Returns the counter's value after the last iteration. */
static struct val loop_core(struct fn *f, const struct lstmt *s, const struct range *r, struct val lo, struct val hi,
                            unsigned times, struct state *st) {
  struct module *m = f->m;
  LLVMBasicBlockRef pre = LLVMGetInsertBlock(f->b), head = new_block(f, "loop"), exit = new_block(f, "loop.end");
  LLVMBuildBr(f->b, head);
  loop_push(f, head, false, writes_of(f, s));
  LLVMValueRef phi = LLVMBuildPhi(f->b, m->i64, ""), *phis = ARENA_NEW(m->arena, LLVMValueRef, st->n + 1);
  LLVMAddIncoming(phi, &lo.v, &pre, 1);
  struct frame fr = {.sym = s->sym,
                     .level = cur_level(f),
                     .head = head,
                     .lo = lo,
                     .step = s->step * (int64_t)times,
                     .outer = f->frame};
  struct val outer = f->sym[s->sym];
  f->frame = &fr;
  f->sym[s->sym] = mkval(phi, fr.level, DT_i64, 0);
  f->divisor[s->sym] = gcd64(poly_divisor(f, r->lo), s->step);
  add_phis(f, st, pre, phis);
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (f->level[fr.level].writes[i]) object_stored(f, i);
  if (f->simt) fence_after(f, s);
  unsigned nfact = f->nfact;
  poly_t i = poly_sym(m->arena, s->sym);
  struct turn t;
  if (times > 1 && !f->simt) turn_open(f, &t, s, times);
  for (unsigned u = 0; u < times; u++) {
    poly_t at = poly_addc(m->arena, i, s->step * (int64_t)u);
    range_facts(f, r, s->sym, at, s->once);
    f->env[s->sym] = u ? at : NULL;
    emit_stmt(f, s->body[0]);
    f->env[s->sym] = NULL;
    f->nfact = nfact;
    if (f->turn == &t) turn_next(&t);
  }
  if (f->turn == &t) turn_close(f);
  state_settle(f, st);
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(f->b);
  advance_offsets(f, &fr, latch);
  LLVMValueRef next = LLVMBuildNSWAdd(f->b, phi, LLVMConstInt(m->i64, (uint64_t)fr.step, 0), "");
  LLVMAddIncoming(phi, &next, &latch, 1);
  mark_trips(f, s, fr.step, LLVMBuildCondBr(f->b, LLVMBuildICmp(f->b, LLVMIntSLT, next, hi.v, ""), head, exit));
  close_phis(st, latch, phis);
  f->frame = fr.outer;
  f->sym[s->sym] = outer;
  level_pop(f);
  LLVMMoveBasicBlockAfter(exit, latch);
  LLVMPositionBuilderAtEnd(f->b, exit);
  for (unsigned k = 0; k < st->n; k++)
    if (st->at[k]->level > cur_level(f)) st->at[k]->level = (uint16_t)cur_level(f);
  if (f->simt) simt_ring_end(f, s);
  return mkval(next, cur_level(f), DT_i64, 0);
}

void serial_arm(struct fn *f, void *ctx) {
  struct serial *x = ctx;
  struct state st = state_of(f, x->s);
  loop_core(f, x->s, x->r, x->lo, x->hi, 1, &st);
}

/* Whole groups of `unroll` iterations, then what is left. */
static void serial_unrolled(struct fn *f, struct serial *x) {
  const struct lstmt *s = x->s;
  int64_t ahead = s->step * (s->unroll - 1);
  struct val last = vbin(f, LLVMSub, x->hi, vi64(f, ahead), false); /* groups start below it */
  struct state st = state_of(f, s);
  LLVMBasicBlockRef from = LLVMGetInsertBlock(f->b), many = new_block(f, "groups"), rest = new_block(f, "rest");
  struct val *was = ARENA_NEW(f->m->arena, struct val, st.n + 1);
  for (unsigned i = 0; i < st.n; i++) was[i] = st.was[i];
  LLVMBuildCondBr(f->b, LLVMBuildICmp(f->b, LLVMIntSLT, x->lo.v, last.v, ""), many, rest);
  level_push(f, many, true);
  struct val next = loop_core(f, s, x->r, x->lo, last, s->unroll, &st);
  LLVMBasicBlockRef done = LLVMGetInsertBlock(f->b);
  LLVMBuildBr(f->b, rest);
  level_pop(f);
  LLVMMoveBasicBlockAfter(rest, done);
  LLVMPositionBuilderAtEnd(f->b, rest);
  LLVMBasicBlockRef in[2] = {from, done};
  LLVMValueRef phi = LLVMBuildPhi(f->b, f->m->i64, ""), at[2] = {x->lo.v, next.v};
  LLVMAddIncoming(phi, at, in, 2);
  for (unsigned i = 0; i < st.n; i++) {
    struct val *v = st.at[i];
    if (v->v == was[i].v) continue;
    LLVMValueRef p = LLVMBuildPhi(f->b, LLVMTypeOf(v->v), ""), pv[2] = {was[i].v, v->v};
    LLVMAddIncoming(p, pv, in, 2);
    *v = mkval(p, cur_level(f), v->type, v->lanes);
  }
  struct serial tail = *x;
  tail.lo = mkval(phi, cur_level(f), DT_i64, 0);
  emit_branch(f, vicmp(f, LLVMIntSLT, tail.lo, x->hi), s, serial_arm, NULL, &tail);
}

static void unrolled_arm(struct fn *f, void *ctx) {
  serial_unrolled(f, ctx);
}

void emit_serial(struct fn *f, const struct lstmt *s) {
  struct arena *a = f->m->arena;
  struct range r;
  find_range(f, s, &r);
  bound_by_guards(f, s, &r);
  int64_t n;
  bool nonempty = s->once || range_spans(f, &r, 1);
  bool known = poly_is_const(poly_sub(a, r.hi, r.lo), &n);
  if (known && n <= 0 && !s->once) return;
  unsigned nfact = f->nfact;
  if (known && n <= s->step) { /* one iteration */
    f->env[s->sym] = r.lo;
    range_facts(f, &r, s->sym, r.lo, s->once);
    emit_stmt(f, s->body[0]);
    if (f->simt) simt_ring_end(f, s);
    f->env[s->sym] = NULL;
    f->nfact = nfact;
    return;
  }
  bool grouped = s->unroll > 1 && !s->once;
  struct serial x = {.s = s, .r = &r, .lo = fn_poly(f, r.lo), .hi = fn_poly(f, r.hi)};
  arm_fn *run = grouped ? unrolled_arm : serial_arm;
  if (nonempty)
    run(f, &x);
  else
    emit_branch(f, vicmp(f, LLVMIntSLT, x.lo, x.hi), s, run, NULL, &x);
  f->nfact = nfact;
}

/* --- unrolled loops --- */

enum { UNROLL_LIMIT = 1024 };

static void emit_unroll(struct fn *f, const struct lstmt *s) {
  struct arena *a = f->m->arena;
  struct range r;
  find_range(f, s, &r);
  int64_t n;
  if (!poly_is_const(poly_sub(a, r.hi, r.lo), &n)) {
    emit_serial(f, s);
    return;
  }
  int64_t count = n <= 0 ? 0 : (n - 1) / s->step + 1;
  if (s->once && count == 0) count = 1;
  if (count > UNROLL_LIMIT) emit_fail(f->m, "a loop of %lld iterations is to be unrolled", (long long)count);
  struct turn t;
  struct weave w;
  weave_open(f, &w, s);
  if (!f->m->fail && !f->simt) turn_open(f, &t, s, (unsigned)count);
  for (int64_t i = 0; i < count && !f->m->fail; i++) {
    f->env[s->sym] = poly_addc(a, r.lo, i * s->step);
    emit_stmt(f, s->body[0]);
    turn_next(&t);
  }
  if (f->turn == &t) turn_close(f);
  weave_close(f);
  f->env[s->sym] = NULL;
}

/* --- vector loops --- */

struct vec {
  const struct lstmt *s;
  poly_t lo;
  struct val n; /* lanes on; .v NULL: all */
  int64_t fixed;
};

static void set_mask(struct fn *f, const struct vec *x) {
  struct module *m = f->m;
  f->mask = f->active = (struct val){0};
  if (x->fixed >= 0) {
    if (x->fixed >= (int64_t)f->lanes) return;
    LLVMValueRef k[LANE_LIMIT];
    for (unsigned i = 0; i < f->lanes; i++) k[i] = LLVMConstInt(m->i1, i < x->fixed, 0);
    f->mask = mkval(LLVMConstVector(k, f->lanes), 0, DT_bool, f->lanes);
    f->active = vi64(f, x->fixed);
    return;
  }
  f->mask = first_lanes(f, x->n);
  f->active = x->n;
}

/* After the loop a local has the value of the last lane that was on. */
static void locals_to_scalars(struct fn *f, const struct lstmt *s) {
  uint8_t *set = ARENA_NEW(f->m->arena, uint8_t, f->f->nlocal + 1);
  stmt_effects(s, NULL, set);
  LLVMValueRef at = LLVMConstInt(f->m->i64, f->lanes - 1, 0);
  if (f->mask.v) at = LLVMBuildSub(f->b, f->active.v, LLVMConstInt(f->m->i64, 1, 0), "");
  for (unsigned i = 0; i < f->f->nlocal; i++) {
    if (!set[i] || !f->local[i].lanes) continue;
    LLVMValueRef v = LLVMBuildExtractElement(f->b, f->local[i].v, at, "");
    f->local[i] = mkval(v, cur_level(f), f->local[i].type, 0);
  }
}

static void vector_body(struct fn *f, void *ctx) {
  const struct vec *x = ctx;
  const struct lstmt *s = x->s;
  unsigned lanes = 1u << s->lanes_log2;
  if (lanes == 1) {
    f->env[s->sym] = x->lo;
    emit_stmt(f, s->body[0]);
    f->env[s->sym] = NULL;
    return;
  }
  f->lane = s->sym, f->lanes = lanes;
  f->env[s->sym] = poly_add(f->m->arena, x->lo, poly_sym(f->m->arena, s->sym));
  set_mask(f, x);
  struct weave w;
  weave_open(f, &w, s);
  emit_stmt(f, s->body[0]);
  weave_close(f);
  locals_to_scalars(f, s);
  f->env[s->sym] = NULL;
  f->lane = SYM_NONE, f->lanes = 0;
  f->mask = f->active = (struct val){0};
}

static void emit_vector(struct fn *f, const struct lstmt *s) {
  struct arena *a = f->m->arena;
  if (f->lane != SYM_NONE) {
    emit_fail(f->m, "vector loops are nested");
    return;
  }
  if (s->lanes_log2 > 7) {
    emit_fail(f->m, "a vector of more than %d lanes", LANE_LIMIT);
    return;
  }
  int64_t lanes = (int64_t)1 << s->lanes_log2, c, fixed = lanes;
  struct range r;
  find_range(f, s, &r);
  poly_t run[UINT8_MAX];
  unsigned nrun = 0;
  bool empty = false;
  for (unsigned i = 0; i < r.nhi; i++) {
    poly_t n = poly_sub(a, r.his[i], r.lo);
    if (poly_is_const(n, &c)) {
      if (c < fixed) fixed = c;
      continue;
    }
    if (provably_ge0(f, poly_addc(a, n, -lanes))) continue;
    empty |= !provably_ge0(f, poly_addc(a, n, -1));
    run[nrun++] = n;
  }
  if (fixed <= 0) return;
  struct vec x = {.s = s, .lo = r.lo, .fixed = fixed};
  if (nrun > 0) {
    if (fixed < lanes) run[nrun++] = poly_const(a, fixed);
    x.fixed = -1;
    x.n = fn_min(f, run, nrun);
  }
  if (empty)
    emit_branch(f, vicmp(f, LLVMIntSGT, x.n, vi64(f, 0)), s, vector_body, NULL, &x);
  else
    vector_body(f, &x);
}

/* --- while --- */

void emit_while(struct fn *f, const struct lstmt *s) {
  struct state st = state_of(f, s);
  LLVMBasicBlockRef pre = LLVMGetInsertBlock(f->b), head = new_block(f, "while"), body = new_block(f, "do"),
                    exit = new_block(f, "done");
  LLVMBuildBr(f->b, head);
  loop_push(f, head, true, writes_of(f, s));
  LLVMValueRef *phis = ARENA_NEW(f->m->arena, LLVMValueRef, st.n + 1);
  add_phis(f, &st, pre, phis);
  struct val *at_head = ARENA_NEW(f->m->arena, struct val, st.n + 1);
  for (unsigned i = 0; i < st.n; i++) at_head[i] = *st.at[i];
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (f->level[cur_level(f)].writes[i]) object_stored(f, i);
  struct val c = emit_expr(f, s->cond);
  if (c.lanes) {
    emit_fail(f->m, "while on lanes");
    c.v = LLVMConstInt(f->m->i1, 0, 0);
  }
  LLVMBuildCondBr(f->b, c.v, body, exit);
  LLVMPositionBuilderAtEnd(f->b, body);
  if (s->nbody) emit_stmt(f, s->body[0]);
  state_settle(f, &st);
  LLVMBasicBlockRef latch = LLVMGetInsertBlock(f->b);
  LLVMBuildBr(f->b, head);
  close_phis(&st, latch, phis);
  level_pop(f);
  LLVMPositionBuilderAtEnd(f->b, exit);
  for (unsigned i = 0; i < st.n; i++) { /* what the head saw */
    *st.at[i] = phis[i] ? at_head[i] : st.was[i];
    if (phis[i]) st.at[i]->level = (uint16_t)cur_level(f);
  }
}

void emit_for(struct fn *f, const struct lstmt *s) {
  if (!s->nbody || !s->body[0] || s->step <= 0) return;
  if (amx_walks(f, s)) {
    amx_depth(f);
    return;
  }
  switch (s->fkind) {
  case F_TILES:
    emit_tiles(f, s);
    break;
  case F_UNROLL:
    emit_unroll(f, s);
    break;
  case F_VECTOR:
    emit_vector(f, s);
    break;
  case F_SUB:
    emit_sub(f, s);
    break;
  case F_PARALLEL:
    emit_parallel(f, s);
    break;
  default:
    emit_serial(f, s);
  }
}
