/* Items -> kernel: symbols, tensors, roles, equations. */
#include "compiler/pass/raise_impl.h"
#include "compiler/pass/util.h"
#include "ir/tensor_text.h"
#include <ctype.h>
#include <string.h>

struct emit {
  struct raise *r;
  struct kernel *k;
  unsigned nmap;
  sym_t *map;                  /* the function's symbols -> the kernel's; of the axes of the equation being made */
  uint16_t *obj;               /* object -> tensor; UINT16_MAX: none yet */
  poly_t (*shift)[RAISE_RANK]; /* [obj] what is taken from each subscript; NULL: nothing */
  unsigned nname;
  struct {
    const char *base;
    unsigned nth;
    sym_t sym;
  } name[256];
};

static poly_t to_kernel(struct arena *a, poly_t p, void *ctx) {
  const struct emit *e = ctx;
  return poly_rename(a, p, e->map, e->nmap);
}

/* --- parameters --- */

static void emit_params(struct emit *e) {
  const struct kernel *from = e->r->f->k;
  for (unsigned i = 0; i < from->nparam; i++) {
    const struct param *p = &from->param[i];
    kernel_add_param(e->k, p->name, (enum paramkind)p->kind, (enum dtype)p->type);
    uint16_t ref = e->k->param[i].ref;
    e->k->param[i] = *p;
    e->k->param[i].ref = ref;
    if (p->kind == PARAM_DIM) e->map[p->ref] = ref;
  }
}

static void emit_tensors(struct emit *e) {
  const struct kernel *from = e->r->f->k;
  struct arena *a = e->r->a;
  for (unsigned i = 0; i < from->ntensor; i++) {
    const struct obj *o = &e->r->obj[i];
    poly_t extent[RAISE_RANK], *stride = o->stride ? ARENA_NEW(a, poly_t, o->rank) : NULL;
    if (o->rank > RAISE_RANK) raise_no(e->r, o->loc, "'%s' has more than %d dims", o->name, RAISE_RANK);
    for (unsigned d = 0; d < o->rank; d++) {
      extent[d] = o->extent[d] ? to_kernel(a, o->extent[d], e) : poly_const(a, 0);
      if (stride) stride[d] = to_kernel(a, o->stride[d], e);
    }
    unsigned t = kernel_add_tensor(e->k, from->tensor[i].name, (enum dtype)o->type, ROLE_IN, o->rank, extent);
    e->k->tensor[t].stride = stride;
    e->k->tensor[t].param = from->tensor[i].param;
    e->k->tensor[t].loc = from->tensor[i].loc;
    if (from->tensor[i].param != UINT16_MAX) e->k->param[from->tensor[i].param].ref = (uint16_t)t;
    e->obj[i] = (uint16_t)t;
  }
}

/* --- temps --- */

/* Subscripts of a leading dim run from base (0 where the loop does not start below) to extent + base. */
static void lead_range(struct emit *e, const struct obj *o, unsigned dim, poly_t *base, poly_t *extent) {
  struct raise *r = e->r;
  struct domain *d = ARENA_NEW(r->a, struct domain, 1);
  domain_init(r, d);
  for (unsigned i = 0; i < dim; i++) domain_in(r, d, &o->lead[i]);
  poly_t lo = NULL, hi = NULL;
  const struct bound *b = &o->lead[dim];
  *base = poly_const(r->a, 0);
  for (unsigned i = 0; i < b->nhi && !hi; i++)
    if (!prove_max(r, d, b->hi[i], &hi)) hi = NULL;
  for (unsigned i = 0; i < b->nlo && !lo; i++) {
    if (prove_ge0(r, d, b->lo[i]))
      lo = *base;
    else if (!prove_min(r, d, b->lo[i], &lo))
      lo = NULL;
  }
  if (!lo || !hi) raise_no(r, o->loc, "cannot tell how many values of '%s' there are", o->name);
  *base = lo;
  *extent = poly_sub(r->a, hi, lo);
}

static unsigned tensor_of(struct emit *e, unsigned obj) {
  struct raise *r = e->r;
  const struct obj *o = &r->obj[obj];
  poly_t extent[2 * RAISE_RANK], *base = e->shift[obj];
  if (e->obj[obj] != UINT16_MAX) return e->obj[obj];
  if (o->kind == OBJ_PHI)
    raise_no(r, o->loc, "'%s' carries a value from one iteration to the next (recurrence)", o->name);
  for (unsigned d = 0; d < o->nlead; d++) {
    lead_range(e, o, d, &base[d], &extent[d]);
    extent[d] = to_kernel(r->a, extent[d], e);
  }
  for (unsigned d = o->nlead; d < o->rank; d++) extent[d] = to_kernel(r->a, o->extent[d - o->nlead], e);
  unsigned t = kernel_add_temp(e->k, o->name, (enum dtype)o->type, o->rank, extent);
  e->k->tensor[t].loc = o->loc;
  return e->obj[obj] = (uint16_t)t;
}

