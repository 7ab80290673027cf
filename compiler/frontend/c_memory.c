/* memset, memcpy and memmove as the loops that they are, where the number of bytes is a number of elements; and memcpy
   of a number into one of another type, or from and to the bytes of an array: its bits. */
#include "compiler/frontend/c_lower.h"
#include <string.h>

/* Elements in so many bytes; NULL: not a polynomial, or not whole elements. */
poly_t c_elements(struct cx *x, struct cval bytes, enum dtype t) {
  int64_t size = (int64_t)type_size(t);
  if (bytes.kind == CV_NUM && !bytes.p) {
    c_want(x, bytes.e);
    cv_want_quotients(x, bytes.e);
  }
  if (bytes.kind != CV_NUM || !bytes.p || bytes.p->overflow) return NULL;
  poly_t sum = poly_const(x->a, 0);
  for (uint32_t i = 0; i < bytes.p->n; i++) {
    const struct mono *m = &bytes.p->mono[i];
    if (m->coef % size) return NULL;
    poly_t term = poly_const(x->a, m->coef / size);
    for (unsigned j = 0; j < m->n; j++) term = poly_mul(x->a, term, poly_sym(x->a, m->sym[j]));
    sum = poly_add(x->a, sum, term);
  }
  return sum->overflow ? NULL : sum;
}

/* Argument i without the conversion to void *. */
static CXCursor unvoided(struct cx *x, CXCursor call, unsigned i) {
  CXCursor c = x->cl->Cursor_getArgument(call, i);
  for (;;) {
    struct kids k = c_kids(x, c);
    CXType t = c_type(x, c);
    bool is_void = c_is_pointer(t) && x->cl->getCanonicalType(x->cl->getPointeeType(t)).kind == CXType_Void;
    if (!is_void || !k.n || !c_is_expr(x, k.c[k.n - 1])) break;
    c = k.c[k.n - 1];
  }
  return c;
}

static struct cptr pointer_of(struct cx *x, CXCursor call, unsigned i, struct cval v) {
  if (v.kind != CV_PTR && v.kind != CV_ARRAY) c_refuse(x, call, "argument %u not understood", i + 1);
  return c_freeze(x, call, v.ptr);
}

bool c_has_bits(enum dtype t) {
  return type_is_int(t) || t == DT_f32 || t == DT_f64;
}

struct cval c_bits(struct cx *x, CXCursor at, struct cval v, enum dtype to) {
  enum dtype from = (enum dtype)v.type;
  if (from == to) return v;
  if (!c_has_bits(from) || !c_has_bits(to) || type_size(from) != type_size(to))
    c_refuse(x, at, "the bits of a number of another size or kind are not supported");
  if (type_is_int(from) && type_is_int(to)) return cv_convert(x, v, to);
  enum dtype word = type_size(to) == 4 ? DT_u32 : DT_u64;
  if (type_is_float(from)) return cv_convert(x, cv_expr(expr_op1(x->a, OP_bits, cv_get(x, v)), word), to);
  return cv_expr(expr_op1(x->a, OP_bits, cv_get(x, cv_convert(x, v, word))), to);
}

/* The dims behind the pointer's own, which a run of elements goes through: rows that lie one behind the other. */
static bool whole_rows(struct cx *x, struct cptr p, poly_t *count, poly_t *rows) {
  poly_t row = poly_const(x->a, 1);
  if (c_is_row(p)) return false;
  if (p.at + 1 == p.rank) return *rows = *count, true;
  for (unsigned d = p.at + 1; d < p.rank; d++) {
    if (!x->f || !x->f->object[p.obj].extent[d]) return false;
    row = poly_mul(x->a, row, x->f->object[p.obj].extent[d]);
  }
  poly_t own = x->f->object[p.obj].extent[p.at];
  int64_t r, c;
  if (own && poly_eq(poly_mul(x->a, own, row), *count)) return *rows = own, true;
  if (poly_is_const(row, &r) && poly_is_const(*count, &c) && r > 0 && c % r == 0)
    return *rows = poly_const(x->a, c / r), true;
  return false;
}

