/* PTX text and its decoded form. Leaves to machine.h what happens when it runs. Registers are slots of 32 lanes of 64
 * bits in a warp; immediates and addresses of variables are slots of the kernel's pool of constants, so that an
 * instruction finds all its operands in the same way. */
#ifndef HONE_RUNTIME_EMU_PTX_H
#define HONE_RUNTIME_EMU_PTX_H

#include "runtime/emu/emu.h"

enum emu_type {
  TY_NONE,
#define X(N, text, bits, cls) TY_##N,
#include "runtime/emu/types.def"
#undef X
  TY_COUNT
};
enum emu_type_class { TC_P, TC_B, TC_U, TC_S, TC_F, TC_N };

enum emu_space { SP_GENERIC, SP_GLOBAL, SP_SHARED, SP_CLUSTER, SP_LOCAL, SP_CONST, SP_PARAM };

enum emu_sreg {
#define X(N, text, bits) SR_##N,
#include "runtime/emu/sregs.def"
#undef X
  SR_COUNT
};

/* A part of the text. */
struct slice {
  const char *s;
  uint32_t n;
};

enum tok { T_END, T_WORD, T_INT, T_F32, T_F64, T_STRING, T_PUNCT };
struct lex {
  const char *p, *end, *bol; /* bol: begin of the line */
  uint32_t line;
  enum tok tok;
  struct slice text;
  uint64_t val; /* of T_INT; bits of T_F32 and T_F64; the character of T_PUNCT */
  uint32_t tline, tcol;
  bool bad; /* the token is malformed */
};
/* Starts before the first token; emu_lex_next() makes the next one current. */
void emu_lex_init(struct lex *l, const char *text, size_t len);
void emu_lex_next(struct lex *l);
bool emu_slice_is(struct slice a, const char *b);

struct warp;
struct ins;
/* Runs an instruction in the lanes of mask. */
enum step { STEP_NEXT, STEP_WAIT, STEP_FAULT };
typedef enum step emu_exec(struct warp *w, const struct ins *i, uint32_t mask);

enum ins_kind { K_PLAIN, K_BRANCH, K_BRX, K_EXIT };

#define SLOT_KONST 0x80000000u
#define NO_PC      0xffffffffu

struct ins {
  emu_exec *fn;
  uint32_t s[6];     /* slots, destinations first */
  const uint32_t *v; /* more slots, or targets of K_BRX */
  uint32_t nv;
  uint32_t m; /* modifiers, by instruction */
  uint32_t imm[3];
  int64_t off; /* of the address operand */
  uint32_t guard;
  uint32_t target, reconv; /* K_BRANCH; reconv: pc where the lanes meet again, NO_PC: only at their end */
  uint32_t line;
  uint8_t kind, cls, ty, ty2, space, size; /* size: bytes of a lane's access */
  bool guarded, guard_not, aligned, clock;
};

struct param {
  struct slice name;
  uint32_t off, size, align;
};

struct kernel {
  char *name;
  struct ins *code;
  uint32_t ncode;
  uint32_t nslot;
  uint64_t (*konst)[32];
  uint32_t nkonst;
  struct param *param;
  int nparam;
  uint32_t param_bytes;
  uint32_t shared_static, shared_dynamic; /* bytes of static shared variables; offset of the dynamic one */
  uint32_t local_bytes;
  uint32_t reqntid[3], maxntid[3], cluster[3], maxnreg;
  bool explicit_cluster;
  uint32_t sreg[SR_COUNT]; /* slots, 0: not used */
  struct kernel *next;
};

struct emu_var {
  struct slice name;
  uint64_t addr, size;
  struct emu_var *next;
};

struct chunk;
struct emu_module {
  struct emu *dev;
  struct chunk *chunks; /* all of the module's memory but konst arrays */
  struct kernel *kernels;
  struct emu_var *vars;
  uint8_t *constant; /* .const variables */
  uint32_t constant_bytes;
  uint32_t sm; /* 90 of sm_90a */
  char *text;  /* own copy: slices point into it */
};

/* Zeroed memory that lives as long as the module. */
void *emu_keep(struct emu_module *m, size_t bytes);

/* Windows of the generic address space. Shared memory of block r of the cluster is at its own window + (r+1) << 24, the
 * own one also at r = -1. */
#define WIN_SHARED ((uint64_t)1 << 48)
#define WIN_LOCAL  ((uint64_t)2 << 48)
#define WIN_PARAM  ((uint64_t)3 << 48)
#define WIN_CONST  ((uint64_t)4 << 48)
#define WIN_SIZE   ((uint64_t)1 << 32)
/* Shared memory starts here, as on the device: an address of zero is not valid. */
#define SHARED_BASE  1024u
#define CLUSTER_STEP 24

