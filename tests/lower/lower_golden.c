/* One case a feature of the lowering: the LOOP text it gives (tests/golden/lower/NAME.txt; HONE_BLESS=1 rewrites) and,
   at several dims, the same results as the equations. */
#include "tests/lower/lower_common.h"
#include "tests/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TWO_SUMS                                                                                                       \
  "kernel f(A: f32[M, K], B: f32[N, K], C: f32[M, L], D: f32[N, L]) -> O: f32[M, N] {\n"                               \
  "  S[i, j] = sum(k) A[i, k] * B[j, k]\n"                                                                             \
  "  T[i, j] = sum(l) C[i, l] * D[j, l] from S[i, j]\n"                                                                \
  "  O[i, j] = max(T[i, j], 0)\n}"
#define MATMUL "kernel f(A: f32[M, K], B: f32[K, N]) -> C: f32[M, N] { C[i, j] = sum(k) A[i, k] * B[k, j] }"
#define BYTES  "kernel f(A: u8[M, K], B: i8[K, N]) -> C: i32[M, N] { C[i, j] = sum(k) i32(A[i, k]) * i32(B[k, j]) }"
#define HALVES "kernel f(A: bf16[M, K], B: bf16[K, N]) -> C: f32[M, N] { C[i, j] = sum(k) f32(A[i, k]) * f32(B[k, j]) }"
#define EPILOGUE                                                                                                       \
  "kernel f(A: f32[M, K], B: f32[K, N], b: f32[N]) -> C: f32[M, N] {\n"                                                \
  "  X[i, j] = sum(k) A[i, k] * B[k, j]\n  C[i, j] = max(X[i, j] + b[j], 0)\n}"
#define SOFTMAX                                                                                                        \
  "kernel f(X: f32[I, J]) -> Y: f32[I, J] {\n"                                                                         \
  "  M[i] = max(j) X[i, j]\n  E[i, j] = exp(X[i, j] - M[i])\n  Z[i] = sum(j) E[i, j]\n  Y[i, j] = E[i, j] / Z[i]\n}"
#define ATTENTION(guard)                                                                                               \
  "kernel f(Q: f32[T, D], K: f32[S, D], V: f32[S, D]) -> O: f32[T, D] {\n"                                             \
  "  P[t, s] = sum(d) Q[t, d] * K[s, d]\n  M[t] = max(s" guard ") P[t, s]\n  E[t, s] = exp(P[t, s] - M[t])\n"          \
  "  Z[t] = sum(s" guard ") E[t, s]\n  O[t, d] = sum(s" guard ") E[t, s] * V[s, d] / Z[t]\n}"

#define ROUNDED(guard)                                                                                                 \
  "kernel f(Q: bf16[T, D], K: bf16[S, D], V: bf16[S, D]) -> O: f32[T, D] {\n"                                          \
  "  P[t, s] = sum(d) f32(Q[t, d]) * f32(K[s, d])\n  M[t] = max(s" guard ") P[t, s]\n"                                 \
  "  E[t, s] = exp(P[t, s] - M[t])\n  Z[t] = sum(s" guard ") E[t, s]\n"                                                \
  "  O[t, d] = (sum(s" guard ") E[t, s] * f32(V[s, d])) / Z[t]\n}"

#define CONV2D                                                                                                         \
  "kernel f(x: f32[H, W, C], w: f32[3, 3, C, F]) -> y: f32[P, Q, F] {\n"                                               \
  "  for p in 0..P, q in 0..Q, f in 0..F: y[p, q, f] = sum(r in 0..3, s in 0..3, c in 0..C if 2*p + r - 1 >= 0, H - "  \
  "2*p - r >= 0, 2*q + s - 1 >= 0, "                                                                                   \
  "W - 2*q - s >= 0) x[2*p + r - 1, 2*q + s - 1, c] * w[r, s, c, f]\n}"

#define CHAIN                                                                                                          \
  "kernel f(X: f32[H, W]) -> Y: f32[H, W] {\n  for y in 0..H, x in 1..W - 1: T[y, x] = X[y, x - 1] + 2 * X[y, x] + "   \
  "X[y, x + 1]\n"                                                                                                      \
  "  for y in 1..H - 1, x in 1..W - 1: Y[y, x] = T[y - 1, x] + 2 * T[y, x] + T[y + 1, x]\n}"

