/* pack and copy: inside loop L, a contiguous buffer for the part of an operand that the loops inside L walk; reads
   inside are renamed to it.
     pack   one dimension a loop, in the order in which the nest walks them, vectors innermost: panels
     copy   the operand's own dimensions; rows get a small pad where their length would put them all into one cache set
   Guarded reads are packed with the value that they have, narrow floats that all readers widen as f32. Packing is
   always optional: where a size cannot be told, nothing is packed. The copying itself walks the operand as it lies in
   memory, and whole strips of it are unrolled: rows are read in long runs, and where lanes go across the rows blocks of
   lanes x lanes are asked for at once, which the emitter turns in registers. */
#include "codegen/lower/pack.h"
#include <string.h>

/* ---- what is read ---- */

struct find {
  unsigned tensor;
  sym_t lane; /* only what moves with it; SYM_NONE: any */
  expr_t read;
};
static void note(expr_t x, void *ctx) {
  struct find *f = ctx;
  if (x->kind != E_READ || x->acc->tensor != f->tensor || f->read) return;
  if (f->lane == SYM_NONE || expr_has_sym(x, f->lane)) f->read = x;
}

static expr_t find_read(const struct member *m, unsigned tensor, sym_t lane) {
  struct find f = {tensor, lane, NULL};
  expr_visit(m->e->body, note, &f);
  if (!f.read && m->e->init) expr_visit(m->e->init, note, &f);
  return f.read;
}

expr_t member_read_of(const struct member *m, unsigned tensor) {
  return find_read(m, tensor, SYM_NONE);
}

/* Of an operand that is read in several ways (queries and keys in one array): what lies on the lanes. */
static expr_t lane_read_of(const struct plan *p, const struct member *m, unsigned tensor) {
  return m->vec < 0 ? NULL : find_read(m, tensor, p->axis[LOOP_AXIS((unsigned)m->vec)].sym);
}

struct casts {
  unsigned tensor, reads, widened;
};
static void count_casts(expr_t x, void *ctx) {
  struct casts *c = ctx;
  c->reads += x->kind == E_READ && x->acc->tensor == c->tensor;
  c->widened +=
      x->kind == E_CAST && x->type == DT_f32 && x->kid[0]->kind == E_READ && x->kid[0]->acc->tensor == c->tensor;
}

static void count_member(const struct member *m, struct casts *c) {
  const struct eq *e = m->e;
  expr_t part[] = {e->body, e->init, e->start, e->rescale, e->running};
  for (unsigned j = 0; j < sizeof part / sizeof *part; j++)
    if (part[j]) expr_visit(part[j], count_casts, c);
}

/* Does it sum over lanes whose factors a matrix instruction takes from registers? */
static bool over_held_lanes(const struct plan *p, const struct member *m) {
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if (p->loop[l].sums && (m->red & BIT(l))) return true;
  return false;
}

enum dtype pack_operand_type(const struct plan *p, unsigned tensor) {
  enum dtype own = tensor < p->k->ntensor ? (enum dtype)p->k->tensor[tensor].type : DT_f32, as = own;
  struct casts c = {tensor, 0, 0};
  bool same = true, seen = false;
  if (!p->lim->simt || type_computes(own)) return own;
  for (unsigned i = 0; i < p->nmember; i++) {
    struct dot d;
    count_member(&p->member[i], &c);
    if (p->o->fast && over_held_lanes(p, &p->member[i]) && legal_mixed(p->lim, p->member[i].e->body, &d) &&
        d.b->acc->tensor == tensor) {
      same &= !seen || as == (enum dtype)d.type[1];
      as = (enum dtype)d.type[1], seen = true;
      continue;
    }
    if (!legal_dot(p->lim, p->member[i].e->body, &d) || d.alone) continue;
    for (unsigned k = 0; k < 2; k++) {
      if ((k ? d.b : d.a)->acc->tensor != tensor) continue;
      same &= !seen || as == (enum dtype)d.type[k];
      as = (enum dtype)d.type[k], seen = true;
    }
  }
  return same && c.reads == c.widened ? as : own;
}

/* Does every read of a narrow float widen it? (Matrix instructions take them as they are; shared memory is small.) */
static bool widens(const struct packing *k, const struct set *s) {
  struct casts c = {k->step->tensor, 0, 0};
  if (k->b->p->lim->simt || !type_is_float((enum dtype)k->read->type) || type_size((enum dtype)k->read->type) >= 4)
    return false;
  for (unsigned i = 0; i < s->n; i++) {
    count_member(s->m[i], &c);
    if (s->m[i]->sub >= 0 && member_read_of(s->m[i], c.tensor)) return false;
  }
  return c.reads == c.widened;
}

static bool find_reader(struct packing *k, const struct set *s) {
  for (unsigned i = 0; i < s->n && !k->read; i++) {
    k->reader = s->m[i];
    k->read = lane_read_of(k->b->p, s->m[i], k->step->tensor);
  }
  for (unsigned i = 0; i < s->n && !k->read; i++) {
    k->reader = s->m[i];
    k->read = member_read_of(s->m[i], k->step->tensor);
  }
  if (!k->read) return false;
  k->wide = widens(k, s), k->type = DT_f32;
  for (unsigned i = 0; i < s->n && !k->wide; i++) {
    int sub = s->m[i]->sub;
    if (sub < 0 || !loop_by_warps(k->b->p, (unsigned)sub) || !member_read_of(s->m[i], k->step->tensor)) continue;
    k->type = pack_operand_type(k->b->p, k->step->tensor), k->wide = k->type != (enum dtype)k->read->type;
  }
  return true;
}

