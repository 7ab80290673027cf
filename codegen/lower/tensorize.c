/* tensorize: the innermost loop of a reduction, as long as what one matrix instruction adds up in a lane, becomes a sub
   loop inside the lanes of those members whose body is a widening product (ir/dot.h). To all others it stays an
   ordinary loop. The instruction itself is chosen by the emitter from the types; here is only what it needs: the form,
   sums in registers, whole steps (by zeros in packed operands, else by a second bound of the loop). */
#include "codegen/lower/plan.h"

static bool refuse(struct plan *p, const char *why) {
  if (!p->why) p->why = why;
  return false;
}

bool tensorize_read(struct plan *p, struct step s) {
  unsigned a = LOOP_AXIS(s.loop);
  const char *name = plan_loop_name(p, s.loop);
  if (s.arg < 0 || s.arg >= MATRIX_COUNT) return refuse(p, "tensorize: no such instruction");
  const char *insn = matrix_name[s.arg];
  if (!p->lim->matrix_per_cycle[s.arg])
    return refuse(p, arena_printf(p->a, "tensorize %s: the target has no such instruction", insn));
  if (a >= p->naxis || LOOP_LEVEL(s.loop) || !p->axis[a].ntile)
    return refuse(p, arena_printf(p->a, "tensorize %s %s: not the innermost level of a tiled axis", insn, name));
  struct ploop *l = &p->loop[s.loop];
  if (l->mark || l->unroll)
    return refuse(p, arena_printf(p->a, "tensorize %s %s: the loop is unrolled or a vector already", insn, name));
  l->mark = MARK_SUB;
  l->matrix = (uint8_t)s.arg;
  return true;
}

/* ---- which members ---- */

static bool is_zero(expr_t x) {
  return x->kind == E_CONST && (type_is_float((enum dtype)x->type) ? x->val.f == 0 : x->val.i == 0);
}

/* Where its guards fail a read gives 0: as if the product had no such term. Computed subscripts would be gathers. */
static bool plain_read(const struct access *r, sym_t s) {
  bool moves = false;
  for (unsigned d = 0; d < r->rank; d++) {
    if (r->ix[d].dyn) return false;
    moves |= poly_has(r->ix[d].poly, s);
  }
  return moves && (!r->nguard || is_zero(r->otherwise));
}

enum { MMA_ROWS = 8, MMA_LANES = 4, MMA_PIECE = 2 };

static bool moves_along(const struct plan *p, expr_t read, unsigned l) {
  return expr_has_sym(read, p->axis[LOOP_AXIS(l)].sym);
}

/* The threads of a warp hold its sums as the instruction does: 8 rows of 4 threads with pieces of 2, rows once or
   twice. Each operand lies along one of the two and is staged. f32 is rounded to tf32, which must be allowed. */
static bool fragments(const struct plan *p, const struct member *m, const struct dot *d, const struct mma_form *form) {
  if (m->vec < 0 || m->thr < 0 || d->alone || (d->kind == DOT_f32 && !p->o->tf32)) return false;
  const struct ploop *v = &p->loop[m->vec], *t = &p->loop[m->thr];
  unsigned v_ = (unsigned)m->vec, t_ = (unsigned)m->thr, packed = 0;
  if (v->lanes != MMA_LANES || v->piece != MMA_PIECE || t->lanes != MMA_ROWS || t->piece != 1 || t->digit != 2)
    return false;
  if (p->axis[LOOP_AXIS(t_)].tile[0] / (MMA_ROWS * t->warps) % form->rows) return false;
  for (unsigned i = 0; i < p->npack; i++)
    packed |=
        !p->pack[i].keep * ((p->pack[i].tensor == d->a->acc->tensor) | (p->pack[i].tensor == d->b->acc->tensor) * 2u);
  bool ab =
      moves_along(p, d->a, t_) && !moves_along(p, d->a, v_) && moves_along(p, d->b, v_) && !moves_along(p, d->b, t_);
  bool ba =
      moves_along(p, d->b, t_) && !moves_along(p, d->b, v_) && moves_along(p, d->a, v_) && !moves_along(p, d->a, t_);
  return packed == 3 && (ab || ba);
}

static bool takes(const struct plan *p, const struct member *m, unsigned l) {
  struct mma_form form;
  struct dot d;
  sym_t s = p->axis[LOOP_AXIS(l)].sym;
  if (m->e->red != RED_sum || !dot_of(m->e->body, &d) || !matrix_takes(p->loop[l].matrix, d.kind)) return false;
  if (type_is_float((enum dtype)m->e->body->type) && p->o->strict) return false;
  bool warp = p->loop[l].matrix == MATRIX_mma && mma_form(d.kind, &form);
  unsigned step = warp ? form.depth : d.group;
  if (warp && !fragments(p, m, &d, &form)) return false;
  if (p->loop[l].matrix == MATRIX_amx && mtile_refuses(p, m, l)) return false;
  return p->axis[LOOP_AXIS(l)].tile[0] == step && (d.alone || plain_read(d.a->acc, s)) && plain_read(d.b->acc, s);
}

