/* See kernel_gen.h. An axis ranges over lo <= i < X - cut for an extent X; a read of a dimension of extent X through it
   may then be shifted by -lo … cut. Every other read is guarded: so nothing is ever out of bounds. */
#include "tests/gen/kernel_gen.h"
#include <string.h>

enum { MAX_SIZE = 8, MAX_TENSOR = 20, MAX_AX = 5 };
struct gen {
  struct arena *a;
  struct kernel *k;
  const struct gen_opts *o;
  uint64_t *state;
  poly_t size[MAX_SIZE]; /* extents to choose from */
  unsigned nsize;
  bool ready[64]; /* [ntensor] may be read */
  struct axis axis[MAX_AX];
  unsigned of[MAX_AX], lo[MAX_AX], cut[MAX_AX]; /* which size, and how far inside */
  unsigned nax;
  enum dtype type;
};

static uint64_t next(struct gen *g) {
  uint64_t z = (*g->state += 0x9e3779b97f4a7c15u);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static unsigned below(struct gen *g, unsigned n) {
  return (unsigned)(next(g) % n);
}

static bool chance(struct gen *g, unsigned percent) {
  return below(g, 100) < percent;
}

static bool used(const struct gen *g, const char *name) {
  for (unsigned i = 0; i < g->k->nsym; i++)
    if (!strcmp(g->k->sym[i].name, name)) return true;
  for (unsigned i = 0; i < g->k->nparam; i++)
    if (!strcmp(g->k->param[i].name, name)) return true;
  for (unsigned i = 0; i < g->k->ntensor; i++)
    if (!strcmp(g->k->tensor[i].name, name)) return true;
  return false;
}

static const char *name_of(struct gen *g, const char *base, unsigned n) {
  static const char *const odd[] = {"if",  "in",   "sum", "from", "f32",    "exp",     "state", "group",  "inf",
                                    "for", "temp", "x y", "max",  "kernel", "running", "start", "assume", "sym"};
  const char *word = odd[below(g, sizeof odd / sizeof *odd)];
  if (g->o->odd_names && chance(g, 25) && !used(g, word)) return word;
  return arena_printf(g->a, "%s%u", base, n);
}

static enum dtype pick_type(struct gen *g) {
  static const enum dtype tame[] = {DT_f32, DT_f32, DT_f32, DT_f64}, ints[] = {DT_i32, DT_i64, DT_i8, DT_u8, DT_i16};
  if (g->o->any_op) return (enum dtype)below(g, DT_COUNT);
  if (g->o->integers && chance(g, 30)) return ints[below(g, 5)];
  return tame[below(g, 4)];
}

/* ---- the signature ---- */

static void make_sizes(struct gen *g) {
  static const enum dtype dim_type[] = {DT_i32, DT_i64, DT_u32, DT_i32};
  unsigned n = 1 + below(g, 3);
  for (unsigned i = 0; i < n; i++) {
    unsigned p = kernel_add_param(g->k, name_of(g, "N", i), PARAM_DIM, dim_type[below(g, 4)]);
    g->size[g->nsize++] = poly_sym(g->a, g->k->param[p].ref);
  }
  if (chance(g, 30)) g->size[g->nsize++] = poly_const(g->a, 1 + below(g, 6));
  if (chance(g, 20)) g->size[g->nsize++] = poly_addc(g->a, g->size[0], 1 + below(g, 3));
  if (chance(g, 10)) g->size[g->nsize++] = poly_scale(g->a, g->size[0], 2);
}

static unsigned add_tensor(struct gen *g, const char *name, enum dtype t, enum role role, unsigned rank,
                           const unsigned *of) {
  poly_t extent[4], stride[4], s = poly_const(g->a, 1);
  for (unsigned d = 0; d < rank; d++) extent[d] = g->size[of[d]];
  unsigned n = kernel_add_tensor(g->k, name, t, role, rank, extent);
  g->ready[n] = role == ROLE_IN || role == ROLE_INOUT;
  if (role == ROLE_TEMP) return n;
  unsigned p = kernel_add_param(g->k, name, PARAM_TENSOR, t);
  g->k->param[p].ref = (uint16_t)n;
  g->k->param[p].is_const = role == ROLE_IN && !chance(g, 5);
  g->k->param[p].is_restrict = chance(g, 10);
  g->k->tensor[n].param = (uint16_t)p;
  if (!g->o->strides || !chance(g, 30)) return n;
  for (unsigned d = rank; d-- > 0;) {
    stride[d] = s;
    s = poly_mul(g->a, s, poly_addc(g->a, extent[d], below(g, 3)));
  }
  g->k->tensor[n].stride = arena_dup(g->a, stride, sizeof *stride * rank);
  return n;
}

static void make_inputs(struct gen *g) {
  unsigned n = 1 + below(g, 4);
  for (unsigned i = 0; i < n; i++) {
    unsigned of[3] = {below(g, g->nsize), below(g, g->nsize), below(g, g->nsize)};
    enum dtype t = chance(g, 70) ? g->type : pick_type(g);
    add_tensor(g, name_of(g, "A", i), t, chance(g, 10) ? ROLE_INOUT : ROLE_IN, 1 + below(g, 3), of);
  }
  if (chance(g, 30))
    kernel_add_param(g->k, name_of(g, "alpha", 0), PARAM_SCALAR, chance(g, 70) ? g->type : pick_type(g));
}

/* ---- axes ---- */

static sym_t index_sym(struct gen *g) {
  sym_t s;
  bool taken;
  if (chance(g, 60))
    for (unsigned tries = 0; tries < 4; tries++) {
      s = (sym_t)below(g, g->k->nsym);
      taken = g->k->sym[s].kind != SYM_INDEX;
      for (unsigned i = 0; i < g->nax; i++) taken |= g->axis[i].sym == s;
      if (!taken) return s;
    }
  return kernel_add_sym(g->k, name_of(g, "i", g->k->nsym), SYM_INDEX);
}

static void add_axis(struct gen *g, unsigned of, unsigned lo, unsigned cut) {
  unsigned n = g->nax;
  g->axis[n].sym = index_sym(g);
  g->axis[n].lo = poly_const(g->a, lo);
  g->axis[n].hi = poly_addc(g->a, g->size[of], -(int64_t)cut);
  g->of[n] = of;
  g->lo[n] = lo;
  g->cut[n] = cut;
  g->nax++;
}

/* ---- expressions ---- */

static expr_t gen_expr(struct gen *g, enum dtype t, unsigned depth);

static expr_t constant(struct gen *g, enum dtype t) {
  if (type_is_float(t)) return expr_f(g->a, t, (double)(int)(below(g, 17) - 8) / 4.0);
  int64_t v = t == DT_bool ? (int64_t)below(g, 2) : (int64_t)below(g, 9) - (type_is_signed(t) ? 4 : 0);
  return expr_i(g->a, t, v);
}

/* A subscript for a dimension of extent x that is in bounds without a guard; false: there is no such axis. */
static bool safe_subscript(struct gen *g, poly_t x, poly_t *out) {
  unsigned start = below(g, g->nax);
  for (unsigned j = 0; j < g->nax; j++) {
    unsigned i = (start + j) % g->nax;
    if (!poly_eq(g->size[g->of[i]], x)) continue;
    int64_t shift = (int64_t)below(g, g->lo[i] + g->cut[i] + 1) - g->lo[i];
    *out = poly_addc(g->a, poly_sym(g->a, g->axis[i].sym), shift);
    return true;
  }
  return false;
}

static expr_t read_of(struct gen *g, unsigned tensor) {
  const struct tensor *t = &g->k->tensor[tensor];
  poly_t ix[4], guard[8];
  unsigned n = 0;
  for (unsigned d = 0; d < t->rank; d++) {
    if (!chance(g, 12) && safe_subscript(g, t->extent[d], &ix[d])) continue;
    ix[d] = poly_const(g->a, (int64_t)below(g, 5) - 2);
    for (unsigned i = 0; i < g->nax; i++)
      if (chance(g, 40))
        ix[d] = poly_add(g->a, ix[d], poly_scale(g->a, poly_sym(g->a, g->axis[i].sym), 1 + below(g, 2)));
    guard[n++] = ix[d];
    guard[n++] = poly_addc(g->a, poly_sub(g->a, t->extent[d], ix[d]), -1);
  }
  struct access *acc = access_new(g->a, tensor, t->rank, ix);
  acc->nguard = (uint8_t)n;
  acc->guard = n ? arena_dup(g->a, guard, sizeof *guard * n) : NULL;
  acc->otherwise = n ? constant(g, (enum dtype)t->type) : NULL;
  return expr_read(g->a, (enum dtype)t->type, acc);
}

static expr_t leaf(struct gen *g, enum dtype t) {
  if (chance(g, 12)) return constant(g, t);
  if (chance(g, 6))
    return expr_cast(g->a, t,
                     expr_poly(g->a, poly_addc(g->a, poly_sym(g->a, g->axis[below(g, g->nax)].sym), below(g, 3))));
  for (unsigned i = 0; i < g->k->nparam && chance(g, 15); i++)
    if (g->k->param[i].kind == PARAM_SCALAR)
      return expr_cast(g->a, t, expr_scalar(g->a, (enum dtype)g->k->param[i].type, i));
  for (unsigned tries = 0; tries < 8; tries++) {
    unsigned n = below(g, g->k->ntensor);
    if (g->ready[n]) return expr_cast(g->a, t, read_of(g, n));
  }
  return constant(g, t);
}

static enum op tame_op(struct gen *g, enum dtype t) {
  static const enum op flt[] = {OP_add, OP_add, OP_sub, OP_mul,  OP_mul,    OP_min,
                                OP_max, OP_neg, OP_abs, OP_tanh, OP_sigmoid};
  return flt[below(g, type_is_float(t) ? 11 : 9)];
}

static expr_t comparison(struct gen *g, unsigned depth) {
  static const enum op cmp[] = {OP_eq, OP_ne, OP_lt, OP_le, OP_gt, OP_ge};
  enum dtype t = type_computes(g->type) ? g->type : DT_f32;
  expr_t x = gen_expr(g, t, depth), y = gen_expr(g, t, depth);
  return expr_op2(g->a, cmp[below(g, 6)], x, y);
}

static expr_t gen_expr(struct gen *g, enum dtype t, unsigned depth) {
  if (!depth || chance(g, 15)) return leaf(g, t);
  if (t == DT_bool && chance(g, 70)) return comparison(g, depth - 1);
  if (chance(g, 8))
    return expr_op3(g->a, OP_select, comparison(g, depth - 1), gen_expr(g, t, depth - 1), gen_expr(g, t, depth - 1));
  enum op o = tame_op(g, t);
  for (unsigned tries = 0; g->o->any_op && type_computes(t) && tries < 50; tries++) {
    o = (enum op)below(g, OP_COUNT);
    if (op_accepts(o, t) && !op_info[o].result_bool && o != OP_select) break;
  }
  if (!op_accepts(o, t) || op_info[o].result_bool || o == OP_select) return leaf(g, t);
  expr_t x = gen_expr(g, op_info[o].result_other ? op_result(o, t) : t, depth - 1);
  if (op_info[o].arity == 1) return expr_op1(g->a, o, x);
  expr_t y = gen_expr(g, t, depth - 1);
  return op_info[o].arity == 2 ? expr_op2(g->a, o, x, y) : expr_op3(g->a, o, x, y, gen_expr(g, t, depth - 1));
}

/* ---- equations ---- */

static void gen_guard(struct gen *g, struct eq *e) {
  unsigned i = below(g, g->nax), j = below(g, g->nax);
  poly_t x = poly_sym(g->a, g->axis[i].sym), y = poly_sym(g->a, g->axis[j].sym), p[1];
  p[0] = i == j ? poly_addc(g->a, x, -1) : poly_addc(g->a, poly_sub(g->a, x, y), (int64_t)below(g, 3) - 1);
  e->guard = arena_dup(g->a, p, sizeof p);
  e->nguard = 1;
}

static enum red pick_red(struct gen *g, enum dtype t) {
  static const enum red num[] = {RED_sum, RED_sum, RED_sum, RED_max, RED_min, RED_argmax, RED_argmin, RED_prod};
  static const enum red bits[] = {RED_and, RED_or, RED_xor};
  if (t == DT_bool) return bits[below(g, 3)];
  if (g->o->any_op && !type_is_float(t) && chance(g, 20)) return bits[below(g, 3)];
  return num[below(g, g->o->any_op ? 8 : 7)];
}

static void make_reduction(struct gen *g, struct eq *e, enum dtype t) {
  enum red r = pick_red(g, t);
  bool arg = r == RED_argmax || r == RED_argmin;
  unsigned n = arg ? 1 : 1 + below(g, 2);
  for (unsigned i = 0; i < n && g->nax < MAX_AX; i++) add_axis(g, below(g, g->nsize), below(g, 2) * below(g, 2), 0);
  e->red = (uint8_t)r;
}

static void finish_reduction(struct gen *g, struct eq *e, enum dtype t) {
  bool arg = e->red == RED_argmax || e->red == RED_argmin;
  unsigned all = g->nax;
  if (chance(g, 25)) gen_guard(g, e);
  if (!chance(g, 30)) return;
  g->nax = e->npar; /* the start value sees the parallel axes only */
  e->init = arg ? expr_i(g->a, DT_i64, (int64_t)below(g, 5) - 2) : gen_expr(g, t, 1);
  if (arg && chance(g, 40)) e->start = gen_expr(g, t, 1);
  g->nax = all;
}

static void make_eq(struct gen *g, unsigned n, bool last) {
  enum dtype t = chance(g, 75) ? g->type : pick_type(g);
  unsigned rank = 1 + below(g, 3), of[3];
  bool partial = chance(g, 20);
  g->nax = 0;
  for (unsigned d = 0; d < rank; d++) {
    of[d] = below(g, g->nsize);
    add_axis(g, of[d], partial ? below(g, 2) : 0, partial ? below(g, 2) : 0);
  }
  struct eq e = {.state = UINT16_MAX, .npar = (uint8_t)rank};
  bool guarded = false;
  if (chance(g, 45) && type_computes(t)) {
    make_reduction(g, &e, t);
  } else {
    guarded = chance(g, 15);
  }
  e.nax = (uint8_t)g->nax;
  e.body = gen_expr(g, t, 1 + below(g, 3));
  if (e.red != RED_none) finish_reduction(g, &e, t);
  g->nax = rank;
  if (guarded) gen_guard(g, &e);
  enum dtype lt = e.red == RED_argmax || e.red == RED_argmin ? (chance(g, 50) ? DT_i64 : DT_i32)
                  : chance(g, 8)                             ? pick_type(g)
                                                             : t;
  enum role role = partial || guarded ? ROLE_INOUT : last || chance(g, 20) ? ROLE_OUT : ROLE_TEMP;
  e.lhs = (uint16_t)add_tensor(g, name_of(g, role == ROLE_TEMP ? "t" : "O", n), lt, role, rank, of);
  e.axis = arena_dup(g->a, g->axis, sizeof *g->axis * e.nax);
  poly_t ix[3];
  for (unsigned d = 0; d < rank; d++) ix[d] = poly_sym(g->a, g->axis[d].sym);
  for (unsigned d = rank; d-- > 1 && chance(g, 20);) { /* the loop order need not be that of the subscripts */
    struct axis *x = (struct axis *)e.axis, swap = x[d];
    x[d] = x[d - 1];
    x[d - 1] = swap;
  }
  e.lhs_idx = arena_dup(g->a, ix, sizeof *ix * rank);
  *kernel_add_eq(g->k) = e;
  g->ready[e.lhs] = true;
}

struct kernel *kernel_gen(struct arena *a, uint64_t *state, const struct gen_opts *o) {
  struct gen g = {.a = a, .k = kernel_new(a, "k"), .o = o, .state = state};
  g.k->noalias = chance(&g, 80);
  g.type = pick_type(&g);
  make_sizes(&g);
  make_inputs(&g);
  unsigned max = o->max_eq ? o->max_eq > 12 ? 12 : o->max_eq : 4, n = 1 + below(&g, max);
  for (unsigned i = 0; i < n; i++) make_eq(&g, i, i + 1 == n);
  if (chance(&g, 10)) {
    poly_t p[1] = {poly_addc(a, g.size[0], -1)};
    g.k->assume = arena_dup(a, p, sizeof p);
    g.k->nassume = 1;
  }
  return g.k;
}

const char *const gen_texts[] = {
    "kernel matmul(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] {\n  C[i,j] = sum(k) A[i,k] * B[k,j]\n}\n",
    "kernel sgemm(M: i32, N: i32, K: i32, alpha: f32, A: f32[M,K] stride [lda,1], lda: i32, B: f32[K,N] stride "
    "[ldb,1], ldb: i32, beta: f32,\n"
    "             inout C: f32[M,N] stride [ldc,1], ldc: i32) {\n  C[i,j] = alpha * (sum(k) A[i,k] * B[k,j]) + beta * "
    "C[i,j]\n}\n",
    "kernel softmax(x: f32[R,C]) -> y: f32[R,C] {\n  m[i] = max(j) x[i,j]\n  e[i,j] = exp(x[i,j] - m[i])\n  z[i] = "
    "sum(j) e[i,j]\n"
    "  y[i,j] = e[i,j] / z[i]\n}\n",
    "kernel attention(Q: f32[B,H,T,D], K: f32[B,H,S,D], V: f32[B,H,S,D]) -> O: f32[B,H,T,D] {\n"
    "  P[b,h,t,s] = sum(d) Q[b,h,t,d] * K[b,h,s,d] * rsqrt(f32(D))\n  M[b,h,t]   = max(s) P[b,h,t,s]\n"
    "  E[b,h,t,s] = exp(P[b,h,t,s] - M[b,h,t])\n  Z[b,h,t]   = sum(s) E[b,h,t,s]\n  O[b,h,t,d] = sum(s) E[b,h,t,s] * "
    "V[b,h,s,d] / Z[b,h,t]\n}\n",
    "kernel conv(X: f32[C,H,W], F: f32[O,C,3,3]) -> Y: f32[O,H,W] {\n"
    "  Y[o,y,x] = sum(c, r, s) F[o,c,r,s] * (X[c, y + r - 1, x + s - 1] else 0)\n}\n",
    "kernel jacobi(A: f32[N,M], inout B: f32[N,M]) {\n"
    "  for i in 1..N-1, j in 1..M-1: B[i,j] = 0.2 * (A[i,j] + A[i,j-1] + A[i,j+1] + A[i-1,j] + A[i+1,j])\n}\n",
    "kernel qgemm(A: i8[M,K], B: i8[K,N], scale: f32) -> C: i8[M,N] {\n  S[i,j] = sum(k) i32(A[i,k]) * i32(B[k,j])\n"
    "  C[i,j] = i8(max(-128.0, min(127.0, rint(f32(S[i,j]) * scale))))\n}\n",
    "kernel kmeans(X: f32[N,D], C: f32[K,D]) -> L: i32[N] {\n  d[n,k] = sum(j) (X[n,j] - C[k,j]) * (X[n,j] - C[k,j])\n "
    " L[n] = argmin(k) d[n,k]\n}\n",
    "kernel trmm(A: f32[N,N], B: f32[N,M]) -> C: f32[N,M] {\n  C[i,j] = sum(k if k <= i) A[i,k] * B[k,j]\n}\n",
    "kernel lower(A: f32[N,N], inout C: f32[N,N]) {\n  for i, j if j <= i: C[i,j] = sum(k) A[i,k] * A[j,k]\n}\n",
    "kernel mvt(A: f32[N,N], y1: f32[N], y2: f32[N], inout x1: f32[N], inout x2: f32[N]) {\n"
    "  x1[i] = sum(j) A[i,j] * y1[j] from x1[i]\n  x2[i] = sum(j) A[j,i] * y2[j] from x2[i]\n}\n",
    "kernel gelu(x: f32[N]) -> y: f32[N] {\n  y[i] = 0.5 * x[i] * (1.0 + erf(x[i] * 0.70710678))\n}\n",
    "kernel half(A: f16[M,K], B: f16[K,N]) -> C: f16[M,N] {\n  C[i,j] = f16(sum(k) f32(A[i,k]) * f32(B[k,j]))\n}\n",
};
const unsigned gen_ntexts = sizeof gen_texts / sizeof *gen_texts;
