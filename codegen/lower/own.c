/* Blocks of threads: buffers of which each thread touches its own elements only become registers. An element belongs to
   the lane that its subscripts name, the same in all accesses, and which of them it is is known when loops are
   unrolled. Sums over other lanes are the same in all threads that hold them. A factor of a matrix instruction
   (held.c) may besides be read along its sub loop: the instruction takes it from where it lies. */
#include "codegen/lower/plan.h"
#include <string.h>

enum { OPEN_MOST = 64, RANK_MOST = 8, DIGITS = 2, SLOTS_MOST = 128, SLOTS_ALL = 320 };

struct lane { /* of a dimension */
  int64_t step;
  uint16_t wide;
  uint8_t at;
};
struct buffer {
  bool inside, bad, seen; /* inside: allocated where threads run */
  uint8_t n[RANK_MOST];
  struct lane lane[RANK_MOST][DIGITS];
};
struct walk {
  struct lfunc *f;
  struct arena *a;
  struct buffer *buffer; /* by object */
  unsigned nopen;
  const struct lstmt *open[OPEN_MOST];
  const struct access *factor; /* of the statement in a sub loop */
  bool grid;                   /* what is visited is a kernel's */
};

static const struct lstmt *loop_of(const struct walk *w, sym_t s) {
  for (unsigned i = w->nopen; i-- > 0;)
    if (w->open[i]->sym == s) return w->open[i];
  return NULL;
}

static bool starts_at_zero(const struct lstmt *s) {
  int64_t lo;
  return s->nlo == 1 && poly_is_const(s->lo[0], &lo) && !lo;
}

/* Lanes of one subscript, sorted by their steps; false: it is not of that form. */
static bool lanes_of(const struct walk *w, poly_t ix, bool factor, struct lane *lane, unsigned *n) {
  *n = 0;
  for (uint32_t i = 0; i < ix->n; i++) {
    const struct mono *t = &ix->mono[i];
    if (!t->n) continue;
    const struct lstmt *s = t->n == 1 ? loop_of(w, t->sym[0]) : NULL;
    if (!s || t->coef < 1 || !starts_at_zero(s)) return false;
    if (s->fkind == F_UNROLL || (s->fkind == F_SUB && factor)) continue;
    if (s->fkind != F_VECTOR || *n == DIGITS) return false;
    unsigned k = (*n)++;
    for (; k > 0 && lane[k - 1].step > t->coef; k--) lane[k] = lane[k - 1];
    lane[k] = (struct lane){t->coef, (uint16_t)(1u << s->lanes_log2), s->digit};
  }
  for (unsigned k = 1; k < *n; k++)
    if (lane[k].step % (lane[k - 1].step * lane[k - 1].wide)) return false;
  return true;
}

static bool along_sub(const struct walk *w, poly_t ix) {
  for (unsigned i = 0; i < w->nopen; i++)
    if (w->open[i]->fkind == F_SUB && poly_has(ix, w->open[i]->sym)) return true;
  return false;
}

static void note(struct walk *w, const struct access *x) {
  struct buffer *b = &w->buffer[x->tensor];
  for (unsigned d = 0; d < x->rank && b->inside && !b->bad; d++) {
    struct lane lane[DIGITS];
    unsigned n;
    bool factor = x == w->factor && x->ix[d].poly && along_sub(w, x->ix[d].poly);
    if (x->ix[d].dyn || !x->ix[d].poly || !lanes_of(w, x->ix[d].poly, factor, lane, &n) || (factor && n)) {
      b->bad = true;
    } else if (!factor && !b->seen) {
      b->n[d] = (uint8_t)n;
      memcpy(b->lane[d], lane, n * sizeof *lane);
    } else if (!factor) {
      bool same = b->n[d] == n;
      for (unsigned k = 0; k < n && same; k++)
        same =
            b->lane[d][k].step == lane[k].step && b->lane[d][k].wide == lane[k].wide && b->lane[d][k].at == lane[k].at;
      b->bad |= !same;
    }
  }
  b->seen |= x != w->factor;
}

