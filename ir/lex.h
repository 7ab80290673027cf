/* The one lexer of all text forms (.hone, GROUP, LOOP, SOURCE, schedules). One token of state, peek by copying.
   Names: [A-Za-z_][A-Za-z0-9_]*, or anything between backquotes (`if`), which is never a keyword. Numbers: 42, 0x2a, 1.5, 1e3, 0x1.8p3, each with an optional
   type suffix (3i32, 1.5f64). Comments: # or // to the end of the line. White space separates; `nl` says that a line break stood before the token. */
#ifndef HONE_IR_LEX_H
#define HONE_IR_LEX_H
#include "ir/diag.h"
#include "ir/type.h"

enum tokkind { TOK_EOF, TOK_NAME, TOK_INT, TOK_FLOAT, TOK_STRING, TOK_PUNCT };
struct token {
  uint8_t kind;
  uint8_t suffix;        /* TOK_INT, TOK_FLOAT: enum dtype, DT_COUNT when there was none */
  bool nl;               /* first token of its line */
  bool quoted;           /* TOK_NAME in backquotes */
  const char *s;         /* text (into the source): names without backquotes, strings without quotes */
  size_t n;
  uint64_t u;            /* TOK_INT: magnitude, at most UINT64_MAX (checked) */
  double f;              /* TOK_FLOAT: value; TOK_INT: the same as a double */
  struct loc loc;
};
enum { LEX_DEPTH = 200 };  /* nesting allowed in any text form */
struct lexer {
  struct arena *arena;
  struct diag *d;          /* may be NULL: errors are only counted */
  uint16_t file;
  const char *p, *end, *bol;
  uint32_t line;
  struct token tok;        /* the current token */
  bool failed;             /* an error was reported; parsers stop at the first */
  unsigned depth;
};

/* Starts at the first token. After an error of the lexer itself, the token is TOK_EOF and failed is set. text need not be NUL-terminated.
   a may be NULL where neither lex_name nor lex_string is called. */
void lex_init(struct lexer *l, struct arena *a, struct diag *d, uint16_t file, const char *text, size_t len);
void lex_next(struct lexer *l);
struct token lex_peek(const struct lexer *l);              /* the token after the current one */
bool lex_is(const struct lexer *l, const char *s);         /* current token is this punctuation, or this unquoted name */
bool lex_accept(struct lexer *l, const char *s);           /* ... and steps over it */
bool lex_expect(struct lexer *l, const char *s);           /* ... or reports "expected 's' before 't'" */
/* Takes a name into *out (copied to the arena); reports "expected WHAT before 't'". */
bool lex_name(struct lexer *l, const char *what, const char **out);
/* Takes an integer, optionally with a minus sign, that fits int64. */
bool lex_int(struct lexer *l, int64_t *out);
/* The text of a TOK_STRING with \" \\ \n replaced, in the arena. */
const char *lex_string(const struct lexer *l, const struct token *t);
/* Errors. Only the first of a lexer is reported: later ones follow from it. Always return false. */
bool lex_error(struct lexer *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));              /* at the current token */
bool lex_error_at(struct lexer *l, struct loc at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
const char *lex_describe(const struct lexer *l);           /* the current token for a message: "'foo'", "end of text"; until the next call */
/* Around recursive rules: enter fails with a message at LEX_DEPTH; leave undoes a successful enter. */
bool lex_enter(struct lexer *l);
void lex_leave(struct lexer *l);
bool lex_token_is(const struct token *t, const char *s);   /* as lex_is */
/* A name as it must be written in text forms: in backquotes where it is a word of the language or not a plain name. */
struct buf;
void name_print(struct buf *out, const char *name);
bool name_is_plain(const char *name); /* written without quotes */
#endif
