/* Kernels as .hone text. What the parser would infer anyway (ranges, temps) is left out: matmul prints as
   `C[i, j] = sum(k) A[i, k] * B[k, j]`. The rules of inference are in tensor_infer.c, asked by both sides; that is what
   makes printing and parsing exact inverses. */
#include "ir/expr_parse.h"
#include "ir/tensor_infer.h"
#include "ir/tensor_text.h"
#include <stdlib.h>
#include <string.h>

/* ---- the signature ---- */

static void print_polys(struct buf *out, const struct kernel *k, unsigned n, const poly_t *p) {
  for (unsigned i = 0; i < n; i++) {
    if (i) buf_puts(out, ", ");
    poly_print(out, k, p[i]);
  }
}

static void print_shape(struct buf *out, const struct kernel *k, const struct tensor *t) {
  buf_printf(out, "%s[", type_name((enum dtype)t->type));
  print_polys(out, k, t->rank, t->extent);
  buf_putc(out, ']');
  if (!t->stride) return;
  buf_puts(out, " stride [");
  print_polys(out, k, t->rank, t->stride);
  buf_putc(out, ']');
}

static void print_string(struct buf *out, const char *s) {
  buf_putc(out, '"');
  for (; *s; s++) {
    if (*s == '"' || *s == '\\') buf_putc(out, '\\');
    if (*s == '\n') {
      buf_puts(out, "\\n");
    } else {
      buf_putc(out, *s);
    }
  }
  buf_putc(out, '"');
}

static bool shape_mentions(const struct kernel *k, sym_t s) {
  for (unsigned i = 0; i < k->nparam; i++) {
    if (k->param[i].kind != PARAM_TENSOR) continue;
    const struct tensor *t = &k->tensor[k->param[i].ref];
    for (unsigned d = 0; d < t->rank; d++)
      if ((t->extent[d] && poly_has(t->extent[d], s)) || (t->stride && poly_has(t->stride[d], s))) return true;
  }
  return false;
}

static void print_param(struct buf *out, const struct kernel *k, const struct param *p, bool arrow) {
  bool usual_const = false;
  if (p->kind == PARAM_TENSOR) {
    const struct tensor *t = &k->tensor[p->ref];
    usual_const = t->role == ROLE_IN;
    buf_puts(out, t->role == ROLE_INOUT ? "inout " : t->role == ROLE_OUT && !arrow ? "out " : "");
    name_print(out, t->name);
    buf_puts(out, ": ");
    print_shape(out, k, t);
  } else {
    bool hidden = p->kind == PARAM_DIM && !shape_mentions(k, p->ref);
    name_print(out, p->name);
    buf_printf(out, ": %s%s", hidden ? "dim " : "", type_name((enum dtype)p->type));
  }
  if (p->is_const != usual_const) buf_puts(out, p->is_const ? " const" : " mutable");
  if (p->is_restrict) buf_puts(out, " restrict");
  if (p->flat) buf_puts(out, " flat");
  if (p->record) buf_printf(out, " of %u", p->record);
  if (!p->ctype) return;
  buf_puts(out, " ctype ");
  print_string(out, p->ctype);
}

static bool is_out(const struct kernel *k, unsigned p) {
  return k->param[p].kind == PARAM_TENSOR && k->tensor[k->param[p].ref].role == ROLE_OUT;
}

static void print_signature(struct buf *out, const struct kernel *k) {
  unsigned last = k->nparam;
  while (last > 0 && is_out(k, last - 1)) last--;
  buf_puts(out, "kernel ");
  name_print(out, k->name);
  buf_putc(out, '(');
  for (unsigned i = 0; i < k->nparam; i++) {
    if (i == last) {
      buf_puts(out, ") -> ");
    } else if (i) {
      buf_puts(out, ", ");
    }
    print_param(out, k, &k->param[i], i >= last);
  }
  buf_puts(out, last == k->nparam ? ")" : "");
  buf_puts(out, k->noalias ? " {\n" : " mayalias {\n");
}

