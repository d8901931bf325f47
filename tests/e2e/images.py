#!/usr/bin/env python3
"""Real images for the tests, made once by umoci and mmdebstrap and kept in KIST_TEST_IMAGES (build/images).

images.py [NAME...]: makes those (busybox and debian without arguments) and prints a line each. They are described in README.md.
"""
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

import kit
from oci import Layout

FOLDER = os.path.abspath(os.environ.get("KIST_TEST_IMAGES", os.path.join(kit.TOP, "build/images")))
VERSIONS = {"busybox": 2, "debian": 1, "tenfold": 1}  # of the recipes below: images made by another are made anew
APPLETS = ("sh ash ls cat cp mv rm mkdir rmdir ln echo true false sleep id uname ps mount umount env pwd stat chmod chown touch "
           "test wc head tail grep sed awk cut tr od dd mknod mkfifo hostname ip ifconfig kill trap nc find sort stty tty date "
           "readlink realpath sha256sum tee printf seq xargs df du sync nproc setsid su").split()


class Bundle:
    """An image in the making: a rootfs that umoci turns into one layer after the other."""

    def __init__(self, folder):
        self.layout, self.work = os.path.join(folder, "oci"), os.path.join(folder, "bundle")
        self.name = self.layout + ":latest"
        self.root = os.path.join(self.work, "rootfs")
        umoci("init", "--layout", self.layout)
        umoci("new", "--image", self.name)
        umoci("unpack", "--image", self.name, self.work)

    def layer(self, by):
        umoci("repack", "--refresh-bundle", "--image", self.name, "--history.created_by", by, self.work)

    def config(self, *options):
        umoci("config", "--image", self.name, "--history.created_by", "config", *options)

    def path(self, *names):
        return os.path.join(self.root, *names)

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def finish(self, to):
        """umoci's tars as 'gzip -6' packs them: what the bars are about. umoci leaves old blobs behind."""
        layout = Layout(self.layout)
        for layer in layout.manifest["layers"]:
            packed = subprocess.run("gzip -dc | gzip -6 -n", shell=True, stdin=open(layout.path(layer["digest"]), "rb"),
                                    stdout=subprocess.PIPE, check=True).stdout
            layer.update(digest=layout.save(packed), size=len(packed))
        layout.save_manifest()
        shutil.rmtree(self.work)
        os.rename(self.layout, to)


def umoci(*args):
    kit.command("umoci", *args, env={**kit.ENVIRONMENT, **os.environ})


def make_busybox(folder, to):
    """Two layers: the second deletes, hides and replaces what the first has."""
    image = Bundle(folder)
    for name in ("bin", "etc", "root", "usr/share/doc/old", "usr/share/hidden", "var/data", "opt/swap", "home/app"):
        os.makedirs(image.path(name))
    os.mkdir(image.path("tmp"))
    os.chmod(image.path("tmp"), 0o1777)
    shutil.copy("/bin/busybox", image.path("bin/busybox"))
    for applet in APPLETS:
        os.symlink("busybox", image.path("bin", applet))
    os.link(image.path("bin/busybox"), image.path("bin/same"))
    shutil.copy("/bin/busybox", image.path("bin/busybox-net"))
    kit.command("setcap", "cap_net_raw+ep", image.path("bin/busybox-net"))
    shutil.copy("/bin/busybox", image.path("bin/busybox-suid"))
    os.chmod(image.path("bin/busybox-suid"), 0o4755)
    image.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n")
    image.write("etc/group", "root:x:0:\napp:x:1000:\nextra:x:2000:app\n")
    os.chown(image.path("home/app"), 1000, 1000)
    image.write("etc/motd", "hello from the first layer\n")
    image.write("etc/noexec", "not to be executed\n")
    image.write("usr/share/doc/gone", "only the first layer has this\n")
    image.write("usr/share/doc/old/gone", "this too\n")
    image.write("usr/share/hidden/below", "an opaque directory hides this\n")
    image.write("var/data/kept", "the first layer's\n")
    image.write("opt/swap/file", "a directory that becomes a file\n")
    with open(image.path("var/data/sparse"), "wb") as f:
        f.truncate(8 << 20)
        f.write(b"head")
        f.seek(5 << 20)
        f.write(b"middle")
    os.mkfifo(image.path("var/data/fifo"), 0o600)
    os.mknod(image.path("var/data/zero"), 0o600 | 0o020000, os.makedev(1, 5))
    image.layer("busybox")
    image.write("etc/motd", "hello from the second layer\n")
    shutil.rmtree(image.path("usr/share/doc"))
    shutil.rmtree(image.path("usr/share/hidden"))
    image.write("usr/share/hidden/above", "only this is seen\n")
    shutil.rmtree(image.path("opt/swap"))
    image.write("opt/swap", "a file now\n")
    image.layer("changes")
    image.config("--config.cmd", "cat", "--config.cmd", "/etc/motd", "--config.env", "PATH=/bin", "--config.env", "FROM=image",
                 "--author", "the tests")
    image.finish(to)


