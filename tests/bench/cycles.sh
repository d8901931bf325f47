#!/bin/bash
# tests/bench/cycles.sh [COUNT [MIB]]: COUNT (50) times pull an update of MIB (8), run it, prune, on an ext4 of 256 MiB. See README.md.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "cycles.sh: run it as root: it mounts filesystems" >&2; exit 1; }
export KIST=${KIST:-$PWD/build/release/kist}
[ -x "$KIST" ] || { echo "cycles.sh: no '$KIST' (cmake --preset release && cmake --build build/release --target kist)" >&2; exit 1; }
# nothing of what is mounted is seen outside, nor stays
exec unshare --mount --propagation private python3 tests/bench/cycles.py "$@"
