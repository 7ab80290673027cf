/* Random legal schedules of the kernels in a folder give what the equations give. Every case prints its seed when it
   fails: random_sched FOLDER [CASES [FIRST_SEED]] */
#include "tests/lower/lower_common.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned pick(uint64_t *s, unsigned n) {
  return (unsigned)(lab_random(s) % n);
}

static void random_dims(struct lab *b, const struct kernel *k, uint64_t *s, char **out) {
  static const int size[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 24, 31, 33};
  unsigned cap = k->neq > 3 ? 14 : 16;
  struct buf t;
  buf_init(&t);
  for (unsigned p = 0; p < k->nparam; p++)
    if (k->param[p].kind == PARAM_DIM)
      buf_printf(&t, "%s%s=%d", t.len ? "," : "", k->param[p].name, size[pick(s, pick(s, 3) ? cap : 6)]);
  *out = arena_strdup(b->a, t.data ? t.data : "");
  buf_free(&t);
}

static bool assumed(const struct kernel *k, const char *dims) {
  bool has[256] = {false}, ok = true;
  int64_t value[256] = {0}, v;
  const char *bad;
  if (k->nsym > 256 || !kernel_parse_dims(k, dims, has, value, &bad)) return false;
  for (unsigned i = 0; i < k->nassume; i++) ok &= poly_eval(k->assume[i], value, &v) && v >= 0;
  return ok;
}

static bool try_step(struct lab *b, const struct groups *gs, unsigned g, struct sched *s, unsigned kind, unsigned loop,
                     int arg) {
  struct step st = {(uint8_t)kind, (uint8_t)loop, (int16_t)arg};
  if (legal_step(b->a, gs, g, s, st, &b->lim, &b->o)) return false;
  return sched_push(s, (enum stepkind)kind, loop, arg);
}

/* Those of the group, and that of the parts. */
static unsigned axes_of(const struct groups *gs, unsigned g, const struct sched *s) {
  return gs->g[g].naxis + (sched_split(s) >= 0);
}

static void random_order(struct lab *b, const struct groups *gs, unsigned g, struct sched *s, uint64_t *r) {
  struct sched t = *s;
  unsigned left[GROUP_MAX_AXIS + 1], n = axes_of(gs, g, s), total = 0;
  for (unsigned a = 0; a < n; a++) {
    left[a] = 1;
    for (unsigned i = 0; i < s->nstep; i++) left[a] += s->step[i].kind == STEP_tile && LOOP_AXIS(s->step[i].loop) == a;
    total += left[a];
  }
  for (unsigned stop = 1 + pick(r, total); stop > 0; stop--) {
    unsigned a = pick(r, n);
    while (!left[a]) a = (a + 1) % n;
    if (!sched_push(&t, STEP_order, LOOP_ID(a, --left[a]), 0)) return;
  }
  if (!legal_sched(b->a, gs, g, &t, &b->lim, &b->o)) *s = t;
}

/* A tile for a matrix instruction: nothing comes of it where there is no such product. */
static void random_matrix(struct lab *b, const struct groups *gs, unsigned g, struct sched *s, uint64_t *r) {
  unsigned n = axes_of(gs, g, s), lane = pick(r, n), red = pick(r, n);
  struct sched t = *s;
  if (!try_step(b, gs, g, &t, STEP_tile, LOOP_ID(lane, 0), pick(r, 2) ? 16 : 32)) return;
  if (!try_step(b, gs, g, &t, STEP_tile, LOOP_ID(red, 0), pick(r, 2) ? 4 : 2)) return;
  if (!try_step(b, gs, g, &t, STEP_vector, LOOP_ID(lane, 0), 0)) return;
  if (try_step(b, gs, g, &t, STEP_tensorize, LOOP_ID(red, 0), (int)pick(r, MATRIX_COUNT))) *s = t;
}

