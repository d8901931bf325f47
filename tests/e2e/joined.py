#!/usr/bin/env python3
"""Containers that share namespaces with another: the network, processes, shared memory, the host name."""
import json
import os
import signal
import subprocess

import kit
from kit import check, contains, equal, test, wait_until
from shared import prepare, registry

KINDS = {"network": "net", "pid": "pid", "ipc": "ipc", "uts": "uts"}


def box():
    return f"{registry().host}/box"


def start(t, name, *flags, script="trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"):
    """A container in the background; its ID."""
    container = t.kist("run", "-d", "--name", name, *flags, box(), "sh", "-c", script).out.strip()
    t.undo.callback(lambda: t.kist("rm", "-f", name))
    return container


def inspect(t, name):
    return t.kist("inspect", name).json()[0]


def namespace(t, name, kind):
    return os.readlink(f"/proc/{inspect(t, name)['State']['Pid']}/ns/{kind}")


def inside(t, name, script, **checks):
    return t.kist("exec", name, "sh", "-c", script, **checks).out


@test
def each_kind(t):
    owner = start(t, "owner", "--ipc", "shareable")
    start(t, "joiner", *[f"--{flag}=container:{'owner' if flag == 'pid' else owner[:9]}" for flag in KINDS])
    for flag, kind in KINDS.items():
        equal(namespace(t, "joiner", kind), namespace(t, "owner", kind), f"the {flag} namespace")
    for kind in ("mnt", "cgroup"):
        check(namespace(t, "joiner", kind) != namespace(t, "owner", kind), f"the {kind} namespace is one")
    host = inspect(t, "joiner")["HostConfig"]
    equal([host[f"{mode}Mode"] for mode in ("Network", "Pid", "Ipc", "UTS")], [f"container:{owner}"] * 4, "inspect")
    equal(inspect(t, "joiner")["NetworkSettings"]["Networks"], {}, "networks of its own")
    host = inspect(t, "owner")["HostConfig"]
    equal([host[f"{mode}Mode"] for mode in ("Network", "Pid", "Ipc", "UTS")], ["bridge", "", "shareable", ""], "inspect of the owner")
    equal([host[name] for name in ("UsernsMode", "CgroupnsMode", "OomScoreAdj")], ["", "private", 0], "more of it")
    # what is made in one is seen in the other, by commands that enter later too
    inside(t, "owner", "echo shared > /dev/shm/word")
    equal(inside(t, "joiner", "cat /dev/shm/word; echo back > /dev/shm/answer"), "shared\n", "shared memory")
    equal(inside(t, "owner", "cat /dev/shm/answer; stat -c %a /dev/shm"), "back\n1777\n", "shared memory, the other way")
    equal(inside(t, "joiner", "cat /proc/1/cgroup > /dev/null; hostname"), owner[:12] + "\n", "the host name")
    equal(inside(t, "joiner", "readlink /proc/self/ns/pid"), namespace(t, "owner", "pid") + "\n", "of a command that entered")
    check("nodev" in [line for line in inside(t, "joiner", "cat /proc/mounts").splitlines() if " /dev/shm " in line][0], "/dev/shm has devices")


@test
def network(t):
    """One set of interfaces, ports and files of /etc."""
    owner = start(t, "web", "-p", "127.0.0.1:8090:80", "--hostname", "webhost", "--add-host", "db:192.0.2.1", "--dns", "192.0.2.53")
    start(t, "server", "--network", "container:web", script="mkdir /tmp/w; echo joined > /tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w")
    fetch = ["curl", "-sS", "--max-time", "20", "http://127.0.0.1:8090/"]
    wait_until(lambda: subprocess.run(fetch, capture_output=True, text=True).stdout == "joined\n", "the joiner at the owner's port")
    for name in ("hosts", "hostname", "resolv.conf"):
        equal(inside(t, "server", f"cat /etc/{name}"), inside(t, "web", f"cat /etc/{name}"), f"/etc/{name}")
    contains(inside(t, "server", "cat /etc/hosts /etc/resolv.conf; hostname"), ["192.0.2.1\tdb\n", "nameserver 192.0.2.53\n", "webhost\n"], "the owner's")
    # who comes to the bridge later is known in both
    start(t, "neighbour")
    contains(inside(t, "server", "cat /etc/hosts"), "\tneighbour\t", "the joiner's hosts")
    # one that joins the joiner has the same
    third = t.kist("run", "--rm", "--network", "container:server", box(), "sh", "-c", "hostname; cat /etc/hosts; readlink /proc/self/ns/net").out
    contains(third, ["webhost\n", "\tneighbour\t", namespace(t, "web", "net")], "one that joined the joiner")
    equal(t.kist("ps", "--filter", "name=server", "--format", "[{{.Ports}}]").out, "[]\n", "ports of the joiner")
    equal(inspect(t, "server")["HostConfig"]["NetworkMode"], f"container:{owner}", "inspect")


