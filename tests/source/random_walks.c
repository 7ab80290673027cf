/* Random functions (whose arrays 8192 elements hold) in which pointers and integers move through loops: by constants
   and by numbers, in the loop's head, in its body, in loops inside, under conditions, behind `continue`; up, down, and
   in steps. */
#include "random_c.h"
#include <stdbool.h>

struct walks {
  FILE *f;
  uint64_t r;
  int depth, counters;
};

static uint64_t rnd(struct walks *g, uint64_t n) {
  g->r ^= g->r << 13, g->r ^= g->r >> 7, g->r ^= g->r << 17;
  return (g->r >> 11) % n;
}

static const char *amount(struct walks *g) {
  static const char *const all[] = {"1", "2", "3", "stride", "pad"};
  return all[rnd(g, 5)];
}

/* Something that moves p, q or k. */
static void move(struct walks *g) {
  static const char *const forms[] = {"p += %s", "q += %s", "k += %s", "p++", "++q", "k++"};
  fprintf(g->f, forms[rnd(g, 6)], amount(g));
}

static void head(struct walks *g) {
  int i = g->counters++;
  static const char *const inner[] = {"pad", "pad - 1", "stride"};
  const char *n = g->depth ? inner[rnd(g, 3)] : "n";
  switch (rnd(g, 5)) {
  case 0:
    fprintf(g->f, "for (int i%d = %s - 1; i%d >= 0; i%d--", i, n, i, i);
    break;
  case 1:
    fprintf(g->f, "for (int i%d = 0; i%d < %s; i%d += 2", i, i, n, i);
    break;
  default:
    fprintf(g->f, "for (int i%d = 0; i%d < %s; i%d++", i, i, n, i);
  }
  if (rnd(g, 3) == 0) {
    fputs(", ", g->f);
    move(g);
  }
  fputs(") ", g->f);
}

static void body(struct walks *g);

static void statement(struct walks *g) {
  static const char *const plain[] = {"*q++ = *p++ + s;", "q[0] += p[1];",          "y[k] = p[k];",
                                      "*q = x[k++] * s;", "if (*p > s) q[1] = *p;", "q[2] = k;",
                                      "s = *p++;",        "q[0] += *p++;",          "k += *q++ > s;"};
  uint64_t form = rnd(g, 14);
  if (form < 9) {
    fputs(plain[form], g->f);
  } else if (form < 12) {
    move(g);
    fputs(";", g->f);
  } else if (form == 12 && g->depth < 3) {
    body(g);
  } else {
    static const char *const often[] = {"if (*p > 0) ", "if (k < n) "};
    fputs(often[rnd(g, 2)], g->f);
    if (rnd(g, 4) == 0)
      fputs("continue", g->f);
    else
      move(g);
    fputs(";", g->f);
  }
  fputs("\n", g->f);
}

/* A loop that is not counted. */
static void while_head(struct walks *g) {
  int i = g->counters++;
  const char *n = g->depth ? "pad" : "stride";
  fprintf(g->f, "int w%d = %s;\nwhile (w%d != 0 && k < 900) {\nw%d = w%d > 2 ? w%d - 2 : 0;\nk++;\n", i, n, i, i, i, i);
}

static void body(struct walks *g) {
  if (g->depth < 2 && rnd(g, 5) == 0) {
    fputs("{\n", g->f);
    while_head(g);
    g->depth++;
    for (int n = 1 + (int)rnd(g, 2); n > 0; n--) statement(g);
    body(g);
    g->depth--;
    fputs("}\n}\n", g->f);
    return;
  }
  head(g);
  g->depth++;
  fputs("{\n", g->f);
  for (int n = 1 + (int)rnd(g, 4); n > 0; n--) statement(g);
  fputs("}\n", g->f);
  g->depth--;
}

void random_walks(FILE *f, uint64_t seed, int functions) {
  struct walks g = {.f = f, .r = seed * 0x9e3779b97f4a7c15u + 88172645463325252u};
  for (int i = 0; i < functions; i++) {
    const char *t = rnd(&g, 2) ? "float" : "int";
    fprintf(
        f,
        "void w%d(int n, int pad, int stride, %s s, const %s *x, %s *y) {\nconst %s *p = x;\n%s *q = y;\nint k = %d;\n",
        i, t, t, t, t, t, (int)rnd(&g, 4));
    g.counters = 0;
    for (int loops = 1 + (int)rnd(&g, 3); loops > 0; loops--) {
      body(&g);
      if (rnd(&g, 4) == 0) fputs("p = x;\n", f);
    }
    fputs("y[k] = *p;\n*q = s;\n}\n", f);
  }
}
