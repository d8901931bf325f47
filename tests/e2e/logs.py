#!/usr/bin/env python3
"""What containers write: how much of it is kept, where, and how it is read back; and what happens to them, as events."""
import os
import re
import time

import kit
import shared
from kit import check, contains, equal, test, wait_until
from shared import SHARED


def up(t, *options, script, env=None):
    return t.kist("run", "-q", "-d", *options, SHARED["busybox"], "sh", "-c", script, env=env).out.strip()


def done(t, *options, script, env=None):
    """A container that has ended; its ID."""
    made = up(t, *options, script=script, env=env)
    t.kist("wait", made)
    return made


def ring(container, folder="/run/kist/logs"):
    return {name: os.stat(os.path.join(folder, container, name)).st_size for name in kit.list_dir(os.path.join(folder, container))}


@test
def both_streams(t):
    made = done(t, script="echo one; echo two >&2; printf three")
    r = t.kist("logs", made)
    equal((r.out, r.err), ("one\nthree", "two\n"), "what was written")
    stamped = t.kist("logs", "-t", made).out
    check(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z one\n\d{4}\S{26} three", stamped), f"with times: {stamped!r}")
    t.kist("rm", made)
    t.fails(12, "no such container", "logs", made)
    made = t.kist("create", SHARED["busybox"]).out.strip()
    t.fails(12, "never ran", "logs", made)
    t.kist("rm", made)
    made = done(t, "--log-driver", "none", script="echo one")
    t.fails(12, "--log-driver none", "logs", made)
    t.fails(18, "log-driver", "create", "--log-driver", "syslog", SHARED["busybox"])
    t.kist("rm", made)


@test
def tail_and_time(t):
    made = done(t, script="for i in 1 2 3 4 5; do echo $i; done; printf 6")
    equal(t.kist("logs", "--tail", "2", made).out, "5\n6", "the last two")
    equal(t.kist("logs", "--tail", "-1", made).out, t.kist("logs", made).out, "less than none, which is all")
    equal(t.kist("logs", "-n", "0", made).out, "", "none")
    equal(t.kist("logs", "-n", "all", made).out, "1\n2\n3\n4\n5\n6", "all")
    equal(t.kist("logs", "--since", "1h", made).out, "1\n2\n3\n4\n5\n6", "the last hour")
    equal(t.kist("logs", "--until", "1h", made).out, "", "before that")
    equal(t.kist("logs", "--since", str(int(time.time()) + 1000), made).out, "", "the future")
    t.fails(2, "since", "logs", "--since", "yesterday", made)
    t.fails(2, "tail", "logs", "--tail", "few", made)
    t.kist("rm", made)


@test
def bounded(t):
    """Much output leaves at most the ring, the end of it whole, and the container never waits."""
    amount, size = 1 << 30, 256 << 10
    made = done(t, script=f"head -c {amount} /dev/zero | tr '\\0' x | fold -w 64; echo; echo the end",
                env={"KIST_LOG_SIZE": str(size)})
    files = ring(made)
    equal(sorted(files), ["log", "log.1"], "the files")
    check(sum(files.values()) <= size and max(files.values()) <= size // 2, f"they have {files}")
    out = t.kist("logs", made).out
    check(out.endswith("the end\n"), f"the end: {out[-100:]!r}")
    check(all(len(line) in (64, 7) for line in out.splitlines()[1:]), "every line is whole")
    equal(t.kist("logs", "-n", "1", made).out, "the end\n", "the last line")
    t.kist("rm", made)
    made = done(t, "--log-opt", "max-size=64k", script="yes | head -c 1000000")
    check(sum(ring(made).values()) <= 64 << 10, f"they have {ring(made)}")
    t.kist("rm", made)
    t.fails(2, "log.size", "ps", env={"KIST_LOG_SIZE": "1k"})


@test
def no_room(t):
    """A full place for logs costs the log, and nothing else."""
    place = t.mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", t.path("full"))
    made = done(t, script="yes | head -c 500000; exit 3", env={"KIST_LOG_DIR": place})
    equal(t.kist("inspect", "-f", "{{.State.ExitCode}}", made).out, "3\n", "exit status")
    t.kist("logs", made)
    t.kist("rm", made)
    equal(kit.list_dir(place), [], "what is left there")


@test
def long_lines(t):
    made = done(t, script="head -c 100000 /dev/zero | tr '\\0' x; echo; head -c 5000 /dev/zero")
    out = t.kist("logs", made).out
    equal((out[:100001] == "x" * 100000 + "\n", len(out)), (True, 105001), "a long line, and bytes that are no text")
    equal(len(t.kist("logs", "-n", "2", made).out), 105001, "both lines")
    t.kist("rm", made)


@test
def following(t):
    made = up(t, script="i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i + 1)); [ $((i % 50)) = 0 ] && sleep 0.05; done; exit 2")
    r = t.kist("logs", "-f", made)
    equal(r.out, "".join(f"line {i}\n" for i in range(300)), "all that it wrote")
    t.kist("rm", made)


@test
def kept_on_failure(t):
    """What failed is flushed to the store, if asked; it is still there when tmpfs is not."""
    env = {"KIST_LOG_KEEP": "true"}
    failed, well = done(t, script="echo why; exit 1", env=env), done(t, script="echo fine", env=env)
    for made in (failed, well):
        kit.command("rm", "-r", f"/run/kist/logs/{made}")
    equal(t.kist("logs", failed).out, "why\n", "what was kept of one that failed")
    t.fails(12, "reboot", "logs", well)
    t.kist("rm", failed, well)


@test
def events(t):
    since = str(int(time.time()))
    made = t.kist("run", "-q", "-d", "--name", "one", SHARED["busybox"], "sleep", "1000").out.strip()
    for words in (["pause", "one"], ["unpause", "one"], ["restart", "-t", "0", "one"], ["stop", "-t", "0", "one"], ["rename", "one", "two"], ["rm", "two"]):
        t.kist(*words)
    until = str(int(time.time()))
    seen = t.kist("events", "--since", since, "--until", until, "--filter", f"container={made}", "--format", "{{.Action}}").out.split()
    equal(seen, ["create", "start", "pause", "unpause", "die", "start", "restart", "die", "stop", "rename", "destroy"], "what happened")
    lines = t.kist("events", "--since", since, "--until", until, "--filter", f"container={made}", "--filter", "event=die").out.splitlines()
    contains(lines[0], [f"container die {made} (", "exitCode=137", "name=one", "image=" + SHARED["busybox"]], "a line")
    t.fails(2, "invalid filter", "events", "--filter", "colour=red")
    child = t.start("events", "--since", since, "--filter", "event=create", "--filter", "container=seen", "--filter", f"container={made}", "--format",
                    "{{.Actor.Attributes.name}}")
    equal(child.stdout.readline(), b"one\n", "what is told of the past")
    t.kist("create", "--name", "seen", SHARED["busybox"])
    equal(child.stdout.readline(), b"seen\n", "what is told while it happens")
    child.terminate()
    t.finish(child, ["events"])
    t.kist("rm", "seen")


kit.main(shared.prepare)
