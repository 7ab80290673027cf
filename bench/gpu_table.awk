# JSON lines of ./dev bench --gpu as tables: a row a kernel and dims, hone's time and rate, and for each peer its time / hone's time; then questions, tuning, geometric means.
function field(name,  p, s) {
  p = index($0, "\"" name "\":")
  if (!p) return ""
  s = substr($0, p + length(name) + 3)
  if (substr(s, 1, 1) == "\"") { s = substr(s, 2); return substr(s, 1, index(s, "\"") - 1) }
  match(s, /^[^,}]*/)
  return substr(s, 1, RLENGTH)
}
function dim(dims, name,  n, i, part, kv) {
  n = split(dims, part, ",")
  for (i = 1; i <= n; i++) { split(part[i], kv, "="); if (kv[1] == name) return kv[2] }
  return 1
}
function flops(k, d) {
  if (k ~ /^gemm|^linear/) return 2 * dim(d, "M") * dim(d, "N") * dim(d, "K")
  if (k ~ /^attention_window/) return 4 * dim(d, "H") * dim(d, "D") * (dim(d, "W") * dim(d, "T") - dim(d, "W") * (dim(d, "W") - 1) / 2)
  if (k ~ /^attention_decode/) return 4 * dim(d, "H") * dim(d, "G") * dim(d, "T") * dim(d, "S") * dim(d, "D")
  if (k ~ /^attention/) return (k ~ /causal|grouped/ ? 2 : 4) * dim(d, "G") * dim(d, "H") * dim(d, "T") * dim(d, "T") * dim(d, "D")
  return 0
}
function bytes(k, d) { return (k == "cross_entropy" ? 4 : k == "swiglu" ? 12 : 8) * dim(d, "R") * dim(d, "C") }
{
  form = field("form"); t = field("med_ps") / 1e6
  if (field("question") != "") { # the default schedule against it with an edit
    ask[++asked] = sprintf("%-22s %-24s %11.2f %11.2f %9.3f  %s", field("kernel"), field("dims"), field("default_ps") / 1e6, field("given_ps") / 1e6,
                           field("given_ratio_ppm") / 1e6, field("question") (field("given_ps") > 0 ? "" : ": " field("given")))
    next
  }
  if (field("tuning") != "") { # how near the best of the first candidates, by the cost model's order, comes to the best of all
    many = split(field("ratios_ppm"), of, " "); first = best = 1e6; place = 0
    for (i = 1; i <= many; i++) {
      if (of[i] > 0 && of[i] < best) { best = of[i]; place = i }
      if (i <= field("tuning") && of[i] > 0 && of[i] < first) first = of[i]
    }
    tuned[++tunings] = sprintf("%-22s %-24s %11d %11.3f %9.3f %9d %9.1f", field("kernel"), field("dims"), many, best / 1e6, first / best, place, field("seconds"))
    next
  }
  if (form == "" || t <= 0) next
  k = field("kernel"); d = field("dims"); key = k " " d
  if (form == "copy") { copy = field("gbs"); next }
  if (!(key in row)) { row[key] = ++n; name[n] = k; at[n] = d }
  if (form == "hone") { hone[key] = t; other[key] = field("default_ps") / 1e6; device = field("device"); modelled = field("modelled") == "true"
                        if (field("note") != "") note = field("note") }
  else { time[key, form] = t; if (!(form in seen)) { seen[form] = ++m; peer[m] = form } }
}
END {
  if (device != "") print device (modelled ? ": MODELLED times, not measured" : "")
  if (copy > 0) printf "copy bandwidth %.0f GB/s\n", copy
  if (note != "") print note
  printf "%-22s %-24s %11s %12s %9s", "kernel", "dims", "hone us", "rate", "default"
  for (j = 1; j <= m; j++) printf " %14s", peer[j]
  print ""
  for (i = 1; i <= n; i++) {
    key = name[i] " " at[i]
    if (!(key in hone)) { printf "%-22s %-24s %11s %12s %9s", name[i], at[i], "-", "not measured", "-"; for (j = 1; j <= m; j++) printf " %14s", (time[key, peer[j]] > 0 ? sprintf("%.2f us", time[key, peer[j]]) : "-"); print ""; continue }
    f = flops(name[i], at[i])
    rate = f ? sprintf("%.1f TFLOP/s", f / hone[key] / 1e6) : sprintf("%.0f GB/s", bytes(name[i], at[i]) / hone[key] / 1e3)
    printf "%-22s %-24s %11.2f %12s %9.2f", name[i], at[i], hone[key], rate, other[key] / hone[key]
    for (j = 1; j <= m; j++) {
      x = time[key, peer[j]]
      if (x > 0) { r = x / hone[key]; printf " %14.3f", r; sum[peer[j]] += log(r); count[peer[j]]++ }
      else printf " %14s", "-"
    }
    print ""
  }
  if (asked) printf "\n%-22s %-24s %11s %11s %9s  %s\n", "questions", "", "default us", "edited us", "ratio", "edit of the default schedule (ratio under 1: it is faster)"
  for (i = 1; i <= asked; i++) print ask[i]
  if (tunings) printf "\n%-22s %-24s %11s %11s %9s %9s %9s  %s\n", "tuning", "", "candidates", "best", "first", "place", "seconds", "best: of all / default; first: best of the first 12 in the order of the cost model / best of all; place: of the best in that order"
  for (i = 1; i <= tunings; i++) print tuned[i]
  for (j = 1; j <= m; j++) if (count[peer[j]]) printf "%s: geometric mean of (its time / hone's time) %.3f over %d rows\n", peer[j], exp(sum[peer[j]] / count[peer[j]]), count[peer[j]]
}
