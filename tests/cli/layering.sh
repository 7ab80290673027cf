#!/bin/sh
# Includes point one way; every header compiles alone. usage: layering.sh SOURCE_ROOT CC…
set -eu
cd "$1"
shift
bad=0
forbid() { # folder, pattern
  if grep -nE "#include \"($2)/" -r "$1" --include=*.c --include=*.h; then echo "not ok: $1 includes upward"; bad=1; fi
}
forbid ir 'codegen|tuner|compiler|runtime'
forbid runtime 'ir|codegen|tuner|compiler'
forbid codegen 'tuner|compiler'
forbid tuner 'compiler'
forbid compiler/pass 'codegen|tuner|runtime|compiler/frontend|compiler/cli'
forbid compiler/frontend 'codegen|tuner|runtime|compiler/pass|compiler/cli'
if grep -nE '#include "runtime/' -r codegen --include=*.[ch] | grep -v 'runtime/abi.h'; then echo "not ok: codegen shares more than runtime/abi.h"; bad=1; fi
for h in $(find ir runtime codegen tuner compiler -name '*.h'); do
  echo "#include \"$h\"" | "$@" -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -I. -x c -fsyntax-only - || { echo "not ok: $h does not compile alone"; bad=1; }
done
[ "$bad" = 0 ] && echo "1 passed, 0 failed"
exit $bad
