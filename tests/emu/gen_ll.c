/* Random programs in LLVM's text form, once for a CPU and once for a GPU: arithmetic of all widths, divergent branches
 * and loops. usage: gen_ll SEED gpu|cpu Every value is defined on both: shifts are masked, divisors odd, conversions
 * saturate, and NaN results are made one NaN. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum type { I16, I32, I64, F32, F64, TYPES };
static const char *const names[] = {"i16", "i32", "i64", "float", "double"};
static const int bits[] = {16, 32, 64, 32, 64};
enum { KEEP = 24 };

static uint64_t state;
static int value, label;
static int pool[TYPES][KEEP], have[TYPES];

static uint32_t rnd(uint32_t n) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 33) % n;
}

static int pick(enum type t) {
  return pool[t][rnd((uint32_t)have[t])];
}
static void keep(enum type t, int v) {
  if (have[t] < KEEP)
    pool[t][have[t]++] = v;
  else
    pool[t][rnd(KEEP)] = v;
}

static void integer(enum type t) {
  static const char *const two[] = {"add", "sub", "mul", "and", "or", "xor"}, *const shift[] = {"shl", "lshr", "ashr"},
                           *const quot[] = {"udiv", "sdiv", "urem", "srem"};
  static const char *const fn2[] = {"smin", "smax", "umin", "umax", "uadd.sat", "sadd.sat", "usub.sat", "ssub.sat"},
                           *const fn1[] = {"ctpop", "bswap", "bitreverse"};
  static const char *const cmp[] = {"eq", "ne", "slt", "sle", "ugt", "uge"};
  const char *n = names[t];
  int a = pick(t), b = pick(t), c = pick(t), v;
  switch (rnd(9)) {
  case 0:
  case 1:
    printf("  %%v%d = %s %s %%v%d, %%v%d\n", v = value++, two[rnd(6)], n, a, b);
    break;
  case 2:
    printf("  %%v%d = and %s %%v%d, %d\n", value, n, b, bits[t] - 1);
    printf("  %%v%d = %s %s %%v%d, %%v%d\n", value + 1, shift[rnd(3)], n, a, value);
    v = (value += 2) - 1;
    break;
  case 3: /* the divisor is odd and positive */
    printf("  %%v%d = lshr %s %%v%d, 2\n  %%v%d = or %s %%v%d, 1\n", value, n, b, value + 1, n, value);
    printf("  %%v%d = %s %s %%v%d, %%v%d\n", value + 2, quot[rnd(4)], n, a, value + 1);
    v = (value += 3) - 1;
    break;
  case 4:
    printf("  %%v%d = call %s @llvm.%s.%s(%s %%v%d, %s %%v%d)\n", v = value++, n, fn2[rnd(8)], n, n, a, n, b);
    break;
  case 5:
    printf("  %%v%d = call %s @llvm.%s.%s(%s %%v%d)\n", v = value++, n, fn1[rnd(3)], n, n, a);
    break;
  case 6:
    printf("  %%v%d = call %s @llvm.%s.%s(%s %%v%d, i1 false)\n", v = value++, n, rnd(2) ? "ctlz" : "cttz", n, n, a);
    break;
  case 7:
    printf("  %%v%d = call %s @llvm.fsh%c.%s(%s %%v%d, %s %%v%d, %s %%v%d)\n", v = value++, n, rnd(2) ? 'l' : 'r', n, n,
           a, n, b, n, c);
    break;
  default:
    printf("  %%v%d = icmp %s %s %%v%d, %%v%d\n  %%v%d = select i1 %%v%d, %s %%v%d, %s %%v%d\n", value, cmp[rnd(6)], n,
           a, b, value + 1, value, n, c, n, a);
    v = (value += 2) - 1;
  }
  keep(t, v);
}

static void one_nan(enum type t) {
  int v = value++;
  printf("  %%v%d = fcmp ord %s %%v%d, %%v%d\n  %%v%d = select i1 %%v%d, %s %%v%d, %s 1.0\n", value, names[t], v, v,
         value + 1, value, names[t], v, names[t]);
  value += 2;
  keep(t, value - 1);
}

