#!/usr/bin/env python3
"""What a container may use: the flags, what the kernel makes of them, what is told when they are hit."""
import fcntl
import glob
import json
import os
import signal

import kit
from kit import check, contains, equal, test, wait_until
from shared import prepare, registry

GROUPS = "/sys/fs/cgroup"
CPU = str(min(os.sched_getaffinity(0)))


def box():
    return f"{registry().host}/box"


def need(controller):
    if not os.path.isdir(f"{GROUPS}/{controller}"):
        kit.skip(f"control groups here have no v1 '{controller}'")


def read(controller, container, name):
    with open(f"{GROUPS}/{controller}/kist/{container}/{name}") as f:
        return f.read().strip()


def start(t, *flags):
    container = t.kist("run", "-d", *flags, box(), "sleep", "1000").out.strip()
    t.undo.callback(lambda: t.kist("rm", "-f", container))
    return container


@test
def what_the_kernel_is_told(t):
    for controller in ("memory", "cpu", "pids", "cpuset"):
        need(controller)
    c = start(t, "-m", "64m", "--memory-reservation", "32m", "--cpus", "1.5", "--cpu-shares", "512", "--pids-limit", "20", "--cpuset-cpus", CPU)
    t.kist("run", "--rm", "-m", "4096t", box(), "true")  # 4 PiB
    equal(t.kist("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}", start(t, "-m", "0")).out, "0 0\n", "no limit, as Docker has it")
    for controller, name, value in (("memory", "memory.limit_in_bytes", 64 << 20), ("memory", "memory.memsw.limit_in_bytes", 128 << 20),
                                    ("memory", "memory.soft_limit_in_bytes", 32 << 20), ("cpu", "cpu.cfs_quota_us", 150000),
                                    ("cpu", "cpu.cfs_period_us", 100000), ("cpu", "cpu.shares", 512), ("pids", "pids.max", 20),
                                    ("cpuset", "cpuset.cpus", CPU)):
        equal(read(controller, c, name), str(value), name)
    host = t.kist("inspect", c).json()[0]["HostConfig"]
    equal((host["Memory"], host["MemorySwap"], host["NanoCpus"], host["PidsLimit"], host["CpusetCpus"]),
          (64 << 20, 128 << 20, 1500000000, 20, CPU), "what inspect tells")
    t.kist("rm", "-f", c)
    check(not os.path.exists(f"{GROUPS}/cpuset/kist/{c}"), "a control group is left")


@test
def another_parent(t):
    need("memory"), need("pids"), need("cpuset")
    parent = f"/kist-e2e-{os.getpid()}/apps"
    t.undo.callback(lambda: [os.rmdir(d) for up in (parent, os.path.dirname(parent)) for d in glob.glob(f"{GROUPS}/*{up}")])
    c = start(t, "--cgroup-parent", parent, "-m", "64m", "--pids-limit", "20", "--cpuset-cpus", CPU, "--name", "parted")
    group = f"{GROUPS}/{{}}{parent}/{c}"
    for controller, name, value in (("memory", "memory.limit_in_bytes", 64 << 20), ("pids", "pids.max", 20), ("cpuset", "cpuset.cpus", CPU)):
        with open(f"{group.format(controller)}/{name}") as f:
            equal(f.read().strip(), str(value), name)
    equal(t.kist("inspect", "--format", "{{.HostConfig.CgroupParent}}", c).out, parent + "\n", "inspect")
    check(not os.path.exists(f"{GROUPS}/memory/kist/{c}"), "it has another group too")
    t.kist("update", "-m", "32m", c)
    with open(f"{group.format('memory')}/memory.limit_in_bytes") as f:
        equal(f.read().strip(), str(32 << 20), "the new limit")
    t.kist("exec", c, "true")
    contains(t.kist("top", c).out, "sleep 1000", "top")
    contains(t.kist("stats", "--no-stream", c).out, "/ 32MiB", "stats")
    t.kist("pause", c)
    t.kist("unpause", c)
    # what a killed supervisor leaves is found there
    with open(f"/run/kist/{c}/running.json") as f:
        os.kill(json.load(f)["supervisor"]["pid"], signal.SIGKILL)
    wait_until(lambda: t.kist("inspect", "--format", "{{.State.Status}}", c).out == "exited\n", "its end")
    equal(glob.glob(f"{GROUPS}/*{parent}/{c}"), [], "groups that are left")
    for wrong in ("/", "..", "/a/../b", "/a//b", "/.a", "x" * 256):
        t.fails(125, "invalid --cgroup-parent", "run", "--rm", "--cgroup-parent", wrong, box(), "true")


