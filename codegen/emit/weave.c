/* Elements that lie interleaved: lanes that move by a small constant (re and im, the colours of a pixel, every other
   sample, a row backwards). Whole vectors are loaded and stored, and shuffles bring the elements to their places,
   instead of one access a lane.

   A scope is a vector loop, or a short unrolled loop around vector loops that moves within what one lane steps over. It
   is read before it is emitted: a run is all accesses of an object that its lanes make and that differ by constants.
   What lies between the lowest and the highest element that a run surely reads may be loaded, whichever of its reads
   asks. Stores into the window of one step wait until the last of them is known; what reads one of them in the meantime
   gets it from there. Elements of the window that none of them writes (the alpha of a pixel whose colours change) are
   left out by masks, on machines that have some for every size.

   Where the last vector of a loop is cut, what its lanes ask for is loaded with masks. Lanes with guards, and stores
   with masks, stay with gathers and scatters (access.c). */
#include "codegen/emit/build.h"

enum {
  STEP_LIMIT = 8,
  RUN_LIMIT = 24,
  ENTRY_LIMIT = 96,
  OBJECT_LIMIT = 256,
  KEY_PICK = 904,
  KEY_UPTO = 906,
  KEY_OTHER = 909
};

struct run {
  unsigned object;
  int64_t step;
  poly_t base;       /* elements, at lane 0; all offsets are relative to it */
  int64_t low, high; /* of what is surely read */
  bool read;         /* low and high are set */
  bool waits;        /* its stores go to one window, from `first` on */
  int64_t first;
  unsigned need, have;        /* the window's elements that are stored, and those of them that wait, by bit */
  LLVMValueRef v[STEP_LIMIT]; /* as they lie in memory */
  struct spot at[STEP_LIMIT];
};

struct woven { /* what was read of a scope */
  unsigned nrun;
  struct run run[RUN_LIMIT];
};

/* --- reading a scope --- */

struct entry { /* one access of one iteration of the unrolled loop */
  unsigned run, turn;
  int64_t offset;
  bool write;
};

struct scan {
  struct fn *f;
  struct woven *w;
  sym_t unrolled;    /* or SYM_NONE */
  int64_t count, by; /* its iterations, and its step */
  poly_t from;       /* its first value */
  sym_t lane;
  poly_t lane_from; /* what the lane's symbol is at lane 0, unless it is bound; NULL: it is */
  struct entry entry[ENTRY_LIMIT];
  unsigned n;
  bool within;                /* the unrolled loop moves within what a lane steps over */
  bool sure;                  /* what is read now is read in every iteration */
  bool blocked[OBJECT_LIMIT]; /* by object: touched in a way that is not followed; its stores do not wait */
};

static unsigned run_of(struct scan *s, unsigned object, int64_t step, poly_t at, int64_t *offset) {
  struct woven *w = s->w;
  for (unsigned i = 0; i < w->nrun; i++) {
    const struct run *r = &w->run[i];
    if (r->object == object && r->step == step && poly_is_const(poly_sub(s->f->m->arena, at, r->base), offset))
      return i;
  }
  if (w->nrun == RUN_LIMIT) return RUN_LIMIT;
  w->run[w->nrun] = (struct run){.object = object, .step = step, .base = at};
  *offset = 0;
  return w->nrun++;
}

/* Where lane 0 of the first unrolled iteration is, in elements; how far lanes and iterations move. */
static bool follow(const struct scan *s, const struct access *acc, poly_t *at, int64_t *step, int64_t *move) {
  struct arena *a = s->f->m->arena;
  poly_t coef;
  for (unsigned d = 0; d < acc->rank; d++)
    if (acc->ix[d].dyn) return false;
  poly_t p = fn_subst(s->f, access_poly(s->f, acc));
  if (!poly_split(a, p, s->lane, &coef, &p) || !poly_is_const(coef, step)) return false;
  if (s->lane_from) p = poly_add(a, p, poly_scale(a, s->lane_from, *step));
  *move = 0;
  if (s->unrolled != SYM_NONE) {
    if (!poly_split(a, p, s->unrolled, &coef, &p) || !poly_is_const(coef, move)) return false;
    p = poly_add(a, p, poly_scale(a, s->from, *move));
  }
  *at = p;
  return *step && *step <= STEP_LIMIT && *step >= -STEP_LIMIT && *move <= STEP_LIMIT && *move >= -STEP_LIMIT;
}

