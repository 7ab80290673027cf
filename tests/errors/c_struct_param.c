struct vec { float v[4]; };
void f(struct vec a, float *out) {
  for (int i = 0; i < 4; i++) out[i] = a.v[i];
}
