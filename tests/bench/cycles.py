"""Years on a small flash, in a minute: see README.md. Started by cycles.sh, in a mount namespace of its own."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))
import images  # noqa: E402
import kit  # noqa: E402
import oci  # noqa: E402

RUN = "/run/kist"
MIB = 1 << 20


def written(device):
    """Bytes that went to the block device."""
    with open(f"/sys/block/{os.path.basename(device)}/stat") as f:
        return int(f.read().split()[6]) * 512


def allocated(path):
    return int(kit.command("du", "-sx", "--block-size=1", path).split()[0])


def kist(store, *args):
    return kit.command(kit.KIST, "--root", store, *args)


def update(registry, layout, number, size):
    """The busybox image, and a layer of its own with an app of so many bytes that do not compress."""
    base = [oci.Layer(layout.read(layer["digest"]), diff_id=diff_id) for layer, diff_id in zip(layout.manifest["layers"], layout.diff_ids)]
    own = oci.Layer.of([("app", os.urandom(size)), ("version", str(number).encode())])
    return oci.push(registry.host, "app", oci.image([*base, own], config={"Env": ["PATH=/bin"]}), "stable")


def cycles(count, size, registry, place, device):
    layout, store = oci.Layout(images.path("busybox")), os.path.join(place, "store")
    kept, sizes = 0, []
    for number in range(count):
        name = update(registry, layout, number, size)
        before = allocated(os.path.join(store, "layers")) if number else 0
        if number == 1:
            begun = written(device) # the first cycle fills the store
        kist(store, "pull", "-q", name)
        os.sync()
        kept += allocated(os.path.join(store, "layers")) - before if number else 0
        if kist(store, "run", "--rm", "--network", "none", name, "cat", "/version") != str(number):
            raise kit.Failure("the container saw another version")
        kist(store, "image", "prune", "-f")
        os.sync()
        sizes.append(allocated(store))
    left = sorted(name for name in os.listdir(os.path.join(store, "partial")) + os.listdir(os.path.join(store, "tmp")))
    print(f"{count} cycles with an update of {size / MIB:.1f} MiB each")
    print(f"store after cycle 3, the middle and the last: {', '.join(f'{sizes[i] / MIB:.2f}' for i in (2, count // 2, -1))} MiB")
    print(f"left in partial and tmp: {', '.join(left) or 'nothing'}")
    print(f"written to the device: {(written(device) - begun) / MIB:.1f} MiB, kept of new layers: {kept / MIB:.1f} MiB, "
          f"ratio {(written(device) - begun) / kept:.4f}")
    print(kist(store, "system", "check").strip())


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    size = int(float(sys.argv[2]) * MIB) if len(sys.argv) > 2 else 8 * MIB
    with tempfile.TemporaryDirectory(prefix="kist-bench.") as top:
        place, disk = os.path.join(top, "disk"), os.path.join(top, "disk.img")
        kit.command("truncate", "-s", "256M", disk)
        kit.command("mkfs.ext4", "-q", disk)
        device = kit.command("losetup", "--find", "--show", disk).strip()
        os.mkdir(place)
        kit.command("mount", device, place)
        os.makedirs(RUN, exist_ok=True)
        kit.command("mount", "-t", "tmpfs", "tmpfs", RUN)
        registry = kit.Registry(os.path.join(top, "registry"))
        try:
            cycles(count, size, registry, place, device)
        finally:
            registry.stop()
            kit.command("umount", RUN)
            kit.command("umount", place)
            subprocess.run(["losetup", "-d", device], check=False)


main()
