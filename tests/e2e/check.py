#!/usr/bin/env python3
"""Damage by flash: found, named with the images it hurts, and healed; what cannot be healed stays as it is."""
import json
import os
import random
import re

import kit
import oci
import shared
from kit import Cutter, check, contains, equal, test
from shared import SHARED, box, prepare, registry, small

TRY = "(try 'kist system check --repair')"


def flip(path, at=None, bit=0x10):
    """One bit of a file, in the middle unless told where."""
    with open(path, "r+b") as f:
        at = os.path.getsize(path) // 2 if at is None else at
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ bit]))


def blob(t, digest):
    return os.path.join(t.root, "blobs/sha256", digest.split(":")[1])


def index_path(t):
    return os.path.join(t.root, "index.json")


def read_index(t):
    with open(index_path(t)) as f:
        return json.load(f)


def entry(t, part):
    return next(m for m in read_index(t)["manifests"] if part in m["annotations"].get("org.opencontainers.image.ref.name", ""))


def plain(text):
    """Without what differs from one writing to the next."""
    return re.sub(b',"kist.crc32":"[0-9a-f]*"|"kist.clock":"[^"]*"', b"", text)


def write_index(t, text):
    with open(index_path(t), "wb") as f:
        f.write(text)


def push_small(name, *texts):
    """An image with a layer for each text."""
    return oci.push(registry().host, name, oci.image([oci.Layer.of([(f"file{i}", text.encode())])
                                                      for i, text in enumerate(texts)]), "1")


def rows(r):
    """Damages by kind, and the summary."""
    *damages, total = r.jsons()
    return damages, total


@test
def all_is_well(t):
    t.fails(12, "no store", "system", "check")
    name = SHARED["busybox"]
    t.kist("pull", "-q", name)
    before = t.snapshot()
    for options in [], ["--deep"], ["--repair"], ["--deep", "--repair"]:
        t.kist("system", "check", *options, out=["Checked: 1 images, 2 layers, 2 blobs, ", "Damaged: 0, repaired: 0\n"])
    equal(t.snapshot(), before, "the store after checks")
    _, total = rows(t.kist("system", "check", "--json"))
    kept = sum(os.path.getsize(p) for p in [*t.layers().values(), *map(lambda b: blob(t, b), t.blobs())])
    equal(total, {"images": 1, "layers": 2, "blobs": 2, "bytes": kept, "damaged": 0, "repaired": 0}, "the summary")


@test
def a_flipped_bit_is_named_and_healed(t):
    """Wherever in the layer file: found by the plain check. Only that layer is fetched, and what runs from it keeps running."""
    cutter = Cutter(t, registry().host)
    base, other = oci.Layer.of([("a", b"base" * 999)]), oci.Layer.of([("b", b"other" * 999)])
    one = oci.push(registry().host, "heal/one", oci.image([base, other]), "1").replace(registry().host, cutter.host)
    two = oci.push(registry().host, "heal/two", oci.image([base], config={"Labels": {"two": "2"}}), "1")
    t.kist("pull", "-q", one)
    t.kist("pull", "-q", two.replace(registry().host, cutter.host))
    path = t.layers()[base.diff_id]
    with open(path, "rb") as f:
        good = f.read()
    chance = random.Random(7)
    for at in 0, 40, 96, len(good) - 1, len(good) - 300, *(chance.randrange(len(good)) for _ in range(4)):
        flip(path, at, 1 << chance.randrange(8))
        r = t.fails(15, [f"store '{t.root}' is damaged in 1 places", TRY], "system", "check")
        contains(r.out, [f"layer '{base.diff_id}': ", f"hurts: {cutter.host}/heal/two:1, {cutter.host}/heal/one:1\n",
                         "Damaged: 1, repaired: 0"], f"output after a flip at {at}")
        asked = len(cutter.requests("/blobs/"))
        t.kist("system", "check", "--repair", out=["  repaired\n", "Damaged: 1, repaired: 1"])
        equal([r["path"].split("/")[-1] for r in cutter.requests("/blobs/")[asked:]], [base.digest], "what was fetched")
        with open(path, "rb") as f:
            equal(f.read() == good, True, "that the layer is the same again")
    equal(kit.list_dir(os.path.join(t.root, "damaged")), [base.diff_id.split(":")[1]], "what is set aside")
    equal(t.transient(), [], "what is left in tmp/ and partial/")
    t.kist("system", "check", "--deep", out="Damaged: 0")
    shared.check_round_trips(t)


