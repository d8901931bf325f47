#!/usr/bin/env python3
"""What 'system doctor' finds of this kernel and of the store's filesystem, and what it says where something is missing."""
import os
import subprocess

import kit
from kit import check, contains, equal, test

UNPACKED = {"squashfs", "loop", "overlayfs", "overlayfs-here", "xattrs"}
ESSENTIAL = {"namespace-mnt", "namespace-pid", "namespace-uts",
             "namespace-ipc", "proc", "tmpfs", "devpts", "mqueue"}
OTHERS = UNPACKED | {"squashfs-zstd", "squashfs-gzip", "namespace-net", "namespace-cgroup", "namespace-user", "idmapped-layers", "cgroup-memory", "cgroup-cpu", "cgroup-pids",
          "cgroup-freezer", "cgroup-devices", "seccomp", "bridge", "veth", "nf_tables", "project-quotas", "container-limit"}


def examined(t, **options):
    """name -> row."""
    return {row["name"]: row for row in t.kist("system", "doctor", "--json", **options).jsons()}


@test
def all_is_tried(t):
    rows = examined(t)
    equal(set(rows), ESSENTIAL | OTHERS, "what is tried")
    equal({name for name, row in rows.items() if row["essential"]}, ESSENTIAL, "what nothing runs without")
    # the other tests run containers here
    equal({name: rows[name]["state"] for name in ESSENTIAL}, dict.fromkeys(ESSENTIAL, "found"), "what nothing runs without")
    equal({name: rows[name]["state"] for name in UNPACKED}, dict.fromkeys(UNPACKED, "found"), "what layers are mounted with")
    equal(rows["squashfs-zstd"]["state"], "found", "the compression of layers")
    for name, row in rows.items():
        check(row["lost"] and row["option"], f"{name} says not what is lost without it, or what to do")
    lines = t.kist("system", "doctor").out.splitlines()
    equal(len(lines), len(rows), "lines")
    contains(lines, ["found    squashfs", "found    loop"], "the text")
    check(not os.path.exists(t.root), "looking made a store")
    t.kist("volume", "create", "made")
    examined(t)
    equal(t.transient(), [], "what is left in the store")


def within(t, script):
    """A kist that is started after script, in a mount namespace of its own."""
    return ["unshare", "-m", "sh", "-ec", script + '\nexec "$@"', "sh", kit.KIST]


@test
def something_is_missing(t):
    program = within(t, "mount -t tmpfs none /dev")
    r = t.kist("system", "doctor", program=program)
    contains(r.out, ["missing  loop ", "layers are unpacked for each container", "--rootfs copy", "(CONFIG_BLK_DEV_LOOP)", "unknown  squashfs-zstd ", "found    overlayfs\n"], "the text")
    before = {name for name, row in examined(t).items() if row["state"] == "missing"}
    equal({line.split()[1] for line in r.out.splitlines() if line.startswith("missing")}, before | {"loop"}, "things missing")


@test
def something_essential_is_missing(t):
    with open("/proc/filesystems") as f:
        fake = t.write("filesystems", "".join(line for line in f if "mqueue" not in line))
    r = t.fails(18, ["this machine lacks 'mqueue'", "nothing runs", "(CONFIG_POSIX_MQUEUE)"], "system", "doctor",
                program=within(t, f"mount --bind {fake} /proc/filesystems"))
    contains(r.out, ["missing  mqueue ", "found    tmpfs"], "the text")


@test
def the_filesystem_is_unfit(t):
    for name in ("lower", "upper", "work", "root"):
        os.mkdir(t.path(name))
    options = f"lowerdir={t.path('lower')},upperdir={t.path('upper')},workdir={t.path('work')}"
    program = within(t, f"mount -t tmpfs none {t.path('upper')}; mkdir {t.path('upper')}/u {t.path('upper')}/w; mount -t overlay "
                        f"-o {options.replace('/work', '/upper/w').replace('/upper,', '/upper/u,')} none {t.path('root')}")
    r = t.kist("--root", t.path("root"), "system", "doctor", program=program)
    contains(r.out, ["found    overlayfs\n", "missing  overlayfs-here ", "another filesystem for --root"], "the text")


@test
def without_root(t):
    program = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    if subprocess.run([*program, "test", "-x", kit.KIST], check=False).returncode != 0:
        kit.skip(f"others cannot execute {kit.KIST}")
    before = {name for name, row in examined(t).items() if row["state"] == "missing"}
    rows = examined(t, program=[*program, kit.KIST])
    equal(rows["squashfs-zstd"]["state"], "unknown", "what only root can try")
    equal(rows["namespace-pid"]["state"], "found", "what anybody can see")
    check({name for name, row in rows.items() if row["state"] == "missing"} <= before, "something is missing that only cannot be tried")


kit.main()
