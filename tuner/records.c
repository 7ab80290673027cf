/* Making database records out of trials: integers only (picoseconds, parts per million). */
#include "tuner/records.h"
#include "tuner/env.h"
#include <stdio.h>
#include <string.h>

static void verify_json(struct buf *b, const struct built *c) {
  buf_printf(b, "{\"passes\":%u,\"seed\":%llu", c->ev.passes, (unsigned long long)c->ev.seed);
  if (c->why[0]) {
    buf_puts(b, ",\"why\":");
    buf_json(b, c->why);
  }
  if (c->note[0]) {
    buf_puts(b, ",\"ptxas\":");
    buf_json(b, c->note);
  }
  if (c->device[0]) {
    buf_puts(b, ",\"device\":");
    buf_json(b, c->device);
  }
  buf_printf(b, ",\"worst_ppm\":%lld}", (long long)stats_ppm(c->ev.worst));
}

static void fill_times(struct db_record *r, const struct samples *s) {
  r->n = s->n;
  r->min_ps = stats_ps(stats_quantile(s->s, s->n, 0));
  r->q20_ps = stats_ps(stats_quantile(s->s, s->n, 0.2));
  r->med_ps = stats_ps(stats_quantile(s->s, s->n, 0.5));
  r->q80_ps = stats_ps(stats_quantile(s->s, s->n, 0.8));
}

enum status record_trial(struct db *db, const struct db_key *key, const uint8_t run_id[32], const char *sched,
                         const struct built *c, int stage, const struct samples *s, const struct interval *rel,
                         struct diag *d) {
  struct db_record r = {.sched = sched,
                        .status = trial_status_name[c->status],
                        .stage = stage,
                        .min_ps = -1,
                        .q20_ps = -1,
                        .med_ps = -1,
                        .q80_ps = -1,
                        .rel_ppm = -1,
                        .rel_lo_ppm = -1,
                        .rel_hi_ppm = -1};
  struct buf verify;
  buf_init(&verify);
  verify_json(&verify, c);
  r.verify = verify.data;
  memcpy(r.run_id, run_id, 32);
  if (s && s->n) fill_times(&r, s);
  if (rel) {
    r.rel_ppm = stats_ppm(rel->mid);
    r.rel_lo_ppm = stats_ppm(rel->lo);
    r.rel_hi_ppm = stats_ppm(rel->hi);
  }
  enum status st = db_add(db, key, &r, d);
  buf_free(&verify);
  return st;
}

enum status record_run(struct db *db, uint8_t run_id[32], struct diag *d) {
  struct buf env;
  static char llvm[48];
  snprintf(llvm, sizeof llvm, "LLVM %s", emit_llvm_version());
  db_set_toolchain(llvm);
  buf_init(&env);
  env_json(&env);
  enum status st = db_begin_run(db, "hone " HONE_VERSION, env.data, run_id, d);
  buf_free(&env);
  return st;
}
