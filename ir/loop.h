/* LOOP level: loops, buffers and stores, in the order in which they run. What codegen/lower makes and codegen/emit turns into LLVM.
   A tree of statements; expressions are ir/expr.h with: E_READ/stores on objects (below), E_LOCAL on locals, E_POLY on dims and loop variables. */
#ifndef HONE_IR_LOOP_H
#define HONE_IR_LOOP_H
#include "ir/tensor.h"

enum scope {
  SCOPE_ARG,    /* a tensor parameter of the kernel */
  SCOPE_REG,    /* constant extents; every subscript is a constant once unrolled and vector loops are expanded: lives in registers */
  SCOPE_STACK,  /* constant extents, at most 4 KB a function in all */
  SCOPE_HEAP    /* extents over dims and outer loop variables; one allocation each time its L_ALLOC is reached; 64-byte aligned */
};
/* An object: what an access's `tensor` number means at this level. Objects 0 … kernel.ntensor-1 are the kernel's tensors
   (temps among them must have been given SCOPE_HEAP); further ones are buffers made by lowering. */
struct object {
  const char *name;
  uint8_t type, scope, rank;
  poly_t *extent;          /* allocation size per dim; for SCOPE_ARG the declared extents */
  poly_t *stride;          /* in elements; NULL: row-major dense */
  uint8_t stages;          /* > 1: a buffer of constant size that only the first statement of a loop's body writes, what follows in that iteration reads
                              it: the emitter may run that statement so many - 1 iterations ahead, into buffers in turn. Text: `stages N` */
  bool tma;                /* with stages and panels: boxes of a tensor map may bring it, since what lies behind the tensor's extents is 0. Text: `stages N tma` */
  uint32_t panel_rows, panel_cols; /* blocks of threads; 0: none. SCOPE_HEAP: each run of rows x cols elements is a tile that matrix instructions read in
                              place: the elements stand in panels of PANEL_BYTES of each row, a panel after the other, the 16 byte pieces of row r at their
                              number xor r % 8. Only addresses change by it. Text: `panels ROWS x COLS` */
};
enum { PANEL_BYTES = 128 };
enum { OBJECT_STAGES = 15 };
/* Bytes of one buffer of a staged object, a multiple of 128. false: its size is not constant. */
bool object_stage_bytes(const struct object *o, int64_t *bytes);

enum lkind {
  L_BLOCK,    /* .body[0..nbody) in order */
  L_FOR,      /* sym from max(lo[]) while < min(hi[]), by step */
  L_STORE,    /* object[acc] = value, or object[acc] = red(object[acc], value) when .red != RED_none; where a guard of acc fails nothing happens: value is
                 not evaluated, its loads are not made (on lanes: masked) */
  L_SET,      /* local = value */
  L_IF,       /* all guard[] >= 0 (and cond, when not NULL): body[0], else body[1] (may be absent) */
  L_ALLOC,    /* object lives during body[0]; contents undefined at first */
  L_PREFETCH, /* hint: the line of acc will be read (red == 0) or written (1) */
  L_WHILE,    /* from SOURCE only: while (cond) body[0] */
  L_LET,      /* from SOURCE only: sym is value (i64) from here to the end of the block: a number that is computed once and then used as a dim */
  L_PART      /* from SOURCE only: body[0], or a call of the function that stands for it: part[id] */
};
enum fkind {
  F_SERIAL,
  F_PARALLEL, /* iterations are independent and may run on any thread */
  F_UNROLL,   /* expanded by the emitter: (hi-lo)/step must be a constant at most 256 */
  /* around an F_VECTOR: loads next to each other along this loop and far apart along the lanes are turned in registers as one block (emit/turn.c) */
  F_VECTOR,   /* one vector: sym = lo + lane, lane < lanes; lanes at or beyond hi are masked off (no load, no store, no effect) */
  F_SUB,      /* parts of one lane: from 0 to at most 256, innermost, its body one L_STORE without guards. A sum of widening products (ir/dot.h) over it is
                 one matrix instruction where the target has it; a copy over it interleaves rows. Its meaning is that of the serial loop. */
  F_TILES      /* rows and (inside, or alone) columns of a block of sums that matrix tiles hold while the loops inside run: one scalar register object, set to
                 0, summed up by products (F_SUB), stored or added to memory (emit/amx.c says what it makes of which form). Iterations are independent.
                 Its meaning is that of the serial loop. */
};
/* Meaning of F_VECTOR: exactly that of the serial loop with step 1 (stores to distinct elements, or a reduction whose order is free). hi-lo <= lanes
   always holds. Inside: the only statements are L_STORE, L_SET, L_IF with guards free of sym, F_UNROLL and F_SUB loops, serial loops with bounds free of sym, L_BLOCK, and F_VECTOR loops of
   other digits: lane l of a loop with digit d stands for bits d, d+1, … of a thread's number (GPUs only; a CPU's vectors are not nested). An L_STORE whose access does not depend on sym must have red != none (a horizontal reduction).
   And on CPUs L_IF whose condition may depend on sym, where both arms append: loop_appends. */
