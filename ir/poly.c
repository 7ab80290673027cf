/* Integer polynomials. Terms are sorted by degree (highest first), then by symbols; the constant is last. */
#include "ir/poly.h"
#include <string.h>

__extension__ typedef __int128 i128;

static int mono_cmp(const struct mono *x, const struct mono *y) {
  if (x->n != y->n) return x->n > y->n ? -1 : 1;
  for (unsigned i = 0; i < x->n; i++)
    if (x->sym[i] != y->sym[i]) return x->sym[i] < y->sym[i] ? -1 : 1;
  return 0;
}

static struct poly *poly_alloc(struct arena *a, size_t n) {
  return arena_alloc(a, sizeof(struct poly) + n * sizeof(struct mono));
}

static poly_t poisoned(struct arena *a) {
  struct poly *p = poly_alloc(a, 0);
  p->overflow = true;
  return p;
}

poly_t poly_const(struct arena *a, int64_t c) {
  struct poly *p = poly_alloc(a, 1);
  if (c) p->mono[p->n++] = (struct mono){.coef = c};
  return p;
}

poly_t poly_sym(struct arena *a, sym_t s) {
  struct poly *p = poly_alloc(a, 1);
  p->mono[p->n++] = (struct mono){.coef = 1, .n = 1, .sym = {s}};
  return p;
}

/* x + c * y by merging; both are sorted. */
static poly_t merge(struct arena *a, poly_t x, poly_t y, int64_t c) {
  if (x->overflow || y->overflow) return poisoned(a);
  struct poly *r = poly_alloc(a, (size_t)x->n + y->n);
  for (uint32_t i = 0, j = 0; i < x->n || j < y->n;) {
    int d = i == x->n ? 1 : j == y->n ? -1 : mono_cmp(&x->mono[i], &y->mono[j]);
    struct mono m = d <= 0 ? x->mono[i] : y->mono[j];
    i128 coef = (i128)(d <= 0 ? m.coef : 0) + (d >= 0 ? (i128)y->mono[j].coef * c : 0);
    if (coef < INT64_MIN || coef > INT64_MAX) return poisoned(a);
    m.coef = (int64_t)coef;
    i += d <= 0;
    j += d >= 0;
    if (m.coef) r->mono[r->n++] = m;
  }
  return r;
}

poly_t poly_add(struct arena *a, poly_t x, poly_t y) {
  return merge(a, x, y, 1);
}

poly_t poly_sub(struct arena *a, poly_t x, poly_t y) {
  return merge(a, x, y, -1);
}

poly_t poly_scale(struct arena *a, poly_t x, int64_t c) {
  return merge(a, poly_const(a, 0), x, c);
}

poly_t poly_addc(struct arena *a, poly_t x, int64_t c) {
  return merge(a, x, poly_const(a, c), 1);
}

poly_t poly_copy(struct arena *a, poly_t x) {
  return x ? arena_dup(a, x, sizeof *x + x->n * sizeof *x->mono) : NULL;
}

/* Product of two terms; false when it does not fit. */
static bool mono_mul(const struct mono *x, const struct mono *y, struct mono *r) {
  if (x->n + y->n > POLY_DEG) return false;
  *r = (struct mono){0};
  for (unsigned i = 0, j = 0; i < x->n || j < y->n;) {
    bool left = j == y->n || (i < x->n && x->sym[i] <= y->sym[j]);
    r->sym[r->n++] = left ? x->sym[i++] : y->sym[j++];
  }
  return !__builtin_mul_overflow(x->coef, y->coef, &r->coef);
}

/* One term times a polynomial. Multiplying by a monomial need not keep the order, so each product is merged in. */
static poly_t mul_mono(struct arena *a, const struct mono *m, poly_t y) {
  poly_t r = poly_const(a, 0);
  for (uint32_t j = 0; j < y->n; j++) {
    struct poly *one = poly_alloc(a, 1);
    one->n = 1;
    if (!mono_mul(m, &y->mono[j], &one->mono[0])) return poisoned(a);
    r = poly_add(a, r, one);
  }
  return r;
}

