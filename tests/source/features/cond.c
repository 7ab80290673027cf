void protected_loads(int n, const int *idx, const float *x, float *y) {
  for (int i = 0; i < n; i++) {
    y[i] = i > 0 ? x[i - 1] : 0.0f;
    y[i] += i > 0 && i < n - 1 ? x[i - 1] * x[i + 1] : x[i];
    y[i] += idx[i] >= 0 && idx[i] < n ? x[idx[i]] : -1.0f;
    if (idx[i] > 0 && idx[i] < 50 && x[idx[i]] > 0.5f) y[i] += 2;
    y[i] += (i == 0 || x[i - 1] > 0) ? 1.0f : 2.0f;
    y[i] -= (i > 0 && x[i - 1] > 1) * 3;
    if (!(i < 2 || i > 4)) y[i] = -y[i];
  }
}

void branches(int n, const float *x, float *y, int *k) {
  for (int i = 0; i < n; i++) {
    if (x[i] > 1)
      k[i] = 1;
    else if (x[i] < -1)
      k[i] = -1;
    else {
      k[i] = 0;
      y[i] += 1;
    }
    if (i == 2) y[i] = 7;
    if (i != 2) y[i] += 8;
    if (x[i]) y[i] += 16;
    if (k[i] && !(x[i] > 2)) y[i] += 32;
    if (i)
      y[i] += 1;
    else
      y[i] -= 1;
  }
}

void skips(int n, int m, const float x[n][m], float *y, int lim) {
  if (lim < 0) return;
  for (int i = 0; i < n; i++) {
    if (i == lim) continue;
    y[i] = 0;
    for (int j = 0; j < m; j++) {
      if (x[i][j] < 0) {
        y[i] -= 1;
        continue;
      }
      if (j > i) {
        if (x[i][j] > 2) continue;
        y[i] += 10;
      } else {
        y[i] += 5;
      }
      y[i] += x[i][j];
    }
    if (y[i] > 100) {
      y[i] = 100;
      continue;
    }
    y[i] += 0.25f;
  }
}

void nan_aware(int n, const float *x, float *y) {
  for (int i = 0; i < n; i++) {
    y[i] = !(x[i] < y[i]) ? 1.0f : 0.0f;
    float m = x[i] > y[i] ? x[i] : y[i];
    y[i] = m < 0 ? -m : m;
  }
}

void flags(int n, int relu, int mode, float scale, float *x) {
  for (int i = 0; i < n; i++) {
    if (relu) x[i] = x[i] > 0 ? x[i] : 0;
    if (mode == 1) x[i] *= scale;
    if (mode > 1 && scale > 0) x[i] += scale;
  }
}

void known_values(int n, int *out) {
  int a = 1, b;
  if (n > 3) {
    a = 5;
    b = 6;
  } else {
    b = 7;
  }
  out[a] = b;
  int c = 2;
  for (int i = 0; i < n; i++) {
    out[c] += i;
    c = c + 1;
  }
  out[50] = c;
  int d = n, e = d + 1;
  d = e * 2;
  out[10 + d - e] = d;
}
