/* Rows whose constant operand is brought into panels before (bench/specs/panels): what prepacking is to a library, said
   in the layout of the specification. A panel is 64 neighbours of the result's last axis; inside it steps of the
   reduction follow each other, each `group` deep. */
#include "bench.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PANEL = 64 };
struct laid {
  const char *kernel;
  unsigned operand, lane,
      group;   /* number of the buffer; of the dim that counts panels; elements of the reduction in a step */
  bool across; /* the operand has the result's axis first */
};
static const struct laid laid[] = {
    {"matmul", 1, 1, 1, false},       {"matmul_nt", 1, 1, 1, true},     {"matmul_tn", 1, 1, 1, false},
    {"transposed", 1, 1, 1, true},    {"bf16_product", 1, 1, 2, false}, {"s8s8_product", 1, 1, 4, false},
    {"u8s8_product", 1, 1, 4, false}, {"linear_gelu", 1, 1, 1, true},   {"linear_residual", 1, 1, 1, true},
    {"qgemm", 1, 1, 4, false},        {"conv2d", 1, 4, 1, false},
};

static const struct laid *find(const char *kernel) {
  for (size_t i = 0; i < sizeof laid / sizeof *laid; i++)
    if (!strcmp(laid[i].kernel, kernel)) return &laid[i];
  return NULL;
}

/* [K][N] or [N][K] -> [N / 64][K / group][64][group] */
static void lay(const struct laid *l, const char *from, char *to, size_t n, size_t k, size_t size) {
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < k; i++) {
      size_t at = ((j / PANEL * (k / l->group) + i / l->group) * PANEL + j % PANEL) * l->group + i % l->group;
      memcpy(to + at * size, from + (l->across ? j * k + i : i * n + j) * size, size);
    }
}

bool row_panels(const struct row *r, struct row *out) {
  const struct laid *l = find(r->kernel);
  if (!l) return false;
  const struct buffer *b = &r->buf[l->operand];
  size_t n = (size_t)r->d[l->lane], k = n ? b->n / n : 0, size = bench_size[b->type];
  if (!k || n % PANEL || k % l->group) return false;
  char *p = aligned_alloc(4096, (b->n * size + 4095) & ~(size_t)4095);
  if (!p) return false;
  lay(l, b->p, p, n, k, size);
  *out = *r;
  out->d[l->lane] = (int64_t)(n / PANEL);
  if (l->group > 1) out->d[2] = (int64_t)(k / l->group); /* products: M, N, K */
  out->buf[l->operand].p = p;
  return true;
}

bool row_panels_dims(const struct row *r, char *text, size_t room) {
  const struct laid *l = find(r->kernel);
  size_t used = 0;
  if (!l || r->d[l->lane] % PANEL || (l->group > 1 && r->d[2] % l->group)) return false;
  const char *name = r->names;
  for (unsigned i = 0; i < r->nd; i++) {
    int64_t d = i == l->lane ? r->d[i] / PANEL : i == 2 && l->group > 1 ? r->d[i] / l->group : r->d[i];
    int len = (int)strcspn(name, ",");
    int n = snprintf(text + used, room - used, "%s%.*s=%lld", i ? "," : "", len, name, (long long)d);
    if (n < 0 || (used += (size_t)n) >= room) return false;
    name += len + (name[len] == ',');
  }
  return true;
}
