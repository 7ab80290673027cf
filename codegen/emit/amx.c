/* Blocks of matrix tiles (F_TILES, ir/loop.h) by AMX: sums in up to five tile registers, operands in the others, all
   by fixed numbers, as LLVM's plain intrinsics have them; nothing is kept in tiles outside of a block. What a tile
   holds is what its configuration says, so cut blocks reach nothing behind the ends: rows and bytes of rows are set
   exactly before such a block, and back to whole tiles behind it. The reduction is walked in whole tiles; what they
   leave is a second run over the block, with tiles of that depth, which adds to what the first stored.
   Tiles are configured around the outermost statement that hands no work to threads, and released behind it. */
#include "codegen/emit/build.h"
#include "ir/dot.h"

enum { CONFIG_BYTES = 64, COLSB_AT = 16, ROWS_AT = 48 };
enum { SYS_ARCH_PRCTL = 158, ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

struct operand {
  const struct access *acc;
  unsigned size; /* of an element */
  poly_t stride; /* elements from one row of a tile to the next, substituted; NULL: there is one row */
};
struct side {               /* rows or columns of the block */
  const struct lstmt *loop; /* NULL: one row */
  struct range range;
  poly_t lo;
  struct val n;   /* elements, at least 1 */
  unsigned tiles; /* in the code that is being made */
};
struct amx {
  const struct lstmt *k, *sub, *sums, *store; /* k NULL: one step */
  unsigned sum;
  struct operand a, b; /* rows, columns */
  poly_t stride;       /* of the result */
  const char *insn;
  unsigned group; /* elements of each operand in a step of the sub loop */
  struct side row, col;
  struct range depth; /* of k */
  int64_t each;       /* of it, what a whole tile walks */
  int64_t known;      /* its length where it is a constant, else -1 */
  struct val whole;   /* of that, what whole tiles walk */
  struct val rest;    /* steps of the sub loop behind it */
  bool last;          /* the run over the rest */
};

/* ---- the form ---- */

static const struct lstmt *only(const struct lstmt *s, enum lkind kind) {
  return s && s->nbody == 1 && s->body[0] && s->body[0]->kind == kind ? s->body[0] : NULL;
}

static bool zero(expr_t x) {
  return x->kind == E_CONST && (type_is_float((enum dtype)x->type) ? x->val.f == 0 : x->val.i == 0);
}

/* sum = 0; the reduction; result = sum, or is added to. */
static bool find_parts(struct fn *f, const struct lstmt *alloc, struct amx *x) {
  const struct lstmt *b = alloc ? only(alloc, L_BLOCK) : NULL;
  if (!b || b->nbody != 3 || f->f->object[alloc->id].rank || !in_registers(f, alloc->id)) return false;
  x->sum = alloc->id;
  const struct lstmt *init = b->body[0], *end = b->body[2];
  if (init->kind != L_STORE || init->acc->tensor != x->sum || init->red != RED_none || !zero(init->value)) return false;
  if (end->kind != L_STORE || (end->red != RED_none && end->red != RED_sum) || end->value->kind != E_READ) return false;
  if (end->value->acc->tensor != x->sum || end->acc->nguard) return false;
  x->store = end;
  x->sums = b->body[1];
  for (const struct lstmt *s = x->sums; s; s = only(s, L_FOR)) {
    if (s->kind != L_FOR) return false;
    x->sub = s;
    if (s->fkind == F_SUB) break;
    if (s->fkind != F_SERIAL || s->once) return false;
    x->k = s;
  }
  return x->sub && x->sub->fkind == F_SUB && x->sub->nhi == 1;
}

static const char *instruction(enum dotkind k, bool first_is_row) {
  switch (k) {
  case DOT_bf16:
    return "llvm.x86.tdpbf16ps";
  case DOT_i8i8:
    return "llvm.x86.tdpbssd";
  case DOT_u8u8:
    return "llvm.x86.tdpbuud";
  case DOT_u8i8:
    return first_is_row ? "llvm.x86.tdpbusd" : "llvm.x86.tdpbsud";
  default:
    return NULL;
  }
}

/* Elements by which the access moves with s; NULL: not by a factor that is the same everywhere in the block. */
static poly_t moves(struct fn *f, const struct amx *x, const struct access *acc, sym_t s) {
  poly_t c, rest;
  if (!poly_split(f->m->arena, fn_subst(f, access_poly(f, acc)), s, &c, &rest)) return NULL;
  const struct lstmt *inside[] = {x->row.loop, x->col.loop, x->sub};
  for (unsigned i = 0; i < 3; i++)
    if (inside[i] && poly_has(c, inside[i]->sym)) return NULL;
  for (const struct lstmt *r = x->sums; r != x->sub; r = r->body[0])
    if (poly_has(c, r->sym)) return NULL;
  return c;
}

static bool moves_by(struct fn *f, const struct amx *x, const struct access *acc, const struct lstmt *loop, int64_t n) {
  int64_t c;
  poly_t m = loop ? moves(f, x, acc, loop->sym) : NULL;
  return !loop || (m && poly_is_const(m, &c) && c == n);
}

static bool in_memory(struct fn *f, const struct access *acc) {
  for (unsigned d = 0; d < acc->rank; d++)
    if (acc->ix[d].dyn) return false;
  return !acc->nguard && !in_registers(f, acc->tensor);
}

/* Rows of the first tile run along the reduction, those of the second hold a step of it for each column. */
static bool find_operands(struct fn *f, struct amx *x) {
  const struct lstmt *st = x->sub->body[0];
  struct dot d;
  int64_t n;
  if (st->kind != L_STORE || st->red != RED_sum || st->acc->tensor != x->sum || !dot_of(st->value, &d)) return false;
  if (d.alone || d.shifted || (d.kind == DOT_bf16 && !f->reassoc)) return false;
  if (!poly_is_const(x->sub->hi[0], &n) || n != d.group) return false;
  bool swap = expr_has_sym(d.a, x->col.loop->sym);
  expr_t a = swap ? d.b : d.a, b = swap ? d.a : d.b;
  x->insn = instruction(d.kind, !swap);
  x->group = d.group;
  x->a = (struct operand){.acc = a->acc, .size = DOT_BYTES / d.group};
  x->b = (struct operand){.acc = b->acc, .size = DOT_BYTES / d.group};
  if (!x->insn || !in_memory(f, a->acc) || !in_memory(f, b->acc)) return false;
  if (x->k && (x->group % x->k->step || !moves_by(f, x, a->acc, x->k, x->group / x->k->step)))
    x->k = NULL; /* not along the rows: one step each time */
  if (x->row.loop && !(x->a.stride = moves(f, x, a->acc, x->row.loop->sym))) return false;
  if (x->k && !(x->b.stride = moves(f, x, b->acc, x->k->sym))) return false;
  if (x->b.stride) x->b.stride = poly_scale(f->m->arena, x->b.stride, x->k->step);
  return moves_by(f, x, a->acc, x->sub, 1) && moves_by(f, x, a->acc, x->col.loop, 0) &&
         moves_by(f, x, b->acc, x->sub, 1) && moves_by(f, x, b->acc, x->col.loop, x->group) &&
         moves_by(f, x, b->acc, x->row.loop, 0);
}

static bool find_result(struct fn *f, struct amx *x) {
  const struct access *acc = x->store->acc;
  if (!in_memory(f, acc) || type_size(f->f->object[acc->tensor].type) != DOT_BYTES) return false;
  if (f->f->object[acc->tensor].type != x->store->value->type || !moves_by(f, x, acc, x->col.loop, 1)) return false;
  return !x->row.loop || (x->stride = moves(f, x, acc, x->row.loop->sym));
}

/* The loop's bounds hold a constant: the tiles that it may take. */
static bool find_side(const struct lstmt *s, struct side *o) {
  int64_t n, lo, most = INT64_MAX;
  o->loop = s;
  o->tiles = 1;
  if (!s) return true;
  if (s->nlo != 1 || s->nfrom || s->once || s->step != 1) return false;
  for (unsigned i = 0; i < s->nhi; i++)
    if (poly_is_const(s->hi[i], &n) && n < most) most = n;
  if (most == INT64_MAX || !poly_is_const(s->lo[0], &lo) || lo < 0 || most <= lo || most - lo > 4096) return false;
  o->tiles = (unsigned)((most - lo + TILE_ROWS - 1) / TILE_ROWS);
  return true;
}

/* The run of loops around the one that tiles walk: its ends must be known before them. */
static bool depth_outside(const struct amx *x) {
  for (const struct lstmt *s = x->sums; x->k && s != x->k; s = s->body[0]) {
    for (unsigned i = 0; i < x->k->nlo; i++)
      if (poly_has(x->k->lo[i], s->sym)) return false;
    for (unsigned i = 0; i < x->k->nhi; i++)
      if (poly_has(x->k->hi[i], s->sym)) return false;
  }
  return true;
}

static bool find_form(struct fn *f, const struct lstmt *s, struct amx *x) {
  const struct lstmt *in = only(s, L_FOR);
  const struct lstmt *row = in && in->fkind == F_TILES ? s : NULL, *col = row ? in : s;
  *x = (struct amx){.k = NULL};
  if (!f->m->isa.amx || f->lane != SYM_NONE || !find_side(row, &x->row) || !find_side(col, &x->col)) return false;
  if (!tiles_fit(x->row.tiles, x->col.tiles) || !find_parts(f, only(col, L_ALLOC), x)) return false;
  return find_operands(f, x) && find_result(f, x) && depth_outside(x);
}

/* ---- sizes ---- */

/* Has the range at least (at most) n elements, wherever it ends? */
static bool at_least(struct fn *f, const struct range *r, int64_t n) {
  for (unsigned i = 0; i < r->nhi; i++)
    if (!provably_ge0(f, poly_addc(f->m->arena, poly_sub(f->m->arena, r->his[i], r->lo), -n))) return false;
  return true;
}

static bool at_most(struct fn *f, const struct range *r, int64_t n) {
  struct arena *a = f->m->arena;
  for (unsigned i = 0; i < r->nhi; i++)
    if (provably_ge0(f, poly_addc(a, poly_sub(a, r->lo, r->his[i]), n))) return true;
  return false;
}

static struct val length(struct fn *f, const struct range *r) {
  return fn_poly(f, poly_sub(f->m->arena, r->hi, r->lo));
}

static bool is_const(struct val v, int64_t *n) {
  if (!LLVMIsAConstantInt(v.v)) return false;
  *n = LLVMConstIntGetSExtValue(v.v);
  return true;
}

static void set_side(struct fn *f, struct side *o) {
  o->n = vi64(f, 1);
  if (!o->loop) return;
  find_range(f, o->loop, &o->range);
  o->lo = o->range.lo;
  o->n = length(f, &o->range);
}

static struct val clamped(struct fn *f, struct val n) {
  struct val none = vi64(f, 0);
  return vselect(f, vicmp(f, LLVMIntSLT, n, none), none, n);
}

/* Whole tiles of the reduction, and the steps behind them. */
static void set_depth(struct fn *f, struct amx *x) {
  int64_t step = x->k ? x->k->step : 1, each = TILE_ROWS * step;
  x->each = each;
  x->known = 1;
  if (x->k) {
    find_range(f, x->k, &x->depth);
    if (!poly_is_const(poly_sub(f->m->arena, x->depth.hi, x->depth.lo), &x->known)) x->known = -1;
    if (x->known < 0 && poly_is_const(poly_sub(f->m->arena, x->depth.hi, x->depth.lo), NULL)) x->known = 0;
  }
  if (x->known >= 0) {
    x->whole = vi64(f, x->known / each * each);
    x->rest = vi64(f, (x->known % each + step - 1) / step);
    return;
  }
  struct val n = clamped(f, length(f, &x->depth));
  x->whole = vbin(f, LLVMAnd, n, vi64(f, -each), false);
  struct val left = vbin(f, LLVMAdd, vbin(f, LLVMSub, n, x->whole, false), vi64(f, step - 1), false);
  x->rest = vbin(f, LLVMLShr, left, vi64(f, __builtin_ctzll((uint64_t)step)), false);
}

/* ---- numbers of tiles ---- */

static unsigned sum_tile(const struct amx *x, unsigned i, unsigned j) {
  return i * x->col.tiles + j;
}

/* The side with fewer tiles has one for each; the other's take turns, the last one, which may be smaller, apart. */
static bool rows_stay(const struct amx *x) {
  return x->row.tiles <= x->col.tiles;
}

static unsigned operand_tile(const struct amx *x, bool row, unsigned i) {
  unsigned first = x->row.tiles * x->col.tiles, n = row ? x->row.tiles : x->col.tiles;
  if (row == rows_stay(x)) return first + i;
  first += rows_stay(x) ? x->row.tiles : x->col.tiles;
  unsigned turns = TILE_COUNT - first;
  return first + (n == 1 || turns == 1 ? 0 : i == n - 1 ? turns - 1 : i % (turns - 1));
}

/* ---- configuration ---- */

static LLVMValueRef config_block(struct fn *f) {
  if (f->tile_config) return f->tile_config;
  LLVMBasicBlockRef now = LLVMGetInsertBlock(f->b);
  LLVMValueRef first = LLVMGetFirstInstruction(f->entry);
  if (first)
    LLVMPositionBuilderBefore(f->b, first);
  else
    LLVMPositionBuilderAtEnd(f->b, f->entry);
  f->tile_config = LLVMBuildAlloca(f->b, LLVMArrayType2(f->m->i8, CONFIG_BYTES), "");
  LLVMSetAlignment(f->tile_config, CONFIG_BYTES);
  LLVMPositionBuilderAtEnd(f->b, now);
  return f->tile_config;
}

static void put_config(struct fn *f, unsigned at, LLVMTypeRef t, struct val v) {
  LLVMValueRef off = LLVMConstInt(f->m->i64, at, 0), p = LLVMBuildGEP2(f->b, f->m->i8, config_block(f), &off, 1, "");
  LLVMSetAlignment(LLVMBuildStore(f->b, LLVMBuildTrunc(f->b, v.v, t, ""), p), 1);
}

static void put_shape(struct fn *f, unsigned tile, struct val rows, struct val bytes) {
  put_config(f, COLSB_AT + 2 * tile, f->m->i16, bytes);
  put_config(f, ROWS_AT + tile, f->m->i8, rows);
}

static void load_config(struct fn *f) {
  LLVMValueRef at = config_block(f);
  (void)call_intrinsic(f->m, f->b, "llvm.x86.ldtilecfg", NULL, 0, &at, 1);
}

/* All eight tiles whole. */
static void configure_whole(struct fn *f) {
  for (unsigned i = 0; i < CONFIG_BYTES; i += 8) {
    LLVMValueRef off = LLVMConstInt(f->m->i64, i, 0), p = LLVMBuildGEP2(f->b, f->m->i8, config_block(f), &off, 1, "");
    bool bytes = i >= COLSB_AT && i < COLSB_AT + 2 * TILE_COUNT;
    uint64_t v = i == 0 ? 1 : i == ROWS_AT ? TILE_ROWS * UINT64_C(0x0101010101010101) : 0;
    if (bytes) v = TILE_BYTES * UINT64_C(0x0001000100010001);
    LLVMSetAlignment(LLVMBuildStore(f->b, LLVMConstInt(f->m->i64, v, 0), p), 8);
  }
  load_config(f);
}

static struct val scaled(struct fn *f, struct val v, int64_t by) {
  return vbin(f, LLVMMul, v, vi64(f, by), false);
}

/* Elements that tile i of a side holds. */
static struct val part_of(struct fn *f, const struct side *o, unsigned i) {
  if (i + 1 < o->tiles) return vi64(f, TILE_ROWS);
  return vbin(f, LLVMSub, o->n, vi64(f, TILE_ROWS * (int64_t)i), false);
}

/* The tiles of this block; steps: of the reduction in a tile. */
static void configure_block(struct fn *f, const struct amx *x, struct val steps) {
  for (unsigned i = 0; i < x->row.tiles; i++) {
    struct val rows = part_of(f, &x->row, i);
    put_shape(f, operand_tile(x, true, i), rows, scaled(f, steps, DOT_BYTES));
    for (unsigned j = 0; j < x->col.tiles; j++)
      put_shape(f, sum_tile(x, i, j), rows, scaled(f, part_of(f, &x->col, j), DOT_BYTES));
  }
  for (unsigned j = 0; j < x->col.tiles; j++)
    put_shape(f, operand_tile(x, false, j), steps, scaled(f, part_of(f, &x->col, j), DOT_BYTES));
  load_config(f);
}

/* ---- tiles ---- */

static struct val stride_of(struct fn *f, poly_t elements, unsigned size) {
  return elements ? fn_poly(f, poly_scale(f->m->arena, elements, size)) : vi64(f, TILE_BYTES);
}

static void set_corner(struct fn *f, const struct amx *x, unsigned i, unsigned j) {
  if (x->row.loop) f->env[x->row.loop->sym] = poly_addc(f->m->arena, x->row.lo, TILE_ROWS * (int64_t)i);
  f->env[x->col.loop->sym] = poly_addc(f->m->arena, x->col.lo, TILE_LANES * (int64_t)j);
}

static void clear_corner(struct fn *f, const struct amx *x) {
  if (x->row.loop) f->env[x->row.loop->sym] = NULL;
  f->env[x->col.loop->sym] = NULL;
}

static void move_tile(struct fn *f, const char *name, unsigned tile, const struct access *acc, struct val stride) {
  struct spot s = spot_of(f, acc);
  LLVMValueRef arg[3] = {LLVMConstInt(f->m->i8, tile, 0), spot_address(f, &s), stride.v};
  (void)call_intrinsic(f->m, f->b, name, NULL, 0, arg, 3);
}

static void load_operand(struct fn *f, const struct amx *x, bool row, unsigned i) {
  const struct operand *o = row ? &x->a : &x->b;
  set_corner(f, x, row ? i : 0, row ? 0 : i);
  move_tile(f, "llvm.x86.tileloadd64", operand_tile(x, row, i), o->acc, stride_of(f, o->stride, o->size));
}

static void multiply(struct fn *f, const struct amx *x, unsigned i, unsigned j) {
  unsigned n[3] = {sum_tile(x, i, j), operand_tile(x, true, i), operand_tile(x, false, j)};
  LLVMValueRef arg[3];
  for (unsigned k = 0; k < 3; k++) arg[k] = LLVMConstInt(f->m->i8, n[k], 0);
  (void)call_intrinsic(f->m, f->b, x->insn, NULL, 0, arg, 3);
}

/* The sub loop while a block is open: all products of one depth of tiles. */
void amx_step(struct fn *f) {
  const struct amx *x = f->amx;
  bool stay = rows_stay(x);
  unsigned outer = stay ? x->col.tiles : x->row.tiles, inner = stay ? x->row.tiles : x->col.tiles;
  f->env[x->sub->sym] = poly_const(f->m->arena, 0);
  for (unsigned i = 0; i < outer && !f->m->fail; i++) {
    load_operand(f, x, !stay, i);
    for (unsigned j = 0; j < inner; j++) {
      if (!i) load_operand(f, x, stay, j);
      multiply(f, x, stay ? j : i, stay ? i : j);
    }
  }
  f->env[x->sub->sym] = NULL;
  clear_corner(f, x);
  f->m->nop += 2 * outer * inner;
}

static poly_t as_poly(struct fn *f, struct val v) {
  int64_t n;
  return is_const(v, &n) ? poly_const(f->m->arena, n) : poly_sym(f->m->arena, fresh_sym(f, v));
}

/* The loop around the sub loop while a block is open: by whole tiles, or what they leave. */
void amx_depth(struct fn *f) {
  const struct amx *x = f->amx;
  struct arena *a = f->m->arena;
  poly_t end = poly_add(a, x->depth.lo, as_poly(f, x->whole));
  if (x->last) {
    f->env[x->k->sym] = end;
    amx_step(f);
    f->env[x->k->sym] = NULL;
    return;
  }
  struct lstmt *s = arena_dup(a, x->k, sizeof *s);
  s->step = x->each;
  s->lo = arena_dup(a, &x->depth.lo, sizeof end);
  s->hi = arena_dup(a, &end, sizeof end);
  s->nlo = s->nhi = 1;
  s->unroll = 0;
  emit_serial(f, s);
}

bool amx_walks(const struct fn *f, const struct lstmt *s) {
  return f->amx && f->amx->k == s;
}

static void each_sum(struct fn *f, const struct amx *x, bool load) {
  struct val stride = stride_of(f, x->stride, DOT_BYTES);
  for (unsigned i = 0; i < x->row.tiles; i++)
    for (unsigned j = 0; j < x->col.tiles; j++) {
      set_corner(f, x, i, j);
      move_tile(f, load ? "llvm.x86.tileloadd64" : "llvm.x86.tilestored64", sum_tile(x, i, j), x->store->acc, stride);
    }
  clear_corner(f, x);
}

static void clear_sums(struct fn *f, const struct amx *x) {
  for (unsigned i = 0; i < x->row.tiles * x->col.tiles; i++) {
    LLVMValueRef n = LLVMConstInt(f->m->i8, i, 0);
    (void)call_intrinsic(f->m, f->b, "llvm.x86.tilezero", NULL, 0, &n, 1);
  }
}

static void run_over(struct fn *f, struct amx *x, bool add, bool last) {
  if (add)
    each_sum(f, x, true);
  else
    clear_sums(f, x);
  struct amx *was = f->amx;
  x->last = last;
  f->amx = x;
  emit_stmt(f, x->sums);
  f->amx = was;
  each_sum(f, x, false);
  object_stored(f, x->store->acc->tensor);
}

/* ---- a block ---- */

struct block {
  struct amx *x;
  bool add; /* the rest: to what the run over whole tiles stored */
};

static void configure_cut(struct fn *f, void *ctx) {
  const struct amx *x = ((struct block *)ctx)->x;
  configure_block(f, x, vi64(f, TILE_ROWS));
}

static void configure_back(struct fn *f, void *ctx) {
  (void)ctx;
  configure_whole(f);
}

static const struct lstmt *nothing(struct fn *f) {
  return loop_block(f->m->arena, 0, NULL);
}

/* cond: a condition or a constant. */
static void when(struct fn *f, struct val cond, arm_fn *arm, const struct lstmt *effects, void *ctx) {
  int64_t on;
  if (!is_const(cond, &on))
    emit_branch(f, cond, effects, arm, NULL, ctx);
  else if (on)
    arm(f, ctx);
}

static struct val is_cut(struct fn *f, const struct amx *x) {
  struct val row = vicmp(f, LLVMIntNE, x->row.n, vi64(f, TILE_ROWS * (int64_t)x->row.tiles)),
             col = vicmp(f, LLVMIntNE, x->col.n, vi64(f, TILE_LANES * (int64_t)x->col.tiles));
  return vbin(f, LLVMOr, row, col, false);
}

static void run_rest(struct fn *f, void *ctx) {
  struct block *o = ctx;
  configure_block(f, o->x, o->x->rest);
  run_over(f, o->x, o->add, true);
  configure_whole(f);
}

/* rows x columns of tiles are decided. */
static void emit_block(struct fn *f, struct amx *x) {
  bool add = x->store->red != RED_none, whole = x->known < 0 || x->known >= x->each;
  struct block o = {x, add};
  struct val cut = is_cut(f, x);
  int64_t rest = -1;
  (void)is_const(x->rest, &rest);
  if (whole || !rest) {
    when(f, cut, configure_cut, nothing(f), &o);
    run_over(f, x, add, false);
    o.add = true;
    if (rest) when(f, vicmp(f, LLVMIntNE, x->rest, vi64(f, 0)), run_rest, x->store, &o);
    if (rest <= 0) when(f, cut, configure_back, nothing(f), &o);
    return;
  }
  run_rest(f, &o);
}

static void pick_cols(struct fn *f, void *ctx);

static void fewer_cols(struct fn *f, void *ctx) {
  struct amx *x = ctx;
  unsigned n = x->col.tiles--;
  pick_cols(f, x);
  x->col.tiles = n;
}

static void these(struct fn *f, void *ctx) {
  emit_block(f, ctx);
}

/* The code for each number of tiles that the block may take. */
static void pick(struct fn *f, struct amx *x, struct side *o, arm_fn *here, arm_fn *fewer, const struct lstmt *s) {
  int64_t below = TILE_ROWS * ((int64_t)o->tiles - 1);
  if (!o->loop || o->tiles == 1 || at_least(f, &o->range, below + 1))
    here(f, x);
  else if (at_most(f, &o->range, below))
    fewer(f, x);
  else
    emit_branch(f, vicmp(f, LLVMIntSGT, o->n, vi64(f, below)), s, here, fewer, x);
}

static void pick_cols(struct fn *f, void *ctx) {
  struct amx *x = ctx;
  pick(f, x, &x->col, these, fewer_cols, x->store);
}

static void pick_rows(struct fn *f, void *ctx);

static void fewer_rows(struct fn *f, void *ctx) {
  struct amx *x = ctx;
  unsigned n = x->row.tiles--;
  pick_rows(f, x);
  x->row.tiles = n;
}

static void pick_rows(struct fn *f, void *ctx) {
  struct amx *x = ctx;
  pick(f, x, &x->row, pick_cols, fewer_rows, x->store);
}

static bool surely_any(struct fn *f, const struct side *o) {
  return !o->loop || at_least(f, &o->range, 1);
}

static struct val any(struct fn *f, const struct side *o) {
  return vicmp(f, LLVMIntSGT, o->n, vi64(f, 0));
}

void emit_tiles(struct fn *f, const struct lstmt *s) {
  struct amx x;
  if (!f->tiles || !find_form(f, s, &x)) {
    emit_serial(f, s);
    return;
  }
  set_side(f, &x.row);
  set_side(f, &x.col);
  set_depth(f, &x);
  if (surely_any(f, &x.row) && surely_any(f, &x.col))
    pick_rows(f, &x);
  else
    when(f, vbin(f, LLVMAnd, any(f, &x.row), any(f, &x.col), false), pick_rows, x.store, &x);
}

/* ---- around blocks ---- */

static bool holds(const struct lstmt *s, enum fkind kind) {
  if (s->kind == L_FOR && s->fkind == kind) return true;
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] && holds(s->body[i], kind)) return true;
  return false;
}

