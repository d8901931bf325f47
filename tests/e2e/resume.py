#!/usr/bin/env python3
"""
A pull that was killed, interrupted or lost its registry is gone on with: little is fetched or written twice, and what comes of it is
the same to the byte.
"""
import contextlib
import os
import random
import signal
import socket
import threading
import time

import kit
import oci
from kit import check, equal, test
from shared import prepare, registry

MIB = 1 << 20


class Counter:
    """A proxy on loopback that counts what a registry sends, and stops sending after limit bytes until told to go on."""

    def __init__(self, case, upstream):
        self.upstream = upstream.rsplit(":", 1)
        self.sent, self.limit = 0, None
        self.lock = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()
        case.server(self)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                there = socket.create_connection((self.upstream[0], int(self.upstream[1])))
                threading.Thread(target=self.copy, args=(client, there, False), daemon=True).start()
                threading.Thread(target=self.copy, args=(there, client, True), daemon=True).start()

    def copy(self, here, there, counts):
        with contextlib.suppress(OSError):
            while data := here.recv(16384):
                if counts:
                    with self.lock:
                        self.lock.wait_for(lambda: self.limit is None or self.sent < self.limit)
                        self.sent += len(data)
                there.sendall(data)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def stop_after(self, limit):
        with self.lock:
            self.limit = limit if limit is None else self.sent + limit
            self.lock.notify_all()

    def stop(self):
        self.stop_after(None)
        self.listener.close()


