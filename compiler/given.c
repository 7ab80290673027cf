/* A schedule in the user's own words (--schedule): read with the names of the spec, and held to the same legality as
 * one that the search proposes. */
#include "compiler/given.h"
#include <string.h>

static const struct loc nowhere = {0};

static enum status one(struct hone *h, const struct groups *gs, unsigned g, const char *text, size_t len,
                       struct sched *out) {
  struct lower_opts lo = lower_opts_for(&h->target, h->opts.fp, h->opts.threads);
  uint16_t file = diag_file(h->diag, "--schedule", arena_strndup(h->arena, text, len), len);
  enum status st = sched_parse(h->diag, file, text, len, gs, g, out);
  if (st != ST_OK) return st;
  const char *why = legal_sched(h->arena, gs, g, out, &h->target.limits, &lo);
  if (!why) return ST_OK;
  if (gs->n > 1)
    diag_error(h->diag, nowhere, "--schedule: group %u: %s", g, why);
  else
    diag_error(h->diag, nowhere, "--schedule: %s", why);
  return ST_REFUSED;
}

enum status given_schedule(struct hone *h, const struct groups *gs, struct sched *out) {
  const char *text = h->opts.schedule;
  for (unsigned g = 0; g < gs->n; g++) {
    const char *bar = strchr(text, '|');
    size_t len = bar ? (size_t)(bar - text) : strlen(text);
    if (!bar != (g + 1u == gs->n)) {
      diag_error(
          h->diag, nowhere,
          "--schedule: '%s' has %u group%s: one schedule for each, with '|' between them (hone check shows the groups)",
          gs->k->name, gs->n, gs->n == 1 ? "" : "s");
      return ST_REFUSED;
    }
    enum status st = one(h, gs, g, text, len, &out[g]);
    if (st != ST_OK) return st;
    text += len + (bar != NULL);
  }
  return ST_OK;
}

enum status given_for(struct hone *h) {
  unsigned n = 0;
  for (unsigned i = 0; i < h->spec.n; i++) n += h->spec.fn[i].k != NULL;
  if (!h->opts.schedule || n == 1) return ST_OK;
  if (n)
    diag_error(h->diag, nowhere, "--schedule is for one function: --only F says which");
  else
    diag_error(h->diag, nowhere, "--schedule: no function was raised as a whole");
  return n ? ST_USAGE : ST_REFUSED;
}
