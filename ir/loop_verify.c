/* What must hold of a LOOP (or SOURCE) function before it is emitted. Reports every violation, not only the first.
   Not checked here: that accesses stay inside (the interpreter does), that parallel iterations are independent
   (legality does). */
#include "ir/loop.h"
#include <stdio.h>
#include <string.h>

enum { NEST_MAX = 220, EXPR_MAX = 1100, UNROLL_MAX = 256, STACK_BYTES = 4096, LANES_LOG2_MAX = 10, SUB_MAX = 256 };

struct verifier {
  const struct lfunc *f;
  const struct kernel *k;
  struct diag *d;
  struct arena *arena;       /* scratch */
  const struct lstmt **open; /* loops around, outermost first */
  unsigned nopen, depth;
  bool *in_scope;             /* per symbol */
  bool *live;                 /* per object */
  const struct lstmt *vector; /* the F_VECTOR loop around, if any */
  bool appends;               /* in an arm that appends */
  const char *where;          /* for messages: "store to C" */
  bool ok;
};

__attribute__((format(printf, 2, 3))) static void bad(struct verifier *v, const char *fmt, ...) {
  char text[300];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  v->ok = false;
  if (v->d) diag_error(v->d, (struct loc){0}, "%s: %s%s%s", v->f->name, v->where, v->where[0] ? ": " : "", text);
}

static const char *sym_name(const struct verifier *v, sym_t s) {
  return s < v->k->nsym ? v->k->sym[s].name : "?";
}

/* ---- polynomials and expressions ---- */

static void check_poly(struct verifier *v, poly_t p, const char *what) {
  if (!p) {
    bad(v, "%s is missing", what);
    return;
  }
  if (p->overflow) bad(v, "%s overflows", what);
  for (uint32_t i = 0; i < p->n; i++)
    for (unsigned j = 0; j < p->mono[i].n; j++) {
      sym_t s = p->mono[i].sym[j];
      if (s >= v->k->nsym) {
        bad(v, "%s names symbol %u of %u", what, s, v->k->nsym);
      } else if (v->k->sym[s].kind != SYM_DIM && !v->in_scope[s]) {
        bad(v, "%s uses %s outside its loop", what, sym_name(v, s));
      }
    }
}

static void check_polys(struct verifier *v, const poly_t *p, unsigned n, const char *what) {
  for (unsigned i = 0; i < n; i++) check_poly(v, p[i], what);
}

static void check_expr(struct verifier *v, expr_t x, unsigned depth);

/* A register's subscript is a constant once the loops around are expanded: their symbols are lo + constant. */
static void check_reg_subscript(struct verifier *v, const struct object *o, poly_t p) {
  for (unsigned i = v->nopen; i-- > 0;) {
    const struct lstmt *s = v->open[i];
    if ((s->fkind == F_UNROLL || s->fkind == F_VECTOR || s->fkind == F_SUB) && s->nlo && s->lo[0])
      p = poly_subst(v->arena, p, s->sym, s->lo[0]);
  }
  if (!p->overflow && !poly_is_const(p, NULL)) bad(v, "a subscript of register %s is not a constant", o->name);
}

static void check_access(struct verifier *v, const struct access *c, bool read, unsigned depth) {
  if (c->tensor >= v->f->nobject) {
    bad(v, "object %u of %u", c->tensor, v->f->nobject);
    return;
  }
  const struct object *o = &v->f->object[c->tensor];
  if (!v->live[c->tensor]) bad(v, "%s is used outside its alloc", o->name);
  if (c->rank != o->rank) bad(v, "%u subscripts for %s of rank %u", c->rank, o->name, o->rank);
  for (unsigned i = 0; i < c->rank; i++) {
    check_poly(v, c->ix[i].poly, "a subscript");
    if (c->ix[i].dyn) {
      check_expr(v, c->ix[i].dyn, depth + 1);
      if (!type_is_int((enum dtype)c->ix[i].dyn->type)) bad(v, "a subscript of %s is not an integer", o->name);
    }
    if (o->scope != SCOPE_REG) continue;
    if (c->ix[i].dyn) bad(v, "a gather from register %s", o->name);
    if (c->ix[i].poly) check_reg_subscript(v, o, c->ix[i].poly);
  }
  check_polys(v, c->guard, c->nguard, "a guard");
  if (!read) return;
  if ((c->otherwise != NULL) != (c->nguard != 0))
    bad(v, "a read of %s has guards or a value besides, not both", o->name);
  if (!c->otherwise) return;
  check_expr(v, c->otherwise, depth + 1);
  if (c->otherwise->type != o->type) bad(v, "the other value of a read of %s has another type", o->name);
}

