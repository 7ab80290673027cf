/* See emu_cuda.h. A stream's work is done when it is called for, so that streams and events only carry the model's
   clock. Capture notes launches; a graph runs each that is unlike the others once, when it is launched first, and from
   then on only lets its time pass: what is captured is captured to be timed. */
#include "runtime/emu_cuda.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARAM = 512, CC_MAJOR = 10 };
struct function {
  struct emu_module *module;
  char name[256];
  struct function *next;
  unsigned dynamic; /* bytes of shared memory that launches may ask for */
};
struct launch { /* of a graph */
  struct function *f;
  struct emu_launch how;
  uint8_t *params;
  size_t bytes; /* of them */
  double seconds;
  struct launch *next;
};
struct graph {
  struct launch *first, **last;
  double seconds; /* 0: not run yet */
};
static struct {
  pthread_mutex_t lock;
  struct emu *device;
  struct gpu_machine machine;
  struct function *functions;
  void *current;
  struct graph *capture;
  int capture_mode; /* of the graph */
  bool lazy;
  uint64_t seed;
  double clock; /* seconds of the model */
  struct emu_counts counts;
  struct gpu_parts parts;
  char finding[2048];
} emu = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void lock(void) {
  pthread_mutex_lock(&emu.lock);
}
static cuda_result unlock(cuda_result r) {
  pthread_mutex_unlock(&emu.lock);
  return r;
}

void emu_cuda_machine(const char *arch) {
  emu.machine = gpu_machine_named(arch);
}
void emu_cuda_mode(bool lazy, uint64_t seed) {
  emu.lazy = lazy;
  emu.seed = seed;
}
const char *emu_cuda_finding(void) {
  return emu.finding;
}
void emu_cuda_take(struct emu_counts *counts, struct gpu_parts *parts) {
  *counts = emu.counts;
  *parts = emu.parts;
  emu.counts = (struct emu_counts){0};
  emu.parts = (struct gpu_parts){0};
}

/* ---- device and context ---- */

static cuda_result init(unsigned flags) {
  lock();
  if (!emu.device) emu.device = emu_open();
  if (!emu.machine.sms) emu.machine = gpu_machine_named("sm_90a");
  return unlock(flags || !emu.device ? CUDA_INVALID : 0);
}
static cuda_result device_count(int *n) {
  *n = 1;
  return 0;
}
static cuda_result device_get(int *d, int ordinal) {
  *d = 0;
  return ordinal ? CUDA_INVALID_DEVICE : 0;
}
static cuda_result device_name(char *name, int len, int device) {
  snprintf(name, (size_t)len, "hone emulator of %s", emu.machine.arch);
  return device ? CUDA_INVALID_DEVICE : 0;
}
static cuda_result device_memory(size_t *bytes, int device) {
  *bytes = (size_t)8 << 30;
  return device ? CUDA_INVALID_DEVICE : 0;
}
static cuda_result device_attribute(int *value, int attribute, int device) {
  int cc = atoi(emu.machine.arch + 3);
  switch (attribute) {
  case CUDA_ATTR_SMS:
    *value = (int)emu.machine.sms;
    break;
  case CUDA_ATTR_CLOCK_KHZ:
    *value = (int)(emu.machine.ghz * 1e6);
    break;
  case CUDA_ATTR_MEMORY_KHZ:
    *value = (int)(emu.machine.dram_gbs * 1e6 / 2 / (5120 / 8));
    break;
  case CUDA_ATTR_BUS_BITS:
    *value = 5120;
    break;
  case CUDA_ATTR_L2_BYTES:
    *value = (int)emu.machine.l2_bytes;
    break;
  case CUDA_ATTR_MAJOR:
    *value = cc / CC_MAJOR;
    break;
  case CUDA_ATTR_MINOR:
    *value = cc % CC_MAJOR;
    break;
  default:
    return CUDA_INVALID;
  }
  return device ? CUDA_INVALID_DEVICE : 0;
}
static cuda_result driver_version(int *version) {
  *version = CUDA_API_VERSION;
  return 0;
}
static cuda_result primary_retain(void **ctx, int d) {
  static int primary;
  *ctx = &primary;
  return d ? CUDA_INVALID_DEVICE : 0;
}
static cuda_result ctx_get(void **ctx) {
  *ctx = emu.current;
  return 0;
}
static cuda_result ctx_set(void *ctx) {
  emu.current = ctx;
  return 0;
}
static cuda_result ctx_id(void *ctx, unsigned long long *id) {
  *id = 41;
  return ctx ? 0 : CUDA_INVALID;
}

