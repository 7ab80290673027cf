/* oneDNN (2.x C interface): products with their epilogues, convolutions, rows, and attention composed of products and a
   softmax. Each with constant operands as they are ("onednn") and in the layout oneDNN prefers ("onednn packed":
   re-ordered before, not timed). */
#include "bench/bench.h"
#include <math.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGS = 8, MAX_STEPS = 3 };
struct step {
  dnnl_primitive_t prim;
  dnnl_exec_arg_t arg[MAX_ARGS];
  int n;
};
/* Steps in order; `repeat` times with the pointers of arguments moved by `move` bytes each (heads of attention). */
struct work {
  struct step step[MAX_STEPS];
  unsigned n, repeat;
  size_t move[MAX_STEPS][MAX_ARGS];
  char *base[MAX_STEPS][MAX_ARGS];
};
struct list {
  const struct row *r;
  struct form *f;
  unsigned n, room;
};

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static void work_run(void *p) {
  struct work *w = p;
  for (unsigned i = 0; i < w->repeat; i++)
    for (unsigned s = 0; s < w->n; s++) {
      for (int a = 0; w->repeat > 1 && a < w->step[s].n; a++)
        dnnl_memory_set_data_handle_v2(w->step[s].arg[a].memory, w->base[s][a] + i * w->move[s][a], stream);
      dnnl_primitive_execute(w->step[s].prim, stream, w->step[s].n, w->step[s].arg);
    }
}
static void add_form(struct list *l, const char *name, bool prepacked, struct work *w, const void *result) {
  if (l->n == l->room) return;
  struct form *f = &l->f[l->n++];
  *f = (struct form){.run = work_run, .state = w, .prepacked = prepacked, .result = result};
  snprintf(f->name, sizeof f->name, "onednn%s%s", *name ? " " : "", name);
}

/* Memory
 * ----------------------------------------------------------------------------------------------------------------------------------------
 */

