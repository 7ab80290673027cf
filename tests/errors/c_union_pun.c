float f(unsigned x) {
  union { unsigned u; unsigned char b[4]; } v;
  v.u = x;
  return v.b[0];
}
