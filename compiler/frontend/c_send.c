/* A function on its way from the child to the parent: its text form (ir/loop.h), and before it the places of statements
   and expressions, which the text does not carry. Both sides walk the same tree in the same order, so a place is just
   the next pair of numbers. */
#include "compiler/frontend/c_out.h"
#include "compiler/frontend/spec.h"
#include <string.h>

void cout_frame(struct cout *o, char tag, const char *data, size_t len) {
  uint32_t n = (uint32_t)len;
  buf_putc(&o->b, tag);
  buf_write(&o->b, &n, sizeof n);
  buf_write(&o->b, data, len);
}

void cout_diag(struct cout *o, enum severity s, const char *file, unsigned line, unsigned col, const char *flag,
               const char *text) {
  struct buf b;
  buf_init(&b);
  buf_printf(&b, "%d%c%s%c%u%c%u%c%s%c%s", (int)s, 0, file, 0, line, 0, col, 0, flag ? flag : "", 0, text);
  buf_putc(&b, 0);
  cout_frame(o, 'D', b.data, b.len);
  buf_free(&b);
  if (s == DIAG_ERROR) o->errors++;
}

/* A walk over all places: writes them (out), or sets them (in). */
struct places {
  struct buf *out;
  const uint32_t *in;
  size_t n, next;
  uint16_t file;
};

static void place(struct places *p, struct loc *l) {
  if (p->out) {
    uint32_t v[2] = {l->line, l->col};
    buf_write(p->out, v, sizeof v);
  } else if (p->in && p->next + 2 <= p->n) {
    *l = (struct loc){p->file, p->in[p->next], p->in[p->next + 1]};
    if (!l->line) *l = (struct loc){0};
  }
  p->next += 2;
}

static void expr_place(expr_t e, void *ctx) {
  place(ctx, &((struct expr *)e)->loc);
}

static void stmt_places(struct places *p, struct lstmt *s) {
  if (s->kind != L_BLOCK) place(p, &s->loc);
  for (unsigned i = 0; s->acc && i < s->acc->rank; i++)
    if (s->acc->ix[i].dyn) expr_visit(s->acc->ix[i].dyn, expr_place, p);
  if (s->value) expr_visit(s->value, expr_place, p);
  if (s->cond) expr_visit(s->cond, expr_place, p);
  for (uint32_t i = 0; i < s->nbody; i++)
    if (s->body[i]) stmt_places(p, s->body[i]);
}

static void all_places(struct places *p, const struct lfunc *f) {
  struct kernel *k = (struct kernel *)f->k;
  place(p, &k->loc);
  for (unsigned i = 0; i < k->nparam; i++) place(p, &k->param[i].loc);
  for (unsigned i = 0; i < k->ntensor; i++) place(p, &k->tensor[i].loc);
  stmt_places(p, f->body);
}

void c_send(struct cout *o, const struct lfunc *f) {
  struct buf b, at;
  buf_init(&b);
  buf_init(&at);
  struct places p = {.out = &at};
  all_places(&p, f);
  uint32_t n = (uint32_t)at.len;
  buf_write(&b, &n, sizeof n);
  buf_write(&b, at.data, at.len);
  lfunc_print(&b, f);
  cout_frame(o, 'F', b.data, b.len);
  buf_free(&b);
  buf_free(&at);
}

struct lfunc *c_receive(struct arena *a, struct diag *d, uint16_t file, const char *frame, size_t len) {
  uint32_t n = 0;
  struct lfunc *f = NULL;
  if (len < sizeof n) return NULL;
  memcpy(&n, frame, sizeof n);
  if (n > len - sizeof n) return NULL;
  const uint32_t *in = arena_dup(a, frame + sizeof n, n);
  const char *text = frame + sizeof n + n;
  size_t text_len = len - sizeof n - n;
  uint16_t shown = diag_file(d, "<SOURCE>", text, text_len);
  if (lfunc_parse(a, d, shown, text, text_len, &f) != ST_OK) return NULL;
  struct places p = {.in = in, .n = n / sizeof *in, .file = file};
  all_places(&p, f);
  if (p.next != p.n) { /* the trees differ: no place is better than a wrong one */
    uint32_t *none = ARENA_NEW(a, uint32_t, p.next);
    p = (struct places){.in = none, .n = p.next};
    all_places(&p, f);
  }
  return f;
}