/* ---- modules ---- */

static _Thread_local int thread_mode; /* 0: captures forbid this thread what might wait for the device */
static cuda_result exchange_mode(int *mode) {
  int was = thread_mode;
  thread_mode = *mode;
  *mode = was;
  return 0;
}
static cuda_result module_load(void **module, const void *image, unsigned n, const int *option, void **value) {
  struct emu_error err = {0};
  if (emu.capture && emu.capture_mode != CUDA_CAPTURE_RELAXED && thread_mode != CUDA_CAPTURE_RELAXED)
    return CUDA_CAPTURED;
  if (!memcmp(image, "\177ELF", 4)) return CUDA_NO_BINARY; /* it runs PTX only */
  lock();
  struct emu_module *m = emu_load(emu.device, image, strlen(image), &err);
  for (unsigned i = 0; i < n && !m; i++)
    if (option[i] == CUDA_JIT_ERROR_LOG) snprintf(value[i], 256, "PTX %u:%u: %s", err.line, err.col, err.text);
  *module = m;
  return unlock(m ? 0 : CUDA_INVALID_PTX);
}
static cuda_result module_function(void **function, void *module, const char *name) {
  if (emu_kernel_params(module, name) < 0) return CUDA_NOT_FOUND;
  struct function *f = calloc(1, sizeof *f);
  if (!f) return CUDA_NO_MEMORY;
  f->module = module;
  snprintf(f->name, sizeof f->name, "%s", name);
  lock();
  f->next = emu.functions;
  emu.functions = f;
  *function = f;
  return unlock(0);
}
/* A block has at most 48 KiB unless its kernel was promised more, and never more than the SM has. */
static cuda_result function_set(void *function, int attribute, int value) {
  struct function *f = function;
  if (attribute != CUDA_FUNC_DYNAMIC_SHARED || value < 0) return CUDA_INVALID;
  if ((uint64_t)value + emu_kernel_shared(f->module, f->name) + 1024 > emu.machine.sm_shared) return CUDA_INVALID;
  f->dynamic = (unsigned)value;
  return 0;
}
static cuda_result tensor_map(void *map, int type, uint32_t rank, void *at, const uint64_t *dim, const uint64_t *stride,
                              const uint32_t *box, const uint32_t *step, int interleave, int swizzle, int promotion,
                              int fill) {
  (void)promotion;
  if (interleave || fill) return CUDA_INVALID;
  const char *why = emu_tensor_map(map, (enum emu_map_type)type, rank, (uintptr_t)at, dim, stride, box, step, swizzle);
  return why ? CUDA_INVALID : 0;
}
static cuda_result module_unload(void *module) {
  lock();
  for (struct function **f = &emu.functions; *f;) {
    struct function *x = *f;
    if (x->module != module) {
      f = &x->next;
      continue;
    }
    *f = x->next;
    free(x);
  }
  emu_unload(module);
  return unlock(0);
}

/* ---- memory ---- */

