/* What a problem's results must be, and whether a candidate's are.

   Small problems are interpreted in full. Large ones are sampled: boxes at the corners and at random places of each
   output, each computed exactly by the interpreter on a kernel cut down to them (sample.c), plus the full footprint:
   every element that must be written is, every other one keeps its bits. The first candidate that passes lends its
   results to those that follow: elements outside the samples are compared with them, and where they differ (in any bit
   when the problem is exact, grossly otherwise) the interpreter decides which one is right. */
#include "tuner/check_impl.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double FULL_WORK = 3e7;   /* scalar operations of the interpreter: about a second */
static const double SAMPLE_WORK = 3e7; /* for all boxes together */
static const double BOX_WORK = 4e8;    /* for one box when even the smallest takes more */
enum { BOXES = 20, MAX_DISPUTES = 8, STRETCH = 1024 };

/* One output parameter. */
struct output {
  unsigned param, tensor;
  enum dtype type;
  int64_t n; /* elements of memory */
  const uint8_t *pristine;
  uint8_t *written; /* [n], NULL: not known */
  uint8_t *sampled; /* [n] 1 where `want` says what is right */
  struct expect want;
  uint8_t *peer; /* [n * size] results of a candidate that passed; NULL: none yet */
  double worst;  /* its largest error over bound */
};
struct reference {
  struct arena *arena;
  const struct problem *p;
  unsigned n;
  struct output *out;
  bool full;
};

/* Interpreting
 * -----------------------------------------------------------------------------------------------------------------------------
 */

/* Arguments with outputs of their own: what interpreting writes to. */
static struct args scratch_args(struct arena *a, const struct reference *r) {
  struct args s = r->p->args;
  s.data = arena_dup(a, s.data, r->p->k->nparam * sizeof *s.data);
  for (unsigned i = 0; i < r->n; i++)
    s.data[r->out[i].param] = arena_dup(a, r->out[i].pristine, (size_t)r->out[i].n * type_size(r->out[i].type));
  return s;
}

static enum status interpret(struct arena *a, struct reference *r, const struct kernel *k, struct expect *want,
                             double work, struct diag *d) {
  struct args s = scratch_args(a, r);
  return kernel_interp(k, &s, a, want, (uint64_t)(4 * work), d);
}

static enum status reference_full(struct reference *r, struct diag *d) {
  struct expect *want = ARENA_NEW(r->arena, struct expect, r->p->k->nparam + 1);
  enum status st = interpret(r->arena, r, r->p->k, want, 10 * FULL_WORK, d);
  for (unsigned i = 0; i < r->n && st == ST_OK; i++) {
    r->out[i].want = want[r->out[i].param];
    r->out[i].written = r->out[i].want.written;
  }
  r->full = true;
  return st;
}

/* Sampling
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

/* Element number in memory, -1 when it lies outside. */
static int64_t element(const struct reference *r, const struct output *o, const int64_t *ix) {
  const struct tensor *t = &r->p->k->tensor[o->tensor];
  struct arena *a = arena_new();
  int64_t at = 0, stride;
  for (unsigned d = 0; d < t->rank; d++)
    if (!poly_is_const(tensor_stride(a, t, d), &stride) || __builtin_mul_overflow(stride, ix[d], &stride) ||
        __builtin_add_overflow(at, stride, &at))
      at = INT64_MIN / 2;
  arena_free(a);
  return at >= 0 && at < o->n ? at : -1;
}

static void keep_sample(struct output *o, const struct expect *w, int64_t e) {
  o->sampled[e] = 1;
  o->want.written[e] = w->written[e];
  o->want.bound[e] = w->bound[e];
  if (w->ref) o->want.ref[e] = w->ref[e];
  if (w->ival) o->want.ival[e] = w->ival[e];
}

static void keep_box(struct reference *r, struct output *o, const struct box *b, const struct expect *w) {
  unsigned rank = r->p->k->tensor[o->tensor].rank;
  int64_t ix[BOX_RANK];
  memcpy(ix, b->lo, sizeof ix);
  for (;;) {
    int64_t e = element(r, o, ix);
    if (e >= 0) keep_sample(o, w, e);
    unsigned d = rank;
    while (d > 0 && ++ix[d - 1] >= b->hi[d - 1]) {
      ix[d - 1] = b->lo[d - 1];
      d--;
    }
    if (d == 0) return;
  }
}

