"""What the end-to-end tests share: their own namespaces, kist as a child, servers, and a line a test.

A test file is a program: it decorates functions with @test, which take a Case, and ends with kit.main(). Arguments are
parts of test names; without any, all run. KIST names the binary, KIST_TEST_KEEP=1 keeps the directories of failed tests.

Everything runs in own mount, PID and network namespaces: only loopback is there (with 10.99.0.1 on it, a host that kist
does not take for loopback), and whatever a crash leaves behind goes with the last process.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
KIST = os.path.abspath(os.environ.get("KIST", os.path.join(TOP, "build/debug/kist")))
FAR = "10.99.0.1"
SANITIZERS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "KIST_TLS_TIME_FLOOR": "false",  # a clock behind the last commit would be told of each time
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


class Failure(Exception):
    pass


class Skip(Exception):
    pass


def skip(why):
    raise Skip(why)


def check(condition, why):
    if not condition:
        raise Failure(why)


def equal(got, want, what):
    if got != want:
        raise Failure(f"{what} is {got!r}, not {want!r}")


def contains(text, parts, what):
    for part in [parts] if isinstance(parts, str) else parts:
        if part not in text:
            raise Failure(f"{what} lacks {part!r}: {text.strip()[-1500:]!r}")


def wait_until(condition, what, seconds=60):
    """For what no event tells of; polled."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            raise Failure(f"{what}: not so after {seconds} s")
        time.sleep(0.01)
    return result


def need_programs(*names):
    for name in names:
        if not shutil.which(name, path=ENVIRONMENT["PATH"]):
            skip(f"{name} is not installed")


def command(*args, **options):
    """A program of the system that has to succeed; its output."""
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise Failure(f"{' '.join(args)} exited with {done.returncode}: {done.stderr.strip()[-1500:]}")
    return done.stdout


# ---- kist -----------------------------------------------------------------------------------------------------------


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        """The one object on standard output."""
        return json.loads(self.out)

    def jsons(self):
        return [json.loads(line) for line in self.out.splitlines()]


def exit_code(status):
    return status if status >= 0 else 128 - status


class Case:
    """What one test is given: a directory, a store in it, and kist."""

    def __init__(self, name, folder):
        self.name, self.dir = name, folder
        self.root = os.path.join(folder, "store")
        self.servers = []
        self.children = []
        self.undo = contextlib.ExitStack()

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        with open(self.path(name), "wb" if isinstance(text, bytes) else "w") as f:
            f.write(text)
        return self.path(name)

    def environment(self, extra=None):
        merged = {**ENVIRONMENT, "KIST_ROOT": self.root, **(extra or {})}
        return {key: value for key, value in merged.items() if value is not None}

    def start(self, *args, env=None, program=KIST, **options):
        """kist, left running; killed at the test's end if it still is."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        before = program if isinstance(program, list) else [program]
        child = subprocess.Popen([*before, *args], env=self.environment(env), **options)
        self.children.append(child)
        return child

    def finish(self, child, args=(), code=0, out=None, err=None, input=None, timeout=120):
        """Waits for what start() gave, and checks how it ended. Exactly one message goes with a failure of kist's own."""
        shown = "kist " + " ".join(args)
        try:
            got_out, got_err = child.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            _, got_err = child.communicate()
            raise Failure(f"{shown} did not end in {timeout} s: {got_err.decode(errors='replace')[-800:]!r}") from None
        finally:
            self.children.remove(child)
        r = Result(exit_code(child.returncode), (got_out or b"").decode(errors="replace"),
                   (got_err or b"").decode(errors="replace"))
        for word in SANITIZERS:
            check(word not in r.err, f"{shown}: {r.err[-3000:]}")
        codes = code if isinstance(code, tuple) else (code,)
        if r.code not in codes:
            raise Failure(f"{shown} exited with {r.code}, not {code}: {r.err.strip()[-1500:]!r}, {r.out.strip()[-500:]!r}")
        if out is not None:
            contains(r.out, out, f"output of {shown}")
        if err is not None:
            contains(r.err, err, f"message of {shown}")
        return r

    def kist(self, *args, env=None, program=KIST, cwd=None, input=None, **checks):
        options = {"stdin": subprocess.PIPE} if input is not None else {}
        return self.finish(self.start(*args, env=env, program=program, cwd=cwd, **options), args, input=input, **checks)

    def fails(self, code, message, *args, **options):
        """kist has to fail with code and exactly one line "kist: ...", which has message (a string or several)."""
        r = self.kist(*args, code=code, **options)
        lines = [line for line in r.err.splitlines() if line.startswith("kist: ")]
        check(len(lines) == 1, f"not one message but {len(lines)}: {r.err.strip()[-1500:]!r}")
        contains(lines[0], message, f"message of kist {' '.join(args)}")
        return r

    # ---- the store ----

    def layers(self):
        """diff ID -> path of the layer file."""
        folder = os.path.join(self.root, "layers/sha256")
        return {"sha256:" + name: os.path.join(folder, name) for name in list_dir(folder)}

    def blobs(self):
        return {"sha256:" + name for name in list_dir(os.path.join(self.root, "blobs/sha256"))}

    def transient(self):
        """What is in tmp/ and partial/."""
        return [f"{part}/{name}" for part in ("tmp", "partial") for name in list_dir(os.path.join(self.root, part))]

    def images(self):
        """Names of the images kept."""
        return sorted(row["Name"] for row in self.kist("images", "--json").jsons())

    def snapshot(self):
        """Every file of the store but lock and spare, which have no contents: path -> (size, mtime, inode)."""
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = os.path.join(folder, name)
                st = os.lstat(path)
                found[os.path.relpath(path, self.root)] = (st.st_size, st.st_mtime_ns, st.st_ino)
        found.pop("lock", None)
        found.pop("spare", None)
        return found

    def bytes_kept(self):
        return sum(os.lstat(os.path.join(folder, name)).st_blocks * 512
                   for folder, _, names in os.walk(self.root) for name in names)

    # ---- what goes with the test ----

    def mount(self, *args):
        """mount(8) with these arguments, the last of which is the place, made when missing; undone at the end."""
        os.makedirs(args[-1], exist_ok=True)
        command("mount", *args)
        self.undo.callback(lambda: command("umount", args[-1]))
        return args[-1]

    def server(self, server):
        self.servers.append(server)
        return server

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.communicate()
        for server in self.servers:
            server.stop()
        self.undo.close()


