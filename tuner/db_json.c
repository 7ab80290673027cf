/* Lines of the exchange format: one flat JSON object each, known keys only, strings and integers only. Written in one
   way (keys sorted, no blanks), so that equal rows are equal bytes, ids are hashes of what is written, and git can diff
   and merge. Read strictly: an import is somebody else's file. */
#include "ir/sha256.h"
#include "tuner/db_impl.h"
#include <string.h>

enum form { FORM_TEXT, FORM_HEX, FORM_INT };
#define FORM_OF_TEXT FORM_TEXT
#define FORM_OF_HEX  FORM_HEX
#define FORM_OF_INT  FORM_INT
static const struct {
  const char *key;
  enum form form;
} fields[FIELD_COUNT] = {
#define FIELD(name, key, form) {key, FORM_OF_##form},
#include "tuner/db_fields.def"
#undef FIELD
};

#define BIT(name) (UINT64_C(1) << F_##name)
_Static_assert(FIELD_COUNT <= 64, "a mask has 64 bits");
static const struct {
  const char *t;
  uint64_t required, optional;
} kinds[LINE_KINDS] = {
    [LINE_HEADER] = {NULL, BIT(hone) | BIT(version), 0},
    [LINE_TARGET] = {"target", BIT(t) | BIT(class_) | BIT(id) | BIT(isa) | BIT(kind) | BIT(silicon), 0},
    [LINE_KERNEL] = {"kernel", BIT(t) | BIT(dims) | BIT(family) | BIT(id) | BIT(ir) | BIT(name), 0},
    [LINE_RUN] = {"run",
                  BIT(t) | BIT(env) | BIT(host) | BIT(id) | BIT(started_s) | BIT(tool) | BIT(toolchain) | BIT(vcs) |
                      BIT(who),
                  0},
    [LINE_RECORD] = {"record",
                     BIT(t) | BIT(fp) | BIT(id) | BIT(kernel) | BIT(n) | BIT(objective) | BIT(run) | BIT(sched) |
                         BIT(stage) | BIT(status) | BIT(target) | BIT(verify),
                     BIT(min_ps) | BIT(q20_ps) | BIT(med_ps) | BIT(q80_ps) | BIT(rel_ppm) | BIT(rel_lo_ppm) |
                         BIT(rel_hi_ppm)},
    [LINE_REVOKE] = {"revoke", BIT(t) | BIT(id) | BIT(reason) | BIT(run), 0},
};

/* Hexadecimal ids
 * ---------------------------------------------------------------------------------------------------------------------------
 */

