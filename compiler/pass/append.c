/* `if (p) out[k++] = x` on lanes. See append.h. */
#include "compiler/pass/append.h"
#include "compiler/pass/skew_impl.h"
#include <string.h>

enum { LANES_LOG2 = 4, LANES = 1 << LANES_LOG2, BLOCK = 1024, STORES = 8, READS = 32, SETS = 16, TENSORS = 16 };

struct arm { /* {obj[k + offset] = value; …; k = k + 1} */
  unsigned counter, n;
  struct append_store {
    uint16_t tensor;
    int64_t offset;
    expr_t value;
    struct loc loc;
  } store[STORES];
};
struct append {
  struct arena *a;
  struct lfunc *f;
  const struct lstmt *loop, *cond;
  unsigned nset;
  const struct lstmt *set[SETS]; /* what the body computes first */
  unsigned narm;
  struct arm arm[2];
  expr_t *value; /* [nlocal] while an arm is read: what a local holds; NULL: itself */
  unsigned nread;
  const struct access *read[READS];
  bool fails;
};

/* --- what an iteration does --- */

static expr_t known(struct arena *a, expr_t e, void *ctx) {
  struct append *p = ctx;
  (void)a;
  return e->kind == E_LOCAL && p->value[e->id] ? p->value[e->id] : e;
}

/* k + offset, through conversions that keep what it is. */
static bool is_place(expr_t e, unsigned *local, int64_t *offset) {
  while (e->kind == E_CAST && type_is_int(e->type) && type_is_int(e->kid[0]->type) &&
         type_size(e->type) >= type_size(e->kid[0]->type))
    e = e->kid[0];
  *offset = 0;
  if (e->kind == E_OP && e->op == OP_add && e->kid[1]->kind == E_CONST && type_size(e->type) >= 4) {
    *offset = e->kid[1]->val.i;
    e = e->kid[0];
  }
  *local = e->id;
  return e->kind == E_LOCAL && type_is_int(e->type) && type_size(e->type) >= 4 && *offset > -BLOCK && *offset < BLOCK;
}

/* k + 1 when k holds k + 0 */
static expr_t folded(struct append *p, expr_t e) {
  unsigned k;
  int64_t inner;
  if (e->kind != E_OP || e->op != OP_add || e->kid[1]->kind != E_CONST || !is_place(e->kid[0], &k, &inner)) return e;
  if (e->kid[0]->kind == E_LOCAL || e->kid[0]->type != p->f->local[k].type) return e;
  return expr_op2(p->a, OP_add, expr_local(p->a, (enum dtype)e->type, k),
                  expr_i(p->a, (enum dtype)e->type, inner + e->kid[1]->val.i));
}

static bool take_store(struct append *p, struct arm *m, const struct lstmt *s) {
  const struct access *x = s->acc;
  unsigned k;
  int64_t base = 0, offset;
  bool simple = s->red == RED_none && x->rank == 1 && !x->nguard && x->ix[0].dyn && m->n < STORES &&
                (!x->ix[0].poly || poly_is_const(x->ix[0].poly, &base));
  if (!simple || base <= -BLOCK || base >= BLOCK) return false;
  expr_t at = expr_map(p->a, x->ix[0].dyn, known, p);
  if (!is_place(at, &k, &offset) || (m->n && k != m->counter)) return false;
  for (unsigned i = 0; i < m->n; i++)
    if (m->store[i].tensor == x->tensor) return false;
  m->counter = k;
  m->store[m->n++] = (struct append_store){x->tensor, base + offset, expr_map(p->a, s->value, known, p), s->loc};
  return true;
}

static bool take_arm(struct append *p, struct arm *m, const struct lstmt *s, uint8_t *set) {
  if (s->kind == L_BLOCK) {
    for (uint32_t i = 0; i < s->nbody; i++)
      if (s->body[i] && !take_arm(p, m, s->body[i], set)) return false;
    return true;
  }
  if (s->kind == L_STORE) return take_store(p, m, s);
  if (s->kind != L_SET) return false;
  p->value[s->id] = folded(p, expr_map(p->a, s->value, known, p));
  set[s->id] = 1;
  return true;
}

/* All that an arm sets but its counter ends with it. */
static bool ends_there(const struct append *p, const struct arm *m, const struct lstmt *s, const uint8_t *set) {
  for (unsigned v = 0; v < p->f->nlocal; v++)
    if (set[v] && v != m->counter && (tree_exposes(s, v) || tree_reads(p->f->body, v) != tree_reads(s, v)))
      return false;
  return true;
}

