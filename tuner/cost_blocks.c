/* What a LOOP function costs a GPU, told from its text: for each kernel what one warp would issue and ask for, by the
   loops around each statement, and the roofline of runtime/gpu_model.h over it. The emulator counts the same things by
   running; this ranks schedules before anything is built. Rough: bodies of whole tiles are looked at, loads are made
   once in the loops that they do not depend on, a warp's addresses are worked out for the first iteration. */
#include "tuner/cost_blocks.h"
#include "codegen/emit/launch.h"
#include "runtime/gpu_model.h"
#include "tuner/cost_memory.h"
#include <math.h>
#include <string.h>

enum { DEEP = 40, WARP = 32, SECTOR = 32, BANKS = 32, WIDEST = 16, LOOP_INSTRUCTIONS = 4, MEET_INSTRUCTIONS = 12 };
enum {
  GROUP_INSTRUCTIONS = 4,
  GROUP_LINES = 4
}; /* of wgmma: issuing it, and 128 byte lines of a warp's rows that it reads */

struct loop { /* around the statement at hand */
  const struct lstmt *s;
  double trips;
};
struct tally { /* of one warp of one block */
  double instructions, requests, async, sectors, shared, conflicts, tensor, warp_tensor, waits, ahead, barriers, bulk;
};
struct walk {
  const struct lfunc *f;
  const struct launch_plan *plan;
  int64_t *val; /* by symbol: dims, loops at their start */
  struct loop loop[DEEP];
  unsigned n;
  bool maps; /* the kernel has a warp group that copies by tensor maps */
  struct tally t;
};

static int64_t eval(const struct walk *w, poly_t p) {
  int64_t v;
  return p && poly_eval(p, w->val, &v) ? v : 0;
}

/* ---- addresses ---- */

/* Elements from the object's start. */
static int64_t element(const struct walk *w, const struct access *a) {
  const struct object *o = &w->f->object[a->tensor];
  int64_t at = 0, stride = 1;
  for (unsigned d = a->rank; d-- > 0;) {
    at += eval(w, a->ix[d].poly) * (o->stride ? eval(w, o->stride[d]) : stride);
    stride *= eval(w, o->extent[d]);
  }
  return at;
}

static int64_t step_of(struct walk *w, const struct access *a, sym_t s) {
  int64_t at = element(w, a);
  w->val[s]++;
  int64_t next = element(w, a);
  w->val[s]--;
  return next - at;
}

static bool names(const struct access *a, sym_t s) {
  for (unsigned d = 0; d < a->rank; d++)
    if (a->ix[d].dyn || (a->ix[d].poly && poly_has(a->ix[d].poly, s))) return true;
  return false;
}

static bool computed(const struct access *a) {
  for (unsigned d = 0; d < a->rank; d++)
    if (a->ix[d].dyn) return true;
  return false;
}

/* Where the threads of a warp go, in bytes. */
static void thread_bytes(struct walk *w, const struct access *a, int64_t *at) {
  int64_t size = (int64_t)type_size((enum dtype)w->f->object[a->tensor].type);
  for (unsigned t = 0; t < WARP; t++) at[t] = computed(a) ? (int64_t)t * 1024 : 0;
  for (unsigned i = 0; i < w->n; i++) {
    const struct lstmt *s = w->loop[i].s;
    if (s->fkind != F_VECTOR || s->digit >= 5 || !names(a, s->sym)) continue;
    int64_t step = step_of(w, a, s->sym) * size;
    for (unsigned t = 0; t < WARP; t++) at[t] += step * (int64_t)(t >> s->digit & ((1u << s->lanes_log2) - 1));
  }
}

static unsigned distinct(int64_t *v, unsigned n) {
  unsigned kept = 0;
  for (unsigned i = 0; i < n; i++) {
    unsigned j = 0;
    while (j < kept && v[j] != v[i]) j++;
    if (j == kept) v[kept++] = v[i];
  }
  return kept;
}

static unsigned sectors(const int64_t *at, int64_t bytes) {
  int64_t all[WARP];
  for (unsigned t = 0; t < WARP; t++) all[t] = at[t] / SECTOR;
  unsigned n = distinct(all, WARP);
  return bytes > SECTOR ? n * (unsigned)(bytes / SECTOR) : n;
}

/* Passes beyond one for each part of the warp that is served at a time. */
static unsigned conflicts(const int64_t *at, int64_t bytes) {
  unsigned part = bytes > 8 ? 8 : bytes > 4 ? 16 : 32, sum = 0;
  for (unsigned from = 0; from < WARP; from += part) {
    int64_t row[WARP];
    unsigned most = 1, n = 0;
    for (unsigned t = from; t < from + part; t++) row[n++] = at[t] / 4;
    n = distinct(row, n);
    for (unsigned i = 0; i < n; i++) {
      unsigned same = 0;
      for (unsigned j = 0; j < n; j++) same += row[j] % BANKS == row[i] % BANKS;
      if (same > most) most = same;
    }
    sum += most - 1;
  }
  return sum;
}

