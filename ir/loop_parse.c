/* LOOP (and SOURCE) from text: the inverse of loop_print.c, where the syntax stands. Meaning is checked by
   lfunc_verify, not here; what is made here is always well-formed enough to be printed and verified. */
#include "ir/expr_parse.h"
#include "ir/loop.h"
#include <string.h>

enum { MANY = 2048, BOUNDS = 16, RANK = 16 };

struct parser {
  struct lexer l;
  struct expr_parser e;
  struct arena *a;
  struct lfunc *f;
  struct kernel *k;
  struct origin *origin; /* [MANY] of the parameters; NULL: none has one */
  struct opaque *opaque;
  unsigned nopaque, nglobal;
  const char **global;
};
static struct lstmt *parse_body(struct parser *p);
static struct lstmt *parse_stmt(struct parser *p);

/* ---- names ---- */

static bool same(const struct token *t, const char *name) {
  return strlen(name) == t->n && !memcmp(name, t->s, t->n);
}

static int find_sym(const struct parser *p, const struct token *t) {
  for (unsigned i = 0; i < p->k->nsym; i++)
    if (same(t, p->k->sym[i].name)) return (int)i;
  return -1;
}

static int find_tensor(const struct parser *p, const struct token *t) {
  for (unsigned i = 0; i < p->k->ntensor; i++)
    if (same(t, p->k->tensor[i].name)) return (int)i;
  return -1;
}

static int find_object(const struct parser *p, const struct token *t) {
  for (unsigned i = 0; i < p->f->nobject; i++)
    if (same(t, p->f->object[i].name)) return (int)i;
  return -1;
}

static int find_local(const struct parser *p, const struct token *t) {
  for (unsigned i = 0; i < p->f->nlocal; i++)
    if (same(t, p->f->local[i].name)) return (int)i;
  return -1;
}

static struct ref resolve(void *ctx, const struct token *t) {
  const struct parser *p = ctx;
  int i;
  if ((i = find_local(p, t)) >= 0)
    return (struct ref){.kind = REF_LOCAL, .type = p->f->local[i].type, .id = (uint16_t)i};
  if ((i = find_object(p, t)) >= 0) {
    const struct object *o = &p->f->object[i];
    return (struct ref){REF_TENSOR, o->type, o->rank, (uint16_t)i};
  }
  if ((i = find_sym(p, t)) >= 0) return (struct ref){.kind = REF_SYM, .type = DT_i64, .id = (uint16_t)i};
  for (unsigned j = 0; j < p->k->nparam; j++)
    if (p->k->param[j].kind != PARAM_TENSOR && same(t, p->k->param[j].name))
      return (struct ref){.kind = REF_SCALAR, .type = p->k->param[j].type, .id = (uint16_t)j};
  return (struct ref){0};
}

/* Takes one of the words; its number, or -1 after an error. */
static int word_of(struct parser *p, const char *const *word, int n, const char *what) {
  for (int i = 0; i < n; i++)
    if (lex_accept(&p->l, word[i])) return i;
  lex_error(&p->l, "expected %s before %s", what, lex_describe(&p->l));
  return -1;
}

static bool take_index(struct parser *p, int (*find)(const struct parser *, const struct token *), const char *what,
                       uint16_t *out) {
  int i = p->l.tok.kind == TOK_NAME ? find(p, &p->l.tok) : -1;
  if (i < 0) return lex_error(&p->l, "expected %s before %s", what, lex_describe(&p->l));
  lex_next(&p->l);
  *out = (uint16_t)i;
  return true;
}

/* A polynomial, or ? for an unknown one. */
static bool take_poly(struct parser *p, poly_t *out) {
  *out = NULL;
  if (lex_accept(&p->l, "?")) return true;
  *out = poly_parse(&p->e);
  return *out != NULL;
}

static bool take_polys(struct parser *p, poly_t *out, unsigned *n, unsigned max) {
  *n = 0;
  do {
    if (*n == max) return lex_error(&p->l, "too many in this list");
    if (!take_poly(p, &out[*n])) return false;
    ++*n;
  } while (lex_accept(&p->l, ","));
  return true;
}

/* ---- declarations ---- */

struct shape {
  enum dtype type;
  unsigned rank;
  poly_t extent[RANK];
};

