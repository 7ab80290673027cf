/* Cutting a function into parts. See parts.h.

   A part gets as parameters what it uses: dims for the symbols around it (counters of the loops outside, numbers that
   were computed), scalars for the locals it reads, arrays; and an array of one element for each local that is read
   behind it. */
#include "compiler/pass/parts.h"
#include "compiler/pass/raise.h"
#include "compiler/pass/raise_impl.h"
#include <string.h>

enum { MAX_PARTS = 64, MAX_TRIES = 400, MAX_RUN = 12, MIN_TRIPS = 8, MAX_GIVEN = 16 };

struct cutter {
  struct arena *a;
  struct lfunc *f;
  struct diag *d;
  struct raised_parts *out;
  unsigned tries, loops;
  bool strict;
  const struct tree_frame *at;
};

/* --- what a run of statements uses --- */

struct use {
  struct cutter *c;
  bool *sym, *bound, *scalar, *local, *object, *made;
};

static poly_t mark_poly(struct arena *a, poly_t p, void *ctx) {
  struct use *u = ctx;
  (void)a;
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) u->sym[p->mono[i].sym[j]] = true;
  return p;
}

static expr_t mark_expr(struct arena *a, expr_t x, void *ctx) {
  struct use *u = ctx;
  (void)a;
  if (x->kind == E_LOCAL) u->local[x->id] = true;
  if (x->kind == E_SCALAR) u->scalar[x->id] = true;
  if (x->kind == E_READ) u->object[x->acc->tensor] = true;
  return x;
}

static void mark_stmt(const struct lstmt *s, void *ctx) {
  struct use *u = ctx;
  if (s->kind == L_STORE) u->object[s->acc->tensor] = true;
  if (s->kind == L_SET) u->local[s->id] = true;
  if (s->kind == L_FOR || s->kind == L_LET) u->bound[s->sym] = true;
  if (s->kind == L_ALLOC) u->made[s->id] = u->object[s->id] = true;
}

static void mark_extents(struct use *u) {
  const struct lfunc *f = u->c->f;
  for (unsigned i = 0; i < f->nobject; i++)
    for (unsigned d = 0; u->object[i] && d < f->object[i].rank; d++) {
      if (f->object[i].extent[d]) mark_poly(u->c->a, f->object[i].extent[d], u);
      if (f->object[i].stride) mark_poly(u->c->a, f->object[i].stride[d], u);
    }
}

static struct use uses_of(struct cutter *c, const struct lstmt *s) {
  const struct lfunc *f = c->f;
  struct use u = {.c = c};
  u.sym = ARENA_NEW(c->a, bool, f->k->nsym + 1u);
  u.bound = ARENA_NEW(c->a, bool, f->k->nsym + 1u);
  u.scalar = ARENA_NEW(c->a, bool, f->k->nparam + 1u);
  u.local = ARENA_NEW(c->a, bool, f->nlocal + 1u);
  u.object = ARENA_NEW(c->a, bool, f->nobject + 1u);
  u.made = ARENA_NEW(c->a, bool, f->nobject + 1u);
  struct tree_map m = {.a = c->a, .poly = mark_poly, .expr = mark_expr, .ctx = &u};
  tree_copy(&m, s);
  tree_visit(s, mark_stmt, NULL, &u);
  mark_extents(&u);
  return u;
}

/* --- is it worth a call? --- */

static bool runs_long(const struct lstmt *s) {
  if (s->kind == L_WHILE || s->kind == L_PART) return false;
  int64_t lo, hi;
  if (s->kind == L_FOR)
    return !(s->nlo == 1 && s->nhi == 1 && poly_is_const(s->lo[0], &lo) && poly_is_const(s->hi[0], &hi) &&
             hi - lo < MIN_TRIPS) ||
           runs_long(s->body[0]);
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i] && runs_long(s->body[i])) return true;
  return false;
}

/* Loops for each case of a condition on values: equations would compute them all and pick one. */
static bool has_cases(const struct lstmt *s) {
  if (s->kind == L_FOR || s->kind == L_WHILE || s->kind == L_PART) return false;
  if (s->kind == L_IF && s->cond && s->nbody > 1 && runs_long(s->body[0]) && runs_long(s->body[1])) return true;
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i] && has_cases(s->body[i])) return true;
  return false;
}

/* Is the value that s leaves in the local read later on? */
static bool lives_on(struct cutter *c, const struct lstmt *s, unsigned local) {
  return tree_sets(s, local) && tree_read_behind(c->at, local);
}

/* --- the function of a part --- */