static cuda_result alloc(cuda_ptr *at, size_t bytes) {
  lock();
  *at = emu_alloc(emu.device, bytes ? bytes : 1);
  return unlock(*at ? 0 : CUDA_NO_MEMORY);
}
static cuda_result release(cuda_ptr at) {
  lock();
  return unlock(emu_free(emu.device, at) ? 0 : CUDA_INVALID);
}
static cuda_result alloc_async(cuda_ptr *at, size_t bytes, void *stream) {
  (void)stream;
  return alloc(at, bytes);
}
static cuda_result free_async(cuda_ptr at, void *stream) {
  (void)stream;
  return emu.capture ? 0 : release(at); /* a graph may still run: its buffers live as long as the process */
}
static cuda_result to_device(cuda_ptr to, const void *from, size_t bytes) {
  lock();
  return unlock(!bytes || emu_write(emu.device, to, from, bytes) ? 0 : CUDA_INVALID);
}
static cuda_result to_host(void *to, cuda_ptr from, size_t bytes) {
  lock();
  return unlock(!bytes || emu_read(emu.device, to, from, bytes) ? 0 : CUDA_INVALID);
}
static cuda_result moved(bool ok, size_t bytes) {
  emu.clock += (double)bytes / (emu.machine.dram_gbs * 1e9);
  return unlock(ok ? 0 : CUDA_INVALID);
}
static cuda_result copy_async(cuda_ptr to, cuda_ptr from, size_t bytes, void *stream) {
  (void)stream;
  uint8_t *tmp = malloc(bytes + 1);
  if (!tmp) return CUDA_NO_MEMORY;
  lock();
  bool ok = !bytes || (emu_read(emu.device, tmp, from, bytes) && emu_write(emu.device, to, tmp, bytes));
  free(tmp);
  return moved(ok, 2 * bytes);
}
static cuda_result fill_async(cuda_ptr at, unsigned char value, size_t bytes, void *stream) {
  (void)stream;
  uint8_t *tmp = malloc(bytes + 1);
  if (!tmp) return CUDA_NO_MEMORY;
  memset(tmp, value, bytes);
  lock();
  bool ok = !bytes || emu_write(emu.device, at, tmp, bytes);
  free(tmp);
  return moved(ok, bytes);
}

/* ---- launches ---- */

static void add_counts(struct emu_counts *sum, const struct emu_counts *c) {
  uint64_t *to = (uint64_t *)sum;
  const uint64_t *from = (const uint64_t *)c;
  for (size_t i = 0; i < sizeof *c / sizeof *to; i++) to[i] += from[i];
}
static void add_parts(struct gpu_parts *sum, const struct gpu_parts *p) {
  double *to = (double *)sum;
  const double *from = (const double *)p;
  for (size_t i = 0; i < sizeof *p / sizeof *to; i++) to[i] += from[i];
}

static cuda_result emulate(struct function *f, const struct emu_launch *how, const void *const *arg, int n) {
  struct emu_report *rep = calloc(1, sizeof *rep);
  if (!rep) return CUDA_NO_MEMORY;
  struct emu_launch h = *how;
  h.lazy = emu.lazy;
  h.seed = emu.seed;
  bool ok = emu_launch(f->module, f->name, &h, arg, n, rep);
  if (ok) {
    struct gpu_parts p = gpu_model(&emu.machine, &rep->counts, (uint64_t)h.grid[0] * h.grid[1] * h.grid[2],
                                   h.block[0] * h.block[1] * h.block[2],
                                   emu_kernel_shared(f->module, f->name) + h.dynamic_shared, emu_used(emu.device));
    emu.clock += p.total;
    add_parts(&emu.parts, &p);
    add_counts(&emu.counts, &rep->counts);
  } else {
    int used = snprintf(emu.finding, sizeof emu.finding, "%.100s: ", f->name);
    emu_report_text(rep, emu.finding + used, sizeof emu.finding - (size_t)used);
  }
  free(rep);
  return ok ? 0 : CUDA_LAUNCH_FAILED;
}