static void real(enum type t) {
  static const char *const two[] = {"fadd", "fsub", "fmul", "fdiv"}, *const fn1[] = {"sqrt",  "floor", "ceil",
                                                                                     "trunc", "rint",  "fabs"},
                           *const fn2[] = {"copysign", "minimum", "maximum"};
  static const char *const cmp[] = {"olt", "oeq", "uge", "une", "ord"};
  const char *n = names[t];
  int a = pick(t), b = pick(t), c = pick(t);
  switch (rnd(6)) {
  case 0:
  case 1:
    printf("  %%v%d = %s %s %%v%d, %%v%d\n", value, two[rnd(4)], n, a, b);
    break;
  case 2:
    printf("  %%v%d = call %s @llvm.fma.f%d(%s %%v%d, %s %%v%d, %s %%v%d)\n", value, n, bits[t], n, a, n, b, n, c);
    break;
  case 3:
    printf("  %%v%d = call %s @llvm.%s.f%d(%s %%v%d)\n", value, n, fn1[rnd(6)], bits[t], n, a);
    break;
  case 4:
    if (t == F64)
      printf("  %%v%d = fneg %s %%v%d\n", value, n, a);
    else
      printf("  %%v%d = call %s @llvm.%s.f%d(%s %%v%d, %s %%v%d)\n", value, n, fn2[rnd(3)], bits[t], n, a, n, b);
    break;
  default:
    printf("  %%v%d = fcmp %s %s %%v%d, %%v%d\n  %%v%d = select i1 %%v%d, %s %%v%d, %s %%v%d\n", value, cmp[rnd(5)], n,
           a, b, value + 1, value, n, c, n, a);
    value++;
  }
  one_nan(t);
}

static void conversion(void) {
  enum type from = (enum type)rnd(TYPES), to = (enum type)rnd(TYPES);
  int a = pick(from), v = value++;
  if (from >= F32 && to >= F32) {
    if (from == to && from == F32) { /* through 16 bits; not bfloat, of which some CPUs drop small numbers */
      printf("  %%v%d = fptrunc float %%v%d to half\n  %%v%d = fpext half %%v%d to float\n", v, a, value, v);
      value++;
      keep(F32, value - 1);
    } else if (from != to) {
      printf("  %%v%d = %s %s %%v%d to %s\n", v, from == F32 ? "fpext" : "fptrunc", names[from], a, names[to]);
      keep(to, v);
    } else {
      printf("  %%v%d = fneg double %%v%d\n", v, a);
      keep(to, v);
    }
    return;
  }
  if (from >= F32)
    printf("  %%v%d = call %s @llvm.fpto%ci.sat.%s.f%d(%s %%v%d)\n", v, names[to], rnd(2) ? 's' : 'u', names[to],
           bits[from], names[from], a);
  else if (to >= F32)
    printf("  %%v%d = %citofp %s %%v%d to %s\n", v, rnd(2) ? 's' : 'u', names[from], a, names[to]);
  else if (bits[from] > bits[to])
    printf("  %%v%d = trunc %s %%v%d to %s\n", v, names[from], a, names[to]);
  else if (bits[from] < bits[to])
    printf("  %%v%d = %cext %s %%v%d to %s\n", v, rnd(2) ? 's' : 'z', names[from], a, names[to]);
  else
    printf("  %%v%d = xor %s %%v%d, -1\n", v, names[from], a);
  keep(to, v);
}

static void condition(void) {
  printf("  %%v%d = icmp %s i32 %%v%d, %%v%d\n", value, rnd(2) ? "slt" : "ugt", pick(I32), pick(I32));
  value++;
}

static void block(int n, int depth);

/* Values of one side are gone after it; two come out through phis. */
static void branch(int n, int depth) {
  int pools[TYPES][KEEP], had[TYPES], l = label, out[2][TYPES], end[2];
  label += 3;
  condition();
  printf("  br i1 %%v%d, label %%L%d, label %%L%d\n", value - 1, l, l + 1);
  for (int side = 0; side < 2; side++) {
    memcpy(pools, pool, sizeof pool);
    memcpy(had, have, sizeof have);
    printf("L%d:\n", l + side);
    block(n, depth + 1);
    for (int t = 0; t < TYPES; t++) out[side][t] = pick((enum type)t);
    end[side] = label++;
    printf("  br label %%L%d\nL%d:\n  br label %%L%d\n", end[side], end[side], l + 2);
    memcpy(pool, pools, sizeof pool);
    memcpy(have, had, sizeof have);
  }
  printf("L%d:\n", l + 2);
  for (int t = 0; t < TYPES; t++) {
    printf("  %%v%d = phi %s [ %%v%d, %%L%d ], [ %%v%d, %%L%d ]\n", value, names[t], out[0][t], end[0], out[1][t],
           end[1]);
    keep((enum type)t, value++);
  }
}

