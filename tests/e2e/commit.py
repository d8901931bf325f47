#!/usr/bin/env python3
"""What containers changed: listed, committed; the history of images, the tree of their layers, what inspect tells; against Docker's."""
import io
import json
import os
import subprocess
import tarfile

import kit
import oci
import shared
from kit import check, contains, equal, test
from peers import Dockerd
from shared import SHARED, check_round_trips


def changed(t, script, *options, name="box", image=None):
    """A container that ran script."""
    t.kist("run", "-q", "--name", name, *options, image or SHARED["busybox"], "sh", "-c", script)


def diff(t, name="box"):
    return t.kist("diff", name).out.splitlines()


def box(t, image, *command, **checks):
    return t.kist("run", "--rm", "-q", image, *command, **checks)


def details(t, image):
    return t.kist("image", "inspect", image).json()[0]


@test
def diff_lists(t):
    changed(t, "echo 1 > /new; mkdir -p /made/a; echo 2 > /made/a/b; rm /etc/group; echo x >> /etc/passwd; chmod 700 /tmp; "
               "touch /etc/x && rm /etc/x; ln -s new /link")
    want = ["C /etc", "D /etc/group", "C /etc/passwd", "A /link", "A /made", "A /made/a", "A /made/a/b", "A /new", "C /tmp"]
    equal(diff(t), want, "the changes")
    equal(t.kist("diff", "--json", "box").jsons()[1], {"Kind": "D", "Path": "/etc/group"}, "a change as JSON")
    # one that wrote nothing has none, whatever was mounted in it
    changed(t, "true", "-v", "/data/deep", "--tmpfs", "/fast", "-v", t.dir + ":/host/dir", name="idle")
    equal(diff(t, "idle"), [], "the changes of nothing")
    t.kist("create", "--name", "never", SHARED["busybox"])
    equal(diff(t, "never"), [], "the changes of one that never ran")
    t.fails(12, "no such container: 'none'", "diff", "none")
    # a directory that came anew, and one that was renamed
    changed(t, "mkdir -p /made/a; echo 1 > /made/a/one; echo 2 > /made/two", name="first")
    t.kist("commit", "first", "first")
    changed(t, "rm -r /made && mkdir /made && echo 22 > /made/two && mv /tmp /moved", name="anew", image="first")
    equal(diff(t, "anew"), ["C /made", "D /made/a", "C /made/two", "A /moved", "D /tmp"], "the changes")


@test
def diff_of_one_that_runs(t):
    t.kist("run", "-q", "-d", "--name", "box", SHARED["busybox"], "sh", "-c", "echo 1 > /new; mkfifo /ready; echo > /ready; sleep 1000")
    t.kist("exec", "box", "sh", "-c", "while ! [ -p /ready ]; do usleep 1000; done; read x < /ready")
    equal(diff(t), ["A /new", "A /ready"], "the changes")
    t.kist("rm", "-f", "box")


