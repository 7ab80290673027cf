/* LOOP functions, compiled against interpreted, between guard pages: every kind of statement, masks, unrolling, lanes
 * in all their ways. */
#include "tests/emit/rig.h"
#include "tests/suite.h"
#include <stdlib.h>
#include <string.h>

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
    "          for i0 in 0 .. 6 unroll { for j0 in 0 .. 64 step 16 unroll { for jv in j0 .. j0 + 16 vector 16 { "
    "acc[i0, jv] = 0 } } }\n"
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
    "              for j0 in 0 .. 64 step 16 unroll { for jve in j0 .. j0 + 16, N - j1 vector 16 { edge[jve] sum= "
    "A[i0e, ke] * B[ke, j1 + jve] } }\n"
    "            }\n"
    "            for j0 in 0 .. 64 step 16 unroll { for jve in j0 .. j0 + 16, N - j1 vector 16 { C[i0e, j1 + jve] = "
    "edge[jve] } }\n"
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
  static const int64_t sizes[][3] = {{6, 64, 3}, {12, 128, 17}, {13, 100, 9}, {1, 1, 1}, {7, 65, 5},
                                     {5, 15, 4}, {6, 64, 0},    {0, 3, 3},    {3, 0, 3}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) rig_compare(&r, sizes[i], 64);
  rig_close(&r);
}
END_TEST

/* --- small functions, one feature each --- */

#define SIG1(T)                                                                                                        \
  " param N: i32 dim N\n param X: " T " tensor X const\n param Y: " T " tensor Y\n tensor X: " T                       \
  "[N] in\n tensor Y: " T "[N] inout\n"
static const int64_t lengths[] = {0, 1, 2, 7, 15, 16, 17, 31, 33, 64, 100};

/* Every k-th of a row of narrow elements, the last vector cut. */
#define EVERY(T, K, LANES)                                                                                             \
  "func f {\n sym N, i, v\n param N: i32 dim N\n param X: " T " tensor X const\n param Y: " T                          \
  " tensor Y\n tensor X: " T "[" #K "*N] in\n tensor Y: " T "[N] inout\n for i in 0 .. N step " #LANES                 \
  " { for v in i .. i + " #LANES ", N vector " #LANES " { Y[v] = X[" #K "*v] + X[" #K "*v + " #K " - 1] } }\n}\n"

static void each_length(const char *text, double ulps) {
  struct rig r;
  rig_open(&r, NULL);
  rig_load(&r, text);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) rig_compare(&r, &lengths[i], ulps);
  rig_close(&r);
}

