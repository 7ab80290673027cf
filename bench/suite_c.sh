#!/bin/sh
# ./dev bench --suite c: the functions of tests/source/corpus (or of the files named) as hone compiles them, beside gcc, clang and clang + Polly at
# -O3 -march=native -ffast-math. docs/bench.md says how to read it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
build=${HONE_BUILD_DIR:-$root/build}
hone=${HONE:-$build/compiler/hone}
suite=${HONE_SUITE:-$build/bench/suite_c}
only= json= seconds=0.25 budget= trials= sizes=$here/sizes.txt db= files= fp=reassoc

usage() {
  cat <<'USAGE'
usage: ./dev bench --suite c [OPTIONS] [FILE.c...]
  --only F,G        only these functions           --seconds S  of measuring a function, about (0.25)
  --budget 5s       tune each raised function and each part first, so long      --trials N  instead
  --db FILE         tuning database (default: none; with --budget or --trials a fresh one)
  --sizes FILE      what the functions are called with (bench/sizes.txt)
  --fp strict       as for hone compile
  --json            JSON lines instead of a table
USAGE
  exit "${1:-0}"
}
while [ $# -gt 0 ]; do
  case $1 in
    --only) only=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --budget) budget=$2; shift ;;
    --trials) trials=$2; shift ;;
    --db) db=$2; shift ;;
    --sizes) sizes=$2; shift ;;
    --fp) fp=$2; shift ;;
    --json) json=1 ;;
    --help|-h) usage ;;
    -*) echo "bench: unknown option '$1' of --suite c" >&2; usage 2 >&2 ;;
    *) files="$files $1" ;;
  esac
  shift
done
[ -n "$files" ] || files=$(ls "$root"/tests/source/corpus/*.c)
[ -r "$sizes" ] || { echo "bench: no file '$sizes'" >&2; exit 2; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
db=${db:-$tmp/bench.db}

# Tuning: every raised function and part at its sizes. A part's dims that are counters have no value, then the default schedule stays.
tune() { # file
  "$hone" check --json "$1" 2>/dev/null | sed -n 's/^{"name":"\([A-Za-z0-9_]*\)","status":"\(raised\|parts\)".*/\1/p' | while read -r f; do
    [ -z "$only" ] || case ",$only," in *",$f,"*) ;; *) continue ;; esac
    dims=$(awk -v f="$f" '$1 == f { for (i = 2; i <= NF; i++) if ($i ~ /=[0-9]+$/) s = s (s == "" ? "" : ",") $i } END { print s }' "$sizes")
    "$hone" tune "$1" --only "$f" ${dims:+--dims "$dims"} ${trials:+--trials $trials} ${budget:+--budget $budget} --fp $fp --db "$db" >"$tmp/log" 2>&1 ||
      "$hone" tune "$1" --only "$f" ${trials:+--trials $trials} ${budget:+--budget $budget} --fp $fp --db "$db" >"$tmp/log" 2>&1 || { echo "bench: tuning $f failed:" >&2; tail -n 2 "$tmp/log" >&2; }
  done
}

cflags="-std=gnu17 -w -O3 -march=native -ffast-math -fPIC"
# The callers hold the file's data, too.
link() { "${CC:-cc}" -shared -Wl,-Bsymbolic,-z,muldefs -o "$tmp/$1.so" "$tmp/callers.o" "$tmp/$1.o" -lm 2>/dev/null && forms="$forms $1"; }
measure() { # file
  forms=
  rm -f "$tmp"/*.so "$tmp"/*.o
  "$hone" compile "$1" -o "$tmp/hone.o" --header "$tmp/hone.h" --db "$db" --on-miss=quiet -Wno-not-raised --fp $fp 2>"$tmp/log" || { cat "$tmp/log" >&2; return 1; }
  "$suite" --callers "$tmp" "$1"
  "${CC:-cc}" -std=gnu17 -w -O1 -fPIC -c "$tmp/callers.c" -o "$tmp/callers.o"
  link hone || { echo "bench: cannot link hone's object of $1" >&2; return 1; }
  if command -v gcc >/dev/null && gcc $cflags -c "$1" -o "$tmp/gcc.o"; then link gcc || true; fi
  if command -v clang-22 >/dev/null; then
    if clang-22 $cflags -c "$1" -o "$tmp/clang.o"; then link clang || true; fi
    if clang-22 $cflags -mllvm -polly -c "$1" -o "$tmp/polly.o" 2>/dev/null; then link polly || true; fi
  fi
  "${CC:-cc}" -std=gnu17 -w -O1 -ffp-contract=off -fPIC -c "$1" -o "$tmp/plain.o" && link plain
  "$suite" --measure "$tmp" "$sizes" "$seconds" "$only" "$1" $forms
}

ulimit -s unlimited 2>/dev/null || true # the C compilers put arrays of any size on the stack
: >"$tmp/rows"
for f in $files; do
  [ -z "$budget$trials" ] || tune "$f" </dev/null
  measure "$f" </dev/null >"$tmp/part"
  [ -z "$json" ] || cat "$tmp/part"
  cat "$tmp/part" >>"$tmp/rows"
done
[ -s "$tmp/rows" ] || { echo "bench: no such function" >&2; exit 1; }
[ -n "$json" ] || awk -f "$here/suite_c.awk" "$tmp/rows"
