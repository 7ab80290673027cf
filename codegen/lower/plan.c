/* Reads a schedule against a group: how often each axis is tiled, the order of all loops, what each loop is. Says which
   step breaks which rule. What a loop means to each equation is members.c. */
#include "codegen/lower/plan.h"
#include <string.h>

static bool refuse(struct plan *p, const char *why) {
  if (!p->why) p->why = why;
  return false;
}

const char *plan_loop_name(const struct plan *p, unsigned l) {
  unsigned a = LOOP_AXIS(l);
  if (a >= p->naxis) return "?";
  return arena_printf(p->a, "%s%u", p->k->sym[p->axis[a].sym].name, (unsigned)LOOP_LEVEL(l));
}

int plan_axis(const struct plan *p, sym_t s) {
  for (unsigned a = 0; a < p->naxis; a++)
    if (p->axis[a].sym == s) return (int)a;
  return -1;
}

static const char *axis_name(const struct plan *p, unsigned a) {
  return p->k->sym[p->axis[a].sym].name;
}

static bool loop_exists(struct plan *p, unsigned l, const char *step) {
  unsigned a = LOOP_AXIS(l);
  if (a >= p->naxis || LOOP_LEVEL(l) > p->axis[a].ntile)
    return refuse(p, arena_printf(p->a, "%s: there is no loop %s", step, plan_loop_name(p, l)));
  return true;
}

static bool read_tile(struct plan *p, struct step s) {
  unsigned a = LOOP_AXIS(s.loop);
  if (a >= p->naxis) return refuse(p, "tile: no such axis");
  struct paxis *x = &p->axis[a];
  if (LOOP_LEVEL(s.loop)) return refuse(p, "tile: names an axis, not a level");
  if (!poly_over_dims(p->k, x->lo) || !poly_over_dims(p->k, x->hi))
    return refuse(p, arena_printf(p->a, "tile %s: the bounds of the axis follow another axis", axis_name(p, a)));
  if (s.arg < 1) return refuse(p, arena_printf(p->a, "tile %s: the size is not positive", axis_name(p, a)));
  if (x->ntile == LEVEL_MAX - 1) return refuse(p, arena_printf(p->a, "tile %s: too many levels", axis_name(p, a)));
  if (x->ntile && (s.arg <= x->tile[x->ntile - 1] || s.arg % x->tile[x->ntile - 1]))
    return refuse(p,
                  arena_printf(p->a, "tile %s %d: not a larger multiple of the tile inside", axis_name(p, a), s.arg));
  x->tile[x->ntile++] = s.arg;
  return true;
}

static bool read_unroll(struct plan *p, struct step s) {
  if (!loop_exists(p, s.loop, "unroll")) return false;
  struct ploop *l = &p->loop[s.loop];
  const struct paxis *x = &p->axis[LOOP_AXIS(s.loop)];
  const char *name = plan_loop_name(p, s.loop);
  if ((l->mark && !(l->mark == MARK_VECTOR && s.arg)) || l->unroll)
    return refuse(p, arena_printf(p->a, "unroll %s: the loop is unrolled or a vector already", name));
  if (s.arg < 0 || s.arg == 1 || s.arg > 32)
    return refuse(p, arena_printf(p->a, "unroll %s: the count is not 0 or 2 to 32", name));
  if (s.arg) {
    l->unroll = (uint8_t)s.arg;
    return true;
  }
  int64_t n = x->ntile ? x->tile[0] : x->uniform ? x->ext : -1;
  if (LOOP_LEVEL(s.loop) || n < 1 || n > 64)
    return refuse(p,
                  arena_printf(p->a, "unroll %s 0: not an innermost level with a constant extent of at most 64", name));
  l->mark = MARK_UNROLL;
  return true;
}

static bool read_peel(struct plan *p, struct step s) {
  if (!loop_exists(p, s.loop, "peel")) return false;
  struct ploop *l = &p->loop[s.loop];
  const char *name = plan_loop_name(p, s.loop);
  if (l->peel) return refuse(p, arena_printf(p->a, "peel %s: the loop is peeled already", name));
  if (s.arg < 0 || s.arg > PEEL_EACH / 2)
    return refuse(p, arena_printf(p->a, "peel %s: the count is not 0 to %d", name, PEEL_EACH / 2));
  l->peel = true;
  l->npeel = (uint8_t)s.arg;
  return true;
}

