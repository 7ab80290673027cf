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
  if (l->mark == MARK_VECTOR && l->lanes && !l->rows && !l->sums && (s.arg == MATRIX_mma || s.arg == MATRIX_wgmma)) {
    l->sums = true;
    l->matrix = (uint8_t)s.arg;
    return true;
  }
  if (l->mark == MARK_VECTOR && !p->lim->simt && !l->steps && s.arg != MATRIX_amx) {
    l->steps = true;
    l->matrix = (uint8_t)s.arg;
    return true;
  }
  if (l->mark || l->unroll)
    return refuse(p, arena_printf(p->a, "tensorize %s %s: the loop is unrolled or a vector already", insn, name));
  l->mark = MARK_SUB;
  l->matrix = (uint8_t)s.arg;
  return true;
}

/* ---- which members ---- */

bool legal_dot(const struct limits *lim, expr_t x, struct dot *out) {
  return lim->simt ? dot_packed(x, lim->fp8, out) : dot_of(x, out);
}

bool legal_mixed(const struct limits *lim, expr_t x, struct dot *out) {
  return lim->simt ? dot_mixed_packed(x, out) : dot_mixed(x, out);
}

/* Packing makes of the operands what is multiplied. */
static bool packed_so(const struct plan *p, const struct dot *d) {
  for (unsigned k = d->alone || d->rounded; k < 2; k++) {
    expr_t read = k ? d->b : d->a;
    if (!type_computes((enum dtype)read->type) && pack_operand_type(p, read->acc->tensor) != (enum dtype)d->type[k])
      return false;
  }
  return true;
}

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
  if (d->rounded) return packed == 2 && moves_along(p, d->b, v_) && !moves_along(p, d->b, t_);
  bool ab =
      moves_along(p, d->a, t_) && !moves_along(p, d->a, v_) && moves_along(p, d->b, v_) && !moves_along(p, d->b, t_);
  bool ba =
      moves_along(p, d->b, t_) && !moves_along(p, d->b, v_) && moves_along(p, d->a, v_) && !moves_along(p, d->a, t_);
  return packed == 3 && (ab || ba);
}

/* Those of a warp group: rows of four warps, 16 each; up to 256 columns. */
enum { GROUP_RESERVE = 4096 }; /* of shared memory: what is left for alignment and reductions */
enum { GROUP_ROWS = 16, GROUP_WARPS = 4, GROUP_COLUMNS = 256, GROUP_DIGIT = 5, GROUP_BYTES = 32 };
static bool group_fragments(const struct plan *p, const struct member *m) {
  const struct ploop *v = &p->loop[m->vec], *t = &p->loop[m->thr];
  int64_t rows = p->axis[LOOP_AXIS((unsigned)m->thr)].tile[0], cols = p->axis[LOOP_AXIS((unsigned)m->vec)].tile[0];
  bool ints = type_is_int((enum dtype)m->e->body->type);
  int64_t step = ints ? 16 : 8; /* of integers 8 and 24 columns exist, too, but no other odd multiples of 8 */
  if (rows != (int64_t)GROUP_ROWS * t->warps || t->warps < GROUP_WARPS || t->warp_digit != GROUP_DIGIT) return false;
  cols /= v->warps;
  return cols <= GROUP_COLUMNS && cols % step == 0;
}

/* Elements of the axis inside the loop where the tensor is packed; 0: it is not, or they are not known. */
static int64_t packed_extent(const struct plan *p, unsigned tensor, unsigned a) {
  for (unsigned i = 0; i < p->npack; i++) {
    if (p->pack[i].tensor != tensor || p->pack[i].keep) continue;
    int64_t n = 0;
    bool inside = false;
    for (unsigned k = 0; k < p->norder; k++) {
      unsigned l = p->order[k];
      if (inside && LOOP_AXIS(l) == a && LOOP_LEVEL(l) == p->axis[a].ntile)
        return p->axis[a].uniform && p->axis[a].ext > 0 ? p->axis[a].ext : 0;
      if (inside && LOOP_AXIS(l) == a && p->axis[a].tile[LOOP_LEVEL(l)] > n) n = p->axis[a].tile[LOOP_LEVEL(l)];
      inside |= l == p->pack[i].loop;
    }
    return n;
  }
  return 0;
}

static bool walked_in_pack(const struct plan *p, unsigned tensor, unsigned a) {
  for (unsigned i = 0; i < p->npack; i++) {
    bool inside = false;
    for (unsigned k = 0; k < p->norder && p->pack[i].tensor == tensor; k++) {
      if (inside && LOOP_AXIS(p->order[k]) == a && !p->loop[p->order[k]].trivial) return true;
      inside |= p->order[k] == p->pack[i].loop;
    }
  }
  return false;
}

