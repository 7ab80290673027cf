/* Packing for matrix instructions. pack: the parts of a lane lie side by side, [k / 4][j][4]: rows are read on lanes
   and interleaved, or where the operand is contiguous along the reduction already its steps are moved whole. copy: rows
   stay rows. Both go on with zeros to a whole step, so the product needs no masks at the end of the reduction. */
#include "codegen/lower/pack.h"

/* The loops of a copy are cut where guards of its reader end: there is no going on with zeros behind them. */
int pack_sub_loop(const struct packing *k, const struct env *e) {
  int l = k->reader->sub;
  if (l >= 0 && loop_by_warps(k->b->p, (unsigned)l)) return -1; /* staged as it is walked, whole steps by threads */
  if (k->step->keep && k->reader->e->nguard + k->reader->nsoft) return -1;
  return l >= 0 && (k->axes >> LOOP_AXIS((unsigned)l) & 1) && !(e->open & BIT(l)) ? l : -1;
}

bool pack_sub_lanes(struct packing *k) {
  for (unsigned d = 0; d < k->nd && k->vec < 0; d++)
    if (pack_contiguous(k, k->dim[d])) k->vec = k->dim[d];
  bool along = k->vec >= 0 && LOOP_AXIS((unsigned)k->vec) == LOOP_AXIS((unsigned)k->sub);
  if (!k->step->keep && along) k->vec = -1;
  if (!k->step->keep || along) return true;
  k->vec = k->sub = -1;
  return false;
}

static int64_t step_of(const struct packing *k) {
  return k->b->p->axis[LOOP_AXIS((unsigned)k->sub)].tile[0];
}

poly_t pack_sub_extent(const struct packing *k, unsigned d, poly_t extent) {
  struct build *b = k->b;
  int64_t n, g = step_of(k);
  if (!poly_has(k->read->acc->ix[d].poly, b->p->axis[LOOP_AXIS((unsigned)k->sub)].sym)) return extent;
  if (tensorize_whole(b->p, (unsigned)k->sub)) return extent;
  return poly_is_const(extent, &n) ? cpoly(b, (n + g - 1) / g * g) : poly_addc(b->a, extent, g - 1);
}

void pack_sub_bounds(const struct packing *k, unsigned l, struct bounds *bd) {
  struct build *b = k->b;
  int64_t n, g = step_of(k);
  if (!k->step->keep || LOOP_AXIS(l) != LOOP_AXIS((unsigned)k->sub) || tensorize_whole(b->p, (unsigned)k->sub)) return;
  for (unsigned i = 0; i < bd->nhi; i++)
    bd->hi[i] = poly_is_const(bd->hi[i], &n) && poly_is_const(bd->lo[0], NULL) ? cpoly(b, (n + g - 1) / g * g)
                                                                               : poly_addc(b->a, bd->hi[i], g - 1);
}

/* The read, 0 where the reduction has ended. */
static expr_t padded(const struct packing *k) {
  struct build *b = k->b;
  unsigned a = LOOP_AXIS((unsigned)k->sub);
  const struct axis *x = member_axis(b->p, k->reader, a);
  if (tensorize_whole(b->p, (unsigned)k->sub)) return k->read;
  struct access *r = arena_dup(b->a, k->read->acc, sizeof *r);
  r->guard = ARENA_NEW(b->a, poly_t, r->nguard + 1u);
  for (unsigned i = 0; i < r->nguard; i++) r->guard[i] = k->read->acc->guard[i];
  r->guard[r->nguard++] = poly_addc(b->a, poly_sub(b->a, x->hi, poly_sym(b->a, b->p->axis[a].sym)), -1);
  if (!r->otherwise) r->otherwise = expr_const(b->a, (enum dtype)k->read->type, (union value){0});
  return expr_read(b->a, (enum dtype)k->read->type, r);
}

struct lstmt *pack_sub_body(struct packing *k, const struct env *e, const struct place *x, const struct member *m) {
  struct build *b = k->b;
  unsigned l = (unsigned)k->sub;
  if (k->step->keep) return pack_element(k, e, x, m, padded(k));
  struct env in = *e;
  reg_open(b, l, &in);
  struct lstmt *s = pack_element(k, &in, x, m, padded(k));
  poly_t n = cpoly(b, step_of(k));
  return loop_for(b->a, s->acc->nguard ? F_UNROLL : F_SUB, b->sym[l], cpoly(b, 0), n, 1, s);
}