/* Once a process: Linux gives room for tiles to processes that ask for it. If it does not, or on another CPU, the
   instruction that configures them ends the program as any other that the machine has not got. */
static void ask_system(struct fn *f) {
  struct module *m = f->m;
  if (!m->tiles_allowed) {
    m->tiles_allowed = LLVMAddGlobal(m->mod, m->i8, "hone.tiles_allowed");
    LLVMSetLinkage(m->tiles_allowed, LLVMInternalLinkage);
    LLVMSetInitializer(m->tiles_allowed, LLVMConstInt(m->i8, 0, 0));
  }
  LLVMBasicBlockRef ask = new_block(f, "tiles.ask"), on = new_block(f, "tiles");
  LLVMValueRef asked = LLVMBuildLoad2(f->b, m->i8, m->tiles_allowed, "");
  LLVMBuildCondBr(f->b, LLVMBuildICmp(f->b, LLVMIntNE, asked, LLVMConstInt(m->i8, 0, 0), ""), on, ask);
  LLVMPositionBuilderAtEnd(f->b, ask);
  LLVMTypeRef t = LLVMFunctionType(m->i64, &m->i64, 1, 1);
  LLVMValueRef arg[3] = {LLVMConstInt(m->i64, SYS_ARCH_PRCTL, 0), LLVMConstInt(m->i64, ARCH_REQ_XCOMP_PERM, 0),
                         LLVMConstInt(m->i64, XFEATURE_XTILEDATA, 0)};
  LLVMBuildCall2(f->b, t, extern_fn(m, "syscall", t), arg, 3, "");
  LLVMBuildStore(f->b, LLVMConstInt(m->i8, 1, 0), m->tiles_allowed);
  LLVMBuildBr(f->b, on);
  LLVMPositionBuilderAtEnd(f->b, on);
}

bool amx_present(const struct module *m, const struct lstmt *s) {
  return m->isa.amx && s && holds(s, F_TILES);
}

bool amx_open(struct fn *f, const struct lstmt *s) {
  if (!f->has_tiles || f->tiles || f->lane != SYM_NONE || !holds(s, F_TILES)) return false;
  if (!f->parallel_body && holds(s, F_PARALLEL)) return false;
  ask_system(f);
  configure_whole(f);
  f->tiles = true;
  return true;
}

void amx_close(struct fn *f) {
  (void)call_intrinsic(f->m, f->b, "llvm.x86.tilerelease", NULL, 0, NULL, 0);
  f->tiles = false;
}
