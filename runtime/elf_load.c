/* See elf_load.h. The image is one mapping of three runs of pages:

     code (r-x): executable sections, then a stub `jmp *slot(%rip)` per external function
     data (r--): read-only sections, then the slots (GOT): one address per symbol that needs one
     vars (rw-): writable sections, zeroed ones, common symbols

   Everything lies within 2 GB, so 32-bit pc-relative relocations reach; what the object does not define may be anywhere
   and is reached through its slot. Objects compiled without -fpic use absolute 32-bit addresses; when such a relocation
   is present the mapping is made in the low 2 GB.

   Every number that comes from the file is checked before use. The file is never written, and read by memcpy only (it
   may be unaligned). Left out: constructors, thread-local variables, indirect functions (refused); unwind tables and
   debug sections (ignored). */
#include "runtime/elf_load.h"
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RUN_CODE, RUN_DATA, RUN_VARS, RUNS };
enum { MAX_SECTIONS = 4096, STUB = 8, SLOT = 8 };
#define MAX_IMAGE ((size_t)256 << 20)

struct section {
  Elf64_Shdr h;
  bool loaded;
  uint8_t run;
  size_t at; /* offset in the image */
};

struct elf_image {
  const uint8_t *file; /* during elf_load only */
  size_t len;
  uint32_t nsection, nsym;
  struct section *section;
  Elf64_Sym *sym;
  uint64_t *addr; /* [nsym] resolved value */
  char *names;    /* string table of the symbols, copied, NUL-terminated */
  size_t names_len;
  uint8_t *base;
  size_t size, end[RUNS], stubs, slots, common;
  bool low;
  elf_resolve_fn *resolve;
  void *ctx;
  char *why;
};

static bool refuse(struct elf_image *im, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(im->why, ELF_WHY, fmt, ap);
  va_end(ap);
  return false;
}

/* Bytes [at, at+n) of the file, NULL when they are not all there. */
static const uint8_t *bytes_at(const struct elf_image *im, uint64_t at, uint64_t n) {
  return at <= im->len && n <= im->len - at ? im->file + at : NULL;
}

static bool read_header(struct elf_image *im, Elf64_Ehdr *eh) {
  const uint8_t *p = bytes_at(im, 0, sizeof *eh);
  if (!p || memcmp(p, ELFMAG, SELFMAG)) return refuse(im, "not an ELF file");
  memcpy(eh, p, sizeof *eh);
  if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64)
    return refuse(im, "not an x86-64 object");
  if (eh->e_type != ET_REL) return refuse(im, "not a relocatable object");
  if (eh->e_shentsize != sizeof(Elf64_Shdr) || eh->e_shnum == 0 || eh->e_shnum > MAX_SECTIONS)
    return refuse(im, "damaged: %u section headers of %u bytes", eh->e_shnum, eh->e_shentsize);
  return true;
}

static bool wants(struct elf_image *im, uint32_t i, struct section *s) {
  const Elf64_Shdr *h = &s->h;
  if (!(h->sh_flags & SHF_ALLOC) || h->sh_type == SHT_X86_64_UNWIND || h->sh_type == SHT_NOTE) return true;
  if (h->sh_flags & SHF_TLS) return refuse(im, "section %u: thread-local variables are not supported", i);
  if (h->sh_type == SHT_INIT_ARRAY || h->sh_type == SHT_FINI_ARRAY || h->sh_type == SHT_PREINIT_ARRAY)
    return refuse(im, "section %u: constructors are not supported", i);
  if (h->sh_type != SHT_PROGBITS && h->sh_type != SHT_NOBITS)
    return refuse(im, "section %u: type %u is not supported", i, h->sh_type);
  if ((h->sh_flags & SHF_EXECINSTR) && (h->sh_flags & SHF_WRITE))
    return refuse(im, "section %u is writable and executable", i);
  s->loaded = true;
  s->run = h->sh_flags & SHF_EXECINSTR ? RUN_CODE : h->sh_flags & SHF_WRITE ? RUN_VARS : RUN_DATA;
  return true;
}

static bool read_sections(struct elf_image *im, const Elf64_Ehdr *eh) {
  const uint8_t *p = bytes_at(im, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(Elf64_Shdr));
  if (!p) return refuse(im, "damaged: section headers lie outside the file");
  im->nsection = eh->e_shnum;
  im->section = calloc(im->nsection, sizeof *im->section);
  if (!im->section) return refuse(im, "out of memory");
  for (uint32_t i = 0; i < im->nsection; i++) {
    struct section *s = &im->section[i];
    memcpy(&s->h, p + i * sizeof s->h, sizeof s->h);
    if (s->h.sh_type != SHT_NOBITS && s->h.sh_type != SHT_NULL && !bytes_at(im, s->h.sh_offset, s->h.sh_size))
      return refuse(im, "damaged: section %u lies outside the file", i);
    if (i && !wants(im, i, s)) return false;
  }
  return true;
}

