/* The object loader: objects of several compilers and code models run; damaged ones are refused without a crash. argv:
 * the objects. */
#include "runtime/elf_load.h"
#include "tests/suite.h"
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char **paths;
static int npaths;
static uint8_t *bytes;
static size_t len;

static void read_object(const char *path) {
  FILE *f = fopen(path, "rb");
  ck_assert_msg(f != NULL, "%s", path);
  bytes = malloc(1 << 20);
  len = fread(bytes, 1, 1 << 20, f);
  fclose(f);
  ck_assert_int_gt((int)len, 64);
}

static int64_t outside(int64_t x) {
  return x + 1000;
}
static void *resolve(void *ctx, const char *name) {
  ck_assert_ptr_eq(ctx, &npaths);
  return !strcmp(name, "outside") ? (void *)(uintptr_t)outside : NULL;
}
static struct elf_image *load(char *why) {
  return elf_load(bytes, len, resolve, &npaths, why);
}

#define FN(im, type, name, ...) ((type(*)(__VA_ARGS__))(uintptr_t)elf_symbol(im, #name))

START_TEST(runs) {
  char why[ELF_WHY];
  read_object(paths[_i]);
  struct elf_image *im = load(why);
  ck_assert_msg(im != NULL, "%s: %s", paths[_i], why);
  memset(bytes, 0xee, len); /* no longer needed */
  ck_assert_int_eq(FN(im, int64_t, add, int64_t, int64_t)(40, 2), 42);
  ck_assert_int_eq(FN(im, int64_t, state, int64_t)(5), 46);
  ck_assert_int_eq(FN(im, int64_t, state, int64_t)(1), 54);
  ck_assert_int_eq(*(int64_t *)elf_symbol(im, "common_counter"), 2);
  ck_assert_int_eq(FN(im, int64_t, indirect, int, int64_t)(0, 21), 42);
  ck_assert_int_eq(FN(im, int64_t, indirect, int, int64_t)(1, 9), 81);
  ck_assert_int_eq(FN(im, int64_t, indirect, int, int64_t)(2, 9), 1009);
  ck_assert_int_eq(FN(im, int64_t, word_length, int)(3), 5);
  ck_assert(FN(im, float, sum_table, void)() == 136.0f);
  ck_assert(FN(im, double, call_math, double)(27.0) == 3.5);
  ck_assert_int_eq(FN(im, int, is_aligned, void)(), 1);
  ck_assert_int_eq(FN(im, int, has_weak, void)(), 0);
  ck_assert_int_eq(FN(im, int64_t, jump, int)(0), 1007);
  ck_assert_int_eq(FN(im, int64_t, jump, int)(2), 5);
  ck_assert_int_eq(FN(im, int64_t, jump, int)(5), 25);
  ck_assert_int_eq(FN(im, int64_t, jump, int)(77), -1);
  ck_assert_ptr_null(elf_symbol(im, "twice")); /* static */
  ck_assert_ptr_null(elf_symbol(im, "outside"));
  ck_assert_ptr_null(elf_symbol(im, ""));
  elf_unload(im);
  free(bytes);
}
END_TEST

static int dies_writing(void *p) {
  pid_t pid = fork();
  if (pid == 0) {
    *(volatile char *)p = 1;
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0; /* sanitizers exit */
}

START_TEST(code_is_not_writable) {
  char why[ELF_WHY];
  read_object(paths[_i]);
  struct elf_image *im = load(why);
  ck_assert_ptr_nonnull(im);
  ck_assert_int_eq(dies_writing(elf_symbol(im, "add")), 1);
  ck_assert_int_eq(dies_writing(elf_symbol(im, "common_counter")), 0);
  elf_unload(im);
  free(bytes);
}
END_TEST

START_TEST(undefined_symbol) {
  char why[ELF_WHY];
  read_object(paths[_i]);
  ck_assert_ptr_null(elf_load(bytes, len, NULL, NULL, why));
  ck_assert_str_eq(why, "undefined symbol 'outside'");
  free(bytes);
}
END_TEST

START_TEST(not_objects) {
  char why[ELF_WHY];
  ck_assert_ptr_null(elf_load("", 0, NULL, NULL, why));
  ck_assert_str_eq(why, "not an ELF file");
  ck_assert_ptr_null(elf_load("hello, world", 12, NULL, NULL, why));
  ck_assert_str_eq(why, "not an ELF file");
  read_object("/proc/self/exe");
  ck_assert_ptr_null(elf_load(bytes, len, NULL, NULL, why));
  ck_assert_str_eq(why, "not a relocatable object");
  free(bytes);
  read_object(paths[0]);
  ((Elf64_Ehdr *)(void *)bytes)->e_machine = EM_AARCH64;
  ck_assert_ptr_null(load(why));
  ck_assert_str_eq(why, "not an x86-64 object");
  free(bytes);
}
END_TEST

/* Loading only, from a block that ends where the data ends, so that a read beyond faults. */
static void load_exact(const uint8_t *data, size_t n) {
  char why[ELF_WHY];
  size_t page = 4096, room = (n + page - 1) / page * page;
  uint8_t *p = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(p, MAP_FAILED);
  mprotect(p + room, page, PROT_NONE);
  memcpy(p + room - n, data, n);
  struct elf_image *im = elf_load(p + room - n, n, resolve, &npaths, why);
  ck_assert(im || why[0]);
  elf_unload(im);
  munmap(p, room + page);
}

START_TEST(truncated) {
  read_object(paths[_i]);
  for (size_t n = 0; n < len; n += 1 + n / 200) load_exact(bytes, n);
  free(bytes);
}
END_TEST

static uint64_t rng = 12345;
static uint32_t next(uint32_t n) {
  rng ^= rng << 13;
  rng ^= rng >> 7;
  rng ^= rng << 17;
  return (uint32_t)(rng >> 11) % n;
}

/* Flips bytes, most of them where structure is: header, section headers, symbols, relocations. */
static void corrupt(uint8_t *copy) {
  const Elf64_Ehdr *eh = (const void *)bytes;
  static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, 0xfe};
  for (uint32_t k = 1 + next(4); k; k--) {
    size_t at = next((uint32_t)len);
    if (next(3) == 0) at = eh->e_shoff + next((uint32_t)eh->e_shnum * sizeof(Elf64_Shdr));
    if (next(8) == 0) at = next(sizeof *eh);
    copy[at % len] = next(2) ? odd[next(sizeof odd)] : (uint8_t)next(256);
  }
}

START_TEST(corrupted) {
  read_object(paths[_i]);
  uint8_t *copy = malloc(len);
  for (int round = 0; round < 4000; round++) {
    memcpy(copy, bytes, len);
    corrupt(copy);
    load_exact(copy, len);
  }
  free(copy);
  free(bytes);
}
END_TEST

int main(int argc, char **argv) {
  paths = argv + 1;
  npaths = argc - 1;
  Suite *s = suite_create("elf_load");
  TCase *t = tcase_create("load");
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, runs, 0, npaths);
  tcase_add_loop_test(t, code_is_not_writable, 0, npaths);
  tcase_add_loop_test(t, undefined_symbol, 0, npaths);
  tcase_add_test(t, not_objects);
  tcase_add_loop_test(t, truncated, 0, npaths);
  tcase_add_loop_test(t, corrupted, 0, npaths);
  suite_add_tcase(s, t);
  return suite_run(s, true);
}
