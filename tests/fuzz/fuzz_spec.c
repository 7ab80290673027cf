/* libFuzzer on the .hone parser (and that of groups): no input may crash, what is refused is refused with a message,
   what is accepted satisfies the verifier and comes back from its own text. */
#include "ir/group.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct buf *x, const struct buf *y) {
  if (x->len != y->len || memcmp(x->data, y->data, x->len)) abort();
}

static void print_all(struct diag *d) {
  struct buf b;
  buf_init(&b);
  diag_print(d, &b, true);
  buf_free(&b);
}

static void kernel_again(struct arena *a, struct diag *d, const struct kernel *k) {
  struct buf x, y;
  struct kernels ks;
  uint8_t h[32], g[32];
  buf_init(&x);
  buf_init(&y);
  kernel_print(&x, k);
  if (kernels_parse(a, d, diag_file(d, "again", x.data, x.len), x.data, x.len, &ks) != ST_OK || ks.n != 1) abort();
  kernel_print(&y, ks.k[0]);
  same(&x, &y);
  kernel_hash(k, h);
  kernel_hash(ks.k[0], g);
  if (memcmp(h, g, sizeof h)) abort();
  buf_free(&x);
  buf_free(&y);
}

static void groups_again(struct arena *a, struct diag *d, const struct groups *gs) {
  struct buf x, y;
  struct groups *again;
  buf_init(&x);
  buf_init(&y);
  groups_print(&x, gs);
  if (groups_parse(a, d, diag_file(d, "again", x.data, x.len), x.data, x.len, &again) != ST_OK) abort();
  groups_print(&y, again);
  same(&x, &y);
  for (unsigned g = 0; g < gs->n; g++)
    if (!groups_verify(group_extract(a, gs, g), d)) abort();
  buf_free(&x);
  buf_free(&y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  uint16_t file = diag_file(d, "spec", text, size);
  struct kernels ks;
  struct groups *gs;
  if (kernels_parse(a, d, file, text, size, &ks) == ST_OK) {
    if (diag_errors(d)) abort();
    for (unsigned i = 0; i < ks.n; i++) kernel_again(a, d, ks.k[i]);
  } else if (!diag_errors(d)) {
    abort();
  }
  print_all(d);
  diag_clear(d);
  if (groups_parse(a, d, file, text, size, &gs) == ST_OK) {
    groups_again(a, d, gs);
  } else if (!diag_errors(d)) {
    abort();
  }
  print_all(d);
  diag_free(d);
  arena_free(a);
  return 0;
}
