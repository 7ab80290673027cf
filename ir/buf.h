/* A growing text or byte buffer. Lives on the heap; buf_free releases it. Always NUL-terminated. */
#ifndef HONE_IR_BUF_H
#define HONE_IR_BUF_H
#include <stddef.h>
#include <stdint.h>
struct buf { char *data; size_t len, cap; };
void buf_init(struct buf *b);
void buf_free(struct buf *b);
void buf_clear(struct buf *b);
void buf_write(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_indent(struct buf *b, int levels);       /* two spaces a level */
void buf_json(struct buf *b, const char *s);      /* s quoted and escaped as a JSON string */
#endif
