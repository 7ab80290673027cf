/* Circumstances of a run: recorded with it, never part of a key. */
#ifndef HONE_TUNER_ENV_H
#define HONE_TUNER_ENV_H
#include "ir/buf.h"
/* One JSON object: processor, kernel, frequency governor, load, whether under a hypervisor. What cannot be found out is left out. */
void env_json(struct buf *out);
#endif
