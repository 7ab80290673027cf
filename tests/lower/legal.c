/* What is refused, and what is said: the reason names the step and the rule. The same answer comes from legal_sched,
   from legal_step for the last step, and from lower_kernel. */
#include "tests/lower/lower_common.h"
#include "tests/suite.h"
#include <stdlib.h>
#include <string.h>

#define DOTS "kernel f(X: f32[3, 64], y: f32[64]) -> z: f32[3] { z[i] = sum(k) X[i, k] * y[k] }"
#define BOTH_WAYS                                                                                                      \
  "kernel f(A: f32[12, 9], x: f32[9]) -> y: f32[9] {\n t[i] = sum(j) A[i, j] * x[j]\n y[j] = sum(i) A[i, j] * t[i]\n}"
#define BOTH_WAYS_ODD                                                                                                  \
  "kernel f(A: f32[13, 9], x: f32[9]) -> y: f32[9] {\n t[i] = sum(j) A[i, j] * x[j]\n y[j] = sum(i) A[i, j] * t[i]\n}"
#define TRIANGLE "kernel f(L: f32[64, 64]) -> z: f32[1] { z[k] = sum(i in 0..64, j in 0..i + 1) L[i, j] }"
#define SOFTEST                                                                                                        \
  "kernel f(X: f32[33, 4]) -> L: f32[33] {\n M[i] = max(j) X[i, j]\n Z[i] = sum(j) exp(2 * (X[i, j] - M[i]))\n L[i] "  \
  "= M[i] + log(Z[i])\n}"
#define MATMUL "kernel f(A: f32[M, K], B: f32[K, N]) -> C: f32[M, N] { C[i, j] = sum(k) A[i, k] * B[k, j] }"
#define SUMS   "kernel f(X: f32[I, J, K]) -> L: f32[I] { L[i] = sum(j, k) X[i, j, k] }"
#define TILES  "tile i 32; tile j 32; tile k 4; order j1 i1 k1 i0 j0 k0; vector j0; "
#define BYTES  "kernel f(A: u8[M, K], B: i8[K, N]) -> C: i32[M, N] { C[i, j] = sum(k) i32(A[i, k]) * i32(B[k, j]) }"
#define HALVES "kernel f(A: bf16[M, K], B: bf16[K, N]) -> C: f32[M, N] { C[i, j] = sum(k) f32(A[i, k]) * f32(B[k, j]) }"
#define CONV                                                                                                           \
  "kernel f(X: f32[N], F: f32[3]) -> Y: f32[P] { for p in 0..P: Y[p] = sum(r in 0..3) X[p + r] * X[p] * F[r] }"
#define HUGE_B                                                                                                         \
  "kernel f(A: f32[8, 100000], B: f32[100000, 100000]) -> C: f32[8, 100000] { C[i, j] = sum(k) A[i, k] * B[k, j] }"
#define CHAIN                                                                                                          \
  "kernel f(X: f32[H, W]) -> Y: f32[H, W] {\n  for y in 0..H, x in 1..W - 1: T[y, x] = X[y, x - 1] + 2 * X[y, x] + "   \
  "X[y, x + 1]\n"                                                                                                      \
  "  for y in 1..H - 1, x in 1..W - 1: Y[y, x] = T[y - 1, x] + 2 * T[y, x] + T[y + 1, x]\n}"
#define STREAM                                                                                                         \
  "kernel f(X: f32[I, J], V: f32[J]) -> Y: f32[I] { M[i] = max(j) X[i, j]\n Y[i] = sum(j) exp(X[i, j] - M[i]) * V[j] " \
  "}"

enum how { STRICT = 1, BLOCKS, BLOCKS_OLD /* without instructions of 8-bit floats */ };
#define STAGED                                                                                                         \
  "tile i 16; tile j 16; tile k 8; order i1 j1 k1 k0; lanes j0 4; piece j0 2; threads i0 8; pack A k1; pack B k1; "
#define BIG_TILES                                                                                                      \
  "tile i 64; tile j 16; tile k 64; order i1 j1 k1 k0; lanes j0 4; piece j0 2; threads i0 8; pack A k1; "
