/* Random loop nests over declared arrays, the kind of C that raises: reductions into locals, several nests in a row,
   stencils, triangles, guards, local arrays, maxima. Every access is inside its array when the sizes are at least 3;
   smaller sizes that would go outside are skipped by the caller. */
#include "random_c.h"
#include <stdbool.h>

enum { DIMS = 3, MAX_VARS = 6 };
static const char dim_name[DIMS] = {'n', 'm', 'p'};
/* The arrays: name and dims. */
static const struct array {
  const char *name;
  int rank, dim[3];
  bool in;
} arrays[] = {
    {"A", 2, {0, 1, 0}, true},  {"B", 2, {1, 2, 0}, true},  {"C", 2, {0, 2, 0}, false},
    {"D", 2, {0, 1, 0}, false}, {"v", 1, {0, 0, 0}, false}, {"w", 1, {1, 0, 0}, true},
    {"u", 1, {2, 0, 0}, false}, {"E", 3, {0, 1, 2}, true},  {"S", 2, {0, 0, 0}, false},
};
enum { NARRAY = sizeof arrays / sizeof *arrays };

struct var {
  int dim;
  bool inner;
}; /* inner: runs over 1 … size-2, so that +-1 stays inside */
struct nest {
  FILE *f;
  uint64_t r;
  bool floats;
  int nvar, nlocal, serial;
  struct var var[MAX_VARS];
  int local_array;         /* dim of the local array t, -1: none */
  const struct array *out; /* what a tidy nest writes: read at the element being written only; NULL: anything goes */
  bool row_done;           /* its row is complete: may be read as a whole */
};

static unsigned rnd(struct nest *g, unsigned n) {
  g->r ^= g->r << 13, g->r ^= g->r >> 7, g->r ^= g->r << 17;
  return (unsigned)(g->r >> 20) % n;
}

/* A loop variable over dim, -1: none. */
static int var_of(struct nest *g, int dim) {
  int found[MAX_VARS], n = 0;
  for (int i = 0; i < g->nvar; i++)
    if (g->var[i].dim == dim) found[n++] = i;
  return n ? found[rnd(g, (unsigned)n)] : -1;
}

static bool can_access(struct nest *g, const struct array *a) {
  for (int d = 0; d < a->rank; d++)
    if (var_of(g, a->dim[d]) < 0) return false;
  return true;
}

static void subscript(struct nest *g, int dim, bool write) {
  int v = var_of(g, dim);
  if (!write && g->var[v].inner && rnd(g, 2))
    fprintf(g->f, "[i%d %c 1]", v, rnd(g, 2) ? '+' : '-');
  else if (!write && rnd(g, 12) == 0)
    fprintf(g->f, "[%c - 1 - i%d]", dim_name[dim], v);
  else
    fprintf(g->f, "[i%d]", v);
}

/* The element of `out` that this nest is at, or, when its row is complete, any of the row. False: there is none. */
static bool own_element(struct nest *g) {
  const struct array *a = g->out;
  int last = a->rank == 2 ? 1 : 0;
  if (a->rank == 2 && g->row_done && var_of(g, a->dim[1]) > 0) last = var_of(g, a->dim[1]);
  if (g->nvar <= last || g->var[last].dim != a->dim[a->rank - 1]) return false;
  fprintf(g->f, a->rank == 2 ? "%s[i0][i%d]" : "%s[i%d]", a->name, last);
  return true;
}

static bool access(struct nest *g, bool write) {
  unsigned start = rnd(g, NARRAY);
  for (unsigned k = 0; k < NARRAY; k++) {
    const struct array *a = &arrays[(start + k) % NARRAY];
    if (g->out && a == g->out && !write) {
      if (!own_element(g)) continue;
      return true;
    }
    if (g->out && write && a != g->out) continue;
    if ((write && a->in) || !can_access(g, a)) continue;
    fputs(a->name, g->f);
    for (int d = 0; d < a->rank; d++) subscript(g, a->dim[d], write);
    return true;
  }
  return false;
}

static void leaf(struct nest *g) {
  unsigned k = rnd(g, 8);
  if (k == 0)
    fprintf(g->f, g->floats ? "%u.5f" : "%u", rnd(g, 4));
  else if (k == 1)
    fputs("s", g->f);
  else if (k == 2 && g->nlocal)
    fprintf(g->f, "x%u", rnd(g, (unsigned)g->nlocal));
  else if (k == 3 && g->local_array >= 0 && var_of(g, g->local_array) >= 0) {
    fputs("t", g->f);
    subscript(g, g->local_array, false);
  } else if (k == 4 && g->nvar)
    fprintf(g->f, g->floats ? "(float)i%u" : "i%u", rnd(g, (unsigned)g->nvar));
  else if (!access(g, false))
    fputs("s", g->f);
}

