/* The step `stage` of a tensor that the group only writes: whole tiles of it go through shared memory. The nest that
   stores such a tile puts it into a buffer there, in panels, and a second one copies from that to the tensor; where the
   tensor can have a map that copying is boxes of it (emit/simt_out.c), else the threads do it, neighbours along rows.
   Tiles that an axis cuts are stored as they were. */
#include "codegen/lower/plan.h"
#include <string.h>

enum { LOOPS = 16, PIECE_BYTES = 16, ROWS_MOST = 256, ROWS_UNIT = 8 };

struct tile {
  struct build *b;
  const struct lstmt *loop[LOOPS];
  unsigned n;
  struct lstmt *st;
  unsigned tall; /* the subscript that walks rows; the last one walks columns */
  int64_t rows, cols;
  poly_t inner[2], outer[UINT8_MAX + 1]; /* subscripts: of the tile, and where it begins */
};

static bool is_out(const struct plan *p, unsigned tensor) {
  for (unsigned i = 0; i < p->nout; i++)
    if (p->out[i] == tensor) return true;
  return false;
}

static bool counts(const struct lstmt *s, int64_t *n) {
  int64_t lo;
  return s->nlo == 1 && s->nhi == 1 && s->step == 1 && poly_is_const(s->lo[0], &lo) && !lo &&
         poly_is_const(s->hi[0], n);
}

/* Of a subscript: what the nest's loops move, how far that is, and the rest. */
static bool take(const struct tile *t, poly_t ix, poly_t *inner, poly_t *outer, int64_t *span) {
  struct arena *a = t->b->a;
  *inner = poly_const(a, 0), *span = 0;
  for (unsigned i = 0; i < t->n; i++) {
    poly_t c, rest;
    int64_t k, n;
    if (!poly_has(ix, t->loop[i]->sym)) continue;
    if (!counts(t->loop[i], &n) || !poly_split(a, ix, t->loop[i]->sym, &c, &rest) || !poly_is_const(c, &k) || k < 1)
      return false;
    *inner = poly_add(a, *inner, poly_scale(a, poly_sym(a, t->loop[i]->sym), k));
    *span += k * (n - 1);
    ix = rest;
  }
  *outer = ix;
  return true;
}

static bool find_tile(struct tile *t) {
  const struct access *acc = t->st->acc;
  int64_t size = (int64_t)type_size((enum dtype)t->b->f->object[acc->tensor].type), span, elements = 1, n;
  unsigned tall = 0;
  if (t->st->red != RED_none || acc->nguard || acc->rank < 2) return false;
  for (unsigned d = 0; d < acc->rank; d++) {
    poly_t inner;
    if (acc->ix[d].dyn || !take(t, acc->ix[d].poly, &inner, &t->outer[d], &span)) return false;
    bool last = d + 1u == acc->rank;
    if (last) t->inner[1] = inner, t->cols = span + 1;
    if (last || !span) continue;
    tall++;
    t->inner[0] = inner, t->rows = span + 1, t->tall = d;
  }
  for (unsigned i = 0; i < t->n; i++)
    if (!counts(t->loop[i], &n) || (elements *= n) > INT32_MAX) return false;
  return tall == 1 && elements == t->rows * t->cols && t->rows <= ROWS_MOST && t->rows % ROWS_UNIT == 0 &&
         t->cols * size % PANEL_BYTES == 0;
}

static int64_t even_part(int64_t n, int64_t most) {
  int64_t x = 1;
  while (2 * x <= most && n % (2 * x) == 0) x *= 2;
  return x;
}

static struct lstmt *over(struct tile *t, enum fkind kind, sym_t s, int64_t n, struct lstmt *body) {
  return loop_for(t->b->a, kind, s, cpoly(t->b, 0), cpoly(t->b, n), 1, body);
}

static struct lstmt *lanes(struct tile *t, sym_t s, int64_t n, unsigned at, struct lstmt *body) {
  struct lstmt *v = over(t, F_VECTOR, s, n, body);
  v->digit = (uint8_t)at;
  while (INT64_C(1) << v->lanes_log2 < n) v->lanes_log2++;
  return v;
}

