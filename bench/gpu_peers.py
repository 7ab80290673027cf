"""What hone's GPU kernels stand beside:  gpu_peers.py ROWS DEVICE SECONDS  prints a JSON line a row and form.

With the driver and libcublas alone: the copy bandwidth and cuBLAS. With torch: its operators (cuBLAS, cuBLASLt for fp8, its attention), torch.compile; with triton and flash_attn: the tutorial's product,
autotuned, and FlashAttention. Each call is timed by events of its own, after a memset of 256 MiB that sweeps the L2; the median counts. What cannot be run is named on standard error."""
import ctypes, glob, json, os, statistics, sys, time

rows_file, device, budget = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
start = time.monotonic()
SWEEP = 256 << 20


def rows():
    for line in open(rows_file):
        word = line.split()
        if word and word[0] not in ("question", "tuning") and not word[0].startswith("#"):
            yield word[1], word[2], {k: int(v) for k, v in (x.split("=") for x in word[2].split(","))}


def say(kernel, dims, form, seconds, **more):
    print(json.dumps({"kernel": kernel, "dims": dims, "form": form, "med_ps": int(seconds * 1e12), **more}, separators=(",", ":")), flush=True)


def missing(what, why):
    print(f"bench: {what}: {str(why).splitlines()[0][:160] if str(why) else type(why).__name__}", file=sys.stderr)


def late():
    return time.monotonic() - start > budget


class Driver:
    """The driver API and cuBLAS through ctypes: nothing of Python's packages."""

    def __init__(self):
        self.cu = ctypes.CDLL("libcuda.so.1")
        ctx = ctypes.c_void_p()
        self.must("cuInit", 0)
        self.must("cuDevicePrimaryCtxRetain", ctypes.byref(ctx), device)
        self.must("cuCtxSetCurrent", ctx)
        self.events = [ctypes.c_void_p(), ctypes.c_void_p()]
        for e in self.events:
            self.must("cuEventCreate", ctypes.byref(e), 0)
        self.sweep = self.alloc(SWEEP)

    def must(self, name, *args):
        rc = getattr(self.cu, name)(*args)
        if rc:
            raise RuntimeError(f"{name}: {rc}")

    def alloc(self, n):
        p = ctypes.c_uint64()
        self.must("cuMemAlloc_v2", ctypes.byref(p), ctypes.c_size_t(n))
        return p

    def free(self, p):
        self.must("cuMemFree_v2", p)

    def time(self, f, least=0.2):
        f()
        got, spent, ms = [], 0.0, ctypes.c_float()
        while len(got) < 5 or (spent < least and len(got) < 50):
            self.must("cuMemsetD8Async", self.sweep, ctypes.c_ubyte(len(got) & 1), ctypes.c_size_t(SWEEP), None)
            self.must("cuEventRecord", self.events[0], None)
            f()
            self.must("cuEventRecord", self.events[1], None)
            self.must("cuEventSynchronize", self.events[1])
            self.must("cuEventElapsedTime", ctypes.byref(ms), *self.events)
            got.append(ms.value * 1e-3)
            spent += got[-1]
        return statistics.median(got)


def copy_bandwidth(d):
    n = 1 << 30
    a, b = d.alloc(n), d.alloc(n)
    t = d.time(lambda: d.must("cuMemcpyDtoDAsync_v2", b, a, ctypes.c_size_t(n), None))
    say("copy", "", "copy", t, gbs=round(2 * n / t * 1e-9, 1))
    d.free(a), d.free(b)