static bool read_names(struct elf_image *im, uint32_t link) {
  if (link >= im->nsection || im->section[link].h.sh_type != SHT_STRTAB)
    return refuse(im, "damaged: the symbols have no names");
  const Elf64_Shdr *h = &im->section[link].h;
  im->names = malloc(h->sh_size + 1);
  if (!im->names) return refuse(im, "out of memory");
  memcpy(im->names, im->file + h->sh_offset, h->sh_size);
  im->names[h->sh_size] = 0;
  im->names_len = h->sh_size;
  return true;
}

static bool read_symbols(struct elf_image *im) {
  for (uint32_t i = 1; i < im->nsection; i++) {
    const Elf64_Shdr *h = &im->section[i].h;
    if (h->sh_type != SHT_SYMTAB) continue;
    if (im->sym) return refuse(im, "damaged: two symbol tables");
    if (h->sh_entsize != sizeof(Elf64_Sym) || h->sh_size / sizeof(Elf64_Sym) > UINT32_MAX)
      return refuse(im, "damaged: symbols of %zu bytes", (size_t)h->sh_entsize);
    im->nsym = (uint32_t)(h->sh_size / sizeof(Elf64_Sym));
    im->sym = calloc((size_t)im->nsym + 1, sizeof *im->sym);
    im->addr = calloc((size_t)im->nsym + 1, sizeof *im->addr);
    if (!im->sym || !im->addr) return refuse(im, "out of memory");
    memcpy(im->sym, im->file + h->sh_offset, (size_t)im->nsym * sizeof *im->sym);
    if (!read_names(im, h->sh_link)) return false;
  }
  return im->sym ? true : refuse(im, "no symbol table");
}

/* Room for n bytes at the end of the image so far, aligned. */
static bool place(struct elf_image *im, uint64_t n, uint64_t align, size_t *at) {
  if (align == 0) align = 1;
  if (align & (align - 1) || align > 4096) return refuse(im, "damaged: alignment %llu", (unsigned long long)align);
  size_t a = (im->size + (size_t)align - 1) & ~((size_t)align - 1);
  if (n > MAX_IMAGE || a > MAX_IMAGE - n) return refuse(im, "larger than %zu MB in memory", MAX_IMAGE >> 20);
  *at = a;
  im->size = a + n;
  return true;
}

static bool place_common(struct elf_image *im) {
  for (uint32_t i = 1; i < im->nsym; i++) {
    size_t at;
    if (im->sym[i].st_shndx != SHN_COMMON) continue;
    if (!place(im, im->sym[i].st_size, im->sym[i].st_value, &at)) return false;
    im->addr[i] = at; /* made absolute once the base is known */
  }
  return true;
}

static bool place_run(struct elf_image *im, unsigned run) {
  for (uint32_t i = 1; i < im->nsection; i++) {
    struct section *s = &im->section[i];
    if (s->loaded && s->run == run && !place(im, s->h.sh_size, s->h.sh_addralign, &s->at)) return false;
  }
  size_t none = 0;
  if (run == RUN_CODE && !place(im, (uint64_t)im->nsym * STUB, STUB, &im->stubs)) return false;
  if (run == RUN_DATA && !place(im, (uint64_t)im->nsym * SLOT, SLOT, &im->slots)) return false;
  if (run == RUN_VARS && !place_common(im)) return false;
  if (!place(im, 0, 4096, &none)) return false;
  im->size = none;
  im->end[run] = im->size;
  return true;
}

typedef bool visit_fn(struct elf_image *im, const struct section *target, const Elf64_Rela *r);
static bool each_relocation(struct elf_image *im, visit_fn *visit) {
  for (uint32_t i = 1; i < im->nsection; i++) {
    const Elf64_Shdr *h = &im->section[i].h;
    if (h->sh_type == SHT_REL) return refuse(im, "section %u: relocations without addends", i);
    if (h->sh_type != SHT_RELA) continue;
    if (h->sh_entsize != sizeof(Elf64_Rela) || h->sh_info >= im->nsection)
      return refuse(im, "damaged: relocations of section %u", i);
    const struct section *target = &im->section[h->sh_info];
    if (!target->loaded) continue;
    for (uint64_t k = 0; k < h->sh_size / sizeof(Elf64_Rela); k++) {
      Elf64_Rela r;
      memcpy(&r, im->file + h->sh_offset + k * sizeof r, sizeof r);
      if (!visit(im, target, &r)) return false;
    }
  }
  return true;
}

