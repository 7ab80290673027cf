struct p { float x, y; int id; };
void f(int n, const struct p *a, struct p *b) {
  for (int i = 0; i < n; i++) b[i] = a[i];
}
