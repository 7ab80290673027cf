/* Tensor maps in the emulator's own form: 128 bytes. */
#ifndef HONE_RUNTIME_EMU_TMA_H
#define HONE_RUNTIME_EMU_TMA_H

#include "runtime/emu/emu.h"

#define TMA_MAGIC 0x544d4150u

struct tma_map {
  uint32_t magic;
  uint8_t type, rank, swizzle, pad;
  uint64_t addr;
  uint64_t dim[5], stride[5]; /* stride[0]: bytes of an element */
  uint16_t box[5];
  uint8_t step[5];
};

/* Bytes of the box in shared memory. */
uint32_t emu_tma_bytes(const struct tma_map *m);
/* Where byte number at of a box goes, as a shared address, when the box begins at the shared address base. */
uint32_t emu_swizzle(uint32_t addr, int swizzle);

#endif
