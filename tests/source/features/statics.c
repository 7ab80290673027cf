/* Static numbers of functions that keep nothing: set before they are read, or never changed. */
int scale_(int *n, double *da, double *dx, int *incx) {
  static int i__, m, nincx, mp1;
  int i__1, i__2;
  --dx;
  if (*n <= 0 || *incx <= 0) return 0;
  if (*incx != 1) {
    nincx = *n * *incx;
    i__1 = nincx;
    i__2 = *incx;
    for (i__ = 1; i__2 < 0 ? i__ >= i__1 : i__ <= i__1; i__ += i__2) dx[i__] = *da * dx[i__];
    return 0;
  }
  m = *n % 5;
  if (m != 0) {
    i__2 = m;
    for (i__ = 1; i__ <= i__2; ++i__) dx[i__] = *da * dx[i__];
    if (*n < 5) return 0;
  }
  mp1 = m + 1;
  i__2 = *n;
  for (i__ = mp1; i__ <= i__2; i__ += 5) {
    dx[i__] = *da * dx[i__];
    dx[i__ + 1] = *da * dx[i__ + 1];
    dx[i__ + 2] = *da * dx[i__ + 2];
    dx[i__ + 3] = *da * dx[i__ + 3];
    dx[i__ + 4] = *da * dx[i__ + 4];
  }
  return 0;
}

void halves(int n, float *x) {
  static float t;
  static int k;
  for (k = 0; k < n; k++) {
    t = x[k] * 2;
    x[k] = t + 1;
  }
}

float weighted(int n, const float *x) {
  static float scale = 0.5f, table[4] = {1, 2, 3, 4};
  static int first = 2;
  float s = 0;
  for (int i = first; i < n; i++) s += x[i] * scale * table[i % 4];
  return s;
}

static float twice(float x) {
  static float t;
  t = x + x;
  return t;
}

void through(int n, float *x) {
  for (int i = 0; i < n; i++) x[i] = twice(twice(x[i])) - twice(x[i]);
}
