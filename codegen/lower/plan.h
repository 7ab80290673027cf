/* What the files of this folder share: the plan (a schedule checked against a group), the members (equations made ready to run), and the state
   of the construction of one group's nest. Private to codegen/lower. */
#ifndef HONE_CODEGEN_PLAN_H
#define HONE_CODEGEN_PLAN_H
#include "codegen/lower/legal.h"
#include "codegen/lower/lower.h"
#include "ir/dot.h"

enum { MAX_LOOP = GROUP_MAX_AXIS * LEVEL_MAX, MAX_MEMBER = 160, MAX_GUARD = 24, MAX_PACK = 16, VT_BASE = 0x8000, MAX_DIMS = 16 };
#define BIT(l) (UINT64_C(1) << (l))
#define IS_ARG(red) ((red) == RED_argmax || (red) == RED_argmin)

enum mark { MARK_SERIAL, MARK_UNROLL, MARK_VECTOR, MARK_SUB }; /* the last three: register loops, expanded by the emitter */

struct paxis {
  sym_t sym;
  poly_t lo, hi;            /* of the first member that walks it, relaxed to dims */
  bool uniform;             /* the same for all members */
  int64_t ext;              /* constant extent, or -1 */
  uint8_t ntile;
  int64_t tile[LEVEL_MAX];  /* tile[l]: elements that loop l walks; loop ntile walks all */
};
struct ploop {
  bool used, trivial;       /* trivial: exactly one iteration, no loop is made */
  bool parallel;
  uint16_t raster, persist; /* parallel: the order of the grid's blocks; how many there are at most. 0: no step says so */
  uint16_t cluster;         /* neighbours that run together */
  bool peel;                /* npeel iterations at each end stand on their own; 0: all do */
  uint8_t mark, unroll, npeel;
  uint8_t matrix;           /* MARK_SUB, sums, steps: the instruction */
  bool sums;                /* MARK_VECTOR of threads: members that sum over it, with other lanes, have it as their sub loop */
  bool steps;               /* MARK_VECTOR of a CPU: members that sum a rounded product over it, with other lanes, take as many terms at a time as the instruction */
  uint16_t lanes;
  bool rows;                /* MARK_VECTOR: the digit above those of the other vector loops (`threads`) */
  uint8_t digit;            /* MARK_VECTOR: the lowest bit of a thread's number that the lane stands for */
  uint16_t warps;           /* MARK_VECTOR: groups of these lanes, each with a stretch of the tile; their digit */
  uint8_t warp_digit;
  uint16_t piece;           /* MARK_VECTOR: neighbours that a lane takes at a time */
  int64_t step;
};
struct ppack {
  uint8_t loop;
  bool keep;                /* copy: own order of dimensions */
  bool writes;              /* prefetch: of a tile that is written */
  uint8_t stage;            /* pack: how it is staged (enum stageflag); 0: it is not */
  uint16_t tensor;
};
struct pcompute {           /* a private temp computed inside a loop, and the equation that gives it */
  uint8_t loop;
  uint16_t tensor;
  const struct member *m;
};
struct vtensor {            /* a temp made by lowering: number VT_BASE + index */
  const char *name;
  uint8_t type, rank;
};

enum mkind { MK_EQ, MK_SAVE /* of the running state */, MK_SCALE /* of a partial result */ };
struct member {
  struct eq *e;             /* own copy; lhs may be virtual; bounds relaxed, what that lost stands in guards */
  uint8_t kind;
  uint16_t aux;             /* argmin/argmax: virtual tensor of the best value; else UINT16_MAX */
  uint8_t npg;              /* the first npg of e->guard restrict all that is written, the others the reduction */
  uint8_t nsoft;            /* behind e->guard[nguard): where one fails nobody reads the result; loops may be clipped by them, no more */
  bool on_stream;           /* takes part in the stream loop as a running member */
  uint64_t walks, red, reg; /* loops; those of reduced axes; those that live in registers */
  int vec;                  /* the loop on its lanes, or -1 */
  int thr;                  /* the loop on its rows of threads, or -1; like vec it is innermost, around vec */
  int sub;                  /* the loop whose iterations one matrix instruction adds up in a lane, or -1; innermost, inside the lanes */
  bool acc;                 /* accumulates in registers */
  bool zeroed;              /* what it makes is 0 where its guards or the ends of its lanes cut it: a factor that stays in registers (sums) */
  bool vanishes;            /* its terms are 0 there: they have such a factor */
  bool tile;                /* accumulates in matrix tiles (mtile.c): the loops of `block` are not the nest's */
  int row;                  /* tile: the loop of the rows of the block, or -1; vec is that of its columns */
  uint64_t block;           /* tile: row, vec, sub and run */
  uint64_t run, outer;      /* reduction loops inside / outside of the accumulator */
  bool first;               /* "first and last iteration" of the outer loops can be told */
};

