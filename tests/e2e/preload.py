#!/usr/bin/env python3
"""Stores filled on a build host: for another machine, without root, the same bytes whenever they are made."""
import hashlib
import json
import os
import shutil
import stat

import kit
import oci
from kit import check, contains, equal, test
from shared import SHARED, busybox, check_round_trips, prepare, registry, small

EPOCH = "1700000000"


def picture(root):
    """All there is to see of a directory tree: names, types, permissions, times, contents."""
    found = {}
    for folder, folders, names in os.walk(root):
        for name in ["", *names]:
            path = os.path.join(folder, name) if name else folder
            st = os.lstat(path)
            data = b""
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    data = f.read()
            found[os.path.relpath(path, root)] = (st.st_mode, int(st.st_mtime), st.st_mtime_ns % 10**9, hashlib.sha256(data).hexdigest())
    return found


def push_platforms():
    """One name for arm and amd64."""
    arm = oci.image([oci.Layer.of([("etc", None), ("etc/arch", b"arm\n"), ("etc/big", bytes(range(256)) * 2000)])], arch="arm", variant="v7")
    amd = oci.image([oci.Layer.of([("etc", None), ("etc/arch", b"amd64\n")])])
    return oci.push(registry().host, "platforms", oci.index([arm, amd]), "1"), arm


@test
def for_another_machine(t):
    name, arm = push_platforms()
    r = t.kist("preload", "--platform", "linux/arm/v7", "--json", "--progress", "none", name, env={"SOURCE_DATE_EPOCH": EPOCH})
    row = r.json()
    equal((row["name"], row["image"], row["platform"]), (name, arm.config_digest, "linux/arm/v7"), "what --json prints")
    check_round_trips(t)
    image, = t.kist("images", "--json", "--no-trunc").jsons()
    equal(image["ID"], arm.config_digest, "the image ID")
    with open(os.path.join(t.root, "index.json")) as f:
        entry, = json.load(f)["manifests"]
    equal(entry["annotations"]["kist.pulled"], "2023-11-14T22:13:20Z", "when it was pulled")
    times = {path: seen[1:3] for path, seen in picture(t.root).items()}
    equal({path: when for path, when in times.items() if when != (int(EPOCH), 0)}, {}, "other times")
    equal(t.transient(), [], "left in tmp/ and partial/")


@test
def reproducible(t):
    """Two runs, one with many threads and as another user, one after the other's half was there; and the clock has gone on."""
    name, _ = push_platforms()
    args = ["preload", "-q", "--platform", "linux/arm/v7", name, oci.push(registry().host, "two", small(arch="arm"), "1")]
    t.kist(*args, env={"SOURCE_DATE_EPOCH": EPOCH}, out=name)
    first = picture(t.root)
    os.chmod(t.dir, 0o777)
    os.chmod(os.path.dirname(t.dir), 0o755)
    t.root = t.path("second")
    shutil.copy(kit.KIST, t.path("kist"))  # which may be where only root can go
    t.kist(*args, env={"SOURCE_DATE_EPOCH": EPOCH, "KIST_LAYER_WORKERS": "3", "KIST_JOBS": "4", "HOME": "/"},
           program=["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", t.path("kist")])
    equal(os.stat(t.root).st_uid, 12345, "the owner of the store")
    equal(picture(t.root), first, "the store made again")
    t.root = t.path("third")
    t.kist(*args[:-1], env={"SOURCE_DATE_EPOCH": "1600000000"})
    t.kist(*args, env={"SOURCE_DATE_EPOCH": "1600000000"})
    check(picture(t.root) != first, "another time left no trace")
    t.kist(*args, env={"SOURCE_DATE_EPOCH": "1600000000"})
    before = picture(t.root)
    t.kist(*args, env={"SOURCE_DATE_EPOCH": "1600000000"})
    equal(picture(t.root), before, "the store after nothing was to be done")


@test
def then_on_the_device(t):
    """What was filled by another user is used by root as it is, once it is root's."""
    box = SHARED["busybox"]
    t.kist("preload", "-q", box, env={"SOURCE_DATE_EPOCH": EPOCH})
    equal(t.kist("run", "--rm", box).out, "hello from the second layer\n", "what a container of it says")


@test
def refused(t):
    t.fails(2, "SOURCE_DATE_EPOCH is 'yesterday'", "preload", "a", env={"SOURCE_DATE_EPOCH": "yesterday"})
    t.fails(2, ["not kept at '/var/lib/kist'", "--root DIR"], "preload", "a", env={"KIST_ROOT": None})
    t.fails(2, "needs REF", "preload")
    name, _ = push_platforms()
    t.fails(12, "no image for platform 'linux/riscv64'", "preload", "--platform", "linux/riscv64", name)
    check(not t.images(), "a failed preload left an image")


if __name__ == "__main__":
    kit.main(prepare)
