/* libFuzzer on the C frontend, in the child's place: clang's tree to SOURCE, SOURCE as text and back, raising. No input
   may crash; what comes out verifies and survives its own text. libclang itself is not what is tested: inputs of a kind
   that it is known to die of (long chains of operators) are left out, as are includes of devices. */
#include "compiler/frontend/c_out.h"
#include "compiler/frontend/spec.h"
#include "compiler/pass/raise.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool fair(const uint8_t *data, size_t size) {
  size_t operators = 0;
  for (size_t i = 0; i < size; i++) operators += data[i] && strchr("-+!~*&([{?:", data[i]);
  return operators < 1000 && !memmem(data, size, "dev", 3) && !memmem(data, size, "proc", 4) &&
         !memmem(data, size, "#embed", 6);
}

static void check_function(struct arena *a, struct diag *d, uint16_t file, const char *frame, size_t len) {
  struct lfunc *f = c_receive(a, d, file, frame, len);
  if (!f) return;
  struct buf one, two;
  if (!lfunc_verify(f, d)) {
    struct buf b;
    buf_init(&b);
    diag_print(d, &b, false);
    fprintf(stderr, "%s", b.data);
    abort();
  }
  buf_init(&one);
  buf_init(&two);
  lfunc_print(&one, f);
  struct lfunc *g = NULL;
  if (lfunc_parse(a, d, file, one.data, one.len, &g) != ST_OK) abort();
  lfunc_print(&two, g);
  if (strcmp(one.data, two.data)) abort();
  buf_free(&one);
  buf_free(&two);
  struct source s = {.f = f};
  struct kernel *k = NULL;
  const char *why = NULL;
  struct loc at = {0};
  if (pass_raise(a, &s, &k, d, &why, &at) == ST_OK && !kernel_verify(k, d)) abort();
}

/* --- changing whole tokens: bytes alone rarely give C that parses --- */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static const char *const words[] = {"i",
                                    "j",
                                    "n",
                                    "m",
                                    "x",
                                    "y",
                                    "k",
                                    "0",
                                    "1",
                                    "2",
                                    "-1",
                                    "3.5f",
                                    "1e30",
                                    "127",
                                    "2147483647",
                                    "x[i]",
                                    "y[i]",
                                    "x[0]",
                                    "x[i - 1]",
                                    "x[x[i]]",
                                    "a[i][j]",
                                    "+",
                                    "-",
                                    "*",
                                    "/",
                                    "%",
                                    "&",
                                    "|",
                                    "^",
                                    "<<",
                                    ">>",
                                    "<",
                                    "<=",
                                    ">",
                                    ">=",
                                    "==",
                                    "!=",
                                    "&&",
                                    "||",
                                    "?",
                                    ":",
                                    "=",
                                    "+=",
                                    "*=",
                                    "-=",
                                    "++",
                                    "--",
                                    "!",
                                    "~",
                                    "(",
                                    ")",
                                    "[",
                                    "]",
                                    "{",
                                    "}",
                                    ";",
                                    ",",
                                    "int",
                                    "float",
                                    "double",
                                    "long",
                                    "unsigned",
                                    "char",
                                    "short",
                                    "size_t",
                                    "_Bool",
                                    "const",
                                    "static",
                                    "restrict",
                                    "void",
                                    "for (int i = 0; i < n; i++)",
                                    "for (int j = n; j > 0; j--)",
                                    "if (i < n)",
                                    "if (x[i] > 0)",
                                    "else",
                                    "while",
                                    "do",
                                    "continue;",
                                    "return;",
                                    "return x[i];",
                                    "break;",
                                    "float t = x[i];",
                                    "int k = i * n;",
                                    "float t[n];",
                                    "float t[3] = {1, 2, 3};",
                                    "const float *p = x + i;",
                                    "p[i]",
                                    "*p",
                                    "&x[i]",
                                    "(float)",
                                    "(int)",
                                    "sizeof(float)",
                                    "y[i] += x[j];",
                                    "x[i] *= 2;",
                                    "k++;",
                                    "void f(int n, float *x, float y[n])",
                                    "static float g(float x) { return x * 2; }",
                                    "g(x[i])",
                                    "__builtin_sqrtf(x[i])"};

static bool in_word(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The token around byte `at`. */
static void token_at(const uint8_t *d, size_t n, size_t at, size_t *from, size_t *to) {
  *from = at;
  *to = at + 1;
  if (!in_word(d[at])) return;
  while (*from && in_word(d[*from - 1])) --*from;
  while (*to < n && in_word(d[*to])) ++*to;
}

/* Bytes from … to replaced by s. */
static size_t splice(uint8_t *d, size_t n, size_t max, size_t from, size_t to, const void *s, size_t len) {
  if (n - (to - from) + len > max) return n;
  char *copy = malloc(len + 1);
  memcpy(copy, s, len);
  memmove(d + from + len, d + to, n - to);
  memcpy(d + from, copy, len);
  free(copy);
  return n - (to - from) + len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed) {
  uint64_t r = seed * 6364136223846793005u + 1442695040888963407u;
  if (!size || seed % 8 == 0) return LLVMFuzzerMutate(data, size, max);
  for (unsigned i = 0; i < 1 + seed % 3 && size; i++) {
    r = r * 6364136223846793005u + 1442695040888963407u;
    size_t from, to, a, b;
    token_at(data, size, (r >> 20) % size, &from, &to);
    token_at(data, size, (r >> 40) % size, &a, &b);
    const char *w = words[(r >> 33) % (sizeof words / sizeof *words)];
    switch ((r >> 16) % 5) {
    case 0:
      size = splice(data, size, max, from, to, "", 0);
      break;
    case 1:
      size = splice(data, size, max, from, from, w, strlen(w));
      break;
    case 2:
      size = splice(data, size, max, from, to, data + a, b - a);
      break;
    case 3: /* a line more */
      while (a && data[a - 1] != '\n') a--;
      while (b < size && data[b] != '\n') b++;
      size = splice(data, size, max, from, from, data + a, b - a);
      break;
    default:
      size = splice(data, size, max, from, to, w, strlen(w));
      break;
    }
  }
  return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!fair(data, size)) return -1;
  char *text = malloc(size + 1);
  memcpy(text, data, size);
  text[size] = 0;
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  struct cout o = {0};
  buf_init(&o.b);
  struct spec_input in = {.path = "fuzz.c", .text = text, .len = size, .file = diag_file(d, "fuzz.c", text, size)};
  c_translate(&o, &in);
  const char *p = o.b.data;
  size_t n = o.b.len;
  while (n >= 5) {
    uint32_t len;
    memcpy(&len, p + 1, 4);
    if (*p == 'F') check_function(a, d, in.file, p + 5, len);
    p += 5 + len;
    n -= 5 + len;
  }
  buf_free(&o.b);
  diag_free(d);
  arena_free(a);
  free(text);
  return 0;
}
