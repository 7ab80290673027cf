struct __attribute__((packed)) item { char tag; float v; };
void f(int n, const struct item *x, float *y) {
  for (int i = 0; i < n; i++) y[i] = x[i].v;
}