/* ---- how often ---- */

static double all_times(const struct walk *w) {
  double n = 1;
  for (unsigned i = 0; i < w->n; i++)
    if (w->loop[i].s->fkind != F_VECTOR) n *= w->loop[i].trips;
  return n;
}

/* Loops that it does not depend on keep the value: unrolled ones always, others while nobody writes the array. */
static double access_times(const struct walk *w, const struct access *a) {
  bool fixed = w->f->object[a->tensor].scope == SCOPE_ARG;
  double n = 1;
  for (unsigned i = 0; i < w->n; i++) {
    const struct lstmt *s = w->loop[i].s;
    if (s->fkind == F_VECTOR || (!names(a, s->sym) && (fixed || s->fkind == F_UNROLL))) continue;
    n *= w->loop[i].trips;
  }
  return n;
}

/* Neighbours that one request brings. */
static int64_t together(struct walk *w, const struct access *a) {
  int64_t size = (int64_t)type_size((enum dtype)w->f->object[a->tensor].type), n = 1;
  for (unsigned i = 0; i < w->n && !computed(a); i++) {
    const struct loop *l = &w->loop[i];
    if (l->s->fkind != F_UNROLL || l->trips < 2 || !names(a, l->s->sym) || step_of(w, a, l->s->sym) != 1) continue;
    while (n * 2 * size <= WIDEST && n * 2 <= (int64_t)l->trips) n *= 2;
  }
  return n;
}

static void count_access(struct walk *w, const struct access *a, bool copied) {
  int64_t at[WARP], each = together(w, a), bytes = each * (int64_t)type_size((enum dtype)w->f->object[a->tensor].type);
  double n = access_times(w, a) / (double)each;
  if (w->f->object[a->tensor].scope == SCOPE_REG) return;
  thread_bytes(w, a, at);
  w->t.instructions += 2 * n;
  if (w->plan->shared[a->tensor]) {
    w->t.shared += n;
    w->t.conflicts += n * conflicts(at, bytes);
    return;
  }
  w->t.requests += n;
  w->t.async += copied ? n : 0;
  w->t.sectors += n * sectors(at, bytes);
}

/* ---- statements ---- */

static void count_reads(expr_t x, void *ctx) {
  if (x->kind == E_READ) count_access(ctx, x->acc, false);
}

static double expr_times(const struct walk *w, expr_t x, const struct access *to) {
  double n = 1;
  for (unsigned i = 0; i < w->n; i++) {
    const struct lstmt *s = w->loop[i].s;
    if (s->fkind == F_VECTOR) continue;
    if (s->fkind != F_UNROLL || expr_has_sym(x, s->sym) || (to && names(to, s->sym))) n *= w->loop[i].trips;
  }
  return n;
}

/* Lanes that the result does not name meet: shuffles inside a warp, shared memory beyond. */
static void count_meeting(struct walk *w, const struct lstmt *s) {
  unsigned bits = 0;
  for (unsigned i = 0; i < w->n; i++) {
    const struct lstmt *v = w->loop[i].s;
    if (v->fkind == F_VECTOR && !names(s->acc, v->sym)) bits |= ((1u << v->lanes_log2) - 1) << v->digit;
  }
  double n = all_times(w);
  w->t.instructions += 3 * n * __builtin_popcount(bits & (WARP - 1));
  if (bits < WARP) return;
  w->t.instructions += MEET_INSTRUCTIONS * n;
  w->t.barriers += 2 * n;
  w->t.shared += n * (1 + (double)bits / WARP);
}

/* Blocks of a cluster that a tile is brought for together. */
static double shared_by(const struct walk *w, unsigned object) {
  for (unsigned i = 0; i < w->plan->nmap; i++)
    if (w->plan->map[i].object == object && w->plan->map[i].share) return w->plan->map[i].share;
  return 1;
}

/* Does the store copy a tile that goes out by boxes? */
static bool goes_out(const struct walk *w, const struct lstmt *s) {
  if (!w->maps || s->value->kind != E_READ || w->f->object[s->value->acc->tensor].stages) return false;
  for (unsigned i = 0; i < w->plan->nmap; i++)
    if (w->plan->map[i].object == s->value->acc->tensor) return true;
  return false;
}

