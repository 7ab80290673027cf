/* Constructors of the LOOP level. */
#include "ir/loop.h"
#include <string.h>

static void *one_more(struct arena *a, const void *old, uint16_t *n, size_t size) {
  if (*n == UINT16_MAX - 1) oom_raise();
  char *p = arena_alloc(a, size * (*n + 1u));
  if (*n) memcpy(p, old, size * *n);
  ++*n;
  return p;
}

/* Objects 0 … ntensor-1 of a function are its kernel's tensors. */
static void add_tensors(struct lfunc *f) {
  const struct kernel *k = f->k;
  f->nobject = k->ntensor;
  f->object = ARENA_NEW(f->arena, struct object, k->ntensor);
  for (unsigned i = 0; i < k->ntensor; i++) {
    const struct tensor *t = &k->tensor[i];
    f->object[i] = (struct object){t->name,
                                   t->type,
                                   t->role == ROLE_TEMP ? SCOPE_HEAP : SCOPE_ARG,
                                   t->rank,
                                   arena_dup(f->arena, t->extent, sizeof(poly_t) * t->rank),
                                   NULL,
                                   0,
                                   false,
                                   0,
                                   0};
    if (t->stride) f->object[i].stride = arena_dup(f->arena, t->stride, sizeof(poly_t) * t->rank);
  }
}

struct lfunc *lfunc_new(struct arena *a, const struct kernel *k, const char *name) {
  struct lfunc *f = ARENA_NEW(a, struct lfunc, 1);
  struct kernel signature = *k;
  signature.neq = 0;
  signature.eq = NULL;
  f->arena = a;
  f->name = arena_strdup(a, name);
  f->k = kernel_clone(a, &signature);
  f->body = loop_block(a, 0, NULL);
  add_tensors(f);
  return f;
}

unsigned lfunc_nargs(const struct lfunc *f) {
  unsigned n = f->nopaque;
  for (unsigned i = 0; i < f->k->nparam; i++) n += !f->origin || f->origin[i].how == ORIGIN_SELF;
  return n;
}

static bool taken(const struct lfunc *f, const char *name) {
  const struct kernel *k = f->k;
  for (unsigned i = 0; i < k->nsym; i++)
    if (!strcmp(k->sym[i].name, name)) return true;
  for (unsigned i = 0; i < k->nparam; i++)
    if (!strcmp(k->param[i].name, name)) return true;
  for (unsigned i = 0; i < f->nobject; i++)
    if (!strcmp(f->object[i].name, name)) return true;
  for (unsigned i = 0; i < f->nlocal; i++)
    if (!strcmp(f->local[i].name, name)) return true;
  return false;
}

/* name, name_1, name_2 …: the first that nothing in f has. */
static const char *unique(struct lfunc *f, const char *name) {
  const char *u = name;
  for (unsigned i = 1; taken(f, u); i++) u = arena_printf(f->arena, "%s_%u", name, i);
  return arena_strdup(f->arena, u);
}

unsigned lfunc_add_object(struct lfunc *f, const char *name, enum dtype t, enum scope s, unsigned rank,
                          const poly_t *extent) {
  const char *u = unique(f, name);
  f->object = one_more(f->arena, f->object, &f->nobject, sizeof *f->object);
  struct object *o = &f->object[f->nobject - 1];
  *o = (struct object){u, (uint8_t)t, (uint8_t)s, (uint8_t)rank, NULL, NULL, 0, false, 0, 0};
  o->extent = arena_dup(f->arena, extent, sizeof(poly_t) * rank);
  return f->nobject - 1u;
}

unsigned lfunc_add_local(struct lfunc *f, const char *name, enum dtype t) {
  const char *u = unique(f, name);
  f->local = one_more(f->arena, f->local, &f->nlocal, sizeof *f->local);
  f->local[f->nlocal - 1] = (struct local){u, (uint8_t)t};
  return f->nlocal - 1u;
}

/* f->k is const for readers; the function owns its copy. */
sym_t lfunc_add_sym(struct lfunc *f, const char *name) {
  return kernel_add_sym((struct kernel *)f->k, unique(f, name), SYM_INDEX);
}

static struct lstmt *stmt(struct arena *a, enum lkind kind, unsigned nbody) {
  struct lstmt *s = ARENA_NEW(a, struct lstmt, 1);
  s->kind = (uint8_t)kind;
  s->nbody = nbody;
  s->sym = SYM_NONE;
  s->step = 1;
  if (nbody) s->body = ARENA_NEW(a, struct lstmt *, nbody);
  return s;
}

struct lstmt *loop_block(struct arena *a, unsigned n, struct lstmt **body) {
  struct lstmt *s = stmt(a, L_BLOCK, n);
  if (n) memcpy(s->body, body, sizeof *body * n);
  return s;
}

struct lstmt *loop_for(struct arena *a, enum fkind fk, sym_t sym, poly_t lo, poly_t hi, int64_t step,
                       struct lstmt *body) {
  struct lstmt *s = stmt(a, L_FOR, 1);
  s->fkind = (uint8_t)fk;
  s->sym = sym;
  s->nlo = s->nhi = 1;
  s->lo = arena_dup(a, &lo, sizeof lo);
  s->hi = arena_dup(a, &hi, sizeof hi);
  s->step = step;
  s->body[0] = body;
  return s;
}

struct lstmt *loop_store(struct arena *a, const struct access *acc, enum red red, expr_t value) {
  struct lstmt *s = stmt(a, L_STORE, 0);
  s->acc = acc;
  s->red = (uint8_t)red;
  s->value = value;
  return s;
}

