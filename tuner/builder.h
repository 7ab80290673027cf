/* Building candidates beside measuring: a forked process lowers and emits schedules in the order in which they are asked for. */
#ifndef HONE_TUNER_BUILDER_H
#define HONE_TUNER_BUILDER_H
#include "codegen/lower/lower.h"
#include "tuner/measure.h"

enum { BUILDER_QUEUE = 32 };       /* schedule lists that may be asked for and not yet taken */
enum { BUILD_LOWER, BUILD_IR, BUILD_OBJECT, BUILD_LOAD, BUILD_STAGES }; /* the last is the worker's (trial.h) */
struct build_result {
  enum trial_status status;        /* TRIAL_OK or TRIAL_COMPILE */
  double stage_s[BUILD_STAGES];    /* processor time */
  char why[256];
  char fault[256], note[96];       /* of a GPU: what ptxas found wrong with it (it would be slow), and what it takes; "" without ptxas */
};
struct builder;
/* For groups gs (borrowed, as everything) on target t: every schedule list has gs->n schedules. The process starts here, so that it carries little memory and
   is warm when the first schedule comes. ptxas: emit.h. NULL with errno set when none can be started. */
struct builder *builder_open(const struct groups *gs, const struct target *t, const struct lower_opts *lower, const char *ptxas);
void builder_ask(struct builder *b, const struct sched *s);
/* The answer to the oldest question not yet answered; waits for it. Object bytes are appended to *object. Whatever happens to the process (LLVM aborts, runs
   away, eats the memory) is that candidate's TRIAL_COMPILE: another process is started for those that follow. */
struct build_result builder_take(struct builder *b, struct buf *object);
unsigned builder_waiting(const struct builder *b);
void builder_close(struct builder *b); /* NULL is fine; what was asked for is dropped */
#endif
