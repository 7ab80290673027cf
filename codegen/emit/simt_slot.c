/* Which operands of a ring (simt_tma.c) share a pair of barriers, a slot: those that a statement of the loop's body
   reads together. So what is read first is waited for alone, and given back while others are still read (keys and
   values of attention). */
#include "codegen/emit/ring.h"

struct reads {
  const struct ring *r;
  unsigned *first, now; /* by object: the statement that reads it first; 0: none yet */
  unsigned slots;       /* or: those of the objects that are read */
};

static void find_read(expr_t x, void *ctx) {
  struct reads *k = ctx;
  if (x->kind != E_READ || !k->r->object[x->acc->tensor]) return;
  if (!k->first)
    k->slots |= 1u << k->r->slot[x->acc->tensor];
  else if (!k->first[x->acc->tensor])
    k->first[x->acc->tensor] = k->now;
}

static void visit(const struct lstmt *s, struct reads *k) {
  if (s->value) expr_visit(s->value, find_read, k);
  if (s->cond) expr_visit(s->cond, find_read, k);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) visit(s->body[i], k);
}

/* Statements in their order; blocks and allocations are none. */
static void number(const struct lstmt *s, struct reads *k) {
  if (s->kind != L_BLOCK && s->kind != L_ALLOC) {
    k->now++;
    visit(s, k);
    return;
  }
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) number(s->body[i], k);
}

void ring_find_slots(struct fn *f, struct ring *r) {
  const struct lstmt *body = r->loop->body[0];
  unsigned last = 0;
  struct reads k = {.r = r, .first = ARENA_NEW(f->m->arena, unsigned, f->f->nobject + 1)};
  for (uint32_t i = 1; i < body->nbody; i++)
    if (body->body[i]) number(body->body[i], &k);
  r->slot = ARENA_NEW(f->m->arena, uint8_t, f->f->nobject + 1);
  for (unsigned at = 0; at <= k.now; at++) /* what nothing reads comes first */
    for (unsigned i = 0; i < f->f->nobject; i++) {
      const struct object *o = &f->f->object[i];
      if (!r->object[i] || k.first[i] != at) continue;
      if (r->nslot < RING_SLOTS && (!r->nslot || last != at)) r->nslot++, last = at;
      r->slot[i] = (uint8_t)(r->nslot - 1);
      r->bytes[r->slot[i]] += (int64_t)o->panel_rows * o->panel_cols * (int64_t)type_size((enum dtype)o->type);
    }
}

unsigned ring_slots_read(const struct ring *r, const struct lstmt *s) {
  struct reads k = {.r = r};
  visit(s, &k);
  return k.slots;
}