/* ---- temps: which must be declared ---- */

static bool defined_before(const struct kernel *k, unsigned eq, unsigned tensor) {
  for (unsigned i = 0; i < eq; i++)
    if (k->eq[i].lhs == tensor) return true;
  return false;
}

/* The first equation that writes the temp gives it exactly this type and these extents. */
static bool temp_is_natural(struct arena *a, const struct kernel *k, unsigned tensor) {
  const struct tensor *t = &k->tensor[tensor];
  const struct eq *e = NULL;
  for (unsigned i = 0; i < k->neq && !e; i++)
    if (k->eq[i].lhs == tensor) e = &k->eq[i];
  if (!e || t->stride || t->type != (uint8_t)eq_value_type(e)) return false;
  for (unsigned d = 0; d < t->rank; d++) {
    poly_t p = infer_extent(a, k, e->lhs_idx[d], e->axis, e->npar);
    if (!p || !t->extent[d] || !poly_eq(p, t->extent[d])) return false;
  }
  return true;
}

/* Declared temps come first, the others as they are defined; when that is not the kernel's order, all are declared. */
static bool order_is_natural(const struct kernel *k, const bool *declared) {
  int last = -1;
  for (int pass = 0; pass < 2; pass++)
    for (unsigned i = 0; i < (pass ? k->neq : k->ntensor); i++) {
      unsigned t = pass ? k->eq[i].lhs : i;
      if (k->tensor[t].role != ROLE_TEMP || declared[t] == (pass == 1)) continue;
      if (pass && defined_before(k, i, t)) continue;
      if ((int)t < last) return false;
      last = (int)t;
    }
  return true;
}

static bool *declared_temps(struct arena *a, const struct kernel *k) {
  bool *declared = ARENA_NEW(a, bool, k->ntensor + 1u);
  for (unsigned t = 0; t < k->ntensor; t++) declared[t] = k->tensor[t].role == ROLE_TEMP && !temp_is_natural(a, k, t);
  if (order_is_natural(k, declared)) return declared;
  for (unsigned t = 0; t < k->ntensor; t++) declared[t] = k->tensor[t].role == ROLE_TEMP;
  return declared;
}

static void print_temps(struct buf *out, const struct kernel *k, const bool *declared) {
  for (unsigned t = 0; t < k->ntensor; t++) {
    if (!declared[t]) continue;
    buf_puts(out, "  temp ");
    name_print(out, k->tensor[t].name);
    buf_puts(out, ": ");
    print_shape(out, k, &k->tensor[t]);
    buf_putc(out, '\n');
  }
}

/* ---- equations ---- */

void text_axis(struct buf *out, const struct kernel *k, const struct axis *x, poly_t known) {
  int64_t lo;
  name_print(out, k->sym[x->sym].name);
  if (known && poly_is_const(x->lo, &lo) && lo == 0 && poly_eq(x->hi, known)) return;
  buf_puts(out, " in ");
  poly_print(out, k, x->lo);
  buf_puts(out, "..");
  poly_print(out, k, x->hi);
}

static void print_axes(struct buf *out, const struct kernel *k, const struct eq *e, unsigned from, unsigned to,
                       bool lhs_known) {
  for (unsigned i = from; i < to; i++) {
    if (i > from) buf_puts(out, ", ");
    text_axis(out, k, &e->axis[i], infer_range(k, e, e->axis[i].sym, lhs_known));
  }
}

static bool needs_for(const struct kernel *k, const struct eq *e, bool lhs_known) {
  sym_t order[TEXT_MAX_AXIS];
  int64_t lo;
  unsigned n = infer_lhs_syms(k, e->lhs_idx, k->tensor[e->lhs].rank, order, TEXT_MAX_AXIS);
  if (n != e->npar || (e->red == RED_none && e->nguard)) return true;
  for (unsigned i = 0; i < n; i++) {
    poly_t known = infer_range(k, e, e->axis[i].sym, lhs_known);
    if (order[i] != e->axis[i].sym || !known || !poly_eq(known, e->axis[i].hi)) return true;
    if (!poly_is_const(e->axis[i].lo, &lo) || lo != 0) return true;
  }
  return false;
}

