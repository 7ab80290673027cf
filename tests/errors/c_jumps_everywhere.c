void f(int n, float *x) {
  for (int i = 0; i < n; i++) {
    if (x[i] > 1) { if (x[i] > 2) continue; x[i] = 1; }
    if (x[i] > 3) { if (x[i] > 4) continue; x[i] = 1; }
    if (x[i] > 5) { if (x[i] > 6) continue; x[i] = 1; }
    if (x[i] > 7) { if (x[i] > 8) continue; x[i] = 1; }
    x[i] += 1;
  }
}