enum { POLY_TERMS = 4096 }; /* a product with more terms is refused like one that overflows */

poly_t poly_mul(struct arena *a, poly_t x, poly_t y) {
  int64_t c;
  if (x->overflow || y->overflow || (uint64_t)x->n * y->n > POLY_TERMS) return poisoned(a);
  if (poly_is_const(x, &c)) return poly_scale(a, y, c);
  if (poly_is_const(y, &c)) return poly_scale(a, x, c);
  poly_t r = poly_const(a, 0);
  for (uint32_t i = 0; i < x->n; i++) r = poly_add(a, r, mul_mono(a, &x->mono[i], y));
  return r;
}

/* m without one occurrence of s; false when s is not there. */
static bool mono_drop(struct mono *m, sym_t s) {
  for (unsigned i = 0; i < m->n; i++)
    if (m->sym[i] == s) {
      memmove(&m->sym[i], &m->sym[i + 1], sizeof(sym_t) * (POLY_DEG - 1 - i));
      m->sym[--m->n] = 0;
      return true;
    }
  return false;
}

poly_t poly_subst(struct arena *a, poly_t x, sym_t s, poly_t by) {
  if (!x || !poly_has(x, s)) return x;
  if (x->overflow) return x;
  poly_t r = poly_const(a, 0);
  for (uint32_t i = 0; i < x->n; i++) {
    struct poly *rest = poly_alloc(a, 1);
    rest->n = 1;
    rest->mono[0] = x->mono[i];
    unsigned times = 0;
    while (mono_drop(&rest->mono[0], s)) times++;
    poly_t term = rest;
    while (times--) term = poly_mul(a, term, by);
    r = poly_add(a, r, term);
  }
  return r;
}

poly_t poly_rename(struct arena *a, poly_t x, const sym_t *map, size_t n) {
  if (!x) return NULL;
  if (x->overflow) return x;
  poly_t r = poly_const(a, 0);
  for (uint32_t i = 0; i < x->n; i++) {
    const struct mono *m = &x->mono[i];
    struct mono acc = {.coef = m->coef};
    for (unsigned j = 0; j < m->n; j++) {
      sym_t s = m->sym[j], to = s < n && map[s] != SYM_NONE ? map[s] : s;
      struct mono one = {.coef = 1, .n = 1, .sym = {to}}, next;
      mono_mul(&acc, &one, &next);
      acc = next;
    }
    struct poly *p = poly_alloc(a, 1);
    p->n = 1;
    p->mono[0] = acc;
    r = poly_add(a, r, p);
  }
  return r;
}

bool poly_split(struct arena *a, poly_t x, sym_t s, poly_t *coef, poly_t *rest) {
  struct poly *c = poly_alloc(a, x->n), *r = poly_alloc(a, x->n);
  c->overflow = r->overflow = x->overflow;
  for (uint32_t i = 0; i < x->n; i++) {
    struct mono m = x->mono[i];
    if (!mono_drop(&m, s)) {
      r->mono[r->n++] = m;
      continue;
    }
    for (unsigned j = 0; j < m.n; j++)
      if (m.sym[j] == s) return false;
    c->mono[c->n++] = m; /* dropping one symbol from each keeps the order */
  }
  *coef = poly_scale(a, c, 1);
  *rest = r;
  return true;
}

bool poly_eq(poly_t x, poly_t y) {
  return x == y || (x && y && poly_cmp(x, y) == 0);
}

int poly_cmp(poly_t x, poly_t y) {
  if (x->overflow != y->overflow) return x->overflow ? 1 : -1;
  for (uint32_t i = 0; i < x->n && i < y->n; i++) {
    int d = mono_cmp(&x->mono[i], &y->mono[i]);
    if (d) return d;
    if (x->mono[i].coef != y->mono[i].coef) return x->mono[i].coef < y->mono[i].coef ? -1 : 1;
  }
  return x->n == y->n ? 0 : x->n < y->n ? -1 : 1;
}