static void check_op(struct verifier *v, expr_t x, unsigned depth) {
  if (x->op >= OP_COUNT || x->nkid != op_info[x->op].arity) {
    bad(v, "malformed operation %u", x->op);
    return;
  }
  const struct opinfo *o = &op_info[x->op];
  unsigned first = x->op == OP_select;
  for (unsigned i = 0; i < x->nkid; i++) check_expr(v, x->kid[i], depth + 1);
  enum dtype t = (enum dtype)x->kid[first]->type;
  if (first && x->kid[0]->type != DT_bool)
    bad(v, "the condition of select is %s", type_name((enum dtype)x->kid[0]->type));
  for (unsigned i = first + 1; i < x->nkid; i++)
    if (x->kid[i]->type != t)
      bad(v, "operands of %s are %s and %s", o->name, type_name(t), type_name((enum dtype)x->kid[i]->type));
  if (!op_accepts((enum op)x->op, t)) bad(v, "%s of %s", o->name, type_name(t));
  if (x->type != op_result((enum op)x->op, t))
    bad(v, "%s of %s gives %s", o->name, type_name(t), type_name((enum dtype)x->type));
}

static void check_leaf(struct verifier *v, expr_t x, unsigned depth) {
  enum dtype t = (enum dtype)x->type;
  switch (x->kind) {
  case E_CONST:
    if (!type_value_eq(t, type_round(t, x->val), x->val)) bad(v, "a constant is no value of %s", type_name(t));
    break;
  case E_POLY:
    check_poly(v, x->poly, "an integer expression");
    if (t != DT_i64) bad(v, "an integer expression of type %s", type_name(t));
    break;
  case E_SCALAR:
    if (x->id >= v->k->nparam || v->k->param[x->id].kind == PARAM_TENSOR) {
      bad(v, "parameter %u is no scalar", x->id);
    } else if (v->k->param[x->id].type != t) {
      bad(v, "scalar %s read as %s", v->k->param[x->id].name, type_name(t));
    }
    break;
  case E_READ:
    check_access(v, x->acc, true, depth);
    if (x->acc->tensor < v->f->nobject && v->f->object[x->acc->tensor].type != t)
      bad(v, "%s read as %s", v->f->object[x->acc->tensor].name, type_name(t));
    break;
  case E_LOCAL:
    if (x->id >= v->f->nlocal) {
      bad(v, "local %u of %u", x->id, v->f->nlocal);
    } else if (v->f->local[x->id].type != t) {
      bad(v, "local %s read as %s", v->f->local[x->id].name, type_name(t));
    }
    break;
  default:
    bad(v, "an expression of kind %u", x->kind);
  }
}

static void check_expr(struct verifier *v, expr_t x, unsigned depth) {
  if (!x || x->type >= DT_COUNT) {
    bad(v, x ? "an expression without a type" : "an expression is missing");
  } else if (depth > EXPR_MAX) {
    if (depth == EXPR_MAX + 1) bad(v, "expression nested too deep");
  } else if (x->kind == E_OP) {
    check_op(v, x, depth);
  } else if (x->kind == E_CAST) {
    if (x->nkid != 1) bad(v, "malformed cast");
    if (x->nkid == 1) check_expr(v, x->kid[0], depth + 1);
  } else {
    check_leaf(v, x, depth);
  }
}

/* ---- statements ---- */

static void check_stmt(struct verifier *v, const struct lstmt *s);

static void check_kids(struct verifier *v, const struct lstmt *s, unsigned min, unsigned max) {
  if (s->nbody < min || s->nbody > max) {
    bad(v, "%u bodies", s->nbody);
    return;
  }
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i] || s->kind != L_IF || i == 0) check_stmt(v, s->body[i]);
}

static void check_unroll(struct verifier *v, const struct lstmt *s) {
  int64_t c;
  if (s->nlo != 1 || s->nhi != 1) {
    bad(v, "an unrolled loop needs one bound each");
  } else if (s->lo[0] && s->hi[0]) {
    poly_t n = poly_sub(v->arena, s->hi[0], s->lo[0]);
    if (!poly_is_const(n, &c)) {
      bad(v, "the number of unrolled iterations is not a constant");
    } else if (s->step > 0 && c > 0 && (c - 1) / s->step >= UNROLL_MAX) {
      bad(v, "more than %d unrolled iterations", UNROLL_MAX);
    }
  }
}

