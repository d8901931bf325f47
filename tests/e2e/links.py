#!/usr/bin/env python3
"""Links that cut, lag and fall silent; mirrors, proxies, short names, and how much a transfer may take."""
import os
import time
import urllib.request

import kit
import oci
from kit import Cutter, Registry, check, contains, equal, test
from peers import PASSWORD, USER, Authority, ForwardProxy, Gate, Link
from shared import SHARED, prepare, registry

FAST = ["--registry-backoff", "10ms"]
NOT_FOUND = 12


def random_image(size):
    """An image of one layer that nothing makes smaller; its name, and the bytes that a pull of it has to bring."""
    if ("random", size) not in SHARED:
        data = oci.tar([("random", os.urandom(size))])
        image = oci.image([oci.Layer(oci.gzipped(data, 1), data)])
        SHARED["random", size] = (oci.push(registry().host, f"random-{size}", image, "1"), image)
    name, image = SHARED["random", size]
    return name.split("/", 1)[1], len(image.data) + sum(map(len, image.blobs.values())), image


# ---- bad links ------------------------------------------------------------------------------------------------------


@test
def cut_every_512k(t):
    """The link's own count: what is fetched twice is little of what was on its way."""
    name, size, _ = random_image(8000000)
    link = Link(t, registry().host, cut=512 << 10)
    told = t.kist(*FAST, "--registry-tries", "2", "pull", "--json", f"{link.host}/{name}").json()
    check(link.connections >= 15, f"only {link.connections} connections")
    check(link.received <= 1.05 * size, f"{link.received} bytes came for {size}")
    check(told["received"] <= 1.01 * size, f"{told['received']} bytes were received for {size}")


@test
def cut_under_tls(t):
    """As above, within TLS, which loses what of a record was on its way, and with tokens."""
    name, size, _ = random_image(8000000)
    ca = Authority(t.path("ca"))
    secure = t.server(Registry(t.path("tls"), tls=ca.issue("good"), storage=SHARED["folder"] + "/data"))
    link = Link(t, secure.host, cut=512 << 10)
    t.kist(*FAST, "--tls-ca", ca.certificate, "--registry-tries", "2", "pull", f"{link.host}/{name}", out="downloaded")
    check(link.received <= 1.10 * size, f"{link.received} bytes came for {size}")


@test
def late_and_cut(t):
    """300 ms each way, cut after 300 KB, and silent twice."""
    name, size, image = random_image(900000)
    link = Link(t, registry().host, cut=300000, delay=0.3, silent_after=200000, silences=2)
    t.kist(*FAST, "--registry-stall-timeout", "2s", "pull", f"{link.host}/{name}", out="downloaded")
    equal(list(t.layers()), [image.layers[0].diff_id], "the layers kept")
    check(link.received <= 1.5 * size, f"{link.received} bytes came for {size}")


@test
def dead_addresses(t):
    """All addresses of a name are tried, of both kinds; where nobody answers, the message has the last cause."""
    port = registry().host.split(":")[1]
    t.write("hosts", "::1 many.test\n127.0.0.8 many.test\n127.0.0.9 many.test\n127.0.0.1 many.test\n127.0.0.8 none.test\n127.0.0.9 none.test\n")
    kit.command("mount", "--bind", t.path("hosts"), "/etc/hosts")
    t.undo.callback(lambda: kit.command("umount", "/etc/hosts"))
    plain = ["--registry-insecure", "many.test", "--registry-insecure", "none.test"]
    t.kist(*plain, "pull", f"many.test:{port}/box", out="downloaded")
    t.fails(10, [f"none.test:{port}", "Connection refused"], *plain, *FAST, "--registry-tries", "2", "pull", f"none.test:{port}/box")


@test
def deleted_meanwhile(t):
    """Between manifest and layers the image goes away."""
    deleting = t.server(Registry(t.path("deleting"), more="storage: {filesystem: {rootdirectory: " + t.path("deleting/data") +
                                 "}, delete: {enabled: true}}\n", storage=None))
    data = oci.tar([("random", os.urandom(1000))])
    image = oci.image([oci.Layer(oci.gzipped(data, 1), data)])
    name = oci.push(deleting.host, "gone", image, "1")
    urllib.request.urlopen(urllib.request.Request(f"http://{deleting.host}/v2/gone/blobs/{image.layers[0].digest}", method="DELETE"))
    t.fails(NOT_FOUND, ["cannot pull", f"blob '{image.layers[0].digest}' not found at '{deleting.host}'"], "pull", name)
    equal((t.images(), t.transient()), ([], []), "what is left")


# ---- how much -------------------------------------------------------------------------------------------------------