struct plan {
  struct arena *a;
  const struct groups *gs;
  const struct group *g;
  unsigned gi;
  const struct kernel *k;
  const struct limits *lim;
  const struct lower_opts *o;
  unsigned naxis;
  struct paxis axis[GROUP_MAX_AXIS];
  struct ploop loop[MAX_LOOP];
  uint8_t order[MAX_LOOP];
  unsigned norder;
  unsigned npack, nprefetch, nstream, ncompute;
  struct ppack pack[MAX_PACK], prefetch[MAX_PACK];
  struct pcompute compute[MAX_PACK];
  uint16_t stream_tensor[MAX_PACK];
  unsigned nout;
  uint16_t out[MAX_PACK];   /* tensors whose whole tiles go through shared memory */
  int stream_top;           /* the running loop, or -1 */
  bool split;               /* gs is what the split step made of the group */
  unsigned threads;         /* of a block: lanes and rows of threads */
  unsigned nmember;
  struct member *member;    /* [MAX_MEMBER] */
  unsigned nvt;
  struct vtensor *vt;       /* [MAX_MEMBER] */
  const char *why;          /* set when the schedule is not legal */
};

/* plan.c: reads a schedule. false: p->why says which step breaks which rule. */
bool plan_make(struct plan *p, struct arena *a, const struct groups *gs, unsigned g, const struct sched *s, const struct limits *lim,
               const struct lower_opts *o);
const char *plan_loop_name(const struct plan *p, unsigned loop);
/* width.c */
unsigned expr_widest(expr_t x, sym_t lane); /* bytes of the widest type in x that lanes along the axis hold, at least 1 */
enum { WOVEN_STEP = 8 /* elements between lanes that whole vectors hold (codegen/emit/weave.c) */ };
bool lanes_find(struct plan *p, unsigned l); /* of a vector loop, into p; false: there is a reason in p->why */
int plan_axis(const struct plan *p, sym_t s);             /* -1: not an axis of the group */
bool plan_streams(const struct plan *p, const struct member *m, const struct access *a); /* a store of m to a goes past the caches */
/* Is it the loop of a matrix instruction, to some members at least? */
static inline bool loop_is_sub(const struct plan *p, unsigned l) {
  return p->loop[l].mark == MARK_SUB || p->loop[l].sums;
}
/* Is the loop done by a matrix instruction of warps? */
static inline bool loop_by_warps(const struct plan *p, unsigned l) {
  return loop_is_sub(p, l) && (p->loop[l].matrix == MATRIX_mma || p->loop[l].matrix == MATRIX_wgmma);
}
/* members.c: equations -> members; then what each loop means to each of them (after all marks are known). */
bool members_make(struct plan *p);
bool members_stream(struct plan *p);   /* adds what the running loop needs; drops it where it cannot be done */
bool member_analyse(struct plan *p, struct member *m);
static inline bool on_lanes(const struct member *m, unsigned l) {
  return m->vec == (int)l || m->thr == (int)l;
}
bool members_analyse(struct plan *p);
uint8_t tensor_type(const struct plan *p, unsigned tensor);
unsigned tensor_rank(const struct plan *p, unsigned tensor);
bool tensor_shrinks(const struct plan *p, unsigned tensor); /* virtual, or private to the group */
/* deps.c */
struct reads { unsigned n; const struct access *acc[64]; bool more; };
void member_reads(const struct member *m, unsigned tensor, struct reads *out);
bool member_touches(const struct plan *p, const struct member *m, unsigned tensor);
/* May an earlier and a later member share loop l, when the axes in `fixed` have the same value in both? */
bool deps_share(const struct plan *p, const struct member *m, const struct member *n, unsigned l, uint32_t fixed);
bool deps_any(const struct plan *p, const struct member *m, const struct member *n);
bool deps_flow(const struct member *m, const struct member *n);

