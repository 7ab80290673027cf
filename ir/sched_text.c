/* Schedules as text, with the names of a group or in the canonical form without names. A loop is its axis and one
 * digit, the level. */
#include "ir/dot.h"
#include "ir/lex.h"
#include "ir/sched.h"
#include <stdio.h>
#include <string.h>

enum form { LOOP, LOOPARG, TENSORLOOP, TENSOR, TEMPLOOP, MATRIXLOOP, STAGED, ALONE };
static const struct {
  const char *name;
  enum form form;
} kinds[STEP_COUNT] = {
#define STEP(name, form) {#name, form},
#include "ir/steps.def"
#undef STEP
};
enum { OPERANDS_MAX = 256 };

/* Where names come from: a group, or nothing (canonical). */
struct naming {
  const struct groups *gs;
  unsigned g, noperand, ntemp;
  int split; /* the axis that is cut in parts, -1: none */
  uint16_t operand[OPERANDS_MAX], temp[OPERANDS_MAX];
};

static struct naming naming_of(const struct groups *gs, unsigned g) {
  struct naming n = {.gs = gs, .g = g, .split = -1};
  n.noperand = gs ? group_operands(gs, g, n.operand, OPERANDS_MAX) : OPERANDS_MAX;
  n.ntemp = gs ? group_temps(gs, g, n.temp, OPERANDS_MAX) : OPERANDS_MAX;
  if (n.ntemp > OPERANDS_MAX) n.ntemp = OPERANDS_MAX;
  return n;
}

static unsigned naxis(const struct naming *n) {
  return n->gs ? n->gs->g[n->g].naxis + (n->split >= 0) : GROUP_MAX_AXIS;
}

/* The name of an axis; of operand r. Numbers when there are no names, or none that fits. */
static void axis_name(const struct naming *n, unsigned axis, char *out, size_t size) {
  if (n->gs && n->split >= 0 && axis == n->gs->g[n->g].naxis) {
    sched_part_name(n->gs, n->g, (unsigned)n->split, out, size);
  } else if (n->gs && axis < naxis(n)) {
    snprintf(out, size, "%s", n->gs->k->sym[n->gs->g[n->g].axis[axis].sym].name);
  } else {
    snprintf(out, size, n->gs ? "?%u" : "a%u", axis);
  }
}

/* An operand, or (form TEMPLOOP) a private temp. */
static void operand_name(const struct naming *n, enum form form, int rank, char *out, size_t size) {
  bool temp = form == TEMPLOOP;
  if (n->gs && rank >= 0 && (unsigned)rank < (temp ? n->ntemp : n->noperand)) {
    snprintf(out, size, "%s", n->gs->k->tensor[temp ? n->temp[rank] : n->operand[rank]].name);
  } else {
    snprintf(out, size, n->gs ? "?%d" : temp ? "p%d" : "t%d", rank);
  }
}

static bool has_tensor(enum form form) {
  return form == TENSORLOOP || form == TENSOR || form == TEMPLOOP || form == STAGED;
}

static bool has_loop(enum form form) {
  return form != TENSOR && form != STAGED && form != ALONE;
}

enum { NAME_MAX_LEN = 256 };

/* tile and split name an axis, the others a loop. */
static bool names_axis(int kind) {
  return kind == STEP_tile || kind == STEP_split;
}

static void print_axis(struct buf *out, const struct naming *n, const struct step *s, bool level) {
  char name[NAME_MAX_LEN];
  axis_name(n, LOOP_AXIS(s->loop), name, sizeof name - 2);
  if (level) {
    size_t len = strlen(name);
    name[len] = (char)('0' + LOOP_LEVEL(s->loop));
    name[len + 1] = 0;
  }
  buf_putc(out, ' ');
  name_print(out, name);
}

static void print_stage(struct buf *out, unsigned how) {
  buf_printf(out, " smem %u%s", how & STAGE_COUNT, how & STAGE_TMA ? " tma" : "");
  if (how & STAGE_SWIZZLE) buf_printf(out, " swizzle%d", STAGE_SWIZZLE_BYTES(how));
}

