#!/usr/bin/env python3
"""Images to a registry: what it gets, what it is not sent again, what others make of it, and what goes wrong."""
import json
import os
import random
import re
import signal

import images
import kit
import oci
from kit import Cutter, Registry, check, contains, equal, test
from shared import SHARED, busybox, prepare, registry, small


def pulled(t, name=None, **options):
    """An image that is kept; its name."""
    name = name or SHARED["busybox"]
    t.kist("pull", "-q", name, **options)
    return name


def inspect(name, *options):
    return json.loads(kit.command("skopeo", "inspect", "--tls-verify=false", *options, f"docker://{name}"))


def raw(name):
    return inspect(name, "--raw")


# ---- what arrives ---------------------------------------------------------------------------------------------------


@test
def arrives(t):
    name, host = pulled(t), registry().host
    t.kist("tag", name, f"{host}/team/box:1")
    r = t.kist("push", f"{host}/team/box:1", err=["Pushing", "Pushed, "])
    line = re.fullmatch(rf"The push refers to repository \[{re.escape(host)}/team/box\]\n"
                        r"1: digest: (sha256:[0-9a-f]{64}) size: (\d+)\n", r.out)
    check(line, f"output is {r.out!r}")
    told, was = inspect(f"{host}/team/box:1"), inspect(name)
    equal(told["Digest"], line[1], "the digest that skopeo finds")
    for key in ("Created", "DockerVersion", "Labels", "Architecture", "Os", "Env"):
        equal(told.get(key), was.get(key), f"{key} as skopeo inspects it")
    equal(inspect(f"{host}/team/box:1", "--config"), inspect(name, "--config"), "the config")
    equal(raw(f"{host}/team/box:1")["config"]["digest"], raw(name)["config"]["digest"], "the image ID")
    equal(int(line[2]), len(kit.command("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{host}/team/box:1")),
          "the size told")
    t.kist("rmi", name, f"{host}/team/box:1")
    t.kist("pull", f"{host}/team/box:1", out=line[1])


@test
def again_sends_nothing(t):
    name = pulled(t)
    to = f"{registry().host}/again/box:1"
    t.kist("tag", name, to)
    first = t.kist("push", "--json", to).json()
    equal((first["status"], first["name"], first["layers"], first["present"], first["mounted"]), ("pushed", to, 2, 0, 0), "the push")
    check(first["sent"] > 0, "nothing was sent")
    before = t.snapshot()
    cutter = Cutter(t, registry().host)
    again = to.replace(registry().host, cutter.host)
    t.kist("tag", to, again)
    for dry in (["--dry-run"], []):
        r = t.kist("push", "--json", *dry, again)
        equal((r.json()["present"], r.json().get("sent", 0)), (2, 0), "the second push")
    equal(r.json()["digest"], first["digest"], "the digest")
    equal([q["method"] for q in cutter.requests("/blobs/")], ["HEAD"] * 5, "requests for blobs")
    equal([q["method"] for q in cutter.requests("/manifests/")], ["PUT"], "requests for manifests")
    changed = {path for path, s in t.snapshot().items() if before.get(path) != s}
    equal(changed, {"index.json", "cache/pushed"}, "what was written")
    equal(t.kist("push", "-q", to).out, to + "\n", "what --quiet prints")


@test
def the_same_from_everywhere(t):
    """Two devices whose layers are packed in different ways, with different numbers of threads: the same digests."""
    name = pulled(t)
    digests, host = {}, registry().host
    for device, settings in {"one": {}, "two": {"KIST_LAYER_COMPRESSION": "gzip", "KIST_LAYER_WORKERS": "3", "KIST_JOBS": "1"}}.items():
        env = {"KIST_ROOT": t.path(device), **settings}
        t.kist("pull", "-q", name, env=env)
        for form in ("gzip", "zstd"):
            to = f"{host}/device-{device}/{form}:1"
            t.kist("tag", name, to, env=env)
            digests.setdefault(form, set()).add(t.kist("push", "--json", "--compress", form, to, env=env).json()["digest"])
            contains(raw(to)["layers"][0]["mediaType"], "+" + form, "the media type")
    equal({form: len(found) for form, found in digests.items()}, {"gzip": 1, "zstd": 1}, "the number of digests")


@test
def others_read_it(t):
    """skopeo copies it, and umoci unpacks of that what it unpacks of the original."""
    kit.need_programs("skopeo", "umoci")
    name = pulled(t)
    host = registry().host
    for form in ("gzip", "zstd"):
        to = f"{host}/others/{form}:1"
        t.kist("tag", name, to)
        t.kist("push", "-q", "--compress", form, to)
        layout = t.path(form)
        kit.command("skopeo", "--insecure-policy", "copy", "-q", "--src-tls-verify=false", f"docker://{to}", f"oci:{layout}:1")
        got, was = oci.Layout(layout), busybox()
        equal((got.manifest["config"]["digest"], got.diff_ids), (was.manifest["config"]["digest"], was.diff_ids),
              "image ID and diff IDs")
        if form == "gzip": # what the umoci here unpacks
            equal(tree(t, layout), tree(t, images.path("busybox"), "latest"), "the tree")
    t.kist("pull", "-q", f"{host}/others/zstd:1", env={"KIST_ROOT": t.path("back")})