static dnnl_data_type_t type_of(enum bench_type t) {
  static const dnnl_data_type_t type[] = {dnnl_f32, dnnl_f32, dnnl_bf16, dnnl_s8, dnnl_u8, dnnl_s32};
  return type[t];
}
static dnnl_memory_desc_t strided(int n, dnnl_data_type_t t, const dnnl_dims_t dims, const dnnl_dims_t strides) {
  dnnl_memory_desc_t d = {0};
  dnnl_memory_desc_init_by_strides(&d, n, dims, t, strides);
  return d;
}
static dnnl_memory_desc_t any(const dnnl_memory_desc_t *like) {
  dnnl_memory_desc_t d = {0};
  dnnl_memory_desc_init_by_tag(&d, like->ndims, like->dims, like->data_type, dnnl_format_tag_any);
  return d;
}
static dnnl_memory_desc_t matrix(enum bench_type t, int64_t rows, int64_t cols, bool transposed) {
  return strided(2, type_of(t), (dnnl_dims_t){rows, cols},
                 transposed ? (dnnl_dims_t){1, rows} : (dnnl_dims_t){cols, 1});
}
static dnnl_memory_t memory(const dnnl_memory_desc_t *d, void *p) {
  dnnl_memory_t m = NULL;
  dnnl_memory_create(&m, d, engine, p ? p : DNNL_MEMORY_ALLOCATE);
  return m;
}
/* The data at p (layout `have`) as a memory of layout `want`: p itself where they agree. */
static dnnl_memory_t arrange(const dnnl_memory_desc_t *have, void *p, const dnnl_memory_desc_t *want) {
  dnnl_memory_t from = memory(have, p);
  if (dnnl_memory_desc_equal(have, want)) return from;
  dnnl_memory_t to = memory(want, NULL);
  dnnl_primitive_desc_t pd = NULL;
  dnnl_primitive_t prim = NULL;
  if (dnnl_reorder_primitive_desc_create(&pd, have, engine, want, engine, NULL) != dnnl_success ||
      dnnl_primitive_create(&prim, pd) != dnnl_success)
    return to;
  dnnl_exec_arg_t arg[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
  dnnl_primitive_execute(prim, stream, 2, arg);
  dnnl_stream_wait(stream);
  return to;
}

/* Steps
 * -----------------------------------------------------------------------------------------------------------------------------------------
 */

struct operand {
  int arg;
  dnnl_memory_desc_t md;
  void *p;
};
/* One primitive of `desc` with its operands where they are, or in the primitive's own layouts. False: oneDNN has none.
 */
static bool make_step(struct step *s, const void *desc, const_dnnl_primitive_attr_t attr, const struct operand *o,
                      int n, dnnl_memory_t *dst) {
  dnnl_primitive_desc_t pd = NULL;
  *s = (struct step){0};
  if (dnnl_primitive_desc_create(&pd, (const_dnnl_op_desc_t)desc, attr, engine, NULL) != dnnl_success) return false;
  if (dnnl_primitive_create(&s->prim, pd) != dnnl_success) return false;
  for (int i = 0; i < n; i++) {
    const dnnl_memory_desc_t *want = o[i].arg < DNNL_ARG_ATTR_MULTIPLE_POST_OP(0)
                                         ? dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, o[i].arg)
                                         : &o[i].md;
    s->arg[i] = (dnnl_exec_arg_t){o[i].arg, arrange(&o[i].md, o[i].p, want && want->ndims ? want : &o[i].md)};
    if (o[i].arg == DNNL_ARG_DST && dst) *dst = s->arg[i].memory;
  }
  s->n = n;
  return true;
}
static void add_step(struct list *l, const char *name, bool prepacked, const void *desc,
                     const_dnnl_primitive_attr_t attr, const struct operand *o, int n) {
  struct work *w = calloc(1, sizeof *w);
  dnnl_memory_t dst = NULL;
  w->n = w->repeat = 1;
  if (!make_step(&w->step[0], desc, attr, o, n, &dst)) return;
  void *p = NULL;
  const dnnl_memory_desc_t *md = NULL;
  if (dst) dnnl_memory_get_data_handle(dst, &p), dnnl_memory_get_memory_desc(dst, &md);
  bool moved = p != l->r->buf[l->r->nbuf - 1]
                        .p; /* the result lies in a layout of oneDNN's: bring it into ours once, to be compared */
  if (moved && md) {
    work_run(w);
    dnnl_stream_wait(stream);
    for (int i = 0; i < n; i++)
      if (o[i].arg == DNNL_ARG_DST) dnnl_memory_get_data_handle(arrange(md, p, &o[i].md), &p);
  }
  add_form(l, name, prepacked, w, moved ? p : NULL);
}

/* Products
 * --------------------------------------------------------------------------------------------------------------------------------------
 */

