/* Analytic cost model. It looks at what would be run, the LOOP form, and adds up: issue slots of the straight-line
   bodies (FMAs, loads, stores, latency of accumulators, registers), and for each cache level the bytes that must come
   from beyond it (footprints of subtrees against its capacity). Deterministic; no clock. What it is for: ranking
   schedules before they are measured, and choosing one when nothing may be measured. Absolute seconds are rough. */
#include "tuner/cost_blocks.h"
#include "tuner/cost_memory.h"
#include "tuner/cost_split.h"
#include "tuner/strategy.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TYPICAL_DIM = 512 };
static const double HANDOVER = 2000; /* cycles to hand a region to threads that are awake, and to join */

/* Cycles
 * -------------------------------------------------------------------------------------------------------------------------------
 */

struct region {
  double fp, loads, stores, instr, acc_updates, reg_vectors;
};
struct walk {
  const struct lfunc *f;
  const struct limits *lim;
  int64_t *val;   /* [nsym] representative values: loop variables at their start */
  double unroll;  /* product of the unrolled loops around */
  sym_t usym[16]; /* those loops */
  double utrip[16];
  unsigned nu;
  unsigned threads; /* 1 inside of a parallel loop */
  sym_t vsym;       /* vector loop around, or SYM_NONE */
  unsigned lanes;
};

static int64_t eval(const struct walk *w, poly_t p) {
  int64_t v;
  return poly_eval(p, w->val, &v) ? v : TYPICAL_DIM;
}

static int64_t bound(const struct walk *w, const poly_t *p, unsigned n, bool lo) {
  int64_t best = lo ? INT64_MIN : INT64_MAX;
  for (unsigned i = 0; i < n; i++) {
    int64_t v = eval(w, p[i]);
    if (lo ? v > best : v < best) best = v;
  }
  return best;
}

double cost_trips(const struct lfunc *f, const struct lstmt *s, int64_t *val) {
  struct walk w = {.f = f, .val = val};
  int64_t lo = bound(&w, s->lo, s->nlo, true), hi = bound(&w, s->hi, s->nhi, false);
  int64_t from = s->nfrom ? bound(&w, s->from, s->nfrom, true) : lo;
  if (from > lo) lo += (from - lo) / s->step * s->step;
  val[s->sym] = lo;
  if (hi <= lo) return s->once ? 1 : 0;
  return ceil((double)(hi - lo) / (double)s->step);
}

static unsigned instr_of(const struct walk *w, unsigned bytes) {
  unsigned per = w->lim->vector_bytes ? w->lim->vector_bytes : 16;
  unsigned n = (w->lanes * bytes + per - 1) / per;
  return n ? n : 1;
}

/* How often a load is issued inside the unrolled loops: only those it depends on count, the value is kept across the
 * others. */
static double repeats(const struct walk *w, const struct access *acc) {
  double n = 1;
  for (unsigned i = 0; i < w->nu; i++)
    for (unsigned d = 0; d < acc->rank; d++)
      if (poly_has(acc->ix[d].poly, w->usym[i])) {
        n *= w->utrip[i];
        break;
      }
  return n;
}

/* 0: does not vary over lanes; 1: contiguous; else gathered. */
static int lane_kind(const struct walk *w, const struct access *acc) {
  if (w->vsym == SYM_NONE) return 0;
  int kind = 0;
  for (unsigned d = 0; d < acc->rank; d++) {
    if (acc->ix[d].dyn) return 2;
    if (!poly_has(acc->ix[d].poly, w->vsym)) continue;
    const struct object *o = &w->f->object[acc->tensor];
    int64_t stride = 1;
    if (o->stride)
      stride = eval(w, o->stride[d]);
    else if (d + 1 < acc->rank)
      stride = 2;
    kind = stride == 1 && !kind ? 1 : 2;
  }
  return kind;
}

static void count_load(const struct walk *w, struct region *r, const struct access *acc) {
  const struct object *o = &w->f->object[acc->tensor];
  if (o->scope == SCOPE_REG) return;
  int kind = lane_kind(w, acc);
  double n = repeats(w, acc) * (kind == 2 ? w->lanes : kind == 1 ? instr_of(w, (unsigned)type_size(o->type)) : 1);
  r->loads += n;
  if (acc->nguard) r->instr += n;
}

