#!/bin/sh
# ./dev bench --gpu: hone's kernels on the GPU of this machine, beside what is installed there. Two halves, so that the GPU's time is spent on measuring and its machine
# needs no compiler: --prepare (anywhere) makes bundles of candidates, the other half measures them with hone-runner. docs/gpu.md says how to read it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
build=${HONE_BUILD_DIR:-$root/build}
hone=${HONE:-$build/compiler/hone}
out=$build/gpu-bench rows=$here/gpu_rows.txt arch=sm_90a candidates=12 seconds=540 row_seconds=60 device=0 prepare= save= json= peers=1 emulate= ptxas=
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
wide=8 # a tuning row has so many times as many candidates: all of them stand for an exhaustive search

usage() {
  cat <<'EOF'
usage: ./dev bench --gpu [OPTIONS]
  --prepare          make the bundles (no GPU needed) in BUILD/gpu-bench, and stop: carry that folder, hone-runner and hone-worker lie in it
  --arch sm_90a      the architecture to prepare for
  --candidates N     how many schedules a row, beside the default one (12)
  --ptxas FILE|none  as for hone
  --jobs N           rows that are prepared at the same time (one a processor)
  --rows FILE        other rows than bench/gpu_rows.txt
  --seconds S        when to stop beginning rows (540)
  --row-seconds S    the most that one of them may take (60; tuning rows twice as long)
  --device N         which GPU (0)      --emulate  the emulator instead (modelled; only for small rows)
  --no-peers         hone alone; else cuBLAS, and PyTorch, Triton, FlashAttention where python3 has them
  --json             the JSON lines instead of the table
  --save             keep the JSON lines in bench/results
exit codes: 0 measured (prepared), 1 rows that could not be prepared, 2 usage, 5 no GPU here (it says why), others as hone-runner
EOF
  exit "$1"
}
while [ $# -gt 0 ]; do
  case $1 in
  --gpu) ;;
  --prepare) prepare=1 ;;
  --arch) arch=$2; shift ;;
  --candidates) candidates=$2; shift ;;
  --ptxas) ptxas="--ptxas $2"; shift ;;
  --rows) rows=$2; shift ;;
  --seconds) seconds=$2; shift ;;
  --row-seconds) row_seconds=$2; shift ;;
  --jobs) jobs=$2; shift ;;
  --device) device=$2; shift ;;
  --emulate) emulate=1 ;;
  --no-peers) peers= ;;
  --json) json=1 ;;
  --save) save=1 ;;
  --help) usage 0 ;;
  *) echo "bench: unknown option '$1'" >&2; usage 2 >&2 ;;
  esac
  shift
done

