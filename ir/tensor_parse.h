/* The parser of .hone text, cut in three files: tensor_parse.c (files, bodies, recovery), tensor_sig.c (names and signatures), tensor_stmt.c (equations).
   Private to them. */
#ifndef HONE_IR_TENSOR_PARSE_H
#define HONE_IR_TENSOR_PARSE_H
#include "ir/expr_parse.h"
#include "ir/tensor_infer.h"
#include "ir/tensor_text.h"

enum { NAME_SLOTS = 16384, MAX_ERRORS = 20, MAX_PENDING = 64, MAX_IMPLIED = 256, TEXT_MAX_GUARD = 32, TEXT_LOOK = 1000 /* tokens to look ahead */ };
enum namekind { NAME_UNKNOWN, NAME_DIM, NAME_INDEX, NAME_TENSOR, NAME_SCALAR, NAME_BROKEN };
struct name {             /* broken: its definition had an error, so its uses are not reported again */
  const char *s;
  size_t n;
  uint32_t gen;           /* kernel that it belongs to */
  uint8_t kind;
  uint16_t id;
  bool mentioned, is_param, is_integer, forced; /* from the first look at the signature */
};

/* A reduction met inside an expression: becomes an equation of its own. */
struct pending {
  struct eq e;            /* axes without a range have lo == NULL */
  int parent;             /* pending that it stands in, -1: the statement itself */
  bool dead;              /* became the statement itself */
};
struct tparser {
  struct lexer l;
  struct expr_parser ep;
  struct arena *a;
  struct diag *d;
  struct kernel *k;
  struct name *slot;      /* [NAME_SLOTS], open addressing */
  uint32_t gen;
  unsigned nname;
  bool in_body;           /* unknown names may be indices */
  uint8_t arg_type;       /* of $0 and $1; DT_COUNT: not here */
  int errors;             /* of the whole text */
  bool kernel_bad, stmt_bad;
  /* one statement */
  struct eq e;
  unsigned npend;
  struct pending pend[MAX_PENDING];
  unsigned nscope;
  sym_t scope[TEXT_MAX_AXIS * 4];  /* indices that may be used here: the left side's, then those of the reductions around */
  int around;             /* pending being parsed, -1 */
  unsigned ndone;
  uint8_t done[MAX_PENDING];       /* pendings in the order in which they were complete: inner ones first */
  unsigned nimplied;
  struct access *implied[MAX_IMPLIED];
  int implied_in[MAX_IMPLIED];     /* pending that the access stands in, -1 */
  bool *hoisted;          /* [ntensor] temps made by the parser */
  /* groups */
  bool want_groups, in_group;
  struct groups *gs;
};

struct name *name_find(struct tparser *p, const char *s, size_t n);  /* NULL: not there */
struct name *name_put(struct tparser *p, const char *s, size_t n);   /* found or made, kind NAME_UNKNOWN; NULL with an error when there are too many */
struct ref resolve_name(void *ctx, const struct token *t);
bool parse_signature(struct tparser *p);                             /* from after `kernel` to before `{`; p->k is made */
bool parse_shape(struct tparser *p, uint8_t *rank, poly_t **extent, poly_t **stride);
bool parse_temp(struct tparser *p);
bool parse_statement(struct tparser *p);                             /* an equation */
bool parse_group(struct tparser *p);                                 /* `group NAME (...) { equations }` */
void parse_items(struct tparser *p);                                 /* statements up to the closing brace */
bool parse_axis(struct tparser *p, struct axis *x);                  /* NAME [in lo..hi] */
bool keyword(struct tparser *p, const char *word);                   /* the token is this word and no tensor's name */
/* Reports at a place where the lexer may go on; the kernel is refused. */
void semantic_error(struct tparser *p, struct loc at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
const char *suggest(struct tparser *p, const char *s, size_t n, unsigned kinds);  /* "; did you mean 'x'?" or "" */
#endif
