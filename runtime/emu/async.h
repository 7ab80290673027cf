/* Decoders of asynchronous copies. */
#ifndef HONE_RUNTIME_EMU_ASYNC_H
#define HONE_RUNTIME_EMU_ASYNC_H

#include "runtime/emu/sync.h"

/* cp.async.bulk and cp.reduce.async.bulk, both modifiers taken. */
void emu_dec_bulk(struct dec *d, bool reduce);

#endif
