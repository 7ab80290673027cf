/* Arguments to check and time a kernel on. Three kinds:
     EXACT    small integers, so small that every partial sum is exact in its type: then any order of summing gives the
   same bits, and one dropped term shows at any length. Where the kernel's arithmetic does not allow that (exp,
   division, too long sums), problem.exact is false. RANDOM   reals of moderate size, positive where a logarithm or a
   root wants it; integers over their whole range. SPECIAL  signed zeros, subnormals, infinities, NaN, large values,
   sparse enough that most sums meet few of them. Tensors used as subscripts get values that lie inside what they index.
 */
#include "ir/dot.h"
#include "tuner/check_impl.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

void eq_ranges(const struct kernel *k, const struct eq *e, int64_t *lo, int64_t *hi) {
  for (unsigned s = 0; s < k->nsym; s++) lo[s] = INT64_MIN, hi[s] = INT64_MAX;
  for (unsigned i = 0; i < e->nax; i++) {
    int64_t first, ignored, end;
    poly_range(e->axis[i].lo, lo, hi, &first, &ignored);
    poly_range(e->axis[i].hi, lo, hi, &ignored, &end);
    lo[e->axis[i].sym] = first;
    hi[e->axis[i].sym] = end == INT64_MIN ? end : end - 1;
  }
}

double eq_points(const struct kernel *k, const struct eq *e, unsigned first, unsigned last) {
  struct arena *a = arena_new();
  int64_t *lo = ARENA_NEW(a, int64_t, k->nsym + 1), *hi = ARENA_NEW(a, int64_t, k->nsym + 1);
  double n = 1;
  eq_ranges(k, e, lo, hi);
  for (unsigned i = first; i < last; i++) {
    sym_t s = e->axis[i].sym;
    n *= hi[s] < lo[s] ? 0 : (double)hi[s] - (double)lo[s] + 1;
  }
  arena_free(a);
  return n;
}

double kernel_work(const struct kernel *k) {
  double work = 0;
  for (unsigned i = 0; i < k->neq; i++) {
    const struct eq *e = &k->eq[i];
    double outer = eq_points(k, e, 0, e->npar);
    work += outer * (2 + (e->init ? expr_cost(e->init) : 0));
    work += outer * eq_points(k, e, e->npar, e->nax) * (2 + expr_cost(e->body));
  }
  return work;
}

/* What is known of each tensor's values
 * ---------------------------------------------------------------------------------------------------- */

struct facts {
  const struct kernel *k;
  int64_t *below;   /* [ntensor] used as a subscript: values in [0, below); 0: not one */
  bool *positive;   /* [ntensor] operand of a root or logarithm */
  int64_t extent;   /* while visiting a subscript */
  bool trans, sums; /* the kernel has inexact functions; sums or products of floats */
};

static void in_subscript(expr_t x, void *ctx) {
  struct facts *f = ctx;
  if (x->kind != E_READ) return;
  int64_t *b = &f->below[x->acc->tensor];
  if (!*b || f->extent < *b) *b = f->extent;
}

static void in_root(expr_t x, void *ctx) {
  struct facts *f = ctx;
  if (x->kind == E_READ) f->positive[x->acc->tensor] = true;
}

static void learn(expr_t x, void *ctx) {
  struct facts *f = ctx;
  if (x->kind == E_OP && (x->op == OP_log || x->op == OP_sqrt || x->op == OP_rsqrt || x->op == OP_pow ||
                          x->op == OP_log2 || x->op == OP_log10 || x->op == OP_log1p || x->op == OP_acosh))
    expr_visit(x->kid[0], in_root, f);
  if (x->kind != E_READ) return;
  const struct tensor *t = &f->k->tensor[x->acc->tensor];
  for (unsigned d = 0; d < x->acc->rank; d++) {
    if (!x->acc->ix[d].dyn) continue;
    if (!t->extent || !t->extent[d] || !poly_is_const(t->extent[d], &f->extent) || f->extent < 1) f->extent = 1;
    expr_visit(x->acc->ix[d].dyn, in_subscript, f);
  }
}

static struct facts learn_facts(struct arena *a, const struct kernel *k) {
  struct facts f = {
      .k = k, .below = ARENA_NEW(a, int64_t, k->ntensor + 1), .positive = ARENA_NEW(a, bool, k->ntensor + 1)};
  for (unsigned i = 0; i < k->neq; i++) {
    const struct eq *e = &k->eq[i];
    expr_visit(e->body, learn, &f);
    if (e->init) expr_visit(e->init, learn, &f);
    if (e->start) expr_visit(e->start, learn, &f);
    f.sums |= (e->red == RED_sum || e->red == RED_prod) && type_is_float((enum dtype)e->body->type);
  }
  return f;
}

