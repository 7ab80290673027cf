/* Runs ptxas: one process a module, files in a folder that is gone afterwards. What it prints with -v is read line by
   line; anything that costs a kernel its speed is a fault, which the tuner takes as infeasible and the compiler
   ignores. */
#include "codegen/emit/ptxas.h"
#include "ir/sha256.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS = 30, PATH_BYTES = 512, LOG_BYTES = 256 << 10, SLOT_DIGITS = 3, MAGIC = 0x70747831 };

const char *ptxas_find(struct arena *a, const char *option) {
  if (option && !strcmp(option, "none")) return NULL;
  if (option) return access(option, X_OK) ? NULL : option;
  for (const char *p = getenv("PATH"), *end; p && *p; p = *end ? end + 1 : end) {
    end = strchrnul(p, ':');
    const char *file = arena_printf(a, "%.*s/ptxas", (int)(end - p), p);
    if (end > p && !access(file, X_OK)) return file;
  }
  return access("/usr/local/cuda/bin/ptxas", X_OK) ? NULL : "/usr/local/cuda/bin/ptxas";
}

/* ---- files ---- */

static bool write_file(const char *path, const void *p, size_t n) {
  FILE *f = fopen(path, "wbe");
  bool ok = f && fwrite(p, 1, n, f) == n;
  return f && !fclose(f) && ok;
}

static bool read_file(const char *path, size_t most, struct buf *out) {
  FILE *f = fopen(path, "rbe");
  char block[16384];
  size_t n, had = out->len;
  while (f && out->len - had < most && (n = fread(block, 1, sizeof block, f)) > 0) buf_write(out, block, n);
  return f && !fclose(f);
}

/* ---- the answer kept ---- */

struct kept {
  uint32_t magic;
  uint8_t key[32], sum[32]; /* of the question; of what follows */
  struct ptxas_result r;
  uint64_t len;
};

static void key_of(const char *ptxas, const char *arch, const struct buf *ptx, uint8_t out[32]) {
  struct stat st = {0};
  char who[PATH_BYTES + 128];
  struct sha256 h;
  (void)stat(ptxas, &st);
  snprintf(who, sizeof who, "%.*s %lld %lld %s", PATH_BYTES, ptxas, (long long)st.st_size, (long long)st.st_mtime,
           arch);
  sha256_init(&h);
  sha256_update(&h, who, strlen(who) + 1);
  sha256_update(&h, ptx->data, ptx->len);
  sha256_final(&h, out);
}

/* The file of a key, its folders made; "" when there is no place. */
static void slot(const uint8_t key[32], char out[PATH_BYTES]) {
  const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  int n = base && *base   ? snprintf(out, PATH_BYTES, "%s", base)
          : home && *home ? snprintf(out, PATH_BYTES, "%s/.cache", home)
                          : 0;
  for (int step = 0; step < 3 && n > 0 && n < PATH_BYTES - 64; step++) {
    if (mkdir(out, 0777) && errno != EEXIST) n = 0;
    if (n && step < 2) n += snprintf(out + n, (size_t)(PATH_BYTES - n), step ? "/ptxas" : "/hone");
  }
  if (n <= 0 || n >= PATH_BYTES - 64) {
    *out = 0;
    return;
  }
  n += snprintf(out + n, (size_t)(PATH_BYTES - n), "/%.*x", SLOT_DIGITS, (key[0] << 4 | key[1] >> 4) & 0xfff);
}

static void sum_of(const struct kept *k, const void *cubin, uint8_t out[32]) {
  struct sha256 h;
  sha256_init(&h);
  sha256_update(&h, &k->r, sizeof k->r);
  sha256_update(&h, cubin, k->len);
  sha256_final(&h, out);
}

static bool recall(const char *path, const uint8_t key[32], struct ptxas_result *r, struct buf *cubin) {
  struct buf b;
  struct kept k;
  uint8_t sum[32];
  buf_init(&b);
  bool ok = *path && read_file(path, (size_t)256 << 20, &b) && b.len >= sizeof k;
  if (ok) memcpy(&k, b.data, sizeof k);
  ok = ok && k.magic == MAGIC && !memcmp(k.key, key, sizeof k.key) && k.len == b.len - sizeof k;
  if (ok) sum_of(&k, b.data + sizeof k, sum);
  ok = ok && !memcmp(sum, k.sum, sizeof sum);
  if (ok) *r = k.r;
  if (ok) buf_write(cubin, b.data + sizeof k, k.len);
  buf_free(&b);
  return ok;
}

static void keep(const char *path, const uint8_t key[32], const struct ptxas_result *r, const char *cubin, size_t len) {
  struct kept k;
  struct buf b;
  char tmp[PATH_BYTES + 32];
  memset(&k, 0, sizeof k);
  k.magic = MAGIC;
  k.r = *r;
  k.len = len;
  memcpy(k.key, key, sizeof k.key);
  sum_of(&k, cubin, k.sum);
  buf_init(&b);
  buf_write(&b, &k, sizeof k);
  buf_write(&b, cubin, len);
  snprintf(tmp, sizeof tmp, "%s.%ld", path, (long)getpid());
  if (*path && (!write_file(tmp, b.data, b.len) || rename(tmp, path))) unlink(tmp);
  buf_free(&b);
}

