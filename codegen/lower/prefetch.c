/* prefetch T L: hints that bring lines near before they are used.
     T is read     while one iteration of L runs, the lines that the next one will read are asked for, beside the reads
   of this one: in the innermost loop of T's axes, which spreads them over the whole iteration T is written  the tile at
   hand is asked for where the body of L begins, so that it is there when the result is stored Only constant innermost
   tiles, a tile's worth of lines. A hint may point anywhere: there is no test for the last iteration. */
#include "codegen/lower/plan.h"

enum {
  MOST_LINES = 64
}; /* asked for at one place: more would be in flight than the machine has buffers for, many times over */
#include <string.h>

struct fetch {
  struct build *b;
  const struct member *m;
  unsigned tensor, rank;
  const struct subscript *ix;
  bool write;
};

static bool in_subscripts(const struct plan *p, const struct subscript *ix, unsigned rank, unsigned axis) {
  for (unsigned d = 0; d < rank; d++)
    if (poly_has(ix[d].poly, p->axis[axis].sym)) return true;
  return false;
}

static struct lstmt *one_line(const struct fetch *k, const struct env *e) {
  struct build *b = k->b;
  struct env raw = *e; /* the operand itself, not the copy that is packed of it */
  raw.places = NULL;
  struct lstmt *s = loop_store(b->a, place_access(b, &raw, k->m, k->tensor, k->ix, k->rank), RED_none, NULL);
  s->kind = L_PREFETCH;
  s->red = k->write;
  return s;
}

/* The innermost loop of the axis when all further out are open or have one iteration; -1: the part in use is no tile.
 */
static int tile_loop(const struct plan *p, const struct env *e, unsigned axis) {
  int l = axis_inner(p, e, axis);
  while (l >= 0 && LOOP_LEVEL((unsigned)l) && p->loop[l].trivial) l--;
  return l >= 0 && LOOP_LEVEL((unsigned)l) ? -1 : l;
}

/* Over the constant innermost tiles of the axes in the subscripts: every row, and every line of a row. room: so many
 * lines at most, else none. */
static struct lstmt *all_lines(const struct fetch *k, const struct env *e, int64_t room) {
  struct build *b = k->b;
  unsigned a = 0, line = b->p->lim->line_bytes / (unsigned)type_size(tensor_type(b->p, k->tensor));
  while (a < b->p->naxis && !(in_subscripts(b->p, k->ix, k->rank, a) && axis_inner(b->p, e, a) >= 0)) a++;
  if (a == b->p->naxis) return one_line(k, e);
  int l = tile_loop(b->p, e, a);
  int64_t n = l < 0 ? 0 : loop_span(b->p, (unsigned)l),
          step = k->rank && poly_has(k->ix[k->rank - 1].poly, b->p->axis[a].sym) && line ? line : 1;
  int64_t lines = n < 1 ? 0 : (n + step - 1) / step;
  if (lines < 1 || lines > room) return NULL;
  sym_t s = lfunc_add_sym(b->f, arena_printf(b->a, "%sf", plan_loop_name(b->p, (unsigned)l)));
  struct env in = *e;
  for (unsigned v = 0; v <= b->p->axis[a].ntile; v++) /* those of one iteration add nothing */
    if (!(in.open & BIT(LOOP_ID(a, v)))) in.open |= BIT(LOOP_ID(a, v)), in.val[LOOP_ID(a, v)] = cpoly(b, 0);
  in.val[l] = poly_sym(b->a, s);
  struct lstmt *x = all_lines(k, &in, room / lines);
  return x ? loop_for(b->a, F_UNROLL, s, cpoly(b, 0), cpoly(b, n), step, x) : NULL;
}

/* Another member's vector, walked one element after the other along the operand's rows: its lines are asked for around
   it. */
static bool along_line(const struct fetch *k, unsigned l) {
  const struct ploop *x = &k->b->p->loop[l];
  return x->mark == MARK_VECTOR && !on_lanes(k->m, l) && k->rank &&
         poly_has(k->ix[k->rank - 1].poly, k->b->p->axis[LOOP_AXIS(l)].sym);
}