static void count_store(struct walk *w, const struct lstmt *s) {
  bool copied = w->f->object[s->acc->tensor].stages > 1 && s->value->kind == E_READ;
  if (copied && w->maps && w->f->object[s->acc->tensor].tma) { /* one thread of the block asks for all of it */
    double all = access_times(w, s->value->acc) * WARP * (double)type_size((enum dtype)s->value->type);
    w->t.bulk += all / shared_by(w, s->acc->tensor);
    return;
  }
  if (copied) {
    count_access(w, s->value->acc, true);
    return;
  }
  if (goes_out(w, s)) {
    w->t.bulk += access_times(w, s->acc) * WARP * (double)type_size((enum dtype)s->value->type);
    return;
  }
  expr_visit(s->value, count_reads, w);
  w->t.instructions += expr_times(w, s->value, s->acc) * expr_cost(s->value);
  if (s->red != RED_none) count_meeting(w, s);
  count_access(w, s->acc, false);
}

/* Columns of one instruction of a warp group: those that its threads and the unrolled loops walk. */
static double columns_of(const struct walk *w, const struct access *a, const struct access *b) {
  double n = 1;
  const struct access *cols = a;
  for (unsigned i = 0; i < w->n; i++)
    if (w->loop[i].s->fkind == F_VECTOR && !w->loop[i].s->digit && names(b, w->loop[i].s->sym)) cols = b;
  for (unsigned i = 0; i < w->n; i++) {
    const struct lstmt *s = w->loop[i].s;
    if (names(cols, s->sym) && (s->fkind == F_UNROLL || (s->fkind == F_VECTOR && !s->digit))) n *= w->loop[i].trips;
  }
  return n < 8 ? 8 : n;
}

/* A matrix instruction does the work of 2 or 4 iterations around the sub loop. */
static bool count_product(struct walk *w, const struct lstmt *sub) {
  const struct lstmt *s = sub->body[0];
  struct mma_form form;
  struct dot d;
  int64_t depth;
  if (s->kind != L_STORE) return false;
  bool held = dot_mixed(s->value, &d); /* its first factor is in registers */
  if ((!held && !dot_of(s->value, &d)) || d.alone || !mma_form(d.kind, &form)) return false;
  if (!poly_is_const(sub->hi[0], &depth) || depth % form.depth) return false;
  double steps = (double)depth / form.depth;
  double products = all_times(w) / (2 * form.rows) * steps, bytes = form.bytes * (d.kind == DOT_f64 ? 4.0 : 1);
  if (held) w->t.instructions += access_times(w, d.a->acc) * (double)depth / 2;
  if (w->f->object[d.b->acc->tensor].panel_rows) { /* of a warp group: a quarter of its rows, all its columns */
    double columns = columns_of(w, d.a->acc, d.b->acc), n = products * 8 / columns;
    w->t.tensor += products * 2 * 8 * form.rows * 8 * form.depth * bytes;
    w->t.instructions += GROUP_INSTRUCTIONS * n;
    w->t.shared += n * (GROUP_LINES + columns / 16);
    return true;
  }
  double fragments = (held ? 0 : access_times(w, d.a->acc) / form.rows) + access_times(w, d.b->acc) / form.rows * steps;
  double work = products * 2 * 8 * form.rows * 8 * form.depth * bytes;
  w->t.tensor += work, w->t.warp_tensor += work;
  w->t.instructions += products + 2 * fragments;
  w->t.shared += fragments;
  return true;
}

static void count(struct walk *w, const struct lstmt *s);

/* Does s fill shared memory, and how many stages ahead? 0: no. */
static unsigned fills(const struct walk *w, const struct lstmt *s) {
  unsigned most = 0;
  if (!s) return 0;
  if (s->kind == L_STORE && w->plan->shared[s->acc->tensor]) {
    unsigned stages = w->f->object[s->acc->tensor].stages;
    return stages > 1 ? stages : 1;
  }
  if (s->kind == L_FOR && s->fkind == F_SERIAL) return 0; /* its own */
  for (uint32_t i = 0; i < s->nbody; i++) {
    unsigned n = fills(w, s->body[i]);
    if (n > most) most = n;
  }
  return most;
}

static void count_loop(struct walk *w, const struct lstmt *s) {
  double trips = cost_trips(w->f, s, w->val);
  if (trips <= 0 || w->n == DEEP || !s->nbody || !s->body[0]) return;
  if (s->fkind == F_SUB && count_product(w, s)) return;
  w->loop[w->n++] = (struct loop){s, trips};
  if (s->fkind == F_SERIAL || s->fkind == F_PARALLEL) {
    double n = all_times(w);
    unsigned stages = fills(w, s->body[0]);
    w->t.instructions += LOOP_INSTRUCTIONS * n;
    if (stages) w->t.barriers += n * (stages > 1 ? 1 : 2);
    if (stages > 1) w->t.waits += n, w->t.ahead += n * (stages - 2);
  }
  count(w, s->body[0]);
  w->n--;
}

