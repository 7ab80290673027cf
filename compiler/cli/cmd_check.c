/* hone check: what was understood. */
#include "compiler/cli/commands.h"
#include "compiler/cli/hints.h"
#include "compiler/hone.h"
#include "tuner/strategy.h"
#include <string.h>

static const struct loc nowhere = {0};

static const char *status_of(const struct spec_fn *fn) {
  return fn->k ? "raised" : fn->npart ? "parts" : "kept";
}

/* Line n of the specification, without what stands in front and behind; NULL: there is none. */
static const char *source_line(const struct hone *h, uint32_t n, size_t *len) {
  const char *p = h->text;
  for (uint32_t i = 1; p && i < n; i++) {
    p = strchr(p, '\n');
    if (p) p++;
  }
  if (!p || !n) return NULL;
  p += strspn(p, " \t");
  *len = strcspn(p, "\r\n");
  return p;
}

/* The equations beside the lines they were made of. */
static void beside(struct buf *out, const struct hone *h, const struct kernel *k) {
  uint32_t last = 0;
  for (unsigned i = 0; i < k->neq; i++) {
    size_t len = 0;
    const char *line = k->eq[i].loc.line != last ? source_line(h, k->eq[i].loc.line, &len) : NULL;
    last = k->eq[i].loc.line;
    if (line) buf_printf(out, "  %5u | %.*s\n", last, (int)len, line);
    buf_puts(out, "        = ");
    kernel_print_eq(out, k, i);
  }
}

static void hint_line(struct buf *out, const char *hint) {
  if (hint) buf_printf(out, "  hint: %s\n", hint);
}

/* The line that a reason speaks of. */
static void place(struct buf *out, const struct hone *h, struct loc at) {
  size_t len;
  const char *line = source_line(h, at.line, &len);
  if (line) buf_printf(out, "  %5u | %.*s\n", at.line, (int)len, line);
}

static void json_hint(struct buf *out, const char *hint) {
  if (!hint) return;
  buf_puts(out, ",\"hint\":");
  buf_json(out, hint);
}

/* What it takes at least, for dims that are given. */
static void floor_of(struct buf *out, const struct options *o, struct hone *h, const struct kernel *k) {
  unsigned n = 0;
  for (unsigned d = 0; d < o->hone.ndims; d++) {
    const char *dims = hone_known_dims(h, k, o->hone.dims[d]);
    bool *has = ARENA_NEW(h->arena, bool, k->nsym + 1u);
    int64_t *value = ARENA_NEW(h->arena, int64_t, k->nsym + 1u);
    if (!dims || hone_dims(h, k, dims, has, value) != ST_OK) continue;
    struct groups *gs = hone_groups_at(h, k, has, value);
    struct floor_time sum = {0};
    for (unsigned g = 0; gs && g < gs->n; g++) {
      struct floor_time f = cost_floor(gs, g, &h->target.limits, o->hone.threads ? o->hone.threads : 1);
      sum.flops += f.flops;
      sum.bytes += f.bytes;
    }
    if (!o->json) {
      buf_printf(out, "  at %s: %.4g operations, %.4g bytes to move at least\n", dims, sum.flops, sum.bytes);
      continue;
    }
    buf_puts(out, n++ ? ",{\"dims\":" : ",\"floor\":[{\"dims\":");
    buf_json(out, dims);
    buf_printf(out, ",\"operations\":%.0f,\"bytes\":%.0f}", sum.flops, sum.bytes);
  }
  if (n) buf_putc(out, ']');
}

static void text(struct buf *out, const struct options *o, struct hone *h, const struct spec_fn *fn,
                 struct groups *gs) {
  const struct kernel *k = fn->k;
  unsigned dims = 0, tensors = 0;
  for (unsigned i = 0; i < k->nparam; i++) {
    dims += k->param[i].kind == PARAM_DIM;
    tensors += k->param[i].kind == PARAM_TENSOR;
  }
  buf_printf(out, "%s: %u dims, %u tensors, %u equations in %u group%s%s\n", k->name, dims, tensors, gs->k->neq, gs->n,
             gs->n == 1 ? "" : "s", k->noalias ? "" : "; overlap of its arrays is checked at entry");
  if (fn->source && !fn->is_part) hint_line(out, hint_overlap(h->arena, k));
  if (fn->source) beside(out, h, k);
  floor_of(out, o, h, k);
  for (unsigned i = 0; i < gs->k->nparam; i++)
    gs->k->param[i].ctype = NULL; /* for people: the C spelling stands in their source */
  groups_print(out, gs);
}

