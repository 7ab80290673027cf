/* Frontends: spec text -> kernels. One file and one row in frontends.def each. */
#ifndef HONE_COMPILER_FRONTEND_H
#define HONE_COMPILER_FRONTEND_H
#include "compiler/frontend/spec.h"
struct frontend {
  const char *name, *suffixes;   /* ".c .h" */
  enum status (*read)(struct arena *a, struct diag *d, const struct spec_input *in, struct spec *out);
};
const struct frontend *frontend_for(const char *path);   /* by suffix; NULL: unknown */
#endif
