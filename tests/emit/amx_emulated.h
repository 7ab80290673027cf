/* AMX on machines that have not got it: a handler of SIGILL decodes the instruction at hand, does what the manual says to tiles of its own, a set a thread, and goes
   on behind it. What the machine would refuse (a configuration, shapes that do not fit, tiles that are not there), it refuses, and says why. */
#ifndef HONE_TESTS_EMIT_AMX_EMULATED_H
#define HONE_TESTS_EMIT_AMX_EMULATED_H
#include <signal.h>
#include <stdbool.h>

/* For sigaction with SA_SIGINFO and SA_NODEFER; an address that faults does so inside it. What is no instruction of AMX, or a wrong one, goes to amx_refused. */
void amx_illegal(int sig, siginfo_t *info, void *context);
extern void (*amx_refused)(int sig); /* does not return; NULL: the program ends */
const char *amx_why(void);           /* what this thread refused last, "" before */
bool amx_in_use(void);               /* this thread's tiles are configured */
void amx_forget(void);               /* as after tilerelease */
unsigned long amx_count(void);       /* products of tiles so far, by all threads */
bool amx_native(void);               /* this machine runs them itself */
#endif
