/* See amx_emulated.h. */
#include "tests/emit/amx_emulated.h"
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { ROWS = 16, BYTES = 64, TILES = 8, CONFIG = 64, COLSB_AT = 16, ROWS_AT = 48, LAST = 56 };

struct tile {
  unsigned char row[ROWS][BYTES];
};
struct state {
  unsigned char config[CONFIG]; /* all 0: not configured */
  struct tile tile[TILES];
};
static _Thread_local struct state own;
static _Thread_local char why[160];
static unsigned long products;
void (*amx_refused)(int sig);

const char *amx_why(void) {
  return why;
}

bool amx_in_use(void) {
  return own.config[0];
}

void amx_forget(void) {
  memset(&own, 0, sizeof own);
}

unsigned long amx_count(void) {
  return __atomic_load_n(&products, __ATOMIC_RELAXED);
}

bool amx_native(void) {
  return __builtin_cpu_supports("amx-tile") && !syscall(SYS_arch_prctl, 0x1023, 18);
}

static _Noreturn void refuse(const char *text, const char *insn) {
  snprintf(why, sizeof why, "%s: %s", insn, text);
  amx_forget();
  if (amx_refused) amx_refused(SIGILL);
  fprintf(stderr, "AMX: %s\n", why);
  abort();
}

/* ---- the instruction ---- */

enum { VEX3 = 0xc4, MAP_0F38 = 2, OP_CONFIG = 0x49, OP_MOVE = 0x4b, OP_BF16 = 0x5c, OP_BYTES = 0x5e };
enum { PP_NONE, PP_66, PP_F3, PP_F2 };

struct insn {
  unsigned op, pp, mod, reg, rm, vvvv;
  bool sib;
  uint64_t base, stride; /* of a memory operand */
  const unsigned char *next;
};

