/* online: GROUP -> GROUP. Needs groups with unified axes (fuse); gives, where the algebra allows (stream.c), the axis
   over which a group's dependent reductions run in one pass: group.stream, and per member that runs with a state:
   eq.state, eq.rescale (sums), eq.running. Attention becomes one pass over its keys.

   Results stay, NaN included: readers of a sum that would hide a dead row are repaired (repair.c). Rounding changes
   (partial sums are rescaled), so nothing is done under --fp strict. Whether the annotation is used is the schedule's
   choice: an untiled stream axis runs as separate loops. */
#include "compiler/pass/fold.h"
#include "compiler/pass/passes.h"
#include "compiler/pass/repair.h"
#include "compiler/pass/stream.h"
#include "compiler/pass/util.h"

static expr_t safe_read(struct arena *a, expr_t x, void *ctx) {
  const struct eq *state = ctx;
  return x->kind == E_READ && x->acc->tensor == state->lhs ? stream_safe_state(a, state, x) : x;
}

/* The state did not move: 1, also where both are infinite. */
static expr_t guarded(struct arena *a, expr_t factor, enum dtype state, enum dtype to) {
  expr_t same = expr_op2(a, OP_eq, expr_arg(a, state, 0), expr_arg(a, state, 1));
  return fold_expr(a, expr_op3(a, OP_select, same, expr_f(a, to, 1), expr_cast(a, to, factor)), true);
}

static void annotate(struct arena *a, struct kernel *k, struct group *g, unsigned i, const struct stream *st) {
  struct eq *e = &k->eq[g->eq[i]];
  struct eq *state = &k->eq[g->eq[st->state[i]]];
  e->state = state->lhs;
  if (eq_reads(e, state->lhs)) e->running = expr_map(a, e->body, safe_read, state);
  if (e->red != RED_none) e->rescale = guarded(a, st->factor[i], k->tensor[state->lhs].type, e->body->type);
}

static int axis_index(const struct group *g, sym_t s) {
  for (unsigned i = 0; i < g->naxis; i++)
    if (g->axis[i].sym == s) return (int)i;
  return -1;
}

enum status pass_online(struct arena *a, struct unit *u, struct diag *d) {
  (void)d;
  struct groups *gs = u->gs;
  for (unsigned i = 0; i < gs->n && !u->strict; i++) {
    struct group *g = &gs->g[i];
    struct stream st;
    if (!stream_find(a, gs->k, g->eq, g->neq, false, &st)) continue;
    g->stream = (int8_t)axis_index(g, st.s);
    for (unsigned m = 0; m < g->neq; m++)
      if (st.kind[m] == MEM_RUNNING && gs->k->eq[g->eq[m]].red != RED_none)
        repair_apply(a, gs->k, g->eq, g->neq, m, &st);
    for (unsigned m = 0; m < g->neq; m++)
      if (st.kind[m] == MEM_RUNNING) annotate(a, gs->k, g, m, &st);
  }
  return ST_OK;
}
