/* fuse: TENSOR -> GROUP. Needs equations in order; gives groups: runs of equations that share the outer loops of one
   nest, with one symbol per shared axis.

   Greedy, in order: an equation joins an earlier group when no equation in a later group stands between (dependences),
   the join is legal, and it pays; the group of its latest producer is tried first. Otherwise it opens a group. Legality
   and profit are in fuse_join.c; this file keeps the groups, the order of the equations and the axes.

   Changes no result: equations move only across equations that they do not depend on. Breaks the order of equations and
   the names of indices. */
#include "compiler/pass/fuse.h"
#include "compiler/pass/passes.h"
#include "compiler/pass/stream.h"
#include <string.h>

/* First group that equation e may join: no later one holds anything that e must stay behind. */
static unsigned earliest(const struct fuse *f, const struct eq *e) {
  for (unsigned g = f->n; g-- > 0;)
    for (unsigned m = 0; m < f->g[g].n; m++)
      if (eq_depends(e, &f->k->eq[f->g[g].eq[m]])) return g;
  return 0;
}

static void open_group(struct fuse *f, unsigned e) {
  struct fgroup *g = &f->g[f->n++];
  *g = (struct fgroup){.n = 1, .closed = !eq_in_place(f->a, f->k, &f->k->eq[e], true)};
  g->eq[0] = (uint16_t)e;
  for (unsigned i = 0; i < f->k->eq[e].nax; i++) g->axis[g->nax++] = f->k->eq[e].axis[i];
  g->nshared = f->k->eq[e].npar;
  for (unsigned i = 0; i < g->nshared; i++) g->shared[i] = g->axis[i].sym;
}

/* Besides its latest producer's group only the newest are tried: kernels of many hundred equations stay quick. */
enum { NEAR = 8 };

static void place(struct fuse *f, unsigned e) {
  unsigned first = f->n ? earliest(f, &f->k->eq[e]) : 0;
  for (unsigned g = first; g < f->n; g = g == first && f->n > first + NEAR ? f->n - NEAR : g + 1)
    if (fuse_join(f, &f->g[g], e)) return;
  open_group(f, e);
}

/* --- the order of a group's axes --- */

/* The member that the order is taken from: the one with most axes, the latest of them; the first where nothing is
 * shared (its rows are walked). */
static const struct eq *anchor(const struct fuse *f, const struct fgroup *g) {
  const struct eq *best = &f->k->eq[g->eq[0]];
  for (unsigned m = 1; m < g->n; m++)
    if (f->k->eq[g->eq[m]].nax >= best->nax + !g->nshared) best = &f->k->eq[g->eq[m]];
  return best;
}

static bool listed(const struct axis *x, unsigned n, sym_t s) {
  for (unsigned i = 0; i < n; i++)
    if (x[i].sym == s) return true;
  return false;
}

static bool is_shared(const struct fgroup *g, sym_t s) {
  for (unsigned i = 0; i < g->nshared; i++)
    if (g->shared[i] == s) return true;
  return false;
}

/* The axis's bounds name only axes that are listed already. */
static bool ready(const struct fgroup *g, const struct axis *x, const struct axis *done, unsigned n) {
  for (unsigned i = 0; i < g->nax; i++) {
    sym_t s = g->axis[i].sym;
    if ((poly_has(x->lo, s) || poly_has(x->hi, s)) && !listed(done, n, s)) return false;
  }
  return true;
}

static void append_axes(const struct fgroup *g, const struct axis *from, unsigned n, bool shared, struct axis *done,
                        unsigned *ndone) {
  for (unsigned i = 0; i < n; i++)
    if (is_shared(g, from[i].sym) == shared && !listed(done, *ndone, from[i].sym) && ready(g, &from[i], done, *ndone))
      done[(*ndone)++] = from[i];
}

/* Shared axes first, in the anchor's order, then the anchor's others, then the rest; an axis after those that its
 * bounds name. */
static void order_axes(const struct fuse *f, const struct fgroup *g, struct group *out) {
  const struct eq *e = anchor(f, g);
  unsigned n = 0;
  for (unsigned before = n;; before = n) {
    append_axes(g, e->axis, e->nax, true, out->axis, &n);
    append_axes(g, g->axis, g->nax, true, out->axis, &n);
    if (n == before) break;
  }
  out->nshared = (uint8_t)n;
  for (unsigned before = n;; before = n) {
    append_axes(g, e->axis, e->nax, false, out->axis, &n);
    append_axes(g, g->axis, g->nax, false, out->axis, &n);
    if (n == before) break;
  }
  out->naxis = (uint8_t)n;
}

/* --- result --- */

static struct groups *collect(struct fuse *f) {
  struct groups *gs = ARENA_NEW(f->a, struct groups, 1);
  struct eq *old = arena_dup(f->a, f->k->eq, sizeof *old * (f->k->neq ? f->k->neq : 1));
  unsigned at = 0;
  gs->k = f->k;
  gs->n = (uint16_t)f->n;
  gs->g = ARENA_NEW(f->a, struct group, f->n + 1);
  for (unsigned i = 0; i < f->n; i++) {
    struct group *g = &gs->g[i];
    g->stream = -1;
    g->neq = f->g[i].n;
    order_axes(f, &f->g[i], g);
    for (unsigned m = 0; m < g->neq; m++) g->eq[m] = f->g[i].eq[m];
  }
  for (unsigned i = 0; i < f->n; i++)
    for (unsigned m = 0; m < gs->g[i].neq; m++) f->k->eq[at] = old[gs->g[i].eq[m]], gs->g[i].eq[m] = (uint16_t)at++;
  kernel_tidy(f->a, f->k, gs);
  return gs;
}

/* Contractions that were let in because they would run in a stream do. */
static bool streams_hold(const struct fuse *f) {
  for (unsigned i = 0; i < f->n; i++) {
    const struct fgroup *g = &f->g[i];
    struct stream st;
    if (!g->streamed) continue;
    if (!stream_find(f->a, f->k, g->eq, g->n, false, &st)) return false;
    for (unsigned m = 0; m < g->n; m++)
      if ((g->streamed >> m & 1) && st.kind[m] != MEM_RUNNING) return false;
  }
  return true;
}

static struct groups *fuse_kernel(struct arena *a, const struct unit *u, bool streams, bool *hold) {
  const struct kernel *k = u->k;
  struct fuse f = {.a = a, .k = kernel_clone(a, k), .streams = streams, .crossing = !u->simt};
  f.g = ARENA_NEW(a, struct fgroup, k->neq + 1u);
  for (unsigned e = 0; e < k->neq; e++) place(&f, e);
  *hold = streams_hold(&f);
  return collect(&f);
}

static bool axes_fit(const struct kernel *k, struct diag *d) {
  for (unsigned e = 0; e < k->neq; e++)
    if (k->eq[e].nax > GROUP_MAX_AXIS) {
      diag_error(d, k->eq[e].loc, "an equation over %u indices; at most %d can be scheduled", k->eq[e].nax,
                 (int)GROUP_MAX_AXIS);
      return false;
    }
  return true;
}

enum status pass_fuse(struct arena *a, struct unit *u, struct diag *d) {
  if (!axes_fit(u->k, d)) return ST_REFUSED;
  bool hold = true;
  struct groups *gs = fuse_kernel(a, u, !u->strict, &hold);
  if (!hold) gs = fuse_kernel(a, u, false, &hold);
  u->gs = gs;
  u->k = NULL;
  u->level = LEVEL_GROUP;
  return ST_OK;
}
