/* Machines with matrix tiles in the tuner. A schedule that was found on one decides on such machines alone: on others
   it is not chosen, however near they are, and the object has no such instruction. What the cost model and the search
   make of tiles. */
#include "compiler/hone.h"
#include "tests/suite.h"
#include "tuner/key.h"
#include "tuner/moves.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/hone-amx-XXXXXX";
static const char text[] = "kernel f(A: bf16[M, K], B: bf16[K, N]) -> C: f32[M, N] {\n"
                           "  C[i, j] = sum(k) f32(A[i, k]) * f32(B[k, j])\n}\n";
static const char *const dims = "M=512,N=512,K=512";
static char spec[64], base[64];

struct form {
  struct hone h;
  struct diag *d;
  const struct kernel *k;
  struct groups *symbolic, *bound;
  bool *has;
  int64_t *value;
};

static void form_open(struct form *f, const char *cpu) {
  struct hone_options o = {
      .cpu = cpu, .threads = 1, .db = base, .locked = true, .on_miss = HONE_MISS_QUIET, .ndims = 1, .dims = &dims};
  f->d = diag_new();
  ck_assert_int_eq(hone_open(&f->h, spec, &o, f->d), ST_OK);
  f->k = f->h.spec.fn[0].k;
  f->has = ARENA_NEW(f->h.arena, bool, f->k->nsym + 1u);
  f->value = ARENA_NEW(f->h.arena, int64_t, f->k->nsym + 64u);
  ck_assert_int_eq(hone_dims(&f->h, f->k, dims, f->has, f->value), ST_OK);
  f->symbolic = hone_groups(&f->h, f->k);
  f->bound = hone_groups_at(&f->h, f->k, f->has, f->value);
  ck_assert(f->symbolic && f->bound && f->bound->n == 1);
}

static void form_close(struct form *f) {
  hone_close(&f->h);
  diag_free(f->d);
}

/* A winner of sapphirerapids: blocks of one tile, so that it is not the default schedule. */
static void fill(const char *silicon) {
  static const char sched[] =
      "tile i 16; tile j 16; tile k 2; order j1 i1 i0 k1 j0 k0; vector j0; pack B j1; tensorize amx k0";
  struct form f;
  struct sched s;
  struct db *db = NULL;
  struct db_key key;
  struct buf b;
  uint8_t run[32];
  form_open(&f, "sapphirerapids");
  if (silicon) snprintf(f.h.target.silicon, sizeof f.h.target.silicon, "%s", silicon);
  ck_assert_int_eq(sched_parse(f.d, f.h.file, sched, strlen(sched), f.bound, 0, &s), ST_OK);
  buf_init(&b);
  sched_print_canon(&b, &s);
  ck_assert_int_eq(db_open(base, DB_READWRITE, &db, f.d), ST_OK);
  ck_assert_int_eq(db_begin_run(db, "hone 0", "{}", run, f.d), ST_OK);
  key_make(f.h.arena, f.symbolic, 0, f.bound, 0, f.value, &f.h.target, 1, false, false, &key);
  struct db_record r = {.sched = b.data,
                        .status = "ok",
                        .stage = 2,
                        .n = 40,
                        .min_ps = 900,
                        .q20_ps = 950,
                        .med_ps = 1000,
                        .q80_ps = 1100,
                        .rel_ppm = 500000,
                        .rel_lo_ppm = 490000,
                        .rel_hi_ppm = 510000,
                        .verify = "{\"passes\":3}"};
  memcpy(r.run_id, run, 32);
  ck_assert_int_eq(db_add(db, &key, &r, f.d), ST_OK);
  db_close(db);
  buf_free(&b);
  form_close(&f);
}

static enum match chosen(const char *cpu, unsigned *tiles) {
  struct form f;
  struct db *db = NULL;
  struct hone_choice c;
  struct hone_output o = {0};
  form_open(&f, cpu);
  ck_assert_int_eq(db_open(base, DB_READONLY, &db, f.d), ST_OK);
  ck_assert_int_eq(hone_choose(&f.h, db, f.symbolic, f.bound, f.value, &c), ST_OK);
  db_close(db);
  ck_assert_int_eq(hone_compile(&f.h, EMIT_ASM, "H", &o), ST_OK);
  *tiles = 0;
  for (const char *p = o.object.data; (p = strstr(p, "tdpbf16ps")); p++) ++*tiles;
  buf_free(&o.object);
  buf_free(&o.header);
  form_close(&f);
  return c.match;
}

