/* Tokens of PTX text. A word is an identifier, a directive or an opcode with its modifiers: whatever is joined by '.',
 * '_', '$', '%' or "::". */
#include "runtime/emu/ptx.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool emu_slice_is(struct slice a, const char *b) {
  return strlen(b) == a.n && !memcmp(a.s, b, a.n);
}

void emu_lex_init(struct lex *l, const char *text, size_t len) {
  *l = (struct lex){.p = text, .end = text + len, .bol = text, .line = 1};
}

static void newline(struct lex *l) {
  l->line++;
  l->bol = l->p;
}

static void block_comment(struct lex *l) {
  for (l->p += 2; l->p < l->end; l->p++) {
    if (*l->p == '*' && l->p + 1 < l->end && l->p[1] == '/') {
      l->p += 2;
      return;
    }
    if (*l->p == '\n') {
      l->line++;
      l->bol = l->p + 1;
    }
  }
}

static void blanks(struct lex *l) {
  while (l->p < l->end) {
    if (*l->p == '\n') {
      l->p++;
      newline(l);
    } else if (isspace((unsigned char)*l->p)) {
      l->p++;
    } else if (*l->p == '/' && l->p + 1 < l->end && l->p[1] == '/') {
      while (l->p < l->end && *l->p != '\n') l->p++;
    } else if (*l->p == '/' && l->p + 1 < l->end && l->p[1] == '*') {
      block_comment(l);
    } else {
      break;
    }
  }
}

static bool word_char(char c) {
  return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '%' || c == '.';
}

static void word(struct lex *l) {
  l->tok = T_WORD;
  while (l->p < l->end) {
    if (word_char(*l->p)) {
      l->p++;
    } else if (*l->p == ':' && l->p + 2 < l->end && l->p[1] == ':' && word_char(l->p[2])) {
      l->p += 2;
    } else {
      break;
    }
  }
}

static uint64_t digits(struct lex *l, uint32_t base, int most, int *count) {
  uint64_t v = 0;
  *count = 0;
  for (; l->p < l->end && isxdigit((unsigned char)*l->p) && *count < most; l->p++, ++*count) {
    uint32_t c = (uint32_t)(isdigit((unsigned char)*l->p) ? *l->p - '0' : (*l->p | 32) - 'a' + 10);
    if (c >= base) break;
    uint64_t next;
    if (__builtin_mul_overflow(v, base, &next) || __builtin_add_overflow(next, c, &v)) l->bad = true;
  }
  return v;
}

/* 1.5, 2e3: the text is copied, because it may not end in 0. */
static void decimal_float(struct lex *l, const char *from) {
  char buf[64], *end;
  size_t n = 0;
  for (l->p = from; l->p < l->end && n + 1 < sizeof buf; l->p++) {
    bool sign = (*l->p == '-' || *l->p == '+') && n && (buf[n - 1] | 32) == 'e';
    if (!isdigit((unsigned char)*l->p) && *l->p != '.' && (*l->p | 32) != 'e' && !sign) break;
    buf[n++] = *l->p;
  }
  buf[n] = 0;
  double d = strtod(buf, &end);
  l->bad |= *end != 0;
  l->tok = T_F64;
  memcpy(&l->val, &d, sizeof d);
}

static void number(struct lex *l) {
  const char *from = l->p;
  int n;
  char k = l->p + 1 < l->end ? (char)(l->p[1] | 32) : 0;
  l->tok = T_INT;
  if (*l->p == '0' && (k == 'f' || k == 'd')) {
    l->p += 2;
    l->tok = k == 'f' ? T_F32 : T_F64;
    l->val = digits(l, 16, 16, &n);
    l->bad |= n != (k == 'f' ? 8 : 16);
  } else if (*l->p == '0' && (k == 'x' || k == 'b')) {
    l->p += 2;
    l->val = digits(l, k == 'x' ? 16 : 2, 65, &n);
    l->bad |= n == 0;
  } else {
    l->val = digits(l, 10, 65, &n);
    if (l->p < l->end && (*l->p == '.' || (*l->p | 32) == 'e')) {
      l->bad = false;
      decimal_float(l, from);
    } else if (*from == '0' && n > 1) {
      l->p = from;
      l->bad = false;
      l->val = digits(l, 8, 65, &n);
    }
  }
  if (l->tok == T_INT && l->p < l->end && *l->p == 'U') l->p++;
  if (l->p < l->end && word_char(*l->p)) l->bad = true;
}

static void string(struct lex *l) {
  l->tok = T_STRING;
  for (l->p++; l->p < l->end && *l->p != '"' && *l->p != '\n'; l->p++) {
    if (*l->p == '\\' && l->p + 1 < l->end) l->p++;
  }
  if (l->p < l->end && *l->p == '"') {
    l->p++;
  } else {
    l->bad = true;
  }
}

void emu_lex_next(struct lex *l) {
  blanks(l);
  l->tline = l->line;
  l->tcol = (uint32_t)(l->p - l->bol) + 1;
  l->bad = false;
  l->val = 0;
  const char *from = l->p;
  if (l->p == l->end) {
    l->tok = T_END;
  } else if (isdigit((unsigned char)*l->p)) {
    number(l);
  } else if (word_char(*l->p)) {
    word(l);
  } else if (*l->p == '"') {
    string(l);
  } else {
    l->tok = T_PUNCT;
    l->val = (unsigned char)*l->p++;
  }
  l->text = (struct slice){from, (uint32_t)(l->p - from)};
}
