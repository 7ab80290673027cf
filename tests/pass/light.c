/* Which kernels are plain passes (compiler/pass/light.c): a row a kernel. */
#include "compiler/pass/passes.h"
#include <stdio.h>
#include <string.h>

static const struct row {
  bool yes;
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
    {false, "pairs of elements", "kernel k(a: f32[N]) -> b: f32[2*N] {\nb[i] = a[i64(i32(i) / 2)]\n}"},
    {true, "sums of rows", "kernel k(a: f32[M, N]) -> s: f32[M] {\ns[i] = sum(j) a[i, j]\n}"},
    {false, "a maximum", "kernel k(a: f32[N]) -> s: f32[1] {\ns[0] = max(i) a[i]\n}"},
    {false, "a count", "kernel k(a: f32[N]) -> s: i32[1] {\ns[0] = sum(i) select(a[i] > 0.0, 1i32, 0i32)\n}"},
    {false, "a function without vector code in LLVM", "kernel k(a: f32[N]) -> b: f32[N] {\nb[i] = exp(a[i])\n}"},
    {false, "bytes of pixels that become planes",
     "kernel k(a: u8[N, 3]) -> r: u8[N], g: u8[N] {\nr[i] = a[i, 0]\ng[i] = a[i, 2]\n}"},
    {true, "pixels by tables", "kernel k(a: u8[N, 3], t: u8[256]) -> c: u8[N, 3] {\nc[i, 1] = t[i64(a[i, 1])]\n}"},
    {false, "a transpose", "kernel k(a: f32[M, N]) -> b: f32[N, M] {\nb[j, i] = a[i, j]\n}"},
    {false, "rows that change places",
     "kernel k(inout a: f32[H, W]) {\nfor y, x if H - 2*y - 2 >= 0: a[y, x] = a[H - y - 1, x]\n}"},
    {false, "halves of a row",
     "kernel k(a: f32[2*N]) -> b: f32[2*N] {\nfor i in 0..N: b[i] = a[2*i] + a[2*i + 1]\n"
     "for i in 0..N: b[i + N] = a[2*i] - a[2*i + 1]\n}"},
    {false, "a table by rows",
     "kernel k(a: f32[M, N], t: f32[8]) -> b: f32[M, N] {\nb[i, j] = a[i, j] * t[i64(i32(i) & 7)]\n}"},
    {true, "a row and one element of it", "kernel k(inout a: f32[N]) {\na[0] = 2.0\na[i] = a[i] * 2.0\n}"},
    {false, "two parts of three", "kernel k(inout a: f32[N, 3]) {\nfor i, j in 0..2: a[i, j] = a[i, j] * 2.0\n}"},
    {true, "three parts of three", "kernel k(inout a: f32[N, 3]) {\nfor i, j in 0..3: a[i, j] = a[i, j] * 2.0\n}"},
    {false, "small integers from floats", "kernel k(a: f32[N]) -> b: i16[N] {\nb[i] = i16(a[i])\n}"},
    {false, "quotients", "kernel k(a: f32[N], l: f32[N]) -> b: f32[N] {\nb[i] = a[i] / l[i]\n}"},
    {true, "what is computed twice",
     "kernel k(a: f32[N, N]) -> b: f32[N] {\ntemp t: f32[N, N]\n"
     "for i, j if i - j - 1 >= 0: t[i, j] = exp(a[i, j])\nfor i, j if j - i - 1 >= 0: t[i, j] = exp(a[i, j])\n"
     "b[i] = sum(j) select(i == j, 0.0, t[i, j])\n}"},
    {false, "what the iteration before wrote",
     "kernel k(inout a: f32[N], b: f32[N], inout d: f32[N]) {\n"
     "for i in 0..N - 1: a[i + 1] = b[i] * 2.0\nfor i in 0..N - 1: d[i] = a[i] * 3.0\n}"},
    {true, "what this iteration wrote",
     "kernel k(inout a: f32[N], b: f32[N], inout d: f32[N]) {\na[i] = b[i] * 2.0\nd[i] = a[i] * 3.0\n}"},
    {false, "a stencil", "kernel k(a: f32[N + 2]) -> b: f32[N] {\nfor i in 0..N: b[i] = a[i] + a[i + 1] + a[i + 2]\n}"},
    {false, "parts of a subscript",
     "kernel k(a: f32[N], s: f32[N]) -> b: f32[N] {\nb[i] = a[i] * s[i64(i32(i) / 32)]\n}"},
    {true, "a transform of constant size",
     "kernel k(a: f32[8, 8], b: f32[8, 8]) -> c: f32[8, 8] {\nc[i, j] = sum(k) a[i, k] * b[k, j]\n}"},
    {false, "a transform that is too long to write out",
     "kernel k(a: f32[32, 32], b: f32[32, 32]) -> c: f32[32, 32] {\nc[i, j] = sum(k) a[i, k] * b[k, j]\n}"},
    {false, "the same for a row", "kernel k(a: f32[M, N], s: f32[M]) -> b: f32[M, N] {\nb[i, j] = a[i, j] * s[i]\n}"},
    {false, "only the first equation",
     "kernel k(a: f32[N]) -> b: f32[N], c: f32[N] {\nb[i] = a[i]\nc[i] = tanh(a[i])\n}"},
    {true, "columns that change places",
     "kernel k(inout a: f64[M, N], p: dim i32, q: dim i32) {\n assume p >= 0, q >= 0, N - p >= 1, N - q >= 1\nt[i] = "
     "a[i, p]\na[i, p] = a[i, q]\na[i, q] = t[i]\n}"},
};

