/* Compiled code in the place of the LOOP interpreter (lab_run): each function is emitted, loaded and called twice, with every buffer before and behind an
   unreadable page. A fault is a failure of its case. */
#ifndef HONE_TESTS_COMPILED_H
#define HONE_TESTS_COMPILED_H
#include "tests/lower/lower_common.h"
#include "runtime/abi.h"
#include <signal.h>
extern const char *compiled_cpu; /* what to compile for; it must run here */
extern void (*compiled_change)(struct target *t); /* when set: makes another target of it */
extern void (*compiled_illegal)(int sig, siginfo_t *info, void *context); /* when set: what handles SIGILL in the call; compiled_fault(SIGILL) ends it */
extern const char *(*compiled_complaint)(void);   /* when set: what is wrong behind a call, or NULL */
extern void (*compiled_parallel)(int64_t n, int64_t grain, hone_rt_body *body, void *ctx); /* hone_rt_parallel */
_Noreturn void compiled_fault(int sig);
enum status compiled_run(const struct lfunc *f, const struct args *a, uint64_t max_ops, struct diag *d);
/* Assembly of the function that the default schedule makes of the kernel at these dims; in the lab's arena. */
char *compiled_text(struct lab *b, const char *kernel, const char *cpu, const char *dims);
/* One group with its default schedule, for compiled_cpu, against the interpreter on data of that seed: what is wrong, or NULL. *ran: set if anything was tried. */
const char *compiled_default(struct lab *b, const char *text, const char *dims, uint64_t seed, bool *ran);
unsigned compiled_count(const char *text, const char *word); /* how often it stands there */
#endif
