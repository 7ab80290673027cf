/* Which frontend reads which file: the table frontends.def, looked up by suffix. Standard input ("-") is C. */
#include "compiler/frontend/frontend.h"
#include <string.h>

#define FRONTEND(name, suffixes) extern const struct frontend frontend_##name;
#include "compiler/frontend/frontends.def"
#undef FRONTEND

static const struct frontend *const all[] = {
#define FRONTEND(name, suffixes) &frontend_##name,
#include "compiler/frontend/frontends.def"
#undef FRONTEND
};

/* Is s[0..n) one of the blank-separated words? */
static bool has_word(const char *words, const char *s, size_t n) {
  while (*words) {
    size_t len = strcspn(words, " ");
    if (len == n && !memcmp(words, s, n)) return true;
    words += len;
    words += strspn(words, " ");
  }
  return false;
}

const struct frontend *frontend_for(const char *path) {
  const char *base = strrchr(path, '/');
  const char *dot = strrchr(base ? base : path, '.');
  if (!strcmp(path, "-")) dot = ".c";
  if (!dot) return NULL;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (has_word(all[i]->suffixes, dot, strlen(dot))) return all[i];
  return NULL;
}
