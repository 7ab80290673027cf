/* erf of f32 by table on machines that look sixteen floats up in a register (AVX-512): half the instructions of the two
   branches in vmath.c. Around sixteen centres k * 33/128 a polynomial of degree 5; that of 0 is odd, so small arguments
   keep their relative accuracy (x + x * it); the last one's value is 1. At most 1.75 ulp (tests/emit/vmath.c). A scalar
   takes the same numbers from memory. */
#include "codegen/emit/vm.h"

enum { CENTRES = 16, DEGREE = 5 };
static const float coef[DEGREE + 1][CENTRES] = {
    {0.112168036f, 0.0802171677f, 0.00507846475f, -0.0561363362f, -0.0675979629f, -0.0420307107f, -0.0098424349f,
     0.00901859906f, 0.0129452469f, 0.00937306881f, 0.00489990879f, 0.00201366167f, 0.000675566494f, 0.000188724327f,
     4.44149264e-05f, 8.87800161e-06f},
    {0.0f, 0.129283518f, 0.182798788f, 0.143661171f, 0.0587087795f, -0.0142555088f, -0.047108002f, -0.0459306501f,
     -0.0300217513f, -0.0159267616f, -0.00624417234f, -0.00225962233f, -0.00107041432f, -0.000261538255f,
     -0.000401699101f, 0.000635309319f},
    {-0.376122206f, -0.305198967f, -0.135051399f, 0.040609546f, 0.146341264f, 0.165878564f, 0.130103782f, 0.0798620433f,
     0.0401238762f, 0.0168636758f, 0.00600286899f, 0.00182398269f, 0.000475573266f, 0.000106798863f, 2.07141111e-05f,
     3.47712603e-06f},
    {0.0f, -0.272200674f, -0.44599098f, -0.479821563f, -0.401753426f, -0.276107103f, -0.159486622f, -0.0784137398f,
     -0.0330741033f, -0.0120117329f, -0.00378205022f, -0.00102887431f, -0.000235533167f, -4.81909046e-05f,
     -1.94484937e-06f, -1.36685485e-05f},
    {0.128379166f, 1.05581725f, 0.864947259f, 0.620379865f, 0.389576793f, 0.214188263f, 0.103101633f, 0.0434512869f,
     0.0160327144f, 0.00517939031f, 0.00146493257f, 0.000362763793f, 7.86498131e-05f, 1.49292855e-05f, 2.48112133e-06f,
     3.61014742e-07f},
    {0.0f, 0.284591436f, 0.534123063f, 0.725959837f, 0.855271816f, 0.931698084f, 0.971302092f, 0.9892959f, 0.996463776f,
     0.998967111f, 0.999733686f, 0.999939442f, 0.999987841f, 0.999997854f, 0.999999642f, 1.0f},
};
static const struct vm_table table = {"hone.erf", coef[0], DEGREE + 1, CENTRES};

V vm_erf32(struct vm *v, V x) {
  V a = un(v, "llvm.fabs", x), magic = K(v, 12582912.0);
  a = sel(v, cmp(v, LLVMRealOLT, K(v, 3.99), a), K(v, 3.99), a); /* there it is 1; lets NaN through */
  V t = mad(v, a, K(v, 128.0 / 33), magic), d = mad(v, sub(v, t, magic), K(v, -33.0 / 128), a), i = bits(v, t, v->i);
  V y = vm_look_up(v, &table, 0, i);
  for (unsigned row = 1; row < DEGREE; row++) y = mad(v, y, d, vm_look_up(v, &table, row, i));
  V near = cmp(v, LLVMRealOLT, a, K(v, 33.0 / 256)), base = vm_look_up(v, &table, DEGREE, i);
  return copysign2(v, mad(v, y, d, sel(v, near, a, base)), x);
}
