/* --dims on a kernel: values for its dims, with one message for all commands. */
#include "compiler/hone.h"

static const struct loc nowhere = {0};

enum status hone_dims(struct hone *h, const struct kernel *k, const char *text, bool *has, int64_t *value) {
  const char *bad = NULL;
  if (text && !kernel_parse_dims(k, text, has, value, &bad)) {
    diag_error(h->diag, nowhere, "--dims %s: '%s' is not a dim of '%s' with a value", text, bad ? bad : "", k->name);
    return ST_USAGE;
  }
  for (unsigned s = 0; s < k->nsym; s++)
    if (k->sym[s].kind == SYM_DIM && has[s] && value[s] < 0) {
      diag_error(h->diag, nowhere, "--dims %s: '%s' is negative", text, k->sym[s].name);
      return ST_USAGE;
    }
  return ST_OK;
}
