/* Elements of tensor-core operands as doubles, which hold all of them exactly. */
#ifndef HONE_RUNTIME_EMU_TENSOR_H
#define HONE_RUNTIME_EMU_TENSOR_H

#include "runtime/emu/ptx.h"

/* n elements of a type from packed bytes. */
struct warp;
/* What one warp's share of a product of operands of this type counts for. */
void emu_count_tensor(struct warp *w, uint64_t flops, enum emu_type t);
void emu_unpack(double *to, const void *from, uint32_t n, enum emu_type t);
/* An accumulator's new bits: a sum in its type (f16, f32, f64, s32). saturate: s32 only. */
uint64_t emu_accumulator(double v, enum emu_type t, bool saturate);
double emu_accumulated(uint64_t bits, enum emu_type t);

#endif
