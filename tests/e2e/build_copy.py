#!/usr/bin/env python3
"""COPY and ADD: what they make, entry for entry as buildah does; contexts that are odd, large or sent as a tar."""
import hashlib
import http.server
import io
import os
import socket
import stat
import subprocess
import tarfile
import threading

import kit
from kit import check, equal, test

TIME = 1500000000


class Buildah:
    def __init__(self, t):
        kit.need_programs("buildah")
        self.options = ["buildah", "--root", t.path("buildah"), "--runroot", t.path("buildah-run"), "--storage-driver", "vfs"]
        self.env = {**kit.ENVIRONMENT, "TMPDIR": t.dir, "HOME": t.dir, "BUILDAH_ISOLATION": "chroot"}

    def __call__(self, *args):
        return kit.command(*self.options, *args, env=self.env)

    def tree(self, folder):
        """What a build of folder comes to: entries, as tree_of_tar has them."""
        self("bud", "--layers=false", "-q", "-t", "built", folder)
        container = self("from", "built").strip()
        top = self("mount", container).strip()
        found = {}
        for at, folders, files in os.walk(top):
            for name in folders + files:
                path = os.path.join(at, name)
                found[os.path.relpath(path, top)] = entry(os.lstat(path), path)
        self("rm", container)
        self("rmi", "built")
        return found


def entry(st, path):
    kind = stat.S_IFMT(st.st_mode)
    content = (os.readlink(path) if kind == stat.S_IFLNK else
               hashlib.sha256(open(path, "rb").read()).hexdigest() if kind == stat.S_IFREG else None)
    return (kind, None if kind == stat.S_IFLNK else st.st_mode & 0o7777, st.st_uid, st.st_gid, content,
            int(st.st_mtime) if kind == stat.S_IFREG else None)


KINDS = {tarfile.REGTYPE: stat.S_IFREG, tarfile.DIRTYPE: stat.S_IFDIR, tarfile.SYMTYPE: stat.S_IFLNK, tarfile.FIFOTYPE: stat.S_IFIFO,
         tarfile.LNKTYPE: stat.S_IFREG}


def tree_of_tar(path):
    found = {}
    with tarfile.open(path) as tar:
        for m in tar:
            name = os.path.normpath(m.name)
            if name == ".":
                continue
            kind = KINDS[m.type]
            data = tar.extractfile(m).read() if kind == stat.S_IFREG else None
            content = m.linkname if m.issym() else hashlib.sha256(data).hexdigest() if data is not None else None
            if m.islnk():
                found[name] = found[os.path.normpath(m.linkname)]
                continue
            found[name] = (kind, None if m.issym() else m.mode, m.uid, m.gid, content, m.mtime if kind == stat.S_IFREG else None)
    return found


def fill(folder):
    """A context with something of everything that is ordinary."""
    def put(name, text, mode=0o644):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text)
        os.chmod(path, mode)
        os.utime(path, (TIME, TIME))

    put("a.txt", b"a\n")
    put("b.txt", b"b\n", 0o600)
    put("run.sh", b"#!/bin/sh\n", 0o755)
    put("dir/one", b"1")
    put("dir/sub/two", b"2")
    put("dir/sub/deep/three", b"3" * 100000)
    put("dir/log/x.log", b"log")
    put("other/one", b"not 1")
    put("skip/me", b"no")
    put("skip/keep/it", b"yes")
    put("name with space", b"s")
    os.chmod(os.path.join(folder, "dir/sub"), 0o750)
    os.makedirs(os.path.join(folder, "empty"))
    os.chmod(os.path.join(folder, "empty"), 0o700)
    for name, target in (("to-a", "a.txt"), ("dir/link", "../a.txt"), ("to-dir", "dir"), ("dir/dangling", "nowhere")):
        os.symlink(target, os.path.join(folder, name))
    os.link(os.path.join(folder, "dir/one"), os.path.join(folder, "dir/again"))
    os.mkfifo(os.path.join(folder, "dir/fifo"))
    with tarfile.open(os.path.join(folder, "app.tar.gz"), "w:gz", format=tarfile.GNU_FORMAT) as tar:
        for name, kind, mode, owner in (("./", tarfile.DIRTYPE, 0o755, 0), ("opt", tarfile.DIRTYPE, 0o750, 7), ("opt/x", tarfile.REGTYPE, 0o640, 7)):
            m = tarfile.TarInfo(name)
            m.type, m.mode, m.uid, m.gid, m.mtime = kind, mode, owner, owner, TIME
            m.size = 4 if kind == tarfile.REGTYPE else 0
            tar.addfile(m, io.BytesIO(b"tar\n"))
        for name, kind, target in (("opt/soft", tarfile.SYMTYPE, "x"), ("opt/hard", tarfile.LNKTYPE, "opt/x")):
            m = tarfile.TarInfo(name)
            m.type, m.linkname, m.mode, m.uid, m.gid, m.mtime = kind, target, 0o640, 7, 7, TIME
            tar.addfile(m)


