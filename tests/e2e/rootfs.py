#!/usr/bin/env python3
"""How a container's root comes about: layers mounted, with what is written on flash or in memory, or unpacked."""
import io
import os
import signal
import tarfile

import images
import kit
import oci
import shared
from kit import check, contains, equal, test, wait_until
from shared import SHARED, box

STRATEGIES = ("overlay", "tmpfs", "copy")
LOOKS = ("cd / && find . -xdev ! -path './proc*' ! -path './dev*' ! -path './sys*' ! -path './etc/host*' ! -path './etc/resolv.conf' ! -path ./etc "
         "-exec stat -c '%n %F %u %g %a %s %Y %h %N' '{}' ';' | grep -v '^. ' | sort")


def container(t, name="box"):
    [details] = t.kist("inspect", name).json()
    return os.path.join(t.root, "containers", details["Id"])


def members(t, name="box"):
    t.kist("export", "-o", t.path("all.tar"), name)
    with tarfile.open(t.path("all.tar")) as tar:
        return {m.name.rstrip("/"): m for m in tar}


def without_sizes_of_directories(text):
    """A directory's size and links are its filesystem's."""
    lines = []
    for line in text.splitlines():
        words = line.split()
        if "directory" in words:
            at = words.index("directory")
            words = words[:at + 4] + words[at + 5:at + 6]
        lines.append(" ".join(words))
    return lines


@test
def all_look_the_same(t):
    """Owners, modes, times, links and sizes of all files."""
    want = without_sizes_of_directories(box(t, LOOKS).out)
    check(len(want) > 20, "the image is empty")
    for strategy in ("tmpfs", "copy"):
        got = without_sizes_of_directories(box(t, LOOKS, "--rootfs", strategy).out)
        equal(set(got) ^ set(want), set(), f"what --rootfs {strategy} has otherwise")
    equal(t.kist("ps", "-aq").out, "", "containers left")


@test
def capabilities_of_files_survive(t):
    t.kist("run", "-q", "--name", "box", "--rootfs", "copy", SHARED["busybox"], "true")
    path = os.path.join(container(t), "rw/root/bin/busybox-net")
    check("security.capability" in os.listxattr(path), "a file's capabilities were lost")
    equal(os.lstat(os.path.join(container(t), "rw/root/bin/busybox-suid")).st_mode & 0o7777, 0o4755, "the mode of a set-ID file")


@test
def layers_are_laid_over_one_another(t):
    """Deleted, replaced and opaque: as overlayfs shows it."""
    base = oci.Layer.of([("d", None), ("d/gone", b"1"), ("d/kept", b"2"), ("o", None), ("o/hidden", b"3"), ("f", b"old"), ("t", None, {"mode": 0o1777})])
    top = oci.Layer.of([("d/.wh.gone", b""), ("o/.wh..wh..opq", b""), ("o/new", b"4"), ("f", b"new"), ("t/x", b"5")])
    image = shared.configured({}, base, top)
    script = "cd / && find d o f t | sort; cat f; stat -c %a t"
    want = box(t, script, image=image).out
    equal(want.split(), ["d", "d/kept", "f", "o", "o/new", "t", "t/x", "new1777"], "what overlayfs shows")
    equal(box(t, script, "--rootfs", "copy", image=image).out, want, "what --rootfs copy shows")


@test
def what_is_written_stays_or_goes(t):
    for strategy in STRATEGIES:
        t.kist("run", "-q", "--name", strategy, "--rootfs", strategy, SHARED["busybox"], "sh", "-c",
               "cat /root-mark 2>/dev/null; echo mark > /root-mark; rm -f /bin/busybox-suid; echo run")
        r = t.kist("start", "-a", strategy)
        equal(r.out, "run\n" if strategy == "tmpfs" else "mark\nrun\n", f"the second run with {strategy}")
        found = members(t, strategy)
        equal(("root-mark" in found, "bin/busybox-suid" in found), (False, True) if strategy == "tmpfs" else (True, False),
              f"what an export of {strategy} has")
        check("bin/busybox" in found, "an export without the image's files")
        t.kist("rm", strategy)
    equal(os.listdir(os.path.join(t.root, "containers")), [], "containers left")


