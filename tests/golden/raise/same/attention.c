#include <math.h>

void attention(int H, int T, int S, int D, const float Q[H][T][D], const float K[H][S][D], const float V[H][S][D], float O[H][T][D]) {
  for (int h = 0; h < H; h++)
    for (int t = 0; t < T; t++) {
      float p[S], m = -INFINITY, z = 0;
      for (int s = 0; s < S; s++) {
        float dot = 0;
        for (int d = 0; d < D; d++) dot += Q[h][t][d] * K[h][s][d];
        p[s] = dot / sqrtf((float)D);
        if (p[s] > m) m = p[s];
      }
      for (int s = 0; s < S; s++) {
        p[s] = expf(p[s] - m);
        z += p[s];
      }
      for (int d = 0; d < D; d++) {
        float acc = 0;
        for (int s = 0; s < S; s++) acc += p[s] * V[h][s][d];
        O[h][t][d] = acc / z;
      }
    }
}
