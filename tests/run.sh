#!/bin/bash
# tests/run.sh [PART...]: install what is needed, build, test. Parts, in this order; without any: unit e2e fuzz.
#   unit    build/debug with sanitizers: unit tests, fuzz corpora, layering
#   clang   the same but the power cuts, compiled by clang
#   boards  static binaries of all boards, their size budgets; the ARM ones and their unit tests under qemu-user
#   e2e     tests/e2e against real registries and the real kernel
#   fuzz    each fuzz target for FUZZ_SECONDS (default 5), from FUZZ_SEED (default: another one each time)
# Each build, run of CTest and part says its seconds. With KIST_TEST_AGAIN=1 a test that failed runs once more, which is told; the
# second try decides. The last line is "N passed, N failed, N skipped"; the exit status is 1 if anything failed.
set -u
cd "$(dirname "$0")/.." || exit 1
exec </dev/null 3>&1
parts=" ${*:-unit e2e fuzz} "
jobs=$(nproc)
logs=build/log
passed=0 failed=0 skipped=0
mkdir -p "$logs"
if [ -z "${CMAKE_C_COMPILER_LAUNCHER:-}" ] && command -v ccache >/dev/null; then
    export CMAKE_C_COMPILER_LAUNCHER=ccache
fi

wants() { [[ $parts == *" $1 "* ]]; }
title() { printf '\n== %s\n' "$*"; }
good() { passed=$((passed + 1)) && echo "ok   $*"; }
bad() { failed=$((failed + 1)) && echo "FAIL $*"; }
skip() { skipped=$((skipped + 1)) && echo "skip $*"; }
add() { passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3)); }

errors_of() { grep -E ' error: |undefined reference|^FAILED: |^CMake Error|^deps: ' -A3 "$1" | grep -vE '^(\[|ccache|--|/usr/bin/)' | head -n 60; }

