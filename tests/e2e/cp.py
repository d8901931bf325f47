#!/usr/bin/env python3
"""Files copied into and out of containers."""
import io
import os
import signal
import socket
import stat
import tarfile

import kit
import shared
from kit import check, contains, equal, test, wait_until
from shared import SHARED


def up(t, script="exec sleep 1000", *options):
    """The container "box"."""
    t.kist("run", "-q", "-d", "--name", "box", *options, SHARED["busybox"], "sh", "-c", script)


def inside(t, script, **checks):
    return t.kist("exec", "box", "sh", "-c", script, **checks).out


def local_tree(t):
    """A directory "tree" with one of each."""
    os.makedirs(t.path("tree/sub"))
    t.write("tree/one", "1\n")
    t.write("tree/sub/two", "2\n")
    os.symlink("/etc/passwd", t.path("tree/link"))
    os.link(t.path("tree/one"), t.path("tree/same"))
    os.mkfifo(t.path("tree/fifo"))
    os.chmod(t.path("tree/one"), 0o4751)
    os.utime(t.path("tree/one"), (1, 1000000000))
    os.chown(t.path("tree/sub/two"), 12, 34)
    return t.path("tree")


@test
def files(t):
    up(t)
    one = t.write("one", "first\n")
    contains(t.kist("cp", one, "box:/tmp").err, "Successfully copied 6 B to box:/tmp\n", "what it says")
    equal(inside(t, "cat /tmp/one"), "first\n", "a file into a directory")
    equal(t.kist("cp", "-q", one, "box:/tmp/other").err, "", "what it says with -q")
    equal(inside(t, "cat /tmp/other"), "first\n", "a file under another name")
    t.write("one", "second\n")
    t.kist("cp", one, "box:tmp/other")
    equal(inside(t, "cat /tmp/other"), "second\n", "a file over a file")
    t.fails(12, "there is no directory '/tmp/none/'", "cp", one, "box:/tmp/none/")
    t.fails(12, "/tmp/none", "cp", one, "box:/tmp/none/x")
    t.fails(17, "'/tmp/other/' is no directory", "cp", one, "box:/tmp/other/")
    # out
    t.kist("cp", "box:/tmp/other", t.path("back"))
    with open(t.path("back")) as f:
        equal(f.read(), "second\n", "a file back")
    t.kist("cp", "box:/tmp/one", ".", cwd=t.dir)
    with open(one) as f:
        equal(f.read(), "first\n", "a file into the working directory")
    t.fails(12, "there is no '/nothing' in the container", "cp", "box:/nothing", t.dir)
    t.fails(12, f"there is no '{t.path('nothing')}'", "cp", t.path("nothing"), "box:/")
    t.fails(12, "no such container", "cp", one, "other:/")
    t.fails(2, "one of the two must be", "cp", one, t.dir)
    t.fails(2, "from container to container", "cp", "box:/tmp/one", "box:/tmp/x")
    t.fails(2, "path in the container is empty", "cp", one, "box:")
    t.kist("rm", "-f", "box")


