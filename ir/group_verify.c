/* Rules of the GROUP level, on top of those of the kernel: every equation is in exactly one group, in order; axes that
   members walk are axes of the group with the same range; shared axes are parallel in each member; the running form is
   complete. Every violation is reported. */
#include "ir/group.h"
#include <stdio.h>
#include <string.h>

struct check {
  const struct groups *gs;
  struct diag *d;
  unsigned n; /* group being checked */
  bool ok;
};

static void fault(struct check *c, struct loc at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void fault(struct check *c, struct loc at, const char *fmt, ...) {
  char text[400];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  c->ok = false;
  diag_error(c->d, at, "group g%u: %s", c->n, text);
}

static const char *sym_name(const struct check *c, sym_t s) {
  return s < c->gs->k->nsym ? c->gs->k->sym[s].name : "?";
}

static const struct axis *group_axis(const struct group *g, sym_t s) {
  for (unsigned i = 0; i < g->naxis; i++)
    if (g->axis[i].sym == s) return &g->axis[i];
  return NULL;
}

static void check_member(struct check *c, const struct group *g, const struct eq *e) {
  const char *name = c->gs->k->tensor[e->lhs].name;
  for (unsigned i = 0; i < e->nax; i++) {
    const struct axis *x = group_axis(g, e->axis[i].sym);
    if (!x) {
      fault(c, e->loc, "'%s' walks '%s', which is no axis of the group", name, sym_name(c, e->axis[i].sym));
    } else if (!poly_eq(x->lo, e->axis[i].lo) || !poly_eq(x->hi, e->axis[i].hi)) {
      fault(c, e->loc, "'%s' walks '%s' over another range than the group", name, sym_name(c, x->sym));
    }
  }
  for (unsigned i = 0; i < g->nshared; i++) {
    int x = eq_axis(e, g->axis[i].sym);
    if (x < 0 || x >= e->npar)
      fault(c, e->loc, "shared axis '%s' is not parallel in '%s'", sym_name(c, g->axis[i].sym), name);
  }
}

static bool is_lhs_before(const struct check *c, const struct group *g, unsigned upto, unsigned tensor) {
  for (unsigned i = 0; i < upto; i++)
    if (c->gs->k->eq[g->eq[i]].lhs == tensor) return true;
  return false;
}

/* A running member follows its state in the same group and walks the stream; what is element-wise stays inside. */
static void check_running(struct check *c, const struct group *g, unsigned i) {
  const struct eq *e = &c->gs->k->eq[g->eq[i]];
  const char *name = c->gs->k->tensor[e->lhs].name;
  if (e->state == UINT16_MAX) return;
  if (g->stream < 0) {
    fault(c, e->loc, "'%s' runs with a state but the group has no stream", name);
    return;
  }
  int x = eq_axis(e, g->axis[g->stream].sym);
  if (!is_lhs_before(c, g, i, e->state))
    fault(c, e->loc, "the state of '%s' is not computed in this group before", name);
  if (x < 0) fault(c, e->loc, "'%s' runs with a state but does not walk the stream", name);
  if (e->red != RED_none && x >= 0 && x < e->npar) fault(c, e->loc, "'%s' does not reduce over the stream", name);
  if (e->red == RED_sum && !e->rescale) fault(c, e->loc, "'%s' runs with a state but has no rescaling", name);
  if (e->red == RED_none && !group_private(c->gs, c->n, e->lhs))
    fault(c, e->loc, "'%s' runs with a state but is used outside of the group", name);
}

static void check_axes(struct check *c, const struct group *g) {
  if (g->naxis > GROUP_MAX_AXIS || g->nshared > g->naxis || g->stream >= (int)g->naxis) {
    fault(c, c->gs->k->loc, "its axes are malformed");
    return;
  }
  if (g->stream >= 0 && g->stream < (int)g->nshared)
    fault(c, c->gs->k->loc, "stream '%s' is a shared axis", sym_name(c, g->axis[g->stream].sym));
  for (unsigned i = 0; i < g->naxis; i++) {
    bool walked = false;
    for (unsigned j = 0; j < i; j++)
      if (g->axis[i].sym == g->axis[j].sym)
        fault(c, c->gs->k->loc, "axis '%s' is listed twice", sym_name(c, g->axis[i].sym));
    for (unsigned m = 0; m < g->neq; m++) walked |= eq_axis(&c->gs->k->eq[g->eq[m]], g->axis[i].sym) >= 0;
    if (!walked) fault(c, c->gs->k->loc, "no member walks axis '%s'", sym_name(c, g->axis[i].sym));
  }
}

bool groups_verify(const struct groups *gs, struct diag *d) {
  struct check c = {.gs = gs, .d = d, .ok = true};
  if (!kernel_verify(gs->k, d)) return false;
  unsigned next = 0;
  for (unsigned n = 0; n < gs->n; n++) {
    const struct group *g = &gs->g[n];
    c.n = n;
    if (g->neq == 0 || g->neq > GROUP_MAX_EQ) fault(&c, gs->k->loc, "it has %u equations", g->neq);
    bool order = g->neq <= GROUP_MAX_EQ;
    for (unsigned i = 0; order && i < g->neq; i++) order = g->eq[i] == next++;
    if (!order) {
      fault(&c, gs->k->loc, "its equations are not those that follow in the kernel");
      return false;
    }
    if (next > gs->k->neq) {
      fault(&c, gs->k->loc, "it has equations that do not exist");
      return false;
    }
    check_axes(&c, g);
    for (unsigned i = 0; i < g->neq; i++) {
      check_member(&c, g, &gs->k->eq[g->eq[i]]);
      check_running(&c, g, i);
    }
  }
  if (next != gs->k->neq) fault(&c, gs->k->loc, "%u equations are in no group", gs->k->neq - next);
  return c.ok;
}
