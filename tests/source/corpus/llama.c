/* Inference of a language model, as it is written in plain C: flat pointers, no restrict, buffers that are used in place. */
#include <math.h>
#include <stdint.h>
#include <string.h>

void rmsnorm_to(float *o, float *x, float *weight, int size) {
  float ss = 0.0f;
  for (int j = 0; j < size; j++) ss += x[j] * x[j];
  ss /= size;
  ss += 1e-5f;
  ss = 1.0f / sqrtf(ss);
  for (int j = 0; j < size; j++) o[j] = weight[j] * (ss * x[j]);
}

void rmsnorm_inplace(float *x, const float *weight, int size) {
  float ss = 0.0f;
  for (int j = 0; j < size; j++) {
    ss += x[j] * x[j];
  }
  ss = 1.0f / sqrtf(ss / size + 1e-5f);
  for (int j = 0; j < size; j++) {
    x[j] = weight[j] * (ss * x[j]);
  }
}

void softmax_row(float *x, int size) {
  float max_val = x[0];
  for (int i = 1; i < size; i++) {
    if (x[i] > max_val) {
      max_val = x[i];
    }
  }
  float sum = 0.0f;
  for (int i = 0; i < size; i++) {
    x[i] = expf(x[i] - max_val);
    sum += x[i];
  }
  for (int i = 0; i < size; i++) {
    x[i] /= sum;
  }
}

void matvec(float *xout, float *x, float *w, int n, int d) {
  int i;
  for (i = 0; i < d; i++) {
    float val = 0.0f;
    for (int j = 0; j < n; j++) {
      val += w[i * n + j] * x[j];
    }
    xout[i] = val;
  }
}

typedef struct {
  int8_t *q;
  float *s;
} Quantized;

/* groups of gs values share a scale */
void matvec_q8(float *xout, Quantized *x, Quantized *w, int n, int d, int gs) {
  for (int i = 0; i < d; i++) {
    float val = 0.0f;
    int32_t ival = 0;
    int in = i * n;
    int j;
    for (j = 0; j <= n - gs; j += gs) {
      for (int k = 0; k < gs; k++) {
        ival += ((int32_t)x->q[j + k]) * ((int32_t)w->q[in + j + k]);
      }
      val += ((float)ival) * w->s[(in + j) / gs] * x->s[j / gs];
      ival = 0;
    }
    xout[i] = val;
  }
}

#define GS 32
void matvec_q8_flat(float *out, const int8_t *xq, const float *xs, const int8_t *wq, const float *ws, int n, int d) {
  for (int i = 0; i < d; i++) {
    float val = 0.0f;
    for (int g = 0; g < n / GS; g++) {
      int32_t ival = 0;
      for (int k = 0; k < GS; k++) ival += (int32_t)xq[g * GS + k] * (int32_t)wq[i * n + g * GS + k];
      val += (float)ival * ws[i * (n / GS) + g] * xs[g];
    }
    out[i] = val;
  }
}

void quantize(const float *x, int8_t *q, float *s, int n) {
  int num_groups = n / GS;
  float Q_MAX = 127.0f;
  for (int group = 0; group < num_groups; group++) {
    float wmax = 0.0;
    for (int i = 0; i < GS; i++) {
      float val = fabs(x[group * GS + i]);
      if (val > wmax) {
        wmax = val;
      }
    }
    float scale = wmax / Q_MAX;
    s[group] = scale;
    for (int i = 0; i < GS; i++) {
      float quant_value = x[group * GS + i] / scale;
      int8_t quantized = (int8_t)round(quant_value);
      q[group * GS + i] = quantized;
    }
  }
}

void dequantize(const int8_t *q, const float *s, float *x, int n) {
  for (int i = 0; i < n; i++) {
    x[i] = q[i] * s[i / GS];
  }
}

