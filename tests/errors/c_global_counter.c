static int calls;
void f(int n, float *x) {
  calls++;
  for (int i = 0; i < n; i++) x[i] = 0;
}
