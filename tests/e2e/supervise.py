#!/usr/bin/env python3
"""Containers in the background: the process that stays with each, restarts, stops, and what becomes of it when it is killed."""
import contextlib
import json
import os
import signal
import threading
import time

import kit
import shared
from kit import check, contains, equal, test, wait_until
from shared import SHARED

FOREVER = "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done"


def details(t, name):
    return t.kist("inspect", name).json()[0]


def state(t, name):
    return details(t, name)["State"]


def up(t, *options, script=FOREVER):
    """A container in the background; its ID."""
    made = t.kist("run", "-q", "-d", *options, SHARED["busybox"], "sh", "-c", script).out.strip()
    equal((len(made), int(made, 16) > 0), (64, True), "the ID")
    return made


def running_file(container):
    with open(f"/run/kist/{container}/running.json") as f:
        return json.load(f)


def supervisor(container):
    return running_file(container)["supervisor"]["pid"]


def lines(t, name, *options):
    return t.kist("logs", *options, name).out.splitlines()


def holds_socket(child):
    """It speaks with a supervisor."""
    folder = f"/proc/{child.pid}/fd"
    try:
        return any(os.readlink(f"{folder}/{fd}").startswith("socket:") for fd in os.listdir(folder))
    except FileNotFoundError:  # one that was closed meanwhile
        return False


def ended(t, name):
    return wait_until(lambda: (s := state(t, name))["Status"] == "exited" and s, f"the end of {name}")


@test
def begins_and_ends(t):
    made = up(t, "--name", "one")
    wait_until(lambda: lines(t, "one") == ["ready"], "its first line")
    s = state(t, "one")
    equal((s["Status"], s["Running"], s["Pid"] > 0), ("running", True, True), "its state")
    t.fails(17, ["running", "--force"], "rm", "one")
    t.kist("start", "one", out="one")
    equal(t.kist("stop", "one").out, "one\n", "what stop prints")
    s = state(t, "one")
    equal((s["Status"], s["ExitCode"]), ("exited", 42), "its state")
    equal(kit.list_dir(f"/run/kist/{made}"), [], "its run directory")
    equal(lines(t, "one"), ["ready"], "its log")
    t.kist("stop", "one", out="one")
    t.kist("start", "one", out="one")
    wait_until(lambda: lines(t, "one") == ["ready", "ready"], "the second run's line")
    t.kist("kill", "one", out="one")
    equal(state(t, "one")["ExitCode"], 137, "exit status")
    t.fails(17, "not running", "kill", "one")
    t.kist("rm", "one")
    equal(kit.list_dir("/run/kist/logs"), [], "the logs left")


@test
def transient(t):
    made = up(t, "--rm", "--name", "one", script="trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")
    wait_until(lambda: lines(t, "one") == ["ready"], "its first line")
    waiting = t.start("wait", made)
    wait_until(lambda: holds_socket(waiting), "that it waits")
    t.kist("kill", "-s", "TERM", made)
    t.finish(waiting, ["wait"], out="7\n")
    equal(t.kist("ps", "-aq").out, "", "the containers left")
    made = up(t, "--rm")
    t.kist("stop", made)
    equal(t.kist("ps", "-aq").out, "", "the containers left")
    equal((kit.list_dir(os.path.join(t.root, "containers")), kit.list_dir("/run/kist/logs")), ([], []), "what is left")


@test
def failures(t):
    """What cannot begin is told by the command that asked for it."""
    name = SHARED["busybox"]
    t.fails(127, ["'nothing'", "not found"], "run", "-q", "-d", "--rm", name, "nothing")
    t.fails(126, "'/etc'", "run", "-q", "-d", "--rm", name, "/etc")
    t.fails(125, "conflicting", "run", "-d", "--rm", "--restart", "always", name)
    t.fails(125, "restart must be", "run", "-d", "--restart", "sometimes", name)
    equal(t.kist("ps", "-aq").out, "", "the containers left")
    t.fails(127, "'nothing'", "run", "-q", "-d", "--name", "kept", name, "nothing")
    equal(state(t, "kept")["Status"], "created", "the state of what never began")
    t.fails(127, "'nothing'", "start", "kept")
    t.kist("rm", "kept")