/* ---- the process ---- */

static _Noreturn void child(const char *ptxas, const char *arch, const char *in, const char *out, const char *log) {
  struct rlimit cpu = {SECONDS, SECONDS + 1}, core = {0, 0};
  char flag[48];
  setrlimit(RLIMIT_CPU, &cpu);
  setrlimit(RLIMIT_CORE, &core);
  int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600), null = open("/dev/null", O_RDONLY);
  dup2(null, 0), dup2(fd, 1), dup2(fd, 2);
  snprintf(flag, sizeof flag, "-arch=%s", arch);
  execl(ptxas, ptxas, flag, "-v", in, "-o", out, (char *)NULL);
  _exit(127);
}

/* Waits; false: it took too long, crashed or failed. */
static bool wait_for(pid_t pid, const char **how) {
  int status = 0;
  for (int ms = 0; ms < 2 * SECONDS * 1000;) {
    pid_t got = waitpid(pid, &status, WNOHANG);
    if (got == pid) {
      *how = WIFSIGNALED(status)          ? "ptxas crashed or ran out of time"
             : WEXITSTATUS(status) == 127 ? "ptxas cannot be started"
                                          : "ptxas failed";
      return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    if (got < 0 && errno != EINTR) break;
    int step = ms < 100 ? 1 : 10;
    poll(NULL, 0, step);
    ms += step;
  }
  kill(pid, SIGKILL);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  *how = "ptxas took too long";
  return false;
}

/* ---- what it said ---- */

static void fault(struct ptxas_result *r, const char *kernel, const char *text) {
  if (!*r->fault) snprintf(r->fault, sizeof r->fault, "ptxas: %.60s%s%.120s", kernel, *kernel ? ": " : "", text);
}

static void read_line(struct ptxas_result *r, char *line, char kernel[64], long most[2]) {
  long stack, stores, loads, regs;
  char *at;
  if ((at = strstr(line, "Function properties for "))) snprintf(kernel, 64, "%.63s", at + 24);
  if (sscanf(line, " %ld bytes stack frame, %ld bytes spill stores, %ld bytes spill loads", &stack, &stores, &loads) ==
          3 &&
      (stack || stores || loads)) {
    char text[100];
    snprintf(text, sizeof text, stores || loads ? "spills (%ld bytes stored, %ld loaded)" : "%ld bytes of local memory",
             stores || loads ? stores : stack, loads);
    fault(r, kernel, text);
  }
  if ((at = strstr(line, "Used ")) && sscanf(at, "Used %ld registers", &regs) == 1 && regs > most[0]) most[0] = regs;
  for (char *p = line; (p = strchr(p, ',')); p++)
    if (sscanf(p, ", %ld bytes smem", &regs) == 1 && strstr(p, "smem") && regs > most[1]) most[1] = regs;
  if (strstr(line, "(C75") || strstr(line, "(C76") || strstr(line, "error   :") || strstr(line, "fatal   :")) {
    at = strstr(line, ": ");
    fault(r, "", at ? at + 2 : line);
  }
}

static void read_log(struct ptxas_result *r, struct buf *log) {
  char kernel[64] = "", *save = NULL;
  long most[2] = {0, 0}; /* registers, shared memory */
  buf_putc(log, '\0');
  for (char *line = strtok_r(log->data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
    read_line(r, line, kernel, most);
  if (r->assembled) snprintf(r->note, sizeof r->note, "%ld registers, %ld bytes of shared memory", most[0], most[1]);
}

struct ptxas_result ptxas_run(const char *ptxas, const char *arch, const struct buf *ptx, struct buf *cubin) {
  struct ptxas_result r;
  uint8_t key[32];
  char path[PATH_BYTES], dir[PATH_BYTES], in[PATH_BYTES + 8], out[PATH_BYTES + 8], log[PATH_BYTES + 8];
  const char *tmp = getenv("TMPDIR"), *how = "no room for its files";
  memset(&r, 0, sizeof r);
  key_of(ptxas, arch, ptx, key);
  slot(key, path);
  if (recall(path, key, &r, cubin)) return r;
  snprintf(dir, sizeof dir, "%.400s/hone-ptxas-XXXXXX", tmp && *tmp ? tmp : "/tmp");
  if (!mkdtemp(dir)) {
    fault(&r, "", how);
    return r;
  }
  snprintf(in, sizeof in, "%s/k.ptx", dir), snprintf(out, sizeof out, "%s/k.cubin", dir),
      snprintf(log, sizeof log, "%s/k.log", dir);
  pid_t pid = write_file(in, ptx->data, ptx->len) ? fork() : -1;
  if (pid == 0) child(ptxas, arch, in, out, log);
  struct buf said;
  buf_init(&said);
  size_t had = cubin->len;
  r.assembled = pid > 0 && wait_for(pid, &how) && read_file(out, (size_t)256 << 20, cubin) && cubin->len > had;
  (void)read_file(log, LOG_BYTES, &said);
  read_log(&r, &said);
  if (!r.assembled) fault(&r, "", how);
  if (pid > 0) keep(path, key, &r, cubin->data + had, cubin->len - had);
  buf_free(&said);
  unlink(in), unlink(out), unlink(log), rmdir(dir);
  return r;
}
