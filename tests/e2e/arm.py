#!/usr/bin/env python3
"""The ARM binaries, under qemu-user: they pull, and what they keep is byte for byte what this machine's binary keeps."""
import os
import shutil

import kit
import oci
import shared
from kit import check, equal, skip, test
from shared import SHARED, registry

BUILDS = {"armv7": ("qemu-arm-static", "linux/arm/v7"), "arm64": ("qemu-aarch64-static", "linux/arm64")}


def program(board):
    """kist of a board, and what runs it."""
    emulator, platform = BUILDS[board]
    binary = os.path.join(os.environ.get("KIST_BUILDS", os.path.join(kit.TOP, "build")), board, "kist")
    if not os.access(binary, os.X_OK):
        skip(f"no build/{board}/kist (tests/run.sh boards)")
    kit.need_programs(emulator)
    return [shutil.which(emulator), binary], platform


def same_as_here(t, board):
    emulated, platform = program(board)
    t.kist("version", program=emulated, out="0.1.0")
    text = b"this is for ARM\n" * 20000
    layers = [oci.Layer.of([("etc", None), ("etc/text", text), ("bin/tool", os.urandom(300000)), ("bin/link", b"", {
        "type": b"2", "linkname": "tool"}), ("bin/same", b"", {"type": b"1", "linkname": "bin/tool"})]),
        oci.Layer.of([("etc/.wh.text", b""), ("var/.wh..wh..opq", b"")])]
    kinds = [oci.image(layers, arch=arch, variant=variant) for arch, variant in (("amd64", None), ("arm", "v7"), ("arm64", "v8"))]
    for name in (SHARED["busybox"], oci.push(registry().host, "arm", oci.index(kinds), "1")):
        wanted = platform if name != SHARED["busybox"] else "linux/amd64"
        there, here = t.path("there"), t.path("here")
        told = t.kist("pull", "--json", "--platform", wanted, name, program=emulated, env={"KIST_ROOT": there}, timeout=300).json()
        equal(told["platform"].split("/")[:2], wanted.split("/")[:2], "the platform pulled")
        t.kist("pull", "-q", "--platform", wanted, name, env={"KIST_ROOT": here})
        check_same(there, here)
        t.kist("images", program=emulated, env={"KIST_ROOT": there}, out=told["image"][7:19])
        t.kist("images", env={"KIST_ROOT": there}, out=told["image"][7:19])
    equal(t.kist("pull", "--json", name, program=emulated, env={"KIST_ROOT": t.path("native")}).json()["platform"][:len(platform)],
          platform, "the platform by default")


def check_same(there, here):
    names = kit.list_dir(os.path.join(there, "layers/sha256"))
    check(names and names == kit.list_dir(os.path.join(here, "layers/sha256")), "the stores have other layers")
    for name in names:
        with open(os.path.join(there, "layers/sha256", name), "rb") as a, open(os.path.join(here, "layers/sha256", name), "rb") as b:
            check(a.read() == b.read(), f"layer {name} has other bytes")


@test
def armv7(t):
    same_as_here(t, "armv7")


@test
def arm64(t):
    same_as_here(t, "arm64")


kit.main(shared.prepare)
