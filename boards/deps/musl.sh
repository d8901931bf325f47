#!/bin/sh
# boards/deps/musl.sh CACHE GNU_TRIPLE MUSL_TRIPLE [CFLAGS...]: build static musl into CACHE/musl/MUSL_TRIPLE, once (20 to 40 s).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cache=$(cd "$1" && pwd)
gnu=$2 musl=$3
shift 3
prefix=$cache/musl/$musl

[ -e "$prefix/.built" ] && exit 0
"$here/fetch.sh" "$cache"
exec 9>"$cache/lock.$musl"
flock 9
[ -e "$prefix/.built" ] && exit 0

echo "deps: building musl for $musl" >&2
work=$cache/musl/$musl.work
rm -rf "$work" "$prefix"
mkdir -p "$work"
cd "$work"
if ! {
    CC=$gnu-gcc AR=$gnu-ar RANLIB=$gnu-ranlib \
        CFLAGS="-Os -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables $*" \
        "$cache"/src/musl-*/configure --target="$musl" --prefix="$prefix" --disable-shared --disable-wrapper \
        --enable-optimize=size --with-malloc=oldmalloc && make -j"$(nproc)" install
} >log 2>&1; then
    tail -n 20 log >&2
    echo "deps: musl for $musl does not build (log: $work/log)" >&2
    exit 1
fi

# Kernel headers only (linux, asm, asm-generic, mtd), never the glibc headers that lie beside them.
kernel=/usr/$gnu/include
asm=$kernel/asm
[ -d "$kernel/linux" ] || { kernel=/usr/include asm=/usr/include/$gnu/asm; }
[ -d "$kernel/linux" ] && [ -d "$asm" ] || { echo "deps: no kernel headers for $gnu (linux-libc-dev)" >&2; exit 1; }
for dir in linux asm-generic mtd; do ln -sfn "$kernel/$dir" "$prefix/include/$dir"; done
ln -sfn "$asm" "$prefix/include/asm"
sed "s|@prefix@|$prefix|g" "$here/musl.specs.in" >"$prefix/musl.specs"
cd "$cache"
rm -rf "$work"
: >"$prefix/.built"
