#include "example.h"
#include "attention_causal.h"
void attention_causal_ref(int H, int T, int D, const float Q[H][T][D], const float K[H][T][D], const float V[H][T][D],
                          float O[H][T][D]);

int main(void) {
  static const int size[][3] = {{2, 64, 64}, {3, 45, 24}, {1, 1, 16}, {1, 130, 8}};
  int bad = 0;
  for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
    int H = size[i][0], T = size[i][1], D = size[i][2];
    size_t n = (size_t)H * T * D;
    float *q = floats(n), *k = floats(n), *v = floats(n), *o = floats(n), *r = floats(n);
    attention_causal(H, T, D, (const void *)q, (const void *)k, (const void *)v, (void *)o);
    attention_causal_ref(H, T, D, (const void *)q, (const void *)k, (const void *)v, (void *)r);
    bad += differ("O", o, r, n, 1e-5);
    free(q), free(k), free(v), free(o), free(r);
  }
  return done("attention_causal", bad);
}
