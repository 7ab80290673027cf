/* Functions that only their file sees. Whoever compiles a whole file wants the loops of such functions, too: they are
   made like the others, and the word `static` is taken out of what the C compiler reads, so that its calls reach them
   (compiler/rest.c). Here: which functions that can be done with, and where the word stands. */
#include "compiler/frontend/c_lower.h"
#include "compiler/frontend/c_out.h"
#include <limits.h>
#include <string.h>

struct finder {
  struct cx *x;
  bool loop;
};

static enum CXChildVisitResult find_loop(CXCursor c, CXCursor parent, CXClientData data) {
  struct finder *f = data;
  (void)parent;
  enum CXCursorKind k = f->x->cl->getCursorKind(c);
  f->loop |= k == CXCursor_ForStmt || k == CXCursor_WhileStmt || k == CXCursor_DoStmt;
  return f->loop ? CXChildVisit_Break : CXChildVisit_Recurse;
}

static bool is_letter(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Where the word stands in text [from, to); UINT_MAX: nowhere. */
static unsigned word_at(const struct cx *x, unsigned from, unsigned to, const char *word) {
  size_t n = strlen(word);
  for (unsigned i = from; i + n <= to; i++)
    if (!memcmp(x->text + i, word, n) && (i == 0 || !is_letter(x->text[i - 1])) && !is_letter(x->text[i + n])) return i;
  return UINT_MAX;
}

/* The word in one declaration, written there itself and not by a macro. */
static bool plain_static(struct cx *x, CXCursor c, unsigned *at) {
  unsigned from = c_offset(x, x->cl->getRangeStart(x->cl->getCursorExtent(c))),
           to = c_offset(x, x->cl->getCursorLocation(c));
  if (from == UINT_MAX || to == UINT_MAX || to >= x->len || from > to) return false;
  *at = word_at(x, from, to, "static");
  return true;
}

bool c_static_kernel(struct cx *x, CXCursor fn, struct kids top, struct buf *places) {
  struct finder f = {x, false};
  unsigned n = 0;
  if (x->cl->getCursorLinkage(fn) != CXLinkage_Internal || x->cl->Cursor_isFunctionInlined(fn)) return false;
  x->cl->visitChildren(fn, find_loop, &f);
  CXCursor first = x->cl->getCanonicalCursor(fn);
  for (unsigned i = 0; i < top.n && f.loop; i++) {
    unsigned at;
    if (x->cl->getCursorKind(top.c[i]) != CXCursor_FunctionDecl) continue;
    if (!x->cl->equalCursors(x->cl->getCanonicalCursor(top.c[i]), first)) continue;
    if (!plain_static(x, top.c[i], &at)) return false;
    if (at == UINT_MAX) continue; /* a later declaration need not repeat it */
    buf_printf(places, "%u,", at);
    n++;
  }
  return n > 0;
}
