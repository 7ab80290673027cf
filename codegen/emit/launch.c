/* Splits a LOOP function into kernels: every outermost statement becomes one, its parallel loops the grid. Buffers
   around kernels live in device memory; buffers inside one go to shared memory as long as they fit, else each block
   gets its own piece of device memory. What a kernel declares is limited; what is beyond that is asked for at the
   launch. */
#include "codegen/emit/launch.h"
#include <string.h>

struct split {
  struct arena *a;
  const struct lfunc *f;
  const struct limits *lim;
  struct launch_plan *p;
  unsigned shared;              /* bytes of its own so far, of the kernel at hand */
  unsigned staged;              /* and of staged buffers and tiles of warp groups */
  const struct lstmt *together; /* the loop of its grid that has clusters; NULL: none */
  const char *why;
};

static bool refuse(struct split *s, const char *why) {
  if (!s->why) s->why = why;
  return false;
}

static bool has_parallel(const struct lstmt *s) {
  if (!s) return false;
  if (s->kind == L_FOR && s->fkind == F_PARALLEL) return true;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (has_parallel(s->body[i])) return true;
  return false;
}

static bool over_dims(const struct lfunc *f, poly_t x) {
  for (uint32_t i = 0; i < x->n; i++)
    for (unsigned j = 0; j < x->mono[i].n; j++)
      if (f->k->sym[x->mono[i].sym[j]].kind != SYM_DIM) return false;
  return true;
}

static bool all_over_dims(const struct lfunc *f, const poly_t *p, unsigned n) {
  for (unsigned i = 0; i < n; i++)
    if (!over_dims(f, p[i])) return false;
  return true;
}

/* ---- sizes ---- */

static bool times(int64_t a, int64_t b, int64_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}

/* Bytes of an object at these dims; 0: an extent is none. Extents that are not over dims count as unknown: false. */
static bool object_size(const struct lfunc *f, unsigned object, const int64_t *dim, int64_t *out) {
  const struct object *o = &f->object[object];
  int64_t n = 1, e, st, part;
  *out = 0;
  for (unsigned d = 0; d < o->rank; d++) {
    if (!poly_eval(o->extent[d], dim, &e)) return false;
    if (e <= 0) return true;
    if (!o->stride) {
      if (!times(n, e, &n)) return false;
      continue;
    }
    if (!poly_eval(o->stride[d], dim, &st) || !times(e - 1, st, &part) || __builtin_add_overflow(n, part, &n))
      return false;
  }
  return times(n, (int64_t)type_size(o->type), out);
}

static bool constant_size(const struct lfunc *f, unsigned object, int64_t *out) {
  const struct object *o = &f->object[object];
  int64_t c;
  for (unsigned d = 0; d < o->rank; d++)
    if (!poly_is_const(o->extent[d], &c) || (o->stride && !poly_is_const(o->stride[d], &c))) return false;
  return object_size(f, object, NULL, out);
}

/* ---- buffers ---- */

static bool add_buffer(struct split *s, unsigned object, int block) {
  const struct object *o = &s->f->object[object];
  if (!all_over_dims(s->f, o->extent, o->rank) || (o->stride && !all_over_dims(s->f, o->stride, o->rank)))
    return refuse(s, arena_printf(s->a, "the size of buffer '%s' follows a loop", o->name));
  s->p->buffer[s->p->nbuffer++] = (struct launch_buffer){(uint16_t)object, block};
  return true;
}

/* In the part of shared memory that the launch asks for. */
static bool ask_for(struct split *s, unsigned object, int64_t bytes) {
  int64_t need = (bytes + LAUNCH_ALIGN - 1) / LAUNCH_ALIGN * LAUNCH_ALIGN;
  if (s->staged + need > s->lim->shared_bytes) return false;
  s->p->shared[object] = 1;
  s->p->dynamic[object] = (int32_t)s->staged;
  s->staged += (unsigned)need;
  return true;
}

static bool place_staged(struct split *s, unsigned object) {
  const struct object *o = &s->f->object[object];
  int64_t bytes, n = o->stages > 1 ? o->stages : 1;
  if (object_stage_bytes(o, &bytes) && bytes <= s->lim->shared_bytes && ask_for(s, object, bytes * n)) return true;
  return refuse(s, arena_printf(s->a, "the stages of '%s' do not fit into shared memory", o->name));
}