static const struct sample {
  const char *what, *text;
  double ulps;
} samples[] = {
    {"serial in place: each element needs the one before",
     "func f {\n sym N, i\n" SIG1("f32") " for i in 1 .. N { Y[i] = Y[i - 1] + X[i] }\n}\n", 0},
    {"the same unrolled by four",
     "func f {\n sym N, i\n" SIG1("f32") " for i in 1 .. N unroll 4 { Y[i] = Y[i - 1] * 0.5 + X[i] }\n}\n", 0},
    {"a neighbour guarded on lanes",
     "func f {\n sym N, i, v\n" SIG1(
         "f32") " for i in 0 .. N step 8 { for v in i .. i + 8, N vector 8 {\n"
                "  Y[v] = (X[v - 1] if v - 1 >= 0 else 0.5) + (X[v + 1] if N - v - 2 >= 0 else X[v]) } }\n}\n",
     0},
    {"the first term of a sum is loaded under a mask",
     "func f reassoc {\n sym N, i, s, v\n" SIG1(
         "f32") " object a: f32[16] reg\n for i in 0 .. N step 16 { alloc a {\n"
                "  for v in 0 .. 16 vector 16 { a[v] = 0.0 }\n"
                "  for s in 0 .. 3 unroll { for v in 0 .. 16, N - i vector 16 {\n"
                "   when (i + v + s - 1 >= 0, N - i - v - s >= 0) a[v] sum= X[i + v + s - 1] * X[0] } }\n"
                "  for v in 0 .. 16, N - i vector 16 { Y[i + v] = a[v] } } }\n}\n",
     64},
    {"sum across lanes",
     "func f reassoc {\n sym N, i, v\n" SIG1(
         "f32") " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { Y[0] sum= X[v] } }\n}\n",
     64},
    {"maximum across lanes",
     "func f {\n sym N, i, v\n" SIG1(
         "f32") " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { Y[0] max= X[v] } }\n}\n",
     0},
    {"minimum of i8 across 64 lanes",
     "func f {\n sym N, i, v\n" SIG1(
         "i8") " for i in 0 .. N step 64 { for v in i .. i + 64, N vector 64 { Y[0] min= X[v] } }\n}\n",
     0},
    {"or across lanes of u16",
     "func f {\n sym N, i, v\n" SIG1(
         "u16") " for i in 0 .. N step 32 { for v in i .. i + 32, N vector 32 { Y[0] or= X[v] } }\n}\n",
     0},
    {"i8 in place",
     "func f {\n sym N, i, v\n" SIG1(
         "i8") " for i in 0 .. N step 32 { for v in i .. i + 32, N vector 32 { Y[v] sum= X[v] * Y[v] } }\n}\n",
     0},
    {"bf16 map",
     "func f {\n sym N, i, v\n" SIG1(
         "bf16") " for i in 0 .. N step 32 { for v in i .. i + 32, N vector 32 { Y[v] = X[v] * Y[v] + X[v] } }\n}\n",
     0},
    {"f16 map with exp",
     "func f {\n sym N, i, v\n" SIG1(
         "f16") " for i in 0 .. N step 32 { for v in i .. i + 32, N vector 32 { Y[v] = exp(X[v]) } }\n}\n",
     1},
    {"bool map",
     "func f {\n sym N, i, v\n" SIG1(
         "bool") " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { Y[v] = xor(X[v], Y[v]) } }\n}\n",
     0},
    {"reversed lanes",
     "func f {\n sym N, i, v\n" SIG1(
         "f32") " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { Y[v] = X[N - 1 - v] } }\n}\n",
     0},
    {"reversed stores",
     "func f {\n sym N, i, v\n" SIG1(
         "i32") " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { Y[N - 1 - v] = X[v] } }\n}\n",
     0},
    {"every second store",
     "func f {\n sym N, i, v\n" SIG1("f64") " for i in 0 .. N step 8 { for v in i .. i + 8, N vector 8 { when (N - 1 - "
                                            "2*v >= 0) Y[2*v] sum= X[v] } }\n}\n",
     0},
    {"gather",
     "func f {\n sym N, i, v\n param N: i32 dim N\n param I: u8 tensor I const\n param X: f32 tensor X const\n param "
     "Y: f32 tensor Y\n"
     " tensor I: u8[N] in\n tensor X: f32[16] in\n tensor Y: f32[N] out\n"
     " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { Y[v] = X[I[v]] } }\n}\n",
     0},
    {"histogram: lanes that meet",
     "func f {\n sym N, i, v\n param N: i32 dim N\n param I: u8 tensor I const\n param X: i32 tensor X const\n param "
     "Y: i32 tensor Y\n"
     " tensor I: u8[N] in\n tensor X: i32[N] in\n tensor Y: i32[16] inout\n"
     " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { Y[I[v]] sum= X[v] } }\n}\n",
     0},
    {"scalar gather with an offset",
     "func f {\n sym N, i\n param N: i32 dim N\n param I: u8 tensor I const\n param X: f32 tensor X const\n param Y: "
     "f32 tensor Y\n"
     " tensor I: u8[N] in\n tensor X: f32[N + 16] in\n tensor Y: f32[N] out\n"
     " for i in 0 .. N { Y[i] = X[i + 1 @ I[i]] }\n}\n",
     0},
    {"an arm that may not load",
     "func f {\n sym N, i, v\n param N: i32 dim N\n param I: i32 tensor I const\n param X: f32 tensor X const\n param "
     "Y: f32 tensor Y\n"
     " tensor I: i32[N] in\n tensor X: f32[16] in\n tensor Y: f32[N] out\n"
     " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { Y[v] = select(I[v] >= 0, X[I[v]], 0.25) } }\n}\n",
     0},
    {"the same with scalars",
     "func f {\n sym N, i\n param N: i32 dim N\n param I: i32 tensor I const\n param X: f32 tensor X const\n param Y: "
     "f32 tensor Y\n"
     " tensor I: i32[N] in\n tensor X: f32[16] in\n tensor Y: f32[N] out\n"
     " for i in 0 .. N { Y[i] = select(I[i] >= 0, X[I[i]], 0.25) }\n}\n",
     0},
    {"argmin with locals",
     "func f {\n sym N, i\n param N: i32 dim N\n param X: f32 tensor X const\n param Y: i64 tensor Y\n tensor X: "
     "f32[N] in\n tensor Y: i64[1] out\n"
     " local best: f32\n local at: i64\n best = inf\n at = -1\n"
     " for i in 0 .. N { if where X[i] < best { best = X[i] at = i } }\n Y[0] = at\n}\n",
     0},
    {"argmax on lanes",
     "func f {\n sym N, i, v, l\n param N: i32 dim N\n param X: f32 tensor X const\n param Y: i64 tensor Y\n tensor X: "
     "f32[N] in\n tensor Y: i64[16] out\n"
     " object b: f32[16] reg\n object a: i64[16] reg\n alloc b { alloc a {\n"
     " for v in 0 .. 16 vector 16 { b[v] = f32(-inf) a[v] = -1 }\n"
     " for i in 0 .. N step 16 { for v in 0 .. 16, N - i vector 16 { a[v] = select(X[i + v] > b[v], i + v, a[v]) b[v] "
     "max= X[i + v] } }\n"
     " for v in 0 .. 16 vector 16 { Y[v] = a[v] } } }\n}\n",
     0},
    {"while",
     "func f {\n sym N, i\n param N: i32 dim N\n param Y: i32 tensor Y\n tensor Y: i32[1] out\n local x: i64\n local "
     "n: i32\n"
     " x = N\n n = 0\n while x > 1 { x = select(and(x, 1) == 0, x / 2, 3 * x + 1) n = n + 1 }\n Y[0] = n\n}\n",
     0},
    {"a while in a loop, with loads",
     "func f {\n sym N, i\n" SIG1(
         "i32") " local j: i64\n for i in 0 .. N { j = i while j > 0 { Y[i] = Y[i] + X[j] j = j - 3 } }\n}\n",
     0},
    {"first iteration always",
     "func f {\n sym N, i\n param N: i32 dim N\n param Y: i32 tensor Y\n tensor Y: i32[1] inout\n"
     " for i in 0 .. N once { Y[0] sum= 1 }\n}\n",
     0},
    {"stack buffer",
     "func f {\n sym N, i, j\n" SIG1("f32") " object t: f32[8] stack\n"
                                            " for i in 0 .. N step 8 { alloc t { for j in 0 .. 8, N - i { t[7 - j] = "
                                            "X[i + j] } for j in 0 .. 8, N - i { Y[i + j] = t[7 - j] * 2 } } }\n}\n",
     0},
    {"heap buffers, one in the other",
     "func f {\n sym N, i, j\n" SIG1("f32") " object t: f32[N] heap\n object u: f32[i + 1] heap\n"
                                            " alloc t { for i in 0 .. N { alloc u { for j in 0 .. i + 1 { u[j] = X[j] "
                                            "} t[i] = u[i] } } for i in 0 .. N { Y[i] = t[N - 1 - i] } }\n}\n",
     0},
    {"registers read as vectors and as scalars",
     "func f {\n sym N, i, v, w\n" SIG1("f32") " object t: f32[20] reg\n"
                                               " for i in 0 .. N step 8 { alloc t {\n for w in 0 .. 20 unroll { t[w] = "
                                               "1 }\n for v in 0 .. 8, N - i vector 8 { t[v] = X[i + v] }\n for w in 0 "
                                               ".. 4 unroll { t[8 + w] = t[w] + t[7 - w] t[3 + w] sum= t[w] }\n"
                                               " for v in 0 .. 8, N - i vector 8 { Y[i + v] = t[v + 3] } } }\n}\n",
     0},
    {"guards that all lanes share, and not",
     "func f {\n sym N, i, v\n" SIG1("f32") " for i in 0 .. N step 8 { for v in i .. i + 8, N vector 8 { when (i - 8 "
                                            ">= 0, N - 2 - v >= 0) Y[v] = X[v + 1] + X[i - 8] } }\n}\n",
     0},
    {"branches on dims and lanes' base",
     "func f {\n sym N, i, v\n" SIG1("f32") " for i in 0 .. N step 8 { for v in i .. i + 8, N vector 8 { if N - 20 >= "
                                            "0 { Y[v] = X[v] } else { if i - 8 >= 0 { Y[v] sum= X[v] } } } }\n}\n",
     0},
    {"locals on lanes",
     "func f {\n sym N, i, v\n" SIG1("f32") " local a: f32\n local b: f32\n"
                                            " for i in 0 .. N step 8 { for v in i .. i + 8, N vector 8 { a = X[v] b = "
                                            "a * a if where a > 0 { b = b + 1 } else { a = 0 } Y[v] = a + b } }\n}\n",
     0},
    {"a triangle",
     "func f {\n sym N, i, j\n" SIG1(
         "f64") " for i in 0 .. N { for j in 0, i - 5 .. i + 1, N { Y[i] sum= X[j] } }\n}\n",
     8},
    {"tiles of tiles",
     "func f {\n sym N, a, b, c\n" SIG1("i32") " for a in 0 .. N step 24 { for b in 0 .. 24, N - a step 6 { for c in 0 "
                                               ".. 6, N - a - b, 24 - b { Y[a + b + c] sum= X[a + b + c] } } }\n}\n",
     0},
    {"parallel",
     "func f {\n sym N, i, v\n" SIG1("f32") " for i in 0 .. N step 16 parallel { for v in i .. i + 16, N vector 16 { "
                                            "Y[v] = X[v] * 2 + f32(N) } }\n}\n",
     0},
    {"parallel inside a serial loop",
     "func f {\n sym N, o, i, v\n" SIG1("f32") " for o in 0 .. 3 { for i in 0 .. N step 7 parallel { for v in i .. i + "
                                               "7, N { Y[v] sum= X[v] } } } }\n",
     0},
    {"joined parallel loops",
     "func f {\n sym N, i, j, v\n" SIG1("f32") " for i in 0 .. N step 60 parallel { for j in 0 .. 60 step 7 parallel { "
                                               "for v in j .. 60, j + 7, N - i { Y[i + v] = X[i + v] * 2 } } } }\n",
     0},
    {"joined parallel loops from elsewhere, perhaps empty inside",
     "func f {\n sym N, i, j\n" SIG1("i64") " for i in 2 .. 40, N parallel { for j in 3 .. N - 39 step 40 parallel { "
                                            "Y[j + i - 2] = X[j + i - 2] + i } } }\n",
     0},
    {"nested parallel loops that cannot be joined",
     "func f {\n sym N, i, j\n" SIG1("f32") " for i in 0 .. N step 60 parallel { for j in i .. i + 60, N parallel { "
                                            "Y[j] = X[j] * 2 } } }\n",
     0},
    {"parallel with a buffer of its own",
     "func f {\n sym N, i, j\n" SIG1(
         "f32") " object t: f32[N] heap\n"
                " for i in 0 .. N parallel { alloc t { for j in 0 .. N { t[j] = X[j] } Y[i] = t[N - 1 - i] } }\n}\n",
     0},
    {"prefetch",
     "func f {\n sym N, i\n" SIG1(
         "f32") " for i in 0 .. N { prefetch X[i + 64] prefetch write Y[i + 64] Y[i] = X[i] }\n}\n",
     0},
    {"streaming stores",
     "func f {\n sym N, i, v\n" SIG1(
         "f32") " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { stream Y[v] = X[v] } }\n}\n",
     0},
    {"sines far out",
     "func f {\n sym N, i, v\n" SIG1("f32") " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { Y[v] = "
                                            "sin(X[v] * 1e20) + cos(X[v]) } }\n}\n",
     4},
    {"f64 functions",
     "func f {\n sym N, i, v\n" SIG1("f64") " for i in 0 .. N step 8 { for v in i .. i + 8, N vector 8 { Y[v] = "
                                            "exp(X[v]) + pow(abs(X[v]), 0.3f64) } }\n}\n",
     8},
    {"invariants of an inner loop",
     "func f {\n sym N, i, j\n" SIG1("f32") " for i in 0 .. N { for j in 0 .. N { Y[j] = Y[j] + exp(X[i]) / 3 } }\n}\n",
     64},
    {"a loop that may be empty does not load",
     "func f {\n sym N, i, j\n" SIG1("f32") " for i in 0 .. N { for j in 0 .. N - 20 { Y[i] sum= X[19] } }\n}\n", 8},
    {"one lane on, truncated",
     "func f {\n sym N, i, v\n param N: i32 dim N\n param X: i64 tensor X const\n param Y: i32 tensor Y\n tensor X: "
     "i64[3] in\n tensor Y: i32[3] out\n"
     " for v in 0 .. 2 vector 2 { Y[v] = i32(X[v]) } for v in 2 .. 4, 3 vector 2 { Y[v] = i32(X[v]) }\n}\n",
     0},
    {"a shared element that no lane wants",
     "func f {\n sym N, i, v\n param N: i32 dim N\n param X: f32 tensor X const\n param Y: f32 tensor Y\n tensor X: "
     "f32[N - 40] in\n tensor Y: f32[N] inout\n"
     " for i in 0 .. N step 8 { for v in i .. i + 8, N vector 8 { when (v - 60 >= 0) Y[v] sum= X[N - 41] "
     "Y[v] = Y[v] + (X[N - 41] if v - 50 >= 0, N - 41 >= 0 else 1) } }\n}\n",
     0},
    {"every second byte", EVERY("u8", 2, 64), 0},
    {"every third of i16", EVERY("i16", 3, 32), 0},
    {"every fifth byte", EVERY("u8", 5, 16), 0},
    {"every eighth of bf16", EVERY("bf16", 8, 16), 0},
    {"every second byte on few lanes", EVERY("i8", 2, 8), 0},
    {"select of three",
     "func f {\n sym N, i, v\n" SIG1("i32") " for i in 0 .. N step 16 { for v in i .. i + 16, N vector 16 { Y[v] = "
                                            "select(X[v] > 3, X[v] - 3, select(X[v] < -3, X[v] + 3, Y[v])) } }\n}\n",
     0},
};

