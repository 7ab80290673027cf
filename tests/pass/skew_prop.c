/* Time tiling keeps what a function does, to the bit: random loops over time around nests over rows (offsets that reach
   back and forth, in place, each element waiting for the one before, one row at a time, locals, what must not be
   tiled), run by the interpreter before and after, with caches so small that little arrays are large. That the tiled
   form runs is seen by taking the other one away. Some of those that wait have their sums put into another order
   before: these must agree closely. Usage: skew_prop SEED FUNCTIONS */
#include "compiler/frontend/frontend.h"
#include "compiler/pass/chain.h"
#include "compiler/pass/parts.h"
#include "compiler/pass/skew.h"
#include "ir/interp.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct frontend frontend_c;
enum { RUNS = 6, MAX_ELEMS = 1 << 16, MAX_OPS = 20000000 };
static uint64_t seed;
static unsigned failures, tiled, waves, chains, flats, runs_tiled, runs_overlapping;

static unsigned rnd(unsigned n) {
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return (unsigned)((seed >> 20) % n);
}

/* ---- random C ---- */

struct shape {
  unsigned rank, arrays, nests;
  bool waits;   /* each element for the one before in the innermost loop */
  bool chained; /* and its sum has positive terms only */
  bool flat;
};
static const char *const size[] = {"N", "M", "L"}, *const counter[] = {"i", "j", "k"};

/* [i + 1][j], of flat arrays [(i + 1) * M + j] */
static void element(struct buf *b, const struct shape *s, char at[3][24]) {
  buf_puts(b, "[");
  for (unsigned d = 0; d < s->rank; d++) {
    const char *join = d ? s->flat ? " + " : "][" : "";
    buf_printf(b, s->flat ? "%s(%s)" : "%s%s", join, at[d]);
    for (unsigned e = d + 1; s->flat && e < s->rank; e++) buf_printf(b, " * %s", size[e]);
  }
  buf_puts(b, "]");
}

static void here(struct buf *b, const struct shape *s, bool row) {
  char at[3][24];
  for (unsigned d = 0; d < s->rank; d++) snprintf(at[d], sizeof at[d], "%s", !d && row ? "1" : counter[d]);
  element(b, s, at);
}

static void subscripts(struct buf *b, const struct shape *s, bool row, bool odd) {
  char at[3][24];
  for (unsigned d = 0; d < s->rank; d++) {
    int off = (int)rnd(5) - 2;
    if (!d && row)
      snprintf(at[d], sizeof at[d], "%s", odd ? "N - 1" : "1");
    else if (!d && odd)
      snprintf(at[d], sizeof at[d], "N - 1 - i");
    else
      snprintf(at[d], sizeof at[d], "%s + (%d)", counter[d], off);
  }
  element(b, s, at);
}

static void nest(struct buf *b, const struct shape *s) {
  bool row = s->rank > 1 && !rnd(5), odd = row ? rnd(2) : !rnd(25), local = rnd(3) == 0;
  for (unsigned d = row; d < s->rank; d++)
    buf_printf(b, "    for (int %s = %u; %s < %s - %u; %s++)\n", counter[d], 2 + rnd(2), counter[d], size[d],
               2 + rnd(2), counter[d]);
  buf_puts(b, "    {\n");
  if (local) {
    buf_printf(b, "      s = 0.5f * a%u", rnd(s->arrays));
    subscripts(b, s, row, odd);
    buf_puts(b, ";\n");
  }
  buf_printf(b, "      a%u", rnd(s->arrays));
  unsigned at = b->len ? rnd(2) : 0;
  if (at && !odd) {
    here(b, s, row);
  } else {
    subscripts(b, s, row, odd);
  }
  buf_puts(b, " = 0.25f");
  for (unsigned n = 1 + rnd(4); n-- > 0;) {
    buf_printf(b, " %c 0.%uf * a%u", rnd(2) ? '+' : '-', 1 + rnd(8), rnd(s->arrays));
    subscripts(b, s, row, row && odd);
  }
  if (local) buf_puts(b, " + s");
  if (!rnd(3)) {
    buf_puts(b, " * c");
    subscripts(b, s, row, row && odd);
  }
  if (!rnd(4)) buf_puts(b, " + 0.125f * (float)t");
  buf_puts(b, ";\n    }\n");
}

