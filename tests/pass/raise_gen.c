/* Random C functions: a recursive walk that writes statements. See raise_gen.h. */
#include "raise_gen.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { VARS = 8, NAMES = 24, TEXT = 512 };

struct names {
  unsigned n;
  char s[NAMES][8];
};
struct gen {
  struct buf *out;
  uint64_t seed;
  unsigned next;                 /* number of the next name */
  struct names var, live, local; /* loop counters, scalars that have a value, local arrays; innermost last */
  bool loops;
};

static unsigned rnd(struct gen *g, unsigned n) {
  g->seed ^= g->seed << 13, g->seed ^= g->seed >> 7, g->seed ^= g->seed << 17;
  return (unsigned)((g->seed >> 20) % n);
}

static const char *pick(struct gen *g, const char *words) {
  static char word[8][32];
  static unsigned slot;
  unsigned n = 1, at;
  for (const char *p = words; *p; p++) n += *p == '|';
  at = rnd(g, n);
  while (at--) words = strchr(words, '|') + 1;
  char *w = word[slot++ % 8];
  snprintf(w, sizeof word[0], "%.*s", (int)strcspn(words, "|"), words);
  return w;
}

static const char *name(struct gen *g, struct names *to, const char *kind) {
  if (to->n == NAMES) to->n--;
  snprintf(to->s[to->n], sizeof to->s[0], "%s%u", kind, g->next++ % 1000);
  return to->s[to->n++];
}

static void line(struct gen *g, unsigned indent, const char *fmt, ...) {
  char text[4 * TEXT];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  buf_indent(g->out, (int)indent);
  buf_printf(g->out, "%s\n", text);
}

static void subscript(struct gen *g, char *to, size_t n) {
  if (!g->var.n || !rnd(g, 12)) {
    snprintf(to, n, "%u", rnd(g, 4));
    return;
  }
  const char *v = g->var.s[g->var.n - 1 - (rnd(g, 5) && g->var.n > 1 ? rnd(g, 2) : rnd(g, g->var.n))];
  unsigned offset = rnd(g, 7);
  snprintf(to, n, rnd(g, 16) ? "%s + %u" : "n - %s + %u", v, offset < 3 ? 0 : offset < 5 ? 1 : offset - 3);
}

static void element(struct gen *g, char *to, size_t n) {
  char i[64], j[64];
  unsigned c = rnd(g, 20);
  subscript(g, i, sizeof i);
  subscript(g, j, sizeof j);
  if (c < 11)
    snprintf(to, n, "%s[%s]", pick(g, "x|y|z"), i);
  else if (c < 16)
    snprintf(to, n, "%s[%s][%s]", pick(g, "a|b"), i, j);
  else if (c < 18 && g->local.n)
    snprintf(to, n, "%s[%s]", g->local.s[rnd(g, g->local.n)], i);
  else if (c < 19)
    snprintf(to, n, "g[(%s) * sx + %s]", i, j);
  else
    snprintf(to, n, "f[(%s) * (n + 4) + %s]", i, j);
}

static void condition(struct gen *g, char *to, size_t n) {
  char e[128];
  unsigned c = rnd(g, 20);
  if (!g->var.n) {
    snprintf(to, n, "n > 2");
    return;
  }
  const char *v = g->var.s[rnd(g, g->var.n)], *w = g->var.s[rnd(g, g->var.n)];
  element(g, e, sizeof e);
  if (c < 7)
    snprintf(to, n, "%s %s %s", v, pick(g, "<|>=|>|<=|==|!="), w == v ? pick(g, "1|2|m|n - 1") : w);
  else if (c < 10)
    snprintf(to, n, "%s > 0 && %s < %s", v, v, pick(g, "m|n - 1"));
  else if (c < 12)
    snprintf(to, n, "%s == 0 || %s == n - 1", v, v);
  else if (c < 15 && g->live.n)
    snprintf(to, n, "%s > 0", g->live.s[rnd(g, g->live.n)]);
  else
    snprintf(to, n, "%s > %s", e, pick(g, "0|0.5f"));
}

static void value(struct gen *g, char *to, size_t n, unsigned depth) {
  char x[TEXT], y[TEXT], c[TEXT];
  unsigned k = rnd(g, 20);
  if (!depth || k < 9) {
    if (g->live.n && !rnd(g, 3))
      snprintf(to, n, "%s", g->live.s[rnd(g, g->live.n)]);
    else if (rnd(g, 7))
      element(g, to, n);
    else
      snprintf(to, n, "%s", pick(g, "1.0f|0.5f|2.0f"));
    return;
  }
  value(g, x, sizeof x, depth - 1);
  value(g, y, sizeof y, depth - 1);
  condition(g, c, sizeof c);
  if (k < 17)
    snprintf(to, n, "(%.160s %s %.160s)", x, pick(g, "+|-|*"), y);
  else
    snprintf(to, n, "(%.160s ? %.160s : %.160s)", c, x, y);
}

static void statements(struct gen *g, unsigned depth, unsigned indent);