def cublas(d):
    found = [f for d in sys.path for v in (13, 12) for f in glob.glob(f"{d}/nvidia/*/lib/libcublas.so.{v}")]  # where PyTorch's packages keep it
    for name in ["libcublas.so.13", "libcublas.so.12", "libcublas.so"] + found:
        try:
            lib = ctypes.CDLL(name)
            break
        except OSError as e:
            why = e
    else:
        return missing("cuBLAS", why)
    h = ctypes.c_void_p()
    if lib.cublasCreate_v2(ctypes.byref(h)):
        return missing("cuBLAS", "cublasCreate failed")
    BF16, F32, COMPUTE_F32 = 14, 0, 68
    one, zero = ctypes.c_float(1), ctypes.c_float(0)
    for kernel, dims, v in rows():
        if kernel not in ("gemm_bf16", "gemm_f32") or late():
            continue
        M, N, K = v["M"], v["N"], v["K"]
        t, size = (BF16, 2) if kernel == "gemm_bf16" else (F32, 4)
        got = []
        try:
            for n in (M * K, K * N, M * N):
                got.append(d.alloc(n * size))
        except RuntimeError as e:
            missing(f"cuBLAS {dims}", e)
            for p in got:
                d.free(p)
            continue
        a, b, c = got
        for p, n in ((a, M * K), (b, K * N)):  # values that are no zeros: power, and so the clock, depends on them
            host = os.urandom(min(n * size, 1 << 24))
            mask = bytes(x & 0xbf if i % size == size - 1 else x for i, x in enumerate(host[:1 << 16]))
            for at in range(0, n * size, len(mask)):
                d.must("cuMemcpyHtoD_v2", ctypes.c_uint64(p.value + at), mask, ctypes.c_size_t(min(len(mask), n * size - at)))

        def call():  # row-major C = A B is column-major C' = B' A'
            rc = lib.cublasGemmEx(h, 0, 0, N, M, K, ctypes.byref(one), b, t, N, a, t, K, ctypes.byref(zero), c, t, N, COMPUTE_F32, -1)
            if rc:
                raise RuntimeError(f"cublasGemmEx: {rc}")
        try:
            say(kernel, dims, "cuBLAS", d.time(call))
        except RuntimeError as e:
            missing(f"cuBLAS {dims}", e)
        for p in (a, b, c):
            d.free(p)


TRITON = '''
import triton, triton.language as tl
configs = [triton.Config({"BM": bm, "BN": bn, "BK": 64, "G": 8}, num_stages=s, num_warps=w) for bm, bn, s, w in ((128, 256, 3, 8), (128, 128, 4, 4), (128, 128, 4, 8), (64, 256, 4, 4), (128, 64, 4, 4), (64, 128, 4, 4), (64, 64, 5, 4), (32, 64, 5, 2))]
@triton.autotune(configs=configs, key=["M", "N", "K"])
@triton.jit
def product(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, G: tl.constexpr):
    pid = tl.program_id(0)
    nm, nn = tl.cdiv(M, BM), tl.cdiv(N, BN)
    first = pid // (G * nn) * G
    rows = min(nm - first, G)
    pm, pn = first + pid % (G * nn) % rows, pid % (G * nn) // rows
    om, on, ok = (pm * BM + tl.arange(0, BM)) % M, (pn * BN + tl.arange(0, BN)) % N, tl.arange(0, BK)
    pa, pb = a + om[:, None] * K + ok[None, :], b + ok[:, None] * N + on[None, :]
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in range(0, tl.cdiv(K, BK)):
        acc = tl.dot(tl.load(pa, mask=ok[None, :] < K - k * BK, other=0.0), tl.load(pb, mask=ok[:, None] < K - k * BK, other=0.0), acc)
        pa += BK
        pb += BK * N
    om, on = pm * BM + tl.arange(0, BM), pn * BN + tl.arange(0, BN)
    tl.store(c + om[:, None] * N + on[None, :], acc.to(tl.bfloat16), mask=(om[:, None] < M) & (on[None, :] < N))
def call(a, b, c):
    M, K = a.shape
    N = b.shape[1]
    product[lambda m: (triton.cdiv(M, m["BM"]) * triton.cdiv(N, m["BN"]),)](a, b, c, M, N, K)
'''


