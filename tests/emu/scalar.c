/* Scalar instructions of the emulator against results worked out from the rules of the PTX ISA. */
#include "tests/emu/rig.h"
#include "tests/suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Registers: %rN, %dN, %hN, %pN hold the inputs 1..3 in 32, 64, 16 and 1 bits; the result is in number 0 of the letter
 * out. */
struct row {
  const char *text;
  char out;
  uint64_t in[3], want;
};

#define F(x)       0x##x##u
#define NAN32      0x7fffffffu
#define INF32      0x7f800000u
#define MINUS(x)   (uint64_t)(uint32_t)(-(x))
#define MINUS64(x) (uint64_t)(-(int64_t)(x))
static const struct row rows[] = {
    /* integers */
    {"add.s32 %r0, %r1, %r2;", 'r', {0x7fffffff, 1}, 0x80000000},
    {"add.sat.s32 %r0, %r1, %r2;", 'r', {0x7fffffff, 1}, 0x7fffffff},
    {"sub.sat.s32 %r0, %r1, %r2;", 'r', {0x80000000, 1}, 0x80000000},
    {"add.u64 %d0, %d1, %d2;", 'd', {~0ull, 2}, 1},
    {"add.u16 %h0, %h1, %h2;", 'h', {0xffff, 3}, 2},
    {"sub.s16 %h0, %h1, %h2;", 'h', {1, 3}, 0xfffe},
    {"add.cc.u32 %r4, %r1, %r2; addc.u32 %r0, %r3, 0;", 'r', {0xffffffff, 1, 7}, 8},
    {"sub.cc.u32 %r4, %r1, %r2; subc.u32 %r0, %r3, 0;", 'r', {0, 1, 7}, 6},
    {"add.cc.s64 %d4, %d1, %d2; addc.s64 %d0, %d3, 0;", 'd', {~0ull, 1, 7}, 8},
    {"mul.lo.s32 %r0, %r1, %r2;", 'r', {MINUS(3), 5}, MINUS(15)},
    {"mul.hi.s32 %r0, %r1, %r2;", 'r', {MINUS(3), 5}, 0xffffffff},
    {"mul.hi.u32 %r0, %r1, %r2;", 'r', {0xffffffff, 0xffffffff}, 0xfffffffe},
    {"mul.hi.u64 %d0, %d1, %d2;", 'd', {~0ull, ~0ull}, ~0ull - 1},
    {"mul.hi.s64 %d0, %d1, %d2;", 'd', {MINUS64(1), 1}, ~0ull},
    {"mul.wide.u32 %d0, %r1, %r2;", 'd', {0xffffffff, 2}, 0x1fffffffe},
    {"mul.wide.s32 %d0, %r1, %r2;", 'd', {0xffffffff, 2}, MINUS64(2)},
    {"mul.wide.s16 %r0, %h1, %h2;", 'r', {0xffff, 2}, MINUS(2)},
    {"mul.lo.u16 %h0, %h1, %h2;", 'h', {0xffff, 0xffff}, 1},
    {"mad.lo.s32 %r0, %r1, %r2, %r3;", 'r', {6, 7, MINUS(2)}, 40},
    {"mad.wide.u32 %d0, %r1, %r2, %d3;", 'd', {0x80000000, 2, 1}, 0x100000001},
    {"mad.hi.sat.s32 %r0, %r1, %r2, %r3;", 'r', {0x40000000, 8, 0x7fffffff}, 0x7fffffff},
    {"mul24.lo.s32 %r0, %r1, %r2;", 'r', {0xffffff, 3}, MINUS(3)},
    {"mad24.hi.u32 %r0, %r1, %r2, %r3;", 'r', {0xffffff, 0xffffff, 1}, 0xfffffe00u + 1},
    {"div.s32 %r0, %r1, %r2;", 'r', {MINUS(7), 2}, MINUS(3)},
    {"rem.s32 %r0, %r1, %r2;", 'r', {MINUS(7), 2}, MINUS(1)},
    {"div.s32 %r0, %r1, %r2;", 'r', {0x80000000, MINUS(1)}, 0x80000000},
    {"rem.u64 %d0, %d1, %d2;", 'd', {1000000007, 10}, 7},
    {"sad.u32 %r0, %r1, %r2, %r3;", 'r', {3, 10, 1}, 8},
    {"min.s32 %r0, %r1, %r2;", 'r', {MINUS(1), 1}, MINUS(1)},
    {"min.u32 %r0, %r1, %r2;", 'r', {MINUS(1), 1}, 1},
    {"max.s64 %d0, %d1, %d2;", 'd', {MINUS64(5), 3}, 3},
    {"abs.s32 %r0, %r1;", 'r', {MINUS(5)}, 5},
    {"neg.s64 %d0, %d1;", 'd', {5}, MINUS64(5)},
    /* bits */
    {"and.b32 %r0, %r1, 0xff0;", 'r', {0x12345678}, 0x670},
    {"xor.pred %p0, %p1, %p2;", 'p', {1, 1}, 0},
    {"not.b16 %h0, %h1;", 'h', {0x00ff}, 0xff00},
    {"not.pred %p0, %p1;", 'p', {0}, 1},
    {"cnot.b32 %r0, %r1;", 'r', {0}, 1},
    {"shl.b32 %r0, %r1, %r2;", 'r', {1, 32}, 0},
    {"shl.b64 %d0, %d1, %r2;", 'd', {1, 40}, 1ull << 40},
    {"shr.u32 %r0, %r1, %r2;", 'r', {0x80000000, 31}, 1},
    {"shr.s32 %r0, %r1, %r2;", 'r', {0x80000000, 99}, 0xffffffff},
    {"shr.s16 %h0, %h1, %r2;", 'h', {0x8000, 4}, 0xf800},
    {"popc.b64 %r0, %d1;", 'r', {0xf0f0000000000001}, 9},
    {"clz.b32 %r0, %r1;", 'r', {0}, 32},
    {"clz.b64 %r0, %d1;", 'r', {1ull << 40}, 23},
    {"brev.b32 %r0, %r1;", 'r', {1}, 0x80000000},
    {"bfind.u32 %r0, %r1;", 'r', {0x10}, 4},
    {"bfind.s32 %r0, %r1;", 'r', {MINUS(1)}, 0xffffffff},
    {"bfind.shiftamt.u32 %r0, %r1;", 'r', {0x10}, 27},
    {"bfe.u32 %r0, %r1, 8, 8;", 'r', {0x12345678}, 0x56},
    {"bfe.s32 %r0, %r1, 4, 4;", 'r', {0xf0}, 0xffffffff},
    {"bfe.s32 %r0, %r1, 28, 8;", 'r', {0x80000000}, 0xfffffff8},
    {"bfe.u64 %d0, %d1, 60, 10;", 'd', {0xf000000000000000}, 15},
    {"bfi.b32 %r0, %r1, %r2, 8, 4;", 'r', {0xfff, 0}, 0xf00},
    {"bfi.b64 %d0, %d1, %d2, 32, 32;", 'd', {0xabcdef01, 5}, 0xabcdef0100000005},
    {"bmsk.clamp.b32 %r0, %r1, %r2;", 'r', {4, 8}, 0xff0},
    {"szext.clamp.s32 %r0, %r1, %r2;", 'r', {0x80, 8}, 0xffffff80},
    {"shf.l.wrap.b32 %r0, %r1, %r2, 8;", 'r', {0x11223344, 0xaabbccdd}, 0xbbccdd11},
    {"shf.r.clamp.b32 %r0, %r1, %r2, 32;", 'r', {0x11223344, 0xaabbccdd}, 0xaabbccdd},
    {"lop3.b32 %r0, %r1, %r2, %r3, 0x96;", 'r', {0xf0f0, 0xff00, 0xaaaa}, 0xf0f0 ^ 0xff00 ^ 0xaaaa},
    {"lop3.b32 %r0, %r1, %r2, %r3, 0xCA;", 'r', {0xff00, 0x1234, 0xabcd}, 0x12cd},
    {"prmt.b32 %r0, %r1, %r2, 0x5410;", 'r', {0x33221100, 0x77665544}, 0x55441100},
    {"prmt.b32 %r0, %r1, %r2, 0x7632;", 'r', {0x33221100, 0x77665544}, 0x77663322},
    {"prmt.b32 %r0, %r1, 0, 0x8888;", 'r', {0x80}, 0xffffffff},
    {"prmt.b32.f4e %r0, %r1, %r2, %r3;", 'r', {0x33221100, 0x77665544, 1}, 0x44332211},
    {"dp4a.s32.s32 %r0, %r1, %r2, %r3;", 'r', {0xff020304, 0x01010101, 100}, 108},
    {"dp4a.u32.s32 %r0, %r1, %r2, %r3;", 'r', {0xff000000, 0xff000000, 0}, MINUS(255)},
    {"dp2a.lo.s32.s32 %r0, %r1, %r2, %r3;", 'r', {0xffff0002, 0x00000304, 0}, 5},
    {"isspacep.global %p0, %d1;", 'p', {0x7f0000000000}, 1},
    /* selections and comparisons */
    {"selp.b32 %r0, %r1, %r2, %p3;", 'r', {1, 2, 0}, 2},
    {"slct.u32.s32 %r0, %r1, %r2, %r3;", 'r', {1, 2, MINUS(1)}, 2},
    {"setp.lt.s32 %p0, %r1, %r2;", 'p', {MINUS(1), 0}, 1},
    {"setp.lt.u32 %p0, %r1, %r2;", 'p', {MINUS(1), 0}, 0},
    {"setp.hs.u32 %p0, %r1, %r2;", 'p', {MINUS(1), 0}, 1},
    {"setp.ge.s64 %p0, %d1, %d2;", 'p', {MINUS64(1), MINUS64(1)}, 1},
    {"setp.lt.and.s32 %p0, %r1, %r2, !%p3;", 'p', {0, 1, 1}, 0},
    {"setp.eq.s32 %p4|%p0, %r1, %r2;", 'p', {1, 1}, 0},
    {"setp.lt.f32 %p0, %r1, %r2;", 'p', {NAN32, F(3f800000)}, 0},
    {"setp.ltu.f32 %p0, %r1, %r2;", 'p', {NAN32, F(3f800000)}, 1},
    {"setp.nan.f32 %p0, %r1, %r2;", 'p', {NAN32, 0}, 1},
    {"setp.neu.f32 %p0, %r1, %r2;", 'p', {0x80000000, 0}, 0},
    {"setp.gt.f16 %p0, %h1, %h2;", 'p', {0x4000, 0x3c00}, 1},
    {"set.lt.u32.s32 %r0, %r1, %r2;", 'r', {1, 2}, 0xffffffff},
    {"set.gt.f32.f32 %r0, %r1, %r2;", 'r', {F(40000000), F(3f800000)}, F(3f800000)},
    {"testp.infinite.f32 %p0, %r1;", 'p', {INF32}, 1},
    {"testp.subnormal.f32 %p0, %r1;", 'p', {1}, 1},
    {"mov.b32 %r0, {%h1, %h2};", 'r', {0x1111, 0x2222}, 0x22221111},
    {"mov.b64 {%r4, %r0}, %d1;", 'r', {0x1122334455667788}, 0x11223344},
    {"mov.b32 {_, %h0}, %r1;", 'h', {0xabcd1234}, 0xabcd},
    /* f32 */
    {"add.f32 %r0, %r1, %r2;", 'r', {F(3f800000), F(40000000)}, F(40400000)},
    {"add.rz.f32 %r0, %r1, %r2;", 'r', {F(3f800000), F(33ffffff)}, F(3f800000)},
    {"add.rp.f32 %r0, %r1, %r2;", 'r', {F(3f800000), F(00800000)}, F(3f800001)},
    {"add.rm.f32 %r0, %r1, %r2;", 'r', {F(3f800000), F(80800000)}, F(3f7fffff)},
    {"add.ftz.f32 %r0, %r1, %r2;", 'r', {1, 0}, 0},
    {"add.f32 %r0, %r1, %r2;", 'r', {1, 0}, 1},
    {"add.sat.f32 %r0, %r1, %r2;", 'r', {F(3f800000), F(40000000)}, F(3f800000)},
    {"add.f32 %r0, %r1, %r2;", 'r', {INF32, 0xff800000}, NAN32},
    {"mul.rn.f32 %r0, %r1, 0fC0000000;", 'r', {F(40400000)}, F(c0c00000)},
    {"fma.rn.f32 %r0, %r1, %r2, %r3;", 'r', {F(3f800001), F(3f800001), F(bf800002)}, F(28800000)},
    {"div.rn.f32 %r0, %r1, %r2;", 'r', {F(3f800000), F(40400000)}, F(3eaaaaab)},
    {"div.rz.f32 %r0, %r1, %r2;", 'r', {F(3f800000), F(40400000)}, F(3eaaaaaa)},
    {"div.approx.f32 %r0, %r1, %r2;", 'r', {F(3f800000), 0}, INF32},
    {"rcp.approx.ftz.f32 %r0, %r1;", 'r', {F(40800000)}, F(3e800000)},
    {"sqrt.rn.f32 %r0, %r1;", 'r', {F(40000000)}, F(3fb504f3)},
    {"sqrt.rp.f32 %r0, %r1;", 'r', {F(40000000)}, F(3fb504f4)},
    {"rsqrt.approx.f32 %r0, %r1;", 'r', {F(40800000)}, F(3f000000)},
    {"ex2.approx.f32 %r0, %r1;", 'r', {F(c0400000)}, F(3e000000)},
    {"ex2.approx.ftz.f32 %r0, %r1;", 'r', {F(c3000000)}, 0},
    {"ex2.approx.f32 %r0, %r1;", 'r', {0xff800000}, 0},
    {"lg2.approx.f32 %r0, %r1;", 'r', {F(41000000)}, F(40400000)},
    {"lg2.approx.f32 %r0, %r1;", 'r', {0}, 0xff800000},
    {"sin.approx.f32 %r0, %r1;", 'r', {0}, 0},
    {"cos.approx.f32 %r0, %r1;", 'r', {0}, F(3f800000)},
    {"tanh.approx.f32 %r0, %r1;", 'r', {INF32}, F(3f800000)},
    {"min.f32 %r0, %r1, %r2;", 'r', {NAN32, F(3f800000)}, F(3f800000)},
    {"min.NaN.f32 %r0, %r1, %r2;", 'r', {NAN32, F(3f800000)}, NAN32},
    {"max.f32 %r0, %r1, %r2;", 'r', {0x80000000, 0}, 0},
    {"min.f32 %r0, %r1, %r2;", 'r', {0, 0x80000000}, 0x80000000},
    {"max.xorsign.abs.f32 %r0, %r1, %r2;", 'r', {F(c0000000), F(3f800000)}, F(c0000000)},
    {"abs.f32 %r0, %r1;", 'r', {F(c0000000)}, F(40000000)},
    {"neg.f32 %r0, %r1;", 'r', {F(3f800000)}, F(bf800000)},
    {"copysign.f32 %r0, %r1, %r2;", 'r', {0x80000000, F(3f800000)}, F(bf800000)},
    /* f64, f16, bf16 */
    {"fma.rn.f64 %d0, %d1, %d2, %d3;",
     'd',
     {0x4000000000000000, 0x4008000000000000, 0x3ff0000000000000},
     0x401c000000000000},
    {"add.rp.f64 %d0, %d1, %d2;", 'd', {0x3ff0000000000000, 1}, 0x3ff0000000000001},
    {"add.f16 %h0, %h1, %h2;", 'h', {0x3c00, 0x4000}, 0x4200},
    {"mul.f16 %h0, %h1, %h2;", 'h', {0x7bff, 0x4000}, 0x7c00},
    {"fma.rn.f16 %h0, %h1, %h2, %h3;", 'h', {0x3c01, 0x3c01, 0xbc02}, 0x0010},
    {"fma.rn.f32.f16 %r0, %h1, %h2, %r3;", 'r', {0x4000, 0xbc00, F(3f800000)}, F(bf800000)},
    {"fma.rz.f32.bf16 %r0, %h1, %h2, %r3;", 'r', {0x3f81, 0x3f81, F(33800000)}, F(3f820200)},
    {"add.f32.bf16 %r0, %h1, %r2;", 'r', {0x4040, F(3f800000)}, F(40800000)},
    {"sub.sat.f32.f16 %r0, %h1, %r2;", 'r', {0x3c00, F(3f000000)}, F(3f000000)},
    {"fma.rn.relu.f16x2 %r0, %r1, %r2, %r3;", 'r', {0x3c003c00, 0x4000c000, 0}, 0x40000000},
    {"add.f16x2 %r0, %r1, %r2;", 'r', {0x3c004000, 0x3c003c00}, 0x40004200},
    {"fma.rn.bf16 %h0, %h1, %h2, %h3;", 'h', {0x3f80, 0x4000, 0x3f80}, 0x4040},
    {"max.bf16x2 %r0, %r1, %r2;", 'r', {0x3f80c000, 0x40003f80}, 0x40003f80},
    {"neg.bf16x2 %r0, %r1;", 'r', {0x3f80bf80}, 0xbf803f80},
    {"ex2.approx.ftz.bf16x2 %r0, %r1;", 'r', {0x3f804000}, 0x40004080},
    {"tanh.approx.f16 %h0, %h1;", 'h', {0}, 0},
    /* conversions */
    {"cvt.u32.u16 %r0, %h1;", 'r', {0xffff}, 0xffff},
    {"cvt.s32.s16 %r0, %h1;", 'r', {0xffff}, 0xffffffff},
    {"cvt.s64.s32 %d0, %r1;", 'd', {MINUS(2)}, MINUS64(2)},
    {"cvt.s32.s8 %r0, %r1;", 'r', {0x1ff}, 0xffffffff},
    {"cvt.u16.u32 %h0, %r1;", 'h', {0x12345}, 0x2345},
    {"cvt.sat.s8.s32 %r0, %r1;", 'r', {300}, 127},
    {"cvt.sat.u8.s32 %r0, %r1;", 'r', {MINUS(4)}, 0},
    {"cvt.sat.s16.s32 %h0, %r1;", 'h', {MINUS(40000)}, 0x8000},
    {"cvt.rn.f32.s32 %r0, %r1;", 'r', {MINUS(3)}, F(c0400000)},
    {"cvt.rn.f32.u32 %r0, %r1;", 'r', {0xffffffff}, F(4f800000)},
    {"cvt.rz.f32.u32 %r0, %r1;", 'r', {0xffffffff}, F(4f7fffff)},
    {"cvt.rn.f32.u64 %r0, %d1;", 'r', {0x4000004000000001}, F(5e800001)},
    {"cvt.rn.f64.u64 %d0, %d1;", 'd', {~0ull}, 0x43f0000000000000},
    {"cvt.rz.f64.u64 %d0, %d1;", 'd', {~0ull}, 0x43efffffffffffff},
    {"cvt.rzi.s32.f32 %r0, %r1;", 'r', {F(c0200000)}, MINUS(2)},
    {"cvt.rni.s32.f32 %r0, %r1;", 'r', {F(40200000)}, 2},
    {"cvt.rpi.s32.f32 %r0, %r1;", 'r', {F(40200000)}, 3},
    {"cvt.rmi.s32.f32 %r0, %r1;", 'r', {F(c0200000)}, MINUS(3)},
    {"cvt.rzi.s32.f32 %r0, %r1;", 'r', {F(7f000000)}, 0x7fffffff},
    {"cvt.rzi.u32.f32 %r0, %r1;", 'r', {F(bf800000)}, 0},
    {"cvt.rzi.s32.f32 %r0, %r1;", 'r', {NAN32}, 0},
    {"cvt.rzi.s64.f32 %d0, %r1;", 'd', {NAN32}, 1ull << 63},
    {"cvt.rni.f32.f32 %r0, %r1;", 'r', {F(40600000)}, F(40800000)},
    {"cvt.f64.f32 %d0, %r1;", 'd', {F(3fc00000)}, 0x3ff8000000000000},
    {"cvt.rn.f32.f64 %r0, %d1;", 'r', {0x3ff0000010000000}, F(3f800000)},
    {"cvt.rp.f32.f64 %r0, %d1;", 'r', {0x3ff0000010000000}, F(3f800001)},
    {"cvt.sat.f32.f32 %r0, %r1;", 'r', {F(40000000)}, F(3f800000)},
    {"cvt.rn.f16.f32 %h0, %r1;", 'h', {F(477ff000)}, 0x7c00},
    {"cvt.rz.f16.f32 %h0, %r1;", 'h', {F(477ff000)}, 0x7bff},
    {"cvt.rn.f16.f32 %h0, %r1;", 'h', {F(33800000)}, 0x0001},
    {"cvt.f32.f16 %r0, %h1;", 'r', {0x0001}, F(33800000)},
    {"cvt.rn.bf16.f32 %h0, %r1;", 'h', {F(3f808000)}, 0x3f80},
    {"cvt.rn.bf16.f32 %h0, %r1;", 'h', {F(3f818000)}, 0x3f82},
    {"cvt.f32.bf16 %r0, %h1;", 'r', {0xc000}, F(c0000000)},
    {"cvt.rn.bf16x2.f32 %r0, %r1, %r2;", 'r', {F(3f800000), F(40000000)}, 0x3f804000},
    {"cvt.rn.relu.f16x2.f32 %r0, %r1, %r2;", 'r', {F(3f800000), F(c0000000)}, 0x3c000000},
    {"cvt.rna.tf32.f32 %r0, %r1;", 'r', {F(3f801000)}, F(3f802000)},
    {"cvt.rn.satfinite.e4m3x2.f32 %h0, %r1, %r2;", 'h', {F(44000000), F(3f800000)}, 0x7e38},
    {"cvt.rn.satfinite.e5m2x2.f32 %h0, %r1, %r2;", 'h', {F(3f800000), F(bf800000)}, 0x3cbc},
    {"cvt.rn.f16x2.e4m3x2 %r0, %h1;", 'r', {0x7e38}, 0x5f003c00},
    {"cvt.rn.f16x2.e5m2x2 %r0, %h1;", 'r', {0x3cbc}, 0x3c00bc00},
    {"cvt.rn.satfinite.e4m3x2.f16x2 %h0, %r1;", 'h', {0x5f003c00}, 0x7e38},
    {"cvt.pack.sat.s8.s32.b32 %r0, %r1, %r2, %r3;", 'r', {300, MINUS(300), 0x1234}, 0x12347f80},
    {"cvt.pack.sat.u16.s32 %r0, %r1, %r2;", 'r', {70000, MINUS(1)}, 0xffff0000},
};