/* As many rounds as three bits of a value say. */
static void loop(int n, int depth) {
  int l = label, pools[TYPES][KEEP], had[TYPES], start[TYPES], in[TYPES], trips = value, count = value + 1,
      next = value + 2;
  label += 4;
  value += 3;
  printf("  %%v%d = and i32 %%v%d, 7\n", trips, pick(I32));
  for (int t = 0; t < TYPES; t++) start[t] = pick((enum type)t);
  printf("  br label %%L%d\nL%d:\n  br label %%L%d\nL%d:\n  %%v%d = phi i32 [ 0, %%L%d ], [ %%v%d, %%L%d ]\n", l, l,
         l + 1, l + 1, count, l, next, l + 2);
  for (int t = 0; t < TYPES; t++) {
    in[t] = value++;
    printf("  %%v%d = phi %s [ %%v%d, %%L%d ], [ %%w%d, %%L%d ]\n", in[t], names[t], start[t], l, in[t], l + 2);
  }
  for (int t = 0; t < TYPES; t++) keep((enum type)t, in[t]);
  memcpy(pools, pool, sizeof pool);
  memcpy(had, have, sizeof have);
  block(n, depth + 1);
  printf("  br label %%L%d\nL%d:\n  %%v%d = add i32 %%v%d, 1\n", l + 2, l + 2, next, count);
  for (int t = 0; t < TYPES; t++)
    printf(t < F32 ? "  %%w%d = add %s %%v%d, 0\n" : "  %%w%d = bitcast %s %%v%d to %s\n", in[t], names[t],
           pick((enum type)t), names[t]);
  printf("  %%c%d = icmp ult i32 %%v%d, %%v%d\n  br i1 %%c%d, label %%L%d, label %%L%d\nL%d:\n", next, next, trips,
         next, l + 1, l + 3, l + 3);
  memcpy(pool, pools, sizeof pool);
  memcpy(have, had, sizeof have);
  for (int t = 0; t < TYPES; t++) keep((enum type)t, in[t]);
}

static void block(int n, int depth) {
  for (int i = 0; i < n; i++) {
    uint32_t k = rnd(40);
    if (k < 2 && depth < 3)
      branch(n / 3 + 1, depth);
    else if (k == 2 && depth < 2)
      loop(n / 3 + 1, depth);
    else if (k < 17)
      integer((enum type)rnd(3));
    else if (k < 31)
      real(rnd(2) ? F32 : F64);
    else
      conversion();
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  bool gpu = !strcmp(argv[2], "gpu");
  const char *ptr = gpu ? "ptr addrspace(1)" : "ptr";
  state = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
  if (gpu)
    printf("target triple = \"nvptx64-nvidia-cuda\"\ndeclare i32 @llvm.nvvm.read.ptx.sreg.tid.x()\ndefine ptx_kernel "
           "void @k(%s %%in, %s %%out) {\n  %%t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n",
           ptr, ptr);
  else
    printf("define void @k(%s %%in, %s %%out, i32 %%t) {\n", ptr, ptr);
  printf("  %%at = mul i32 %%t, %d\n  %%pin = getelementptr i64, %s %%in, i32 %%at\n  %%pout = getelementptr i64, %s "
         "%%out, i32 %%at\n",
         TYPES, ptr, ptr);
  for (int t = 0; t < TYPES; t++) {
    printf("  %%p%d = getelementptr i64, %s %%pin, i32 %d\n  %%v%d = load %s, %s %%p%d\n", t, ptr, t, value, names[t],
           ptr, t);
    keep((enum type)t, value++);
  }
  block(60, 0);
  for (int t = 0; t < TYPES; t++)
    printf("  %%q%d = getelementptr i64, %s %%pout, i32 %d\n  store %s %%v%d, %s %%q%d\n", t, ptr, t, names[t],
           pick((enum type)t), ptr, t);
  printf("  ret void\n}\n");
  return 0;
}
