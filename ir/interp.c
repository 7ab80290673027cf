/* The TENSOR interpreter: equations one after the other, each right side wholly before its left side when it reads its
   own tensor. Values are real numbers (long double) with an error bound that any correct implementation meets; see
   docs/design.md, Numerics. Expressions are interp_expr.c. */
#include "ir/dot.h"
#include "ir/interp_expr.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct eval {
  struct icontext *c;
  const struct eq *e;
  struct prog *body, *init, *start;
  struct place *lhs;
  struct lin *guard; /* [nguard] */
  struct diag *d;
  uint64_t max_ops;
  struct cell *late; /* results that wait until the whole right side is done */
  int64_t *late_at, nlate, late_cap;
  bool brief; /* a sum that may be kept to BRIEF_BITS */
  enum status st;
};

bool tensor_span(const struct kernel *k, unsigned t, const struct args *a, int64_t max, int64_t *nelem) {
  const struct tensor *x = &k->tensor[t];
  int64_t *val = xmalloc((k->nsym + 1u) * sizeof *val), span = 1;
  struct arena *scratch = arena_new();
  bool ok = true, empty = false, negative = false;
  for (unsigned s = 0; s < k->nsym; s++)
    if (k->sym[s].kind == SYM_DIM && k->sym[s].param < k->nparam) val[s] = a->dim[k->sym[s].param];
  for (unsigned d = 0; ok && d < x->rank; d++) {
    int64_t n, st, t1;
    ok = x->extent[d] && poly_eval(x->extent[d], val, &n) && poly_eval(tensor_stride(scratch, x, d), val, &st);
    if (!ok) break;
    if (n <= 0)
      empty = true;
    else if (st < 0)
      negative = true; /* row-major strides are when an inner extent is: then the tensor is empty */
    else
      ok = !__builtin_mul_overflow(n - 1, st, &t1) && !__builtin_add_overflow(span, t1, &span);
  }
  arena_free(scratch);
  free(val);
  *nelem = empty ? 0 : span;
  return ok && (empty || !negative) && *nelem <= max;
}

/* Set-up
 * ------------------------------------------------------------------------------------------------------------------------------------
 */

static bool is_written(const struct kernel *k, unsigned t) {
  for (unsigned i = 0; i < k->neq; i++)
    if (k->eq[i].lhs == t) return true;
  return false;
}

static bool load_layout(struct icontext *c, unsigned t, int64_t *extent, int64_t *stride) {
  const struct tensor *x = &c->k->tensor[t];
  for (unsigned d = 0; d < x->rank && d < 16; d++)
    if (!x->extent[d] || !poly_eval(x->extent[d], c->sym, &extent[d]) ||
        !poly_eval(tensor_stride(c->arena, x, d), c->sym, &stride[d]))
      return false;
  return tensor_span(c->k, t, c->args, INT64_C(1) << 31, &c->store[t].n);
}

enum { MAPPED_LEAST = 1 << 26 };

/* Of a large tensor that a cut-down kernel needs little of, only the pages that are touched are memory. */
static void open_cells(struct store *s) {
  size_t bytes = (size_t)(s->n + 1) * sizeof *s->cell;
  void *p = bytes < MAPPED_LEAST
                ? MAP_FAILED
                : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  s->mapped = p == MAP_FAILED ? 0 : bytes;
  s->cell = p == MAP_FAILED ? xmalloc(bytes) : p;
}

static void load_cells(struct icontext *c, unsigned t) {
  struct store *s = &c->store[t];
  const struct tensor *x = &c->k->tensor[t];
  enum dtype type = (enum dtype)x->type;
  open_cells(s);
  if (!s->data || x->role == ROLE_OUT) return; /* not defined before they are written */
  for (int64_t i = 0; i < s->n; i++) {
    union value v = type_load(type, s->data + (size_t)i * type_size(type));
    s->cell[i].def = true;
    if (type_is_float(type))
      s->cell[i].v = v.f;
    else
      s->cell[i].i = v.i;
  }
}

