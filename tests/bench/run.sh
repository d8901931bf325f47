#!/bin/bash
# tests/bench/run.sh [ROUNDS]: what 'kist run --rm' and 'kist exec' of busybox's 'true' cost beyond a bare program that makes the same
# process (baseline.c), and beside crun and runc. KIST is the binary (build/release/kist). See README.md. Nothing is asserted.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "run.sh: run it as root: it mounts filesystems" >&2; exit 1; }
export KIST=${KIST:-$PWD/build/release/kist}
[ -x "$KIST" ] || { echo "run.sh: no '$KIST' (cmake --preset release && cmake --build build/release --target kist)" >&2; exit 1; }
# nothing of what is mounted is seen outside, nor stays
exec unshare --mount --propagation private python3 tests/bench/run.py "$@"