enum dtype pack_type(const struct packing *k) {
  return k->wide ? k->type : (enum dtype)k->read->type;
}

static void add_dim(struct packing *k, unsigned l) {
  if (k->nd < MAX_DIMS) k->dim[k->nd++] = (uint8_t)l;
}

/* A copy keeps the operand's order: how an axis is cut into tiles does not matter to it, one loop walks what is left of
 * it. */
static void find_axes(struct packing *k, const struct env *e) {
  for (unsigned a = 0; a < k->b->p->naxis; a++)
    if ((k->axes >> a & 1) && axis_inner(k->b->p, e, a) >= 0) add_dim(k, (unsigned)axis_inner(k->b->p, e, a));
}

/* A warp's matrix instruction reads its operands along the sum where they are contiguous along it, and bytes always:
   the sum is then the last dimension, one for all its loops. */
static int inner_loop(const struct packing *k, const struct env *e) {
  int l = k->reader->sub;
  if (l < 0 || !loop_by_warps(k->b->p, (unsigned)l) || k->step->keep || (e->open & BIT(l))) return -1;
  if (!(k->axes >> LOOP_AXIS(l) & 1) || (!pack_contiguous(k, (unsigned)l) && type_size(pack_type(k)) > 1)) return -1;
  return axis_inner(k->b->p, e, LOOP_AXIS(l));
}

static void find_dims(struct packing *k, const struct env *e) {
  const struct plan *p = k->b->p;
  for (unsigned a = 0; a < p->naxis; a++)
    if (expr_has_sym(k->read, p->axis[a].sym)) k->axes |= 1u << a;
  k->sub = pack_sub_loop(k, e);
  k->inner = inner_loop(k, e);
  if (k->step->keep) {
    find_axes(k, e);
    return;
  }
  for (unsigned i = 0; i < e->n; i++) {
    unsigned l = e->order[i];
    bool own = k->inner >= 0 && LOOP_AXIS(l) == LOOP_AXIS((unsigned)k->inner);
    if ((k->axes >> LOOP_AXIS(l) & 1) && !(e->open & BIT(l)) && !on_lanes(k->reader, l) && (int)l != k->sub && !own)
      add_dim(k, l);
  }
  int v = k->reader->vec, t = k->reader->thr;
  if (t >= 0 && (k->axes >> LOOP_AXIS(t) & 1) && !(e->open & BIT(t))) add_dim(k, (unsigned)t);
  if (v >= 0 && (k->axes >> LOOP_AXIS(v) & 1) && !(e->open & BIT(v))) add_dim(k, (unsigned)v);
  if (k->sub >= 0) add_dim(k, (unsigned)k->sub);
  if (k->inner >= 0) add_dim(k, (unsigned)k->inner);
}

/* Is the operand contiguous along the axis of loop l, which walks single elements? */
bool pack_contiguous(const struct packing *k, unsigned l) {
  if (LOOP_LEVEL(l) && !k->step->keep) return false;
  return pack_runs_along(k->b->a, k->read->acc, k->b->p->axis[LOOP_AXIS(l)].sym);
}

bool pack_runs_along(struct arena *a, const struct access *r, sym_t s) {
  poly_t c, rest;
  int64_t v;
  if (!r->rank || !poly_split(a, r->ix[r->rank - 1].poly, s, &c, &rest)) return false;
  for (unsigned d = 0; d + 1 < r->rank; d++)
    if (poly_has(r->ix[d].poly, s)) return false;
  return poly_is_const(c, &v) && v == 1;
}

/* The lanes of the copying: the reader's, else the axis that is contiguous in the operand. */
static void find_lanes(struct packing *k) {
  if (!k->nd || k->b->p->lim->vector_bytes < 2 * type_size(pack_type(k))) return;
  if (k->sub >= 0 && pack_sub_lanes(k)) return;
  for (unsigned d = 0; d < k->nd && !k->step->keep; d++)
    if ((int)k->dim[d] == k->reader->vec) k->vec = k->reader->vec;
  for (unsigned d = 0; d < k->nd && k->vec < 0; d++)
    if (pack_contiguous(k, k->dim[d])) k->vec = k->dim[d];
  if (k->b->p->lim->simt) return; /* no threads turn blocks in registers */
  if (k->vec < 0 || pack_contiguous(k, (unsigned)k->vec) || k->read->acc->nguard || k->reader->e->nguard) return;
  const struct paxis *x = &k->b->p->axis[LOOP_AXIS((unsigned)k->vec)];
  if (!poly_over_dims(k->b->p->k, x->lo) || !poly_over_dims(k->b->p->k, x->hi)) return;
  for (unsigned d = 0; d < k->nd; d++)
    if (pack_contiguous(k, k->dim[d])) k->run = k->dim[d];
}

/* The subscript that axis a moves fastest in memory: the last one that it is part of. */
static unsigned depth_of(const struct packing *k, unsigned a) {
  const struct access *r = k->read->acc;
  unsigned d = r->rank;
  while (d > 0 && !poly_has(r->ix[d - 1].poly, k->b->p->axis[a].sym)) d--;
  return d;
}