static enum status sample_cut(struct reference *r, struct output *o, const struct kernel *cut, struct arena *a,
                              const struct box *b, unsigned n, struct diag *d) {
  struct expect *want = ARENA_NEW(a, struct expect, r->p->k->nparam + 1);
  enum status st = interpret(a, r, cut, want, BOX_WORK, d);
  for (unsigned i = 0; i < n && st == ST_OK; i++) keep_box(r, o, &b[i], &want[o->param]);
  return st;
}

static enum status sample_box(struct reference *r, struct output *o, const struct box *b, struct diag *d) {
  struct arena *a = arena_new();
  enum status st = sample_cut(r, o, sample_kernel(a, r->p->k, o->tensor, b), a, b, 1, d);
  arena_free(a);
  return st;
}

/* All boxes in one run where they can share it: the interpreter's cost for large results is paid once. */
static enum status sample_boxes(struct reference *r, struct output *o, const struct box *b, unsigned n,
                                struct diag *d) {
  struct arena *a = arena_new();
  struct kernel *joined = sample_join(a, r->p->k, o->tensor, b, n);
  enum status st = joined ? sample_cut(r, o, joined, a, b, n, d) : ST_OK;
  for (unsigned i = 0; i < n && !joined && st == ST_OK; i++) st = sample_box(r, o, &b[i], d);
  arena_free(a);
  return st;
}

static double box_work(const struct reference *r, const struct output *o, const struct box *b) {
  struct arena *a = arena_new();
  double work = kernel_work(sample_kernel(a, r->p->k, o->tensor, b));
  arena_free(a);
  return work;
}

/* Box number n of an output: the first ones at the corners of the last two dims, the others anywhere. len: wanted
 * extent per dim from the innermost. */
static bool choose_box(const struct reference *r, const struct output *o, unsigned n, uint64_t *rng,
                       const int64_t len[3], struct box *b) {
  const struct tensor *t = &r->p->k->tensor[o->tensor];
  *b = (struct box){.any = true};
  for (unsigned d = 0; d < t->rank; d++) {
    int64_t extent, want = len[t->rank - 1 - d < 2 ? t->rank - 1 - d : 2];
    if (!t->extent || !t->extent[d])
      extent = o->n; /* T *: one dim of unknown extent */
    else if (!poly_is_const(t->extent[d], &extent))
      return false;
    if (extent < 1) return false;
    if (want > extent) want = extent;
    unsigned corner = t->rank - 1 - d < 2 ? n >> (t->rank - 1 - d) & 1 : (unsigned)check_random(rng) & 1;
    int64_t room = extent - want,
            at = n < 4 ? (corner ? room : 0) : (int64_t)(check_random(rng) % (uint64_t)(room + 1));
    b->lo[d] = at;
    b->hi[d] = at + want;
  }
  return true;
}

static void open_samples(struct reference *r, struct output *o) {
  size_t n = (size_t)o->n + 1;
  o->sampled = ARENA_NEW(r->arena, uint8_t, n);
  o->want = (struct expect){ARENA_NEW(r->arena, uint8_t, n), ARENA_NEW(r->arena, double, n),
                            ARENA_NEW(r->arena, double, n), ARENA_NEW(r->arena, int64_t, n)};
}

static enum status sample_output(struct reference *r, struct output *o, uint64_t *rng, struct diag *d) {
  static const int64_t shapes[][3] = {{37, 3, 1}, {5, 2, 1}, {1, 1, 1}};
  if (r->p->k->tensor[o->tensor].rank > BOX_RANK) return ST_INFEASIBLE;
  open_samples(r, o);
  struct box b;
  unsigned shape = 0, count = 0;
  double work = INFINITY, budget = SAMPLE_WORK / r->n;
  for (; shape < 3; shape++) {
    if (!choose_box(r, o, 3, rng, shapes[shape], &b)) return ST_OK; /* no element */
    if ((work = box_work(r, o, &b)) * (double)BOXES <= budget) break;
  }
  if (shape == 3) shape = 2;
  if (work > BOX_WORK) {
    diag_error(d, r->p->k->loc, "'%s' is too large to be checked at these dims", r->p->k->name);
    return ST_INFEASIBLE;
  }
  count = work > 0 ? (unsigned)fmin(BOXES, 1 + budget / work) : BOXES;
  struct box boxes[BOXES];
  for (unsigned i = 0; i < count; i++)
    (void)choose_box(r, o, count < 4 ? 3 - i : i, rng, shapes[shape], &boxes[i]); /* few: the far corner first */
  return sample_boxes(r, o, boxes, count, d);
}

