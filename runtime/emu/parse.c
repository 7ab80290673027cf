/* PTX modules: directives, variables and kernel headers. Leaves bodies to body.c. */
#include "runtime/emu/parse.h"
#include "runtime/emu/device.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MOST = 1 << 28, MAX_PARAM_BYTES = 32764, MAX_PARAMS = 1024, MAX_CONST_BYTES = 1 << 20 };

struct chunk {
  struct chunk *next;
};

static struct chunk *chunk_new(struct emu_module *m, size_t bytes) {
  struct chunk *c = calloc(1, sizeof *c + 16 + bytes);
  if (!c) abort();
  c->next = m->chunks;
  m->chunks = c;
  return c;
}

void *emu_keep(struct emu_module *m, size_t bytes) {
  return (char *)chunk_new(m, bytes) + 16;
}

void emu_parse_fail(struct parse *p, uint32_t line, uint32_t col, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  p->err->line = line;
  p->err->col = col;
  vsnprintf(p->err->text, sizeof p->err->text, fmt, ap);
  va_end(ap);
  longjmp(p->fail, 1);
}

void *emu_grow(struct parse *p, void *old, uint32_t n, uint32_t *cap, size_t size) {
  if (n < *cap) return old;
  *cap = *cap ? *cap * 2 : 64;
  void *new = emu_keep(p->m, *cap * size);
  if (n) memcpy(new, old, n * size);
  return new;
}

void emu_next(struct parse *p) {
  emu_lex_next(&p->l);
  if (p->l.bad) FAIL(p, "malformed token '%.*s'", (int)(p->l.text.n < 40 ? p->l.text.n : 40), p->l.text.s);
}

bool emu_punct(struct parse *p, char c) {
  if (p->l.tok != T_PUNCT || p->l.val != (unsigned char)c) return false;
  emu_next(p);
  return true;
}

void emu_expect(struct parse *p, char c) {
  if (!emu_punct(p, c)) {
    if (p->l.tok == T_END) FAIL(p, "'%c' expected, the text ends", c);
    FAIL(p, "'%c' expected before '%.*s'", c, (int)(p->l.text.n < 40 ? p->l.text.n : 40), p->l.text.s);
  }
}

bool emu_word(struct parse *p, const char *w) {
  if (p->l.tok != T_WORD || !emu_slice_is(p->l.text, w)) return false;
  emu_next(p);
  return true;
}

struct slice emu_name(struct parse *p) {
  struct slice s = p->l.text;
  if (p->l.tok != T_WORD || s.s[0] == '.') FAIL(p, "a name expected");
  p->name_line = p->l.tline;
  p->name_col = p->l.tcol;
  emu_next(p);
  return s;
}

uint64_t emu_int(struct parse *p) {
  uint64_t v = p->l.val;
  if (p->l.tok != T_INT) FAIL(p, "an integer expected");
  emu_next(p);
  return v;
}

/* ---- names ---- */

static uint32_t hash(struct slice s) {
  uint32_t h = 2166136261u;
  for (uint32_t i = 0; i < s.n; i++) h = (h ^ (unsigned char)s.s[i]) * 16777619u;
  return (h ^ h >> 15) % SYM_BUCKETS;
}

struct sym *emu_sym_find(struct parse *p, struct slice name) {
  for (struct sym *s = p->bucket[hash(name)]; s; s = s->next) {
    if (s->name.n == name.n && !memcmp(s->name.s, name.s, name.n)) return s;
  }
  return NULL;
}

struct sym *emu_sym_add(struct parse *p, struct slice name, enum sym_kind kind) {
  struct sym *same = emu_sym_find(p, name);
  if (same && same->depth == p->depth)
    NAME_FAIL(p, "'%.*s' is declared twice", (int)(name.n < 80 ? name.n : 80), name.s);
  struct sym *s = emu_keep(p->m, sizeof *s);
  s->name = name;
  s->kind = kind;
  s->depth = p->depth;
  s->next = p->bucket[hash(name)];
  p->bucket[hash(name)] = s;
  s->older = p->scope[p->depth];
  p->scope[p->depth] = s;
  return s;
}

