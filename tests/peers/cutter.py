#!/usr/bin/env python3
"""A reverse proxy that misbehaves on demand: see README.md beside it."""

import argparse
import http.client
import json
import re
import secrets
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import urllib.parse

CHUNK = 64 << 10
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-authorization"}
FLAGS = {"redirect-loop", "ignore-range", "chunked", "close"}
NUMBERS = {"close-after", "stall-after", "truncate", "extra", "corrupt-at", "status", "times", "after", "bad-range", "slow",
           "huge-header", "drop-body"}
TEXTS = {"redirect", "replace-body", "retry-after", "method", "message", "content-type"}


class Fault:
    """REGEX:action=value:...; matches requests whose path has REGEX in it, from the (after + 1)th, times times."""

    def __init__(self, text):
        # a colon inside a value (a URL) is written as \: ; the regex may not hold an unescaped one
        parts = [part.replace("\\:", ":") for part in re.split(r"(?<!\\):", text)]
        self.text, self.path, self.actions = text, re.compile(parts[0]), {}
        for part in parts[1:]:
            name, _, value = part.partition("=")
            if name in FLAGS:
                self.actions[name] = True
            elif name in NUMBERS:
                self.actions[name] = int(value)
            elif name in TEXTS:
                self.actions[name] = value
            else:
                raise ValueError(f"unknown action '{name}' in fault '{text}'")
        self.skip = self.actions.pop("after", 0)
        self.method = self.actions.pop("method", None)
        self.left = self.actions.pop("times", None)

    def take(self, path, method):
        if not self.path.search(path) or self.left == 0 or self.method not in (None, method):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Cutter:
    """What all connections share."""

    def __init__(self, args):
        self.args = args
        upstream = urllib.parse.urlsplit(args.upstream if "://" in args.upstream else "http://" + args.upstream)
        self.upstream = (upstream.hostname, upstream.port or 80)
        self.faults = [Fault(text) for text in args.fault]
        self.lock = threading.Lock()
        self.tokens = {}
        self.log = open(args.log, "a", encoding="utf-8") if args.log else None

    def fault_for(self, path, method=None):
        """The actions of every fault that takes this request, the first named winning."""
        with self.lock:
            actions = {}
            for fault in self.faults:
                if fault.take(path, method):
                    actions = {**fault.actions, **actions}
            return actions

    def record(self, **fields):
        if self.log:
            with self.lock:
                self.log.write(json.dumps(fields) + "\n")
                self.log.flush()

    def new_token(self):
        token = secrets.token_urlsafe(24)
        with self.lock:
            self.tokens[token] = self.args.token_requests
        return token

    def good_token(self, header):
        with self.lock:
            scheme, _, token = header.partition(" ")
            left = self.tokens.get(token, 0) if scheme.lower() == "bearer" else 0
            if left > 0:
                self.tokens[token] = left - 1
            return left > 0


class Dropped(Exception):
    """The fault asked for the connection's end."""


class Request:
    def __init__(self, stream):
        line = stream.readline(65537)
        if not line.strip():
            raise Dropped
        self.method, self.path, _ = line.decode("latin-1").split(None, 2)
        self.headers = http.client.parse_headers(stream)
        self.stream, self.read = stream, None

    @property
    def body(self):
        if self.read is None:
            self.read = self.stream.read(int(self.headers.get("Content-Length", 0)))
        return self.read


class Answer:
    """Status, headers, and where the body's bytes come from."""

    def __init__(self, status, headers, body=b"", source=None):
        self.status, self.headers = status, [(k, v) for k, v in headers if k.lower() not in HOP_BY_HOP]
        self.source = source
        self.parts = [body] if source is None else iter(lambda: source.read(CHUNK), b"")
        if source is None:
            self.set("Content-Length", str(len(body)))

    def get(self, name, otherwise=None):
        return next((v for k, v in self.headers if k.lower() == name.lower()), otherwise)

    def set(self, name, value):
        self.drop(name)
        self.headers.append((name, value))

    def drop(self, *names):
        self.headers = [(k, v) for k, v in self.headers if k.lower() not in {n.lower() for n in names}]

    def length(self):
        value = self.get("Content-Length")
        return int(value) if value is not None else None


