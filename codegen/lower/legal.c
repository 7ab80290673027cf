/* Legality: a schedule is legal when it can be read against the group and when the nest that it asks for can be built
   and is not too large. The nest is only made where its size may matter. */
#include "codegen/lower/legal.h"
#include "codegen/lower/plan.h"
#include <string.h>

/* Whether buffers fit is known when they are made. */
static bool stages(const struct plan *p) {
  for (unsigned i = 0; i < p->npack; i++)
    if (p->pack[i].stage) return true;
  return p->nout > 0;
}

const char *legal_sched(struct arena *a, const struct groups *gs, unsigned g, const struct sched *s,
                        const struct limits *lim, const struct lower_opts *o) {
  struct plan p;
  if (!plan_make(&p, a, gs, g, s, lim, o)) return p.why;
  return size_may_exceed(&p) || stages(&p) ? lower_refuses(&p) : NULL;
}

const char *legal_step(struct arena *a, const struct groups *gs, unsigned g, const struct sched *s, struct step next,
                       const struct limits *lim, const struct lower_opts *o) {
  struct sched t = *s;
  if (!sched_push(&t, next.kind, next.loop, next.arg)) return "the schedule is full";
  return legal_sched(a, gs, g, &t, lim, o);
}

unsigned legal_order(struct arena *a, const struct groups *gs, unsigned g, const struct sched *s,
                     const struct limits *lim, const struct lower_opts *o, uint8_t *order) {
  struct plan p;
  if (!plan_make(&p, a, gs, g, s, lim, o)) return 0;
  memcpy(order, p.order, p.norder);
  return p.norder;
}
