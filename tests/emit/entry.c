/* The exported function: which variant runs, overlap, assumptions, symbols, bytes that repeat, the header; LLVM's death
 * is not ours. */
#include "tests/emit/rig.h"
#include "tests/suite.h"
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char add_spec[] = "kernel add(X: f32[N, M], s: f32) -> Y: f32[N, M] {\n  Y[i, j] = X[i, j] + s\n}\n";

struct world {
  struct rig r;
  struct kernel *k;
  struct lfunc *general, *source, *variant;
};

/* Three forms that can be told apart: the general one adds s, the source form 2 s, the variant 3 s. */
static struct lfunc *form(struct world *w, int times) {
  struct lfunc *f = lfunc_new(w->r.a, w->k, "form");
  struct arena *a = w->r.a;
  sym_t i = lfunc_add_sym(f, "i"), j = lfunc_add_sym(f, "j");
  unsigned x = f->k->param[2].kind == PARAM_TENSOR ? f->k->param[2].ref : f->k->param[0].ref, y = 0, scalar = 0;
  for (unsigned p = 0; p < f->k->nparam; p++) {
    if (f->k->param[p].kind == PARAM_SCALAR) scalar = p;
    if (f->k->param[p].kind == PARAM_TENSOR && f->k->tensor[f->k->param[p].ref].role != ROLE_IN) y = f->k->param[p].ref;
    if (f->k->param[p].kind == PARAM_TENSOR && f->k->tensor[f->k->param[p].ref].role == ROLE_IN) x = f->k->param[p].ref;
  }
  poly_t at[2] = {poly_sym(a, i), poly_sym(a, j)}, zero = poly_const(a, 0);
  expr_t v = expr_read(a, DT_f32, access_new(a, x, 2, at));
  for (int t = 0; t < times; t++) v = expr_op2(a, OP_add, v, expr_scalar(a, DT_f32, scalar));
  struct lstmt *body = loop_store(a, access_new(a, y, 2, at), RED_none, v);
  body = loop_for(a, F_SERIAL, j, zero, f->k->tensor[x].extent[1], 1, body);
  f->body = loop_for(a, F_SERIAL, i, zero, f->k->tensor[x].extent[0], 1, body);
  return f;
}

static void world_open_spec(struct world *w, const char *spec) {
  rig_open(&w->r, NULL);
  struct kernels ks;
  uint16_t file = diag_file(w->r.d, "spec", spec, strlen(spec));
  ck_assert_int_eq(kernels_parse(w->r.a, w->r.d, file, spec, strlen(spec), &ks), ST_OK);
  w->k = ks.k[0];
  w->general = form(w, 1), w->source = form(w, 2), w->variant = form(w, 3);
}

static void world_open(struct world *w) {
  world_open_spec(w, add_spec);
}

static void world_load(struct world *w, const struct emit_entry *e) {
  struct emit_opts o = {.kind = EMIT_OBJ, .call_stub = true, .pic = true};
  const char *why = "";
  buf_clear(&w->r.object);
  enum status st = emit_module(w->r.a, e, 1, &w->r.t, &o, true, &w->r.object, &why);
  ck_assert_msg(st == ST_OK, "%s", why);
  char err[ELF_WHY];
  elf_unload(w->r.image);
  w->r.image = elf_load(w->r.object.data, w->r.object.len, NULL, NULL, err);
  ck_assert_msg(w->r.image != NULL, "%s", err);
  void *p = elf_symbol(w->r.image, "add__hone_call");
  ck_assert_ptr_nonnull(p);
  memcpy(&w->r.call, &p, sizeof p);
}

/* Calls with the given shape; x and y inside one array at the given places. Returns how many times s was added to the
 * first element. */
static int which(struct world *w, int64_t n, int64_t m, long x_at, long y_at) {
  static float mem[4096];
  float s = 1, *x = mem + x_at, *y = mem + y_at;
  for (unsigned i = 0; i < 4096; i++) mem[i] = 100;
  int64_t dims64[2] = {n, m};
  int32_t dims32[2] = {(int32_t)n, (int32_t)m};
  void *args[8];
  unsigned d = 0;
  for (unsigned i = 0; i < w->k->nparam; i++) {
    const struct param *p = &w->k->param[i];
    if (p->kind == PARAM_DIM) {
      unsigned which_dim = !strcmp(w->k->sym[p->ref].name, "N") ? 0 : 1;
      args[i] = type_size(p->type) == 8 ? (void *)&dims64[which_dim] : (void *)&dims32[which_dim];
      d++;
    } else if (p->kind == PARAM_SCALAR) {
      args[i] = &s;
    } else {
      args[i] = w->k->tensor[p->ref].role == ROLE_IN ? &x : &y;
    }
  }
  ck_assert_uint_eq(d, 2);
  w->r.call(args);
  return (int)(y[0] - 100);
}

