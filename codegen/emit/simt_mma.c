/* Matrix instructions of a warp: mma.sync m16n8k16 of bf16 into f32. Its sums lie in registers as the LOOP has them:
   rows on 8 threads (twice), columns on 4 threads in pieces of 2. The operands are panels in shared memory, [k][row]
   and [k][column], from which ldmatrix brings the fragments, turned. One instruction does the work of four iterations
   of the unrolled loops around the sub loop: the first of them makes it, the others find it done. */
#include "codegen/emit/build.h"

enum { DEPTH = 16, ROWS = 8, SHARED_SPACE = 3, KEY_FRAGMENT = 940, BYTES = 2 };

struct panel {
  unsigned object;
  poly_t at;      /* of the fragment's first element, substituted */
  int64_t stride; /* elements from one k to the next */
  int64_t now;    /* where that is */
  sym_t again;    /* rows: the unrolled loop that walks 8 at a time; columns: the one that walks the piece */
};

/* The unrolled loop that moves the access by `step` elements in one of its subscripts. */
static sym_t unrolled_by(struct fn *f, const struct access *a, int64_t step) {
  for (unsigned d = 0; d < a->rank; d++)
    for (uint32_t i = 0; a->ix[d].poly && i < a->ix[d].poly->n; i++) {
      const struct mono *m = &a->ix[d].poly->mono[i];
      if (m->n == 1 && m->coef == step && f->env[m->sym[0]] && poly_is_const(f->env[m->sym[0]], NULL)) return m->sym[0];
    }
  return SYM_NONE;
}

static const struct digit *digit_at(const struct fn *f, unsigned at, unsigned bits) {
  for (unsigned i = 0; i < f->simt->nopen; i++)
    if (f->simt->open[i].at == at && f->simt->open[i].bits == bits) return &f->simt->open[i];
  return NULL;
}

/* The panel is that of the first of the iterations that one instruction does.
   own: the digit that walks it, `each` elements a thread; other: the digit that must not. */
static bool panel_of(struct fn *f, const struct lstmt *s, const struct access *a, const struct digit *own,
                     const struct digit *other, int64_t each, struct panel *out) {
  poly_t p, coef, rest, was;
  int64_t c;
  *out = (struct panel){.object = a->tensor, .again = unrolled_by(f, a, own->at ? ROWS : 1)};
  if (a->nguard || !f->simt->plan->shared[a->tensor] || out->again == SYM_NONE) return false;
  was = f->env[out->again];
  if (!poly_is_const(was, &out->now)) return false;
  f->env[out->again] = poly_addc(f->m->arena, was, -(out->now % 2));
  p = fn_subst(f, access_poly(f, a));
  f->env[out->again] = was;
  for (unsigned d = 0; d < a->rank; d++)
    if (a->ix[d].dyn) return false;
  if (!poly_split(f->m->arena, p, s->sym, &coef, &rest) || !poly_is_const(coef, &out->stride)) return false;
  if (out->stride % ROWS || poly_has(rest, other->lane)) return false;
  if (!poly_split(f->m->arena, rest, own->lane, &coef, &out->at) || !poly_is_const(coef, &c) || c != each) return false;
  return poly_divisor(f, out->at) % ROWS == 0;
}

/* ---- fragments ---- */

/* What thread `lane` of a warp adds to the address: matrix lane / 8 lies so many k and so many elements further.
   Symbols of the whole kernel: numbers of symbols made inside would be used again, for other values. */
void simt_mma_init(struct fn *f) {
  struct simt *s = f->simt;
  struct val lane = vbin(f, LLVMAnd, s->tid, vi64(f, 31), false), row = vbin(f, LLVMAnd, lane, vi64(f, 7), false);
  struct val q = vbin(f, LLVMLShr, lane, vi64(f, 3), false), odd = vbin(f, LLVMAnd, q, vi64(f, 1), false);
  struct val low = vbin(f, LLVMShl, odd, vi64(f, 3), false), half = vbin(f, LLVMLShr, q, vi64(f, 1), false);
  s->mma_x4 = fresh_sym(f, low);
  s->mma_k4 = fresh_sym(f, vbin(f, LLVMAdd, row, vbin(f, LLVMShl, half, vi64(f, 3), false), false));
  s->mma_k2 = fresh_sym(f, vbin(f, LLVMAdd, row, low, false));
}

