void f(int n, __int128 *x) {
  for (int i = 0; i < n; i++) x[i] = i;
}
