/* Loops over time around nests over rows: tiled beside what they were. */
void jacobi(int T, int N, int M, float A[N][M], float B[N][M]) {
  for (int t = 0; t < T; t++) {
    for (int i = 1; i < N - 1; i++)
      for (int j = 1; j < M - 1; j++) B[i][j] = 0.25f * (A[i - 1][j] + A[i + 1][j] + A[i][j - 1] + A[i][j + 1]);
    for (int i = 1; i < N - 1; i++)
      for (int j = 1; j < M - 1; j++) A[i][j] = B[i][j];
  }
}

/* In place, two rows back and one ahead. */
void relax(int T, int N, float u[restrict N]) {
  for (int t = 0; t < T; t++)
    for (int i = 2; i < N - 1; i++) u[i] = 0.5f * u[i] + 0.25f * (u[i - 2] + u[i + 1]);
}

/* Each element waits for the one before: several steps side by side. */
void seidel(int T, int N, int M, float A[N][M]) {
  for (int t = 0; t < T; t++)
    for (int i = 1; i < N - 1; i++)
      for (int j = 1; j < M - 1; j++)
        A[i][j] = (A[i - 1][j - 1] + A[i - 1][j + 1] + A[i][j - 1] + A[i][j + 1] + A[i + 1][j]) / 5;
}

/* One row by itself, and a source that changes with time. */
void waves(int T, int N, int M, float e[restrict N][M], float h[restrict N][M], const float in[restrict T]) {
  for (int t = 0; t < T; t++) {
    for (int j = 0; j < M; j++) e[0][j] = in[t];
    for (int i = 1; i < N; i++)
      for (int j = 0; j < M; j++) e[i][j] -= 0.5f * (h[i][j] - h[i - 1][j]);
    for (int i = 0; i < N - 1; i++)
      for (int j = 0; j < M; j++) h[i][j] -= 0.7f * (e[i + 1][j] - e[i][j]);
  }
}

/* Flat arrays have rows, too. */
void diffuse(int T, int N, int M, float *a, float *b) {
  for (int t = 0; t < T; t++) {
    for (int i = 1; i < N - 1; i++)
      for (int j = 1; j < M - 1; j++) b[i * M + j] = 0.5f * a[i * M + j] + 0.25f * (a[(i - 1) * M + j] + a[(i + 1) * M + j - 1]);
    for (int i = 1; i < N - 1; i++)
      for (int j = 1; j < M - 1; j++) a[i * M + j] = b[i * M + j];
  }
}

/* Rows that are read from the other end stay in order. */
void mirrored(int T, int N, float u[restrict N], float v[restrict N]) {
  for (int t = 0; t < T; t++) {
    for (int i = 0; i < N; i++) v[i] = 0.5f * u[N - 1 - i];
    for (int i = 0; i < N; i++) u[i] = v[i] + 1;
  }
}
