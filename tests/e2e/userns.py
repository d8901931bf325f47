#!/usr/bin/env python3
"""User namespaces: root in a container is nobody outside, its files have their owners all the same, and nothing leads out."""
import errno
import os
import signal

import kit
import shared
from kit import check, contains, equal, skip, test
from shared import SHARED, Terminal, box, configured

HOST, SIZE = 100000, 65536
MINE = ("--userns", "private")


def up(t, *options, script="exec sleep 1000", name="box"):
    t.kist("run", "-q", "-d", "--name", name, *MINE, *options, SHARED["busybox"], "sh", "-c", script)
    return t.kist("inspect", "-f", "{{.State.Pid}}", name).out.strip()


def inside(t, script, *options, **checks):
    return t.kist("exec", *options, "box", "sh", "-c", script, **checks).out


def namespaces(pid):
    """Kind -> which, for those that a container may have of its own."""
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("user", "mnt", "uts", "ipc", "pid", "net", "cgroup")}


@test
def who_is_who(t):
    """Numbers inside and outside; of a user of the image, of root, of an init."""
    equal(box(t, "id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '", *MINE).out.split(),
          ["0", "0", *(["0", str(HOST), str(SIZE)] * 2)], "root, and the map")
    pid = up(t, "--init", "-u", "app")
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        child = f.read().split()[0]
    uid = int(inside(t, "id -u"))
    for process in (pid, child):
        equal(os.stat(f"/proc/{process}/status").st_uid in (0, HOST + uid), True, "the owner of a process that may not be looked at")
        with open(f"/proc/{process}/status") as f:
            uids = next(line for line in f if line.startswith("Uid:")).split()[1:]
        equal(uids, [str(HOST + uid)] * 4, "the user outside")
    ours, its = namespaces("self"), namespaces(child)
    equal([kind for kind in ours if ours[kind] == its[kind]], [], "the namespaces it shares")
    t.kist("rm", "-f", "box")


@test
def maps(t):
    for options, users, groups in [(("--uidmap", "0:5000:1000"), "0 5000 1000", "0 5000 1000"),
                                   (("--gidmap", "0:7000:10"), "0 7000 10", "0 7000 10"),
                                   (("--uidmap", "0:5000:10", "--uidmap", "1000:9000:1", "--gidmap", "0:7000:2000"),
                                    "0 5000 10 1000 9000 1", "0 7000 2000"),
                                   (("--uidmap", "0:5000"), "0 5000 1", "0 5000 1"),
                                   (("--userns", "private", "--userns-map", "0:300000:70000"), "0 300000 70000", "0 300000 70000")]:
        r = box(t, "cat /proc/self/uid_map | xargs; cat /proc/self/gid_map | xargs", *options)
        equal(r.out.splitlines(), [users, groups], f"the maps of {options}")
    equal(box(t, "cat /proc/self/uid_map | xargs", env={"KIST_USERNS_DEFAULT": "private"}).out.strip(), f"0 {HOST} {SIZE}", "by the configuration")
    equal(box(t, "cat /proc/self/uid_map | xargs", "--userns", "host", env={"KIST_USERNS_DEFAULT": "private"}).out.split()[1], "0", "with the host's")
    for options, message in {("--uidmap", "0:x:1"): "--uidmap: invalid map '0:x:1' (expected CONTAINER:HOST:SIZE)",
                             ("--gidmap", "0:1:0"): "--gidmap: invalid map '0:1:0'", ("--gidmap", "0"): "invalid map '0'",
                             ("--uidmap", "0:1:2:3"): "invalid map",
                             ("--userns", "secret"): "--userns must be host or private, not 'secret'",
                             ("--userns", "host", "--uidmap", "0:1:1"): "conflicting options",
                             ("--uidmap", "1:5000:10"): "the container's user namespace has no user 0",
                             ("--uidmap", "0:5000:10", "-u", "10"): "the container's user namespace has no user 10",
                             ("--uidmap", "0:5000:10", "--uidmap", "5:9000:10"): "the kernel does not take the map of the container's users"}.items():
        t.fails(125, message, "run", "--rm", "-q", *options, SHARED["busybox"], "true")


