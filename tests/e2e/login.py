#!/usr/bin/env python3
"""Accounts: kist login and logout, the files and programs that keep accounts, basic and bearer authentication; where secrets may be."""
import base64
import json
import os
import pty
import re
import termios
import warnings

import kit
import oci
from kit import Registry, check, contains, equal, test
from peers import PASSWORD, USER, Gate
from shared import SHARED, prepare, registry

warnings.filterwarnings("ignore", category=DeprecationWarning)  # crypt, in kit

UNAUTHORIZED = 11


def guarded(t):
    """docker-registry with one user, and the busybox image in it."""
    server = t.server(Registry(t.path("guarded"), users={USER: PASSWORD}, storage=SHARED["folder"] + "/data"))
    return server.host, f"{server.host}/box"


def docker_config(t, content=None, folder="docker"):
    """DOCKER_CONFIG with such a config.json; the environment, and the file."""
    os.makedirs(t.path(folder), exist_ok=True)
    path = t.path(folder, "config.json")
    if content is not None:
        t.write(os.path.join(folder, "config.json"), json.dumps(content, indent=2))
    return {"DOCKER_CONFIG": t.path(folder), "HOME": t.path("home")}, path


def auth(user=USER, password=PASSWORD):
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def read(path):
    with open(path) as f:
        return json.load(f)


# ---- login and logout -----------------------------------------------------------------------------------------------


@test
def basic(t):
    """Checked before it is saved; the file is changed, not written anew; logout takes back what login put there."""
    host, name = guarded(t)
    others = {"auths": {"other.lan": {"auth": auth("o", "p")}}, "psFormat": "table {{.ID}}", "plugins": {"x": {"y": [1, 2.5]}}}
    env, path = docker_config(t, others)
    os.chmod(path, 0o644)
    t.fails(UNAUTHORIZED, ["not authorised to pull", "needs a login", "kist login"], "pull", name, env=env)
    t.fails(UNAUTHORIZED, [host, USER, "wrong user name or password"], "login", "-u", USER, "--password-stdin", host,
            env=env, input=b"wrong\n")
    equal(read(path), others, "the file after a login that failed")
    r = t.kist("login", "-u", USER, "--password-stdin", host, env=env, input=PASSWORD.encode() + b"\n", out="Login Succeeded\n")
    contains(r.err, ["warning", path], "the message")
    equal(read(path), {**others, "auths": {**others["auths"], host: {"auth": auth()}}}, "the file after login")
    equal(os.stat(path).st_mode & 0o777, 0o600, "the mode of the file")
    equal(os.listdir(t.path("docker")), ["config.json"], "what is beside the file")
    t.kist("run", "--rm", "-q", name, env=env, out="hello from the second layer")
    t.kist("pull", name, env=env, out="unchanged")
    t.kist("logout", host, env=env, out=f"Removing login credentials for {host}\n")
    equal(read(path), others, "the file after logout")
    t.kist("logout", f"https://{host}/v1/", env=env, out=f"Not logged in to {host}\n")
    t.fails(UNAUTHORIZED, "needs a login", "pull", name, env=env)


@test
def password_changed(t):
    host, name = guarded(t)
    env, path = docker_config(t, {"auths": {f"https://{host}/v1/": {"auth": auth(password="old one")}}})
    t.fails(UNAUTHORIZED, ["not authorised to pull", USER, path, "wrong or out of date"], "pull", name, env=env)