@test
def bandwidth(t):
    """A limit below the pace at which a link counts as stalled."""
    name, size, _ = random_image(400000)
    link = Link(t, registry().host)
    begin = time.monotonic()
    t.kist("--registry-bandwidth", "128KiB", "--registry-stall-timeout", "2500ms", "pull", f"{link.host}/{name}", out="downloaded")
    check(time.monotonic() - begin > 1, "it took more than it was allowed")  # 3 s at that pace
    equal(link.received < 1.05 * size, True, "whether little was fetched twice")


# ---- mirrors --------------------------------------------------------------------------------------------------------


def mirrored(cutter, *mirrors):
    """The configuration by which these are asked before the cutter's host."""
    return [word for m in mirrors for word in ("--registry-mirror", f"{cutter.host}={m.host if hasattr(m, 'host') else m}")]


@test
def pull_through(t):
    """A real pull-through cache, of an origin that this device does not even know the address of."""
    mirror = t.server(Registry(t.path("mirror"), more=f"proxy: {{remoteurl: 'http://{registry().host}'}}\n"))
    name = "origin.test:5000/box"
    t.kist("--registry-mirror", f"origin.test:5000={mirror.host}", "pull", name, out="downloaded")
    equal(t.images(), [f"{name}:latest"], "the images kept")
    t.kist("run", "--rm", "-q", name, out="hello from the second layer")


@test
def mirrors_in_order(t):
    """The first is not there, the second has nothing, the third has it; the origin is not asked."""
    origin, empty, full = Cutter(t, registry().host), t.server(Registry(t.path("empty"))), Cutter(t, registry().host)
    absent = f"127.0.0.1:{kit.free_port()}"
    r = t.kist(*FAST, "--log-level", "info", *mirrored(origin, absent, empty, full), "pull", f"{origin.host}/box", out="downloaded")
    contains(r.err, [f"mirror '{absent}'", f"mirror '{empty.host}'"], "what is told")
    equal(origin.requests(), [], "what the origin was asked for")
    check(full.requests("blobs/"), "the third was not asked")


@test
def mirrors_that_fail(t):
    """Wherever a mirror gives up, the origin goes on at the byte reached; its words are those of the message."""
    name, size, image = random_image(3000000)
    layer = "blobs/.*" + image.layers[0].digest[7:]
    for faults in (["manifests/:status=500"], ["manifests/:status=401"], ["manifests/:corrupt-at=5"], ["blobs/:status=404"],
                   [f"{layer}:close-after=1000000:times=1", f"{layer}:status=503:after=1"], [f"{layer}:stall-after=1000000:times=1",
                    f"{layer}:status=404:after=1"], ["blobs/:truncate=100"], ["manifests/:status=429"]):
        origin, mirror = Cutter(t, registry().host), Cutter(t, registry().host, *faults)
        told = t.kist(*FAST, "--registry-stall-timeout", "4s", *mirrored(origin, mirror), "pull", "--json", f"{origin.host}/{name}").json()
        check(mirror.requests() and origin.requests(), f"{faults}: not both were asked")
        if any("1000000" in fault for fault in faults):
            equal([r["range"] for r in origin.requests(image.layers[0].digest)], ["bytes=1000000-"], "what the origin was asked for")
            equal(told["received"], size, "bytes received")
        t.kist("rmi", f"{origin.host}/{name}")
        t.fails(NOT_FOUND, [f"not found at '{origin.host}'"], *FAST, *mirrored(origin, mirror), "pull", f"{origin.host}/{name[:-1]}9")


@test
def mirror_that_is_wrong(t):
    """What a mirror has damaged is had from the origin, and nothing of it stays; where both are wrong, it fails."""
    name, _, image = random_image(900000)
    layer = "blobs/.*" + image.layers[0].digest[7:]
    origin, mirror = Cutter(t, registry().host), Cutter(t, registry().host, f"{layer}:corrupt-at=500000")
    t.kist(*mirrored(origin, mirror), "pull", f"{origin.host}/{name}", out="downloaded")
    equal(list(t.layers()), [image.layers[0].diff_id], "the layers kept")
    check(origin.requests(layer[8:]), "the origin was not asked")
    t.kist("rmi", f"{origin.host}/{name}")
    origin = Cutter(t, registry().host, f"{layer}:corrupt-at=600000")
    t.fails(15, "cannot pull", *mirrored(origin, mirror), "pull", f"{origin.host}/{name}")
    equal((list(t.layers()), t.transient()), ([], []), "what is left")


@test
def mirror_with_path_and_login(t):
    """Repositories below a path of the mirror; the login is the mirror's, and is shown to it alone."""
    image = oci.image([oci.Layer.of([("text", b"of the mirror\n")])])
    oci.push(registry().host, "hub/library/only-there", image, "1")
    gate = Gate(t, "--user", "m:m")
    t.write("config.json", '{"auths": {"%s": {"username": "%s", "password": "%s"}}}' % (gate.host, USER, PASSWORD))
    env = {"KIST_REGISTRY_MIRROR": f"https://{gate.host}/hub/", "KIST_REGISTRY_AUTH_FILE": t.path("config.json")}
    t.kist("pull", "only-there:1", env=env, out="docker.io/library/only-there:1")
    check(all("/hub/library/only-there/" in r["path"] for r in gate.requests("registry")), "the path is not the mirror's")


