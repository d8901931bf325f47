#!/usr/bin/env python3
"""
Registries and machines that fail in the middle. Each time there is one clear message, the exit code of the table, nothing left that the next command
does not sweep, and the image that was there before is as good as ever.
"""
import os
import random

import kit
import oci
from failing import (CONFLICT, CORRUPT, NETWORK, NO_SPACE, UNSUPPORTED, behind, check_unharmed, large, unharmed,
                     whole)
from kit import Cutter, check, equal, test
from shared import SHARED, prepare, registry


# ---- the connection -------------------------------------------------------------------------------------------------


def behind_large(t, *faults, **more):
    """The large image behind a registry with faults, whose LAYER is its layer's path."""
    document, name = large()
    faults = [fault.replace("LAYER", "blobs/.*" + document.layers[0].digest[7:]) for fault in faults]
    return behind(t, *faults, reference=name, **more)


def pull_through(t, *faults, options=()):
    """The large image through faults: it has to come whole. Returns the bytes received, and the requests for the layer."""
    document, _ = large()
    cutter, name = behind_large(t, *faults)
    told = t.kist("--registry-backoff", "10ms", *options, "pull", "--json", name).json()
    equal(list(t.layers()), [document.layers[0].diff_id], "the layers kept")
    return told["received"], cutter.requests(document.layers[0].digest)


@test
def closed_mid_layer(t):
    received, asked = pull_through(t, "LAYER:close-after=700000:times=4")
    document, _ = large()
    starts = [int((r["range"] or "bytes=0-")[6:-1]) for r in asked]
    check(len(starts) >= 4 and starts == sorted(set(starts)) and starts[0] == 0, f"asked for the layer from {starts}")
    equal(received, whole(document), "bytes received")


@test
def closed_for_ever(t):
    cutter, name = behind_large(t, "blobs/:close-after=0")
    with unharmed(t):
        t.fails(NETWORK, "3", "--registry-tries", "3", "--registry-backoff", "10ms", "pull", name)
    equal(len(cutter.requests("blobs/")), 3, "tries")


@test
def range_ignored(t):
    received, asked = pull_through(t, "LAYER:close-after=1000000:times=2", "blobs/:ignore-range")
    check(received > whole(large()[0]), f"received {received}")
    check(len(asked) >= 2, "too few requests")


@test
def range_wrong(t):
    pull_through(t, "LAYER:close-after=1000000:times=1", "blobs/:bad-range=2000000:times=2:after=1")


@test
def chunked(t):
    received, _ = pull_through(t, "blobs/:chunked", "manifests/:chunked")
    equal(received, whole(large()[0]), "bytes received")


@test
def asked_to_wait(t):
    for status in (429, 503):
        _, asked = pull_through(t, f"LAYER:status={status}:retry-after=1:times=2", f"manifests/:status={status}:times=1")
        check(len(asked) >= 1, "the layer was not asked for")
        t.kist("rmi", t.images()[0])


@test
def asked_to_wait_for_ever(t):
    for status in (429, 500, 502, 503):
        _, name = behind_large(t, f"LAYER:status={status}:message=go away")
        with unharmed(t):
            t.fails(NETWORK, [str(status), "go away"], "--registry-tries", "2", "--registry-backoff", "10ms", "pull", name)


@test
def stalls(t):
    received, asked = pull_through(t, "LAYER:stall-after=900000:times=1", options=["--registry-stall-timeout", "500ms"])
    equal([r["range"] for r in asked], [None, "bytes=900000-"], "the ranges asked for")
    equal(received, whole(large()[0]), "bytes received")


@test
def stalls_for_ever(t):
    _, name = behind_large(t, "LAYER:stall-after=0")
    with unharmed(t):
        t.fails(NETWORK, "", "--registry-tries", "2", "--registry-backoff", "10ms", "--registry-stall-timeout", "300ms", "pull",
                name)


@test
def redirected_without_credentials(t):
    there = Cutter(t, registry().host)
    port = there.host.split(":")[1]
    here, name = behind_large(t, f"blobs/:redirect=http\\://localhost\\:{port}", options=["--bearer"])
    t.kist("pull", name, out="downloaded")
    check(any(r["authorization"] for r in here.requests("blobs/")), "no token was used at all")
    check(there.requests("blobs/"), "the other host was not asked")
    check(not any(r["authorization"] for r in there.requests()), "the other host was shown the token")


@test
def redirected_for_ever(t):
    for what in ("manifests/", "blobs/"):
        cutter, name = behind_large(t, f"{what}:redirect-loop")
        with unharmed(t):
            t.fails(NETWORK, "redirect", "--registry-tries", "2", "--registry-backoff", "10ms", "pull", name)
        check(len(cutter.requests(what)) <= 40, f"{len(cutter.requests(what))} requests")


@test
def redirected_to_nonsense(t):
    for target, code in (("ftp\\://127.0.0.1/", 1), ("file\\:///etc/passwd#", 1), ("http\\://user\\:secret@127.0.0.1\\:1", 1)):
        _, name = behind_large(t, f"blobs/:redirect={target}")
        with unharmed(t):
            t.fails(code, "config", "--registry-tries", "1", "pull", name)


