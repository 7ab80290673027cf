/* What a frontend delivers. */
#ifndef HONE_COMPILER_SPEC_H
#define HONE_COMPILER_SPEC_H
#include "ir/tensor.h"
#include "ir/source.h"
struct spec_input {
  const char *path;              /* for messages; "-" is standard input */
  const char *text; size_t len;  /* whole contents */
  uint16_t file;                 /* diag_file number */
  unsigned nflag; const char *const *flag;   /* -I -D -isystem -std= --target=, in order, for the C frontend */
  const char *only;              /* "f,g" or NULL: all external functions; those with internal linkage only when named, or for rest */
  bool rest;                     /* another compiler makes what is refused: that is a warning, and there may be no function at all */
  bool openmp;                   /* and it is asked for OpenMP */
};
/* A loop of a function that is refused, as a function of its own (with spec_input.rest): in the C compiler's copy of the file, `call` stands for text [from, to). */
struct spec_loop { size_t from, to; const char *call; };
struct spec_fn {
  const struct spec_loop *loop;  /* NULL: it is a function of the file */
  struct source *source;         /* the function exactly; NULL for .hone */
  struct kernel *k;              /* raised equations; NULL: compile from SOURCE (the reason was diagnosed as a warning) */
  bool is_part;
  unsigned npart;                /* k == NULL: what of it is raised all the same, in the order of source->f->part */
  struct spec_fn *part;
};
/* A function that SOURCE has no words for; diagnosed as an error (with spec_input.rest: as a warning). */
struct spec_refused { const char *name, *why; struct loc loc; };
/* A function among fn that only its file sees: with spec_input.rest, whose calls must reach it. at: where the word `static` stands in the text. */
struct spec_static { const char *name; unsigned n; size_t *at; };
/* What such a variable is called for objects other than its own: with spec_input.rest, the C compiler's code has that name for it as well. */
#define SPEC_HIDDEN "hone_static_"
struct spec {
  unsigned n; struct spec_fn *fn;
  unsigned nrefused; struct spec_refused *refused;
  unsigned nstatic; struct spec_static *static_;
  unsigned nhidden; const char **hidden;  /* variables that only the file sees and functions among fn use, by another name: see SPEC_HIDDEN */
  unsigned ndep; const char **dep;  /* files read, for the depfile */
};
#endif
