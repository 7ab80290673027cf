void atax(int m, int n, const double A[m][n], const double x[n], double y[n], double tmp[m]) {
  int i, j;
  for (i = 0; i < n; i++) y[i] = 0;
  for (i = 0; i < m; i++) {
    tmp[i] = 0.0;
    for (j = 0; j < n; j++) tmp[i] = tmp[i] + A[i][j] * x[j];
    for (j = 0; j < n; j++) y[j] = y[j] + A[i][j] * tmp[i];
  }
}

void mvt(int n, double x1[n], double x2[n], const double y_1[n], const double y_2[n], const double A[n][n]) {
  int i, j;
  for (i = 0; i < n; i++)
    for (j = 0; j < n; j++) x1[i] = x1[i] + A[i][j] * y_1[j];
  for (i = 0; i < n; i++)
    for (j = 0; j < n; j++) x2[i] = x2[i] + A[j][i] * y_2[j];
}

void k2mm(int ni, int nj, int nk, int nl, double alpha, double beta, double tmp[ni][nj], const double A[ni][nk], const double B[nk][nj],
          const double C[nj][nl], double D[ni][nl]) {
  int i, j, k;
  for (i = 0; i < ni; i++)
    for (j = 0; j < nj; j++) {
      tmp[i][j] = 0.0;
      for (k = 0; k < nk; ++k) tmp[i][j] += alpha * A[i][k] * B[k][j];
    }
  for (i = 0; i < ni; i++)
    for (j = 0; j < nl; j++) {
      D[i][j] *= beta;
      for (k = 0; k < nj; ++k) D[i][j] += tmp[i][k] * C[k][j];
    }
}
