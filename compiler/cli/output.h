/* Output files: by a temporary name in the same folder, then rename; nothing half written is ever seen. */
#ifndef HONE_CLI_OUTPUT_H
#define HONE_CLI_OUTPUT_H
#include "ir/buf.h"
#include "ir/diag.h"
#include "ir/status.h"
/* path "-": standard output. */
enum status output_write(const char *path, const struct buf *data, struct diag *d);
/* A make rule "target: deps…" with make's escapes; phony: an empty rule for each dependency but the first. */
void output_depfile(struct buf *out, const char *target, unsigned n, const char *const *dep, int phony);
#endif
