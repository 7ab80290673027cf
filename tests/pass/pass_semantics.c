/* The passes change no result. For each kernel of tests/pass/kernels and several shapes and seeds:
   - the equations after the pipeline, interpreted one after the other, agree with the kernel as written within its
   error bounds;
   - so do the groups, run as groups by a reference executor, with the stream axis in blocks of 1, 3 and 7, also on
   inputs with -inf and NaN. */
#include "tests/pass/group_exec.h"
#include "tests/pass/pass_common.h"
#include "tests/suite.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

struct sample {
  const char *file, *dims[4];
  unsigned ngroups;   /* after the pipeline; 0: not checked */
  const char *stream; /* axis that the last group streams over, or NULL */
  bool finite; /* an infinite factor taken out of a sum may give infinity where inf * 0 in a term gave NaN: no such
                  inputs */
};
static const struct sample samples[] = {
    {.file = "attention",
     .dims = {"B=1,H=2,T=4,S=9,D=3", "B=2,H=1,T=3,S=1,D=1", "B=1,H=1,T=2,S=0,D=2", "B=1,H=1,T=2,S=3,D=0"},
     .ngroups = 1,
     .stream = "s"},
    {.file = "attention_causal",
     .dims = {"B=1,H=2,T=9,S=9,D=3", "B=2,H=1,T=3,S=8,D=1", "B=1,H=1,T=7,S=2,D=2"},
     .ngroups = 1,
     .stream = "s"},
    {.file = "attention_masked", .dims = {"T=5,S=9,D=3", "T=2,S=0,D=1"}, .ngroups = 1, .stream = "s"},
    {.file = "attention_in_place", .dims = {"T=5,S=9,D=3", "T=2,S=0,D=1"}, .ngroups = 1, .stream = "s"},
    {.file = "attention_weights", .dims = {"T=5,S=9,D=3", "T=2,S=0,D=1"}, .ngroups = 1, .stream = "s"},
    {.file = "softmax_peeled", .dims = {"I=4,J=9", "I=2,J=1"}, .ngroups = 1},
    {.file = "clamp", .dims = {"N=40"}, .ngroups = 2},
    {.file = "matmul_gelu", .dims = {"M=3,K=5,N=4", "M=2,K=0,N=3", "M=0,K=2,N=2"}, .ngroups = 1},
    {.file = "softmax", .dims = {"I=4,J=9", "I=2,J=1", "I=3,J=0"}, .ngroups = 1},
    {.file = "layernorm", .dims = {"I=4,J=9", "I=1,J=1", "I=2,J=0"}, .ngroups = 1},
    {.file = "moments", .dims = {"I=4,J=9", "I=3,J=0"}, .ngroups = 1},
    {.file = "rmsnorm", .dims = {"I=4,J=9", "I=1,J=1"}, .ngroups = 1},
    {.file = "conv2d", .dims = {"N=2,C=2,H=5,W=4,K=3", "N=1,C=1,H=1,W=1,K=1"}, .ngroups = 1},
    {.file = "depthwise", .dims = {"C=2,H=4,W=3"}, .ngroups = 1},
    {.file = "kmeans", .dims = {"I=7,D=3,K=4", "I=3,D=0,K=2", "I=2,D=2,K=0"}, .ngroups = 1},
    {.file = "jacobi2d", .dims = {"N=6", "N=2", "N=0"}, .ngroups = 1},
    {.file = "blur", .dims = {"H=7,W=8", "H=2,W=2"}, .ngroups = 2},
    {.file = "blur_maps", .dims = {"H=7,W=8", "H=2,W=2"}, .ngroups = 1},
    {.file = "atax", .dims = {"M=5,N=7", "M=0,N=3"}, .ngroups = 1},
    {.file = "mvt", .dims = {"N=6"}, .ngroups = 1},
    {.file = "mm2", .dims = {"I=4,K=3,J=5,L=2", "I=2,K=0,J=2,L=2"}, .ngroups = 2},
    {.file = "qgemm", .dims = {"M=3,K=9,N=4"}, .ngroups = 1},
    {.file = "dequant", .dims = {"M=3,K=5,N=4"}, .ngroups = 1, .finite = true},
    {.file = "transpose", .dims = {"M=5,N=3"}, .ngroups = 1},
    {.file = "cross_entropy", .dims = {"I=4,J=9", "I=3,J=5"}, .ngroups = 1, .stream = "j"},
    {.file = "logsumexp", .dims = {"I=4,J=9", "I=3,J=0", "I=2,J=1"}, .ngroups = 1, .stream = "j"},
    {.file = "softmin", .dims = {"I=4,J=9", "I=3,J=0"}, .ngroups = 1, .stream = "j"},
    {.file = "chain", .dims = {"I=4,J=5"}, .ngroups = 1},
};
enum { NSAMPLE = sizeof samples / sizeof *samples, MAX_OPS = 100000000 };
static const char *root;

