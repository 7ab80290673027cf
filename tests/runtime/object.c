/* What the loader must cope with; compiled several ways (meson.build) and loaded by elf_load.c. */
#include <math.h>
#include <stdint.h>
#include <string.h>

int64_t outside(int64_t x); /* given by the loader's callback */
extern int weak_absent(void) __attribute__((weak));
int64_t common_counter;
static int64_t zeroed[1000];
static int64_t initialised = 40;
_Alignas(64) static const float table[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const char *const words[] = {"zero", "one", "two", "three"};

static int64_t twice(int64_t x) {
  return 2 * x;
}
static int64_t square(int64_t x) {
  return x * x;
}
int64_t (*volatile const op[])(int64_t) = {twice, square, outside};

int64_t add(int64_t a, int64_t b) {
  return a + b;
}
int64_t state(int64_t d) {
  zeroed[999] += d;
  common_counter++;
  return initialised += zeroed[999] + common_counter;
}
int64_t indirect(int i, int64_t x) {
  return op[i](x);
}
int64_t word_length(int i) {
  return (int64_t)strlen(words[i]);
}
float sum_table(void) {
  float s = 0;
  for (int i = 0; i < 16; i++) s += table[i];
  return s;
}
double call_math(double x) {
  return fmod(x, 8.0) + 0.5;
}
int is_aligned(void) {
  return ((uintptr_t)table & 63) == 0;
}
int has_weak(void) {
  return weak_absent != 0;
}
int64_t jump(int i) {
  switch (i) {
  case 0:
    return outside(7);
  case 1:
    return state(0);
  case 2:
    return word_length(3);
  case 3:
    return 99;
  case 4:
    return add(i, 5);
  case 5:
    return square(i);
  case 6:
    return twice(i) + 1;
  default:
    return -1;
  }
}
