/* Real loops: bounds of a level, clipped by the guards that all its members share. */
#include "codegen/lower/plan.h"
#include <string.h>

static const struct axis *set_axis(struct build *b, const struct set *s, unsigned a) {
  for (unsigned i = 0; i < s->n; i++) {
    const struct axis *x = member_axis(b->p, s->m[i], a);
    if (x) return x;
  }
  struct axis *own = ARENA_NEW(b->a, struct axis, 1); /* helpers of the stream only */
  *own = (struct axis){b->p->axis[a].sym, b->p->axis[a].lo, b->p->axis[a].hi};
  return own;
}

static bool walks(const struct member *m, unsigned l) {
  return m->walks & BIT(l);
}

/* May guard number g of m cut iterations off loop l? What only restricts a reduction must not stop the result from
 * being written. */
static bool may_clip(const struct member *m, unsigned g, unsigned l) {
  return g < m->npg || g >= m->e->nguard || (m->red & BIT(l));
}

static bool all_have(const struct set *s, unsigned l, poly_t g) {
  for (unsigned i = 0; i < s->n; i++) {
    bool has =
        !walks(s->m[i], l) || s->m[i]->kind != MK_EQ; /* helpers of the stream do nothing where the others do nothing */
    for (unsigned j = 0; j < s->m[i]->e->nguard + s->m[i]->nsoft && !has; j++)
      has = may_clip(s->m[i], j, l) && poly_eq(s->m[i]->e->guard[j], g);
    if (!has) return false;
  }
  return true;
}

static bool is_known(const struct env *e, poly_t g) {
  for (unsigned i = 0; i < e->nknown; i++)
    if (poly_eq(e->known[i], g)) return true;
  return false;
}

static void add_bound(poly_t *v, unsigned *n, poly_t x) {
  for (unsigned i = 0; i < *n; i++)
    if (poly_eq(v[i], x)) return;
  if (*n < 8) v[(*n)++] = x;
}

/* May the first tiles be left out? Those of a stream, whose state is there before its loop, and of a sum. */
static bool may_skip(struct build *b, const struct member *m, unsigned l) {
  bool top = LOOP_LEVEL(l) == b->p->axis[LOOP_AXIS(l)].ntile && !b->p->split;
  return top && ((int)l == b->p->stream_top || ((m->run & BIT(l)) && (!b->p->npack || b->p->lim->simt)));
}

/* g = c * axis + rest >= 0 with c = 1 or -1: a bound of the loop; exact when nothing else is pending. */
static void clip(struct build *b, const struct member *m, unsigned l, const struct env *e, poly_t g, struct bounds *o,
                 struct env *inner) {
  unsigned a = LOOP_AXIS(l);
  poly_t c, rest, at, most, base = axis_base(b, e, a);
  int64_t v;
  if (!poly_split(b->a, g, b->p->axis[a].sym, &c, &rest) || !poly_is_const(c, &v) || (v != 1 && v != -1)) return;
  if (!env_extreme(b, e, m, rest, true, &most)) return;
  at = env_at(b, e, rest);
  bool exact = LOOP_LEVEL(l) == 0 && poly_eq(at, most) && (v == 1 ? o->nlo : o->nhi) < 8 && inner->nknown < MAX_GUARD;
  if (v == 1 && LOOP_LEVEL(l) && !may_skip(b, m, l)) return;
  if (v == 1) { /* levels of tiles keep their multiples: tiles stay whole, and lie where packs have them */
    poly_t lo = poly_scale(b->a, most, -1);
    if (base) lo = poly_sub(b->a, lo, base);
    bool none = poly_is_const(poly_sub(b->a, o->lo[0], lo), &v) && v >= 0;
    if (LOOP_LEVEL(l) && !none)
      add_bound(o->from, &o->nfrom, lo);
    else if (!LOOP_LEVEL(l))
      add_bound(o->lo, &o->nlo, lo);
  } else {
    poly_t hi = poly_addc(b->a, most, 1);
    add_bound(o->hi, &o->nhi, base ? poly_sub(b->a, hi, base) : hi);
  }
  if (exact) inner->known[inner->nknown++] = g;
}

static void clip_all(struct build *b, const struct set *s, unsigned l, const struct env *e, struct bounds *o,
                     struct env *inner) {
  sym_t sym = b->p->axis[LOOP_AXIS(l)].sym;
  for (unsigned i = 0; i < s->n; i++) {
    const struct member *m = s->m[i];
    if (!walks(m, l) || m->kind != MK_EQ) continue;
    for (unsigned g = 0; g < m->e->nguard + m->nsoft; g++) {
      poly_t x = m->e->guard[g];
      if (poly_has(x, sym) && may_clip(m, g, l) && !is_known(inner, x) && all_have(s, l, x))
        clip(b, m, l, e, x, o, inner);
    }
    return; /* guards that all share are among the first one's */
  }
}

