/* The space holds every default schedule, and the search can leave and reach each of its steps: for each kernel that is
   measured (bench/rows.txt), with two threads, and with AMX, where the default schedule takes it, and for attention
   with
   --fp fast; with a target, for each that is measured on GPUs (bench/gpu_rows.txt). usage: tuner_space ROOT [TARGET];
   prints TAP. */
#include "compiler/hone.h"
#include "tuner/moves.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 20000, MAX_KERNELS = 64 };
static struct arena *arena; /* of the case at hand */
static char why[512];
static const char *target; /* NULL: this machine */
static enum fpmode fp;

static const char *text_of(const struct space *sp, const struct sched *s) {
  struct buf b;
  buf_init(&b);
  sched_print(&b, sp->gs, sp->g, s);
  const char *t = arena_strdup(arena, b.data ? b.data : "");
  buf_free(&b);
  return t;
}

static bool fail(const struct space *sp, const char *what, const struct sched *s, struct step t) {
  struct sched one = {1, {t}};
  snprintf(why, sizeof why, "%s (step `%s`) of %s", what, text_of(sp, &one), text_of(sp, s));
  return false;
}

static const char *loops_of(const struct space *sp, const struct sched *s) {
  struct lfunc *f;
  const char *said = "";
  struct buf b;
  if (lower_kernel(arena, sp->gs, s, sp->lim, &sp->opts, "f", &f, &said) != ST_OK) return said;
  buf_init(&b);
  lfunc_print(&b, f);
  const char *t = arena_strdup(arena, b.data);
  buf_free(&b);
  return t;
}

static bool has(const struct sched *s, struct step t) {
  for (unsigned i = 0; i < s->nstep; i++)
    if (!memcmp(&s->step[i], &t, sizeof t)) return true;
  return false;
}

/* Taken apart and put together, the default schedule makes the same loops. */
static bool is_member(const struct space *sp, struct sched *again) {
  struct plan p = plan_of(sp, &sp->def);
  if (!plan_sched(&p, again)) return fail(sp, "does not fit into a schedule", &sp->def, sp->def.step[0]);
  return !strcmp(loops_of(sp, &sp->def), loops_of(sp, again)) ||
         fail(sp, "is another schedule when put together again", &sp->def, sp->def.step[0]);
}

/* The schedule with the step left out, a tile with another size; false: that is not legal. */
static bool without(const struct space *sp, const struct sched *s, unsigned at, struct sched *out) {
  *out = *s;
  if (s->step[at].kind == STEP_tile) {
    for (int times = 2; times < 6; times++) {
      out->step[at].arg = (int16_t)(times == 2 ? s->step[at].arg / 2 : s->step[at].arg * (times - 1));
      if (out->step[at].arg > 0 && !legal_sched(arena, sp->gs, sp->g, out, sp->lim, &sp->opts)) return true;
    }
    return false;
  }
  memmove(&out->step[at], &out->step[at + 1], (size_t)(s->nstep - at - 1) * sizeof *out->step);
  out->nstep--;
  return !legal_sched(arena, sp->gs, sp->g, out, sp->lim, &sp->opts);
}

/* A legal neighbour without the step. */
static bool leave(const struct space *sp, const struct sched *s, struct step t, uint64_t *rng) {
  struct sched x;
  for (unsigned i = 0; i < TRIES && space_neighbour(sp, rng, s, &x); i++) {
    const char *no = legal_sched(arena, sp->gs, sp->g, &x, sp->lim, &sp->opts);
    if (no) return fail(sp, no, &x, t);
    if (!has(&x, t)) return true;
  }
  return fail(sp, "no neighbour without it", s, t);
}

static bool come_back(const struct space *sp, const struct sched *s, struct step t, uint64_t *rng) {
  struct sched x;
  for (unsigned i = 0; i < TRIES && space_neighbour(sp, rng, s, &x); i++)
    if (has(&x, t)) return true;
  return fail(sp, "no neighbour with it", s, t);
}

static bool in_tiles(const struct sched *s) {
  bool any = false;
  for (unsigned i = 0; i < s->nstep; i++) any |= s->step[i].kind == STEP_tensorize && s->step[i].arg == MATRIX_amx;
  return any;
}

static unsigned tiled; /* groups in matrix tiles so far */

static bool try_group(struct hone *h, const struct groups *bound, unsigned g, bool tiles) {
  struct space sp = {.gs = group_extract(arena, bound, g),
                     .lim = &h->target.limits,
                     .opts = lower_opts_for(&h->target, fp, h->opts.threads)};
  struct sched s;
  uint64_t rng = 3;
  space_open(&sp);
  if (!sp.def.nstep || (tiles && !in_tiles(&sp.def))) return true;
  tiled += tiles;
  if (!is_member(&sp, &s)) return false;
  for (unsigned i = 0; i < s.nstep; i++) {
    struct sched x;
    if (s.step[i].kind == STEP_order || !without(&sp, &s, i, &x)) continue; /* needed by the others */
    if (!leave(&sp, &s, s.step[i], &rng) || !come_back(&sp, &x, s.step[i], &rng)) return false;
  }
  return true;
}

