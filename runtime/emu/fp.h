/* Narrow floating formats, and arithmetic that rounds once. */
#ifndef HONE_RUNTIME_EMU_FP_H
#define HONE_RUNTIME_EMU_FP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum fp_round { FP_RN, FP_RZ, FP_RM, FP_RP, FP_RNA };
enum fp_format { FP_F16, FP_BF16, FP_TF32, FP_F32, FP_E4M3, FP_E5M2 };

/* Rounds to the format. sat: overflow and infinity become the largest finite number. NaN is the format's canonical one.
 * FP_TF32 is in the bits of a float. */
uint32_t emu_fp_pack(double v, enum fp_format f, enum fp_round mode, bool sat);
/* Rounds to an integer. */
double emu_fp_integral(double v, enum fp_round mode);
double emu_fp_unpack(uint32_t bits, enum fp_format f);

/* a + b rounded to odd in 53 bits: a later rounding to 50 or fewer bits is then as if it were the only one. */
double emu_add_odd(double a, double b);
/* An integer likewise. */
double emu_u64_odd(uint64_t v);

static inline float emu_f32(uint64_t bits) {
  uint32_t b = (uint32_t)bits;
  float f;
  memcpy(&f, &b, 4);
  return f;
}
static inline uint64_t emu_f32_bits(float f) {
  uint32_t b;
  memcpy(&b, &f, 4);
  return f != f ? 0x7fffffffu : b; /* the canonical NaN */
}
static inline double emu_f64(uint64_t bits) {
  double d;
  memcpy(&d, &bits, 8);
  return d;
}
static inline uint64_t emu_f64_bits(double d) {
  uint64_t b;
  memcpy(&b, &d, 8);
  return b;
}

#endif
