/* Matrix instructions of a warp group (sm_90a): wgmma of 64 rows, up to 256 columns and 32 bytes of the sum. Its sums
   lie in registers as the LOOP has them: rows on 8 threads (twice) of four warps, columns on 4 threads in pieces of 2.
   The operands are tiles in shared memory in panels (ir/loop.h), along the sum or across it, and are named by
   descriptors. One instruction does the work of all iterations of the unrolled loops around the sub loop: the first of
   them makes it. It runs on until something else wants its sums, or a barrier comes: then all that were begun are
   waited for. Around a loop that does nothing else those of one iteration run on into the next (simt_tma.c). LLVM 22
   has no intrinsic for it, so it is inline assembly whose sums are tied: nothing can use them before the wait. */
#include "codegen/emit/build.h"
#include "ir/buf.h"
#include "ir/dot.h"
#include <string.h>

enum { GROUP = 128, ROWS = 64, WARP_ROWS = 16, WARPS = 4, COLUMNS = 256, STEP_BYTES = 32, SHARED_SPACE = 3 };
enum { STRIDE_SHIFT = 32, LEAD_SHIFT = 16, UNIT = 16, GROUP_BYTES = 1024 };

enum { STEPS_MOST = 16 }; /* of the sum in one sub loop: a factor in registers has as many fragments */

struct side {              /* an operand */
  const struct held *held; /* it lies in registers; NULL: in panels */
  const struct access *acc;
  poly_t at;   /* in bytes of the panels: where the instruction begins */
  bool turned; /* contiguous across the sum */
  bool first;  /* this is the first of the iterations that the instruction does */
  sym_t again; /* the unrolled loop that walks groups of 8; SYM_NONE: there is one group */
  sym_t piece; /* columns: the one that walks the pieces */
};

static const struct digit *digit_at(const struct fn *f, unsigned at, unsigned least) {
  for (unsigned i = 0; i < f->simt->nopen; i++)
    if (f->simt->open[i].at == at && f->simt->open[i].bits >= least) return &f->simt->open[i];
  return NULL;
}

/* The warps behind the threads of a warp: those of rows, then those of columns. */
static const struct digit *warps_of(const struct fn *f, unsigned at) {
  for (unsigned i = 0; i < f->simt->nopen; i++)
    if (f->simt->open[i].at == at) return &f->simt->open[i];
  return NULL;
}

/* The unrolled loop that moves the subscript by `step`. */
static sym_t unrolled_by(struct fn *f, poly_t ix, int64_t step) {
  for (uint32_t i = 0; i < ix->n; i++) {
    const struct mono *m = &ix->mono[i];
    if (m->n == 1 && m->coef == step && f->env[m->sym[0]] && poly_is_const(f->env[m->sym[0]], NULL)) return m->sym[0];
  }
  return SYM_NONE;
}

/* Where an unrolled loop is; 0: there is none. */
static int64_t count_at(struct fn *f, sym_t s) {
  int64_t c = 0;
  return s != SYM_NONE && poly_is_const(f->env[s], &c) ? c : 0;
}

/* p = coef * s + rest with that coefficient: rest to *p. */
static bool take_out(struct fn *f, poly_t *p, sym_t s, int64_t coef) {
  poly_t k, rest;
  int64_t c;
  if (!poly_split(f->m->arena, *p, s, &k, &rest) || !poly_is_const(k, &c) || c != coef) return false;
  *p = rest;
  return true;
}

/* p / d where that is a polynomial. */
static poly_t quotient(struct fn *f, poly_t p, int64_t d) {
  struct poly *q = arena_dup(f->m->arena, p, sizeof *q + p->n * sizeof q->mono[0]);
  for (uint32_t i = 0; i < q->n; i++) {
    if (q->mono[i].coef % d) return NULL;
    q->mono[i].coef /= d;
  }
  return q;
}

/* Bytes from the first to the one at row `row` and element `col` of it. */
static poly_t panel_offset(struct fn *f, const struct object *o, poly_t row, poly_t col) {
  int64_t size = (int64_t)type_size((enum dtype)o->type), each = PANEL_BYTES / size, c;
  poly_t down = poly_scale(f->m->arena, row, PANEL_BYTES), panel;
  if (poly_is_const(col, &c)) {
    int64_t at = c / each * o->panel_rows * PANEL_BYTES + c % each * size;
    return poly_addc(f->m->arena, down, at);
  }
  if (o->panel_cols == each) return poly_add(f->m->arena, down, poly_scale(f->m->arena, col, size));
  if (!(panel = quotient(f, col, each))) return NULL;
  return poly_add(f->m->arena, down, poly_scale(f->m->arena, panel, (int64_t)o->panel_rows * PANEL_BYTES));
}