static bool try_equations(struct hone *h, const struct kernel *k, const char *dims, bool tiles, unsigned *groups) {
  bool *given = ARENA_NEW(arena, bool, k->nsym + 1u);
  int64_t *value = ARENA_NEW(arena, int64_t, k->nsym + 1u);
  if (hone_dims(h, k, dims, given, value) != ST_OK) return false;
  struct groups *bound = hone_groups_at(h, k, given, value);
  bool ok = bound != NULL;
  for (unsigned g = 0; ok && g < bound->n; g++, ++*groups) ok = try_group(h, bound, g, tiles);
  return ok;
}

/* Of a function that raises in parts those whose dims it has. cpu: NULL for this machine's; else only groups in matrix
   tiles count. */
static bool try_kernel(const char *path, const char *dims, const char *cpu, unsigned *groups) {
  struct hone_options o = {.target = target, .threads = 2, .on_miss = HONE_MISS_QUIET, .cpu = cpu, .fp = fp};
  struct diag *d = diag_new();
  struct hone h;
  bool ok = hone_open(&h, path, &o, d) == ST_OK && h.spec.n && (h.spec.fn[0].k || h.spec.fn[0].npart);
  snprintf(why, sizeof why, "cannot be read");
  arena = arena_new();
  if (ok && h.spec.fn[0].k) ok = try_equations(&h, h.spec.fn[0].k, dims, cpu != NULL, groups);
  for (unsigned i = 0; ok && i < h.spec.fn[0].npart; i++) {
    const char *known = hone_known_dims(&h, h.spec.fn[0].part[i].k, dims);
    if (known) ok = try_equations(&h, h.spec.fn[0].part[i].k, known, cpu != NULL, groups);
  }
  arena_free(arena);
  hone_close(&h);
  diag_free(d);
  return ok;
}

static const char *find(struct arena *a, const char *root, const char *kernel) {
  const char *path = arena_printf(a, "%s/bench/specs/gpu/%s.hone", root, kernel);
  if (target && !access(path, R_OK)) return path;
  path = arena_printf(a, "%s/bench/specs/%s.c", root, kernel);
  if (access(path, R_OK)) path = arena_printf(a, "%s/bench/specs/%s.hone", root, kernel);
  if (access(path, R_OK)) path = arena_printf(a, "%s/examples/%s/%s.c", root, kernel, kernel);
  return path;
}

/* The first row of each kernel. */
static unsigned read_rows(struct arena *a, const char *root, char name[][64], char dims[][256]) {
  char line[512], family[64];
  unsigned n = 0;
  FILE *f = fopen(arena_printf(a, "%s/bench/%srows.txt", root, target ? "gpu_" : ""), "r");
  while (f && n < MAX_KERNELS && fgets(line, sizeof line, f)) {
    bool known = false;
    if (*line == '#' || sscanf(line, "%63s %63s %255s", family, name[n], dims[n]) != 3) continue;
    for (unsigned i = 0; i < n; i++) known |= !strcmp(name[i], name[n]);
    n += !known;
  }
  if (f) fclose(f);
  return n;
}

int main(int argc, char **argv) {
  static char name[MAX_KERNELS + 1][64], dims[MAX_KERNELS + 1][256];
  struct arena *a = arena_new();
  target = argc > 2 ? argv[2] : NULL;
  unsigned least = target ? 8 : 20;
  unsigned n = argc > 1 ? read_rows(a, argv[1], name, dims) : 0, bad = 0;
  printf("1..%u\n", n + 1 + 2 * !target);
  printf("%s 1 - there are rows\n", n > least ? "ok" : "not ok");
  for (unsigned i = 0; i < n; i++) {
    unsigned groups = 0;
    *why = '\0';
    bool ok = try_kernel(find(a, argv[1], name[i]), dims[i], NULL, &groups) && groups &&
              (target || try_kernel(find(a, argv[1], name[i]), dims[i], "sapphirerapids", &groups));
    printf("%s %u - %s\n", ok ? "ok" : "not ok", i + 2, name[i]);
    if (!ok) printf("# %s\n", why);
    fflush(stdout);
    bad += !ok;
  }
  if (!target) printf("%s %u - some are in matrix tiles\n", tiled > 2 ? "ok" : "not ok", n + 2);
  if (!target) {
    unsigned groups = 0;
    fp = FP_FAST;
    bool ok = try_kernel(find(a, argv[1], "attention_bf16"), "H=4,T=512,S=512,D=64", NULL, &groups);
    printf("%s %u - a factor that is rounded\n", ok ? "ok" : "not ok", n + 3);
    if (!ok) printf("# %s\n", why);
    bad += !ok;
  }
  arena_free(a);
  return bad || (!target && tiled <= 2) || n <= least ? EXIT_FAILURE : EXIT_SUCCESS;
}