@test
def huge_header(t):
    _, name = behind(t, "manifests/:huge-header=400000")
    with unharmed(t):
        t.fails(CORRUPT, "header", "pull", name)


# ---- this machine ---------------------------------------------------------------------------------------------------


@test
def disk_full(t):
    document, name = large()
    t.mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", t.root)
    keeper = oci.push(registry().host, "keeper", oci.image([oci.Layer.of([("kept", b"text\n")])]), "1")
    t.kist("pull", "-q", keeper)
    before = {path: s[0] for path, s in t.snapshot().items()}
    t.fails(NO_SPACE, ["cannot pull", "needs 3.0 MiB, 1.9 MiB left on the filesystem (try 'kist image prune')"], "pull", name)
    equal(t.images(), [keeper], "the images kept")
    equal(t.transient(), [], "what is left in tmp/ and partial/")
    # a megabyte four times: zstd finds it again, blocks of 128 KiB do not, and so the plan is too hopeful
    data = oci.tar([("again", random.Random(3).randbytes(1 << 20) * 4)])
    packed = oci.Layer(oci.zstd(data), data, media_type=oci.OCI_LAYER + "+zstd")
    name = oci.push(registry().host, "packed", oci.image([packed]), "1")
    t.fails(NO_SPACE, ["cannot pull", "cannot store layer", "No space left on device"], "pull", name)
    equal(t.images(), [keeper], "the images kept")
    equal(t.transient(), [], "what is left in tmp/ and partial/")
    equal({path: s[0] for path, s in t.snapshot().items()}, before, "the files of the store")
    t.kist("pull", keeper, out="unchanged")


@test
def store_read_only(t):
    t.kist("pull", "-q", SHARED["busybox"])
    t.mount("--bind", t.root, t.root)
    kit.command("mount", "-o", "remount,ro,bind", t.root)
    t.fails(1, "Read-only file system", "pull", large()[1])
    equal(t.images(), [SHARED["busybox"]], "the images kept")


def start_and_stall(t):
    """A pull that hangs in the middle of the large layer."""
    _, name = behind(t, "blobs/:stall-after=2000000", reference=large()[1])
    child = t.start("pull", name)
    partial = os.path.join(t.root, "partial")
    size = lambda: max([os.path.getsize(os.path.join(partial, n)) for n in kit.list_dir(partial)] or [0])
    kit.wait_until(lambda: size() > 1500000, "most of what came on disk")
    return child, name


@test
def killed_mid_layer(t):
    t.kist("pull", "-q", SHARED["busybox"])
    before = {path: size for path, (size, _, _) in t.snapshot().items()}
    child, _ = start_and_stall(t)
    check(t.images() == [SHARED["busybox"]] and t.transient(), "another command took what a pull is working on")
    child.kill()
    t.finish(child, ["pull"], code=137)
    check(t.transient(), "the killed pull had left nothing to sweep")
    t.kist("images")
    check(any(part.endswith(".journal") for part in t.transient()), f"nothing to go on with in {t.transient()}")
    t.kist("image", "prune", "--force")
    check_unharmed(t, before)
    t.kist("pull", large()[1], out="downloaded")


@test
def interrupted(t):
    for signal in (2, 15):
        with unharmed(t):
            child, name = start_and_stall(t)
            child.send_signal(signal)
            r = t.finish(child, ["pull", name], code=130)
            kit.contains(r.err, "interrupted", "the message")
            check(any(part.endswith(".journal") for part in t.transient()), f"nothing to go on with in {t.transient()}")
            t.kist("image", "prune", "--force")


@test
def damaged_index(t):
    """A store whose index is broken is told, and left as it is."""
    t.kist("pull", "-q", SHARED["busybox"])
    path = os.path.join(t.root, "index.json")
    for text in ("", "{", "[]", '{"schemaVersion": 2, "manifests": 3}'):
        with open(path, "w") as f:
            f.write(text)
        for words in (["images"], ["pull", large()[1]], ["rmi", SHARED["busybox"]]):
            t.fails(CORRUPT, "index.json", *words)
        equal(len(t.layers()), 2, "the number of layers kept")


@test
def not_a_store(t):
    os.makedirs(t.root)
    with open(os.path.join(t.root, "precious"), "w") as f:
        f.write("data")
    t.fails(CONFLICT, t.root, "pull", SHARED["busybox"])
    equal(os.listdir(t.root), ["precious"], "what is in the directory")


@test
def newer_store(t):
    t.kist("pull", "-q", SHARED["busybox"])
    with open(os.path.join(t.root, "FORMAT"), "w") as f:
        f.write("kist-store 2.0\n")
    before = t.snapshot()
    for words in (["images"], ["pull", large()[1]]):
        t.fails(UNSUPPORTED, "2.0", *words)
    equal(t.snapshot(), before, "the store")


kit.main(prepare)
