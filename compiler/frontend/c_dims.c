/* After the walk: which integer parameters are dims, which locals nobody reads, which tensors are written. */
#include "compiler/frontend/c_lower.h"
#include <string.h>

typedef void visit_fn(struct lstmt *s, void *ctx);

static void each_stmt(struct lstmt *s, visit_fn *fn, void *ctx) {
  if (!s) return;
  fn(s, ctx);
  for (uint32_t i = 0; i < s->nbody; i++) each_stmt(s->body[i], fn, ctx);
}

/* --- dims --- */
struct used {
  const struct kernel *k;
  bool *param;
};

static void poly_uses(struct used *u, poly_t p, bool guard) {
  if (!p) return;
  bool index = false;
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) index |= u->k->sym[p->mono[i].sym[j]].kind == SYM_INDEX;
  if (guard && !index) return; /* a condition on parameters alone: a flag */
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) {
      const struct symbol *s = &u->k->sym[p->mono[i].sym[j]];
      if (s->kind == SYM_DIM) u->param[s->param] = true;
    }
}

/* Numbers in a subscript that is computed: i % n. */
static void computed_uses(expr_t e, void *ctx) {
  if (e->kind == E_POLY) poly_uses(ctx, e->poly, false);
}

static void access_uses(struct used *u, const struct access *acc) {
  for (unsigned i = 0; i < acc->rank; i++) {
    poly_uses(u, acc->ix[i].poly, false);
    if (acc->ix[i].dyn) expr_visit(acc->ix[i].dyn, computed_uses, u);
  }
  for (unsigned i = 0; i < acc->nguard; i++) poly_uses(u, acc->guard[i], true);
}

static void expr_uses(expr_t e, void *ctx) {
  if (e->kind == E_READ) access_uses(ctx, e->acc);
}

static void stmt_uses(struct lstmt *s, void *ctx) {
  for (unsigned i = 0; i < s->nlo; i++) poly_uses(ctx, s->lo[i], false);
  for (unsigned i = 0; i < s->nhi; i++) poly_uses(ctx, s->hi[i], false);
  for (unsigned i = 0; i < s->nguard; i++) poly_uses(ctx, s->guard[i], true);
  if (s->acc) access_uses(ctx, s->acc);
  for (unsigned i = 0; s->acc && i < s->acc->rank; i++)
    if (s->acc->ix[i].dyn) expr_visit(s->acc->ix[i].dyn, expr_uses, ctx);
  if (s->value) expr_visit(s->value, s->kind == L_LET ? computed_uses : expr_uses, ctx);
  if (s->cond) expr_visit(s->cond, expr_uses, ctx);
}

void c_dims_used(const struct lfunc *f, bool *used) {
  struct used u = {f->k, used};
  for (unsigned i = 0; i < f->nobject; i++)
    for (unsigned d = 0; d < f->object[i].rank; d++) poly_uses(&u, f->object[i].extent[d], false);
  each_stmt(f->body, stmt_uses, &u);
}

/* --- symbols that nobody uses --- */
struct syms {
  bool *used;
};

static poly_t mark_poly(struct arena *a, poly_t p, void *ctx) {
  (void)a;
  for (uint32_t i = 0; p && i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) ((struct syms *)ctx)->used[p->mono[i].sym[j]] = true;
  return p;
}

static void mark_polys(struct cx *x, const poly_t *p, unsigned n, struct syms *y) {
  for (unsigned i = 0; i < n; i++) mark_poly(x->a, p[i], y);
}

struct mark {
  struct cx *x;
  struct syms *y;
};

static void mark_stmt(struct lstmt *s, void *ctx) {
  struct mark *m = ctx;
  mark_polys(m->x, s->lo, s->nlo, m->y);
  mark_polys(m->x, s->hi, s->nhi, m->y);
  mark_polys(m->x, s->guard, s->nguard, m->y);
  if (s->cond) expr_map_poly(m->x->a, s->cond, mark_poly, m->y);
  if (s->value) expr_map_poly(m->x->a, s->value, mark_poly, m->y);
  if (s->acc) expr_map_poly(m->x->a, expr_read(m->x->a, DT_f32, s->acc), mark_poly, m->y);
}

static void drop_let(struct lstmt *s, void *ctx) {
  struct syms *y = ctx;
  if (s->kind == L_LET && !y->used[s->sym]) {
    s->kind = L_BLOCK;
    s->value = NULL;
  }
}

struct resym {
  struct cx *x;
  unsigned n;
  sym_t *map;
};