/* The subscript of the operand's own axis (the one with the lane) and the others, which walk the sum: as one number. */
static bool split_access(struct fn *f, const struct access *a, sym_t lane, unsigned *own, poly_t *sum) {
  bool found = false;
  *sum = poly_const(f->m->arena, 0);
  for (unsigned d = 0; d < a->rank; d++) {
    if (a->ix[d].dyn || !a->ix[d].poly) return false;
    if (poly_has(a->ix[d].poly, lane)) {
      if (found) return false;
      found = true, *own = d;
    } else {
      *sum = poly_add(f->m->arena, *sum, a->ix[d].poly);
    }
  }
  return found;
}

struct threads {                                       /* the digits of a warp group's threads */
  const struct digit *col, *row, *row_warp, *col_warp; /* col_warp: may be NULL */
  poly_t own_rows, own_cols;                           /* which of the groups' rows and columns are this group's */
};

/* lane: elements that neighbours among the threads are apart; groups: the eight rows or columns that follow. */
static bool side_of(struct fn *f, const struct lstmt *s, const struct access *a, const struct threads *t, bool rows,
                    int64_t stretch, int64_t k, struct side *out) {
  struct arena *ar = f->m->arena;
  const struct object *o = &f->f->object[a->tensor];
  const struct digit *lane = rows ? t->row : t->col, *other = rows ? t->col : t->row,
                     *warp = rows ? t->row_warp : t->col_warp;
  unsigned own = 0;
  poly_t sum, mine;
  int64_t stride;
  *out = (struct side){.acc = a, .again = SYM_NONE, .piece = SYM_NONE};
  if (a->nguard || !o->panel_rows || !f->simt->plan->shared[a->tensor]) return false;
  if (!split_access(f, a, lane->lane, &own, &sum)) return false;
  poly_t ix = a->ix[own].poly;
  out->again = unrolled_by(f, ix, 8);
  if (!rows) out->piece = unrolled_by(f, ix, 1);
  out->first = !count_at(f, out->again) && !count_at(f, out->piece);
  mine = poly_addc(ar, fn_subst(f, ix), -8 * count_at(f, out->again) - count_at(f, out->piece));
  sum = fn_subst(f, sum);
  if (!take_out(f, &mine, lane->lane, rows ? 1 : 2) || poly_has(mine, other->lane)) return false;
  if (warp && poly_has(mine, warp->lane)) {
    if (!take_out(f, &mine, warp->lane, rows ? WARP_ROWS : stretch)) return false;
    mine = poly_add(ar, mine, poly_scale(ar, rows ? t->own_rows : t->own_cols, rows ? ROWS : stretch));
  }
  if (!take_out(f, &sum, s->sym, 1)) return false;
  sum = poly_addc(ar, sum, k);
  if (poly_has(sum, lane->lane) || poly_has(sum, other->lane)) return false;
  poly_t along = object_stride(f, o, own);
  out->turned = poly_is_const(along, &stride) && stride == 1;
  if (!out->turned && (!stride || stride != o->panel_cols)) return false;
  out->at = out->turned ? panel_offset(f, o, sum, mine) : panel_offset(f, o, mine, sum);
  return out->at != NULL;
}

/* ---- descriptors ---- */

/* What is the same for the whole tile: the address of its first byte. */
static struct val tile_address(struct fn *f, unsigned object) {
  struct val base = f->base[object];
  LLVMTypeRef shared = LLVMPointerTypeInContext(f->m->ctx, SHARED_SPACE);
  unsigned lev = place_level(f, base.level);
  place_at(f, lev);
  LLVMValueRef p = LLVMBuildPtrToInt(f->b, LLVMBuildAddrSpaceCast(f->b, base.v, shared, ""), f->m->i64, "");
  place_back(f);
  return mkval(p, lev, DT_i64, 0);
}