@test
def wrong_usage(t):
    host, _ = guarded(t)
    env, path = docker_config(t)
    t.fails(2, "exclude each other", "login", "-u", "x", "-p", "y", "--password-stdin", host, env=env)
    t.fails(2, "--username", "login", "--password-stdin", host, env=env)
    t.fails(2, "no terminal", "login", "-u", "x", host, env=env)
    t.fails(2, "no terminal", "login", host, env=env)
    t.fails(2, "empty password", "login", "-u", "x", "--password-stdin", host, env=env, input=b"\n")
    t.fails(2, "no user name", "login", "-u", "x:y", "--password-stdin", host, env=env, input=b"z\n")
    t.fails(2, "name of a registry", "login", "-u", "x", "--password-stdin", "a b", env=env, input=b"z\n")
    t.fails(10, "cannot reach", "--registry-tries", "1", "login", "-u", "x", "--password-stdin",
            f"127.0.0.1:{kit.free_port()}", env=env, input=b"z\n")
    check(not os.path.exists(path), "a file was made")


class Terminal:
    """kist at a terminal of its own."""

    def __init__(self, t, *args, env):
        self.controller, terminal = pty.openpty()
        self.child = t.start(*args, env=env, stdin=terminal, stderr=terminal, stdout=terminal)
        os.close(terminal)
        self.seen = b""

    def wait_for(self, text):
        while text not in self.seen:
            try:
                part = os.read(self.controller, 4096)
            except OSError:
                part = b""
            check(part, f"no {text!r} but {self.seen!r}")
            self.seen += part

    def type(self, text):
        os.write(self.controller, text.encode() + b"\n")

    def echoes(self):
        return bool(termios.tcgetattr(self.controller)[3] & termios.ECHO)

    def end(self, code):
        equal(kit.exit_code(self.child.wait(timeout=60)), code, "exit status")
        os.close(self.controller)


@test
def typed(t):
    """At a terminal it asks, and the password is not shown."""
    host, _ = guarded(t)
    env, path = docker_config(t)
    terminal = Terminal(t, "login", host, env=env)
    terminal.wait_for(b"Username: ")
    check(terminal.echoes(), "the user name is not shown")
    terminal.type(USER)
    terminal.wait_for(b"Password: ")
    terminal.type(PASSWORD)
    terminal.wait_for(b"Login Succeeded")
    check(terminal.echoes(), "the terminal is left without echo")
    terminal.end(0)
    check(PASSWORD.encode() not in terminal.seen, "the password was shown")
    equal(read(path)["auths"][host], {"auth": auth()}, "what was saved")


@test
def typed_and_interrupted(t):
    env, path = docker_config(t)
    terminal = Terminal(t, "login", "-u", USER, "registry.test", env=env)
    terminal.wait_for(b"Password: ")
    check(not terminal.echoes(), "the password is shown")
    terminal.child.send_signal(2)
    terminal.wait_for(b"kist: ")
    check(terminal.echoes(), "the terminal is left without echo")
    terminal.end(130)
    check(not os.path.exists(path), "a file was made")


@test
def search_order(t):
    host, name = guarded(t)
    good, bad = {"auths": {host: {"auth": auth()}}}, {"auths": {host: {"auth": auth(password="bad")}}}
    docker, path = docker_config(t, {"auths": {"other.lan": {"auth": auth("x", "y")}}})
    os.makedirs(t.path("home/.docker"))
    t.write("home/.docker/config.json", json.dumps(good))
    home = {"HOME": t.path("home")}
    t.kist("pull", "-q", name, env=home)
    t.kist("pull", "-q", name, env=docker)  # no such account in the first file
    t.mount("-t", "tmpfs", "tmpfs", "/etc/kist")
    with open("/etc/kist/auth.json", "w") as f:
        json.dump(bad, f)
    t.fails(UNAUTHORIZED, "/etc/kist/auth.json", "pull", name, env=home)
    t.write("docker/config.json", json.dumps(good))
    t.kist("pull", "-q", name, env=docker)
    own = t.write("own.json", json.dumps(bad))
    t.fails(UNAUTHORIZED, own, "pull", name, env={**docker, "KIST_REGISTRY_AUTH_FILE": own})
    t.kist("login", "-u", USER, "--password-stdin", host, env=home, input=PASSWORD.encode(), err="/etc/kist/auth.json")
    t.kist("pull", "-q", name, env=home)
    t.kist("logout", host, env=home)  # from each file
    equal((read("/etc/kist/auth.json"), read(t.path("home/.docker/config.json"))), ({"auths": {}}, {"auths": {}}), "the files")


