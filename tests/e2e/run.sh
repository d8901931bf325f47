#!/bin/bash
# tests/e2e/run.sh [FILE...]: the images first, then each test of this folder (or those given), two files a processor side by side:
# each has namespaces of its own, and often waits. A line a test: "ok name", "FAIL name: why", "skip name: why"; with
# KIST_TEST_AGAIN=1 a test that failed runs once more, after a line "again name: why". KIST is the binary to test (build/debug/kist).
set -u
cd "$(dirname "$0")/../.." || exit 1
here=tests/e2e
export KIST=${KIST:-$PWD/build/debug/kist}
export LAYER_TOOL=${LAYER_TOOL:-$(dirname "$KIST")/layer_tool}
status=0
$here/images.py || status=1
if [ $# = 0 ]; then
    # what takes longest comes first, so that nothing long is left for the end
    set -- $here/{layer.sh,bad_secure.py,supervise.py,push.py,build_peers.py,bad_image.py,quota.py,exec.py}
    for test in $here/*.sh $here/*.py; do
        [[ " $* " == *" $test "* ]] || set -- "$@" "$test"
    done
fi
tests=()
for test in "$@"; do
    case $test in
    $here/run.sh | $here/images.py) continue ;;
    esac
    [ -x "$test" ] && tests+=("$test") # the others are what the tests import
done
# shellcheck disable=SC2016 # for the inner shell
printf '%s\0' "${tests[@]}" | xargs -0 -r -n 1 -P $((2 * $(nproc))) bash -c '
    begun=$SECONDS
    output=$("$0" 2>&1)
    status=$?
    printf "%s\n# %s: %s s\n" "$output" "${0##*/}" $((SECONDS - begun))
    exit $((status != 0))' || status=1
exit $status
