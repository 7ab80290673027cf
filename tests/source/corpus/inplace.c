/* Work in place: what is read next to what is written never is what another iteration writes, or it is, and then the
   order counts. */

/* pivots: the row and the column of the pivot lie apart from what is right of and below it */
void lu_flat(int n, double *a) {
  for (int k = 0; k < n; k++) {
    for (int i = k + 1; i < n; i++) a[i * n + k] /= a[k * n + k];
    for (int i = k + 1; i < n; i++)
      for (int j = k + 1; j < n; j++) a[i * n + j] -= a[i * n + k] * a[k * n + j];
  }
}

void gauss_flat(int n, double *a, double *b) {
  for (int k = 0; k < n; k++)
    for (int i = k + 1; i < n; i++) {
      double f = a[i * n + k] / a[k * n + k];
      for (int j = k + 1; j < n; j++) a[i * n + j] -= f * a[k * n + j];
      b[i] -= f * b[k];
    }
}

void ldl_lower(int n, double a[n][n], double *d) {
  for (int k = 0; k < n; k++) {
    d[k] = a[k][k];
    for (int i = k + 1; i < n; i++)
      for (int j = k + 1; j <= i; j++) a[i][j] -= a[i][k] * a[j][k] / d[k];
    for (int i = k + 1; i < n; i++) a[i][k] /= d[k];
  }
}

/* the pivot's own row and column are written, too: the order counts */
void rank_one_all(int n, float *a) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) a[i * n + j] -= a[i * n] * a[j];
}

/* swaps */
void transpose_square(int n, float *a) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) {
      float t = a[i * n + j];
      a[i * n + j] = a[j * n + i];
      a[j * n + i] = t;
    }
}

void turn_about_antidiagonal(int n, float a[n][n]) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n - 1 - i; j++) {
      float t = a[i][j];
      a[i][j] = a[n - 1 - j][n - 1 - i];
      a[n - 1 - j][n - 1 - i] = t;
    }
}

void flip_vertical(int h, int w, unsigned char *p) {
  for (int y = 0; y < h / 2; y++)
    for (int x = 0; x < w; x++) {
      unsigned char t = p[y * w + x];
      p[y * w + x] = p[(h - 1 - y) * w + x];
      p[(h - 1 - y) * w + x] = t;
    }
}

void mirror_rows(int h, int w, float *p) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w / 2; x++) {
      float t = p[y * w + x];
      p[y * w + x] = p[y * w + w - 1 - x];
      p[y * w + w - 1 - x] = t;
    }
}

/* swapped twice: nothing happens, and only in this order */
void flip_twice(int h, int w, float *p) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float t = p[y * w + x];
      p[y * w + x] = p[(h - 1 - y) * w + x];
      p[(h - 1 - y) * w + x] = t;
    }
}

void swap_columns(int n, int m, double a[n][m], int p, int q) {
  if (p < 0 || q < 0 || p >= m || q >= m) return;
  for (int i = 0; i < n; i++) {
    double t = a[i][p];
    a[i][p] = a[i][q];
    a[i][q] = t;
  }
}

/* halves */
void butterflies(int h, float *re, float *im, const float *wr, const float *wi) {
  for (int i = 0; i < h; i++) {
    float xr = re[i + h] * wr[i] - im[i + h] * wi[i], xi = re[i + h] * wi[i] + im[i + h] * wr[i];
    re[i + h] = re[i] - xr;
    im[i + h] = im[i] - xi;
    re[i] += xr;
    im[i] += xi;
  }
}

void fold_half(int h, float *a) {
  for (int i = 0; i < h; i++) a[i] += a[i + h];
}

void fold_shifted(int n, int m, float *a) {
  for (int i = 0; i < n; i++) a[i] += a[i + m];
}
