/* The lexer. Strict: whatever is not a token is an error with its place. */
#include "ir/lex.h"
#include "ir/buf.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words of the text forms that a name must not be mistaken for; such names are written in backquotes. */
static const char *const reserved[] = {"if",    "else", "inf",   "nan",   "true",
                                       "false", "for",  "while", "alloc", "prefetch"};

static bool is_start(char c) {
  return isalpha((unsigned char)c) || c == '_';
}

static bool is_word(char c) {
  return isalnum((unsigned char)c) || c == '_';
}

bool name_is_plain(const char *name) {
  bool plain = is_start(name[0]);
  for (const char *p = name; *p; p++) plain &= is_word(*p);
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) plain &= strcmp(name, reserved[i]) != 0;
  return plain;
}

void name_print(struct buf *out, const char *name) {
  buf_printf(out, name_is_plain(name) ? "%s" : "`%s`", name);
}

static struct loc here(const struct lexer *l, const char *p) {
  return (struct loc){l->file, l->line, (uint32_t)(p - l->bol) + 1};
}

static bool report(struct lexer *l, struct loc at, const char *fmt, va_list ap) {
  if (l->failed) return false;
  l->failed = true;
  if (!l->d) return false;
  char text[400];
  vsnprintf(text, sizeof text, fmt, ap);
  diag_add(l->d, DIAG_ERROR, at, NULL, text);
  return false;
}

bool lex_error_at(struct lexer *l, struct loc at, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  report(l, at, fmt, ap);
  va_end(ap);
  return false;
}

bool lex_error(struct lexer *l, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  report(l, l->tok.loc, fmt, ap);
  va_end(ap);
  return false;
}

/* Ends the text here after an error. */
static void stop(struct lexer *l) {
  l->tok.kind = TOK_EOF;
  l->p = l->end;
}

/* Steps over white space and comments; true when a line break was among them. */
static bool skip_space(struct lexer *l) {
  bool nl = false;
  while (l->p < l->end) {
    if (*l->p == '\n') {
      nl = true;
      l->line++;
      l->bol = ++l->p;
    } else if (*l->p == ' ' || *l->p == '\t' || *l->p == '\r') {
      l->p++;
    } else if (*l->p == '#' || (*l->p == '/' && l->p + 1 < l->end && l->p[1] == '/')) {
      while (l->p < l->end && *l->p != '\n') l->p++;
    } else {
      break;
    }
  }
  return nl;
}

/* Up to the closing quote, which must stand on the same line. */
static void lex_quoted(struct lexer *l, char quote) {
  const char *start = ++l->p;
  while (l->p < l->end && *l->p != quote && *l->p != '\n') {
    if (quote == '"' && *l->p == '\\' && l->p + 1 < l->end && l->p[1] != '\n') l->p++;
    l->p++;
  }
  l->tok.s = start;
  l->tok.n = (size_t)(l->p - start);
  if (l->p == l->end || *l->p != quote || (quote == '`' && start == l->p)) {
    lex_error(l, quote == '`' ? "malformed quoted name" : "unterminated string");
    stop(l);
    return;
  }
  l->p++;
}

/* A type that begins like an exponent: 1.5e4m3. */
static bool is_type(const char *p, const char *end) {
  const char *q = p;
  enum dtype t;
  while (q < end && is_word(*q)) q++;
  return type_from_name(p, (size_t)(q - p), &t);
}

/* The characters that a number may consist of, not yet its suffix. */
static const char *scan_number(const char *p, const char *end, bool *is_float) {
  bool hex = end - p > 2 && p[0] == '0' && (p[1] | 32) == 'x';
  if (hex) p += 2;
  for (; p < end; p++) {
    char c = (char)(*p | 32);
    if (*p == '.') {
      if (p + 1 < end && p[1] == '.') break; /* a range: 0..N */
      *is_float = true;
    } else if (!hex && c == 'e' && is_type(p, end)) {
      break;
    } else if (c == (hex ? 'p' : 'e') &&
               (p + 1 < end && (isdigit((unsigned char)p[1]) ||
                                ((p[1] == '-' || p[1] == '+') && p + 2 < end && isdigit((unsigned char)p[2]))))) {
      *is_float = true;
      p++;
      while (p + 1 < end && isdigit((unsigned char)p[1])) p++;
    } else if (!(hex ? isxdigit((unsigned char)*p) : isdigit((unsigned char)*p))) {
      break;
    }
  }
  return p;
}

/* A type's name right behind a number. In hexadecimal integers f16 … would be digits: there is no suffix on those but i
 * and u. */
static void lex_suffix(struct lexer *l) {
  const char *q = l->p;
  enum dtype t;
  while (q < l->end && is_word(*q)) q++;
  if (q == l->p) return;
  if (!type_from_name(l->p, (size_t)(q - l->p), &t) || t == DT_bool) {
    lex_error(l, "malformed number '%.*s'", (int)(q - l->tok.s > 60 ? 60 : q - l->tok.s), l->tok.s);
    stop(l);
    return;
  }
  l->tok.suffix = (uint8_t)t;
  l->p = q;
}

