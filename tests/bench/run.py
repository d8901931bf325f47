"""What a run costs beyond the kernel's part of it: see README.md. Started by run.sh, in a mount namespace of its own."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))
import images  # noqa: E402
import kit  # noqa: E402

RUN = "/run/kist"


def layers_of(store, image):
    """The image's layer files, the base first."""
    details = kit.command(kit.KIST, "--root", store, "image", "inspect", "--format", "{{json .RootFS.Layers}}", image)
    return [os.path.join(store, "layers/sha256", name.strip('"[] \n').partition(":")[2]) for name in details.split(",")]


def timed(args, null):
    """Milliseconds of wall and of CPU."""
    begun = time.perf_counter()
    pid = os.posix_spawn(args[0], args, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1)])
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    if status != 0:
        raise kit.Failure(f"{' '.join(args)} ended with {os.waitstatus_to_exitcode(status)}")
    return wall * 1e3, (used.ru_utime + used.ru_stime) * 1e3


def show(name, values):
    ordered = sorted(values)
    tenth = len(ordered) // 10
    print(f"{name:<28} {statistics.median(ordered):8.2f} {ordered[tenth]:8.2f} {ordered[-1 - tenth]:8.2f}")


def pairs(rounds, image, store, baseline, folder):
    files = layers_of(store, image)
    null = os.open(os.devnull, os.O_RDWR)
    bare, kist = [], []
    for i in range(rounds + 2):
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        one = timed([baseline, folder, *files], null)
        two = timed([kit.KIST, "--root", store, "run", "--rm", "--network", "none", image, "true"], null)
        if i >= 2: # the first ones fill caches
            bare.append(one)
            kist.append(two)
    print(f"{rounds} pairs, {len(files)} layers; milliseconds: median, 10 %, 90 %")
    for column, what in enumerate(("wall", "CPU")):
        show(f"bare program, {what}", [one[column] for one in bare])
        show(f"kist run --rm, {what}", [two[column] for two in kist])
        show(f"kist beyond it, {what}", [two[column] - one[column] for one, two in zip(bare, kist)])


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    layout = images.path("busybox")
    with tempfile.TemporaryDirectory(prefix="kist-bench.") as top:
        place, baseline = os.path.join(top, "disk"), os.path.join(top, "baseline")
        kit.command(os.environ.get("CC", "cc"), "-O2", "-static", "-D_GNU_SOURCE", "-o", baseline, os.path.join(HERE, "baseline.c"))
        kit.command("truncate", "-s", "256M", place + ".img")
        kit.command("mkfs.ext4", "-q", place + ".img")
        os.mkdir(place)
        kit.command("mount", "-o", "loop", place + ".img", place)
        os.makedirs(RUN, exist_ok=True)
        kit.command("mount", "-t", "tmpfs", "tmpfs", RUN)
        registry = kit.Registry(os.path.join(top, "registry"))
        try:
            image, store = registry.push(layout + ":latest", "box:1"), os.path.join(place, "store")
            kit.command(kit.KIST, "--root", store, "pull", "-q", image)
            pairs(rounds, image, store, baseline, os.path.join(place, "bare"))
        finally:
            registry.stop()
            kit.command("umount", RUN)
            kit.command("umount", place)


main()
