/* Physics, finance and statistics. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
  double x, y, z, vx, vy, vz, m;
} Body;

void nbody_step(Body *b, int n, double dt) {
  for (int i = 0; i < n; i++) {
    double ax = 0, ay = 0, az = 0;
    for (int j = 0; j < n; j++) {
      if (i == j) continue;
      double dx = b[j].x - b[i].x, dy = b[j].y - b[i].y, dz = b[j].z - b[i].z;
      double r2 = dx * dx + dy * dy + dz * dz + 1e-9;
      double f = b[j].m / (r2 * sqrt(r2));
      ax += f * dx;
      ay += f * dy;
      az += f * dz;
    }
    b[i].vx += dt * ax;
    b[i].vy += dt * ay;
    b[i].vz += dt * az;
  }
  for (int i = 0; i < n; i++) {
    b[i].x += dt * b[i].vx;
    b[i].y += dt * b[i].vy;
    b[i].z += dt * b[i].vz;
  }
}

void sph_density(const float *px, const float *py, const float *mass, float *rho, int n, float h) {
  float h2 = h * h, norm = 4.0f / (3.14159265f * h2 * h2 * h2 * h2);
  for (int i = 0; i < n; i++) {
    float s = 0;
    for (int j = 0; j < n; j++) {
      float dx = px[i] - px[j], dy = py[i] - py[j];
      float r2 = dx * dx + dy * dy;
      if (r2 < h2) {
        float q = h2 - r2;
        s += mass[j] * q * q * q;
      }
    }
    rho[i] = s * norm;
  }
}

#define NQ 9
static const int cx[NQ] = {0, 1, 0, -1, 0, 1, -1, -1, 1};
static const int cy[NQ] = {0, 0, 1, 0, -1, 1, 1, -1, -1};
static const double wt[NQ] = {4.0 / 9, 1.0 / 9, 1.0 / 9, 1.0 / 9, 1.0 / 9, 1.0 / 36, 1.0 / 36, 1.0 / 36, 1.0 / 36};

void lbm_collide(double *f, int cells, double omega) {
  for (int c = 0; c < cells; c++) {
    double rho = 0, ux = 0, uy = 0;
    for (int q = 0; q < NQ; q++) {
      double v = f[c * NQ + q];
      rho += v;
      ux += cx[q] * v;
      uy += cy[q] * v;
    }
    ux /= rho;
    uy /= rho;
    double usq = 1.5 * (ux * ux + uy * uy);
    for (int q = 0; q < NQ; q++) {
      double cu = 3.0 * (cx[q] * ux + cy[q] * uy);
      double feq = wt[q] * rho * (1.0 + cu + 0.5 * cu * cu - usq);
      f[c * NQ + q] += omega * (feq - f[c * NQ + q]);
    }
  }
}

void lbm_stream(const double *f, double *g, int nx, int ny) {
  for (int y = 0; y < ny; y++)
    for (int x = 0; x < nx; x++)
      for (int q = 0; q < NQ; q++) {
        int xs = (x - cx[q] + nx) % nx, ys = (y - cy[q] + ny) % ny;
        g[(y * nx + x) * NQ + q] = f[(ys * nx + xs) * NQ + q];
      }
}

void heat_explicit(double *u, double *tmp, int nx, int ny, int steps, double r) {
  while (steps-- > 0) {
    for (int i = 1; i < nx - 1; i++)
      for (int j = 1; j < ny - 1; j++)
        tmp[i * ny + j] = u[i * ny + j] + r * (u[(i + 1) * ny + j] + u[(i - 1) * ny + j] + u[i * ny + j + 1] + u[i * ny + j - 1] - 4 * u[i * ny + j]);
    for (int i = 1; i < nx - 1; i++)
      for (int j = 1; j < ny - 1; j++) u[i * ny + j] = tmp[i * ny + j];
  }
}

void spring_forces(const float *pos, const int *from, const int *to, const float *rest, float k, float *force, int springs) {
  for (int s = 0; s < springs; s++) {
    float d = pos[to[s]] - pos[from[s]];
    force[s] = k * (fabsf(d) - rest[s]) * (d > 0 ? 1.0f : -1.0f);
  }
}

double binomial_put(double S, double K, double r, double v, double T, int N, double *val) {
  double dt = T / N, u = exp(v * sqrt(dt)), d = 1 / u, p = (exp(r * dt) - d) / (u - d), disc = exp(-r * dt);
  for (int i = 0; i <= N; i++) {
    double s = S * pow(u, 2 * i - N);
    val[i] = s < K ? K - s : 0;
  }
  for (int t = N - 1; t >= 0; t--)
    for (int i = 0; i <= t; i++) {
      double cont = disc * (p * val[i + 1] + (1 - p) * val[i]);
      double s = S * pow(u, 2 * i - t);
      double ex = K - s;
      val[i] = cont > ex ? cont : ex;
    }
  return val[0];
}

static double cnd(double x) { return 0.5 * erfc(-x * 0.70710678118654752440); }
void black_scholes(const double *S, const double *X, const double *T, double r, double v, double *call, double *put, int n) {
  for (int i = 0; i < n; i++) {
    double st = sqrt(T[i]);
    double d1 = (log(S[i] / X[i]) + (r + 0.5 * v * v) * T[i]) / (v * st);
    double d2 = d1 - v * st;
    double e = exp(-r * T[i]);
    call[i] = S[i] * cnd(d1) - X[i] * e * cnd(d2);
    put[i] = X[i] * e * cnd(-d2) - S[i] * cnd(-d1);
  }
}

double asian_payoff(const double *z, int paths, int steps, double S0, double K, double drift, double vol) {
  double sum = 0;
  for (int p = 0; p < paths; p++) {
    double s = S0, avg = 0;
    for (int t = 0; t < steps; t++) {
      s *= exp(drift + vol * z[p * steps + t]);
      avg += s;
    }
    avg /= steps;
    sum += avg > K ? avg - K : 0;
  }
  return sum / paths;
}

void moving_average(const double *x, double *out, int n, int w) {
  for (int i = 0; i + w <= n; i++) {
    double s = 0;
    for (int j = 0; j < w; j++) s += x[i + j];
    out[i] = s / w;
  }
}

void welford(const float *x, int n, float *mean, float *var) {
  float m = 0, m2 = 0;
  for (int i = 0; i < n; i++) {
    float d = x[i] - m;
    m += d / (i + 1);
    m2 += d * (x[i] - m);
  }
  *mean = m;
  *var = m2 / (n - 1);
}

void pearson(const double *x, const double *y, int n, double *r) {
  double mx = 0, my = 0;
  for (int i = 0; i < n; i++) mx += x[i], my += y[i];
  mx /= n, my /= n;
  double sxy = 0, sxx = 0, syy = 0;
  for (int i = 0; i < n; i++) {
    double dx = x[i] - mx, dy = y[i] - my;
    sxy += dx * dy;
    sxx += dx * dx;
    syy += dy * dy;
  }
  *r = sxy / sqrt(sxx * syy);
}

void kde(const float *data, int n, const float *grid, int m, float bw, float *out) {
  for (int g = 0; g < m; g++) {
    float s = 0.f;
    for (int i = 0; i < n; i++) {
      float u = (grid[g] - data[i]) / bw;
      s += expf(-0.5f * u * u);
    }
    out[g] = s / (n * bw * 2.5066283f);
  }
}

void logistic_gradient(const float *X, const float *y, const float *w, float *g, int n, int d) {
  for (int j = 0; j < d; j++) g[j] = 0;
  for (int i = 0; i < n; i++) {
    float z = 0;
    for (int j = 0; j < d; j++) z += X[i * d + j] * w[j];
    float err = 1.0f / (1.0f + expf(-z)) - y[i];
    for (int j = 0; j < d; j++) g[j] += err * X[i * d + j];
  }
}

uint64_t splitmix(uint64_t *state, uint64_t *out, int n) {
  uint64_t s = *state;
  for (int i = 0; i < n; i++) {
    s += 0x9E3779B97F4A7C15ull;
    uint64_t z = s;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    out[i] = z ^ (z >> 31);
  }
  *state = s;
  return s;
}

uint32_t fnv1a(const uint8_t *p, int n) {
  uint32_t h = 2166136261u;
  for (int i = 0; i < n; i++) {
    h ^= p[i];
    h *= 16777619u;
  }
  return h;
}

void xor_keystream(const uint8_t *in, uint8_t *out, const uint32_t *key, int n) {
  for (int i = 0; i < n; i++) out[i] = in[i] ^ (uint8_t)(key[i / 4] >> (8 * (i % 4)));
}
