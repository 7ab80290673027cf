/* Products of a ring's loop (simt_tma.c) that run on into the next iteration. Where iterations do nothing but sums in
   registers, their instructions do so by themselves. Where an iteration ends in a product whose factor is in registers
   (attention), that is made in the next one, behind the first product of that: both then run while the threads do the
   rest. */
#include "codegen/emit/ring.h"

/* Only sums in registers, each by an instruction, if they are of that form. */
static bool only_sums(struct fn *f, const struct lstmt *s, bool sub) {
  if (s->kind == L_STORE) return sub && in_registers(f, s->acc->tensor);
  if (s->kind != L_FOR && s->kind != L_BLOCK) return false;
  sub |= s->kind == L_FOR && s->fkind == F_SUB;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && !only_sums(f, s->body[i], sub)) return false;
  return true;
}

bool ring_runs_on(struct fn *f, const struct lstmt *body) {
  bool ok = true;
  for (uint32_t i = 1; i < body->nbody; i++) ok &= !body->body[i] || only_sums(f, body->body[i], false);
  return ok;
}

static const struct lstmt *inmost(const struct lstmt *s) {
  while (s && s->kind == L_FOR && s->fkind != F_SERIAL && s->nbody) s = s->body[0];
  return s;
}

/* Its factor's last subscript walks the sum: pairs of it are neighbours among the registers. */
static bool along_sum(const struct lstmt *nest, const struct access *factor) {
  while (nest->fkind != F_SUB && nest->body[0]->kind == L_FOR) nest = nest->body[0];
  poly_t last = factor->rank ? factor->ix[factor->rank - 1].poly : NULL;
  return nest->fkind == F_SUB && last && poly_has(last, nest->sym);
}

static bool is_held(struct fn *f, const struct lstmt *nest) {
  struct dot d;
  const struct lstmt *s = inmost(nest);
  return s && s->kind == L_STORE && s->red == RED_sum && dot_mixed(s->value, &d) && in_registers(f, s->acc->tensor) &&
         in_registers(f, d.a->acc->tensor) && along_sum(nest, d.a->acc);
}

/* The last statement of the body, where it is a product with a factor in registers: it needs nothing but that and its
   own operand, so it may be made in the next iteration, behind the first instructions of that one: while it runs the
   threads go on with those. */
static bool straight(const struct lstmt *s) {
  bool ok = s->kind != L_PREFETCH && (s->kind != L_FOR || s->fkind != F_SERIAL);
  for (uint32_t i = 0; i < s->nbody && ok; i++) ok = !s->body[i] || straight(s->body[i]);
  return ok;
}

static const struct lstmt *held_nest(struct fn *f, const struct lstmt *s) {
  for (uint32_t i = 1; i < s->nbody; i++)
    if (s->body[i] && !straight(s->body[i])) return NULL; /* where the first instructions end is not one place */
  while (s && s->kind != L_FOR) {
    if ((s->kind != L_BLOCK && s->kind != L_ALLOC) || !s->nbody) return NULL;
    s = s->body[s->nbody - 1];
  }
  return s && s->fkind == F_VECTOR && is_held(f, s) ? s : NULL;
}

struct toucher {
  unsigned object;
  bool any;
};
static void find_object(expr_t x, void *ctx) {
  struct toucher *t = ctx;
  t->any |= x->kind == E_READ && x->acc->tensor == t->object;
}

/* Statements that touch the object, but for the nest `but`; NULL: none; &several: more than one. */
static const struct lstmt several;
static const struct lstmt *who_touches(const struct lstmt *s, unsigned object, const struct lstmt *but) {
  const struct lstmt *found = NULL;
  struct toucher t = {object, false};
  if (s == but) return NULL;
  if (s->acc) t.any |= s->acc->tensor == object;
  if (s->value) expr_visit(s->value, find_object, &t);
  if (s->cond) expr_visit(s->cond, find_object, &t);
  if (t.any) found = s;
  for (uint32_t i = 0; i < s->nbody; i++) {
    const struct lstmt *x = s->body[i] ? who_touches(s->body[i], object, but) : NULL;
    if (x) found = found ? &several : x;
  }
  return found;
}

