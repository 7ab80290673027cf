/* Functions as inference engines and training loops have them, none of them an example: what gpu-engine compiles for
 * GPUs. */
#include <math.h>
#include <stdint.h>

/* residual + rmsnorm(x) @ W */
void rms_matmul(int T, int C, int N, const __bf16 x[T][C], const __bf16 g[C], const __bf16 W[C][N],
                const __bf16 R[T][N], __bf16 y[T][N]) {
  for (int t = 0; t < T; t++) {
    float ss = 0;
    for (int c = 0; c < C; c++) ss += (float)x[t][c] * (float)x[t][c];
    float inv = 1.0f / sqrtf(ss / (float)C + 1e-6f);
    for (int n = 0; n < N; n++) {
      float acc = 0;
      for (int c = 0; c < C; c++) acc += (float)(__bf16)((float)x[t][c] * inv * (float)g[c]) * (float)W[c][n];
      y[t][n] = (__bf16)(acc + (float)R[t][n]);
    }
  }
}

void attn_lse(int H, int T, int D, const __bf16 Q[H][T][D], const __bf16 K[H][T][D], const __bf16 V[H][T][D],
              __bf16 O[H][T][D], float L[H][T]) {
  for (int h = 0; h < H; h++)
    for (int t = 0; t < T; t++) {
      float p[T], m = -INFINITY, z = 0;
      for (int s = 0; s <= t; s++) {
        float dot = 0;
        for (int d = 0; d < D; d++) dot += (float)Q[h][t][d] * (float)K[h][s][d];
        p[s] = dot * 0.125f;
        if (p[s] > m) m = p[s];
      }
      for (int s = 0; s <= t; s++) {
        p[s] = expf(p[s] - m);
        z += p[s];
      }
      L[h][t] = m + logf(z);
      for (int d = 0; d < D; d++) {
        float acc = 0;
        for (int s = 0; s <= t; s++) acc += p[s] * (float)V[h][s][d];
        O[h][t][d] = (__bf16)(acc / z);
      }
    }
}

/* one new token; cache of S, window of W; G query heads share a kv head */
void gqa_decode(int H, int G, int S, int W, int D, const __bf16 Q[H * G][D], const __bf16 K[S][H][D],
                const __bf16 V[S][H][D], __bf16 O[H * G][D]) {
  for (int h = 0; h < H * G; h++) {
    float p[S], m = -INFINITY, z = 0;
    for (int s = 0; s < S; s++)
      if (s + W >= S) {
        float dot = 0;
        for (int d = 0; d < D; d++) dot += (float)Q[h][d] * (float)K[s][h / G][d];
        p[s] = dot * 0.125f;
        if (p[s] > m) m = p[s];
      }
    for (int s = 0; s < S; s++)
      if (s + W >= S) {
        p[s] = expf(p[s] - m);
        z += p[s];
      }
    for (int d = 0; d < D; d++) {
      float acc = 0;
      for (int s = 0; s < S; s++)
        if (s + W >= S) acc += p[s] * (float)V[s][h / G][d];
      O[h][d] = (__bf16)(acc / z);
    }
  }
}

void layernorm_backward(int R, int C, const float x[R][C], const float g[C], const float dy[R][C], float dx[R][C],
                        float dg[C], float db[C]) {
  for (int c = 0; c < C; c++) {
    dg[c] = 0;
    db[c] = 0;
  }
  for (int r = 0; r < R; r++) {
    float mean = 0, var = 0, s1 = 0, s2 = 0;
    for (int c = 0; c < C; c++) mean += x[r][c];
    mean /= (float)C;
    for (int c = 0; c < C; c++) var += (x[r][c] - mean) * (x[r][c] - mean);
    float inv = 1.0f / sqrtf(var / (float)C + 1e-5f);
    for (int c = 0; c < C; c++) {
      float h = (x[r][c] - mean) * inv, d = dy[r][c] * g[c];
      s1 += d;
      s2 += d * h;
      dg[c] += dy[r][c] * h;
      db[c] += dy[r][c];
    }
    for (int c = 0; c < C; c++) {
      float h = (x[r][c] - mean) * inv, d = dy[r][c] * g[c];
      dx[r][c] = inv * (d - s1 / (float)C - h * s2 / (float)C);
    }
  }
}

/* probability and index of the best expert */
void router(int T, int E, const float x[T][E], float p[T], int best[T]) {
  for (int t = 0; t < T; t++) {
    float m = -INFINITY, z = 0;
    int at = 0;
    for (int e = 0; e < E; e++)
      if (x[t][e] > m) {
        m = x[t][e];
        at = e;
      }
    for (int e = 0; e < E; e++) z += expf(x[t][e] - m);
    p[t] = 1.0f / z;
    best[t] = at;
  }
}

