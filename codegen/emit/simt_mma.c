/* Matrix instructions of a warp: mma.sync of 16-bit and 8-bit floats, tf32 and f64, and of 8-bit integers. Its sums lie
   in registers as the LOOP has them: rows on 8 threads (twice, but for f64), columns on 4 threads in pieces of 2. The
   operands are panels in shared memory, [row][k] or [k][row] (and so for columns). ldmatrix brings fragments of the
   first kind, of 16-bit elements turned those of the second, too; wider elements of the second kind are loaded one by
   one. One instruction does the work of the two or four iterations of the unrolled loops around the sub loop: the first
   of them makes it, the others find it done. */
#include "codegen/emit/build.h"
#include <stdio.h>

enum { ROWS = 8, SHARED_SPACE = 3, KEY_FRAGMENT = 940, LDMATRIX_BYTES = 16, FRAGMENT_MAX = 4 };

struct panel {
  unsigned object;
  enum dtype type;
  poly_t at;           /* of the fragment's first element, substituted */
  int64_t next, along; /* elements from one row (column) to the next, and from one k to the next */
  int64_t now;         /* where `again` is */
  sym_t again;         /* rows: the unrolled loop that walks 8 at a time; columns: the one that walks the piece */
  unsigned regs, rows; /* of a fragment: registers; times that 8 rows are in it */
};

struct product {
  struct dot d;
  struct mma_form form;
  struct panel rows, cols;
  struct held held; /* rows that lie in registers; .acc NULL: in a panel */
};

/* The unrolled loop that moves the access by `step` elements in the subscript that names the lane; SYM_NONE: none. */
static sym_t unrolled_by(struct fn *f, const struct access *a, sym_t lane, int64_t step) {
  for (unsigned d = 0; d < a->rank; d++) {
    if (!a->ix[d].poly || !poly_has(a->ix[d].poly, lane)) continue;
    for (uint32_t i = 0; i < a->ix[d].poly->n; i++) {
      const struct mono *m = &a->ix[d].poly->mono[i];
      if (m->n == 1 && m->coef == step && f->env[m->sym[0]] && poly_is_const(f->env[m->sym[0]], NULL)) return m->sym[0];
    }
  }
  return SYM_NONE;
}

static const struct digit *digit_at(const struct fn *f, unsigned at, unsigned bits) {
  for (unsigned i = 0; i < f->simt->nopen; i++)
    if (f->simt->open[i].at == at && f->simt->open[i].bits == bits) return &f->simt->open[i];
  return NULL;
}

/* own: the digit that walks the panel, `each` elements a thread; other: the digit that must not. */
static bool panel_of(struct fn *f, const struct lstmt *s, const struct access *a, const struct digit *own,
                     const struct digit *other, int64_t each, struct panel *out) {
  poly_t p, coef, rest;
  int64_t c;
  out->object = a->tensor;
  out->type = (enum dtype)f->f->object[a->tensor].type;
  if (a->nguard || !f->simt->plan->shared[a->tensor] || f->f->object[a->tensor].panel_rows) return false;
  for (unsigned d = 0; d < a->rank; d++)
    if (a->ix[d].dyn) return false;
  bool many = own->at == 0 || out->rows > 1;
  out->again = many ? unrolled_by(f, a, own->lane, own->at ? ROWS : 1) : SYM_NONE;
  if (many && out->again == SYM_NONE) return false;
  poly_t was = many ? f->env[out->again] : NULL;
  if (many && !poly_is_const(was, &out->now)) return false;
  /* the panel is that of the first of the iterations that one instruction does */
  if (many) f->env[out->again] = poly_addc(f->m->arena, was, -(out->now % 2));
  p = fn_subst(f, access_poly(f, a));
  if (many) f->env[out->again] = was;
  if (!poly_split(f->m->arena, p, s->sym, &coef, &rest) || !poly_is_const(coef, &out->along)) return false;
  if (poly_has(rest, other->lane)) return false;
  if (!poly_split(f->m->arena, rest, own->lane, &coef, &out->at) || !poly_is_const(coef, &c) || c % each) return false;
  out->next = c / each;
  return true;
}

