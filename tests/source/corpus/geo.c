/* Geometry and pixels: meshes, transforms, colour spaces, compositing, thresholds, sensors. */
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct { float m[16]; } Mat4;
typedef struct { float x, y, z; } V3;

void transform_points(const float *m, const V3 *in, V3 *out, int n) {
  for (int i = 0; i < n; i++) {
    V3 p = in[i];
    float w = m[12] * p.x + m[13] * p.y + m[14] * p.z + m[15];
    out[i].x = (m[0] * p.x + m[1] * p.y + m[2] * p.z + m[3]) / w;
    out[i].y = (m[4] * p.x + m[5] * p.y + m[6] * p.z + m[7]) / w;
    out[i].z = (m[8] * p.x + m[9] * p.y + m[10] * p.z + m[11]) / w;
  }
}

static V3 sub(V3 a, V3 b) { return (V3){a.x - b.x, a.y - b.y, a.z - b.z}; }
static V3 cross(V3 a, V3 b) { return (V3){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }

void face_normals(const V3 *v, const int *tri, V3 *n, int faces) {
  for (int f = 0; f < faces; f++) {
    V3 a = v[tri[3 * f]], b = v[tri[3 * f + 1]], c = v[tri[3 * f + 2]];
    V3 k = cross(sub(b, a), sub(c, a));
    float len = sqrtf(k.x * k.x + k.y * k.y + k.z * k.z);
    n[f].x = k.x / len;
    n[f].y = k.y / len;
    n[f].z = k.z / len;
  }
}

void bounds(const V3 *v, int n, V3 *lo, V3 *hi) {
  V3 a = v[0], b = v[0];
  for (int i = 1; i < n; i++) {
    if (v[i].x < a.x) a.x = v[i].x;
    if (v[i].y < a.y) a.y = v[i].y;
    if (v[i].z < a.z) a.z = v[i].z;
    if (v[i].x > b.x) b.x = v[i].x;
    if (v[i].y > b.y) b.y = v[i].y;
    if (v[i].z > b.z) b.z = v[i].z;
  }
  *lo = a;
  *hi = b;
}

double polygon_area(const double *x, const double *y, int n) {
  double a = 0;
  for (int i = 0, j = n - 1; i < n; j = i++) a += (x[j] + x[i]) * (y[j] - y[i]);
  return fabs(a) / 2;
}

int nearest(const float *pts, int n, int dim, const float *q) {
  int best = 0;
  float bd = INFINITY;
  for (int i = 0; i < n; i++) {
    float d = 0;
    for (int k = 0; k < dim; k++) {
      float t = pts[i * dim + k] - q[k];
      d += t * t;
    }
    if (d < bd) {
      bd = d;
      best = i;
    }
  }
  return best;
}

void ray_spheres(const float *o, const float *d, const float *c, const float *r, float *t, int n) {
  for (int i = 0; i < n; i++) {
    float lx = c[3 * i] - o[0], ly = c[3 * i + 1] - o[1], lz = c[3 * i + 2] - o[2];
    float b = lx * d[0] + ly * d[1] + lz * d[2];
    float disc = b * b - (lx * lx + ly * ly + lz * lz) + r[i] * r[i];
    if (disc < 0)
      t[i] = -1.0f;
    else
      t[i] = b - sqrtf(disc);
  }
}

void rgba_to_bgr(const uint8_t *src, uint8_t *dst, int w, int h, int stride) {
  for (int y = 0; y < h; y++) {
    const uint8_t *s = src + y * stride;
    uint8_t *d = dst + y * w * 3;
    for (int x = 0; x < w; x++, s += 4, d += 3) {
      d[0] = s[2];
      d[1] = s[1];
      d[2] = s[0];
    }
  }
}

void premultiply(uint8_t *px, int n) {
  for (int i = 0; i < n; i++) {
    int a = px[4 * i + 3];
    for (int c = 0; c < 3; c++) px[4 * i + c] = (uint8_t)((px[4 * i + c] * a + 127) / 255);
  }
}

void over(const uint8_t *src, uint8_t *dst, int n) {
  for (int i = 0; i < n; i++) {
    int a = src[4 * i + 3], ia = 255 - a;
    for (int c = 0; c < 4; c++) {
      int v = src[4 * i + c] * a + dst[4 * i + c] * ia;
      dst[4 * i + c] = (uint8_t)((v + 1 + (v >> 8)) >> 8);
    }
  }
}

void rgb_to_hsv(const float *rgb, float *hsv, int n) {
  for (int i = 0; i < n; i++) {
    float r = rgb[3 * i], g = rgb[3 * i + 1], b = rgb[3 * i + 2];
    float mx = r, mn = r, h;
    if (g > mx) mx = g;
    if (b > mx) mx = b;
    if (g < mn) mn = g;
    if (b < mn) mn = b;
    float d = mx - mn;
    if (d == 0)
      h = 0;
    else if (mx == r)
      h = (g - b) / d + (g < b ? 6 : 0);
    else if (mx == g)
      h = (b - r) / d + 2;
    else
      h = (r - g) / d + 4;
    hsv[3 * i] = h / 6;
    hsv[3 * i + 1] = mx == 0 ? 0 : d / mx;
    hsv[3 * i + 2] = mx;
  }
}

void hdr_to_ldr(const float *in, uint8_t *out, int n, float gamma, float scale) {
  for (int i = 0; i < n; i++) {
    float z = powf(in[i] * scale, gamma) * 255 + 0.5f;
    if (z < 0) z = 0;
    if (z > 255) z = 255;
    out[i] = (uint8_t)(int)z;
  }
}

void ycck(uint8_t *out, const uint8_t *y, const uint8_t *pcb, const uint8_t *pcr, int count, int step) {
  for (int i = 0; i < count; ++i) {
    int y_fixed = (y[i] << 20) + (1 << 19);
    int cr = pcr[i] - 128, cb = pcb[i] - 128;
    int r = y_fixed + cr * 1470208;
    int g = y_fixed + cr * -748800 + ((cb * -360960) & 0xffff0000);
    int b = y_fixed + cb * 1858048;
    r >>= 20;
    g >>= 20;
    b >>= 20;
    if ((unsigned)r > 255) r = r < 0 ? 0 : 255;
    if ((unsigned)g > 255) g = g < 0 ? 0 : 255;
    if ((unsigned)b > 255) b = b < 0 ? 0 : 255;
    out[0] = (uint8_t)r;
    out[1] = (uint8_t)g;
    out[2] = (uint8_t)b;
    out[3] = 255;
    out += step;
  }
}

void demosaic(const uint16_t *raw, uint16_t *rgb, int w, int h) {
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      int c = raw[y * w + x];
      int cross4 = (raw[y * w + x - 1] + raw[y * w + x + 1] + raw[(y - 1) * w + x] + raw[(y + 1) * w + x]) / 4;
      uint16_t *o = rgb + 3 * (y * w + x);
      if ((y & 1) == (x & 1)) {
        int d = (raw[(y - 1) * w + x - 1] + raw[(y - 1) * w + x + 1] + raw[(y + 1) * w + x - 1] + raw[(y + 1) * w + x + 1]) / 4;
        o[0] = (y & 1) ? d : c;
        o[1] = cross4;
        o[2] = (y & 1) ? c : d;
      } else {
        o[0] = (raw[y * w + x - 1] + raw[y * w + x + 1]) / 2;
        o[1] = c;
        o[2] = (raw[(y - 1) * w + x] + raw[(y + 1) * w + x]) / 2;
      }
    }
}

