#!/usr/bin/env python3
"""Images in archives: saved, loaded, without what the other side has; what dockerd, podman, skopeo and umoci make of them."""
import hashlib
import io
import json
import os
import subprocess
import sys
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
    layer = t.layers()[layout.diff_ids[0]]
    with open(layer, "r+b") as f:
        f.seek(200000)
        byte = f.read(1)
        f.seek(200000)
        f.write(bytes([byte[0] ^ 1]))
    t.fails(15, f"layer '{layout.diff_ids[0]}'", "save", "-o", t.path("none.tar"), name)
    check(not os.path.exists(t.path("none.tar")), "a failed save left its file")
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


@test
def update_by_stick(t):
    """The device has the base: what it lacks fits on the stick; without the base nothing is lost and the message names it."""
    base, more = oci.Layer.of([("base", b"base" * 3000)]), oci.Layer.of([("app", b"new\n")])
    old, new = (oci.push(registry().host, "stick", oci.image(layers), tag) for layers, tag in (([base], "1"), ([base, more], "2")))
    device, empty = Other(t, "device"), Other(t, "empty")
    device.kist("pull", "-q", old)
    t.kist("pull", "-q", new)
    inventory = t.write("inventory", device.kist("system", "inventory").out)
    t.kist("save", "--not-in", inventory, "-o", t.path("stick.tar"), new)
    check(not [n for n in read_tar(open(t.path("stick.tar"), "rb").read()) if base.diff_id[7:] in n], "the stick has the base too")
    device.kist("load", "-i", t.path("stick.tar"), out=f"Loaded image: {new}\n")
    equal(device.kist("inspect", "--format", "{{.Id}}", new).out, t.kist("inspect", "--format", "{{.Id}}", new).out, "the image ID")
    before = device.state()
    for args, data in ((("-i", t.path("stick.tar")), None), ((), None)):
        if data is None and not args:
            with open(t.path("stick.tar"), "rb") as f:
                data = f.read()
        empty.fails(12, [f"image '{new}'", f"layer '{base.diff_id}' is neither in the archive nor in the store"], "load", *args,
                    input=data)
        equal(empty.state(), ([], [], []), "what a refused archive left")
    equal(device.state(), before, "the device's store")


@test
def layers_before_documents(t):
    """As Docker 25 writes it, from a pipe: what is kept already is not written again, and what nobody names goes away."""
    layers = [oci.Layer.of([(f"file{i}", bytes([i]) * 5000)]) for i in range(3)]
    image = oci.image(layers[:2])
    config = next(data for key, data in image.blobs.items() if key == image.config_digest)
    blob = lambda key: "blobs/sha256/" + key.split(":")[1]
    documents = [("index.json", json.dumps({"schemaVersion": 2, "manifests": [
                     image.descriptor(annotations={"io.containerd.image.name": "docker.io/library/late:1"})]}).encode()),
                 ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), (blob(image.digest), image.data), (blob(image.config_digest), config)]
    members = [(blob(layer.digest), layer.blob) for layer in layers]
    last = oci.tar([*members, *documents])
    for i in range(2):  # the second time the layers are there
        t.kist("load", input=last, out="Loaded image: late:1\n")
        equal(sorted(t.layers()), sorted(layer.diff_id for layer in layers[:2]), "the layers kept")
        check_round_trips(t)
        equal(t.transient(), [], "left in tmp/ and partial/")
    # a file is read for its documents first, and only what they name is looked at
    other = Other(t)
    other.kist("load", "-i", t.write("junk.tar", oci.tar([("junk", b"\x1f\x8bjunk" * 100), *members, *documents])), out="late:1")
    equal(len(other.state()[1]), 2, "layers kept")
    # the oldest and the oddest names and forms
    docker = json.dumps([{"Config": "c.json", "RepoTags": ["old:1", "old:2"], "Layers": ["a/layer.tar", "b/layer.tar"]}]).encode()
    plain = [oci.tar([(f"file{i}", bytes([i]) * 5000)]) for i in range(2)]
    link = {"type": b"2", "linkname": "../a/./layer.tar"}
    same = oci.image([layers[0], layers[0]])
    for data, config, names in (
            ([("./a/layer.tar", plain[0]), ("b/layer.tar", oci.gzipped(plain[1]))], config, ["old:1", "old:2"]),
            ([("b/layer.tar", b"", link), ("a/layer.tar", oci.zstd(plain[0]))], same.blobs[same.config_digest], ["old:1", "old:2"])):
        for order in ([*data, ("c.json", config), ("manifest.json", docker)], [("manifest.json", docker), *data, ("c.json", config)]):
            for source in ({"input": oci.tar(order)}, {"args": ("-i", t.write("o.tar", oci.tar(order)))}):
                other = Other(t, f"docker{time.monotonic_ns()}")
                out = other.kist("load", *source.pop("args", ()), **source).out
                equal(out, "".join(f"Loaded image: {n}\n" for n in names), "what load prints")
                equal([row[1] for row in other.state()[0]], [oci.digest(config)] * 2, "the image IDs")


