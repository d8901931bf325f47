#!/usr/bin/env python3
"""Ways to a registry: plain HTTP, TLS, tokens, and none."""
import os

import kit
from kit import Cutter, Registry, check, contains, equal, test
from shared import SHARED, prepare, registry


@test
def plain_http_elsewhere(t):
    """Off loopback, plain HTTP only where the configuration says so."""
    storage = SHARED["folder"] + "/data"
    far = t.server(Registry(t.path("far"), address=kit.FAR, storage=storage))
    t.fails(13, far.host, "--registry-tries", "1", "pull", f"{far.host}/box")
    equal(t.transient(), [], "what is left in tmp/ and partial/")
    t.kist("--registry-insecure", far.host, "pull", f"{far.host}/box", out="downloaded")
    t.kist("pull", f"{far.host}/box", out="unchanged", env={"KIST_REGISTRY_INSECURE": f"other:1, {kit.FAR}"})


def make_certificates(folder, name, days="30", ca=None):
    """A CA (or the one given), and a certificate of it for name and 127.0.0.1."""
    kit.need_programs("openssl")
    path = lambda file: os.path.join(folder, file)
    if not ca:
        kit.command("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", path("ca.key"), "-out", path("ca.pem"),
                    "-days", "30", "-subj", "/CN=the tests' CA", "-addext", "basicConstraints=critical,CA:TRUE")
    with open(path(name + ".ext"), "w") as f:
        f.write(f"subjectAltName=DNS:{name},IP:127.0.0.1\n" if name == "good" else f"subjectAltName=DNS:{name}\n")
    kit.command("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", path(name + ".key"), "-out", path(name + ".csr"),
                "-subj", f"/CN={name}")
    kit.command("openssl", "x509", "-req", "-in", path(name + ".csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
                "-CAcreateserial", "-days", days, "-out", path(name + ".pem"), "-extfile", path(name + ".ext"))
    return path(name + ".pem"), path(name + ".key")


@test
def tls(t):
    storage = SHARED["folder"] + "/data"
    secure = t.server(Registry(t.path("tls"), tls=make_certificates(t.dir, "good"), storage=storage))
    name = f"{secure.host}/box"
    r = t.fails(13, secure.host, "pull", name)
    contains(r.err, "tls.ca", "the remedy")
    t.kist("--tls-ca", t.path("ca.pem"), "pull", name, out="downloaded")
    t.kist("pull", name, out="unchanged", env={"KIST_TLS_CA": t.path("ca.pem")})
    t.kist("--registry-insecure", secure.host, "pull", name, out="unchanged")
    other = t.server(Registry(t.path("tls2"), tls=make_certificates(t.dir, "elsewhere", ca=True), storage=storage))
    t.fails(13, [other.host, "127.0.0.1"], "--tls-ca", t.path("ca.pem"), "pull", f"{other.host}/box")
    t.fails(13, t.path("none.pem"), "--tls-ca", t.path("none.pem"), "pull", name)


@test
def tokens(t):
    """Anonymous access with a bearer-token challenge; a token that has run out is renewed."""
    cutter = Cutter(t, registry().host, options=["--bearer", "--token-requests", "2"])
    name = SHARED["busybox"].replace(registry().host, cutter.host)
    t.kist("pull", name, out="downloaded")
    check(len(cutter.requests("/token")) >= 2, "no token was renewed")
    denied = Cutter(t, registry().host, options=["--bearer", "deny"])
    t.fails(11, ["not authorised", "denied"], "pull", SHARED["busybox"].replace(registry().host, denied.host))


@test
def unreachable(t):
    port = kit.free_port()
    t.fails(10, f"127.0.0.1:{port}", "--registry-tries", "1", "pull", f"127.0.0.1:{port}/a")
    t.fails(12, ["cannot pull", "nothing"], "pull", f"{registry().host}/nothing:here")
    t.fails(12, "missing", "pull", SHARED["busybox"].replace(":latest", ":missing"))
    t.fails(10, "no.such.host.test", "--registry-tries", "1", "pull", "no.such.host.test/a")


kit.main(prepare)