class Connection(socketserver.StreamRequestHandler):
    def setup(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request.settimeout(60)
        super().setup()
        self.cutter = self.server.cutter
        self.backend = None

    def finish(self):
        if self.backend:
            self.backend.close()
        try:
            super().finish()
        except OSError:
            pass

    def handle(self):
        try:
            if self.server.tls:
                self.request.do_handshake()
            elif self.request.recv(1, socket.MSG_PEEK)[:1] == b"\x16":
                self.reset() # whoever tries TLS first must be told at once that there is none
                return
            while self.serve():
                pass
        except (Dropped, OSError, ValueError, http.client.HTTPException):
            pass

    def reset(self):
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def serve(self):
        request = Request(self.rfile)
        path = request.path
        self.cutter.record(method=request.method, path=path, range=request.headers.get("Range"),
                           authorization="Authorization" in request.headers, host=request.headers.get("Host"))
        if self.cutter.args.bearer and path.split("?")[0] == "/token":
            self.send(self.token(path), {}, request)
            return True
        if self.cutter.args.bearer and not self.cutter.good_token(request.headers.get("Authorization", "")):
            self.send(self.unauthorized(request), {}, request)
            return True
        actions = self.cutter.fault_for(path, request.method)
        if "drop-body" in actions:
            self.rfile.read(min(actions["drop-body"], int(request.headers.get("Content-Length", 0))))
            self.reset()
            raise Dropped
        self.send(self.answer(request, actions), actions, request)
        return request.headers.get("Connection", "").lower() != "close" and not actions.get("close")

    def token(self, path):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
        if self.cutter.args.bearer == "deny":
            return errors(403, "DENIED", "requested access to the resource is denied")
        if query.get("service") != ["cutter, \"quoted\""] or not query.get("scope", [""])[0].startswith("repository:"):
            return errors(400, "UNSUPPORTED", f"not the service and scope of the challenge: {query}")
        body = json.dumps({"token": self.cutter.new_token(), "expires_in": 300}).encode()
        return Answer(200, [("Content-Type", "application/json")], body)

    def unauthorized(self, request):
        answer = errors(401, "UNAUTHORIZED", "authentication required")
        url = f"{'https' if self.server.tls else 'http'}://{request.headers.get('Host')}/token"
        answer.headers.append(("WWW-Authenticate", 'Basic realm="first, one kist has no answer to"'))
        answer.headers.append(("WWW-Authenticate", f'Bearer realm="{url}",'
                               'service="cutter, \\"quoted\\"",scope="repository:any:pull"'))
        return answer

    def answer(self, request, actions):
        """What the client is to be told, before the body's faults."""
        if "redirect-loop" in actions:
            return Answer(307, [("Location", request.path)])
        if "redirect" in actions:
            return Answer(307, [("Location", actions["redirect"] + request.path)])
        if "status" in actions:
            answer = errors(actions["status"], "CUTTER", actions.get("message", "as the test wants it"))
            if "retry-after" in actions:
                answer.set("Retry-After", actions["retry-after"])
            return answer
        if "replace-body" in actions:
            with open(actions["replace-body"], "rb") as file:
                answer = Answer(200, [], file.read())
            answer.set("Content-Type", actions.get("content-type", "application/octet-stream"))
            return answer
        answer = self.upstream(request, "ignore-range" in actions)
        if "content-type" in actions:
            answer.set("Content-Type", actions["content-type"])
        return answer

    def upstream(self, request, ignore_range):
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP | {"authorization"}}
        if ignore_range:
            headers = {k: v for k, v in headers.items() if k.lower() != "range"}
        for fresh in (False, True):
            if self.backend is None:
                self.backend = http.client.HTTPConnection(*self.cutter.upstream, timeout=60)
            try:
                self.backend.request(request.method, request.path, request.body or None, headers)
                response = self.backend.getresponse()
                return Answer(response.status, response.getheaders(), source=response)
            except (http.client.HTTPException, OSError):
                self.backend.close() # it had gone to sleep
                self.backend = None
                if fresh:
                    raise
        raise Dropped

    def send(self, answer, actions, request):
        request.body # pylint: disable=pointless-statement # all of it is read before the answer
        self.adjust(answer, actions)
        lines = [f"HTTP/1.1 {answer.status} {http.client.responses.get(answer.status, 'Odd')}"]
        lines += [f"{k}: {v}" for k, v in answer.headers]
        if "huge-header" in actions:
            lines.append("X-Huge: " + "h" * actions["huge-header"])
        self.wfile.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        if request.method != "HEAD":
            self.send_body(answer, actions)
        self.wfile.flush()
        if answer.source:
            answer.source.close()

    def adjust(self, answer, actions):
        """Headers, where a fault makes them honest or not."""
        length = answer.length()
        if "truncate" in actions and length is not None:
            answer.set("Content-Length", str(min(length, actions["truncate"])))
        if "extra" in actions and length is not None:
            answer.set("Content-Length", str(length + actions["extra"]))
        if "bad-range" in actions and answer.status == 206:
            total = (answer.get("Content-Range") or "/").split("/")[1]
            first = actions["bad-range"]
            answer.set("Content-Range", f"bytes {first}-{first + (length or 1) - 1}/{total}")
        if "chunked" in actions:
            answer.drop("Content-Length")
            answer.set("Transfer-Encoding", "chunked")

    def send_body(self, answer, actions):
        sent = 0
        limit = actions.get("truncate")
        for part in answer.parts:
            if limit is not None:
                part = part[:limit - sent]
            if sent <= actions.get("corrupt-at", -1) < sent + len(part):
                at = actions["corrupt-at"] - sent
                part = part[:at] + bytes([part[at] ^ 0xFF]) + part[at + 1:]
            self.send_part(part, sent, actions)
            sent += len(part)
        if "extra" in actions:
            self.send_part(b"x" * actions["extra"], sent, actions)
        if "chunked" in actions:
            self.wfile.write(b"0\r\n\r\n")
        if "close" in actions:
            raise Dropped

    def send_part(self, part, sent, actions):
        """Some of the body, up to where the connection is to be cut or to fall silent."""
        for name in ("close-after", "stall-after"):
            if name in actions and sent + len(part) > actions[name]:
                self.write(part[:actions[name] - sent], actions)
                self.wfile.flush()
                if name == "stall-after":
                    self.wait_for_client()
                raise Dropped
        self.write(part, actions)

    def wait_for_client(self):
        """Silence until the client has had enough."""
        try:
            while self.request.recv(4096):
                pass
        except OSError:
            pass

    def write(self, data, actions):
        if not data:
            return
        if "chunked" in actions:
            data = f"{len(data):x}\r\n".encode() + data + b"\r\n"
        self.wfile.write(data)
        if "slow" in actions:
            self.wfile.flush()
            time.sleep(len(data) / actions["slow"])


