#!/usr/bin/env python3
"""Containers that are made, started, listed, signalled, killed, removed; and what a killed kist leaves: nothing."""
import os
import signal
import threading

import images
import kit
import shared
from kit import check, contains, equal, test, wait_until
from shared import SHARED, Terminal, box

FOREVER = "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done"


def ids(t, *options):
    return t.kist("ps", "-q", "--no-trunc", *options).out.split()


def rows(t, *options):
    return t.kist("ps", "--json", "--no-trunc", *options).jsons()


def start_forever(t, *options, script=FOREVER):
    """A container that runs until it is told not to; returns once it does."""
    child = t.start("run", "-q", *options, SHARED["busybox"], "sh", "-c", script)
    equal(child.stdout.readline(), b"ready\n", "the first line")
    return child


def groups(container):
    """Control groups of a container that are there."""
    return [os.path.join(folder, name) for folder, names, _ in os.walk("/sys/fs/cgroup") for name in names if container in name]


def nothing_runs(t, *containers):
    """Processes, mounts and loop devices are looked at after every test; here also what the kernel does not show at once."""
    equal([name for name in kit.list_dir("/run/kist") if not name.startswith("events") and name not in ("logs", "network.lock")], [], "what is in /run/kist")
    kept = t.kist("ps", "-aq", "--no-trunc").out.split()
    equal([name for name in kit.list_dir("/run/kist/logs") if name not in kept], [], "the logs of removed containers")
    for container in containers:
        equal(groups(container), [], "the control groups left")
    equal(kit.loops(t.root), [], "the loop devices left")


@test
def create_start_rm(t):
    name = SHARED["busybox"]
    made = t.kist("create", "-q", "--name", "one", name, "sh", "-c", "echo run >> /log; cat /log; exit 7").out.strip()
    equal((len(made), int(made, 16) > 0), (64, True), "the ID")
    [row] = rows(t, "-a")
    equal((row["ID"], row["Names"], row["State"], row["Status"], row["Image"]), (made, "one", "created", "Created", name), "the row")
    equal(ids(t), [], "the running containers")
    equal(t.kist("start", "-a", "one", code=7).out, "run\n", "what the first run prints")
    equal(t.kist("start", "-a", made[:6], code=7).out, "run\nrun\n", "what the second run prints")
    [row] = rows(t, "-a")
    equal((row["State"], row["Status"].split(" ", 2)[:2]), ("exited", ["Exited", "(7)"]), "the row")
    details = t.kist("inspect", "one").json()[0]
    equal((details["Id"], details["State"]["ExitCode"], details["State"]["Running"]), (made, 7, False), "what inspect says")
    equal(t.kist("rm", "one").out, "one\n", "what rm prints")
    equal(ids(t, "-a"), [], "the containers left")
    t.fails(12, "'one'", "rm", "one")
    t.fails(125, "'one'", "start", "one")
    nothing_runs(t, made)


@test
def names(t):
    name = SHARED["busybox"]
    t.kist("create", "-q", "--name", "taken", name)
    t.fails(17, ["'taken'"], "create", "--name", "taken", name)
    t.fails(125, ["'taken'"], "run", "--name", "taken", name)
    for bad in ("-x", "a b", "../x", "x", "é" * 3):
        t.fails(2, "", "create", "--name", bad, name)
    made_up = t.kist("create", name).out.strip()
    [row] = [row for row in rows(t, "-a") if row["ID"] == made_up]
    check(len(row["Names"]) > 3, f"the name made up is '{row['Names']}'")
    contains(t.kist("ps", "-a", "--format", "{{.Names}}\\t{{.State}}").out.splitlines(), "taken\tcreated", "what --format prints")
    t.kist("rm", "taken", row["Names"])


@test
def id_in_a_file(t):
    place = t.path("cid")
    made = t.kist("create", "--cidfile", place, SHARED["busybox"], "true").out.strip()
    with open(place) as f:
        equal(f.read(), made, "what the file has")
    t.fails(17, f"'{place}' is there", "create", "--cidfile", place, SHARED["busybox"], "true")
    t.fails(125, f"'{place}' is there", "run", "--cidfile", place, SHARED["busybox"], "true")
    equal(len(rows(t, "-a")), 1, "containers")
    os.unlink(place)
    t.fails(125, "is taken by", "run", "--cidfile", place, "--name", rows(t, "-a")[0]["Names"], SHARED["busybox"], "true")
    check(not os.path.exists(place), "the file of a container that was not made")
    t.kist("run", "--rm", "--cidfile", place, SHARED["busybox"], "sh", "-c", "exit 3", code=3)
    equal(os.path.getsize(place), 64, "the file's size")
    full = t.path("full")
    os.mkdir(full)
    kit.command("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", full)
    t.undo.callback(lambda: kit.command("umount", full))
    with open(os.path.join(full, "all"), "wb") as f:
        f.write(bytes(4096))
    t.fails(125, "No space left", "run", "--rm", "--cidfile", os.path.join(full, "cid"), SHARED["busybox"], "true")
    equal(os.listdir(full), ["all"], "what is left on a full disk")
    t.kist("rm", made)