/* Threads of a block in two directions, with pieces (GPUs). The tile is a few times what they take at once. */
static bool random_digit(struct lab *b, const struct groups *gs, unsigned g, struct sched *s, enum stepkind kind,
                         uint64_t *r) {
  unsigned a = pick(r, gs->g[g].naxis), lanes = 2u << pick(r, 4), piece = 1u << pick(r, 3), warps = pick(r, 3) ? 1 : 2;
  struct sched t = *s;
  if (!try_step(b, gs, g, &t, STEP_tile, LOOP_ID(a, 0), (int)(lanes * piece * warps * (1 + pick(r, 3))))) return false;
  if (!try_step(b, gs, g, &t, kind, LOOP_ID(a, 0), (int)lanes)) return false;
  if (piece > 1 && !try_step(b, gs, g, &t, STEP_piece, LOOP_ID(a, 0), (int)piece)) return false;
  if (warps > 1 && !try_step(b, gs, g, &t, STEP_warps, LOOP_ID(a, 0), (int)warps)) return false;
  *s = t;
  return true;
}

/* What a warp's matrix instruction adds up of a product of the group; 0: there is none. */
static unsigned fragment_depth(const struct lab *b, const struct groups *gs, unsigned g) {
  struct mma_form form;
  struct dot d;
  for (unsigned i = 0; i < gs->g[g].neq; i++)
    if (legal_dot(&b->lim, gs->k->eq[gs->g[g].eq[i]].body, &d) && mma_form(d.kind, &form) && d.kind != DOT_f32)
      return form.depth;
  return 0;
}

/* A product by the matrix instruction of a warp: nothing comes of it where there is none. */
static bool random_fragments(struct lab *b, const struct groups *gs, unsigned g, struct sched *s, uint64_t *r) {
  unsigned n = gs->g[g].naxis, lane = pick(r, n), row = pick(r, n), red = pick(r, n), warps = 1 + pick(r, 2),
           depth = fragment_depth(b, gs, g);
  uint16_t operand[16];
  struct sched t = *s;
  unsigned nop = group_operands(gs, g, operand, 16);
  if (!try_step(b, gs, g, &t, STEP_tile, LOOP_ID(lane, 0), (int)(8 * warps * (1 + pick(r, 3)))) ||
      !try_step(b, gs, g, &t, STEP_tile, LOOP_ID(row, 0), (int)(16 * warps * (1 + pick(r, 2)))) ||
      !try_step(b, gs, g, &t, STEP_tile, LOOP_ID(red, 0), (int)depth) ||
      !try_step(b, gs, g, &t, STEP_lanes, LOOP_ID(lane, 0), 4) ||
      !try_step(b, gs, g, &t, STEP_piece, LOOP_ID(lane, 0), 2) ||
      !try_step(b, gs, g, &t, STEP_threads, LOOP_ID(row, 0), 8))
    return false;
  if (warps > 1)
    try_step(b, gs, g, &t, STEP_warps, LOOP_ID(lane, 0), 2), try_step(b, gs, g, &t, STEP_warps, LOOP_ID(row, 0), 2);
  bool two = pick(r, 2) && try_step(b, gs, g, &t, STEP_tile, LOOP_ID(red, 0), 2 * (int)depth);
  for (unsigned i = 0; i < nop && i < 16; i++) try_step(b, gs, g, &t, STEP_pack, LOOP_ID(red, two ? 2 : 1), (int)i);
  uint8_t order[] = {LOOP_ID(row, 1), LOOP_ID(lane, 1), LOOP_ID(red, 2), LOOP_ID(red, 1), LOOP_ID(red, 0)};
  for (unsigned a = 0; a < n; a++)
    if (a != lane && a != row && a != red) sched_push(&t, STEP_order, LOOP_ID(a, 0), 0);
  for (unsigned i = 0; i < 5; i++)
    if (i != 2 || two) sched_push(&t, STEP_order, order[i], 0);
  if (!try_step(b, gs, g, &t, STEP_tensorize, LOOP_ID(red, 0), MATRIX_mma)) return false;
  unsigned stages = pick(r, 4) ? 2 + pick(r, 3) : 0;
  for (unsigned i = 0; i < nop && i < 16 && stages; i++)
    if (pick(r, 8)) try_step(b, gs, g, &t, STEP_stage, stages, (int)i);
  *s = t;
  return true;
}