struct tcase {
  const char *name, *kernel, *sched;
  bool strict, fixed; /* fixed: the first dims as constants */
  bool fast;          /* --fp fast */
  bool blocks;        /* for blocks of threads */
  const char *dims[4];
};
static const struct tcase cases[] = {
    {"plain", MATMUL, "none", .dims = {"M=3,N=5,K=4", "M=0,N=2,K=3", "M=2,N=2,K=0", "M=1,N=-1,K=2"}},
    {"order", MATMUL, "order k0 i0 j0", .dims = {"M=3,N=5,K=4", "M=2,N=2,K=0"}},
    {"tile", MATMUL, "tile i 4; tile j 8; tile i 8", .dims = {"M=13,N=17,K=3", "M=8,N=8,K=1"}},
    {"vector", MATMUL, "tile j 32; vector j0", .dims = {"M=3,N=70,K=4", "M=2,N=3,K=0", "M=1,N=32,K=2"}},
    {"lanes_reduce", MATMUL, "tile k 32; vector k0", .dims = {"M=3,N=5,K=70", "M=2,N=3,K=0", "M=1,N=2,K=32"}},
    {"register_tile", MATMUL, "tile i 4; tile j 32; order j1 i1 k0 i0 j0; unroll i0 0; vector j0; unroll k0 4",
     .dims = {"M=9,N=70,K=5", "M=8,N=64,K=3", "M=1,N=1,K=0"}},
    {"register_tile_fixed", MATMUL, "tile i 4; tile j 32; order j1 i1 k0 i0 j0; unroll i0 0; vector j0", .fixed = true,
     .dims = {"M=10,N=48,K=5"}},
    {"threads", MATMUL,
     "tile i 16; tile j 16; tile k 8; order i1 j1 k1 k0; lanes j0 4; piece j0 2; threads i0 8; pack A k1; pack B k1; "
     "parallel i1; parallel j1",
     .blocks = true, .dims = {"M=17,N=20,K=19", "M=16,N=16,K=8", "M=2,N=3,K=0"}},
    {"threads_grid", MATMUL,
     "tile i 4; tile j 16; order i1 j1 k0; lanes j0 8; piece j0 2; threads i0 4; parallel i1; parallel j1; "
     "raster i1 3; persist i1 5",
     .blocks = true, .dims = {"M=17,N=70,K=3", "M=2,N=3,K=0"}},
    {"threads_stages", MATMUL,
     "tile i 16; tile j 16; tile k 8; order i1 j1 k1 k0; lanes j0 4; piece j0 2; threads i0 8; pack A k1; pack B k1; "
     "stage A smem 3; stage B smem 3; parallel i1; parallel j1",
     .blocks = true, .dims = {"M=19,N=21,K=30", "M=1,N=1,K=0"}},
    {"wgmma", HALVES,
     "tile i 64; tile j 64; tile k 16; tile k 64; order i1 j1 k2 k1 k0; lanes j0 4; piece j0 2; threads i0 8; warps i0 "
     "4; pack A k2; pack B k2; "
     "tensorize wgmma k0; parallel i1; parallel j1",
     .blocks = true, .dims = {"M=17,N=20,K=19", "M=64,N=64,K=64", "M=2,N=3,K=0"}},
    {"wgmma_fp8",
     "kernel f(A: e4m3[M, K], B: e5m2[K, N], s: f32) -> C: e4m3[M, N] {\n  T[i, j] = sum(k) f32(A[i, k]) * f32(B[k, "
     "j])\n"
     "  C[i, j] = e4m3(T[i, j] * s)\n}",
     "tile i 64; tile j 72; tile k 32; tile k 128; order i1 j1 k2 k1 k0; lanes j0 4; piece j0 2; threads i0 8; warps "
     "i0 "
     "4; pack A k2; pack B k2; stage A smem 2 tma swizzle128; "
     "tensorize wgmma k0; parallel i1; parallel j1",
     .blocks = true, .dims = {"M=17,N=20,K=140", "M=2,N=3,K=0"}},
    {"wgmma_tma", HALVES,
     "tile i 64; tile j 128; tile k 16; tile k 64; order i1 j1 k2 k1 k0; lanes j0 4; piece j0 2; threads i0 8; warps "
     "i0 4; pack A k2; pack B k2; "
     "stage A smem 2 tma swizzle128; stage B smem 2 tma swizzle128; tensorize wgmma k0; parallel i1; parallel j1",
     .blocks = true, .dims = {"M=17,N=20,K=90", "M=2,N=3,K=0"}},
    {"threads_rows", SOFTMAX,
     "tile i 4; threads i0 4; tile j 16; lanes j0 8; piece j0 2; order i1 j1 i0 j0; parallel i1", .blocks = true,
     .dims = {"I=9,J=70", "I=2,J=1", "I=2,J=0"}},
    {"outer_reduction", MATMUL, "tile i 2; tile j 16; tile k 8; order k1 j1 i1 k0 i0 j0; unroll i0 0; vector j0",
     .dims = {"M=5,N=20,K=19", "M=4,N=16,K=8", "M=2,N=3,K=0"}},
    {"pack", MATMUL,
     "tile i 2; tile j 16; tile k 8; tile j 32; order j2 k1 j1 i1 k0 i0 j0; unroll i0 0; vector j0; pack B k1; copy A "
     "k1",
     .dims = {"M=5,N=50,K=19", "M=4,N=64,K=8", "M=2,N=3,K=0"}},
    {"pack_turned", "kernel f(A: f32[K, M], B: f32[N, K]) -> C: f32[M, N] { C[i, j] = sum(k) A[k, i] * B[j, k] }",
     "tile i 2; tile j 32; order j1 i1 k0 i0 j0; unroll i0 0; vector j0; pack B j1",
     .dims = {"M=5,N=50,K=19", "M=4,N=64,K=32", "M=2,N=3,K=0"}},
    {"pack_lanes", "kernel f(X: f32[N, 2*K]) -> C: f32[N, N] { C[i, j] = sum(k in 0..K) X[i, k] * X[j, k + K] }",
     "tile i 2; tile j 32; order j1 i1 k0 i0 j0; unroll i0 0; vector j0; pack X j1",
     .dims = {"N=5,K=19", "N=64,K=32", "N=3,K=0"}},
    {"epilogue", EPILOGUE, "tile i 2; tile j 16; tile k 8; order k1 j1 i1 k0 i0 j0; unroll i0 0; vector j0",
     .dims = {"M=5,N=20,K=19", "M=4,N=16,K=8", "M=2,N=3,K=0"}},
    {"epilogue_registers", EPILOGUE, "tile i 2; tile j 16; order j1 i1 k0 i0 j0; unroll i0 0; vector j0",
     .dims = {"M=5,N=20,K=19", "M=4,N=16,K=8", "M=2,N=3,K=0"}},
    {"strict", MATMUL, "tile k 8; order k1 i0 j0 k0", .strict = true, .dims = {"M=3,N=5,K=20", "M=2,N=2,K=0"}},
    {"strict_max", "kernel f(X: f32[I, J]) -> Y: f32[I] {\n  M[i] = max(j) X[i, j] * 0\n  Y[i] = 1 / M[i]\n}",
     "tile j 32; vector j0", .strict = true, .dims = {"I=3,J=70", "I=9,J=5", "I=2,J=0"}},
    {"strict_rows", SOFTMAX, "default", .strict = true, .dims = {"I=37,J=70", "I=2,J=1", "I=16,J=64"}},
    {"rows", SOFTMAX, "tile j 32; vector j0", .dims = {"I=3,J=70", "I=2,J=1", "I=2,J=0"}},
    {"stream", ATTENTION(""),
     "tile t 2; tile s 16; tile d_1 16; tile s 32; order s2 t1 d_11 s1 d0 s0 t0 d_10; vector s0; vector d_10; unroll "
     "t0 0; pack K s2",
     .dims = {"T=5,S=70,D=9", "T=4,S=64,D=16", "T=2,S=1,D=1"}},
    {"stream_causal", ATTENTION(" if s <= t"),
     "tile t 2; tile s 16; tile d_1 16; tile t 4; tile s 32; order t2 s2 t1 d_11 s1 d0 s0 t0 d_10; vector s0; vector "
     "d_10; unroll t0 0",
     .dims = {"T=50,S=70,D=9", "T=64,S=64,D=16", "T=2,S=1,D=1"}},
    {"tensorize_steps", ROUNDED(""),
     "tile t 2; tile s 16; tile d_1 16; tile s 32; tile d 2; order s2 t1 d_11 s1 d1 s0 t0 d_10 d0; vector s0; vector "
     "d_10; unroll t0 0; tensorize bf16 d0; tensorize bf16 s0; pack K s2",
     .fast = true, .dims = {"T=5,S=71,D=9", "T=4,S=64,D=16", "T=2,S=1,D=1"}},
    {"tensorize_steps_causal", ROUNDED(" if s <= t"),
     "tile t 2; tile s 16; tile d_1 16; tile t 4; tile s 32; order t2 s2 t1 d_11 s1 d0 s0 t0 d_10; vector s0; vector "
     "d_10; unroll t0 0; tensorize bf16 s0",
     .fast = true, .dims = {"T=50,S=70,D=9", "T=64,S=64,D=16", "T=2,S=1,D=1"}},
    {"lag", "kernel f(x: f32[n]) -> r: f64[m] {\n  for l in 0..m: r[l] = sum(i in l..n) f64(x[i]) * f64(x[i - l])\n}",
     "tile i 16; tile l 4; order l1 i1 l0 i0; vector i0; unroll l0 0",
     .dims = {"n=70,m=9", "n=64,m=4", "n=5,m=5", "n=1,m=1"}},
    {"upper",
     "kernel f(A: f32[48, 48], B: f32[48, N]) -> C: f32[48, N] { C[i, j] = sum(k if k >= i) A[i, k] * B[k, j] }",
     "tile i 2; tile j 16; tile k 16; order i1 j1 k1 k0 i0 j0; vector j0; unroll i0 0", .dims = {"N=20", "N=16"}},
    {"stream_window", ATTENTION(" if s > t - 20, s <= t"),
     "tile t 2; tile s 16; tile d_1 16; tile t 4; tile s 32; order t2 s2 t1 d_11 s1 d0 s0 t0 d_10; vector s0; vector "
     "d_10; unroll t0 0",
     .dims = {"T=50,S=50,D=9", "T=96,S=96,D=16", "T=2,S=2,D=1"}},
    {"tensorize", BYTES,
     "tile i 2; tile j 16; tile k 4; tile k 8; order j1 k2 i1 k1 i0 j0 k0; unroll i0 0; vector j0; tensorize vnni k0; "
     "pack B k2; copy A k2",
     .dims = {"M=5,N=20,K=19", "M=4,N=16,K=8", "M=1,N=3,K=1", "M=2,N=1,K=0"}},
    {"tensorize_in_place", HALVES,
     "tile i 2; tile j 16; tile k 2; order j1 i1 k1 i0 j0 k0; unroll i0 0; vector j0; tensorize bf16 k0",
     .dims = {"M=5,N=20,K=19", "M=4,N=16,K=8", "M=1,N=3,K=1", "M=2,N=1,K=0"}},
    {"tiles", BYTES,
     "tile i 32; tile j 32; tile k 4; order j1 i1 k1 i0 j0 k0; vector j0; tensorize amx k0; pack B j1; copy A i1",
     .dims = {"M=5,N=20,K=19", "M=40,N=70,K=80", "M=1,N=3,K=1", "M=2,N=1,K=0"}},
    {"tiles_blocked", HALVES,
     "tile i 32; tile j 32; tile k 2; tile k 64; order k2 j1 i1 i0 k1 j0 k0; vector j0; tensorize amx k0; pack B j1; "
     "copy A k2",
     .dims = {"M=5,N=20,K=19", "M=40,N=70,K=80", "M=1,N=3,K=1", "M=2,N=1,K=0"}},
    {"tiles_turned",
     "kernel f(A: bf16[K, M], B: bf16[N, K], b: f32[N]) -> C: bf16[M, N] {\n  T[i, j] = sum(k) f32(A[k, i]) * f32(B[j, "
     "k])\n"
     "  C[i, j] = bf16(max(T[i, j] + b[j], 0))\n}",
     "tile i 16; tile j 16; tile k 2; order j1 i1 i0 k1 j0 k0; vector j0; tensorize amx k0; pack B j1; pack A i1",
     .dims = {"M=5,N=20,K=19", "M=40,N=70,K=80", "M=1,N=3,K=1", "M=2,N=1,K=0"}},
    {"tiles_added",
     "kernel f(A: u8[M, K], B: u8[K, N], D: i32[M, N]) -> C: i32[M, N] { C[i, j] = sum(k) i32(A[i, k]) * i32(B[k, j]) "
     "from D[i, j] }",
     "tile i 16; tile j 64; tile k 4; order j1 i1 i0 k1 j0 k0; vector j0; tensorize amx k0; pack B j1; copy A i1",
     .fixed = true, .dims = {"M=5,N=64,K=70"}},
    {"pack_wide", HALVES,
     "tile i 2; tile j 16; tile i 4; order i2 j1 i1 k0 i0 j0; vector j0; unroll i0 0; pack B j1; copy A i2",
     .dims = {"M=5,N=20,K=19", "M=4,N=16,K=8", "M=1,N=3,K=1", "M=2,N=1,K=0"}},
    {"guards",
     "kernel f(X: f32[H, W], F: f32[3, 3]) -> Y: f32[H, W] {\n"
     "  for y in 0..H, x in 0..W: Y[y, x] = sum(r, s if y + r - 1 >= 0, H - y - r >= 0, x + s - 1 >= 0, W - x - s >= "
     "0) X[y + r - 1, x + s - 1] * F[r, s]\n}",
     "tile x 16; order y0 x1 r0 s0 x0; vector x0", .dims = {"H=4,W=40", "H=1,W=1", "H=2,W=16"}},
    {"peel_window",
     "kernel f(X: f32[H, W], F: f32[3, 3]) -> Y: f32[H, W] {\n"
     "  for y in 0..H, x in 0..W: Y[y, x] = sum(r, s if y + r - 1 >= 0, H - y - r >= 0, x + s - 1 >= 0, W - x - s >= "
     "0) X[y + r - 1, x + s - 1] * F[r, s]\n}",
     "tile x 4; order y0 x1 r0 s0 x0; unroll x0 0; peel x1 1; peel s0 0", .fixed = true, .dims = {"H=3,W=18"}},
    {"default_product", "kernel f(A: f32[M, K], B: f32[N, K]) -> C: f32[M, N] { C[i, j] = sum(k) A[i, k] * B[j, k] }",
     "default", .fixed = true, .dims = {"M=50,N=72,K=40"}},
    {"default_complex",
     "kernel f(p: f64[M, K], q: f64[M, K], x: f64[K, N], y: f64[K, N]) -> r: f64[M, N], s: f64[M, N] {\n"
     "  r[i, j] = sum(k) p[i, k] * x[k, j] - q[i, k] * y[k, j]\n"
     "  s[i, j] = sum(k) p[i, k] * y[k, j] + q[i, k] * x[k, j]\n}",
     "default", .fixed = true, .dims = {"M=13,N=40,K=9"}},
    {"default_planes",
     "kernel f(A: f64[54, 54, 54]) -> B: f64[52, 52, 52] { for i in 0..52, j in 0..52, k in 0..52: B[i, j, k] = A[i, j "
     "+ 1, k + 1] + A[i + 2, j + 1, k + 1] + "
     "A[i + 1, j, k + 1] + A[i + 1, j + 2, k + 1] + A[i + 1, j + 1, k] + A[i + 1, j + 1, k + 2] }",
     "default", .dims = {""}},
    {"default_two_sums", TWO_SUMS, "default", .fixed = true, .dims = {"M=20,N=40,K=19,L=7"}},
    {"default_two_sums_row", TWO_SUMS, "default", .fixed = true, .dims = {"M=1,N=9,K=70,L=37"}},
    {"default_two_sums_narrow", TWO_SUMS, "default", .fixed = true, .dims = {"M=3,N=70,K=140,L=37"}},
    {"default_narrow", MATMUL, "default", .fixed = true, .dims = {"M=71,N=5,K=300"}},
    {"default_little",
     "kernel f(a: f32[N, 9], b: f32[N, 3, 3]) -> c: f32[N, 3, 3] { c[m, i, j] = sum(k in 0..3) a[m, 3*i + k] * b[m, k, "
     "j] }",
     "default", .dims = {"N=5", "N=1", "N=0"}},
    {"default_taps_together",
     "kernel f(x: f32[H, W], y: f32[H, W]) -> z: f32[H, W] {\n"
     "  for i in 1..H - 1, j in 1..W - 1: a[i, j] = sum(r in 0..3, s in 0..3) x[i + r - 1, j + s - 1] * y[i + r - 1, j "
     "+ s - 1]\n"
     "  for i in 1..H - 1, j in 1..W - 1: b[i, j] = sum(r in 0..3, s in 0..3) y[i + r - 1, j + s - 1] * y[i + r - 1, j "
     "+ s - 1]\n"
     "  for i in 1..H - 1, j in 1..W - 1: z[i, j] = a[i, j] / b[i, j]\n}",
     "default", .fixed = true, .dims = {"H=9,W=40"}},
    {"default_few_rows",
     "kernel f(A: f32[M, K], B: f32[K, N]) -> C: f32[M, N] { assume 20 - M >= 0\n  C[i, j] = sum(k) A[i, k] * B[k, j] "
     "}",
     "default", .dims = {"M=3,N=64,K=9", "M=8,N=70,K=3", "M=12,N=128,K=1", "M=1,N=1,K=0"}},
    {"default_pairs",
     "kernel f(p: f32[N, 2], q: f32[N]) -> o: f32[N, 2] {\n  for i in 0..N, j in 0..N: d[i, j] = rsqrt((p[i, 0] - p[j, "
     "0]) * (p[i, 0] - p[j, 0]) + q[j])\n"
     "  o[i, 0] = sum(j) d[i, j] * p[j, 0]\n  o[i, 1] = sum(j) d[i, j] * q[j]\n}",
     "default", .fixed = true, .dims = {"N=40", "N=7"}},
    {"default_pixels", "kernel f(x: u8[N, 3], m: f32[3]) -> y: f32[3, N] { y[c, i] = f32(x[i, c]) - m[c] }", "default",
     .fixed = true, .dims = {"N=50"}},
    {"default_decode", ATTENTION(""), "default", .fixed = true, .dims = {"T=1,S=600,D=40"}},
    {"default_attention", ATTENTION(""), "default", .fixed = true, .dims = {"T=13,S=100,D=40"}},
    {"default_window", CONV2D, "default", .fixed = true, .dims = {"H=9,W=33,C=3,F=32,P=5,Q=17"}},
    {"default_window_turned",
     "kernel f(x: f32[C, H, W], w: f32[F, C, 3, 3]) -> y: f32[F, P, Q] {\n"
     "  for f in 0..F, p in 0..P, q in 0..Q: y[f, p, q] = sum(c in 0..C, r in 0..3, s in 0..3 if p + r - 1 >= 0, H - p "
     "- r >= 0, q + s - 1 >= 0, W - q - s >= 0) "
     "x[c, p + r - 1, q + s - 1] * w[f, c, r, s]\n}",
     "default", .fixed = true, .dims = {"H=6,W=9,C=20,F=40,P=6,Q=9"}},
    {"guard_hoisted",
     "kernel f(x: f32[H, W], w: f32[3, 3]) -> y: f32[H, W] {\n"
     "  for p in 0..H, q in 0..W: y[p, q] = sum(r in 0..3, s in 0..3 if p + 2*r - 2 >= 0, H - p - 2*r + 1 >= 0, q + "
     "2*s - 2 >= 0, W - q - 2*s + 1 >= 0) "
     "x[p + 2*r - 2, q + 2*s - 2] * w[r, s]\n}",
     "tile q 4; order p0 q1 r0 s0 q0; unroll q0 0", .dims = {"H=6,W=9", "H=1,W=2", "H=5,W=4"}},
    {"default_taps",
     "kernel f(x: f32[H, W, C], w: f32[3, 3, C]) -> y: f32[H, W, C] {\n"
     "  for i in 0..H, j in 0..W, c in 0..C: y[i, j, c] = sum(r in 0..3, s in 0..3 if i + r - 1 >= 0, H - i - r >= 0, "
     "j + s - 1 >= 0, W - j - s >= 0) "
     "x[i + r - 1, j + s - 1, c] * w[r, s, c]\n}",
     "default", .fixed = true, .dims = {"H=5,W=16,C=24"}},
    {"default_stencil",
     "kernel f(A: f32[N, N]) -> B: f32[N, N] { for i in 1..N - 1, j in 1..N - 1: B[i, j] = A[i, j] + A[i - 1, j] + A[i "
     "+ 1, j] + A[i, j - 1] + A[i, j + 1] }",
     "default", .dims = {"N=40", "N=3", "N=2"}},
    {"window_scaled",
     "kernel f(x: f32[W], w: f32[3], t: f32[T]) -> y: f32[Q] { for q in 0..Q: y[q] = sum(s if q*T + s - 1 >= 0, W - "
     "q*T - s >= 0) x[q*T + s - 1] * w[s] }",
     "tile q 4; order q1 s0 q0; unroll q0 0",
     .dims = {"W=33,T=2,Q=17", "W=12,T=1,Q=12", "W=3,T=5,Q=1", "W=9,T=-1,Q=5"}},
    {"compute", CHAIN, "tile y_1 4; tile x 16; order y_11 x1 y_10 x0; unroll y_10 0; vector x0; compute T x1",
     .dims = {"H=11,W=40", "H=3,W=3", "H=2,W=5", "H=6,W=18"}},
    {"compute_rows", CHAIN, "order y_10 x0; compute T y_10", .fixed = true, .dims = {"H=5,W=9"}},
    {"peel_reduction", EPILOGUE,
     "tile i 2; tile j 16; tile k 8; order k1 j1 i1 k0 i0 j0; unroll i0 0; vector j0; peel k1 1; pack B k1",
     .fixed = true, .dims = {"M=5,N=20,K=30"}},
    {"triangle_rows",
     "kernel f(A: f32[N, K], B: f32[K, N], inout C: f32[N, N]) { for i, j in 0..i + 1: C[i, j] = sum(k) A[i, k] * B[k, "
     "j] }",
     "tile i 2; tile j 16; order j1 i1 k0 i0 j0; vector j0; unroll i0 0", .dims = {"N=37,K=3", "N=16,K=5", "N=1,K=0"}},
    {"triangle", "kernel f(L: f32[N, N], x: f32[N]) -> y: f32[N] { y[i] = sum(j in 0..i + 1) L[i, j] * x[j] }",
     "tile j 16; vector j0", .dims = {"N=40", "N=1", "N=0"}},
    {"both_sides",
     "kernel f(A: f32[N, N]) -> B: f32[N, N] { B[i, j] = select(i - j >= 0i64, A[i, j] if i - j >= 0 else 0.0, A[j, i] "
     "if j - i - 1 >= 0 else 0.0) }",
     "tile i 4; tile j 16; order i1 j1 i0 j0; unroll i0 0; vector j0", .dims = {"N=70", "N=16", "N=5"}},
    {"told_inside",
     "kernel f(A: f32[N]) -> B: f32[N] { B[i] = select(i > 0i64 & i < N - 1i64, (A[i - 1] if i - 1 >= 0, N - i - 2 >= "
     "0 "
     "else 0.0) + (A[i + 1] if i - 1 >= 0, N - i - 2 >= 0 else 0.0), 7.0) }",
     "tile i 16; vector i0", .dims = {"N=70", "N=17", "N=1"}},
    {"shift", "kernel f(inout A: f32[N]) { for i in 0..N - 1: A[i] = A[i + 1] * 2 }", "tile i 16; vector i0",
     .dims = {"N=40", "N=1", "N=2"}},
    {"argmin", "kernel f(X: f32[I, K]) -> L: i32[I] { L[i] = argmin(k) X[i, k] }",
     "tile i 16; tile k 4; order k1 i1 k0 i0; vector i0", .dims = {"I=20,K=9", "I=3,K=0", "I=1,K=1"}},
    {"argmax_lanes", "kernel f(X: i32[I, 40]) -> L: i32[I] { L[i] = argmax(k) X[i, k] }", "tile k 32; vector k0",
     .dims = {"I=20", "I=1"}},
    {"half", "kernel f(A: bf16[M, K], x: f32[K]) -> y: bf16[M] { y[i] := sum(k) f32(A[i, k]) * x[k] }",
     "tile k 32; tile i 2; order i1 k1 i0 k0; vector k0; unroll i0 0", .dims = {"M=5,K=70", "M=2,K=0"}},
    {"parallel", SOFTMAX, "tile j 32; vector j0; parallel i0", .dims = {"I=3,J=70", "I=2,J=0"}},
    {"prefetch_next", MATMUL,
     "tile i 2; tile j 16; order j1 i1 k0 i0 j0; unroll i0 0; vector j0; pack B j1; prefetch B j1; prefetch A k0",
     .dims = {"M=5,N=20,K=3", "M=4,N=32,K=5", "M=2,N=3,K=0"}},
    {"parallel_shared_pack", MATMUL,
     "tile i 4; tile j 16; tile k 8; order k1 i1 j1 k0 i0 j0; vector j0; unroll i0 0; pack B k1; copy A i1; parallel "
     "i1",
     .dims = {"M=9,N=20,K=17", "M=2,N=2,K=0"}},
    {"parallel_joined", MATMUL,
     "tile i 4; tile j 16; order i1 j1 k0 i0 j0; vector j0; unroll i0 0; parallel i1; parallel j1",
     .dims = {"M=9,N=20,K=17", "M=0,N=2,K=3"}},
    {"parallel_maps", SOFTMAX, "tile j 32; order j1 i0 j0; vector j0; parallel j1", .dims = {"I=3,J=70", "I=2,J=0"}},
    {"parallel_peel",
     "kernel f(X: f32[H, W]) -> Y: f32[H, W] { for y in 0..H, x in 0..W: Y[y, x] = sum(r in 0..3 if y + r - 1 >= 0, H "
     "- y - r >= 0) X[y + r - 1, x] }",
     "peel y0 1; parallel y0", .fixed = true, .dims = {"H=9,W=5"}},
    {"split", MATMUL,
     "split k 3; tile k 4; tile j 16; order k_part0 i0 j1 k1 k0 j0; vector j0; pack B k1; parallel k_part0",
     .fixed = true, .dims = {"M=3,N=20,K=25"}},
    {"split_columns",
     "kernel f(A: f32[M, N], x: f32[N]) -> y: f32[N] {\n t[i] = sum(j) A[i, j] * x[j]\n y[j] = sum(i) A[i, j] * "
     "t[i]\n}",
     "split i 3; tile j 16; order i_part0 i0 j1 j0; vector j0; parallel i_part0", .fixed = true, .dims = {"M=12,N=20"}},
    {"split_stream", ATTENTION(""), "split s 2; tile s 16; order s_part0 t0 s1 d0 s0 d_10; vector s0; parallel s_part0",
     .fixed = true, .dims = {"T=2,S=40,D=9"}},
    {"default_split", "kernel f(x: f32[N], y: f32[N]) -> s: f32[1] { s[i] = sum(k) x[k] * y[k] }", "default",
     .fixed = true, .dims = {"N=200000"}},
    {"prefetch", MATMUL, "tile i 2; tile j 16; order j1 i1 k0 i0 j0; unroll i0 0; vector j0; prefetch C i1; stream C",
     .dims = {"M=5,N=20,K=3"}},
};