struct lstmt {
  uint8_t kind, fkind, red, lanes_log2;
  bool nontemporal;
  uint8_t unroll;         /* L_FOR, F_SERIAL: a hint: so many iterations per back-edge (0: one); the remainder loop is the emitter's. Text: `unroll N` */
  uint8_t digit;          /* F_VECTOR: the lowest bit of a thread's number that the lane stands for. Text: `vector N at D` */
  uint16_t raster;        /* F_PARALLEL around another: a hint for grids of blocks: so many iterations at a time, all of the inner loop for these, the fastest
                             along this one; 0: one. Text: `parallel raster N` */
  uint16_t persist;       /* F_PARALLEL, outermost: a hint: the grid has at most so many blocks, which take all iterations; 0: one each. Text: `persist N` */
  uint8_t cluster;        /* F_PARALLEL, the number of its iterations is a multiple of it: a hint: so many neighbours run together; 0: one. Text: `cluster N` */
  bool apart;             /* L_IF, from SOURCE only: and no array that the function writes lies over another one of its arrays. Where that holds body[0] means
                             what body[1] means. Has a guard. hi[]: of each tensor the elements from its start that the function may touch (nhi 0: as many as are
                             declared). Text: `apart` behind the guards, `apart (N, M*N)` */
  bool once;              /* L_FOR: the first iteration is always run (lo < hi need not hold): for epilogues of empty reductions */
  sym_t sym;              /* L_FOR, L_LET */
  uint16_t id;            /* L_SET: local; L_ALLOC: object; L_PART: part */
  uint8_t nlo, nhi, nfrom, nguard;
  int64_t step;           /* L_FOR > 0 */
  poly_t *lo, *hi;        /* L_FOR; hi: L_IF with apart, too */
  poly_t *from;           /* F_SERIAL with one lower bound: the loop begins with the last iteration that is not beyond the greatest of these (and lo): those
                             before it have nothing to do. Text: `from A, B` behind the step */
  poly_t *guard;          /* L_IF */
  expr_t cond;            /* L_IF, L_WHILE */
  const struct access *acc; /* L_STORE, L_PREFETCH */
  expr_t value;           /* L_STORE, L_SET, L_LET */
  uint32_t nbody;
  struct lstmt **body;
  struct loc loc;           /* where the statement, or the equation it computes, stands in the specification; line 0: not known */
};
struct local { const char *name; uint8_t type; };

/* A statement of SOURCE that was raised by itself. k: its kernel; NULL (read from text): body[0] runs. */
struct sub_arg { poly_t dim; expr_t scalar; uint16_t object; };   /* by the kind of k's parameter */
struct subfunc { const char *name; const struct kernel *k; const struct sub_arg *arg; /* [k->nparam] */ };

