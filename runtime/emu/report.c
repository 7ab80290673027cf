/* Findings and their text. */
#include "runtime/emu/machine.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[EMU_KINDS] = {"out of bounds",   "misaligned",  "illegal",       "divergent .aligned",
                                             "barrier misuse",  "deadlock",    "limit",         "trap",
                                             "resources",       "shared race", "uninitialised", "missing proxy fence",
                                             "unfinished async"};
static const char *const classes[EMU_CLASSES] = {"int",    "float",  "special", "cvt",     "move",   "control",
                                                 "global", "shared", "warp",    "barrier", "tensor", "async"};

const char *emu_kind_name(enum emu_kind k) {
  return kinds[k];
}

const char *emu_class_name(enum emu_class c) {
  return classes[c];
}

void emu_found_at(struct run *r, const uint32_t *block, uint32_t thread, uint32_t line, enum emu_kind kind,
                  const char *text) {
  struct emu_report *rep = r->rep;
  for (int i = 0; i < rep->n; i++) {
    struct emu_finding *f = &rep->finding[i];
    if (f->kind != kind || f->line != line) continue;
    f->times++;
    return;
  }
  if (rep->n == EMU_FINDINGS) {
    rep->more++;
    return;
  }
  struct emu_finding *f = &rep->finding[rep->n++];
  *f = (struct emu_finding){.kind = kind, .line = line, .times = 1, .thread = thread};
  if (block) memcpy(f->block, block, sizeof f->block);
  snprintf(f->text, sizeof f->text, "%s", text);
}

enum step emu_found(struct warp *w, const struct ins *i, int lane, enum emu_kind kind, const char *fmt, ...) {
  char text[400];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  emu_found_at(emu_run(w), w->b->id, w->id * WARP + (uint32_t)(lane < 0 ? 0 : lane), i->line, kind, text);
  return kind < EMU_RACE ? STEP_FAULT : STEP_NEXT;
}

struct out {
  char *buf;
  size_t len, at;
};

static void print(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void print(struct out *o, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(o->at < o->len ? o->buf + o->at : NULL, o->at < o->len ? o->len - o->at : 0, fmt, ap);
  va_end(ap);
  if (n > 0) o->at += (size_t)n;
}

int emu_report_text(const struct emu_report *r, char *buf, size_t len) {
  struct out o = {buf, len, 0};
  const struct emu_counts *c = &r->counts;
  for (int i = 0; i < r->n; i++) {
    const struct emu_finding *f = &r->finding[i];
    print(&o, "%s: ", kinds[f->kind]);
    if (f->line)
      print(&o, "line %u, block (%u,%u,%u) thread %u: ", f->line, f->block[0], f->block[1], f->block[2], f->thread);
    print(&o, "%s", f->text);
    print(&o, f->times > 1 ? " (%llu times)\n" : "\n", (unsigned long long)f->times);
  }
  if (r->more) print(&o, "and %llu more\n", (unsigned long long)r->more);
  for (int k = 0; k < EMU_CLASSES; k++) {
    if (c->instructions[k]) print(&o, "%s %llu  ", classes[k], (unsigned long long)c->instructions[k]);
  }
  print(&o, "warp instructions, %llu divergent branches\n", (unsigned long long)c->divergent_branches);
  print(&o, "global: %llu requests, %llu sectors, %llu bytes loaded, %llu stored\n",
        (unsigned long long)c->global_requests, (unsigned long long)c->global_sectors,
        (unsigned long long)c->global_load_bytes, (unsigned long long)c->global_store_bytes);
  print(&o,
        "shared: %llu requests, %llu conflicts; bulk copies: %llu bytes; tensor cores: %llu flops; barriers: %llu\n",
        (unsigned long long)c->shared_requests, (unsigned long long)c->shared_conflicts,
        (unsigned long long)c->bulk_bytes, (unsigned long long)c->tensor_flops, (unsigned long long)c->barriers);
  return (int)o.at;
}