stamp() { { echo "$arch $candidates $ptxas"; cat "$rows" "$here"/specs/gpu/* "$hone" 2>/dev/null; } | cksum; }
# The bundle of row number n, as an archive (the folder has to travel), and its name; 1: there is none, and it was said why.
make_row() { # n family kernel dims fp edit
  row=$(printf '%03d' "$1")
  b=$out/$row family=$2 kernel=$3 dims=$4 fp=$5 edit=$6
  spec=$here/specs/gpu/$kernel.hone many=$candidates
  echo "bench: preparing $kernel $dims${edit:+ ($edit)}" >&2
  set -- --target "$arch" --dims "$dims" --fp "${fp:-reassoc}"
  if [ "$family" = question ]; then # the default schedule against it with the edit, nothing else
    def=$("$hone" why "$spec" "$@" --db "$out/none.db" | awk '/^  schedule/ { getline; sub(/^ +/, ""); print; exit }')
    given=$(printf '%s\n' "$def" | sed "$edit")
    [ "$given" != "$def" ] || { echo "bench: $kernel $dims: '$edit' changes nothing in: $def" >&2; return 1; }
    set -- "$@" --schedule "$given"
    many=1
  fi
  [ "$family" != tuning ] || many=$((candidates * wide))
  # shellcheck disable=SC2086
  "$hone" tune "$spec" "$@" --emit-bundle "$b" --trials "$many" $ptxas >/dev/null </dev/null || { echo "bench: not prepared: $kernel $dims${edit:+ ($edit)}" >&2; rm -rf "$b"; return 1; }
  [ "$family" != question ] || printf '%s' "$edit" >"$b/question"
  [ "$family" != tuning ] || echo "$candidates" >"$b/tuning"
  mv "$b/hone-runner" "$b/hone-worker" "$out"
  echo "$kernel $dims${edit:+ ($edit)}" >"$b.row"
  tar -czf "$b.tar.gz" -C "$out" "$row" && rm -rf "$b"
}
# Every row in order, of which this one makes those whose turn it is.
make_share() { # share
  n=0
  while read -r family kernel dims fp edit; do
    case $family in ''|'#'*) continue ;; esac
    n=$((n + 1))
    [ $((n % jobs)) = "$1" ] || continue
    make_row $n "$family" "$kernel" "$dims" "$fp" "$edit" || echo $n >>"$out/missing"
  done <"$rows"
}
# A bundle a row, several at a time; the two programs once for all. A row that cannot be prepared, and a question whose edit changes nothing, keep none of the others from it, but
# make --prepare fail.
make_bundles() {
  rm -rf "$out"
  mkdir -p "$out"
  : >"$out/missing"
  share=0
  while [ $share -lt "$jobs" ]; do
    make_share $share &
    share=$((share + 1))
  done
  wait
  n=$(grep -c '^[a-z]' "$rows") missing=$(wc -l <"$out/missing")
  stamp >"$out/stamp"
}

if [ -n "$prepare" ] || [ ! -f "$out/stamp" ] || { [ -x "$hone" ] && "$hone" --version >/dev/null 2>&1 && [ "$(cat "$out/stamp")" != "$(stamp)" ]; }; then make_bundles; fi
[ "${missing:-0}" = 0 ] || [ -z "$prepare" ] || { echo "bench: $missing of $n rows are not prepared" >&2; exit 1; }
[ -z "$prepare" ] || { echo "prepared: $out ($(find "$out" -name '*.tar.gz' | wc -l) rows, $(du -sk "$out" | cut -f1) KiB)"; exit 0; }

if [ -z "$emulate" ] && ! why=$("$out/hone-worker" --probe "$device" 2>&1); then
  echo "bench: no GPU to measure on: $why" >&2
  exit 5
fi
lines=$out/lines.jsonl
: >"$lines"
begin=$(date +%s)
peer_s=$((seconds / 3))
if [ -n "$peers" ] && [ -z "$emulate" ]; then
  if command -v python3 >/dev/null 2>&1; then timeout -k 5 "$((peer_s + 30))" python3 "$here/gpu_peers.py" "$rows" "$device" "$peer_s" >>"$lines" || echo "bench: the peers ended early" >&2
  else echo "bench: no python3, so no peers" >&2; fi
fi
for archive in "$out"/[0-9][0-9][0-9].tar.gz; do
  b=${archive%.tar.gz} left=$((seconds - ($(date +%s) - begin)))
  [ "$left" -gt 5 ] || { echo "bench: the time is up; not measured: $(cat "$b.row") and what follows" >&2; break; }
  tar -xzf "$archive" -C "$out" || { echo "bench: $archive is damaged: $(cat "$b.row") was not measured" >&2; continue; }
  how="--device $device --cold"
  [ -z "$emulate" ] || how=--emulate
  most=$row_seconds more=
  if [ -f "$b/question" ]; then more=",\"question\":\"$(sed 's/[\\&|"]/./g' "$b/question")\""; fi
  if [ -f "$b/tuning" ]; then most=$((2 * row_seconds)) more=",\"tuning\":$(cat "$b/tuning")"; fi
  # shellcheck disable=SC2086
  timeout -k 5 $((left < most ? left : most)) "$out/hone-runner" "$b" $how --json -o "$b.hone.jsonl" >"$b/lines" || echo "bench: $(cat "$b.row") was not measured" >&2
  sed 's|}$|'"$more"'}|' "$b/lines" >>"$lines"
  rm -rf "$b"
done
if [ -n "$json" ]; then cat "$lines"; else awk -f "$here/gpu_table.awk" "$lines"; fi
if [ -n "$save" ]; then
  name=$(sed -n 's/.*"form":"hone".*"device":"\([^",]*\).*/\1/p' "$lines" | head -n 1 | tr -c 'A-Za-z0-9\n' '-')
  cp "$lines" "$here/results/$(date +%F)-${name:-gpu}.jsonl"
  echo "kept: bench/results/$(date +%F)-${name:-gpu}.jsonl"
fi
grep -q '"form":"hone"' "$lines" || { echo "bench: nothing was measured" >&2; exit 5; }
