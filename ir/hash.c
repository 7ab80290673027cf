/* Structural hashes. A kernel is written out in a canonical form that no name enters, and that is hashed with SHA-256:
   indices are numbered by where they stand on the left side (reductions after them, in order), dims by first
   appearance, tensors by first appearance in an order of operands that does not depend on names (the operands of
   commutative operations are sorted by their form with tensors left anonymous). Parameter order, C types of dims,
   locations and the overlap promise do not enter. The hash of a group keeps the order of operands: schedules name
   operands by it, and equal hashes share schedules. */
#include "ir/group.h"
#include "ir/sha256.h"
#include <stdlib.h>
#include <string.h>

struct canon {
  const struct kernel *k;
  struct buf out;
  uint32_t *sym, *tensor, *scalar; /* number + 1; 0: not seen yet */
  uint32_t nsym, ntensor, nscalar;
  bool anonymous; /* tensors and scalars show their type only, and nothing gets a number */
  bool ordered;   /* operands of commutative operations stay as they are */
  bool family;    /* constant sizes are symbols, equal ones the same */
  unsigned nsize;
  struct {
    int64_t value;
    uint32_t number;
  } size[64];
};

static void put_expr(struct canon *c, expr_t x);

static uint32_t number(struct canon *c, uint32_t *map, uint32_t i, uint32_t *n) {
  if (!map[i] && !c->anonymous) map[i] = ++*n;
  return map[i];
}

/* Terms in the order of the numbers of their symbols, since the order in the polynomial is that of creation. */
struct term {
  int64_t coef;
  uint8_t n;
  uint32_t sym[POLY_DEG];
};

