#include <float.h>

void kmeans(int n, int k, int d, const float P[n][d], const float Q[k][d], int label[n], float dist[n]) {
  for (int i = 0; i < n; i++) {
    float best = FLT_MAX;
    int arg = -1;
    for (int c = 0; c < k; c++) {
      float s = 0;
      for (int x = 0; x < d; x++) s += (P[i][x] - Q[c][x]) * (P[i][x] - Q[c][x]);
      if (s < best) {
        best = s;
        arg = c;
      }
    }
    label[i] = arg;
    dist[i] = best;
  }
}