/* An operand of a warp group is a tile of its own axis and the sum, in panels: the sum whole panels, or the operand's
   axis where it is contiguous along that (16 bit elements only). Nothing else of it is inside its pack. */
static bool side_panels(const struct plan *p, expr_t read, int64_t size, unsigned sum, unsigned own, bool turned) {
  int64_t k = packed_extent(p, read->acc->tensor, sum);
  int64_t n = packed_extent(p, read->acc->tensor, own);
  for (unsigned a = 0; a < p->naxis; a++)
    if (a != sum && a != own && expr_has_sym(read, p->axis[a].sym) && walked_in_pack(p, read->acc->tensor, a))
      return false;
  bool steps = p->loop[LOOP_ID(sum, 0)].sums ? k == p->axis[sum].tile[0] : k > p->axis[sum].tile[0];
  if (n != p->axis[own].tile[0] || !steps) return false;
  return turned ? size == 2 && n * size % PANEL_BYTES == 0 && k % 8 == 0 : k * size % PANEL_BYTES == 0 && n % 8 == 0;
}

static bool group_panels(const struct plan *p, const struct member *m, unsigned l, const struct dot *d) {
  unsigned sum = LOOP_AXIS(l), total = 0;
  expr_t side[2] = {d->a, d->b};
  for (unsigned i = d->rounded; i < 2; i++) {
    unsigned own = LOOP_AXIS((unsigned)(moves_along(p, side[i], (unsigned)m->thr) ? m->thr : m->vec));
    int64_t size = (int64_t)type_size((enum dtype)d->type[i]);
    if (!side_panels(p, side[i], size, sum, own, size > 1 && !pack_runs_along(p->a, side[i]->acc, p->axis[sum].sym)))
      return false;
    total +=
        (unsigned)(packed_extent(p, side[i]->acc->tensor, sum) * packed_extent(p, side[i]->acc->tensor, own) * size);
  }
  return total + GROUP_RESERVE <= p->lim->shared_bytes;
}

/* A product whose first factor lies in registers as the sums do that it comes from, and is rounded on the way. */
static bool held_product(const struct plan *p, const struct member *m, unsigned l, struct dot *d) {
  return p->loop[l].sums && p->o->fast && legal_mixed(p->lim, m->e->body, d) && held_maker(p, m, l, d->a);
}

static bool takes(const struct plan *p, const struct member *m, unsigned l) {
  struct mma_form form;
  struct dot d;
  sym_t s = p->axis[LOOP_AXIS(l)].sym;
  bool held = held_product(p, m, l, &d);
  if (m->e->red != RED_sum || p->loop[l].sums != held || (!held && !legal_dot(p->lim, m->e->body, &d)) ||
      !matrix_takes(p->loop[l].matrix, d.kind) || !packed_so(p, &d))
    return false;
  if (type_is_float((enum dtype)m->e->body->type) && p->o->strict) return false;
  bool group = p->loop[l].matrix == MATRIX_wgmma;
  bool warp = (p->loop[l].matrix == MATRIX_mma || group) && mma_form(d.kind, &form);
  unsigned step = group ? GROUP_BYTES / form.bytes : warp ? form.depth : d.group;
  if (warp && !fragments(p, m, &d, &form)) return false;
  if (p->loop[l].matrix == MATRIX_amx && mtile_refuses(p, m, l)) return false;
  if (group && (d.shifted || !group_fragments(p, m) || !group_panels(p, m, l, &d))) return false;
  if (held) return p->axis[LOOP_AXIS(l)].tile[0] % step == 0 && plain_read(d.b->acc, s);
  return p->axis[LOOP_AXIS(l)].tile[0] == step && (d.alone || plain_read(d.a->acc, s)) && plain_read(d.b->acc, s);
}

int tensorize_loop(const struct plan *p, const struct member *m) {
  if (m->vec < 0 || (m->red & BIT(m->vec))) return -1;
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if ((m->red & BIT(l)) && loop_is_sub(p, l) && takes(p, m, l)) return (int)l;
  return -1;
}

/* Why nobody takes the loop's matrix tiles: what the first one that sums over it lacks. */
static const char *no_tiles(const struct plan *p, unsigned l) {
  for (unsigned i = 0; i < p->nmember; i++)
    if ((p->member[i].red & BIT(l)) && p->member[i].e->red == RED_sum) return mtile_refuses(p, &p->member[i], l);
  return "no sum over the loop";
}

/* A product over the loop is of types whose instruction only other targets have. */
static bool of_other_targets(const struct plan *p, unsigned l) {
  struct dot d;
  for (unsigned i = 0; i < p->nmember && !p->lim->fp8; i++)
    if ((p->member[i].red & BIT(l)) && dot_of(p->member[i].e->body, &d) && d.kind == DOT_f8) return true;
  return false;
}

