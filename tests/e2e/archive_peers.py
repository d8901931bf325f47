#!/usr/bin/env python3
"""Archives between kist and dockerd, podman, skopeo and umoci: the same image ID on both sides."""
import os
import subprocess

import images
import kit
from kit import check, equal, test
from peers import Dockerd
from shared import SHARED, busybox, check_round_trips, prepare, registry, small
import oci


class Podman:
    def __init__(self, t):
        kit.need_programs("podman")
        self.options = ["podman", "--root", t.path("podman"), "--runroot", t.path("podman-run"), "--storage-driver", "vfs"]
        self.env = {**kit.ENVIRONMENT, "TMPDIR": t.dir, "HOME": t.dir}

    def __call__(self, *args):
        return kit.command(*self.options, *args, env=self.env)


def kept_elsewhere(t, name, *load):
    """The image IDs and names that 'kist load' of something makes in a new store, whose layers are right."""
    root = t.path("loaded-" + name)
    here, t.root = t.root, root
    try:
        t.kist("load", *load)
        check_round_trips(t)
        equal(t.transient(), [], "left in tmp/ and partial/")
        return sorted((row["Name"], row["ID"]) for row in t.kist("images", "--json", "--no-trunc").jsons())
    finally:
        t.root = here


# dockerd and podman cannot unpack the busybox image: what it replaces has files that it deletes
PEER = oci.image([oci.Layer.of([("etc", None), ("etc/motd", b"one\n"), ("etc/gone", b"gone\n"), ("etc/" + "long" * 40, b"name")]),
                  oci.Layer.of([("etc/.wh.gone", b""), ("etc/motd", b"two\n"), ("opt/link", b"", {"type": b"2", "linkname": "x"})])],
                 config={"Cmd": ["/bin/true"], "Labels": {"of": "peer"}})


def peer(t):
    """The image's name, once it is kept."""
    name = oci.push(registry().host, "peer", PEER, "1")
    t.kist("pull", "-q", name)
    return name


def image_id():
    return busybox().manifest["config"]["digest"]


@test
def dockerd(t):
    name, daemon = peer(t), Dockerd(t)
    t.kist("tag", name, "second:2")
    t.kist("save", "-o", t.path("kist.tar"), name, "second:2")
    out = daemon.docker("load", "-i", t.path("kist.tar"))
    equal(sorted(line for line in out.splitlines() if line.startswith("Loaded")),
          [f"Loaded image: {name}", "Loaded image: second:2"], "what docker load prints")
    equal(daemon.docker("inspect", "--format", "{{.Id}}", name).strip(), PEER.config_digest, "the image ID in dockerd")
    equal(sorted(kit.command("docker", "-H", "unix://" + daemon.socket, "inspect", "--format", "{{join .RootFS.Layers \" \"}}",
                             name).split()), sorted(layer.diff_id for layer in PEER.layers), "the layers in dockerd")
    daemon.docker("save", "-o", t.path("docker.tar"), name, "second:2")
    expected = sorted([(name, PEER.config_digest), ("docker.io/library/second:2", PEER.config_digest)])
    equal(kept_elsewhere(t, "docker", "-i", t.path("docker.tar")), expected, "what docker saved")
    # by ID it has no name; from a pipe its layers come before manifest.json
    child = subprocess.Popen(["docker", "-H", "unix://" + daemon.socket, "save", PEER.config_digest], stdout=subprocess.PIPE,
                             env=kit.ENVIRONMENT)
    here, t.root = t.root, t.path("piped")
    loader = t.start("load", stdin=child.stdout)
    child.stdout.close()
    r = t.finish(loader, ("load",), out=f"Loaded image ID: {PEER.config_digest}\n")
    equal(child.wait(), 0, "exit status of docker save")
    check_round_trips(t)
    t.root = here


