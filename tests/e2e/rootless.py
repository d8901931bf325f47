#!/usr/bin/env python3
"""kist of a user who is not root: with subordinate users, and without any."""
import errno
import os
import shutil
import signal

import kit
import shared
from kit import check, contains, equal, test
from shared import SHARED

UID, SUB, COUNT = 12345, 500000, 65536


class User:
    """The user "kistling" with a home of his own; subordinate: /etc/subuid and /etc/subgid have users for him."""

    def __init__(self, t, subordinate=True):
        self.t = t
        self.home, self.run_dir = t.path("home"), t.path("run")
        for folder in (self.home, self.run_dir):
            os.mkdir(folder, 0o700)
            os.chown(folder, UID, UID)
        os.chmod(t.dir, 0o755)
        os.chmod(os.path.dirname(t.dir), 0o755)
        self.kist_path = shutil.copy(kit.KIST, t.path("kist"))
        line = f"kistling:{SUB}:{COUNT}\n" if subordinate else ""
        with open("/etc/passwd") as f:
            self.hide("/etc/passwd", f.read() + f"kistling:x:{UID}:{UID}::{self.home}:/bin/sh\n")
        for name in ("subuid", "subgid"):
            self.hide(f"/etc/{name}", line)
        if subordinate:
            kit.need_programs("newuidmap", "newgidmap")

    def hide(self, path, text):
        """text in the place of the host's file."""
        if not os.path.exists(path):
            open(path, "w").close()
            self.t.undo.callback(lambda: os.unlink(path))
        mine = self.t.write("etc-" + os.path.basename(path), text)
        kit.command("mount", "--bind", mine, path)
        self.t.undo.callback(lambda: kit.command("umount", path))

    def environment(self, env):
        return {"HOME": self.home, "XDG_RUNTIME_DIR": self.run_dir, "KIST_ROOT": None, **(env or {})}

    @property
    def program(self):
        return ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", self.kist_path]

    def kist(self, *args, env=None, **checks):
        return self.t.kist(*args, env=self.environment(env), program=self.program, cwd=self.home, **checks)

    def start(self, *args, **options):
        return self.t.start(*args, env=self.environment(None), program=self.program, cwd=self.home, **options)

    def fails(self, code, message, *args, **checks):
        return self.t.fails(code, message, *args, env=self.environment(None), program=self.program, cwd=self.home, **checks)

    def box(self, script, *options, **checks):
        return self.kist("run", "--rm", "-q", *options, SHARED["busybox"], "sh", "-c", script, **checks)

    @property
    def store(self):
        return os.path.join(self.home, ".local/share/kist")

    def owners(self):
        return {os.lstat(os.path.join(folder, name)).st_uid for folder, folders, names in os.walk(self.home) for name in folders + names}


@test
def pull_and_run(t):
    u = User(t)
    u.kist("pull", "-q", SHARED["busybox"])
    check(os.path.exists(os.path.join(u.store, "index.json")), "the store is elsewhere")
    check(not os.path.exists("/run/kist"), "something is in /run/kist")
    equal(u.box("id -u; id -g; cat /proc/self/uid_map | xargs; hostname").out.splitlines()[:3], ["0", "0", f"0 {UID} 1 1 {SUB} {COUNT}"], "who is who")
    root = kit.command("sh", "-c", "echo $$")  # a process of the host, for what must not be reached
    u.box(f"kill -9 {root.strip()}", code=1)
    u.box("exit 7", code=7)
    u.box("nothing", code=127)
    # users of the image, owners of its files, and what they may
    plain = t.kist("run", "--rm", "-q", SHARED["busybox"], "sh", "-c", "stat -c '%n %u %g %a' /bin/* /etc/group /home/* /tmp; id app", env={"KIST_ROOT": t.path("root-store")}).out
    equal(u.box("stat -c '%n %u %g %a' /bin/* /etc/group /home/* /tmp; id app").out, plain, "owners of the image's files")
    equal(u.box("id -u; touch /tmp/x; stat -c %u /tmp/x; touch /etc/x", "-u", "app", code=1, err="Permission denied").out.split(), ["1000"] * 2 if "uid=1000" in plain else
          [plain.split("uid=")[1].split("(")[0]] * 2, "a user of the image")
    # nothing is left but what is his
    equal([name for name in os.listdir(os.path.join(u.store, "containers"))], [], "containers left")
    equal(u.owners(), {UID}, "owners in his home")


