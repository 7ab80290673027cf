#!/bin/sh
# ./dev bench without any peer and without a word about speed: rows are tuned by two trials, measured, and come out as JSON lines, tables and a drawing; kept results
# give the same tables; mistakes are refused. usage: bench.sh HONE ROOT BUILD
set -u
hone=$(realpath "$1") root=$(realpath "$2")
HONE_BUILD_DIR=$(realpath "$3")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# The bench program is built into its own folder here: a bench of the developer's may be running.
ln -s "$HONE_BUILD_DIR/bench/suite_c" "$tmp/suite_c"
mkdir "$tmp/build" && ln -s "$HONE_BUILD_DIR/runtime" "$tmp/build/runtime"
export HONE="$hone" HONE_BUILD_DIR="$tmp/build"
bench="sh $root/bench/run.sh"
passed=0 failed=0
ok() { passed=$((passed + 1)); }
no() { failed=$((failed + 1)); echo "not ok: $*"; }
check() { what=$1; shift; if "$@"; then ok; else no "$what"; fi; }

# Every row has a specification that hone understands, and a description in the bench program.
grep -v '^#' "$root/bench/rows.txt" | awk 'NF {print $2}' | sort -u >"$tmp/kernels"
while read -r k; do
  spec=
  for f in "$root/bench/specs/$k.c" "$root/bench/specs/$k.hone" "$root/examples/$k/$k.c"; do [ -f "$f" ] && spec=$f; done
  "$hone" check "$spec" >/dev/null 2>"$tmp/err"
  check "$k is refused: $(cat "$tmp/err")" test $? = 0
  check "$k is not raised: $(cat "$tmp/err")" sh -c '[ ! -s "$1" ] || grep -q "is raised in [0-9]* part" "$1"' - "$tmp/err"
done <"$tmp/kernels"

# A dry run: one row of a product and one of loops (with the C compilers), two trials each.
$bench --no-peers --trials 2 --seconds 0.02 --family product,loops --only matmul,jacobi2d --quick --dims 28,N=128,K=128 --json --db "$tmp/t.db" >"$tmp/rows" 2>"$tmp/log" || no "product: $(cat "$tmp/log")"
$bench --no-peers --no-tune --seconds 0.02 --family loops --only jacobi2d --quick --json --db "$tmp/t.db" >>"$tmp/rows" 2>"$tmp/log" || no "loops: $(cat "$tmp/log")"
for form in hone default gcc; do check "no form $form: $(cat "$tmp/log")" grep -q "\"form\":\"$form\"" "$tmp/rows"; done
check "a form that does not compute the same" test "$(grep -c '"same":false' "$tmp/rows")" = 0
check "not all rows were kept as JSON" test "$(grep -c '^{.*}$' "$tmp/rows")" = "$(wc -l <"$tmp/rows")"

