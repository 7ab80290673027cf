#!/bin/sh
# What products become by default. Which schedule on sm_90a: that of warp groups fed by tensor maps where the dims are large or symbols, that of warps where they are small, and the
# entry of a symbolic one has both; two groups in flight, stores of whole sectors. usage: choice.sh HONE ROOT
set -eu
hone=$1 root=$2 spec=$2/bench/specs/gpu/gemm_bf16.hone
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
wants() { # pattern, text on stdin
  grep -q "$1" "$tmp/said" || { echo "not ok: no '$1' in"; cat "$tmp/said"; bad=1; }
}
why() { "$hone" why "$spec" --target "$1" --db "$tmp/none.db" --dims "$2" >"$tmp/said" 2>&1 || bad=1; }
why sm_90a M=4096,N=4096,K=4096
wants 'tile i 128; tile j 256; .*tensorize wgmma k0; .*stage A smem 4 tma swizzle128; stage B smem 4 tma swizzle128'
wants 'cluster i1 2; raster i1 6; persist i1 132'
why sm_90a M=64,N=8192,K=8192
wants 'tile i 64; tile j 64; .*tensorize wgmma k0; .*tma swizzle128'
why sm_90a M=16,N=8192,K=8192 # rows behind the last one are zeros that no memory is read for
wants 'tile i 64; tile j 64; .*tensorize wgmma k0; .*tma swizzle128'
why sm_90a M=64,N=512,K=32768 # eight tiles: the sum in parts fills the SMs
wants 'split k 16; .*order k_part0 i1 j1 .*tensorize wgmma k0; .*tma swizzle128'
why sm_90a M=1,N=8192,K=8192
wants 'split k [0-9]*; tile j 512; .*lanes j0 64; piece j0 8; parallel k_part0; parallel j1; unroll k0 8'
why sm_80 M=3,N=8192,K=8192
wants 'split k 2; tile i 16; .*warps j0 4; .*tensorize mma k0; .*stage A smem 4'
why sm_90a M=4096,N=48,K=4096
wants 'tensorize mma k0'
why sm_80 M=4096,N=4096,K=4096
wants 'tensorize mma k0'
echo 'kernel conv(X: bf16[H, W, C], F: bf16[3, C, K]) -> Y: bf16[H, W - 2, K] { Y[h, w, k] = bf16(sum(s, c) f32(X[h, w + s, c]) * f32(F[s, c, k])) }' >"$tmp/conv.hone"
"$hone" why "$tmp/conv.hone" --target sm_90a --db "$tmp/none.db" --dims H=14,W=16,C=256,K=64 >"$tmp/said" 2>&1 || bad=1
wants 'tile [hw] 16; .*tensorize mma c0' # few rows of a tile, but its columns are used for other tiles again
"$hone" compile "$spec" --target sm_90a --emit ptx --db "$tmp/none.db" --on-miss=quiet -o "$tmp/said"
wants 'wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16'
wants 'mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32'
wants 'entry gemm_bf16_small'
"$hone" compile "$spec" --target sm_90a --emit ptx --dims M=4096,N=4096,K=4096 --db "$tmp/none.db" --on-miss=quiet -o "$tmp/said"
wants 'wgmma.wait_group.sync.aligned.*1;'
wants 'cvt.rn.bf16.f32'
wants 'st.global.b64' # four elements of 2 bytes at a time
"$hone" compile "$spec" --target sm_90a --emit ptx --dims M=2048,N=4352,K=128 --db "$tmp/none.db" --on-miss=quiet -o "$tmp/said"
wants 'wgmma.mma_async.sync.aligned.m64n192k16' # three panels of columns: boxes end where they do
wants 'cp.async.bulk.tensor.*multicast'
spec=$2/bench/specs/gpu/gemm_fp8.hone
why sm_90a M=4096,N=4096,K=4096
wants 'tile k 32; tile k 128; .*tensorize wgmma k0; .*stage A smem 4 tma swizzle128; stage B smem 4 tma swizzle128'
why sm_89 M=4096,N=4096,K=4096
wants 'tensorize mma k0'
for how in 'sm_90a 4096 wgmma.mma_async.sync.aligned.m64n256k32.f32.e4m3.e4m3' 'sm_89 16 mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32'; do
  set -- $how
  "$hone" compile "$spec" --target "$1" --emit ptx --dims "M=$2,N=4096,K=4096" --db "$tmp/none.db" --on-miss=quiet -o "$tmp/said"
  wants "$3"
  wants '^.version 8.4'
done
"$hone" compile "$spec" --target sm_80 --emit ptx --db "$tmp/none.db" --on-miss=quiet -o "$tmp/said"
if grep -q 'e4m3\|^.version 8' "$tmp/said"; then
  echo 'not ok: sm_80 has no instructions of e4m3'
  bad=1
fi
wants 'mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32' # they are packed as f16
# Attention of 8-bit floats: scores by their own instructions, values beside the rounded weights as bf16.
"$hone" compile "$root/tests/gpu/attention_fp8.hone" --target sm_90a --fp fast --emit ptx --dims H=32,T=4096,D=128 --db "$tmp/none.db" --on-miss=quiet -o "$tmp/said"
wants 'wgmma.mma_async.sync.aligned.m64n128k32.f32.e4m3.e4m3'
wants 'wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16'
# Head dims that are no whole panels: warp groups say why not, warps take them.
spec=$root/bench/specs/gpu/attention_bf16.hone
def=$("$hone" why "$spec" --target sm_90a --fp fast --dims H=1,T=128,D=64 --db "$tmp/none.db" | awk '/^  schedule/ { getline; print; exit }')
"$hone" compile "$spec" --target sm_90a --fp fast --dims H=1,T=128,D=40 --schedule "$def" --db "$tmp/none.db" -o "$tmp/x.o" >"$tmp/said" 2>&1 && bad=1
wants 'tensorize wgmma s0: no product with a factor that the lanes make in registers'
"$hone" why "$spec" --target sm_90a --fp fast --dims H=32,T=4096,D=40 --db "$tmp/none.db" >"$tmp/said" 2>&1 || bad=1
wants 'tensorize mma d0; tensorize mma s0'
# Two sums of one operand along different axes: grids of their own.
"$hone" why "$root/examples/atax/atax.c" --target sm_90a --dims M=4096,N=4096 --db "$tmp/none.db" >"$tmp/said" 2>&1 || bad=1
wants '    | tile j .*; parallel i0$'
wants '    | split i .*parallel i_part0; parallel j1'
exit $bad
