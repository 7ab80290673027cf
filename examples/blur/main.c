#include "example.h"
#include "blur.h"
void blur_ref(int h, int w, const float in[h][w], float out[h][w]);

int main(void) {
  enum { H = 33, W = 71 };
  float *in = floats(H * W), *out = floats(H * W), *r = copy_of(out, H * W);
  blur(H, W, (const void *)in, (void *)out);
  blur_ref(H, W, (const void *)in, (void *)r);
  int bad = differ("out", out, r, H * W, 1e-5);
  free(in), free(out), free(r);
  return done("blur", bad);
}
