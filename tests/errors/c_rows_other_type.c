struct a { int id; float v; };
struct b { float w; int k; };
void f(int n, const struct a *x, float *y) {
  const struct b *z = (const struct b *)(x + 1);
  for (int i = 0; i < n; i++) y[i] = z[i].w;
}
