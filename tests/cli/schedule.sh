#!/bin/sh
# Schedules in the user's own words: compiled, measured, tuned from, and refused with the reason. usage: schedule.sh HONE ROOT CC
set -u
hone=$(realpath "$1") examples=$(realpath "$2")/examples
shift 2
cc=$*
. "$(dirname "$0")/common.sh"
no() { failed=$((failed + 1)); echo "not ok: $*"; cat err 2>/dev/null; }
says() { # what, exit code, text
  if [ "$2" != "$code" ]; then no "$1: exit code $code"
  elif ! grep -qF -- "$3" err; then no "$1: does not say '$3'"
  else ok; fi
}
mm=$examples/matmul/matmul.c
own='tile i 5; tile j 16; order j1 i1 k0 i0 j0; vector j0; unroll i0 0; unroll k0 2; pack B j1'

# of the general form without --dims, of the variants with it
"$hone" compile "$mm" --schedule "$own" --emit loops >out 2>err || no "general form"
if grep -q 'step 5' out && grep -q 'B_pack' out && ! grep -q untuned err; then ok; else no "the general form does not follow"; fi
"$hone" compile "$mm" --schedule "$own" --dims M=33,N=40,K=17 --emit loops >out 2>err || no "variant"
if sed -n '/^func `matmul.v0`/,/^}/p' out | grep -q 'step 5' && ! sed -n '/^func `matmul.general`/,/^}/p' out | grep -q 'step 5'; then ok; else no "the variant does not follow"; fi

# the object is right
cat >main.c <<'K'
#include <stdio.h>
void matmul(int M, int N, int K, const float A[M][K], const float B[K][N], float C[M][N]);
enum { M = 33, N = 41, K = 17 };
static float A[M][K], B[K][N], C[M][N];
int main(void) {
  for (int i = 0; i < M; i++) for (int k = 0; k < K; k++) A[i][k] = (float)((i * 7 + k * 3) % 11 - 5);
  for (int k = 0; k < K; k++) for (int j = 0; j < N; j++) B[k][j] = (float)((k * 5 + j) % 13 - 6);
  matmul(M, N, K, A, B, C);
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += A[i][k] * B[k][j];
      if (s != C[i][j]) return printf("C[%d][%d]: %g, not %g\n", i, j, C[i][j], s), 1;
    }
  return 0;
}
K
"$hone" compile "$mm" --schedule "$own" -o matmul.o 2>err || no "object"
if $cc main.c matmul.o -o main && ./main; then ok; else no "the object is wrong"; fi

# the function as written is a schedule, too: compiled, measured, and a candidate of every search
"$hone" compile "$mm" --schedule plain -o plain.o 2>err || no "plain object"
if $cc main.c plain.o -o main && ./main; then ok; else no "the plain object is wrong"; fi
"$hone" compile "$mm" --schedule plain --dims M=33,N=41,K=17 -o plain.o 2>err || no "plain variant"
if $cc main.c plain.o -o main && ./main; then ok; else no "the plain variant is wrong"; fi
"$hone" compile "$mm" --schedule plain --dims M=33,N=41,K=17 --emit loops >out 2>err || no "plain loops"
if [ "$(grep -c "^  local s: f32" out)" = 2 ]; then ok; else no "plain is not as written"; fi
"$hone" tune "$mm" --dims M=16,N=16,K=16 --trials 1 --db plain.db >out 2>err || no "tune with plain"
if grep -q 'as written' out && "$hone" db export --db plain.db | grep '"sched":"plain"' | grep -q '"status":"ok"'; then ok; else no "tune did not measure the function as written"; fi
printf 'struct s { int n; float *x; };\nvoid f(const struct s *s, float *y) { for (int i = 0; i < s->n; i++) y[i] = s->x[i] + 1; }\n' >fields.c
"$hone" tune fields.c --dims s_n=64 --trials 1 --db fields.db >out 2>err || no "tune of fields"
if "$hone" db export --db fields.db | grep '"sched":"plain"' | grep -q '"status":"ok"'; then ok; else no "fields of structures as written"; fi
printf 'void f(int n, const float *x, float *y, float *z) { float s = 0; for (int i = 0; i < n; i++) s += x[i]; for (int i = 0; i < n; i++) y[i] = x[i] * s; for (int i = 0; i < n; i++) z[n - 1 - i] = y[i] + x[n - 1 - i] ; }\n' >groups.c
"$hone" tune groups.c --dims n=1000 --trials 2 --db groups.db >out 2>err || no "tune of groups"
if "$hone" db export --db groups.db | grep -q '"sched":"plain | plain'; then ok; else no "several groups as written"; fi