def list_dir(path):
    try:
        return sorted(os.listdir(path))
    except FileNotFoundError:
        return []


# ---- servers --------------------------------------------------------------------------------------------------------


def free_port(address="127.0.0.1"):
    with socket.socket() as s:
        s.bind((address, 0))
        return s.getsockname()[1]


class Process:
    """A program in the background. Ready once its port takes connections."""

    patience = 20  # seconds until then

    def __init__(self, args, address, port, log, env=None):
        self.host = f"{address}:{port}"
        self.log = log
        with open(log, "wb") as f:
            self.child = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=f, stderr=f, env=env or ENVIRONMENT)
        KEPT.append(self.child.pid)
        try:
            wait_until(lambda: self.is_ready(address, port), f"{args[0]} at {self.host}", self.patience)
        except Failure:
            self.stop()
            raise

    def is_ready(self, address, port):
        if self.child.poll() is not None:
            with open(self.log, errors="replace") as f:
                raise Failure(f"{self.child.args[0]} ended with {self.child.returncode}: {f.read()[-800:]}")
        with socket.socket() as s:
            return s.connect_ex((address, port)) == 0

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            self.child.wait()
        if self.child.pid in KEPT:
            KEPT.remove(self.child.pid)


def htpasswd(folder, users):
    """A file of users for docker-registry, which takes bcrypt only."""
    try:
        import crypt  # of Python up to 3.12
    except ImportError:
        skip("this Python makes no bcrypt hashes")
    path = os.path.join(folder, "htpasswd")
    with open(path, "w") as f:
        for name, password in users.items():
            f.write(f"{name}:{crypt.crypt(password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n")
    return path


class Registry(Process):
    """Debian's docker-registry on storage of its own; tls: (certificate, key), users: name -> password, more: YAML lines."""

    def __init__(self, folder, address="127.0.0.1", tls=None, storage=None, users=None, more=""):
        need_programs("docker-registry")
        os.makedirs(folder, exist_ok=True)
        port = free_port(address)
        config = os.path.join(folder, "config.yml")
        secure = f", tls: {{certificate: {tls[0]}, key: {tls[1]}}}" if tls else ""
        with open(config, "w") as f:
            f.write("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
                    f"storage: {{filesystem: {{rootdirectory: {storage or os.path.join(folder, 'data')}}}}}\n"
                    f'http: {{addr: "{address}:{port}"{secure}}}\n{more}')
            if users:
                f.write(f"auth: {{htpasswd: {{realm: tests, path: {htpasswd(folder, users)}}}}}\n")
        super().__init__(["docker-registry", "serve", config], address, port, os.path.join(folder, "log"))

    def push(self, layout, name, *options):
        """skopeo copies an OCI layout ("dir:tag") to name."""
        need_programs("skopeo")
        command("skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", *options, f"oci:{layout}",
                f"docker://{self.host}/{name}")
        return f"{self.host}/{name}"


class Cutter(Process):
    """tests/peers/cutter.py before a registry; faults as its README has them."""

    def __init__(self, case, upstream, *faults, options=()):
        port = free_port()
        self.requests_file = case.path(f"requests-{port}")
        faults = [word for fault in faults for word in ("--fault", fault)]
        super().__init__([sys.executable, os.path.join(TOP, "tests/peers/cutter.py"), str(port), upstream, *faults, *options,
                          "--log", self.requests_file], "127.0.0.1", port, case.path(f"cutter-{port}.log"))
        case.server(self)

    def requests(self, part=""):
        """What was asked for, of the paths that have part."""
        with open(self.requests_file) as f:
            return [r for r in map(json.loads, f) if part in r["path"]]


# ---- namespaces, and what must not be left -------------------------------------------------------------------------

