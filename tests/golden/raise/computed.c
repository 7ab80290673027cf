/* Subscripts that are computed: by dividing, by tables of bytes, by numbers that were computed before. */
void dequantize(int n, const signed char *q, const float *s, float *x) {
  for (int i = 0; i < n; i++) x[i] = q[i] * s[i / 32];
}
void upsample(int w, int h, const float *in, float *out) {
  for (int y = 0; y < 2 * h; y++)
    for (int x = 0; x < 2 * w; x++) out[y * 2 * w + x] = in[(y / 2) * w + x / 2];
}
void periodic(int n, int p, const float *window, const float *x, float *y) {
  for (int i = 0; i < n; i++) y[i] = x[i] * window[i % p];
}
void palette(int n, const unsigned char *x, const float *colour, float *y) {
  for (int i = 0; i < n; i++) y[i] = colour[x[i]];
}
void halves(int c, int nh, const float *x, float *y) {
  int hs = c / nh;
  for (int h = 0; h < nh; h++)
    for (int i = 0; i < hs; i++) y[h * hs + i] = 2 * x[h * hs + i];
}
void rows_of(int t, int c, const int *token, const float *table, float *out) {
  for (int i = 0; i < t; i++) {
    const float *row = table + token[i] * c;
    for (int j = 0; j < c; j++) out[i * c + j] = row[j];
  }
}
void smaller(int n, int m, const float *x, float *y) {
  for (int i = 0; i < (n < m ? n : m); i++) y[i] = x[i];
}
void rest(int n, int k, const float *x, float *y) {
  int i;
  for (i = 0; i < k; i++) y[i] = 0;
  for (; i < n; i++) y[i] = x[i];
}
/* groups of 32: n / 32 is a number of its own */
void groups(int n, int d, const signed char *x, const signed char *w, const float *xs, const float *ws, float *y) {
  for (int i = 0; i < d; i++) {
    float v = 0;
    for (int g = 0; g < n / 32; g++) {
      int s = 0;
      for (int k = 0; k < 32; k++) s += x[g * 32 + k] * w[i * n + g * 32 + k];
      v += s * ws[i * (n / 32) + g] * xs[g];
    }
    y[i] = v;
  }
}