/* What a step of a product in matrix tiles adds up; 0: the group has none. */
static unsigned tiles_step(const struct groups *gs, unsigned g) {
  struct dot d;
  for (unsigned i = 0; i < gs->g[g].neq; i++)
    if (dot_of(gs->k->eq[gs->g[g].eq[i]].body, &d) && matrix_takes(MATRIX_amx, d.kind)) return d.group;
  return 0;
}

/* A product in matrix tiles: blocks of many shapes, operands packed at any loop outside, loops of the block in any
   order. */
static bool random_tiles(struct lab *b, const struct groups *gs, unsigned g, struct sched *s, uint64_t *r) {
  static const int side[] = {16, 32, 32, 48, 64, 80}, rows[] = {1, 5, 16, 24, 32, 32, 48, 80};
  unsigned n = axes_of(gs, g, s), lane = pick(r, n), row = pick(r, n), red = pick(r, n), group = tiles_step(gs, g);
  struct sched t = *s;
  uint16_t operand[16];
  unsigned nop = group_operands(gs, g, operand, 16), level[3] = {1, 1, 1};
  if (lane == row || lane == red || row == red) return false;
  int size[3] = {side[pick(r, 6)], rows[pick(r, 8)], (int)group};
  unsigned axis[3] = {lane, row, red};
  for (unsigned i = 0; i < 3; i++) {
    if (!try_step(b, gs, g, &t, STEP_tile, LOOP_ID(axis[i], 0), size[i])) return false;
    if (pick(r, 3) == 0)
      level[i] += try_step(b, gs, g, &t, STEP_tile, LOOP_ID(axis[i], 0), size[i] * (int)(2 + pick(r, 30)));
  }
  if (!try_step(b, gs, g, &t, STEP_vector, LOOP_ID(lane, 0), 0)) return false;
  if (pick(r, 4) == 0) try_step(b, gs, g, &t, STEP_unroll, LOOP_ID(row, 0), 0);
  for (unsigned a = 0; a < n; a++)
    if (a != lane && a != row && a != red) sched_push(&t, STEP_order, LOOP_ID(a, 0), 0);
  unsigned left[3] = {level[0], level[1], level[2]};
  for (unsigned i = level[0] + level[1] + level[2] - 1;
       i > 0;) { /* the innermost loop of the reduction but one comes below */
    unsigned k = pick(r, 3);
    if (left[k] <= (k == 2)) continue;
    sched_push(&t, STEP_order, LOOP_ID(axis[k], left[k]--), 0);
    i--;
  }
  bool inside = pick(r, 2);
  uint8_t block[] = {LOOP_ID(inside ? red : row, inside), LOOP_ID(inside ? row : red, !inside), LOOP_ID(lane, 0),
                     LOOP_ID(red, 0)};
  for (unsigned i = 0; i < 4; i++) sched_push(&t, STEP_order, block[i], 0);
  for (unsigned i = 0; i < nop && i < 16; i++) {
    unsigned k = pick(r, 3), kind = pick(r, 4) ? STEP_pack : STEP_copy;
    try_step(b, gs, g, &t, kind, LOOP_ID(axis[k], level[k]), (int)i);
  }
  if (!try_step(b, gs, g, &t, STEP_tensorize, LOOP_ID(red, 0), MATRIX_amx)) return false;
  *s = t;
  return true;
}

/* The axis that a product of the group sums over; -1: there is none. */
static int summed_axis(const struct lab *b, const struct groups *gs, unsigned g, struct dot *out) {
  struct dot d;
  for (unsigned i = 0; i < gs->g[g].neq; i++) {
    const struct eq *e = &gs->k->eq[gs->g[g].eq[i]];
    for (unsigned a = 0; a < gs->g[g].naxis && e->nax > e->npar && legal_dot(&b->lim, e->body, &d); a++)
      if (gs->g[g].axis[a].sym == e->axis[e->nax - 1].sym && !d.alone) {
        *out = d;
        return (int)a;
      }
  }
  return -1;
}

/* Blocks in stretches, few blocks that take turns: nothing comes of it where the loops are not shared out. */
static void random_grid(struct lab *b, const struct groups *gs, unsigned g, struct sched *s, unsigned loop,
                        uint64_t *r) {
  if (pick(r, 2)) try_step(b, gs, g, s, STEP_raster, loop, 2 + (int)pick(r, 3));
  if (pick(r, 2)) try_step(b, gs, g, s, STEP_cluster, LOOP_ID(pick(r, gs->g[g].naxis), 1), 2);
  if (pick(r, 2)) try_step(b, gs, g, s, STEP_persist, loop, 1 + (int)pick(r, 4));
}

