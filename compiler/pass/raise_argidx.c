/* The place of the largest element, kept as its place alone:
     best = 0; for (c) if (x[c] > x[best]) best = c;
   becomes one with its value beside it, which raises as argmax:
     best = 0; top = x[0]; for (c) if (x[c] > top) { best = c; top = x[c]; }
   x[0] is loaded where the loop runs at all, or where x[best] is read behind it in any case; that is top, then. */
#include "compiler/pass/raise_impl.h"
#include <string.h>

struct place {
  struct raise *r;
  struct lfunc *f;
  unsigned best, top;
  const struct access *at; /* x[best] */
};

struct put {
  unsigned local;
  expr_t value;
};

static expr_t put_local(struct arena *a, expr_t x, void *ctx) {
  const struct put *p = ctx;
  (void)a;
  return x->kind == E_LOCAL && x->id == p->local ? p->value : x;
}

/* x[best] with best being value, as an access without computed subscripts; NULL: it is none. */
static const struct access *placed(struct raise *r, const struct access *x, unsigned best, expr_t value) {
  struct access *n = arena_dup(r->a, x, sizeof *x);
  struct put p = {best, value};
  n->ix = arena_dup(r->a, x->ix, sizeof *x->ix * x->rank);
  for (unsigned i = 0; i < x->rank; i++) {
    poly_t q;
    if (!x->ix[i].dyn) continue;
    if (!expr_poly_value(r, expr_map(r->a, x->ix[i].dyn, put_local, &p), &q)) return NULL;
    n->ix[i] = (struct subscript){poly_add(r->a, x->ix[i].poly, q), NULL};
  }
  return n;
}

static const struct lstmt *single(const struct lstmt *s) {
  while (s && s->kind == L_BLOCK && s->nbody == 1) s = s->body[0];
  return s;
}

static bool uses_best(const struct access *x, unsigned best) {
  for (unsigned i = 0; i < x->rank; i++)
    if (x->ix[i].dyn && expr_uses(x->ix[i].dyn, best)) return true;
  return false;
}

/* s is if (x[c] > x[best]) best = c: which side of the comparison x[best] is. */
static bool matches(struct raise *r, const struct lstmt *s, unsigned *side) {
  if (s->kind != L_IF || s->nguard || !s->cond || s->cond->kind != E_OP || s->nbody != 1) return false;
  const struct lstmt *set = single(s->body[0]);
  const struct expr *c = s->cond;
  if ((c->op != OP_lt && c->op != OP_gt) || !set || set->kind != L_SET) return false;
  for (*side = 0; *side < 2; ++*side) {
    expr_t b = c->kid[*side], x = c->kid[!*side];
    if (b->kind != E_READ || x->kind != E_READ || b->acc->nguard || x->acc->nguard || !uses_best(b->acc, set->id))
      continue;
    const struct access *p = placed(r, b->acc, set->id, set->value);
    if (p && access_eq(p, x->acc)) return true;
  }
  return false;
}

static expr_t to_top(struct arena *a, expr_t x, void *ctx) {
  const struct place *p = ctx;
  if (x->kind != E_READ || x->acc->nguard || !access_eq(x->acc, p->at)) return x;
  return expr_local(a, (enum dtype)p->f->local[p->top].type, p->top);
}

/* Is x[best] read in e whenever e is evaluated? */
static bool always_reads(expr_t e, const struct access *x) {
  if (e->kind == E_READ) return !e->acc->nguard && access_eq(e->acc, x);
  unsigned n = e->kind == E_OP && e->op == OP_select ? 1 : e->nkid;
  for (unsigned i = 0; i < n; i++)
    if (always_reads(e->kid[i], x)) return true;
  return false;
}

/* Statements behind the loop, up to where x[best] may be another: reads of it become top. Returns whether it is read in
 * any case. */
static bool replace_behind(struct place *p, struct lstmt **s, uint32_t n) {
  bool sure = false;
  uint32_t end = 0;
  while (end < n && !tree_sets(s[end], p->best) && !tree_stores(s[end], p->at->tensor)) {
    sure |= (s[end]->kind == L_SET || s[end]->kind == L_STORE) && !(s[end]->acc && s[end]->acc->nguard) &&
            always_reads(s[end]->value, p->at);
    end++;
  }
  struct tree_map m = {.a = p->r->a, .expr = to_top, .ctx = p};
  for (uint32_t i = 0; sure && i < end; i++) s[i] = tree_copy(&m, s[i]);
  return sure;
}

