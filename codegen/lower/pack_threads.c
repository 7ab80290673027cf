/* Packing by the threads of a block (GPUs): the dimension along which the operand is contiguous lies on the fastest
   threads, in pieces of 16 bytes where its length allows, another one on the rest of them; what is left are plain loops
   (pack.c). Tiles that the end of an axis cuts are filled with zeros to their whole size, so that readers whose
   operands are all packed need no masks. */
#include "codegen/lower/pack.h"

enum { COPY_BYTES = 16, COPIES = 64 };

static unsigned least_power(int64_t n) {
  unsigned x = 1;
  while ((int64_t)x < n) x *= 2;
  return x;
}

/* An innermost level of a tiled axis (or all levels inside together), of constant length. */
static bool may_be_side(const struct packing *k, unsigned l) {
  const struct plan *p = k->b->p;
  if ((int)l == k->inner) return loop_span(p, l) > 1;
  return !LOOP_LEVEL(l) && p->axis[LOOP_AXIS(l)].ntile && loop_span(p, l) > 1;
}

static void add_side(struct packing *k, unsigned l, unsigned threads, unsigned piece, unsigned digit) {
  struct packside *x = &k->side[k->nside++];
  *x = (struct packside){.loop = (uint8_t)l, .n = pack_span(k, l), .step = 1, .piece = piece, .digit = digit};
  while (x->n % x->piece) x->piece /= 2;
  x->lanes = least_power(x->n / x->piece);
  if (x->lanes > threads) x->lanes = threads;
}

void pack_find_sides(struct packing *k) {
  int along = -1, across = -1;
  if (!k->b->p->lim->simt || k->step->keep || k->sub >= 0) return;
  for (unsigned d = 0; d < k->nd; d++) {
    unsigned l = k->dim[d];
    if (!may_be_side(k, l)) continue;
    if (pack_contiguous(k, LOOP_ID(LOOP_AXIS(l), 0)))
      along = (int)l;
    else if (across < 0 || loop_span(k->b->p, l) > loop_span(k->b->p, (unsigned)across))
      across = (int)l;
  }
  unsigned threads = k->b->p->threads, log = 0;
  if (along >= 0) add_side(k, (unsigned)along, threads, COPY_BYTES / (unsigned)type_size(pack_type(k)), 0);
  if (k->nside) threads /= k->side[0].lanes;
  while (k->nside && 1u << log < k->side[0].lanes) log++;
  if (across >= 0) add_side(k, (unsigned)across, threads, 1, log);
  unsigned sides = k->nside;
  for (unsigned d = 0; d < k->nd && k->nside < 4; d++) {
    unsigned l = k->dim[d], axis = LOOP_AXIS(l);
    if ((int)l == k->inner || !LOOP_LEVEL(l) || LOOP_LEVEL(l) == k->b->p->axis[axis].ntile || !loop_span(k->b->p, l))
      continue;
    int64_t step = k->b->p->loop[l].step, n = (loop_span(k->b->p, l) + step - 1) / step;
    for (unsigned i = 0; i < sides; i++)
      if (LOOP_AXIS(k->side[i].loop) == axis && LOOP_LEVEL(l) == 1)
        k->side[k->nside++] = (struct packside){.loop = (uint8_t)l, .n = n, .step = step, .lanes = 1, .piece = 1};
  }
}

bool pack_is_side(const struct packing *k, unsigned l) {
  for (unsigned i = 0; i < k->nside; i++)
    if (k->side[i].loop == l) return true;
  return false;
}

/* ---- the copying ---- */

static int64_t strips(const struct packside *x) {
  int64_t width = (int64_t)x->lanes * x->piece;
  return (x->n + width - 1) / width;
}

static poly_t place_in(struct build *b, const struct packside *x) {
  if (x->step > 1) return poly_scale(b->a, poly_sym(b->a, x->strip), x->step);
  poly_t at = poly_add(b->a, poly_scale(b->a, poly_sym(b->a, x->strip), x->lanes), poly_sym(b->a, x->lane));
  return poly_add(b->a, poly_scale(b->a, at, x->piece), poly_sym(b->a, x->part));
}

/* The read, 0 behind the ends of its axes. */
static expr_t within(const struct packing *k) {
  struct build *b = k->b;
  struct access *r = arena_dup(b->a, k->read->acc, sizeof *r);
  r->guard = ARENA_NEW(b->a, poly_t, r->nguard + 4u);
  for (unsigned i = 0; i < r->nguard; i++) r->guard[i] = k->read->acc->guard[i];
  for (unsigned i = 0; i < k->nside; i++) {
    unsigned a = LOOP_AXIS(k->side[i].loop);
    if (k->side[i].step > 1) continue; /* the loop inside asks for both */
    const struct axis *x = member_axis(b->p, k->reader, a);
    r->guard[r->nguard++] = poly_addc(b->a, poly_sub(b->a, x->hi, poly_sym(b->a, b->p->axis[a].sym)), -1);
  }
  if (!r->otherwise) r->otherwise = expr_const(b->a, (enum dtype)k->read->type, (union value){0});
  return expr_read(b->a, (enum dtype)k->read->type, r);
}