# build PRESET FOLDER [cmake options]: configure and build; what fails to build does not keep the rest from it
build() {
    local preset=$1 folder=$2 log
    shift 2
    log=$logs/build-${folder##*/}.log
    local begun=$SECONDS
    if cmake --preset "$preset" -B "$folder" "$@" >"$log" 2>&1 && cmake --build "$folder" -- -k 0 >>"$log" 2>&1; then
        good "build $folder ($((SECONDS - begun)) s)"
    else
        errors_of "$log"
        bad "build $folder (log: $log)"
    fi
}

# run_ctest FOLDER: each unit test's own count; anything else in CTest counts as one
run_ctest() {
    local log=$logs/test-${1##*/}.log begun=$SECONDS
    ctest --test-dir "$1" -j "$jobs" -V ${KIST_TEST_AGAIN:+--repeat until-pass:2} >"$log" 2>&1
    # shellcheck disable=SC2046 # three numbers
    add $(awk '
        match($0, /^[0-9]+: /) {
            id = $1 + 0
            line = substr($0, RLENGTH + 1)
            if (line ~ /^(Test command|Working Directory|Environment variables|Test timeout computed)|^ [A-Z]+SAN_OPTIONS=/) next
            output[id] = output[id] line "\n"
            if (line ~ /^unit_[A-Za-z0-9_]+: [0-9]+ passed, [0-9]+ failed/) {
                counted[id] = 1; p[id] = $3; f[id] = $5; s[id] = $7 + 0
                print line >"/dev/stderr"
            }
            if (line ~ /^[A-Za-z0-9_]+: skipped: /) print line >"/dev/stderr"
        }
        / Test +#[0-9]+: / {
            id = $0; sub(/.*Test +#/, "", id); id += 0
            seen[id] = 1
            if ($0 ~ / Passed /) {
                if (!counted[id]) p[id] = 1
                if (f[id]) print "note: passed only at the second try: " $0 >"/dev/stderr"
                f[id] = 0
            } else {
                if (!f[id]) f[id] = 1
                print output[id] "FAIL " $0 >"/dev/stderr"
            }
        }
        END {
            for (id in seen) { P += p[id]; F += f[id]; S += s[id] }
            printf "%d %d %d\n", P, F, S
        }' "$log" 2>&3)
    echo "# ctest in $1: $((SECONDS - begun)) s"
    grep -q 'tests passed\|tests failed' "$log" || bad "ctest in $1 (log: $log)"
}

# run_lines NAME COMMAND...: a program that prints a line "ok ...", "FAIL ..." or "skip ..." a test
run_lines() {
    local name=$1 log=$logs/$1.log status p f s
    shift
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    p=$(grep -cE '^ok\b' "$log") f=$(grep -cE '^(FAIL|not ok)\b' "$log") s=$(grep -ciE '^skip\b' "$log")
    add "$p" "$f" "$s"
    sed -n "s/^again /note: tried again: /p" "$log"
    if [ "$status" != 0 ] && [ "$f" = 0 ]; then
        bad "$name ended with status $status"
    elif [ $((p + f + s)) = 0 ]; then
        bad "$name tested nothing"
    fi
}

part_unit() {
    title "unit tests, sanitized"
    build debug build/debug
    run_ctest build/debug
}

part_clang() {
    title "clang"
    build clang build/clang
    run_ctest build/clang
}

part_boards() {
    local board preset
    for board in armv7 arm64 x86_64; do
        title "board $board"
        preset=$board
        [ $board = x86_64 ] && preset=release
        build $preset build/$preset
        if cmake --build build/$preset --target size >"$logs/size-$board.log" 2>&1; then
            grep -v '^\[' "$logs/size-$board.log"
            good "size of $board"
        else
            tail -n 40 "$logs/size-$board.log"
            bad "size of $board"
        fi
        if [ $board = x86_64 ]; then
            build/$preset/kist version && good "kist version, $board" || bad "kist version, $board"
            continue
        fi
        if "$(emulator $board)" "build/$preset/kist" version; then
            good "kist version, $board under qemu-user"
        else
            bad "kist version, $board under qemu-user"
        fi
        build $preset "build/$board-unit" -DKIST_TESTS=ON -DKIST_LTO=OFF
        run_ctest "build/$board-unit"
    done
}

emulator() {
    case $1 in
    armv7) echo qemu-arm-static ;;
    arm64) echo qemu-aarch64-static ;;
    esac
}

part_e2e() {
    title "end to end"
    [ -x build/debug/kist ] || build debug build/debug
    [ -x build/release/kist ] || build release build/release # memory is measured, and the demo shown, with what ships
    export KIST=${KIST:-$PWD/build/debug/kist}
    if [ -x tests/e2e/run.sh ]; then
        run_lines e2e tests/e2e/run.sh
        return
    fi
    local test
    for test in tests/e2e/*.sh tests/e2e/*.py; do
        [ -x "$test" ] && run_lines "e2e-$(basename "$test")" "$test"
    done
}

fuzz_one() { # TARGET SECONDS
    local noun=${1##*/fuzz_} corpus=() log
    log=build/log/fuzz-$noun.log
    mkdir -p "build/fuzz/corpus/$noun" "build/fuzz/findings/$noun"
    corpus=("build/fuzz/corpus/$noun")
    [ -d "tests/data/fuzz/$noun" ] && corpus+=("tests/data/fuzz/$noun")
    "$1" -seed="${FUZZ_SEED:-0}" -max_total_time="$2" -timeout=20 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/findings/$noun/" "${corpus[@]}" >"$log" 2>&1
    local status=$?
    if [ $status = 0 ]; then
        echo "ok   fuzz $noun: $(awk '/number_of_executed_units/ { print $2 }' "$log") inputs in $2 s"
    else
        grep -E 'ERROR|SUMMARY|runtime error|Test unit written' "$log" | head -n 5
        echo "FAIL fuzz $noun (log: $log)"
    fi
    return $status
}

part_fuzz() {
    local seconds=${FUZZ_SECONDS:-5} log=$logs/build-fuzz.log targets
    title "fuzzing, $seconds s each"
    ls tests/fuzz/fuzz_*.c >/dev/null 2>&1 || { skip "no fuzz targets"; return; }
    if ! { cmake --preset fuzz && cmake --build build/fuzz --target fuzzers -- -k 0; } >"$log" 2>&1; then
        errors_of "$log"
        bad "build build/fuzz (log: $log)"
    fi
    targets=()
    for source in tests/fuzz/fuzz_*.c; do
        source=${source##*/}
        [ -x "build/fuzz/${source%.c}" ] && targets+=("build/fuzz/${source%.c}")
    done
    [ ${#targets[@]} -gt 0 ] || return
    export -f fuzz_one
    run_lines fuzz xargs -P "$jobs" -n 1 bash -c 'fuzz_one "$1" "$0"' "$seconds" < <(printf '%s\n' "${targets[@]}")
}

groups="build demo test"
wants boards && groups="$groups ci"
boards/host/install.sh $groups || { bad "installing packages"; }
for part in unit clang boards e2e fuzz; do
    wants $part || continue
    begun=$SECONDS
    "part_$part"
    echo "# $part: $((SECONDS - begun)) s"
done

title "all"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
