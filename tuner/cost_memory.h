/* Memory traffic of a LOOP function by footprints. */
#ifndef HONE_TUNER_COST_MEMORY_H
#define HONE_TUNER_COST_MEMORY_H
#include "codegen/target/target.h"
#include "ir/loop.h"
/* bytes[0..2]: bytes that come from beyond L1, L2, L3 in one call. val[nsym]: dims filled in; loop variables are set on the way. */
void cost_memory(const struct lfunc *f, const struct limits *lim, int64_t *val, double bytes[3]);
/* Bytes that `trips` iterations of the loop s touch, whatever holds them: its inner loop (or NULL) for inner_trips in each. */
double cost_touched(const struct lfunc *f, const struct limits *lim, const struct lstmt *s, const struct lstmt *inner, double trips, double inner_trips, int64_t *val);
/* Iterations of an L_FOR when its outer variables have the values val; sets val[sym] to its start. */
double cost_trips(const struct lfunc *f, const struct lstmt *s, int64_t *val);
#endif