@test
def without_configs(t):
    """Archives of Docker before 1.10: the config is made of the topmost layer's json."""
    layers = [oci.tar([(f"file{i}", bytes([i]) * 3000)]) for i in range(2)]
    top = {"id": "b" * 64, "parent": "a" * 64, "created": "2015-01-02T03:04:05Z", "os": "linux", "architecture": "amd64",
           "config": {"Cmd": ["/x"], "Env": ["A=1"]}, "Size": 3}
    members = [("a" * 64 + "/VERSION", b"1.0"), ("a" * 64 + "/json", json.dumps({"id": "a" * 64}).encode()),
               ("a" * 64 + "/layer.tar", layers[0]), ("b" * 64 + "/json", json.dumps(top).encode()),
               ("b" * 64 + "/layer.tar", layers[1])]
    names = ("repositories", json.dumps({"old": {"1": "b" * 64}, "localhost:5000/x": {"y": "a" * 64}}).encode())
    seen = set()
    for i, order in enumerate(([*members, names], [names, *members])):
        for args, source in ((("-i", t.write("o.tar", oci.tar(order))), {}), ((), {"input": oci.tar(order)})):
            other = Other(t, f"other{i}{len(args)}")
            other.kist("load", *args, out=["Loaded image: old:1", "Loaded image: localhost:5000/x:y"], **source)
            image, = other.kist("inspect", "old:1").json()
            equal((image["Config"]["Cmd"], image["Config"]["Env"], image["Created"]), (["/x"], ["A=1"], "2015-01-02T03:04:05Z"), "the image")
            equal(image["RootFS"]["Layers"], [oci.digest(layer) for layer in layers], "its layers")
            equal(len(other.state()[1]), 2, "layers kept")
            seen.add(image["Id"])
    equal(len(seen), 1, "image IDs")
    for what, code, message in (
            ([members[4], names], 12, f"the archive has no '{'b' * 64}/json'"), ([*members[:4], names], 12, f"no '{'b' * 64}/layer.tar'"),
            ([("a/json", b"{}"), ("a/layer.tar", b"no tar" * 200), ("repositories", b'{"old":{"1":"a"}}')], 15,
             "'a/layer.tar' in the archive: not a tar archive"),
            ([("repositories", b'{"old":{"1":"../x"}}')], 15, "names a layer '../x'"),
            ([("a/json", b'{"parent":"a"}'), ("repositories", b'{"old":{"1":"a"}}')], 18, "more than 128 layers"),
            ([("repositories", b'{"old":[1]}')], 15, "names an image wrongly")):
        t.fails(code, message, "load", "-i", t.write("bad.tar", oci.tar(what)))


