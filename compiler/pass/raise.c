/* Raising: entry, and the small nouns (objects, items) that its parts share. See raise.h. */
#include "ir/tensor_infer.h"
#include "compiler/pass/raise.h"
#include "compiler/pass/raise_impl.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Noreturn void raise_no(struct raise *r, struct loc at, const char *fmt, ...) {
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  r->a = r->main;
  r->why = arena_strdup(r->a, text);
  r->why_loc = at.line ? at : r->at;
  longjmp(r->jmp, 1);
}

sym_t raise_sym(struct raise *r) {
  if (r->nsym >= SYM_NONE - 1) raise_no(r, r->at, "the function is too large");
  return (sym_t)r->nsym++;
}

const char *raise_sym_name(const struct raise *r, sym_t s) {
  return s < r->f->k->nsym ? r->f->k->sym[s].name : "i";
}

unsigned raise_obj(struct raise *r, const char *name, enum dtype t, enum objkind k) {
  if (r->nobj >= 4096) raise_no(r, r->at, "the function is too large");
  if (r->nobj == r->capobj) {
    struct obj *old = r->obj;
    r->capobj = r->capobj ? 2 * r->capobj : 64;
    r->obj = ARENA_NEW(r->a, struct obj, r->capobj);
    if (old) memcpy(r->obj, old, sizeof *old * r->nobj);
  }
  r->obj[r->nobj] = (struct obj){.name = name, .type = (uint8_t)t, .kind = (uint8_t)k, .loc = r->at};
  return r->nobj++;
}

struct item *items_add(struct raise *r, struct items *l, struct item *it) {
  if (++r->nitems > 20 * RAISE_ITEMS || l->n >= RAISE_ITEMS) raise_no(r, r->at, "the function is too large");
  if (l->n == l->cap) {
    struct item **old = l->v;
    l->cap = l->cap ? 2 * l->cap : 8;
    l->v = ARENA_NEW(r->a, struct item *, l->cap);
    if (old) memcpy(l->v, old, sizeof *old * l->n);
  }
  return l->v[l->n++] = it;
}

void items_remove(struct items *l, unsigned at) {
  memmove(&l->v[at], &l->v[at + 1], sizeof *l->v * (l->n - at - 1));
  l->n--;
}

expr_t raise_read(struct raise *r, unsigned obj, unsigned rank, const poly_t *idx) {
  return expr_read(r->a, (enum dtype)r->obj[obj].type, access_new(r->a, obj, rank, idx));
}

expr_t item_self(struct raise *r, const struct item *it) {
  return raise_read(r, it->lhs, it->rank, it->idx);
}

bool item_is_red(const struct item *it) {
  for (unsigned i = 0; i < it->nax; i++)
    if (it->ax[i].red) return true;
  return false;
}

static void count_use(expr_t x, void *ctx) {
  struct raise *r = ctx;
  if (x->kind == E_LOCAL) r->uses[x->id]++;
}

void raise_objects(struct raise *r) {
  for (unsigned i = 0; i < r->f->nobject; i++) {
    const struct object *o = &r->f->object[i];
    unsigned n = raise_obj(r, o->name, (enum dtype)o->type, i < r->f->k->ntensor ? OBJ_PARAM : OBJ_LOCAL);
    struct obj *b = &r->obj[n];
    if (i < r->f->k->ntensor) b->loc = r->f->k->tensor[i].loc;
    b->rank = o->rank;
    b->extent = arena_dup(r->a, o->extent, sizeof *o->extent * o->rank);
    if (o->stride) b->stride = arena_dup(r->a, o->stride, sizeof *o->stride * o->rank);
  }
}