static bool read_arm(struct append *p, const struct lstmt *s) {
  struct arm *m = &p->arm[p->narm++];
  uint8_t *set = ARENA_NEW(p->a, uint8_t, p->f->nlocal + 1u);
  memset(set, 0, p->f->nlocal + 1u);
  memset(p->value, 0, p->f->nlocal * sizeof *p->value);
  m->n = 0;
  if (!take_arm(p, m, s, set) || !m->n || !set[m->counter]) return false;
  unsigned k;
  int64_t by;
  expr_t last = p->value[m->counter];
  return is_place(last, &k, &by) && k == m->counter && by == 1 && ends_there(p, m, s, set);
}

/* {sets; if (c) arm else arm} */
static bool read_body(struct append *p, const struct lstmt *s) {
  if (s->kind == L_BLOCK) {
    for (uint32_t i = 0; i < s->nbody; i++)
      if (s->body[i] && !read_body(p, s->body[i])) return false;
    return true;
  }
  if (p->cond) return false;
  if (s->kind == L_SET && p->nset < SETS) {
    p->set[p->nset++] = s;
    return true;
  }
  if (s->kind != L_IF || s->nguard || s->apart || !s->cond || !s->nbody || !s->body[0]) return false;
  p->cond = s;
  return read_arm(p, s->body[0]) && (s->nbody < 2 || !s->body[1] || read_arm(p, s->body[1]));
}

/* --- what it reads --- */

static bool is_counter(const struct append *p, unsigned local) {
  for (unsigned i = 0; i < p->narm; i++)
    if (p->arm[i].counter == local) return true;
  return false;
}

static void look(expr_t e, void *ctx) {
  struct append *p = ctx;
  if (e->kind == E_LOCAL && is_counter(p, e->id)) p->fails = true;
  if (e->kind != E_READ) return;
  p->fails |= p->nread == READS || e->acc->nguard || e->acc->otherwise;
  if (!p->fails) p->read[p->nread++] = e->acc;
}

static bool is_stored(const struct append *p, unsigned tensor, unsigned *arm, int64_t *offset) {
  for (unsigned i = 0; i < p->narm; i++)
    for (unsigned j = 0; j < p->arm[i].n; j++)
      if (p->arm[i].store[j].tensor == tensor) {
        *arm = i, *offset = p->arm[i].store[j].offset;
        return true;
      }
  return false;
}

/* Both arms may move the same counter, or store to the same array: their order would matter. */
static bool arms_meet(const struct append *p) {
  struct append first = *p;
  unsigned arm;
  int64_t offset;
  if (p->narm < 2) return false;
  first.narm = 1;
  for (unsigned j = 0; j < p->arm[1].n; j++)
    if (is_stored(&first, p->arm[1].store[j].tensor, &arm, &offset)) return true;
  return p->arm[0].counter == p->arm[1].counter;
}

static bool look_at_all(struct append *p) {
  p->nread = 0;
  p->fails = arms_meet(p);
  for (unsigned i = 0; i < p->nset; i++) {
    expr_visit(p->set[i]->value, look, p);
    p->fails |= is_counter(p, p->set[i]->id) || tree_exposes(p->loop->body[0], p->set[i]->id);
  }
  expr_visit(p->cond->cond, look, p);
  for (unsigned i = 0; i < p->narm; i++)
    for (unsigned j = 0; j < p->arm[i].n; j++) expr_visit(p->arm[i].store[j].value, look, p);
  return !p->fails;
}

/* --- blocks --- */

/* A block's first iteration and the one behind its last, where the counters stand, and what must hold for it. */
struct block {
  struct skew_made m;
  poly_t lo, hi, at[2], *size;
  unsigned nguard;
  poly_t guard[2 * READS + 2 * STORES + 3];
};

static void at_least(struct append *p, struct block *b, unsigned tensor, poly_t n) {
  int64_t c;
  poly_t was = b->size[tensor];
  bool first = (poly_is_const(was, &c) && c == 0) || poly_eq(was, n);
  b->size[tensor] =
      first ? n : skew_let(&b->m, "size", expr_op2(p->a, OP_max, expr_poly(p->a, was), expr_poly(p->a, n)));
}

