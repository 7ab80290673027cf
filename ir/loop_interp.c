/* Runs LOOP and SOURCE exactly as written: serially, in the types written, on real memory.
   Iterations of a parallel loop (and of one right inside it, which threads share out together) must not touch each
   other's elements: who wrote and who read an element last is kept, and a conflict is an error.
   Dims are replaced by their values once at the start, so that what is left to evaluate per iteration is short. Every
   access is checked: those to arguments against the span of the declared tensor, those to buffers in each dimension.
   Fresh buffers and locals hold poison (NaN, 0xa5…). */
#include "ir/interp.h"
#include <stdlib.h>
#include <string.h>

struct mem {
  unsigned char *p;
  size_t cap;                /* bytes owned; 0: an argument */
  int64_t span;              /* elements; -1: unknown, not checked */
  int64_t *extent;           /* [rank] buffers */
  int64_t *stride;           /* [rank] */
  poly_t *extents, *strides; /* buffers: what those are at each L_ALLOC; strides NULL: dense */
  uint8_t type, size;
  bool live;
  uint64_t born;          /* buffers: iteration of a parallel loop that allocated it; 0: outside of any */
  uint64_t *wrote, *seen; /* [traced] iteration that touched an element last */
  int64_t traced;
};
struct interp {
  const struct lfunc *f;
  const struct args *args;
  struct diag *d;
  struct arena *arena;
  struct mem *mem;
  union value *local;
  int64_t *sym;
  uint64_t ops, max_ops;
  uint64_t iteration, region,
      turn;    /* counted over all parallel loops; at the start of the one that runs, 0: none; now */
  bool joined; /* the parallel loop that comes next shares its iterations out, too */
  enum status st;
};
static union value eval(struct interp *it, expr_t x);
static void run(struct interp *it, const struct lstmt *s);

static const struct loc nowhere;

#define FAIL(it, ...)                                                                                                  \
  do {                                                                                                                 \
    if ((it)->st == ST_OK && (it)->d) diag_error((it)->d, nowhere, __VA_ARGS__);                                       \
    if ((it)->st == ST_OK) (it)->st = ST_REFUSED;                                                                      \
  } while (0)

/* ---- before the run: dims become numbers ---- */

static poly_t bind_poly(struct arena *a, poly_t p, void *ctx) {
  const struct interp *it = ctx;
  const struct kernel *k = it->f->k;
  poly_t r = poly_const(a, 0);
  if (p->overflow) return p;
  for (uint32_t i = 0; i < p->n; i++) {
    poly_t term = poly_const(a, p->mono[i].coef);
    for (unsigned j = 0; j < p->mono[i].n; j++) {
      const struct symbol *s = &k->sym[p->mono[i].sym[j]];
      term = s->kind == SYM_DIM ? poly_scale(a, term, it->args->dim[s->param])
                                : poly_mul(a, term, poly_sym(a, p->mono[i].sym[j]));
    }
    r = poly_add(a, r, term);
  }
  return r;
}

static poly_t *bind_polys(struct interp *it, const poly_t *p, unsigned n) {
  poly_t *r = ARENA_NEW(it->arena, poly_t, n);
  for (unsigned i = 0; i < n; i++) r[i] = p[i] ? bind_poly(it->arena, p[i], it) : NULL;
  return r;
}

static expr_t bind_expr(struct interp *it, expr_t x) {
  return x ? expr_map_poly(it->arena, x, bind_poly, it) : NULL;
}

static struct lstmt *bind_stmt(struct interp *it, const struct lstmt *s) {
  struct lstmt *n = arena_dup(it->arena, s, sizeof *s);
  if (s->kind == L_FOR) n->lo = bind_polys(it, s->lo, s->nlo);
  if (s->nhi) n->hi = bind_polys(it, s->hi, s->nhi);
  if (s->nfrom) n->from = bind_polys(it, s->from, s->nfrom);
  if (s->kind == L_IF) n->guard = bind_polys(it, s->guard, s->nguard);
  if (s->acc) n->acc = bind_expr(it, expr_read(it->arena, DT_f32, s->acc))->acc;
  n->cond = bind_expr(it, s->cond);
  n->value = bind_expr(it, s->value);
  if (s->nbody) n->body = ARENA_NEW(it->arena, struct lstmt *, s->nbody);
  for (uint32_t i = 0; i < s->nbody; i++) n->body[i] = s->body[i] ? bind_stmt(it, s->body[i]) : NULL;
  return n;
}

