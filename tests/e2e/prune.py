#!/usr/bin/env python3
"""What is pruned, what is pinned, what is never taken; and images found by filters."""
import os
import pty

import images
import kit
import oci
from kit import check, contains, equal, test
from shared import SHARED, prepare, registry, small


def numbered(number, labels=None):
    return oci.image([oci.Layer.of([("file", b"%d" % number * 3000)])], config={"Labels": labels or {}})


def pulled(t, name, tag, number, **more):
    reference = oci.push(registry().host, name, numbered(number, **more), tag)
    t.kist("pull", "-q", reference)
    return reference


def age(t, reference, days):
    """As if it had been used so many days ago."""
    manifest = t.kist("image", "inspect", "--format", "{{.ManifestDigest}}", reference).out.strip()
    path = os.path.join(t.root, "blobs", *manifest.split(":"))
    then = os.stat(path).st_mtime - days * 86400
    os.utime(path, (then, then))


def ids(t, *options):
    return t.kist("images", "-q", "--no-trunc", *options).out.split()


@test
def dangling(t):
    equal(t.kist("image", "prune").out, "Total reclaimed space: 0 B\n", "what is said where there is no store")
    name = pulled(t, "dangling", "1", 1)
    [first] = ids(t)
    pulled(t, "dangling", "1", 2)
    [second] = ids(t, name)
    equal(ids(t, "-f", "dangling=true"), [first], "the image without a name")
    equal(ids(t, "--filter", "dangling=false"), [second], "the image with a name")
    # what an update can be taken back to stays
    equal(t.kist("image", "prune", "-f").out, "Total reclaimed space: 0 B\n", "what prune says")
    pulled(t, "dangling", "1", 3)
    before = t.bytes_kept()
    out = t.kist("image", "prune").out
    equal(out.splitlines()[:2], ["Deleted Images:", f"deleted: {first}"], "what prune says")
    contains(out, ["\n\nTotal reclaimed space: ", " KiB\n"], "what prune says")
    check(t.bytes_kept() < before, "nothing was freed")
    equal(ids(t, "-f", "dangling=true"), [second], "the previous image")
    equal(t.kist("image", "prune", "--json", env={"KIST_PRUNE_KEEP_PREVIOUS": "false"}).json()["deleted"][0], second,
          "what goes without prune.keep-previous")
    equal(len(ids(t)), 1, "images left")


@test
def all_of_them(t):
    used, pinned, old, new = (pulled(t, "all", tag, number) for number, tag in enumerate(["used", "pinned", "old", "new"], 1))
    for days, name in enumerate([new, old, used, pinned]):
        age(t, name, days)
    container = t.kist("create", "-q", used, "x").out.strip()
    equal(t.kist("image", "pin", pinned).out, pinned + "\n", "what pin says")
    equal([row["Pinned"] for row in t.kist("images", "--json", pinned).jsons()], [True], "the pin")
    t.fails(12, "no such image: 'nothing:latest'", "image", "pin", "nothing")
    plan = t.kist("image", "prune", "-a", "--dry-run", "--json").json()
    equal([name.rsplit(":", 1)[1] for name in plan["untagged"] if "@" not in name], ["old", "new"], "the order")
    contains(t.kist("image", "prune", "-a", "--dry-run").out, ["Images to delete:", "untagged: " + old, "Total space to reclaim: "],
             "the plan")
    equal(len(t.images()), 4, "images after a plan")
    done = t.kist("image", "prune", "-a", "-f", "--json").json()
    equal(done, plan, "what was done")
    equal(t.images(), sorted([used, pinned]), "images left")
    t.kist("rm", container)
    t.kist("image", "unpin", pinned)
    t.kist("image", "prune", "-af", out=["untagged: " + used, "untagged: " + pinned])
    equal((t.images(), t.layers(), t.blobs()), ([], {}, set()), "what is left")


@test
def only_as_much_as_is_needed(t):
    names = [pulled(t, "needed", f"v{number}", number) for number in range(4)]
    for days, name in enumerate(reversed(names)):
        age(t, name, days)
    t.kist("image", "prune", "-a", "--keep", "3", out="untagged: " + names[0])
    equal(t.images(), names[1:], "images left")
    # a quota that has no room for one more
    used = int(kit.command("du", "-s", "-B1", t.root).split()[0])
    limit = {"KIST_STORE_QUOTA": str(used + 100 * 1024)}
    equal(t.kist("image", "prune", "-a", "--target-free", "1", env=limit).out, "Total reclaimed space: 0 B\n", "what goes for 1 byte")
    target = next(size for size in range(4096, 1 << 20, 4096)
                  if t.kist("image", "prune", "-a", "--dry-run", "--json", "--target-free", str(size), env=limit).json()["untagged"])
    t.kist("image", "prune", "-a", "--target-free", str(target), env=limit, out="untagged: " + names[1])
    equal(t.images(), names[2:], "images left")
    t.fails(16, ["are not to be had", "no other image may go"], "image", "prune", "-a", "--target-free", "1GiB", env=limit)
    equal(t.images(), [], "images left")


