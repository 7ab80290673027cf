/* Linear algebra as BLAS ports in C write it: increments, leading dimensions, negative steps, packed and banded storage, flags. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

void daxpy(int n, double a, const double *x, int incx, double *y, int incy) {
  int ix = incx < 0 ? (1 - n) * incx : 0;
  int iy = incy < 0 ? (1 - n) * incy : 0;
  for (int i = 0; i < n; i++) {
    y[iy] += a * x[ix];
    ix += incx;
    iy += incy;
  }
}

double ddot(int n, const double *x, int incx, const double *y, int incy) {
  double s = 0.0;
  for (int i = 0; i < n; i++) s += x[i * incx] * y[i * incy];
  return s;
}

void dscal(int n, double a, double *x, int incx) {
  if (n <= 0 || incx <= 0) return;
  for (int i = 0; i < n * incx; i += incx) x[i] *= a;
}

float snrm2(int n, const float *x, int incx) {
  if (n < 1 || incx < 1) return 0.0f;
  float scale = 0.0f, ssq = 1.0f;
  for (int i = 0; i < n; i++) {
    float v = fabsf(x[i * incx]);
    if (v != 0.0f) {
      if (scale < v) {
        ssq = 1.0f + ssq * (scale / v) * (scale / v);
        scale = v;
      } else {
        ssq += (v / scale) * (v / scale);
      }
    }
  }
  return scale * sqrtf(ssq);
}

void sgemv(char trans, int m, int n, float alpha, const float *A, int lda, const float *x, int incx, float beta, float *y, int incy) {
  int leny = trans == 'N' ? m : n;
  for (int i = 0; i < leny; i++) y[i * incy] = beta == 0.0f ? 0.0f : beta * y[i * incy];
  if (trans == 'N') {
    for (int j = 0; j < n; j++) {
      float t = alpha * x[j * incx];
      for (int i = 0; i < m; i++) y[i * incy] += t * A[i + j * lda];
    }
  } else {
    for (int j = 0; j < n; j++) {
      float t = 0.0f;
      for (int i = 0; i < m; i++) t += A[i + j * lda] * x[i * incx];
      y[j * incy] += alpha * t;
    }
  }
}

void dger(int m, int n, double alpha, const double *x, const double *y, double *a, int lda) {
  for (int j = 0; j < n; ++j) {
    if (y[j] != 0.0) {
      double temp = alpha * y[j];
      for (int i = 0; i < m; ++i) a[i + j * lda] += x[i] * temp;
    }
  }
}

void strmv_lower(int n, const float *a, int lda, float *x) {
  for (int i = n - 1; i >= 0; i--) {
    float s = a[i * lda + i] * x[i];
    for (int j = 0; j < i; j++) s += a[i * lda + j] * x[j];
    x[i] = s;
  }
}

void dspmv_upper(int n, double alpha, const double *ap, const double *x, double *y) {
  int kk = 0;
  for (int j = 0; j < n; j++) {
    double temp1 = alpha * x[j], temp2 = 0;
    int k = kk;
    for (int i = 0; i < j; i++) {
      y[i] += temp1 * ap[k];
      temp2 += ap[k] * x[i];
      k++;
    }
    y[j] += temp1 * ap[kk + j] + alpha * temp2;
    kk += j + 1;
  }
}

void dsyrk_ln(int n, int k, double alpha, const double *a, int lda, double beta, double *c, int ldc) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) {
      double s = 0;
      for (int l = 0; l < k; l++) s += a[i * lda + l] * a[j * lda + l];
      c[i * ldc + j] = alpha * s + beta * c[i * ldc + j];
    }
}

void cgemm_naive(int n, const float *a, const float *b, float *c) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      float re = 0, im = 0;
      for (int k = 0; k < n; k++) {
        const float *p = a + 2 * (i * n + k), *q = b + 2 * (k * n + j);
        re += p[0] * q[0] - p[1] * q[1];
        im += p[0] * q[1] + p[1] * q[0];
      }
      c[2 * (i * n + j)] = re;
      c[2 * (i * n + j) + 1] = im;
    }
}

/* rows of weights summed anew for each row of the result: they do not change with it */
void affine_rows(int m, int n, const float *x, const float *w, float *out) {
  for (int r = 0; r < m; r++)
    for (int i = 0; i < n; i++) {
      float sw = 0;
      for (int j = 0; j < n; j++) sw += w[i * n + j];
      out[r * n + i] = x[r * n + i] * sw;
    }
}

void swap_rows(float *a, int lda, int n, int r1, int r2) {
  for (int j = 0; j < n; j++) {
    float t = a[r1 * lda + j];
    a[r1 * lda + j] = a[r2 * lda + j];
    a[r2 * lda + j] = t;
  }
}
