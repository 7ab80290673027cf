/* libFuzzer on the schedule parsers: no input may crash, and what is accepted must come back from its own text. */
#include "ir/sched.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena *arena;
static struct groups *groups;

/* C[i, j] = sum(k) A[i, k] * B[k, j], as one group. */
static void make_group(void) {
  arena = arena_new();
  struct kernel *k = kernel_new(arena, "f");
  kernel_add_param(k, "N", PARAM_DIM, DT_i32);
  poly_t n = poly_sym(arena, 0), extent[2] = {n, n}, zero = poly_const(arena, 0);
  sym_t s[3] = {kernel_add_sym(k, "i", SYM_INDEX), kernel_add_sym(k, "j1", SYM_INDEX),
                kernel_add_sym(k, "k", SYM_INDEX)};
  for (int t = 0; t < 3; t++)
    kernel_add_tensor(k, t == 0 ? "A" : t == 1 ? "B" : "C", DT_f32, t == 2 ? ROLE_OUT : ROLE_IN, 2, extent);
  poly_t p[3] = {poly_sym(arena, s[0]), poly_sym(arena, s[1]), poly_sym(arena, s[2])};
  struct eq *e = kernel_add_eq(k);
  e->lhs = 2;
  e->lhs_idx = arena_dup(arena, p, 2 * sizeof *p);
  e->npar = 2;
  e->nax = 3;
  e->axis = ARENA_NEW(arena, struct axis, 3);
  for (int i = 0; i < 3; i++) e->axis[i] = (struct axis){s[i], zero, n};
  e->red = RED_sum;
  expr_t x = expr_read(arena, DT_f32, access_new(arena, 0, 2, (poly_t[]){p[0], p[2]}));
  expr_t y = expr_read(arena, DT_f32, access_new(arena, 1, 2, (poly_t[]){p[2], p[1]}));
  e->body = expr_op2(arena, OP_mul, x, y);
  groups = groups_trivial(arena, k);
}

/* Text of s, read again, must be s. */
static void come_back(const struct sched *s, bool canon) {
  struct sched again;
  struct buf b;
  buf_init(&b);
  enum status st;
  if (canon) {
    sched_print_canon(&b, s);
    st = sched_parse_canon(b.data, b.len, &again);
  } else {
    sched_print(&b, groups, 0, s);
    st = sched_parse(NULL, 0, b.data, b.len, groups, 0, &again);
  }
  if (st != ST_OK || !sched_eq(s, &again) || sched_hash(s) != sched_hash(&again)) abort();
  buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!groups) make_group();
  struct sched s;
  struct diag *d = diag_new();
  uint16_t file = diag_file(d, "s", (const char *)data, size);
  if (sched_parse(d, file, (const char *)data, size, groups, 0, &s) == ST_OK) {
    come_back(&s, false);
    come_back(&s, true);
  } else if (diag_errors(d) != 1) {
    abort(); /* refused without a word */
  }
  struct buf b;
  buf_init(&b);
  diag_print(d, &b, true);
  buf_free(&b);
  diag_free(d);
  if (sched_parse_canon((const char *)data, size, &s) == ST_OK) come_back(&s, true);
  return 0;
}