@test
def deaf_to_the_stop_signal(t):
    up(t, "--name", "deaf", "--stop-timeout", "1", script="trap '' TERM; echo ready; while :; do sleep 0.05; done")
    wait_until(lambda: lines(t, "deaf") == ["ready"], "its first line")
    t.kist("stop", "deaf")
    equal(state(t, "deaf")["ExitCode"], 137, "exit status")
    t.kist("start", "deaf")
    t.kist("stop", "-t", "0", "deaf")
    equal(state(t, "deaf")["ExitCode"], 137, "exit status")
    up(t, "--name", "other", "--stop-signal", "USR1", script="trap 'exit 5' USR1; echo ready; while :; do sleep 0.05; done")
    wait_until(lambda: lines(t, "other") == ["ready"], "its first line")
    t.kist("stop", "other")
    equal(state(t, "other")["ExitCode"], 5, "exit status")
    t.kist("rm", "deaf", "other")


@test
def restart_policies(t):
    up(t, "--name", "thrice", "--restart", "on-failure:3", script="echo run; exit 3")
    equal((ended(t, "thrice")["ExitCode"], lines(t, "thrice")), (3, ["run"] * 4), "the exit status and the runs")
    up(t, "--name", "well", "--restart", "on-failure", script="echo run")
    equal((ended(t, "well")["ExitCode"], lines(t, "well")), (0, ["run"]), "the exit status and the runs")
    up(t, "--name", "always", "--restart", "always", script="echo run")
    wait_until(lambda: len(lines(t, "always")) >= 3, "three runs")
    check(details(t, "always")["RestartCount"] >= 2, "it is counted")
    t.kist("stop", "always")
    equal(state(t, "always")["Status"], "exited", "a stopped one's state")
    equal(t.kist("ps", "-q").out, "", "the running containers")
    t.kist("rm", "thrice", "well", "always")


@test
def pauses_grow(t):
    """Each pause is at least twice the one before; that they are not longer is not looked at."""
    up(t, "--name", "fast", "--restart", "always", script="cat /proc/uptime; exit 1")
    wait_until(lambda: len(lines(t, "fast")) >= 5, "five runs")
    times = [float(line.split()[0]) for line in lines(t, "fast")]
    for i, least in enumerate((0.1, 0.2, 0.4, 0.8)):
        check(times[i + 1] - times[i] >= least - 0.02, f"pause {i + 1} is {times[i + 1] - times[i]}")
    wait_until(lambda: state(t, "fast")["Status"] == "restarting", "a pause")
    wait_until(lambda: "Restarting (1)" in t.kist("ps").out, "the listing")
    t.kist("rm", "-f", "fast")


@test
def restart_in_place(t):
    made = up(t, "--name", "one")
    first, guard = state(t, "one")["Pid"], supervisor(made)
    t.kist("restart", "one", out="one")
    s = state(t, "one")
    check(s["Running"] and s["Pid"] != first, "another process runs")
    equal(supervisor(made), guard, "who stays with it")
    t.kist("stop", "one")
    t.kist("restart", "one")
    equal(state(t, "one")["Running"], True, "a stopped one after a restart")
    child = t.start("run", "-q", "--name", "front", SHARED["busybox"], "sh", "-c", FOREVER)
    equal(child.stdout.readline(), b"ready\n", "the first line")
    t.kist("restart", "front")
    equal(child.stdout.readline(), b"ready\n", "the second run's line, in the same process")
    t.kist("stop", "front")
    t.finish(child, ["run"], code=42)
    t.kist("rm", "-f", "one", "front")


