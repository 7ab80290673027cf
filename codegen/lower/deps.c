/* Which members may run in the same iteration of a loop: dependences between them, by subscripts. */
#include "ir/apart.h"
#include "codegen/lower/plan.h"
#include <string.h>

struct collect {
  unsigned tensor;
  struct reads *out;
};

static void note_read(expr_t x, void *ctx) {
  struct collect *c = ctx;
  if (x->kind != E_READ || x->acc->tensor != c->tensor) return;
  if (c->out->n == 64)
    c->out->more = true;
  else
    c->out->acc[c->out->n++] = x->acc;
}

void member_reads(const struct member *m, unsigned tensor, struct reads *out) {
  struct collect c = {tensor, out};
  expr_t part[] = {m->e->body, m->e->init, m->e->start, m->e->rescale, m->e->running};
  out->n = 0;
  out->more = false;
  for (unsigned i = 0; i < sizeof part / sizeof *part; i++)
    if (part[i]) expr_visit(part[i], note_read, &c);
}

bool member_touches(const struct plan *p, const struct member *m, unsigned tensor) {
  (void)p;
  struct reads r;
  if (m->e->lhs == tensor || m->aux == tensor) return true;
  member_reads(m, tensor, &r);
  return r.n != 0;
}

/* Most by which axis a can move a subscript that it enters with factor c; INT64_MAX: it cannot be told. */
static int64_t reach(const struct plan *p, unsigned a, int64_t c) {
  const struct paxis *x = &p->axis[a];
  int64_t n;
  if (!x->uniform || x->ext < 1) return INT64_MAX;
  return __builtin_mul_overflow(c < 0 ? -c : c, x->ext - 1, &n) ? INT64_MAX : n;
}

/* Does subscript x tell the value of axis a, given those in `same`? It does when the others move it by less than one
 * step of a: n * part + i, with i below n. */
static bool tells(const struct plan *p, poly_t x, unsigned a, uint32_t same) {
  int64_t left = 0, c;
  poly_t coef, rest;
  for (unsigned i = 0; i < p->naxis; i++) {
    if ((same >> i & 1) || !poly_has(x, p->axis[i].sym)) continue;
    if (!poly_split(p->a, x, p->axis[i].sym, &coef, &rest) || !poly_is_const(coef, &c) || c == INT64_MIN) return false;
    int64_t n = i == a ? (c < 0 ? c : -c) : reach(p, i, c);
    if (n == INT64_MAX || __builtin_add_overflow(left, n, &left)) return false;
  }
  return left < 0;
}

/* Axes of which two subscript lists force the same value when they name the same element, given that those in `same`
 * agree already. */
static uint32_t aligned(const struct plan *p, const struct subscript *x, const struct subscript *y, unsigned rank,
                        uint32_t same) {
  for (bool grew = true; grew;) {
    grew = false;
    for (unsigned d = 0; d < rank; d++) {
      if (x[d].dyn || y[d].dyn || !poly_eq(x[d].poly, y[d].poly)) continue;
      for (unsigned a = 0; a < p->naxis; a++) {
        if ((same >> a & 1) || !poly_has(x[d].poly, p->axis[a].sym) || !tells(p, x[d].poly, a, same)) continue;
        same |= 1u << a;
        grew = true;
      }
    }
  }
  return same;
}

static const struct subscript *lhs_subs(const struct plan *p, const struct member *m, unsigned *rank) {
  *rank = tensor_rank(p, m->e->lhs);
  struct subscript *s = ARENA_NEW(p->a, struct subscript, *rank + 1);
  for (unsigned d = 0; d < *rank; d++) s[d].poly = m->e->lhs_idx[d];
  return s;
}

static bool meets(const struct plan *p, const struct subscript *x, const struct subscript *y, unsigned rank,
                  unsigned axis, uint32_t fixed) {
  return aligned(p, x, y, rank, fixed) & (1u << axis);
}

/* On the running loop a member meets partial results, of what is reduced there and of the helpers, as a matter of
 * course. */
static bool running(const struct plan *p, const struct member *m, const struct member *n, unsigned l) {
  return (int)l == p->stream_top && (n->on_stream || m->kind != MK_EQ);
}

static bool partial(const struct plan *p, const struct member *m, const struct member *n, const struct member *writer,
                    unsigned l) {
  return running(p, m, n, l) && ((writer->red & BIT(l)) || m->kind != MK_EQ || n->kind != MK_EQ);
}

/* x >= 0, as a number or because the kernel assumes it. */
static bool is_known(const struct plan *p, poly_t x) {
  int64_t c;
  if (poly_is_const(x, &c)) return c >= 0;
  for (unsigned i = 0; i < p->k->nassume; i++)
    if (poly_eq(p->k->assume[i], x)) return true;
  return false;
}