static dnnl_primitive_attr_t epilogue(const struct row *r, const dnnl_memory_desc_t *out) {
  dnnl_primitive_attr_t attr = NULL;
  dnnl_post_ops_t ops = NULL;
  dnnl_primitive_attr_create(&attr);
  dnnl_post_ops_create(&ops);
  if (row_is(r, "linear_gelu")) dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_gelu_erf, 0, 0);
  if (row_is(r, "linear_residual")) dnnl_post_ops_append_binary(ops, dnnl_binary_add, out);
  if (row_is(r, "qgemm")) dnnl_primitive_attr_set_output_scales(attr, r->d[1], 2, r->buf[2].p);
  dnnl_primitive_attr_set_post_ops(attr, ops);
  return attr;
}
static void product(struct list *l, bool ta, bool tb, bool bias) {
  const struct row *r = l->r;
  int64_t m = r->d[0], n = r->d[1], k = r->d[2];
  const struct buffer *b = r->buf, *o = &b[r->nbuf - 1];
  struct operand a[MAX_ARGS] = {{DNNL_ARG_SRC, matrix(b[0].type, m, k, ta), b[0].p},
                                {DNNL_ARG_WEIGHTS, matrix(b[1].type, k, n, tb), b[1].p},
                                {DNNL_ARG_DST, matrix(o->type, m, n, false), o->p}};
  int na = 3;
  dnnl_memory_desc_t bias_md = matrix(B_F32, 1, n, false);
  if (bias) a[na++] = (struct operand){DNNL_ARG_BIAS, bias_md, b[2].p};
  if (row_is(r, "linear_residual"))
    a[na++] = (struct operand){DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, a[2].md, b[3].p};
  for (int packed = 0; packed < 2; packed++) {
    dnnl_matmul_desc_t d;
    dnnl_memory_desc_t w = packed ? any(&a[1].md) : a[1].md;
    if (dnnl_matmul_desc_init(&d, &a[0].md, &w, bias ? &bias_md : NULL, &a[2].md) != dnnl_success) continue;
    add_step(l, packed ? "packed" : "", packed, &d, epilogue(r, &a[2].md), a, na);
  }
}
static void batched(struct list *l) {
  const struct row *r = l->r;
  int64_t b = r->d[0], m = r->d[1], n = r->d[2], k = r->d[3];
  struct operand a[] = {
      {DNNL_ARG_SRC, strided(3, dnnl_f32, (dnnl_dims_t){b, m, k}, (dnnl_dims_t){m * k, k, 1}), r->buf[0].p},
      {DNNL_ARG_WEIGHTS, strided(3, dnnl_f32, (dnnl_dims_t){b, k, n}, (dnnl_dims_t){k * n, n, 1}), r->buf[1].p},
      {DNNL_ARG_DST, strided(3, dnnl_f32, (dnnl_dims_t){b, m, n}, (dnnl_dims_t){m * n, n, 1}), r->buf[2].p}};
  dnnl_matmul_desc_t d;
  if (dnnl_matmul_desc_init(&d, &a[0].md, &a[1].md, NULL, &a[2].md) == dnnl_success)
    add_step(l, "", false, &d, NULL, a, 3);
}

/* Convolutions
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

struct conv {
  int64_t n, h, w, c, f, rs, p, q, stride, pad;
  bool planes, depthwise, bias;
};
static void conv(struct list *l, const struct conv *c) {
  const struct row *r = l->r;
  const struct buffer *o = &r->buf[r->nbuf - 1];
  int64_t taps = c->rs * c->rs;
  dnnl_memory_desc_t src = strided(4, dnnl_f32, (dnnl_dims_t){c->n, c->c, c->h, c->w},
                                   c->planes ? (dnnl_dims_t){c->c * c->h * c->w, c->h * c->w, c->w, 1}
                                             : (dnnl_dims_t){c->h * c->w * c->c, 1, c->w * c->c, c->c});
  dnnl_memory_desc_t dst = strided(4, dnnl_f32, (dnnl_dims_t){c->n, c->f, c->p, c->q},
                                   c->planes ? (dnnl_dims_t){c->f * c->p * c->q, c->p * c->q, c->q, 1}
                                             : (dnnl_dims_t){c->p * c->q * c->f, 1, c->q * c->f, c->f});
  dnnl_memory_desc_t wgt = c->depthwise ? strided(5, dnnl_f32, (dnnl_dims_t){c->c, 1, 1, c->rs, c->rs},
                                                  c->planes ? (dnnl_dims_t){taps, taps, taps, c->rs, 1}
                                                            : (dnnl_dims_t){1, 1, 1, c->rs * c->c, c->c})
                                        : strided(4, dnnl_f32, (dnnl_dims_t){c->f, c->c, c->rs, c->rs},
                                                  (dnnl_dims_t){1, c->f, c->rs * c->c * c->f, c->c * c->f});
  dnnl_memory_desc_t bias = strided(1, dnnl_f32, (dnnl_dims_t){c->f}, (dnnl_dims_t){1});
  struct operand a[] = {{DNNL_ARG_SRC, src, r->buf[0].p},
                        {DNNL_ARG_WEIGHTS, wgt, r->buf[1].p},
                        {DNNL_ARG_DST, dst, o->p},
                        {DNNL_ARG_BIAS, bias, r->buf[2].p}};
  static const char *const name[] = {"", "packed", "packed, own layouts"};
  for (int way = 0; way < 3; way++) {
    dnnl_convolution_desc_t d;
    dnnl_memory_desc_t s = way == 2 ? any(&src) : src, w = way ? any(&wgt) : wgt, t = way == 2 ? any(&dst) : dst;
    if (dnnl_convolution_forward_desc_init(&d, dnnl_forward_inference, dnnl_convolution_direct, &s, &w,
                                           c->bias ? &bias : NULL, &t, (dnnl_dims_t){c->stride, c->stride},
                                           (dnnl_dims_t){c->pad, c->pad},
                                           (dnnl_dims_t){c->pad, c->pad}) == dnnl_success)
      add_step(l, name[way], way, &d, NULL, a, c->bias ? 4 : 3);
  }
}

/* Rows
 * ------------------------------------------------------------------------------------------------------------------------------------------
 */

