/* The C frontend inside its child process: clang's tree -> SOURCE. Shared by c_*.c only.

   A function is lowered several times. The first walks take every integer parameter for a dim; the last one only those that were found in a bound, a subscript or an extent
   (a flag or a shift count stays a plain scalar). They also find the local integers that bounds and subscripts need and that are no polynomials (`hs = C / NH`): in the walks
   that follow, their values are symbols (L_LET). Integer values that are polynomials of dims and loop variables are carried as such next to their C type, so that
   subscripts come out affine without any pattern matching; `known` tracks them through local variables. */
#ifndef HONE_COMPILER_C_LOWER_H
#define HONE_COMPILER_C_LOWER_H
#include "compiler/frontend/clang_api.h"
#include "ir/source.h"
#include <setjmp.h>

/* Where a pointer points: element ix[] of an object; pointer arithmetic moves ix[at], dims behind `at` belong to the pointee. */
struct choice;
struct cptr {
  uint16_t obj;
  uint8_t type, rank, at;
  struct subscript *ix;              /* [rank]; NULL: pointer is not known here */
  const struct choice *or;           /* c ? p : q: the other one, and when it is this one; NULL: no choice */
};

/* CV_ARRAY: an lvalue of array type, not yet decayed; CV_RECORD: a structure that a parameter points to (its lvalue, or the pointer);
   CV_REF: a local scalar as an lvalue, or its address; CV_STRUCT: a structure by value, or a local one and its address */
enum ckind { CV_VOID, CV_NUM, CV_PTR, CV_ARRAY, CV_RECORD, CV_REF, CV_STRUCT };
struct layout;

/* A C value. Numbers: e, or p, or both. For a comparison the C type is int and e has type bool. */
struct cval {
  uint8_t kind, type;                /* enum ckind; enum dtype of the C type */
  bool exact;                        /* p is the value itself, not only the value modulo 2^64 */
  uint8_t npos, nneg;
  poly_t p;                          /* integer polynomial, or NULL */
  expr_t e;                          /* may be NULL when p is set */
  const poly_t *pos, *neg;           /* conditions: true iff all pos >= 0; false iff all neg >= 0; NULL: not of that form */
  struct cptr ptr;
  uint16_t arg;                      /* CV_RECORD: position of the parameter, and how far behind it; CV_REF: number of the variable */
  int64_t offset;
  CXCursor of;                       /* CV_REF, CV_STRUCT in a VAR_REF: the variable's declaration */
  const struct layout *layout;       /* CV_STRUCT */
  const struct cval *leaf;           /* [layout->n] its values; NULL: those of the variables from number `arg` on */
};

/* The numbers that a structure consists of. */
enum { MAX_LEAVES = 64 };
struct layout {
  unsigned n;
  bool united;                       /* a union: the same bytes as numbers of several types */
  struct { int64_t offset; uint8_t type; const char *name; } leaf[MAX_LEAVES];
};

struct choice { struct cval when; struct cptr other; };

enum cvkind { VAR_SCALAR, VAR_VALUE, VAR_POINTER, VAR_ARRAY, VAR_RECORD, VAR_REF /* a pointer to a local */, VAR_STRUCT };
struct cvar {
  CXCursor decl;
  const char *name;
  uint8_t kind, type;                /* type: of the scalar, or of the elements */
  uint16_t id;                       /* VAR_SCALAR: local; VAR_ARRAY: object */
  poly_t known;                      /* VAR_SCALAR of integer type: its value here, NULL: not known */
  bool known_exact;
  struct cval value;                 /* VAR_VALUE (parameters, also of inlined helpers), VAR_RECORD, VAR_REF, VAR_STRUCT */
  struct cptr ptr;                   /* VAR_POINTER: where it points, as far as that is known here */
  struct cptr home;                  /* VAR_POINTER that is assigned: the same with local `id` as subscript `at`; ix NULL: not of that form */
  uint16_t twin;                     /* VAR_SCALAR in a union: the first one of */
  uint8_t twins;                     /* so many scalars that have the same bytes, 0: it is in none */
  bool home_read;                    /* `home` was needed: from now on it must stay right */
};