struct build {
  struct cutter *c;
  struct use u;
  struct kernel *k;
  struct lfunc *f;
  struct sub_arg *arg;
  sym_t *sym;
  uint16_t *scalar, *local, *object; /* of the function around -> of the part */
  uint16_t *in;                      /* local -> parameter with its first value; UINT16_MAX: none */
  unsigned nout;
  struct {
    unsigned local, object; /* of the function around */
    uint16_t tensor;        /* of the part */
  } out[16];
};

static poly_t part_poly(struct arena *a, poly_t p, void *ctx) {
  struct build *b = ctx;
  return poly_rename(a, p, b->sym, b->c->f->k->nsym);
}

static expr_t part_expr(struct arena *a, expr_t x, void *ctx) {
  struct build *b = ctx;
  if (x->kind != E_LOCAL && x->kind != E_SCALAR && x->kind != E_READ) return x;
  struct expr *n = arena_dup(a, x, sizeof *x);
  if (x->kind == E_LOCAL) n->id = b->local[x->id];
  if (x->kind == E_SCALAR) n->id = b->scalar[x->id];
  if (x->kind == E_READ) {
    struct access *acc = arena_dup(a, x->acc, sizeof *acc);
    acc->tensor = b->object[acc->tensor];
    n->acc = acc;
  }
  return n;
}

static const struct access *part_store(struct arena *a, const struct access *x, void *ctx) {
  struct build *b = ctx;
  struct access *n = arena_dup(a, x, sizeof *x);
  n->tensor = b->object[x->tensor];
  return n;
}

static void renumber(struct build *b, struct lstmt *s) {
  if (s->kind == L_SET) s->id = b->local[s->id];
  if (s->kind == L_ALLOC) s->id = b->object[s->id];
  if (s->kind == L_FOR || s->kind == L_LET) s->sym = b->sym[s->sym];
  for (unsigned i = 0; i < s->nbody; i++)
    if (s->body[i]) renumber(b, s->body[i]);
}

static struct sub_arg *new_arg(struct build *b, unsigned param) {
  return &b->arg[param];
}

static void add_dims(struct build *b) {
  const struct kernel *k = b->c->f->k;
  for (unsigned i = 0; i < k->nsym; i++) {
    if (!b->u.sym[i] || b->u.bound[i]) continue;
    unsigned n = kernel_add_param(b->k, k->sym[i].name, PARAM_DIM, DT_i64);
    b->sym[i] = b->k->param[n].ref;
    new_arg(b, n)->dim = poly_sym(b->c->a, (sym_t)i);
  }
}

static bool plain_scalar(enum dtype t) {
  return t != DT_f16 && t != DT_bf16;
}

static bool add_scalars(struct build *b, const struct lstmt *s) {
  const struct lfunc *f = b->c->f;
  for (unsigned i = 0; i < f->k->nparam; i++) {
    if (!b->u.scalar[i]) continue;
    enum dtype t = (enum dtype)f->k->param[i].type;
    unsigned n = kernel_add_param(b->k, f->k->param[i].name, PARAM_SCALAR, t);
    b->scalar[i] = (uint16_t)n;
    new_arg(b, n)->scalar = expr_scalar(b->c->a, t, i);
    if (!plain_scalar(t)) return false;
  }
  for (unsigned i = 0; i < f->nlocal; i++) {
    b->in[i] = UINT16_MAX;
    bool passes = lives_on(b->c, s, i) && !tree_always_sets(s, i); /* what was in it may be in it behind s, too */
    if (!b->u.local[i] || (!tree_exposes(s, i) && !passes)) continue;
    enum dtype t = (enum dtype)f->local[i].type;
    unsigned n = kernel_add_param(b->k, f->local[i].name, PARAM_SCALAR, t);
    b->in[i] = (uint16_t)n;
    new_arg(b, n)->scalar = expr_local(b->c->a, t, i);
    if (!plain_scalar(t)) return false;
  }
  return true;
}

static void add_tensor(struct build *b, unsigned object, const struct lstmt *s) {
  struct cutter *c = b->c;
  const struct object *o = &c->f->object[object];
  poly_t *extent = ARENA_NEW(c->a, poly_t, o->rank + 1u);
  for (unsigned d = 0; d < o->rank; d++) extent[d] = o->extent[d] ? part_poly(c->a, o->extent[d], b) : NULL;
  bool written = tree_stores(s, object);
  unsigned n = kernel_add_param(b->k, o->name, PARAM_TENSOR, (enum dtype)o->type);
  unsigned t = kernel_add_tensor(b->k, o->name, (enum dtype)o->type, written ? ROLE_INOUT : ROLE_IN, o->rank, extent);
  struct param *p = &b->k->param[n];
  bool own = object >= c->f->k->ntensor;
  p->ref = (uint16_t)t;
  p->is_const = !written;
  p->is_restrict = own || c->f->k->param[c->f->k->tensor[object].param].is_restrict;
  if (!own) p->record = c->f->k->param[c->f->k->tensor[object].param].record;
  p->loc = b->k->tensor[t].loc = own ? b->k->loc : c->f->k->tensor[object].loc;
  b->k->tensor[t].param = (uint16_t)n;
  b->object[object] = (uint16_t)t;
  new_arg(b, n)->object = (uint16_t)object;
}