static void note(struct scan *s, const struct access *acc, bool write) {
  unsigned object = acc->tensor;
  int64_t step, move, offset;
  poly_t at;
  if (object >= OBJECT_LIMIT || in_registers(s->f, object)) return;
  bool known = s->n + s->count <= ENTRY_LIMIT && follow(s, acc, &at, &step, &move);
  unsigned run = known ? run_of(s, object, step, at, &offset) : RUN_LIMIT;
  if (run == RUN_LIMIT || (write && (!s->sure || acc->nguard))) {
    s->blocked[object] = true;
    return;
  }
  struct run *r = &s->w->run[run];
  int64_t apart = step < 0 ? -step : step;
  s->within |= move && move * s->by < apart && -move * s->by < apart;
  for (int64_t i = 0; i < s->count; i++, offset += move * s->by) {
    s->entry[s->n++] = (struct entry){run, (unsigned)i, offset, write};
    if (write || !s->sure || acc->nguard) continue;
    if (!r->read || offset < r->low) r->low = offset;
    if (!r->read || offset > r->high) r->high = offset;
    r->read = true;
  }
}

/* Arms of a select and what stands in for a failed guard may not be evaluated. */
static void scan_expr(struct scan *s, expr_t e) {
  bool sure = s->sure;
  if (e->kind == E_READ) {
    note(s, e->acc, false);
    for (unsigned d = 0; d < e->acc->rank; d++)
      if (e->acc->ix[d].dyn) scan_expr(s, e->acc->ix[d].dyn);
    s->sure = false;
    if (e->acc->otherwise) scan_expr(s, e->acc->otherwise);
    s->sure = sure;
    return;
  }
  for (unsigned i = 0; i < e->nkid; i++) {
    s->sure = sure && !(e->kind == E_OP && e->op == OP_select && i > 0);
    scan_expr(s, e->kid[i]);
  }
  s->sure = sure;
}

static void scan_stmt(struct scan *s, const struct lstmt *st) {
  bool sure = s->sure;
  if (st->cond) scan_expr(s, st->cond);
  if (st->value) scan_expr(s, st->value);
  if (st->kind == L_STORE) note(s, st->acc, true);
  if (st->kind == L_STORE && st->red != RED_none && st->acc->tensor < OBJECT_LIMIT) s->blocked[st->acc->tensor] = true;
  if (st->kind != L_BLOCK) s->sure = false;
  for (uint32_t i = 0; i < st->nbody; i++)
    if (st->body[i]) scan_stmt(s, st->body[i]);
  s->sure = sure;
}

/* --- which stores may wait --- */

/* Stores of another run to the same object come before all of this run's, or behind: windows are stored in their order.
 */
static bool in_turn(const struct scan *s, unsigned run) {
  int before = -1, between = -1;
  for (unsigned i = 0; i < s->n; i++) {
    const struct entry *e = &s->entry[i];
    if (!e->write || s->w->run[e->run].object != s->w->run[run].object) continue;
    if (e->run != run && s->count > 1) return false;
    if (e->run == run && between >= 0) return false;
    if (e->run == run) before = (int)i;
    if (e->run != run && before >= 0) between = (int)i;
  }
  return true;
}

/* All stores of a run lie in one window of its step, each element once. A window with gaps begins where a step of what
 * is read does. */