static bool note_low(struct elf_image *im, const struct section *target, const Elf64_Rela *r) {
  (void)target;
  uint32_t t = (uint32_t)ELF64_R_TYPE(r->r_info);
  im->low |= t == R_X86_64_32 || t == R_X86_64_32S;
  return true;
}

static bool map_image(struct elf_image *im) {
  for (unsigned run = 0; run < RUNS; run++)
    if (!place_run(im, run)) return false;
  if (!each_relocation(im, note_low)) return false;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | (im->low ? MAP_32BIT : 0);
  void *p = mmap(NULL, im->size, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (p == MAP_FAILED) return refuse(im, "no memory for %zu bytes of code", im->size);
  im->base = p;
  for (uint32_t i = 1; i < im->nsection; i++) {
    const struct section *s = &im->section[i];
    if (s->loaded && s->h.sh_type != SHT_NOBITS) memcpy(im->base + s->at, im->file + s->h.sh_offset, s->h.sh_size);
  }
  return true;
}

static const char *name_of(const struct elf_image *im, uint32_t i) {
  return im->sym[i].st_name < im->names_len ? im->names + im->sym[i].st_name : "";
}

/* What gcc calls for vectors of expf and the like; the library that holds it is not one that programs name. */
static void *vector_math(const char *name) {
  void *lib = dlopen("libmvec.so.1", RTLD_NOW | RTLD_LOCAL);
  return lib ? dlsym(lib, name) : NULL;
}

static bool resolve_external(struct elf_image *im, uint32_t i) {
  const char *name = name_of(im, i);
  if (!strcmp(name, "_GLOBAL_OFFSET_TABLE_")) { /* named by assemblers wherever slots are used */
    im->addr[i] = (uint64_t)(uintptr_t)(im->base + im->slots);
    return true;
  }
  void *p = *name && im->resolve ? im->resolve(im->ctx, name) : NULL;
  if (!p && *name) p = dlsym(RTLD_DEFAULT, name);
  if (!p && !strncmp(name, "_ZGV", 4)) p = vector_math(name);
  if (!p && ELF64_ST_BIND(im->sym[i].st_info) != STB_WEAK) return refuse(im, "undefined symbol '%.100s'", name);
  im->addr[i] = (uint64_t)(uintptr_t)p;
  return true;
}

static bool resolve_symbol(struct elf_image *im, uint32_t i) {
  const Elf64_Sym *y = &im->sym[i];
  unsigned type = ELF64_ST_TYPE(y->st_info);
  if (type == STT_GNU_IFUNC || type == STT_TLS)
    return refuse(im, "symbol '%.60s' has an unsupported type", name_of(im, i));
  if (type == STT_FILE) return true;
  switch (y->st_shndx) {
  case SHN_UNDEF:
    return resolve_external(im, i);
  case SHN_ABS:
    im->addr[i] = y->st_value;
    return true;
  case SHN_COMMON:
    im->addr[i] += (uint64_t)(uintptr_t)im->base;
    return true;
  default:
    break;
  }
  if (y->st_shndx >= im->nsection) return refuse(im, "damaged: symbol %u is in section %u", i, y->st_shndx);
  const struct section *s = &im->section[y->st_shndx];
  if (!s->loaded) return true; /* of a debug section: 0 marks it unusable */
  if (y->st_value > s->h.sh_size) return refuse(im, "damaged: symbol %u lies outside its section", i);
  im->addr[i] = (uint64_t)(uintptr_t)(im->base + s->at) + y->st_value;
  return true;
}

static bool resolve_symbols(struct elf_image *im) {
  for (uint32_t i = 1; i < im->nsym; i++)
    if (!resolve_symbol(im, i)) return false;
  return true;
}

static bool is_external(const struct elf_image *im, uint32_t i) {
  return im->sym[i].st_shndx == SHN_UNDEF || im->sym[i].st_shndx == SHN_ABS;
}

static uint64_t slot_of(struct elf_image *im, uint32_t i) {
  memcpy(im->base + im->slots + (size_t)i * SLOT, &im->addr[i], SLOT);
  return (uint64_t)(uintptr_t)(im->base + im->slots + (size_t)i * SLOT);
}

/* `jmp *rel32(%rip)` through the symbol's slot. */
static uint64_t stub_of(struct elf_image *im, uint32_t i) {
  uint8_t *p = im->base + im->stubs + (size_t)i * STUB;
  int32_t rel = (int32_t)((int64_t)slot_of(im, i) - (int64_t)(uintptr_t)(p + 6));
  p[0] = 0xff;
  p[1] = 0x25;
  memcpy(p + 2, &rel, 4);
  p[6] = p[7] = 0xcc;
  return (uint64_t)(uintptr_t)p;
}

static bool store32(struct elf_image *im, uint8_t *where, int64_t v, int64_t min, int64_t max, uint32_t sym) {
  if (v < min || v > max) return refuse(im, "relocation against '%.80s' is out of reach", name_of(im, sym));
  uint32_t w = (uint32_t)v;
  memcpy(where, &w, 4);
  return true;
}

static bool relocate(struct elf_image *im, const struct section *target, const Elf64_Rela *r) {
  uint32_t type = (uint32_t)ELF64_R_TYPE(r->r_info), sym = (uint32_t)ELF64_R_SYM(r->r_info);
  if (type == R_X86_64_NONE) return true;
  unsigned width = type == R_X86_64_64 || type == R_X86_64_PC64 ? 8 : 4;
  if (sym >= im->nsym || r->r_offset > target->h.sh_size || target->h.sh_size - r->r_offset < width)
    return refuse(im, "damaged: a relocation lies outside its section");
  if (target->h.sh_type == SHT_NOBITS) return refuse(im, "damaged: relocations of a section without bytes");
  uint8_t *where = im->base + target->at + r->r_offset;
  uint64_t at = (uint64_t)(uintptr_t)where, s = im->addr[sym], a = (uint64_t)r->r_addend;
  bool weak = sym && im->sym[sym].st_shndx == SHN_UNDEF && ELF64_ST_BIND(im->sym[sym].st_info) == STB_WEAK;
  if (sym && !s && !weak && im->sym[sym].st_shndx != SHN_ABS)
    return refuse(im, "relocation against '%.80s', which is not loaded", name_of(im, sym));
  switch (type) {
  case R_X86_64_64:
    s += a;
    memcpy(where, &s, 8);
    return true;
  case R_X86_64_PC64:
    s += a - at;
    memcpy(where, &s, 8);
    return true;
  case R_X86_64_32:
    return store32(im, where, (int64_t)(s + a), 0, UINT32_MAX, sym);
  case R_X86_64_32S:
    return store32(im, where, (int64_t)(s + a), INT32_MIN, INT32_MAX, sym);
  case R_X86_64_PLT32:
    if (is_external(im, sym)) s = stub_of(im, sym);
    return store32(im, where, (int64_t)(s + a - at), INT32_MIN, INT32_MAX, sym);
  case R_X86_64_PC32:
    return store32(im, where, (int64_t)(s + a - at), INT32_MIN, INT32_MAX, sym);
  case R_X86_64_GOTPCREL:
  case R_X86_64_GOTPCRELX:
  case R_X86_64_REX_GOTPCRELX:
    return store32(im, where, (int64_t)(slot_of(im, sym) + a - at), INT32_MIN, INT32_MAX, sym);
  default:
    return refuse(im, "relocation type %u is not supported", type);
  }
}

static bool protect(struct elf_image *im) {
  static const int prot[RUNS] = {PROT_READ | PROT_EXEC, PROT_READ, PROT_READ | PROT_WRITE};
  size_t at = 0;
  for (unsigned run = 0; run < RUNS; run++) {
    if (im->end[run] > at && mprotect(im->base + at, im->end[run] - at, prot[run]))
      return refuse(im, "the system allows no executable memory");
    at = im->end[run];
  }
  return true;
}

struct elf_image *elf_load(const void *bytes, size_t len, elf_resolve_fn *resolve, void *ctx, char why[ELF_WHY]) {
  struct elf_image *im = calloc(1, sizeof *im);
  why[0] = 0;
  if (!im) {
    snprintf(why, ELF_WHY, "out of memory");
    return NULL;
  }
  im->file = bytes;
  im->len = len;
  im->resolve = resolve;
  im->ctx = ctx;
  im->why = why;
  Elf64_Ehdr eh;
  if (read_header(im, &eh) && read_sections(im, &eh) && read_symbols(im) && map_image(im) && resolve_symbols(im) &&
      each_relocation(im, relocate) && protect(im)) {
    im->file = NULL;
    return im;
  }
  elf_unload(im);
  return NULL;
}

void *elf_symbol(const struct elf_image *im, const char *name) {
  for (uint32_t i = 1; i < im->nsym; i++) {
    const Elf64_Sym *y = &im->sym[i];
    bool defined = y->st_shndx != SHN_UNDEF && (y->st_shndx < SHN_LORESERVE || y->st_shndx == SHN_COMMON);
    if (defined && ELF64_ST_BIND(y->st_info) != STB_LOCAL && im->addr[i] && !strcmp(name_of(im, i), name))
      return (void *)(uintptr_t)im->addr[i];
  }
  return NULL;
}

void elf_unload(struct elf_image *im) {
  if (!im) return;
  if (im->base) munmap(im->base, im->size);
  free(im->section);
  free(im->sym);
  free(im->addr);
  free(im->names);
  free(im);
}