struct walk { /* loops over the elements: one for `rows`, one for each dim behind */
  unsigned n;
  sym_t sym[8];
  poly_t extent[8];
};

static void index_of(struct cx *x, struct cptr *p, const struct walk *w) {
  p->ix = arena_dup(x->a, p->ix, sizeof *p->ix * p->rank);
  for (unsigned i = 0; i < w->n; i++) {
    struct subscript *s = &p->ix[p->at + i];
    s->poly = poly_add(x->a, s->poly, poly_sym(x->a, w->sym[i]));
  }
}

static void walk_open(struct cx *x, struct walk *w, struct cptr p, poly_t rows) {
  for (unsigned d = p.at; d < p.rank; d++) {
    w->extent[w->n] = d == p.at ? rows : x->f->object[p.obj].extent[d];
    w->sym[w->n++] = c_new_sym(x, "b", 0, INT64_MAX);
  }
}

static void store_loop(struct cx *x, CXCursor c, const struct walk *w, struct cptr to, expr_t value) {
  struct access *acc = ARENA_NEW(x->a, struct access, 1);
  *acc = (struct access){.tensor = to.obj, .rank = to.rank, .ix = to.ix};
  struct lstmt *s = loop_store(x->a, acc, RED_none, value);
  s->loc = c_loc(x, c);
  for (unsigned i = w->n; i-- > 0;) {
    s = loop_for(x->a, F_SERIAL, w->sym[i], poly_const(x->a, 0), w->extent[i], 1, s);
    s->loc = c_loc(x, c);
  }
  c_emit(x, s);
}

static bool same_shape(struct cx *x, struct cptr a, struct cptr b) {
  if (a.rank - a.at != b.rank - b.at) return false;
  for (unsigned d = 1; a.at + d < a.rank; d++)
    if (!poly_eq(x->f->object[a.obj].extent[a.at + d], x->f->object[b.obj].extent[b.at + d])) return false;
  return true;
}

static expr_t fill_value(struct cx *x, CXCursor c, enum dtype t) {
  struct cval v = c_expr(x, x->cl->Cursor_getArgument(c, 1));
  int64_t byte;
  if (v.kind == CV_NUM && type_size(t) == 1 && t != DT_bool) return cv_get(x, cv_convert(x, v, t));
  if (v.kind != CV_NUM || !v.p || !poly_is_const(v.p, &byte) || (byte != 0 && !(byte == -1 && type_is_int(t))))
    c_refuse(x, c, "memset to another value than 0 is supported for bytes only: write the loop");
  if (byte == 0) return expr_const(x->a, t, (union value){0});
  return cv_get(x, cv_convert(x, cv_poly(x, poly_const(x->a, -1), DT_i32, true), t));
}

static bool rank_behind(struct cptr p) {
  return p.at + 1 != p.rank;
}

/* Elements from the last one to the first. */
static void turn_round(struct cx *x, struct cptr *p, const struct walk *w) {
  poly_t i = poly_sub(x->a, poly_addc(x->a, w->extent[0], -1), poly_sym(x->a, w->sym[0]));
  p->ix = arena_dup(x->a, p->ix, sizeof *p->ix * p->rank);
  p->ix[p->at].poly = poly_subst(x->a, p->ix[p->at].poly, w->sym[0], i);
}

static void one_walk(struct cx *x, CXCursor c, struct cptr to, struct cptr from, poly_t rows, bool copy, bool down) {
  struct walk w = {0};
  walk_open(x, &w, to, rows);
  index_of(x, &to, &w);
  index_of(x, &from, &w);
  if (down) turn_round(x, &to, &w);
  if (down) turn_round(x, &from, &w);
  expr_t value =
      copy ? cv_get(x, c_bits(x, c, c_load(x, c, from), (enum dtype)to.type)) : fill_value(x, c, (enum dtype)to.type);
  store_loop(x, c, &w, to, value);
}