@test
def filters(t):
    red = pulled(t, "filters", "red", 1, labels={"colour": "red", "kind": "a"})
    blue = pulled(t, "filters", "blue", 2, labels={"colour": "blue"})
    other = pulled(t, "elsewhere", "red", 3)

    def found(*texts):
        return sorted(row["Name"] for row in
                      t.kist("images", "--json", *[word for text in texts for word in ("--filter", text)]).jsons())

    equal(found("label=colour"), sorted([red, blue]), "images that have the label")
    equal(found("label=colour=red"), [red], "images that have the label red")
    equal(found("label=colour", "label=kind"), [red], "images that have both labels")
    equal(found("label!=kind", "label!=colour=red"), sorted([blue, other]), "images that have not the labels")
    host = registry().host
    equal(found(f"reference={host}/filters"), sorted([red, blue]), "images of a repository")
    equal(found(f"reference={host}/*:red"), sorted([red, other]), "images with a tag")
    equal(found("reference=*:red"), [], "what * is not: a path")
    equal(t.kist("images", "--format", "{{.Name}}", f"{host}/f*").out.split(), [blue, red], "images by a pattern")
    equal(found("before=" + red), [], "images made earlier")
    equal(found("until=2019-12-31"), [], "images made by 2019")
    equal(len(found("until=2020-12-31")), 3, "images made by 2020")
    equal(len(found("until=24h")), 3, "images made a day ago")
    t.fails(2, "invalid filter 'size=1'", "images", "-f", "size=1")
    t.fails(2, "invalid filter 'label'", "images", "-f", "label")
    t.fails(2, "invalid filter 'until=soon'", "images", "-f", "until=soon")
    t.fails(2, "invalid filter 'dangling=perhaps'", "image", "prune", "--filter", "dangling=perhaps")
    t.fails(12, "no such image", "images", "-f", "since=nothing")
    t.kist("image", "prune", "-a", "--filter", "label=kind", out="untagged: " + red)
    t.kist("image", "prune", "-a", "--filter", "until=2019-12-31T12:00:00", out="Total reclaimed space: 0 B")
    t.kist("image", "prune", "-a", "--filter", f"reference={host}/else*", out="untagged: " + other)
    equal(t.images(), [blue], "images left")


@test
def containers_and_all(t):
    name = SHARED["busybox"]
    lone = pulled(t, "lone", "1", 1)
    stopped = t.kist("create", "-q", "--name", "stopped", name, "true").out.strip()
    ready = "echo ready; while :; do sleep 0.05; done"
    child = t.start("run", "-q", "--name", "running", name, "sh", "-c", ready)
    equal(child.stdout.readline(), b"ready\n", "the first line")
    t.kist("container", "prune", "--filter", "until=1h", out="Total reclaimed space: 0 B")
    labelled = t.kist("create", "-q", "--label", "kind=x", name, "true").out.strip()
    equal(t.kist("container", "prune", "--filter", "label=kind").out.splitlines()[1], labelled, "the container with a label")
    out = t.kist("container", "prune", "-f").out
    equal(out.splitlines()[:3], ["Deleted Containers:", stopped, ""], "what prune says")
    contains(out, "Total reclaimed space: ", "what prune says")
    t.kist("create", "-q", lone, "x")
    out = t.kist("system", "prune", "-a", "-f").out
    contains(out, ["Deleted Containers:\n", "Deleted Images:\nuntagged: " + lone], "what system prune says")
    equal(t.images(), [name], "images left: the one that runs")
    t.kist("rm", "-f", "running", out="running")
    child.communicate()
    t.children.remove(child)
    t.kist("system", "prune", "-af", out="untagged: " + name)
    equal((t.images(), t.layers()), ([], {}), "what is left")


def on_terminal(t, answer, *args):
    """kist with a terminal on standard input; its exit code and what it asked."""
    ours, theirs = pty.openpty()
    child = t.start(*args, stdin=theirs)
    os.close(theirs)
    os.write(ours, answer)
    try:
        return t.finish(child, args, code=(0, 1))
    finally:
        os.close(ours)


@test
def asks_on_a_terminal(t):
    name = pulled(t, "asked", "1", 1)
    r = on_terminal(t, b"n\n", "image", "prune", "-a")
    contains(r.err, ["WARNING! This will remove all images without at least one container", "[y/N]",
                     "image prune has been cancelled"], "the question")
    equal((r.code, t.images()), (1, [name]), "what no comes to")
    on_terminal(t, b"n\n", "system", "prune", "-a")
    equal(t.images(), [name], "images left")
    check("[y/N]" not in on_terminal(t, b"", "image", "prune", "-a", "--dry-run").err, "a plan was asked about")
    equal((on_terminal(t, b"y\n", "image", "prune", "-a").code, t.images()), (0, []), "what yes comes to")


kit.main(prepare)