@test
def an_image_of_changes(t):
    changed(t, "echo 1 > /new; mkdir -m 750 /dir; echo text > /dir/file; chown 12:34 /dir/file; ln /dir/file /dir/other; rm /etc/group; "
               "rm -r /tmp; mkdir -m 1777 /tmp")
    text = t.kist("commit", "-a", "Somebody", "-m", "what was done", "box", "mine:1").out.strip()
    made = details(t, "mine:1")
    equal(made["Id"], text, "the ID printed")
    equal((made["Author"], made["Comment"]), ("Somebody", ""), "author and comment")
    base = details(t, SHARED["busybox"])
    equal(made["RootFS"]["Layers"][:-1], base["RootFS"]["Layers"], "the layers below")
    check_round_trips(t)
    script = "cat /new /dir/file; stat -c '%u:%g %a %h' /dir/file; stat -c %a /dir /tmp; [ /dir/file -ef /dir/other ] && echo same; ls /etc/group"
    equal(box(t, "mine:1", "sh", "-c", script, code=1).out, "1\ntext\n12:34 644 2\n750\n1777\nsame\n", "what is in it")
    # the layer is as Docker would write it
    with tarfile.open(fileobj=io.BytesIO(subprocess.run([shared.layer_tool(), "tar", t.layers()[made["RootFS"]["Layers"][-1]]],
                                                        stdout=subprocess.PIPE, env=kit.ENVIRONMENT, check=True).stdout)) as tar:
        names = tar.getnames()
    equal(names, sorted(names, key=lambda name: name.replace(".wh.group", "group").split("/")), "the order of the names")
    check({"new", "dir/file", "dir/other", "etc/.wh.group", "tmp/.wh..wh..opq"} <= set(names), f"the layer has {names}")
    # of the same container comes the same layer
    equal(t.kist("commit", "-q", "box", code=2).out, "", "an option that commit has not")
    t.kist("commit", "box", "again")
    equal(details(t, "again")["RootFS"], made["RootFS"], "the layers of a second commit")
    t.kist("rmi", "mine:1")
    box(t, "again", "cat", "/new", out="1\n")
    equal(t.transient(), [], "left in tmp/ and partial/")
    t.fails(12, "no such container", "commit", "none")
    t.fails(2, "invalid reference", "commit", "box", "UPPER CASE")
    t.fails(2, "cannot commit 'box'", "commit", "-c", "RUN true", "box")


