/* libFuzzer on PTX text: what is read is launched with a few threads in both modes; nothing may crash, whatever it
 * says. */
#include "runtime/emu/emu.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
enum { PARAMS = 8, BYTES = 8192 };

/* Parameters of 8 bytes are addresses of memory, those of 128 a tensor map. */
static void launch(struct emu *d, struct emu_module *m, const char *kernel, bool lazy) {
  int n = emu_kernel_params(m, kernel);
  uint64_t mem = emu_alloc(d, BYTES), dim[2] = {16, 16}, stride[1] = {32};
  uint32_t box[2] = {16, 8};
  _Alignas(128) uint8_t map[128] = {0};
  uint8_t zero[4096] = {0};
  const void *params[PARAMS];
  struct emu_launch how = {
      .grid = {2, 1, 1}, .block = {128, 1, 1}, .dynamic_shared = 16384, .lazy = lazy, .seed = 7, .max_steps = 3000};
  struct emu_report rep;
  if (n > PARAMS) return;
  emu_tensor_map(map, EMU_MAP_BF16, 2, mem, dim, stride, box, NULL, 1);
  for (int i = 0; i < n; i++) {
    uint32_t bytes = emu_param_size(m, kernel, i);
    if (bytes > sizeof zero) return;
    params[i] = bytes == 8 ? (const void *)&mem : bytes == 128 ? map : zero;
  }
  char text[4096];
  emu_launch(m, kernel, &how, params, n, &rep);
  emu_report_text(&rep, text, sizeof text);
  if (rep.n && !rep.finding[0].text[0]) abort(); /* a finding without a word */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct emu *d = emu_open();
  struct emu_error err;
  struct emu_module *m = emu_load(d, (const char *)data, size, &err);
  if (!m && (!err.text[0] || !err.line)) abort(); /* refused without a word */
  for (int i = 0; m && i < 2 && emu_kernel_name(m, i); i++) {
    launch(d, m, emu_kernel_name(m, i), false);
    launch(d, m, emu_kernel_name(m, i), true);
  }
  emu_unload(m);
  emu_close(d);
  return 0;
}

/* Half of the time whole words and lines are moved: bytes alone seldom make another program that is read. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

/* A run of bytes between separators around at. */
static size_t span(const uint8_t *data, size_t size, size_t at, const char *ends, size_t *from) {
  size_t to = at;
  while (at && !strchr(ends, data[at - 1])) at--;
  while (to < size && !strchr(ends, data[to])) to++;
  *from = at;
  return to - at;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  const char *ends = seed & 2 ? " ,;[]{}\n" : seed & 4 ? ";\n" : ".: ,;";
  size_t a, b, na, nb;
  if (seed & 1 || size < 8) return LLVMFuzzerMutate(data, size, most);
  na = span(data, size, (seed >> 3) % size, ends, &a);
  nb = seed & 8 ? 0 : span(data, size, (seed * 2654435761u >> 7) % size, ends, &b);
  if (nb == 0) b = 0;
  if (size - na + nb > most) return LLVMFuzzerMutate(data, size, most);
  uint8_t *copy = malloc(nb + 1);
  memcpy(copy, data + b, nb);
  memmove(data + a + nb, data + a + na, size - a - na);
  memcpy(data + a, copy, nb);
  free(copy);
  return size - na + nb;
}
