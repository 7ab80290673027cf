#include "example.h"
#include "kmeans.h"
void kmeans_ref(int n, int k, int d, const float P[n][d], const float Q[k][d], int label[n], float dist[n]);

int main(void) {
  enum { N = 61, K = 9, D = 17 };
  float *p = floats(N * D), *q = floats(K * D), *d = floats(N), *rd = floats(N);
  int label[N], rlabel[N];
  kmeans(N, K, D, (const void *)p, (const void *)q, label, d);
  kmeans_ref(N, K, D, (const void *)p, (const void *)q, rlabel, rd);
  int bad = differ("dist", d, rd, N, 1e-5) + (memcmp(label, rlabel, sizeof label) != 0);
  free(p), free(q), free(d), free(rd);
  return done("kmeans", bad);
}
