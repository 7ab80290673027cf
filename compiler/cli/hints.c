/* The smallest change that would make a function raise, from the reason why it does not (hints.def). */
#include "compiler/cli/hints.h"
#include <string.h>

static const struct hint {
  const char *part, *change;
} hints[] = {
#define HINT(part, change) {part, change},
#include "compiler/cli/hints.def"
#undef HINT
};

/* The first name between quotes. */
static const char *quoted(struct arena *a, const char *why) {
  const char *open = strchr(why, '\''), *close = open ? strchr(open + 1, '\'') : NULL;
  return close ? arena_strndup(a, open, (size_t)(close - open) + 1) : "it";
}

const char *hint_for(struct arena *a, const char *why) {
  const char *change = NULL;
  for (size_t i = 0; why && !change && i < sizeof hints / sizeof *hints; i++)
    if (strstr(why, hints[i].part)) change = hints[i].change;
  if (!change) return NULL;
  struct buf b;
  const char *name = quoted(a, why);
  buf_init(&b);
  for (const char *p = change; *p; p++) {
    bool bare = p[0] == '%' && p[1] == 'n' && *name == '\'',
         whole = !bare && p[0] == '%' && (p[1] == 's' || p[1] == 'n');
    if (bare)
      buf_write(&b, name + 1, strlen(name) - 2);
    else if (whole)
      buf_puts(&b, name);
    else
      buf_putc(&b, *p);
    p += bare || whole;
  }
  const char *r = arena_strndup(a, b.data, b.len);
  buf_free(&b);
  return r;
}

const char *hint_overlap(struct arena *a, const struct kernel *k) {
  struct buf b;
  buf_init(&b);
  for (unsigned i = 0; i < k->nparam && !k->noalias; i++) {
    const struct param *p = &k->param[i];
    bool argument = p->kind == PARAM_TENSOR && p->ctype; /* not a field, nor a variable outside of the function */
    if (argument && !p->is_const && !p->is_restrict && !p->record && k->tensor[p->ref].role != ROLE_IN)
      buf_printf(&b, "%s'%s'", b.len ? ", " : "", p->name);
  }
  const char *r =
      b.len ? arena_printf(a, "'restrict' on %s says that arrays do not overlap: then nothing is checked at entry",
                           b.data)
            : NULL;
  buf_free(&b);
  return r;
}
