/* What the tuner and its worker process say to each other. The tuner puts a job (this header, argument bytes, objects) into a memory file and starts
   the worker with that file as JOB_FD and a pipe as REPLY_FD; the worker answers on the pipe with messages of one size, then ends. Nothing else passes.
   A worker for a GPU stays for further jobs, since making a context takes long: each comes as one byte with the memory file's descriptor over REPLY_FD
   (a socket then). Both sides come from one build: there is no version beyond the magic number. All `at`s are offsets in the memory file. */
#ifndef HONE_RUNTIME_JOB_H
#define HONE_RUNTIME_JOB_H
#include <stdint.h>

enum { JOB_FD = 3, REPLY_FD = 4, JOB_MAGIC = 0x686f6e6a, JOB_CANDIDATES = 64, JOB_ARGS = 256 };

enum job_command {
  JOB_RUN, /* every candidate once with each placement of the buffers; both must give the same bytes */
  JOB_TIME /* all candidates in interleaved rounds */
};
/* Where buffers lie against the inaccessible pages around each: flush with the following one, flush with the one before. */
enum job_placement { PLACE_END, PLACE_START, PLACEMENTS };

enum job_device_kind { JOB_HOST, JOB_EMU, JOB_CUDA };
struct job_device {
  uint32_t kind, ordinal; /* ordinal: of JOB_CUDA */
  char arch[16];          /* JOB_EMU: "sm_90a" */
};

struct job_arg {
  uint64_t bytes;   /* of memory; 0 and is_value: value[] holds it */
  uint64_t at;      /* pristine bytes (not used when fresh) */
  uint64_t result;  /* JOB_RUN: where the results go: bytes of each candidate, one after the other */
  uint64_t poison;  /* one element of what fills results before a run, and the slack around buffers */
  uint8_t is_value;
  uint8_t writes;   /* results: else the memory is read-only during checks */
  uint8_t fresh;    /* starts poisoned */
  uint8_t elem;     /* bytes of an element: 1, 2, 4, 8 */
  uint8_t mantissa; /* floats: significand bits with the hidden one; else 0 */
  uint8_t pad[3];
  uint8_t value[16]; /* on a GPU a dim is an int64_t, else what its C type is */
};

struct job_candidate {
  uint64_t object, object_len;
  uint64_t symbol;  /* NUL-terminated name of a hone_rt_call function (abi.h); not used for a GPU, whose objects are packages */
};

struct job {
  uint32_t magic, command;
  uint32_t nargs, ncandidates;
  uint32_t threads, rounds;
  uint32_t cold;             /* sweep the caches before each timed call */
  int32_t parent;            /* process that waits: the worker ends with it */
  uint64_t seed;             /* of the order in rounds */
  uint64_t memory;           /* bytes the candidates may allocate beyond what the worker has mapped; 0: no limit */
  uint64_t cpu_s;            /* limit of processor time, 0: none */
  double stop_ratio;         /* > 0: a candidate whose first sample is over this times candidate 0's is dropped; in later rounds ever less is forgiven */
  double give_up_s;          /* JOB_RUN, > 0: one whose first call took longer is not run with the other placements */
  double sample_s;           /* least duration of a sample of candidate 0 */
  struct job_device device;
  double timeout_s;          /* a call known to take longer is not repeated */
  volatile uint32_t current; /* candidate that runs now: whom a crash belongs to */
  uint32_t pad;
  struct job_candidate candidate[JOB_CANDIDATES];
  struct job_arg arg[JOB_ARGS];
};

enum reply_kind {
  REPLY_BEAT,  /* still alive: a call or sample ended */
  REPLY_DONE,  /* JOB_RUN: `candidate` ran with one placement in seconds[0], was loaded in seconds[1]; seconds[2] placements are left for it, and its results are in place when none is */
  REPLY_ROUND, /* JOB_TIME: seconds[] per candidate of one round; negative: not measured */
  REPLY_END,   /* all done; a pipe closed without it is a crash */
  REPLY_LOAD,  /* the object of `candidate` could not be loaded */
  REPLY_DIFFER, /* the results of argument seconds[0] differ between placements */
  REPLY_WRONG, /* it ran but broke a rule: wrote beside its buffers, changed the rounding mode */
  REPLY_FAULT, /* a signal is about to end the worker */
  REPLY_OOM,   /* an allocation was refused */
  REPLY_COUNTS, /* JOB_RUN on the emulator, before REPLY_DONE: what `candidate` did */
  REPLY_NOTE,   /* text: how the device was (clocks, samples that were dropped), for the record */
  REPLY_SETUP  /* the worker itself could not start work */
};
enum { JOB_CLASSES = 12, JOB_PARTS = 8 };
struct job_counts {          /* of one call, by the emulator; the names are in measure.h */
  double instructions[JOB_CLASSES], threads, divergent, requests, sectors, load_bytes, store_bytes, shared_requests, shared_conflicts, tensor_flops, bulk_bytes,
      barriers, part[JOB_PARTS]; /* part: seconds of the model, by resource */
};
struct reply {
  uint32_t kind, candidate;
  union { char text[JOB_CANDIDATES * 8]; double seconds[JOB_CANDIDATES]; struct job_counts counts; };
};
_Static_assert(sizeof(struct job_counts) <= JOB_CANDIDATES * sizeof(double), "a reply has one size");
#endif