@test
def odd_files(t):
    """What is no file of logins is told, when a login is needed; a link stays a link."""
    host, name = guarded(t)
    env, path = docker_config(t)
    for text in ("{", "[]", '{"auths": 3}', json.dumps({"auths": {host: {"auth": "%%%"}}}),
                 json.dumps({"auths": {host: {"auth": base64.b64encode(b"no colon").decode()}}}), "\0", "x" * 300000):
        t.write("docker/config.json", text)
        t.kist("pull", "-q", SHARED["busybox"], env=env)
        code = UNAUTHORIZED if text == '{"auths": 3}' else 2
        t.fails(code, "needs a login" if code == UNAUTHORIZED else path, "pull", name, env=env)
    os.rename(t.write("docker/real", " \n"), t.path("docker/real.json"))
    os.unlink(path)
    os.symlink("real.json", path)
    t.kist("login", "-u", USER, "--password-stdin", host, env=env, input=PASSWORD.encode())
    equal(os.readlink(path), "real.json", "the link")
    t.kist("pull", "-q", name, env=env)


@test
def side_by_side(t):
    """Logins at the same time lose nothing of one another."""
    server = t.server(Registry(t.path("everywhere"), address="0.0.0.0", users={USER: PASSWORD}))
    env, path = docker_config(t, {"auths": {}})
    hosts = [server.host.replace("0.0.0.0", f"127.0.0.{n}") for n in range(1, 7)]
    children = [t.start("login", "-u", USER, "--password-stdin", h, env=env, stdin=kit.subprocess.PIPE) for h in hosts]
    for child, h in zip(children, hosts):
        t.finish(child, ["login", h], input=PASSWORD.encode())
    equal(sorted(read(path)["auths"]), hosts, "the hosts in the file")


# ---- credential helpers ---------------------------------------------------------------------------------------------

HELPER = """#!/bin/sh
# keeps "user secret" in a file a server
file="{folder}/$(basename "$0").$(echo "$1" > "{folder}/verb"; cat > "{folder}/in"; tr -c 'A-Za-z0-9.' _ < "{folder}/in")"
case $1 in
get) [ -f "$file" ] || {{ echo "credentials not found in native keychain"; exit 1; }}; cat "$file" ;;
store) cp "{folder}/in" "{folder}/stored" ;;
erase) rm -f "$file" ;;
broken) ;;
esac
"""


def helper(t, name, text=None):
    os.makedirs(t.path("bin"), exist_ok=True)
    path = t.write(f"bin/docker-credential-{name}", text or HELPER.format(folder=t.dir))
    os.chmod(path, 0o755)
    return {"PATH": t.path("bin") + ":" + kit.ENVIRONMENT["PATH"]}


@test
def helpers(t):
    host, name = guarded(t)
    kept = t.path("docker-credential-box." + re.sub("[^A-Za-z0-9.]", "_", host))
    env, path = docker_config(t, {"credHelpers": {host: "box"}, "auths": {"other.lan": {}}})
    env.update(helper(t, "box"))
    t.fails(UNAUTHORIZED, "needs a login", "pull", name, env=env)
    r = t.kist("login", "-u", USER, "--password-stdin", host, env=env, input=PASSWORD.encode(), out="Login Succeeded")
    check("unencrypted" not in r.err, "a warning of what is not so")
    equal(read(t.path("stored")), {"ServerURL": host, "Username": USER, "Secret": PASSWORD}, "what the helper was given")
    equal(read(path), {"credHelpers": {host: "box"}, "auths": {"other.lan": {}, host: {}}}, "the file")
    os.rename(t.path("stored"), kept)
    t.kist("pull", "-q", name, env=env)
    t.kist("logout", host, env=env, out="Removing")
    check(not os.path.exists(kept), "the helper still has it")
    t.fails(UNAUTHORIZED, "needs a login", "pull", name, env=env)
    # one for all
    t.write("docker/config.json", json.dumps({"credsStore": "box"}))
    t.write(os.path.basename(kept), json.dumps({"ServerURL": host, "Username": USER, "Secret": PASSWORD}))
    t.kist("pull", "-q", name, env=env)