static struct val descriptor(struct fn *f, const struct side *x) {
  const struct object *o = &f->f->object[x->acc->tensor];
  poly_t p = x->at;
  int64_t c = 0, lead = x->turned ? (int64_t)o->panel_rows * PANEL_BYTES / UNIT : 1;
  if (p->n && !p->mono[p->n - 1].n) c = p->mono[p->n - 1].coef;
  struct val at = vbin(f, LLVMAdd, tile_address(f, x->acc->tensor), fn_poly(f, poly_addc(f->m->arena, p, -c)), false);
  uint64_t fixed =
      (UINT64_C(1) << 62) | ((uint64_t)(GROUP_BYTES / UNIT) << STRIDE_SHIFT) | ((uint64_t)lead << LEAD_SHIFT);
  at = vbin(f, LLVMOr, vbin(f, LLVMLShr, at, vi64(f, 4), false), vi64(f, (int64_t)fixed), false);
  return vbin(f, LLVMAdd, at, vi64(f, c / UNIT), false);
}

/* ---- the instruction ---- */

struct sums {
  const struct access *acc, *a, *b; /* and the operands of rows and columns */
  const struct side *rows, *cols;
  unsigned groups; /* of 8 columns */
};

/* Register i of the thread: columns in groups of 8; of each rows 0-7 and 8-15, two columns of each. */
static void set_place(struct fn *f, const struct sums *x, unsigned i) {
  struct arena *a = f->m->arena;
  if (x->cols->again != SYM_NONE) f->env[x->cols->again] = poly_const(a, i / 4);
  f->env[x->rows->again] = poly_const(a, i / 2 % 2);
  f->env[x->cols->piece] = poly_const(a, i % 2);
}

static const char *word_of(enum dtype t) {
  return t == DT_i8 ? "s8" : t == DT_u8 ? "u8" : type_is_float(t) && type_size(t) <= 2 ? type_name(t) : NULL;
}

static LLVMTypeRef sums_type(struct module *m, LLVMTypeRef each, unsigned n) {
  LLVMTypeRef *t = ARENA_NEW(m->arena, LLVMTypeRef, n);
  for (unsigned i = 0; i < n; i++) t[i] = each;
  return LLVMStructTypeInContext(m->ctx, t, n, 0);
}

/* Assembly whose n first operands are results and arguments at once; out: the results. */
static void tied_asm(struct fn *f, const char *text, LLVMValueRef *arg, unsigned n, unsigned more, const char *rest,
                     LLVMValueRef *out) {
  struct module *m = f->m;
  LLVMTypeRef each = LLVMTypeOf(arg[0]), *in = ARENA_NEW(m->arena, LLVMTypeRef, n + more);
  struct buf c;
  buf_init(&c);
  for (unsigned i = 0; i < n; i++) buf_printf(&c, "%s=%c", i ? "," : "", each == m->f32 ? 'f' : 'r');
  for (unsigned i = 0; i < n; i++) buf_printf(&c, ",%u", i);
  buf_puts(&c, rest);
  for (unsigned i = 0; i < n + more; i++) in[i] = LLVMTypeOf(arg[i]);
  LLVMTypeRef t = LLVMFunctionType(sums_type(m, each, n), in, n + more, 0);
  LLVMValueRef fn = LLVMGetInlineAsm(t, text, strlen(text), c.data, c.len, 1, 0, LLVMInlineAsmDialectATT, 0);
  LLVMValueRef r = LLVMBuildCall2(f->b, t, fn, arg, n + more, "");
  unsigned kind = LLVMGetEnumAttributeKindForName("convergent", 10);
  LLVMAddCallSiteAttribute(r, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, LLVMCreateEnumAttribute(m->ctx, kind, 0));
  for (unsigned i = 0; i < n; i++) out[i] = LLVMBuildExtractValue(f->b, r, i, "");
  buf_free(&c);
}

/* Floats may be negated (they are not), those of 16 bits lie along the sum or across it. */
static void instruction_text(struct buf *out, const struct sums *x, enum dtype a, enum dtype b, bool whole) {
  unsigned n = 4 * x->groups;
  buf_printf(out, "wgmma.mma_async.sync.aligned.m64n%uk%u.%s.%s.%s {", 8 * x->groups,
             STEP_BYTES / (unsigned)type_size(a), whole ? "s32" : "f32", word_of(a), word_of(b));
  for (unsigned i = 0; i < n; i++) buf_printf(out, "%s$%u", i ? ", " : "", i);
  if (x->rows->held)
    buf_printf(out, "}, {$%u, $%u, $%u, $%u}, $%u, $%u, 1, 1, %d", 2 * n, 2 * n + 1, 2 * n + 2, 2 * n + 3, 2 * n + 4,
               2 * n + 5, x->cols->turned);
  else
    buf_printf(out, "}, $%u, $%u, $%u", 2 * n, 2 * n + 1, 2 * n + 2);
  if (!whole && !x->rows->held) buf_puts(out, ", 1, 1");
  if (!x->rows->held && type_size(a) == 2) buf_printf(out, ", %d, %d", x->rows->turned, x->cols->turned);
  buf_puts(out, ";");
}

