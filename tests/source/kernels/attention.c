#include <math.h>

/* One row of scores in a local array. */
void attention(int B, int T, int S, int D, const float Q[B][T][D], const float K[B][S][D], const float V[B][S][D], float O[B][T][D]) {
  const float scale = 1.0f / sqrtf((float)D);
  for (int b = 0; b < B; b++)
    for (int t = 0; t < T; t++) {
      float p[S];
      float m = -INFINITY;
      for (int s = 0; s < S; s++) {
        float dot = 0;
        for (int d = 0; d < D; d++) dot += Q[b][t][d] * K[b][s][d];
        p[s] = dot * scale;
        if (p[s] > m) m = p[s];
      }
      float sum = 0;
      for (int s = 0; s < S; s++) {
        p[s] = expf(p[s] - m);
        sum += p[s];
      }
      for (int d = 0; d < D; d++) {
        float acc = 0;
        for (int s = 0; s < S; s++) acc += p[s] * V[b][s][d];
        O[b][t][d] = acc / sum;
      }
    }
}

void attention_causal(int B, int T, int D, const float Q[B][T][D], const float K[B][T][D], const float V[B][T][D], float O[B][T][D]) {
  float scale = 1.0f / sqrtf(D);
  for (int b = 0; b < B; b++)
    for (int t = 0; t < T; t++) {
      float p[T];
      float m = -INFINITY;
      for (int s = 0; s <= t; s++) {
        float dot = 0;
        for (int d = 0; d < D; d++) dot += Q[b][t][d] * K[b][s][d];
        p[s] = dot * scale;
        if (p[s] > m) m = p[s];
      }
      float sum = 0;
      for (int s = 0; s <= t; s++) {
        p[s] = expf(p[s] - m);
        sum += p[s];
      }
      for (int d = 0; d < D; d++) {
        float acc = 0;
        for (int s = 0; s <= t; s++) acc += p[s] * V[b][s][d];
        O[b][t][d] = acc / sum;
      }
    }
}
