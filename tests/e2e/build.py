#!/usr/bin/env python3
"""Dockerfiles built: steps, stages, variables, what the cache knows, what goes wrong, where the image goes."""
import io
import json
import os
import signal
import tarfile

import kit
import oci
import shared
from kit import check, contains, equal, test
from shared import SHARED, check_round_trips


def context(t, dockerfile, **files):
    """A directory to build from; names have "__" for "/" and "_" for "."."""
    folder = t.path("context")
    os.makedirs(folder, exist_ok=True)
    for name, text in {"Dockerfile": dockerfile, **{k.replace("__", "/").replace("_", "."): v for k, v in files.items()}}.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(dockerfile.replace("BUSYBOX", SHARED["busybox"]) if name == "Dockerfile" else text)
    return folder


def build(t, dockerfile, *options, files=None, **checks):
    return t.kist("build", *options, context(t, dockerfile, **(files or {})), **checks)


def details(t, image):
    return t.kist("image", "inspect", image).json()[0]


def run(t, image, *command, **checks):
    return t.kist("run", "--rm", "-q", image, *command, **checks)


def cached(result):
    return result.err.count(" ---> Using cache\n")


def clean(t):
    equal(t.transient(), [], "left in tmp/ and partial/")
    equal(os.listdir(os.path.join(t.root, "containers")), [], "containers left")


# ---- what a build makes ---------------------------------------------------------------------------------------------


@test
def a_tutorial(t):
    """The five instructions, then all from the cache, then one file changed."""
    text = "FROM BUSYBOX\nWORKDIR /app\nCOPY . .\nRUN cp a.txt made && echo built >> made\nEXPOSE 8000\nCMD [\"cat\", \"made\"]\n"
    r = build(t, text, "-t", "app:1", files={"a_txt": "one\n"})
    first = r.out.strip()
    contains(r.err, ["Step 1/6 : FROM ", "Step 4/6 : RUN cp", "Successfully built " + first[7:19], "Successfully tagged app:1"], "progress")
    equal(details(t, "app:1")["Id"], first, "the ID printed")
    run(t, "app:1", out="one\nbuilt\n")
    check_round_trips(t)
    clean(t)
    again = build(t, text, "-t", "app:1", files={"a_txt": "one\n"})
    equal((again.out.strip(), cached(again)), (first, 3), "the image built again, and its steps from the cache")
    os.utime(t.path("context", "a.txt"), (1, 1))
    equal(t.kist("build", t.path("context")).out.strip(), first, "the image where only times are others")
    third = build(t, text, "-t", "app:1", files={"a_txt": "two\n"})
    equal(cached(third), 1, "steps from the cache before the changed file")
    run(t, "app:1", out="two\nbuilt\n")
    equal(build(t, text, "--no-cache", "-q").err, "", "what -q tells besides the ID")
    clean(t)


@test
def its_configuration(t):
    build(t, """FROM BUSYBOX
MAINTAINER Somebody
ARG V=1
ENV A=$V B="x y" C='$V'
ENV A=${A}2 D=${UNSET:-none}
LABEL one=1 two="2 3"
WORKDIR /a
WORKDIR b
USER 12:34
VOLUME /data ["/x"]
VOLUME ["/more"]
EXPOSE 80 90/udp 100-102
STOPSIGNAL SIGINT
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK --interval=1m --retries=2 CMD test -e /
ENTRYPOINT echo entry
CMD ["a", "b"]
""", "-t", "conf", "--label", "three=3")
    image = details(t, "conf")
    config = image["Config"]
    equal(image["Author"], "Somebody", "the author")
    equal([e for e in config["Env"] if e[0] in "ABCD"], ["A=12", "B=x y", "C=$V", "D=none"], "variables")
    equal(config["Labels"], {"one": "1", "two": "2 3", "three": "3"}, "labels")
    equal((config["WorkingDir"], config["User"], config["StopSignal"]), ("/a/b", "12:34", "SIGINT"), "directory, user, signal")
    equal(sorted(config["ExposedPorts"]), ["100/tcp", "101/tcp", "102/tcp", "80/tcp", "90/udp"], "ports")
    check("/data" in config["Volumes"] and "/more" in config["Volumes"], f"volumes are {config['Volumes']}")
    equal(config["Healthcheck"], {"Test": ["CMD-SHELL", "test -e /"], "Interval": 60000000000, "Retries": 2}, "health check")
    equal((config["Entrypoint"], config["Cmd"]), (["/bin/sh", "-ec", "echo entry"], ["a", "b"]), "command")
    rows = t.kist("history", "--json", "--no-trunc", "conf").jsons()
    equal([row["CreatedBy"] for row in rows[:2]], ['CMD ["a","b"]', 'ENTRYPOINT ["/bin/sh","-ec","echo entry"]'], "history")
    equal(len([row for row in rows if row["LayerID"]]), len(image["RootFS"]["Layers"]), "steps with layers")