static void count_expr(const struct walk *w, struct region *r, expr_t x) {
  if (x->kind == E_READ) {
    count_load(w, r, x->acc);
    if (x->acc->otherwise) count_expr(w, r, x->acc->otherwise);
    return;
  }
  if (x->kind != E_OP && x->kind != E_CAST) return;
  for (unsigned i = 0; i < x->nkid; i++) count_expr(w, r, x->kid[i]);
  double weight = 1;
  if (x->kind == E_OP && op_info[x->op].flags & OPF_TRANS)
    weight = 14;
  else if (x->kind == E_OP && (x->op == OP_div || x->op == OP_sqrt || x->op == OP_rsqrt))
    weight = 8;
  r->fp += weight * w->unroll * instr_of(w, (unsigned)type_size(x->type));
}

static void count_store(const struct walk *w, struct region *r, const struct lstmt *s) {
  const struct object *o = &w->f->object[s->acc->tensor];
  bool product = s->red == RED_sum && s->value->kind == E_OP && s->value->op == OP_mul;
  count_expr(w, r, s->value);
  unsigned vectors = instr_of(w, (unsigned)type_size(s->value->type));
  if (s->red != RED_none && !product) r->fp += w->unroll * vectors;
  if (o->scope == SCOPE_REG) {
    if (s->red != RED_none) {
      r->acc_updates += w->unroll / repeats(w, s->acc);
      r->reg_vectors += repeats(w, s->acc) * vectors;
    }
    return;
  }
  int kind = lane_kind(w, s->acc);
  double n = repeats(w, s->acc) * (kind == 2 ? w->lanes : vectors);
  r->stores += n;
  if (s->red != RED_none) r->loads += n;
}

/* Elements between neighbours along a loop. */
static int64_t move_along(const struct walk *w, const struct access *acc, sym_t s) {
  const struct object *o = &w->f->object[acc->tensor];
  int64_t sum = 0, stride = 1;
  for (unsigned d = acc->rank; d-- > 0;) {
    int64_t at = eval(w, acc->ix[d].poly), next;
    if (o->stride) stride = eval(w, o->stride[d]);
    w->val[s]++;
    next = eval(w, acc->ix[d].poly);
    w->val[s]--;
    sum += (next - at) * stride;
    if (!o->stride) stride *= eval(w, o->extent[d]);
  }
  return sum;
}

/* The parts of a lane: loaded as they lie side by side, or as rows that are woven, or lane by lane. */
static void count_parts(const struct walk *w, struct region *r, const struct access *acc, sym_t sub, double parts) {
  bool unit = move_along(w, acc, sub) == 1;
  int64_t lane = w->vsym == SYM_NONE ? 0 : move_along(w, acc, w->vsym);
  double n = repeats(w, acc);
  if (unit && (lane == 0 || lane == (int64_t)parts)) {
    r->loads += n;
  } else if (lane == 1) {
    r->loads += n * parts;
    r->instr += n;
  } else {
    r->loads += n * (unit ? w->lanes : w->lanes * parts);
    r->instr += n * w->lanes;
  }
}

/* One matrix instruction, or one store of woven rows. */
static void count_sub(const struct walk *w, struct region *r, const struct lstmt *s, double parts) {
  const struct lstmt *st = s->body[0];
  unsigned vectors = instr_of(w, DOT_BYTES);
  struct dot d;
  if (st->red == RED_none && st->value->kind == E_READ) {
    count_parts(w, r, st->value->acc, s->sym, parts);
    r->stores += repeats(w, st->acc) * vectors;
    return;
  }
  if (!dot_of(st->value, &d)) {
    count_store(w, r, st);
    return;
  }
  if (!d.alone) count_parts(w, r, d.a->acc, s->sym, parts);
  count_parts(w, r, d.b->acc, s->sym, parts);
  const uint8_t *rates = w->lim->matrix_per_cycle;
  unsigned rate = d.kind == DOT_bf16   ? rates[MATRIX_bf16]
                  : rates[MATRIX_vnni] ? rates[MATRIX_vnni]
                                       : rates[MATRIX_madd];
  r->fp += w->unroll * vectors * w->lim->fma_per_cycle / (rate ? rate : 1);
  if (d.shifted) r->instr += w->unroll * vectors / 4;
  if (d.kind == DOT_i8i8) r->instr += 2 * w->unroll * vectors; /* the bias: in, and out again */
  r->acc_updates += w->unroll / repeats(w, st->acc);
  r->reg_vectors += repeats(w, st->acc) * vectors;
}