void emu_scope_open(struct parse *p) {
  if (p->depth + 1 == SCOPE_DEPTH) FAIL(p, "more than %d nested scopes", SCOPE_DEPTH);
  p->scope[++p->depth] = NULL;
  p->scope_use[p->depth] = p->nuse;
}

void emu_scope_close(struct parse *p) {
  for (struct sym *s = p->scope[p->depth]; s; s = s->older) p->bucket[hash(s->name)] = s->next;
  p->depth--;
}

/* ---- variables ---- */

enum emu_type emu_type_of(struct slice w) {
  static const char *const names[] = {
      "",
#define X(N, text, bits, cls) text,
#include "runtime/emu/types.def"
#undef X
  };
  if (w.n && w.s[0] == '.') w.s++, w.n--;
  for (int t = 1; t < TY_COUNT; t++) {
    if (emu_slice_is(w, names[t])) return (enum emu_type)t;
  }
  return TY_NONE;
}

const char *emu_type_name(enum emu_type t) {
  static const char *const names[] = {
      "none",
#define X(N, text, bits, cls) text,
#include "runtime/emu/types.def"
#undef X
  };
  return names[t];
}

uint32_t emu_type_bits(enum emu_type t) {
  static const uint8_t table[] = {
      0,
#define X(N, text, bits, cls) bits,
#include "runtime/emu/types.def"
#undef X
  };
  return table[t];
}

enum emu_type_class emu_type_class(enum emu_type t) {
  static const uint8_t table[] = {
      TC_B,
#define X(N, text, bits, cls) TC_##cls,
#include "runtime/emu/types.def"
#undef X
  };
  return (enum emu_type_class)table[t];
}

void emu_var_type(struct parse *p, struct var_decl *d) {
  *d = (struct var_decl){.elems = 1};
  uint64_t vec = 1;
  for (;;) {
    if (emu_word(p, ".align")) {
      d->align = emu_int(p);
      if (!d->align || (d->align & (d->align - 1)) || d->align > 4096)
        FAIL(p, "alignment must be a power of two up to 4096");
    } else if (emu_word(p, ".v2")) {
      vec = 2;
    } else if (emu_word(p, ".v4")) {
      vec = 4;
    } else if (!emu_word(p, ".ptr") && !emu_word(p, ".global") && !emu_word(p, ".shared") && !emu_word(p, ".const") &&
               !emu_word(p, ".local")) {
      enum emu_type t = p->l.tok == T_WORD ? emu_type_of(p->l.text) : TY_NONE;
      if (!t) break;
      if (t == TY_PRED) FAIL(p, "predicates are registers only");
      if (d->type) FAIL(p, "two types");
      d->type = t;
      emu_next(p);
    }
  }
  if (!d->type) FAIL(p, "a type expected");
  d->size = emu_type_bits(d->type) / 8 * vec;
  if (d->align < d->size && !(d->size & (d->size - 1)) && !d->align) d->align = d->size;
}

void emu_var_name(struct parse *p, struct var_decl *d) {
  d->name = emu_name(p);
  d->elems = 1;
  d->array = d->open = false;
  while (emu_punct(p, '[')) {
    d->array = true;
    if (emu_punct(p, ']')) {
      d->open = true;
      continue;
    }
    if (__builtin_mul_overflow(d->elems, emu_int(p), &d->elems) || d->elems > (uint64_t)1 << 32)
      FAIL(p, "too large an array");
    emu_expect(p, ']');
  }
}