static struct kernel *load(struct bench *b, const char *file) {
  char path[4096];
  size_t len;
  snprintf(path, sizeof path, "%s/%s.hone", root, file);
  char *text = read_file(b->a, path, &len);
  ck_assert_msg(text != NULL, "cannot read %s", path);
  return parse_kernel(b, path, text, len);
}

struct truth {
  struct args *in, *out;
  struct expect *want;
};

static struct truth interpret(struct bench *b, const struct kernel *k, const char *dims, uint64_t seed, bool special) {
  struct truth t = {.in = make_args(b, k, dims, seed, special)};
  t.want = ARENA_NEW(b->a, struct expect, k->nparam + 1);
  t.out = copy_args(b, k, t.in);
  bench_expect_ok(b, kernel_interp(k, t.out, b->a, t.want, MAX_OPS, b->d), k->name);
  return t;
}

static void compare(const struct kernel *k, const struct truth *t, const struct args *got, double slack,
                    const char *what) {
  for (unsigned p = 0; p < k->nparam; p++) {
    if (k->param[p].kind != PARAM_TENSOR || k->tensor[k->param[p].ref].role == ROLE_IN) continue;
    for (int64_t i = 0; i < elements(k, got, p); i++) {
      double x = element(k, got, p, i);
      bool written = t->want[p].written[i];
      double ref = written ? type_is_float(k->param[p].type) ? t->want[p].ref[i] : (double)t->want[p].ival[i]
                           : element(k, t->in, p, i);
      double bound = written ? t->want[p].bound[i] * slack : 0;
      bool same = x == ref || (isnan(x) && isnan(ref)) || fabs(x - ref) <= bound;
      ck_assert_msg(same, "%s, %s[%d]: got %.9g, want %.9g +- %.3g", what, k->param[p].name, (int)i, x, ref, bound);
    }
  }
}

static void check_interpreted(struct bench *b, const struct kernel *k, const struct groups *gs, const struct truth *t) {
  struct args *x = copy_args(b, k, t->in);
  bench_expect_ok(b, kernel_interp(gs->k, x, b->a, NULL, MAX_OPS, b->d), "after the pipeline");
  compare(k, t, x, 2, "interpreted after the pipeline");
}

static void check_blocks(struct bench *b, const struct kernel *k, const struct groups *gs, const struct truth *t) {
  static const int64_t blocks[] = {1, 3, 7};
  for (unsigned i = 0; i < 3; i++) {
    char what[64];
    struct args *x = copy_args(b, k, t->in);
    group_exec(b->a, gs, x, blocks[i]);
    snprintf(what, sizeof what, "groups in blocks of %d", (int)blocks[i]);
    compare(k, t, x, 4, what);
  }
}

static void check_shape(struct bench *b, const struct kernel *k, const char *dims, bool finite, bool strict) {
  struct groups *gs = run_pipeline(b, k, strict);
  for (uint64_t seed = 1; seed <= 12; seed++) {
    struct truth t = interpret(b, k, dims, seed, seed > 4 && (strict || !finite));
    check_interpreted(b, k, gs, &t);
    check_blocks(b, k, gs, &t);
  }
}