static enum status open_tensors(struct icontext *c, struct diag *d) {
  int64_t *extent = ARENA_NEW(c->arena, int64_t, c->k->ntensor * 16u + 1),
          *stride = ARENA_NEW(c->arena, int64_t, c->k->ntensor * 16u + 1);
  c->extent = extent;
  c->stride = stride;
  for (unsigned t = 0; t < c->k->ntensor; t++) {
    const struct tensor *x = &c->k->tensor[t];
    if (x->rank > 16 || !load_layout(c, t, extent + t * 16, stride + t * 16)) {
      if (d) diag_error(d, x->loc, "'%s' is too large to be interpreted at these dims", x->name);
      return ST_INFEASIBLE;
    }
    if (x->role != ROLE_TEMP) c->store[t].data = c->args->data[x->param];
    if (is_written(c->k, t) || x->role == ROLE_TEMP) load_cells(c, t);
  }
  return ST_OK;
}

/* Reductions
 * --------------------------------------------------------------------------------------------------------------------------------
 */

struct fold {
  enum red red;
  enum dtype type;
  struct ival acc;
  long double mag;       /* sum of |terms| */
  double serial;         /* a float sum in the type's own arithmetic, term after term: how far equal terms drift */
  double len, peak;      /* peak: of a brief sum, the largest partial sum */
  int64_t index, lo, hi; /* argmin, argmax: the first best, and how far ties within the errors reach */
  bool any, brief;
};

static bool improves(const struct fold *f, struct ival x, double margin) {
  bool less = f->red == RED_min || f->red == RED_argmin;
  if (!type_is_float(f->type)) {
    union value a = {.i = f->acc.i}, b = {.i = x.i}, r = red_step(less ? RED_min : RED_max, f->type, a, b);
    return r.i != a.i;
  }
  return less ? x.v < f->acc.v - margin : x.v > f->acc.v + margin;
}

static void fold_arg(struct fold *f, struct ival x, int64_t at) {
  double margin = x.e + f->acc.e;
  bool clear = improves(f, x, margin),
       tie = !clear && margin > 0 && type_is_float(f->type) && fabsl(x.v - f->acc.v) <= margin;
  if (clear)
    f->lo = f->hi = at;
  else if (tie) {
    if (!f->any) f->lo = f->hi = f->index;
    f->hi = at > f->hi ? at : f->hi;
    f->lo = at < f->lo ? at : f->lo;
    f->any = true;
  }
  if (improves(f, x, 0)) {
    f->acc.v = x.v;
    f->acc.i = x.i;
    f->acc.e = fmax(f->acc.e, x.e);
    f->index = at;
    f->any = true;
  }
}

static void sum_term(struct fold *f, long double x) {
  f->acc.v += x;
  f->mag += fabsl(x);
  if (f->brief) f->peak = fmax(f->peak, (double)fabsl(f->acc.v));
  if (f->type == DT_f32)
    f->serial = (float)f->serial + (float)x;
  else if (f->type == DT_f64)
    f->serial += (double)x;
  else
    f->serial = type_round(f->type, (union value){.f = f->serial + (double)x}).f;
}

static void fold_step(struct fold *f, struct ival x, int64_t at) {
  if (x.bad) f->acc.bad = x.bad;
  f->len += 1;
  if (f->red == RED_argmin || f->red == RED_argmax) {
    fold_arg(f, x, at);
  } else if (!type_is_float(f->type)) {
    f->acc.i = red_step(f->red, f->type, (union value){.i = f->acc.i}, (union value){.i = x.i}).i;
    f->acc.e = f->red == RED_sum ? f->acc.e + x.e : fmax(f->acc.e, x.e);
  } else if (f->red == RED_sum) {
    sum_term(f, x.v);
    f->acc.e += x.e;
  } else if (f->red == RED_prod) {
    f->acc.e = f->acc.e * (double)fabsl(x.v) + x.e * (double)fabsl(f->acc.v) + f->acc.e * x.e;
    f->acc.v *= x.v;
  } else {
    if (improves(f, x, 0)) f->acc.v = x.v;
    f->acc.e = fmax(f->acc.e, x.e);
  }
}

/* |got - ref| <= u S (8 + 2 sqrt K) for a sum of K terms of magnitude S in any order (docs/design.md), as if roundings
   were independent. Those of equal terms are not: each addition between two powers of two errs alike. So what the plain
   order loses counts twice on top: no order loses more than that one but for chance. A sum that overflows on the way is
   for checking to judge. */
static double sum_error(const struct fold *f, double u) {
  double drift = fabs((double)(f->serial - f->acc.v));
  return u * (double)f->mag * (8 + 2 * sqrt(f->len)) + (isfinite(drift) ? 2 * drift : 0);
}

