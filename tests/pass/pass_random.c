/* The passes change no result of random kernels (tests/gen): interpreted after the pipeline, and run as groups by the
   reference executor, with dims as symbols and as constants. A failure prints the seed; HONE_SEED=N runs that one
   alone, HONE_LONG=1 many more. */
#include "tests/gen/kernel_gen.h"
#include "tests/pass/group_exec.h"
#include "tests/pass/pass_common.h"
#include "tests/suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPS = 20000000, QUICK = 150, LONG = 4000 };

/* "M=3,N=0,…": each dim of the kernel, small, now and then 0. */
static const char *random_dims(struct bench *b, const struct kernel *k, uint64_t seed) {
  struct buf text;
  buf_init(&text);
  for (unsigned p = 0; p < k->nparam; p++) {
    if (k->param[p].kind != PARAM_DIM) continue;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    unsigned v = (unsigned)(seed >> 33) % 8;
    buf_printf(&text, "%s%s=%u", text.len ? "," : "", k->sym[k->param[p].ref].name, v == 7 ? 0 : v + 1);
  }
  const char *dims = arena_strdup(b->a, text.data ? text.data : "");
  buf_free(&text);
  return dims;
}

struct run {
  struct bench b;
  struct kernel *k;
  struct args *in;
  struct expect *want;
  const char *dims;
  unsigned seed;
};

static void compare(const struct run *r, const struct args *got, double slack, const char *what) {
  const struct kernel *k = r->k;
  for (unsigned p = 0; p < k->nparam; p++) {
    if (k->param[p].kind != PARAM_TENSOR || k->tensor[k->param[p].ref].role == ROLE_IN) continue;
    bool flt = type_is_float(k->param[p].type);
    for (int64_t i = 0; i < elements(k, got, p); i++) {
      bool written = r->want[p].written && r->want[p].written[i]; /* no array: nothing writes it */
      double x = element(k, got, p, i),
             ref = written ? flt ? r->want[p].ref[i] : (double)r->want[p].ival[i] : element(k, r->in, p, i);
      double bound = written ? r->want[p].bound[i] * slack : 0;
      if (flt && type_round(k->param[p].type, (union value){.f = ref}).f == x) continue; /* beyond the largest number */
      if (x == ref || (isnan(x) && isnan(ref)) || fabs(x - ref) <= bound) continue;
      struct buf text;
      buf_init(&text);
      kernel_print(&text, k);
      ck_abort_msg("HONE_SEED=%u, %s, %s: %s[%d]: got %.9g, want %.9g +- %.3g\n%s", r->seed, r->dims, what,
                   k->param[p].name, (int)i, x, ref, bound, text.data);
    }
  }
}

static bool begin(struct run *r, unsigned seed, bool any_op) {
  uint64_t state = seed;
  bench_open(&r->b);
  r->seed = seed;
  r->k = kernel_gen(
      r->b.a, &state,
      &(struct gen_opts){.max_eq = 1 + seed % 8, .any_op = any_op, .integers = true, .strides = seed % 3 == 0});
  r->dims = random_dims(&r->b, r->k, seed * 77u + 5);
  r->in = make_args(&r->b, r->k, r->dims, seed, false);
  r->want = ARENA_NEW(r->b.a, struct expect, r->k->nparam + 1);
  enum status st = kernel_interp(r->k, copy_args(&r->b, r->k, r->in), r->b.a, r->want, MAX_OPS, r->b.d);
  return st ==
         ST_OK; /* refused: it reads an element of a temp that is never written; infeasible: too many operations */
}

/* The pipeline's form of k, which is r's kernel or that with its dims put in. */
static void check_form(struct run *r, const struct kernel *k, bool any_op, bool strict) {
  struct groups *gs = run_pipeline(&r->b, k, strict);
  struct args *x = copy_args(&r->b, r->k, r->in);
  bench_expect_ok(&r->b, kernel_interp(gs->k, x, r->b.a, NULL, MAX_OPS, r->b.d), "after the pipeline");
  compare(r, x, 2, "interpreted after the pipeline");
  if (any_op) return; /* the executor rounds every operation: round() and pow() may then jump */
  x = copy_args(&r->b, r->k, r->in);
  group_exec(r->b.a, gs, x, 1 + r->seed % 4);
  compare(r, x, 4, "groups");
}

static bool check_seed(unsigned seed, bool any_op, bool strict) {
  struct run r;
  bool ran = begin(&r, seed, any_op);
  if (ran) {
    bool *has = ARENA_NEW(r.b.a, bool, r.k->nsym + 1u);
    int64_t *value = ARENA_NEW(r.b.a, int64_t, r.k->nsym + 1u);
    const char *bad;
    check_form(&r, r.k, any_op, strict);
    ck_assert(kernel_parse_dims(r.k, r.dims, has, value, &bad));
    check_form(&r, kernel_specialise(r.b.a, r.k, has, value), any_op, strict);
  }
  bench_close(&r.b);
  return ran;
}

static unsigned count(void) {
  return getenv("HONE_LONG") ? LONG : QUICK;
}

static void check_all(bool any_op, bool strict) {
  const char *one = getenv("HONE_SEED");
  if (one) {
    check_seed((unsigned)strtoul(one, NULL, 10), any_op, strict);
    return;
  }
  unsigned ran = 0;
  for (unsigned seed = 1; seed <= count(); seed++) ran += check_seed(seed, any_op, strict);
  ck_assert_uint_ge(ran, count() / 2);
}

START_TEST(tame) {
  check_all(false, false);
}
END_TEST

/* Values may be infinite or NaN: only without re-association do they stay the same. */
START_TEST(any_operation) {
  check_all(true, true);
}
END_TEST

START_TEST(common_kernels) {
  struct bench b;
  bench_open(&b);
  const char *text = gen_texts[_i];
  struct kernel *k = parse_kernel(&b, "kernel", text, strlen(text));
  run_pipeline(&b, k, false);
  run_pipeline(&b, k, true);
  bench_close(&b);
}
END_TEST

int main(void) {
  Suite *s = suite_create("pass-random");
  TCase *c = tcase_create("random");
  tcase_set_timeout(c, 600);
  tcase_add_test(c, tame);
  tcase_add_test(c, any_operation);
  tcase_add_loop_test(c, common_kernels, 0, (int)gen_ntexts);
  suite_add_tcase(s, c);
  return suite_run(s, true);
}