void w4_matmul(int M, int N, int G, const __bf16 x[M][32 * G], const uint8_t w[N][16 * G], const float sc[N][G],
               __bf16 y[M][N]) {
  for (int m = 0; m < M; m++)
    for (int n = 0; n < N; n++) {
      float s = 0;
      for (int k = 0; k < 32 * G; k++) {
        int q = (w[n][k / 2] >> (4 * (k % 2))) & 15;
        s += (float)x[m][k] * ((float)(q - 8) * sc[n][k / 32]);
      }
      y[m][n] = (__bf16)s;
    }
}

/* depthwise 7x7 NHWC + bias, f16 */
void dwconv(int N, int H, int W, int C, const _Float16 x[N][H][W][C], const _Float16 k[7][7][C], const _Float16 b[C],
            _Float16 y[N][H][W][C]) {
  for (int n = 0; n < N; n++)
    for (int i = 0; i < H; i++)
      for (int j = 0; j < W; j++)
        for (int c = 0; c < C; c++) {
          float s = (float)b[c];
          for (int u = 0; u < 7; u++)
            for (int v = 0; v < 7; v++)
              if (i + u - 3 >= 0 && i + u - 3 < H && j + v - 3 >= 0 && j + v - 3 < W)
                s += (float)x[n][i + u - 3][j + v - 3][c] * (float)k[u][v][c];
          y[n][i][j][c] = (_Float16)s;
        }
}

/* 3x3 int8 NHWC conv, per channel scale, requantised */
void conv_i8(int N, int H, int W, int C, int F, const int8_t x[N][H][W][C], const int8_t w[3][3][C][F],
             const float sc[F], int8_t y[N][H][W][F]) {
  for (int n = 0; n < N; n++)
    for (int i = 0; i < H; i++)
      for (int j = 0; j < W; j++)
        for (int f = 0; f < F; f++) {
          int s = 0;
          for (int u = 0; u < 3; u++)
            for (int v = 0; v < 3; v++)
              for (int c = 0; c < C; c++)
                if (i + u - 1 >= 0 && i + u - 1 < H && j + v - 1 >= 0 && j + v - 1 < W)
                  s += x[n][i + u - 1][j + v - 1][c] * w[u][v][c][f];
          float q = rintf((float)s * sc[f]);
          q = q < -128.0f ? -128.0f : q > 127.0f ? 127.0f : q;
          y[n][i][j][f] = (int8_t)q;
        }
}

void small_batched(int B, const float a[B][16][12], const float b[B][12][20], float c[B][16][20]) {
  for (int n = 0; n < B; n++)
    for (int i = 0; i < 16; i++)
      for (int j = 0; j < 20; j++) {
        float s = 0;
        for (int k = 0; k < 12; k++) s += a[n][i][k] * b[n][k][j];
        c[n][i][j] = s;
      }
}

/* heads: [T][H][D] -> [H][D][T], bf16 */
void heads(int T, int H, int D, const __bf16 x[T][H][D], __bf16 y[H][D][T]) {
  for (int h = 0; h < H; h++)
    for (int d = 0; d < D; d++)
      for (int t = 0; t < T; t++) y[h][d][t] = x[t][h][d];
}

/* rotary embedding in place, halves */
void rope(int T, int H, int D2, __bf16 x[T][H][2 * D2], const float co[T][D2], const float si[T][D2]) {
  for (int t = 0; t < T; t++)
    for (int h = 0; h < H; h++)
      for (int d = 0; d < D2; d++) {
        float a = (float)x[t][h][d], b = (float)x[t][h][d + D2];
        x[t][h][d] = (__bf16)(a * co[t][d] - b * si[t][d]);
        x[t][h][d + D2] = (__bf16)(a * si[t][d] + b * co[t][d]);
      }
}

/* per-row dynamic quantisation */
void rowquant(int R, int C, const float x[R][C], int8_t q[R][C], float sc[R]) {
  for (int r = 0; r < R; r++) {
    float m = 0;
    for (int c = 0; c < C; c++) {
      float a = fabsf(x[r][c]);
      if (a > m) m = a;
    }
    float s = m / 127.0f;
    sc[r] = s;
    for (int c = 0; c < C; c++) q[r][c] = (int8_t)rintf(x[r][c] / s);
  }
}
