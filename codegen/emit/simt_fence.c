/* Barriers of a block of threads. LOOP is a serial program; its vector loops run on threads, so what one thread writes
   to memory another may see only behind a barrier. Objects whose elements stay with one thread need none: those that
   are only read, and those whose every access in the kernel names the element of its own thread. For the others the
   touches since the last barrier are kept, and a barrier is put before a statement that collides with them: written
   after read, read after written, written twice. Loops count as following themselves; branches as both arms. */
#include "codegen/emit/build.h"
#include <string.h>

struct visit {
  void (*fn)(const struct access *, bool write, void *);
  void *ctx;
};

static void visit_expr(expr_t e, void *ctx) {
  struct visit *v = ctx;
  if (e->kind == E_READ) v->fn(e->acc, false, v->ctx);
}

static void visit_access(const struct access *a, struct visit *v) {
  for (unsigned d = 0; d < a->rank; d++)
    if (a->ix[d].dyn) expr_visit(a->ix[d].dyn, visit_expr, v);
}

static void access_visit(const struct lstmt *s, void (*fn)(const struct access *, bool, void *), void *ctx) {
  struct visit v = {fn, ctx};
  if (s->kind == L_STORE) {
    fn(s->acc, true, ctx);
    if (s->red != RED_none) fn(s->acc, false, ctx);
    visit_access(s->acc, &v);
  }
  if (s->value) expr_visit(s->value, visit_expr, &v);
  if (s->cond) expr_visit(s->cond, visit_expr, &v);
}

/* ---- whose elements ---- */

/* An access belongs to its thread when one subscript is `lane + a multiple of the lanes` and no other names the lane:
   element e of that dimension is then always thread e mod lanes. */
struct owner {
  struct fn *f;
  int64_t *multiple; /* of each symbol; 1: nothing known */
  sym_t lane;
  unsigned lanes;
  bool aligned; /* lane 0 stands at a multiple of the lanes */
  bool split;   /* the open vector loops do not give each thread one lane: a thread may share elements */
  unsigned threads;
  bool first; /* thread 0 alone makes these accesses */
  struct {
    bool seen, written,
        other;           /* other: an access that does not belong to its thread, or to another than those before */
    unsigned dim, lanes; /* lanes 0: all belong to thread 0 */
  } * object;
};

static int64_t gcd(int64_t a, int64_t b) {
  while (b) {
    int64_t r = a % b;
    a = b, b = r;
  }
  return a < 0 ? -a : a;
}

/* A number that p is always a multiple of; 0 for the polynomial 0. */
static int64_t poly_multiple(const struct owner *o, poly_t p) {
  int64_t g = 0;
  for (uint32_t i = 0; i < p->n; i++) {
    int64_t c = p->mono[i].coef;
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (__builtin_mul_overflow(c, o->multiple[p->mono[i].sym[j]], &c)) c = 1;
    g = gcd(g, c == INT64_MIN ? 1 : c);
  }
  return g;
}

static bool own_access(struct owner *o, const struct access *a, unsigned *dim) {
  bool found = false;
  for (unsigned d = 0; d < a->rank; d++) {
    poly_t coef, rest, ix = a->ix[d].poly;
    int64_t c;
    if (a->ix[d].dyn) return false;
    if (!ix || !poly_has(ix, o->lane)) continue;
    if (found || !poly_split(o->f->m->arena, ix, o->lane, &coef, &rest) || !poly_is_const(coef, &c) || c != 1 ||
        poly_multiple(o, rest) % o->lanes)
      return false;
    found = true, *dim = d;
  }
  return found;
}

static void owner_access(const struct access *a, bool write, void *ctx) {
  struct owner *o = ctx;
  unsigned dim = 0, id = a->tensor, lanes = o->first ? 0 : o->lanes;
  bool own = !o->split && (o->first || (o->lane != SYM_NONE && o->aligned && own_access(o, a, &dim)));
  o->object[id].written |= write;
  if (!own || (o->object[id].seen && (o->object[id].dim != dim || o->object[id].lanes != lanes)))
    o->object[id].other = true;
  o->object[id].seen = true, o->object[id].dim = dim, o->object[id].lanes = lanes;
}

static bool access_has_lane(const struct owner *o, const struct access *a) {
  for (unsigned d = 0; d < a->rank; d++)
    if (a->ix[d].dyn || (a->ix[d].poly && poly_has(a->ix[d].poly, o->lane))) return true;
  return false;
}

/* Stores to memory outside of vector loops, and what a reduction over lanes stores, are thread 0's. */
static void owner_leaf(struct owner *o, const struct lstmt *s) {
  struct visit v = {owner_access, o};
  bool store = s->kind == L_STORE, uniform = o->lane == SYM_NONE;
  bool alone = store && uniform && !in_registers(o->f, s->acc->tensor);
  o->first = alone || (store && !uniform && s->red != RED_none && !access_has_lane(o, s->acc));
  if (store) owner_access(s->acc, true, o);
  if (store && s->red != RED_none) owner_access(s->acc, false, o);
  o->first = alone;
  if (store) visit_access(s->acc, &v);
  if (s->value) expr_visit(s->value, visit_expr, &v);
  if (s->cond) expr_visit(s->cond, visit_expr, &v);
  o->first = false;
}

