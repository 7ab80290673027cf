#!/bin/sh
# --compile-commands: flags of C files from what a build system wrote; relative folders, both forms of a command, what is left out, and files that are wrong.
# usage: compile_commands.sh HONE
set -u
hone=$(realpath "$1")
. "$(dirname "$0")/common.sh"
check() { # what, condition…
  what=$1
  shift
  if "$@"; then ok; else no "$what: $(head -n 3 "$tmp/out" 2>/dev/null)"; fi
}
mkdir -p src 'src/own headers' build other
echo '#define SCALE 3.0f' >'src/own headers/scale.h'
echo '#define N 8' >src/size.h
cat >src/k.c <<'C'
#include "scale.h"
#ifndef MODE
#error no MODE
#endif
void k(float *restrict y, const float *restrict x) {
  for (int i = 0; i < N; i++) y[i] = SCALE * x[i] + MODE;
}
C
# Relative to "directory", which is relative to nothing but itself; -include of a file that stands in a folder; options of the compiler alone.
commands() { printf '[\n{"directory": "%s", "file": "../other/o.c", "command": "cc -c o.c"},\n{"directory": "%s", %s, "file": "../src/k.c", "output": "k.o"}\n]\n' "$tmp/build" "$tmp/build" "$1" >build/compile_commands.json; }
run() { "$hone" check src/k.c "$@" >"$tmp/out" 2>&1; }
commands '"arguments": ["cc", "-O2", "-Wall", "-fPIC", "-march=native", "-I", "../src/own headers", "-include", "../src/size.h", "-DMODE=2", "-MD", "-MF", "k.d", "-c", "../src/k.c", "-o", "k.o"]'
run --compile-commands build/compile_commands.json; check 'the words of a command' [ $? = 0 ]
check 'what they say' grep -q 'y\[i\] = x\[i\] \* 3.0 + 2.0\|3.0 \* x\[i\] + 2.0' out
run --compile-commands build; check 'the folder of the file' [ $? = 0 ]
run --compile-commands=build; check 'joined with =' [ $? = 0 ]
(cd build && "$hone" check ../src/k.c --compile-commands . >"$tmp/out" 2>&1); check 'from another folder' [ $? = 0 ]
run --compile-commands build -UMODE -DMODE=5; check 'flags of the command line' [ $? = 0 ]
check 'come last' grep -q '5.0' out
commands '"command": "/usr/bin/cc -I'"'../src/own headers'"' -include ../src/size.h -D MODE=\\\"2\\\" -DMODE=\"(1 + 1)\" -c ../src/k.c"'
run --compile-commands build; check 'a command as a shell reads it' grep -q '2.0' out
check 'of which the last counts' grep -q 'redefined' out
"$hone" compile src/k.c --compile-commands build -o k.o -MD -MF k.d --on-miss=quiet >"$tmp/out" 2>&1
check 'the depfile names it' grep -q 'build/compile_commands.json' k.d
check 'and the header' grep -q 'scale.h' k.d
run; check 'without it the header is not there' [ $? = 1 ]

cp src/k.c src/l.c
refuse() { # code, message, options…
  code=$1 text=$2
  shift 2
  "$hone" check "$@" >out 2>&1
  rc=$?
  check "$text: exit code $rc" [ $rc = "$code" ]
  check "$text" grep -q -- "$text" out
}
refuse 1 "has no command for 'src/l.c'" src/l.c --compile-commands build
refuse 5 "cannot read 'nowhere'" src/k.c --compile-commands nowhere
refuse 5 'No such file' src/k.c --compile-commands src
refuse 2 'needs a value' src/k.c --compile-commands
wrong() { printf '%b' "$1" >w.json; refuse 1 "$2" src/k.c --compile-commands w.json; }
wrong '{}' "w.json:1: '\[' is expected"
wrong '[\n{"file": "x"\n' "w.json:3: '}' is expected"
wrong '[{"file": "x"} {}]' "',' or '\]' is expected"
wrong '[{"file": 7}]' 'a string is expected'
wrong '[{"file": "a\\u12"}]' 'a wrong'
wrong '[{"file": "a' 'does not end'
wrong '[{"arguments": "cc"}]' 'no array'
wrong '[{"x": ]}]' 'a value is expected'
wrong "[{\"x\": $(printf '[%.0s' $(seq 100))}]" 'nests too deeply'
wrong '[]' 'has no command'
wrong '' "'\[' is expected"
end
