/* The passes between a frontend and lowering, in order. */
#include "compiler/pass/passes.h"

const struct pass hone_passes[] = {
    /* name       run            needs         gives         optional */
    {"simplify", pass_simplify, LEVEL_TENSOR, LEVEL_TENSOR, true},
    {"divide", pass_divide, LEVEL_TENSOR, LEVEL_TENSOR, true},
    {"cse", pass_cse, LEVEL_TENSOR, LEVEL_TENSOR, true},
    {"dce", pass_dce, LEVEL_TENSOR, LEVEL_TENSOR, true},
    {"inline", pass_inline, LEVEL_TENSOR, LEVEL_TENSOR, true},
    {"simplify", pass_simplify, LEVEL_TENSOR, LEVEL_TENSOR, true},
    {"dce", pass_dce, LEVEL_TENSOR, LEVEL_TENSOR, true},
    {"narrow", pass_narrow, LEVEL_TENSOR, LEVEL_TENSOR, true},
    {"collapse", pass_collapse, LEVEL_TENSOR, LEVEL_TENSOR, true},
    {"fuse", pass_fuse, LEVEL_TENSOR, LEVEL_GROUP, false},
    {"online", pass_online, LEVEL_GROUP, LEVEL_GROUP, true},
};
const unsigned hone_npasses = sizeof hone_passes / sizeof *hone_passes;