@test
def entry_points_and_commands(t):
    """A command of the base is not for another entry point; one of this file is."""
    build(t, "FROM BUSYBOX\nCMD [\"base\"]\n", "-t", "base")
    build(t, "FROM base\nENTRYPOINT [\"echo\"]\n", "-t", "one")
    equal(details(t, "one")["Config"]["Cmd"], None, "the command")
    build(t, "FROM base\nCMD [\"mine\"]\nENTRYPOINT [\"echo\"]\n", "-t", "two")
    run(t, "two", out="mine\n")


@test
def stages(t):
    r = build(t, """ARG BASE=wrong
FROM ${BASE} AS first
RUN echo one > /one
FROM BUSYBOX AS unused
RUN exit 9
FROM first AS second
RUN echo two > /two
FROM scratch
COPY --from=first /one /
COPY --from=second /two /
""", "--build-arg", "BASE=" + SHARED["busybox"], "-t", "small")
    check("exit 9" not in r.err, "a stage that nobody needs was built")
    with tar_of(t, "--build-arg", "BASE=" + SHARED["busybox"]) as tar:
        equal(sorted(tar.getnames()), ["one", "two"], "files of the image")
    r = t.kist("build", "--target", "FIRST", "--build-arg", "BASE=" + SHARED["busybox"], t.path("context"))
    check("Step 3/3 : RUN echo one" in r.err, "the target's steps")
    t.fails(2, "target stage 'none' could not be found", "build", "--target", "none", "--build-arg", "BASE=x", t.path("context"))


def tar_of(t, *options):
    t.kist("build", "-q", "-o", f"type=tar,dest={t.path('out.tar')}", *options, t.path("context"))
    return tarfile.open(t.path("out.tar"))


@test
def arguments_of_a_stage_below(t):
    """What a stage declares is known in those that are made from it, as BuildKit has it, and in no other."""
    r = build(t, """FROM BUSYBOX AS base
ARG IN=base
FROM base AS above
RUN echo above $IN
ENV SET=$IN
FROM above
ARG IN=again
RUN echo last $IN $SET
FROM BUSYBOX
COPY --from=2 /etc/passwd /
RUN echo other:$IN:
""")
    for line in "above base\n", "last again base\n", "other::\n":
        contains(r.err, line, "what commands say")


@test
def arguments(t):
    text = """ARG G=global
FROM BUSYBOX
ARG G
ARG A=default
ARG TARGETARCH
ENV E=env
ARG E=arg
RUN echo "$G $A $TARGETARCH $E $HTTP_PROXY $NOT" > /said
"""
    build(t, text, "-t", "args")
    run(t, "args", "cat", "/said", out="global default amd64 env  \n")
    r = build(t, text, "-t", "args", "--build-arg", "A=given", "--build-arg", "NOT=x", "--build-arg", "HTTP_PROXY=proxy", "--build-arg", "G=other")
    run(t, "args", "cat", "/said", out="other given amd64 env proxy \n")
    contains(r.err, "[Warning] One or more build-args [NOT] were not consumed", "progress")
    r = build(t, text, "--build-arg", "A=given", "--build-arg", "HTTP_PROXY=another", "--build-arg", "G=other")
    equal(cached(r), 1, "a step that another proxy has made")


@test
def triggers(t):
    build(t, "FROM BUSYBOX\nONBUILD COPY a.txt /a\nONBUILD RUN echo more >> /a\n", "-t", "parent")
    equal(details(t, "parent")["Config"]["OnBuild"], ["COPY a.txt /a", "RUN echo more >> /a"], "what the parent wants")
    r = build(t, "FROM parent\nCMD cat /a\n", "-t", "child", files={"a_txt": "file\n"})
    contains(r.err, "# Executing 2 build triggers", "progress")
    run(t, "child", out="file\nmore\n")
    check(not details(t, "child")["Config"]["OnBuild"], "triggers stayed")


