/* A functional emulator of NVIDIA GPUs: runs PTX text on a CPU and says what is wrong with it.
 *
 * It is for proving generated kernels on machines without a GPU: results, accesses out of bounds, races in shared
 * memory, missing fences, deadlocks, and counts of what a kernel does. It says nothing about time. It depends on
 * nothing else in the tree. PTX that is wrong is refused or reported, never a crash.
 *
 * One struct emu is a device; it and its modules belong to one thread at a time. Addresses of device memory are not
 * host addresses. */
#ifndef HONE_RUNTIME_EMU_EMU_H
#define HONE_RUNTIME_EMU_EMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emu;
struct emu_module;

/* Where PTX text was refused; line and column count from 1. */
struct emu_error {
  uint32_t line, col;
  char text[240];
};

/* What can be found while a kernel runs. Those marked * end the launch. */
enum emu_kind {
  EMU_OUT_OF_BOUNDS, /* * access outside of an allocation, or of an allocation that was freed */
  EMU_MISALIGNED,    /* * address is no multiple of the access size */
  EMU_ILLEGAL,       /* * operands that the ISA does not allow */
  EMU_DIVERGENT,     /* * an .aligned instruction without all threads of the warp */
  EMU_BAD_BARRIER,   /* * misuse of a barrier or mbarrier object */
  EMU_DEADLOCK,      /* * no thread can go on; the text says who waits for what */
  EMU_LIMIT,         /* * more instructions than allowed */
  EMU_TRAP,          /* * trap instruction */
  EMU_RESOURCES,     /* * shared memory, threads or registers beyond the limits */
  EMU_RACE,          /* two unordered accesses to a byte of shared memory, one of them a write */
  EMU_UNINITIALISED, /* read of shared memory that was never written */
  EMU_MISSING_FENCE, /* generic write read through the async proxy without fence.proxy.async */
  EMU_UNFINISHED,    /* a thread ended with asynchronous reads of its shared memory, or arrivals, still due */
  EMU_KINDS
};

/* Classes of instructions counted: per warp, not per thread. */
enum emu_class {
  EMU_CLS_INT,
  EMU_CLS_FLOAT,
  EMU_CLS_SPECIAL, /* ex2, rcp, sqrt, sin, ... */
  EMU_CLS_CVT,
  EMU_CLS_MOVE,
  EMU_CLS_CONTROL,
  EMU_CLS_GLOBAL, /* loads, stores and atomics of global, local, constant memory and parameters */
  EMU_CLS_SHARED,
  EMU_CLS_WARP, /* shuffles, votes, reductions of a warp */
  EMU_CLS_BARRIER,
  EMU_CLS_TENSOR, /* mma and wgmma */
  EMU_CLS_ASYNC,  /* copies that do not go through registers */
  EMU_CLASSES
};

struct emu_counts {
  uint64_t instructions[EMU_CLASSES]; /* warp instructions */
  uint64_t threads;                   /* thread instructions: active lanes summed */
  uint64_t divergent_branches;
  uint64_t global_requests;    /* warp-level loads, stores, atomics and cp.async of global memory */
  uint64_t global_sectors;     /* distinct 32-byte sectors, summed over the requests */
  uint64_t global_load_bytes;  /* asked for by threads and by bulk copies */
  uint64_t global_store_bytes; /* written by threads and by bulk copies */
  uint64_t shared_requests;
  uint64_t shared_conflicts; /* passes beyond the least number that the bytes need */
  uint64_t tensor_flops;     /* multiplications and additions of mma and wgmma */
  uint64_t tensor_work;      /* the same, each as many times as its operands have bytes: what they cost; of f64 4 times more */
  uint64_t tensor_warp_work; /* what of it is mma */
  uint64_t async_requests;   /* those of the global requests that are cp.async */
  uint64_t async_waits;      /* warp-level waits for groups of cp.async */
  uint64_t async_ahead;      /* groups that these let go on, summed */
  uint64_t bulk_bytes;       /* moved by cp.async.bulk, in both directions */
  uint64_t barriers;
};

struct emu_finding {
  enum emu_kind kind;
  uint32_t line;     /* of the instruction in the PTX text; 0: none */
  uint64_t times;    /* how often this instruction did this */
  uint32_t block[3]; /* the first time: block and thread in it */
  uint32_t thread;
  char text[400];
};

enum { EMU_FINDINGS = 24 };