/* What tensor cores lose of products of 8-bit floats: each step a unit of the 14th bit, or two, of the largest partial
   sum in sight (between two places of the order; at most twice one from its start). */
static double brief_error(const struct fold *f) {
  return (f->len / (double)BRIEF_STEP + 8) * ldexp(f->peak, 3 - BRIEF_BITS);
}

static struct ival fold_end(const struct fold *f) {
  struct ival r = f->acc;
  double u = type_is_float(f->type) ? type_epsilon(f->type) : 0;
  if (f->red == RED_sum && u > 0)
    r.e += sum_error(f, u) + (f->brief ? brief_error(f) : 0);
  else if (f->red == RED_prod && u > 0)
    r.e += 2 * u * f->len * (double)fabsl(r.v);
  if (f->red == RED_argmin || f->red == RED_argmax) {
    r.i = f->index;
    r.v = 0;
    r.e = f->any ? fmax((double)(f->hi - f->index), (double)(f->index - f->lo)) : 0;
    if (r.e < 0) r.e = 0;
  }
  if (type_is_float(f->type) && !isfinite(r.v))
    r.e = isinf(f->acc.e) ? INFINITY : 0; /* an infinite term decides in any order */
  if (isnan(r.e)) r.e = isfinite(r.v) ? INFINITY : 0;
  return r;
}

static struct fold fold_begin(struct eval *v) {
  const struct eq *e = v->e;
  struct fold f = {.red = (enum red)e->red, .type = (enum dtype)e->body->type, .index = -1};
  bool arg = e->red == RED_argmin || e->red == RED_argmax;
  union value id = red_identity(f.red, f.type);
  if (type_is_float(f.type))
    f.acc.v = id.f;
  else
    f.acc.i = id.i;
  if (arg && v->start) f.acc = prog_run(v->c, v->start);
  if (arg && v->init) f.index = prog_run(v->c, v->init).i;
  if (!arg && v->init) {
    f.acc = prog_run(v->c, v->init);
    f.mag = fabsl(f.acc.v);
  }
  f.serial = (double)f.acc.v;
  f.brief = v->brief, f.peak = v->brief ? (double)fabsl(f.acc.v) : 0;
  f.lo = f.hi = f.index;
  return f;
}

/* Walking
 * -------------------------------------------------------------------------------------------------------------------------------------
 */

static bool guards_hold(const struct eval *v) {
  for (unsigned g = 0; g < v->e->nguard; g++) {
    int64_t x;
    if (!poly_eval(v->e->guard[g], v->c->sym, &x) || x < 0) return false;
  }
  return true;
}

/* The guards of a reduction restrict what is reduced, never what is written. */
static bool parallel_guards_hold(const struct eval *v) {
  return v->e->red != RED_none || guards_hold(v);
}

static void fold_block(struct fold *f, const struct lanes *r, unsigned n, int64_t at) {
  bool sum = f->red == RED_sum && type_is_float(f->type) && !r->any_bad;
  for (unsigned l = 0; l < n && !sum; l++)
    fold_step(f, (struct ival){r->v[l], r->i[l], r->any_e ? r->e[l] : 0, r->any_bad ? r->bad[l] : 0}, at + l);
  if (!sum) return;
  f->len += n;
  for (unsigned l = 0; l < n; l++) sum_term(f, r->v[l]);
  for (unsigned l = 0; l < n && r->any_e; l++) f->acc.e += r->e[l];
}

/* The part of the axis where the guards hold; false when they are not affine. */
static bool guarded_range(struct eval *v, const struct axis *ax, int64_t *lo, int64_t *hi) {
  if (!poly_eval(ax->lo, v->c->sym, lo) || !poly_eval(ax->hi, v->c->sym, hi)) *lo = *hi = 0;
  for (unsigned g = 0; g < v->e->nguard; g++)
    if (!lin_narrow(v->c, &v->guard[g], ax->sym, lo, hi)) return false;
  return true;
}

/* The innermost reduction axis, in blocks; false when that is not possible. */
static bool reduce_last(struct eval *v, struct fold *f) {
  const struct axis *ax = &v->e->axis[v->e->nax - 1];
  int64_t lo, hi;
  if (!guarded_range(v, ax, &lo, &hi)) return false;
  for (int64_t i = lo; i < hi && v->st == ST_OK;) {
    unsigned n = hi - i > INTERP_LANES ? INTERP_LANES : (unsigned)(hi - i);
    fold_block(f, prog_block(v->c, v->body, ax->sym, i, n), n, i);
    if (v->c->ops > v->max_ops) v->st = ST_INFEASIBLE;
    i += n;
  }
  return true;
}