@test
def heredocs(t):
    build(t, "FROM BUSYBOX\nARG A=b\nRUN <<END\necho $A > /one\nEND\nCOPY <<END <<'RAW' /etc/\n$A\nEND\n$A\nRAW\n"
             "RUN <<S\n#!/bin/sh\necho script > /two\nS\n", "-t", "here")
    run(t, "here", "cat", "/one", "/etc/END", "/etc/RAW", "/two", out="b\nb\n$A\nscript\n")


@test
def mounts_of_a_step(t):
    secret = t.write("token", "secret\n")
    text = """FROM BUSYBOX AS other
RUN echo from other > /file
FROM BUSYBOX
RUN --mount=type=secret,id=token,target=/run/token cat /run/token | tr a-z A-Z > /said
RUN --mount=type=bind,target=/src cat /src/a.txt >> /said
RUN --mount=type=bind,from=other,source=/file,target=/file cat /file >> /said
RUN --mount=type=cache,target=/cache echo x >> /cache/n; wc -l < /cache/n >> /said
RUN --mount=type=tmpfs,target=/fast echo y > /fast/y
"""
    build(t, text, "-t", "mounts", "--secret", "id=token,src=" + secret, files={"a_txt": "context\n"})
    run(t, "mounts", "cat", "/said", out="SECRET\ncontext\nfrom other\n1\n")
    run(t, "mounts", "ls", "/", code=0)
    check(not any(name in run(t, "mounts", "ls", "/").out.split() for name in ("src", "cache", "fast")), "places of mounts stayed")
    build(t, text.replace("wc -l", "wc  -l"), "-t", "mounts", "--secret", "id=token,src=" + secret)
    run(t, "mounts", "tail", "-n", "1", "/said", out="2\n")
    equal(t.kist("builder", "prune", "-f", "-a").out.splitlines()[-1].startswith("Total reclaimed space: "), True, "the last line")
    check(not os.listdir(os.path.join(t.root, "cache", "mounts")), "what builds keep is left")


# ---- the cache ------------------------------------------------------------------------------------------------------


@test
def the_cache_in_the_store(t):
    text = "FROM BUSYBOX\nRUN echo 1 > /1\nRUN echo 2 > /2\n"
    build(t, text, "-t", "app")
    layers = details(t, "app")["RootFS"]["Layers"]
    t.kist("rmi", "app")
    check(set(layers[-2:]) <= set(t.layers()), "the cache lost layers of an image that went")
    row = [row for row in t.kist("system", "df", "--json").jsons() if row["Type"] == "Build Cache"][0]
    check(row["ReclaimableBytes"] >= 8192, f"df says {row}")
    equal(cached(build(t, text, "-t", "app")), 2, "steps from the cache")
    equal(t.kist("builder", "prune", "-f").out, "Total reclaimed space: 0 B\n", "pruned while an image has the layers")
    t.kist("rmi", "app")
    r = t.kist("builder", "prune", "-f")
    contains(r.out, "Deleted build cache objects:", "output")
    check(not set(layers[-2:]) & set(t.layers()), "layers stayed")
    equal(cached(build(t, text, "-t", "app")), 0, "steps from an empty cache")
    t.kist("rmi", "app")
    t.kist("system", "prune", "-f")
    check(not set(layers[-2:]) & set(t.layers()), "layers stayed after system prune")


@test
def a_dry_run(t):
    text = "FROM BUSYBOX\nRUN echo 1 > /1\nCOPY a.txt /\n"
    folder = context(t, text, a_txt="1")
    t.kist("pull", "-q", SHARED["busybox"])
    before = t.snapshot()
    equal(t.kist("build", "--dry-run", folder).err.count("not in the cache"), 2, "steps to be made")
    equal(t.snapshot(), before, "the store after a dry run")
    t.kist("build", folder)
    r = t.kist("build", "--dry-run", folder)
    equal((cached(r), r.err.count("not in the cache"), r.out), (2, 0, ""), "steps known")