struct emu_report {
  struct emu_finding finding[EMU_FINDINGS];
  int n;         /* findings kept */
  uint64_t more; /* distinct ones beyond those */
  struct emu_counts counts;
};

/* How a launch is to run. Zeroes are the defaults. */
struct emu_launch {
  uint32_t grid[3], block[3];
  uint32_t cluster[3];     /* zero: as the kernel says, else 1 */
  uint32_t dynamic_shared; /* bytes */
  bool lazy; /* asynchronous work completes as late as is allowed, warps run in random order; else at once, in order */
  uint64_t seed;            /* of the random order */
  uint64_t max_steps;       /* warp instructions of the launch; 0: 2^32 */
  uint32_t resident_blocks; /* most blocks in flight at once when blocks wait for each other; 0: 32 */
};

/* A new device without memory in use. */
struct emu *emu_open(void);
/* Frees everything of the device; modules must be unloaded before. NULL is fine. */
void emu_close(struct emu *d);

/* Reserves bytes of device memory, aligned to 256, with guards around it; the contents are undefined (a pattern). 0:
 * too much. */
uint64_t emu_alloc(struct emu *d, uint64_t bytes);
/* False: no allocation starts at that address. Later accesses through it are found. */
bool emu_free(struct emu *d, uint64_t addr);
/* Bytes allocated now. */
uint64_t emu_used(const struct emu *d);
/* Copies between host and device; false: not inside one allocation. */
bool emu_write(struct emu *d, uint64_t addr, const void *from, uint64_t bytes);
bool emu_read(struct emu *d, void *to, uint64_t addr, uint64_t bytes);

/* Parses text (need not end in 0; not kept). NULL: refused, see err. The module's variables live on the device until
 * emu_unload(). */
struct emu_module *emu_load(struct emu *d, const char *text, size_t len, struct emu_error *err);
void emu_unload(struct emu_module *m);
/* The name of kernel i, NULL from the last on. */
const char *emu_kernel_name(const struct emu_module *m, int i);
/* Number of parameters, -1: no such kernel. Bytes of parameter i. */
int emu_kernel_params(const struct emu_module *m, const char *kernel);
uint32_t emu_param_size(const struct emu_module *m, const char *kernel, int i);
/* Bytes of the kernel's own (static) shared memory. */
uint32_t emu_kernel_shared(const struct emu_module *m, const char *kernel);
/* The device address of a variable of the module, 0: none. bytes may be NULL. */
uint64_t emu_symbol(const struct emu_module *m, const char *name, uint64_t *bytes);

/* Runs a kernel to its end. params[i] points to the value of parameter i (as many bytes as emu_param_size()). rep is
 * set, not added to. True: it ran to the end and nothing was found. */
bool emu_launch(struct emu_module *m, const char *kernel, const struct emu_launch *how, const void *const *params,
                int nparams, struct emu_report *rep);

/* Element types and swizzles of tensor maps: the numbers of the driver API. */
enum emu_map_type {
  EMU_MAP_U8,
  EMU_MAP_U16,
  EMU_MAP_U32,
  EMU_MAP_I32,
  EMU_MAP_U64,
  EMU_MAP_I64,
  EMU_MAP_F16,
  EMU_MAP_F32,
  EMU_MAP_F64,
  EMU_MAP_BF16,
  EMU_MAP_F32_FTZ,
  EMU_MAP_TF32,
  EMU_MAP_TF32_FTZ
};
/* A tensor map, in the emulator's own form. As cuTensorMapEncodeTiled(): rank 1..5, dim and box in elements with the
 * innermost first, stride in bytes for dimensions 1.. (rank-1 numbers), step the element strides (NULL: ones), swizzle
 * 0 none, 1 32 B, 2 64 B, 3 128 B. NULL: fine, else why not. */
const char *emu_tensor_map(void *map128, enum emu_map_type type, uint32_t rank, uint64_t addr, const uint64_t *dim,
                           const uint64_t *stride, const uint32_t *box, const uint32_t *step, int swizzle);

/* Short name of a kind ("race") and of a class ("tensor"). */
const char *emu_kind_name(enum emu_kind k);
const char *emu_class_name(enum emu_class c);
/* The report as text, lines of at most a few hundred bytes; returns the length it has or would have, as snprintf(). */
int emu_report_text(const struct emu_report *r, char *buf, size_t len);

#endif
