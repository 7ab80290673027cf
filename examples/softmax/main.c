#include "example.h"
#include "softmax.h"
void softmax_ref(int R, int C, const float x[R][C], float y[R][C]);

int main(void) {
  static const int size[][2] = {{8, 64}, {5, 77}, {3, 1}, {1, 1000}, {0, 16}};
  int bad = 0;
  for (size_t t = 0; t < sizeof size / sizeof *size; t++) {
    int R = size[t][0], C = size[t][1];
    size_t n = (size_t)R * (size_t)C;
    float *x = floats(n), *y = floats(n), *r = floats(n), *g = floats((size_t)C), *b = floats((size_t)C);
    softmax(R, C, (const void *)x, (void *)y);
    softmax_ref(R, C, (const void *)x, (void *)r);
    bad += differ("y", y, r, n, 1e-5);
    free(x), free(y), free(r), free(g), free(b);
  }
  return done("softmax", bad);
}