/* The one nest beside the product that touches its sums (it multiplies them by what a running maximum has moved) may
   wait until the end of the iteration, and the threads go on without them until then. */
static bool may_be_late(struct fn *f, const struct lstmt *s) {
  const struct lstmt *in = inmost(s), *body = f->simt->ring->loop->body[0];
  unsigned sums = inmost(f->simt->held)->acc->tensor;
  return s->kind == L_FOR && in && in->kind == L_STORE && in->acc->tensor == sums &&
         who_touches(body, sums, f->simt->held) == in;
}

static void emit_late(struct fn *f) {
  const struct lstmt *s = f->simt->held_late;
  f->simt->held_late = NULL;
  f->simt->held_now = true;
  emit_stmt(f, s);
  f->simt->held_now = false;
}

/* With the operand of the iteration before. */
static void make_held(struct fn *f, const struct ring *r, LLVMValueRef at) {
  ring_use(f, r, ring_before(f, r, at));
  f->simt->held_now = f->simt->ring_past = true;
  emit_stmt(f, f->simt->held);
  f->simt->held_now = f->simt->held_owed = f->simt->ring_past = false;
}

bool simt_ring_held(struct fn *f, const struct lstmt *s) {
  struct simt *x = f->simt;
  if (!x->held || x->held_now) return false;
  if (s == x->held) return true;
  if (x->behind.n && may_be_late(f, s)) {
    x->held_late = s;
    return true;
  }
  bool inner = s->kind == L_BLOCK || s->kind == L_ALLOC;
  if (!x->held_owed || !x->npending || inner || only_sums(f, s, false)) return false;
  LLVMValueRef at = ring_cell(f, x->ring->at);
  struct simt_group first = simt_wgmma_commit(f);
  make_held(f, x->ring, at);
  simt_wgmma_behind(f, &first);
  ring_use(f, x->ring, at);
  return false;
}

static bool runs_once(struct fn *f, const struct lstmt *s) {
  struct range x;
  find_range(f, s, &x);
  return !s->once && range_spans(f, &x, 1);
}

const struct lstmt *ring_held_nest(struct fn *f, const struct lstmt *loop) {
  return runs_once(f, loop) ? held_nest(f, loop->body[0]) : NULL;
}

/* The first iteration stands alone: none before it has left anything. */
void ring_held_loop(struct fn *f, struct ring *r, const struct lstmt *s) {
  struct simt *x = f->simt;
  struct lstmt *rest = arena_dup(f->m->arena, s, sizeof *s);
  struct range all;
  find_range(f, s, &all);
  poly_t next = poly_addc(f->m->arena, all.lo, s->step);
  rest->lo = arena_dup(f->m->arena, &next, sizeof next);
  rest->nlo = 1, rest->nfrom = 0;
  x->held_cell = NULL;
  x->held_owed = false, x->held_first = true;
  f->env[s->sym] = all.lo;
  emit_stmt(f, s->body[0]);
  f->env[s->sym] = NULL;
  x->held_first = false;
  r->loop = rest;
  emit_for(f, rest);
  LLVMValueRef at = ring_cell(f, r->at);
  make_held(f, r, at);
  simt_wgmma_wait(f);
  ring_release(f, r, ring_slots_read(r, x->held), ring_before(f, r, at), NULL);
  ring_first(f, r);
  x->held = NULL;
}

void ring_held_leave(struct fn *f, const struct ring *r, unsigned late, LLVMValueRef at) {
  struct dot d;
  dot_mixed(inmost(f->simt->held)->value, &d);
  struct held h = {.acc = d.a->acc, .type = (enum dtype)d.b->type};
  held_save(f, &h);
  simt_wgmma_wait(f);
  if (f->simt->held_late) emit_late(f);
  simt_wgmma_land_behind(f);
  ring_release(f, r, ring_all(r) & ~late, at, NULL);
  if (!f->simt->held_first) ring_release(f, r, late, ring_before(f, r, at), NULL);
  f->simt->held_owed = true;
}