START_TEST(picks) {
  struct world w;
  world_open(&w);
  bool *has = ARENA_NEW(w.r.a, bool, w.k->nsym);
  int64_t *value = ARENA_NEW(w.r.a, int64_t, w.k->nsym);
  for (unsigned i = 0; i < w.k->nsym; i++)
    if (!strcmp(w.k->sym[i].name, "N")) has[i] = true, value[i] = 5;
  struct emit_variant v = {w.variant, has, value};
  struct emit_entry e = {.k = w.k, .general = w.general, .source = w.source, .nvariant = 1, .variant = &v};
  w.k->noalias = false;
  world_load(&w, &e);
  ck_assert_int_eq(which(&w, 4, 7, 0, 1000), 1);
  ck_assert_int_eq(which(&w, 5, 7, 0, 1000), 3);
  ck_assert_int_eq(which(&w, 5, 9, 1000, 0), 3);
  /* overlap: whole, by the last and by the first element, next to each other without */
  ck_assert_int_eq(which(&w, 5, 7, 100, 100), 2);
  ck_assert_int_eq(which(&w, 5, 7, 100, 134), 2);
  ck_assert_int_eq(which(&w, 5, 7, 134, 100), 2);
  ck_assert_int_eq(which(&w, 5, 7, 100, 135), 3);
  ck_assert_int_eq(which(&w, 5, 7, 135, 100), 3);
  ck_assert_int_eq(which(&w, 4, 7, 100, 128), 1);
  /* no source form: no checks */
  e.source = NULL;
  world_load(&w, &e);
  ck_assert_int_eq(which(&w, 5, 7, 100, 100), 3);
  /* the contract forbids overlap */
  e.source = w.source;
  w.k->noalias = true;
  world_load(&w, &e);
  ck_assert_int_eq(which(&w, 5, 7, 100, 100), 3);
  /* the source form alone */
  struct emit_entry only = {.k = w.k, .source = w.source};
  world_load(&w, &only);
  ck_assert_int_eq(which(&w, 5, 7, 0, 1000), 2);
  rig_close(&w.r);
}
END_TEST

/* What a guard or an index from memory could reach as far as its polynomials say lies in the array: arrays side by side
 * do not overlap. A stride may be negative. */
START_TEST(declared_range) {
  static const char *const body[] = {
      "X: f32[N, M], s: f32) -> Y: f32[N, M] {\n  Y[i, j] = (X[i - 1, j] else 0.0) + (X[i + 1, j] else 0.0) + s\n}\n",
      "X: f32[N, M], s: f32) -> Y: f32[N, M] {\n  Y[i, j] = X[i, i64(X[i, j])] + s\n}\n",
  };
  for (unsigned i = 0; i < 2; i++) {
    struct world w;
    char text[256];
    snprintf(text, sizeof text, "kernel add(%s", body[i]);
    world_open_spec(&w, text);
    w.k->noalias = false;
    struct emit_entry e = {.k = w.k, .general = w.general, .source = w.source};
    world_load(&w, &e);
    ck_assert_int_eq(which(&w, 4, 7, 100, 128), 1);
    ck_assert_int_eq(which(&w, 4, 7, 128, 100), 1);
    ck_assert_int_eq(which(&w, 4, 7, 100, 127), 2);
    ck_assert_int_eq(which(&w, 4, 7, 127, 100), 2);
    rig_close(&w.r);
  }
  struct world w;
  world_open_spec(&w,
                  "kernel add(X: f32[N, M] stride [-M, 1], s: f32) -> Y: f32[N, M] {\n  Y[i, j] = X[i, j] + s\n}\n");
  w.k->noalias = false;
  struct emit_entry e = {.k = w.k, .general = w.general, .source = w.source};
  world_load(&w, &e);
  ck_assert_int_eq(which(&w, 4, 7, 121, 128), 1); /* X reaches from 121 - 3 * 7 to 127 */
  ck_assert_int_eq(which(&w, 4, 7, 122, 128), 2);
  ck_assert_int_eq(which(&w, 4, 7, 128, 79), 1);
  ck_assert_int_eq(which(&w, 4, 7, 128, 80), 2);
  rig_close(&w.r);
}
END_TEST

