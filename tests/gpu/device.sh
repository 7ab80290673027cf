#!/bin/sh
# Measuring on the emulator and on a driver whose device is the emulator: tune, bench, records, faults. usage: device.sh HONE ROOT LIBCUDA LIBNVML
set -eu
hone=$1 root=$2 fake=$3 nvml=$4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
say() { if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "not ok: $2"; fi; }
has() { case $1 in *"$2"*) return 0 ;; *) echo "$1"; return 1 ;; esac; }
hasnt() { case $1 in *"$2"*) echo "$1"; return 1 ;; *) return 0 ;; esac; }
mm=$root/examples/matmul/matmul.c
dims=M=16,N=32,K=24
mkdir "$tmp/lib"
cp "$fake" "$tmp/lib/libcuda.so.1"
with_gpu() { LD_LIBRARY_PATH="$tmp/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$@"; }

# The emulator as a device.
got=$("$hone" tune --ptxas none "$mm" --target emu:sm_90a --dims $dims --trials 12 --db "$tmp/emu.db" 2>&1) && rc=0 || rc=$?
has "$got" "12 trials, 0 infeasible" && has "$got" "modelled on the emulator, not measured" || rc=1
say $rc "tuning on the emulator"
got=$("$hone" bench --ptxas none "$mm" --target emu:sm_90a --dims $dims --db "$tmp/emu.db" 2>&1) && rc=0 || rc=$?
has "$got" "MODELLED" && has "$got" "hone, winner" && has "$got" "warp instructions" && has "$got" "sectors each" || rc=1
say $rc "bench on the emulator: counts"
got=$("$hone" bench --ptxas none "$mm" --target emu:sm_90a --dims $dims --db "$tmp/emu.db" --json 2>&1) && rc=0 || rc=$?
has "$got" '"modelled":true,"device":"emulator of sm_90a"' || rc=1
say $rc "bench says in JSON that it is modelled"
got=$("$hone" tune --ptxas none "$root/examples/softmax/softmax.c" --target emu:sm_80 --dims R=5,C=70 --strategy estimate --db "$tmp/emu.db" 2>&1) && rc=0 || rc=$?
has "$got" "not measured" || rc=1
say $rc "the cost model's choice on the emulator"

# Modelled records never decide what is compiled, nor count as measured on a device.
got=$("$hone" compile "$mm" --target sm_90a --dims $dims --db "$tmp/emu.db" -o "$tmp/m.o" --on-miss=error 2>&1) && rc=1 || rc=$?
[ "$rc" = 3 ] && rc=0 || { echo "$got"; rc=1; }
say $rc "a modelled record is no winner"

# Without a driver.
printf 'not a library' >"$tmp/none.so"
mkdir "$tmp/nolib"
cp "$tmp/none.so" "$tmp/nolib/libcuda.so.1"
got=$(LD_LIBRARY_PATH="$tmp/nolib" "$hone" tune --ptxas none "$mm" --target cuda:0 --dims $dims --db "$tmp/x.db" 2>&1) && rc=0 || rc=$?
[ "$rc" = 5 ] && has "$got" "cuda:0 cannot be used: no NVIDIA driver here" && has "$got" "emu:sm_90a" && rc=0 || rc=1
say $rc "no driver: exit 5 and what to do"
got=$(with_gpu "$hone" tune --ptxas none "$mm" --target cuda:7 --dims $dims --db "$tmp/x.db" 2>&1) && rc=0 || rc=$?
[ "$rc" = 5 ] && has "$got" "there is no device 7: the driver has 1" && rc=0 || rc=1
say $rc "no such device"
got=$("$hone" tune --ptxas none "$mm" --target cuda:x --dims $dims --db "$tmp/x.db" 2>&1) && rc=0 || rc=$?
[ "$rc" = 2 ] && has "$got" "a device is cuda:N" && rc=0 || rc=1
say $rc "a bad device number"

# A device, end to end: tuned, recorded under its own key, taken by compile, benched.
got=$(with_gpu "$hone" tune --ptxas none "$mm" --target cuda:0 --dims $dims --trials 12 --db "$tmp/gpu.db" 2>&1) && rc=0 || rc=$?
has "$got" "12 trials, 0 infeasible" && hasnt "$got" "not measured" || rc=1
say $rc "tuning on a device"
got=$(with_gpu "$hone" bench --ptxas none "$mm" --target cuda:0 --dims $dims --db "$tmp/gpu.db" 2>&1) && rc=0 || rc=$?
has "$got" "hone emulator of sm_90a, 132 SMs" && has "$got" "hone, winner" && hasnt "$got" MODELLED || rc=1
say $rc "bench on a device"
got=$("$hone" db list --db "$tmp/gpu.db" 2>&1) && rc=0 || rc=$?
has "$got" "nvidia-sm_90a" && has "$got" "time/1t/warm" || rc=1
say $rc "records of a device"

