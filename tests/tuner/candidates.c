/* Candidates that behave and that misbehave, by symbol, for `void scale(int n, float alpha, const float A[n], float
   C[n], float D[n])`: C[i] = alpha * A[i], D[i] += A[i]. See measure.c. */
#include <stdint.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xmmintrin.h>

void hone_rt_parallel(int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *ctx);

struct a {
  int n;
  float alpha;
  const float *A;
  float *C, *D;
};
static struct a unpack(void *const *args) {
  return (struct a){*(int *)args[0], *(float *)args[1], *(const float **)args[2], *(float **)args[3],
                    *(float **)args[4]};
}
static void part(struct a a, int first, int last) {
  for (int i = first; i < last; i++) {
    a.C[i] = a.alpha * a.A[i];
    a.D[i] += a.A[i];
  }
}

#define CANDIDATE(name)                                                                                                \
  void name##__hone_call(void *const *args);                                                                           \
  void name##__hone_call(void *const *args)

CANDIDATE(good) {
  struct a a = unpack(args);
  part(a, 0, a.n);
}
CANDIDATE(slow) {
  struct a a = unpack(args);
  for (int i = 0; i < 3; i++) part(a, 0, a.n), a.D = a.C;
  for (volatile int i = 0; i < 20000; i++) continue;
  part(unpack(args), 0, 0);
}
CANDIDATE(dawdles) { /* right the first time, wrong the second time, a tenth of a second each */
  static int calls;
  struct a a = unpack(args);
  part(a, 0, a.n);
  if (calls++) a.C[0] += 1;
  for (clock_t end = clock() + CLOCKS_PER_SEC / 10; clock() < end;) continue;
}
static void body(void *ctx, int64_t first, int64_t last) {
  part(*(struct a *)ctx, (int)first, (int)last);
}
CANDIDATE(parallel) {
  struct a a = unpack(args);
  hone_rt_parallel(a.n, 1, body, &a);
}
CANDIDATE(overrun) {
  struct a a = unpack(args);
  part(a, 0, a.n);
  a.C[a.n] = 1;
}
CANDIDATE(underrun) {
  struct a a = unpack(args);
  part(a, 0, a.n);
  a.C[-1] = 1;
}
CANDIDATE(overread) {
  struct a a = unpack(args);
  part(a, 0, a.n);
  if (((const volatile float *)a.A)[a.n] == 42) a.C[0] = 1;
}
CANDIDATE(peek_before) { /* the value before the start enters the result, where it can be read */
  struct a a = unpack(args);
  part(a, 0, a.n);
  a.C[0] = ((const volatile float *)a.A)[-1];
}
CANDIDATE(writes_input) {
  struct a a = unpack(args);
  part(a, 0, a.n);
  ((float *)(uintptr_t)a.A)[0] = 3;
}
CANDIDATE(address_dependent) {
  struct a a = unpack(args);
  part(a, 0, a.n);
  a.C[0] = (float)((uintptr_t)a.C & 4095);
}
CANDIDATE(crash) {
  volatile uintptr_t eight = 8;
  (void)args;
  *(volatile int *)eight = 1;
}
CANDIDATE(illegal) {
  (void)args;
  __asm__ volatile("ud2");
}
CANDIDATE(aborts) {
  (void)args;
  abort();
}
CANDIDATE(hang) {
  for (;;) __asm__ volatile("" : : "r"(args) : "memory");
}
CANDIDATE(leaves) {
  (void)args;
  exit(0);
}
static volatile char sink;
static int deeper(int n) {
  volatile char frame[4096];
  frame[n & 4095] = (char)n;
  sink = frame[(n + 1) & 4095];
  return n ? deeper(n + 1) + frame[0] : 0;
}
CANDIDATE(stack) {
  (void)args;
  deeper(1);
}
CANDIDATE(bomb) {
  (void)args;
  for (;;) {
    char *p = malloc(64 << 20);
    if (!p) abort();
    memset(p, 1, 4096);
  }
}
CANDIDATE(forks) {
  struct a a = unpack(args);
  part(a, 0, a.n);
  for (int i = 0; i < 3; i++)
    if (fork() == 0)
      for (;;) sleep(1000);
}
CANDIDATE(killed) {
  (void)args;
  kill(getpid(), 9);
}
CANDIDATE(flush_to_zero) {
  struct a a = unpack(args);
  part(a, 0, a.n);
  _mm_setcsr(_mm_getcsr() | 0x8040);
}
void missing(void);
CANDIDATE(lazy) { /* leaves the last element unwritten */
  struct a a = unpack(args);
  part(a, 0, a.n - 1);
}
CANDIDATE(nothing) {
  (void)args;
}
