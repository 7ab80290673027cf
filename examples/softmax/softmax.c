#include <math.h>

void softmax(int R, int C, const float x[R][C], float y[R][C]) {
  for (int i = 0; i < R; i++) {
    float m = -INFINITY, z = 0;
    for (int j = 0; j < C; j++)
      if (x[i][j] > m) m = x[i][j];
    for (int j = 0; j < C; j++) z += expf(x[i][j] - m);
    for (int j = 0; j < C; j++) y[i][j] = expf(x[i][j] - m) / z;
  }
}