static poly_t shifted(struct emit *e, unsigned obj, unsigned d, poly_t p) {
  poly_t s = e->shift[obj][d];
  return s ? poly_sub(e->r->a, p, s) : p;
}

/* --- expressions --- */

static expr_t folded(struct arena *a, expr_t x) {
  int64_t c;
  expr_t k = x->kid[0];
  enum dtype t = (enum dtype)x->type;
  if (k->kind == E_CONST) return expr_const(a, t, type_convert(t, (enum dtype)k->type, k->val));
  if (k->kind == E_POLY && poly_is_const(k->poly, &c))
    return expr_const(a, t, type_convert(t, DT_i64, (union value){.i = c}));
  return x;
}

/* Bottom-up: tensors and shifts first, names of symbols afterwards, for shifts are polys of the function. */
static expr_t emit_node(struct arena *a, expr_t x, void *ctx) {
  struct emit *e = ctx;
  if (x->kind == E_CAST) return folded(a, x);
  if (x->kind != E_READ) return x;
  struct access *n = arena_dup(a, x->acc, sizeof *n);
  n->tensor = (uint16_t)tensor_of(e, x->acc->tensor);
  n->ix = arena_dup(a, n->ix, sizeof *n->ix * n->rank);
  for (unsigned i = 0; i < n->rank && i < RAISE_RANK; i++) n->ix[i].poly = shifted(e, x->acc->tensor, i, n->ix[i].poly);
  struct expr *y = arena_dup(a, x, sizeof *x);
  y->acc = n;
  return y;
}

static expr_t emit_expr(struct emit *e, expr_t x) {
  if (!x) return NULL;
  return expr_map_poly(e->r->a, expr_map(e->r->a, x, emit_node, e), to_kernel, e);
}

/* --- equations --- */

/* "j_1", made unique by the frontend, is "j" again where nothing else is called so. */
static const char *base_name(struct raise *r, const char *s) {
  size_t n = strlen(s), end = n;
  while (end && isdigit((unsigned char)s[end - 1])) end--;
  if (end == n || end < 2 || s[end - 1] != '_') return s;
  return arena_strndup(r->a, s, end - 1);
}

static sym_t index_named(struct emit *e, const char *base, unsigned nth) {
  for (unsigned i = 0; i < e->nname; i++)
    if (e->name[i].nth == nth && !strcmp(e->name[i].base, base)) return e->name[i].sym;
  sym_t s = kernel_add_sym(e->k, base, SYM_INDEX);
  if (e->nname == sizeof e->name / sizeof *e->name) raise_no(e->r, e->r->at, "the function is too large");
  e->name[e->nname].base = base;
  e->name[e->nname].nth = nth;
  return e->name[e->nname++].sym = s;
}

static void name_axes(struct emit *e, const struct item *it) {
  for (unsigned i = 0; i < it->nax; i++) {
    const char *base = base_name(e->r, raise_sym_name(e->r, it->ax[i].b.sym));
    unsigned nth = 0;
    for (unsigned j = 0; j < i; j++) nth += !strcmp(base, base_name(e->r, raise_sym_name(e->r, it->ax[j].b.sym)));
    e->map[it->ax[i].b.sym] = index_named(e, base, nth);
  }
}

static void unname_axes(struct emit *e, const struct item *it) {
  for (unsigned i = 0; i < it->nax; i++) e->map[it->ax[i].b.sym] = SYM_NONE;
}

static void emit_axes(struct emit *e, const struct item *it, struct eq *q) {
  q->axis = ARENA_NEW(e->r->a, struct axis, it->nax);
  for (unsigned red = 0; red < 2; red++)
    for (unsigned i = 0; i < it->nax; i++) {
      const struct bound *b = &it->ax[i].b;
      if (it->ax[i].red != (red == 1)) continue;
      q->axis[q->nax++] =
          (struct axis){e->map[b->sym], to_kernel(e->r->a, b->lo[0], e), to_kernel(e->r->a, b->hi[0], e)};
      if (!red) q->npar++;
    }
}

