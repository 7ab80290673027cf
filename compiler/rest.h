/* What hone leaves of a C file, made by the C compiler: with it, an object holds everything that the file defines. */
#ifndef HONE_COMPILER_REST_H
#define HONE_COMPILER_REST_H
#include "compiler/hone.h"
/* Joins h's functions (object: what emit_module made of them; empty when there are none) with the rest of the file, made by opts.rest; the result takes the place of
   object. Calls inside of the file reach hone's functions. ST_USAGE: not a C file, or a command that is none; ST_ENV: the C compiler failed (it says why itself). */
enum status rest_join(struct hone *h, struct buf *object);
#endif
