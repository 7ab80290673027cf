#!/bin/sh
# Tuning end to end on a small kernel: records, resuming after kill -9, two tuners on one file, sharing, locked builds, byte-for-byte objects. usage: tuning.sh HONE
set -u
hone=$(realpath "$1")
. "$(dirname "$0")/common.sh"
cat >mm.c <<'K'
void mm(int M, int N, int K, const float A[M][K], const float B[K][N], float C[M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += A[i][k] * B[k][j];
      C[i][j] = s;
    }
}
K
cat >mm.hone <<'K'
kernel prod(x: f32[P,R], y: f32[R,Q]) -> z: f32[P,Q] {
  z[a,b] = sum(c) x[a,c] * y[c,b]
}
K
d="--dims M=48,N=64,K=32"
records() { "$hone" db export --db "$1" | grep -c '"sched"'; }

wait_for_record() { # until the tuner in the background has stored something; a loaded machine may need long
  tries=0
  while [ $tries -lt 300 ] && { [ ! -f "$1" ] || [ "$(records "$1" 2>/dev/null)" -lt 3 ]; }; do sleep 0.1; tries=$((tries + 1)); done
}

# every trial is a record; the seed decides which
"$hone" tune mm.c $d --trials 8 --seed 3 --db a.db >out 2>err || no "tune: $(cat err)"
n=$(records a.db)
if [ "$n" -ge 8 ]; then ok; else no "records: $n"; fi
"$hone" db verify --db a.db >/dev/null && ok || no "verify"

# a .hone form of the same kernel finds the record: names do not enter the key
"$hone" why mm.hone --dims P=48,Q=64,R=32 --db a.db >out 2>err
grep -q 'exact' out && ok || no "the .hone form does not find the C form's record: $(cat out err)"

# kill -9 in the middle, then go on
"$hone" tune mm.c $d --budget 30s --db k.db >/dev/null 2>&1 &
pid=$!
wait_for_record k.db
kill -9 $pid
wait $pid 2>/dev/null
before=$(records k.db)
"$hone" db verify --db k.db >/dev/null && ok || no "database after kill -9"
"$hone" tune mm.c $d --trials 4 --db k.db >/dev/null 2>err && ok || no "tune after kill -9: $(cat err)"
after=$(records k.db)
if [ "$after" -gt "$before" ] && [ "$before" -gt 0 ]; then ok; else no "records before $before, after $after"; fi

# Ctrl-C keeps the best so far
"$hone" tune mm.c $d --budget 60s --db c.db >out 2>err &
pid=$!
wait_for_record c.db
kill -INT $pid
wait $pid
is "exit code after SIGINT" $? 0
grep -q 'trials' out && ok || no "no summary after SIGINT: $(cat out err)"

# two tuners on one file
"$hone" tune mm.c $d --trials 6 --seed 1 --db two.db >/dev/null 2>err1 &
p1=$!
"$hone" tune mm.c $d --trials 6 --seed 2 --db two.db >/dev/null 2>err2 &
p2=$!
wait $p1; is "first tuner" $? 0
wait $p2; is "second tuner" $? 0
"$hone" db verify --db two.db >/dev/null && ok || no "database of two tuners"

# sharing: any order and repetition of merges gives the same export
"$hone" db merge a.db k.db --db m1.db >/dev/null && "$hone" db merge k.db a.db k.db --db m2.db >/dev/null || no "merge"
"$hone" db export --db m1.db >m1.jsonl
"$hone" db export --db m2.db >m2.jsonl
cmp -s m1.jsonl m2.jsonl && ok || no "exports differ after merging in another order"
"$hone" db import m1.jsonl --db i.db >/dev/null && "$hone" db export --db i.db >i.jsonl
cmp -s m1.jsonl i.jsonl && ok || no "export of the import differs"

# what was imported wins only after it was checked here, and why says so
"$hone" why mm.c $d --db i.db >out 2>err
grep -q 'imported  .* only after .hone tune. has checked' out && ok || no "why does not speak of imported records: $(cat out err)"
"$hone" tune mm.c $d --trials 4 --db i.db >/dev/null 2>err && ok || no "tune with imported records: $(cat err)"
"$hone" why mm.c $d --db i.db >out 2>err
grep -q 'match     exact' out && ok || no "no winner after the imported records were checked: $(cat out err)"

# locked builds: the same bytes, nothing written, from another folder too
"$hone" compile mm.c --locked --db a.db -o one.o 2>/dev/null || no "locked compile"
mkdir elsewhere && cp mm.c elsewhere/ && (cd elsewhere && "$hone" compile mm.c --locked --db ../a.db -o two.o 2>/dev/null)
cmp -s one.o elsewhere/two.o && ok || no "objects differ between folders"
grep -q "$tmp" one.o && no "a path is in the object" || ok
chmod 444 a.db
"$hone" compile mm.c --locked --db a.db -o three.o 2>/dev/null && cmp -s one.o three.o && ok || no "read-only database"
chmod 644 a.db

# other dims than the tuned ones, and edges, run right
cat >main.c <<'K'
#include "mm.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  static const int size[][3] = {{48, 64, 32}, {47, 63, 31}, {1, 1, 1}, {0, 5, 5}, {5, 0, 5}, {5, 5, 0}, {-3, 4, 4}, {130, 70, 90}};
  int bad = 0;
  for (unsigned t = 0; t < sizeof size / sizeof *size; t++) {
    int M = size[t][0], N = size[t][1], K = size[t][2];
    size_t m = M > 0 ? M : 0, n = N > 0 ? N : 0, k = K > 0 ? K : 0;
    float *a = malloc(m * k * 4 + 4), *b = malloc(k * n * 4 + 4), *c = malloc(m * n * 4 + 4);
    for (size_t i = 0; i < m * k; i++) a[i] = (float)(i % 7) - 3;
    for (size_t i = 0; i < k * n; i++) b[i] = (float)(i % 5) - 2;
    c[m * n] = 77;
    mm(M, N, K, (void *)a, (void *)b, (void *)c);
    for (size_t i = 0; i < m; i++)
      for (size_t j = 0; j < n; j++) {
        float s = 0;
        for (size_t p = 0; p < k; p++) s += a[i * k + p] * b[p * n + j];
        bad += c[i * n + j] != s;
      }
    bad += c[m * n] != 77;
    free(a), free(b), free(c);
  }
  printf("%d\n", bad);
  return bad != 0;
}
K
"$hone" compile mm.c --db a.db -o mm.o --header mm.h -MD -MF mm.d 2>/dev/null
cc main.c mm.o -o main && is "results" "$(./main)" 0
grep -q '^mm.o: mm.c' mm.d && grep -q 'a.db' mm.d && ok || no "depfile: $(cat mm.d)"
is "undefined symbols" "$(nm mm.o | sed -n 's/.* U //p' | grep -v -E '^(malloc|free|memset|memcpy|abort|posix_memalign|aligned_alloc)$' | tr '\n' ' ')" ""
is "exported symbols" "$(nm mm.o | sed -n 's/.* [A-TV-Z] //p' | tr '\n' ' ')" "mm "
end
