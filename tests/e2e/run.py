#!/usr/bin/env python3
"""What a container's command is, sees and gives back."""
import json
import os

import images
import kit
import oci
import shared
from kit import check, contains, equal, test
from shared import SHARED, box, configured


# ---- exit codes -----------------------------------------------------------------------------------------------------


@test
def exit_codes(t):
    equal(t.kist("run", "--rm", SHARED["busybox"]).out, "hello from the second layer\n", "what the image's own command prints")
    for script, code in {"true": 0, "exit 3": 3, "exit 255": 255, "false": 1}.items():
        r = box(t, script, code=code)
        equal(r.err, "", f"messages of '{script}'")
    for signal in (6, 9, 15):
        box(t, f"kill -{signal} $$", "--init", code=128 + signal)
    name = SHARED["busybox"]
    t.fails(127, ["'nothing'", "not found"], "run", "--rm", name, "nothing")
    t.fails(127, "'/no/such/file'", "run", "--rm", name, "/no/such/file")
    t.fails(126, "'/etc/noexec'", "run", "--rm", name, "/etc/noexec")
    t.fails(126, "'/etc'", "run", "--rm", name, "/etc")
    equal(t.kist("ps", "-aq").out, "", "the containers left")


@test
def own_failures(t):
    """What kist itself cannot do is 125, as with Docker; JSON is not asked for here."""
    name = SHARED["busybox"]
    t.fails(125, "unknown option", "run", "--nonsense", name)
    t.fails(125, "needs", "run")
    t.fails(125, "", "run", "--pull", "never", name)
    t.fails(125, "", "run", shared.registry().host + "/nothing:here")
    t.fails(125, "unable to find user", "run", "--rm", "-q", "-u", "stranger", name)
    t.fails(125, "no command specified", "run", "--rm", "-q", configured({}, tag="nothing"))
    t.fails(125, "neither the name of a volume nor a path", "run", "--rm", "-v", "na/me:/data", name)
    t.fails(125, "mesh", "run", "--rm", "--network", "mesh", name)
    t.fails(125, "", "run", "--rm", "--cap-add", "NET_EVERYTHING", name)
    equal(t.kist("ps", "-aq").out, "", "the containers left")


@test
def pulls_if_missing(t):
    name = SHARED["busybox"]
    r = t.kist("run", "--rm", name, out="hello")
    contains(r.err, ["Unable to find image", "locally", "2 layers"], "progress")
    equal(t.kist("run", "--rm", name).err, "", "progress of the second run")
    t.kist("run", "--rm", "--pull", "never", name)
    t.kist("run", "--rm", "--pull", "always", name)
    t.fails(125, "sometimes", "run", "--pull", "sometimes", name)


# ---- command, environment, user -------------------------------------------------------------------------------------


@test
def entrypoint_and_command(t):
    both = configured({"Entrypoint": ["echo", "from"], "Cmd": ["the", "image"]}, tag="both")
    run = lambda *words: t.kist("run", "--rm", "-q", *words).out
    equal(run(both), "from the image\n", "the image's own")
    equal(run(both, "a", "-b"), "from a -b\n", "a given command")
    equal(run("--entrypoint", "echo", both), "\n", "a given entrypoint takes Cmd away")
    equal(run("--entrypoint", "echo", both, "x"), "x\n", "a given entrypoint and command")
    equal(run("--entrypoint", "", both, "echo", "none"), "none\n", "no entrypoint")


@test
def environment(t):
    image = configured({"Env": ["PATH=/bin", "FROM=image", "OVER=image"], "Cmd": ["env"]}, tag="env")
    file = t.write("env", "# comment\nFILE=file\nOVER=file\nPASSED\nEMPTY=\n")
    r = t.kist("run", "--rm", "-q", "--hostname", "box", "-e", "GIVEN=a=b c", "-eOVER=option", "-e", "PASSED", "-e", "ABSENT",
               "--env-file", file, image, env={"PASSED": "from the host"})
    equal(sorted(r.out.splitlines()),
          sorted(["PATH=/bin", "HOSTNAME=box", "FROM=image", "GIVEN=a=b c", "OVER=option", "PASSED=from the host", "EMPTY=",
                  "FILE=file", "HOME=/root"]), "the environment")


@test
def working_directory(t):
    equal(box(t, "pwd").out, "/\n", "the directory by default")
    equal(box(t, "pwd", image=configured({"WorkingDir": "/var/data"}, tag="workdir")).out, "/var/data\n", "the image's")
    equal(box(t, "pwd", "-w", "/made/here").out, "/made/here\n", "one that is not there")
    t.fails(125, "absolute path", "run", "--rm", "-w", "relative", SHARED["busybox"])


