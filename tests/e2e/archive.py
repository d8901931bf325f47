#!/usr/bin/env python3
"""Images in archives: saved, loaded, without what the other side has; what dockerd, podman, skopeo and umoci make of them."""
import hashlib
import io
import json
import os
import subprocess
import tarfile
import time

import images
import kit
import oci
from kit import check, contains, equal, test
from shared import SHARED, busybox, check_round_trips, prepare, registry, small


# ---- helpers --------------------------------------------------------------------------------------------------------


def read_tar(data):
    """name -> contents of an archive's files."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}


def archive(t, *args, env=None):
    """What 'kist save' writes to standard output."""
    path = t.path("saved.tar")
    with open(path, "wb") as f:
        t.finish(t.start("save", *args, stdout=f, env=env), ("save", *args))
    with open(path, "rb") as f:
        return f.read()


def sizes(folder):
    return {name: os.path.getsize(os.path.join(folder, name)) for name in kit.list_dir(folder)}


# ---- saving ---------------------------------------------------------------------------------------------------------


@test
def save_both_forms(t):
    name = SHARED["busybox"]
    t.kist("pull", "-q", name)
    layout = busybox()
    files = read_tar(archive(t, name))
    image_id = layout.manifest["config"]["digest"]
    blob = lambda key: "blobs/sha256/" + key.split(":")[1]
    equal(json.loads(files["oci-layout"]), {"imageLayoutVersion": "1.0.0"}, "oci-layout")
    equal(json.loads(files["manifest.json"]), [{"Config": blob(image_id), "RepoTags": [name],
                                                "Layers": [blob(d) for d in layout.diff_ids]}], "manifest.json")
    equal(files[blob(image_id)], layout.read(image_id), "the config")
    entry, = json.loads(files["index.json"])["manifests"]
    equal(entry["annotations"], {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "latest"}, "the names")
    manifest = json.loads(files[blob(entry["digest"])])
    equal([layer["digest"] for layer in manifest["layers"]], layout.diff_ids, "the manifest's layers")
    for key, data in files.items():
        if key.startswith("blobs/"):
            equal(hashlib.sha256(data).hexdigest(), os.path.basename(key), "the digest of " + key)
    check("manifest.json" not in read_tar(archive(t, "--format", "oci", name)), "an OCI layout with a manifest.json")
    equal(archive(t, name), archive(t, name), "the archive made again")
    # to a file, which is there at the end and not before
    t.kist("save", "-o", t.path("file.tar"), name)
    with open(t.path("file.tar"), "rb") as f:
        equal(f.read(), archive(t, name), "the archive in a file")
    t.kist("save", "-o", "/dev/null", name)
    t.fails(12, "no such image: 'none:latest'", "save", "-o", t.path("none.tar"), name, "none")
    check(not os.path.exists(t.path("none.tar")), "a failed save left its file")
    equal([n for n in os.listdir(t.dir) if n.startswith(".")], [], "temporary files")
    t.fails(2, "format must be docker or oci", "save", "--format", "zip", name)


@test
def save_names(t):
    """By name, by repository, by ID; several names of an image, several images."""
    one, two = (oci.push(registry().host, "names", small(text), tag) for text, tag in (("one", "1"), ("two", "2")))
    for name in (one, two):
        t.kist("pull", "-q", name)
    t.kist("tag", one, "other:3")
    docker = lambda *args: json.loads(read_tar(archive(t, *args))["manifest.json"])
    equal([i["RepoTags"] for i in docker(one)], [[one]], "one name")
    equal([i["RepoTags"] for i in docker(one, "other:3", one)], [[one, "other:3"]], "two names of an image")
    equal(sorted(i["RepoTags"] for i in docker(one.rsplit(":", 1)[0])), [[one], [two]], "a repository")
    image_id = t.kist("inspect", "--format", "{{.Id}}", one).out.strip()
    equal([i["RepoTags"] for i in docker(image_id)], [None], "an ID")
    equal([i["Config"] for i in docker(image_id[7:19])], ["blobs/sha256/" + image_id[7:]], "a short ID")
    t.fails(12, "no such image", "save", one.rsplit(":", 1)[0] + ":none")


@test
def not_in_inventory(t):
    name = SHARED["busybox"]
    t.kist("pull", "-q", name)
    layout = busybox()
    equal(t.kist("system", "inventory", env={"KIST_ROOT": t.path("none")}).out, "", "the inventory of no store")
    equal(t.kist("system", "inventory").out.split(), sorted(layout.diff_ids), "the inventory")
    equal(t.kist("system", "inventory", "--json").json(), {"layers": sorted(layout.diff_ids)}, "the inventory as JSON")
    for text in (layout.diff_ids[0] + "\n", json.dumps({"layers": [layout.diff_ids[0]]})):
        files = read_tar(archive(t, "--not-in", t.write("inventory", text), name))
        check("blobs/sha256/" + layout.diff_ids[0][7:] not in files, "a layer that was to be left out")
        check("blobs/sha256/" + layout.diff_ids[1][7:] in files, "a layer is missing")
        equal(len(json.loads(files["manifest.json"])[0]["Layers"]), 2, "layers named")
    equal(archive(t, "--not-in", t.write("empty", "\n"), name), archive(t, name), "without nothing")
    t.fails(2, ["nonsense", "names no layers"], "save", "--not-in", t.write("nonsense", "hello"), name)
    t.fails(2, "cannot open", "save", "--not-in", t.path("none"), name)


# ---- loading --------------------------------------------------------------------------------------------------------


class Other:
    """Another store of the test's, with kist on it."""

    def __init__(self, t, name="other"):
        self.t, self.root = t, t.path(name)

    def kist(self, *args, **checks):
        return self.t.kist(*args, env={"KIST_ROOT": self.root}, **checks)

    def fails(self, *args, **checks):
        return self.t.fails(*args, env={"KIST_ROOT": self.root}, **checks)

    def state(self):
        """What is kept; and nothing else is."""
        left = [n for part in ("tmp", "partial") for n in kit.list_dir(os.path.join(self.root, part))]
        equal(left, [], "left in tmp/ and partial/")
        rows = self.kist("images", "--json", "--no-trunc").jsons()
        return (sorted((row["Name"], row["ID"]) for row in rows), kit.list_dir(os.path.join(self.root, "layers/sha256")),
                kit.list_dir(os.path.join(self.root, "blobs/sha256")))