static bool check_loop(struct plan *p, unsigned l) {
  bool any = false, in_memory = false, amx = p->loop[l].matrix == MATRIX_amx;
  const char *why = NULL;
  for (unsigned i = 0; i < p->nmember; i++) {
    if (p->member[i].sub != (int)l) continue;
    any = true;
    in_memory |=
        !p->member[i].acc && !p->member[i].tile && !(p->loop[l].sums && tensor_shrinks(p, p->member[i].e->lhs));
    if (amx && !why) why = mtile_disturbed(p, &p->member[i]);
  }
  const char *insn = matrix_name[p->loop[l].matrix], *name = plan_loop_name(p, l);
  if (amx && !any) why = no_tiles(p, l);
  if (why) return refuse(p, arena_printf(p->a, "tensorize %s %s: %s", insn, name, why));
  if (!any && p->loop[l].sums)
    return refuse(p, arena_printf(p->a,
                                  "tensorize %s %s: no product with a factor that the lanes make in registers, rounded "
                                  "to the type of the other one (--fp fast), which is packed in whole tiles",
                                  insn, name));
  if (!any && of_other_targets(p, l))
    return refuse(
        p, arena_printf(p->a,
                        "tensorize %s %s: the target has no such instruction of e4m3 and e5m2 (they are packed as f16)",
                        insn, name));
  if (!any && p->loop[l].matrix == MATRIX_wgmma)
    return refuse(p,
                  arena_printf(p->a,
                               "tensorize %s %s: no product of its types with 16 rows on each of four warps (lanes 4, "
                               "piece 2, threads 8) and both operands packed, 128 bytes deep",
                               insn, name));
  if (!any)
    return refuse(p, arena_printf(p->a, "tensorize %s %s: no product of its types over the loop with its tile on lanes",
                                  insn, name));
  if (in_memory) return refuse(p, arena_printf(p->a, "tensorize %s %s: the sums are not in registers", insn, name));
  return true;
}

static bool check_steps(struct plan *p, unsigned l) {
  for (unsigned i = 0; i < p->nmember; i++)
    if (steps_product(p, &p->member[i], l)) return true;
  return refuse(p, arena_printf(p->a,
                                "tensorize %s %s: no sum over these lanes, in registers with lanes of its own, of a "
                                "product with a factor that is rounded to the type of the other one (--fp fast)",
                                matrix_name[p->loop[l].matrix], plan_loop_name(p, l)));
}

bool tensorize_check(struct plan *p) {
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if ((loop_is_sub(p, l) && !check_loop(p, l)) || (p->loop[l].steps && !check_steps(p, l))) return false;
  held_settle(p);
  return true;
}

/* ---- the loop ---- */

/* A level of the sum above the sub loop, inside the packs of a warp group's operands: both go on with zeros to the
   whole tile, so the loop need not end where the axis does, and all its instructions run as one group. */
bool tensorize_tile(const struct build *b, const struct set *s, unsigned l, const struct env *e) {
  bool any = false;
  for (unsigned i = 0; i < s->n; i++) {
    const struct member *m = s->m[i];
    struct dot d;
    if (!(m->walks & BIT(l))) continue;
    if (m->sub < 0 || b->p->loop[m->sub].matrix != MATRIX_wgmma || LOOP_AXIS((unsigned)m->sub) != LOOP_AXIS(l))
      return false;
    if (!legal_dot(b->p->lim, m->e->body, &d) || d.alone) return false;
    expr_t side[2] = {d.a, d.b};
    for (unsigned k = 0; k < 2; k++) {
      const struct place *x = place_of(e, m, side[k]->acc->tensor, side[k]->acc->ix);
      if (!x || !(x->filled & BIT(l))) return false;
    }
    any = true;
  }
  return any && LOOP_LEVEL(l) < b->p->axis[LOOP_AXIS(l)].ntile;
}

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
  bool held = b->p->loop[l].sums;
  if (!held) legal_dot(b->p->lim, m->e->body, &d);
  bool whole =
      held || tensorize_whole(b->p, l) || ((d.alone || reads_padding(outer, m, d.a)) && reads_padding(outer, m, d.b));
  if (!whole) hi[1] = poly_sub(b->a, env_at(b, outer, member_axis(b->p, m, a)->hi), axis_base(b, outer, a));
  if (body->kind != L_STORE || body->acc->nguard || (!held && guarded(body->value)))
    return one_by_one(b, l, hi[1], body);
  struct lstmt *s = loop_for(b->a, F_SUB, b->sym[l], hi[0], hi[0], 1, body);
  s->lo = arena_dup(b->a, (poly_t[]){cpoly(b, 0)}, sizeof *s->lo);
  s->hi = arena_dup(b->a, hi, sizeof hi);
  s->nhi = whole ? 1 : 2;
  return s;
}
