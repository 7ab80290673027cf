#!/bin/sh
# Builds the libFuzzer targets into a folder: tests/fuzz/build.sh OUT. Needs clang-22 and its compiler-rt.
set -eu
out=$1
cc="${FUZZ_CC:-clang-22} -std=gnu17 -D_GNU_SOURCE -isystem $(llvm-config-22 --includedir) -DHONE_VERSION=\"fuzz\" -I. -g -O1 -fno-math-errno -ffp-contract=off -fsanitize=address,undefined -fno-sanitize-recover=undefined"
jobs=$(nproc 2>/dev/null || echo 2)

# A folder as an archive: lib FOLDER
lib() {
  mkdir -p "$out/obj/$1"
  printf '%s\n' "$1"/*.c | xargs -P "$jobs" -I{} sh -c "$cc -fsanitize=fuzzer-no-link -c {} -o $out/obj/{}.o"
  rm -f "$out/obj/$1.a"
  ar rc "$out/obj/$1.a" "$out/obj/$1"/*.o
}

lib ir
for t in tests/fuzz/fuzz_*.c; do
  name=$(basename "$t" .c)
  libs=$out/obj/ir.a
  if [ "$name" = fuzz_c ]; then
    lib compiler/frontend
    lib compiler/pass
    libs="$out/obj/compiler/frontend.a $out/obj/compiler/pass.a $libs"
  fi
  if [ "$name" = fuzz_ptx ]; then
    lib runtime/emu
    libs=$out/obj/runtime/emu.a
  fi
  # shellcheck disable=SC2086
  $cc -fsanitize=fuzzer "$t" $libs -lm -ldl -lpthread -o "$out/$name"
done