def hostile_archives():
    """(what it is, its bytes, exit code, the message)."""
    good = oci.image([oci.Layer.of([("file", b"x" * 3000)])])
    layer, config = good.layers[0], good.blobs[good.config_digest]
    blob = lambda key: "blobs/sha256/" + key.split(":")[1]
    entry = good.descriptor(annotations={"io.containerd.image.name": "docker.io/library/bad:1"})
    index = lambda entry: ("index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
    documents = [index(entry), (blob(good.digest), good.data), (blob(good.config_digest), config)]
    whole = [*documents, (blob(layer.digest), layer.blob)]
    docker = lambda **more: ("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["bad:1"], "Layers": ["l.tar"],
                                                            **more}]).encode())
    other = oci.Layer.of([("file", b"other")])
    lying = oci.image([oci.Layer(layer.blob, diff_id=other.diff_id)])
    lying_members = [index(lying.descriptor()), (blob(lying.digest), lying.data),
                     *((blob(key), data) for key, data in lying.blobs.items())]
    huge = bytearray(oci.tar(whole))
    at = huge.rindex(blob(layer.digest).encode())
    huge[at + 124:at + 136] = b"\x80" + (1 << 63).to_bytes(11, "big")
    huge[at + 148:at + 156] = b"%06o\0 " % (sum(huge[at:at + 148]) + 8 * 32 + sum(huge[at + 156:at + 512]))
    bomb = oci.gzipped(b"\0" * (8 << 20), 9) * 16
    return [
        ("a name that leads out", oci.tar([("../out", b"x" * 600), *whole]), 15, "'../out' leads out of the archive"),
        ("a name that leads out later", oci.tar([("a/../../out", b""), *whole]), 15, "leads out of the archive"),
        ("a link where a layer was", oci.tar([*documents, (blob(layer.digest), b"", {"type": b"2", "linkname": "/etc/passwd"})]), 15,
         ["image 'docker.io/library/bad:1'", "it is a link that leads out of the archive"]),
        ("a link to itself", oci.tar([*documents, (blob(layer.digest), b"", {"type": b"1", "linkname": blob(layer.digest)})]), 12,
         "is neither in the archive nor in the store"),
        ("a layer of another digest", oci.tar([*documents, (blob(layer.digest), other.blob)]), 15, f"its diff ID is '{other.diff_id}'"),
        ("a layer of another digest, before its document", oci.tar([(blob(layer.digest), other.blob), *documents]), 15,
         "its di"),
        ("a layer with another diff ID", oci.tar(lying_members), 15, f"its diff ID is '{layer.diff_id}'"),
        ("the same behind the layer", oci.tar(lying_members[::-1]), 15, f"its diff ID is '{layer.diff_id}'"),
        ("a config of another digest", oci.tar([documents[0], documents[1], (blob(good.config_digest), config + b" "),
                                                (blob(layer.digest), layer.blob)]), 15, "its digest is"),
        ("a manifest of another size", oci.tar([index({**entry, "size": 3}), *whole[1:]]), 15, "bytes, not 3"),
        ("a config that is a layer", oci.tar([docker(Config="l.tar"), ("l.tar", oci.tar([("f", b"")]))]), 15, "it is a layer, not a document"),
        ("a layer that is a document", oci.tar([docker(Layers=["c.json"]), ("c.json", config)]), 15, "it is a document"),
        ("a layer that is no tar", oci.tar([docker(), ("c.json", config), ("l.tar", b"no tar" * 200)]), 15, "not a tar archive"),
        ("a config too few", oci.tar([docker(Layers=[]), ("c.json", config)]), 15, "0 layers, its config 1 diff IDs"),
        ("two of a name", oci.tar([*whole, whole[-1], ("x", b"y" * 600), ("x", b"y" * 600)]), 0, ""),
        ("two documents of a name", oci.tar([("c.json", b"{}"), ("c.json", config), docker(), ("l.tar", layer.blob)]), 15,
         "two members 'c.json'"),
        ("no document", oci.tar([(blob(layer.digest), layer.blob)]), 12, "no 'index.json', 'manifest.json' or 'repositories'"),
        ("no config", oci.tar([documents[0], documents[1], whole[-1]]), 12, f"the archive has no '{blob(good.config_digest)}'"),
        ("a name that is none", oci.tar([docker(RepoTags=["Bad:1"]), ("c.json", config), ("l.tar", layer.blob)]), 15,
         "names an image wrongly"),
        ("an empty archive", b"", 12, "no 'index.json', 'manifest.json' or 'repositories'"),
        ("no archive", b"hello, world\n" * 100, 15, "not a tar archive"),
        ("an archive cut in a layer", oci.tar(whole)[:oci.tar(whole).index(layer.blob) + 40], 15, "truncated"),
        ("an archive cut in its packing", oci.gzipped(oci.tar(whole))[:-40], 15, "gzip data is truncated"),
        ("a size of 2^63", bytes(huge), 15, ""),
        ("a bomb", bomb, 15, "it unpacks to more than 256 times its size"),
        ("a bomb in a layer", oci.tar([docker(), ("c.json", config), ("l.tar", bomb)]), 15,
         "it unpacks to more than 256 times its size"),
        ("a document without end", oci.tar([("manifest.json", b"[" * (5 << 20))]), 15, "too large for a document"),
        ("documents without end", oci.tar([(f"{i}.json", b"{" * (4 << 20)) for i in range(5)]), 18,
         "documents have more than 16777216 bytes"),
        ("members without end", oci.tar([(f"{i}", b"{}") for i in range(16500)]), 18, "more than 16384 members"),
        ("a name without end", oci.tar([("n/" * 30000 + "x", b"x"), *whole]), 15, "its name is too long"),
    ]


