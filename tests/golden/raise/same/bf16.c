void product(int M, int N, int K, const __bf16 A[M][K], const __bf16 W[K][N], const __bf16 *b, __bf16 C[restrict M][N]) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += (float)A[i][k] * (float)W[k][j];
      C[i][j] = (__bf16)(s + (float)b[j]);
    }
}
