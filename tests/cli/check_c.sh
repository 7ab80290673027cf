#!/bin/sh
# hone check and compile on a C file whose functions are raised, raised in parts, kept and refused. usage: check_c.sh HONE ROOT
set -u
hone=$(realpath "$1") root=$(realpath "$2")
. "$(dirname "$0")/common.sh"
cat >mix.c <<'C'
void scale(int n, float a, float *x) {
  for (int i = 0; i < n; i++) x[i] *= a;
}
void steps(int t, int n, float *a, float *b) {
  for (int s = 0; s < t; s++) {
    for (int i = 1; i < n - 1; i++) b[i] = a[i - 1] + a[i + 1];
    for (int i = 1; i < n - 1; i++) a[i] = b[i];
  }
}
float last(int n, const float *x) {
  float s = 0;
  for (int i = 0; i < n; i++) s = 0.5f * s + x[i];
  return s;
}
C
cp mix.c bad.c
cat >>bad.c <<'C'
void jump(int n, float *x) {
again:
  x[n] = 0;
  if (x[0] > n) goto again;
}
C
"$hone" check mix.c --json >mix.json 2>/dev/null
check 'check succeeds' [ $? = 0 ]
check 'scale is raised' has '"name":"scale","status":"raised"' mix.json
check 'steps is raised in parts' has '"name":"steps","status":"parts","line":6,' mix.json
check 'the part has a line' has '"name":"steps.0","status":"part","equations":2' mix.json
check 'last is kept' has '"name":"last","status":"kept","line":12,' mix.json
"$hone" check bad.c --json >bad.json 2>/dev/null
check 'a refused function fails the check' [ $? = 1 ]
check 'jump is refused' has '"name":"jump","status":"refused","line":16,' bad.json
check 'a hint in JSON' has '"name":"last","status":"kept".*,"hint":"the order of the iterations matters' mix.json
"$hone" check mix.c --json --dims n=64 >floor.json 2>/dev/null
check 'the floor in JSON' has '"name":"scale",.*"floor":\[{"dims":"n=64","operations":64,"bytes":[0-9]*}\]' floor.json
cat >hint.c <<'C'
void add(int n, const float *x, float *y) {
  for (int i = 0; i < n; i++) y[i] += x[i];
}
void clip(int n, const float *x, float *y, const float *z) {
  for (int i = 0; i < n; i++) if (x[i] > 0) y[i] = z[i];
}
void hist(int n, const unsigned char *x, int *bins) {
  for (int i = 0; i < n; i++) bins[x[i]]++;
}
C
"$hone" check hint.c >hint.txt 2>/dev/null
check 'restrict is a hint' has "hint: 'restrict' on 'y' says that arrays do not overlap" hint.txt
check 'the line of the reason' has '5 | for (int i = 0; i < n; i++) if (x\[i\] > 0) y\[i\] = z\[i\];' hint.txt
check 'a hint with the name in code' has 'hint: .*condition' hint.txt
check 'a hint with the name in quotes' has "hint: write it as a loop over the elements of 'bins'" hint.txt
# A hint belongs to a reason that is still given.
sed -n 's/^HINT("\([^"]*\)".*/\1/p' "$root/compiler/cli/hints.def" >parts
while read -r part; do check "no pass says '$part'" grep -qrF "$part" "$root/compiler/pass"; done <parts
check 'the others are told of' has '"name":"scale","status":"raised"' bad.json
"$hone" check mix.c --dims n=64 >mix.txt 2>/dev/null
check 'equations stand beside the source' has '    2 | for (int i = 0; i < n; i++) x\[i\] \*= a;' mix.txt
check 'the floor is told' has 'at n=64: 64 operations, [0-9]* bytes to move at least' mix.txt
"$hone" compile mix.c -o mix.o --header mix.h >/dev/null 2>warn.txt
check 'a file with all of them compiles' [ $? = 0 ]
check 'parts are warned of' has "'steps' is raised in 3 parts, .*-Wnot-raised" warn.txt
check 'what is kept is warned of' has "'last' is compiled as written: .*-Wnot-raised" warn.txt
"$hone" compile mix.c -o mix2.o -Werror=not-raised >/dev/null 2>&1
check '-Werror=not-raised' [ $? = 1 ]
"$hone" compile mix.c -o mix2.o -Wno-not-raised --on-miss=quiet >/dev/null 2>quiet.txt
check '-Wno-not-raised' [ ! -s quiet.txt ]
cat >use.c <<'C'
#include "mix.h"
int main(void) {
  float a[100], b[100] = {0};
  for (int i = 0; i < 100; i++) a[i] = (float)(i % 7);
  scale(100, 2, a);
  steps(0, 100, a, b);
  float before = a[50];
  steps(1, 100, a, b);
  return !(before == 2 && a[50] == 4 && last(2, a) == 0.5f * a[0] + a[1]);
}
C
check 'the object works' sh -c 'cc use.c mix.o -o use -lm && ./use'
end
