#!/bin/sh
# boards/host/install.sh GROUP...: install the packages of these groups of packages.txt; nothing happens where all are there.
set -eu
list=$(dirname "$0")/packages.txt
groups=" $* "

if ! command -v dpkg-query >/dev/null; then
    echo "install: not a Debian system; see $list for what is needed" >&2
    exit 0
fi
wanted=$(awk -v groups="$groups" '/^[a-z]/ && index(groups, " " $1 " ") { print $2 }' "$list")
missing=
for package in $wanted; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "install:$missing" >&2
if [ "$(id -u)" != 0 ]; then
    echo "install: these packages are missing and only root may install them" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update </dev/null >&2
# services that come with a package (docker-registry) are not to be started by it
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
# shellcheck disable=SC2086 # a list
apt-get -qq install -y --no-install-recommends $missing </dev/null >&2
