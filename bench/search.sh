#!/bin/sh
# ./dev bench --search: is a short search enough? A product is tuned once for long, then three times for short with other seeds, each from an empty database; every short
# winner then runs beside the long one's, in the rounds of one `hone bench`. Quiet machines only: the searches run one after the other, and each sees its own noise.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
hone=${HONE:-$root/build/compiler/hone} long=${LONG:-600s} short=${SHORT:-30s} kernel=${KERNEL:-$root/examples/matmul/matmul.c} dims=${DIMS:-M=1024,N=1024,K=1024}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# args: budget, seed, database
search() { "$hone" tune "$kernel" --dims "$dims" --budget "$1" --seed "$2" --db "$3" | sed "s/^/  /"; }
winner() { "$hone" why "$kernel" --dims "$dims" --db "$1" | sed -n '/^  schedule/{n;s/^ *//;p;q;}'; }

echo "$(basename "$kernel") $dims: searched for $long"
search "$long" 1 "$tmp/long.db"
for seed in 1 2 3; do
  echo "for $short, seed $seed; then its winner beside that of $long"
  search "$short" "$seed" "$tmp/$seed.db"
  "$hone" bench "$kernel" --dims "$dims" --db "$tmp/long.db" --schedule "$(winner "$tmp/$seed.db")" | grep -E 'schedule|winner'
done