@test
def network(t):
    u = User(t)
    equal(u.box("ls /sys/class/net").out.split(), sorted(os.listdir("/sys/class/net")), "with the host's, which is the default")
    equal(u.box("ls /sys/class/net; ip addr show lo | grep -c 127.0.0.1", "--network", "none").out.split(), ["lo", "1"], "with none")
    for options, message in {("--network", "bridge"): "only root can connect containers to a bridge", ("-p", "80:80"): "only root can publish ports",
                             ("-m", "64m"): "only root can limit what containers use", ("--pids-limit", "10"): "only root can limit",
                             ("--cpus", "1"): "only root can limit"}.items():
        u.fails(125, message, "run", "--rm", "-q", *options, SHARED["busybox"], "true")


@test
def life(t):
    """In the background, and every other command on it."""
    u = User(t)
    u.kist("run", "-q", "-d", "--name", "box", "-v", "data:/data", SHARED["busybox"], "sh", "-c",
           "trap 'exit 3' TERM; touch /root/made; chown 7:8 /root/made; echo up; while :; do sleep 0.05; done")
    contains(u.kist("ps").out, ["box", "Up "], "ps")
    check(os.path.exists(os.path.join(u.run_dir, "kist")), "what runs is known elsewhere")
    kit.wait_until(lambda: "up" in u.kist("logs", "box").out, "its output")
    equal(u.kist("exec", "box", "sh", "-c", "id -u; stat -c '%u %g' /root/made").out.split(), ["0", "7", "8"], "exec")
    equal(u.kist("exec", "-u", "7", "box", "id", "-u").out, "7\n", "exec as another")
    pid = u.kist("inspect", "-f", "{{.State.Pid}}", "box").out.strip()
    uids = open(f"/proc/{pid}/status").read().split("Uid:")[1].split()[:4]
    equal(uids, [str(UID)] * 4, "the user outside")
    t.write("one", "1\n")
    os.chmod(t.path("one"), 0o644)
    u.kist("cp", t.path("one"), "box:/data/one")
    equal(u.kist("exec", "box", "cat", "/data/one").out, "1\n", "a file copied in")
    u.kist("cp", "box:/root/made", u.home)
    equal(os.stat(os.path.join(u.home, "made")).st_uid, UID, "the owner of a file copied out")
    contains(u.kist("top", "box").out, "sh", "top")
    u.kist("stats", "--no-stream", "box")
    u.fails(18, "only root", "pause", "box")
    u.fails(18, "only root", "update", "-m", "64m", "box")
    u.kist("restart", "-t", "1", "box")
    u.kist("stop", "box")
    equal(u.kist("wait", "box").out, "3\n", "the exit status")
    contains(u.kist("ps", "-a").out, "Exited (3)", "ps -a")
    u.kist("start", "box")
    u.fails(17, "", "rm", "box")
    u.kist("rm", "-f", "-v", "box")
    u.kist("volume", "rm", "data")
    kit.wait_until(lambda: not kit.strangers(), "the end of all")
    equal(u.owners(), {UID}, "owners in his home")


