#!/usr/bin/env python3
"""Health checks and what they lead to; paused containers; what listings and inspect tell of all that; readiness."""
import os
import socket

import kit
import shared
from kit import check, contains, equal, test, wait_until
from shared import SHARED, configured

FAST = ["--health-interval", "50ms", "--health-retries", "2"]
SLEEP = "exec sleep 1000"


def up(t, *options, script=SLEEP, image=None, command=None):
    return t.kist("run", "-q", "-d", *options, image or SHARED["busybox"], *(command or ["sh", "-c", script])).out.strip()


def state(t, name):
    return t.kist("inspect", name).json()[0]["State"]


def health(t, name):
    return state(t, name).get("Health", {}).get("Status")


@test
def flags(t):
    up(t, "--name", "one", *FAST, "--health-cmd", "cat /good")
    wait_until(lambda: health(t, "one") == "unhealthy", "unhealthy")
    log = state(t, "one")["Health"]["Log"]
    equal((log[-1]["ExitCode"], "No such file" in log[-1]["Output"]), (1, True), "the last check")
    contains(t.kist("ps").out, "(unhealthy)", "the listing")
    t.kist("exec", "one", "sh", "-c", "echo yes > /good")
    wait_until(lambda: health(t, "one") == "healthy", "healthy")
    wait_until(lambda: (h := state(t, "one")["Health"])["FailingStreak"] == 0 and h["Log"][-1]["Output"] == "yes\n", "the last check's output")
    equal(t.kist("ps", "-q", "--filter", "health=healthy").out != "", True, "the filter")
    check(len(state(t, "one")["Health"]["Log"]) <= 5, "no more than five are remembered")
    t.kist("stop", "-t", "0", "one")
    t.kist("rm", "one")
    t.fails(2, "health-on-failure", "create", "--health-on-failure", "cry", SHARED["busybox"])
    t.fails(2, "no health check", "create", "--health-on-failure", "kill", SHARED["busybox"])


@test
def image_check(t):
    name = configured({"Cmd": ["sleep", "1000"], "Healthcheck": {"Test": ["CMD", "true"], "Interval": 50000000}}, tag="checked")
    up(t, "--name", "one", image=name, command=["sleep", "1000"])
    wait_until(lambda: health(t, "one") == "healthy", "healthy")
    equal(t.kist("inspect", "-f", "{{json .Config.Healthcheck.Test}}", "one").out.strip(), '["CMD","true"]', "the check")
    up(t, "--name", "two", "--no-healthcheck", image=name, command=["sleep", "1000"])
    equal(health(t, "two"), None, "without")
    t.kist("rm", "-f", "one", "two")


@test
def hanging(t):
    """A check that hangs is killed, with what it began."""
    up(t, "--name", "one", *FAST, "--health-timeout", "200ms", "--health-cmd", "sleep 1001; true")
    wait_until(lambda: health(t, "one") == "unhealthy", "unhealthy")
    log = state(t, "one")["Health"]["Log"][-1]
    equal((log["ExitCode"], "exceeded timeout" in log["Output"]), (-1, True), "the last check")
    t.kist("stop", "-t", "0", "one")
    wait_until(lambda: not kit.strangers(), "no check is left")
    t.kist("rm", "one")


@test
def start_period(t):
    up(t, "--name", "one", "--health-interval", "50ms", "--health-retries", "1", "--health-start-period", "1h", "--health-start-interval", "50ms",
       "--health-cmd", "test -e /good")
    wait_until(lambda: len(state(t, "one")["Health"]["Log"]) >= 3, "three checks")
    equal((health(t, "one"), state(t, "one")["Health"]["FailingStreak"]), ("starting", 0), "failures that do not count")
    contains(t.kist("ps").out, "(health: starting)", "the listing")
    t.kist("exec", "one", "touch", "/good")
    wait_until(lambda: health(t, "one") == "healthy", "healthy")
    t.kist("exec", "one", "rm", "/good")
    wait_until(lambda: health(t, "one") == "unhealthy", "unhealthy")
    t.kist("rm", "-f", "one")