static struct emu *dev;
static uint64_t buf;

static void setup(void) {
  dev = emu_open();
  buf = emu_alloc(dev, 4096);
}
static void teardown(void) {
  emu_close(dev);
}

static const char body[] =
    "\n.visible .entry k(.param .u64 a,.param .u64 b,.param .u64 c,.param .u64 out)\n{\n.reg .pred %%p<8>;\n.reg .b16 "
    "%%h<8>;\n"
    ".reg .b32 %%r<8>;\n.reg .b64 %%d<8>;\n.reg .b64 %%out;\n"
    "ld.param.u64 %%d1,[a]; ld.param.u64 %%d2,[b]; ld.param.u64 %%d3,[c]; ld.param.u64 %%out,[out];\n"
    "cvt.u32.u64 %%r1,%%d1; cvt.u32.u64 %%r2,%%d2; cvt.u32.u64 %%r3,%%d3;\n"
    "cvt.u16.u64 %%h1,%%d1; cvt.u16.u64 %%h2,%%d2; cvt.u16.u64 %%h3,%%d3;\n"
    "setp.ne.u64 %%p1,%%d1,0; setp.ne.u64 %%p2,%%d2,0; setp.ne.u64 %%p3,%%d3,0;\n%s\n%s\nst.global.u64 "
    "[%%out],%%d0;\nret;\n}\n";

