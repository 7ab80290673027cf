/* Growing buffer. */
#include "ir/buf.h"
#include "ir/arena.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char empty[1];

void buf_init(struct buf *b) {
  *b = (struct buf){.data = empty};
}

void buf_free(struct buf *b) {
  if (b->cap) free(b->data);
  buf_init(b);
}

void buf_clear(struct buf *b) {
  b->len = 0;
  if (b->cap) b->data[0] = 0;
}

/* Room for n more bytes and the NUL. */
static void reserve(struct buf *b, size_t n) {
  if (b->cap - b->len > n) return;
  if (n > SIZE_MAX / 4 || b->len > SIZE_MAX / 4) oom_raise();
  size_t cap = b->cap ? b->cap * 2 : 256;
  while (cap - b->len <= n) cap *= 2;
  b->data = xrealloc(b->cap ? b->data : NULL, cap);
  b->cap = cap;
}

void buf_write(struct buf *b, const void *p, size_t n) {
  reserve(b, n);
  if (n) memcpy(b->data + b->len, p, n);
  b->len += n;
  b->data[b->len] = 0;
}

void buf_puts(struct buf *b, const char *s) {
  buf_write(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c) {
  buf_write(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n <= 0) return;
  reserve(b, (size_t)n);
  va_start(ap, fmt);
  vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
  va_end(ap);
  b->len += (size_t)n;
}

void buf_indent(struct buf *b, int levels) {
  for (int i = 0; i < levels; i++) buf_write(b, "  ", 2);
}

void buf_json(struct buf *b, const char *s) {
  buf_putc(b, '"');
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\') {
      buf_printf(b, "\\%c", c);
    } else if (c == '\n') {
      buf_puts(b, "\\n");
    } else if (c == '\t') {
      buf_puts(b, "\\t");
    } else if (c < 0x20 || c == 0x7f) {
      buf_printf(b, "\\u%04x", c);
    } else {
      buf_putc(b, (char)c);
    }
  }
  buf_putc(b, '"');
}