static void check_vector(struct verifier *v, const struct lstmt *s) {
  for (unsigned i = 0; i < v->nopen; i++) {
    const struct lstmt *o = v->open[i];
    if (o->fkind == F_VECTOR && o->digit < s->digit + s->lanes_log2 && s->digit < o->digit + o->lanes_log2)
      bad(v, "a vector loop inside another");
  }
  if (s->digit + s->lanes_log2 > LANES_LOG2_MAX) bad(v, "the digit stands beyond thread 2^%d", LANES_LOG2_MAX);
  if (s->lanes_log2 > LANES_LOG2_MAX) bad(v, "2^%u lanes", s->lanes_log2);
  if (s->step != 1) bad(v, "a vector loop with a step");
  if (s->nlo != 1) bad(v, "a vector loop needs one lower bound");
  int64_t c;
  if (s->nlo == 1 && s->nhi == 1 && s->lo[0] && s->hi[0] && s->lanes_log2 <= LANES_LOG2_MAX &&
      poly_is_const(poly_sub(v->arena, s->hi[0], s->lo[0]), &c) && c > 1 << s->lanes_log2)
    bad(v, "%lld iterations for %d lanes", (long long)c, 1 << s->lanes_log2);
}

/* Its first upper bound is the constant; others may end it earlier. */
static void check_sub(struct verifier *v, const struct lstmt *s) {
  int64_t lo = -1, hi = -1;
  if (s->step != 1 || s->once || s->nlo != 1 || !s->lo[0] || !poly_is_const(s->lo[0], &lo) || lo != 0)
    bad(v, "a sub loop counts from 0 by 1");
  if (s->nhi && (!s->hi[0] || !poly_is_const(s->hi[0], &hi) || hi < 1 || hi > SUB_MAX))
    bad(v, "the first bound of a sub loop is a constant of 1 to %d", SUB_MAX);
  if (s->nbody != 1 || !s->body[0] || s->body[0]->kind != L_STORE || (s->body[0]->acc && s->body[0]->acc->nguard))
    bad(v, "the body of a sub loop is one store without guards");
}

/* All lanes of the vector loops around make the same iterations. */
static void check_uniform(struct verifier *v, const struct lstmt *s) {
  for (unsigned k = 0; k < v->nopen; k++) {
    sym_t lane = v->open[k]->sym;
    if (v->open[k]->fkind != F_VECTOR) continue;
    for (unsigned i = 0; i < s->nlo; i++)
      if (s->lo[i] && poly_has(s->lo[i], lane)) bad(v, "a serial loop starts at the lane of a vector loop");
    for (unsigned i = 0; i < s->nhi; i++)
      if (s->hi[i] && poly_has(s->hi[i], lane)) bad(v, "a serial loop ends at the lane of a vector loop");
  }
}

static void check_for(struct verifier *v, const struct lstmt *s) {
  if (s->sym >= v->k->nsym || v->k->sym[s->sym].kind != SYM_INDEX) {
    bad(v, "loop over symbol %u, which is no index", s->sym);
    return;
  }
  v->where = arena_printf(v->arena, "for %s", sym_name(v, s->sym));
  if (v->in_scope[s->sym]) bad(v, "the loop around has the same index");
  if (!s->nlo || !s->nhi) bad(v, "no bound");
  if (s->step <= 0) bad(v, "step %lld", (long long)s->step);
  check_polys(v, s->lo, s->nlo, "a lower bound");
  check_polys(v, s->hi, s->nhi, "an upper bound");
  check_polys(v, s->from, s->nfrom, "where a loop begins");
  if (s->nfrom && (s->fkind != F_SERIAL || s->nlo != 1))
    bad(v, "only serial loops with one lower bound begin elsewhere");
  if (s->fkind > F_TILES) bad(v, "loop of kind %u", s->fkind);
  if (s->fkind == F_UNROLL) check_unroll(v, s);
  if (s->fkind == F_VECTOR) check_vector(v, s);
  if (s->fkind == F_SUB) check_sub(v, s);
  if ((s->raster || s->persist || s->cluster) && s->fkind != F_PARALLEL) bad(v, "only parallel loops have a grid");
  if (s->raster && (!s->nbody || !s->body[0] || s->body[0]->kind != L_FOR || s->body[0]->fkind != F_PARALLEL))
    bad(v, "a raster wants a parallel loop right inside");
  if (s->fkind == F_TILES && (s->step != 1 || s->once)) bad(v, "a loop over tiles counts by 1");
  if (v->vector && (s->fkind == F_PARALLEL || s->fkind == F_TILES))
    bad(v, "a loop inside a vector loop must be serial or unrolled");
  if (v->vector && s->fkind == F_SERIAL) check_uniform(v, s);
  bool was = v->in_scope[s->sym];
  const struct lstmt *vector = v->vector;
  if (s->fkind == F_VECTOR) v->vector = s;
  v->in_scope[s->sym] = true;
  v->open[v->nopen++] = s;
  check_kids(v, s, 1, 1);
  v->nopen--;
  v->in_scope[s->sym] = was;
  v->vector = vector;
}

