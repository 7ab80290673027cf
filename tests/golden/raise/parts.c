/* Sequential around, raised inside. */
void jacobi(int steps, int n, double a[n], double b[n]) {
  for (int t = 0; t < steps; t++) {
    for (int i = 1; i < n - 1; i++) b[i] = a[i - 1] + a[i] + a[i + 1];
    for (int i = 1; i < n - 1; i++) a[i] = b[i - 1] + b[i] + b[i + 1];
  }
}
void trisolv(int n, const double L[n][n], double x[n], const double b[n]) {
  for (int i = 0; i < n; i++) {
    x[i] = b[i];
    for (int j = 0; j < i; j++) x[i] -= L[i][j] * x[j];
    x[i] = x[i] / L[i][i];
  }
}
/* a local goes in and comes out */
int power(int n, int m, const double A[n][n], double x[n], double y[n], double eps) {
  double norm = 0;
  int it = 0;
  while (it < m) {
    double old = norm;
    norm = 0;
    for (int i = 0; i < n; i++) {
      y[i] = 0;
      for (int j = 0; j < n; j++) y[i] += A[i][j] * x[j];
      norm += y[i] * y[i];
    }
    for (int i = 0; i < n; i++) x[i] = y[i] / norm;
    it++;
    if (norm - old < eps) break;
  }
  return it;
}
void some(int n, float *x, float *y) {
  for (int i = 1; i < n; i++) x[i] += x[i - 1];
  for (int i = 0; i < n; i++) y[i] = 2 * x[i];
}
/* what the loop around says of k tells rows from columns */
void eliminate(int n, double *a) {
  for (int k = 0; k < n; k++)
    for (int i = k + 1; i < n; i++) {
      double f = a[i * n + k] / a[k * n + k];
      for (int j = k + 1; j < n; j++) a[i * n + j] -= f * a[k * n + j];
    }
}