@test
def users(t):
    for user, want in {
        "": "uid=0(root) gid=0(root) groups=0(root)",
        "app": "uid=1000(app) gid=1000(app) groups=1000(app),2000(extra)",
        "1000": "uid=1000(app) gid=1000(app) groups=1000(app),2000(extra)",
        "app:extra": "uid=1000(app) gid=2000(extra) groups=2000(extra)",
        "1234:5678": "uid=1234 gid=5678 groups=5678",
        "4321": "uid=4321 gid=0(root) groups=0(root)",
    }.items():
        equal(box(t, "id", *(["-u", user] if user else [])).out.strip(), want, f"id of user '{user}'")
    equal(box(t, "id -u; echo $HOME", image=configured({"User": "app"}, tag="user")).out, "1000\n/home/app\n", "the image's user")
    box(t, "echo x > /home/app/file && touch /tmp/file", "-u", "app")
    box(t, "touch /etc/file", "-u", "app", code=1, err="Permission denied")


@test
def file_capabilities(t):
    """security.capability of a layer is the kernel's."""
    contains(box(t, "busybox-net grep CapEff /proc/self/status", "-u", "app").out, "0000000000002000", "capabilities")
    equal(box(t, "stat -c %a /bin/busybox-suid").out, "4755\n", "the mode of a set-uid file")


# ---- files ----------------------------------------------------------------------------------------------------------


@test
def layers_joined(t):
    script = """cat /etc/motd /opt/swap /usr/share/hidden/*; ls -a /usr/share | tail -n +3; ls /usr/share/hidden
                stat -c '%a %F' /tmp /var/data/fifo; cmp() { od -An -tx1 -N4 -j5242880 "$1"; }; cmp /var/data/sparse"""
    equal(box(t, script).out.split("\n")[:-1],
          ["hello from the second layer", "a file now", "only this is seen", "hidden", "above", "1777 directory", "600 fifo",
           " 6d 69 64 64"], "what the layers make together")


@test
def writes_stay_in_the_container(t):
    files = box(t, "rm -rf /etc/motd /usr; echo changed > /bin/new; chmod 700 /var; ls /; test ! -e /usr").out
    check("usr" not in files, "a deleted directory is still there")
    box(t, "cat /etc/motd && test -d /usr && test ! -e /bin/new && test $(stat -c %a /var) = 755", out="hello")


@test
def implied_directories(t):
    """A layer that names only what is in a directory leaves the directory as the layers below have it."""
    image = configured({}, oci.Layer.of([("tmp/x", b""), ("home/app/deep/y", b""), ("var/.wh.data", b"")]), tag="implied")
    equal(box(t, "stat -c '%a %u' /tmp /home/app /home/app/deep; ls /tmp; ls /var; stat -c '%a %u' /", image=image).out,
          "1777 0\n755 1000\n755 0\nx\n755 0\n", "modes and owners")
    r = box(t, "touch /tmp/mine /home/app/mine", "-u", "app", image=image)
    equal(r.err, "", "messages of a user writing there")


@test
def opaque_directories(t):
    image = configured({}, oci.Layer.of([("etc/.wh..wh..opq", b""), ("etc/alone", b"")]), tag="opaque")
    names = box(t, "ls /etc", image=image).out.split()
    equal(sorted(set(names) - {"hosts", "hostname", "resolv.conf"}), ["alone"], "the files in an opaque directory")


@test
def many_layers(t):
    layers = [oci.Layer.of([("many", None), (f"many/{i}", b"%d\n" % i), ("many/last", b"%d\n" % i)]) for i in range(126)]
    image = configured({}, *layers, tag="many")
    equal(box(t, "ls /many | wc -l; cat /many/last /many/0", image=image).out, "127\n125\n0\n", "what 128 layers have")


@test
def binds(t):
    os.mkdir(t.path("data"))
    t.write("data/file", "from the host\n")
    data = t.path("data")
    equal(box(t, "cat /mnt/x/file; echo new > /mnt/x/new", "-v", f"{data}:/mnt/x").out, "from the host\n", "the file")
    equal(open(t.path("data/new")).read(), "new\n", "what the container wrote")
    box(t, "cat /in/file; touch /in/other", "-v", f"{data}:/in:ro", code=1, out="from the host", err="Read-only file system")
    equal(box(t, "cat /one", "-v", f"{data}/file:/one:ro").out, "from the host\n", "a single file")
    box(t, "touch /made/x", "-v", f"{t.path('missing/dir')}:/made")
    check(os.path.exists(t.path("missing/dir/x")), "a missing source was not made")
    equal(t.kist("run", "--rm", "-v", "./data:/here", SHARED["busybox"], "cat", "/here/file", cwd=t.dir).out, "from the host\n",
          "a relative source")
    box(t, "mknod /mnt/null c 1 3 && echo x > /mnt/null", "-v", f"{data}:/mnt", code=(1, 2), err="denied")
    os.symlink("/etc", t.path("data/link"))
    box(t, "echo x > /mnt/link/evil; test -e /etc/evil", "-v", f"{data}:/mnt")
    check(not os.path.exists("/etc/evil"), "a link led out of the container")
    t.fails(125, "", "run", "--rm", "-v", f"{data}:relative", SHARED["busybox"])
    t.fails(125, "invalid mode", "run", "--rm", "-v", f"{data}:/x:wo", SHARED["busybox"])


