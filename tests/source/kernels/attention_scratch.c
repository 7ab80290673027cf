#include <math.h>

/* The whole score matrix in a local array: fusion has to remove it. */
void attention_full(int T, int S, int D, const float Q[T][D], const float K[S][D], const float V[S][D], float O[T][D]) {
  float P[T][S];
  for (int t = 0; t < T; t++)
    for (int s = 0; s < S; s++) {
      P[t][s] = 0;
      for (int d = 0; d < D; d++) P[t][s] += Q[t][d] * K[s][d];
      P[t][s] *= 1.0f / sqrtf((float)D);
    }
  for (int t = 0; t < T; t++) {
    float m = -INFINITY;
    for (int s = 0; s < S; s++) m = P[t][s] > m ? P[t][s] : m;
    float sum = 0;
    for (int s = 0; s < S; s++) sum += (P[t][s] = expf(P[t][s] - m));
    for (int s = 0; s < S; s++) P[t][s] /= sum;
  }
  for (int t = 0; t < T; t++)
    for (int d = 0; d < D; d++) {
      float acc = 0;
      for (int s = 0; s < S; s++) acc += P[t][s] * V[s][d];
      O[t][d] = acc;
    }
}
