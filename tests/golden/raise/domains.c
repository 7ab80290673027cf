void syrk(int n, int m, double alpha, double beta, double C[n][n], const double A[n][m]) {
  for (int i = 0; i < n; i++) {
    for (int j = 0; j <= i; j++) C[i][j] *= beta;
    for (int k = 0; k < m; k++)
      for (int j = 0; j <= i; j++) C[i][j] += alpha * A[i][k] * A[j][k];
  }
}
void trmm(int m, int n, double alpha, const double A[m][m], double B[m][n]) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      for (int k = i + 1; k < m; k++) B[i][j] += A[k][i] * B[k][j];
      B[i][j] = alpha * B[i][j];
    }
}
void below(int n, const float a[n][n], float y[n]) {
  for (int k = 0; k < n; k++)
    for (int j = 0; j < k; j++) y[j] += a[k][j];
}
void pad_copy(int h, int w, int p, const float x[h][w], float y[h + 2 * p][w + 2 * p]) {
  for (int i = 0; i < h + 2 * p; i++)
    for (int j = 0; j < w + 2 * p; j++) {
      int s = i - p, t = j - p;
      y[i][j] = s >= 0 && s < h && t >= 0 && t < w ? x[s][t] : 0;
    }
}
void border(int n, const float x[n], float y[n]) {
  for (int i = 0; i < n; i++) {
    if (i == 0)
      y[i] = x[i];
    else
      y[i] = x[i] - x[i - 1];
  }
}
void store_guard(int n, int m, const float x[n][m], float y[n]) {
  for (int i = 0; i < n; i++) {
    if (i < m) {
      for (int j = 0; j < m; j++) y[i] += x[i][j];
    }
  }
}
void diagonal_apart(int n, const float x[n][n], float y[n]) {
  for (int i = 0; i < n; i++) {
    float s = 0;
    for (int j = 0; j < n; j++)
      if (j != i) s += x[i][j];
    y[i] = s;
  }
}
void minimum_of_bounds(int n, int m, const float x[n], float y[m]) {
  for (int i = 0; i < n && i < m; i++) y[i] = x[i];
}
void shift_left(int n, float x[n]) {
  for (int i = 0; i < n - 1; i++) x[i] = x[i + 1];
}
void late_use(int n, const float x[n], float a[n], float b[n + 1]) {
  for (int i = 0; i < n; i++) {
    a[i] = b[i];
    b[i + 1] = x[i];
  }
}
/* A loop that asks where it is and reads something else in either case: one loop for each answer. */
void three_sections(int n, const float *restrict x, float *restrict y) {
  for (int i = 0; i < n; i++)
    if (i == 0)
      y[i] = x[i] + x[i + 1];
    else if (i == n - 1)
      y[i] = x[i] + x[i - 1];
    else
      y[i] = x[i - 1] + x[i] + x[i + 1];
}
void joined(int n, int m, const float *restrict x, const float *restrict y, float *restrict z) {
  for (int i = 0; i < n; i++) z[i] = i < m ? x[i] : y[i - m];
}
void of_zero(int n, const float *restrict x, float *restrict y) { /* one case reads nothing: as it is */
  for (int i = 0; i < n; i++) y[i] = i > 0 && i < n - 1 ? x[i - 1] + x[i + 1] : 0;
}
void by_outer(int n, float x[restrict n][n], const float y[restrict n][n]) { /* the answer depends on another counter: as it is */
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) x[i][j] = j <= i ? y[i][j] : y[j][i];
}
void periodic(int h, int w, const float *restrict a, float *restrict b) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) b[y * w + x] = a[(y + h - 1) % h * w + x] - a[y * w + (x + 1) % w];
}
void clamped(int n, const float *restrict a, float *restrict b) {
  for (int i = 0; i < n; i++) {
    float s = 0;
    for (int k = -1; k <= 1; k++) s += a[i + k < 0 ? 0 : i + k > n - 1 ? n - 1 : i + k];
    b[i] = s;
  }
}
void wraps_often(int n, int m, const float *restrict a, float *restrict b) { /* not once: as it is */
  for (int i = 0; i < n; i++) b[i] = a[i % m];
}
