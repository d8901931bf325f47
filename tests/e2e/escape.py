#!/usr/bin/env python3
"""Ways out of a container, each of which must lead nowhere; what is refused is tried once with the right to do it, where that does no harm."""
import ctypes
import os
import subprocess

import images
import kit
import oci
import shared
from kit import check, contains, equal, skip, test, wait_until
from shared import SHARED, box, configured

FREE = ("--security-opt", "seccomp=unconfined")
KEYS = """import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(*words):
    result = libc.syscall(*(ctypes.c_long(w) if isinstance(w, int) else w for w in words))
    print(result if result >= 0 else os.strerror(ctypes.get_errno()))
"""
SEARCH = KEYS + "call(250, 10, -3, b'user', b'kist-e2e', 0)"  # keyctl(KEYCTL_SEARCH) in the session's keyring


def debian():
    if "debian" not in SHARED:
        SHARED["debian"] = shared.registry().push(images.path("debian") + ":latest", "python:3")
    return SHARED["debian"]


def python(t, text, *options, **checks):
    return t.kist("run", "--rm", "-q", *options, "--entrypoint", "python3", debian(), "-c", text, **checks)


@test
def mounting(t):
    scripts = ["mount -t tmpfs none /tmp", "mount --bind / /srv", "mount -t proc none /tmp", "mount -o remount,rw /proc/sys", "mount -o remount,rw,bind /sys",
               "umount /proc/sys", "unshare -m true", "mount --make-shared /"]
    every = "mkdir -p /srv; " + "; ".join(f"{script} && echo done" for script in scripts) + "; grep -c -e ' /proc/sys proc ro' -e ' /sys sysfs ro' /proc/mounts"
    for options in ((), FREE):
        r = box(t, every, *options)
        equal((r.out, r.err.count("\n")), ("2\n", len(scripts)), f"what {options} gives: {r.err}")
        check(all("denied" in line or "not permitted" in line for line in r.err.splitlines()), f"why not: {r.err}")
    box(t, "; ".join(["set -e; mkdir -p /srv", *scripts[:3], *scripts[6:]]), "--privileged")


@test
def device_nodes_in_the_image(t):
    """An image may have nodes of any device: none of them opens, as whom, by whatever root."""
    host = os.stat("/dev/null").st_rdev
    check((os.major(host), os.minor(host)) == (1, 3), "/dev/null is another device")
    nodes = [("srv", None), *[(f"srv/{name}", b"", {"type": kind, "devmajor": major, "devminor": minor, "mode": 0o666})
                              for name, kind, major, minor in (("null", b"3", 1, 3), ("mem", b"3", 1, 1), ("loop", b"4", 7, 0), ("kmsg", b"3", 1, 11))]]
    image = configured({}, oci.Layer.of(nodes), tag="nodes")
    names = ("null", "mem", "loop", "kmsg")
    script = "for n in " + " ".join(names) + "; do stat -c %F /srv/$n; (: < /srv/$n) && echo opened; done; exit 0"
    for options in ((), ("--rootfs", "tmpfs"), ("--rootfs", "copy"), ("--read-only",), ("-u", "app"), FREE):
        r = box(t, script, *options, image=image)
        equal((r.out.count("special file"), r.out.count("opened"), r.err.count("ermission denied")), (4, 0, 4), f"nodes, opened, denied with {options}")
    box(t, ": < /dev/null", image=image)


@test
def links_in_the_image(t):
    """Where an image has links, mounts, files and working directories stay inside."""
    outside = t.path("outside")
    os.mkdir(outside)
    up = "../" * 20
    link = lambda name, target: (name, b"", {"type": b"2", "linkname": target})
    for name in ("proc", "sys", "dev", "etc", "tmp"):
        base = [(".wh." + name, b"")] if name in ("etc", "tmp") else []
        for target in (up + outside[1:], outside):
            image = configured({}, *([oci.Layer.of(base)] if base else []), oci.Layer.of([link(name, target)]), tag=f"link-{name}-{len(target)}")
            # it runs in a world that is its own, or is told why not
            r = box(t, "ls /proc/self/fd > /dev/null; echo ran", image=image, code=(0, 1, 2, 125))
            check(r.code != 125 or f"'{name}" in r.err or f"/{name}" in r.err, f"/{name} -> {target}: {r.err}")
            equal(os.listdir(outside), [], f"what came of /{name} -> {target}")
    image = configured({"WorkingDir": "/way/made"}, oci.Layer.of([link("way", up + outside[1:])]), tag="link-workdir")
    box(t, "pwd; touch here", image=image, code=(0, 125))
    equal(os.listdir(outside), [], "what a working directory made")