/* ---- construction ---- */
struct place {              /* where the elements of a tensor are, from here inwards */
  uint16_t tensor, object;
  uint8_t kind;             /* enum placekind */
  uint8_t nd;
  uint8_t dim[MAX_DIMS];    /* PLACE_REG, PLACE_PACK: loops */
  uint32_t counted;         /* PLACE_REG: dims whose vectors have a dimension of their own */
  poly_t *base;             /* PLACE_MEM, PLACE_COPY: subtracted from each subscript */
  const struct subscript *ix; /* PLACE_PACK, PLACE_COPY: the access that it stands for */
  unsigned rank;
  bool guarded;             /* a pack that holds the values of guarded reads */
  uint64_t filled;          /* a pack: in tiles of these loops that the end of the axis cuts it goes on with zeros */
  bool wide;                /* a pack that holds elements as `type`, not their own: narrow floats as f32, those of 8 bits for matrix instructions as f16 or bf16 */
  uint8_t type;
  int8_t inner;             /* PLACE_PACK: the axis whose one dimension all its loops walk together, or -1 */
  bool padded;              /* a pack that goes on with zeros to whole steps of the reader's sub loop */
  const struct member *only; /* NULL: for all */
  struct place *next;
};
enum placekind { PLACE_MEM, PLACE_REG, PLACE_PACK, PLACE_COPY };
struct when {               /* a sunk member runs only where guard >= 0 */
  const struct member *m;
  poly_t guard;
  struct when *next;
};
struct sink {               /* buffers allocated at the root or in the body of a parallel loop */
  unsigned n;
  uint16_t *object;
};
enum axmode { AX_OPEN, AX_FULL, AX_EDGE, AX_NARROW };
struct env {
  uint8_t order[MAX_LOOP];
  unsigned n;
  uint64_t open, serial;    /* serial: register loops that this edge body walks one at a time */
  poly_t val[MAX_LOOP];     /* what an open loop adds to its axis */
  poly_t idx[MAX_LOOP];     /* open unrolled loop: its counter; vector loop: number of the vector */
  poly_t warp[MAX_LOOP];    /* open vector loop of several warps: which one */
  poly_t part[MAX_LOOP];    /* open vector loop with pieces: counter within the piece */
  sym_t lane[MAX_LOOP];
  uint8_t mode[GROUP_MAX_AXIS];
  uint8_t rest[GROUP_MAX_AXIS]; /* AX_NARROW: elements of the cut tile; 0: axis_rest */
  bool edge;                /* inside an edge body: no more full bodies */
  bool solo;                /* one body for whole and cut tiles: sums need no masks, what is stored decides for itself (edge_both) */
  bool held;                /* solo, and factors in registers are 0 where something is cut (held.c) */
  bool whole;               /* all lanes run although the tile may be cut: what they read is there, what they make is not stored */
  bool tried;               /* edge_inside was asked */
  bool sole;                /* it is known here that the tile is cut: no full body stands beside the edge body */
  unsigned nknown;
  poly_t known[MAX_GUARD];  /* guards that hold here (over axis symbols) */
  struct place *places;
  struct when *whens;
  struct sink *sink;
  const struct member *accs[MAX_MEMBER / 4];
  unsigned naccs;           /* members whose accumulator is open */
};
struct set {
  unsigned n;
  const struct member **m;
};
struct build {
  struct plan *p;
  struct arena *a;
  struct lfunc *f;
  sym_t sym[MAX_LOOP], vsym[MAX_LOOP], lsym[MAX_LOOP], psym[MAX_LOOP], wsym[MAX_LOOP], atsym[MAX_LOOP];
  unsigned stack_bytes;
  int64_t staged_bytes;     /* of shared memory */
  const char *why;          /* set when something cannot be expressed after all */
};
struct stmts { unsigned n, cap; struct lstmt **s; };

void stmts_add(struct build *b, struct stmts *l, struct lstmt *s);     /* NULL is left out */
struct lstmt *stmts_block(struct build *b, const struct stmts *l);    /* NULL when empty */
poly_t cpoly(struct build *b, int64_t c);

