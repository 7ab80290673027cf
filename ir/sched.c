/* Schedules as values: comparing, hashing, and the numbering of a group's operands. Text is in sched_text.c. */
#include "ir/sched.h"
#include <string.h>

struct operands {
  const struct groups *gs;
  unsigned g, n, max;
  uint16_t *tensor;
};

static void add(struct operands *o, uint16_t t) {
  for (unsigned i = 0; i < o->n && i < o->max; i++)
    if (o->tensor[i] == t) return;
  if (group_private(o->gs, o->g, t)) return;
  if (o->n < o->max) o->tensor[o->n++] = t;
}

static void add_reads(expr_t x, void *ctx) {
  if (x->kind == E_READ) add(ctx, x->acc->tensor);
}

unsigned group_operands(const struct groups *gs, unsigned g, uint16_t *tensor, unsigned max) {
  struct operands o = {gs, g, 0, max, tensor};
  for (unsigned i = 0; i < gs->g[g].neq; i++) {
    const struct eq *e = &gs->k->eq[gs->g[g].eq[i]];
    const expr_t part[] = {e->body, e->init, e->start, e->running, e->rescale};
    for (size_t j = 0; j < sizeof part / sizeof *part; j++)
      if (part[j]) expr_visit(part[j], add_reads, &o);
    add(&o, e->lhs);
  }
  return o.n;
}

unsigned group_temps(const struct groups *gs, unsigned g, uint16_t *tensor, unsigned max) {
  unsigned n = 0;
  for (unsigned i = 0; i < gs->g[g].neq; i++) {
    uint16_t t = gs->k->eq[gs->g[g].eq[i]].lhs;
    bool again = !group_private(gs, g, t);
    for (unsigned j = 0; j < i && !again; j++) again = gs->k->eq[gs->g[g].eq[j]].lhs == t;
    if (again) continue;
    if (n < max) tensor[n] = t;
    n++;
  }
  return n;
}

bool sched_push(struct sched *s, enum stepkind kind, unsigned loop, int arg) {
  if (s->nstep >= SCHED_MAX || loop > UINT8_MAX || arg < INT16_MIN || arg > INT16_MAX) return false;
  s->step[s->nstep++] = (struct step){(uint8_t)kind, (uint8_t)loop, (int16_t)arg};
  return true;
}

bool sched_eq(const struct sched *a, const struct sched *b) {
  if (a->nstep != b->nstep) return false;
  for (unsigned i = 0; i < a->nstep; i++) {
    const struct step *x = &a->step[i], *y = &b->step[i];
    if (x->kind != y->kind || x->loop != y->loop || x->arg != y->arg) return false;
  }
  return true;
}

bool sched_is_plain(const struct sched *s) {
  for (unsigned i = 0; i < s->nstep; i++)
    if (s->step[i].kind == STEP_plain) return true;
  return false;
}

uint64_t sched_hash(const struct sched *s) {
  uint64_t h = 0xcbf29ce484222325u;
  for (unsigned i = 0; i < s->nstep; i++) {
    uint64_t word = (uint64_t)s->step[i].kind << 24 | (uint64_t)s->step[i].loop << 16 | (uint16_t)s->step[i].arg;
    h = (h ^ word) * 0x100000001b3u;
    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9u;
  }
  return h ^ h >> 32;
}