static void plain_asm(struct fn *f, const char *name) {
  call_intrinsic(f->m, f->b, name, NULL, 0, NULL, 0);
}

static bool is_pending(const struct simt *s, unsigned object) {
  for (unsigned i = 0; i < s->npending; i++)
    if (s->pending[i] == object) return true;
  return false;
}

static void begin(struct fn *f, unsigned object) {
  struct simt *s = f->simt;
  if (is_pending(s, object)) return;
  if (s->npending == PENDING_LIMIT) simt_wgmma_wait(f);
  plain_asm(f, "llvm.nvvm.wgmma.fence.sync.aligned");
  s->pending[s->npending++] = object;
}

/* The registers of a factor are there, and stay, from here on. */
static void begin_held(struct fn *f, unsigned object, LLVMValueRef *v, unsigned n) {
  struct simt *s = f->simt;
  if (s->npending == PENDING_LIMIT) simt_wgmma_wait(f);
  tied_asm(f, "wgmma.fence.sync.aligned;", v, n, 0, ",~{memory}", v);
  if (!is_pending(s, object)) s->pending[s->npending++] = object;
}

/* own: the four registers of the rows' fragment; NULL: they are a panel. */
static void multiply(struct fn *f, const struct sums *x, enum dtype sum, const LLVMValueRef *own) {
  unsigned n = 4 * x->groups, m = n;
  LLVMValueRef *v = ARENA_NEW(f->m->arena, LLVMValueRef, n + 6);
  bool whole = sum == DT_i32;
  enum dtype cols = (enum dtype)f->f->object[x->cols->acc->tensor].type;
  struct buf text;
  buf_init(&text);
  enum dtype rows = own ? cols : (enum dtype)f->f->object[x->rows->acc->tensor].type;
  instruction_text(&text, x, rows, cols, whole);
  f->m->mixed |= whole && rows != cols;
  for (unsigned i = 0; i < 4 && own; i++) v[m++] = own[i];
  if (!own) v[m++] = descriptor(f, x->rows).v;
  v[m++] = descriptor(f, x->cols).v;
  v[m++] = LLVMConstInt(f->m->i1, 1, 0);
  f->simt->making = true;
  for (unsigned i = 0; i < n; i++) {
    set_place(f, x, i);
    v[i] = reg_read(f, x->acc).v;
  }
  if (!own) begin(f, x->acc->tensor);
  tied_asm(f, text.data, v, n, m - n, own ? ",r,r,r,r,l,b" : ",l,l,b", v);
  for (unsigned i = 0; i < n; i++) {
    set_place(f, x, i);
    reg_write(f, x->acc, RED_none, mkval(v[i], cur_level(f), sum, 0));
  }
  f->simt->making = false;
  set_place(f, x, 0);
  buf_free(&text);
}

bool simt_wgmma_leave(struct fn *f) {
  struct simt *s = f->simt;
  LLVMValueRef one = LLVMConstInt(f->m->i64, 1, 0);
  if (!s->npending) return false;
  plain_asm(f, "llvm.nvvm.wgmma.commit_group.sync.aligned");
  call_intrinsic(f->m, f->b, "llvm.nvvm.wgmma.wait_group.sync.aligned", NULL, 0, &one, 1);
  memcpy(s->flying, s->pending, sizeof s->flying);
  s->nflying = s->npending;
  s->npending = 0;
  return true;
}

struct simt_group simt_wgmma_commit(struct fn *f) {
  struct simt *s = f->simt;
  struct simt_group g = {.n = s->npending};
  memcpy(g.object, s->pending, sizeof g.object);
  plain_asm(f, "llvm.nvvm.wgmma.commit_group.sync.aligned");
  s->npending = 0;
  return g;
}

void simt_wgmma_behind(struct fn *f, const struct simt_group *first) {
  struct simt *s = f->simt;
  s->behind = simt_wgmma_commit(f);
  memcpy(s->pending, first->object, sizeof s->pending);
  s->npending = first->n;
  s->committed = true;
}

void simt_wgmma_touch(struct fn *f, unsigned object) {
  bool mine = false;
  simt_wgmma_wait(f);
  for (unsigned i = 0; i < f->simt->behind.n; i++) mine |= f->simt->behind.object[i] == object;
  if (mine) simt_wgmma_land_behind(f);
}