/* ---- values ---- */

static bool overflow(struct interp *it) {
  FAIL(it, "%s: integer overflow in a subscript or bound", it->f->name);
  return false;
}

static int64_t value_of(struct interp *it, poly_t p) {
  int64_t sum = 0;
  bool bad = p->overflow;
  for (uint32_t i = 0; i < p->n; i++) {
    const struct mono *m = &p->mono[i];
    int64_t v = m->coef;
    for (unsigned j = 0; j < m->n; j++) bad |= __builtin_mul_overflow(v, it->sym[m->sym[j]], &v);
    bad |= __builtin_add_overflow(sum, v, &sum);
  }
  if (bad) overflow(it);
  return sum;
}

static bool hold(struct interp *it, const poly_t *guard, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    if (value_of(it, guard[i]) < 0) return false;
  return true;
}

static unsigned char *outside(struct interp *it, const struct object *o, const char *what, int64_t at, int64_t n) {
  FAIL(it, "%s: %s of %s at %lld, outside its %lld elements", it->f->name, what, o->name, (long long)at, (long long)n);
  return NULL;
}

/* Two iterations of one parallel loop may read the same element, no more. */
static void trace(struct interp *it, const struct object *o, struct mem *m, int64_t at, bool store) {
  if (!it->region || m->born || m->span <= 0) return;
  if (m->traced < m->span) {
    m->wrote = xrealloc(m->wrote, (size_t)m->span * sizeof *m->wrote);
    m->seen = xrealloc(m->seen, (size_t)m->span * sizeof *m->seen);
    memset(m->wrote + m->traced, 0, (size_t)(m->span - m->traced) * sizeof *m->wrote);
    memset(m->seen + m->traced, 0, (size_t)(m->span - m->traced) * sizeof *m->seen);
    m->traced = m->span;
  }
  bool race = m->wrote[at] > it->region && m->wrote[at] != it->turn;
  if (store) race |= m->seen[at] > it->region && m->seen[at] != it->turn;
  if (race)
    FAIL(it, "%s: iterations of a parallel loop meet in element %lld of %s", it->f->name, (long long)at, o->name);
  (store ? m->wrote : m->seen)[at] = it->turn;
}

/* Address of an element; NULL after an error. */
static unsigned char *address(struct interp *it, const struct access *acc, const char *what) {
  const struct object *o = &it->f->object[acc->tensor];
  struct mem *m = &it->mem[acc->tensor];
  int64_t off = 0;
  if (!m->live) {
    FAIL(it, "%s: %s of %s where it does not live", it->f->name, what, o->name);
    return NULL;
  }
  for (unsigned i = 0; i < acc->rank; i++) {
    int64_t v = value_of(it, acc->ix[i].poly), part;
    if (acc->ix[i].dyn && __builtin_add_overflow(v, eval(it, acc->ix[i].dyn).i, &v)) overflow(it);
    if (m->extent && (v < 0 || v >= m->extent[i])) return outside(it, o, what, v, m->extent[i]);
    if (__builtin_mul_overflow(v, m->stride[i], &part) || __builtin_add_overflow(off, part, &off)) overflow(it);
  }
  if (m->span >= 0 && (off < 0 || off >= m->span)) return outside(it, o, what, off, m->span);
  if (it->st == ST_OK) trace(it, o, m, off, *what == 's');
  return it->st == ST_OK ? m->p + off * m->size : NULL;
}

static union value read(struct interp *it, const struct access *acc) {
  if (!hold(it, acc->guard, acc->nguard)) return eval(it, acc->otherwise);
  unsigned char *p = address(it, acc, "read");
  return p ? type_load((enum dtype)it->mem[acc->tensor].type, p) : (union value){0};
}

