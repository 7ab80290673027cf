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
# A mask makes weights 0, and 0 times an infinity is a NaN: with --fp fast arrays are finite, also those that checks are made on.
cat >"$tmp/attention.hone" <<'K'
kernel attention(Q: bf16[T, D], K: bf16[T, D], V: bf16[T, D]) -> O: bf16[T, D] {
  for t, s if s <= t: p[t, s] = sum(d) f32(Q[t, d]) * f32(K[s, d])
  m[t] = max(s if s <= t) p[t, s]
  for t, s if s <= t: e[t, s] = exp(p[t, s] - m[t])
  z[t] = sum(s if s <= t) e[t, s]
  O[t, d] = bf16((sum(s if s <= t) e[t, s] * f32(V[s, d])) / z[t])
}
K
if said=$("$hone" tune "$tmp/attention.hone" --target emu:sm_80 --fp fast --dims T=70,D=32 --trials 2 --budget 60s --ptxas none --db "$tmp/fast.db" 2>&1); then passed=$((passed + 1)); else
  failed=$((failed + 1))
  echo "not ok: attention with --fp fast: $said"
fi
# Neighbours of attention by warp groups, both products in flight: none of them is wrong.
groups='tile t 64; tile s 64; tile d_1 64; tile d 16; tile d 64; order t1 s1 d_11 d2 d1 d0 s0 t0 d_10; lanes s0 4; piece s0 2; lanes d_10 4; piece d_10 2; threads t0 8; warps t0 4; pack K s1; pack V s1; pack Q t1; tensorize wgmma d0; tensorize wgmma s0; stage K smem 2 tma swizzle128; stage V smem 2 tma swizzle128; parallel t1'
"$hone" tune "$tmp/attention.hone" --target emu:sm_90a --fp fast --dims T=140,D=64 --strategy local --trials 12 --budget 60s --schedule "$groups" --ptxas none --db "$tmp/groups.db" >/dev/null 2>&1 || true
if "$hone" db export --db "$tmp/groups.db" | grep '"status":"wrong"' || ! "$hone" db export --db "$tmp/groups.db" | grep -q '"status":"ok"'; then failed=$((failed + 1)); echo "not ok: attention by warp groups"; else passed=$((passed + 1)); fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
