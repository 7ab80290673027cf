/* The cost of a LOOP function for blocks of threads (GPUs). */
#ifndef HONE_TUNER_COST_BLOCKS_H
#define HONE_TUNER_COST_BLOCKS_H
#include "codegen/target/target.h"
#include "ir/loop.h"
/* Seconds that the model expects of one call. val[nsym]: dims filled in; loop variables are set on the way. false: it does not fit into blocks. */
bool cost_blocks(const struct lfunc *f, const struct limits *lim, int64_t *val, double *seconds);
#endif