static bool access_varies(const struct access *c, sym_t s) {
  for (unsigned i = 0; i < c->rank; i++)
    if ((c->ix[i].poly && poly_has(c->ix[i].poly, s)) || (c->ix[i].dyn && expr_has_sym(c->ix[i].dyn, s))) return true;
  return false;
}

static void check_store(struct verifier *v, const struct lstmt *s) {
  if (!s->acc || s->acc->tensor >= v->f->nobject) {
    bad(v, "store to no object");
    return;
  }
  const struct object *o = &v->f->object[s->acc->tensor];
  v->where = arena_printf(v->arena, "store to %s", o->name);
  check_access(v, s->acc, false, 0);
  if (s->acc->otherwise) bad(v, "a value besides");
  check_expr(v, s->value, 0);
  if (s->value && s->value->type != o->type)
    bad(v, "a value of type %s, the object is %s", type_name((enum dtype)s->value->type),
        type_name((enum dtype)o->type));
  if (s->red >= RED_COUNT || s->red == RED_argmax || s->red == RED_argmin) bad(v, "reduction %u", s->red);
  if (s->acc->tensor < v->k->ntensor && v->k->tensor[s->acc->tensor].role == ROLE_IN) bad(v, "it is an input");
  bool uniform = false;
  for (unsigned i = 0; i < v->nopen && !s->red && !v->appends; i++)
    uniform |= v->open[i]->fkind == F_VECTOR && !access_varies(s->acc, v->open[i]->sym);
  if (uniform) bad(v, "all lanes of a vector loop store to one place");
}

static void check_set(struct verifier *v, const struct lstmt *s) {
  if (s->id >= v->f->nlocal) {
    bad(v, "set of local %u of %u", s->id, v->f->nlocal);
    return;
  }
  v->where = arena_printf(v->arena, "set of %s", v->f->local[s->id].name);
  check_expr(v, s->value, 0);
  if (s->value && s->value->type != v->f->local[s->id].type)
    bad(v, "a value of type %s", type_name((enum dtype)s->value->type));
}

static void check_cond(struct verifier *v, const struct lstmt *s) {
  check_expr(v, s->cond, 0);
  if (s->cond && s->cond->type != DT_bool) bad(v, "the condition is %s", type_name((enum dtype)s->cond->type));
}

static void check_if(struct verifier *v, const struct lstmt *s) {
  v->where = "if";
  check_polys(v, s->guard, s->nguard, "a guard");
  if (s->cond) check_cond(v, s);
  if (s->apart && (s->cond || !s->nguard || s->nbody < 2 || !s->body[1]))
    bad(v, "'apart' needs a guard, no condition and an else");
  if (s->nhi && (!s->apart || s->nhi != v->f->k->ntensor)) bad(v, "sizes of other arrays than there are");
  check_polys(v, s->hi, s->nhi, "a size");
  if (v->vector) {
    bool varies = false;
    for (unsigned k = 0; k < v->nopen; k++) {
      sym_t lane = v->open[k]->sym;
      if (v->open[k]->fkind != F_VECTOR) continue;
      varies |= s->cond && expr_has_sym(s->cond, lane);
      for (unsigned i = 0; i < s->nguard; i++) varies |= s->guard[i] && poly_has(s->guard[i], lane);
    }
    v->appends = v->vector->digit == 0 && loop_appends(s);
    if (varies && !v->appends) bad(v, "it depends on the lane of a vector loop");
  }
  check_kids(v, s, 1, 2);
  v->appends = false;
}