static void lex_number(struct lexer *l) {
  bool is_float = false;
  const char *q = scan_number(l->p, l->end, &is_float);
  char text[512], *rest;
  size_t n = (size_t)(q - l->p);
  if (n >= sizeof text) {
    lex_error(l, "number too long");
    stop(l);
    return;
  }
  memcpy(text, l->p, n);
  text[n] = 0;
  l->p = q;
  errno = 0;
  l->tok.kind = is_float ? TOK_FLOAT : TOK_INT;
  l->tok.u = is_float ? 0 : strtoull(text, &rest, text[1] == 'x' || text[1] == 'X' ? 16 : 10);
  bool range = errno == ERANGE;
  double f = strtod(text, is_float ? &rest : &(char *){NULL});
  l->tok.f = f;
  if (*rest || (!is_float && range) || (is_float && isinf(f))) {
    lex_error(l, *rest ? "malformed number '%s'" : "number '%s' is too large", n > 60 ? "..." : text);
    stop(l);
    return;
  }
  lex_suffix(l);
}

static void lex_punct(struct lexer *l) {
  static const char two[][3] = {"==", "!=", "<=", ">=", "<<", ">>", "->", "&&", "||", "..", "+=", ":="};
  l->tok.kind = TOK_PUNCT;
  for (size_t i = 0; i < sizeof two / sizeof *two; i++)
    if (l->end - l->p >= 2 && l->p[0] == two[i][0] && l->p[1] == two[i][1]) {
      l->p += 2;
      return;
    }
  if (strchr("+-*/%&|^~!<>=()[]{},;:.@?$", *l->p) && *l->p) {
    l->p++;
    return;
  }
  unsigned char c = (unsigned char)*l->p;
  if (c > 0x20 && c < 0x7f) {
    lex_error(l, "unexpected character '%c'", c);
  } else {
    lex_error(l, "unexpected byte 0x%02x", c);
  }
  stop(l);
}

void lex_next(struct lexer *l) {
  bool nl = skip_space(l) || l->tok.s == NULL;
  l->tok = (struct token){.nl = nl, .suffix = DT_COUNT, .s = l->p, .loc = here(l, l->p)};
  if (l->p >= l->end || l->failed) {
    l->tok.kind = TOK_EOF;
    return;
  }
  char c = *l->p;
  if (is_start(c)) {
    while (l->p < l->end && is_word(*l->p)) l->p++;
    l->tok.kind = TOK_NAME;
  } else if (c == '`' || c == '"') {
    l->tok.kind = c == '`' ? TOK_NAME : TOK_STRING;
    l->tok.quoted = c == '`';
    lex_quoted(l, c);
    return;
  } else if (isdigit((unsigned char)c)) {
    lex_number(l);
  } else {
    lex_punct(l);
  }
  if (l->tok.kind != TOK_EOF) l->tok.n = (size_t)(l->p - l->tok.s);
}

void lex_init(struct lexer *l, struct arena *a, struct diag *d, uint16_t file, const char *text, size_t len) {
  *l = (struct lexer){.arena = a, .d = d, .file = file, .p = text, .end = text + len, .bol = text, .line = 1};
  lex_next(l);
}

struct token lex_peek(const struct lexer *l) {
  struct lexer copy = *l;
  copy.d = NULL;
  lex_next(&copy);
  return copy.tok;
}

bool lex_token_is(const struct token *t, const char *s) {
  if (t->kind != TOK_PUNCT && (t->kind != TOK_NAME || t->quoted)) return false;
  return strlen(s) == t->n && !memcmp(s, t->s, t->n);
}

bool lex_is(const struct lexer *l, const char *s) {
  return lex_token_is(&l->tok, s);
}

bool lex_accept(struct lexer *l, const char *s) {
  if (!lex_is(l, s)) return false;
  lex_next(l);
  return true;
}

const char *lex_describe(const struct lexer *l) {
  static _Thread_local char text[72];
  if (l->tok.kind == TOK_EOF) return "end of text";
  int n = l->tok.n > 60 ? 60 : (int)l->tok.n;
  snprintf(text, sizeof text, "'%.*s'", n, l->tok.s);
  return text;
}

bool lex_expect(struct lexer *l, const char *s) {
  if (lex_accept(l, s)) return true;
  return lex_error(l, "expected '%s' before %s", s, lex_describe(l));
}

bool lex_name(struct lexer *l, const char *what, const char **out) {
  if (l->tok.kind != TOK_NAME) return lex_error(l, "expected %s before %s", what, lex_describe(l));
  *out = arena_strndup(l->arena, l->tok.s, l->tok.n);
  lex_next(l);
  return true;
}

bool lex_int(struct lexer *l, int64_t *out) {
  bool neg = lex_accept(l, "-");
  if (l->tok.kind != TOK_INT || l->tok.suffix != DT_COUNT)
    return lex_error(l, "expected an integer before %s", lex_describe(l));
  if (l->tok.u > (uint64_t)INT64_MAX + neg) return lex_error(l, "number %s is too large", lex_describe(l));
  *out = neg ? (int64_t)(0 - l->tok.u) : (int64_t)l->tok.u;
  lex_next(l);
  return true;
}

const char *lex_string(const struct lexer *l, const struct token *t) {
  char *r = arena_alloc(l->arena, t->n + 1), *q = r;
  for (size_t i = 0; i < t->n; i++) {
    if (t->s[i] == '\\' && i + 1 < t->n) {
      i++;
      *q++ = t->s[i] == 'n' ? '\n' : t->s[i];
    } else {
      *q++ = t->s[i];
    }
  }
  return r;
}

bool lex_enter(struct lexer *l) {
  if (l->depth >= LEX_DEPTH) return lex_error(l, "nested more than %d deep", LEX_DEPTH);
  l->depth++;
  return true;
}

void lex_leave(struct lexer *l) {
  l->depth--;
}
