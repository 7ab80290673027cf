/* Reads packages. They may come from another machine, so nothing in them is believed before it was checked. */
#include "runtime/gpu_package.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_KERNELS = 256, MOST_BUFFERS = 256, MOST_PARAMS = 256, MOST_NUMBERS = 1 << 20 };

static int header_ok(const struct hone_cuda_package *h, size_t len) {
  const uint64_t most = (uint64_t)1 << 40;
  if (len < sizeof *h || h->magic != HONE_CUDA_PACKAGE_MAGIC) return 0;
  if (h->nkernel < 0 || h->nkernel > MOST_KERNELS || h->nbuffer < 0 || h->nbuffer > MOST_BUFFERS) return 0;
  if (h->nparam < 0 || h->nparam > MOST_PARAMS || h->nplan < 0 || h->nplan > MOST_NUMBERS) return 0;
  return h->names < most && h->ptx > 0 && h->ptx < most && h->cubin < most;
}

static uint64_t round8(uint64_t n) {
  return (n + 7) & ~UINT64_C(7);
}

/* The names one after the other; 0: they do not fill their part. */
static int find_names(const char *at, const char *end, struct gpu_package *out) {
  for (int32_t i = 0; i < out->form.nkernel; i++) {
    const char *stop = memchr(at, 0, (size_t)(end - at));
    if (!stop) return 0;
    out->name[i] = at;
    at = stop + 1;
  }
  return at == end;
}

const char *gpu_package_open(const uint8_t *bytes, size_t len, struct gpu_package *out) {
  struct hone_cuda_package h = {0};
  memset(out, 0, sizeof *out);
  if (len >= sizeof h) memcpy(&h, bytes, sizeof h);
  if (!header_ok(&h, len)) return "not a package of GPU kernels, or one of another version";
  uint64_t names = sizeof h + 8 * (uint64_t)h.nplan, ptx = names + h.names, cubin = round8(ptx + h.ptx);
  if (h.cubin ? cubin + h.cubin != len : ptx + h.ptx != len) return "the package is cut off";
  if (bytes[ptx + h.ptx - 1]) return "the PTX text has no end";
  out->name = calloc((size_t)h.nkernel + 1, sizeof *out->name);
  if (!out->name) return "no memory";
  out->module = (struct hone_cuda_module){.ptx = (const char *)bytes + ptx, .cubin = h.cubin ? bytes + cubin : NULL};
  out->form = (struct hone_cuda_form){.module = &out->module,
                                      .kernel = out->name,
                                      .plan = (const int64_t *)(const void *)(bytes + sizeof h),
                                      .nkernel = h.nkernel,
                                      .nbuffer = h.nbuffer,
                                      .nparam = h.nparam,
                                      .nplan = h.nplan};
  if (find_names((const char *)bytes + names, (const char *)bytes + ptx, out)) return NULL;
  gpu_package_close(out);
  return "the kernels' names are damaged";
}

void gpu_package_close(struct gpu_package *p) {
  free(p->name);
  memset(p, 0, sizeof *p);
}
