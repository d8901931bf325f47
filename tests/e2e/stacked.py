#!/usr/bin/env python3
"""Read-only stores below the writable one: their images are there like all others, cost nothing, and are never changed."""
import os
import shutil

import kit
import oci
from kit import Cutter, check, contains, equal, test
from shared import SHARED, box, prepare, registry, small


def firmware(t, *names, folder="firmware"):
    """A read-only store with these images, and the environment that puts it below the test's own."""
    place = t.path(folder)
    for name in names:
        t.kist("pull", "-q", name, env={"KIST_ROOT": place})
    os.chmod(place, 0o755)
    before = tree(place)
    # writing to it must fail, not only be left out
    t.mount("--bind", "-o", "ro", place, place)
    return place, before, {"KIST_STORE_EXTRA": place}


def tree(place):
    return {os.path.relpath(os.path.join(folder, name), place): os.lstat(os.path.join(folder, name)).st_mtime_ns
            for folder, _, names in os.walk(place) for name in names if name != "lock"}


@test
def listed_and_run(t):
    name = SHARED["busybox"]
    place, before, env = firmware(t, name)
    row, = t.kist("images", "--json", env=env).jsons()
    equal((row["Name"], row["Store"]), (name, place), "the image listed")
    t.kist("image", "inspect", name, env=env, out="amd64")
    box(t, "echo from below", image=name, env=env, out="from below")
    t.kist("create", "-q", "--name", "kept", name, "true", env=env)
    t.kist("start", "-a", "kept", env=env)
    t.kist("rm", "kept", env=env)
    equal((t.layers(), t.blobs()), ({}, set()), "what the writable store keeps")
    t.kist("save", "-o", t.path("saved"), name, env=env)
    t.kist("system", "check", "--deep", env=env, out="Checked: 1 images, 2 layers, 2 blobs")
    t.kist("image", "prune", "-a", "-f", env=env)
    t.kist("system", "df", env=env)
    equal(t.kist("images", "-q", env=env).out.count("\n"), 1, "images after pruning all")
    equal(tree(place), before, "the read-only store")
    equal(t.kist("images", "-q").out, "", "images without it")


@test
def cannot_be_removed(t):
    name = SHARED["busybox"]
    place, before, env = firmware(t, name)
    image = t.kist("images", "-q", env=env).out.strip()
    for what in name, image:
        t.fails(17, [f"image '{what}' is in the read-only store '{place}', and cannot be removed there"], "rmi", what, env=env)
        t.fails(17, "cannot be removed there", "rmi", "-f", what, env=env)
    t.fails(17, "cannot be pinned there", "image", "pin", name, env=env)
    t.fails(12, "no such image", "rmi", "nothing:1", env=env)
    equal(tree(place), before, "the read-only store")


@test
def another_name_is_ours(t):
    name = SHARED["busybox"]
    place, before, env = firmware(t, name)
    t.kist("tag", name, "mine:1", env=env)
    equal(len(t.layers()), 0, "layers in the writable store")
    box(t, "echo mine", image="mine:1", env=env, out="mine")
    t.kist("rmi", "mine:1", env=env, out="Untagged: mine:1")
    equal(t.blobs(), set(), "blobs after the other name is gone")
    t.kist("images", env=env, out="box")
    equal(tree(place), before, "the read-only store")