/* ---- fragments ---- */

/* What a thread of a warp adds to addresses. Symbols of the whole kernel: numbers of symbols made inside would be used
   again, for other values. */
void simt_mma_init(struct fn *f) {
  struct simt *s = f->simt;
  struct val lane = vbin(f, LLVMAnd, s->tid, vi64(f, 31), false), high = vbin(f, LLVMLShr, lane, vi64(f, 3), false);
  s->mma_row = fresh_sym(f, vbin(f, LLVMAnd, lane, vi64(f, 7), false));
  s->mma_odd = fresh_sym(f, vbin(f, LLVMAnd, high, vi64(f, 1), false));
  s->mma_half = fresh_sym(f, vbin(f, LLVMLShr, high, vi64(f, 1), false));
  s->mma_group = fresh_sym(f, vbin(f, LLVMLShr, lane, vi64(f, 2), false));
  s->mma_word = fresh_sym(f, vbin(f, LLVMAnd, lane, vi64(f, 3), false));
}

static poly_t step_by(struct fn *f, poly_t at, sym_t s, int64_t by) {
  return poly_add(f->m->arena, at, poly_scale(f->m->arena, poly_sym(f->m->arena, s), by));
}

static LLVMValueRef shared_address(struct fn *f, const struct panel *p, poly_t at) {
  int64_t disp;
  struct spot s = {.at = fn_address(f, f->base[p->object], at, (unsigned)type_size(p->type), &disp)};
  s.disp = disp;
  LLVMTypeRef shared = LLVMPointerTypeInContext(f->m->ctx, SHARED_SPACE);
  return LLVMBuildAddrSpaceCast(f->b, spot_address(f, &s), shared, "");
}

/* Rows of 16 bytes that all start at such a boundary. */
static bool in_chunks(struct fn *f, const struct panel *p) {
  int64_t chunk = LDMATRIX_BYTES / (int64_t)type_size(p->type), far = p->along == 1 ? p->next : p->along;
  if (type_size(p->type) > 4 || (p->along != 1 && (p->next != 1 || type_size(p->type) != 2))) return false;
  return far % chunk == 0 && poly_divisor(f, p->at) % chunk == 0;
}

/* Matrix q of four comes from the rows whose addresses threads 8q.. have: of rows, 0-7 and 8-15 at the first half of k,
   then at the second; of columns, the first half of k and the second. */
static void load_matrices(struct fn *f, const struct panel *p, LLVMValueRef *out) {
  const struct simt *s = f->simt;
  int64_t half = LDMATRIX_BYTES / (int64_t)type_size(p->type);
  bool turned = p->along != 1;
  poly_t at = step_by(f, p->at, s->mma_row, turned ? p->along : p->next);
  if (p->rows > 1) at = step_by(f, at, s->mma_odd, p->next * ROWS);
  at = step_by(f, at, p->rows > 1 ? s->mma_half : s->mma_odd, p->along * half);
  LLVMValueRef addr = shared_address(f, p, at);
  LLVMTypeRef space = LLVMTypeOf(addr);
  char name[64];
  snprintf(name, sizeof name, "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x%u%s.b16", p->regs, turned ? ".trans" : "");
  LLVMValueRef r = call_intrinsic(f->m, f->b, name, &space, 1, &addr, 1);
  for (unsigned i = 0; i < p->regs; i++) out[i] = LLVMBuildExtractValue(f->b, r, i, "");
}

/* Elements of 4 or 8 bytes: register i is that of row thread / 4, k thread % 4, of the next 8 rows, then 4 k further.
 */
static void load_words(struct fn *f, const struct panel *p, LLVMValueRef *out) {
  const struct simt *s = f->simt;
  poly_t at = step_by(f, step_by(f, p->at, s->mma_group, p->next), s->mma_word, p->along);
  for (unsigned i = 0; i < p->regs; i++) {
    int64_t move = p->next * ROWS * (i % p->rows) + p->along * 4 * (i / p->rows);
    LLVMTypeRef t = p->type == DT_f64 ? f->m->f64 : f->m->i32;
    out[i] = LLVMBuildLoad2(f->b, t, shared_address(f, p, poly_addc(f->m->arena, at, move)), "");
    LLVMSetAlignment(out[i], (unsigned)type_size(p->type));
  }
}

