#!/bin/sh
# ./dev bench --peers: what hone is compared with. Debian's libraries, then Python's into a virtual environment of their own (nothing else here needs Python).
# What cannot be had is named; nothing fails because of it. (The common build of torch brings gigabytes of GPU libraries; with PIP_INDEX_URL set to where builds for
# CPUs alone are kept, that one is taken.)
set -u
venv=$1
missing=
root_do() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
for p in libopenblas-dev libblis-dev libdnnl-dev libxsmm-dev libxnnpack-dev libpthreadpool-dev python3-venv g++ python3-dev; do
  dpkg-query -W -f='${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed && continue
  root_do env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$p" >/dev/null 2>&1 || missing="$missing $p"
done
[ -x "$venv/bin/python3" ] || { mkdir -p "$(dirname "$venv")" && python3 -m venv "$venv"; } || { echo "bench: no virtual environment; peers from PyPI are missing" >&2; exit 0; }
for p in numpy mkl onnx onnxruntime openvino jax halide apache-tvm torch; do
  "$venv/bin/python3" -m pip install -q "$p" >/dev/null 2>&1 || missing="$missing $p"
done
if [ -n "$missing" ]; then echo "bench: could not be installed:$missing"; else echo "bench: all peers are installed"; fi
