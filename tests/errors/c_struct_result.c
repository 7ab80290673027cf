struct pair { float a, b; };
struct pair f(float x) {
  struct pair p = {x, x};
  return p;
}
