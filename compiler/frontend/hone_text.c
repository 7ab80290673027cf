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

/* The names that go into the header and the symbol table must be C's. */
static bool is_c_name(const char *s) {
  static const char *const word[] = {
      "auto",     "break",    "case",           "char",         "const",    "continue", "default",    "do",
      "double",   "else",     "enum",           "extern",       "float",    "for",      "goto",       "if",
      "inline",   "int",      "long",           "register",     "restrict", "return",   "short",      "signed",
      "sizeof",   "static",   "struct",         "switch",       "typedef",  "union",    "unsigned",   "void",
      "volatile", "while",    "_Bool",          "_Complex",     "_Atomic",  "_Generic", "_Imaginary", "_Noreturn",
      "_Alignas", "_Alignof", "_Static_assert", "_Thread_local"};
  if (*s >= '0' && *s <= '9') return false;
  for (const char *p = s; *p; p++) {
    bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
    if (!letter && *p != '_' && !(*p >= '0' && *p <= '9')) return false;
  }
  for (size_t i = 0; i < sizeof word / sizeof *word; i++)
    if (!strcmp(s, word[i])) return false;
  return true;
}

static bool check_names(struct diag *d, const struct kernel *k) {
  bool ok = is_c_name(k->name);
  if (!ok) diag_error(d, k->loc, "'%s' cannot be the name of a C function", k->name);
  for (unsigned i = 0; i < k->nparam; i++) {
    if (is_c_name(k->param[i].name)) continue;
    struct loc at = k->param[i].loc.line ? k->param[i].loc : k->loc;
    diag_error(d, at, "'%s' cannot be the name of a C parameter", k->param[i].name);
    ok = false;
  }
  return ok;
}

static enum status hone_read(struct arena *a, struct diag *d, const struct spec_input *in, struct spec *out) {
  struct kernels ks;
  enum status st = kernels_parse(a, d, in->file, in->text, in->len, &ks);
  if (st != ST_OK) return st;
  *out = (struct spec){.fn = ARENA_NEW(a, struct spec_fn, ks.n + 1u)};
  if (!check_only(d, in, &ks)) return ST_REFUSED;
  bool named = true;
  for (unsigned i = 0; i < ks.n; i++) named &= check_names(d, ks.k[i]);
  if (!named) return ST_REFUSED;
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
