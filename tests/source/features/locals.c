void fixed(int n, const float *x, float *y) {
  float w[3] = {0.25f, 0.5f, 0.25f};
  const int off[2][2] = {{0, 1}, {2}};
  float acc[4] = {0};
  for (int i = 1; i < n - 1; i++) {
    float t[2];
    t[0] = w[0] * x[i - 1] + w[1] * x[i];
    t[1] = w[2] * x[i + 1];
    y[i] = t[0] + t[1] + off[1][0] + off[1][1];
    acc[i % 4] += y[i];
  }
  y[0] = acc[0] + acc[3];
}

void vla(int n, int m, const double a[n][m], double y[m]) {
  double s[m], q[2 * n + 1];
  for (int j = 0; j < m; j++) s[j] = 0;
  for (int i = 0; i < n; i++) {
    double row[m];
    for (int j = 0; j < m; j++) row[j] = a[i][j] * 2;
    for (int j = 0; j < m; j++) s[j] += row[j];
    q[2 * i] = m > 0 ? row[0] : 1;
  }
  for (int j = 0; j < m; j++) y[j] = s[j] + (n > 0 ? q[0] : 0);
}

void in_branch(int n, int *y) {
  for (int i = 0; i < n; i++) {
    if (y[i] > 3) {
      int t[2] = {y[i], 1};
      if (t[0] > 6) continue;
      y[i] = t[0] + t[1];
    }
    y[i] *= 2;
  }
}

void shadow(int n, float *x) {
  int i = 3;
  for (int i = 0; i < n; i++) {
    float i_1 = x[i];
    {
      int i = 2;
      i_1 += i;
    }
    x[i] = i_1;
  }
  x[i] += 1;
}

void params_change(int n, float a, float *x) {
  n = n - 1;
  a *= 2;
  for (int i = 0; i < n; i++) {
    x[i] *= a;
    a += 1;
  }
}

static const float taps[3] = {0.25f, 0.5f, 0.25f};
static float weight(int i) {
  return taps[i];
}
void tables(int n, const float *x, float *y) {
  static const int sign[2][3] = {{1, -1, 1}, {2, 0, -2}};
  static const int two = 2;
  for (int i = 0; i < n; i++)
    for (int r = 0; r < 3; r++) y[i] += weight(r) * taps[2 - r] * x[i + r] * sign[i % two][r];
}
int runs(int n, const unsigned char *in, unsigned char *out) { /* the step is a variable of the body */
  int o = 0, i = 0;
  while (i < n) {
    int run = 1;
    while (i + run < n && run < 255 && in[i + run] == in[i]) run++;
    out[o++] = (unsigned char)run;
    out[o++] = in[i];
    i += run;
  }
  return o;
}
