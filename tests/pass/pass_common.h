/* Shared by the pass tests: reading kernels, running passes by name, calling kernels on random memory. */
#ifndef HONE_TESTS_PASS_COMMON_H
#define HONE_TESTS_PASS_COMMON_H
#include "compiler/pass/passes.h"
#include "ir/interp.h"

struct bench { /* one arena, one diag, for one test */
  struct arena *a;
  struct diag *d;
};
void bench_open(struct bench *b);
void bench_close(struct bench *b);
/* Fails the running test with the diagnostics when st is not ST_OK. */
void bench_expect_ok(struct bench *b, enum status st, const char *what);

char *read_file(struct arena *a, const char *path, size_t *len); /* NULL when it cannot be read */
struct kernel *parse_kernel(struct bench *b, const char *name, const char *text, size_t len);
/* Runs the passes of the pipeline from `first` to the end of the comma list `names` on a copy. */
struct unit run_passes(struct bench *b, const struct kernel *k, const char *names);
struct groups *run_pipeline(struct bench *b, const struct kernel *k, bool strict);

/* Values for all parameters; seeded. Floats are drawn from [-1, 1), or with `special` sometimes -inf and NaN; integers small, so that none overflows. */
struct args *make_args(struct bench *b, const struct kernel *k, const char *dims, uint64_t seed, bool special);
struct args *copy_args(struct bench *b, const struct kernel *k, const struct args *x);
double element(const struct kernel *k, const struct args *x, unsigned param, int64_t i); /* integers as doubles, their 64 bits taken as signed */
int64_t elements(const struct kernel *k, const struct args *x, unsigned param);
#endif