static void rows(struct list *l) {
  const struct row *r = l->r;
  dnnl_memory_desc_t x = matrix(B_F32, r->d[0], r->nd > 1 ? r->d[1] : 1, false),
                     v = strided(1, dnnl_f32, (dnnl_dims_t){r->d[1]}, (dnnl_dims_t){1});
  struct operand a[] = {{DNNL_ARG_SRC, x, r->buf[0].p},
                        {DNNL_ARG_DST, x, r->buf[r->nbuf - 1].p},
                        {DNNL_ARG_SCALE, v, r->buf[1].p},
                        {DNNL_ARG_SHIFT, v, r->buf[2].p}};
  if (row_is(r, "softmax")) {
    dnnl_softmax_v2_desc_t d;
    if (dnnl_softmax_v2_forward_desc_init(&d, dnnl_forward_inference, dnnl_softmax_accurate, &x, &x, 1) == dnnl_success)
      add_step(l, "", false, &d, NULL, a, 2);
  } else if (row_is(r, "gelu")) {
    dnnl_eltwise_desc_t d;
    if (dnnl_eltwise_forward_desc_init(&d, dnnl_forward_inference, dnnl_eltwise_gelu_erf, &x, 0, 0) == dnnl_success)
      add_step(l, "", false, &d, NULL, a, 2);
  } else {
    dnnl_layer_normalization_desc_t d;
    if (dnnl_layer_normalization_forward_desc_init(&d, dnnl_forward_inference, &x, NULL, 1e-5f,
                                                   dnnl_use_scale | dnnl_use_shift) == dnnl_success)
      add_step(l, "", false, &d, NULL, a, 4);
  }
}

/* Attention
 * -------------------------------------------------------------------------------------------------------------------------------------
 */

/* Head after head, so that the scores of one stay in the caches: scores = softmax(Q K' / sqrt D), out = scores V. With
   bf16 operands the scores are f32, the weights bf16, as oneDNN's fast paths want them. */
