/* Time tiling. See skew.h.

   Nest number p (of n) at step t stands at place q = n t + p of the order in time. Row i of place q moves to chunk
   (i + s q) / rows; chunks run in order, inside of one the places, inside of a place the rows. That keeps the order of
   any two accesses of one element, at rows i and i' of places q < q', when i + s q <= i' + s q': with the element's row
   being i + c = i' + c' that is c' - c <= s (q' - q). Rows of one place stay in order anyway. */
#include "compiler/pass/skew.h"
#include "compiler/pass/skew_impl.h"

enum { CALLS = 16, ROW_GRAIN = 4, MIN_STEPS = 2, LARGE = 4 };

/* Bytes of one row of all arrays that are written. NULL: one of them is of unknown shape. */
static poly_t row_bytes(const struct skew *k) {
  poly_t all = poly_const(k->a, 0);
  for (unsigned i = 0; i < k->f->nobject; i++) {
    const struct object *o = &k->view.f->object[i];
    if (!k->written[i] || k->own[i]) continue;
    poly_t row = poly_const(k->a, (int64_t)type_size((enum dtype)o->type));
    for (unsigned d = 1; d < o->rank; d++) {
      if (!o->extent[d]) return NULL;
      row = poly_mul(k->a, row, o->extent[d]);
    }
    if (o->stride) row = poly_scale(k->a, o->stride[0], (int64_t)type_size((enum dtype)o->type));
    if (!skew_known_before(k, row)) return NULL;
    all = poly_add(k->a, all, row);
  }
  return all->overflow ? NULL : all;
}

/* --- the tiled form --- */

static expr_t num(const struct skew *k, int64_t v) {
  return expr_poly(k->a, poly_const(k->a, v));
}

static expr_t op2(const struct skew *k, enum op o, expr_t x, expr_t y) {
  return expr_op2(k->a, o, x, y);
}

/* value / by, rounded up; by > 0 */
static expr_t parts_of(const struct skew *k, poly_t value, poly_t by) {
  expr_t up = expr_poly(k->a, poly_add(k->a, value, poly_addc(k->a, by, -1)));
  return op2(k, OP_div, up, expr_poly(k->a, by));
}

static struct lstmt *step_copy(struct skew *k, const struct lstmt *s, sym_t time) {
  struct skew_by by = {k->time->sym, poly_sym(k->a, time)};
  return skew_copy(k, s, 1, &by);
}

/* Rows start .. start + rows of nest p, one step. */
static struct lstmt *one_row(struct skew *k, unsigned p, sym_t time, poly_t start, poly_t rows) {
  struct arena *a = k->a;
  const struct nest *n = &k->nest[p];
  poly_t g[2] = {poly_sub(a, n->lo, start), poly_addc(a, poly_sub(a, poly_add(a, start, rows), n->lo), -1)};
  return loop_if(a, 2, arena_dup(a, g, sizeof g), NULL, step_copy(k, n->s, time), NULL);
}

static struct lstmt *some_rows(struct skew *k, unsigned p, sym_t time, poly_t lo, poly_t hi) {
  struct lstmt *s = step_copy(k, k->nest[p].s, time);
  s->lo[0] = lo;
  s->hi[0] = hi;
  return s;
}

/* All nests at one step: place number n (t - t0) + p of the round, with what it may do in this chunk. */
static struct lstmt *one_step(struct skew *k, sym_t time, poly_t t0, poly_t chunk, poly_t rows) {
  struct arena *a = k->a;
  struct skew_made m = skew_made(k);
  poly_t start[SKEW_NESTS], lo[SKEW_NESTS], hi[SKEW_NESTS];
  for (unsigned p = 0; p < k->n; p++) {
    const struct nest *n = &k->nest[p];
    poly_t place = poly_addc(a, poly_scale(a, poly_sub(a, poly_sym(a, time), t0), k->n), p);
    start[p] = poly_sub(a, chunk, poly_scale(a, place, k->shift));
    if (n->row == SYM_NONE) continue;
    lo[p] = skew_let(&m, "lo", op2(k, OP_max, expr_poly(a, n->lo), expr_poly(a, start[p])));
    hi[p] = skew_let(&m, "hi", op2(k, OP_min, expr_poly(a, n->hi), expr_poly(a, poly_add(a, start[p], rows))));
  }
  for (unsigned p = 0; p < k->n; p++)
    m.s[m.n++] = k->nest[p].row == SYM_NONE ? one_row(k, p, time, start[p], rows) : some_rows(k, p, time, lo[p], hi[p]);
  return skew_block(&m);
}

