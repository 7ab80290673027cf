/* Scalar types: one row each in types.def. */
#ifndef HONE_IR_TYPE_H
#define HONE_IR_TYPE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
#define TYPE(name, cname, bytes, klass, mant, least, most) DT_##name,
#include "ir/types.def"
#undef TYPE
  DT_COUNT
};

enum dclass { DC_BOOL, DC_SINT, DC_UINT, DC_FLOAT };

/* A scalar of any type. Integers: sign- or zero-extended to 64 bits in .i / .u; bool: 0 or 1 in .u;
   floats of every width: the exact value as a double in .f. */
union value {
  int64_t i;
  uint64_t u;
  double f;
};

const char *type_name(enum dtype t);       /* "f32" */
const char *type_cname(enum dtype t);      /* "float"; the C spelling in headers ("_Float16"; bf16, e4m3 and e5m2 have no portable name: their bits) */
size_t type_size(enum dtype t);            /* bytes in memory */
enum dclass type_class(enum dtype t);
unsigned type_mantissa(enum dtype t);      /* floats: significand bits incl. the hidden one (f32 24); else 0 */
bool type_is_float(enum dtype t);
bool type_is_int(enum dtype t);            /* signed or unsigned, not bool */
bool type_is_signed(enum dtype t);         /* signed integers only */
bool type_from_name(const char *s, size_t n, enum dtype *out);
bool type_computes(enum dtype t);          /* false: a type of memory only (e4m3, e5m2): it is read, written and converted */
double type_epsilon(enum dtype t);         /* unit round-off u = 2^-mantissa; 0 for integers */
double type_least(enum dtype t);           /* floats: the least positive value, a subnormal */
double type_largest(enum dtype t);         /* floats: the largest finite value */
bool type_holds(enum dtype to, enum dtype from); /* two floats: is every value of one a value of the other? */

/* Rounds v (an exact value of class type_class(t)) to t: floats to nearest even, integers wrap modulo 2^bits, bool: != 0.
   What is too large is infinite, but the largest number of e4m3 and e5m2. */
union value type_round(enum dtype t, union value v);
/* C conversion from one type to another; float to integer truncates, out of range saturates, NaN gives 0. Infinities
   become the largest number of e4m3 or e5m2, too. */
union value type_convert(enum dtype to, enum dtype from, union value v);
/* Memory <-> value, host byte order. p may be unaligned. */
union value type_load(enum dtype t, const void *p);
void type_store(enum dtype t, void *p, union value v);
bool type_value_eq(enum dtype t, union value a, union value b); /* bitwise; all NaN equal */
#endif