START_TEST(assumptions) {
  struct world w;
  world_open(&w);
  sym_t n = 0;
  for (unsigned i = 0; i < w.k->nsym; i++)
    if (!strcmp(w.k->sym[i].name, "N")) n = (sym_t)i;
  poly_t need = poly_addc(w.r.a, poly_sym(w.r.a, n), -3);
  w.k->assume = &need, w.k->nassume = 1;
  struct emit_entry e = {.k = w.k, .general = w.general, .source = w.source};
  world_load(&w, &e);
  ck_assert_int_eq(which(&w, 3, 7, 0, 1000), 1);
  ck_assert_int_eq(which(&w, 2, 7, 0, 1000), 2);
  rig_close(&w.r);
}
END_TEST

/* What a variant's kernel assumes beyond the entry's decides whether it runs. */
START_TEST(narrow_variant) {
  struct world w;
  world_open(&w);
  sym_t n = 0;
  for (unsigned i = 0; i < w.k->nsym; i++)
    if (!strcmp(w.k->sym[i].name, "N")) n = (sym_t)i;
  struct kernel *own = kernel_clone(w.r.a, w.k);
  poly_t most = poly_sub(w.r.a, poly_const(w.r.a, 4), poly_sym(w.r.a, n));
  own->assume = &most, own->nassume = 1;
  w.variant->k = own;
  struct emit_variant v = {w.variant, NULL, NULL};
  struct emit_entry e = {.k = w.k, .general = w.general, .source = w.source, .nvariant = 1, .variant = &v};
  world_load(&w, &e);
  ck_assert_int_eq(which(&w, 1, 7, 0, 1000), 3);
  ck_assert_int_eq(which(&w, 4, 7, 0, 1000), 3);
  ck_assert_int_eq(which(&w, 5, 7, 0, 1000), 1);
  rig_close(&w.r);
}
END_TEST

/* Global symbols that the object defines, other than `allowed`. */
static void check_symbols(const struct buf *o) {
  const Elf64_Ehdr *h = (const void *)o->data;
  const Elf64_Shdr *sh = (const void *)(o->data + h->e_shoff);
  const char *names = o->data + sh[h->e_shstrndx].sh_offset;
  bool stack_note = false;
  for (unsigned i = 0; i < h->e_shnum; i++) {
    if (!strcmp(names + sh[i].sh_name, ".note.GNU-stack")) stack_note = true;
    if (sh[i].sh_type != SHT_SYMTAB) continue;
    const char *str = o->data + sh[sh[i].sh_link].sh_offset;
    const Elf64_Sym *sym = (const void *)(o->data + sh[i].sh_offset);
    for (size_t k = 0; k < sh[i].sh_size / sizeof *sym; k++) {
      bool defined = sym[k].st_shndx != SHN_UNDEF && ELF64_ST_BIND(sym[k].st_info) != STB_LOCAL;
      if (defined) ck_assert_str_eq(str + sym[k].st_name, "add");
    }
  }
  ck_assert(stack_note);
}

START_TEST(bytes_repeat) {
  struct world w;
  world_open(&w);
  struct emit_entry e = {.k = w.k, .general = w.general, .source = w.source};
  struct emit_opts o = {.kind = EMIT_OBJ, .pic = true};
  struct buf a, b;
  buf_init(&a), buf_init(&b);
  const char *why;
  ck_assert_int_eq(emit_module(w.r.a, &e, 1, &w.r.t, &o, true, &a, &why), ST_OK);
  char dir[] = "/tmp/hone-XXXXXX";
  ck_assert_ptr_nonnull(mkdtemp(dir));
  ck_assert_int_eq(chdir(dir), 0);
  ck_assert_int_eq(emit_module(w.r.a, &e, 1, &w.r.t, &o, false, &b, &why), ST_OK);
  ck_assert_int_eq(chdir("/"), 0);
  rmdir(dir);
  ck_assert_uint_eq(a.len, b.len);
  ck_assert(memcmp(a.data, b.data, a.len) == 0);
  ck_assert_ptr_null(memmem(a.data, a.len, "/tmp", 4));
  check_symbols(&a);
  buf_free(&a), buf_free(&b);
  rig_close(&w.r);
}
END_TEST

