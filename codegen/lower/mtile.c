/* Sums in matrix tiles (tensorize amx). A product's innermost loops (the rows and columns of a block of the result, and
   the reduction loops among them) become one nest whose form the emitter knows (F_TILES in ir/loop.h): for each row and
   column a sum from 0 over all reduction loops, then a store. To all other members the block looks like one statement
   that writes a tile of memory: its readers (an epilogue, a conversion) find it there. Here is what the instruction
   needs: the order of the loops in the block is free, since iterations are independent and the sum's order is. */
#include "codegen/lower/plan.h"

struct shape {
  struct dot d;
  expr_t rows, cols; /* the operand that moves with the columns; the other */
  int row;
  uint64_t run, outer;
  int64_t nrow, ncol; /* of a whole block */
};

static sym_t axis_sym(const struct plan *p, unsigned l) {
  return p->axis[LOOP_AXIS(l)].sym;
}

static bool counts(const struct plan *p, const struct member *m, unsigned l) {
  return (m->walks & BIT(l)) && !p->loop[l].trivial;
}

/* Iterations of loop l where it is the innermost of its axis; 0: no constant. */
static int64_t most_of(const struct plan *p, unsigned l) {
  const struct paxis *x = &p->axis[LOOP_AXIS(l)];
  return x->ntile ? x->tile[0] : x->uniform && x->ext > 0 ? x->ext : 0;
}

static bool is_row(const struct plan *p, const struct shape *s, unsigned l) {
  sym_t a = axis_sym(p, l);
  return !LOOP_LEVEL(l) && !p->loop[l].parallel && expr_has_sym(s->rows, a) && !expr_has_sym(s->cols, a) &&
         most_of(p, l) > 0;
}

/* Blocks of the reduction, the last of which may be shorter: tiles leave another rest of it. */
static bool cut_blocks(const struct plan *p, const struct member *m, unsigned l, unsigned sub) {
  const struct paxis *x = &p->axis[LOOP_AXIS(l)];
  unsigned v = LOOP_LEVEL(l), own = LOOP_AXIS(l) == LOOP_AXIS(sub);
  return (m->red & BIT(l)) && v > own && !(x->uniform && x->ext > 0 && x->ext % x->tile[v - 1] == 0);
}

/* From the inside: columns, the reduction and one loop of rows, in any order, up to another parallel loop. */
static void find_loops(const struct plan *p, const struct member *m, unsigned sub, struct shape *s) {
  bool out = false;
  s->row = -1;
  s->run = s->outer = 0;
  for (unsigned i = p->norder; i-- > 0;) {
    unsigned l = p->order[i];
    if (!counts(p, m, l) || (int)l == m->vec || l == sub) continue;
    out |= cut_blocks(p, m, l, sub);
    if (m->red & BIT(l)) {
      *(out ? &s->outer : &s->run) |= BIT(l);
    } else if (!out && s->row < 0 && is_row(p, s, l)) {
      s->row = (int)l;
    } else {
      out = true;
    }
  }
  s->nrow = s->row < 0 ? 1 : most_of(p, (unsigned)s->row);
  s->ncol = most_of(p, (unsigned)m->vec);
}

static const struct ppack *packed(const struct plan *p, expr_t read) {
  for (unsigned i = 0; i < p->npack; i++)
    if (p->pack[i].tensor == read->acc->tensor) return &p->pack[i];
  return NULL;
}

/* In its own memory the operand moves by n elements along the axis of loop l. */
static bool moves_by(const struct plan *p, expr_t read, unsigned l, int64_t n) {
  const struct access *r = read->acc;
  poly_t sum = poly_const(p->a, 0), c, rest;
  int64_t v;
  if (r->tensor >= VT_BASE) return false;
  for (unsigned d = 0; d < r->rank; d++) {
    if (r->ix[d].dyn || !poly_split(p->a, r->ix[d].poly, axis_sym(p, l), &c, &rest)) return false;
    sum = poly_add(p->a, sum, poly_mul(p->a, c, tensor_stride(p->a, &p->k->tensor[r->tensor], d)));
  }
  return poly_is_const(sum, &v) && v == n;
}

