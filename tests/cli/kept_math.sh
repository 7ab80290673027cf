#!/bin/sh
# Functions of math.h in loops that are compiled as written: on lanes where LLVM puts them there (also under a condition), one by one in a recurrence;
# the right numbers either way. usage: kept_math.sh HONE CC...
set -u
hone=$(realpath "$1")
shift
. "$(dirname "$0")/common.sh"
one='exp exp2 log log2 log10 log1p expm1 sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh cbrt erf erfc'
two='pow atan2 hypot fmod'
{
  echo '#include <math.h>'
  for f in $one $two; do
    case " $two " in *" $f "*) a='x[i], 0.75' ;; *) a='x[i]' ;; esac
    for t in double float; do
      s=; [ $t = double ] || s=f
      echo "void if_$f$s(const $t *x, $t *y, int n) { for (int i = 0; i < n; i++) if (x[i] != 77) y[i] = $f$s($a); }"
      echo "void by_$f$s(const $t *x, $t *y, int n) { $t s = 0; for (int i = 0; i < n; i++) { s = s == 12345 ? s : $f$s($a); y[i] = s; } }"
    done
  done
} >kept.c
{
  echo '#include <math.h>'
  echo '#include <stdio.h>'
  for f in $one $two; do
    for s in '' f; do
      t=double; [ -z "$s" ] || t=float
      echo "void if_$f$s(const $t *, $t *, int); void by_$f$s(const $t *, $t *, int);"
    done
  done
  cat <<'C'
enum { N = 1003 };
static int bad;
static long double ulps(long double got, long double want, int digits, int least) {
  int e;
  if (isnan(want)) return isnan(got) ? 0 : 1e9L;
  if (isinf(want) || isinf(got)) return got == want ? 0 : 1e9L;
  frexpl(want, &e);
  return fabsl(got - want) / ldexpl(1, (e < least ? least : e) - digits);
}
static void report(const char *name, const char *form, double x, double got, long double want) {
  if (bad++ < 10) printf("not ok: %s %s(%a) is %a, not %La\n", form, name, x, got, want);
}
static double sample(int i) { return i == 77 ? 0.0 : i == 78 ? -0.0 : i == 79 ? INFINITY : i == 80 ? -INFINITY : i == 81 ? NAN : i == 82 ? 1e300 : i == 83 ? 3e6 : (i % 2 ? 1 : 20) * (i - 500) / 499.0; }
C
  echo 'int main(void) { static double x[N], y[N], z[N]; static float a[N], b[N], c[N];'
  echo 'for (int i = 0; i < N; i++) x[i] = sample(i), a[i] = (float)x[i];'
  for f in $one $two; do
    case " $two " in *" $f "*) w=', 0.75L' ;; *) w= ;; esac
    echo "if_$f(x, y, N); by_$f(x, z, N); if_${f}f(a, b, N); by_${f}f(a, c, N);"
    echo "for (int i = 0; i < N; i++) { long double w = ${f}l(x[i]$w), v = ${f}l(a[i]$w);"
    echo "if (ulps(y[i], w, 53, -1021) > 4.5L) report(\"$f\", \"if\", x[i], y[i], w);"
    echo "if (ulps(z[i], w, 53, -1021) > 4.5L && isfinite(w) && isfinite((double)w)) report(\"$f\", \"by\", x[i], z[i], w);"
    echo "if (ulps(b[i], (float)v == v || !isfinite((float)v) ? (float)v : v, 24, -125) > 2.5L) report(\"${f}f\", \"if\", a[i], b[i], v);"
    echo "if (ulps(c[i], v, 24, -125) > 2.5L && isfinite((float)v)) report(\"${f}f\", \"by\", a[i], c[i], v); }"
  done
  echo 'return bad != 0; }'
} >main.c
for cpu in native x86-64-v2; do
  if "$hone" compile kept.c --cpu "$cpu" --on-miss=quiet -Wno-not-raised -o kept.o >log 2>&1 && "$@" -O1 -o main main.c kept.o -lm >>log 2>&1 && ./main >>log 2>&1; then
    passed=$((passed + 1))
  else
    head -n 12 log; no "--cpu $cpu"
  fi
done
lanes() { # function, what stands on lanes
  "$hone" compile kept.c --only "$1" --cpu x86-64-v4 --on-miss=quiet -Wno-not-raised --emit llvm >out 2>err
  if grep -q 'masked.store.v[48]f\(32\|64\)\|masked.store.v16f32' out; then ok; else no "'$1' is not on lanes"; fi
}
lanes if_sinf
lanes if_exp
lanes if_powf
lanes if_tanhf
end
