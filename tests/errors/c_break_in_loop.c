void find(int n, const float *x, int *at) {
  for (int i = 0; i < n; i++)
    if (x[i] > 0) {
      *at = i;
      break;
    }
}
