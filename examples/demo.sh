#!/bin/sh
# ./dev demo: two real kernels from a C function to a tuned object, and what was gained.
set -eu
hone=${HONE:-hone}
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
db=$tmp/demo.db
budget=${1:-15s}
run() { echo "\$ hone $*"; "$hone" "$@"; echo; }
for k in "matmul M=512,N=512,K=512" "attention H=8,T=512,S=512,D=64"; do
  name=${k%% *}
  dims=${k#* }
  cp "$here/$name/$name.c" "$tmp/"
  cd "$tmp"
  run tune "$name.c" --dims "$dims" --budget "$budget" --db "$db"
  run bench "$name.c" --dims "$dims" --db "$db"
  run compile "$name.c" -o "$name.o" --header "$name.h" -MD --db "$db"
  cc -w -O1 -ffp-contract=off -D"$name=${name}_ref" -c "$name.c" -o ref.o
  cc -O1 -I. -I"$here" "$here/$name/main.c" "$name.o" ref.o -lm -o main
  echo "\$ cc main.c $name.o -o main && ./main"
  ./main
  echo
done
