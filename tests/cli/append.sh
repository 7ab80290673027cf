#!/bin/sh
# Compactions run on lanes: random functions that pick elements by a condition, one or both ways, into arrays of several types, also into the array that is read,
# and into arrays that overlap, beside the C compiler's code: the same bytes everywhere, also where nothing is to be written. usage: append.sh HONE CC...
set -u
hone=$(realpath "$1")
shift
. "$(dirname "$0")/common.sh"
functions=60
awk -v n=$functions -v seed="${HONE_TEST_SEED:-1}" '
function pick(list, a, k) { k = split(list, a, ";"); return a[1 + int(rand() * k)] }
function place() { return pick("i;i;i;i + 1;i + 3;2 * i;m + i") }
function cond() { return pick("x[" place() "] > t;x[" place() "] != x[" place() "];(x[" place() "] > 1) & (x[i] < t);i % 3 == 1;x[i] > t || i > m;v > t") }
function arm(to, k, j,  s) {
  s = pick("x[" place() "];x[i];(%);(%);v")
  if (s == "(%)") s = "i"
  if (rand() < 0.5) return sprintf("%s[%s++] = (%s)%s;", to, k, type[to], s)
  return sprintf("{ %s[%s%s] = (%s)%s; %s%s++; }", to, k, pick(";;+ 2"), type[to], s, rand() < 0.4 ? sprintf("z[%s] = (%s)i; ", k, type["z"]) : "", k)
}
BEGIN {
  srand(seed)
  for (f = 0; f < n; f++) {
    type["x"] = pick("float;double;int;unsigned char;short"); type["y"] = rand() < 0.7 ? type["x"] : "int"; type["z"] = pick("int;long;unsigned short")
    to = rand() < 0.25 ? "x" : "y"
    printf "int f%d(int n, int m, %s *x, %s *y, %s *z, %s t, int *ks) {\n  %s k = *ks, j = *ks;\n  for (int i = %s; i < n; i++) {\n", f, type["x"], type["y"], type["z"], type["x"], pick("int;int;long;unsigned"), pick("0;0;1;m")
    printf "    %s v = x[i]%s;\n    if (%s) %s\n", type["x"], pick(";+ t"), cond(), arm(to, "k")
    if (rand() < 0.3) printf "    else z[j++] = (%s)%s;\n", type["z"], pick("i;x[i]")
    printf "  }\n  *ks = (int)j;\n  return (int)k;\n}\n"
  }
}' >random.c
sed 's/^int f\([0-9]*\)/int cc_f\1/' random.c >cc.c
{
  cat <<'C'
#include <stdio.h>
#include <string.h>
enum { N = 8192 };
static int bad;
static unsigned long long state = 88172645463325252u;
static unsigned rnd(unsigned n) { state ^= state << 13, state ^= state >> 7, state ^= state << 17; return (unsigned)((state >> 20) % n); }
static char a[24 * N], b[24 * N];
static int sizes[] = {0, 1, 5, 15, 16, 17, 31, 40, 333, 1024, 1500};
#define TRY(tx, ty, tz, name) do { \
  for (int t = 0; t < 33; t++) { int n = sizes[t % 11], m = (int)rnd(5), ka = (int)rnd(3), kb = ka, at = t % 3 == 2 ? (int)rnd(60) : N, s = (int)rnd(11); \
    memset(a, 0x55, sizeof a); for (int i = 0; i < N; i++) ((tx *)a)[i] = (tx)rnd(10); memcpy(b, a, sizeof a); \
    int r = name(n, m, (tx *)a, (ty *)(a + 8 * at), (tz *)(a + 16 * N), (tx)s, &ka); \
    int q = cc_##name(n, m, (tx *)b, (ty *)(b + 8 * at), (tz *)(b + 16 * N), (tx)s, &kb); \
    if (r != q || ka != kb || memcmp(a, b, sizeof a)) { if (bad++ < 5) printf("not ok: %s with n=%d m=%d at=%d: %d, %d, not %d, %d\n", #name, n, m, at, r, ka, q, kb); break; } } } while (0)
C
  sed -n 's/^int f\([0-9]*\)\(.*\) {$/int f\1\2; int cc_f\1\2;/p' random.c
  echo 'int main(void) {'
  sed -n 's/^int \(f[0-9]*\)(int n, int m, \(.*\) \*x, \(.*\) \*y, \(.*\) \*z, .*/  TRY(\2, \3, \4, \1);/p' random.c
  echo '  return bad != 0; }'
} >main.c
cpus='native x86-64-v2'
grep -q avx512vl /proc/cpuinfo && cpus="$cpus x86-64-v4" # without the instructions for bytes
for cpu in $cpus; do
  if "$hone" compile random.c --cpu $cpu --on-miss=quiet -Wno-not-raised -o random.o >log 2>&1 &&
     "$@" -w -O1 -o main main.c cc.c random.o >>log 2>&1 && ./main >>log 2>&1; then
    passed=$((passed + 1))
  else
    head -n 20 log; no "--cpu $cpu"
  fi
done
on=$("$hone" compile random.c --cpu x86-64-v4 --on-miss=quiet -Wno-not-raised --emit source 2>/dev/null | awk '/^func /{f = $2} / vector [0-9]+ \{/{on[f] = 1} END {for (f in on) n++; print n + 0}')
if [ "$on" -ge $((functions / 3)) ]; then ok; else no "only $on of $functions run on lanes"; fi
end
