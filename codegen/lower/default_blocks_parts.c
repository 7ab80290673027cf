/* In how many parts a sum is made where the grid that a schedule has found leaves most SMs of a GPU idle: those whose
   blocks end first by a rough count, with what it costs to write the parts' results and to add them up in a kernel of
   their own. */
#include "codegen/lower/default.h"
#include <string.h>

enum {
  STREAM_PART = 256,
  STREAM_BLOCK = 128
};                                    /* of a stream: the least of a part, and what parts are whole blocks of */
enum { DEEP = 64, PART_LEAST = 128 }; /* what a tile of a product stages of the sum; the least of it that a part has */

/* What a block does by itself in a cycle, and how many share an SM: products, and bytes from memory. Orders of size. */
struct pace {
  double products, bytes;
  int64_t beside;
};

static struct pace pace_of(const struct sched *s) {
  struct pace p = {32, 12, 4};
  for (unsigned i = 0; i < s->nstep; i++) {
    if (s->step[i].kind != STEP_tensorize) continue;
    p = s->step[i].arg == MATRIX_wgmma ? (struct pace){2048, 48, 1} : (struct pace){512, 16, 3};
  }
  return p;
}

/* Iterations of a loop of the schedule; 0: not known. */
static int64_t trips(const struct chooser *c, unsigned l) {
  int64_t ext = def_extent(c, LOOP_AXIS(l)), size = 1;
  unsigned level = 0;
  for (unsigned i = 0; i < c->s.nstep; i++) {
    const struct step *s = &c->s.step[i];
    if (s->kind != STEP_tile || LOOP_AXIS(s->loop) != LOOP_AXIS(l)) continue;
    if (level++ < LOOP_LEVEL(l)) size = s->arg;
  }
  return (ext + size - 1) / size;
}

static int64_t blocks_of(const struct chooser *c) {
  int64_t n = 1;
  for (unsigned i = 0; i < c->s.nstep; i++)
    if (c->s.step[i].kind == STEP_parallel && __builtin_mul_overflow(n, trips(c, c->s.step[i].loop), &n)) return 0;
  return n;
}

static double product_of(const struct chooser *c, unsigned from, unsigned to) {
  double n = 1;
  for (unsigned x = from; x < to; x++) {
    int a = def_axis(c, c->main->axis[x].sym);
    n *= a < 0 ? 0 : (double)def_extent(c, (unsigned)a);
  }
  return n;
}

static int longest(const struct chooser *c) {
  int red = -1;
  for (unsigned x = c->main->npar; x < c->main->nax; x++) {
    int a = def_axis(c, c->main->axis[x].sym);
    if (a >= 0 && (red < 0 || def_extent(c, (unsigned)a) > def_extent(c, (unsigned)red))) red = a;
  }
  return red;
}

/* A stream runs at the speed of memory where its rows are few: as many parts as SMs have room for, each of whole blocks
   but the last one. */
static int stream_parts(const struct chooser *c, int *parts) {
  int64_t blocks = blocks_of(c), ext = def_extent(c, (unsigned)c->stream);
  int64_t room = blocks ? c->lim->cores * pace_of(&c->s).beside / blocks : 0;
  for (int64_t whole = STREAM_BLOCK; whole >= DEEP; whole /= 2)
    for (int64_t p = room; p > 1; p--) {
      int64_t n = ((ext + p - 1) / p + whole - 1) / whole * whole;
      if (n < STREAM_PART || (ext + n - 1) / n != p || (whole == STREAM_BLOCK && ext % n)) continue;
      *parts = (int)p;
      return c->stream;
    }
  return -1;
}

int def_blocks_parts(const struct chooser *c, int *parts) {
  static const double LAUNCH = 3500, SM_BYTES = 48; /* cycles; bytes that an SM has a cycle of the second level cache */
  if (c->stream >= 0) return stream_parts(c, parts);
  if (!c->main || c->main->red == RED_none) return -1;
  int red = longest(c);
  int64_t blocks = blocks_of(c), ext = red < 0 ? 0 : def_extent(c, (unsigned)red);
  double work = product_of(c, 0, c->main->nax), results = product_of(c, 0, c->main->npar), bytes = 0, least = 0;
  uint16_t t[64];
  unsigned n = group_operands(c->gs, c->gi, t, 64);
  for (unsigned i = 0; i < n && i < 64; i++) bytes += def_bytes(c, t[i]);
  struct pace pace = pace_of(&c->s);
  int64_t room = blocks ? c->lim->cores * pace.beside / blocks : 0;
  *parts = 1;
  for (int64_t p = 1; p <= room && p * PART_LEAST <= ext && work > 0; p++) {
    if (p > 1 && ext % p) continue;
    if (p > 1 && ext % DEEP == 0 && ext / p % DEEP) continue;
    double each = 1 / (double)(blocks * p), sms = (double)(blocks * p < c->lim->cores ? blocks * p : c->lim->cores);
    double by_products = work * each / pace.products, by_bytes = bytes * each / pace.bytes;
    double cycles = by_products > by_bytes ? by_products : by_bytes, all = bytes / sms / SM_BYTES;
    if (cycles < all) cycles = all;
    if (p > 1) cycles += LAUNCH + (double)p * results * 8 / c->lim->cores / SM_BYTES;
    if (least > 0 && cycles >= least) continue;
    least = cycles, *parts = (int)p;
  }
  return *parts > 1 ? red : -1;
}