@test
def its_configuration(t):
    image = shared.configured({"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["true"], "Env": ["PATH=/bin", "A=1"], "Labels": {"k": "v"}, "User": "0"})
    t.kist("run", "-q", "--name", "box", "-e", "B=2", "-w", "/etc", "-l", "mine=yes", image, "echo $B")
    t.kist("commit", "box", "told")
    config = details(t, "told")["Config"]
    equal([config[name] for name in ("Entrypoint", "Cmd", "Env", "Labels", "WorkingDir", "User")],
          [["/bin/sh", "-c"], ["echo $B"], ["B=2", "PATH=/bin", "A=1"], {"k": "v", "mine": "yes"}, "/etc", "0"], "the configuration")
    box(t, "told", out="2\n")
    t.kist("run", "-q", "--name", "other", "--entrypoint", "/bin/echo", "-u", "12:34", image, "one", "two")
    t.kist("commit", "-c", "ENV C=3", "-c", "EXPOSE 80", "-c", "USER nobody", "other", "other")
    config = details(t, "other")["Config"]
    equal([config[name] for name in ("Entrypoint", "Cmd", "Env", "ExposedPorts", "User")],
          [["/bin/echo"], ["one", "two"], ["PATH=/bin", "A=1", "C=3"], {"80/tcp": {}}, "nobody"], "the configuration")
    # nothing was written: no layer, but a step
    equal(details(t, "other")["RootFS"], details(t, image)["RootFS"], "the layers of one that wrote nothing")
    check(t.kist("history", "--json", "other").jsons()[0]["Bytes"] == 0, "a step without a layer has bytes")


@test
def a_commit_of_one_that_runs(t):
    t.kist("run", "-q", "-d", "--name", "box", SHARED["busybox"], "sh", "-c", "echo 1 > /new; mkfifo /ready; echo > /ready; sleep 1000")
    t.kist("exec", "box", "sh", "-c", "while ! [ -p /ready ]; do usleep 1000; done; read x < /ready")
    for options in ([], ["--pause=false"], ["--no-pause"]):
        t.kist("commit", *options, "box", "live")
        box(t, "live", "cat", "/new", out="1\n")
        equal(t.kist("inspect", "--format", "{{.State.Status}}", "box").out, "running\n", "the container afterwards")
    paused = [line for line in t.kist("events", "--since", "1h", "--until", "0s").out.splitlines() if "pause" in line]
    equal(len(paused), 2, "times it was paused and thawed")
    t.kist("pause", "box")
    t.kist("commit", "box", "live")
    equal(t.kist("inspect", "--format", "{{.State.Status}}", "box").out, "paused\n", "one that was paused")
    t.kist("unpause", "box")
    t.kist("rm", "-f", "box")


@test
def history_of_steps(t):
    changed(t, "echo 1 > /new")
    t.kist("commit", "-m", "mine", "box", "mine")
    rows = t.kist("history", "--json", "mine").jsons()
    layers = details(t, "mine")["RootFS"]["Layers"]
    equal([row["LayerID"] for row in rows if row["LayerID"]], layers[::-1], "layers, the newest first")
    equal((rows[0]["ID"], rows[1]["ID"], rows[0]["Comment"]), (details(t, "mine")["Id"][7:19], "<missing>", "mine"), "IDs and comment")
    equal(rows[0]["CreatedBy"], "sh -c echo 1 > /new", "how it was made")
    table = t.kist("history", "mine").out.splitlines()
    equal(table[0].split(), ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"], "the table's head")
    equal(len(table), len(rows) + 1, "lines of the table")
    equal(t.kist("history", "-q", "--no-trunc", "mine").out.splitlines()[0], details(t, "mine")["Id"], "the whole ID")
    equal(t.kist("history", "--format", "{{.CreatedBy}}", "mine").out.splitlines()[0], "sh -c echo 1 > /new", "a template")
    size = os.path.getsize(t.layers()[layers[-1]])
    equal(t.kist("history", "--human=false", "--format", "{{.Size}}", "mine").out.splitlines()[0], str(size), "bytes")
    long = shared.configured({}, tag="long")
    t.kist("run", "-q", "--name", "long", long, "echo", "x" * 100)
    t.kist("commit", "long", "long")
    equal(t.kist("history", "--format", "{{.CreatedBy}}", "long").out.splitlines()[0], "echo " + "x" * 39 + "…", "a step cut")
    equal(t.kist("history", "--no-trunc", "--format", "{{.CreatedBy}}", "long").out.splitlines()[0], "echo " + "x" * 100, "and not")
    t.fails(12, "no such image: 'none'", "history", "none")


@test
def tree_of_layers(t):
    changed(t, "echo 1 > /one", name="one")
    t.kist("commit", "one", "mine:1")
    t.kist("tag", "mine:1", "mine:same")
    changed(t, "echo 2 > /two", name="two")
    t.kist("commit", "two", "mine:2")
    base = details(t, SHARED["busybox"])["RootFS"]["Layers"]
    rows = t.kist("images", "--tree", "--json").jsons()
    equal([row["LayerID"] for row in rows[:2]], base, "the layers that all share")
    equal([(row["SharedBy"], row["Images"]) for row in rows[:2]], [(3, []), (3, [SHARED["busybox"]])], "by how many")
    equal(sorted(row["Images"] for row in rows[2:]), [["mine:1", "mine:same"], ["mine:2"]], "whose layers are on top")
    check(all(row["Parent"] == base[-1] and row["SharedBy"] == 1 for row in rows[2:]), f"the layers on top are {rows[2:]}")
    lines = t.kist("images", "--tree").out.splitlines()
    contains(lines[0], ["└─" + base[0][7:19], "shared by 3 images"], "the first line")
    contains(lines[1], ["  └─" + base[1][7:19], SHARED["busybox"]], "the second line")
    equal([line[:6] for line in lines[2:]], ["    ├─", "    └─"], "the branches")
    t.fails(2, "--tree goes with", "images", "--tree", "-q")


KEYS = ("Id", "RepoTags", "RepoDigests", "Parent", "Comment", "Created", "DockerVersion", "Author", "Architecture", "Os", "Size",
        "GraphDriver", "RootFS", "Metadata", "Config")


@test
def as_docker_has_it(t):
    """inspect, history, diff and commit beside dockerd's of the same image."""
    docker = Dockerd(t)
    config = {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["true"], "Env": ["PATH=/bin", "A=1"], "Labels": {"k": "v"},
              "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}, "WorkingDir": "/etc", "StopSignal": "SIGINT"}
    steps = [{"created": "2020-01-02T03:04:05Z", "created_by": "/bin/sh -c #(nop) ADD file:0123456789 in / "},
             {"created": "2020-01-02T03:04:06Z", "created_by": "/bin/sh -c #(nop)  CMD [\"sh\"]", "comment": "nothing", "empty_layer": True}]
    layer = oci.Layer.of([("etc", None), ("etc/text", b"1")])
    image = oci.push(shared.registry().host, "docker", oci.image([layer], config=config, history=steps), "1")
    t.kist("pull", "-q", image)
    t.kist("save", "-o", t.path("image.tar"), image)
    docker.docker("load", "-i", t.path("image.tar"))
    ours, theirs = details(t, image), json.loads(docker.docker("image", "inspect", image))[0]
    for name in KEYS:
        check(name in theirs or name in ("Parent", "DockerVersion", "GraphDriver", "Metadata", "Comment", "Author"), f"docker has no {name}")
        check(name in ours, f"inspect has no {name}")
    for name in ("Id", "Architecture", "Os", "RootFS", "Created"):
        equal(ours[name], theirs[name], name)
    for name, value in theirs["Config"].items():
        if value:
            equal(ours["Config"].get(name), value, f"Config.{name}")
    check(set(theirs) - set(ours) <= {"Container", "ContainerConfig", "VirtualSize", "Descriptor"}, f"inspect lacks {set(theirs) - set(ours)}")
    for flag in ([], ["--no-trunc"]):
        template = "{{.CreatedBy}}|{{.Comment}}"
        equal(t.kist("history", *flag, "--format", template, image).out,
              docker.docker("history", *flag, "--format", template, image), "the history")


CHANGES = """
echo 1 > /new; mkdir -p /made/a; echo 2 > /made/a/b; rm /etc/group; echo x >> /etc/passwd; chmod 700 /tmp; chown 12:34 /bin
touch /etc/x; rm /etc/x; ln -s new /link; rm -r /home; mkdir /home; echo 3 > /home/own; ln /new /twin; mkfifo -m 600 /fifo
"""


def layer_names(tar):
    """What the topmost layer of a saved image has: name -> type, mode, owner, target, text; less the directories that are on the way."""
    manifest = json.load(tar.extractfile("manifest.json"))[0]
    with tarfile.open(fileobj=tar.extractfile(manifest["Layers"][-1])) as layer:
        members = {m.name: (m.type, m.mode & 0o7777, m.uid, m.gid, m.linkname, layer.extractfile(m).read() if m.isreg() else b"")
                   for m in layer if not os.path.basename(m.name).startswith(".wh.")}
        return json.load(tar.extractfile(manifest["Config"])), members, {m for m in layer.getnames() if "/.wh." in "/" + m}


@test
def changes_as_docker_has_them(t):
    """The same container here and by dockerd: what changed, the layer, the configuration and the history of its image."""
    docker = Dockerd(t)
    t.kist("run", "-q", "--name", "base", SHARED["busybox"], "true")
    t.kist("export", "-o", t.path("base.tar"), "base")
    changes = ["-c", 'ENTRYPOINT ["/bin/sh", "-c"]', "-c", "ENV PATH=/bin A=1", "-c", "WORKDIR /etc", "-c", "LABEL k=v"]
    docker.docker("import", *changes, t.path("base.tar"), "base:1")
    t.kist("import", *changes, t.path("base.tar"), "base:1")
    options = ["--network", "none", "--name", "box", "-e", "B=2", "base:1", CHANGES]
    t.kist("run", "-q", *options)
    docker.docker("run", *options)
    equal(diff(t), sorted(docker.docker("diff", "box").splitlines(), key=lambda line: line[2:].split("/")), "the changes")
    commit = ["commit", "-a", "Somebody", "-m", "done", "-c", "ENV C=3", "-c", "USER 12", "box", "mine:1"]
    t.kist(*commit)
    docker.docker(*commit)
    t.kist("save", "-o", t.path("ours.tar"), "mine:1")
    docker.docker("save", "-o", t.path("theirs.tar"), "mine:1")
    with tarfile.open(t.path("ours.tar")) as ours, tarfile.open(t.path("theirs.tar")) as theirs:
        (config, members, gone), (config2, members2, gone2) = layer_names(ours), layer_names(theirs)
    equal(members, members2, "the layer")
    # dockerd, without overlayfs, names all that a directory which came anew has lost; kist hides it at once
    check({"etc/.wh.group"} <= gone & gone2 and "home/.wh..wh..opq" in gone, f"gone are {gone} and {gone2}")
    for name in ("Env", "Cmd", "Entrypoint", "WorkingDir", "Labels", "User"):
        equal(config["config"].get(name), config2["config"].get(name), "the configuration's " + name)
    last, last2 = config["history"][-1], config2["history"][-1]
    equal([last.get(k) for k in ("created_by", "author", "comment")], [last2.get(k) for k in ("created_by", "author", "comment")], "the step")
    equal(len(config["history"]), len(config2["history"]), "steps")


CREATED = [
    ["BASE"],
    ["-e", "HOME=/h", "-e", "B=2", "-e", "A=3", "-e", "HOSTNAME=x", "BASE", "two", "words"],
    ["-e", "C", "-e", "B=1", "-e", "B=2", "--env-file", "FILE", "BASE"],
    ["-p", "8080:90", "-p", "53:53/udp", "--expose", "100-101", "--expose", "7/udp", "-P", "BASE"],
    ["-v", "/made", "-v", "/etc:/host", "-v", "named:/named", "--mount", "type=volume,target=/mounted", "BASE"],
    ["--label", "k=other", "--label", "m=1", "-u", "app:12", "-w", "/tmp", "BASE"],
    ["--entrypoint", "/bin/echo", "BASE"],
    ["--entrypoint", "/bin/echo", "BASE", "one"],
    ["--entrypoint", "", "BASE", "/bin/true"],
    ["--stop-signal", "SIGTERM", "--health-cmd", "true", "--health-interval", "5s", "--health-retries", "2", "BASE"],
    ["--no-healthcheck", "BASE"],
]


@test
def what_it_was_created_with(t):
    """Every option that says something of an image, beside Docker's commit of a container made by the same words."""
    docker = Dockerd(t)
    with tarfile.open(t.path("base.tar"), "w") as tar:
        os.makedirs(t.path("base", "etc"))
        t.write("base/etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")
        tar.add(t.path("base"), ".")
    changes = ["-c", 'ENTRYPOINT ["/bin/sh", "-c"]', "-c", 'CMD ["true"]', "-c", "ENV PATH=/bin A=1 C=4", "-c", "LABEL k=v", "-c", "EXPOSE 80",
               "-c", "VOLUME /data"]
    docker.docker("import", *changes, t.path("base.tar"), "first")
    docker.docker("create", "--name", "first", "--stop-signal", "SIGINT", "--health-cmd", "test", "--health-timeout", "3s", "first")
    docker.docker("commit", "first", "base")
    docker.docker("save", "-o", t.path("image.tar"), "base")
    t.kist("load", "-i", t.path("image.tar"))
    t.write("env", "D=5\nE=6\n")
    for i, words in enumerate(CREATED):
        words = [{"BASE": "base", "FILE": t.path("env")}.get(word, word) for word in words]
        for command in docker.docker, t.kist:
            command("create", "--name", f"box{i}", *words)
            command("commit", f"box{i}", f"mine:{i}")
        ours, theirs = details(t, f"mine:{i}")["Config"], json.loads(docker.docker("image", "inspect", f"mine:{i}"))[0]["Config"]
        for name in ("Env", "Cmd", "Entrypoint", "WorkingDir", "Labels", "User", "ExposedPorts", "Volumes", "Healthcheck", "StopSignal"):
            got, want = ours.get(name), theirs.get(name)
            if name == "Env":  # dockerd's order is another each time; "C" is none
                got, want = sorted(got), sorted(pair for pair in want if "=" in pair)
            if name == "Healthcheck" and want["Test"] == ["NONE"]:  # there, with the times of the check that is no more
                want = {"Test": ["NONE"]}
            equal(got or None, want or None, f"{name} of what was created by {words}")
        t.kist("rm", f"box{i}")


kit.main(shared.prepare)
