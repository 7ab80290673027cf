/* Diagnostics in gcc's form, with the source line and a caret. A sink collects; the command line prints. */
#ifndef HONE_IR_DIAG_H
#define HONE_IR_DIAG_H
#include "ir/arena.h"
#include "ir/buf.h"
#include <stdbool.h>

struct loc { uint16_t file; uint32_t line, col; };   /* line and col from 1; line 0: no place known */
enum severity { DIAG_NOTE, DIAG_WARNING, DIAG_ERROR };

struct diag;                                         /* heap; owned by the caller of diag_new */
struct diag *diag_new(void);
void diag_free(struct diag *d);
/* Registers a file's name and text (copied; text may be NULL), returns its number for struct loc. */
uint16_t diag_file(struct diag *d, const char *name, const char *text, size_t len);
const char *diag_filename(const struct diag *d, uint16_t file);
void diag_error(struct diag *d, struct loc at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void diag_note(struct diag *d, struct loc at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* flag: the name after -W that turns it off ("untuned"), shown as [-Wuntuned]; NULL for none. */
void diag_warn(struct diag *d, struct loc at, const char *flag, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void diag_add(struct diag *d, enum severity s, struct loc at, const char *flag, const char *text);
int diag_errors(const struct diag *d);               /* errors so far */
int diag_count(const struct diag *d);
void diag_print(const struct diag *d, struct buf *out, bool colour);  /* all messages, in order */
void diag_clear(struct diag *d);                     /* forgets messages, keeps files */
/* -Wno-FLAG and -Werror(=FLAG): "no-untuned", "error", "error=untuned". Returns false for a name not known. */
bool diag_warning_option(struct diag *d, const char *option);
#endif