static void loop(struct gen *g, unsigned depth, unsigned indent) {
  char e[TEXT], c[TEXT];
  const char *lo = "0", *hi = "n", *outer = g->var.n ? g->var.s[g->var.n - 1] : NULL;
  unsigned k = rnd(g, 25);
  bool acc = !rnd(g, 2);
  char sum[8] = "";
  if (outer && k < 3)
    hi = outer;
  else if (outer && k < 6)
    lo = outer;
  else if (k < 8)
    lo = "1";
  else if (k < 10)
    hi = "n - 1";
  element(g, e, sizeof e);
  if (acc) {
    snprintf(sum, sizeof sum, "s%u", g->next++ % 1000);
    line(g, indent, "float %s = %s;", sum, rnd(g, 4) ? pick(g, "0|0|1.0f|-INFINITY") : e);
  }
  const char *v = name(g, &g->var, "i");
  line(g, indent, "for (int %s = %s; %s < %s; %s++) {", v, lo, v, hi, v);
  value(g, e, sizeof e, 1);
  condition(g, c, sizeof c);
  k = rnd(g, 8);
  if (acc && k < 4)
    line(g, indent + 1, "%s += %s;", sum, e);
  else if (acc && k < 6)
    line(g, indent + 1, "if (%s > %s) %s = %s;", e, sum, sum, e);
  else if (acc && k < 7)
    line(g, indent + 1, "if (%s) %s += %s;", c, sum, e);
  else if (acc)
    line(g, indent + 1, "%s = %s - %s;", sum, sum, e);
  if (!acc || rnd(g, 2)) statements(g, depth + 1, indent + 1);
  line(g, indent, "}");
  g->var.n--;
  g->loops = true;
  if (!acc) return;
  element(g, e, sizeof e);
  if (rnd(g, 4)) line(g, indent, "%s = %s;", e, sum);
  if (g->live.n < NAMES) strcpy(g->live.s[g->live.n++], sum);
}

static void search(struct gen *g, unsigned indent) {
  char e[TEXT], i[64];
  unsigned k = g->next++ % 1000;
  subscript(g, i, sizeof i);
  line(g, indent, "float m%u = %s;", k, pick(g, "1.0f|-100.0f|100.0f"));
  line(g, indent, "int w%u = -1;", k);
  const char *v = name(g, &g->var, "i");
  value(g, e, sizeof e, 1);
  line(g, indent, "for (int %s = 0; %s < n; %s++) {", v, v, v);
  line(g, indent + 1, "float e = %s;", e);
  line(g, indent + 1, "if (e %s m%u) {", pick(g, "<|>"), k);
  line(g, indent + 2, "m%u = e;", k);
  line(g, indent + 2, "w%u = %s;", k, v);
  line(g, indent + 1, "}");
  line(g, indent, "}");
  g->var.n--;
  line(g, indent, "k[%s] = w%u;", i, k);
}

static void statement(struct gen *g, unsigned depth, unsigned indent) {
  char e[TEXT], x[TEXT], c[TEXT];
  unsigned k = rnd(g, 100);
  value(g, e, sizeof e, 2);
  element(g, x, sizeof x);
  condition(g, c, sizeof c);
  if (k < 33 && depth < 3) {
    loop(g, depth, indent);
  } else if (k < 37 && depth && g->local.n < 2) {
    const char *l = name(g, &g->local, "l");
    line(g, indent, "float %s[n + 4];", l);
    line(g, indent, "for (int q = 0; q < n + 4; q++) %s[q] = %s;", l, pick(g, "0|1.0f|x[q]|z[q] * 2"));
  } else if (k < 41 && g->var.n && depth < 3) {
    search(g, indent);
  } else if (k < 49) {
    char t[8];
    snprintf(t, sizeof t, "t%u", g->next++ % 1000);
    line(g, indent, "float %s = %s;", t, e);
    if (g->live.n < NAMES) strcpy(g->live.s[g->live.n++], t);
  } else if (k < 55 && g->live.n) {
    line(g, indent, "if (%s) %s = %s;", c, g->live.s[rnd(g, g->live.n)], e);
  } else if (k < 66 && depth) {
    line(g, indent, "if (%s) {", c);
    statements(g, 3, indent + 1);
    if (!rnd(g, 3)) {
      line(g, indent, "} else {");
      statements(g, 3, indent + 1);
    }
    line(g, indent, "}");
  } else {
    line(g, indent, "%s %s %s;", x, pick(g, "=|=|=|+=|*=|-="), e);
  }
}

static void statements(struct gen *g, unsigned depth, unsigned indent) {
  unsigned live = g->live.n, local = g->local.n;
  for (unsigned n = 1 + rnd(g, 3); n--;) statement(g, depth, indent);
  g->live.n = live;
  g->local.n = local;
}

void raise_random_c(struct buf *out, uint64_t seed, unsigned count) {
  struct gen g = {.out = out, .seed = seed * 0x9e3779b97f4a7c15u + 88172645463325252u};
  buf_puts(out, "#include <math.h>\n");
  for (unsigned i = 0; i < count; i++) {
    g.next = 0;
    g.loops = false;
    buf_printf(out,
               "void f%u(int n, int m, float x[n + 4], float y[n + 4], float z[n + 4], float a[n + 4][n + 4], float "
               "b[n + 4][n + 4], float *f, "
               "int k[n + 4], float *g, int sx) {\n",
               i);
    while (!g.loops) statements(&g, 0, 1);
    buf_puts(out, "}\n");
  }
}
