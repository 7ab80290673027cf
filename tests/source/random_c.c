/* Random C functions without undefined behaviour (at small sizes): indices are masked or small, integers are divided by
 * constants, no float becomes an integer. */
#include "random_c.h"
#include <stdbool.h>
#include <string.h>

struct gen {
  FILE *f;
  uint64_t r;
  int depth, loops, locals, ints; /* nesting; how many i0…, v0…, t0… are in scope */
  bool can_continue;
  int budget;
};

static unsigned rnd(struct gen *g, unsigned n) {
  g->r ^= g->r << 13, g->r ^= g->r >> 7, g->r ^= g->r << 17;
  return (unsigned)(g->r >> 20) % n;
}

static void put(struct gen *g, const char *s) {
  fputs(s, g->f);
}

static void int_expr(struct gen *g, int d);
static void num_expr(struct gen *g, int d);

/* A subscript in 0 … 127. */
static void index_expr(struct gen *g) {
  if (!g->loops) {
    fprintf(g->f, "%u", rnd(g, 9));
    return;
  }
  unsigned i = rnd(g, (unsigned)g->loops), j = rnd(g, (unsigned)g->loops);
  switch (rnd(g, 8)) {
  case 0:
    fprintf(g->f, "i%u", i);
    break;
  case 1:
    fprintf(g->f, "i%u + %u", i, rnd(g, 5));
    break;
  case 2:
    fprintf(g->f, "i%u * m + i%u", i, j);
    break;
  case 3:
    fprintf(g->f, "i%u + i%u", i, j);
    break;
  case 4:
    fprintf(g->f, "40 - i%u", i);
    break;
  case 5:
    fprintf(g->f, "2 * i%u + 1", i);
    break;
  default:
    put(g, "(");
    int_expr(g, 2);
    put(g, ") & 31");
  }
}

static void element(struct gen *g, const char *const *arrays, unsigned n) {
  fprintf(g->f, "%s[", arrays[rnd(g, n)]);
  index_expr(g);
  put(g, "]");
}

static const char *const int_arrays[] = {"k", "u", "b"}, *const float_arrays[] = {"x", "y", "d"};

static void condition(struct gen *g, int d) {
  static const char *const ops[] = {"<", "<=", ">", ">=", "==", "!="};
  unsigned kind = rnd(g, 8);
  if (d > 0 && kind < 3) {
    put(g, kind == 2 ? "!(" : "(");
    condition(g, d - 1);
    put(g, kind == 0 ? " && " : kind == 1 ? " || " : "");
    if (kind < 2) condition(g, d - 1);
    put(g, ")");
    return;
  }
  if (kind < 6)
    int_expr(g, 1);
  else
    num_expr(g, 1);
  fprintf(g->f, " %s ", ops[rnd(g, 6)]);
  if (kind < 6)
    int_expr(g, 1);
  else
    num_expr(g, 1);
}

static void int_leaf(struct gen *g) {
  switch (rnd(g, 7)) {
  case 0:
    fprintf(g->f, "%u", rnd(g, 10));
    break;
  case 1:
    put(g, rnd(g, 2) ? "n" : "m");
    break;
  case 2:
    put(g, "c");
    break;
  case 3:
    if (g->ints)
      fprintf(g->f, "t%u", rnd(g, (unsigned)g->ints));
    else
      put(g, "3");
    break;
  case 4:
    element(g, int_arrays, 3);
    break;
  default:
    if (g->loops)
      fprintf(g->f, "i%u", rnd(g, (unsigned)g->loops));
    else
      put(g, "n");
  }
}

static void int_expr(struct gen *g, int d) {
  static const char *const ops[] = {"+", "-", "*", "&", "|", "^"};
  if (d <= 0 || rnd(g, 4) == 0) {
    int_leaf(g);
    return;
  }
  unsigned kind = rnd(g, 12);
  put(g, "(");
  if (kind == 0) {
    put(g, "-");
    int_expr(g, d - 1);
  } else if (kind == 1) {
    condition(g, 1);
    put(g, " ? ");
    int_expr(g, d - 1);
    put(g, " : ");
    int_expr(g, d - 1);
  } else if (kind < 5) {
    static const char *const by[] = {" / 3", " % 4", " >> 1", " << 2", " / 7u", " % 5u"};
    int_expr(g, d - 1);
    put(g, by[rnd(g, 6)]);
  } else if (kind == 5) {
    static const char *const to[] = {"(unsigned char)(", "(unsigned)(", "(long)(", "(short)(", "(size_t)("};
    put(g, to[rnd(g, 5)]);
    int_expr(g, d - 1);
    put(g, ")");
  } else if (kind == 6) {
    put(g, "half(");
    int_expr(g, d - 1);
    put(g, ")");
  } else {
    int_expr(g, d - 1);
    fprintf(g->f, " %s ", ops[rnd(g, 6)]);
    int_expr(g, d - 1);
  }
  put(g, ")");
}

static void num_expr(struct gen *g, int d) {
  if (d <= 0 || rnd(g, 4) == 0) {
    switch (rnd(g, 5)) {
    case 0:
      fprintf(g->f, "%u.5%s", rnd(g, 4), rnd(g, 2) ? "f" : "");
      break;
    case 1:
      put(g, "s");
      break;
    case 2:
      if (g->locals)
        fprintf(g->f, "v%u", rnd(g, (unsigned)g->locals));
      else
        put(g, "s");
      break;
    default:
      element(g, float_arrays, 3);
    }
    return;
  }
  put(g, "(");
  switch (rnd(g, 9)) {
  case 0:
    condition(g, 2);
    put(g, " ? ");
    num_expr(g, d - 1);
    put(g, " : ");
    num_expr(g, d - 1);
    break;
  case 1:
    put(g, "-");
    num_expr(g, d - 1);
    break;
  case 2:
    put(g, rnd(g, 2) ? "(float)" : "(double)");
    int_expr(g, d - 1);
    break;
  case 3:
    put(g, "mix(");
    num_expr(g, d - 1);
    put(g, ", ");
    num_expr(g, d - 1);
    put(g, ")");
    break;
  case 4:
    put(g, "__builtin_fabsf(");
    num_expr(g, d - 1);
    put(g, ")");
    break;
  default: {
    static const char *const ops[] = {" + ", " - ", " * ", " / "};
    num_expr(g, d - 1);
    put(g, ops[rnd(g, 4)]);
    num_expr(g, d - 1);
  }
  }
  put(g, ")");
}

