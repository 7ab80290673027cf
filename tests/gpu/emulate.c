/* See emulate.h. The host's side of a launch in small: memory for arguments and buffers, grids, parameters. */
#include "tests/gpu/emulate.h"
#include "codegen/emit/emit.h"
#include "codegen/emit/launch.h"
#include "runtime/emu/emu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void (*emulate_edit)(struct buf *ptx);

enum { MAX_PARAM = 96 };
struct call {
  const struct lfunc *f;
  const struct args *a;
  struct emu *dev;
  struct launch_plan plan;
  int64_t *dim;              /* by symbol */
  uint64_t value[MAX_PARAM]; /* of each kernel parameter */
  uint64_t bytes[MAX_PARAM]; /* of tensors */
  struct diag *d;
  _Alignas(128) unsigned char map[LAUNCH_MAPS][128];
};
static const struct loc none;

static int64_t tensor_bytes(struct call *c, const struct param *p) {
  int64_t n;
  return tensor_span(c->f->k, p->ref, c->a, INT64_C(1) << 30, &n) ? n * (int64_t)type_size((enum dtype)p->type) : -1;
}

static bool bind_args(struct call *c) {
  const struct kernel *k = c->f->k;
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    if (p->kind == PARAM_DIM) c->dim[p->ref] = (int64_t)(c->value[i] = (uint64_t)c->a->dim[i]);
    if (p->kind == PARAM_SCALAR) type_store((enum dtype)p->type, &c->value[i], c->a->scalar[i]);
    if (p->kind != PARAM_TENSOR) continue;
    int64_t bytes = tensor_bytes(c, p);
    if (bytes < 0) return false;
    c->bytes[i] = (uint64_t)bytes;
    c->value[i] = emu_alloc(c->dev, c->bytes[i] ? c->bytes[i] : 1);
    if (!c->value[i] || (bytes && !emu_write(c->dev, c->value[i], c->a->data[i], c->bytes[i]))) return false;
  }
  return true;
}

static bool bind_buffers(struct call *c) {
  for (unsigned i = 0; i < c->plan.nbuffer; i++) {
    int64_t n = launch_bytes(&c->plan, i, c->dim), blocks = 1;
    if (c->plan.buffer[i].block >= 0) blocks = launch_blocks(&c->plan, (unsigned)c->plan.buffer[i].block, c->dim);
    if (n < 0 || blocks < 0 || n > (INT64_C(1) << 30) / (blocks ? blocks : 1)) return false;
    uint64_t at = emu_alloc(c->dev, (uint64_t)(n * blocks) + 1);
    if (!at) return false;
    c->value[c->f->k->nparam + i] = at;
  }
  return true;
}

static bool bind_maps(struct call *c) {
  const struct lfunc *f = c->f;
  for (unsigned i = 0; i < c->plan.nmap; i++) {
    const struct launch_map *m = &c->plan.map[i];
    const struct object *o = &f->object[m->tensor];
    uint64_t dim[LAUNCH_RANK], stride[LAUNCH_RANK], size = type_size((enum dtype)o->type), dense = size;
    int64_t e, s;
    bool fits = true;
    for (unsigned d = 0; d < o->rank; d++) {
      unsigned from = o->rank - 1u - d;
      if (!poly_eval(o->extent[from], c->dim, &e) || (o->stride && !poly_eval(o->stride[from], c->dim, &s)))
        return false;
      dim[d] = (uint64_t)e, stride[d] = o->stride ? (uint64_t)s * size : dense;
      fits &= e > 0 && (!d || stride[d] % 16 == 0);
      dense *= dim[d];
    }
    enum emu_map_type t = o->type == DT_bf16 ? EMU_MAP_BF16 : o->type == DT_f16 ? EMU_MAP_F16 : EMU_MAP_U8;
    uint64_t at = c->value[f->k->tensor[m->tensor].param];
    memset(c->map[i], 0, sizeof c->map[i]);
    if (fits && at % 16 == 0 && emu_tensor_map(c->map[i], t, o->rank, at, dim, stride + 1, m->box, NULL, 3))
      return false;
  }
  return true;
}

