#!/usr/bin/env python3
"""Layer files against those who know: the kernel, unsquashfs, umoci; and the costs that are no matter of time."""
import filecmp
import os
import shutil
import stat

import images
import kit
import oci
from kit import check, equal, skip, test
from shared import SHARED, check_round_trips, prepare, registry


def tree_of(root):
    """path -> what matters of it."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            kind = stat.S_IFMT(st.st_mode)
            entry = [oct(st.st_mode), st.st_uid, st.st_gid]
            if kind == stat.S_IFREG:
                entry += [st.st_size, int(st.st_mtime), st.st_nlink]
            elif kind == stat.S_IFLNK:
                entry.append(os.readlink(path))
            elif kind in (stat.S_IFCHR, stat.S_IFBLK):
                entry.append(st.st_rdev)
            found[os.path.relpath(path, root)] = entry + [xattrs_of(path)]
    return found


def xattrs_of(path):
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return []  # a squashfs without any says that it knows none
    return sorted((name, os.getxattr(path, name, follow_symlinks=False)) for name in names
                  if not name.startswith("trusted.overlay."))


def differences(a, b):
    return [(path, a.get(path), b.get(path)) for path in sorted({*a, *b}) if a.get(path) != b.get(path)]


def check_contents(case, layout):
    """The kernel's view of the layers joined is what umoci unpacks, entry for entry and byte for byte."""
    lowers = []
    for i, diff_id in enumerate(oci.Layout(layout).diff_ids):
        lowers.append(case.mount("-t", "squashfs", "-o", "loop,ro", case.layers()[diff_id], case.path(f"layer{i}")))
    if len(lowers) == 1:
        joined = lowers[0]
    else:
        joined = case.mount("-t", "overlay", "-o", "ro,lowerdir=" + ":".join(reversed(lowers)), "overlay", case.path("joined"))
    bundle = case.path("bundle")
    kit.command("umoci", "unpack", "--image", layout + ":latest", bundle)
    mine, theirs = tree_of(joined), tree_of(os.path.join(bundle, "rootfs"))
    wrong = differences(mine, theirs)
    check(not wrong, f"{len(wrong)} entries differ (path, kist's, umoci's): {wrong[:8]}")
    files = [path for path, entry in mine.items() if stat.S_ISREG(int(entry[0], 8))]
    _, unequal, errors = filecmp.cmpfiles(joined, os.path.join(bundle, "rootfs"), files, shallow=False)
    check(not unequal and not errors, f"contents differ: {unequal[:8]} {errors[:8]}")
    shutil.rmtree(bundle)
    return len(mine)


@test
def contents_of_busybox(t):
    t.kist("pull", "-q", SHARED["busybox"])
    check_round_trips(t)
    check(check_contents(t, images.path("busybox")) > 80, "few entries")
    check("only this is seen" in open(t.path("joined/usr/share/hidden/above")).read(), "a file of the second layer")
    check(not os.path.exists(t.path("joined/usr/share/doc")), "a whiteout did not hide what is below")


@test
def contents_of_debian(t):
    """A real distribution; and what it costs, where that does not depend on the clock."""
    layout = oci.Layout(images.path("debian"))
    name = registry().push(layout.folder + ":latest", "python:3")
    told = t.kist("pull", "--json", name).json()
    check(told["kept"] <= 1.05 * layout.download(), f"kept {told['kept']} bytes of {layout.download()} downloaded")
    check(t.bytes_kept() <= 1.05 * layout.download() + 65536, f"the store takes {t.bytes_kept()} bytes")
    check_round_trips(t)
    check(check_contents(t, layout.folder) > 5000, "few entries")


@test
def compressors(t):
    """gzip layer files for kernels without zstd."""
    t.kist("--layer-compression", "gzip", "pull", SHARED["busybox"])
    for path in t.layers().values():
        with open(path, "rb") as f:
            equal(f.read(22)[20], 1, "the compressor in the superblock")
    check_round_trips(t)
    check_contents(t, images.path("busybox"))


@test
def memory_of_a_pull(t):
    """The static binary with one job stays below 12 MiB; sanitizers would count too."""
    binary = os.path.join(os.environ.get("KIST_BUILDS", os.path.join(kit.TOP, "build")), "release/kist")
    if not os.access(binary, os.X_OK):
        skip("no build/release/kist (tests/run.sh boards)")
    name = registry().push(images.path("debian") + ":latest", "python:3")
    kit.need_programs("time")
    # through time(1): a child of ours would begin with the peak of this python
    child = t.start("--jobs", "1", "pull", "-q", name, program=["/usr/bin/time", "-q", "-o", t.path("peak"), "-f", "%M", binary])
    t.finish(child, ["pull"])
    with open(t.path("peak")) as f:
        peak = int(f.read())
    check(peak <= 12 * 1024, f"peak resident memory is {peak} KiB")


kit.main(prepare)