/* Rows outside, what is contiguous inside; loops of one axis, and axes of one subscript, stay as the nest has them. */
static void find_walk(struct packing *k) {
  for (unsigned depth = 0; depth <= k->read->acc->rank; depth++)
    for (unsigned d = 0; d < k->nd; d++)
      if (depth_of(k, LOOP_AXIS(k->dim[d])) == depth && (int)k->dim[d] != k->vec && (int)k->dim[d] != k->run &&
          !pack_is_side(k, k->dim[d]) && (k->step->keep || (int)k->dim[d] != k->sub))
        k->walk[k->nwalk++] = k->dim[d];
  if (k->run >= 0) k->walk[k->nwalk++] = (uint8_t)k->run;
}

/* ---- the buffer ---- */

enum { STAGE_RESERVE = 4096 }; /* for reductions across warps and the system's own part of a block */

/* The running size of the dimensions inside is c * p elements. */
struct size {
  int64_t c;
  poly_t p;
};

static bool in_panels(const struct packing *k) {
  int sub = k->reader->sub;
  return sub >= 0 && k->nside && k->b->p->loop[sub].matrix == MATRIX_wgmma && k->axes >> LOOP_AXIS(sub) & 1;
}

/* Whole steps of the instruction that reads along it; panels are whole. */
int64_t pack_span(const struct packing *k, unsigned l) {
  const struct paxis *x = &k->b->p->axis[LOOP_AXIS(l)];
  int64_t n = loop_span(k->b->p, l), step = (int)l != k->inner ? 1 : x->tile[x->ntile > 1 && in_panels(k) ? 1 : 0];
  return (n + step - 1) / step * step;
}

static bool pack_dim(struct packing *k, unsigned l, struct size *s, poly_t *extent, poly_t *stride) {
  struct build *b = k->b;
  const struct paxis *x = &b->p->axis[LOOP_AXIS(l)];
  int64_t step = (int)l == k->inner ? 1 : b->p->loop[l].step, span = pack_span(k, l);
  if (s->c % step) return false;
  s->c /= step;
  *stride = poly_scale(b->a, s->p, s->c);
  if (span) {
    int64_t n = (span + step - 1) / step;
    *extent = cpoly(b, (n - 1) * step + 1);
    s->c *= n * step;
    return s->c <= (INT64_C(1) << 40);
  }
  *extent = poly_sub(b->a, x->hi, x->lo);
  s->p = poly_mul(b->a, s->p, poly_addc(b->a, *extent, step - 1));
  return !s->p->overflow && poly_over_dims(b->p->k, *extent);
}

/* Rows and columns of the tile: the last dimension is what lies side by side. */
static void set_panels(struct packing *k, struct object *o) {
  int64_t cols = pack_span(k, k->dim[k->nd - 1]), rows = 1;
  for (unsigned d = 0; d + 1 < k->nd; d++) {
    int64_t step = k->b->p->loop[k->dim[d]].step, span = pack_span(k, k->dim[d]);
    rows *= (span + step - 1) / step;
  }
  o->panel_rows = (uint32_t)rows, o->panel_cols = (uint32_t)cols;
}

/* Threads that turn an operand while they copy it, and matrix instructions that read eight rows at once, would all meet
   in few banks of shared memory: rows get some bytes more. ldmatrix reads 8 rows of 16 bytes: an odd number of these
   between rows puts all into banks of their own; single words are read from 4 rows (of f64: 4 rows in a half warp), 8
   neighbours (4) of each. */
static int64_t pack_row_pad(const struct packing *k) {
  int sub = k->reader->sub;
  if (in_panels(k)) return 0;
  bool fragments = sub >= 0 && k->b->p->loop[sub].matrix == MATRIX_mma;
  if (!k->nside || k->nd < 2 || (!fragments && pack_contiguous(k, k->dim[k->nd - 1]))) return 0;
  int64_t row = pack_span(k, k->dim[k->nd - 1]), size = (int64_t)type_size(pack_type(k)), pad = 16 / size;
  if (fragments && (size == 8 || (size == 4 && k->inner < 0))) pad = 32 / size;
  if (fragments && row * size / 16 % 2) pad = 0;
  for (unsigned d = 0; d + 1 < k->nd; d++)
    if ((row + pad) * pack_span(k, k->dim[d]) % k->b->p->loop[k->dim[d]].step) return 0;
  return row ? pad : 0;
}

/* As many buffers as there are stages, all in shared memory. What no group of threads copies is staged in none. */
static bool stage_buffer(const struct packing *k, unsigned object) {
  struct build *b = k->b;
  struct object *o = &b->f->object[object];
  int64_t bytes;
  if (!k->nside || o->stages) return true;
  o->stages = k->step->stage & STAGE_COUNT;
  o->tma = k->step->stage & STAGE_TMA;
  if (!object_stage_bytes(o, &bytes)) {
    b->why =
        arena_printf(b->a, "stage %s: the size of its buffer follows the dims", b->p->k->tensor[k->step->tensor].name);
    return false;
  }
  b->staged_bytes += bytes * o->stages;
  if (b->staged_bytes > (int64_t)b->p->lim->shared_bytes - STAGE_RESERVE) {
    b->why = arena_printf(b->a, "stage: %lld bytes of buffers, the target has %u in a block",
                          (long long)b->staged_bytes, b->p->lim->shared_bytes);
    return false;
  }
  return true;
}

