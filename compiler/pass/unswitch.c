/* Conditions that do not change in a loop. See unswitch.h. */
#include "compiler/pass/unswitch.h"
#include "compiler/pass/raise_impl.h"
#include <string.h>

enum { MOST_COPIES = 8, MOST_STATEMENTS = 600 };

struct unswitch {
  struct arena *a;
  const struct lfunc *f;
  unsigned copies, statements;
  const struct lstmt *loop; /* whose conditions are looked at */
  bool *bound;              /* [nsym] by the loop, or inside of it */
};

/* --- which conditions --- */

struct look {
  const struct unswitch *u;
  bool moves;
};

static bool poly_moves(const struct unswitch *u, poly_t p) {
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++)
      if (u->bound[p->mono[i].sym[j]]) return true;
  return false;
}

static void look(expr_t x, void *ctx) {
  struct look *l = ctx;
  l->moves |= x->kind == E_READ || (x->kind == E_LOCAL && tree_sets(l->u->loop, x->id));
  l->moves |= x->kind == E_POLY && poly_moves(l->u, x->poly);
  if (x->kind == E_OP && (x->op == OP_div || x->op == OP_rem) && x->kid[1]->kind != E_CONST) l->moves = true;
}

static bool stays(const struct unswitch *u, const struct lstmt *s) {
  struct look l = {u, false};
  if (s->kind != L_IF || s->apart) return false;
  for (unsigned i = 0; i < s->nguard; i++) l.moves |= poly_moves(u, s->guard[i]);
  if (s->cond) expr_visit(s->cond, look, &l);
  return !l.moves;
}

/* The first one in s, outermost first. */
static const struct lstmt *find(const struct unswitch *u, const struct lstmt *s) {
  if (s->kind == L_WHILE || s->kind == L_PART) return NULL;
  if (stays(u, s)) return s;
  for (uint32_t i = 0; i < s->nbody; i++) {
    const struct lstmt *x = s->body[i] ? find(u, s->body[i]) : NULL;
    if (x) return x;
  }
  return NULL;
}

static const struct lstmt *find_in(struct unswitch *u, const struct lstmt *loop) {
  u->loop = loop;
  u->bound = ARENA_NEW(u->a, bool, u->f->k->nsym + 1u);
  tree_bound(loop, u->bound);
  return find(u, loop->body[0]);
}

/* --- one loop for each case --- */

static bool same(const struct lstmt *x, const struct lstmt *y) {
  if (x->nguard != y->nguard || !x->cond != !y->cond || (x->cond && !expr_eq(x->cond, y->cond))) return false;
  for (unsigned i = 0; i < x->nguard; i++)
    if (!poly_eq(x->guard[i], y->guard[i])) return false;
  return true;
}

/* A copy of s where the condition of `of` is known. */
static struct lstmt *decided(struct unswitch *u, const struct lstmt *s, const struct lstmt *of, bool yes) {
  if (s->kind == L_IF && !s->apart && same(s, of)) {
    const struct lstmt *arm = yes ? s->body[0] : s->nbody > 1 ? s->body[1] : NULL;
    return arm ? decided(u, arm, of, yes) : loop_block(u->a, 0, NULL);
  }
  struct lstmt *n = arena_dup(u->a, s, sizeof *s);
  u->statements++;
  n->body = arena_dup(u->a, s->body, sizeof *s->body * s->nbody);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) n->body[i] = decided(u, s->body[i], of, yes);
  return n;
}

static struct lstmt *walk(struct unswitch *u, struct lstmt *s);

static struct lstmt *by_case(struct unswitch *u, struct lstmt *loop, const struct lstmt *of) {
  if (++u->copies > MOST_COPIES || u->statements > MOST_STATEMENTS) return loop;
  struct lstmt *yes = walk(u, decided(u, loop, of, true)), *no = walk(u, decided(u, loop, of, false));
  struct lstmt *r = loop_if(u->a, of->nguard, of->guard, of->cond, yes, no);
  r->loc = of->loc;
  return r;
}

static struct lstmt *walk(struct unswitch *u, struct lstmt *s) {
  const struct lstmt *of = s->kind == L_FOR && s->fkind == F_SERIAL ? find_in(u, s) : NULL;
  if (of) return by_case(u, s, of);
  struct lstmt *n = arena_dup(u->a, s, sizeof *s);
  n->body = arena_dup(u->a, s->body, sizeof *s->body * s->nbody);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) n->body[i] = walk(u, s->body[i]);
  return n;
}

static bool runs(const struct lstmt *s) {
  bool loop = s->kind == L_FOR || s->kind == L_WHILE;
  for (uint32_t i = 0; i < s->nbody && !loop; i++) loop = s->body[i] && runs(s->body[i]);
  return loop;
}

/* Is there a loop for each case as it is written? */
static bool has_cases(const struct lstmt *s) {
  if (s->kind == L_FOR || s->kind == L_WHILE) return false;
  if (s->kind == L_IF && s->cond && s->nbody > 1 && runs(s->body[0]) && runs(s->body[1])) return true;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && has_cases(s->body[i])) return true;
  return false;
}

struct lfunc *unswitch(struct arena *a, const struct lfunc *f) {
  struct unswitch u = {.a = a, .f = f};
  struct lstmt *body = walk(&u, f->body);
  if (!u.copies && !has_cases(body)) return NULL;
  struct lfunc *n = arena_dup(a, f, sizeof *f);
  n->body = body;
  return n;
}

/* --- is it worth it --- */

static void find_function(expr_t x, void *ctx) {
  bool *found = ctx;
  *found |= x->kind == E_OP && (op_info[x->op].flags & OPF_TRANS);
}

static bool works(const struct lstmt *s) {
  bool found = runs(s);
  if (s->value) expr_visit(s->value, find_function, &found);
  for (uint32_t i = 0; i < s->nbody && !found; i++) found = s->body[i] && works(s->body[i]);
  return found;
}

static bool any_works(struct unswitch *u, const struct lstmt *s) {
  if (stays(u, s) && works(s)) return true;
  for (uint32_t i = 0; i < s->nbody && s->kind != L_WHILE; i++)
    if (s->body[i] && any_works(u, s->body[i])) return true;
  return false;
}

static bool pays_in(struct unswitch *u, const struct lstmt *s) {
  if (s->kind == L_FOR && find_in(u, s)) return any_works(u, s->body[0]);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && pays_in(u, s->body[i])) return true;
  return false;
}

bool unswitch_pays(const struct lfunc *f) {
  struct unswitch u = {.a = arena_new(), .f = f};
  struct oom_guard guard;
  if (!OOM_TRY(&guard)) {
    arena_free(u.a);
    oom_raise();
  }
  bool yes = has_cases(f->body) || pays_in(&u, f->body);
  oom_leave(&guard);
  arena_free(u.a);
  return yes;
}
