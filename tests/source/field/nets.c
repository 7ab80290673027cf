#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>
#include <float.h>
#include <assert.h>

#define QK 32
#define EPS 1e-5f
typedef struct { float d; int8_t qs[QK]; } block_q8;
typedef struct { uint16_t d; uint8_t qs[QK / 2]; } block_q4;
typedef struct { float *wq, *wk, *wv, *wo; float *rms; int dim, n_heads, n_kv, seq; } layer_t;
typedef struct { float *x, *xb, *q, *k, *v, *att; float *key_cache; float *value_cache; } state_t;
enum act_kind { ACT_NONE, ACT_RELU, ACT_GELU, ACT_SILU };

static inline float act_apply(float x, enum act_kind k) {
  switch (k) {
  case ACT_RELU: return x > 0.0f ? x : 0.0f;
  case ACT_GELU: return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
  case ACT_SILU: return x / (1.0f + expf(-x));
  default: return x;
  }
}
static inline float half_to_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = (h >> 10) & 31, man = h & 1023;
  uint32_t bits;
  if (exp == 0) {
    float f = (float)man * (1.0f / 16777216.0f);
    memcpy(&bits, &f, sizeof bits);
  } else if (exp == 31)
    bits = 0x7f800000u | man << 13;
  else
    bits = (exp + 112) << 23 | man << 13;
  bits |= sign;
  float r;
  memcpy(&r, &bits, sizeof r);
  return r;
}

