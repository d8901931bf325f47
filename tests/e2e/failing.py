"""What tests of failures share: an image that nothing may harm, and registries with faults before the real one."""
import contextlib
import os

import kit
import oci
from kit import Cutter, equal
from shared import SHARED, registry

SECURE = {} # "options": what every registry with faults has besides
CORRUPT, UNSUPPORTED, NO_SPACE, NETWORK, CONFLICT = 15, 18, 16, 10, 17


@contextlib.contextmanager
def unharmed(t):
    """What happens inside does no harm to the image that was there before, and leaves nothing."""
    t.kist("pull", "-q", SHARED["busybox"])
    before = {path: size for path, (size, _, _) in t.snapshot().items()}
    yield
    check_unharmed(t, before)


def check_unharmed(t, before):
    equal(t.images(), [SHARED["busybox"]], "the images kept")
    equal(t.transient(), [], "what the next command leaves in tmp/ and partial/")
    equal({path: size for path, (size, _, _) in t.snapshot().items()}, before, "the files of the store")
    for i, (diff_id, path) in enumerate(t.layers().items()):
        with contextlib.ExitStack() as undo:
            place = t.path(f"check{i}")
            os.makedirs(place, exist_ok=True)
            kit.command("mount", "-t", "squashfs", "-o", "loop,ro", path, place)
            undo.callback(lambda: kit.command("umount", place))
            kit.command("find", place, "-type", "f", "-exec", "sha256sum", "{}", "+")
    t.kist("run", "--rm", SHARED["busybox"], out="hello from the second layer")


def behind(t, *faults, reference=None, **options):
    """The busybox image behind a registry with faults; where SECURE says so, with TLS and tokens before it."""
    more = [option for option in SECURE.get("options", []) if option not in options.get("options", [])]
    cutter = Cutter(t, registry().host, *faults, options=[*options.pop("options", []), *more], **options)
    return cutter, (reference or SHARED["busybox"]).replace(registry().host, cutter.host)


def large():
    """An image of one layer of 3 MB, and what a pull of it brings."""
    if "large" not in SHARED:
        data = oci.tar([("random", os.urandom(3000000))])
        SHARED["large"] = oci.image([oci.Layer(oci.gzipped(data, 1), data)])
        SHARED["large name"] = oci.push(registry().host, "large", SHARED["large"], "1")
    return SHARED["large"], SHARED["large name"]


def whole(document):
    return len(document.data) + sum(map(len, document.blobs.values()))
