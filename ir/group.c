/* Groups as data: who is private to a group, a group as a kernel of its own, the trivial grouping. Text is
 * group_text.c, rules are group_verify.c. */
#include "ir/group.h"
#include <string.h>

int eq_axis(const struct eq *e, sym_t s) {
  for (int i = 0; i < e->nax; i++)
    if (e->axis[i].sym == s) return i;
  return -1;
}

static bool eq_reads(const struct eq *e, unsigned t) {
  return expr_reads(e->body, t) || (e->init && expr_reads(e->init, t)) || (e->start && expr_reads(e->start, t)) ||
         (e->running && expr_reads(e->running, t));
}

static bool in_group(const struct group *g, unsigned eq) {
  for (unsigned i = 0; i < g->neq; i++)
    if (g->eq[i] == eq) return true;
  return false;
}

bool group_private(const struct groups *gs, unsigned g, unsigned tensor) {
  if (tensor >= gs->k->ntensor || gs->k->tensor[tensor].role != ROLE_TEMP) return false;
  bool used = false;
  for (unsigned i = 0; i < gs->k->neq; i++) {
    const struct eq *e = &gs->k->eq[i];
    if (e->lhs != tensor && !eq_reads(e, tensor)) continue;
    if (!in_group(&gs->g[g], i)) return false;
    used = true;
  }
  return used;
}

struct groups *groups_trivial(struct arena *a, const struct kernel *k) {
  struct groups *gs = ARENA_NEW(a, struct groups, 1);
  gs->k = kernel_clone(a, k);
  gs->n = k->neq;
  gs->g = ARENA_NEW(a, struct group, k->neq + 1u);
  for (unsigned i = 0; i < k->neq; i++) {
    struct group *g = &gs->g[i];
    const struct eq *e = &gs->k->eq[i];
    g->neq = 1;
    g->eq[0] = (uint16_t)i;
    g->naxis = e->nax;
    g->nshared = e->npar;
    g->stream = -1;
    memcpy(g->axis, e->axis, e->nax * sizeof *e->axis);
  }
  return gs;
}

/* Extraction
 * -------------------------------------------------------------------------------------------------------------------------------
 */

struct extract {
  struct arena *a;
  const struct groups *gs;
  unsigned g;
  struct kernel *k;            /* the clone that shrinks */
  bool *tensor, *dim, *scalar; /* in use: by tensor, symbol, parameter */
  uint16_t *new_tensor, *new_param;
};

static void use_poly(struct extract *x, poly_t p) {
  if (!p) return;
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) x->dim[p->mono[i].sym[j]] = true;
}

static void use_node(expr_t e, void *ctx) {
  struct extract *x = ctx;
  if (e->kind == E_POLY) use_poly(x, e->poly);
  if (e->kind == E_SCALAR) x->scalar[e->id] = true;
  if (e->kind != E_READ) return;
  x->tensor[e->acc->tensor] = true;
  for (unsigned i = 0; i < e->acc->rank; i++) use_poly(x, e->acc->ix[i].poly);
  for (unsigned i = 0; i < e->acc->nguard; i++) use_poly(x, e->acc->guard[i]);
}

static void use_eq(struct extract *x, const struct eq *e) {
  x->tensor[e->lhs] = true;
  for (unsigned i = 0; i < x->k->tensor[e->lhs].rank; i++) use_poly(x, e->lhs_idx[i]);
  for (unsigned i = 0; i < e->nax; i++) {
    use_poly(x, e->axis[i].lo);
    use_poly(x, e->axis[i].hi);
  }
  for (unsigned i = 0; i < e->nguard; i++) use_poly(x, e->guard[i]);
  expr_t all[] = {e->body, e->init, e->start, e->rescale, e->running};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i]) expr_visit(all[i], use_node, x);
  if (e->state != UINT16_MAX) x->tensor[e->state] = true;
}

static void use_all(struct extract *x) {
  const struct group *g = &x->gs->g[x->g];
  for (unsigned i = 0; i < g->neq; i++) use_eq(x, &x->gs->k->eq[g->eq[i]]);
  for (unsigned t = 0; t < x->k->ntensor; t++)
    for (unsigned d = 0; x->tensor[t] && d < x->k->tensor[t].rank; d++) {
      use_poly(x, x->k->tensor[t].extent[d]);
      if (x->k->tensor[t].stride) use_poly(x, x->k->tensor[t].stride[d]);
    }
  for (unsigned i = 0; i < x->k->nassume; i++) use_poly(x, x->k->assume[i]);
}

/* What the group does to a tensor that lives outside of it. Partial writes keep the rest, so only what was OUT and is
 * first written here stays OUT. */
static enum role role_of(const struct extract *x, unsigned t) {
  const struct group *g = &x->gs->g[x->g];
  const struct tensor *old = &x->gs->k->tensor[t];
  bool written = false, read_first = false, before = false;
  for (unsigned i = 0; i < x->gs->k->neq && g->neq && i < g->eq[0]; i++) before = before || x->gs->k->eq[i].lhs == t;
  for (unsigned i = 0; i < g->neq; i++) {
    const struct eq *e = &x->gs->k->eq[g->eq[i]];
    if (!written && eq_reads(e, t)) read_first = true;
    if (e->lhs == t) written = true;
  }
  if (!written) return ROLE_IN;
  return old->role == ROLE_INOUT || read_first || before ? ROLE_INOUT : ROLE_OUT;
}

