/* What the files of this folder share: the module and function under construction, values with the level at which they live.

   Levels. Every loop and every arm of a branch is a level; level 0 is the function's entry. A value knows its level, and an operation is placed outside of
   all loops that do not change its operands, not where it is asked for: loop-invariant code motion and (through the value cache) common subexpressions
   happen while building, so no IR pass is needed. It is not moved out of branches alone: that would only lengthen lives. Loads move out only while that cannot make them fault or see another value (load_level). */
#ifndef HONE_CODEGEN_BUILD_H
#define HONE_CODEGEN_BUILD_H
#include "codegen/emit/emit.h"
#include "codegen/emit/launch.h"
#include "ir/dot.h"
#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

struct isa {
  bool fma, f16c, avx512; /* avx512: f, vl, dq and bw together */
  bool amx; /* tiles, with products of bf16 and 8 bit integers */
  bool vnni, vnni_int8, bf16; /* vpdpbusd and vpdpwssd in the widest vectors; vpdpbssd; vdpbf16ps */
  bool fp8; /* cvt of pairs of e4m3 or e5m2 */
  bool gfni; /* matrices over the bits of bytes, in vectors of up to 32 bytes, with avx512 of 64 */
  int madd; /* pmaddwd in vectors of up to 16 << madd bytes */
};

struct module {
  LLVMContextRef ctx;
  LLVMModuleRef mod;
  const struct target *target;
  LLVMTargetMachineRef tm;
  struct arena *arena; /* scratch: polynomials, caches; dies with the module */
  struct isa isa;
  LLVMTypeRef i1, i8, i16, i32, i64, f32, f64, ptr, void_;
  struct debug *debug; /* of debug.c; NULL: no line tables */
  const struct emit_files *files;
  const char *fail;  /* set once: why this module cannot be made */
  bool *retry;       /* set with a demotion: build the module again */
  unsigned nop;      /* operations so far: an unrolled nest must not eat the machine */
  unsigned nbody;    /* numbers for names of outlined bodies */
  unsigned nentry;   /* numbers for names of the functions behind an entry */
  bool plain;        /* the function being built is compiled as written (plain.c) */
  bool as_c;         /* and has no other form: what C leaves open is open */
  LLVMValueRef sincos_big[2];
  const struct buf *ptx, *cubin; /* the host's module of a GPU object: the kernels, as text and (unless NULL or empty) assembled */
  const struct limits *gpu;
  LLVMValueRef cuda_module;
  LLVMValueRef tiles_allowed; /* amx.c: the system was asked for room for them */
  bool mixed; /* PTX: products of signed and unsigned bytes by warp groups, newer than the rest */
  LLVMValueRef smem; /* shared memory that launches ask for */
  struct demotion *demoted; /* register objects that turned out to need memory */
};
struct demotion {
  const struct lfunc *f;
  unsigned object;
  struct demotion *next;
};

/* lanes 0: a scalar. type says how the bits are meant; f16 and bf16 are kept as float, rounded; e4m3 and e5m2 as bytes. */
struct val {
  LLVMValueRef v;
  uint16_t level, lanes;
  uint8_t type;
};

struct level {
  LLVMBasicBlockRef block; /* where code of this level goes once an inner level is open: before its terminator */
  uint32_t uid;            /* of this opening of the level: cached values of a closed one are stale */
  unsigned nsym;           /* symbols of the emitter when it was opened */
  bool conditional;        /* may not run although the level outside runs */
  bool loop;               /* runs many times in one run of the level outside */
  const uint8_t *writes;   /* objects stored to inside (loops), or NULL */
};

/* A loop with a counter in LLVM: where its offsets live. */
struct iv {
  poly_t coef;
  LLVMValueRef phi, step;
  struct iv *next;
};
struct frame {
  sym_t sym;
  unsigned level; /* of the body */
  LLVMBasicBlockRef head;
  struct val lo;
  int64_t step;
  struct iv *ivs;
  struct frame *outer;
};

enum { TURN_LIMIT = 16 }; /* vectors of a block: more would not stay in registers */
struct turned { /* a block of rows that was loaded and turned */
  unsigned object, n;
  LLVMValueRef at, stride, mask;
  int64_t disp; /* of the first column */
  struct val col[TURN_LIMIT];
  struct turned *next;
};
/* An unrolled loop: what turn.c needs to know of it. */
struct turn {
  sym_t sym;
  unsigned left;         /* iterations not yet begun, and the one that runs */
  unsigned level;        /* at which it was opened */
  bool ok;               /* each iteration makes the same accesses, but for subscripts */
  const uint8_t *writes; /* objects stored to inside */
  struct turned *block;
  struct turn *outer;
};

