/* Random C as people write it: loops unrolled by hand, in steps and down, several counters, while loops, running
   sums, maxima and their places, recurrences, shifts in place, early exits, gathers and scatters, helpers with
   structures and with results through pointers, cases that fall through, tables, quotients in subscripts. At small
   sizes (dims up to 16) all subscripts lie between 0 and 8191, and nothing else is undefined: no float becomes an
   integer. */
#include "random_c.h"
#include <stdbool.h>

struct mix {
  FILE *f;
  uint64_t r;
  int loops, depth; /* counters i0 … in scope */
  int budget;
  bool exits;
};

static unsigned rnd(struct mix *g, unsigned n) {
  g->r ^= g->r << 13, g->r ^= g->r >> 7, g->r ^= g->r << 17;
  return (unsigned)(g->r >> 20) % n;
}

static const char *one_of(struct mix *g, const char *const *words, unsigned n) {
  return words[rnd(g, n)];
}
#define ONE(g, ...)                                                                                                    \
  one_of(g, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static int counter(struct mix *g) {
  return g->loops ? (int)rnd(g, (unsigned)g->loops) : -1;
}

static void subscript(struct mix *g) {
  int i = counter(g), j = counter(g);
  if (i < 0) {
    fprintf(g->f, "%u", rnd(g, 8));
    return;
  }
  switch (rnd(g, 14)) {
  case 0:
    fprintf(g->f, "i%d + %u", i, 1 + rnd(g, 3));
    break;
  case 1:
    fprintf(g->f, "i%d * m + i%d", i, j);
    break;
  case 2:
    fprintf(g->f, "i%d * 16 + i%d", i, j);
    break;
  case 3:
    fprintf(g->f, "2 * i%d + %u", i, rnd(g, 2));
    break;
  case 4:
    fprintf(g->f, "i%d / 2", i);
    break;
  case 5:
    fprintf(g->f, "i%d %% 3 + 4", i);
    break;
  case 6:
    fprintf(g->f, "ix[i%d] & 31", i);
    break;
  case 7:
    fprintf(g->f, "(i%d / q) * 4 + i%d", i, j);
    break;
  case 8:
    fprintf(g->f, "n * m - i%d + 300", i);
    break;
  case 9:
    fprintf(g->f, "n / 2 + i%d", i);
    break;
  default:
    fprintf(g->f, "i%d", i);
  }
}

static void read_of(struct mix *g, const char *array) {
  fprintf(g->f, "%s[", array);
  subscript(g);
  fputs("]", g->f);
}

static void number(struct mix *g, int d) {
  unsigned k = rnd(g, d > 0 ? 12 : 5);
  if (k < 3) {
    read_of(g, ONE(g, "x", "y", "z", "z", "d"));
  } else if (k == 3) {
    fputs(ONE(g, "s", "0.5f", "2.0f", "t", "w[1]"), g->f);
  } else if (k == 4) {
    fprintf(g->f, "(float)%s", ONE(g, "n", "c", "u[3]", "h[2]"));
  } else if (k == 5) {
    fputs("(", g->f), number(g, d - 1), fputs(ONE(g, " > ", " < ", " <= "), g->f), number(g, 0);
    fputs(" ? ", g->f), number(g, d - 1), fputs(" : ", g->f), number(g, d - 1), fputs(")", g->f);
  } else if (k == 6 && g->loops) {
    fprintf(g->f, "(i%d > %u ? ", counter(g), rnd(g, 4)), number(g, d - 1), fputs(" : ", g->f), number(g, d - 1);
    fputs(")", g->f);
  } else if (k == 7) {
    fprintf(g->f, "%s(", ONE(g, "half", "__builtin_fabsf", "clip", "len")), number(g, d - 1), fputs(")", g->f);
  } else {
    fputs("(", g->f), number(g, d - 1), fputs(ONE(g, " + ", " - ", " * ", " + "), g->f), number(g, d - 1);
    fputs(")", g->f);
  }
}

static void whole(struct mix *g, int d) {
  unsigned k = rnd(g, d > 0 ? 10 : 4);
  if (k < 2)
    read_of(g, ONE(g, "k", "u", "h", "ix"));
  else if (k == 2)
    fputs(ONE(g, "n", "m", "c", "3", "17", "a"), g->f);
  else if (k == 3 && g->loops)
    fprintf(g->f, "i%d", counter(g));
  else if (k == 4)
    fputs("(", g->f), whole(g, d - 1), fputs(ONE(g, " / 3)", " % 5)", " >> 1)", " & 15)", " % 4u)"), g->f);
  else if (k == 5)
    fputs(ONE(g, "(unsigned char)(", "(unsigned)(", "(short)(", "(size_t)("), g->f), whole(g, d - 1), fputs(")", g->f);
  else
    fputs("(", g->f), whole(g, d - 1), fputs(ONE(g, " + ", " - ", " * ", " ^ "), g->f), whole(g, d - 1),
        fputs(")", g->f);
}

static void condition(struct mix *g) {
  if (rnd(g, 2))
    number(g, 1), fputs(ONE(g, " > ", " < "), g->f), number(g, 0);
  else
    whole(g, 1), fputs(ONE(g, " > ", " <= ", " == ", " != "), g->f), whole(g, 0);
}

static void statement(struct mix *g);

static void body(struct mix *g, unsigned n) {
  g->depth++;
  for (unsigned i = 0; i < n; i++) statement(g);
  g->depth--;
}

/* Opens a loop over i<loops>; what closes it. */
static const char *open_loop(struct mix *g) {
  int v = g->loops++;
  switch (rnd(g, 13)) {
  case 0:
    fprintf(g->f, "for (int i%d = n - 1; i%d >= 0; i%d--) {\n", v, v, v);
    return "}\n";
  case 1:
    fprintf(g->f, "for (int i%d = %u; i%d < m; i%d += %u) {\n", v, rnd(g, 2), v, v, 2 + rnd(g, 3));
    return "}\n";
  case 2:
    fprintf(g->f, "for (unsigned i%d = 0; i%d < (unsigned)c; ++i%d) {\n", v, v, v);
    return "}\n";
  case 3:
    fprintf(g->f, "for (size_t i%d = 0; i%d + 1 < (size_t)n; i%d++) {\n", v, v, v);
    return "}\n";
  case 4:
    fprintf(g->f, "for (int i%d = 0; 2 * i%d + 1 < n; i%d++) {\n", v, v, v);
    return "}\n";
  case 5:
    fprintf(g->f, "for (int i%d = 0, e%d = 3; i%d < m; i%d++, e%d += 2) {\n k[e%d] += i%d;\n", v, v, v, v, v, v, v);
    return "}\n";
  case 6:
    fprintf(g->f, "int i%d = 0;\nwhile (i%d < n) {\n", v, v);
    g->exits = false;
    return v < 9 ? (const char *const[]){"i0++;\n}\n", "i1++;\n}\n", "i2++;\n}\n", "i3++;\n}\n", "i4++;\n}\n",
                                         "i5++;\n}\n", "i6++;\n}\n", "i7++;\n}\n", "i8++;\n}\n"}[v]
                 : "}\n";
  case 7:
    if (v) {
      fprintf(g->f, "for (int i%d = 0; i%d <= i%d; i%d++) {\n", v, v, v - 1, v);
      return "}\n";
    }
    /* fall through */
  case 8:
    fprintf(g->f, "for (int i%d = 0; i%d < n / 2; i%d++) {\n", v, v, v);
    return "}\n";
  case 9:
    fprintf(g->f, "for (int i%d = 0; i%d < n; i%d += q) {\n", v, v, v);
    return "}\n";
  default:
    fprintf(g->f, "for (int i%d = 0; i%d < %s; i%d++) {\n", v, v, ONE(g, "n", "m", "4", "c"), v);
    return "}\n";
  }
}

static void loop(struct mix *g) {
  bool exits = g->exits;
  g->exits = true;
  fputs("{\n", g->f);
  const char *end = open_loop(g);
  body(g, 1 + rnd(g, 3));
  fputs(end, g->f);
  fputs("}\n", g->f);
  g->loops--;
  g->exits = exits;
}

static void store(struct mix *g) {
  if (rnd(g, 3)) {
    read_of(g, ONE(g, "x", "y", "d"));
    fputs(ONE(g, " = ", " += ", " *= ", " = "), g->f);
    number(g, 2);
  } else {
    read_of(g, ONE(g, "k", "u", "h"));
    fputs(ONE(g, " = ", " += ", " ^= "), g->f);
    whole(g, 2);
  }
  fputs(";\n", g->f);
}

/* Idioms with a loop of their own; every name is fresh in its block. */
static void idiom(struct mix *g) {
  static const char *const text[] = {
      "{ float a0 = 0, a1 = 0, a2 = 0, a3 = 0; int v = 0;\nfor (; v + 3 < n; v += 4) { a0 += x[v] * z[v]; a1 += x[v + "
      "1] * z[v + 1]; "
      "a2 += x[v + 2] * z[v + 2]; a3 += x[v + 3] * z[v + 3]; }\nt = a0 + a1 + (a2 + a3);\nfor (; v < n; v++) t += x[v] "
      "* z[v];\n}\n",
      "{ int v = 0, n4 = n & ~3;\nfor (; v < n4; v += 4) { y[v] = z[v] + s; y[v + 1] = z[v + 1] + s; y[v + 2] = z[v + "
      "2] + s; "
      "y[v + 3] = z[v + 3] + s; }\nfor (; v < n; v++) y[v] = z[v] + s;\n}\n",
      "for (int v = 1; v < n; v++) x[v] = 0.5f * x[v - 1] + z[v];\n",
      "for (int v = 0; v < n; v++) x[v] = x[v + 1];\n",
      "{ float mx = z[0]; int at = 0;\nfor (int v = 1; v < n; v++) if (z[v] > mx) { mx = z[v]; at = v; }\nk[0] = at; t "
      "= mx;\n}\n",
      "{ int best = 0;\nfor (int v = 1; v < n; v++) if (z[v] > z[best]) best = v;\nk[1] = best;\n}\n",
      "{ unsigned char lo = 255;\nfor (int v = 0; v < n; v++) if (u[v] < lo) lo = u[v];\nk[2] = lo;\n}\n",
      "for (int v = 0; v < n; v++) k[u[v] & 15]++;\n",
      "for (int v = 0; v < n; v++) { if (z[v] > 3) break; y[v] = z[v]; }\n",
      "{ float *p = y; const float *e = z + n; const float *r = z;\nwhile (r != e) *p++ = *r++ + s; }\n",
      "for (int v = 0; v < n; v++) { float *r = x + v * 16; const float *b = z + v * m;\nfor (int j = 0; j < m; j++) "
      "r[j] = b[j] * s; }\n",
      "{ float lo, hi; ends(z, n, &lo, &hi);\nfor (int v = 0; v < m; v++) y[v] = (z[v] - lo) * hi; }\n",
      "for (int v = 0; v < n; v++) { struct pt p = {z[v], z[v + 1]}, w2 = turn(p, s);\nx[v] = w2.a; y[v] = add(w2, "
      "p).b; }\n",
      "for (int v = 0; v < n; v++) switch (ix[v] & 3) { case 0: k[v] = 1; case 1: k[v] += 2; break; case 2: h[v]++; "
      "break; default: k[v] = 0; }\n",
      "if (n > 1) memmove(x, x + 1, (n - 1) * sizeof *x);\n",
      "if (n > 0) { memcpy(y + 100, z, n * sizeof *y); memset(k, 0, n * sizeof *k); }\n",
      "for (int v = 0; v < n / 2; v++) swap(&x[v], &x[n - 1 - v]);\n",
      "{ int o = 40;\nfor (int v = 0; v < n; v++) for (int j = 0; j < m; j++) x[o++] = z[v * m + j]; }\n",
      "for (int v = 0; v < n; v++) { float r = w[3];\nfor (int j = 2; j >= 0; j--) r = r * z[v] + w[j];\ny[v] = r; }\n",
      "for (int v = 0; v < n; v++) y[v] = z[ix[v] & 7] * z[u[v]];\n",
      "{ unsigned lim = (unsigned)n;\nfor (unsigned v = lim; v-- > 0;) y[lim - 1 - v] = z[v]; }\n",
      "{ float acc = 0;\nfor (int v = 0; v < n; v++) { acc += z[v]; y[v] = acc; } t += acc; }\n",
      "for (int v = 0; v < c; v++) for (int b = 0; b < n; b++) { x[b] += y[b + 1] * s; y[b] = x[b] - t; }\n",
      "{ int left = n; const short *p = h; while (left--) k[left] = *p++; }\n",
      "for (int v = 0; v < n; v++) { float s0 = 0;\nfor (int j = -1; j <= 1; j++) { int at = v + j; if (at < 0 || at "
      ">= n) continue; s0 += z[at]; }\ny[v] = s0; }\n",
      "for (int v = 0; v < n; v++) { int e = (int)(u[v] >> 1); if (e > n - 1) e = n - 1; if (e < 0) e = 0; y[v] = "
      "z[e]; }\n",
      "{ float b4[4] = {0};\nfor (int v = 0; v < n; v++) b4[v % 4] += z[v];\nfor (int v = 0; v < 4; v++) y[v] = b4[v]; "
      "}\n",
      "for (int v = 0; v < n; v++) { unsigned b = (unsigned)k[v]; b ^= b << 3; b = b * 2654435761u + 7; k[v] = (int)(b "
      ">> 8); }\n",
  };
  fputs(text[rnd(g, sizeof text / sizeof *text)], g->f);
}

static void statement(struct mix *g) {
  if (g->budget-- <= 0) {
    fputs(";\n", g->f);
    return;
  }
  unsigned k = rnd(g, 12);
  if (k < 3 && g->loops < 3) {
    loop(g);
  } else if (k < 5 && g->loops < 2) {
    idiom(g);
  } else if (k == 5 && g->depth < 4) {
    fputs("if (", g->f), condition(g), fputs(") {\n", g->f);
    body(g, 1 + rnd(g, 2));
    fputs("}\n", g->f);
    if (rnd(g, 2)) fputs("else {\n", g->f), body(g, 1), fputs("}\n", g->f);
  } else if (k == 6) {
    fputs(ONE(g, "t = ", "t += ", "t = t > s ? t : "), g->f), number(g, 1), fputs(";\n", g->f);
  } else if (k == 7) {
    fputs(ONE(g, "a = ", "a += ", "a ^= "), g->f), whole(g, 2), fputs(";\n", g->f);
  } else if (k == 8 && g->loops && g->exits && !rnd(g, 3)) {
    fputs("if (", g->f), condition(g), fputs(ONE(g, ") continue;\n", ") break;\n"), g->f);
  } else {
    store(g);
  }
}

void random_mix(FILE *f, uint64_t seed, int functions) {
  struct mix g = {.f = f, .r = seed * 0x9e3779b97f4a7c15u + 88172645463325252u};
  fputs("#include <stddef.h>\n#include <string.h>\nstruct pt { float a, b; };\n"
        "static const float w[4] = {1, -0.5f, 0.25f, 2};\nstatic float scale_by = 1.5f;\n"
        "static inline float half(float v) { return v * 0.5f; }\n"
        "static float clip(float v) { if (v < -2) return -2; if (v > 2) return 2; return v; }\n"
        "static float len(float v) { return v * v + scale_by; }\n"
        "static void ends(const float *r, int n, float *lo, float *hi) {\n  *lo = *hi = r[0];\n"
        "  for (int i = 1; i < n; i++) { if (r[i] < *lo) *lo = r[i]; if (r[i] > *hi) *hi = r[i]; }\n}\n"
        "static struct pt turn(struct pt p, float s) { struct pt r = {p.b * s, -p.a}; return r; }\n"
        "static struct pt add(struct pt p, struct pt q) { p.a += q.a; p.b += q.b; return p; }\n"
        "static void swap(float *p, float *q) { float t = *p; *p = *q; *q = t; }\n",
        f);
  for (int i = 0; i < functions; i++) {
    fprintf(
        f,
        "float f%d(int n, int m, int c, float s, float *x, float *y, const float *z, double *d, int *k, const int *ix, "
        "unsigned char *u, short *h) {\nfloat t = 0;\nint a = 1, q = (c & 1) + 1;\n",
        i);
    g.budget = 10;
    g.loops = g.depth = 0;
    body(&g, 3);
    fprintf(f, "return t + a + q;\n}\n");
  }
}
