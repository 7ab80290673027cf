/* x86-64. The features come from LLVM (right even under a hypervisor); the CPU name, which selects the scheduling
   model, is chosen from the features, because LLVM's own guess by model number can be wrong: a chip with AMX under a
   hypervisor was called rocketlake, whose model makes 9x3 tiles spill. */
#include "codegen/target/target.h"
#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* What decides whether code runs, in the order of the key. */
static const char *const key_features[] = {"sse4.2",      "popcnt",       "avx",
                                           "avx2",        "fma",          "f16c",
                                           "bmi",         "bmi2",         "lzcnt",
                                           "movbe",       "adx",          "gfni",
                                           "vaes",        "vpclmulqdq",   "avxvnni",
                                           "avxvnniint8", "avx512f",      "avx512cd",
                                           "avx512bw",    "avx512dq",     "avx512vl",
                                           "avx512ifma",  "avx512vbmi",   "avx512vbmi2",
                                           "avx512vnni",  "avx512bitalg", "avx512vpopcntdq",
                                           "avx512bf16",  "avx512fp16",   "amx-tile",
                                           "amx-int8",    "amx-bf16"};
enum { NKEY = sizeof key_features / sizeof *key_features };

#define V2 "+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+sahf"
#define V3 V2 ",+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave"
#define V4 V3 ",+avx512f,+avx512cd,+avx512bw,+avx512dq,+avx512vl"
#define ICL                                                                                                            \
  V4 ",+adx,+gfni,+vaes,+vpclmulqdq,+avx512ifma,+avx512vbmi,+avx512vbmi2,+avx512vnni,+avx512bitalg,+avx512vpopcntdq"
#define SPR ICL ",+avxvnni,+avx512bf16,+avx512fp16,+amx-tile,+amx-int8,+amx-bf16"
static const struct model {
  const char *name, *features;
} models[] = {
    {"x86-64-v2", V2},
    {"x86-64-v3", V3},
    {"x86-64-v4", V4},
    {"haswell", V3},
    {"skylake", V3},
    {"alderlake", V3 ",+adx,+gfni,+vaes,+vpclmulqdq,+avxvnni"},
    {"sierraforest", V3 ",+adx,+gfni,+vaes,+vpclmulqdq,+avxvnni,+avxvnniint8"},
    {"znver2", V3},
    {"znver3", V3},
    {"skylake-avx512", V4 ",+adx"},
    {"icelake-server", ICL},
    {"znver4", ICL ",+avx512bf16"},
    {"znver5", ICL ",+avx512bf16,+avxvnni"},
    {"sapphirerapids", SPR},
    {"graniterapids", SPR},
};
enum { NMODEL = sizeof models / sizeof *models };

static bool matches(const char *triple) {
  return !strncmp(triple, "x86_64", 6) && (triple[6] == '-' || !triple[6]) && !strstr(triple, "windows") &&
         !strstr(triple, "darwin");
}

static bool has(const char *features, const char *name) {
  size_t n = strlen(name);
  for (const char *p = features; (p = strstr(p, name)); p += n)
    if (p > features && p[-1] == '+' && (p[n] == ',' || !p[n])) return true;
  return false;
}

/* --- this machine --- */

static void host_id(char vendor[16], unsigned *family, unsigned *model) {
  strcpy(vendor, "unknown");
  *family = *model = 0;
#if defined(__x86_64__)
  unsigned a, b, c, d;
  if (!__get_cpuid(0, &a, &b, &c, &d)) return;
  memcpy(vendor, &b, 4), memcpy(vendor + 4, &d, 4), memcpy(vendor + 8, &c, 4);
  vendor[12] = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return;
  *family = a >> 8 & 15;
  *model = a >> 4 & 15;
  if (*family == 15) *family += a >> 20 & 255;
  if (*family >= 6) *model |= (a >> 16 & 15) << 4;
#endif
}

static const char *host_cpu(const char *features) {
  char vendor[16];
  unsigned family, model;
  host_id(vendor, &family, &model);
  bool avx512 = has(features, "avx512f");
  if (!strcmp(vendor, "AuthenticAMD")) {
    if (family >= 26) return "znver5";
    if (family == 25) return avx512 ? "znver4" : "znver3";
    if (family == 23) return "znver2";
  }
  if (has(features, "amx-tile")) return "sapphirerapids";
  if (avx512) return has(features, "avx512vnni") ? "icelake-server" : "skylake-avx512";
  return has(features, "avx2") ? "haswell" : "x86-64-v2";
}

