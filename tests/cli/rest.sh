#!/bin/sh
# --rest: a whole file goes through hone, with functions that are raised, kept and refused, and data; it behaves as the file compiled by cc does. usage: rest.sh HONE CC…
set -u
hone=$(realpath "$1")
shift
cc=$*
. "$(dirname "$0")/common.sh"
mkdir sub
cat >sub/half.h <<'C'
#define HALF 0.5f
C
cat >all.c <<'C'
#include <stdarg.h>
#include <stdio.h>
#include "half.h"
float weight[3] = {1, 2, 3};
int calls;
static _Thread_local int hidden = 7;
float total(int n, const float *x) {
  float s = 0;
  for (int i = 0; i < n; i++) s += x[i] * HALF;
  return s;
}
float smooth(int n, const float *x) {
  float s = 0;
  for (int i = 0; i < n; i++) s = HALF * s + x[i];
  return s;
}
float weighted(int n) {
  calls++;
  return total(n, weight) + (float)hidden++;
}
float raised(int n) {
  float s = 0;
  for (int i = 0; i < n; i++) s += weight[i] * weight[i];
  return s;
}
inline float nobodys(float x) { return HALF * x; }
float sum_of(int n, ...) {
  va_list ap;
  float s = 0;
  va_start(ap, n);
  while (n--) s += (float)va_arg(ap, double);
  va_end(ap);
  return s;
}
int jump(int n) {
again:
  n -= 3;
  if (n > 0) goto again;
  return n;
}
C
cat >main.c <<'C'
#include <stdio.h>
extern float weight[3];
extern int calls;
float total(int n, const float *x), smooth(int n, const float *x), weighted(int n), raised(int n), sum_of(int n, ...);
int jump(int n);
int main(void) {
  float x[100];
  for (int i = 0; i < 100; i++) x[i] = (float)(i % 8);
  printf("%g %g %g ", total(100, x), smooth(10, x), weighted(3));
  weight[1] = 40;
  printf("%g %d %g %d %g\n", weighted(2), calls, sum_of(2, 1.5, 2.5), jump(100), raised(3));
  return 0;
}
C
"$hone" compile all.c -Isub -o no.o 2>no.err
check 'a function that is refused is an error' [ $? = 1 ]
check 'and nothing is written' [ ! -e no.o ]
"$hone" compile all.c -Isub --rest "$cc" -o all.o 2>all.err
check 'with --rest all is compiled' [ $? = 0 ]
check 'a warning names what is left to it' has "warning: 'weighted' is left to the C compiler: 'hidden' is a global variable.*\[-Wrefused\]" all.err
check 'nothing is lost' [ "$(nm -g --defined-only all.o | awk '{print $3}' | sort | tr '\n' ' ')" = 'calls jump raised smooth sum_of total weight weighted ' ]
check 'what hone made is no weak symbol' [ -z "$(nm all.o | grep ' W ')" ]
$cc -Isub all.c main.c -o plain && $cc main.c all.o -lm -o mixed
check 'it links' [ -x mixed ]
check 'it does what cc makes of it' [ "$(./plain)" = "$(./mixed)" ]
"$hone" compile all.c -Isub --rest "$cc -O1" -g -o one.o 2>/dev/null && "$hone" compile all.c -Isub --rest "$cc -O1" -g -o two.o 2>/dev/null
check 'the same bytes each time' cmp -s one.o two.o
"$hone" compile all.c -Isub --rest "$cc" -Werror=refused -o no.o 2>/dev/null
check '-Werror=refused' [ $? = 1 ]
"$hone" compile all.c -Isub --rest false -o no.o 2>no.err
check 'a compiler that fails' [ $? = 5 ]
check 'is named' has "error: --rest: 'false' failed to compile the file" no.err
check 'nothing is written then' [ ! -e no.o ]
"$hone" compile all.c -Isub --only total -o only.o 2>only.err
check '--only asks for no data' [ "$(grep -c refused only.err)" = 0 ]
cat >data.c <<'C'
int table[3] = {1, 2, 3};
int most(void) { return 3; }
C
"$hone" compile data.c -o data.o 2>data.err
check 'data is left out with a warning' has "data.c:1:5: warning: 'table' is data, which the object does not hold: --rest=cc adds it \[-Wrefused\]" data.err
echo 'const int level = 4;' >none.c
"$hone" compile none.c --rest "$cc" -o none.o
check 'a file without functions' [ $? = 0 ]
check 'has its data' [ "$(nm -g --defined-only none.o | awk '{print $3}')" = level ]
mkdir -p loops
cat >loops/one.c <<'C'
#include <stdio.h>
#include "sizes.h"
#define LOCAL static
static float half(float x) { return 0.5f * x; }
static double pow(double x, int n) {
  double p = 1;
  for (int i = 0; i < n; i++) p *= x;
  return p;
}
static void fill(int n, float x[n]);
static int
/* static in a comment */ sum (int n, const int x[n]) {
  int s = 0;
  for (int i = 0; i < n; i++) s += x[i];
  return s;
}
static void fill(int n, float x[n]) {
  for (int i = 0; i < n; i++) x[i] = half((float)i);
}
LOCAL float hidden(int n, const float x[n]) {
  float s = 0;
  for (int i = 0; i < n; i++) s += x[i];
  return s;
}
static float triple(const float *x) {
  float s = 0;
  for (int i = 0; i < 3; i++) s += 3 * x[i];
  return s;
}
static inline float quick(int n, const float x[n]) {
  float s = 1;
  for (int i = 0; i < n; i++) s *= x[i];
  return s;
}
void NAME(void);
void NAME(void) {
  static int calls;
  float x[SIZE];
  int y[3] = {1, 2, ++calls};
  fill(SIZE, x);
  printf("%s:%d %g %d %g %g %g %g\n", __FILE__, __LINE__, x[SIZE - 1], sum(3, y), hidden(SIZE, x), quick(SIZE, x), pow(1.5, calls), triple(x));
}
C
echo '#define SIZE 9' >loops/sizes.h
sed 's/SIZE/(SIZE + 2)/' loops/one.c >loops/two.c
echo 'void one(void), two(void); int main(void) { one(), two(), one(); return 0; }' >both.c
for f in one two; do
  "$hone" compile loops/$f.c -DNAME=$f --rest "$cc" --header $f.h -o $f.o 2>$f.err
  check "static functions: $f is compiled" [ $? = 0 ]
  check "only $f is to be seen" [ "$(nm -g --defined-only $f.o | awk '{print $3}')" = $f ]
  check "hone made fill and sum of $f" [ "$(nm $f.o | grep -c ' t hone\.')" -ge 2 ]
  check "a loop of three iterations stays where it can be inlined, in $f" [ "$(nm $f.o | grep -c ' t triple$')" = 0 ]
  check "the header of $f has no static function" [ "$(grep -c fill $f.h)" = 0 ]
  $cc -w -DNAME=$f -c loops/$f.c -o cc_$f.o
