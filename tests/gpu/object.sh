#!/bin/sh
# GPU objects from outside: compiled, linked with the runtime, run on a driver whose device is the emulator, and without one.
# usage: object.sh HONE ROOT LIBHONE_RT LIBCUDA CC…
set -eu
hone=$1 root=$2 rt=$3 fake=$4
shift 4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
say() { if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "not ok: $2"; fi; }

mkdir "$tmp/lib"
cp "$fake" "$tmp/lib/libcuda.so.1"
for k in matmul softmax; do
  "$hone" compile "$root/examples/$k/$k.c" --target sm_80 -o "$tmp/$k.o" --header "$tmp/$k.h" --db "$tmp/none.db" --on-miss=quiet
done
"$@" -w -std=c11 -O1 -I"$tmp" -I"$root/runtime" -I"$root" "$root/tests/gpu/main.c" "$tmp/matmul.o" "$tmp/softmax.o" "$rt" "$tmp/lib/libcuda.so.1" -lpthread -ldl -lm \
  -o "$tmp/main"
got=$(LD_LIBRARY_PATH="$tmp/lib" "$tmp/main" 2>&1) && rc=0 || rc=$?
[ "$rc" = 0 ] && [ "$got" = right ] || { echo "$got"; rc=1; }
say "$rc" "kernels on the emulated device"

rc=1
got=$(LD_LIBRARY_PATH="$tmp/lib" FAKE_CUDA_FAIL=1 "$tmp/main" 2>&1) || rc=0
case $got in *"out of memory"*|right) rc=0 ;; *) echo "$got"; rc=1 ;; esac
say "$rc" "a failed allocation is reported"

# A machine without a driver: the program starts and is told.
cat >"$tmp/alone.c" <<'C'
#include "hone_rt.h"
#include "matmul.h"
#include <stdio.h>
int main(void) {
  int rc = matmul_cuda(NULL, 4, 4, 4, (void *)0x1000, (void *)0x2000, (void *)0x3000);
  printf("%d: %s\n", rc, hone_rt_error(rc));
  return 0;
}
C
"$@" -w -std=c11 -I"$tmp" -I"$root/runtime" -I"$root" "$tmp/alone.c" "$tmp/matmul.o" "$rt" -lpthread -ldl -o "$tmp/alone"
printf 'not a library' >"$tmp/lib/libcuda.so.1"
got=$(LD_LIBRARY_PATH="$tmp/lib" "$tmp/alone" 2>&1) || true
rc=0
[ "$got" = "-1: no usable NVIDIA driver: libcuda.so.1 is missing, or older than CUDA 12" ] || { echo "$got"; rc=1; }
say "$rc" "no driver"

# The header of a C function of __bf16 is one for compilers that do not know the type, and for C++.
"$hone" compile "$root/tests/gpu/engine.c" --only heads --target sm_80 --ptxas none -o "$tmp/heads.o" --header "$tmp/heads.h" --db "$tmp/none.db" --on-miss=quiet
printf '#include "heads.h"\n#include "heads.h"\nint twice(void *s, void *x, void *y) { return heads_cuda(s, 3, 2, 5, x, y); }\n' >"$tmp/heads.c"
rc=0
"$@" -std=c11 -I"$tmp" -c "$tmp/heads.c" -o "$tmp/twice.o" || rc=1
say "$rc" "a header with __bf16"

# Bytes do not depend on the run.
"$hone" compile "$root/examples/matmul/matmul.c" --target sm_80 -o "$tmp/again.o" --db "$tmp/none.db" --on-miss=quiet
rc=0
cmp -s "$tmp/matmul.o" "$tmp/again.o" || rc=1
say "$rc" "equal bytes"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
