/* Loads one relocatable x86-64 object from memory, so that running a candidate needs no linker, no file and no dlopen (and an address can be taken
   away again). Meant for objects that hone's emitter or a C compiler made; malformed input is refused, never followed. */
#ifndef HONE_RUNTIME_ELF_LOAD_H
#define HONE_RUNTIME_ELF_LOAD_H
#include <stddef.h>

struct elf_image;
/* Address of an external symbol, NULL when it is not known here (then dlsym is asked). */
typedef void *elf_resolve_fn(void *ctx, const char *name);
enum { ELF_WHY = 160 };
/* Copies the object's sections, relocates them and makes code executable (no page is ever writable and executable at once).
   NULL with the reason in why: not such an object, damaged, unknown relocation or symbol, no memory. The bytes are not needed afterwards. */
struct elf_image *elf_load(const void *bytes, size_t len, elf_resolve_fn *resolve, void *ctx, char why[ELF_WHY]);
/* Address of a global or weak symbol that the object defines; NULL when there is none. */
void *elf_symbol(const struct elf_image *im, const char *name);
void elf_unload(struct elf_image *im); /* NULL is fine */
#endif