@test
def the_same_bytes(t):
    """With SOURCE_DATE_EPOCH two directories, two stores, one image."""
    text = "FROM BUSYBOX\nCOPY . /src\nRUN echo 1 > /1; mkdir /d; touch /d/x\nWORKDIR /made/here\n"
    seen = set()
    for name, when in (("one", 1000000000), ("two", 1200000000)):
        folder = t.path(name)
        os.mkdir(folder)
        for file in ("b", "a") if name == "one" else ("a", "b"):
            with open(os.path.join(folder, file), "w") as f:
                f.write(file)
            os.utime(os.path.join(folder, file), (when, when))
        with open(os.path.join(folder, "Dockerfile"), "w") as f:
            f.write(text.replace("BUSYBOX", SHARED["busybox"]))
        t.kist("build", "-q", "--metadata-file", t.path(name + ".json"), "-t", name, folder,
               env={"KIST_ROOT": t.path("store-" + name), "SOURCE_DATE_EPOCH": "900000000"})
        with open(t.path(name + ".json")) as f:
            seen.add(json.load(f)["containerimage.digest"])
    equal(len(seen), 1, "manifests")


# ---- where it goes --------------------------------------------------------------------------------------------------


@test
def pushed_pruned_pulled(t):
    name = f"{shared.registry().host}/built:1"
    build(t, "FROM BUSYBOX\nCOPY a.txt /\nRUN cat a.txt a.txt > /b\nCMD cat /b\n", "-t", name, files={"a_txt": "x"})
    before = details(t, name)["Id"]
    t.kist("push", "-q", name)
    t.kist("rmi", name)
    t.kist("system", "prune", "-a", "-f")
    equal(t.layers(), {}, "layers left")
    run(t, name, out="xx")
    equal(details(t, name)["Id"], before, "the image pulled")


@test
def without_any_file(t):
    """An image that has no layer goes all the ways that others go."""
    name = f"{shared.registry().host}/nothing:1"
    build(t, "FROM scratch\nENV a=1\nCMD [\"/none\"]\n", "-q", "-t", name)
    before = details(t, name)["Id"]
    t.fails(125, "an image of 0 layers cannot be run", "run", "--rm", name)
    t.kist("create", "--name", "box", name)
    t.kist("commit", "box", "committed")
    t.kist("rm", "box")
    equal(details(t, "committed")["RootFS"]["Layers"], [], "layers of what was committed")
    t.kist("image", "flatten", name)
    t.kist("save", "-o", t.path("nothing.tar"), name)
    t.kist("push", "-q", name)
    for back in (["pull", "-q", name], ["load", "-q", "-i", t.path("nothing.tar")]):
        t.kist("rmi", name)
        t.kist(*back)
        equal(details(t, name)["Id"], before, f"the image after {back[0]}")
    build(t, f"FROM {name}\nCOPY a.txt /\n", "-q", "-t", "more", files={"a_txt": "x"})
    equal(len(details(t, "more")["RootFS"]["Layers"]), 1, "layers of one made of it")


@test
def archives(t):
    folder = context(t, "FROM BUSYBOX\nCOPY a.txt /\n", a_txt="x")
    made = t.kist("build", "-q", "-t", "app:1", "-o", f"type=oci,dest={t.path('oci.tar')}", "--iidfile", t.path("id"), folder).out.strip()
    with open(t.path("id")) as f:
        equal(f.read(), made, "the file with the ID")
    with tarfile.open(t.path("oci.tar")) as tar:
        check("index.json" in tar.getnames() and "manifest.json" not in tar.getnames(), f"the archive has {tar.getnames()}")
    t.kist("build", "-q", "-t", "app:1", "-o", f"type=docker,dest={t.path('docker.tar')}", folder)
    for name in ("oci.tar", "docker.tar"):
        t.kist("load", "-q", "-i", t.path(name), env={"KIST_ROOT": t.path("other")})
        equal(t.kist("image", "inspect", "--format", "{{.Id}}", "app:1", env={"KIST_ROOT": t.path("other")}).out.strip(), made, "ID in another store")
    t.write("context/Dockerfile", "FROM scratch\nCOPY --chmod=640 --chown=12:34 a.txt /deep/\n")
    t.kist("build", "-q", "-o", t.path("tree"), folder)
    made = os.stat(t.path("tree", "deep", "a.txt"))
    equal((made.st_mode & 0o7777, made.st_uid, made.st_gid), (0o640, 12, 34), "a file of the tree")
    t.fails(2, "dest is required", "build", "-o", "type=local", folder)
    t.fails(2, "type must be", "build", "-o", "type=x,dest=y", folder)


