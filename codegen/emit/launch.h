/* How a LOOP function runs on a device whose threads come in blocks: a sequence of kernels, the grid and the block of each, and the device memory
   that lives between them. Made from the LOOP alone, so the emitter and whoever launches agree without talking. */
#ifndef HONE_CODEGEN_LAUNCH_H
#define HONE_CODEGEN_LAUNCH_H
#include "ir/loop.h"
#include "codegen/target/target.h"

enum { LAUNCH_LOOPS = 6, LAUNCH_KERNELS = 256, LAUNCH_THREADS = 1024, LAUNCH_GROUP = 128 };
struct launch_kernel {
  const char *name;                        /* of the entry in the module: FUNCTION_kN */
  const struct lstmt *body;
  unsigned nloop;                          /* parallel loops, outermost first: the grid is the product of their iterations, or `most`; none: one block */
  const struct lstmt *loop[LAUNCH_LOOPS];
  unsigned most;                           /* blocks at most, which then take several iterations; 0: one each */
  unsigned cluster;                        /* neighbouring blocks that run together; 0: each for itself */
  unsigned threads;                        /* in a block; a multiple of 32 */
  unsigned workers;                        /* those that run the LOOP; more: a warp group behind them copies by tensor maps */
  unsigned dynamic;                        /* bytes of shared memory that the launch must ask for, beside the kernel's own */
};
/* A buffer in device memory. block < 0: one, for all kernels; else one for each block of kernel number `block`. */
struct launch_buffer {
  uint16_t object;
  int block;
};
/* A tensor map: boxes of a tensor as a tile of warp groups lies. Dimensions innermost first, as in the tensor's type. */
enum { LAUNCH_MAPS = 8, LAUNCH_RANK = 5 };
struct launch_map {
  uint16_t object, tensor;                 /* the tile, and where it comes from */
  uint32_t box[LAUNCH_RANK];               /* elements; the innermost: 128 bytes */
  unsigned tall, share;                    /* the dimension of the tile's rows; blocks of a cluster that each bring a part of them for all; 0: each brings its own */
};
struct launch_plan {
  const struct lfunc *f;
  unsigned nkernel, nbuffer, nmap;
  struct launch_map map[LAUNCH_MAPS];
  struct launch_kernel *kernel;
  struct launch_buffer *buffer;
  uint8_t *shared;                         /* [nobject] the object lives in the shared memory of its block */
  int32_t *dynamic;                        /* [nobject] where in the part that the launch asks for; -1: in the kernel's own */
};
/* Kernels have at most LAUNCH_OWN_SHARED bytes of their own; buffers beyond that are asked for, aligned to LAUNCH_ALIGN. */
enum { LAUNCH_OWN_SHARED = 48 << 10, LAUNCH_ALIGN = 1024 };
/* Is s a loop whose operands tensor maps bring (the copies are the first statement of its body)? objects: [nobject] set to 1 for them. */
bool launch_ring(const struct launch_plan *p, const struct lstmt *s, uint8_t *objects, unsigned *stages);
/* Parameters of every kernel: those of f->k in order (dims as i64, tensors as device pointers), then one pointer for each buffer, then the maps
   (128 bytes each). Arrays and rows that do not begin at 16 bytes have none: what is there instead is not looked at.
   ST_INFEASIBLE with *why when the function cannot run so. */
enum status launch_plan_make(struct arena *a, const struct lfunc *f, const struct limits *lim, struct launch_plan *out, const char **why);
/* Blocks of kernel i and bytes of buffer i (of one block) for these values of the dims, by symbol. -1: overflow. */
int64_t launch_blocks(const struct launch_plan *p, unsigned kernel, const int64_t *dim);
int64_t launch_bytes(const struct launch_plan *p, unsigned buffer, const int64_t *dim);
#endif