@test
def ends_and_comes_again(t):
    start(t, "owner")
    start(t, "joiner", "--network", "container:owner")
    kept = namespace(t, "joiner", "net")
    contains(inside(t, "joiner", "ip -4 addr show eth0"), "10.89.0.2/16", "the owner's address")
    t.kist("stop", "owner")
    # it lives on, with nothing but a loopback: the address is another's by now
    equal(namespace(t, "joiner", "net"), kept, "the namespace once its owner ended")
    equal(inside(t, "joiner", "ls /sys/class/net; ip -o link | wc -l"), "lo\n1\n", "interfaces once the owner ended")
    start(t, "next", "--ip", "10.89.0.2")
    t.fails(17, f"cannot join network of a non running container: {inspect(t, 'owner')['Id']}", "restart", "-t", "0", "joiner")
    t.kist("start", "owner")
    contains(inside(t, "owner", "ip -4 addr show eth0"), "10.89.0.3/16", "the owner's new address")
    t.kist("start", "joiner")
    equal(namespace(t, "joiner", "net"), namespace(t, "owner", "net"), "the namespace after both started again")
    # the owner alone again: the joiner stays where it is until it is started again
    t.kist("restart", "-t", "0", "owner")
    check(namespace(t, "joiner", "net") != namespace(t, "owner", "net"), "the joiner moved")
    t.kist("restart", "-t", "0", "joiner")
    equal(namespace(t, "joiner", "net"), namespace(t, "owner", "net"), "the namespace after the joiner's restart")


@test
def processes(t):
    """Who shares its processes sees and signals them, and ends with process 1."""
    start(t, "owner", script="sleep 4321 & wait")
    start(t, "joiner", "--pid", "container:owner", script="sleep 8765 & exec sleep 1000")
    contains(inside(t, "joiner", "ps -o args"), ["sleep 4321", "sleep 8765"], "processes of both")
    contains(inside(t, "owner", "ps -o args"), "sleep 8765", "processes of both, from the owner")
    equal([line.split()[-1] for line in t.kist("top", "joiner").out.splitlines()[1:]], ["1000", "8765"], "top tells its own")
    # a joiner that ends takes what it began with it, and nothing else
    t.kist("kill", "joiner")
    wait_until(lambda: "8765" not in inside(t, "owner", "ps -o args"), "the joiner's child gone")
    contains(inside(t, "owner", "ps -o args"), "sleep 4321", "the owner's child")
    t.kist("start", "joiner")
    t.kist("kill", "owner")
    equal(t.kist("wait", "joiner").out, "137\n", "the joiner's exit status when process 1 went")


@test
def killed_supervisors(t):
    """Neither the joiner's supervisor nor the owner's leaves a process or an interface."""
    owner = start(t, "owner")
    joiner = start(t, "joiner", "--network", "container:owner", "--pid", "container:owner", script="sleep 8766 & exec sleep 1000")

    def supervisor(container):
        with open(f"/run/kist/{container}/running.json") as f:
            return json.load(f)["supervisor"]["pid"]

    os.kill(supervisor(joiner), signal.SIGKILL)
    wait_until(lambda: inspect(t, "joiner")["State"]["Status"] == "exited", "the joiner's end")
    wait_until(lambda: "8766" not in inside(t, "owner", "ps -o args"), "the joiner's child gone")
    t.kist("start", "joiner")
    os.kill(supervisor(owner), signal.SIGKILL)
    wait_until(lambda: inspect(t, "owner")["State"]["Status"] == "exited", "the owner's end")
    wait_until(lambda: inspect(t, "joiner")["State"]["Status"] == "exited", "the joiner's end with it")
    equal([name for name in os.listdir("/sys/class/net") if name.startswith("kist") and name != "kist0"], [], "interfaces left")