@test
def link_in_the_image_does_not_lead_a_bind_out(t):
    os.mkdir(t.path("data"))
    t.write("data/seen", "")
    image = configured({}, oci.Layer.of([("out", b"", {"type": b"2", "linkname": "../../../../../../etc"})]), tag="out")
    equal(box(t, "ls /etc/made", "-v", f"{t.path('data')}:/out/made", image=image).out, "seen\n", "what is in the container's /etc")
    check(not os.path.exists("/etc/made"), "a link led out of the container")


@test
def volumes_of_the_image(t):
    image = configured({"Volumes": {"/var/data": {}, "/new": {}}}, tag="volumes")
    r = box(t, "cat /var/data/kept; ls -A /new; grep -c -e ' /var/data ' -e ' /new ' /proc/mounts; touch /var/data/x /new/y",
            image=image)
    equal(r.out, "the first layer's\n2\n", "what is in the volumes")
    equal(kit.list_dir(os.path.join(t.root, "containers")), [], "the containers left")
    box(t, "touch /fresh/x && grep -q ' /fresh ' /proc/mounts", "-v", "/fresh", image=image)


@test
def tmpfs(t):
    r = box(t, "grep ' /scratch ' /proc/mounts; echo x > /scratch/x; stat -c %a /scratch", "--tmpfs", "/scratch:size=1m,mode=700")
    contains(r.out, ["tmpfs /scratch tmpfs", "nodev", "nosuid", "noexec", "size=1024k", "\n700\n"], "the mount")
    box(t, "dd if=/dev/zero of=/scratch/big bs=1M count=2", "--tmpfs", "/scratch:size=1m", code=1, err="No space left on device")


@test
def read_only(t):
    for script in ("touch /x", "touch /etc/x", "rm /etc/motd", "mkdir /dev/x && touch /proc/x"):
        check("Read-only" in box(t, script, "--read-only", code=1).err or "proc" in script, f"'{script}' was not refused")
    box(t, "echo x > /dev/null && touch /run/x /dev/shm/x", "--read-only", "--tmpfs", "/run")


@test
def etc_files(t):
    equal(box(t, "hostname; cat /etc/hostname; grep -c box /etc/hosts; grep -c localhost /etc/hosts", "--hostname", "box").out
          .split()[:2], ["box", "box"], "the host name")
    name = box(t, "hostname").out.strip()
    check(len(name) == 12 and int(name, 16) >= 0, f"the host name by default is '{name}'")


# ---- streams --------------------------------------------------------------------------------------------------------


@test
def standard_input(t):
    equal(box(t, "cat", "-i", input=b"hello\n" * 50000).out, "hello\n" * 50000, "what came through")
    equal(box(t, "cat; echo end", input=b"hello\n").out, "end\n", "without -i")
    r = box(t, "echo out; echo err >&2")
    equal((r.out, r.err), ("out\n", "err\n"), "the streams")


# ---- a real distribution --------------------------------------------------------------------------------------------


@test
def python(t):
    name = shared.registry().push(images.path("debian") + ":latest", "python:3")
    told = json.loads(t.kist("run", "--rm", "-q", name, "a", "b c").out)
    equal((told["python"][:4], told["args"]), ("3.11", ["a", "b c"]), "what the app prints")
    script = "import ssl, sqlite3, json, os; print(6 * 7, os.getpid(), len(json.load(open('/app/table.json'))))"
    equal(t.kist("run", "--rm", "--entrypoint", "python3", name, "-c", script).out, "42 1 4000\n", "what python prints")
    calls = """import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for number in (248, 435, 323, 246, 175):
    libc.syscall(number, 0, 0, 0, 0, 0)
    print(ctypes.get_errno(), end=' ')"""
    equal(t.kist("run", "--rm", "--entrypoint", "python3", name, "-c", calls).out.split(), ["1", "38", "1", "1", "1"],
          "errors of add_key, clone3, userfaultfd, kexec_load, init_module")
    kit.contains(t.kist("run", "--rm", "--entrypoint", "sh", name, "-c", "su nobody -s /bin/sh -c id; dpkg --verify && echo good").out,
                 ["(nogroup)", "good"], "the system")


kit.main(shared.prepare)
