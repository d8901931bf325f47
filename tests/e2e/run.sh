#!/bin/bash
# tests/e2e/run.sh [FILE...]: the images first, then each test of this folder (or those given). A line a test: "ok name",
# "FAIL name: why", "skip name: why". KIST is the binary to test (build/debug/kist).
set -u
cd "$(dirname "$0")/../.." || exit 1
here=tests/e2e
export KIST=${KIST:-$PWD/build/debug/kist}
export LAYER_TOOL=${LAYER_TOOL:-$(dirname "$KIST")/layer_tool}
status=0
$here/images.py || status=1
[ $# -gt 0 ] || set -- $here/*.sh $here/*.py
for test in "$@"; do
    case $test in
    $here/run.sh | $here/images.py) continue ;;
    esac
    [ -x "$test" ] || continue # what the tests import
    "$test" || status=1
done
exit $status
