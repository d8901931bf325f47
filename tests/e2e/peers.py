"""Peers of the tests of registries: a certificate authority, a registry that wants tokens, bad links, a proxy."""
import base64
import json
import os
import queue
import select
import socket
import sys
import threading
import time

import kit
from kit import Process
from shared import registry

USER, PASSWORD = "anna", "pa55:word-of-anna"
OPENSSL_CA = """
[ca]
default_ca = tests
[tests]
database = {folder}/database
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


class Authority:
    """A CA in a folder, made on the spot."""

    def __init__(self, folder):
        kit.need_programs("openssl")
        os.makedirs(folder)
        self.folder = folder
        self.certificate, self.key = self.path("ca.crt"), self.path("ca.key")
        kit.command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                    self.key, "-out", self.certificate, "-days", "36500", "-subj", "/CN=the tests' CA", "-addext",
                    "basicConstraints=critical,CA:TRUE")
        for name, text in (("database", ""), ("serial", "1000\n"), ("openssl.cnf", OPENSSL_CA.format(folder=folder))):
            with open(self.path(name), "w") as f:
                f.write(text)

    def path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, alternatives="IP:127.0.0.1", start=None, end=None):
        """A certificate and its key; start and end: YYYYMMDDHHMMSSZ."""
        key, request, certificate = self.path(name + ".key"), self.path(name + ".csr"), self.path(name + ".crt")
        kit.command("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out",
                    request, "-subj", f"/CN={name}", "-addext", f"subjectAltName={alternatives}")
        times = (["-startdate", start] if start else []) + (["-enddate", end] if end else ["-days", "30"])
        kit.command("openssl", "ca", "-batch", "-notext", "-config", self.path("openssl.cnf"), "-cert", self.certificate, "-keyfile",
                    self.key, "-in", request, "-out", certificate, *times)
        return certificate, key


class Gate(Process):
    """tests/peers/gate.py before the tests' registry; its token server is at another host, localhost."""

    def __init__(self, t, *options, identity=None, realm="http://localhost:{}/token"):
        port, token_port = kit.free_port(), kit.free_port()
        self.requests_file = t.path(f"requests-{port}")
        self.token_host = f"localhost:{token_port}"
        args = [sys.executable, os.path.join(kit.TOP, "tests/peers/gate.py"), str(port), registry().host, "--token-port",
                str(token_port), "--realm", realm.format(token_port), "--user", f"{USER}:{PASSWORD}", "--user", "reader:r",
                "--log", self.requests_file, *options]
        super().__init__(args + (["--identity", identity] if identity else []), "127.0.0.1", port, t.path(f"gate-{port}.log"))
        t.server(self)

    def requests(self, side):
        with open(self.requests_file) as f:
            return [r for r in map(json.loads, f) if r["side"] == side]


class Listener:
    """Something on a port of 127.0.0.1, a thread for each connection."""

    def __init__(self, t):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.lock = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()
        t.server(self)

    def stop(self):
        self.listener.close()

    def run(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.guarded, args=(near,), daemon=True).start()

    def guarded(self, near):
        try:
            with near:
                self.serve(near)
        except OSError:
            pass


def end(*sockets):
    for s in sockets:
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Link(Listener):
    """A way to host:port that counts what comes back over it, and may be bad: cut after so many bytes of a connection, late by
    so many seconds, silent after so many bytes on its first connections."""

    def __init__(self, t, target, cut=1 << 62, delay=0, silent_after=1 << 62, silences=0):
        address, port = target.split(":")
        self.target, self.cut, self.delay = (address, int(port)), cut, delay
        self.silent_after, self.silences = silent_after, silences
        self.received = self.connections = 0
        super().__init__(t)

    def serve(self, near):
        with self.lock:
            self.connections += 1
            silent = self.silent_after if self.connections <= self.silences else 1 << 62
        with socket.create_connection(self.target) as far:
            there = threading.Thread(target=self.pump, args=(near, far), daemon=True)
            there.start()
            self.pump(far, near, self.cut, silent, counted=True)
            there.join()

    def pump(self, source, sink, cut=1 << 62, silent=1 << 62, counted=False):
        """One direction, as late as the link is; both end with it."""
        line, sent = queue.Queue(), 0

        def read():
            data = b"-"
            while data:
                try:
                    data = source.recv(16384)
                except OSError:
                    data = b""
                line.put((time.monotonic() + self.delay, data))

        threading.Thread(target=read, daemon=True).start()
        while sent < cut:
            due, data = line.get()
            time.sleep(max(0, due - time.monotonic()))
            if sent + len(data) > silent:
                select.select([sink], [], [])  # until the other side has had enough
                break
            data = data[:cut - sent]
            if not data:
                break
            try:
                sink.sendall(data)
            except OSError:
                break
            sent += len(data)
            if counted:
                with self.lock:
                    self.received += len(data)
        end(source, sink)


class ForwardProxy(Listener):
    """An HTTP proxy: CONNECT, and GET with a whole URL. What it was asked for is in requests."""

    def __init__(self, t, account=None):
        self.account = account and "Basic " + base64.b64encode(account.encode()).decode()
        self.requests = []
        super().__init__(t)

    def serve(self, near):
        head = b""
        while b"\r\n\r\n" not in head:
            part = near.recv(4096)
            if not part:
                return
            head += part
        lines = head.decode("latin-1").split("\r\n")
        method, url, _ = lines[0].split()
        with self.lock:
            self.requests.append((method, url))
        if self.account and not any(line.lower() == f"proxy-authorization: {self.account}".lower() for line in lines):
            near.sendall(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        if method == "CONNECT":
            where, rest = url, b""
        else:
            where, _, path = url.removeprefix("http://").partition("/")
            kept = [line for line in lines[1:] if not line.lower().startswith(("proxy-", "connection:"))]
            rest = "\r\n".join([f"{method} /{path} HTTP/1.1", "Connection: close", *kept]).encode("latin-1")
        address, _, port = where.partition(":")
        with socket.create_connection((address, int(port or 80))) as far:
            if rest:
                far.sendall(rest)
            else:
                near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            there = threading.Thread(target=copy, args=(near, far), daemon=True)
            there.start()
            copy(far, near)
            there.join()


def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    end(source, sink)


class Dockerd(kit.Process):
    """dockerd with a directory of its own; docker(...) is its client."""

    patience = 90

    def __init__(self, t):
        kit.need_programs("dockerd", "docker")
        self.socket = t.path("docker.sock")
        super().__init__(["dockerd", "--iptables=false", "--bridge=none", "--storage-driver=vfs", "--data-root", t.path("docker"),
                          "--exec-root", t.path("docker-exec"), "--pidfile", t.path("docker.pid"), "-H", "unix://" + self.socket],
                         "dockerd", self.socket, t.path("dockerd.log"))
        t.server(self)

    def is_ready(self, address, port):
        if self.child.poll() is not None:
            with open(self.log, errors="replace") as f:
                kit.skip(f"dockerd does not start here: {f.read()[-300:]}")
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(port) == 0

    def docker(self, *args, env=None):
        return kit.command("docker", "-H", "unix://" + self.socket, *args, env={**kit.ENVIRONMENT, **(env or {})})