@test
def foreground_policies(t):
    """The same jobs without a second process; a signal to stop is not followed by another run."""
    r = t.kist("run", "-q", "--name", "ff", "--restart", "on-failure:2", SHARED["busybox"], "sh", "-c", "echo run; exit 3", code=3)
    equal(r.out, "run\n" * 3, "the runs")
    equal(lines(t, "ff"), ["run"] * 3, "the log")
    child = t.start("run", "-q", "--name", "gg", "--restart", "always", SHARED["busybox"], "sh", "-c", FOREVER)
    equal(child.stdout.readline(), b"ready\n", "the first line")
    child.terminate()
    t.finish(child, ["run"], code=42)
    t.kist("rm", "ff", "gg")


@test
def boot(t):
    script = "echo run; exec sleep 1000"
    for policy in ("always", "unless-stopped", "no"):
        up(t, "--name", policy, "--restart", policy, script=script)
    up(t, "--name", "stopped", "--restart", "unless-stopped", script=script)
    t.kist("stop", "-t", "0", "stopped")
    for name in ("always", "unless-stopped", "no"):
        container = details(t, name)["Id"]
        os.kill(supervisor(container), signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{state(t, name)['Pid']}/exe") or state(t, name)["Status"] == "exited", "its end")
    equal(sorted(t.kist("start", "--all").out.split()), ["always", "unless-stopped"], "what is started at boot")
    equal(t.kist("start", "--all").out, "", "what is started when all runs")
    equal(sorted(t.kist("stop", "--all", "-t", "0").out.split()), ["always", "unless-stopped"], "what a shutdown stops")
    equal(t.kist("ps", "-q").out, "", "what runs then")
    equal(sorted(t.kist("start", "--all").out.split()), ["always", "unless-stopped"], "what comes back after it")
    t.fails(2, "--all", "stop")
    t.kist("rm", "-f", "always", "unless-stopped", "no", "stopped")


# ---- killed ---------------------------------------------------------------------------------------------------------


@test
def supervisor_killed(t):
    made = up(t, "--name", "one", "--restart", "always")
    guard = supervisor(made)
    os.kill(guard, signal.SIGKILL)
    wait_until(lambda: not kit.strangers(), "no process is left")
    wait_until(lambda: not kit.loops(t.root), "no loop device is bound")
    equal((state(t, "one")["Status"], state(t, "one")["ExitCode"]), ("exited", 137), "its state")
    equal(kit.list_dir(f"/run/kist/{made}"), [], "its run directory")
    before = len(lines(t, "one"))
    t.kist("start", "one")
    wait_until(lambda: len(lines(t, "one")) > before, "its line")
    os.kill(supervisor(made), signal.SIGTERM)
    equal(ended(t, "one")["ExitCode"], 42, "exit status when the supervisor is told to end")
    t.kist("rm", "one")


@test
def supervisor_killed_while_starting(t):
    """At whatever moment; later ones come further."""
    t.kist("pull", "-q", SHARED["busybox"])
    for delay in range(16):
        # the look for leaks, at the end, is a process as well, without whom kist would stop for ever
        child = t.start("run", "-d", "--restart", "always", "-p", "127.0.0.1:8090:80", SHARED["busybox"], "sleep", "1000",
                        env={"ASAN_OPTIONS": kit.ENVIRONMENT["ASAN_OPTIONS"] + ":detect_leaks=0"})
        threading.Event().wait(delay * 0.006)
        for entry in kit.strangers():
            if entry.endswith(" kist") and int(entry.split()[0]) != child.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(entry.split()[0]), signal.SIGKILL)
        t.finish(child, ["run"], code=(0, 125))
        for name in t.kist("ps", "-aq").out.split():
            t.kist("rm", "-f", name)
    wait_until(lambda: not kit.strangers(), "no process is left")
    equal([n for n in kit.list_dir("/run/kist") if len(n) == 64], [], "the run directories left")
    equal([kit.list_dir(os.path.join(t.root, part)) for part in ("containers", "tmp")], [[], []], "what is left in the store")