static bool read_vector(struct plan *p, struct step s) {
  if (!loop_exists(p, s.loop, "vector")) return false;
  const char *name = plan_loop_name(p, s.loop);
  if (LOOP_LEVEL(s.loop) || !p->axis[LOOP_AXIS(s.loop)].ntile)
    return refuse(p, arena_printf(p->a, "vector %s: not the innermost level of a tiled axis", name));
  if (p->loop[s.loop].mark || p->loop[s.loop].unroll)
    return refuse(p, arena_printf(p->a, "vector %s: the loop is unrolled or a vector already", name));
  p->loop[s.loop].mark = MARK_VECTOR;
  p->loop[s.loop].piece = p->loop[s.loop].warps = 1;
  return true;
}

enum { THREADS_MAX = 1024, PIECE_MAX = 16 };

static bool read_threads(struct plan *p, struct step s, const char *step) {
  if (!read_vector(p, s)) return false;
  const char *name = plan_loop_name(p, s.loop);
  if (!p->lim->simt) return refuse(p, arena_printf(p->a, "%s %s: the target has no blocks of threads", step, name));
  if (s.arg < 2 || s.arg > THREADS_MAX || (s.arg & (s.arg - 1)))
    return refuse(p, arena_printf(p->a, "%s %s: the number is no power of two from 2 to %d", step, name, THREADS_MAX));
  p->loop[s.loop].rows = s.kind == STEP_threads;
  p->loop[s.loop].lanes = (uint16_t)s.arg;
  return true;
}

static bool read_warps(struct plan *p, struct step s) {
  if (!loop_exists(p, s.loop, "warps")) return false;
  struct ploop *l = &p->loop[s.loop];
  const char *name = plan_loop_name(p, s.loop);
  if (l->mark != MARK_VECTOR || !l->lanes || l->warps > 1)
    return refuse(p, arena_printf(p->a, "warps %s: the loop is not on a number of lanes or threads", name));
  if (s.arg < 2 || s.arg > 32 || (s.arg & (s.arg - 1)))
    return refuse(p, arena_printf(p->a, "warps %s: the number is no power of two from 2 to 32", name));
  l->warps = (uint16_t)s.arg;
  return true;
}

static bool read_piece(struct plan *p, struct step s) {
  if (!loop_exists(p, s.loop, "piece")) return false;
  struct ploop *l = &p->loop[s.loop];
  const char *name = plan_loop_name(p, s.loop);
  if (l->mark != MARK_VECTOR || !l->lanes || l->piece > 1)
    return refuse(p, arena_printf(p->a, "piece %s: the loop is not on a number of lanes or threads", name));
  if (s.arg < 2 || s.arg > PIECE_MAX || (s.arg & (s.arg - 1)))
    return refuse(p, arena_printf(p->a, "piece %s: the number is no power of two from 2 to %d", name, PIECE_MAX));
  l->piece = (uint16_t)s.arg;
  return true;
}

static bool read_operand(struct plan *p, struct step s, const char *step, uint16_t *tensor) {
  uint16_t t[GROUP_MAX_EQ * 8];
  unsigned n = group_operands(p->gs, p->gi, t, GROUP_MAX_EQ * 8);
  if (n > GROUP_MAX_EQ * 8) n = GROUP_MAX_EQ * 8;
  if (s.arg < 0 || (unsigned)s.arg >= n) return refuse(p, arena_printf(p->a, "%s: no such operand", step));
  *tensor = t[s.arg];
  return true;
}

static bool read_pack(struct plan *p, struct step s, const char *step, struct ppack *out) {
  uint16_t t;
  if (!loop_exists(p, s.loop, step) || !read_operand(p, s, step, &t)) return false;
  *out = (struct ppack){.loop = s.loop, .keep = s.kind == STEP_copy, .tensor = t};
  return true;
}

enum { STAGES_MAX = 8 };

static bool written(const struct plan *p, unsigned tensor);
static bool is_read(const struct plan *p, unsigned tensor);