@test
def files_have_their_owners(t):
    """As the image has them inside, and in the writable layer; the kernel knows them by the map."""
    plain = box(t, "stat -c '%n %u %g %a' /bin/* /etc/* /home/* /tmp /root 2>/dev/null; true").out
    equal(box(t, "stat -c '%n %u %g %a' /bin/* /etc/* /home/* /tmp /root 2>/dev/null; true", *MINE).out, plain, "the image's files")
    pid = up(t, "-v", "/vol", "--tmpfs", "/scratch")
    inside(t, "touch /root/mine; chown 12:34 /root/mine; mkdir /root/d; ln -s x /root/l; echo more >> /etc/hosts; touch /vol/a /scratch/b /dev/shm/c; "
              "test $(stat -c %u /vol/a) = 0")
    equal(inside(t, "stat -c '%u %g' /root/mine /root/d /vol /scratch /dev/shm /etc/hosts").split("\n")[:-1],
          ["12 34", *(["0 0"] * 5)], "owners inside")
    st = os.stat(f"/proc/{pid}/root/root/mine")
    equal((st.st_uid, st.st_gid), (HOST + 12, HOST + 34), "owner outside")
    equal(inside(t, "stat -c '%u %g %a' /dev/null /dev/pts/ptmx /dev").split("\n")[0], "0 0 666", "a device")
    container = os.path.join(t.root, "containers", t.kist("ps", "-q", "--no-trunc").out.strip())
    st = os.stat(os.path.join(container, "rw/upper/root/mine"))
    equal((st.st_uid, st.st_gid), (12, 34), "owner on disk")
    t.kist("export", "-o", t.path("tar"), "box")
    contains(kit.command("tar", "--numeric-owner", "-tvf", t.path("tar"), "root/mine"), "12/34", "what is exported")
    t.kist("rm", "-f", "-v", "box")
    # written in one run, there in the next
    t.kist("create", "--name", "box", *MINE, SHARED["busybox"], "sh", "-c", "stat -c %u /root/x; touch /root/x", code=0)
    t.kist("start", "-a", "box", code=0)
    equal(t.kist("start", "-a", "box").out, "0\n", "what an earlier run made")
    t.kist("rm", "box")


@test
def volumes(t):
    os.mkdir(t.path("data"))
    t.write("data/secret", "x")
    os.chmod(t.path("data/secret"), 0o600)
    box(t, "cat /data/secret", *MINE, "-v", f"{t.path('data')}:/data", code=1, err="Permission denied")
    box(t, "touch /data/new", *MINE, "-v", f"{t.path('data')}:/data", code=1, err="Permission denied")
    os.chown(t.path("data"), HOST, HOST)
    box(t, "touch /data/new; mkdir /data/d", *MINE, "-v", f"{t.path('data')}:/data")
    equal(os.stat(t.path("data/new")).st_uid, HOST, "the owner of what it made")
    # a volume gets what the image has, with its owners inside
    plain = box(t, "stat -c '%n %u %g %a' /etc /etc/*", "-v", "one:/etc").out
    equal(box(t, "stat -c '%n %u %g %a' /etc /etc/*", *MINE, "-v", "two:/etc").out, plain, "the owners in a volume")
    box(t, "touch /etc/new /empty/new", *MINE, "-v", "two:/etc", "-v", "three:/empty")


@test
def network(t):
    """A bridge, low ports, ping, and interfaces that are its own to change where it may."""
    if not os.path.exists("/proc/sys/net/ipv4/ip_forward"):
        skip("no IPv4 here")
    box(t, "ip addr show eth0 | grep -q 'inet 10.89.'; busybox-net true; ip link set lo mtu 1400", *MINE, code=(1, 2), err="not permitted")
    box(t, "ip link set lo mtu 1400 && test $(cat /sys/class/net/lo/mtu) = 1400", *MINE, "--cap-add", "NET_ADMIN", "--network", "none")
    box(t, "hostname other", *MINE, "--cap-add", "SYS_ADMIN", "--network", "none")
    equal(box(t, "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax", *MINE, "--network", "none", "--sysctl",
              "net.ipv4.ip_unprivileged_port_start=7", "--sysctl", "kernel.msgmax=9000").out.split(), ["7", "9000"], "kernel parameters")
    equal(box(t, "cat /etc/hostname", *MINE, "--network", "host").out.strip() != "", True, "with the host's network")