@test
def changed_while_it_runs(t):
    need("memory"), need("pids")
    c = start(t, "-m", "64m", "--name", "changing")
    equal(t.kist("update", "-m", "256m", "--memory-swap", "512m", "--pids-limit", "33", "changing").out, "changing\n", "update")
    equal(read("memory", c, "memory.limit_in_bytes"), str(256 << 20), "the new limit")
    equal(read("pids", c, "pids.max"), "33", "the new number of processes")
    t.kist("update", "-m", "32m", "--memory-swap", "-1", "--restart", "always", "changing")
    equal(read("memory", c, "memory.limit_in_bytes"), str(32 << 20), "a smaller limit")
    t.kist("stop", "-t", "0", "changing")
    t.kist("update", "--cpus", "0.5", "changing")
    t.kist("start", "changing")
    equal((read("memory", c, "memory.limit_in_bytes"), read("cpu", c, "cpu.cfs_quota_us"), read("pids", c, "pids.max")),
          (str(32 << 20), "50000", "33"), "what lasts over a restart")
    equal(t.kist("inspect", c).json()[0]["HostConfig"]["RestartPolicy"]["Name"], "always", "the new policy")
    t.fails(2, "minimum memory limit allowed is 6MB", "update", "-m", "1m", "changing")
    t.fails(12, "no such container", "update", "-m", "64m", "nobody")
    t.fails(2, "nothing to change", "update", "changing")