/* Elements of a tensor with dims; NULL: not known. */
static poly_t declared(struct append *p, unsigned t) {
  const struct object *o = &p->f->object[t];
  poly_t n = poly_const(p->a, 1);
  for (unsigned d = 0; d < o->rank; d++) {
    if (!o->extent[d] || o->stride) return NULL;
    n = poly_mul(p->a, n, o->extent[d]);
  }
  return n;
}

/* How far reads of the block reach. What is read of an array that is stored to lies at or ahead of the place. */
static bool reach(struct append *p, struct block *b, const struct access *x) {
  unsigned t = x->tensor, arm;
  int64_t offset, c = 0;
  poly_t coef, rest, all;
  bool flat = x->rank == 1 && x->ix[0].poly && !x->ix[0].dyn &&
              poly_split(p->a, x->ix[0].poly, p->loop->sym, &coef, &rest) && poly_is_const(coef, &c) && c >= 0 &&
              c <= INT32_MAX;
  if (is_stored(p, t, &arm, &offset)) {
    if (!flat || c != 1 || p->narm > 1) return false; /* the other arm reads later */
    b->guard[b->nguard++] = poly_sub(p->a, poly_add(p->a, rest, b->lo), poly_addc(p->a, b->at[arm], offset));
  }
  if (t >= p->f->k->ntensor) return true; /* the function's own */
  if (!flat) {
    if ((all = declared(p, t))) at_least(p, b, t, all);
    return all != NULL;
  }
  poly_t first = poly_add(p->a, rest, poly_scale(p->a, b->lo, c));
  b->guard[b->nguard++] = first;
  poly_t last = poly_add(p->a, rest, poly_scale(p->a, poly_addc(p->a, b->hi, -1), c));
  at_least(p, b, t, poly_addc(p->a, last, 1));
  return true;
}

static bool conditions(struct append *p, struct block *b) {
  poly_t length = poly_sub(p->a, b->hi, b->lo);
  b->guard[b->nguard++] = poly_addc(p->a, length, -LANES);
  for (unsigned i = 0; i < p->narm; i++) /* 32 bits that wrap: none of the block's places does */
    if (p->f->local[p->arm[i].counter].type == DT_u32)
      b->guard[b->nguard++] = poly_addc(p->a, poly_scale(p->a, b->at[i], -1), (int64_t)UINT32_MAX - 2 * BLOCK);
  for (unsigned i = 0; i < p->narm; i++)
    for (unsigned j = 0; j < p->arm[i].n; j++) {
      poly_t first = poly_addc(p->a, b->at[i], p->arm[i].store[j].offset);
      b->guard[b->nguard++] = first;
      unsigned t = p->arm[i].store[j].tensor;
      if (t < p->f->k->ntensor) at_least(p, b, t, poly_add(p->a, first, length));
    }
  for (unsigned i = 0; i < p->nread; i++)
    if (!reach(p, b, p->read[i])) return false;
  return true;
}

static struct lstmt *arm_on_lanes(struct append *p, const struct arm *m) {
  struct arena *a = p->a;
  struct lstmt *s[STORES + 1];
  enum dtype t = (enum dtype)p->f->local[m->counter].type;
  expr_t k = expr_local(a, t, m->counter);
  for (unsigned i = 0; i < m->n; i++) {
    poly_t offset = poly_const(a, m->store[i].offset);
    struct access *x = access_new(a, m->store[i].tensor, 1, &offset);
    x->ix[0].dyn = expr_cast(a, DT_i64, k);
    s[i] = loop_store(a, x, RED_none, m->store[i].value);
    s[i]->loc = m->store[i].loc;
  }
  s[m->n] = loop_set(a, m->counter, expr_op2(a, OP_add, k, expr_i(a, t, 1)));
  return loop_block(a, m->n + 1, s);
}

/* Iterations lo .. hi, 16 at a time. */
static struct lstmt *on_lanes(struct append *p, const struct block *b) {
  struct arena *a = p->a;
  const char *name = p->f->k->sym[p->loop->sym].name;
  sym_t from = lfunc_add_sym(p->f, name), lane = lfunc_add_sym(p->f, name);
  struct lstmt *s[SETS + 1];
  for (unsigned i = 0; i < p->nset; i++) {
    s[i] = loop_set(a, p->set[i]->id, p->set[i]->value);
    s[i]->loc = p->set[i]->loc;
  }
  struct lstmt *other = p->narm == 2 ? arm_on_lanes(p, &p->arm[1]) : NULL;
  s[p->nset] = loop_if(a, 0, NULL, p->cond->cond, arm_on_lanes(p, &p->arm[0]), other);
  s[p->nset]->loc = p->cond->loc;
  struct skew_by by = {p->loop->sym, poly_sym(a, lane)};
  struct lstmt *body = skew_copy(b->m.k, loop_block(a, p->nset + 1, s), 1, &by);
  poly_t *hi = ARENA_NEW(a, poly_t, 2);
  hi[0] = poly_addc(a, poly_sym(a, from), LANES), hi[1] = b->hi;
  struct lstmt *v = loop_for(a, F_VECTOR, lane, poly_sym(a, from), hi[0], 1, body);
  v->hi = hi, v->nhi = 2, v->lanes_log2 = LANES_LOG2;
  struct lstmt *r = loop_for(a, F_SERIAL, from, b->lo, b->hi, LANES, v);
  v->loc = r->loc = p->loop->loc;
  return r;
}

