/* Bodies of kernels: registers, labels, and instructions up to their operands. Leaves what an instruction means to the
 * decoders. */
#include "runtime/emu/parse.h"
#include <string.h>

enum { MAX_VEC = 600, MAX_SLOTS = 1 << 17, MAX_CODE = 1 << 22, MAX_FAMILY = 1 << 20 };

/* ---- constants and slots ---- */

uint32_t emu_konst_slot(struct parse *p, uint64_t val, struct sym *sym) {
  uint64_t key = (val ^ (uint64_t)(uintptr_t)sym) * 0x9e3779b97f4a7c15u;
  uint32_t *b = &p->konst_bucket[key >> 54];
  for (uint32_t i = *b; i; i = p->konst[i - 1].next) {
    if (p->konst[i - 1].val == val && p->konst[i - 1].sym == sym) return (i - 1) | SLOT_KONST;
  }
  if (p->nkonst == MAX_SLOTS) FAIL(p, "more than %d constants in a kernel", MAX_SLOTS);
  p->konst = emu_grow(p, p->konst, p->nkonst, &p->cap_konst, sizeof *p->konst);
  p->konst[p->nkonst] = (struct konst){val, sym, *b};
  *b = ++p->nkonst;
  return (p->nkonst - 1) | SLOT_KONST;
}

static uint32_t new_slot(struct parse *p, enum emu_type t) {
  uint32_t at = p->k->nslot, n = t == TY_B128 ? 2 : 1;
  if (at + n > MAX_SLOTS) FAIL(p, "more than %d registers in a kernel", MAX_SLOTS);
  p->k->nslot += n;
  return at;
}

/* ---- declarations ---- */

static void registers(struct parse *p) {
  enum emu_type t = TY_NONE;
  if (p->l.tok == T_WORD) t = emu_type_of(p->l.text);
  if (!t) FAIL(p, "a register type expected");
  emu_next(p);
  do {
    struct slice name = emu_name(p);
    if (emu_punct(p, '<')) {
      struct sym *s = emu_sym_add(p, name, SYM_FAMILY);
      uint64_t n = emu_int(p);
      if (n > MAX_FAMILY) FAIL(p, "more than %d registers", MAX_FAMILY);
      s->type = t;
      s->count = (uint32_t)n;
      s->slots = emu_keep(p->m, n * sizeof *s->slots);
      emu_expect(p, '>');
    } else {
      struct sym *s = emu_sym_add(p, name, SYM_REG);
      s->type = t;
      s->slot = new_slot(p, t);
    }
  } while (emu_punct(p, ','));
  emu_expect(p, ';');
}

static void branch_targets(struct parse *p, struct slice name) {
  struct list_targets *t = emu_keep(p->m, sizeof *t);
  uint32_t cap = 0;
  t->name = name;
  do {
    t->label = emu_grow(p, t->label, t->n, &cap, sizeof *t->label);
    t->label[t->n++] = emu_name(p);
  } while (emu_punct(p, ','));
  emu_expect(p, ';');
  t->next = p->targets;
  p->targets = t;
}

/* ---- operands ---- */

static bool sreg(struct parse *p, struct slice w, struct opnd *o) {
  static const struct {
    const char *text;
    uint32_t bits;
  } table[] = {
#define X(N, text, bits) {text, bits},
#include "runtime/emu/sregs.def"
#undef X
  };
  for (uint32_t i = 0; i < SR_COUNT; i++) {
    if (!emu_slice_is(w, table[i].text)) continue;
    if (!p->k->sreg[i]) p->k->sreg[i] = new_slot(p, TY_B64);
    o->kind = O_REG;
    o->slot = p->k->sreg[i];
    o->bits = table[i].bits;
    o->pred = o->bits == 1;
    return true;
  }
  return false;
}

