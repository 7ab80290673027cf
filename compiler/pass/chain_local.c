/* Sums through which a loop carries a number in a local: z1 = b1 * x - a1 * y + z2, where y comes of z1. An iteration
   waits for its terms one after the other; in the order in which they become known it waits for the last one alone.
   Terms that are subtracted are products, and what is older than the iteration before: what a compensated sum subtracts
   is younger. */
#include "compiler/pass/chain.h"
#include "compiler/pass/raise_impl.h"

enum { TERMS = 16, DEPTH = 24, ITERATIONS = 4, LENGTH = 64, EARLY = 0, LAST = ITERATIONS * LENGTH };

/* When a number is known: EARLY, before the loop; LAST, when the iteration begins; LENGTH less for each iteration that
   it is older (y2 = y1; y1 = y); and one more for each operation. */
struct when {
  struct arena *a;
  uint16_t *local;
  uint8_t *differs; /* locals that are differences */
};

static unsigned when_known(const struct when *w, expr_t e, int depth) {
  if (depth == 0) return EARLY;
  if (e->kind == E_LOCAL) return w->local[e->id];
  if (e->kind != E_OP && e->kind != E_CAST) return EARLY;
  unsigned latest = EARLY;
  for (unsigned i = 0; i < e->nkid; i++) {
    unsigned k = when_known(w, e->kid[i], depth - 1);
    if (k > latest) latest = k;
  }
  return latest == EARLY ? EARLY : latest + 1;
}

static bool may_move(const struct when *w, expr_t e) {
  unsigned known = when_known(w, e, DEPTH);
  return (e->kind == E_OP && e->op == OP_mul) || (known > EARLY && known < LAST);
}

/* e is, or adds, a difference that stays as it is: it may be what another sum lost in rounding. */
static bool has_difference(const struct when *w, expr_t e, int depth) {
  if (e->kind == E_LOCAL) return w->differs[e->id];
  if (depth == 0 || (e->kind != E_CAST && e->kind != E_OP)) return false;
  if (e->kind == E_OP && e->op == OP_sub && !may_move(w, e->kid[1])) return true;
  if (e->kind == E_OP && e->op != OP_add && e->op != OP_sub && e->op != OP_neg) return false;
  for (unsigned i = 0; i < e->nkid; i++)
    if (has_difference(w, e->kid[i], depth - 1)) return true;
  return false;
}

struct term {
  expr_t e;
  unsigned when;
  bool minus;
};

static bool terms_of(const struct when *w, expr_t e, struct term *t, unsigned *n) {
  bool sub = e->kind == E_OP && e->op == OP_sub && may_move(w, e->kid[1]);
  if (sub || (e->kind == E_OP && e->op == OP_add)) {
    if (!terms_of(w, e->kid[0], t, n)) return false;
    unsigned before = *n;
    if (!sub) return terms_of(w, e->kid[1], t, n);
    if (*n == TERMS) return false;
    t[before] = (struct term){e->kid[1], when_known(w, e->kid[1], DEPTH), true};
    ++*n;
    return true;
  }
  if (*n == TERMS) return false;
  t[(*n)++] = (struct term){e, when_known(w, e, DEPTH), false};
  return true;
}

/* Stable: those that are known at one time keep their order. */
static void sort(struct term *t, unsigned n) {
  for (unsigned i = 1; i < n; i++)
    for (unsigned j = i; j > 0 && t[j - 1].when > t[j].when; j--) {
      struct term x = t[j];
      t[j] = t[j - 1], t[j - 1] = x;
    }
}

/* The first term is one that is added: 0 - x is another zero than -x. */
static bool lead_with_plus(struct term *t, unsigned n) {
  unsigned k = 0;
  while (k < n && t[k].minus) k++;
  if (k + 1 >= n) return k == 0; /* the last one stays last */
  struct term x = t[k];
  for (; k > 0; k--) t[k] = t[k - 1];
  t[0] = x;
  return true;
}

static expr_t in_order(const struct when *w, expr_t e) {
  struct term t[TERMS];
  unsigned n = 0;
  if (when_known(w, e, DEPTH) == EARLY || has_difference(w, e, DEPTH) || !terms_of(w, e, t, &n) || n < 3) return e;
  sort(t, n);
  if (t[0].when == t[n - 1].when || !lead_with_plus(t, n)) return e;
  expr_t sum = t[0].e;
  for (unsigned i = 1; i < n; i++) sum = expr_op2(w->a, t[i].minus ? OP_sub : OP_add, sum, t[i].e);
  return sum;
}

static void order(struct when *w, struct lstmt *s) {
  bool store = s->kind == L_STORE, set = s->kind == L_SET;
  if ((store || set) && (s->value->type == DT_f32 || s->value->type == DT_f64)) s->value = in_order(w, s->value);
  if (set) {
    w->differs[s->id] = has_difference(w, s->value, DEPTH);
    w->local[s->id] = (uint16_t)when_known(w, s->value, DEPTH);
  }
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) order(w, s->body[i]);
}

struct carried {
  uint16_t *local;
  uint8_t *set; /* before the statement at hand, in its iteration */
  unsigned loops;
};

static void find(const struct lstmt *s, void *ctx) {
  struct carried *c = ctx;
  if (s->kind == L_SET && c->local[s->id] == EARLY) c->local[s->id] = LAST;
  c->loops += s->kind == L_FOR || s->kind == L_WHILE;
}

/* y2 = y1, before y1 changes: y2 is an iteration older. */
static void find_older(const struct lstmt *s, void *ctx) {
  struct carried *c = ctx;
  if (s->kind != L_SET) return;
  bool copy = s->value->kind == E_LOCAL && !c->set[s->value->id];
  unsigned from = copy ? c->local[s->value->id] : EARLY;
  if (from > LENGTH) c->local[s->id] = (uint16_t)(from - LENGTH);
  c->set[s->id] = 1;
}

void chain_locals(struct arena *a, const struct lfunc *f, struct lstmt *s) {
  struct carried c = {ARENA_NEW(a, uint16_t, f->nlocal + 1u), NULL, 0};
  tree_visit(s, find, NULL, &c);
  if ((s->kind == L_FOR || s->kind == L_WHILE) && c.loops == 1) {
    for (int i = 1; i < ITERATIONS; i++) {
      c.set = ARENA_NEW(a, uint8_t, f->nlocal + 1u);
      tree_visit(s, find_older, NULL, &c);
    }
    order(&(struct when){a, c.local, ARENA_NEW(a, uint8_t, f->nlocal + 1u)}, s);
  }
  for (uint32_t i = 0; i < s->nbody && c.loops; i++)
    if (s->body[i]) chain_locals(a, f, s->body[i]);
}