@test
def listing(t):
    equal(t.kist("ps").out.split(), ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"], "the empty table")
    table = "table {{.Names}}\\t{{.State}}\\t{{.CreatedAt}}"
    equal(t.kist("ps", "--format", "table {{.Names}}\\t{{.Status}}").out, "NAMES   STATUS\n", "no rows of a format's table")
    child = start_forever(t, "--name", "up")
    [row] = rows(t)
    equal(t.kist("ps", "--format", table).out, f"NAMES   STATE     CREATED AT\nup      running   {row['CreatedAt']}\n", "a format's table")
    t.fails(2, "there is no field 'Nope'", "ps", "--format", "table {{.Nope}}")
    equal((row["State"], row["Status"][:3]), ("running", "Up "), "the row")
    contains(t.kist("ps").out, ["up", row["ID"][:12]], "the table")
    details = t.kist("inspect", "up").json()[0]
    with open(f"/proc/{details['State']['Pid']}/cmdline") as f:
        contains(f.read(), "trap", "the command of State.Pid")
    t.fails(17, [row["ID"][:12], "running", "--force"], "rm", "up")
    t.kist("rm", "-f", "up", out="up")
    t.finish(child, ["run"], code=137)
    equal(ids(t, "-a"), [], "the containers left")
    nothing_runs(t, row["ID"])


@test
def stopped_container_keeps_its_image(t):
    name = SHARED["busybox"]
    t.kist("run", "-q", "--name", "user", name)
    t.fails(17, ["'user'", "kist rm user"], "rmi", name)
    image_id = t.kist("images", "-q").out.strip()
    t.kist("start", "-a", "user", out="hello")
    alias = shared.registry().host + "/box:other"
    shared.registry().push(images.path("busybox") + ":latest", "box:other")
    t.kist("pull", "-q", alias)
    t.kist("rmi", name, out="Untagged")
    t.kist("start", "-a", "user", out="hello")
    t.kist("rm", "user")
    t.kist("rmi", alias, out="Deleted")
    equal((t.images(), t.layers(), t.blobs()), ([], {}, set()), "what is left")


@test
def forced_from_its_names(t):
    """rmi -f takes the names away; what the container needs stays until it goes."""
    name = SHARED["busybox"]
    t.kist("run", "-q", "--name", "user", name)
    [image] = t.kist("images", "--json").jsons()
    layers = t.layers()
    t.kist("tag", name, "mine")
    for operand in (image["ID"], name, "mine"):
        r = t.kist("rmi", "-f", operand, "--json").json()
        check(operand not in (image["ID"], name) or r["untagged"], f"nothing was untagged by {operand}")
        equal((r["deleted"], r["freed"]), ([], 0), f"what rmi -f {operand} deleted")
        t.kist("start", "-a", "user", out="hello")
        equal((t.images(), t.layers()), ([""] if operand != name else ["docker.io/library/mine:latest"], layers), f"what is left after rmi -f {operand}")
        if operand == image["ID"]:
            t.kist("pull", "-q", name)
            t.kist("tag", name, "mine")
    t.fails(17, ["'user'", "kist rm user"], "rmi", "-f", image["ID"])
    t.kist("image", "prune", "-f")
    t.kist("start", "-a", "user", out="hello")
    t.kist("system", "check")
    t.kist("rm", "user")
    t.kist("image", "prune", "-f", out="Deleted")
    equal((t.images(), t.layers(), t.blobs()), ([], {}, set()), "what is left")


@test
def signals(t):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        script = f"trap 'exit {number + 50}' {number}; echo ready; while :; do sleep 0.05; done"
        child = start_forever(t, "--rm", script=script)
        child.send_signal(number)
        t.finish(child, ["run"], code=number + 50)
    child = start_forever(t, "--rm", "--init", script="echo ready; exec sleep 1000")
    child.send_signal(signal.SIGTERM)
    t.finish(child, ["run"], code=143)
    child = start_forever(t, "--rm", "--name", "victim")
    os.kill(t.kist("inspect", "victim").json()[0]["State"]["Pid"], signal.SIGKILL)
    t.finish(child, ["run"], code=137)
    nothing_runs(t)


@test
def init_reaps(t):
    script = """sh -c 'sleep 0.1 & echo $!' > /tmp/pid; read pid < /tmp/pid; i=0
                while [ -d /proc/$pid ] && [ $i -lt 200 ]; do i=$((i + 1)); sleep 0.02; done
                test ! -d /proc/$pid && test $$ != 1 && echo reaped"""
    equal(box(t, script, "--init").out, "reaped\n", "what became of an orphan")
    equal(box(t, "exit 9", "--init", code=9).err, "", "messages")


@test
def children_go_with_the_command(t):
    box(t, "sleep 1000 & sleep 1000 & echo started", out="started")
    box(t, "(trap '' TERM HUP; sleep 1000) & exit 4", "--init", code=4)


@test
def many_at_once(t):
    """Containers of one image share its loop devices."""
    t.kist("pull", "-q", SHARED["busybox"])
    children = [start_forever(t, "--rm") for _ in range(4)]
    equal(len(ids(t)), 4, "the running containers")
    equal(len(kit.loops(t.root)), 2, "loop devices for two layers")
    for child in children:
        child.terminate()
    for child in children:
        t.finish(child, ["run"], code=42)
    children = [t.start("run", "--rm", SHARED["busybox"], "sh", "-c", f"exit {i}") for i in range(12)]
    for i, child in enumerate(children):
        t.finish(child, ["run"], code=i)
    nothing_runs(t)


# ---- killed ---------------------------------------------------------------------------------------------------------


def kill_kist(t, *options, script=FOREVER):
    """kill -9 of kist: the container dies with it at once, without anybody's help. Returns its ID."""
    child = start_forever(t, *options, script=script)
    [container] = ids(t)
    child.kill()
    t.finish(child, ["run"], code=137)
    wait_until(lambda: not kit.strangers(), "no process of the container is left")
    wait_until(lambda: not kit.loops(t.root), "no loop device is bound")
    return container


@test
def killed_transient(t):
    container = kill_kist(t, "--rm")
    equal(ids(t, "-a"), [], "the containers the next command finds")
    equal(kit.list_dir(os.path.join(t.root, "containers")), [], "what is left of them in the store")
    nothing_runs(t, container)
    box(t, "echo again", out="again")


@test
def killed_and_kept(t):
    container = kill_kist(t, "--name", "kept", "--init", script="echo written > /file; echo ready; sleep 1000")
    [row] = rows(t, "-a")
    equal((row["ID"], row["State"], row["Status"][:12]), (container, "exited", "Exited (137)"), "the row")
    nothing_runs(t, container)
    t.kist("rm", "kept")


@test
def killed_while_starting(t):
    """At whatever moment; later ones come further."""
    t.kist("pull", "-q", SHARED["busybox"])
    for delay in range(12):
        child = t.start("run", "--rm", SHARED["busybox"], "sleep", "1000")
        threading.Event().wait(delay * 0.008)
        child.kill()
        t.finish(child, ["run"], code=137)
    wait_until(lambda: not kit.strangers(), "no process of the containers is left")
    equal(ids(t, "-a"), [], "the containers the next command finds")
    wait_until(lambda: not kit.loops(t.root), "no loop device is bound")
    nothing_runs(t)
    box(t, "echo fine", out="fine")


# ---- terminal -------------------------------------------------------------------------------------------------------


@test
def terminal(t):
    t.kist("pull", "-q", SHARED["busybox"])
    tty = Terminal(t, "run", "--rm", "-it", SHARED["busybox"], "sh", "-c",
                   "tty; stty size; trap 'stty size' WINCH; echo go; read x; read x; echo got $x; echo TERM=$TERM; exit 5")
    contains(tty.expect(b"go\r\n").decode(), ["/dev/", "24 80"], "the terminal")
    tty.resize(33, 99)
    tty.expect(b"33 99")
    tty.send(b"one\ntwo\n")
    tty.expect(b"TERM=xterm")
    tty.end(5)


@test
def terminal_keys(t):
    """Ctrl-C goes to the command, not to kist; Ctrl-D ends the input."""
    t.kist("pull", "-q", SHARED["busybox"])
    tty = Terminal(t, "run", "--rm", "-it", SHARED["busybox"], "sh", "-c", "trap 'echo caught; exit 6' INT; echo go; while :; do sleep 0.05; done")
    tty.expect(b"go")
    tty.send(b"\x03")
    tty.expect(b"caught")
    tty.end(6)
    tty = Terminal(t, "run", "--rm", "-it", SHARED["busybox"], "sh", "-c", "echo go; exec cat")
    tty.expect(b"go\r\n")  # before that, the line may be echoed once more
    tty.send(b"line\n")
    tty.expect(b"line\r\nline\r\n")
    tty.send(b"\x04")
    tty.end(0)


@test
def terminal_killed(t):
    tty = Terminal(t, "run", "-q", "--rm", "-it", SHARED["busybox"], "sh", "-c", "echo go; sleep 1000")
    tty.expect(b"go")
    tty.child.kill()
    tty.child.wait()
    wait_until(lambda: not kit.strangers(), "no process of the container is left")
    os.close(tty.master)
    os.close(tty.slave)
    equal(ids(t, "-a"), [], "the containers left")


@test
def bars_on_a_terminal(t):
    """A pull draws and takes away what it drew."""
    tty = Terminal(t, "pull", SHARED["busybox"])
    shown = tty.expect(b"Status: downloaded")
    contains(shown.decode(), ["2 layers", "done, "], "what was shown")
    tty.expect(SHARED["busybox"].encode())
    tty.end(0)


@test
def terminal_without_one(t):
    """-t where there is none: the command has one all the same, and what it writes comes out."""
    r = t.kist("run", "--rm", "-q", "-t", SHARED["busybox"], "sh", "-c", "test -t 1 && echo yes")
    contains(r.out, "yes", "what -t without a terminal gives")


kit.main(shared.prepare)