def errors(status, code, message):
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Answer(status, [("Content-Type", "application/json")], body)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    tls = None

    def get_request(self):
        request, address = super().get_request()
        if self.tls:
            # the handshake is for the connection's own thread
            request = self.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        return request, address

    def handle_error(self, request, client_address):
        if self.cutter.args.verbose:
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int, help="to listen on at 127.0.0.1; 0: a free one, printed as 'port N'")
    parser.add_argument("upstream", help="host:port of the registry behind")
    parser.add_argument("--fault", action="append", default=[], metavar="REGEX:ACTION[=VALUE][:...]")
    parser.add_argument("--bearer", nargs="?", const="anonymous", choices=["anonymous", "deny"],
                        help="ask for a token of this server's own /token; deny: which gives none")
    parser.add_argument("--token-requests", type=int, default=1 << 30, metavar="N", help="a token is good for N requests")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="speak TLS with this PEM certificate and key")
    parser.add_argument("--log", metavar="FILE", help="one JSON line a request is appended")
    parser.add_argument("--verbose", action="store_true", help="tracebacks of connections that failed")
    args = parser.parse_args()
    try:
        cutter = Cutter(args)
    except (ValueError, re.error) as error:
        parser.error(str(error))
    with Server(("127.0.0.1", args.port), Connection) as server:
        server.cutter = cutter
        if args.tls:
            server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.tls.load_cert_chain(*args.tls)
        print(f"port {server.server_address[1]}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    sys.exit(main())
