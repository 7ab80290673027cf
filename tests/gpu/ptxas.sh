#!/bin/sh
# The default schedules of examples through ptxas: no spills. usage: ptxas.sh HONE ROOT NAME|FILE.hone[:DIMS]…; 77: no ptxas here
set -eu
hone=$1 root=$2
shift 2
ptxas=$(command -v ptxas || echo /usr/local/cuda/bin/ptxas)
[ -x "$ptxas" ] || { echo "no ptxas"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
for arg; do
  name=${arg%%:*} dims=${arg#"$name"}
  for arch in sm_80 sm_90a; do
    spec=$root/examples/$name/$name.c
    case $name in *.hone) spec=$root/$name ;; esac
    "$hone" compile "$spec" --target $arch --emit ptx -o "$tmp/k.ptx" --db "$tmp/none.db" --on-miss=quiet ${dims:+--dims "${dims#:}"}
    "$ptxas" -v -arch=$arch "$tmp/k.ptx" -o "$tmp/k.cubin" >"$tmp/said" 2>&1 || { cat "$tmp/said"; bad=1; }
    grep -q 'spill stores' "$tmp/said" || { echo "$arg $arch: ptxas says nothing of spills"; bad=1; }
    if grep 'spill stores' "$tmp/said" | grep -qv ' 0 bytes spill stores, 0 bytes spill loads'; then
      echo "$arg $arch spills:"
      grep -A1 'spill' "$tmp/said"
      bad=1
    fi
  done
done
exit $bad