static bool is_straight(const struct lstmt *s) {
  if (s->kind == L_WHILE || (s->kind == L_FOR && s->fkind != F_UNROLL && s->fkind != F_VECTOR && s->fkind != F_SUB))
    return false;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && !is_straight(s->body[i])) return false;
  return true;
}

static void count(struct walk *w, struct region *r, const struct lstmt *s) {
  struct walk keep = *w;
  if (s->kind == L_STORE)
    count_store(w, r, s);
  else if (s->kind == L_SET)
    count_expr(w, r, s->value);
  else if (s->kind == L_PREFETCH)
    r->instr += 1;
  else if (s->kind == L_FOR) {
    double trips = cost_trips(w->f, s, w->val);
    if (s->fkind == F_SUB) {
      count_sub(w, r, s, trips);
      return;
    }
    if (s->fkind == F_VECTOR) {
      w->vsym = s->sym;
      w->lanes = 1u << s->lanes_log2;
    } else if (w->nu < 16) {
      w->unroll *= trips;
      w->usym[w->nu] = s->sym;
      w->utrip[w->nu++] = trips;
    }
  } else if (s->kind == L_IF) {
    r->instr += 1;
  }
  uint32_t n = s->kind == L_IF && s->nbody > 1 ? 1 : s->nbody;
  for (uint32_t i = 0; i < n; i++)
    if (s->body[i]) count(w, r, s->body[i]);
  int64_t *val = w->val;
  *w = keep;
  w->val = val;
}

static double region_cycles(const struct limits *l, const struct region *r, bool looped) {
  double c = r->fp / (l->fma_per_cycle ? l->fma_per_cycle : 1);
  c = fmax(c, r->loads / (l->load_per_cycle ? l->load_per_cycle : 1));
  c = fmax(c, r->stores / (l->store_per_cycle ? l->store_per_cycle : 1));
  c = fmax(c, (r->fp + 0.5 * r->loads + r->stores + r->instr) / 4);
  if (looped && r->acc_updates > 0) c = fmax(c, 4 * fmax(1, r->acc_updates / fmax(1, r->reg_vectors)));
  double over =
      r->reg_vectors + 3 - l->vector_regs; /* accumulators that do not fit go through the stack in each iteration */
  if (over > 0) c += 2 * over;
  return c;
}

static double cycles(struct walk *w, const struct lstmt *s, bool looped);

/* A block of matrix tiles: for each depth of them products (each waits for the one before on its sums) and loads of
   operands, whichever takes longer; then the sums leave. */
static double tiles_cycles(struct walk *w, const struct lstmt *s) {
  static const double SETUP = 30, LATENCY = 52, HIGH = TILE_ROWS, WIDE = TILE_LANES;
  const struct limits *l = w->lim;
  double rows = 1, cols = cost_trips(w->f, s, w->val), steps = 1, rate = l->matrix_per_cycle[MATRIX_amx];
  if (s->body[0]->kind == L_FOR) {
    rows = cols;
    s = s->body[0];
    cols = cost_trips(w->f, s, w->val);
  }
  const struct lstmt *sums = s->body[0]->body[0]->body[1];
  for (; sums->fkind != F_SUB; sums = sums->body[0]) steps *= cost_trips(w->f, sums, w->val);
  double depth = ceil(steps / HIGH), across = ceil(cols / WIDE);
  double products = rows * across * HIGH / (rate > 0 ? rate : 1),
         loads = (rows + HIGH * across) / (l->load_per_cycle ? l->load_per_cycle : 1);
  if (rows <= 0 || cols <= 0) return 0;
  return depth * fmax(fmax(products, loads), LATENCY) + rows * across / (l->store_per_cycle ? l->store_per_cycle : 1) +
         SETUP;
}