/* Neighbours along the axis of loop l lie side by side in memory. */
static bool contiguous(const struct plan *p, const poly_t *ix, unsigned rank, unsigned l) {
  poly_t c, rest;
  int64_t v;
  sym_t s = axis_sym(p, l);
  if (!rank || !poly_split(p->a, ix[rank - 1], s, &c, &rest) || !poly_is_const(c, &v) || v != 1) return false;
  for (unsigned d = 0; d + 1 < rank; d++)
    if (poly_has(ix[d], s)) return false;
  return true;
}

static const poly_t *subscripts(const struct plan *p, const struct access *r) {
  poly_t *ix = ARENA_NEW(p->a, poly_t, r->rank + 1u);
  for (unsigned d = 0; d < r->rank; d++) ix[d] = r->ix[d].poly;
  return ix;
}

/* A pack whose last dims but the sub loop are those of the reduction: rows of whole steps. */
static bool packs_rows(const struct plan *p, expr_t read, const struct ppack *k, unsigned vec, unsigned sub) {
  if (p->loop[LOOP_ID(LOOP_AXIS(sub), 1)].trivial) return true;
  for (unsigned i = p->norder; i-- > 0 && p->order[i] != k->loop;) {
    unsigned l = p->order[i];
    if (l == sub || l == vec || p->loop[l].trivial || !expr_has_sym(read, axis_sym(p, l))) continue;
    return LOOP_AXIS(l) == LOOP_AXIS(sub);
  }
  return true;
}

static bool ends_whole(const struct plan *p, expr_t read, unsigned sub) {
  return packed(p, read) || tensorize_whole(p, sub);
}

static const char *rows_refused(const struct plan *p, const struct member *m, const struct shape *s, unsigned sub) {
  const struct access *r = s->rows->acc;
  const struct ppack *k = packed(p, s->rows);
  const char *name = r->tensor < VT_BASE ? p->k->tensor[r->tensor].name : "an operand";
  if (!k && tensor_shrinks(p, r->tensor)) return arena_printf(p->a, "%s is computed in the group", name);
  if (r->nguard && !k) return arena_printf(p->a, "reads of %s have conditions", name);
  if (k && !k->keep)
    return packs_rows(p, s->rows, k, (unsigned)m->vec, sub)
               ? NULL
               : arena_printf(p->a, "the rows of %s as they are packed do not run along the reduction", name);
  if (!contiguous(p, subscripts(p, r), r->rank, sub))
    return arena_printf(p->a, "the rows of %s do not run along the reduction", name);
  return ends_whole(p, s->rows, sub) ? NULL : arena_printf(p->a, "%s ends within a step and is not copied", name);
}

static const char *cols_refused(const struct plan *p, const struct member *m, const struct shape *s, unsigned sub) {
  const struct ppack *k = packed(p, s->cols);
  if (k && !k->keep) return NULL;
  bool laid = !k && !tensor_shrinks(p, s->cols->acc->tensor) && !s->cols->acc->nguard && tensorize_whole(p, sub);
  if (laid && moves_by(p, s->cols, sub, 1) && moves_by(p, s->cols, (unsigned)m->vec, s->d.group)) return NULL;
  return arena_printf(p->a, "%s is not packed", p->k->tensor[s->cols->acc->tensor].name);
}

/* The result has the columns side by side; a private temp's buffer is made so. */
static bool stores_rows(const struct plan *p, const struct member *m) {
  unsigned rank = tensor_rank(p, m->e->lhs), n = 0, at = 0;
  if (!tensor_shrinks(p, m->e->lhs)) return contiguous(p, m->e->lhs_idx, rank, (unsigned)m->vec);
  for (unsigned d = 0; d < rank; d++)
    if (poly_has(m->e->lhs_idx[d], axis_sym(p, (unsigned)m->vec))) n++, at = d;
  return n == 1 && poly_eq(m->e->lhs_idx[at], poly_sym(p->a, axis_sym(p, (unsigned)m->vec)));
}

/* The loop around the sub loop is in the block, and what whole tiles leave of it is the same in all iterations around.
 */
static bool reduces_inside(const struct plan *p, const struct member *m, const struct shape *s, unsigned sub) {
  for (unsigned l = 0; l < MAX_LOOP; l++) {
    if (!(s->run & BIT(l))) continue;
    const struct axis *y = member_axis(p, m, LOOP_AXIS(l));
    if (!poly_over_dims(p->k, y->lo) || !poly_over_dims(p->k, y->hi)) return false;
  }
  return (s->run & BIT(LOOP_ID(LOOP_AXIS(sub), 1))) || p->loop[LOOP_ID(LOOP_AXIS(sub), 1)].trivial;
}

