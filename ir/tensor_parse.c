/* .hone text to kernels: files, bodies, recovery after errors. Signatures are in tensor_sig.c, equations in
   tensor_stmt.c, groups in group_text.c. An error ends its equation; reading goes on with the next one, and names whose
   definition failed are not complained about again. */
#include "ir/tensor_parse.h"
#include <string.h>

/* ---- recovery ---- */

/* A statement may start here: NAME[...] = , or a word that only starts one. */
static bool starts_statement(const struct lexer *at) {
  static const char *const word[] = {"for", "temp", "assume", "group", "kernel"};
  struct lexer l = *at;
  unsigned depth = 0;
  if (!l.tok.nl || l.tok.kind != TOK_NAME) return false;
  l.d = NULL;
  for (size_t i = 0; i < sizeof word / sizeof *word; i++)
    if (lex_is(&l, word[i])) return true;
  lex_next(&l);
  if (!lex_is(&l, "[")) return false;
  for (unsigned n = 0; n < TEXT_LOOK / 10 && l.tok.kind != TOK_EOF; n++, lex_next(&l)) {
    if (lex_is(&l, "[")) depth++;
    if (lex_is(&l, "]") && --depth == 0) break;
  }
  lex_next(&l);
  return lex_is(&l, "=") || lex_is(&l, ":=");
}

/* The next kernel, not a tensor of that name. */
static bool at_kernel(const struct lexer *l) {
  struct token next = lex_peek(l);
  return l->tok.nl && lex_is(l, "kernel") && !lex_token_is(&next, "[");
}

/* Behind what is no token: from the next line on. l: before it. */
static void skip_line(struct lexer *l) {
  while (l->p < l->end && *l->p != '\n') l->p++;
  if (l->p < l->end) {
    l->line++;
    l->bol = ++l->p;
  }
}

static void next_token(struct lexer *l) {
  for (struct lexer before = *l;;) {
    lex_next(l);
    if (!l->failed) return;
    skip_line(&before);
    *l = before;
  }
}

/* From the start of a failed statement to the next one, or to the end of the body. `kernel` starts a line: its body's
 * brace was forgotten. */
static void recover(struct tparser *p, const struct lexer *start, bool whole_kernel) {
  struct lexer l = *start;
  unsigned braces = 0;
  l.d = NULL;
  l.failed = false;
  for (bool first = true;; first = false) {
    if (!first) next_token(&l);
    if (l.tok.kind == TOK_EOF) break;
    if (first) continue;
    if (at_kernel(&l)) break;
    if (!whole_kernel && braces == 0 && (lex_is(&l, "}") || starts_statement(&l))) break;
    if (lex_is(&l, "{")) braces++;
    if (lex_is(&l, "}") && braces) braces--;
  }
  l.d = p->d;
  l.depth = 0;
  p->l = l;
}

/* ---- bodies ---- */

static bool skip_syms(struct tparser *p) { /* read with the signature */
  do {
    lex_next(&p->l);
    lex_next(&p->l);
  } while (lex_is(&p->l, ","));
  return true;
}

static bool parse_assume(struct tparser *p) {
  poly_t g[TEXT_MAX_GUARD];
  unsigned n = 0;
  struct kernel *k = p->k;
  lex_next(&p->l);
  p->in_body = false;
  bool ok = guards_parse(&p->ep, g, &n, TEXT_MAX_GUARD);
  p->in_body = true;
  if (!ok) return false;
  if (k->nassume + n > TEXT_MAX_ITEMS) return lex_error(&p->l, "too many assumptions");
  poly_t *all = ARENA_NEW(p->a, poly_t, k->nassume + n);
  if (k->nassume) memcpy(all, k->assume, sizeof *all * k->nassume);
  memcpy(all + k->nassume, g, sizeof *all * n);
  k->assume = all;
  k->nassume = (uint16_t)(k->nassume + n);
  return true;
}

static bool parse_item(struct tparser *p, bool first) {
  if (first && keyword(p, "sym")) return skip_syms(p);
  if (keyword(p, "assume")) return parse_assume(p);
  if (keyword(p, "temp")) return parse_temp(p);
  if (p->want_groups && !p->in_group && keyword(p, "group")) return parse_group(p);
  if (p->want_groups && !p->in_group) return lex_error(&p->l, "expected 'group' before %s", lex_describe(&p->l));
  return parse_statement(p);
}

/* A misspelt scalar looks like an index at first. */
static void explain_indices(struct tparser *p, unsigned from, struct loc at) {
  for (unsigned s = from; s < p->k->nsym; s++) {
    const char *name = p->k->sym[s].name, *hint = suggest(p, name, strlen(name), 1u << NAME_SCALAR | 1u << NAME_DIM);
    if (strlen(name) > 2 && hint[0]) diag_note(p->d, at, "'%s' was taken for an index%s", name, hint);
  }
}