# The clock is in the records; rounds of a device that heat holds back are dropped, made again, and said.
mkdir "$tmp/ml"
cp "$fake" "$tmp/ml/libcuda.so.1"
cp "$nvml" "$tmp/ml/libnvidia-ml.so.1"
with_clock() { LD_LIBRARY_PATH="$tmp/ml${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$@"; }
with_clock "$hone" tune --ptxas none "$mm" --target cuda:0 --dims $dims --trials 4 --db "$tmp/clock.db" >/dev/null 2>&1 && rc=0 || rc=$?
"$hone" db export --db "$tmp/clock.db" | grep '"status":"ok"' | grep -q 'SM clock 1755 of 1980 MHz' || rc=1
got=$(CUDA_FAKE_SLOW=3 with_clock "$hone" bench --ptxas none "$mm" --target cuda:0 --dims $dims --db "$tmp/clock.db" 2>&1) || rc=1
has "$got" "SM clock 1755 of 1980 MHz" && has "$got" "3 rounds dropped for heat" || rc=1
say $rc "clocks and heat"

# Two devices: both work, the records are one device's; those that differ are refused, and so is what is no list.
got=$(CUDA_FAKE_DEVICES=2 CUDA_FAKE_LOG=$tmp/two.log with_gpu "$hone" tune --ptxas none "$mm" --target cuda:0,cuda:1 --dims $dims --trials 12 --db "$tmp/two.db" 2>&1) && rc=0 || rc=$?
has "$got" "12 trials, 0 infeasible" && [ "$(grep -c 0 "$tmp/two.log")" -gt 5 ] && [ "$(grep -c 1 "$tmp/two.log")" -gt 5 ] || rc=1
CUDA_FAKE_DEVICES=2 with_gpu "$hone" bench --ptxas none "$mm" --target cuda:1 --dims $dims --db "$tmp/two.db" >"$tmp/said" 2>&1 && grep -q "hone, winner" "$tmp/said" || rc=1
say $rc "two devices alike"
: >"$tmp/all.log"
got=$(CUDA_FAKE_DEVICES=3 CUDA_FAKE_LOG=$tmp/all.log with_gpu "$hone" tune --ptxas none "$mm" --target cuda:all --dims $dims --trials 6 --db "$tmp/all.db" 2>&1) && rc=0 || rc=$?
has "$got" "6 trials, 0 infeasible" && grep -q 2 "$tmp/all.log" || rc=1
say $rc "all devices"
got=$(CUDA_FAKE_DEVICES=2 CUDA_FAKE_OTHER=1 with_gpu "$hone" tune --ptxas none "$mm" --target cuda:0,cuda:1 --dims $dims --trials 6 --db "$tmp/other.db" 2>&1) && rc=1 || rc=$?
[ "$rc" = 2 ] && has "$got" "the devices are not alike" && has "$got" "another one" && rc=0 || rc=1
say $rc "devices that differ"
for list in cuda:0,cuda:0 cuda:0, cuda:0,1 cuda:; do
  got=$(CUDA_FAKE_DEVICES=2 with_gpu "$hone" tune --ptxas none "$mm" --target $list --dims $dims --db "$tmp/x.db" 2>&1) && rc=1 || rc=$?
  [ "$rc" = 2 ] && rc=0 || { echo "$got"; rc=1; }
  say $rc "no list of devices: $list"
done
got=$(CUDA_FAKE_DEVICES=2 with_gpu "$hone" bench --ptxas none "$mm" --target cuda:0,cuda:1 --dims $dims --db "$tmp/x.db" 2>&1) && rc=1 || rc=$?
[ "$rc" = 2 ] && has "$got" "several devices are for tune" && rc=0 || rc=1
say $rc "several devices for bench"