@test
def a_running_container_is_not_disturbed(t):
    name = SHARED["busybox"]
    t.kist("pull", "-q", name)
    child = t.start("run", "-i", "--rm", "-q", name, "sh", "-c", "echo up; read x; cat /bin/busybox >/dev/null && echo well",
                    stdin=kit.subprocess.PIPE)
    equal(child.stdout.readline(), b"up\n", "the first line")
    for path in t.layers().values():
        flip(path)
    t.kist("system", "check", "--repair", out="Damaged: 2, repaired: 2")
    kit.command("sh", "-c", "echo 3 >/proc/sys/vm/drop_caches")
    box(t, "ls -l / >/dev/null; echo new", image=name, out="new")
    t.finish(child, input=b"\n", out="well")


@test
def missing_and_torn_files(t):
    name = push_small("torn", "one", "two")
    t.kist("pull", "-q", name)
    first, second = t.layers().values()
    os.truncate(first, 700)
    os.unlink(second)
    damages, total = rows(t.kist("system", "check", "--json", code=15))
    equal([(d["kind"], d["hurts"], d["repaired"]) for d in damages], [("layer", [name], False)] * 2, "damages")
    equal("missing" in [d["problem"] for d in damages], True, "that one is missing")
    equal((total["damaged"], total["repaired"]), (2, 0), "the summary")
    damages, total = rows(t.kist("system", "check", "--json", "--repair"))
    equal([d["repaired"] for d in damages], [True, True], "what is repaired")
    t.kist("system", "check", "--deep", out="Damaged: 0")
    open(first, "w").close()
    os.unlink(second)
    os.mkdir(second)
    t.kist("system", "check", "--repair", out="Damaged: 2, repaired: 2")
    t.kist("system", "check", "--deep", out="Damaged: 0")


@test
def manifest_and_config(t):
    name = push_small("blobs", "text")
    t.kist("pull", "-q", name)
    e = entry(t, "blobs")
    manifest, config = e["digest"], e["annotations"]["kist.config"]
    for damaged in [manifest], [config], [manifest, config]:
        for digest in damaged:
            flip(blob(t, digest))
        r = t.fails(15, f"is damaged in {len(damaged)} places", "system", "check")
        contains(r.out, [f"blob '{digest}': its contents have another digest\n  hurts: {name}\n" for digest in damaged], "output")
        t.kist("system", "check", "--repair", out=f"Damaged: {len(damaged)}, repaired: {len(damaged)}")
        t.kist("system", "check", out="Damaged: 0")
    for digest in manifest, config:
        os.unlink(blob(t, digest))
    flip(next(iter(t.layers().values())))
    t.kist("system", "check", "--repair", out="Damaged: 3, repaired: 3")
    t.kist("inspect", name, out="amd64")


@test
def what_cannot_be_replaced_stays(t):
    """The registry is gone; or has nothing of it; or sends something else. A second one is healed all the same."""
    cutter = Cutter(t, registry().host)
    gone = push_small("gone", "of a registry that is gone").replace(registry().host, cutter.host)
    there = push_small("there", "of one that is there")
    t.kist("pull", "-q", gone)
    t.kist("pull", "-q", there)
    for path in t.layers().values():
        flip(path)
    hurt = t.layers()[entry(t, "gone")["annotations"]["kist.layers"]]
    with open(hurt, "rb") as f:
        damaged = f.read()
    cutter.stop()
    r = t.fails(15, "is damaged in 1 places", "--registry-tries", "1", "system", "check", "--repair")
    contains(r.out, [f"not repaired: cannot fetch it again for '{gone}': ", "  repaired\n", "Damaged: 2, repaired: 1"], "output")
    with open(hurt, "rb") as f:
        equal(f.read() == damaged, True, "that the damaged layer is as it was")
    equal(t.images(), sorted([gone, there]), "the images")
    equal(t.transient(), [], "what is left in tmp/ and partial/")


@test
def where_it_came_from(t):
    """Under another name, and without one, an image still knows its registry."""
    first = push_small("origin", "first version")
    t.kist("pull", "-q", first)
    t.kist("tag", first, "localhost/mine:1")
    t.kist("rmi", first)
    for path in t.layers().values():
        flip(path)
    t.kist("system", "check", "--repair", out=["hurts: localhost/mine:1\n", "repaired: 1"])
    t.kist("rmi", "localhost/mine:1")
    t.kist("pull", "-q", first)
    push_small("origin", "second version")
    old = next(iter(t.layers().values()))
    t.kist("pull", "-q", first)
    equal(len(t.layers()), 2, "layers, with those of the image that lost its name")
    flip(old)
    r = t.kist("system", "check", "--repair", out="repaired: 1")
    oci.push(registry().host, "origin", small("third"), "1")
    t.kist("system", "check", "--deep", out="Damaged: 0")
    check("hurts: " in r.out, f"not told whom it hurts: {r.out!r}")


