/* Ranges and extents that a .hone text need not say. See tensor_infer.h. */
#include "ir/tensor_infer.h"

bool red_is_arg(unsigned red) {
  return red == RED_argmin || red == RED_argmax;
}

enum dtype eq_value_type(const struct eq *e) {
  return red_is_arg(e->red) ? DT_i64 : (enum dtype)e->body->type;
}

static void hit(struct infer *in, struct infer_hit h, bool weak) {
  if (in->found && in->weak && !weak) *in = (struct infer){.sym = in->sym};
  if (!in->found) {
    in->found = true;
    in->weak = weak;
    in->first = h;
  } else if (weak == in->weak && !in->clash && !poly_eq(in->first.extent, h.extent)) {
    in->clash = true;
    in->other = h;
  }
}

static void subscript_hit(struct infer *in, const struct kernel *k, unsigned tensor, unsigned dim, poly_t ix,
                          struct loc loc, bool weak) {
  sym_t s;
  const struct tensor *t = &k->tensor[tensor];
  if (!poly_is_sym(ix, &s) || s != in->sym || !t->extent[dim]) return;
  hit(in, (struct infer_hit){t->extent[dim], tensor, dim, loc}, weak);
}

void infer_index(struct infer *in, const struct kernel *k, unsigned tensor, const poly_t *ix, struct loc loc) {
  for (unsigned d = 0; d < k->tensor[tensor].rank; d++) subscript_hit(in, k, tensor, d, ix[d], loc, false);
}

struct infer_walk {
  struct infer *in;
  const struct kernel *k;
};

static void infer_node(expr_t x, void *ctx) {
  const struct infer_walk *w = ctx;
  if (x->kind != E_READ) return;
  for (unsigned d = 0; d < x->acc->rank; d++)
    if (!x->acc->ix[d].dyn)
      subscript_hit(w->in, w->k, x->acc->tensor, d, x->acc->ix[d].poly, x->loc, x->acc->nguard > 0);
}

void infer_expr(struct infer *in, const struct kernel *k, expr_t x) {
  struct infer_walk w = {in, k};
  if (x) expr_visit(x, infer_node, &w);
}

poly_t infer_range(const struct kernel *k, const struct eq *e, sym_t s, bool lhs_known) {
  struct infer in = {.sym = s};
  if (lhs_known) infer_index(&in, k, e->lhs, e->lhs_idx, e->loc);
  infer_expr(&in, k, e->body);
  infer_expr(&in, k, e->init);
  infer_expr(&in, k, e->start);
  return in.found && !in.clash ? in.first.extent : NULL;
}

/* 1, -1: the sign when dims are positive; 0: not known. */
static int sign(const struct kernel *k, poly_t p) {
  int s = 0;
  if (p->overflow || !poly_only_dims(k, p)) return 0;
  for (uint32_t i = 0; i < p->n; i++) {
    int here = p->mono[i].coef > 0 ? 1 : -1;
    if (s && here != s) return 0;
    s = here;
  }
  return s;
}

poly_t infer_extreme(struct arena *a, const struct kernel *k, poly_t p, const struct axis *axis, unsigned n,
                     bool largest) {
  for (unsigned i = n; i-- > 0;) {
    poly_t coef, rest;
    if (!poly_has(p, axis[i].sym)) continue;
    if (!axis[i].lo || !axis[i].hi || !poly_split(a, p, axis[i].sym, &coef, &rest)) return NULL;
    int s = sign(k, coef);
    if (!s) return NULL;
    poly_t bound = (s > 0) == largest ? poly_addc(a, axis[i].hi, -1) : axis[i].lo;
    p = poly_add(a, rest, poly_mul(a, coef, bound));
  }
  return p->overflow || !poly_only_dims(k, p) ? NULL : p;
}

poly_t infer_extent(struct arena *a, const struct kernel *k, poly_t p, const struct axis *axis, unsigned n) {
  poly_t max = infer_extreme(a, k, p, axis, n, true);
  if (!max) return NULL;
  max = poly_addc(a, max, 1);
  return max->overflow ? NULL : max;
}

static bool has_sym(const sym_t *s, unsigned n, sym_t x) {
  for (unsigned i = 0; i < n; i++)
    if (s[i] == x) return true;
  return false;
}

void poly_index_syms(const struct kernel *k, poly_t p, sym_t *out, unsigned *n, unsigned max) {
  for (uint32_t i = 0; p && i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) {
      sym_t s = p->mono[i].sym[j];
      if (k->sym[s].kind == SYM_INDEX && *n < max && !has_sym(out, *n, s)) out[(*n)++] = s;
    }
}

struct syms_walk {
  const struct kernel *k;
  sym_t *out;
  unsigned *n, max;
};

static void syms_node(expr_t x, void *ctx) {
  const struct syms_walk *w = ctx;
  if (x->kind == E_POLY) poly_index_syms(w->k, x->poly, w->out, w->n, w->max);
  if (x->kind != E_READ) return;
  for (unsigned i = 0; i < x->acc->rank; i++) poly_index_syms(w->k, x->acc->ix[i].poly, w->out, w->n, w->max);
  for (unsigned i = 0; i < x->acc->nguard; i++) poly_index_syms(w->k, x->acc->guard[i], w->out, w->n, w->max);
}

void expr_index_syms(const struct kernel *k, expr_t x, sym_t *out, unsigned *n, unsigned max) {
  struct syms_walk w = {k, out, n, max};
  if (x) expr_visit(x, syms_node, &w);
}

unsigned infer_lhs_syms(const struct kernel *k, const poly_t *ix, unsigned rank, sym_t *out, unsigned max) {
  unsigned n = 0;
  for (unsigned d = 0; d < rank; d++) poly_index_syms(k, ix[d], out, &n, max);
  return n;
}

bool poly_is_affine(const struct kernel *k, poly_t p) {
  if (p->overflow) return false;
  for (uint32_t i = 0; i < p->n; i++) {
    unsigned index = 0;
    for (unsigned j = 0; j < p->mono[i].n; j++) index += k->sym[p->mono[i].sym[j]].kind == SYM_INDEX;
    if (index > 1) return false;
  }
  return true;
}

bool poly_only_dims(const struct kernel *k, poly_t p) {
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (k->sym[p->mono[i].sym[j]].kind != SYM_DIM) return false;
  return true;
}

void scratch_run(void (*fn)(struct arena *a, void *ctx), void *ctx) {
  struct arena *a = arena_new();
  struct oom_guard g;
  if (!OOM_TRY(&g)) {
    arena_free(a);
    oom_raise();
  }
  fn(a, ctx);
  oom_leave(&g);
  arena_free(a);
}