static bool add_outs(struct build *b, const struct lstmt *s) {
  struct cutter *c = b->c;
  for (unsigned i = 0; i < c->f->nlocal; i++) {
    if (!b->u.local[i] || !lives_on(c, s, i)) continue;
    if (b->nout == sizeof b->out / sizeof *b->out) return false;
    poly_t one = poly_const(c->a, 1);
    const char *name = arena_printf(c->a, "%s_out", c->f->local[i].name);
    unsigned n = kernel_add_param(b->k, name, PARAM_TENSOR, (enum dtype)c->f->local[i].type);
    unsigned t = kernel_add_tensor(b->k, name, (enum dtype)c->f->local[i].type, ROLE_INOUT, 1, &one);
    b->k->param[n].ref = (uint16_t)t;
    b->k->param[n].is_restrict = true;
    b->k->param[n].loc = b->k->tensor[t].loc = b->k->loc;
    b->k->tensor[t].param = (uint16_t)n;
    b->out[b->nout].local = i;
    b->out[b->nout++].tensor = (uint16_t)t;
  }
  return true;
}

static struct lstmt *body_of(struct build *b, const struct lstmt *s) {
  struct cutter *c = b->c;
  struct tree_map m = {.a = c->a, .poly = part_poly, .expr = part_expr, .store = part_store, .ctx = b};
  struct lstmt *body = tree_copy(&m, s), **all = ARENA_NEW(c->a, struct lstmt *, c->f->nlocal + b->nout + 1u);
  unsigned n = 0;
  renumber(b, body);
  for (unsigned i = 0; i < c->f->nlocal; i++)
    if (b->in[i] != UINT16_MAX)
      all[n++] = loop_set(c->a, b->local[i], expr_scalar(c->a, (enum dtype)c->f->local[i].type, b->in[i]));
  all[n++] = body;
  poly_t zero = poly_const(c->a, 0);
  for (unsigned i = 0; i < b->nout; i++) {
    unsigned v = b->out[i].local;
    expr_t value = expr_local(c->a, (enum dtype)c->f->local[v].type, b->local[v]);
    all[n++] = loop_store(c->a, access_new(c->a, b->out[i].tensor, 1, &zero), RED_none, value);
  }
  return loop_block(c->a, n, all);
}

static struct loc first_loc(const struct lstmt *s) {
  if (s->loc.line) return s->loc;
  for (unsigned i = 0; i < s->nbody; i++) {
    struct loc l = s->body[i] ? first_loc(s->body[i]) : (struct loc){0};
    if (l.line) return l;
  }
  return (struct loc){0};
}

static bool build(struct build *b, struct cutter *c, const struct lstmt *s) {
  const struct lfunc *f = c->f;
  unsigned objects = 0;
  *b = (struct build){.c = c, .u = uses_of(c, s)};
  b->sym = ARENA_NEW(c->a, sym_t, f->k->nsym + 1u);
  b->scalar = ARENA_NEW(c->a, uint16_t, f->k->nparam + 1u);
  b->local = ARENA_NEW(c->a, uint16_t, f->nlocal + 1u);
  b->in = ARENA_NEW(c->a, uint16_t, f->nlocal + 1u);
  b->object = ARENA_NEW(c->a, uint16_t, f->nobject + 1u);
  b->arg = ARENA_NEW(c->a, struct sub_arg, f->k->nsym + f->k->nparam + f->nlocal * 2u + f->nobject + 1u);
  b->k = kernel_new(c->a, arena_printf(c->a, "%s.%u", f->name, c->out->n));
  b->k->loc = first_loc(s);
  if (!b->k->loc.line) b->k->loc = f->k->loc;
  add_dims(b);
  if (!add_scalars(b, s)) return false;
  for (unsigned i = 0; i < f->nobject; i++)
    if (b->u.object[i] && !b->u.made[i]) add_tensor(b, i, s), objects++;
  if (!objects || !add_outs(b, s)) return false;
  b->f = lfunc_new(c->a, b->k, b->k->name);
  b->k = (struct kernel *)b->f->k;
  for (unsigned i = 0; i < f->k->nsym; i++)
    if (b->u.bound[i]) b->sym[i] = lfunc_add_sym(b->f, f->k->sym[i].name);
  for (unsigned i = 0; i < f->nlocal; i++)
    if (b->u.local[i]) b->local[i] = (uint16_t)lfunc_add_local(b->f, f->local[i].name, (enum dtype)f->local[i].type);
  for (unsigned i = 0; i < f->nobject; i++) {
    if (!b->u.made[i]) continue;
    const struct object *o = &f->object[i];
    poly_t *extent = ARENA_NEW(c->a, poly_t, o->rank + 1u);
    for (unsigned d = 0; d < o->rank; d++) extent[d] = part_poly(c->a, o->extent[d], b);
    b->object[i] =
        (uint16_t)lfunc_add_object(b->f, o->name, (enum dtype)o->type, (enum scope)o->scope, o->rank, extent);
  }
  b->f->body = body_of(b, s);
  return true;
}

