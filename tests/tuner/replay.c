/* Strategies on recorded spaces: no clock, so the same on every machine. A record is a list of schedules with the
   nanoseconds that each took once; what was not recorded takes about as long as the recorded ones that are most like it
   (a few of them, by distance). The default schedule that the searches start from is the one of the record, so that
   better defaults do not make the task easier. usage: tuner_replay FOLDER [TRIALS SEEDS]; prints medians of the best
   after so many trials, over the best there is, and TAP: the searches that learn must beat chance. */
#include "compiler/pass/passes.h"
#include "tuner/plan.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEAREST = 4, AXES = 6, OPERANDS = 4, MAX_ENTRIES = 1024, MAX_SEEDS = 32, BATCH = 6, NMARK = 4 };
enum { F_LOOP = 0, F_OPERAND = F_LOOP + AXES * LEVEL_MAX * 5, FEATURES = F_OPERAND + OPERANDS * 4 };
static const struct {
  const char *name, *spec;
} tasks[] = {
    {"matmul", "kernel matmul(A: f32[500, 500], B: f32[500, 500]) -> C: f32[500, 500] {\n  C[i, j] = sum(k) A[i, k] * "
               "B[k, j]\n}\n"},
    {"depthwise",
     "kernel depthwise(x: f32[64, 56, 56], w: f32[64, 3, 3]) -> y: f32[64, 56, 56] {\n"
     "  y[c, i, j] = sum(r in 0..3, s in 0..3 if i + r - 1 >= 0, -i - r + 56 >= 0, j + s - 1 >= 0, -j - s + 56 >= 0) "
     "x[c, i + r - 1, j + s - 1] * w[c, r, s]\n}\n"},
};
static const struct limits lim = {.vector_bytes = 64,
                                  .vector_regs = 32,
                                  .l1_bytes = 48 << 10,
                                  .l2_bytes = 1 << 20,
                                  .l3_bytes = 32 << 20,
                                  .line_bytes = 64,
                                  .cores = 2,
                                  .fma_per_cycle = 2,
                                  .load_per_cycle = 2,
                                  .store_per_cycle = 1,
                                  .ghz = 3.8,
                                  .dram_gbs = 16,
                                  .has_fma = true,
                                  .has_masks = true};

struct entry {
  double ns;
  struct sched sched;
  float x[FEATURES];
};
static struct record {
  struct arena *a;
  struct space sp;
  unsigned n;
  double best;
  struct entry e[MAX_ENTRIES];
} rec;

/* What a schedule is, as numbers: per loop tile, place and steps on it, per operand the places of its steps. */
static void features(const struct sched *s, float *x) {
  struct plan p = plan_of(&rec.sp, s);
  memset(x, 0, FEATURES * sizeof *x);
  for (unsigned i = 0; i < p.norder; i++)
    if (LOOP_AXIS(p.order[i]) < AXES) x[F_LOOP + 5 * p.order[i]] = 1 + 4 * (float)(i + 1) / (float)p.norder;
  for (unsigned a = 0; a < p.naxis && a < AXES; a++)
    for (unsigned l = 0; l + 1 < LEVEL_MAX && p.tile[a][l]; l++)
      x[F_LOOP + 5 * LOOP_ID(a, l) + 1] = 1 + log2f(p.tile[a][l]);
  for (unsigned i = 0; i < p.nvector; i++)
    if (LOOP_AXIS(p.vector[i]) < AXES) x[F_LOOP + 5 * p.vector[i] + 2] = 4;
  for (unsigned i = 0; i < p.nextra; i++) {
    struct step t = p.extra[i];
    const uint8_t *at = memchr(p.order, t.loop, p.norder);
    float place = at ? 1 + 3 * (float)(at - p.order + 1) / (float)p.norder : 1;
    bool loop = LOOP_AXIS(t.loop) < AXES, operand = t.arg >= 0 && t.arg < OPERANDS;
    if (t.kind == STEP_unroll && loop) x[F_LOOP + 5 * t.loop + 3] = t.arg ? log2f(t.arg) : 4;
    if (t.kind == STEP_peel && loop) x[F_LOOP + 5 * t.loop + 4] = 1;
    if (t.kind == STEP_pack && operand) x[F_OPERAND + 4 * t.arg] = place;
    if (t.kind == STEP_copy && operand) x[F_OPERAND + 4 * t.arg + 1] = place;
    if (t.kind == STEP_prefetch && operand) x[F_OPERAND + 4 * t.arg + 2] = place;
    if (t.kind == STEP_stream && operand) x[F_OPERAND + 4 * t.arg + 3] = 2;
  }
}

static double distance(const float *x, const float *y) {
  double d = 0;
  for (unsigned i = 0; i < FEATURES; i++) d += fabs((double)x[i] - (double)y[i]);
  return d;
}

/* Nanoseconds, from the entries of the record that are nearest; `not` is left out. */
static double replay(const float *x, unsigned not ) {
  double near[NEAREST], value[NEAREST] = {0}, sum = 0, weights = 0;
  for (unsigned k = 0; k < NEAREST; k++) near[k] = INFINITY;
  for (unsigned i = 0; i < rec.n; i++) {
    double d = i == not ? INFINITY : distance(x, rec.e[i].x), v = log(rec.e[i].ns);
    for (unsigned k = 0; k < NEAREST; k++)
      if (d < near[k]) {
        double swap = near[k];
        near[k] = d;
        d = swap;
        swap = value[k];
        value[k] = v;
        v = swap;
      }
  }
  for (unsigned k = 0; k < NEAREST && isfinite(near[k]); k++) {
    double w = 1 / (near[k] * near[k] + 1e-6);
    sum += w * value[k];
    weights += w;
  }
  return exp(sum / weights);
}