/* A result: one buffer, in panels, for boxes of a tensor map. */
static bool stage_out(struct plan *p, struct step s, unsigned tensor) {
  const char *name = p->k->tensor[tensor].name;
  enum dtype t = (enum dtype)p->k->tensor[tensor].type;
  if (t != DT_bf16 && t != DT_f16 && type_size(t) != 1)
    return refuse(p, arena_printf(p->a, "stage %s: results of bf16, f16 or single bytes only", name));
  if (!p->lim->simt || !p->lim->matrix_per_cycle[MATRIX_wgmma])
    return refuse(p, arena_printf(p->a, "stage %s: the target stores no boxes of tensor maps", name));
  if (is_read(p, tensor)) return refuse(p, arena_printf(p->a, "stage %s: the group reads what it writes", name));
  if ((s.loop & STAGE_COUNT) != 1 || !(s.loop & STAGE_TMA) || STAGE_SWIZZLE_BYTES(s.loop) != PANEL_BYTES)
    return refuse(p, arena_printf(p->a, "stage %s: a result is staged by `smem 1 tma swizzle128`", name));
  for (unsigned i = 0; i < p->nout; i++)
    if (p->out[i] == tensor) return refuse(p, arena_printf(p->a, "stage %s: it is staged already", name));
  if (p->nout == MAX_PACK) return refuse(p, "stage: too many");
  p->out[p->nout++] = (uint16_t)tensor;
  return true;
}

static bool stage_read(struct plan *p, struct step s) {
  uint16_t t;
  struct ppack *k = NULL;
  if (!read_operand(p, s, "stage", &t)) return false;
  if (written(p, t)) return stage_out(p, s, t);
  const char *name = p->k->tensor[t].name;
  for (unsigned i = 0; i < p->npack; i++)
    if (p->pack[i].tensor == t && !p->pack[i].keep) k = &p->pack[i];
  if (!p->lim->simt) return refuse(p, arena_printf(p->a, "stage %s: the target has no blocks of threads", name));
  if (!k) return refuse(p, arena_printf(p->a, "stage %s: no pack step before it names the operand", name));
  if (k->stage) return refuse(p, arena_printf(p->a, "stage %s: it is staged already", name));
  if ((s.loop & STAGE_COUNT) < 2 || (s.loop & STAGE_COUNT) > STAGES_MAX)
    return refuse(p, arena_printf(p->a, "stage %s: the number of buffers is not 2 to %d", name, STAGES_MAX));
  k->stage = s.loop;
  return true;
}

static bool read_compute(struct plan *p, struct step s) {
  uint16_t t[GROUP_MAX_EQ];
  unsigned n = group_temps(p->gs, p->gi, t, GROUP_MAX_EQ);
  if (!loop_exists(p, s.loop, "compute")) return false;
  if (p->split) return refuse(p, "compute: not with split");
  if (s.arg < 0 || (unsigned)s.arg >= n || s.arg >= GROUP_MAX_EQ) return refuse(p, "compute: no such private temp");
  return compute_read(p, s.loop, t[s.arg]);
}

static bool written(const struct plan *p, unsigned tensor) {
  for (unsigned i = 0; i < p->g->neq; i++)
    if (p->k->eq[p->g->eq[i]].lhs == tensor) return true;
  return false;
}

bool plan_streams(const struct plan *p, const struct member *m, const struct access *a) {
  for (unsigned i = 0; i < p->nstream; i++)
    if (p->stream_tensor[i] == m->e->lhs && a->tensor == m->e->lhs) return true;
  return false;
}

static bool is_read(const struct plan *p, unsigned tensor) {
  for (unsigned i = 0; i < p->g->neq; i++)
    if (expr_reads(p->k->eq[p->g->eq[i]].body, tensor)) return true;
  return false;
}

enum { RASTER_MAX = 64, CLUSTER_MAX = 4 };

static bool read_grid(struct plan *p, struct step s, const char *step, int least, int most, uint16_t *out) {
  if (!loop_exists(p, s.loop, step)) return false;
  const char *name = plan_loop_name(p, s.loop);
  if (!p->lim->simt) return refuse(p, arena_printf(p->a, "%s %s: the target has no blocks of threads", step, name));
  if (*out) return refuse(p, arena_printf(p->a, "%s %s: said twice", step, name));
  if (s.arg < least || s.arg > most)
    return refuse(p, arena_printf(p->a, "%s %s: the number is not %d to %d", step, name, least, most));
  *out = (uint16_t)s.arg;
  return true;
}

