#!/bin/sh
# tests/gpu/engine.c through the emulator (symbolic and bound dims, sm_80 and sm_90a), and their default schedules at large dims. With -p instead: these through ptxas, nothing spills.
# usage: engine.sh [-p] HONE ROOT GPU_CHECK; 77: no ptxas here
set -eu
assemble=
if [ "$1" = -p ]; then assemble=1; shift; fi
hone=$1 root=$2 check=$3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ptxas=$(command -v ptxas || echo /usr/local/cuda/bin/ptxas)
[ -z "$assemble" ] || [ -x "$ptxas" ] || { echo "no ptxas"; exit 77; }
src=$root/tests/gpu/engine.c
bad=0
while read -r name fp small large wants; do
  case $name in ''|'#'*) continue ;; esac
  if [ -n "$assemble" ]; then
    "$hone" compile "$src" --only "$name" --target sm_90a --fp "$fp" --dims "$large" --emit ptx -o "$tmp/k.ptx" --db "$tmp/none.db" --on-miss=quiet </dev/null
    "$ptxas" -v -arch=sm_90a "$tmp/k.ptx" -o "$tmp/k.cubin" >"$tmp/said" 2>&1 </dev/null || bad=$((bad + 1))
    if grep 'spill stores' "$tmp/said" | grep -v ' 0 bytes spill stores, 0 bytes spill loads' || grep -E 'C7[56][0-9][0-9]' "$tmp/said"; then
      echo "not ok: $name: what ptxas says"
      bad=$((bad + 1))
    fi
    continue
  fi
  allow=
  [ "$fp" = reassoc ] || allow=-f
  "$hone" compile "$src" --only "$name" --emit tensor -o "$tmp/$name.hone" --db "$tmp/none.db" --on-miss=quiet
  # shellcheck disable=SC2086
  "$check" $allow "$tmp/$name.hone" "$small" >"$tmp/said" 2>&1 </dev/null || { cat "$tmp/said"; bad=$((bad + 1)); }
  "$hone" why "$src" --only "$name" --target sm_90a --fp "$fp" --dims "$large" --db "$tmp/none.db" >"$tmp/said" 2>&1 </dev/null || bad=$((bad + 1))
  grep -q "$wants" "$tmp/said" || { echo "not ok: $name: no '$wants' in"; cat "$tmp/said"; bad=$((bad + 1)); }
done <"$root/tests/gpu/engine.txt"
[ -z "$assemble" ] || exit $bad
# What cannot be computed by all threads at once says why.
echo 'void cumsum(int R, int C, const float x[R][C], float y[R][C]) { for (int r = 0; r < R; r++) { float s = 0; for (int c = 0; c < C; c++) { s += x[r][c]; y[r][c] = s; } } }' >"$tmp/c.c"
"$hone" compile "$tmp/c.c" --target sm_90a -o "$tmp/c.o" --db "$tmp/none.db" >"$tmp/said" 2>&1 && { echo "not ok: a recurrence on a GPU"; bad=$((bad + 1)); }
grep -q "recurrence" "$tmp/said" || { cat "$tmp/said"; bad=$((bad + 1)); }
[ "$bad" = 0 ]