static void check_alloc(struct verifier *v, const struct lstmt *s) {
  if (s->id >= v->f->nobject || v->f->object[s->id].scope == SCOPE_ARG) {
    bad(v, "alloc of object %u, which is no buffer", s->id);
    return;
  }
  const struct object *o = &v->f->object[s->id];
  v->where = arena_printf(v->arena, "alloc %s", o->name);
  if (v->live[s->id]) bad(v, "it lives already");
  if (v->vector) bad(v, "inside a vector loop");
  check_polys(v, o->extent, o->rank, "an extent");
  if (o->stride) check_polys(v, o->stride, o->rank, "a stride");
  bool was = v->live[s->id];
  v->live[s->id] = true;
  check_kids(v, s, 1, 1);
  v->live[s->id] = was;
}

static void check_let(struct verifier *v, const struct lstmt *s) {
  v->where = "let";
  check_expr(v, s->value, 0);
  if (s->value && s->value->type != DT_i64) bad(v, "a value of type %s", type_name((enum dtype)s->value->type));
  if (v->vector) bad(v, "inside a vector loop");
  if (s->sym >= v->k->nsym || v->k->sym[s->sym].kind == SYM_DIM || v->in_scope[s->sym])
    bad(v, "of a symbol that has a value");
  else
    v->in_scope[s->sym] = true;
}

static void check_kind(struct verifier *v, const struct lstmt *s) {
  switch (s->kind) {
  case L_BLOCK:
    check_kids(v, s, 0, UINT32_MAX);
    for (uint32_t i = 0; i < s->nbody; i++)
      if (s->body[i] && s->body[i]->kind == L_LET && s->body[i]->sym < v->k->nsym) v->in_scope[s->body[i]->sym] = false;
    break;
  case L_LET:
    check_let(v, s);
    break;
  case L_PART:
    v->where = "part";
    if (s->id >= v->f->npart) bad(v, "number %u of %u", s->id, v->f->npart);
    if (v->vector) bad(v, "inside a vector loop");
    check_kids(v, s, 1, 1);
    break;
  case L_FOR:
    check_for(v, s);
    break;
  case L_STORE:
    check_store(v, s);
    break;
  case L_SET:
    check_set(v, s);
    break;
  case L_IF:
    check_if(v, s);
    break;
  case L_ALLOC:
    check_alloc(v, s);
    break;
  case L_PREFETCH:
    v->where = "prefetch";
    if (!s->acc) bad(v, "of nothing");
    if (s->acc) check_access(v, s->acc, false, 0);
    if (v->vector) bad(v, "inside a vector loop");
    break;
  case L_WHILE:
    v->where = "while";
    check_cond(v, s);
    if (v->vector) bad(v, "inside a vector loop");
    check_kids(v, s, 1, 1);
    break;
  default:
    bad(v, "a statement of kind %u", s->kind);
  }
}

static void check_stmt(struct verifier *v, const struct lstmt *s) {
  const char *where = v->where;
  if (!s) {
    bad(v, "a statement is missing");
  } else if (v->depth >= NEST_MAX) {
    bad(v, "statements nested too deep");
  } else {
    v->depth++;
    check_kind(v, s);
    v->depth--;
  }
  v->where = where;
}

/* ---- declarations ---- */

static void check_names(struct verifier *v) {
  const struct lfunc *f = v->f;
  unsigned n = 0;
  const char **name = ARENA_NEW(v->arena, const char *, v->k->nsym + v->k->nparam + f->nobject + f->nlocal);
  for (unsigned i = 0; i < v->k->nsym; i++) name[n++] = v->k->sym[i].name;
  for (unsigned i = 0; i < v->k->nparam; i++)
    if (v->k->param[i].kind == PARAM_SCALAR) name[n++] = v->k->param[i].name;
  for (unsigned i = 0; i < f->nobject; i++) name[n++] = f->object[i].name;
  for (unsigned i = 0; i < f->nlocal; i++) name[n++] = f->local[i].name;
  for (unsigned i = 0; i < n; i++)
    for (unsigned j = 0; j < i; j++)
      if (!strcmp(name[i], name[j])) bad(v, "two things are called %s", name[i]);
}

/* Bytes when the extents are constants (0 otherwise, reported). */
static int64_t constant_bytes(struct verifier *v, const struct object *o) {
  int64_t n = (int64_t)type_size((enum dtype)o->type), e;
  for (unsigned i = 0; i < o->rank; i++) {
    if (!o->extent[i] || !poly_is_const(o->extent[i], &e) || e < 1 || __builtin_mul_overflow(n, e, &n)) {
      bad(v, "extents of %s must be positive constants", o->name);
      return 0;
    }
  }
  return n;
}