static bool launch_all(struct call *c, struct emu_module *m, bool lazy, uint64_t seed) {
  const void *params[MAX_PARAM];
  struct emu_report *rep = calloc(1, sizeof *rep);
  bool ok = rep != NULL;
  unsigned n = c->f->k->nparam + c->plan.nbuffer;
  for (unsigned i = 0; i < MAX_PARAM; i++)
    params[i] = i < n || i >= n + c->plan.nmap ? (void *)&c->value[i] : c->map[i - n];
  for (unsigned i = 0; i < c->plan.nkernel && ok; i++) {
    int64_t blocks = launch_blocks(&c->plan, i, c->dim);
    if (blocks == 0) continue;
    struct emu_launch how = {.grid = {(uint32_t)blocks, 1, 1},
                             .block = {c->plan.kernel[i].threads, 1, 1},
                             .dynamic_shared = c->plan.kernel[i].dynamic,
                             .lazy = lazy,
                             .seed = seed,
                             .max_steps = UINT64_C(1) << 28};
    ok = emu_launch(m, c->plan.kernel[i].name, &how, params, (int)(n + c->plan.nmap), rep);
    if (!ok) {
      char text[2048];
      emu_report_text(rep, text, sizeof text);
      diag_error(c->d, none, "%s: %s", c->plan.kernel[i].name, text);
    }
  }
  free(rep);
  return ok;
}

static bool fetch(struct call *c) {
  for (unsigned i = 0; i < c->f->k->nparam; i++)
    if (c->bytes[i] && !emu_read(c->dev, c->a->data[i], c->value[i], c->bytes[i])) return false;
  return true;
}

static enum status ptx_of(const struct lfunc *f, const struct target *t, struct buf *out, struct diag *d) {
  struct emit_entry e = {.k = f->k, .general = (struct lfunc *)(uintptr_t)f};
  struct emit_opts o = {.kind = EMIT_ASM};
  const char *why = "";
  enum status st = emit_module(f->arena, &e, 1, t, &o, false, out, &why);
  if (st != ST_OK) diag_error(d, none, "emit: %s", why);
  if (st == ST_OK && emulate_edit) emulate_edit(out);
  if (st == ST_OK && getenv("HONE_DUMP")) fputs(out->data, stderr);
  return st;
}

static enum status run(struct call *c, const struct buf *ptx, bool lazy, uint64_t seed) {
  struct emu_error err;
  struct emu_module *m = emu_load(c->dev, ptx->data, ptx->len, &err);
  if (!m) {
    diag_error(c->d, none, "PTX %u:%u: %s", err.line, err.col, err.text);
    return ST_REFUSED;
  }
  bool ok = bind_args(c) && bind_buffers(c) && bind_maps(c) && launch_all(c, m, lazy, seed) && fetch(c);
  emu_unload(m);
  return ok ? ST_OK : ST_REFUSED;
}

enum status emulate(const struct lfunc *f, const struct args *a, const char *arch, bool lazy, uint64_t seed,
                    struct diag *d) {
  struct target t;
  struct buf ptx;
  const char *why = "";
  struct call c = {.f = f, .a = a, .d = d};
  if (target_resolve(f->arena, arch, NULL, &t, d) != ST_OK) return ST_REFUSED;
  if (launch_plan_make(f->arena, f, &t.limits, &c.plan, &why) != ST_OK ||
      f->k->nparam + c.plan.nbuffer + c.plan.nmap > MAX_PARAM) {
    diag_error(d, none, "no launch plan: %s", why);
    return ST_INFEASIBLE;
  }
  c.dim = ARENA_NEW(f->arena, int64_t, f->k->nsym + 1);
  buf_init(&ptx);
  enum status st = ptx_of(f, &t, &ptx, d);
  c.dev = st == ST_OK ? emu_open() : NULL;
  if (c.dev) st = run(&c, &ptx, lazy, seed);
  emu_close(c.dev);
  buf_free(&ptx);
  return st;
}
