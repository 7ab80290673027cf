/* How much code a nest becomes: machine instructions that the emitter will make of it, roughly. What is unrolled counts
   as often as it is repeated, but a value that does not depend on an unrolled loop is made once (codegen/emit/build.h);
   vectors count by the registers that they take. Every body counts, also those that are rarely run: building takes time
   for all of them, and more than in proportion where one body is long. */
#include "codegen/lower/legal.h"
#include "codegen/lower/plan.h"
#include <math.h>

enum {
  NEST = 24,
  LOOP_COST = 8,
  TRANSCENDENTAL = 25,
  DIVISION = 3,
  APART = 4,
  STREAM_BODIES = 3,
  BODIES = 3,
  PLAIN = 8,
  GROUP = 16 /* an instruction of a warp group, with its descriptors */
};

struct sizing {
  const struct lfunc *f;
  const struct limits *lim;
  unsigned n; /* unrolled loops around */
  sym_t sym[NEST];
  double trip[NEST];
  sym_t lane; /* vector loop around, or SYM_NONE */
  unsigned lanes;
  bool streams; /* a store past the caches was seen */
};

/* Iterations; 0: none, or no constant. */
static double trips(const struct lstmt *s) {
  int64_t lo, hi;
  if (s->nlo != 1 || s->nhi != 1 || !poly_is_const(s->lo[0], &lo) || !poly_is_const(s->hi[0], &hi)) return 0;
  return hi > lo ? ceil((double)(hi - lo) / (double)s->step) : 0;
}

/* How often the body of a loop stands in the code: whole groups of iterations, and what is left over. */
static double copies(const struct lstmt *s) {
  double n = trips(s), group = s->once || s->unroll < 2 ? 1 : s->unroll;
  if (group == 1 || (n > 0 && n < group)) return 1;
  return group + (n > 0 && fmod(n, group) == 0 ? 0 : 1);
}

static double vectors(const struct sizing *w, unsigned bytes) {
  double n = ceil((double)w->lanes * bytes / (w->lim->vector_bytes ? w->lim->vector_bytes : 16));
  return n > 1 ? n : 1;
}

static double times(const struct sizing *w, uint32_t loops) {
  double n = 1;
  for (unsigned i = 0; i < w->n; i++)
    if (loops & (1u << i)) n *= w->trip[i];
  return n;
}

static uint32_t poly_loops(const struct sizing *w, poly_t p) {
  uint32_t loops = 0;
  for (unsigned i = 0; i < w->n; i++) loops |= poly_has(p, w->sym[i]) ? 1u << i : 0;
  return loops;
}

static uint32_t size_expr(const struct sizing *w, expr_t x, double *sum);

/* Do the lanes of an access lie apart? */
static bool apart(const struct sizing *w, const struct access *acc) {
  const struct object *o = &w->f->object[acc->tensor];
  if (w->lane == SYM_NONE) return false;
  for (unsigned d = 0; d < acc->rank; d++) {
    int64_t stride;
    if (acc->ix[d].dyn) return true;
    if (!poly_has(acc->ix[d].poly, w->lane)) continue;
    if (o->stride ? !poly_is_const(o->stride[d], &stride) || stride != 1 : d + 1 < acc->rank) return true;
  }
  return false;
}

/* One load or store; the unrolled loops that it depends on. */
static uint32_t size_access(const struct sizing *w, const struct access *acc, double *sum) {
  const struct object *o = &w->f->object[acc->tensor];
  uint32_t loops = 0;
  for (unsigned d = 0; d < acc->rank; d++)
    loops |= acc->ix[d].dyn ? size_expr(w, acc->ix[d].dyn, sum) : poly_loops(w, acc->ix[d].poly);
  for (unsigned g = 0; g < acc->nguard; g++) {
    uint32_t own = poly_loops(w, acc->guard[g]);
    *sum += times(w, own);
    loops |= own;
  }
  if (acc->otherwise) loops |= size_expr(w, acc->otherwise, sum);
  if (o->scope != SCOPE_REG)
    *sum += times(w, loops) * vectors(w, (unsigned)type_size(o->type)) * (apart(w, acc) ? APART : 1);
  return loops;
}

static double weight(expr_t x) {
  if (x->kind != E_OP) return 1;
  if (op_info[x->op].flags & OPF_TRANS) return TRANSCENDENTAL;
  return x->op == OP_div || x->op == OP_sqrt || x->op == OP_rsqrt ? DIVISION : 1;
}

static uint32_t size_expr(const struct sizing *w, expr_t x, double *sum) {
  uint32_t loops = 0;
  if (x->kind == E_READ) return size_access(w, x->acc, sum);
  if (x->kind == E_POLY) return poly_loops(w, x->poly);
  if (x->kind == E_LOCAL) return (1u << w->n) - 1;
  if (x->kind != E_OP && x->kind != E_CAST) return 0;
  for (unsigned i = 0; i < x->nkid; i++) loops |= size_expr(w, x->kid[i], sum);
  *sum += weight(x) * times(w, loops) * vectors(w, (unsigned)type_size(x->type));
  return loops;
}