static bool family(struct parse *p, struct slice w, struct opnd *o) {
  uint32_t n = w.n;
  uint64_t index = 0, scale = 1;
  while (n && w.s[n - 1] >= '0' && w.s[n - 1] <= '9' && w.n - n < 7) {
    index += (uint64_t)(w.s[--n] - '0') * scale;
    scale *= 10;
  }
  if (n == w.n) return false;
  struct sym *s = emu_sym_find(p, (struct slice){w.s, n});
  if (!s || s->kind != SYM_FAMILY || index >= s->count) return false;
  if (!s->slots[index]) s->slots[index] = new_slot(p, s->type);
  o->kind = O_REG;
  o->slot = s->slots[index];
  o->bits = emu_type_bits(s->type);
  o->pred = s->type == TY_PRED;
  return true;
}

/* Shared variables get their place when a kernel first names them. */
static void place_shared(struct parse *p, struct sym *s) {
  if (s->space != SP_SHARED || s->placed == p->k) return;
  s->placed = p->k;
  if (s->dynamic) {
    p->has_dynamic = true;
    if (s->align > p->dyn_align) p->dyn_align = s->align;
    return;
  }
  p->shared = (p->shared + s->align - 1) & -s->align;
  s->addr = SHARED_BASE + p->shared;
  if (s->size > 1 << 20 || p->shared + s->size > 1 << 20) FAIL(p, "more than 1 MiB of shared memory");
  p->shared += s->size;
}

static void named(struct parse *p, struct slice w, struct opnd *o) {
  struct sym *s = emu_sym_find(p, w);
  if (emu_slice_is(w, "_")) {
    o->kind = O_SINK;
  } else if (s && s->kind == SYM_REG) {
    o->kind = O_REG;
    o->slot = s->slot;
    o->bits = emu_type_bits(s->type);
    o->pred = s->type == TY_PRED;
  } else if (s && s->kind == SYM_VAR) {
    place_shared(p, s);
    o->kind = O_VAR;
    o->space = s->space;
    o->slot = emu_konst_slot(p, 0, s);
    o->bits = 64;
  } else if (!family(p, w, o) && !sreg(p, w, o)) {
    if (w.s[0] == '%') NAME_FAIL(p, "unknown register '%.*s'", (int)(w.n < 80 ? w.n : 80), w.s);
    o->kind = O_LABEL;
    o->label = w;
  }
}

static void operand(struct parse *p, struct opnd *o, int depth);

static void vector(struct parse *p, struct opnd *o, int depth) {
  uint32_t cap = 0;
  if (depth > 2) FAIL(p, "vectors nest too deep");
  o->kind = O_VEC;
  if (emu_punct(p, '}')) return;
  do {
    struct opnd e;
    operand(p, &e, depth + 1);
    if (o->nvec == MAX_VEC) FAIL(p, "more than %d elements in a vector", MAX_VEC);
    o->vec = emu_grow(p, o->vec, o->nvec, &cap, sizeof *o->vec);
    o->vec[o->nvec++] = e;
  } while (emu_punct(p, ','));
  emu_expect(p, '}');
}

static void offset(struct parse *p, struct opnd *o) {
  for (;;) {
    bool minus = p->l.tok == T_PUNCT && p->l.val == '-';
    if (!minus && !emu_punct(p, '+')) return;
    minus = emu_punct(p, '-') || minus;
    uint64_t v = emu_int(p);
    o->off = (int64_t)((uint64_t)o->off + (minus ? -v : v));
  }
}

static void address(struct parse *p, struct opnd *o, int depth) {
  if (p->l.tok == T_INT) {
    o->slot = emu_konst_slot(p, 0, NULL);
    o->off = (int64_t)emu_int(p);
  } else {
    struct slice w = emu_name(p);
    named(p, w, o);
    if (o->kind != O_REG && o->kind != O_VAR)
      NAME_FAIL(p, "unknown register or variable '%.*s' in an address", (int)(w.n < 80 ? w.n : 80), w.s);
    if (o->kind == O_REG && (o->pred || o->bits < 32)) FAIL(p, "an address is 32 or 64 bits");
    offset(p, o);
  }
  o->kind = O_ADDR;
  if (emu_punct(p, ',')) {
    struct opnd e;
    operand(p, &e, depth + 1);
    if (e.kind != O_VEC) FAIL(p, "coordinates in braces expected");
    o->vec = e.vec;
    o->nvec = e.nvec;
  }
  emu_expect(p, ']');
}

