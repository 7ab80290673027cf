#!/bin/sh
# -g: line tables from objects to the lines of the C file, of raised functions, parts and functions as written; paths as they were given or as mapped; same bytes wherever
# one stands. usage: debug.sh HONE
set -u
hone=$(realpath "$1")
. "$(dirname "$0")/common.sh"
export HONE_VERIFY_LLVM=1
command -v objdump >/dev/null || { echo "no objdump"; exit 77; }
mkdir one two
cat >one/d.c <<'C'
#include <math.h>

void norm(int n, const float *x, float *y) {
  float s = 0;
  for (int i = 0; i < n; i++)
    s += x[i] * x[i];
  for (int i = 0; i < n; i++)
    y[i] = expf(x[i]) / s;
}

int count(const unsigned char *s, int n) {
  int c = 0;
  while (n-- > 0 && s[n])
    c++;
  return c;
}

void steps(int t, int n, float *a, float *b) {
  for (int k = 0; k < t; k++) {
    for (int i = 1; i < n - 1; i++)
      b[i] = a[i - 1] + a[i] + a[i + 1];
    for (int i = 1; i < n - 1; i++)
      a[i] = expf(b[i]);
  }
}
C
cp one/d.c two/d.c
build() { (cd "$1" && shift && "$hone" compile d.c --on-miss=quiet -Wno-not-raised "$@"); }
build one -g -o d.o; check 'compiles' [ $? = 0 ]
build two -g -o d.o
check 'same bytes in another folder' cmp -s one/d.o two/d.o
build one -g -o e.o; check 'same bytes again' cmp -s one/d.o one/e.o
build one -o plain.o
check 'without -g there is no debug section' sh -c '! objdump -h one/plain.o | grep -q debug_line'
check 'the code is the same' sh -c 'objdump -d one/plain.o | tail -n +4 >p && objdump -d one/d.o | tail -n +4 >q && cmp -s p q'
objdump --dwarf=decodedline one/d.o >lines 2>/dev/null
for line in 6 8 14 21 23; do check "line $line has code" grep -q "^d.c  *$line  *0x" lines; done
objdump --dwarf=info one/d.o >info 2>/dev/null
for f in norm count steps; do check "'$f' is named" grep -q "DW_AT_name.*: $f\$" info; done
check 'no path of this machine' sh -c "! strings one/d.o | grep -q '$tmp'"
build two -g -ffile-prefix-map=d.c=/src/d.c -o m.o
objdump --dwarf=info two/m.o >info 2>/dev/null
check '-ffile-prefix-map' grep -q 'DW_AT_name.*: /src/d.c' info
build two -g -ffile-prefix-map=d -o m.o 2>err; check 'a map without =' [ $? = 2 ]
check 'its message' grep -q "is not OLD=NEW" err
# A debugger stops at the line of a statement.
if command -v gdb >/dev/null; then
  cat >one/main.c <<'C'
int count(const unsigned char *s, int n);
int main(void) { return count((const unsigned char *)"abc", 3) != 3; }
C
  cc one/main.c one/d.o -o one/main -lm
  gdb -batch -nx -ex 'set debuginfod enabled off' -ex 'break d.c:13' -ex run -ex bt one/main >gdb.txt 2>&1
  check "gdb stops there: $(tail -n 3 gdb.txt)" grep -q 'd.c:1[1-4]' gdb.txt
fi
end