static void print_step(struct buf *out, const struct naming *n, const struct step *s) {
  char name[NAME_MAX_LEN];
  enum form form = kinds[s->kind].form;
  if (has_tensor(form)) {
    operand_name(n, form, s->arg, name, sizeof name);
    buf_putc(out, ' ');
    name_print(out, name);
  }
  if (form == MATRIXLOOP) buf_printf(out, " %s", s->arg >= 0 && s->arg < MATRIX_COUNT ? matrix_name[s->arg] : "?");
  if (has_loop(form)) print_axis(out, n, s, !names_axis(s->kind));
  if (form == STAGED) print_stage(out, s->loop);
  if (form == LOOPARG) buf_printf(out, " %d", s->arg);
}

static void print(struct buf *out, const struct naming *n, const struct sched *s) {
  for (unsigned i = 0; i < s->nstep; i++) {
    bool list = i && s->step[i].kind == STEP_order && s->step[i - 1].kind == STEP_order;
    if (!list) buf_printf(out, "%s%s", i ? "; " : "", s->step[i].kind < STEP_COUNT ? kinds[s->step[i].kind].name : "?");
    if (s->step[i].kind < STEP_COUNT) print_step(out, n, &s->step[i]);
  }
}

void sched_print(struct buf *out, const struct groups *gs, unsigned g, const struct sched *s) {
  struct naming n = naming_of(gs, g);
  int at = sched_split(s);
  if (at >= 0 && LOOP_AXIS(s->step[at].loop) < gs->g[g].naxis) n.split = LOOP_AXIS(s->step[at].loop);
  print(out, &n, s);
}

void sched_print_canon(struct buf *out, const struct sched *s) {
  struct naming n = naming_of(NULL, 0);
  print(out, &n, s);
}

const char *sched_joined(struct arena *a, const struct sched *s, unsigned n) {
  struct buf b;
  buf_init(&b);
  for (unsigned g = 0; g < n; g++) {
    if (g) buf_puts(&b, " | ");
    sched_print_canon(&b, &s[g]);
  }
  const char *text = arena_strdup(a, b.data ? b.data : "");
  buf_free(&b);
  return text;
}

/* ---- parsing ---- */

static bool spells(const struct token *t, size_t n, const char *name) {
  return strlen(name) == n && !memcmp(t->s, name, n);
}

/* An axis, or (level) an axis and its level. */
static bool take_loop(struct lexer *l, const struct naming *n, bool level, unsigned *loop) {
  const struct token *t = &l->tok;
  size_t len = t->n - level;
  char name[NAME_MAX_LEN];
  unsigned lv = level && t->n ? (unsigned)(t->s[t->n - 1] - '0') : 0;
  if (t->kind != TOK_NAME) return lex_error(l, "expected %s before %s", level ? "a loop" : "an axis", lex_describe(l));
  for (unsigned i = 0; i < naxis(n) && lv < LEVEL_MAX; i++) {
    axis_name(n, i, name, sizeof name);
    if (!spells(t, len, name)) continue;
    *loop = LOOP_ID(i, lv);
    lex_next(l);
    return true;
  }
  return lex_error(
      l, level ? "no loop %s: an axis of this group and a level from 0 to %d, as in i0" : "no axis %s in this group",
      lex_describe(l), LEVEL_MAX - 1);
}

static bool take_operand(struct lexer *l, const struct naming *n, enum form form, int *arg) {
  char name[NAME_MAX_LEN];
  if (l->tok.kind != TOK_NAME) return lex_error(l, "expected a tensor before %s", lex_describe(l));
  for (unsigned i = 0; i < (form == TEMPLOOP ? n->ntemp : n->noperand); i++) {
    operand_name(n, form, (int)i, name, sizeof name);
    if (!spells(&l->tok, l->tok.n, name)) continue;
    *arg = (int)i;
    lex_next(l);
    return true;
  }
  return lex_error(l, form == TEMPLOOP ? "no private temp %s in this group" : "no tensor %s in this group",
                   lex_describe(l));
}

static bool take_matrix(struct lexer *l, int *arg) {
  for (int i = 0; i < MATRIX_COUNT; i++) {
    if (l->tok.kind != TOK_NAME || !spells(&l->tok, l->tok.n, matrix_name[i])) continue;
    *arg = i;
    lex_next(l);
    return true;
  }
  return lex_error(l, "no matrix instruction %s", lex_describe(l));
}