static bool finds_window(const struct scan *s, unsigned run, int64_t *first, unsigned *need) {
  const struct run *r = &s->w->run[run];
  if (!in_turn(s, run)) return false;
  int64_t low = INT64_MAX;
  unsigned n = 0;
  for (unsigned i = 0; i < s->n; i++)
    if (s->entry[i].write && s->entry[i].run == run && s->entry[i].offset < low) low = s->entry[i].offset;
  if (r->read && r->low < low && r->low > low - r->step) low = r->low;
  *first = low, *need = 0;
  for (unsigned i = 0; i < s->n; i++) {
    const struct entry *e = &s->entry[i];
    if (!e->write || e->run != run) continue;
    if (e->offset - low >= r->step) return false;
    *need |= 1u << (e->offset - low);
    n++;
  }
  bool gaps = n < (unsigned)r->step;
  return n == (unsigned)__builtin_popcount(*need) && (gaps ? n > 1 && s->f->m->isa.avx512 : n > 0);
}

/* Each read of the object is of an element of the window, which may wait. */
static bool reads_stay_within(const struct scan *s, unsigned run, int64_t first) {
  const struct run *r = &s->w->run[run];
  for (unsigned i = 0; i < s->n; i++) {
    const struct entry *e = &s->entry[i];
    if (e->write || s->w->run[e->run].object != r->object) continue;
    int64_t at = e->offset - first;
    if (e->run != run || at < 0 || at >= r->step) return false;
  }
  return true;
}

static void find_waiting(struct scan *s) {
  for (unsigned i = 0; i < s->w->nrun; i++) {
    struct run *r = &s->w->run[i];
    r->waits = s->f->noalias && r->step > 1 && !s->blocked[r->object] && finds_window(s, i, &r->first, &r->need) &&
               reads_stay_within(s, i, r->first);
  }
}

/* --- scopes --- */

/* From where, and how many iterations, where that is a constant. Without making code: some of the loops outside may be
 * unbound now. */
static bool constant_range(const struct scan *s, const struct lstmt *st, poly_t *lo, int64_t *n) {
  if (st->nlo != 1 || st->nhi < 1) return false;
  *lo = fn_subst(s->f, st->lo[0]);
  *n = INT64_MAX;
  for (unsigned i = 0; i < st->nhi; i++) {
    int64_t c;
    if (!poly_is_const(poly_sub(s->f->m->arena, fn_subst(s->f, st->hi[i]), *lo), &c)) return false;
    if (c < *n) *n = c;
  }
  return true;
}

/* All of its lanes are on: then those of the others are, too. The loop may be bound to the iteration that runs. */
static bool read_lanes(struct scan *s, const struct lstmt *st) {
  int64_t n;
  poly_t bound = s->f->env[st->sym];
  s->f->env[st->sym] = NULL;
  s->lane = st->sym;
  bool all = constant_range(s, st, &s->lane_from, &n) && n >= (int64_t)1 << st->lanes_log2;
  if (all) scan_stmt(s, st->body[0]);
  s->f->env[st->sym] = bound;
  return all;
}

static bool read_vectors(struct scan *s, struct lstmt *const *kid, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    const struct lstmt *k = kid[i];
    if (!k || k->kind != L_FOR || k->fkind != F_VECTOR || !k->nbody || k->lanes_log2 != kid[0]->lanes_log2)
      return false;
    if (!read_lanes(s, k)) return false;
  }
  return s->within;
}

/* An unrolled loop around nothing but vector loops. */
static bool read_unrolled(struct scan *s, const struct lstmt *st) {
  struct fn *f = s->f;
  const struct lstmt *body = st->body[0];
  poly_t bound = f->env[st->sym];
  if (!constant_range(s, st, &s->from, &s->count)) return false;
  s->count = (s->count - 1) / st->step + 1;
  s->unrolled = st->sym, s->by = st->step;
  if (s->count < 2 || s->count > STEP_LIMIT) return false;
  f->env[st->sym] = NULL;
  bool block = body->kind == L_BLOCK;
  bool ok = read_vectors(s, block ? body->body : st->body, block ? body->nbody : 1);
  f->env[st->sym] = bound;
  return ok;
}

