/* What all devices share. */
#include "tuner/measure.h"
#include <stdio.h>
#include <string.h>

const char *const trial_status_name[] = {"ok", "wrong", "crash", "timeout", "oom", "compile"};

const char *const measure_class_name[JOB_CLASSES] = {"int",    "float",  "special", "cvt",     "move",   "control",
                                                     "global", "shared", "warp",    "barrier", "tensor", "async"};
const char *const measure_part_name[JOB_PARTS] = {"issue", "special", "shared", "tensor",
                                                  "l1",    "l2",      "memory", "latency"};

uint64_t measure_poison(enum dtype t) {
  switch (t) {
  case DT_f16:
    return 0x7d5a;
  case DT_bf16:
    return 0x7fa5;
  case DT_e4m3:
    return 0xff; /* its NaN with a sign, which no conversion gives */
  case DT_e5m2:
    return 0x7d;
  case DT_f32:
    return 0x7fa5a5a5;
  case DT_f64:
    return UINT64_C(0x7ff5a5a5a5a5a5a5);
  default:
    return UINT64_C(0xa5a5a5a5a5a5a5a5);
  }
}

/* Bytes of the memory behind parameter i when it is a result, else 0. */
static size_t result_bytes(const struct problem *p, unsigned i) {
  int64_t n = 0;
  unsigned t = p->k->param[i].ref;
  if (p->k->param[i].kind != PARAM_TENSOR || p->k->tensor[t].role == ROLE_IN) return 0;
  return tensor_span(p->k, t, &p->args, INT64_MAX / 64, &n) ? (size_t)n * type_size((enum dtype)p->k->tensor[t].type)
                                                            : 0;
}

struct args measure_results(struct arena *a, const struct problem *p) {
  struct args r = p->args;
  r.data = arena_dup(a, r.data, (p->k->nparam + 1u) * sizeof *r.data);
  for (unsigned i = 0; i < p->k->nparam; i++)
    if (p->k->param[i].kind == PARAM_TENSOR && p->k->tensor[p->k->param[i].ref].role != ROLE_IN)
      r.data[i] = arena_alloc(a, result_bytes(p, i) + 1);
  return r;
}

struct copy {
  const struct problem *p;
  struct args *out;
};
static void copy_results(void *ctx, unsigned i, const struct args *got) {
  struct copy *c = ctx;
  (void)i;
  for (unsigned n = 0; n < c->p->k->nparam; n++) {
    size_t bytes = result_bytes(c->p, n);
    if (bytes) memcpy(c->out->data[n], got->data[n], bytes);
  }
}

enum trial_status measure_run_once(struct measure *m, const struct candidate *c, const struct problem *p,
                                   struct args *out, char why[256]) {
  struct run r = {0};
  struct copy copy = {p, out};
  m->run(m, c, 1, p, 0, &r, copy_results, &copy);
  snprintf(why, 256, "%s", r.why);
  return r.status;
}
