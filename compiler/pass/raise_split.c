/* Which dims a flat array has. Dense ones are found from the inside: a polynomial w over dims, taken from the
   coefficients of loop variables, such that each subscript is q*w + rest with rest in [0, w). What is left is split by
   the remaining coefficients. */
#include "compiler/pass/raise_split.h"
#include <string.h>

enum { STEPS = 200 };

/* --- division --- */

/* m / w, when w divides it; of constants the quotient rounded down. */
static bool mono_div(const struct mono *m, const struct mono *w, struct mono *q) {
  *q = *m;
  q->coef = m->coef / w->coef;
  if (m->coef % w->coef) {
    if (m->n || w->n) return false;
    q->coef -= (m->coef < 0) != (w->coef < 0);
  }
  for (unsigned i = 0; i < w->n; i++) {
    unsigned j = 0;
    while (j < q->n && q->sym[j] != w->sym[i]) j++;
    if (j == q->n) return false;
    memmove(&q->sym[j], &q->sym[j + 1], sizeof(sym_t) * (POLY_DEG - 1 - j));
    q->sym[--q->n] = 0;
  }
  return q->coef != 0;
}

static poly_t mono_poly(struct raise *r, const struct mono *m) {
  poly_t p = poly_const(r->a, m->coef);
  for (unsigned i = 0; i < m->n; i++) p = poly_mul(r->a, p, poly_sym(r->a, m->sym[i]));
  return p;
}

/* p = q * w + rest: long division by the leading term. */
static poly_t divide(struct raise *r, poly_t p, poly_t w, poly_t *rest) {
  poly_t q = poly_const(r->a, 0);
  *rest = q;
  if (!w->n) return *rest = p, q;
  for (unsigned step = 0; p->n && !p->overflow && step < STEPS; step++) {
    struct mono m;
    bool yes = mono_div(&p->mono[0], &w->mono[0], &m);
    poly_t t = mono_poly(r, yes ? &m : &p->mono[0]);
    if (yes)
      q = poly_add(r->a, q, t);
    else
      *rest = poly_add(r->a, *rest, t);
    p = poly_sub(r->a, p, yes ? poly_mul(r->a, t, w) : t);
  }
  *rest = poly_add(r->a, *rest, p);
  return q;
}

static bool over_dims(const struct domain *d, poly_t p) {
  for (unsigned i = 0; i < d->n; i++)
    if (poly_has(p, d->v[i].sym)) return false;
  return true;
}

poly_t split_coefficient(struct raise *r, const struct use *u, poly_t p, unsigned v) {
  poly_t coef, rest;
  if (!poly_has(p, u->d->v[v].sym) || !poly_split(r->a, p, u->d->v[v].sym, &coef, &rest)) return NULL;
  return over_dims(u->d, coef) ? coef : NULL;
}

/* --- dense dims --- */

/* u's rest = q*w + rest with rest in [0, w): (i + 1)*w - 1 - j is i*w + (w - 1 - j). */
static bool divide_use(struct raise *r, const struct use *u, poly_t w, poly_t *q, int8_t *adjust) {
  poly_t rest, base = divide(r, u->rest, w, &rest);
  for (*adjust = 0; *adjust >= -1; --*adjust) {
    poly_t at = poly_sub(r->a, rest, poly_scale(r->a, w, *adjust));
    *q = poly_addc(r->a, base, *adjust);
    if (prove_ge0(r, u->d, at) && prove_ge0(r, u->d, poly_addc(r->a, poly_sub(r->a, w, at), -1))) return true;
  }
  return false;
}

/* Uses of one subscript are rewritten alike: they must agree on how it is split. */
static bool agrees(const struct uses *u, unsigned at, int8_t adjust, unsigned dim) {
  for (unsigned i = 0; i < at; i++)
    if (u->v[i].obj == u->v[at].obj && poly_eq(u->v[i].p, u->v[at].p) && u->v[i].adjust[dim] != adjust) return false;
  return true;
}

