/* Schedules that the user gives, in place of the database's. */
#ifndef HONE_GIVEN_H
#define HONE_GIVEN_H
#include "compiler/hone.h"

/* h->opts.schedule as one schedule a group of gs (out[gs->n]). ST_REFUSED, with the reason (and a caret for what does not parse). */
enum status given_schedule(struct hone *h, const struct groups *gs, struct sched *out);
/* ST_OK when no schedule is given, or the spec has just the one function that it can be for. ST_USAGE, ST_REFUSED: diagnosed. */
enum status given_for(struct hone *h);
#endif