@test
def survives_its_parent(t):
    """Whoever started it may go, with all of its process group."""
    child = t.start("run", "-q", "-d", "--name", "one", SHARED["busybox"], "sh", "-c", FOREVER, start_new_session=True)
    t.finish(child, ["run"])
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    equal(state(t, "one")["Running"], True, "its state")
    t.kist("rm", "-f", "one")


# ---- many -----------------------------------------------------------------------------------------------------------


@test
def many_hands(t):
    """Ten processes start, stop and remove the same containers: each says yes or why not, and nothing is left."""
    for name in ("aa", "bb"):
        t.kist("create", "-q", "--name", name, SHARED["busybox"], "sh", "-c", FOREVER)
    failed = []

    def hand(number):
        for i in range(3):
            name = ["aa", "bb"][(number + i) % 2]
            for words in (["start", name], ["stop", "-t", "0", name], ["restart", "-t", "0", name], ["kill", name]):
                child = t.start(*words)
                try:
                    t.finish(child, words, code=(0, 17, 125), timeout=60)
                except kit.Failure as failure:
                    failed.append(str(failure))

    hands = [threading.Thread(target=hand, args=(i,)) for i in range(10)]
    for one in hands:
        one.start()
    for one in hands:
        one.join()
    check(not failed, "\n".join(failed[:3]))
    removers = [t.start("rm", "-f", "aa", "bb") for _ in range(5)]
    for child in removers:
        t.finish(child, ["rm"], code=(0, 12, 17))
    equal(t.kist("ps", "-aq").out, "", "the containers left")
    wait_until(lambda: not kit.strangers(), "no process is left")


@test
def made_and_removed_by_many_hands(t):
    """Ten processes make, start, stop and remove one name: each says yes or why not, and nothing is left."""
    t.kist("pull", "-q", SHARED["busybox"])
    failed, done = [], []

    def hand(number):
        for i in range(3):
            turn = (["run", "-d", "--name", "one", SHARED["busybox"], "sleep", "1000"], ["stop", "-t", "0", "one"], ["start", "one"], ["rm", "-f", "one"])
            for words in turn if number % 2 else reversed(turn):
                child = t.start(*words)
                try:
                    r = t.finish(child, words, code=(0, 12, 17, 125), timeout=60)
                    done.append((words[0], r.code))
                    check(r.code == 0 or "'one'" in r.err or "container" in r.err, f"{words}: {r.err}")
                except kit.Failure as failure:
                    failed.append(str(failure))

    hands = [threading.Thread(target=hand, args=(i,)) for i in range(10)]
    for one in hands:
        one.start()
    for one in hands:
        one.join()
    check(not failed, "\n".join(failed[:3]))
    check({("run", 0), ("rm", 0), ("stop", 0)} <= set(done), f"what was done: {sorted(set(done))}")
    t.kist("rm", "-f", "one")
    equal(t.kist("ps", "-aq").out, "", "the containers left")
    wait_until(lambda: not kit.strangers(), "no process is left")
    equal([n for n in kit.list_dir("/run/kist") if len(n) == 64], [], "the run directories left")
    equal([kit.list_dir(os.path.join(t.root, part)) for part in ("containers", "tmp")], [[], []], "what is left in the store")


@test
def fifty(t):
    t.kist("pull", "-q", SHARED["busybox"])
    made = [up(t, script="exec sleep 1000") for _ in range(50)]
    equal(len(t.kist("ps", "-q").out.split()), 50, "the running containers")
    equal(len(kit.loops(t.root)), 2, "loop devices for two layers")
    t.kist("stop", "-t", "0", *made)
    equal(t.kist("ps", "-q").out, "", "the running containers")
    t.kist("rm", *made)


kit.main(shared.prepare)