int tensorize_loop(const struct plan *p, const struct member *m) {
  if (m->vec < 0 || (m->red & BIT(m->vec))) return -1;
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if ((m->red & BIT(l)) && p->loop[l].mark == MARK_SUB && takes(p, m, l)) return (int)l;
  return -1;
}

/* Why nobody takes the loop's matrix tiles: what the first one that sums over it lacks. */
static const char *no_tiles(const struct plan *p, unsigned l) {
  for (unsigned i = 0; i < p->nmember; i++)
    if ((p->member[i].red & BIT(l)) && p->member[i].e->red == RED_sum) return mtile_refuses(p, &p->member[i], l);
  return "no sum over the loop";
}

static bool check_loop(struct plan *p, unsigned l) {
  bool any = false, in_memory = false, amx = p->loop[l].matrix == MATRIX_amx;
  const char *why = NULL;
  for (unsigned i = 0; i < p->nmember; i++) {
    if (p->member[i].sub != (int)l) continue;
    any = true;
    in_memory |= !p->member[i].acc && !p->member[i].tile;
    if (amx && !why) why = mtile_disturbed(p, &p->member[i]);
  }
  const char *insn = matrix_name[p->loop[l].matrix], *name = plan_loop_name(p, l);
  if (amx && !any) why = no_tiles(p, l);
  if (why) return refuse(p, arena_printf(p->a, "tensorize %s %s: %s", insn, name, why));
  if (!any)
    return refuse(p, arena_printf(p->a, "tensorize %s %s: no product of its types over the loop with its tile on lanes",
                                  insn, name));
  if (in_memory) return refuse(p, arena_printf(p->a, "tensorize %s %s: the sums are not in registers", insn, name));
  return true;
}

bool tensorize_check(struct plan *p) {
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if (p->loop[l].mark == MARK_SUB && !check_loop(p, l)) return false;
  return true;
}

/* ---- the loop ---- */

bool tensorize_whole(const struct plan *p, unsigned sub) {
  const struct paxis *x = &p->axis[LOOP_AXIS(sub)];
  return x->uniform && x->ext > 0 && x->ext % x->tile[0] == 0;
}

static bool reads_padding(const struct env *e, const struct member *m, expr_t read) {
  const struct place *x = place_of(e, m, read->acc->tensor, read->acc->ix);
  return x && (x->padded || (x->filled & BIT(m->sub)));
}

static bool guarded(expr_t x) {
  struct dot d;
  return !dot_of(x, &d) || (!d.alone && d.a->acc->nguard) || d.b->acc->nguard;
}

/* Guards differ from one part of a lane to the next: the parts one after the other. */
static struct lstmt *one_by_one(struct build *b, unsigned l, poly_t rest, struct lstmt *body) {
  if (rest) {
    poly_t g = poly_addc(b->a, poly_sub(b->a, rest, poly_sym(b->a, b->sym[l])), -1);
    body = loop_if(b->a, 1, &g, NULL, body, NULL);
  }
  return loop_for(b->a, F_UNROLL, b->sym[l], cpoly(b, 0), cpoly(b, b->p->axis[LOOP_AXIS(l)].tile[0]), 1, body);
}

/* Closes the sub loop of m around its statement; outer is the environment before it was opened. */
struct lstmt *tensorize_close(struct build *b, const struct env *outer, const struct member *m, struct lstmt *body) {
  struct dot d;
  unsigned l = (unsigned)m->sub, a = LOOP_AXIS(l);
  poly_t hi[2] = {cpoly(b, b->p->axis[a].tile[0]), NULL};
  dot_of(m->e->body, &d);
  bool whole = tensorize_whole(b->p, l) || ((d.alone || reads_padding(outer, m, d.a)) && reads_padding(outer, m, d.b));
  if (!whole) hi[1] = poly_sub(b->a, env_at(b, outer, member_axis(b->p, m, a)->hi), axis_base(b, outer, a));
  if (body->kind != L_STORE || body->acc->nguard || guarded(body->value)) return one_by_one(b, l, hi[1], body);
  struct lstmt *s = loop_for(b->a, F_SUB, b->sym[l], hi[0], hi[0], 1, body);
  s->lo = arena_dup(b->a, (poly_t[]){cpoly(b, 0)}, sizeof *s->lo);
  s->hi = arena_dup(b->a, hi, sizeof hi);
  s->nhi = whole ? 1 : 2;
  return s;
}
