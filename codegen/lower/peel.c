/* peel: iterations at the ends of a loop, or all of them, as bodies of their own, where the loop's axis has a known
   value. What a window does at the border of an image is then decided here: guards that hold are gone, those that fail
   take their statement with them, tiles that touch no border are full. What is left in the middle touches no border; it
   alone is shared out where the loop is parallel.
   Peeling is always optional: a loop whose bounds are not constants stays whole. */
#include "codegen/lower/plan.h"

struct peeling {
  struct build *b;
  const struct set *s;
  unsigned l, pos;
  const struct env *outer, *inner;
  const struct bounds *bd;
  int64_t lo, hi, step; /* the constant ones among the bounds; hi: just behind the last iteration that they allow */
};

/* The greatest constant lower and the least constant upper bound. */
static bool constant_range(struct peeling *k) {
  bool lo = false, hi = false;
  int64_t v;
  for (unsigned i = 0; i < k->bd->nlo; i++)
    if (poly_is_const(k->bd->lo[i], &v)) k->lo = lo && k->lo > v ? k->lo : v, lo = true;
  for (unsigned i = 0; i < k->bd->nhi; i++)
    if (poly_is_const(k->bd->hi[i], &v)) k->hi = hi && k->hi < v ? k->hi : v, hi = true;
  if (!lo || !hi || k->hi <= k->lo || k->hi - k->lo > INT32_MAX) return false;
  k->hi = k->lo + (k->hi - 1 - k->lo) / k->step * k->step + 1;
  return true;
}

/* The other bounds, as conditions of iteration v. */
static unsigned conditions(const struct peeling *k, int64_t v, poly_t *g) {
  struct arena *a = k->b->a;
  unsigned n = 0;
  for (unsigned i = 0; i < k->bd->nlo; i++)
    if (!poly_is_const(k->bd->lo[i], NULL)) g[n++] = poly_addc(a, poly_scale(a, k->bd->lo[i], -1), v);
  for (unsigned i = 0; i < k->bd->nhi; i++)
    if (!poly_is_const(k->bd->hi[i], NULL)) g[n++] = poly_addc(a, k->bd->hi[i], -1 - v);
  return n;
}

static struct lstmt *single(const struct peeling *k, int64_t v) {
  struct env in = *k->inner;
  poly_t g[16];
  in.val[k->l] = cpoly(k->b, v);
  in.idx[k->l] = NULL;
  in.open |= BIT(k->l);
  struct lstmt *x = nest_loop_body(k->b, k->s, k->l, k->pos, k->outer, &in);
  unsigned n = conditions(k, v, g);
  return n && x ? loop_if(k->b->a, n, g, NULL, x, NULL) : x;
}

/* Iterations first to last - 1, which touch neither end. */
static struct lstmt *middle(const struct peeling *k, int64_t first, int64_t last) {
  struct env in = *k->inner;
  struct bounds bd = {0};
  bd.lo[bd.nlo++] = cpoly(k->b, first);
  bd.hi[bd.nhi++] = cpoly(k->b, last);
  for (unsigned i = 0; i < k->bd->nlo; i++)
    if (!poly_is_const(k->bd->lo[i], NULL)) bd.lo[bd.nlo++] = k->bd->lo[i];
  for (unsigned i = 0; i < k->bd->nhi; i++)
    if (!poly_is_const(k->bd->hi[i], NULL)) bd.hi[bd.nhi++] = k->bd->hi[i];
  return nest_loop(k->b, k->s, k->l, k->pos, k->outer, &in, &bd);
}

struct lstmt *loop_peeled(struct build *b, const struct set *s, unsigned l, unsigned pos, const struct env *e,
                          const struct env *inner, const struct bounds *bd, bool once) {
  struct peeling k = {b, s, l, pos, e, inner, bd, 0, 0, b->p->loop[l].step};
  struct stmts out = {0};
  poly_t g[16];
  if ((e->edge && !e->sole) || !constant_range(&k) || (once && conditions(&k, 0, g))) return NULL;
  int64_t n = (k.hi - 1 - k.lo) / k.step + 1, ends = b->p->loop[l].npeel;
  if (!ends || 2 * ends + 1 >= n) ends = n;
  if (ends == n && n > PEEL_EACH) return NULL;
  int64_t after = ends == n ? n : n - ends; /* iterations [ends, after) are the middle */
  for (int64_t i = 0; i < ends; i++) stmts_add(b, &out, single(&k, k.lo + i * k.step));
  if (ends < after) stmts_add(b, &out, middle(&k, k.lo + ends * k.step, k.lo + (after - 1) * k.step + 1));
  for (int64_t i = after; i < n; i++) stmts_add(b, &out, single(&k, k.lo + i * k.step));
  return stmts_block(b, &out);
}

/* ---- legality ---- */

/* Bodies that loop l falls into; 0: it cannot be told. */
static int64_t bodies(const struct plan *p, unsigned l) {
  const struct paxis *x = &p->axis[LOOP_AXIS(l)];
  int64_t walked = LOOP_LEVEL(l) < x->ntile ? x->tile[LOOP_LEVEL(l)] : x->uniform && x->ext > 0 ? x->ext : 0;
  int64_t n = (walked + p->loop[l].step - 1) / p->loop[l].step, ends = p->loop[l].npeel;
  return ends && 2 * ends + 1 < n ? 2 * ends + 1 : n;
}

bool peel_check(struct plan *p) {
  int64_t all = 1;
  for (unsigned i = 0; i < p->norder && !p->why; i++) {
    const struct ploop *l = &p->loop[p->order[i]];
    const char *name = plan_loop_name(p, p->order[i]);
    if (!l->peel) continue;
    int64_t n = bodies(p, p->order[i]);
    if (l->mark || l->unroll)
      p->why = arena_printf(p->a, "peel %s: the loop is unrolled or a vector", name);
    else if ((int)p->order[i] == p->stream_top)
      p->why = arena_printf(p->a, "peel %s: the loop of a stream", name);
    else if (!n)
      p->why = arena_printf(p->a, "peel %s: the extent is not constant", name);
    else if (n > PEEL_EACH || (all *= n) > PEEL_ALL)
      p->why = arena_printf(p->a, "peel %s: more than %d bodies, or %d in all", name, PEEL_EACH, PEEL_ALL);
  }
  return !p->why;
}