/* In one array, a known number of elements apart? */
static bool apart_by(struct cx *x, struct cptr to, struct cptr from, int64_t *ahead) {
  if (to.obj != from.obj || to.rank != from.rank) return false;
  for (unsigned d = 0; d < to.rank; d++) {
    if (to.ix[d].dyn || from.ix[d].dyn) return false;
    if (!poly_is_const(poly_sub(x->a, from.ix[d].poly, to.ix[d].poly), ahead) || (d + 1 < to.rank && *ahead))
      return false;
  }
  return to.rank > 0;
}

/* memmove: the whole source is read before anything is written. */
static void through_buffer(struct cx *x, CXCursor c, struct cptr to, struct cptr from, poly_t count) {
  if (!x->f) c_refuse(x, c, "memmove is not supported here");
  unsigned obj = lfunc_add_object(x->f, c_unique(x, "moved"), (enum dtype)to.type, SCOPE_HEAP, 1, &count);
  struct cptr buf = {.obj = (uint16_t)obj, .type = to.type, .rank = 1, .ix = ARENA_NEW(x->a, struct subscript, 1)};
  buf.ix[0].poly = poly_const(x->a, 0);
  struct clist l = {0}, *outer = x->cur;
  x->cur = &l;
  one_walk(x, c, buf, from, count, true, false);
  one_walk(x, c, to, buf, count, true, false);
  x->cur = outer;
  struct lstmt *a = loop_alloc(x->a, obj, c_block(x, &l));
  a->loc = c_loc(x, c);
  c_emit(x, a);
}

/* The n elements from p on as one number, the least byte first. */
static struct cval joined(struct cx *x, CXCursor at, struct cptr p, int64_t n) {
  enum dtype part = (enum dtype)p.type, word = n * (int64_t)type_size(part) == 8 ? DT_u64 : DT_u32;
  static const enum dtype plain[] = {DT_u8, DT_u8, DT_u16, DT_u16, DT_u32};
  expr_t all = NULL;
  for (int64_t i = 0; i < n; i++) {
    struct cval v = c_load(x, at, cv_move(x, p, (struct subscript){poly_const(x->a, i), NULL}));
    expr_t e = expr_cast(x->a, word, cv_get(x, cv_convert(x, v, plain[type_size(part)])));
    if (i) e = expr_op2(x->a, OP_shl, e, expr_i(x->a, word, 8 * i * (int64_t)type_size(part)));
    all = all ? expr_op2(x->a, OP_or, all, e) : e;
  }
  return cv_expr(all, word);
}

static void store_one(struct cx *x, CXCursor at, struct cptr p, struct cval v) {
  struct access *acc = ARENA_NEW(x->a, struct access, 1);
  *acc = (struct access){.tensor = p.obj, .rank = p.rank, .ix = arena_dup(x->a, p.ix, sizeof *p.ix * p.rank)};
  struct lstmt *s = loop_store(x->a, acc, RED_none, cv_get(x, cv_convert(x, v, (enum dtype)p.type)));
  s->loc = c_loc(x, at);
  c_emit(x, s);
}

/* The number v into the n elements from p on. */
static void spread(struct cx *x, CXCursor at, struct cptr p, int64_t n, struct cval v) {
  enum dtype word = type_size((enum dtype)v.type) == 8 ? DT_u64 : DT_u32;
  unsigned t = c_temp(x, "word", word);
  c_emit(x, loop_set(x->a, t, cv_get(x, c_bits(x, at, v, word))));
  for (int64_t i = 0; i < n; i++) {
    expr_t e = c_local(x, t);
    if (i) e = expr_op2(x->a, OP_shr, e, expr_i(x->a, word, 8 * i * (int64_t)type_size((enum dtype)p.type)));
    store_one(x, at, cv_move(x, p, (struct subscript){poly_const(x->a, i), NULL}), cv_expr(e, word));
  }
}

/* How many elements of an array a number of so many bytes is; 0: no such copy. */
static int64_t parts_of(struct cptr p, int64_t bytes) {
  int64_t each = (int64_t)type_size((enum dtype)p.type), n = bytes / each;
  if (c_is_row(p) || p.or || p.at + 1 != p.rank || n * each != bytes) return 0;
  return n == 1 || (type_is_int((enum dtype)p.type) && (bytes == 4 || bytes == 8)) ? n : 0;
}

