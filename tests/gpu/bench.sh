#!/bin/sh
# ./dev bench --gpu on small rows: prepared without a GPU, measured on the emulator behind the driver's interface; without a GPU it says so. usage: bench.sh HONE ROOT LIBCUDA
set -eu
hone=$(realpath "$1") root=$2 fake=$(realpath "$3")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
say() { if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "not ok: $2"; fi; }
has() { case $1 in *"$2"*) return 0 ;; *) echo "$1"; return 1 ;; esac; }
mkdir "$tmp/lib" "$tmp/nolib" "$tmp/build"
cp "$fake" "$tmp/lib/libcuda.so.1"
printf 'not a library' >"$tmp/nolib/libcuda.so.1"
cat >"$tmp/rows" <<'R'
product gemm_bf16 M=5,N=9,K=8
attention attention_causal_bf16 H=1,T=5,D=4 fast
rows softmax R=3,C=8
question softmax R=3,C=8 reassoc s/tile i 2/tile i 4/; s/threads i0 2/threads i0 4/
tuning softmax R=3,C=8
R
bench() { HONE=$hone HONE_BUILD_DIR=$tmp/build sh "$root/bench/gpu.sh" --gpu --rows "$tmp/rows" --candidates 2 --ptxas none "$@" 2>&1; }
got=$(bench --prepare) && rc=0 || rc=$?
has "$got" "prepared: $tmp/build/gpu-bench" && [ -x "$tmp/build/gpu-bench/hone-runner" ] && [ -f "$tmp/build/gpu-bench/003.tar.gz" ] || rc=1
say $rc "prepared"
got=$(LD_LIBRARY_PATH="$tmp/nolib" bench) && rc=0 || rc=$?
[ "$rc" = 5 ] && has "$got" "no GPU to measure on: no NVIDIA driver here" && rc=0 || { echo "$rc: $got"; rc=1; }
say $rc "no GPU: exit 5"
# On the GPU's machine there is no compiler: the bundles and the runner are enough.
got=$(LD_LIBRARY_PATH="$tmp/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" HONE=/nonexistent/hone HONE_BUILD_DIR=$tmp/build sh "$root/bench/gpu.sh" --gpu --rows "$tmp/rows" --candidates 2 --ptxas none --no-peers 2>&1) && rc=0 || rc=$?
has "$got" "hone emulator of sm_90a, 132 SMs" && has "$got" "gemm_bf16              M=5,N=9,K=8" && has "$got" "softmax                R=3,C=8" && has "$got" "TFLOP/s" && has "$got" "questions" || rc=1
has "$got" "tuning   " && [ "$(printf '%s\n' "$got" | awk '/^softmax/ && NF == 7 && $3 == 16 && $5 >= 1 && $6 > 0' | wc -l)" = 1 ] || { echo "$got"; rc=1; }
say $rc "measured with the runner alone"
got=$(bench --emulate --no-peers --json) && rc=0 || rc=$?
has "$got" '"kernel":"attention_causal_bf16","dims":"H=1,T=5,D=4","form":"hone"' && has "$got" '"right":2' && has "$got" '"modelled":true' || rc=1
has "$got" '"given_ps":' && has "$got" '"question":"s/tile i 2/tile i 4/; s/threads i0 2/threads i0 4/"}' || rc=1
say $rc "JSON, modelled"
# A damaged row and one that takes too long are named, the others are measured all the same.
cp -r "$tmp/build/gpu-bench" "$tmp/kept"
echo damaged >"$tmp/build/gpu-bench/002.tar.gz"
got=$(bench --emulate --no-peers) && rc=0 || rc=$?
has "$got" "attention_causal_bf16 H=1,T=5,D=4 was not measured" && has "$got" "gemm_bf16              M=5,N=9,K=8" && has "$got" "softmax                R=3,C=8" || rc=1
say $rc "a damaged row"
cp "$tmp/kept/002.tar.gz" "$tmp/build/gpu-bench"
printf '#!/bin/sh\ncase $1 in */002) sleep 30 ;; esac\nexec %s "$@"\n' "$tmp/kept/hone-runner" >"$tmp/build/gpu-bench/hone-runner"
got=$(bench --emulate --no-peers --row-seconds 2) && rc=0 || rc=$?
has "$got" "bench: attention_causal_bf16 H=1,T=5,D=4 was not measured" && has "$got" "gemm_bf16              M=5,N=9,K=8" && has "$got" "softmax                R=3,C=8" || rc=1
cp "$tmp/kept/hone-runner" "$tmp/build/gpu-bench"
say $rc "a row that takes too long"
# The table's arithmetic: a peer that takes twice as long has ratio 2.
printf '%s\n' '{"kernel":"softmax","dims":"R=1000,C=1000","form":"hone","med_ps":4000000,"default_ps":8000000,"cold":true,"modelled":false,"device":"X","note":""}' \
  '{"kernel":"softmax","dims":"R=1000,C=1000","form":"torch","med_ps":8000000}' '{"kernel":"copy","dims":"","form":"copy","med_ps":1,"gbs":3000.5}' >"$tmp/lines"
got=$(awk -f "$root/bench/gpu_table.awk" "$tmp/lines") && rc=0 || rc=$?
has "$got" "2000 GB/s      2.00          2.000" && has "$got" "torch: geometric mean of (its time / hone's time) 2.000 over 1 rows" && has "$got" "copy bandwidth 3000 GB/s" || rc=1
say $rc "the table"
got=$(printf '%s\n' 'product gemm_bf16 M=5,N=9,K=8' 'question gemm_bf16 M=5,N=9,K=8 reassoc s/no such step//' 'rows softmax R=3,Q=8' >"$tmp/bad"; HONE=$hone HONE_BUILD_DIR=$tmp/build2 sh "$root/bench/gpu.sh" --gpu --prepare --rows "$tmp/bad" --candidates 1 --ptxas none 2>&1) && rc=1 || rc=$?
[ "$rc" = 1 ] && has "$got" "changes nothing in" && has "$got" "not prepared: softmax R=3,Q=8" && has "$got" "2 of 3 rows are not prepared" && [ -f "$tmp/build2/gpu-bench/001.tar.gz" ] && rc=0 || rc=1
say $rc "rows that cannot be prepared are named"
# Every row has a specification and a default schedule at its dims, and what a question asks is another one.
rc=0
while read -r family kernel dims fp edit; do
  case $family in ''|'#'*) continue ;; esac
  [ $family = question ] || edit=
  def=$("$hone" why "$root/bench/specs/gpu/$kernel.hone" --target sm_90a --dims "$dims" --fp "${fp:-reassoc}" --db "$tmp/none.db" 2>&1 </dev/null | awk '/^  schedule/ { getline; print; exit }')
  [ -n "$def" ] || { echo "no default schedule: $kernel $dims"; rc=1; }
  [ -z "$edit" ] || [ "$(printf '%s\n' "$def" | sed "$edit")" != "$def" ] || { echo "changes nothing in $kernel $dims: $edit"; rc=1; }
done <"$root/bench/gpu_rows.txt"
say $rc "the rows"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