static struct kernel *raise(struct raise *r) {
  r->nsym = r->f->k->nsym;
  r->fuel = RAISE_FUEL;
  raise_reroll(r);
  if (r->unroll) {
    struct lfunc *f = arena_dup(r->a, r->f, sizeof *f);
    bool any = false;
    f->body = raise_unroll(r, r->f->body, &any);
    r->f = f;
    if (!any) raise_no(r, r->at, "there are no short loops");
  }
  if (!r->whole) raise_sections(r);
  raise_lets(r);
  raise_argidx(r);
  r->env = ARENA_NEW(r->a, expr_t, r->f->nlocal + 1);
  r->lost = ARENA_NEW(r->a, bool, r->f->nlocal + 1);
  r->uses = ARENA_NEW(r->a, unsigned, r->f->nlocal + 1);
  raise_objects(r);
  tree_visit(r->f->body, NULL, count_use, r);
  struct lstmt *body = raise_strides(r, r->f->body);
  struct items top = {0};
  r->out = &top;
  raise_walk(r, body);
  memset(r->env, 0, sizeof *r->env * r->f->nlocal);
  raise_drop_arrays(r, &top);
  raise_clean(r, &top);
  for (unsigned i = 0; i < top.n; i++) raise_cond_store(r, &top, i);
  raise_versions(r, &top);
  raise_clean(r, &top);
  raise_finish(r, &top);
  raise_shrink(r, &top);
  for (unsigned i = 0; i < top.n; i++) raise_protect(r, &top, i);
  for (unsigned i = 0; i < top.n; i++) raise_bounds(r, top.v[i]);
  if (!top.n) raise_no(r, r->f->k->loc, "it stores nothing");
  return raise_emit(r, &top);
}

struct affine {
  const struct kernel *k;
  bool ok;
};

static void affine_poly(struct affine *x, poly_t p) {
  if (p && !poly_is_affine(x->k, p)) x->ok = false;
}

static void affine_read(expr_t e, void *ctx) {
  struct affine *x = ctx;
  if (e->kind != E_READ) return;
  for (unsigned d = 0; d < e->acc->rank; d++) affine_poly(x, e->acc->ix[d].poly);
  for (unsigned g = 0; g < e->acc->nguard; g++) affine_poly(x, e->acc->guard[g]);
}

/* Indices that are computed once can multiply each other where they are used: p * r as a subscript. */
static bool all_affine(const struct kernel *k) {
  struct affine x = {k, true};
  for (unsigned i = 0; i < k->neq; i++) {
    const struct eq *e = &k->eq[i];
    for (unsigned d = 0; d < k->tensor[e->lhs].rank; d++) affine_poly(&x, e->lhs_idx[d]);
    for (unsigned g = 0; g < e->nguard; g++) affine_poly(&x, e->guard[g]);
    for (unsigned a = 0; a < e->nax; a++) affine_poly(&x, e->axis[a].lo), affine_poly(&x, e->axis[a].hi);
    if (e->body) expr_visit(e->body, affine_read, &x);
    if (e->init) expr_visit(e->init, affine_read, &x);
  }
  return x.ok;
}

static enum status attempt(struct raise *r, struct kernel **out) {
  if (setjmp(r->jmp)) return ST_INFEASIBLE;
  *out = raise(r);
  if (!all_affine(*out)) raise_no(r, r->f->k->loc, "a subscript or a condition multiplies indices with each other");
  return ST_OK;
}

/* As it was, before an attempt. */
static void again(struct raise *r, const struct raise *first, bool unroll, bool whole) {
  arena_reset(r->proofs);
  arena_reset(r->tests);
  *r = *first;
  r->unroll = unroll;
  r->whole = whole;
}

/* By sections, then as it is; both then with short loops written out. Why not is told of it as it is. */
static enum status guarded(struct raise *r, struct kernel **out) {
  struct raise first = *r;
  const char *why = NULL;
  struct loc at = {0};
  for (unsigned unroll = 0; unroll < 2; unroll++) {
    again(r, &first, unroll, false);
    if (attempt(r, out) == ST_OK) return ST_OK;
    if (r->cut) {
      again(r, &first, unroll, true);
      if (attempt(r, out) == ST_OK) return ST_OK;
    }
    if (!unroll) why = r->why, at = r->why_loc;
  }
  r->why = why;
  r->why_loc = at;
  return ST_INFEASIBLE;
}

enum status pass_raise(struct arena *a, const struct source *s, struct kernel **out, struct diag *d, const char **why,
                       struct loc *why_loc) {
  (void)d;
  struct raise *r = ARENA_NEW(a, struct raise, 1);
  struct oom_guard g;
  enum status st = ST_NOMEM;
  *out = NULL;
  r->a = r->main = a;
  r->f = s->f;
  r->strict = s->strict;
  r->at = s->f->k->loc;
  for (unsigned i = 0; i < s->ngiven; i++) r->assume[r->nassume++] = s->given[i];
  if (OOM_TRY(&g)) {
    r->proofs = arena_new();
    r->tests = arena_new();
    st = guarded(r, out);
    oom_leave(&g);
  }
  arena_free(r->proofs);
  arena_free(r->tests);
  if (st == ST_NOMEM) oom_raise();
  *why = r->why;
  *why_loc = r->why_loc;
  return st;
}