static void number(struct parse *p, struct opnd *o) {
  o->val = p->l.val;
  o->kind = p->l.tok == T_INT ? O_INT : O_FLOAT;
  o->bits = p->l.tok == T_F32 ? 32 : 64;
  emu_next(p);
  if (o->neg) o->val = o->kind == O_INT ? -o->val : o->val ^ (uint64_t)1 << (o->bits - 1);
  o->neg = false;
}

static void operand(struct parse *p, struct opnd *o, int depth) {
  *o = (struct opnd){.line = p->l.tline, .col = p->l.tcol};
  if (emu_punct(p, '!') || emu_punct(p, '-')) o->neg = true;
  if (p->l.tok == T_INT || p->l.tok == T_F32 || p->l.tok == T_F64) {
    number(p, o);
  } else if (emu_punct(p, '{')) {
    vector(p, o, depth);
  } else if (emu_punct(p, '[')) {
    address(p, o, depth);
  } else {
    struct slice w = emu_name(p);
    named(p, w, o);
    if (o->kind == O_VAR) {
      offset(p, o);
      if (o->off) o->slot = emu_konst_slot(p, (uint64_t)o->off, p->konst[o->slot & ~SLOT_KONST].sym);
    }
  }
  if (depth < 3 && p->l.tok == T_PUNCT && p->l.val == '|') {
    emu_next(p);
    o->pair = emu_keep(p->m, sizeof *o->pair);
    operand(p, o->pair, 3);
  }
}

/* ---- instructions ---- */

static void opcode(struct parse *p, struct dec *d, struct slice w) {
  uint32_t at = 0;
  while (at < w.n && w.s[at] != '.') at++;
  d->name = (struct slice){w.s, at};
  while (at < w.n) {
    uint32_t from = ++at;
    while (at < w.n && w.s[at] != '.') at++;
    if (d->nmod == MAX_MODS) FAIL(p, "more than %d modifiers", MAX_MODS);
    d->mod[d->nmod++] = (struct slice){w.s + from, at - from};
  }
}

static void emit(struct parse *p, struct dec *d) {
  if (p->ncode == MAX_CODE) FAIL(p, "more than %d instructions in a kernel", MAX_CODE);
  p->code = emu_grow(p, p->code, p->ncode, &p->cap_code, sizeof *p->code);
  d->ins = &p->code[p->ncode];
  d->ins->line = d->line;
  emu_decode_ins(p, d);
  p->ncode++;
}

static void instruction(struct parse *p, struct dec *d, struct slice w) {
  opcode(p, d, w);
  if (!emu_punct(p, ';')) {
    do {
      if (d->nop == MAX_OPNDS) FAIL(p, "more than %d operands", MAX_OPNDS);
      operand(p, &d->op[d->nop++], 0);
    } while (emu_punct(p, ','));
    emu_expect(p, ';');
  }
  emit(p, d);
}

static void guard(struct parse *p, struct ins *i) {
  struct opnd o;
  i->guard_not = emu_punct(p, '!');
  operand(p, &o, 3);
  if (o.kind != O_REG || !o.pred) emu_parse_fail(p, o.line, o.col, "a guard is a predicate register");
  i->guard = o.slot;
  i->guarded = true;
}

static void add_label(struct parse *p, struct slice name) {
  if (emu_word(p, ".branchtargets")) {
    branch_targets(p, name);
    return;
  }
  struct sym *s = emu_sym_add(p, name, SYM_LABEL);
  s->addr = p->ncode;
}