/* One number of an initialiser, or an address. */
static uint64_t init_value(struct parse *p, enum emu_type t) {
  bool neg = emu_punct(p, '-'), generic = false;
  uint64_t v = p->l.val;
  if (p->l.tok == T_WORD) {
    generic = emu_word(p, "generic");
    if (generic) emu_expect(p, '(');
    struct slice name = emu_name(p);
    struct sym *s = emu_sym_find(p, name);
    if (!s || s->kind != SYM_VAR || (s->space != SP_GLOBAL && s->space != SP_CONST)) FAIL(p, "not a global variable");
    if (generic) emu_expect(p, ')');
    v = s->addr + (s->space == SP_CONST && generic ? WIN_CONST : 0);
    if (emu_punct(p, '+')) v += emu_int(p);
    return v;
  }
  if (p->l.tok != T_INT && p->l.tok != T_F32 && p->l.tok != T_F64) FAIL(p, "a number expected");
  if (t == TY_F32 && p->l.tok == T_F64) {
    double d;
    memcpy(&d, &v, 8);
    float f = (float)(neg ? -d : d);
    uint32_t bits;
    memcpy(&bits, &f, 4);
    v = bits;
  } else if (p->l.tok == T_INT) {
    v = neg ? -v : v;
  } else if (neg) {
    v ^= p->l.tok == T_F32 ? 0x80000000u : (uint64_t)1 << 63;
  }
  emu_next(p);
  return v;
}

/* Values in nested braces, in order, into at most size bytes. */
static void initialiser(struct parse *p, const struct var_decl *d, uint8_t *to, uint64_t size) {
  uint64_t at = 0, step = emu_type_bits(d->type) / 8;
  int depth = 0;
  do {
    while (emu_punct(p, '{')) {
      if (++depth > 16) FAIL(p, "braces nest too deep");
    }
    if (!depth || !(p->l.tok == T_PUNCT && p->l.val == '}')) {
      uint64_t v = init_value(p, d->type);
      if (at + step > size) FAIL(p, "more values than elements");
      memcpy(to + at, &v, step < 8 ? step : 8);
      at += step;
    }
    while (depth && emu_punct(p, '}')) depth--;
  } while (depth && emu_punct(p, ','));
  if (depth) FAIL(p, "'}' expected");
}

static uint64_t place(struct parse *p, uint64_t *end, uint64_t size, uint64_t align, uint64_t most, const char *what) {
  uint64_t at = (*end + align - 1) & -align;
  if (size > most || at + size > most) FAIL(p, "more than %llu bytes of %s", (unsigned long long)most, what);
  *end = at + size;
  return at;
}

static void variable(struct parse *p, uint8_t space, bool external, struct var_decl *d) {
  emu_var_name(p, d);
  struct sym *s = emu_sym_add(p, d->name, SYM_VAR);
  uint8_t *init = NULL;
  s->type = d->type;
  s->space = space;
  s->align = d->align ? d->align : 1;
  s->size = d->size * d->elems;
  if (d->open && !(external && space == SP_SHARED)) FAIL(p, "an array without a size");
  s->dynamic = external && space == SP_SHARED;
  if (s->dynamic) s->size = 0;
  if (space == SP_GLOBAL) {
    if (s->size > (uint64_t)1 << 30) FAIL(p, "too large a variable");
    s->addr = emu_device_alloc(p->m->dev, s->size ? s->size : 1, &init);
    if (!s->addr) FAIL(p, "no room for a variable of %llu bytes", (unsigned long long)s->size);
    memset(init, 0, s->size);
    struct emu_var *v = emu_keep(p->m, sizeof *v);
    *v = (struct emu_var){s->name, s->addr, s->size, p->m->vars};
    p->m->vars = v;
  } else if (space == SP_CONST) {
    uint64_t end = p->m->constant_bytes;
    s->addr = place(p, &end, s->size, s->align, MAX_CONST_BYTES, "constant memory");
    p->m->constant_bytes = (uint32_t)end;
    init = p->m->constant + s->addr;
  } else if (space == SP_LOCAL) {
    if (!p->k) FAIL(p, "local variables live in kernels");
    s->addr = place(p, &p->local, s->size, s->align, 1 << 19, "local memory");
  }
  if (emu_punct(p, '=')) {
    if (!init) FAIL(p, "variables of this space have no initial value");
    initialiser(p, d, init, s->size);
  }
}

