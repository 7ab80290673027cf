/* Branches, ends, and instructions without an effect on results. */
#include "runtime/emu/machine.h"

#define FAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)

void emu_dec_bra(struct dec *d) {
  emu_take(d, "uni");
  emu_need_ops(d, 1, 1);
  if (d->op[0].kind != O_LABEL) FAIL(d, "a label expected");
  d->ins->kind = K_BRANCH;
  emu_dec_label(d, &d->op[0].label, NO_PC);
}

void emu_dec_brx(struct dec *d) {
  struct ins *i = d->ins;
  if (!emu_take(d, "idx")) FAIL(d, "'.idx' expected");
  emu_take(d, "uni");
  emu_need_ops(d, 2, 2);
  i->kind = K_BRX;
  i->s[0] = emu_src(d, &d->op[0], TY_U32);
  uint32_t n;
  const struct slice *label = emu_dec_targets(d, &d->op[1], &n);
  i->v = emu_dec_list(d, n);
  i->nv = n;
  for (uint32_t k = 0; k < n; k++) emu_dec_label(d, &label[k], k);
}

void emu_dec_exit(struct dec *d) {
  emu_take(d, "uni");
  emu_need_ops(d, 0, 0);
  d->ins->kind = K_EXIT;
}

static enum step trap(struct warp *w, const struct ins *i, uint32_t mask) {
  return emu_found(w, i, __builtin_ctz(mask), EMU_TRAP, "the kernel executed trap");
}
void emu_dec_trap(struct dec *d) {
  emu_need_ops(d, 0, 0);
  d->ins->fn = trap;
}

static enum step nothing(struct warp *w, const struct ins *i, uint32_t mask) {
  (void)w, (void)i, (void)mask;
  return STEP_NEXT;
}
void emu_dec_nop(struct dec *d) {
  for (uint32_t k = 0; k < d->nmod; k++) d->used[k] = true;
  d->ins->fn = nothing;
}

/* Hints to caches: the address is not looked at, as on the device. */
void emu_dec_prefetch(struct dec *d) {
  static const char *const spaces[] = {"global", "local", "param", "const", "shared", NULL};
  (void)emu_take_one(d, spaces);
  emu_take(d, "tensormap");
  emu_take_prefix(d, "L1");
  emu_take_prefix(d, "L2");
  emu_need_ops(d, 1, 2);
  if (d->op[0].kind != O_ADDR) FAIL(d, "an address in brackets expected");
  d->ins->fn = nothing;
}

/* A cache policy has no effect here; its register gets some value. */
static enum step policy(struct warp *w, const struct ins *i, uint32_t mask) {
  uint64_t *d = emu_slot(w, i->s[0]);
  LANES(l, mask) d[l] = (uint64_t)0x1000000000000000u;
  return STEP_NEXT;
}
void emu_dec_createpolicy(struct dec *d) {
  emu_take(d, "fractional");
  emu_take(d, "range");
  emu_take(d, "global");
  emu_take(d, "cvt");
  emu_take_prefix(d, "L2");
  if (emu_need_type(d) != TY_B64) FAIL(d, ".b64 expected");
  emu_need_ops(d, 1, 4);
  d->ins->s[0] = emu_dst(d, &d->op[0], TY_B64);
  d->ins->fn = policy;
}
