/* LOOP (and SOURCE) as text. loop_parse.c reads it back: print(parse(print(f))) is print(f).

   func NAME [reassoc] [fast] [noalias] {
     sym M, N, i, j                               every symbol in its order, as polynomials are printed by it
     param M: i32 dim M                           in the order of the C signature
     param alpha: f32
     param A: f32 tensor A const restrict flat "const float *A"
     param ret: f32 tensor ret result             made by the entry; `given 2`: is argument 2 a pointer that is not
   NULL; `field 0 8`: read 8 bytes behind argument 0; `inside 0 8`: lies there pointer 0 m "const Matrix *m" argument 0,
   no parameter tensor A: f32[M, N] in [strides (lda, 1)]    in, out, inout, temp; `[]`: unknown extent; no brackets:
   rank 0 object acc: f32[6, 16] reg [strides (…)] [panels 64 x 64]     arg, reg, stack, heap; one that has a tensor's
   name replaces its default local s: f32 assume M - 1 >= 0 for i in 0, lo2 .. M, hi2 step 6 parallel once {…} greatest
   lower, least upper bound; unroll; vector 16 acc[i, j] = value      acc[i, j] sum= value      when (i >= 0) C[i] =
   value stream C[i] = value s = value if i >= 0, j >= 0 where cond {…} else {…} alloc acc {…}      prefetch [write] A[i
   + 8, j]      while cond {…}      {…}
   } */
#include "ir/expr_parse.h"
#include "ir/loop.h"

static void print_stmt(struct buf *out, const struct lfunc *f, const struct lstmt *s, int depth);

/* A list of polys; NULL: unknown. */
static void print_polys(struct buf *out, const struct kernel *k, const poly_t *p, unsigned n) {
  for (unsigned i = 0; i < n; i++) {
    if (i) buf_puts(out, ", ");
    poly_print(out, k, p[i]);
  }
}

/* TYPE[extents] */
static void print_type(struct buf *out, const struct kernel *k, enum dtype t, unsigned rank, const poly_t *extent) {
  buf_puts(out, type_name(t));
  if (!rank) return;
  buf_putc(out, '[');
  if (rank > 1 || extent[0]) print_polys(out, k, extent, rank);
  buf_putc(out, ']');
}

static void print_strides(struct buf *out, const struct kernel *k, const poly_t *stride, unsigned rank) {
  if (!stride || !rank) return;
  buf_puts(out, " strides (");
  print_polys(out, k, stride, rank);
  buf_putc(out, ')');
}

static void print_named(struct buf *out, const char *what, const char *name) {
  buf_printf(out, "  %s ", what);
  name_print(out, name);
  buf_puts(out, ": ");
}

static void print_origin(struct buf *out, const struct origin *o) {
  if (o->how == ORIGIN_RESULT) buf_puts(out, " result");
  if (o->how == ORIGIN_GIVEN) buf_printf(out, " given %u", o->from);
  if (o->how == ORIGIN_FIELD) buf_printf(out, " field %u %lld", o->from, (long long)o->offset);
  if (o->how == ORIGIN_FILLED) buf_printf(out, " filled %u %lld", o->from, (long long)o->offset);
  if (o->how == ORIGIN_INSIDE) buf_printf(out, " inside %u %lld", o->from, (long long)o->offset);
}

static void print_quoted(struct buf *out, const char *s) {
  buf_puts(out, " \"");
  for (; *s; s++) {
    if (*s == '"' || *s == '\\') buf_putc(out, '\\');
    buf_puts(out, *s == '\n' ? "\\n" : (char[]){*s, 0});
  }
  buf_putc(out, '"');
}

static void print_param(struct buf *out, const struct kernel *k, const struct param *p, const struct origin *o) {
  print_named(out, "param", p->name);
  buf_puts(out, type_name((enum dtype)p->type));
  if (p->kind == PARAM_DIM && p->ref < k->nsym) {
    buf_puts(out, " dim ");
    name_print(out, k->sym[p->ref].name);
  }
  if (p->kind == PARAM_TENSOR && p->ref < k->ntensor) {
    buf_puts(out, " tensor ");
    name_print(out, k->tensor[p->ref].name);
  }
  buf_printf(out, "%s%s%s", p->is_const ? " const" : "", p->is_restrict ? " restrict" : "", p->flat ? " flat" : "");
  if (p->record) buf_printf(out, " of %u", p->record);
  if (p->ctype) print_quoted(out, p->ctype);
  if (o) print_origin(out, o);
  buf_putc(out, '\n');
}

static bool same_polys(const poly_t *x, const poly_t *y, unsigned n) {
  if (!x || !y) return x == y;
  for (unsigned i = 0; i < n; i++)
    if (!poly_eq(x[i], y[i])) return false;
  return true;
}

