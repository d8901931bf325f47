#!/bin/bash
# boards/host/demo.sh: the main job, shown. Installs what it needs, builds kist, starts a registry on loopback, fills it with a
# small image of two layers, pulls it, lists it, runs it, and says what that cost. Leaves nothing behind but build/.
set -eu
cd "$(dirname "$0")/../.."
here=boards/host

kist=$PWD/build/release/kist
say() { printf '\n\033[1m$ %s\033[0m\n' "${*/#$kist/kist}"; }
show() { say "$*"; "$@"; }
fail() { echo "demo: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "run it as root: it mounts and makes namespaces"
echo "== Installing packages and building (the first time takes some minutes)"
$here/install.sh build demo
log=build/demo-build.log
mkdir -p build
{ cmake --preset release && cmake --build build/release; } >"$log" 2>&1 ||
    { tail -n 30 "$log"; fail "the build failed: $log"; }

work=$(mktemp -d)
registry_pid=
cleanup() {
    [ -z "$registry_pid" ] || { kill "$registry_pid" && wait "$registry_pid"; } 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

echo "== Starting a registry on loopback"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/registry.yml" <<END
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:$port"}
END
docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
registry_pid=$!
for _ in $(seq 100); do
    curl -fs "http://127.0.0.1:$port/v2/" >/dev/null && break
    kill -0 "$registry_pid" 2>/dev/null || { cat "$work/registry.log"; fail "the registry did not start"; }
    read -rt 0.1 <> <(:) || true
done

echo "== Making an image of two layers: busybox, then one that deletes and replaces files"
image=$work/oci
umoci init --layout "$image" 2>/dev/null
umoci new --image "$image:demo"
umoci unpack --image "$image:demo" "$work/bundle" >/dev/null 2>&1
root=$work/bundle/rootfs
mkdir -p "$root"/{bin,etc,tmp,usr/share/doc}
chmod 1777 "$root/tmp"
cp /bin/busybox "$root/bin/busybox"
for tool in sh ls cat echo true uname id ps mount; do ln -s busybox "$root/bin/$tool"; done
echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
echo 'hello from the first layer' >"$root/etc/motd"
echo 'only the first layer has this' >"$root/usr/share/doc/gone"
umoci repack --refresh-bundle --image "$image:demo" "$work/bundle" >/dev/null 2>&1
echo 'hello from the second layer' >"$root/etc/motd"
rm "$root/usr/share/doc/gone"
umoci repack --image "$image:demo" "$work/bundle" >/dev/null 2>&1
umoci config --image "$image:demo" --config.cmd cat --config.cmd /etc/motd --config.env PATH=/bin
name=127.0.0.1:$port/demo:latest
skopeo copy -q --dest-tls-verify=false "oci:$image:demo" "docker://$name"


export KIST_ROOT=$work/kist
echo "== What an update script sees"
show "$kist" pull --dry-run "$name"

# Bytes that the process itself had written, as the kernel counts them at its end.
cat >"$work/written.py" <<'END'
import os, sys
pid = os.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
io = dict(line.split(": ") for line in open(f"/proc/{pid}/io").read().splitlines())
status = os.waitpid(pid, 0)[1]
print(f"(bytes written to files: {io['write_bytes']})")
sys.exit(os.waitstatus_to_exitcode(status))
END
say kist pull "$name"
python3 "$work/written.py" "$kist" pull "$name"
show "$kist" pull "$name"
show "$kist" images
show "$kist" run --rm "$name"
show "$kist" run --rm "$name" ls -l /usr/share/doc /tmp
show "$kist" run --rm --hostname box "$name" sh -c 'uname -n; id; ps'
say "du -sh the store, and what the registry holds compressed"
du -sh --apparent-size "$KIST_ROOT/layers" "$work/registry/docker/registry/v2/blobs" | sed "s,$work/,,"
show "$kist" rmi "$name"
ls -l "$kist" | awk '{ printf "\nAll of this by one static binary of %d KiB, and no daemon.\n", $5 / 1024 }'