/* The kernel's own as long as that lasts, then what is left beyond it, then device memory. */
static bool place_inside(struct split *s, unsigned object, unsigned kernel) {
  int64_t bytes;
  if (s->p->shared[object]) return true;
  if (constant_size(s->f, object, &bytes) && bytes <= s->lim->shared_bytes) {
    unsigned need = ((unsigned)bytes + 63u) & ~63u;
    if (s->shared + need <= LAUNCH_OWN_SHARED) {
      s->shared += need;
      s->p->shared[object] = 1;
      return true;
    }
    if (s->staged + bytes + LAUNCH_ALIGN + LAUNCH_OWN_SHARED <= s->lim->shared_bytes && ask_for(s, object, bytes))
      return true;
  }
  return add_buffer(s, object, (int)kernel);
}

/* Staged buffers and tiles of warp groups first: only they cannot lie elsewhere. */
static bool stages_inside(struct split *s, const struct lstmt *x) {
  if (!x) return true;
  const struct object *o = x->kind == L_ALLOC ? &s->f->object[x->id] : NULL;
  if (o && (o->stages > 1 || o->panel_rows) && !s->p->shared[x->id] && !place_staged(s, x->id)) return false;
  for (uint32_t i = 0; i < x->nbody; i++)
    if (!stages_inside(s, x->body[i])) return false;
  return true;
}

static bool buffers_inside(struct split *s, const struct lstmt *x, unsigned kernel) {
  if (!x) return true;
  if (x->kind == L_WHILE) return refuse(s, "a loop that counts nothing cannot run in blocks of threads");
  if (x->kind == L_ALLOC && s->f->object[x->id].scope != SCOPE_REG && !place_inside(s, x->id, kernel)) return false;
  for (uint32_t i = 0; i < x->nbody; i++)
    if (!buffers_inside(s, x->body[i], kernel)) return false;
  return true;
}

/* ---- kernels ---- */

static unsigned widest(const struct lstmt *s) {
  unsigned n = s->kind == L_FOR && s->fkind == F_VECTOR ? 1u << (s->lanes_log2 + s->digit) : 1;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && widest(s->body[i]) > n) n = widest(s->body[i]);
  return n;
}

/* FUNCTION_kN; PTX has no dots in names. */
static const char *kernel_name(struct split *s) {
  char *name = arena_printf(s->a, "%s_k%u", s->f->name, s->p->nkernel);
  for (char *c = name; *c; c++)
    if (*c == '.') *c = '_';
  return name;
}

/* ---- tensor maps ---- */

struct boxing { /* from the copying's first statement inwards */
  struct arena *a;
  const struct launch_plan *p;
  unsigned object, n;
  const struct lstmt *loop[32], *together;
  struct launch_map *out;
};

static bool mono_has(const struct mono *t, sym_t s) {
  for (unsigned j = 0; j < t->n; j++)
    if (t->sym[j] == s) return true;
  return false;
}

/* Is it a loop of the copying that begins at 0 and has that one iteration? */
static bool stands_at_zero(const struct boxing *x, sym_t s) {
  int64_t lo, hi;
  for (unsigned i = 0; i < x->n; i++) {
    const struct lstmt *l = x->loop[i];
    if (l->sym == s)
      return l->nlo && poly_is_const(l->lo[0], &lo) && !lo && l->nhi && poly_is_const(l->hi[0], &hi) && hi > 0 &&
             hi <= l->step;
  }
  return false;
}

/* Where the loop ends at the latest: the least of its bounds that can be told. */
static bool loop_end(const struct boxing *x, const struct lstmt *s, int64_t *out) {
  bool known = false;
  for (unsigned i = 0; i < s->nhi; i++) {
    int64_t at = 0;
    bool all = true;
    for (uint32_t m = 0; m < s->hi[i]->n; m++) {
      const struct mono *t = &s->hi[i]->mono[m];
      if (!t->n)
        at = t->coef;
      else
        all &= t->n == 1 && stands_at_zero(x, t->sym[0]);
    }
    if (!all || (known && at >= *out)) continue;
    known = true, *out = at;
  }
  return known && *out > 0;
}

/* The furthest that the subscript gets from where all loops begin; -1: it cannot be told. */
static int64_t box_span(const struct boxing *x, poly_t ix) {
  int64_t span = 0, hi = 0, lo, c;
  for (unsigned i = 0; i < x->n; i++) {
    const struct lstmt *s = x->loop[i];
    bool known = s->nlo && poly_is_const(s->lo[0], &lo) && !lo && loop_end(x, s, &hi);
    for (uint32_t m = 0; m < ix->n; m++) {
      const struct mono *t = &ix->mono[m];
      if (!mono_has(t, s->sym)) continue;
      if (!known || t->n != 1 || __builtin_mul_overflow(t->coef, (hi - 1) / s->step * s->step, &c) || c < 0) return -1;
      if (__builtin_add_overflow(span, c, &span)) return -1;
    }
  }
  return span < 1 << 16 ? span : -1;
}

