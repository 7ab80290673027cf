void depthwise(int C, int H, int W, const float x[C][H][W], const float w[C][3][3], float y[C][H][W]) {
  for (int c = 0; c < C; c++)
    for (int i = 0; i < H; i++)
      for (int j = 0; j < W; j++) {
        float acc = 0;
        for (int r = 0; r < 3; r++)
          for (int s = 0; s < 3; s++)
            if (i + r >= 1 && i + r < H + 1 && j + s >= 1 && j + s < W + 1)
              acc += x[c][i + r - 1][j + s - 1] * w[c][r][s];
        y[c][i][j] = acc;
      }
}
