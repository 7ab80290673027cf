#include "example.h"
#include "depthwise.h"
void depthwise_ref(int C, int H, int W, const float x[C][H][W], const float w[C][3][3], float y[C][H][W]);

int main(void) {
  enum { C = 6, H = 21, W = 37 };
  float *x = floats(C * H * W), *w = floats(C * 9), *y = floats(C * H * W), *r = floats(C * H * W);
  depthwise(C, H, W, (const void *)x, (const void *)w, (void *)y);
  depthwise_ref(C, H, W, (const void *)x, (const void *)w, (void *)r);
  int bad = differ("y", y, r, C * H * W, 1e-5);
  free(x), free(w), free(y), free(r);
  return done("depthwise", bad);
}