@test
def a_running_one_is_exported_and_copied_from(t):
    for strategy in STRATEGIES:
        t.kist("run", "-q", "-d", "--name", "box", "--rootfs", strategy, SHARED["busybox"], "sh", "-c",
               "echo made > /made; rm /bin/busybox-suid; echo ready; exec sleep 1000")
        wait_until(lambda: "ready" in t.kist("logs", "box").out, "the container's word")
        found = members(t)
        equal(("made" in found, "bin/busybox-suid" in found, "bin/busybox" in found), (True, False, True), f"export with {strategy}")
        with tarfile.open(fileobj=io.BytesIO(t.kist("cp", "box:/made", "-").out.encode())) as tar:
            equal(tar.getnames(), ["made"], "cp out")
        t.kist("cp", t.write("in", "in\n"), "box:/in")
        equal(t.kist("exec", "box", "cat", "/in").out, "in\n", "cp in")
        t.kist("restart", "-t", "0", "box")
        equal(t.kist("exec", "box", "sh", "-c", "cat /in 2>/dev/null || echo none").out, "none\n" if strategy == "tmpfs" else "in\n",
              f"after a restart with {strategy}")
        t.kist("stop", "-t", "0", "box")
        if strategy == "tmpfs":
            t.fails(17, ["not running", "in memory", "kist start"], "cp", t.path("in"), "box:/late")
        else:
            t.kist("cp", t.path("in"), "box:/late")
            equal("late" in members(t), True, "what was copied into one that had ended")
        t.kist("rm", "-f", "box")


@test
def changes_are_told_and_committed(t):
    """Of one that runs, and of one that has ended; what is on a tmpfs is gone by then."""
    for strategy in STRATEGIES:
        t.kist("run", "-q", "-d", "--name", "box", "--rootfs", strategy, SHARED["busybox"], "sh", "-c",
               "echo made > /made; rm /bin/busybox-suid; echo ready; exec sleep 1000")
        wait_until(lambda: "ready" in t.kist("logs", "box").out, "the container's word")
        lines = t.kist("diff", "box").out.splitlines()
        equal(sorted(line for line in lines if line != "C /bin"), ["A /made", "D /bin/busybox-suid"], f"changes with {strategy}")
        t.kist("commit", "box", "made:1")
        equal(t.kist("run", "--rm", "-q", "made:1", "sh", "-c", "cat /made; ls /bin/busybox-suid 2>/dev/null || echo gone").out, "made\ngone\n",
              f"the image made of {strategy}")
        t.kist("stop", "-t", "0", "box")
        equal(bool(t.kist("diff", "box").out), strategy != "tmpfs", f"changes after the end with {strategy}")
        t.kist("rm", "box")


@test
def memory_is_given_back_and_limited(t):
    full = "dd if=/dev/zero of=/big bs=1M count=16 2>&1; stat -c %s /big"
    r = box(t, full, "--rootfs", "tmpfs", "--storage-opt", "size=4m")
    contains(r.out, "No space left on device", "what a full tmpfs says")
    check((3 << 20) < int(r.out.split()[-1]) <= (4 << 20), f"{r.out.split()[-1]} bytes of 4 MiB were written")
    equal(box(t, full, "--rootfs", "tmpfs").out.split()[-1], str(16 << 20), "bytes without a limit")
    equal(t.kist("system", "df").out.count("tmpfs"), 0, "what is told of it")


FULL = "dd if=/dev/zero of=/big bs=1M count=64 2>&1; stat -c %s /big"


def image_of(t):
    """Of the container "box"."""
    image = os.path.join(container(t), "rw.img")
    if not os.path.exists(image):
        kit.skip("the filesystem here has project quotas")
    return image