@test
def helpers_that_fail(t):
    host, name = guarded(t)
    env, path = docker_config(t, {"credsStore": "missing"})
    t.fails(2, ["docker-credential-missing", "PATH", path], "pull", name, env=env)
    t.write("docker/config.json", json.dumps({"credsStore": "../../bin/sh"}))
    t.fails(2, "no name of a credential helper", "pull", name, env=env)
    t.write("docker/config.json", json.dumps({"credsStore": "bad"}))
    for text, message in (("#!/bin/sh\necho locked; exit 3\n", ["status 3", "locked"]), ("#!/bin/sh\necho '{}'\n", "no account"),
                          ("#!/bin/sh\nkill -9 $$\n", "status 137"), ("#!/bin/sh\nyes '{\"Username\":' | head -c 1000000\n", "no account")):
        env.update(helper(t, "bad", text))
        t.fails(UNAUTHORIZED, ["docker-credential-bad", *([message] if isinstance(message, str) else message)], "pull", name, env=env)


# ---- tokens ---------------------------------------------------------------------------------------------------------


@test
def token_server_elsewhere(t):
    """Name and password go to the token server, its token to the registry, and neither to the other."""
    gate = Gate(t)
    env, path = docker_config(t)
    name = f"{gate.host}/box"
    t.fails(UNAUTHORIZED, "needs a login", "pull", name, env=env)
    t.fails(UNAUTHORIZED, ["wrong user name or password", "incorrect username"], "login", "-u", USER, "--password-stdin", gate.host,
            env=env, input=b"wrong")
    t.kist("login", "-u", USER, "--password-stdin", gate.host, env=env, input=PASSWORD.encode(), out="Login Succeeded")
    equal(read(path)["auths"][gate.host], {"auth": auth()}, "what was saved")
    t.kist("pull", name, env=env, out="downloaded")
    equal({r["authorization"] for r in gate.requests("registry")}, {"", "Bearer"}, "what the registry was shown")
    equal({r["authorization"] for r in gate.requests("token")}, {"", "Basic"}, "what the token server was shown")
    asked = [r["path"] for r in gate.requests("token")][-1]
    contains(asked, ["scope=repository%3Abox%3Apull", "service=gate", f"account={USER}"], "the request for a token")


@test
def identity_token(t):
    """Given at login it is kept instead of the password, and traded for tokens by OAuth2."""
    gate = Gate(t, identity="refresh-me.0123456789")
    env, path = docker_config(t)
    t.kist("login", "-u", USER, "--password-stdin", gate.host, env=env, input=PASSWORD.encode(), out="Login Succeeded")
    equal(read(path)["auths"][gate.host], {"auth": auth(password=""), "identitytoken": "refresh-me.0123456789"}, "what was saved")
    before = len(gate.requests("token"))
    t.kist("pull", f"{gate.host}/box", env=env, out="downloaded")
    equal({(r["method"], r["path"]) for r in gate.requests("token")[before:]}, {("POST", "/token")}, "requests for tokens")
    t.write("docker/config.json", json.dumps({"auths": {gate.host: {"identitytoken": "out of date"}}}))
    t.fails(UNAUTHORIZED, ["out of date", path, "no such grant"], "pull", f"{gate.host}/box", env=env)


@test
def oauth_only(t):
    gate = Gate(t, "--oauth-only")
    env, _ = docker_config(t, {"auths": {gate.host: {"username": USER, "password": PASSWORD}}})
    t.kist("pull", f"{gate.host}/box", env=env, out="downloaded")


