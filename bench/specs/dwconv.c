/* Depthwise 3x3 over one NHWC image, pad 1. */
void dwconv(int H, int W, int C, int P, int Q, int stride, const float x[H][W][C], const float w[3][3][C], float y[P][Q][C]) {
  for (int p = 0; p < P; p++)
    for (int q = 0; q < Q; q++)
      for (int c = 0; c < C; c++) {
        float acc = 0;
        for (int r = 0; r < 3; r++)
          for (int s = 0; s < 3; s++) {
            int iy = p * stride + r - 1, ix = q * stride + s - 1;
            if (iy >= 0 && iy < H && ix >= 0 && ix < W) acc += x[iy][ix][c] * w[r][s][c];
          }
        y[p][q][c] = acc;
      }
}
