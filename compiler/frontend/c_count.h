/* Counted loops as c_count.c finds them. Shared by it, c_walk.c and c_for.c only. */
#ifndef HONE_COMPILER_C_COUNT_H
#define HONE_COMPILER_C_COUNT_H
#include "compiler/frontend/c_lower.h"

/* The parts of a loop. body: its statements; more: what is done behind them in each iteration besides the step. */
struct parts {
  CXCursor init, cond, inc;
  struct kids body, more;
  bool has_init, has_cond, has_inc;
};

struct counter {
  CXCursor decl;
  const char *name;
  bool inside;  /* declared in the for statement */
  bool goes_on; /* starts with the value it has */
  enum dtype type;
  CXCursor start;
};

enum { MAX_LIMITS = 8 };
/* A counted loop's numbers: it runs for value = start, start + step, … while below (or above, when it runs down) every
   limit, and while `half`, if there is one, is not negative at that value: the condition i < e/c in the form e - c -
   c*i >= 0. by: a step that is no constant (step is then 2 or -2). count: the number of iterations, where it is no
   polynomial and became a symbol. */
struct bounds {
  poly_t start, limit[MAX_LIMITS];
  unsigned n;
  int64_t step;
  poly_t by, count;
  poly_t half_e;
  int64_t half_c;
};

struct walks;
/* The numbers, evaluated where the loop stands; false: it is not a counted one. */
bool c_count(struct cx *x, struct parts *p, struct counter *c, struct bounds *b);
bool c_bound_value(struct cx *x, CXCursor c, bool down,
                   struct cval *v); /* an expression without effects as a polynomial */

bool c_any_assigned(struct cx *x, CXCursor c, struct kids k); /* does k assign a variable that c names? */
bool c_has_effects(struct cx *x, CXCursor c);                 /* may evaluating c change a variable? */
unsigned c_commas(struct cx *x, CXCursor c, CXCursor *out, unsigned max); /* a, b, c as three expressions */
/* p < end, p != end, p > x with a pointer p that each iteration moves by the same number of elements: how many
   iterations there are, counted from 0. All that moves p goes to p->body and p->more. false: no such loop. */
bool c_count_walk(struct cx *x, struct parts *p, struct counter *c, struct bounds *b, const struct known *before,
                  struct walks *walks);

/* --- c_walk.c: what a loop moves by the same amount in each iteration, by number of the variable --- */
enum { MAX_WALKING = 32 };
struct walking {
  unsigned var;
  poly_t start, each, sum; /* where it starts; how far for each unit of the counter; how far in an iteration */
  bool loose;              /* an iteration in which a loop inside runs no iteration moves it by less */
};
struct walks {
  unsigned n;
  struct walking v[MAX_WALKING];
};
/* before: what was known in front of the loop. Called there. */
void c_walks_find(struct cx *x, const struct parts *p, const struct bounds *b, const struct counter *c,
                  const struct known *before, struct walks *out);
void c_walks_start(struct cx *x, const struct walks *all, const struct known *before, poly_t done); /* in the body */
void c_walks_end(struct cx *x, const struct walks *all, const struct known *before,
                 const struct bounds *b); /* behind the loop */
bool c_part_assigns(struct cx *x, struct kids k, CXCursor decl);

/* --- c_turn.c: pointers that change places in each iteration --- */
enum { MAX_TURNS = 8, MAX_PERIOD = 4 };
struct turns {
  unsigned n, nmove, period; /* period: after how many iterations all are where they were */
  bool ok;
  struct {
    CXCursor decl;
    unsigned writes;
    char first;  /* 'r': an iteration reads it before it sets it */
    bool inside; /* declared in the body */
  } v[MAX_TURNS];
  struct {
    uint8_t to, from;
  } move[2 * MAX_TURNS];
  uint8_t at[MAX_PERIOD + 1][MAX_TURNS]; /* by phase: whose place it has */
  struct cptr start[MAX_TURNS];
};
/* Behind such a loop: the phase it ended in is in a local, or (`left` set) that number, below 1 for the first one. */
struct turned {
  struct turns turns;
  unsigned phase;
  poly_t left;
};
/* Asked where the loop stands, with what is known in front of it. tree: the loop; body: its statements. */
bool c_turns_find(struct cx *x, CXCursor tree, struct kids body, struct turns *t);
void c_turns_set(struct cx *x, const struct turns *t, unsigned phase);
/* The statements behind the loop, for each phase; false: the caller goes on with them, they do not care. */
bool c_turned_rest(struct cx *x, const struct turned *end, const struct rest *behind);
bool c_runs_once(struct cx *x, CXCursor do_stmt); /* do { … } while (0) without jumps */
#endif
