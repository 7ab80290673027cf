/* Inference and training in plain C: block-quantised weights in structures, caches, routers, losses and their gradients. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define QK 32
typedef struct {
  float d;
  int8_t qs[QK];
} block_q8_0;

typedef struct {
  _Float16 d;
  uint8_t qs[QK / 2];
} block_q4_0;

void dequantize_q8_0(const block_q8_0 *x, float *y, int k) {
  const int nb = k / QK;
  for (int i = 0; i < nb; i++) {
    const float d = x[i].d;
    for (int j = 0; j < QK; ++j) y[i * QK + j] = x[i].qs[j] * d;
  }
}

float vec_dot_q8_0(int n, const block_q8_0 *x, const block_q8_0 *y) {
  float sumf = 0;
  for (int i = 0; i < n / QK; i++) {
    int sumi = 0;
    for (int j = 0; j < QK; j++) sumi += x[i].qs[j] * y[i].qs[j];
    sumf += sumi * x[i].d * y[i].d;
  }
  return sumf;
}

void mul_mat_q8_0(float *out, const block_q8_0 *w, const block_q8_0 *x, int rows, int nb) {
  for (int r = 0; r < rows; r++) {
    float acc = 0.f;
    for (int b = 0; b < nb; b++) {
      const block_q8_0 *wb = &w[r * nb + b];
      int s = 0;
      for (int j = 0; j < QK; j++) s += wb->qs[j] * x[b].qs[j];
      acc += (float)s * wb->d * x[b].d;
    }
    out[r] = acc;
  }
}

void quantize_row_q8_0(const float *x, block_q8_0 *y, int nb) {
  for (int i = 0; i < nb; i++) {
    float amax = 0.0f;
    for (int j = 0; j < QK; j++) {
      float v = x[i * QK + j];
      amax = fmaxf(amax, fabsf(v));
    }
    float d = amax / 127.0f;
    float id = d != 0 ? 1.0f / d : 0.0f;
    y[i].d = d;
    for (int j = 0; j < QK; ++j) y[i].qs[j] = (int8_t)roundf(x[i * QK + j] * id);
  }
}

void dequantize_q4_0(const block_q4_0 *x, float *y, int nb) {
  for (int i = 0; i < nb; i++) {
    float d = (float)x[i].d;
    for (int j = 0; j < QK / 2; ++j) {
      int x0 = (x[i].qs[j] & 0x0F) - 8;
      int x1 = (x[i].qs[j] >> 4) - 8;
      y[i * QK + j] = x0 * d;
      y[i * QK + j + QK / 2] = x1 * d;
    }
  }
}

void rope_neox(float *x, int n_heads, int head_dim, int pos, float base) {
  int half = head_dim / 2;
  for (int h = 0; h < n_heads; h++) {
    float *v = x + h * head_dim;
    for (int i = 0; i < half; i++) {
      float theta = pos * powf(base, -2.0f * i / head_dim);
      float c = cosf(theta), s = sinf(theta);
      float a = v[i], b = v[i + half];
      v[i] = a * c - b * s;
      v[i + half] = a * s + b * c;
    }
  }
}

void gqa_scores(const float *q, const float *kcache, float *att, int n_heads, int n_kv, int rep, int hd, int pos, int seq) {
  float inv = 1.0f / sqrtf((float)hd);
  for (int h = 0; h < n_heads; h++)
    for (int t = 0; t <= pos; t++) {
      float s = 0;
      for (int i = 0; i < hd; i++) s += q[h * hd + i] * kcache[(t * n_kv + h / rep) * hd + i];
      att[h * seq + t] = s * inv;
    }
}

int topk_router(const float *logits, int n, int k, int *idx, float *w) {
  char used[256];
  memset(used, 0, sizeof used);
  float sum = 0;
  for (int j = 0; j < k; j++) {
    int best = -1;
    for (int i = 0; i < n; i++)
      if (!used[i] && (best < 0 || logits[i] > logits[best])) best = i;
    used[best] = 1;
    idx[j] = best;
    w[j] = expf(logits[best]);
    sum += w[j];
  }
  for (int j = 0; j < k; j++) w[j] /= sum;
  return k;
}

void moe_combine(float *out, const float *expert_out, const int *idx, const float *w, int tokens, int k, int dim, int n_exp) {
  for (int t = 0; t < tokens; t++)
    for (int d = 0; d < dim; d++) {
      float s = 0;
      for (int j = 0; j < k; j++) s += w[t * k + j] * expert_out[(t * n_exp + idx[t * k + j]) * dim + d];
      out[t * dim + d] = s;
    }
}

void rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, int rows, int n) {
  for (int r = 0; r < rows; r++) {
    const float *xr = x + r * n, *dyr = dy + r * n;
    float ss = 0;
    for (int i = 0; i < n; i++) ss += xr[i] * xr[i];
    float inv = 1.0f / sqrtf(ss / n + 1e-5f);
    float dot = 0;
    for (int i = 0; i < n; i++) dot += dyr[i] * w[i] * xr[i];
    for (int i = 0; i < n; i++) {
      dw[i] += dyr[i] * xr[i] * inv;
      dx[r * n + i] += inv * w[i] * dyr[i] - inv * inv * inv / n * dot * xr[i];
    }
  }
}

void swiglu_backward(float *da, float *db, const float *dy, const float *a, const float *b, int n) {
  for (int i = 0; i < n; i++) {
    float s = 1.0f / (1.0f + expf(-a[i]));
    da[i] = dy[i] * b[i] * s * (1.0f + a[i] * (1.0f - s));
    db[i] = dy[i] * a[i] * s;
  }
}

float cross_entropy(const float *logits, const int *target, float *dlogits, int rows, int vocab) {
  float loss = 0.0f;
  for (int r = 0; r < rows; r++) {
    const float *row = logits + (size_t)r * vocab;
    float m = row[0];
    for (int v = 1; v < vocab; v++)
      if (row[v] > m) m = row[v];
    float z = 0.0f;
    for (int v = 0; v < vocab; v++) z += expf(row[v] - m);
    for (int v = 0; v < vocab; v++) dlogits[(size_t)r * vocab + v] = expf(row[v] - m) / z - (v == target[r] ? 1.0f : 0.0f);
    loss += logf(z) + m - row[target[r]];
  }
  return loss / rows;
}

void dropout(float *x, unsigned char *mask, const float *rnd, float p, int n) {
  float keep = 1.0f / (1.0f - p);
  for (int i = 0; i < n; i++) {
    mask[i] = rnd[i] >= p;
    x[i] = mask[i] ? x[i] * keep : 0.0f;
  }
}

void conv1d_causal(const float *x, const float *w, const float *bias, float *y, int T, int C, int K) {
  for (int t = 0; t < T; t++)
    for (int c = 0; c < C; c++) {
      float s = bias ? bias[c] : 0.f;
      for (int k = 0; k < K; k++) {
        int src = t - (K - 1) + k;
        if (src < 0) continue;
        s += x[src * C + c] * w[c * K + k];
      }
      y[t * C + c] = s;
    }
}

void ssm_scan(float *h, const float *a, const float *b, const float *c, const float *x, float *y, int T, int N) {
  for (int t = 0; t < T; t++) {
    float s = 0;
    for (int n = 0; n < N; n++) {
      h[n] = a[t * N + n] * h[n] + b[t * N + n] * x[t];
      s += c[t * N + n] * h[n];
    }
    y[t] = s;
  }
}

typedef struct {
  float x, y;
  int kind, id;
  double mass;
} Particle;

double total_mass(const Particle *p, int n, int kind) {
  double m = 0;
  for (int i = 0; i < n; i++) m += p[i].kind == kind ? p[i].mass : 0.0;
  return m;
}

void drift(Particle *p, const Particle *from, int n, float dt) {
  for (int i = 0; i < n; i++, p++) {
    Particle q = from[i];
    q.x += dt * q.y;
    *p = q;
  }
}

void swap_ends(Particle *p, int n) {
  for (int i = 0; i < n / 2; i++) {
    Particle t = p[i];
    p[i] = p[n - 1 - i];
    p[n - 1 - i] = t;
  }
}

static inline float squash(float v) {
  return 1.0f / (1.0f + expf(-v));
}

/* One step of gated recurrent units: rows of x and h, weights as they lie in files (a row each output). */
void gru_step(int B, int H, int I, const float *x, const float *h, const float *Wz, const float *Wr, const float *Wn,
              const float *Uz, const float *Ur, const float *Un, const float *bz, const float *br, const float *bn,
              float *out) {
  for (int b = 0; b < B; b++) {
    for (int j = 0; j < H; j++) {
      float z = bz[j], r = br[j], n = bn[j], u = 0;
      for (int i = 0; i < I; i++) {
        z += x[b * I + i] * Wz[j * I + i];
        r += x[b * I + i] * Wr[j * I + i];
        n += x[b * I + i] * Wn[j * I + i];
      }
      for (int k = 0; k < H; k++) {
        z += h[b * H + k] * Uz[j * H + k];
        r += h[b * H + k] * Ur[j * H + k];
        u += h[b * H + k] * Un[j * H + k];
      }
      z = squash(z);
      r = squash(r);
      n = tanhf(n + r * u);
      out[b * H + j] = (1 - z) * n + z * h[b * H + j];
    }
  }
}

