#include "example.h"
#include "attention.h"
void attention_ref(int H, int T, int S, int D, const float Q[H][T][D], const float K[H][S][D], const float V[H][S][D],
                   float O[H][T][D]);

int main(void) {
  static const int size[][4] = {{2, 32, 64, 64}, {3, 17, 45, 24}, {1, 1, 300, 16}, {1, 5, 1, 8}};
  int bad = 0;
  for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
    int H = size[i][0], T = size[i][1], S = size[i][2], D = size[i][3];
    size_t nq = (size_t)H * T * D, nk = (size_t)H * S * D;
    float *q = floats(nq), *k = floats(nk), *v = floats(nk), *o = floats(nq), *r = floats(nq);
    attention(H, T, S, D, (const void *)q, (const void *)k, (const void *)v, (void *)o);
    attention_ref(H, T, S, D, (const void *)q, (const void *)k, (const void *)v, (void *)r);
    bad += differ("O", o, r, nq, 1e-5);
    free(q), free(k), free(v), free(o), free(r);
  }
  return done("attention", bad);
}
