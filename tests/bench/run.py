"""What a run costs beyond the kernel's part of it: see README.md. Started by run.sh, in a mount namespace of its own."""
import json
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


def turns(rounds, contestants):
    """Each of the contestants (name -> a function that gives its command line) in every round; name -> its times."""
    null = os.open(os.devnull, os.O_RDWR)
    times = {name: [] for name in contestants}
    for i in range(rounds + 2):
        for name, command in contestants.items():
            one = timed(command(), null)
            if i >= 2: # the first ones fill caches
                times[name].append(one)
    os.close(null)
    return times


def beyond(times, bare, ours):
    """Both, and what ours costs beyond the bare one, pair by pair."""
    for column, what in enumerate(("wall", "CPU")):
        show(f"{bare}, {what}", [one[column] for one in times[bare]])
        show(f"{ours}, {what}", [one[column] for one in times[ours]])
        show(f"kist beyond it, {what}", [two[column] - one[column] for one, two in zip(times[bare], times[ours])])


def runs(rounds, image, store, baseline, folder):
    files = layers_of(store, image)

    def bare():
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        return [baseline, folder, *files]

    print(f"run: {rounds} pairs, {len(files)} layers; milliseconds: median, 10 %, 90 %")
    beyond(turns(rounds, {"bare run": bare, "kist run --rm": lambda: kist_run(store, image)}), "bare run", "kist run --rm")


def kist_run(store, image):
    return [kit.KIST, "--root", store, "run", "--rm", "--network", "none", image, "true"]


def execs(rounds, image, store, baseline):
    name = kit.command(kit.KIST, "--root", store, "run", "-d", "--network", "none", image, "sleep", "10000").strip()
    try:
        pid = kit.command(kit.KIST, "--root", store, "inspect", "--format", "{{.State.Pid}}", name).strip()
        print(f"exec: {rounds} pairs; milliseconds: median, 10 %, 90 %")
        beyond(turns(rounds, {"bare exec": lambda: [baseline, "--enter", pid, name],
                              "kist exec": lambda: [kit.KIST, "--root", store, "exec", name, "true"]}),
               "bare exec", "kist exec")
    finally:
        kit.command(kit.KIST, "--root", store, "rm", "-f", name)


def make_bundle(bundle, image, store):
    """The image unpacked, with the configuration that kist would run it by."""
    name = kit.command(kit.KIST, "--root", store, "create", "--network", "none", image, "true").strip()
    os.makedirs(os.path.join(bundle, "rootfs"))
    with open(os.path.join(store, "containers", name, "config.json")) as file:
        config = json.load(file)
    kit.command("sh", "-c", f"{kit.KIST} --root {store} export {name} | tar -xf - -C {bundle}/rootfs")
    kit.command(kit.KIST, "--root", store, "rm", name)
    config["linux"]["cgroupsPath"] = "/kist/bench"
    for mount in config["mounts"]:
        if mount["source"].startswith("etc/"): # kist's word for files that it makes
            mount["source"] = os.path.join(bundle, os.path.basename(mount["source"]))
            shutil.copy("/etc/hostname", mount["source"])
    with open(os.path.join(bundle, "config.json"), "w") as file:
        json.dump(config, file)


def engines(rounds, image, store, bundle):
    others = [name for name in ("crun", "runc") if shutil.which(name)]
    if not others:
        print("engines: neither crun nor runc is installed")
        return
    if os.path.ismount("/sys/fs/cgroup/unified"): # crun refuses to work with both
        kit.command("umount", "/sys/fs/cgroup/unified")
    make_bundle(bundle, image, store)
    contestants = {"kist run --rm": lambda: kist_run(store, image)}
    for name in others:
        contestants[name + " run"] = lambda name=name: [shutil.which(name), "run", "-b", bundle, f"bench-{os.getpid()}"]
    times = turns(rounds, contestants)
    print(f"engines: {rounds} rounds; milliseconds: median, 10 %, 90 %")
    for column, what in enumerate(("wall", "CPU")):
        for name in contestants:
            show(f"{name}, {what}", [one[column] for one in times[name]])
        for name in others:
            ratios = [ours[column] / other[column] for ours, other in zip(times["kist run --rm"], times[name + " run"])]
            show(f"kist / {name}, {what}", ratios)


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
            runs(rounds, image, store, baseline, os.path.join(place, "bare"))
            execs(rounds, image, store, baseline)
            engines(rounds, image, store, os.path.join(place, "bundle"))
        finally:
            registry.stop()
            kit.command("umount", RUN)
            kit.command("umount", place)


main()
