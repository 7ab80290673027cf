/* XNNPACK: weights are always packed by it when an operator is made, so all of its products and convolutions are
 * prepacked forms. NHWC. */
#include "bench/bench.h"
#include <math.h>
#include <pthreadpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xnnpack.h>

struct work {
  xnn_operator_t op;
  pthreadpool_t pool;
};
static void work_run(void *p) {
  struct work *w = p;
  xnn_run_operator(w->op, w->pool);
}
/* [K][N] -> [N][K] */
static float *turned(const float *b, int64_t k, int64_t n) {
  float *t = malloc((size_t)(k * n) * sizeof *t);
  for (int64_t i = 0; t && i < k; i++)
    for (int64_t j = 0; j < n; j++) t[j * k + i] = b[i * n + j];
  return t;
}
static enum xnn_status product(const struct row *r, struct work *w, bool turn, bool bias) {
  size_t m = (size_t)r->d[0], n = (size_t)r->d[1], k = (size_t)r->d[2];
  const float *b = turn ? turned(r->buf[1].p, r->d[2], r->d[1]) : r->buf[1].p;
  enum xnn_status s =
      xnn_create_fully_connected_nc_f32(k, n, k, n, b, bias ? r->buf[2].p : NULL, -INFINITY, INFINITY, 0, &w->op);
  return s == xnn_status_success ? xnn_setup_fully_connected_nc_f32(w->op, m, r->buf[0].p, r->buf[2 + bias].p, w->pool)
                                 : s;
}
/* [R][S][C][F] -> [F][R][S][C] */
static enum xnn_status conv(const struct row *r, struct work *w) {
  const int64_t *d = r->d;
  uint32_t pad = (uint32_t)d[10], step = (uint32_t)d[9];
  size_t c = (size_t)d[3], f = (size_t)d[4];
  enum xnn_status s = xnn_create_convolution2d_nhwc_f32(
      pad, pad, pad, pad, (uint32_t)d[5], (uint32_t)d[6], step, step, 1, 1, 1, c, f, c, f,
      turned(r->buf[1].p, d[5] * d[6] * d[3], d[4]), r->buf[2].p, -INFINITY, INFINITY, 0, &w->op);
  return s == xnn_status_success ? xnn_setup_convolution2d_nhwc_f32(w->op, (size_t)d[0], (size_t)d[1], (size_t)d[2],
                                                                    r->buf[0].p, r->buf[3].p, w->pool)
                                 : s;
}
static enum xnn_status depthwise(const struct row *r, struct work *w) { /* weights [3][3][C] -> [C][3][3] */
  const int64_t *d = r->d;
  size_t c = (size_t)d[2];
  enum xnn_status s =
      xnn_create_convolution2d_nhwc_f32(1, 1, 1, 1, 3, 3, (uint32_t)d[5], (uint32_t)d[5], 1, 1, (uint32_t)c, 1, 1, c, c,
                                        turned(r->buf[1].p, 9, d[2]), NULL, -INFINITY, INFINITY, 0, &w->op);
  return s == xnn_status_success
             ? xnn_setup_convolution2d_nhwc_f32(w->op, 1, (size_t)d[0], (size_t)d[1], r->buf[0].p, r->buf[2].p, w->pool)
             : s;
}
static enum xnn_status softmax(const struct row *r, struct work *w) {
  size_t c = (size_t)r->d[1];
  enum xnn_status s = xnn_create_softmax_nc_f32(c, c, c, 0, &w->op);
  return s == xnn_status_success ? xnn_setup_softmax_nc_f32(w->op, (size_t)r->d[0], r->buf[0].p, r->buf[1].p, w->pool)
                                 : s;
}

unsigned peer_forms(const struct row *r, struct form *f, unsigned room, const char **version) {
  enum xnn_status s = xnn_status_invalid_parameter;
  struct work *w = calloc(1, sizeof *w);
  if (!w || !room || xnn_initialize(NULL) != xnn_status_success) return 0;
  *version = "XNNPACK (Debian 2022-02)";
  w->pool = r->threads > 1 ? pthreadpool_create(r->threads) : NULL;
  bool packed = !row_is(r, "softmax");
  if (row_is(r, "matmul")) s = product(r, w, true, false);
  if (row_is(r, "matmul_nt")) s = product(r, w, false, false);
  if (row_is(r, "conv2d")) s = conv(r, w);
  if (row_is(r, "dwconv")) s = depthwise(r, w);
  if (row_is(r, "softmax")) s = softmax(r, w);
  if (s != xnn_status_success) return 0;
  *f = (struct form){.run = work_run, .state = w, .prepacked = packed};
  strcpy(f->name, packed ? "xnnpack packed" : "xnnpack");
  return 1;
}
