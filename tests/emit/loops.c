/* LOOP functions, compiled against interpreted, between guard pages: every kind of statement, masks, unrolling, lanes in all their ways. */
#include "tests/emit/rig.h"
#include <check.h>
#include <stdlib.h>

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static const char matmul_tile[] =
    "func mm reassoc {\n"
    "  sym M, N, K, i1, j1, i0, j0, jv, k, i0e, jve, ke, jee\n"
    "  param M: i32 dim M\n  param N: i32 dim N\n  param K: i32 dim K\n"
    "  param A: f32 tensor A const\n  param B: f32 tensor B const\n  param C: f32 tensor C\n"
    "  tensor A: f32[M, K] in\n  tensor B: f32[K, N] in\n  tensor C: f32[M, N] out\n"
    "  object acc: f32[6, 64] reg\n  object edge: f32[64] reg\n"
    "  for j1 in 0 .. N step 64 {\n"
    "    for i1 in 0 .. M step 6 {\n"
    "      if M - i1 - 6 >= 0, N - j1 - 64 >= 0 {\n"
    "        alloc acc {\n"
    "          for i0 in 0 .. 6 unroll { for j0 in 0 .. 64 step 16 unroll { for jv in j0 .. j0 + 16 vector 16 { acc[i0, jv] = 0 } } }\n"
    "          for k in 0 .. K {\n"
    "            for j0 in 0 .. 64 step 16 unroll { for i0 in 0 .. 6 unroll { for jv in j0 .. j0 + 16 vector 16 {\n"
    "              acc[i0, jv] sum= A[i1 + i0, k] * B[k, j1 + jv] } } }\n"
    "          }\n"
    "          for i0 in 0 .. 6 unroll { for j0 in 0 .. 64 step 16 unroll { for jv in j0 .. j0 + 16 vector 16 {\n"
    "            C[i1 + i0, j1 + jv] = acc[i0, jv] } } }\n"
    "        }\n"
    "      } else {\n"
    "        for i0e in i1 .. i1 + 6, M {\n"
    "          alloc edge {\n"
    "            for j0 in 0 .. 64 step 16 unroll { for jve in j0 .. j0 + 16, N - j1 vector 16 { edge[jve] = 0 } }\n"
    "            for ke in 0 .. K {\n"
    "              for j0 in 0 .. 64 step 16 unroll { for jve in j0 .. j0 + 16, N - j1 vector 16 { edge[jve] sum= A[i0e, ke] * B[ke, j1 + jve] } }\n"
    "            }\n"
    "            for j0 in 0 .. 64 step 16 unroll { for jve in j0 .. j0 + 16, N - j1 vector 16 { C[i0e, j1 + jve] = edge[jve] } }\n"
    "          }\n"
    "        }\n"
    "      }\n"
    "    }\n"
    "  }\n"
    "}\n";

START_TEST(matmul) {
  struct rig r;
  rig_open(&r, NULL);
  rig_load(&r, matmul_tile);
  static const int64_t sizes[][3] = {{6, 64, 3}, {12, 128, 17}, {13, 100, 9}, {1, 1, 1}, {7, 65, 5}, {5, 15, 4}, {6, 64, 0}, {0, 3, 3}, {3, 0, 3}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) rig_compare(&r, sizes[i], 64);
  rig_close(&r);
}
END_TEST

int main(void) {
  Suite *s = suite_create("emit-loops");
  TCase *t = tcase_create("loops");
  tcase_add_test(t, matmul);
  tcase_set_timeout(t, 60);
  suite_add_tcase(s, t);
  SRunner *run = srunner_create(s);
  srunner_run_all(run, CK_ENV);
  int failed = srunner_ntests_failed(run);
  srunner_free(run);
  return failed != 0;
}