@test
def podman_pulls_it(t):
    """A plain image: podman's own driver stumbles over the busybox image's deletions."""
    kit.need_programs("podman")
    image = small("for podman\n")
    name = pulled(t, oci.push(registry().host, "plain", image, "1"))
    to = name.replace("plain", "podman/plain")
    t.kist("tag", name, to)
    t.kist("push", "-q", to)
    storage = ["--root", t.path("podman"), "--runroot", t.path("podman-run"), "--storage-driver", "vfs"]
    policy = t.write("policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}')
    told = kit.command("podman", *storage, "pull", "-q", "--tls-verify=false", "--signature-policy", policy, to)
    equal("sha256:" + told.strip(), image.config_digest, "podman's image ID")


def tree(t, layout, tag="1"):
    """Every entry that umoci unpacks: type, mode, owner, links, time, contents."""
    bundle = t.path("bundle-" + os.path.basename(layout))
    kit.command("umoci", "unpack", "--image", f"{layout}:{tag}", bundle)
    top, found = os.path.join(bundle, "rootfs"), {}
    for folder, dirs, files in os.walk(top):
        for entry in dirs + files:
            path = os.path.join(folder, entry)
            st = os.lstat(path)
            what = os.readlink(path) if os.path.islink(path) else None
            if os.path.isfile(path) and what is None:
                with open(path, "rb") as f:
                    what = oci.digest(f.read())
            xattrs = sorted((n, os.getxattr(path, n, follow_symlinks=False)) for n in os.listxattr(path, follow_symlinks=False))
            found[os.path.relpath(path, top)] = (st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_mtime_ns, what, xattrs)
    return found


# ---- what is not sent -----------------------------------------------------------------------------------------------


@test
def mounted_from_where_it_was_pushed(t):
    name, host = pulled(t), registry().host
    for repository in ("first", "second"):
        t.kist("tag", name, f"{host}/mount/{repository}:1")
    t.kist("push", "-q", f"{host}/mount/first:1")
    r = t.kist("push", "--json", f"{host}/mount/second:1")
    equal((r.json()["mounted"], r.json()["present"]), (2, 0), "layers mounted")
    check(r.json()["sent"] < 2048, f"{r.json()['sent']} bytes sent")


@test
def another_device_mounts_too(t):
    """It never pushed the layers itself, but pulled what a kist pushed."""
    name, host = pulled(t), registry().host
    t.kist("tag", name, f"{host}/theirs/box:1")
    t.kist("push", "-q", f"{host}/theirs/box:1")
    env = {"KIST_ROOT": t.path("other")}
    t.kist("pull", "-q", f"{host}/theirs/box:1", env=env)
    t.kist("tag", f"{host}/theirs/box:1", f"{host}/mine/box:1", env=env)
    r = t.kist("push", f"{host}/mine/box:1", env=env)
    equal(len(re.findall(r"^[0-9a-f]{12}: Mounted from theirs/box$", r.err, re.M)), 2, "layers mounted")


@test
def reuse(t):
    """--reuse takes what the registry has as it was pulled; without it the layers are packed anew."""
    name, host = pulled(t), registry().host
    t.kist("tag", name, f"{host}/reuse/box:1")
    t.kist("tag", name, f"{host}/anew/box:1")
    r = t.kist("push", "--json", "--reuse", f"{host}/reuse/box:1")
    equal((r.json()["mounted"], r.json()["layers"]), (2, 2), "layers mounted")
    was = raw(name)
    equal([layer["digest"] for layer in raw(f"{host}/reuse/box:1")["layers"]], [layer["digest"] for layer in was["layers"]],
          "the layers' digests")
    r = t.kist("push", "--json", f"{host}/anew/box:1")
    equal(r.json()["mounted"], 0, "layers mounted")
    new = raw(f"{host}/anew/box:1")
    check(new["layers"][0]["digest"] != was["layers"][0]["digest"], "not packed anew")
    equal(new["config"]["digest"], was["config"]["digest"], "the image ID")


# ---- names and platforms --------------------------------------------------------------------------------------------


@test
def platforms(t):
    host = registry().host
    name = oci.push(host, "many", oci.index([small(f"for {arch}\n", arch=arch) for arch in ("amd64", "arm64")]), "1")
    for platform in ("linux/amd64", "linux/arm64"):
        t.kist("pull", "-q", "--platform", platform, name)
    to = f"{host}/out/many:1"
    t.kist("tag", name, to)
    one = t.kist("push", "--json", "--platform", "linux/arm64", to).json()
    equal((one["platforms"], inspect(to)["Architecture"]), (1, "arm64"), "the platform pushed")
    all_of_them = t.kist("push", "--json", "--all-platforms", to).json()
    equal(all_of_them["platforms"], 2, "the platforms pushed")
    index = raw(to)
    equal([m["platform"]["architecture"] for m in index["manifests"]], ["amd64", "arm64"], "the index")
    equal((index["mediaType"], all_of_them["mediaType"]), (oci.OCI_INDEX, oci.OCI_INDEX), "its media type")
    equal(index["manifests"][1]["digest"], one["digest"], "the manifest that was there")
    t.kist("pull", "-q", "--platform", "linux/arm64", to, env={"KIST_ROOT": t.path("other")})


@test
def all_tags(t):
    name, host = pulled(t), registry().host
    for tag in ("1", "2", "latest"):
        t.kist("tag", name, f"{host}/tags/box:{tag}")
    r = t.kist("push", "-a", f"{host}/tags/box")
    equal(re.findall(r"^(\w+): digest: ", r.out, re.M), ["1", "2", "latest"], "the tags pushed")
    equal(sorted(json.loads(kit.command("skopeo", "list-tags", "--tls-verify=false", f"docker://{host}/tags/box"))["Tags"]),
          ["1", "2", "latest"], "the tags there")
    t.fails(2, "has a tag", "push", "-a", f"{host}/tags/box:1")
    t.fails(12, "no image of repository 'other'", "push", "-a", "other")


@test
def usage(t):
    t.fails(12, "no such image", "push", "nothing:1")
    name = pulled(t)
    t.fails(12, "no such image: 'other:1'", "push", "other:1")
    t.fails(2, "names a digest", "push", f"{name.rsplit(':', 1)[0]}@sha256:{'0' * 64}")
    t.fails(2, "compress must be gzip or zstd, not 'lzma'", "push", "--compress", "lzma", name)
    t.fails(2, "exclude each other", "push", "--platform", "linux/arm64", "--all-platforms", name)
    r = t.kist("push", "--dry-run", name)
    contains(r.out, ["to push", "Would push 2 of 2 layers, "], "the plan")


# ---- bad links ------------------------------------------------------------------------------------------------------

IMPATIENT = {"KIST_REGISTRY_BACKOFF": "1ms"}
MIB = 1 << 20


def large(t, through, *faults, name="large", size=11):
    """An image of one layer that takes so many MiB, behind a cutter with these faults; the cutter, and the name to push."""
    noise = bytes(random.Random(1).randbytes(size * MIB))
    source = oci.push(registry().host, "source", oci.image([oci.Layer.of([("noise", noise)])]), "1")
    cutter = Cutter(t, through, *faults)
    t.kist("pull", "-q", source)
    t.kist("tag", source, f"{cutter.host}/{name}:1")
    return cutter, f"{cutter.host}/{name}:1"


def methods(cutter):
    return [r["method"] for r in cutter.requests("/blobs/uploads/")]


@test
def dropped_segments(t):
    """A segment that was cut off is sent again (once by the HTTP library, unasked); what the registry had is not."""
    cutter, name = large(t, registry().host, "uploads/:method=PATCH:after=1:times=2:drop-body=1000000", name="dropped")
    told = t.kist("push", "--json", name, env=IMPATIENT).json()
    asked = methods(cutter)
    equal((asked.count("POST"), asked.count("PATCH"), asked.count("PUT")), (2, 5, 2), "requests of uploads")
    check("GET" in asked, "the registry was not asked what it has")
    manifest = raw(f"{registry().host}/dropped:1")
    equal(told["sent"], sum(part["size"] for part in [manifest["config"], *manifest["layers"]]), "bytes sent")
    t.kist("pull", "-q", name, env={"KIST_ROOT": t.path("back")})


@test
def dropped_ends(t):
    """The closing request, and an upload of one piece, are tried again too."""
    cutter, name = large(t, registry().host, "uploads/:method=PUT:times=1:status=502", "uploads/:method=PUT:after=1:times=1:drop-body=1",
                         name="ends")
    t.kist("push", "-q", name, env=IMPATIENT)
    equal([m for m in methods(cutter) if m != "POST"], ["PATCH", "PATCH", "PATCH", "PUT", "GET", "PUT", "PUT", "PUT"],
          "requests of uploads")
    t.kist("pull", "-q", name, env={"KIST_ROOT": t.path("back")})


@test
def lost_upload(t):
    """Where the registry forgot what it had, the layer is sent from its start; not for ever."""
    cutter, name = large(t, registry().host, "uploads/:method=PATCH:after=1:times=2:drop-body=9", "uploads/:method=GET:times=1:status=404",
                         name="lost")
    t.kist("push", "-q", name, env=IMPATIENT)
    equal(methods(cutter), ["POST", "PATCH", "PATCH", "PATCH", "GET", "POST", "PATCH", "PATCH", "PATCH", "PUT", "POST", "PUT"],
          "requests of uploads")
    _, name = large(t, registry().host, "uploads/:method=PATCH:after=1:status=404:message=forgotten", name="never")
    t.fails(10, ["cannot push", "/never:1'", "layer 'sha256:", "forgotten"], "push", name, env={**IMPATIENT, "KIST_REGISTRY_TRIES": "3"})


@test
def refused(t):
    """What a registry says when it has had enough is what is told; once, where another try would not help."""
    for number, (status, message, code, parts) in enumerate([
            (413, "too large", 1, ["answered 413: too large"]), (507, "disk full", 1, ["answered 507: disk full"]),
            (403, "pushing is over", 11, ["not authorised to push", "pushing is over"]),
            (400, "bad day", 1, ["answered 400: bad day"]), (500, "no space left on device", 1, ["no space left on device"]),
            (503, "come back later", 10, ["answered 503", "come back later", "given up after 2 tries"])]):
        fault = f"uploads/:method=PATCH:after=1:status={status}:message={message}"
        cutter, name = large(t, registry().host, fault, name=f"refused-{number}")
        t.fails(code, parts, "push", name, env={**IMPATIENT, "KIST_REGISTRY_TRIES": "2"})
        if code != 10:
            equal(methods(cutter), ["POST", "PATCH", "PATCH"], f"requests of uploads when the answer is {status}")
        equal(cutter.requests("/manifests/"), [], "requests for manifests")
    equal(t.transient(), [], "what is left in tmp/ and partial/")


@test
def full_registry(t):
    folder = t.mount("-t", "tmpfs", "-o", "size=6m", "tmpfs", t.path("full"))
    server = t.server(Registry(t.path("small"), storage=folder))
    _, name = large(t, server.host, name="big")
    t.fails(1, ["cannot push", "answered 500", "no space left on device"], "push", name, env=IMPATIENT)
    server.stop()


@test
def interrupted(t):
    _, name = large(t, registry().host, "uploads/:method=PATCH:after=1:status=503", name="interrupted")
    before = t.snapshot()
    child = t.start("push", name, env={"KIST_REGISTRY_BACKOFF": "1h", "KIST_LOG_LEVEL": "info"})
    while b"next try" not in child.stderr.readline():
        check(child.poll() is None, "ended by itself")
    child.send_signal(signal.SIGINT)
    t.finish(child, ["push"], code=130)
    equal(t.transient(), [], "what is left in tmp/ and partial/")
    equal(set(t.snapshot()), set(before), "the files of the store")


# ---- accounts, and layers that are no good --------------------------------------------------------------------------


@test
def accounts(t):
    """A registry with users, over TLS."""
    kit.need_programs("openssl")
    key, certificate = t.path("key"), t.path("certificate")
    kit.command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=tests", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate)
    server = t.server(Registry(t.path("guarded"), tls=(certificate, key), users={"anna": "secret"}))
    name = pulled(t)
    to = f"{server.host}/mine/box:1"
    t.kist("tag", name, to)
    env = {"KIST_TLS_CA": certificate, "DOCKER_CONFIG": t.path("docker")}
    t.fails(11, ["cannot push", "not authorised to push 'mine/box' to"], "push", to, env=env)
    t.kist("login", "-u", "anna", "--password-stdin", server.host, env=env, input=b"secret\n")
    r = t.kist("push", "--json", to, env=env)
    equal((r.json()["layers"], r.json()["present"]), (2, 0), "the push")
    t.kist("pull", "-q", to, env={**env, "KIST_ROOT": t.path("back")})
    t.fails(13, ["cannot push", "certificate"], "push", to, env={"DOCKER_CONFIG": t.path("docker")})


@test
def damaged_layer(t):
    """Bytes that flash has changed are found before the registry has a blob of them."""
    name = pulled(t)
    path = max(t.layers().values(), key=os.path.getsize)
    with open(path, "r+b") as f:
        f.seek(200)
        byte = f.read(1)
        f.seek(200)
        f.write(bytes([byte[0] ^ 0x10]))
    to = f"{registry().host}/damaged/box:1"
    t.kist("tag", name, to)
    t.fails(15, ["cannot push", "layer 'sha256:" + os.path.basename(path)], "push", to)
    kit.check(kit.subprocess.run(["skopeo", "inspect", "--tls-verify=false", f"docker://{to}"],
                                 stdout=kit.subprocess.DEVNULL, stderr=kit.subprocess.DEVNULL).returncode != 0, "it was pushed")


kit.main(prepare)
