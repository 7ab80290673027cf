#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>
#include <float.h>
#include <limits.h>
typedef struct { int feature; float threshold; int left, right; float value; } node_t;
typedef struct { size_t n_classes, n_features; const float *mean, *var, *log_prior; } nb_t;

void kmeans_assign2(const float *x, const float *cent, int *map, float *best, int n, int k, int d) {
  for (int i = 0; i < n; i++) {
    float bd = FLT_MAX;
    int bi = 0;
    for (int c = 0; c < k; c++) {
      float s = 0;
      for (int j = 0; j < d; j++) { float t = x[i * d + j] - cent[c * d + j]; s += t * t; }
      if (s < bd) { bd = s; bi = c; }
    }
    map[i] = bi;
    if (best) best[i] = bd;
  }
}
void kmeans_update2(const float *x, const int *map, float *cent, int *count, int n, int k, int d) {
  memset(cent, 0, sizeof(float) * k * d);
  memset(count, 0, k * sizeof(int));
  for (int i = 0; i < n; i++) {
    int c = map[i];
    count[c]++;
    for (int j = 0; j < d; j++) cent[c * d + j] += x[i * d + j];
  }
  for (int c = 0; c < k; c++) {
    if (count[c] == 0) continue;
    float inv = 1.0f / count[c];
    for (int j = 0; j < d; j++) cent[c * d + j] *= inv;
  }
}
int knn_vote(const float *x, const int *y, const float *q, int n, int d, int k, float *bd, int *by) {
  for (int i = 0; i < k; i++) bd[i] = INFINITY, by[i] = -1;
  for (int i = 0; i < n; i++) {
    float s = 0;
    for (int j = 0; j < d; j++) { float t = x[i * d + j] - q[j]; s += t * t; }
    int p = k;
    while (p > 0 && s < bd[p - 1]) p--;
    if (p == k) continue;
    for (int m = k - 1; m > p; m--) bd[m] = bd[m - 1], by[m] = by[m - 1];
    bd[p] = s, by[p] = y[i];
  }
  return k > 0 ? by[0] : -1;
}
void tree_predict(const node_t *tree, const float *x, float *out, int n, int d) {
  for (int i = 0; i < n; i++) {
    const float *row = x + (size_t)i * d;
    int k = 0;
    int guard = 0;
    while (tree[k].feature >= 0 && tree[k].feature < d && guard++ < 32) k = row[tree[k].feature] <= tree[k].threshold ? tree[k].left & 7 : tree[k].right & 7;
    out[i] = tree[k].value;
  }
}
void naive_bayes_scores(const nb_t *m, const float *x, float *score, size_t n) {
  for (size_t i = 0; i < n; ++i)
    for (size_t c = 0; c < m->n_classes; ++c) {
      float s = m->log_prior[c];
      for (size_t f = 0; f < m->n_features; ++f) {
        const float v = m->var[c * m->n_features + f] + 1e-9f, t = x[i * m->n_features + f] - m->mean[c * m->n_features + f];
        s -= 0.5f * (logf(6.2831853f * v) + t * t / v);
      }
      score[i * m->n_classes + c] = s;
    }
}
void hmm_forward(const double *A, const double *B, const double *pi, const int *idx, double *alpha, double *scale, int S, int O, int T) {
  double z = 0;
  for (int s = 0; s < S; s++) { alpha[s] = pi[s] * B[s * O + idx[0]]; z += alpha[s]; }
  scale[0] = 1.0 / z;
  for (int s = 0; s < S; s++) alpha[s] *= scale[0];
  for (int t = 1; t < T; t++) {
    z = 0;
    for (int j = 0; j < S; j++) {
      double p = 0;
      for (int i = 0; i < S; i++) p += alpha[(t - 1) * S + i] * A[i * S + j];
      alpha[t * S + j] = p * B[j * O + idx[t]];
      z += alpha[t * S + j];
    }
    scale[t] = 1.0 / z;
    for (int j = 0; j < S; j++) alpha[t * S + j] *= scale[t];
  }
}
void viterbi_path(const float *logA, const float *logB, const int *idx, float *v, int *back, int *path, int S, int O, int T) {
  for (int s = 0; s < S; s++) v[s] = logB[s * O + idx[0]];
  for (int t = 1; t < T; t++)
    for (int j = 0; j < S; j++) {
      float best = -FLT_MAX;
      int arg = 0;
      for (int i = 0; i < S; i++) {
        float c = v[(t - 1) * S + i] + logA[i * S + j];
        if (c > best) best = c, arg = i;
      }
      v[t * S + j] = best + logB[j * O + idx[t]];
      back[t * S + j] = arg;
    }
  int q = 0;
  for (int s = 1; s < S; s++) if (v[(T - 1) * S + s] > v[(T - 1) * S + q]) q = s;
  for (int t = T - 1; t >= 0; t--) {
    path[t] = q;
    q = back[t * S + q];
  }
}
double logistic_sgd(double *w, const double *x, const int *y, int n, int d, double lr, double l2) {
  double loss = 0;
  for (int i = 0; i < n; i++) {
    const double *r = x + i * d;
    double z = w[d];
    for (int j = 0; j < d; j++) z += w[j] * r[j];
    double p = 1.0 / (1.0 + exp(-z)), g = p - y[i];
    loss -= y[i] ? log(p + 1e-12) : log(1 - p + 1e-12);
    for (int j = 0; j < d; j++) w[j] -= lr * (g * r[j] + l2 * w[j]);
    w[d] -= lr * g;
  }
  return loss;
}
void covariance2(const double *x, double *mean, double *cov, int n, int d) {
  for (int j = 0; j < d; j++) {
    mean[j] = 0.0;
    for (int i = 0; i < n; i++) mean[j] += x[i * d + j];
    mean[j] /= n;
  }
  for (int a = 0; a < d; a++)
    for (int b = a; b < d; b++) {
      double s = 0;
      for (int i = 0; i < n; i++) s += (x[i * d + a] - mean[a]) * (x[i * d + b] - mean[b]);
      cov[a * d + b] = cov[b * d + a] = s / (n - 1.0);
    }
}
double power_iter(const double *A, double *v, double *w, int n, int iters) {
  double lam = 0;
  for (int t = 0; t < iters; t++) {
    for (int i = 0; i < n; i++) {
      w[i] = 0;
      for (int j = 0; j < n; j++) w[i] += A[i * n + j] * v[j];
    }
    double nr = 0;
    for (int i = 0; i < n; i++) nr += w[i] * w[i];
    nr = sqrt(nr);
    for (int i = 0; i < n; i++) v[i] = w[i] / nr;
    lam = nr;
  }
  return lam;
}
void confusion(const int *t, const int *p, int n, int k, int *m) {
  for (int i = 0; i < k * k; i++) m[i] = 0;
  for (int i = 0; i < n; i++) if (t[i] >= 0 && t[i] < k && p[i] >= 0 && p[i] < k) m[t[i] * k + p[i]]++;
}
void gini_split(const float *x, const int *y, int n, float thr, int *lc, int *rc) {
  int l0 = 0, l1 = 0, r0 = 0, r1 = 0;
  for (int i = 0; i < n; i++) {
    if (x[i] <= thr) { if (y[i]) l1++; else l0++; }
    else { if (y[i]) r1++; else r0++; }
  }
  lc[0] = l0, lc[1] = l1, rc[0] = r0, rc[1] = r1;
}
void rbf_kernel(const float *x, const float *z, float *K, int n, int m, int d, float gamma) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < m; j++) {
      float s = 0;
      for (int k = 0; k < d; k++) { const float t = x[i * d + k] - z[j * d + k]; s += t * t; }
      K[i * m + j] = expf(-gamma * s);
    }
}
float hinge_loss_grad(const float *w, const float *x, const int8_t *y, float *g, int n, int d, float C) {
  float loss = 0;
  for (int j = 0; j < d; j++) { g[j] = w[j]; loss += 0.5f * w[j] * w[j]; }
  for (int i = 0; i < n; i++) {
    float m = 0;
    for (int j = 0; j < d; j++) m += w[j] * x[i * d + j];
    m *= y[i];
    if (m < 1) {
      loss += C * (1 - m);
      for (int j = 0; j < d; j++) g[j] -= C * y[i] * x[i * d + j];
    }
  }
  return loss;
}
void standardize_columns(float *x, int n, int d) {
  for (int j = 0; j < d; j++) {
    double s = 0, q = 0;
    for (int i = 0; i < n; i++) { s += x[i * d + j]; q += (double)x[i * d + j] * x[i * d + j]; }
    double mu = s / n, sd = sqrt(q / n - mu * mu);
    if (sd < 1e-8) sd = 1;
    for (int i = 0; i < n; i++) x[i * d + j] = (float)((x[i * d + j] - mu) / sd);
  }
}
void gmm_resp(const double *x, const double *mu, const double *prec, const double *logw, double *resp, double *ll, int n, int k, int d) {
  for (int i = 0; i < n; i++) {
    double mx = -DBL_MAX;
    for (int c = 0; c < k; c++) {
      double q = 0;
      for (int j = 0; j < d; j++) { double t = x[i * d + j] - mu[c * d + j]; q += prec[c * d + j] * t * t; }
      resp[i * k + c] = logw[c] - 0.5 * q;
      mx = resp[i * k + c] > mx ? resp[i * k + c] : mx;
    }
    double z = 0;
    for (int c = 0; c < k; c++) z += exp(resp[i * k + c] - mx);
    double lz = mx + log(z);
    for (int c = 0; c < k; c++) resp[i * k + c] = exp(resp[i * k + c] - lz);
    ll[i] = lz;
  }
}
void pagerank_step(const int *rowptr, const int *col, const float *inv_deg, const float *pr, float *out, int n, float d) {
  float dangling = 0;
  for (int i = 0; i < n; i++) if (inv_deg[i] == 0) dangling += pr[i];
  const float base = (1 - d) / n + d * dangling / n;
  for (int i = 0; i < n; i++) {
    float s = 0;
    for (int e = rowptr[i]; e < rowptr[i + 1]; e++) s += pr[col[e]] * inv_deg[col[e]];
    out[i] = base + d * s;
  }
}
void floyd_warshall2(int *dist, int n) {
  for (int k = 0; k < n; k++)
    for (int i = 0; i < n; i++) {
      if (dist[i * n + k] == INT_MAX) continue;
      for (int j = 0; j < n; j++)
        if (dist[k * n + j] != INT_MAX && dist[i * n + k] + dist[k * n + j] < dist[i * n + j]) dist[i * n + j] = dist[i * n + k] + dist[k * n + j];
    }
}
int levenshtein(const uint8_t *a, int n, const uint8_t *b, int m, int *row) {
  for (int j = 0; j <= m; j++) row[j] = j;
  for (int i = 1; i <= n; i++) {
    int prev = row[0];
    row[0] = i;
    for (int j = 1; j <= m; j++) {
      int cur = row[j], cost = a[i - 1] == b[j - 1] ? 0 : 1;
      int v = prev + cost;
      if (row[j - 1] + 1 < v) v = row[j - 1] + 1;
      if (cur + 1 < v) v = cur + 1;
      row[j] = v;
      prev = cur;
    }
  }
  return row[m];
}
double black_scholes_call(double s, double k, double r, double v, double t) {
  double d1 = (log(s / k) + (r + 0.5 * v * v) * t) / (v * sqrt(t)), d2 = d1 - v * sqrt(t);
  return s * 0.5 * erfc(-d1 * M_SQRT1_2) - k * exp(-r * t) * 0.5 * erfc(-d2 * M_SQRT1_2);
}
void bs_batch(const double *s, const double *k, const double *t, double r, double v, double *call, double *put, int n) {
  for (int i = 0; i < n; i++) {
    call[i] = black_scholes_call(s[i], k[i], r, v, t[i]);
    put[i] = call[i] - s[i] + k[i] * exp(-r * t[i]);
  }
}
void binomial_option(double *v, int n, double s, double k, double u, double p, double df, bool american) {
  double d = 1 / u;
  for (int i = 0; i <= n; i++) {
    double st = s * pow(u, n - i) * pow(d, i);
    v[i] = st > k ? 0 : k - st;
  }
  for (int j = n - 1; j >= 0; j--)
    for (int i = 0; i <= j; i++) {
      v[i] = df * (p * v[i] + (1 - p) * v[i + 1]);
      if (american) {
        double ex = k - s * pow(u, j - i) * pow(d, i);
        if (ex > v[i]) v[i] = ex;
      }
    }
}
double max_drawdown(const double *eq, int n) {
  double peak = eq[0], dd = 0;
  for (int i = 1; i < n; i++) {
    if (eq[i] > peak) peak = eq[i];
    double x = (peak - eq[i]) / peak;
    if (x > dd) dd = x;
  }
  return dd;
}
void ema_ohlc(const float *close, float *ema, float *macd, int n, int fast, int slow) {
  float kf = 2.0f / (fast + 1), ks = 2.0f / (slow + 1), ef = close[0], es = close[0];
  for (int i = 0; i < n; i++) {
    ef += kf * (close[i] - ef);
    es += ks * (close[i] - es);
    ema[i] = ef;
    macd[i] = ef - es;
  }
}
void monte_carlo_paths(const float *z, float *path, int npaths, int steps, float s0, float drift, float vol) {
  for (int p = 0; p < npaths; p++) {
    float s = s0;
    for (int t = 0; t < steps; t++) {
      s *= expf(drift + vol * z[p * steps + t]);
      path[p * steps + t] = s;
    }
  }
}
