/* Padding by guards, stride and dilation as parameters. */
void conv2d_nchw(int N, int C, int H, int W, int K, int R, int S, int P, int Q, int stride, int pad, const float x[N][C][H][W],
                 const float f[K][C][R][S], const float bias[K], float y[N][K][P][Q]) {
  for (int n = 0; n < N; n++)
    for (int k = 0; k < K; k++)
      for (int p = 0; p < P; p++)
        for (int q = 0; q < Q; q++) {
          float acc = bias[k];
          for (int c = 0; c < C; c++)
            for (int r = 0; r < R; r++)
              for (int s = 0; s < S; s++) {
                int iy = p * stride + r - pad;
                int ix = q * stride + s - pad;
                if (iy >= 0 && iy < H && ix >= 0 && ix < W) acc += x[n][c][iy][ix] * f[k][c][r][s];
              }
          y[n][k][p][q] = acc > 0 ? acc : 0;
        }
}

void conv2d_nhwc(int N, int C, int H, int W, int K, int R, int S, int P, int Q, int stride, int pad, const float x[N][H][W][C],
                 const float f[R][S][C][K], float y[N][P][Q][K]) {
  for (int n = 0; n < N; n++)
    for (int p = 0; p < P; p++)
      for (int q = 0; q < Q; q++)
        for (int k = 0; k < K; k++) {
          float acc = 0;
          for (int r = 0; r < R; r++) {
            int iy = p * stride + r - pad;
            if (iy < 0 || iy >= H) continue;
            for (int s = 0; s < S; s++) {
              int ix = q * stride + s - pad;
              if (ix < 0 || ix >= W) continue;
              for (int c = 0; c < C; c++) acc += x[n][iy][ix][c] * f[r][s][c][k];
            }
          }
          y[n][p][q][k] = acc;
        }
}
