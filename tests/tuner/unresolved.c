/* A candidate that calls what nobody defines. */
void nobody_defines_this(void *const *args);
void good__hone_call(void *const *args);
void good__hone_call(void *const *args) {
  nobody_defines_this(args);
}
