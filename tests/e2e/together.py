#!/usr/bin/env python3
"""Many kist processes on one store: nobody waits for ever, nothing anybody did is lost, readers wait for nobody."""
import fcntl
import os
import threading

import kit
import oci
from kit import Cutter, check, contains, equal, test, wait_until
from shared import SHARED, prepare, registry

WORKERS, TURNS = 10, 4


def push_versions():
    """Images that share a base; what each worker pulls, tags and throws away."""
    base = oci.Layer.of([("base", os.urandom(50000))])
    return [oci.push(registry().host, "shared", oci.image([base, oci.Layer.of([("own", str(i).encode() * 999)])]), str(i))
            for i in range(4)]


def turn(t, worker, number, names):
    """One worker's commands of one turn. 12 and 17: another one was quicker to remove it, or is using it."""
    own, name = f"own-{worker}-{number}:1", names[(worker + number) % len(names)]
    kind = worker % 5
    pulled = t.kist("pull", "-q", name, code=0)
    equal(pulled.code, 0, "a pull")
    if kind == 0:
        t.kist("run", "--rm", "-q", SHARED["busybox"], "true")
    elif kind == 1:
        t.kist("create", "-q", "--name", f"c{worker}{number}", SHARED["busybox"], "true")
        t.kist("rm", f"c{worker}{number}")
    elif kind == 2:
        t.kist("rmi", name, code=(0, 12, 17))
        t.kist("image", "prune", "-f")
    elif kind == 3:
        t.kist("images", out="REPOSITORY")
        t.kist("ps", "-a")
        t.kist("system", "df")
    else:
        t.kist("system", "check", code=0)
    t.kist("tag", SHARED["busybox"], own)


@test
def ten_at_once(t):
    names = push_versions()
    t.kist("pull", "-q", SHARED["busybox"])
    failures = []

    def work(worker):
        try:
            for number in range(TURNS):
                turn(t, worker, number, names)
        except kit.Failure as failure:
            failures.append(f"worker {worker}: {failure}")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not failures, "; ".join(failures))
    kept = {row["Name"] for row in t.kist("images", "--json").jsons()}
    missing = [f"own-{w}-{n}" for w in range(WORKERS) for n in range(TURNS) if f"docker.io/library/own-{w}-{n}:1" not in kept]
    check(not missing, f"tags that somebody made and nobody has: {missing}")
    equal(t.kist("ps", "-aq").out, "", "containers left")
    t.kist("system", "check", "--deep", out="Damaged: 0")
    equal(t.transient(), [], "what is left in tmp/ and partial/")


@test
def the_same_image_at_once(t):
    """Each layer comes over the network once, whoever wants it."""
    cutter = Cutter(t, registry().host)
    layers = [oci.Layer.of([(word, os.urandom(50000))]) for word in ("one", "two")]
    name = oci.push(registry().host, "wanted", oci.image(layers), "1").replace(registry().host, cutter.host)
    children = [t.start("pull", "-q", name) for _ in range(5)]
    for child in children:
        t.finish(child, ["pull"], out=name)
    asked = [r["path"].split("/")[-1] for r in cutter.requests("/blobs/")]
    equal([asked.count(layer.digest) for layer in layers], [1, 1], "how often each layer was fetched")
    equal(set(t.layers()), {layer.diff_id for layer in layers}, "layers")
    t.kist("system", "check", "--deep", out="Damaged: 0")


@test
def readers_wait_for_no_download(t):
    """While a pull hangs in the middle, all else goes on: listing, running, removing, pruning, another pull."""
    large = oci.push(registry().host, "hanging", oci.image([oci.Layer.of([("data", os.urandom(300000))])]), "1")
    cutter = Cutter(t, registry().host, "blobs/:stall-after=100000")
    other = push_versions()[0]
    t.kist("pull", "-q", SHARED["busybox"])
    hanging = t.start("--registry-stall-timeout", "10m", "pull", "-q", large.replace(registry().host, cutter.host))
    partial = lambda: [name for name in kit.list_dir(os.path.join(t.root, "partial")) if len(name) == 64]
    wait_until(partial, "a layer on its way")
    t.kist("images", out="box")
    t.kist("inspect", SHARED["busybox"])
    t.kist("run", "--rm", "-q", SHARED["busybox"], "echo", "hello", out="hello")
    t.kist("pull", "-q", other)
    t.kist("tag", other, "other:2")
    t.kist("rmi", other, "other:2")
    t.kist("image", "prune", "-a", "-f")
    t.kist("system", "check", out="Damaged: 0")
    check(partial(), "the layer on its way is gone")
    equal(hanging.poll(), None, "that the pull goes on")
    hanging.terminate()
    t.finish(hanging, ["pull"], code=130)


@test
def who_holds_the_lock_is_told(t):
    t.kist("pull", "-q", SHARED["busybox"])
    with open(os.path.join(t.root, "lock"), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = t.start("tag", SHARED["busybox"], "late:1", stderr=kit.subprocess.PIPE)
        told = waiting.stderr.readline().decode()
        contains(told, [f"waiting for the store '{t.root}', locked by process {os.getpid()} (", "together.py"], "what is told")
        t.kist("images", out="box")
    t.finish(waiting, ["tag"])
    t.kist("images", out="late")


kit.main(prepare)
