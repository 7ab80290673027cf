/* Calling the functions of a C file whose parameters are only known at run time: a generated C file has one function for each that takes all arguments from arrays,
   by parameter of the SOURCE function (fields of structures and results included). For the tests and the bench program. */
#ifndef HONE_TESTS_SOURCE_CALL_H
#define HONE_TESTS_SOURCE_CALL_H
#include "compiler/frontend/spec.h"
#include "ir/loop.h"
#include <stdio.h>

/* [parameter]: values of dims, of scalars, and pointers. Not re-entrant where the function takes structures. */
typedef void call_fn(const int64_t *dim, const union value *scalar, void **data);

void call_write(FILE *f, const struct lfunc *fn, unsigned i); /* `hone_call_I`; the function and `union value` are declared before */
/* A whole file around an object made of the C file `path`, with its prototypes in `header`. */
void call_write_file(FILE *f, const char *path, const char *header, const struct spec *s);
call_fn *call_find(void *h, unsigned i);         /* of what dlopen gave; NULL: not there */
bool call_is_index(const struct param *q);       /* an array of subscripts, by what people call them */
/* Does the parameter lie in a structure that is passed by value? Nobody sees what becomes of it. */
bool call_is_copy(const struct lfunc *fn, unsigned p);
#endif
