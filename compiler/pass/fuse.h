/* Groups under construction: shared by fuse.c (order) and fuse_join.c (whether an equation joins). */
#ifndef HONE_COMPILER_PASS_FUSE_H
#define HONE_COMPILER_PASS_FUSE_H
#include "compiler/pass/util.h"

struct fgroup {
  uint8_t n, nax, nshared;
  bool closed;                   /* its one equation reads its own result at other elements: nothing joins */
  uint32_t streamed;             /* bit m: member m is a contraction that was let in because it runs in a stream */
  uint16_t eq[GROUP_MAX_EQ];     /* into k->eq, in order of execution */
  struct axis axis[GROUP_MAX_AXIS];
  sym_t shared[GROUP_MAX_AXIS];  /* parallel in every member, same iteration in every dependence */
};
struct fuse {
  struct arena *a;
  struct kernel *k;              /* own copy: index symbols of joined equations are renamed to the group's */
  bool streams;                  /* contractions may join through a stream */
  bool crossing;                 /* two reductions of one operand may share its rows though they share no axis */
  unsigned n;
  struct fgroup *g;
};
_Static_assert(GROUP_MAX_EQ <= 32, "fgroup.streamed has a bit per member");

/* Appends equation e to g and renames its axes, when that is legal and pays. */
bool fuse_join(struct fuse *f, struct fgroup *g, unsigned e);
#endif
