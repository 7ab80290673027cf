/* NVIDIA's driver API with the emulator as its only device: what hone's worker measures `emu:` targets on, and what tests load as
   libcuda.so.1. Calls do their work at once; time is that of the model (gpu_model.h). One per process. */
#ifndef HONE_RUNTIME_EMU_CUDA_H
#define HONE_RUNTIME_EMU_CUDA_H
#include "runtime/cuda_api.h"
#include "runtime/gpu_model.h"

cuda_result emu_cuda_get_proc(const char *name, void **fn, int version, uint64_t flags, int *status);
void emu_cuda_machine(const char *arch);            /* before cuInit; else sm_90a */
void emu_cuda_mode(bool lazy, uint64_t seed);       /* of launches from now on */
/* What was found in the launch that failed last, its kernel in front; "" when none did. */
const char *emu_cuda_finding(void);
/* What was counted, and what the model made of it, since the last call of this. */
void emu_cuda_take(struct emu_counts *counts, struct gpu_parts *parts);
#endif
