/* The frontend of .hone texts: they start at TENSOR, so there is nothing to raise and no SOURCE form. `--only` picks
 * kernels by name. */
#include "compiler/frontend/frontend.h"
#include <string.h>

static bool in_list(const char *list, const char *name) {
  size_t n = strlen(name);
  for (const char *p = list; p; p = strchr(p, ',')) {
    if (*p == ',') p++;
    if (!strncmp(p, name, n) && (p[n] == 0 || p[n] == ',')) return true;
  }
  return false;
}

/* Every name of --only must be a kernel of the text. */
static bool check_only(struct diag *d, const struct spec_input *in, const struct kernels *ks) {
  bool ok = true;
  for (const char *p = in->only; p && *p;) {
    size_t n = strcspn(p, ",");
    bool found = n == 0;
    for (unsigned i = 0; i < ks->n; i++) found |= strlen(ks->k[i]->name) == n && !memcmp(ks->k[i]->name, p, n);
    if (!found) {
      diag_error(d, (struct loc){in->file, 0, 0}, "no kernel is named '%.*s'", (int)(n > 60 ? 60 : n), p);
      ok = false;
    }
    p += n + (p[n] == ',');
  }
  return ok;
}

static enum status hone_read(struct arena *a, struct diag *d, const struct spec_input *in, struct spec *out) {
  struct kernels ks;
  enum status st = kernels_parse(a, d, in->file, in->text, in->len, &ks);
  if (st != ST_OK) return st;
  *out = (struct spec){.fn = ARENA_NEW(a, struct spec_fn, ks.n + 1u)};
  if (!check_only(d, in, &ks)) return ST_REFUSED;
  for (unsigned i = 0; i < ks.n; i++)
    if (!in->only || in_list(in->only, ks.k[i]->name)) out->fn[out->n++].k = ks.k[i];
  if (!out->n) {
    diag_error(d, (struct loc){in->file, 0, 0}, "the text has no kernel");
    return ST_REFUSED;
  }
  out->dep = ARENA_NEW(a, const char *, 1);
  out->dep[out->ndep++] = in->path;
  return ST_OK;
}

const struct frontend frontend_hone = {"hone", ".hone", hone_read};
