/* What the decoders of all instructions use: modifiers, and operands as slots of the right width. */
#include "runtime/emu/parse.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void emu_dec_fail(struct dec *d, uint32_t line, uint32_t col, const char *fmt, ...) {
  char text[160];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  emu_parse_fail(d->p, line, col, "%.*s: %s", (int)(d->name.n < 40 ? d->name.n : 40), d->name.s, text);
}
#define DFAIL(d, ...) emu_dec_fail(d, (d)->line, (d)->col, __VA_ARGS__)
/* An operand that is not there has no place: the instruction's then. */
#define OFAIL(d, o, ...)                                                                                               \
  emu_dec_fail(d, (o)->line ? (o)->line : (d)->line, (o)->line ? (o)->col : (d)->col, __VA_ARGS__)

/* ---- modifiers ---- */

bool emu_take(struct dec *d, const char *mod) {
  for (uint32_t i = 0; i < d->nmod; i++) {
    if (!d->used[i] && emu_slice_is(d->mod[i], mod)) return d->used[i] = true;
  }
  return false;
}

int emu_take_one(struct dec *d, const char *const *mods) {
  for (uint32_t i = 0; i < d->nmod; i++) {
    for (int k = 0; mods[k] && !d->used[i]; k++) {
      if (!emu_slice_is(d->mod[i], mods[k])) continue;
      d->used[i] = true;
      return k;
    }
  }
  return -1;
}

void emu_take_prefix(struct dec *d, const char *prefix) {
  size_t n = strlen(prefix);
  for (uint32_t i = 0; i < d->nmod; i++) {
    if (d->mod[i].n >= n && !memcmp(d->mod[i].s, prefix, n)) d->used[i] = true;
  }
}

enum emu_type emu_take_type(struct dec *d) {
  for (uint32_t i = 0; i < d->nmod; i++) {
    enum emu_type t = d->used[i] ? TY_NONE : emu_type_of(d->mod[i]);
    if (!t) continue;
    d->used[i] = true;
    return t;
  }
  return TY_NONE;
}

enum emu_type emu_need_type(struct dec *d) {
  enum emu_type t = emu_take_type(d);
  if (!t) DFAIL(d, "a type is missing");
  return t;
}

uint32_t emu_dec_sm(const struct dec *d) {
  return d->p->m->sm;
}

/* ---- operands ---- */

void emu_need_ops(struct dec *d, uint32_t least, uint32_t most) {
  if (d->nop >= least && d->nop <= most) return;
  if (least == most) DFAIL(d, "%u operands expected, not %u", least, d->nop);
  DFAIL(d, "%u to %u operands expected, not %u", least, most, d->nop);
}

uint32_t emu_konst(struct dec *d, uint64_t value) {
  return emu_konst_slot(d->p, value, NULL);
}

static uint64_t truncated(uint64_t v, uint32_t bits) {
  return bits >= 64 ? v : v & (((uint64_t)1 << bits) - 1);
}

static uint32_t float_konst(struct dec *d, const struct opnd *o, enum emu_type t) {
  uint32_t bits = emu_type_bits(t), raw;
  if (o->bits == bits) return emu_konst(d, o->val);
  if (o->bits != 64 || t != TY_F32)
    OFAIL(d, o, "a constant of %u bits cannot be of type .%s", o->bits, emu_type_name(t));
  double v;
  memcpy(&v, &o->val, 8);
  float f = (float)v;
  memcpy(&raw, &f, 4);
  return emu_konst(d, raw);
}

static uint32_t constant(struct dec *d, const struct opnd *o, enum emu_type t) {
  uint32_t bits = emu_type_bits(t);
  if (o->kind == O_FLOAT) return float_konst(d, o, t);
  if (t == TY_F32 || t == TY_F64) OFAIL(d, o, "a floating-point constant expected");
  if (bits < 64) {
    int64_t s = (int64_t)o->val;
    if (s >= (int64_t)1 << bits || s < -((int64_t)1 << bits)) OFAIL(d, o, "constant does not fit into %u bits", bits);
  }
  return emu_konst(d, truncated(o->val, bits));
}

uint32_t emu_src_wide(struct dec *d, const struct opnd *o, enum emu_type t, uint32_t *bits) {
  uint32_t want = emu_type_bits(t);
  if (bits) *bits = want;
  switch (o->kind) {
  case O_INT:
  case O_FLOAT:
    return constant(d, o, t);
  case O_VAR:
    if (emu_type_class(t) == TC_F || want < 32) OFAIL(d, o, "an address is 32 or 64 bits");
    return o->slot;
  case O_REG:
    if (o->pred != (t == TY_PRED))
      OFAIL(d, o, o->pred ? "a predicate register where .%s is expected" : "a predicate register expected",
            emu_type_name(t));
    if (o->bits < want) OFAIL(d, o, "register has %u bits, .%s takes %u", o->bits, emu_type_name(t), want);
    if (o->neg) OFAIL(d, o, "'!' or '-' is not allowed here");
    if (bits) *bits = o->bits;
    for (uint32_t c = SR_CLOCK; c <= SR_GLOBALTIMER_LO; c++) d->ins->clock |= d->p->k->sreg[c] == o->slot;
    return o->slot;
  default:
    OFAIL(d, o, o->kind == O_LABEL ? "unknown name '%.*s'" : "a register or constant expected",
          (int)(o->label.n < 60 ? o->label.n : 60), o->label.s);
  }
}

