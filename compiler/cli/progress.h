/* Progress of tuning: one line on a terminal, or JSON events. */
#ifndef HONE_CLI_PROGRESS_H
#define HONE_CLI_PROGRESS_H
#include "tuner/tune.h"
struct progress { bool terminal, json; struct buf *out; };
void progress_show(void *ctx /* struct progress */, const struct tune_progress *p);
#endif