static bool take_type(struct parser *p, enum dtype *t) {
  if (p->l.tok.kind != TOK_NAME || !type_from_name(p->l.tok.s, p->l.tok.n, t))
    return lex_error(&p->l, "unknown type %s", lex_describe(&p->l));
  lex_next(&p->l);
  return true;
}

static bool take_shape(struct parser *p, struct shape *s) {
  s->rank = 0;
  if (!take_type(p, &s->type)) return false;
  if (!lex_accept(&p->l, "[")) return true;
  if (lex_accept(&p->l, "]")) {
    s->rank = 1;
    s->extent[0] = NULL;
    return true;
  }
  return take_polys(p, s->extent, &s->rank, RANK) && lex_expect(&p->l, "]");
}

/* [strides (…)]: NULL in *out when absent. */
static bool take_strides(struct parser *p, unsigned rank, poly_t **out) {
  poly_t s[RANK];
  unsigned n = 0;
  *out = NULL;
  if (!lex_accept(&p->l, "strides")) return true;
  if (!lex_expect(&p->l, "(") || !take_polys(p, s, &n, RANK)) return false;
  if (n != rank) return lex_error(&p->l, "%u strides for rank %u", n, rank);
  for (unsigned i = 0; i < n; i++)
    if (!s[i]) return lex_error(&p->l, "a stride must be known");
  *out = arena_dup(p->a, s, sizeof *s * n);
  return lex_expect(&p->l, ")");
}

static bool parse_syms(struct parser *p) {
  do {
    struct loc at = p->l.tok.loc;
    const char *name;
    if (!lex_name(&p->l, "a name", &name)) return false;
    if (p->k->nsym == MANY) return lex_error(&p->l, "too many symbols");
    sym_t s = kernel_add_sym(p->k, name, SYM_INDEX);
    if (strcmp(p->k->sym[s].name, name)) return lex_error_at(&p->l, at, "'%s' is declared twice", name);
  } while (lex_accept(&p->l, ","));
  return true;
}

static bool take_u16(struct parser *p, uint16_t *out) {
  int64_t v;
  if (!lex_int(&p->l, &v)) return false;
  if (v < 0 || v >= MANY) return lex_error(&p->l, "no such argument");
  *out = (uint16_t)v;
  return true;
}

/* [result | given N | field N OFFSET | filled N OFFSET | inside N OFFSET] */
static bool parse_origin(struct parser *p, unsigned n) {
  struct lexer *l = &p->l;
  struct origin o = {0};
  if (lex_accept(l, "result"))
    o.how = ORIGIN_RESULT;
  else if (lex_accept(l, "given"))
    o.how = ORIGIN_GIVEN;
  else if (lex_accept(l, "field"))
    o.how = ORIGIN_FIELD;
  else if (lex_accept(l, "filled"))
    o.how = ORIGIN_FILLED;
  else if (lex_accept(l, "inside"))
    o.how = ORIGIN_INSIDE;
  else
    return true;
  if (o.how != ORIGIN_RESULT && !take_u16(p, &o.from)) return false;
  if (o.how >= ORIGIN_FIELD && !lex_int(l, &o.offset)) return false;
  if (!p->origin) p->origin = ARENA_NEW(p->a, struct origin, MANY);
  p->origin[n] = o;
  return true;
}

static bool parse_pointer(struct parser *p) {
  struct opaque o = {0};
  int64_t bytes = 0;
  if (p->nopaque == MANY) return lex_error(&p->l, "too many parameters");
  if (!p->opaque) p->opaque = ARENA_NEW(p->a, struct opaque, MANY);
  if (!take_u16(p, &o.at) || !lex_name(&p->l, "a name", &o.name)) return false;
  if (p->l.tok.kind != TOK_STRING) return lex_error(&p->l, "expected a declaration");
  o.ctype = lex_string(&p->l, &p->l.tok);
  lex_next(&p->l);
  if (lex_accept(&p->l, "value") && !lex_int(&p->l, &bytes)) return false;
  if (bytes < 0 || bytes > OPAQUE_BYTES) return lex_error(&p->l, "a structure of at most %d bytes", OPAQUE_BYTES);
  o.bytes = (uint32_t)bytes;
  p->opaque[p->nopaque++] = o;
  return true;
}

static bool parse_global(struct parser *p) {
  if (p->nglobal == MANY) return lex_error(&p->l, "too many variables");
  if (!p->global) p->global = ARENA_NEW(p->a, const char *, MANY);
  return lex_name(&p->l, "a name", &p->global[p->nglobal++]);
}

