/* Buffers of a job. For checks each one ends (or starts) exactly at an inaccessible page, what is only read is
   read-only, and the rest of its pages holds a pattern that must survive: an access one element too far faults or
   shows. For timing they are aligned to cache lines, at offsets that differ, since equal offsets modulo 4096 make loads
   wait for unrelated stores. */
#include "runtime/worker.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

/* Elements lie at multiples of their size, so the address alone says which byte of the pattern comes next. */
static uint8_t poison_byte(const struct job_arg *a, const uint8_t *at) {
  return (uint8_t)(a->poison >> 8 * ((uintptr_t)at % a->elem));
}

static void poison(const struct job_arg *a, uint8_t *at, size_t n) {
  for (size_t i = 0; i < n; i++) at[i] = poison_byte(a, at + i);
}

static bool is_poison(const struct job_arg *a, const uint8_t *at, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (at[i] != poison_byte(a, at + i)) return false;
  return true;
}

static void poison_data(const struct job_arg *a, uint8_t *at) {
  if (!a->bytes) return;
  poison(a, at, a->elem);
  for (size_t have = a->elem; have < a->bytes;) { /* doubling copies: memory speed */
    size_t n = have < a->bytes - have ? have : a->bytes - have;
    memcpy(at + have, at, n);
    have += n;
  }
}

static void fill(const struct work *w, unsigned i) {
  const struct job_arg *a = &w->job->arg[i];
  if (a->fresh)
    poison_data(a, w->block[i].data);
  else if (a->bytes)
    memcpy(w->block[i].data, w->file + a->at, a->bytes);
}

static void map_block(struct work *w, unsigned i, unsigned place) {
  const struct job_arg *a = &w->job->arg[i];
  struct block *b = &w->block[i];
  size_t offset = place == PLACE_TIMED ? 64 * ((5 * (size_t)i + 1) % 61) : 0;
  size_t room = (a->bytes + offset + PAGE - 1) / PAGE * PAGE;
  if (!room) room = PAGE;
  b->map_len = room + 2 * PAGE;
  b->map = mmap(NULL, b->map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (b->map == MAP_FAILED) {
    reply_text(REPLY_SETUP, 0, "no memory for the arguments");
    exit(1);
  }
  b->page = b->map + PAGE;
  b->data = place == PLACE_END ? b->page + room - a->bytes : b->page + offset;
  b->slack = place == PLACE_END ? b->page : b->data + a->bytes;
  b->slack_len = place == PLACE_END ? room - a->bytes : room - offset - a->bytes;
  fill(w, i);
  poison(a, b->slack, b->slack_len);
  mprotect(b->map, PAGE, PROT_NONE);
  mprotect(b->page + room, PAGE, PROT_NONE);
  if (place != PLACE_TIMED && !a->writes) mprotect(b->page, room, PROT_READ);
}

void block_place(struct work *w, unsigned place) {
  for (unsigned i = 0; i < w->job->nargs; i++) {
    memcpy(w->value[i], w->job->arg[i].value, sizeof w->value[i]);
    w->args[i] = w->value[i];
    if (w->job->arg[i].is_value) continue;
    map_block(w, i, place);
    w->pointer[i] = w->block[i].data;
    w->args[i] = &w->pointer[i];
  }
}

void block_drop(struct work *w) {
  for (unsigned i = 0; i < w->job->nargs; i++)
    if (w->block[i].map) munmap(w->block[i].map, w->block[i].map_len);
  memset(w->block, 0, sizeof w->block);
}

void block_refill(struct work *w, bool fresh) {
  for (unsigned i = 0; i < w->job->nargs; i++) {
    const struct job_arg *a = &w->job->arg[i];
    if (!a->is_value && a->writes && (fresh || !a->fresh)) fill(w, i);
  }
}

bool block_has_inplace(const struct work *w) {
  for (unsigned i = 0; i < w->job->nargs; i++)
    if (w->job->arg[i].writes && !w->job->arg[i].fresh) return true;
  return false;
}

bool block_intact(const struct work *w, char *why, size_t len) {
  for (unsigned i = 0; i < w->job->nargs; i++) {
    const struct job_arg *a = &w->job->arg[i];
    const struct block *b = &w->block[i];
    if (a->is_value) continue;
    if (is_poison(a, b->slack, b->slack_len)) continue;
    bool before = b->slack < b->data;
    snprintf(why, len, "wrote %s argument %u", before ? "before the start of" : "beyond the end of", i);
    return false;
  }
  return true;
}

/* Exponent all ones (infinity, NaN), or zero with a significand that is not (subnormal). */
static bool strange(const struct job_arg *a, const uint8_t *p) {
  uint64_t v = 0;
  memcpy(&v, p, a->elem);
  unsigned bits = a->mantissa - 1u, width = 8u * a->elem - a->mantissa;
  uint64_t exponent = v >> bits & ((UINT64_C(1) << width) - 1), fraction = v & ((UINT64_C(1) << bits) - 1);
  return exponent == (UINT64_C(1) << width) - 1 || (!exponent && fraction);
}

bool block_strange(const struct work *w) {
  for (unsigned i = 0; i < w->job->nargs; i++) {
    const struct job_arg *a = &w->job->arg[i];
    if (!a->writes || a->fresh || !a->mantissa) continue;
    for (size_t k = 0; k + a->elem <= a->bytes; k += a->elem)
      if (strange(a, w->block[i].data + k) && !strange(a, w->file + a->at + k)) return true;
  }
  return false;
}

void block_describe(const struct work *w, const void *addr, char *why, size_t len) {
  const uint8_t *p = addr;
  for (unsigned i = 0; i < w->job->nargs; i++) {
    const struct block *b = &w->block[i];
    if (!b->map || p < b->map || p >= b->map + b->map_len) continue;
    const uint8_t *end = b->data + w->job->arg[i].bytes;
    if (p >= end)
      snprintf(why, len, "access %zu bytes beyond the end of argument %u", (size_t)(p - end), i);
    else if (p < b->data)
      snprintf(why, len, "access %zu bytes before the start of argument %u", (size_t)(b->data - p), i);
    else
      snprintf(why, len, "write to argument %u, which is only read", i);
    return;
  }
  snprintf(why, len, "access to address %p", addr);
}