void emu_variables(struct parse *p, uint8_t space, bool external) {
  struct var_decl d;
  if (emu_word(p, ".attribute")) {
    emu_expect(p, '(');
    while (!emu_punct(p, ')')) {
      if (p->l.tok == T_END) FAIL(p, "')' expected");
      emu_next(p);
    }
  }
  emu_var_type(p, &d);
  do variable(p, space, external, &d);
  while (emu_punct(p, ','));
  emu_expect(p, ';');
}

/* ---- kernels ---- */

static void parameter(struct parse *p, struct kernel *k, struct param *list) {
  struct var_decl d;
  if (!emu_word(p, ".param")) FAIL(p, "'.param' expected");
  if (k->nparam == MAX_PARAMS) FAIL(p, "more than %d parameters", MAX_PARAMS);
  emu_var_type(p, &d);
  /* ".ptr .align 4" gives the alignment of what is pointed to */
  if (d.align < d.size) d.align = d.size;
  emu_var_name(p, &d);
  struct sym *s = emu_sym_add(p, d.name, SYM_VAR);
  uint64_t end = k->param_bytes;
  s->type = d.type;
  s->space = SP_PARAM;
  s->size = d.size * d.elems;
  s->align = d.array ? d.align : d.size;
  s->addr = place(p, &end, s->size, s->align, MAX_PARAM_BYTES, "parameters");
  k->param_bytes = (uint32_t)end;
  list[k->nparam++] = (struct param){d.name, (uint32_t)s->addr, (uint32_t)s->size, (uint32_t)s->align};
}

static void triple(struct parse *p, uint32_t *v) {
  for (int i = 0; i < 3; i++) v[i] = 1;
  for (int i = 0; i < 3; i++) {
    uint64_t n = emu_int(p);
    if (!n || n > 65535) FAIL(p, "a number from 1 to 65535 expected");
    v[i] = (uint32_t)n;
    if (i == 2 || !emu_punct(p, ',')) break;
  }
}

static void performance(struct parse *p, struct kernel *k) {
  for (;;) {
    if (emu_word(p, ".maxntid")) {
      triple(p, k->maxntid);
    } else if (emu_word(p, ".reqntid")) {
      triple(p, k->reqntid);
    } else if (emu_word(p, ".reqnctapercluster")) {
      triple(p, k->cluster);
    } else if (emu_word(p, ".explicitcluster")) {
      k->explicit_cluster = true;
    } else if (emu_word(p, ".maxnreg")) {
      k->maxnreg = (uint32_t)emu_int(p);
    } else if (emu_word(p, ".minnctapersm") || emu_word(p, ".maxnctapersm") || emu_word(p, ".maxclusterrank")) {
      emu_int(p);
    } else if (emu_word(p, ".pragma")) {
      emu_next(p);
      emu_expect(p, ';');
    } else {
      break;
    }
  }
}

static char *keep_name(struct emu_module *m, struct slice s) {
  char *c = emu_keep(m, s.n + 1);
  memcpy(c, s.s, s.n);
  return c;
}

static void entry(struct parse *p) {
  struct kernel *k = emu_keep(p->m, sizeof *k), **last = &p->m->kernels;
  struct param list[MAX_PARAMS];
  k->name = keep_name(p->m, emu_name(p));
  for (; *last; last = &(*last)->next) {
    if (!strcmp((*last)->name, k->name)) FAIL(p, "kernel '%.80s' is defined twice", k->name);
  }
  emu_scope_open(p);
  if (emu_punct(p, '(') && !emu_punct(p, ')')) {
    do parameter(p, k, list);
    while (emu_punct(p, ','));
    emu_expect(p, ')');
  }
  if (k->nparam) {
    k->param = emu_keep(p->m, k->nparam * sizeof list[0]);
    memcpy(k->param, list, k->nparam * sizeof list[0]);
  }
  performance(p, k);
  if (emu_punct(p, ';')) { /* a declaration */
    emu_scope_close(p);
    return;
  }
  p->k = k;
  *last = k;
  emu_body(p);
  p->k = NULL;
  emu_scope_close(p);
}

/* Debug information: to the end of the line, or in braces. */
static void section(struct parse *p) {
  while (p->l.tok != T_END && !(p->l.tok == T_PUNCT && p->l.val == '{')) emu_next(p);
  while (p->l.tok != T_END && !emu_punct(p, '}')) emu_next(p);
}

