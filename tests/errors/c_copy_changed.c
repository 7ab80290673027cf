struct s { int n; float a, *x; };
static float twice(struct s s) {
  s.a *= 2;
  return s.a * s.x[s.n];
}
void f(struct s *s, float *out) {
  out[0] = twice(*s);
  out[1] = s->a;
}
