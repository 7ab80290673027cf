/* Default schedule of a group with a running reduction: row tiles, blocks of the stream, both products in register
 * tiles. */
#include "codegen/lower/default.h"

static const struct eq *product_over(const struct chooser *c, unsigned s, bool reduced) {
  const struct eq *best = NULL;
  for (unsigned i = 0; i < c->g->neq; i++) {
    const struct eq *e = &c->gs->k->eq[c->g->eq[i]];
    sym_t y = c->g->axis[s].sym;
    if (!def_walks(e, y) || def_reduces(e, y) != reduced || e->red != RED_sum) continue;
    if (e->nax < 3 || (best && best->nax >= e->nax)) continue;
    best = e;
  }
  return best;
}

/* Axis of e that is neither shared nor the stream. */
static int own_axis(const struct chooser *c, const struct eq *e, unsigned s, bool reduced) {
  for (unsigned x = e->nax; e && x-- > 0;) {
    int a = def_axis(c, e->axis[x].sym);
    if (a >= c->g->nshared && a != (int)s && (x >= e->npar) == reduced) return a;
  }
  return -1;
}

static int last_shared(const struct chooser *c, const struct eq *p) {
  for (unsigned a = c->g->nshared; a-- > 0;)
    if (p && def_extent(c, a) != 1) return (int)a;
  return (int)c->g->nshared - 1;
}

/* Elements of the stream at a time. A short axis is one block: then nothing runs in parts. */
int64_t def_stream_block(int64_t ext, int64_t tile, int64_t want) {
  int64_t n = def_pick_block(ext, tile, want);
  if (!n) n = def_round_up(ext, tile);
  return n > tile ? n : 0;
}

/* Bodies of a stream are long: rather a smaller tile than a second body for the rest. */
static int64_t even_rows(int64_t ext, int64_t max) {
  for (int64_t r = max; ext && r * 3 >= max * 2; r--)
    if (ext % r == 0) return r;
  return def_pick_rows(ext, max);
}

/* What the score reads along the stream, as def_find_shared found it for lanes s and rows t. */
static struct reuse shared_read(const struct chooser *c, const struct eq *score, unsigned s, unsigned t) {
  struct reuse k = {c->g->axis[s].sym, c->g->axis[t].sym, c, false, 0, NULL};
  expr_visit(score->body, def_find_shared, &k);
  return k;
}

struct stream_read {
  const struct chooser *c;
  sym_t s;
  const struct access *acc;
};
static void find_stream_read(expr_t x, void *ctx) {
  struct stream_read *k = ctx;
  if (x->kind == E_READ && def_has(x->acc, k->s) && !group_private(k->c->gs, k->c->gi, x->acc->tensor)) k->acc = x->acc;
}

static const struct access *stream_read(const struct chooser *c, const struct eq *e, unsigned s) {
  struct stream_read k = {c, c->g->axis[s].sym, NULL};
  expr_visit(e->body, find_stream_read, &k);
  return k.acc;
}

/* Every row has a stream of its own (decoding: one query, a long cache): nothing is used twice, and the stream should
   pass at the speed of memory. Scores take a vector of keys at a time, turned in registers; the next keys and values
   are asked for meanwhile. */
static bool one_row(struct chooser *c, unsigned s, unsigned d, unsigned v, const struct eq *score,
                    const struct eq *out) {
  int64_t lanes = def_lanes(c, out), most = c->lim->vector_regs / 4,
          block = def_stream_block(def_extent(c, s), lanes, 256);
  const struct access *keys = stream_read(c, score, s), *values = stream_read(c, out, s);
  struct order o = {0};
  bool parts = c->part >= 0; /* each a block of its own */
  if (!keys || !values || (!block && !parts)) return false;
  bool turned = def_step(c, keys->tensor, def_subs(c, keys), c->g->axis[d].sym) == 1;
  def_push(c, STEP_tile, LOOP_ID(s, 0), lanes);
  if (!parts) def_push(c, STEP_tile, LOOP_ID(s, 0), block);
  if (turned) def_push(c, STEP_tile, LOOP_ID(d, 0), lanes);
  def_push(c, STEP_tile, LOOP_ID(v, 0), def_pick_vectors(def_extent(c, v), lanes, most) * lanes);
  if (parts) def_then(&o, (unsigned)c->part, 0);
  for (unsigned a = 0; a < c->g->nshared; a++) def_then(&o, a, 0);
  if (!parts) def_then(&o, s, 2);
  def_then(&o, v, 1);
  def_then(&o, s, 1);
  if (turned) def_then(&o, d, 1);
  def_then(&o, d, 0);
  def_then(&o, s, 0);
  def_then(&o, v, 0);
  def_push_order(c, &o);
  def_push(c, STEP_vector, LOOP_ID(s, 0), 0);
  def_push(c, STEP_vector, LOOP_ID(v, 0), 0);
  if (turned) def_push(c, STEP_unroll, LOOP_ID(d, 0), 0);
  def_push(c, STEP_prefetch, LOOP_ID(s, 1), def_operand(c, keys->tensor));
  def_push(c, STEP_prefetch, LOOP_ID(s, 1), def_operand(c, values->tensor));
  def_push_parallel(c, &o);
  return true;
}

/* May all keys be one block: they and the values stay in half of L2, and nothing (a causal mask) ends a row early? Then
   nothing runs in parts. 0: no. */