/* `tensor A: …`, the next declaration, and not the `tensor A` of a parameter? */
static bool starts_tensor(const struct lexer *l) {
  struct lexer ahead = *l;
  ahead.d = NULL;
  lex_next(&ahead);
  struct token colon = lex_peek(&ahead);
  return lex_token_is(&colon, ":");
}

/* Names of tensors stand after their parameters, so a parameter's tensor is looked up at the end. */
static bool parse_param(struct parser *p, struct token *tensor_of) {
  const char *name;
  enum dtype t;
  struct lexer *l = &p->l;
  if (p->k->nparam == MANY) return lex_error(l, "too many parameters");
  if (!lex_name(l, "a name", &name) || !lex_expect(l, ":") || !take_type(p, &t)) return false;
  unsigned n = kernel_add_param(p->k, name, PARAM_SCALAR, t);
  struct param *q = &p->k->param[n];
  q->loc = l->tok.loc;
  if (lex_accept(l, "dim")) {
    q->kind = PARAM_DIM;
    if (!take_index(p, find_sym, "a symbol", &q->ref)) return false;
    if (p->k->sym[q->ref].kind == SYM_DIM) return lex_error(l, "two parameters for one dim");
    p->k->sym[q->ref].kind = SYM_DIM;
    p->k->sym[q->ref].param = (uint16_t)n;
  } else if (lex_is(l, "tensor") && !starts_tensor(l)) {
    lex_next(l);
    q->kind = PARAM_TENSOR;
    tensor_of[n] = l->tok;
    if (!lex_name(l, "a tensor", &name)) return false;
  }
  q->is_const = lex_accept(l, "const");
  q->is_restrict = lex_accept(l, "restrict");
  q->flat = lex_accept(l, "flat");
  int64_t record = 0;
  if (lex_accept(l, "of") && !lex_int(l, &record)) return false;
  if (record < 0 || record > UINT8_MAX)
    return lex_error(l, "a number up to %d is expected before %s", UINT8_MAX, lex_describe(l));
  q->record = (uint8_t)record;
  if (l->tok.kind == TOK_STRING) {
    q->ctype = lex_string(l, &l->tok);
    lex_next(l);
  }
  return parse_origin(p, n);
}

static bool parse_tensor(struct parser *p) {
  static const char *const role[] = {"in", "out", "inout", "temp"};
  const char *name;
  struct shape s;
  poly_t *stride;
  struct loc at = p->l.tok.loc;
  if (p->k->ntensor == MANY) return lex_error(&p->l, "too many tensors");
  if (find_tensor(p, &p->l.tok) >= 0) return lex_error(&p->l, "%s is declared twice", lex_describe(&p->l));
  if (!lex_name(&p->l, "a name", &name) || !lex_expect(&p->l, ":") || !take_shape(p, &s)) return false;
  int r = word_of(p, role, 4, "in, out, inout or temp");
  if (r < 0 || !take_strides(p, s.rank, &stride)) return false;
  unsigned t = kernel_add_tensor(p->k, name, s.type, (enum role)r, s.rank, s.extent);
  p->k->tensor[t].stride = stride;
  p->k->tensor[t].loc = at;
  return true;
}

/* [panels ROWS x COLS] */
static bool take_panels(struct parser *p, uint32_t *rows, uint32_t *cols) {
  int64_t r, c;
  *rows = *cols = 0;
  if (!lex_accept(&p->l, "panels")) return true;
  if (!lex_int(&p->l, &r) || !lex_expect(&p->l, "x") || !lex_int(&p->l, &c)) return false;
  if (r < 1 || c < 1 || r > 1 << 16 || c > 1 << 16) return lex_error(&p->l, "panels must be from 1 to %d", 1 << 16);
  *rows = (uint32_t)r, *cols = (uint32_t)c;
  return true;
}

