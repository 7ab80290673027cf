/* Loops over time around flat arrays: which rows does a[i * n + j] touch? The function is seen once with dims given
   back to such arrays (raise_strides.c), and only seen: what is built is made of the subscripts as they are. That view
   holds where its assumptions do, which become guards of the tiled form. */
#include "compiler/pass/skew_impl.h"

static void look_let(const struct lstmt *s, void *ctx) {
  *(bool *)ctx |= s->kind == L_LET;
}

static bool wanted(const struct lfunc *f) {
  bool flat = false, lets = false;
  for (unsigned i = 0; i < f->k->ntensor; i++)
    flat |= f->object[i].rank == 1 && (!f->object[i].extent || !f->object[i].extent[0]);
  tree_visit(f->body, look_let, NULL, &lets);
  return flat && !lets;
}

static void look(struct raise *r, struct skew_view *v) {
  struct lfunc *f = arena_dup(r->main, r->f, sizeof *f);
  r->nsym = f->k->nsym;
  r->fuel = RAISE_FUEL;
  raise_objects(r);
  f->body = raise_strides(r, r->f->body);
  if (r->nassume > SKEW_ASSUME) return;
  f->object = arena_dup(r->main, f->object, sizeof *f->object * f->nobject);
  for (unsigned i = 0; i < f->nobject; i++) {
    f->object[i].rank = r->obj[i].rank;
    f->object[i].extent = r->obj[i].extent;
    f->object[i].stride = r->obj[i].stride;
  }
  *v = (struct skew_view){f, r->nassume, arena_dup(r->main, r->assume, sizeof *r->assume * r->nassume)};
}

static void try_look(struct raise *r, struct skew_view *v) {
  if (!setjmp(r->jmp)) look(r, v);
}

static void run(struct raise *r, struct skew_view *v) {
  struct oom_guard g;
  volatile bool done = false;
  if (OOM_TRY(&g)) {
    r->proofs = arena_new();
    r->tests = arena_new();
    try_look(r, v);
    oom_leave(&g);
    done = true;
  }
  arena_free(r->proofs);
  arena_free(r->tests);
  if (!done) oom_raise();
}

struct skew_view skew_flat(struct arena *a, const struct lfunc *f) {
  struct skew_view v = {f, 0, NULL};
  struct raise *r = ARENA_NEW(a, struct raise, 1);
  *r = (struct raise){.a = a, .main = a, .f = f, .at = f->k->loc};
  if (wanted(f)) run(r, &v);
  return v;
}
