/* NVIDIA GPUs by architecture name (sm_80, sm_90a …). A block of threads is seen as one wide vector: its lanes are the
   threads, so `vector` puts an axis on threads and `parallel` puts one on blocks; shared memory takes the place of the
   first cache. No machine is asked: limits are those of the architecture. */
#include "codegen/target/target.h"
#include <stdio.h>
#include <string.h>

static const struct arch {
  const char *name;
  unsigned sms;
  double ghz, dram_gbs;
  const char *what;
} archs[] = {
    {"sm_80", 108, 1.4, 1555, "A100"},        {"sm_86", 84, 1.7, 936, "GeForce 30"},
    {"sm_89", 128, 2.5, 1008, "Ada"},         {"sm_90", 132, 1.7, 3350, "Hopper"},
    {"sm_90a", 132, 1.7, 3350, "Hopper"},     {"sm_100a", 148, 1.8, 8000, "Blackwell"},
    {"sm_120", 170, 2.4, 1792, "GeForce 50"},
};
enum { NARCH = sizeof archs / sizeof *archs };

static bool matches(const char *triple) {
  return !strncmp(triple, "sm_", 3) || !strncmp(triple, "nvptx64", 7);
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
                              .shared_bytes = 48u << 10,
                              .has_fma = true,
                              .has_masks = true,
                              .simt = true};
}

static bool resolve(struct arena *a, const char *triple, const char *cpu, struct target *t, struct diag *d) {
  struct loc none = {0};
  const char *name = strncmp(triple, "sm_", 3) ? cpu && *cpu ? cpu : "sm_80" : triple;
  for (unsigned i = 0; i < NARCH; i++) {
    if (strcmp(archs[i].name, name)) continue;
    snprintf(t->triple, sizeof t->triple, "nvptx64-nvidia-cuda");
    snprintf(t->cpu, sizeof t->cpu, "%s", name);
    t->features = arena_strdup(a, "");
    snprintf(t->isa, sizeof t->isa, "ptx %s", name);
    snprintf(t->silicon, sizeof t->silicon, "%s", name);
    snprintf(t->class_, sizeof t->class_, "nvidia-%s", name);
    set_limits(t, &archs[i]);
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
