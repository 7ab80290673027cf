/* The schedule step `split` on targets with blocks of threads. What is summed for each part is spread over a grid, and
   what comes after (the sum over the parts, in their order, and all that follows from it) wants another one: it becomes
   a group of its own, with its default schedule. Elsewhere one nest does both (ir/group_split.c). */
#include "codegen/lower/plan.h"
#include <string.h>

/* Does it walk the parts side by side? */
static bool beside(const struct groups *gs, const struct group *g, unsigned member) {
  const struct eq *e = &gs->k->eq[g->eq[member]];
  int at = eq_axis(e, g->axis[g->naxis - 1].sym);
  return at >= 0 && at < (int)e->npar;
}

static bool reads(const struct eq *e, unsigned tensor) {
  return expr_reads(e->body, tensor) || (e->init && expr_reads(e->init, tensor)) ||
         (e->start && expr_reads(e->start, tensor));
}

/* The members that walk the parts come first, where what is between them (the sums over the parts of the results
   before) is nothing that they need. Returns how many they are; 0: they cannot. */
static unsigned parts_first(const struct groups *gs, struct group *g) {
  uint16_t eq[GROUP_MAX_EQ];
  unsigned n = 0, m = 0;
  for (unsigned j = 0; j < g->neq; j++)
    for (unsigned i = 0; i < j && beside(gs, g, j); i++) {
      const struct eq *p = &gs->k->eq[g->eq[i]], *e = &gs->k->eq[g->eq[j]];
      if (!beside(gs, g, i) && (reads(e, p->lhs) || reads(p, e->lhs) || p->lhs == e->lhs)) return 0;
    }
  for (unsigned i = 0; i < g->neq; i++)
    if (beside(gs, g, i)) eq[n++] = g->eq[i];
  for (unsigned i = 0; i < g->neq; i++)
    if (!beside(gs, g, i)) eq[n + m++] = g->eq[i];
  memcpy(g->eq, eq, (n + m) * sizeof *eq);
  return m ? n : 0;
}

static bool walked(const struct groups *gs, const struct group *g, sym_t s) {
  for (unsigned i = 0; i < g->neq; i++)
    if (eq_axis(&gs->k->eq[g->eq[i]], s) >= 0) return true;
  return false;
}

/* Group g becomes two: its first n members, which keep the numbers of all axes, and the others. */
static struct groups *in_two(struct arena *a, const struct groups *gs, unsigned g, unsigned n) {
  struct groups *out = arena_dup(a, gs, sizeof *gs);
  out->n++;
  out->g = ARENA_NEW(a, struct group, out->n);
  memcpy(out->g, gs->g, (g + 1u) * sizeof *gs->g);
  memcpy(out->g + g + 1, gs->g + g, (gs->n - g) * sizeof *gs->g);
  struct group *first = &out->g[g], *rest = &out->g[g + 1];
  first->neq = (uint8_t)n;
  rest->neq = (uint8_t)(rest->neq - n);
  memmove(rest->eq, rest->eq + n, rest->neq * sizeof *rest->eq);
  rest->naxis = rest->nshared = 0;
  rest->stream = -1;
  for (unsigned x = 0; x < gs->g[g].naxis; x++) {
    const struct axis *from = &gs->g[g].axis[x];
    if (!walked(gs, rest, from->sym)) continue;
    if (x < gs->g[g].nshared) rest->nshared++;
    rest->axis[rest->naxis++] = *from;
  }
  return out;
}

/* The steps name operands of the whole group. */
static bool renumber(const struct groups *from, const struct groups *to, unsigned g, struct sched *s) {
  enum { MOST = GROUP_MAX_EQ * 8 };
  uint16_t was[MOST], is[MOST];
  unsigned n = group_operands(from, g, was, MOST), m = group_operands(to, g, is, MOST), j;
  for (unsigned i = 0; i < s->nstep; i++) {
    struct step *x = &s->step[i];
    if (x->kind == STEP_compute) return false;
    if (x->kind != STEP_pack && x->kind != STEP_copy && x->kind != STEP_prefetch && x->kind != STEP_stream &&
        x->kind != STEP_stage)
      continue;
    if (x->arg < 0 || (unsigned)x->arg >= n || n > MOST || m > MOST) return false;
    for (j = 0; j < m && is[j] != was[x->arg]; j++) continue;
    if (j == m) return false;
    x->arg = (int16_t)j;
  }
  return true;
}

const struct groups *split_in_two(struct arena *a, const struct groups *gs, unsigned g, struct sched *s, bool strict) {
  int at = sched_split(s);
  const char *why;
  if (at < 0) return NULL;
  struct groups *whole = group_split(a, gs, g, LOOP_AXIS(s->step[at].loop), s->step[at].arg, strict, !strict, &why);
  unsigned n = whole ? parts_first(whole, &whole->g[g]) : 0;
  if (!n) return NULL;
  const struct groups *two = in_two(a, whole, g, n);
  struct sched left = *s;
  memmove(&left.step[at], &left.step[at + 1], (size_t)(--left.nstep - at) * sizeof *left.step);
  if (sched_split(&left) >= 0 || !renumber(whole, two, g, &left)) return NULL;
  *s = left;
  return two;
}
