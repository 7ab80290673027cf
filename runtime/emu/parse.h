/* What the files of the parser share. An error leaves through longjmp: everything allocated is the module's. */
#ifndef HONE_RUNTIME_EMU_PARSE_H
#define HONE_RUNTIME_EMU_PARSE_H

#include "runtime/emu/ptx.h"
#include <setjmp.h>

enum { SCOPE_DEPTH = 64, SYM_BUCKETS = 4096 };

enum sym_kind { SYM_REG, SYM_FAMILY, SYM_VAR, SYM_LABEL };
struct sym {
  struct slice name;
  struct sym *next;  /* of the bucket */
  struct sym *older; /* of the scope */
  enum sym_kind kind;
  enum emu_type type;
  uint32_t slot;   /* SYM_REG */
  uint32_t count;  /* SYM_FAMILY */
  uint32_t *slots; /* SYM_FAMILY: those in use, else 0 */
  int depth;
  uint8_t space;               /* SYM_VAR */
  bool dynamic;                /* SYM_VAR: extern shared */
  const struct kernel *placed; /* SYM_VAR in shared memory: has its address in this kernel */
  uint64_t addr;               /* SYM_VAR; SYM_LABEL: pc */
  uint64_t size, align;
};

struct konst {
  uint64_t val;
  struct sym *sym; /* address known at the end of the kernel */
  uint32_t next;   /* of the bucket */
};

/* A use of a label before all labels of its scope are known. */
struct label_use {
  uint32_t pc, index; /* index: NO_PC for target, else in v */
  struct slice name;
  uint32_t line, col;
};

struct list_targets {
  struct slice name;
  struct slice *label;
  uint32_t n;
  struct list_targets *next;
};

struct parse {
  struct lex l;
  struct emu_module *m;
  struct emu_error *err;
  jmp_buf fail;
  struct sym *bucket[SYM_BUCKETS];
  struct sym *scope[SCOPE_DEPTH];
  uint32_t scope_use[SCOPE_DEPTH]; /* first label use of the scope */
  int depth;
  uint32_t name_line, name_col; /* of the name taken last */
  /* of the kernel being read */
  struct kernel *k;
  struct ins *code;
  uint32_t ncode, cap_code;
  struct konst *konst;
  uint32_t nkonst, cap_konst, konst_bucket[1024];
  struct label_use *use;
  uint32_t nuse, cap_use;
  struct list_targets *targets;
  uint64_t shared, dyn_align, local;
  bool has_dynamic;
};

/* Ends the parse. */
_Noreturn void emu_parse_fail(struct parse *p, uint32_t line, uint32_t col, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
#define FAIL(p, ...)      emu_parse_fail(p, (p)->l.tline, (p)->l.tcol, __VA_ARGS__)
#define NAME_FAIL(p, ...) emu_parse_fail(p, (p)->name_line, (p)->name_col, __VA_ARGS__)

/* A copy of n*size bytes, grown to hold one more. */
void *emu_grow(struct parse *p, void *old, uint32_t n, uint32_t *cap, size_t size);
void emu_next(struct parse *p);
bool emu_punct(struct parse *p, char c); /* takes it if it is there */
void emu_expect(struct parse *p, char c);
bool emu_word(struct parse *p, const char *w); /* takes it if it is there */
struct slice emu_name(struct parse *p);
uint64_t emu_int(struct parse *p);

struct sym *emu_sym_find(struct parse *p, struct slice name);
/* The innermost scope only, an error if the name is there. */
struct sym *emu_sym_add(struct parse *p, struct slice name, enum sym_kind kind);
void emu_scope_open(struct parse *p);
void emu_scope_close(struct parse *p);
/* The type that a word like ".f32" names, TY_NONE: none. */
enum emu_type emu_type_of(struct slice word);

/* [.align n] .type name[dims] with its size; used for variables and parameters. */
struct var_decl {
  struct slice name;
  enum emu_type type;
  uint64_t align, elems, size;
  bool array, open; /* open: [] */
};
void emu_var_type(struct parse *p, struct var_decl *d);
void emu_var_name(struct parse *p, struct var_decl *d);
/* Variables after their space directive, up to the semicolon. */
void emu_variables(struct parse *p, uint8_t space, bool external);
/* { body } of p->k. */
void emu_body(struct parse *p);
/* Decodes the operands that were read into d->ins. */
void emu_decode_ins(struct parse *p, struct dec *d);
/* The kernel's constants, each in all lanes; NULL: out of memory. */
uint64_t (*emu_konst_pool(struct parse *p))[32];
uint32_t emu_konst_slot(struct parse *p, uint64_t val, struct sym *sym);

#endif
