struct flags { unsigned a : 3, b : 5; int n; };
void f(struct flags *s, float *x) {
  for (int i = 0; i < s->n; i++) x[i] = s->a;
}