@test
def load_what_was_saved(t):
    """From a file, a pipe, packed; the images are the same, and what they give again is."""
    name, other = SHARED["busybox"], Other(t)
    t.kist("pull", "-q", name)
    image_id = busybox().manifest["config"]["digest"]
    saved = archive(t, name)
    path = t.write("a.tar", saved)
    for i, (args, data) in enumerate([
            (("-i", path), None), (("-q",), saved), (("-i", t.write("a.gz", oci.gzipped(saved, 1))), None),
            (("-i", "-"), oci.zstd(saved, "-1")), (("-i", t.write("oci.tar", archive(t, "--format", "oci", name))), None)]):
        other = Other(t, f"other{i}")
        equal(other.kist("load", *args, input=data).out, f"Loaded image: {name}\n", "what load prints")
        equal(other.state()[1], sorted(d[7:] for d in busybox().diff_ids), "the layers kept")
        equal(other.kist("inspect", "--format", "{{.Id}}", name).out.strip(), image_id, "the image ID")
        equal(sizes(os.path.join(other.root, "layers/sha256")), sizes(os.path.join(t.root, "layers/sha256")), "layer files")
        other.kist("save", "-o", t.path("again.tar"), name)
        with open(t.path("again.tar"), "rb") as f:
            equal(f.read(), saved, "the archive of what was loaded")
    r = other.kist("load", "-i", path, "--json")
    equal(r.jsons(), [{"name": name, "image": image_id, "status": "unchanged"}], "what --json prints")
    contains(other.kist("load", "-i", path).err, "already kept", "what load tells")
    t.fails(2, "cannot open", "load", "-i", t.path("none"))


if __name__ == "__main__":
    kit.main(prepare)
