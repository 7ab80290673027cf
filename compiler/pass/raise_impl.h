/* Shared by the raise_*.c files only. */
#ifndef HONE_COMPILER_RAISE_IMPL_H
#define HONE_COMPILER_RAISE_IMPL_H
#include "ir/prove.h"
#include "ir/source.h"
#include <limits.h>
#include <setjmp.h>

enum { RAISE_LOOPS = 24, RAISE_FACTS = DOMAIN_FACTS, RAISE_RANK = 12, RAISE_NODES = 400, RAISE_ITEMS = 400, RAISE_TESTS = 100000, RAISE_FUEL = 3000000 };

enum objkind {
  OBJ_PARAM,
  OBJ_LOCAL, /* array declared in the function */
  OBJ_TEMP,  /* a scalar's value that had to be kept, one element per iteration of the loops around it */
  OBJ_PHI    /* what a scalar holds when an iteration starts; must be gone when the loop closes */
};
struct obj {
  const char *name;
  uint8_t type, kind, rank;
  bool keep;               /* do not expand over the loop that closes now: the result of its reduction */
  poly_t *extent, *stride; /* OBJ_PARAM, OBJ_LOCAL: the dims it was declared with, behind `nlead` */
  unsigned stamp;          /* OBJ_LOCAL: when its declaration was met */
  uint8_t nlead;           /* dims added in front by loops around it */
  struct bound lead[RAISE_RANK];
  struct loc loc;
};

struct raxis {
  struct bound b;
  bool red;
};
/* lhs[idx] = red(reduced axes | guard) body from init, over all other axes, where cond holds. The right side is wholly evaluated first.
   A select inside body is lazy, as in C, until raise_emit. */
struct item {
  uint16_t lhs;
  uint8_t rank, nax, red;
  bool fmax;               /* max/min by fmax/fmin: right only from an init that is no NaN */
  unsigned nguard, nwhere;
  poly_t *idx;
  poly_t *guard;           /* of an assignment: where it happens; of a reduction: which terms there are */
  poly_t *where;           /* of a reduction: where it happens (a temp: where its value is wanted); those with a reduced axis say nothing */
  struct raxis *ax;        /* outermost first */
  expr_t cond;             /* guard that is not affine; NULL */
  expr_t body, init, start;
  unsigned origin;         /* number of the store it was made from: the parts that a condition cut it into touch different elements */
  struct loc loc;
};
struct items {
  unsigned n, cap;
  struct item **v;
};

struct raise {
  struct arena *a;         /* where to allocate now: main, or in a dependence test the arena of the tests */
  struct arena *main, *proofs, *tests; /* the last two are emptied after each proof, each test */
  unsigned ntests;
  long fuel;               /* steps that proofs may still take in all */
  const struct lfunc *f;
  bool strict;             /* struct source's */
  bool rolled;             /* a loop was unrolled by hand */
  unsigned nsym;           /* the function's symbols, then fresh ones */
  unsigned nobj, capobj;
  struct obj *obj;
  struct bound loop[RAISE_LOOPS]; /* open loops, outermost first */
  unsigned nloop;
  poly_t fact[RAISE_FACTS];       /* guards around the current statement */
  unsigned nfact;
  struct items *out;       /* the current list */
  expr_t *env;             /* [nlocal] value of each scalar; NULL: none */
  bool *lost;              /* [nlocal] its value is that of some last iteration */
  unsigned *uses;          /* [nlocal] reads in the function */
  bool whole;              /* loops are not cut into sections */
  bool cut;                /* some were */
  bool unroll;             /* short loops are written out */
  unsigned nassume, nitems, depth, stamps, origins;
  poly_t assume[RAISE_FACTS];
  struct loc at;           /* of the current statement */
  jmp_buf jmp;
  const char *why;
  struct loc why_loc;
};