static enum status footprint(struct reference *r, struct diag *d) {
  struct arena *a = r->arena;
  unsigned covered = 0;
  for (unsigned i = 0; i < r->n; i++) {
    struct output *o = &r->out[i];
    if (!sample_covers(r->p->k, o->tensor)) continue;
    o->written = memset(ARENA_NEW(a, uint8_t, o->n + 1), 1, (size_t)o->n);
    covered++;
  }
  if (covered == r->n) return ST_OK;
  struct kernel *k = sample_footprint(a, r->p->k);
  double work = kernel_work(k);
  if (work > 10 * FULL_WORK) return ST_OK; /* not known */
  struct expect *want = ARENA_NEW(a, struct expect, k->nparam + 1);
  struct arena *tmp = arena_new();
  enum status st = interpret(tmp, r, k, want, 10 * FULL_WORK, d);
  for (unsigned i = 0; i < r->n && st == ST_OK; i++)
    r->out[i].written = arena_dup(a, want[r->out[i].param].written, (size_t)r->out[i].n);
  arena_free(tmp);
  return st;
}

static enum status reference_sampled(struct reference *r, struct diag *d) {
  uint64_t rng = 0x5eed + (uint64_t)r->p->k->neq;
  enum status st = footprint(r, d);
  for (unsigned i = 0; i < r->n && st == ST_OK; i++) st = sample_output(r, &r->out[i], &rng, d);
  return st;
}

struct reference *check_reference(struct arena *a, const struct problem *p, struct diag *d) {
  struct reference *r = ARENA_NEW(a, struct reference, 1);
  *r = (struct reference){.arena = a, .p = p, .out = ARENA_NEW(a, struct output, p->k->nparam + 1)};
  for (unsigned i = 0; i < p->k->nparam; i++) {
    if (p->k->param[i].kind != PARAM_TENSOR || p->k->tensor[p->k->param[i].ref].role == ROLE_IN) continue;
    struct output *o = &r->out[r->n++];
    o->param = i;
    o->tensor = p->k->param[i].ref;
    o->type = (enum dtype)p->k->tensor[o->tensor].type;
    o->pristine = p->args.data[i];
    if (!tensor_span(p->k, o->tensor, &p->args, INT64_MAX / 64, &o->n)) return NULL;
  }
  enum status st = kernel_work(p->k) <= FULL_WORK ? reference_full(r, d) : reference_sampled(r, d);
  return st == ST_OK ? r : NULL;
}

/* Comparing
 * --------------------------------------------------------------------------------------------------------------------------------
 */

static const uint8_t *at(const struct output *o, const void *data, int64_t e) {
  return (const uint8_t *)data + (size_t)e * type_size(o->type);
}

static void describe(const struct reference *r, const struct output *o, int64_t e, struct evidence *ev, const char *fmt,
                     ...) __attribute__((format(printf, 5, 6)));
static void describe(const struct reference *r, const struct output *o, int64_t e, struct evidence *ev, const char *fmt,
                     ...) {
  const struct tensor *t = &r->p->k->tensor[o->tensor];
  struct buf b;
  struct arena *a = arena_new();
  va_list ap;
  buf_init(&b);
  buf_printf(&b, "%s[", r->p->k->param[o->param].name);
  for (unsigned d = 0; d < t->rank; d++) { /* row-major or not: strides decrease in all layouts that are written down */
    int64_t stride = 1;
    if (!poly_is_const(tensor_stride(a, t, d), &stride) || stride < 1) stride = 1;
    buf_printf(&b, "%s%lld", d ? "," : "", (long long)(e / stride));
    e %= stride;
  }
  buf_puts(&b, "]: ");
  va_start(ap, fmt);
  char text[128];
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  buf_puts(&b, text);
  snprintf(ev->where, sizeof ev->where, "%s", b.data);
  buf_free(&b);
  arena_free(a);
}

static bool is_poison(const struct output *o, const uint8_t *p) {
  uint64_t bits = measure_poison(o->type);
  return !memcmp(p, &bits, type_size(o->type));
}

/* Could the magnitudes that led to this bound (at least 8 u S for a sum of magnitude S) leave the type's range on the
 * way? Then the order of the sum decides. */
