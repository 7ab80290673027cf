struct mat { int rows, cols; float *data; };
void f(struct mat *m) {
  for (int i = 0; i < m->rows * m->cols; i++) m->data[i] = 0;
}
