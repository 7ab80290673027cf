/* The operation and reduction tables as C. */
#ifndef HONE_IR_OP_H
#define HONE_IR_OP_H
#include "ir/type.h"
enum op {
#define OP(name, n, types, result, flags, text, prec, F, S, U, LLVM) OP_##name,
#include "ir/ops.def"
#undef OP
  OP_COUNT
};
enum red {
  RED_none,
#define RED(name, fid, iid) RED_##name,
#include "ir/reds.def"
#undef RED
  RED_COUNT
};
enum opflag { OPF_COMM = 1, OPF_ASSOC = 2, OPF_CMP = 4, OPF_TRANS = 8 };
enum optypes { OPT_FLT, OPT_INT, OPT_NUM, OPT_ANY, OPT_BIT, OPT_BOOL, OPT_WORD };
struct opinfo {
  const char *name, *text;   /* text "" when written as a call */
  uint8_t arity, prec, flags;
  uint8_t types;             /* enum optypes */
  bool result_bool, result_other; /* other: of the same bytes (op_result) */
};
extern const struct opinfo op_info[OP_COUNT];
extern const char *const red_name[RED_COUNT];
bool op_accepts(enum op o, enum dtype t);                             /* operand type (select: of operands 1 and 2) */
enum dtype op_result(enum op o, enum dtype t);                         /* the type of o on operands of type t (select: of 1 and 2) */
/* Value of o on operands of type t, rounded to the result type. select: v[0] is bool. Total: division by zero gives 0 for integers. */
union value op_eval(enum op o, enum dtype t, const union value *v);
/* The comparison that holds where o does not (of floats only when neither is a NaN); OP_COUNT when o is none. */
enum op op_opposite(enum op o);
bool op_from_name(const char *s, size_t n, enum op *out);
bool red_from_name(const char *s, size_t n, enum red *out);
union value red_identity(enum red r, enum dtype t);
/* acc = step(acc, x); not for argmin/argmax. */
union value red_step(enum red r, enum dtype t, union value acc, union value x);
#endif
