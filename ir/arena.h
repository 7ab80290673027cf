/* Memory with a named lifetime. Everything of the IR lives in an arena and dies with it.
   Allocation never returns NULL: when memory is out it jumps to the recovery point that the public API set
   (see oom_guard), so IR code needs no checks. Code that owns something an arena does not (a file, an SQLite handle,
   a process) must not allocate from an arena between acquiring and recording it where its owner can find it. */
#ifndef HONE_IR_ARENA_H
#define HONE_IR_ARENA_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *a);                 /* NULL is fine */
void arena_reset(struct arena *a);                /* keeps the blocks for reuse */
void *arena_alloc(struct arena *a, size_t bytes); /* zeroed, aligned to 16 */
void *arena_dup(struct arena *a, const void *p, size_t bytes);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define ARENA_NEW(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))

/* Recovery point for exhausted memory, one per thread, nestable:
     struct oom_guard g; if (OOM_TRY(&g)) { ...work...; oom_leave(&g); } else { return ST_NOMEM; } */
struct oom_guard { jmp_buf jmp; struct oom_guard *outer; };
void oom_enter(struct oom_guard *g);
void oom_leave(struct oom_guard *g);
_Noreturn void oom_raise(void);                   /* to the innermost guard; aborts with a message when there is none */
#define OOM_TRY(g) (oom_enter(g), setjmp((g)->jmp) == 0)
void *xmalloc(size_t n);                          /* heap, zeroed; oom_raise on failure */
void *xrealloc(void *p, size_t n);
/* Tests: make the n-th allocation from now fail (0 = never). Counts arena blocks and xmalloc alike. */
void oom_fail_after(long n);
long oom_allocations(void);
#endif
