void gemm_ld(int M, int N, int K, const float *A, int lda, const float *B, int ldb, float *C, int ldc) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += A[i * lda + k] * B[k * ldb + j];
      C[i * ldc + j] = s;
    }
}
void gemm_dense(int M, int N, int K, const float *A, const float *B, float *C) {
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += A[i * K + k] * B[k * N + j];
      C[i * N + j] = s;
    }
}
void gemm_column_major(int M, int N, int K, const float *A, int lda, const float *B, int ldb, float *C, int ldc) {
  for (int j = 0; j < N; j++)
    for (int i = 0; i < M; i++) {
      float s = 0;
      for (int k = 0; k < K; k++) s += A[i + k * lda] * B[k + j * ldb];
      C[i + j * ldc] = s;
    }
}
void batched(int B, int M, int N, const float *x, long sx, int ldx, float *y, long sy, int ldy) {
  for (int b = 0; b < B; b++)
    for (int i = 0; i < M; i++)
      for (int j = 0; j < N; j++) y[b * sy + i * ldy + j] = x[b * sx + i * ldx + j];
}
void constant(int n, const float *x, float *y) {
  for (int i = 0; i < n; i++)
    for (int c = 0; c < 3; c++) y[c * n + i] = x[i * 3 + c];
}
void even(int n, const float *x, float *y) {
  for (int i = 0; i < n; i++) y[i] = x[2 * i] + x[2 * i + 1];
}
void stencil(int h, int w, const float *a, float *b) {
  for (int i = 1; i < h - 1; i++)
    for (int j = 1; j < w - 1; j++)
      b[i * w + j] = a[(i - 1) * w + j] + a[(i + 1) * w + j] + a[i * w + j - 1] + a[i * w + j + 1];
}
void conv_flat(int N, int C, int H, int W, int K, int R, int S, int st, int pad, int P, int Q, const float *x,
               const float *f, float *y) {
  for (int n = 0; n < N; n++)
    for (int k = 0; k < K; k++)
      for (int p = 0; p < P; p++)
        for (int q = 0; q < Q; q++) {
          float acc = 0;
          for (int c = 0; c < C; c++)
            for (int r = 0; r < R; r++)
              for (int s = 0; s < S; s++) {
                int iy = p * st + r - pad, ix = q * st + s - pad;
                if (iy >= 0 && iy < H && ix >= 0 && ix < W)
                  acc += x[((n * C + c) * H + iy) * W + ix] * f[((k * C + c) * R + r) * S + s];
              }
          y[((n * K + k) * P + p) * Q + q] = acc;
        }
}
void rows(int n, int c, float (*x)[64], float *m) {
  for (int i = 0; i < n; i++) {
    m[i] = 0;
    for (int j = 0; j < 64; j++) m[i] += x[i][j];
  }
}

/* Three planes a row: all rows lie 3 * C apart, images 3 * T * C. */
void planes(int B, int T, int C, int NH, float *restrict d, const float *restrict x) {
  int C3 = 3 * C;
  for (int b = 0; b < B; b++)
    for (int t = 0; t < T; t++)
      for (int h = 0; h < NH; h++) {
        const float *q = x + b * T * C3 + t * C3 + h * 4, *k = q + C;
        float *v = d + b * T * C3 + t * C3 + h * 4 + 2 * C;
        for (int i = 0; i < 4; i++) v[i] += q[i] * k[i];
      }
}