static void read_scope(struct fn *f, struct weave *w) {
  struct scan *s = ARENA_NEW(f->m->arena, struct scan, 1);
  *s = (struct scan){.f = f, .unrolled = SYM_NONE, .count = 1, .by = 1, .lane = w->st->sym, .sure = true};
  s->w = w->woven = ARENA_NEW(f->m->arena, struct woven, 1);
  s->w->nrun = 0;
  bool ok = true;
  if (w->st->fkind == F_UNROLL)
    ok = read_unrolled(s, w->st);
  else
    scan_stmt(s, w->st->body[0]);
  w->state = ok ? WEAVE_OPEN : WEAVE_USELESS;
  if (ok) find_waiting(s);
}

/* To be called before the body of a vector loop (its lanes are open) or an unrolled loop is emitted; weave_close after
 * it. */
void weave_open(struct fn *f, struct weave *w, const struct lstmt *st) {
  *w = (struct weave){.st = st, .level = cur_level(f), .state = WEAVE_UNREAD, .outer = f->weave};
  f->weave = w;
}

/* The outermost scope that may be used here. */
static struct woven *scope_here(struct fn *f, struct weave *w) {
  if (!w || w->level != cur_level(f)) return NULL;
  struct woven *outer = scope_here(f, w->outer);
  if (outer) return outer;
  if (w->state == WEAVE_UNREAD) read_scope(f, w);
  return w->state == WEAVE_OPEN ? w->woven : NULL;
}

/* --- one access --- */

struct place { /* of an access that moves by a small constant */
  unsigned size, lanes;
  int64_t step, apart; /* apart: |step| */
  struct run *run;     /* or NULL */
  int64_t offset;      /* of lane 0 from the run's base */
};

/* May the first lanes alone ask? Machines without masked loads of the size would take them one by one. */
static bool cut_well(const struct fn *f, unsigned size, int64_t step) {
  return f->active.v && step >= -1 && (f->m->isa.avx512 || (f->m->isa.fma && size >= 4));
}

static bool find_place(struct fn *f, unsigned object, const struct spot *s, struct place *p) {
  int64_t step;
  if (f->simt || f->lazy || f->varying_if || s->many || !s->stride || !poly_is_const(s->stride, &step)) return false;
  if (step == 0 || step == 1 || step > STEP_LIMIT || step < -STEP_LIMIT) return false;
  *p = (struct place){(unsigned)type_size(f->f->object[object].type), f->lanes, step, step < 0 ? -step : step, NULL, 0};
  if (f->mask.v && !cut_well(f, p->size, step)) return false;
  struct woven *w = scope_here(f, f->weave);
  for (unsigned i = 0; w && s->from && i < w->nrun; i++) {
    struct run *r = &w->run[i];
    if (r->object != object || r->step != step || !poly_is_const(poly_sub(f->m->arena, s->from, r->base), &p->offset))
      continue;
    p->run = r;
    break;
  }
  return true;
}

/* Position of lane i, in elements from the lowest. */
static int64_t lane_at(const struct place *p, unsigned i) {
  return (p->step > 0 ? i : p->lanes - 1 - i) * p->apart;
}

/* --- loads --- */

struct window {    /* in elements from the access's own lowest */
  int64_t from, n; /* all of it may be loaded */
  unsigned parts;
};

/* The whole window of one step that holds this access and its neighbours, where that may be loaded; else what may. */
static struct window window_of(const struct place *p) {
  int64_t low = 0, high = 0, c = p->apart;
  if (p->run && p->run->read) {
    low = p->run->low - p->offset, high = p->run->high - p->offset;
    if (low > 0) low = 0;
    if (high < 0) high = 0;
  }
  int64_t from = low + (-low) / c * c;
  if (from + c - 1 > high) from = high - c + 1 > low ? high - c + 1 : low;
  int64_t last = from + c - 1 < high ? from + c - 1 : high;
  int64_t n = (p->lanes - 1) * c + 1 + last - from;
  return (struct window){from, n, (unsigned)((n + p->lanes - 1) / p->lanes)};
}

/* Vectors end where the window does: the last one may lie over the one before it. */
static int64_t part_at(const struct place *p, const struct window *w, unsigned i) {
  return i + 1 < w->parts ? (int64_t)i * p->lanes : w->n - p->lanes;
}