static union value scalar(struct interp *it, expr_t x) {
  const struct param *p = &it->f->k->param[x->id];
  if (p->kind == PARAM_DIM) return type_convert((enum dtype)x->type, DT_i64, (union value){.i = it->args->dim[x->id]});
  return it->args->scalar[x->id];
}

static union value eval_op(struct interp *it, expr_t x) {
  union value v[3] = {eval(it, x->kid[0])};
  if (x->op == OP_select) return eval(it, v[0].u ? x->kid[1] : x->kid[2]);
  for (unsigned i = 1; i < x->nkid; i++) v[i] = eval(it, x->kid[i]);
  if (x->type == DT_f32) { /* the bulk of all work */
    if (x->op == OP_add) return (union value){.f = (double)(float)(v[0].f + v[1].f)};
    if (x->op == OP_mul) return (union value){.f = (double)(float)(v[0].f * v[1].f)};
  }
  return op_eval((enum op)x->op, (enum dtype)x->kid[0]->type, v);
}

static union value eval(struct interp *it, expr_t x) {
  it->ops++;
  switch (x->kind) {
  case E_CONST:
    return x->val;
  case E_POLY:
    return (union value){.i = value_of(it, x->poly)};
  case E_SCALAR:
    return scalar(it, x);
  case E_READ:
    return read(it, x->acc);
  case E_OP:
    return eval_op(it, x);
  case E_CAST:
    return type_convert((enum dtype)x->type, (enum dtype)x->kid[0]->type, eval(it, x->kid[0]));
  case E_LOCAL:
    return it->local[x->id];
  default:
    FAIL(it, "%s: placeholder in an expression", it->f->name);
    return (union value){0};
  }
}

/* ---- statements ---- */

static bool go_on(struct interp *it) {
  if (++it->ops > it->max_ops && it->st == ST_OK) it->st = ST_INFEASIBLE;
  return it->st == ST_OK;
}

static int64_t bound(struct interp *it, const poly_t *p, unsigned n, bool greatest) {
  int64_t v = value_of(it, p[0]);
  for (unsigned i = 1; i < n; i++) {
    int64_t w = value_of(it, p[i]);
    if (greatest ? w > v : w < v) v = w;
  }
  return v;
}

static bool is_parallel(const struct lstmt *s) {
  while (s && s->kind == L_BLOCK && s->nbody == 1) s = s->body[0];
  return s && s->kind == L_FOR && s->fkind == F_PARALLEL;
}

/* Around open registers a parallel loop runs serially. */
static bool registers_live(const struct interp *it) {
  for (unsigned i = 0; i < it->f->nobject; i++)
    if (it->f->object[i].scope == SCOPE_REG && it->mem[i].live) return true;
  return false;
}

/* The first iteration that is not left out. */
static int64_t begin(struct interp *it, const struct lstmt *s) {
  int64_t lo = bound(it, s->lo, s->nlo, true), from = s->nfrom ? bound(it, s->from, s->nfrom, true) : lo, far;
  return from <= lo || __builtin_sub_overflow(from, lo, &far) ? lo : lo + far / s->step * s->step;
}

static void run_for(struct interp *it, const struct lstmt *s) {
  int64_t i = begin(it, s), hi = bound(it, s->hi, s->nhi, false), old = it->sym[s->sym];
  bool opens = is_parallel(s) && !it->region && !registers_live(it), shares = opens || (is_parallel(s) && it->joined);
  if (opens) it->region = ++it->iteration;
  if (s->fkind == F_VECTOR && i < hi && (uint64_t)hi - (uint64_t)i > 1ull << s->lanes_log2)
    FAIL(it, "%s: %lld iterations for the %d lanes of %s", it->f->name, (long long)(hi - i), 1 << s->lanes_log2,
         it->f->k->sym[s->sym].name);
  for (bool first = s->once; (i < hi || first) && go_on(it); first = false) {
    it->sym[s->sym] = i;
    if (shares) it->turn = ++it->iteration;
    it->joined = shares && is_parallel(s->body[0]);
    run(it, s->body[0]);
    if (__builtin_add_overflow(i, s->step, &i)) break;
  }
  if (opens) it->region = 0;
  it->sym[s->sym] = old;
}

