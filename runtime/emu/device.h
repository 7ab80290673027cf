/* Device memory: allocations with guards between them, each found by any address in it. */
#ifndef HONE_RUNTIME_EMU_DEVICE_H
#define HONE_RUNTIME_EMU_DEVICE_H

#include "runtime/emu/emu.h"

struct alloc {
  uint64_t addr, size;
  uint8_t *host; /* NULL: freed */
};

struct emu {
  struct alloc *alloc; /* by address */
  uint32_t nalloc, cap;
  uint64_t top, used;
};

/* Reserves and gives the host address. 0: too much. */
uint64_t emu_device_alloc(struct emu *d, uint64_t bytes, uint8_t **host);
/* The allocation whose range has the address, or the nearest one below it; NULL if there is none. */
struct alloc *emu_device_find(struct emu *d, uint64_t addr);

#endif
