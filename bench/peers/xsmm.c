/* libxsmm: its compiled kernels for small products (no blocking for the caches: sizes where one kernel is the way it is
   meant to be used). Column-major, so a row-major product is C' = B' A'. */
#include "bench/bench.h"
#include <libxsmm.h>
#include <stdio.h>
#include <stdlib.h>

struct work {
  libxsmm_smmfunction kernel;
  const float *a, *b;
  float *c;
  int64_t batch, na, nb, nc;
};
static void work_run(void *p) {
  const struct work *w = p;
  for (int64_t i = 0; i < w->batch; i++) w->kernel(w->b + i * w->nb, w->a + i * w->na, w->c + i * w->nc);
}

unsigned peer_forms(const struct row *r, struct form *f, unsigned room, const char **version) {
  bool batch = row_is(r, "batched");
  if (!room || r->threads > 1 || !(batch || row_is(r, "matmul"))) return 0;
  *version = "libxsmm " LIBXSMM_VERSION;
  const int64_t *d = r->d + batch;
  int m = (int)d[0], n = (int)d[1], k = (int)d[2], flags = LIBXSMM_GEMM_FLAG_NONE;
  if (d[0] > 256 || d[1] > 256 || d[2] > 256) return 0;
  float one = 1, zero = 0;
  struct work *w = malloc(sizeof *w);
  libxsmm_init();
  if (!w) return 0;
  *w = (struct work){libxsmm_smmdispatch(n, m, k, &n, &k, &n, &one, &zero, &flags, NULL),
                     r->buf[0].p,
                     r->buf[1].p,
                     r->buf[2].p,
                     batch ? r->d[0] : 1,
                     d[0] * d[2],
                     d[2] * d[1],
                     d[0] * d[1]};
  if (!w->kernel) {
    free(w);
    return 0;
  }
  *f = (struct form){.name = "libxsmm", .run = work_run, .state = w};
  return 1;
}
