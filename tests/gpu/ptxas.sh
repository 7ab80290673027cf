#!/bin/sh
# The default schedules of examples through ptxas: no spills, no message that wgmma runs serially or that registers are not shared out. With a table (-g FILE; sm_90a alone): the
# registers and the kernel's own shared memory are those of the table, where it was made by this ptxas; HONE_BLESS=1 writes it.
# -a: for these architectures instead of sm_80 and sm_90a; -f: --fp fast; -r: the rows of bench/gpu_rows.txt, variants of one module a kernel
# usage: ptxas.sh HONE ROOT [-g FILE] [-a ARCHS] [-f] [-r] NAME|FILE.hone[:DIMS]…; 77: no ptxas here
set -eu
hone=$1 root=$2 table= archs='sm_80 sm_90a'
shift 2
if [ "$1" = -g ]; then table=$2 archs=sm_90a; shift 2; fi
if [ "$1" = -a ]; then archs=$2; shift 2; fi
fp=reassoc rows=
if [ "$1" = -f ]; then fp=fast; shift; fi
if [ "${1:-}" = -r ]; then
  rows=1
  # shellcheck disable=SC2046
  set -- $(awk '!/^#/ && NF && $1 != "question" && $1 != "tuning" { k = ($4 == "" ? "reassoc" : $4) "@bench/specs/gpu/" $2 ".hone"; k = k "#" 1 + int((of[k]++) / 6); if (!(k in all)) order[++n] = k; all[k] = all[k] ":" $3 }
    END { for (i = 1; i <= n; i++) print order[i] all[order[i]] }' "$root/bench/gpu_rows.txt") # a kernel with six of its rows, which is what compile takes
fi
ptxas=$(command -v ptxas || echo /usr/local/cuda/bin/ptxas)
[ -x "$ptxas" ] || { echo "no ptxas"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0
"$ptxas" --version | sed -n 's/.*, \(V[0-9.]*\).*/# ptxas \1: kernel, architecture, entry, registers, bytes of its own shared memory/p' >"$tmp/table"
for arg; do
  case $arg in *@*) fp=${arg%%@*} arg=${arg#*@} ;; esac # DIMS may be several
  name=${arg%%:*} dims=${arg#"$name"} label=$arg
  [ -z "$rows" ] || label=$name name=${name%#*}
  for arch in $archs; do
    spec=$root/examples/$name/$name.c
    case $name in *.hone) spec=$root/$name ;; esac
    # shellcheck disable=SC2046
    "$hone" compile "$spec" --target $arch --fp $fp --emit ptx -o "$tmp/k.ptx" --db "$tmp/none.db" --on-miss=quiet $(echo "$dims" | sed 's/:/ --dims /g')
    "$ptxas" -v -arch=$arch "$tmp/k.ptx" -o "$tmp/k.cubin" >"$tmp/said" 2>&1 || { cat "$tmp/said"; bad=1; }
    grep -q 'spill stores' "$tmp/said" || { echo "$arg $arch: ptxas says nothing of spills"; bad=1; }
    if grep 'spill stores' "$tmp/said" | grep -qv ' 0 bytes spill stores, 0 bytes spill loads'; then
      echo "$arg $arch spills:"
      grep -A1 'spill' "$tmp/said"
      bad=1
    fi
    if grep -E '\(?C7[56][0-9][0-9]\)?' "$tmp/said"; then
      echo "$arg $arch: ptxas does not take the warp groups as they are"
      bad=1
    fi
    awk -v what="$label $arch" '/Compiling entry function/ { split($0, q, "\047"); entry = q[2] }
      /Used [0-9]+ registers/ { match($0, /Used [0-9]+/); r = substr($0, RSTART + 5, RLENGTH - 5); s = 0
        if (match($0, /[0-9]+ bytes smem/)) s = substr($0, RSTART, RLENGTH - 11)
        print what, entry, r, s }' "$tmp/said" >>"$tmp/table"
  done
done
if [ -n "$table" ] && [ -n "${HONE_BLESS:-}" ]; then
  cp "$tmp/table" "$table"
elif [ -n "$table" ] && [ "$(head -n 1 "$table")" = "$(head -n 1 "$tmp/table")" ]; then
  diff "$table" "$tmp/table" || { echo "registers are not those of the table"; bad=1; }
fi
exit $bad
