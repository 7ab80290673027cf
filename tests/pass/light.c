/* Which kernels are plain passes (compiler/pass/light.c): a row a kernel. */
#include "compiler/pass/passes.h"
#include <stdio.h>
#include <string.h>

static const struct row {
  bool light;
  const char *what, *text;
} rows[] = {
    {true, "element by element", "kernel k(a: f32[N], s: f32, inout b: f32[N]) {\nb[i] = s * a[i] + b[i]\n}"},
    {true, "a sum", "kernel k(a: f32[N], b: f32[N]) -> s: f32[1] {\ns[0] = sum(i) a[i] * b[i]\n}"},
    {true, "interleaved elements",
     "kernel k(a: f32[N, 3]) -> b: f32[N] {\nb[i] = a[i, 0] + 2.0 * a[i, 1] + a[i, 2]\n}"},
    {true, "a table", "kernel k(t: f32[256], x: u8[N]) -> y: f32[N] {\ny[i] = t[x[i]]\n}"},
    {false, "a product",
     "kernel k(a: f32[M, K], b: f32[K, N]) -> c: f32[M, N] {\nc[i, j] = sum(k) a[i, k] * b[k, j]\n}"},
    {true, "a matrix times a vector",
     "kernel k(a: f32[M, N], x: f32[N]) -> y: f32[M] {\ny[i] = sum(j) a[i, j] * x[j]\n}"},
    {false, "a product of rows with rows",
     "kernel k(a: f32[M, K], b: f32[N, K]) -> c: f32[M, N] {\nc[i, j] = sum(k) a[i, k] * b[j, k]\n}"},
    {false, "a window over a row",
     "kernel k(a: f32[M + K], h: f32[K]) -> y: f32[M] {\nfor i in 0..M: y[i] = sum(k) a[i + k] * h[k]\n}"},
    {false, "sums of columns", "kernel k(a: f32[M, N]) -> s: f32[N] {\ns[j] = sum(i) a[i, j]\n}"},
    {true, "pairs of elements", "kernel k(a: f32[N]) -> b: f32[2*N] {\nb[i] = a[i64(i32(i) / 2)]\n}"},
    {true, "sums of rows", "kernel k(a: f32[M, N]) -> s: f32[M] {\ns[i] = sum(j) a[i, j]\n}"},
    {false, "a maximum", "kernel k(a: f32[N]) -> s: f32[1] {\ns[0] = max(i) a[i]\n}"},
    {false, "a count", "kernel k(a: f32[N]) -> s: i32[1] {\ns[0] = sum(i) select(a[i] > 0.0, 1i32, 0i32)\n}"},
    {false, "a function without vector code in LLVM", "kernel k(a: f32[N]) -> b: f32[N] {\nb[i] = exp(a[i])\n}"},
    {false, "a transpose", "kernel k(a: f32[M, N]) -> b: f32[N, M] {\nb[j, i] = a[i, j]\n}"},
    {false, "a stencil", "kernel k(a: f32[N + 2]) -> b: f32[N] {\nfor i in 0..N: b[i] = a[i] + a[i + 1] + a[i + 2]\n}"},
    {false, "the same for a row", "kernel k(a: f32[M, N], s: f32[M]) -> b: f32[M, N] {\nb[i, j] = a[i, j] * s[i]\n}"},
    {false, "only the first equation",
     "kernel k(a: f32[N]) -> b: f32[N], c: f32[N] {\nb[i] = a[i]\nc[i] = tanh(a[i])\n}"},
};

int main(void) {
  struct arena *a = arena_new();
  unsigned n = sizeof rows / sizeof *rows, bad = 0;
  printf("1..%u\n", n);
  for (unsigned i = 0; i < n; i++) {
    struct diag *d = diag_new();
    struct kernels ks;
    bool read = kernels_parse(a, d, diag_file(d, "row", rows[i].text, strlen(rows[i].text)), rows[i].text,
                              strlen(rows[i].text), &ks) == ST_OK &&
                ks.n == 1;
    bool ok = read && kernel_is_light(ks.k[0], NULL) == rows[i].light;
    if (!read) {
      struct buf b;
      buf_init(&b);
      diag_print(d, &b, false);
      fputs(b.data ? b.data : "?\n", stdout);
      buf_free(&b);
    }
    printf("%sok %u - %s is %slight\n", ok ? "" : "not ", i + 1, rows[i].what, rows[i].light ? "" : "not ");
    bad += !ok;
    diag_free(d);
  }
  arena_free(a);
  return bad != 0;
}