static void reduce(struct eval *v, unsigned x, struct fold *f) {
  if (x == v->e->nax) {
    if (v->e->nguard && !guards_hold(v)) return;
    fold_step(f, prog_run(v->c, v->body), v->c->sym[v->e->axis[x - 1].sym]);
    return;
  }
  if (x + 1 == v->e->nax && reduce_last(v, f)) return;
  const struct axis *ax = &v->e->axis[x];
  int64_t lo, hi;
  if (!poly_eval(ax->lo, v->c->sym, &lo) || !poly_eval(ax->hi, v->c->sym, &hi)) return;
  for (int64_t i = lo; i < hi && v->st == ST_OK; i++) {
    v->c->sym[ax->sym] = i;
    reduce(v, x + 1, f);
    if (v->c->ops > v->max_ops) v->st = ST_INFEASIBLE;
  }
}

static void say_fault(struct eval *v, const char *what, const struct fault *f) {
  if (!v->d || !f->acc) return;
  struct buf b;
  buf_init(&b);
  for (unsigned d = 0; d < f->acc->rank; d++) buf_printf(&b, "%s%lld", d ? "," : "", (long long)f->ix[d]);
  diag_error(v->d, v->e->loc, "%s '%s[%s]'", what, v->c->k->tensor[f->acc->tensor].name, b.data ? b.data : "");
  buf_free(&b);
}

static struct cell finish(const struct eval *v, struct ival r, enum dtype from) {
  enum dtype to = (enum dtype)v->c->k->tensor[v->e->lhs].type;
  struct cell x = {.def = 1, .e = r.e};
  if (type_is_float(to)) {
    x.v = type_is_float(from) ? r.v : (long double)r.i;
    if (!type_is_float(from) || !type_holds(to, from)) x.e += interp_narrowed(to, &x.v);
  } else {
    union value in, out;
    if (type_is_float(from))
      in.f = (double)r.v;
    else
      in.i = r.i;
    out = type_convert(to, from, in);
    x.i = out.i;
  }
  return x;
}

static void put(struct eval *v, int64_t at, struct cell x) {
  if (!v->late_at) {
    v->c->store[v->e->lhs].cell[at] = x;
    return;
  }
  if (v->nlate == v->late_cap) {
    v->late_cap *= 2;
    v->late = v->c->late = xrealloc(v->late, (size_t)v->late_cap * sizeof *v->late);
    v->late_at = v->c->late_at = xrealloc(v->late_at, (size_t)v->late_cap * sizeof *v->late_at);
  }
  v->late[v->nlate] = x;
  v->late_at[v->nlate++] = at;
}

static void point(struct eval *v) {
  struct fault f = {0};
  if (v->e->nguard && !parallel_guards_hold(v)) return;
  v->c->fault.acc = NULL;
  struct ival r;
  enum dtype from = (enum dtype)v->e->body->type;
  if (v->e->red == RED_none) {
    r = prog_run(v->c, v->body);
  } else {
    struct fold fold = fold_begin(v);
    reduce(v, v->e->npar, &fold);
    r = fold_end(&fold);
    if (v->e->red == RED_argmin || v->e->red == RED_argmax) from = DT_i64;
  }
  if (v->st != ST_OK) return;
  int64_t at = place_element(v->c, v->lhs, &f);
  if (at < 0 || r.bad) {
    v->st = ST_REFUSED;
    say_fault(v,
              at < 0                ? "write outside the tensor:"
              : r.bad == BAD_BOUNDS ? "read outside the tensor:"
                                    : "read of an undefined element:",
              at < 0 ? &f : &v->c->fault);
    return;
  }
  put(v, at, finish(v, r, from));
}

/* Elements sym = at … at + n - 1 of an equation without reduction. What is not all right is done one by one, for the
 * message. */
