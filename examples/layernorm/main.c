#include "example.h"
#include "layernorm.h"
void layernorm_ref(int R, int C, const float x[R][C], const float g[C], const float b[C], float y[R][C]);

int main(void) {
  static const int size[][2] = {{8, 64}, {5, 77}, {3, 1}, {1, 1000}, {0, 16}};
  int bad = 0;
  for (size_t t = 0; t < sizeof size / sizeof *size; t++) {
    int R = size[t][0], C = size[t][1];
    size_t n = (size_t)R * (size_t)C;
    float *x = floats(n), *y = floats(n), *r = floats(n), *g = floats((size_t)C), *b = floats((size_t)C);
    layernorm(R, C, (const void *)x, g, b, (void *)y);
    layernorm_ref(R, C, (const void *)x, g, b, (void *)r);
    bad += differ("y", y, r, n, 1e-5);
    free(x), free(y), free(r), free(g), free(b);
  }
  return done("layernorm", bad);
}