START_TEST(features) {
  each_length(samples[_i].text, samples[_i].ulps);
}
END_TEST

/* Two dims: transposition, a reduction over rows, strides. */
START_TEST(two_dims) {
  static const char *const text[] = {
      "func f {\n sym M, N, i, v\n param M: i32 dim M\n param N: i32 dim N\n param X: f32 tensor X const\n param Y: "
      "f32 tensor Y\n tensor X: f32[M, N] in\n tensor Y: f32[N, M] out\n"
      " for i in 0 .. N { for v in 0 .. 16, M vector 16 { Y[i, v] = X[v, i] } }\n}\n",
      "func f {\n sym M, N, i, v\n param M: i32 dim M\n param N: i32 dim N\n param X: i8 tensor X const\n param Y: i32 "
      "tensor Y\n tensor X: i8[M, N] in\n tensor Y: i32[N, M] out\n"
      " for i in 0 .. N { for v in 0 .. 16, M vector 16 { Y[i, v] = i32(X[v, i]) * 3 } }\n}\n",
      "func f {\n sym M, N, i, j\n param M: i64 dim M\n param N: u16 dim N\n param X: f32 tensor X const\n param Y: "
      "f32 tensor Y\n tensor X: f32[M, N] in\n tensor Y: f32[M] out\n"
      " object s: f32[4] reg\n for i in 0 .. M { alloc s { s[0] = 0 for j in 0 .. N { s[0] sum= X[i, j] } Y[i] = s[0] "
      "} }\n}\n",
  };
  static const int64_t sizes[][2] = {{16, 5}, {1, 1}, {7, 3}, {15, 20}, {0, 4}, {4, 0}};
  for (size_t t = 0; t < sizeof text / sizeof *text; t++) {
    struct rig r;
    rig_open(&r, NULL);
    rig_load(&r, text[t]);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) rig_compare(&r, sizes[i], 16);
    rig_close(&r);
  }
}
END_TEST