/* A tensor's name replaces its default object. */
static bool parse_object(struct parser *p) {
  static const char *const scope[] = {"arg", "reg", "stack", "heap"};
  const char *name;
  struct shape s;
  poly_t *stride;
  int n = find_object(p, &p->l.tok);
  if (n >= (int)p->k->ntensor) return lex_error(&p->l, "%s is declared twice", lex_describe(&p->l));
  if (p->f->nobject >= 2 * MANY) return lex_error(&p->l, "too many objects");
  if (!lex_name(&p->l, "a name", &name) || !lex_expect(&p->l, ":") || !take_shape(p, &s)) return false;
  int c = word_of(p, scope, 4, "arg, reg, stack or heap");
  int64_t stages = 0;
  bool tma = false;
  uint32_t rows, cols;
  if (c < 0 || !take_strides(p, s.rank, &stride)) return false;
  if (lex_is(&p->l, "stages")) {
    lex_next(&p->l);
    if (!lex_int(&p->l, &stages)) return false;
    if (stages < 2 || stages > OBJECT_STAGES) return lex_error(&p->l, "2 to %d stages", OBJECT_STAGES);
    tma = lex_accept(&p->l, "tma");
  }
  if (!take_panels(p, &rows, &cols)) return false;
  if (n < 0) n = (int)lfunc_add_object(p->f, name, s.type, (enum scope)c, s.rank, s.extent);
  p->f->object[n] = (struct object){arena_strdup(p->a, name),
                                    (uint8_t)s.type,
                                    (uint8_t)c,
                                    (uint8_t)s.rank,
                                    arena_dup(p->a, s.extent, sizeof *s.extent * s.rank),
                                    stride,
                                    (uint8_t)stages,
                                    tma,
                                    rows,
                                    cols};
  for (unsigned i = 0; c != SCOPE_ARG && i < s.rank; i++)
    if (!s.extent[i]) return lex_error(&p->l, "a buffer's extent must be known");
  return true;
}

static bool parse_local(struct parser *p) {
  const char *name;
  enum dtype t;
  if (find_local(p, &p->l.tok) >= 0) return lex_error(&p->l, "%s is declared twice", lex_describe(&p->l));
  if (p->f->nlocal >= MANY) return lex_error(&p->l, "too many locals");
  if (!lex_name(&p->l, "a name", &name) || !lex_expect(&p->l, ":") || !take_type(p, &t)) return false;
  unsigned n = lfunc_add_local(p->f, name, t);
  p->f->local[n].name = name;
  return true;
}

static bool parse_assume(struct parser *p) {
  poly_t g[2];
  unsigned n = 0;
  if (!guards_parse(&p->e, g, &n, 2)) return false;
  if (p->k->nassume + n > MANY) return lex_error(&p->l, "too many assumptions");
  poly_t *all = ARENA_NEW(p->a, poly_t, p->k->nassume + n);
  if (p->k->nassume) memcpy(all, p->k->assume, sizeof *all * p->k->nassume);
  memcpy(all + p->k->nassume, g, sizeof *g * n);
  p->k->assume = all;
  p->k->nassume = (uint16_t)(p->k->nassume + n);
  return true;
}

static bool link_tensors(struct parser *p, const struct token *tensor_of) {
  for (unsigned i = 0; i < p->k->nparam; i++) {
    if (p->k->param[i].kind != PARAM_TENSOR) continue;
    int t = find_tensor(p, &tensor_of[i]);
    if (t < 0) return lex_error_at(&p->l, tensor_of[i].loc, "this tensor is not declared");
    p->k->param[i].ref = (uint16_t)t;
    p->k->tensor[t].param = (uint16_t)i;
  }
  return true;
}

/* One declaration if there is one here. A statement never has two names in a row. */
static bool is_decl(const struct parser *p, const char *word) {
  struct token next = lex_peek(&p->l);
  return lex_is(&p->l, word) && next.kind == TOK_NAME;
}

static bool parse_signature(struct parser *p) {
  struct token *tensor_of = ARENA_NEW(p->a, struct token, MANY);
  struct lexer *l = &p->l;
  while (!l->failed && is_decl(p, "sym")) lex_next(l), parse_syms(p);
  while (!l->failed && is_decl(p, "param")) lex_next(l), parse_param(p, tensor_of);
  while (!l->failed && lex_is(l, "pointer") && lex_peek(l).kind == TOK_INT) lex_next(l), parse_pointer(p);
  while (!l->failed && is_decl(p, "global")) lex_next(l), parse_global(p);
  while (!l->failed && is_decl(p, "tensor")) lex_next(l), parse_tensor(p);
  return !l->failed && link_tensors(p, tensor_of);
}

static bool parse_objects(struct parser *p) {
  struct lexer *l = &p->l;
  while (!l->failed && is_decl(p, "object")) lex_next(l), parse_object(p);
  while (!l->failed && is_decl(p, "local")) lex_next(l), parse_local(p);
  for (struct token next = lex_peek(l); !l->failed && lex_is(l, "assume"); next = lex_peek(l)) {
    if (lex_token_is(&next, "[") || lex_token_is(&next, "=")) break; /* a thing of that name */
    lex_next(l);
    parse_assume(p);
  }
  return !l->failed;
}

