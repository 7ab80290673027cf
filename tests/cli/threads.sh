#!/bin/sh
# Parallel kernels end to end: objects of --threads 2 linked with libhone_rt.a, odd sizes, several thread counts, the caller's own pool; tuning and bench
# with two threads. usage: threads.sh HONE ROOT LIBHONE_RT CC [FLAGS]
set -u
hone=$(realpath "$1") examples=$(realpath "$2")/examples rt=$(realpath "$3") include=$(realpath "$2")
shift 3
cc=$* # with the flags of the run-time library's own build: it may be instrumented
. "$(dirname "$0")/common.sh"
undefined() { nm "$1" | sed -n 's/.* U //p'; }

# The caller's pool: the range from its end, in pieces of its own choice, each on a thread of its own.
cat >pool.h <<'K'
#include "runtime/hone_rt.h"
#include <pthread.h>
struct piece { hone_rt_body *body; void *ctx; int64_t first, last; };
static void *run_piece(void *p) { struct piece *x = p; x->body(x->ctx, x->first, x->last); return NULL; }
static void own_pool(void *calls, int64_t n, int64_t grain, hone_rt_body *body, void *ctx) {
  struct piece p[3];
  pthread_t t[3];
  int64_t cut[4] = {0, n / 7, n / 2, n};
  (void)grain;
  ++*(int *)calls;
  for (int i = 2; i >= 0; i--) {
    p[i] = (struct piece){body, ctx, cut[i], cut[i + 1]};
    pthread_create(&t[i], NULL, run_piece, &p[i]);
  }
  for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
}
K
# main: all sizes with hone's pool, then with the caller's; says whether the caller's pool was called.
cat >tail.h <<'K'
int main(void) {
  int bad = all(), calls = 0;
  hone_rt_set_pool(own_pool, &calls);
  bad += all();
  hone_rt_set_pool(NULL, NULL);
  bad += all();
  hone_rt_shutdown();
  bad += all(); /* the pool starts again */
  if (bad) printf("%d differences\n", bad);
  else printf(calls ? "right, own pool used\n" : "right, own pool not used\n");
  return bad != 0;
}
K
cat >matmul.c.main <<'K'
void matmul_ref(int M, int N, int K, const float A[M][K], const float B[K][N], float C[M][N]);
static int all(void) {
  static const int size[][3] = {{301, 203, 97}, {128, 128, 128}, {2, 301, 5}, {1, 1, 1}, {3, 1, 999}, {257, 0, 3}, {5, 5, 0}};
  int bad = 0;
  for (size_t t = 0; t < sizeof size / sizeof *size; t++) {
    int M = size[t][0], N = size[t][1], K = size[t][2];
    float *a = floats((size_t)M * K), *b = floats((size_t)K * N), *c = floats((size_t)M * N), *r = floats((size_t)M * N);
    matmul(M, N, K, (void *)a, (void *)b, (void *)c);
    matmul_ref(M, N, K, (void *)a, (void *)b, (void *)r);
    bad += differ("C", c, r, (size_t)M * N, 1e-4);
    free(a), free(b), free(c), free(r);
  }
  return bad;
}
K
cat >softmax.c.main <<'K'
void softmax_ref(int R, int C, const float x[R][C], float y[R][C]);
static int all(void) {
  static const int size[][2] = {{77, 333}, {513, 31}, {1, 70000}, {3, 1}, {7, 7}, {9, 0}, {0, 9}};
  int bad = 0;
  for (size_t t = 0; t < sizeof size / sizeof *size; t++) {
    int R = size[t][0], C = size[t][1];
    float *x = floats((size_t)R * C), *y = floats((size_t)R * C), *r = floats((size_t)R * C);
    softmax(R, C, (void *)x, (void *)y);
    softmax_ref(R, C, (void *)x, (void *)r);
    bad += differ("y", y, r, (size_t)R * C, 1e-5);
    free(x), free(y), free(r);
  }
  return bad;
}
K
cat >attention.c.main <<'K'
void attention_ref(int H, int T, int S, int D, const float Q[H][T][D], const float K[H][S][D], const float V[H][S][D], float O[H][T][D]);
static int all(void) {
  static const int size[][4] = {{3, 37, 53, 19}, {2, 64, 64, 32}, {1, 5, 301, 7}, {5, 1, 1, 1}, {0, 4, 4, 4}};
  int bad = 0;
  for (size_t t = 0; t < sizeof size / sizeof *size; t++) {
    int H = size[t][0], T = size[t][1], S = size[t][2], D = size[t][3];
    size_t out = (size_t)H * T * D, in = (size_t)H * S * D;
    float *q = floats(out), *k = floats(in), *v = floats(in), *o = floats(out), *r = floats(out);
    attention(H, T, S, D, (void *)q, (void *)k, (void *)v, (void *)o);
    attention_ref(H, T, S, D, (void *)q, (void *)k, (void *)v, (void *)r);
    bad += differ("O", o, r, out, 1e-4);
    free(q), free(k), free(v), free(o), free(r);
  }
  return bad;
}
K
cat >swish.c.main <<'K'
void swish_ref(int n, const float *restrict a, const float *restrict b, float *restrict y);
static int all(void) {
  static const int size[] = {1000003, 1000000, 99991, 17, 1, 0};
  int bad = 0;
  for (size_t t = 0; t < sizeof size / sizeof *size; t++) {
    int n = size[t];
    float *a = floats((size_t)n), *b = floats((size_t)n), *y = floats((size_t)n), *r = floats((size_t)n);
    swish(n, a, b, y);
    swish_ref(n, a, b, r);
    bad += differ("y", y, r, (size_t)n, 1e-5);
    free(a), free(b), free(y), free(r);
  }
  return bad;
}
K

