/* What statements do with locals. */
#include "ir/loop.h"

void loop_exprs(const struct lstmt *s, void (*fn)(expr_t, void *), void *ctx) {
  if (s->cond) expr_visit(s->cond, fn, ctx);
  if (s->value) expr_visit(s->value, fn, ctx);
  for (unsigned i = 0; s->acc && i < s->acc->rank; i++)
    if (s->acc->ix[i].dyn) expr_visit(s->acc->ix[i].dyn, fn, ctx);
  if (s->acc && s->acc->otherwise) expr_visit(s->acc->otherwise, fn, ctx);
}

struct ask {
  unsigned local;
  bool yes;
};

static void ask_local(expr_t x, void *ctx) {
  struct ask *q = ctx;
  q->yes |= x->kind == E_LOCAL && x->id == q->local;
}

int loop_first_use(const struct lstmt *s, unsigned local) {
  struct ask q = {local, false};
  loop_exprs(s, ask_local, &q);
  if (q.yes) return 0;
  if (s->kind == L_SET) return s->id == local ? 1 : -1;
  if (s->kind == L_IF) {
    int t = loop_first_use(s->body[0], local), e = s->nbody > 1 && s->body[1] ? loop_first_use(s->body[1], local) : -1;
    if (!t || !e) return 0;
    return t == 1 && e == 1 ? 1 : -1;
  }
  for (unsigned i = 0; i < s->nbody; i++) {
    int k = s->body[i] ? loop_first_use(s->body[i], local) : -1;
    if (k == 0) return 0;
    if (k == 1) return s->kind == L_FOR || s->kind == L_WHILE ? -1 : 1;
  }
  return -1;
}
