#!/bin/sh
# ./dev bench: tunes each row of kernels.txt, measures it beside gcc, clang and OpenBLAS in one process (interleaved rounds, medians), prints ratios and their
# geometric means. Results are kept as JSON lines with --save.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
hone=${HONE:-hone}
budget=20s only= save= db= strategy=local
usage() {
  echo "usage: ./dev bench [--budget 20s] [--only matmul,softmax] [--db FILE] [--strategy local|random|estimate] [--save] [--compile]"
  exit "${1:-0}"
}
compile_speed() { # stage times of the walk: whole commands, medians of 15
  tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
  k=$root/examples/matmul/matmul.c
  "$hone" tune "$k" --dims M=256,N=256,K=256 --trials 4 --db "$tmp/t.db" >/dev/null 2>&1
  time_of() { i=0; while [ $i -lt 15 ]; do s=$(date +%s%N); "$@" >/dev/null 2>&1; e=$(date +%s%N); echo $(( (e - s) / 1000 )); i=$((i + 1)); done | sort -n | sed -n 8p; }
  echo "hone --version                          $(time_of "$hone" --version) us"
  echo "hone check matmul.c                     $(time_of "$hone" check "$k") us"
  echo "hone compile matmul.c, warm database    $(time_of "$hone" compile "$k" --db "$tmp/t.db" -o "$tmp/m.o") us"
  exit 0
}
while [ $# -gt 0 ]; do
  case $1 in
    --budget) budget=$2; shift ;;
    --only) only=$2; shift ;;
    --db) db=$2; shift ;;
    --strategy) strategy=$2; shift ;;
    --save) save=1 ;;
    --compile) compile_speed ;;
    --help|-h) usage ;;
    *) echo "bench: unknown option '$1'" >&2; usage 2 ;;
  esac
  shift
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
db=${db:-$tmp/bench.db}
grep -v '^#' "$here/kernels.txt" | while read -r name dims; do
  [ -n "$name" ] || continue
  if [ -n "$only" ]; then case ",$only," in *",$name,"*) ;; *) continue ;; esac; fi
  spec=$root/examples/$name/$name.c
  "$hone" tune "$spec" --dims "$dims" --budget "$budget" --db "$db" --strategy "$strategy" >"$tmp/tune" 2>&1 || { echo "bench: tuning $name $dims failed:" >&2; cat "$tmp/tune" >&2; }
  "$hone" bench "$spec" --dims "$dims" --db "$db" --json >>"$tmp/rows" 2>"$tmp/err" || { echo "bench: $name $dims failed:" >&2; cat "$tmp/err" >&2; }
done
awk -f "$here/table.awk" "$tmp/rows"
if [ -n "$save" ]; then
  mkdir -p "$here/results"
  model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1 | tr -cs 'A-Za-z0-9' '-' | sed 's/^-//; s/-$//')
  out=$here/results/$(date +%Y-%m-%d)-$model.jsonl
  { printf '{"machine":"%s","cores":%s,"hone":"%s","gcc":"%s","clang":"%s","budget":"%s"}\n' "$model" "$(nproc)" "$("$hone" --version)" \
      "$(gcc -dumpfullversion)" "$(clang-22 -dumpversion 2>/dev/null || echo none)" "$budget"; cat "$tmp/rows"; } >"$out"
  echo "kept in ${out#"$root"/}"
fi