/* A region lasts as long as its busiest thread works. */
static double shared_cycles(struct walk *w, const struct lstmt *s, double trips) {
  struct walk in = *w;
  const struct lstmt *inner = loop_joined(s);
  in.threads = 1;
  double all = trips * (cycles(&in, s->body[0], true) + 1.5), n = trips * (inner ? cost_trips(w->f, inner, w->val) : 1);
  return all / w->threads * cost_split_busiest(n < 1e15 ? (int64_t)n : INT64_C(1000000000000000), w->threads, NULL) +
         HANDOVER;
}

static double cycles(struct walk *w, const struct lstmt *s, bool looped) {
  if (is_straight(s)) {
    struct region r = {0};
    count(w, &r, s);
    return region_cycles(w->lim, &r, looped);
  }
  double sum = 0;
  switch (s->kind) {
  case L_FOR: {
    double trips = cost_trips(w->f, s, w->val);
    if (s->fkind == F_TILES) return tiles_cycles(w, s);
    if (trips > 0 && s->fkind == F_PARALLEL && w->threads > 1) return shared_cycles(w, s, trips);
    return trips <= 0 ? 0 : trips * (cycles(w, s->body[0], true) + 1.5);
  }
  case L_IF: {
    bool yes = true;
    for (unsigned i = 0; i < s->nguard; i++) yes = yes && eval(w, s->guard[i]) >= 0;
    if (yes) return 1 + cycles(w, s->body[0], false);
    return s->nbody > 1 && s->body[1] ? 1 + cycles(w, s->body[1], false) : 1;
  }
  case L_ALLOC:
    return (w->f->object[s->id].scope == SCOPE_HEAP ? 60 : 0) + cycles(w, s->body[0], false);
  case L_WHILE:
    return 100 * cycles(w, s->body[0], true);
  default:
    for (uint32_t i = 0; i < s->nbody; i++)
      if (s->body[i]) sum += cycles(w, s->body[i], false);
    return sum;
  }
}

/* Together
 * -----------------------------------------------------------------------------------------------------------------------------
 */

/* Of blocks of threads the whole alone. */
static bool blocks_seconds(const struct lfunc *f, const struct limits *lim, double part[COST_PARTS]) {
  int64_t *val = xmalloc(sizeof *val * (size_t)(f->k->nsym + 1));
  for (unsigned i = 0; i < f->k->nsym; i++) val[i] = f->k->sym[i].kind == SYM_DIM ? TYPICAL_DIM : 0;
  bool ok = cost_blocks(f, lim, val, &part[0]);
  for (unsigned i = 1; i < COST_PARTS; i++) part[i] = 0;
  free(val);
  return ok;
}

static void lfunc_seconds(const struct lfunc *f, const struct limits *lim, unsigned threads, double part[COST_PARTS]) {
  int64_t *val = xmalloc(sizeof *val * (size_t)(f->k->nsym + 1));
  for (unsigned i = 0; i < f->k->nsym; i++) val[i] = f->k->sym[i].kind == SYM_DIM ? TYPICAL_DIM : 0;
  struct walk w = {.f = f, .lim = lim, .val = val, .unroll = 1, .threads = 1, .vsym = SYM_NONE, .lanes = 1};
  double c = cycles(&w, f->body, false), alone = c;
  for (unsigned i = 0; i < f->k->nsym; i++) val[i] = f->k->sym[i].kind == SYM_DIM ? TYPICAL_DIM : 0;
  w.threads = threads;
  if (threads > 1) c = cycles(&w, f->body, false);
  for (unsigned i = 0; i < f->k->nsym; i++) val[i] = f->k->sym[i].kind == SYM_DIM ? TYPICAL_DIM : 0;
  double bytes[3];
  cost_memory(f, lim, val, bytes);
  free(val);
  double hz = (lim->ghz > 0 ? lim->ghz : 3) * 1e9, share = c > 0 ? alone / c : 1; /* traffic is shared as work is */
  double core = c / hz, l2 = bytes[0] / (40 * hz) / share, l3 = bytes[1] / (10 * hz) / share;
  double dram = bytes[2] / ((lim->dram_gbs > 0 ? lim->dram_gbs : 15) * 1e9);
  part[0] = fmax(fmax(core, l2), fmax(l3, dram)) + 0.15 * (core + l2 + l3 + dram);
  part[1] = core;
  part[2] = l2;
  part[3] = l3;
  part[4] = dram;
}