@test
def several_platforms(t):
    folder = context(t, "FROM scratch\nARG TARGETPLATFORM\nCOPY a.txt /\nLABEL for=$TARGETPLATFORM\n", a_txt="x")
    r = t.kist("build", "-q", "--platform", "linux/amd64,linux/arm64", "-t", "both", "--metadata-file", t.path("m.json"), folder)
    equal(len(r.out.split()), 2, "IDs")
    images = [row for row in t.kist("images", "--json").jsons() if row["Repository"] == "both"]
    equal(sorted(row["Platform"] for row in images), ["linux/amd64", "linux/arm64"], "platforms")
    with open(t.path("m.json")) as f:
        equal({row["Digest"] for row in images}, {json.load(f)["containerimage.digest"]}, "the digest of the index")


@test
def from_a_stream(t):
    folder = context(t, "FROM scratch\nCOPY a.txt /\n", a_txt="x")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        tar.add(folder, ".")
    equal(t.kist("build", "-q", "-", input=data.getvalue()).out, t.kist("build", "-q", folder).out, "the image of an archive")
    t.kist("build", "-q", "-", input=f"FROM {SHARED['busybox']}\nRUN true\n".encode())
    t.fails(12, "file not found in build context", "build", "-", input=b"FROM scratch\nCOPY a /\n")
    t.kist("build", "-q", "-f", "-", folder, input=b"FROM scratch\nCOPY a.txt /\n")
    clean(t)


# ---- what goes wrong ------------------------------------------------------------------------------------------------


@test
def bad_input(t):
    os.mkdir(t.path("outside"))
    folder = context(t, "", a_txt="x")
    os.symlink("../outside", os.path.join(folder, "link"))
    base = "FROM " + SHARED["busybox"] + "\n"
    for text, code, message in [
        ("FRON x\n", 2, "Dockerfile:1:1: unknown instruction 'FRON' (did you mean 'FROM'?)"),
        (base + "COPY a\n", 2, "Dockerfile:2:1: "),
        (base + "ENV A=\"b\n", 2, "Dockerfile:2:"),
        (base + "RUN <<END\nx\n", 2, "Dockerfile:2:"),
        ("FROM $NONE\n", 2, "Dockerfile:1:6: base name ($NONE) should not be blank"),
        (base + "COPY --from=none /x /\n", 10, "Dockerfile:2:"),
        (base + "COPY --from=later /x /\n" + base.strip() + " AS later\nCOPY --from=later / /\n", 2, "circular dependency detected on stage"),
        ("FROM scratch AS a\nCOPY --from=b /x /\nFROM scratch AS b\n", 0, ""),
        (base + "COPY none /\n", 12, "Dockerfile:2:6: COPY failed: file not found in build context"),
        (base + "COPY ../outside /\n", 2, "Dockerfile:2:6: "),
        (base + "COPY link/x /\n", 12, "Dockerfile:2:6: "),
        (base + "RUN echo said; exit 7\n", 1, "Dockerfile:2:1: the command 'echo said; exit 7' returned a non-zero code: 7"),
        (base + "EXPOSE none\n", 2, "invalid containerPort: none"),
        (base + "STOPSIGNAL none\n", 2, "invalid signal: none"),
        (base + "LABEL x=" + "y" * (1 << 20) + "\n", 2, "Dockerfile:2:"),
        ("", 2, "Dockerfile"),
    ]:
        t.write("context/Dockerfile", text)
        if code == 0:
            t.kist("build", "-q", folder)
        else:
            t.fails(code, message, "build", folder, env={"KIST_REGISTRY_TRIES": "1", "KIST_REGISTRY_MIRROR": ""} if code == 10 else None)
        clean(t)
    t.fails(2, "there is no Dockerfile 'Dockerfile'", "build", t.path("outside"))
    t.fails(2, "nowhere", "build", t.path("nowhere"))
    t.fails(2, "can't use stdin for both", "build", "-f", "-", "-", input=b"")


@test
def interrupted(t):
    folder = context(t, "FROM BUSYBOX\nRUN echo begun; sleep 1000\n")
    child = t.start("build", folder)
    while b"begun" not in (line := child.stderr.readline()) or b"RUN" in line:
        check(line, "the build ended")
    child.send_signal(signal.SIGINT)
    t.finish(child, ["build"], code=130)
    clean(t)