@test
def limited_by_a_filesystem_of_its_own(t):
    """Where the store's has no project quotas: rw.img, all of which is taken at once."""
    kit.need_programs("mkfs.ext4")
    size = 16 << 20
    t.kist("create", "-q", "--name", "box", "--storage-opt", "size=16m", SHARED["busybox"], "sh", "-c", f"echo run >> /mark; {FULL}; rm -f /bin/busybox-suid")
    image = image_of(t)
    equal(t.kist("inspect", "--format", "{{.HostConfig.StorageOpt.size}}", "box").out, f"{size}\n", "what inspect says")
    equal((os.stat(image).st_size, os.stat(image).st_blocks * 512 >= size), (size, True), "the image's size, and room")
    for _ in range(2):
        r = t.kist("start", "-a", "box")
        contains(r.out, "No space left on device", "what a full root says")
        check(size // 2 < int(r.out.split()[-1]) < size, f"{r.out.split()[-1]} of {size} bytes were written")
    equal(os.stat(image).st_size, size, "the image's size after two runs")
    found = members(t)
    equal((found["mark"].size, "bin/busybox-suid" in found, "lost+found" in found), (8, False, False), "what an export has")
    t.kist("start", "box")
    t.kist("wait", "box")
    t.kist("run", "-q", "-d", "--name", "up", "--storage-opt", "size=16m", SHARED["busybox"], "sh", "-c", "echo x > /mark; echo ready; exec sleep 1000")
    wait_until(lambda: "ready" in t.kist("logs", "up").out, "the container's word")
    equal(members(t, "up")["mark"].size, 2, "what an export has of one that runs")
    t.kist("rm", "-f", "up", "box")
    equal(os.listdir(os.path.join(t.root, "containers")), [], "containers left")


@test
def limits_that_cannot_be(t):
    """Refused with what there would have to be; nothing is left."""
    t.kist("create", "-q", "--name", "box", "--storage-opt", "size=16m", SHARED["busybox"])
    image_of(t)
    t.kist("rm", "box")
    env = {"PATH": "/nowhere"}
    t.fails(18, ["--storage-opt size", "quotas of projects", "mkfs.ext4", "prjquota", "--rootfs tmpfs"], "create", "--storage-opt", "size=16m",
            SHARED["busybox"], env=env)
    t.fails(18, ["--storage-opt size", "--rootfs copy", "prjquota"], "create", "--rootfs", "copy", "--storage-opt", "size=16m", SHARED["busybox"])
    t.fails(2, ["--storage-opt size", "too small"], "create", "--storage-opt", "size=16k", SHARED["busybox"])
    t.fails(16, ["--storage-opt size", "needs", "left"], "create", "--storage-opt", "size=16m", SHARED["busybox"], env={"KIST_STORE_QUOTA": "15m"})
    equal((os.listdir(os.path.join(t.root, "containers")), t.transient()), ([], []), "what is left")


@test
def unpacked_once_and_as_a_whole(t):
    """Cut off, it begins anew; unpacked, it needs its layers no more."""
    name = t.kist("create", "-q", "--name", "box", "--rootfs", "copy", SHARED["busybox"], "sh", "-c", "echo ran").out.strip()
    rw = os.path.join(t.root, "containers", name, "rw")
    check(not os.path.exists(rw), "unpacked before it was started")
    os.makedirs(os.path.join(rw, "root.partial/bin"))
    with open(os.path.join(rw, "root.partial/stale"), "w") as f:
        f.write("of a start that was killed\n")
    equal(t.kist("start", "-a", "box").out, "ran\n", "the first run")
    equal(os.listdir(rw), ["root"], "what is in rw")
    check(not os.path.exists(os.path.join(rw, "root/stale")), "what was left over is in the root")
    before = os.lstat(os.path.join(rw, "root/bin/busybox")).st_ino
    equal(t.kist("start", "-a", "box").out, "ran\n", "the second run")
    equal(os.lstat(os.path.join(rw, "root/bin/busybox")).st_ino, before, "the file's inode")


@test
def counted_before_it_starts(t):
    t.kist("pull", "-q", SHARED["busybox"])
    used = sum(os.lstat(path).st_blocks * 512 for path in t.layers().values())
    env = {"KIST_STORE_QUOTA": str(used + (1 << 20))}
    name = t.kist("create", "-q", "--rootfs", "copy", SHARED["busybox"], "true").out.strip()
    t.fails(125, ["cannot unpack the layers", "needs", "left under quota"], "start", "-a", name, env=env)
    equal(kit.list_dir(os.path.join(t.root, "containers", name, "rw")), [], "what was unpacked")
    equal(t.transient(), [], "what is left of the room")
    t.kist("start", "-a", name)
    plan = int(kit.command("du", "-s", "--block-size=1", os.path.join(t.root, "containers", name)).split()[0])
    check(plan > 1 << 20, "the test's quota was none")


@test
def killed_while_it_unpacks(t):
    """At any time: the next start has it whole."""
    want = without_sizes_of_directories(box(t, LOOKS).out)
    t.kist("create", "-q", "--name", "box", "--rootfs", "copy", SHARED["busybox"], "sh", "-c", LOOKS)
    rw = os.path.join(container(t), "rw")
    child = t.start("start", "-a", "box")
    wait_until(lambda: os.path.exists(os.path.join(rw, "root.partial")) or os.path.exists(os.path.join(rw, "root")), "unpacking")
    child.send_signal(signal.SIGKILL)
    t.finish(child, code=137)
    got = without_sizes_of_directories(t.kist("start", "-a", "box").out)
    equal(set(got) ^ set(want), set(), "what the root has otherwise")


@test
def chosen_where_the_kernel_cannot(t):
    """auto says so, once; what was asked for is not replaced."""
    t.kist("pull", "-q", SHARED["busybox"])
    none = t.write("none", "nodev\tproc\n")
    program = ["unshare", "-m", "sh", "-ec", f'mount --bind {none} /proc/filesystems; mount -t tmpfs none /mnt; '
               'for n in null zero random urandom tty full; do touch /mnt/$n; mount --bind /dev/$n /mnt/$n; done; '
               'mkdir /mnt/pts; mount --move /mnt /dev; exec "$@"', "sh", kit.KIST]
    r = t.kist("run", "--rm", "-q", "--network", "none", SHARED["busybox"], "echo", "ran", program=program)
    equal(r.out, "ran\n", "the output")
    equal([line for line in r.err.splitlines() if line.startswith("kist: this machine lacks")],
          ["kist: this machine lacks 'squashfs' (CONFIG_SQUASHFS): the image's layers are unpacked for the container, as with --rootfs copy"],
          "what is said of it")
    r = t.kist("run", "--rm", "-q", "--network", "none", "--rootfs", "copy", SHARED["busybox"], "echo", "ran", program=program)
    equal((r.out, "lacks" in r.err), ("ran\n", False), "one that asked for it")
    t.fails(125, ["loop devices", "CONFIG_BLK_DEV_LOOP"], "run", "--rm", "-q", "--network", "none", "--rootfs", "overlay", SHARED["busybox"], "true",
            program=program)
    equal(t.kist("run", "--rm", "-q", SHARED["busybox"], "stat", "-f", "-c", "%T", "/").out.strip() in ("overlayfs", "UNKNOWN"), True, "the default")


@test
def wrong_words(t):
    t.fails(125, "rootfs must be overlay, tmpfs, copy or auto, not 'ram'", "run", "--rootfs", "ram", SHARED["busybox"])
    t.fails(2, "rootfs must be overlay, tmpfs, copy or auto, not 'ram'", "create", SHARED["busybox"], env={"KIST_ROOTFS_DEFAULT": "ram"})
    for option in ("size", "size=", "size=0", "size=many", "inodes=5"):
        t.fails(125, [f"invalid storage-opt '{option}'", "size=SIZE"], "run", "--storage-opt", option, SHARED["busybox"])
    equal(box(t, "stat -f -c %t /", env={"KIST_ROOTFS_DEFAULT": "tmpfs"}).out, box(t, "stat -f -c %t /").out, "the root's filesystem")


if __name__ == "__main__":
    kit.main(shared.prepare)