/* Where a parameter's value comes from when it is not an argument of the C function itself. Positions count the C function's arguments. */
enum origin_how {
  ORIGIN_SELF,     /* an argument of the C function; these keep their order and take the positions that `opaque` leaves */
  ORIGIN_RESULT,   /* tensor of one element: the entry supplies it and returns what is in it */
  ORIGIN_GIVEN,    /* dim: 1 when the pointer at position `from` is not NULL, else 0 */
  ORIGIN_FIELD,    /* read at entry, `offset` bytes behind the pointer at position `from`; 0 when that is NULL */
  ORIGIN_INSIDE,   /* tensor: it lies there */
  ORIGIN_FILLED    /* dim: 1 when the pointer that lies there is not NULL, else 0 (also when there is no structure) */
};
/* `from`: position of an argument; behind the last one, number lfunc_nargs() + g is the variable global[g]. */
struct origin { uint8_t how; uint16_t from; int64_t offset; };
/* An argument of the C function that is no parameter: a pointer to a structure, or (bytes > 0) a structure of so many bytes by value: `from` is then where it lies. */
enum { OPAQUE_BYTES = 1 << 16 };
struct opaque { uint16_t at; const char *name, *ctype; uint32_t bytes; };

/* One function: a variant of a kernel, or its general form, or its SOURCE form. */
struct lfunc {
  struct arena *arena;
  const char *name;
  const struct kernel *k;  /* signature, symbols (own copy: loop variables are added), tensors */
  uint16_t nobject, nlocal;
  struct object *object;
  struct local *local;
  struct lstmt *body;
  const struct origin *origin; /* [k->nparam]; NULL: all ORIGIN_SELF */
  uint16_t nopaque;
  const struct opaque *opaque; /* by position */
  uint16_t nglobal;
  const char *const *global;   /* symbols of variables outside of functions that the function uses */
  uint16_t npart;
  struct subfunc *part;
  bool reassoc;            /* floats: contraction and re-association of reductions are allowed */
  bool fast;               /* and what ir/interp.h's args.fast allows. Text: `fast` */
};
struct lfunc *lfunc_new(struct arena *a, const struct kernel *k, const char *name); /* objects 0…ntensor-1 filled in */
unsigned lfunc_add_object(struct lfunc *f, const char *name, enum dtype t, enum scope s, unsigned rank, const poly_t *extent);
unsigned lfunc_add_local(struct lfunc *f, const char *name, enum dtype t);
sym_t lfunc_add_sym(struct lfunc *f, const char *name);
unsigned lfunc_nargs(const struct lfunc *f);                          /* arguments of the C function */
struct lstmt *loop_block(struct arena *a, unsigned n, struct lstmt **s);
struct lstmt *loop_for(struct arena *a, enum fkind fk, sym_t s, poly_t lo, poly_t hi, int64_t step, struct lstmt *body);
struct lstmt *loop_store(struct arena *a, const struct access *acc, enum red red, expr_t value);
struct lstmt *loop_set(struct arena *a, unsigned local, expr_t value);
struct lstmt *loop_if(struct arena *a, unsigned nguard, const poly_t *guard, expr_t cond, struct lstmt *then, struct lstmt *els);
struct lstmt *loop_alloc(struct arena *a, unsigned object, struct lstmt *body);
/* An L_IF without guards whose arms (the second may be absent) are blocks {obj[k + c] = e; …; k = k + 1}: k a local integer of 4 or 8 bytes, rank 1, c a constant,
   each object once, nothing in it but the subscripts and the last statement depends on k. The arms' k and objects differ. */
bool loop_appends(const struct lstmt *s);
/* The parallel loop right inside the parallel loop s that shares out its iterations together with it: it has the same ones each time. NULL: there is none. */
const struct lstmt *loop_joined(const struct lstmt *s);

/* Each expression of the statement itself, not of those inside of it. */
void loop_exprs(const struct lstmt *s, void (*fn)(expr_t, void *), void *ctx);
/* What the statement does first with the local, on every path: 0: it may read it; 1: it certainly sets it before any read; -1: neither. */
int loop_first_use(const struct lstmt *s, unsigned local);

void lfunc_print(struct buf *out, const struct lfunc *f);
enum status lfunc_parse(struct arena *a, struct diag *d, uint16_t file, const char *text, size_t len, struct lfunc **out);
bool lfunc_verify(const struct lfunc *f, struct diag *d);
#endif
