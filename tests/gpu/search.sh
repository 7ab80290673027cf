#!/bin/sh
# The search finds better modelled schedules than the default ones on the emulator: a product on tensor cores and a row
# kernel, by the cost model alone and by trials. The counts behind the figures are deterministic. usage: search.sh HONE
set -eu
hone=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cat >"$tmp/product.hone" <<'K'
kernel product(A: bf16[M, K], B: bf16[K, N]) -> C: f32[M, N] {
  C[i, j] = sum(k) f32(A[i, k]) * f32(B[k, j])
}
K
cat >"$tmp/rows.hone" <<'K'
kernel softmax(x: f32[R, C]) -> y: f32[R, C] {
  m[i] = max(j) x[i, j]
  e[i, j] = exp(x[i, j] - m[i])
  s[i] = sum(j) e[i, j]
  y[i, j] = e[i, j] / s[i]
}
K
passed=0 failed=0
better() { # kernel dims strategy
  said=$("$hone" tune "$tmp/$1.hone" --target emu:sm_80 --dims "$2" --strategy "$3" --trials 16 --budget 100s --ptxas none --db "$tmp/$1.$3.db" 2>&1) || { echo "$said"; failed=$((failed + 1)); return; }
  ratio=$(printf '%s\n' "$said" | sed -n 's/.*; \([0-9.]*\)x the default schedule.*/\1/p')
  if [ -n "$ratio" ] && awk "BEGIN { exit !($ratio > 1.02) }"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "not ok: $1 $2, $3 finds nothing better"
    echo "$said"
  fi
}
for strategy in estimate local; do
  better product M=192,N=192,K=256 $strategy
  better rows R=96,C=300 $strategy
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