/* The same for a warp group's: both operands packed in a tile of the sum that is a panel deep. */
static bool random_groups(struct lab *b, const struct groups *gs, unsigned g, struct sched *s, uint64_t *r) {
  unsigned n = gs->g[g].naxis, lane = pick(r, n), row = pick(r, n), wide = pick(r, 2) ? 16 : 32;
  struct dot d = {0};
  unsigned red = (unsigned)summed_axis(b, gs, g, &d), warps = 4u << pick(r, 2), beside = 1 + pick(r, 2),
           cols = (pick(r, 2) ? 64 : 16) * (1 + pick(r, 3));
  uint16_t operand[16];
  struct sched t = *s;
  unsigned nop = group_operands(gs, g, operand, 16);
  if (red >= n || lane == row || lane == red || row == red) return false;
  if (!try_step(b, gs, g, &t, STEP_tile, LOOP_ID(lane, 0), (int)(cols * beside)) ||
      !try_step(b, gs, g, &t, STEP_tile, LOOP_ID(row, 0), (int)(16 * warps)) ||
      !try_step(b, gs, g, &t, STEP_tile, LOOP_ID(red, 0), (int)wide) ||
      !try_step(b, gs, g, &t, STEP_tile, LOOP_ID(red, 0), (int)(4 * wide)) ||
      !try_step(b, gs, g, &t, STEP_lanes, LOOP_ID(lane, 0), 4) ||
      !try_step(b, gs, g, &t, STEP_piece, LOOP_ID(lane, 0), 2) ||
      !try_step(b, gs, g, &t, STEP_threads, LOOP_ID(row, 0), 8) ||
      !try_step(b, gs, g, &t, STEP_warps, LOOP_ID(row, 0), (int)warps))
    return false;
  if (beside > 1 && !try_step(b, gs, g, &t, STEP_warps, LOOP_ID(lane, 0), 2)) return false;
  for (unsigned i = 0; i < nop && i < 16; i++) /* without them the code may be too large */
    if (operand[i] == d.a->acc->tensor || operand[i] == d.b->acc->tensor)
      sched_push(&t, STEP_pack, LOOP_ID(red, 2), (int)i);
  uint8_t order[] = {LOOP_ID(row, 1), LOOP_ID(lane, 1), LOOP_ID(red, 2), LOOP_ID(red, 1), LOOP_ID(red, 0)};
  for (unsigned a = 0; a < n; a++)
    if (a != lane && a != row && a != red) sched_push(&t, STEP_order, LOOP_ID(a, 0), 0);
  for (unsigned i = 0; i < 5; i++) sched_push(&t, STEP_order, order[i], 0);
  if (!try_step(b, gs, g, &t, STEP_tensorize, LOOP_ID(red, 0), MATRIX_wgmma)) return false;
  if (pick(r, 2)) try_step(b, gs, g, &t, STEP_parallel, LOOP_ID(row, 1), 0);
  if (pick(r, 2)) try_step(b, gs, g, &t, STEP_parallel, LOOP_ID(lane, 1), 0);
  unsigned stages = pick(r, 3) ? 2 + pick(r, 3) : 0, how = pick(r, 3) ? STAGE_TMA | STAGE_SWIZZLE : 0;
  for (unsigned i = 0; i < nop && i < 16 && stages; i++)
    if (pick(r, 16)) try_step(b, gs, g, &t, STEP_stage, stages | how, (int)i);
  for (unsigned i = 0; i < nop && i < 16; i++) /* results */
    if (pick(r, 2)) try_step(b, gs, g, &t, STEP_stage, 1 | STAGE_TMA | STAGE_SWIZZLE, (int)i);
  random_grid(b, gs, g, &t, LOOP_ID(row, 1), r);
  *s = t;
  return true;
}

static void random_threads(struct lab *b, const struct groups *gs, unsigned g, struct sched *s, uint64_t *r) {
  random_digit(b, gs, g, s, STEP_lanes, r);
  for (unsigned i = pick(r, 4); i > 0; i--)
    if (random_digit(b, gs, g, s, STEP_threads, r)) return;
}

