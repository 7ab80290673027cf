/* Loops unrolled by hand, with what is left over. */
typedef signed char i8;

void saturate(const i8 *src, i8 *dst, unsigned count) {
  unsigned left;
  i8 in;
  left = count >> 2U;
  while (left > 0U) {
    in = *src++;
    *dst++ = in == -128 ? 127 : -in;
    in = *src++;
    *dst++ = in == -128 ? 127 : -in;
    in = *src++;
    *dst++ = in == -128 ? 127 : -in;
    in = *src++;
    *dst++ = in == -128 ? 127 : -in;
    left--;
  }
  left = count % 4U;
  while (left > 0U) {
    in = *src++;
    *dst++ = in == -128 ? 127 : -in;
    left--;
  }
}

float dot(const float *a, const float *b, int n) {
  float s = 0, t0, t1;
  int i = 0;
  for (; i + 1 < n; i += 2) {
    t0 = a[i] - b[i];
    s += t0 * t0;
    t1 = a[i + 1] - b[i + 1];
    s += t1 * t1;
  }
  for (; i < n; i++) {
    t0 = a[i] - b[i];
    s += t0 * t0;
  }
  return s;
}

void rest_first(int n, float a, const float *x, float *restrict y) {
  int m = n % 3;
  for (int i = 0; i < m; i++) y[i] += a * x[i];
  for (int i = m; i < n; i += 3) {
    y[i] += a * x[i];
    y[i + 1] += a * x[i + 1];
    y[i + 2] += a * x[i + 2];
  }
}

void invert(int n, const unsigned char *x, unsigned char *restrict y) {
  for (int i = 0; i < n; i++) {
    y[3 * i] = 255 - x[3 * i];
    y[3 * i + 1] = 255 - x[3 * i + 1];
    y[3 * i + 2] = 255 - x[3 * i + 2];
  }
}

/* The second copy is not the first one moved on. */
void not_the_same(int n, const float *x, float *restrict y) {
  for (int i = 0; i < n; i++) {
    y[2 * i] = x[2 * i] * 2;
    y[2 * i + 1] = x[2 * i] * 2;
  }
}

/* What one copy leaves is read by the next under another name. */
float carried(int n, const float *x) {
  float p = 0, q = 0, s = 0;
  for (int i = 0; i < n; i++) {
    s += p * x[2 * i];
    q = x[2 * i];
    s += q * x[2 * i + 1];
    p = x[2 * i + 1];
  }
  return s;
}

void two_ranges(int n, int m, const float *x, float *restrict y) {
  for (int i = 0; i < m; i++) y[i] = x[i] + 1;
  for (int j = m; j < n; j++) y[j] = x[j] + 1;
}
/* Sums written out. */
float by_five(int n, const float *restrict x, const float *restrict y) {
  float s = 0;
  for (int i = 0; i < 5 * n; i += 5) s = s + x[i] * y[i] + x[i + 1] * y[i + 1] + x[i + 2] * y[i + 2] + x[i + 3] * y[i + 3] + x[i + 4] * y[i + 4];
  return s;
}
float by_four(int n, const float *restrict x) {
  float s = 0;
  for (int i = 0; i < n; i++) s += x[4 * i] + x[4 * i + 1] + x[4 * i + 2] + x[4 * i + 3];
  return s;
}
float not_unrolled(int n, const float *restrict x) {
  float s = 0;
  for (int i = 0; i < n; i++) s += x[3 * i] + x[3 * i + 1] + 2 * x[3 * i + 2];
  return s;
}