static bool open_record(const char *folder, unsigned task) {
  struct diag *d = diag_new();
  struct kernels ks;
  char line[1024], path[1024];
  snprintf(path, sizeof path, "%s/%s.txt", folder, tasks[task].name);
  FILE *f = fopen(path, "r");
  const char *spec = tasks[task].spec;
  memset(&rec, 0, sizeof rec);
  rec.a = arena_new();
  bool ok = f && kernels_parse(rec.a, d, diag_file(d, "spec", spec, strlen(spec)), spec, strlen(spec), &ks) == ST_OK;
  struct unit u = {.level = LEVEL_TENSOR, .k = ok ? ks.k[0] : NULL};
  ok = ok && pass_run(rec.a, hone_passes, hone_npasses, &u, d) == ST_OK;
  rec.sp = (struct space){.gs = u.gs, .lim = &lim, .opts = {.threads = 1}};
  if (ok) space_open(&rec.sp);
  rec.best = INFINITY;
  while (ok && rec.n < MAX_ENTRIES && fgets(line, sizeof line, f)) {
    struct entry *e = &rec.e[rec.n];
    char *text = strchr(line, ' ');
    ok = text && (e->ns = atof(line)) > 0 && sched_parse_canon(text + 1, strcspn(text + 1, "\n"), &e->sched) == ST_OK;
    if (ok && legal_sched(rec.a, rec.sp.gs, 0, &e->sched, &lim, &rec.sp.opts))
      continue; /* of an older schedule language */
    if (ok) features(&e->sched, e->x);
    if (ok && e->ns < rec.best) rec.best = e->ns;
    rec.n += ok;
  }
  if (f) fclose(f);
  if (ok && rec.n) rec.sp.def = rec.e[0].sched;
  diag_free(d);
  return ok && rec.n > 300;
}

/* How well the entries foretell each other: rank correlation would hide it, so the share of the variance explained. */
static double explained(void) {
  double mean = 0, all = 0, left = 0;
  for (unsigned i = 0; i < rec.n; i++) mean += log(rec.e[i].ns) / rec.n;
  for (unsigned i = 0; i < rec.n; i++) {
    double y = log(rec.e[i].ns), e = y - log(replay(rec.e[i].x, i));
    all += (y - mean) * (y - mean);
    left += e * e;
  }
  return 1 - left / all;
}

/* The best so far after each of the marked numbers of trials. */
static void search(const struct strategy *st, uint64_t seed, const unsigned *mark, double *best) {
  void *state = st->open(&rec.sp, seed, NULL, 0);
  struct trial t = {rec.sp.def, true, rec.e[0].ns};
  double least = t.cost;
  st->tell(state, &t);
  for (unsigned n = 0, m = 0; m < NMARK; m++, best[m - 1] = least / rec.best)
    while (n < mark[m]) {
      struct sched out[BATCH];
      unsigned got = st->ask(state, out, BATCH);
      if (!got) break;
      for (unsigned i = 0; i < got; i++, n++) {
        float x[FEATURES];
        features(&out[i], x);
        t = (struct trial){out[i], true, replay(x, UINT32_MAX)};
        if (t.cost < least) least = t.cost;
        st->tell(state, &t);
      }
    }
  st->close(state);
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Medians over seeds, into *median. */
static void run(const char *name, unsigned trials, unsigned seeds, double *median) {
  const unsigned mark[NMARK] = {trials / 8, trials / 4, trials / 2, trials};
  double all[NMARK][MAX_SEEDS];
  for (unsigned s = 0; s < seeds; s++) {
    double best[NMARK];
    search(strategy_find(name), s + 1, mark, best);
    for (unsigned m = 0; m < NMARK; m++) all[m][s] = best[m];
  }
  printf("#   %-8s", name);
  for (unsigned m = 0; m < NMARK; m++) {
    qsort(all[m], seeds, sizeof all[m][0], by_size);
    median[m] = all[m][seeds / 2];
    printf("  %4u: %.3f", mark[m], median[m]);
  }
  putchar('\n');
}

int main(int argc, char **argv) {
  static const char *const names[] = {"random", "local", "forest"};
  unsigned trials = argc > 2 ? (unsigned)atoi(argv[2]) : 64, seeds = argc > 3 ? (unsigned)atoi(argv[3]) : 3, bad = 0;
  const unsigned ntask = sizeof tasks / sizeof *tasks;
  if (argc < 2 || !seeds || seeds > MAX_SEEDS || trials < 8) return EXIT_FAILURE;
  printf("1..%u\n", ntask);
  for (unsigned i = 0; i < ntask; i++) {
    double median[3][NMARK] = {{0}};
    bool ok = open_record(argv[1], i);
    if (ok)
      printf("# %s: %u entries, the default %.3f times the best; entries explain %.2f of each other\n", tasks[i].name,
             rec.n, rec.e[0].ns / rec.best, explained());
    for (unsigned k = 0; ok && k < 3; k++) run(names[k], trials, seeds, median[k]);
    for (unsigned k = 1; k < 3; k++) ok = ok && median[k][NMARK - 1] <= median[0][NMARK - 1];
    printf("%s %u - %s\n", ok ? "ok" : "not ok", i + 1, tasks[i].name);
    bad += !ok;
    arena_free(rec.a);
  }
  return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