/* ,"text":…: what was understood, inside an object that is open. */
static void json_equations(struct buf *out, const struct kernel *k, struct groups *gs) {
  struct buf b;
  buf_init(&b);
  groups_print(&b, gs);
  buf_printf(out, ",\"equations\":%u,\"groups\":%u,\"noalias\":%s,\"text\":", gs->k->neq, gs->n,
             k->noalias ? "true" : "false");
  buf_json(out, b.data);
  buf_free(&b);
}

static enum status check_fn(struct options *o, struct hone *h, const struct spec_fn *fn, struct buf *out);

/* A function that did not raise as a whole, and its parts. */
static enum status kept(struct options *o, struct hone *h, const struct spec_fn *fn, struct buf *out) {
  const char *why = fn->source->why ? fn->source->why : "?", *name = fn->source->f->k->name;
  enum status st = ST_OK;
  if (o->json) {
    buf_puts(out, "{\"name\":");
    buf_json(out, name);
    buf_printf(out, ",\"status\":\"%s\",\"line\":%u,\"why\":", status_of(fn), fn->source->why_loc.line);
    buf_json(out, why);
    json_hint(out, hint_for(h->arena, why));
    buf_printf(out, ",\"parts\":%u}\n", fn->npart);
  } else if (fn->npart) {
    buf_printf(out, "%s: raised in %u part%s; as written around them: %s\n", name, fn->npart, fn->npart == 1 ? "" : "s",
               why);
  } else {
    buf_printf(out, "%s: compiled as written: %s\n", name, why);
  }
  if (!o->json) {
    place(out, h, fn->source->why_loc);
    hint_line(out, hint_for(h->arena, why));
  }
  for (unsigned i = 0; i < fn->npart && st == ST_OK; i++) st = check_fn(o, h, &fn->part[i], out);
  return st;
}

static enum status check_fn(struct options *o, struct hone *h, const struct spec_fn *fn, struct buf *out) {
  if (!fn->k) return kept(o, h, fn, out);
  struct groups *gs = hone_groups(h, fn->k);
  if (!gs) return ST_INTERNAL;
  if (!o->json) {
    text(out, o, h, fn, gs);
    return ST_OK;
  }
  buf_puts(out, "{\"name\":");
  buf_json(out, fn->k->name);
  buf_printf(out, ",\"status\":\"%s\"", fn->is_part ? "part" : status_of(fn));
  floor_of(out, o, h, fn->k);
  if (fn->source && !fn->is_part) json_hint(out, hint_overlap(h->arena, fn->k));
  json_equations(out, fn->k, gs);
  buf_puts(out, "}\n");
  return ST_OK;
}

static void refused(struct options *o, const struct spec_refused *r, struct buf *out) {
  if (!o->json) {
    buf_printf(out, "%s: refused: %s\n", r->name, r->why);
    return;
  }
  buf_puts(out, "{\"name\":");
  buf_json(out, r->name);
  buf_printf(out, ",\"status\":\"refused\",\"line\":%u,\"why\":", r->loc.line);
  buf_json(out, r->why);
  buf_puts(out, "}\n");
}

static enum status run(struct options *o, struct buf *out, struct diag *d) {
  enum status all = ST_OK;
  if (!o->nspec) {
    diag_error(d, nowhere, "check: no specification");
    return ST_USAGE;
  }
  for (unsigned i = 0; i < o->nspec; i++) {
    struct hone h;
    enum status opened = hone_open(&h, o->spec[i], &o->hone, d), st = ST_OK;
    for (unsigned j = 0; j < h.spec.nrefused; j++) refused(o, &h.spec.refused[j], out);
    for (unsigned j = 0; (opened == ST_OK || h.spec.nrefused) && st == ST_OK && j < h.spec.n; j++)
      st = check_fn(o, &h, &h.spec.fn[j], out);
    hone_close(&h);
    if (opened != ST_OK) st = opened;
    if (st != ST_OK && all == ST_OK) all = st;
  }
  return all;
}

const struct command command_check = {
    "check", "say what was understood: equations beside the source, groups, and what is compiled as written or refused",
    "usage: hone check SPEC… [--only F,G] [--dims M=64,…] [--json]\n\n"
    "--json: one line a function, \"status\": raised, parts (and a line for each part), kept or refused.\n"
    "--dims: also how many operations and bytes it takes at least.\n\n  hone check matmul.c\n",
    run};
