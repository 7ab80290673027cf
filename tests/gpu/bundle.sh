#!/bin/sh
# Bundles: made without a GPU, measured by hone-runner (here on the emulator, directly and behind the driver's interface), imported, compiled from.
# usage: bundle.sh HONE ROOT LIBCUDA
set -eu
hone=$1 root=$2 fake=$3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
say() { if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "not ok: $2"; fi; }
has() { case $1 in *"$2"*) return 0 ;; *) echo "$1"; return 1 ;; esac; }
mm=$root/examples/matmul/matmul.c
dims=M=16,N=32,K=24
mkdir "$tmp/lib"
cp "$fake" "$tmp/lib/libcuda.so.1"
with_gpu() { LD_LIBRARY_PATH="$tmp/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$@"; }
b=$tmp/bundle

got=$("$hone" tune "$mm" --target sm_90a --dims $dims --dims M=5,N=40,K=9 --emit-bundle "$b" --trials 10 --ptxas none 2>&1) && rc=0 || rc=$?
has "$got" "22 candidates" && [ -f "$b/bundle.jsonl" ] && [ "$(ls "$b" | grep -c 'pkg$')" = 22 ] || rc=1
say $rc "a bundle is made"
got=$("$hone" tune "$mm" --target sm_90a --dims $dims --emit-bundle "$b" --ptxas none 2>&1) && rc=1 || rc=$?
[ "$rc" != 0 ] && has "$got" "has a bundle in it already" && rc=0 || rc=1
say $rc "no bundle is written over"
got=$("$hone" tune "$mm" --dims $dims --emit-bundle "$tmp/cpu" 2>&1) && rc=0 || rc=$?
[ "$rc" = 2 ] && has "$got" "is for a GPU elsewhere" && rc=0 || rc=1
say $rc "a bundle is for a GPU"

# The runner needs neither compiler nor database.
if ldd "$b/hone-runner" 2>/dev/null | grep -Eq 'LLVM|clang|sqlite'; then rc=1; else rc=0; fi
say $rc "what the runner is linked with"
got=$("$b/hone-runner" "$b" --emulate -o "$tmp/emu.jsonl" 2>&1) && rc=0 || rc=$?
has "$got" "MODELLED" && has "$got" "matmul M=16,N=32,K=24: 10 candidates, 10 right" || rc=1
say $rc "the runner on the emulator"
got=$(with_gpu "$b/hone-runner" "$b" 2>&1) && rc=0 || rc=$?
has "$got" "hone emulator of sm_90a, 132 SMs" && has "$got" "matmul M=16,N=32,K=24: 10 candidates, 10 right" && [ -s "$b/results.hone.jsonl" ] || rc=1
say $rc "the runner on a device"
printf 'not a library' >"$tmp/none.so"
mkdir "$tmp/nolib"
cp "$tmp/none.so" "$tmp/nolib/libcuda.so.1"
got=$(LD_LIBRARY_PATH="$tmp/nolib" "$b/hone-runner" "$b" -o "$tmp/x.jsonl" 2>&1) && rc=0 || rc=$?
[ "$rc" = 5 ] && has "$got" "device 0 cannot be used: no NVIDIA driver here" && rc=0 || rc=1
say $rc "the runner without a driver"

# Records: not believed unless told to, then used by compile; modelled ones never.
compiles() { "$hone" compile "$mm" --target sm_90a --dims $dims --db "$1" -o "$tmp/m.o" --on-miss=error --ptxas none >/dev/null 2>&1; }
got=$("$hone" db import "$b/results.hone.jsonl" --db "$tmp/a.db" 2>&1) && rc=0 || rc=$?
has "$got" "22 records added" || rc=1
compiles "$tmp/a.db" && rc=1
say $rc "imported records do not decide"
"$hone" db import --trust "$b/results.hone.jsonl" --db "$tmp/a.db" >/dev/null && compiles "$tmp/a.db" && rc=0 || rc=1
got=$("$hone" compile "$mm" --target sm_90a --dims $dims --db "$tmp/a.db" -o "$tmp/m.o" --ptxas none 2>&1) || rc=1
has "$got" "the schedule was tuned on a GPU of class nvidia-sm_90a" || rc=1
say $rc "trusted ones do"
"$hone" db import --trust "$tmp/emu.jsonl" --db "$tmp/e.db" >/dev/null && rc=0 || rc=1
compiles "$tmp/e.db" && rc=1
say $rc "modelled ones never"