static const struct row narrow[] = {
    {true, "bytes from bytes",
     "kernel k(a: u8[N], b: u8[N]) -> c: u8[N] {\nc[i] = u8((i32(a[i]) + i32(b[i]) + 1) >> 1)\n}"},
    {true, "bytes from pixels",
     "kernel k(a: u8[N, 3]) -> c: u8[N] {\nc[i] = u8((i32(a[i, 0]) + i32(a[i, 2])) >> 1)\n}"},
    {false, "bytes that are copied", "kernel k(a: u8[N]) -> c: u8[N] {\nc[i] = a[i]\n}"},
    {false, "pixels", "kernel k(a: u8[N, 3]) -> c: u8[N, 3] {\nc[i, j] = u8(255 - i32(a[i, j]))\n}"},
    {true, "pixels but for their last part",
     "kernel k(inout a: u8[N, 4]) {\nfor i, j in 0..3: a[i, j] = u8(u16(a[i, j]) * u16(a[i, 3]) >> 8)\n}"},
    {true, "three parts of a step",
     "kernel k(a: u8[N]) -> c: u8[N, 3] {\nc[i, 0] = a[i] + 1\nc[i, 1] = a[i] + 2\nc[i, 2] = a[i] + 3\n}"},
    {false, "three parts computed in 32 bits",
     "kernel k(a: i32[N]) -> c: u8[N, 3] {\nc[i, 0] = u8(a[i] >> 1)\nc[i, 1] = u8(a[i] >> 2)\nc[i, 2] = u8(a[i] >> "
     "3)\n}"},
    {false, "a table", "kernel k(a: u8[N], t: u8[256]) -> c: u8[N] {\nc[i] = t[i64(a[i])] + 1\n}"},
    {false, "floats", "kernel k(a: f32[N]) -> c: f32[N] {\nc[i] = a[i] + 1.0\n}"},
    {false, "a sum", "kernel k(a: u8[N]) -> c: u8[1] {\nc[0] = sum(i) a[i]\n}"},
};

static const struct row windows[] = {
    {true, "three by two",
     "kernel k(a: f32[2*N + 1]) -> b: f32[N] {\nb[i] = max(a[2*i], max(a[2*i + 1], a[2*i + 2]))\n}"},
    {false, "pairs", "kernel k(a: f32[2*N]) -> b: f32[N] {\nb[i] = a[2*i] + a[2*i + 1]\n}"},
    {false, "pairs of two rows",
     "kernel k(a: f32[2*M, 2*N]) -> b: f32[M, N] {\nb[i, j] = a[2*i, 2*j] + a[2*i + 1, 2*j + 1]\n}"},
};

static const struct row sums[] = {
    {true, "a distance of bytes",
     "kernel k(a: u8[N], b: u8[N]) -> s: i32[1] {\ns[0] = sum(i) abs(i32(a[i]) - i32(b[i]))\n}"},
    {true, "rows of half words",
     "kernel k(a: i16[M, N], x: i16[N]) -> s: i32[M] {\ns[i] = sum(j) i32(a[i, j]) * i32(x[j])\n}"},
    {false, "a few bytes", "kernel k(a: u8[N, 16]) -> s: i32[N] {\ns[i] = sum(j) i32(a[i, j])\n}"},
    {false, "words", "kernel k(a: i32[N]) -> s: i32[1] {\ns[0] = sum(i) a[i]\n}"},
    {false, "products too large for half words",
     "kernel k(a: u16[N], b: u16[N]) -> s: u32[1] {\ns[0] = sum(i) u32(a[i]) * u32(b[i])\n}"},
};

/* As of C without `restrict`. */
static bool is_light(const struct kernel *k) {
  struct kernel *c = kernel_clone(k->arena, k);
  c->noalias = false;
  return kernel_is_light(c, NULL);
}

/* The question `ask` of each row's kernel; how many answers are wrong. */
static unsigned run(const struct row *row, unsigned n, bool (*ask)(const struct kernel *), const char *word,
                    unsigned at) {
  struct arena *a = arena_new();
  unsigned bad = 0;
  for (unsigned i = 0; i < n; i++) {
    struct diag *d = diag_new();
    struct kernels ks;
    size_t len = strlen(row[i].text);
    bool read = kernels_parse(a, d, diag_file(d, "row", row[i].text, len), row[i].text, len, &ks) == ST_OK && ks.n == 1;
    bool ok = read && ask(ks.k[0]) == row[i].yes;
    if (!read) {
      struct buf b;
      buf_init(&b);
      diag_print(d, &b, false);
      fputs(b.data ? b.data : "?\n", stdout);
      buf_free(&b);
    }
    printf("%sok %u - %s: %s%s\n", ok ? "" : "not ", at + i + 1, row[i].what, row[i].yes ? "" : "not ", word);
    bad += !ok;
    diag_free(d);
  }
  arena_free(a);
  return bad;
}

int main(void) {
  enum {
    LIGHT = sizeof rows / sizeof *rows,
    NARROW = sizeof narrow / sizeof *narrow,
    WINDOWS = sizeof windows / sizeof *windows,
    SUMS = sizeof sums / sizeof *sums
  };
  printf("1..%u\n", LIGHT + NARROW + WINDOWS + SUMS);
  unsigned bad = run(rows, LIGHT, is_light, "light", 0);
  bad += run(narrow, NARROW, kernel_is_narrow, "narrow", LIGHT);
  bad += run(windows, WINDOWS, kernel_has_windows, "windows", LIGHT + NARROW);
  return bad + run(sums, SUMS, kernel_sums_short, "sums of short integers", LIGHT + NARROW + WINDOWS) != 0;
}