/* most: steps of a round at the most. Rounds are equally long. */
static struct lstmt *tiled(struct skew *k, poly_t first, poly_t last, poly_t rows, poly_t most) {
  struct arena *a = k->a;
  struct skew_made m = skew_made(k);
  poly_t zero = poly_const(a, 0), t0 = k->time->lo[0], all = poly_sub(a, k->time->hi[0], t0);
  poly_t rounds = skew_let(&m, "rounds", parts_of(k, all, most)),
         steps = skew_let(&m, "steps", parts_of(k, all, rounds));
  poly_t lag = poly_scale(a, steps, k->shift * k->n);
  poly_t chunks = skew_let(&m, "chunks", parts_of(k, poly_sub(a, poly_add(a, last, lag), first), rows));
  sym_t round = lfunc_add_sym(k->f, "round"), chunk = lfunc_add_sym(k->f, "chunk"),
        time = lfunc_add_sym(k->f, k->f->k->sym[k->time->sym].name);
  t0 = poly_add(a, t0, poly_mul(a, poly_sym(a, round), steps));
  poly_t at = poly_add(a, first, poly_mul(a, poly_sym(a, chunk), rows));
  struct lstmt *step = loop_for(a, F_SERIAL, time, t0, poly_add(a, t0, steps), 1, one_step(k, time, t0, at, rows));
  poly_t end[2] = {step->hi[0], k->time->hi[0]};
  step->hi = arena_dup(a, end, sizeof end);
  step->nhi = 2;
  struct lstmt *over = loop_for(a, F_SERIAL, chunk, zero, chunks, 1, step);
  m.s[m.n++] = loop_for(a, F_SERIAL, round, zero, rounds, 1, over);
  return skew_block(&m);
}

/* Where the arrays are larger than the cache, a chunk of rows and what its steps reach back to are not, and there are
   steps enough; else as before. A chunk is large enough that the calls of its parts cost little. */
static struct lstmt *either(struct skew *k, struct lstmt *s, poly_t bytes) {
  struct arena *a = k->a;
  struct skew_made m = skew_made(k);
  poly_t first = skew_end_row(&m, "first", false), last = skew_end_row(&m, "last", true);
  poly_t row = skew_let(&m, "row", op2(k, OP_max, expr_poly(a, bytes), num(k, 1)));
  expr_t grains = parts_of(k, poly_const(a, k->cache / CALLS), poly_scale(a, row, ROW_GRAIN));
  poly_t rows = skew_let(&m, "rows", op2(k, OP_mul, num(k, ROW_GRAIN), op2(k, OP_max, grains, num(k, 1))));
  expr_t fit = op2(k, OP_div, num(k, k->cache), expr_poly(a, row));
  expr_t room = op2(k, OP_sub, fit, expr_poly(a, rows));
  poly_t most = skew_let(&m, "most", op2(k, OP_div, room, num(k, k->shift * k->n)));
  poly_t guard[SKEW_GUARDS] = {poly_addc(a, most, -MIN_STEPS),
                               poly_addc(a, poly_mul(a, poly_sub(a, last, first), row), -LARGE * k->cache),
                               poly_addc(a, poly_sub(a, k->time->hi[0], k->time->lo[0]), -MIN_STEPS)};
  struct lstmt *in = tiled(k, first, last, rows, most);
  m.s[m.n++] = skew_either(k, 3, guard, in, s);
  return skew_block(&m);
}

/* Can it be told at run time that arrays lie apart, or need it not? */
static bool can_be_told(const struct skew *k) {
  const struct kernel *f = k->f->k;
  for (unsigned t = 0; t < f->ntensor && f->ntensor > 1; t++)
    for (unsigned d = 0; d < k->view.f->object[t].rank; d++)
      if (!k->view.f->object[t].extent[d] && tree_accesses(k->f->body, t)) return kernel_restricts(f);
  return k->view.f == k->f || f->ntensor <= SKEW_SIZES;
}

static struct lstmt *attempt(const struct skew *whole, struct lstmt *s, const struct lstmt *seen) {
  struct skew k = *whole;
  k.time = s;
  k.seen = seen;
  if (!skew_rows(&k)) return NULL;
  struct lstmt *wave = skew_wave(&k, s);
  if (wave) return wave;
  poly_t bytes = skew_shift(&k, false, &k.shift) ? row_bytes(&k) : NULL;
  return bytes ? either(&k, s, bytes) : NULL;
}

static void descend(const struct skew *k, struct lstmt *s, const struct lstmt *seen) {
  for (unsigned i = 0; i < s->nbody; i++) {
    struct lstmt *t = s->body[i] ? attempt(k, s->body[i], seen->body[i]) : NULL;
    if (t)
      s->body[i] = t;
    else if (s->body[i])
      descend(k, s->body[i], seen->body[i]);
  }
}

void pass_skew(struct arena *a, struct source *s, int64_t cache) {
  struct skew k = {.a = a, .f = s->f, .view = skew_flat(a, s->f), .cache = cache};
  const struct lstmt *seen = k.view.f->body;
  if (!can_be_told(&k)) return;
  struct lstmt *whole = attempt(&k, s->f->body, seen);
  if (whole)
    s->f->body = whole;
  else
    descend(&k, s->f->body, seen);
}