# A kernel of several groups is one record, joined; so compile finds it.
cat >"$tmp/two.hone" <<'K'
kernel two(A: f32[M, K], B: f32[K, N], D: f32[N, L]) -> C: f32[M, N], E: f32[M, L] {
  C[i, j] = sum(k) A[i, k] * B[k, j]
  E[i, l] = sum(j) C[i, j] * D[j, l]
}
K
"$hone" tune "$tmp/two.hone" --target sm_80 --dims M=8,N=9,K=10,L=11 --emit-bundle "$tmp/two" --trials 5 --ptxas none >/dev/null && rc=0 || rc=$?
got=$("$tmp/two/hone-runner" "$tmp/two" --emulate 2>&1) || rc=1
has "$got" "two M=8,N=9,K=10,L=11: 5 candidates, 5 right" && grep -q '"sched":"[^"]* | ' "$tmp/two/results.hone.jsonl" || rc=1
say $rc "several groups"

# Damage is refused.
mkdir "$tmp/bad" && cp "$b"/* "$tmp/bad" && for f in "$tmp"/bad/*.pkg; do printf x >>"$f"; done
got=$("$tmp/bad/hone-runner" "$tmp/bad" --emulate 2>&1) && rc=0 || rc=$?
[ "$rc" = 1 ] && has "$got" "is not what was put into the bundle" && rc=0 || rc=1
say $rc "a damaged package"
# Each kind by itself: it is named, and the exit code says that the bundle is at fault, not the machine.
damage() { # what is said, a command that does it in $tmp/bad
  rm -rf "$tmp/bad" && cp -r "$b" "$tmp/bad"
  one=$(ls "$tmp/bad"/*.pkg | head -n 1)
  eval "$2"
  got=$("$b/hone-runner" "$tmp/bad" --emulate -o "$tmp/x.jsonl" 2>&1) && rc=0 || rc=$?
  [ "$rc" = 1 ] && has "$got" "$1" && rc=0 || rc=1
  say $rc "damage: $2"
}
damage 'cannot read' 'rm "$one"'
damage 'is not what was put into the bundle' ': >"$one"'
damage 'is not what was put into the bundle' 'head -c 1000 "$one" >"$tmp/part"; mv "$tmp/part" "$one"'
damage 'bundle.jsonl:' 'sed -i "s/\"sched\":\"tile/\"sched\":\"file/" "$tmp/bad/bundle.jsonl"'
damage 'bundle.jsonl:' 'head -c 1500 "$b/bundle.jsonl" >"$tmp/bad/bundle.jsonl"'
damage 'has no GPU' ': >"$tmp/bad/bundle.jsonl"'
damage 'cannot read' 'rm "$tmp/bad/bundle.jsonl"'
damage 'bundle.jsonl:' 'sed -i s/sm_90a/sm_100a/g "$tmp/bad/bundle.jsonl"'
damage 'cannot read' 'rm "$tmp/bad"/*.dims'
damage 'expected' 'for f in "$tmp/bad"/*.hone; do echo kernel >"$f"; done'

# The first candidate is the schedule that compile would take, whatever the search is bound by.
"$hone" tune "$root/bench/specs/gpu/gemm_fp8.hone" --target sm_90a --dims M=70,N=80,K=144 --emit-bundle "$tmp/fp8" --trials 1 --ptxas none >/dev/null && rc=0 || rc=$?
sed -n 's/.*"sched":"\([^"]*\).*/\1/p' "$tmp/fp8/bundle.jsonl" | head -n 1 | grep -q 'tensorize mma' || rc=1
say $rc "the default of a bundle"

# Many random schedules: a tile that the one inside has outgrown once kept the search drawing sizes for good.
timeout 200 "$hone" tune "$root/bench/specs/gpu/softmax.hone" --target sm_90a --dims R=16384,C=4096 --emit-bundle "$tmp/many" --trials 96 --ptxas none >"$tmp/said" 2>&1 && rc=0 || rc=$?
has "$(cat "$tmp/said")" "97 candidates" || rc=1
say $rc "a bundle of many candidates"

# What is runnable here, and why not.
got=$(with_gpu "$hone" targets 2>&1) && rc=0 || rc=$?
has "$got" "runnable  sm_90a: hone emulator" && has "$got" "compilable" || rc=1
got=$(LD_LIBRARY_PATH="$tmp/nolib" "$hone" targets --json 2>&1) || rc=1
has "$got" '"target":"cuda:0","why":"no NVIDIA driver here (libcuda.so.1 cannot be loaded)","host":false,"compilable":false,"runnable":false' || rc=1
say $rc "hone targets"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