static const char *folder;

static char *slurp(struct lab *b, const char *path) {
  size_t n;
  char *s = lab_file(b, path, &n);
  if (s) s[n] = 0;
  return s;
}

static void check_text(struct lab *b, const struct tcase *t, const char *text) {
  char *path = arena_printf(b->a, "%s/%s.txt", folder, t->name);
  if (getenv("HONE_BLESS")) {
    FILE *f = fopen(path, "w");
    ck_assert_msg(f != NULL, "%s cannot be written", path);
    fputs(text, f);
    fclose(f);
  }
  char *want = slurp(b, path);
  ck_assert_msg(want != NULL, "%s is missing: run with HONE_BLESS=1 and read what it says", path);
  ck_assert_msg(!strcmp(want, text), "%s differs; now it is\n%s", path, text);
}

static struct groups *prepare(struct lab *b, const struct tcase *t, struct kernel **k, struct sched *s) {
  *k = lab_kernel(b, t->kernel, strlen(t->kernel));
  ck_assert_msg(*k != NULL, "%s", lab_messages(b));
  struct groups *gs = lab_groups(b, t->fixed ? lab_fixed(b, *k, t->dims[0]) : *k, true);
  ck_assert_msg(gs && gs->n == 1, "%s", lab_messages(b));
  ck_assert_msg(lab_sched(b, gs, 0, t->sched, s), "%s", lab_messages(b));
  return gs;
}