/* Rows begin at 16 bytes where arrays do and the dims that rows are long by are multiples of 16 bytes. */
static bool rows_aligned(const struct launch_plan *p, unsigned tensor, struct arena *a) {
  const struct object *o = &p->f->object[tensor];
  int64_t size = (int64_t)type_size((enum dtype)o->type);
  poly_t stride = poly_const(a, 1), row = NULL;
  for (unsigned d = o->rank; d-- > 0;) {
    poly_t s = o->stride ? o->stride[d] : stride;
    if (d + 2u == o->rank) row = s;
    for (uint32_t i = 0; i < s->n && d + 1u < o->rank; i++) {
      bool known = s->mono[i].n ? false : s->mono[i].coef * size % 16 == 0;
      for (unsigned j = 0; j < s->mono[i].n; j++)
        for (uint32_t k = 0; k < row->n; k++) known |= mono_has(&row->mono[k], s->mono[i].sym[j]);
      if (!known) return false;
    }
    if (o->stride && d + 1u == o->rank && !poly_eq(s, poly_const(a, 1))) return false;
    if (d && !o->stride) stride = poly_mul(a, stride, o->extent[d]);
  }
  return true;
}

/* Blocks of a cluster that read the same bring a part of the rows each: whole repeats of the pattern. */
static void share_box(const struct boxing *x, const struct access *from) {
  enum { PATTERN_ROWS = 8 };
  const struct lstmt *s = x->together;
  if (!s || x->p->f->object[x->object].panel_rows % (PATTERN_ROWS * s->cluster)) return;
  for (unsigned d = 0; d < from->rank; d++)
    if (poly_has(from->ix[d].poly, s->sym)) return;
  x->out->share = s->cluster;
  x->out->box[x->out->tall] /= s->cluster;
}

/* One dimension is the panels' rows, the last one their columns, the others stand still. */
static bool box_of(const struct boxing *x, const struct access *from) {
  const struct lfunc *f = x->p->f;
  const struct object *o = &f->object[x->object];
  uint32_t wide = (uint32_t)(PANEL_BYTES / type_size((enum dtype)o->type));
  unsigned tall = 0;
  if (f->object[from->tensor].scope != SCOPE_ARG || from->rank < 2 || from->rank > LAUNCH_RANK) return false;
  for (unsigned d = 0; d < from->rank; d++)
    if (from->ix[d].dyn || !f->object[from->tensor].extent[d]) return false;
  if (!rows_aligned(x->p, from->tensor, x->a)) return false;
  *x->out = (struct launch_map){.object = (uint16_t)x->object, .tensor = from->tensor};
  for (unsigned d = 0; d < from->rank; d++) {
    int64_t span = box_span(x, from->ix[d].poly);
    bool last = d + 1u == from->rank;
    if (span < 0 || (last && span + 1 != o->panel_cols) || (!last && span && span + 1 != o->panel_rows)) return false;
    tall += !last && span;
    if (!last && span) x->out->tall = from->rank - 1u - d;
    x->out->box[from->rank - 1u - d] = last ? wide : (uint32_t)span + 1;
  }
  if (tall != 1 || o->panel_rows > 256) return false;
  share_box(x, from);
  return true;
}

static bool find_box(struct boxing *x, const struct lstmt *s) {
  if (!s) return false;
  if (s->kind == L_STORE) return s->acc->tensor == x->object && s->value->kind == E_READ && box_of(x, s->value->acc);
  bool loop = s->kind == L_FOR;
  if (loop && x->n == sizeof x->loop / sizeof *x->loop) return false;
  if (loop) x->loop[x->n++] = s;
  bool found = false;
  for (uint32_t i = 0; i < s->nbody && !found; i++) found = find_box(x, s->body[i]);
  if (loop) x->n--;
  return found;
}

static void find_stores(const struct lfunc *f, const struct lstmt *s, uint8_t *objects, bool *other) {
  if (s->kind == L_STORE) {
    const struct object *o = &f->object[s->acc->tensor];
    *other |= !o->tma || o->stages < 2;
    objects[s->acc->tensor] = 1;
  }
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) find_stores(f, s->body[i], objects, other);
}

/* The copying that may run ahead of the rest of the loop's body. */
static const struct lstmt *first_of(const struct lstmt *s) {
  const struct lstmt *body = s->kind == L_FOR && s->fkind == F_SERIAL && s->nbody ? s->body[0] : NULL;
  return body && body->kind == L_BLOCK && body->nbody > 1 ? body->body[0] : NULL;
}