/* memcpy where one side is a local number. False: neither is. */
static bool copy_number(struct cx *x, CXCursor c, struct cval to, struct cval from) {
  if (to.kind != CV_REF && from.kind != CV_REF) return false;
  struct cval size = c_expr(x, x->cl->Cursor_getArgument(c, 2));
  int64_t bytes = 0, n = 1;
  bool known = size.kind == CV_NUM && size.p && poly_is_const(size.p, &bytes);
  const struct cval *number = to.kind == CV_REF ? &to : &from, *other = to.kind == CV_REF ? &from : &to;
  enum dtype t = x->var[number->arg].type;
  if (!known || bytes != (int64_t)type_size(t)) c_refuse(x, c, "memcpy of a part of a number is not supported");
  if (other->kind != CV_REF) {
    n = other->kind == CV_PTR || other->kind == CV_ARRAY ? parts_of(other->ptr, bytes) : 0;
    if (!n) c_refuse(x, c, "this memcpy of a number is not supported");
  }
  if (to.kind == CV_REF) {
    struct cval v = from.kind == CV_REF ? c_read_var(x, c, &x->var[from.arg])
                    : n > 1             ? joined(x, c, from.ptr, n)
                                        : c_load(x, c, from.ptr);
    c_write_var(x, c, &x->var[to.arg], c_bits(x, c, v, t));
  } else {
    struct cval v = c_read_var(x, c, &x->var[from.arg]);
    if (n > 1)
      spread(x, c, to.ptr, n, v);
    else
      store_one(x, c, to.ptr, c_bits(x, c, v, (enum dtype)to.ptr.type));
  }
  return true;
}

bool c_free_call(struct cx *x, CXCursor c, const char *name) {
  if (strcmp(name, "free") || x->cl->Cursor_getNumArguments(c) != 1) return false;
  struct cptr p = pointer_of(x, c, 0, c_expr(x, unvoided(x, c, 0)));
  return !c_is_row(p) && p.obj >= x->k->ntensor;
}

bool c_memory_call(struct cx *x, CXCursor c, const char *name) {
  bool builtin = !strncmp(name, "__builtin_", 10);
  const char *plain = builtin ? name + 10 : name;
  bool set = !strcmp(plain, "memset"), move = !strcmp(plain, "memmove"), copy = move || !strcmp(plain, "memcpy");
  if ((!set && !copy) || x->cl->Cursor_getNumArguments(c) != 3) return false;
  struct cval first = c_expr(x, unvoided(x, c, 0)), second = copy ? c_expr(x, unvoided(x, c, 1)) : first;
  if (copy && copy_number(x, c, first, second)) return true;
  struct cptr to = pointer_of(x, c, 0, first), from = copy ? pointer_of(x, c, 1, second) : to;
  bool same_size = type_size((enum dtype)from.type) == type_size((enum dtype)to.type);
  if (from.type != to.type &&
      (move || !same_size || !c_has_bits((enum dtype)from.type) || !c_has_bits((enum dtype)to.type)))
    c_refuse(x, c, "%s between elements of two types is not supported", plain);
  poly_t count = c_elements(x, c_expr(x, x->cl->Cursor_getArgument(c, 2)), (enum dtype)to.type), rows;
  if (!count || !whole_rows(x, to, &count, &rows) || !same_shape(x, to, from))
    c_refuse(x, c, "%s: the number of bytes is not a known number of elements: write the loop", plain);
  if (move && rank_behind(to)) c_refuse(x, c, "memmove of rows is not supported: write the loop");
  int64_t ahead;
  if (move && apart_by(x, to, from, &ahead))
    one_walk(x, c, to, from, rows, true, ahead < 0);
  else if (move)
    through_buffer(x, c, to, from, count);
  else
    one_walk(x, c, to, from, rows, copy, false);
  return true;
}
