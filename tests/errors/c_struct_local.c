struct vec { float x, y; };
void f(int n, const struct vec *v, float *out) {
  for (int i = 0; i < n; i++) {
    struct vec a = v[i];
    out[i] = a.x + a.y;
  }
}