# one kernel at the dims of its variant (odd ones) and at all others
kernel() { # name, dims
  name=$1
  "$hone" compile "$examples/$name/$name.c" --threads 2 --dims "$2" -o "$name.o" --header "$name.h" --db none.db --on-miss=quiet 2>err || no "$name: $(cat err)"
  undefined "$name.o" | grep -qx hone_rt_parallel && ok || no "$name: nothing parallel in the object"
  $cc -w -O1 -ffp-contract=off -D"${name}=${name}_ref" -c "$examples/$name/$name.c" -o ref.o
  printf '#include "example.h"\n#include "%s.h"\n#include "pool.h"\n#include "%s.c.main"\n#include "tail.h"\n' "$name" "$name" >main.c
  $cc -w -O1 -I. -I"$examples" -I"$include" main.c "$name.o" ref.o "$rt" -lpthread -lm -o "$name" 2>err || { no "$name: link: $(cat err)"; return; }
  for n in 1 2 3; do is "$name, $n threads" "$(HONE_NUM_THREADS=$n ./"$name" 2>&1 | tail -n 3)" "right, own pool used"; done
  is "$name, threads by default" "$(./"$name" 2>&1 | tail -n 3)" "right, own pool used"
  # one thread: nothing of the run-time library
  "$hone" compile "$examples/$name/$name.c" --threads 1 --dims "$2" -o one.o --db none.db --on-miss=quiet 2>err || no "$name: $(cat err)"
  is "$name, one thread, symbols" "$(undefined one.o | grep hone_rt)" ""
  printf '#include "example.h"\n#include "%s.h"\n#include "%s.c.main"\nint main(void) { return all() != 0; }\n' "$name" "$name" >main.c
  $cc -w -O1 -I. -I"$examples" main.c one.o ref.o -lm -o one 2>err && ./one && ok || no "$name with one thread: $(cat err)"
}
kernel matmul M=301,N=203,K=97
kernel softmax R=77,C=333
kernel attention H=3,T=37,S=53,D=19
kernel swish n=1000003

# tuning with two threads: records of its own, which one thread does not use; the object of the winner is right; bench says that results are right
d=M=301,N=203,K=97
"$hone" tune "$examples/matmul/matmul.c" --threads 2 --dims $d --trials 6 --seed 1 --db t.db >out 2>err && ok || no "tune: $(cat out err)"
if [ "$("$hone" db export --db t.db | grep -c 'time/2t')" -gt 2 ]; then ok; else no "records for two threads: $("$hone" db export --db t.db | head -n 3)"; fi
"$hone" why "$examples/matmul/matmul.c" --threads 2 --dims $d --db t.db >out 2>err; grep -q exact out && ok || no "why: $(cat out err)"
"$hone" why "$examples/matmul/matmul.c" --threads 64 --dims M=1024,N=1024,K=1024 --db none.db >out 2>err; grep -q 'split .* chunks for 64 threads, busiest' out && ok || no "why, split: $(cat out err)"
"$hone" compile "$examples/matmul/matmul.c" --on-miss=error --db t.db -o x.o 2>err
is "one thread does not use records of two" $? 3
"$hone" compile "$examples/matmul/matmul.c" --threads 2 --locked --on-miss=error --db t.db -o matmul.o --header matmul.h 2>err && ok || no "compile: $(cat err)"
printf '#include "example.h"\n#include "matmul.h"\n#include "pool.h"\n#include "matmul.c.main"\n#include "tail.h"\n' >main.c
$cc -w -O1 -ffp-contract=off -Dmatmul=matmul_ref -c "$examples/matmul/matmul.c" -o ref.o
$cc -w -O1 -I. -I"$examples" -I"$include" main.c matmul.o ref.o "$rt" -lpthread -lm -o tuned 2>err || no "link of the winner: $(cat err)"
./tuned >out 2>&1 && ok || no "winner: $(tail -n 3 out)"
"$hone" bench "$examples/matmul/matmul.c" --threads 2 --dims $d --db t.db --json >out 2>err && ok || no "bench: $(cat out err)"
grep -q '"threads":2' out && ok || no "bench does not say two threads: $(cat out)"
grep -q '"right":false' out && no "bench: wrong results: $(cat out)" || ok
end
