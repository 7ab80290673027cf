/* The table of strategies. */
#include "tuner/strategy.h"
#include <string.h>

#define STRATEGY(name, what) extern const struct strategy strategy_##name;
#include "tuner/strategies.def"
#undef STRATEGY

static const struct strategy *const all[] = {
#define STRATEGY(name, what) &strategy_##name,
#include "tuner/strategies.def"
#undef STRATEGY
};

const struct strategy *strategy_find(const char *name) {
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (!strcmp(all[i]->name, name)) return all[i];
  return NULL;
}

void strategy_list(struct buf *out) {
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) buf_printf(out, "  %-9s %s\n", all[i]->name, all[i]->what);
}
