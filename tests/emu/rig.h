/* Kernels in tests of the emulator: loaded, given buffers, run in both completion modes. */
#ifndef HONE_TESTS_EMU_RIG_H
#define HONE_TESTS_EMU_RIG_H

#include "runtime/emu/emu.h"
#include <stddef.h>

#define PTX_HEADER(sm) ".version 8.0\n.target " sm "\n.address_size 64\n"

/* A kernel's text that is put together bit by bit; set rig_len to 0 to start again. rig_put fails the test when it is
 * full. */
extern char rig_text[1 << 17];
extern size_t rig_len;
__attribute__((format(printf, 1, 2))) void rig_put(const char *fmt, ...);
/* Loads text or fails the test with the parser's message. */
struct emu_module *rig_load(struct emu *d, const char *text);
/* Runs kernel "k" with a grid and block in x; params are values of 8 bytes. */
bool rig_run(struct emu_module *m, uint32_t grid, uint32_t block, uint32_t shared, bool lazy, uint64_t seed,
             const uint64_t *params, int nparams, struct emu_report *rep);
/* Prints the findings. */
void rig_show(const struct emu_report *rep);

#endif