void hex_of(const uint8_t id[DB_ID], char hex[2 * DB_ID + 1]) {
  for (int i = 0; i < DB_ID; i++) {
    hex[2 * i] = "0123456789abcdef"[id[i] >> 4];
    hex[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
  }
  hex[2 * DB_ID] = 0;
}

static int digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_parse(const char *hex, uint8_t id[DB_ID]) {
  for (int i = 0; i < DB_ID; i++) {
    int hi = digit(hex[2 * i]), lo = hi < 0 ? -1 : digit(hex[2 * i + 1]);
    if (lo < 0) return false;
    id[i] = (uint8_t)(hi << 4 | lo);
  }
  return hex[2 * DB_ID] == 0;
}

/* Writing
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

void line_print(struct buf *out, const struct line *l, bool with_id) {
  const char *sep = "{";
  for (unsigned f = 0; f < FIELD_COUNT; f++) {
    if (!l->has[f] || (f == F_id && !with_id)) continue;
    buf_printf(out, "%s\"%s\":", sep, fields[f].key);
    if (fields[f].form == FORM_INT)
      buf_printf(out, "%lld", (long long)l->num[f]);
    else
      buf_json(out, l->text[f]);
    sep = ",";
  }
  buf_putc(out, '}');
}

void line_id(const struct line *l, char hex[2 * DB_ID + 1]) {
  struct buf b;
  uint8_t id[DB_ID];
  buf_init(&b);
  line_print(&b, l, false);
  sha256(b.data, b.len, id);
  hex_of(id, hex);
  buf_free(&b);
}

/* Reading
 * ----------------------------------------------------------------------------------------------------------------------------------
 */

struct reader {
  struct arena *a;
  const char *p, *end, *why;
};

static void skip_blanks(struct reader *r) {
  while (r->p < r->end && (*r->p == ' ' || *r->p == '\t')) r->p++;
}

static bool fail(struct reader *r, const char *why) {
  if (!r->why) r->why = why;
  return false;
}

static bool take(struct reader *r, char c, const char *why) {
  skip_blanks(r);
  if (r->p >= r->end || *r->p != c) return fail(r, why);
  r->p++;
  return true;
}

static bool hex4(struct reader *r, unsigned *out) {
  unsigned v = 0;
  if (r->end - r->p < 4) return fail(r, "unfinished \\u in a string");
  for (int i = 0; i < 4; i++) {
    char c = *r->p++;
    int x = digit(c >= 'A' && c <= 'F' ? (char)(c + 32) : c);
    if (x < 0) return fail(r, "bad \\u in a string");
    v = v << 4 | (unsigned)x;
  }
  *out = v;
  return true;
}

static char *put_utf8(char *o, unsigned c) {
  if (c < 0x80) return *o++ = (char)c, o;
  if (c < 0x800) return *o++ = (char)(0xc0 | c >> 6), *o++ = (char)(0x80 | (c & 63)), o;
  if (c < 0x10000)
    return *o++ = (char)(0xe0 | c >> 12), *o++ = (char)(0x80 | (c >> 6 & 63)), *o++ = (char)(0x80 | (c & 63)), o;
  return *o++ = (char)(0xf0 | c >> 18), *o++ = (char)(0x80 | (c >> 12 & 63)), *o++ = (char)(0x80 | (c >> 6 & 63)),
         *o++ = (char)(0x80 | (c & 63)), o;
}

static bool read_escape(struct reader *r, char **o) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (r->p >= r->end) return fail(r, "unfinished string");
  char c = *r->p++;
  const char *at = c ? strchr(from, c) : NULL;
  if (at) return *(*o)++ = to[at - from], true;
  unsigned u, low;
  if (c != 'u') return fail(r, "unknown escape in a string");
  if (!hex4(r, &u)) return false;
  if (u >= 0xd800 && u < 0xdc00) {
    if (r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u') return fail(r, "half a surrogate pair in a string");
    r->p += 2;
    if (!hex4(r, &low)) return false;
    if (low < 0xdc00 || low > 0xdfff) return fail(r, "half a surrogate pair in a string");
    u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
  } else if (u >= 0xdc00 && u < 0xe000) {
    return fail(r, "half a surrogate pair in a string");
  }
  if (!u) return fail(r, "a zero byte in a string");
  *o = put_utf8(*o, u);
  return true;
}

/* Copies one well-formed UTF-8 sequence. */
static bool read_utf8(struct reader *r, char **o) {
  unsigned char c = (unsigned char)*r->p;
  int more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : -1;
  if (more < 0 || r->end - r->p <= more) return fail(r, "not UTF-8");
  unsigned char d = more ? (unsigned char)r->p[1] : 0;
  if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) || (c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f))
    return fail(r, "not UTF-8");
  for (int i = 1; i <= more; i++)
    if (((unsigned char)r->p[i] & 0xc0) != 0x80) return fail(r, "not UTF-8");
  for (int i = 0; i <= more; i++) *(*o)++ = *r->p++;
  return true;
}

static bool read_string(struct reader *r, const char **out) {
  if (!take(r, '"', "expected a string")) return false;
  char *text = arena_alloc(r->a, (size_t)(r->end - r->p) + 1), *o = text;
  while (r->p < r->end && *r->p != '"') {
    if ((unsigned char)*r->p < 0x20) return fail(r, "a control character in a string");
    if (*r->p == '\\') {
      r->p++;
      if (!read_escape(r, &o)) return false;
    } else if (!read_utf8(r, &o)) {
      return false;
    }
  }
  *o = 0;
  *out = text;
  return take(r, '"', "unfinished string");
}

/* Whole numbers from 0; a record has no others. */
static bool read_int(struct reader *r, int64_t *out) {
  skip_blanks(r);
  const char *start = r->p;
  int64_t v = 0;
  for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++)
    if (__builtin_mul_overflow(v, (int64_t)10, &v) || __builtin_add_overflow(v, (int64_t)(*r->p - '0'), &v))
      return fail(r, "a number is too large");
  if (r->p == start) return fail(r, "expected a whole number");
  if (*start == '0' && r->p - start > 1) return fail(r, "a number starts with 0");
  if (r->p < r->end && (*r->p == '.' || *r->p == 'e' || *r->p == 'E')) return fail(r, "a number is not whole");
  *out = v;
  return true;
}

static bool read_field(struct reader *r, struct line *l) {
  const char *key;
  if (!read_string(r, &key) || !take(r, ':', "expected ':'")) return false;
  unsigned f = 0;
  while (f < FIELD_COUNT && strcmp(fields[f].key, key) != 0) f++;
  if (f == FIELD_COUNT) return fail(r, arena_printf(r->a, "unknown key '%.40s'", key));
  if (l->has[f]) return fail(r, arena_printf(r->a, "key '%s' appears twice", key));
  l->has[f] = true;
  return fields[f].form == FORM_INT ? read_int(r, &l->num[f]) : read_string(r, &l->text[f]);
}