static void check_objects(struct verifier *v) {
  int64_t stack = 0;
  for (unsigned i = 0; i < v->f->nobject; i++) {
    const struct object *o = &v->f->object[i];
    bool tensor = i < v->k->ntensor, arg = o->scope == SCOPE_ARG;
    if (o->type >= DT_COUNT || o->scope > SCOPE_HEAP) {
      bad(v, "object %s has no type or scope", o->name);
      continue;
    }
    if (tensor && strcmp(o->name, v->k->tensor[i].name)) bad(v, "object %u is not named like its tensor", i);
    if (arg != (tensor && v->k->tensor[i].role != ROLE_TEMP)) bad(v, "%s has the wrong scope", o->name);
    int64_t stage;
    if (o->stages && (arg || o->scope == SCOPE_REG || o->stages < 2 || !object_stage_bytes(o, &stage)))
      bad(v, "%s cannot have %u stages", o->name, o->stages);
    if (o->scope == SCOPE_REG && o->stride) bad(v, "register %s has strides", o->name);
    if (o->tma && (o->stages < 2 || !o->panel_rows)) bad(v, "%s: a tensor map brings staged panels", o->name);
    if (o->panel_rows &&
        (o->scope != SCOPE_HEAP || o->panel_rows % 8 || o->panel_cols * type_size((enum dtype)o->type) % PANEL_BYTES))
      bad(v, "%s: panels are of 8 rows and %d bytes, in a heap buffer", o->name, (int)PANEL_BYTES);
    if (o->scope == SCOPE_REG || o->scope == SCOPE_STACK) {
      int64_t bytes = constant_bytes(v, o);
      if (o->scope == SCOPE_STACK && __builtin_add_overflow(stack, bytes, &stack)) stack = INT64_MAX;
    }
    for (unsigned j = 0; arg && j < o->rank; j++) {
      if (o->extent[j]) check_poly(v, o->extent[j], "an extent");
      if (!o->extent[j] && j) bad(v, "%s: only the first extent may be unknown", o->name);
      if (o->stride && o->stride[j]) check_poly(v, o->stride[j], "a stride");
    }
    v->live[i] = arg;
  }
  if (stack > STACK_BYTES) bad(v, "%lld bytes on the stack, at most %d", (long long)stack, STACK_BYTES);
}

static void check_signature(struct verifier *v) {
  const struct kernel *k = v->k;
  for (unsigned i = 0; i < k->nparam; i++) {
    const struct param *p = &k->param[i];
    bool dim = p->kind == PARAM_DIM, ok = p->kind == PARAM_SCALAR;
    if (dim) ok = p->ref < k->nsym && k->sym[p->ref].kind == SYM_DIM && k->sym[p->ref].param == i;
    if (p->kind == PARAM_TENSOR) ok = p->ref < k->ntensor && k->tensor[p->ref].param == i;
    if (!ok || p->type >= DT_COUNT) bad(v, "parameter %s is malformed", p->name);
  }
  for (unsigned i = 0; i < k->ntensor; i++) {
    const struct tensor *t = &k->tensor[i];
    bool temp = t->role == ROLE_TEMP, param = t->param < k->nparam && k->param[t->param].ref == i;
    if (!temp && !param) bad(v, "tensor %s is no parameter", t->name);
  }
  for (unsigned i = 0; i < k->nsym; i++)
    if (k->sym[i].kind == SYM_DIM && k->sym[i].param >= k->nparam) bad(v, "dim %s is no parameter", k->sym[i].name);
  check_polys(v, k->assume, k->nassume, "an assumption");
}

bool lfunc_verify(const struct lfunc *f, struct diag *d) {
  struct verifier v = {.f = f, .k = f->k, .d = d, .arena = f->arena, .where = "", .ok = true};
  if (!f->body || f->nobject < f->k->ntensor) {
    bad(&v, f->body ? "objects are missing" : "no body");
    return false;
  }
  v.open = ARENA_NEW(v.arena, const struct lstmt *, NEST_MAX + 1);
  v.in_scope = ARENA_NEW(v.arena, bool, f->k->nsym + 1);
  v.live = ARENA_NEW(v.arena, bool, f->nobject + 1);
  check_signature(&v);
  check_names(&v);
  check_objects(&v);
  check_stmt(&v, f->body);
  return v.ok;
}