/* Of a warp group: rows of the tile, warps of these, depth of what is packed. */
#define GROUP(rows, warps, depth)                                                                                      \
  "tile i " rows "; tile j 64; tile k 16; tile k " depth                                                               \
  "; order i1 j1 k2 k1 k0; lanes j0 4; piece j0 2; threads i0 8; warps i0 " warps                                      \
  "; pack A k2; pack B k2; tensorize wgmma k0"
#define EIGHTS   "kernel f(A: e4m3[M, K], B: e5m2[N, K]) -> C: f32[M, N] { C[i, j] = sum(k) f32(A[i, k]) * f32(B[j, k]) }"
#define MIXED    "kernel f(A: bf16[M, K], B: e4m3[N, K]) -> C: f32[M, N] { C[i, j] = sum(k) f32(A[i, k]) * f32(B[j, k]) }"
#define FP8_TILE "tile k 32; tile j 16; lanes j0 4; piece j0 2; tile i 16; threads i0 8; pack A k1; pack B k1; "
#define NO_GROUP                                                                                                       \
  "tensorize wgmma k0: no product of its types with 16 rows on each of four warps (lanes 4, piece 2, threads 8) and "  \
  "both operands packed, 128 bytes deep"

static const struct {
  const char *kernel, *sched, *why;
  int how; /* enum how, or true: strict */
} refused[] = {
    {MATMUL, "tile i 8; tile i 12", "tile i 12: not a larger multiple of the tile inside", false},
    {MATMUL, "tile i 8; tile i 8", "tile i 8: not a larger multiple of the tile inside", false},
    {MATMUL, "tile i 2; tile i 4; tile i 8; tile i 16", "tile i: too many levels", false},
    {MATMUL, "order i0 i0", "order: i0 is named twice", false},
    {MATMUL, "tile i 4; order i0 i1", "order: i0 stands outside i1", false},
    {MATMUL, "vector j0", "vector j0: not the innermost level of a tiled axis", false},
    {MATMUL, "tile j 16; vector j1", "vector j1: not the innermost level of a tiled axis", false},
    {MATMUL, "tile j 24; vector j0", "vector j0: the tile of 24 is not a multiple of the 16 lanes", false},
    {MATMUL, "tile j 1; vector j0", "vector j0: the tile of 1 is not a multiple of the 16 lanes", false},
    {MATMUL, "tile j 16; vector j0; unroll j0 0", "unroll j0: the loop is unrolled or a vector already", false},
    {MATMUL, "tile j 16; vector j0; unroll j0 4", "unroll j0: all that walk it have it on their lanes", false},
    {MATMUL, "unroll i0 0", "unroll i0 0: not an innermost level with a constant extent of at most 64", false},
    {MATMUL, "tile i 4; unroll i1 0", "unroll i1 0: not an innermost level with a constant extent of at most 64",
     false},
    {MATMUL, "tile i 18; unroll i0 0; tile j 64; vector j0", "unroll: more than 64 accumulators", false},
    {MATMUL, "tile k 32; unroll k0 0; tile i 32; unroll i0 0", "unroll: more than 512 statements", false},
    {MATMUL, "parallel k0", "parallel k0: a reduction", false},
    {MATMUL, "order k0; parallel i0", NULL, false},
    {MATMUL, "order k0; parallel k0", "parallel k0: a reduction", false},
    {MATMUL, "parallel j0", NULL, false},
    {MATMUL, "parallel j0; unroll j0 2", "parallel j0: the loop is unrolled or a vector", false},
    {MATMUL, "pack C i0", "pack: the group writes the tensor", false},
    {MATMUL, "pack A i0; copy A i0", "pack: the tensor is packed already", false},
    {MATMUL, "stream A", "stream: the group does not write the tensor", false},
    {MATMUL, "stream C; stream C", "stream: the tensor is named twice", false},
    {"kernel f(X: f32[I]) -> Y: f32[I], Z: f32[I] { Y[i] = X[i] * 2\n Z[i] = Y[i] + 1 }", "stream Y",
     "stream: the group reads the tensor again", false},
    {HUGE_B, "tile k 32; pack B i0", "pack B i0: the buffer would be larger than 1 GiB", false},
    {CONV, "pack X p0", "pack X p0: it is read with different or computed subscripts", false},
    {MATMUL, "prefetch A j0", "prefetch A j0: the next iteration reads the same", false},
    {MATMUL, "tile j 16; vector j0; prefetch B j0", "prefetch B j0: the loop is unrolled or a vector", false},
    {MATMUL, "tile j 16; prefetch B j1; prefetch C i0", NULL, false},
    {CHAIN, "compute T y_10", NULL, false},
    {CHAIN, "compute T y_10; compute T x0", "compute T x0: not one element-wise equation over all of its indices",
     false},
    {CHAIN, "tile x 16; vector x0; compute T x0", "compute T x0: the loop is unrolled, a vector or that of a stream",
     false},
    {CHAIN, "compute T y0", "compute T y0: read outside of the loop", false},
    {STREAM, "compute M i0", "compute M i0: not one element-wise equation over all of its indices", false},
    {MATMUL, "peel i0 1", "peel i0: the extent is not constant", false},
    {MATMUL, "tile i 8; peel i0 9", "peel i0: the count is not 0 to 8", false},
    {MATMUL, "tile i 8; peel i0 1; peel i0 2", "peel i0: the loop is peeled already", false},
    {MATMUL, "tile i 8; unroll i0 0; peel i0 1", "peel i0: the loop is unrolled or a vector", false},
    {MATMUL, "tile i 8; peel i0 1; parallel i0", NULL, false},
    {MATMUL, "split k 4", "split: the extent is not constant", false},
    {DOTS, "split k 4", NULL, false},
    {DOTS, "split k 4; parallel k_part0", NULL, false},
    {DOTS, "split k 4; parallel k0", "parallel k0: a reduction", false},
    {DOTS, "split k 4; split k 2", "split: more than one", false},
    {DOTS, "split k 40", "split: less than two parts, or parts of less than two iterations", false},
    {DOTS, "split k 4", "split: with strict arithmetic sums keep their order", true},
    {DOTS, "split i 4", "split: nothing is summed over this axis", false},
    {BOTH_WAYS, "split i 3", NULL, false},
    {BOTH_WAYS, "split i 5", NULL, false}, /* four parts of 3 */
    {BOTH_WAYS_ODD, "split i 3", "split: the parts are not equal, and a result of others walks this axis", false},
    {"kernel f(X: f32[64]) -> L: i32[1] { L[i] = argmin(k) X[k] }", "split k 4",
     "split: argmin and argmax have no partial results", false},
    {TRIANGLE, "split i 4", "split: bounds of another axis follow this one, or members have different ones", false},
    {SOFTEST, "tile j 2; unroll i0 0; order i0 j1 j0",
     "tile j: the running form needs all its members together at loop i0", false},
    {MATMUL, "tile i 32; peel i0 0", "peel i0: more than 16 bodies, or 64 in all", false},
    {CONV, "tile p 8; tile p 128; peel p1 0; peel r0 0; peel p0 0", "peel p0: more than 16 bodies, or 64 in all",
     false},
    {CONV, "tile p 8; peel r0 1", NULL, false},
    {SUMS, "order k0 j0", "order: --fp strict needs the reduction loops in the order of the equation", true},
    {MATMUL, "tile k 4; tile j 4; order k1 j1; vector k0; unroll j0 0", NULL, false},
    {MATMUL, "tile k 16; vector k0", NULL, true},
    {MATMUL, "tile j 16; vector j0; tile k 4; tensorize vnni k0",
     "tensorize vnni k0: no product of its types over the loop with its tile on lanes", false},
    {BYTES, "tile j 16; vector j0; tile k 2; tensorize vnni k0",
     "tensorize vnni k0: no product of its types over the loop with its tile on lanes", false},
    {BYTES, "tile j 16; tile k 4; tensorize vnni k0",
     "tensorize vnni k0: no product of its types over the loop with its tile on lanes", false},
    {BYTES, "tile k 4; tensorize vnni k1", "tensorize vnni k1: not the innermost level of a tiled axis", false},
    {BYTES, "tensorize vnni k0", "tensorize vnni k0: not the innermost level of a tiled axis", false},
    {BYTES, "tile k 4; unroll k0 0; tensorize vnni k0", "tensorize vnni k0: the loop is unrolled or a vector already",
     false},
    {BYTES, "tile j 16; tile k 4; order k1 j1 i0 j0; vector j0; tensorize vnni k0",
     "tensorize vnni k0: the sums are not in registers", false},
    {HALVES, "tile j 16; vector j0; tile k 2; tensorize bf16 k0",
     "tensorize bf16 k0: no product of its types over the loop with its tile on lanes", true},
    {BYTES, TILES "pack B j1; copy A i1; tensorize amx k0", NULL, false},
    {BYTES, TILES "copy A i1; tensorize amx k0", "tensorize amx k0: B is not packed", false},
    {BYTES, TILES "copy B j1; copy A i1; tensorize amx k0", "tensorize amx k0: B is not packed", false},
    {BYTES, TILES "pack B j1; tensorize amx k0", "tensorize amx k0: A ends within a step and is not copied", false},
    {BYTES, TILES "pack B j1; pack A i1; tensorize amx k0",
     "tensorize amx k0: the rows of A as they are packed do not run along the reduction", false},
    {BYTES, TILES "pack B j1; copy A k1; tensorize amx k0", "tensorize amx k0: A is packed inside the tiles", false},
    {BYTES, TILES "pack B j1; copy A i1; prefetch A k1; tensorize amx k0",
     "tensorize amx k0: A is asked for inside the tiles", false},
    {BYTES, TILES "pack B j1; copy A i1; unroll k1 4; tensorize amx k0",
     "tensorize amx k0: loop k1 stands inside the tiles", false},
    {BYTES, TILES "pack B j1; copy A i1; stream C; tensorize amx k0",
     "tensorize amx k0: C, which is streamed, is stored by tiles", false},
    {BYTES,
     "tile i 48; tile j 32; tile k 4; order j1 i1 k1 i0 j0 k0; vector j0; pack B j1; copy A i1; tensorize amx k0",
     "tensorize amx k0: a block of 48 x 32 does not fit the tiles", false},
    {BYTES, "tile j 32; tile k 4; order k1 i0 j1 j0 k0; vector j0; pack B k1; tensorize amx k0",
     "tensorize amx k0: the reduction does not stand inside the block", false},
    {BYTES, "tile j 32; tile k 2; vector j0; pack B j1; tensorize amx k0",
     "tensorize amx k0: the loop is not 4 bytes of each operand long", false},
    {BYTES, "tile j 32; tile k 4; pack B j1; tensorize amx k0", "tensorize amx k0: the columns are not on lanes",
     false},
    {MATMUL, "tile j 32; tile k 4; vector j0; pack B j1; tensorize amx k0",
     "tensorize amx k0: no product of bf16 or of 8 bit integers", false},
    {HALVES, "tile i 16; tile k 2; vector i0; pack A i1; tensorize amx k0",
     "tensorize amx k0: the result's columns do not lie side by side", false},
    {HALVES, "tile j 32; tile k 2; vector j0; pack B j1; tensorize amx k0", "tensorize amx k0: --fp strict", true},
    {"kernel f(A: i8[N, N], B: i8[N, N]) -> C: i32[N, N] { C[i, j] = sum(k if k <= i) i32(A[i, k]) * i32(B[k, j]) }",
     "tile j 32; tile k 4; vector j0; pack B j1; tensorize amx k0", "tensorize amx k0: the sum has conditions", false},
    {"kernel f(A: i8[K, M], B: i8[K, N]) -> C: i32[M, N] { C[i, j] = sum(k) i32(A[k, i]) * i32(B[k, j]) }",
     TILES "pack B j1; copy A i1; tensorize amx k0", "tensorize amx k0: the rows of A do not run along the reduction",
     false},
    {MATMUL, "plain", "plain: there is no C function that all of this comes from", false},
    {MATMUL, "tile j 16; vector j0; plain", "plain: it stands alone", false},
    {MATMUL, "plain", "plain: a GPU runs equations only", BLOCKS},
    {MATMUL, "tile j 16; lanes j0 16", "lanes j0: the target has no blocks of threads", false},
    {MATMUL, "tile j 12; lanes j0 12", "lanes j0: the number is no power of two from 2 to 1024", BLOCKS},
    {MATMUL, "tile j 24; lanes j0 16", "lanes j0: the tile of 24 is not a multiple of 16 threads with pieces of 1",
     BLOCKS},
    {MATMUL, "tile j 32; lanes j0 16; piece j0 4",
     "lanes j0: the tile of 32 is not a multiple of 16 threads with pieces of 4", BLOCKS},
    {MATMUL, "tile j 32; vector j0; piece j0 2", "piece j0: the loop is not on a number of lanes or threads", BLOCKS},
    {MATMUL, "tile j 32; lanes j0 16; piece j0 3", "piece j0: the number is no power of two from 2 to 16", BLOCKS},
    {MATMUL, "tile j 64; lanes j0 64; tile i 32; threads i0 32", "threads: more than 1024 threads in a block", BLOCKS},
    {MATMUL, "tile j 64; lanes j0 8; tile i 64; threads i0 2", "unroll: more than 128 accumulators", BLOCKS},
    {MATMUL, "tile k 4; threads k0 4", NULL, BLOCKS},
    {MATMUL, "tile j 32; warps j0 2", "warps j0: the loop is not on a number of lanes or threads", BLOCKS},
    {MATMUL, "tile j 64; lanes j0 8; warps j0 3", "warps j0: the number is no power of two from 2 to 32", BLOCKS},
    {HALVES, "tile k 16; tile j 16; lanes j0 4; piece j0 2; tile i 16; threads i0 8; tensorize mma k0",
     "tensorize mma k0: no product of its types over the loop with its tile on lanes", BLOCKS},
    {HALVES,
     "tile k 16; tile j 16; lanes j0 4; piece j0 2; tile i 8; threads i0 8; pack A k1; pack B k1; tensorize mma k0",
     "tensorize mma k0: no product of its types over the loop with its tile on lanes", BLOCKS},
    {HALVES,
     "tile k 16; tile j 16; lanes j0 4; piece j0 2; tile i 16; threads i0 8; pack A k1; pack B k1; tensorize mma k0",
     NULL, BLOCKS},
    {EIGHTS, FP8_TILE "tensorize mma k0", NULL, BLOCKS},
    {EIGHTS, FP8_TILE "tensorize mma k0",
     "tensorize mma k0: the target has no such instruction of e4m3 and e5m2 (they are packed as f16)", BLOCKS_OLD},
    {EIGHTS,
     "tile k 16; tile j 16; lanes j0 4; piece j0 2; tile i 16; threads i0 8; pack A k1; pack B k1; tensorize mma k0",
     NULL, BLOCKS_OLD},
    {MIXED,
     "tile i 64; tile j 64; tile k 16; tile k 64; order i1 j1 k2 k1 k0; lanes j0 4; piece j0 2; threads i0 8; warps i0 "
     "4; "
     "pack A k2; pack B k2; tensorize wgmma k0; stage B smem 2 tma swizzle128",
     "stage B tma: it is no box of the tensor, which ends where the sum does", BLOCKS},
    {EIGHTS, FP8_TILE "tensorize vnni k0",
     "tensorize vnni k0: no product of its types over the loop with its tile on lanes", BLOCKS},
    {MATMUL, "tile k 16; pack A k1; stage A smem 2", "stage A: the target has no blocks of threads", false},
    {MATMUL, "tile k 16; stage A smem 2; pack A k1", "stage A: no pack step before it names the operand", BLOCKS},
    {MATMUL, "tile k 16; copy A k1; stage A smem 2", "stage A: no pack step before it names the operand", BLOCKS},
    {MATMUL, "tile k 16; pack A k1; stage A smem 1", "stage A: the number of buffers is not 2 to 8", BLOCKS},
    {MATMUL, "tile k 16; pack A k1; stage A smem 9", "stage A: the number of buffers is not 2 to 8", BLOCKS},
    {MATMUL, "tile k 16; pack A k1; stage A smem 2; stage A smem 2", "stage A: it is staged already", BLOCKS},
    {MATMUL, "tile k 16; pack A k1; stage A smem 2 tma", "stage A tma: wants a tile of a warp group, with swizzle128",
     BLOCKS},
    {MATMUL, "tile k 16; pack A k1; stage A smem 2 swizzle64",
     "stage A: tiles of warp groups have swizzle128, others none", BLOCKS},
    {HALVES, GROUP("64", "4", "64") "; stage A smem 2 swizzle64",
     "stage A: tiles of warp groups have swizzle128, others none", BLOCKS},
    {HALVES, GROUP("64", "4", "64") "; stage A smem 2 tma",
     "stage A tma: wants a tile of a warp group, with swizzle128", BLOCKS},
    {HALVES, GROUP("64", "4", "64") "; stage A smem 2 tma swizzle128", NULL, BLOCKS},
    {"kernel f(A: bf16[M, K], B: bf16[K, N]) -> C: f32[M, N] { C[i, j] = sum(k in 0..K - 1) f32(A[i, k]) * f32(B[k, "
     "j]) }",
     GROUP("64", "4", "64") "; stage A smem 2 tma swizzle128",
     "stage A tma: it is no box of the tensor, which ends where the sum does", BLOCKS},
    {MATMUL, "tile k 16; pack A k1; unroll k1 2; stage A smem 2",
     "stage A: the loop k1 is parallel, unrolled or peeled", BLOCKS},
    {MATMUL, STAGED "stage A smem 3; stage B smem 2", "stage A: not as many buffers as others in loop k1", BLOCKS},
    {MATMUL, STAGED "stage A smem 3; stage B smem 3", NULL, BLOCKS},
    {MATMUL, STAGED "stage B smem 3", NULL, BLOCKS},
    {MATMUL, "parallel i0; persist i0 4", "persist i0: the target has no blocks of threads", false},
    {MATMUL, "parallel i0; parallel j0; raster i0 2", "raster i0: the target has no blocks of threads", false},
    {MATMUL, "parallel i0; parallel j0; raster i0 2; persist i0 4", NULL, BLOCKS},
    {MATMUL, "parallel i0; raster i0 2", "raster i0: no parallel loop stands right inside", BLOCKS},
    {MATMUL, "parallel i0; parallel j0; raster j0 2", "raster j0: no parallel loop stands right inside", BLOCKS},
    {MATMUL, "parallel j0; raster i0 2", "raster i0: the loop is not parallel", BLOCKS},
    {MATMUL, "parallel i0; parallel j0; raster i0 65", "raster i0: the number is not 2 to 64", BLOCKS},
    {MATMUL, "parallel i0; cluster i0 2", "cluster i0: nothing is staged by tensor maps", BLOCKS},
    {HALVES, GROUP("64", "4", "64") "; stage A smem 2 tma swizzle128; parallel i1; cluster i1 3",
     "cluster i1: the number is no power of two", BLOCKS},
    {HALVES, GROUP("64", "4", "64") "; stage A smem 2 tma swizzle128; parallel i1; cluster i1 2",
     "cluster i1: its iterations are not known to be a multiple of 2", BLOCKS},
    {MATMUL, "parallel i0; persist i0 0", "persist i0: the number is not 1 to 32767", BLOCKS},
    {MATMUL, "parallel i0; persist i0 4; persist i0 5", "persist i0: said twice", BLOCKS},
    {MATMUL, "parallel i0; parallel j0; persist j0 4", "persist j0: it is not the outermost loop", BLOCKS},
    {MATMUL, BIG_TILES "stage A smem 2", NULL, BLOCKS},
    {MATMUL, BIG_TILES "stage A smem 4", "stage: 69632 bytes of buffers, the target has 65536 in a block", BLOCKS},
    {HALVES, GROUP("64", "4", "64"), NULL, BLOCKS},
    {HALVES, GROUP("128", "8", "64"), NULL, BLOCKS},
    {HALVES, GROUP("128", "4", "64"), NO_GROUP, BLOCKS},
    {HALVES, GROUP("32", "2", "64"), NO_GROUP, BLOCKS},
    {HALVES, GROUP("64", "4", "32"), NO_GROUP, BLOCKS},
    {STREAM, "tile j 16; order j1 i0 j0", NULL, false},
    {STREAM, "tile j 16; tile i 4; order j1 i1", NULL, false},
};

