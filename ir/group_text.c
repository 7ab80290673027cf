/* GROUP as text: the kernel's text, with the equations of each group in braces.

     group g0 (shared i in 0..M, j; over k; stream k) { … }

   Axes stand in the group's order; a range is left out where the first member that walks the axis has the same. */
#include "ir/tensor_parse.h"

/* ---- printing ---- */

static const struct axis *member_axis(const struct kernel *k, const struct group *g, sym_t s) {
  for (unsigned i = 0; i < g->neq; i++) {
    const struct eq *e = &k->eq[g->eq[i]];
    int x = eq_axis(e, s);
    if (x >= 0) return &e->axis[x];
  }
  return NULL;
}

static void print_group_axis(struct buf *out, const struct kernel *k, const struct group *g, const struct axis *x) {
  const struct axis *m = member_axis(k, g, x->sym);
  if (m && poly_eq(m->lo, x->lo) && poly_eq(m->hi, x->hi)) {
    name_print(out, k->sym[x->sym].name);
  } else {
    text_axis(out, k, x, NULL);
  }
}

static void print_axes(struct buf *out, const struct kernel *k, const struct group *g, unsigned from, unsigned to,
                       const char *word) {
  if (from < to) buf_printf(out, "%s%s ", from && g->nshared ? "; " : "", word);
  for (unsigned i = from; i < to; i++) {
    if (i > from) buf_puts(out, ", ");
    print_group_axis(out, k, g, &g->axis[i]);
  }
}

static void print_groups(struct buf *out, const struct kernel *k, const bool *declared, void *ctx) {
  const struct groups *gs = ctx;
  for (unsigned n = 0; n < gs->n; n++) {
    const struct group *g = &gs->g[n];
    buf_printf(out, "  group g%u (", n);
    print_axes(out, k, g, 0, g->nshared, "shared");
    print_axes(out, k, g, g->nshared, g->naxis, "over");
    if (g->stream >= 0) {
      buf_puts(out, "; stream ");
      name_print(out, k->sym[g->axis[g->stream].sym].name);
    }
    buf_puts(out, ") {\n");
    for (unsigned i = 0; i < g->neq; i++) text_equation(out, k, declared, g->eq[i], 2);
    buf_puts(out, "  }\n");
  }
}

void groups_print(struct buf *out, const struct groups *gs) {
  text_kernel(out, gs->k, print_groups, (void *)(uintptr_t)gs);
}

/* ---- parsing ---- */

static bool parse_list(struct tparser *p, struct group *g) {
  do {
    struct loc at = p->l.tok.loc;
    if (g->naxis == GROUP_MAX_AXIS) return lex_error(&p->l, "more than %d axes in a group", GROUP_MAX_AXIS);
    if (!parse_axis(p, &g->axis[g->naxis])) return false;
    for (unsigned i = 0; i < g->naxis; i++)
      if (g->axis[i].sym == g->axis[g->naxis].sym) return lex_error_at(&p->l, at, "this axis is listed twice");
    g->naxis++;
  } while (lex_accept(&p->l, ","));
  return true;
}

static bool parse_stream(struct tparser *p, struct group *g) {
  struct axis x;
  struct loc at = p->l.tok.loc;
  if (!parse_axis(p, &x)) return false;
  for (unsigned i = 0; i < g->naxis; i++)
    if (g->axis[i].sym == x.sym) g->stream = (int8_t)i;
  return g->stream >= 0 || lex_error_at(&p->l, at, "the stream must be one of the group's axes");
}

static bool parse_head(struct tparser *p, struct group *g) {
  const char *name;
  lex_next(&p->l);
  if (!lex_name(&p->l, "the group's name", &name) || !lex_expect(&p->l, "(")) return false;
  if (lex_accept(&p->l, "shared")) {
    if (!parse_list(p, g)) return false;
    g->nshared = g->naxis;
    lex_accept(&p->l, ";");
  }
  if (lex_accept(&p->l, "over")) {
    if (!parse_list(p, g)) return false;
    lex_accept(&p->l, ";");
  }
  if (lex_accept(&p->l, "stream") && !parse_stream(p, g)) return false;
  return lex_expect(&p->l, ")") && lex_expect(&p->l, "{");
}

static bool add_group(struct tparser *p, const struct group *g) {
  struct groups *gs = p->gs;
  if (gs->n >= TEXT_MAX_ITEMS) return lex_error(&p->l, "more than %d groups", TEXT_MAX_ITEMS);
  struct group *all = ARENA_NEW(p->a, struct group, gs->n + 1u);
  for (unsigned i = 0; i < gs->n; i++) all[i] = gs->g[i];
  all[gs->n++] = *g;
  gs->g = all;
  return true;
}

/* Ranges that were not said are those of the first member that walks the axis. */
static void fill_ranges(struct tparser *p, struct group *g, struct loc at) {
  for (unsigned i = 0; i < g->naxis; i++) {
    struct axis *x = &g->axis[i];
    const struct axis *m = member_axis(p->k, g, x->sym);
    if (x->lo) continue;
    x->lo = m ? m->lo : poly_const(p->a, 0);
    x->hi = m ? m->hi : poly_const(p->a, 0);
    if (!m && !p->kernel_bad) semantic_error(p, at, "no member of the group walks axis '%s'", p->k->sym[x->sym].name);
  }
}

bool parse_group(struct tparser *p) {
  struct group g = {.stream = -1};
  struct loc at = p->l.tok.loc;
  if (!parse_head(p, &g)) return false;
  unsigned first = p->k->neq;
  p->in_group = true;
  parse_items(p);
  p->in_group = false;
  if (!lex_expect(&p->l, "}")) return false;
  if (p->k->neq - first > GROUP_MAX_EQ)
    return lex_error_at(&p->l, at, "more than %d equations in a group", GROUP_MAX_EQ);
  for (unsigned i = first; i < p->k->neq; i++) g.eq[g.neq++] = (uint16_t)i;
  fill_ranges(p, &g, at);
  return add_group(p, &g);
}

enum status groups_parse(struct arena *a, struct diag *d, uint16_t file, const char *text, size_t len,
                         struct groups **out) {
  struct kernels ks;
  struct groups **gs = ARENA_NEW(a, struct groups *, TEXT_MAX_ITEMS);
  enum status st = text_parse(a, d, file, text, len, true, &ks, gs);
  if (st != ST_OK) return st;
  if (ks.n != 1) {
    diag_error(d, (struct loc){file, 1, 1}, "expected one kernel with groups, found %u", ks.n);
    return ST_REFUSED;
  }
  *out = gs[0];
  return ST_OK;
}
