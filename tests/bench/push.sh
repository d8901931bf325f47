#!/bin/bash
# tests/bench/push.sh [ROUNDS]: what a push of the Debian-with-Python image costs with kist (build/release/kist, or
# KIST) and with docker, to an empty registry on loopback. See README.md. Nothing is asserted.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "push.sh: run it as root: it starts daemons" >&2; exit 1; }
export KIST=${KIST:-$PWD/build/release/kist}
if [ ! -x "$KIST" ]; then
    boards/host/install.sh build
    mkdir -p build/log
    { cmake --preset release && cmake --build build/release --target kist; } >build/log/bench-build.log 2>&1 ||
        { tail -n 20 build/log/bench-build.log; exit 1; }
fi
boards/host/install.sh demo test
exec python3 tests/bench/push.py "$@"
