#!/usr/bin/env python3
"""Images from a real registry, by name, digest, platform and in every form; what is told of it."""
import json
import os
import re

import images
import kit
import oci
from kit import Cutter, check, contains, equal, test
from shared import SHARED, busybox, check_round_trips, prepare, registry, small


# ---- results --------------------------------------------------------------------------------------------------------


@test
def by_tag(t):
    r = t.kist("pull", SHARED["busybox"], err=["2 layers", "to download, for linux/amd64", "pulling", "done"])
    layout = busybox()
    contains(r.out, ["Digest: sha256:", "Status: downloaded, ", " received, ", " kept\n", SHARED["busybox"] + "\n"], "output")
    equal(sorted(t.layers()), sorted(layout.diff_ids), "the layers kept")
    equal(len(t.blobs()), 2, "the number of blobs kept")
    equal(t.transient(), [], "what is left in tmp/ and partial/")
    equal(t.images(), [SHARED["busybox"]], "the images kept")
    check_round_trips(t)


@test
def again_and_updated(t):
    name = oci.push(registry().host, "changing", small("one\n"), "now")
    t.kist("pull", name, out="Status: downloaded")
    before = t.snapshot()
    t.kist("pull", name, out="Status: unchanged, ")
    after = t.snapshot()
    equal({path: s[2] for path, s in after.items()}, {path: s[2] for path, s in before.items()}, "the store")
    oci.push(registry().host, "changing", small("two\n"), "now")
    t.kist("pull", name, out="Status: updated, ")
    rows = t.kist("images", "--json").jsons()
    equal(sorted((r["Repository"].split("/")[-1], r["Tag"]) for r in rows), [("<none>", "<none>"), ("changing", "now")],
          "the images kept")
    equal(t.kist("pull", "--json", name).json()["status"], "unchanged", "the status")


@test
def by_digest(t):
    image = small("by digest\n")
    name = oci.push(registry().host, "digested", image)
    t.kist("pull", name, out=[f"Digest: {image.digest}\n", name])
    row = t.kist("images", "--digests", "--json").json()
    equal((row["Tag"], row["Digest"]), ("<none>", image.digest), "tag and digest")
    t.kist("image", "inspect", name)
    wrong = name[:-4] + ("0000" if name[-4:] != "0000" else "1111")
    t.fails(12, ["cannot pull", wrong[-12:]], "pull", wrong)


@test
def quiet_json_and_progress(t):
    name = SHARED["busybox"]
    r = t.kist("pull", "--quiet", name)
    equal((r.out, r.err), (name + "\n", ""), "what --quiet prints")
    t.kist("rmi", name)
    r = t.kist("pull", "--json", name)
    told = r.json()
    layout = busybox()
    equal((told["name"], told["status"], told["platform"], told["layers"]), (name, "downloaded", "linux/amd64", 2), "the result")
    equal(told["image"], layout.manifest["config"]["digest"], "the image ID")
    equal(told["kept"], sum(os.path.getsize(p) for p in t.layers().values()), "bytes kept")
    check(told["received"] >= layout.download(), f"received {told['received']}")
    states = [json.loads(line) for line in r.err.splitlines()]
    equal(sorted(s["diffId"] for s in states if s["state"] == "done"), sorted(layout.diff_ids), "the layers told done")
    t.kist("rmi", name)
    r = t.kist("pull", "--progress", "none", name, out="Status: downloaded")
    equal(r.err, "", "what --progress none prints")
    r = t.kist("pull", "--progress", "plain", name)
    equal(len(re.findall(r"^[0-9a-f]{12}: already kept$", r.err, re.M)), 2, "lines of kept layers")
    t.fails(2, ["progress must be auto, plain, json or none", "'loud'"], "pull", "--progress", "loud", name)


