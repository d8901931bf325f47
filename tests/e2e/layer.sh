#!/bin/bash
# tests/e2e/layer.sh [NAME...]: layers from archives of GNU tar. Whatever GNU tar unpacks must be what the kernel shows
# of the layer, what unsquashfs lists and what our own reader tells, entry for entry; and the layer must give the archive back
# bit for bit. LAYER_TOOL names the program (default build/debug/layer_tool); LAYER_KEEP=1 keeps the directory.
# A line "ok NAME", "FAIL NAME: why" or "skip NAME: why" a test; exit status 1 if one failed.
set -u
export LC_ALL=C TZ=UTC
here=$(cd "$(dirname "$0")" && pwd)
tool=${LAYER_TOOL:-$here/../../build/debug/layer_tool}
tree="python3 $here/layer_tree.py"
failed=0

if [ "${LAYER_INSIDE:-}" != 1 ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "skip layer: mounts and devices want root"
        exit 0
    fi
    for program in unsquashfs setfattr setcap tar python3 unshare; do
        command -v "$program" >/dev/null || { echo "skip layer: there is no $program" && exit 0; }
    done
    [ -x "$tool" ] || { echo "FAIL layer: there is no $tool" && exit 1; }
    # mounts end with the namespace, whatever happens
    LAYER_INSIDE=1 exec unshare -m --propagation private "$0" "$@"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/kist-layer.XXXXXX") || exit 1
[ "${LAYER_KEEP:-}" = 1 ] || trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir mnt
only=("$@")

wanted() {
    local name
    [ ${#only[@]} = 0 ] && return
    for name in "${only[@]}"; do
        [[ $1 == *"$name"* ]] && return
    done
    return 1
}

fail() { failed=1 && echo "FAIL $name: $*"; }

# said FILE: its first lines, in one
said() { head -n 5 "$1" | tr '\n' ';' | cut -c1-600; }

unpack() {
    rm -rf out && mkdir out && tar --xattrs --xattrs-include='*' --numeric-owner -xpf "$1" -C out 2>err
}

mounted() {
    mount -t squashfs -o loop,ro,nodev layer mnt 2>err || return 1
    $tree walk mnt >kernel
    local status=$?
    umount mnt && return $status
}

# witnesses: the layer as the kernel, unsquashfs and we tell of it, against "want"
witnesses() {
    local told
    "$tool" "$1" layer 2>err | $tree tool >ours
    [ "${PIPESTATUS[0]}" = 0 ] || { fail "layer_tool: $(said err)"; return 1; }
    unsquashfs -lln layer 2>err | $tree lls >theirs || { fail "unsquashfs: $(said err)"; return 1; }
    mounted || { fail "mount: $(said err)"; return 1; }
    for told in ours kernel theirs; do
        $tree compare want "$told" >differences || { fail "$told: $(said differences)"; return 1; }
    done
}

# check NAME TAR [COMPRESSOR] [HOW]: HOW is sums, or list where reading each file would take too long
check() {
    local name=$1 tar=$2 compressor=${3:-zstd} how=${4:-sums}
    "$tool" make "$tar" layer "$compressor" 2 2>err || { fail "make: $(said err)"; return; }
    unpack "$tar" || { fail "tar: $(said err)"; return; }
    $tree walk out >want || { fail "cannot walk what GNU tar unpacked"; return; }
    witnesses "$how" || return
    "$tool" verify layer 2>err || { fail "verify: $(said err)"; return; }
    [ "$("$tool" tar layer | sha256sum)" = "$(sha256sum <"$tar")" ] || { fail "the tar given back is another"; return; }
    echo "ok $name"
}

# try NAME OPTIONS...: a layer from the tree "in" as GNU tar keeps it with these options
try() {
    local name=$1
    shift
    wanted "$name" || return
    tar "$@" --numeric-owner --sort=name -cf a.tar -C in . 2>err || { fail "tar: $(said err)"; return; }
    check "$name" a.tar
}

# ---- the trees ----

make_tree() {
    rm -rf in && mkdir -p in/dir/deeper in/empty in/odd && cd in || exit 1
    echo hello >dir/hello && : >dir/nothing
    head -c 131071 /dev/urandom >dir/below-block && head -c 131072 /dev/urandom >dir/block
    head -c 131073 /dev/urandom >dir/above-block && seq 1 100000 >dir/deeper/long
    head -c 600000 /dev/zero >dir/zeros
    ln -s deeper/long dir/link && ln -s /nowhere/at/all dir/dangling
    ln dir/hello dir/deeper/second && ln dir/hello third
    mkfifo odd/fifo && mknod odd/null c 1 3 && mknod odd/disk b 259 70000 && mknod odd/high c 500 1048575
    echo suid >odd/suid && chmod 6755 odd/suid && mkdir -m 1777 odd/sticky && mkdir -m 2770 odd/setgid
    echo none >odd/none && chmod 0 odd/none
    echo owned >odd/owned && chown 1000:1001 odd/owned
    touch -d @1 odd/one && touch -d @2147483647 odd/2038 && touch -d '2001-02-03 04:05:06 UTC' odd/then
    echo bytes >"odd/$(printf 'sp ace\303\244\t\\back')"
    cd .. || exit 1
}

make_pax_tree() {
    make_tree && cd in || exit 1
    chown 70000:80000 odd/owned && echo high >odd/high-ids && chown 2147483647:4000000000 odd/high-ids
    touch -d @-100 odd/before && touch -d @4294967295 odd/last && touch -d @5000000000 odd/after
    touch -d '2001-02-03 04:05:06.789 UTC' odd/fraction
    setfattr -n user.one -v value dir/hello && setfattr -n user.nul -v 0x00 dir/block
    setfattr -n user.two -v 0x00ff00 dir && setfattr -h -n trusted.link -v yes dir/link
    setfattr -n trusted.big -v "$(printf '%02000d' 7)" dir/deeper/long && setfattr -n trusted.big -v "$(printf '%02000d' 7)" odd
    setfattr -h -n trusted.fifo -v f odd/fifo && setfattr -h -n trusted.null -v n odd/null
    setfattr -h -n trusted.disk -v d odd/disk
    cp /bin/true odd/capable && setcap cap_net_raw,cap_net_admin+ep odd/capable
    local long
    long=$(printf 'long-%0240d' 1)
    mkdir -p "long/$long/$long" && echo deep >"long/$long/$long/$long" && ln -s "$long/$long/$long" "long/link"
    ln "long/$long/$long/$long" "long/$long/other"
    cd .. || exit 1
}

make_sparse_tree() {
    rm -rf in && mkdir in && cd in || exit 1
    truncate -s 1M all-hole && truncate -s 3000001 odd-hole
    for at in 0 4096 131072 1000000 2999999; do
        printf 'data at %d' $at | dd of=mixed bs=1 seek=$at conv=notrunc status=none
    done
    truncate -s 5000000 mixed
    for at in $(seq 0 100 3000); do # more than the four stretches a header holds, and the 21 of the next
        printf '%05000d' "$at" | dd of=many bs=4096 seek=$((at * 2)) conv=notrunc status=none
    done
    ln mixed mixed-too && seq 1 100 >plain
    cd .. || exit 1
}

# ---- the tests ----

if wanted ustar || wanted v7 || wanted gnu || wanted oldgnu || wanted posix; then
    make_tree
    rm in/odd/high
    for format in ustar gnu oldgnu posix; do
        try "$format" "--format=$format"
    done
    rm -rf in/odd # v7 has neither devices nor fifos
    try v7 --format=v7
    make_tree
    try "gnu-devices" --format=gnu
fi

if wanted pax-all || wanted pax-gzip || wanted gnu-long; then
    make_pax_tree
    try pax-all --format=posix --xattrs --xattrs-include='*'
    if wanted pax-gzip; then
        tar --format=posix --xattrs --xattrs-include='*' -cf a.tar -C in . && check pax-gzip a.tar gzip
    fi
    setfattr -x security.capability in/odd/capable
    try gnu-long --format=gnu
fi

make_sparse_tree
for version in 0.0 0.1 1.0; do
    try "sparse-$version" --format=posix --sparse "--sparse-version=$version"
done
try sparse-gnu --format=gnu --sparse
try sparse-oldgnu --format=oldgnu --sparse
try sparse-not --format=posix

if wanted append; then # an entry again, a file for a directory, a link for a file: the last one counts
    rm -rf in && mkdir -p in/d in/gone && echo old >in/d/file && echo two >in/d/two && echo x >in/gone/x
    tar --format=gnu -cf a.tar -C in . && echo 'new and longer' >in/d/file && chmod 600 in/d/file
    tar --format=gnu -rf a.tar -C in ./d/file && rm in/d/two && ln -s file in/d/two && tar --format=gnu -rf a.tar -C in ./d/two
    touch -d @1000000000 in/d && chmod 700 in/d && tar --format=gnu -rf a.tar --no-recursion -C in ./d
    check append a.tar
fi

if wanted hardlink-replaced; then # the first name of two is replaced: the second keeps what it had
    rm -rf in && mkdir in && echo shared >in/a && ln in/a in/b
    tar --format=gnu -cf a.tar -C in ./a ./b && rm in/a && echo other >in/a && tar --format=gnu -rf a.tar -C in ./a
    tar --format=gnu --no-recursion -rf a.tar -C in .
    check hardlink-replaced a.tar
fi

if wanted implied; then # parents that the archive does not name
    rm -rf in && mkdir -p in/a/b/c in/z && echo 1 >in/a/b/c/file && echo 2 >in/a/other && echo 3 >in/z/z
    tar --format=ustar -cf a.tar -C in a/b/c/file a/other z/z && "$tool" make a.tar layer && rm -rf out && mkdir out &&
        tar -xpf a.tar -C out && name=implied
    $tree walk out >want
    "$tool" sums layer | $tree tool >ours
    if [ "$("$tool" implied layer | tr '\n' ' ')" != ". a a/b a/b/c z " ]; then
        fail "implied directories: $("$tool" implied layer | tr '\n' ' ')"
    elif ! $tree compare want ours >differences; then
        fail "ours: $(said differences)"
    else
        echo "ok implied"
    fi
fi

if wanted whiteouts; then # what the kernel must see for what OCI writes
    rm -rf in && mkdir -p in/d in/o/sub && : >in/d/.wh.removed && : >in/o/.wh..wh..opq && echo new >in/o/sub/file && : >in/.wh.top
    tar --format=ustar -cf a.tar -C in . && "$tool" make a.tar layer && name=whiteouts && mount -t squashfs -o loop,ro layer mnt
    got="$(stat -c %F:%t:%T mnt/d/removed) $(stat -c %F:%t:%T mnt/top) $(getfattr --only-values -n trusted.overlay.opaque mnt/o)"
    got+=" $(find mnt -name '.wh*' | wc -l) $("$tool" list layer | awk -F'\t' '$1 == "w" || $13 == "opaque" {print $10}' | tr '\n' ' ')"
    umount mnt
    if [ "$got" != "character special file:0:0 character special file:0:0 y 0 d/removed o top " ]; then
        fail "found: $got"
    elif [ "$("$tool" tar layer | sha256sum)" != "$(sha256sum <a.tar)" ]; then
        fail "the tar given back is another"
    else
        echo "ok whiteouts"
    fi
fi

if wanted many; then # a directory of 100,000
    rm -rf in && mkdir -p in/many && (cd in/many && seq -f 'entry-%06.0f-of-the-large-directory' 1 100000 | xargs touch)
    echo last >in/many/entry-100000-of-the-large-directory
    tar --format=gnu -cf a.tar -C in . && check many a.tar zstd list
fi

if wanted huge; then # a file above 4 GiB, nearly all hole
    rm -rf in && mkdir in && truncate -s 4400000000 in/huge && printf middle | dd of=in/huge bs=1 seek=4300000000 conv=notrunc status=none
    echo tail >>in/huge && tar --format=posix --sparse -cf a.tar -C in . && check huge a.tar
fi

if wanted trailing; then # more than one block of zeros at the end, and something after it
    rm -rf in && mkdir in && echo a >in/a && tar --format=gnu --blocking-factor=100 -cf a.tar -C in . && echo junk >>a.tar
    check trailing a.tar
fi

exit $failed
