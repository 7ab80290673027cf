#include "example.h"
#include "qgemm.h"
void qgemm_ref(int M, int N, int K, const int8_t A[M][K], const int8_t B[K][N], const float scale[N], int8_t C[M][N]);

static int8_t *bytes(size_t n) {
  int8_t *p = malloc(n);
  for (size_t i = 0; i < n; i++) p[i] = (int8_t)(example_next() >> 20);
  return p;
}

int main(void) {
  enum { M = 21, N = 37, K = 130 };
  int8_t *a = bytes(M * K), *b = bytes(K * N), *c = bytes(M * N), *r = bytes(M * N);
  float *s = floats(N);
  for (int j = 0; j < N; j++) s[j] *= 0.001f;
  qgemm(M, N, K, (const void *)a, (const void *)b, s, (void *)c);
  qgemm_ref(M, N, K, (const void *)a, (const void *)b, s, (void *)r);
  int bad = memcmp(c, r, M * N) != 0; /* integers: exactly */
  free(a), free(b), free(c), free(r), free(s);
  return done("qgemm", bad);
}
