/* Schedules taken apart and put together. */
#include "tuner/plan.h"
#include <string.h>

unsigned plan_levels(const struct plan *p, unsigned axis) {
  unsigned n = 1;
  while (n < LEVEL_MAX && p->tile[axis][n - 1]) n++;
  return n;
}

/* Loops that the schedule does not name stand where the lowering puts them. */
static void complete_order(const struct space *sp, const struct sched *s, struct plan *p) {
  struct arena *a = arena_new();
  p->norder = (uint8_t)legal_order(a, sp->gs, sp->g, s, sp->lim, &sp->opts, p->order);
  arena_free(a);
}

struct plan plan_of(const struct space *sp, const struct sched *s) {
  struct plan p = {.naxis = sp->gs->g[sp->g].naxis};
  if (sched_split(s) >= 0 && p.naxis < GROUP_MAX_AXIS) p.naxis++; /* the parts */
  for (unsigned i = 0; i < s->nstep; i++) {
    struct step t = s->step[i];
    unsigned axis = LOOP_AXIS(t.loop);
    if (t.kind == STEP_tile && axis < p.naxis) {
      unsigned n = plan_levels(&p, axis);
      if (n < LEVEL_MAX) p.tile[axis][n - 1] = t.arg;
    } else if (t.kind == STEP_vector) {
      if (p.nvector < sizeof p.vector) p.vector[p.nvector++] = t.loop;
    } else if (t.kind != STEP_order && p.nextra < PLAN_EXTRA) {
      p.extra[p.nextra++] = t;
    }
  }
  complete_order(sp, s, &p);
  return p;
}

static bool push_extra(const struct plan *p, struct sched *s, enum stepkind kind) {
  for (unsigned i = 0; i < p->nextra; i++)
    if (p->extra[i].kind == kind && !sched_push(s, kind, p->extra[i].loop, p->extra[i].arg)) return false;
  return true;
}

bool plan_sched(const struct plan *p, struct sched *out) {
  static const uint8_t after[] = {STEP_lanes,   STEP_threads,   STEP_piece,  STEP_warps,   STEP_unroll, STEP_peel,
                                  STEP_compute, STEP_tensorize, STEP_pack,   STEP_copy,    STEP_stage,  STEP_prefetch,
                                  STEP_stream,  STEP_parallel,  STEP_raster, STEP_persist, STEP_cluster};
  memset(out, 0, sizeof *out);
  bool ok = push_extra(p, out, STEP_split);
  for (unsigned x = 0; x < p->naxis; x++)
    for (unsigned l = 0; l + 1 < plan_levels(p, x); l++)
      ok = ok && sched_push(out, STEP_tile, LOOP_ID(x, 0), p->tile[x][l]);
  for (unsigned i = 0; i < p->norder; i++) ok = ok && sched_push(out, STEP_order, p->order[i], 0);
  for (unsigned i = 0; i < p->nvector; i++) ok = ok && sched_push(out, STEP_vector, p->vector[i], 0);
  for (unsigned i = 0; i < sizeof after; i++) ok = ok && push_extra(p, out, after[i]);
  return ok;
}

/* ---- changing one ---- */

int plan_find(const struct plan *p, enum stepkind kind, int loop, int arg) {
  for (unsigned i = 0; i < p->nextra; i++)
    if (p->extra[i].kind == kind && (loop < 0 || p->extra[i].loop == loop) && (arg < 0 || p->extra[i].arg == arg))
      return (int)i;
  return -1;
}

void plan_drop(struct plan *p, int i) {
  memmove(&p->extra[i], &p->extra[i + 1], (size_t)(p->nextra - i - 1) * sizeof *p->extra);
  p->nextra--;
}

bool plan_add(struct plan *p, enum stepkind kind, unsigned loop, int arg) {
  if (p->nextra >= PLAN_EXTRA) return false;
  p->extra[p->nextra++] = (struct step){(uint8_t)kind, (uint8_t)loop, (int16_t)arg};
  return true;
}

int plan_vector(const struct plan *p, unsigned x) {
  for (unsigned i = 0; i < p->nvector; i++)
    if (LOOP_AXIS(p->vector[i]) == x) return (int)i;
  return -1;
}

/* ---- levels ---- */

/* Levels above stay about as large as they were, as multiples of the level below. */
void plan_fit(struct plan *p, unsigned x) {
  for (unsigned l = 1; l + 1 < LEVEL_MAX && p->tile[x][l]; l++) {
    int64_t under = p->tile[x][l - 1], f = (p->tile[x][l] + under / 2) / under;
    if (f < 2 || f * under > PLAN_TILE_MOST) f = 2;
    p->tile[x][l] = (int16_t)(f * under > INT16_MAX ? INT16_MAX : f * under);
  }
}

/* Is the step's loop one? A split names an axis, a stream and a stage none. */
bool plan_on_loop(const struct step *s) {
  return s->kind != STEP_stream && s->kind != STEP_split && s->kind != STEP_stage;
}

/* What names loop (x, level) and above moves by one level. */
static void shift_levels(struct plan *p, unsigned x, unsigned level, int by) {
  for (unsigned i = 0; i < p->norder; i++)
    if (LOOP_AXIS(p->order[i]) == x && LOOP_LEVEL(p->order[i]) >= level) p->order[i] = (uint8_t)(p->order[i] + by);
  for (unsigned i = 0; i < p->nextra; i++)
    if (LOOP_AXIS(p->extra[i].loop) == x && LOOP_LEVEL(p->extra[i].loop) >= level && plan_on_loop(&p->extra[i]))
      p->extra[i].loop = (uint8_t)(p->extra[i].loop + by);
}

/* A level with tiles of `size` between levels `level` - 1 and `level`: the loop that was `level` walks tiles from now
   on and a new one stands right inside it. */
bool plan_insert(struct plan *p, unsigned x, unsigned level, int64_t size) {
  unsigned n = plan_levels(p, x);
  if (n >= LEVEL_MAX || p->norder >= sizeof p->order) return false;
  shift_levels(p, x, level, 1);
  memmove(&p->tile[x][level + 1], &p->tile[x][level], (LEVEL_MAX - 2 - level) * sizeof *p->tile[x]);
  p->tile[x][level] = (int16_t)size;
  for (unsigned i = 0; i < p->norder; i++) {
    if (p->order[i] != LOOP_ID(x, level + 1)) continue;
    memmove(&p->order[i + 2], &p->order[i + 1], p->norder - i - 1);
    p->order[i + 1] = LOOP_ID(x, level);
    p->norder++;
    return true;
  }
  return false;
}

/* Level `level` goes, with its loop and the steps on it. */
void plan_remove(struct plan *p, unsigned x, unsigned level) {
  unsigned kept = 0;
  for (unsigned i = 0; i < p->norder; i++)
    if (p->order[i] != LOOP_ID(x, level)) p->order[kept++] = p->order[i];
  p->norder = (uint8_t)kept;
  kept = 0;
  for (unsigned i = 0; i < p->nextra; i++)
    if (p->extra[i].loop != LOOP_ID(x, level) || !plan_on_loop(&p->extra[i])) p->extra[kept++] = p->extra[i];
  p->nextra = (uint8_t)kept;
  int v = plan_vector(p, x);
  if (level == 0 && v >= 0) p->vector[v] = p->vector[--p->nvector];
  memmove(&p->tile[x][level], &p->tile[x][level + 1], (LEVEL_MAX - 2 - level) * sizeof *p->tile[x]);
  p->tile[x][LEVEL_MAX - 2] = 0;
  shift_levels(p, x, level + 1, -1);
}
