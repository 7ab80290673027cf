float f(float x) {
  int i = *(int *)&x;
  i = 0x5f3759df - (i >> 1);
  return *(float *)&i;
}