@test
def what_a_run_depends_on(t):
    """All that a command can see makes another step of it; secrets' values, addresses of hosts and limits of memory do not."""
    steps = "FROM BUSYBOX\nARG SEEN=1\nWORKDIR /w\nRUN --mount=type=secret,id=key true\n"
    secret = "--secret", "id=key,src=" + t.write("key", "one")
    options = (*secret, "--network", "none", "--add-host", "a:10.0.0.1")
    build(t, steps, *options)
    t.write("key", "two")
    changed = [
        ("nothing", steps, options, True),
        ("a secret's value is another", steps, options, True),
        ("a host's address", steps, (*options[:-1], "a:10.0.0.2"), True),
        ("the memory", steps, (*options, "--memory", "64m"), True),
        ("an argument of no use to it", steps, (*options, "--build-arg", "HTTP_PROXY=http://10.0.0.1"), True),
        ("the network", steps, (*secret, "--network", "host", "--add-host", "a:10.0.0.1"), False),
        ("its own network", steps.replace("RUN", "RUN --network=host"), (*options, "--allow", "network.host"), False),
        ("its own network is the same", steps.replace("RUN", "RUN --network=none"), options, True),
        ("a host's name", steps, (*options[:-1], "b:10.0.0.1"), False),
        ("the shared memory", steps, (*options, "--shm-size", "1m"), False),
        ("a limit", steps, (*options, "--ulimit", "nofile=64"), False),
        ("an argument", steps, (*options, "--build-arg", "SEEN=2"), False),
        ("the directory", steps.replace("/w", "/v"), options, False),
        ("the user", steps.replace("RUN", "USER 1\nRUN"), options, False),
        ("a variable", steps.replace("RUN", "ENV A=1\nRUN"), options, False),
        ("the shell", steps.replace("RUN", 'SHELL ["/bin/sh", "-xc"]\nRUN'), options, False),
        ("the secret", steps.replace("id=key", "id=kez"), options, False),
        ("the secret's mode", steps.replace("id=key", "id=key,mode=0444"), options, False),
        ("a cache", steps.replace("RUN", "RUN --mount=type=cache,target=/c"), options, False),
        ("the command", steps.replace("true", "true "), options, True),
        ("the form", steps.replace("true", '["true"]'), options, False),
    ]
    for what, text, chosen, same in changed:
        plan = build(t, text, *chosen, "--dry-run").err.split(" : RUN")[1]
        equal("Using cache" in plan, same, f"that the step is in the cache where {what} is changed")
    clean(t)


@test
def over_the_quota(t):
    t.kist("pull", "-q", SHARED["busybox"])
    quota = {"KIST_STORE_QUOTA": str(t.bytes_kept() + (2 << 20))}
    folder = context(t, "FROM BUSYBOX\nRUN head -c 20000000 /dev/urandom > /big\n")
    t.fails(16, "Dockerfile:2:1: ", "build", folder, env=quota)
    clean(t)


@test
def far_over_the_quota(t):
    """What would write for ever, or hold what it wrote, is ended while it runs; what may go for it goes first."""
    t.kist("pull", "-q", SHARED["busybox"])
    kept = t.bytes_kept()
    quota = {"KIST_STORE_QUOTA": str(kept + (8 << 20)), "KIST_PRUNE_AUTO": "false"}
    over = ["Dockerfile:2:1: what the command wrote is ", " too much under quota "]
    for command in "head -c 16m /dev/urandom > /big; while true; do sleep 60; done", "head -c 16m /dev/urandom > /big; exit 7":
        t.fails(16, over, "build", context(t, f"FROM BUSYBOX\nRUN {command}\n"), env=quota)
        clean(t)
        check(t.bytes_kept() < kept + (1 << 20), f"{t.bytes_kept() - kept} bytes more are kept")
    with tarfile.open(t.path("other.tar"), "w") as tar:
        tar.add(t.write("data", os.urandom(7 << 20)), "data")
    t.kist("import", t.path("other.tar"), "other")
    t.fails(16, over, "build", context(t, "FROM BUSYBOX\nRUN head -c 3m /dev/urandom > /big\n"), env=quota)
    t.kist("build", t.path("context"), env={**quota, "KIST_PRUNE_AUTO": "true"})
    t.fails(12, "no such image", "image", "inspect", "other")
    clean(t)


kit.main(shared.prepare)
