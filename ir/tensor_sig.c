/* Names and signatures of .hone kernels.

   A dim may be used in an extent before it is declared, or never be declared: so a signature is read twice. The first
   look only collects which names are parameters and which are mentioned in brackets; then all dims are known and the
   second reading makes everything. Undeclared dims become int64_t parameters in front. */
#include "ir/buf.h"
#include "ir/tensor_parse.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- names ---- */

static unsigned hash_name(const char *s, size_t n) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 16777619u;
  return h;
}

/* The name's slot, or the free one where it would go. */
static struct name *slot_of(struct tparser *p, const char *s, size_t n) {
  for (unsigned i = hash_name(s, n);; i++) {
    struct name *x = &p->slot[i % NAME_SLOTS];
    if (x->gen != p->gen || (x->n == n && !memcmp(x->s, s, n))) return x;
  }
}

struct name *name_find(struct tparser *p, const char *s, size_t n) {
  struct name *x = slot_of(p, s, n);
  return x->gen == p->gen ? x : NULL;
}

struct name *name_put(struct tparser *p, const char *s, size_t n) {
  struct name *x = slot_of(p, s, n);
  if (x->gen == p->gen) return x;
  if (p->nname == 4 * TEXT_MAX_ITEMS) return lex_error(&p->l, "too many names in one kernel"), NULL;
  p->nname++;
  *x = (struct name){.s = arena_strndup(p->a, s, n), .n = n, .gen = p->gen};
  return x;
}