static void attention(struct list *l, int64_t h, int64_t t, int64_t s, int64_t d, bool causal) {
  const struct row *r = l->r;
  struct work *w = calloc(1, sizeof *w);
  enum bench_type type = r->buf[0].type;
  size_t size = bench_size[type];
  float *scores = aligned_alloc(64, (size_t)(t * s * 4 + 63) & ~(size_t)63),
        *weights = type == B_F32 ? scores : aligned_alloc(64, (size_t)(t * s * 4 + 63) & ~(size_t)63),
        *mask = causal ? malloc((size_t)(t * s) * 4) : NULL, scale = 1.0f / sqrtf((float)d);
  if (!w || !scores || !weights || (causal && !mask)) return;
  for (int64_t i = 0; causal && i < t; i++)
    for (int64_t j = 0; j < s; j++) mask[i * s + j] = j > i ? -1e30f : 0;
  dnnl_memory_desc_t q = matrix(type, t, d, false), kt = matrix(type, d, s, true), v = matrix(type, s, d, false),
                     p = matrix(B_F32, t, s, false), u = matrix(type, t, s, false);
  dnnl_primitive_attr_t attr = NULL;
  dnnl_post_ops_t ops = NULL;
  dnnl_primitive_attr_create(&attr);
  dnnl_post_ops_create(&ops);
  if (causal) dnnl_post_ops_append_binary(ops, dnnl_binary_add, &p);
  dnnl_primitive_attr_set_output_scales(attr, 1, 0, &scale);
  dnnl_primitive_attr_set_post_ops(attr, ops);
  dnnl_matmul_desc_t first, last;
  dnnl_softmax_v2_desc_t middle;
  dnnl_matmul_desc_init(&first, &q, &kt, NULL, &p);
  dnnl_softmax_v2_forward_desc_init(&middle, dnnl_forward_inference, dnnl_softmax_accurate, &p, &u, 1);
  dnnl_matmul_desc_init(&last, &u, &v, NULL, &q);
  struct operand a[] = {{DNNL_ARG_SRC, q, r->buf[0].p},
                        {DNNL_ARG_WEIGHTS, kt, r->buf[1].p},
                        {DNNL_ARG_DST, p, scores},
                        {DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, p, mask}};
  struct operand b[] = {{DNNL_ARG_SRC, p, scores}, {DNNL_ARG_DST, u, weights}};
  struct operand c[] = {{DNNL_ARG_SRC, u, weights}, {DNNL_ARG_WEIGHTS, v, r->buf[2].p}, {DNNL_ARG_DST, q, r->buf[3].p}};
  if (!make_step(&w->step[0], &first, attr, a, causal ? 4 : 3, NULL) ||
      !make_step(&w->step[1], &middle, NULL, b, 2, NULL) || !make_step(&w->step[2], &last, NULL, c, 3, NULL))
    return;
  size_t qs = (size_t)(t * d) * size, ks = (size_t)(s * d) * size;
  w->n = 3;
  w->repeat = (unsigned)h;
  memcpy(w->base[0], (char *[MAX_ARGS]){r->buf[0].p, r->buf[1].p, (char *)scores, (char *)mask}, sizeof w->base[0]);
  memcpy(w->base[1], (char *[MAX_ARGS]){(char *)scores, (char *)weights}, sizeof w->base[1]);
  memcpy(w->base[2], (char *[MAX_ARGS]){(char *)weights, r->buf[2].p, r->buf[3].p}, sizeof w->base[2]);
  memcpy(w->move[0], (size_t[MAX_ARGS]){qs, ks}, sizeof w->move[0]);
  memcpy(w->move[2], (size_t[MAX_ARGS]){0, ks, qs}, sizeof w->move[2]);
  add_form(l, "composed", false, w, NULL);
}

unsigned peer_forms(const struct row *r, struct form *f, unsigned room, const char **version) {
  struct list l = {.r = r, .f = f, .room = room};
  static char text[32];
  const int64_t *d = r->d;
  const dnnl_version_t *v = dnnl_version();
  snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
  *version = text;
  if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success ||
      dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) != dnnl_success)
    return 0;
  if (row_is(r, "matmul") || row_is(r, "bf16_product") || row_is(r, "s8s8_product") || row_is(r, "u8s8_product") ||
      row_is(r, "qgemm"))
    product(&l, false, false, false);
  if (row_is(r, "matmul_nt")) product(&l, false, true, false);
  if (row_is(r, "matmul_tn")) product(&l, true, false, false);
  if (row_is(r, "transposed")) product(&l, true, true, false);
  if (row_is(r, "linear_gelu") || row_is(r, "linear_residual")) product(&l, false, true, true);
  if (row_is(r, "batched")) batched(&l);
  if (row_is(r, "conv2d"))
    conv(&l, &(struct conv){d[0], d[1], d[2], d[3], d[4], d[5], d[7], d[8], d[9], d[10], false, false, true});
  if (row_is(r, "dwconv"))
    conv(&l, &(struct conv){1, d[0], d[1], d[2], d[2], 3, d[3], d[4], d[5], 1, false, true, false});
  if (row_is(r, "depthwise"))
    conv(&l, &(struct conv){1, d[1], d[2], d[0], d[0], 3, d[1], d[2], 1, 1, true, true, false});
  if (row_is(r, "softmax") || row_is(r, "layernorm") || row_is(r, "gelu")) rows(&l);
  if (row_is(r, "attention") || row_is(r, "attention_bf16")) attention(&l, d[0], d[1], d[2], d[3], false);
  if (row_is(r, "attention_causal")) attention(&l, d[0], d[1], d[1], d[2], true);
  return l.n;
}