void parse_items(struct tparser *p) {
  bool first = !p->in_group;
  while (!lex_is(&p->l, "}") && p->l.tok.kind != TOK_EOF && p->errors < MAX_ERRORS) {
    struct lexer start = p->l;
    unsigned nsym = p->k->nsym;
    if (at_kernel(&p->l)) break;
    if (!parse_item(p, first) || p->l.failed) {
      p->errors++;
      p->kernel_bad = true;
      explain_indices(p, nsym, start.tok.loc);
      recover(p, &start, false);
    } else if (!p->l.tok.nl && !lex_is(&p->l, "}") && !lex_accept(&p->l, ";") && p->l.tok.kind != TOK_EOF) {
      semantic_error(p, p->l.tok.loc, "expected the end of the line before %s", lex_describe(&p->l));
      recover(p, &start, false);
    }
    first = false;
  }
}

/* Temps made for inner reductions get names that nobody else has. */
static void name_hoisted(struct tparser *p) {
  struct kernel *k = p->k;
  unsigned n = 1;
  for (unsigned t = 0; t < k->ntensor; t++) {
    const char *base = k->tensor[t].name, *name;
    if (!p->hoisted[t]) continue;
    do {
      name = arena_printf(p->a, "%s_%u", base, n++);
    } while (name_find(p, name, strlen(name)));
    k->tensor[t].name = name;
  }
}

/* An output that is not wholly written keeps what the caller had there: it is read, in that sense. */
static bool writes_all(const struct kernel *k, const struct eq *e) {
  const struct tensor *t = &k->tensor[e->lhs];
  if (e->npar != t->rank || (e->red == RED_none && e->nguard)) return false;
  for (unsigned d = 0; d < t->rank; d++) {
    sym_t s;
    int64_t lo;
    bool found = false;
    if (!poly_is_sym(e->lhs_idx[d], &s) || !t->extent[d]) return false;
    for (unsigned i = 0; i < e->npar; i++)
      if (e->axis[i].sym == s)
        found = poly_is_const(e->axis[i].lo, &lo) && lo == 0 && poly_eq(e->axis[i].hi, t->extent[d]);
    if (!found) return false;
  }
  return true;
}

static void settle_roles(struct kernel *k) {
  for (unsigned t = 0; t < k->ntensor; t++) {
    bool written = false, whole = false;
    if (k->tensor[t].role != ROLE_OUT) continue;
    for (unsigned i = 0; i < k->neq && !whole; i++) {
      if (k->eq[i].lhs != t) continue;
      written = true;
      whole = writes_all(k, &k->eq[i]);
    }
    if (written && !whole) k->tensor[t].role = ROLE_INOUT;
  }
}

static void finish_kernel(struct tparser *p) {
  name_hoisted(p);
  if (p->kernel_bad) return;
  settle_roles(p->k);
  int before = diag_errors(p->d);
  kernel_verify(p->k, p->d);
  text_check_bounds(p->k, p->d);
  if (diag_errors(p->d) == before) return;
  p->errors += diag_errors(p->d) - before;
  p->kernel_bad = true;
}

static struct groups *new_groups(struct tparser *p) {
  struct groups *gs = ARENA_NEW(p->a, struct groups, 1);
  gs->k = p->k;
  return gs;
}

/* After the word `kernel`. False: the rest of the kernel was skipped. */
static bool parse_kernel(struct tparser *p) {
  struct lexer start = p->l;
  p->kernel_bad = false;
  p->in_group = false;
  memset(p->hoisted, 0, TEXT_MAX_ITEMS + 1);
  if (!parse_signature(p) || !lex_expect(&p->l, "{")) {
    p->errors++;
    recover(p, &start, true);
    return false;
  }
  p->in_body = true;
  p->gs = p->want_groups ? new_groups(p) : NULL;
  parse_items(p);
  if (p->errors < MAX_ERRORS && !lex_expect(&p->l, "}")) {
    p->errors++;
    p->kernel_bad = true;
    p->l.failed = false;
  }
  finish_kernel(p);
  if (p->gs && !p->kernel_bad && !groups_verify(p->gs, p->d)) p->kernel_bad = true, p->errors++;
  return !p->kernel_bad;
}

static void init(struct tparser *p, struct arena *a, struct diag *d, bool want_groups) {
  p->a = a;
  p->d = d;
  p->slot = ARENA_NEW(a, struct name, NAME_SLOTS);
  p->hoisted = ARENA_NEW(a, bool, TEXT_MAX_ITEMS + 1);
  p->arg_type = DT_COUNT;
  p->want_groups = want_groups;
  p->ep = (struct expr_parser){.l = &p->l, .resolve = resolve_name, .ctx = p};
}

static bool same_kernel(const struct kernels *ks, const char *name) {
  for (unsigned i = 0; i < ks->n; i++)
    if (!strcmp(ks->k[i]->name, name)) return true;
  return false;
}