/* ---- statements ---- */

static struct lstmt *blank(struct parser *p, enum lkind kind, unsigned nbody) {
  struct lstmt *s = loop_block(p->a, 0, NULL);
  s->kind = (uint8_t)kind;
  s->nbody = nbody;
  if (nbody) s->body = ARENA_NEW(p->a, struct lstmt *, nbody);
  return s;
}

static bool take_digit(struct lexer *l, struct lstmt *s) {
  int64_t digit;
  if (!lex_int(l, &digit)) return false;
  if (digit < 0 || digit > 9) return lex_error(l, "a thread's number has bits 0 to 9");
  s->digit = (uint8_t)digit;
  return true;
}

/* raster N, persist N, cluster N */
static bool take_grid(struct lexer *l, struct lstmt *s) {
  int64_t n;
  for (unsigned i = 0; i < 2; i++) {
    if (!lex_accept(l, i ? "persist" : "raster")) continue;
    if (!lex_int(l, &n)) return false;
    if (n < 1 || n > UINT16_MAX) return lex_error(l, "the number of blocks is 1 to %d", UINT16_MAX);
    *(i ? &s->persist : &s->raster) = (uint16_t)n;
  }
  if (lex_accept(l, "cluster")) {
    if (!lex_int(l, &n)) return false;
    if (n < 1 || n > UINT8_MAX) return lex_error(l, "the number of blocks is 1 to %d", UINT8_MAX);
    s->cluster = (uint8_t)n;
  }
  return true;
}

static bool take_kind(struct parser *p, struct lstmt *s) {
  int64_t lanes, times;
  struct lexer *l = &p->l;
  if (lex_accept(l, "parallel")) {
    s->fkind = F_PARALLEL;
    if (!take_grid(l, s)) return false;
  } else if (lex_accept(l, "unroll")) {
    s->fkind = l->tok.kind == TOK_INT ? F_SERIAL : F_UNROLL; /* with a number: a hint for a serial loop */
    if (s->fkind == F_SERIAL) {
      if (!lex_int(l, &times)) return false;
      if (times < 1 || times > 255) return lex_error(l, "a loop is unrolled 1 to 255 times");
      s->unroll = (uint8_t)times;
    }
  } else if (lex_accept(l, "sub")) {
    s->fkind = F_SUB;
  } else if (lex_accept(l, "tile")) {
    s->fkind = F_TILES;
  } else if (lex_accept(l, "vector")) {
    s->fkind = F_VECTOR;
    if (!lex_int(l, &lanes)) return false;
    if (lanes < 1 || lanes > 1024 || (lanes & (lanes - 1))) return lex_error(l, "lanes must be a power of two");
    s->lanes_log2 = (uint8_t)__builtin_ctzll((unsigned long long)lanes);
    if (lex_accept(l, "at") && !take_digit(l, s)) return false;
  }
  s->once = lex_accept(l, "once");
  return true;
}

/* Bounds with none unknown. */
static bool take_bounds(struct parser *p, poly_t **out, uint8_t *n) {
  poly_t b[BOUNDS];
  unsigned count;
  if (!take_polys(p, b, &count, BOUNDS)) return false;
  for (unsigned i = 0; i < count; i++)
    if (!b[i]) return lex_error(&p->l, "a bound must be known");
  *n = (uint8_t)count;
  *out = arena_dup(p->a, b, sizeof *b * count);
  return true;
}

static struct lstmt *parse_for(struct parser *p) {
  struct lstmt *s = blank(p, L_FOR, 1);
  struct lexer *l = &p->l;
  if (!take_index(p, find_sym, "an index", &s->sym) || !lex_expect(l, "in")) return NULL;
  if (!take_bounds(p, &s->lo, &s->nlo) || !lex_expect(l, "..") || !take_bounds(p, &s->hi, &s->nhi)) return NULL;
  if (lex_accept(l, "step") && !lex_int(l, &s->step)) return NULL;
  if (lex_accept(l, "from") && !take_bounds(p, &s->from, &s->nfrom)) return NULL;
  if (!take_kind(p, s)) return NULL;
  s->body[0] = parse_body(p);
  return s->body[0] ? s : NULL;
}