@test
def podman(t):
    name, podman = peer(t), Podman(t)
    other = oci.push(registry().host, "beside", small("beside"), "1")
    t.kist("pull", "-q", other)
    t.kist("save", "-o", t.path("kist.tar"), name, other)
    podman("load", "-q", "-i", t.path("kist.tar"))
    equal("sha256:" + podman("inspect", "--format", "{{.Id}}", name).strip(), PEER.config_digest, "the image ID in podman")
    podman("rmi", "-f", name)
    t.kist("save", "--format", "oci", "-o", t.path("kist-oci.tar"), name)
    podman("pull", "-q", "oci-archive:" + t.path("kist-oci.tar"))
    equal(podman("images", "-q", "--no-trunc").count(PEER.config_digest), 1, "the image from an OCI archive")
    podman("load", "-q", "-i", t.path("kist.tar"))
    podman("save", "-q", "--multi-image-archive", "-o", t.path("podman.tar"), name, other)
    both = kept_elsewhere(t, "podman", "-i", t.path("podman.tar"))
    equal([row[0] for row in both], sorted([name, other]), "names that podman saved")
    check((name, PEER.config_digest) in both, f"the image ID is another: {both}")
    podman("save", "-q", "--format", "oci-archive", "-o", t.path("podman-oci.tar"), name)
    # podman writes another config into an OCI archive
    equal(len(kept_elsewhere(t, "podman-oci", "-i", t.path("podman-oci.tar"))), 1, "images of an OCI archive")
    podman("save", "-q", "--format", "oci-dir", "-o", t.path("podman-dir"), name)
    equal(len(kept_elsewhere(t, "podman-dir", "-i", t.path("podman-dir"))), 1, "images of an OCI directory")


@test
def skopeo_and_umoci(t):
    kit.need_programs("skopeo", "umoci")
    layout = images.path("busybox")
    copy = lambda source, to, *options: kit.command("skopeo", "--insecure-policy", "copy", "-q", *options, source, to)
    equal(kept_elsewhere(t, "umoci", "-i", layout), [("", image_id())], "umoci's layout")
    for form, to, named in (("oci", "dir:box:1", "docker.io/library/box:1"), ("oci-archive", "o.tar:box:1", "docker.io/library/box:1"),
                            ("docker-archive", "d.tar:box:1", "docker.io/library/box:1")):
        copy(f"oci:{layout}:latest", f"{form}:{t.path(to.split(':')[0])}:{to.split(':', 1)[1]}")
        equal(kept_elsewhere(t, form, "-i", t.path(to.split(":")[0])), [(named, image_id())], f"skopeo's {form}")
    copy(f"oci:{layout}:latest", f"oci:{t.path('zstd')}:box:1", "--dest-compress", "--dest-compress-format", "zstd")
    equal(kept_elsewhere(t, "zstd", "-i", t.path("zstd")), [("docker.io/library/box:1", image_id())], "skopeo's zstd layers")
    # GNU tar of a layout: its members' names begin with "./", and blobs come in any order
    for i, order in enumerate((["--sort=name"], ["./blobs", "./oci-layout", "./index.json"], ["./index.json", "./blobs"])):
        kit.command("tar", "-C", layout, "-cf", t.path("l.tar"), *order, *(["."] if i == 0 else []))
        equal(kept_elsewhere(t, f"tar{i}", "-i", t.path("l.tar")), [("", image_id())], "a layout in a tar")
        with open(t.path("l.tar"), "rb") as f:
            data = f.read()
        here, t.root = t.root, t.path(f"pipe{i}")
        t.kist("load", input=data, out=f"Loaded image ID: {image_id()}\n")
        check_round_trips(t)
        equal(t.transient(), [], "left in tmp/ and partial/")
        t.root = here
    # and what kist saves goes on into both
    t.kist("load", "-i", t.path("dir"))
    t.kist("save", "--format", "oci", "-o", t.path("kist.tar"), "box:1")
    os.mkdir(t.path("unpacked"))
    kit.command("tar", "-C", t.path("unpacked"), "-xf", t.path("kist.tar"))
    kit.command("umoci", "unpack", "--image", t.path("unpacked") + ":1", t.path("bundle"))
    with open(t.path("bundle/rootfs/etc/motd")) as f:
        equal(f.read(), "hello from the second layer\n", "a file of what umoci unpacked")
    copy(f"oci-archive:{t.path('kist.tar')}:1", f"oci:{t.path('back')}:1")
    equal(oci.Layout(t.path("back")).manifest["config"]["digest"], image_id(), "the image ID in skopeo")


if __name__ == "__main__":
    kit.main(prepare)