# A kernel that fails for good, and one that hangs: each is alone to blame, the worker is replaced, tuning goes on. Asynchronous copies are in some variants only.
got=$(CUDA_FAKE_STICKY=cp.async with_gpu "$hone" tune --ptxas none "$mm" --target cuda:0 --dims $dims --trials 12 --strategy random --seed 3 --db "$tmp/sticky.db" -v 2>&1) && rc=0 || rc=$?
has "$got" "12 trials" && hasnt "$got" "12 trials, 0 infeasible" && hasnt "$got" "12 infeasible" || rc=1
"$hone" db export --db "$tmp/sticky.db" >"$tmp/sticky.jsonl" && grep -q '"status":"crash".*unspecified launch failure\|unspecified launch failure.*"status":"crash"' "$tmp/sticky.jsonl" || rc=1
say $rc "a sticky error"
got=$(CUDA_FAKE_HANG=cp.async with_gpu "$hone" tune --ptxas none "$mm" --target cuda:0 --dims $dims --trials 4 --strategy random --seed 1 --db "$tmp/hang.db" 2>&1) && rc=0 || rc=$?
has "$got" "4 trials" && hasnt "$got" "4 trials, 0 infeasible" || rc=1
"$hone" db export --db "$tmp/hang.db" | grep -q '"status":"timeout"' || rc=1
say $rc "a kernel that hangs is killed"

# An assembler (a script here, so that nothing of a toolkit is needed): it is run once for each text, what it says decides, what it makes is kept.
cat >"$tmp/ptxas" <<'X'
#!/bin/sh
# ptxas -arch=A -v IN -o OUT
echo run >>"$PTXAS_RUNS"
[ "$1" = -arch=sm_90a ] || { echo "ptxas fatal   : Value '$1' is not defined"; exit 1; }
echo "ptxas info    : Function properties for kernel_k0" >&2
if [ $(($(wc -l <"$3") % 2)) = 0 ]; then echo "    8 bytes stack frame, 16 bytes spill stores, 24 bytes spill loads" >&2
else echo "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" >&2; fi
echo "ptxas info    : Used 40 registers, used 0 barriers, 512 bytes smem" >&2
printf '\177ELF of' >"$5"
cat "$3" >>"$5"
X
chmod +x "$tmp/ptxas"
export PTXAS_RUNS="$tmp/runs" XDG_CACHE_HOME="$tmp/cache"
: >"$tmp/runs"
got=$("$hone" tune "$mm" --target emu:sm_90a --dims $dims --trials 12 --strategy random --seed 3 --db "$tmp/as.db" --ptxas "$tmp/ptxas" 2>&1) && rc=0 || rc=$?
has "$got" "12 trials" && hasnt "$got" "12 trials, 0 infeasible" && hasnt "$got" "12 infeasible" || rc=1
"$hone" db export --db "$tmp/as.db" >"$tmp/as.jsonl"
grep '"status":"compile"' "$tmp/as.jsonl" | grep -q 'kernel_k0: spills (16 bytes stored, 24 loaded)' || rc=1
grep '"status":"ok"' "$tmp/as.jsonl" | grep -q '40 registers, 512 bytes of shared memory' || rc=1
say $rc "spills make a variant infeasible"
before=$(wc -l <"$tmp/runs")
"$hone" tune "$mm" --target emu:sm_90a --dims $dims --trials 12 --strategy random --seed 3 --db "$tmp/as2.db" --ptxas "$tmp/ptxas" >/dev/null 2>&1 && rc=0 || rc=$?
[ "$before" -gt 2 ] && [ "$(wc -l <"$tmp/runs")" = "$before" ] || rc=1
say $rc "the assembler's answers are kept"
"$hone" compile "$mm" --target sm_90a --ptxas "$tmp/ptxas" --db "$tmp/none.db" --on-miss=quiet -o "$tmp/with.o" && rc=0 || rc=$?
"$hone" compile "$mm" --target sm_90a --ptxas none --db "$tmp/none.db" --on-miss=quiet -o "$tmp/without.o" || rc=1
"$hone" compile "$mm" --target sm_80 --ptxas "$tmp/ptxas" --db "$tmp/none.db" --on-miss=quiet -o "$tmp/refused.o" || rc=1
grep -q 'ELF of' "$tmp/with.o" || rc=1
! grep -q 'ELF of' "$tmp/without.o" && ! grep -q 'ELF of' "$tmp/refused.o" || rc=1
say $rc "cubins in objects, and none where the assembler refuses"
"$hone" compile "$mm" --target sm_90a --ptxas "$tmp/nothing" --db "$tmp/none.db" -o "$tmp/x.o" 2>/dev/null && rc=1 || rc=$?
[ "$rc" = 2 ] && rc=0
say $rc "an assembler that is not there"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