static void map_block(struct eval *v, sym_t sym, int64_t at, unsigned n) {
  int64_t to, step;
  const struct lanes *r = prog_block(v->c, v->body, sym, at, n);
  bool plain = !r->any_bad && place_block(v->c, v->lhs, sym, at, n, &to, &step);
  for (unsigned l = 0; l < n && v->st == ST_OK; l++) {
    v->c->sym[sym] = at + l;
    if (plain) {
      struct ival x = {r->v[l], r->i[l], r->any_e ? r->e[l] : 0, BAD_NONE};
      put(v, to + (int64_t)l * step, finish(v, x, (enum dtype)v->e->body->type));
    } else {
      point(v);
    }
  }
}

/* An equation without reduction along its innermost axis; false when it must be walked one by one. */
static bool map_last(struct eval *v) {
  const struct axis *ax = &v->e->axis[v->e->npar - 1];
  int64_t lo, hi;
  if (v->e->red != RED_none || !guarded_range(v, ax, &lo, &hi)) return false;
  for (int64_t i = lo; i < hi && v->st == ST_OK;) {
    unsigned n = hi - i > INTERP_LANES ? INTERP_LANES : (unsigned)(hi - i);
    map_block(v, ax->sym, i, n);
    if (v->c->ops > v->max_ops) v->st = ST_INFEASIBLE;
    i += n;
  }
  return true;
}

static void walk(struct eval *v, unsigned x) {
  if (x + 1 == v->e->npar && map_last(v)) return;
  if (x == v->e->npar) {
    point(v);
    if (v->c->ops > v->max_ops) v->st = ST_INFEASIBLE;
    return;
  }
  const struct axis *ax = &v->e->axis[x];
  int64_t lo, hi;
  if (!poly_eval(ax->lo, v->c->sym, &lo) || !poly_eval(ax->hi, v->c->sym, &hi)) return;
  for (int64_t i = lo; i < hi && v->st == ST_OK; i++) {
    v->c->sym[ax->sym] = i;
    walk(v, x + 1);
  }
}

static bool reads_itself(const struct eq *e) {
  return expr_reads(e->body, e->lhs) || (e->init && expr_reads(e->init, e->lhs)) ||
         (e->start && expr_reads(e->start, e->lhs));
}

static void free_late(struct icontext *c) {
  free(c->late);
  free(c->late_at);
  c->late = c->late_at = NULL;
}

static enum status run_eq(struct icontext *c, const struct eq *e, uint64_t max_ops, struct diag *d) {
  struct subscript *ix = ARENA_NEW(c->arena, struct subscript, c->k->tensor[e->lhs].rank + 1u);
  for (unsigned i = 0; i < c->k->tensor[e->lhs].rank; i++) ix[i].poly = e->lhs_idx[i];
  struct access *lhs = ARENA_NEW(c->arena, struct access, 1);
  *lhs = (struct access){.tensor = e->lhs, .rank = c->k->tensor[e->lhs].rank, .ix = ix};
  struct eval v = {.c = c,
                   .e = e,
                   .d = d,
                   .max_ops = max_ops,
                   .st = ST_OK,
                   .body = prog_new(c, e->body, e->axis, e->nax),
                   .lhs = place_new(c, lhs, e->axis, e->npar)};
  struct dot dot;
  v.brief = c->args->brief && e->red == RED_sum && dot_of(e->body, &dot) && dot.kind == DOT_f8;
  if (e->init) v.init = prog_new(c, e->init, e->axis, e->npar);
  if (e->start) v.start = prog_new(c, e->start, e->axis, e->npar);
  v.guard = ARENA_NEW(c->arena, struct lin, e->nguard + 1u);
  for (unsigned g = 0; g < e->nguard; g++) v.guard[g] = lin_new(c, e->guard[g], e->axis, e->nax);
  if (reads_itself(e)) {
    v.late_cap = 256;
    v.late = c->late = xmalloc((size_t)v.late_cap * sizeof *v.late);
    v.late_at = c->late_at = xmalloc((size_t)v.late_cap * sizeof *v.late_at);
  }
  walk(&v, 0);
  for (int64_t i = 0; v.st == ST_OK && i < v.nlate; i++) c->store[e->lhs].cell[v.late_at[i]] = v.late[i];
  free_late(c);
  return v.st;
}

/* Results
 * -------------------------------------------------------------------------------------------------------------------------------------
 */