static bool pack_buffer(struct packing *k, const struct env *e, struct place *x) {
  struct build *b = k->b;
  poly_t extent[MAX_DIMS], stride[MAX_DIMS];
  struct size s = {1, cpoly(b, 1)};
  for (unsigned d = k->nd; d-- > 0;) {
    if (!pack_dim(k, k->dim[d], &s, &extent[d], &stride[d])) return false;
    if (d == k->nd - 1) s.c += pack_row_pad(k);
  }
  x->kind = PLACE_PACK;
  x->inner = (int8_t)(k->inner < 0 ? -1 : (int)LOOP_AXIS((unsigned)k->inner));
  x->nd = (uint8_t)k->nd;
  memcpy(x->dim, k->dim, sizeof x->dim);
  const char *name = arena_printf(b->a, "%s_pack", b->p->k->tensor[k->step->tensor].name);
  x->object = (uint16_t)buffer_new(b, e, name, pack_type(k), k->nd, extent, stride);
  if (in_panels(k)) set_panels(k, &b->f->object[x->object]);
  return !k->step->stage || stage_buffer(k, x->object);
}

static bool copy_buffer(struct packing *k, const struct env *e, struct place *x) {
  struct build *b = k->b;
  unsigned rank = k->read->acc->rank;
  poly_t *base = ARENA_NEW(b->a, poly_t, rank + 1), *extent = ARENA_NEW(b->a, poly_t, rank + 1),
         *stride = ARENA_NEW(b->a, poly_t, rank + 1), hi;
  int64_t row;
  for (unsigned d = 0; d < rank; d++) {
    poly_t f = k->read->acc->ix[d].poly;
    if (!env_extreme(b, e, k->reader, f, false, &base[d]) || !env_extreme(b, e, k->reader, f, true, &hi)) return false;
    extent[d] = poly_addc(b->a, poly_sub(b->a, hi, base[d]), 1);
    if (k->sub >= 0) extent[d] = pack_sub_extent(k, d, extent[d]);
    if (!poly_over_dims(b->p->k, extent[d])) return false;
  }
  poly_t s = cpoly(b, 1);
  for (unsigned d = rank; d-- > 0;) {
    stride[d] = s;
    s = poly_mul(b->a, s, extent[d]);
    if (d == rank - 1 && poly_is_const(s, &row) && row * (int64_t)type_size(pack_type(k)) % 2048 == 0)
      s = poly_addc(b->a, s, 64 / (int64_t)type_size(pack_type(k)));
    if (s->overflow) return false;
  }
  x->kind = PLACE_COPY;
  x->base = base;
  const char *name = arena_printf(b->a, "%s_copy", b->p->k->tensor[k->step->tensor].name);
  x->object = (uint16_t)buffer_new(b, e, name, pack_type(k), rank, extent, stride);
  return true;
}

/* ---- the copying nest ---- */

/* What the reader's domain says of the elements that it reads: a guard with its other axes at their best. */
static bool relaxed_guards(struct packing *k, const struct env *e, struct eq *q) {
  struct build *b = k->b;
  q->nguard = 0;
  for (unsigned i = 0; i < k->reader->e->nguard; i++) {
    poly_t g = k->reader->e->guard[i];
    bool known = false;
    for (unsigned j = 0; j < e->nknown; j++) known |= poly_eq(e->known[j], g);
    if (known) continue;
    if (!env_extreme_keep(b, e, k->reader, g, true, k->axes, &g)) return false;
    q->guard[q->nguard++] = g;
  }
  return true;
}

static struct member *copying_member(struct packing *k, const struct env *e) {
  struct build *b = k->b;
  struct member *m = ARENA_NEW(b->a, struct member, 1);
  struct eq *q = arena_dup(b->a, k->reader->e, sizeof *q);
  q->axis = ARENA_NEW(b->a, struct axis, GROUP_MAX_AXIS);
  q->guard = ARENA_NEW(b->a, poly_t, k->reader->e->nguard + 1);
  q->npar = q->nax = 0;
  for (unsigned a = 0; a < b->p->naxis; a++)
    if (k->axes >> a & 1) q->axis[q->nax++] = *member_axis(b->p, k->reader, a);
  q->npar = q->nax;
  q->red = RED_none;
  q->body = k->read;
  q->init = q->start = q->rescale = q->running = NULL;
  if (!relaxed_guards(k, e, q)) return NULL;
  *m = (struct member){.e = q, .aux = UINT16_MAX, .npg = q->nguard, .vec = -1, .thr = -1, .sub = -1};
  for (unsigned d = 0; d < k->nd; d++) m->walks |= BIT(k->dim[d]);
  return m;
}

