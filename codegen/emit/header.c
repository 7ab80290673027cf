/* The C header of a module: prototypes with the shapes of their arrays. In C++ arrays of run-time size are pointers to
 * their first element. */
#include "codegen/emit/emit.h"
#include <stdio.h>
#include <string.h>

static const char *c_name(const struct param *p) {
  return type_cname((enum dtype)p->type);
}

/* The C spelling of an extent inside a prototype: a constant, or a dim whose parameter stands before parameter
 * `before`. */
static const char *extent_text(const struct kernel *k, poly_t e, unsigned before, char out[32]) {
  int64_t c;
  sym_t s;
  if (!e) return NULL;
  if (poly_is_const(e, &c)) {
    snprintf(out, 32, "%lld", (long long)c);
    return c > 0 ? out : NULL;
  }
  if (!poly_is_sym(e, &s) || s >= k->nsym || k->sym[s].kind != SYM_DIM || k->sym[s].param >= before) return NULL;
  return k->param[k->sym[s].param].name;
}

static bool spells_array(const struct kernel *k, unsigned param) {
  const struct tensor *t = &k->tensor[k->param[param].ref];
  char text[32];
  if (t->rank < 2 || t->stride) return false;
  for (unsigned d = 0; d < t->rank; d++)
    if (!extent_text(k, t->extent[d], param, text)) return false;
  return true;
}

/* `const float A[M][N]` where C can spell the extents, else (and in C++) `const float *A`. */
static void tensor_param(struct buf *out, const struct kernel *k, unsigned param, bool arrays) {
  const struct param *p = &k->param[param];
  const struct tensor *t = &k->tensor[p->ref];
  bool written = t->role == ROLE_OUT || t->role == ROLE_INOUT, array = arrays && spells_array(k, param);
  buf_printf(out, "%s%s %s%s", written ? "" : "const ", c_name(p), array ? "" : "*", p->name);
  char text[32];
  for (unsigned d = 0; array && d < t->rank; d++) buf_printf(out, "[%s]", extent_text(k, t->extent[d], param, text));
}

static void parameter(struct buf *out, const struct kernel *k, unsigned i, bool arrays) {
  const struct param *p = &k->param[i];
  if (p->ctype && (arrays || !strchr(p->ctype, '[')))
    buf_puts(out, p->ctype);
  else if (p->kind == PARAM_TENSOR)
    tensor_param(out, k, i, arrays);
  else
    buf_printf(out, "%s %s", c_name(p), p->name);
}

/* The argument at position `at` of the C function; *param: where to go on among the parameters. */
static void argument(struct buf *out, const struct emit_entry *e, unsigned at, unsigned *param, bool arrays) {
  const struct lfunc *f = e->source;
  for (unsigned i = 0; f && i < f->nopaque; i++)
    if (f->opaque[i].at == at) {
      buf_puts(out, f->opaque[i].ctype);
      return;
    }
  while (f && f->origin && *param < e->k->nparam && f->origin[*param].how != ORIGIN_SELF) ++*param;
  if (*param < e->k->nparam) parameter(out, e->k, (*param)++, arrays);
}

static const char *return_type(const struct emit_entry *e) {
  for (unsigned i = 0; e->source && e->source->origin && i < e->k->nparam; i++)
    if (e->source->origin[i].how == ORIGIN_RESULT) return c_name(&e->k->param[i]);
  return "void";
}

enum dress { DRESS_C, DRESS_CXX, DRESS_GPU, DRESS_GPU_CXX };

static void prototype(struct buf *out, const struct emit_entry *e, enum dress dress) {
  unsigned n = e->source ? lfunc_nargs(e->source) : e->k->nparam, param = 0;
  bool arrays = dress == DRESS_C || dress == DRESS_GPU, gpu = dress >= DRESS_GPU;
  if (gpu)
    buf_printf(out, "int %s_cuda(void *stream", e->k->name);
  else
    buf_printf(out, "%s %s(", return_type(e), e->k->name);
  for (unsigned i = 0; i < n; i++) {
    if (i || gpu) buf_puts(out, ", ");
    argument(out, e, i, &param, arrays);
  }
  buf_puts(out, n || gpu ? ")" : "void)");
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

static bool derived(const struct emit_entry *e, unsigned param) {
  return e->source && e->source->origin && e->source->origin[param].how != ORIGIN_SELF;
}

static void one(struct buf *out, const struct emit_entry *e, bool gpu) {
  const struct kernel *k = e->k;
  bool any = false;
  for (unsigned i = 0; i < k->ntensor; i++) {
    if (k->tensor[i].role == ROLE_TEMP || derived(e, k->tensor[i].param)) continue;
    buf_puts(out, any ? "" : gpu ? "\n/* Arrays on the device, row-major:\n" : "\n/* Arrays, row-major:\n");
    any = true;
    shape(out, k, &k->tensor[i]);
  }
  if (any && k->noalias) buf_puts(out, "   Arrays that are written must not overlap others.\n");
  if (any) buf_puts(out, " */\n");
  struct buf c, plus;
  buf_init(&c);
  buf_init(&plus);
  prototype(&c, e, gpu ? DRESS_GPU : DRESS_C);
  prototype(&plus, e, gpu ? DRESS_GPU_CXX : DRESS_CXX);
  if (strcmp(c.data, plus.data) != 0) /* C++ has no arrays of run-time size */
    buf_printf(out, "#ifdef __cplusplus\n%s;\n#else\n%s;\n#endif\n", plus.data, c.data);
  else
    buf_printf(out, "%s;\n", c.data);
  buf_free(&c);
  buf_free(&plus);
}

/* gcc before 13 has no __bf16 on x86, which clang, whose reading of the C function it is, has. */
static void put_bf16(struct buf *out) {
  buf_puts(out,
           "#if !defined __cplusplus && defined __x86_64__ && defined __GNUC__ && !defined __clang__ && __GNUC__ < 13\n"
           "typedef uint16_t __bf16; /* its bits */\n#endif\n");
}

void emit_header(struct buf *out, const struct emit_entry *e, unsigned n, const char *guard, bool gpu) {
  struct buf all;
  buf_init(&all);
  for (unsigned i = 0; i < n; i++) one(&all, &e[i], gpu);
  buf_printf(
      out,
      "/* Made by hone. */\n#ifndef %s\n#define %s\n#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n",
      guard, guard);
  if (all.data && strstr(all.data, "__bf16")) put_bf16(out);
  buf_puts(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
  if (gpu)
    buf_puts(out,
             "\n/* Launches in `stream` (a CUstream; NULL: the default one) and returns at once: 0, or a code that\n"
             "   hone_rt_error() of hone_rt.h explains. Link with libhone_rt.a. */\n");
  buf_write(out, all.data, all.len);
  buf_free(&all);
  buf_puts(out, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}