static void mark_written(struct icontext *c, const struct eq *e, unsigned x, const struct place *lhs,
                         uint8_t *written) {
  if (x == e->npar) {
    struct eval v = {.c = c, .e = e};
    int64_t at = parallel_guards_hold(&v) ? place_element(c, lhs, NULL) : -1;
    if (at >= 0) written[at] = 1;
    return;
  }
  int64_t lo, hi;
  if (!poly_eval(e->axis[x].lo, c->sym, &lo) || !poly_eval(e->axis[x].hi, c->sym, &hi)) return;
  for (int64_t i = lo; i < hi; i++) {
    c->sym[e->axis[x].sym] = i;
    mark_written(c, e, x + 1, lhs, written);
  }
}

static void fill_written(struct icontext *c, unsigned t, uint8_t *written) {
  for (unsigned i = 0; i < c->k->neq; i++) {
    const struct eq *e = &c->k->eq[i];
    if (e->lhs != t) continue;
    struct subscript ix[16] = {{0}};
    for (unsigned d = 0; d < c->k->tensor[t].rank; d++) ix[d].poly = e->lhs_idx[d];
    struct access lhs = {.tensor = (uint16_t)t, .rank = c->k->tensor[t].rank, .ix = ix};
    mark_written(c, e, 0, place_new(c, arena_dup(c->arena, &lhs, sizeof lhs), e->axis, e->npar), written);
  }
}

static void deliver(struct icontext *c, unsigned t, struct expect *w) {
  const struct tensor *x = &c->k->tensor[t];
  enum dtype type = (enum dtype)x->type;
  const struct store *s = &c->store[t];
  uint8_t *written = ARENA_NEW(c->arena, uint8_t, s->n + 1);
  fill_written(c, t, written);
  if (w) {
    w->written = written;
    w->bound = ARENA_NEW(c->arena, double, s->n + 1);
    if (type_is_float(type))
      w->ref = ARENA_NEW(c->arena, double, s->n + 1);
    else
      w->ival = ARENA_NEW(c->arena, int64_t, s->n + 1);
  }
  unsigned char *data = c->args->data[x->param];
  for (int64_t i = 0; i < s->n; i++) {
    if (!written[i]) continue;
    union value v;
    if (type_is_float(type))
      v.f = (double)s->cell[i].v;
    else
      v.i = s->cell[i].i;
    v = type_round(type, v);
    type_store(type, data + (size_t)i * type_size(type), v);
    if (!w) continue;
    w->bound[i] = s->cell[i].e;
    if (type_is_float(type))
      w->ref[i] = (double)s->cell[i].v, w->bound[i] += isfinite(w->ref[i]) ? type_epsilon(type) * fabs(w->ref[i]) : 0;
    else
      w->ival[i] = v.i;
  }
}

static enum status interpret(struct icontext *c, struct expect *want, uint64_t max_ops, struct diag *d) {
  const struct kernel *k = c->k;
  for (unsigned s = 0; s < k->nsym; s++)
    if (k->sym[s].kind == SYM_DIM && k->sym[s].param < k->nparam) c->sym[s] = c->args->dim[k->sym[s].param];
  enum status st = open_tensors(c, d);
  for (unsigned i = 0; st == ST_OK && i < k->neq; i++) st = run_eq(c, &k->eq[i], max_ops, d);
  for (unsigned t = 0; st == ST_OK && t < k->ntensor; t++)
    if (k->tensor[t].role != ROLE_TEMP && is_written(k, t)) deliver(c, t, want ? &want[k->tensor[t].param] : NULL);
  return st;
}

static void close_tensors(struct icontext *c) {
  for (unsigned t = 0; t < c->k->ntensor; t++)
    if (c->store[t].mapped)
      munmap(c->store[t].cell, c->store[t].mapped);
    else
      free(c->store[t].cell);
  free_late(c);
}

enum status kernel_interp(const struct kernel *k, const struct args *a, struct arena *arena, struct expect *want,
                          uint64_t max_ops, struct diag *d) {
  struct icontext *c = ARENA_NEW(arena, struct icontext, 1);
  c->k = k;
  c->args = a;
  c->arena = arena;
  c->store = ARENA_NEW(arena, struct store, k->ntensor + 1u);
  c->sym = ARENA_NEW(arena, int64_t, k->nsym + 1u);
  struct oom_guard g;
  if (!OOM_TRY(&g)) {
    close_tensors(c);
    oom_raise();
  }
  enum status st = interpret(c, want, max_ops, d);
  oom_leave(&g);
  close_tensors(c);
  return st;
}