static poly_t resym_poly(struct arena *a, poly_t p, void *ctx) {
  struct resym *r = ctx;
  return p ? poly_rename(a, p, r->map, r->n) : NULL;
}

static void resym_polys(struct resym *r, poly_t *p, unsigned n) {
  for (unsigned i = 0; i < n; i++) p[i] = resym_poly(r->x->a, p[i], r);
}

static void resym_stmt(struct lstmt *s, void *ctx) {
  struct resym *r = ctx;
  struct arena *a = r->x->a;
  if (s->kind == L_FOR || s->kind == L_LET) s->sym = r->map[s->sym];
  s->lo = arena_dup(a, s->lo, sizeof *s->lo * s->nlo); /* lists may be shared */
  s->hi = arena_dup(a, s->hi, sizeof *s->hi * s->nhi);
  s->guard = arena_dup(a, s->guard, sizeof *s->guard * s->nguard);
  resym_polys(r, s->lo, s->nlo);
  resym_polys(r, s->hi, s->nhi);
  resym_polys(r, s->guard, s->nguard);
  if (s->cond) s->cond = expr_map_poly(a, s->cond, resym_poly, r);
  if (s->value) s->value = expr_map_poly(a, s->value, resym_poly, r);
  if (s->acc) s->acc = expr_map_poly(a, expr_read(a, DT_f32, s->acc), resym_poly, r)->acc;
}

static void keep_bound(struct lstmt *s, void *ctx) {
  if (s->kind == L_FOR || s->kind == L_LET) ((struct syms *)ctx)->used[s->sym] = true;
}

/* Without symbols that are neither dims nor bound anywhere. */
static void drop_syms(struct cx *x, struct syms *y) {
  struct resym r = {x, x->k->nsym, ARENA_NEW(x->a, sym_t, x->k->nsym + 1u)};
  unsigned n = 0;
  memset(y->used, 0, x->k->nsym);
  each_stmt(x->f->body, keep_bound, y);
  for (unsigned i = 0; i < r.n; i++) {
    if (x->k->sym[i].kind == SYM_INDEX && !y->used[i]) continue;
    r.map[i] = (sym_t)n;
    x->k->sym[n] = x->k->sym[i];
    x->symbase[n++] = x->symbase[i];
  }
  if (n == r.n) return;
  x->k->nsym = (uint16_t)n;
  each_stmt(x->f->body, resym_stmt, &r);
  for (unsigned i = 0; i < x->f->nobject; i++) resym_polys(&r, x->f->object[i].extent, x->f->object[i].rank);
}

void c_drop_dead_lets(struct cx *x) {
  struct syms y = {ARENA_NEW(x->a, bool, x->k->nsym + 1u)};
  each_stmt(x->f->body, mark_stmt, &(struct mark){x, &y});
  for (unsigned i = 0; i < x->f->nobject; i++)
    for (unsigned d = 0; d < x->f->object[i].rank; d++) {
      mark_poly(x->a, x->f->object[i].extent[d], &y);
    }
  each_stmt(x->f->body, drop_let, &y);
  drop_syms(x, &y);
}

/* --- locals that nobody reads: counters that became symbols, temporaries that became polynomials --- */
struct reads {
  bool *local;
};

static void expr_reads_local(expr_t e, void *ctx) {
  if (e->kind == E_LOCAL) ((struct reads *)ctx)->local[e->id] = true;
}

static void stmt_reads(struct lstmt *s, void *ctx) {
  for (unsigned i = 0; s->acc && i < s->acc->rank; i++)
    if (s->acc->ix[i].dyn) expr_visit(s->acc->ix[i].dyn, expr_reads_local, ctx);
  if (s->value) expr_visit(s->value, expr_reads_local, ctx);
  if (s->cond) expr_visit(s->cond, expr_reads_local, ctx);
}

/* The tree without assignments to locals that are not read, and without ifs that do nothing then. Sets *n to how many
 * went. */
static struct lstmt *prune(struct cx *x, struct lstmt *s, const bool *read, unsigned *n) {
  if (s->kind == L_SET && !read[s->id]) {
    ++*n;
    return loop_block(x->a, 0, NULL);
  }
  uint32_t m = 0;
  for (uint32_t i = 0; i < s->nbody; i++) {
    struct lstmt *b = s->body[i] ? prune(x, s->body[i], read, n) : NULL;
    if (s->kind == L_BLOCK && b->kind == L_BLOCK && !b->nbody) continue;
    s->body[m++] = b;
  }
  if (s->kind == L_BLOCK) s->nbody = m;
  return s;
}