static bool dense_everywhere(struct raise *r, struct uses *u, unsigned obj, poly_t w, unsigned dim) {
  bool useful = false;
  for (unsigned i = 0; i < u->n; i++) {
    poly_t q;
    int8_t adjust;
    if (u->v[i].obj != obj) continue;
    if (!divide_use(r, &u->v[i], w, &q, &adjust) || !agrees(u, i, adjust, dim)) return false;
    u->v[i].adjust[dim] = adjust;
    useful |= !over_dims(u->v[i].d, q);
  }
  return useful;
}

static bool try_dense(struct raise *r, struct uses *u, unsigned obj, struct split *s, poly_t w) {
  int64_t c;
  if (w->n && w->mono[0].coef < 0) w = poly_scale(r->a, w, -1);
  if (w->overflow || !w->n || (poly_is_const(w, &c) && c <= 1)) return false;
  if (s->ndense + 2 >= RAISE_RANK || !dense_everywhere(r, u, obj, w, s->ndense)) return false;
  s->dense[s->ndense++] = w;
  for (unsigned i = 0; i < u->n; i++)
    if (u->v[i].obj == obj) {
      poly_t rest, q = divide(r, u->v[i].rest, w, &rest);
      u->v[i].rest = poly_addc(r->a, q, u->v[i].adjust[s->ndense - 1]);
    }
  return true;
}

/* Candidates of one degree from a coefficient: itself, a symbol of it, what is left without that symbol. */
static bool try_from(struct raise *r, struct uses *u, unsigned obj, struct split *s, poly_t c, unsigned degree) {
  if (c->mono[0].n == degree && try_dense(r, u, obj, s, c)) return true;
  for (unsigned k = 0; c->mono[0].n > 1 && k < c->mono[0].n; k++) {
    poly_t one = poly_sym(r->a, c->mono[0].sym[k]), rest, without = divide(r, c, one, &rest);
    if (degree == 1 && try_dense(r, u, obj, s, one)) return true;
    if (!rest->n && without->n && without->mono[0].n == degree && try_dense(r, u, obj, s, without)) return true;
  }
  return false;
}

static bool find_dense(struct raise *r, struct uses *u, unsigned obj, struct split *s) {
  for (unsigned degree = 0; degree <= POLY_DEG; degree++)
    for (unsigned i = 0; i < u->n; i++)
      for (unsigned v = 0; u->v[i].obj == obj && v < u->v[i].d->n; v++) {
        poly_t c = split_coefficient(r, &u->v[i], u->v[i].rest, v);
        if (c && c->n && try_from(r, u, obj, s, c, degree)) return true;
      }
  return false;
}

/* --- other strides --- */

static bool is_counter(const struct domain *d, sym_t s) {
  for (unsigned i = 0; i < d->n; i++)
    if (d->v[i].sym == s) return true;
  return false;
}

/* Are the dims of m those of t, which may have a counter besides? */
static bool same_dims(const struct domain *d, const struct mono *t, const struct mono *m) {
  unsigned n = 0;
  for (unsigned i = 0; i < t->n; i++) {
    if (is_counter(d, t->sym[i])) continue;
    if (n == m->n || t->sym[i] != m->sym[n]) return false;
    n++;
  }
  return n == m->n;
}

static int64_t gcd(int64_t a, int64_t b) {
  while (b) {
    int64_t t = a % b;
    a = b, b = t;
  }
  return a < 0 ? -a : a;
}

/* The largest constant that all terms of the array's subscripts with these dims are multiples of: 3 of
   b*3*T*C + t*3*C + 2*C for T*C, 1 for C. */
static int64_t common_factor(const struct uses *u, unsigned obj, const struct mono *m) {
  int64_t g = 0;
  for (unsigned i = 0; i < u->n; i++)
    for (uint32_t k = 0; u->v[i].obj == obj && k < u->v[i].rest->n; k++)
      if (same_dims(u->v[i].d, &u->v[i].rest->mono[k], m)) g = gcd(g, u->v[i].rest->mono[k].coef);
  return g ? g : 1;
}

/* The stride that a coefficient stands for: when it is one term, with the factor that all its like have; NULL: 1. */
static poly_t stride_of(struct raise *r, const struct uses *u, unsigned obj, poly_t c) {
  if (poly_is_const(c, NULL)) return NULL;
  if (c->n > 1) return c->mono[0].coef < 0 ? poly_scale(r->a, c, -1) : c;
  struct mono m = c->mono[0];
  m.coef = common_factor(u, obj, &m);
  return mono_poly(r, &m);
}

