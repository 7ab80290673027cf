void f(const float *x, const float *end, float *y) {
  while (x != end) *y++ = *x++;
}
