#!/usr/bin/env python3
"""What is kept: listed, inspected, removed; and how the command line and the configuration are read."""
import json
import os
import re

import images
import kit
import oci
from kit import check, contains, equal, test
from shared import SHARED, busybox, prepare, registry, small


# ---- references and options -----------------------------------------------------------------------------------------


@test
def bad_references(t):
    digest = "sha256:" + "0" * 64
    for reference, why in {
        "Alpine": "lower", "a/B/c": "lower", "host:5000/": "", "a:b:c": "", ":tag": "", "-a/b": "", "a//b": "",
        "a@sha256:123": "", "a@" + digest.upper(): "", "a:" + "t" * 129: "", "a/" * 130 + "a": "", "": "", "a b": "",
    }.items():
        t.fails(2, why, "pull", reference)
    check(not os.path.exists(t.root), "a bad reference made a store")


@test
def usage(t):
    t.fails(2, ["unknown option '--quite'", "did you mean '--quiet'"], "pull", "--quite", "a")
    t.fails(2, ["unknown command 'pul'", "did you mean 'pull'"], "pul", "a")
    t.fails(2, "'kist pull' needs REF", "pull")
    t.fails(2, "has no use for 'b'", "pull", "a", "b")
    t.fails(2, "'kist image' needs one of its commands", "image")
    t.fails(2, "needs", "rmi")
    r = t.kist(code=2)
    contains(r.err, ["pull", "images", "rmi", "inspect"], "the help")
    t.kist("--help", out="pull")
    t.kist("pull", "--help", out=["--platform", "--dry-run", "--progress", "REF"])
    t.kist("version", out="0.1.0")


@test
def configuration(t):
    name = SHARED["busybox"]
    good = t.write("kist.conf", f"# a comment\nroot = {t.path('configured')}\njobs=1\n")
    t.kist("--config", good, "pull", "-q", name, env={"KIST_ROOT": None})
    check(os.path.isdir(t.path("configured/layers")), "the configured root was not used")
    os.mkdir(t.path("kist.conf.d"))
    t.write("kist.conf.d/50-more.conf", "layer.compression = gzip\n")
    t.write("kist.conf.d/ignored.txt", "nonsense\n")
    t.kist("--config", good, "images", out="box", env={"KIST_ROOT": None})
    t.write("kist.conf.d/60-bad.conf", "\n\nlayer.compresion = gzip\n")
    t.fails(2, ["60-bad.conf:3", "unknown key 'layer.compresion'", "did you mean 'layer.compression'"], "--config", good,
            "images")
    os.unlink(t.path("kist.conf.d/60-bad.conf"))
    for text, why in {"jobs": "expected 'key = value'", "jobs = 99": "jobs must be 1 to 16", "jobs = many": "many",
                      "mem = 1": "mem must be", "root = here": "not an absolute path"}.items():
        t.fails(2, why, "--config", t.write("bad.conf", text + "\n"), "images", env={"KIST_ROOT": None})
    t.fails(2, [t.path("none.conf"), "No such file"], "--config", t.path("none.conf"), "images")
    t.fails(2, "KIST_JOBS", "images", env={"KIST_JOBS": "x"})


# ---- listing --------------------------------------------------------------------------------------------------------


