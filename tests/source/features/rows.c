/* Arrays of structures whose fields differ in type: each field is a tensor with a row for each structure. */
struct block {
  float scale;
  signed char q[4];
};

void expand(int n, const struct block *b, float *y) {
  for (int i = 0; i < n; i++)
    for (int j = 0; j < 4; j++) y[4 * i + j] = b[i].scale * b[i].q[j];
}

struct point {
  float x, y;
};
struct item {
  struct point at;
  int id, flags;
};

void shift(struct item *p, int n, float dx) {
  for (int i = 0; i < n; i++, p++) {
    p->at.x += dx;
    p->id = i;
  }
}

static void move(struct item *to, const struct item *from) { *to = *from; }

void copy(struct item *to, const struct item *from, int n) {
  for (int i = 0; i < n; i++) move(&to[i], from + i);
}

void first(const struct item *p, float *x) {
  if (p) *x = p->at.x + (p + 1)->at.x;
}
