/* Decoders shared by the arithmetic files. */
#ifndef HONE_RUNTIME_EMU_INTEGER_H
#define HONE_RUNTIME_EMU_INTEGER_H

#include "runtime/emu/ptx.h"

/* add, sub, mul, mad, div, rem, min, max, abs, neg of an integer type that was taken already. */
void emu_dec_int_arith(struct dec *d, enum emu_type t);
/* add.cc and sub.cc. */
void emu_dec_carry_out(struct dec *d, enum emu_type t, bool sub);

#endif