@test
def dry_run_writes_nothing(t):
    name = SHARED["busybox"]
    sizes = [layer["size"] for layer in busybox().manifest["layers"]]
    t.kist("pull", "--dry-run", name, out=["to download", "Would download ", " and keep about "])
    check(not os.path.exists(t.root), "a dry run made a store")
    plan = t.kist("pull", "--dry-run", "--json", name).json()
    equal((plan["status"], plan["layersToDownload"], plan["download"]), ("planned", 2, sum(sizes)), "the plan")
    check(not os.path.exists(t.root), "a dry run made a store")
    other = oci.push(registry().host, "planned", small(), "1")
    t.kist("pull", other)
    before = t.snapshot()
    plan = t.kist("pull", "--dry-run", "--json", other).json()
    equal((plan["layersToDownload"], plan["download"]), (0, 0), "the plan for what is kept")
    t.kist("pull", "--dry-run", name, out=f"{busybox().manifest['layers'][0]['digest']}  to download")
    equal(t.snapshot(), before, "the store after a dry run")


@test
def layer_kept_is_not_downloaded(t):
    """By its diff ID, whatever its compressed digest."""
    base = oci.tar([("base", b"x" * 70000)])
    top = oci.Layer.of([("top", b"more")])
    one = oci.push(registry().host, "shares", oci.image([oci.Layer(oci.gzipped(base), base)]), "one")
    other = oci.Layer(oci.gzipped(base, 1), base)
    two = oci.push(registry().host, "shares", oci.image([other, top, top]), "two")
    t.kist("pull", one)
    cutter = Cutter(t, registry().host)
    r = t.kist("pull", two.replace(registry().host, cutter.host), err="already kept")
    equal(len(cutter.requests(other.digest)), 0, "requests for the layer kept")
    equal(len(cutter.requests(top.digest)), 1, "requests for the new layer")
    equal(len(t.layers()), 2, "the number of layers kept")
    contains(r.out, "Status: downloaded", "output")
    asked = len(cutter.requests())
    t.kist("pull", two.replace(registry().host, cutter.host), out="unchanged")
    equal([r["path"].split("/")[-2] for r in cutter.requests()[asked:]], ["manifests"], "requests of an unchanged pull")


@test
def jobs_side_by_side(t):
    layers = [oci.Layer.of([(f"file{i}", os.urandom(200000))]) for i in range(12)]
    name = oci.push(registry().host, "many", oci.image(layers), "12")
    for jobs in ("1", "5"):
        t.kist("--jobs", jobs, "pull", name, out="downloaded")
        equal(len(t.layers()), 12, "the number of layers kept")
        t.kist("rmi", name)
    t.fails(2, "jobs must be 1 to 16", "--jobs", "0", "pull", name)


@test
def two_pulls_at_once(t):
    """The same image by two processes: both succeed, each layer is downloaded by one of them."""
    cutter = Cutter(t, registry().host, "blobs/:slow=4000000")
    name = SHARED["busybox"].replace(registry().host, cutter.host)
    children = [t.start("pull", name) for _ in range(2)]
    for child in children:
        t.finish(child, ["pull", name], out="Status: ")
    for layer in busybox().manifest["layers"]:
        equal(len(cutter.requests(layer["digest"])), 1, "requests for a layer")
    equal(t.images(), [name], "the images kept")


# ---- formats --------------------------------------------------------------------------------------------------------


def skopeo_variant(t, tag, *options, source=None):
    """The busybox image as skopeo makes it with options; it has the same layers unpacked."""
    name = registry().push((source or images.path("busybox")) + ":latest", f"box:{tag}", *options)
    t.kist("pull", name)
    equal(sorted(t.layers()), sorted(busybox().diff_ids), "the layers kept")
    check_round_trips(t)
    return json.loads(kit.command("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}"))


@test
def docker_schema_2(t):
    manifest = skopeo_variant(t, "docker", "--format", "v2s2")
    equal(manifest["mediaType"], oci.DOCKER_MANIFEST, "the manifest's type")


@test
def zstd_by_skopeo(t):
    kit.command("skopeo", "--insecure-policy", "copy", "-q", "--dest-compress", "--dest-compress-format", "zstd",
                f"oci:{images.path('busybox')}:latest", f"oci:{t.path('zstd')}:latest")
    manifest = skopeo_variant(t, "zstd", source=t.path("zstd"))
    types = {layer["mediaType"] for layer in manifest["layers"]}
    equal(types, {"application/vnd.oci.image.layer.v1.tar+zstd"}, "the layers' types")


