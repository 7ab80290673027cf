/* Integers that pointers point to, as Fortran passes them; strides that are known at run time. */
#include <stddef.h>
#include <stdint.h>

void mv(const int *n, const int *m, const double *a, const double *x, double *y) {
  for (int i = 0; i < *n; i++) {
    double s = 0;
    for (int j = 0; j < *m; j++) s += a[i * *m + j] * x[j];
    y[i] = s;
  }
}

int gemv_(int *m, int *n, float *alpha, float *a, int *lda, float *x, int *incx, float *beta, float *y, int *incy) {
  int a_dim1, a_offset, i__1, i__2;
  int i__, j;
  float temp;
  a_dim1 = *lda;
  a_offset = 1 + a_dim1;
  a -= a_offset;
  i__1 = *m;
  for (i__ = 1; i__ <= i__1; ++i__) y[(i__ - 1) * *incy] = *beta * y[(i__ - 1) * *incy];
  i__1 = *n;
  for (j = 1; j <= i__1; ++j) {
    temp = *alpha * x[(j - 1) * *incx];
    i__2 = *m;
    for (i__ = 1; i__ <= i__2; ++i__) y[(i__ - 1) * *incy] += temp * a[i__ + j * a_dim1];
  }
  return 0;
}

/* Stores that may change it: it is read each time. */
void changes(int *n, float *y) {
  for (int i = 0; i < (*n & 15); i++) {
    y[i] = (float)*n;
    if (i % 3 == 1) *n -= 2;
  }
}

void add_ints(int *n, int *x, int *y) {
  for (int i = 0; i < (*n & 7); i++) y[i] += x[i];
}

void set_bytes(int *n, unsigned char *y) {
  for (int i = 0; i < (*n & 7); i++) y[i] = (unsigned char)(i * 3);
}

void set_bytes_apart(int *restrict n, unsigned char *y) {
  for (int i = 0; i < *n; i++) y[i] = (unsigned char)(i * 3);
}

/* More than one number there, or the pointer itself. */
void sizes(const int *dim, float *y) {
  for (int i = 0; i < (dim[0] & 7); i++)
    for (int j = 0; j < (dim[1] & 7); j++) y[i * (dim[1] & 7) + j] = (float)(i - j);
}

void moves(const int *p, float *y) {
  for (int k = 0; k < 2; k++, p++)
    for (int i = 0; i < (*p & 7); i++) y[i] += 1;
}

static float row(const float *x, const unsigned short *n) {
  float s = 0;
  for (int i = 0; i < n[0]; i++) s += x[i];
  return s;
}

float both(const float *x, const unsigned short *n, const size_t *m) {
  float s = row(x, n);
  for (int64_t i = 0; i < (int64_t)*m; i++) s -= x[i];
  return s;
}

void given(int *n, float *x) {
  if (!n) return;
  for (int i = 0; i < *n; i++) x[i] *= 2;
}

/* Of a declared size, all in use: numbers, too. */
void shaped(const int shape[3], const float *x, float *y) {
  for (int i = 0; i < shape[0]; i++)
    for (int j = 0; j < shape[1]; j++) y[i * shape[1] + j] = x[i * shape[1] + j] * (float)shape[2];
}

/* Strides. */
void axpy(int n, double a, const double *x, int incx, double *y, int incy) {
  int ix = incx < 0 ? (1 - n) * incx : 0, iy = incy < 0 ? (1 - n) * incy : 0;
  for (int i = 0; i < n; i++) {
    y[iy] += a * x[ix];
    ix += incx;
    iy += incy;
  }
}

void scal(int n, float a, float *x, int incx) {
  if (n <= 0 || incx <= 0) return;
  for (int i = 0; i < n * incx; i += incx) x[i] *= a;
}

void product(int m, int n, int k, const float *a, int rs_a, int cs_a, const float *b, int rs_b, int cs_b,
             float *restrict c) {
  for (int i = 0; i < m; i++)
    for (int j = 0; j < n; j++) {
      float s = 0;
      for (int l = 0; l < k; l++) s += a[i * rs_a + l * cs_a] * b[l * rs_b + j * cs_b];
      c[i * n + j] = s;
    }
}