static void note_read(expr_t x, void *ctx) {
  if (x->kind == E_READ) note(ctx, x->acc);
}

static void note_access(struct walk *w, const struct access *x) {
  note(w, x);
  for (unsigned d = 0; d < x->rank; d++)
    if (x->ix[d].dyn) expr_visit(x->ix[d].dyn, note_read, w);
}

/* Extents are constants, and the buffer is nothing but elements. */
static bool may_be(const struct lfunc *f, unsigned object) {
  const struct object *o = &f->object[object];
  bool ok = object >= f->k->ntensor && (o->scope == SCOPE_HEAP || o->scope == SCOPE_STACK) && !o->stages &&
            !o->panel_rows && o->rank && o->rank <= RANK_MOST;
  for (unsigned d = 0; d < o->rank && ok; d++) ok = poly_is_const(o->extent[d], NULL);
  return ok;
}

static bool has_parallel(const struct lstmt *s) {
  if (s->kind == L_FOR && s->fkind == F_PARALLEL) return true;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && has_parallel(s->body[i])) return true;
  return false;
}

/* Parallel loops are a kernel's grid; a statement without any is a kernel of one block. */
static void visit(struct walk *w, const struct lstmt *s) {
  bool loop = s->kind == L_FOR, grid = w->grid;
  struct dot d;
  if (loop && w->nopen == OPEN_MOST) {
    for (unsigned i = 0; i < w->f->nobject; i++) w->buffer[i].bad = true;
    return;
  }
  if (loop) w->open[w->nopen++] = s;
  w->grid |= (loop && s->fkind == F_PARALLEL) || (s->kind != L_BLOCK && !has_parallel(s));
  if (s->kind == L_ALLOC) w->buffer[s->id].inside = w->grid && may_be(w->f, s->id);
  bool sub = s->kind == L_STORE && w->nopen && w->open[w->nopen - 1]->fkind == F_SUB;
  w->factor = sub && s->red == RED_sum && dot_mixed(s->value, &d) ? d.a->acc : NULL;
  if (s->acc) note_access(w, s->acc);
  if (s->value) expr_visit(s->value, note_read, w);
  if (s->cond) expr_visit(s->cond, note_read, w);
  w->factor = NULL;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) visit(w, s->body[i]);
  if (loop) w->nopen--;
  w->grid = grid;
}

/* Elements of one thread; 0: too many. */
static int64_t slots_of(const struct lfunc *f, unsigned object, const struct buffer *b) {
  int64_t all = 1, n = 0;
  for (unsigned d = 0; d < f->object[object].rank; d++) {
    poly_is_const(f->object[object].extent[d], &n);
    for (unsigned k = b->n[d]; k-- > 0;) {
      int64_t span = b->lane[d][k].step * b->lane[d][k].wide;
      n = (n + span - 1) / span * b->lane[d][k].step;
    }
    if (n < 1 || n > SLOTS_MOST || (all *= n) > SLOTS_MOST) return 0;
  }
  return all;
}

void own_registers(struct lfunc *f, struct lstmt *body) {
  struct arena *a = f->arena;
  struct walk w = {.f = f, .a = a, .buffer = ARENA_NEW(a, struct buffer, f->nobject + 1u)};
  int64_t left = SLOTS_ALL;
  visit(&w, body);
  for (unsigned i = 0; i < f->nobject; i++) {
    const struct buffer *b = &w.buffer[i];
    bool lanes = false;
    for (unsigned d = 0; d < RANK_MOST; d++) lanes |= b->n[d] > 0;
    int64_t n = b->inside && b->seen && !b->bad && lanes ? slots_of(f, i, b) : 0;
    if (!n || n > left) continue;
    left -= n;
    f->object[i].scope = SCOPE_REG;
    f->object[i].stride = NULL;
  }
}
