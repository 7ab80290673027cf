/* Broken GPU candidates through the worker, on the emulator: each gets its verdict and the reason, and none takes
   another one with it. usage: gpu_findings WORKER */
#include "runtime/abi.h"
#include "tuner/measure.h"
#include "tuner/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char spec[] = "kernel f(x: f32[64]) -> y: f32[64] {\n  y[i] = x[i]\n}\n";
#define HEAD                                                                                                           \
  ".version 7.0\n.target sm_80\n.address_size 64\n"                                                                    \
  ".visible .entry f_k0(.param .u64 f_k0_param_0, .param .u64 f_k0_param_1) {\n"                                       \
  "  .reg .b32 %r<4>; .reg .b64 %rd<8>; .reg .f32 %f<4>; .shared .align 4 .b8 s[256];\n"                               \
  "  ld.param.u64 %rd1, [f_k0_param_0]; ld.param.u64 %rd2, [f_k0_param_1];\n"                                          \
  "  cvta.to.global.u64 %rd1, %rd1; cvta.to.global.u64 %rd2, %rd2;\n"                                                  \
  "  mov.u32 %r1, %tid.x; mul.wide.u32 %rd3, %r1, 4; add.s64 %rd4, %rd1, %rd3; add.s64 %rd5, %rd2, %rd3;\n"            \
  "  ld.global.f32 %f1, [%rd4];\n"
#define TAIL "  st.global.f32 [%rd5], %f1;\n  ret;\n}\n"
enum { CASES = 12 };
static const struct {
  const char *what, *ptx;
  enum trial_status status;
  const char *why; /* part of it */
  int spoil;       /* of the package: see make() */
} cases[CASES] = {
    {"right", HEAD TAIL, TRIAL_OK, "", 0},
    {"a race", HEAD "  st.shared.f32 [s], %f1;\n  ld.shared.f32 %f2, [s];\n" TAIL, TRIAL_WRONG, "race", 0},
    {"out of bounds", HEAD "  st.global.f32 [%rd5+256], %f1;\n" TAIL, TRIAL_WRONG, "out of bounds", 0},
    {"a read out of bounds", HEAD "  ld.global.f32 %f3, [%rd4+4];\n" TAIL, TRIAL_WRONG, "out of bounds", 0},
    {"a deadlock", HEAD "  bar.sync 1, 128;\n" TAIL, TRIAL_WRONG, "f_k0: ", 0},
    {"uninitialised", HEAD "  ld.shared.f32 %f1, [s];\n" TAIL, TRIAL_WRONG, "uninit", 0},
    {"no PTX", HEAD "  no.such.instruction;\n" TAIL, TRIAL_COMPILE, "PTX 10:3: unknown instruction", 0},
    {"right again", HEAD TAIL, TRIAL_OK, "", 0},
    {"cut off", HEAD TAIL, TRIAL_COMPILE, "cut off", 1},
    {"no package", HEAD TAIL, TRIAL_COMPILE, "not a package", 2},
    {"a plan that ends early", HEAD TAIL, TRIAL_CRASH, "more than a grid", 3},
    {"a plan of absurd threads", HEAD TAIL, TRIAL_CRASH, "more than a grid", 4},
};

static void make(struct buf *out, const char *ptx, int spoil) {
  struct hone_cuda_package h = {.magic = HONE_CUDA_PACKAGE_MAGIC,
                                .nkernel = 1,
                                .nparam = 2,
                                .nplan = spoil == 3 ? 1 : 5,
                                .names = 5,
                                .ptx = strlen(ptx) + 1};
  int64_t plan[5] = {spoil == 4 ? INT64_MAX : 64, 0, 0, 0, 0};
  buf_init(out);
  buf_write(out, &h, sizeof h);
  buf_write(out, plan, (size_t)h.nplan * sizeof *plan);
  buf_write(out, "f_k0", 5);
  buf_write(out, ptx, strlen(ptx) + 1);
  if (spoil == 1) out->len--;
  if (spoil == 2) out->data[0] ^= 1;
}

static bool right[CASES];
static void look(void *ctx, unsigned i, const struct args *got) {
  const struct problem *p = ctx;
  right[i] = !memcmp(got->data[1], p->args.data[0], 64 * sizeof(float));
}

int main(int argc, char **argv) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  struct kernels ks = {0};
  struct problem p;
  struct job_device device = {.kind = JOB_EMU, .arch = "sm_80"};
  struct measure *m = argc > 1 ? measure_gpu_open(argv[1], 20, &device) : NULL;
  int64_t none[8] = {0};
  int bad = 0;
  if (!m || kernels_parse(a, d, diag_file(d, "f", spec, strlen(spec)), spec, strlen(spec), &ks) != ST_OK ||
      check_problem(a, ks.k[0], none, INPUTS_RANDOM, 1, 1, &p, d) != ST_OK) {
    printf("not set up\n");
    return 2;
  }
  struct buf object[CASES];
  struct candidate c[CASES];
  struct run run[CASES];
  for (int i = 0; i < CASES; i++) {
    make(&object[i], cases[i].ptx, cases[i].spoil);
    c[i] = (struct candidate){&object[i], "f"};
  }
  m->run(m, c, CASES, &p, 0, run, look, &p);
  for (int i = 0; i < CASES; i++) {
    bool ok = run[i].status == cases[i].status && strstr(run[i].why, cases[i].why) &&
              (run[i].status != TRIAL_OK || (right[i] && run[i].counted));
    if (!ok) printf("not ok: %s: %s: %s\n", cases[i].what, trial_status_name[run[i].status], run[i].why);
    bad += !ok;
    buf_free(&object[i]);
  }
  m->close(m);
  diag_free(d);
  arena_free(a);
  printf("%d passed, %d failed\n", CASES - bad, bad);
  return bad != 0;
}