struct lstmt *pack_element(struct packing *k, const struct env *e, const struct place *x, const struct member *m,
                           expr_t read) {
  struct build *b = k->b;
  struct place own = *x;
  struct env to = *e, from = *e;
  own.tensor = VT_BASE;
  own.ix = NULL;
  own.next = NULL;
  to.places = &own;
  from.places = NULL;
  struct access *a = place_access(b, &to, m, VT_BASE, k->read->acc->ix, k->read->acc->rank);
  a->guard = ARENA_NEW(b->a, poly_t, m->e->nguard + 1);
  for (unsigned i = 0; i < m->e->nguard; i++) {
    bool known = false;
    for (unsigned j = 0; j < e->nknown; j++) known |= poly_eq(e->known[j], m->e->guard[i]);
    if (!known) a->guard[a->nguard++] = env_at(b, e, m->e->guard[i]);
  }
  expr_t value = place_expr(b, &from, m, read);
  return loop_store(b->a, a, RED_none, k->wide ? expr_cast(b->a, k->type, value) : value);
}

static struct lstmt *copy_one(struct packing *k, const struct env *e, const struct place *x, const struct member *m) {
  return k->sub >= 0 ? pack_sub_body(k, e, x, m) : pack_element(k, e, x, m, k->read);
}

static unsigned lane_count(const struct packing *k) {
  bool parts = k->sub >= 0 && !k->step->keep;
  return k->b->p->lim->vector_bytes / (parts ? (unsigned)DOT_BYTES : (unsigned)type_size(pack_type(k)));
}

void pack_open(const struct packing *k, unsigned l, poly_t at, struct env *e) {
  bool axis = k->step->keep || (int)l == k->inner;
  e->open |= BIT(l);
  e->val[l] = at;
  while (axis && LOOP_LEVEL(l)) {
    e->open |= BIT(--l);
    e->val[l] = cpoly(k->b, 0);
  }
}

/* ---- strips: a loop from lo by `step`, of which whole steps are known to be whole ---- */

enum { STRIP_VECTORS = 8 };
struct strip {
  const struct bounds *bd;
  sym_t sym;
  int64_t step;
};

static struct lstmt *strip_loop(struct build *b, const struct strip *x, struct lstmt *body) {
  struct lstmt *s = loop_for(b->a, F_SERIAL, x->sym, x->bd->lo[0], x->bd->hi[0], x->step, body);
  s->lo = arena_dup(b->a, x->bd->lo, sizeof *x->bd->lo * x->bd->nlo);
  s->hi = arena_dup(b->a, x->bd->hi, sizeof *x->bd->hi * x->bd->nhi);
  s->nlo = (uint8_t)x->bd->nlo;
  s->nhi = (uint8_t)x->bd->nhi;
  return s;
}

/* Length of the loop where it is a constant, else 0. */
static int64_t const_trip(struct build *b, const struct bounds *bd) {
  int64_t n;
  return bd->nlo == 1 && bd->nhi == 1 && poly_is_const(poly_sub(b->a, bd->hi[0], bd->lo[0]), &n) && n > 0 ? n : 0;
}

static sym_t strip_sym(struct packing *k, unsigned l, const char *suffix) {
  return lfunc_add_sym(k->b->f, arena_printf(k->b->a, "%s%s", plan_loop_name(k->b->p, l), suffix));
}

struct lane_syms {
  sym_t strip, lane;
};

/* One vector at offset `strip` of the loop; masked by the bounds unless whole. */
static struct lstmt *copy_vector(struct packing *k, const struct env *e, const struct place *x, const struct member *m,
                                 const struct bounds *bd, const struct lane_syms *y, bool whole) {
  struct build *b = k->b;
  unsigned l = (unsigned)k->vec, lanes = lane_count(k), nhi = 1;
  poly_t at = poly_sym(b->a, y->strip), hi[9] = {cpoly(b, lanes)};
  struct env in = *e;
  pack_open(k, l, poly_add(b->a, at, poly_sym(b->a, y->lane)), &in);
  for (unsigned i = 0; i < bd->nhi && !whole; i++) hi[nhi++] = poly_sub(b->a, bd->hi[i], at);
  struct lstmt *v = loop_for(b->a, F_VECTOR, y->lane, cpoly(b, 0), hi[0], 1, copy_one(k, &in, x, m));
  v->hi = arena_dup(b->a, hi, sizeof *hi * nhi);
  v->nhi = (uint8_t)nhi;
  while ((1u << v->lanes_log2) < lanes) v->lanes_log2++;
  return k->column == SYM_NONE ? v : loop_for(b->a, F_UNROLL, k->column, cpoly(b, 0), cpoly(b, lanes), 1, v);
}

/* All vectors of a row. A short row of constant length is unrolled; one that may be cut has such a body for where it is
 * not. */
static struct lstmt *copy_lanes(struct packing *k, const struct env *e, const struct place *x, const struct member *m,
                                const struct bounds *bd) {
  struct build *b = k->b;
  unsigned l = (unsigned)k->vec, lanes = lane_count(k);
  struct lane_syms y = {strip_sym(k, l, "p"), strip_sym(k, l, "pl")};
  struct strip s = {bd, y.strip, lanes};
  int64_t n = const_trip(b, bd), full = 0;
  if (n % lanes == 0 && n > 0) {
    struct lstmt *f = strip_loop(b, &s, copy_vector(k, e, x, m, bd, &y, true));
    if (n / lanes <= STRIP_VECTORS && k->run < 0) f->fkind = F_UNROLL;
    return f;
  }
  struct lstmt *part = strip_loop(b, &s, copy_vector(k, e, x, m, bd, &y, false));
  if (n || bd->nlo != 1 || bd->nhi != 2 || !poly_is_const(bd->lo[0], &n) || n || !poly_is_const(bd->hi[0], &full) ||
      full % lanes || full / lanes > STRIP_VECTORS || k->run >= 0)
    return part;
  struct bounds whole = {.nlo = 1, .nhi = 1, .lo = {bd->lo[0]}, .hi = {bd->hi[0]}};
  struct lane_syms z = {strip_sym(k, l, "p"), strip_sym(k, l, "pl")};
  struct strip t = {&whole, z.strip, lanes};
  struct lstmt *f = strip_loop(b, &t, copy_vector(k, e, x, m, &whole, &z, true));
  f->fkind = F_UNROLL;
  poly_t room = poly_sub(b->a, bd->hi[1], bd->hi[0]);
  return loop_if(b->a, 1, &room, NULL, f, part);
}