/* Loops go up: may it go on, since what is read is written by this iteration or a later one (x[i] = x[i + 1])? */
static bool read_ahead(const struct plan *p, const struct subscript *written, const struct subscript *read,
                       unsigned rank, unsigned l) {
  sym_t s = p->axis[LOOP_AXIS(l)].sym;
  bool moves = false;
  if (p->lim->simt || p->loop[l].parallel) return false;
  for (unsigned d = 0; d < rank; d++) {
    poly_t by, rest;
    int64_t c = 0;
    if (read[d].dyn || written[d].dyn || !poly_split(p->a, written[d].poly, s, &by, &rest) || !poly_is_const(by, &c))
      return false;
    poly_t far = poly_sub(p->a, read[d].poly, written[d].poly);
    if (c ? c < -1 || c > 1 || !is_known(p, poly_scale(p->a, far, c)) : !poly_eq(read[d].poly, written[d].poly))
      return false;
    moves |= c != 0;
  }
  return moves;
}

/* behind: the writer's iteration comes after the reader's. */
static bool reads_meet(const struct plan *p, const struct member *writer, const struct member *reader, unsigned l,
                       uint32_t fixed, bool behind, bool *any) {
  struct reads r;
  unsigned rank;
  member_reads(reader, writer->e->lhs, &r);
  if (r.more) return false;
  const struct subscript *w = r.n ? lhs_subs(p, writer, &rank) : NULL;
  for (unsigned i = 0; i < r.n; i++) {
    if (eq_apart(p->k, writer->e, reader->e, r.acc[i])) continue;
    *any = true;
    if (!meets(p, w, r.acc[i]->ix, rank, LOOP_AXIS(l), fixed) && !(behind && read_ahead(p, w, r.acc[i]->ix, rank, l)))
      return false;
  }
  return true;
}

bool deps_flow(const struct member *m, const struct member *n) {
  struct reads r;
  member_reads(n, m->e->lhs, &r);
  return r.n != 0;
}

bool deps_any(const struct plan *p, const struct member *m, const struct member *n) {
  (void)p;
  return deps_flow(m, n) || deps_flow(n, m) || m->e->lhs == n->e->lhs;
}

static unsigned top_axis_loops(const struct member *m, const struct member *n, const struct plan *p, unsigned l) {
  /* reduction loops of m, on other axes than l's, that n does not share and that are real loops */
  unsigned c = 0;
  for (unsigned i = 0; i < MAX_LOOP; i++)
    if ((m->red & BIT(i)) && !(m->reg & BIT(i)) && LOOP_AXIS(i) != LOOP_AXIS(l) && !p->loop[i].trivial &&
        !(n->walks & BIT(i)))
      c++;
  return c;
}

/* An accumulator that lives across l should not live across the nest of another reduction inside l. */
static bool crowds(const struct plan *p, const struct member *m, const struct member *n, unsigned l) {
  return (n->acc && (n->run & BIT(l)) && top_axis_loops(m, n, p, l)) ||
         (m->acc && (m->run & BIT(l)) && top_axis_loops(n, m, p, l));
}

static bool same_bounds(const struct plan *p, const struct member *m, const struct member *n, unsigned axis) {
  const struct axis *x = member_axis(p, m, axis), *y = member_axis(p, n, axis);
  if (!x || !y) return true; /* a helper of the stream walks its blocks only */
  return poly_eq(x->lo, y->lo) && poly_eq(x->hi, y->hi);
}

bool deps_share(const struct plan *p, const struct member *m, const struct member *n, unsigned l, uint32_t fixed) {
  unsigned axis = LOOP_AXIS(l), rank;
  bool flow = false, anti = false, out = m->e->lhs == n->e->lhs;
  if (!same_bounds(p, m, n, axis) || crowds(p, m, n, l)) return false;
  if (!partial(p, m, n, m, l) && (!reads_meet(p, m, n, l, fixed, false, &flow) || (flow && (m->red & BIT(l)))))
    return false;
  if (!partial(p, m, n, n, l) && (!reads_meet(p, n, m, l, fixed, true, &anti) || (anti && (n->red & BIT(l)))))
    return false;
  if (!out || partial(p, m, n, m, l) || partial(p, m, n, n, l)) return true;
  const struct subscript *x = lhs_subs(p, m, &rank), *y = lhs_subs(p, n, &rank);
  struct access other = {.tensor = n->e->lhs, .rank = (uint8_t)rank, .ix = (struct subscript *)y};
  if (eq_apart(p->k, m->e, n->e, &other)) return true;
  if ((m->red | n->red) & BIT(l)) return false;
  return meets(p, x, y, rank, axis, fixed);
}
