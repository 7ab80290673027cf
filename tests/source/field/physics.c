#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>
#define IDX(i, j) ((i) * (nx + 2) + (j))
#define SWAP(a, b) do { double *tmp_ = a; a = b; b = tmp_; } while (0)
typedef double real;
typedef struct { real x, y, z; } vec3_t;
typedef struct { vec3_t pos, vel; real mass; } body_t;
typedef struct { int nx, ny; real dx, dt, c; real *u, *u_old, *u_new; } wave_t;
typedef struct { float *x, *y, *vx, *vy, *q; int n; } particles_t;

void wave_step(wave_t *w) {
  const real k = w->c * w->dt / w->dx, k2 = k * k;
  for (int j = 1; j < w->ny - 1; j++)
    for (int i = 1; i < w->nx - 1; i++) {
      const int c = j * w->nx + i;
      w->u_new[c] = 2 * w->u[c] - w->u_old[c] + k2 * (w->u[c - 1] + w->u[c + 1] + w->u[c - w->nx] + w->u[c + w->nx] - 4 * w->u[c]);
    }
}
void fdtd2d_te(float *ex, float *ey, float *hz, const float *ce, float ch, int nx, int ny) {
  for (int i = 0; i < nx; i++)
    for (int j = 1; j < ny; j++) ex[i * ny + j] -= ce[i * ny + j] * (hz[i * ny + j] - hz[i * ny + j - 1]);
  for (int i = 1; i < nx; i++)
    for (int j = 0; j < ny; j++) ey[i * ny + j] += ce[i * ny + j] * (hz[i * ny + j] - hz[(i - 1) * ny + j]);
  for (int i = 0; i < nx - 1; i++)
    for (int j = 0; j < ny - 1; j++)
      hz[i * ny + j] += ch * (ex[i * ny + j + 1] - ex[i * ny + j] - ey[(i + 1) * ny + j] + ey[i * ny + j]);
}
void lbm_d2q9_stream_collide(const double *f, double *g, int nx, int ny, double omega) {
  static const int cx[9] = {0, 1, 0, -1, 0, 1, -1, -1, 1}, cy[9] = {0, 0, 1, 0, -1, 1, 1, -1, -1};
  static const double wt[9] = {4. / 9, 1. / 9, 1. / 9, 1. / 9, 1. / 9, 1. / 36, 1. / 36, 1. / 36, 1. / 36};
  for (int y = 0; y < ny; y++)
    for (int x = 0; x < nx; x++) {
      double fi[9], rho = 0, ux = 0, uy = 0;
      for (int k = 0; k < 9; k++) {
        int xs = (x - cx[k] + nx) % nx, ys = (y - cy[k] + ny) % ny;
        fi[k] = f[(k * ny + ys) * nx + xs];
        rho += fi[k];
        ux += cx[k] * fi[k];
        uy += cy[k] * fi[k];
      }
      ux /= rho, uy /= rho;
      const double usq = 1.5 * (ux * ux + uy * uy);
      for (int k = 0; k < 9; k++) {
        const double cu = 3 * (cx[k] * ux + cy[k] * uy);
        const double feq = wt[k] * rho * (1 + cu + 0.5 * cu * cu - usq);
        g[(k * ny + y) * nx + x] = fi[k] - omega * (fi[k] - feq);
      }
    }
}
void nbody_acc(const body_t *b, vec3_t *acc, int n, real eps2) {
  for (int i = 0; i < n; i++) {
    vec3_t a = {0, 0, 0};
    for (int j = 0; j < n; j++) {
      if (i == j) continue;
      const real dx = b[j].pos.x - b[i].pos.x, dy = b[j].pos.y - b[i].pos.y, dz = b[j].pos.z - b[i].pos.z;
      const real r2 = dx * dx + dy * dy + dz * dz + eps2;
      const real inv = 1.0 / sqrt(r2), f = b[j].mass * inv * inv * inv;
      a.x += f * dx, a.y += f * dy, a.z += f * dz;
    }
    acc[i] = a;
  }
}
void nbody_pairs(float *fx, float *fy, const float *x, const float *y, int n, float rc2) {
  for (int i = 0; i < n - 1; i++)
    for (int j = i + 1; j < n; j++) {
      float dx = x[i] - x[j], dy = y[i] - y[j], r2 = dx * dx + dy * dy;
      if (r2 < rc2 && r2 > 0) {
        float ir2 = 1.0f / r2, ir6 = ir2 * ir2 * ir2, f = ir2 * ir6 * (ir6 - 0.5f);
        fx[i] += f * dx, fy[i] += f * dy;
        fx[j] -= f * dx, fy[j] -= f * dy;
      }
    }
}
void leapfrog(body_t *b, const vec3_t *acc, int n, real dt) {
  for (body_t *p = b; p < b + n; p++) {
    const vec3_t *a = acc + (p - b);
    p->vel.x += a->x * dt;
    p->vel.y += a->y * dt;
    p->vel.z += a->z * dt;
    p->pos.x += p->vel.x * dt;
    p->pos.y += p->vel.y * dt;
    p->pos.z += p->vel.z * dt;
  }
}
void sph_density(const float *px, const float *py, float *rho, int n, float h) {
  const float h2 = h * h, poly6 = 4.0f / (3.14159265f * powf(h, 8));
  for (int i = 0; i < n; i++) {
    float d = 0;
    for (int j = 0; j < n; j++) {
      float dx = px[i] - px[j], dy = py[i] - py[j];
      float r2 = dx * dx + dy * dy;
      if (r2 < h2) { float q = h2 - r2; d += q * q * q; }
    }
    rho[i] = d * poly6;
  }
}
double gauss_seidel_sweep(double *u, const double *f, int n, double h2) {
  double diff = 0;
  for (int i = 1; i < n - 1; i++)
    for (int j = 1; j < n - 1; j++) {
      double nv = 0.25 * (u[(i - 1) * n + j] + u[(i + 1) * n + j] + u[i * n + j - 1] + u[i * n + j + 1] - h2 * f[i * n + j]);
      double d = fabs(nv - u[i * n + j]);
      if (d > diff) diff = d;
      u[i * n + j] = nv;
    }
  return diff;
}
void red_black(double *u, const double *f, int n, int iters, double h2, double w) {
  for (int it = 0; it < iters; it++)
    for (int color = 0; color < 2; color++)
      for (int i = 1; i < n - 1; i++)
        for (int j = 1 + ((i + color) & 1); j < n - 1; j += 2) {
          double r = u[(i - 1) * n + j] + u[(i + 1) * n + j] + u[i * n + j - 1] + u[i * n + j + 1] - 4.0 * u[i * n + j] - h2 * f[i * n + j];
          u[i * n + j] += w * 0.25 * r;
        }
}
void restrict_fw(const double *fine, double *coarse, int nc) {
  int nf = 2 * nc - 1;
  for (int i = 1; i < nc - 1; i++)
    for (int j = 1; j < nc - 1; j++) {
      const double *p = fine + 2 * i * nf + 2 * j;
      coarse[i * nc + j] = 0.25 * p[0] + 0.125 * (p[1] + p[-1] + p[nf] + p[-nf]) + 0.0625 * (p[nf + 1] + p[nf - 1] + p[-nf + 1] + p[-nf - 1]);
    }
}
void prolong_add(const double *coarse, double *fine, int nc) {
  int nf = 2 * nc - 1;
  for (int i = 0; i < nc - 1; i++)
    for (int j = 0; j < nc - 1; j++) {
      double a = coarse[i * nc + j], b = coarse[i * nc + j + 1], c = coarse[(i + 1) * nc + j], d = coarse[(i + 1) * nc + j + 1];
      fine[2 * i * nf + 2 * j] += a;
      fine[2 * i * nf + 2 * j + 1] += 0.5 * (a + b);
      fine[(2 * i + 1) * nf + 2 * j] += 0.5 * (a + c);
      fine[(2 * i + 1) * nf + 2 * j + 1] += 0.25 * (a + b + c + d);
    }
}
int cg_solve(const double *A, const double *b, double *x, double *r, double *p, double *Ap, int n, int maxit, double tol) {
  double rs = 0;
  for (int i = 0; i < n; i++) { r[i] = b[i]; p[i] = b[i]; x[i] = 0; rs += b[i] * b[i]; }
  int it;
  for (it = 0; it < maxit; it++) {
    double pAp = 0;
    for (int i = 0; i < n; i++) {
      double s = 0;
      for (int j = 0; j < n; j++) s += A[i * n + j] * p[j];
      Ap[i] = s;
      pAp += p[i] * s;
    }
    double al = rs / pAp, rn = 0;
    for (int i = 0; i < n; i++) { x[i] += al * p[i]; r[i] -= al * Ap[i]; rn += r[i] * r[i]; }
    if (sqrt(rn) < tol) break;
    double be = rn / rs;
    for (int i = 0; i < n; i++) p[i] = r[i] + be * p[i];
    rs = rn;
  }
  return it;
}
void tridiag_many(const double *a, const double *b, const double *c, double *d, double *cp, int n, int m) {
  for (int k = 0; k < m; k++) {
    double *x = d + (size_t)k * n;
    cp[0] = c[0] / b[0];
    x[0] /= b[0];
    for (int i = 1; i < n; i++) {
      double den = b[i] - a[i] * cp[i - 1];
      cp[i] = c[i] / den;
      x[i] = (x[i] - a[i] * x[i - 1]) / den;
    }
    for (int i = n - 1; i-- > 0;) x[i] -= cp[i] * x[i + 1];
  }
}
void particle_push(particles_t *p, const float *ex, const float *ey, int nx, int ny, float dt) {
  for (int i = 0; i < p->n; i++) {
    int ix = (int)p->x[i], iy = (int)p->y[i];
    if (ix < 0) ix = 0;
    if (iy < 0) iy = 0;
    if (ix > nx - 2) ix = nx - 2;
    if (iy > ny - 2) iy = ny - 2;
    float fx = p->x[i] - ix, fy = p->y[i] - iy;
    int c = iy * nx + ix;
    float e1 = (1 - fx) * (1 - fy) * ex[c] + fx * (1 - fy) * ex[c + 1] + (1 - fx) * fy * ex[c + nx] + fx * fy * ex[c + nx + 1];
    float e2 = (1 - fx) * (1 - fy) * ey[c] + fx * (1 - fy) * ey[c + 1] + (1 - fx) * fy * ey[c + nx] + fx * fy * ey[c + nx + 1];
    p->vx[i] += p->q[i] * e1 * dt;
    p->vy[i] += p->q[i] * e2 * dt;
    p->x[i] += p->vx[i] * dt;
    p->y[i] += p->vy[i] * dt;
  }
}
void charge_deposit(const float *x, const float *w, float *rho, int np, int ng) {
  for (int i = 0; i < ng; i++) rho[i] = 0;
  for (int p = 0; p < np; p++) {
    int c = (int)x[p];
    if (c < 0 || c >= ng - 1) continue;
    float f = x[p] - c;
    rho[c] += w[p] * (1 - f);
    rho[c + 1] += w[p] * f;
  }
}
void advect_semilag(const float *d0, float *d, const float *u, const float *v, int N, float dt0) {
  for (int i = 1; i <= N; i++)
    for (int j = 1; j <= N; j++) {
      float x = i - dt0 * u[i * (N + 2) + j], y = j - dt0 * v[i * (N + 2) + j];
      if (x < 0.5f) x = 0.5f;
      if (x > N + 0.5f) x = N + 0.5f;
      if (y < 0.5f) y = 0.5f;
      if (y > N + 0.5f) y = N + 0.5f;
      int i0 = (int)x, i1 = i0 + 1, j0 = (int)y, j1 = j0 + 1;
      float s1 = x - i0, s0 = 1 - s1, t1 = y - j0, t0 = 1 - t1;
      d[i * (N + 2) + j] = s0 * (t0 * d0[i0 * (N + 2) + j0] + t1 * d0[i0 * (N + 2) + j1]) + s1 * (t0 * d0[i1 * (N + 2) + j0] + t1 * d0[i1 * (N + 2) + j1]);
    }
}
void set_bnd(int N, int b, float *x) {
  for (int i = 1; i <= N; i++) {
    x[i] = b == 1 ? -x[(N + 2) + i] : x[(N + 2) + i];
    x[(N + 1) * (N + 2) + i] = b == 1 ? -x[N * (N + 2) + i] : x[N * (N + 2) + i];
    x[i * (N + 2)] = b == 2 ? -x[i * (N + 2) + 1] : x[i * (N + 2) + 1];
    x[i * (N + 2) + N + 1] = b == 2 ? -x[i * (N + 2) + N] : x[i * (N + 2) + N];
  }
  x[0] = 0.5f * (x[N + 2] + x[1]);
}
void burgers_godunov(const double *u, double *un, int n, double dtdx) {
  double fl = 0;
  for (int i = 0; i < n - 1; i++) {
    double ul = u[i], ur = u[i + 1], f;
    if (ul <= ur) f = (ul > 0) ? 0.5 * ul * ul : (ur < 0) ? 0.5 * ur * ur : 0.0;
    else f = (ul + ur > 0) ? 0.5 * ul * ul : 0.5 * ur * ur;
    if (i > 0) un[i] = u[i] - dtdx * (f - fl);
    fl = f;
  }
}
void rk4_lorenz(double *s, int n, double h) {
  for (int i = 0; i < n; i++) {
    double *y = s + 3 * i, k[4][3], t[3] = {y[0], y[1], y[2]};
    for (int st = 0; st < 4; st++) {
      k[st][0] = 10.0 * (t[1] - t[0]);
      k[st][1] = t[0] * (28.0 - t[2]) - t[1];
      k[st][2] = t[0] * t[1] - 8.0 / 3.0 * t[2];
      double f = st < 2 ? 0.5 * h : h;
      if (st < 3) for (int d = 0; d < 3; d++) t[d] = y[d] + f * k[st][d];
    }
    for (int d = 0; d < 3; d++) y[d] += h / 6 * (k[0][d] + 2 * k[1][d] + 2 * k[2][d] + k[3][d]);
  }
}
void game_of_life(const uint8_t *in, uint8_t *out, int w, int h) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      int n = 0;
      for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++)
          if (dx || dy) n += in[((y + dy + h) % h) * w + (x + dx + w) % w];
      out[y * w + x] = n == 3 || (n == 2 && in[y * w + x]);
    }
}
void spring_chain(double *pos, double *vel, int n, int steps, double k, double dt) {
  for (int s = 0; s < steps; s++) {
    for (int i = 0; i < n; i++) {
      double f = 0;
      if (i > 0) f += k * (pos[i - 1] - pos[i]);
      if (i < n - 1) f += k * (pos[i + 1] - pos[i]);
      vel[i] += dt * f;
    }
    for (int i = 0; i < n; i++) pos[i] += dt * vel[i];
  }
}
void stencil3d_27(const float *in, float *out, int nz, int ny, int nx, const float w[4]) {
  for (int z = 1; z < nz - 1; z++)
    for (int y = 1; y < ny - 1; y++)
      for (int x = 1; x < nx - 1; x++) {
        float s = 0;
        for (int dz = -1; dz <= 1; dz++)
          for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++) s += w[abs(dx) + abs(dy) + abs(dz)] * in[((z + dz) * ny + y + dy) * nx + x + dx];
        out[(z * ny + y) * nx + x] = s;
      }
}
void maxwell_pml(float *e, const float *h, float *psi, const float *b, const float *c, int n) {
  for (int i = 1; i < n; i++) {
    float dh = h[i] - h[i - 1];
    psi[i] = b[i] * psi[i] + c[i] * dh;
    e[i] += 0.5f * (dh + psi[i]);
  }
}