static void print_guards(struct buf *out, const struct kernel *k, const struct eq *e) {
  if (!e->nguard) return;
  buf_puts(out, " if ");
  guards_print(out, k, e->nguard, e->guard);
}

/* In parentheses where `max(k) -x` could be taken for a difference. */
static void print_reduced(struct buf *out, const struct kernel *k, expr_t body) {
  size_t at = out->len;
  expr_print(out, k, body);
  if (out->data[at] != '-' && out->data[at] != '+') return;
  buf_puts(out, "))");
  memmove(out->data + at + 1, out->data + at, out->len - at - 2);
  out->data[at] = '(';
}

static void print_reduction(struct buf *out, const struct kernel *k, const struct eq *e, bool lhs_known) {
  buf_printf(out, "%s(", red_name[e->red]);
  print_axes(out, k, e, e->npar, e->nax, lhs_known);
  print_guards(out, k, e);
  buf_puts(out, ") ");
  print_reduced(out, k, e->body);
  if (e->init) {
    buf_puts(out, " from ");
    expr_print_as(out, k, NULL, e->init, eq_value_type(e));
  }
  if (e->start) {
    buf_puts(out, " start ");
    expr_print_as(out, k, NULL, e->start, (enum dtype)e->body->type);
  }
}

static void print_state(struct buf *out, const struct kernel *k, const struct eq *e) {
  if (e->state != UINT16_MAX) {
    buf_puts(out, " state ");
    name_print(out, k->tensor[e->state].name);
  }
  if (e->rescale) {
    buf_puts(out, " rescale ");
    expr_print_as(out, k, NULL, e->rescale, (enum dtype)e->body->type);
  }
  if (e->running) {
    buf_puts(out, " running ");
    expr_print_as(out, k, NULL, e->running, (enum dtype)e->body->type);
  }
}

/* Whether the tensor's extents are known before equation n is read. */
static bool extents_known(const struct kernel *k, const bool *declared, unsigned n) {
  unsigned t = k->eq[n].lhs;
  return k->tensor[t].role != ROLE_TEMP || declared[t] || defined_before(k, n, t);
}

void text_equation(struct buf *out, const struct kernel *k, const bool *declared, unsigned n, int depth) {
  const struct eq *e = &k->eq[n];
  const struct tensor *t = &k->tensor[e->lhs];
  bool known = extents_known(k, declared, n);
  buf_indent(out, depth);
  if (needs_for(k, e, known)) {
    buf_puts(out, "for ");
    print_axes(out, k, e, 0, e->npar, known);
    if (e->red == RED_none) print_guards(out, k, e);
    buf_puts(out, ": ");
  }
  name_print(out, t->name);
  buf_putc(out, '[');
  print_polys(out, k, t->rank, e->lhs_idx);
  bool same = eq_value_type(e) == (enum dtype)t->type || (red_is_arg(e->red) && type_is_int((enum dtype)t->type));
  buf_puts(out, same ? "] = " : "] := ");
  if (e->red != RED_none) {
    print_reduction(out, k, e, known);
  } else if (same && known) { /* a temp's type follows from the right side */
    expr_print_as(out, k, NULL, e->body, (enum dtype)t->type);
  } else {
    expr_print(out, k, e->body);
  }
  print_state(out, k, e);
  buf_putc(out, '\n');
}

void kernel_print_eq(struct buf *out, const struct kernel *k, unsigned eq) {
  bool *declared = calloc(k->ntensor + 1u, sizeof *declared);
  if (!declared) oom_raise();
  text_equation(out, k, declared, eq, 0);
  free(declared);
}