@test
def odd_settings(t):
    for words, message in ((["--registry-mirror", "a=b=c"], "registry.mirror 'a=b=c'"), (["--registry-mirror", "=b"], "registry.mirror"),
                           (["--registry-mirror", "m.lan/UPPER"], "no path"), (["--registry-alias", "base"], "registry.alias 'base'"),
                           (["--registry-alias", "base=UPPER/x"], "registry.alias"), (["--registry-alias", "a/=b"], "registry.alias"),
                           (["--registry-alias", "a:1=b"], "registry.alias"), (["--registry-bandwidth", "fast"], "not a size")):
        t.fails(2, message, *words, "images")


# ---- names ----------------------------------------------------------------------------------------------------------


@test
def aliases(t):
    """Short names mean the same to every command."""
    host = registry().host
    env = {"KIST_REGISTRY_ALIAS": f"b={host}/box, lan/={host}/"}
    t.kist("pull", "b", env=env, out=f"{host}/box:latest")
    t.kist("pull", "lan/box:latest", env=env, out="unchanged")
    t.kist("run", "--rm", "-q", "b:latest", env=env, out="hello from the second layer")
    t.kist("tag", "b", "lan/other:2", env=env)
    equal(t.images(), [f"{host}/box:latest", f"{host}/other:2"], "the images kept")
    t.kist("images", "lan/other", env=env, out="other")
    t.kist("image", "inspect", "lan/other:2", env=env, out=f"{host}/other:2")
    t.kist("rmi", "lan/other:2", "b", env=env)
    equal(t.images(), [], "the images kept")
    t.fails(NOT_FOUND, "no such image", "rmi", "box", env=env)


# ---- proxies --------------------------------------------------------------------------------------------------------


@test
def proxies(t):
    """By the configuration or the environment, for plain HTTP and TLS; NO_PROXY, and this machine itself, go without."""
    storage = SHARED["folder"] + "/data"
    ca = Authority(t.path("ca"))
    plain = t.server(Registry(t.path("plain"), address=kit.FAR, storage=storage))
    secure = t.server(Registry(t.path("secure"), address=kit.FAR, storage=storage, tls=ca.issue("far", f"IP:{kit.FAR}")))
    ways = ((["--registry-proxy", "http://{}"], {}), ([], {"HTTP_PROXY": "http://{}", "HTTPS_PROXY": "http://{}"}),
            ([], {"http_proxy": "http://{}", "https_proxy": "http://{}"}), ([], {"KIST_REGISTRY_PROXY": "http://{}"}))
    for words, env in ways:
        proxy = ForwardProxy(t)
        words = [word.format(proxy.host) for word in words] + ["--registry-insecure", plain.host, "--tls-ca", ca.certificate]
        env = {key: value.format(proxy.host) for key, value in env.items()}
        t.kist(*words, "pull", "-q", f"{plain.host}/box", env=env)
        t.kist(*words, "pull", "-q", f"{secure.host}/box", env=env)
        asked = set(proxy.requests)
        check(any(m == "GET" and url.startswith(f"http://{plain.host}/v2/box/") for m, url in asked), f"plain: {asked}")
        check(("CONNECT", secure.host) in asked, f"TLS: {asked}")
        proxy.requests.clear()
        for more, where in (({"NO_PROXY": kit.FAR}, secure.host), ({"KIST_REGISTRY_NO_PROXY": f"a.test, {kit.FAR}"}, secure.host),
                            ({}, registry().host)):
            t.kist(*words, "pull", "-q", f"{where}/box", env={**env, **more})
            equal(proxy.requests, [], f"what the proxy was asked for with {more}")


@test
def proxy_with_account(t):
    ca = Authority(t.path("ca"))
    secure = t.server(Registry(t.path("secure"), address=kit.FAR, storage=SHARED["folder"] + "/data", tls=ca.issue("far", f"IP:{kit.FAR}")))
    proxy = ForwardProxy(t, account="user:proxy-secret")
    words = ["--log-level", "debug", *FAST, "--registry-tries", "1", "--tls-ca", ca.certificate]
    r = t.kist(*words, "--registry-proxy", f"http://user:proxy-secret@{proxy.host}", "pull", f"{secure.host}/box", out="downloaded")
    check("proxy-secret" not in r.err + r.out, "the proxy's password was told")
    r = t.kist(*words, "--registry-proxy", f"http://user:wrong-secret@{proxy.host}", "pull", f"{secure.host}/box", code=10)
    check("wrong-secret" not in r.err, "the proxy's password was told")
    contains(r.err, "407", "the message")


kit.main(prepare)
