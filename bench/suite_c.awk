# Table of the JSON lines of ./dev bench --suite c.
function text(name) { return match($0, "\"" name "\":\"[^\"]*\"") ? substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 5) : "" }
function number(name) { return match($0, "\"" name "\":-?[0-9.]+") ? substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0 : -1 }
function ratio(x) { return x < 0 ? "-" : sprintf("%.2f", x) }
BEGIN { printf "%-30s %-12s %10s %7s %7s %7s %7s\n", "function", "is", "time us", "best", "gcc", "clang", "polly" }
{
  s = text("status"); n[s]++
  is = s == "parts" ? sprintf("%d part%s", number("parts"), number("parts") == 1 ? "" : "s") : s
  if (!/"us":/ && !/"failed":/ && s != "refused") { printf "%-30s %-12s %10s\n", text("function"), is, "no sizes"; next }
  if (s == "refused" || /"failed":true/) { printf "%-30s %-12s %10s\n", text("function"), is, s == "refused" ? "" : "failed"; failed += s != "refused"; next }
  best = number("best")
  differs = /"same":false/ ? "  not the same result: " text("differs") : ""
  at = number("floor_us") >= 0.9 * number("us")
  printf "%-30s %-12s %10.1f %7s %7s %7s %7s%s%s\n", text("function"), is, number("us"), ratio(best), ratio(number("gcc")), ratio(number("clang")), ratio(number("polly")), at ? "  at the floor" : "", differs
  floored[s] += at
  if (differs != "" || best <= 0) next
  m[s]++; sum[s] += log(best); low[s] += best < 0.95
  if (!(s in least) || best < least[s]) { least[s] = best; which[s] = text("function") }
}
END {
  printf "\nratios: time of the form / hone's time, best: of gcc and clang; over 1 hone is faster\n"
  split("raised parts kept", order, " ")
  for (i = 1; i <= 3; i++) {
    s = order[i]
    if (m[s]) printf "%-7s %3d functions, geometric mean %.2f, least %.2f (%s), below 0.95: %d\n", s, n[s], exp(sum[s] / m[s]), least[s], which[s], low[s]
  }
  if (floored["raised"]) printf "%d raised functions take at most a ninth longer than the machine needs to move their arrays or to multiply and add: at the floor\n", floored["raised"]
  printf "refused %3d\n", n["refused"]
  if (failed) printf "failed  %3d\n", failed
}