void bilateral(const float *in, float *out, int w, int h, int r, float is, float ir) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float sum = 0, ws = 0;
      for (int dy = -r; dy <= r; dy++)
        for (int dx = -r; dx <= r; dx++) {
          int yy = y + dy, xx = x + dx;
          if (yy < 0 || yy >= h || xx < 0 || xx >= w) continue;
          float v = in[yy * w + xx], d = v - in[y * w + x];
          float k = expf(-(dx * dx + dy * dy) * is - d * d * ir);
          sum += k * v;
          ws += k;
        }
      out[y * w + x] = sum / ws;
    }
}

void erode_binary(const uint8_t *in, uint8_t *out, int w, int h) {
  memset(out, 0, w * h);
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      int all = 1;
      for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++)
          if (!in[(y + j) * w + x + i]) all = 0;
      out[y * w + x] = all ? 255 : 0;
    }
}

int collect_points(const uint8_t *img, int w, int h, int t, int *xs, int *ys) {
  int k = 0;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      if (img[y * w + x] > t) {
        xs[k] = x;
        ys[k] = y;
        k++;
      }
  return k;
}

void rotate90(const uint32_t *in, uint32_t *out, int w, int h) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) out[x * h + (h - 1 - y)] = in[y * w + x];
}

void remap_nearest(const float *in, const int *map, float *out, int n) {
  for (int i = 0; i < n; i++) out[i] = in[map[i]];
}
