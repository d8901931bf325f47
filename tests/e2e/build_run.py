#!/usr/bin/env python3
"""RUN: what its mounts show and keep, what it may do, how it fails, what it leaves."""
import io
import os
import shutil
import subprocess
import tarfile

import kit
import shared
from kit import check, contains, equal, test
from shared import SHARED


def folder(t, steps, files=None, name="context"):
    """A directory to build from, its Dockerfile being these steps on top of busybox."""
    for path, text in {"Dockerfile": f"FROM {SHARED['busybox']}\n{steps}\n", **(files or {})}.items():
        path = t.path(name, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
    return t.path(name)


def said(t, steps, files=None, *options, **checks):
    """What the last step wrote to its output."""
    t.kist("build", "-t", "made", *options, folder(t, steps + "\nENTRYPOINT cat /said", files), **checks)
    return t.kist("run", "--rm", "-q", "made").out


def names_in(t, layer=-1):
    """Of the image's layer."""
    diff_id = t.kist("image", "inspect", "made").json()[0]["RootFS"]["Layers"][layer]
    with tarfile.open(fileobj=io.BytesIO(subprocess.run([shared.layer_tool(), "tar", t.layers()[diff_id]], check=True,
                                                            stdout=subprocess.PIPE, env=kit.ENVIRONMENT).stdout)) as tar:
        return tar.getnames()


def clean(t):
    equal(t.transient(), [], "left in tmp/ and partial/")
    equal(os.listdir(os.path.join(t.root, "containers")), [], "containers left")


@test
def binds_of_the_context(t):
    files = {"sub/a": "A\n", "b": "B\n", "sub/hidden.env": "secret\n"}
    steps = """WORKDIR /work
RUN --mount=target=/ctx --mount=source=sub,target=here --mount=source=/b,target=/one \\
    { cat /ctx/sub/a here/a /one; touch /ctx/x 2>&1; ls /ctx/sub; } > /said; true"""
    want = "A\nA\nB\ntouch: /ctx/x: Read-only file system\n"
    equal(said(t, steps, files), want + "a\nhidden.env\n", "what is seen")
    equal(names_in(t), ["said"], "the layer")
    # what is ignored is not there, and a change to it changes nothing
    files[".dockerignore"] = "**/*.env\n"
    equal(said(t, steps, files), want + "a\n", "what is seen where something is ignored")
    files["sub/hidden.env"] = "other\n"
    t.kist("build", folder(t, steps, files), err=" ---> Using cache\n")
    files["sub/a"] = "AA\n"
    equal(said(t, steps, files), want.replace("A\n", "AA\n") + "a\n", "after a change")
    # an archive for a context
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        tar.add(t.path("context"), ".")
    t.kist("build", "-t", "archive", "--no-cache", "-", input=data.getvalue())
    equal(t.kist("run", "--rm", "-q", "archive").out, want.replace("A\n", "AA\n") + "a\n", "of an archive")
    clean(t)


@test
def binds_do_not_lead_out(t):
    t.write("outside", "outside\n")
    files = {"a": "A\n"}
    os.makedirs(t.path("context"))
    os.symlink("../outside", t.path("context/out"))
    os.symlink("/a", t.path("context/in"))
    equal(said(t, "RUN --mount=target=/ctx cat /ctx/out > /said 2>&1; ls /ctx >> /said", files),
          "cat: can't open '/ctx/out': No such file or directory\nDockerfile\na\nin\nout\n", "what a link leads to")
    t.fails(12, ["Dockerfile:2:", "none"], "build", folder(t, "RUN --mount=source=none,target=/x true"))
    t.fails(2, "forbidden path outside the build context: ../outside", "build", folder(t, "RUN --mount=source=../outside,target=/x true"))
    clean(t)


@test
def binds_that_are_written(t):
    files = {"sub/a": "A\n"}
    equal(said(t, "RUN --mount=source=sub,target=/x,rw echo 2 >> /x/a; touch /x/b; cat /x/a > /said; ls /x >> /said", files), "A\n2\na\nb\n",
          "what is seen")
    with open(t.path("context/sub/a")) as f:
        equal(f.read(), "A\n", "the context's own")
    equal(names_in(t), ["said"], "the layer")
    # a stage: twice, so that what the first has written does not show
    steps = f"""RUN --mount=from={SHARED['busybox']},target=/m,rw rm -r /m/etc; ls -d /m/etc; true
RUN --mount=from={SHARED['busybox']},target=/m,rw cmp /m/etc/passwd /etc/passwd && stat -c '%a' /m/tmp > /said"""
    equal(said(t, steps), "1777\n", "a stage's own")
    clean(t)


@test
def caches(t):
    def run(options, script="echo x >> /c/n; wc -l < /c/n", **checks):
        return said(t, f"RUN --mount=type=cache,target=/c{options} {{ {script}; }} > /said", None, "--no-cache", **checks)

    equal([run(""), run(""), run(",id=other"), run(",id=/c,ro", "wc -l < /c/n")], ["1\n", "2\n", "1\n", "2\n"], "lines")
    equal(run(",id=mine,mode=0750,uid=12,gid=34", "stat -c '%a %u:%g' /c"), "750 12:34\n", "what it looks like")
    equal(names_in(t), ["said"], "the layer")
    # two at once: shared, one after the other, each its own
    for sharing, want in ("shared", {"2\n"}), ("locked", {"1\n", "2\n"}), ("private", {"1\n"}):
        meeting = "i=0; while [ $i -lt 500 ] && [ \"$(wc -l < /c/n)\" -lt 2 ]; do usleep 20000; i=$((i + 1)); done; wc -l < /c/n"
        script = f"echo x >> /c/n; {meeting}" if sharing == "shared" else "echo x >> /c/n; wc -l < /c/n"
        children = []
        for name in "one", "two":
            step = f"RUN --mount=type=cache,target=/c,id={sharing},sharing={sharing} {{ {script}; }} > /said; echo {name}\nENTRYPOINT cat /said"
            children.append(t.start("build", "-t", f"{sharing}-{name}", folder(t, step, name=name)))
        for child in children:
            t.finish(child, ["build"])
        got = {t.kist("run", "--rm", "-q", f"{sharing}-{name}").out for name in ("one", "two")}
        check(got <= {"1\n", "2\n"} and (sharing == "private" or got == want), f"with sharing={sharing} lines are {got}")
    clean(t)


@test
def caches_over_the_quota(t):
    t.kist("pull", "-q", SHARED["busybox"])
    quota = {"KIST_STORE_QUOTA": str(t.bytes_kept() + (4 << 20))}
    small = folder(t, "RUN --mount=type=cache,target=/c echo 1 > /c/n", name="small")
    t.kist("build", small, env=quota)
    large = folder(t, "RUN --mount=type=cache,target=/c head -c 20000000 /dev/urandom > /c/big")
    t.fails(16, ["Dockerfile:2:1: what the command wrote is ", " too much under quota "], "build", large, env=quota)
    clean(t)
    check(t.bytes_kept() < 5 << 20, f"{t.bytes_kept()} bytes are kept")
    t.kist("build", "--no-cache", small, env=quota)


@test
def secrets(t):
    key = t.write("key", "the secret\n")
    steps = """RUN --mount=type=secret,id=key stat -c '%a %u:%g' /run/secrets/key > /said; cat /run/secrets/key >> /said; mount | grep -c 'tmpfs on /run/secrets/key' >> /said
RUN --mount=type=secret,id=key,target=/etc/key,mode=0440,uid=1,gid=2 --mount=type=secret,id=key,env=KEY \\
    stat -c '%a %u:%g' /etc/key >> /said; echo "$KEY" >> /said
RUN --mount=type=secret,id=absent ls /run/secrets >> /said 2>&1; true"""
    equal(said(t, steps, None, "--secret", f"id=key,src={key}"),
          "400 0:0\nthe secret\n1\n440 1:2\nthe secret\n\nls: /run/secrets: No such file or directory\n", "what is seen")
    for layer in -1, -2, -3:
        equal(names_in(t, layer), ["said"], "a layer")
    found = subprocess.run(["grep", "-rl", "-e", "the secret", t.root], stdout=subprocess.PIPE, text=True).stdout
    check(all("/layers/" in line for line in found.splitlines()), f"the secret is in {found}")
    t.fails(12, ["Dockerfile:2:", "secret 'none' is required"], "build", folder(t, "RUN --mount=type=secret,id=none,required true"))
    clean(t)


@test
def scripts_and_tmpfs(t):
    steps = """RUN <<END
#!/bin/sh -e
echo "of $0" > /said
END
RUN --mount=type=tmpfs,target=/fast,size=1m df -k /fast | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2 >> /said; touch /fast/x
RUN --network=none ip link | grep -c ': ' >> /said
RUN --network=host test "$(readlink /proc/self/ns/net)" = HOST""".replace("HOST", os.readlink("/proc/self/ns/net"))
    equal(said(t, steps, None, "--allow", "network.host"), "of /dev/pipes/END\n1024\n1\n", "what is said")
    equal(names_in(t), ["said"], "the layer")


@test
def how_it_fails(t):
    base = folder(t, "RUN echo first; echo second >&2; exit 3")
    r = t.fails(1, "Dockerfile:2:1: the command 'echo first; echo second >&2; exit 3' returned a non-zero code: 3", "build", "-q", base)
    contains(r.err, ["RUN echo first", "^", "first\nsecond\n"], "the message")
    t.fails(127, "Dockerfile:2:1: ", "build", folder(t, 'RUN ["/none"]'))
    t.fails(126, "Dockerfile:2:1: ", "build", folder(t, 'RUN ["/etc/passwd"]'))
    t.fails(1, "returned a non-zero code: 137", "build", folder(t, "RUN sh -c 'kill -9 $$'; exit $?"))
    for mount, message in [("type=ssh", "mount type 'ssh' is not supported"), ("type=bind", "needs a target"),
                           ("type=cache,target=/x,from=a", "begins empty"), ("target=/x,nonsense=1", "unexpected key 'nonsense'")]:
        t.fails((2, 18), [message, "Dockerfile:2:"], "build", folder(t, f"RUN --mount={mount} true"))
    # names that a layer cannot hold
    t.fails(18, "'/.wh.x' cannot be kept", "build", folder(t, "RUN touch /.wh.x"))
    clean(t)


@test
def another_machine(t):
    """A program that this kernel cannot run, and nothing emulates."""
    if any(name not in ("register", "status") for name in kit.list_dir("/proc/sys/fs/binfmt_misc")):
        kit.skip("programs of other machines run here")
    image = shared.configured({}, arch="riscv64", tag="riscv")
    files = {"Dockerfile": f"FROM --platform=linux/riscv64 {image}\nCOPY program /bin/program\nRUN [\"/bin/program\"]\n"}
    os.makedirs(t.path("context"))
    with open(t.path("context/program"), "wb") as f:
        f.write(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf3\x00" + bytes(100))
    os.chmod(t.path("context/program"), 0o755)
    t.write("context/Dockerfile", files["Dockerfile"])
    t.fails(18, ["Dockerfile:3:1: cannot run programs for linux/riscv64 on linux/", "install qemu-user-static"], "build", "--platform",
            "linux/riscv64", t.path("context"))
    clean(t)


ARM_PROGRAM = r"""
#include <stdio.h>
#include <sys/utsname.h>
int main(void)
{
    struct utsname here;
    FILE *f = fopen("/said", "a");
    return uname(&here) < 0 || !f || fprintf(f, "on %s\n", here.machine) < 0 || fclose(f) != 0;
}
"""
ARM_MAGIC = r":%s:M::\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00" \
            r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:%s:F"


@test
def emulated(t):
    """An ARM image is built here, by an emulator that binfmt_misc knows."""
    kit.need_programs("qemu-arm-static", "arm-linux-gnueabihf-gcc")
    os.makedirs(t.path("context"))
    kit.command("arm-linux-gnueabihf-gcc", "-static", "-o", t.path("context/program"), t.write("program.c", ARM_PROGRAM))
    t.write("context/Dockerfile", 'FROM scratch\nCOPY program /bin/program\nRUN ["/bin/program"]\nRUN ["/bin/program"]\n'
                                  'FROM scratch\nCOPY --from=0 /said /etc/said\nCOPY program /bin/program\n')
    try:
        handlers = t.mount("-t", "binfmt_misc", "none", t.path("binfmt"))
    except kit.Failure:
        kit.skip("this kernel has no binfmt_misc")
    name = f"kist-test-{os.getpid()}"
    with open(os.path.join(handlers, "register"), "w") as f:
        f.write(ARM_MAGIC % (name, shutil.which("qemu-arm-static")))
    try:
        t.kist("build", "-t", "arm", "--platform", "linux/arm/v7", t.path("context"))
        image = t.kist("image", "inspect", "arm").json()[0]
        equal([image[key] for key in ("Os", "Architecture", "Variant")], ["linux", "arm", "v7"], "what the image is for")
        t.kist("run", "--name", "box", "--platform", "linux/arm/v7", "arm", "/bin/program")
        t.kist("export", "-o", t.path("box.tar"), "box")
        with tarfile.open(t.path("box.tar")) as tar:
            equal(tar.extractfile("etc/said").read(), b"on armv7l\non armv7l\n", "what the steps said")
            equal(tar.extractfile("said").read(), b"on armv7l\n", "what a run says")
        t.kist("rm", "box")
    finally:
        with open(os.path.join(handlers, name), "w") as f:
            f.write("-1")
    clean(t)


@test
def killed_at_its_work(t):
    """What a kist that was killed leaves, the next one sweeps."""
    child = t.start("build", folder(t, "RUN --mount=type=cache,target=/c echo begun; sleep 1000"))
    while b"begun" not in (line := child.stderr.readline()) or b"RUN" in line:
        check(line, "the build ended")
    child.kill()
    t.finish(child, ["build"], code=137)
    t.kist("ps")
    equal(os.listdir(os.path.join(t.root, "containers")), [], "containers left")
    # its cache is free for the next
    equal(said(t, "RUN --mount=type=cache,target=/c,sharing=locked echo 1 > /said"), "1\n", "the next build")


kit.main(shared.prepare)
