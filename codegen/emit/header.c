/* The C header of a module: prototypes with the shapes of their arrays. */
#include "codegen/emit/emit.h"

static const char *c_name(const struct param *p) {
  return type_cname((enum dtype)p->type);
}

/* `const float A[M][N]` where the extents are single dims or constants that C can spell, else a pointer. */
static void tensor_param(struct buf *out, const struct kernel *k, const struct param *p) {
  const struct tensor *t = &k->tensor[p->ref];
  bool written = t->role == ROLE_OUT || t->role == ROLE_INOUT;
  buf_printf(out, "%s%s *%s", written ? "" : "const ", c_name(p), p->name);
}

void emit_prototype(struct buf *out, const struct kernel *k) {
  buf_printf(out, "void %s(", k->name);
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    if (i) buf_puts(out, ", ");
    if (p->ctype)
      buf_puts(out, p->ctype);
    else if (p->kind == PARAM_TENSOR)
      tensor_param(out, k, p);
    else
      buf_printf(out, "%s %s", c_name(p), p->name);
  }
  buf_puts(out, k->nparam ? ")" : "void)");
}

static void shape(struct buf *out, const struct kernel *k, const struct tensor *t) {
  static const char *const role[] = {"in", "out", "in and out", "temporary"};
  buf_printf(out, "   %s: %s", t->name, type_name((enum dtype)t->type));
  if (t->rank > 0 && t->extent && t->extent[0]) {
    buf_putc(out, '[');
    for (unsigned d = 0; d < t->rank; d++) {
      if (d) buf_puts(out, ", ");
      poly_print(out, k, t->extent[d]);
    }
    buf_putc(out, ']');
  }
  buf_printf(out, ", %s\n", role[t->role]);
}

static void one(struct buf *out, const struct emit_entry *e) {
  const struct kernel *k = e->k;
  bool any = false;
  for (unsigned i = 0; i < k->ntensor; i++) {
    if (k->tensor[i].role == ROLE_TEMP) continue;
    buf_puts(out, any ? "" : "\n/* Arrays, row-major:\n");
    any = true;
    shape(out, k, &k->tensor[i]);
  }
  if (any && k->noalias) buf_puts(out, "   Arrays that are written must not overlap others.\n");
  if (any) buf_puts(out, " */\n");
  emit_prototype(out, k);
  buf_puts(out, ";\n");
}

void emit_header(struct buf *out, const struct emit_entry *e, unsigned n, const char *guard) {
  buf_printf(out, "/* Made by hone. */\n#ifndef %s\n#define %s\n#include <stdbool.h>\n#include <stdint.h>\n", guard, guard);
  buf_puts(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
  for (unsigned i = 0; i < n; i++) one(out, &e[i]);
  buf_puts(out, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}
