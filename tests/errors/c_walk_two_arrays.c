void f(int n, float *a, float *b) {
  float *p = a;
  for (int i = 0; i < n; i++) {
    *p++ = 1;
    if (i == 3) p = b;
  }
}
