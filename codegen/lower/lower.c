/* GROUP + schedules -> LOOP: the groups one after the other; temps that several groups use are allocated around those
 * that do. */
#include "codegen/lower/legal.h"
#include "codegen/lower/lower.h"
#include "codegen/lower/plan.h"
#include <string.h>

struct sched sched_none(void) {
  return (struct sched){0};
}

static void start_env(struct build *b, struct env *e, struct sink *sink) {
  const struct plan *p = b->p;
  *e = (struct env){.n = p->norder, .sink = sink};
  memcpy(e->order, p->order, sizeof e->order);
  for (unsigned i = 0; i < p->norder; i++) {
    unsigned l = p->order[i], a = LOOP_AXIS(l);
    if (!p->loop[l].trivial) continue;
    e->open |= BIT(l);
    e->val[l] = LOOP_LEVEL(l) == p->axis[a].ntile ? p->axis[a].lo : poly_const(b->a, 0);
  }
}

static struct lstmt *lower_group(struct build *b) {
  struct plan *p = b->p;
  struct env e;
  struct sink sink = {0};
  struct set all = {p->nmember, ARENA_NEW(b->a, const struct member *, p->nmember + 1)};
  start_env(b, &e, &sink);
  for (unsigned i = 0; i < p->nmember; i++) all.m[i] = &p->member[i];
  struct lstmt *body = nest_build(b, &all, 0, &e);
  return body ? sink_wrap(b, &sink, body) : NULL;
}

static void start_build(struct build *b, struct plan *p, struct lfunc *f, unsigned stack) {
  *b = (struct build){.p = p, .a = p->a, .f = f, .stack_bytes = stack};
  memset(b->sym, 0xff, sizeof b->sym);
  memset(b->vsym, 0xff, sizeof b->vsym);
  memset(b->lsym, 0xff, sizeof b->lsym);
  memset(b->psym, 0xff, sizeof b->psym);
  memset(b->wsym, 0xff, sizeof b->wsym);
  memset(b->atsym, 0xff, sizeof b->atsym);
}

/* The body of a group; b->why is set where there is none after all. */
static struct lstmt *build_group(struct build *b) {
  struct lstmt *body = lower_group(b);
  if (body && !b->why) steps_cut(b, body);
  if (!b->why) body = out_tiles(b, body);
  if (!b->why) b->why = size_refuses(b, body);
  return body;
}

const char *lower_refuses(struct plan *p) {
  struct build b;
  start_build(&b, p, lfunc_new(p->a, p->k, "legal"), 0);
  (void)build_group(&b);
  return b.why;
}

double lower_size(const struct groups *gs, unsigned g, const struct sched *s, const struct limits *lim,
                  const struct lower_opts *o) {
  struct arena *a = arena_new();
  struct plan p;
  struct build b;
  double n = 0;
  if (plan_make(&p, a, gs, g, s, lim, o)) {
    start_build(&b, &p, lfunc_new(a, p.k, "size"), 0);
    const struct lstmt *body = build_group(&b);
    if (body && !b.why) n = size_nest(b.f, body, lim);
  }
  arena_free(a);
  return n;
}

static bool uses(const struct groups *gs, unsigned g, unsigned tensor) {
  uint16_t t[GROUP_MAX_EQ * 8];
  unsigned n = group_operands(gs, g, t, GROUP_MAX_EQ * 8);
  for (unsigned i = 0; i < n && i < GROUP_MAX_EQ * 8; i++)
    if (t[i] == tensor) return true;
  return false;
}

/* Temps of the kernel that live from group g on. */
static bool born_in(const struct groups *gs, unsigned g, unsigned tensor) {
  if (gs->k->tensor[tensor].role != ROLE_TEMP || !uses(gs, g, tensor)) return false;
  for (unsigned i = 0; i < g; i++)
    if (uses(gs, i, tensor)) return false;
  return true;
}

static struct lstmt *chain(struct arena *a, const struct groups *gs, struct lstmt **body, unsigned g) {
  struct lstmt *s[2];
  unsigned n = 0;
  if (g == gs->n) return NULL;
  if (body[g]) s[n++] = body[g];
  struct lstmt *rest = chain(a, gs, body, g + 1);
  if (rest) s[n++] = rest;
  if (!n) return NULL;
  struct lstmt *x = n == 1 ? s[0] : loop_block(a, n, s);
  for (unsigned t = 0; t < gs->k->ntensor; t++)
    if (born_in(gs, g, t)) x = loop_alloc(a, t, x);
  return x;
}

/* The function as written, where each group's schedule says so. */
static enum status lower_plain(struct arena *a, const struct groups *gs, const struct sched *sched,
                               const struct limits *lim, const struct lower_opts *o, struct lfunc **out,
                               const char **why) {
  for (unsigned g = 0; g < gs->n; g++) {
    const char *no = sched_is_plain(&sched[g]) ? legal_sched(a, gs, g, &sched[g], lim, o)
                                               : "plain: another group has a schedule of its own";
    if (!no) continue;
    if (why) *why = arena_printf(a, "group %u: %s", g, no);
    return ST_INFEASIBLE;
  }
  *out = gs->k->source;
  return ST_OK;
}

/* On blocks of threads, what follows a sum in parts is a group of its own, with its default schedule. */
static const struct groups *split_all(struct arena *a, const struct groups *gs, const struct sched **sched,
                                      const struct limits *lim, const struct lower_opts *o) {
  for (unsigned g = 0; g < gs->n; g++) {
    struct sched first = (*sched)[g];
    const struct groups *two = lim->simt ? split_in_two(a, gs, g, &first, o->strict) : NULL;
    if (!two) continue;
    struct sched *all = ARENA_NEW(a, struct sched, two->n);
    memcpy(all, *sched, (g + 1u) * sizeof *all);
    memcpy(all + g + 1, *sched + g, (gs->n - g) * sizeof *all);
    all[g] = first;
    all[g + 1] = sched_default(two, g + 1, lim, o);
    *sched = all;
    gs = two;
  }
  return gs;
}

enum status lower_kernel(struct arena *a, const struct groups *gs, const struct sched *sched, const struct limits *lim,
                         const struct lower_opts *o, const char *name, struct lfunc **out, const char **why) {
  for (unsigned g = 0; g < gs->n; g++)
    if (sched_is_plain(&sched[g])) return lower_plain(a, gs, sched, lim, o, out, why);
  gs = split_all(a, gs, &sched, lim, o);
  struct lfunc *f = lfunc_new(a, gs->k, name);
  struct lstmt **body = ARENA_NEW(a, struct lstmt *, gs->n + 1);
  unsigned stack = 0;
  f->reassoc = !o->strict;
  f->fast = o->fast;
  for (unsigned g = 0; g < gs->n; g++) {
    struct plan *p = ARENA_NEW(a, struct plan, 1);
    struct build b;
    bool legal = plan_make(p, a, gs, g, &sched[g], lim, o);
    start_build(&b, p, f, stack);
    while (f->k->nsym < p->k->nsym) lfunc_add_sym(f, p->k->sym[f->k->nsym].name); /* the axis of a split is no loop's */
    if (!legal)
      b.why = p->why;
    else
      body[g] = build_group(&b);
    if (b.why) {
      if (why) *why = arena_printf(a, "group %u: %s", g, b.why);
      return ST_INFEASIBLE;
    }
    stack = b.stack_bytes;
  }
  struct lstmt *all = chain(a, gs, body, 0);
  if (all) f->body = all;
  if (all && lim->simt) own_registers(f, all);
  *out = f;
  return ST_OK;
}
