/* Separable 5-tap blur; the border of `out` is left alone. */
void blur(int h, int w, const float in[h][w], float out[h][w]) {
  float t[h][w];
  for (int y = 0; y < h; y++)
    for (int x = 2; x < w - 2; x++)
      t[y][x] = (in[y][x - 2] + 4 * in[y][x - 1] + 6 * in[y][x] + 4 * in[y][x + 1] + in[y][x + 2]) * 0.0625f;
  for (int y = 2; y < h - 2; y++)
    for (int x = 2; x < w - 2; x++)
      out[y][x] = (t[y - 2][x] + 4 * t[y - 1][x] + 6 * t[y][x] + 4 * t[y + 1][x] + t[y + 2][x]) * 0.0625f;
}
