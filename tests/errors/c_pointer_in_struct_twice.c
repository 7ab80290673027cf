struct inner { float *w; };
struct net { struct inner *layer; int n; };
void f(struct net *s, float *x) {
  for (int i = 0; i < s->n; i++) x[i] = s->layer->w[i];
}
