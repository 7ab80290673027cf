#include <math.h>

/* Causal within a window; G heads of queries share one of keys and values. */
void attention_half(int H, int G, int T, int W, int D, const _Float16 Q[restrict H][T][D],
                    const _Float16 K[restrict H / G][T][D], const _Float16 V[restrict H / G][T][D],
                    _Float16 O[restrict H][T][D]) {
  for (int h = 0; h < H; h++)
    for (int t = 0; t < T; t++) {
      float p[T], m = -INFINITY, z = 0;
      for (int s = 0; s <= t; s++) {
        if (s <= t - W) continue;
        float dot = 0;
        for (int d = 0; d < D; d++) dot += (float)Q[h][t][d] * (float)K[h / G][s][d];
        p[s] = dot / sqrtf((float)D);
        if (p[s] > m) m = p[s];
      }
      for (int s = 0; s <= t; s++)
        if (s > t - W) {
          p[s] = expf(p[s] - m);
          z += p[s];
        }
      for (int d = 0; d < D; d++) {
        float acc = 0;
        for (int s = 0; s <= t; s++)
          if (s > t - W) acc += p[s] * (float)V[h / G][s][d];
        O[h][t][d] = (_Float16)(acc / z);
      }
    }
}