def base(folder):
    """base.tar: an image to copy onto."""
    with tarfile.open(os.path.join(folder, "base.tar"), "w") as tar:
        for name, kind, mode, more in (
                ("etc", tarfile.DIRTYPE, 0o755, b""), ("etc/passwd", tarfile.REGTYPE, 0o644, b"root:x:0:0::/:\napp:x:100:101::/:\n"),
                ("etc/group", tarfile.REGTYPE, 0o644, b"root:x:0:\nstaff:x:50:\n"), ("usr", tarfile.DIRTYPE, 0o755, b""),
                ("usr/lib", tarfile.DIRTYPE, 0o711, b""), ("lib", tarfile.SYMTYPE, 0o777, "usr/lib"), ("tmp", tarfile.DIRTYPE, 0o1777, b""),
                ("there", tarfile.DIRTYPE, 0o700, b""), ("there/one", tarfile.REGTYPE, 0o600, b"old")):
            m = tarfile.TarInfo(name)
            m.type, m.mode, m.mtime = kind, mode, TIME
            if kind == tarfile.SYMTYPE:
                m.linkname = more
            m.size = len(more) if kind == tarfile.REGTYPE else 0
            tar.addfile(m, io.BytesIO(more if kind == tarfile.REGTYPE else b""))


# Built by both, on base.tar; the second into a stage of its own.
ONTO = """COPY a.txt /
COPY a.txt /new
COPY a.txt /new1/
COPY a.txt /new2/deep/name
COPY a.txt b.txt run.sh /files/
COPY *.txt r*.sh /wild1/
COPY ?.txt /wild2/
COPY d*/s* /wild3/
COPY ["name with space", "/x/"]
COPY a.txt /lib
COPY a.txt /lib/more/
COPY a.txt /tmp/
COPY dir /there
COPY dir/sub /there/
COPY dir/. /flat/
COPY dir other /both/
COPY empty /empty/
COPY to-a /followed1
COPY to-dir /followed2/
COPY --chown=app a.txt /mine1/
COPY --chown=app:staff dir /mine2/
COPY --chown=7:8 a.txt /mine3/deep/a
COPY --chmod=751 a.txt dir/sub/two /modes/
COPY . /all/
ADD a.txt /x1
ADD app.tar.gz /unpacked1
ADD app.tar.gz /unpacked2/
ADD --chown=app app.tar.gz /
COPY app.tar.gz /as-is
WORKDIR /work1
COPY a.txt .
COPY b.txt sub/
COPY run.sh ./to
WORKDIR /work2
COPY . .
"""
BETWEEN = """COPY --chown=app dir /d/
COPY a.txt /one
FROM base
COPY --from=1 /one /two
COPY --from=1 /d /e1/
COPY --from=1 --chown=0 /d/sub /d/one /e2/
COPY --from=1 /d/*e /e3/
"""


def differences(got, want):
    for name in sorted(set(got) | set(want)):
        if got.get(name) != want.get(name):
            yield f"{name}: {got.get(name)}, not {want.get(name)}"