@test
def on_failure(t):
    check_ = ["--health-cmd", "test ! -e /bad"]
    go_bad = "touch /bad; " + SLEEP
    up(t, "--name", "kill", *FAST, *check_, "--health-on-failure", "kill", script=go_bad)
    wait_until(lambda: state(t, "kill")["Status"] == "exited", "its end")
    equal(state(t, "kill")["ExitCode"], 137, "exit status")
    up(t, "--name", "stop", *FAST, *check_, "--health-on-failure", "stop", "--restart", "always", script="trap 'exit 9' TERM; touch /bad; while :; do sleep 0.05; done")
    wait_until(lambda: state(t, "stop")["Status"] == "exited", "its end")
    equal(state(t, "stop")["ExitCode"], 9, "exit status")
    up(t, "--name", "again", *FAST, *check_, "--health-on-failure", "restart", "--stop-timeout", "0",
       script="[ -e /once ] && rm -f /bad || touch /bad /once; echo run; " + SLEEP)
    wait_until(lambda: t.kist("logs", "again").out.startswith("run\nrun\n"), "a second run")
    wait_until(lambda: health(t, "again") == "healthy", "healthy")
    t.kist("rm", "-f", "kill", "stop", "again")


@test
def paused(t):
    up(t, "--name", "one", script="while :; do echo tick; sleep 0.02; done")
    wait_until(lambda: t.kist("logs", "one").out, "its first line")
    t.kist("pause", "one", out="one")
    equal((state(t, "one")["Status"], state(t, "one")["Paused"]), ("paused", True), "its state")
    contains(t.kist("ps").out, "(Paused)", "the listing")
    # what it wrote before may still be on its way
    frozen = wait_until(lambda: (seen := t.kist("logs", "one").out) == t.kist("logs", "one").out and seen, "silence")
    equal(t.kist("logs", "one").out, frozen, "what it writes")
    t.fails(17, "paused already", "pause", "one")
    t.fails(125, "paused", "exec", "one", "true")
    t.kist("unpause", "one")
    wait_until(lambda: len(t.kist("logs", "one").out) > len(frozen), "it goes on")
    t.fails(17, "not paused", "unpause", "one")
    t.kist("pause", "one")
    t.kist("stop", "-t", "1", "one")
    equal(state(t, "one")["Status"], "exited", "a stopped one's state")
    t.fails(17, "not running", "pause", "one")
    t.kist("start", "one")
    t.kist("pause", "one")
    t.kist("rm", "-f", "one")


@test
def listing(t):
    name = SHARED["busybox"]
    one = up(t, "--name", "web-one", "-l", "role=web", "--label", "site=a")
    two = t.kist("create", "--name", "web-two", "-l", "role=web", name, "true").out.strip()
    three = up(t, "--name", "other", script="exit 3")
    t.kist("wait", three)
    found = lambda *options: sorted(t.kist("ps", "-q", "--no-trunc", *options).out.split())
    for filters, want in {("name=^web-one$",): [one], ("name=^/web",): [one, two], ("name=one$",): [one], ("name=^one",): [], ("name=^web$",): [],
                          ("name=eb-o",): [one], ("name=$",): [one, two, three], ("name=web",): [one, two], ("id=" + two[:12],): [two], ("status=exited",): [three], ("label=role",): [one, two],
                          ("label=role=web", "label=site=a"): [one], ("label=role=db",): [], ("ancestor=" + name,): [one, two, three],
                          ("exited=3",): [three], ("name=web", "name=other"): [one, two, three], ("status=created", "status=running"): [one, two],
                          ("volume=/data",): []}.items():
        equal(found("-a", *[word for text in filters for word in ("--filter", text)]), sorted(want), f"those with {filters}")
    equal(found("-n", "2"), sorted([two, three]), "the last two")
    equal(found("-l"), [three], "the last")
    equal(found(), [one], "those that run")
    for wrong in ("colour=red", "name", "status=bogus", "health=ill", "exited=x"):
        t.fails(2, f"invalid filter '{wrong}'", "ps", "--filter", wrong)
    contains(t.kist("ps", "-a", "-s").out, ["SIZE", "KiB"], "with sizes")
    equal(t.kist("ps", "--format", "{{.Names}} {{.Labels}}").out, "web-one role=web,site=a\n", "labels")
    t.kist("rename", "web-two", "renamed")
    equal(t.kist("inspect", "-f", "{{.Name}}", two).out, "/renamed\n", "the new name")
    t.fails(17, "'other'", "rename", "renamed", "other")
    t.fails(17, f"container '{two[:12]}' has the name 'renamed' already", "rename", "renamed", "renamed")
    t.fails(2, "invalid", "rename", "renamed", "x")
    t.kist("rm", "-f", "web-one")
    t.fails(2, "invalid filter 'colour=red'", "ps", "--filter", "colour=red")  # whether any runs or not
    t.kist("rm", "renamed", "other")
    t.fails(2, "invalid filter 'status=bogus'", "ps", "--filter", "status=bogus")