START_TEST(elsewhere) {
  static const char *const others[] = {"x86-64-v2",      "haswell",        "alderlake",
                                       "skylake-avx512", "icelake-server", "znver5"};
  unsigned tiles;
  fill(NULL);
  ck_assert_int_eq(chosen("sapphirerapids", &tiles), MATCH_EXACT);
  ck_assert_uint_ge(tiles, 5); /* its variant has one, the general form all its own */
  ck_assert_int_eq(chosen("graniterapids", &tiles), MATCH_CLASS);
  for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
    ck_assert_msg(chosen(others[i], &tiles) == MATCH_NONE && !tiles, "%s takes it", others[i]);
    fill(others[i]); /* not even from the same silicon: there the system may have tiles switched off */
    ck_assert_msg(chosen(others[i], &tiles) == MATCH_NONE && !tiles, "%s takes it", others[i]);
  }
}
END_TEST

static struct sched read_sched(struct form *f, const char *sched) {
  struct sched s;
  ck_assert_int_eq(sched_parse(f->d, f->h.file, sched, strlen(sched), f->bound, 0, &s), ST_OK);
  return s;
}

static bool in_tiles(const struct sched *s) {
  for (unsigned i = 0; i < s->nstep; i++)
    if (s->step[i].kind == STEP_tensorize && s->step[i].arg == MATRIX_amx) return true;
  return false;
}

/* The model puts tiles before vectors, and more of them before fewer; the search finds them from a product on vectors.
 */
START_TEST(search) {
  struct form f;
  form_open(&f, "sapphirerapids");
  struct space sp = {.gs = f.bound, .lim = &f.h.target.limits, .opts = {.threads = 1}};
  struct sched wide = read_sched(&f, "tile i 32; tile j 32; tile k 2; tile j 512; order j2 i1 j1 i0 k1 j0 k0; vector "
                                     "j0; pack B j2; tensorize amx k0"),
               narrow = read_sched(
                   &f,
                   "tile i 16; tile j 16; tile k 2; order j1 i1 i0 k1 j0 k0; vector j0; pack B j1; tensorize amx k0"),
               dots = read_sched(&f, "tile i 6; tile j 64; tile k 2; order j1 i1 k1 i0 j0 k0; vector j0; unroll i0 0; "
                                     "pack B j1; tensorize bf16 k0"),
               plain = read_sched(&f, "tile i 6; tile j 64; order j1 i1 k0 i0 j0; vector j0; unroll i0 0; pack B j1"),
               x;
  double a = cost_estimate(f.bound, 0, &wide, sp.lim, &sp.opts),
         b = cost_estimate(f.bound, 0, &narrow, sp.lim, &sp.opts),
         c = cost_estimate(f.bound, 0, &dots, sp.lim, &sp.opts);
  ck_assert_msg(a < b && b < c, "%g %g %g", a, b, c);
  space_open(&sp);
  ck_assert(in_tiles(&sp.def));
  uint64_t rng = 1;
  unsigned tries = 0;
  do ck_assert(space_neighbour(&sp, &rng, &plain, &x));
  while (!in_tiles(&x) && ++tries < 20000);
  ck_assert_msg(in_tiles(&x), "not found");
  form_close(&f);
}
END_TEST

int main(void) {
  if (!mkdtemp(folder)) return 1;
  snprintf(spec, sizeof spec, "%s/f.hone", folder);
  snprintf(base, sizeof base, "%s/db", folder);
  FILE *out = fopen(spec, "w");
  if (!out || fputs(text, out) < 0 || fclose(out)) return 1;
  Suite *s = suite_create("amx records");
  TCase *t = tcase_create("elsewhere");
  tcase_set_timeout(t, 60);
  tcase_add_test(t, elsewhere);
  tcase_add_test(t, search);
  suite_add_tcase(s, t);
  int failed = suite_run(s, true);
  char cmd[128];
  snprintf(cmd, sizeof cmd, "rm -rf %s", folder);
  return failed || system(cmd);
}