void encoder_forward2(float *out, const int *inp, const float *wte, const float *wpe, int B, int T, int C) {
  for (int b = 0; b < B; b++)
    for (int t = 0; t < T; t++) {
      float *out_bt = out + b * T * C + t * C;
      int ix = inp[b * T + t];
      const float *wte_ix = wte + ix * C;
      const float *wpe_t = wpe + t * C;
      for (int i = 0; i < C; i++) out_bt[i] = wte_ix[i] + wpe_t[i];
    }
}
void encoder_backward2(float *dwte, float *dwpe, const float *dout, const int *inp, int B, int T, int C) {
  for (int b = 0; b < B; b++)
    for (int t = 0; t < T; t++) {
      const float *dout_bt = dout + b * T * C + t * C;
      int ix = inp[b * T + t];
      float *dwte_ix = dwte + ix * C;
      float *dwpe_t = dwpe + t * C;
      for (int i = 0; i < C; i++) {
        float d = dout_bt[i];
        dwte_ix[i] += d;
        dwpe_t[i] += d;
      }
    }
}
void linear_act(float *out, const float *inp, const float *weight, const float *bias, size_t rows, size_t C, size_t OC, enum act_kind kind) {
  for (size_t r = 0; r < rows; ++r)
    for (size_t o = 0; o < OC; ++o) {
      float val = (bias != NULL) ? bias[o] : 0.0f;
      for (size_t i = 0; i < C; ++i) val += inp[r * C + i] * weight[o * C + i];
      out[r * OC + o] = act_apply(val, kind);
    }
}
void linear_backward2(float *dinp, float *dweight, float *dbias, const float *dout, const float *inp, const float *weight, int BT, int C, int OC) {
  for (int bt = 0; bt < BT; bt++) {
    const float *dout_bt = dout + bt * OC;
    float *dinp_bt = dinp + bt * C;
    for (int o = 0; o < OC; o++) {
      const float *wrow = weight + o * C;
      float d = dout_bt[o];
      for (int i = 0; i < C; i++) dinp_bt[i] += wrow[i] * d;
    }
  }
  for (int o = 0; o < OC; o++)
    for (int bt = 0; bt < BT; bt++) {
      const float *inp_bt = inp + bt * C;
      float *dwrow = dweight + o * C;
      float d = dout[bt * OC + o];
      if (dbias) dbias[o] += d;
      for (int i = 0; i < C; i++) dwrow[i] += inp_bt[i] * d;
    }
}
void layernorm_stats(float *out, float *mean, float *rstd, const float *inp, const float *w, const float *b, int N, int C) {
  for (int n = 0; n < N; n++) {
    const float *x = inp + (size_t)n * C;
    float m = 0.0f, v = 0.0f;
    for (int i = 0; i < C; i++) m += x[i];
    m /= (float)C;
    for (int i = 0; i < C; i++) { float t = x[i] - m; v += t * t; }
    v = v / C;
    float s = 1.0f / sqrtf(v + EPS);
    float *y = out + (size_t)n * C;
    for (int i = 0; i < C; i++) y[i] = s * (x[i] - m) * w[i] + b[i];
    mean[n] = m;
    rstd[n] = s;
  }
}
void layernorm_back(float *dinp, float *dw, float *db, const float *dout, const float *inp, const float *w, const float *mean, const float *rstd, int N, int C) {
  for (int n = 0; n < N; n++) {
    const float *g = dout + n * C, *x = inp + n * C;
    float *dx = dinp + n * C;
    const float mu = mean[n], rs = rstd[n];
    float a = 0, c = 0;
    for (int i = 0; i < C; i++) {
      float nrm = (x[i] - mu) * rs, dn = w[i] * g[i];
      a += dn;
      c += dn * nrm;
    }
    a /= C, c /= C;
    for (int i = 0; i < C; i++) {
      float nrm = (x[i] - mu) * rs, dn = w[i] * g[i];
      db[i] += g[i];
      dw[i] += nrm * g[i];
      dx[i] += (dn - a - nrm * c) * rs;
    }
  }
}
void attention_one_head(const layer_t *l, state_t *s, int head, int pos) {
  const int hs = l->dim / l->n_heads, kvd = hs, rep = l->n_heads;
  float *q = s->q + head * hs, *att = s->att + head * l->seq;
  for (int t = 0; t <= pos; t++) {
    const float *k = s->key_cache + t * kvd + (head / rep) * hs;
    float score = 0.0f;
    for (int i = 0; i < hs; i++) score += q[i] * k[i];
    att[t] = score / sqrtf((float)hs);
  }
  float m = att[0];
  for (int t = 1; t <= pos; t++) if (att[t] > m) m = att[t];
  float sum = 0.0f;
  for (int t = 0; t <= pos; t++) { att[t] = expf(att[t] - m); sum += att[t]; }
  for (int t = 0; t <= pos; t++) att[t] /= sum;
  float *xb = s->xb + head * hs;
  memset(xb, 0, hs * sizeof(float));
  for (int t = 0; t <= pos; t++) {
    const float *v = s->value_cache + t * kvd + (head / rep) * hs;
    float a = att[t];
    for (int i = 0; i < hs; i++) xb[i] += a * v[i];
  }
}
void matvec_blocks_q8(float *restrict out, const block_q8 *restrict w, const float *restrict x, int n, int nb) {
  for (int r = 0; r < n; r++) {
    const block_q8 *row = &w[r * nb];
    float acc = 0.f;
    for (int b = 0; b < nb; b++, row++) {
      float part = 0.f;
      for (int j = 0; j < QK; j++) part += (float)row->qs[j] * x[b * QK + j];
      acc += row->d * part;
    }
    out[r] = acc;
  }
}
void quant_q8_blocks(const float *x, block_q8 *y, int nb) {
  for (int i = 0; i < nb; i++) {
    float amax = 0.0f;
    for (int j = 0; j < QK; j++) {
      const float v = x[i * QK + j];
      amax = fmaxf(amax, fabsf(v));
    }
    const float d = amax / ((1 << 7) - 1);
    const float id = d ? 1.0f / d : 0.0f;
    y[i].d = d;
    for (int j = 0; j < QK; ++j) y[i].qs[j] = (int8_t)roundf(x[i * QK + j] * id);
  }
}
void rope_neox(float *q, float *k, int n_heads, int n_kv, int hs, int pos, float theta) {
  int half = hs / 2;
  for (int i = 0; i < half; i++) {
    float freq = 1.0f / powf(theta, (float)(2 * i) / (float)hs);
    float c = cosf(pos * freq), s = sinf(pos * freq);
    for (int h = 0; h < n_heads; h++) {
      float *p = q + h * hs;
      float a = p[i], b = p[i + half];
      p[i] = a * c - b * s;
      p[i + half] = a * s + b * c;
    }
    for (int h = 0; h < n_kv; h++) {
      float *p = k + h * hs;
      float a = p[i], b = p[i + half];
      p[i] = a * c - b * s;
      p[i + half] = a * s + b * c;
    }
  }
}
float cross_entropy_mean(const float *logits, const int *targets, float *dlogits, int N, int V) {
  float loss = 0.0f;
  for (int n = 0; n < N; n++) {
    const float *z = logits + n * V;
    float *dz = dlogits + n * V;
    float mx = -FLT_MAX;
    for (int v = 0; v < V; v++) mx = z[v] > mx ? z[v] : mx;
    float s = 0.0f;
    for (int v = 0; v < V; v++) { dz[v] = expf(z[v] - mx); s += dz[v]; }
    float inv = 1.0f / s;
    for (int v = 0; v < V; v++) dz[v] *= inv;
    int t = targets[n];
    loss -= logf(dz[t]);
    dz[t] -= 1.0f;
    for (int v = 0; v < V; v++) dz[v] /= (float)N;
  }
  return loss / N;
}
void sgd_momentum(float *p, float *m, const float *g, size_t n, float lr, float mu, float wd, bool nesterov) {
  for (size_t i = 0; i < n; i++) {
    float d = g[i] + wd * p[i];
    m[i] = mu * m[i] + d;
    p[i] -= lr * (nesterov ? d + mu * m[i] : m[i]);
  }
}
void clip_grad(float *g, int n, float max_norm) {
  double total = 0;
  for (int i = 0; i < n; i++) total += (double)g[i] * g[i];
  float norm = (float)sqrt(total);
  if (norm > max_norm) {
    float s = max_norm / (norm + 1e-6f);
    for (int i = 0; i < n; i++) g[i] *= s;
  }
}
void conv1d_causal(const float *x, const float *w, const float *bias, float *y, int T, int Cin, int Cout, int K, int dil) {
  for (int t = 0; t < T; t++)
    for (int o = 0; o < Cout; o++) {
      float acc = bias[o];
      for (int k = 0; k < K; k++) {
        int src = t - k * dil;
        if (src < 0) break;
        for (int c = 0; c < Cin; c++) acc += x[src * Cin + c] * w[(k * Cout + o) * Cin + c];
      }
      y[t * Cout + o] = acc;
    }
}
void lstm_cell(const float *x, const float *h, const float *c, const float *W, const float *U, const float *b, float *hn, float *cn, int in, int hid) {
  for (int j = 0; j < hid; j++) {
    float g[4];
    for (int q = 0; q < 4; q++) {
      float s = b[q * hid + j];
      for (int i = 0; i < in; i++) s += W[(q * hid + j) * in + i] * x[i];
      for (int i = 0; i < hid; i++) s += U[(q * hid + j) * hid + i] * h[i];
      g[q] = s;
    }
    float ig = 1.0f / (1.0f + expf(-g[0])), fg = 1.0f / (1.0f + expf(-g[1])), og = 1.0f / (1.0f + expf(-g[3]));
    float cell = fg * c[j] + ig * tanhf(g[2]);
    cn[j] = cell;
    hn[j] = og * tanhf(cell);
  }
}
void maxpool_backward(const float *dout, const int32_t *idx, float *dx, int n, int in_size) {
  memset(dx, 0, sizeof(float) * in_size);
  for (int i = 0; i < n; i++) dx[idx[i]] += dout[i];
}
void groupnorm2(const float *x, float *y, const float *w, const float *b, int N, int C, int HW, int G) {
  const int cg = C / G;
  for (int n = 0; n < N; ++n)
    for (int g = 0; g < G; ++g) {
      const float *xp = x + ((size_t)n * C + g * cg) * HW;
      float *yp = y + ((size_t)n * C + g * cg) * HW;
      double sum = 0, sq = 0;
      const int cnt = cg * HW;
      for (int i = 0; i < cnt; ++i) { sum += xp[i]; sq += (double)xp[i] * xp[i]; }
      const double mu = sum / cnt, var = sq / cnt - mu * mu;
      const float rs = (float)(1.0 / sqrt(var + 1e-5));
      for (int c = 0; c < cg; ++c)
        for (int i = 0; i < HW; ++i) yp[c * HW + i] = (float)(xp[c * HW + i] - mu) * rs * w[g * cg + c] + b[g * cg + c];
    }
}
void topk_mask(float *logits, int n, float thr) {
  float *p = logits, *e = logits + n;
  while (p < e) {
    if (*p < thr) *p = -INFINITY;
    p++;
  }
}
void kv_append(float *cache, const float *k, int layer, int pos, int seq, int dim) {
  float *dst = &cache[((size_t)layer * seq + pos) * dim];
  memcpy(dst, k, (size_t)dim * sizeof *dst);
}
void transpose_heads(const float *in, float *out, int B, int T, int NH, int HS) {
  int C = NH * HS;
  for (int b = 0; b < B; b++)
    for (int h = 0; h < NH; h++)
      for (int t = 0; t < T; t++)
        for (int i = 0; i < HS; i++) out[((b * NH + h) * T + t) * HS + i] = in[(b * T + t) * 3 * C + C + h * HS + i];
}
void dropout_apply(float *x, const uint8_t *mask, int n, float p) {
  const float scale = 1.0f / (1.0f - p);
  for (int i = 0; i < n; i++) {
    if (!mask[i]) { x[i] = 0; continue; }
    x[i] *= scale;
  }
}
void alibi_bias(float *att, int n_heads, int T) {
  for (int h = 0; h < n_heads; h++) {
    float slope = exp2f(-8.0f * (h + 1) / n_heads);
    for (int i = 0; i < T; i++)
      for (int j = 0; j < T; j++) {
        float *a = &att[(h * T + i) * T + j];
        *a = j <= i ? *a - slope * (i - j) : -1e30f;
      }
  }
}
