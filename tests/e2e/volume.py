#!/usr/bin/env python3
"""Volumes: made, listed, filled from the image, shared, kept from being removed, removed."""
import os
import signal

import kit
from kit import check, contains, equal, test, wait_until
from shared import SHARED, box, configured, prepare


def names(t, *options):
    return t.kist("volume", "ls", "-q", *options).out.split()


def data(t, name, *rest):
    return os.path.join(t.root, "volumes", name, "_data", *rest)


@test
def made_listed_inspected(t):
    equal(t.kist("volume", "ls").out, "DRIVER   VOLUME NAME\n", "the empty table")
    equal(t.kist("volume", "create", "--label", "kind=db", "--label", "main", "data").out, "data\n", "what create prints")
    equal(t.kist("volume", "create", "data").out, "data\n", "what create prints of one that is there")
    anonymous = t.kist("volume", "create").out.strip()
    equal((len(anonymous), int(anonymous, 16) > 0), (64, True), "the name made up")
    equal(names(t), sorted(["data", anonymous]), "the volumes")
    equal(t.kist("volume", "ls", "-f", "name=data").out.splitlines()[1].split(), ["local", "data"], "the row")
    equal(names(t, "-f", "label=kind=db"), ["data"], "volumes with a label")
    equal(names(t, "-f", "label!=main"), [anonymous], "volumes without a label")
    equal(t.kist("volume", "ls", "--format", "{{.Name}} {{.Labels}}", "-f", "label=main").out, "data kind=db,main=\n", "the format")
    [details] = t.kist("volume", "inspect", "data").json()
    equal((details["Name"], details["Driver"], details["Scope"], details["Mountpoint"], details["Labels"], details["Options"]),
          ("data", "local", "local", data(t, "data"), {"kind": "db", "main": ""}, None), "what inspect says")
    check(details["CreatedAt"].startswith("20"), "CreatedAt is not a time")
    equal(os.stat(data(t, "data")).st_mode & 0o7777, 0o755, "the mode")
    t.fails(12, "no such volume: 'nothing'", "volume", "inspect", "nothing")
    t.fails(2, "invalid volume name 'a/b'", "volume", "create", "a/b")
    t.fails(2, "no volume driver 'nfs'", "volume", "create", "-d", "nfs", "x2")
    t.fails(2, "'kist volume' needs one of its commands", "volume")
    equal(t.kist("volume", "rm", "data", anonymous).out.split(), ["data", anonymous], "what rm prints")
    t.fails(12, "no such volume: 'data'", "volume", "rm", "data")
    t.kist("volume", "rm", "-f", "data")
    equal((names(t), t.transient()), ([], []), "what is left")


LOOKS = "cd /bin && find . -exec stat -c '%n %u %g %a %s %Y' '{}' ';' | grep -v '^[.] ' | sort"


@test
def filled_once_and_shared(t):
    before = box(t, LOOKS).out
    contains(before, "./busybox-suid 0 0 4755", "what the image has")
    equal(box(t, LOOKS, "-v", "bin:/bin").out, before, "owners, modes, sizes and times in the volume")
    check("security.capability" in os.listxattr(data(t, "bin", "busybox-net")), "a file's capabilities were lost")
    equal(os.stat(data(t, "bin")).st_mode & 0o7777, int(box(t, "stat -c %a /bin").out, 8), "the mode of the directory")
    # not again
    box(t, "rm /bin/busybox-suid", "-v", "bin:/bin")
    check(not os.path.exists(data(t, "bin", "busybox-suid")), "the volume was filled again")
    # what one container writes another one reads
    box(t, "echo written > /srv/d/file", "-v", "shared:/srv/d")
    r = box(t, "cat /mnt/file; touch /mnt/more 2> /dev/null || echo read-only", "-v", "shared:/mnt:ro")
    equal(r.out, "written\nread-only\n", "what another container may do")
    box(t, "true", "-v", "nocopy:/etc:nocopy", "-v", "nothing:/x")
    equal(kit.list_dir(data(t, "nothing")), [], "a volume at a place where the image has nothing")
    check("passwd" not in kit.list_dir(data(t, "nocopy")), "a volume was filled that should start empty")


