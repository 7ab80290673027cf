/* Keys of tuning records. Dims are numbered by where they first appear in the equations, so two specs that differ in
 * names share records. */
#include "tuner/key.h"
#include "ir/sha256.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
  const struct kernel *k;
  sym_t *out;
  unsigned n, max;
};

static void see_poly(struct seen *s, poly_t p) {
  if (!p) return;
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) {
      sym_t y = p->mono[i].sym[j];
      if (y >= s->k->nsym || s->k->sym[y].kind != SYM_DIM) continue;
      unsigned q = 0;
      while (q < s->n && s->out[q] != y) q++;
      if (q == s->n && s->n < s->max) s->out[s->n++] = y;
    }
}

static void see_node(expr_t x, void *ctx) {
  struct seen *s = ctx;
  if (x->kind == E_POLY) see_poly(s, x->poly);
  if (x->kind != E_READ) return;
  for (unsigned i = 0; i < x->acc->rank; i++) see_poly(s, x->acc->ix[i].poly);
  for (unsigned i = 0; i < x->acc->nguard; i++) see_poly(s, x->acc->guard[i]);
}

static void see_eq(struct seen *s, const struct eq *e) {
  for (unsigned i = 0; i < e->nax; i++) {
    see_poly(s, e->axis[i].lo);
    see_poly(s, e->axis[i].hi);
  }
  for (unsigned i = 0; i < e->nguard; i++) see_poly(s, e->guard[i]);
  for (unsigned i = 0; i < s->k->tensor[e->lhs].rank; i++) see_poly(s, e->lhs_idx[i]);
  expr_visit(e->body, see_node, s);
  if (e->init) expr_visit(e->init, see_node, s);
  if (e->start) expr_visit(e->start, see_node, s);
}

unsigned key_dims(const struct groups *gs, unsigned g, sym_t *out, unsigned max) {
  struct seen s = {gs->k, out, 0, max};
  for (unsigned i = 0; i < gs->n; i++)
    if (g == KEY_WHOLE || g == i)
      for (unsigned j = 0; j < gs->g[i].neq; j++) see_eq(&s, &gs->k->eq[gs->g[i].eq[j]]);
  /* Strides matter to speed too: dims that appear only there come last. */
  for (unsigned t = 0; t < gs->k->ntensor; t++)
    for (unsigned d = 0; d < gs->k->tensor[t].rank; d++) {
      if (gs->k->tensor[t].extent) see_poly(&s, gs->k->tensor[t].extent[d]);
      if (gs->k->tensor[t].stride) see_poly(&s, gs->k->tensor[t].stride[d]);
    }
  return s.n;
}

static void id_of(const struct groups *gs, unsigned g, uint8_t out[32]) {
  if (g == KEY_WHOLE)
    kernel_hash(gs->k, out);
  else
    group_hash(gs, g, out);
}

static const char *dims_text(struct arena *a, const struct groups *gs, unsigned g, const int64_t *value) {
  sym_t dim[64];
  unsigned n = key_dims(gs, g, dim, 64);
  struct buf b;
  buf_init(&b);
  for (unsigned i = 0; i < n; i++) buf_printf(&b, "%sd%u=%lld", i ? "," : "", i, (long long)value[dim[i]]);
  const char *s = arena_strdup(a, b.data ? b.data : "");
  buf_free(&b);
  return s;
}

bool key_dims_parse(const struct groups *gs, unsigned g, const char *text, int64_t *value) {
  sym_t dim[64];
  unsigned n = key_dims(gs, g, dim, 64);
  const char *p = text;
  for (unsigned i = 0; i < n; i++) {
    char want[16];
    int len = snprintf(want, sizeof want, "%sd%u=", i ? "," : "", i);
    if (strncmp(p, want, (size_t)len) != 0) return false;
    char *end;
    value[dim[i]] = strtoll(p + len, &end, 10);
    if (end == p + len) return false;
    p = end;
  }
  return *p == '\0';
}

void key_target_id(const struct target *t, uint8_t out[32]) {
  struct sha256 h;
  sha256_init(&h);
  sha256_update(&h, t->isa, strlen(t->isa) + 1);
  sha256_update(&h, t->silicon, strlen(t->silicon) + 1);
  sha256_update(&h, t->class_, strlen(t->class_) + 1);
  sha256_final(&h, out);
}

void key_make(struct arena *a, const struct groups *symbolic, unsigned gsym, const struct groups *bound,
              unsigned gbound, const int64_t *value, const struct target *t, unsigned threads, bool cold,
              enum fpmode fp, struct db_key *out) {
  memset(out, 0, sizeof *out);
  id_of(symbolic, gsym, out->family_id);
  id_of(bound, gbound, out->kernel_id);
  key_target_id(t, out->target_id);
  out->target = t;
  out->name = symbolic->k->name;
  struct buf b;
  buf_init(&b);
  groups_print(&b, gbound == KEY_WHOLE ? bound : group_extract(a, bound, gbound));
  out->ir = arena_strdup(a, b.data ? b.data : "");
  buf_free(&b);
  out->dims = dims_text(a, symbolic, gsym, value);
  const char *what = t->device == DEVICE_EMULATED ? "model" : "time";
  out->objective = arena_printf(a, "%s/%ut/%s", what, threads, cold ? "cold" : "warm");
  out->fp = fp == FP_STRICT ? "strict" : fp == FP_TF32 ? "tf32" : fp == FP_FAST ? "fast" : "reassoc";
}
