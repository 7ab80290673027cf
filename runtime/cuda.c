/* Launches the kernels of an object compiled for a GPU (abi.h: hone_cuda_run). The driver is found with dlopen, so a
   program starts on a machine without one and gets a code it can ask about. Works in the caller's context, else in the
   primary context of device 0; loads a module once a context; allocates buffers in stream order, so that calls are
   asynchronous and can be captured into graphs. Any number of threads. */
#include "runtime/cuda_api.h"
#include "runtime/hone_rt.h"
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_MAPS = 8, MAX_SHARED = 1 << 20, MAX_ARGS = 256, MAX_THREADS = 1024, LOG_BYTES = 2048 };

static struct cuda_calls api;
static cuda_get_proc *driver; /* NULL: libcuda.so.1 */
static int api_state;         /* 0, or why there is no driver */
static pthread_once_t api_once = PTHREAD_ONCE_INIT;
static _Thread_local char last_text[LOG_BYTES + 256];
static _Thread_local int last_code;

static int fail(int code, const char *more) {
  last_code = code;
  snprintf(last_text, sizeof last_text, "%s", more ? more : "");
  return code;
}

/* ---- the driver ---- */

int hone_cuda_find(cuda_get_proc *get, const char *name, void *field) {
  void *fn = NULL;
  int status = 0;
  if (get(name, &fn, CUDA_API_VERSION, 0, &status) || !fn) return 0;
  memcpy(field, &fn, sizeof fn);
  return 1;
}

cuda_get_proc *hone_cuda_find_driver(void) {
  void *lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL), *sym = lib ? dlsym(lib, "cuGetProcAddress_v2") : NULL;
  cuda_get_proc *get = NULL;
  memcpy(&get, &sym, sizeof get);
  return get;
}

void hone_cuda_use_driver(cuda_get_proc *get) {
  driver = get;
}

static void load_api(void) {
  cuda_get_proc *get = driver ? driver : hone_cuda_find_driver();
  bool ok = get != NULL;
  api_state = HONE_CUDA_NO_DRIVER;
  if (!ok) return;
#define FIND(field, name, params, needed) ok = ok && (hone_cuda_find(get, #name, &api.field) || !needed);
  CUDA_CALLS(FIND)
#undef FIND
  if (!ok) return;
  api_state = api.init(0);
}

/* The caller's context, or the primary one of device 0 made current. *id tells contexts apart also when one is made
   where another was. */
static int current_context(unsigned long long *id) {
  void *ctx = NULL;
  int device, rc = api.ctx_get(&ctx);
  if (!rc && !ctx) {
    rc = api.device_get(&device, 0);
    if (!rc) rc = api.primary_retain(&ctx, device);
    if (!rc) rc = api.ctx_set(ctx);
  }
  *id = (unsigned long long)(uintptr_t)ctx;
  if (!rc && api.ctx_id) rc = api.ctx_id(ctx, id);
  return rc;
}

/* ---- loaded once a context; lists only grow, so readers need no lock ---- */

struct loaded {
  unsigned long long ctx;
  void *module; /* of a hone_cuda_module's state */
  struct loaded *next;
  void *function[]; /* of a form's state */
};
static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;

static struct loaded *find_loaded(void **state, unsigned long long ctx) {
  struct loaded *x = __atomic_load_n((struct loaded **)state, __ATOMIC_ACQUIRE);
  while (x && x->ctx != ctx) x = x->next;
  return x;
}

static struct loaded *add_loaded(void **state, unsigned long long ctx, unsigned nfunction) {
  struct loaded *x = calloc(1, sizeof *x + nfunction * sizeof(void *));
  if (!x) return NULL;
  x->ctx = ctx;
  x->next = *state;
  return x;
}

static void publish(void **state, struct loaded *x) {
  __atomic_store_n((struct loaded **)state, x, __ATOMIC_RELEASE);
}

