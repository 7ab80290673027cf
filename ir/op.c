/* Operations and reductions on values, expanded from ops.def and reds.def. Everything is total and free of undefined
   behaviour: integers wrap, division by zero gives 0, a shift by less than 0 or by the width or more moves every bit
   out. */
#include "ir/op.h"
#include <math.h>
#include <string.h>

/* Words of the tables. */
enum { SAME, BOOL, OTHER, COMM = OPF_COMM, ASSOC = OPF_ASSOC, CMP = OPF_CMP, TRANS = OPF_TRANS };
#define TYPES_FLT  OPT_FLT
#define TYPES_INT  OPT_INT
#define TYPES_NUM  OPT_NUM
#define TYPES_ANY  OPT_ANY
#define TYPES_BIT  OPT_BIT
#define TYPES_BOOL OPT_BOOL
#define TYPES_WORD OPT_WORD

const struct opinfo op_info[OP_COUNT] = {
#define OP(name, n, types, result, flags, text, prec, F, S, U, LLVM)                                                   \
  {#name, text, n, prec, flags, TYPES_##types, result == BOOL, result == OTHER},
#include "ir/ops.def"
#undef OP
};

const char *const red_name[RED_COUNT] = {
    "none",
#define RED(name, fid, iid) #name,
#include "ir/reds.def"
#undef RED
};

bool op_accepts(enum op o, enum dtype t) {
  enum dclass c = type_class(t);
  if (!type_computes(t)) return o == OP_select;
  switch (op_info[o].types) {
  case OPT_FLT:
    return c == DC_FLOAT;
  case OPT_INT:
    return c == DC_SINT || c == DC_UINT;
  case OPT_NUM:
    return c != DC_BOOL;
  case OPT_BIT:
    return c != DC_FLOAT;
  case OPT_BOOL:
    return c == DC_BOOL;
  case OPT_WORD:
    return t == DT_f32 || t == DT_f64 || t == DT_u32 || t == DT_u64;
  default:
    return true;
  }
}

enum dtype op_result(enum op o, enum dtype t) {
  if (op_info[o].result_bool) return DT_bool;
  if (!op_info[o].result_other) return t;
  return t == DT_f32 ? DT_u32 : t == DT_f64 ? DT_u64 : t == DT_u32 ? DT_f32 : DT_f64;
}

static int64_t op_sdiv(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return (int64_t)(0 - (uint64_t)a);
  return a / b;
}

static int64_t op_srem(int64_t a, int64_t b) {
  return b == 0 || b == -1 ? 0 : a % b;
}

static bool in_width(int64_t count, enum dtype t) {
  return count >= 0 && count < 8 * (int64_t)type_size(t);
}

static int64_t op_shl(int64_t a, int64_t count, enum dtype t) {
  return in_width(count, t) ? (int64_t)((uint64_t)a << count) : 0;
}

static int64_t op_sshr(int64_t a, int64_t count, enum dtype t) {
  return a >> (in_width(count, t) ? count : 63);
}

static uint64_t op_ushr(uint64_t a, uint64_t count, enum dtype t) {
  return in_width((int64_t)count, t) ? a >> count : 0;
}

/* a * b + c rounded to odd: exact products (narrower types than f64) then round once more without harm. */
static double fma_odd(double a, double b, double c) {
  double p = a * b, s = p + c, back = s - p, err = (p - (s - back)) + (c - back);
  if (!isfinite(s) || err == 0) return s;
  uint64_t u;
  memcpy(&u, &s, 8);
  if (u & 1) return s;
  return nextafter(s, err > 0 ? INFINITY : -INFINITY);
}

#define NA   0
#define W(x) ((int64_t)(x))

static double eval_f(enum op o, double a, double b, double c) {
  switch (o) {
#define OP(name, n, types, result, flags, text, prec, F, S, U, LLVM)                                                   \
  case OP_##name:                                                                                                      \
    return F;
#include "ir/ops.def"
#undef OP
  default:
    return 0;
  }
}

static int64_t eval_s(enum op o, enum dtype t, int64_t a, int64_t b) {
  uint64_t A = (uint64_t)a, B = (uint64_t)b;
  switch (o) {
#define OP(name, n, types, result, flags, text, prec, F, S, U, LLVM)                                                   \
  case OP_##name:                                                                                                      \
    return S;
#include "ir/ops.def"
#undef OP
  default:
    return 0;
  }
}

static uint64_t eval_u(enum op o, enum dtype t, uint64_t a, uint64_t b) {
  switch (o) {
#define OP(name, n, types, result, flags, text, prec, F, S, U, LLVM)                                                   \
  case OP_##name:                                                                                                      \
    return U;
#include "ir/ops.def"
#undef OP
  default:
    return 0;
  }
}

static union value eval_float(enum op o, enum dtype t, const union value *v) {
  unsigned n = op_info[o].arity;
  double a = v[0].f, b = n > 1 ? v[1].f : 0, c = n > 2 ? v[2].f : 0;
  if (op_info[o].result_bool) return (union value){.u = eval_f(o, a, b, c) != 0};
  double r = o == OP_fma && t != DT_f64 ? fma_odd(a, b, c) : eval_f(o, a, b, c);
  return type_round(t, (union value){.f = r});
}

union value op_eval(enum op o, enum dtype t, const union value *v) {
  if (o == OP_select) return v[0].u ? v[1] : v[2];
  if (o == OP_bits) {
    char word[8];
    type_store(t, word, v[0]);
    return type_load(op_result(o, t), word);
  }
  if (type_is_float(t)) return eval_float(o, t, v);
  union value a = v[0], b = op_info[o].arity > 1 ? v[1] : a, r = {0};
  if (o == OP_not && t == DT_bool) return (union value){.u = !a.u};
  if (type_is_signed(t)) {
    r.i = eval_s(o, t, a.i, b.i);
  } else {
    r.u = eval_u(o, t, a.u, b.u);
  }
  return op_info[o].result_bool ? r : type_round(t, r);
}

enum op op_opposite(enum op o) {
  switch (o) {
  case OP_eq:
    return OP_ne;
  case OP_ne:
    return OP_eq;
  case OP_lt:
    return OP_ge;
  case OP_le:
    return OP_gt;
  case OP_gt:
    return OP_le;
  case OP_ge:
    return OP_lt;
  default:
    return OP_COUNT;
  }
}

bool op_from_name(const char *s, size_t n, enum op *out) {
  for (unsigned o = 0; o < OP_COUNT; o++)
    if (strlen(op_info[o].name) == n && !memcmp(op_info[o].name, s, n)) {
      *out = (enum op)o;
      return true;
    }
  return false;
}

bool red_from_name(const char *s, size_t n, enum red *out) {
  for (unsigned r = RED_none + 1; r < RED_COUNT; r++)
    if (strlen(red_name[r]) == n && !memcmp(red_name[r], s, n)) {
      *out = (enum red)r;
      return true;
    }
  return false;
}

static union value type_min(enum dtype t) {
  return (union value){.u = type_is_signed(t) ? ~0ull << (8 * type_size(t) - 1) : 0};
}

static union value type_max(enum dtype t) {
  if (t == DT_bool) return (union value){.u = 1};
  return (union value){.u = ~0ull >> (64 - 8 * type_size(t) + type_is_signed(t))};
}

union value red_identity(enum red r, enum dtype t) {
  static const double f[RED_COUNT] = {
      0,
#define RED(name, fid, iid) fid,
#include "ir/reds.def"
#undef RED
  };
  const int64_t TYPE_MIN = type_min(t).i, TYPE_MAX = type_max(t).i;
  const int64_t i[RED_COUNT] = {
      0,
#define RED(name, fid, iid) iid,
#include "ir/reds.def"
#undef RED
  };
  if (type_is_float(t)) return (union value){.f = f[r]};
  return type_round(t, (union value){.i = i[r]});
}

static union value logic_step(enum red r, union value acc, union value x) {
  bool a = acc.f != 0, b = x.f != 0;
  return (union value){.f = r == RED_and ? a && b : r == RED_or ? a || b : a != b};
}

union value red_step(enum red r, enum dtype t, union value acc, union value x) {
  static const uint8_t op[RED_COUNT] = {
      [RED_sum] = OP_add, [RED_prod] = OP_mul, [RED_and] = OP_and, [RED_or] = OP_or, [RED_xor] = OP_xor};
  union value v[2] = {acc, x};
  switch (r) {
  case RED_max:
    return op_eval(OP_gt, t, (union value[]){x, acc}).u ? x : acc;
  case RED_min:
    return op_eval(OP_lt, t, (union value[]){x, acc}).u ? x : acc;
  case RED_and:
  case RED_or:
  case RED_xor:
    if (type_is_float(t)) return logic_step(r, acc, x);
    break;
  case RED_sum:
  case RED_prod:
    if (t == DT_bool) return (union value){.u = r == RED_sum ? acc.u | x.u : acc.u & x.u};
    break;
  default:
    break;
  }
  return op_eval((enum op)op[r], t, v);
}
