/* Blocks turned in registers. An unrolled loop over u around a vector loop whose loads lie far apart along the lanes
   but next to each other along u (B[u][l] = A[l][u]: transposes, permutations, packs of a transposed operand) reads a
   block of rows x columns. At the first of its iterations the rows are loaded as vectors and turned by shuffles; the
   other iterations take their columns from it. Nothing in LOOP says so: the serial meaning of the loops is
   the meaning, this is only how they are loaded.

   Which loads of the block are made early is known: the body has no branch, guard or select that follows u, so each of
   them would be made anyway; and the loop stores to nothing that may be the object. Lanes that are off load the last
   row that is on. */
#include "codegen/emit/build.h"

/* --- which loops --- */

struct scan {
  sym_t sym;
  bool follows;
};

static void scan_polys(struct scan *s, const poly_t *p, unsigned n) {
  for (unsigned i = 0; i < n; i++) s->follows |= poly_has(p[i], s->sym);
}

static void scan_expr(expr_t e, void *ctx) {
  struct scan *s = ctx;
  if (e->kind == E_READ) scan_polys(s, e->acc->guard, e->acc->nguard);
  if (e->kind == E_OP && e->op == OP_select) s->follows |= expr_has_sym(e->kid[0], s->sym);
}

/* Does anything but a value or a subscript follow the symbol? */
static void scan_stmt(struct scan *s, const struct lstmt *st) {
  scan_polys(s, st->lo, st->nlo);
  scan_polys(s, st->hi, st->nhi);
  scan_polys(s, st->from, st->nfrom);
  scan_polys(s, st->guard, st->nguard);
  if (st->acc) scan_polys(s, st->acc->guard, st->acc->nguard);
  if (st->cond) s->follows |= expr_has_sym(st->cond, s->sym);
  if (st->value) expr_visit(st->value, scan_expr, s);
  for (uint32_t i = 0; i < st->nbody; i++)
    if (st->body[i]) scan_stmt(s, st->body[i]);
}

/* To be called before the first iteration; turn_next before each further one, turn_close at the end. */
void turn_open(struct fn *f, struct turn *t, const struct lstmt *s, unsigned count) {
  struct scan sc = {.sym = s->sym, .follows = s->step != 1 || count < 2};
  if (!sc.follows && s->nbody && s->body[0]) scan_stmt(&sc, s->body[0]);
  *t = (struct turn){.sym = s->sym, .left = count, .level = cur_level(f), .ok = !sc.follows, .outer = f->turn};
  if (t->ok) t->writes = writes_of(f, s);
  f->turn = t;
}

void turn_next(struct turn *t) {
  t->left--;
}

void turn_close(struct fn *f) {
  f->turn = f->turn->outer;
}

static bool may_write(const struct fn *f, const struct turn *t, unsigned object) {
  for (unsigned i = 0; i < f->f->nobject; i++)
    if (t->writes[i] && (i == object || !f->noalias)) return true;
  return false;
}

/* Vectors that the loops around this access will want, from here on, along the loop that moves it by `step` elements
   (*by); a power of two, at most `most`. 1: no block. */
unsigned turn_width(struct fn *f, const struct access *acc, int64_t step, unsigned most, struct turn **by) {
  if (f->lazy || f->varying_if || (f->mask.v && !f->active.v) || acc->nguard) return 1;
  for (struct turn *t = f->turn; t && t->level == cur_level(f); t = t->outer) {
    poly_t coef, rest;
    int64_t c;
    if (!t->ok || !poly_split(f->m->arena, access_poly(f, acc), t->sym, &coef, &rest) || !poly_is_const(coef, &c))
      return 1;
    if (c != step) continue;
    if (may_write(f, t, acc->tensor)) return 1;
    unsigned w = 1;
    while (w * 2 <= t->left && w * 2 <= most) w *= 2;
    *by = t;
    return w;
  }
  return 1;
}

/* The columns last while the loop that wants them is open. */
void turn_keep(struct fn *f, struct turn *by, const struct turned *b) {
  struct turned *k = ARENA_NEW(f->m->arena, struct turned, 1);
  *k = *b;
  k->next = by->block;
  by->block = k;
}

/* The column at this place, when a block has it. */
const struct val *turn_kept(const struct fn *f, const struct turned *want, unsigned size) {
  for (const struct turn *t = f->turn; t && t->level == cur_level(f); t = t->outer)
    for (const struct turned *b = t->block; b; b = b->next) {
      int64_t off = want->disp - b->disp;
      bool same = b->object == want->object && b->at == want->at && b->stride == want->stride &&
                  b->mask == want->mask && b->col[0].lanes == f->lanes;
      if (same && off >= 0 && off % size == 0 && off / size < b->n) return &b->col[off / size];
    }
  return NULL;
}