static int load_module(struct hone_cuda_module *m, unsigned long long ctx, struct loaded **out) {
  char log[LOG_BYTES] = "";
  int option[2] = {CUDA_JIT_ERROR_LOG, CUDA_JIT_ERROR_LOG_BYTES};
  void *value[2] = {log, (void *)(uintptr_t)sizeof log};
  if ((*out = find_loaded(&m->state, ctx))) return 0;
  struct loaded *x = add_loaded(&m->state, ctx, 0);
  if (!x) return HONE_CUDA_MEMORY;
  int rc = m->cubin ? api.module_load(&x->module, m->cubin, 0, NULL, NULL) : CUDA_NO_BINARY;
  if (rc == CUDA_NO_BINARY || rc == CUDA_INVALID_IMAGE)
    rc = api.module_load(&x->module, m->ptx, 2, option, value); /* another architecture */
  if (rc) {
    free(x);
    return fail(rc, log);
  }
  publish(&m->state, x);
  *out = x;
  return 0;
}

/* The first call may be one that is captured into a graph: loading is no part of it, but wants to be allowed. */
static int load_form(struct hone_cuda_form *f, unsigned long long ctx, struct loaded **out) {
  struct loaded *mod;
  int rc = 0, mode = CUDA_CAPTURE_RELAXED;
  if ((*out = find_loaded(&f->state, ctx))) return 0;
  bool relaxed = api.capture_mode && !api.capture_mode(&mode);
  pthread_mutex_lock(&load_lock);
  if (!(*out = find_loaded(&f->state, ctx)) && !(rc = load_module(f->module, ctx, &mod))) {
    struct loaded *x = add_loaded(&f->state, ctx, (unsigned)f->nkernel);
    if (!x) rc = HONE_CUDA_MEMORY;
    for (int i = 0; i < f->nkernel && !rc; i++) rc = api.module_function(&x->function[i], mod->module, f->kernel[i]);
    if (rc)
      free(x);
    else
      publish(&f->state, *out = x);
  }
  pthread_mutex_unlock(&load_lock);
  if (relaxed) (void)api.capture_mode(&mode); /* as it was */
  return rc;
}

static void forget(void **state) {
  for (struct loaded *x = *state, *more; x; x = more) {
    more = x->next;
    free(x);
  }
  *state = NULL;
}

void *hone_cuda_forget(struct hone_cuda_form *f) {
  struct loaded *x = f->module->state;
  void *module = x ? x->module : NULL;
  forget(&f->state);
  forget(&f->module->state);
  return module;
}

/* ---- the plan ---- */

struct reader {
  const int64_t *at, *end;
  void *const *args;
  int64_t nargs;
  bool bad; /* overflow, or a plan that is none */
};

static int64_t next(struct reader *r) {
  if (r->at < r->end) return *r->at++;
  r->bad = true;
  return 0;
}

static int64_t read_poly(struct reader *r) {
  int64_t sum = 0;
  for (int64_t n = next(r); n > 0; n--) {
    int64_t term = next(r);
    for (int64_t m = next(r); m > 0 && !r->bad; m--) {
      int64_t i = next(r);
      if (i < 0 || i >= r->nargs) r->bad = true;
      if (!r->bad) r->bad = __builtin_mul_overflow(term, *(const int64_t *)r->args[i], &term);
    }
    r->bad |= __builtin_add_overflow(sum, term, &sum);
    if (r->bad) return 0;
  }
  return sum;
}

static int64_t read_loop(struct reader *r) {
  int64_t step = next(r), once = next(r), lo = INT64_MIN, hi = INT64_MAX, span = 0, x;
  for (int64_t n = next(r); n > 0 && !r->bad; n--) lo = (x = read_poly(r)) > lo ? x : lo;
  for (int64_t n = next(r); n > 0 && !r->bad; n--) hi = (x = read_poly(r)) < hi ? x : hi;
  if (hi <= lo) return once;
  if (step < 1 || __builtin_sub_overflow(hi, lo, &span)) r->bad = true;
  return r->bad ? 0 : (span - 1) / step + 1;
}

struct grid {
  int64_t threads, blocks, shared; /* bytes of shared memory beside the kernel's own */
};

