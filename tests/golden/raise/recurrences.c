/* Sums through which a loop carries a local: what is known first comes first. */
void biquad(const float *in, float *out, int n, const float *c, float *state) {
  float z1 = state[0], z2 = state[1];
  for (int i = 0; i < n; i++) {
    float x = in[i], y = c[0] * x + z1;
    z1 = c[1] * x - c[3] * y + z2;
    z2 = c[2] * x - c[4] * y;
    out[i] = y;
  }
  state[0] = z1;
  state[1] = z2;
}

/* Older values of one number: the youngest last, and the middle one of three is older than it. */
void resonator(const double *x, double *y, int n, double a, double b, double c) {
  double y1 = 0, y2 = 0, y3 = 0;
  for (int i = 0; i < n; i++) {
    double v = x[i] - a * y1 - b * y2 - c * y3;
    y3 = y2;
    y2 = y1;
    y1 = v;
    y[i] = v;
  }
}

void goertzel(const float *x, int n, float c, float *mag) {
  float s1 = 0, s2 = 0;
  for (int i = 0; i < n; i++) {
    float s0 = x[i] + c * s1 - s2;
    s2 = s1;
    s1 = s0;
  }
  mag[0] = s1 * s1 + s2 * s2 - c * s1 * s2;
}

/* As they stand: compensated sums. */
void kahan(const float *x, int n, float *out) {
  float s = 0, c = 0;
  for (int i = 0; i < n; i++) {
    float y = x[i] - c, t = s + y;
    c = (t - s) - y;
    s = t;
  }
  out[0] = s;
}

void neumaier(const float *x, int n, float *out) {
  float s = 0, c = 0;
  for (int i = 0; i < n; i++) {
    float t = s + x[i];
    if (s > x[i])
      c += (s - t) + x[i];
    else
      c += (x[i] - t) + s;
    s = t;
  }
  out[0] = s + c;
}

void lost(const float *x, int n, float *out) {
  float s = 0, c = 0;
  for (int i = 0; i < n; i++) {
    float t = s + x[i], d = s - t;
    c += d + x[i];
    s = t;
  }
  out[0] = s + c;
}

/* Beside one another: each lane a number, a band, a column. */
void horner(int n, const double *c, int deg, const double *x, double *y) {
  for (int i = 0; i < n; i++) {
    double r = 0;
    for (int k = deg; k >= 0; k--) r = r * x[i] + c[k];
    y[i] = r;
  }
}

void columns(int rows, int ch, float x[rows][ch], float a) {
  for (int c = 0; c < ch; c++) {
    float s = 0;
    for (int t = 0; t < rows; t++) {
      s = a * x[t][c] + (1 - a) * s;
      x[t][c] = s;
    }
  }
}

/* Rows that may overlap: one after the other. */
void meets(float *y, int n, int m, int s) {
  for (int i = 0; i < n; i++) {
    float r = 0;
    for (int k = 0; k < m; k++) {
      r = r * 0.5f + y[i * s + k];
      y[i * s + k] = r;
    }
  }
}