struct woven;
enum weave_state { WEAVE_UNREAD, WEAVE_OPEN, WEAVE_USELESS };
/* An unrolled or vector loop: what weave.c needs to know of it. */
struct weave {
  const struct lstmt *st;
  unsigned level; /* at which it was opened */
  enum weave_state state;
  struct woven *woven;
  struct weave *outer;
};

/* Lanes along a dimension of a register object: element i belongs to lane i / step % wide of each; those of smaller steps first. */
struct regdigits {
  unsigned n;
  struct { int64_t step; uint16_t wide; uint8_t at; } x[2];
};

struct slots { /* a register object */
  struct val *v;
  unsigned n, width; /* lanes of a slot; 1: scalars */
  int dim;           /* which dimension runs along the lanes; -1: none */
  unsigned pad[8];   /* extents in slots */
  bool dead;         /* lanes that a mask switches off are never read */
  bool short_sums;   /* terms may go to any lane (short_sum.c) */
  struct regdigits own[8]; /* threads: those along this dimension, each has its own elements; none: all have all */
};

struct digit { /* an open vector loop: its lane stands for `bits` bits of the thread's number, from bit `at` on */
  sym_t lane;
  uint8_t at, bits;
  struct val on; /* this thread's lane is one of the loop's; .v NULL: all are */
};
enum { DIGIT_LIMIT = 8, PENDING_LIMIT = 4 };
struct simt_group { /* register objects whose sums a group of matrix instructions makes */
  unsigned n, object[PENDING_LIMIT];
};
/* Threads in blocks (simt.c): every thread runs the whole kernel; lanes of vector loops are threads, so all values are scalars. */
struct simt {
  const struct launch_plan *plan;
  unsigned kernel, threads;
  struct digit open[DIGIT_LIMIT]; /* vector loops, outermost first */
  unsigned nopen;
  bool alone;              /* the open loops only store: threads that are none of their lanes have been left out by a branch */
  struct val on;           /* this thread's lanes are among those of the open loops; .v NULL: all are */
  struct val tid;          /* i64 */
  unsigned shared_used;
  unsigned aligned;        /* what divides the addresses of arrays here; 0: nothing is known */
  bool claimed;            /* that was of use */
  sym_t mma_row, mma_odd, mma_half, mma_group, mma_word; /* what a thread adds to addresses of fragments (simt_mma.c): lane % 8, bits 3 and 4 of it; lane / 4, lane % 4 */
  struct val group;        /* simt_wgmma.c: number of the warp group, the same value in all its threads; .v NULL: not needed */
  sym_t own_rows, own_cols;
  unsigned npending, pending[PENDING_LIMIT]; /* register objects whose sums matrix instructions still make */
  unsigned nflying, flying[PENDING_LIMIT]; /* those that the iteration before of the open ring's loop left to run on */
  struct simt_group behind; /* begun after what is pending, and still running when that is complete */
  const struct lstmt *held; /* of the open ring's loop: the product that runs beside the next iteration (simt_flight.c); NULL: none */
  const struct lstmt *held_late; /* what is done to its sums before the next one: at the end of the iteration */
  LLVMValueRef *held_cell; /* its factor, rounded: cells of the thread */
  bool held_owed, held_now, held_first; /* the one of the iteration before is to be made; is being made; this is the first iteration */
  bool committed;          /* what is pending is a group already */
  bool making;             /* such an instruction is being made: it alone may touch them */
  LLVMValueRef *shared;    /* by object: where it lies in shared memory, once it was allocated */
  const struct lstmt *turn; /* the body of the loop over all iterations of the grid that a block takes (simt_grid.c); NULL: it takes one */
  sym_t turns;             /* the counter of that loop */
  bool grouped;            /* behind the threads that run the LOOP stands a warp group that copies for them (simt_tma.c) */
  bool producing;          /* what is emitted is its part */
  struct ring *rings;
  const struct ring *ring; /* whose loop is open */
  unsigned ring_waited;    /* its slots (simt_slot.c) that the iteration at hand has waited for */
  bool ring_past;          /* what is emitted reads the buffers of the iteration before */
  bool ring_read;          /* threads read its buffers one by one: lanes of a warp may be apart then */
  const struct staging *staging; /* the loop around that copies ahead (simt_stage.c); NULL: none */
  bool copying;            /* what is emitted are its copies */
  unsigned parted;         /* branches and serial loops inside the open vector loops: what is known there is not behind them */
  struct meeting *meetings; /* sums over lanes, as far as each thread has made them (simt.c) */
  LLVMValueRef parts;      /* shared memory where warps meet in a reduction */
  uint8_t *traded;         /* by object: one thread may see what another wrote */
  uint8_t *private;        /* by object: each thread has its own */
  uint8_t *read, *written; /* traded objects touched since the last barrier */
};