/* A candidate parameter: an argument of C's, a field of a structure, a question whether a pointer is NULL. */
struct cand {
  uint8_t how, type;                 /* enum origin_how */
  bool used, written;
  uint16_t from, param;              /* position in C's signature; ORIGIN_SELF: number of the parameter */
  int64_t offset;
  CXCursor decl;                     /* of the field */
  struct cval value;                 /* kind CV_VOID: left out of this walk */
};

/* Arrays of structures of several types: a pointer to one has obj OBJ_ROWS + position of the parameter, two subscripts, and stands
   for no object; each field is a tensor of its own, with a row for each structure. */
enum { OBJ_ROWS = 0xF000, MAX_ROWS = 32 };
enum { STOP_NONE = -1, STOP_SWITCH = -2, MAX_DERIVED = 256 };
enum { MAX_LOCALS = 2000 };          /* locals, and loops, of one function */
struct clist { unsigned n, cap; struct lstmt **s; };
struct kids { unsigned n; CXCursor *c; };

/* The statements that follow, innermost block first: what runs when control falls out of the current one. */
struct rest { struct kids s; unsigned next; const struct rest *outer; };

/* A loop of a function, as a function of its own (c_loops.c). place: the variable's address is passed, not its value. */
enum { MAX_PIECE_VARS = 48, LOOP_FUEL = 1500000 };
struct piece {
  const char *name;
  unsigned n;
  struct { CXCursor decl; bool place; } v[MAX_PIECE_VARS];
};

/* An integer in a variable outside of functions, at a constant place: `size[0]`. */
enum { MAX_CELLS = 32, CELL_RANK = 4 };
struct cell {
  uint16_t from;
  int64_t offset, ix[CELL_RANK];
};

enum { MAX_LEVELS = 32, MAX_REFS = 200, MAX_STAYS = 32, MAX_NUMBERS = 64, MAX_STATICS = 32 };
struct turned;
struct level { struct clist *around; unsigned first; }; /* an open loop: where it will stand, and the first symbol made in it */

