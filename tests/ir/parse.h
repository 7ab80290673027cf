/* One kernel out of .hone text, for the unit tests of ir/ that look at kernels. */
#ifndef TESTS_IR_PARSE_H
#define TESTS_IR_PARSE_H
#include "ir/tensor_text.h"
#include "tests/ir/common.h"

/* In a. NULL: the text has errors, or not one kernel; its messages are then in *said (may be NULL; the caller's to
 * free). */
static inline struct kernel *parse_try(struct arena *a, const char *text, struct buf *said) {
  struct diag *d = diag_new();
  struct kernels ks;
  struct buf b;
  buf_init(&b);
  enum status st = kernels_parse(a, d, diag_file(d, "t", text, strlen(text)), text, strlen(text), &ks);
  diag_print(d, &b, false);
  diag_free(d);
  if (said)
    *said = b;
  else
    buf_free(&b);
  return st == ST_OK && ks.n == 1 ? ks.k[0] : NULL;
}

/* The same of text that must be right. */
static inline struct kernel *parse_kernel(struct arena *a, const char *text) {
  struct buf said;
  struct kernel *k = parse_try(a, text, &said);
  ck_assert_msg(k != NULL, "%s\n%s", said.data, text);
  buf_free(&said);
  return k;
}
#endif
