#!/bin/sh
# The commands of README.md's "In use" as they stand there, on the C file shown there; only the sizes and the budget are smaller. usage: readme.sh HONE ROOT
set -u
hone=$(realpath "$1") root=$(realpath "$2")
. "$(dirname "$0")/common.sh"
PATH=$(dirname "$hone"):$PATH

# The block: lines between the first ``` after "## In use" and the next. Lines with "$ " are commands, what follows "$ cat FILE" is that file.
sed -n '/^## In use/,/^## /p' "$root/README.md" | sed -n '/^```/,/^```/p' | sed '/^```/d; s/1024/128/g; s/30s/3s/g' >block
sed -n 's/^\$ //p' block | sed 's/ *# .*//' >commands
awk '/^\$ cat /{file = $3; next} /^\$ /{file = ""} file != ""{print >file}' block
[ -s matmul.c ] && ok || no "no matmul.c in README.md"
n=$(grep -c . commands)
[ "$n" -ge 6 ] && ok || no "only $n commands found in README.md"

cat >main.c <<'K'
#include "matmul.h"
#include <stdio.h>
static float a[128][128], b[128][128], c[128][128];
int main(void) {
  int bad = 0;
  for (int i = 0; i < 128; i++)
    for (int j = 0; j < 128; j++) a[i][j] = (float)((i + j) % 7 - 3), b[i][j] = (float)((i * j) % 5 - 2);
  matmul(128, 128, 128, a, b, c);
  for (int i = 0; i < 128; i++)
    for (int j = 0; j < 128; j++) {
      float s = 0;
      for (int k = 0; k < 128; k++) s += a[i][k] * b[k][j];
      bad += c[i][j] != s;
    }
  if (bad) printf("%d differences\n", bad);
  return bad != 0;
}
K
while IFS= read -r line; do
  if sh -c "$line" >out 2>&1 </dev/null; then ok; else no "\$ $line: exit code $?, $(cat out)"; fi
  case $line in *" compile "*) if grep -q Wuntuned out; then no "the winner was not used: $(cat out)"; else ok; fi ;; esac
done <commands
[ -s matmul.o ] && [ -s matmul.d ] && ok || no "no object or no depfile"
end