bool launch_ring(const struct launch_plan *p, const struct lstmt *s, uint8_t *objects, unsigned *stages) {
  const struct lstmt *first = first_of(s);
  bool other = false;
  if (!first) return false;
  memset(objects, 0, p->f->nobject);
  find_stores(p->f, first, objects, &other);
  *stages = 0;
  for (unsigned i = 0; i < p->f->nobject && !other; i++) {
    bool map = false;
    if (!objects[i]) continue;
    for (unsigned m = 0; m < p->nmap; m++) map |= p->map[m].object == i;
    if (!map || !p->shared[i] || (*stages && *stages != p->f->object[i].stages)) return false;
    *stages = p->f->object[i].stages;
  }
  return !other && *stages > 1;
}

/* Maps of all loops of the kernel that can have them. *rings: there is such a loop. */
static void find_maps(struct split *s, const struct lstmt *x, bool *rings) {
  const struct lfunc *f = s->f;
  const struct lstmt *first = first_of(x);
  unsigned stages;
  for (unsigned i = 0; i < f->nobject && first; i++) {
    bool known = false;
    for (unsigned m = 0; m < s->p->nmap; m++) known |= s->p->map[m].object == i;
    if (known || s->p->nmap == LAUNCH_MAPS || !f->object[i].tma || !s->p->shared[i]) continue;
    struct boxing b = {.a = s->a, .p = s->p, .object = i, .together = s->together, .out = &s->p->map[s->p->nmap]};
    if (find_box(&b, first)) s->p->nmap++;
  }
  if (first) *rings |= launch_ring(s->p, x, arena_alloc(s->a, f->nobject + 1u), &stages);
  for (uint32_t i = 0; i < x->nbody; i++)
    if (x->body[i]) find_maps(s, x->body[i], rings);
}

/* Tiles that go out by boxes: nests that copy such a one to a tensor. */
static bool find_out_box(struct boxing *x, const struct lstmt *s) {
  if (s->kind == L_STORE)
    return s->red == RED_none && s->value->kind == E_READ && s->value->acc->tensor == x->object && box_of(x, s->acc);
  if (s->kind != L_FOR || !s->nbody || !s->body[0] || x->n == sizeof x->loop / sizeof *x->loop) return false;
  x->loop[x->n++] = s;
  return find_out_box(x, s->body[0]);
}

static void find_out_maps(struct split *s, const struct lstmt *x) {
  const struct lstmt *st = x;
  while (st->kind == L_FOR && st->nbody && st->body[0]) st = st->body[0];
  unsigned from = st->kind == L_STORE && st->value->kind == E_READ ? st->value->acc->tensor : UINT16_MAX;
  const struct object *o = from < s->f->nobject ? &s->f->object[from] : NULL;
  if (o && o->panel_rows && !o->stages && x->kind == L_FOR && s->p->shared[from] && s->p->nmap < LAUNCH_MAPS) {
    struct boxing b = {.a = s->a, .p = s->p, .object = from, .out = &s->p->map[s->p->nmap]};
    if (find_out_box(&b, x)) s->p->nmap++;
    return;
  }
  for (uint32_t i = 0; i < x->nbody; i++)
    if (x->body[i]) find_out_maps(s, x->body[i]);
}

/* They are few bytes: no launch need ask for them. */
static void own_stages(struct split *s, const struct lstmt *x) {
  if (!x) return;
  if (x->kind == L_ALLOC) s->p->dynamic[x->id] = -1;
  for (uint32_t i = 0; i < x->nbody; i++) own_stages(s, x->body[i]);
}

/* A parallel loop, or one of a single iteration around such ones. */
static bool in_grid(const struct lstmt *x) {
  int64_t lo, hi;
  if (x->kind != L_FOR || !x->nbody || !x->body[0]) return false;
  if (x->fkind == F_PARALLEL) return true;
  return x->fkind == F_SERIAL && x->nlo == 1 && x->nhi == 1 && poly_is_const(x->lo[0], &lo) &&
         poly_is_const(x->hi[0], &hi) && lo < hi && hi - lo <= x->step && has_parallel(x->body[0]);
}