enum { LEVEL_LIMIT = 120, RANK_LIMIT = 8, OP_LIMIT = 150000, LANE_LIMIT = 128 };
struct fn {
  struct module *m;
  const struct lfunc *f;
  LLVMValueRef fn;
  LLVMBuilderRef b;
  LLVMBasicBlockRef entry; /* allocas only */
  LLVMMetadataRef where;   /* the line of the statement that is built (-g) */
  unsigned nsym;           /* with room for symbols of the emitter */
  unsigned capsym;
  struct val *sym;         /* value of each free symbol */
  poly_t *env;             /* what a bound symbol (unrolled, vector) stands for; NULL: it is free */
  int64_t *divisor;        /* a number that divides a free symbol's value; 0: nothing is known */
  struct val *param;       /* scalar parameters, by kernel parameter */
  struct val *base;        /* pointer of each object in memory */
  struct val *local;
  struct slots **reg;      /* of each object in registers, while allocated */
  struct level level[LEVEL_LIMIT + 8];
  unsigned nlevel; /* open levels; the current one is nlevel - 1 */
  uint32_t uid;
  uint32_t *epoch; /* per object: stores so far */
  struct frame *frame;
  struct turn *turn; /* the innermost unrolled loop */
  struct weave *weave; /* the innermost unrolled or vector loop */
  sym_t lane; /* SYM_NONE outside of vector loops */
  unsigned lanes;
  struct val mask; /* v NULL: all lanes on */
  struct val active; /* with a mask: number of lanes on, i64 */
  poly_t *fact; /* polynomials known to be >= 0 here */
  unsigned nfact, capfact;
  struct vncache *cache;
  struct accmap *accs;
  struct simt *simt; /* NULL: a CPU */
  bool reassoc, noalias, parallel_body;
  bool has_tiles, tiles;   /* there are blocks of matrix tiles; tiles are configured here */
  LLVMValueRef tile_config; /* where their shapes stand; NULL: nowhere yet */
  struct amx *amx;         /* the block of tiles that is open; NULL: none */
  const struct joined *joined; /* parallel bodies: the loop inside that shares out its iterations, too */
  unsigned stream_align; /* what divides the addresses of arrays that are streamed to; 0: nothing is streamed */
  bool streamed;         /* a fence is due */
  bool lazy;       /* inside an arm chosen by lanes: a uniform load must not be made when no lane is on */
  const uint8_t *subscript; /* compiled as written: locals that are used as subscripts; NULL: a raised form */
  bool no_wrap;    /* what is built now becomes one of these */
  struct divisors *divisors; /* of quotient.c; NULL: every quotient is a division */
  bool shares_divisor; /* the quotient that is built now is one of several by the same number */
  bool exact;      /* what is built now is rounded to an integer or compared: quotients are divisions */
  bool varying_if; /* inside a branch taken by lanes: a local keeps its value in the others */
};

