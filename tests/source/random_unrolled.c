/* Random functions with loops that were unrolled by hand in the forms that people write, what is left over in front,
   behind, or forgotten; and with copies, now and then, that are not quite the same. */
#include "random_c.h"
#include <stdbool.h>

struct unrolled {
  FILE *f;
  uint64_t r;
  int k, form, flaw, names; /* copies; number of the copy that differs, -1: none (k: the rest); names of the scalars */
};

static int rnd(struct unrolled *g, uint64_t n) {
  g->r ^= g->r << 13, g->r ^= g->r >> 7, g->r ^= g->r << 17;
  return (int)((g->r >> 11) % n);
}

/* I: the copy's subscript, J: the next one, N: its scalar. */
static const char *const forms[] = {"y[I] = x[I] * s;",
                                    "y[I] += s * x[I];",
                                    "a += x[I] * z[I];",
                                    "tN = x[I]; y[I] = tN + s;",
                                    "if (x[I] > a) a = x[I];",
                                    "y[I] = x[I] > 0 ? x[I] : s * x[I];",
                                    "tN = x[I] - z[I]; a += tN * tN;",
                                    "y[I] = x[J] + x[I];",
                                    "tN = z[I]; if (tN < 0) tN = -tN; y[I] = tN;",
                                    "y[I] = x[I]; a = a * s + z[I];",
                                    "if (x[I] > s) tN = x[I]; y[I] = tN;"};
enum { FORMS = sizeof forms / sizeof *forms };

static void copy(struct unrolled *g, const char *base, int at, int number) {
  int off = g->flaw == number ? 1 : 0;
  for (const char *p = forms[g->form]; *p; p++) {
    if (*p == 'I' || *p == 'J')
      fprintf(g->f, "%s + %d", base, at + off + (*p == 'J'));
    else if (*p == 'N')
      fprintf(g->f, "%d", g->names ? number % 4 : 0);
    else
      fputc(*p, g->f);
    if (*p == 'I') off = 0;
  }
  fputc('\n', g->f);
}

static void copies(struct unrolled *g, const char *base) {
  fputs("{\n", g->f);
  for (int j = 0; j < g->k; j++) copy(g, base, j, j);
}

/* The whole blocks and what is left, in one of the ways to count them. */
static void loops(struct unrolled *g, bool rest) {
  int k = g->k, log = k == 2 ? 1 : k == 4 ? 2 : k == 8 ? 3 : 0, way = rnd(g, 6);
  switch (way) {
  case 0:
    fprintf(g->f, "for (i = 0; i + %d < n; i += %d) ", k - 1, k), copies(g, "i");
    fputs("}\n", g->f);
    if (rest) fputs("for (; i < n; i++) ", g->f), copy(g, "i", 0, k);
    break;
  case 1:
    fprintf(g->f, "m = n - n %% %d;\nfor (i = 0; i < m; i += %d) ", k, k), copies(g, "i");
    fputs("}\n", g->f);
    if (rest) fputs("for (i = m; i < n; i++) {\n", g->f), copy(g, "i", 0, k), fputs("}\n", g->f);
    break;
  case 2:
    fprintf(g->f, "m = n / %d;\nfor (i = 0; i < m; i++) ", k);
    copies(g, k == 2 ? "2 * i" : k == 3 ? "3 * i" : k == 4 ? "4 * i" : "8 * i");
    fputs("}\n", g->f);
    if (rest) fprintf(g->f, "for (i = %d * m; i < n; i++) {\n", k), copy(g, "i", 0, k), fputs("}\n", g->f);
    break;
  case 3:
    fprintf(g->f, "m = n %% %d;\nfor (i = 0; i < m; i++) {\n", k), copy(g, "i", 0, k);
    fprintf(g->f, "}\nfor (i = m; i < n; i += %d) ", k), copies(g, "i"), fputs("}\n", g->f);
    break;
  case 4:
    fprintf(g->f, log ? "m = n >> %d;\n" : "m = n / %d;\n", log ? log : k);
    fputs("i = 0;\nwhile (m > 0) ", g->f), copies(g, "i"), fprintf(g->f, "i += %d;\nm--;\n}\n", k);
    fprintf(g->f, log ? "m = n & %d;\n" : "m = n %% %d;\n", log ? k - 1 : k);
    if (rest) fputs("while (m > 0) {\n", g->f), copy(g, "i", 0, k), fputs("i++;\nm--;\n}\n", g->f);
    break;
  default:
    fprintf(g->f, "m = n & ~%d;\nfor (i = 0; i < m; i += %d) ", log ? k - 1 : 1, log ? k : 2);
    copies(g, "i"), fputs("}\n", g->f);
    if (rest) fputs("for (i = m; i < n; i++) {\n", g->f), copy(g, "i", 0, k), fputs("}\n", g->f);
  }
}

void random_unrolled(FILE *f, uint64_t seed, int functions) {
  static const int factors[] = {2, 3, 4, 4, 8};
  struct unrolled g = {.f = f, .r = seed * 0x9e3779b97f4a7c15u + 88172645463325252u};
  for (int i = 0; i < functions; i++) {
    const char *t = rnd(&g, 2) ? "float" : "int", *n = rnd(&g, 2) ? "int" : "unsigned";
    g.k = factors[rnd(&g, 5)];
    g.form = rnd(&g, FORMS);
    g.flaw = rnd(&g, 3) ? -1 : rnd(&g, (uint64_t)g.k + 1);
    g.names = rnd(&g, 2);
    fprintf(
        f,
        "%s u%d(%s n, %s s, const %s *x, %s *y, const %s *z) {\n%s a = 0, t0 = 0, t1 = 1, t2 = 2, t3 = 3;\n%s i, m;\n",
        t, i, n, t, t, t, t, t, n);
    loops(&g, rnd(&g, 5) != 0);
    fputs(rnd(&g, 3) ? "return a;\n}\n" : "return a + t0 + t1;\n}\n", f);
  }
}
