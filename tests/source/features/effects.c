void effects(int n, int *a, float *x) {
  int k = 0, s = 0;
  for (int i = 0; i < n; i++) {
    a[20 + k++] = i;
    s += (a[i] = i * 2);
    a[40] = a[41] = s;
    x[i] = (s++, s + 1);
    int t = s > 3 ? k++ : --k;
    a[50 + i] = t;
    if (s > 4 && (k += 2) > 3) a[60] += k;
    if (s > 8 || k-- > 2) a[61] += k;
    x[i]++;
    x[i] -= --a[i];
  }
  a[62] = k;
}

void swap(int n, float *x, float *y) {
  for (int i = 0; i < n; i++) {
    float t = x[i];
    x[i] = y[i];
    y[i] = t;
  }
}

void histogram(int n, const unsigned char *x, int *bins) {
  for (int i = 0; i < n; i++) bins[x[i]]++;
}

void gather(int n, int d, const int *ids, const float *table, float *out) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < d; j++) out[i * d + j] = table[(ids[i] & 7) * d + j];
}

void strides(int n, int h, const float *x, float *y) {
  for (int i = 0; i < n; i++) y[i] = x[i / 2] + x[i % 3] + x[(i + h) / 2 * 2];
}