static void expr(struct nest *g, int d) {
  if (d <= 0 || rnd(g, 4) == 0) {
    leaf(g);
    return;
  }
  unsigned k = rnd(g, 9);
  fputs("(", g->f);
  if (k == 0) {
    expr(g, d - 1);
    fputs(rnd(g, 2) ? " > " : " <= ", g->f);
    expr(g, d - 1);
    fputs(" ? ", g->f);
    expr(g, d - 1);
    fputs(" : ", g->f);
    expr(g, d - 1);
  } else if (k == 1 && g->nvar) {
    int v = (int)rnd(g, (unsigned)g->nvar);
    fprintf(g->f, "i%d > %u ? ", v, rnd(g, 3));
    expr(g, d - 1);
    fputs(" : ", g->f);
    expr(g, d - 1);
  } else {
    expr(g, d - 1);
    fputs(k < 4 ? " + " : k < 6 ? " - " : " * ", g->f);
    expr(g, d - 1);
  }
  fputs(")", g->f);
}

static void open_loop(struct nest *g, int dim) {
  int v = g->nvar;
  char n = dim_name[dim];
  bool inner = false;
  int same = var_of(g, dim);
  unsigned k = rnd(g, 8);
  if (k == 0 && same >= 0)
    fprintf(g->f, "for (int i%d = 0; i%d <= i%d; i%d++) {\n", v, v, same, v);
  else if (k == 1 && same >= 0)
    fprintf(g->f, "for (int i%d = i%d + 1; i%d < %c; i%d++) {\n", v, same, v, n, v);
  else if (k == 2)
    fprintf(g->f, "for (int i%d = %c - 1; i%d >= 0; i%d--) {\n", v, n, v, v);
  else if (k < 5)
    inner = true, fprintf(g->f, "for (int i%d = 1; i%d < %c - 1; ++i%d) {\n", v, v, n, v);
  else
    fprintf(g->f, "for (int i%d = 0; i%d < %c; i%d++) {\n", v, v, n, v);
  g->var[g->nvar++] = (struct var){dim, inner};
}

static void close_loop(struct nest *g) {
  g->nvar--;
  fputs("}\n", g->f);
}

static void store(struct nest *g) {
  static const char *const ops[] = {" = ", " += ", " = ", " *= "};
  if (rnd(g, 6) == 0) {
    fputs("if (", g->f);
    expr(g, 1);
    fputs(" > s) ", g->f);
  } else if (rnd(g, 6) == 0 && g->nvar > 1) {
    unsigned a = rnd(g, (unsigned)g->nvar), b = rnd(g, (unsigned)g->nvar);
    fprintf(g->f, "if (i%u + i%u - 2 >= 0 && i%u < i%u + 3) ", a, b, a, b);
  }
  if (g->out)
    fprintf(g->f, g->out->rank == 2 ? "%s[i0][i1]" : "%s[i0]", g->out->name);
  else if (!access(g, true))
    fputs("v[0]", g->f);
  fputs(ops[rnd(g, 4)], g->f);
  expr(g, 3);
  fputs(";\n", g->f);
}

/* x = start; for … x op= e; */
static void reduce(struct nest *g) {
  int x = g->nlocal;
  unsigned k = rnd(g, 5);
  const char *type = g->floats ? "float" : "int";
  fprintf(g->f, "%s x%d = ", type, x);
  if (k < 3)
    fputs(rnd(g, 2) ? "0" : "s", g->f);
  else
    fputs("-1000", g->f);
  fputs(";\n", g->f);
  int loops = 1 + (int)(rnd(g, 4) == 0);
  for (int i = 0; i < loops; i++) open_loop(g, (int)rnd(g, DIMS));
  if (k < 3) {
    if (rnd(g, 5) == 0 && g->nvar > 1)
      fprintf(g->f, "if (i%d + i%d < %c) ", g->nvar - 1, g->nvar - 2, dim_name[g->var[g->nvar - 1].dim]);
    fprintf(g->f, "x%d %s ", x, k ? "+=" : "-=");
    expr(g, 2);
    fputs(";\n", g->f);
  } else {
    fprintf(g->f, "%s e%d = ", type, ++g->serial);
    expr(g, 2);
    if (k == 3)
      fprintf(g->f, ";\nif (e%d > x%d) x%d = e%d;\n", g->serial, x, x, g->serial);
    else
      fprintf(g->f, ";\nx%d = e%d > x%d ? e%d : x%d;\n", x, g->serial, x, g->serial, x);
  }
  for (int i = 0; i < loops; i++) close_loop(g);
  g->nlocal++;
}

