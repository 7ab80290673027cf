/* The pass runner: level checks, verifying, printing, timing, round trips. What passes do is theirs. */
#include "ir/pass.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* `name` is in the comma list of this environment variable, or "all" is. */
static bool named(const char *variable, const char *name) {
  const char *s = getenv(variable);
  while (s && *s) {
    size_t n = strcspn(s, ",");
    if ((n == strlen(name) && !memcmp(s, name, n)) || (n == 3 && !memcmp(s, "all", 3))) return true;
    s += n + (s[n] == ',');
  }
  return false;
}

static void print_unit(struct buf *out, const struct unit *u) {
  if (u->level == LEVEL_TENSOR) kernel_print(out, u->k);
  if (u->level == LEVEL_GROUP) groups_print(out, u->gs);
  if (u->level == LEVEL_LOOP || u->level == LEVEL_SOURCE) lfunc_print(out, u->f);
}

static bool verify_unit(const struct unit *u, struct diag *d) {
  if (u->level == LEVEL_TENSOR) return kernel_verify(u->k, d);
  if (u->level == LEVEL_GROUP) return groups_verify(u->gs, d);
  return lfunc_verify(u->f, d);
}

static enum status parse_unit(struct arena *a, struct diag *d, const struct buf *text, struct unit *u) {
  uint16_t file = diag_file(d, "<round trip>", text->data, text->len);
  struct kernels ks;
  enum status st = ST_INTERNAL;
  if (u->level == LEVEL_TENSOR) {
    st = kernels_parse(a, d, file, text->data, text->len, &ks);
    if (st == ST_OK) u->k = ks.k[0];
  } else if (u->level == LEVEL_GROUP) {
    st = groups_parse(a, d, file, text->data, text->len, &u->gs);
  } else {
    st = lfunc_parse(a, d, file, text->data, text->len, &u->f);
  }
  return st;
}

/* Replaces the unit by what its text says; the text of that must be the same. */
static enum status round_trip(struct arena *a, struct diag *d, const char *name, struct unit *u) {
  struct buf one, two;
  buf_init(&one);
  buf_init(&two);
  print_unit(&one, u);
  enum status st = parse_unit(a, d, &one, u);
  if (st == ST_OK) print_unit(&two, u);
  if (st != ST_OK || one.len != two.len || memcmp(one.data, two.data, one.len)) {
    diag_error(d, (struct loc){0}, "internal error: the text after pass %s does not come back the same", name);
    st = ST_INTERNAL;
  }
  buf_free(&one);
  buf_free(&two);
  return st;
}

static void show(const char *name, const struct unit *u, double ms) {
  struct buf out;
  buf_init(&out);
  buf_printf(&out, "# after %s\n", name);
  print_unit(&out, u);
  if (getenv("HONE_TIME")) buf_printf(&out, "# %s took %.3f ms\n", name, ms);
  fwrite(out.data, 1, out.len, stderr);
  buf_free(&out);
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static enum status run_one(struct arena *a, const struct pass *p, struct unit *u, struct diag *d) {
  if (p->optional && named("HONE_SKIP", p->name)) return ST_OK;
  if (u->level != p->needs) {
    diag_error(d, (struct loc){0}, "internal error: pass %s was given the wrong level", p->name);
    return ST_INTERNAL;
  }
  double start = now_ms();
  enum status st = p->run(a, u, d);
  double ms = now_ms() - start;
  if (st != ST_OK) return st;
  if (named("HONE_PRINT", p->name)) show(p->name, u, ms);
  if (u->level != p->gives || !verify_unit(u, d)) {
    diag_error(d, (struct loc){0}, "internal error: pass %s left a malformed program", p->name);
    return ST_INTERNAL;
  }
  const char *trip = getenv("HONE_ROUNDTRIP");
  return trip && *trip == '1' ? round_trip(a, d, p->name, u) : ST_OK;
}

enum status pass_run(struct arena *a, const struct pass *p, unsigned n, struct unit *u, struct diag *d) {
  enum status st = ST_OK;
  for (unsigned i = 0; i < n && st == ST_OK; i++) st = run_one(a, &p[i], u, d);
  return st;
}
