#!/bin/sh
# ./dev bench: tunes each row of rows.txt, then measures hone's objects (tuned, default schedule) beside every peer that is present: interleaved rounds, medians of the
# rounds' ratios, and the floor of the machine measured in the same run. docs/bench.md says how to read it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
build=${HONE_BUILD_DIR:-$root/build}
hone=${HONE:-$build/compiler/hone}
out=$build/bench
budget=20s trials= only= family= dims= save= db= strategy=forest threads=1 quick= json= tune=1 peers=1 fp=reassoc pythons="onnxruntime openvino torch jax halide" without= cc= seconds=3 plot= cpu= venv=$root/.cache/peers

usage() {
  cat <<'EOF'
usage: ./dev bench [OPTIONS]
  --family F,G       only these families: product product64 small fused conv rows attention loops
  --only K,L         only these kernels      --dims TEXT  only rows whose dims contain TEXT
  --quick            a few rows of each family
  --budget 20s       tuning time of a row    --trials N   instead   --no-tune  what the database has (or the default schedule)
  --db FILE          tuning database (default: a fresh one)         --strategy forest|local|random|estimate
  --threads N        of hone and of the peers
  --cpu C            haswell or x86-64-v2: hone, the C compilers, the floor, and the peers that can be told, for that CPU
  --seconds S        of measuring a row, about (3)
  --cc               gcc and clang for all rows (they always stand beside family loops)
  --no-peers         no libraries           --no-python  only those with a C interface   --without P,Q  all but these
  --json             JSON lines instead of tables
  --save             keep the JSON lines in bench/results, and their drawing beside them
  --plot FILE        also an SVG
  --table FILE       tables (and --plot) of kept JSON lines; measures nothing      --summary  a line a family, in Markdown, instead of tables
  --compile          how long building takes, by stage; nothing else
  --search           what 30 s of tuning find beside 10 minutes (12 minutes; LONG, SHORT, KERNEL and DIMS in the environment say otherwise); nothing else
  --peers            install the peers that can be had (apt, and PyPI into .cache/peers); nothing else
EOF
  exit "${1:-0}"
}

