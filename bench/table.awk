# JSON lines of `hone bench --json` -> one row a kernel: time of hone's winner, and peer time / hone time (over 1: hone is faster).
function field(s, name,   r) {
  if (match(s, "\"" name "\":\"[^\"]*\"")) { r = substr(s, RSTART + length(name) + 4, RLENGTH - length(name) - 5); return r }
  if (match(s, "\"" name "\":[-0-9.a-z]+")) return substr(s, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
  return ""
}
{
  key = field($0, "kernel") " " field($0, "dims"); form = field($0, "form"); t = field($0, "med_ps") + 0
  if (!(key in seen)) { seen[key] = 1; order[++n] = key; name[key] = field($0, "kernel") }
  flops[key] = field($0, "flops") + 0
  if (form == "hone, winner") won[key] = t
  else if (form == "hone, default schedule") def[key] = t
  else if (form ~ /^gcc/) gcc[key] = t
  else if (form ~ /^clang/) clang[key] = t
  else blas[key] = t
  if (field($0, "right") == "false") wrong[key] = wrong[key] " " form
}
function ratio(x, t) { return x > 0 ? sprintf("%9.2f", x / t) : "        -" }
END {
  printf "%-64s %11s %8s %9s %9s %9s %9s %9s\n", "kernel", "time us", "GFLOP/s", "default", "gcc", "clang", "best cc", "BLAS"
  for (i = 1; i <= n; i++) {
    k = order[i]; t = (k in won) ? won[k] : def[k]
    if (!t) continue
    best = gcc[k]; if (!best || (clang[k] && clang[k] < best)) best = clang[k]
    printf "%-64s %11.2f %8.1f %s %s %s %s %s%s\n", k, t * 1e-6, flops[k] / t * 1e3, ratio(def[k], t), ratio(gcc[k], t), ratio(clang[k], t), ratio(best, t), ratio(blas[k], t), (k in wrong) ? "  outside the bound:" wrong[k] : ""
    if (best) { lc += log(best / t); nc++; if (!low || best / t < low) { low = best / t; lowk = k } }
    if (blas[k] && name[k] == "matmul") { lb += log(blas[k] / t); nb++ }
  }
  print ""
  if (nc) printf "geometric mean over %d rows: %.2f x the better of gcc and clang (-O3 -march=native -ffast-math); least %.2f (%s)\n", nc, exp(lc / nc), low, lowk
  if (nb) printf "geometric mean over %d f32 products: %.2f of OpenBLAS, one thread\n", nb, exp(lb / nb)
}
