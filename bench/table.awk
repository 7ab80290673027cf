# JSON lines of bench_row -> one table a family. Ratios are peer's time / hone's time, medians over interleaved rounds: over 1 hone is faster.
function field(s, name) {
  if (match(s, "\"" name "\":\"[^\"]*\"")) return substr(s, RSTART + length(name) + 4, RLENGTH - length(name) - 5)
  if (match(s, "\"" name "\":[-+0-9.a-z]+")) return substr(s, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
  return ""
}
function mean(sum, n) { return n ? sprintf("%.2f", exp(sum / n)) : "-" }
/"form":/ {
  fam = field($0, "family"); form = field($0, "form"); r = field($0, "ratio") + 0
  key = field($0, "kernel") " " field($0, "dims") " " field($0, "threads")
  if (!(key in family)) { order[++n] = key; family[key] = fam; label[key] = field($0, "kernel") " " field($0, "dims"); threads[key] = field($0, "threads") }
  if (form == "hone") { us[key] = field($0, "us") + 0; gf[key] = field($0, "gflops"); floor[key] = field($0, "floor_us") / field($0, "us"); bound[key] = field($0, "bound"); next }
  if (field($0, "same") == "false") { differs[key] = differs[key] " " form; next }
  if (form == "default") { def[key] = r; next }
  if (form == "panels") { own[key] = r; next }
  if (field($0, "prepacked") == "true") { if (!(key in packed) || r < packed[key]) { packed[key] = r; packed_by[key] = form } }
  else if (!(key in plain) || r < plain[key]) { plain[key] = r; plain_by[key] = form }
  all[key] = all[key] sprintf("  %s %.2f", form, r)
}
END {
  for (i = 1; i <= n; i++) {
    key = order[i]; f = family[key] " " threads[key]
    if (!(f in seen)) { seen[f] = 1; fams[++nf] = f }
  }
  for (j = 1; j <= nf; j++) {
    f = fams[j]; split(f, part, " ")
    printf "%s, %s thread%s\n", part[1], part[2], (part[2] == 1 ? "" : "s")
    printf "  %-58s %11s %8s %10s %8s %8s  %-24s %-24s %s\n", "kernel", "time us", "GFLOP/s", "of floor", "default", "panels", "best peer", "best prepacked peer", "peer's time / hone's time"
    sp = np = sa = na = sd = nd = 0
    for (i = 1; i <= n; i++) {
      key = order[i]
      if (family[key] " " threads[key] != f || !us[key]) continue
      if ((key in packed) && (key in own)) packed[key] /= own[key]
      best = (key in plain) ? plain[key] : 0
      if ((key in packed) && (!best || packed[key] < best)) best = packed[key]
      printf "  %-58s %11.2f %8s %4.0f %% %-5s %6s %8s  %-24s %-24s%s%s\n", label[key], us[key], (gf[key] + 0 ? gf[key] : "-"), floor[key] * 100, bound[key], (key in def) ? sprintf("%.2f", def[key]) : "-", (key in own) ? sprintf("%.2f", own[key]) : "-",
        (key in plain) ? sprintf("%.2f %s", plain[key], plain_by[key]) : "-", (key in packed) ? sprintf("%.2f %s", packed[key], packed_by[key]) : "-", all[key],
        (key in differs) ? "  not the same result:" differs[key] : ""
      if (key in plain) { sp += log(plain[key]); np++ }
      if (best) { sa += log(best); na++ }
      if (key in def) { sd += log(1 / def[key]); nd++ }
    }
    printf "  geometric means over %d rows: %s of the best peer, %s with prepacked operands counted; the default schedule runs at %s of the tuned speed\n\n", na, mean(sp, np), mean(sa, na), mean(sd, nd)
  }
}
