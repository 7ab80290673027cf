/* Choices between narrow integers, which C makes in int. */
static inline unsigned char brighter(unsigned char a, unsigned char b) { return a > b ? a : b; }
void dilate(int h, int w, const unsigned char in[restrict h][w], unsigned char out[restrict h][w]) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      unsigned char m = 0;
      for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++) m = brighter(m, in[y + i][x + j]);
      out[y][x] = m;
    }
}
void lowest(int h, int w, const unsigned char a[restrict h][w], unsigned char o[restrict h]) {
  for (int i = 0; i < h; i++) {
    unsigned char m = 255;
    for (int j = 0; j < w; j++)
      if (a[i][j] < m) m = a[i][j];
    o[i] = m;
  }
}
void best(int n, const short *restrict x, short *restrict o) {
  short b = -100;
  for (int i = 0; i < n; i++) b = x[i] < b ? b : x[i];
  o[0] = b;
}
/* Not the same: the sum is compared as int. */
void over(int n, const unsigned char *restrict x, unsigned char *restrict o) {
  unsigned char b = 0;
  for (int i = 0; i < n; i++) b = x[i] + 1 > b ? x[i] + 1 : b;
  o[0] = b;
}
