void padded(int C, int H, int W, int P, int st, const float *x, const float *w, float *y) {
  for (int c = 0; c < C; c++)
    for (int i = 0; i < H; i++)
      for (int j = 0; j < W; j++) {
        float s = 0;
        for (int r = 0; r < 2 * P + 1; r++)
          for (int q = 0; q < 2 * P + 1; q++)
            s += x[(c * (H + 2 * P) + i + r) * (W + 2 * P) + j + q] * w[r * (2 * P + 1) + q];
        y[(c * H + i) * W + j] = s;
      }
}
void interleave(int n, const float *x, float *y) {
  for (int i = 0; i < n; i++) {
    y[3 * i + 1] = x[3 * i + 4];
  }
}
void diag(int n, int lda, const float *a, float *d) {
  for (int i = 0; i < n; i++) d[i] = a[i * lda + i] + a[i * lda];
}
void block(int n, int ld, float *a) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) a[(i + 2) * ld + j + 3] += 1;
}
