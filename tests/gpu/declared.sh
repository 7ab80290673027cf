#!/bin/sh
# The declarations of the driver against cuda.h, where a toolkit is installed; a declaration that does not fit is found. usage: declared.sh ROOT; 77: no toolkit or no gcc
set -eu
root=$1
for dir in "${CUDA_HOME:-/usr/local/cuda}/include" /usr/include; do [ -f "$dir/cuda.h" ] && break; done
[ -f "$dir/cuda.h" ] && command -v gcc >/dev/null || { echo "no toolkit"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
compile() { gcc -std=gnu17 -fsyntax-only -Werror=cast-function-type -Wno-deprecated-declarations -I "$1" -I "$root" -isystem "$dir" "$root/tests/gpu/declared.c"; }
compile "$root"
mkdir -p "$tmp/runtime"
for edit in 's/cuDeviceGet, (int \*device, int ordinal)/cuDeviceGet, (int *device, size_t ordinal)/' 's/(void \*event), 1)/(void *event, int more), 1)/' 's/CUDA_ATTR_SMS = 16/CUDA_ATTR_SMS = 17/'; do
  sed "$edit" "$root/runtime/cuda_api.h" >"$tmp/runtime/cuda_api.h"
  ! cmp -s "$root/runtime/cuda_api.h" "$tmp/runtime/cuda_api.h" || { echo "changes nothing: $edit"; exit 1; }
  ! compile "$tmp" 2>/dev/null || { echo "not found: $edit"; exit 1; }
done
