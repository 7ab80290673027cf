/* The part of inline that works backwards: a result that only copies a temp takes the temp's place. C code sums in a
   local and stores it at the end; without this a product would carry an epilogue that does nothing.

   Y[i,j] = T[i,j] (or a conversion of it, when nobody else reads T) must be the only writer of Y, T must have one
   writer of the same elements, and nothing may look at Y's old elements from there on. */
#include "compiler/pass/copy.h"
#include "compiler/pass/util.h"

/* The temp that e copies, element by element, or -1. *converts: with a change of type. */
static int copied(const struct kernel *k, const struct eq *e, bool *converts) {
  expr_t x = e->body;
  *converts = false;
  if (e->red != RED_none || e->nguard || !eq_bare(k, e)) return -1;
  if (x->kind == E_CAST && x->type == k->tensor[e->lhs].type) x = x->kid[0];
  if (x->kind != E_READ || k->tensor[x->acc->tensor].role != ROLE_TEMP) return -1;
  if (!access_is(x->acc, k->tensor[e->lhs].rank, e->lhs_idx)) return -1;
  *converts = k->tensor[x->acc->tensor].type != k->tensor[e->lhs].type;
  return x->acc->tensor;
}

/* Type of the value that e makes before it is stored. */
static enum dtype value_type(const struct eq *e) {
  return e->red == RED_argmax || e->red == RED_argmin ? DT_i64 : (enum dtype)e->body->type;
}

static unsigned readers(const struct kernel *k, unsigned tensor) {
  unsigned n = 0;
  for (unsigned i = 0; i < k->neq; i++) n += eq_reads(&k->eq[i], tensor);
  return n;
}

static bool may_replace(const struct kernel *k, unsigned at, unsigned t, bool converts, unsigned *from) {
  const struct eq *copy = &k->eq[at];
  unsigned w;
  if (kernel_writers(k, t, from) != 1 || kernel_writers(k, copy->lhs, &w) != 1 || *from >= at) return false;
  const struct eq *e = &k->eq[*from];
  if (!eq_same_box(k, e, copy) || value_type(e) != k->tensor[t].type || eq_reads(e, copy->lhs)) return false;
  if (converts && readers(k, t) != 1) return false;
  for (unsigned i = *from + 1; i < k->neq; i++)
    if (i < at && eq_reads(&k->eq[i], copy->lhs)) return false;
  return true;
}

void copy_kernel(struct arena *a, struct kernel *k) {
  for (unsigned at = 0; at < k->neq; at++) {
    bool converts;
    unsigned from;
    int t = copied(k, &k->eq[at], &converts);
    if (t < 0 || !may_replace(k, at, (unsigned)t, converts, &from)) continue;
    unsigned to = k->eq[at].lhs;
    k->eq[from].lhs = (uint16_t)to;
    kernel_remove_eq(k, at--);
    for (unsigned i = 0; i < k->neq; i++) eq_redirect(a, &k->eq[i], (unsigned)t, to);
  }
}
