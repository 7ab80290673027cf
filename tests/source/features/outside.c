/* Variables outside of functions that change, and structures by value. */
#include <stddef.h>

float grid[12][16];
float line[64], weight[16] = {1, 2, 3};
int used = 3;
double level = 1.5;
float *scratch;
unsigned char lut[256];
extern int used;
struct options { int n; float gain; short shift[4]; double mix[3][2]; } options;
struct pair { float a, b; } pairs[20];

void relax(int n) {
  for (int t = 0; t < n; t++)
    for (int i = 1; i < 11; i++)
      for (int j = 1; j < 15; j++) grid[i][j] = 0.25f * (grid[i - 1][j] + grid[i + 1][j] + grid[i][j - 1] + grid[i][j + 1]);
}

float dot_line(const float *x) {
  float s = 0;
  for (int i = 0; i < 64; i++) s += line[i] * x[i];
  return s;
}

/* `used` is only read: a size. */
void scaled(float *out) {
  for (int i = 0; i < used; i++) out[i] = options.gain * weight[i];
}

/* Here it changes. */
int next(int step) {
  used += step;
  level *= 2;
  return used;
}

void through(int n) {
  for (int i = 0; i < n; i++) scratch[i] = (float)level + (float)i;
}

static float mixed(float v) { return v * (float)options.mix[1][0] + (float)options.shift[2]; }

void nested(int n, float *x) {
  for (int i = 0; i < n; i++) x[i] = mixed(x[i]);
  options.mix[2][1] = n;
}

void table(int n, const unsigned char *src, unsigned char *dst) {
  for (int i = 0; i < n; i++) dst[i] = lut[src[i]];
}

void points(float s) {
  for (int i = 0; i < 20; i++) {
    pairs[i].a *= s;
    pairs[i].b += pairs[i].a;
  }
}

/* An argument of the same name as a variable that a helper uses. */
static float first_weight(void) { return weight[0]; }
void named(int n, float *weight) {
  for (int i = 0; i < n; i++) weight[i] += first_weight();
}

/* --- structures by value --- */
struct image { int w, h, c; float *data; };
struct filter { float taps[3]; int n; double bias; };

void to_gray(struct image in, struct image out) {
  for (int y = 0; y < in.h; y++)
    for (int x = 0; x < in.w; x++) {
      float s = 0;
      for (int k = 0; k < in.c; k++) s += in.data[(k * in.h + y) * in.w + x];
      out.data[y * in.w + x] = s / 3;
    }
}

static float at(struct image m, int x, int y) {
  if (x < 0 || y < 0 || x >= m.w || y >= m.h) return 0;
  return m.data[y * m.w + x];
}

void shift_left(struct image m, float *out) {
  for (int y = 0; y < m.h; y++)
    for (int x = 0; x < m.w; x++) out[y * m.w + x] = at(m, x + 1, y);
}

/* Its own copy may be changed. */
double smooth(double a, struct filter f, int n, const float *x) {
  double s = f.bias;
  f.taps[0] += 1;
  for (int i = 0; i + 2 < n; i++) s += f.taps[0] * x[i] + f.taps[1] * x[i + 1] + f.taps[2] * x[i + 2];
  return a * s;
}
int map[2], steps[2];
void sized(double *x) { /* doubles do not change integers */
  for (int i = 1; i < map[0] - 1; i++)
    for (int j = 0; j < map[1]; j++) x[i * 8 + j] += 1;
}
void sized_through(int *p) {
  for (int i = 0; i < map[0]; i++) p[i] = 1;
}
void sized_bytes(unsigned char *p) {
  for (int i = 0; i < map[0]; i++) p[i] = 1;
}
void shrinks(double *x) {
  for (int i = 0; i < map[0]; i++) {
    x[i] = 1;
    if (i == 3) map[0] = 2;
  }
}
void other_one(void) {
  for (int i = 0; i < map[1]; i++) steps[i % 2]++;
}