static struct lstmt *copy_nest(struct packing *k, const struct env *e, const struct place *x, const struct member *m,
                               unsigned d);

/* The contiguous axis, as many elements at a time as there are lanes across it; what is left over one by one. */
static struct lstmt *copy_run(struct packing *k, struct env *in, const struct place *x, const struct member *m,
                              const struct bounds *bd) {
  struct build *b = k->b;
  unsigned l = (unsigned)k->run;
  int64_t block = b->p->lim->vector_bytes / (int64_t)type_size(pack_type(k)), n = const_trip(b, bd);
  sym_t strip = strip_sym(k, l, "p"), one = strip_sym(k, l, "pu"), rest = strip_sym(k, l, "pr");
  struct strip s = {bd, strip, block};
  struct stmts parts = {0};
  poly_t at = poly_sym(b->a, strip), room[8];
  in->open |= BIT(l);
  in->val[l] = poly_add(b->a, at, poly_sym(b->a, one));
  k->column = one;
  struct lstmt *whole = copy_nest(k, in, x, m, k->nwalk);
  k->column = SYM_NONE;
  if (n && n % block == 0) return strip_loop(b, &s, whole);
  struct bounds left = {.nlo = 1, .lo = {cpoly(b, 0)}};
  for (unsigned i = 0; i < bd->nhi; i++) {
    left.hi[left.nhi++] = poly_sub(b->a, bd->hi[i], at);
    room[i] = poly_addc(b->a, left.hi[i], -block);
  }
  in->val[l] = poly_add(b->a, at, poly_sym(b->a, rest));
  struct strip r = {&left, rest, 1};
  struct lstmt *single = strip_loop(b, &r, copy_nest(k, in, x, m, k->nwalk));
  stmts_add(b, &parts, loop_if(b->a, bd->nhi, room, NULL, whole, single));
  return strip_loop(b, &s, stmts_block(b, &parts));
}

/* A panel that threads share is made by all of them: the pack stands outside of a parallel loop. */
static bool shared(const struct packing *k, const struct env *e) {
  const struct plan *p = k->b->p;
  bool later = false;
  for (unsigned i = 0; i < p->norder; i++) {
    if (!p->loop[p->order[i]].parallel || p->loop[p->order[i]].trivial) continue;
    if (e->open & BIT(p->order[i])) return false;
    later = true;
  }
  return later && p->o->threads > 1;
}

/* Does each iteration of loop l copy elements of its own? Not along a window: where it slides, neighbours copy the same
 * ones. */
static bool own_elements(const struct packing *k, unsigned l) {
  const struct plan *p = k->b->p;
  const struct access *r = k->read->acc;
  bool alone = false;
  for (unsigned d = 0; d < r->rank; d++) {
    if (!poly_has(r->ix[d].poly, p->axis[LOOP_AXIS(l)].sym)) continue;
    unsigned others = 0;
    for (unsigned a = 0; a < p->naxis; a++) others += a != LOOP_AXIS(l) && poly_has(r->ix[d].poly, p->axis[a].sym);
    alone |= !others;
  }
  return alone || !k->step->keep;
}

/* All dims but the lanes as plain loops, then the lanes. */
static struct lstmt *copy_nest(struct packing *k, const struct env *e, const struct place *x, const struct member *m,
                               unsigned d) {
  struct build *b = k->b;
  struct set s = {1, &m};
  struct bounds bd;
  struct env in = *e;
  if (d == k->nwalk && k->nside) return pack_by_threads(k, e, x, m);
  if (d == k->nwalk && k->vec < 0) return copy_one(k, e, x, m);
  unsigned l = d < k->nwalk ? k->walk[d] : (unsigned)k->vec;
  loop_bounds(b, &s, l, e, &bd, &in);
  if (k->sub >= 0) pack_sub_bounds(k, l, &bd);
  if (d == k->nwalk) return copy_lanes(k, &in, x, m, &bd);
  if ((int)l == k->run) return copy_run(k, &in, x, m, &bd);
  loop_open(b, l, &in);
  pack_open(k, l, in.val[l], &in);
  struct lstmt *f = loop_close(b, l, e, &bd, copy_nest(k, &in, x, m, d + 1));
  if (k->step->keep || (int)l == k->inner) f->step = 1;
  f->fkind = d == 0 && shared(k, e) && own_elements(k, l) ? F_PARALLEL : F_SERIAL;
  f->unroll = 0;
  return f;
}