/* Exactness: bounds of magnitudes, all values integers
 * -------------------------------------------------------------------------------------- */

struct sizes {
  const struct kernel *k;
  double *tensor;   /* [ntensor] largest |value| */
  int64_t *lo, *hi; /* axes of the equation looked at */
  double input;
};
static const double SCALAR_SIZE = 3;

/* Largest |x|, INFINITY when x may be no integer or not exact in its type. */
static double size_of(const struct sizes *z, expr_t x);

static double fits(enum dtype t, double size) {
  return !type_is_float(t) || size <= ldexp(1, (int)type_mantissa(t)) ? size : INFINITY;
}

static double size_of_op(const struct sizes *z, expr_t x) {
  double a = size_of(z, x->kid[0]), b = x->nkid > 1 ? size_of(z, x->kid[1]) : 0,
         c = x->nkid > 2 ? size_of(z, x->kid[2]) : 0;
  switch ((enum op)x->op) {
  case OP_add:
  case OP_sub:
    return a + b;
  case OP_mul:
    return a == 0 || b == 0 ? 0 : a * b;
  case OP_fma:
    return a * b + c;
  case OP_neg:
  case OP_abs:
  case OP_floor:
  case OP_ceil:
  case OP_trunc:
  case OP_round:
  case OP_rint:
    return a;
  case OP_copysign:
    return a;
  case OP_min:
  case OP_max:
  case OP_fmin:
  case OP_fmax:
    return fmax(a, b);
  case OP_select:
    return isinf(a) ? a : fmax(b, c);
  default:
    break;
  }
  if (op_info[x->op].result_bool) return isinf(fmax(a, b)) ? INFINITY : 1;
  return INFINITY;
}

static double size_of(const struct sizes *z, expr_t x) {
  enum dtype t = (enum dtype)x->type;
  int64_t min, max;
  double size;
  switch ((enum ekind)x->kind) {
  case E_CONST:
    if (!type_is_float(t)) return t == DT_bool ? 1 : type_is_signed(t) ? fabs((double)x->val.i) : (double)x->val.u;
    return x->val.f == floor(x->val.f) || isinf(x->val.f) ? fits(t, isinf(x->val.f) ? 0 : fabs(x->val.f)) : INFINITY;
  case E_POLY:
    poly_range(x->poly, z->lo, z->hi, &min, &max);
    return fmax(fabs((double)min), fabs((double)max));
  case E_SCALAR:
    return SCALAR_SIZE;
  case E_READ:
    size = z->tensor[x->acc->tensor];
    return x->acc->otherwise ? fmax(size, size_of(z, x->acc->otherwise)) : size;
  case E_CAST:
    return fits(t, size_of(z, x->kid[0]));
  case E_OP:
    if (x->op == OP_bits) return type_is_int(t) && !isinf(size_of(z, x->kid[0])) ? ldexp(1, 64) : INFINITY;
    size = size_of_op(z, x);
    break;
  default:
    return INFINITY;
  }
  if (isinf(size) && type_is_int(t)) return ldexp(1, 64); /* integers wrap: exact all the same */
  return fits(t, size);
}

static double size_of_eq(const struct sizes *z, const struct eq *e) {
  double body = size_of(z, e->body), init = e->init ? size_of(z, e->init) : 0, k = eq_points(z->k, e, e->npar, e->nax);
  enum dtype t = (enum dtype)e->body->type;
  struct dot d;
  switch ((enum red)e->red) {
  case RED_sum:
    body = fits(t, body * k + init);
    if (dot_of(e->body, &d) && d.kind == DOT_f8 && body > ldexp(1, BRIEF_BITS)) body = INFINITY;
    break;
  case RED_prod:
    body = body <= 1 && init <= 1 ? body : type_is_float(t) ? INFINITY : ldexp(1, 64);
    break;
  case RED_argmax:
  case RED_argmin:
    return isinf(body) ? INFINITY : 0x1p40;
  default:
    body = fmax(body, init);
  }
  return isinf(body) && type_is_int(t) && body == body ? ldexp(1, 64) : body;
}

/* The largest of inputs up to v when they have been rounded to t: more than v where t holds few bits. */
static double rounded(enum dtype t, double v) {
  return type_is_float(t) ? type_round(t, (union value){.f = v}).f : v;
}