@test
def a_fill_that_broke_off_is_done_again(t):
    whole = box(t, "cd /bin && find . | sort", "-v", "bin:/bin").out
    for name in kit.list_dir(data(t, "bin"))[5:]:
        os.unlink(data(t, "bin", name))
    os.setxattr(data(t, "bin"), "trusted.kist.filling", b"")
    equal(box(t, "cd /bin && find . | sort", "-v", "bin:/bin").out, whole, "the volume filled again")
    equal("trusted.kist.filling" in os.listxattr(data(t, "bin")), False, "the mark")
    # who uses it as it is has files of his own in it
    os.setxattr(data(t, "bin"), "trusted.kist.filling", b"")
    box(t, "echo mine > /x/mine", "-v", "bin:/x:nocopy")
    box(t, "cat /bin/mine", "-v", "bin:/bin", out="mine")


@test
def held_to_the_quota(t):
    box(t, "true")
    used = int(kit.command("du", "-s", "-B1", t.root).split()[0])
    limit = {"KIST_STORE_QUOTA": str(used + 400 * 1024)}
    r = t.fails(125, ["cannot fill volume '/bin'"], "run", "-q", "--rm", "-v", "bin:/bin", SHARED["busybox"], "true", env=limit)
    contains(r.err, "quota", "the message")
    check(int(kit.command("du", "-s", "-B1", t.root).split()[0]) <= used + 400 * 1024, "the quota was exceeded")
    t.kist("volume", "rm", "bin")


@test
def in_use_or_not(t):
    name = SHARED["busybox"]
    t.kist("create", "-q", "--name", "web", "-v", "data:/data", "-v", "/lone", name, "sh", "-c", "echo x > /data/f; echo y > /lone/f")
    [anonymous] = [volume for volume in names(t) if volume != "data"]
    t.fails(17, "volume 'data' is used by container 'web' (try 'kist rm web')", "volume", "rm", "data")
    equal(names(t, "-f", "dangling=true"), [], "volumes nobody uses")
    t.kist("volume", "prune", "-af", out="Total reclaimed space: 0 B")
    mounts = {m["Destination"]: (m["Type"], m["Name"], m["Source"]) for m in t.kist("inspect", "web").json()[0]["Mounts"]}
    equal(mounts, {"/data": ("volume", "data", data(t, "data")), "/lone": ("volume", anonymous, data(t, anonymous))}, "the mounts")
    equal([t.kist("ps", "-aq", "-f", "volume=" + v).out.split() for v in ("data", "other")], [t.kist("ps", "-aq").out.split(), []],
          "containers found by their volume")
    t.kist("start", "-a", "web")
    equal((open(data(t, "data", "f")).read(), open(data(t, anonymous, "f")).read()), ("x\n", "y\n"), "what was written")
    t.kist("rm", "web")
    equal(names(t), sorted(["data", anonymous]), "volumes left by rm")
    out = t.kist("volume", "prune", "-f").out
    equal(out.splitlines()[:3], ["Deleted Volumes:", anonymous, ""], "what prune says")
    contains(out, " KiB\n", "what prune says")
    equal(names(t), ["data"], "volumes left by prune")
    t.kist("create", "-q", "--name", "web", "-v", "data:/data", "-v", "/lone", name, "true")
    equal(t.kist("rm", "-v", "web").out, "web\n", "what rm -v prints")
    equal(names(t), ["data"], "volumes left by rm -v")
    t.kist("volume", "prune", "-af", "--filter", "label=x", out="Total reclaimed space: 0 B")
    t.kist("volume", "prune", "-af", out="Deleted Volumes:\ndata\n")
    equal((names(t), kit.list_dir(t.path("store/volumes")), t.transient()), ([], [], []), "what is left")


@test
def of_the_image(t):
    image = configured({"Volumes": {"/kept": {}}}, tag="volumes")
    equal(box(t, "echo x > /kept/f; cat /kept/f", image=image).out, "x\n", "a volume of a container that does not stay")
    equal(names(t), [], "volumes left by run --rm")
    t.kist("run", "-q", "--name", "one", image, "sh", "-c", "echo once >> /kept/f")
    t.kist("start", "-a", "one")
    [volume] = names(t)
    equal(open(data(t, volume, "f")).read(), "once\nonce\n", "what two starts wrote")
    t.kist("system", "prune", "-f", "--volumes", out=["Deleted Containers:", f"Deleted Volumes:\n{volume}"])
    equal(names(t), [], "volumes left")


