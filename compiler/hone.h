/* hone: public API of the compiler. hone_compile() is the whole walk. */
#ifndef HONE_H
#define HONE_H
#include "compiler/frontend/spec.h"
#include "codegen/emit/emit.h"
#include "codegen/lower/lower.h"
#endif