static void owner_stmt(struct owner *o, const struct lstmt *s) {
  struct owner outer = *o;
  int64_t was = 1;
  if (s->kind == L_FOR) {
    was = o->multiple[s->sym];
    int64_t lo = s->nlo == 1 ? poly_multiple(o, s->lo[0]) : 1;
    if (s->fkind == F_VECTOR) {
      o->lanes = 1u << s->lanes_log2;
      o->split = o->lanes != o->threads;
      o->lane = s->sym;
      o->aligned = lo % o->lanes == 0;
    } else {
      o->multiple[s->sym] = gcd(s->step, lo);
    }
  }
  owner_leaf(o, s);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) owner_stmt(o, s->body[i]);
  if (s->kind == L_FOR && s->fkind != F_VECTOR) o->multiple[s->sym] = was;
  o->lane = outer.lane, o->lanes = outer.lanes, o->aligned = outer.aligned, o->split = outer.split;
}

void fence_init(struct fn *f, const struct launch_kernel *k) {
  struct arena *a = f->m->arena;
  unsigned n = f->f->nobject + 1u;
  struct owner o = {.f = f, .lane = SYM_NONE, .threads = k->threads};
  o.multiple = ARENA_NEW(a, int64_t, f->f->k->nsym + 1);
  for (unsigned i = 0; i <= f->f->k->nsym; i++) o.multiple[i] = 1;
  o.object = arena_alloc(a, n * sizeof *o.object);
  memset(o.object, 0, n * sizeof *o.object);
  for (unsigned i = 0; i < k->nloop; i++)
    if (k->loop[i]->nlo == 1) o.multiple[k->loop[i]->sym] = gcd(k->loop[i]->step, poly_multiple(&o, k->loop[i]->lo[0]));
  owner_stmt(&o, k->body);
  f->simt->traded = ARENA_NEW(a, uint8_t, n);
  f->simt->read = ARENA_NEW(a, uint8_t, n);
  f->simt->written = ARENA_NEW(a, uint8_t, n);
  for (unsigned i = 0; i < f->f->nobject; i++)
    f->simt->traded[i] = o.object[i].written && o.object[i].other && !in_registers(f, i);
}

/* ---- touches ---- */

static void mark(const struct access *a, bool write, void *ctx) {
  struct fence *x = ctx;
  (write ? x->written : x->read)[a->tensor] = 1;
}

static void mark_all(struct fence *x, const struct lstmt *s) {
  access_visit(s, mark, x);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) mark_all(x, s->body[i]);
}

static struct fence touches(struct fn *f, const struct lstmt *s) {
  unsigned n = f->f->nobject;
  struct fence x = {ARENA_NEW(f->m->arena, uint8_t, n + 1), ARENA_NEW(f->m->arena, uint8_t, n + 1)};
  mark_all(&x, s);
  for (unsigned i = 0; i < n; i++) x.read[i] &= f->simt->traded[i], x.written[i] &= f->simt->traded[i];
  return x;
}

/* Matrix instructions read shared memory by another way than loads: writers say when theirs is to be seen there. */
static void show_panels(struct fn *f) {
  bool any = false;
  for (unsigned i = 0; i < f->f->nobject; i++) any |= f->simt->written[i] && f->f->object[i].panel_rows;
  if (any) call_intrinsic(f->m, f->b, "llvm.nvvm.fence.proxy.async.shared_cta", NULL, 0, NULL, 0);
}

void emit_barrier(struct fn *f) {
  if (f->simt->producing) return; /* rings order what the copier does */
  simt_wgmma_wait(f);
  simt_wgmma_land_behind(f);
  show_panels(f);
  LLVMValueRef id[2] = {LLVMConstInt(f->m->i32, f->simt->grouped, 0), LLVMConstInt(f->m->i32, f->simt->threads, 0)};
  const char *name =
      f->simt->grouped ? "llvm.nvvm.barrier.cta.sync.aligned.count" : "llvm.nvvm.barrier.cta.sync.aligned.all";
  call_intrinsic(f->m, f->b, name, NULL, 0, id, f->simt->grouped ? 2 : 1);
  memset(f->simt->read, 0, f->f->nobject);
  memset(f->simt->written, 0, f->f->nobject);
}

void fence_before(struct fn *f, const struct lstmt *s) {
  struct fence x = touches(f, s);
  bool hit = false;
  for (unsigned i = 0; i < f->f->nobject; i++)
    hit |= (x.written[i] && (f->simt->read[i] || f->simt->written[i])) || (x.read[i] && f->simt->written[i]);
  if (hit) emit_barrier(f);
}

void fence_copies(struct fn *f, const struct lstmt *s, bool reads, bool writes) {
  struct fence x = touches(f, s);
  bool hit = false;
  for (unsigned i = 0; i < f->f->nobject; i++) {
    x.written[i] &= writes, x.read[i] &= reads;
    hit |= (x.written[i] && f->simt->read[i]) || (x.read[i] && f->simt->written[i]);
  }
  if (hit) emit_barrier(f);
  fence_join(f, &x);
}

struct fence fence_save(struct fn *f) {
  unsigned n = f->f->nobject + 1u;
  return (struct fence){arena_dup(f->m->arena, f->simt->read, n), arena_dup(f->m->arena, f->simt->written, n)};
}

void fence_restore(struct fn *f, const struct fence *x) {
  memcpy(f->simt->read, x->read, f->f->nobject);
  memcpy(f->simt->written, x->written, f->f->nobject);
}

void fence_join(struct fn *f, const struct fence *x) {
  for (unsigned i = 0; i < f->f->nobject; i++) f->simt->read[i] |= x->read[i], f->simt->written[i] |= x->written[i];
}

void fence_after(struct fn *f, const struct lstmt *s) {
  struct fence x = touches(f, s);
  fence_join(f, &x);
}