/* Every other element of a and b. The cache has what other elements of the window share. */
static struct val every_other(struct fn *f, struct val a, struct val b, unsigned first) {
  unsigned n = a.lanes, at[LANE_LIMIT];
  struct val r;
  const void *key = (const void *)(uintptr_t)first;
  if (cache_get(f, KEY_OTHER, a.v, b.v, key, &r)) return r;
  for (unsigned l = 0; l < n; l++) at[l] = 2 * l + first;
  unsigned level = place_level(f, a.level > b.level ? a.level : b.level);
  place_at(f, level);
  r = mkval(vshuffle(f, a.v, b.v, at, n), level, a.type, n);
  place_back(f);
  cache_put(f, KEY_OTHER, a.v, b.v, key, r);
  return r;
}

/* A whole window of 4 or 8 vectors: halves of halves, so that all of its elements together take few shuffles. */
static bool pick_halves(struct fn *f, const struct place *p, const struct window *w, const struct val *part,
                        struct val *out) {
  struct val half[STEP_LIMIT];
  unsigned n = w->parts, first = (unsigned)-w->from;
  if (p->step < 4 || p->step & (p->step - 1) || n != p->step || w->n != p->step * p->lanes) return false;
  for (unsigned i = 0; i < n; i++) half[i] = part[i];
  for (; n > 1; n /= 2, first /= 2)
    for (unsigned i = 0; i < n / 2; i++) half[i] = every_other(f, half[2 * i], half[2 * i + 1], first % 2);
  *out = half[0];
  return true;
}

/* The lanes' elements out of the parts of a window. */
static struct val pick(struct fn *f, const struct place *p, const struct window *w, const struct val *part) {
  unsigned n = p->lanes, at[LANE_LIMIT];
  LLVMValueRef r = NULL;
  for (unsigned i = 0; i < w->parts; i++) {
    bool any = false;
    int64_t from = part_at(p, w, i), before = i ? part_at(p, w, i - 1) + n : 0;
    for (unsigned l = 0; l < n; l++) {
      int64_t e = lane_at(p, l) - w->from;
      bool here = e >= before && e < from + n;
      if (e >= before || !i)
        at[l] = here ? (unsigned)(e - from) + (r ? n : 0) : 0;
      else
        at[l] = l;
      any |= here;
    }
    if (!any) continue;
    r = vshuffle(f, r ? r : part[i].v, part[i].v, at, n);
  }
  return mkval(r, 0, part[0].type, n);
}

/* Elements of the vector at element `from` that lie before element apart * (lanes that are on) + n. */
static struct val upto(struct fn *f, const struct place *p, int64_t n, int64_t from) {
  int64_t rest = n - from;
  const void *key = (const void *)(uintptr_t)(uint64_t)((rest * 64 + p->apart) * 128 + (int64_t)f->lanes);
  struct val mask;
  if (cache_get(f, KEY_UPTO, f->active.v, NULL, key, &mask)) return mask;
  struct val all = vbin(f, LLVMAdd, vbin(f, LLVMMul, f->active, vi64(f, p->apart), false), vi64(f, rest), false);
  mask = first_lanes(f, all);
  cache_put(f, KEY_UPTO, f->active.v, NULL, key, mask);
  return mask;
}

/* Of a vector that lies backwards, the elements of lanes that are on: the last ones. */
static struct val last_lanes(struct fn *f) {
  struct val none = first_lanes(f, vbin(f, LLVMSub, vi64(f, f->lanes), f->active, false));
  struct val ones = mkval(splat_const(LLVMConstInt(f->m->i1, 1, 0), f->lanes), 0, DT_bool, f->lanes);
  return vbin(f, LLVMXor, none, ones, false);
}

static struct val part_mask(struct fn *f, const struct place *p, const struct window *w, unsigned i) {
  return upto(f, p, w->n - (int64_t)p->lanes * p->apart, part_at(p, w, i));
}