static void run_store(struct interp *it, const struct lstmt *s) {
  if (!hold(it, s->acc->guard, s->acc->nguard)) return;
  union value v = eval(it, s->value);
  unsigned char *p = address(it, s->acc, "store");
  if (!p) return;
  enum dtype t = (enum dtype)it->mem[s->acc->tensor].type;
  if (s->red) v = red_step((enum red)s->red, t, type_load(t, p), v);
  type_store(t, p, v);
}

/* Bytes for n elements, poisoned. */
static void fill(struct interp *it, struct mem *m, int64_t n) {
  size_t bytes = (size_t)n * m->size;
  if (bytes > m->cap || !m->p) {
    free(m->p);
    m->p = NULL;
    m->cap = 0;
    m->p = xmalloc(bytes);
    m->cap = bytes;
  }
  memset(m->p, type_is_float((enum dtype)m->type) ? 0xff : 0xa5, bytes);
  it->ops += bytes / 64;
}

enum { BUFFER_MAX = 1 << 30 };

static void run_alloc(struct interp *it, const struct lstmt *s) {
  const struct object *o = &it->f->object[s->id];
  struct mem *m = &it->mem[s->id];
  int64_t n = 1, dense = 1, part;
  bool bad = false, nothing = false;
  for (unsigned i = o->rank; i-- > 0;) {
    int64_t e = value_of(it, m->extents[i]);
    m->extent[i] = e;
    m->stride[i] = m->strides ? value_of(it, m->strides[i]) : dense;
    nothing |= e <= 0;
    bad |= __builtin_mul_overflow(dense, e, &dense);
    bad |= __builtin_mul_overflow(e - 1, m->stride[i], &part) || __builtin_add_overflow(n, part, &n);
  }
  if (nothing) n = 0;
  if (!nothing && (bad || n < 0 || n > BUFFER_MAX / m->size))
    FAIL(it, "%s: buffer %s is too large", it->f->name, o->name);
  if (it->st != ST_OK) return;
  m->span = n;
  fill(it, m, n);
  m->born = it->region ? it->turn : 0;
  m->live = true;
  run(it, s->body[0]);
  m->live = false;
}

/* Nothing that is written lies over another array. */
static bool arrays_apart(struct interp *it, const struct lstmt *s) {
  const struct kernel *k = it->f->k;
  for (unsigned i = 0; i < k->ntensor && !kernel_restricts(k); i++)
    for (unsigned j = 0; j < k->ntensor; j++) {
      const struct mem *a = &it->mem[i], *b = &it->mem[j];
      if (i == j || k->tensor[i].role == ROLE_IN || k->tensor[i].role == ROLE_TEMP || k->tensor[j].role == ROLE_TEMP)
        continue;
      int64_t na = s->nhi ? value_of(it, s->hi[i]) : a->span, nb = s->nhi ? value_of(it, s->hi[j]) : b->span;
      if (na < 0 || nb < 0) return false;
      if (a->p < b->p + nb * b->size && b->p < a->p + na * a->size) return false;
    }
  return true;
}

static void run_if(struct interp *it, const struct lstmt *s) {
  bool yes = hold(it, s->guard, s->nguard) && (!s->apart || arrays_apart(it, s)) && (!s->cond || eval(it, s->cond).u);
  if (yes) {
    run(it, s->body[0]);
  } else if (s->nbody > 1 && s->body[1]) {
    run(it, s->body[1]);
  }
}

