/* Records as the lines that describe them, without a database: what is stored, exported, and written by hone-runner. */
#include "ir/sha256.h"
#include "tuner/db_impl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

const char *db_this_host(void) {
  static char host[128];
  if (!host[0] && gethostname(host, sizeof host - 1)) snprintf(host, sizeof host, "unknown");
  return host;
}

static const char *user_name(void) {
  const char *s = getenv("USER");
  if (!s || !*s) s = getenv("LOGNAME");
  return s && *s && strlen(s) < 200 ? s : "unknown";
}

void line_text(struct line *l, enum field f, const char *s) {
  l->has[f] = true;
  l->text[f] = s ? s : "";
}

void line_num(struct line *l, enum field f, int64_t v) {
  l->has[f] = v >= 0;
  l->num[f] = v;
}

void run_line(const char *tool, const char *toolchain, const char *env_json, uint8_t run_id[DB_ID],
              char hex[2 * DB_ID + 1], struct line *out) {
  uint8_t nonce[DB_ID];
  if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce) {
    struct {
      struct timespec t;
      pid_t pid;
    } seed = {.pid = getpid()};
    clock_gettime(CLOCK_REALTIME, &seed.t);
    sha256(&seed, sizeof seed, nonce);
  }
  sha256(nonce, sizeof nonce, run_id);
  hex_of(run_id, hex);
  *out = (struct line){.kind = LINE_RUN};
  line_text(out, F_t, "run");
  line_text(out, F_id, hex);
  line_num(out, F_started_s, (int64_t)time(NULL));
  line_text(out, F_who, user_name());
  line_text(out, F_host, db_this_host());
  line_text(out, F_tool, tool);
  line_text(out, F_toolchain, toolchain);
  line_text(out, F_vcs, "");
  line_text(out, F_env, env_json);
}

static void kernel_line(const struct db_key *k, struct record_lines *x) {
  struct line *l = &x->kernel;
  *l = (struct line){.kind = LINE_KERNEL};
  line_text(l, F_t, "kernel");
  line_text(l, F_id, x->hex[0]);
  line_text(l, F_family, x->hex[1]);
  line_text(l, F_name, k->name);
  line_text(l, F_ir, k->ir);
  line_text(l, F_dims, k->dims);
}

static void target_line(const struct db_key *k, struct record_lines *x) {
  struct line *l = &x->target;
  *l = (struct line){.kind = LINE_TARGET};
  line_text(l, F_t, "target");
  line_text(l, F_id, x->hex[2]);
  line_text(l, F_kind, k->target->limits.simt ? "gpu" : "cpu");
  line_text(l, F_isa, k->target->isa);
  line_text(l, F_silicon, k->target->silicon);
  line_text(l, F_class_, k->target->class_);
}

static void times(struct line *l, const struct db_record *r) {
  line_num(l, F_stage, r->stage);
  line_num(l, F_n, r->n);
  line_num(l, F_min_ps, r->min_ps);
  line_num(l, F_q20_ps, r->q20_ps);
  line_num(l, F_med_ps, r->med_ps);
  line_num(l, F_q80_ps, r->q80_ps);
  line_num(l, F_rel_ppm, r->rel_ppm);
  line_num(l, F_rel_lo_ppm, r->rel_lo_ppm);
  line_num(l, F_rel_hi_ppm, r->rel_hi_ppm);
}

void record_lines(const struct db_key *k, struct db_record *r, struct record_lines *x) {
  struct line *l = &x->record;
  hex_of(k->kernel_id, x->hex[0]);
  hex_of(k->family_id, x->hex[1]);
  hex_of(k->target_id, x->hex[2]);
  hex_of(r->run_id, x->hex[3]);
  kernel_line(k, x);
  target_line(k, x);
  *l = (struct line){.kind = LINE_RECORD};
  line_text(l, F_t, "record");
  line_text(l, F_kernel, x->hex[0]);
  line_text(l, F_target, x->hex[2]);
  line_text(l, F_run, x->hex[3]);
  line_text(l, F_objective, k->objective);
  line_text(l, F_fp, k->fp);
  line_text(l, F_sched, r->sched);
  line_text(l, F_status, r->status);
  times(l, r);
  line_text(l, F_verify, r->verify ? r->verify : "{}");
  line_id(l, x->hex[4]);
  line_text(l, F_id, x->hex[4]);
  hex_parse(x->hex[4], r->id);
}
