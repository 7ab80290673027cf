/* Peers: built by the system's C compiler in a temporary folder. */
#include "compiler/peer.h"
#include "compiler/cc.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGS = 64 };

/* Writes text as C, compiles it, reads the object back. */
static enum status build(struct hone *h, const struct buf *text, const char *const *command, struct buf *object) {
  const char *dir = cc_folder(h->arena), *argv[MAX_ARGS];
  unsigned n = 0;
  if (!dir) return ST_INFEASIBLE;
  const char *c = arena_printf(h->arena, "%s/peer.c", dir), *o = arena_printf(h->arena, "%s/peer.o", dir);
  for (; command[n] && n < MAX_ARGS - 8; n++) argv[n] = command[n];
  for (unsigned i = 0; i < h->opts.nflag && n < MAX_ARGS - 8; i++) argv[n++] = h->opts.flag[i];
  argv[n++] = "-w";
  argv[n++] = "-fPIC";
  argv[n++] = "-c";
  argv[n++] = c;
  argv[n++] = "-o";
  argv[n++] = o;
  argv[n] = NULL;
  bool ok = cc_write(c, text) && cc_run(argv, true) && cc_read(o, object);
  cc_folder_end(dir, (const char *const[]){c, o}, 2);
  return ok ? ST_OK : ST_INFEASIBLE;
}

static void call_stub(struct buf *b, const struct kernel *k) {
  buf_printf(b, "\nvoid %s__hone_call(void *const *a) { %s(", k->name, k->name);
  for (unsigned i = 0; i < k->nparam; i++) {
    if (i) buf_puts(b, ", ");
    if (k->param[i].kind == PARAM_TENSOR)
      buf_printf(b, "*(void **)a[%u]", i);
    else
      buf_printf(b, "*(%s *)a[%u]", type_cname(k->param[i].type), i);
  }
  buf_puts(b, "); }\n");
}

enum status peer_compile(struct hone *h, const char *path, const struct kernel *k, const char *cc,
                         const char *const *flags, struct peer *out) {
  char *full = realpath(path, NULL);
  if (!full) return ST_INFEASIBLE;
  const char *command[MAX_ARGS];
  unsigned n = 0;
  command[n++] = cc;
  for (; *flags && n < 32; flags++) command[n++] = *flags;
  command[n] = NULL;
  struct buf text;
  buf_init(&text);
  buf_init(&out->object);
  buf_printf(&text, "#include <stdint.h>\n#include \"%s\"\n", full);
  call_stub(&text, k);
  free(full);
  out->symbol = k->name;
  enum status st = build(h, &text, command, &out->object);
  buf_free(&text);
  return st;
}

/* BLAS
 * --------------------------------------------------------------------------------------------------------------------------------------
 */

struct gemm {
  unsigned a, b, c;
  sym_t i, j, k;
  bool ta, tb;
  const struct eq *e;
};

/* Is acc element [x, y] of a matrix (or [y, x]: *t)? */
static bool is_matrix(const struct access *acc, sym_t x, sym_t y, bool *t) {
  sym_t p, q;
  if (acc->rank != 2 || acc->nguard || acc->ix[0].dyn || acc->ix[1].dyn) return false;
  if (!poly_is_sym(acc->ix[0].poly, &p) || !poly_is_sym(acc->ix[1].poly, &q)) return false;
  *t = p == y && q == x;
  return *t || (p == x && q == y);
}

static bool match_gemm(const struct kernel *k, struct gemm *g) {
  if (k->neq != 1) return false;
  const struct eq *e = g->e = &k->eq[0];
  if (e->red != RED_sum || e->init || e->nguard || e->npar != 2 || e->nax != 3 || k->tensor[e->lhs].rank != 2)
    return false;
  if (e->body->kind != E_OP || e->body->op != OP_mul || e->body->kid[0]->kind != E_READ ||
      e->body->kid[1]->kind != E_READ)
    return false;
  if (!poly_is_sym(e->lhs_idx[0], &g->i) || !poly_is_sym(e->lhs_idx[1], &g->j)) return false;
  const struct access *x = e->body->kid[0]->acc, *y = e->body->kid[1]->acc;
  g->k = e->axis[2].sym;
  if (!is_matrix(x, g->i, g->k, &g->ta)) {
    const struct access *z = x;
    x = y;
    y = z;
  }
  if (!is_matrix(x, g->i, g->k, &g->ta) || !is_matrix(y, g->k, g->j, &g->tb)) return false;
  g->a = x->tensor;
  g->b = y->tensor;
  g->c = e->lhs;
  return k->tensor[g->a].type == k->tensor[g->c].type && k->tensor[g->b].type == k->tensor[g->c].type;
}

