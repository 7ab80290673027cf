#!/bin/sh
# Random programs through LLVM's back ends for a CPU and for a GPU: same results. usage: against.sh GEN AGAINST LLC CLANG FIRST COUNT
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
[ "${HONE_LONG:-0}" = 1 ] && set -- "$1" "$2" "$3" "$4" "$5" $(($6 * 20))
seed=$5
bad=0
while [ "$seed" -lt $(($5 + $6)) ]; do
  sm=$([ $((seed % 2)) = 0 ] && echo sm_80 || echo sm_90)
  "$1" "$seed" gpu >"$dir/g.ll"
  "$1" "$seed" cpu >"$dir/c.ll"
  "$3" -mcpu=$sm "$dir/g.ll" -o "$dir/g.ptx"
  "$4" -O1 -march=native -shared -fPIC -ffp-contract=off -w -x ir "$dir/c.ll" -o "$dir/c.so" -lm
  "$2" "$dir/g.ptx" "$dir/c.so" || { echo "not ok: seed $seed $sm"; bad=1; }
  seed=$((seed + 1))
done
[ $bad = 0 ] && echo "1 passed, 0 failed"
exit $bad
