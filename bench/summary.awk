# JSON lines of bench_row -> a table in Markdown: a line a family. Ratios are peer's time / hone's time, geometric means over rows against the best peer of each row.
# Prepacked peers are compared with hone's kernel for operands in panels, where there is one.
# "of floor" is the machine's floor / hone's time; "at the floor" is what "best peer" would be if hone ran at the floor: no kernel can do much better.
function field(s, name) {
  if (match(s, "\"" name "\":\"[^\"]*\"")) return substr(s, RSTART + length(name) + 4, RLENGTH - length(name) - 5)
  if (match(s, "\"" name "\":[-+0-9.a-z]+")) return substr(s, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
  return ""
}
function mean(sum, n) { return n ? sprintf("%.2f", exp(sum / n)) : "" }
/"form":/ {
  form = field($0, "form"); r = field($0, "ratio") + 0; f = field($0, "family") ", " field($0, "threads") "t"; key = f " " field($0, "kernel") " " field($0, "dims")
  if (!(f in seen)) { seen[f] = 1; fams[++nf] = f }
  if (form == "hone") { floor[key] = field($0, "floor_us") / field($0, "us"); family[key] = f; label[key] = field($0, "kernel") " " field($0, "dims"); order[++n] = key; next }
  if (field($0, "same") == "false") next
  if (form == "panels") { own[key] = r; next }
  if (form == "default") { sd[f] -= log(r); nd[f]++; next }
  if (field($0, "prepacked") == "true") { if (!(key in packed) || r < packed[key]) { packed[key] = r; packed_by[key] = form } }
  else if (!(key in plain) || r < plain[key]) { plain[key] = r; plain_by[key] = form }
}
END {
  for (i = 1; i <= n; i++) {
    key = order[i]; f = family[key]
    if (key in plain) { any[key] = plain[key]; by[key] = plain_by[key] }
    if (key in packed) {
      if (key in own) packed[key] /= own[key]
      if (!(key in any) || packed[key] < any[key]) { any[key] = packed[key]; by[key] = packed_by[key] }
    }
    if (key in plain) { sp[f] += log(plain[key]); np[f]++; if (floor[key] > 0) { sc[f] += log(plain[key] / floor[key]); nc[f]++ } }
    if (floor[key] > 0) { sf[f] += log(floor[key]); nfl[f]++ }
    if (key in any) {
      sa[f] += log(any[key]); na[f]++; wins[f] += any[key] >= 1
      if (!(f in least) || any[key] < any[least[f]]) least[f] = key
    }
  }
  print "| family | rows | best peer | prepacked counted | rows where hone is first | least | of floor | best peer, if hone were at the floor | default / tuned speed |\n|---|---|---|---|---|---|---|---|---|"
  for (j = 1; j <= nf; j++) {
    f = fams[j]
    printf "| %s | %d | %s | %s | %d | %s | %s | %s | %s |\n", f, na[f], mean(sp[f], np[f]), mean(sa[f], na[f]), wins[f], (f in least) ? sprintf("%.2f %s (%s)", any[least[f]], label[least[f]], by[least[f]]) : "", mean(sf[f], nfl[f]), mean(sc[f], nc[f]), mean(sd[f], nd[f])
  }
}
