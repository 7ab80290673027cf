#include "example.h"
#include "swish.h"
void swish_ref(int n, const float *restrict a, const float *restrict b, float *restrict y);

int main(void) {
  int bad = 0;
  for (int n = 0; n < 70; n++) {
    float *a = floats((size_t)n), *b = floats((size_t)n), *y = floats((size_t)n), *r = floats((size_t)n);
    swish(n, a, b, y);
    swish_ref(n, a, b, r);
    bad += differ("y", y, r, (size_t)n, 1e-5);
    free(a), free(b), free(y), free(r);
  }
  return done("swish", bad);
}