/* --- blocks turned in registers (turn.c) --- */

/* Y[j, i] = f(X[i, j]): `rows` unrolled iterations around `lanes` lanes; what is left in columns runs one by one. */
static void turned_text(struct buf *b, const char *type, unsigned rows, unsigned lanes, const char *value) {
  buf_printf(b,
             "func f {\n sym M, N, i, j, u, v, r, w\n param M: i32 dim M\n param N: i32 dim N\n param X: %s tensor X "
             "const\n param Y: %s tensor Y\n tensor X: %s[M, N] in\n tensor Y: %s[N, M] inout\n",
             type, type, type, type);
  buf_printf(b, " for i in 0 .. M step %u {\n  for j in 0 .. N - %u step %u {\n   for u in 0 .. %u unroll {\n", lanes,
             rows - 1, rows, rows);
  buf_printf(b, "    for v in 0 .. %u, M - i vector %u { Y[j + u, i + v] = %s } } }\n", lanes, lanes, value);
  buf_printf(b, "  for r in 0 .. N { for w in 0 .. %u, M - i vector %u {", lanes, lanes);
  buf_puts(b, " Y[r, i + w] = Y[r, i + w] + X[i + w, r] } } }\n}\n");
}

static const struct turned {
  const char *type;
  unsigned rows, lanes;
  const char *value;
} turned[] = {
    {"f32", 16, 16, "X[i + v, j + u]"},
    {"f32", 16, 16, "X[i + v, j + u] * 2 + X[i + v, j]"},
    {"f32", 4, 16, "X[i + v, j + u]"},
    {"f32", 7, 16, "X[i + v, j + u]"},
    {"f32", 2, 8, "X[i + v, j + u]"},
    {"f32", 16, 16, "(X[i + v, j + u] if 9 - u >= 0 else 1)"},
    {"f32", 16, 16, "(X[i + v, j + u] if v - 3 >= 0 else 1)"},
    {"f32", 16, 16, "select(Y[j + u, i + v] > 0, X[i + v, j + u], 2)"},
    {"f32", 16, 16, "X[i + v, j + u] + Y[j, i + v]"},
    {"f64", 8, 8, "X[i + v, j + u]"},
    {"f64", 16, 8, "X[i + v, j + u] + X[i + v, j + 15 - u]"},
    {"i8", 64, 64, "X[i + v, j + u]"},
    {"u8", 16, 64, "X[i + v, j + u]"},
    {"i16", 32, 32, "-X[i + v, j + u]"},
    {"bf16", 32, 32, "X[i + v, j + u] * X[i + v, j + u]"},
    {"f16", 32, 32, "X[i + v, j + u]"},
    {"i64", 4, 4, "X[i + v, j + u]"},
    {"u16", 32, 16, "X[i + v, j + u]"},
};