START_TEST(conforms) {
  const struct row *r = &rows[_i];
  const char *widen = r->out == 'r'   ? "cvt.u64.u32 %d0,%r0;"
                      : r->out == 'h' ? "cvt.u64.u16 %d0,%h0;"
                      : r->out == 'p' ? "selp.b64 %d0,1,0,%p0;"
                                      : "";
  char text[4096];
  bool mixed = strstr(r->text, "f32.f16") || strstr(r->text, "f32.bf16");
  int n =
      mixed ? snprintf(text, sizeof text, PTX_HEADER("sm_100a")) : snprintf(text, sizeof text, PTX_HEADER("sm_90a"));
  snprintf(text + n, sizeof text - (size_t)n, body, r->text, widen);
  struct emu_module *m = rig_load(dev, text);
  struct emu_report rep;
  uint64_t params[4] = {r->in[0], r->in[1], r->in[2], buf}, got = 0;
  ck_assert_msg(rig_run(m, 1, 1, 0, false, 0, params, 4, &rep), "%s: %s", r->text, rep.finding[0].text);
  ck_assert(emu_read(dev, &got, buf, 8));
  ck_assert_msg(got == r->want, "%s: got %llx, want %llx", r->text, (unsigned long long)got,
                (unsigned long long)r->want);
  emu_unload(m);
}