static void run(struct interp *it, const struct lstmt *s) {
  if (!go_on(it)) return;
  switch (s->kind) {
  case L_BLOCK:
    for (uint32_t i = 0; i < s->nbody && it->st == ST_OK; i++) run(it, s->body[i]);
    break;
  case L_FOR:
    run_for(it, s);
    break;
  case L_STORE:
    run_store(it, s);
    break;
  case L_SET:
    it->local[s->id] = eval(it, s->value);
    break;
  case L_IF:
    run_if(it, s);
    break;
  case L_ALLOC:
    run_alloc(it, s);
    break;
  case L_WHILE:
    while (go_on(it) && eval(it, s->cond).u) run(it, s->body[0]);
    break;
  case L_LET:
    it->sym[s->sym] = eval(it, s->value).i;
    break;
  case L_PART:
    run(it, s->body[0]);
    break;
  default:
    break; /* a prefetch does nothing, wherever it points */
  }
}

/* ---- set-up ---- */

/* Elements that an argument spans; -1 when its declaration does not say. */
static int64_t arg_span(struct interp *it, const struct object *o, struct mem *m) {
  int64_t n = 1, part;
  bool unknown = false, nothing = false;
  poly_t dense = poly_const(it->arena, 1);
  for (unsigned i = o->rank; i-- > 0;) {
    poly_t s = o->stride ? o->stride[i] : dense;
    m->stride[i] = s ? value_of(it, bind_poly(it->arena, s, it)) : 0;
    unknown |= !o->extent[i];
    if (!o->extent[i]) continue;
    dense = poly_mul(it->arena, dense, o->extent[i]);
    int64_t e = value_of(it, bind_poly(it->arena, o->extent[i], it));
    nothing |= e <= 0;
    if (__builtin_mul_overflow(e - 1, m->stride[i], &part) || __builtin_add_overflow(n, part, &n)) overflow(it);
  }
  return unknown ? -1 : nothing ? 0 : n;
}

static void set_up(struct interp *it) {
  const struct lfunc *f = it->f;
  it->sym = ARENA_NEW(it->arena, int64_t, f->k->nsym);
  it->local = ARENA_NEW(it->arena, union value, f->nlocal);
  for (unsigned i = 0; i < f->nlocal; i++) {
    memset(&it->local[i], type_is_float((enum dtype)f->local[i].type) ? 0xff : 0xa5, sizeof it->local[i]);
    if (!type_is_float((enum dtype)f->local[i].type))
      it->local[i] = type_round((enum dtype)f->local[i].type, it->local[i]);
  }
  for (unsigned i = 0; i < f->nobject; i++) {
    const struct object *o = &f->object[i];
    struct mem *m = &it->mem[i];
    m->type = o->type;
    m->size = (uint8_t)type_size((enum dtype)o->type);
    m->stride = ARENA_NEW(it->arena, int64_t, o->rank);
    if (o->scope == SCOPE_ARG) {
      m->span = arg_span(it, o, m);
      m->p = it->args->data[f->k->tensor[i].param];
      m->live = true;
    } else {
      m->extent = ARENA_NEW(it->arena, int64_t, o->rank);
      m->extents = bind_polys(it, o->extent, o->rank);
      if (o->stride) m->strides = bind_polys(it, o->stride, o->rank);
    }
  }
}

static void tear_down(struct interp *it) {
  for (unsigned i = 0; it->mem && i < it->f->nobject; i++) {
    if (it->f->object[i].scope != SCOPE_ARG) free(it->mem[i].p);
    free(it->mem[i].wrote);
    free(it->mem[i].seen);
  }
  arena_free(it->arena);
}

enum status lfunc_interp(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d) {
  struct interp it = {.f = f, .args = a, .d = d, .max_ops = max_ops};
  struct interp *volatile self = &it; /* what is known of it must survive the jump */
  struct oom_guard g;
  if (OOM_TRY(&g)) {
    it.arena = arena_new();
    it.mem = ARENA_NEW(it.arena, struct mem, f->nobject);
    set_up(&it);
    struct lstmt *body = bind_stmt(&it, f->body);
    run(&it, body);
    oom_leave(&g);
    tear_down(&it);
    return it.st;
  }
  tear_down(self);
  oom_raise();
}
