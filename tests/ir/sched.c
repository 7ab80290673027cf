/* Schedules as text: every step both ways, exact messages, the form without names, the numbering of operands. */
#include "common.h"
#include "ir/sched.h"

static struct arena *a;
static struct diag *d;
static struct groups *gs;

static expr_t read2(unsigned t, poly_t x, poly_t y) {
  return expr_read(a, DT_f32, access_new(a, t, 2, (poly_t[]){x, y}));
}

/* Two members: T[i, j1] = sum(k) A[i, k] * B[k, j1];  C[i, j1] = T[i, j1] * A[i, j1].  T is private. Axes: i, j1, k. */
static void make_group(void) {
  struct kernel *k = kernel_new(a, "f");
  kernel_add_param(k, "N", PARAM_DIM, DT_i32);
  poly_t n = poly_sym(a, 0), extent[2] = {n, n}, zero = poly_const(a, 0);
  sym_t s[3] = {kernel_add_sym(k, "i", SYM_INDEX), kernel_add_sym(k, "j1", SYM_INDEX),
                kernel_add_sym(k, "k", SYM_INDEX)};
  static const char *const name[] = {"A", "B", "T", "if"};
  static const enum role role[] = {ROLE_IN, ROLE_IN, ROLE_TEMP, ROLE_OUT};
  for (int t = 0; t < 4; t++) kernel_add_tensor(k, name[t], DT_f32, role[t], 2, extent);
  poly_t p[3] = {poly_sym(a, s[0]), poly_sym(a, s[1]), poly_sym(a, s[2])};
  for (unsigned m = 0; m < 2; m++) {
    struct eq *e = kernel_add_eq(k);
    e->lhs = (uint16_t)(2 + m);
    e->lhs_idx = arena_dup(a, p, 2 * sizeof *p);
    e->npar = 2;
    e->nax = (uint8_t)(3 - m);
    e->axis = ARENA_NEW(a, struct axis, 3);
    for (int i = 0; i < 3; i++) e->axis[i] = (struct axis){s[i], zero, n};
    e->red = m ? RED_none : RED_sum;
    e->body = expr_op2(a, OP_mul, m ? read2(2, p[0], p[1]) : read2(0, p[0], p[2]),
                       m ? read2(0, p[0], p[1]) : read2(1, p[2], p[1]));
  }
  gs = groups_trivial(a, k);
  gs->n = 1;
  gs->g[0].neq = 2;
  gs->g[0].eq[1] = 1;
}

static enum status parse(const char *text, struct sched *s) {
  uint16_t file = diag_file(d, "s", text, strlen(text));
  return sched_parse(d, file, text, strlen(text), gs, 0, s);
}

static void expect_text(const struct sched *s, const char *names, const char *canon) {
  struct buf b;
  buf_init(&b);
  sched_print(&b, gs, 0, s);
  ck_assert_str_eq(b.data, names);
  buf_clear(&b);
  sched_print_canon(&b, s);
  ck_assert_str_eq(b.data, canon);
  buf_free(&b);
}

static void both_ways(const char *in, const char *names, const char *canon) {
  struct sched s, t;
  ck_assert_int_eq(parse(in, &s), ST_OK);
  expect_text(&s, names, canon);
  ck_assert_int_eq(parse(names, &t), ST_OK);
  ck_assert(sched_eq(&s, &t));
  ck_assert_int_eq(sched_parse_canon(canon, strlen(canon), &t), ST_OK);
  ck_assert(sched_eq(&s, &t) && sched_hash(&s) == sched_hash(&t));
}

START_TEST(every_step) {
  both_ways("", "", "");
  both_ways("tile i 6;tile j1 64 ; tile k 32767;", "tile i 6; tile j1 64; tile k 32767",
            "tile a0 6; tile a1 64; tile a2 32767");
  both_ways("order j11 k1 i0", "order j11 k1 i0", "order a11 a21 a00");
  both_ways("order j11; order k1", "order j11 k1", "order a11 a21");
  both_ways("vector j10; unroll i0 0; unroll k0 4; parallel i3", "vector j10; unroll i0 0; unroll k0 4; parallel i3",
            "vector a10; unroll a00 0; unroll a20 4; parallel a03");
  both_ways("split k 4; tile k_part 2; order k_part1 i0; parallel k_part1",
            "split k 4; tile k_part 2; order k_part1 i0; parallel k_part1",
            "split a2 4; tile a3 2; order a31 a00; parallel a31");
  both_ways("compute T at k1", "compute T k1", "compute p0 a21");
  both_ways("peel i1 2 ; peel k0 0", "peel i1 2; peel k0 0", "peel a01 2; peel a20 0");
  both_ways("pack B at k1; copy A i0; prefetch B k0; stream `if`", "pack B k1; copy A i0; prefetch B k0; stream `if`",
            "pack t1 a21; copy t0 a00; prefetch t1 a20; stream t2");
}
END_TEST

START_TEST(operands_are_numbered_by_first_appearance) {
  uint16_t t[8];
  ck_assert_uint_eq(group_operands(gs, 0, t, 8), 3); /* A, B, if; T is private */
  ck_assert(t[0] == 0 && t[1] == 1 && t[2] == 3);
  ck_assert_uint_eq(group_operands(gs, 0, t, 2), 2);
}
END_TEST

static void refused(const char *in, const char *want) {
  struct sched s = {.nstep = 77};
  struct buf b;
  buf_init(&b);
  ck_assert_msg(parse(in, &s) == ST_REFUSED, "accepted: %s", in);
  ck_assert_uint_eq(s.nstep, 77); /* untouched */
  diag_print(d, &b, false);
  *strchr(b.data, '\n') = 0;
  ck_assert_str_eq(b.data, want);
  buf_free(&b);
  diag_clear(d);
}