static void waiting(struct buf *b, const struct shape *s) {
  for (unsigned d = 0; d < s->rank; d++)
    buf_printf(b, "    for (int %s = %u; %s < %s - %u; %s++)\n", counter[d], 2 + rnd(2), counter[d], size[d],
               2 + rnd(2), counter[d]);
  buf_puts(b, "      a0");
  here(b, s, false);
  buf_puts(b, " = (0.25f");
  unsigned terms = 1 + rnd(5), at = rnd(terms);
  for (unsigned n = 0; n < terms; n++) {
    unsigned back = rnd(4) ? 1 : 2;
    buf_printf(b, " %c 0.%uf * a%u", s->chained || rnd(2) ? '+' : '-', 1 + rnd(8), n == at ? 0 : rnd(s->arrays));
    char before[3][24];
    for (unsigned d = 0; d < s->rank; d++)
      snprintf(before[d], sizeof before[d], "%s - %u", counter[d], d + 1 < s->rank ? 0 : back);
    if (n == at) element(b, s, before);
    if (n != at) subscripts(b, s, false, false);
  }
  if (!rnd(3)) buf_puts(b, " + 0.125f * (float)t");
  buf_puts(b, rnd(2) ? ") / 7;\n" : ") * 0.125f;\n");
}

/* Returns how many dims the arrays have. */
static unsigned function(struct buf *b, bool waits, bool chained, bool flat) {
  struct shape s = {1 + rnd(3), 1 + rnd(3), 1 + rnd(3), waits, chained, flat};
  bool restricted = rnd(2);
  buf_puts(b, "void f(int T, int N, int M, int L");
  for (unsigned a = 0; a <= s.arrays; a++) {
    buf_puts(b, a == s.arrays ? ", const float " : ", float ");
    if (flat) buf_puts(b, restricted ? "*restrict " : "*");
    a == s.arrays ? buf_puts(b, "c") : buf_printf(b, "a%u", a);
    for (unsigned d = 0; d < s.rank && !flat; d++)
      buf_printf(b, "[%s%s]", !d && restricted ? "restrict " : "", size[d]);
  }
  buf_printf(b, ") {\n  float s;\n  for (int t = %u; t < T; t++) {\n", rnd(2));
  if (waits) waiting(b, &s);
  for (unsigned n = 0; n < s.nests && !waits; n++) nest(b, &s);
  buf_puts(b, "  }\n}\n");
  return s.rank;
}

/* ---- runs ---- */

static struct lfunc *read_one(struct arena *a, struct diag *d, const struct buf *text) {
  struct spec_input in = {
      .path = "f.c", .text = text->data, .len = text->len, .file = diag_file(d, "f.c", text->data, text->len)};
  struct spec s = {0};
  return frontend_c.read(a, d, &in, &s) == ST_OK && s.n == 1 && s.fn[0].source ? s.fn[0].source->f : NULL;
}

static bool same(const float *want, const float *got, size_t bytes, bool closely) {
  bool yes = true;
  if (!closely) return !memcmp(want, got, bytes);
  for (size_t i = 0; i < bytes / sizeof *want; i++)
    yes &= fabs((double)want[i] - got[i]) <= 1e-4 * (fabs(want[i]) + fabs(got[i])) || (isnan(want[i]) && isnan(got[i]));
  return yes;
}

/* Behind the guards nothing is done but the tiled form. */
static bool take_other_away(struct arena *a, struct lstmt *s) {
  bool found = s->kind == L_IF && s->apart;
  if (found) s->body[1] = loop_block(a, 0, NULL);
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) found |= take_other_away(a, s->body[i]);
  return found;
}

struct forms {
  struct lfunc *plain, *skewed, *alone; /* as written; tiled beside it; without the other form */
  bool noalias, chained;
  unsigned rank;
};

struct call {
  int64_t dim[8];
  union value scalar[8];
  void *data[8];
  float *mem;
  size_t bytes;
};

/* Elements of flat arrays. */
static int64_t whole(const struct call *c, const struct kernel *k, unsigned rank) {
  int64_t n = 1;
  for (unsigned d = 0; d < rank; d++)
    for (unsigned i = 0; i < k->nparam; i++)
      if (k->param[i].kind == PARAM_DIM && *k->param[i].name == *size[d]) n *= c->dim[i];
  return n;
}

/* overlap: all arrays but the first begin a few elements behind the one before. */
static bool open_call(struct call *c, const struct kernel *k, bool overlap, const struct forms *f) {
  struct args a = {.dim = c->dim, .scalar = c->scalar, .data = c->data};
  int64_t span[8] = {0}, total = 0, n;
  for (unsigned i = 0; i < k->nparam; i++)
    if (k->param[i].kind == PARAM_TENSOR) {
      if (!tensor_span(k, k->param[i].ref, &a, MAX_ELEMS, &n)) n = whole(c, k, f->rank);
      if (n > MAX_ELEMS) return false;
      span[i] = n;
      total += n + 8;
    }
  c->bytes = (size_t)total * sizeof(float);
  c->mem = malloc(c->bytes + 1);
  for (int64_t i = 0; i < total; i++) c->mem[i] = (float)((int)rnd(2001) - (f->chained ? 0 : 1000)) / 64;
  float *p = c->mem;
  for (unsigned i = 0; i < k->nparam; i++)
    if (k->param[i].kind == PARAM_TENSOR) {
      c->data[i] = p;
      p += overlap ? (span[i] > 3 ? 3 : 0) : span[i] + 4;
    }
  return true;
}