@test
def commands(t):
    """exec, its users, its terminal; top, stats, pause, logs, stop."""
    pid = up(t, script="trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done")
    equal(inside(t, "id -u; cat /proc/self/uid_map | xargs").split("\n")[:2], ["0", f"0 {HOST} {SIZE}"], "exec")
    equal(inside(t, "id -u; id -g", "-u", "7:8").split(), ["7", "8"], "exec as another")
    t.fails(125, "cannot become user 70000", "exec", "-u", "70000", "box", "true")
    equal(inside(t, "readlink /proc/self/ns/user").strip(), os.readlink(f"/proc/{pid}/ns/user"), "exec's user namespace")
    inside(t, "echo 1 > /dev/stdout; echo 2 > /dev/stderr", "-u", "7")
    terminal = Terminal(t, "exec", "-it", "box", "sh", "-c", "tty; stat -c '%u %g' $(tty); echo open > /dev/tty")
    terminal.expect(b"/dev/pts/")
    terminal.expect(b"0 5\r\n")
    terminal.expect(b"open")
    terminal.end(0)
    contains(t.kist("top", "box").out, "sleep 0.05" if "sleep" in t.kist("top", "box").out else "while", "top")
    contains(t.kist("stats", "--no-stream", "box").out, "box", "stats")
    t.kist("pause", "box")
    t.kist("unpause", "box")
    contains(t.kist("logs", "box").out, "up", "logs")
    t.kist("stop", "box")
    equal(t.kist("wait", "box").out.strip(), "3", "the exit status")
    t.kist("rm", "box")


@test
def terminal(t):
    terminal = Terminal(t, "run", "--rm", "-q", "-it", *MINE, SHARED["busybox"], "sh", "-c", "stat -c '%u %g %a' $(tty) /dev/console; read x; echo got $x")
    terminal.expect(b"0 5 620\r\n0 5 620\r\n")
    terminal.send(b"word\n")
    terminal.expect(b"got word")
    terminal.end(0)


@test
def copies(t):
    """cp both ways: the container's root gets what comes in, and what comes out is the caller's."""
    up(t)
    os.makedirs(t.path("tree/sub"))
    t.write("tree/sub/one", "1")
    os.chown(t.path("tree/sub/one"), 12, 34)
    t.kist("cp", t.path("tree"), "box:/tmp/tree")
    equal(inside(t, "stat -c '%u %g' /tmp/tree /tmp/tree/sub/one").split(), ["0"] * 4, "owners inside")
    t.kist("cp", "-a", t.path("tree"), "box:/tmp/same")
    equal(inside(t, "stat -c '%u %g' /tmp/same/sub/one").split(), ["12", "34"], "owners inside with -a")
    inside(t, "echo 2 > /tmp/two; chown 5:6 /tmp/two")
    t.kist("cp", "box:/tmp/two", t.path("two"))
    equal(os.stat(t.path("two")).st_uid, 0, "the owner of what came out")
    t.kist("cp", "-a", "box:/tmp/two", t.path("three"))
    equal((os.stat(t.path("three")).st_uid, os.stat(t.path("three")).st_gid), (5, 6), "the owner of what came out with -a")
    t.kist("rm", "-f", "box")


@test
def without_idmapped_mounts(t):
    """On older kernels layers are unpacked with the owners shifted, which is said; all else is the same."""
    older = {"preexec_fn": shared.forbidding("mount_setattr", errno.ENOSYS)}
    script = "stat -c '%n %u %g %a' /bin/* /etc/* /tmp; touch /root/x; stat -c %u /root/x"
    plain = box(t, script).out
    r = t.finish(t.start("run", "-q", "--name", "box", *MINE, SHARED["busybox"], "sh", "-c", script, **older),
                 err=["this machine lacks 'idmapped-layers' (Linux 6.2", "unpacked"])
    equal(r.out, plain, "owners inside")
    root = os.path.join(t.root, "containers", t.kist("ps", "-aq", "--no-trunc").out.strip(), "rw/root")
    equal((os.stat(root + "/root/x").st_uid, os.stat(root + "/bin").st_uid), (HOST, HOST), "owners on disk")
    t.kist("export", "-o", t.path("tar"), "box")
    contains(kit.command("tar", "--numeric-owner", "-tvf", t.path("tar"), "root/x"), " 0/0 ", "what is exported")
    t.kist("rm", "box")
    t.finish(t.start("run", "--rm", "-q", *MINE, "--rootfs", "overlay", SHARED["busybox"], "true", **older), code=125,
             err="this kernel cannot show other owners of files on squashfs")
    rows = {row["name"]: row["state"] for row in t.finish(t.start("system", "doctor", "--json", **older)).jsons()}
    equal((rows["namespace-user"], rows["idmapped-layers"]), ("found", "missing"), "what the doctor finds")
    rows = {row["name"]: row["state"] for row in t.kist("system", "doctor", "--json").jsons()}
    equal((rows["namespace-user"], rows["idmapped-layers"]), ("found", "found"), "what the doctor finds on this kernel")


