float f(unsigned x) {
  union { unsigned u; float f; } v;
  v.u = x;
  return v.f;
}