done
$cc both.c one.o two.o -lm -o mixed && $cc both.c cc_one.o cc_two.o -o plain
check 'names that two files have do not meet, and all is as cc makes it' [ "$(./plain)" = "$(./mixed)" ]
"$hone" compile loops/one.c --only fill -o fill.o 2>/dev/null
check '--only takes a static function' [ "$(nm -g --defined-only fill.o | awk '{print $3}')" = fill ]
cat >whole.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include "whole.h"
#define EACH(i, n) for (i = 0; i < n; i++)
struct pair { float *v; int n, from; };
static struct { int n; float w[64]; double sum; } own = {64, {1, 2, 3}, 0};
static int calls, *where;
static unsigned char bytes[];
static unsigned char bytes[300] = {7};
static double spread(int n) {
  double s = 0;
  calls++;
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < COLS; j++) grid[i][j] = grid[i][j] * 0.5 + n * i + j;
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < COLS; j++) s += grid[i][j];
  for (int i = 0; i < own.n; i++) own.w[i] += i, own.sum += own.w[i];
  return s;
}
static int first_of(int n, const int *x, int want) {
  int i;
  for (i = 0; i < n; i++)
    if (x[i] == want) break;
  printf("first %d\n", i);
  return i;
}
static float jump(int n, float *x) {
  float s = 0;
  int i = 0, rounds = 0;
again:
  for (; i < n; i++) s += x[i];
  if (rounds++ < 2) {
    printf("%d\n", i);
    i = 1;
    goto again;
  }
  return s;
}
static int search(int n, const float *x) {
  for (int i = 0; i < n; i++)
    if (x[i] > 2) return printf("found\n"), i;
  return -1;
}
static float paces(int n, const float *x, float *y) {
  float s = 0, kept = 1;
  for (int t = 0; t < 3; t++) {
    printf("%d\n", t);
    for (int i = 0; i < n; i++) {
      s += *x++ * kept;
      if (i == 7) kept = s;
    }
    for (int i = 0; i < n; i++)
      for (int j = 0; j < 2; j++) *y++ = s + (float)(i * j);
  }
  return s;
}
static void sizes(int n, int m) {
  int table[n][m], i, j;
  n = m = 9;
  for (i = 0; i < n; i++)
    for (j = 0; j < m; j++) table[i][j] = i * m + j;
  printf("%d %d\n", table[3][4], (int)sizeof table);
}
int main(int argc, char **argv) {
  int n = 300, i, j, last = argc, count = 0;
  short narrow = 3;
  float *x = malloc((size_t)n * sizeof *x), y[300], best = -1e30f;
  double s = 0;
  struct pair p = {x, n, 1}, *q = &p, own_pair = {y, 290, 0};
  for (i = 0; i < n; i++) x[i] = (float)(i * i % 7) - 3;
  printf("%d\n", i);
  for (i = 0; i < n; i++) {
    y[i] = x[i] * 2 + narrow;
    s += y[i];
    if (y[i] > best) best = y[i];
    last = i;
    narrow++;
  }
  printf("%g %g %d %d\n", s, best, last, narrow);
  for (int t = 0; t < 3; t++) {
    for (i = q->from; i < q->n; i++) q->v[i] += y[i] + (float)t; /* a comment } */
    printf("%d %g\n", i, x[7]);
    EACH(j, 300) y[j] += 1;
    for (j = 0; j < own_pair.n; j++) own_pair.v[j] *= 0.5f, own_pair.from++;
#ifdef NEVER
    for (j = 0; j < 2; j++) {
#else
    for (j = 0; j < 300; j++) {
#endif
      count += y[j] > 2;
    }
    if (t == 1)
      for (j = 0; j < 300; j++) y[j] -= '}';
    else
      for (j = 0; j < 300; j++) y[j] += 3;
  }
  printf("%d %g %d\n", count, y[299], own_pair.from);
  int pick[300], *walk = pick, k = 0;
  for (i = 0; i < 300; i++) *walk++ = i * 3 % 50;
  printf("%d\n", (int)(walk - pick));
  where = pick;
  do k += pick[count % 5]; while (++count % 100);
  for (i = 0; i < 300; i++) where[i] += bytes[i], bytes[i] = (unsigned char)(bytes[i] + i);
  printf("%d %d\n", k, where[0] + where[299]);
  s = spread(2);
  s += spread(3);
  printf("%g %g %d %g\n", s, own.sum, calls, grid[2][3]);
  printf("%d %g %d %d\n", bytes[255], jump(300, y), search(300, y), first_of(300, pick, 48));
  sizes(20, 30);
  printf("%g %g\n", paces(40, y, x), x[79]);
  free(x);
  return argv[0] == NULL;
}
C
cat >whole.h <<'C'
enum { ROWS = 40, COLS = 30 };
static double grid[ROWS][COLS];
C
$cc -w whole.c -o plain
"$hone" compile whole.c --rest "$cc" -o whole.o 2>whole.err
check 'a program with its variables and loops in main is compiled' [ $? = 0 ]
$cc whole.o -lm -o mixed
check 'and does what cc makes of it' [ "$(./plain)" = "$(./mixed)" ]
check 'only main is to be seen' [ "$(nm -g --defined-only whole.o | awk '{print $3}' | tr '\n' ' ')" = 'main ' ]
"$hone" check --json whole.c --rest "$cc" >whole.json 2>/dev/null
check 'loops of main are raised' [ "$(grep -c '"name":"hone_loop_main_[0-9]*","status":"\(raised\|parts\)"' whole.json)" -ge 6 ]
check 'variables of the file are no obstacle' has '"name":"spread","status":"raised"' whole.json
check 'loops that leave their function stay' [ "$(grep -c hone_loop_search whole.json)" = 0 ]
cat >macro.c <<'C'
#include <stdio.h>
int main(void) {
  int n = 300, x[300];
  for (int i = 0; i < n; i++) x[i] = i;
#define n 299
  for (int i = 0; i < n; i++) x[i] += i;
  printf("%d\n", x[n]);
}
#define extern nothing
C
$cc -w macro.c -o plain
"$hone" compile macro.c --rest "$cc" -o macro.o 2>/dev/null && $cc macro.o -lm -o mixed
check 'macros in the way of calls' [ "$(./plain)" = "$(./mixed)" ]
cat >pragma.c <<'C'
#include <stdio.h>
#include <stdlib.h>
void product(int n, const float *a, const float *b, float *restrict c) {
#pragma omp parallel for
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      float s = 0;
      for (int k = 0; k < n; k++) s += a[i * n + k] * b[k * n + j];
      c[i * n + j] = s;
    }
}
int main(int argc, char **argv) {
  int n = argc > 1 ? atoi(argv[1]) : 1000, s = 0;
  int *x = malloc((size_t)n * sizeof *x), *y = malloc((size_t)n * sizeof *y);
#pragma omp parallel for
  for (int i = 0; i < n; i++) x[i] = i * 3;
#pragma GCC diagnostic push
#pragma GCC ivdep
  for (int i = 0; i < n; i++) y[i] = x[i] ^ 5;
#pragma GCC diagnostic pop
# pragma GCC unroll 4
  for (int i = 0; i < n; i++) s += y[i];
#pragma something else
  for (int i = 0; i < n; i++) s += x[i];
  printf("%d %d %d\n", s, y[5], __LINE__);
}
C
$cc -w pragma.c -o plain
"$hone" compile pragma.c --rest "$cc -w" -o pragma.o 2>pragma.err && $cc pragma.o -lm -o mixed
check 'loops behind #pragma' [ "$(./plain)" = "$(./mixed)" ]
"$hone" check --json pragma.c --rest "$cc" >pragma.json 2>pragma.err
check 'hints to compilers are no obstacle' [ "$(grep -c '"name":"hone_loop_main' pragma.json)" = 3 ]
check 'nor OpenMP, which nobody asked for' [ "$(grep -c "pragma omp" pragma.err)" = 0 ]
"$hone" check --json pragma.c --rest "$cc -fopenmp" >pragma.json 2>pragma.err
check 'with OpenMP asked for its loops are the C compiler'"'"'s' [ "$(grep -c '"name":"hone_loop_main' pragma.json)" = 2 ]
check 'and those of functions are hone'"'"'s, who says so' has "note: hone makes 'product'" pragma.err
end