START_TEST(results_stay) {
  const struct sample *s = &samples[_i];
  for (unsigned i = 0; i < 4 && s->dims[i]; i++) {
    struct bench b;
    bench_open(&b);
    check_shape(&b, load(&b, s->file), s->dims[i], s->finite, false);
    check_shape(&b, load(&b, s->file), s->dims[i], s->finite, true);
    bench_close(&b);
  }
}
END_TEST

START_TEST(groups_as_expected) {
  const struct sample *s = &samples[_i];
  struct bench b;
  bench_open(&b);
  struct groups *gs = run_pipeline(&b, load(&b, s->file), false);
  struct buf text;
  buf_init(&text);
  groups_print(&text, gs);
  if (s->ngroups)
    ck_assert_msg(gs->n == s->ngroups, "%s: %u groups, not %u\n%s", s->file, gs->n, s->ngroups, text.data);
  const struct group *g = &gs->g[gs->n - 1];
  const char *stream = g->stream < 0 ? NULL : gs->k->sym[g->axis[g->stream].sym].name;
  ck_assert_msg((!stream && !s->stream) || (stream && s->stream && strcmp(stream, s->stream) == 0), "%s: stream %s\n%s",
                s->file, stream ? stream : "none", text.data);
  buf_free(&text);
  bench_close(&b);
}
END_TEST

/* Attention keeps no scores: every temp over both queries and keys is private to its group. */
START_TEST(attention_is_one_pass) {
  struct bench b;
  bench_open(&b);
  struct groups *gs = run_pipeline(&b, load(&b, _i ? "attention_causal" : "attention"), false);
  ck_assert_uint_eq(gs->n, 1);
  ck_assert_int_ge(gs->g[0].stream, 0);
  for (unsigned t = 0; t < gs->k->ntensor; t++)
    if (gs->k->tensor[t].role == ROLE_TEMP)
      ck_assert_msg(group_private(gs, 0, t), "%s is not private", gs->k->tensor[t].name);
  unsigned running = 0;
  for (unsigned e = 0; e < gs->k->neq; e++) running += gs->k->eq[e].rescale != NULL;
  ck_assert_uint_eq(running, 2);
  bench_close(&b);
}
END_TEST

/* --fp strict: no factor leaves a sum, no partial result is rescaled. */
START_TEST(strict_keeps_order) {
  struct bench b;
  bench_open(&b);
  struct kernel *k = load(&b, samples[_i].file);
  struct groups *gs = run_pipeline(&b, k, true);
  for (unsigned e = 0; e < gs->k->neq; e++) ck_assert_ptr_null(gs->k->eq[e].rescale);
  for (unsigned g = 0; g < gs->n; g++) ck_assert_int_eq(gs->g[g].stream, -1);
  unsigned before = 0, after = 0;
  for (unsigned e = 0; e < k->neq; e++) before += k->eq[e].red != RED_none;
  for (unsigned e = 0; e < gs->k->neq; e++) after += gs->k->eq[e].red != RED_none;
  ck_assert_uint_eq(before, after);
  bench_close(&b);
}
END_TEST

int main(int argc, char **argv) {
  root = argc > 1 ? argv[1] : "tests/pass/kernels";
  Suite *s = suite_create("pass-semantics");
  TCase *c = tcase_create("kernels");
  tcase_set_timeout(c, 60);
  tcase_add_loop_test(c, results_stay, 0, NSAMPLE);
  tcase_add_loop_test(c, groups_as_expected, 0, NSAMPLE);
  tcase_add_loop_test(c, attention_is_one_pass, 0, 2);
  tcase_add_loop_test(c, strict_keeps_order, 0, NSAMPLE);
  suite_add_tcase(s, c);
  return suite_run(s, true);
}