static bool read_text(const char *path, char *out, size_t size) {
  FILE *f = fopen(path, "r");
  if (!f) return false;
  size_t n = fread(out, 1, size - 1, f);
  out[n] = 0;
  fclose(f);
  return n > 0;
}

/* Bytes of the data or unified cache of a level of CPU 0; 0 when not known. */
static unsigned cache_bytes(int level, int sysconf_name) {
  for (int i = 0; i < 8; i++) {
    char path[96], text[64];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", i);
    if (!read_text(path, text, sizeof text) || atoi(text) != level) continue;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/type", i);
    if (!read_text(path, text, sizeof text) || text[0] == 'I') continue;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
    if (!read_text(path, text, sizeof text)) continue;
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (n < 1ul << 20) return (unsigned)(n * (*end == 'M' ? 1024 * 1024 : *end == 'K' ? 1024 : 1));
  }
  long n = sysconf(sysconf_name);
  return n > 0 ? (unsigned)n : 0;
}

static double host_ghz(void) {
  char text[4096];
  if (!read_text("/proc/cpuinfo", text, sizeof text)) return 3;
  const char *p = strstr(text, "cpu MHz");
  if (p) p = strchr(p, ':');
  double mhz = p ? atof(p + 1) : 0;
  return mhz > 500 && mhz < 10000 ? mhz / 1000 : 3;
}

static void host_limits(struct limits *l) {
  unsigned l1 = cache_bytes(1, _SC_LEVEL1_DCACHE_SIZE), l2 = cache_bytes(2, _SC_LEVEL2_CACHE_SIZE),
           l3 = cache_bytes(3, _SC_LEVEL3_CACHE_SIZE);
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  if (l1) l->l1_bytes = l1;
  if (l2) l->l2_bytes = l2;
  if (l3) l->l3_bytes = l3;
  l->cores = cores > 0 ? (unsigned)cores : 1;
  l->ghz = host_ghz();
}

static void size_text(char out[16], unsigned n) {
  if (n && n % (1024 * 1024) == 0)
    snprintf(out, 16, "%uM", n / (1024 * 1024));
  else
    snprintf(out, 16, "%uK", n / 1024);
}

static void host_silicon(struct target *t) {
  char vendor[16], l1[16], l2[16], l3[16];
  unsigned family, model;
  host_id(vendor, &family, &model);
  size_text(l1, t->limits.l1_bytes), size_text(l2, t->limits.l2_bytes), size_text(l3, t->limits.l3_bytes);
  snprintf(t->silicon, sizeof t->silicon, "%s %u/%u L1 %s L2 %s L3 %s cores %u", vendor, family, model, l1, l2, l3,
           t->limits.cores);
}

/* --- any machine --- */

static void set_limits(struct target *t) {
  bool avx512 = has(t->features, "avx512f") && has(t->features, "avx512vl") && has(t->features, "avx512bw"),
       avx = has(t->features, "avx2");
  t->limits = (struct limits){.vector_bytes = avx512 ? 64
                                              : avx  ? 32
                                                     : 16,
                              .vector_regs = avx512 ? 32 : 16,
                              .l1_bytes = 32 << 10,
                              .l2_bytes = avx512 ? 1u << 20 : 256u << 10,
                              .l3_bytes = 8u << 20,
                              .line_bytes = 64,
                              .cores = 1,
                              .fma_per_cycle = 2,
                              .load_per_cycle = 2,
                              .store_per_cycle = 1,
                              .ghz = 3,
                              .dram_gbs = 16,
                              .has_fma = has(t->features, "fma"),
                              .has_masks = avx512};
  /* 512 bit forms with AVX-512; without it the 256 bit forms of AVX-VNNI. vdpbf16ps issues every second cycle on Intel,
   * every cycle on Zen. */
  bool vnni = has(t->features, avx512 ? "avx512vnni" : "avxvnni");
  t->limits.matrix_per_cycle[MATRIX_vnni] = vnni ? 2 : 0;
  t->limits.matrix_per_cycle[MATRIX_madd] = vnni ? 0 : 1;
  t->limits.has_signed_dot = !vnni || (!avx512 && has(t->features, "avxvnniint8"));
  if (avx512 && has(t->features, "avx512bf16"))
    t->limits.matrix_per_cycle[MATRIX_bf16] = strncmp(t->cpu, "znver", 5) ? 1 : 2;
  /* A tile is 16 vectors, one of rows against one of columns 256 products of vectors in 16 cycles. */
  if (avx512 && has(t->features, "amx-tile") && has(t->features, "amx-int8") && has(t->features, "amx-bf16")) {
    t->limits.matrix_per_cycle[MATRIX_amx] = 16;
    t->limits.l1_bytes = 48 << 10;
    t->limits.l2_bytes = 2u << 20;
  }
  snprintf(t->class_, sizeof t->class_, "x86-64-%s",
           t->limits.matrix_per_cycle[MATRIX_amx] ? "amx"
           : avx512                               ? "avx512"
           : avx                                  ? "avx2"
                                                  : "sse4");
}