/* nest.c */
struct lstmt *nest_build(struct build *b, const struct set *s, unsigned pos, const struct env *e);
struct lstmt *nest_init(struct build *b, const struct member *m, unsigned pos, const struct env *e);
/* What stands in loop l, which is open in `in` and was not in e. */
struct lstmt *nest_loop_body(struct build *b, const struct set *s, unsigned l, unsigned pos, const struct env *e, struct env *in);
/* Loop l, not open yet in `in`, which has its bounds' guards: shared out to threads where the schedule says so. */
struct bounds;
struct lstmt *nest_loop(struct build *b, const struct set *s, unsigned l, unsigned pos, const struct env *e, struct env *in, const struct bounds *bd);
struct lstmt *nest_fission(struct build *b, const struct set *s, unsigned pos, const struct env *e); /* each member on its own */
bool walks_here(const struct member *m, const struct env *e, unsigned l);
/* region.c */
poly_t axis_base(struct build *b, const struct env *e, unsigned axis);       /* sum of open loops, NULL when none is */
int axis_inner(const struct plan *p, const struct env *e, unsigned axis);    /* the outermost loop not open; -1: all are */
/* The first and the last index that the loops of an axis inside here walk; not all of them are open. */
void axis_ends(struct build *b, const struct env *e, const struct member *m, unsigned a, poly_t *first, poly_t *last);
poly_t env_at(struct build *b, const struct env *e, poly_t x);               /* open axes put in */
bool env_extreme(struct build *b, const struct env *e, const struct member *m, poly_t x, bool max, poly_t *out);
/* The same, but the axes of `keep` stay as symbols. */
bool env_extreme_keep(struct build *b, const struct env *e, const struct member *m, poly_t x, bool max, uint32_t keep, poly_t *out);
const struct axis *member_axis(const struct plan *p, const struct member *m, unsigned axis);
int64_t loop_span(const struct plan *p, unsigned l);                          /* elements that loop l walks at most; 0: not constant */
bool poly_over_dims(const struct kernel *k, poly_t x);
/* tile.c */
struct bounds { unsigned nlo, nhi; poly_t lo[8], hi[8]; unsigned nfrom; poly_t from[8]; /* iterations wholly before these have nothing to do */ };
void loop_bounds(struct build *b, const struct set *s, unsigned l, const struct env *e, struct bounds *o, struct env *inner);
unsigned loop_tests(struct build *b, const struct set *s, unsigned l, struct env *e, poly_t *g, unsigned max);
void loop_open(struct build *b, unsigned l, struct env *e);
struct lstmt *loop_close(struct build *b, unsigned l, const struct env *e, const struct bounds *bd, struct lstmt *body);
/* pack.c: is what the access reads contiguous along s? */
bool pack_runs_along(struct arena *a, const struct access *r, sym_t s);
/* compute.c: what stands inside loop l behind the packs: the temps computed there, then the nest */
struct lstmt *compute_body(struct build *b, const struct set *s, unsigned l, unsigned pos, const struct env *e);
bool compute_read(struct plan *p, unsigned loop, unsigned tensor);
bool compute_check(struct plan *p);
/* peel.c: the loop with its ends, or all of it, as single iterations; NULL: its bounds are not constant enough, it stays whole */
struct lstmt *loop_peeled(struct build *b, const struct set *s, unsigned l, unsigned pos, const struct env *e, const struct env *inner, const struct bounds *bd,
                          bool once);
enum { PEEL_EACH = 16, PEEL_ALL = 64 };                                       /* bodies of one loop; of all peeled loops together */
bool peel_check(struct plan *p);
/* unroll.c: register loops */
void reg_open(struct build *b, unsigned l, struct env *e);
void sub_open(struct build *b, unsigned l, struct env *e);                     /* the sub loop of a matrix instruction */
struct lstmt *reg_close(struct build *b, const struct member *m, unsigned l, const struct env *outer, struct lstmt *body);
struct lstmt *reg_vector(struct build *b, unsigned l, struct lstmt *body);     /* one whole vector of loop l, no pieces */
struct lstmt *reg_parts(struct build *b, unsigned l, unsigned from, struct lstmt *body); /* the loop over a piece, inside a vector */
/* What is left of a cut axis where vector loop l begins, in elements; NULL: the loop is not cut. outer: before it was opened. */
poly_t reg_left(struct build *b, const struct member *m, unsigned l, const struct env *outer);
/* A cut vector loop whose vectors run one after the other, as many as there are: opens it, the result is the element that one begins at; one vector,
   of which `left` elements are there (NULL: all); the loop around whole vectors and the last one. */