/* module.c */
void emit_fail(struct module *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
LLVMValueRef intrinsic(struct module *m, const char *name, LLVMTypeRef *over, unsigned n, LLVMTypeRef *type);
LLVMValueRef call_intrinsic(struct module *m, LLVMBuilderRef b, const char *name, LLVMTypeRef *over, unsigned nover, LLVMValueRef *arg,
                            unsigned narg);
LLVMValueRef extern_fn(struct module *m, const char *name, LLVMTypeRef type);
void add_attr(struct module *m, LLVMValueRef fn, int at, const char *name, uint64_t value);

/* value.c: levels, placing, the value cache */
struct vncache *cache_new(struct arena *a);
unsigned cur_level(const struct fn *f);
void level_push(struct fn *f, LLVMBasicBlockRef inner, bool conditional); /* the current block is terminated already */
void loop_push(struct fn *f, LLVMBasicBlockRef head, bool conditional, const uint8_t *writes);
unsigned place_level(const struct fn *f, unsigned operands); /* where an operation goes whose operands are known at this level */
void level_pop(struct fn *f);
void place_at(struct fn *f, unsigned level); /* moves the builder; place_back undoes it */
void place_back(struct fn *f);
struct val mkval(LLVMValueRef v, unsigned level, enum dtype t, unsigned lanes);
/* Value cache. op: any number that names the operation; c: third operand or extra key. */
bool cache_get(struct fn *f, unsigned op, const void *a, const void *b, const void *c, struct val *out);
void cache_put(struct fn *f, unsigned op, const void *a, const void *b, const void *c, struct val v);
void cache_put_load(struct fn *f, unsigned op, const void *a, const void *b, const void *c, struct val v, unsigned object);
void object_stored(struct fn *f, unsigned object);
bool emit_table(struct fn *f, const struct lstmt *s); /* table.c: an L_ALLOC of constants, as constants of the module; false: it is none, nothing was done */
LLVMBasicBlockRef new_block(struct fn *f, const char *name);
struct val vbin(struct fn *f, LLVMOpcode op, struct val a, struct val b, bool contract); /* same lanes and LLVM type */
struct val vicmp(struct fn *f, LLVMIntPredicate p, struct val a, struct val b);
struct val vfcmp(struct fn *f, LLVMRealPredicate p, struct val a, struct val b);
struct val vselect(struct fn *f, struct val c, struct val a, struct val b);
struct val vcastop(struct fn *f, LLVMOpcode op, struct val a, LLVMTypeRef to, enum dtype t);
struct val vsplat(struct fn *f, struct val a); /* to f->lanes lanes; a vector stays */
struct val vcall1(struct fn *f, const char *intr, struct val a);
struct val call_all(struct fn *f, const char *intr, const struct val *v, unsigned n); /* ops.c: operands of one type and as many lanes */
struct val vi64(struct fn *f, int64_t c);
void vec_match(struct fn *f, struct val *a, struct val *b); /* makes both vectors when one is */
LLVMTypeRef vec_of(LLVMTypeRef t, unsigned lanes);
LLVMValueRef vshuffle(struct fn *f, LLVMValueRef a, LLVMValueRef b, const unsigned *at, unsigned n); /* element i: at[i] of a followed by b */
LLVMValueRef splat_const(LLVMValueRef c, unsigned lanes);
struct val lane_ids(struct fn *f, LLVMTypeRef t, enum dtype dt);
struct val first_lanes(struct fn *f, struct val n); /* the first n (i64) lanes as a mask */

/* types.c */
LLVMTypeRef reg_type(struct module *m, enum dtype t);
LLVMTypeRef mem_type(struct module *m, enum dtype t);
struct val const_val(struct fn *f, enum dtype t, union value v);
struct val from_memory(struct fn *f, enum dtype t, LLVMValueRef v, unsigned lanes, unsigned level); /* builder is placed */
LLVMValueRef to_memory(struct fn *f, struct val v);                                                  /* at the current place */
struct val round_val(struct fn *f, struct val v); /* after an operation on f16, bf16 */
bool is_number(LLVMValueRef v, double *out); /* to_int.c: v is a float constant, the same in all lanes, and not NaN */
/* to_int.c: of a float; saturates as type `to`, of which only what `cut` (not wider) keeps is right. */
struct val float_to_int(struct fn *f, enum dtype to, enum dtype cut, struct val v);
struct val convert(struct fn *f, enum dtype to, struct val v);

/* addr.c */
struct accmap *accmap_new(struct arena *a);
poly_t fn_subst(struct fn *f, poly_t p);
struct val fn_poly(struct fn *f, poly_t substituted); /* i64; varying when it holds the lane symbol */
unsigned poly_level(struct fn *f, poly_t substituted);
struct val fn_address(struct fn *f, struct val base, poly_t elements, unsigned size, int64_t *disp);
/* The same in an object of panels (ir/loop.h); p in elements as if there were none. */
struct val panel_address(struct fn *f, const struct object *o, struct val base, poly_t p, int64_t *disp);
poly_t access_poly(struct fn *f, const struct access *acc); /* elements from the object's start, before substitution, without dyn */
poly_t object_stride(struct fn *f, const struct object *o, unsigned d);
sym_t fresh_sym(struct fn *f, struct val v);
void fact_add(struct fn *f, poly_t p);
bool provably_ge0(struct fn *f, poly_t p);
bool lane_dependent(struct fn *f, expr_t e); /* inside a vector loop: do lanes differ in it? */
/* share.c: x[i / 4], i / 4 and i % 4 of the lanes' index; false: not in this way. */
bool share_read(struct fn *f, const struct access *acc, struct val *out);
bool share_operation(struct fn *f, expr_t e, struct val *out);
bool bits_operation(struct fn *f, expr_t e, struct val *out); /* bits.c: several operations on the bits of bytes as one; false: not in this way */
struct val fn_min(struct fn *f, const poly_t *p, unsigned n); /* of substituted values */
struct val fn_max(struct fn *f, const poly_t *p, unsigned n);

/* access.c, reg.c */
struct spot {    /* where an access goes */
  struct val at; /* pointer of lane 0 (or of all lanes); with `many`: a vector of pointers */
  int64_t disp;  /* bytes to add: folded into the operand where it is used */
  poly_t stride; /* elements a lane moves; NULL: does not move */
  unsigned align; /* threads: what is known to divide the address; 0: the size of an element */
  poly_t from;   /* of lane 0, in elements from the object's start; NULL: not known as one */
  bool many;
};
struct spot spot_of(struct fn *f, const struct access *acc);
LLVMValueRef spot_address(struct fn *f, const struct spot *s); /* with disp, at the place of the builder */
void store_first(struct fn *f, unsigned object, LLVMValueRef at, LLVMValueRef mem, struct val mask); /* lanes of memory's type, side by side */
void emit_append(struct fn *f, const struct lstmt *s, struct val mask);                                  /* append.c: s appends (ir/loop.h) */
unsigned spot_load_level(struct fn *f, unsigned object, unsigned least); /* the outermost level from `least` on where a load sees the same value */
struct val load_plain(struct fn *f, unsigned object, const struct spot *s, unsigned lanes); /* lanes 0: a scalar */
struct val load_upto(struct fn *f, unsigned object, const struct spot *s, struct val mask); /* neighbours, under a mask */
struct val emit_read(struct fn *f, const struct access *acc);
void emit_store(struct fn *f, const struct lstmt *s);
void store_value(struct fn *f, const struct lstmt *s, struct val v); /* s with a value that is known; no lanes, no guards */
void emit_prefetch(struct fn *f, const struct lstmt *s);
/* All polynomials >= 0: 1 always, 0 never, -1 it depends: *cond is the condition (scalar, or lanes). */
int emit_guards(struct fn *f, const poly_t *g, unsigned n, struct val *cond);
struct val mask_and(struct fn *f, struct val mask, struct val cond);
bool in_registers(const struct fn *f, unsigned object);
struct val reg_read(struct fn *f, const struct access *acc);
void reg_write(struct fn *f, const struct access *acc, enum red red, struct val v);
void emit_reg_open(struct fn *f, unsigned object, const struct lstmt *body);
void emit_reg_close(struct fn *f, unsigned object);
bool reg_along_lanes(unsigned object, const struct lstmt *body); /* vector loops walk some of its dimensions */
/* Threads: the slot that the access names, without waiting for who works on it; NULL: none. */
struct val *reg_slot(struct fn *f, const struct access *acc);
/* The slot of this thread's element whose subscript `dim` is that of lane 0 at `at`, the others as in the access; NULL: it has none. */
struct val *reg_slot_at(struct fn *f, const struct access *acc, unsigned dim, int64_t at);
/* Iterations of the unrolled loop over s that the object has room for, by the access's subscripts; 0: it names none. */
unsigned reg_steps(struct fn *f, const struct access *acc, sym_t s);
bool reg_dead_lanes(struct arena *a, unsigned object, const struct lstmt *body); /* dead.c: what a mask switches off of it is never read */
bool reg_sums_short(const struct fn *f, unsigned object, const struct lstmt *body); /* short_sum.c: its lanes hold nothing but sums of short integers, and are folded */
struct val short_sum_add(struct fn *f, struct val sum, expr_t term); /* the term of each lane that is on added to one lane or another */
bool reg_add_short(struct fn *f, const struct lstmt *s); /* adds to such an object; false: it is another store */
struct val *reg_slots(struct fn *f, unsigned object, unsigned *n); /* all given a value; n = 0 when it is not open */

/* stream.c */
bool stream_store(struct fn *f, const struct access *acc, LLVMValueRef v, LLVMValueRef at);
void stream_fence(struct fn *f);
int64_t gcd64(int64_t a, int64_t b);
int64_t poly_divisor(const struct fn *f, poly_t p);

void align_arg(struct module *m, LLVMValueRef call, int arg, unsigned align); /* access.c: what divides the address that is argument `at` of a call */

/* turn.c */
void turn_open(struct fn *f, struct turn *t, const struct lstmt *s, unsigned count);
void turn_next(struct turn *t);
void turn_close(struct fn *f);
unsigned turn_width(struct fn *f, const struct access *acc, int64_t step, unsigned most, struct turn **by);
void turn_keep(struct fn *f, struct turn *by, const struct turned *b);
const struct val *turn_kept(const struct fn *f, const struct turned *want, unsigned size);
void turn_load(struct fn *f, LLVMTypeRef elem, unsigned size, const LLVMValueRef *row, unsigned n, LLVMValueRef *out);

/* weave.c */
void weave_open(struct fn *f, struct weave *w, const struct lstmt *st);
void weave_close(struct fn *f);
bool weave_read(struct fn *f, unsigned object, const struct spot *s, struct val *out);
bool weave_write(struct fn *f, unsigned object, const struct spot *s, struct val v);

/* sub.c, dot.c */
void emit_sub(struct fn *f, const struct lstmt *s);
struct val dot_bytes(struct fn *f, uint8_t byte);      /* in every part of every lane */
bool dot_possible(const struct fn *f, enum dotkind k); /* on this many lanes */
/* acc + a . b: in each lane the parts of a and b, as 32 bits. */
struct val emit_dot(struct fn *f, enum dotkind k, struct val acc, struct val a, struct val b);

/* amx.c */
bool amx_present(const struct module *m, const struct lstmt *s); /* blocks of tiles that the target can run */
/* Tiles for all blocks in s, unless they are there or s hands work to threads: then amx_close is due behind it. */
bool amx_open(struct fn *f, const struct lstmt *s);
void amx_close(struct fn *f);
void emit_tiles(struct fn *f, const struct lstmt *s);
bool amx_walks(const struct fn *f, const struct lstmt *s); /* s is the loop of the open block that its tiles walk: */
void amx_depth(struct fn *f);                              /* it */
void amx_step(struct fn *f);                               /* the sub loop of the open block */

/* expr.c, ops.c, reduce.c, vmath.c */
struct val emit_expr(struct fn *f, expr_t e);
struct val emit_op(struct fn *f, enum op op, enum dtype t, struct val *v);
struct val emit_red(struct fn *f, enum red red, struct val acc, struct val x);
struct val emit_horizontal(struct fn *f, enum red red, struct val x); /* vector to scalar, masked lanes do not count */
struct val emit_math(struct fn *f, enum op op, struct val *v);        /* f32 or f64 operands */
struct val estimated_rsqrt(struct fn *f, struct val a); /* rsqrt.c: f32, AVX-512 */
/* quotient.c: of floats. Before the body: which divisors several quotients share; then whether e is one of these. */
struct val emit_quotient(struct fn *f, struct val a, struct val b);
void quotients_open(struct fn *f, const struct lstmt *body);
bool quotient_shares(struct fn *f, expr_t e);
LLVMValueRef math_sincos_big(struct module *m, bool cosine);
LLVMValueRef math_value(struct fn *f, enum op op, enum dtype t, unsigned lanes, LLVMValueRef *arg); /* at the builder's place; lanes 0: a scalar */

/* func.c, loop.c, parallel.c */
void emit_stmt(struct fn *f, const struct lstmt *s);
void emit_now(struct fn *f, const struct lstmt *s); /* as on a CPU */
struct val object_bytes(struct fn *f, const struct object *o, LLVMValueRef *overflow);
void emit_for(struct fn *f, const struct lstmt *s);
void emit_while(struct fn *f, const struct lstmt *s);
void emit_parallel(struct fn *f, const struct lstmt *s);
void emit_serial(struct fn *f, const struct lstmt *s);
enum { MAX_GUARD = 4 };
struct range { /* of a loop, substituted */
  poly_t lo, hi;
  poly_t los[UINT8_MAX], his[UINT8_MAX];
  poly_t froms[UINT8_MAX]; /* lo may be beyond los, but not beyond all of these and los */
  unsigned nlo, nhi, nfrom, nguard;
  poly_t guard[MAX_GUARD]; /* that hold inside because the loop ends with them */
};
/* hi - lo >= least, whatever the bounds are. */
bool range_spans(struct fn *f, const struct range *r, int64_t least);
void find_range(struct fn *f, const struct lstmt *s, struct range *r);
struct serial {
  const struct lstmt *s;
  const struct range *r;
  struct val lo, hi;
};
void serial_arm(struct fn *f, void *serial); /* an arm_fn: the loop over [lo, hi), which is not empty */
struct state { /* the locals and slots that a statement may change */
  unsigned n;
  struct val **at, *was;
};
struct state state_of(struct fn *f, const struct lstmt *s); /* gives all of them a value; inside vector loops a vector */
void state_settle(struct fn *f, const struct state *st);    /* at the end of an arm or body: vectors where state_of made vectors */
const uint8_t *writes_of(struct fn *f, const struct lstmt *s);
/* objects[nobject], locals[nlocal] (either may be NULL): set to 1 where s stores. */
void stmt_effects(const struct lstmt *s, uint8_t *objects, uint8_t *locals);
LLVMValueRef emit_function(struct module *m, const struct lfunc *f, const char *name, bool noalias);
/* One body of it (stream.c says why there may be several). *streamed: it made non-temporal stores. */
LLVMValueRef emit_body(struct module *m, const struct lfunc *f, const char *name, bool noalias, unsigned stream_align, bool *streamed);
void fn_init(struct fn *f, struct module *m, const struct lfunc *lf, LLVMValueRef fn, bool noalias);
LLVMTypeRef internal_type(struct module *m, const struct kernel *k);
/* A branch on cond around `then` and `els` (either may be NULL), with values merged. */
typedef void arm_fn(struct fn *f, void *ctx);
/* How often a branch goes either way, about. */
void mark_weights(struct fn *f, LLVMValueRef branch, unsigned yes, unsigned no);
void emit_branch(struct fn *f, struct val cond, const struct lstmt *effects, arm_fn *then, arm_fn *els, void *ctx);

/* simt.c, simt_fence.c */
void emit_kernels(struct module *m, const struct lfunc *f);
void simt_stmt(struct fn *f, const struct lstmt *s); /* outside of vector loops */
/* The open vector loop whose lane p names; NULL: none. *more: there is another. */
LLVMValueRef simt_shared(struct fn *f, const char *name, uint64_t bytes, unsigned align); /* the address of so much shared memory */
LLVMValueRef simt_sreg(struct fn *f, const char *name);                    /* i32: a special register, "tid.x" */
bool simt_meets(const struct fn *f, const struct val *slot, unsigned n);   /* such a sum goes to one of these registers */
void simt_meet(struct fn *f);                                              /* sums over lanes are complete from here on */
void simt_alloc(struct fn *f, const struct lstmt *s);                      /* a buffer in memory of a block, around its body */
void simt_mma_init(struct fn *f); /* at the kernel's entry */
/* simt_mma.c: the sub loop around st by a matrix instruction; false: it is not of that form. */
bool simt_mma(struct fn *f, const struct lstmt *s, const struct lstmt *st);
/* simt_stage.c: a loop that stages operands ahead; false: s is none. Its body, in place of the statement. */
bool simt_staged(struct fn *f, const struct lstmt *s);
bool simt_stage_body(struct fn *f, const struct lstmt *s);
/* The loop s over a piece that is copied ahead, for the threads of `writers` (.v NULL: all); false: not by cp.async. */
bool simt_copy_piece(struct fn *f, const struct lstmt *s, struct val writers);
bool simt_pair_stores(struct fn *f, const struct lstmt *s); /* simt_pair.c: the loop s stores sums of matrix instructions, two groups of columns at a time */
/* simt_held.c: the rows' operand of such a product where it lies in registers as sums do. */
struct held {
  const struct access *acc;
  enum dtype type;  /* that it is rounded to */
  unsigned dim;     /* the subscript that walks the sum */
  int64_t first;    /* of it */
};
bool held_find(struct fn *f, const struct lstmt *s, const struct dot *d, struct held *out); /* s: the sub loop; false: it does not */
/* Four registers of the instruction for rows 8 * row... (`again` counts 8 at a time) and 16 elements of the sum from `at` on. */
bool held_fragment(struct fn *f, const struct held *h, sym_t again, int64_t row, int64_t at, LLVMValueRef *out);
void held_save(struct fn *f, const struct held *h);   /* rounded, for when held_now is set: in another iteration */
/* simt_wgmma.c: the same for a warp group's; they run on until simt_wgmma_wait, which is called before anything else touches their sums, and barriers. */
bool simt_wgmma(struct fn *f, const struct lstmt *s, const struct lstmt *st);
void simt_wgmma_wait(struct fn *f);
bool simt_wgmma_leave(struct fn *f); /* at the end of an iteration: what it began runs on, that of the one before is complete; false: it began none */
void simt_wgmma_land(struct fn *f);  /* behind the loop: all of it is complete */
void simt_wgmma_init(struct fn *f);
struct simt_group simt_wgmma_commit(struct fn *f);                       /* closes the group that is pending, and has it waited for by somebody else */
void simt_wgmma_behind(struct fn *f, const struct simt_group *first);    /* what is pending runs on while `first`, begun before it, is waited for */
void simt_wgmma_land_behind(struct fn *f);                               /* that is complete, too */
void simt_wgmma_touch(struct fn *f, unsigned object);                    /* something but its instruction is about to touch the object */
/* simt_tma.c: the two parts of a kernel with rings: `workers` and, for the warp group behind them, `copier`. */
void simt_rings(struct fn *f, const struct lstmt *body, arm_fn *workers, arm_fn *copier, void *ctx);
void simt_cluster_meet(struct fn *f, bool begin);          /* all blocks of the cluster: rings are ready; nobody needs the others' any more */
bool simt_ring_loop(struct fn *f, const struct lstmt *s);  /* a loop whose operands tensor maps bring; false: s is none. */
bool simt_ring_body(struct fn *f, const struct lstmt *s);  /* its body, in place of the statement */
LLVMValueRef simt_cell(struct fn *f);                      /* an i32 of the thread */
bool simt_ring_held(struct fn *f, const struct lstmt *s);  /* simt_flight.c: before a statement of its body: true: it is made elsewhere */
void simt_ring_reach(struct fn *f, const struct lstmt *s); /* before a statement of its body that is made here: waits for what it reads */
void simt_ring_end(struct fn *f, const struct lstmt *s);   /* behind the last iteration of loop s, which had one */
void simt_ring_touch(struct fn *f, unsigned object);       /* threads access it one by one: of a ring, they meet before they give its buffer back */
bool simt_produce(struct fn *f, const struct lstmt *s);    /* in the copier's part: all that it does of s; false: s is to be run as it is */
/* simt_out.c: a nest that copies a tile to where it goes, by boxes; false: s is none. Before one that fills such a tile; at the end of the kernel. */
bool simt_out(struct fn *f, const struct lstmt *s);
void simt_out_begin(struct fn *f, const struct lstmt *s);
void simt_out_end(struct fn *f);
/* simt_grid.c: the kernel's body for all iterations of its parallel loops that the block takes. */
void simt_blocks(struct fn *f, const struct launch_kernel *k);
bool simt_turn(struct fn *f, const struct lstmt *s);       /* s is the body of the loop over these: for the one at hand */
/* What is known to divide the address of the element `at` of an object. */
unsigned simt_align(struct fn *f, unsigned object, poly_t at);
const struct digit *simt_digit(const struct fn *f, poly_t p, bool *more);
struct fence { /* touches since the last barrier, by object */
  uint8_t *read, *written;
};
void fence_init(struct fn *f, const struct launch_kernel *k);
void fence_before(struct fn *f, const struct lstmt *s); /* a barrier when s collides with what was touched */
/* Inside a vector loop where several threads are the same lane: do all of them read in s (one of them may have written it), does the first of them write
   (others may have read it)? */
void fence_copies(struct fn *f, const struct lstmt *s, bool reads, bool writes);
void fence_after(struct fn *f, const struct lstmt *s);  /* s was done; at the head of a loop: its body may follow itself */
struct fence fence_save(struct fn *f);
void fence_restore(struct fn *f, const struct fence *x);
void fence_join(struct fn *f, const struct fence *x);
void emit_barrier(struct fn *f);

/* cuda_entry.c: i32, the runtime's code. arg: the function's arguments, dims as i64. */
LLVMValueRef emit_cuda_run(struct module *m, LLVMBuilderRef b, const struct lfunc *f, LLVMValueRef stream, LLVMValueRef *arg);
/* f alone with its PTX text and cubin (may be empty), as a hone_cuda_package (runtime/abi.h), appended to out. */
enum status emit_cuda_package(struct arena *a, const struct lfunc *f, const struct limits *lim, const struct buf *ptx, const struct buf *cubin,
                              struct buf *out, const char **why);

/* debug.c: line tables; nothing is done when none are asked for */
void debug_open(struct module *m, const struct emit_files *files);
void debug_close(struct module *m);
/* fn, which b is about to fill, comes from the C function `name` at `at`. */
void debug_function(struct module *m, LLVMValueRef fn, LLVMBuilderRef b, const char *name, struct loc at);
void debug_line(struct fn *f, struct loc at);             /* what follows is for the statement there; line 0: as before */
void debug_complete(struct module *m, LLVMValueRef fn);   /* fn is finished: nothing in it is without a line */

/* plain_math.c: functions of math.h in what is compiled as written: a call of a scalar, which LLVM may put on lanes */
LLVMValueRef plain_math(struct module *m, LLVMBuilderRef b, enum op op, enum dtype t, LLVMValueRef *arg);
void plain_math_finish(struct module *m); /* behind LLVM's passes over a function */

/* plain.c: functions that are compiled as written */
void plain_passes(struct module *m, LLVMValueRef fn, const char *list); /* LLVM's, over fn or (NULL) all of the module */
void plain_init(struct fn *f);
void plain_set(struct fn *f, const struct lstmt *s); /* before the value of an L_SET is built */
void plain_value(struct fn *f, const struct lstmt *s, struct val v); /* v: the value of an L_SET or L_STORE */
void plain_no_wrap(struct val v);
struct val plain_subscript(struct fn *f, expr_t e);
bool plain_wide(struct fn *f, expr_t cast, struct val *out); /* false: it is no subscript that could be computed in 64 bits */
struct val plain_address(struct fn *f, struct val base, poly_t elements, struct val dyn, unsigned size); /* dyn: elements to add; .v may be NULL */
LLVMValueRef plain_function(struct module *m, const struct lfunc *f, const char *name, bool noalias);

/* entry.c, stub.c */
/* The function that takes the kernel's parameters: the exported one, or (when C's differ) an internal one that it calls. NULL: failed. */
LLVMValueRef emit_entry_fn(struct module *m, const struct emit_entry *e);
bool only_source(const struct emit_entry *e); /* the source form runs whatever the arguments are */
void emit_part(struct fn *f, const struct lstmt *s);
void emit_outer_fn(struct module *m, const struct emit_entry *e, LLVMValueRef entry);
void extend_attr(struct module *m, const struct param *p, LLVMValueRef fn, int at); /* narrow integers: signext, zeroext */
void emit_call_stub(struct module *m, const struct kernel *k, LLVMValueRef entry);
LLVMTypeRef param_ctype(struct module *m, const struct kernel *k);
LLVMTypeRef c_param_type(struct module *m, const struct param *p);
/* i1: what k writes overlaps what else it uses. dim by symbol (i64), ptr by parameter. size: of each tensor how many elements (i64), where that is not as declared, or NULL. */
LLVMValueRef emit_overlap(struct module *m, LLVMBuilderRef b, const struct kernel *k, LLVMValueRef *dim, LLVMValueRef *ptr, const LLVMValueRef *size);
LLVMValueRef plain_poly(struct module *m, LLVMBuilderRef b, poly_t p, LLVMValueRef *sym);
#endif
