#!/bin/bash
# tests/bench/build.sh [ROUNDS]: what builds on the Debian-with-Python image cost with kist (build/release/kist, or
# KIST), docker and buildah, from cold and with everything cached. See README.md. Nothing is asserted.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "build.sh: run it as root: it starts daemons" >&2; exit 1; }
export KIST=${KIST:-$PWD/build/release/kist}
if [ ! -x "$KIST" ]; then
    boards/host/install.sh build
    mkdir -p build/log
    { cmake --preset release && cmake --build build/release --target kist; } >build/log/bench-build.log 2>&1 ||
        { tail -n 20 build/log/bench-build.log; exit 1; }
fi
boards/host/install.sh demo test ci
exec python3 tests/bench/build.py "$@"