/* --- raise.c --- */
_Noreturn void raise_no(struct raise *r, struct loc at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
sym_t raise_sym(struct raise *r);
void raise_objects(struct raise *r);                               /* those of r->f */
unsigned raise_obj(struct raise *r, const char *name, enum dtype t, enum objkind k);
const char *raise_sym_name(const struct raise *r, sym_t s);
struct item *items_add(struct raise *r, struct items *l, struct item *it);
void items_remove(struct items *l, unsigned at);
expr_t raise_read(struct raise *r, unsigned obj, unsigned rank, const poly_t *idx);
expr_t item_self(struct raise *r, const struct item *it);          /* read of lhs[idx] */
bool item_is_red(const struct item *it);                           /* has a reduced axis */

/* --- raise_tree.c: looking at statements and expressions --- */
void tree_visit(const struct lstmt *s, void (*stmt)(const struct lstmt *, void *), void (*expr)(expr_t, void *), void *ctx);
bool tree_sets(const struct lstmt *s, unsigned local);
bool tree_uses(const struct lstmt *s, unsigned local);
bool tree_stores(const struct lstmt *s, unsigned obj);
unsigned tree_accesses(const struct lstmt *s, unsigned obj);         /* reads and stores of the object */
unsigned tree_reads(const struct lstmt *s, unsigned local);          /* how often it names the local's value */
void tree_bound(const struct lstmt *s, bool *sym);                   /* [nsym] true for each counter and each let in it; others stay as they are */
bool tree_exposes(const struct lstmt *s, unsigned local);          /* may read the local's value from before s */
bool tree_always_sets(const struct lstmt *s, unsigned local);      /* sets it, before any read, on every path */
/* A place: in statement s, before its number `next`. */
struct tree_frame {
  const struct lstmt *s;
  unsigned next;
  const struct tree_frame *around;
};
bool tree_read_behind(const struct tree_frame *at, unsigned local); /* may what runs from there on read the local before it is set again? */
bool expr_uses(expr_t x, unsigned local);
unsigned expr_nodes(expr_t x);
/* Copy of the tree with every poly, every access replaced; either function may be NULL. */
struct tree_map {
  struct arena *a;
  poly_t (*poly)(struct arena *, poly_t, void *);
  expr_t (*expr)(struct arena *, expr_t, void *);
  const struct access *(*store)(struct arena *, const struct access *, void *);
  void *ctx;
};
struct lstmt *tree_copy(const struct tree_map *m, const struct lstmt *s);

/* --- raise_cond.c: conditions --- */
/* cond (negated when neg) as a conjunction: affine parts into guard[*n], at most max; the rest is returned (NULL: nothing is left). */
expr_t cond_split(struct raise *r, expr_t cond, bool neg, poly_t *guard, unsigned *n, unsigned max);
expr_t cond_join(struct raise *r, unsigned n, const poly_t *guard, expr_t rest);  /* as a bool expression; NULL: true */
expr_t cond_not(struct raise *r, expr_t c);
bool expr_poly_value(struct raise *r, expr_t x, poly_t *p);        /* the integer value of x as a polynomial */

/* --- raise_prove.c --- */
void domain_init(struct raise *r, struct domain *d);               /* the open loops and guards */
void domain_in(struct raise *r, struct domain *d, const struct bound *b);
/* The item's axes and guards. outer: where its result is stored and its start is computed, which is also where there are no terms. */
void domain_item(struct raise *r, struct domain *d, const struct item *it, bool outer);
void raise_open(struct raise *r, const struct item *it);           /* as if the statement stood in the item's loops; at top level only */
void raise_shut(struct raise *r);
bool prove_ge0(struct raise *r, const struct domain *d, poly_t p);
/* Upper bound of p over dims alone. */
bool prove_max(struct raise *r, const struct domain *d, poly_t p, poly_t *max);
bool prove_min(struct raise *r, const struct domain *d, poly_t p, poly_t *min);
bool prove_meet(struct raise *r, struct domain *d, poly_t *eq, unsigned n);

/* --- raise_depend.c --- */
/* Can x's access in iteration i of the loop and y's in iteration i' touch one element? later: i' > i, else i' == i. */
struct touch { const struct access *x; bool outer; };
bool may_conflict(struct raise *r, const struct bound *loop, const struct item *x, struct touch tx, const struct item *y, struct touch ty, bool later);
struct touch item_store(struct raise *r, const struct item *it);
struct reads { unsigned n; struct touch *v; };
struct reads item_reads(struct raise *r, const struct item *it, bool self_init); /* self_init: also the read of lhs[idx] in init */
_Noreturn void raise_recurrence(struct raise *r, const struct item *w, const struct access *wx, const struct access *rx, const struct bound *loop);
const char *access_text(struct raise *r, const struct access *x);
const char *poly_text(struct raise *r, poly_t p);

/* --- raise_argidx.c --- */
void raise_argidx(struct raise *r);                                /* if (x[c] > x[best]) best = c: with the value beside its place */

/* --- raise_unroll.c --- */
struct lstmt *raise_unroll(struct raise *r, struct lstmt *s, bool *any); /* short loops that carry a scalar written out; *any: there were some */

/* --- raise_reroll.c --- */
void raise_reroll(struct raise *r);                                /* loops unrolled by hand, and what is left over, as one loop */

/* --- raise_sections.c --- */
void raise_sections(struct raise *r);                              /* loops in which conditions on the counter choose what is read, by sections; r->cut: there were some */

/* --- raise_let.c --- */
void raise_lets(struct raise *r);                                  /* r->f without L_LET: its symbols become values again */

/* --- raise_strides.c --- */
struct lstmt *raise_strides(struct raise *r, struct lstmt *body);  /* flat arrays become arrays with dims and strides */

/* --- raise_walk.c --- */
void raise_walk(struct raise *r, const struct lstmt *s);
unsigned raise_keep(struct raise *r, const char *name, expr_t x);  /* an item for the value x; returns its temp */
void raise_no_scatter(struct raise *r, const struct access *store); /* gives up when a subscript is not affine */
void raise_keep_local(struct raise *r, unsigned local);

/* --- raise_reduce.c --- */
struct peel {
  enum red red;            /* RED_none: the expression is phi itself */
  bool fmax;
  enum dtype wide;         /* type in which terms are added up */
  expr_t term;
  struct item *extend;     /* phi is just this item's start: it goes on over one more axis */
};
/* x == red(phi, term), with phi not in term. false: not of that form; *why may be set. */
bool peel(struct raise *r, struct items *l, expr_t x, expr_t phi, struct peel *p, const char **why);
expr_t peel_rebuild(struct raise *r, const struct peel *p, expr_t phi);
/* Scalars that go round the loop become reductions: items behind those of the body, values in env. phi[v]: NULL or its read at the start;
   exposed[v]: the body may read it. */
void raise_accumulators(struct raise *r, struct items *l, const struct bound *loop, const expr_t *phi, const expr_t *before, const bool *exposed);

/* --- raise_distribute.c --- */
/* The body's items l, which made temps from `mark` on and declared arrays from `stamp` on, over the loop; appended to out. */
void raise_close(struct raise *r, struct items *l, const struct bound *loop, unsigned mark, unsigned stamp, struct items *out);

/* --- raise_clean.c --- */
void raise_clean(struct raise *r, struct items *l);                /* init into reduction, reduction into its copy, dead temps */
void raise_drop_arrays(struct raise *r, struct items *l);          /* local arrays that nobody reads */
void raise_versions(struct raise *r, struct items *l);             /* arrays that are wholly written again get a name per version */
void item_guard(struct raise *r, struct item *it, unsigned n, const poly_t *g, expr_t cond); /* it happens only where all hold */
void item_terms(struct raise *r, struct item *it, unsigned n, const poly_t *g, expr_t cond); /* a reduction has terms only where all hold */
bool item_always(const struct item *it);                           /* stores at every point of its parallel axes */

bool item_covers(struct raise *r, const struct item *w, const poly_t *idx, const struct item *reader, struct touch t);

/* --- raise_finish.c --- */
void raise_finish(struct raise *r, struct items *l);               /* bounds and guards as equations need them */

/* --- raise_shrink.c --- */
void raise_shrink(struct raise *r, struct items *l);               /* temps of sums that are the same in each iteration of a loop have one element for all */

/* --- raise_protect.c --- */
void raise_cond_store(struct raise *r, const struct items *l, unsigned at); /* no condition on values is left on it */
void raise_protect(struct raise *r, const struct items *l, unsigned at); /* no lazy select is left in l[at] */

/* --- raise_bounds.c --- */
void raise_assume(struct raise *r, poly_t p);                      /* p >= 0 has to hold at entry */
bool raise_may_assume(const struct raise *r, poly_t p);             /* nothing that is assumed already says p < 0 */
bool raise_over_dims(const struct raise *r, poly_t p);              /* it speaks of dims alone */
void raise_bounds(struct raise *r, const struct item *it);         /* its accesses stay inside what was declared */

/* --- raise_emit.c --- */
struct kernel *raise_emit(struct raise *r, struct items *l);
#endif