static void count(struct walk *w, const struct lstmt *s) {
  if (!s) return;
  if (s->kind == L_FOR) {
    count_loop(w, s);
  } else if (s->kind == L_STORE) {
    count_store(w, s);
  } else if (s->kind == L_IF) {
    bool yes = true;
    for (unsigned i = 0; i < s->nguard; i++) yes = yes && eval(w, s->guard[i]) >= 0;
    w->t.instructions += 2 * all_times(w);
    if (yes)
      count(w, s->nbody ? s->body[0] : NULL);
    else
      count(w, s->nbody > 1 ? s->body[1] : NULL);
  } else {
    for (uint32_t i = 0; i < s->nbody; i++) count(w, s->body[i]);
  }
}

/* ---- kernels ---- */

static uint64_t whole(double x) {
  return x < 1e18 ? (uint64_t)x : (uint64_t)1e18;
}

/* Bytes of shared memory that the kernel declares. */
static uint32_t own_shared(const struct walk *w, const struct lstmt *s) {
  uint64_t sum = 0;
  int64_t bytes;
  if (!s) return 0;
  if (s->kind == L_ALLOC && w->plan->shared[s->id] && w->plan->dynamic[s->id] < 0) {
    const struct object *o = &w->f->object[s->id];
    if (object_stage_bytes(o, &bytes)) sum += (uint64_t)bytes * (o->stages ? o->stages : 1);
  }
  for (uint32_t i = 0; i < s->nbody; i++) sum += own_shared(w, s->body[i]);
  return (uint32_t)(sum < LAUNCH_OWN_SHARED ? sum : LAUNCH_OWN_SHARED);
}

/* Bytes of all arrays. */
static uint64_t arrays(const struct walk *w) {
  double sum = 0;
  for (unsigned i = 0; i < w->f->k->ntensor; i++) {
    const struct object *o = &w->f->object[i];
    double bytes = (double)type_size((enum dtype)o->type);
    for (unsigned d = 0; d < o->rank; d++) bytes *= (double)eval(w, o->extent[d]);
    sum += bytes;
  }
  return whole(sum);
}

static double kernel_seconds(struct walk *w, const struct launch_kernel *k, const struct gpu_machine *m,
                             uint64_t footprint) {
  double blocks = 1, warps = k->workers / (double)WARP;
  uint32_t shared = k->dynamic;
  w->n = 0;
  w->t = (struct tally){0};
  w->maps = k->threads > k->workers;
  for (unsigned i = 0; i < k->nloop; i++) blocks *= cost_trips(w->f, k->loop[i], w->val);
  if (blocks < 1) return 0;
  count(w, k->body);
  double n = blocks * warps;
  struct emu_counts c = {.global_requests = whole(w->t.requests * n),
                         .async_requests = whole(w->t.async * n),
                         .global_sectors = whole(w->t.sectors * n),
                         .shared_requests = whole(w->t.shared * n),
                         .shared_conflicts = whole(w->t.conflicts * n),
                         .tensor_work = whole(w->t.tensor * n),
                         .tensor_warp_work = whole(w->t.warp_tensor * n),
                         .bulk_bytes = whole(w->t.bulk * n),
                         .async_waits = whole(w->t.waits * n),
                         .async_ahead = whole(w->t.ahead * n),
                         .barriers = whole(w->t.barriers * n)};
  c.instructions[EMU_CLS_INT] = whole(w->t.instructions * n);
  return gpu_model(m, &c, whole(blocks), k->threads, shared + own_shared(w, k->body), footprint).total;
}

bool cost_blocks(const struct lfunc *f, const struct limits *lim, int64_t *val, double *seconds) {
  struct arena *a = arena_new();
  struct launch_plan plan;
  struct gpu_machine m = gpu_machine_named(lim->arch);
  const char *why;
  bool ok = launch_plan_make(a, f, lim, &plan, &why) == ST_OK;
  struct walk w = {.f = f, .plan = &plan, .val = val};
  uint64_t footprint = ok ? arrays(&w) : 0;
  m.sms = lim->cores;
  if (lim->ghz > 0) m.ghz = lim->ghz;
  if (lim->dram_gbs > 0) m.dram_gbs = lim->dram_gbs;
  m.sm_shared = lim->shared_bytes + 1024;
  *seconds = 0;
  for (unsigned i = 0; ok && i < plan.nkernel; i++) *seconds += kernel_seconds(&w, &plan.kernel[i], &m, footprint);
  arena_free(a);
  return ok;
}
