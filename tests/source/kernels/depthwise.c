void depthwise3x3(int C, int H, int W, const float x[C][H][W], const float f[C][3][3], float y[C][H][W]) {
  for (int c = 0; c < C; c++)
    for (int i = 0; i < H; i++)
      for (int j = 0; j < W; j++) {
        float acc = 0;
        for (int r = 0; r < 3; r++)
          for (int s = 0; s < 3; s++) {
            int y0 = i + r - 1, x0 = j + s - 1;
            acc += (y0 >= 0 && y0 < H && x0 >= 0 && x0 < W) ? x[c][y0][x0] * f[c][r][s] : 0.0f;
          }
        y[c][i][j] = acc;
      }
}