# measured, and tuned from: one trial is the given one
"$hone" bench "$mm" --dims M=64,N=64,K=64 --schedule "$own" --json >out 2>err || no bench
if grep '"form":"hone, --schedule"' out | grep -q '"right":true'; then ok; else no "bench has no row of it"; fi
"$hone" tune "$mm" --dims M=64,N=64,K=64 --schedule "$own" --trials 1 --db own.db >out 2>err || no tune
"$hone" db export --db own.db >records 2>err
if grep -q 'tile a0 5' records; then ok; else no "tune did not try it"; fi

# refused
try() { "$hone" compile "$mm" -o no.o --schedule "$@" >out 2>err; code=$?; }
try 'tile i 6; tile q 4'
says "unknown axis" 1 "--schedule:1:16: error: no axis 'q' in this group"
try 'tile i 6; vector i1'
says "not legal" 1 "--schedule: vector i1: not the innermost level of a tiled axis"
try 'tile i 6 | tile j 4'
says "two for one group" 1 "'matmul' has 1 group: one schedule for each"
try 'tile i 6;;'
says "syntax" 1 "--schedule:1:10: error:"
printf 'void f(int n, float *x) { for (int i = 0; i < n; i++) x[i] = 1; }\nvoid g(int n, float *x) { for (int i = 0; i < n; i++) x[i] = 2; }\n' >two.c
mm=two.c
try 'tile i 6'
says "two functions" 2 "--schedule is for one function: --only F says which"
try 'tile i 16; vector i0' --only g
if [ "$code" = 0 ]; then ok; else no "--only"; fi
rm -f no.o
mm=two.c
try 'vector z' --only g
[ ! -e no.o ] && ok || no "an object was written"

mm=twice.hone
printf 'kernel twice(x: f32[n]) -> y: f32[n] {\n  y[i] = 2.0 * x[i]\n}\n' >twice.hone
try plain
says "plain without C" 1 "--schedule: plain: there is no C function that all of this comes from"

# default schedules
cat >default.c <<'K'
#include <float.h>
void nearest(const float *x, const float *cent, int *best, int n, int k, int d) {
  for (int i = 0; i < n; i++) {
    float least = FLT_MAX;
    int at = 0;
    for (int c = 0; c < k; c++) {
      float s = 0;
      for (int j = 0; j < d; j++) { float t = x[i * d + j] - cent[c * d + j]; s += t * t; }
      if (s < least) { least = s; at = c; }
    }
    best[i] = at;
  }
}
void convolve(const double *a, int na, const double *b, int nb, double *out) {
  for (int i = nb; i < na; i++) {
    double s = 0;
    for (int k = i - nb + 1; k <= i; k++) s += a[k] * b[i - k];
    out[i] = s;
  }
}
void two_sums(const float *x, const float *h, const float *w, const float *u, float *y, int in, int hid) {
  for (int j = 0; j < hid; j++) {
    float g[4];
    for (int q = 0; q < 4; q++) {
      float s = 0;
      for (int i = 0; i < in; i++) s += w[(q * hid + j) * in + i] * x[i];
      for (int i = 0; i < hid; i++) s += u[(q * hid + j) * hid + i] * h[i];
      g[q] = s;
    }
    y[j] = g[0] * g[1] + g[2] * g[3];
  }
}
K
"$hone" why default.c --only nearest --dims n=2000,k=16,d=32 >out 2>err
grep -q 'vector c0' out && ok || no "the index of the nearest is not on lanes"
"$hone" why default.c --only convolve --dims na=4000,nb=200 >out 2>err
grep -q 'tile k' out && no "a correlation is cut into columns" || ok
"$hone" compile default.c --only two_sums --emit loops -o out 2>err
grep -B1 'sum= w\[' out | grep -q ' vector ' && grep -B1 'sum= u\[' out | grep -q ' vector ' && ok || no "sums along two axes are not both on lanes"
# several groups: one schedule each
cat >twice.hone <<'K'
kernel twice(x: f32[n], z: f32[m]) -> y: f32[n], w: f32[m] {
  y[i] = 2.0 * x[i]
  w[i] = 3.0 * z[i]
}
K
"$hone" compile twice.hone -o twice.o --schedule 'tile i 16; vector i0 | tile i 32; vector i0' >out 2>err
code=$?
[ "$code" = 0 ] && ok || no "two groups"
end
