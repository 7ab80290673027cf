/* The roofline over the emulator's counts: what it must say whatever its constants are. */
#include "runtime/gpu_model.h"
#include <check.h>
#include <stdlib.h>

enum { BLOCKS = 4096, THREADS = 256 };
static const uint64_t FOOTPRINT = UINT64_C(1) << 30;

static double total(const struct emu_counts *c, uint64_t blocks) {
  struct gpu_machine m = gpu_machine_named("sm_90a");
  return gpu_model(&m, c, blocks, THREADS, 1024, FOOTPRINT).total;
}

/* A row kernel, whose memory traffic takes longest. */
static struct emu_counts rows(void) {
  struct emu_counts c = {.global_requests = 1 << 22, .global_sectors = UINT64_C(16) << 22, .shared_requests = 1 << 16};
  c.instructions[EMU_CLS_FLOAT] = UINT64_C(1) << 24;
  return c;
}

START_TEST(more_is_longer) {
  struct emu_counts c = rows(), d = c;
  d.global_sectors *= 2;
  ck_assert(total(&d, BLOCKS) > total(&c, BLOCKS));
  d = c;
  d.instructions[EMU_CLS_FLOAT] *= 1000;
  ck_assert(total(&d, BLOCKS) > 10 * total(&c, BLOCKS));
  d = c;
  d.tensor_work = UINT64_C(1) << 44;
  ck_assert(total(&d, BLOCKS) > 10 * total(&c, BLOCKS));
}
END_TEST

/* The longest is the same: fewer instructions, conflicts or barriers decide, and by far less than the longest does. */
START_TEST(ties_are_broken) {
  struct emu_counts c = rows(), d = c, e = c;
  struct gpu_machine m = gpu_machine_named("sm_90a");
  d.instructions[EMU_CLS_FLOAT] += d.instructions[EMU_CLS_FLOAT] / 4;
  struct gpu_parts p = gpu_model(&m, &c, BLOCKS, THREADS, 1024, FOOTPRINT),
                   q = gpu_model(&m, &d, BLOCKS, THREADS, 1024, FOOTPRINT);
  ck_assert(p.issue < q.issue && q.issue < p.l1 && p.l1 == q.l1);
  ck_assert(p.total < q.total && q.total < p.total * 1.05);
  e.shared_conflicts += 1 << 16;
  ck_assert(total(&e, BLOCKS) > p.total);
}
END_TEST

/* One block more than the SMs hold at once is another wave. */
START_TEST(waves) {
  struct emu_counts c = rows();
  struct gpu_machine m = gpu_machine_named("sm_90a");
  ck_assert(total(&c, m.sms) < total(&c, m.sms / 4));
  struct emu_counts none = {0};
  ck_assert(total(&none, 0) < 1e-5);
  ck_assert(gpu_machine_named("no such thing").sms > 0);
}
END_TEST

int main(void) {
  Suite *s = suite_create("gpu_model");
  TCase *t = tcase_create("all");
  tcase_add_test(t, more_is_longer);
  tcase_add_test(t, ties_are_broken);
  tcase_add_test(t, waves);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  int bad = srunner_ntests_failed(r);
  srunner_free(r);
  return bad != 0;
}