@test
def details(t):
    made = up(t, "--name", "one", "--restart", "on-failure:5", "-e", "AA=1", "-l", "key=value", "-v", t.dir + ":/data:ro", "--stop-timeout", "3")
    d = t.kist("inspect", "one").json()[0]
    equal((d["Id"], d["Name"], d["Path"], d["Args"]), (made, "/one", "sh", ["-c", SLEEP]), "what it is")
    equal(d["HostConfig"]["RestartPolicy"], {"Name": "on-failure", "MaximumRetryCount": 5}, "the policy")
    equal((d["Config"]["Labels"], "AA=1" in d["Config"]["Env"], d["Config"]["StopTimeout"]), ({"key": "value"}, True, 3), "the configuration")
    equal([(m["Type"], m["Source"], m["Destination"], m["RW"]) for m in d["Mounts"]], [("bind", t.dir, "/data", False)], "the mounts")
    equal((d["State"]["Running"], d["RestartCount"]), (True, 0), "the state")
    t.kist("tag", SHARED["busybox"], "one")
    for kind, want in (("container", made), ("image", t.kist("images", "-q", "--no-trunc", "one").out.strip())):
        equal(t.kist("inspect", "--type", kind, "-f", "{{.Id}}", "one").out.strip(), want, f"a name that is both, as a {kind}")
        t.fails(12, f"no such {kind}: 'none'", "inspect", "--type", kind, "none")
    t.fails(2, "'volume' is not a valid value for --type", "inspect", "--type", "volume", "one")
    t.kist("rm", "-f", "one")


@test
def readiness(t):
    """Type=notify: READY=1 once the command runs, or with a health check once it is healthy."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = t.path("notify")
    listener.bind(path)
    listener.settimeout(60)
    child = t.start("run", "-q", "--name", "one", SHARED["busybox"], "sleep", "1000", env={"NOTIFY_SOCKET": path})
    equal(listener.recv(100), b"READY=1\n", "what is told")
    equal(state(t, "one")["Running"], True, "its state then")
    t.kist("rm", "-f", "one")
    t.finish(child, ["run"], code=137)
    child = t.start("run", "-q", "--name", "two", *FAST, "--health-cmd", "test -e /good", SHARED["busybox"], "sleep", "1000", env={"NOTIFY_SOCKET": path})
    wait_until(lambda: "two" in t.kist("ps").out and health(t, "two") == "unhealthy", "unhealthy")
    t.kist("exec", "two", "touch", "/good")
    equal(listener.recv(100), b"READY=1\n", "what is told")
    equal(health(t, "two"), "healthy", "its health then")
    listener.close()
    t.kist("rm", "-f", "two")
    t.finish(child, ["run"], code=137)


kit.main(shared.prepare)