/* rotates pairs of q and k by an angle of the position */
void rope(float *q, float *k, int dim, int kv_dim, int head_size, int pos) {
  for (int i = 0; i < dim; i += 2) {
    int head_dim = i % head_size;
    float freq = 1.0f / powf(10000.0f, head_dim / (float)head_size);
    float val = pos * freq;
    float fcr = cosf(val);
    float fci = sinf(val);
    int rotn = i < kv_dim ? 2 : 1;
    for (int v = 0; v < rotn; v++) {
      float *vec = v == 0 ? q : k;
      float v0 = vec[i];
      float v1 = vec[i + 1];
      vec[i] = v0 * fcr - v1 * fci;
      vec[i + 1] = v0 * fci + v1 * fcr;
    }
  }
}

void rope_table(float *q, const float *cs, const float *sn, int heads, int hs) {
  for (int h = 0; h < heads; h++) {
    float *qh = q + h * hs;
    for (int i = 0; i < hs; i += 2) {
      float v0 = qh[i], v1 = qh[i + 1];
      float c = cs[i / 2], s = sn[i / 2];
      qh[i] = v0 * c - v1 * s;
      qh[i + 1] = v0 * s + v1 * c;
    }
  }
}

void swiglu(float *hb, const float *hb2, int hidden_dim) {
  for (int i = 0; i < hidden_dim; i++) {
    float val = hb[i];
    val *= (1.0f / (1.0f + expf(-val)));
    val *= hb2[i];
    hb[i] = val;
  }
}

void residual(float *x, const float *y, int n) {
  for (int i = 0; i < n; i++) x[i] += y[i];
}

/* all heads of one position over the cache of keys and values of a layer */
void attention_cached(float *xb, float *att, const float *q, const float *key_cache, const float *value_cache, int n_heads, int head_size,
                      int kv_mul, int kv_dim, int seq_len, int pos) {
  for (int h = 0; h < n_heads; h++) {
    const float *qh = q + h * head_size;
    float *a = att + h * seq_len;
    for (int t = 0; t <= pos; t++) {
      const float *k = key_cache + t * kv_dim + (h / kv_mul) * head_size;
      float score = 0.0f;
      for (int i = 0; i < head_size; i++) {
        score += qh[i] * k[i];
      }
      score /= sqrtf(head_size);
      a[t] = score;
    }
    float m = a[0];
    for (int t = 1; t <= pos; t++)
      if (a[t] > m) m = a[t];
    float sum = 0.0f;
    for (int t = 0; t <= pos; t++) {
      a[t] = expf(a[t] - m);
      sum += a[t];
    }
    for (int t = 0; t <= pos; t++) a[t] /= sum;
    float *o = xb + h * head_size;
    memset(o, 0, head_size * sizeof(float));
    for (int t = 0; t <= pos; t++) {
      const float *v = value_cache + t * kv_dim + (h / kv_mul) * head_size;
      float w = a[t];
      for (int i = 0; i < head_size; i++) {
        o[i] += w * v[i];
      }
    }
  }
}

int argmax(const float *probabilities, int n) {
  int max_i = 0;
  float max_p = probabilities[0];
  for (int i = 1; i < n; i++) {
    if (probabilities[i] > max_p) {
      max_i = i;
      max_p = probabilities[i];
    }
  }
  return max_i;
}

int sample_mult(const float *probabilities, int n, float coin) {
  float cdf = 0.0f;
  for (int i = 0; i < n; i++) {
    cdf += probabilities[i];
    if (coin < cdf) {
      return i;
    }
  }
  return n - 1;
}

float dot(const float *a, const float *b, int n) {
  float s = 0;
  for (int i = 0; i < n; i++) s += a[i] * b[i];
  return s;
}

void embed(float *x, const float *table, const int *token, int T, int dim) {
  for (int t = 0; t < T; t++) {
    const float *row = table + token[t] * dim;
    for (int i = 0; i < dim; i++) x[t * dim + i] = row[i];
  }
}

void copy_row(float *x, const float *table, int token, int dim) {
  const float *content_row = table + token * dim;
  memcpy(x, content_row, dim * sizeof(*x));
}