struct cx {
  struct arena *a;
  const struct clang_api *cl;
  CXTranslationUnit tu;
  struct cout *out;
  bool rest;                         /* spec_input's: variables that only the file sees have names for others */
  bool openmp;                       /* spec_input's */
  const char *main_file;             /* as clang names it */
  const char *text;                  /* of the main file */
  size_t len;
  struct lfunc *f;
  struct kernel *k;
  struct cvar *var;
  unsigned nvar, capvar, refs;       /* refs: how many of them are VAR_REF */
  struct clist *cur;                 /* statements go here */
  bool *is_dim;                      /* [nparam] second walk: which integer parameters are dims; NULL: first walk */
  unsigned depth;                    /* recursion over the tree */
  unsigned inlined;                  /* depth of inlined helpers */
  unsigned loops;                    /* loops around the current statement */
  struct level level[MAX_LEVELS];    /* [loops] */
  unsigned ret_loops;                /* loops around the call whose body this is: `return` is understood there only */
  int ret_local;                     /* local that `return e` sets, -1: none */
  int ret_struct;                    /* variable that takes a structure that is returned, -1: none */
  int ret_obj;                       /* tensor that takes the function's result, -1: it is void */
  struct turned *turned;             /* the loop just lowered exchanged pointers; NULL: it did not */
  int done;                          /* local that is set once a `return` inside a loop was met, -1: there is none */
  int stop;                          /* local that `break` sets, STOP_SWITCH, or STOP_NONE */
  struct cand *cand;                 /* parameters and what may be derived from them, in one order for both walks */
  unsigned ncand, capcand;           /* of this walk so far; with room for */
  const bool *used;                  /* [ncand] second walk: by the first */
  const bool *written;
  struct origin *origin;             /* [MAX_DERIVED] by parameter */
  struct opaque *opaque;
  unsigned nopaque;
  unsigned nargs, nglobal;           /* arguments of C's; variables outside of functions, which origins count behind them */
  const char **arg_name;             /* [nargs] */
  const CXCursor *global, *used_as;  /* [nglobal] */
  const char **global_name;
  unsigned twice;                    /* how often the statements around were lowered twice already */
  struct clist entry;                /* L_LET of numbers over dims alone, at the function's entry */
  struct clist table;                /* L_ALLOC with its filling, of each constant array that is used */
  unsigned emitted, work;            /* statements: of this walk, of all walks */
  unsigned stack;                    /* bytes of SCOPE_STACK used */
  unsigned nstatic;                  /* static numbers seen as locals in this walk */
  struct { CXCursor decl; unsigned local; } static_[MAX_STATICS];
  CXCursor body;                     /* of the function being lowered */
  struct arena *whole;               /* memory that stays for all of the file */
  struct answer { CXCursor decl; bool yes; } *never; /* [nnever] what c_never_changes found */
  unsigned nnever, capnever;
  unsigned loop_fuel;                /* c_loops: nodes of the tree that may still be looked at in this file */
  const struct piece *piece;         /* what is lowered is a loop; NULL: a function */
  CXCursor at;                       /* statement being lowered, for locations of what has none */
  struct loc loc;                    /* of `at` */
  int64_t *lo, *hi;                  /* [nsym] constant bounds of symbols */
  bool *top;                         /* [nsym] set by an L_LET outside of all loops: as good as a dim */
  CXCursor *want;                    /* local integers whose values should be symbols; grows from walk to walk */
  unsigned nwant, capwant, nuse;     /* nuse: those of the walks before */
  unsigned nstays;
  struct { uint16_t from; int64_t offset; } stays[MAX_STAYS]; /* fields whose address is taken, found in this walk or before */
  unsigned ncell, nstored;           /* cells that bounds or subscripts need, found in this walk or before; variables outside that the walk before stores to */
  struct cell cell[MAX_CELLS], stored[MAX_CELLS];
  bool any_alias;                    /* -fno-strict-aliasing: a store of any type may change any number */
  bool stores_known;                 /* a walk came to its end, and the two below hold all that it stores to */
  uint32_t pointed;                  /* types (a bit for each enum dtype) that it stores through pointers */
  uint64_t numbers;                  /* parameters (by position) that are pointers to integers read at entry, in this walk */
  unsigned nnumber;                  /* integers there that bounds and subscripts need, found in this walk or before */
  struct { uint16_t from; int64_t ix; } number[MAX_NUMBERS];
  bool no_numbers;                   /* the function does something else with such a pointer */
  uint32_t rows;                     /* parameters (by position) that are such arrays: found in this walk or before */
  bool quotients, again;             /* subscripts have quotients (`w / 2`), which are symbols then; found in this walk */
  const char **base, **symbase;      /* names of locals and symbols as written, before they were made unique */
  const char *why, *why_file;        /* of the last refusal, and where */
  unsigned why_line, why_col;
  jmp_buf refused;
};

