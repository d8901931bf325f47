#!/usr/bin/env python3
"""Kept images in another shape: many layers made one, layers packed by another compressor."""
import hashlib
import os
import tarfile

import kit
import oci
from kit import check, contains, equal, test
from shared import SHARED, box, check_round_trips, configured, prepare, registry, small

LIST = ("find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /etc/hosts -o -path /etc/hostname -o -path "
        "/etc/resolv.conf \\) -prune -o ! -type d -exec stat -c '%n %f %u %g %h %Y %t %T' {} + -o -type d -exec "
        "stat -c '%n %f %u %g' {} + | sort; find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /etc/hosts -o -path "
        "/etc/hostname -o -path /etc/resolv.conf \\) -prune -o -type f -exec md5sum {} + | sort")


def pulled(t, name=None):
    name = name or SHARED["busybox"]
    t.kist("pull", "-q", name)
    return name


def flat_tar(t, diff_id):
    """The members of a layer that is kept, in order."""
    pushed = f"{registry().host}/flat/{t.name.replace('.', '-').replace('_', '-')}:1"
    t.kist("tag", "flat", pushed)
    t.kist("push", "-q", pushed)
    layout = t.path("layout")
    kit.command("skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", f"docker://{pushed}", f"oci:{layout}:1")
    flat = oci.Layout(layout)
    equal(flat.diff_ids, [diff_id], "the diff IDs of the flat image")
    return tarfile.open(flat.path(flat.manifest["layers"][0]["digest"]))


# ---- flatten --------------------------------------------------------------------------------------------------------


@test
def flatten_changes_nothing_seen(t):
    """A container of the flat image finds what one of the original finds."""
    name = pulled(t)
    told = t.kist("image", "flatten", "--json", name, "flat").json()
    equal(told["layers"], 2, "layers made one")
    flat, was = t.kist("image", "inspect", "flat").json(), t.kist("image", "inspect", name).json()
    flat, was = (x[0] if isinstance(x, list) else x for x in (flat, was))
    equal((flat["Id"], len(flat["RootFS"]["Layers"])), (told["image"], 1), "ID and layers")
    equal(flat["Config"], was["Config"], "the configuration")
    check_round_trips(t)
    equal(box(t, LIST, image="flat").out, box(t, LIST).out, "what a container finds")


@test
def flatten_by_rule(t):
    """Whiteouts, opaque directories, files that become directories and back, hard links, directories nobody names."""
    link = {"type": tarfile.LNKTYPE}
    layers = [
        oci.Layer.of([("tmp", None, {"mode": 0o1777}), ("tmp/old", b"old"), ("gone", b"gone"), ("dir", None), ("dir/below", b"1"),
                      ("opaque", None, {"mode": 0o700}), ("opaque/hidden", b"2"), ("turns", b"a file"), ("back", None),
                      ("back/file", b"3"), ("one", b"shared"), ("two", b"", {**link, "linkname": "one"}),
                      ("three", b"", {**link, "linkname": "one"}), ("empty", b""), ("deep", None, {"uid": 7}), ("deep/a", None),
                      ("deep/a/b", b"4")]),
        oci.Layer.of([("tmp/new", b"new"), (".wh.gone", b""), ("opaque/.wh..wh..opq", b""), ("opaque/seen", b"5"),
                      ("turns", None), ("turns/inside", b"6"), (".wh.back", b""), (".wh.one", b""),
                      ("link", b"", {"type": tarfile.SYMTYPE, "linkname": "tmp/new"}), ("deep/a/.wh.b", b"")]),
        oci.Layer.of([("back", b"a file now"), ("deep/a/b", None), ("deep/a/b/c", b"7", {"mode": 0o4755})]),
    ]
    name = pulled(t, oci.push(registry().host, "rules", oci.image(layers), "1"))
    out = t.kist("image", "flatten", name, "flat").out.strip()
    row = t.kist("image", "inspect", "flat").json()
    row = row[0] if isinstance(row, list) else row
    equal(row["Id"], out, "the ID told")
    tar = flat_tar(t, row["RootFS"]["Layers"][0])
    found = {m.name: m for m in tar}
    equal(set(found), {"tmp", "tmp/old", "tmp/new", "dir", "dir/below", "opaque", "opaque/seen", "turns", "turns/inside", "back", "two",
                       "three", "empty", "deep", "deep/a", "deep/a/b", "deep/a/b/c", "link"}, "the members")
    equal((found["tmp"].mode, found["opaque"].mode, found["deep"].uid), (0o1777, 0o700, 7), "modes and owner")
    check(found["turns"].isdir() and found["back"].isreg() and found["deep/a/b"].isdir(), "kinds of members")
    equal(sorted(found[n].type for n in ("two", "three")), [tarfile.REGTYPE, tarfile.LNKTYPE], "kinds of the links")
    equal({n: tar.extractfile(n).read() for n in ("two", "three", "back", "deep/a/b/c", "tmp/new")},
          {"two": b"shared", "three": b"shared", "back": b"a file now", "deep/a/b/c": b"7", "tmp/new": b"new"}, "contents")
    equal((found["deep/a/b/c"].mode, found["link"].linkname), (0o4755, "tmp/new"), "mode and target")