/* Texts that must be refused, with what the message has to say and where. */
static const struct {
  const char *text, *says;
  uint32_t col;
} refused[] = {
    {"add.s32 %r0, %r1;", "3 operands expected, not 2", 1},
    {"cvt.rn.satfinite.e4m3x2.f32 ;", "3 operands expected, not 0", 1},
    {"add.s32 %r0, %r1, %d2;", "register has 64 bits, .s32 takes 32", 19},
    {"fma.rn.f32.f16 %r0, %h1, %h2, %r3;", "type .f16 is not allowed here", 1},
    {"add.s99 %r0, %r1, %r2;", "a type is missing", 1},
    {"add.foo.s32 %r0, %r1, %r2;", "modifier '.foo' is unknown", 5},
    {"frob.b32 %r0, %r1;", "unknown instruction 'frob'", 1},
    {"bra nowhere;", "unknown label 'nowhere'", 1},
    {"mov.b32 %r99, 1;", "unknown register '%r99'", 9},
    {"add.s32 %tid.x, %r1, %r2;", "special registers are read only", 9},
    {"mov.u16 %h0, 70000;", "does not fit into 16 bits", 14},
    {"ld.global.u32 %r0, %r1;", "an address in brackets expected", 20},
    {"ld.shared.u32 %r0, [a];", "another state space", 20},
    {"cvt.s32.f32 %r0, %r1;", "an integer rounding", 1},
    {"cvt.f16.f32 %h0, %r1;", "a rounding", 1},
    {"mov.b32 %r0, 0f3F8;", "malformed token", 14},
    {"setp.lt.b32 %p0, %r1, %r2;", "not a comparison of .b32", 1},
    {"@%r1 bra L; L:", "a guard is a predicate register", 2},
    {"L: L:", "declared twice", 4},
    {"st.param.u32 [a], %r1;", "cannot be written", 1},
    {"call f;", "unknown instruction 'call'", 1},
};

START_TEST(refuses) {
  char text[4096];
  int n = snprintf(text, sizeof text, PTX_HEADER("sm_90a"));
  snprintf(text + n, sizeof text - (size_t)n, body, refused[_i].text, "");
  struct emu_error err;
  struct emu_module *m = emu_load(dev, text, strlen(text), &err);
  ck_assert_msg(m == NULL, "accepted: %s", refused[_i].text);
  ck_assert_msg(strstr(err.text, refused[_i].says) != NULL, "%s: %s", refused[_i].text, err.text);
  ck_assert_msg(err.line == 16 && err.col == refused[_i].col, "%s: at %u:%u", refused[_i].text, err.line, err.col);
}

int main(void) {
  Suite *s = suite_create("emu-scalar");
  TCase *c = tcase_create("scalar");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, conforms, 0, (int)(sizeof rows / sizeof *rows));
  tcase_add_loop_test(c, refuses, 0, (int)(sizeof refused / sizeof *refused));
  suite_add_tcase(s, c);
  return suite_run(s, false);
}