static LLVMValueRef to_tf32(struct fn *f, LLVMValueRef x) {
  LLVMValueRef v = LLVMBuildBitCast(f->b, x, f->m->f32, "");
  return call_intrinsic(f->m, f->b, "llvm.nvvm.f2tf32.rna", NULL, 0, &v, 1);
}

static void load_fragment(struct fn *f, const struct panel *p, LLVMValueRef *out) {
  if (in_chunks(f, p))
    load_matrices(f, p, out);
  else
    load_words(f, p, out);
  for (unsigned i = 0; i < p->regs && p->type == DT_f32; i++) out[i] = to_tf32(f, out[i]);
}

/* Loaded once for all instructions that use it. */
static void fragment(struct fn *f, const struct panel *p, LLVMValueRef *out) {
  bool kept = true;
  struct val v;
  unsigned key = KEY_FRAGMENT + p->rows * FRAGMENT_MAX;
  for (unsigned i = 0; i < p->regs; i++) {
    kept &= cache_get(f, key + i, f->base[p->object].v, f->simt->plan, p->at, &v);
    out[i] = v.v;
  }
  if (kept) return;
  load_fragment(f, p, out);
  for (unsigned i = 0; i < p->regs; i++)
    cache_put_load(f, key + i, f->base[p->object].v, f->simt->plan, p->at, mkval(out[i], cur_level(f), DT_u32, 0),
                   p->object);
}

/* ---- the instruction ---- */

static const char *instruction(const struct product *x) {
  static const char *const bytes[2][2] = {
      {"llvm.nvvm.mma.m16n8k32.row.col.f32.e4m3.e4m3.f32", "llvm.nvvm.mma.m16n8k32.row.col.f32.e4m3.e5m2.f32"},
      {"llvm.nvvm.mma.m16n8k32.row.col.f32.e5m2.e4m3.f32", "llvm.nvvm.mma.m16n8k32.row.col.f32.e5m2.e5m2.f32"}};
  bool a = x->rows.type == DT_u8, b = x->cols.type == DT_u8;
  switch (x->d.kind) {
  case DOT_bf16:
    return "llvm.nvvm.mma.m16n8k16.row.col.bf16";
  case DOT_f16:
    return "llvm.nvvm.mma.m16n8k16.row.col.f32.f32";
  case DOT_f32:
    return "llvm.nvvm.mma.m16n8k8.row.col.tf32";
  case DOT_f64:
    return "llvm.nvvm.mma.m8n8k4.row.col.f64";
  case DOT_f8:
    return bytes[x->rows.type == DT_e5m2][x->cols.type == DT_e5m2];
  default:
    if (a != b) return a ? "llvm.nvvm.mma.m16n8k32.row.col.u8.s8" : "llvm.nvvm.mma.m16n8k32.row.col.s8.u8";
    return a ? "llvm.nvvm.mma.m16n8k32.row.col.u8" : "llvm.nvvm.mma.m16n8k32.row.col.s8";
  }
}

static void set_place(struct fn *f, const struct product *x, unsigned i) {
  if (x->form.rows > 1) f->env[x->rows.again] = poly_const(f->m->arena, x->rows.now + (i >> 1));
  f->env[x->cols.again] = poly_const(f->m->arena, i & 1);
}

/* at: of the sum. */
static void rows_fragment(struct fn *f, const struct product *x, int64_t at, LLVMValueRef *out) {
  struct panel p = x->rows;
  if (!x->held.acc) {
    p.at = poly_addc(f->m->arena, p.at, p.along * at);
    fragment(f, &p, out);
  } else if (!held_fragment(f, &x->held, p.again, p.now, at, out)) {
    emit_fail(f->m, "internal: a factor in registers lies otherwise than a matrix instruction wants it");
    for (unsigned i = 0; i < p.regs; i++) out[i] = LLVMConstInt(f->m->i32, 0, 0);
  }
}

