/* Legality: a schedule is legal when it can be read against the group and when the nest that it asks for can be built.
 */
#include "codegen/lower/legal.h"
#include "codegen/lower/plan.h"

const char *legal_sched(struct arena *a, const struct groups *gs, unsigned g, const struct sched *s,
                        const struct limits *lim, const struct lower_opts *o) {
  struct plan p;
  return plan_make(&p, a, gs, g, s, lim, o) ? NULL : p.why;
}

const char *legal_step(struct arena *a, const struct groups *gs, unsigned g, const struct sched *s, struct step next,
                       const struct limits *lim, const struct lower_opts *o) {
  struct sched t = *s;
  if (!sched_push(&t, next.kind, next.loop, next.arg)) return "the schedule is full";
  return legal_sched(a, gs, g, &t, lim, o);
}
