#include "example.h"
#include "sgemm.h"
void sgemm_ref(int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb, float beta, float *c,
               int ldc);

int main(void) {
  enum { M = 45, N = 70, K = 33, LDA = 40, LDB = 77, LDC = 72 };
  float *a = floats(M * LDA), *b = floats(K * LDB), *c = floats(M * LDC), *r = copy_of(c, M * LDC);
  sgemm(M, N, K, 1.5f, a, LDA, b, LDB, -0.5f, c, LDC);
  sgemm_ref(M, N, K, 1.5f, a, LDA, b, LDB, -0.5f, r, LDC);
  int bad = differ("C", c, r, M * LDC, 1e-5);               /* also the columns beyond N, which must be untouched */
  float *s = copy_of(a, M * LDA), *w = copy_of(a, M * LDA); /* C overlaps A: C's rules, so the function as written */
  sgemm(20, 20, 20, 1.0f, s, LDA, b, LDB, 1.0f, s + 7, LDA);
  sgemm_ref(20, 20, 20, 1.0f, w, LDA, b, LDB, 1.0f, w + 7, LDA);
  bad += differ("overlapping C", s, w, M * LDA, 1e-5);
  free(a), free(b), free(c), free(r), free(s), free(w);
  return done("sgemm", bad);
}
