#include "example.h"
#include "2mm.h"
void two_mm_ref(int NI, int NJ, int NK, int NL, float alpha, float beta, const float A[NI][NK], const float B[NK][NJ],
                const float C[NJ][NL], float tmp[NI][NJ], float D[NI][NL]);

int main(void) {
  enum { NI = 31, NJ = 42, NK = 27, NL = 50 };
  float *a = floats(NI * NK), *b = floats(NK * NJ), *c = floats(NJ * NL), *d = floats(NI * NL), *t = floats(NI * NJ),
        *u = floats(NI * NJ);
  float *r = copy_of(d, NI * NL);
  two_mm(NI, NJ, NK, NL, 1.5f, 1.2f, (const void *)a, (const void *)b, (const void *)c, (void *)t, (void *)d);
  two_mm_ref(NI, NJ, NK, NL, 1.5f, 1.2f, (const void *)a, (const void *)b, (const void *)c, (void *)u, (void *)r);
  int bad = differ("D", d, r, NI * NL, 1e-4) + differ("tmp", t, u, NI * NJ, 1e-5);
  free(a), free(b), free(c), free(d), free(t), free(u), free(r);
  return done("2mm", bad);
}
