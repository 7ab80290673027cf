/* hone check: what was understood. */
#include "compiler/cli/commands.h"
#include <string.h>

static const struct loc nowhere = {0};

static void text(struct buf *out, const struct spec_fn *fn, struct groups *gs) {
  const struct kernel *k = fn->k;
  unsigned dims = 0, tensors = 0;
  for (unsigned i = 0; i < k->nparam; i++) {
    dims += k->param[i].kind == PARAM_DIM;
    tensors += k->param[i].kind == PARAM_TENSOR;
  }
  buf_printf(out, "%s: %u dims, %u tensors, %u equations in %u group%s%s\n", k->name, dims, tensors, gs->k->neq, gs->n, gs->n == 1 ? "" : "s",
             k->noalias ? "" : "; overlap of its arrays is checked at entry");
  for (unsigned i = 0; i < gs->k->nparam; i++) gs->k->param[i].ctype = NULL; /* for people: the C spelling stands in their source */
  groups_print(out, gs);
}

static enum status check_fn(struct options *o, struct hone *h, const struct spec_fn *fn, struct buf *out) {
  if (!fn->k) {
    if (!o->json) buf_printf(out, "%s: compiled as written: %s\n", fn->source->f->k->name, fn->source->why ? fn->source->why : "?");
    return ST_OK;
  }
  struct groups *gs = hone_groups(h, fn->k);
  if (!gs) return ST_INTERNAL;
  if (!o->json) {
    text(out, fn, gs);
    return ST_OK;
  }
  struct buf b;
  buf_init(&b);
  groups_print(&b, gs);
  buf_puts(out, "{\"name\":");
  buf_json(out, fn->k->name);
  buf_printf(out, ",\"equations\":%u,\"groups\":%u,\"noalias\":%s,\"text\":", gs->k->neq, gs->n, fn->k->noalias ? "true" : "false");
  buf_json(out, b.data);
  buf_puts(out, "}\n");
  buf_free(&b);
  return ST_OK;
}

static enum status run(struct options *o, struct buf *out, struct diag *d) {
  enum status all = ST_OK;
  if (!o->nspec) {
    diag_error(d, nowhere, "check: no specification");
    return ST_USAGE;
  }
  for (unsigned i = 0; i < o->nspec; i++) {
    struct hone h;
    enum status st = hone_open(&h, o->spec[i], &o->hone, d);
    for (unsigned j = 0; st == ST_OK && j < h.spec.n; j++) st = check_fn(o, &h, &h.spec.fn[j], out);
    hone_close(&h);
    if (st != ST_OK && all == ST_OK) all = st;
  }
  return all;
}

const struct command command_check = {"check", "say what was understood: dims, equations, groups, and what is compiled as written",
                                      "usage: hone check SPEC… [--only F,G] [--json]\n\n  hone check matmul.c\n", run};