uint32_t emu_type_bits(enum emu_type t);
enum emu_type_class emu_type_class(enum emu_type t);
const char *emu_type_name(enum emu_type t);

/* ---- operands and the decoder of one instruction ---- */

enum opnd_kind { O_REG, O_INT, O_FLOAT, O_VAR, O_VEC, O_ADDR, O_LABEL, O_SINK };
struct opnd {
  enum opnd_kind kind;
  bool neg;         /* '!' or '-' before it */
  uint32_t slot;    /* O_REG, base of O_ADDR */
  uint32_t bits;    /* width of the register */
  bool pred;        /* predicate register */
  uint64_t val;     /* O_INT; bits of O_FLOAT, as many as bits says */
  int64_t off;      /* O_ADDR */
  uint8_t space;    /* O_VAR, O_ADDR of a variable: where it lives; else SP_GENERIC */
  struct opnd *vec; /* O_VEC; coordinates of O_ADDR */
  uint32_t nvec;
  struct opnd *pair;  /* after '|' */
  struct slice label; /* O_LABEL */
  uint32_t line, col;
};

enum { MAX_OPNDS = 16, MAX_MODS = 24 };
struct parse;
struct dec {
  struct parse *p;
  struct slice name; /* opcode without modifiers */
  struct slice mod[MAX_MODS];
  bool used[MAX_MODS];
  uint32_t nmod;
  struct opnd op[MAX_OPNDS];
  uint32_t nop;
  uint32_t line, col;
  struct ins *ins;
};

/* Ends the parse with a message about the instruction, a modifier or an operand. */
_Noreturn void emu_dec_fail(struct dec *d, uint32_t line, uint32_t col, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Takes the modifier if it is there. */
bool emu_take(struct dec *d, const char *mod);
/* Takes the first modifier of a NULL-ended list; its index or -1. */
int emu_take_one(struct dec *d, const char *const *mods);
/* Takes the next modifier that is a type; TY_NONE if there is none. */
enum emu_type emu_take_type(struct dec *d);
/* The same, and an error where there is none. */
enum emu_type emu_need_type(struct dec *d);
/* Takes all modifiers with that prefix. */
void emu_take_prefix(struct dec *d, const char *prefix);
/* An error unless there are n operands. */
void emu_need_ops(struct dec *d, uint32_t least, uint32_t most);
/* The slot of operand k as a source or destination of a type (as an instruction without relaxed widths). */
uint32_t emu_src(struct dec *d, const struct opnd *o, enum emu_type t);
uint32_t emu_dst(struct dec *d, const struct opnd *o, enum emu_type t);
/* The same for registers of at least the type's width (ld, st, cvt). bits: width of the register. */
uint32_t emu_src_wide(struct dec *d, const struct opnd *o, enum emu_type t, uint32_t *bits);
uint32_t emu_dst_wide(struct dec *d, const struct opnd *o, enum emu_type t, uint32_t *bits);
/* Slot of the base of an address operand; its offset goes to the instruction's off. Where the instruction's space is
 * generic and the operand names a variable, the space becomes that of the variable. */
uint32_t emu_src_addr(struct dec *d, const struct opnd *o);
/* A predicate; neg: it is to be inverted. */
uint32_t emu_src_pred(struct dec *d, const struct opnd *o, bool *neg);
/* An immediate integer. */
uint64_t emu_src_imm(struct dec *d, const struct opnd *o);
/* Slot of a constant. */
uint32_t emu_konst(struct dec *d, uint64_t value);
/* Slots of a vector operand of exactly n (0: any) elements. */
const uint32_t *emu_vec(struct dec *d, const struct opnd *o, uint32_t n, enum emu_type t, bool dst);
/* Room for n numbers that the instruction keeps. */
uint32_t *emu_dec_list(struct dec *d, uint32_t n);
/* A label: the instruction's target, or element index of its v. */
void emu_dec_label(struct dec *d, const struct slice *label, uint32_t index);
/* The labels of a .branchtargets list. */
const struct slice *emu_dec_targets(struct dec *d, const struct opnd *o, uint32_t *n);
/* sm number of the module's target. */
uint32_t emu_dec_sm(const struct dec *d);

/* Decoders by opcode: fill d->ins; an unused modifier is an error afterwards. */
typedef void emu_decode(struct dec *d);
struct emu_opcode {
  const char *name;
  emu_decode *decode;
  uint8_t cls;
};
/* NULL: not known. */
const struct emu_opcode *emu_opcode_find(struct slice name);
#define X(name, fn, cls) emu_decode fn;
#include "runtime/emu/opcodes.def"
#undef X

/* Sets reconv of all branches. */
void emu_reconverge(struct emu_module *m, struct kernel *k);

struct emu_module *emu_parse(struct emu *dev, const char *text, size_t len, struct emu_error *err);
void emu_module_free(struct emu_module *m);

#endif
