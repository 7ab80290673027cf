/* Device memory and the public entry points that only need it. */
#include "runtime/emu/device.h"
#include "runtime/emu/ptx.h"
#include <stdlib.h>
#include <string.h>

#define GLOBAL_START ((uint64_t)0x7f00 << 32)
#define MOST_BYTES   ((uint64_t)1 << 36)
enum { GUARD = 4096, FILL = 0xa5 };

struct emu *emu_open(void) {
  struct emu *d = calloc(1, sizeof *d);
  if (!d) abort();
  d->top = GLOBAL_START;
  return d;
}

void emu_close(struct emu *d) {
  if (!d) return;
  for (uint32_t i = 0; i < d->nalloc; i++) free(d->alloc[i].host);
  free(d->alloc);
  free(d);
}

uint64_t emu_device_alloc(struct emu *d, uint64_t bytes, uint8_t **host) {
  if (bytes > MOST_BYTES || d->used + bytes > MOST_BYTES) return 0;
  uint8_t *h = aligned_alloc(256, (bytes + 255) / 256 * 256 + 256);
  if (!h) return 0;
  if (d->nalloc == d->cap) {
    d->cap = d->cap ? d->cap * 2 : 32;
    d->alloc = realloc(d->alloc, d->cap * sizeof *d->alloc);
    if (!d->alloc) abort();
  }
  memset(h, FILL, bytes);
  struct alloc a = {d->top, bytes, h};
  d->alloc[d->nalloc++] = a;
  d->top += (bytes + GUARD - 1) / GUARD * GUARD + GUARD;
  d->used += bytes;
  *host = h;
  return a.addr;
}

uint64_t emu_alloc(struct emu *d, uint64_t bytes) {
  uint8_t *host;
  return emu_device_alloc(d, bytes ? bytes : 1, &host);
}

struct alloc *emu_device_find(struct emu *d, uint64_t addr) {
  uint32_t lo = 0, hi = d->nalloc;
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (d->alloc[mid].addr <= addr) {
      lo = mid + 1;
    } else {
      hi = mid;
    }
  }
  return lo ? &d->alloc[lo - 1] : NULL;
}

bool emu_free(struct emu *d, uint64_t addr) {
  struct alloc *a = emu_device_find(d, addr);
  if (!a || a->addr != addr || !a->host) return false;
  free(a->host);
  a->host = NULL;
  d->used -= a->size;
  return true;
}

uint64_t emu_used(const struct emu *d) {
  return d->used;
}

static uint8_t *range(struct emu *d, uint64_t addr, uint64_t bytes) {
  struct alloc *a = emu_device_find(d, addr);
  if (!a || !a->host || addr - a->addr > a->size || bytes > a->size - (addr - a->addr)) return NULL;
  return a->host + (addr - a->addr);
}

bool emu_write(struct emu *d, uint64_t addr, const void *from, uint64_t bytes) {
  uint8_t *h = range(d, addr, bytes);
  if (h && bytes) memcpy(h, from, bytes);
  return h != NULL;
}

bool emu_read(struct emu *d, void *to, uint64_t addr, uint64_t bytes) {
  uint8_t *h = range(d, addr, bytes);
  if (h && bytes) memcpy(to, h, bytes);
  return h != NULL;
}

struct emu_module *emu_load(struct emu *d, const char *text, size_t len, struct emu_error *err) {
  return emu_parse(d, text, len, err);
}

void emu_unload(struct emu_module *m) {
  if (m) emu_module_free(m);
}

const char *emu_kernel_name(const struct emu_module *m, int i) {
  const struct kernel *k = m->kernels;
  while (k && i-- > 0) k = k->next;
  return k ? k->name : NULL;
}

static const struct kernel *kernel_find(const struct emu_module *m, const char *name) {
  const struct kernel *k = m->kernels;
  while (k && strcmp(k->name, name)) k = k->next;
  return k;
}

int emu_kernel_params(const struct emu_module *m, const char *kernel) {
  const struct kernel *k = kernel_find(m, kernel);
  return k ? k->nparam : -1;
}

uint32_t emu_param_size(const struct emu_module *m, const char *kernel, int i) {
  const struct kernel *k = kernel_find(m, kernel);
  return k && i >= 0 && i < k->nparam ? k->param[i].size : 0;
}

uint32_t emu_kernel_shared(const struct emu_module *m, const char *kernel) {
  const struct kernel *k = kernel_find(m, kernel);
  return k ? k->shared_static : 0;
}

uint64_t emu_symbol(const struct emu_module *m, const char *name, uint64_t *bytes) {
  for (const struct emu_var *v = m->vars; v; v = v->next) {
    if (!emu_slice_is(v->name, name)) continue;
    if (bytes) *bytes = v->size;
    return v->addr;
  }
  return 0;
}
