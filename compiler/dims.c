/* --dims on a kernel: values for its dims, with one message for all commands. */
#include "compiler/hone.h"

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
    if (value[s] < 0) diag_error(h->diag, nowhere, "--dims %s: '%s' is negative", text, k->sym[s].name);
    else diag_error(h->diag, nowhere, "--dims %s: '%s' does not fit into its type, %s", text, k->sym[s].name, type_name(t));
    return ST_USAGE;
  }
  return ST_OK;
}