/* Are all results exact when inputs are integers of at most `input`? */
static bool is_exact(struct arena *a, const struct kernel *k, double input) {
  struct sizes z = {k, ARENA_NEW(a, double, k->ntensor + 1), ARENA_NEW(a, int64_t, k->nsym + 1),
                    ARENA_NEW(a, int64_t, k->nsym + 1), input};
  for (unsigned t = 0; t < k->ntensor; t++)
    z.tensor[t] = k->tensor[t].role == ROLE_IN || k->tensor[t].role == ROLE_INOUT
                      ? rounded((enum dtype)k->tensor[t].type, input)
                      : 0;
  for (unsigned i = 0; i < k->neq; i++) {
    eq_ranges(k, &k->eq[i], z.lo, z.hi);
    double size = size_of_eq(&z, &k->eq[i]);
    if (isinf(size)) return false;
    double *to = &z.tensor[k->eq[i].lhs];
    if (size > *to) *to = size; /* the conversion to the result's type rounds once, in any order the same way */
  }
  return true;
}

static int64_t exact_size(struct arena *a, const struct kernel *k) {
  static const int64_t sizes[] = {50, 15, 7, 3, 2, 1};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (is_exact(a, k, (double)sizes[i])) return sizes[i];
  return 0;
}

/* Values
 * -----------------------------------------------------------------------------------------------------------------------------------
 */

struct source {
  uint64_t rng;
  enum inputs kind;
  int64_t exact; /* size of EXACT values; 0: a small size, without the promise */
  double rare;   /* probability of a special value */
  bool positive;
  int64_t below;
};

static double uniform(struct source *s) {
  return (double)(check_random(&s->rng) >> 11) * 0x1p-53;
}

static double special_float(struct source *s, enum dtype t) {
  int mant = (int)type_mantissa(t);
  double tiny = type_least(t), large = ldexp(1, (ilogb(type_largest(t)) + 1) / 2 - 2); /* its square still fits */
  double list[] = {0.0, -0.0, tiny, -tiny, tiny * ldexp(1, mant - 2), 1, -1, large, -large, INFINITY, -INFINITY, NAN};
  return list[check_random(&s->rng) % (sizeof list / sizeof *list)];
}

static double float_value(struct source *s, enum dtype t) {
  if (s->kind == INPUTS_EXACT) {
    int64_t n = s->exact ? s->exact : 3;
    double v = 1 + (double)(check_random(&s->rng) % (uint64_t)n); /* never 0: each term counts */
    return !s->positive && check_random(&s->rng) & 1 ? -v : v;
  }
  if (s->kind == INPUTS_SPECIAL && uniform(s) < s->rare) return special_float(s, t);
  double v = 2 * uniform(s) - 1;
  return s->positive ? fabs(v) + 0x1p-6 : v;
}

static union value integer_value(struct source *s, enum dtype t) {
  union value v = {.u = check_random(&s->rng)};
  if (s->below)
    v.u %= (uint64_t)s->below;
  else if (t == DT_bool)
    v.u &= 1;
  else if (s->kind == INPUTS_EXACT) {
    int64_t n = s->exact ? s->exact : 3;
    v.i = 1 + (int64_t)(v.u % (uint64_t)n);
    if (type_is_signed(t) && check_random(&s->rng) & 1) v.i = -v.i;
  }
  return type_round(t, v);
}

static union value any_value(struct source *s, enum dtype t) {
  if (!type_is_float(t)) return integer_value(s, t);
  return type_round(t, (union value){.f = float_value(s, t)});
}

static void poison_tensor(enum dtype t, uint8_t *p, int64_t n) {
  uint64_t bits = measure_poison(t);
  for (int64_t i = 0; i < n; i++) memcpy(p + (size_t)i * type_size(t), &bits, type_size(t));
}

/* The problem
 * ------------------------------------------------------------------------------------------------------------------------------
 */

static size_t memory_limit(void) {
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  size_t physical = pages > 0 && page > 0 ? (size_t)pages * (size_t)page : (size_t)4 << 30;
  size_t part = physical / 16; /* arguments exist several times: here, in the job, in the worker, as results */
  return part < (size_t)4 << 30 ? part : (size_t)4 << 30;
}