/* The object is exactly what lfunc_new makes of the tensor. */
static bool is_default(const struct object *o, const struct tensor *t) {
  enum scope s = t->role == ROLE_TEMP ? SCOPE_HEAP : SCOPE_ARG;
  return o->scope == s && o->type == t->type && o->rank == t->rank && same_polys(o->extent, t->extent, o->rank) &&
         same_polys(o->stride, t->stride, o->rank);
}

static void print_objects(struct buf *out, const struct lfunc *f) {
  static const char *const scope[] = {"arg", "reg", "stack", "heap"};
  for (unsigned i = 0; i < f->nobject; i++) {
    const struct object *o = &f->object[i];
    if (i < f->k->ntensor && is_default(o, &f->k->tensor[i])) continue;
    print_named(out, "object", o->name);
    print_type(out, f->k, (enum dtype)o->type, o->rank, o->extent);
    buf_printf(out, " %s", scope[o->scope]);
    print_strides(out, f->k, o->stride, o->rank);
    if (o->stages) buf_printf(out, " stages %u%s", o->stages, o->tma ? " tma" : "");
    if (o->panel_rows) buf_printf(out, " panels %u x %u", (unsigned)o->panel_rows, (unsigned)o->panel_cols);
    buf_putc(out, '\n');
  }
}

static void print_signature(struct buf *out, const struct lfunc *f) {
  static const char *const role[] = {"in", "out", "inout", "temp"};
  const struct kernel *k = f->k;
  for (unsigned i = 0; i < k->nsym; i++) {
    buf_puts(out, i ? ", " : "  sym ");
    name_print(out, k->sym[i].name);
  }
  if (k->nsym) buf_putc(out, '\n');
  for (unsigned i = 0; i < k->nparam; i++) print_param(out, k, &k->param[i], f->origin ? &f->origin[i] : NULL);
  for (unsigned i = 0; i < f->nopaque; i++) {
    buf_printf(out, "  pointer %u ", f->opaque[i].at);
    name_print(out, f->opaque[i].name);
    print_quoted(out, f->opaque[i].ctype);
    if (f->opaque[i].bytes) buf_printf(out, " value %u", f->opaque[i].bytes);
    buf_putc(out, '\n');
  }
  for (unsigned i = 0; i < f->nglobal; i++) {
    buf_puts(out, "  global ");
    name_print(out, f->global[i]);
    buf_putc(out, '\n');
  }
  for (unsigned i = 0; i < k->ntensor; i++) {
    const struct tensor *t = &k->tensor[i];
    print_named(out, "tensor", t->name);
    print_type(out, k, (enum dtype)t->type, t->rank, t->extent);
    buf_printf(out, " %s", role[t->role]);
    print_strides(out, k, t->stride, t->rank);
    buf_putc(out, '\n');
  }
  print_objects(out, f);
  for (unsigned i = 0; i < f->nlocal; i++) {
    print_named(out, "local", f->local[i].name);
    buf_printf(out, "%s\n", type_name((enum dtype)f->local[i].type));
  }
  for (unsigned i = 0; i < k->nassume; i++) {
    buf_puts(out, "  assume ");
    guards_print(out, k, 1, &k->assume[i]);
    buf_putc(out, '\n');
  }
}

/* {…}: a block's statements stand in the braces directly. */
static void print_body(struct buf *out, const struct lfunc *f, const struct lstmt *s, int depth) {
  buf_puts(out, "{\n");
  if (s->kind == L_BLOCK) {
    for (uint32_t i = 0; i < s->nbody; i++) print_stmt(out, f, s->body[i], depth + 1);
  } else {
    print_stmt(out, f, s, depth + 1);
  }
  buf_indent(out, depth);
  buf_putc(out, '}');
}

static void print_for(struct buf *out, const struct lfunc *f, const struct lstmt *s) {
  buf_puts(out, "for ");
  name_print(out, s->sym < f->k->nsym ? f->k->sym[s->sym].name : "?");
  buf_puts(out, " in ");
  print_polys(out, f->k, s->lo, s->nlo);
  buf_puts(out, " .. ");
  print_polys(out, f->k, s->hi, s->nhi);
  if (s->step != 1) buf_printf(out, " step %lld", (long long)s->step);
  if (s->nfrom) {
    buf_puts(out, " from ");
    print_polys(out, f->k, s->from, s->nfrom);
  }
  if (s->fkind == F_PARALLEL) buf_puts(out, " parallel");
  if (s->raster) buf_printf(out, " raster %u", s->raster);
  if (s->persist) buf_printf(out, " persist %u", s->persist);
  if (s->cluster) buf_printf(out, " cluster %u", s->cluster);
  if (s->fkind == F_UNROLL) buf_puts(out, " unroll");
  if (s->fkind == F_SERIAL && s->unroll) buf_printf(out, " unroll %u", s->unroll);
  if (s->fkind == F_VECTOR) buf_printf(out, " vector %d", s->lanes_log2 < 16 ? 1 << s->lanes_log2 : 0);
  if (s->fkind == F_VECTOR && s->digit) buf_printf(out, " at %u", s->digit);
  if (s->fkind == F_SUB) buf_puts(out, " sub");
  if (s->fkind == F_TILES) buf_puts(out, " tile");
  buf_puts(out, s->once ? " once " : " ");
}