START_TEST(turned_blocks) {
  static const int64_t sizes[][2] = {{16, 16}, {32, 64}, {1, 1}, {7, 130}, {65, 33}, {15, 64}, {0, 40}, {40, 0}};
  static const char *const cpu[] = {NULL, "haswell", "x86-64-v2"};
  const struct turned *t = &turned[_i];
  for (size_t c = 0; c < sizeof cpu / sizeof *cpu; c++) {
    if (c && (_i % 4) != 0) continue; /* the network is the same */
    struct rig r;
    struct buf b;
    buf_init(&b);
    turned_text(&b, t->type, t->rows, t->lanes, t->value);
    rig_open(&r, cpu[c]);
    rig_load(&r, b.data);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) rig_compare(&r, sizes[i], 0);
    rig_close(&r);
    buf_free(&b);
  }
}
END_TEST

/* A whole block takes no scalar loads, no gathers and no inserts of elements. */
START_TEST(turned_shape) {
  struct rig r;
  struct buf out;
  rig_open(&r, "x86-64-v4");
  rig_load(&r,
           "func f {\n sym u, v\n param X: f32 tensor X const\n param Y: f32 tensor Y\n tensor X: f32[16, 32] in\n "
           "tensor Y: f32[16, 16] out\n for u in 0 .. 16 unroll { for v in 0 .. 16 vector 16 { Y[u, v] = X[v, u + 3] "
           "} }\n}\n");
  buf_init(&out);
  rig_emit(&r, EMIT_ASM, &out);
  ck_assert_ptr_null(strstr(out.data, "vinsertps"));
  ck_assert_ptr_null(strstr(out.data, "vmovss"));
  ck_assert_ptr_null(strstr(out.data, "vgather"));
  ck_assert_ptr_nonnull(strstr(out.data, "vunpcklps"));
  buf_free(&out);
  rig_close(&r);
}
END_TEST