KEPT = []  # processes that outlive a test
TESTS = []
ISOLATED = []  # not empty: there is no network but loopback


def test(function):
    TESTS.append(function)
    return function


def isolate():
    if os.environ.get("KIST_TEST_ISOLATED") != "1":
        if os.geteuid() != 0:
            print(f"skip {program_name()}: needs root, for mounts and namespaces")
            sys.exit(0)
        os.environ["KIST_TEST_ISOLATED"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
                              "--propagation", "private", sys.executable, *sys.argv])
    del os.environ["KIST_TEST_ISOLATED"]
    ISOLATED.append(True)
    command("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    if os.path.isdir("/etc/kist"):
        command("mount", "-t", "tmpfs", "tmpfs", "/etc/kist")
    command("ip", "link", "set", "lo", "up")
    command("ip", "addr", "add", FAR + "/32", "dev", "lo")
    os.environ.update(ENVIRONMENT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # ignored, as in a shell's background job, it would be so in every kist that is started here
    signal.signal(signal.SIGINT, signal.default_int_handler)


def mounts():
    with open("/proc/self/mountinfo") as f:
        return sorted(line.split()[4] for line in f)


def strangers():
    """Processes that nobody expects, as "pid name"; the namespace's children that have ended are reaped."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid() or int(pid) in KEPT:
            continue
        try:
            with open(f"/proc/{pid}/stat") as f:
                name, rest = re.fullmatch(r"\d+ \((.*)\) (.*)", f.read().strip(), re.S).groups()
            if rest.split()[0] == "Z" and rest.split()[1] == str(os.getpid()):
                os.waitpid(int(pid), 0)
                continue
        except (FileNotFoundError, ProcessLookupError, ChildProcessError):
            continue
        found.append(f"{pid} {name}")
    return found


def loops(folder):
    """Loop devices on files below folder."""
    found = []
    for name in os.listdir("/sys/block"):
        with contextlib.suppress(OSError), open(f"/sys/block/{name}/loop/backing_file") as f:
            if f.read().startswith(folder):
                found.append(name)
    return found


def nothing_left(folder, mounts_before):
    """Kernel and kist may need a moment to tidy up, but no more."""
    leaks = lambda: ([f"process {p}" for p in strangers()] + [f"loop device {d}" for d in loops(folder)] +
                     [f"mount at {m}" for m in mounts() if m not in mounts_before])
    with contextlib.suppress(Failure):
        wait_until(lambda: not leaks(), "tidy", seconds=30)
    left = leaks()
    check(not left, f"left behind: {', '.join(left)}")


# ---- running --------------------------------------------------------------------------------------------------------


def program_name():
    return os.path.splitext(os.path.basename(sys.argv[0]))[0]


def run_one(function, top, again=False):
    """True where it did not fail. With KIST_TEST_AGAIN=1 a test that failed is run once more, in a directory of its own: a
    line "again name: why" tells of it, and the second run decides."""
    name = f"{program_name()}.{function.__name__}"
    folder = os.path.join(top, function.__name__ + ("-again" if again else ""))
    os.mkdir(folder)
    before = mounts()
    case = Case(name, folder)
    why = None
    try:
        try:
            function(case)
        finally:
            case.close()
        nothing_left(folder, before)
        print(f"ok {name}", flush=True)
    except Skip as reason:
        print(f"skip {name}: {reason}", flush=True)
    except Failure as failure:
        place = traceback.extract_tb(failure.__traceback__)
        line = next((f.lineno for f in place if f.filename == function.__code__.co_filename), 0)
        why = f"{failure} (line {line})"
    except Exception as error:
        why = "".join(traceback.format_exception(error)).strip().replace("\n", "\n    ")
    repeat = why is not None and not again and os.environ.get("KIST_TEST_AGAIN") == "1"
    if why is not None:
        print(f"{'again' if repeat else 'FAIL'} {name}: {why}", flush=True)
    if why is None or os.environ.get("KIST_TEST_KEEP") != "1":
        shutil.rmtree(folder, ignore_errors=True)
    return run_one(function, top, again=True) if repeat else why is None


def main(prepare=None):
    """prepare(folder) is called once before the first test; it may raise Skip. What it starts goes at the end."""
    isolate()
    if not os.access(KIST, os.X_OK):
        print(f"FAIL {program_name()}: there is no {KIST}")
        sys.exit(1)
    wanted = [t for t in TESTS if not sys.argv[1:] or any(part in t.__name__ for part in sys.argv[1:])]
    top = tempfile.mkdtemp(prefix="kist-e2e.")
    good = True
    try:
        if prepare:
            os.mkdir(os.path.join(top, "shared"))
            prepare(os.path.join(top, "shared"))
        for function in wanted:
            good = run_one(function, top) and good
    except Skip as reason:
        print(f"skip {program_name()}: {reason}")
    except Failure as failure:
        print(f"FAIL {program_name()}: {failure}")
        good = False
    finally:
        if good or os.environ.get("KIST_TEST_KEEP") != "1":
            shutil.rmtree(top, ignore_errors=True)
    sys.exit(0 if good else 1)