static bool take_count(struct lexer *l, int least, int *arg) {
  struct loc at = l->tok.loc;
  int64_t v;
  if (!lex_int(l, &v)) return false;
  if (v < least || v > INT16_MAX) return lex_error_at(l, at, "must be from %d to %d", least, INT16_MAX);
  *arg = (int)v;
  return true;
}

/* smem N, then the words for how. */
static bool take_stage(struct lexer *l, unsigned *how) {
  int n;
  if (!lex_is(l, "smem")) return lex_error(l, "expected smem before %s", lex_describe(l));
  lex_next(l);
  struct loc at = l->tok.loc;
  if (!take_count(l, 1, &n)) return false;
  if (n > STAGE_COUNT) return lex_error_at(l, at, "must be from 1 to %d", STAGE_COUNT);
  *how = (unsigned)n;
  if (lex_is(l, "tma")) {
    *how |= STAGE_TMA;
    lex_next(l);
  }
  for (unsigned k = 1; k <= 3; k++) {
    char word[16];
    snprintf(word, sizeof word, "swizzle%d", STAGE_SWIZZLE_BYTES(k << 5));
    if (*how & STAGE_SWIZZLE || !lex_is(l, word)) continue;
    *how |= k << 5;
    lex_next(l);
  }
  return true;
}

static bool push(struct lexer *l, struct sched *s, int kind, unsigned loop, int arg) {
  if (sched_push(s, (enum stepkind)kind, loop, arg)) return true;
  return lex_error(l, "more than %d steps", SCHED_MAX);
}

static bool parse_step(struct lexer *l, struct naming *n, struct sched *s) {
  int kind = 0, arg = 0;
  unsigned loop = 0;
  while (kind < STEP_COUNT && !lex_is(l, kinds[kind].name)) kind++;
  if (kind == STEP_COUNT) return lex_error(l, "unknown schedule step %s", lex_describe(l));
  lex_next(l);
  enum form form = kinds[kind].form;
  if (form == MATRIXLOOP && !take_matrix(l, &arg)) return false;
  if (has_tensor(form) && !take_operand(l, n, form, &arg)) return false;
  if (form == TENSORLOOP || form == TEMPLOOP) {
    struct token next = lex_peek(l);
    if (lex_is(l, "at") && next.kind == TOK_NAME) lex_next(l);
  }
  if (has_loop(form) && !take_loop(l, n, !names_axis(kind), &loop)) return false;
  if (form == STAGED && !take_stage(l, &loop)) return false;
  if (form == LOOPARG && !take_count(l, names_axis(kind), &arg)) return false;
  if (!push(l, s, kind, loop, arg)) return false;
  if (kind == STEP_split && n->split < 0 && n->gs && LOOP_AXIS(loop) < n->gs->g[n->g].naxis) n->split = LOOP_AXIS(loop);
  while (kind == STEP_order && l->tok.kind == TOK_NAME)
    if (!take_loop(l, n, true, &loop) || !push(l, s, kind, loop, 0)) return false;
  return true;
}

static enum status parse(struct lexer *l, struct naming *n, struct sched *out) {
  struct sched s = {0};
  while (l->tok.kind != TOK_EOF && !l->failed) {
    if (!parse_step(l, n, &s)) return ST_REFUSED;
    if (l->tok.kind != TOK_EOF && !lex_expect(l, ";")) return ST_REFUSED;
  }
  if (l->failed) return ST_REFUSED;
  *out = s;
  return ST_OK;
}

enum status sched_parse(struct diag *d, uint16_t file, const char *text, size_t len, const struct groups *gs,
                        unsigned g, struct sched *out) {
  struct naming n = naming_of(gs, g);
  struct lexer l;
  lex_init(&l, NULL, d, file, text, len);
  return parse(&l, &n, out);
}

enum status sched_parse_canon(const char *text, size_t len, struct sched *out) {
  struct naming n = naming_of(NULL, 0);
  struct lexer l;
  lex_init(&l, NULL, NULL, 0, text, len);
  return parse(&l, &n, out);
}
