#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>
typedef int integer;
typedef double doublereal;
#define NRMAX(a, b) ((a) > (b) ? (a) : (b))
#define SIGN(a, b) ((b) >= 0.0 ? fabs(a) : -fabs(a))
static double sqrarg;
#define SQR(a) ((sqrarg = (a)) == 0.0 ? 0.0 : sqrarg * sqrarg)

void lubksb_flat(const double *a, int n, const int *idx, double *b) {
  int ii = -1;
  for (int i = 0; i < n; i++) {
    int ip = idx[i];
    double sum = b[ip];
    b[ip] = b[i];
    if (ii >= 0) for (int j = ii; j < i; j++) sum -= a[i * n + j] * b[j];
    else if (sum != 0.0) ii = i;
    b[i] = sum;
  }
  for (int i = n - 1; i >= 0; i--) {
    double sum = b[i];
    for (int j = i + 1; j < n; j++) sum -= a[i * n + j] * b[j];
    b[i] = sum / a[i * n + i];
  }
}
void choldc(double *a, int n, double *p) {
  for (int i = 0; i < n; i++)
    for (int j = i; j < n; j++) {
      double sum = a[i * n + j];
      for (int k = i - 1; k >= 0; k--) sum -= a[i * n + k] * a[j * n + k];
      if (i == j) p[i] = sqrt(sum);
      else a[j * n + i] = sum / p[i];
    }
}
int daxpy_f2c(integer *n, doublereal *da, doublereal *dx, integer *incx, doublereal *dy, integer *incy) {
  integer i__1, i__, ix, iy, m;
  --dy;
  --dx;
  if (*n <= 0) return 0;
  if (*da == 0.) return 0;
  if (*incx == 1 && *incy == 1) {
    m = *n % 4;
    if (m != 0) {
      i__1 = m;
      for (i__ = 1; i__ <= i__1; ++i__) dy[i__] += *da * dx[i__];
      if (*n < 4) return 0;
    }
    i__1 = *n;
    for (i__ = m + 1; i__ <= i__1; i__ += 4) {
      dy[i__] += *da * dx[i__];
      dy[i__ + 1] += *da * dx[i__ + 1];
      dy[i__ + 2] += *da * dx[i__ + 2];
      dy[i__ + 3] += *da * dx[i__ + 3];
    }
    return 0;
  }
  ix = 1;
  iy = 1;
  if (*incx < 0) ix = (-(*n) + 1) * *incx + 1;
  if (*incy < 0) iy = (-(*n) + 1) * *incy + 1;
  i__1 = *n;
  for (i__ = 1; i__ <= i__1; ++i__) {
    dy[iy] += *da * dx[ix];
    ix += *incx;
    iy += *incy;
  }
  return 0;
}
void dgemv_f2c(char *trans, integer *m, integer *n, doublereal *alpha, doublereal *a, integer *lda, doublereal *x, doublereal *beta, doublereal *y) {
  integer a_dim1 = *lda, a_offset = 1 + a_dim1, i, j;
  doublereal temp;
  a -= a_offset;
  --x;
  --y;
  integer leny = *trans == 'N' ? *m : *n;
  if (*beta != 1.) for (i = 1; i <= leny; ++i) y[i] = *beta * y[i];
  if (*trans == 'N')
    for (j = 1; j <= *n; ++j) {
      temp = *alpha * x[j];
      for (i = 1; i <= *m; ++i) y[i] += temp * a[i + j * a_dim1];
    }
  else
    for (j = 1; j <= *n; ++j) {
      temp = 0.;
      for (i = 1; i <= *m; ++i) temp += a[i + j * a_dim1] * x[i];
      y[j] += *alpha * temp;
    }
}
void dtrsm_llnu(int m, int n, double alpha, const double *A, int lda, double *B, int ldb) {
  for (int j = 0; j < n; j++) {
    if (alpha != 1.0) for (int i = 0; i < m; i++) B[i + j * ldb] *= alpha;
    for (int k = 0; k < m; k++)
      if (B[k + j * ldb] != 0.0)
        for (int i = k + 1; i < m; i++) B[i + j * ldb] -= B[k + j * ldb] * A[i + k * lda];
  }
}
int dgetf2_nopiv(int m, int n, double *a, int lda) {
  int mn = m < n ? m : n, info = 0;
  for (int j = 0; j < mn; j++) {
    if (a[j + j * lda] == 0.0) { if (!info) info = j + 1; continue; }
    double r = 1.0 / a[j + j * lda];
    for (int i = j + 1; i < m; i++) a[i + j * lda] *= r;
    for (int k = j + 1; k < n; k++)
      for (int i = j + 1; i < m; i++) a[i + k * lda] -= a[i + j * lda] * a[j + k * lda];
  }
  return info;
}
double dnrm2_scaled(int n, const double *x, int incx) {
  double scale = 0, ssq = 1;
  if (n < 1 || incx < 1) return 0;
  for (int ix = 0; ix <= (n - 1) * incx; ix += incx)
    if (x[ix] != 0) {
      double a = fabs(x[ix]);
      if (scale < a) { double q = scale / a; ssq = 1 + ssq * q * q; scale = a; }
      else { double q = a / scale; ssq += q * q; }
    }
  return scale * sqrt(ssq);
}
void jacobi_rotate(double *a, int n, int p, int q, double c, double s) {
  for (int k = 0; k < n; k++) {
    double g = a[k * n + p], h = a[k * n + q];
    a[k * n + p] = c * g - s * h;
    a[k * n + q] = s * g + c * h;
  }
  for (int k = 0; k < n; k++) {
    double g = a[p * n + k], h = a[q * n + k];
    a[p * n + k] = c * g - s * h;
    a[q * n + k] = s * g + c * h;
  }
}
void householder_left(double *A, const double *v, double beta, int m, int n, int lda, double *w) {
  for (int j = 0; j < n; j++) {
    double s = 0;
    for (int i = 0; i < m; i++) s += v[i] * A[i * lda + j];
    w[j] = beta * s;
  }
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) A[i * lda + j] -= v[i] * w[j];
}
void spline_nr(const double *x1, const double *y1, int n, double *y2_, double *u_) {
  const double *x = x1 - 1, *y = y1 - 1;
  double *y2 = y2_ - 1, *u = u_ - 1;
  y2[1] = u[1] = 0.0;
  for (int i = 2; i <= n - 1; i++) {
    double sig = (x[i] - x[i - 1]) / (x[i + 1] - x[i - 1]);
    double p = sig * y2[i - 1] + 2.0;
    y2[i] = (sig - 1.0) / p;
    u[i] = (y[i + 1] - y[i]) / (x[i + 1] - x[i]) - (y[i] - y[i - 1]) / (x[i] - x[i - 1]);
    u[i] = (6.0 * u[i] / (x[i + 1] - x[i - 1]) - sig * u[i - 1]) / p;
  }
  y2[n] = 0.0;
  for (int k = n - 1; k >= 1; k--) y2[k] = y2[k] * y2[k + 1] + u[k];
}
double chebev(const double *c, int m, double a, double b, double x) {
  double d = 0.0, dd = 0.0, sv, y, y2;
  if ((x - a) * (x - b) > 0.0) return 0.0;
  y2 = 2.0 * (y = (2.0 * x - a - b) / (b - a));
  for (int j = m - 1; j >= 1; j--) {
    sv = d;
    d = y2 * d - dd + c[j];
    dd = sv;
  }
  return y * d - dd + 0.5 * c[0];
}
double trapz_uneven(const double *x, const double *y, size_t n) {
  double s = 0;
  for (size_t i = 1; i < n; i++) s += 0.5 * (y[i] + y[i - 1]) * (x[i] - x[i - 1]);
  return s;
}
double simpson(const double *f, int n, double h) {
  double s = f[0] + f[n];
  for (int i = 1; i < n; i++) s += (i & 1 ? 4.0 : 2.0) * f[i];
  return s * h / 3.0;
}
void legendre_table(const double *x, double *P, int n, int deg) {
  for (int i = 0; i < n; i++) {
    double *p = P + i * (deg + 1);
    p[0] = 1;
    if (deg > 0) p[1] = x[i];
    for (int k = 2; k <= deg; k++) p[k] = ((2 * k - 1) * x[i] * p[k - 1] - (k - 1) * p[k - 2]) / k;
  }
}
void csr_spmv_alpha(int n, const int *rowptr, const int *col, const double *v, const double *x, double *y, double alpha, double beta) {
  for (int i = 0; i < n; i++) {
    double s = 0;
    for (int k = rowptr[i]; k < rowptr[i + 1]; k++) s += v[k] * x[col[k]];
    y[i] = beta == 0 ? alpha * s : alpha * s + beta * y[i];
  }
}
void csc_spmv(int n, int m, const int *rowptr, const int *idx, const double *v, const double *x, double *y) {
  for (int i = 0; i < m; i++) y[i] = 0;
  for (int j = 0; j < n; j++)
    for (int k = rowptr[j]; k < rowptr[j + 1]; k++) y[idx[k]] += v[k] * x[j];
}
void band_mv(int n, int kl, int ku, const double *ab, int ldab, const double *x, double *y) {
  for (int j = 0; j < n; j++) {
    double t = x[j];
    int i0 = j - ku > 0 ? j - ku : 0, i1 = j + kl < n - 1 ? j + kl : n - 1;
    for (int i = i0; i <= i1; i++) y[i] += t * ab[ku + i - j + j * ldab];
  }
}
void packed_symv(int n, const double *ap, const double *x, double *y) {
  int kk = 0;
  for (int j = 0; j < n; j++) {
    double t1 = x[j], t2 = 0;
    int k = kk;
    for (int i = 0; i < j; i++) {
      y[i] += t1 * ap[k];
      t2 += ap[k] * x[i];
      k++;
    }
    y[j] += t1 * ap[kk + j] + t2;
    kk += j + 1;
  }
}
void ludcmp_crout(double *a, int n) {
  for (int j = 0; j < n; j++) {
    for (int i = 0; i <= j; i++) {
      double s = a[i * n + j];
      for (int k = 0; k < i; k++) s -= a[i * n + k] * a[k * n + j];
      a[i * n + j] = s;
    }
    for (int i = j + 1; i < n; i++) {
      double s = a[i * n + j];
      for (int k = 0; k < j; k++) s -= a[i * n + k] * a[k * n + j];
      a[i * n + j] = s / a[j * n + j];
    }
  }
}
void savgol5(const double *y, double *out, int n) {
  static const double c[5] = {-3.0 / 35, 12.0 / 35, 17.0 / 35, 12.0 / 35, -3.0 / 35};
  for (int i = 0; i < n; i++) {
    double s = 0;
    for (int k = -2; k <= 2; k++) {
      int j = i + k;
      if (j < 0) j = -j;
      if (j >= n) j = 2 * n - 2 - j;
      s += c[k + 2] * y[j];
    }
    out[i] = s;
  }
}
int find_root_newton(double *x, const double *c, int n, int iters) {
  int done = 0;
  for (int i = 0; i < n; i++) {
    double z = x[i];
    for (int k = 0; k < iters; k++) {
      double f = ((c[3] * z + c[2]) * z + c[1]) * z + c[0], d = (3 * c[3] * z + 2 * c[2]) * z + c[1];
      if (fabs(d) < 1e-300) break;
      double st = f / d;
      z -= st;
      if (fabs(st) < 1e-12) { done++; break; }
    }
    x[i] = z;
  }
  return done;
}
void kahan_sum(const double *x, int n, double *out) {
  double s = 0, c = 0;
  for (int i = 0; i < n; i++) {
    double y = x[i] - c, t = s + y;
    c = (t - s) - y;
    s = t;
  }
  *out = s;
}
double hypot_norm(const double *x, int n) {
  double m = 0;
  for (int i = 0; i < n; i++) m = fmax(m, fabs(x[i]));
  if (m == 0) return 0;
  double s = 0;
  for (int i = 0; i < n; i++) { double q = x[i] / m; s += q * q; }
  return m * sqrt(s);
}
