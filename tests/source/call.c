/* C that calls the functions of a specification with arguments from arrays. See call.h. */
#include "call.h"
#include <dlfcn.h>
#include <string.h>

bool call_is_index(const struct param *q) {
  static const char *const names[] = {"inp", "targets", "token", "col",    "rowptr", "index",
                                      "tri", "map",     "idx",   "target", "from",   "to"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (q->type == DT_i32 && !strcmp(q->name, names[i])) return true;
  return false;
}

static enum origin_how how(const struct lfunc *f, unsigned p) {
  return f->origin ? (enum origin_how)f->origin[p].how : ORIGIN_SELF;
}

/* The dim that says whether the pointer at this position is NULL; -1: nothing asks. */
static int given(const struct lfunc *f, unsigned at) {
  for (unsigned p = 0; p < f->k->nparam; p++)
    if (how(f, p) == ORIGIN_GIVEN && f->origin[p].from == at) return (int)p;
  return -1;
}

bool call_is_copy(const struct lfunc *fn, unsigned p) {
  bool inside = how(fn, p) == ORIGIN_INSIDE, yes = false;
  for (unsigned i = 0; inside && i < fn->nopaque; i++)
    yes |= fn->opaque[i].at == fn->origin[p].from && fn->opaque[i].bytes > 0;
  return yes;
}

static void write_argument(FILE *f, const struct lfunc *fn, unsigned p, unsigned at) {
  const struct param *q = &fn->k->param[p];
  int flag = given(fn, at);
  if (q->kind == PARAM_DIM)
    fprintf(f, "dim[%u]", p);
  else if (q->kind == PARAM_TENSOR && flag >= 0)
    fprintf(f, "dim[%d] ? data[%u] : 0", flag, p);
  else if (q->kind == PARAM_TENSOR)
    fprintf(f, "data[%u]", p);
  else
    fprintf(f, "(%s)s[%u].%c", type_cname(q->type), p,
            type_is_float(q->type)           ? 'f'
            : type_class(q->type) == DC_SINT ? 'i'
                                             : 'u');
}

static void write_record(FILE *f, const struct lfunc *fn, unsigned at) {
  int flag = given(fn, at);
  for (unsigned i = 0; i < fn->nopaque; i++) {
    const struct opaque *o = &fn->opaque[i];
    if (o->at != at || !o->bytes) continue;
    fprintf(f, "*(__typeof__(({ %s; %s; })) *)rec[%u]", o->ctype, o->name, at);
    return;
  }
  if (flag >= 0)
    fprintf(f, "dim[%d] ? (void *)rec[%u] : 0", flag, at);
  else
    fprintf(f, "(void *)rec[%u]", at);
}

/* Where the structure lies that `from` of an origin speaks of, or the variable. */
static const char *base_of(const struct lfunc *fn, unsigned from, char *out, size_t n) {
  unsigned args = lfunc_nargs(fn);
  if (from < args)
    snprintf(out, n, "rec[%u]", from);
  else
    snprintf(out, n, "(char *)&%s", fn->global[from - args]);
  return out;
}

/* A field of an array of structures: up to where the next one begins, in each row that the smallest array has. */
static void write_rows(FILE *f, const struct lfunc *fn, unsigned p, bool in) {
  enum { ELEMS = 8192 };
  const struct param *q = &fn->k->param[p];
  int64_t size = 1, offset = fn->origin[p].offset, end;
  poly_is_const(fn->k->tensor[q->ref].extent[1], &size);
  size *= (int64_t)type_size(q->type);
  end = size;
  for (unsigned i = 0; i < fn->k->nparam; i++) {
    bool same = fn->k->param[i].record == q->record && how(fn, i) == ORIGIN_INSIDE;
    if (same && fn->origin[i].offset > offset && fn->origin[i].offset < end) end = fn->origin[i].offset;
  }
  char there[96], here[64];
  snprintf(there, sizeof there, "rec[%u] + %lld + i * %lld", fn->origin[p].from, (long long)offset, (long long)size);
  snprintf(here, sizeof here, "(char *)data[%u] + i * %lld", p, (long long)size);
  fprintf(f, "  for (int i = 0; i < %lld; i++) __builtin_memcpy(%s, %s, %lld);\n", (long long)(ELEMS / size),
          in ? there : here, in ? here : there, (long long)(end - offset));
}

/* The array that the pointer field points to whose presence parameter p is. */
static const char *field_of(const struct lfunc *fn, unsigned p, char *out, size_t n) {
  snprintf(out, n, "(void *)rec");
  for (unsigned i = 0; i < fn->k->nparam; i++)
    if (how(fn, i) == ORIGIN_FIELD && fn->origin[i].from == fn->origin[p].from &&
        fn->origin[i].offset == fn->origin[p].offset)
      snprintf(out, n, "data[%u]", i);
  return out;
}

/* The fields of the structures, before the call (in) and after it. */
static void write_fields(FILE *f, const struct lfunc *fn, bool in) {
  char base[256], data[32];
  for (unsigned p = 0; p < fn->k->nparam; p++) {
    const struct param *q = &fn->k->param[p];
    int64_t count = 1;
    if (how(fn, p) == ORIGIN_FIELD && in) {
      bool tensor = q->kind == PARAM_TENSOR;
      fprintf(f, "  *(%s *)(%s + %lld) = %s[%u];\n", tensor ? "void *" : type_cname(q->type),
              base_of(fn, fn->origin[p].from, base, sizeof base), (long long)fn->origin[p].offset,
              tensor ? "data" : "dim", p);
    }
    if (how(fn, p) == ORIGIN_FILLED && in) /* behind its field, which may not be among the parameters */
      fprintf(f, "  *(void **)(%s + %lld) = dim[%u] ? %s : 0;\n", base_of(fn, fn->origin[p].from, base, sizeof base),
              (long long)fn->origin[p].offset, p, field_of(fn, p, data, sizeof data));
    if (how(fn, p) != ORIGIN_INSIDE) continue;
    if (q->record) {
      write_rows(f, fn, p, in);
      continue;
    }
    for (unsigned d = 0; d < fn->k->tensor[q->ref].rank; d++) {
      int64_t extent = 0;
      poly_is_const(fn->k->tensor[q->ref].extent[d], &extent);
      count *= extent;
    }
    char there[320], here[32];
    snprintf(there, sizeof there, "%s + %lld", base_of(fn, fn->origin[p].from, base, sizeof base),
             (long long)fn->origin[p].offset);
    snprintf(here, sizeof here, "data[%u]", p);
    fprintf(f, "  __builtin_memcpy(%s, %s, %lld);\n", in ? there : here, in ? here : there,
            (long long)(count * (int64_t)type_size(q->type)));
  }
}

/* C that calls function i of the file with arguments from arrays. */
void call_write(FILE *f, const struct lfunc *fn, unsigned i) {
  unsigned n = lfunc_nargs(fn), next = 0;
  int result = -1;
  for (unsigned p = 0; p < fn->k->nparam; p++)
    if (how(fn, p) == ORIGIN_RESULT) result = (int)p;
  fprintf(f, "void hone_call_%u(const int64_t *dim, const union value *s, void **data) {\n", i);
  if (fn->nopaque) fprintf(f, "  static char rec[%u][16384] __attribute__((aligned(16)));\n", n);
  write_fields(f, fn, true);
  if (result >= 0) fprintf(f, "  *(%s *)data[%d] = ", type_cname(fn->k->param[result].type), result);
  fprintf(f, "  %s(", fn->k->name);
  for (unsigned at = 0; at < n; at++) {
    bool opaque = false;
    for (unsigned o = 0; o < fn->nopaque; o++) opaque |= fn->opaque[o].at == at;
    if (at) fputs(", ", f);
    while (!opaque && how(fn, next) != ORIGIN_SELF) next++;
    if (opaque)
      write_record(f, fn, at);
    else
      write_argument(f, fn, next++, at);
  }
  fputs(");\n", f);
  write_fields(f, fn, false);
  fputs("}\n", f);
}

void call_write_file(FILE *f, const char *path, const char *header, const struct spec *s) {
  for (unsigned i = 0; i < s->n; i++)
    fprintf(f, "#define %s original_%s\n", s->fn[i].source->f->k->name, s->fn[i].source->f->k->name);
  fprintf(f, "#include \"%s\"\n", path); /* for its types */
  for (unsigned i = 0; i < s->n; i++) fprintf(f, "#undef %s\n", s->fn[i].source->f->k->name);
  fprintf(f, "#include \"%s\"\n#include <stddef.h>\nunion value { int64_t i; uint64_t u; double f; };\n", header);
  for (unsigned i = 0; i < s->n; i++) call_write(f, s->fn[i].source->f, i);
}

call_fn *call_find(void *h, unsigned i) {
  char name[64];
  call_fn *fn;
  snprintf(name, sizeof name, "hone_call_%u", i);
  *(void **)&fn = h ? dlsym(h, name) : NULL;
  return fn;
}
