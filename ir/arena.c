/* Arenas and recovery from exhausted memory. Blocks double up to 1 MB; a reset keeps them. */
#include "ir/arena.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ZERO_BYTES = 1 << 24 };
struct block {
  struct block *next;
  size_t cap, used;
  bool zero; /* nothing of it was used yet, and it is zeros */
  max_align_t mem[];
};
struct arena {
  struct block *first, *cur;
};

static _Thread_local struct oom_guard *innermost;
static _Thread_local long fail_after, allocations;

void oom_enter(struct oom_guard *g) {
  g->outer = innermost;
  innermost = g;
}

void oom_leave(struct oom_guard *g) {
  innermost = g->outer;
}

_Noreturn void oom_raise(void) {
  struct oom_guard *g = innermost;
  if (!g) {
    fputs("hone: out of memory\n", stderr);
    abort();
  }
  innermost = g->outer;
  longjmp(g->jmp, 1);
}

void oom_fail_after(long n) {
  fail_after = n;
}

long oom_allocations(void) {
  return allocations;
}

static bool must_fail(void) {
  allocations++;
  return fail_after > 0 && --fail_after == 0;
}

void *xmalloc(size_t n) {
  void *p = must_fail() ? NULL : calloc(1, n ? n : 1);
  if (!p) oom_raise();
  return p;
}

void *xrealloc(void *p, size_t n) {
  void *q = must_fail() ? NULL : realloc(p, n ? n : 1);
  if (!q) oom_raise();
  return q;
}

struct arena *arena_new(void) {
  return xmalloc(sizeof(struct arena));
}

void arena_free(struct arena *a) {
  if (!a) return;
  for (struct block *b = a->first, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(a);
}

void arena_reset(struct arena *a) {
  for (struct block *b = a->first; b; b = b->next) b->used = 0;
  a->cur = a->first;
}

/* Appends a block that holds at least `bytes` after the current one. */
static void grow(struct arena *a, size_t bytes) {
  size_t cap = a->cur ? a->cur->cap * 2 : 8192;
  if (cap > (1u << 20)) cap = 1u << 20;
  if (cap < bytes) cap = bytes;
  if (bytes > SIZE_MAX / 4) oom_raise();
  /* pages of large blocks that nobody touches cost nothing */
  bool zero = bytes > ZERO_BYTES;
  struct block *b = must_fail() ? NULL : zero ? calloc(1, sizeof *b + cap) : malloc(sizeof *b + cap);
  if (!b) oom_raise();
  *b = (struct block){.next = a->cur ? a->cur->next : NULL, .cap = cap, .zero = zero};
  if (a->cur) {
    a->cur->next = b;
  } else {
    a->first = b;
  }
  a->cur = b;
}

void *arena_alloc(struct arena *a, size_t bytes) {
  if (bytes > SIZE_MAX / 4) oom_raise();
  bytes = (bytes + 15) & ~(size_t)15;
  if (!bytes) bytes = 16;
  while (!a->cur || a->cur->cap - a->cur->used < bytes) {
    if (a->cur && a->cur->next && a->cur->next->cap >= bytes) {
      a->cur = a->cur->next;
    } else {
      grow(a, bytes);
    }
  }
  void *p = (char *)a->cur->mem + a->cur->used;
  bool zero = a->cur->zero;
  a->cur->used += bytes;
  a->cur->zero = false;
  return zero ? p : memset(p, 0, bytes);
}

void *arena_dup(struct arena *a, const void *p, size_t bytes) {
  void *q = arena_alloc(a, bytes);
  if (bytes) memcpy(q, p, bytes);
  return q;
}

char *arena_strndup(struct arena *a, const char *s, size_t n) {
  char *q = arena_alloc(a, n + 1);
  if (n) memcpy(q, s, n);
  return q;
}

char *arena_strdup(struct arena *a, const char *s) {
  return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  char *q = arena_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
  va_start(ap, fmt);
  vsnprintf(q, (size_t)(n < 0 ? 0 : n) + 1, fmt, ap);
  va_end(ap);
  return q;
}