poly_t reg_open_at(struct build *b, unsigned l, struct env *e);
struct lstmt *reg_vector_upto(struct build *b, unsigned l, poly_t left, struct lstmt *body);
struct lstmt *reg_close_at(struct build *b, unsigned l, const struct env *outer, poly_t left, struct lstmt *whole, struct lstmt *cut);
/* Where a cut axis ends inside a piece, lanes cannot be masked as a whole: *g is what its statements must ask. false: nothing to ask. */
bool reg_piece_guard(struct build *b, const struct member *m, unsigned l, const struct env *e, poly_t *g);
int64_t reg_count(const struct plan *p, const struct env *e, unsigned l);    /* iterations or vectors */
int64_t axis_rest(const struct plan *p, unsigned axis);                      /* constant size of the cut tile, or 0 */
/* edge.c */
bool edge_wanted(struct build *b, const struct set *s, unsigned pos, const struct env *e);
/* What fn makes in an environment with masked lanes; where there is one body for all tiles, a second time without masks for whole tiles. */
typedef struct lstmt *edge_fn(struct build *b, const struct env *e, void *ctx);
struct lstmt *edge_both(struct build *b, const struct env *e, const struct member *m, edge_fn *fn, void *ctx);
/* The same for members with factors in registers, where no guard and no end cuts the tile: theirs are all made, so nothing is asked. */
struct lstmt *edge_uncut(struct build *b, const struct env *e, const struct set *s, edge_fn *fn, void *ctx);
/* In loop l inside a cut tile: conditions under which what stands in it finds the tile full, and the environment for that; 0: it cannot be told.
   cond: room for MAX_GUARD + GROUP_MAX_AXIS. */