static void inner_bounds(struct build *b, const struct axis *x, unsigned l, const struct env *e, struct bounds *o) {
  const struct paxis *px = &b->p->axis[LOOP_AXIS(l)];
  int64_t t = px->tile[LOOP_LEVEL(l)], c;
  o->lo[o->nlo++] = cpoly(b, 0);
  if ((px->uniform && px->ext > 0 && px->ext % t == 0) || (!LOOP_LEVEL(l) && e->mode[LOOP_AXIS(l)] == AX_FULL)) {
    o->hi[o->nhi++] = cpoly(b, t);
    return;
  }
  poly_t rest = poly_sub(b->a, env_at(b, e, x->hi), axis_base(b, e, LOOP_AXIS(l)));
  if (poly_is_const(rest, &c)) {
    o->hi[o->nhi++] = cpoly(b, c < t ? c : t);
    return;
  }
  o->hi[o->nhi++] = cpoly(b, t);
  o->hi[o->nhi++] = rest;
}

/* Bounds of loop l for the members of s that walk it; *inner gets the guards that they make superfluous. */
void loop_bounds(struct build *b, const struct set *s, unsigned l, const struct env *e, struct bounds *o,
                 struct env *inner) {
  const struct axis *x = set_axis(b, s, LOOP_AXIS(l));
  o->nlo = o->nhi = o->nfrom = 0;
  if (LOOP_LEVEL(l) == b->p->axis[LOOP_AXIS(l)].ntile) {
    o->lo[o->nlo++] = env_at(b, e, x->lo);
    o->hi[o->nhi++] = env_at(b, e, x->hi);
  } else {
    inner_bounds(b, x, l, e, o);
  }
  clip_all(b, s, l, e, o, inner);
}

static bool all_open(struct build *b, const struct env *e, poly_t g) {
  for (unsigned a = 0; a < b->p->naxis; a++)
    if (poly_has(g, b->p->axis[a].sym) && axis_inner(b->p, e, a) >= 0) return false;
  return true;
}

/* Guards of all that stands in loop l that can be decided as soon as it is open, and were no bounds of it (a dilated
   window: the factor is not 1). Not where an iteration left out may be the first or the last of an accumulator. Puts
   them into g (at most max), and among what is known in *e. */
unsigned loop_tests(struct build *b, const struct set *s, unsigned l, struct env *e, poly_t *g, unsigned max) {
  const struct member *m = s->m[0];
  unsigned n = 0;
  for (unsigned i = 0; i < s->n; i++)
    if (!walks(s->m[i], l) || s->m[i]->kind != MK_EQ || ((s->m[i]->red & ~s->m[i]->run) & BIT(l))) return 0;
  for (unsigned i = 0; i < m->e->nguard && n < max && e->nknown < MAX_GUARD; i++) {
    poly_t x = m->e->guard[i];
    if (!poly_has(x, b->p->axis[LOOP_AXIS(l)].sym) || !may_clip(m, i, l) || is_known(e, x) || !all_have(s, l, x) ||
        !all_open(b, e, x))
      continue;
    g[n++] = env_at(b, e, x);
    e->known[e->nknown++] = x;
  }
  return n;
}

static sym_t new_sym(struct build *b, unsigned l, const char *suffix) {
  return lfunc_add_sym(b->f, arena_printf(b->a, "%s%s", plan_loop_name(b->p, l), suffix));
}

static sym_t loop_sym(struct build *b, unsigned l) {
  const struct paxis *axis = &b->p->axis[LOOP_AXIS(l)];
  if (b->sym[l] == SYM_NONE)
    b->sym[l] = axis->ntile || (b->p->split && LOOP_AXIS(l) + 1 == b->p->naxis) ? new_sym(b, l, "") : axis->sym;
  return b->sym[l];
}

void loop_open(struct build *b, unsigned l, struct env *e) {
  e->val[l] = poly_sym(b->a, loop_sym(b, l));
  e->idx[l] = NULL;
  e->open |= BIT(l);
}

struct lstmt *loop_close(struct build *b, unsigned l, const struct env *e, const struct bounds *bd,
                         struct lstmt *body) {
  struct lstmt *s = loop_for(b->a, F_SERIAL, b->sym[l], bd->lo[0], bd->hi[0], b->p->loop[l].step, body);
  s->lo = arena_dup(b->a, bd->lo, sizeof *bd->lo * bd->nlo);
  s->hi = arena_dup(b->a, bd->hi, sizeof *bd->hi * bd->nhi);
  s->nlo = (uint8_t)bd->nlo;
  s->nhi = (uint8_t)bd->nhi;
  s->nfrom = (uint8_t)bd->nfrom;
  if (bd->nfrom) s->from = arena_dup(b->a, bd->from, sizeof *bd->from * bd->nfrom);
  s->unroll = e->edge ? 0 : b->p->loop[l].unroll; /* partial tiles are rare: small code */
  return s;
}