START_TEST(golden) {
  const struct tcase *t = &cases[_i];
  struct lab b;
  struct kernel *k;
  struct sched s;
  struct lfunc *f;
  const char *why = NULL;
  lab_open(&b, 64);
  b.lim.simt = t->blocks;
  b.o = (struct lower_opts){.strict = t->strict, .tf32 = t->fast, .fast = t->fast, .threads = 2};
  struct groups *gs = prepare(&b, t, &k, &s);
  ck_assert_msg(lower_kernel(b.a, gs, &s, &b.lim, &b.o, "f", &f, &why) == ST_OK, "%s", why);
  struct buf out;
  buf_init(&out);
  buf_printf(&out, "# %s\n", t->sched);
  lfunc_print(&out, f);
  check_text(&b, t, out.data);
  buf_free(&out);
  lab_close(&b);
}
END_TEST

START_TEST(results) {
  const struct tcase *t = &cases[_i];
  static const unsigned bytes[] = {16, 32, 64};
  for (unsigned v = 0; v < 3; v++)
    for (unsigned d = 0; d < 4 && t->dims[d]; d++) {
      struct lab b;
      struct kernel *k;
      struct sched s;
      bool skipped;
      lab_open(&b, bytes[v]);
      b.lim.simt = t->blocks;
      b.o = (struct lower_opts){.strict = t->strict, .tf32 = t->fast, .fast = t->fast, .threads = 2};
      struct groups *gs = prepare(&b, t, &k, &s);
      const char *bad = lab_check(&b, k, gs, &s, t->dims[d], 7 + d, &skipped);
      ck_assert_msg(!bad, "%s at %s, vectors of %u bytes: %s", t->name, t->dims[d], bytes[v], bad);
      ck_assert_msg(!skipped, "%s at %s was not run", t->name, t->dims[d]);
      lab_close(&b);
    }
}
END_TEST

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  folder = argv[1];
  Suite *s = suite_create("lower");
  TCase *g = tcase_create("golden"), *r = tcase_create("results");
  tcase_add_loop_test(g, golden, 0, sizeof cases / sizeof *cases);
  tcase_add_loop_test(r, results, 0, sizeof cases / sizeof *cases);
  suite_add_tcase(s, g);
  suite_add_tcase(s, r);
  return suite_run(s, true);
}
