/* The system's C compiler, run in a temporary folder of ours: for what a kernel is compared with (peer.c), and for what
   hone leaves to it (rest.c). */
#ifndef HONE_COMPILER_CC_H
#define HONE_COMPILER_CC_H
#include "ir/arena.h"
#include "ir/buf.h"
#include <stdbool.h>
/* A new folder, in arena memory; NULL: there is no room for one. cc_folder_end removes it with the files named. */
const char *cc_folder(struct arena *a);
void cc_folder_end(const char *folder, const char *const *file, unsigned n);
/* Runs argv (NULL at the end) with nothing to read; true: it ended with 0. quiet: what it says is thrown away. */
bool cc_run(const char *const *argv, bool quiet);
/* Whole files; false: they cannot be written or read, or are empty. */
bool cc_write(const char *path, const struct buf *text);
bool cc_read(const char *path, struct buf *out);
#endif