@test
def hostile(t):
    """Refused with the true cause, from a file and from a pipe; what was kept before is as it was, and nothing more."""
    t.kist("pull", "-q", SHARED["busybox"])
    before = t.snapshot()
    for what, data, code, message in hostile_archives():
        for args, source in ((("-i", t.write("bad.tar", data)), {}), ((), {"input": data})):
            try:
                if code == 0:
                    t.kist("load", *args, **source)
                    t.kist("rmi", "bad:1")
                    continue
                t.fails(code, ["cannot load", *([message] if isinstance(message, str) else message)], "load", *args, **source)
                equal(t.snapshot(), before, "the store")
            except kit.Failure as failure:
                raise kit.Failure(f"{what}, {'from a file' if args else 'from a pipe'}: {failure}") from None
        if code == 0:
            before = t.snapshot()


@test
def hostile_directory(t):
    good = oci.image([oci.Layer.of([("file", b"x" * 3000)])])
    folder = t.path("layout")
    blobs = os.path.join(folder, "blobs/sha256")
    os.makedirs(blobs)
    for key, data in {**good.blobs, good.digest: good.data}.items():
        with open(os.path.join(blobs, key[7:]), "wb") as f:
            f.write(data)
    with open(os.path.join(folder, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": [good.descriptor()]}, f)
    layer = os.path.join(blobs, good.layers[0].digest[7:])
    os.rename(layer, t.path("aside"))
    t.fails(12, f"layer '{good.layers[0].diff_id}' is neither in the archive", "load", "-i", folder)
    os.symlink(t.path("aside"), layer)
    t.fails(15, "symbolic link", "load", "-i", folder)
    os.unlink(layer)
    os.mkfifo(layer)
    t.fails(15, "not a plain file", "load", "-i", folder)
    os.unlink(layer)
    with open(layer, "wb") as f:
        f.write(b"x" * 3000)
    t.fails(15, "not a tar archive", "load", "-i", folder)
    equal(Other(t, "store").state(), ([], [], []), "what was kept")
    os.rename(t.path("aside"), layer)
    t.kist("load", "-i", folder, out=f"Loaded image ID: {good.config_digest}\n")
    t.fails(12, "no 'index.json', 'manifest.json' or 'repositories'", "load", "-i", os.path.join(folder, "blobs"))


@test
def killed_and_interrupted(t):
    """A load that is killed or interrupted leaves nothing that the next command does not take away."""
    t.kist("pull", "-q", SHARED["busybox"])
    saved = archive(t, SHARED["busybox"])
    other = Other(t)
    other.kist("images")
    for how, code in ((9, 137), (2, 130)):
        child = t.start("load", env={"KIST_ROOT": other.root}, stdin=subprocess.PIPE)
        child.stdin.write(saved[:len(saved) // 2])
        child.stdin.flush()
        kit.wait_until(lambda: any(n for n in kit.list_dir(os.path.join(other.root, "partial")) if not n.startswith("lease-")) or
                       kit.list_dir(os.path.join(other.root, "layers/sha256")), "a layer on its way")
        child.send_signal(how)
        t.finish(child, ("load",), code=code)
        other.kist("load", "-i", "/dev/null", code=12)
        equal(other.state(), ([], [], []), "what is left")


@test
def load_after_a_dead_pull(t):
    """What a killed pull left of a layer is neither in the way of a load of the same layer nor left by it."""
    data = oci.tar([("random", os.urandom(6 << 20))])
    layer = oci.Layer(oci.gzipped(data, 1), data)
    image = oci.image([layer])
    name = oci.push(registry().host, "dead", image, "1")
    cutter = kit.Cutter(t, registry().host, f"{layer.digest[7:]}:stall-after=5000000")
    child = t.start("pull", name.replace(registry().host, cutter.host))
    partial = os.path.join(t.root, "partial", layer.diff_id[7:])
    kit.wait_until(lambda: os.path.exists(partial) and os.path.getsize(partial) > 3000000, "some of the layer on disk")
    child.kill()
    t.finish(child, ("pull",), code=137)
    check(t.transient(), "the killed pull left nothing")
    other = Other(t)
    other.kist("pull", "-q", name)
    other.kist("save", "-o", t.path("a.tar"), name)
    t.kist("load", "-i", t.path("a.tar"), out=f"Loaded image: {name}\n")
    check_round_trips(t)
    t.kist("rmi", name)
    t.kist("image", "prune", "-f")
    equal(t.transient(), [], "left in tmp/ and partial/")


# ---- importing ------------------------------------------------------------------------------------------------------


@test
def imported(t):
    """A tar becomes an image, from a file, a pipe and a URL, packed or not; the same input makes the same image."""
    data = oci.tar([("bin", None), ("bin/busybox", open("/bin/busybox", "rb").read(), {"mode": 0o755}), ("tmp/x", b"x")])
    path = t.write("root.tar", data)
    changes = ["--change", 'CMD ["/bin/busybox","echo","hi"]', "-c", "ENV A=1 B='two words'", "-c", "ENV A 3", "-c", "label a=b",
               "-c", "EXPOSE 80 53/udp", "-c", "WORKDIR /srv", "-c", "WORKDIR app", "-c", "USER 1000", "-c", "VOLUME [\"/data\"]",
               "-c", "STOPSIGNAL SIGINT", "-c", "ONBUILD RUN x"]
    r = t.kist("import", *changes, "-m", "by hand", path, "imported:1", env={"SOURCE_DATE_EPOCH": "1700000000"})
    image, = t.kist("image", "inspect", "imported:1").json()
    equal(r.out.strip(), image["Id"], "the ID that import prints")
    with open(os.path.join(t.root, "blobs/sha256", image["Id"][7:])) as f:
        config = json.load(f)
    equal(config["config"], {"Cmd": ["/bin/busybox", "echo", "hi"], "Env": ["A=3", "B=two words"], "Labels": {"a": "b"},
                             "ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "WorkingDir": "/srv/app", "User": "1000",
                             "Volumes": {"/data": {}}, "StopSignal": "SIGINT", "OnBuild": ["RUN x"]}, "the configuration")
    equal((config["created"], config["history"]), ("2023-11-14T22:13:20Z", [{"created": "2023-11-14T22:13:20Z", "comment": "by hand"}]),
          "created, history")
    equal(config["rootfs"], {"type": "layers", "diff_ids": [oci.digest(data)]}, "the layers")
    equal(config["architecture"], "amd64", "architecture") if os.uname().machine == "x86_64" else None
    check_round_trips(t)
    again = ("import", *changes, "-m", "by hand")
    for source, more in ((t.write("root.gz", oci.gzipped(data)), {}), ("-", {"input": oci.zstd(data)})):
        equal(t.kist(*again, source, "imported:2", env={"SOURCE_DATE_EPOCH": "1700000000"}, **more).out, r.out, "the ID")
    equal(len(t.layers()), 1, "layers kept")
    port = kit.free_port()
    server = t.server(kit.Process([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", t.dir, str(port)],
                                  "127.0.0.1", port, t.path("http.log")))
    t.kist("import", f"http://{server.host}/root.gz", "imported:url", "--platform", "linux/arm/v7")
    equal(len(t.layers()), 1, "layers kept")
    t.fails(12, f"'{server.host}' answered 404", "import", f"http://{server.host}/none")
    t.fails(10, "127.0.0.1:1", "import", "http://127.0.0.1:1/none")
    equal(t.kist("run", "--rm", "imported:1", "/bin/busybox", "id", "-u").out, "1000\n", "the user")
    before = t.snapshot()
    for args, code, message in (((path, "Bad:1"), 2, "lower"), ((t.path("none"),), 2, "cannot open"), (("-c", "RUN x", path), 2, "is no change"),
                                (("-c", "ENV =1", path), 2, "it wants NAME=VALUE"), (("-c", "CMD", path), 2, "it wants an argument"),
                                (("-c", "ENV a='b", path), 2, "a quote is not closed"),
                                ((t.write("cut.tar", data[:5000]),), 15, "truncated"), ((t.write("bad", b"no tar" * 999),), 15, "not a tar archive")):
        t.fails(code, ["cannot import", message], "import", *args)
        equal(t.snapshot(), before, "the store after a failed import")


# ---- exporting ------------------------------------------------------------------------------------------------------


@test
def exported(t):
    """What a container sees is what is exported: from the layers and from what it wrote, running, ended or never started."""
    name = SHARED["busybox"]
    script = ("rm -r /usr/share/hidden; mkdir /usr/share/hidden; echo new >/usr/share/hidden/new; rm /etc/noexec; echo more >>/etc/motd; "
              "ln /etc/motd /etc/also; ln -s /etc/motd /link; mkfifo /pipe; chmod 4711 /bin/busybox-suid; rm -r /var/data; echo file >/var/data; "
              "mv /home/app /home/moved; mknod /null c 1 3; sha256sum $(find / -xdev -type f); find / -xdev | sed 's/^/name /'")
    seen = t.kist("run", "-q", "--name", "one", name, "sh", "-c", script).out.splitlines()
    t.kist("export", "-o", t.path("out.tar"), "one")
    with tarfile.open(t.path("out.tar")) as archive:
        members = {m.name: m for m in archive}
        contents = {"/" + m.name: hashlib.sha256(archive.extractfile(m).read()).hexdigest() for m in members.values()
                    if m.isfile() or m.islnk()}
    names = sorted(line[5:].replace("//", "/") for line in seen if line.startswith("name ") and line[5:] != "/")
    own = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")  # mounted over what is exported
    equal(sorted("/" + n for n in members), names, "names in the archive")
    sums = {line.split()[1].replace("//", "/"): line.split()[0] for line in seen if not line.startswith("name ")}
    equal({n: h for n, h in contents.items() if n not in own}, {n: h for n, h in sums.items() if n not in own}, "the contents")
    equal((members["bin/busybox-suid"].mode, members["link"].linkname, members["pipe"].isfifo()), (0o4711, "/etc/motd", True), "looks")
    equal((members["null"].devmajor, members["null"].devminor), (1, 3), "a device")
    check(members["etc/motd"].islnk() or members["etc/also"].islnk(), "a hard link is two files")
    check("SCHILY.xattr.security.capability" in members["bin/busybox-net"].pax_headers, "file capabilities are lost")
    equal([m.name for m in members.values() if any("overlay" in key for key in m.pax_headers)], [], "overlayfs's own attributes")
    # what is exported imports, and runs
    image_id = t.kist("import", "-c", "CMD cat /etc/motd", t.path("out.tar"), "again:1").out.strip()
    equal(t.kist("run", "--rm", "again:1").out, "hello from the second layer\nmore\n", "what a container of it says")
    check(image_id.startswith("sha256:"), image_id)
    # never started; the image's own
    t.kist("create", "-q", "--name", "two", name)
    with open(t.path("two.tar"), "wb") as f:
        t.finish(t.start("export", "two", stdout=f), ("export", "two"))
    with tarfile.open(t.path("two.tar")) as archive:
        equal(archive.extractfile("etc/motd").read(), b"hello from the second layer\n", "a file of the second layer")
        names = archive.getnames()
    check("usr/share/hidden/above" in names and "usr/share/hidden/below" not in names, "an opaque directory")
    check("opt/swap" in names and "opt/swap/file" not in names and not [n for n in names if ".wh." in n], "what is hidden")
    kit.command("mkdir", t.path("unpacked"))
    kit.command("tar", "-C", t.path("unpacked"), "--xattrs", "--xattrs-include=*", "-xpf", t.path("two.tar"))
    equal(kit.command("getcap", t.path("unpacked/bin/busybox-net")).split()[-1], "cap_net_raw=ep", "file capabilities")
    equal(os.stat(t.path("unpacked/tmp")).st_mode & 0o7777, 0o1777, "the mode of /tmp")
    t.fails(12, "no such container", "export", "none")
    t.fails(2, "needs CONTAINER", "export")


if __name__ == "__main__":
    kit.main(prepare)