static void keep_params(struct extract *x) {
  struct kernel *k = x->k;
  unsigned n = 0;
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    bool keep = p->kind == PARAM_DIM ? x->dim[p->ref] : p->kind == PARAM_SCALAR ? x->scalar[i] : x->tensor[p->ref];
    x->new_param[i] = keep ? (uint16_t)n : UINT16_MAX;
    if (keep) k->param[n++] = *p;
  }
  k->nparam = (uint16_t)n;
}

static void keep_tensors(struct extract *x) {
  struct kernel *k = x->k;
  unsigned n = 0;
  for (unsigned t = 0; t < k->ntensor; t++) {
    x->new_tensor[t] = x->tensor[t] ? (uint16_t)n : UINT16_MAX;
    if (!x->tensor[t]) continue;
    bool temp = k->tensor[t].role == ROLE_TEMP, shared = temp && !group_private(x->gs, x->g, t);
    struct tensor *to = &k->tensor[n++];
    *to = k->tensor[t];
    if (!temp) {
      to->param = x->new_param[to->param];
      to->role = (uint8_t)role_of(x, t);
    } else if (shared) {
      to->role = (uint8_t)role_of(x, t);
      to->param = (uint16_t)kernel_add_param(k, to->name, PARAM_TENSOR, (enum dtype)to->type);
      to = &k->tensor[n - 1];
    }
    if (to->param != UINT16_MAX) {
      k->param[to->param].ref = (uint16_t)(n - 1);
      k->param[to->param].is_const = to->role == ROLE_IN;
    }
  }
  k->ntensor = (uint16_t)n;
}

static expr_t renumber(struct arena *a, expr_t e, void *ctx) {
  struct extract *x = ctx;
  if (e->kind == E_SCALAR) return expr_scalar(a, (enum dtype)e->type, x->new_param[e->id]);
  if (e->kind != E_READ) return e;
  struct access *acc = arena_dup(a, e->acc, sizeof *acc);
  acc->tensor = x->new_tensor[acc->tensor];
  return expr_read(a, (enum dtype)e->type, acc);
}

static expr_t moved(struct extract *x, expr_t e) {
  return e ? expr_map(x->a, e, renumber, x) : NULL;
}

static void keep_eqs(struct extract *x) {
  const struct group *g = &x->gs->g[x->g];
  struct eq *eq = ARENA_NEW(x->a, struct eq, g->neq + 1u);
  for (unsigned i = 0; i < g->neq; i++) {
    struct eq *e = &eq[i];
    *e = x->k->eq[g->eq[i]];
    e->lhs = x->new_tensor[e->lhs];
    e->body = moved(x, e->body);
    e->init = moved(x, e->init);
    e->start = moved(x, e->start);
    e->rescale = moved(x, e->rescale);
    e->running = moved(x, e->running);
    if (e->state != UINT16_MAX) e->state = x->new_tensor[e->state];
  }
  x->k->eq = eq;
  x->k->neq = g->neq;
}

/* Dims whose parameter is gone are no dims any more (nothing uses them). */
static void fix_syms(struct extract *x) {
  for (unsigned i = 0; i < x->k->nsym; i++)
    if (x->k->sym[i].kind == SYM_DIM && !x->dim[i]) x->k->sym[i].kind = SYM_INDEX;
  for (unsigned i = 0; i < x->k->nparam; i++)
    if (x->k->param[i].kind == PARAM_DIM) x->k->sym[x->k->param[i].ref].param = (uint16_t)i;
}

struct groups *group_extract(struct arena *a, const struct groups *gs, unsigned g) {
  const struct kernel *k = gs->k;
  struct extract x = {.a = a,
                      .gs = gs,
                      .g = g,
                      .k = kernel_clone(a, k),
                      .tensor = ARENA_NEW(a, bool, k->ntensor + 1u),
                      .dim = ARENA_NEW(a, bool, k->nsym + 1u),
                      .scalar = ARENA_NEW(a, bool, k->nparam + 1u),
                      .new_tensor = ARENA_NEW(a, uint16_t, k->ntensor + 1u),
                      .new_param = ARENA_NEW(a, uint16_t, k->nparam + 1u)};
  use_all(&x);
  keep_params(&x);
  keep_tensors(&x);
  keep_eqs(&x);
  fix_syms(&x);
  x.k->source = NULL; /* takes parameters that are gone */
  if (gs->n > 1) x.k->name = arena_printf(a, "%s_g%u", k->name, g);
  struct groups *out = ARENA_NEW(a, struct groups, 1);
  out->k = x.k;
  out->n = 1;
  out->g = arena_dup(a, &gs->g[g], sizeof *out->g);
  for (unsigned i = 0; i < out->g->neq; i++) out->g->eq[i] = (uint16_t)i;
  return out;
}