static struct lstmt *with_top(struct place *p, const struct lstmt *s, unsigned side) {
  struct raise *r = p->r;
  struct lstmt *n = arena_dup(r->a, s, sizeof *s), *both[2];
  struct expr *c = arena_dup(r->a, s->cond, sizeof *c);
  expr_t x = c->kid[!side];
  c->kid[side] = expr_local(r->a, (enum dtype)x->type, p->top);
  n->cond = c;
  both[0] = s->body[0];
  both[1] = loop_set(r->a, p->top, x);
  n->body = ARENA_NEW(r->a, struct lstmt *, 1);
  n->body[0] = loop_block(r->a, 2, both);
  return n;
}

/* Where the loop's body is the comparison, and best is set to a number in front of it. */
static bool rewrite(struct place *p, struct lstmt **s, uint32_t n, uint32_t at, struct lstmt **first) {
  struct raise *r = p->r;
  struct lstmt *loop = s[at];
  if (loop->kind != L_FOR || loop->nlo != 1 || loop->nhi != 1) return false;
  const struct lstmt *test = single(loop->body[0]);
  unsigned side;
  if (!test || !matches(r, test, &side)) return false;
  p->best = single(test->body[0])->id;
  p->at = test->cond->kid[side]->acc;
  uint32_t set = at;
  while (set-- > 0 && !tree_sets(s[set], p->best)) continue;
  if (set == UINT32_MAX || s[set]->kind != L_SET) return false;
  const struct access *start = placed(r, p->at, p->best, s[set]->value);
  if (!start) return false;
  enum dtype t = (enum dtype)test->cond->kid[side]->type;
  p->top = p->f->nlocal;
  p->f->local[p->f->nlocal++] = (struct local){"top", (uint8_t)t};
  bool sure = replace_behind(p, s + at + 1, n - at - 1);
  struct lstmt *load = loop_set(r->a, p->top, expr_read(r->a, t, start));
  poly_t runs = poly_addc(r->a, poly_sub(r->a, loop->hi[0], loop->lo[0]), -1);
  struct lstmt *none = loop_set(r->a, p->top, expr_const(r->a, t, (union value){0}));
  *first = sure ? load : loop_if(r->a, 1, &runs, NULL, load, none);
  struct lstmt *copy = arena_dup(r->a, loop, sizeof *loop);
  copy->body = ARENA_NEW(r->a, struct lstmt *, 1);
  copy->body[0] = with_top(p, test, side);
  s[at] = copy;
  return true;
}

static struct lstmt *walk(struct place *p, struct lstmt *s) {
  struct raise *r = p->r;
  struct lstmt *n = arena_dup(r->a, s, sizeof *s), *first;
  n->body = arena_dup(r->a, s->body, sizeof *s->body * s->nbody);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) n->body[i] = walk(p, s->body[i]);
  if (s->kind != L_BLOCK) return n;
  struct lstmt **all = ARENA_NEW(r->a, struct lstmt *, 2 * s->nbody + 1);
  uint32_t m = 0;
  for (uint32_t i = 0; i < s->nbody; i++) {
    if (rewrite(p, n->body, s->nbody, i, &first)) all[m++] = first;
    all[m++] = n->body[i];
  }
  return loop_block(r->a, m, all);
}

static unsigned count(struct raise *r, const struct lstmt *s) {
  unsigned n = 0, side;
  if (s->kind == L_FOR && single(s->body[0]) && matches(r, single(s->body[0]), &side)) n++;
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) n += count(r, s->body[i]);
  return n;
}

void raise_argidx(struct raise *r) {
  unsigned n = count(r, r->f->body);
  if (!n || r->f->nlocal + n > UINT16_MAX) return;
  struct lfunc *f = arena_dup(r->a, r->f, sizeof *f);
  f->local = ARENA_NEW(r->a, struct local, f->nlocal + n);
  if (f->nlocal) memcpy(f->local, r->f->local, sizeof *f->local * f->nlocal);
  struct place p = {.r = r, .f = f};
  f->body = walk(&p, f->body);
  r->f = f;
}