static void statement(struct gen *g);

static void block(struct gen *g, int n) {
  int locals = g->locals, ints = g->ints;
  put(g, "{\n");
  g->depth++;
  for (int i = 0; i < n; i++) statement(g);
  g->depth--;
  put(g, "}\n");
  g->locals = locals;
  g->ints = ints;
}

static void loop(struct gen *g) {
  int i = g->loops;
  static const char *const forms[] = {"for (int i%d = 0; i%d < n; i%d++) ",
                                      "for (int i%d = m - 1; i%d >= 0; i%d--) ",
                                      "for (int i%d = 1; i%d <= n; i%d += 2) ",
                                      "for (size_t i%d = 0; i%d < (size_t)m; i%d++) ",
                                      "for (int i%d = 0; i%d < n / 2; i%d++) ",
                                      "for (int i%d = 0; i%d != 4; i%d++) ",
                                      "for (long i%d = n; i%d > 0; i%d -= 3) ",
                                      "for (int i%d = 0; i%d < c % 5; i%d++) ",
                                      "for (unsigned i%d = 0; i%d < 5 && i%d < (unsigned)c; i%d++) "};
  if (i && rnd(g, 4) == 0)
    fprintf(g->f, "for (int i%d = 0; i%d <= i%d; i%d++) ", i, i, i - 1, i);
  else
    fprintf(g->f, forms[rnd(g, 9)], i, i, i, i);
  bool before = g->can_continue;
  g->loops++;
  g->can_continue = true;
  block(g, 1 + (int)rnd(g, 3));
  g->can_continue = before;
  g->loops--;
}

static void assignment(struct gen *g) {
  static const char *const ops[] = {" = ", " += ", " -= ", " *= "}, *const iops[] = {" = ",
                                                                                     " += ", " ^= ", " |= ", " -= "};
  switch (rnd(g, 6)) {
  case 0:
    element(g, int_arrays, 3);
    put(g, iops[rnd(g, 5)]);
    int_expr(g, 3);
    break;
  case 1:
    if (g->ints) {
      fprintf(g->f, "t%u%s(", rnd(g, (unsigned)g->ints), rnd(g, 2) ? " = " : " += ");
      int_expr(g, 2);
      put(g, ") & 15");
      break;
    }
    put(g, "k[");
    index_expr(g);
    put(g, "]++");
    break;
  case 2:
    if (g->locals) {
      fprintf(g->f, "v%u%s", rnd(g, (unsigned)g->locals), ops[rnd(g, 4)]);
      num_expr(g, 2);
      break;
    }
    put(g, "s = ");
    num_expr(g, 1);
    break;
  default:
    element(g, float_arrays, 3);
    put(g, ops[rnd(g, 4)]);
    num_expr(g, 3);
  }
  put(g, ";\n");
}

static void statement(struct gen *g) {
  if (g->budget-- <= 0) {
    put(g, ";\n");
    return;
  }
  switch (rnd(g, 11)) {
  case 0:
    if (g->locals < 6) {
      fprintf(g->f, "%s v%d = ", rnd(g, 3) ? "float" : "double", g->locals);
      num_expr(g, 2);
      put(g, ";\n");
      g->locals++;
      break;
    }
    assignment(g);
    break;
  case 1:
    if (g->ints < 6) {
      static const char *const types[] = {"int", "unsigned char", "long", "unsigned", "short", "_Bool"};
      fprintf(g->f, "%s t%d = (", types[rnd(g, 6)], g->ints);
      int_expr(g, 2);
      put(g, ") & 15;\n");
      g->ints++;
      break;
    }
    assignment(g);
    break;
  case 2:
  case 3:
    if (g->depth < 4) {
      put(g, "if (");
      condition(g, 2);
      put(g, ") ");
      block(g, 1 + (int)rnd(g, 2));
      if (rnd(g, 2)) {
        put(g, "else ");
        block(g, 1 + (int)rnd(g, 2));
      }
      break;
    }
    assignment(g);
    break;
  case 4:
  case 5:
  case 6:
    if (g->loops < 3)
      loop(g);
    else
      assignment(g);
    break;
  case 7:
    if (g->can_continue && rnd(g, 2)) {
      put(g, "if (");
      condition(g, 1);
      put(g, ") continue;\n");
      break;
    }
    assignment(g);
    break;
  default:
    assignment(g);
  }
}

void random_c(FILE *f, uint64_t seed, int functions) {
  struct gen g = {.f = f, .r = seed * 0x9e3779b97f4a7c15u + 88172645463325252u};
  put(&g, "#include <stddef.h>\nstatic int half(int a) { if (a < 0) return 0; return a / 2; }\n"
          "static float mix(float a, float b) { return a * 0.5f + b; }\n");
  for (int i = 0; i < functions; i++) {
    fprintf(
        f, "void f%d(int n, int m, int c, float s, float *x, float *y, double *d, int *k, unsigned char *u, short *b) ",
        i);
    g.budget = 14;
    block(&g, 4);
  }
}