static bool read_step(struct plan *p, struct step s) {
  switch (s.kind) {
  case STEP_tile:
  case STEP_order:
  case STEP_split:
  case STEP_plain:
    return true; /* read before */
  case STEP_vector:
    return read_vector(p, s);
  case STEP_lanes:
  case STEP_threads:
    return read_threads(p, s, s.kind == STEP_lanes ? "lanes" : "threads");
  case STEP_piece:
    return read_piece(p, s);
  case STEP_warps:
    return read_warps(p, s);
  case STEP_unroll:
    return read_unroll(p, s);
  case STEP_pack:
  case STEP_copy:
    if (p->npack == MAX_PACK) return refuse(p, "pack: too many");
    if (!read_pack(p, s, s.kind == STEP_copy ? "copy" : "pack", &p->pack[p->npack])) return false;
    if (written(p, p->pack[p->npack].tensor)) return refuse(p, "pack: the group writes the tensor");
    for (unsigned i = 0; i < p->npack; i++)
      if (p->pack[i].tensor == p->pack[p->npack].tensor) return refuse(p, "pack: the tensor is packed already");
    p->npack++;
    return true;
  case STEP_stage:
    return stage_read(p, s);
  case STEP_tensorize:
    return tensorize_read(p, s);
  case STEP_parallel:
    if (!loop_exists(p, s.loop, "parallel")) return false;
    p->loop[s.loop].parallel = true;
    return true;
  case STEP_prefetch:
    if (p->nprefetch == MAX_PACK) return refuse(p, "prefetch: too many");
    return read_pack(p, s, "prefetch", &p->prefetch[p->nprefetch++]);
  case STEP_stream:
    if (p->nstream == MAX_PACK) return refuse(p, "stream: too many");
    if (!read_operand(p, s, "stream", &p->stream_tensor[p->nstream])) return false;
    if (!written(p, p->stream_tensor[p->nstream])) return refuse(p, "stream: the group does not write the tensor");
    if (is_read(p, p->stream_tensor[p->nstream])) return refuse(p, "stream: the group reads the tensor again");
    for (unsigned i = 0; i < p->nstream; i++)
      if (p->stream_tensor[i] == p->stream_tensor[p->nstream]) return refuse(p, "stream: the tensor is named twice");
    p->nstream++;
    return true;
  case STEP_compute:
    return read_compute(p, s);
  case STEP_peel:
    return read_peel(p, s);
  case STEP_raster:
    return read_grid(p, s, "raster", 2, RASTER_MAX, &p->loop[s.loop % MAX_LOOP].raster);
  case STEP_cluster:
    return read_grid(p, s, "cluster", 2, CLUSTER_MAX, &p->loop[s.loop % MAX_LOOP].cluster);
  case STEP_persist:
    return read_grid(p, s, "persist", 1, INT16_MAX, &p->loop[s.loop % MAX_LOOP].persist);
  default:
    return refuse(p, "a step of unknown kind");
  }
}

/* ---- order ---- */

/* Outermost levels in the order of the axes, then inner levels, then register loops with vectors and sub loops last. */
static int order_class(const struct plan *p, unsigned l) {
  unsigned level = LOOP_LEVEL(l);
  if (p->loop[l].mark == MARK_SUB) return 101;
  if (p->loop[l].mark == MARK_VECTOR) return 100;
  if (p->loop[l].mark == MARK_UNROLL) return 99;
  if (level == p->axis[LOOP_AXIS(l)].ntile) return 0;
  return 10 - (int)level;
}

static void default_order(struct plan *p, bool *placed) {
  for (int c = 0; c <= 101; c++)
    for (unsigned a = 0; a < p->naxis; a++)
      for (unsigned v = 0; v <= p->axis[a].ntile; v++) {
        unsigned l = LOOP_ID(a, v);
        if (placed[l] || order_class(p, l) != c) continue;
        placed[l] = true;
        p->order[p->norder++] = (uint8_t)l;
      }
}

static bool check_levels(struct plan *p) {
  for (unsigned i = 0; i < p->norder; i++)
    for (unsigned j = i + 1; j < p->norder; j++)
      if (LOOP_AXIS(p->order[i]) == LOOP_AXIS(p->order[j]) && p->order[i] < p->order[j])
        return refuse(p, arena_printf(p->a, "order: %s stands outside %s", plan_loop_name(p, p->order[i]),
                                      plan_loop_name(p, p->order[j])));
  return true;
}

/* Bounds that follow an axis need that axis outside. */
static bool check_bounds_order(struct plan *p) {
  for (unsigned i = 0; i < p->norder; i++) {
    const struct paxis *x = &p->axis[LOOP_AXIS(p->order[i])];
    for (unsigned j = i + 1; j < p->norder; j++) {
      sym_t s = p->axis[LOOP_AXIS(p->order[j])].sym;
      if (s != x->sym && (poly_has(x->lo, s) || poly_has(x->hi, s)))
        return refuse(p, arena_printf(p->a, "order: the bounds of %s follow %s", plan_loop_name(p, p->order[i]),
                                      plan_loop_name(p, p->order[j])));
    }
  }
  return true;
}

