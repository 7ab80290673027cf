#!/bin/sh
# The command line on bad input: exact message and exit code. usage: errors.sh HONE
set -u
hone=$(realpath "$1")
. "$(dirname "$0")/common.sh"
# expect CODE MESSAGE COMMAND…   (MESSAGE: the whole of standard error)
expect() {
  want=$1 message=$2
  shift 2
  got=$("$@" 2>&1 >/dev/null)
  code=$?
  if [ "$code" = "$want" ] && [ "$got" = "$message" ]; then ok
  else
    failed=$((failed + 1))
    printf 'not ok: %s\n  exit %s, expected %s\n  said: %s\n  not:  %s\n' "$*" "$code" "$want" "$got" "$message"
  fi
}
cat >mm.hone <<'K'
kernel mm(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] {
  C[i,j] = sum(k) A[i,k] * B[k,j]
}
K
echo 'garbage' >not.db
mkdir dir
q=--on-miss=quiet

expect 2 "hone: error: no command (hone --help lists them)" "$hone"
expect 2 "hone: error: unknown command 'frob' (hone --help lists them)" "$hone" frob
expect 2 "hone: error: unknown option '--frob' (hone --help lists them)" "$hone" compile --frob mm.hone
expect 2 "hone: error: option -o needs a value" "$hone" compile mm.hone -o
expect 2 "hone: error: option --budget: 'soon' is not a time such as 30s, 500ms, 2m or 1h" "$hone" tune mm.hone --budget soon
expect 2 "hone: error: option --fp: 'loose' is not reassoc, strict, tf32 or fast" "$hone" compile mm.hone --fp loose
expect 2 "hone: error: compile: no specification" "$hone" compile
expect 5 "hone: error: cannot open 'none.hone': No such file or directory" "$hone" compile none.hone
expect 1 "hone: error: 'dir.hone' is a directory" sh -c "mkdir -p dir.hone; '$hone' compile dir.hone"
expect 1 "hone: error: 'mm.f90': unknown kind of specification (expected .c or .hone)" "$hone" compile mm.f90
expect 2 "hone: error: --dims Q=3: 'Q=3' is not a dim of 'mm' with a value" "$hone" compile mm.hone $q --dims Q=3 -o x.o
expect 2 "hone: error: --dims M=-5: 'M' is negative" "$hone" compile mm.hone $q --dims M=-5 -o x.o
cat >int.hone <<'K'
kernel one(n: i32, A: f32[n]) -> B: f32[n] {
  B[i] = A[i]
}
K
expect 2 "hone: error: --dims n=9999999999: 'n' does not fit into its type, i32" "$hone" compile int.hone $q --dims n=9999999999 -o x.o
expect 1 "hone: error: '/dev/zero' is larger than 256 MiB" "$hone" db import /dev/zero --db new.db
expect 2 "hone: error: '@/dev/zero' is larger than 1048576 bytes or 4096 words" "$hone" compile @/dev/zero
expect 2 "hone: error: --emit frob: expected source, tensor, groups, loops, llvm, asm, ptx or obj" "$hone" compile mm.hone $q --emit frob
cat >scan.c <<'C'
void scan(int n, float *x) { for (int i = 1; i < n; i++) x[i] += x[i-1]; }
C
expect 1 "scan.c:1:6: error: 'scan' cannot be compiled for sm_80: it is not raised to equations
    1 | void scan(int n, float *x) { for (int i = 1; i < n; i++) x[i] += x[i-1]; }
      |      ^
hone: note: --only F,G leaves functions out" "$hone" compile scan.c $q --target sm_80 -o x.o -Wno-not-raised
expect 5 "hone: error: code for nvidia-sm_80 does not run on this machine, so it cannot be measured here
hone: note: --target cuda:0 measures on a device, --target emu:sm_80 on the emulator (by a model)" "$hone" tune mm.hone --target sm_80 --dims M=4,N=4,K=4
expect 1 "scan.c:1:58: warning: 'scan' is compiled as written: x[i] depends on x[i - 1] (recurrence) [-Wnot-raised]
    1 | void scan(int n, float *x) { for (int i = 1; i < n; i++) x[i] += x[i-1]; }
      |                                                          ^
hone: error: bench: no function of 'scan.c' was raised as a whole" "$hone" bench scan.c --dims n=8
expect 5 "hone: error: cannot write 'none/x.o': No such file or directory" "$hone" compile mm.hone $q -o none/x.o
expect 5 "hone: error: cannot write 'dir': Is a directory" "$hone" compile mm.hone $q -o dir
expect 5 "hone: error: cannot write '/dev/full': No space left on device" "$hone" compile mm.hone $q -o /dev/full
expect 3 "mm.hone:1:8: error: 'mm' is not tuned for $("$hone" why mm.hone --dims M=1,K=1,N=1 | sed -n '1s/.* for //p')
    1 | kernel mm(A: f32[M,K], B: f32[K,N]) -> C: f32[M,N] {
      |        ^" "$hone" compile mm.hone --on-miss=error -o x.o
expect 5 "hone: error: cannot open database 'none.db': no such file" "$hone" compile mm.hone --db none.db --locked -o x.o
expect 5 "hone: error: 'not.db' is not a hone tuning database" "$hone" compile mm.hone --db not.db -o x.o
expect 5 "hone: error: 'not.db' is not a hone tuning database" "$hone" tune mm.hone --db not.db --dims M=8,N=8,K=8 --trials 1
expect 2 "hone: error: 'mm' needs a value for dim 'M': --dims M=…" "$hone" tune mm.hone --trials 1
expect 5 "hone: error: cannot find hone-worker: /nowhere (--worker FILE names it)" "$hone" tune mm.hone --worker /nowhere
expect 2 "hone: error: db: expected list, show, export, import, merge or verify" "$hone" db
[ "$(cat not.db)" = garbage ] || no "not.db was changed"
[ -z "$(ls | grep -E '^x\.o|\.o\.')" ] || no "something half written was left: $(ls)"
end