bool cost_parts(const struct groups *gs, unsigned g, const struct sched *s, const struct limits *lim,
                const struct lower_opts *o, double part[COST_PARTS]) {
  struct arena *a = arena_new();
  struct sched *all = ARENA_NEW(a, struct sched, gs->n);
  for (unsigned i = 0; i < gs->n; i++) all[i] = i == g ? *s : sched_none();
  struct lfunc *f;
  const char *why;
  bool ok = lower_kernel(a, gs, all, lim, o, "estimate", &f, &why) == ST_OK;
  if (ok && lim->simt)
    ok = blocks_seconds(f, lim, part);
  else if (ok)
    lfunc_seconds(f, lim, o->threads, part);
  arena_free(a);
  return ok;
}

double cost_estimate(const struct groups *gs, unsigned g, const struct sched *s, const struct limits *lim,
                     const struct lower_opts *o) {
  double part[COST_PARTS];
  return cost_parts(gs, g, s, lim, o, part) ? part[0] : INFINITY;
}

/* Floor
 * --------------------------------------------------------------------------------------------------------------------------------
 */

static double extent_of(const struct groups *gs, const struct axis *x, int64_t *val) {
  int64_t lo, hi;
  (void)gs;
  if (!poly_eval(x->lo, val, &lo) || !poly_eval(x->hi, val, &hi)) return TYPICAL_DIM;
  val[x->sym] = lo + (hi - lo) / 2;
  return hi > lo ? (double)(hi - lo) : 0;
}

static void count_ops(expr_t x, void *ctx) {
  if (x->kind == E_OP) *(double *)ctx += 1;
}

/* Multiplications and additions that a lane makes in a cycle: by FMAs, or by the best matrix instruction for the
 * equation's product. */
static double lane_rate(const struct limits *lim, const struct eq *e) {
  struct dot d;
  double rate = lim->fma_per_cycle ? lim->fma_per_cycle : 1;
  if (lim->simt || e->red != RED_sum || !dot_of(e->body, &d)) return rate;
  for (unsigned m = 0; m < MATRIX_COUNT; m++)
    if (matrix_takes((enum matrix)m, d.kind)) rate = fmax(rate, (double)lim->matrix_per_cycle[m] * d.group);
  return rate;
}

struct floor_time cost_floor(const struct groups *gs, unsigned g, const struct limits *lim, unsigned threads) {
  struct floor_time t = {0};
  int64_t *val = xmalloc(sizeof *val * (size_t)(gs->k->nsym + 1));
  for (unsigned i = 0; i < gs->k->nsym; i++) val[i] = gs->k->sym[i].kind == SYM_DIM ? TYPICAL_DIM : 0;
  unsigned widest = 4;
  double cycles = 0; /* on vectors of one lane */
  for (unsigned i = 0; i < gs->g[g].neq; i++) {
    const struct eq *e = &gs->k->eq[gs->g[g].eq[i]];
    double points = 1, ops = e->red != RED_none;
    for (unsigned x = 0; x < e->nax; x++) points *= extent_of(gs, &e->axis[x], val);
    expr_visit(e->body, count_ops, &ops);
    t.flops += points * ops;
    cycles += points * ops / (2 * lane_rate(lim, e));
    if (type_size(e->body->type) > widest) widest = (unsigned)type_size(e->body->type);
  }
  uint16_t op[64];
  unsigned n = group_operands(gs, g, op, 64);
  for (unsigned i = 0; i < n; i++) {
    const struct tensor *x = &gs->k->tensor[op[i]];
    double bytes = (double)type_size(x->type);
    for (unsigned d = 0; d < x->rank; d++) {
      int64_t v = TYPICAL_DIM;
      if (x->extent[d]) (void)poly_eval(x->extent[d], val, &v);
      bytes *= v > 0 ? (double)v : 0;
    }
    t.bytes += bytes;
  }
  free(val);
  double lanes = (double)lim->vector_bytes / widest, hz = (lim->ghz > 0 ? lim->ghz : 3) * 1e9;
  t.seconds_compute = cycles / (lanes * hz * (threads ? threads : 1));
  t.seconds_memory = t.bytes / ((lim->dram_gbs > 0 ? lim->dram_gbs : 15) * 1e9);
  return t;
}
