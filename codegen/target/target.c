/* Finds the target's row; everything that knows a machine is in the rows' files. */
#include "codegen/target/target.h"
#include <string.h>

#define TARGET(id, llvm, what) extern const struct target_desc target_##id;
#include "codegen/target/targets.def"
#undef TARGET
static const struct target_desc *const rows[] = {
#define TARGET(id, llvm, what) &target_##id,
#include "codegen/target/targets.def"
#undef TARGET
};
enum { NROWS = sizeof rows / sizeof *rows };

#if defined(__x86_64__)
#define HOST_TRIPLE "x86_64-unknown-linux-gnu"
#elif defined(__aarch64__)
#define HOST_TRIPLE "aarch64-unknown-linux-gnu"
#else
#define HOST_TRIPLE "unknown"
#endif

enum status target_resolve(struct arena *a, const char *spec, const char *cpu, struct target *out, struct diag *d) {
  bool host = !spec || !*spec || !strcmp(spec, "host");
  const char *triple = host ? HOST_TRIPLE : spec;
  if (host && (!cpu || !*cpu)) cpu = "native";
  memset(out, 0, sizeof *out);
  for (unsigned i = 0; i < NROWS; i++)
    if (rows[i]->matches(triple)) return rows[i]->resolve(a, triple, cpu, out, d) ? ST_OK : ST_REFUSED;
  struct loc none = {0};
  diag_error(d, none, "unknown target '%s'", triple);
  for (unsigned i = 0; i < NROWS; i++) diag_note(d, none, "known: %s", rows[i]->name);
  return ST_REFUSED;
}

void target_list(struct buf *out, bool json) {
  for (unsigned i = 0; i < NROWS; i++) {
    if (!json) {
      buf_printf(out, "%-25s compilable%s  %s\n", rows[i]->name,
                 rows[i]->matches(HOST_TRIPLE) ? ", runnable: this machine" : "", rows[i]->what);
      continue;
    }
    buf_puts(out, i ? ",{\"target\":" : "{\"target\":");
    buf_json(out, rows[i]->name);
    buf_puts(out, ",\"what\":");
    buf_json(out, rows[i]->what);
    bool here = rows[i]->matches(HOST_TRIPLE);
    buf_printf(out, ",\"host\":%s,\"compilable\":true,\"runnable\":%s}", here ? "true" : "false",
               here ? "true" : "false");
  }
}