static struct grid read_kernel(struct reader *r) {
  struct grid g = {.threads = next(r), .blocks = 1};
  g.shared = next(r);
  int64_t most = next(r);
  for (int64_t n = next(r); n > 0 && !r->bad; n--) r->bad |= __builtin_mul_overflow(g.blocks, read_loop(r), &g.blocks);
  if (g.blocks > INT_MAX || g.threads < 1 || g.threads > MAX_THREADS || g.shared < 0 || g.shared > MAX_SHARED)
    r->bad = true;
  if (most > 0 && g.blocks > most) g.blocks = most;
  return g;
}

/* Bytes of one buffer, a multiple of 64; 0: an extent is none. */
static int64_t read_buffer(struct reader *r, int64_t *kernel) {
  *kernel = next(r);
  int64_t size = next(r), rank = next(r), strided = next(r), n = 1, part;
  bool none = false;
  for (; rank > 0 && !r->bad; rank--) {
    int64_t e = read_poly(r);
    none |= e <= 0;
    if (strided) {
      r->bad |= __builtin_mul_overflow(none ? 0 : e - 1, read_poly(r), &part);
      r->bad |= __builtin_add_overflow(n, part, &n);
    } else {
      r->bad |= __builtin_mul_overflow(n, none ? 0 : e, &n);
    }
  }
  if (none) n = 0;
  r->bad |= __builtin_mul_overflow(n, size, &n) || n > INT64_MAX - 64;
  return r->bad ? 0 : (n + 63) / 64 * 64;
}

/* ---- a call ---- */

struct call {
  struct hone_cuda_form *form;
  void *stream;
  void *args[MAX_ARGS];
  struct grid *grid;
  cuda_ptr *buffer;
  int nbuffer; /* allocated */
  _Alignas(CUDA_MAP_BYTES) unsigned char map[MAX_MAPS][CUDA_MAP_BYTES];
};

static int alloc_buffers(struct call *c, struct reader *r) {
  for (int i = 0; i < c->form->nbuffer; i++) {
    int64_t kernel, bytes = read_buffer(r, &kernel);
    if (kernel >= c->form->nkernel) return HONE_CUDA_SIZE;
    if (kernel >= 0) r->bad |= __builtin_mul_overflow(bytes, c->grid[kernel].blocks, &bytes);
    if (r->bad) return HONE_CUDA_SIZE;
    int rc = api.alloc_async(&c->buffer[i], (size_t)(bytes ? bytes : 64), c->stream);
    if (rc) return rc;
    c->nbuffer++;
    c->args[c->form->nparam + i] = &c->buffer[i];
  }
  return 0;
}

/* One map; where the array or its rows do not begin at 16 bytes, or there is nothing in it, it stays 0: the kernels ask
   for the same, and do not look at it. */
static int make_map(struct call *c, struct reader *r, void *map) {
  uint64_t dim[CUDA_MAP_RANK] = {0}, stride[CUDA_MAP_RANK] = {0};
  uint32_t box[CUDA_MAP_RANK] = {0}, step[CUDA_MAP_RANK] = {1, 1, 1, 1, 1};
  int64_t param = next(r), type = next(r), size = next(r), rank = next(r), strided = next(r), dense = size;
  bool fits = true;
  if (param < 0 || param >= c->form->nparam || rank < 2 || rank > CUDA_MAP_RANK) r->bad = true;
  for (int64_t d = 0; d < rank && !r->bad; d++) {
    int64_t extent = read_poly(r), bytes = dense;
    if (strided) r->bad |= __builtin_mul_overflow(read_poly(r), size, &bytes);
    r->bad |= __builtin_mul_overflow(dense, extent, &dense);
    fits &= extent > 0 && (!d || (bytes > 0 && bytes % 16 == 0));
    dim[d] = (uint64_t)extent, stride[d] = (uint64_t)bytes, box[d] = (uint32_t)next(r);
  }
  if (r->bad) return HONE_CUDA_SIZE;
  uint64_t at = (uint64_t) * (const cuda_ptr *)c->args[param];
  if (!fits || !at || at % 16) return 0;
  if (!api.tensor_map) return HONE_CUDA_NO_DRIVER;
  return api.tensor_map(map, (int)type, (uint32_t)rank, (void *)(uintptr_t)at, dim, stride + 1, box, step, 0,
                        CUDA_SWIZZLE_128, CUDA_PROMOTE_256, 0);
}

