"""What the tests of images share: one registry with the busybox image in it, and checks of layer files."""
import ctypes
import fcntl
import os
import platform
import pty
import struct
import subprocess
import termios

import images
import kit
import oci
from kit import Registry, equal, skip, wait_until

SHARED = {}


def prepare(folder):
    kit.need_programs("docker-registry", "skopeo", "umoci")
    SHARED["folder"] = folder
    SHARED["registry"] = Registry(folder)
    SHARED["busybox"] = SHARED["registry"].push(images.path("busybox") + ":latest", "box:latest")


def registry():
    return SHARED["registry"]


def busybox():
    return oci.Layout(images.path("busybox"))


def small(text="hello\n", **settings):
    """An image of one tiny layer that says text."""
    return oci.image([oci.Layer.of([("etc", None), ("etc/text", text.encode())])], **settings)


def layer_tool():
    tool = os.path.join(os.path.dirname(kit.KIST), "layer_tool")
    if not os.access(tool, os.X_OK):
        skip(f"no {tool}")
    return tool


def check_round_trips(case):
    """Each layer file gives back the tar that its diff ID names, and unsquashfs reads its squashfs part."""
    tool = layer_tool()
    for diff_id, path in case.layers().items():
        kit.command(tool, "verify", path)
        child = subprocess.Popen([tool, "tar", path], stdout=subprocess.PIPE, env=kit.ENVIRONMENT)
        got = kit.command("sha256sum", stdin=child.stdout).split()[0]
        child.stdout.close()
        equal(child.wait(), 0, "exit status of layer_tool tar")
        equal("sha256:" + got, diff_id, "the digest of the tar given back")
        kit.command("unsquashfs", "-lls", path)


# ---- containers -----------------------------------------------------------------------------------------------------


def configured(config, *layers, tag="1", arch="amd64"):
    """The busybox image's layers and more, with another configuration."""
    layout = busybox()
    base = [oci.Layer(layout.read(layer["digest"]), diff_id=diff_id)
            for layer, diff_id in zip(layout.manifest["layers"], layout.diff_ids)]
    config = {"Env": ["PATH=/bin"], **config}
    return oci.push(registry().host, "configured", oci.image([*base, *layers], config=config, arch=arch), tag)


def box(t, script, *options, image=None, **checks):
    """sh -c script in a new container of the busybox image."""
    return t.kist("run", "--rm", "-q", *options, image or SHARED["busybox"], "sh", "-c", script, **checks)


CALLS = {"unshare": {"x86_64": 272, "aarch64": 97}, "mount_setattr": {"x86_64": 442, "aarch64": 442}}


def forbidding(call, error):
    """For a child's preexec_fn: from there on the system call fails with error."""
    number = CALLS[call].get(platform.machine())
    if number is None:
        skip(f"no number of {call}(2) for this machine")
    code = ctypes.create_string_buffer(struct.pack("HBBI" * 4, 0x20, 0, 0, 0, 0x15, 0, 1, number, 0x06, 0, 0, 0x00050000 | error, 0x06, 0, 0, 0x7FFF0000))
    program = struct.pack("HxxxxxxP", 4, ctypes.addressof(code))

    def forbid():
        if ctypes.CDLL(None, use_errno=True).prctl(22, 2, ctypes.c_char_p(program), 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
            os._exit(99)
    forbid.code = code  # which lives as long
    return forbid


# ---- terminals ------------------------------------------------------------------------------------------------------


class Terminal:
    """A pseudoterminal with kist in its foreground."""

    def __init__(self, t, *args):
        self.master, self.slave = pty.openpty()
        self.resize(24, 80)
        self.before = termios.tcgetattr(self.slave)
        self.child = t.start(*args, stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=self.take)
        os.set_blocking(self.master, False)
        self.seen = b""

    def take(self):
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, rows_, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows_, columns, 0, 0))

    def send(self, text):
        os.write(self.master, text)

    def read(self):
        """What is there, which may be nothing."""
        try:
            self.seen += os.read(self.master, 65536)
        except (BlockingIOError, OSError):
            pass

    def expect(self, text):
        """Everything up to text, which has to come."""
        try:
            wait_until(lambda: self.read() or text in self.seen, f"{text!r} on the terminal")
        except kit.Failure as failure:
            raise kit.Failure(f"{failure}; there was {self.seen[-600:]!r}") from None
        found, self.seen = self.seen.split(text, 1)
        return found

    def end(self, code):
        wait_until(lambda: self.read() or self.child.poll() is not None, "kist's end")
        self.child.wait()
        equal(kit.exit_code(self.child.returncode), code, "exit status")
        now = termios.tcgetattr(self.slave)
        equal(now[:4], self.before[:4], "the terminal's settings afterwards")
        os.close(self.master)
        os.close(self.slave)
