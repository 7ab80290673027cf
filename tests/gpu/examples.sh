#!/bin/sh
# Every example as GPU kernels on the emulator, against the interpreter. usage: examples.sh HONE ROOT GPU_CHECK
set -eu
hone=$1 root=$2 check=$3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
while read -r name dims; do
  case $name in ''|'#'*) continue ;; esac
  "$hone" compile "$root/examples/$name/$name.c" --emit tensor -o "$tmp/$name.hone" --db "$tmp/none.db" --on-miss=quiet
  "$check" "$tmp/$name.hone" "$dims" >"$tmp/said" 2>&1 || { cat "$tmp/said"; bad=$((bad + 1)); }
done <"$root/tests/gpu/examples.txt"
for d in "$root"/examples/*/main.c; do
  name=$(basename "$(dirname "$d")")
  grep -q "^$name " "$root/tests/gpu/examples.txt" || [ "$name" = build ] || { echo "not listed: $name"; bad=$((bad + 1)); }
done
[ "$bad" = 0 ]