static bool add_kernel(struct split *s, const struct lstmt *x) {
  struct launch_plan *p = s->p;
  if (p->nkernel == LAUNCH_KERNELS) return refuse(s, "too many kernels");
  struct launch_kernel *k = &p->kernel[p->nkernel];
  *k = (struct launch_kernel){.name = kernel_name(s)};
  while (k->nloop < LAUNCH_LOOPS && in_grid(x) && all_over_dims(s->f, x->lo, x->nlo) &&
         all_over_dims(s->f, x->hi, x->nhi)) {
    k->loop[k->nloop++] = x;
    x = x->body[0];
  }
  k->body = x;
  k->most = k->nloop ? k->loop[0]->persist : 0;
  k->threads = (widest(x) + 31u) & ~31u;
  if (k->threads > LAUNCH_THREADS) return refuse(s, "a vector has more lanes than a block has threads");
  s->together = NULL;
  s->shared = 2048; /* reductions across the block */
  s->staged = 0;
  if (!stages_inside(s, x) || !buffers_inside(s, x, p->nkernel)) return false;
  if (s->shared + s->staged > s->lim->shared_bytes)
    return refuse(s, "the buffers of a block do not fit into shared memory");
  bool rings = false;
  unsigned maps = p->nmap;
  for (unsigned i = 0; i < k->nloop; i++)
    if (k->loop[i]->cluster > 1) s->together = k->loop[i];
  k->workers = k->threads;
  find_maps(s, x, &rings);
  if (rings && k->threads % LAUNCH_GROUP == 0 && k->threads + LAUNCH_GROUP <= LAUNCH_THREADS)
    k->threads += LAUNCH_GROUP;
  for (unsigned i = maps; i < p->nmap && k->threads > k->workers; i++)
    if (p->map[i].share) k->cluster = p->map[i].share;
  if (k->threads > k->workers) find_out_maps(s, x);
  if (s->shared + s->staged > LAUNCH_OWN_SHARED)
    k->dynamic = s->staged;
  else
    own_stages(s, x);
  p->nkernel++;
  return true;
}

static bool walk(struct split *s, const struct lstmt *x) {
  if (!x) return true;
  if (x->kind == L_BLOCK) {
    for (uint32_t i = 0; i < x->nbody; i++)
      if (!walk(s, x->body[i])) return false;
    return true;
  }
  if (x->kind == L_ALLOC && s->f->object[x->id].scope != SCOPE_REG && has_parallel(x))
    return add_buffer(s, x->id, -1) && (!x->nbody || walk(s, x->body[0]));
  return add_kernel(s, x);
}

enum status launch_plan_make(struct arena *a, const struct lfunc *f, const struct limits *lim, struct launch_plan *out,
                             const char **why) {
  *out = (struct launch_plan){.f = f};
  out->kernel = ARENA_NEW(a, struct launch_kernel, LAUNCH_KERNELS);
  out->buffer = ARENA_NEW(a, struct launch_buffer, f->nobject + 1);
  out->shared = ARENA_NEW(a, uint8_t, f->nobject + 1);
  out->dynamic = ARENA_NEW(a, int32_t, f->nobject + 1);
  for (unsigned i = 0; i < f->nobject; i++) out->dynamic[i] = -1;
  struct split s = {.a = a, .f = f, .lim = lim, .p = out};
  if (walk(&s, f->body)) return ST_OK;
  *why = s.why;
  return ST_INFEASIBLE;
}

/* ---- at launch ---- */

static bool loop_count(const struct lstmt *s, const int64_t *dim, int64_t *out) {
  int64_t lo = INT64_MIN, hi = INT64_MAX, x, span;
  for (unsigned i = 0; i < s->nlo; i++) {
    if (!poly_eval(s->lo[i], dim, &x)) return false;
    if (x > lo) lo = x;
  }
  for (unsigned i = 0; i < s->nhi; i++) {
    if (!poly_eval(s->hi[i], dim, &x)) return false;
    if (x < hi) hi = x;
  }
  if (hi <= lo) {
    *out = s->once ? 1 : 0;
    return true;
  }
  if (__builtin_sub_overflow(hi, lo, &span)) return false;
  *out = (span - 1) / s->step + 1;
  return true;
}

int64_t launch_blocks(const struct launch_plan *p, unsigned kernel, const int64_t *dim) {
  const struct launch_kernel *k = &p->kernel[kernel];
  int64_t n = 1, c;
  for (unsigned i = 0; i < k->nloop; i++)
    if (!loop_count(k->loop[i], dim, &c) || !times(n, c, &n)) return -1;
  return k->most && n > k->most ? k->most : n;
}

int64_t launch_bytes(const struct launch_plan *p, unsigned buffer, const int64_t *dim) {
  int64_t bytes;
  if (!object_size(p->f, p->buffer[buffer].object, dim, &bytes)) return -1;
  return bytes <= INT64_MAX - 63 ? (bytes + 63) & ~INT64_C(63) : -1;
}