static void emit_eq(struct emit *e, const struct item *it) {
  struct raise *r = e->r;
  if (it->nax > TEXT_MAX_AXIS || it->nguard > 200) raise_no(r, it->loc, "the function is too large");
  unsigned lhs = tensor_of(e, it->lhs);
  name_axes(e, it);
  expr_t body = emit_expr(e, it->body), init = emit_expr(e, it->init), start = emit_expr(e, it->start);
  poly_t *idx = ARENA_NEW(r->a, poly_t, it->rank), *guard = ARENA_NEW(r->a, poly_t, it->nguard);
  for (unsigned i = 0; i < it->rank; i++) idx[i] = to_kernel(r->a, shifted(e, it->lhs, i, it->idx[i]), e);
  for (unsigned i = 0; i < it->nguard; i++) guard[i] = to_kernel(r->a, it->guard[i], e);
  struct eq *q = kernel_add_eq(e->k);
  *q = (struct eq){.lhs = (uint16_t)lhs,
                   .lhs_idx = idx,
                   .nguard = (uint8_t)it->nguard,
                   .guard = guard,
                   .body = body,
                   .init = init,
                   .start = start,
                   .state = UINT16_MAX,
                   .loc = it->loc};
  emit_axes(e, it, q);
  q->red = q->nax == q->npar ? RED_none : it->red;
  unname_axes(e, it);
}

/* A scalar reduction that went round no loop after all: its value with the start. */
static void check_reductions(struct raise *r, const struct items *l) {
  for (unsigned i = 0; i < l->n; i++)
    if (l->v[i]->red && !item_is_red(l->v[i])) raise_no(r, l->v[i]->loc, "a reduction over nothing");
}

/* --- roles --- */

/* Every element of the declared size is written, whatever the dims. */
static bool writes_all(const struct kernel *k, const struct eq *q) {
  const struct tensor *t = &k->tensor[q->lhs];
  if (q->nguard && q->red == RED_none) return false;
  for (unsigned d = 0; d < t->rank; d++) {
    sym_t s;
    int64_t c, n;
    if (poly_is_const(q->lhs_idx[d], &c)) {
      if (c || !poly_is_const(t->extent[d], &n) || n != 1) return false;
      continue;
    }
    if (!poly_is_sym(q->lhs_idx[d], &s)) return false;
    unsigned a = 0;
    while (a < q->npar && q->axis[a].sym != s) a++;
    if (a == q->npar || !poly_is_const(q->axis[a].lo, &c) || c || !poly_eq(q->axis[a].hi, t->extent[d])) return false;
    for (unsigned other = 0; other < d; other++)
      if (poly_eq(q->lhs_idx[other], q->lhs_idx[d])) return false;
  }
  return true;
}

static enum role role_of(const struct kernel *k, unsigned t) {
  bool whole = false, written = false, early = false;
  for (unsigned i = 0; i < k->neq; i++) {
    const struct eq *q = &k->eq[i];
    if (eq_reads(q, t) && !whole) early = true;
    if (q->lhs != t) continue;
    written = true;
    if (!early && writes_all(k, q)) whole = true;
  }
  return !written ? ROLE_IN : whole && !early ? ROLE_OUT : ROLE_INOUT;
}

static void set_roles(struct kernel *k) {
  unsigned pointers = 0, unrestricted = 0;
  for (unsigned t = 0; t < k->ntensor; t++) {
    if (k->tensor[t].param == UINT16_MAX) continue;
    k->tensor[t].role = (uint8_t)role_of(k, t);
    pointers++;
    if (k->tensor[t].role != ROLE_IN && !k->param[k->tensor[t].param].is_restrict) unrestricted++;
  }
  k->noalias = !unrestricted || pointers == 1;
}

struct kernel *raise_emit(struct raise *r, struct items *l) {
  struct emit *e = ARENA_NEW(r->a, struct emit, 1);
  e->r = r;
  e->k = kernel_new(r->a, r->f->name);
  e->k->loc = r->f->k->loc;
  /* Everything that can add a symbol or an object has run. */
  e->nmap = r->nsym;
  e->map = ARENA_NEW(r->a, sym_t, e->nmap + 1);
  memset(e->map, 0xff, sizeof *e->map * e->nmap);
  e->obj = ARENA_NEW(r->a, uint16_t, r->nobj + 1);
  memset(e->obj, 0xff, sizeof *e->obj * r->nobj);
  e->shift = arena_alloc(r->a, sizeof *e->shift * (r->nobj + 1u));
  check_reductions(r, l);
  emit_params(e);
  emit_tensors(e);
  for (unsigned i = 0; i < l->n; i++) emit_eq(e, l->v[i]);
  e->k->assume = ARENA_NEW(r->a, poly_t, r->nassume + 1);
  for (unsigned i = 0; i < r->nassume; i++) e->k->assume[i] = to_kernel(r->a, r->assume[i], e);
  e->k->nassume = (uint16_t)r->nassume;
  set_roles(e->k);
  e->k->reshaped = r->rolled || r->cut;
  return e->k;
}