static unsigned depth_of(struct raise *r, struct uses *u, unsigned obj, poly_t w) {
  unsigned best = DOMAIN_VARS;
  for (unsigned i = 0; i < u->n; i++)
    for (unsigned v = 0; u->v[i].obj == obj && v < u->v[i].d->n; v++) {
      poly_t c = split_coefficient(r, &u->v[i], u->v[i].rest, v), s = c ? stride_of(r, u, obj, c) : NULL;
      if (s && poly_eq(s, w) && v < best) best = v;
    }
  return best;
}

static void add_stride(struct raise *r, struct uses *u, unsigned obj, struct split *s, poly_t w) {
  for (unsigned k = 0; k < s->nstride; k++)
    if (poly_eq(s->stride[k], w)) return;
  if (s->nstride + s->ndense + 2 >= RAISE_RANK) raise_no(r, r->at, "'%s' has too many strides", r->obj[obj].name);
  unsigned at = s->nstride++, depth = depth_of(r, u, obj, w);
  for (; at && depth_of(r, u, obj, s->stride[at - 1]) > depth; at--) s->stride[at] = s->stride[at - 1];
  s->stride[at] = w;
}

/* Distinct strides, by the depth of the loops that they belong to; then 1. */
void split_find(struct raise *r, struct uses *u, unsigned obj, struct split *s) {
  while (find_dense(r, u, obj, s)) continue;
  for (unsigned i = 0; i < u->n; i++)
    for (unsigned v = 0; u->v[i].obj == obj && v < u->v[i].d->n; v++) {
      poly_t c = split_coefficient(r, &u->v[i], u->v[i].rest, v), w = c ? stride_of(r, u, obj, c) : NULL;
      if (w) add_stride(r, u, obj, s, w);
    }
  s->stride[s->nstride++] = poly_const(r->a, 1);
}

/* Index of the stride whose multiple, by a constant, the coefficient is; else of the last one, which is 1. *q: the
 * multiple. */
static unsigned stride_at(struct raise *r, const struct split *s, poly_t c, poly_t *q) {
  for (unsigned k = 0; k + 1 < s->nstride; k++) {
    poly_t rest;
    *q = divide(r, c, s->stride[k], &rest);
    if (!rest->n && poly_is_const(*q, NULL)) return k;
  }
  *q = c;
  return s->nstride - 1;
}

/* Terms with a loop variable go to the stride that their coefficient is, the others to the first one that divides them.
 */
static void split_rest(struct raise *r, const struct split *s, const bool *is_var, poly_t p, poly_t *idx) {
  for (unsigned k = 0; k < s->nstride; k++) idx[k] = poly_const(r->a, 0);
  for (unsigned v = 0; v < r->f->k->nsym; v++) {
    poly_t c, rest, q;
    if (!is_var[v] || !poly_has(p, (sym_t)v) || !poly_split(r->a, p, (sym_t)v, &c, &rest)) continue;
    unsigned k = stride_at(r, s, c, &q);
    idx[k] = poly_add(r->a, idx[k], poly_mul(r->a, q, poly_sym(r->a, (sym_t)v)));
    p = rest;
  }
  for (unsigned k = 0; k < s->nstride; k++) {
    poly_t rest;
    idx[k] = poly_add(r->a, idx[k], divide(r, p, s->stride[k], &rest));
    p = rest;
  }
}

unsigned split_apply(struct raise *r, const struct split *s, const bool *is_var, const struct use *u, poly_t *idx) {
  poly_t dense[RAISE_RANK], p = u->p;
  for (unsigned i = 0; i < s->ndense; i++) {
    p = poly_addc(r->a, divide(r, p, s->dense[i], &dense[i]), u->adjust[i]);
    dense[i] = poly_sub(r->a, dense[i], poly_scale(r->a, s->dense[i], u->adjust[i]));
  }
  split_rest(r, s, is_var, p, idx);
  unsigned n = s->nstride;
  for (unsigned i = s->ndense; i-- > 0;) idx[n++] = dense[i];
  return n;
}
