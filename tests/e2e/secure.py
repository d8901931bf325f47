#!/usr/bin/env python3
"""What a container may not do: capabilities, system calls, devices, masked paths, namespaces."""
import os
import re

import kit
import shared
from kit import check, contains, equal, skip, test
from shared import SHARED, box

DOCKER = 0x00000000A80425FB  # the 14 capabilities of 'docker run'
NET_ADMIN, CHOWN = 1 << 12, 1 << 0


def status(t, *options):
    """/proc/self/status of a command in a container."""
    return dict(line.split(":\t", 1) for line in box(t, "cat /proc/self/status", *options).out.splitlines() if ":\t" in line)


def capabilities(t, *options):
    s = status(t, *options)
    return tuple(int(s[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"))


@test
def default_capabilities(t):
    equal(capabilities(t), (DOCKER, DOCKER, DOCKER, 0, 0), "the capabilities of root")
    equal(capabilities(t, "-u", "app"), (0, 0, DOCKER, 0, 0), "the capabilities of a user")


@test
def given_capabilities(t):
    equal(capabilities(t, "--cap-add", "NET_ADMIN")[0], DOCKER | NET_ADMIN, "with NET_ADMIN")
    equal(capabilities(t, "--cap-add", "cap_net_admin", "--cap-drop", "CHOWN")[:3], ((DOCKER | NET_ADMIN) & ~CHOWN,) * 3,
          "with one more and one less")
    equal(capabilities(t, "--cap-drop", "ALL")[:3], (0, 0, 0), "with none")
    equal(capabilities(t, "--cap-drop", "ALL", "--cap-add", "CHOWN")[0], CHOWN, "with one")
    with open("/proc/self/status") as f:
        mine = int(re.search(r"CapBnd:\s*(\w+)", f.read()).group(1), 16)
    equal(capabilities(t, "--cap-add", "ALL")[0], mine, "with all")
    equal(capabilities(t, "--privileged")[0], mine, "privileged")
    box(t, "chown 1 /tmp/. && exit 0", "--cap-drop", "CHOWN", code=1, err="Operation not permitted")
    box(t, "ip link set lo mtu 1400", code=(1, 2), err="Operation not permitted")
    box(t, "ip link set lo mtu 1400", "--cap-add", "NET_ADMIN")


@test
def system_calls(t):
    s = status(t)
    equal((s["Seccomp"], s["NoNewPrivs"]), ("2", "0"), "Seccomp and NoNewPrivs")
    equal(status(t, "-u", "app")["Seccomp"], "2", "Seccomp of a user")
    equal(status(t, "--init")["Seccomp"], "2", "Seccomp under init")
    equal(status(t, "--security-opt", "seccomp=unconfined")["Seccomp"], "0", "Seccomp when unconfined")
    equal(status(t, "--privileged")["Seccomp"], "0", "Seccomp when privileged")
    equal(status(t, "--security-opt", "no-new-privileges")["NoNewPrivs"], "1", "NoNewPrivs when asked for")
    own = t.write("profile.json", '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], '
                                  '"action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}')
    box(t, "mkdir /tmp/x", "--security-opt", f"seccomp={own}", code=1, err="No space left on device")
    t.fails(125, t.path("none"), "run", "--rm", "--security-opt", f"seccomp={t.path('none')}", SHARED["busybox"])
    t.fails(125, "", "run", "--rm", "--security-opt", f"seccomp={t.write('bad.json', '{')}", SHARED["busybox"])


@test
def no_new_privileges(t):
    """A set-uid or capable file gives nothing then."""
    script = "busybox-net grep CapEff /proc/self/status"
    contains(box(t, script, "-u", "app", "--security-opt", "no-new-privileges").out, "0000000000000000", "capabilities")


def disk():
    """The device of the host's disk."""
    for path in ("/", kit.TOP, "/var/lib"):
        number = os.stat(path).st_dev
        if os.major(number) != 0:
            return os.major(number), os.minor(number)
    return skip("no filesystem here lies on a disk")


@test
def disk_leads_nowhere(t):
    """mknod is allowed, as with Docker; the node is of no use, wherever it is made."""
    major, minor = disk()
    data = t.path("data")
    os.mkdir(data)
    for place in ("/node", "/tmp/node", "/dev/node", "/dev/shm/node", "/scratch/node", "/data/node"):
        for kind, numbers in (("b", f"{major} {minor}"), ("c", "1 1")):
            script = f"mknod {place} {kind} {numbers} && dd if={place} of=/dev/null bs=512 count=1"
            r = box(t, script, "--tmpfs", "/scratch", "-v", f"{data}:/data", code=1)
            check("denied" in r.err or "not permitted" in r.err, f"{place}: {r.err}")
            if os.path.exists(data + "/node"):
                os.unlink(data + "/node")


@test
def devices(t):
    names = box(t, "ls /dev").out.split()
    equal(sorted(names), sorted("core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero".split()), "/dev")
    box(t, "echo x > /dev/null; head -c 3 /dev/zero | od -An -tx1; head -c 8 /dev/urandom | wc -c; echo > /dev/full", code=1,
        out=["00 00 00", "8"], err="No space left on device")
    box(t, "touch /dev/shm/x && test -c /dev/pts/ptmx && test $(stat -c %a /dev/shm) = 1777")
    every = box(t, "ls /dev", "--privileged").out.split()
    check(len(every) > len(names), f"privileged sees only {every}")


@test
def every_mount_is_nodev(t):
    os.mkdir(t.path("data"))
    lines = box(t, "cat /proc/mounts", "-v", f"{t.path('data')}:/data", "--tmpfs", "/scratch").out.splitlines()
    allowed = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "pts", "console")]
    masked = ("/proc/", "/sys/")
    bad = [line for line in lines if "nodev" not in line.split()[3].split(",") and line.split()[1] not in allowed
           and not line.split()[1].startswith(masked)]
    equal(bad, [], "the mounts that are not nodev")


@test
def masked_and_read_only_paths(t):
    for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list"):
        if os.path.exists(path):
            equal(box(t, f"head -c 100 {path}; true").out, "", f"what is in {path}")
    for path in ("/proc/acpi", "/sys/firmware", "/proc/scsi"):
        if os.path.exists(path):
            equal(box(t, f"ls -A {path}").out, "", f"what is in {path}")
    for path in ("/proc/sys/kernel/printk", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/sys/kernel/profiling"):
        if os.path.exists(path):
            box(t, f"echo 1 > {path}", code=(1, 2), err="ead-only file system")
    box(t, "umount /proc/sys || umount /sys/firmware", code=1, err="not permitted")


@test
def namespaces(t):
    kinds = ("mnt", "pid", "uts", "ipc", "net", "cgroup")
    mine = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in kinds}
    read = "for n in mnt pid uts ipc net cgroup; do readlink /proc/self/ns/$n; done"
    inside = dict(zip(kinds, box(t, read).out.split()))
    equal([kind for kind in kinds if inside[kind] == mine[kind]], [], "the namespaces shared with the host")
    inside = dict(zip(kinds, box(t, read, "--network", "host").out.split()))
    equal([kind for kind in kinds if inside[kind] == mine[kind]], ["net"], "those shared with --network host")
    equal(box(t, "echo $$; ps | tail -n +2 | wc -l").out.split()[0], "1", "the command's process number")


@test
def networks(t):
    out = box(t, "ip addr; cat /proc/net/dev | tail -n +3 | wc -l").out
    contains(out, ["lo:", "UP", "127.0.0.1/8", "eth0@", "\n2\n"], "the network by default")
    check(kit.FAR not in out, "the host's address is in the container")
    contains(box(t, "ip addr", "--network", "host").out, kit.FAR, "the host's network")
    box(t, "(echo through | nc -l -p 7000 >/dev/null &) ; for i in $(seq 100); do "
           "nc 127.0.0.1 7000 </dev/null && exit 0; sleep 0.1; done; exit 1", out="through")
    equal(box(t, "hostname", "--network", "host").out.strip(), os.uname().nodename, "the host's name")


@test
def nothing_of_the_host_is_open(t):
    """No descriptor but the three comes along, and no process of the host is seen."""
    held = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(held, True)
    child = t.start("run", "--rm", "-q", SHARED["busybox"], "sh", "-c", "ls -l /proc/self/fd | wc -l; ls -d /proc/[0-9]* | wc -l",
                    close_fds=False)
    os.close(held)
    lines = t.finish(child, ["run"]).out.split()
    equal(int(lines[0]), 5, "lines of ls for descriptors 0, 1, 2 and its own")
    check(int(lines[1]) <= 3, f"{lines[1]} processes are seen")


@test
def old_root_is_gone(t):
    """A classic: chroot and climb; the host's root is not above."""
    contains(box(t, "cd /; ls ../../..; ls /proc/1/root; wc -l < /proc/self/mountinfo").out, "etc", "the root")
    mounted = box(t, "cat /proc/self/mountinfo").out
    check(t.root not in mounted.replace("upperdir", ""), f"the store's place shows in mountinfo: {mounted}")


kit.main(shared.prepare)
