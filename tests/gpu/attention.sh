#!/bin/sh
# Attention in C with --fp fast: both products on tensor cores by default, keys by tensor maps, loops that begin and end with the window; right on the emulator.
# usage: attention.sh HONE ROOT
set -eu
hone=$1 spec=$2/tests/gpu/attention.c
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
wants() { # pattern
  grep -q "$1" "$tmp/said" || { echo "not ok: no '$1' in"; cat "$tmp/said"; bad=1; }
}
"$hone" why "$spec" --target sm_90a --fp fast --db "$tmp/none.db" --dims H=32,G=4,T=4096,W=512,D=128 >"$tmp/said" 2>&1 || bad=1
wants 'tensorize wgmma d0; tensorize wgmma s0; stage K smem 3 tma swizzle128; stage V smem 3 tma swizzle128'
"$hone" compile "$spec" --target sm_90a --fp fast --db "$tmp/none.db" --on-miss=quiet --dims H=32,G=4,T=4096,W=512,D=128 --emit loops -o "$tmp/said" || bad=1
wants 'for s1 in 0 .. 4096, t1 + 128 step 128 from t1 - 511'
wants 'if .*t1 - s1 - 127 >= 0' # blocks that the mask does not cut
for arch in sm_80 sm_90a; do
  "$hone" bench "$spec" --target emu:$arch --fp fast --db "$tmp/none.db" --ptxas none --dims H=2,G=2,T=140,W=50,D=64 >"$tmp/said" 2>&1 || { cat "$tmp/said"; bad=1; }
  wants 'default schedule'
done
exit $bad