static enum status fill_tensor(struct arena *a, struct problem *p, unsigned i, struct source s, const struct facts *f,
                               size_t *left, struct diag *d) {
  const struct kernel *k = p->k;
  unsigned t = k->param[i].ref;
  enum dtype type = (enum dtype)k->tensor[t].type;
  int64_t n = 0;
  if (!tensor_span(k, t, &p->args, (int64_t)(*left / type_size(type)), &n)) {
    diag_error(d, k->tensor[t].loc, "the arguments of '%s' are too large to be run here (more than %zu MB)", k->name,
               memory_limit() >> 20);
    return ST_INFEASIBLE;
  }
  size_t bytes = (size_t)n * type_size(type);
  *left -= bytes;
  uint8_t *data = arena_alloc(a, bytes + 1);
  p->args.data[i] = data;
  s.positive = f->positive[t];
  s.below = f->below[t];
  if (k->tensor[t].role == ROLE_OUT) {
    poison_tensor(type, data, n);
    return ST_OK;
  }
  for (int64_t e = 0; e < n; e++) type_store(type, data + (size_t)e * type_size(type), any_value(&s, type));
  for (unsigned e = 0; e < 4 && n > 0 && s.kind == INPUTS_SPECIAL && type_is_float(type); e++) /* some at least */
    type_store(type, data + check_random(&s.rng) % (uint64_t)n * type_size(type),
               type_round(type, (union value){.f = special_float(&s, type)}));
  return ST_OK;
}

static union value scalar_value(struct source *s, enum dtype t) {
  static const double small[] = {2, 3, -1, -2};
  if (!type_is_float(t)) {
    union value v = {.i = (int64_t)small[check_random(&s->rng) % (type_is_signed(t) ? 4 : 2)]};
    return type_round(t, v);
  }
  if (s->kind == INPUTS_EXACT) return (union value){.f = small[check_random(&s->rng) % 4]};
  return type_round(t, (union value){.f = 0.25 + 1.5 * uniform(s)});
}

static double longest_sum(const struct kernel *k) {
  double most = 1;
  for (unsigned i = 0; i < k->neq; i++) most = fmax(most, eq_points(k, &k->eq[i], k->eq[i].npar, k->eq[i].nax));
  return most;
}

enum status check_problem(struct arena *a, const struct kernel *k, const int64_t *value, enum inputs kind,
                          uint64_t seed, unsigned threads, struct problem *out, struct diag *d) {
  bool *has = ARENA_NEW(a, bool, k->nsym + 1);
  for (unsigned s = 0; s < k->nsym; s++) has[s] = k->sym[s].kind == SYM_DIM;
  *out = (struct problem){.k = kernel_specialise(a, k, has, value), .threads = threads, .seed = seed};
  k = out->k;
  out->args = (struct args){.dim = ARENA_NEW(a, int64_t, k->nparam + 1),
                            .scalar = ARENA_NEW(a, union value, k->nparam + 1),
                            .data = ARENA_NEW(a, void *, k->nparam + 1)};
  struct facts f = learn_facts(a, k);
  struct source s = {.rng = seed * 2654435761u + kind, .kind = kind, .rare = fmin(0.125, 0.25 / longest_sum(k))};
  if (kind == INPUTS_EXACT) s.exact = exact_size(a, k);
  out->exact = s.exact > 0;
  size_t left = memory_limit();
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    if (p->kind == PARAM_DIM) out->args.dim[i] = value[p->ref];
    if (p->kind == PARAM_SCALAR) out->args.scalar[i] = scalar_value(&s, (enum dtype)p->type);
  }
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind != PARAM_TENSOR) continue;
    check_random(&s.rng);
    enum status st = fill_tensor(a, out, i, s, &f, &left, d);
    if (st != ST_OK) return st;
    s.rng ^= UINT64_C(0x5851f42d4c957f2d) * (i + 1);
  }
  return ST_OK;
}

void check_allow(struct problem *p, bool tf32, bool fast, bool brief) {
  p->args.tf32 = tf32, p->args.fast = fast, p->args.brief = brief;
  for (unsigned i = 0; i < p->k->nparam && fast; i++) {
    const struct param *x = &p->k->param[i];
    enum dtype t = (enum dtype)x->type;
    int64_t n = 0;
    if (x->kind != PARAM_TENSOR || !type_is_float(t) || p->k->tensor[x->ref].role == ROLE_OUT ||
        !tensor_span(p->k, x->ref, &p->args, INT64_MAX, &n))
      continue;
    char *at = p->args.data[i];
    for (int64_t e = 0; e < n; e++, at += type_size(t))
      if (!isfinite(type_load(t, at).f)) type_store(t, at, (union value){.f = 1});
  }
}
