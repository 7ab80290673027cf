/* Products with a rounded factor on a CPU (`tensorize` of a vector loop, --fp fast): weights are made on lanes along a
   loop that the product then sums over, with lanes of its own. To that product the loop is serial; here it goes by as
   many terms as the instruction adds up in a lane, and these become a sub loop inside its lanes. Bodies that guards
   cut term by term stay as they are: the same sum, without the instruction. */
#include "codegen/lower/plan.h"

static bool rounded(const struct plan *p, enum matrix insn, expr_t x, struct dot *d) {
  return p->o->fast && dot_mixed(x, d) && matrix_takes(insn, d->kind);
}

bool steps_product(const struct plan *p, const struct member *m, unsigned l) {
  struct dot d;
  return (m->red & BIT(l)) && m->e->red == RED_sum && m->acc && m->vec >= 0 && m->vec != (int)l &&
         rounded(p, (enum matrix)p->loop[l].matrix, m->e->body, &d) && p->axis[LOOP_AXIS(l)].tile[0] % d.group == 0;
}

/* ---- one loop ---- */

struct rewrite {
  struct build *b;
  enum matrix insn;
  const struct lstmt *loop;
  unsigned group; /* terms of a step */
};

static bool moves(const poly_t *x, unsigned n, sym_t s) {
  for (unsigned i = 0; i < n; i++)
    if (poly_has(x[i], s)) return true;
  return false;
}

static bool fits_store(struct rewrite *r, const struct lstmt *s) {
  struct dot d;
  sym_t k = r->loop->sym;
  if (s->red != RED_sum || s->acc->nguard || r->b->f->object[s->acc->tensor].scope != SCOPE_REG) return false;
  for (unsigned i = 0; i < s->acc->rank; i++)
    if (!s->acc->ix[i].poly || poly_has(s->acc->ix[i].poly, k)) return false;
  if (!rounded(r->b->p, r->insn, s->value, &d) || d.a->acc->nguard || d.b->acc->nguard) return false;
  r->group = d.group;
  return expr_has_sym(d.a, k) && expr_has_sym(d.b, k);
}

/* Nothing but such sums inside register loops: their order is free. */
static bool fits(struct rewrite *r, const struct lstmt *s) {
  if (s->kind == L_STORE) return fits_store(r, s);
  bool loop = s->kind == L_FOR && (s->fkind == F_UNROLL || s->fkind == F_VECTOR) &&
              !moves(s->lo, s->nlo, r->loop->sym) && !moves(s->hi, s->nhi, r->loop->sym);
  if (!loop && s->kind != L_BLOCK) return false;
  for (unsigned i = 0; i < s->nbody; i++)
    if (!fits(r, s->body[i])) return false;
  return s->nbody > 0;
}

static bool whole_steps(const struct rewrite *r, poly_t hi) {
  int64_t lo, n;
  return r->loop->nlo == 1 && poly_is_const(r->loop->lo[0], &lo) && poly_is_const(hi, &n) && (n - lo) % r->group == 0;
}

/* The terms of one step; the last one ends where the loop does. */
static struct lstmt *step(const struct rewrite *r, struct lstmt *store) {
  struct build *b = r->b;
  const struct lstmt *f = r->loop;
  sym_t x = lfunc_add_sym(b->f, arena_printf(b->a, "%sp", b->f->k->sym[f->sym].name));
  poly_t k = poly_sym(b->a, f->sym), n = cpoly(b, r->group), *hi = ARENA_NEW(b->a, poly_t, f->nhi + 1u);
  store->value = expr_subst_sym(b->a, store->value, f->sym, poly_add(b->a, k, poly_sym(b->a, x)));
  struct lstmt *s = loop_for(b->a, F_SUB, x, cpoly(b, 0), n, 1, store);
  s->nhi = 0;
  hi[s->nhi++] = n;
  for (unsigned i = 0; i < f->nhi; i++)
    if (!whole_steps(r, f->hi[i])) hi[s->nhi++] = poly_sub(b->a, f->hi[i], k);
  s->hi = hi;
  return s;
}

static void cut(const struct rewrite *r, struct lstmt *s) {
  for (unsigned i = 0; i < s->nbody; i++) {
    if (s->body[i]->kind == L_STORE)
      s->body[i] = step(r, s->body[i]);
    else
      cut(r, s->body[i]);
  }
}

static void visit(struct build *b, unsigned l, struct lstmt *s) {
  struct rewrite r = {b, (enum matrix)b->p->loop[l].matrix, s, 0};
  if (s->kind == L_FOR && s->fkind == F_SERIAL && s->sym == b->sym[l] && s->step == 1 && s->nbody == 1 &&
      s->body[0]->kind != L_STORE && fits(&r, s->body[0])) {
    cut(&r, s);
    s->step = r.group;
    return;
  }
  for (unsigned i = 0; i < s->nbody; i++) visit(b, l, s->body[i]);
}

void steps_cut(struct build *b, struct lstmt *body) {
  for (unsigned l = 0; l < MAX_LOOP; l++)
    if (b->p->loop[l].steps) visit(b, l, body);
}
