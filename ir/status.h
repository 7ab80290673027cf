/* Outcome of a call that can fail because of the input or the world. Our own bugs are asserts. */
#ifndef HONE_IR_STATUS_H
#define HONE_IR_STATUS_H
enum status {
  ST_OK,
  ST_REFUSED,    /* the input was refused; diagnostics were given */
  ST_USAGE,      /* the call was wrong */
  ST_UNTUNED,    /* nothing tuned for this key and the policy is to fail */
  ST_INTERNAL,   /* our bug, caught */
  ST_ENV,        /* disk, database, missing library, no device; diagnostics were given */
  ST_NOMEM,      /* memory exhausted */
  ST_INFEASIBLE  /* ordinary answer: this schedule does not apply here */
};
#endif
