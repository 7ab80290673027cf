/* e^x of f32 with AVX-512: 2^(i / 32) from a table of two registers times e^r for |r| <= ln 2 / 64, where three terms
   are enough (the fourth is below 2^-30). Three multiplications fewer than a polynomial over |r| <= ln 2 / 2; the
   permutation and scaling, which takes the fraction of its exponent off, run beside them. */
#include "codegen/emit/vm.h"

enum { ENTRIES = 32 };
static const float power[ENTRIES] = {/* 2^(i / 32) */
                                     1.0f,        1.0218972f,  1.04427373f, 1.06714046f, 1.09050775f, 1.1143868f,
                                     1.13878858f, 1.1637249f,  1.18920708f, 1.21524739f, 1.24185777f, 1.26905096f,
                                     1.29683959f, 1.32523668f, 1.35425556f, 1.38390994f, 1.41421354f, 1.44518077f,
                                     1.47682619f, 1.50916445f, 1.54221082f, 1.5759809f,  1.61049032f, 1.64575553f,
                                     1.68179286f, 1.71861935f, 1.75625217f, 1.79470909f, 1.8340081f,  1.87416768f,
                                     1.91520655f, 1.95714414f};
static const struct vm_table table = {"hone.exp", power, 1, ENTRIES};

V vm_exp_parts(struct vm *v, V x, V *n, V *lo) {
  V magic = K(v, 0x1.8p18), t = mad(v, x, K(v, 1.44269504), magic); /* its last bits count 32nds */
  V k = sub(v, t, magic), r = mad(v, k, K(v, -0x1.62e4p-1), x);
  r = mad(v, k, K(v, -0x1.7f7d1cp-20), r);
  V at = vm_look_up(v, &table, 0, bits(v, t, v->i)), w = mad(v, r, K(v, 1.0 / 6), K(v, 0.5));
  V q = mul(v, at, r), p = mad(v, q, mad(v, w, r, K(v, 1)), at);
  if (lo) *lo = mad(v, q, mad(v, w, r, K(v, 1)), sub(v, at, p));
  *n = v->n < 4 ? un(v, "llvm.floor", k) : k; /* vm_scalef takes the whole part itself */
  return p;
}