static bool find_operands(const struct plan *p, const struct member *m, struct shape *s) {
  sym_t col = axis_sym(p, (unsigned)m->vec);
  bool a = expr_has_sym(s->d.a, col), b = expr_has_sym(s->d.b, col);
  s->cols = a ? s->d.a : s->d.b;
  s->rows = a ? s->d.b : s->d.a;
  return a != b;
}

static const char *find_shape(const struct plan *p, const struct member *m, unsigned sub, struct shape *s) {
  if (!dot_of(m->e->body, &s->d) || s->d.alone || s->d.shifted || !matrix_takes(MATRIX_amx, s->d.kind))
    return "no product of bf16 or of 8 bit integers";
  if (p->axis[LOOP_AXIS(sub)].tile[0] != s->d.group) return "the loop is not 4 bytes of each operand long";
  if (!find_operands(p, m, s)) return "not one operand moves with the columns";
  find_loops(p, m, sub, s);
  return NULL;
}

const char *mtile_refuses(const struct plan *p, const struct member *m, unsigned sub) {
  struct shape s;
  if (type_is_float((enum dtype)m->e->body->type) && p->o->strict) return "--fp strict";
  if (m->vec < 0 || (m->red & BIT(m->vec)) || m->thr >= 0) return "the columns are not on lanes";
  if (m->e->nguard || m->nsoft || m->e->state != UINT16_MAX || m->on_stream) return "the sum has conditions";
  const char *why = find_shape(p, m, sub, &s);
  if (why) return why;
  if (!tiles_fit((s.nrow + TILE_ROWS - 1) / TILE_ROWS, (s.ncol + TILE_LANES - 1) / TILE_LANES))
    return arena_printf(p->a, "a block of %d x %d does not fit the tiles", (int)s.nrow, (int)s.ncol);
  if (tensor_type(p, m->e->lhs) != m->e->body->type || !stores_rows(p, m))
    return "the result's columns do not lie side by side";
  if (!reduces_inside(p, m, &s, sub)) return "the reduction does not stand inside the block";
  why = cols_refused(p, m, &s, sub);
  return why ? why : rows_refused(p, m, &s, sub);
}

void mtile_take(const struct plan *p, struct member *m) {
  struct shape s;
  (void)find_shape(p, m, (unsigned)m->sub, &s);
  m->tile = true;
  m->row = s.row;
  m->run = s.run;
  m->outer = s.outer;
  m->reg = 0;
  m->block = BIT(m->vec) | BIT(m->sub) | s.run | (s.row < 0 ? 0 : BIT(s.row));
}

const char *mtile_disturbed(const struct plan *p, const struct member *m) {
  for (unsigned i = 0; i < p->npack; i++)
    if ((m->block & BIT(p->pack[i].loop)) && member_touches(p, m, p->pack[i].tensor))
      return arena_printf(p->a, "%s is packed inside the tiles", p->k->tensor[p->pack[i].tensor].name);
  for (unsigned i = 0; i < p->nprefetch; i++)
    if ((m->block & BIT(p->prefetch[i].loop)) && member_touches(p, m, p->prefetch[i].tensor))
      return arena_printf(p->a, "%s is asked for inside the tiles", p->k->tensor[p->prefetch[i].tensor].name);
  for (unsigned i = 0; i < p->nstream; i++)
    if (p->stream_tensor[i] == m->e->lhs)
      return arena_printf(p->a, "%s, which is streamed, is stored by tiles", p->k->tensor[m->e->lhs].name);
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if ((m->block & BIT(l)) && (p->loop[l].parallel || p->loop[l].peel || p->loop[l].unroll))
      return arena_printf(p->a, "loop %s stands inside the tiles", plan_loop_name(p, l));
  return NULL;
}

/* ---- construction ---- */

static struct subscript *result_subs(struct build *b, const struct member *m, unsigned *rank) {
  *rank = tensor_rank(b->p, m->e->lhs);
  struct subscript *ix = ARENA_NEW(b->a, struct subscript, *rank + 1);
  for (unsigned d = 0; d < *rank; d++) ix[d].poly = m->e->lhs_idx[d];
  return ix;
}

