"""What a pull costs, side by side: see README.md. Started by pull.sh."""
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../e2e"))
import images  # noqa: E402
import kit  # noqa: E402
import oci  # noqa: E402

MB = 1e6
TICK = os.sysconf("SC_CLK_TCK")
BARS = {"kept / download": 1.05, "written / kept": 1.05, "peak MiB, one job": 12, "wall / docker": 0.5, "cpu / docker": 0.5}


class Disk:
    """A fresh ext4 on a loop device: what the writes are counted on."""

    def __init__(self, folder, size="3G"):
        self.file, self.place = os.path.join(folder, "disk"), os.path.join(folder, "mnt")
        kit.command("truncate", "-s", size, self.file)
        kit.command("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.file)
        os.makedirs(self.place, exist_ok=True)
        self.device = kit.command("losetup", "-f", "--show", self.file).strip()
        kit.command("mount", self.device, self.place)
        os.sync()

    def written(self):
        """Bytes the device was given so far, all of them."""
        kit.command("sync", "-f", self.place)
        with open(f"/sys/block/{os.path.basename(self.device)}/stat") as f:
            return int(f.read().split()[6]) * 512

    def kept(self):
        return int(kit.command("du", "-s", "--block-size=1", self.place).split()[0])

    def close(self):
        # a daemon's own children may take a moment to end
        kit.wait_until(lambda: subprocess.run(["umount", self.place], stderr=subprocess.DEVNULL).returncode == 0, "umount")
        kit.command("losetup", "-d", self.device)
        os.unlink(self.file)


def cpu_of_tree(pid):
    """CPU seconds of a process, of its children that are there, and of those that were."""
    parents, times = {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
            parents[int(entry)], times[int(entry)] = int(fields[1]), sum(map(int, fields[11:15]))
    tree = {pid}
    for _ in range(8):
        tree |= {child for child, parent in parents.items() if parent in tree}
    return sum(times.get(member, 0) for member in tree) / TICK


def memory_of_tree(pid):
    """The sum of the peaks of a daemon and its children, in bytes: no process of it can have had more."""
    found = 0
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/status") as f:
            fields = dict(line.split(":", 1) for line in f if ":" in line)
            if int(entry) == pid or int(fields["PPid"]) == pid:
                found += int(fields.get("VmHWM", "0 kB").split()[0]) * 1024
    return found


class Peer:
    """One way to pull. started() is not timed."""

    name, program, daemon = "", "", None

    def __init__(self, folder):
        self.run = os.path.join(folder, "run")
        os.makedirs(folder)

    def start(self, store):
        pass

    def command(self, store, image):
        raise NotImplementedError

    def stop(self):
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait()
            self.daemon = None

    def start_daemon(self, args, ready, log):
        with open(log, "wb") as f:
            self.daemon = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=f, stderr=f, env=kit.ENVIRONMENT)
        kit.wait_until(lambda: self.daemon.poll() is not None or subprocess.run(
            ready, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0, f"{args[0]} to be ready", 60)
        if self.daemon.poll() is not None:
            with open(log, errors="replace") as f:
                raise kit.Skip(f"{args[0]} does not start here: {f.read()[-300:]}")


class Kist(Peer):
    name, program = "kist", kit.KIST
    options = ()

    def command(self, store, image):
        return ["env", "-i", kit.KIST, "--root", store + "/kist", *self.options, "pull", "-q", image]


class KistOneJob(Kist):
    name, options = "kist, one job", ("--jobs", "1")


class Docker(Peer):
    name, program = "docker", "dockerd"

    def start(self, store):
        os.makedirs(self.run, exist_ok=True)
        self.socket = f"unix://{self.run}/docker.sock"
        self.start_daemon(["dockerd", "--iptables=false", "--bridge=none", "--data-root", store + "/docker", "--exec-root",
                           self.run + "/exec", "--pidfile", self.run + "/pid", "-H", self.socket],
                          ["docker", "-H", self.socket, "version"], self.run + ".log")

    def command(self, store, image):
        return ["docker", "-H", self.socket, "pull", "-q", image]


class Containerd(Peer):
    name, program = "containerd", "containerd"

    def start(self, store):
        os.makedirs(self.run, exist_ok=True)
        self.socket = self.run + "/containerd.sock"
        with open(self.run + "/config.toml", "w") as f:
            f.write(f'version = 2\nroot = "{store}/containerd"\nstate = "{self.run}/state"\n'
                    f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{self.socket}"\n')
        self.start_daemon(["containerd", "--config", self.run + "/config.toml"], ["ctr", "-a", self.socket, "version"],
                          self.run + ".log")

    def command(self, store, image):
        return ["ctr", "-a", self.socket, "images", "pull", "--plain-http", image]


class Podman(Peer):
    name, program = "podman", "podman"

    def command(self, store, image):
        return ["podman", "--root", store + "/podman", "--runroot", self.run, "--storage-driver", "overlay", "--runtime", "runc",
                "pull", "-q", "--tls-verify=false", image]


class Folder:
    """A directory of the machine's own disk: what the times are taken on."""

    def __init__(self, folder):
        self.place = os.path.join(folder, "store")
        os.mkdir(self.place)
        os.sync()

    def written(self):
        return 0

    def kept(self):
        return int(kit.command("du", "-s", "--block-size=1", self.place).split()[0])

    def close(self):
        shutil.rmtree(self.place)


def measure(peer, image, disk):
    try:
        peer.start(disk.place)
        kept, written = disk.kept(), disk.written()
        daemon = cpu_of_tree(peer.daemon.pid) if peer.daemon else 0
        begun = time.monotonic()
        # through time(1): a child of ours would begin with the peak of this python
        done = subprocess.run(["/usr/bin/time", "-q", "-o", peer.run + ".time", "-f", "%U %S %M", *peer.command(disk.place, image)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              env={**kit.ENVIRONMENT, "TMPDIR": disk.place})
        wall = time.monotonic() - begun
        if done.returncode != 0:
            raise kit.Skip(f"{peer.name} cannot pull here: {done.stderr.strip()[-300:]}")
        with open(peer.run + ".time") as f:
            user, system, peak = map(float, f.read().split())
        cpu = user + system + (cpu_of_tree(peer.daemon.pid) - daemon if peer.daemon else 0)
        memory = peak * 1024 + (memory_of_tree(peer.daemon.pid) if peer.daemon else 0)
        return {"wall": wall, "cpu": cpu, "kept": disk.kept() - kept, "written": disk.written() - written, "memory": memory}
    finally:
        peer.stop()
        for path in sorted((m for m in kit.mounts() if m.startswith(disk.place + "/")), reverse=True):
            kit.command("umount", "-l", path)
        disk.close()


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def bar(name, value):
    print(f"  {name:<22} {value:8.3f}   bar {BARS[name]:<6} {'met' if value <= BARS[name] else 'NOT met'}")


def report(results, counted, download):
    print(f"\n{'':<14} {'wall s':>8} {'CPU s':>8} {'kept MB':>9} {'/download':>10} {'written MB':>11} {'/kept':>7} {'peak MiB':>9}")
    for name, runs in results.items():
        if runs:
            kept, written = counted[name]["kept"], counted[name]["written"]
            print(f"{name:<14} {median(runs, 'wall'):8.2f} {median(runs, 'cpu'):8.2f} {kept / MB:9.1f} {kept / download:10.3f} "
                  f"{written / MB:11.1f} {written / kept:7.3f} {median(runs, 'memory') / (1 << 20):9.1f}")
    mine, one = results["kist"], results["kist, one job"]
    print("\nbars of kist:")
    bar("kept / download", counted["kist"]["kept"] / download)
    bar("written / kept", counted["kist"]["written"] / counted["kist"]["kept"])
    bar("peak MiB, one job", max(run["memory"] for run in one) / (1 << 20))
    for key in ("wall", "cpu"):
        if results.get("docker"):
            bar(f"{key} / docker", statistics.median(a[key] / b[key] for a, b in zip(mine, results["docker"])))


def main():
    words = [word for word in sys.argv[1:] if word != "--tenfold"]
    rounds = int(words[0]) if words else 3
    names = ["debian", *(["tenfold"] if "--tenfold" in sys.argv else [])]
    for name in names:
        images.path(name)  # while there is a network
    kit.isolate()
    folder = tempfile.mkdtemp(prefix="kist-bench.", dir=os.environ.get("TMPDIR", "/var/tmp"))
    try:
        registry = kit.Registry(os.path.join(folder, "registry"))
        layout = oci.Layout(images.path("debian"))
        image = registry.push(layout.folder + ":latest", "python:3")
        peers = [peer(os.path.join(folder, peer.__name__)) for peer in (Kist, KistOneJob, Docker, Containerd, Podman)
                 if shutil.which(peer.program, path=kit.ENVIRONMENT["PATH"])]
        results, written = {peer.name: [] for peer in peers}, {}
        print(f"{len(layout.diff_ids)} layers, {layout.download() / MB:.1f} MB to download; {rounds} rounds")
        for number in range(rounds):
            for peer in list(peers):
                try:
                    run = measure(peer, image, Folder(folder))
                    if number == 0:
                        written[peer.name] = measure(peer, image, Disk(folder))
                except (kit.Skip, kit.Failure) as reason:
                    print(f"skip {peer.name}: {reason}")
                    peers.remove(peer)
                    continue
                results[peer.name].append(run)
                print(f"round {number + 1}: {peer.name:<14} {run['wall']:.2f} s", flush=True)
        report(results, written, layout.download())
        if "tenfold" in names:
            big = registry.push(images.path("tenfold") + ":latest", "tenfold:1")
            run = measure(KistOneJob(os.path.join(folder, "tenfold")), big, Folder(folder))
            print(f"\nten times the size, one job: {run['wall']:.1f} s, peak {run['memory'] / (1 << 20):.1f} MiB, "
                  f"{(run['memory'] - max(r['memory'] for r in results['kist, one job'])) / (1 << 20):+.2f} MiB (bar: within 1)")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