/* n registers of 8 x 8 elements each: rows 0-7, 8-15 of k 0-7, then of k 8-15 (n 4); k 0-7 and 8-15 (n 2). */
static void load_fragment(struct fn *f, const struct panel *p, unsigned n, LLVMValueRef *out) {
  struct module *m = f->m;
  int64_t disp;
  poly_t k = poly_sym(m->arena, n == 4 ? f->simt->mma_k4 : f->simt->mma_k2);
  poly_t at = poly_add(m->arena, p->at, poly_scale(m->arena, k, p->stride));
  if (n == 4) at = poly_add(m->arena, at, poly_sym(m->arena, f->simt->mma_x4));
  struct spot s = {.at = fn_address(f, f->base[p->object], at, BYTES, &disp)};
  s.disp = disp;
  LLVMTypeRef shared = LLVMPointerTypeInContext(m->ctx, SHARED_SPACE);
  LLVMValueRef addr = LLVMBuildAddrSpaceCast(f->b, spot_address(f, &s), shared, "");
  const char *name = n == 4 ? "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x4.trans.b16"
                            : "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2.trans.b16";
  LLVMValueRef r = call_intrinsic(m, f->b, name, &shared, 1, &addr, 1);
  for (unsigned i = 0; i < n; i++) out[i] = LLVMBuildExtractValue(f->b, r, i, "");
}

/* Loaded once for all instructions that use it. */
static void fragment(struct fn *f, const struct panel *p, unsigned n, LLVMValueRef *out) {
  bool kept = true;
  struct val v;
  for (unsigned i = 0; i < n; i++) {
    kept &= cache_get(f, KEY_FRAGMENT + n * 8 + i, f->base[p->object].v, f->simt->plan, p->at, &v);
    out[i] = v.v;
  }
  if (kept) return;
  load_fragment(f, p, n, out);
  for (unsigned i = 0; i < n; i++)
    cache_put_load(f, KEY_FRAGMENT + n * 8 + i, f->base[p->object].v, f->simt->plan, p->at,
                   mkval(out[i], cur_level(f), DT_u32, 0), p->object);
}

/* ---- the instruction ---- */

static void set_place(struct fn *f, const struct panel *rows, const struct panel *cols, int64_t row, unsigned i) {
  f->env[rows->again] = poly_const(f->m->arena, row + (i >> 1));
  f->env[cols->again] = poly_const(f->m->arena, i & 1);
}

static void multiply(struct fn *f, const struct lstmt *st, const struct panel *rows, const struct panel *cols,
                     int64_t row) {
  LLVMValueRef arg[10];
  fragment(f, rows, 4, arg);
  fragment(f, cols, 2, arg + 4);
  for (unsigned i = 0; i < 4; i++) {
    set_place(f, rows, cols, row, i);
    arg[6 + i] = reg_read(f, st->acc).v;
  }
  LLVMValueRef r = call_intrinsic(f->m, f->b, "llvm.nvvm.mma.m16n8k16.row.col.bf16", NULL, 0, arg, 10);
  for (unsigned i = 0; i < 4; i++) {
    set_place(f, rows, cols, row, i);
    reg_write(f, st->acc, RED_none, mkval(LLVMBuildExtractValue(f->b, r, i, ""), cur_level(f), DT_f32, 0));
  }
  set_place(f, rows, cols, row, 0);
}

bool simt_mma(struct fn *f, const struct lstmt *s, const struct lstmt *st) {
  struct dot d;
  struct panel rows, cols;
  int64_t n;
  const struct digit *t = digit_at(f, 2, 3), *v = digit_at(f, 0, 2);
  if (!t || !v || f->simt->on.v || st->red != RED_sum || st->acc->nguard || s->nhi != 1) return false;
  if (!poly_is_const(s->hi[0], &n) || n != DEPTH || !in_registers(f, st->acc->tensor)) return false;
  if (!dot_of(st->value, &d) || d.kind != DOT_bf16 || f->f->object[st->acc->tensor].type != DT_f32) return false;
  bool ab = panel_of(f, s, d.a->acc, t, v, 1, &rows) && panel_of(f, s, d.b->acc, v, t, 2, &cols);
  if (!ab && !(panel_of(f, s, d.b->acc, t, v, 1, &rows) && panel_of(f, s, d.a->acc, v, t, 2, &cols))) return false;
  if (rows.now % 2 == 0 && cols.now == 0) multiply(f, st, &rows, &cols, rows.now);
  return true;
}
