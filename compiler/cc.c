/* Running the system's C compiler. */
#include "compiler/cc.h"
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

const char *cc_folder(struct arena *a) {
  const char *tmp = getenv("TMPDIR");
  char *dir = arena_printf(a, "%s/hone-cc-XXXXXX", tmp && *tmp ? tmp : "/tmp");
  return mkdtemp(dir);
}

void cc_folder_end(const char *folder, const char *const *file, unsigned n) {
  for (unsigned i = 0; i < n; i++) unlink(file[i]);
  rmdir(folder);
}

bool cc_run(const char *const *argv, bool quiet) {
  posix_spawn_file_actions_t fa;
  pid_t pid;
  int status = -1;
  posix_spawn_file_actions_init(&fa);
  posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
  if (quiet) posix_spawn_file_actions_addopen(&fa, 2, "/dev/null", O_WRONLY, 0);
  bool ok = posix_spawnp(&pid, argv[0], &fa, NULL, (char **)argv, environ) == 0 && waitpid(pid, &status, 0) == pid;
  posix_spawn_file_actions_destroy(&fa);
  return ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool cc_read(const char *path, struct buf *out) {
  FILE *f = fopen(path, "rb");
  char chunk[65536];
  if (!f) return false;
  for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;) buf_write(out, chunk, n);
  fclose(f);
  return out->len > 0;
}

bool cc_write(const char *path, const struct buf *b) {
  FILE *f = fopen(path, "wb");
  if (!f) return false;
  bool ok = fwrite(b->data, 1, b->len, f) == b->len;
  return fclose(f) == 0 && ok;
}
