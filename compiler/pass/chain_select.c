/* A choice that waits for what the loop carries, between numbers that do not: c = x > e ? up : down, where e becomes
   c * e + (1 - c) * x. An iteration waits for the comparison, the choice and then the arithmetic; with the arithmetic
   of both choices made first, e = x > e ? up * e + (1 - up) * x : down * e + (1 - down) * x, only for the longer of the
   first and the last, and the choice. The same operations on the same numbers: results stay, to the bit. */
#include "compiler/pass/chain.h"
#include "compiler/pass/raise_impl.h"

enum { MOST_NODES = 24 };

struct choice {
  struct arena *a;
  const struct lstmt *loop;
  unsigned local; /* that holds what is chosen */
  expr_t by;
};

static bool is_carried(const struct choice *c, unsigned local) {
  return tree_sets(c->loop, local) && tree_exposes(c->loop->body[0], local);
}

/* Known before the loop. */
static bool is_fixed(const struct choice *c, expr_t e) {
  return e->kind == E_CONST || e->kind == E_SCALAR || (e->kind == E_LOCAL && !tree_sets(c->loop, e->id));
}

struct look {
  const struct choice *c;
  bool carried, reads;
};

static void look(expr_t e, void *ctx) {
  struct look *l = ctx;
  l->reads |= e->kind == E_READ;
  l->carried |= e->kind == E_LOCAL && is_carried(l->c, e->id);
}

/* local = condition on what is carried ? fixed : fixed */
static bool chooses(const struct choice *c, const struct lstmt *s) {
  if (s->kind != L_SET || !type_is_float((enum dtype)s->value->type)) return false;
  expr_t e = s->value;
  if (e->kind != E_OP || e->op != OP_select || !is_fixed(c, e->kid[1]) || !is_fixed(c, e->kid[2])) return false;
  struct look l = {.c = c};
  expr_visit(e->kid[0], look, &l);
  return l.carried && !l.reads && !is_carried(c, s->id);
}

static expr_t put(struct arena *a, expr_t e, void *ctx) {
  const struct choice *c = ctx;
  (void)a;
  return e->kind == E_LOCAL && e->id == c->local ? c->by : e;
}

static expr_t with(struct choice *c, expr_t e, expr_t by) {
  c->by = by;
  return expr_map(c->a, e, put, c);
}

/* s[0] chooses; what follows it up to where the choice, or what it was made by, changes. */
static void choose_last(struct choice *c, struct lstmt **s, uint32_t n) {
  expr_t e = s[0]->value;
  c->local = s[0]->id;
  for (uint32_t i = 1; i < n && s[i]; i++) {
    struct lstmt *x = s[i];
    bool plain = x->kind == L_SET && type_is_float((enum dtype)x->value->type) && expr_uses(x->value, c->local) &&
                 is_carried(c, x->id) && expr_nodes(x->value) <= MOST_NODES;
    if (plain)
      x->value = expr_op3(c->a, OP_select, e->kid[0], with(c, x->value, e->kid[1]), with(c, x->value, e->kid[2]));
    if (x->kind != L_SET && x->kind != L_STORE) return;
    if (x->kind == L_SET && (x->id == c->local || expr_uses(e, x->id))) return;
  }
}

static bool has_loop(const struct lstmt *s) {
  if (s->kind == L_FOR || s->kind == L_WHILE) return true;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && has_loop(s->body[i])) return true;
  return false;
}

void chain_selects(struct arena *a, struct lstmt *s) {
  bool loop = (s->kind == L_FOR || s->kind == L_WHILE) && s->nbody && s->body[0];
  if (loop && s->body[0]->kind == L_BLOCK && !has_loop(s->body[0])) {
    struct choice c = {.a = a, .loop = s};
    struct lstmt *b = s->body[0];
    for (uint32_t i = 0; i < b->nbody; i++)
      if (b->body[i] && chooses(&c, b->body[i])) choose_last(&c, b->body + i, b->nbody - i);
    return;
  }
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) chain_selects(a, s->body[i]);
}