@test
def swapped_mount_targets(t):
    """CVE-2021-30465: a container swaps a directory of a volume for a link while another one is mounted below it."""
    outside, source = t.path("outside"), t.path("source")
    os.mkdir(outside)
    os.mkdir(source)
    t.write("source/mark", "")
    t.kist("run", "-q", "-d", "--name", "swapper", "-v", "shared:/vol", SHARED["busybox"], "sh", "-c",
           f"mkdir -p /vol/real/deep; ln -s {'../' * 20}{outside[1:]} /vol/lie; ln -s real /vol/place; echo ready; cd /vol; "
           "while :; do ln -sfn lie new; mv -T new place; ln -sfn real new; mv -T new place; done")
    wait_until(lambda: "ready" in t.kist("logs", "swapper").out, "the swapper")
    ran = 0
    for i in range(30):
        r = box(t, "ls /vol/real/deep; grep -c ' /vol/' /proc/self/mountinfo", "-v", "shared:/vol", "-v", f"{source}:/vol/place/deep{i % 2 or ''}",
                code=(0, 1, 125))
        ran += r.code == 0
        equal(os.listdir(outside), [], f"what was made outside: {r.err}")
    check(ran > 0, "none of them was mounted")
    t.kist("rm", "-f", "swapper")


@test
def set_uid_on_a_nosuid_volume(t):
    """What the host has mounted nosuid stays so, however it is passed on."""
    who = "import os; print(os.geteuid())"
    for options, want in (("suid", "0\n"), ("nosuid", "1000\n")):
        source = t.mount("-t", "tmpfs", "-o", options + ",nodev,mode=755", "none", t.path(options))
        t.kist("run", "--rm", "-q", "-v", f"{source}:/vol", "--entrypoint", "sh", debian(), "-c", "cp $(realpath /usr/bin/python3) /vol/su; chmod 4755 /vol/su")
        for how in (["-v", f"{source}:/vol"], ["-v", f"{source}:/vol:ro"], ["--mount", f"type=bind,source={source},target=/vol"],
                    ["--mount", f"type=bind,source={source},target=/vol,readonly"], ["-v", f"{source}:/vol:rslave"]):
            equal(t.kist("run", "--rm", "-q", "-u", "1000", *how, "--entrypoint", "/vol/su", debian(), "-c", who).out, want, f"{options}, {how}")
        equal(t.kist("run", "--rm", "-q", "-u", "1000", "-v", f"{source}:/vol", "--security-opt", "no-new-privileges", "--entrypoint", "/vol/su", debian(),
                     "-c", who).out, "1000\n", "with no-new-privileges")


@test
def keyring(t):
    """The keys of whoever calls kist are not the container's, be it by run or by exec; and by default it has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(250, 1, None) < 0:  # keyctl(KEYCTL_JOIN_SESSION_KEYRING)
        skip("this kernel has no keyrings")
    key = libc.syscall(248, b"user", b"kist-e2e", b"secret", 6, -3)
    check(key > 0, f"no key was made: {os.strerror(ctypes.get_errno())}")
    equal(subprocess.run(["python3", "-c", SEARCH], capture_output=True, text=True).stdout, f"{key}\n", "the search on the host")
    equal(python(t, SEARCH + f"; call(250, 11, {key}, 0, 0, 0)").out, "Operation not permitted\n" * 2, "keyctl by default")
    search = SEARCH + f"; buffer = ctypes.create_string_buffer(9); call(250, 11, {key}, buffer, 9, 0)"
    lost = "Required key not available\nPermission denied\n"
    equal(python(t, search, *FREE).out, lost, "a search, and a look by number, without a filter")
    t.kist("run", "-q", "-d", "--name", "box", *FREE, "--entrypoint", "sleep", debian(), "1000")
    equal(t.kist("exec", "box", "python3", "-c", search).out, lost, "the same by exec")
    t.kist("rm", "-f", "box")


@test
def processes_of_the_host(t):
    """Seen with --pid host, and not to be touched: no ptrace, no memory, no root directory."""
    victim = subprocess.Popen(["sleep", "1000"])
    t.undo.callback(lambda: (victim.kill(), victim.wait()))
    attach = KEYS + f"call(101, 16, {victim.pid}, 0, 0)"  # ptrace(PTRACE_ATTACH)
    equal(python(t, attach, "--cap-add", "ALL", *FREE).out, "No such process\n", "in processes of its own")
    attach += f"""
for name in ('mem', 'environ', 'root/etc/passwd', 'fd/0', 'maps'):
    try:
        open(f'/proc/{victim.pid}/' + name).close()
        print('opened', name)
    except OSError as error:
        print(name, error.strerror)"""
    for options in ((), FREE):
        out = python(t, attach, "--pid", "host", *options).out
        check(out.startswith("Operation not permitted\n") and "opened" not in out, f"with --pid host {options}: {out}")
    # the test can tell: with the capability it is attached
    contains(python(t, attach, "--pid", "host", "--cap-add", "SYS_PTRACE", *FREE).out, ["0\n", "opened mem"], "with SYS_PTRACE")


kit.main(shared.prepare)
