/* Legality: the same predicates serve the lowering and the search space. All are pure. NULL: legal; else the reason, a static or arena string. */
#ifndef HONE_CODEGEN_LEGAL_H
#define HONE_CODEGEN_LEGAL_H
#include "codegen/lower/lower.h"
const char *legal_sched(struct arena *a, const struct groups *gs, unsigned g, const struct sched *s, const struct limits *lim, const struct lower_opts *o);
/* May `next` be appended to the legal (perhaps unfinished) schedule s? */
const char *legal_step(struct arena *a, const struct groups *gs, unsigned g, const struct sched *s, struct step next, const struct limits *lim,
                       const struct lower_opts *o);
/* All loops of a legal schedule, outermost first: those that its `order` names and the others. Room for GROUP_MAX_AXIS * LEVEL_MAX. Returns the count; 0: not legal. */
unsigned legal_order(struct arena *a, const struct groups *gs, unsigned g, const struct sched *s, const struct limits *lim, const struct lower_opts *o,
                     uint8_t *order);
/* The product whose matrix instruction the target may have for x, a body of an equation (ir/dot.h). */
bool legal_dot(const struct limits *lim, expr_t x, struct dot *out);
bool legal_mixed(const struct limits *lim, expr_t x, struct dot *out); /* with a factor of f32 that --fp fast rounds */
#endif