static void parse_all(struct tparser *p, struct kernels *out, struct groups **gs) {
  while (p->l.tok.kind != TOK_EOF && p->errors < MAX_ERRORS) {
    struct lexer start = p->l;
    if (!lex_accept(&p->l, "kernel")) {
      lex_error(&p->l, "expected 'kernel' before %s", lex_describe(&p->l));
      p->errors++;
      recover(p, &start, true);
      continue;
    }
    struct loc at = p->l.tok.loc;
    if (!parse_kernel(p)) continue;
    if (out->n == TEXT_MAX_ITEMS || same_kernel(out, p->k->name)) {
      semantic_error(p, at, out->n == TEXT_MAX_ITEMS ? "too many kernels" : "two kernels are named '%s'", p->k->name);
      continue;
    }
    if (gs) gs[out->n] = p->gs;
    out->k[out->n++] = p->k;
  }
}

enum status text_parse(struct arena *a, struct diag *d, uint16_t file, const char *text, size_t len, bool want_groups,
                       struct kernels *out, struct groups **gs) {
  struct tparser *p = ARENA_NEW(a, struct tparser, 1);
  *out = (struct kernels){0, ARENA_NEW(a, struct kernel *, TEXT_MAX_ITEMS)};
  if (len > TEXT_MAX_BYTES) {
    diag_error(d, (struct loc){file, 0, 0}, "the text is larger than %d MiB", TEXT_MAX_BYTES >> 20);
    out->n = 0;
    return ST_REFUSED;
  }
  init(p, a, d, want_groups);
  lex_init(&p->l, a, d, file, text, len);
  parse_all(p, out, gs);
  if (!p->errors && !p->l.failed) return ST_OK;
  if (p->errors >= MAX_ERRORS)
    diag_note(d, (struct loc){file, 0, 0}, "too many errors; the rest of the text was not read");
  *out = (struct kernels){0};
  return ST_REFUSED;
}

enum status kernels_parse(struct arena *a, struct diag *d, uint16_t file, const char *text, size_t len,
                          struct kernels *out) {
  return text_parse(a, d, file, text, len, false, out, NULL);
}

/* ---- bounds ---- */

struct bounds {
  const struct kernel *k;
  const struct eq *e;
  struct arena *a;
  struct diag *d;
};

/* Guards on the domain may exclude what the ranges include. */
static bool guarded(const struct bounds *b, poly_t p) {
  sym_t s[TEXT_MAX_AXIS];
  unsigned n = 0;
  poly_index_syms(b->k, p, s, &n, TEXT_MAX_AXIS);
  for (unsigned i = 0; i < n; i++)
    for (unsigned g = 0; g < b->e->nguard; g++)
      if (poly_has(b->e->guard[g], s[i])) return true;
  return false;
}

static void check_subscript(const struct bounds *b, const struct tensor *t, unsigned dim, poly_t p, unsigned naxis,
                            struct loc at) {
  int64_t c;
  if (!t->extent[dim] || guarded(b, p)) return;
  poly_t min = infer_extreme(b->a, b->k, p, b->e->axis, naxis, false);
  if (min && poly_is_const(min, &c) && c < 0) {
    diag_error(b->d, at, "subscript %u of '%s' is out of bounds: it goes down to %lld", dim + 1, t->name, (long long)c);
    return;
  }
  poly_t max = infer_extreme(b->a, b->k, p, b->e->axis, naxis, true);
  poly_t room = max ? poly_addc(b->a, poly_sub(b->a, t->extent[dim], max), -1) : NULL;
  if (room && poly_is_const(room, &c) && c < 0)
    diag_error(b->d, at, "subscript %u of '%s' is out of bounds: it goes up to %lld past the last element", dim + 1,
               t->name, -(long long)c);
}

static void check_read(expr_t x, void *ctx) {
  const struct bounds *b = ctx;
  if (x->kind != E_READ || x->acc->nguard) return;
  for (unsigned d = 0; d < x->acc->rank; d++)
    if (!x->acc->ix[d].dyn) check_subscript(b, &b->k->tensor[x->acc->tensor], d, x->acc->ix[d].poly, b->e->nax, x->loc);
}

static bool surely_empty(struct arena *a, const struct eq *e) {
  for (unsigned i = 0; i < e->nax; i++) {
    int64_t c;
    if (poly_is_const(poly_sub(a, e->axis[i].hi, e->axis[i].lo), &c) && c <= 0) return true;
  }
  return false;
}

static void check_bounds(struct arena *a, void *ctx) {
  struct bounds *b = ctx;
  const struct kernel *k = b->k;
  b->a = a;
  for (unsigned i = 0; i < k->neq; i++) {
    const struct eq *e = &k->eq[i];
    b->e = e;
    if (surely_empty(a, e)) continue;
    for (unsigned j = 0; j < k->tensor[e->lhs].rank; j++)
      check_subscript(b, &k->tensor[e->lhs], j, e->lhs_idx[j], e->npar, e->loc);
    expr_visit(e->body, check_read, b);
    if (e->init) expr_visit(e->init, check_read, b);
  }
}

void text_check_bounds(const struct kernel *k, struct diag *d) {
  struct bounds b = {.k = k, .d = d};
  scratch_run(check_bounds, &b);
}