@test
def killed_while_filling(t):
    """Wherever it dies: the next container finds the volume whole."""
    name = SHARED["busybox"]
    box(t, "true")
    whole = box(t, "cd /bin && ls | wc -l").out
    for delay in range(0, 40, 5):
        child = t.start("run", "-q", "--rm", "-v", "bin:/bin", name, "true")
        try:
            child.wait(timeout=delay / 1000)
        except Exception:
            os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        t.children.remove(child)
        equal(box(t, "ls /bin | wc -l", "-v", "bin:/bin").out, whole, f"files after a kill at {delay} ms")
        # what was killed may take a moment to be gone
        wait_until(lambda: t.kist("ps", "-a") and t.kist("volume", "rm", "bin", code=(0, 17)).code == 0, "the volume to be free")


@test
def mounts_by_fields(t):
    """--mount: binds, volumes and tmpfs."""
    os.mkdir(t.path("host"))
    t.write("host/file", "host\n")
    bind = f"type=bind,source={t.path('host')},target=/in"
    equal(box(t, "cat /in/file; echo x > /in/made", "--mount", bind).out, "host\n", "the bind")
    equal(open(t.path("host/made")).read(), "x\n", "what was written to it")
    box(t, "echo y > /in/made", "--mount", bind + ",readonly", code=1, err="Read-only file system")
    equal(box(t, "cat /etc/one", "--mount", f"type=bind,src={t.path('host/file')},dst=/etc/one,ro").out, "host\n", "a file")
    t.fails(125, f"--mount: bind source path does not exist: {t.path('none')}", "run", "--rm", "-q", "--mount",
            f"type=bind,source={t.path('none')},target=/in", SHARED["busybox"])
    check(not os.path.exists(t.path("none")), "the missing source was made")
    box(t, "ls /bin/busybox-suid", "--mount", "source=bin,target=/bin")
    equal(box(t, "ls /srv/d | wc -l", "--mount", "type=volume,source=none,target=/srv/d,volume-nocopy").out, "0\n", "a volume not filled")
    box(t, "rm /bin/busybox-suid", "--mount", "source=bin,target=/bin,readonly", code=1, err="Read-only file system")
    r = box(t, "stat -c %a /mem; df -k /mem | tail -n 1; mount | grep ' /mem '", "--mount", "type=tmpfs,target=/mem,tmpfs-size=4m,tmpfs-mode=0750")
    equal((r.out.split()[0], r.out.split()[2]), ("750", "4096"), "the tmpfs's mode and size")
    contains(r.out, ["noexec", "nosuid", "nodev"], "its options")
    t.fails(125, "duplicate mount point: /in", "run", "--rm", "-q", "-v", "some:/in", "--mount", bind, SHARED["busybox"])
    t.fails(125, "--mount: target is required", "run", "--rm", "-q", "--mount", "type=tmpfs", SHARED["busybox"])


@test
def mounts_are_passed_on(t):
    """What is mounted on the host below a bind's source, later, by its propagation; and the other way round."""
    source = t.mount("-t", "tmpfs", "none", t.path("source"))
    kit.command("mount", "--make-shared", source)
    for name in ("sub", "back"):
        os.mkdir(os.path.join(source, name))
    for option in ("-v", "--mount"):
        for propagation, seen in (("rprivate", False), ("private", False), ("rslave", True), ("slave", True), ("rshared", True), ("shared", True)):
            how = (f"{source}:/in:{propagation}" if option == "-v" else f"type=bind,source={source},target=/in,bind-propagation={propagation}")
            t.kist("run", "-q", "-d", "--name", "box", "--privileged", option, how, SHARED["busybox"], "sh", "-c",
                   "mount -t tmpfs none /in/back; touch /in/back/mark; echo ready; exec sleep 1000")
            wait_until(lambda: "ready" in t.kist("logs", "box").out, "the container's word")
            equal(os.path.exists(os.path.join(source, "back/mark")), "shared" in propagation, f"{how}: a mount of the container on the host")
            kit.command("mount", "-t", "tmpfs", "none", os.path.join(source, "sub"))
            with open(os.path.join(source, "sub/mark"), "w"):
                pass
            equal(t.kist("exec", "box", "ls", "/in/sub").out, "mark\n" if seen else "", f"{how}: a mount of the host in the container")
            kit.command("umount", os.path.join(source, "sub"))
            if "shared" in propagation:
                kit.command("umount", os.path.join(source, "back"))
            t.kist("rm", "-f", "box")


kit.main(prepare)