unsigned edge_inside(struct build *b, const struct set *s, unsigned l, struct env *e, struct env *full, poly_t *cond);
struct lstmt *edge_split(struct build *b, const struct set *s, unsigned pos, const struct env *e);
/* storage.c */
const struct place *place_of(const struct env *e, const struct member *m, unsigned tensor, const struct subscript *ix);
/* Another member writes other elements of the tensor (t[i, 0] and t[i, 1]): one register cannot stand for both. */
bool other_writer(struct build *b, unsigned tensor, const struct member *m);
bool place_memory(struct build *b, unsigned tensor, const struct member *producer, struct env *e);
struct access *place_reg(struct build *b, const struct env *e, const struct place *x);
struct access *place_access(struct build *b, const struct env *e, const struct member *m, unsigned tensor, const struct subscript *ix, unsigned rank);
expr_t place_expr(struct build *b, const struct env *e, const struct member *m, expr_t x);
void sink_add(struct build *b, struct sink *s, unsigned object);
struct lstmt *sink_wrap(struct build *b, const struct sink *s, struct lstmt *body);
unsigned buffer_new(struct build *b, const struct env *e, const char *name, unsigned type, unsigned rank, const poly_t *extent, const poly_t *stride);
/* accum.c */
struct accum {
  const struct member *m;
  unsigned pos;                       /* of its outermost loop in the order */
  bool lanes;                         /* a reduction axis is on vector lanes: all has them, tot has not */
  bool late;                          /* starts neutral; the start value or earlier partial results are joined at the end */
  struct place *all, *tot, *best;     /* register objects: what is added to; the result; argmin/argmax: the best value */
  struct place *bests;                /* argmin/argmax: the best values beside `all`; the same as best without lanes */
  struct place *first;                /* argmin/argmax on lanes: the least index of the best */
};
bool accum_open(struct build *b, const struct member *m, unsigned pos, const struct env *e, struct accum *o, struct env *inner);
void accum_publish(struct build *b, const struct accum *c, struct env *e);
struct lstmt *accum_init(struct build *b, const struct accum *c, const struct env *e);
struct lstmt *accum_finish(struct build *b, const struct accum *c, const struct env *e); /* the result is in registers */
struct lstmt *accum_store(struct build *b, const struct accum *c, const struct env *e);
/* Conditions of the first iteration of m's outer reduction loops, where m->first: into g[MAX_LOOP]. */
unsigned accum_first(struct build *b, const struct member *m, const struct env *e, poly_t *g);
/* vector.c: the innermost */
struct lstmt *leaf_build(struct build *b, const struct set *s, const struct env *e);
struct lstmt *when_wrap(struct build *b, const struct env *e, const struct member *m, struct lstmt *s);
expr_t member_init(struct build *b, const struct member *m);  /* start of the accumulator, in its type */
expr_t member_start(struct build *b, const struct member *m); /* argmin/argmax: the value to beat */
uint8_t member_type(const struct member *m);                  /* of the accumulator */
/* For files that add members of their own: NULL, UINT16_MAX when the group is too large. */
struct member *member_add(struct plan *p, const struct eq *e);
unsigned member_temp(struct plan *p, const char *name, enum dtype type, unsigned rank);
poly_t *member_subs(struct plan *p, const struct eq *e);                     /* [npar] the parallel axes */
/* bias.c: i8 x i8 as u8 x i8 */
bool bias_members(struct plan *p);
/* tensorize.c: the sub loop of matrix instructions */
int tensorize_loop(const struct plan *p, const struct member *m);            /* m->sub; lanes known */
bool tensorize_read(struct plan *p, struct step s);
bool tensorize_check(struct plan *p);
bool tensorize_tile(const struct build *b, const struct set *s, unsigned l, const struct env *e); /* loop l of the sum always walks its whole tile */
/* Members that make or read factors that stay in registers: which guards need not be asked any more. */
void held_settle(struct plan *p);
bool member_unread(struct plan *p, const struct member *m, poly_t g);        /* members.c: nobody reads m's private result where g fails */
/* held.c: is the first factor of m's product over l (sums) made by the threads that need it? The member that makes it, or NULL. */
const struct member *held_maker(const struct plan *p, const struct member *m, unsigned l, expr_t factor);
bool held_any(const struct plan *p);                                         /* elements stand on the same threads in all tiles, also cut ones */
bool held_by(const struct plan *p, const struct member *m);                  /* m's product has such a factor */
/* The value of a member that is `zeroed`: 0 where one of the guards (open axes put in) fails, or its lanes end. */
expr_t held_value(struct build *b, const struct member *m, const struct env *e, const poly_t *guard, unsigned n, expr_t value);
bool held_inside(const struct build *b, const struct member *m, const struct env *e); /* may m run in all threads whatever is cut? */
/* own.c: buffers whose elements stay with one thread become registers */
void own_registers(struct lfunc *f, struct lstmt *body);
bool tensorize_whole(const struct plan *p, unsigned sub);                    /* no step of the loop is ever cut */
struct lstmt *tensorize_close(struct build *b, const struct env *outer, const struct member *m, struct lstmt *body);
/* steps.c: is m such a product over l (steps)? The loops of such products, once the nest stands. */
bool steps_product(const struct plan *p, const struct member *m, unsigned l);
void steps_cut(struct build *b, struct lstmt *body);
/* mtile.c: sums in matrix tiles */
const char *mtile_refuses(const struct plan *p, const struct member *m, unsigned sub); /* NULL: m's product over sub may have them */
void mtile_take(const struct plan *p, struct member *m);                     /* m->sub is known */
const char *mtile_disturbed(const struct plan *p, const struct member *m);   /* by other steps; NULL: by none */
struct lstmt *mtile_build(struct build *b, const struct member *m, const struct env *e);
/* pack.c */
bool pack_check(struct plan *p);
/* What is packed in loop l: that which is staged, or the rest. */
struct lstmt *pack_at(struct build *b, const struct set *s, unsigned l, struct env *e, bool staged);
/* What an operand is packed as for matrix instructions: another type than its own where all that read it take it so. */
enum dtype pack_operand_type(const struct plan *p, unsigned tensor);
expr_t member_read_of(const struct member *m, unsigned tensor); /* the first read of the tensor in m, or NULL */
/* size.c: machine instructions that a nest becomes, roughly; whether that is more than lower_opts allow (NULL: no), and whether a plan may give a nest of which it is
   (false: surely not), without making it. */
double size_nest(const struct lfunc *f, const struct lstmt *s, const struct limits *lim);
const char *size_refuses(struct build *b, const struct lstmt *s);
bool size_may_exceed(const struct plan *p);
/* lower.c: makes the nest of one group for nobody. NULL: it can be made. */
const char *lower_refuses(struct plan *p);
/* split.c: on blocks of threads, group g with the parts that the schedule's `split` makes and, right behind it, a group of what follows their sums; the
   schedule is then that of the first, without the step. NULL: it stays one group, as it was. */
const struct groups *split_in_two(struct arena *a, const struct groups *gs, unsigned g, struct sched *s, bool strict);
/* out.c: the body with the stores of whole tiles of staged results through shared memory; b->why: there is none. */
struct lstmt *out_tiles(struct build *b, struct lstmt *body);
/* prefetch.c */
bool prefetch_check(struct plan *p);
struct lstmt *prefetch_at(struct build *b, const struct set *s, unsigned l, const struct env *e);
#endif