/* --- streamed stores (stream.c): arrays at every kind of address --- */

#define WHOLE(LO, W)                                                                                                   \
  " for i in " LO " .. N step " W " { if N - i - " W " >= 0 { for v in i .. i + " W " vector " W                       \
  " { stream Y[v] = X[v] } } else { for w in i .. i + " W ", N vector " W " { stream Y[w] = X[w] } } }\n}\n"
static const char *const streamed[] = {
    "func f {\n sym N, i, v, w\n" SIG1("f32") WHOLE("0", "16"),
    "func f {\n sym N, i, v, w\n" SIG1("f64") WHOLE("1", "8"),
    "func f {\n sym N, i, v, w\n" SIG1("u8") WHOLE("0", "16"),
    "func f {\n sym N, i, v, w\n" SIG1("bf16") WHOLE("32", "64"),
    "func f {\n sym N, i, v, w\n" SIG1(
        "i32") " for i in 0 .. N - 7 step 8 parallel { for v in i .. i + 8 vector 8 { stream "
               "Y[v] = X[v] } }\n}\n",
    "func f {\n sym N, i\n" SIG1("f32") " for i in 0 .. N { stream Y[i] = X[i] }\n}\n",
};

START_TEST(streamed_stores) {
  static const int64_t n[] = {0, 1, 15, 16, 32, 48, 100, 128, 1024, 1028, 1040, 1056};
  static const char *const cpu[] = {NULL, "haswell", "x86-64-v2"};
  for (size_t c = 0; c < sizeof cpu / sizeof *cpu; c++) {
    struct rig r;
    rig_open(&r, cpu[c]);
    rig_load(&r, streamed[_i]);
    for (size_t i = 0; i < sizeof n / sizeof *n; i++) rig_compare(&r, &n[i], 0);
    rig_close(&r);
  }
}
END_TEST

