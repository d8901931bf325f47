#!/usr/bin/env python3
"""Commands in containers that run, and standard streams of those in the background."""
import os
import signal
import threading

import kit
import shared
from kit import check, contains, equal, test, wait_until
from shared import SHARED, Terminal, configured

IDLE = "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done"


def up(t, *options, script=IDLE, image=None):
    return t.kist("run", "-q", "-d", *options, image or SHARED["busybox"], "sh", "-c", script).out.strip()


def inside(t, script, *options, **checks):
    """sh -c script in the container "box"."""
    return t.kist("exec", *options, "box", "sh", "-c", script, **checks)


def outside_status(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.split(":", 1) for line in f.read().splitlines() if ":" in line)


def is_its_sleep(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return b"1001" in f.read() and outside_status(pid)["Name"].strip() == "sleep"
    except (FileNotFoundError, ProcessLookupError):
        return False


@test
def exit_codes(t):
    up(t, "--name", "box")
    for script, code in {"true": 0, "exit 3": 3, "kill -9 $$": 137, "kill -15 $$": 143}.items():
        inside(t, script, code=code)
    t.fails(127, ["'nothing'", "not found"], "exec", "box", "nothing")
    t.fails(127, "'/no/such/file'", "exec", "box", "/no/such/file")
    t.fails(126, "'/etc'", "exec", "box", "/etc")
    t.fails(126, "'/nowhere'", "exec", "-w", "/nowhere", "box", "true")
    t.fails(125, "absolute", "exec", "-w", "etc", "box", "true")
    t.fails(125, "unable to find user", "exec", "-u", "stranger", "box", "true")
    t.fails(125, "no such container", "exec", "other", "true")
    t.fails(125, "needs", "exec", "box")
    t.kist("stop", "-t", "0", "box")
    t.fails(125, "not running", "exec", "box", "true")
    t.kist("rm", "box")


@test
def same_world(t):
    """Namespaces, groups, root, capabilities and filter are the container's."""
    up(t, "--name", "box", "--hostname", "inner", "-e", "ONE=1", "-w", "/etc", script="exec sleep 1000")
    pid = t.kist("inspect", "-f", "{{.State.Pid}}", "box").out.strip()
    child = t.start("exec", "box", "sh", "-c", "echo go; exec sleep 1001")
    equal(child.stdout.readline(), b"go\n", "its line")
    other = wait_until(lambda: next(filter(is_its_sleep, filter(str.isdigit, os.listdir("/proc"))), None), "the command of exec")
    for name in ("mnt", "pid", "uts", "ipc", "net", "cgroup"):
        equal(os.readlink(f"/proc/{other}/ns/{name}"), os.readlink(f"/proc/{pid}/ns/{name}"), f"its {name} namespace")
    with open(f"/proc/{pid}/cgroup") as one, open(f"/proc/{other}/cgroup") as two:
        equal(two.read(), one.read(), "its control groups")
    ours, its = outside_status(pid), outside_status(other)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Groups"):
        equal(its.get(name), ours.get(name), name)
    child.send_signal(signal.SIGTERM)
    t.finish(child, ["exec"], code=143)
    equal(inside(t, "hostname; pwd; echo $ONE").out, "inner\n/etc\n1\n", "what it sees")
    equal(inside(t, "pwd; echo $ONE $TWO", "-w", "/tmp", "-e", "ONE=7", "-e", "TWO=2").out, "/tmp\n7 2\n", "what was asked for")
    t.kist("rm", "-f", "box")


@test
def users(t):
    up(t, "--name", "box", script="echo 'newbie:x:1700:1701::/home/app:/bin/sh' >> /etc/passwd; echo ready; exec sleep 1000")
    wait_until(lambda: t.kist("logs", "box").out == "ready\n", "its first line")
    equal(inside(t, "id -u; id -g; echo $HOME", "-u", "newbie").out, "1700\n1701\n/home/app\n", "the user as the container is now")
    equal(inside(t, "id -u; id -g", "-u", "7:8").out, "7\n8\n", "a number")
    contains(inside(t, "grep CapEff /proc/self/status", "-u", "7").out, "0000000000000000", "capabilities of one who is not root")
    whole = inside(t, "grep CapEff /proc/self/status", "--privileged").out.split()[1]
    less = inside(t, "grep CapEff /proc/self/status").out.split()[1]
    check(int(whole, 16) > int(less, 16), f"privileged has {whole}, others {less}")
    t.kist("rm", "-f", "box")
    up(t, "--name", "box", "--security-opt", "no-new-privileges", "--cap-drop", "ALL", script="exec sleep 1000")
    equal(inside(t, "grep -e NoNewPrivs -e CapEff /proc/self/status").out.split(), ["CapEff:", "0" * 16, "NoNewPrivs:", "1"], "what is kept")
    t.kist("rm", "-f", "box")


@test
def hostile_passwd(t):
    """/etc/passwd is the container's to choose: a fifo is not waited for, a link does not leave it."""
    up(t, "--name", "box", script="rm /etc/passwd; mkfifo /etc/passwd; echo ready; exec sleep 1000")
    wait_until(lambda: t.kist("logs", "box").out == "ready\n", "its first line")
    t.fails(125, "unable to find user", "exec", "-u", "app", "box", "true")
    inside(t, "rm /etc/passwd; ln -s ../../../../../../../../etc/shadow /etc/passwd")
    t.fails(125, "unable to find user", "exec", "-u", "daemon", "box", "true")
    t.kist("rm", "-f", "box")


@test
def streams(t):
    up(t, "--name", "box")
    r = inside(t, "cat; echo oops >&2", "-i", input=b"given\n")
    equal((r.out, r.err), ("given\n", "oops\n"), "both streams")
    equal(inside(t, "cat").out, "", "input without -i")
    size = 3 << 20
    equal(len(inside(t, f"head -c {size} /dev/zero | tr '\\0' x").out), size, "bytes of much output")
    r = inside(t, f"head -c {size} /dev/zero | tr '\\0' x; exit 4", "-u", "7", code=4)
    equal(len(r.out), size, "bytes of another user's output")
    t.kist("rm", "-f", "box")


@test
def detached(t):
    up(t, "--name", "box")
    t.kist("exec", "-d", "box", "sh", "-c", "echo unseen; echo done > /tmp/done; exec sleep 1002", out="")
    wait_until(lambda: inside(t, "cat /tmp/done", code=(0, 1)).out == "done\n", "what it did")
    contains(inside(t, "ps").out, "sleep 1002", "processes: it lives on")
    t.fails(127, "'nothing'", "exec", "-d", "box", "nothing")
    t.kist("stop", "-t", "0", "box")
    wait_until(lambda: not kit.strangers(), "it ends with the container")
    t.kist("rm", "box")


@test
def killed(t):
    """The command does not outlive its kist, unless -d said so."""
    up(t, "--name", "box")
    child = t.start("exec", "box", "sh", "-c", "echo go; exec sleep 1003")
    equal(child.stdout.readline(), b"go\n", "its line")
    child.kill()
    t.finish(child, ["exec"], code=137)
    wait_until(lambda: "1003" not in inside(t, "ps").out, "its end")
    t.kist("rm", "-f", "box")


@test
def into_a_dying_one(t):
    """Whenever it comes, an exec into a container that ends runs or says that it has ended; it never hangs."""
    for i in range(6):
        up(t, "--name", "box", script="sleep 0.3")
        children = [t.start("exec", "box", "true") for _ in range(4)]
        threading.Event().wait(0.04 * i)
        children += [t.start("exec", "box", "true") for _ in range(4)]
        for child in children:
            r = t.finish(child, ["exec"], code=(0, 125, 137))
            check(r.code != 125 or "not running" in r.err, f"the message: {r.err}")
        t.kist("wait", "box")
        t.kist("rm", "box")


@test
def terminal(t):
    up(t, "--name", "box")
    tty = Terminal(t, "exec", "-it", "box", "sh", "-c",
                   "tty; stty size; trap 'stty size' WINCH; echo go; read x; read x; echo got $x; echo TERM=$TERM; exit 5")
    contains(tty.expect(b"go\r\n").decode(), ["/dev/pts/", "24 80"], "the terminal")
    tty.resize(33, 99)
    tty.expect(b"33 99")
    tty.send(b"one\ntwo\n")
    tty.expect(b"TERM=xterm")
    tty.end(5)
    t.kist("rm", "-f", "box")


# ---- attach ---------------------------------------------------------------------------------------------------------


@test
def attach_streams(t):
    up(t, "-i", "--name", "box", script="while read x; do echo got $x; echo err $x >&2; done; exit 6")
    r = t.kist("attach", "box", input=b"one\ntwo\n", code=6)
    equal((r.out, r.err), ("got one\ngot two\n", "err one\nerr two\n"), "both streams")
    contains(t.kist("logs", "box").out, "got two", "the log")
    t.fails(17, "not running", "attach", "box")
    t.kist("rm", "box")


@test
def attach_terminal(t):
    up(t, "-it", "--name", "box", script="trap 'stty size' WINCH; echo go; while :; do read x; [ \"$x\" = quit ] && exit 3; [ -n \"$x\" ] && echo got $x && stty size; done")
    tty = Terminal(t, "attach", "box")
    tty.send(b"one\n")
    tty.expect(b"got one\r\n")
    tty.expect(b"24 80")
    tty.resize(40, 100)
    tty.expect(b"40 100")
    tty.send(b"\x10\x11")
    tty.end(0)
    equal(t.kist("ps", "-q").out != "", True, "it lives on")
    tty = Terminal(t, "start", "-ai", "box")
    tty.send(b"two\n")
    tty.expect(b"got two\r\n")
    tty.send(b"quit\n")
    tty.end(3)
    t.fails(2, "keys", "attach", "--detach-keys", "ctrl-", "box")
    t.kist("rm", "box")


@test
def attach_signals(t):
    up(t, "--name", "box")
    wait_until(lambda: t.kist("logs", "box").out == "ready\n", "its first line")
    child = t.start("attach", "box")
    wait_until(lambda: holds_signals(child), "that it holds its signals")
    child.send_signal(signal.SIGTERM)
    t.finish(child, ["attach"], code=42)
    t.kist("rm", "box")


def holds_signals(child):
    """It will not die of one any more."""
    with open(f"/proc/{child.pid}/status") as f:
        return int(dict(line.split(":", 1) for line in f.read().splitlines())["SigBlk"], 16) != 0


# ---- escapes --------------------------------------------------------------------------------------------------------


@test
def leaked_descriptors(t):
    """CVE-2024-21626: nothing of the host is open in a command, and no working directory leads there."""
    up(t, "--name", "box", script="exec sleep 1000")
    for words in (["exec", "box"], ["run", "--rm", SHARED["busybox"]]):
        opened = os.open("/", os.O_RDONLY)
        os.set_inheritable(opened, True)
        child = t.start(*words, "sh", "-c", "ls -l /proc/self/fd", close_fds=False)
        os.close(opened)
        r = t.finish(child, words)
        targets = [line.split(" -> ")[1] for line in r.out.splitlines() if " -> " in line]
        strange = [target for target in targets if not target.startswith(("pipe:", "/dev/null", "/proc/", "socket:"))]
        equal(strange, [], "descriptors that lead out")
    for fd in range(3, 12):
        r = t.kist("exec", "-w", f"/proc/self/fd/{fd}", "box", "pwd", code=(0, 126, 127))
        check(r.code != 0 or not os.path.isdir("/proc/1/root" + r.out.strip() + kit.HERE), f"pwd by descriptor {fd}: {r.out}")
        t.kist("run", "--rm", "-w", f"/proc/self/fd/{fd}", SHARED["busybox"], "ls", "../../../.." + kit.HERE, code=(1, 125, 126, 127))
    t.kist("rm", "-f", "box")


WRITE_TO_KIST = """
# opens whatever runs us for writing, as long as it is there, and says how that went
for fd in /proc/self/exe /proc/1/exe; do
    case $(readlink $fd) in */kist*|*memfd*) : > $fd && echo WRITTEN ;; esac
done
"""


@test
def overwriting_kist(t):
    """CVE-2019-5736: a command that is kist's own program, and one that catches it while it enters, cannot write to it."""
    with open(kit.KIST, "rb") as f:
        before = f.read()
    script = "#!/proc/self/exe\n"
    up(t, "--name", "box", "--cap-add", "SYS_PTRACE", script=f"printf '{script}' > /bin/trap; chmod 755 /bin/trap; ln -s /proc/self/exe /bin/link; "
       "echo ready; while :; do for p in /proc/[0-9]*; do "
       "case $(readlink $p/exe 2>/dev/null) in */kist*|/memfd*) echo caught; (: > $p/exe) 2>/dev/null && echo WRITTEN;; esac; done; done")
    wait_until(lambda: "ready" in t.kist("logs", "box").out, "its first line")
    for words in (["/bin/trap"], ["/bin/link", "version"], ["/proc/self/exe", "version"]):
        for _ in range(10):
            t.kist("exec", "box", *words, code=(0, 1, 2, 125, 126, 127))
    for _ in range(20):
        t.kist("exec", "box", "true")
    check("WRITTEN" not in t.kist("logs", "box").out, "kist was opened for writing")
    t.kist("rm", "-f", "box")
    r = t.kist("run", "--rm", "--cap-add", "SYS_PTRACE", "--init", SHARED["busybox"], "sh", "-c",
               "readlink /proc/1/exe; (: > /proc/1/exe) && echo WRITTEN; echo over")
    contains(r.out, "over", "the output")
    check("WRITTEN" not in r.out, "kist was opened for writing")
    with open(kit.KIST, "rb") as f:
        equal(f.read() == before, True, "kist is as it was")


kit.main(shared.prepare)