static void multiply(struct fn *f, const struct lstmt *st, const struct product *x, int64_t at) {
  LLVMValueRef arg[3 * FRAGMENT_MAX];
  unsigned in = x->rows.regs + x->cols.regs, sums = 2 * x->form.rows;
  struct panel cols = x->cols;
  cols.at = poly_addc(f->m->arena, cols.at, cols.along * at);
  rows_fragment(f, x, at, arg);
  fragment(f, &cols, arg + x->rows.regs);
  for (unsigned i = 0; i < in && x->d.kind == DOT_f16; i++)
    arg[i] = LLVMBuildBitCast(f->b, arg[i], vec_of(LLVMHalfTypeInContext(f->m->ctx), 2), "");
  for (unsigned i = 0; i < sums; i++) {
    set_place(f, x, i);
    arg[in + i] = reg_read(f, st->acc).v;
  }
  LLVMValueRef r = call_intrinsic(f->m, f->b, instruction(x), NULL, 0, arg, in + sums);
  for (unsigned i = 0; i < sums; i++) {
    set_place(f, x, i);
    struct val v = mkval(LLVMBuildExtractValue(f->b, r, i, ""), cur_level(f), (enum dtype)st->value->type, 0);
    reg_write(f, st->acc, RED_none, v);
  }
  set_place(f, x, 0);
}

/* Byte panels lie along k; wider ones that ldmatrix does not take are read word by word, 16-bit ones cannot be. */
static bool readable(struct fn *f, const struct panel *p) {
  return in_chunks(f, p) || type_size(p->type) >= 4;
}

static bool panels(struct fn *f, const struct lstmt *s, struct product *x, const struct access *rows,
                   const struct access *cols) {
  const struct digit *t = digit_at(f, 2, 3), *v = digit_at(f, 0, 2);
  unsigned half = x->form.bytes == 8 ? 1 : 2;
  x->rows = (struct panel){.rows = x->form.rows, .regs = x->form.rows * half};
  x->cols = (struct panel){.rows = 1, .regs = half};
  return t && v && panel_of(f, s, rows, t, v, 1, &x->rows) && panel_of(f, s, cols, v, t, 2, &x->cols) &&
         readable(f, &x->rows) && readable(f, &x->cols);
}

/* Rows from registers. */
static bool held_panels(struct fn *f, const struct lstmt *s, struct product *x) {
  const struct digit *t = digit_at(f, 2, 3), *v = digit_at(f, 0, 2);
  if (!t || !v || x->form.rows != 2 || !held_find(f, s, &x->d, &x->held)) return false;
  x->rows = (struct panel){.rows = 2, .regs = 4, .again = unrolled_by(f, x->held.acc, t->lane, ROWS)};
  x->cols = (struct panel){.rows = 1, .regs = 2};
  return x->rows.again != SYM_NONE && poly_is_const(f->env[x->rows.again], &x->rows.now) &&
         panel_of(f, s, x->d.b->acc, v, t, 2, &x->cols) && readable(f, &x->cols);
}

bool simt_mma(struct fn *f, const struct lstmt *s, const struct lstmt *st) {
  struct product x = {.held = {.acc = NULL}};
  int64_t n;
  if (f->simt->on.v || st->red != RED_sum || st->acc->nguard || s->nhi != 1) return false;
  bool held = dot_mixed(st->value, &x.d);
  if ((!held && !dot_of(st->value, &x.d)) || x.d.alone || x.d.shifted || !mma_form(x.d.kind, &x.form)) return false;
  if (!poly_is_const(s->hi[0], &n) || n % x.form.depth || !in_registers(f, st->acc->tensor)) return false;
  if (f->f->object[st->acc->tensor].type != st->value->type) return false;
  if (held ? !held_panels(f, s, &x)
           : !panels(f, s, &x, x.d.a->acc, x.d.b->acc) && !panels(f, s, &x, x.d.b->acc, x.d.a->acc))
    return false;
  for (int64_t at = 0; at < n && x.rows.now % 2 == 0 && x.cols.now == 0; at += x.form.depth) multiply(f, st, &x, at);
  return true;
}
