/* Where addresses lead. */
#ifndef HONE_RUNTIME_EMU_MEMORY_H
#define HONE_RUNTIME_EMU_MEMORY_H

#include "runtime/emu/machine.h"

/* How bytes are used: ATOMIC accesses do not race with each other. */
enum access { ACC_READ, ACC_WRITE, ACC_ATOMIC };

/* The host address of bytes at an address of a lane, checked for bounds and alignment (align: a power of two) and, in
 * shared memory, for races and initialisation. NULL: a finding was added. */
uint8_t *emu_at(struct warp *w, const struct ins *i, uint32_t lane, uint8_t space, uint64_t addr, uint32_t bytes,
                uint32_t align, enum access how);
/* The same without lanes and shared memory: device memory of a bulk copy. */
uint8_t *emu_global_at(struct warp *w, const struct ins *i, int lane, uint64_t addr, uint64_t bytes, const char *what);
/* Where a shared address of the warp leads: block and offset into its shared memory. NULL: nowhere, without a finding.
 * cluster: other blocks are allowed. */
struct block *emu_shared_at(struct warp *w, uint64_t addr, uint32_t bytes, bool cluster, uint32_t *off);
/* Counts a request of the lanes of mask, each size bytes at addr[lane]. */
void emu_count_request(struct warp *w, uint8_t space, const uint64_t *addr, uint32_t mask, uint32_t size, bool store);

#endif