static void print_store(struct buf *out, const struct lfunc *f, const struct lstmt *s) {
  if (s->acc->nguard) {
    buf_puts(out, "when (");
    guards_print(out, f->k, s->acc->nguard, s->acc->guard);
    buf_puts(out, ") ");
  }
  if (s->nontemporal) buf_puts(out, "stream ");
  access_print(out, f->k, f, s->acc);
  buf_printf(out, " %s= ", s->red && s->red < RED_COUNT ? red_name[s->red] : "");
  enum dtype t = s->acc->tensor < f->nobject ? (enum dtype)f->object[s->acc->tensor].type : DT_COUNT;
  expr_print_as(out, f->k, f, s->value, t);
}

static void print_set(struct buf *out, const struct lfunc *f, const struct lstmt *s) {
  name_print(out, s->id < f->nlocal ? f->local[s->id].name : "?");
  buf_puts(out, " = ");
  expr_print_as(out, f->k, f, s->value, s->id < f->nlocal ? (enum dtype)f->local[s->id].type : DT_COUNT);
}

static void print_if(struct buf *out, const struct lfunc *f, const struct lstmt *s, int depth) {
  buf_puts(out, "if ");
  guards_print(out, f->k, s->nguard, s->guard);
  if (s->apart) buf_puts(out, " apart");
  for (unsigned i = 0; s->apart && i < s->nhi; i++) {
    buf_puts(out, i ? ", " : " (");
    poly_print(out, f->k, s->hi[i]);
    if (i + 1 == s->nhi) buf_puts(out, ")");
  }
  if (s->cond) {
    buf_puts(out, s->nguard ? " where " : "where ");
    expr_print_in(out, f->k, f, s->cond);
  }
  buf_puts(out, s->nguard || s->cond ? " " : "");
  print_body(out, f, s->body[0], depth);
  if (s->nbody < 2 || !s->body[1]) return;
  buf_puts(out, " else ");
  print_body(out, f, s->body[1], depth);
}

static void print_stmt(struct buf *out, const struct lfunc *f, const struct lstmt *s, int depth) {
  buf_indent(out, depth);
  switch (s->kind) {
  case L_BLOCK:
    print_body(out, f, s, depth);
    break;
  case L_FOR:
    print_for(out, f, s);
    print_body(out, f, s->body[0], depth);
    break;
  case L_STORE:
    print_store(out, f, s);
    break;
  case L_SET:
    print_set(out, f, s);
    break;
  case L_IF:
    print_if(out, f, s, depth);
    break;
  case L_ALLOC:
    buf_puts(out, "alloc ");
    name_print(out, s->id < f->nobject ? f->object[s->id].name : "?");
    buf_putc(out, ' ');
    print_body(out, f, s->body[0], depth);
    break;
  case L_PREFETCH:
    buf_puts(out, s->red ? "prefetch write " : "prefetch ");
    access_print(out, f->k, f, s->acc);
    break;
  case L_LET:
    buf_puts(out, "let ");
    name_print(out, s->sym < f->k->nsym ? f->k->sym[s->sym].name : "?");
    buf_puts(out, " = ");
    expr_print_as(out, f->k, f, s->value, DT_i64);
    break;
  case L_PART:
    buf_puts(out, "part ");
    name_print(out, s->id < f->npart ? f->part[s->id].name : "?");
    buf_putc(out, ' ');
    print_body(out, f, s->body[0], depth);
    break;
  default:
    buf_puts(out, "while ");
    expr_print_in(out, f->k, f, s->cond);
    buf_putc(out, ' ');
    print_body(out, f, s->body[0], depth);
  }
  buf_putc(out, '\n');
}

void lfunc_print(struct buf *out, const struct lfunc *f) {
  buf_puts(out, "func ");
  name_print(out, f->name);
  buf_printf(out, "%s%s%s {\n", f->reassoc ? " reassoc" : "", f->fast ? " fast" : "", f->k->noalias ? " noalias" : "");
  print_signature(out, f);
  if (f->body->kind == L_BLOCK) {
    for (uint32_t i = 0; i < f->body->nbody; i++) print_stmt(out, f, f->body->body[i], 1);
  } else {
    print_stmt(out, f, f->body, 1);
  }
  buf_puts(out, "}\n");
}