@test
def registry_token(t):
    gate = Gate(t, "--anonymous")
    env, path = docker_config(t, {"auths": {gate.host: {"registrytoken": "made.by.others"}}})
    t.fails(UNAUTHORIZED, ["wrong or out of date", path], "pull", f"{gate.host}/box", env=env)
    equal(gate.requests("token"), [], "requests for tokens")
    equal({r["authorization"] for r in gate.requests("registry")}, {"", "Bearer"}, "what the registry was shown")


@test
def tokens_run_out(t):
    """In the middle of a layer that the link cuts again and again."""
    data = os.urandom(600000)
    image = oci.image([oci.Layer.of([("random", data)])])
    name = oci.push(registry().host, "long", image, "1")
    gate = Gate(t, "--token-requests", "2", "--fault", "blobs/:close-after=100000")
    env, _ = docker_config(t, {"auths": {gate.host: {"auth": auth()}}})
    t.kist("--registry-backoff", "10ms", "pull", name.replace(registry().host, gate.host), env=env, out="downloaded")
    cut = [r["range"] for r in gate.requests("registry") if r["range"] and r["authorization"]]
    check(len(cut) >= 5 and len(gate.requests("token")) >= 3, f"{cut} with {len(gate.requests('token'))} tokens")


@test
def missing_scope(t):
    """A token that does not allow it is no reason to ask for ever."""
    gate = Gate(t, "--anonymous", "--token-requests", "0")
    env, _ = docker_config(t)
    t.fails(UNAUTHORIZED, "not authorised to pull", "pull", f"{gate.host}/box", env=env)
    equal(len(gate.requests("token")), 1, "requests for tokens")


@test
def pushing_needs_more(t):
    """Who may read only is told so when pushing; who may write writes, with one token."""
    gate = Gate(t)
    env, path = docker_config(t, {"auths": {gate.host: {"auth": auth("reader", "r")}}})
    t.kist("pull", "-q", f"{gate.host}/box", env=env)
    t.kist("tag", f"{gate.host}/box", f"{gate.host}/new/box")
    t.fails(UNAUTHORIZED, ["not authorised to push 'new/box'", "reader", path], "push", f"{gate.host}/new/box", env=env)
    t.write("docker/config.json", json.dumps({"auths": {gate.host: {"auth": auth()}}}))
    t.kist("--jobs", "1", "push", f"{gate.host}/new/box", env=env)
    contains(gate.requests("token")[-1]["path"], "scope=repository%3Anew%2Fbox%3Apull%2Cpush", "the last request for a token")


@test
def token_server_without_tls(t):
    """A name and a password do not go where everybody can read them."""
    gate = Gate(t, "--token-address", kit.FAR, realm="http://" + kit.FAR + ":{}/token")
    env, _ = docker_config(t, {"auths": {gate.host: {"auth": auth()}}})
    t.fails(UNAUTHORIZED, ["token server without TLS", kit.FAR], "pull", f"{gate.host}/box", env=env)
    equal(gate.requests("token"), [], "requests for tokens")
    t.kist("--registry-insecure", kit.FAR, "pull", f"{gate.host}/box", env=env, out="downloaded")


@test
def token_server_redirects(t):
    """What it is shown goes to no other host."""
    other = Gate(t)
    for content in ({"auth": auth()}, {"identitytoken": "secret-identity"}):
        gate = Gate(t, "--redirect-to", f"http://{other.token_host}", "--fault", "/token:redirect=1", identity="secret-identity")
        env, _ = docker_config(t, {"auths": {gate.host: content}})
        t.fails(UNAUTHORIZED, "", "pull", f"{gate.host}/box", env=env)
    equal([r for r in other.requests("token") if r["authorization"] or r["method"] == "POST"], [], "what the other was shown")


# ---- secrets --------------------------------------------------------------------------------------------------------


