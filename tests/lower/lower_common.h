/* Shared by the lowering tests: kernels from text, schedules by text or at random, lowered functions against the interpreter of equations. */
#ifndef HONE_TESTS_LOWER_COMMON_H
#define HONE_TESTS_LOWER_COMMON_H
#include "codegen/lower/legal.h"
#include "compiler/pass/passes.h"
#include "ir/interp.h"

struct lab {
  struct arena *a;
  struct diag *d;
  struct limits lim;
  struct lower_opts o;
};
void lab_open(struct lab *b, unsigned vector_bytes);
void lab_close(struct lab *b);
char *lab_messages(struct lab *b);                           /* all diagnostics so far, in the arena */
char *lab_file(struct lab *b, const char *path, size_t *len); /* NULL when it cannot be read */
struct kernel *lab_kernel(struct lab *b, const char *text, size_t len); /* the first; NULL: refused */
struct kernel *lab_fixed(struct lab *b, const struct kernel *k, const char *dims); /* dims as constants; k itself when dims do not parse */
struct groups *lab_groups(struct lab *b, const struct kernel *k, bool passes);
bool lab_sched(struct lab *b, const struct groups *gs, unsigned g, const char *text, struct sched *s);
/* NULL, or why the schedules give something else than the equations of `spec` at these dims. skipped: the specification itself is not defined there. */
const char *lab_check(struct lab *b, const struct kernel *spec, const struct groups *gs, const struct sched *s, const char *dims, uint64_t seed,
                      bool *skipped);

/* How lab_check runs a lowered function: lfunc_interp; tests/emit/random.c puts compiled code here. */
extern enum status (*lab_run)(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d);

/* A run may answer ST_INFEASIBLE: the case is skipped. */
extern bool lab_may_refuse;
/* Bytes are of all values, not only small ones. */
extern bool lab_all_bytes;
/* When set: changes the limits that lab_open sets. */
extern void (*lab_limits)(struct limits *lim);

uint64_t lab_random(uint64_t *state);
#endif
