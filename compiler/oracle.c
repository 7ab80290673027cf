/* The C compiler as second oracle: once per function and dims, before tuning. Plain -O2, so that it keeps the order of
   every sum, and integers that wrap, as they do in hone. Small problems only: code that nobody tuned may be hundreds of
   times slower than a candidate. */
#include "compiler/oracle.h"
#include "compiler/peer.h"
#include <string.h>

static const double MOST_OPERATIONS = 5e7; /* a tenth of a second of plain loops */

static bool is_c(const char *path) {
  size_t n = strlen(path);
  return n > 2 && !strcmp(path + n - 2, ".c");
}

/* Does the kernel take exactly what the C function takes? */
static bool same_arguments(const struct spec_fn *fn) {
  const struct lfunc *f = fn->source ? fn->source->f : NULL;
  if (!f || fn->is_part || fn->loop || f->nopaque) return false;
  for (unsigned i = 0; f->origin && i < f->k->nparam; i++)
    if (f->origin[i].how != ORIGIN_SELF) return false;
  return true;
}

static bool small(struct hone *h, const struct kernel *k, const bool *has, const int64_t *value) {
  double n = 0;
  for (unsigned s = 0; s < k->nsym; s++)
    if (k->sym[s].kind == SYM_DIM && !has[s]) return false;
  struct groups *bound = hone_groups_at(h, k, has, value);
  for (unsigned g = 0; bound && g < bound->n; g++) n += cost_floor(bound, g, &h->target.limits, 1).flops;
  return bound && n <= MOST_OPERATIONS;
}

static enum status compare(struct hone *h, const struct kernel *k, const struct problem *p, const struct peer *peer,
                           struct measure *device) {
  struct arena *a = arena_new();
  struct diag *quiet = diag_new();
  struct reference *r = check_reference(a, p, quiet);
  struct args got = measure_results(a, p);
  struct candidate c = {&peer->object, peer->symbol};
  struct evidence ev = {0};
  char why[256];
  enum status st = ST_OK;
  if (r && measure_run_once(device, &c, p, &got, why) == TRIAL_OK && !check_compare(p, r, &got, &ev)) {
    diag_error(h->diag, k->loc, "internal: '%s' compiled by cc -O2 gives another result than hone's reading of it: %s",
               k->name, ev.where);
    st = ST_INTERNAL;
  }
  diag_free(quiet);
  arena_free(a);
  return st;
}

enum status oracle_check(struct hone *h, const char *path, const struct spec_fn *fn, const char *dims,
                         const struct tune_opts *o) {
  static const char *const flags[] = {"-O2", "-fwrapv", "-ffp-contract=off", NULL};
  const struct kernel *k = fn->k;
  bool *has = ARENA_NEW(h->arena, bool, k->nsym + 1u);
  int64_t *value = ARENA_NEW(h->arena, int64_t, k->nsym + 1u);
  struct problem p;
  struct peer peer = {.name = "cc"};
  if (h->target.limits.simt || !is_c(path) || !same_arguments(fn)) return ST_OK;
  enum status st = hone_dims(h, k, dims, has, value);
  if (st != ST_OK || !small(h, k, has, value)) return st;
  struct diag *quiet = diag_new();
  const struct kernel *bound = kernel_specialise(h->arena, k, has, value);
  st = check_problem(h->arena, bound, value, INPUTS_RANDOM, o->seed, 1, &p, quiet);
  diag_free(quiet);
  if (st != ST_OK) return ST_OK; /* tuning will say what is wrong with it */
  st = peer_compile(h, path, bound, "cc", flags, &peer);
  st = st == ST_OK ? compare(h, bound, &p, &peer, o->measure) : ST_OK;
  buf_free(&peer.object);
  return st;
}