/* Sets the targets whose labels are known; keeps the others for the scope around. */
static void resolve_labels(struct parse *p, uint32_t from, bool last) {
  uint32_t keep = from;
  for (uint32_t u = from; u < p->nuse; u++) {
    struct label_use *use = &p->use[u];
    struct sym *s = emu_sym_find(p, use->name);
    if (s && s->kind == SYM_LABEL) {
      struct ins *i = &p->code[use->pc];
      if (use->index == NO_PC) {
        i->target = (uint32_t)s->addr;
      } else {
        ((uint32_t *)i->v)[use->index] = (uint32_t)s->addr;
      }
    } else if (last) {
      emu_parse_fail(p, use->line, use->col, "unknown label '%.*s'", (int)(use->name.n < 80 ? use->name.n : 80),
                     use->name.s);
    } else {
      p->use[keep++] = *use;
    }
  }
  p->nuse = keep;
}

static bool declaration(struct parse *p) {
  uint32_t line = p->l.tline;
  if (emu_word(p, ".reg")) {
    registers(p);
  } else if (emu_word(p, ".local")) {
    emu_variables(p, SP_LOCAL, false);
  } else if (emu_word(p, ".shared")) {
    emu_variables(p, SP_SHARED, false);
  } else if (emu_word(p, ".pragma")) {
    emu_next(p);
    emu_expect(p, ';');
  } else if (emu_word(p, ".loc") || emu_word(p, ".file")) {
    while (p->l.tok != T_END && p->l.tline == line) emu_next(p);
  } else {
    return false;
  }
  return true;
}

static void statement(struct parse *p) {
  struct dec d = {.p = p, .line = p->l.tline, .col = p->l.tcol};
  struct ins guards = {0};
  if (declaration(p)) return;
  if (emu_punct(p, '@')) {
    guard(p, &guards);
    d.line = p->l.tline;
    d.col = p->l.tcol;
  }
  struct slice w = p->l.text;
  if (p->l.tok == T_WORD && w.s[0] == '.') FAIL(p, "unknown directive '%.*s'", (int)(w.n < 40 ? w.n : 40), w.s);
  w = emu_name(p);
  if (!guards.guarded && emu_punct(p, ':')) {
    add_label(p, w);
    return;
  }
  instruction(p, &d, w);
  struct ins *i = &p->code[p->ncode - 1];
  i->guarded = guards.guarded;
  i->guard = guards.guard;
  i->guard_not = guards.guard_not;
}

static void finish(struct parse *p) {
  struct kernel *k = p->k;
  struct dec end = {.p = p, .name = {"exit", 4}, .line = p->l.tline, .col = p->l.tcol};
  emit(p, &end); /* for lanes that run over the end, and labels there */
  resolve_labels(p, 0, true);
  uint64_t align = p->has_dynamic ? p->dyn_align : 16;
  k->shared_static = (uint32_t)p->shared;
  k->shared_dynamic = (uint32_t)((SHARED_BASE + p->shared + align - 1) & -align) - SHARED_BASE;
  k->local_bytes = (uint32_t)p->local;
  k->code = p->code;
  k->ncode = p->ncode;
  k->nkonst = p->nkonst;
  k->konst = emu_konst_pool(p);
  if (!k->konst) FAIL(p, "out of memory");
  emu_reconverge(p->m, k);
}

void emu_body(struct parse *p) {
  int depth = 0;
  emu_expect(p, '{');
  emu_scope_open(p);
  p->k->nslot = 1; /* 0 is where '_' goes */
  p->code = NULL;
  p->konst = NULL;
  p->use = NULL;
  p->targets = NULL;
  p->ncode = p->cap_code = p->nkonst = p->cap_konst = p->nuse = p->cap_use = 0;
  p->shared = p->local = 0;
  p->dyn_align = 16;
  p->has_dynamic = false;
  memset(p->konst_bucket, 0, sizeof p->konst_bucket);
  for (;;) {
    if (p->l.tok == T_END) FAIL(p, "'}' expected, the text ends");
    if (emu_punct(p, '{')) {
      emu_scope_open(p);
      depth++;
    } else if (p->l.tok == T_PUNCT && p->l.val == '}') {
      if (!depth) break;
      resolve_labels(p, p->scope_use[p->depth], false);
      emu_scope_close(p);
      depth--;
      emu_next(p);
    } else if (!emu_punct(p, ';')) {
      statement(p);
    }
  }
  finish(p);
  emu_expect(p, '}');
  emu_scope_close(p);
}
