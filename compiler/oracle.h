/* A second opinion on what a C function means: the system's C compiler. */
#ifndef HONE_COMPILER_ORACLE_H
#define HONE_COMPILER_ORACLE_H
#include "compiler/hone.h"
/* Candidates are checked against the specification as hone understood it; this checks the understanding: the function of the C file at path, compiled by `cc`, runs on
   one set of inputs and must give what the interpreter gives, within the bound. ST_INTERNAL, diagnosed, when it does not. ST_OK also when nothing can be said: a GPU, no C
   file, a part of a function, arguments that are not the C function's own, no compiler, a dim without a value, too much work for code that nobody tuned, or code that
   cannot be loaded or does not end. */
enum status oracle_check(struct hone *h, const char *path, const struct spec_fn *fn, const char *dims, const struct tune_opts *o);
#endif
