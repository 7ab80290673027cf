/* See amx_lab.h. What is wrong with the tiles is a failure of the case at hand: an instruction that the machine would
   refuse, tiles still configured when the kernel returns or while it hands work to threads. */
#include "tests/emit/amx_lab.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool at_region;
static pthread_t caller;

void amx_add(struct target *t) {
  t->limits.matrix_per_cycle[MATRIX_amx] = 16;
  if (strstr(t->features, "+amx-tile")) return;
  static char all[4096]; /* this machine's and those: the same each time */
  snprintf(all, sizeof all, "%s,+amx-tile,+amx-int8,+amx-bf16", t->features);
  t->features = all;
}

static const char *complaint(void) {
  static char text[160];
  const char *bad = *amx_why() ? amx_why() : NULL;
  if (!bad && amx_in_use()) bad = "tiles are configured when the kernel returns";
  if (!bad && at_region) bad = "tiles are configured while work is handed to threads";
  at_region = false;
  if (bad) strncpy(text, bad, sizeof text - 1);
  amx_forget();
  return bad ? text : NULL;
}

struct half {
  hone_rt_body *body;
  void *ctx;
  int64_t from, to;
};

static void *run_half(void *half) {
  struct half *h = half;
  h->body(h->ctx, h->from, h->to);
  if (amx_in_use()) abort();
  return NULL;
}

/* The pool's threads take no signals: one half by a thread that does. */
static void parallel(int64_t n, int64_t grain, hone_rt_body *body, void *ctx) {
  struct half h = {body, ctx, n / 2, n};
  pthread_t t;
  (void)grain;
  at_region |= amx_in_use();
  if (n <= 0) return;
  if (pthread_create(&t, NULL, run_half, &h)) abort();
  body(ctx, 0, n / 2);
  pthread_join(t, NULL);
}

static void refused(int sig) {
  if (pthread_equal(caller, pthread_self())) compiled_fault(sig);
  fprintf(stderr, "AMX: %s\n", amx_why());
  abort();
}

void amx_lab(void) {
  setenv("HONE_VERIFY_LLVM", "1", 1);
  lab_run = compiled_run;
  compiled_change = amx_add;
  compiled_parallel = parallel;
  caller = pthread_self();
  lab_all_bytes = true;
  if (amx_native()) return;
  amx_refused = refused;
  compiled_illegal = amx_illegal;
  compiled_complaint = complaint;
}