static int64_t whole_stream(const struct chooser *c, unsigned s, const struct eq *score, const struct eq *out,
                            int64_t tile) {
  const struct access *keys = stream_read(c, score, s), *values = stream_read(c, out, s);
  int64_t ext = def_extent(c, s), row = 0;
  if (!ext || ext > 1024 || !keys || !values) return 0;
  for (unsigned i = 0; i < c->g->neq; i++)
    if (c->gs->k->eq[c->g->eq[i]].nguard) return 0;
  const struct access *both[] = {keys, values};
  for (unsigned i = 0; i < 2; i++) {
    int64_t n = (int64_t)type_size(c->gs->k->tensor[both[i]->tensor].type);
    for (unsigned a = c->g->nshared; a < c->g->naxis; a++)
      if (a != s && def_has(both[i], c->g->axis[a].sym)) n *= def_guess(c, a);
    row += n;
  }
  return row * ext <= c->lim->l2_bytes / 2 ? def_round_up(ext, tile) : 0;
}

bool def_find_stream(const struct chooser *c, struct stream_axes *x) {
  x->s = (unsigned)c->stream;
  x->score = product_over(c, x->s, false);
  x->out = product_over(c, x->s, true);
  x->t = last_shared(c, x->out);
  x->d = x->score ? own_axis(c, x->score, x->s, true) : -1;
  x->v = x->out ? own_axis(c, x->out, x->s, false) : -1;
  if (x->t < 0 || !x->score || !x->out || x->v < 0 || x->d < 0) return false;
  x->keys = stream_read(c, x->score, x->s);
  x->values = stream_read(c, x->out, x->s);
  return true;
}

/* insn: the matrix instruction that makes the scores (step: of the reduction), -1: none. */
static bool many_rows(struct chooser *c, const struct stream_axes *x, int insn, int64_t step) {
  unsigned s = x->s;
  const struct eq *score = x->score, *out = x->out;
  int t = x->t, d = x->d, v = x->v;
  int64_t lanes = def_lanes(c, out);
  if (lanes < 2) return false;
  struct reuse k = shared_read(c, score, s, (unsigned)t);
  if ((!k.shared || def_extent(c, (unsigned)t) == 1) && one_row(c, s, (unsigned)d, (unsigned)v, score, out))
    return true;
  if (c->part >= 0) return false;
  int64_t nv = c->lim->vector_regs >= 32 ? 4 : 2, sv = def_pick_vectors(def_extent(c, s), lanes, nv),
          vv = def_pick_vectors(def_extent(c, (unsigned)v), lanes, nv);
  int64_t tr = even_rows(def_extent(c, (unsigned)t), def_max_rows(c, sv > vv ? sv : vv));
  int64_t all = whole_stream(c, s, score, out, sv * lanes),
          tb = all ? 0 : def_pick_block(def_extent(c, (unsigned)t), tr, 48),
          sb = all ? (all > sv * lanes ? all : 0) : def_stream_block(def_extent(c, s), sv * lanes, 256);
  struct order o = {0};
  def_push(c, STEP_tile, LOOP_ID(t, 0), tr);
  def_push(c, STEP_tile, LOOP_ID(s, 0), sv * lanes);
  def_push(c, STEP_tile, LOOP_ID(v, 0), vv * lanes);
  if (tb) def_push(c, STEP_tile, LOOP_ID(t, 0), tb);
  if (sb) def_push(c, STEP_tile, LOOP_ID(s, 0), sb);
  if (insn >= 0) def_push(c, STEP_tile, LOOP_ID(d, 0), step);
  for (unsigned a = 0; a < c->g->nshared; a++)
    if ((int)a != t) def_then(&o, a, 0);
  unsigned at = o.n;
  if (tb) def_then(&o, (unsigned)t, 2);
  if (sb) def_then(&o, s, 2);
  def_then(&o, (unsigned)t, 1);
  def_then(&o, (unsigned)v, 1);
  def_then(&o, s, 1);
  def_then(&o, (unsigned)d, insn >= 0);
  def_then(&o, s, 0);
  def_then(&o, (unsigned)t, 0);
  def_then(&o, (unsigned)v, 0);
  def_then(&o, (unsigned)d, 0);
  def_push_order(c, &o);
  def_push(c, STEP_vector, LOOP_ID(s, 0), 0);
  def_push(c, STEP_vector, LOOP_ID(v, 0), 0);
  def_push(c, STEP_unroll, LOOP_ID(t, 0), 0);
  def_push(c, STEP_unroll, LOOP_ID(d, insn >= 0), 4);
  if (insn >= 0 && !def_push(c, STEP_tensorize, LOOP_ID(d, 0), insn)) return false;
  if (insn >= 0 && c->o->fast) def_push(c, STEP_tensorize, LOOP_ID(s, 0), insn);
  if (k.shared && (at || tb)) def_push(c, STEP_pack, o.l[at ? at - 1 : 0], def_operand(c, k.tensor));
  def_push_parallel(c, &o);
  return true;
}

bool def_stream(struct chooser *c) {
  struct stream_axes x;
  struct dot d;
  if (!def_find_stream(c, &x)) return false;
  int insn = def_instruction(c, x.score, &d);
  if (insn >= 0 && many_rows(c, &x, insn, d.group)) return true;
  c->s = sched_none();
  return many_rows(c, &x, -1, 0);
}