def torch_rows():
    import torch, torch.nn.functional as F
    torch.cuda.set_device(device)
    torch.set_grad_enabled(False)
    torch.backends.cuda.matmul.allow_tf32 = False
    sweep = torch.empty(SWEEP, dtype=torch.uint8, device="cuda")
    try:  # triton reads the source of a kernel: it must be a file
        import importlib.util, tempfile
        path = os.path.join(tempfile.mkdtemp(), "product.py")
        open(path, "w").write(TRITON)
        spec = importlib.util.spec_from_file_location("product", path)
        triton = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(triton)
    except Exception as e:
        triton = missing("triton", e)
    flash = {}  # FlashAttention 2 and 3
    for name, module in (("flash-attn", "flash_attn"), ("flash-attn 3", "flash_attn_interface")):
        try:
            flash[name] = __import__(module).flash_attn_func
        except Exception as e:
            missing(module, e)

    def timed(f, least=0.2):
        f()
        torch.cuda.synchronize()
        got = []
        while len(got) < 5 or (sum(got) < least and len(got) < 50):
            a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            sweep.fill_(len(got) & 1)
            a.record()
            f()
            b.record()
            b.synchronize()
            got.append(a.elapsed_time(b) * 1e-3)
        return statistics.median(got)

    def random(*shape, dtype=torch.bfloat16):
        return torch.randn(*shape, device="cuda", dtype=torch.float32).to(dtype)

    def forms(kernel, v):
        f32 = torch.float32
        if kernel in ("gemm_bf16", "gemm_f32", "linear_gelu_bf16"):
            t = f32 if kernel == "gemm_f32" else torch.bfloat16
            a, b = random(v["M"], v["K"], dtype=t), random(v["K"], v["N"], dtype=t)
            if kernel == "linear_gelu_bf16":
                bias = random(v["N"])
                f = lambda a, b, bias: F.gelu(torch.addmm(bias, a, b))
                return f, (a, b, bias), True, {}
            c = torch.empty(v["M"], v["N"], device="cuda", dtype=t)
            more = {"triton": lambda: triton.call(a, b, c)} if triton and kernel == "gemm_bf16" else {}
            return torch.matmul, (a, b), False, more
        if kernel == "gemm_fp8":  # cuBLASLt, which sums in f32 outside of the tensor cores every so many terms, or not (fast)
            a, b = (random(v[n], v["K"]).to(torch.float8_e4m3fn) for n in "MN")
            one = torch.ones((), device="cuda", dtype=f32)
            call = lambda fast: torch._scaled_mm(a, b.t(), one, one, out_dtype=torch.bfloat16, use_fast_accum=fast)
            return call, (False,), False, {"torch fast": lambda: call(True)}
        if kernel.startswith("attention"):
            causal = any(x in kernel for x in ("causal", "window", "grouped"))
            t, width, heads = v["T"], v.get("W"), v["H"] * v.get("G", 1)
            q, k, x = (random(1, n, s, v["D"]) for n, s in ((heads, t), (v["H"], v.get("S", t)), (v["H"], v.get("S", t))))
            s = [y.transpose(1, 2).contiguous() for y in (q, k, x)] if flash else []
            more = {name: lambda f=f: f(*s, causal=causal, window_size=(width - 1, 0) if width else (-1, -1)) for name, f in flash.items()}
            if width:
                near = torch.ones(t, t, device="cuda", dtype=torch.bool).tril().triu(1 - width)
                return (lambda q, k, x: F.scaled_dot_product_attention(q, k, x, attn_mask=near)), (q, k, x), False, more
            return (lambda q, k, x: F.scaled_dot_product_attention(q, k, x, is_causal=causal, **({"enable_gqa": True} if heads != v["H"] else {}))), (q, k, x), False, more
        x = random(v["R"], v["C"], dtype=f32)
        g, b = random(v["C"], dtype=f32), random(v["C"], dtype=f32)
        table = {"softmax": (lambda x: torch.softmax(x, 1), (x,)), "layernorm": (lambda x, g, b: F.layer_norm(x, g.shape, g, b), (x, g, b)),
                 "rmsnorm": (lambda x, g: F.rms_norm(x, g.shape, g, 1e-6), (x, g)), "transpose": (lambda x: x.t().contiguous(), (x,)),
                 "swiglu": (lambda x, y: F.silu(x) * y, (x, x.clone())),
                 "cross_entropy": (lambda x, l: F.cross_entropy(x, l, reduction="none"), (x, torch.randint(0, v["C"], (v["R"],), device="cuda")))}
        f, args = table[kernel]
        return f, args, True, {}

    for kernel, dims, v in rows():
        if late():
            return missing("torch", f"the time is up at {kernel} {dims}")
        try:
            f, args, compiled, more = forms(kernel, v)
        except Exception as e:
            missing(f"torch {kernel} {dims}", e)
            continue
        calls = {"torch": lambda: f(*args)}
        if compiled:
            calls["torch.compile"] = lambda g=torch.compile(f, dynamic=False): g(*args)
        for name, call in {**calls, **more}.items():  # one that fails takes none of the others along
            try:
                say(kernel, dims, name, timed(call))
            except Exception as e:
                missing(f"{name} {kernel} {dims}", e)
        f = args = more = calls = call = None
        torch.cuda.empty_cache()


try:
    driver = Driver()
    copy_bandwidth(driver)
    cublas(driver)
    driver.free(driver.sweep)
except Exception as e:
    missing("cuBLAS and copies", e)
try:
    torch_rows()
except Exception as e:
    missing("torch (triton and FlashAttention want it, too)", e)