static struct lstmt *pack_one(struct build *b, const struct ppack *step, const struct set *s, struct env *e) {
  struct packing k = {.b = b, .step = step, .column = SYM_NONE, .vec = -1, .run = -1, .inner = -1};
  struct place *x = ARENA_NEW(b->a, struct place, 1);
  if (!find_reader(&k, s)) return NULL;
  find_dims(&k, e);
  if (!shared(&k, e)) pack_find_sides(&k);
  if (!k.nside) find_lanes(&k);
  find_walk(&k);
  struct member *m = copying_member(&k, e);
  if (!m || !(step->keep ? copy_buffer(&k, e, x) : pack_buffer(&k, e, x))) return NULL;
  x->tensor = step->tensor;
  x->ix = k.read->acc->ix;
  x->rank = k.read->acc->rank;
  x->guarded = true;
  x->wide = k.wide, x->type = (uint8_t)k.type;
  x->padded = k.sub >= 0;
  for (unsigned i = 0; i < k.nside && !m->e->nguard; i++)
    for (unsigned l = k.side[i].loop;; l--) {
      x->filled |= BIT(l);
      if ((int)k.side[i].loop != k.inner || !LOOP_LEVEL(l)) break;
    }
  struct lstmt *nest = copy_nest(&k, e, x, m, 0);
  x->next = e->places;
  e->places = x;
  return nest;
}

struct lstmt *pack_at(struct build *b, const struct set *s, unsigned l, struct env *e, bool staged) {
  struct stmts out = {0};
  for (unsigned i = 0; i < b->p->npack; i++)
    if (b->p->pack[i].loop == l && (b->p->pack[i].stage != 0) == staged)
      stmts_add(b, &out, pack_one(b, &b->p->pack[i], s, e));
  return stmts_block(b, &out);
}

/* ---- legality ---- */

struct same {
  const struct plan *p;
  unsigned tensor;
  bool lanes; /* some read lies on lanes: only those are packed, the others stay where they are */
  sym_t lane; /* of the member at hand */
  const struct access *first;
  bool differ, dyn;
};
static void compare(expr_t x, void *ctx) {
  struct same *c = ctx;
  if (x->kind != E_READ || x->acc->tensor != c->tensor) return;
  if (c->lanes && (c->lane == SYM_NONE || !expr_has_sym(x, c->lane))) return;
  for (unsigned d = 0; d < x->acc->rank; d++) c->dyn |= x->acc->ix[d].dyn != NULL;
  if (!c->first)
    c->first = x->acc;
  else if (!access_eq(c->first, x->acc))
    c->differ = true;
}

/* What a tensor map brings is 0 behind the tensor's extents: the sum must end there, or where a box does (a part of a
   sum that is split). */
static bool sum_fills(const struct plan *p, const struct access *r, unsigned sum) {
  const struct paxis *x = &p->axis[sum];
  const struct tensor *t = &p->k->tensor[r->tensor];
  int64_t lo, one;
  unsigned uses = 0;
  bool whole = false, boxes = x->ntile && x->ext > 0 && x->ext % x->tile[x->ntile - 1] == 0;
  for (unsigned d = 0; d < r->rank; d++) {
    poly_t c, rest;
    if (!poly_has(r->ix[d].poly, x->sym)) continue;
    uses++;
    whole = poly_eq(r->ix[d].poly, poly_sym(p->a, x->sym)) && t->extent[d] && poly_eq(t->extent[d], x->hi);
    whole |= boxes && poly_split(p->a, r->ix[d].poly, x->sym, &c, &rest) && poly_is_const(c, &one) && one == 1;
  }
  return uses == 1 && whole && x->uniform && poly_is_const(x->lo, &lo) && !lo;
}

/* The own axis of the operand is alone in its subscript, as it is. */
static bool own_plain(const struct plan *p, const struct access *r, unsigned own) {
  unsigned uses = 0;
  bool plain = true;
  for (unsigned d = 0; d < r->rank; d++) {
    poly_t c, rest;
    int64_t v;
    if (!poly_has(r->ix[d].poly, p->axis[own].sym)) continue;
    uses++;
    plain &= poly_split(p->a, r->ix[d].poly, p->axis[own].sym, &c, &rest) && poly_is_const(c, &v) && v == 1;
  }
  return uses == 1 && plain;
}

/* Guarded only where the tensor ends: behind that boxes are 0. */
static bool ends_with_tensor(const struct plan *p, const struct access *r) {
  const struct tensor *t = &p->k->tensor[r->tensor];
  for (unsigned i = 0; i < r->nguard; i++) {
    bool end = false;
    for (unsigned d = 0; d < r->rank && !end; d++)
      end = t->extent[d] && poly_eq(r->guard[i], poly_addc(p->a, poly_sub(p->a, t->extent[d], r->ix[d].poly), -1));
    if (!end) return false;
  }
  return true;
}