static struct lstmt *serially(struct append *p, const struct block *b) {
  sym_t i = lfunc_add_sym(p->f, p->f->k->sym[p->loop->sym].name);
  struct skew_by by = {p->loop->sym, poly_sym(p->a, i)};
  struct lstmt *r = loop_for(p->a, F_SERIAL, i, b->lo, b->hi, 1, skew_copy(b->m.k, p->loop->body[0], 1, &by));
  r->loc = p->loop->loc;
  return r;
}

static poly_t end_of(struct append *p, struct block *b) {
  expr_t all = expr_poly(p->a, p->loop->hi[0]), some = expr_poly(p->a, poly_addc(p->a, b->lo, BLOCK));
  return skew_let(&b->m, "end", expr_op2(p->a, OP_min, all, some));
}

static struct lstmt *blocks(struct append *p) {
  struct arena *a = p->a;
  unsigned n = p->f->k->ntensor;
  struct skew k = {.a = a, .f = p->f, .time = p->loop};
  sym_t at = lfunc_add_sym(p->f, p->f->k->sym[p->loop->sym].name);
  struct block b = {.m = skew_made(&k), .lo = poly_sym(a, at), .size = ARENA_NEW(a, poly_t, n + 1u)};
  for (unsigned t = 0; t < n; t++) b.size[t] = poly_const(a, 0);
  b.hi = end_of(p, &b);
  for (unsigned i = 0; i < p->narm; i++) {
    expr_t c = expr_local(a, (enum dtype)p->f->local[p->arm[i].counter].type, p->arm[i].counter);
    b.at[i] = skew_let(&b.m, "at", expr_cast(a, DT_i64, c));
  }
  if (!conditions(p, &b)) return NULL;
  struct lstmt *plain = serially(p, &b), *r = loop_if(a, b.nguard, arena_dup(a, b.guard, b.nguard * sizeof *b.guard),
                                                      NULL, on_lanes(p, &b), plain);
  if (!kernel_restricts(p->f->k)) r->apart = true, r->hi = b.size, r->nhi = (uint8_t)n;
  b.m.s[b.m.n++] = r;
  r = loop_for(a, F_SERIAL, at, p->loop->lo[0], p->loop->hi[0], BLOCK, skew_block(&b.m));
  r->loc = p->loop->loc;
  return r;
}

static struct lstmt *attempt(struct append *p, const struct lstmt *s) {
  bool plain = s->kind == L_FOR && s->fkind == F_SERIAL && s->step == 1 && !s->once && s->nlo == 1 && s->nhi == 1;
  if (!plain || !s->nbody || !s->body[0]) return NULL;
  p->loop = s, p->cond = NULL;
  p->nset = p->narm = 0;
  p->fails = false;
  if (!read_body(p, s->body[0]) || !p->cond || !look_at_all(p)) return NULL;
  return blocks(p);
}

static void descend(struct append *p, struct lstmt *s) {
  for (uint32_t i = 0; i < s->nbody; i++) {
    if (!s->body[i]) continue;
    struct lstmt *r = attempt(p, s->body[i]);
    if (r)
      s->body[i] = r;
    else
      descend(p, s->body[i]);
  }
}

void pass_append(struct arena *a, struct source *s) {
  struct append *p = ARENA_NEW(a, struct append, 1);
  *p = (struct append){.a = a, .f = s->f, .value = ARENA_NEW(a, expr_t, s->f->nlocal + 1u)};
  if (s->f->k->ntensor > TENSORS) return;
  struct lstmt *whole = loop_block(a, 1, &s->f->body);
  descend(p, whole);
  s->f->body = whole->body[0];
}
