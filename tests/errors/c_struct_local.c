struct vec { float x[3]; int n; };
void f(int n, float *out) {
  struct vec a = {{1, 2, 3}, 3};
  for (int i = 0; i < n; i++) out[i] = a.x[i % 3];
}
