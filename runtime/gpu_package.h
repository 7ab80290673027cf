/* Forms of GPU kernels as bytes (abi.h: hone_cuda_package), made ready for hone_cuda_run. */
#ifndef HONE_RUNTIME_GPU_PACKAGE_H
#define HONE_RUNTIME_GPU_PACKAGE_H
#include "runtime/abi.h"
#include <stddef.h>

struct gpu_package {
  struct hone_cuda_form form; /* points to what follows and into the bytes */
  struct hone_cuda_module module;
  const char **name;
};
/* Checks every offset and text; the plan's numbers are checked where they are used. The bytes (8-byte aligned) are borrowed.
   NULL: fine, else what is wrong with them. */
const char *gpu_package_open(const uint8_t *bytes, size_t len, struct gpu_package *out);
void gpu_package_close(struct gpu_package *p);
#endif