static void header(struct parse *p) {
  if (!emu_word(p, ".version")) FAIL(p, "'.version' expected: this is not PTX");
  if (p->l.tok != T_F64 && p->l.tok != T_INT) FAIL(p, "a version number expected");
  emu_next(p);
  if (!emu_word(p, ".target")) FAIL(p, "'.target' expected");
  do {
    struct slice s = emu_name(p);
    if (s.n > 3 && s.n < 12 && !memcmp(s.s, "sm_", 3)) {
      p->m->sm = 0;
      for (uint32_t i = 3; i < s.n && s.s[i] >= '0' && s.s[i] <= '9'; i++)
        p->m->sm = p->m->sm * 10 + (uint32_t)(s.s[i] - '0');
    }
  } while (emu_punct(p, ','));
  if (!p->m->sm) FAIL(p, "no target sm_NN");
  if (emu_word(p, ".address_size") && emu_int(p) != 64) FAIL(p, "only 64-bit addresses are supported");
}

static void directive(struct parse *p) {
  bool external = false;
  for (;;) {
    if (emu_word(p, ".extern")) {
      external = true;
    } else if (!emu_word(p, ".visible") && !emu_word(p, ".weak") && !emu_word(p, ".common")) {
      break;
    }
  }
  if (emu_word(p, ".entry")) {
    entry(p);
  } else if (emu_word(p, ".global")) {
    emu_variables(p, SP_GLOBAL, external);
  } else if (emu_word(p, ".const")) {
    emu_variables(p, SP_CONST, external);
  } else if (emu_word(p, ".shared")) {
    emu_variables(p, SP_SHARED, external);
  } else if (emu_word(p, ".section")) {
    section(p);
  } else if (p->l.tok == T_WORD && emu_slice_is(p->l.text, ".file")) {
    uint32_t line = p->l.tline;
    while (p->l.tok != T_END && p->l.tline == line) emu_next(p);
  } else if (emu_word(p, ".pragma")) {
    emu_next(p);
    emu_expect(p, ';');
  } else if (p->l.tok == T_WORD && emu_slice_is(p->l.text, ".func")) {
    FAIL(p, "functions are not supported: all code must be in kernels");
  } else {
    FAIL(p, "unknown directive '%.*s'", (int)(p->l.text.n < 40 ? p->l.text.n : 40), p->l.text.s);
  }
}

static bool parse_all(struct parse *p) {
  if (setjmp(p->fail)) return false;
  emu_next(p);
  header(p);
  while (p->l.tok != T_END) directive(p);
  return true;
}

void emu_module_free(struct emu_module *m) {
  for (struct emu_var *v = m->vars; v; v = v->next) emu_free(m->dev, v->addr);
  for (struct kernel *k = m->kernels; k; k = k->next) free(k->konst);
  for (struct chunk *c = m->chunks, *next; c; c = next) {
    next = c->next;
    free(c);
  }
  free(m->constant);
  free(m->text);
  free(m);
}

struct emu_module *emu_parse(struct emu *dev, const char *text, size_t len, struct emu_error *err) {
  *err = (struct emu_error){.line = 1, .col = 1};
  while (len && !text[len - 1]) len--; /* as the driver takes it: with its terminator */
  if (len > TEXT_MOST) {
    snprintf(err->text, sizeof err->text, "more than %d bytes of text", TEXT_MOST);
    return NULL;
  }
  struct emu_module *m = calloc(1, sizeof *m);
  struct parse *p = calloc(1, sizeof *p);
  if (!m || !p) abort();
  m->dev = dev;
  m->text = malloc(len + 1);
  m->constant = calloc(1, MAX_CONST_BYTES);
  if (!m->text || !m->constant) abort();
  memcpy(m->text, text, len);
  p->m = m;
  p->err = err;
  emu_lex_init(&p->l, m->text, len);
  bool ok = parse_all(p);
  free(p);
  if (ok) return m;
  emu_module_free(m);
  return NULL;
}
