/* One line, rewritten in place, on a terminal only. */
#include "compiler/cli/progress.h"
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static unsigned columns(void) {
  struct winsize w;
  return ioctl(2, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

static void json_event(struct buf *out, const struct tune_progress *p) {
  buf_puts(out, p->done ? "{\"event\":\"done\",\"name\":" : "{\"event\":\"trial\",\"name\":");
  buf_json(out, p->name);
  buf_printf(out, ",\"trials\":%u,\"infeasible\":%u,\"best_ppm\":%lld,\"sched\":", p->trials, p->infeasible,
             (long long)(p->best_ratio * 1e6));
  buf_json(out, p->best_sched);
  buf_puts(out, "}\n");
}

void progress_show(void *ctx, const struct tune_progress *p) {
  struct progress *s = ctx;
  char line[512];
  if (s->json) json_event(s->out, p);
  if (!s->terminal) return;
  int n = snprintf(line, sizeof line, "%s: %u trials (%u infeasible), best %.3f of default, %.0f s", p->name, p->trials,
                   p->infeasible, p->best_ratio, p->elapsed_s);
  if (p->left_s >= 0 && n > 0 && (size_t)n < sizeof line)
    snprintf(line + n, sizeof line - (size_t)n, ", %.0f s left", p->left_s);
  fprintf(stderr, "\r%.*s\033[K%s", (int)columns() - 1, line, p->done ? "\r\033[K" : "");
  fflush(stderr);
}
