void f(int n, char *x) {
  const char *hex = "0123456789abcdef";
  for (int i = 0; i < n; i++) x[i] = hex[i & 15];
}
