/* C = alpha A B + beta C on flat row-major arrays with leading dimensions. */
void sgemm(int M, int N, int K, float alpha, const float *A, int lda, const float *B, int ldb, float beta, float *C, int ldc) {
  for (int i = 0; i < M; i++) {
    for (int j = 0; j < N; j++) C[i * ldc + j] *= beta;
    for (int k = 0; k < K; k++) {
      float a = alpha * A[i * lda + k];
      for (int j = 0; j < N; j++) C[i * ldc + j] += a * B[k * ldb + j];
    }
  }
}
