#include <stdbool.h>
void find(int n, const float *x, int *at) {
  for (int i = 0; i < n; i++)
    if (x[i] > 0) {
      *at = i;
      break;
    }
}
void until_negative(int n, float *x) {
  for (int i = 0; i < n; i++) {
    if (x[i] < 0) return;
    x[i] = 1;
  }
  x[0] += 2;
}
bool all_small(int n, int m, const float *x) {
  bool any = false;
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < m; j++) {
      if (x[i * m + j] > 3) return false;
      if (x[i * m + j] < -3) break;
      any = true;
    }
    if (any && i > 3) break;
  }
  return any;
}
static int first(const int *x, int n, int v) {
  for (int i = 0; i < n; i++)
    if (x[i] == v) return i;
  return -1;
}
int two_searches(const int *x, int n, int a, int b) { return first(x, n, a) * 10 + first(x, n, b); }
double mean(int n, const double *x) {
  double s = 0;
  if (n <= 0) return -1;
  for (int i = 0; i < n; i++) s += x[i];
  return s / n;
}
unsigned char last_byte(int n, const unsigned char *x) { return n > 0 ? x[n - 1] : 7; }
void modes(int n, int mode, float *x) {
  for (int i = 0; i < n; i++) {
    switch (mode) {
    case 0:
      x[i] = 0;
      break;
    case 1:
    case 2: {
      x[i] *= 2;
      break;
    }
    case 3:
      continue;
    default:
      x[i] += 1;
    }
    x[i] += 0.5f;
  }
}
int collatz(int n) {
  int steps = 0;
  if (n < 1) return 0;
  while (1) {
    if (n == 1 || steps > 50) break;
    n = n % 2 ? 3 * n + 1 : n / 2;
    steps++;
  }
  return steps;
}
int do_once(int n, int *x) {
  int i = 0;
  do {
    if (x[i] > 4) break;
    x[i] = 9;
    i++;
  } while (i < n);
  return i;
}