uint32_t emu_src(struct dec *d, const struct opnd *o, enum emu_type t) {
  uint32_t bits, slot = emu_src_wide(d, o, t, &bits);
  if (o->kind == O_REG && bits != emu_type_bits(t))
    OFAIL(d, o, "register has %u bits, .%s takes %u", bits, emu_type_name(t), emu_type_bits(t));
  return slot;
}

uint32_t emu_dst_wide(struct dec *d, const struct opnd *o, enum emu_type t, uint32_t *bits) {
  if (bits) *bits = emu_type_bits(t);
  if (o->kind == O_SINK) return 0;
  if (o->kind != O_REG) OFAIL(d, o, "a register expected");
  for (uint32_t i = 0; i < SR_COUNT; i++) {
    if (o->slot == d->p->k->sreg[i] && o->slot) OFAIL(d, o, "special registers are read only");
  }
  return emu_src_wide(d, o, t, bits);
}

uint32_t emu_dst(struct dec *d, const struct opnd *o, enum emu_type t) {
  uint32_t bits, slot = emu_dst_wide(d, o, t, &bits);
  if (o->kind == O_REG && bits != emu_type_bits(t))
    OFAIL(d, o, "register has %u bits, .%s takes %u", bits, emu_type_name(t), emu_type_bits(t));
  return slot;
}

uint32_t emu_src_pred(struct dec *d, const struct opnd *o, bool *neg) {
  struct opnd plain = *o;
  if (o->kind == O_INT) {
    *neg = false;
    return emu_konst(d, o->val != 0);
  }
  *neg = o->neg;
  plain.neg = false;
  return emu_src(d, &plain, TY_PRED);
}

uint32_t emu_src_addr(struct dec *d, const struct opnd *o) {
  struct ins *i = d->ins;
  if (o->kind != O_ADDR) OFAIL(d, o, "an address in brackets expected");
  if (i->space == SP_GENERIC) {
    i->space = o->space;
  } else if (o->space != SP_GENERIC && o->space != i->space && !(i->space == SP_CLUSTER && o->space == SP_SHARED)) {
    OFAIL(d, o, "the variable is in another state space");
  }
  i->off = o->off;
  return o->slot;
}

uint64_t emu_src_imm(struct dec *d, const struct opnd *o) {
  if (o->kind != O_INT) OFAIL(d, o, "an integer constant expected");
  return o->val;
}

uint32_t *emu_dec_list(struct dec *d, uint32_t n) {
  return emu_keep(d->p->m, n * sizeof(uint32_t));
}

const uint32_t *emu_vec(struct dec *d, const struct opnd *o, uint32_t n, enum emu_type t, bool dst) {
  const struct opnd *e = o->kind == O_VEC ? o->vec : o;
  uint32_t have = o->kind == O_VEC ? o->nvec : 1;
  if (n && have != n) OFAIL(d, o, "%u registers expected, not %u", n, have);
  uint32_t *list = emu_dec_list(d, have ? have : 1);
  for (uint32_t i = 0; i < have; i++) list[i] = dst ? emu_dst(d, &e[i], t) : emu_src(d, &e[i], t);
  return list;
}

void emu_dec_label(struct dec *d, const struct slice *label, uint32_t index) {
  struct parse *p = d->p;
  p->use = emu_grow(p, p->use, p->nuse, &p->cap_use, sizeof *p->use);
  p->use[p->nuse++] = (struct label_use){p->ncode, index, *label, d->line, d->col};
}

const struct slice *emu_dec_targets(struct dec *d, const struct opnd *o, uint32_t *n) {
  if (o->kind != O_LABEL) OFAIL(d, o, "a list of targets expected");
  for (struct list_targets *t = d->p->targets; t; t = t->next) {
    if (t->name.n != o->label.n || memcmp(t->name.s, o->label.s, t->name.n)) continue;
    *n = t->n;
    return t->label;
  }
  OFAIL(d, o, "no .branchtargets of that name");
}

/* ---- the instruction ---- */

static const struct emu_opcode opcodes[] = {
#define X(name, fn, cls) {name, fn, EMU_CLS_##cls},
#include "runtime/emu/opcodes.def"
#undef X
};

const struct emu_opcode *emu_opcode_find(struct slice name) {
  for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++) {
    if (emu_slice_is(name, opcodes[i].name)) return &opcodes[i];
  }
  return NULL;
}

void emu_decode_ins(struct parse *p, struct dec *d) {
  const struct emu_opcode *op = emu_opcode_find(d->name);
  if (!op) {
    emu_parse_fail(p, d->line, d->col, "unknown instruction '%.*s'", (int)(d->name.n < 60 ? d->name.n : 60), d->name.s);
  }
  d->ins->cls = op->cls;
  op->decode(d);
  for (uint32_t i = 0; i < d->nmod; i++) {
    uint32_t col = d->col + (uint32_t)(d->mod[i].s - d->name.s);
    if (!d->used[i])
      emu_dec_fail(d, d->line, col, "modifier '.%.*s' is unknown or not allowed here",
                   (int)(d->mod[i].n < 40 ? d->mod[i].n : 40), d->mod[i].s);
  }
}

uint64_t (*emu_konst_pool(struct parse *p))[32] {
  uint64_t(*pool)[32] = malloc((p->nkonst + 1) * sizeof *pool);
  for (uint32_t i = 0; pool && i < p->nkonst; i++) {
    const struct sym *s = p->konst[i].sym;
    uint64_t v = p->konst[i].val;
    if (s) v += s->dynamic ? SHARED_BASE + p->k->shared_dynamic : s->addr;
    for (int l = 0; l < 32; l++) pool[i][l] = v;
  }
  return pool;
}