/* --- c_cursor.c: access to clang's tree --- */
struct kids c_kids(struct cx *x, CXCursor c);
struct loc c_loc(struct cx *x, CXCursor c);
const char *c_str(struct cx *x, CXString s);                       /* copied to the arena, disposed */
CXType c_type(struct cx *x, CXCursor c);                           /* canonical */
bool c_dtype(struct cx *x, CXType canonical, enum dtype *out);     /* arithmetic types hone knows */
enum dtype c_arith(struct cx *x, CXCursor at, CXType t);           /* ... or refuses */
bool c_is_pointer(CXType t);
bool c_is_array(CXType t);
CXCursor c_strip(struct cx *x, CXCursor c);                        /* without parentheses and implicit conversions */
bool c_same(struct cx *x, CXCursor a, CXCursor b);
bool c_constant(struct cx *x, CXCursor c, enum dtype t, union value *v);  /* clang's own evaluation, arithmetic types only */
bool c_is_expr(struct cx *x, CXCursor c);
unsigned c_offset(struct cx *x, CXSourceLocation at);               /* in the main file's text; UINT_MAX: elsewhere */
_Noreturn void c_refuse(struct cx *x, CXCursor at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void c_enter(struct cx *x, CXCursor at);                           /* bounds recursion */
void c_leave(struct cx *x);

/* --- c_record.c: structures --- */
/* Is t a structure of nothing but `*count` values of one type, side by side? It is seen as an array of them. */
bool c_uniform(struct cx *x, CXType canonical, enum dtype *e, int64_t *count);
bool c_element(struct cx *x, CXType canonical, enum dtype *e);     /* c_dtype, or the type inside such a structure */
void c_int_range(enum dtype t, int64_t *lo, int64_t *hi);          /* least and largest value (of 64 bits: what fits into int64_t) */
void c_record_fields(struct cx *x, CXCursor at, CXType record, uint16_t arg, int64_t base, const char *prefix);  /* as candidates */
struct cval c_member(struct cx *x, CXCursor c);                    /* s.f, p->f as an lvalue: CV_PTR, CV_ARRAY, CV_RECORD, or CV_NUM */
/* Field, or variable outside of functions, decl at `offset` behind what `from` stands for. False: it is not among the candidates. */
bool c_field(struct cx *x, uint16_t from, int64_t offset, CXCursor decl, struct cval *v);
void c_field_stays(struct cx *x, struct cval v);                    /* its address is taken: in the walks that follow it is no dim; the caller refuses */
void c_fields(struct cx *x, CXCursor decl, uint16_t from, const char *name); /* of a variable outside of functions, as candidates */
struct cval c_given(struct cx *x, CXCursor at, struct cval pointer); /* pointer != NULL */

/* --- c_outside.c: variables outside of functions that may change --- */
void c_globals(struct cx *x, CXCursor body);                         /* all that body speaks of, as candidates */
bool c_global(struct cx *x, CXCursor decl, struct cval *v);         /* as an lvalue; false: it cannot be used */
/* A number in such a variable that nothing in the function changes, as a symbol that is set at entry; false: it is no such number, or nobody wants that. */
bool c_cell(struct cx *x, struct cptr p, struct cval *v);
void c_want_cell(struct cx *x, expr_t read);                         /* in the walks that follow, if it can be */
void c_stores_find(struct cx *x);                                    /* behind a walk: what the function stores to */
void c_send_hidden(struct cx *x);                                    /* those of the function just lowered that only the file sees */

/* May a store of the walk before, through a pointer, change a number of this type? */
bool c_stores_reach(struct cx *x, enum dtype t);

/* --- c_number.c: integers that pointer parameters point to --- */
void c_want_number(struct cx *x, expr_t read);                       /* a bound or subscript needs it */
void c_numbers_find(struct cx *x);                                   /* behind a walk, and c_stores_find: which may be dims in the next one */
bool c_number_param(struct cx *x, CXCursor p, const char *name, uint16_t at); /* false: it is none */
bool c_number(struct cx *x, struct cval record, int64_t ix, struct cval *v); /* element ix of what it points to; false: it is none */
bool c_numbers_give_up(struct cx *x);                                /* a walk with some was refused: false when there were none */

/* --- c_rows.c: arrays of structures of several types --- */
bool c_is_row(struct cptr p);                                      /* a pointer into such an array */
void c_rows_wanted(struct cx *x, struct cval record);              /* its parameter is one, in the next walk; the caller refuses */
struct row_quals { bool is_const, is_restrict; };                   /* of the parameter */
void c_rows_fields(struct cx *x, CXCursor record, uint16_t arg, int64_t size, int64_t base, const char *prefix, struct row_quals q); /* as candidates */
struct cval c_row_member(struct cx *x, CXCursor c, CXCursor field, struct cval base);
struct cptr c_row_leaf(struct cx *x, CXCursor at, struct cval row, int64_t offset, enum dtype t); /* the number there */

/* --- c_struct.c: local structures, and those that functions pass and return --- */
struct cval c_struct_value(struct cx *x, CXCursor at, struct cval v, CXType t); /* of an element of an array, too */
struct cval c_struct_member(struct cx *x, CXCursor c, struct cval base, CXCursor field);
struct cval c_struct_list(struct cx *x, CXCursor list, CXType t);  /* {…} */
struct cval c_struct_assign(struct cx *x, CXCursor c);
struct cval c_struct_pick(struct cx *x, CXCursor c, struct cval cond, struct cval a, struct cval b);
unsigned c_struct_declare(struct cx *x, CXCursor decl, const char *name, CXType t, const struct cval *init); /* the variable's number */
void c_struct_set(struct cx *x, CXCursor at, struct cval place, struct cval v);

/* --- c_value.c: arithmetic on values --- */
struct cval cv_expr(expr_t e, enum dtype t);
struct cval cv_poly(struct cx *x, poly_t p, enum dtype t, bool exact);
struct cval cv_const(struct cx *x, enum dtype t, union value v);
expr_t cv_get(struct cx *x, struct cval v);                        /* an expression of exactly type v.type */
expr_t cv_bool(struct cx *x, struct cval v);                       /* v != 0 */
struct cval cv_convert(struct cx *x, struct cval v, enum dtype to);
struct cval cv_binary(struct cx *x, enum op o, struct cval l, struct cval r);   /* arithmetic: both of one type (shifts: of the left's) */
struct cval cv_compare(struct cx *x, enum op o, struct cval l, struct cval r);  /* int, as bool */
struct cval cv_truth(struct cx *x, struct cval v);                 /* v as a condition: pos, neg, e of type bool */
struct cval cv_not(struct cx *x, struct cval v);
struct cval cv_and(struct cx *x, struct cval l, struct cval r);
struct cval cv_or(struct cx *x, struct cval l, struct cval r);
enum dtype cv_promote(enum dtype t);
enum dtype cv_usual(enum dtype l, enum dtype r);
bool cv_nonneg(struct cx *x, poly_t p);
bool cv_fits(struct cx *x, poly_t p, enum dtype t);                /* t holds p without wrapping: signed types do, for overflow does not happen */
bool cv_is_number(struct cval v);                                  /* p is its value, or that modulo 2^64: good for addresses */
bool cv_over_dims(struct cx *x, poly_t p);                         /* no counters, no numbers set in loops */
void cv_want_quotients(struct cx *x, expr_t e);                    /* quotients in e should be symbols */
struct subscript cv_subscript(struct cx *x, struct cval v);
struct cptr cv_move(struct cx *x, struct cptr p, struct subscript by);          /* p + by */

/* --- c_var.c: variables --- */
struct cvar *cvar_find(struct cx *x, CXCursor decl);
struct cvar *cvar_add(struct cx *x, CXCursor decl, const char *name, enum cvkind k, enum dtype t);
void c_pointer_var(struct cx *x, CXCursor at, struct cvar *v, bool assigned, struct cptr value); /* its first value; ix NULL: none yet */
unsigned c_assignments(struct cx *x, CXCursor tree, CXCursor decl); /* places in tree that change it */
bool c_assigned_in_function(struct cx *x, CXCursor decl);
const char *c_unique(struct cx *x, const char *name);              /* a name no parameter, symbol, local or object has */
void c_want(struct cx *x, expr_t e);                               /* the locals in e should be symbols */
poly_t c_entry_let(struct cx *x, const char *name, expr_t value);  /* a number over dims alone, not negative, as a symbol that is set at entry */
poly_t c_let(struct cx *x, struct clist *where, const char *name, expr_t value, struct loc loc); /* a number as a symbol, set there */
/* An operation on l and r as a symbol that is set outside of the loops on which these do not depend; NULL: there are none. */
poly_t c_outer_let(struct cx *x, const char *name, expr_t value, poly_t l, poly_t r);
void c_forget_since(struct cx *x, unsigned first);                 /* values that use symbols from number `first` on: their block ends */
bool c_known_start(struct cx *x, struct cvar *v, CXCursor at);     /* v->known, by an L_LET here if need be; false: not to be had in this walk */
expr_t c_local(struct cx *x, unsigned id);
unsigned c_temp(struct cx *x, const char *name, enum dtype t);
sym_t c_new_sym(struct cx *x, const char *name, int64_t lo, int64_t hi);
void c_forget_assigned(struct cx *x, CXCursor tree);               /* nothing is known any more of what `tree` assigns */
bool c_assigns(struct cx *x, CXCursor tree, CXCursor decl);
struct known { unsigned n; struct cvar *v; };                      /* what is known now, to go back to it for the other branch */
struct known c_known_save(struct cx *x);
void c_known_restore(struct cx *x, struct known k);

/* --- c_expr.c, c_assign.c, c_cond.c, c_call.c --- */
struct cval c_expr(struct cx *x, CXCursor c);                      /* as an rvalue; side effects go to x->cur */
struct cval c_cond(struct cx *x, CXCursor c);                      /* as a condition */
struct cval c_lvalue(struct cx *x, CXCursor c, struct cvar **var); /* *var set: a scalar variable; else CV_PTR to the element, or CV_ARRAY */
struct cval c_load(struct cx *x, CXCursor at, struct cptr p);
struct cval c_read_var(struct cx *x, CXCursor at, struct cvar *v);
void c_write_var(struct cx *x, CXCursor at, struct cvar *v, struct cval value);
struct cval c_assign(struct cx *x, CXCursor c);                    /* =, op=, ++, --; the value of the expression */
struct cval c_crement(struct cx *x, CXCursor c, bool plus, bool post);
struct cval c_logical(struct cx *x, CXCursor c);                   /* && and || */
struct cval c_ternary(struct cx *x, CXCursor c);
void c_if_lists(struct cx *x, struct cval cond, struct clist *then, struct clist *els);  /* emits the L_IF, turned round where that gives guards */
struct cval c_load_choice(struct cx *x, CXCursor at, struct cptr p); /* p.or is set */
struct cval c_pick_pointer(struct cx *x, CXCursor at, struct cval cond, struct cval a, struct cval b);
bool c_pointers_related(struct cx *x, struct cptr a, struct cptr b); /* do they differ in one subscript only? */
struct cval c_pointer_at(struct cx *x, struct cptr p);             /* that subscript, as ptrdiff_t */
struct cptr c_freeze(struct cx *x, CXCursor at, struct cptr p);    /* with subscripts evaluated now, into locals */
struct cval c_call(struct cx *x, CXCursor c);
enum op c_binop(enum CXBinaryOperatorKind k);                      /* OP_COUNT: not an arithmetic operator */

/* --- c_stmt.c, c_for.c, c_local.c --- */
void c_emit(struct cx *x, struct lstmt *s);
struct lstmt *c_block(struct cx *x, struct clist *l);              /* the list as a statement */
void c_effect(struct cx *x, CXCursor e);                           /* an expression whose value nobody reads */
void c_stmt(struct cx *x, CXCursor s);                             /* one statement with nothing behind it */
void c_stmts(struct cx *x, const struct rest *r);
void c_for(struct cx *x, CXCursor s);
void c_while(struct cx *x, CXCursor s);
void c_do(struct cx *x, CXCursor s);
/* Local declaration. An array opens its L_ALLOC; the rest of the block is lowered inside it by the callback. */
/* A constant array outside the function, made a local one that is filled at entry; NULL: it is not one. */
struct cvar *c_const_array(struct cx *x, CXCursor decl);
struct cval c_array_literal(struct cx *x, CXCursor c);             /* (const T[]){…} likewise, as an lvalue */
struct lstmt *c_with_tables(struct cx *x, struct lstmt *body);     /* body inside those arrays */
bool c_has_jump(struct cx *x, CXCursor s);                         /* s may leave what is around it: continue, break, return */
bool c_has_return(struct cx *x, CXCursor s);                       /* anywhere inside */
bool c_has_break(struct cx *x, CXCursor body);                     /* of the loop whose body this is */
void c_open_done(struct cx *x, CXCursor body);                     /* a local for `return` inside loops, where body has one */
struct lstmt *c_unless_left(struct cx *x, struct clist *l);        /* l, unless break or return was met */
void c_check_statics(struct cx *x);                                 /* behind a walk: refuses static numbers that keep a value between calls */
bool c_declare(struct cx *x, CXCursor decl_stmt, const struct rest *behind);

/* --- c_global.c --- */
bool c_never_changes(struct cx *x, CXCursor decl);                 /* a variable outside of functions: const, or static and only read */
bool c_global_number(struct cx *x, CXCursor decl, enum dtype t, union value *v); /* such a number */

/* --- c_math.c --- */
bool c_math_call(struct cx *x, CXCursor c, const char *name, struct cval *out); /* false: another function */
bool c_small(expr_t e);                                            /* may stand in several places */

/* --- c_memory.c --- */
bool c_memory_call(struct cx *x, CXCursor c, const char *name);    /* memset, memcpy as loops; false: another function */
bool c_has_bits(enum dtype t);                                     /* integers, f32, f64: may be seen as others of the same size */
struct cval c_bits(struct cx *x, CXCursor at, struct cval v, enum dtype to); /* a number of the same bytes */
bool c_free_call(struct cx *x, CXCursor c, const char *name);       /* free() of an array of the function's own, which ends with its block anyway */
poly_t c_elements(struct cx *x, struct cval bytes, enum dtype t);  /* in so many bytes; NULL: no polynomial, or not whole elements */

/* --- c_decl.c, c_dims.c --- */
const char *c_header_text(struct cx *x, CXCursor p, const char *name);   /* the parameter as a header declares it; NULL: its type has a name of the file */
struct cand *c_candidate(struct cx *x, enum origin_how how, uint16_t from, int64_t offset, enum dtype t);
bool c_left_out(struct cx *x, unsigned cand);                      /* second walk: nothing used it */
void c_derived_dim(struct cx *x, struct cand *c, const char *name, int64_t lo, int64_t hi);
void c_derived_tensor(struct cx *x, struct cand *c, const char *name, unsigned rank, const poly_t *extent, bool is_const);
struct cextra { const char *ctype; bool is_const, is_restrict, flat; struct loc loc; };
void c_signature(struct cx *x, CXCursor fn, CXCursor body);       /* x->k, x->f and the parameters' variables */
void c_leave_places(struct cx *x);                                 /* behind the body of a piece: numbers that it set go where they are passed */
/* Size expressions of an array declaration as polynomials (NULL where they are none), innermost dimension first. Returns how many. */
unsigned c_sizes(struct cx *x, CXCursor decl, poly_t *out, unsigned max);
void c_dims_used(const struct lfunc *f, bool *used);               /* [nparam] dims in bounds, subscripts, extents, guards on indices */
void c_drop_dead_lets(struct cx *x);
void c_drop_dead_locals(struct cx *x);
void c_roles(struct cx *x);                                        /* tensors: in, or inout when written */
struct lfunc *c_function(struct cx *x, CXCursor fn);               /* NULL: refused, see x->why. With x->piece: fn is the loop */
/* --- c_loops.c --- */
void c_loops(struct cx *x, CXCursor fn, const char *name);         /* sends loops of a function that was refused, each as a function; needs x->rest */
bool c_is_small(const struct lfunc *f); /* a few iterations of known number: the C compiler inlines it, which is worth more than a schedule */
/* --- c_static.c: functions that only their file sees --- */
struct buf;
/* Can fn, a definition of the main file, be made with the C compiler's code calling it? It has internal linkage, a loop, and the word `static` stands in the
   file: where (offsets in bytes, a comma behind each) is added to places. top: all that the file declares. */
bool c_static_kernel(struct cx *x, CXCursor fn, struct kids top, struct buf *places);
#endif