static struct lstmt *product(struct build *b, const struct member *m, const struct env *e) {
  struct env in = *e;
  unsigned rank;
  const struct subscript *ix = result_subs(b, m, &rank);
  reg_open(b, (unsigned)m->sub, &in);
  struct access *a = place_access(b, &in, m, m->e->lhs, ix, rank);
  struct lstmt *s = loop_store(b->a, a, RED_sum, place_expr(b, &in, m, m->e->body));
  s->loc = m->e->loc;
  return tensorize_close(b, e, m, s);
}

/* The outermost reduction loop that is not open yet; the one around the sub loop last. */
static int next_run(const struct build *b, const struct member *m, const struct env *e) {
  unsigned last = LOOP_ID(LOOP_AXIS((unsigned)m->sub), 1);
  for (unsigned i = 0; i < b->p->norder; i++) {
    unsigned l = b->p->order[i];
    if ((m->run & BIT(l)) && !(e->open & BIT(l)) && l != last) return (int)l;
  }
  return (m->run & BIT(last)) && !(e->open & BIT(last)) ? (int)last : -1;
}

static struct lstmt *sums(struct build *b, const struct member *m, const struct env *e) {
  struct set s = {1, &m};
  struct env in = *e;
  struct bounds bd;
  int l = next_run(b, m, e);
  if (l < 0) return product(b, m, e);
  loop_bounds(b, &s, (unsigned)l, e, &bd, &in);
  loop_open(b, (unsigned)l, &in);
  return loop_close(b, (unsigned)l, e, &bd, sums(b, m, &in));
}

/* One sum: a scalar register, and where it goes. */
static struct lstmt *one_sum(struct build *b, const struct member *m, const struct env *e, bool add) {
  enum dtype t = (enum dtype)m->e->body->type;
  struct env in = *e;
  struct place *x = ARENA_NEW(b->a, struct place, 1);
  unsigned rank;
  const struct subscript *ix = result_subs(b, m, &rank);
  const char *of = m->e->lhs >= VT_BASE ? b->p->vt[m->e->lhs - VT_BASE].name : b->p->k->tensor[m->e->lhs].name;
  *x = (struct place){.tensor = m->e->lhs, .kind = PLACE_REG, .only = m, .next = e->places};
  x->object = (uint16_t)lfunc_add_object(b->f, arena_printf(b->a, "%s_tile", of), t, SCOPE_REG, 0, NULL);
  in.places = x;
  struct lstmt *s[3];
  s[0] = loop_store(b->a, place_reg(b, &in, x), RED_none, expr_const(b->a, t, red_identity(RED_sum, t)));
  s[1] = sums(b, m, &in);
  s[2] = loop_store(b->a, place_access(b, e, NULL, m->e->lhs, ix, rank), add ? RED_sum : RED_none,
                    expr_read(b->a, t, place_reg(b, &in, x)));
  s[0]->loc = s[2]->loc = m->e->loc;
  return loop_alloc(b->a, x->object, loop_block(b->a, 3, s));
}

static struct lstmt *tile_loop(struct build *b, const struct member *m, int l, const struct env *e, bool add) {
  struct set s = {1, &m};
  struct env in = *e;
  struct bounds bd;
  if (l < 0) return tile_loop(b, m, m->vec, e, add);
  loop_bounds(b, &s, (unsigned)l, e, &bd, &in);
  loop_open(b, (unsigned)l, &in);
  struct lstmt *body = l == m->vec ? one_sum(b, m, &in, add) : tile_loop(b, m, m->vec, &in, add);
  struct lstmt *f = loop_close(b, (unsigned)l, e, &bd, body);
  f->fkind = F_TILES;
  return f;
}

struct lstmt *mtile_build(struct build *b, const struct member *m, const struct env *e) {
  bool add = m->outer || m->e->init;
  struct stmts s = {0};
  poly_t g[MAX_LOOP];
  if (m->e->init && !m->outer) stmts_add(b, &s, nest_init(b, m, 0, e));
  struct lstmt *x = tile_loop(b, m, m->row, e, add);
  if (m->outer && m->first) {
    unsigned n = accum_first(b, m, e, g);
    x = loop_if(b->a, n, g, NULL, tile_loop(b, m, m->row, e, false), x);
  }
  stmts_add(b, &s, x);
  return stmts_block(b, &s);
}
