void f(int n, float *x) {
  __asm__("nop");
  for (int i = 0; i < n; i++) x[i] = 0;
}
