/* The ceilings of this machine, measured in the same run as what is compared with them: multiply-adds that stay in
   registers, and streams of a given size. Compiled for the machine (-march=native). The best of many short bursts is
   taken: a ceiling is what the machine can do when nothing else runs. */
#include "bench.h"
#include <emmintrin.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BURSTS = 200, STEPS = 2000 };
static double clock_at(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
static double now(void) {
  return clock_at(CLOCK_MONOTONIC);
}

/* A burst: independent accumulators (more than latency times units), STEPS dependent operations each, written as
   instructions, so that no compiler makes them better or worse. The last register holds `bits` in every lane: one as a
   number of the type. */
#define LOW                                                                                                            \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",  \
      "xmm14", "xmm15"
#define BURST(NAME, BITS, CLOBBERS, REGISTERS, SPREAD, CLEAR, STEP)                                                    \
  static void NAME(void) {                                                                                             \
    unsigned long steps = STEPS, bits = BITS;                                                                          \
    __asm__ volatile(SPREAD "\n.irp r," REGISTERS "\n" CLEAR "\n.endr\n1:\n.irp r," REGISTERS "\n" STEP                \
                            "\n.endr\ndec %0\njnz 1b"                                                                  \
                     : "+r"(steps)                                                                                     \
                     : "r"(bits), "m"(bits)                                                                            \
                     : "cc", CLOBBERS);                                                                                \
  }
#ifdef __AVX512F__
#define HIGH "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm31"
#define WIDE(NAME, BITS, STEP)                                                                                         \
  BURST(NAME, BITS, LOW, "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23", "vpbroadcastq %1, %%zmm31",  \
        "vpxord %%zmm\\r, %%zmm\\r, %%zmm\\r", STEP)
#undef LOW
#define LOW                                                                                                            \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",  \
      "xmm14", "xmm15", HIGH
WIDE(burst_f32, 0x3f8000003f800000, "vfmadd231ps %%zmm31, %%zmm31, %%zmm\\r")
WIDE(burst_f64, 0x3ff0000000000000, "vfmadd231pd %%zmm31, %%zmm31, %%zmm\\r")
enum { CHAINS = 24, WIDTH = 512 };
#elif defined __FMA__
#define NARROW(NAME, BITS, STEP)                                                                                       \
  BURST(NAME, BITS, LOW, "0,1,2,3,4,5,6,7,8,9,10,11", "vpbroadcastq %2, %%ymm15",                                      \
        "vpxor %%ymm\\r, %%ymm\\r, %%ymm\\r", STEP)
NARROW(burst_f32, 0x3f8000003f800000, "vfmadd231ps %%ymm15, %%ymm15, %%ymm\\r")
NARROW(burst_f64, 0x3ff0000000000000, "vfmadd231pd %%ymm15, %%ymm15, %%ymm\\r")
enum { CHAINS = 12, WIDTH = 256 };
#else
/* Multiply and add apart: half of the registers multiply, half of them add. */
#define NARROW(NAME, BITS, MUL, ADD)                                                                                   \
  BURST(NAME, BITS, LOW, "0,1,2,3,4,5,6", "movq %1, %%xmm15\npunpcklqdq %%xmm15, %%xmm15", "pxor %%xmm\\r, %%xmm\\r",  \
        MUL " %%xmm15, %%xmm\\r\n" ADD " %%xmm15, %%xmm\\r")
NARROW(burst_f32, 0x3f8000003f800000, "mulps", "addps")
NARROW(burst_f64, 0x3ff0000000000000, "mulpd", "addpd")
enum { CHAINS = 7, WIDTH = 128 };
#endif
#ifdef __AVX512VNNI__
WIDE(burst_i8, 0x0101010101010101, "vpdpbusd %%zmm31, %%zmm31, %%zmm\\r")
#endif
#ifdef __AVX512BF16__
WIDE(burst_bf16, 0x3f803f803f803f80, "vdpbf16ps %%zmm31, %%zmm31, %%zmm\\r")
#endif

/* A type without an instruction of its own is converted and multiplied as f32. */
static void (*burst_of(enum bench_type t, double *ops))(void) {
  *ops = (double)(2L * CHAINS * STEPS * WIDTH / (t == B_F64 ? 64 : 32));
  switch (t) {
  case B_F64:
    return burst_f64;
#ifdef __AVX512VNNI__
  case B_I8:
  case B_U8:
    *ops *= 4;
    return burst_i8;
#endif
#ifdef __AVX512BF16__
  case B_BF16:
    *ops *= 2;
    return burst_bf16;
#endif
  default:
    return burst_f32;
  }
}

/* Threads: each runs the same thing; the time is that of all of them together. */
struct job {
  void (*burst)(void);
  char *in, *out;
  size_t nin, nout;
  int way;
};
static void stream(const struct job *j);
static void *job_run(void *p) {
  struct job *j = p;
  if (j->burst)
    j->burst();
  else
    stream(j);
  return NULL;
}
static double timed(struct job *j, unsigned threads) {
  pthread_t id[64];
  double t = now(), c = clock_at(CLOCK_PROCESS_CPUTIME_ID);
  for (unsigned i = 1; i < threads; i++)
    if (pthread_create(&id[i], NULL, job_run, &j[i])) return 1e9;
  job_run(&j[0]);
  for (unsigned i = 1; i < threads; i++) pthread_join(id[i], NULL);
  t = now() - t, c = clock_at(CLOCK_PROCESS_CPUTIME_ID) - c;
  return threads == 1 && c < t ? c : t; /* as the rows are timed */
}

double floor_flops(enum bench_type t, unsigned threads) {
  double ops, best = 1e9;
  struct job j[64] = {{0}};
  void (*burst)(void) = burst_of(t, &ops);
  for (unsigned i = 0; i < threads && i < 64; i++) j[i].burst = burst;
  for (int b = 0; b < BURSTS; b++) {
    double s = timed(
        j, 1); /* all threads at once: threads times the rate of one; cores of one machine do not share their units */
    if (s < best) best = s;
  }
  return ops * threads / best;
}

/* Ways to move data: ordinary stores, stores past the caches, a copy. */
static void read_all(const char *p, size_t n) {
  float acc[128] = {0}; /* 8 vectors of 64 bytes */
  const float *f = (const float *)p;
  for (size_t i = 0; i + 128 <= n / 4; i += 128)
    for (int l = 0; l < 128; l++) acc[l] += f[i + (size_t)l];
  for (int l = 0; l < 128; l++) __asm__ volatile("" : : "x"(acc[l]));
}
static void write_past(char *p, size_t n) {
  __m128i z = _mm_set1_epi8(1);
  for (size_t i = 0; i + 64 <= n; i += 64)
    for (size_t l = 0; l < 64; l += 16) _mm_stream_si128((__m128i *)(void *)(p + i + l), z);
  _mm_sfence();
}
static void stream(const struct job *j) {
  size_t both = j->nin < j->nout ? j->nin : j->nout;
  if (j->way == 2) {
    memcpy(j->out, j->in, both);
    read_all(j->in + both, j->nin - both);
    memset(j->out + both, 1, j->nout - both);
    return;
  }
  read_all(j->in, j->nin);
  if (j->way == 1)
    write_past(j->out, j->nout & ~(size_t)63);
  else
    memset(j->out, 1, j->nout);
}

double floor_stream(double in, double out, unsigned threads) {
  size_t nin = ((size_t)in + 4095) & ~(size_t)4095, nout = ((size_t)out + 4095) & ~(size_t)4095;
  char *a = aligned_alloc(4096, nin ? nin : 4096), *b = aligned_alloc(4096, nout ? nout : 4096);
  double best = 1e9, began = now();
  struct job j[64] = {{0}};
  if (threads > 64) threads = 64;
  if (a && b) {
    memset(a, 1, nin);
    memset(b, 1, nout);
    for (int k = 0; k < 40 && (k < 9 || now() - began < 0.3); k++) {
      for (unsigned i = 0; i < threads; i++) {
        size_t pi = nin / threads & ~(size_t)63, po = nout / threads & ~(size_t)63;
        j[i] = (struct job){.in = a + i * pi, .out = b + i * po, .nin = pi, .nout = po, .way = k % 3};
      }
      double s = timed(j, threads);
      if (s < best) best = s;
    }
  }
  free(a);
  free(b);
  return best;
}