/* --- what the loops around say of its dims --- */

/* Arrays of unknown size get dims from subscripts; for a[i*n + k] these want 0 <= k < n. */
static bool has_flat(const struct build *b) {
  for (unsigned i = 0; i < b->k->ntensor; i++)
    if (!b->k->tensor[i].extent[0]) return true;
  return false;
}

static void give(struct build *b, struct source *own, poly_t *given, poly_t p) {
  bool dims = !p->overflow && !poly_is_const(p, NULL);
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) dims &= b->u.sym[p->mono[i].sym[j]] && !b->u.bound[p->mono[i].sym[j]];
  if (dims && own->ngiven < MAX_GIVEN) given[own->ngiven++] = part_poly(b->c->a, p, b);
}

static void give_loops(struct build *b, struct source *own) {
  struct arena *a = b->c->a;
  poly_t *given = ARENA_NEW(a, poly_t, MAX_GIVEN);
  own->given = given;
  for (const struct tree_frame *at = b->c->at; at && has_flat(b); at = at->around) {
    if (at->s->kind != L_FOR) continue;
    poly_t i = poly_sym(a, at->s->sym);
    for (unsigned k = 0; k < at->s->nlo; k++) give(b, own, given, poly_sub(a, i, at->s->lo[k]));
    for (unsigned k = 0; k < at->s->nhi; k++) give(b, own, given, poly_addc(a, poly_sub(a, at->s->hi[k], i), -1));
  }
}

/* --- its place in the function around --- */

static void new_part(struct cutter *c, struct build *b, struct source *s, struct kernel *k) {
  struct lfunc *f = c->f;
  if (!f->part) f->part = ARENA_NEW(c->a, struct subfunc, MAX_PARTS);
  if (!c->out->v) c->out->v = ARENA_NEW(c->a, struct raised_part, MAX_PARTS);
  f->part[f->npart++] = (struct subfunc){b->k->name, b->k, b->arg};
  c->out->v[c->out->n++] = (struct raised_part){s, k};
}

/* alloc out { part {s; out[0] = v}; v = out[0] } */
static struct lstmt *with_outs(struct cutter *c, struct build *b, struct lstmt *s) {
  struct arena *a = c->a;
  struct lstmt **in = ARENA_NEW(a, struct lstmt *, b->nout + 1u), **all = ARENA_NEW(a, struct lstmt *, b->nout + 1u);
  poly_t zero = poly_const(a, 0), one = poly_const(a, 1);
  unsigned first = b->k->nparam - b->nout;
  in[0] = s;
  for (unsigned i = 0; i < b->nout; i++) {
    const struct local *v = &c->f->local[b->out[i].local];
    unsigned o = lfunc_add_object(c->f, arena_printf(a, "%s_out", v->name), (enum dtype)v->type, SCOPE_STACK, 1, &one);
    b->out[i].object = o;
    b->arg[first + i].object = (uint16_t)o;
    in[i + 1] =
        loop_store(a, access_new(a, o, 1, &zero), RED_none, expr_local(a, (enum dtype)v->type, b->out[i].local));
    all[i + 1] = loop_set(a, b->out[i].local, expr_read(a, (enum dtype)v->type, access_new(a, o, 1, &zero)));
  }
  struct lstmt *part = loop_block(a, b->nout + 1u, in), *wrap = loop_block(a, 1, &part);
  wrap->kind = L_PART;
  wrap->id = (uint16_t)(c->f->npart - 1);
  wrap->loc = s->loc;
  all[0] = wrap;
  struct lstmt *r = b->nout ? loop_block(a, b->nout + 1u, all) : wrap;
  for (unsigned i = b->nout; i-- > 0;) r = loop_alloc(a, b->out[i].object, r);
  return r;
}