static bool read_order(struct plan *p, const struct sched *s) {
  bool placed[MAX_LOOP] = {false};
  for (unsigned i = 0; i < s->nstep; i++) {
    if (s->step[i].kind != STEP_order) continue;
    unsigned l = s->step[i].loop;
    if (!loop_exists(p, l, "order")) return false;
    if (placed[l]) return refuse(p, arena_printf(p->a, "order: %s is named twice", plan_loop_name(p, l)));
    placed[l] = true;
    p->order[p->norder++] = (uint8_t)l;
  }
  default_order(p, placed);
  return check_levels(p) && check_bounds_order(p);
}

/* ---- loops ---- */

static void make_loops(struct plan *p) {
  for (unsigned a = 0; a < p->naxis; a++) {
    struct paxis *x = &p->axis[a];
    for (unsigned v = 0; v <= x->ntile; v++) {
      struct ploop *l = &p->loop[LOOP_ID(a, v)];
      l->used = true;
      l->step = v ? x->tile[v - 1] : 1;
      l->trivial = v && x->uniform && x->ext > 0 && x->ext <= l->step;
    }
  }
}

/* The steps of a vector loop are unrolled for members that have other lanes. */
static bool check_unrolled_vectors(struct plan *p) {
  for (unsigned l = 0; l < MAX_LOOP; l++) {
    bool any = p->loop[l].mark != MARK_VECTOR || !p->loop[l].unroll;
    for (unsigned i = 0; i < p->nmember && !any; i++)
      any = (p->member[i].walks & BIT(l)) && !on_lanes(&p->member[i], l);
    if (!any)
      return refuse(p, arena_printf(p->a, "unroll %s: all that walk it have it on their lanes", plan_loop_name(p, l)));
  }
  return true;
}

/* A reduction on vector lanes keeps its loop: that is where its accumulators open and close. */
static void keep_vector_loops(struct plan *p) {
  for (unsigned a = 0; a < p->naxis; a++) {
    if (p->loop[LOOP_ID(a, 0)].mark != MARK_VECTOR) continue;
    for (unsigned i = 0; i < p->nmember; i++)
      for (unsigned x = p->member[i].e->npar; x < p->member[i].e->nax; x++)
        if (p->member[i].e->axis[x].sym == p->axis[a].sym) p->loop[LOOP_ID(a, 1)].trivial = false;
  }
}

/* Whole clusters, which share at least a copy. */
static bool check_cluster(struct plan *p, unsigned loop, bool *any) {
  const struct ploop *l = &p->loop[loop];
  const struct paxis *x = &p->axis[LOOP_AXIS(loop)];
  const char *name = plan_loop_name(p, loop);
  bool copies = false, whole = LOOP_LEVEL(loop) == x->ntile && x->uniform && x->ext > 0;
  for (unsigned i = 0; i < p->npack; i++) copies |= (p->pack[i].stage & STAGE_TMA) != 0;
  if (!copies) return refuse(p, arena_printf(p->a, "cluster %s: nothing is staged by tensor maps", name));
  if (l->cluster & (l->cluster - 1))
    return refuse(p, arena_printf(p->a, "cluster %s: the number is no power of two", name));
  if (!whole || (x->ext + l->step - 1) / l->step % l->cluster)
    return refuse(
        p, arena_printf(p->a, "cluster %s: its iterations are not known to be a multiple of %u", name, l->cluster));
  for (unsigned i = 0; i < MAX_LOOP; i++)
    if (p->loop[i].persist % l->cluster)
      return refuse(p, arena_printf(p->a, "cluster %s: persist is no multiple of %u", name, l->cluster));
  if (*any) return refuse(p, arena_printf(p->a, "cluster %s: another loop has clusters already", name));
  return *any = true;
}

/* All speak of the grid: the loops shared out that stand outermost. */
static bool check_grid(struct plan *p) {
  bool first = true, clusters = false;
  for (unsigned i = 0; i < p->norder; i++) {
    const struct ploop *l = &p->loop[p->order[i]];
    const char *name = plan_loop_name(p, p->order[i]);
    if ((l->raster || l->persist || l->cluster) && !l->parallel)
      return refuse(p, arena_printf(p->a, "%s %s: the loop is not parallel",
                                    l->raster    ? "raster"
                                    : l->persist ? "persist"
                                                 : "cluster",
                                    name));
    if (l->cluster && !check_cluster(p, p->order[i], &clusters)) return false;
    if (l->raster && (i + 1 == p->norder || !p->loop[p->order[i + 1]].parallel))
      return refuse(p, arena_printf(p->a, "raster %s: no parallel loop stands right inside", name));
    if (l->persist && !first) return refuse(p, arena_printf(p->a, "persist %s: it is not the outermost loop", name));
    first &= l->trivial;
  }
  return true;
}