static struct access *take_access(struct parser *p) {
  uint16_t n = 0;
  if (!take_index(p, find_object, "a tensor or buffer", &n)) return NULL;
  const struct object *o = &p->f->object[n];
  return access_parse(&p->e, (struct ref){REF_TENSOR, o->type, o->rank, n});
}

/* [when (guards)] [stream] X[…] [red]= value */
static struct lstmt *parse_store(struct parser *p) {
  struct lexer *l = &p->l;
  struct lstmt *s = blank(p, L_STORE, 0);
  poly_t g[BOUNDS];
  unsigned n = 0;
  struct token next = lex_peek(l);
  if (lex_is(l, "when") && lex_token_is(&next, "(")) {
    lex_next(l);
    lex_next(l);
    if (!guards_parse(&p->e, g, &n, BOUNDS) || !lex_expect(l, ")")) return NULL;
    next = lex_peek(l);
  }
  if (lex_is(l, "stream") && next.kind == TOK_NAME) {
    lex_next(l);
    s->nontemporal = true;
  }
  struct access *acc = take_access(p);
  if (!acc) return NULL;
  acc->nguard = (uint8_t)n;
  if (n) acc->guard = arena_dup(p->a, g, sizeof *g * n);
  enum red r = RED_none;
  if (l->tok.kind == TOK_NAME && !red_from_name(l->tok.s, l->tok.n, &r))
    lex_error(l, "unknown reduction %s", lex_describe(l));
  if (r) lex_next(l);
  s->red = (uint8_t)r;
  s->acc = acc;
  if (!lex_expect(l, "=")) return NULL;
  s->value = expr_parse_as(&p->e, (enum dtype)p->f->object[acc->tensor].type);
  return s->value ? s : NULL;
}

static struct lstmt *parse_set(struct parser *p) {
  struct lstmt *s = blank(p, L_SET, 0);
  if (!take_index(p, find_local, "a local", &s->id) || !lex_expect(&p->l, "=")) return NULL;
  s->value = expr_parse_as(&p->e, (enum dtype)p->f->local[s->id].type);
  return s->value ? s : NULL;
}

static struct lstmt *parse_if(struct parser *p) {
  struct lexer *l = &p->l;
  struct lstmt *s = blank(p, L_IF, 2);
  poly_t g[BOUNDS];
  unsigned n = 0;
  if (!lex_is(l, "{") && !lex_is(l, "where") && !guards_parse(&p->e, g, &n, BOUNDS)) return NULL;
  s->nguard = (uint8_t)n;
  s->guard = arena_dup(p->a, g, sizeof *g * n);
  s->apart = n && lex_accept(l, "apart");
  if (s->apart && lex_accept(l, "("))
    if (!take_bounds(p, &s->hi, &s->nhi) || !lex_expect(l, ")")) return NULL;
  if (lex_accept(l, "where")) {
    s->cond = expr_parse(&p->e);
    if (!s->cond) return NULL;
  }
  s->body[0] = parse_body(p);
  if (!s->body[0]) return NULL;
  s->nbody = 1;
  if (!lex_accept(l, "else")) return s;
  s->body[1] = parse_body(p);
  s->nbody = 2;
  return s->body[1] ? s : NULL;
}

static struct lstmt *parse_alloc(struct parser *p) {
  struct lstmt *s = blank(p, L_ALLOC, 1);
  if (!take_index(p, find_object, "a buffer", &s->id)) return NULL;
  s->body[0] = parse_body(p);
  return s->body[0] ? s : NULL;
}

static struct lstmt *parse_let(struct parser *p) {
  struct lstmt *s = blank(p, L_LET, 0);
  if (!take_index(p, find_sym, "an index", &s->sym) || !lex_expect(&p->l, "=")) return NULL;
  s->value = expr_parse_as(&p->e, DT_i64);
  return s->value ? s : NULL;
}

static struct lstmt *parse_part(struct parser *p) {
  struct lstmt *s = blank(p, L_PART, 1);
  const char *name;
  if (!lex_name(&p->l, "a name", &name)) return NULL;
  if (!p->f->part) p->f->part = ARENA_NEW(p->a, struct subfunc, MANY);
  if (p->f->npart == MANY) return lex_error(&p->l, "too many parts"), NULL;
  s->id = p->f->npart;
  p->f->part[p->f->npart++] = (struct subfunc){.name = name};
  s->body[0] = parse_body(p);
  return s->body[0] ? s : NULL;
}