/* s as a part; NULL: it does not raise. */
static struct lstmt *attempt(struct cutter *c, struct lstmt *s) {
  if (c->out->n == MAX_PARTS || c->tries == MAX_TRIES || !runs_long(s) || has_cases(s)) return NULL;
  struct build b;
  c->tries++;
  if (!build(&b, c, s)) return NULL;
  struct source *own = ARENA_NEW(c->a, struct source, 1);
  struct kernel *k;
  struct loc at;
  const char *why;
  own->f = b.f;
  own->strict = c->strict;
  give_loops(&b, own);
  if (pass_raise(c->a, own, &k, c->d, &why, &at) != ST_OK) return NULL;
  new_part(c, &b, own, k);
  return with_outs(c, &b, s);
}

static struct lstmt *cut(struct cutter *c, struct lstmt *s);

/* Does what comes behind the run [i, i + n) need a number that is computed in it? */
static bool keeps_let(struct cutter *c, const struct lstmt *s, unsigned i, unsigned n) {
  for (unsigned at = i; at < i + n; at++)
    for (unsigned b = i + n; s->body[at]->kind == L_LET && b < s->nbody; b++)
      if (uses_of(c, s->body[b]).sym[s->body[at]->sym]) return true;
  return false;
}

/* The longest run from statement i on that raises; *len: its length. */
static struct lstmt *longest(struct cutter *c, const struct lstmt *s, unsigned i, unsigned *len) {
  unsigned most = s->nbody - i < MAX_RUN ? s->nbody - i : MAX_RUN;
  struct tree_frame here = {s, 0, c->at};
  c->at = &here;
  for (unsigned n = most; n > 0; n--) {
    struct lstmt *run = n == 1 ? s->body[i] : loop_block(c->a, n, &s->body[i]);
    bool ends_in_loop = s->body[i + n - 1]->kind != L_SET && s->body[i + n - 1]->kind != L_LET;
    if (!ends_in_loop || (n > 1 && n == s->nbody && !c->loops)) continue; /* the whole function did not raise */
    here.next = i + n;
    struct lstmt *p = keeps_let(c, s, i, n) ? NULL : attempt(c, run);
    if (!p) continue;
    c->at = here.around;
    return *len = n, p;
  }
  c->at = here.around;
  return NULL;
}

static struct lstmt *cut_block(struct cutter *c, const struct lstmt *s) {
  struct lstmt **all = ARENA_NEW(c->a, struct lstmt *, s->nbody + 1u);
  unsigned n = 0, len = 1;
  for (unsigned i = 0; i < s->nbody; i += len) {
    struct lstmt *p = longest(c, s, i, &len);
    struct tree_frame here = {s, i + 1, c->at};
    if (!p) len = 1;
    c->at = &here;
    all[n++] = p ? p : cut(c, s->body[i]);
    c->at = here.around;
  }
  return loop_block(c->a, n, all);
}

/* What is inside of a statement that does not raise as a whole. */
static struct lstmt *cut_inside(struct cutter *c, struct lstmt *s) {
  struct lstmt *n = arena_dup(c->a, s, sizeof *s);
  bool loop = s->kind == L_FOR || s->kind == L_WHILE;
  struct tree_frame here = {s, 0, c->at};
  n->body = arena_dup(c->a, s->body, sizeof *s->body * s->nbody);
  c->loops += loop;
  bool swap = s->kind == L_IF && s->apart; /* what was written comes first, then its other form */
  c->at = &here;
  for (unsigned at = 0; at < s->nbody; at++) {
    unsigned i = swap ? s->nbody - 1 - at : at;
    if (s->body[i]) {
      struct lstmt *p = s->body[i]->kind == L_BLOCK ? NULL : attempt(c, s->body[i]);
      n->body[i] = p ? p : cut(c, s->body[i]);
    }
  }
  c->loops -= loop;
  c->at = here.around;
  return n;
}

static struct lstmt *cut(struct cutter *c, struct lstmt *s) {
  if (s->kind == L_BLOCK) return cut_block(c, s);
  if (s->kind == L_FOR && s->fkind == F_VECTOR) return s;
  return s->nbody ? cut_inside(c, s) : s;
}

void pass_parts(struct arena *a, struct source *s, struct diag *d, struct raised_parts *out) {
  struct cutter c = {.a = a, .f = s->f, .d = d, .out = out, .strict = s->strict};
  *out = (struct raised_parts){0};
  s->f->body = cut(&c, s->f->body);
}