static void body(struct nest *g, int depth);

static void statement(struct nest *g, int depth) {
  unsigned k = rnd(g, 8);
  if (k < 3 && depth < 3 && g->nvar < 4) {
    open_loop(g, (int)rnd(g, DIMS));
    body(g, depth + 1);
    close_loop(g);
  } else if (k < 5 && g->nvar && g->nvar < 4) {
    reduce(g);
  } else if (k == 5 && g->nvar) {
    fprintf(g->f, "%s x%d = ", g->floats ? "float" : "int", g->nlocal);
    expr(g, 2);
    fputs(";\n", g->f);
    g->nlocal++;
  } else if (k == 6 && g->nvar == 1 && g->local_array < 0) {
    g->local_array = (int)rnd(g, DIMS);
    fprintf(g->f, "%s t[%c];\n", g->floats ? "float" : "int", dim_name[g->local_array]);
    fprintf(g->f, "for (int i%d = 0; i%d < %c; i%d++) t[i%d] = ", g->nvar, g->nvar, dim_name[g->local_array], g->nvar,
            g->nvar);
    int keep = g->local_array;
    g->local_array = -1;
    g->var[g->nvar++] = (struct var){keep, false};
    expr(g, 2);
    g->nvar--;
    g->local_array = keep;
    fputs(";\n", g->f);
  } else {
    store(g);
  }
}

static void body(struct nest *g, int depth) {
  int locals = g->nlocal, t = g->local_array;
  int n = 1 + (int)rnd(g, 3);
  for (int i = 0; i < n; i++) statement(g, depth);
  store(g);
  g->nlocal = locals;
  g->local_array = t;
}

static void scalars(struct nest *g, unsigned most) {
  for (unsigned n = rnd(g, most + 1); n > 0; n--) {
    if (rnd(g, 3)) {
      reduce(g);
      continue;
    }
    fprintf(g->f, "%s x%d = ", g->floats ? "float" : "int", g->nlocal);
    expr(g, 2);
    fputs(";\n", g->f);
    g->nlocal++;
  }
}

static void plain_loop(struct nest *g, int dim) {
  fprintf(g->f, "for (int i%d = 0; i%d < %c; i%d++) {\n", g->nvar, g->nvar, dim_name[dim], g->nvar);
  g->var[g->nvar++] = (struct var){dim, false};
}

/* One array, written element by element; for matrices perhaps in several passes over each row. */
static void tidy(struct nest *g) {
  do g->out = &arrays[rnd(g, NARRAY)];
  while (g->out->in);
  g->row_done = false;
  rnd(g, 3) ? plain_loop(g, g->out->dim[0]) : open_loop(g, g->out->dim[0]);
  scalars(g, 2);
  if (g->out->rank == 1) {
    store(g);
  } else {
    for (int passes = 1 + (int)rnd(g, 2); passes > 0; passes--) {
      int keep = g->nlocal;
      plain_loop(g, g->out->dim[1]);
      scalars(g, 1);
      store(g);
      close_loop(g);
      g->nlocal = keep;
      g->row_done = true;
      if (passes > 1) scalars(g, 1);
    }
  }
  close_loop(g);
  g->nlocal = 0;
  g->out = NULL;
  g->row_done = false;
}

void random_nests(FILE *f, uint64_t seed, int functions) {
  struct nest g = {.f = f, .r = seed * 0x9e3779b97f4a7c15u + 88172645463325252u, .local_array = -1};
  for (int i = 0; i < functions; i++) {
    g.floats = rnd(&g, 2);
    const char *t = g.floats ? "float" : "int", *r = rnd(&g, 2) ? "restrict " : "";
    fprintf(f,
            "void g%d(int n, int m, int p, %s s, const %s A[%sn][m], const %s B[%sm][p], %s C[%sn][p], %s D[%sn][m], "
            "%s v[%sn], const %s w[%sm], %s "
            "u[%sp], const %s E[%sn][m][p], %s S[%sn][n]) {\n",
            i, t, t, r, t, r, t, r, t, r, t, r, t, r, t, r, t, r, t, r);
    int nests = 1 + (int)rnd(&g, 3);
    bool wild = rnd(&g, 4) == 0;
    for (int k = 0; k < nests; k++) {
      if (!wild) {
        tidy(&g);
        continue;
      }
      open_loop(&g, (int)rnd(&g, DIMS));
      body(&g, 1);
      close_loop(&g);
    }
    fputs("}\n", f);
  }
}