/* From the buffer to the tensor, by all threads: those side by side take pieces of 16 bytes of a row. */
static struct lstmt *copy_out(struct tile *t, unsigned object) {
  struct build *b = t->b;
  struct arena *a = b->a;
  enum dtype type = (enum dtype)b->f->object[object].type;
  const struct access *acc = t->st->acc;
  int64_t piece = PIECE_BYTES / (int64_t)type_size(type), threads = b->p->threads;
  int64_t along = even_part(t->cols / piece, threads), down = even_part(t->rows, threads / along);
  static const char *const names[] = {"out_row", "out_col", "out_again", "out_strip", "out_part"};
  sym_t s[5];
  for (unsigned i = 0; i < 5; i++) s[i] = lfunc_add_sym(b->f, names[i]);
  poly_t row = poly_add(a, poly_scale(a, poly_sym(a, s[2]), down), poly_sym(a, s[0]));
  poly_t col = poly_add(a, poly_scale(a, poly_sym(a, s[3]), along), poly_sym(a, s[1]));
  col = poly_add(a, poly_scale(a, col, piece), poly_sym(a, s[4]));
  poly_t from[2] = {row, col}, to[UINT8_MAX + 1];
  memcpy(to, t->outer, acc->rank * sizeof *to);
  to[t->tall] = poly_add(a, to[t->tall], row);
  to[acc->rank - 1] = poly_add(a, to[acc->rank - 1], col);
  expr_t value = expr_read(a, type, access_new(a, object, 2, from));
  struct lstmt *x = loop_store(a, access_new(a, acc->tensor, acc->rank, to), RED_none, value);
  x = over(t, F_UNROLL, s[4], piece, x);
  x = over(t, F_UNROLL, s[3], t->cols / piece / along, x);
  x = over(t, F_UNROLL, s[2], t->rows / down, x);
  unsigned log = 0;
  while (INT64_C(1) << log < along) log++;
  if (along > 1) x = lanes(t, s[1], along, 0, x);
  if (along == 1) x = over(t, F_UNROLL, s[1], 1, x);
  return down > 1 ? lanes(t, s[0], down, log, x) : over(t, F_UNROLL, s[0], 1, x);
}

/* The nest through a buffer. */
static struct lstmt *through(struct tile *t, struct lstmt *nest) {
  struct build *b = t->b;
  const struct object *o = &b->f->object[t->st->acc->tensor];
  poly_t extent[2] = {cpoly(b, t->rows), cpoly(b, t->cols)};
  const char *name = arena_printf(b->a, "%s_out", o->name);
  unsigned object = lfunc_add_object(b->f, name, (enum dtype)o->type, SCOPE_HEAP, 2, extent);
  b->f->object[object].panel_rows = (uint32_t)t->rows, b->f->object[object].panel_cols = (uint32_t)t->cols;
  struct lstmt *s[2] = {nest, copy_out(t, object)};
  t->st->acc = access_new(b->a, object, 2, t->inner);
  return loop_alloc(b->a, object, loop_block(b->a, 2, s));
}

static struct lstmt *rewrite(struct build *b, struct lstmt *s, unsigned *n) {
  struct tile t = {.b = b};
  struct lstmt *x = s;
  while (x->kind == L_FOR && (x->fkind == F_VECTOR || x->fkind == F_UNROLL) && x->nbody == 1 && x->body[0] &&
         t.n < LOOPS)
    t.loop[t.n++] = x, x = x->body[0];
  if (t.n) { /* nests of sums have buffers of their own inside nowhere */
    t.st = x;
    if (x->kind != L_STORE || !is_out(b->p, x->acc->tensor) || !find_tile(&t)) return s;
    ++*n;
    return through(&t, s);
  }
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) s->body[i] = rewrite(b, s->body[i], n);
  return s;
}

struct lstmt *out_tiles(struct build *b, struct lstmt *body) {
  unsigned n = 0;
  if (!b->p->nout || !body) return body;
  body = rewrite(b, body, &n);
  if (!n)
    b->why = arena_printf(b->a, "stage %s: no whole tile of it, of panels of %d bytes and at most %d rows, is stored",
                          b->p->k->tensor[b->p->out[0]].name, (int)PANEL_BYTES, (int)ROWS_MOST);
  return body;
}
