/* Sums through which a loop carries a value: what is carried comes last, so that an iteration waits for one addition instead of all of them.

     for j: y[j] = (y[j - 1] + a[j] + b[j]) / 9   becomes   for j: y[j] = (a[j] + b[j]) * (1.0 / 9) + y[j - 1] * (1.0 / 9)

   needs   a SOURCE tree that pass_raise gave up on, --fp reassoc
   gives   the same tree with such sums in another order: only sums of additions (differences, and so compensated sums, stay as they are; chain_local.c says what else it takes); quotients by, and
           products with, constants c are distributed over them where that cannot overflow
   leaves  everything else, to the bit */
#ifndef HONE_COMPILER_CHAIN_H
#define HONE_COMPILER_CHAIN_H
#include "ir/source.h"
void pass_chain(struct arena *a, struct source *s);
void chain_locals(struct arena *a, const struct lfunc *f, struct lstmt *s); /* chain_local.c: of what locals carry, in the innermost loops in s */
void chain_selects(struct arena *a, struct lstmt *s); /* chain_select.c: choices by what locals carry, in the innermost loops in s */
#endif