static struct groups *prepare(struct lab *b, const char *text, const char *sched, struct sched *s) {
  struct kernel *k = lab_kernel(b, text, strlen(text));
  ck_assert_msg(k != NULL, "%s", lab_messages(b));
  struct groups *gs = lab_groups(b, k, true);
  ck_assert_msg(gs && gs->n == 1, "%s", lab_messages(b));
  ck_assert_msg(lab_sched(b, gs, 0, sched, s), "%s", lab_messages(b));
  return gs;
}

START_TEST(refusals) {
  struct lab b;
  struct sched s;
  lab_open(&b, 64);
  b.o.strict = refused[_i].how == STRICT;
  b.lim.simt = refused[_i].how >= BLOCKS;
  b.lim.fp8 = refused[_i].how != BLOCKS_OLD;
  struct groups *gs = prepare(&b, refused[_i].kernel, refused[_i].sched, &s);
  const char *why = legal_sched(b.a, gs, 0, &s, &b.lim, &b.o), *want = refused[_i].why;
  ck_assert_msg(!why == !want && (!why || !strcmp(why, want)), "%s: %s, not %s", refused[_i].sched, why ? why : "legal",
                want ? want : "legal");
  struct step last = s.step[s.nstep - 1];
  struct sched before = s;
  before.nstep--;
  if (want) ck_assert_ptr_nonnull(legal_step(b.a, gs, 0, &before, last, &b.lim, &b.o));
  struct lfunc *f;
  const char *said = NULL;
  enum status st = lower_kernel(b.a, gs, &s, &b.lim, &b.o, "f", &f, &said);
  ck_assert_int_eq(st, want ? ST_INFEASIBLE : ST_OK);
  if (want) ck_assert_msg(strstr(said, want) != NULL, "%s", said);
  lab_close(&b);
}
END_TEST

