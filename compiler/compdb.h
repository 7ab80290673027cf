/* compile_commands.json, as build systems write it. */
#ifndef HONE_COMPILER_COMPDB_H
#define HONE_COMPILER_COMPDB_H
#include "ir/diag.h"
#include "ir/status.h"
struct compdb_flags {
  unsigned n;
  const char **flag; /* for the C frontend */
  const char *path;  /* of the JSON file */
};
/* Options of the first command for `file` (compared as files, not as text). path: the JSON file or the folder it stands in.
   ST_ENV: it cannot be read; ST_REFUSED: it is no such file, or says nothing of `file`. Diagnosed. */
enum status compdb_find(struct arena *a, struct diag *d, const char *path, const char *file, struct compdb_flags *out);
#endif
