/* Kernels: constructors, copies, specialisation to constant dims. */
#include "ir/tensor.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct kernel *kernel_new(struct arena *a, const char *name) {
  struct kernel *k = ARENA_NEW(a, struct kernel, 1);
  k->arena = a;
  k->name = arena_strdup(a, name);
  return k;
}

/* A copy of the array with one zeroed element more: nobody need know about capacities. Counts are 16 bit; a kernel that
   does not fit is refused by whoever reads it long before. */
static void *one_more(struct arena *a, const void *old, uint16_t *n, size_t size) {
  if (*n == UINT16_MAX - 1) oom_raise();
  char *p = arena_alloc(a, size * (*n + 1u));
  if (*n) memcpy(p, old, size * *n);
  ++*n;
  return p;
}

static bool taken(const struct kernel *k, const char *name) {
  for (unsigned i = 0; i < k->nsym; i++)
    if (!strcmp(k->sym[i].name, name)) return true;
  for (unsigned i = 0; i < k->nparam; i++)
    if (k->param[i].kind != PARAM_DIM && !strcmp(k->param[i].name, name)) return true;
  for (unsigned i = 0; i < k->ntensor; i++)
    if (!strcmp(k->tensor[i].name, name)) return true;
  return false;
}

sym_t kernel_add_sym(struct kernel *k, const char *name, enum symkind kind) {
  const char *unique = name;
  for (unsigned i = 1; taken(k, unique); i++) unique = arena_printf(k->arena, "%s_%u", name, i);
  k->sym = one_more(k->arena, k->sym, &k->nsym, sizeof *k->sym);
  k->sym[k->nsym - 1] = (struct symbol){arena_strdup(k->arena, unique), (uint8_t)kind, UINT16_MAX};
  return (sym_t)(k->nsym - 1);
}

unsigned kernel_add_param(struct kernel *k, const char *name, enum paramkind kind, enum dtype t) {
  uint16_t ref = 0;
  if (kind == PARAM_DIM) ref = kernel_add_sym(k, name, SYM_DIM);
  k->param = one_more(k->arena, k->param, &k->nparam, sizeof *k->param);
  unsigned n = k->nparam - 1u;
  k->param[n] =
      (struct param){.name = arena_strdup(k->arena, name), .kind = (uint8_t)kind, .type = (uint8_t)t, .ref = ref};
  if (kind == PARAM_DIM) k->sym[ref].param = (uint16_t)n;
  return n;
}

unsigned kernel_add_tensor(struct kernel *k, const char *name, enum dtype t, enum role role, unsigned rank,
                           const poly_t *extent) {
  k->tensor = one_more(k->arena, k->tensor, &k->ntensor, sizeof *k->tensor);
  struct tensor *x = &k->tensor[k->ntensor - 1];
  *x = (struct tensor){.name = arena_strdup(k->arena, name),
                       .type = (uint8_t)t,
                       .role = (uint8_t)role,
                       .rank = (uint8_t)rank,
                       .param = UINT16_MAX};
  x->extent = arena_dup(k->arena, extent, sizeof *extent * rank);
  return k->ntensor - 1u;
}

static bool name_taken(const struct kernel *k, const char *name) {
  for (unsigned i = 0; i < k->ntensor; i++)
    if (strcmp(k->tensor[i].name, name) == 0) return true;
  for (unsigned i = 0; i < k->nparam; i++)
    if (strcmp(k->param[i].name, name) == 0) return true;
  for (unsigned i = 0; i < k->nsym; i++)
    if (strcmp(k->sym[i].name, name) == 0) return true;
  return false;
}

unsigned kernel_add_temp(struct kernel *k, const char *base, enum dtype t, unsigned rank, const poly_t *extent) {
  const char *name = base;
  for (unsigned i = 1; name_taken(k, name); i++) name = arena_printf(k->arena, "%s_%u", base, i);
  poly_t *size = ARENA_NEW(k->arena, poly_t, rank + 1u);
  int64_t c;
  for (unsigned d = 0; d < rank; d++) /* known dims can leave an axis less than nothing */
    size[d] = poly_is_const(extent[d], &c) && c < 0 ? poly_const(k->arena, 0) : extent[d];
  return kernel_add_tensor(k, name, t, ROLE_TEMP, rank, size);
}

struct eq *kernel_add_eq(struct kernel *k) {
  k->eq = one_more(k->arena, k->eq, &k->neq, sizeof *k->eq);
  k->eq[k->neq - 1].state = UINT16_MAX;
  return &k->eq[k->neq - 1];
}

/* What is done to every poly of a kernel that is copied. */
struct copy {
  struct arena *a;
  const bool *has;
  const int64_t *value;
  unsigned nsym;
};

static poly_t copy_poly(struct arena *a, poly_t p, void *ctx) {
  const struct copy *c = ctx;
  if (!p) return NULL;
  p = poly_copy(a, p);
  for (unsigned s = 0; c->has && s < c->nsym; s++)
    if (c->has[s]) p = poly_subst(a, p, (sym_t)s, poly_const(a, c->value[s]));
  return p;
}

static poly_t *copy_polys(struct copy *c, const poly_t *p, unsigned n) {
  if (!p) return NULL;
  poly_t *r = ARENA_NEW(c->a, poly_t, n);
  for (unsigned i = 0; i < n; i++) r[i] = copy_poly(c->a, p[i], c);
  return r;
}