static bool may_overflow(enum dtype t, double bound) {
  return bound / (8 * type_epsilon(t)) > type_largest(t) / 2;
}

/* Error over bound: <= 1 is right; INFINITY when it is no matter of precision. */
static double error_of(const struct output *o, union value v, const struct expect *w, int64_t e) {
  if (!type_is_float(o->type)) { /* a bound over 0: a comparison or conversion upstream may go the other way */
    double gap = fabs((double)v.i - (double)w->ival[e]);
    return gap == 0 ? 0 : w->bound[e] > 0 ? gap / w->bound[e] : INFINITY;
  }
  double ref = type_round(o->type, (union value){.f = w->ref[e]}).f, bound = w->bound[e], got = v.f;
  if (isnan(ref)) return isnan(got) || isinf(bound) ? 0 : INFINITY;
  if (isinf(w->ref[e])) return got == ref || isinf(bound) ? 0 : INFINITY;
  if (!isfinite(bound)) return 0;
  if (!isfinite(got) && may_overflow(o->type, bound)) return 0;
  if (isinf(ref) || !isfinite(got)) return got == ref ? 0 : INFINITY;
  if (got == ref) return 0;
  return fabs(got - ref) / (bound + type_least(o->type)); /* half a subnormal step, rounded up */
}

static double judge(const struct reference *r, const struct output *o, const void *data, const struct expect *w,
                    int64_t e) {
  const uint8_t *p = at(o, data, e);
  if (!w->written[e]) return memcmp(p, at(o, o->pristine, e), type_size(o->type)) ? INFINITY : 0;
  double error = error_of(o, type_load(o->type, p), w, e);
  return r->p->exact && error > 0 && type_is_float(o->type) ? INFINITY : error;
}

static void complain(const struct reference *r, const struct output *o, const void *data, const struct expect *w,
                     int64_t e, struct evidence *ev) {
  union value v = type_load(o->type, at(o, data, e));
  if (!w->written[e])
    describe(r, o, e, ev, "must keep its value, but was written");
  else if (is_poison(o, at(o, data, e)))
    describe(r, o, e, ev, "was not written");
  else if (!type_is_float(o->type))
    describe(r, o, e, ev, "got %lld, expected %lld", (long long)v.i, (long long)w->ival[e]);
  else if (r->p->exact)
    describe(r, o, e, ev, "got %.9g, expected %.9g exactly", v.f, w->ref[e]);
  else
    describe(r, o, e, ev, "got %.9g, expected %.9g (bound %.3g)", v.f, w->ref[e], w->bound[e]);
}

/* Element e of data must be as w says. */
static bool settle(const struct reference *r, const struct output *o, const void *data, const struct expect *w,
                   int64_t e, struct evidence *ev) {
  double error = judge(r, o, data, w, e);
  if (error > ev->worst) ev->worst = error;
  if (error <= 1) return true;
  complain(r, o, data, w, e, ev);
  return false;
}

/* Indices of element e, when its place says them. */
static bool box_around(const struct reference *r, const struct output *o, int64_t e, struct box *b) {
  const struct tensor *t = &r->p->k->tensor[o->tensor];
  struct arena *a = arena_new();
  int64_t rest = e;
  *b = (struct box){.any = true};
  bool ok = t->rank <= BOX_RANK;
  for (unsigned d = 0; d < t->rank && ok; d++) {
    int64_t stride;
    ok = poly_is_const(tensor_stride(a, t, d), &stride) && stride > 0;
    if (!ok) break;
    b->lo[d] = rest / stride;
    b->hi[d] = b->lo[d] + 1;
    rest %= stride;
  }
  arena_free(a);
  return ok && element(r, o, b->lo) == e;
}

/* A candidate's element differs from a peer's: the interpreter decides. */
static bool arbitrate(struct reference *r, struct output *o, const void *data, int64_t e, struct evidence *ev) {
  struct box b;
  struct diag *d = diag_new();
  bool right = true;
  if (box_around(r, o, e, &b) && sample_box(r, o, &b, d) == ST_OK) right = settle(r, o, data, &o->want, e, ev);
  diag_free(d);
  return right;
}

/* How far apart two candidates' values may be without a closer look: the largest bound among the samples. */
static double typical_bound(const struct output *o) {
  double most = 0;
  for (int64_t e = 0; e < o->n; e++)
    if (o->sampled[e] && o->want.written[e] && isfinite(o->want.bound[e])) most = fmax(most, o->want.bound[e]);
  return most;
}