void simt_wgmma_land_behind(struct fn *f) {
  struct simt *s = f->simt;
  struct simt_group g = s->behind;
  if (!g.n) return;
  simt_wgmma_wait(f);
  s->behind.n = 0;
  memcpy(s->pending, g.object, sizeof s->pending);
  s->npending = g.n;
  s->committed = true;
  simt_wgmma_wait(f);
}

void simt_wgmma_land(struct fn *f) {
  struct simt *s = f->simt;
  memcpy(s->pending, s->flying, sizeof s->pending);
  s->npending = s->nflying;
  s->nflying = 0;
  s->committed = true;
  simt_wgmma_wait(f);
}

void simt_wgmma_wait(struct fn *f) {
  struct simt *s = f->simt;
  unsigned count = s->npending;
  s->npending = 0;
  for (unsigned p = 0; p < count; p++) {
    unsigned n;
    struct val *slot = reg_slots(f, s->pending[p], &n);
    if (!n) continue;
    LLVMValueRef *v = ARENA_NEW(f->m->arena, LLVMValueRef, n);
    for (unsigned i = 0; i < n; i++) v[i] = slot[i].v;
    if (!p && !s->committed) plain_asm(f, "llvm.nvvm.wgmma.commit_group.sync.aligned");
    const char *wait = s->behind.n ? "wgmma.wait_group.sync.aligned 1;" : "wgmma.wait_group.sync.aligned 0;";
    tied_asm(f, p ? "" : wait, v, n, 0, ",~{memory}", v);
    for (unsigned i = 0; i < n; i++) slot[i] = mkval(v[i], cur_level(f), slot[i].type, 0);
  }
  s->committed = false;
}

/* ---- the form ---- */

static bool panels_inside(const struct fn *f, const struct lstmt *s) {
  if (s->kind == L_ALLOC && f->f->object[s->id].panel_rows) return true;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && panels_inside(f, s->body[i])) return true;
  return false;
}

/* Numbers of the warp group, the same in all its threads and known to be. Symbols of the whole kernel. */
void simt_wgmma_init(struct fn *f) {
  struct module *m = f->m;
  if (!panels_inside(f, f->simt->plan->kernel[f->simt->kernel].body) || f->simt->threads % GROUP) return;
  LLVMValueRef group =
      LLVMBuildTrunc(f->b, LLVMBuildLShr(f->b, f->simt->tid.v, LLVMConstInt(m->i64, 7, 0), ""), m->i32, "");
  LLVMValueRef arg[4] = {LLVMConstInt(m->i32, 0xffffffffu, 0), group, LLVMConstInt(m->i32, 0, 0),
                         LLVMConstInt(m->i32, 31, 0)};
  group = call_intrinsic(m, f->b, "llvm.nvvm.shfl.sync.idx.i32", NULL, 0, arg, 4);
  f->simt->group = mkval(LLVMBuildZExt(f->b, group, m->i64, ""), 0, DT_i64, 0);
  f->simt->own_rows = fresh_sym(f, vi64(f, 0));
  f->simt->own_cols = fresh_sym(f, vi64(f, 0));
}

static bool find_threads(struct fn *f, struct threads *t) {
  struct arena *a = f->m->arena;
  struct simt *s = f->simt;
  *t = (struct threads){.col = digit_at(f, 0, 2), .row = digit_at(f, 2, 3), .row_warp = digit_at(f, 5, 2)};
  if (!t->col || !t->row || !t->row_warp || t->col->bits != 2 || t->row->bits != 3 || s->on.v || !s->group.v)
    return false;
  unsigned above = t->row_warp->bits - 2;
  t->col_warp = warps_of(f, 5 + t->row_warp->bits);
  t->own_rows = t->own_cols = poly_const(a, 0);
  if (above) {
    f->sym[s->own_rows] = vbin(f, LLVMAnd, s->group, vi64(f, (1 << above) - 1), false);
    t->own_rows = poly_sym(a, s->own_rows);
  }
  if (t->col_warp) {
    struct val own = vbin(f, LLVMLShr, s->group, vi64(f, above), false);
    f->sym[s->own_cols] = vbin(f, LLVMAnd, own, vi64(f, (1 << t->col_warp->bits) - 1), false);
    t->own_cols = poly_sym(a, s->own_cols);
  }
  return true;
}