static struct lstmt *parse_prefetch(struct parser *p) {
  struct lstmt *s = blank(p, L_PREFETCH, 0);
  struct token next = lex_peek(&p->l);
  if (lex_is(&p->l, "write") && next.kind == TOK_NAME) {
    lex_next(&p->l);
    s->red = 1;
  }
  s->acc = take_access(p);
  return s->acc ? s : NULL;
}

static struct lstmt *parse_while(struct parser *p) {
  struct lstmt *s = blank(p, L_WHILE, 1);
  s->cond = expr_parse(&p->e);
  if (!s->cond) return NULL;
  s->body[0] = parse_body(p);
  return s->body[0] ? s : NULL;
}

static struct lstmt *parse_plain(struct parser *p) {
  static struct lstmt *(*const rule[])(struct parser *) = {parse_for,   parse_if,  parse_alloc, parse_prefetch,
                                                           parse_while, parse_let, parse_part};
  static const char *const word[] = {"for", "if", "alloc", "prefetch", "while", "let", "part"};
  struct token next = lex_peek(&p->l);
  bool set = p->l.tok.kind == TOK_NAME && lex_token_is(&next, "=");
  if (set) return parse_set(p);
  if (lex_is(&p->l, "{")) return parse_body(p);
  for (size_t i = 0; i < sizeof word / sizeof *word; i++)
    if (lex_is(&p->l, word[i]) && !lex_token_is(&next, "[")) {
      lex_next(&p->l);
      return rule[i](p);
    }
  return parse_store(p);
}

static struct lstmt *parse_stmt(struct parser *p) {
  if (!lex_enter(&p->l)) return NULL;
  struct lstmt *s = parse_plain(p);
  lex_leave(&p->l);
  return p->l.failed ? NULL : s;
}

/* Statements up to '}', which is consumed. */
static struct lstmt *parse_list(struct parser *p) {
  unsigned n = 0, cap = 16;
  struct lstmt **s = ARENA_NEW(p->a, struct lstmt *, cap);
  while (!lex_accept(&p->l, "}")) {
    if (n == cap) {
      struct lstmt **more = ARENA_NEW(p->a, struct lstmt *, cap *= 2);
      memcpy(more, s, sizeof *s * n);
      s = more;
    }
    s[n] = parse_stmt(p);
    if (!s[n]) return NULL;
    n++;
  }
  return loop_block(p->a, n, s);
}

static struct lstmt *parse_body(struct parser *p) {
  return lex_expect(&p->l, "{") ? parse_list(p) : NULL;
}

static bool parse_func(struct parser *p, const char *name) {
  struct lexer *l = &p->l;
  bool reassoc = lex_accept(l, "reassoc"), fast = lex_accept(l, "fast"), noalias = lex_accept(l, "noalias");
  p->k = kernel_new(p->a, name);
  p->k->noalias = noalias;
  p->f = lfunc_new(p->a, p->k, name); /* names are resolved while the signature is read: an empty function */
  if (!lex_expect(l, "{") || !parse_signature(p)) return false;
  p->f = lfunc_new(p->a, p->k, name);
  p->k = (struct kernel *)p->f->k;
  p->f->reassoc = reassoc;
  p->f->fast = fast;
  p->f->origin = p->origin;
  p->f->opaque = p->opaque;
  p->f->nopaque = (uint16_t)p->nopaque;
  p->f->global = p->global;
  p->f->nglobal = (uint16_t)p->nglobal;
  if (!parse_objects(p)) return false;
  p->f->body = parse_list(p);
  if (p->f->body && l->tok.kind != TOK_EOF) return lex_error(l, "unexpected %s after the function", lex_describe(l));
  return p->f->body != NULL;
}

enum status lfunc_parse(struct arena *a, struct diag *d, uint16_t file, const char *text, size_t len,
                        struct lfunc **out) {
  struct parser *p = ARENA_NEW(a, struct parser, 1);
  const char *name;
  p->a = a;
  lex_init(&p->l, a, d, file, text, len);
  p->e = (struct expr_parser){.l = &p->l, .resolve = resolve, .ctx = p};
  if (!lex_expect(&p->l, "func") || !lex_name(&p->l, "a name", &name) || !parse_func(p, name)) return ST_REFUSED;
  *out = p->f;
  return ST_OK;
}
