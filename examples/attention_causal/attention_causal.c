#include <math.h>

void attention_causal(int H, int T, int D, const float Q[H][T][D], const float K[H][T][D], const float V[H][T][D],
                      float O[H][T][D]) {
  for (int h = 0; h < H; h++)
    for (int t = 0; t < T; t++) {
      float p[T], m = -INFINITY, z = 0;
      for (int s = 0; s <= t; s++) {
        float dot = 0;
        for (int d = 0; d < D; d++) dot += Q[h][t][d] * K[h][s][d];
        p[s] = dot / sqrtf((float)D);
        if (p[s] > m) m = p[s];
      }
      for (int s = 0; s <= t; s++) {
        p[s] = expf(p[s] - m);
        z += p[s];
      }
      for (int d = 0; d < D; d++) {
        float acc = 0;
        for (int s = 0; s <= t; s++) acc += p[s] * V[h][s][d];
        O[h][t][d] = acc / z;
      }
    }
}
