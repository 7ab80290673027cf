#include <math.h>

/* loss[i] = log(sum over j of exp(x[i,j])) - x[i, label[i]], by the maximum of the row. */
void cross_entropy(int R, int C, const float x[R][C], const int label[R], float loss[R]) {
  for (int i = 0; i < R; i++) {
    float m = -INFINITY, z = 0;
    for (int j = 0; j < C; j++)
      if (x[i][j] > m) m = x[i][j];
    for (int j = 0; j < C; j++) z += expf(x[i][j] - m);
    loss[i] = logf(z) + m - x[i][label[i]];
  }
}
