#include <string.h>
void f(int n, const unsigned char *p, unsigned *y) {
  for (int i = 0; i < n; i++) {
    unsigned v = 0;
    memcpy(&v, p + 3 * i, 3);
    y[i] = v;
  }
}