static struct lstmt *over_strips(struct build *b, const struct packside *x, bool unrolled, struct lstmt *body) {
  return loop_for(b->a, unrolled ? F_UNROLL : F_SERIAL, x->strip, cpoly(b, 0), cpoly(b, strips(x)), 1, body);
}

/* Inside the vector loops all strips are one statement, without barriers between them. */
static bool strips_inside(const struct packside *x, int64_t copies) {
  return copies <= COPIES && x->n / x->piece % x->lanes == 0;
}

static struct lstmt *over_lanes(struct build *b, const struct packside *x, struct lstmt *body) {
  int64_t each = x->n / x->piece;
  poly_t hi[2] = {cpoly(b, x->lanes)};
  unsigned nhi = 1;
  if (each % x->lanes) hi[nhi++] = poly_sub(b->a, cpoly(b, each), poly_scale(b->a, poly_sym(b->a, x->strip), x->lanes));
  struct lstmt *v = loop_for(b->a, F_VECTOR, x->lane, cpoly(b, 0), hi[0], 1, body);
  v->hi = arena_dup(b->a, hi, sizeof *hi * nhi);
  v->nhi = (uint8_t)nhi;
  v->digit = (uint8_t)x->digit;
  while (1u << v->lanes_log2 < x->lanes) v->lanes_log2++;
  return v;
}

static sym_t own_sym(struct packing *k, unsigned l, const char *suffix) {
  return lfunc_add_sym(k->b->f, arena_printf(k->b->a, "%s%s", plan_loop_name(k->b->p, l), suffix));
}

static struct lstmt *tile_copy(struct packing *k, const struct env *e, const struct place *x, const struct member *m,
                               expr_t value) {
  struct env in = *e;
  int64_t copies = 1;
  for (unsigned i = 0; i < k->nside; i++) {
    struct packside *y = &k->side[i];
    y->strip = own_sym(k, y->loop, "p");
    if (y->step == 1) y->lane = own_sym(k, y->loop, "pl"), y->part = own_sym(k, y->loop, "pe");
    pack_open(k, y->loop, place_in(k->b, y), &in);
    copies *= strips(y) * y->piece;
  }
  struct lstmt *s = pack_element(k, &in, x, m, value);
  for (unsigned i = 0; i < k->nside; i++) {
    if (k->side[i].step == 1)
      s = loop_for(k->b->a, F_UNROLL, k->side[i].part, cpoly(k->b, 0), cpoly(k->b, k->side[i].piece), 1, s);
    if (strips_inside(&k->side[i], copies)) s = over_strips(k->b, &k->side[i], true, s);
  }
  for (unsigned i = 0; i < k->nside; i++)
    if (k->side[i].step == 1) s = over_lanes(k->b, &k->side[i], s);
  for (unsigned i = 0; i < k->nside; i++)
    if (!strips_inside(&k->side[i], copies)) s = over_strips(k->b, &k->side[i], copies <= COPIES, s);
  return s;
}

/* All >= 0: loops clip nothing off the tile. */
static unsigned rooms(struct packing *k, const struct env *e, const struct member *m, struct env *in, poly_t *room) {
  struct set s = {1, &m};
  unsigned n = 0;
  for (unsigned i = 0; i < k->nside; i++) {
    struct bounds bd;
    int64_t c;
    loop_bounds(k->b, &s, k->side[i].loop, e, &bd, in);
    for (unsigned j = 0; j < bd.nlo + bd.nhi; j++) {
      poly_t r = j < bd.nlo ? poly_scale(k->b->a, bd.lo[j], -1)
                            : poly_addc(k->b->a, bd.hi[j - bd.nlo], -k->side[i].n * k->side[i].step);
      if (!poly_is_const(r, &c) || c < 0) room[n++] = r;
    }
  }
  return n;
}

/* Guards of the reader that are no bounds stay in the part for cut tiles. */
struct lstmt *pack_by_threads(struct packing *k, const struct env *e, const struct place *x, const struct member *m) {
  struct env in = *e;
  poly_t room[32];
  unsigned n = rooms(k, e, m, &in, room);
  int64_t c;
  struct lstmt *cut = n ? tile_copy(k, e, x, m, within(k)) : NULL;
  for (unsigned i = 0; i < n; i++)
    if (poly_is_const(room[i], &c)) return cut;
  struct lstmt *whole = tile_copy(k, &in, x, m, k->read);
  return n ? loop_if(k->b->a, n, room, NULL, whole, cut) : whole;
}
