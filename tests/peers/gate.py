#!/usr/bin/env python3
"""A registry that wants bearer tokens, before a real one, and the token server it names, on a port of its own: see README.md."""

import argparse
import base64
import json
import re
import secrets
import ssl
import sys
import threading
import urllib.parse

from cutter import Answer, Connection, Cutter, Server, errors


class Gate(Cutter):
    """Who may do what: users by name, what their tokens are worth, and refresh tokens."""

    def __init__(self, args):
        super().__init__(args)
        self.users = dict(user.split(":", 1) for user in args.user)
        self.refresh = {args.identity: next(iter(self.users), "")} if args.identity else {}

    def grant(self, user, scopes):
        """What a token for user may do of scopes: readers never push, nobody reads what is private."""
        granted = []
        for scope in scopes:
            kind, name, actions = re.fullmatch(r"(\w+):(.*):([\w,*]*)", scope).groups()
            allowed = set(actions.split(",")) & ({"pull"} if (user or "reader") == "reader" else {"pull", "push"})
            if not user and not self.args.anonymous:
                allowed = set()
            granted += [(kind, name, action) for action in allowed]
        token = secrets.token_urlsafe(24)
        with self.lock:
            self.tokens[token] = [self.args.token_requests, granted]
        return token

    def allows(self, header, needed):
        scheme, _, token = header.partition(" ")
        with self.lock:
            held = self.tokens.get(token) if scheme.lower() == "bearer" else None
            if not held or held[0] == 0 or not all(n in held[1] for n in needed):
                return False
            held[0] -= 1
            return True


class Door(Connection):
    """The registry's side."""

    def serve(self):
        request = self.take()
        name = re.match(r"/v2/(.+)/(manifests|blobs|tags)/", request.path)
        needed = [("repository", name[1], action) for action in (["pull"] if request.method in ("GET", "HEAD")
                                                                else ["pull", "push"])] if name else []
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        if request.method == "POST" and "from" in query:
            needed.append(("repository", query["from"][0], "pull"))
        if not self.cutter.allows(request.headers.get("Authorization", ""), needed):
            self.send(self.challenge(needed), {}, request)
            return True
        actions = self.cutter.fault_for(request.path)
        self.send(self.answer(request, actions), actions, request)
        return not actions.get("close")

    def challenge(self, needed):
        names = {(kind, name) for kind, name, _ in needed}
        scope = " ".join(f"{kind}:{name}:{','.join(a for k, n, a in needed if (k, n) == (kind, name))}"
                         for kind, name in sorted(names))
        answer = errors(401, "UNAUTHORIZED", "authentication required")
        where = f',scope="{scope}"' if scope else ""
        # one header with several challenges, in an order that makes nobody choose the first one by chance
        answer.headers.append(("WWW-Authenticate", 'Negotiate abc==, Digest realm="none", nonce="a, b", '
                               f'Bearer realm="{self.cutter.args.realm}",service="gate"{where}, Basic realm="old"'))
        return answer

    def take(self):
        from cutter import Request
        request = Request(self.rfile)
        self.cutter.record(method=request.method, path=request.path, range=request.headers.get("Range"), side="registry",
                           authorization=request.headers.get("Authorization", "").split(" ")[0])
        return request


class TokenServer(Door):
    def serve(self):
        request = self.take_token()
        url = urllib.parse.urlsplit(request.path)
        if url.path != "/token":
            answer = errors(404, "NOT_FOUND", "no such page")
        elif "redirect" in self.cutter.fault_for(request.path):
            answer = Answer(307, [("Location", self.cutter.args.redirect_to + request.path)])
        elif request.method == "POST":
            answer = self.oauth(urllib.parse.parse_qs(request.body.decode()))
        elif self.cutter.args.oauth_only:
            answer = errors(405, "UNSUPPORTED", "POST only")
        else:
            answer = self.query(request, urllib.parse.parse_qs(url.query))
        self.send(answer, {}, request)
        return True

    def take_token(self):
        from cutter import Request
        request = Request(self.rfile)
        self.cutter.record(method=request.method, path=request.path, side="token",
                           authorization=request.headers.get("Authorization", "").split(" ")[0])
        return request

    def query(self, request, query):
        user = None
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            user, _, password = base64.b64decode(given).decode().partition(":")
            if self.cutter.users.get(user) != password:
                return errors(401, "UNAUTHORIZED", "incorrect username or password")
        if query.get("service") != ["gate"]:
            return errors(400, "UNSUPPORTED", "not the challenge's service")
        told = {"token": self.cutter.grant(user, query.get("scope", [])), "expires_in": 300}
        if user and query.get("offline_token") == ["true"] and self.cutter.args.identity:
            told["refresh_token"] = self.cutter.args.identity
        return self.tell(told)

    def oauth(self, form):
        field = lambda name: form.get(name, [""])[0]
        user = None
        if field("grant_type") == "refresh_token":
            user = self.cutter.refresh.get(field("refresh_token"))
        elif field("grant_type") == "password" and self.cutter.users.get(field("username")) == field("password"):
            user = field("username")
        if not user:
            return errors(401, "UNAUTHORIZED", "no such grant")
        return self.tell({"access_token": self.cutter.grant(user, field("scope").split()), "expires_in": 300,
                          "refresh_token": field("refresh_token")})

    def tell(self, told):
        return Answer(200, [("Content-Type", "application/json")], json.dumps(told).encode())


def serve(address, port, handler, gate, tls):
    server = Server((address, port), handler)
    server.cutter = gate
    if tls:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(*tls)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("upstream", help="host:port of the registry behind")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--realm", required=True, help="URL of the token server, as it is told")
    parser.add_argument("--token-port", type=int, required=True)
    parser.add_argument("--token-address", default="127.0.0.1")
    parser.add_argument("--user", action="append", default=[], metavar="NAME:PASSWORD", help="'reader' may not push")
    parser.add_argument("--anonymous", action="store_true", help="who does not log in may pull")
    parser.add_argument("--identity", metavar="TOKEN", help="a refresh token, given to who logs in")
    parser.add_argument("--oauth-only", action="store_true", help="tokens by POST only")
    parser.add_argument("--token-requests", type=int, default=1 << 30, metavar="N", help="a token is good for N requests")
    parser.add_argument("--redirect-to", metavar="URL", help="where the token server redirects, with --fault /token:redirect=1")
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--log", metavar="FILE")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    gate = Gate(args)
    serve(args.token_address, args.token_port, TokenServer, gate, args.tls)
    serve(args.address, args.port, Door, gate, args.tls)
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
