/* Calls matmul_cuda and softmax_cuda as a program would, through the driver API. Prints what is wrong. */
#include "hone_rt.h"
#include "matmul.h"
#include "softmax.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t dev;
int cuInit(unsigned flags);
int cuMemAlloc_v2(dev *at, size_t bytes);
int cuMemFree_v2(dev at);
int cuMemcpyHtoD_v2(dev to, const void *from, size_t bytes);
int cuMemcpyDtoH_v2(void *to, dev from, size_t bytes);
int fake_cuda_live(void);
int cuGetProcAddress_v2(const char *name, void **fn, int version, uint64_t flags, int *status);

static int find(const char *name, void *field) {
  void *fn = NULL;
  int status, rc = cuGetProcAddress_v2(name, &fn, 12000, 0, &status);
  memcpy(field, &fn, sizeof fn);
  return rc || !fn;
}

static dev to_device(const float *x, size_t n) {
  dev at = 0;
  if (cuMemAlloc_v2(&at, n * sizeof *x) || cuMemcpyHtoD_v2(at, x, n * sizeof *x)) exit(2);
  return at;
}

static float *numbers(size_t n) {
  float *x = malloc((n + 1) * sizeof *x);
  for (size_t i = 0; x && i < n; i++) x[i] = (float)((i * 2654435761u >> 7) % 2000) / 1000 - 1;
  return x;
}

static int result(const char *what, int rc) {
  if (rc) printf("%s: %d: %s\n", what, rc, hone_rt_error(rc));
  return rc != 0;
}

static int check_matmul(int M, int N, int K) {
  size_t na = (size_t)M * K, nb = (size_t)K * N, nc = (size_t)M * N;
  float *a = numbers(na), *b = numbers(nb), *c = calloc(nc + 1, sizeof *c);
  dev da = to_device(a, na), db = to_device(b, nb), dc = to_device(c, nc);
  int bad = result("matmul", matmul_cuda(NULL, M, N, K, (const void *)da, (const void *)db, (void *)dc));
  cuMemcpyDtoH_v2(c, dc, nc * sizeof *c);
  for (int i = 0; i < M && !bad; i++)
    for (int j = 0; j < N && !bad; j++) {
      double s = 0;
      for (int k = 0; k < K; k++) s += (double)a[i * K + k] * b[k * N + j];
      if (fabs(c[i * N + j] - s) > 1e-4)
        bad = printf("matmul %d %d %d: C[%d][%d] is %g, not %g\n", M, N, K, i, j, c[i * N + j], s);
    }
  cuMemFree_v2(da), cuMemFree_v2(db), cuMemFree_v2(dc);
  free(a), free(b), free(c);
  return bad;
}

/* The very first call of an entry, captured in the mode that forbids most: nothing runs until the graph does, and then
 * each time. */
static int check_capture(int R, int C) {
  size_t n = (size_t)R * C;
  float *x = numbers(n), *y = calloc(n + 1, sizeof *y);
  dev dx = to_device(x, n), dy = to_device(y, n);
  void *stream = NULL, *graph = NULL, *exec = NULL;
  int bad = 0, (*begin)(void *, int), (*end)(void *, void **), (*make)(void **, void *, unsigned long long),
      (*run)(void *, void *);
  if (find("cuStreamBeginCapture", &begin) || find("cuStreamEndCapture", &end) ||
      find("cuGraphInstantiateWithFlags", &make) || find("cuGraphLaunch", &run))
    return printf("no graphs\n");
  bad = begin(stream, 0) || result("captured softmax", softmax_cuda(stream, R, C, (const void *)dx, (void *)dy)) ||
        end(stream, &graph) || make(&exec, graph, 0);
  cuMemcpyDtoH_v2(y, dy, n * sizeof *y);
  for (size_t i = 0; i < n && !bad; i++)
    if (y[i] != 0) bad = printf("captured softmax: it ran\n");
  if (!bad) bad = run(exec, stream);
  cuMemcpyDtoH_v2(y, dy, n * sizeof *y);
  for (int i = 0; i < R && !bad; i++) {
    double sum = 0;
    for (int j = 0; j < C; j++) sum += y[i * C + j];
    if (fabs(sum - 1) > 1e-4) bad = printf("captured softmax: row %d adds up to %g\n", i, sum);
  }
  cuMemFree_v2(dx), cuMemFree_v2(dy);
  free(x), free(y);
  return bad;
}

static int check_softmax(int R, int C) {
  size_t n = (size_t)R * C;
  float *x = numbers(n), *y = calloc(n + 1, sizeof *y);
  dev dx = to_device(x, n), dy = to_device(y, n);
  int bad = result("softmax", softmax_cuda(NULL, R, C, (const void *)dx, (void *)dy));
  cuMemcpyDtoH_v2(y, dy, n * sizeof *y);
  for (int i = 0; i < R && !bad; i++) {
    double sum = 0;
    for (int j = 0; j < C; j++) sum += exp(x[i * C + j]);
    for (int j = 0; j < C && !bad; j++)
      if (fabs(y[i * C + j] - exp(x[i * C + j]) / sum) > 1e-5)
        bad = printf("softmax %d %d: [%d][%d] is %g\n", R, C, i, j, y[i * C + j]);
  }
  cuMemFree_v2(dx), cuMemFree_v2(dy);
  free(x), free(y);
  return bad;
}

static int check_refusals(void) {
  float *x = numbers(64);
  dev d = to_device(x, 64);
  int rc = matmul_cuda(NULL, 8, 8, 8, (const void *)d, (const void *)d, (void *)d), bad = 0;
  if (rc != HONE_CUDA_OVERLAP) bad = printf("overlapping arrays: %d\n", rc);
  rc = matmul_cuda(NULL, 2147483647, 2147483647, 2147483647, NULL, NULL, NULL);
  if (rc == 0) bad = printf("absurd dims: no error\n");
  rc = matmul_cuda(NULL, -3, 8, 8, (const void *)d, (const void *)d, NULL);
  if (rc != 0) bad = printf("negative dims: %d\n", rc);
  cuMemFree_v2(d);
  free(x);
  return bad;
}

int main(void) {
  if (cuInit(0)) return 2;
  int bad = check_capture(9, 100);
  bad += check_matmul(37, 53, 29) + check_matmul(64, 128, 32) + check_matmul(1, 1, 0) + check_matmul(0, 5, 5);
  bad += check_softmax(9, 100) + check_softmax(3, 1) + check_softmax(0, 4);
  bad += check_refusals();
  if (fake_cuda_live()) bad += printf("%d buffers are not given back\n", fake_cuda_live());
  puts(bad ? "wrong" : "right");
  return bad != 0;
}
