/* What a device is, for the key of records and for the limits of schedules: one line on standard output that
 * codegen/target reads. */
#include "runtime/worker_gpu.h"
#include <stdio.h>
#include <string.h>

static int attribute(struct gpu *g, int which) {
  int v = 0;
  return g->api.device_attribute(&v, which, g->device) ? 0 : v;
}

/* The architecture to compile for: with the `a` where the instructions of one generation need it. */
static void arch_of(int major, int minor, char *out, size_t len) {
  snprintf(out, len, "sm_%d%d%s", major, minor, major == 9 || major == 10 ? "a" : "");
}

int gpu_probe(unsigned ordinal) {
  static struct gpu g;
  struct job_device d = {.kind = JOB_CUDA, .ordinal = ordinal};
  const char *why = gpu_open(&g, &d);
  char arch[32], name[64] = "";
  size_t memory = 0;
  if (why) {
    fprintf(stderr, "%s\n", why);
    return 3;
  }
  arch_of(attribute(&g, CUDA_ATTR_MAJOR), attribute(&g, CUDA_ATTR_MINOR), arch, sizeof arch);
  g.api.device_name(name, sizeof name, g.device);
  g.api.device_memory(&memory, g.device);
  for (char *c = name; *c; c++)
    if (*c == ',' || *c < ' ') *c = ' ';
  double gbs = 2e-6 * attribute(&g, CUDA_ATTR_MEMORY_KHZ) * attribute(&g, CUDA_ATTR_BUS_BITS) / 8;
  printf("%s,device=%u,sms=%d,mhz=%d,gbs=%.0f,l2=%d,mib=%zu,name=%s\n", arch, ordinal, attribute(&g, CUDA_ATTR_SMS),
         attribute(&g, CUDA_ATTR_CLOCK_KHZ) / 1000, gbs, attribute(&g, CUDA_ATTR_L2_BYTES), memory >> 20, name);
  return 0;
}
