#!/bin/sh
# boards/deps/fetch.sh CACHE: unpack the pinned sources into CACHE/src. CMake calls it at configure time.
#
# A source comes from the first of these that has the very bytes sources.lock names:
#   1. a folder of tarballs the user names in KIST_DEPS_TARBALLS
#   2. CACHE/tarballs, from an earlier run
#   3. Debian's source packages, through an apt state of our own: no root, no change to the system
#   4. upstream's release
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/src" "$1/tarballs"
cache=$(cd "$1" && pwd)
lock=$here/sources.lock
apt=$cache/apt

say() { echo "deps: $*" >&2; }

# is FILE SHA256: does FILE hold what the lock says?
is() { [ -f "$1" ] && echo "$2  $1" | sha256sum -c --status 2>/dev/null; }

apt_ready() {
    [ -e "$apt/ready" ] && return 0
    command -v apt-get >/dev/null || return 1
    # the machine's own mirror of Debian, whichever it is; a newer suite of it holds the versions we pin
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -v '^[[:space:]]*#' | grep -oE 'https?://[^] ]+/debian/?([[:space:]]|$)' | head -n1 | tr -d '[:space:]')
    [ -n "$mirror" ] || return 1
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
    for suite in trixie trixie-backports forky sid; do
        echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
    done >"$apt/sources.list"
    cat >"$apt/apt.conf" <<CONF
Dir::State "$apt/state";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "2";
CONF
    say "reading the source index of $mirror"
    # one suite that is gone must not hide the others, so what counts is that some index came
    APT_CONFIG=$apt/apt.conf apt-get -qq update >"$apt/log" 2>&1 || true
    ls "$apt/state/lists/"*_Sources* >/dev/null 2>&1 || return 1
    : >"$apt/ready"
}

from_debian() { # PACKAGE TARBALL SHA256, into the current folder
    apt_ready || return 1
    version=$(APT_CONFIG=$apt/apt.conf apt-cache showsrc --only-source "$1" 2>>"$apt/log" |
        awk -v sum="$3" 'BEGIN { RS = "" } index($0, sum) { for (i = 1; i < NF; i++) if ($i == "Version:") { print $(i + 1); exit } }')
    [ -n "$version" ] || return 1
    APT_CONFIG=$apt/apt.conf apt-get -qq source --download-only --tar-only "$1=$version" >>"$apt/log" 2>&1
}

from_upstream() { # URL FILE
    if command -v curl >/dev/null; then
        curl -fsSL --retry 2 --connect-timeout 20 -o "$2" "$1"
    elif command -v wget >/dev/null; then
        wget -q -T 20 -O "$2" "$1"
    else
        return 1
    fi
}

# obtain PACKAGE TARBALL SHA256 URL URLSHA256: sets $file
obtain() {
    urlsum=$5
    [ "$urlsum" = = ] && urlsum=$3
    for folder in ${KIST_DEPS_TARBALLS:+"$KIST_DEPS_TARBALLS"} "$cache/tarballs"; do
        file=$folder/$2
        is "$file" "$3" && return 0
        file=$folder/${4##*/}
        is "$file" "$urlsum" && return 0
    done
    file=$cache/tarballs/$2
    rm -f "$file"
    (cd "$cache/tarballs" && from_debian "$1" "$2" "$3") && is "$file" "$3" && return 0
    file=$cache/tarballs/${4##*/}
    from_upstream "$4" "$file.part" && is "$file.part" "$urlsum" && mv "$file.part" "$file" && return 0
    say "$2 (sha256 $3) is neither in Debian's archive nor at $4: put it in a folder named by KIST_DEPS_TARBALLS"
    return 1
}

unpack_all() {
    grep -v '^#' "$lock" | while read -r dir package tarball sum url urlsum; do
        [ -e "$cache/src/$dir/.ok-$sum" ] && continue
        obtain "$package" "$tarball" "$sum" "$url" "$urlsum" || exit 1
        rm -rf "$cache/src/$dir"
        mkdir -p "$cache/src/$dir"
        tar -xf "$file" -C "$cache/src/$dir" --strip-components=1
        : >"$cache/src/$dir/.ok-$sum"
        say "$dir from $file"
    done
}

# several configure runs may want the same sources at once
exec 9>"$cache/lock"
flock 9
unpack_all
