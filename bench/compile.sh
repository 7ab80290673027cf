#!/bin/sh
# ./dev bench --compile: how long building takes. First whole commands and what each level of the walk adds to the one before it (whole processes, so a level's own
# time is a difference); then what one candidate costs to lower, compile and load: random ones of a product's space, and those that searches try.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
hone=${HONE:-$root/build/compiler/hone} runs=${RUNS:-15} trials=${TRIALS:-60}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
kernel=$root/examples/matmul/matmul.c dims=M=256,N=256,K=256

"${CC:-cc}" -O2 -D_GNU_SOURCE "$here/process.c" -o "$tmp/process"
median() { "$tmp/process" "$runs" "$@"; }
"$hone" tune "$kernel" --dims $dims --trials 4 --db "$tmp/t.db" >/dev/null 2>&1
echo "whole commands, processor time, medians of $runs (true: $(median true) us)"
printf '  %-44s %8s us\n' "hone --version" "$(median "$hone" --version)" "hone check matmul.c" "$(median "$hone" check "$kernel")" \
  "hone compile matmul.c, one tuned variant" "$(median "$hone" compile "$kernel" --db "$tmp/t.db" -o "$tmp/m.o")"
echo "levels of hone compile matmul.c --dims $dims (differences of whole runs: a millisecond more or less says nothing)"
before=$(median "$hone" --version)
printf '  %-44s %8s us\n' "start" "$before"
for level in source:parse tensor:raise groups:simplify+fuse loops:lower llvm:emit obj:LLVM; do
  t=$(median "$hone" compile "$kernel" --dims $dims --db "$tmp/t.db" --emit "${level%%:*}" -o "$tmp/out")
  printf '  %-44s %8s us\n' "${level#*:}" "$((t - before))"
  before=$t
done
echo "a candidate (processor time; the whole of lowering, emitting, LLVM and loading)"
for spec in "random matmul $dims" "random matmul M=1024,N=1024,K=1024" "local matmul $dims" "forest matmul $dims" "forest softmax R=64,C=1024" \
  "forest conv2d N=1,H=14,W=14,C=64,F=64,R=3,S=3,P=14,Q=14,stride=1,pad=1"; do
  set -- $spec
  strategy=$1
  shift
  "$hone" tune "$root/examples/$1/$1.c" --dims "$2" --trials "$trials" --strategy "$strategy" --db "$tmp/c.db" --json >"$tmp/json" 2>/dev/null
  awk -v what="$strategy: $1 ${2%%,R=*}" '
    function field(name) { return match($0, "\"" name "\":[0-9.]+") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0 : -1 }
    field("total_us") >= 0 { printf "  %-44s median %6.2f ms, 95th percentile %6.2f ms (lower %.2f, ir %.2f, object %.2f)\n", what, field("total_us") / 1e3, field("total_p95_us") / 1e3,
      field("lower_us") / 1e3, field("ir_us") / 1e3, field("object_us") / 1e3 }' "$tmp/json"
done