bool poly_is_const(poly_t x, int64_t *c) {
  if (x->overflow || x->n > 1 || (x->n == 1 && x->mono[0].n)) return false;
  if (c) *c = x->n ? x->mono[0].coef : 0;
  return true;
}

bool poly_is_sym(poly_t x, sym_t *s) {
  if (x->overflow || x->n != 1 || x->mono[0].n != 1 || x->mono[0].coef != 1) return false;
  if (s) *s = x->mono[0].sym[0];
  return true;
}

bool poly_has(poly_t x, sym_t s) {
  for (uint32_t i = 0; i < x->n; i++)
    for (unsigned j = 0; j < x->mono[i].n; j++)
      if (x->mono[i].sym[j] == s) return true;
  return false;
}

bool poly_eval(poly_t x, const int64_t *vals, int64_t *out) {
  i128 sum =
      0; /* of at most 2^32 terms below 2^63 each: cannot overflow; a sum that fits is right whatever the order */
  if (x->overflow) return false;
  for (uint32_t i = 0; i < x->n; i++) {
    int64_t v = x->mono[i].coef;
    for (unsigned j = 0; j < x->mono[i].n; j++)
      if (__builtin_mul_overflow(v, vals[x->mono[i].sym[j]], &v)) return false;
    sum += v;
  }
  *out = (int64_t)sum;
  return sum >= INT64_MIN && sum <= INT64_MAX;
}

/* Saturating arithmetic in which the ends mean "unbounded". */
static int64_t clamp(i128 v) {
  return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

static bool is_inf(int64_t v) {
  return v == INT64_MAX || v == INT64_MIN;
}

static int64_t inf_mul(int64_t x, int64_t y) {
  if (!x || !y) return 0;
  if (is_inf(x) || is_inf(y)) return (x < 0) == (y < 0) ? INT64_MAX : INT64_MIN;
  return clamp((i128)x * y);
}

static void mono_range(const struct mono *m, const int64_t *lo, const int64_t *hi, int64_t *min, int64_t *max) {
  *min = *max = m->coef;
  for (unsigned j = 0; j < m->n; j++) {
    int64_t l = lo[m->sym[j]], h = hi[m->sym[j]];
    int64_t v[4] = {inf_mul(*min, l), inf_mul(*min, h), inf_mul(*max, l), inf_mul(*max, h)};
    *min = *max = v[0];
    for (int i = 1; i < 4; i++) {
      if (v[i] < *min) *min = v[i];
      if (v[i] > *max) *max = v[i];
    }
  }
}

void poly_range(poly_t x, const int64_t *lo, const int64_t *hi, int64_t *min, int64_t *max) {
  i128 a = 0, b = 0;
  bool low = !x->overflow, high = !x->overflow;
  for (uint32_t i = 0; i < x->n; i++) {
    int64_t l, h;
    mono_range(&x->mono[i], lo, hi, &l, &h);
    if (l == INT64_MIN) low = false;
    if (h == INT64_MAX) high = false;
    a += l;
    b += h;
  }
  *min = low ? clamp(a) : INT64_MIN;
  *max = high ? clamp(b) : INT64_MAX;
}

static uint64_t gcd(uint64_t x, uint64_t y) {
  while (y) {
    uint64_t t = x % y;
    x = y;
    y = t;
  }
  return x;
}

/* g with the factors of x; *c with its constant. */
static uint64_t divide_factors(poly_t x, uint64_t g, i128 *c) {
  for (uint32_t i = 0; i < x->n; i++) {
    int64_t f = x->mono[i].coef;
    if (x->mono[i].n)
      g = gcd(g, f < 0 ? 0 - (uint64_t)f : (uint64_t)f);
    else
      *c = f;
  }
  return g;
}

bool poly_always_differ(poly_t x, poly_t y) {
  i128 a = 0, b = 0;
  uint64_t g = divide_factors(y, divide_factors(x, 0, &a), &b);
  if (x->overflow || y->overflow) return false;
  return g ? (a - b) % (i128)g != 0 : a != b;
}
