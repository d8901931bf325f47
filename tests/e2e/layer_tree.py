"""What a layer holds, as told by four witnesses, one line an entry; for layer.sh.

    layer_tree.py walk DIR         an unpacked or mounted tree, contents hashed
    layer_tree.py tool             layer_tool list or sums, on standard input
    layer_tree.py lls              unsquashfs -lln with TZ=UTC, on standard input
    layer_tree.py compare A B      two such tellings; what one of them leaves out ("*") is not compared

A line: path, type, mode, owner, group, size, mtime, device, links, target, xattrs, sha256, separated by tabs.
"""
import errno
import hashlib
import os
import re
import stat
import sys
import time

FIELDS = ("path", "type", "mode", "uid", "gid", "size", "mtime", "device", "links", "target", "xattrs", "sha256")


def text(raw):
    return "".join(chr(c) if 0x20 < c <= 0x7E and c != 0x5C else "\\x%02x" % c for c in raw)


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        while chunk := f.read(1 << 20):
            h.update(chunk)
    return h.hexdigest()


def xattrs_of(path):
    try:
        names = sorted(n for n in os.listxattr(path, follow_symlinks=False) if not n.startswith("system."))
    except OSError as e:
        if e.errno == errno.EOPNOTSUPP:  # a squashfs without any
            return "-"
        raise
    return ",".join(text(os.fsencode(n)) + "=" + os.getxattr(path, n, follow_symlinks=False).hex() for n in names) or "-"


def walk_one(path, name):
    st = os.lstat(path)
    kind = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFCHR: "c", stat.S_IFBLK: "b",
            stat.S_IFIFO: "p"}[stat.S_IFMT(st.st_mode)]
    device = "%d,%d" % (os.major(st.st_rdev), os.minor(st.st_rdev)) if kind in "cb" else "-"
    return (text(name), kind, "%04o" % stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, st.st_size if kind == "f" else 0,
            # squashfs counts from 1970 in 32 bits
            min(max(int(st.st_mtime_ns // 10**9), 0), 2**32 - 1), device, "*" if kind == "d" else st.st_nlink,
            text(os.fsencode(os.readlink(path))) if kind == "l" else "-", xattrs_of(path),
            digest(path) if kind == "f" else "-")


def walk(top):
    top = os.fsencode(top)
    yield walk_one(top, b".")
    for folder, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(folder, name)
            yield walk_one(path, os.path.relpath(path, top))


def tool():
    for line in sys.stdin:
        kind, mode, uid, gid, size, mtime, device, _, links, path, target, xattrs, mark, *rest = line.rstrip("\n").split("\t")
        xattrs = ",".join(sorted(xattrs.split(",")))
        kind = {"w": "c"}.get(kind, kind)
        device = "0,0" if kind == "c" and device == "-" else device
        if mark == "implied":
            mode = uid = gid = mtime = xattrs = "*"
        yield (path, kind, mode, uid, gid, size, mtime, device, "*" if kind == "d" else links, target, xattrs,
               rest[0] if rest else "*")


def mode_of(letters):
    bits = sum(1 << (8 - i) for i, c in enumerate(letters[1:]) if c not in "-ST")
    special = {3: 0o4000, 6: 0o2000, 9: 0o1000}
    return bits | sum(bit for i, bit in special.items() if letters[i] in "sStT")


def device_of(high, low):
    """unsquashfs cuts the 32 bits into 24 and 8 where Linux has 12 bits of minor, 12 of major, 8 of minor."""
    return "%d,%d" % (high & 0xFFF, low | (high >> 12 & 0xFFF) << 8)


def lls():
    line_of = re.compile(rb"(\S{10}) (\d+)/(\d+) +(-?\d+(?:, *\d+)?) (\d+-\d\d-\d\d \d\d:\d\d) (.*)")
    for line in sys.stdin.buffer.read().split(b"\n"):
        m = line_of.fullmatch(line)
        if not m:
            continue
        letters, uid, gid, size, when, path = m.groups()
        kind = letters[:1].decode().replace("-", "f")
        target = b"-"
        if kind == "l":
            path, target = path.split(b" -> ", 1)
        path = path.removeprefix(b"squashfs-root").removeprefix(b"/") or b"."
        device = device_of(*map(int, size.split(b","))) if kind in "cb" else "-"
        minute = int(time.mktime(time.strptime(when.decode(), "%Y-%m-%d %H:%M")))
        yield (text(path), kind, "%04o" % mode_of(letters.decode()), uid.decode(), gid.decode(),
               size.decode() if kind == "f" else 0, "~%d" % minute, device, "*", text(target) if kind == "l" else "-", "*", "*")


def same(a, b):
    """A time after "~" is one of minutes."""
    if "*" in (a, b) or a == b:
        return True
    if b.startswith("~"):
        return int(a) // 60 * 60 == int(b[1:])
    return False


def compare(a, b):
    rows = []
    for name in (a, b):
        with open(name, encoding="ascii") as f:
            rows.append({line.split("\t", 1)[0]: line.rstrip("\n").split("\t") for line in f})
    found = []
    for path in sorted(rows[0].keys() | rows[1].keys()):
        one, two = (r.get(path) for r in rows)
        if not one or not two:
            found.append("'%s' is missing in %s" % (path, a if not one else b))
            continue
        found += ["'%s': %s is %s in %s, %s in %s" % (path, field, x, a, y, b)
                  for field, x, y in zip(FIELDS, one, two) if not same(x, y)]
    if not rows[0]:
        found.append("there is nothing in %s" % a)
    print("\n".join(found[:5]))
    return 1 if found else 0


def main():
    what, *args = sys.argv[1:]
    if what == "compare":
        return compare(*args)
    rows = {"walk": walk, "tool": tool, "lls": lls}[what](*args)
    for row in rows:
        print(*row, sep="\t")
    return 0


sys.exit(main())