/* A bound on the code refuses what repeats too much, in both places with the same words; what the equations need as
   they are written is never too much. */
START_TEST(size_bound) {
  static const char *const text[] = {MATMUL, CONV, STREAM};
  static const char large[] = "tile i 8; tile j 64; order i1 j1 k0 i0 j0; vector j0; unroll i0 0; unroll k0 4";
  struct lab b;
  struct sched s, none;
  struct lfunc *f;
  const char *said = "";
  lab_open(&b, 64);
  struct groups *gs = prepare(&b, MATMUL, large, &s);
  double n = lower_size(gs, 0, &s, &b.lim, &b.o);
  ck_assert_msg(n > 150 && n < 600, "%g", n);
  for (unsigned i = 0; i < 2; i++) {
    b.o.max_size = (unsigned)(i ? n - 1 : n + 1);
    const char *why = legal_sched(b.a, gs, 0, &s, &b.lim, &b.o);
    ck_assert(i ? why && strstr(why, "the code would be too large: about ") == why : !why);
    ck_assert_int_eq(lower_kernel(b.a, gs, &s, &b.lim, &b.o, "f", &f, &said), i ? ST_INFEASIBLE : ST_OK);
    ck_assert(!i || strstr(said, why));
  }
  b.o.max_size = 1;
  for (unsigned i = 0; i < sizeof text / sizeof *text; i++) {
    gs = prepare(&b, text[i], "none", &none);
    const char *why = legal_sched(b.a, gs, 0, &none, &b.lim, &b.o);
    ck_assert_msg(!why, "%s", why);
  }
  lab_close(&b);
}
END_TEST

