/* Finds libclang. Newest first, because the newest understands most of C; every function used is in all of them.
   No link-time dependency: a machine without libclang compiles .hone files just as well. */
#include "compiler/frontend/clang_api.h"
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>

static void *open_library(void) {
  char name[3][64];
  for (int v = 22; v >= 17; v--) {
    snprintf(name[0], sizeof name[0], "libclang-%d.so.%d", v, v);
    snprintf(name[1], sizeof name[1], "libclang-%d.so.1", v);
    snprintf(name[2], sizeof name[2], "/usr/lib/llvm-%d/lib/libclang.so.1", v);
    for (int i = 0; i < 3; i++) {
      void *h = dlopen(name[i], RTLD_LAZY | RTLD_LOCAL);
      if (h) return h;
    }
  }
  return NULL;
}

static bool fill(struct clang_api *t, void *h) {
#define F(name)                                                                                                        \
  *(void **)&t->name = dlsym(h, "clang_" #name);                                                                       \
  if (!t->name) return false;
  CLANG_FUNCTIONS(F)
#undef F
  return true;
}

const struct clang_api *clang_api_load(void) {
  static struct clang_api table;
  static bool loaded;
  if (loaded) return &table;
  void *h = open_library();
  if (!h) return NULL;
  loaded = fill(&table, h);
  return loaded ? &table : NULL;
}
