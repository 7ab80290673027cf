/* The part of simplify that undoes tiles in C code. Blocked loops over (ii, jj, kk) around (i, j, k) raise to a sum
   over ii, jj, kk and k in which guards say that i lies in tile ii: for each i there is exactly one such ii, so that
   axis goes with its guards. Tile kk and place k within it are one axis, walked in the same order. Neither changes a
   bit of the result. */
#include "compiler/pass/untile.h"
#include "compiler/pass/util.h"

static bool in_bounds(const struct eq *e, sym_t s) {
  for (unsigned i = 0; i < e->nax; i++)
    if (poly_has(e->axis[i].lo, s) || poly_has(e->axis[i].hi, s)) return true;
  return false;
}

static bool in_values(const struct eq *e, sym_t s) {
  return expr_has_sym(e->body, s) || (e->rescale && expr_has_sym(e->rescale, s)) ||
         (e->running && expr_has_sym(e->running, s));
}

static void drop_axis(struct arena *a, struct eq *e, unsigned at) {
  struct axis *axis = arena_dup(a, e->axis, sizeof *axis * e->nax);
  for (unsigned i = at; i + 1u < e->nax; i++) axis[i] = axis[i + 1];
  e->axis = axis;
  e->nax--;
}

static void drop_guard(struct arena *a, struct eq *e, unsigned at) {
  poly_t *guard = arena_dup(a, e->guard, sizeof *guard * e->nguard);
  for (unsigned i = at; i + 1u < e->nguard; i++) guard[i] = guard[i + 1];
  e->guard = guard;
  e->nguard--;
}

/* Guards x - T * tile >= 0 and T * tile + T - 1 - x >= 0, which say that x lies in the tile. */
struct tie {
  unsigned above, below; /* the guards */
  poly_t x;
  int64_t size;
};

static bool ties(struct arena *a, const struct eq *e, sym_t tile, struct tie *t) {
  unsigned n = 0, at[2];
  for (unsigned i = 0; i < e->nguard; i++) {
    if (!poly_has(e->guard[i], tile)) continue;
    if (n == 2) return false;
    at[n++] = i;
  }
  for (unsigned i = 0; i < 2 && n == 2; i++) {
    poly_t coef, x, far, below, c;
    int64_t size;
    t->above = at[i], t->below = at[1 - i];
    if (!poly_split(a, e->guard[t->above], tile, &coef, &x) || !poly_is_const(coef, &size) || size >= 0) continue;
    if (!poly_split(a, e->guard[t->below], tile, &far, &below) || !poly_is_const(far, &t->size)) continue;
    c = poly_add(a, below, x);
    int64_t rest;
    if (t->size != -size || !poly_is_const(c, &rest) || rest != t->size - 1) continue;
    t->x = x;
    return true;
  }
  return false;
}

/* Does x lie in one of the tiles, whatever the other axes are? */
static bool covered(struct arena *a, const struct eq *e, const struct axis *tile, const struct tie *t) {
  sym_t s;
  int64_t lo;
  if (!poly_is_sym(t->x, &s) || !poly_is_const(tile->lo, &lo) || lo != 0) return false;
  int at = eq_axis(e, s);
  if (at < 0 || !poly_is_const(e->axis[at].lo, &lo) || lo < 0) return false;
  poly_t room = poly_sub(a, poly_scale(a, tile->hi, t->size), e->axis[at].hi);
  return !room->overflow && poly_is_const(room, &lo) && lo >= 0;
}

/* A tile's number that only says where a parallel axis is. */
static bool drop_tied(struct arena *a, struct eq *e, unsigned at) {
  struct axis tile = e->axis[at];
  struct tie t;
  if (in_values(e, tile.sym) || in_bounds(e, tile.sym) || !ties(a, e, tile.sym, &t) || !covered(a, e, &tile, &t))
    return false;
  drop_guard(a, e, t.above > t.below ? t.above : t.below);
  drop_guard(a, e, t.above > t.below ? t.below : t.above);
  drop_axis(a, e, at);
  return true;
}

static bool in_guards(const struct eq *e, sym_t s) {
  for (unsigned i = 0; i < e->nguard; i++)
    if (poly_has(e->guard[i], s)) return true;
  return false;
}

/* A tile's number right outside of the place within it. */
static bool join(struct arena *a, struct eq *e, unsigned at) {
  if (at + 1u >= e->nax) return false;
  struct axis tile = e->axis[at], in = e->axis[at + 1];
  poly_t coef, rest;
  int64_t size, lo, zero;
  if (!poly_is_const(tile.lo, &lo) || lo != 0 || !poly_split(a, in.lo, tile.sym, &coef, &rest) ||
      !poly_is_const(coef, &size) || size <= 0 || !poly_is_const(rest, &zero) || zero != 0)
    return false;
  if (!poly_eq(in.hi, poly_addc(a, in.lo, size)) || in_values(e, tile.sym) || in_guards(e, tile.sym)) return false;
  for (unsigned i = 0; i < e->nax; i++)
    if (i != at + 1u && (poly_has(e->axis[i].lo, tile.sym) || poly_has(e->axis[i].hi, tile.sym))) return false;
  poly_t hi = poly_scale(a, tile.hi, size);
  if (hi->overflow) return false;
  drop_axis(a, e, at);
  e->axis[at].lo = poly_const(a, 0);
  e->axis[at].hi = hi;
  return true;
}

void untile_eq(struct arena *a, struct eq *e) {
  if (e->red == RED_none || e->red == RED_argmax || e->red == RED_argmin) return;
  for (unsigned i = e->nax; i-- > e->npar;)
    if (!drop_tied(a, e, i)) join(a, e, i);
}