static bool suspicious(const struct reference *r, const struct output *o, const void *data, int64_t e,
                       double tolerance) {
  const uint8_t *x = at(o, data, e), *y = at(o, o->peer, e);
  if (!memcmp(x, y, type_size(o->type))) return false;
  if (r->p->exact || !type_is_float(o->type)) return true;
  double a = type_load(o->type, x).f, b = type_load(o->type, y).f;
  if (isnan(a) || isnan(b)) return isnan(a) != isnan(b);
  return !(fabs(a - b) <= tolerance) && a != b;
}

struct nearby {
  double tolerance; /* negative: not known yet */
  unsigned disputes;
};
static bool compare_with_peer(struct reference *r, struct output *o, const void *data, int64_t from, int64_t to,
                              struct nearby *near, struct evidence *ev) {
  for (int64_t e = from; e < to && near->disputes < MAX_DISPUTES; e++) {
    if (o->sampled[e] || !suspicious(r, o, data, e, near->tolerance)) continue;
    near->disputes++;
    if (!arbitrate(r, o, data, e, ev)) return false;
    memcpy(o->peer + (size_t)e * type_size(o->type), at(o, data, e), type_size(o->type)); /* known to be right now */
  }
  return true;
}

/* Written where it must be, untouched elsewhere. */
static bool compare_footprint(struct reference *r, const struct output *o, const void *data, int64_t from, int64_t to,
                              struct evidence *ev) {
  bool fresh = r->p->k->tensor[o->tensor].role == ROLE_OUT && type_is_float(o->type);
  for (int64_t e = from; e < to && o->written; e++) {
    const uint8_t *p = at(o, data, e);
    if (!o->written[e] && memcmp(p, at(o, o->pristine, e), type_size(o->type))) {
      describe(r, o, e, ev, "must keep its value, but was written");
      return false;
    }
    if (o->written[e] && fresh && is_poison(o, p)) {
      describe(r, o, e, ev, "was not written");
      return false;
    }
  }
  return true;
}

static bool compare_part(struct reference *r, struct output *o, const void *data, int64_t from, int64_t to,
                         struct nearby *near, struct evidence *ev) {
  for (int64_t e = from; e < to; e++)
    if (o->sampled && o->sampled[e] && !settle(r, o, data, &o->want, e, ev)) return false;
  if (!compare_footprint(r, o, data, from, to, ev)) return false;
  return !o->peer || compare_with_peer(r, o, data, from, to, near, ev);
}

/* Stretches with the very bytes of a candidate that passed are right as that one is. */
static bool compare_sampled(struct reference *r, struct output *o, const void *data, struct evidence *ev) {
  struct nearby near = {-1, 0};
  if (o->peer && o->worst > ev->worst) ev->worst = o->worst;
  for (int64_t from = 0; from < o->n; from += STRETCH) {
    int64_t to = from + STRETCH < o->n ? from + STRETCH : o->n;
    size_t bytes = (size_t)(to - from) * type_size(o->type);
    if (o->peer && !memcmp(at(o, data, from), at(o, o->peer, from), bytes)) continue;
    if (o->peer && near.tolerance < 0) near.tolerance = typical_bound(o);
    if (!compare_part(r, o, data, from, to, &near, ev)) return false;
  }
  return true;
}

static bool compare_full(const struct reference *r, const struct output *o, const void *data, struct evidence *ev) {
  for (int64_t e = 0; e < o->n; e++)
    if (!settle(r, o, data, &o->want, e, ev)) return false;
  return true;
}

bool check_compare(const struct problem *p, const struct reference *shared, const struct args *got,
                   struct evidence *ev) {
  struct reference *r =
      (struct reference *)shared; /* learns: samples made to settle disputes, and the first right results */
  ev->where[0] = 0;
  ev->seed = p->seed;
  for (unsigned i = 0; i < r->n; i++) {
    struct output *o = &r->out[i];
    const void *data = got->data[o->param];
    if (r->full ? !compare_full(r, o, data, ev) : !compare_sampled(r, o, data, ev)) return false;
  }
  for (unsigned i = 0; i < r->n && !r->full; i++)
    if (!r->out[i].peer) {
      r->out[i].worst = ev->worst;
      r->out[i].peer = arena_dup(r->arena, got->data[r->out[i].param], (size_t)r->out[i].n * type_size(r->out[i].type));
    }
  return true;
}
