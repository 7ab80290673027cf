/* Products by AMX in compiled code, on any machine: tests of tests/emit that call it compile for this one with AMX added to what it has, and where it has not got
   it, amx_emulated.h runs its instructions. */
#ifndef HONE_TESTS_EMIT_AMX_LAB_H
#define HONE_TESTS_EMIT_AMX_LAB_H
#include "tests/emit/compiled.h"
#include "tests/emit/amx_emulated.h" /* behind: it brings <signal.h>, whose L_SET would be in ir/loop.h's way */
void amx_add(struct target *t); /* AMX to what the target has */
void amx_lab(void);             /* from here on lab_check compiles and runs so */
#endif