/* Serial loops outside are fine: a region costs half a microsecond to hand over. Members that sum over the loop get one
 * of their own, so some must be left that do not. */
static bool check_parallel(struct plan *p) {
  for (unsigned i = 0; i < p->norder; i++) {
    const struct ploop *l = &p->loop[p->order[i]];
    const char *name = plan_loop_name(p, p->order[i]);
    bool walked = false, reduced = false;
    if (!l->parallel) continue;
    if (l->mark || l->unroll)
      return refuse(p, arena_printf(p->a, "parallel %s: the loop is unrolled or a vector", name));
    for (unsigned m = 0; m < p->nmember; m++) {
      walked |= (p->member[m].walks & ~p->member[m].red & BIT(p->order[i])) != 0;
      reduced |= (p->member[m].red & BIT(p->order[i])) != 0;
    }
    if (reduced && (int)p->order[i] == p->stream_top)
      return refuse(p, arena_printf(p->a, "parallel %s: the loop of a stream", name));
    if (reduced && !walked) return refuse(p, arena_printf(p->a, "parallel %s: a reduction", name));
  }
  return check_grid(p);
}

static void find_stream(struct plan *p) {
  p->stream_top = -1;
  if (p->g->stream < 0 || p->o->strict) return;
  unsigned a = (unsigned)p->g->stream, top = LOOP_ID(a, p->axis[a].ntile);
  if (p->axis[a].ntile && !p->loop[top].trivial) p->stream_top = (int)top;
}

/* The group that the rest of the schedule speaks of. */
static bool read_split(struct plan *p, struct sched *s) {
  int at = sched_split(s);
  if (at < 0) return true;
  const struct groups *two = p->lim->simt ? split_in_two(p->a, p->gs, p->gi, s, p->o->strict) : NULL;
  if (two) {
    p->gs = two;
    p->g = &two->g[p->gi];
    p->k = two->k;
    return true;
  }
  for (unsigned i = (unsigned)at + 1; i < s->nstep; i++)
    if (s->step[i].kind == STEP_split) return refuse(p, "split: more than one");
  const struct groups *gs =
      group_split(p->a, p->gs, p->gi, LOOP_AXIS(s->step[at].loop), s->step[at].arg, p->o->strict, false, &p->why);
  if (!gs) return false;
  p->gs = gs;
  p->g = &gs->g[p->gi];
  p->k = gs->k;
  p->split = true;
  return true;
}

/* `plain` is no way to lower a group: it stands for the whole function, which must be there. */
static bool plain_check(struct plan *p, const struct sched *s) {
  if (!sched_is_plain(s)) return true;
  if (s->nstep > 1) return refuse(p, "plain: it stands alone");
  if (p->lim->simt) return refuse(p, "plain: a GPU runs equations only");
  if (!p->k->source) return refuse(p, "plain: there is no C function that all of this comes from");
  return true;
}

bool plan_make(struct plan *p, struct arena *a, const struct groups *gs, unsigned g, const struct sched *from,
               const struct limits *lim, const struct lower_opts *o) {
  struct sched own = *from, *s = &own;
  *p = (struct plan){.a = a, .gs = gs, .g = &gs->g[g], .gi = g, .k = gs->k, .lim = lim, .o = o, .stream_top = -1};
  p->member = ARENA_NEW(a, struct member, MAX_MEMBER);
  p->vt = ARENA_NEW(a, struct vtensor, MAX_MEMBER);
  if (!plain_check(p, s) || !read_split(p, s) || !members_make(p)) return false;
  for (unsigned i = 0; i < s->nstep; i++)
    if (s->step[i].kind == STEP_tile && !read_tile(p, s->step[i])) return false;
  for (unsigned i = 0; i < s->nstep; i++)
    if (!read_step(p, s->step[i])) return false;
  make_loops(p);
  find_stream(p);
  if (!bias_members(p)) return false;
  if (!members_stream(p)) return false;
  keep_vector_loops(p);
  return read_order(p, s) && members_analyse(p) && check_unrolled_vectors(p) && tensorize_check(p) &&
         check_parallel(p) && compute_check(p) && peel_check(p) && pack_check(p) && prefetch_check(p);
}