static bool types_ok(enum dtype a, enum dtype b, enum dtype sum) {
  if (sum == DT_f32 && type_computes(a)) return a == b && (a == DT_bf16 || a == DT_f16);
  if (sum == DT_f32) return !type_computes(b);
  return sum == DT_i32 && type_size(a) == 1 && type_size(b) == 1 && word_of(a) && word_of(b);
}

/* The whole sum, an instruction a step; the fragments of a factor in registers first. */
static bool make_all(struct fn *f, const struct lstmt *s, const struct threads *t, struct sums *x, struct side *rows,
                     int64_t steps, int64_t each) {
  LLVMValueRef own[4 * STEPS_MOST];
  struct side cols;
  for (int64_t i = 0; i < steps && rows->held; i++)
    if (!held_fragment(f, rows->held, rows->again, 0, i * each, own + 4 * i)) return false;
  if (rows->held) begin_held(f, x->acc->tensor, own, (unsigned)(4 * steps));
  x->rows = rows, x->cols = &cols;
  enum dtype sum = (enum dtype)f->f->object[x->acc->tensor].type;
  for (int64_t i = 0; i < steps; i++) {
    bool ok = side_of(f, s, x->b, t, false, 8 * (int64_t)x->groups, i * each, &cols);
    if (ok && !rows->held) ok = side_of(f, s, x->a, t, true, 0, i * each, rows);
    if (!ok) emit_fail(f->m, "internal: a tile of a warp group lies otherwise from step to step");
    if (f->m->fail) return true;
    multiply(f, x, sum, rows->held ? own + 4 * i : NULL);
  }
  return true;
}

/* Rows of sums lie on the threads as those of the factor do. */
static bool held_rows(struct fn *f, const struct held *h, const struct threads *t, struct side *out) {
  *out = (struct side){.held = h, .acc = h->acc, .again = SYM_NONE, .piece = SYM_NONE};
  for (unsigned d = 0; d < h->acc->rank && out->again == SYM_NONE; d++)
    if (poly_has(h->acc->ix[d].poly, t->row->lane)) out->again = unrolled_by(f, h->acc->ix[d].poly, 8);
  out->first = !count_at(f, out->again);
  return out->again != SYM_NONE;
}

bool simt_wgmma(struct fn *f, const struct lstmt *s, const struct lstmt *st) {
  struct dot d;
  struct held h;
  struct threads t;
  struct side rows, cols;
  int64_t n;
  enum dtype sum = (enum dtype)f->f->object[st->acc->tensor].type;
  if (st->red != RED_sum || st->acc->nguard || s->nhi != 1 || !in_registers(f, st->acc->tensor)) return false;
  bool held = dot_mixed(st->value, &d);
  if ((!held && !dot_of(st->value, &d)) || d.alone || d.shifted || !poly_is_const(s->hi[0], &n) || !find_threads(f, &t))
    return false;
  const struct access *a = d.a->acc, *b = d.b->acc;
  if (!held && !poly_has(fn_subst(f, access_poly(f, a)), t.row->lane)) a = d.b->acc, b = d.a->acc;
  enum dtype tb = (enum dtype)f->f->object[b->tensor].type, ta = held ? tb : (enum dtype)f->f->object[a->tensor].type;
  int64_t each = STEP_BYTES / (int64_t)type_size(ta);
  if (!types_ok(ta, tb, sum) || n % each || n / each > STEPS_MOST) return false;
  sym_t again = SYM_NONE;
  for (unsigned i = 0; i < b->rank && again == SYM_NONE; i++)
    if (b->ix[i].poly && poly_has(b->ix[i].poly, t.col->lane)) again = unrolled_by(f, b->ix[i].poly, 8);
  unsigned groups = again == SYM_NONE ? 1 : reg_steps(f, st->acc, again);
  if (!groups || 8 * groups > COLUMNS) return false;
  if (held ? !held_find(f, s, &d, &h) || !held_rows(f, &h, &t, &rows) : !side_of(f, s, a, &t, true, 0, 0, &rows))
    return false;
  if (!side_of(f, s, b, &t, false, 8 * (int64_t)groups, 0, &cols)) return false;
  if (rows.again == SYM_NONE || reg_steps(f, st->acc, rows.again) != 2 || cols.piece == SYM_NONE) return false;
  if (type_size(ta) == 1 && (rows.turned || cols.turned)) return false;
  struct sums x = {st->acc, a, b, &rows, &cols, groups};
  return !rows.first || !cols.first || make_all(f, s, &t, &x, &rows, n / each, each);
}