def random_files(seed, total, least, most):
    """Files of about total bytes that shrink a little, some of them large."""
    source = random.Random(seed)
    files, size = [], 0
    while size < total:
        n = source.choice((source.randrange(least, most // 50), source.randrange(least, most)))
        files.append((f"d{len(files) % 9}/file{len(files)}", source.randbytes(n // 2) + b"text " * (n // 10)))
        size += n
    return files


IMAGES = {}


def image(kind):
    """An image whose layers take some MiB each, in a form of compression; its document and its name in the registry."""
    if kind not in IMAGES:
        layers = []
        for i in range(2):
            data = oci.tar(random_files(i, 9 * MIB, 100, 700000))
            if kind == "gzip":
                layers.append(oci.Layer(oci.gzipped(data, 1), data))
            elif kind == "members":
                layers.append(oci.Layer(oci.gzip_members(data, 300000), data))
            elif kind == "plain":
                layers.append(oci.Layer(data, data, media_type=oci.OCI_LAYER))
            else:
                layers.append(oci.Layer(oci.zstd_frames(data, 500000), data, media_type=oci.OCI_LAYER + "+zstd"))
        document = oci.image(layers)
        IMAGES[kind] = document, oci.push(registry().host, kind, document, "1")
    return IMAGES[kind]


def through(t, name):
    counter = Counter(t, registry().host)
    return counter, name.replace(registry().host, counter.host)


def whole(document):
    return len(document.data) + sum(map(len, document.blobs.values()))


def contents(t):
    found = {}
    for diff_id, path in t.layers().items():
        with open(path, "rb") as f:
            found[diff_id] = oci.digest(f.read())
    return found


def undisturbed(t, name, *options):
    """What the layer files are when nothing happens to the pull."""
    other = t.path("undisturbed")
    t.kist(*options, "pull", "-q", name, env={"KIST_ROOT": other})
    keep, t.root = t.root, other
    found = contents(t)
    t.root = keep
    return found


def written(pid):
    with open(f"/proc/{pid}/io") as f:
        return int(dict(line.split(": ") for line in f.read().splitlines())["wchar"])


def busy(pid):
    """A thread of it runs, or would if it could."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/stat") as f:
            if f.read().rpartition(")")[2].split()[0] in "RD":
                return True
    return False


def kill_at(t, counter, at, name, *options, by=signal.SIGKILL, code=137):
    """A pull that ends when it has been sent at bytes; what it wrote."""
    counter.stop_after(at)
    before = counter.sent
    child = t.start(*options, "pull", "-q", name)
    kit.wait_until(lambda: counter.sent >= before + at or child.poll() is not None, f"{at} bytes sent")
    seen = [-1, written(child.pid)]

    def settled():  # it has used what it was sent; where others have the processor, its threads want it
        time.sleep(0.05)
        seen.append(-len(seen) if busy(child.pid) else written(child.pid))
        return seen[-1] == seen[-2] == seen[-3]

    kit.wait_until(settled, "the pull at rest")
    child.send_signal(by)
    t.finish(child, ["pull", name], code=code)
    counter.stop_after(None)
    return seen[-1]


def check_resumes(t, kind, *options, kills=(0.2, 0.5, 0.8), most=1.25):
    document, name = image(kind)
    wanted = undisturbed(t, name, *options)
    counter, through_name = through(t, name)
    for share in kills:
        kill_at(t, counter, int(whole(document) * share) - counter.sent, through_name, *options)
    t.kist(*options, "pull", "-q", through_name)
    equal(contents(t), wanted, "the layer files")
    check(counter.sent <= most * whole(document), f"{counter.sent} bytes were received of {whole(document)}")
    equal(t.transient(), [], "what is left in tmp/ and partial/")
    t.kist("rmi", through_name)
    equal(list(t.layers()), [], "layers after rmi")


@test
def gzip_killed(t):
    check_resumes(t, "gzip", "--pull-checkpoint", "256k")


@test
def gzip_members_killed(t):
    check_resumes(t, "members", "--pull-checkpoint", "256k")


@test
def zstd_frames_killed(t):
    check_resumes(t, "zstd", "--pull-checkpoint", "256k", kills=(0.4, 0.7))


@test
def plain_killed(t):
    check_resumes(t, "plain", "--pull-checkpoint", "256k", kills=(0.4, 0.7))


@test
def threads_and_gzip_layers_killed(t):
    check_resumes(t, "gzip", "--pull-checkpoint", "256k", "--layer-workers", "2", "--layer-compression", "gzip", "--jobs", "1")


def pull_counted(t, name, *options):
    """Pulls it; the bytes it wrote."""
    child = t.start(*options, "pull", "-q", name)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and can still be asked
    wrote = written(child.pid)
    t.finish(child, ["pull", name])
    return wrote


@test
def by_default(t):
    """With what is set where nobody sets anything, little is written for checkpoints that nobody needs, and they are of use."""
    document, name = image("gzip")
    counter, name = through(t, name)
    wrote = pull_counted(t, name)
    wanted = contents(t)
    kept = sum(os.path.getsize(path) for path in t.layers().values())
    check(kept <= wrote <= 1.05 * kept, f"{wrote} bytes were written, {kept} kept")
    t.kist("rmi", name)
    before = counter.sent
    wrote = kill_at(t, counter, int(whole(document) * 0.8), name)
    wrote += pull_counted(t, name)
    equal(contents(t), wanted, "the layer files")
    check(wrote <= 1.5 * kept, f"{wrote} bytes were written, {kept} kept")
    check(counter.sent - before <= 1.5 * whole(document), f"{counter.sent - before} bytes were received of {whole(document)}")


@test
def under_a_quota(t):
    """What is there of the image counts for it, not against it."""
    document, name = image("gzip")
    kept = sum(os.path.getsize(t.path("undisturbed/layers/sha256", d[7:])) for d in undisturbed(t, name))
    counter, name = through(t, name)
    options = ("--pull-checkpoint", "512k", "--store-quota", str(int(kept * 1.25)))
    kill_at(t, counter, int(whole(document) * 0.8), name, *options)
    told = t.kist(*options, "pull", "--json", name).json()
    check(told["received"] < 0.5 * whole(document), f"{told['received']} bytes were received")
    # for another image it makes room
    t.kist("rmi", name)
    kill_at(t, counter, int(whole(document) * 0.8), name, *options)
    other = image("members")[1]
    t.kist(*options, "pull", "-q", other)
    equal((t.images(), t.transient()), ([other], []), "images, and what is left in tmp/ and partial/")


@test
def pruned(t):
    document, name = image("gzip")
    counter, name = through(t, name)
    kill_at(t, counter, int(whole(document) * 0.7), name, "--pull-checkpoint", "256k")
    freed = t.kist("image", "prune", "--dry-run", "--json").json()["freed"]
    check(freed > 0.5 * whole(document), f"{freed} bytes would be freed")
    check(t.transient(), "a dry run took what was left")
    equal(t.kist("image", "prune", "--force", "--json").json()["freed"], freed, "bytes freed")
    equal((t.transient(), t.layers()), ([], {}), "what is left")


@test
def interrupted(t):
    document, name = image("gzip")
    counter, name = through(t, name)
    options = ("--pull-checkpoint", "256k", "--jobs", "1")
    kill_at(t, counter, int(whole(document) * 0.7), name, *options, by=signal.SIGINT, code=130)
    equal(list(t.layers()), [document.layers[0].diff_id], "the layers that a pull that was interrupted has finished")
    check(any(part.endswith(".journal") for part in t.transient()), f"no journal in {t.transient()}")
    equal(t.images(), [], "the images")
    equal(len(t.layers()), 1, "layers that another command leaves")
    before = counter.sent
    told = t.kist(*options, "pull", "--json", name).json()
    check(told["received"] < 0.45 * whole(document), f"{told['received']} bytes were received")
    check(counter.sent - before < 0.45 * whole(document), f"{counter.sent - before} bytes were sent")
    equal(t.transient(), [], "what is left in tmp/ and partial/")


@test
def registry_lost(t):
    document, name = image("gzip")
    counter, name = through(t, name)
    options = ("--pull-checkpoint", "256k", "--registry-tries", "1", "--registry-stall-timeout", "300ms")
    counter.stop_after(int(whole(document) * 0.6))
    t.fails(10, "cannot pull", *options, "pull", name)
    counter.stop_after(None)
    before = counter.sent
    t.kist("--pull-checkpoint", "256k", "pull", "-q", name)
    check(counter.sent - before < 0.6 * whole(document), f"{counter.sent - before} bytes were sent")
    equal(t.transient(), [], "what is left in tmp/ and partial/")


@test
def too_old(t):
    """What nobody comes back for goes after a week."""
    document, name = image("gzip")
    counter, name = through(t, name)
    kill_at(t, counter, int(whole(document) * 0.7), name, "--pull-checkpoint", "256k")
    t.kist("images")
    check(t.transient(), "the next command took what was left")
    for part in t.transient():
        os.utime(os.path.join(t.root, part), (1, time.time() - 8 * 24 * 3600))
    t.kist("images")
    equal((t.transient(), t.layers(), t.blobs()), ([], {}, set()), "what is left")


@test
def damaged(t):
    """A checkpoint that flash has changed costs only time."""
    document, name = image("gzip")
    wanted = undisturbed(t, name)
    counter, name = through(t, name)
    options = ("--pull-checkpoint", "256k", "--jobs", "1")
    for suffix in ("", ".journal"):
        kill_at(t, counter, int(whole(document) * 0.3), name, *options)
        [victim] = [n for n in os.listdir(os.path.join(t.root, "partial")) if len(n) == 64]
        path = os.path.join(t.root, "partial", victim + suffix)
        with open(path, "r+b") as f:
            f.seek(os.path.getsize(path) // 3)
            old = f.read(1)
            f.seek(-1, 1)
            f.write(bytes([old[0] ^ 0x10]))
        t.kist(*options, "pull", "-q", name)
        equal(contents(t), wanted, f"the layer files after '{suffix}' was damaged")
        t.kist("rmi", name)


@test
def two_at_once(t):
    """Both go on with the same layers; one of them does it."""
    document, name = image("gzip")
    wanted = undisturbed(t, name)
    counter, name = through(t, name)
    kill_at(t, counter, int(whole(document) * 0.6), name, "--pull-checkpoint", "256k")
    children = [t.start("pull", "-q", name) for _ in range(2)]
    for child in children:
        t.finish(child, ["pull", name])
    equal(contents(t), wanted, "the layer files")
    check(counter.sent <= 1.3 * whole(document), f"{counter.sent} bytes were received of {whole(document)}")
    equal(t.transient(), [], "what is left in tmp/ and partial/")


kit.main(prepare)
