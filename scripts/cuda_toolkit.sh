#!/usr/bin/env bash
# Makes a CUDA toolkit from NVIDIA's packages on PyPI: enough to build Pointsman with `--features cuda` on a machine without a
# GPU, a driver or root. It needs Python 3.9 with pip, a C compiler and about 3 GB of disk.
#
#     scripts/cuda_toolkit.sh target/cuda          # downloads about 1 GB
#     source target/cuda/env.sh
#     cargo build --release --features cuda --target-dir target/with-cuda
#
# CUDA_COMPUTE_CAP says for which GPUs: 80 (the default: A100 and everything newer), 89, 90 …; lower means slower on newer ones.
# The program that is built starts only where NVIDIA's driver is installed, which brings libcuda.so.1; build another one without
# the feature for other machines. On the machine with the GPU the libraries of CUDA must be found as well: copy the folder that
# `env.sh` names as POINTSMAN_CUDA_LIBRARIES, or install CUDA 13 there.
set -euo pipefail

folder=${1:?usage: scripts/cuda_toolkit.sh FOLDER}
python=${PYTHON:-python3}

# Releases that go together: CUDA 13.0 update 2.
packages=(
  nvidia-cuda-nvcc==13.0.88        # nvcc, ptxas
  nvidia-cuda-crt==13.0.88         # headers of nvcc
  nvidia-nvvm==13.0.88             # its compiler
  nvidia-cuda-runtime==13.0.96     # cuda.h, libcudart
  nvidia-cuda-cccl==13.0.85        # libcu++
  nvidia-cuda-nvrtc==13.0.88
  nvidia-cublas==13.0.2.14
  nvidia-curand==10.4.0.35
)

say() { echo "cuda_toolkit: $*" >&2; }
die() { say "$*"; exit 1; }

command -v "$python" >/dev/null || die "there is no $python; set PYTHON"
compiler=$(command -v "${CC:-cc}" || command -v gcc) || die "there is no C compiler; set CC"
[[ $(uname -s)-$(uname -m) =~ ^Linux-(x86_64|aarch64)$ ]] || die "NVIDIA packs CUDA for Linux on x86-64 and aarch64 alone"

mkdir -p "$folder/wheels"
say "downloading ${#packages[@]} packages"
"$python" -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: -d "$folder/wheels" "${packages[@]}"
for wheel in "$folder"/wheels/*.whl; do
  "$python" -m zipfile -e "$wheel" "$folder/unpacked"
done
home=$(cd "$folder/unpacked/nvidia/cu13" && pwd) || die "the packages are laid out in a way that this script does not know"

# Wheels do not keep that a file may be run, and have libraries under their full names alone.
chmod +x "$home"/bin/* "$home"/nvvm/bin/*
for library in "$home"/lib/lib*.so.*; do
  ln -sf "$(basename "$library")" "${library%%.so.*}.so"
done
ln -sfn lib "$home/lib64"

# The linker wants the driver's library, which only a driver brings. A library with its name and the names of its functions will
# do: nothing in it is ever called.
mkdir -p "$home/lib/stubs"
{
  # Every such word of the header: versions of functions are named by macros.
  grep -ohE '\bcu[A-Z][A-Za-z0-9_]*\b' "$home/include/cuda.h"
  printf 'cuProfilerStart\ncuProfilerStop\n'
} | sort -u | sed 's/.*/void &(void) {}/' >"$folder/stub.c"
"$compiler" -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$home/lib/stubs/libcuda.so" "$folder/stub.c"

cat >"$folder/env.sh" <<ENV
export CUDA_HOME="$home" CUDA_PATH="$home" CUDA_ROOT="$home"
export PATH="$home/bin:\$PATH"
export LIBRARY_PATH="$home/lib:$home/lib/stubs\${LIBRARY_PATH:+:\$LIBRARY_PATH}"
export POINTSMAN_CUDA_LIBRARIES="$home/lib"
export CUDA_COMPUTE_CAP="\${CUDA_COMPUTE_CAP:-80}"
ENV
rm -rf "$folder/wheels"
"$home/bin/nvcc" --version | tail -n 1
say "now: source $folder/env.sh && cargo build --release --features cuda --target-dir target/with-cuda"
