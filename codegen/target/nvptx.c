/* NVIDIA GPUs by architecture name (sm_80, sm_90a …). A block of threads is seen as one wide vector: its lanes are the
   threads, so `vector` puts an axis on threads and `parallel` puts one on blocks; shared memory takes the place of the
   first cache. No machine is asked: limits are those of the architecture, or those that a description of a device
   states
   ("sm_90a,device=0,sms=132,mhz=1980,gbs=4800,l2=62914560,mib=143771,name=NVIDIA H200", made by hone-worker).

   Keys: what was measured on a device has the device as its silicon (GPUs that differ in SMs, clock, memory or L2 never
   share a record); what was modelled on the emulator has a class of its own, so it is never taken for a measured
   winner. */
#include "codegen/target/target.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct arch {
  const char *name;
  unsigned sms;
  double ghz, dram_gbs;
  unsigned shared_kib; /* of a block */
  const char *fp8;     /* what LLVM must know for e4m3 and e5m2: PTX 8.4, where it would write older text; NULL: no such
                          instructions */
  const char *what;
} archs[] = {
    {"sm_80", 108, 1.4, 1555, 163, NULL, "A100"},        {"sm_86", 84, 1.7, 936, 99, NULL, "GeForce 30"},
    {"sm_89", 128, 2.5, 1008, 99, "+ptx84", "Ada"},      {"sm_90", 132, 1.7, 3350, 227, "+ptx84", "Hopper"},
    {"sm_90a", 132, 1.7, 3350, 227, "+ptx84", "Hopper"}, {"sm_100a", 148, 1.8, 8000, 227, "", "Blackwell"},
    {"sm_120", 170, 2.4, 1792, 99, "", "GeForce 50"},
};
enum { NARCH = sizeof archs / sizeof *archs };

static bool matches(const char *triple) {
  return !strncmp(triple, "sm_", 3) || !strncmp(triple, "emu:", 4) || !strncmp(triple, "nvptx64", 7);
}

/* The number after ",key=" of a description, or `otherwise`. */
static double property(const char *text, const char *key, double otherwise) {
  char want[16];
  snprintf(want, sizeof want, ",%s=", key);
  const char *p = strstr(text, want);
  return p ? strtod(p + strlen(want), NULL) : otherwise;
}

static void describe_device(struct target *t, const char *text) {
  const char *name = strstr(text, ",name=");
  double sms = property(text, "sms", t->limits.cores), mhz = property(text, "mhz", 0), gbs = property(text, "gbs", 0);
  t->device = DEVICE_CUDA;
  t->ordinal = (unsigned)property(text, "device", 0);
  if (sms >= 1 && sms < 4096) t->limits.cores = (unsigned)sms;
  if (mhz > 0) t->limits.ghz = mhz * 1e-3;
  if (gbs > 0) t->limits.dram_gbs = gbs;
  snprintf(t->silicon, sizeof t->silicon, "%.48s, %u SMs, %.0f MHz, %.0f GB/s, %.0f MiB L2, %.0f MiB",
           name ? name + 6 : "GPU", t->limits.cores, mhz, gbs, property(text, "l2", 0) / 1048576,
           property(text, "mib", 0));
}

static void set_limits(struct target *t, const struct arch *x) {
  t->limits = (struct limits){.vector_bytes = 512, /* 128 threads of f32 */
                              .vector_regs = 32,
                              .l1_bytes = 16u << 10,
                              .l2_bytes = 32u << 10, /* packed panels: what fits into shared memory */
                              .l3_bytes = 40u << 20,
                              .line_bytes = 128,
                              .cores = x->sms,
                              .fma_per_cycle = 1,
                              .load_per_cycle = 1,
                              .store_per_cycle = 1,
                              .ghz = x->ghz,
                              .dram_gbs = x->dram_gbs,
                              .shared_bytes = x->shared_kib << 10,
                              .has_fma = true,
                              .has_masks = true,
                              .simt = true};
  snprintf(t->limits.arch, sizeof t->limits.arch, "%s", x->name);
}

static bool resolve(struct arena *a, const char *triple, const char *cpu, struct target *t, struct diag *d) {
  struct loc none = {0};
  bool emulated = !strncmp(triple, "emu:", 4);
  const char *word = emulated ? triple + 4 : triple, *comma = strchr(word, ',');
  if (comma) word = arena_strndup(a, word, (size_t)(comma - word));
  const char *name = strncmp(word, "sm_", 3) && !emulated ? cpu && *cpu ? cpu : "sm_80" : word;
  for (unsigned i = 0; i < NARCH; i++) {
    if (strcmp(archs[i].name, name)) continue;
    snprintf(t->triple, sizeof t->triple, "nvptx64-nvidia-cuda");
    snprintf(t->cpu, sizeof t->cpu, "%s", name);
    t->features = arena_strdup(a, "");
    snprintf(t->isa, sizeof t->isa, "ptx %s", name);
    snprintf(t->silicon, sizeof t->silicon, emulated ? "emulator of %s" : "%s", name);
    snprintf(t->class_, sizeof t->class_, emulated ? "emulated-%s" : "nvidia-%s", name);
    t->device = emulated ? DEVICE_EMULATED : DEVICE_NONE;
    set_limits(t, &archs[i]);
    t->limits.fp8 = archs[i].fp8 != NULL, t->fp8_features = archs[i].fp8;
    t->limits.matrix_per_cycle[MATRIX_mma] = 1;
    t->limits.matrix_per_cycle[MATRIX_wgmma] = !strcmp(name, "sm_90a");
    if (comma && !emulated) describe_device(t, comma);
    return true;
  }
  diag_error(d, none, "unknown GPU architecture '%s'", name);
  struct buf b;
  buf_init(&b);
  buf_puts(&b, "known:");
  for (unsigned i = 0; i < NARCH; i++) buf_printf(&b, "%s %s (%s)", i ? "," : "", archs[i].name, archs[i].what);
  diag_note(d, none, "%s", b.data);
  buf_free(&b);
  return false;
}

const struct target_desc target_nvptx = {"sm_80", "NVIDIA GPUs: sm_80 to sm_120, as PTX text", matches, resolve};
