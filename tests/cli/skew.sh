#!/bin/sh
# Time tiling in an object: arrays larger than the cache, apart and over one another, few and many steps, beside the C compiler's code.
# usage: skew.sh HONE ROOT CC
set -u
hone=$(realpath "$1") source=$(realpath "$2")/tests/golden/raise/skew.c
shift 2
cc=$*
. "$(dirname "$0")/common.sh"
cat >main.c <<'K'
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define BOTH(result, name, ...) result name(__VA_ARGS__); result name##_cc(__VA_ARGS__)
BOTH(void, jacobi, int T, int N, int M, float *A, float *B);
BOTH(void, relax, int T, int N, float *u);
BOTH(void, seidel, int T, int N, int M, float *A);
BOTH(void, waves, int T, int N, int M, float *e, float *h, const float *in);
BOTH(void, diffuse, int T, int N, int M, float *a, float *b);
BOTH(void, mirrored, int T, int N, float *u, float *v);
enum { ELEMS = 6000000 };
static float *got, *want, in[64];
static int bad;
static void fill(void) {
  for (int i = 0; i < ELEMS; i++) got[i] = want[i] = (float)(i * 2654435761u >> 20) / 4096;
}
static void compare(const char *what, int T, int N) {
  double worst = 0;
  for (int i = 0; i < ELEMS; i++) worst = fmax(worst, fabs((double)got[i] - want[i]) / (1 + fabs(want[i])));
  if (!(worst < 1e-4)) printf("not ok: %s, %d steps of %d rows: off by %g\n", what, T, N, worst), bad = 1;
}
int main(void) {
  static const int steps[] = {0, 1, 2, 13}, rows[] = {3, 1203};
  got = malloc(sizeof *got * ELEMS), want = malloc(sizeof *want * ELEMS);
  for (int i = 0; i < 64; i++) in[i] = (float)i / 7;
  for (int s = 0; s < 4; s++)
    for (int r = 0; r < 2; r++) {
      int T = steps[s], N = rows[r], M = 1501;
      size_t n = (size_t)N * M, near = M + 2;
      fill(), jacobi(T, N, M, got, got + n), jacobi_cc(T, N, M, want, want + n), compare("jacobi", T, N);
      fill(), jacobi(T, N, M, got, got + near), jacobi_cc(T, N, M, want, want + near), compare("jacobi over itself", T, N);
      fill(), diffuse(T, N, M, got, got + n), diffuse_cc(T, N, M, want, want + n), compare("diffuse", T, N);
      fill(), diffuse(T, N, M, got, got + near), diffuse_cc(T, N, M, want, want + near), compare("diffuse over itself", T, N);
      fill(), waves(T, N, M, got, got + n, in), waves_cc(T, N, M, want, want + n, in), compare("waves", T, N);
      fill(), seidel(T, N, M, got), seidel_cc(T, N, M, want), compare("seidel", T, N);
      fill(), relax(T, (int)n, got), relax_cc(T, (int)n, want), compare("relax", T, (int)n);
      fill(), mirrored(T, (int)n, got, got + n), mirrored_cc(T, (int)n, want, want + n), compare("mirrored", T, (int)n);
    }
  return bad;
}
K
"$hone" compile "$source" -o h.o -Wno-not-raised --on-miss quiet || { echo "not ok: hone compile"; exit 1; }
$cc -O2 -Djacobi=jacobi_cc -Drelax=relax_cc -Ddiffuse=diffuse_cc -Dseidel=seidel_cc -Dwaves=waves_cc -Dmirrored=mirrored_cc -c "$source" -o c.o && $cc -O2 main.c h.o c.o -o main -lm || exit 1
./main || exit 1
"$hone" compile "$source" --only jacobi --emit source -Wno-not-raised | grep -q 'apart {' || { echo "not ok: jacobi is not tiled"; exit 1; }
"$hone" compile "$source" --only seidel --emit source -Wno-not-raised | grep -q 'ahead' || { echo "not ok: seidel's steps do not run side by side"; exit 1; }
"$hone" compile "$source" --only seidel --fp strict --emit source -Wno-not-raised | grep -q '/ 5' || { echo "not ok: a strict quotient is a product"; exit 1; }
"$hone" compile "$source" --only diffuse --emit source -Wno-not-raised | grep -q 'apart (' || { echo "not ok: diffuse is not tiled"; exit 1; }
"$hone" compile "$source" --only mirrored --emit source -Wno-not-raised | grep -q 'steps' && { echo "not ok: mirrored is tiled"; exit 1; }
echo "1 passed, 0 failed"
