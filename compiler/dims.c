/* --dims on a kernel: values for its dims, with one message for all commands. */
#include "compiler/hone.h"
#include "tuner/key.h"
#include <string.h>

static const struct loc nowhere = {0};

enum status hone_dims(struct hone *h, const struct kernel *k, const char *text, bool *has, int64_t *value) {
  const char *bad = NULL;
  if (text && !kernel_parse_dims(k, text, has, value, &bad)) {
    diag_error(h->diag, nowhere, "--dims %s: '%s' is not a dim of '%s' with a value", text, bad ? bad : "", k->name);
    return ST_USAGE;
  }
  for (unsigned s = 0; s < k->nsym; s++) {
    if (k->sym[s].kind != SYM_DIM || !has[s]) continue;
    enum dtype t = (enum dtype)k->param[k->sym[s].param].type;
    bool fits = type_round(t, (union value){.i = value[s]}).i == value[s];
    if (value[s] >= 0 && fits) continue;
    if (value[s] < 0)
      diag_error(h->diag, nowhere, "--dims %s: '%s' is negative", text, k->sym[s].name);
    else
      diag_error(h->diag, nowhere, "--dims %s: '%s' does not fit into its type, %s", text, k->sym[s].name,
                 type_name(t));
    return ST_USAGE;
  }
  return ST_OK;
}

static bool is_dim(const struct kernel *k, const char *name, size_t n) {
  for (unsigned s = 0; s < k->nsym; s++)
    if (k->sym[s].kind == SYM_DIM && strlen(k->sym[s].name) == n && !memcmp(k->sym[s].name, name, n)) return true;
  return false;
}

const char *hone_known_dims(struct hone *h, const struct kernel *k, const char *text) {
  const char *own = "";
  for (const char *p = text ? text : ""; *p;) {
    size_t len = strcspn(p, ","), name = strcspn(p, "=,");
    if (is_dim(k, p, name)) own = arena_printf(h->arena, "%s%s%.*s", own, *own ? "," : "", (int)len, p);
    p += len + (p[len] == ',');
  }
  struct groups *gs = hone_groups(h, k);
  sym_t dim[64];
  unsigned n = gs ? key_dims(gs, KEY_WHOLE, dim, 64) : 0;
  bool *has = ARENA_NEW(h->arena, bool, k->nsym + 1u);
  int64_t *value = ARENA_NEW(h->arena, int64_t, k->nsym + 1u);
  const char *bad;
  if (!gs || (*own && !kernel_parse_dims(k, own, has, value, &bad))) return NULL;
  for (unsigned i = 0; i < n; i++)
    if (dim[i] >= k->nsym || !has[dim[i]]) return NULL;
  return own;
}
