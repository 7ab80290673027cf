#!/bin/sh
# Forms for small dims: one object of a product, compiled for no dims, right for all that lie around one row, a few, one column and a vector of columns, also in the
# last element of its arrays (guard pages are the allocator's: every array ends where its memory does). usage: small_dims.sh HONE ROOT CC
set -u
hone=$(realpath "$1") examples=$(realpath "$2")/examples
shift 2
cc=$*
. "$(dirname "$0")/common.sh"

cat >main.c <<'K'
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#define ROOM (64 * 4096)
#if QUANTISED
typedef int8_t in;
typedef int8_t out;
void qgemm(int M, int N, int K, const in A[M][K], const in B[K][N], const float scale[N], out C[M][N]);
#else
typedef float in;
typedef float out;
void matmul(int M, int N, int K, const in A[M][K], const in B[K][N], out C[M][N]);
#endif
/* n bytes that end at a page which must not be touched */
static void *ending(size_t n) {
  char *p = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(p + ROOM, 4096, PROT_NONE);
  return p + ROOM - n;
}
static int check(int M, int N, int K) {
  in *A = ending(sizeof(in) * M * K), *B = ending(sizeof(in) * K * N);
  out *C = ending(sizeof(out) * M * N);
  float *scale = ending(sizeof(float) * N);
  for (int i = 0; i < M * K; i++) A[i] = (in)(i * 7 % 11 - 5);
  for (int i = 0; i < K * N; i++) B[i] = (in)(i * 5 % 13 - 6);
  for (int i = 0; i < N; i++) scale[i] = 0.25f;
  memset(C, 0x55, sizeof(out) * M * N);
#if QUANTISED
  qgemm(M, N, K, (void *)A, (void *)B, scale, (void *)C);
#else
  matmul(M, N, K, (void *)A, (void *)B, (void *)C);
#endif
  int bad = 0;
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += (float)A[i * K + k] * (float)B[k * N + j];
#if QUANTISED
      s *= 0.25f;
      s = s > 127 ? 127 : s < -128 ? -128 : (float)(int)s;
#endif
      bad += (float)C[i * N + j] != s;
    }
  munmap((char *)(((uintptr_t)A + sizeof(in) * M * K) - ROOM), ROOM + 4096);
  munmap((char *)(((uintptr_t)B + sizeof(in) * K * N) - ROOM), ROOM + 4096);
  munmap((char *)(((uintptr_t)C + sizeof(out) * M * N) - ROOM), ROOM + 4096);
  munmap((char *)(((uintptr_t)scale + sizeof(float) * N) - ROOM), ROOM + 4096);
  if (bad) printf("M=%d N=%d K=%d: %d wrong\n", M, N, K, bad);
  return bad != 0;
}
int main(void) {
  static const int m[] = {1, 2, 3, 4, 5, 6, 7, 11, 13, 20, 21}, n[] = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 33, 64, 80}, k[] = {1, 3, 32, 259};
  int bad = 0;
  for (unsigned i = 0; i < sizeof m / sizeof *m; i++)
    for (unsigned j = 0; j < sizeof n / sizeof *n; j++)
      for (unsigned l = 0; l < sizeof k / sizeof *k; l++) bad += check(m[i], n[j], k[l]);
  return bad != 0;
}
K

# args: kernel, C definition, CPU
try() {
  "$hone" compile "$examples/$1/$1.c" --on-miss=quiet --cpu "$3" -o k.o >log 2>&1 && $cc -O1 "-DQUANTISED=$2" main.c k.o -o main >>log 2>&1 || { no "$1 $3: $(cat log)"; return; }
  if ./main >log 2>&1; then ok; else no "$1 $3: exit $?: $(head -n 5 log)"; fi
}
for cpu in native haswell x86-64-v2; do
  try matmul 0 $cpu
  try qgemm 1 $cpu
done
"$hone" compile "$examples/matmul/matmul.c" --on-miss=quiet --emit loops -o forms || no "loops"
if [ "$(grep -c '^func .matmul.small' forms)" = 4 ] && grep -q '^  assume -N' forms; then ok; else no "forms: $(grep '^func\|assume' forms)"; fi
"$hone" compile "$examples/softmax/softmax.c" --on-miss=quiet --emit loops -o forms || no "loops"
if grep -q small forms; then no "softmax has no register tile"; else ok; fi
asked=
for m in 16 32 48 64 80 96 112 128 144; do asked="$asked --dims M=$m,N=64,K=32"; done
"$hone" compile "$examples/matmul/matmul.c" $asked --on-miss=quiet --emit loops -o forms || no "loops"
if [ "$(grep -c '^func .matmul.v[0-9]' forms)" = 9 ]; then ok; else no "of nine --dims there are $(grep -c '^func .matmul.v[0-9]' forms)"; fi
end