START_TEST(mistakes) {
  refused("tyle i 6", "s:1:1: error: unknown schedule step 'tyle'");
  refused("tile x 6", "s:1:6: error: no axis 'x' in this group");
  refused("tile i0 6", "s:1:6: error: no axis 'i0' in this group");
  refused("tile i", "s:1:7: error: expected an integer before end of text");
  refused("tile i 0", "s:1:8: error: must be from 1 to 32767");
  refused("tile i 32768", "s:1:8: error: must be from 1 to 32767");
  refused("tile i 99999999999999999999", "s:1:8: error: number '99999999999999999999' is too large");
  refused("tile i -1", "s:1:8: error: must be from 1 to 32767");
  refused("tile i 6 tile k 4", "s:1:10: error: expected ';' before 'tile'");
  refused("vector i", "s:1:8: error: no loop 'i': an axis of this group and a level from 0 to 3, as in i0");
  refused("vector i4", "s:1:8: error: no loop 'i4': an axis of this group and a level from 0 to 3, as in i0");
  refused("vector 3", "s:1:8: error: expected a loop before '3'");
  refused("tile k_part 2; split k 2", "s:1:6: error: no axis 'k_part' in this group");
  refused("split k0 2", "s:1:7: error: no axis 'k0' in this group");
  refused("order", "s:1:6: error: expected a loop before end of text");
  refused("order i0 k", "s:1:10: error: no loop 'k': an axis of this group and a level from 0 to 3, as in i0");
  refused("pack T k0", "s:1:6: error: no tensor 'T' in this group");
  refused("pack B at", "s:1:8: error: no loop 'at': an axis of this group and a level from 0 to 3, as in i0");
  refused("stream", "s:1:7: error: expected a tensor before end of text");
  refused("unroll i0 -1", "s:1:11: error: must be from 0 to 32767");
  refused(";", "s:1:1: error: unknown schedule step ';'");
  refused("\x01", "s:1:1: error: unexpected byte 0x01");
}
END_TEST

START_TEST(at_most_64_steps) {
  struct buf b;
  struct sched s;
  buf_init(&b);
  for (int i = 0; i < SCHED_MAX; i++) buf_puts(&b, "tile i 1;");
  ck_assert_int_eq(parse(b.data, &s), ST_OK);
  ck_assert_uint_eq(s.nstep, SCHED_MAX);
  ck_assert(!sched_push(&s, STEP_tile, 0, 1));
  buf_puts(&b, "tile i 1");
  ck_assert_int_eq(parse(b.data, &s), ST_REFUSED);
  buf_free(&b);
}
END_TEST

START_TEST(canonical_refuses) {
  static const char *const bad[] = {"tile i 6",      "tile a12 6", "tile a0",    "vector a0", "vector a04",
                                    "pack t256 a00", "stream a0",  "tile a-1 2", "x",         "tile a0 6;;"};
  struct sched s;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(sched_parse_canon(bad[i], strlen(bad[i]), &s) == ST_REFUSED, "%s", bad[i]);
  ck_assert_int_eq(sched_parse_canon("vector a110", 11, &s), ST_OK);
  ck_assert_uint_eq(s.step[0].loop, LOOP_ID(11, 0));
}
END_TEST

/* Random schedules within the group's names. */
START_TEST(random_schedules_come_back) {
  uint64_t state = test_seed();
  for (int i = 0; i < 3000; i++) {
    struct sched s = {0}, t;
    struct buf b;
    for (unsigned n = below(&state, 20); n > 0; n--) {
      enum stepkind kind = (enum stepkind)below(&state, STEP_COUNT);
      bool operand =
          kind == STEP_pack || kind == STEP_copy || kind == STEP_prefetch || kind == STEP_stream || kind == STEP_stage;
      bool temp = kind == STEP_compute;
      bool axis = kind == STEP_tile || kind == STEP_split, count = axis || kind == STEP_unroll || kind == STEP_peel;
      unsigned loop = LOOP_ID(below(&state, 3), axis ? 0 : below(&state, LEVEL_MAX));
      int arg = temp ? 0 : operand ? (int)below(&state, 3) : count ? 1 + (int)below(&state, 32767) : 0;
      unsigned how = (1 + below(&state, STAGE_COUNT)) | below(&state, 8) << 4;
      ck_assert(sched_push(&s, kind,
                           kind == STEP_stream || kind == STEP_plain ? 0
                           : kind == STEP_stage                      ? how
                                                                     : loop,
                           arg));
    }
    buf_init(&b);
    sched_print(&b, gs, 0, &s);
    ck_assert_int_eq(parse(b.data, &t), ST_OK);
    ck_assert_msg(sched_eq(&s, &t), "%s", b.data);
    buf_clear(&b);
    sched_print_canon(&b, &s);
    ck_assert_int_eq(sched_parse_canon(b.data, b.len, &t), ST_OK);
    ck_assert_msg(sched_eq(&s, &t), "%s", b.data);
    if (s.nstep) t.step[below(&state, s.nstep)].arg ^= 1;
    ck_assert(sched_eq(&s, &t) == !s.nstep && (sched_hash(&s) == sched_hash(&t)) == !s.nstep);
    buf_free(&b);
  }
}
END_TEST

static void setup(void) {
  a = arena_new();
  d = diag_new();
  make_group();
}

static void teardown(void) {
  arena_free(a);
  diag_free(d);
}

static void fill(TCase *t) {
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, every_step);
  tcase_add_test(t, operands_are_numbered_by_first_appearance);
  tcase_add_test(t, mistakes);
  tcase_add_test(t, at_most_64_steps);
  tcase_add_test(t, canonical_refuses);
  tcase_add_test(t, random_schedules_come_back);
}

int main(void) {
  return run_suite("sched", fill);
}