@test
def damaged_index(t):
    """Cut, emptied, gone, with a bit flipped anywhere: what is kept is listed again, nearly always with its name."""
    names = sorted([push_small("index/a", "a", "aa"), push_small("index/b", "b"), push_small("index/c", "c")])
    for name in names:
        t.kist("pull", "-q", name)
    t.kist("create", "--name", "holder", names[0], "true", code=0)
    with open(index_path(t), "rb") as f:
        good = f.read()
    files = set(t.layers()) | t.blobs()

    def repaired(text, missing, what):
        write_index(t, text)
        t.fails(15, ["index.json' is damaged", TRY], "images")
        r = t.fails(15, "is damaged in 1 places", "system", "check")
        contains(r.out, "index.json: ", what)
        t.kist("system", "check", "--repair", out="repaired: 1\n")
        t.kist("system", "check", out="Checked: 3 images, 4 layers, 6 blobs")
        kept = [row["Name"] for row in t.kist("images", "--json").jsons()]
        equal(len(kept), 3, f"images after {what}")
        check(len([n for n in names if n not in kept]) <= missing, f"names after {what}: {kept}")
        equal(set(t.layers()) | t.blobs(), files, f"files after {what}")
        equal(kit.list_dir(os.path.join(t.root, "damaged")), ["index.json"], "what is set aside")

    repaired(good[:len(good) // 2], 2, "a cut")
    repaired(b"", 3, "nothing in it")
    repaired(good[:300] + bytes(200) + good[500:], 1, "zeros")
    repaired(good[:-1], 0, "the last brace lost")
    for at in good.index(b"index/c"), good.index(names[1].encode()) + 3:
        repaired(good[:at] + b"x" + good[at + 1:], 1, f"another byte at {at}")
    write_index(t, good)
    chance = random.Random(5)
    for at in *(chance.randrange(len(good)) for _ in range(12)), len(good) - 3, good.index(b"index/b"):
        flip(index_path(t), at, 1 << chance.randrange(8))
        if t.kist("system", "check", code=(0, 15)).code == 15:
            t.kist("system", "check", "--repair", out="repaired: 1\n")
        t.kist("tag", names[0], names[0])
        with open(index_path(t), "rb") as f:
            check(plain(f.read()) == plain(good) or at >= len(good) - 26, f"after a flip at {at} the index is not what it was")
        write_index(t, good)
    os.unlink(index_path(t))
    t.fails(15, ["index.json' is missing", TRY], "images")
    t.kist("system", "check", "--repair", out="repaired: 1\n")
    equal(len(t.kist("images", "-q").out.split()), 3, "images")
    t.kist("rm", "holder")


@test
def an_entry_that_lies(t):
    """The index can be read, but one digest in it is another now."""
    name = push_small("lies", "one", "two")
    other = push_small("honest", "three")
    t.kist("pull", "-q", name)
    t.kist("pull", "-q", other)
    with open(index_path(t), "rb") as f:
        good = plain(f.read()).decode()
    e = entry(t, "lies")
    for what in e["digest"], e["annotations"]["kist.config"], e["annotations"]["kist.layers"].split(",")[1]:
        digit = "0" if what[-1] != "0" else "1"
        text = good.replace(what, what[:-1] + digit)
        # where the name resolved to is another member that has the manifest's digest
        text = text.replace('"kist.source":"' + what[:-1] + digit, '"kist.source":"' + what)
        write_index(t, text.encode())
        t.fails(15, TRY, "system", "check")
        t.kist("system", "check", "--repair", out="Damaged: ")
        with open(index_path(t), "rb") as f:
            equal(plain(f.read()).decode(), good, f"index.json after {what} was wrong")
        t.kist("system", "check", out="Damaged: 0")


@test
def full_flash(t):
    """No room for the replacement: told as such, and the damaged layer stays; with room it is healed."""
    data = random.Random(1).randbytes(600 << 10)
    name = oci.push(registry().host, "full", oci.image([oci.Layer.of([("data", data)])]), "1")
    t.kist("pull", "-q", name)
    path = next(iter(t.layers().values()))
    flip(path)
    quota = str(t.bytes_kept() + (200 << 10))
    r = t.fails(15, "is damaged in 1 places", "--store-quota", quota, "system", "check", "--repair")
    contains(r.out, ["not repaired: ", "left under quota"], "output")
    check(os.path.exists(path), "the damaged layer is gone")
    t.kist("system", "check", "--repair", out="repaired: 1")


kit.main(prepare)