static void print_equations(struct buf *out, const struct kernel *k, const bool *declared, void *ctx) {
  (void)ctx;
  for (unsigned i = 0; i < k->neq; i++) text_equation(out, k, declared, i, 1);
}

/* ---- the order of symbols ---- */

static bool is_word(const char *s) {
  static const char *const word[] = {"kernel", "inout", "out",  "dim",    "stride", "const",   "mutable", "restrict",
                                     "flat",   "ctype", "sym",  "temp",   "assume", "in",      "from",    "start",
                                     "state",  "group", "over", "shared", "stream", "rescale", "running", "mayalias"};
  enum dtype t;
  enum op o;
  enum red r;
  size_t n = strlen(s);
  for (size_t i = 0; i < sizeof word / sizeof *word; i++)
    if (!strcmp(s, word[i])) return true;
  return type_from_name(s, n, &t) || op_from_name(s, n, &o) || red_from_name(s, n, &r);
}

/* The word `for` of the text is no symbol of that name, which is quoted. */
static int find_sym(const struct kernel *k, const struct token *t) {
  for (unsigned i = 0; i < k->nsym; i++)
    if (t->quoted != name_is_plain(k->sym[i].name) && strlen(k->sym[i].name) == t->n &&
        !memcmp(k->sym[i].name, t->s, t->n))
      return (int)i;
  return -1;
}

struct text_walk {
  struct buf *out;
  const struct kernel *k;
  text_fn *fn;
  void *ctx;
};

/* Reading this text would number the symbols as they are: dims by parameter, then indices by appearance. */
static bool syms_in_order(struct arena *a, const struct kernel *k, const struct buf *body) {
  struct lexer l;
  unsigned next = 0;
  bool ok = true;
  for (unsigned i = 0; i < k->nsym; i++) ok &= !is_word(k->sym[i].name);
  for (unsigned i = 0; i < k->nparam && ok; i++) ok &= k->param[i].kind != PARAM_DIM || k->param[i].ref == next++;
  lex_init(&l, a, NULL, 0, body->data, body->len);
  for (; ok && l.tok.kind != TOK_EOF; lex_next(&l)) {
    int s = l.tok.kind == TOK_NAME ? find_sym(k, &l.tok) : -1;
    if (s > (int)next) ok = false;
    if (s == (int)next) next++;
  }
  return ok && next == k->nsym;
}

static void print_syms(struct buf *out, const struct kernel *k) {
  buf_puts(out, "  sym ");
  for (unsigned i = 0; i < k->nsym; i++) {
    if (i) buf_puts(out, ", ");
    name_print(out, k->sym[i].name);
  }
  buf_putc(out, '\n');
}

static void print_body(struct arena *a, const struct text_walk *w, struct buf *body) {
  const struct kernel *k = w->k;
  const bool *declared = declared_temps(a, k);
  if (k->nassume) {
    buf_puts(body, "  assume ");
    guards_print(body, k, k->nassume, k->assume);
    buf_putc(body, '\n');
  }
  print_temps(body, k, declared);
  (w->fn ? w->fn : print_equations)(body, k, declared, w->ctx);
  buf_puts(body, "}\n");
}

static void print_kernel(struct arena *a, void *ctx) {
  struct text_walk *w = ctx;
  struct buf body;
  struct oom_guard g;
  buf_init(&body);
  if (!OOM_TRY(&g)) {
    buf_free(&body);
    oom_raise();
  }
  print_body(a, w, &body);
  print_signature(w->out, w->k);
  if (!syms_in_order(a, w->k, &body)) print_syms(w->out, w->k);
  buf_write(w->out, body.data, body.len);
  oom_leave(&g);
  buf_free(&body);
}

void text_kernel(struct buf *out, const struct kernel *k, text_fn *fn, void *ctx) {
  struct text_walk w = {out, k, fn, ctx};
  scratch_run(print_kernel, &w);
}

void kernel_print(struct buf *out, const struct kernel *k) {
  text_kernel(out, k, NULL, NULL);
}