@test
def layers_below_are_not_downloaded(t):
    """An update of what is in the firmware brings only what is new; removed again, the firmware's image is back."""
    cutter = Cutter(t, registry().host)
    base, old, new = (oci.Layer.of([(word, word.encode() * 5000)]) for word in ("base", "old", "new"))
    name = oci.push(registry().host, "stacked", oci.image([base, old]), "1").replace(registry().host, cutter.host)
    place, before, env = firmware(t, name)
    first = t.kist("images", "-q", "--no-trunc", env=env).out
    t.kist("pull", name, env=env, out="unchanged")
    equal((t.layers(), t.blobs()), ({}, set()), "what a pull of the same kept")
    oci.push(registry().host, "stacked", oci.image([base, new]), "1")
    asked = len(cutter.requests("/blobs/"))
    t.kist("pull", "-q", name, env=env)
    got = {r["path"].split("/")[-1] for r in cutter.requests("/blobs/")[asked:]}
    check(base.digest not in got and new.digest in got, f"what was fetched: {got}")
    equal(set(t.layers()), {new.diff_id}, "layers in the writable store")
    check(t.kist("images", "-q", "--no-trunc", env=env).out != first, "the image is the old one")
    t.kist("system", "check", "--deep", env=env, out="Damaged: 0")
    # without the firmware's layers it is hurt, and a repair brings them
    t.fails(15, "is damaged in 1 places", "system", "check")
    t.kist("system", "check", "--repair", out="repaired: 1")
    equal(set(t.layers()), {base.diff_id, new.diff_id}, "layers after a repair without the firmware")
    t.kist("rmi", name, env=env)
    equal(t.kist("images", "-q", "--no-trunc", env=env).out, first, "the image after the update is removed")
    equal(t.layers(), {}, "layers left")
    equal(tree(place), before, "the read-only store")


@test
def several(t):
    """The first one wins; one that is not there is told, and no more."""
    one = oci.push(registry().host, "several/a", small("one"), "1")
    two = oci.push(registry().host, "several/b", small("two"), "1")
    first, _, _ = firmware(t, one, folder="first")
    oci.push(registry().host, "several/a", small("newer"), "1")
    second, _, _ = firmware(t, one, two, folder="second")
    rows = {row["Name"]: row["Store"] for row in
            t.kist("--store-extra", f"{first}:{second}:{t.path('none')}", "images", "--json",
                   err=f"there is no read-only store at '{t.path('none')}'").jsons()}
    equal(rows, {one: first, two: second}, "the images, and where they are")


@test
def only_from_whom_can_be_trusted(t):
    place = t.path("firmware")
    t.kist("pull", "-q", SHARED["busybox"], env={"KIST_ROOT": place})
    os.chmod(place, 0o755)
    env = {"KIST_STORE_EXTRA": place}
    for path in "", "layers", "layers/sha256", "blobs", "blobs/sha256", "index.json":
        path = os.path.join(place, path)
        mode = os.stat(path).st_mode & 0o777
        os.chmod(path, mode | 0o020)
        t.fails(15, ["cannot be trusted", "can be written by others"], "images", env=env)
        os.chmod(path, mode)
        os.chown(path, 1000, 0)
        t.fails(15, ["cannot be trusted", "belongs to another user"], "images", env=env)
        os.chown(path, 0, 0)
    t.kist("images", env=env, out="box")
    # a single file that somebody else owns does not count
    layer = os.path.join(place, "layers/sha256", kit.list_dir(os.path.join(place, "layers/sha256"))[0])
    os.chown(layer, 1000, 0)
    r = t.kist("system", "check", env=env, code=15)
    contains(r.out, "missing", "output of the check")
    r = t.kist("run", "--rm", SHARED["busybox"], "true", env=env, code=125)
    contains(r.err, f"'{place}/layers/sha256/{os.path.basename(layer)}' cannot be trusted: it belongs to another user", "message")


@test
def damage_below_is_named(t):
    place, _, _ = firmware(t, SHARED["busybox"])
    copy = t.path("copy")
    shutil.copytree(place, copy)
    layer = os.path.join(copy, "layers/sha256", kit.list_dir(os.path.join(copy, "layers/sha256"))[0])
    with open(layer, "r+b") as f:
        f.seek(1000)
        f.write(b"damaged")
    env = {"KIST_STORE_EXTRA": copy}
    r = t.fails(15, "is damaged in 1 places", "system", "check", "--repair", env=env)
    contains(r.out, f"not repaired: it is in the read-only store '{copy}'", "output")
    t.kist("tag", SHARED["busybox"], "ours:1", env=env)
    t.kist("system", "check", "--repair", env=env, out="repaired: 1")
    equal(len(t.layers()), 1, "layers in the writable store")
    box(t, "echo healed", image="ours:1", env=env, out="healed")


kit.main(prepare)
