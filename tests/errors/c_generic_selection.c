#define kind(x) _Generic((x), float: 1, default: 0)
void f(int n, float *x) {
  for (int i = 0; i < n; i++) x[i] = kind(x[i]);
}