@test
def one_namespace_of_all(t):
    """Whoever comes later is where the first is; when all are gone a new one is made."""
    u = User(t)
    script = "exec sleep 1000"
    children = [u.start("run", "-q", "-d", "--name", f"box{i}", SHARED["busybox"], "sh", "-c", script) for i in range(4)]
    for child in children:
        t.finish(child)
    spaces = {os.readlink(f"/proc/{u.kist('inspect', '-f', '{{.State.Pid}}', f'box{i}').out.strip()}/ns/user") for i in range(4)}
    equal(len(spaces), 1, "user namespaces")
    u.kist("rm", "-f", "box0", "box1", "box2")
    u.kist("run", "-q", "-d", "--name", "box4", SHARED["busybox"], "sh", "-c", script)
    equal({os.readlink(f"/proc/{u.kist('inspect', '-f', '{{.State.Pid}}', 'box4').out.strip()}/ns/user")}, spaces, "a later one's")
    supervisors = [int(p.split()[0]) for p in kit.strangers() if "sleep" not in p]
    for supervisor in supervisors:
        os.kill(supervisor, signal.SIGKILL)
    kit.wait_until(lambda: not kit.strangers(), "the end of all")
    contains(u.kist("ps", "-a").out, "Exited (137)", "what is known of them")
    u.kist("start", "box3")
    u.kist("exec", "box3", "true")
    u.kist("rm", "-f", "box3", "box4")


@test
def build(t):
    u = User(t)
    u.kist("pull", "-q", SHARED["busybox"])
    context = t.path("context")
    os.mkdir(context)
    t.write("context/said", "so\n")
    t.write("context/Dockerfile", f"FROM {SHARED['busybox']}\nCOPY said /\nCMD [\"cat\", \"/said\"]\n")
    t.write("context/with-run", f"FROM {SHARED['busybox']}\nRUN true\n")
    u.kist("build", "-q", "-t", "mine", context)
    equal(u.kist("run", "--rm", "mine").out, "so\n", "what it says")
    u.fails(18, "only root can run commands in a build", "build", "-f", os.path.join(context, "with-run"), context)
    equal(u.owners(), {UID}, "owners in his home")


@test
def without_subordinate_users(t):
    """Only root is in there, whose all files are."""
    u = User(t, subordinate=False)
    equal(u.box("cat /proc/self/uid_map | xargs; stat -c %u /bin /etc/group /home/* | sort -u; touch /root/x && stat -c %u /root/x").out.splitlines(),
          [f"0 {UID} 1", "0", "0"], "the map, and owners")
    u.fails(125, ["/etc/subuid"], "run", "--rm", "-q", "-u", "app", SHARED["busybox"], "true")
    equal(u.owners(), {UID}, "owners in his home")


@test
def nothing_leads_out(t):
    u = User(t)
    secret = t.write("secret", "x")
    os.chmod(secret, 0o600)
    for script in (f"cat /host{secret}", f"touch /host{t.path('made')}", "cat /host/etc/shadow", f"chown 0 /host{u.home}/new", "echo b > /proc/sysrq-trigger",
                   "mknod /tmp/disk b 8 0", "chroot /host touch /root/made"):
        u.box(script, "--privileged", "-v", "/:/host", code=(1, 2, 126))
    box = u.box("cp /bin/busybox /host/su && chmod 4755 /host/su && stat -c '%u %a' /host/su", "-v", f"{u.home}:/host")
    equal(box.out, "0 4755\n", "a set-uid file")
    equal(os.stat(u.home + "/su").st_uid, UID, "whose it is outside")


@test
def what_the_machine_does_not_allow(t):
    u = User(t)
    # as where only root may make user namespaces
    without = {"preexec_fn": shared.forbidding("unshare", errno.EPERM)}
    t.finish(u.start("pull", "-q", SHARED["busybox"], **without))
    t.finish(u.start("run", "--rm", "-q", SHARED["busybox"], "true", **without), code=125,
             err=["kist: this kernel lets only root make user namespaces", "user.max_user_namespaces"])
    t.finish(u.start("images", **without), out="box")
    shutil.rmtree(os.path.join(u.run_dir, "kist"))
    os.chmod(u.run_dir, 0o500)
    u.fails(125, "XDG_RUNTIME_DIR", "run", "--rm", "-q", SHARED["busybox"], "true")
    os.chmod(u.run_dir, 0o700)
    os.mkdir(os.path.join(u.run_dir, "kist"))
    u.fails(125, "is not a directory that belongs to you alone", "run", "--rm", "-q", SHARED["busybox"], "true")


if __name__ == "__main__":
    kit.main(shared.prepare)
