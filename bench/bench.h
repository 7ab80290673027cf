/* What the parts of the bench program share: a row of a table (one kernel at one set of dims, its data), and the forms
   that compute it (hone's object, a C compiler's, a library's call). The bench program stands apart from hone: it sees
   nothing of it but a shared object. */
#ifndef BENCH_H
#define BENCH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum bench_type { B_F32, B_F64, B_BF16, B_I8, B_U8, B_I32 };
static const unsigned char bench_size[] = {4, 8, 2, 1, 1, 4};
enum { MAX_DIMS = 12, MAX_BUFS = 8, MAX_FORMS = 48 };

/* One operand: n elements, in the shared file at `offset` bytes, so that a peer in another process computes on the same
 * data. */
struct buffer {
  void *p;
  enum bench_type type;
  bool out;
  size_t n, offset;
};
struct row {
  const char *kernel, *dims; /* "matmul", "M=64,N=64,K=64" */
  const char *names;         /* of the dims by the order of the kernel's parameters: "M,N,K" */
  int64_t d[MAX_DIMS];       /* by the order of the kernel's parameters */
  unsigned nd, nbuf;
  struct buffer buf[MAX_BUFS]; /* by the order of the kernel's parameters; outputs last */
  double flops;                /* of one call, multiply and add apart */
  enum bench_type peak;        /* whose multiply-add rate is the ceiling */
  unsigned threads;
};

/* One way to compute a row. `run` may be called any number of times; it writes the row's outputs (`out` non-NULL:
   there, instead of the last buffer; same layout as the row's output). `prepacked`: constant operands were re-arranged
   before, outside of what is timed. */
struct form {
  char name[48];
  bool prepacked;
  void (*run)(void *state);
  void *state;
  const void *result;
};

/* Kernels (kernels.c). */
bool row_make(struct row *r, const char *kernel,
              const char *dims);                 /* sizes and flops, no memory; false: no such kernel or bad dims */
double row_bytes(const struct row *r, bool out); /* of inputs or outputs */
bool row_is(const struct row *r, const char *kernel);

/* The same row for a kernel that takes the constant operand in panels (panels.c): other dims, and that operand re-arranged (allocated, never freed).
   false: the kernel has no such form, or its sizes are no whole panels. */
bool row_panels(const struct row *r, struct row *out);
bool row_panels_dims(const struct row *r, char *text, size_t room); /* its dims as text; needs no data */

/* Floors (floor.c): measured here and now with `threads` threads. */
double floor_flops(enum bench_type t, unsigned threads); /* multiply-adds in registers, operations a second */
double floor_stream(double in, double out,
                    unsigned threads); /* seconds to read `in` and write `out` bytes once, warm */

/* A peer is a shared object with this one function: adds its forms of the row and returns how many. 0: it has none.
 * version: a static text. */
typedef unsigned peer_forms_fn(const struct row *r, struct form *f, unsigned room, const char **version);
peer_forms_fn peer_forms;

/* A peer in another process (python.c); seconds of one call. */
struct python;
struct python *python_open(const char *interpreter, const char *script, const char *peer, const struct row *r,
                           const char *data, struct form *f, unsigned room, unsigned *n, char version[64]);
double python_time(struct python *p, unsigned form, unsigned calls); /* < 0: the process died */
pid_t python_pid(const struct python *p);
void python_close(struct python *p);
#endif