static cuda_result note(struct function *f, const struct emu_launch *how, const void *const *arg, int n) {
  struct launch *l = calloc(1, sizeof *l);
  size_t bytes = 0;
  for (int i = 0; i < n; i++) bytes += emu_param_size(f->module, f->name, i);
  if (l) l->params = malloc(bytes + 1);
  if (!l || !l->params) {
    free(l);
    return CUDA_NO_MEMORY;
  }
  l->f = f;
  l->how = *how;
  l->bytes = bytes;
  bytes = 0;
  for (int i = 0; i < n; i++) {
    uint32_t size = emu_param_size(f->module, f->name, i);
    memcpy(l->params + bytes, arg[i], size);
    bytes += size;
  }
  *emu.capture->last = l;
  emu.capture->last = &l->next;
  return 0;
}

static cuda_result launch(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                          unsigned shared, void *stream, void **params, void **extra) {
  struct function *f = function;
  struct emu_launch how = {.grid = {gx, gy, gz}, .block = {bx, by, bz}, .dynamic_shared = shared};
  const void *arg[MAX_PARAM];
  int n = emu_kernel_params(f->module, f->name);
  (void)stream;
  if (extra || n > MAX_PARAM) return CUDA_INVALID;
  if (shared > f->dynamic && shared + emu_kernel_shared(f->module, f->name) > 48u << 10) return CUDA_INVALID;
  for (int i = 0; i < n; i++) arg[i] = params[i];
  lock();
  return unlock(emu.capture ? note(f, &how, arg, n) : emulate(f, &how, arg, n));
}

/* ---- streams, events, graphs ---- */

static cuda_result stream_create(void **stream, unsigned flags) {
  static int only;
  (void)flags;
  *stream = &only;
  return 0;
}
static cuda_result stream_wait(void *stream) {
  (void)stream;
  return 0;
}
static cuda_result event_create(void **event, unsigned flags) {
  (void)flags;
  return (*event = calloc(1, sizeof(double))) ? 0 : CUDA_NO_MEMORY;
}
static cuda_result event_record(void *event, void *stream) {
  (void)stream;
  *(double *)event = emu.clock;
  return 0;
}
static cuda_result event_wait(void *event) {
  (void)event;
  return 0;
}
static cuda_result event_ms(float *ms, void *from, void *to) {
  *ms = (float)((*(double *)to - *(double *)from) * 1e3);
  return 0;
}
static cuda_result capture_begin(void *stream, int mode) {
  (void)stream;
  struct graph *g = emu.capture ? NULL : calloc(1, sizeof *g);
  if (!g) return CUDA_INVALID;
  g->last = &g->first;
  emu.capture = g;
  emu.capture_mode = mode;
  return 0;
}
static cuda_result capture_end(void *stream, void **graph) {
  (void)stream;
  *graph = emu.capture;
  emu.capture = NULL;
  return *graph ? 0 : CUDA_INVALID;
}
static cuda_result graph_instantiate(void **exec, void *graph, unsigned long long flags) {
  (void)flags;
  *exec = graph;
  return 0;
}
/* Was the same launch run before in this graph? Then its time passes. */
static bool known(const struct graph *g, const struct launch *l) {
  for (const struct launch *x = g->first; x != l; x = x->next)
    if (x->f == l->f && x->seconds > 0 && x->bytes == l->bytes && !memcmp(x->params, l->params, l->bytes) &&
        !memcmp(x->how.grid, l->how.grid, sizeof l->how.grid)) {
      emu.clock += x->seconds;
      return true;
    }
  return false;
}

static cuda_result graph_launch(void *exec, void *stream) {
  cuda_result rc = 0;
  (void)stream;
  struct graph *g = exec;
  lock();
  double start = emu.clock;
  emu.clock += g->seconds;
  for (struct launch *l = g->seconds > 0 ? NULL : g->first; l && !rc; l = l->next) {
    const void *arg[MAX_PARAM];
    double begun = emu.clock;
    if (known(g, l)) continue;
    int n = emu_kernel_params(l->f->module, l->f->name);
    uint8_t *at = l->params;
    for (int i = 0; i < n; i++) arg[i] = at, at += emu_param_size(l->f->module, l->f->name, i);
    rc = emulate(l->f, &l->how, arg, n);
    l->seconds = emu.clock - begun;
  }
  g->seconds = emu.clock - start;
  return unlock(rc);
}
static cuda_result graph_destroy(void *graph) {
  (void)graph; /* the executable graph is the same object */
  return 0;
}
static cuda_result graph_exec_destroy(void *exec) {
  struct graph *g = exec;
  for (struct launch *l = g->first, *next; l; l = next) {
    next = l->next;
    free(l->params);
    free(l);
  }
  free(g);
  return 0;
}

