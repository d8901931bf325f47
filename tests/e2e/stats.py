#!/usr/bin/env python3
"""What runs in a container and what it uses: top, stats."""
import json
import os
import re
import signal

import kit
from kit import check, contains, equal, test, wait_until
from shared import prepare, registry

SIZE = r"[0-9.]+(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)"
ROW = re.compile(rf"^([0-9a-f]{{12}}) +(\S+) +([0-9.]+)% +({SIZE}) / {SIZE} +([0-9.]+)% +{SIZE} / {SIZE} +{SIZE} / {SIZE} +([0-9]+)$")


def start(t, name, script="sleep 1000", *flags):
    container = t.kist("run", "-d", "-q", "--name", name, *flags, f"{registry().host}/box", "sh", "-c", script).out.strip()
    t.undo.callback(lambda: t.kist("rm", "-f", name, code=(0, 12)))
    return container


def processes(t, name):
    """The rows of top as dictionaries."""
    head, *rows = t.kist("top", name).out.splitlines()
    equal(head.split(), ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], "the heading of top")
    return [dict(zip(head.split(), row.split(None, 7))) for row in rows]


@test
def who_runs(t):
    start(t, "busy", "sleep 1001 & sleep 1002 & wait")
    rows = wait_until(lambda: len(found := processes(t, "busy")) == 3 and found, "three processes")
    first = next(row for row in rows if row["CMD"].startswith("sh -c"))
    equal(sorted(row["CMD"] for row in rows if row is not first), ["sleep 1001", "sleep 1002"], "the commands")
    for row in rows:
        check(os.path.isdir(f"/proc/{row['PID']}"), f"no process {row['PID']}")
        equal((row["UID"], row["TTY"]), ("root", "?"), "user and terminal")
        check(re.fullmatch(r"\d\d:\d\d", row["STIME"]) and re.fullmatch(r"\d\d:\d\d:\d\d", row["TIME"]) and row["C"].isdigit(), f"times of {row}")
        check(row is first or row["PPID"] == first["PID"], f"the parent of {row}")
    equal(len(t.kist("container", "top", "busy", "-ef").out.splitlines()), 4, "lines of top -ef")
    t.fails(2, "'aux': options of ps are not known", "top", "busy", "aux")
    t.fails(2, "'-o': options of ps are not known", "top", "busy", "-o", "pid")


@test
def what_is_used(t):
    container = start(t, "one", "sleep 1001 & wait", "-m", "64m")
    start(t, "two", "while :; do :; done")
    wait_until(lambda: len(processes(t, "one")) == 2, "two processes")
    head, *rows = t.kist("stats", "--no-stream").out.splitlines()
    equal(re.split(r"  +", head), ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"], "the heading")
    found = {match[2]: match for match in map(ROW.match, rows) if match}
    equal((len(rows), sorted(found)), (2, ["one", "two"]), f"the rows {rows}")
    equal((found["one"][1], found["one"][found["one"].lastindex]), (container[:12], "2"), "ID and processes")
    equal(found["two"][found["two"].lastindex], "1", "processes of the other")
    check(found["one"][4] != "0B", "no memory is used")
    [row] = t.kist("stats", "--no-stream", "--no-trunc", "--json", "one").jsons()
    equal(sorted(row), ["BlockIO", "CPUPerc", "Container", "ID", "MemPerc", "MemUsage", "Name", "NetIO", "PIDs"], "the fields")
    equal((row["Container"], row["ID"], row["Name"], row["PIDs"]), ("one", container, "one", "2"), "a row")
    if os.path.isdir("/sys/fs/cgroup/memory/kist"):
        contains(row["MemUsage"], " / 64MiB", "the limit")
    # the window may have been another process's alone
    wait_until(lambda: float(t.kist("stats", "--no-stream", "--format", "{{.CPUPerc}}", "two").out.strip().rstrip("%")) > 0, "processor time", 60)


@test
def again_and_again(t):
    start(t, "one")
    child = t.start("stats", "--format", "{{json .}}", "one")
    for _ in range(2):
        equal(json.loads(child.stdout.readline())["Name"], "one", "a look")
    child.send_signal(signal.SIGINT)
    t.finish(child, ["stats"])
    child = t.start("stats", "--format", "{{.Name}}", "one")
    equal(child.stdout.readline(), b"one\n", "a look")
    t.kist("rm", "-f", "one")
    t.finish(child, ["stats"])


@test
def who_does_not_run(t):
    start(t, "ended")
    t.kist("stop", "-t", "0", "ended")
    t.fails(17, "is not running", "top", "ended")
    t.fails(12, "no such container: 'nobody'", "top", "nobody")
    t.fails(12, "no such container: 'nobody'", "stats", "--no-stream", "ended", "nobody")
    equal(len(t.kist("stats", "--no-stream").out.splitlines()), 1, "lines where nothing runs")
    for options in (["-a"], ["ended"]):
        [row] = t.kist("stats", "--no-stream", "--json", *options).jsons()
        equal([row[name] for name in ("Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")],
              ["ended", "0.00%", "0B / 0B", "0.00%", "0B / 0B", "0B / 0B", "0"], "what it uses")


kit.main(prepare)