@test
def directories(t):
    up(t)
    tree = local_tree(t)
    t.kist("cp", tree, "box:/tmp")
    equal(inside(t, "cd /tmp/tree && find . | sort && cat one sub/two && readlink link"),
          "\n".join([".", "./fifo", "./link", "./one", "./same", "./sub", "./sub/two", "1", "2", "/etc/passwd", ""]), "the tree")
    equal(inside(t, "cd /tmp/tree && stat -c '%u:%g %a %Y' one && stat -c '%u:%g' sub/two link && [ one -ef same ] && echo same"),
          "0:0 751 1000000000\n0:0\n0:0\nsame\n", "owners without -a")
    t.kist("cp", "-a", tree, "box:/tmp/kept")
    equal(inside(t, "cd /tmp/kept && stat -c '%u:%g %a' one sub/two"), "0:0 4751\n12:34 644\n", "owners with -a")
    t.kist("cp", tree + "/.", "box:/srv")
    equal(inside(t, "ls /srv/one /srv/sub/two && ls -d /srv/tree", code=1), "/srv/one\n/srv/sub/two\n", "the contents")
    # over what is there: a directory keeps what it has, and how it looks
    inside(t, "rm -r /tmp/tree/sub/two && echo mine > /tmp/tree/sub/own && chmod 700 /tmp/tree/sub")
    t.kist("cp", tree + "/", "box:/tmp")
    equal(inside(t, "cd /tmp/tree && cat sub/own sub/two && stat -c %a sub"), "mine\n2\n700\n", "a directory over a directory")
    t.fails(17, "cannot copy a directory over the file", "cp", tree, "box:/etc/passwd")
    inside(t, "rm -r /tmp/tree/sub && echo file > /tmp/tree/sub")
    t.fails(17, "cannot replace 'sub'", "cp", tree, "box:/tmp")
    # out: to a name that is not there, into a directory, contents
    t.kist("cp", "box:/tmp/kept", t.path("new"))
    t.kist("cp", "box:/tmp/kept", t.path("new"))
    t.kist("cp", "-a", "box:/tmp/kept/.", t.path("new/kept"))
    equal(sorted(os.listdir(t.path("new"))), ["fifo", "kept", "link", "one", "same", "sub"], "what came")
    looks = os.lstat(t.path("new/one"))
    equal((looks.st_mode & 0o7777, looks.st_nlink, int(looks.st_mtime)), (0o751, 2, 1000000000), "a file's looks")
    check(stat.S_ISFIFO(os.lstat(t.path("new/fifo")).st_mode), "no fifo came")
    equal(os.stat(t.path("new/sub/two")).st_uid, os.geteuid(), "the owner without -a")
    equal(os.stat(t.path("new/kept/sub/two")).st_uid, 12, "the owner with -a")
    t.kist("rm", "-f", "box")


@test
def links_and_mounts(t):
    os.makedirs(t.path("volume"))
    up(t, "exec sleep 1000", "-v", t.path("volume") + ":/data", "--tmpfs", "/fast")
    inside(t, "mkdir /srv && echo mine > /tmp/secret && ln -s /tmp/secret /srv/link && ln -s /tmp /srv/folder && ln -s ../../../../etc /srv/up && ln -s loop /srv/loop")
    t.write("secret", "host\n")
    t.kist("cp", "box:/srv/link", t.path("as-link"))
    equal(os.readlink(t.path("as-link")), "/tmp/secret", "a link without -L")
    t.kist("cp", "-L", "box:/srv/link", t.dir)
    with open(t.path("link")) as f:
        equal(f.read(), "mine\n", "a link with -L")
    t.kist("cp", "-L", "box:/srv/up/passwd", t.path("passwd"))
    with open(t.path("passwd")) as f:
        equal(f.read(), inside(t, "cat /etc/passwd"), "what a link with too many '..' leads to")
    t.fails(1, "too many symbolic links", "cp", "-L", "box:/srv/loop", t.dir)
    # a destination that is a link leads where the container's root has it
    t.kist("cp", t.path("secret"), "box:/srv/folder")
    equal(inside(t, "cat /tmp/secret"), "host\n", "the file")
    inside(t, "ln -s /tmp/made-by-link /srv/dangling")
    t.kist("cp", t.path("secret"), "box:/srv/dangling")
    equal(inside(t, "cat /tmp/made-by-link"), "host\n", "the target of a link that led to nothing")
    # mounts as the container sees them
    t.kist("cp", t.path("secret"), "box:/data/there")
    check(os.path.exists(t.path("volume/there")), "the volume has it not")
    t.kist("cp", t.path("secret"), "box:/fast/there")
    equal(inside(t, "cat /fast/there"), "host\n", "the file in a tmpfs")
    t.kist("rm", "-f", "box")


