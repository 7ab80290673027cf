union u { float f; int i; };
void f(int n, union u *x) {
  for (int i = 0; i < n; i++) x[i].f = 0;
}