@test
def changed_while_it_starts(t):
    """Who starts it has read its limits, and nobody can see yet that it runs: the change holds all the same."""
    need("memory")
    quota = {"KIST_STORE_QUOTA": "1GiB"}  # with one, both have to have the store's lock
    c = t.kist("create", "--name", "late", "-m", "64m", box(), "sleep", "1000").out.strip()
    t.undo.callback(lambda: t.kist("rm", "-f", c))
    with open(os.path.join(t.root, "lock"), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        starting = t.start("start", "-a", "late", env=quota)
        contains(starting.stderr.readline().decode(), "waiting for the store", "what the starter tells")
        changing = t.start("update", "-m", "32m", "late", env=quota)
        contains(changing.stderr.readline().decode(), "waiting for the store", "what the changer tells")
    t.finish(changing, ["update"])
    wait_until(lambda: t.kist("inspect", "-f", "{{.State.Status}}", c).out == "running\n", "its beginning")
    equal(read("memory", c, "memory.limit_in_bytes"), str(32 << 20), "the limit")
    equal(kit.list_dir(f"/run/kist/{c}").count("changed"), 0, "the mark left")
    t.kist("kill", c)
    t.finish(starting, ["start"], code=137)


@test
def changed_by_many_hands(t):
    """Each changes another limit: none takes back what another one did."""
    for controller in ("memory", "cpu", "pids", "cpuset"):
        need(controller)
    c = t.kist("run", "-d", "--name", "many", box(), "sleep", "1000").out.strip()
    t.undo.callback(lambda: t.kist("rm", "-f", c, code=(0, 12)))
    for value in ("1", "2", "3"):
        changes = [t.start("update", *flags, "many") for flags in (["-m", f"{value}00m"], ["--pids-limit", f"{value}0"], ["--cpus", value],
                                                                   ["--cpu-shares", f"{value}00"], ["--cpuset-cpus", CPU], ["--restart", f"on-failure:{value}"])]
        for child in changes:
            t.finish(child, ["update"], out="many")
        host = t.kist("inspect", c).json()[0]["HostConfig"]
        equal((host["Memory"], host["PidsLimit"], host["NanoCpus"], host["CpuShares"], host["CpusetCpus"], host["RestartPolicy"]["MaximumRetryCount"]),
              (int(value) * 100 << 20, int(value) * 10, int(value) * 10**9, int(value) * 100, CPU, int(value)), "what is kept")
        equal([read(controller, c, name) for controller, name in (("memory", "memory.limit_in_bytes"), ("pids", "pids.max"), ("cpu", "cpu.cfs_quota_us"),
                                                           ("cpu", "cpu.shares"))],
              [str(int(value) * 100 << 20), value + "0", value + "00000", value + "00"], "what the kernel has")
    # it began without a group of cpuset's
    equal((read("cpuset", c, "cpuset.cpus"), read("cpuset", c, "cgroup.procs")), (CPU, read("pids", c, "cgroup.procs")), "processors, and who is bound to them")
    t.kist("rm", "-f", c)
    equal(glob.glob(f"{GROUPS}/*/kist/{c}"), [], "groups that are left")


@test
def memory_runs_out(t):
    need("memory")
    t.kist("run", "--name", "hungry", "-m", "16m", "--memory-swap", "16m", box(), "sh", "-c", "x=$(head -c 60000000 /dev/zero | tr '\\0' a)", code=137)
    state = t.kist("inspect", "hungry").json()[0]["State"]
    equal((state["OOMKilled"], state["ExitCode"]), (True, 137), "what is told of it")
    t.kist("rm", "hungry")


@test
def a_fork_bomb(t):
    need("pids")
    out = t.kist("run", "--rm", "--pids-limit", "10", box(), "sh", "-c", "for i in $(seq 40); do sleep 1 & done; echo made $(jobs | wc -l)", code=2).err
    contains(out, "can't fork", "what a bomb meets")
    # one that goes off in earnest stays in its bounds, harms nobody, and is put out
    c = t.kist("run", "-d", "--pids-limit", "30", box(), "sh", "-c", "bomb() { bomb | bomb & }; bomb; exec sleep 1000").out.strip()
    wait_until(lambda: read("pids", c, "pids.events") != "max 0", "it to reach them")
    equal(read("pids", c, "pids.max"), "30", "its bounds")
    check(int(read("pids", c, "pids.current")) <= 30, "there are more")
    equal(t.kist("run", "--rm", box(), "echo", "unharmed").out, "unharmed\n", "another container")
    t.kist("rm", "-f", c)
    wait_until(lambda: not kit.strangers(), "no process is left")


@test
def other_flags(t):
    out = t.kist("run", "--rm", "--ulimit", "nofile=128:256", "--shm-size", "8m", "--sysctl", "kernel.msgmax=4096", "--group-add", "77",
                 "--oom-score-adj", "500", "--device", "/dev/zero:/dev/nought", "--device", "/dev/loop-control:/dev/lc:r", box(), "sh", "-c",
                 "ulimit -n; ulimit -Hn; df -k /dev/shm | tail -n1; cat /proc/sys/kernel/msgmax /proc/self/oom_score_adj; id -G; "
                 "head -c 3 /dev/nought | wc -c; echo x > /dev/lc || echo refused").out
    contains(out, ["128\n256\n", " 8192 ", "\n4096\n500\n", " 77\n", "\n3\n", "refused"], "what the flags did")
    pid = t.kist("run", "--rm", "--pid", "host", "--uts", "host", "--ipc", "host", box(), "sh", "-c",
                 "for n in pid uts ipc; do readlink /proc/self/ns/$n; done").out.split()
    t.kist("run", "--rm", "--pid", "host", box(), "sh", "-c", "sleep 1000 & true")
    equal(pid, [os.readlink(f"/proc/self/ns/{kind}") for kind in ("pid", "uts", "ipc")], "namespaces of the host")


@test
def what_makes_no_sense(t):
    for flags, message in ((["-m", "5m"], "minimum memory limit allowed is 6MB"), (["-m", "lots"], "invalid size for --memory: 'lots'"),
                           (["-m", "99999999999999999999"], "invalid size for --memory"),
                           (["-m", "9223372036854775807"], "invalid size for --memory: '9223372036854775807' is more than 4PiB"),
                           (["-m", "64m", "--memory-swap", "5000t"], "invalid size for --memory-swap: '5000t' is more than 4PiB"),
                           (["--health-cmd", "true", "--health-retries", "18446744073709551615"], "a health check's Retries is too large"),
                           (["--memory-swap", "64m"], "you should always set the memory limit"),
                           (["-m", "64m", "--memory-swap", "32m"], "should be larger than the memory limit"),
                           (["--cpus", "0"], "invalid value for --cpus"), (["--cpus", "1.0000000001"], "invalid value for --cpus"),
                           (["--cpus", "1", "--cpu-quota", "5000"], "conflicting options"), (["--cpu-shares", "262145"], "maximum allowed cpu-shares"),
                           (["--cpuset-cpus", "x"], "invalid value 'x' for --cpuset-cpus"), (["--cpuset-cpus", "900"], "cannot limit processors"),
                           (["--pids-limit", "x"], "invalid value for --pids-limit"), (["--blkio-weight", "5"], "from 10 to 1000"),
                           (["--ulimit", "nofile"], "invalid ulimit argument"), (["--ulimit", "files=1"], "invalid ulimit type"),
                           (["--ulimit", "nofile=9:8"], "soft limit"), (["--device", "/dev/none"], "no such device"),
                           (["--device", "/dev/null:/dev/x:q"], "invalid device"), (["--sysctl", "kernel.hostname=x"], "not the container's own"),
                           (["--pid", "other"], "--pid"), (["--shm-size", "x"], "shm-size")):
        t.fails(125, message, "run", "--rm", *flags, box(), "true")
    equal(t.kist("ps", "-aq").out, "", "containers left")


kit.main(prepare)