def make_debian(folder, to):
    """Debian with Python in three layers: about 195 MB unpacked."""
    image = Bundle(folder)
    base = os.path.join(folder, "base.tar")
    chroot = ["chroot", image.root]
    env = {**kit.ENVIRONMENT, "DEBIAN_FRONTEND": "noninteractive"}
    for key in ("http_proxy", "https_proxy", "no_proxy"):
        if key in os.environ:
            env[key] = os.environ[key]
    kit.command("mmdebstrap", "--quiet", "--variant=minbase", "bookworm", base, env=env)
    kit.command("tar", "-C", image.root, "--xattrs", "--xattrs-include=*", "-xpf", base)
    os.unlink(base)
    clean(image.root)
    image.layer("mmdebstrap --variant=minbase bookworm")
    resolver = image.path("etc/resolv.conf")
    shutil.copy("/etc/resolv.conf", resolver)
    kit.command(*chroot, "apt-get", "-qq", "update", env=env)
    kit.command(*chroot, "apt-get", "-qq", "install", "-y", "--no-install-recommends", "python3", env=env)
    kit.command(*chroot, "apt-get", "clean", env=env)
    os.unlink(resolver)
    clean(image.root)
    image.layer("apt-get install python3")
    image.write("app/main.py", "import json, platform, sys\nprint(json.dumps({'python': platform.python_version(), 'args': sys.argv[1:]}))\n")
    image.write("app/table.json", json.dumps({str(i): hashlib.sha256(b"%d" % i).hexdigest() for i in range(4000)}))
    image.layer("app")
    image.config("--config.entrypoint", "python3", "--config.entrypoint", "/app/main.py", "--config.workingdir", "/app")
    image.finish(to)


def clean(root):
    for name in ("var/lib/apt/lists", "var/cache/apt", "var/log", "usr/share/doc", "usr/share/man"):
        for folder, _, names in os.walk(os.path.join(root, name)):
            for file in names:
                os.unlink(os.path.join(folder, file))


def make_tenfold(folder, to):
    """The debian image's layers ten times over, in folders of their own: ten times the files and bytes. For the memory bar."""
    source = Layout(path("debian"))
    os.rename(shutil.copytree(source.folder, os.path.join(folder, "oci")), to)
    layout = Layout(to)
    layers, diff_ids = [], []
    for copy in range(10):
        for layer in source.manifest["layers"]:
            tree = os.path.join(folder, "tree")
            os.makedirs(os.path.join(tree, f"copy{copy}"))
            kit.command("tar", "-C", os.path.join(tree, f"copy{copy}"), "-xpzf", source.path(layer["digest"]))
            tar = os.path.join(folder, "layer.tar")
            kit.command("tar", "-C", tree, "--sort=name", "--format=pax", "-cf", tar, f"copy{copy}")
            with open(tar, "rb") as f:
                diff_ids.append("sha256:" + hashlib.file_digest(f, "sha256").hexdigest())
            packed = kit_bytes("gzip", "-1", "-n", "-c", tar)
            layers.append({**layer, "digest": layout.save(packed), "size": len(packed)})
            shutil.rmtree(tree)
    layout.manifest["layers"], layout.config["rootfs"]["diff_ids"] = layers, diff_ids
    layout.config.pop("history", None)
    text = json.dumps(layout.config).encode()
    layout.manifest["config"].update(digest=layout.save(text), size=len(text))
    layout.save_manifest()


def kit_bytes(*args):
    return subprocess.run(args, stdout=subprocess.PIPE, check=True).stdout


MAKERS = {"busybox": make_busybox, "debian": make_debian, "tenfold": make_tenfold}
NEEDS = {"busybox": ("umoci", "busybox", "setcap"), "debian": ("umoci", "mmdebstrap"), "tenfold": ()}


def path(name):
    """The OCI layout of an image, made if it is not there; complete or not at all."""
    to = os.path.join(FOLDER, f"{name}-{VERSIONS[name]}")
    if os.path.isdir(to):
        return to
    if kit.ISOLATED:
        kit.skip(f"the image '{name}' is not there (tests/e2e/images.py {name})")
    kit.need_programs(*NEEDS[name])
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, f"{name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(to):
            work = os.path.join(FOLDER, f"{name}.work")
            shutil.rmtree(work, ignore_errors=True)
            os.mkdir(work)
            try:
                MAKERS[name](work, os.path.join(work, "done"))
                os.rename(os.path.join(work, "done"), to)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return to


def main():
    good = True
    for name in sys.argv[1:] or ["busybox", "debian"]:
        begun = time.monotonic()
        try:
            layout = Layout(path(name))
            print(f"ok images.{name}: {len(layout.diff_ids)} layers, {layout.download()} bytes, "
                  f"{time.monotonic() - begun:.0f} s", flush=True)
        except kit.Skip as reason:
            print(f"skip images.{name}: {reason}", flush=True)
        except (kit.Failure, OSError, subprocess.CalledProcessError) as why:
            print(f"FAIL images.{name}: {why}", flush=True)
            good = False
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
