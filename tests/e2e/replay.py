#!/usr/bin/env python3
"""No power cut hurts, on the real kernel: kist works on an ext4 whose disk keeps a log of all that is written and flushed; then the
power is cut at 500 places of that log, ext4 puts itself right, and kist has everything it had said was done."""
import os
import random
import shutil

import kit
import oci
from kit import check, test
from recorder import Recorder, records
from shared import SHARED, prepare, registry, small

CUTS = int(os.environ.get("KIST_TEST_CUTS", "500"))
DISK = 24 << 20
RELEASE = os.path.join(kit.TOP, "build/release/kist")
# run 1,500 times: the binary that ships, where there is one that is not older
PROGRAM = RELEASE if os.access(RELEASE, os.X_OK) and os.path.getmtime(RELEASE) >= os.path.getmtime(kit.KIST) else kit.KIST


class State:
    """What kist says there is."""

    def __init__(self, t, root):
        env = {"KIST_ROOT": root}
        self.images = {(row["Name"], row["ID"]) for row in
                       t.kist("images", "--json", "--no-trunc", env=env, program=PROGRAM).jsons()}
        self.containers = {row["Names"] for row in t.kist("ps", "-a", "--json", env=env, program=PROGRAM).jsons()}

    def key(self):
        return sorted(map(str, self.images)), sorted(self.containers)


def workload(archive):
    """Commands, in order; each may find what those before it made."""
    host = registry().host
    oci.push(host, "replay/app", small("first" * 5000), "1")
    yield ["pull", "-q", f"{host}/replay/app:1"]
    yield ["pull", "-q", SHARED["busybox"]]
    yield ["tag", f"{host}/replay/app:1", "fallback:1"]
    yield ["create", "-q", "--name", "one", SHARED["busybox"], "true"]
    oci.push(host, "replay/app", small("second" * 5000), "1")
    yield ["pull", "-q", f"{host}/replay/app:1"]
    yield ["image", "pin", "fallback:1"]
    yield ["create", "-q", "--name", "two", f"{host}/replay/app:1", "true"]
    oci.push(host, "replay/app", small("third" * 5000), "1")
    yield ["pull", "-q", f"{host}/replay/app:1"]
    yield ["rm", "one"]
    yield ["rmi", SHARED["busybox"]]
    yield ["rm", "two"]
    yield ["image", "prune", "-f"]
    yield ["image", "unpin", "fallback:1"]
    yield ["pull", "-q", SHARED["busybox"]]
    yield ["save", "-o", archive, SHARED["busybox"]]
    yield ["rmi", "fallback:1"]
    yield ["rmi", "-f", SHARED["busybox"]]
    yield ["load", "-q", "-i", archive]
    yield ["volume", "create", "data"]
    yield ["volume", "rm", "data"]
    yield ["system", "check", "--repair"]


def make_disk(t):
    image = t.path("image")
    with open(image, "wb") as f:
        f.truncate(DISK)
    # nothing is left to be written lazily, so that what is logged is kist's doing
    kit.command("mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard",
                image)
    return image


def work(t, image, log):
    """Carries it out. [(size of the log when a command was done, what there was then)]"""
    recorder = Recorder(t.path("recorder"), image, log)
    done = []
    try:
        place = t.path("disk")
        os.mkdir(place)
        kit.command("mount", "-o", "loop", recorder.disk, place)
        try:
            root = os.path.join(place, "kist")
            for words in workload(t.path("archive")):
                t.kist(*words, env={"KIST_ROOT": root}, program=PROGRAM)
                done.append((recorder.position(), State(t, root)))
        finally:
            kit.command("umount", place)
    finally:
        recorder.close()
    return done


def choose(count):
    """So many cuts of a log with count records, evenly over it."""
    return sorted({round(i * count / (CUTS - 1)) for i in range(CUTS)}) if count >= CUTS else list(range(count + 1))


def judge(t, place, done, position, what):
    """The state after the last command that was done by then, or the one after it; all whole."""
    root = os.path.join(place, "kist")
    finished = [state for end, state in done if end <= position]
    if not os.path.exists(os.path.join(root, "FORMAT")):
        check(not finished, f"{what}: no store")
        return
    before = finished[-1] if finished else None
    after = done[len(finished)][1] if len(finished) < len(done) else done[-1][1]
    try:
        t.kist("system", "check", env={"KIST_ROOT": root}, program=PROGRAM, out="Damaged: 0")
        now = State(t, root)
    except kit.Failure as failure:
        raise kit.Failure(f"{what}: {failure}") from None
    keys = [after.key()] + ([before.key()] if before else [([], [])])
    check(now.key() in keys, f"{what}: there is {now.key()}, not one of {keys}")


@test
def cut_anywhere(t):
    if not os.path.exists("/dev/fuse"):
        kit.skip("no /dev/fuse")
    kit.need_programs("mkfs.ext4")
    memory = t.mount("-t", "tmpfs", "-o", "size=160m", "tmpfs", t.path("memory"))
    image, log = make_disk(t), os.path.join(memory, "log")
    done = work(t, image, log)
    log_records = list(records(log))
    flushes = sum(data is None for _, _, data in log_records)
    check(flushes > 50, f"only {flushes} flushes")
    cuts = choose(len(log_records))
    disk, cut_disk = os.path.join(memory, "disk"), os.path.join(memory, "cut")
    shutil.copyfile(image, disk)
    place = t.path("cut")
    os.mkdir(place)
    chance, applied, position, unflushed = random.Random(11), 0, 0, []
    with open(disk, "r+b") as base:
        for number, cut in enumerate(cuts):
            for position, offset, data in log_records[applied:cut]:
                if data is None:
                    for at, written in unflushed:
                        base.seek(at)
                        base.write(written)
                    unflushed = []
                else:
                    unflushed.append((offset, data))
            applied = cut
            base.flush()
            shutil.copyfile(disk, cut_disk)
            # every other time, of what no flush has covered some is lost
            survivors = [w for w in unflushed if number % 2 == 0 or chance.random() < 0.5]
            with open(cut_disk, "r+b") as f:
                for at, written in survivors:
                    f.seek(at)
                    f.write(written)
            what = f"cut after {cut} of {len(log_records)} records, {len(unflushed) - len(survivors)} lost"
            kit.command("mount", "-o", "loop", cut_disk, place)
            try:
                judge(t, place, done, position, what)
            finally:
                kit.command("umount", place)
    check(len(cuts) >= min(CUTS, len(log_records)), f"only {len(cuts)} cuts")
    print(f"# {len(cuts)} cuts of {len(log_records)} records, {flushes} flushes among them")


kit.main(prepare)