/* Is loop l, which has just been opened, the innermost of those that move the access, `at` among them? */
static bool innermost(const struct fetch *k, const struct env *e, unsigned l, unsigned at) {
  const struct plan *p = k->b->p;
  bool moves = l == at || (in_subscripts(p, k->ix, k->rank, LOOP_AXIS(l)) && !along_line(k, l));
  if (e->edge || !(e->open & BIT(at)) || !moves) return false;
  for (unsigned i = 0; i < e->n; i++) {
    unsigned o = e->order[i];
    bool reg = (k->m->reg & BIT(o)) || on_lanes(k->m, o) || p->loop[o].trivial || along_line(k, o);
    if (!(e->open & BIT(o)) && !reg && (k->m->walks & BIT(o)) && in_subscripts(p, k->ix, k->rank, LOOP_AXIS(o)))
      return false;
  }
  return true;
}

/* A value chooses what is read: for the next iteration it may lie behind its array's end. */
static bool is_chosen(const struct access *x) {
  for (unsigned d = 0; d < x->rank; d++)
    if (x->ix[d].dyn) return true;
  return false;
}

static struct lstmt *next_read(struct build *b, const struct set *s, unsigned l, const struct env *e,
                               const struct ppack *step) {
  for (unsigned i = 0; i < s->n; i++) {
    expr_t r = member_read_of(s->m[i], step->tensor);
    if (!r || is_chosen(r->acc)) continue;
    struct fetch k = {b, s->m[i], step->tensor, r->acc->rank, r->acc->ix, false};
    if (!innermost(&k, e, l, step->loop)) return NULL;
    struct env next = *e;
    next.val[step->loop] = poly_addc(b->a, next.val[step->loop], b->p->loop[step->loop].step);
    return all_lines(&k, &next, MOST_LINES);
  }
  return NULL;
}

static struct lstmt *tile_written(struct build *b, const struct set *s, unsigned l, const struct env *e,
                                  const struct ppack *step) {
  for (unsigned i = 0; i < s->n && step->loop == l; i++) {
    if (s->m[i]->e->lhs != step->tensor) continue;
    unsigned rank = tensor_rank(b->p, step->tensor);
    struct subscript *ix = ARENA_NEW(b->a, struct subscript, rank + 1);
    for (unsigned d = 0; d < rank; d++) ix[d].poly = s->m[i]->e->lhs_idx[d];
    struct fetch k = {b, s->m[i], step->tensor, rank, ix, true};
    return all_lines(&k, e, MOST_LINES);
  }
  return NULL;
}

struct lstmt *prefetch_at(struct build *b, const struct set *s, unsigned l, const struct env *e) {
  struct stmts out = {0};
  for (unsigned i = 0; i < b->p->nprefetch; i++) {
    const struct ppack *k = &b->p->prefetch[i];
    stmts_add(b, &out, k->writes ? tile_written(b, s, l, e, k) : next_read(b, s, l, e, k));
  }
  return stmts_block(b, &out);
}

/* ---- legality ---- */

static bool check_read(struct plan *p, const struct ppack *k, const char *name, const char *loop) {
  for (unsigned i = 0; i < p->nmember; i++) {
    expr_t r = p->member[i].walks & BIT(k->loop) ? member_read_of(&p->member[i], k->tensor) : NULL;
    if (!r) continue;
    if (is_chosen(r->acc)) p->why = arena_printf(p->a, "prefetch %s %s: its subscripts are computed", name, loop);
    if (!p->why && !in_subscripts(p, r->acc->ix, r->acc->rank, LOOP_AXIS(k->loop)))
      p->why = arena_printf(p->a, "prefetch %s %s: the next iteration reads the same", name, loop);
    return !p->why;
  }
  p->why = arena_printf(p->a, "prefetch %s %s: nothing inside the loop reads or writes it", name, loop);
  return false;
}

bool prefetch_check(struct plan *p) {
  for (unsigned i = 0; i < p->nprefetch; i++) {
    struct ppack *k = &p->prefetch[i];
    const char *name = p->k->tensor[k->tensor].name, *loop = plan_loop_name(p, k->loop);
    for (unsigned m = 0; m < p->nmember; m++)
      k->writes |= p->member[m].e->lhs == k->tensor && (p->member[m].walks & BIT(k->loop));
    if (p->loop[k->loop].mark)
      p->why = arena_printf(p->a, "prefetch %s %s: the loop is unrolled or a vector", name, loop);
    if (p->why || (!k->writes && !check_read(p, k, name, loop))) return false;
  }
  return true;
}