@test
def framing(t):
    """Plain tar, gzip of several members, zstd of several frames with skippable ones between: one and the same layer."""
    kit.need_programs("zstd")
    data = oci.tar([("a", os.urandom(100000) + b"z" * 300000), ("b", b"text\n")])
    plain = oci.OCI_LAYER
    for tag, layer in {
        "plain": oci.Layer(data, media_type=plain),
        "members": oci.Layer(oci.gzip_members(data, 50001), data),
        "frames": oci.Layer(oci.zstd_frames(data, 70001), data, media_type=plain + "+zstd"),
        "window": oci.Layer(oci.zstd(data, "--long=23", "-19"), data, media_type=plain + "+zstd"),
        "stored": oci.Layer(oci.gzipped(data, 0), data),
    }.items():
        name = oci.push(registry().host, "framing", oci.image([layer]), tag)
        t.kist("pull", name, out="downloaded")
        equal(list(t.layers()), [layer.diff_id], f"the layers of '{tag}'")
        check_round_trips(t)
        t.kist("rmi", name)


@test
def workers_change_no_byte(t):
    t.kist("pull", SHARED["busybox"])
    for workers in ("1", "3"):
        other = {**os.environ, "KIST_ROOT": t.path("other" + workers)}
        t.kist("--layer-workers", workers, "pull", SHARED["busybox"], env={"KIST_ROOT": other["KIST_ROOT"]})
        for diff_id, path in t.layers().items():
            with open(path, "rb") as a, open(os.path.join(other["KIST_ROOT"], "layers/sha256", diff_id[7:]), "rb") as b:
                check(a.read() == b.read(), f"layer {diff_id} differs with {workers} workers")


# ---- platforms ------------------------------------------------------------------------------------------------------


@test
def platform_choice(t):
    platforms = [("amd64", None), ("arm64", "v8"), ("arm", "v7"), ("arm", "v6")]
    made = [small(f"{arch}{variant or ''}\n", arch=arch, variant=variant) for arch, variant in platforms]
    for docker in (False, True):
        name = oci.push(registry().host, "fat", oci.index(made, docker=docker), "docker" if docker else "oci")
        for wanted, got in {
            "linux/amd64": 0, "linux/arm64": 1, "linux/arm64/v8": 1, "linux/arm/v7": 2, "linux/arm": 2, "linux/arm/v6": 3,
            "linux/arm/v8": 2,
        }.items():
            r = t.kist("pull", "--platform", wanted, "--json", name).json()
            equal(r["image"], made[got].config_digest, f"the image for {wanted}")
        t.fails(12, ["linux/arm/v5", "linux/amd64"], "pull", "--platform", "linux/arm/v5", name)
        t.fails(12, "linux/s390x", "pull", "--platform", "linux/s390x", name)
        equal(t.kist("pull", "--json", name).json()["platform"], "linux/amd64", "this machine's platform")
        equal(t.kist("pull", "--json", name, env={"KIST_PLATFORM": "linux/arm/v6"}).json()["platform"], "linux/arm/v6",
              "the configured platform")
    one = oci.push(registry().host, "thin", made[2], "7")
    t.fails(12, ["linux/arm/v7", "linux/amd64"], "pull", one)
    t.kist("pull", "--platform", "linux/arm/v7", one)
    t.fails(2, "'plan9'", "pull", "--platform", "plan9", one)


@test
def platforms_of_one_name(t):
    """Several platforms may be kept under one name, and go one by one or together."""
    made = [small(f"{arch}\n", arch=arch) for arch in ("amd64", "arm64")]
    name = oci.push(registry().host, "both", oci.index(made), "1")
    for arch in ("amd64", "arm64"):
        t.kist("pull", "--platform", f"linux/{arch}", name, out="downloaded")
    rows = t.kist("images", "--json").jsons()
    equal(sorted((r["Name"], r["Platform"]) for r in rows), [(name, "linux/amd64"), (name, "linux/arm64")], "the images kept")
    t.kist("rmi", name)
    equal((t.images(), t.layers(), t.blobs()), ([], {}, set()), "what is left")


kit.main(prepare)