/* Of a product that is added, the multiplication is free. */
static double size_store(struct sizing *w, const struct lstmt *s) {
  double sum = 0;
  w->streams |= s->nontemporal;
  uint32_t loops = size_expr(w, s->value, &sum) | size_access(w, s->acc, &sum);
  bool fused = s->value->kind == E_OP && s->value->op == OP_mul;
  if (s->red != RED_none && !fused) sum += times(w, loops) * vectors(w, (unsigned)type_size(s->value->type));
  return sum;
}

static double size_stmt(struct sizing *w, const struct lstmt *s);

static void find_panels(expr_t x, void *ctx) {
  const struct lfunc **f = ctx;
  if (x->kind == E_READ && *f && (*f)->object[x->acc->tensor].panel_rows) *f = NULL;
}

/* A product of a warp group: one instruction makes all of a thread's sums. */
static bool by_group(const struct sizing *w, const struct lstmt *s, double *size) {
  const struct lfunc *f = w->f;
  const struct lstmt *st = s->body[0];
  uint32_t sums = 0;
  if (s->fkind != F_SUB || st->kind != L_STORE || st->red == RED_none) return false;
  expr_visit(st->value, find_panels, &f);
  if (f) return false;
  for (unsigned d = 0; d < st->acc->rank; d++) sums |= poly_loops(w, st->acc->ix[d].poly);
  *size = GROUP * times(w, ((1u << w->n) - 1) & ~sums);
  return true;
}

static double size_loop(struct sizing *w, const struct lstmt *s) {
  struct sizing in = *w;
  double extra = 0, count = 1;
  if (by_group(w, s, &extra)) return extra;
  if (s->fkind == F_VECTOR) {
    in.lane = s->sym;
    in.lanes = 1u << s->lanes_log2;
  } else if (s->fkind == F_UNROLL && in.n < NEST) {
    in.sym[in.n] = s->sym;
    in.trip[in.n++] = trips(s);
  } else if (s->fkind != F_SUB) {
    extra = LOOP_COST;
    count = copies(s);
  }
  double body = size_stmt(&in, s->body[0]);
  w->streams |= in.streams;
  return extra + count * body;
}

static double size_stmt(struct sizing *w, const struct lstmt *s) {
  double sum = 0;
  if (!s) return 0;
  switch (s->kind) {
  case L_FOR:
    return size_loop(w, s);
  case L_STORE:
    return size_store(w, s);
  case L_SET:
    (void)size_expr(w, s->value, &sum);
    return sum;
  case L_PREFETCH:
    return times(w, (1u << w->n) - 1);
  case L_IF:
    sum = s->nguard + 1;
    if (s->cond) (void)size_expr(w, s->cond, &sum);
    break;
  default:
    break;
  }
  for (uint32_t i = 0; i < s->nbody; i++) sum += size_stmt(w, s->body[i]);
  return sum;
}

double size_nest(const struct lfunc *f, const struct lstmt *s, const struct limits *lim) {
  struct sizing w = {.f = f, .lim = lim, .lane = SYM_NONE, .lanes = 1};
  double n = size_stmt(&w, s);
  return w.streams ? STREAM_BODIES * n : n;
}

/* An equation once, wherever its loops are. */
static double once(const struct member *m) {
  return expr_cost(m->e->body) + m->e->nguard + 4.0;
}

/* What is long as it is written may be long. */
static double most(const struct plan *p) {
  double plain = 0, most = p->o->max_size ? p->o->max_size : LOWER_SIZE_MAX;
  for (unsigned i = 0; i < p->nmember; i++) plain += PLAIN * once(&p->member[i]);
  return fmax(plain, most);
}

const char *size_refuses(struct build *b, const struct lstmt *s) {
  double n = s ? size_nest(b->f, s, b->p->lim) : 0;
  if (n <= most(b->p)) return NULL;
  return arena_printf(b->a, "the code would be too large: about %.0f instructions, at most %.0f", n, most(b->p));
}

/* An equation repeated as often as the schedule can repeat it. */
static double size_member(const struct plan *p, const struct member *m) {
  double n = 4 * once(m), elements = 1;
  for (unsigned i = 0; i < p->norder; i++) {
    unsigned l = p->order[i];
    if (!(m->walks & BIT(l))) continue;
    if (m->reg & BIT(l))
      elements *= (double)loop_span(p, l) / (p->loop[l].mark == MARK_VECTOR ? p->loop[l].lanes : 1);
    else if (p->loop[l].unroll)
      elements *= p->loop[l].unroll + 1;
  }
  return n * (elements > 1 ? elements : 1);
}

bool size_may_exceed(const struct plan *p) {
  double sum = 100, peeled = 1;
  for (unsigned i = 0; i < p->nmember; i++) sum += size_member(p, &p->member[i]);
  for (unsigned i = 0; i < p->norder; i++) peeled *= p->loop[p->order[i]].peel ? PEEL_EACH : 1;
  sum += p->npack * 200.0 + p->nprefetch * 100.0;
  return sum * BODIES * (p->nstream ? STREAM_BODIES : 1) * fmin(peeled, PEEL_ALL) * (p->ncompute ? 4 : 1) > most(p);
}