@test
def shared_memory(t):
    start(t, "private")
    start(t, "none", "--ipc", "none")
    start(t, "host", "--ipc", "host")
    hint = "non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
    for name in ("private", "none"):
        t.fails(125, f"can't join IPC of container {inspect(t, name)['Id']}: {hint}", "run", "--rm", "--ipc", f"container:{name}", box())
    equal(inside(t, "none", "grep -c ' /dev/shm ' /proc/mounts", code=1), "0\n", "/dev/shm with --ipc none")
    equal(inspect(t, "none")["HostConfig"]["IpcMode"], "none", "inspect")
    with open("/dev/shm/kist-test", "w") as f:
        f.write("host's\n")
    t.undo.callback(lambda: os.unlink("/dev/shm/kist-test"))
    equal(inside(t, "host", "cat /dev/shm/kist-test"), "host's\n", "the host's shared memory")
    equal(t.kist("run", "--rm", "--ipc", "container:host", box(), "cat", "/dev/shm/kist-test").out, "host's\n", "by way of another container")
    # a donor that bends /dev/shm has nothing of the host to give
    start(t, "bent", "--ipc", "shareable", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined")
    inside(t, "bent", "umount /dev/shm && rmdir /dev/shm && mkdir /tmp/etc && ln -s ../../../../../../tmp/etc /dev/shm && touch /tmp/etc/mine")
    equal(t.kist("run", "--rm", "--ipc", "container:bent", box(), "ls", "/dev/shm").out, "mine\n", "where a bent /dev/shm leads")


@test
def with_other_users(t):
    """Either may have a user namespace of its own: what is shared is seen, and is not theirs to harm who has other users."""
    apart = ("--userns", "private")
    if t.kist("run", "--rm", *apart, box(), "true", code=(0, 125)).code != 0:
        kit.skip("no user namespaces")
    for owner, joiner in ((apart, ()), ((), apart), (apart, apart)):
        start(t, "owner", "--ipc", "shareable", *owner)
        for flag, kind in KINDS.items():
            start(t, "joiner", f"--{flag}", "container:owner", *joiner)
            what = f"with {flag} of {owner} for {joiner}"
            host = inspect(t, "joiner")["HostConfig"]
            equal((host["UsernsMode"], host[{"network": "Network", "uts": "UTS"}.get(flag, flag.capitalize()) + "Mode"]),
                  ("private" if joiner else "", f"container:{inspect(t, 'owner')['Id']}"), f"inspect {what}")
            equal(namespace(t, "joiner", kind), namespace(t, "owner", kind), f"the namespace {what}")
            equal(inside(t, "joiner", "id -u; ls /sys/class/net | xargs; echo x > /dev/shm/x; cat /dev/shm/x"), "0\neth0 lo\nx\n", what)
            if flag == "pid":
                refused = not owner and joiner
                equal(inside(t, "joiner", "kill -CONT 1", code=1 if refused else 0), "", what)
                check(not inside(t, "joiner", "cat /proc/1/environ", code=(0, 1)) or not refused, f"process 1's environment {what}")
            t.kist("rm", "-f", "joiner")
            inside(t, "owner", "rm -f /dev/shm/x")
        t.kist("rm", "-f", "owner")


@test
def by_a_file(t):
    """What another engine may ask for: a namespace that a file stands for."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
    t.undo.callback(lambda: (holder.kill(), holder.wait()))
    path = f"/proc/{holder.pid}/ns/net"
    wait_until(lambda: os.readlink(path) != os.readlink("/proc/self/ns/net"), "a network of its own")
    container = t.kist("create", "--name", "filed", "--network", "none", box(), "sh", "-c", "readlink /proc/self/ns/net; cat /etc/hosts").out.strip()
    file = os.path.join(t.root, "containers", container, "config.json")
    with open(file) as f:
        config = json.load(f)
    config["linux"]["namespaces"] = [{**n, **({"path": path} if n["type"] == "network" else {})} for n in config["linux"]["namespaces"]]
    config["linux"].pop("sysctl", None)
    t.write(file, json.dumps(config))
    contains(t.kist("start", "-a", "filed").out, [os.readlink(path), "127.0.0.1\tlocalhost\n"], "in the namespace of a file")
    config["linux"]["namespaces"][-1]["path"] = t.path("none")
    t.write(file, json.dumps(config))
    t.fails(125, "cannot open the net namespace", "start", "filed")


@test
def refusals(t):
    owner = start(t, "owner")
    t.kist("create", "--name", "asleep", box(), "true")
    t.undo.callback(lambda: t.kist("rm", "asleep"))
    asleep = inspect(t, "asleep")["Id"]
    for flags, message in ((["--network", "container:nobody"], "no such container: 'nobody'"), (["--network", "container:"], "invalid container format container:<name|id>"),
                           (["--network", "container:asleep"], f"cannot join network of a non running container: {asleep}"),
                           (["--pid", "container:asleep"], f"can't join PID namespace of container {asleep}: container {asleep} is not running"),
                           (["--ipc", "container:asleep"], f"can't join IPC of container {asleep}: container {asleep} is not running"),
                           (["--pid", "container"], "invalid --pid 'container': host, private or container:NAME"),
                           (["--pid", "shareable"], "invalid --pid 'shareable'"), (["--ipc", "mine"], "invalid --ipc 'mine'"),
                           (["--uts", "container:owner", "-h", "x"], "conflicting options: hostname and the UTS mode"),
                           (["--network", "container:owner", "-h", "x"], "conflicting options: hostname and the network mode"),
                           (["--network", "container:owner", "--dns", "1.1.1.1"], "conflicting options: dns and the network mode"),
                           (["--network", "container:owner", "--add-host", "a:1.1.1.1"], "conflicting options: custom host-to-IP mapping and the network mode"),
                           (["--network", "container:owner", "-p", "80"], "conflicting options: port publishing and the container type network mode"),
                           (["--network", "container:owner", "-P"], "conflicting options: port publishing and the container type network mode"),
                           (["--network", "container:owner", "--expose", "80"], "conflicting options: port exposing and the container type network mode"),
                           (["--network", "container:owner", "--ip", "10.89.0.9"], "--ip and --network-alias need --network bridge"),
                           (["--network", "container:owner", "--sysctl", "net.ipv4.ip_forward=1"], "is not the container's own")):
        t.fails(125, message, "run", "--rm", *flags, box(), "true")
    # made while the owner is there, started when it is not
    t.kist("create", "--name", "late", "--network", "container:owner", box(), "true")
    t.undo.callback(lambda: t.kist("rm", "late"))
    t.kist("rm", "-f", "owner")
    t.fails(125, f"no such container: '{owner}'", "start", "late")


kit.main(prepare)