static struct val reversed(struct fn *f, struct val v) {
  unsigned at[LANE_LIMIT];
  for (unsigned i = 0; i < v.lanes; i++) at[i] = v.lanes - 1 - i;
  unsigned level = place_level(f, v.level);
  place_at(f, level);
  struct val r = mkval(vshuffle(f, v.v, v.v, at, v.lanes), level, v.type, v.lanes);
  place_back(f);
  return r;
}

/* What was stored, and waits. */
static bool read_waiting(struct fn *f, unsigned object, const struct place *p, struct val *out) {
  int64_t at = p->run && p->run->waits ? p->offset - p->run->first : -1;
  if (at < 0 || at >= p->apart || !(p->run->have >> at & 1)) return false;
  *out = from_memory(f, f->f->object[object].type, p->run->v[at], p->lanes, cur_level(f));
  return true;
}

/* Reads lanes that are `step` elements apart; false: not in this way. */
bool weave_read(struct fn *f, unsigned object, const struct spot *s, struct val *out) {
  struct place p;
  struct val part[STEP_LIMIT];
  if (!find_place(f, object, s, &p)) return false;
  if (read_waiting(f, object, &p, out)) return true;
  if (p.step == -1 && f->mask.v) {
    struct spot at = *s;
    at.disp -= (int64_t)(p.lanes - 1) * p.size;
    *out = reversed(f, load_upto(f, object, &at, last_lanes(f)));
    return true;
  }
  struct window w = window_of(&p);
  bool whole = w.n == p.apart * p.lanes;
  if (whole ? p.apart > p.lanes : 2 * w.parts > p.lanes) return false;
  int64_t lowest = p.step < 0 ? p.step * (p.lanes - 1) : 0;
  unsigned level = 0;
  for (unsigned i = 0; i < w.parts; i++) {
    struct spot at = *s;
    at.disp += (lowest + w.from + part_at(&p, &w, i)) * p.size;
    part[i] = f->mask.v ? load_upto(f, object, &at, part_mask(f, &p, &w, i)) : load_plain(f, object, &at, p.lanes);
    if (part[i].level > level) level = part[i].level;
  }
  const void *key = (const void *)(uintptr_t)(uint64_t)(p.step * 64 - w.from); /* which of the window's elements */
  const void *last = part[w.parts - 1].v;
  if (cache_get(f, KEY_PICK, part[0].v, last, key, out)) return true;
  if (!pick_halves(f, &p, &w, part, out)) {
    level = place_level(f, level);
    place_at(f, level);
    *out = pick(f, &p, &w, part);
    out->level = (uint16_t)level;
    place_back(f);
  }
  f->m->nop += w.parts;
  cache_put(f, KEY_PICK, part[0].v, last, key, *out);
  return true;
}

/* --- stores --- */

/* Every other element of the result from a and b: its halves, low and high. */
static LLVMValueRef two_in_turn(struct fn *f, LLVMValueRef a, LLVMValueRef b, unsigned n, bool high) {
  unsigned at[LANE_LIMIT];
  for (unsigned i = 0; i < n; i++) at[i] = (high ? n / 2 : 0) + i / 2 + (i % 2 ? n : 0);
  return vshuffle(f, a, b, at, n);
}

/* v[0..c) of n lanes each become c vectors in which they follow one another in turn. */
static void interleave(struct fn *f, LLVMValueRef *v, unsigned c, unsigned n) {
  LLVMValueRef out[STEP_LIMIT], half[2][STEP_LIMIT];
  if (c == 1) return;
  if (c % 2 == 0) { /* even ones and odd ones each in turn, then those two */
    for (unsigned i = 0; i < c; i++) half[i % 2][i / 2] = v[i];
    interleave(f, half[0], c / 2, n);
    interleave(f, half[1], c / 2, n);
    for (unsigned i = 0; i < c; i++) v[i] = two_in_turn(f, half[0][i / 2], half[1][i / 2], n, i % 2);
    return;
  }
  for (unsigned p = 0; p < c; p++) {
    LLVMValueRef r = v[0];
    for (unsigned j = 0; j < c; j++) {
      unsigned at[LANE_LIMIT];
      for (unsigned i = 0; i < n; i++) {
        unsigned e = p * n + i;
        at[i] = e % c == j ? (j ? n : 0) + e / c : j ? i : 0;
      }
      r = vshuffle(f, r, v[j], at, n);
    }
    out[p] = r;
  }
  for (unsigned i = 0; i < c; i++) v[i] = out[i];
}