/* One step of a long short-term memory for few sequences; gates lie one behind the other. */
void lstm_step(int B, int H, int I, const float *restrict x, const float *restrict h, const float *restrict c,
               const float *restrict W, const float *restrict U, const float *restrict b, float *restrict hn,
               float *restrict cn) {
  for (int n = 0; n < B; n++)
    for (int j = 0; j < H; j++) {
      float g[4];
      for (int q = 0; q < 4; q++) {
        float s = b[q * H + j];
        for (int i = 0; i < I; i++) s += W[(q * H + j) * I + i] * x[n * I + i];
        for (int k = 0; k < H; k++) s += U[(q * H + j) * H + k] * h[n * H + k];
        g[q] = s;
      }
      float cc = squash(g[1]) * c[n * H + j] + squash(g[0]) * tanhf(g[2]);
      cn[n * H + j] = cc;
      hn[n * H + j] = squash(g[3]) * tanhf(cc);
    }
}

/* Every row against every other one. */
void cosine_pairs(int n, int m, int d, const float *a, const float *b, float *s) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) {
      float dot = 0, na = 0, nb = 0;
      for (int k = 0; k < d; k++) {
        dot += a[i * d + k] * b[j * d + k];
        na += a[i * d + k] * a[i * d + k];
        nb += b[j * d + k] * b[j * d + k];
      }
      s[i * m + j] = dot / (sqrtf(na) * sqrtf(nb) + 1e-8f);
    }
}