/* Lanes that are off for certain beside lanes that may be: both loads and the store know it (access.c: keep_quiet). */
START_TEST(lanes_off) {
  static const int64_t n[] = {0, 1, 2, 3, 4, 5, 15, 16, 17, 100};
  static const char *const cpu[] = {NULL, "haswell", "x86-64-v2"};
  struct buf text;
  buf_init(&text);
  buf_printf(
      &text,
      "func f {\n sym N, i, v\n param N: i32 dim N\n param X: f32 tensor X const\n param Z: f32 tensor Z const\n "
      "param Y: f32 tensor Y\n tensor X: f32[N] in\n tensor Z: f32[N] in\n tensor Y: f32[N] out\n for i in 0 .. "
      "N step %d { for v in 0 .. 16, %d vector 16 { when (-i - v + N - 1 >= 0) Y[i + v] = X[i + v] + Z[i + v] } "
      "}\n}\n",
      _i, _i);
  for (size_t c = 0; c < sizeof cpu / sizeof *cpu; c++) {
    struct rig r;
    rig_open(&r, cpu[c]);
    rig_load(&r, text.data);
    for (size_t i = 0; i < sizeof n / sizeof *n; i++) rig_compare(&r, &n[i], 0);
    rig_close(&r);
  }
  buf_free(&text);
}
END_TEST

static void asm_of(const char *text, struct buf *out) {
  struct rig r;
  rig_open(&r, "x86-64-v4");
  rig_load(&r, text);
  buf_init(out);
  rig_emit(&r, EMIT_ASM, out);
  rig_close(&r);
}

START_TEST(streamed_shape) {
  struct buf out;
  asm_of(streamed[0], &out);
  ck_assert_ptr_nonnull(strstr(out.data, "vmovntps\t%zmm"));
  ck_assert_ptr_nonnull(strstr(out.data, "vmovntps\t%xmm"));
  ck_assert_ptr_nonnull(strstr(out.data, "sfence"));
  buf_free(&out);
  asm_of(streamed[1], &out); /* starts at an odd element: not aligned wherever the array is */
  ck_assert_ptr_null(strstr(out.data, "vmovnt"));
  ck_assert_ptr_null(strstr(out.data, "sfence"));
  buf_free(&out);
}
END_TEST

int main(void) {
  Suite *s = suite_create("emit-loops");
  TCase *t = tcase_create("loops");
  tcase_add_test(t, matmul);
  tcase_add_loop_test(t, lanes_off, 1, 16);
  tcase_add_loop_test(t, features, 0, sizeof samples / sizeof *samples);
  tcase_add_test(t, two_dims);
  tcase_add_loop_test(t, turned_blocks, 0, sizeof turned / sizeof *turned);
  tcase_add_test(t, turned_shape);
  tcase_add_loop_test(t, streamed_stores, 0, sizeof streamed / sizeof *streamed);
  tcase_add_test(t, streamed_shape);
  tcase_set_timeout(t, 60);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