/* ---- words ---- */

static cuda_result error_name(cuda_result r, const char **text) {
  *text = r == CUDA_NO_MEMORY       ? "CUDA_ERROR_OUT_OF_MEMORY"
          : r == CUDA_LAUNCH_FAILED ? "CUDA_ERROR_LAUNCH_FAILED"
          : r == CUDA_INVALID_PTX   ? "CUDA_ERROR_INVALID_PTX"
                                    : "CUDA_ERROR";
  return 0;
}
static cuda_result error_string(cuda_result r, const char **text) {
  *text = r == CUDA_NO_MEMORY       ? "out of memory"
          : r == CUDA_LAUNCH_FAILED ? "unspecified launch failure"
          : r == CUDA_INVALID_PTX   ? "a PTX JIT compilation failed"
                                    : "some error";
  return 0;
}

static cuda_result device_bus(char *text, int len, int device) {
  snprintf(text, (size_t)len, "0000:00:00.0");
  return device ? CUDA_INVALID_DEVICE : 0;
}

cuda_result emu_cuda_get_proc(const char *name, void **fn, int version, uint64_t flags, int *status) {
  static const struct cuda_calls entry = {.init = init,
                                          .device_get = device_get,
                                          .primary_retain = primary_retain,
                                          .ctx_get = ctx_get,
                                          .ctx_set = ctx_set,
                                          .ctx_id = ctx_id,
                                          .module_load = module_load,
                                          .module_function = module_function,
                                          .function_set = function_set,
                                          .capture_mode = exchange_mode,
                                          .tensor_map = tensor_map,
                                          .alloc_async = alloc_async,
                                          .free_async = free_async,
                                          .launch = launch,
                                          .error_name = error_name,
                                          .error_string = error_string};
  static const struct cuda_worker_calls worker = {.device_count = device_count,
                                                  .device_name = device_name,
                                                  .device_attribute = device_attribute,
                                                  .device_memory = device_memory,
                                                  .device_bus = device_bus,
                                                  .driver_version = driver_version,
                                                  .module_unload = module_unload,
                                                  .alloc = alloc,
                                                  .free = release,
                                                  .to_device = to_device,
                                                  .to_host = to_host,
                                                  .copy_async = copy_async,
                                                  .fill_async = fill_async,
                                                  .stream_create = stream_create,
                                                  .stream_wait = stream_wait,
                                                  .event_create = event_create,
                                                  .event_record = event_record,
                                                  .event_wait = event_wait,
                                                  .event_ms = event_ms,
                                                  .capture_begin = capture_begin,
                                                  .capture_end = capture_end,
                                                  .graph_instantiate = graph_instantiate,
                                                  .graph_launch = graph_launch,
                                                  .graph_destroy = graph_destroy,
                                                  .graph_exec_destroy = graph_exec_destroy};
  (void)version, (void)flags;
  *status = 0;
#define ANSWER(field, cuda, params, needed)                                                                            \
  if (!strcmp(name, #cuda)) {                                                                                          \
    memcpy(fn, &table->field, sizeof *fn);                                                                             \
    return *fn ? 0 : CUDA_NOT_FOUND;                                                                                   \
  }
  {
    const struct cuda_calls *table = &entry;
    CUDA_CALLS(ANSWER)
  }
  {
    const struct cuda_worker_calls *table = &worker;
    CUDA_WORKER_CALLS(ANSWER)
  }
#undef ANSWER
  *status = 1;
  return CUDA_NOT_FOUND;
}