cc_flags="-std=gnu17 -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Wshadow -D_GNU_SOURCE -I$root"
build_driver() {
  mkdir -p "$out"
  stamp="$march $build"
  [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ] && [ -z "$(find "$here" -name '*.[ch]' -newer "$out/stamp")" ] && return 0 # nothing has changed
  rm -f "$out"/*.so "$out/stamp"
  for f in driver kernels panels python; do "${CC:-cc}" $cc_flags -O2 -c "$here/$f.c" -o "$out/$f.o"; done
  "${CC:-cc}" $cc_flags -O3 -march=$march -ffast-math -c "$here/floor.c" -o "$out/floor.o"
  "${CC:-cc}" -rdynamic "$out/driver.o" "$out/kernels.o" "$out/panels.o" "$out/python.o" "$out/floor.o" -o "$out/bench_row" -ldl -lm -lpthread
  echo "$stamp" >"$out/stamp"
}
listed() { case ",$1," in *",$2,"*) return 0 ;; *) return 1 ;; esac; }
# A peer's plugin, when the library (and its header) is there. args: name, source, flags
plugin() {
  name=$1 source=$2; shift 2
  listed "$without" "$name" && return 0
  if [ -f "$out/$name.so" ] || "${CC:-cc}" $cc_flags -O2 -fPIC -shared "$here/peers/$source" -o "$out/$name.so" "$@" 2>"$out/$name.log"; then
    plugins="$plugins --peer $out/$name.so"
  else
    missing="$missing $name"
  fi
}
find_peers() {
  plugins= python= missing=
  [ -n "$peers" ] || return 0
  for lib in openblas:libopenblas.so.0 blis:libblis.so.4 mkl:$(ls "$venv"/lib/libmkl_rt.so.* 2>/dev/null | tail -n 1); do
    if [ -n "${lib#*:}" ] && "$out/bench_row" --have "${lib#*:}"; then plugin "${lib%%:*}" cblas.c "-DPEER=\"${lib%%:*}\"" "-DLIBRARY=\"${lib#*:}\""
    else missing="$missing ${lib%%:*}"; fi
  done
  plugin onednn onednn.c -ldnnl
  plugin libxsmm xsmm.c -lxsmm -lxsmmnoblas -ldl -lpthread -lm
  plugin xnnpack xnnpack.c -lXNNPACK -lpthreadpool
  for p in $pythons; do
    listed "$without" "$p" && continue
    if [ -x "$venv/bin/python3" ] && "$venv/bin/python3" -c "import importlib.util as u, sys; sys.exit(u.find_spec('$p') is None)" 2>/dev/null; then
      python="$python $p"
    else missing="$missing $p"; fi
  done
  [ -z "$missing" ] || echo "bench: peers that are not here:$missing (./dev bench --peers installs what can be had)" >&2
}

spec_of() {
  for f in "$here/specs/$1.c" "$here/specs/$1.hone" "$root/examples/$1/$1.c"; do [ -f "$f" ] && { echo "$f"; return; }; done
  echo "bench: no specification of '$1'" >&2
  exit 1
}
shared() { "${CC:-cc}" -shared -o "$2" "$1" "$build/runtime/libhone_rt.a" -lm -lpthread; }

# Those of the Python peers that have something of a family, as arguments: starting one takes seconds.
python_of() {
  for p in $python; do
    case $1:$p in loops:halide|product:*) ;; loops:*|*:halide) continue ;; esac
    printf ' --python %s %s %s' "$venv/bin/python3" "$here/peers.py" "$p"
  done
}

# args: specification, dims
tuned() {
  [ -n "$tune" ] || return 0
  "$hone" tune "$1" --dims "$2" ${trials:+--trials $trials} --budget "$budget" --db "$db" --strategy "$strategy" --threads "$threads" --fp $fp ${cpu:+--cpu $cpu} >"$tmp/log" 2>&1 ||
    { echo "bench: tuning $1 $2 failed:" >&2; cat "$tmp/log" >&2; }
}
# args: specification, dims, database, name of the form: compiled and linked as $tmp/NAME.so
object() {
  "$hone" compile "$1" --dims "$2" --db "$3" --on-miss=quiet --threads "$threads" --fp $fp ${cpu:+--cpu $cpu} -o "$tmp/$4.o" >"$tmp/log" 2>&1 && shared "$tmp/$4.o" "$tmp/$4.so" 2>"$tmp/log" && return 0
  echo "bench: compiling $1 $2 ($4) failed:" >&2
  cat "$tmp/log" >&2
  return 1
}

# One row: objects of hone (tuned first: all ratios are to it; where there is a kernel for weights in panels, that too), of the C compilers where asked, then the peers.
row() { # family kernel dims
  spec=$(spec_of "$2") objects= laid=
  for f in "$here/specs/panels/$2.c" "$here/specs/panels/$2.hone"; do [ -f "$f" ] && laid=$f; done
  tuned "$spec" "$3"
  object "$spec" "$3" "$db" hone && objects="--object hone=$tmp/hone.so"
  object "$spec" "$3" "$tmp/none.db" default && objects="$objects --object default=$tmp/default.so"
  if [ -n "$laid" ] && paneled=$("$out/bench_row" --panel-dims "$2" "$3"); then
    tuned "$laid" "$paneled"
    object "$laid" "$paneled" "$db" panels && objects="$objects --panels panels=$tmp/panels.so"
  fi
  case $1:$cc:$spec in
    loops:*.c|*:1:*.c)
      flags="-O3 -march=$march -ffast-math -shared -fPIC -I$root/examples"
      gcc $flags "$spec" -o "$tmp/gcc.so" -lm 2>/dev/null && objects="$objects --object gcc=$tmp/gcc.so"
      clang-22 $flags "$spec" -o "$tmp/clang.so" -lm 2>/dev/null && objects="$objects --object clang=$tmp/clang.so"
      clang-22 $flags -mllvm -polly "$spec" -o "$tmp/polly.so" -lm 2>/dev/null && objects="$objects --object polly=$tmp/polly.so" ;;
  esac
  "$out/bench_row" "$1" "$2" "$3" --threads "$threads" --seconds "$seconds" $objects $plugins $(python_of "$1") >"$tmp/row" 2>"$tmp/log" || { echo "bench: measuring $2 $3 failed:" >&2; tail -n 5 "$tmp/log" >&2; }
  grep '^bench:' "$tmp/log" >&2 || true
  label=$2
  [ $fp = reassoc ] || label="$2 --fp $fp"
  sed -n "/^{/s/\"kernel\":\"$2\"/\"kernel\":\"$label\"/p" "$tmp/row" >"$tmp/lines"
  cat "$tmp/lines" >>"$tmp/rows"
  [ -z "$json" ] || cat "$tmp/lines"
}

rows() {
  grep -v '^#' "$here/rows.txt" | while read -r f k d q; do
    [ -n "$f" ] || continue
    case " $q " in *" fast "*) fp=fast ;; *) fp=reassoc ;; esac
    [ -z "$family" ] || listed "$family" "$f" || continue
    [ -z "$only" ] || listed "$only" "$k" || continue
    [ -z "$dims" ] || case $d in *"$dims"*) ;; *) continue ;; esac
    [ -z "$quick" ] || case " $q " in *" quick "*) ;; *) continue ;; esac
    row "$f" "$k" "$d" </dev/null
  done
}

show() { # jsonl
  [ -n "$json" ] || awk -f "$here/$table.awk" "$1"
  [ -z "$plot" ] || awk -f "$here/plot.awk" "$1" >"$plot"
}
keep() {
  mkdir -p "$here/results"
  model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1 | tr -cs 'A-Za-z0-9' '-' | sed 's/^-//; s/-$//')
  file=$here/results/$(date +%Y-%m-%d)-$model-${threads}t.jsonl
  { printf '{"machine":"%s","cores":%s,"date":"%s","hone":"%s","gcc":"%s","clang":"%s","budget":"%s","missing":"%s"}\n' "$model" "$(nproc --all)" "$(date -u +%Y-%m-%dT%H:%MZ)" \
      "$("$hone" --version)" "$(gcc -dumpfullversion)" "$(clang-22 -dumpversion 2>/dev/null || echo none)" "${trials:+$trials trials}${trials:-$budget}" "${missing# }"; cat "$tmp/rows"; } >"$file"
  awk -f "$here/plot.awk" "$file" >"${file%.jsonl}.svg"
  echo "kept in ${file#"$root"/}" >&2
}

stored= table=table
while [ $# -gt 0 ]; do
  case $1 in
    --budget) budget=$2; shift ;;
    --trials) trials=$2; shift ;;
    --family) family=$2; shift ;;
    --only) only=$2; shift ;;
    --dims) dims=$2; shift ;;
    --db) db=$2; shift ;;
    --strategy) strategy=$2; shift ;;
    --threads) threads=$2; shift ;;
    --seconds) seconds=$2; shift ;;
    --plot) plot=$2; shift ;;
    --cpu) cpu=$2; shift ;;
    --table) stored=$2; shift ;;
    --quick) quick=1 ;;
    --summary) table=summary ;;
    --json) json=1 ;;
    --no-tune) tune= ;;
    --no-peers) peers= ;;
    --no-python) pythons= ;;
    --without) without=$2; shift ;;
    --cc) cc=1 ;;
    --save) save=1 ;;
    --suite) [ "${2-}" = c ] || { echo "bench: --suite c" >&2; exit 2; }
      shift 2; HONE=$hone exec sh "$here/suite_c.sh" "$@" ;;
    --compile) HONE=$hone exec sh "$here/compile.sh" ;;
    --search) HONE=$hone exec sh "$here/search.sh" ;;
    --peers) exec sh "$here/install.sh" "$venv" ;;
    --help|-h) usage ;;
    *) echo "bench: unknown option '$1'" >&2; usage 2 >&2 ;;
  esac
  shift
done
if [ -n "$stored" ]; then show "$stored"; exit 0; fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
db=${db:-$tmp/bench.db}
: >"$tmp/rows"
# Peers at their best, whatever the environment says: pinned threads; BLIS, which does not know every AVX-512 machine, gets the kernels it has for one.
unset $(env | sed -n 's/^\(OPENBLAS_[A-Z0-9_]*\|GOTO_[A-Z0-9_]*\|BLIS_[A-Z0-9_]*\|MKL_[A-Z0-9_]*\|ONEDNN_[A-Z0-9_]*\|DNNL_[A-Z0-9_]*\|KMP_[A-Z0-9_]*\|OMP_[A-Z0-9_]*\|ATEN_[A-Z0-9_]*\|XLA_FLAGS\)=.*/\1/p') HONE_NONE
ulimit -s unlimited 2>/dev/null || true # the C compilers put temporaries of any size on the stack
export OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads BLIS_NUM_THREADS=$threads MKL_NUM_THREADS=$threads HONE_NUM_THREADS=$threads
if [ "$threads" = 1 ]; then export MKL_THREADING_LAYER=SEQUENTIAL; else export MKL_THREADING_LAYER=GNU; fi
march=native deaf=xnnpack,onnxruntime,openvino,halide # those that cannot be told which instructions to use
case $cpu in
  '') if grep -q avx512vl /proc/cpuinfo; then export BLIS_ARCH_TYPE=0; fi ;;
  haswell) march=haswell without=$without,$deaf; export LIBXSMM_TARGET=hsw OPENBLAS_CORETYPE=Haswell BLIS_ARCH_TYPE=3 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 ATEN_CPU_CAPABILITY=avx2 XLA_FLAGS=--xla_cpu_max_isa=AVX2 ;;
  x86-64-v2) march=x86-64-v2 without=$without,$deaf; export LIBXSMM_TARGET=wsm OPENBLAS_CORETYPE=Nehalem BLIS_ARCH_TYPE=5 ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2 ATEN_CPU_CAPABILITY=default XLA_FLAGS=--xla_cpu_max_isa=SSE4_2 ;;
  *) echo "bench: --cpu haswell or x86-64-v2" >&2; exit 2 ;;
esac
build_driver
find_peers
rows
[ -s "$tmp/rows" ] || { echo "bench: no rows" >&2; exit 1; }
show "$tmp/rows"
[ -z "$save" ] || keep
