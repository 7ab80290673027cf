/* dce: TENSOR -> TENSOR. Needs nothing; gives a kernel in which every equation reaches a result and every temp is used.
   Changes no result. Temps and indices that nobody names any more leave their tables, so that equal kernels have equal
   tables.
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

enum status pass_dce(struct arena *a, struct unit *u, struct diag *d) {
  (void)d;
  drop_dead(a, u->k);
  kernel_tidy(a, u->k, NULL);
  return ST_OK;
}