def archive(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, text in members:
            member = tarfile.TarInfo(name)
            member.type, member.uid, member.gid = kind, 7, 8
            if kind == tarfile.REGTYPE:
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
            else:
                member.linkname = text
                tar.addfile(member)
    return out.getvalue()


@test
def pipes(t):
    up(t)
    inside(t, "mkdir -p /srv/x && echo 1 > /srv/x/one && ln /srv/x/one /srv/x/two")
    child = t.start("cp", "box:/srv/x", "-")
    with tarfile.open(fileobj=child.stdout, mode="r|") as tar:
        members = [(m.name, m.type) for m in tar]
    equal(child.wait(), 0, "the exit status")
    equal((members[0], sorted(name for name, _ in members), sorted(kind for _, kind in members)),
          (("x", tarfile.DIRTYPE), ["x", "x/one", "x/two"], [tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE]), "the members")
    t.fails(12, "there is no '/nothing'", "cp", "box:/nothing", "-")
    # in
    t.kist("cp", "-", "box:/srv", input=archive(("deep/down/file", tarfile.REGTYPE, "text\n"), ("deep/hard", tarfile.LNKTYPE, "deep/down/file")))
    equal(inside(t, "cat /srv/deep/hard && stat -c '%u:%g %h' /srv/deep/down/file && stat -c '%u %a' /srv/deep/down"),
          "text\n7:8 2\n0 755\n", "what the archive made")
    t.fails(12, "must be a directory", "cp", "-", "box:/none", input=archive())
    t.fails(17, "must be a directory", "cp", "-", "box:/etc/passwd", input=archive())
    t.fails(15, "not", "cp", "-", "box:/srv", input=b"x" * 4096)
    t.fails(15, "leads out of the archive", "cp", "-", "box:/srv", input=archive(("../../x", tarfile.REGTYPE, "x")))
    t.fails(17, "'lost' is not there any more, or a link is broken", "cp", "-", "box:/srv", input=archive(("lost", tarfile.LNKTYPE, "none")))
    # a link in the archive, and a member through it
    t.kist("cp", "-", "box:/srv", input=archive(("out", tarfile.SYMTYPE, "/../../../.."), ("out/escaped", tarfile.REGTYPE, "x")))
    check(not os.path.exists("/escaped"), "a link led out")
    t.kist("rm", "-f", "box")


def state(t, name):
    return t.kist("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name).out.strip()


@test
def not_running(t):
    """One that never ran, and one that has ended: its own files and those of its volumes and binds."""
    os.makedirs(t.path("bound"))
    t.kist("create", "-q", "--name", "still", "-v", "kept:/data", "-v", "/anonymous", "-v", f"{t.path('bound')}:/bound", "--tmpfs", "/run", SHARED["busybox"], "sh", "-c",
           "cat /etc/new /data/new /anonymous/new /bound/new; echo ran > /etc/ran; exit 3")
    one = t.write("one", "new\n")
    for place in ("/etc", "/data", "/anonymous", "/bound"):
        t.kist("cp", "-q", one, f"still:{place}/new")
    t.kist("cp", "-q", local_tree(t), "still:/srv")
    equal(state(t, "still"), "created 0", "its state")
    with open(t.path("bound/new")) as f:
        equal(f.read(), "new\n", "in the bind")
    for place in ("/etc", "/data", "/anonymous"):
        t.kist("cp", "-q", f"still:{place}/new", t.path("back"))
        with open(t.path("back")) as f:
            equal(f.read(), "new\n", f"back from {place}")
    t.fails(12, "there is no '/proc/1' in the container", "cp", "still:/proc/1", t.dir)
    t.fails(12, "there is no '/dev/null' in the container", "cp", "still:/dev/null", t.dir)
    t.kist("cp", "-q", "still:/etc/passwd", t.path("passwd"))
    equal(t.kist("start", "-a", "still", code=3).out, "new\n" * 4, "what it found there")
    equal(state(t, "still"), "exited 3", "its state after it ran")
    t.kist("cp", "-q", "still:/etc/ran", t.path("back"))
    with open(t.path("back")) as f:
        equal(f.read(), "ran\n", "what it wrote")
    equal(state(t, "still"), "exited 3", "its state after the copy")
    t.kist("rm", "-v", "still")
    t.kist("volume", "rm", "kept")


@test
def held_meanwhile(t):
    """Nobody starts what is being copied; a copy that is killed leaves nothing."""
    container = t.kist("create", "-q", "--name", "still", SHARED["busybox"], "cat", "/tmp/late").out.strip()
    child = t.start("cp", "-", "still:/tmp", stdin=-1)
    with tarfile.open(fileobj=child.stdin, mode="w|") as tar:
        member = tarfile.TarInfo("late")
        member.size = 2 << 20
        tar.addfile(member, io.BytesIO(b"x" * member.size))  # more than a pipe holds: it reads by now
        holder = f"container '{container[:12]}' is held by process {child.pid} ("
        t.fails(125, holder, "start", "still")
        t.fails(17, holder, "rm", "still")
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        try:
            tar.close()
        except BrokenPipeError:
            pass
    try:
        child.stdin.close()
    except BrokenPipeError:
        pass
    t.children.remove(child)
    t.kist("start", "-a", "still", code=(0, 1))
    t.kist("rm", "still")


MEMORY = "it is not running, and its files are in memory only while it is"


@test
def every_kind_of_root(t):
    """cp, diff, export and commit before it runs, while it runs and after it, by how its root comes about and whose it is."""
    t.write("one", "new\n")
    members = lambda: {m.name: (m.uid, m.mode) for m in tarfile.open(t.path("tar")) if m.name in ("etc/new", "etc/late", "ran")}
    for options in ((), ("--rootfs", "tmpfs"), ("--rootfs", "copy"), ("--userns", "private"), ("--userns", "private", "--rootfs", "tmpfs"),
                    ("--userns", "private", "--rootfs", "copy")):
        lasts = "tmpfs" not in options
        still = lambda *words: t.kist("cp", "-q", *words) if lasts else t.fails(17, MEMORY, "cp", *words)
        t.kist("create", "-q", "--name", "box", *options, SHARED["busybox"], "sh", "-c", "echo ran > /ran; exec sleep 1000")
        still(t.path("one"), "box:/etc/new")
        still("box:/etc/motd", t.path("motd"))
        equal(t.kist("diff", "box").out, "C /etc\nA /etc/new\n" if lasts else "", f"what a new one with {options} has changed")
        t.kist("start", "box")
        t.kist("cp", "-q", t.path("one"), "box:/etc/new")
        wait_until(lambda: "ran" in inside(t, "cat /ran", code=(0, 1)), "that it runs")
        equal(inside(t, "stat -c %u /etc/new /ran"), "0\n0\n", f"owners with {options}")
        t.kist("cp", "-q", "box:/ran", t.path("back"))
        for running in (True, False):
            if not running:
                t.kist("stop", "-t", "0", "box")
                still("box:/ran", t.path("back"))
                still(t.path("one"), "box:/etc/late")
            want = ["etc/new", "ran"] if running else ["etc/new", "ran", "etc/late"] if lasts else []
            changed = "".join(f"{'C' if name == '/etc' else 'A'} {name}\n" for name in sorted(["/" + name for name in want] + (["/etc"] if want else [])))
            equal(t.kist("diff", "box").out, changed, f"what is changed with {options}, running: {running}")
            t.kist("export", "-o", t.path("tar"), "box")
            equal(members(), dict.fromkeys(want, (0, 0o644)), f"what is exported with {options}, running: {running}")
            t.kist("commit", "box", "made:1")
            r = t.kist("run", "--rm", "-q", "--network", "none", "made:1", "sh", "-c", "cd /; ls ran etc/new etc/late 2>/dev/null", code=(0, 1))
            equal(sorted(r.out.split()), sorted(want), f"what is committed with {options}, running: {running}")
        t.kist("rm", "box")


@test
def removed_meanwhile(t):
    """rm -f waits for a copy, saying so, and does not kill it; one that runs is removed under the copy's feet."""
    container = t.kist("create", "-q", "--name", "still", SHARED["busybox"]).out.strip()
    child = t.start("cp", "-", "still:/tmp", stdin=-1)
    tar = archive(("late", tarfile.REGTYPE, "x" * (2 << 20)))
    child.stdin.write(tar[:-4096])  # more than a pipe holds: it reads by now
    removing = t.start("rm", "-f", "still")
    contains(removing.stderr.readline().decode(), f"waiting: container '{container[:12]}' is held by process {child.pid} (", "what rm -f tells")
    t.finish(child, ["cp"], input=tar[-4096:])
    t.finish(removing, ["rm"], out="still\n", err="")
    equal(t.kist("ps", "-aq").out, "", "the containers left")
    up(t)
    child = t.start("cp", "-", "box:/tmp", stdin=-1)
    child.stdin.write(tar[:-4096])
    equal(t.kist("rm", "-f", "box").err, "", "what rm -f tells of one that runs")
    t.finish(child, ["cp"], input=tar[-4096:], code=(0, 1, 12, 17))
    equal([t.kist("ps", "-aq").out, kit.list_dir(os.path.join(t.root, "containers")), kit.list_dir(os.path.join(t.root, "tmp"))], ["", [], []], "what is left")


@test
def sockets(t):
    os.makedirs(t.path("bound"))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(t.path("bound/sock"))
    t.write("bound/file", "x")
    t.kist("create", "-q", "--name", "still", "-v", f"{t.path('bound')}:/bound", SHARED["busybox"], "true")
    t.fails(18, "'/bound/sock' is a socket, which cannot be copied", "cp", "still:/bound/sock", t.dir)
    t.fails(18, "is a socket, which cannot be copied", "cp", t.path("bound/sock"), "still:/tmp")
    t.kist("cp", "-q", "still:/bound", t.path("copy"))
    equal(os.listdir(t.path("copy")), ["file"], "a directory with a socket in it")
    t.kist("rm", "still")


def without_openat2():
    kit.need_programs("strace")
    # LeakSanitizer cannot work under strace
    return {"program": ["strace", "-f", "-e", "trace=openat2", "-e", "inject=openat2:error=ENOSYS", "-o", "/dev/null", kit.KIST],
            "env": {"ASAN_OPTIONS": kit.ENVIRONMENT["ASAN_OPTIONS"] + ":detect_leaks=0"}}


@test
def old_kernels(t):
    """Before 5.6: paths are walked step by step."""
    old = without_openat2()
    up(t)
    inside(t, "mkdir -p /srv/a/b && echo deep > /srv/a/b/file && ln -s /srv/a /way && ln -s ../../way/../a/b /srv/a/c && ln -s loop /loop && ln -s /proc/1/root/etc /magic")
    for path in ("/srv/a/b/file", "/way/b/file", "/srv/a/c/file", "/way/c/../b/file", "/../../srv/a/b/file"):
        t.kist("cp", "-q", f"box:{path}", t.path("back"), **old)
        with open(t.path("back")) as f:
            equal(f.read(), "deep\n", path)
    t.kist("cp", "-q", t.write("one", "1\n"), "box:/way/c/../b/one", **old)
    equal(inside(t, "cat /srv/a/b/one"), "1\n", "a file in")
    t.fails(15, "it is a symbolic link", "cp", "box:/loop/x", t.dir, **old)
    t.fails(12, "", "cp", "box:/srv/a/b/none/x", t.dir, **old)
    swaps(t, 8, **old)


@test
def a_swapped_link_leads_nowhere(t):
    """CVE-2018-15664: what the container swaps for a link to / while cp works stays in its root."""
    up(t)
    swaps(t, 40)


def swaps(t, times, **how):
    """The container "box" swaps a directory for a link, at which cp must not be led out."""
    marker = t.path("outside")
    os.makedirs(marker)
    t.write("outside/secret", "host's\n")
    t.kist("exec", "-d", "box", "sh", "-c", f"mkdir -p {marker} /swap/real && echo mine > {marker}/secret && echo mine > /swap/real/secret && cd /swap && "
           f"ln -s {marker} lie && echo > /ready; while :; do mv real place; mv place real; mv lie place; mv place lie; done")
    wait_until(lambda: t.kist("exec", "box", "test", "-e", "/ready", code=(0, 1)).code == 0, "the container is ready")
    t.write("secret", "written\n")
    for _ in range(times):
        t.kist("cp", "-q", t.path("secret"), "box:/swap/place/secret", code=(0, 12, 17, 1), **how)
        if t.kist("cp", "-q", "box:/swap/place/secret", t.path("got"), code=(0, 12, 17, 1), **how).code == 0:
            with open(t.path("got")) as f:
                check(f.read() != "host's\n", "the host's file came")
        with open(t.path("outside/secret")) as f:
            equal(f.read(), "host's\n", "the file outside")
    equal(os.listdir(marker), ["secret"], "what is outside")
    t.kist("rm", "-f", "box")


kit.main(shared.prepare)