static int by_number(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static int by_term(const void *a, const void *b) {
  const struct term *x = a, *y = b;
  if (x->n != y->n) return x->n < y->n ? -1 : 1;
  for (unsigned i = 0; i < x->n; i++)
    if (x->sym[i] != y->sym[i]) return x->sym[i] < y->sym[i] ? -1 : 1;
  return (x->coef > y->coef) - (x->coef < y->coef);
}

static void put_poly(struct canon *c, poly_t p) {
  if (!p) {
    buf_puts(&c->out, "?");
    return;
  }
  struct term *t = xmalloc((p->n + 1) * sizeof *t);
  for (uint32_t i = 0; i < p->n; i++) {
    t[i].coef = p->mono[i].coef;
    t[i].n = p->mono[i].n;
    for (unsigned j = 0; j < t[i].n; j++) t[i].sym[j] = number(c, c->sym, p->mono[i].sym[j], &c->nsym);
    qsort(t[i].sym, t[i].n, sizeof *t[i].sym, by_number);
  }
  qsort(t, p->n, sizeof *t, by_term);
  buf_putc(&c->out, '(');
  for (uint32_t i = 0; i < p->n; i++) {
    buf_printf(&c->out, "%+lld", (long long)t[i].coef);
    for (unsigned j = 0; j < t[i].n; j++) buf_printf(&c->out, "s%u", t[i].sym[j]);
  }
  buf_putc(&c->out, ')');
  free(t);
}

/* A bound or an extent. */
static void put_size(struct canon *c, poly_t p) {
  int64_t v;
  unsigned i = 0;
  if (!c->family || !p || !poly_is_const(p, &v) || (v >= 0 && v <= 1)) {
    put_poly(c, p);
    return;
  }
  while (i < c->nsize && c->size[i].value != v) i++;
  if (i == c->nsize && i < sizeof c->size / sizeof *c->size) {
    c->size[c->nsize].value = v;
    c->size[c->nsize++].number = ++c->nsym;
  }
  buf_printf(&c->out, "(+1s%u)", i < c->nsize ? c->size[i].number : 0);
}

static void put_access(struct canon *c, const struct access *acc) {
  const struct tensor *t = &c->k->tensor[acc->tensor];
  buf_printf(&c->out, "t%u:%s[", c->anonymous ? 0 : number(c, c->tensor, acc->tensor, &c->ntensor),
             type_name((enum dtype)t->type));
  for (unsigned i = 0; i < acc->rank; i++) {
    put_poly(c, acc->ix[i].poly);
    if (acc->ix[i].dyn) put_expr(c, acc->ix[i].dyn);
  }
  for (unsigned i = 0; i < acc->nguard; i++) {
    buf_putc(&c->out, '?');
    put_poly(c, acc->guard[i]);
  }
  if (acc->otherwise) put_expr(c, acc->otherwise);
  buf_putc(&c->out, ']');
}

/* The form of x with nothing but shapes: for ordering the operands of a commutative operation. */
static char *form_of(struct canon *c, expr_t x) {
  struct buf keep = c->out;
  bool was = c->anonymous;
  buf_init(&c->out);
  c->anonymous = true;
  put_expr(c, x);
  char *s = c->out.data;
  c->out = keep;
  c->anonymous = was;
  return s;
}

static void put_op(struct canon *c, expr_t x) {
  buf_printf(&c->out, "%s(", op_info[x->op].name);
  expr_t kid[3] = {x->kid[0], x->nkid > 1 ? x->kid[1] : NULL, x->nkid > 2 ? x->kid[2] : NULL};
  if (op_info[x->op].flags & OPF_COMM && !c->anonymous && !c->ordered) {
    char *a = form_of(c, kid[0]), *b = form_of(c, kid[1]);
    if (strcmp(a, b) > 0) {
      kid[0] = x->kid[1];
      kid[1] = x->kid[0];
    }
    free(a);
    free(b);
  }
  for (unsigned i = 0; i < x->nkid; i++) put_expr(c, kid[i]);
  buf_putc(&c->out, ')');
}

static void put_expr(struct canon *c, expr_t x) {
  buf_printf(&c->out, "%s ", type_name((enum dtype)x->type));
  switch (x->kind) {
  case E_CONST:
    buf_printf(&c->out, "#%016llx", (unsigned long long)x->val.u);
    break;
  case E_POLY:
    put_poly(c, x->poly);
    break;
  case E_SCALAR:
    buf_printf(&c->out, "a%u", c->anonymous ? 0 : number(c, c->scalar, x->id, &c->nscalar));
    break;
  case E_READ:
    put_access(c, x->acc);
    break;
  case E_OP:
    put_op(c, x);
    break;
  case E_CAST:
    put_expr(c, x->kid[0]);
    break;
  default:
    buf_printf(&c->out, "%c%u", x->kind == E_ARG ? 'g' : 'l', x->id);
    break;
  }
}

static void put_axis(struct canon *c, const struct axis *x) {
  put_size(c, x->lo);
  put_size(c, x->hi);
}

static void number_axes(struct canon *c, const struct eq *e) {
  for (unsigned d = 0; d < c->k->tensor[e->lhs].rank; d++)
    for (uint32_t i = 0; i < e->lhs_idx[d]->n; i++)
      for (unsigned j = 0; j < e->lhs_idx[d]->mono[i].n; j++)
        if (eq_axis(e, e->lhs_idx[d]->mono[i].sym[j]) >= 0) number(c, c->sym, e->lhs_idx[d]->mono[i].sym[j], &c->nsym);
  for (unsigned x = 0; x < e->nax; x++) number(c, c->sym, e->axis[x].sym, &c->nsym);
}

/* Axes belong to one equation (or one group): their symbols get fresh numbers unless a group shares them. */
static void put_eq(struct canon *c, const struct eq *e, bool shared_axes) {
  if (!shared_axes)
    for (unsigned x = 0; x < e->nax; x++) c->sym[e->axis[x].sym] = 0;
  number_axes(c, e);
  buf_printf(&c->out, "%s:", red_name[e->red] ? red_name[e->red] : "=");
  uint32_t *order = xmalloc((e->nax + 1u) * sizeof *order);
  for (unsigned x = 0; x < e->npar; x++) order[x] = c->sym[e->axis[x].sym];
  qsort(order, e->npar, sizeof *order, by_number);
  for (unsigned i = 0; i < e->npar; i++)
    for (unsigned x = 0; x < e->npar; x++)
      if (c->sym[e->axis[x].sym] == order[i]) put_axis(c, &e->axis[x]);
  free(order);
  buf_putc(&c->out, '/');
  for (unsigned x = e->npar; x < e->nax; x++) put_axis(c, &e->axis[x]);
  for (unsigned i = 0; i < e->nguard; i++) {
    buf_putc(&c->out, '?');
    put_poly(c, e->guard[i]);
  }
  expr_t part[] = {e->body, e->init, e->start};
  for (unsigned i = 0; i < 3; i++) {
    buf_putc(&c->out, ';');
    if (part[i]) put_expr(c, part[i]);
  }
  struct subscript ix[16];
  struct access lhs = {.tensor = e->lhs, .rank = c->k->tensor[e->lhs].rank, .ix = ix};
  for (unsigned d = 0; d < lhs.rank && d < 16; d++) ix[d] = (struct subscript){e->lhs_idx[d], NULL};
  put_access(c, &lhs);
  buf_putc(&c->out, '\n');
}

/* Layouts and roles of the tensors seen, in the order of their numbers. */
static void put_tensors(struct canon *c) {
  for (uint32_t n = 1; n <= c->ntensor; n++)
    for (unsigned t = 0; t < c->k->ntensor; t++) {
      const struct tensor *x = &c->k->tensor[t];
      if (c->tensor[t] != n) continue;
      buf_printf(&c->out, "%u%c", n,
                 x->role == ROLE_TEMP  ? 't'
                 : x->role == ROLE_IN  ? 'i'
                 : x->role == ROLE_OUT ? 'o'
                                       : 'x');
      if (x->role == ROLE_TEMP) continue;
      bool by_extent = c->family && !x->stride; /* constant strides are products: their factors say more */
      for (unsigned d = 0; d < x->rank; d++) {
        put_size(c, by_extent ? x->extent[d] : tensor_stride(c->k->arena, x, d));
      }
    }
}

static void canon_open(struct canon *c, const struct kernel *k) {
  memset(c, 0, sizeof *c);
  c->k = k;
  buf_init(&c->out);
  c->sym = xmalloc((k->nsym + 1u) * sizeof *c->sym);
  c->tensor = xmalloc((k->ntensor + 1u) * sizeof *c->tensor);
  c->scalar = xmalloc((k->nparam + 1u) * sizeof *c->scalar);
}

static void canon_close(struct canon *c, uint8_t out[32]) {
  struct sha256 h;
  put_tensors(c);
  sha256_init(&h);
  sha256_update(&h, c->out.data, c->out.len);
  sha256_final(&h, out);
  buf_free(&c->out);
  free(c->sym);
  free(c->tensor);
  free(c->scalar);
}

static void hash_equations(const struct kernel *k, bool family, uint8_t out[32]) {
  struct canon c;
  canon_open(&c, k);
  c.family = family;
  for (unsigned i = 0; i < k->neq; i++) put_eq(&c, &k->eq[i], false);
  canon_close(&c, out);
}

void kernel_hash(const struct kernel *k, uint8_t out[32]) {
  hash_equations(k, false, out);
}

void kernel_family_hash(const struct kernel *k, uint8_t out[32]) {
  hash_equations(k, true, out);
}

void group_hash(const struct groups *gs, unsigned g, uint8_t out[32]) {
  struct arena *a = arena_new();
  struct groups *one = group_extract(a, gs, g);
  struct canon c;
  canon_open(&c, one->k);
  c.ordered = true;
  buf_printf(&c.out, "group %u %u %d\n", one->g->naxis, one->g->nshared, one->g->stream);
  for (unsigned i = 0; i < one->k->neq; i++) put_eq(&c, &one->k->eq[i], true);
  for (unsigned x = 0; x < one->g->naxis; x++) buf_printf(&c.out, "x%u", c.sym[one->g->axis[x].sym]);
  canon_close(&c, out);
  arena_free(a);
}