static int make_maps(struct call *c, struct reader *r) {
  int64_t n = next(r);
  int rc = 0;
  if (n < 0 || n > MAX_MAPS || c->form->nparam + c->form->nbuffer + n > MAX_ARGS) r->bad = true;
  if (r->bad) return HONE_CUDA_SIZE;
  memset(c->map, 0, sizeof c->map);
  for (int64_t i = 0; i < n && !rc; i++) {
    c->args[c->form->nparam + c->form->nbuffer + i] = c->map[i];
    rc = make_map(c, r, c->map[i]);
  }
  return rc;
}

static int launch_all(struct call *c, void *const *function) {
  int rc = 0;
  for (int i = 0; i < c->form->nkernel && !rc; i++) {
    const struct grid *g = &c->grid[i];
    if (g->blocks <= 0) continue;
    if (g->shared) rc = api.function_set(function[i], CUDA_FUNC_DYNAMIC_SHARED, (int)g->shared);
    if (!rc)
      rc = api.launch(function[i], (unsigned)g->blocks, 1, 1, (unsigned)g->threads, 1, 1, (unsigned)g->shared,
                      c->stream, c->args, NULL);
  }
  return rc;
}

static int run(struct call *c, void *const *function) {
  const struct hone_cuda_form *f = c->form;
  struct reader r = {.at = f->plan, .end = f->plan + f->nplan, .args = c->args, .nargs = f->nparam};
  for (int i = 0; i < c->form->nkernel; i++) c->grid[i] = read_kernel(&r);
  if (r.bad) return HONE_CUDA_SIZE;
  int rc = alloc_buffers(c, &r), freed = 0;
  if (!rc) rc = make_maps(c, &r);
  if (!rc) rc = launch_all(c, function);
  for (int i = 0; i < c->nbuffer; i++) {
    int x = api.free_async(c->buffer[i], c->stream);
    freed = freed ? freed : x;
  }
  return rc ? rc : freed;
}

int hone_cuda_run(struct hone_cuda_form *form, void *stream, void *const *args) {
  struct call c = {.form = form, .stream = stream};
  struct loaded *x;
  unsigned long long ctx;
  last_code = 0;
  pthread_once(&api_once, load_api);
  if (api_state) return api_state;
  if (form->nparam + form->nbuffer > MAX_ARGS) return HONE_CUDA_SIZE;
  for (int i = 0; i < form->nparam; i++) c.args[i] = args[i];
  int rc = current_context(&ctx);
  if (!rc) rc = load_form(form, ctx, &x);
  if (rc) return rc;
  c.grid = calloc((size_t)form->nkernel + 1, sizeof *c.grid);
  c.buffer = calloc((size_t)form->nbuffer + 1, sizeof *c.buffer);
  rc = c.grid && c.buffer ? run(&c, x->function) : HONE_CUDA_MEMORY;
  free(c.grid);
  free(c.buffer);
  return rc;
}

/* ---- messages ---- */

static const char *own_text(int code) {
  switch (code) {
  case 0:
    return "no error";
  case HONE_CUDA_NO_DRIVER:
    return "no usable NVIDIA driver: libcuda.so.1 is missing, or older than CUDA 12";
  case HONE_CUDA_OVERLAP:
    return "the arrays overlap, or the dims break an assumption of the function";
  case HONE_CUDA_SIZE:
    return "the dims need more than a grid or memory can have";
  case HONE_CUDA_MEMORY:
    return "no memory on the host";
  default:
    return "unknown code";
  }
}

const char *hone_rt_error(int code) {
  static _Thread_local char text[sizeof last_text + 512];
  const char *name = NULL, *words = NULL;
  if (code <= 0 || !api.error_name || !api.error_string) return own_text(code);
  api.error_name(code, &name);
  api.error_string(code, &words);
  bool more = code == last_code && last_text[0];
  snprintf(text, sizeof text, "%s: %s%s%s", name ? name : "CUDA", words ? words : "unknown code", more ? "\n" : "",
           more ? last_text : "");
  return text;
}