static expr_t fresh(struct arena *a, expr_t x, void *ctx) {
  (void)ctx;
  return arena_dup(a, x, sizeof *x);
}

/* Polys inside are always new, so every node above one is too; leaves are copied by fresh. */
static expr_t copy_expr(struct copy *c, expr_t x) {
  if (!x) return NULL;
  x = expr_map(c->a, x, fresh, NULL);
  return expr_map_poly(c->a, x, copy_poly, c);
}

static char *copy_str(struct arena *a, const char *s) {
  return s ? arena_strdup(a, s) : NULL;
}

static void copy_eq(struct copy *c, struct eq *n, unsigned rank) {
  n->lhs_idx = copy_polys(c, n->lhs_idx, rank);
  n->axis = arena_dup(c->a, n->axis, sizeof *n->axis * n->nax);
  for (unsigned i = 0; i < n->nax; i++) {
    n->axis[i].lo = copy_poly(c->a, n->axis[i].lo, c);
    n->axis[i].hi = copy_poly(c->a, n->axis[i].hi, c);
  }
  n->guard = copy_polys(c, n->guard, n->nguard);
  n->body = copy_expr(c, n->body);
  n->init = copy_expr(c, n->init);
  n->start = copy_expr(c, n->start);
  n->rescale = copy_expr(c, n->rescale);
  n->running = copy_expr(c, n->running);
}

static struct kernel *copy_kernel(struct copy *c, const struct kernel *k) {
  struct arena *a = c->a;
  struct kernel *n = arena_dup(a, k, sizeof *k);
  n->arena = a;
  n->name = arena_strdup(a, k->name);
  n->sym = arena_dup(a, k->sym, sizeof *k->sym * k->nsym);
  for (unsigned i = 0; i < k->nsym; i++) n->sym[i].name = arena_strdup(a, k->sym[i].name);
  n->param = arena_dup(a, k->param, sizeof *k->param * k->nparam);
  for (unsigned i = 0; i < k->nparam; i++) {
    n->param[i].name = arena_strdup(a, k->param[i].name);
    n->param[i].ctype = copy_str(a, k->param[i].ctype);
  }
  n->tensor = arena_dup(a, k->tensor, sizeof *k->tensor * k->ntensor);
  for (unsigned i = 0; i < k->ntensor; i++) {
    n->tensor[i].name = arena_strdup(a, k->tensor[i].name);
    n->tensor[i].extent = copy_polys(c, k->tensor[i].extent, k->tensor[i].rank);
    n->tensor[i].stride = copy_polys(c, k->tensor[i].stride, k->tensor[i].rank);
  }
  n->eq = arena_dup(a, k->eq, sizeof *k->eq * k->neq);
  for (unsigned i = 0; i < k->neq; i++) copy_eq(c, &n->eq[i], k->tensor[k->eq[i].lhs].rank);
  n->assume = copy_polys(c, k->assume, k->nassume);
  return n;
}

bool kernel_restricts(const struct kernel *k) {
  for (unsigned i = 0; i < k->nparam && !k->noalias; i++) {
    const struct param *p = &k->param[i];
    bool written = p->kind == PARAM_TENSOR && k->tensor[p->ref].role != ROLE_IN;
    if (written && !p->is_restrict) return false;
  }
  return true;
}

struct kernel *kernel_clone(struct arena *a, const struct kernel *k) {
  return copy_kernel(&(struct copy){.a = a}, k);
}

struct kernel *kernel_specialise(struct arena *a, const struct kernel *k, const bool *has, const int64_t *value) {
  return copy_kernel(&(struct copy){a, has, value, k->nsym}, k);
}

poly_t tensor_stride(struct arena *a, const struct tensor *t, unsigned d) {
  if (t->stride) return t->stride[d];
  poly_t s = poly_const(a, 1);
  for (unsigned i = d + 1; i < t->rank; i++) s = poly_mul(a, s, t->extent[i]);
  return s;
}

/* NAME=VALUE of length n: the dim's symbol and value. */
static bool parse_dim(const struct kernel *k, const char *s, size_t n, unsigned *sym, int64_t *value) {
  const char *eq = memchr(s, '=', n);
  if (!eq || eq + 1 == s + n) return false;
  char digits[24];
  size_t nd = (size_t)(s + n - eq - 1), i = 0;
  if (nd >= sizeof digits) return false;
  memcpy(digits, eq + 1, nd);
  digits[nd] = 0;
  i = digits[0] == '-';
  if (i == nd) return false;
  for (; i < nd; i++)
    if (digits[i] < '0' || digits[i] > '9') return false;
  errno = 0;
  *value = strtoll(digits, NULL, 10);
  if (errno) return false;
  for (*sym = 0; *sym < k->nsym; ++*sym) {
    const struct symbol *y = &k->sym[*sym];
    if (y->kind == SYM_DIM && strlen(y->name) == (size_t)(eq - s) && !memcmp(y->name, s, (size_t)(eq - s))) return true;
  }
  return false;
}

bool kernel_parse_dims(const struct kernel *k, const char *s, bool *has, int64_t *value, const char **bad) {
  if (!*s) return true;
  for (;; s++) {
    size_t n = strcspn(s, ",");
    unsigned sym;
    int64_t v;
    if (!parse_dim(k, s, n, &sym, &v)) {
      *bad = s;
      return false;
    }
    has[sym] = true;
    value[sym] = v;
    s += n;
    if (!*s) return true;
  }
}
