/* libFuzzer on LOOP text: what is read is verified, printed, read again, and what is verified is run on a little
 * memory. */
#include "ir/interp.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
enum { DIM = 5, BYTES = 1 << 16 };

static struct lfunc *parse(struct arena *a, struct diag *d, const char *text, size_t n) {
  struct lfunc *f = NULL;
  uint16_t file = diag_file(d, "f", text, n);
  return lfunc_parse(a, d, file, text, n, &f) == ST_OK ? f : NULL;
}

/* Arguments as large as their declarations say; those that say nothing, or too much, are not run. */
static void run(struct arena *a, struct diag *d, const struct lfunc *f) {
  const struct kernel *k = f->k;
  int64_t vals[4096];
  struct args args = {.dim = ARENA_NEW(a, int64_t, k->nparam),
                      .scalar = ARENA_NEW(a, union value, k->nparam),
                      .data = ARENA_NEW(a, void *, k->nparam)};
  for (unsigned i = 0; i < 4096; i++) vals[i] = DIM;
  for (unsigned i = 0; i < k->nparam; i++) args.dim[i] = DIM;
  for (unsigned i = 0; i < f->nobject; i++) {
    const struct object *o = &f->object[i];
    int64_t n = (int64_t)type_size((enum dtype)o->type), e, s, max = 1;
    for (unsigned j = 0; j < o->rank; j++) {
      if (o->scope != SCOPE_ARG) continue;
      s = 0;
      if (!o->extent[j] || !poly_eval(o->extent[j], vals, &e) || e > 64) return;
      if (o->stride && (!poly_eval(o->stride[j], vals, &s) || s < 0 || s > 64)) return;
      if (o->stride) max += e > 0 ? (e - 1) * s : 0;
      if (!o->stride && e > 0 && __builtin_mul_overflow(n, e, &n)) return;
    }
    if (o->stride) n *= max;
    if (n > BYTES) return;
    if (o->scope == SCOPE_ARG) args.data[k->tensor[i].param] = arena_alloc(a, (size_t)n);
  }
  lfunc_interp(f, &args, 5000, d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  struct lfunc *f = parse(a, d, (const char *)data, size);
  struct buf one, two;
  buf_init(&one);
  buf_init(&two);
  if (!f && diag_errors(d) != 1) abort(); /* refused without a word */
  if (f) {
    diag_clear(d);
    bool ok = lfunc_verify(f, d);
    if (ok != (diag_errors(d) == 0)) abort();
    lfunc_print(&one, f);
    struct lfunc *g = ok ? parse(a, d, one.data, one.len) : NULL;
    if (ok && !g) abort();
    if (g) lfunc_print(&two, g);
    if (ok && strcmp(one.data, two.data)) abort();
    if (ok) run(a, d, f);
  }
  buf_free(&one);
  buf_free(&two);
  diag_free(d);
  arena_free(a);
  return 0;
}