static bool run(struct lfunc *f, const struct call *c, float *mem, struct diag *d) {
  void *data[8];
  for (unsigned i = 0; i < f->k->nparam; i++) data[i] = c->data[i] ? mem + ((float *)c->data[i] - c->mem) : NULL;
  struct args a = {.dim = (int64_t *)c->dim, .scalar = (union value *)c->scalar, .data = data};
  memcpy(mem, c->mem, c->bytes);
  return lfunc_interp(f, &a, MAX_OPS, d) == ST_OK;
}

static void sizes(const struct kernel *k, struct call *c, unsigned rank) {
  bool flat = rank == 1;
  const int64_t v[4] = {2 + rnd(14), rnd(4) ? (flat ? 500 : 30) + rnd(flat ? 4000 : 40) : rnd(8), 4 + rnd(6),
                        4 + rnd(3)};
  for (unsigned i = 0; i < k->nparam; i++)
    if (k->param[i].kind == PARAM_DIM) c->dim[i] = v[strchr("TNML", k->param[i].name[0]) - "TNML"];
}

/* Returns false where a run differs. */
static bool compare(const struct forms *f, struct diag *d) {
  struct call c = {0};
  bool overlap = !f->noalias && !rnd(3);
  sizes(f->plain->k, &c, f->rank);
  if (!open_call(&c, f->plain->k, overlap, f)) return true;
  float *want = malloc(c.bytes + 1), *got = malloc(c.bytes + 1);
  bool ok = true;
  if (run(f->plain, &c, want, d)) {
    ok = run(f->skewed, &c, got, d) && same(want, got, c.bytes, f->chained);
    bool changes = memcmp(want, c.mem, c.bytes) != 0;
    if (ok && f->alone && changes && run(f->alone, &c, got, d)) {
      bool ran = same(want, got, c.bytes, f->chained);
      runs_tiled += ran;
      runs_overlapping += overlap;
      if (ran && overlap) ok = false;
    }
  }
  free(want);
  free(got);
  free(c.mem);
  return ok;
}

static void one(unsigned number) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  struct buf text;
  struct raised_parts parts;
  buf_init(&text);
  bool waits = number % 3 == 0, chained = number % 6 == 0;
  bool flat = number % 4 == 1;
  unsigned rank = function(&text, waits, chained, flat);
  struct forms f = {read_one(a, d, &text),
                    read_one(a, d, &text),
                    read_one(a, d, &text),
                    strstr(text.data, "restrict") != NULL,
                    chained,
                    rank};
  if (!f.plain || !f.skewed || !f.alone) {
    printf("not ok - function %u is not read\n%s", number, text.data);
    diag_print(d, &text, false);
    failures++;
  } else {
    int64_t cache = 256 << rnd(6);
    struct source s = {.f = f.skewed}, t = {.f = f.alone};
    if (chained) pass_chain(a, &s), pass_chain(a, &t);
    pass_skew(a, &s, cache);
    pass_skew(a, &t, cache);
    if (!take_other_away(a, f.alone->body)) f.alone = NULL;
    tiled += f.alone != NULL;
    waves += f.alone && waits;
    chains += f.alone && chained;
    flats += f.alone && flat;
    pass_parts(a, &s, d, &parts);
    bool ok = lfunc_verify(f.skewed, d);
    for (unsigned r = 0; r < RUNS && ok; r++) ok = compare(&f, d);
    if (!ok) {
      printf("not ok - function %u, cache %lld\n%s", number, (long long)cache, text.data);
      failures++;
    }
  }
  buf_free(&text);
  diag_free(d);
  arena_free(a);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  unsigned first = (unsigned)atoi(argv[1]), n = (unsigned)atoi(argv[2]);
  for (unsigned i = first; i < first + n; i++) {
    seed = 0x9e3779b97f4a7c15u * (i + 1);
    rnd(2);
    one(i);
  }
  printf("%u functions, %u tiled, %u of them as waves, %u of these with sums in another order, %u with flat arrays; of "
         "the calls that "
         "change something %u ran tiled, %u had arrays that overlap\n",
         n, tiled, waves, chains, flats, runs_tiled, runs_overlapping);
  if (tiled < n / 3 || waves < n / 5 || flats < n / 12 || runs_tiled < n / 4)
    printf("not ok - too few are tiled\n"), failures++;
  return failures != 0;
}