/* Extents must be constants: the kernel with its dims bound. */
static bool extent(const struct kernel *k, const struct gemm *g, sym_t s, int64_t *n) {
  int64_t lo;
  for (unsigned x = 0; x < g->e->nax; x++)
    if (g->e->axis[x].sym == s)
      return poly_is_const(g->e->axis[x].hi, n) && poly_is_const(g->e->axis[x].lo, &lo) && lo == 0;
  (void)k;
  return false;
}

static bool leading(struct arena *a, const struct kernel *k, unsigned t, int64_t *ld) {
  int64_t one;
  return poly_is_const(tensor_stride(a, &k->tensor[t], 0), ld) &&
         poly_is_const(tensor_stride(a, &k->tensor[t], 1), &one) && one == 1;
}

enum status peer_blas(struct hone *h, const struct kernel *k, struct peer *out) {
  static const char *const command[] = {"cc", "-O2", NULL};
  struct gemm g;
  int64_t m, n, kk, lda, ldb, ldc;
  if (!match_gemm(k, &g) || (k->tensor[g.c].type != DT_f32 && k->tensor[g.c].type != DT_f64)) return ST_INFEASIBLE;
  if (!extent(k, &g, g.i, &m) || !extent(k, &g, g.j, &n) || !extent(k, &g, g.k, &kk)) return ST_INFEASIBLE;
  if (!leading(h->arena, k, g.a, &lda) || !leading(h->arena, k, g.b, &ldb) || !leading(h->arena, k, g.c, &ldc))
    return ST_INFEASIBLE;
  bool f64 = k->tensor[g.c].type == DT_f64;
  const char *t = f64 ? "double" : "float";
  struct buf b;
  buf_init(&b);
  buf_init(&out->object);
  buf_printf(
      &b,
      "#include <dlfcn.h>\n"
      "typedef void gemm_fn(int, int, int, int, int, int, %s, const void *, int, const void *, int, %s, void *, int);\n"
      "static gemm_fn *gemm;\n"
      "static int ready(void) {\n"
      "  static const char *const lib[] = {\"libopenblas.so.0\", \"libblas.so.3\"};\n"
      "  for (int i = 0; !gemm && i < 2; i++) {\n"
      "    void *l = dlopen(lib[i], RTLD_NOW | RTLD_GLOBAL);\n"
      "    if (!l) continue;\n"
      "    void (*threads)(int) = (void (*)(int))dlsym(l, \"openblas_set_num_threads\");\n"
      "    if (threads) threads(%u);\n"
      "    gemm = (gemm_fn *)dlsym(l, \"cblas_%cgemm\");\n"
      "  }\n"
      "  return gemm != 0;\n"
      "}\n"
      "void blas__hone_call(void *const *a) {\n"
      "  if (ready()) gemm(101, %d, %d, %lld, %lld, %lld, 1, *(void **)a[%u], %lld, *(void **)a[%u], %lld, 0, *(void "
      "**)a[%u], %lld);\n"
      "}\nvoid blas(void) {}\n",
      t, t, h->opts.threads, f64 ? 'd' : 's', g.ta ? 112 : 111, g.tb ? 112 : 111, (long long)m, (long long)n,
      (long long)kk, k->tensor[g.a].param, (long long)lda, k->tensor[g.b].param, (long long)ldb, k->tensor[g.c].param,
      (long long)ldc);
  out->symbol = "blas";
  enum status st = build(h, &b, command, &out->object);
  buf_free(&b);
  return st;
}
