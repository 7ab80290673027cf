/* Hints that hone check prints below a reason. */
#ifndef HONE_CLI_HINTS_H
#define HONE_CLI_HINTS_H
#include "ir/tensor.h"
/* The smallest change that would help, in the arena; NULL: none is known. */
const char *hint_for(struct arena *a, const char *why);
/* How the check for overlap can be saved; NULL: there is none. */
const char *hint_overlap(struct arena *a, const struct kernel *k);
#endif
