/* dce: TENSOR -> TENSOR. Needs nothing; gives a kernel in which every equation reaches a result and every temp is used.
   Changes no result. Temps that nobody names any more leave the tensor table, so that equal kernels have equal tables.
 */
#include "compiler/pass/passes.h"
#include "compiler/pass/util.h"

static void mark_read(expr_t x, void *ctx) {
  bool *live = ctx;
  if (x->kind == E_READ) live[x->acc->tensor] = true;
}

/* An equation is live when its tensor is a result or is read by a live equation behind it. Temps start empty, so
 * earlier readers do not count. */
static void drop_dead(struct arena *a, struct kernel *k) {
  bool *live = ARENA_NEW(a, bool, k->ntensor + 1);
  for (unsigned i = 0; i < k->ntensor; i++) live[i] = k->tensor[i].role != ROLE_TEMP;
  for (unsigned i = k->neq; i-- > 0;)
    if (live[k->eq[i].lhs])
      eq_visit(&k->eq[i], mark_read, live);
    else
      kernel_remove_eq(k, i);
}

static expr_t renumber(struct arena *a, expr_t x, void *ctx) {
  const uint16_t *map = ctx;
  if (x->kind != E_READ || map[x->acc->tensor] == x->acc->tensor) return x;
  struct access *acc = arena_dup(a, x->acc, sizeof *x->acc);
  acc->tensor = map[acc->tensor];
  struct expr *y = arena_dup(a, x, sizeof *x);
  y->acc = acc;
  return y;
}

static void drop_temps(struct arena *a, struct kernel *k) {
  bool *used = ARENA_NEW(a, bool, k->ntensor + 1);
  uint16_t *map = ARENA_NEW(a, uint16_t, k->ntensor + 1);
  unsigned n = 0;
  for (unsigned i = 0; i < k->neq; i++) used[k->eq[i].lhs] = true, eq_visit(&k->eq[i], mark_read, used);
  for (unsigned i = 0; i < k->ntensor; i++)
    if (used[i] || k->tensor[i].role != ROLE_TEMP) map[i] = (uint16_t)n, k->tensor[n++] = k->tensor[i];
  if (n == k->ntensor) return;
  k->ntensor = (uint16_t)n;
  for (unsigned i = 0; i < k->neq; i++) k->eq[i].lhs = map[k->eq[i].lhs], eq_map(a, &k->eq[i], renumber, map);
  for (unsigned i = 0; i < k->nparam; i++)
    if (k->param[i].kind == PARAM_TENSOR) k->param[i].ref = map[k->param[i].ref];
}

enum status pass_dce(struct arena *a, struct unit *u, struct diag *d) {
  (void)d;
  drop_dead(a, u->k);
  drop_temps(a, u->k);
  return ST_OK;
}
