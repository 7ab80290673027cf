#include <stddef.h>
#include <string.h>
struct mat {
  int rows, cols;
  float *data;
};
void clear(struct mat *m) {
  for (int i = 0; i < m->rows * m->cols; i++) m->data[i] = 0;
}
static float at(const struct mat *m, int i, int j) { return m->data[i * m->cols + j]; }
void add(const struct mat *a, const struct mat *b, struct mat *c) {
  for (int i = 0; i < c->rows; i++)
    for (int j = 0; j < c->cols; j++) c->data[i * c->cols + j] = at(a, i, j) + at(b, i, j);
}
typedef struct {
  float gain, state[4];
  struct {
    double bias;
    int count;
  } in;
  short order;
} Filter;
void run(Filter *f, int n, const float *x, float *y) {
  for (int i = 0; i < n; i++) {
    f->state[i % 4] += f->gain * x[i];
    y[i] = f->state[(i + 1) % 4] + (float)f->in.bias * f->order;
    f->in.count++;
  }
  f->gain = 2;
}
typedef struct {
  float re, im;
} Complex;
void twiddle(int n, const Complex *a, const Complex *w, Complex *out) {
  for (int i = 0; i < n; i++) {
    out[i].re = a[i].re * w[i].re - a[i].im * w[i].im;
    out[i].im = a[i].re * w[i].im + a[i].im * w[i].re;
  }
}
float length(const Complex *c) { return c->re * c->re + (*c).im * c->im; }
void optional(int n, const float *bias, float *y, const struct mat *m) {
  for (int i = 0; i < n; i++) y[i] = bias != NULL ? bias[i] : 0;
  if (!bias) return;
  for (int i = 0; i < n; i++)
    if (bias) y[i] += bias[i];
  if (m) y[0] += m->rows;
}

/* Pointers in a structure that may be NULL. */
struct layer {
  int in, out;
  float *w, *bias, *mask;
};
void layer_forward(const struct layer *l, const float *restrict x, float *restrict y, int batch) {
  for (int n = 0; n < batch; n++)
    for (int o = 0; o < l->out; o++) {
      float v = l->bias ? l->bias[o] : 0.0f;
      for (int i = 0; i < l->in; i++) v += l->w[o * l->in + i] * x[n * l->in + i];
      y[n * l->out + o] = v;
    }
  if (l->mask != NULL)
    for (int n = 0; n < batch * l->out; n++) y[n] *= l->mask[n];
}
int layer_has(const struct layer *l) { return (l->bias != NULL) + 2 * !l->mask; }