/* Of the vector at element `from` of the windows: those that are stored. NULL: all. */
static LLVMValueRef stored_lanes(struct fn *f, const struct place *p, unsigned need, int64_t from) {
  LLVMValueRef k[LANE_LIMIT];
  if (need == (1u << p->apart) - 1) return NULL;
  for (unsigned i = 0; i < p->lanes; i++) k[i] = LLVMConstInt(f->m->i1, need >> ((from + i) % p->apart) & 1, 0);
  return LLVMConstVector(k, p->lanes);
}

static void store_part(struct fn *f, const struct place *p, const struct spot *s, unsigned need, int64_t elements,
                       LLVMValueRef v) {
  struct spot at = *s;
  at.disp += elements * p->size;
  LLVMValueRef mask = need ? stored_lanes(f, p, need, elements) : NULL;
  if (!f->mask.v && !mask) {
    LLVMSetAlignment(LLVMBuildStore(f->b, v, spot_address(f, &at)), p->size);
    return;
  }
  if (f->mask.v) {
    LLVMValueRef on = p->step < 0 ? last_lanes(f).v : upto(f, p, 0, elements).v;
    mask = mask ? LLVMBuildAnd(f->b, mask, on, "") : on;
  }
  LLVMValueRef to = spot_address(f, &at), arg[3] = {v, to, mask};
  LLVMTypeRef over[2] = {LLVMTypeOf(v), LLVMTypeOf(to)};
  LLVMValueRef call = call_intrinsic(f->m, f->b, "llvm.masked.store", over, 2, arg, 3);
  align_arg(f->m, call, 2, p->size);
}

static void store_window(struct fn *f, const struct place *p, struct run *r) {
  unsigned c = (unsigned)p->apart, one = (unsigned)__builtin_ctz(r->need);
  struct spot at = r->at[one];
  at.disp -= (int64_t)one * p->size;
  for (unsigned i = 0; i < c; i++)
    if (!(r->need >> i & 1)) r->v[i] = r->v[one];
  interleave(f, r->v, c, p->lanes);
  for (unsigned i = 0; i < c; i++) store_part(f, p, &at, r->need, (int64_t)i * p->lanes, r->v[i]);
  f->m->nop += c * c;
  r->have = 0;
  object_stored(f, r->object);
}

static void store_reversed(struct fn *f, const struct place *p, unsigned object, const struct spot *s, LLVMValueRef v) {
  unsigned at[LANE_LIMIT];
  for (unsigned i = 0; i < p->lanes; i++) at[i] = p->lanes - 1 - i;
  store_part(f, p, s, 0, -(int64_t)(p->lanes - 1), vshuffle(f, v, v, at, p->lanes));
  object_stored(f, object);
}

/* Takes the store of v, of the object's type; false: it does not. */
bool weave_write(struct fn *f, unsigned object, const struct spot *s, struct val v) {
  struct place p;
  if (!find_place(f, object, s, &p)) return false;
  if (p.step == -1) {
    store_reversed(f, &p, object, s, to_memory(f, v));
    return true;
  }
  if (!p.run || !p.run->waits || p.apart > p.lanes) return false;
  unsigned i = (unsigned)(p.offset - p.run->first);
  p.run->v[i] = to_memory(f, v);
  p.run->at[i] = *s;
  p.run->have |= 1u << i;
  if (p.run->have == p.run->need) store_window(f, &p, p.run);
  return true;
}

void weave_close(struct fn *f) {
  const struct woven *w = f->weave->woven;
  for (unsigned i = 0; w && i < w->nrun; i++)
    if (w->run[i].have) emit_fail(f->m, "interleaved stores are not complete");
  f->weave = f->weave->outer;
}
