typedef float real;
typedef real row[8];
void ok(int n, const row *x, real y[n]) {
  for (int i = 0; i < n; i++) y[i] = x[i][0];
}
void bad(int n, void *x) {
  for (int i = 0; i < n; i++) ((real *)x)[i] = 0;
}