/* The 14 names avx512X are written avx512(X,…). */
static void set_isa(struct target *t) {
  struct buf b;
  buf_init(&b);
  buf_puts(&b, "x86-64");
  bool open = false;
  for (unsigned i = 0; i < NKEY; i++) {
    const char *k = key_features[i];
    bool sub = !strncmp(k, "avx512", 6);
    if (!sub && open) buf_putc(&b, ')'), open = false;
    if (!has(t->features, k)) continue;
    if (!sub)
      buf_printf(&b, " %s", k);
    else
      buf_printf(&b, "%s%s", open ? "," : " avx512(", k + 6), open = true;
  }
  if (open) buf_putc(&b, ')');
  snprintf(t->isa, sizeof t->isa, "%s", b.data);
  buf_free(&b);
}

#if defined(__x86_64__)
enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };

/* A CPU's tiles are of no use where the system has no room for them. */
static void drop_tiles(char *features) {
  if (!has(features, "amx-tile") || !syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)) return;
  for (char *p = features; (p = strstr(p, "+amx-"));) *p = '-';
}
#endif

static char *host_features(struct arena *a) {
#if defined(__x86_64__)
  char *s = LLVMGetHostCPUFeatures();
  char *r = arena_strdup(a, s);
  LLVMDisposeMessage(s);
  drop_tiles(r);
  return r;
#else
  return arena_strdup(a, "");
#endif
}

static bool runs_on(const struct target *t, const char *host) {
  for (unsigned i = 0; i < NKEY; i++)
    if (has(t->features, key_features[i]) && !has(host, key_features[i])) return false;
  return *host != 0;
}

static bool resolve(struct arena *a, const char *triple, const char *cpu, struct target *t, struct diag *d) {
  char *host = host_features(a);
  struct loc none = {0};
  if (!cpu || !*cpu) cpu = "x86-64-v2";
  bool native = !strcmp(cpu, "native");
  if (strlen(triple) >= sizeof t->triple) {
    diag_error(d, none, "the target's name is too long");
    return false;
  }
  if (native && !*host) {
    diag_error(d, none, "--cpu=native for %s is not possible on this machine", triple);
    return false;
  }
  const struct model *m = NULL;
  for (unsigned i = 0; i < NMODEL; i++)
    if (!strcmp(models[i].name, cpu)) m = &models[i];
  if (!native && !m) {
    diag_error(d, none, "unknown CPU '%s' for %s", cpu, triple);
    struct buf b;
    buf_init(&b);
    buf_puts(&b, "known: native");
    for (unsigned i = 0; i < NMODEL; i++) buf_printf(&b, ", %s", models[i].name);
    diag_note(d, none, "%s", b.data);
    buf_free(&b);
    return false;
  }
  snprintf(t->triple, sizeof t->triple, "%s", strcmp(triple, "x86_64") ? triple : "x86_64-unknown-linux-gnu");
  t->features = native ? host : arena_strdup(a, m->features);
  snprintf(t->cpu, sizeof t->cpu, "%s", native ? host_cpu(host) : cpu);
  set_limits(t);
  set_isa(t);
  t->host = native || runs_on(t, host);
  if (native)
    host_limits(&t->limits), host_silicon(t);
  else
    snprintf(t->silicon, sizeof t->silicon, "%s", cpu);
  return true;
}

const struct target_desc target_x86_64 = {"x86_64-unknown-linux-gnu", "x86-64 (Linux, System V ABI), SSE4.2 to AVX-512",
                                          matches, resolve};