@test
def secrets_stay_secret(t):
    """In nothing that is written but sockets and the file of logins; in no message however much is told."""
    kit.need_programs("strace")
    gate = Gate(t, "--fault", "blobs/:close-after=700", identity="identity-0123456789")
    host, name = guarded(t)
    env, path = docker_config(t)
    secret = [PASSWORD, auth(), "identity-0123456789", auth(password=""), "Bearer", "Basic"]
    # LeakSanitizer cannot work under strace
    traced = {**env, "ASAN_OPTIONS": kit.ENVIRONMENT["ASAN_OPTIONS"] + ":detect_leaks=0"}
    for i, (words, text) in enumerate(((["login", "-u", USER, "--password-stdin", host], PASSWORD), (["pull", name], None),
                                       (["login", "-u", USER, "--password-stdin", gate.host], PASSWORD),
                                       (["--registry-backoff", "1ms", "pull", f"{gate.host}/box"], None))):
        trace = t.path(f"trace{i}")
        r = t.kist("--log-level", "debug", *words, env=traced, input=text and text.encode(), program=[
            "strace", "-f", "-yy", "-s", "1000000", "-e", "trace=write,pwrite64,writev,sendto,sendmsg", "-o", trace, kit.KIST])
        for word in secret:
            check(word not in r.err + r.out, f"{word!r} was told: {r.err}")
        contains(r.err, "debug", "what is told")
        with open(trace) as f:
            lines = f.readlines()
        shown = [line for line in lines if any(word in line for word in secret)]
        check(shown, f"nothing of kist {words} was seen")
        for line in shown:
            where = re.search(r"(?:write|pwrite64|writev|sendto|sendmsg)\(\d+<([^>]*)", line)
            check(where and (where[1].startswith(("TCP", "socket")) or where[1] in (path, path + ".new")), f"a secret in {line[:300]}")


@test
def password_on_command_line(t):
    """It is taken, with a warning, and is gone from where ps would find it."""
    silent = kit.socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{silent.getsockname()[1]}"
    env, _ = docker_config(t)
    child = t.start("login", "-u", USER, "-p", PASSWORD, host, env=env)
    connection, _ = silent.accept()  # now it waits for the server's part of TLS
    with open(f"/proc/{child.pid}/cmdline", "rb") as f:
        line = f.read()
    check(b"login" in line and PASSWORD.encode() not in line, f"the command line is {line}")
    with open(f"/proc/{child.pid}/environ", "rb") as f:
        check(PASSWORD.encode() not in f.read(), "the password is in the environment")
    child.send_signal(15)
    connection.close()
    silent.close()
    r = t.finish(child, ["login"], code=130)
    contains(r.err, ["warning", "--password-stdin"], "the message")
    check(PASSWORD not in r.err, "the password was told")


@test
def no_core_file(t):
    """A process that holds a password leaves none behind when it crashes."""
    silent = kit.socket.create_server(("127.0.0.1", 0))
    env, _ = docker_config(t)
    env["ASAN_OPTIONS"] = kit.ENVIRONMENT["ASAN_OPTIONS"] + ":disable_coredump=0"
    child = t.start("login", "-u", USER, "--password-stdin", f"127.0.0.1:{silent.getsockname()[1]}", env=env,
                    stdin=kit.subprocess.PIPE, cwd=t.dir, program=["sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", kit.KIST])
    child.stdin.write(PASSWORD.encode())
    child.stdin.close()
    child.stdin = None
    connection, _ = silent.accept()
    child.send_signal(6)
    _, status = os.waitpid(child.pid, 0)
    child.returncode = -6
    check(os.WIFSIGNALED(status) and not os.WCOREDUMP(status), f"it ended with status {status:#x}")
    equal([n for n in os.listdir(t.dir) if n.startswith("core")], [], "core files")
    connection.close()
    silent.close()


kit.main(prepare)
