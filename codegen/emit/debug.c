/* Line tables (-g): every function that is made gets the name of the C function it comes from, every instruction the
   line of the statement or equation that it was built for. Lines alone: values live in vectors and registers that no
   variable of the C file stands for. */
#include "codegen/emit/build.h"
#include <llvm-c/DebugInfo.h>
#include <string.h>

struct debug {
  LLVMDIBuilderRef di;
  LLVMMetadataRef unit, type, *file; /* file: by number; NULL until it is used */
};

static LLVMMetadataRef file_of(struct module *m, unsigned n) {
  struct debug *d = m->debug;
  const struct emit_files *fs = m->files;
  if (n >= fs->n) n = fs->main;
  const char *name = fs->name[n];
  if (!d->file[n]) d->file[n] = LLVMDIBuilderCreateFile(d->di, name, strlen(name), "", 0);
  return d->file[n];
}

static void flag(struct module *m, const char *name, unsigned value) {
  LLVMMetadataRef v = LLVMValueAsMetadata(LLVMConstInt(m->i32, value, 0));
  LLVMAddModuleFlag(m->mod, LLVMModuleFlagBehaviorWarning, name, strlen(name), v);
}

void debug_open(struct module *m, const struct emit_files *files) {
  if (!files || m->target->limits.simt) return;
  struct debug *d = ARENA_NEW(m->arena, struct debug, 1);
  m->debug = d, m->files = files;
  d->file = ARENA_NEW(m->arena, LLVMMetadataRef, files->n + 1u);
  d->di = LLVMCreateDIBuilder(m->mod);
  flag(m, "Debug Info Version", LLVMDebugMetadataVersion());
  flag(m, "Dwarf Version", 5);
  d->unit = LLVMDIBuilderCreateCompileUnit(d->di, LLVMDWARFSourceLanguageC11, file_of(m, files->main), "hone", 4, 1, "",
                                           0, 0, "", 0, LLVMDWARFEmissionFull, 0, 0, 0, "", 0, "", 0);
  d->type = LLVMDIBuilderCreateSubroutineType(d->di, file_of(m, files->main), NULL, 0, LLVMDIFlagZero);
}

void debug_close(struct module *m) {
  if (!m->debug) return;
  LLVMDIBuilderFinalize(m->debug->di);
  LLVMDisposeDIBuilder(m->debug->di);
  m->debug = NULL;
}

void debug_function(struct module *m, LLVMValueRef fn, LLVMBuilderRef b, const char *name, struct loc at) {
  if (!m->debug) return;
  size_t len;
  const char *symbol = LLVMGetValueName2(fn, &len);
  LLVMMetadataRef file = file_of(m, at.file);
  LLVMMetadataRef sp =
      LLVMDIBuilderCreateFunction(m->debug->di, file, name, strlen(name), symbol, len, file, at.line, m->debug->type,
                                  LLVMGetLinkage(fn) == LLVMInternalLinkage, 1, at.line, LLVMDIFlagZero, 1);
  LLVMSetSubprogram(fn, sp);
  LLVMSetCurrentDebugLocation2(b, LLVMDIBuilderCreateDebugLocation(m->ctx, at.line, 0, sp, NULL));
}

/* The builder forgets its place when it is moved before an instruction: it is told again with each statement, and what
 * was missed gets the function's line below. */
void debug_line(struct fn *f, struct loc at) {
  struct module *m = f->m;
  LLVMMetadataRef sp = m->debug ? LLVMGetSubprogram(f->fn) : NULL;
  if (!sp) return;
  if (at.line) {
    bool other = at.file < m->files->n && at.file != f->f->k->loc.file;
    LLVMMetadataRef scope = other ? LLVMDIBuilderCreateLexicalBlockFile(m->debug->di, sp, file_of(m, at.file), 0) : sp;
    f->where = LLVMDIBuilderCreateDebugLocation(m->ctx, at.line, at.col, scope, NULL);
  }
  if (f->where) LLVMSetCurrentDebugLocation2(f->b, f->where);
}

void debug_complete(struct module *m, LLVMValueRef fn) {
  LLVMMetadataRef sp = m->debug ? LLVMGetSubprogram(fn) : NULL;
  if (!sp) return;
  LLVMMetadataRef at = LLVMDIBuilderCreateDebugLocation(m->ctx, LLVMDISubprogramGetLine(sp), 0, sp, NULL);
  for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(fn); b; b = LLVMGetNextBasicBlock(b))
    for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i))
      if (!LLVMInstructionGetDebugLoc(i)) LLVMInstructionSetDebugLoc(i, at);
}