/* A full schedule refuses every step; unknown loops and operands are refused, whatever bytes they are. */
START_TEST(nonsense) {
  struct lab b;
  struct sched s;
  lab_open(&b, 64);
  struct groups *gs = prepare(&b, MATMUL, "none", &s);
  for (unsigned kind = 0; kind < 256; kind += kind < STEP_COUNT ? 1 : 50)
    for (unsigned loop = 0; loop < 256; loop += 3)
      for (int arg = -32768; arg < 32768; arg += 4681) {
        struct step st = {(uint8_t)kind, (uint8_t)loop, (int16_t)arg};
        bool fine = !legal_step(b.a, gs, 0, &s, st, &b.lim, &b.o);
        struct sched one = {1, {st}};
        struct lfunc *f;
        const char *why;
        ck_assert_int_eq(lower_kernel(b.a, gs, &one, &b.lim, &b.o, "f", &f, &why) == ST_OK, fine);
      }
  s.nstep = SCHED_MAX;
  ck_assert_ptr_nonnull(legal_step(b.a, gs, 0, &s, (struct step){STEP_tile, 0, 4}, &b.lim, &b.o));
  lab_close(&b);
}
END_TEST

int main(void) {
  Suite *s = suite_create("legal");
  TCase *t = tcase_create("legal");
  tcase_set_timeout(t, 30);
  tcase_add_test(t, size_bound);
  tcase_add_loop_test(t, refusals, 0, sizeof refused / sizeof *refused);
  tcase_add_test(t, nonsense);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
