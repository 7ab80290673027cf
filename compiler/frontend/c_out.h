/* What the C frontend's child sends to its parent: frames of a tag byte, a 32-bit length and text.
     D  diagnostic: severity digit, then NUL-separated file, line, column, flag, message
     P  a file that was read
     F  function: see c_send.c
     S  the function before has internal linkage: its name, NUL, offsets of the word `static`, a comma behind each
     L  the function before is a loop of another function: NUL-separated start, end (offsets), the call that stands for it
     V  a variable that only its file sees and the function before uses
     R  function that was refused: NUL-separated name, line, column, message
     E  end: everything went well
   The child collects all of it and writes it when it is done: a child that crashes has sent nothing. */
#ifndef HONE_COMPILER_C_OUT_H
#define HONE_COMPILER_C_OUT_H
#include "ir/buf.h"
#include "ir/diag.h"
#include "ir/source.h"

struct cout { struct buf b; int errors; };
void cout_frame(struct cout *o, char tag, const char *data, size_t len);
void cout_diag(struct cout *o, enum severity s, const char *file, unsigned line, unsigned col, const char *flag, const char *text);

/* c_send.c: one function as a frame, and back. Text form plus what it does not carry: qualifiers, C declarations, places. */
void c_send(struct cout *o, const struct lfunc *f);
/* NULL: not representable as text (nesting); diagnosed. */
struct lfunc *c_receive(struct arena *a, struct diag *d, uint16_t file, const char *frame, size_t len);

/* c_front.c: the child's whole work; also what the fuzzer calls. */
struct spec_input;
void c_translate(struct cout *o, const struct spec_input *in);

/* c_child.c: runs c_translate in a child. *frames: what it sent, heap. */
enum status c_child(struct diag *d, const struct spec_input *in, struct buf *frames);
#endif