static uint64_t reg_value(const ucontext_t *c, unsigned n) {
  static const int at[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                             REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return (uint64_t)c->uc_mcontext.gregs[at[n]];
}

static int64_t take_disp(struct insn *x, unsigned bytes) {
  int64_t d = 0;
  if (bytes == 1) d = (int8_t)x->next[0];
  if (bytes == 4) {
    int32_t v;
    memcpy(&v, x->next, 4);
    d = v;
  }
  x->next += bytes;
  return d;
}

/* b: the bits R, X, B as registers have them. */
static void take_memory(struct insn *x, const ucontext_t *c, unsigned xbit, unsigned bbit) {
  unsigned disp = x->mod == 1 ? 1 : x->mod == 2 ? 4 : 0;
  if (x->rm == 4) {
    unsigned sib = *x->next++, base = sib & 7, index = (sib >> 3 & 7) | xbit;
    x->sib = true;
    if (base == 5 && !x->mod)
      disp = 4;
    else
      x->base = reg_value(c, base | bbit);
    x->stride = index == 4 ? 0 : reg_value(c, index) << (sib >> 6);
    x->base += (uint64_t)take_disp(x, disp);
    return;
  }
  bool relative = x->rm == 5 && !x->mod;
  if (relative) disp = 4;
  int64_t d = take_disp(x, disp);
  x->base = (relative ? (uint64_t)(uintptr_t)x->next : reg_value(c, x->rm | bbit)) + (uint64_t)d;
}

/* false: no VEX coded instruction of this map. */
static bool decode(const unsigned char *p, const ucontext_t *c, struct insn *x) {
  *x = (struct insn){0};
  if (p[0] != VEX3 || (p[1] & 31) != MAP_0F38 || (p[2] & 0x84)) return false; /* W0, 128 bits */
  unsigned xbit = p[1] & 0x40 ? 0 : 8, bbit = p[1] & 0x20 ? 0 : 8;
  x->pp = p[2] & 3;
  x->vvvv = ~(unsigned)p[2] >> 3 & 15;
  x->op = p[3];
  x->mod = p[4] >> 6;
  x->reg = (p[4] >> 3 & 7) | (p[1] & 0x80 ? 0 : 8);
  x->rm = p[4] & 7;
  x->next = p + 5;
  if (x->mod == 3)
    x->rm |= bbit;
  else
    take_memory(x, c, xbit, bbit);
  return true;
}

/* ---- configuration ---- */

static unsigned rows_of(unsigned t) {
  return own.config[ROWS_AT + t];
}

static unsigned bytes_of(unsigned t) {
  return own.config[COLSB_AT + 2 * t] | (unsigned)own.config[COLSB_AT + 2 * t + 1] << 8;
}

static bool all_zero(const unsigned char *p, unsigned from, unsigned to) {
  while (from < to && !p[from]) from++;
  return from == to;
}

static void load_config(const unsigned char *from) {
  unsigned char c[CONFIG];
  memcpy(c, from, CONFIG);
  amx_forget();
  if (!c[0]) return;
  if (c[0] != 1) refuse("a palette that there is not", "ldtilecfg");
  if (c[1] || !all_zero(c, 2, COLSB_AT)) refuse("a start row, or reserved bytes", "ldtilecfg");
  if (!all_zero(c, COLSB_AT + 2 * TILES, ROWS_AT) || !all_zero(c, LAST, CONFIG))
    refuse("reserved bytes, or more than 8 tiles", "ldtilecfg");
  for (unsigned t = 0; t < TILES; t++) {
    unsigned bytes = c[COLSB_AT + 2 * t] | (unsigned)c[COLSB_AT + 2 * t + 1] << 8, rows = c[ROWS_AT + t];
    if (bytes > BYTES || rows > ROWS || !bytes != !rows) refuse("a shape that no tile has", "ldtilecfg");
  }
  memcpy(own.config, c, CONFIG);
}

static void need(unsigned t, const char *insn) {
  if (!amx_in_use()) refuse("tiles are not configured", insn);
  if (t >= TILES || !rows_of(t)) refuse("a tile without a shape", insn);
}

static bool run_config(const struct insn *x) {
  if (x->mod == 3 && x->pp == PP_F2 && x->rm == 0) {
    need(x->reg, "tilezero");
    memset(&own.tile[x->reg], 0, sizeof own.tile[0]);
    return true;
  }
  if (x->mod == 3 && x->pp == PP_NONE && !x->reg && !x->rm) {
    amx_forget();
    return true;
  }
  if (x->mod == 3 || x->reg || x->vvvv) return false;
  void *at = (void *)(uintptr_t)x->base;
  if (x->pp == PP_NONE)
    load_config(at);
  else if (x->pp == PP_66)
    memcpy(at, own.config, CONFIG);
  return x->pp == PP_NONE || x->pp == PP_66;
}

/* ---- moves ---- */

static bool run_move(const struct insn *x) {
  const char *name = x->pp == PP_F3 ? "tilestored" : x->pp == PP_66 ? "tileloaddt1" : "tileloadd";
  if (x->mod == 3 || !x->sib || x->pp == PP_NONE || x->vvvv) return false;
  need(x->reg, name);
  struct tile t = {{{0}}};
  for (unsigned r = 0; r < rows_of(x->reg); r++) {
    unsigned char *at = (unsigned char *)(uintptr_t)(x->base + r * x->stride);
    if (x->pp == PP_F3)
      memcpy(at, own.tile[x->reg].row[r], bytes_of(x->reg));
    else
      memcpy(t.row[r], at, bytes_of(x->reg));
  }
  if (x->pp != PP_F3) own.tile[x->reg] = t;
  return true;
}

/* ---- products ---- */

static float flushed(float x) {
  return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

static float bf16_at(const unsigned char *p) {
  uint32_t bits = (uint32_t)(p[0] | p[1] << 8) << 16;
  float f;
  memcpy(&f, &bits, 4);
  return flushed(f);
}

static float multiply_add(float a, float b, float c) {
  return flushed(fmaf(a, b, flushed(c)));
}

/* Even and odd parts are summed apart, then together, then added. */
static void bf16_element(unsigned char *to, const struct tile *a, const struct tile *b, unsigned m, unsigned n,
                         unsigned depth) {
  float even = 0, odd = 0, old;
  for (unsigned k = 0; k < depth; k++) {
    even = multiply_add(bf16_at(a->row[m] + 4 * k), bf16_at(b->row[k] + 4 * n), even);
    odd = multiply_add(bf16_at(a->row[m] + 4 * k + 2), bf16_at(b->row[k] + 4 * n + 2), odd);
  }
  memcpy(&old, to, 4);
  old = flushed(flushed(old) + flushed(even + odd));
  memcpy(to, &old, 4);
}

static int byte_at(const unsigned char *p, bool sign) {
  return sign ? (signed char)*p : *p;
}

static void bytes_element(unsigned char *to, const struct tile *a, const struct tile *b, unsigned m, unsigned n,
                          unsigned depth, unsigned pp) {
  bool sign_a = pp == PP_F2 || pp == PP_F3, sign_b = pp == PP_F2 || pp == PP_66;
  uint32_t sum;
  memcpy(&sum, to, 4);
  for (unsigned k = 0; k < depth; k++)
    for (unsigned i = 0; i < 4; i++)
      sum += (uint32_t)(byte_at(a->row[m] + 4 * k + i, sign_a) * byte_at(b->row[k] + 4 * n + i, sign_b));
  memcpy(to, &sum, 4);
}

static void check_shapes(unsigned c, unsigned a, unsigned b, const char *name) {
  need(c, name), need(a, name), need(b, name);
  if (c == a || c == b || a == b) refuse("a tile twice", name);
  if (bytes_of(c) % 4 || bytes_of(a) % 4 || bytes_of(b) % 4) refuse("a part of an element", name);
  if (rows_of(c) != rows_of(a) || bytes_of(c) != bytes_of(b) || bytes_of(a) / 4 != rows_of(b))
    refuse("shapes that do not fit", name);
}

static bool run_product(const struct insn *x) {
  static const char *const bytes[] = {"tdpbuud", "tdpbusd", "tdpbsud", "tdpbssd"};
  bool bf16 = x->op == OP_BF16;
  unsigned c = x->reg, a = x->rm, b = x->vvvv;
  if (x->mod != 3 || (bf16 && x->pp != PP_F3)) return false;
  check_shapes(c, a, b, bf16 ? "tdpbf16ps" : bytes[x->pp]);
  for (unsigned m = 0; m < rows_of(c); m++)
    for (unsigned n = 0; n < bytes_of(c) / 4; n++) {
      unsigned char *to = own.tile[c].row[m] + 4 * n;
      if (bf16)
        bf16_element(to, &own.tile[a], &own.tile[b], m, n, rows_of(b));
      else
        bytes_element(to, &own.tile[a], &own.tile[b], m, n, rows_of(b), x->pp);
    }
  __atomic_fetch_add(&products, 1, __ATOMIC_RELAXED);
  return true;
}

void amx_illegal(int sig, siginfo_t *info, void *context) {
  ucontext_t *c = context;
  struct insn x;
  bool done = false;
  (void)sig, (void)info;
  const unsigned char *at = (const unsigned char *)(uintptr_t)c->uc_mcontext.gregs[REG_RIP];
  if (decode(at, c, &x)) {
    if (x.op == OP_CONFIG) done = run_config(&x);
    if (x.op == OP_MOVE) done = run_move(&x);
    if (x.op == OP_BF16 || x.op == OP_BYTES) done = run_product(&x);
  }
  if (!done) refuse("no instruction of AMX", "SIGILL");
  c->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)x.next;
}