# Weights in panels: each such kernel is understood, packs nothing at whole panels, and computes the same; other sizes have no such form.
for f in "$root"/bench/specs/panels/*; do
  k=$(basename "${f%.*}")
  dims=M=512,N=8,K=512
  [ "$k" != conv2d ] || dims=N=1,H=14,W=14,C=256,F=4,R=1,S=1,P=14,Q=14,stride=1,pad=0
  "$hone" compile "$f" --dims "$dims" --on-miss=quiet --db "$tmp/none.db" --emit loops >"$tmp/loops" 2>"$tmp/err" || no "$f: $(cat "$tmp/err")"
  sed -n "/^func \`$k.v0\`/,/^}/p" "$tmp/loops" >"$tmp/variant"
  check "$k packs its panels again" test "$(grep -c '[Bw]_pack' "$tmp/variant")" = 0
  check "$k has no variant" test -s "$tmp/variant"
done
$bench --no-peers --no-tune --seconds 0.02 --family product,small,fused --dims M=512,N=512,K=512 --json --db "$tmp/t.db" >"$tmp/panels" 2>"$tmp/log" || no "panels: $(cat "$tmp/log")"
check "rows without panels: $(cat "$tmp/panels")" test "$(grep -c '"form":"panels"' "$tmp/panels")" = "$(grep -c '"form":"hone"' "$tmp/panels")"
check "panels compute something else: $(cat "$tmp/panels")" test "$(grep -c '"same":false' "$tmp/panels")" = 0
$bench --no-peers --no-tune --seconds 0.02 --family product --dims M=1000,N=1000,K=1000 --json --db "$tmp/t.db" >"$tmp/panels" 2>"$tmp/log" || no "no panels: $(cat "$tmp/log")"
check "1000 columns are no whole panels" test "$(grep -c '"form":"panels"' "$tmp/panels")" = 0

# Tables and a drawing of kept lines: a ratio is taken from them as it stands, prepacked and plain peers apart, what differs is named and not counted.
cat >"$tmp/kept" <<'K'
{"machine":"none","date":"2000-01-01","hone":"hone"}
{"family":"product","kernel":"matmul","dims":"M=1,N=2,K=3","threads":1,"form":"hone","prepacked":false,"version":"","us":10.0,"ratio":1.0,"gflops":5.0,"floor_us":5.0,"bound":"flops","same":true}
{"family":"product","kernel":"matmul","dims":"M=1,N=2,K=3","threads":1,"form":"default","prepacked":false,"version":"","us":20.0,"ratio":2.0,"gflops":2.5,"floor_us":5.0,"bound":"flops","same":true}
{"family":"product","kernel":"matmul","dims":"M=1,N=2,K=3","threads":1,"form":"panels","prepacked":true,"version":"","us":8.0,"ratio":0.8,"gflops":2.5,"floor_us":5.0,"bound":"flops","same":true}
{"family":"product","kernel":"matmul","dims":"M=1,N=2,K=3","threads":1,"form":"a&b","prepacked":false,"version":"1","us":15.0,"ratio":1.5,"gflops":2.5,"floor_us":5.0,"bound":"flops","same":true}
{"family":"product","kernel":"matmul","dims":"M=1,N=2,K=3","threads":1,"form":"b packed","prepacked":true,"version":"1","us":10.0,"ratio":1.0,"gflops":2.5,"floor_us":5.0,"bound":"flops","same":true}
{"family":"product","kernel":"matmul","dims":"M=1,N=2,K=3","threads":1,"form":"wrong","prepacked":false,"version":"1","us":1.0,"ratio":0.1,"gflops":2.5,"floor_us":5.0,"bound":"flops","same":false}
K
$bench --table "$tmp/kept" --plot "$tmp/kept.svg" >"$tmp/table" 2>&1 || no "table: $(cat "$tmp/table")"
for text in '50 % flops' '2.00     0.80  1.50 a&b' '1.25 b packed' 'not the same result: wrong' '1.50 of the best peer, 1.25 with prepacked' 'default schedule runs at 0.50'; do
  check "'$text' is not in the table: $(cat "$tmp/table")" grep -qF "$text" "$tmp/table"
done
$bench --table "$tmp/kept" --summary >"$tmp/table" 2>&1 || no "summary: $(cat "$tmp/table")"
check "the summary: $(cat "$tmp/table")" grep -qF '| product, 1t | 1 | 1.50 | 1.25 | 1 | 1.25 matmul M=1,N=2,K=3 (b packed) | 0.50 | 3.00 | 0.50 |' "$tmp/table"
$bench --table "$tmp/rows" --plot "$tmp/rows.svg" >"$tmp/table" 2>&1 || no "table of the dry run"
check "the dry run gives no table" grep -q 'matmul M=128,N=128,K=128' "$tmp/table"
# Well-formed: every element is closed in order, and no bare & remains.
wellformed() {
  awk '{ while (match($0, /<[^>]*>/)) { t = substr($0, RSTART + 1, RLENGTH - 2); $0 = substr($0, RSTART + RLENGTH)
      if (t ~ /^\//) { if (stack[n--] != substr(t, 2)) bad = 1 } else if (t !~ /\/$/) { split(t, w, " "); stack[++n] = w[1] } } }
    END { exit bad || n }' "$1" && ! grep -q '&[^;]*$' "$1" && grep -q '</svg>' "$1"
}
for f in kept rows; do check "$f.svg is not well-formed" wellformed "$tmp/$f.svg"; done
sed 's,</text>,,' "$tmp/kept.svg" >"$tmp/broken.svg"
wellformed "$tmp/broken.svg" && no "a broken drawing passes as well-formed" || ok

# C files: a function that is raised, one in parts, one that is kept and one that is refused; each has its line, and those that run a time beside gcc.
cat >"$tmp/suite.c" <<'K'
void scale(int n, float a, float *x) { for (int i = 0; i < n; i++) x[i] *= a; }
void decay(int n, int t, float *x) { for (int k = 0; k < t; k++) { for (int i = 0; i < n; i++) x[i] *= 0.5f; if (x[0] < 0.1f) break; } }
int other(const unsigned char *s) { return s[0]; }
int count(const unsigned char *s, int n) { int c = 0; while (n-- > 0 && s[n]) c++; return c; }
K
echo 'scale n=1000
decay n=1000 t=3
count n=100' >"$tmp/sizes"
export HONE_SUITE="$HONE_BUILD_DIR/../suite_c"
suite="$bench --suite c --sizes $tmp/sizes --seconds 0.01"
$suite --json "$tmp/suite.c" >"$tmp/rows" 2>"$tmp/log" || no "suite c: $(cat "$tmp/log")"
for is in scale,raised decay,parts count,kept; do
  check "${is%,*} is not ${is#*,}: $(cat "$tmp/rows" "$tmp/log")" grep -q "\"function\":\"${is%,*}\",\"status\":\"${is#*,}\",.*\"gcc\":.*\"same\":true" "$tmp/rows"
done
$suite --only count "$tmp/suite.c" >"$tmp/table" 2>&1 || no "suite c: $(cat "$tmp/table")"
check "the table of a kept function: $(cat "$tmp/table")" grep -q '^kept *1 functions, geometric mean' "$tmp/table"
check "a function without sizes: $(cat "$tmp/rows")" grep -q '"function":"other","status":"[a-z]*","parts":0}' "$tmp/rows"
check "--only leaves nothing out" test "$(grep -c '^scale' "$tmp/table")" = 0
$bench --suite c --nonsense >/dev/null 2>&1; check "an unknown option of suite c is accepted" test $? = 2
$bench --nonsense >/dev/null 2>&1; check "an unknown option is accepted" test $? = 2
$bench --cpu abacus >/dev/null 2>&1; check "an unknown CPU is accepted" test $? = 2
$bench --no-peers --only no-such-kernel >/dev/null 2>&1; check "no rows at all is a success" test $? = 1
"$tmp/build/bench/bench_row" f matmul M=1,N=2 >/dev/null 2>&1; check "a row with a dim missing is accepted" test $? = 2

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