static bool read_kind(struct reader *r, struct line *l) {
  unsigned kind = LINE_HEADER;
  if (l->has[F_t]) {
    kind = LINE_TARGET;
    while (kind < LINE_KINDS && strcmp(kinds[kind].t, l->text[F_t]) != 0) kind++;
    if (kind == LINE_KINDS) return fail(r, arena_printf(r->a, "unknown kind of line '%.40s'", l->text[F_t]));
  }
  l->kind = (enum line_kind)kind;
  for (unsigned f = 0; f < FIELD_COUNT; f++) {
    bool required = kinds[kind].required >> f & 1, allowed = required || (kinds[kind].optional >> f & 1);
    if (required && !l->has[f]) return fail(r, arena_printf(r->a, "key '%s' is missing", fields[f].key));
    if (l->has[f] && !allowed) return fail(r, arena_printf(r->a, "key '%s' does not belong here", fields[f].key));
  }
  return true;
}

const char *line_parse(struct arena *a, const char *s, size_t len, struct line *out) {
  struct reader r = {a, s, s + len, NULL};
  memset(out, 0, sizeof *out);
  if (!take(&r, '{', "expected a JSON object")) return r.why;
  for (;;) {
    skip_blanks(&r);
    if (!read_field(&r, out)) return r.why;
    skip_blanks(&r);
    if (r.p < r.end && *r.p == ',')
      r.p++;
    else
      break;
  }
  if (!take(&r, '}', "expected ',' or '}'")) return r.why;
  skip_blanks(&r);
  if (r.p != r.end) return "more text after the object";
  return read_kind(&r, out) ? NULL : r.why;
}

/* Checking
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

static bool one_of(const char *s, const char *const *list) {
  for (; *list; list++)
    if (!strcmp(s, *list)) return true;
  return false;
}

/* "tile … | tile …": the closed grammar of schedules, one per group. */
static bool is_schedule(const char *text) {
  for (;;) {
    struct sched s;
    const char *bar = strstr(text, " | ");
    if (sched_parse_canon(text, bar ? (size_t)(bar - text) : strlen(text), &s) != ST_OK) return false;
    if (!bar) return true;
    text = bar + 3;
  }
}

static const char *check_target(const struct line *l) {
  struct sha256 h;
  uint8_t id[DB_ID];
  char hex[2 * DB_ID + 1];
  static const enum field parts[] = {F_isa, F_silicon, F_class_};
  sha256_init(&h);
  for (unsigned i = 0; i < 3; i++) sha256_update(&h, l->text[parts[i]], strlen(l->text[parts[i]]) + 1);
  sha256_final(&h, id);
  hex_of(id, hex);
  return strcmp(hex, l->text[F_id]) ? "the target's id is not that of its fields" : NULL;
}

static const char *check_record(const struct line *l) {
  static const char *const status[] = {"ok", "wrong", "crash", "timeout", "oom", "compile", NULL}, *const fp[] = {
                                                                                                       "reassoc",
                                                                                                       "strict", "tf32",
                                                                                                       "fast", NULL};
  char hex[2 * DB_ID + 1];
  line_id(l, hex);
  if (strcmp(hex, l->text[F_id]) != 0) return "the record's id is not that of its fields";
  if (!one_of(l->text[F_status], status)) return "unknown status";
  if (!one_of(l->text[F_fp], fp)) return "unknown fp";
  if (l->num[F_stage] > 2) return "stage is not 0, 1 or 2";
  if (strlen(l->text[F_objective]) > 64) return "objective is too long";
  if (l->has[F_rel_hi_ppm] && l->has[F_rel_lo_ppm] && l->num[F_rel_lo_ppm] > l->num[F_rel_hi_ppm])
    return "the interval ends before it starts";
  return is_schedule(l->text[F_sched]) ? NULL : "not a schedule";
}

const char *line_check(const struct line *l) {
  uint8_t id[DB_ID];
  for (unsigned f = 0; f < FIELD_COUNT; f++)
    if (l->has[f] && fields[f].form == FORM_HEX && !hex_parse(l->text[f], id))
      return "an id is not 64 hexadecimal digits";
  switch (l->kind) {
  case LINE_HEADER:
    if (strcmp(l->text[F_hone], "tuning records") != 0) return "not tuning records";
    return l->num[F_version] == DB_VERSION ? NULL : "made by another version of hone";
  case LINE_TARGET:
    return check_target(l);
  case LINE_RECORD:
    return check_record(l);
  default:
    return NULL;
  }
}
