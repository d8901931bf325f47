"""What the tests of images share: one registry with the busybox image in it, and checks of layer files."""
import os
import subprocess

import images
import kit
import oci
from kit import Registry, equal, skip

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