@test
def flatten_names(t):
    name = pulled(t)
    first = t.kist("image", "flatten", name).out.strip()
    rows = {row["ID"]: row for row in t.kist("images", "--json", "--no-trunc").jsons()}
    equal(rows[first]["Name"], name, "the name")
    equal(len(rows), 2, "the number of images")
    equal(t.kist("image", "flatten", name).out.strip(), first, "what comes of a flat image")
    equal(t.kist("image", "flatten", first[7:19], "again:1").out.strip(), first, "what comes of a flat image, named")
    old = next(image for image in rows if image != first)
    equal(t.kist("image", "flatten", old).out.strip(), first, "the image made again")
    env = {"KIST_ROOT": t.path("other"), "KIST_LAYER_COMPRESSION": "gzip"}
    t.kist("pull", "-q", name, env=env)
    equal(t.kist("image", "flatten", name, env=env).out.strip(), first, "the image that another device makes")
    t.fails(12, "no such image: 'none:latest'", "image", "flatten", "none")
    t.fails(2, "names a digest", "image", "flatten", name, "x@sha256:" + "0" * 64)


# ---- recompress -----------------------------------------------------------------------------------------------------


def compressors(t):
    found = set()
    for path in t.layers().values():
        with open(path, "rb") as f:
            found.add({1: "gzip", 6: "zstd"}[int.from_bytes(f.read(22)[20:22], "little")])
    return found


@test
def recompress(t):
    """To gzip and back: the same layers, the same tars, the same image."""
    name = pulled(t)
    images, diff_ids, first = t.images(), sorted(t.layers()), hashes(t)
    told = t.kist("image", "recompress", "--json", "--compressor", "gzip", name).json()
    equal((told["layers"], told["changed"], compressors(t)), (2, 2, {"gzip"}), "layers changed")
    equal(told["after"], sum(os.path.getsize(p) for p in t.layers().values()), "bytes told")
    equal((t.images(), sorted(t.layers())), (images, diff_ids), "images and layers")
    check_round_trips(t)
    box(t, "cat /etc/passwd >/dev/null")
    again = hashes(t)
    t.kist("image", "recompress", "-a", "--compressor", "gzip", out="Recompressed 0 of 2 layers")
    equal(hashes(t), again, "the layer files")
    t.kist("image", "recompress", "-a", "--compressor", "gzip", "--level", "9", out="of 2 layers")
    equal(compressors(t), {"gzip"}, "the compressor")
    t.kist("image", "recompress", "-a", "--compressor", "zstd", out="Recompressed 2 of 2 layers")
    equal(hashes(t), first, "the layer files, packed as they were first")
    equal(t.transient(), [], "what is left in tmp/ and partial/")
    t.fails(2, "needs IMAGE or --all", "image", "recompress")
    t.fails(2, "needs IMAGE or --all", "image", "recompress", "-a", name)
    t.fails(2, "compressor must be zstd or gzip, not 'xz'", "image", "recompress", "-a", "--compressor", "xz")
    t.fails(2, "level must be 1 to 3 for zstd", "image", "recompress", "-a", "--compressor", "zstd", "--level", "4")
    t.fails(12, "no such image", "image", "recompress", "other")


def hashes(t):
    found = {}
    for diff_id, path in t.layers().items():
        with open(path, "rb") as f:
            found[diff_id] = hashlib.sha256(f.read()).hexdigest()
    return found


@test
def recompress_under_a_container(t):
    """Who has a layer mounted keeps the file it has."""
    name = pulled(t)
    child = t.start("run", "--rm", "-i", name, "sh", "-c", "echo ready; read x; md5sum /bin/busybox", stdin=kit.subprocess.PIPE)
    equal(child.stdout.readline(), b"ready\n", "the container's first word")
    t.kist("image", "recompress", "-a", "--compressor", "gzip", out="Recompressed 2 of 2 layers")
    r = t.finish(child, ["run"], input=b"\n")
    equal(box(t, "md5sum /bin/busybox").out, r.out, "what is read before and after")


# ---- what goes wrong ------------------------------------------------------------------------------------------------


@test
def no_room(t):
    """Neither fits: everything is as it was."""
    name = pulled(t)
    kept = t.bytes_kept()
    before = hashes(t), t.images()
    env = {"KIST_STORE_QUOTA": str(kept + 64 * 1024), "KIST_PRUNE_AUTO": "false"}
    t.fails(16, ["cannot flatten", "left under quota"], "image", "flatten", name, env=env)
    t.fails(16, "left under quota", "image", "recompress", "-a", "--compressor", "gzip", env=env)
    equal((hashes(t), t.images()), before, "layers and images")
    equal(t.transient(), [], "what is left in tmp/ and partial/")


@test
def damaged(t):
    name = pulled(t)
    path = max(t.layers().values(), key=os.path.getsize)
    with open(path, "r+b") as f:
        f.seek(200)
        byte = f.read(1)
        f.seek(200)
        f.write(bytes([byte[0] ^ 0x10]))
    before = hashes(t)
    t.fails(15, "layer 'sha256:" + os.path.basename(path), "image", "recompress", "-a", "--compressor", "gzip")
    t.fails(15, "cannot flatten", "image", "flatten", name)
    equal(hashes(t)["sha256:" + os.path.basename(path)], before["sha256:" + os.path.basename(path)], "the damaged file")
    equal(t.images(), [name], "the images")


kit.main(prepare)
