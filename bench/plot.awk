# JSON lines of bench_row -> SVG: a row a shape, on a logarithmic axis the time of each peer by hone's time. Right of the line hone is faster.
function field(s, name) {
  if (match(s, "\"" name "\":\"[^\"]*\"")) return substr(s, RSTART + length(name) + 4, RLENGTH - length(name) - 5)
  if (match(s, "\"" name "\":[-+0-9.a-z]+")) return substr(s, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
  return ""
}
function escaped(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s); return s }
function at(r) { r = r < LOW ? LOW : r > HIGH ? HIGH : r; return LEFT + WIDE * log(r / LOW) / log(HIGH / LOW) }
function colour(form,   f) {
  f = form; sub(/ .*/, "", f)
  if (!(f in hue)) { hue[f] = palette[peers % 14 + 1]; legend[++peers] = f }
  return hue[f]
}
BEGIN {
  LOW = 0.125; HIGH = 8; LEFT = 500; WIDE = 700; STEP = 17; TOP = 60
  split("#1f77b4 #d62728 #2ca02c #ff7f0e #9467bd #17becf #e377c2 #8c564b #bcbd22 #003f5c #7f2704 #00a878 #6a3d9a #e6ab02", palette, " ")
}
/"form":/ {
  form = field($0, "form"); key = field($0, "family") "\t" field($0, "kernel") " " field($0, "dims") "\t" field($0, "threads")
  if (!(key in seen)) { seen[key] = 1; order[++n] = key }
  if (form == "hone") { floor[key] = field($0, "floor_us") / field($0, "us"); next }
  if (field($0, "same") == "false") next
  point[key] = point[key] form "\t" field($0, "ratio") "\t" field($0, "prepacked") "\n"
}
END {
  for (i = 1; i <= n; i++) {
    split(order[i], part, "\t")
    if (part[1] != family) { family = part[1]; y += 26; out = out sprintf("<text x=\"8\" y=\"%d\" font-weight=\"bold\">%s, %s thread%s</text>\n", TOP + y, escaped(family), part[3], (part[3] == 1 ? "" : "s")) }
    y += STEP
    out = out sprintf("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text><line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"#eee\"/>\n", LEFT - 10, TOP + y + 4, escaped(part[2]), LEFT, LEFT + WIDE, TOP + y, TOP + y)
    if (floor[order[i]] > 0) out = out sprintf("<path d=\"M%.1f %d v10\" stroke=\"#000\" stroke-width=\"2\"><title>floor %.2f</title></path>\n", at(floor[order[i]]), TOP + y - 5, floor[order[i]])
    m = split(point[order[i]], p, "\n")
    for (j = 1; j < m; j++) {
      split(p[j], q, "\t")
      own = q[1] == "default" ? "default schedule" : q[1] == "panels" ? "weights in panels" : ""
      if (own != "") out = out sprintf("<rect x=\"%.1f\" y=\"%d\" width=\"7\" height=\"7\" stroke=\"#999\" fill=\"%s\"><title>%s %s</title></rect>\n", at(q[2]) - 3.5, TOP + y - 4, q[1] == "panels" ? "none" : "#999", own, q[2])
      else out = out sprintf("<circle cx=\"%.1f\" cy=\"%d\" r=\"4.5\" stroke=\"%s\" fill=\"%s\"><title>%s %s</title></circle>\n", at(q[2]), TOP + y, colour(q[1]), (q[3] == "true" ? "none" : colour(q[1])), escaped(q[1]), q[2])
    }
  }
  y += 30
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", LEFT + WIDE + 30, TOP + y + 40
  printf "<text x=\"8\" y=\"20\" font-size=\"15\">Time of each peer / time of hone (tuned); right of the line hone is faster</text>\n"
  printf "<text x=\"8\" y=\"38\">filled: operands as they are; ring: constants prepacked; grey square: hone's default schedule (hollow: hone with weights in panels); black mark: the floor of the machine</text>\n"
  for (r = LOW; r <= HIGH; r *= 2)
    printf "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"%s\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", at(r), at(r), TOP, TOP + y - 10, (r == 1 ? "#000" : "#ccc"), at(r), TOP - 5, r
  printf "%s", out
  for (i = 1; i <= peers; i++) printf "<circle cx=\"%d\" cy=\"%d\" r=\"4.5\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">%s</text>\n", 20 + (i - 1) * 88, TOP + y + 10, hue[legend[i]], 30 + (i - 1) * 88, TOP + y + 14, escaped(legend[i])
  print "</svg>"
}
