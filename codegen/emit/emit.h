/* LOOP -> LLVM -> object. */
#ifndef HONE_CODEGEN_EMIT_H
#define HONE_CODEGEN_EMIT_H
#include "ir/loop.h"
#include "codegen/emit/ptxas.h"
#include "codegen/target/target.h"

struct emit_variant {
  struct lfunc *f;             /* what its kernel assumes beyond the entry's kernel is a condition, too */
  const bool *has;             /* [k->nsym] dims that must have exactly value[] for this variant to be picked at entry */
  const int64_t *value;
};
/* One exported function: entry(args) checks and picks. Order of tests: overlap or failed assumption -> source; each variant in turn; else general (plain: source).
   source == NULL: the checks are not made (a .hone spec, whose contract forbids overlap). */
struct emit_entry {
  const struct kernel *k;      /* symbol name and signature */
  struct lfunc *general;       /* right for all dims; may be NULL when source is there: then source runs always */
  struct lfunc *source;        /* the function as written; its origins give the C signature */
  unsigned nvariant;
  const struct emit_variant *variant;
  bool plain;                  /* where no variant fits source runs, not general: it is no slower */
  bool internal;               /* a part of another function */
  unsigned npart;              /* of source: struct subfunc names them by their kernels */
  const struct emit_entry *part;
};
struct emit_times { double ir, object; }; /* seconds of processor time: building LLVM IR, turning it into the output */
enum emit_kind { EMIT_OBJ, EMIT_ASM, EMIT_LLVM, EMIT_PACKAGE }; /* PACKAGE: of a GPU, one entry's general form (runtime/abi.h: hone_cuda_package) */
struct emit_files { unsigned n, main; const char *const *name; }; /* names of source files by the number in struct loc, as line tables spell them */
struct emit_opts {
  enum emit_kind kind;
  const struct emit_files *files; /* line tables are made; NULL: none */
  bool call_stub;              /* also emit `void NAME__hone_call(void *const *args)` (runtime/abi.h) */
  bool pic;                    /* always true for shipped objects */
  struct emit_times *times;    /* where the time went, in this process; may be NULL */
  const char *ptxas;           /* of a GPU: assemble the kernels with it and put the cubin beside the PTX; NULL: leave that to the driver */
  struct ptxas_result *assembled; /* EMIT_PACKAGE, not forked: what ptxas said; may be NULL */
};
/* Emits n entries as one module. In a forked child when `forked`: an abort inside LLVM or a time-out is ST_INFEASIBLE with *why (arena), never our end.
   Same input, same bytes. */
enum status emit_module(struct arena *a, const struct emit_entry *e, unsigned n, const struct target *t, const struct emit_opts *o, bool forked,
                        struct buf *out, const char **why);
/* For a process forked to call emit_module (not forked) many times: its memory is limited, LLVM is ready and warm, and what LLVM aborts with goes to `fatal`,
   which does not return. A crash still ends the process. */
void emit_child_begin(const struct target *t, void (*fatal)(const char *reason));
/* C header with prototypes, shapes in comments, include guard, extern "C". */
void emit_header(struct buf *out, const struct emit_entry *e, unsigned n, const char *guard, bool gpu);
const char *emit_llvm_version(void);
#endif
