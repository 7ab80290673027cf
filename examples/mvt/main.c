#include "example.h"
#include "mvt.h"
void mvt_ref(int N, const float A[N][N], float x1[N], float x2[N], const float y1[N], const float y2[N]);

int main(void) {
  enum { N = 83 };
  float *a = floats(N * N), *u = floats(N), *v = floats(N), *p = floats(N), *q = floats(N), *ru = copy_of(u, N),
        *rv = copy_of(v, N);
  mvt(N, (const void *)a, u, v, p, q);
  mvt_ref(N, (const void *)a, ru, rv, p, q);
  int bad = differ("x1", u, ru, N, 1e-5) + differ("x2", v, rv, N, 1e-5);
  free(a), free(u), free(v), free(p), free(q), free(ru), free(rv);
  return done("mvt", bad);
}