def built(t, folder, *options):
    t.kist("build", "-q", "-o", f"type=tar,dest={t.path('built.tar')}", *options, folder)
    return tree_of_tar(t.path("built.tar"))


@test
def as_buildah_does(t):
    buildah = Buildah(t)
    folder = t.path("context")
    os.makedirs(folder)
    fill(folder)
    base(folder)
    for name in ("base.tar", "app.tar.gz"):
        os.utime(os.path.join(folder, name), (TIME, TIME))
    t.write("context/.dockerignore", "skip\n!skip/keep\n**/*.log\nDockerfile\n.dockerignore\n")
    for text in (ONTO, BETWEEN):
        t.write("context/Dockerfile", "FROM scratch AS base\nADD base.tar /\nFROM base\n" + text)
        found = list(differences(built(t, folder), buildah.tree(folder)))
        check(not found, "\n  ".join(found))


def context(t, dockerfile, name="context", **files):
    """Names have "__" for "/"."""
    for path, text in {"Dockerfile": dockerfile, **files}.items():
        path = os.path.join(t.path(name), path.replace("__", "/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
    return t.path(name)


def clean(t):
    equal(t.transient(), [], "left in tmp/ and partial/")


@test
def modes_and_odd_files(t):
    """Set-user-ID stays, a socket is passed over, a fifo is none to wait for, xattrs that say what a file is go along."""
    folder = context(t, "FROM scratch\nCOPY d /d\n", d__x="x")
    os.chmod(os.path.join(folder, "d/x"), 0o6751)
    os.chmod(os.path.join(folder, "d"), 0o3770)
    os.mkfifo(os.path.join(folder, "d/fifo"), 0o600)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(os.path.join(folder, "d/socket"))
    os.setxattr(os.path.join(folder, "d/x"), "user.note", b"kept")
    os.setxattr(os.path.join(folder, "d/x"), "trusted.note", b"not kept")
    tree = built(t, folder)
    equal({name: oct(e[1]) for name, e in tree.items()}, {"d": "0o3770", "d/x": "0o6751", "d/fifo": "0o600"}, "names and modes")
    with tarfile.open(t.path("built.tar")) as tar:
        equal({k: v for k, v in tar.getmember("d/x").pax_headers.items() if "xattr" in k}, {"SCHILY.xattr.user.note": "kept"}, "xattrs")
    os.makedirs(os.path.join(folder, "d/deep/.wh.x"))
    t.fails(18, ["Dockerfile:2:", "a layer cannot hold 'd/deep/.wh.x'"], "build", folder)
    clean(t)


@test
def same_on_any_machine(t):
    """Two directories, filled in another order and at another time."""
    ids = set()
    for name, order in (("one", "abc"), ("two", "cba")):
        folder = context(t, "FROM scratch\nCOPY . /app/\nCOPY a <<note /more/\ntext\nnote\n", name)
        for i, letter in enumerate(order):
            os.makedirs(os.path.join(folder, letter))
            for at in range(20) if name == "one" else reversed(range(20)):
                with open(os.path.join(folder, letter, str(at)), "w") as f:
                    f.write(letter)
                os.utime(os.path.join(folder, letter, str(at)), (i + 1700000000, i + 1700000000))
        ids.add(t.kist("build", "-q", "--no-cache", folder, env={"SOURCE_DATE_EPOCH": "1600000000"}).out)
    equal(len(ids), 1, "image IDs")


@test
def more_files_than_memory(t):
    """What is not copied costs nothing; what is has a limit, and says so."""
    folder = context(t, "FROM scratch\nCOPY keep /\n", keep="x")
    os.makedirs(os.path.join(folder, "many"))
    for i in range(20000):
        os.close(os.open(os.path.join(folder, "many", str(i)), os.O_CREAT | os.O_WRONLY))
    small = {"KIST_MEM": "4MiB"}
    t.kist("build", "-q", folder, env=small)
    context(t, "FROM scratch\nCOPY . /\n")
    t.fails(16, ["Dockerfile:2:", "COPY failed: more files than 'mem' allows (leave some out by '.dockerignore', or raise it)"], "build", folder, env=small)
    clean(t)
    t.kist("build", "-q", folder)


@test
def sent_on_stdin(t):
    """A tar however packed, or a Dockerfile alone; a tar that is damaged."""
    folder = context(t, "FROM scratch\nCOPY . /d/\n", a="A", b__c="C", skip="no")
    t.write("context/.dockerignore", "skip\n")
    want = built(t, folder)
    for options in ([], ["--gzip"], ["--zstd"]):
        tar = subprocess.run(["tar", *options, "--owner=7", "-C", folder, "-c", "."], stdout=subprocess.PIPE, check=True).stdout
        t.kist("build", "-q", "-o", f"type=tar,dest={t.path('sent.tar')}", "-", input=tar)
        equal(list(differences(tree_of_tar(t.path("sent.tar")), want)), [], "what a tar says that the directory does not")
        clean(t)
    t.kist("build", "-q", "-", input=b"FROM scratch\nCOPY <<a /\nx\na\n")
    t.fails(12, "COPY failed: file not found in build context", "build", "-", input=b"FROM scratch\nCOPY a /\n")
    t.fails(15, "", "build", "-", input=tar[:len(tar) // 2])
    clean(t)


class Files:
    """Served at http://<host>/<name>, and how often."""

    def __init__(self, t, **files):
        outer = self
        self.files, self.asked, self.modified = files, 0, None

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                data = outer.files.get(self.path.strip("/"))
                self.send_response(200 if data is not None else 404)
                self.send_header("Content-Length", str(len(data or b"")))
                if outer.modified:
                    self.send_header("Last-Modified", outer.modified)
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        t.undo.callback(self.stop)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@test
def urls(t):
    files = Files(t, it=b"hello")
    digest = "sha256:" + hashlib.sha256(b"hello").hexdigest()
    text = f"FROM scratch\nADD {{}}http://{files.host}/it /d/\n"
    folder = context(t, text.format(""))
    first = t.kist("build", "-q", folder).out
    equal(built(t, folder)["d/it"][:5], (stat.S_IFREG, 0o600, 0, 0, digest[7:]), "what was fetched")
    files.modified = "Sun, 06 Nov 1994 08:49:37 GMT"
    equal(t.kist("build", "-q", folder).out, first, "the image, where but the time is another")
    for epoch, want in ("", 784111777), ("1", 1):
        t.kist("build", "-q", "--no-cache", "-o", "type=tar,dest=" + t.path("timed.tar"), folder, env={"SOURCE_DATE_EPOCH": epoch})
        with tarfile.open(t.path("timed.tar")) as tar:
            equal(tar.getmember("d/it").mtime, want, "the time of what was fetched")
    context(t, text.format(f"--checksum={digest} "))
    t.kist("build", "-q", folder)
    asked = files.asked
    t.kist("build", "-q", folder)
    equal(files.asked, asked, "requests for what is in the cache by its checksum")
    files.files["it"] = b"other"
    context(t, text.format(""))
    check(t.kist("build", "-q", folder).out != first, "another file is the same image")
    context(t, text.format("--checksum=sha256:" + "0" * 64 + " "))
    t.fails(15, ["Dockerfile:2:", "digest mismatch"], "build", folder)
    files.files.clear()
    context(t, text.format(""))
    t.fails(12, ["Dockerfile:2:", f"'{files.host}' answered 404"], "build", folder)
    context(t, "FROM scratch\nADD https://example.com/x.git /d/\n")
    t.fails(18, ["Dockerfile:2:", "is a git repository"], "build", folder)
    clean(t)


@test
def archives_with_holes(t):
    """ADD of what GNU tar makes of a file with holes, in each of its formats."""
    folder = context(t, "FROM scratch\nADD holes.tar /d/\n")
    with open(t.path("holes"), "wb") as f:
        for at in 1 << 20, 3 << 20, (5 << 20) + 100:
            f.seek(at)
            f.write(b"data" * 1500)
        f.truncate(9 << 20)
    with open(t.path("holes"), "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    for form in ["--format=gnu"], *(["--format=posix", "--sparse-version=" + version] for version in ("0.0", "0.1", "1.0")):
        archive = os.path.join(folder, "holes.tar")
        kit.command("tar", "-C", t.dir, "--sparse", *form, "-cf", archive, "holes")
        check(os.path.getsize(archive) < 1 << 20, f"tar {form} has kept the holes")
        equal(built(t, folder)["d/holes"][4], digest, f"what is in the file of {form}")
        check(t.bytes_kept() < 1 << 20, f"{t.bytes_kept()} bytes are kept")
    clean(t)


@test
def links_lead_nowhere_else(t):
    """A context that links out of itself, and an image whose links lead anywhere."""
    folder = context(t, "FROM scratch\nCOPY up/passwd /\n", d__x="x")
    os.symlink("../../../../../etc", os.path.join(folder, "up"))
    os.symlink("/etc/passwd", os.path.join(folder, "out"))
    t.fails(12, "COPY failed: file not found in build context", "build", folder)
    context(t, "FROM scratch\nCOPY out /\n")
    t.fails(12, "COPY failed: file not found in build context", "build", folder)
    context(t, "FROM scratch\nCOPY ../context/d /\n")
    t.fails(2, "COPY failed: forbidden path outside the build context: ../context/d ()", "build", folder)
    os.symlink("../../..", os.path.join(folder, "d/above"))
    context(t, "FROM scratch\nCOPY d /d/\nCOPY d/x /d/above/new/\n")
    equal(sorted(built(t, folder)), ["d", "d/above", "d/x", "new", "new/x"], "names")
    clean(t)


@test
def files_that_are_known(t):
    """What was read once is not opened again, until it changes: whatever was done to its size and its times."""
    folder = context(t, "FROM scratch\nCOPY . /x/\n", first="one", sub__second="two")
    known, path, trace = t.path("run/known-files"), os.path.join(folder, "first"), t.path("trace")
    if os.stat(path).st_ctime_ns % 10**7 == 0:
        kit.skip("the filesystem's times are coarse")

    def build(*options, **more):
        return t.kist("--run-dir", t.path("run"), "build", "-q", *options, folder, env={"SOURCE_DATE_EPOCH": "1600000000", **more.pop("env", {})},
                      **more).out

    def opened():
        kit.need_programs("strace")
        build(program=["strace", "-f", "-e", "trace=openat", "-o", trace, kit.KIST], env={"ASAN_OPTIONS": "detect_leaks=0"})
        with open(trace) as f:
            text = f.read()
        return [name for name in ("first", "second") if f'"{name}"' in text]

    def rewrite(text):
        st = os.stat(path)
        with open(path, "r+") as f:
            f.write(text)
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

    def whole():
        return os.path.exists(known) and os.stat(known).st_size >= 24 + 3 * 32 + 4

    first = build("--no-cache")
    build("--dry-run")
    check(not os.path.exists(known), "a build without cache, or none, has left what it read")
    kit.wait_until(lambda: build() == first and whole(), "all files are known")
    equal(opened(), [], "files that were opened though they are known")
    rewrite("eno")
    other = build()
    check(other != first, "a file that was rewritten is the same image")
    equal(build("--no-cache"), other, "the same without a cache")
    rewrite("one")
    equal(build(), first, "the image of what was before")
    equal(len({(rewrite(f"{i:03}"), build())[1] for i in range(20)}), 20, "images of as many changes")
    os.setxattr(path, "user.note", b"x")
    before = build()
    os.setxattr(path, "user.note", b"y")
    check(build() != before, "a file with another xattr is the same image")
    before = build()
    with open(known, "r+b") as f:
        f.seek(40)
        f.write(b"damaged")
    equal(opened(), ["first", "second"], "files that were opened for what is known is damaged")
    equal(build(), before, "the image nevertheless")
    t.kist("--run-dir", t.path("run"), "builder", "prune", "-f")
    check(not os.path.exists(known), "builder prune leaves what is known of files")
    clean(t)


kit.main()