static void random_sched(struct lab *b, const struct groups *gs, unsigned g, struct sched *s, uint64_t *r) {
  static const int tile[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};
  unsigned n = gs->g[g].naxis;
  uint16_t operand[64];
  unsigned nop = group_operands(gs, g, operand, 64);
  *s = sched_none();
  if (!n) return;
  for (unsigned i = pick(r, 3) ? 0 : 4; i > 0 && !s->nstep; i--)
    try_step(b, gs, g, s, STEP_split, LOOP_ID(pick(r, n), 0), 2 + (int)pick(r, 4));
  n = axes_of(gs, g, s);
  for (unsigned i = pick(r, 2) * 30; i > 0 && s->nstep < 3; i--) random_matrix(b, gs, g, s, r);
  for (unsigned i = pick(r, 2 * n + 1); i > 0; i--)
    try_step(b, gs, g, s, STEP_tile, LOOP_ID(pick(r, n), 0), tile[pick(r, 12)]);
  bool fragments = false;
  bool may = b->lim.matrix_per_cycle[MATRIX_mma] && fragment_depth(b, gs, g);
  for (unsigned i = may && pick(r, 4) ? 200 : 0; i > 0 && !fragments; i--) {
    struct sched t = sched_none();
    bool groups = b->lim.matrix_per_cycle[MATRIX_wgmma] && pick(r, 3);
    fragments = groups ? random_groups(b, gs, g, &t, r) : random_fragments(b, gs, g, &t, r);
    if (fragments) *s = t;
  }
  if (fragments) return;
  bool tiles = false;
  may = b->lim.matrix_per_cycle[MATRIX_amx] && !b->lim.simt && tiles_step(gs, g) && n > 2;
  for (unsigned i = may && pick(r, 4) ? 300 : 0; i > 0 && !tiles; i--) {
    struct sched t = sched_none();
    tiles = random_tiles(b, gs, g, &t, r);
    if (tiles) *s = t;
  }
  if (b->lim.simt && pick(r, 2)) *s = sched_none(), random_threads(b, gs, g, s, r);
  if (pick(r, 4)) try_step(b, gs, g, s, STEP_vector, LOOP_ID(pick(r, n), 0), 0);
  for (unsigned i = pick(r, 4); i > 0; i--)
    try_step(b, gs, g, s, pick(r, 4) ? STEP_unroll : STEP_vector, LOOP_ID(pick(r, n), pick(r, 8) ? 0 : 1),
             pick(r, 2) ? 0 : (int)(2 + pick(r, 3)));
  if (pick(r, 3)) random_order(b, gs, g, s, r);
  for (unsigned i = pick(r, 4); i > 0; i--)
    try_step(b, gs, g, s, STEP_peel, LOOP_ID(pick(r, n), pick(r, 3)), (int)pick(r, 3));
  for (unsigned i = pick(r, 4); i > 0 && nop; i--)
    try_step(b, gs, g, s, pick(r, 2) ? STEP_pack : STEP_copy, LOOP_ID(pick(r, n), pick(r, 3)),
             (int)pick(r, nop < 64 ? nop : 64));
  uint16_t temp[64];
  unsigned ntemp = group_temps(gs, g, temp, 64);
  for (unsigned i = pick(r, 3); i > 0 && ntemp; i--)
    try_step(b, gs, g, s, STEP_compute, LOOP_ID(pick(r, n), pick(r, 3)), (int)pick(r, ntemp < 64 ? ntemp : 64));
  if (pick(r, 3) == 0) try_step(b, gs, g, s, STEP_parallel, LOOP_ID(pick(r, n), pick(r, 3)), 0);
  if (b->lim.simt && pick(r, 2)) {
    unsigned loop = LOOP_ID(pick(r, n), pick(r, 3));
    try_step(b, gs, g, s, STEP_parallel, loop, 0);
    try_step(b, gs, g, s, STEP_parallel, LOOP_ID(pick(r, n), pick(r, 3)), 0);
    random_grid(b, gs, g, s, loop, r);
  }
  if (pick(r, 6) == 0 && nop) try_step(b, gs, g, s, STEP_prefetch, LOOP_ID(pick(r, n), pick(r, 2)), (int)pick(r, nop));
  if (pick(r, 6) == 0 && nop) try_step(b, gs, g, s, STEP_stream, 0, (int)pick(r, nop));
}

