#!/bin/sh
# Compiles each example through hone (and once through cc as the reference), links its caller, runs it.
# usage: run.sh HONE [NAME…]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
hone=$1
shift
[ $# -gt 0 ] || set -- $(cd "$here" && for d in */main.c; do dirname "$d"; done | grep -v "^build$")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
for name in "$@"; do
  out=$tmp/$name
  mkdir -p "$out"
  fn=$(sed -n 's/^void \([a-z0-9_]*\)(.*/\1/p' "$here/$name/$name.c" | head -n 1)
  cc -w -O1 -ffp-contract=off -D"$fn=${fn}_ref" -c "$here/$name/$name.c" -o "$out/ref.o"
  for spec in "$here/$name/$name.c" "$here/$name/$name.hone"; do
    [ -f "$spec" ] || continue
    if "$hone" compile "$spec" -o "$out/hone.o" --header "$out/$name.h" --db "$tmp/none.db" --on-miss=quiet 2>"$out/log" || { cat "$out/log"; false; }; then
      if cc -O1 -I"$out" -I"$here" "$here/$name/main.c" "$out/hone.o" "$out/ref.o" -lm -o "$out/main" && "$out/main" >"$out/said" 2>&1; then
        echo "ok $(basename "$spec")"
      else
        echo "not ok $(basename "$spec")"; cat "$out/said" 2>/dev/null || true; bad=$((bad + 1))
      fi
    else
      echo "not ok $(basename "$spec") (compile)"; bad=$((bad + 1))
    fi
  done
done
[ "$bad" = 0 ]
