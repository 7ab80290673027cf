/* Integers that a pointer parameter points to and nobody changes: Fortran's way to pass `n`, `lda`, `incx`, and
   `const int shape[4]`. Such a parameter is seen like a pointer to a structure: each number that is used is a dim that
   is read at entry.

   Which ones: the function does nothing with the pointer but read `*n`, `n[0]` (of a declared size: `shape[2]`), a
   bound, a subscript or a size needs it, and no store of the function can reach it (by the types of what is stored; or
   it is restrict). */
#include "compiler/frontend/c_lower.h"
#include <string.h>

static bool is_number(const struct cx *x, uint16_t arg) {
  return arg < MAX_NUMBERS && (x->numbers >> arg & 1);
}

/* The argument that reads are of, where they may be numbers; else NULL. */
static const struct cand *argument_of(struct cx *x, const struct access *acc, int64_t *ix) {
  int64_t size = 1;
  if (acc->tensor >= x->k->ntensor || acc->rank != 1 || acc->ix[0].dyn || !poly_is_const(acc->ix[0].poly, ix))
    return NULL;
  const struct tensor *t = &x->k->tensor[acc->tensor];
  if (t->param == UINT16_MAX || !type_is_int((enum dtype)t->type) || t->type == DT_bool) return NULL;
  if ((t->extent[0] && !poly_is_const(t->extent[0], &size)) || *ix < 0 || *ix >= size) return NULL;
  for (unsigned i = 0; i < x->ncand; i++)
    if (x->cand[i].how == ORIGIN_SELF && x->cand[i].param == t->param) return &x->cand[i];
  return NULL;
}

static void want(struct cx *x, uint16_t from, int64_t ix) {
  for (unsigned i = 0; i < x->nnumber; i++)
    if (x->number[i].from == from && x->number[i].ix == ix) return;
  if (x->nnumber == MAX_NUMBERS) return;
  x->number[x->nnumber].from = from;
  x->number[x->nnumber++].ix = ix;
}

void c_want_number(struct cx *x, expr_t read) {
  int64_t ix;
  const struct cand *c = x->piece ? NULL : argument_of(x, read->acc, &ix);
  if (c) want(x, c->from, ix);
}

static bool wanted(const struct cx *x, uint16_t from) {
  bool yes = false;
  for (unsigned i = 0; i < x->nnumber; i++) yes |= x->number[i].from == from;
  return yes;
}

/* What the function does with a tensor. */
struct uses {
  struct cx *x;
  unsigned tensor;
  bool stored, other; /* a read of something else than a number at a known place */
  unsigned n;
  int64_t ix[MAX_NUMBERS];
};

static void note_read(expr_t e, void *ctx) {
  struct uses *u = ctx;
  if (e->kind != E_READ || e->acc->tensor != u->tensor) return;
  bool known = u->n < MAX_NUMBERS && argument_of(u->x, e->acc, &u->ix[u->n]) != NULL;
  u->other |= !known;
  u->n += known;
}

static void note_uses(struct uses *u, const struct lstmt *s) {
  if (s->kind == L_STORE && s->acc->tensor == u->tensor) u->stored = true;
  for (unsigned i = 0; s->acc && i < s->acc->rank; i++)
    if (s->acc->ix[i].dyn) expr_visit(s->acc->ix[i].dyn, note_read, u);
  if (s->value) expr_visit(s->value, note_read, u);
  if (s->cond) expr_visit(s->cond, note_read, u);
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) note_uses(u, s->body[i]);
}

/* The argument as numbers in the next walk, if that can be. */
static void take(struct cx *x, uint16_t from, const struct param *p) {
  struct uses u = {.x = x, .tensor = p->ref};
  note_uses(&u, x->f->body);
  if (u.stored || u.other || (!p->is_restrict && c_stores_reach(x, (enum dtype)p->type))) return;
  for (unsigned i = 0; i < u.n; i++) want(x, from, u.ix[i]);
  x->numbers |= UINT64_C(1) << from;
  x->again = true;
}

void c_numbers_find(struct cx *x) {
  for (unsigned i = 0; i < x->ncand && !x->no_numbers; i++) {
    const struct cand *c = &x->cand[i];
    bool may = c->how == ORIGIN_SELF && c->from < MAX_NUMBERS && !is_number(x, c->from) && wanted(x, c->from);
    if (may && x->k->param[c->param].kind == PARAM_TENSOR) take(x, c->from, &x->k->param[c->param]);
  }
}

bool c_number_param(struct cx *x, CXCursor p, const char *name, uint16_t at) {
  enum dtype t;
  CXType type = c_type(x, p);
  if (!is_number(x, at)) return false;
  CXType to =
      x->cl->getCanonicalType(c_is_pointer(type) ? x->cl->getPointeeType(type) : x->cl->getArrayElementType(type));
  if (!c_dtype(x, to, &t)) return false;
  x->opaque[x->nopaque++] = (struct opaque){at, name, c_header_text(x, p, name), 0};
  cvar_add(x, p, name, VAR_RECORD, DT_i32)->value = (struct cval){.kind = CV_RECORD, .arg = at};
  x->arg_name[at] = ""; /* free for a dim: the pointer itself is no parameter */
  for (unsigned i = 0; i < x->nnumber; i++) {
    int64_t ix = x->number[i].ix, lo, hi;
    if (x->number[i].from != at) continue;
    unsigned cand = x->ncand;
    struct cand *c = c_candidate(x, ORIGIN_FIELD, at, ix * (int64_t)type_size(t), t);
    c->decl = p;
    if (c_left_out(x, cand)) continue;
    c_int_range(t, &lo, &hi);
    c_derived_dim(x, c, c_is_pointer(type) ? name : arena_printf(x->a, "%s_%lld", name, (long long)ix), lo, hi);
  }
  return true;
}

bool c_number(struct cx *x, struct cval record, int64_t ix, struct cval *v) {
  if (record.kind != CV_RECORD || record.offset || !is_number(x, record.arg)) return false;
  for (unsigned i = 0; i < x->ncand; i++) {
    struct cand *c = &x->cand[i];
    if (c->how != ORIGIN_FIELD || c->from != record.arg || c->offset != ix * (int64_t)type_size((enum dtype)c->type))
      continue;
    c->used = true;
    *v = c->value;
    return true;
  }
  return false;
}

bool c_numbers_give_up(struct cx *x) {
  bool any = x->numbers != 0;
  x->numbers = 0;
  x->no_numbers = true;
  return any;
}