@test
def nothing_leads_out(t):
    """With all capabilities of its namespace it is still nobody."""
    secret = t.write("secret", "x")
    os.chmod(secret, 0o600)
    all_of = (*MINE, "--privileged", "--pid", "host", "-v", "/:/host:ro")
    for script in (f"cat /host{secret}", "cat /host/etc/shadow", f"kill -9 {os.getpid()}", f"ls -l /proc/{os.getpid()}/root/",
                   f"cat /proc/{os.getpid()}/environ", "mount -t tmpfs none /host/mnt && touch /host/mnt/x && false", "echo b > /proc/sysrq-trigger",
                   "echo 0 > /proc/sys/kernel/randomize_va_space", "mknod /tmp/disk b 8 0", "mount -o remount,rw /host", "umount /host",
                   "nsenter -t 1 -m true", f"touch /host{t.dir}/made", "chroot /host touch /tmp/made"):
        box(t, script, *all_of, code=(1, 2, 126, 127))
    check(not os.path.exists(t.path("made")), "it made a file on the host")


@test
def set_uid_stays_inside(t):
    """A set-uid program of the image gives the container's root, and one it makes gives nothing on the host."""
    contains(box(t, "cp /bin/busybox /tmp/su; chmod 4755 /tmp/su; cp /tmp/su /vol/su; chmod 4755 /vol/su", *MINE, "-v", f"{t.dir}:/vol",
                 code=1).err, "Permission denied", "a directory of the host's root")
    os.mkdir(t.path("open"))
    os.chmod(t.path("open"), 0o777)
    box(t, "cp /bin/busybox /vol/su; chmod 4755 /vol/su", *MINE, "-v", f"{t.path('open')}:/vol")
    equal(os.stat(t.path("open/su")).st_uid, HOST, "whose set-uid file it is")
    capabilities = box(t, "grep CapEff /proc/self/status", *MINE).out.split()[1]
    equal(capabilities, "00000000a80425fb", "root's capabilities in there")


@test
def no_mount_can_be_undone(t):
    """What hides and protects stays, even for who may mount."""
    may_mount = (*MINE, "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined", "--network", "none")
    box(t, "mount -t tmpfs none /tmp && umount /tmp", *may_mount)
    for place in ("/proc/kcore", "/proc/sys", "/sys", "/etc/hosts", "/dev/null"):
        if os.path.exists(place):
            box(t, f"umount {place}", *may_mount, code=1)
    box(t, "mount -o remount,rw /proc/sys", *may_mount, code=(1, 255))
    box(t, "mount -o remount,rw / && touch /x", *may_mount, "--read-only", code=(1, 255))


@test
def restarts_and_kills(t):
    """The keeper of the namespaces is gone, and a killed supervisor takes the container with it."""
    pid = up(t, "--restart", "on-failure:1", script="test -e /root/twice && exec sleep 1000; touch /root/twice; exit 1")
    kit.wait_until(lambda: t.kist("inspect", "-f", "{{.State.Running}} {{.RestartCount}}", "box").out.split() == ["true", "1"], "a second run")
    equal(inside(t, "stat -c %u /root/twice").strip(), "0", "the owner of what the first run made")
    supervisor = [p for p in kit.strangers() if p.split()[1] == "kist"]
    equal(len(supervisor), 1, f"kist processes ({supervisor})")
    os.kill(int(supervisor[0].split()[0]), signal.SIGKILL)
    kit.wait_until(lambda: not kit.strangers(), "the end of all")
    t.kist("rm", "box")


if __name__ == "__main__":
    kit.main(shared.prepare)