START_TEST(header) {
  struct world w;
  world_open(&w);
  struct emit_entry e = {.k = w.k, .general = w.general};
  struct buf b;
  buf_init(&b);
  emit_header(&b, &e, 1, "HONE_ADD_H", false);
  char dir[] = "/tmp/hone-XXXXXX", path[64], cmd[256];
  ck_assert_ptr_nonnull(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/add.h", dir);
  FILE *f = fopen(path, "w");
  ck_assert_ptr_nonnull(f);
  fputs(b.data, f);
  fclose(f);
  static const char *const compile[] = {"cc -std=c11 -Wall -Wextra -Werror -x c -c",
                                        "c++ -std=c++17 -Wall -Wextra -Werror -x c++ -c"};
  for (unsigned i = 0; i < 2; i++) {
    snprintf(cmd, sizeof cmd, "command -v %.3s >/dev/null || exit 0; %s %s -o /dev/null", compile[i], compile[i], path);
    ck_assert_msg(system(cmd) == 0, "%s\n%s", cmd, b.data);
  }
  unlink(path), rmdir(dir);
  buf_free(&b);
  rig_close(&w.r);
}
END_TEST

/* An unrolled nest of a million statements is refused, not compiled for an hour. */
START_TEST(too_large) {
  static const char text[] = "func f {\n sym a, b, c, d\n param Y: f32 tensor Y\n tensor Y: f32[32] inout\n"
                             " for a in 0 .. 32 unroll { for b in 0 .. 32 unroll { for c in 0 .. 32 unroll { for d in "
                             "0 .. 32 unroll { Y[a] sum= exp(Y[b] + Y[c] * Y[d]) } } } }\n}\n";
  struct rig r;
  rig_open(&r, NULL);
  uint16_t file = diag_file(r.d, "test", text, sizeof text - 1);
  ck_assert_int_eq(lfunc_parse(r.a, r.d, file, text, sizeof text - 1, &r.f), ST_OK);
  struct emit_entry e = {.k = r.f->k, .general = r.f};
  struct emit_opts o = {.kind = EMIT_OBJ, .pic = true};
  const char *why = "";
  ck_assert_int_eq(emit_module(r.a, &e, 1, &r.t, &o, true, &r.object, &why), ST_INFEASIBLE);
  ck_assert_str_eq(why, "the unrolled code is too large");
  rig_close(&r);
}
END_TEST

/* A kernel with the name of a function that its own code calls. */
START_TEST(name_of_libm) {
  static const char text[] = "func fmod {\n sym i\n param Y: f64 tensor Y\n tensor Y: f64[4] inout\n for i in 0 .. 4 { "
                             "Y[i] = fmod(Y[i], 0.75) }\n}\n";
  struct rig r;
  rig_open(&r, NULL);
  uint16_t file = diag_file(r.d, "test", text, sizeof text - 1);
  ck_assert_int_eq(lfunc_parse(r.a, r.d, file, text, sizeof text - 1, &r.f), ST_OK);
  struct emit_entry e = {.k = r.f->k, .general = r.f};
  struct emit_opts o = {.kind = EMIT_OBJ, .pic = true};
  const char *why = "";
  ck_assert_int_eq(emit_module(r.a, &e, 1, &r.t, &o, true, &r.object, &why), ST_INFEASIBLE);
  ck_assert_str_eq(why, "a kernel cannot be called 'fmod': generated code calls the library function of that name");
  rig_close(&r);
}
END_TEST

START_TEST(targets) {
  struct arena *a = arena_new();
  struct diag *d = diag_new();
  struct target t;
  static const char *const cpus[] = {"native",    "haswell",        "x86-64-v2", "x86-64-v3",
                                     "x86-64-v4", "skylake-avx512", "znver4",    "sapphirerapids"};
  for (unsigned i = 0; i < sizeof cpus / sizeof *cpus; i++) {
    ck_assert_int_eq(target_resolve(a, NULL, cpus[i], &t, d), ST_OK);
    ck_assert(t.isa[0] && t.class_[0] && t.silicon[0]);
  }
  ck_assert_int_eq(target_resolve(a, "x86_64-unknown-linux-gnu", NULL, &t, d), ST_OK);
  ck_assert_uint_eq(t.limits.vector_bytes, 16);
  ck_assert_int_eq(diag_errors(d), 0);
  ck_assert_int_eq(target_resolve(a, "vax-dec-vms", NULL, &t, d), ST_REFUSED);
  ck_assert_int_eq(target_resolve(a, NULL, "z80", &t, d), ST_REFUSED);
  ck_assert_int_eq(diag_errors(d), 2);
  struct buf b;
  buf_init(&b);
  target_list(&b, true);
  ck_assert(strstr(b.data, "\"x86_64-unknown-linux-gnu\"") != NULL);
  buf_free(&b);
  diag_free(d);
  arena_free(a);
}
END_TEST

int main(void) {
  Suite *s = suite_create("emit-entry");
  TCase *t = tcase_create("entry");
  tcase_add_test(t, picks);
  tcase_add_test(t, declared_range);
  tcase_add_test(t, assumptions);
  tcase_add_test(t, narrow_variant);
  tcase_add_test(t, bytes_repeat);
  tcase_add_test(t, header);
  tcase_add_test(t, too_large);
  tcase_add_test(t, name_of_libm);
  tcase_add_test(t, targets);
  tcase_set_timeout(t, 60);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