/* tma and swizzle128 speak of tiles of warp groups: those always have it, others never. */
static bool check_panels(struct plan *p, const struct ppack *k) {
  const char *name = p->k->tensor[k->tensor].name;
  bool tma = k->stage & STAGE_TMA, group = false, fits = true;
  unsigned how = STAGE_SWIZZLE_BYTES(k->stage);
  if (!tma && !how) return true;
  for (unsigned i = 0; i < p->nmember; i++) {
    const struct member *m = &p->member[i];
    expr_t read = member_read_of(m, k->tensor);
    if (!read || m->sub < 0 || p->loop[m->sub].matrix != MATRIX_wgmma) continue;
    const struct access *r = read->acc;
    unsigned own =
        LOOP_AXIS((unsigned)(expr_has_sym(read, p->axis[LOOP_AXIS((unsigned)m->thr)].sym) ? m->thr : m->vec));
    bool along = pack_runs_along(p->a, r, p->axis[LOOP_AXIS((unsigned)m->sub)].sym);
    group = true;
    fits &= pack_operand_type(p, k->tensor) == (enum dtype)read->type;
    fits &= ends_with_tensor(p, r) && !m->e->nguard && r->rank <= 5 && p->axis[own].tile[0] <= 256 &&
            own_plain(p, r, own) && sum_fills(p, r, LOOP_AXIS((unsigned)m->sub)) &&
            (along || type_size((enum dtype)read->type) > 1) && (along || pack_runs_along(p->a, r, p->axis[own].sym));
  }
  if (how && (how != PANEL_BYTES || !group))
    p->why = arena_printf(p->a, "stage %s: tiles of warp groups have swizzle128, others none", name);
  else if (tma && (!group || !how))
    p->why = arena_printf(p->a, "stage %s tma: wants a tile of a warp group, with swizzle128", name);
  else if (tma && !fits)
    p->why = arena_printf(p->a, "stage %s tma: it is no box of the tensor, which ends where the sum does", name);
  return !p->why;
}

/* The loop runs many times, one iteration after the other, and all that is staged in it is so equally far ahead. */
static bool check_stage(struct plan *p, const struct ppack *k) {
  const struct ploop *l = &p->loop[k->loop];
  const char *name = p->k->tensor[k->tensor].name, *loop = plan_loop_name(p, k->loop);
  if (l->trivial)
    p->why = arena_printf(p->a, "stage %s: the loop %s has one iteration", name, loop);
  else if (l->parallel || l->unroll || l->peel)
    p->why = arena_printf(p->a, "stage %s: the loop %s is parallel, unrolled or peeled", name, loop);
  for (unsigned i = 0; i < p->npack && !p->why; i++)
    if (p->pack[i].loop == k->loop && p->pack[i].stage && p->pack[i].stage != k->stage)
      p->why = arena_printf(p->a, "stage %s: not as many buffers as others in loop %s", name, loop);
  return !p->why;
}

static bool check_one(struct plan *p, const struct ppack *k) {
  const char *name = p->k->tensor[k->tensor].name;
  struct same c = {p, k->tensor, false, SYM_NONE, NULL, false, false};
  for (unsigned i = 0; i < p->nmember; i++)
    c.lanes |= (p->member[i].walks & BIT(k->loop)) && lane_read_of(p, &p->member[i], k->tensor);
  for (unsigned i = 0; i < p->nmember; i++) {
    const struct eq *e = p->member[i].e;
    if (!(p->member[i].walks & BIT(k->loop))) continue;
    c.lane = p->member[i].vec < 0 ? SYM_NONE : p->axis[LOOP_AXIS((unsigned)p->member[i].vec)].sym;
    expr_t part[] = {e->body, e->init, e->start};
    for (unsigned j = 0; j < 3; j++)
      if (part[j]) expr_visit(part[j], compare, &c);
  }
  const char *loop = plan_loop_name(p, k->loop);
  if (!c.first)
    p->why = arena_printf(p->a, "pack %s %s: nothing inside the loop reads it", name, loop);
  else if (c.differ || c.dyn)
    p->why = arena_printf(p->a, "pack %s %s: it is read with different or computed subscripts", name, loop);
  else if (p->loop[k->loop].mark)
    p->why = arena_printf(p->a, "pack %s %s: the loop is unrolled or a vector", name, loop);
  if (p->why || (k->stage && (!check_stage(p, k) || !check_panels(p, k)))) return false;
  int64_t size = (int64_t)type_size(p->k->tensor[k->tensor].type);
  for (unsigned a = 0; a < p->naxis; a++) {
    bool uses = false;
    for (unsigned d = 0; d < c.first->rank; d++) uses |= poly_has(c.first->ix[d].poly, p->axis[a].sym);
    if (!uses) continue;
    if (!p->axis[a].uniform) p->why = arena_printf(p->a, "pack %s %s: its readers walk different ranges", name, loop);
    bool outside = false;
    for (unsigned i = 0; i < p->norder && p->order[i] != k->loop; i++) outside |= LOOP_AXIS(p->order[i]) == a;
    outside |= LOOP_AXIS(k->loop) == a;
    int64_t n = !outside           ? (p->axis[a].ext > 0 ? p->axis[a].ext : 1)
                : p->axis[a].ntile ? p->axis[a].tile[p->axis[a].ntile - 1]
                                   : 1;
    size = size > (INT64_C(1) << 30) ? size : size * n;
  }
  if (size > INT64_C(1) << 30)
    p->why = arena_printf(p->a, "pack %s %s: the buffer would be larger than 1 GiB", name, loop);
  return !p->why;
}

bool pack_check(struct plan *p) {
  for (unsigned i = 0; i < p->npack; i++)
    if (!check_one(p, &p->pack[i])) return false;
  return true;
}
