/* hone's public API: from the text of a specification to an object file. The command line (compiler/cli) is a thin user of it.
   Functions report through a struct diag and return an enum status; nothing prints and nothing exits. Not re-entrant per struct hone; several may be used at once. */
#ifndef HONE_H
#define HONE_H
#include "codegen/emit/emit.h"
#include "compiler/frontend/spec.h"
#include "tuner/tune.h"

enum hone_miss { HONE_MISS_WARN, HONE_MISS_QUIET, HONE_MISS_ERROR };
struct hone_options {
  const char *target, *cpu;          /* target_resolve */
  const char *ptxas;                 /* of a GPU: file of the assembler, "none", NULL: the one that is found */
  const char *db;                    /* path; NULL: the default place */
  bool locked;                       /* the database is read-only, must exist, and nothing is measured */
  enum hone_miss on_miss;
  enum fpmode fp;                    /* --fp */
  bool cold;                         /* tuned for data that no cache holds: a key of its own */
  unsigned threads;                  /* at least 1 */
  unsigned nflag;
  const char *const *flag;           /* for the C preprocessor */
  bool debug;                        /* line tables */
  unsigned nprefix;
  const char *const *prefix;         /* "OLD=NEW": how line tables spell the paths of source files; the last that fits counts */
  const char *compile_commands;      /* compile_commands.json or its folder: flags of the C files, before `flag`; NULL: none */
  const char *only;
  const char *rest;                  /* C compiler with its options, cut at blanks: makes what hone refuses, and the data (rest.h); NULL: that is refused */
  unsigned ndims;
  const char *const *dims;           /* "M=1024,N=1024": extents that get a variant of their own whether tuned or not */
  const char *schedule;              /* of the variants for `dims`, without any of the general form: instead of what the database or the model says;
                                        one a group with '|' between them; NULL: none. For one function (--only) */
};

struct hone {                        /* one specification on its way; everything lives in arena */
  struct arena *arena;
  struct diag *diag;                 /* borrowed */
  struct hone_options opts;
  struct target target;
  struct spec spec;
  const char *text;                  /* of the specification */
  uint16_t file;
  unsigned nflag;                    /* for the preprocessor: those of compile_commands.json, then opts.flag */
  const char *const *flag;
};
/* Reads path ("-": standard input), parses, raises. hone_close also after failure. */
enum status hone_open(struct hone *h, const char *path, const struct hone_options *o, struct diag *d);
void hone_close(struct hone *h);

/* "M=64,N=64" (or NULL) by the symbols of k. ST_USAGE: a name that is no dim, a bad or negative value. */
enum status hone_dims(struct hone *h, const struct kernel *k, const char *text, bool *has, int64_t *value);
/* Of "M=64,N=64" the dims that k has; NULL: others of k's dims have no value then. */
const char *hone_known_dims(struct hone *h, const struct kernel *k, const char *text);
/* GROUP form of a kernel, as the passes leave it. NULL: diagnosed. */
struct groups *hone_groups(struct hone *h, const struct kernel *k);
/* The same with dims bound to value[sym of k] where has[sym]. */
struct groups *hone_groups_at(struct hone *h, const struct kernel *k, const bool *has, const int64_t *value);

/* Where the schedule of one form came from. */
struct hone_choice {
  const char *dims;                  /* canonical dims text, "" when general */
  enum match match;                  /* MATCH_NONE: the default schedule */
  struct db_record record;           /* when matched */
  struct groups *groups;
  struct sched *sched;               /* [groups->n] */
  bool given;                        /* by the user */
  const char *why;                   /* set when this form cannot be lowered at all */
};
/* Schedules for the kernel at bound dims: the winner, else the default. db may be NULL. */
enum status hone_choose(struct hone *h, struct db *db, const struct groups *symbolic, const struct groups *bound, const int64_t *value, struct hone_choice *out);
/* The user's own schedule (opts.schedule) in place of it. ST_REFUSED: it does not parse or is not legal here. */
enum status hone_given(struct hone *h, const struct groups *gs, struct hone_choice *out);
/* The entry of function fn with its variants, general and source forms. *tuned: number of forms that a winner or the user decided. */
enum status hone_entry(struct hone *h, struct db *db, const struct spec_fn *fn, struct emit_entry *out, unsigned *tuned);

struct hone_output { struct buf object, header; };
/* The whole walk. kind: what goes into out->object. guard: of the header. */
enum status hone_compile(struct hone *h, enum emit_kind kind, const char *guard, struct hone_output *out);
/* One level as text: "source", "tensor", "groups", "loops". */
enum status hone_text(struct hone *h, const char *level, struct buf *out);

/* Tunes fn at dims; sched/ratio of each group through each. */
struct hone_tuned {
  unsigned groups;
  struct tune_result *result; /* of each group, and of all together where there are several */
  struct tune_result plain;   /* of the function as written, when has_plain */
  bool has_plain;
  struct groups *bound;
  struct groups *symbolic;
};
/* Candidates of fn at dims into a bundle (tuner/bundle.h) instead. */
struct bundle;
enum status hone_bundle(struct hone *h, struct bundle *b, const struct spec_fn *fn, const char *dims, const struct tune_opts *o, unsigned count);
enum status hone_tune(struct hone *h, struct db *db, const struct spec_fn *fn, const char *dims, const struct tune_opts *o, struct hone_tuned *out);
#endif
