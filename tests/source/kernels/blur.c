void blur3(int h, int w, const float in[h][w], float tmp[h][w], float out[h][w]) {
  for (int y = 0; y < h; y++)
    for (int x = 1; x < w - 1; x++) tmp[y][x] = (in[y][x - 1] + 2.0f * in[y][x] + in[y][x + 1]) / 4;
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) out[y][x] = (tmp[y - 1][x] + 2.0f * tmp[y][x] + tmp[y + 1][x]) / 4;
}

void blur_local(int h, int w, const float in[h][w], float out[h - 2][w - 2]) {
  float t[h][w];
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w - 2; x++) t[y][x] = (in[y][x] + in[y][x + 1] + in[y][x + 2]) * (1.0f / 3.0f);
  for (int y = 0; y < h - 2; y++)
    for (int x = 0; x < w - 2; x++) out[y][x] = (t[y][x] + t[y + 1][x] + t[y + 2][x]) * (1.0f / 3.0f);
}