/* Edit distance of short words, at most 3. */
static unsigned distance(const char *s, size_t n, const char *t, size_t m) {
  unsigned row[33];
  if (n > 32 || m > 32) return 9;
  for (unsigned j = 0; j <= m; j++) row[j] = j;
  for (unsigned i = 1; i <= n; i++) {
    unsigned diag = row[0];
    row[0] = i;
    for (unsigned j = 1; j <= m; j++) {
      unsigned best = diag + (s[i - 1] != t[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diag = row[j];
      row[j] = best;
    }
  }
  return row[m];
}

void nearest_try(struct nearest *x, const char *name) {
  unsigned far = distance(x->s, x->len, name, strlen(name));
  unsigned allowed = x->len <= 2 ? 1 : x->len <= 5 ? 2 : 3;
  if (far > allowed || far >= x->len || (x->best && far >= x->distance)) return;
  x->best = name;
  x->distance = far;
}

const char *suggest(struct tparser *p, const char *s, size_t n, unsigned kinds) {
  struct nearest x = {.s = s, .len = n};
  for (unsigned i = 0; i < p->k->ntensor && (kinds & 1u << NAME_TENSOR); i++)
    if (!p->hoisted[i]) nearest_try(&x, p->k->tensor[i].name);
  for (unsigned i = 0; i < p->k->nparam; i++) {
    unsigned kind = p->k->param[i].kind == PARAM_DIM      ? NAME_DIM
                    : p->k->param[i].kind == PARAM_SCALAR ? NAME_SCALAR
                                                          : NAME_TENSOR;
    if (kind != NAME_TENSOR && (kinds & 1u << kind)) nearest_try(&x, p->k->param[i].name);
  }
  return x.best ? arena_printf(p->a, "; did you mean '%s'?", x.best) : "";
}

void semantic_error(struct tparser *p, struct loc at, const char *fmt, ...) {
  char text[500];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  p->kernel_bad = p->stmt_bad = true;
  if (p->errors++ < MAX_ERRORS) diag_add(p->d, DIAG_ERROR, at, NULL, text);
}

static struct ref unknown_tensor(struct tparser *p, const struct token *t) {
  lex_error(&p->l, "unknown tensor '%.*s'%s", (int)(t->n > 60 ? 60 : t->n), t->s,
            suggest(p, t->s, t->n, 1u << NAME_TENSOR));
  return (struct ref){0};
}

static struct ref new_index(struct tparser *p, const struct token *t) {
  struct ref none = {0};
  if (p->k->nsym >= TEXT_MAX_ITEMS) return lex_error(&p->l, "more than %d symbols", TEXT_MAX_ITEMS), none;
  struct name *x = name_put(p, t->s, t->n);
  if (!x) return none;
  x->kind = NAME_INDEX;
  x->id = kernel_add_sym(p->k, x->s, SYM_INDEX);
  return (struct ref){.kind = REF_SYM, .type = DT_i64, .id = x->id};
}

static bool is_value_word(const struct token *t) {
  static const char *const word[] = {"inf", "nan", "true", "false", "if", "else", "for"};
  for (size_t i = 0; i < sizeof word / sizeof *word; i++)
    if (lex_token_is(t, word[i])) return true;
  return false;
}

static struct ref known_name(struct tparser *p, const struct name *x) {
  struct ref r = {.id = x->id};
  if (!p->in_body && x->kind != NAME_DIM) {
    lex_error(&p->l, "'%s' is no dim; extents and assumptions are sums of dims and integers", x->s);
    return (struct ref){0};
  }
  switch (x->kind) {
  case NAME_TENSOR:
    r.kind = REF_TENSOR;
    r.type = p->k->tensor[x->id].type;
    r.rank = p->k->tensor[x->id].rank;
    break;
  case NAME_SCALAR:
    r.kind = REF_SCALAR;
    r.type = p->k->param[x->id].type;
    break;
  case NAME_BROKEN:
    p->l.failed = true; /* already reported where it is defined */
    break;
  default:
    r.kind = REF_SYM;
    r.type = DT_i64;
  }
  return r;
}

struct ref resolve_name(void *ctx, const struct token *t) {
  struct tparser *p = ctx;
  struct ref none = {0};
  if (t->s[0] == '$' && t->n == 2 && (t->s[1] == '0' || t->s[1] == '1') && p->arg_type != DT_COUNT)
    return (struct ref){.kind = REF_ARG, .type = p->arg_type, .id = (uint16_t)(t->s[1] - '0')};
  if (t->s[0] == '$' || is_value_word(t)) return none;
  struct name *x = name_find(p, t->s, t->n);
  if (x && x->kind != NAME_UNKNOWN) return known_name(p, x);
  struct token next = lex_peek(&p->l);
  if (p->in_body && lex_token_is(&next, "[")) return unknown_tensor(p, t);
  if (p->in_body) return new_index(p, t);
  if (x && x->is_param) return lex_error(&p->l, "'%s' is no dim: it is not an integer", x->s), none;
  lex_error(&p->l, "unknown dim '%.*s'%s", (int)(t->n > 60 ? 60 : t->n), t->s, suggest(p, t->s, t->n, 1u << NAME_DIM));
  return none;
}

/* ---- first look ---- */

struct look {
  struct lexer l;
  unsigned ndim, nparam, depth;
  struct name **dim;   /* mentioned in brackets, in order */
  struct name **param; /* in order */
};

static bool look_mention(struct tparser *p, struct look *k) {
  struct name *x = name_put(p, k->l.tok.s, k->l.tok.n);
  if (!x) return false;
  if (x->mentioned) return true;
  x->mentioned = true;
  if (k->ndim == TEXT_MAX_ITEMS) return lex_error(&p->l, "more than %d dims", TEXT_MAX_ITEMS);
  k->dim[k->ndim++] = x;
  return true;
}

/* At NAME of `NAME : [dim] TYPE`. */
static bool look_param(struct tparser *p, struct look *k) {
  struct name *x = name_put(p, k->l.tok.s, k->l.tok.n);
  enum dtype t = DT_COUNT;
  if (!x) return false;
  lex_next(&k->l);
  lex_next(&k->l);
  bool forced = lex_accept(&k->l, "dim");
  bool typed = k->l.tok.kind == TOK_NAME && type_from_name(k->l.tok.s, k->l.tok.n, &t);
  struct token next = lex_peek(&k->l);
  if (k->nparam == TEXT_MAX_ITEMS) return lex_error(&p->l, "more than %d parameters", TEXT_MAX_ITEMS);
  if (!x->is_param) k->param[k->nparam++] = x;
  x->is_param = true;
  x->forced = forced;
  x->is_integer = typed && type_is_int(t) && !lex_token_is(&next, "[");
  return true;
}

static bool is_dim(const struct name *x) {
  return x->is_param ? x->is_integer && (x->mentioned || x->forced) : x->mentioned;
}

static void add_dim_sym(struct tparser *p, struct name *x) {
  x->kind = NAME_DIM;
  x->id = kernel_add_sym(p->k, x->s, SYM_DIM);
}

/* `sym a, b, c` right behind the brace: the order of the symbols, where it differs from that of their appearance. */
static bool look_syms(struct tparser *p, struct look *k) {
  lex_next(&k->l);
  struct token next = lex_peek(&k->l);
  if (!lex_is(&k->l, "sym") || lex_token_is(&next, "[")) return true;
  do {
    lex_next(&k->l);
    if (k->l.tok.kind != TOK_NAME) return lex_error_at(&p->l, k->l.tok.loc, "expected a name in this list");
    struct name *x = name_put(p, k->l.tok.s, k->l.tok.n);
    if (!x) return false;
    if (x->kind != NAME_UNKNOWN || (x->is_param && !is_dim(x)))
      return lex_error_at(&p->l, k->l.tok.loc, "'%s' is already %s", x->s,
                          x->is_param ? "a parameter" : "in this list");
    if (p->k->nsym >= TEXT_MAX_ITEMS) return lex_error(&p->l, "more than %d symbols", TEXT_MAX_ITEMS);
    if (is_dim(x)) {
      add_dim_sym(p, x);
    } else {
      x->kind = NAME_INDEX;
      x->id = kernel_add_sym(p->k, x->s, SYM_INDEX);
    }
    lex_next(&k->l);
  } while (lex_is(&k->l, ","));
  return true;
}

static bool look(struct tparser *p, struct look *k) {
  for (; k->l.tok.kind != TOK_EOF && !lex_is(&k->l, "{"); lex_next(&k->l)) {
    struct token next = lex_peek(&k->l);
    if (lex_is(&k->l, "[")) k->depth++;
    if (lex_is(&k->l, "]") && k->depth) k->depth--;
    if (k->l.tok.kind != TOK_NAME) continue;
    if (k->depth ? !look_mention(p, k) : lex_token_is(&next, ":") && !look_param(p, k)) return false;
  }
  return !lex_is(&k->l, "{") || look_syms(p, k);
}

/* A parameter for the dim whose symbol exists already. */
static void add_dim_param(struct tparser *p, struct name *x, enum dtype t) {
  unsigned n = kernel_add_param(p->k, x->s, PARAM_SCALAR, t);
  p->k->param[n].kind = PARAM_DIM;
  p->k->param[n].ref = x->id;
  p->k->sym[x->id].param = (uint16_t)n;
}

/* ---- second reading ---- */

static bool parse_polys(struct tparser *p, poly_t *out, uint8_t *n) {
  if (!lex_expect(&p->l, "[")) return false;
  while (!lex_is(&p->l, "]")) {
    if (*n == TEXT_MAX_AXIS) return lex_error(&p->l, "more than %d dimensions", TEXT_MAX_AXIS);
    if (lex_accept(&p->l, "?")) {
      out[*n] = NULL;
    } else if (!(out[*n] = poly_parse(&p->ep))) {
      return false;
    }
    ++*n;
    if (!lex_accept(&p->l, ",")) break;
  }
  return lex_expect(&p->l, "]");
}

static bool extents_fit(struct tparser *p, const poly_t *extent, unsigned rank, struct loc at) {
  int64_t total = 1;
  for (unsigned d = 0; d < rank; d++) {
    int64_t c;
    if (!extent[d] || !poly_is_const(extent[d], &c)) continue;
    if (c < 0) return lex_error_at(&p->l, at, "extent %lld is negative", (long long)c);
    if (__builtin_mul_overflow(total, c, &total)) total = INT64_MAX;
    if (total > (int64_t)1 << 46) return lex_error_at(&p->l, at, "this tensor is larger than any memory");
  }
  return true;
}

bool parse_shape(struct tparser *p, uint8_t *rank, poly_t **extent, poly_t **stride) {
  poly_t x[TEXT_MAX_AXIS], s[TEXT_MAX_AXIS];
  uint8_t n = 0, m = 0;
  struct loc at = p->l.tok.loc;
  bool body = p->in_body;
  p->in_body = false;
  bool ok = parse_polys(p, x, &n);
  struct token next = lex_peek(&p->l);
  *stride = NULL;
  if (ok && lex_is(&p->l, "stride") && lex_token_is(&next, "[")) {
    struct loc here = p->l.tok.loc;
    lex_next(&p->l);
    ok = parse_polys(p, s, &m);
    if (ok && m != n) ok = lex_error_at(&p->l, here, "%u strides for %u dimensions", m, n);
    for (unsigned i = 0; ok && i < m; i++)
      if (!s[i]) ok = lex_error_at(&p->l, here, "a stride must be given");
    *stride = ok ? arena_dup(p->a, s, sizeof *s * m) : NULL;
  }
  p->in_body = body;
  *rank = n;
  *extent = ok ? arena_dup(p->a, x, sizeof *x * n) : NULL;
  return ok && extents_fit(p, x, n, at);
}

static bool parse_type(struct tparser *p, enum dtype *t) {
  struct nearest near = {.s = p->l.tok.s, .len = p->l.tok.n};
  if (p->l.tok.kind != TOK_NAME) return lex_error(&p->l, "expected a type before %s", lex_describe(&p->l));
  if (!type_from_name(p->l.tok.s, p->l.tok.n, t)) {
    for (unsigned i = 0; i < DT_COUNT; i++) nearest_try(&near, type_name((enum dtype)i));
    return lex_error(&p->l, "unknown type %s%s", lex_describe(&p->l),
                     near.best ? arena_printf(p->a, "; did you mean '%s'?", near.best) : "");
  }
  lex_next(&p->l);
  return true;
}

static bool parse_attributes(struct tparser *p, struct param *q) {
  for (;;) {
    if (lex_accept(&p->l, "const")) {
      q->is_const = true;
    } else if (lex_accept(&p->l, "mutable")) {
      q->is_const = false;
    } else if (lex_accept(&p->l, "restrict")) {
      q->is_restrict = true;
    } else if (lex_accept(&p->l, "flat")) {
      q->flat = true;
    } else if (lex_accept(&p->l, "of")) {
      int64_t n;
      if (!lex_int(&p->l, &n)) return false;
      if (n < 1 || n > UINT8_MAX)
        return lex_error(&p->l, "a number from 1 to %d is expected before %s", UINT8_MAX, lex_describe(&p->l));
      q->record = (uint8_t)n;
    } else if (lex_accept(&p->l, "ctype")) {
      if (p->l.tok.kind != TOK_STRING) return lex_error(&p->l, "expected a string before %s", lex_describe(&p->l));
      q->ctype = lex_string(&p->l, &p->l.tok);
      lex_next(&p->l);
    } else {
      return true;
    }
  }
}

static bool add_tensor_param(struct tparser *p, struct name *x, enum dtype t, enum role role, struct param **q) {
  uint8_t rank;
  poly_t *extent, *stride;
  if (!parse_shape(p, &rank, &extent, &stride)) return false;
  unsigned tensor = kernel_add_tensor(p->k, x->s, t, role, rank, extent);
  unsigned n = kernel_add_param(p->k, x->s, PARAM_TENSOR, t);
  p->k->tensor[tensor].stride = stride;
  p->k->tensor[tensor].param = (uint16_t)n;
  *q = &p->k->param[n];
  (*q)->ref = (uint16_t)tensor;
  (*q)->is_const = role == ROLE_IN;
  x->kind = NAME_TENSOR;
  x->id = (uint16_t)tensor;
  return true;
}

static bool parse_role(struct tparser *p, enum role *role) {
  struct token next = lex_peek(&p->l);
  if (lex_token_is(&next, ":")) return true;
  if (lex_accept(&p->l, "inout")) {
    *role = ROLE_INOUT;
  } else if (lex_accept(&p->l, "out")) {
    *role = ROLE_OUT;
  } else if (lex_accept(&p->l, "in")) {
    *role = ROLE_IN;
  }
  return true;
}

static bool parse_param(struct tparser *p, enum role role) {
  struct lexer *l = &p->l;
  enum dtype t;
  parse_role(p, &role);
  struct loc at = l->tok.loc;
  if (l->tok.kind != TOK_NAME) return lex_error(l, "expected a parameter before %s", lex_describe(l));
  struct name *x = name_put(p, l->tok.s, l->tok.n);
  if (!x) return false;
  lex_next(l);
  if (!lex_expect(l, ":")) return false;
  bool dim = lex_accept(l, "dim");
  if (!parse_type(p, &t)) return false;
  bool again =
      x->kind == NAME_TENSOR || x->kind == NAME_SCALAR || (x->kind == NAME_DIM && p->k->sym[x->id].param != UINT16_MAX);
  if (again) return lex_error_at(l, at, "two parameters are named '%s'", x->s);
  if (p->k->nparam >= TEXT_MAX_ITEMS) return lex_error_at(l, at, "more than %d parameters", TEXT_MAX_ITEMS);
  struct param *q;
  if (lex_is(l, "[")) {
    if (dim) return lex_error(l, "a dim has no extents");
    if (x->kind == NAME_DIM) return lex_error_at(l, at, "'%s' is used as a dim but is a tensor", x->s);
    if (!add_tensor_param(p, x, t, role, &q)) return false;
  } else if (role != ROLE_IN) {
    return lex_error(l, "an output must be a tensor: write its extents, as in %s[N], or %s[] for a single value",
                     type_name(t), type_name(t));
  } else if (x->kind == NAME_DIM) {
    add_dim_param(p, x, t);
    q = &p->k->param[p->k->nparam - 1];
  } else {
    if (x->mentioned)
      return lex_error_at(l, at, "'%s' is used in an extent, so it must be an integer, not %s", x->s, type_name(t));
    if (dim) return lex_error_at(l, at, "a dim must be an integer, not %s", type_name(t));
    x->kind = NAME_SCALAR;
    x->id = (uint16_t)kernel_add_param(p->k, x->s, PARAM_SCALAR, t);
    q = &p->k->param[x->id];
  }
  q->loc = at;
  if (q->kind == PARAM_TENSOR) p->k->tensor[q->ref].loc = at;
  return parse_attributes(p, q);
}

static bool parse_params(struct tparser *p) {
  if (!lex_expect(&p->l, "(")) return false;
  while (!lex_is(&p->l, ")")) {
    if (!parse_param(p, ROLE_IN)) return false;
    if (!lex_accept(&p->l, ",")) break;
  }
  if (!lex_expect(&p->l, ")")) return false;
  if (!lex_accept(&p->l, "->")) return true;
  do {
    if (!parse_param(p, ROLE_OUT)) return false;
  } while (lex_accept(&p->l, ","));
  return true;
}

bool parse_signature(struct tparser *p) {
  const char *name;
  struct loc at = p->l.tok.loc;
  if (!lex_name(&p->l, "the kernel's name", &name)) return false;
  p->k = kernel_new(p->a, name);
  p->k->loc = at;
  p->k->noalias = true;
  p->gen++;
  p->nname = 0;
  p->in_body = false;
  struct look k = {.l = p->l};
  k.dim = ARENA_NEW(p->a, struct name *, TEXT_MAX_ITEMS);
  k.param = ARENA_NEW(p->a, struct name *, TEXT_MAX_ITEMS);
  k.l.d = NULL;
  if (!look(p, &k)) return false;
  for (unsigned i = 0; i < k.ndim; i++) {
    struct name *x = k.dim[i];
    if (x->is_param) continue;
    if (x->kind != NAME_DIM) add_dim_sym(p, x);
    add_dim_param(p, x, DT_i64);
  }
  for (unsigned i = 0; i < k.nparam; i++)
    if (is_dim(k.param[i]) && k.param[i]->kind == NAME_UNKNOWN) add_dim_sym(p, k.param[i]);
  if (!parse_params(p)) return false;
  if (lex_accept(&p->l, "mayalias")) p->k->noalias = false;
  return true;
}