/* --- the network --- */

struct block {
  struct fn *f;
  unsigned lanes, n; /* n vectors of `lanes` elements: pieces of n elements each, turned piece by piece */
  unsigned near;     /* elements of a piece that lie within 16 bytes */
  LLVMValueRef v[TURN_LIMIT];
};

/* Within runs of `near` elements: low (high) halves of a and b, one element of each in turn. x86 has this as one
 * instruction. */
static LLVMValueRef interleave(const struct block *k, LLVMValueRef a, LLVMValueRef b, bool high) {
  unsigned at[LANE_LIMIT], half = k->near / 2;
  for (unsigned c = 0; c < k->lanes; c++) {
    unsigned base = c / k->near * k->near, i = c % k->near;
    at[c] = base + (high ? half : 0) + i / 2 + (i % 2 ? k->lanes : 0);
  }
  return vshuffle(k->f, a, b, at, k->lanes);
}

/* Rows next to each other, turned within runs of `near` elements: the perfect shuffle, log2 times. */
static void turn_near(struct block *k) {
  for (unsigned g = 0; g < k->n; g += k->near)
    for (unsigned round = 1; round < k->near; round *= 2) {
      LLVMValueRef out[TURN_LIMIT];
      for (unsigned i = 0; i < k->near / 2; i++) {
        LLVMValueRef a = k->v[g + i], b = k->v[g + i + k->near / 2];
        out[2 * i] = interleave(k, a, b, false);
        out[2 * i + 1] = interleave(k, a, b, true);
      }
      for (unsigned i = 0; i < k->near; i++) k->v[g + i] = out[i];
    }
}

/* Runs of d elements change places between rows d apart. */
static void turn_far(struct block *k, unsigned d) {
  unsigned lo[LANE_LIMIT], hi[LANE_LIMIT];
  for (unsigned c = 0; c < k->lanes; c++) {
    lo[c] = c & d ? k->lanes + c - d : c;
    hi[c] = c & d ? k->lanes + c : c + d;
  }
  for (unsigned i = 0; i < k->n; i++) {
    if (i & d) continue;
    LLVMValueRef a = k->v[i], b = k->v[i + d];
    k->v[i] = vshuffle(k->f, a, b, lo, k->lanes);
    k->v[i + d] = vshuffle(k->f, a, b, hi, k->lanes);
  }
}

/* --- loads --- */

static LLVMValueRef load_row(struct block *k, LLVMTypeRef elem, LLVMValueRef at, unsigned align) {
  LLVMValueRef v = LLVMBuildLoad2(k->f->b, LLVMVectorType(elem, k->n), at, "");
  LLVMSetAlignment(v, align);
  return v;
}

/* b behind a. */
static LLVMValueRef join(struct fn *f, LLVMValueRef a, LLVMValueRef b) {
  unsigned n = LLVMGetVectorSize(LLVMTypeOf(a));
  unsigned at[LANE_LIMIT];
  for (unsigned c = 0; c < 2 * n; c++) at[c] = c;
  return vshuffle(f, a, b, at, 2 * n);
}

/* Rows q, q + n, q + 2 n … one after the other in one vector. */
static LLVMValueRef load_pieces(struct block *k, LLVMTypeRef elem, const LLVMValueRef *row, unsigned q,
                                unsigned align) {
  LLVMValueRef part[LANE_LIMIT];
  unsigned pieces = k->lanes / k->n;
  for (unsigned p = 0; p < pieces; p++) part[p] = load_row(k, elem, row[q + p * k->n], align);
  for (; pieces > 1; pieces /= 2)
    for (unsigned p = 0; p < pieces / 2; p++) part[p] = join(k->f, part[2 * p], part[2 * p + 1]);
  return part[0];
}

/* row[l]: where lane l's row begins. Gives n vectors of f->lanes elements of elem (size bytes each), column by column.
 * The builder is placed. */
void turn_load(struct fn *f, LLVMTypeRef elem, unsigned size, const LLVMValueRef *row, unsigned n, LLVMValueRef *out) {
  struct block k = {.f = f, .lanes = f->lanes, .n = n, .near = n};
  while (k.near > 1 && k.near * size > 16) k.near /= 2;
  for (unsigned q = 0; q < n; q++) k.v[q] = load_pieces(&k, elem, row, q, size);
  turn_near(&k);
  for (unsigned d = k.near; d < n; d *= 2) turn_far(&k, d);
  for (unsigned i = 0; i < n; i++) out[i] = k.v[i];
}