static bool empty(const struct lstmt *s) {
  return !s || (s->kind == L_BLOCK && !s->nbody);
}

/* A block's statements, those of blocks inside it among them. */
static uint32_t flat(struct lstmt **out, const struct lstmt *s) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < s->nbody; i++) {
    struct lstmt *b = s->body[i];
    if (b->kind == L_BLOCK)
      n += flat(out ? out + n : NULL, b);
    else if (out)
      out[n++] = b;
    else
      n++;
  }
  return n;
}

/* Without ifs and counted loops around nothing, and without blocks in blocks. */
static struct lstmt *sweep(struct cx *x, struct lstmt *s) {
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) s->body[i] = sweep(x, s->body[i]);
  if (s->kind == L_BLOCK) {
    uint32_t n = flat(NULL, s);
    struct lstmt **all = ARENA_NEW(x->a, struct lstmt *, n + 1);
    flat(all, s);
    return n == 1 ? all[0] : loop_block(x->a, n, all);
  }
  if (s->kind == L_IF && s->nbody == 2 && empty(s->body[1])) s->nbody = 1;
  bool nothing = (s->kind == L_IF && s->nbody == 1 && empty(s->body[0])) || (s->kind == L_FOR && empty(s->body[0]));
  return nothing ? loop_block(x->a, 0, NULL) : s;
}

struct renumber {
  struct cx *x;
  const uint16_t *map;
};

static expr_t renumber_local(struct arena *a, expr_t e, void *ctx) {
  if (e->kind != E_LOCAL) return e;
  struct expr *n = arena_dup(a, e, sizeof *e);
  n->id = ((struct renumber *)ctx)->map[e->id];
  return n;
}

static expr_t renumbered(struct renumber *r, expr_t e) {
  return e ? expr_map(r->x->a, e, renumber_local, r) : NULL;
}

static void renumber(struct lstmt *s, void *ctx) {
  struct renumber *r = ctx;
  if (s->kind == L_SET) s->id = r->map[s->id];
  s->value = renumbered(r, s->value);
  s->cond = renumbered(r, s->cond);
  for (unsigned i = 0; s->acc && i < s->acc->rank; i++) s->acc->ix[i].dyn = renumbered(r, s->acc->ix[i].dyn);
}

/* name, name_1, … among everything in f that stands before local n; locals are named last. */
static void rename_locals(struct cx *x, const char *const *base, unsigned first) {
  unsigned n = x->f->nlocal;
  for (unsigned i = first; i < n; i++) {
    x->f->nlocal = (uint16_t)i;
    x->f->local[i].name = c_unique(x, base[i]);
  }
  x->f->nlocal = (uint16_t)n;
}

void c_drop_dead_locals(struct cx *x) {
  struct lfunc *f = x->f;
  bool *read = ARENA_NEW(x->a, bool, f->nlocal + 1);
  unsigned gone = 1;
  while (gone) {
    gone = 0;
    memset(read, 0, f->nlocal);
    each_stmt(f->body, stmt_reads, &(struct reads){read});
    f->body = prune(x, f->body, read, &gone);
  }
  f->body = sweep(x, f->body);
  uint16_t *map = ARENA_NEW(x->a, uint16_t, f->nlocal + 1), n = 0;
  for (unsigned i = 0; i < f->nlocal; i++) {
    if (!read[i]) continue;
    map[i] = n;
    f->local[n] = f->local[i];
    x->base[n++] = x->base[i];
  }
  f->nlocal = n;
  each_stmt(f->body, renumber, &(struct renumber){x, map});
  for (unsigned i = 0; i < f->nlocal; i++) f->local[i].name = "";
  for (unsigned i = 0; i < x->k->nsym; i++) {
    if (x->k->sym[i].kind != SYM_INDEX) continue;
    const char *base = x->symbase[i];
    x->k->sym[i].name = "";
    x->k->sym[i].name = c_unique(x, base);
  }
  rename_locals(x, x->base, 0);
}

/* --- roles --- */
static void stmt_writes(struct lstmt *s, void *ctx) {
  bool *w = ctx;
  if (s->kind == L_STORE) w[s->acc->tensor] = true;
}

void c_roles(struct cx *x) {
  bool *w = ARENA_NEW(x->a, bool, x->f->nobject + 1);
  each_stmt(x->f->body, stmt_writes, w);
  for (unsigned i = 0; i < x->k->ntensor; i++) x->k->tensor[i].role = w[i] ? ROLE_INOUT : ROLE_IN;
}
