#!/bin/sh
# A kernel in a make, a meson and a CMake project: configured, built, run; nothing re-run when nothing changed; a touched header rebuilds exactly that.
# usage: build_systems.sh HONE SOURCE_ROOT
set -eu
hone=$(realpath "$1")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp -r "$2/examples/build" "$tmp/p"
mkdir "$tmp/bin"
printf '#!/bin/sh\necho run >>"%s/runs"\nexec "%s" "$@"\n' "$tmp" "$hone" >"$tmp/bin/hone"
chmod +x "$tmp/bin/hone"
PATH=$tmp/bin:$PATH
HONE_DB=$tmp/none.db
export PATH HONE_DB
bad=0
runs() { wc -l <"$tmp/runs"; }
expect() { if [ "$2" != "$3" ]; then echo "not ok $1: got '$2', expected '$3'"; bad=1; else echo "ok $1"; fi; }
cycle() { # name, build command, program
  : >"$tmp/runs"
  eval "$2" >"$tmp/log" 2>&1 || { echo "not ok $1"; cat "$tmp/log"; bad=1; return; }
  expect "$1: runs" "$("$3")" "1 5"
  expect "$1: one run of hone" "$(runs)" 1
  eval "$2" >"$tmp/log" 2>&1
  expect "$1: nothing to do" "$(runs)" 1
  sleep 1.1
  echo '#define SCALE 4.0f' >"$tmp/p/scale.h"
  eval "$2" >"$tmp/log" 2>&1
  expect "$1: header changed" "$("$3") $(runs)" "2 10 2"
  echo '#define SCALE 2.0f' >"$tmp/p/scale.h"
}
cycle make "make -C $tmp/p/make HONEFLAGS='--on-miss=quiet'" "$tmp/p/make/program"
if command -v meson >/dev/null; then
  meson setup "$tmp/m" "$tmp/p/meson" -Dhoneflags=--on-miss=quiet >"$tmp/log" 2>&1 || cat "$tmp/log"
  cycle meson "ninja -C $tmp/m" "$tmp/m/program"
fi
if command -v cmake >/dev/null; then
  cmake -G Ninja -S "$tmp/p/cmake" -B "$tmp/c" -DHONEFLAGS=--on-miss=quiet >"$tmp/log" 2>&1 || cat "$tmp/log"
  cycle cmake "ninja -C $tmp/c" "$tmp/c/program"
fi
exit $bad