@test
def listing(t):
    equal(t.kist("images").out.split(), ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE", "SHARED"], "the empty table")
    check(not os.path.exists(t.root), "listing made a store")
    name, repository = SHARED["busybox"], SHARED["busybox"].rsplit(":", 1)[0]
    t.kist("pull", "-q", name)
    layout = busybox()
    image_id = layout.manifest["config"]["digest"]
    out = t.kist("images").out.splitlines()
    equal(re.split(r" {2,}", out[0].strip()), ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED"], "the columns")
    equal(out[1].split()[:3], [repository, "latest", image_id[7:19]], "the row")
    equal(t.kist("image", "ls").out.splitlines()[1].split()[:3], out[1].split()[:3], "the row of image ls")
    equal(t.kist("images", "-q").out, image_id[7:19] + "\n", "what -q prints")
    equal(t.kist("images", "-q", "--no-trunc").out, image_id + "\n", "what -q --no-trunc prints")
    source = layout.index["manifests"][0]["digest"]
    contains(t.kist("images", "--digests").out, ["DIGEST", source], "what --digests prints")
    row = t.kist("images", "--json").json()
    equal((row["Name"], row["Digest"], row["Platform"]), (name, source, "linux/amd64"), "the JSON row")
    files = sum(os.lstat(path).st_size for path in t.layers().values())
    check(files <= row["Bytes"] <= files + 65536, f"Bytes is {row['Bytes']}, layer files have {files}")
    equal(t.kist("images", "--format", "{{.Repository}}|{{.Tag}}|{{.ID}}").out, f"{repository}|latest|{image_id[7:19]}\n",
          "what --format prints")
    equal(t.kist("images", "--format", '{{json .Tag}}{{println .ID}}').out, f'"latest"{image_id[7:19]}\n\n', "what json prints")
    t.fails(2, "Nonsense", "images", "--format", "{{.Nonsense}}")
    t.fails(2, "", "images", "--format", "{{.ID")
    equal(t.kist("images", "-q", repository).out, image_id[7:19] + "\n", "images of a repository")
    equal(t.kist("images", "-q", repository + ":other").out, "", "images of another tag")


@test
def sharing(t):
    base = oci.Layer.of([("base", os.urandom(300000))])
    tops = [oci.Layer.of([("top", os.urandom(100000))]) for _ in range(2)]
    names = [oci.push(registry().host, "sharing", oci.image([base, top]), f"v{i}") for i, top in enumerate(tops)]
    for name in names:
        t.kist("pull", "-q", name)
    base_size = os.path.getsize(t.layers()[base.diff_id])
    for row in t.kist("images", "--json").jsons():
        check(base_size <= row["SharedBytes"] <= base_size + 8192, f"SharedBytes is {row['SharedBytes']}, not about {base_size}")
        check(row["Bytes"] >= row["SharedBytes"] + 100000, f"Bytes is {row['Bytes']}")
    used = t.bytes_kept()
    freed = t.kist("rmi", "--json", names[0]).json()["freed"]
    check(abs(used - t.bytes_kept() - freed) <= 8192, f"freed {freed}, du says {used - t.bytes_kept()}")
    equal(sorted(t.layers()), sorted([base.diff_id, tops[1].diff_id]), "the layers kept")
    equal(t.kist("images", "--json").json()["SharedBytes"], 0, "shared bytes of the last image")


@test
def inspecting(t):
    name = SHARED["busybox"]
    t.kist("pull", "-q", name)
    layout = busybox()
    [details] = t.kist("image", "inspect", name).json()
    equal(details["Id"], layout.manifest["config"]["digest"], "Id")
    equal(details["RepoTags"], [name], "RepoTags")
    equal(details["RepoDigests"], [f"{name.rsplit(':', 1)[0]}@{layout.index['manifests'][0]['digest']}"], "RepoDigests")
    equal(details["RootFS"], {"Type": "layers", "Layers": layout.diff_ids}, "RootFS")
    equal((details["Os"], details["Architecture"]), ("linux", "amd64"), "platform")
    equal(details["Config"]["Cmd"], ["cat", "/etc/motd"], "Config.Cmd")
    for template, want in {
        "{{.Id}}": details["Id"],
        "{{.Config.Cmd}}": "[cat /etc/motd]",
        "{{json .Config.Env}}": json.dumps(details["Config"]["Env"], separators=(",", ":")),
        "{{range .RootFS.Layers}}{{.}} {{end}}": "".join(d + " " for d in layout.diff_ids),
        '{{join .Config.Cmd ","}}': "cat,/etc/motd",
        "{{len .RootFS.Layers}}": "2",
        "{{index .RepoTags 0}}": name,
        "{{if .Config.Entrypoint}}yes{{else}}no{{end}}": "no",
    }.items():
        equal(t.kist("inspect", "--format", template, name).out, want + "\n", f"what {template} prints")
    for ref in (details["Id"], details["Id"][7:19], details["RepoDigests"][0], name.rsplit(":", 1)[0]):
        equal(t.kist("inspect", "-f", "{{.Id}}", ref).out.strip(), details["Id"], f"the Id of {ref}")
    t.fails(12, "'nothing'", "inspect", "nothing")
    t.fails(12, "'nothing'", "image", "inspect", "nothing")
    r = t.kist("inspect", "-f", "{{.Id}}", "nothing", name, code=12)
    equal(r.out.strip(), details["Id"], "what is found although another is not")


# ---- removing -------------------------------------------------------------------------------------------------------


@test
def tagging(t):
    image = small("tagged\n")
    name = oci.push(registry().host, "tagged", image, "1")
    t.kist("pull", "-q", name)
    r = t.kist("tag", name, "mine")
    equal((r.out, r.err), ("", ""), "what tag prints")
    t.kist("image", "tag", image.config_digest[7:19], "mine:2")
    equal(t.images(), [name, "docker.io/library/mine:2", "docker.io/library/mine:latest"], "the images kept")
    equal({row["ID"] for row in t.kist("images", "--json", "--no-trunc").jsons()}, {image.config_digest}, "their IDs")
    t.kist("rmi", name)
    t.kist("rmi", "mine", "mine:2", out=["Untagged: mine:2", f"Deleted: {image.config_digest}"])
    equal(t.layers(), {}, "the layers kept")
    t.fails(12, "no such image: 'mine:latest'", "tag", "mine", "yours")
    t.fails(2, "names a digest", "tag", "mine", f"yours@{image.digest}")
    t.fails(2, "needs IMAGE NAME", "tag", "mine")


@test
def removing(t):
    name = SHARED["busybox"]
    source = busybox().index["manifests"][0]["digest"]
    repository = name.rsplit(":", 1)[0]
    t.fails(12, f"'{name}'", "rmi", name)
    t.kist("pull", "-q", name)
    alias = registry().push(images.path("busybox") + ":latest", "box:alias")
    t.kist("pull", "-q", alias)
    image_id = busybox().manifest["config"]["digest"]
    t.fails(17, ["has several names", "--force"], "rmi", image_id[7:19])
    equal(t.kist("rmi", alias).out, f"Untagged: {alias}\n", "the first removal")
    equal(len(t.layers()), 2, "the number of layers kept")
    out = t.kist("rmi", image_id[7:19]).out.splitlines()
    equal(out[:3], [f"Untagged: {name}", f"Untagged: {repository}@{source}", f"Deleted: {image_id}"], "the second removal")
    equal(out[3:], [f"Deleted: {d}" for d in reversed(busybox().diff_ids)], "the layers deleted")
    equal((t.layers(), t.blobs(), t.transient()), ({}, set(), []), "what is left")
    for each in (name, alias):
        t.kist("pull", "-q", each)
    t.kist("image", "rm", "--force", image_id)
    equal((t.images(), t.layers(), t.blobs()), ([], {}, set()), "what is left")
    t.kist("pull", "-q", name)
    r = t.kist("rmi", "nothing", name, code=12)
    contains(r.out, "Deleted: ", "what is removed although another is not there")


@test
def removed_file_comes_back(t):
    """A layer file that went missing is told, and the next pull brings it."""
    name = SHARED["busybox"]
    t.kist("pull", "-q", name)
    victim = sorted(t.layers().values())[0]
    os.unlink(victim)
    t.kist("pull", name)
    check(os.path.exists(victim), "the layer did not come back")


kit.main(prepare)
