/* Weights in panels of 64 filters: w[f][r][s][c][j] belongs to filter 64 f + j. F counts panels. */
void conv2d(int N, int H, int W, int C, int F, int R, int S, int P, int Q, int stride, int pad, const float x[N][H][W][C],
            const float w[F][R][S][C][64], const float bias[F][64], float y[N][P][Q][F][64]) {
  for (int n = 0; n < N; n++)
    for (int p = 0; p < P; p++)
      for (int q = 0; q < Q; q++)
        for (int f = 0; f < F; f++)
          for (int j = 0; j < 64; j++) {
            float acc = bias[f][j];
            for (int r = 0; r < R; r++)
              for (int s = 0; s < S; s++)
                for (int c = 0; c < C; c++) {
                  int iy = p * stride + r - pad, ix = q * stride + s - pad;
                  if (iy >= 0 && iy < H && ix >= 0 && ix < W) acc += x[n][iy][ix][c] * w[f][r][s][c][j];
                }
            y[n][p][q][f][j] = acc;
          }
}