struct lstmt *loop_set(struct arena *a, unsigned local, expr_t value) {
  struct lstmt *s = stmt(a, L_SET, 0);
  s->id = (uint16_t)local;
  s->value = value;
  return s;
}

struct lstmt *loop_if(struct arena *a, unsigned nguard, const poly_t *guard, expr_t cond, struct lstmt *then,
                      struct lstmt *els) {
  struct lstmt *s = stmt(a, L_IF, els ? 2 : 1);
  s->nguard = (uint8_t)nguard;
  s->guard = arena_dup(a, guard, sizeof *guard * nguard);
  s->cond = cond;
  s->body[0] = then;
  if (els) s->body[1] = els;
  return s;
}

struct lstmt *loop_alloc(struct arena *a, unsigned object, struct lstmt *body) {
  struct lstmt *s = stmt(a, L_ALLOC, 1);
  s->id = (uint16_t)object;
  s->body[0] = body;
  return s;
}

/* --- appending --- */

struct uses {
  unsigned local;
  bool found;
};

static void find_local(expr_t e, void *ctx) {
  struct uses *u = ctx;
  u->found |= e->kind == E_LOCAL && e->id == u->local;
}

static bool uses_local(expr_t e, unsigned local) {
  struct uses u = {.local = local};
  expr_visit(e, find_local, &u);
  return u.found;
}

static bool is_number(expr_t e) {
  int64_t c;
  return e->kind == E_CONST || (e->kind == E_POLY && poly_is_const(e->poly, &c));
}

/* i64(k) + c, or k where that is 8 bytes wide */
static bool is_place(const struct access *x, unsigned k) {
  int64_t c;
  if (x->rank != 1 || x->nguard || !x->ix[0].dyn || (x->ix[0].poly && !poly_is_const(x->ix[0].poly, &c))) return false;
  expr_t e = x->ix[0].dyn;
  if (e->kind == E_OP && e->op == OP_add && is_number(e->kid[0])) e = e->kid[1];
  if (e->kind == E_OP && e->op == OP_add && is_number(e->kid[1])) e = e->kid[0];
  if (e->kind == E_CAST && e->type == DT_i64) e = e->kid[0];
  return e->kind == E_LOCAL && e->id == k;
}

/* The local that counts in a block that appends; -1: it is none. */
static int counter_of(const struct lstmt *s) {
  if (!s || s->kind != L_BLOCK || s->nbody < 2) return -1;
  const struct lstmt *last = s->body[s->nbody - 1];
  if (!last || last->kind != L_SET || last->value->kind != E_OP || last->value->op != OP_add) return -1;
  expr_t k = last->value->kid[0], one = last->value->kid[1];
  enum dtype t = (enum dtype)k->type;
  bool counts = k->kind == E_LOCAL && k->id == last->id && one->kind == E_CONST && one->val.i == 1 && type_is_int(t) &&
                type_size(t) >= 4;
  for (uint32_t i = 0; counts && i + 1 < s->nbody; i++) {
    const struct lstmt *x = s->body[i];
    counts =
        x && x->kind == L_STORE && x->red == RED_none && is_place(x->acc, last->id) && !uses_local(x->value, last->id);
    for (uint32_t j = 0; counts && j < i; j++) counts = s->body[j]->acc->tensor != x->acc->tensor;
  }
  return counts ? last->id : -1;
}

bool loop_appends(const struct lstmt *s) {
  if (s->kind != L_IF || s->nguard || s->apart || !s->cond || !s->nbody) return false;
  const struct lstmt *a = s->body[0], *b = s->nbody > 1 ? s->body[1] : NULL;
  int k = counter_of(a), other = b ? counter_of(b) : -2;
  if (k < 0 || other == -1 || other == k || uses_local(s->cond, (unsigned)k)) return false;
  if (!b) return true;
  if (uses_local(s->cond, (unsigned)other)) return false;
  for (uint32_t i = 0; i + 1 < a->nbody; i++)
    for (uint32_t j = 0; j + 1 < b->nbody; j++)
      if (a->body[i]->acc->tensor == b->body[j]->acc->tensor || uses_local(a->body[i]->value, (unsigned)other) ||
          uses_local(b->body[j]->value, (unsigned)k))
        return false;
  return true;
}

const struct lstmt *loop_joined(const struct lstmt *s) {
  const struct lstmt *t = s->body[0];
  while (t && t->kind == L_BLOCK && t->nbody == 1) t = t->body[0];
  if (!t || t->kind != L_FOR || t->fkind != F_PARALLEL || s->once || t->once) return NULL;
  for (unsigned i = 0; i < t->nlo; i++)
    if (poly_has(t->lo[i], s->sym)) return NULL;
  for (unsigned i = 0; i < t->nhi; i++)
    if (poly_has(t->hi[i], s->sym)) return NULL;
  return t;
}

bool object_stage_bytes(const struct object *o, int64_t *bytes) {
  enum { APART = 128 };
  int64_t n = 1, e, st, part;
  for (unsigned d = 0; d < o->rank; d++) {
    if (!poly_is_const(o->extent[d], &e) || e < 0) return false;
    if (!o->stride) {
      if (__builtin_mul_overflow(n, e, &n)) return false;
    } else if (!poly_is_const(o->stride[d], &st) || __builtin_mul_overflow(e ? e - 1 : 0, st, &part) ||
               __builtin_add_overflow(n, part, &n)) {
      return false;
    }
  }
  if (__builtin_mul_overflow(n, (int64_t)type_size((enum dtype)o->type), &n) || n > INT64_MAX / OBJECT_STAGES - APART)
    return false;
  *bytes = (n + APART - 1) / APART * APART;
  return true;
}
