#!/usr/bin/env python3
"""TLS: whom it trusts and by what, whom it does not, and what a wrong clock makes of it."""
import json
import os

import kit
from kit import Registry, contains, equal, test
from peers import Authority
from shared import SHARED, prepare

TLS = 13


def authority(t):
    return Authority(t.path("ca"))


def secure(t, pair, name="tls", more=""):
    server = t.server(Registry(t.path(name), tls=pair, storage=SHARED["folder"] + "/data", more=more))
    return server.host, f"{server.host}/box"


def certs(t, host, **files):
    """A certs.d with these files for host."""
    folder = t.path("certs.d", host)
    os.makedirs(folder, exist_ok=True)
    for name, source in files.items():
        with open(source) as f:
            t.write(os.path.join("certs.d", host, name.replace("_", ".")), f.read())
    return {"KIST_TLS_CERTS_DIR": t.path("certs.d")}


@test
def private_authority(t):
    """Trusted for one registry, in Docker's layout, and for no other."""
    ca = authority(t)
    pair = ca.issue("good")
    host, name = secure(t, pair)
    other, other_name = secure(t, pair, "other")
    t.fails(TLS, [host, "authority that this device does not trust", "tls.certs-dir"], "pull", name)
    env = certs(t, host, ca_crt=ca.certificate)
    t.kist("pull", name, env=env, out="downloaded")
    t.fails(TLS, [other, "authority that this device does not trust"], "pull", other_name, env=env)
    t.kist("--tls-ca", ca.certificate, "pull", other_name, out="downloaded")
    # the places where they are looked for
    t.mount("-t", "tmpfs", "tmpfs", "/etc/kist")
    os.makedirs(f"/etc/kist/certs.d/{host}")
    kit.command("cp", ca.certificate, f"/etc/kist/certs.d/{host}/any-name.crt")
    t.kist("pull", name, out="unchanged")
    for damaged in ("", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        t.write(f"certs.d/{host}/ca.crt", damaged)
        t.fails(TLS, f"certs.d/{host}/ca.crt", "pull", name, env=env)


@test
def client_certificate(t):
    ca = authority(t)
    host, name = secure(t, ca.issue("good"))
    config = t.path("tls", "config.yml")
    with open(config) as f:
        text = f.read()
    t.servers[-1].stop()
    t.write("tls/config.yml", text.replace("tls: {", f"tls: {{clientcas: [{ca.certificate}], "))
    address, port = host.split(":")
    t.server(kit.Process(["docker-registry", "serve", config], address, int(port), t.path("tls.log")))
    env = certs(t, host, ca_crt=ca.certificate)
    t.fails(TLS, [host, "may want a client certificate", "tls.certs-dir"], "pull", name, env=env)
    certificate, key = ca.issue("device", "DNS:device")
    certs(t, host, client_cert=certificate)
    t.fails(TLS, ["client.key", t.path("certs.d", host)], "pull", name, env=env)
    certs(t, host, client_key=key)
    t.kist("pull", name, env=env, out="downloaded")
    t.write(f"certs.d/{host}/client.key", "none")
    t.fails(TLS, "cannot be read", "pull", name, env=env)


@test
def not_trusted(t):
    ca = authority(t)
    cases = (
        ("elsewhere", ca.issue("elsewhere", "DNS:elsewhere.test"), ["another host name"]),
        ("number", ca.issue("number", "IP:127.0.0.2"), ["another host name"]),
        ("expired", ca.issue("expired", start="20200101000000Z", end="20200201000000Z"),
         ["has expired, it was valid until 2020-02-01T00:00:00Z", "clock says 20"]),
        ("future", ca.issue("future", start="20980101000000Z", end="20990101000000Z"),
         ["is valid from 2098-01-01T00:00:00Z", "clock says 20", "set the clock"]),
        ("self", (ca.certificate, ca.key), ["another host name"]),
    )
    for name, pair, message in cases:
        host, reference = secure(t, pair, name)
        t.fails(TLS, [host, *message], "--tls-ca", ca.certificate, "pull", reference)
    host, reference = secure(t, Authority(t.path("own")).issue("self-signed"), "own-tls")
    t.fails(TLS, [host, "authority that this device does not trust"], "--tls-ca", ca.certificate, "pull", reference)
    t.kist("--registry-insecure", host, "--tls-ca", ca.certificate, "pull", reference, out="downloaded")


@test
def host_names(t):
    """SNI and the name's check; a name with an address that nobody listens at, and one where somebody does."""
    ca = authority(t)
    host, _ = secure(t, ca.issue("good", "DNS:registry.test,DNS:*.wild.test"))
    port = host.split(":")[1]
    hosts = t.write("hosts", "127.0.0.9 registry.test\n::1 registry.test\n127.0.0.1 registry.test\n127.0.0.1 a.wild.test b.c.wild.test\n")
    kit.command("mount", "--bind", hosts, "/etc/hosts")
    t.undo.callback(lambda: kit.command("umount", "/etc/hosts"))
    for name in ("registry.test", "a.wild.test"):
        t.kist("--tls-ca", ca.certificate, "pull", "-q", f"{name}:{port}/box")
    t.fails(TLS, ["b.c.wild.test", "another host name"], "--tls-ca", ca.certificate, "pull", f"b.c.wild.test:{port}/box")


@test
def old_protocols(t):
    """TLS 1.1 is spoken with nobody."""
    ca = authority(t)
    certificate, key = ca.issue("good")
    port = kit.free_port()
    t.server(kit.Process(["openssl", "s_server", "-accept", str(port), "-cert", certificate, "-key", key, "-tls1_1", "-www",
                          "-cipher", "ALL:@SECLEVEL=0"], "127.0.0.1", port, t.path("s_server.log")))
    t.fails(TLS, ["no TLS connection", "a TLS before 1.2"], "--tls-ca", ca.certificate, "--registry-tries", "1", "pull",
            f"127.0.0.1:{port}/box")


@test
def clock_behind(t):
    """A clock that is behind the store's last change is not believed; all is told."""
    ca = authority(t)
    good, good_name = secure(t, ca.issue("good", start="20200101000000Z", end="20990101000000Z"))
    host, name = secure(t, ca.issue("later", start="20970101000000Z", end="20990101000000Z"), "later")
    trust = ["--tls-ca", ca.certificate]
    t.kist(*trust, "pull", "-q", good_name)
    t.fails(TLS, ["valid from 2097-01-01T00:00:00Z", "clock says 20", "set the clock"], *trust, "pull", name)
    index = os.path.join(t.root, "index.json")
    with open(index) as f:
        document = json.load(f)
    document["annotations"] = {"kist.clock": "2098-05-06T07:08:09Z"}
    with open(index, "w") as f:
        json.dump(document, f)
    floor = {"KIST_TLS_TIME_FLOOR": None}  # as it is by default
    r = t.kist(*trust, "pull", name, out="downloaded", env=floor)
    contains(r.err, ["warning", "clock says 20", "2098-05-06T07:08:09Z", "the store last changed", "tls.time-floor"], "what is told")
    equal(r.err.count("2098-05-06"), 1, "times it is told")
    t.kist("rmi", name)
    t.fails(TLS, "set the clock", *trust, "pull", name)
    with open(index) as f:
        document = json.load(f)
    document["annotations"] = {"kist.clock": "2099-02-02T00:00:00Z"}
    with open(index, "w") as f:
        json.dump(document, f)
    r = t.kist(*trust, "pull", name, code=TLS, env=floor)
    contains(r.err, ["valid until 2099-01-01T00:00:00Z", "clock says 20", "taken for 2099-02-02T00:00:00Z"], "the message")


kit.main(prepare)
