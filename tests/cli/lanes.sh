#!/bin/sh
# Recurrences inside of loops whose iterations are independent run on lanes; loops whose iterations are not do not. Random functions that read and write rows,
# columns, and what lies between, beside the C compiler's code; also with arrays that overlap. usage: lanes.sh HONE CC...
set -u
hone=$(realpath "$1")
shift
. "$(dirname "$0")/common.sh"
functions=80
awk -v n=$functions -v seed="${HONE_TEST_SEED:-1}" '
function pick(list, a, k) { k = split(list, a, ";"); return a[1 + int(rand() * k)] }
function outside() { return pick("i;i + 1;n - 1 - i;2 * i + 1;i * m;i * s;i * (m + 1) + m") }
function inside() { return pick("i * m + k;i * m + k;k * n + i;k * n + i;i * (m + 1) + k;i * m + k + 1;i * s + k;k * s + i;2 * i + k;k;i;k * n + n - 1 - i;i + 1") }
BEGIN {
  srand(seed)
  for (f = 0; f < n; f++) {
    type = pick("float;float;double;unsigned")
    if (f % 4 == 3) { # through elements instead of a local
      at = pick("k * n + i;k * m + i;i * m + k;k * s + i;i + k"); before = at; gsub(/k/, "(k - 1)", before)
      printf "void r%d(int n, int m, int s, %s *x, %s *y, const %s *c) {\n  for (int i = 0; i < n; i++)\n", f, type, type, type
      printf "    for (int k = 1; k < m; k++) {\n      x[%s] = x[%s] + %s;\n", at, before, pick("c[k];y[" at "];y[i]")
      printf "%s    }\n}\n", rand() < 0.5 ? "      y[" pick(at ";k * n + i;i") "] = x[" pick(at ";" before) "];\n" : ""
      continue
    }
    whole = type == "unsigned"
    printf "void r%d(int n, int m, int s, %s *x, %s *y, const %s *c) {\n  for (int i = 0; i < n; i++) {\n", f, type, type, type
    printf "    %s r = %s;\n", type, pick(whole ? "3;c[i]" : "0.5f;x[" outside() "];c[i]")
    printf "    for (int k = %s; k < %s; k++) {\n", pick("0;0;1"), pick("m;m;m - 1;5")
    printf "      r = r * %s + %s;\n", whole ? "1664525u" : pick("0.5f;c[k];0.25f"), pick("x[" inside() "];x[" inside() "];c[k];y[" inside() "]")
    if (rand() < 0.5) printf "      %s[%s] = r;\n", pick("x;y"), inside()
    printf "    }\n    %s[%s] = r;\n  }\n}\n", pick("y;y;x"), outside()
  }
}' >random.c
sed 's/^void r\([0-9]*\)/void cc_r\1/' random.c >cc.c
{
  cat <<'C'
#include <math.h>
#include <stdio.h>
#include <string.h>
enum { N = 4096 };
static int bad;
static unsigned long long state = 88172645463325252u;
static unsigned rnd(unsigned n) { state ^= state << 13, state ^= state >> 7, state ^= state << 17; return (unsigned)((state >> 20) % n); }
#define TRY(type, name) do { static type a[N], b[N], c[N]; static const int ns[] = {0, 1, 5, 8, 9, 16, 17, 33, 40}; \
  for (int t = 0; t < 18; t++) { int n = ns[t % 9], m = 1 + (int)rnd(9), s = 1 + (int)rnd(12), at = t % 3 == 2 ? (int)rnd(60) : N / 2; \
    for (int i = 0; i < N; i++) a[i] = b[i] = (type)((int)rnd(2001) - 1000) / 8, c[i] = (type)rnd(100) / 101; \
    name(n, m, s, a + 64, a + 64 + at, c); cc_##name(n, m, s, b + 64, b + 64 + at, c); \
    for (int i = 0; i < N; i++) if (!(fabs((double)a[i] - (double)b[i]) <= 1e-4 * (1 + fabs((double)b[i])))) { \
      if (bad++ < 5) printf("not ok: %s with n=%d m=%d s=%d, y %d behind x: [%d] is %g, not %g\n", #name, n, m, s, at, i, (double)a[i], (double)b[i]); break; } } } while (0)
C
  sed -n 's/^\(void r[0-9]*(.*)\) {/\1;/p' random.c
  sed -n 's/^void \(r[0-9]*\)(.*, \([a-z]*\) \*x.*/void cc_\1(int n, int m, int s, \2 *x, \2 *y, const \2 *c);/p' random.c
  echo 'int main(void) {'
  sed -n 's/^void \(r[0-9]*\)(.*, \([a-z]*\) \*x.*/  TRY(\2, \1);/p' random.c
  echo '  return bad != 0; }'
} >main.c
for cpu in native x86-64-v2; do
  if "$hone" compile random.c --cpu $cpu --on-miss=quiet -Wno-not-raised -o random.o >log 2>&1 &&
     "$@" -w -O1 -ffp-contract=off -o main main.c cc.c random.o -lm >>log 2>&1 && ./main >>log 2>&1; then
    passed=$((passed + 1))
  else
    head -n 20 log; no "--cpu $cpu"
  fi
done
on=$("$hone" compile random.c --cpu x86-64-v4 --on-miss=quiet -Wno-not-raised --emit source 2>/dev/null | awk '/^func /{f = $2} / vector [0-9]+ \{/{on[f] = 1} END {for (f in on) n++; print n + 0}')
least=1 # of other seeds; one in ten of those that every run makes
[ "${HONE_TEST_SEED:-1}" != 1 ] || least=$((functions / 10))
if [ "$on" -ge $least ]; then ok; else no "only $on of $functions run on lanes"; fi
cat >known.c <<'C'
void horner(int n, const double *c, int deg, const double *x, double *y) {
  for (int i = 0; i < n; i++) {
    double r = 0;
    for (int k = deg; k >= 0; k--) r = r * x[i] + c[k];
    y[i] = r;
  }
}
void columns(float *x, int rows, int ch, float a) {
  for (int c = 0; c < ch; c++) {
    float s = 0;
    for (int t = 0; t < rows; t++) s = a * x[t * ch + c] + (1 - a) * s, x[t * ch + c] = s;
  }
}
void running(int n, float x[n][n], const float c[n][n]) { /* each column */
  for (int i = 0; i < n; i++)
    for (int k = 1; k < n; k++) x[k][i] = x[k - 1][i] + c[k][i];
}
void across(int n, float x[n][n], const float c[n][n]) { /* each row */
  for (int i = 0; i < n; i++)
    for (int k = 1; k < n; k++) x[i][k] = x[i][k - 1] * c[i][k];
}
void goes_on(float *y, int n, int m) { /* one number through all iterations */
  float s = 1;
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < m; k++) s = s * 0.5f + y[i];
    y[i] = s;
  }
}
void meets(float *y, int n, int m, int s) { /* rows may overlap */
  for (int i = 0; i < n; i++) {
    float r = 0;
    for (int k = 0; k < m; k++) r = r * 0.5f + y[i * s + k], y[i * s + k] = r;
  }
}
C
form() { # function, 1: on lanes
  is=$("$hone" compile known.c --only "$1" --cpu x86-64-v4 --on-miss=quiet -Wno-not-raised --emit source 2>/dev/null | grep -c ' vector [0-9]* {')
  if [ "$is" = "$2" ]; then ok; else no "'$1' is on lanes $is times"; fi
}
form horner 1
form columns 1
form running 1
form across 0
form goes_on 0
form meets 0
end