static void report(struct lab *b, const char *file, uint64_t seed, const struct groups *gs, const struct sched *s,
                   const char *dims, const char *why) {
  struct buf t;
  buf_init(&t);
  for (unsigned g = 0; g < gs->n; g++) {
    buf_printf(&t, "  group %u: ", g);
    sched_print(&t, gs, g, &s[g]);
    buf_putc(&t, '\n');
  }
  printf("# seed %llu: %s at %s, vectors of %u bytes%s, %u threads: %s\n# %s", (unsigned long long)seed, file, dims,
         b->lim.vector_bytes, b->o.strict ? ", strict" : "", b->o.threads, why, t.data);
  buf_free(&t);
}

/* 0 right, 1 wrong, 2 nothing tried. */
static int one_case(const char *path, uint64_t seed) {
  struct lab b;
  uint64_t r = seed;
  size_t len;
  bool skipped = true;
  int result = 2;
  lab_open(&b, 16u << pick(&r, 3));
  b.o.strict = pick(&r, 5) == 0;
  b.o.threads = 1 + pick(&r, 2);
  b.o.max_size = pick(&r, 2) ? 0 : 400 + pick(&r, 800);
  char *dims = NULL, *text = lab_file(&b, path, &len);
  static const char only_strict[] = "# Strict:"; /* what it computes follows from the order of the equation */
  if (text && !strncmp(text, only_strict, strlen(only_strict))) b.o.strict = true;
  struct kernel *k = text ? lab_kernel(&b, text, len) : NULL;
  if (k) random_dims(&b, k, &r, &dims);
  if (k && assumed(k, dims)) {
    bool fixed = pick(&r, 2), passes = pick(&r, 4);
    struct groups *gs = lab_groups(&b, fixed ? lab_fixed(&b, k, dims) : k, passes);
    struct sched *s = gs ? ARENA_NEW(b.a, struct sched, gs->n + 1) : NULL;
    const char *why = NULL; /* no groups: these dims make the kernel itself malformed */
    bool dflt = pick(&r, 8) == 0;
    for (unsigned g = 0; gs && g < gs->n; g++) {
      if (dflt)
        s[g] = sched_default(gs, g, &b.lim, &b.o);
      else
        random_sched(&b, gs, g, &s[g], &r);
    }
    if (gs) why = lab_check(&b, k, gs, s, dims, seed, &skipped);
    if (why) report(&b, path, seed, gs, s, dims, why);
    result = why ? 1 : skipped ? 2 : 0;
  } else if (!k) {
    printf("# %s: %s\n", path, text ? lab_messages(&b) : "cannot be read");
    result = 1;
  }
  lab_close(&b);
  return result;
}

static int is_kernel(const struct dirent *e) {
  size_t n = strlen(e->d_name);
  return n > 5 && !strcmp(e->d_name + n - 5, ".hone");
}

int main(int argc, char **argv) {
  struct dirent **file;
  long cases = argc > 2 ? atol(argv[2]) : 150;
  uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1, done = 0, bad = 0;
  int n = argc > 1 ? scandir(argv[1], &file, is_kernel, alphasort) : -1;
  if (n <= 0) {
    fprintf(stderr, "usage: random_sched FOLDER [CASES [FIRST_SEED]]\n");
    return 2;
  }
  for (uint64_t tried = 0; done < (uint64_t)cases && tried < (uint64_t)cases * 4; tried++, seed++) {
    char path[4096];
    uint64_t r = seed * 7919;
    snprintf(path, sizeof path, "%s/%s", argv[1], file[lab_random(&r) % (unsigned)n]->d_name);
    int x = one_case(path, seed);
    done += x != 2;
    bad += x == 1;
  }
  printf("%llu schedules, %llu wrong\n", (unsigned long long)done, (unsigned long long)bad);
  while (n-- > 0) free(file[n]);
  free(file);
  return bad || !done;
}
