#include "example.h"
#include "conv2d.h"
void conv2d_ref(int N, int H, int W, int C, int F, int R, int S, int P, int Q, int stride, int pad,
                const float x[N][H][W][C], const float w[R][S][C][F], const float bias[F], float y[N][P][Q][F]);

static int try(int N, int H, int W, int C, int F, int R, int stride, int pad) {
  int P = (H + 2 * pad - R) / stride + 1, Q = (W + 2 * pad - R) / stride + 1;
  size_t nx = (size_t)N * H * W * C, nw = (size_t)R * R * C * F, ny = (size_t)N * P * Q * F;
  float *x = floats(nx), *w = floats(nw), *b = floats(F), *y = floats(ny), *r = floats(ny);
  conv2d(N, H, W, C, F, R, R, P, Q, stride, pad, (const void *)x, (const void *)w, b, (void *)y);
  conv2d_ref(N, H, W, C, F, R, R, P, Q, stride, pad, (const void *)x, (const void *)w, b, (void *)r);
  int bad = differ("y", y, r, ny, 1e-5);
  free(x), free(w), free(b), free(y), free(r);
  return bad;
}

int main(void) {
  return done("conv2d", try(1, 12, 14, 5, 18, 3, 1, 1) + try(2, 11, 9, 3, 7, 3, 2, 1) + try(1, 8, 8, 16, 16, 1, 1, 0) +
                            try(1, 9, 9, 4, 33, 5, 2, 2));
}
