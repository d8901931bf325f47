"""What a push costs, side by side: see README.md. Started by push.sh."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pull import MB, Docker, cpu_of_tree, kit, memory_of_tree, oci  # noqa: E402
import images  # noqa: E402

BARS = {"wall / docker": 0.6, "size / gzip -6": 1.03}


class Kist:
    name, daemon = "kist", None

    def __init__(self, folder, image):
        self.run, self.root = os.path.join(folder, "kist"), os.path.join(folder, "kist-store")
        self.image = image
        os.makedirs(self.run)
        self.call("pull", "-q", image)

    def call(self, *args):
        kit.command("env", "-i", kit.KIST, "--root", self.root, *args)

    def prepare(self, to):
        shutil.rmtree(os.path.join(self.root, "cache"), ignore_errors=True) # as if it had never pushed
        self.call("tag", self.image, to)

    def command(self, to):
        return ["env", "-i", kit.KIST, "--root", self.root, "push", "-q", to]

    def stop(self):
        pass


class DockerPush(Docker):
    def __init__(self, folder, image):
        super().__init__(os.path.join(folder, "docker"))
        self.image = image
        self.start(os.path.join(folder, "docker-store"))
        self.call("pull", "-q", image)

    def call(self, *args):
        kit.command("docker", "-H", self.socket, *args)

    def prepare(self, to):
        self.call("tag", self.image, to)

    def command(self, to): # pylint: disable=arguments-differ
        return ["docker", "-H", self.socket, "push", "-q", to]


def measure(peer, folder, number):
    """To an empty registry of its own."""
    place = os.path.join(folder, f"to-{peer.name}-{number}")
    registry = kit.Registry(place)
    try:
        to = f"{registry.host}/pushed/python:3"
        peer.prepare(to)
        os.sync()
        daemon = cpu_of_tree(peer.daemon.pid) if peer.daemon else 0
        begun = time.monotonic()
        subprocess.run(["/usr/bin/time", "-q", "-o", peer.run + ".time", "-f", "%U %S %M", *peer.command(to)], check=True,
                       stdout=subprocess.DEVNULL, env=kit.ENVIRONMENT)
        wall = time.monotonic() - begun
        with open(peer.run + ".time") as f:
            user, system, peak = map(float, f.read().split())
        cpu = user + system + (cpu_of_tree(peer.daemon.pid) - daemon if peer.daemon else 0)
        memory = peak * 1024 + (memory_of_tree(peer.daemon.pid) if peer.daemon else 0)
        manifest = oci.json.loads(kit.command("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{to}"))
        return {"wall": wall, "cpu": cpu, "memory": memory, "size": sum(layer["size"] for layer in manifest["layers"])}
    finally:
        registry.stop()
        shutil.rmtree(place)


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def report(results, size):
    print(f"\n{'':<10} {'wall s':>8} {'CPU s':>8} {'size MB':>9} {'/gzip -6':>9} {'peak MiB':>9}")
    for name, runs in results.items():
        print(f"{name:<10} {median(runs, 'wall'):8.2f} {median(runs, 'cpu'):8.2f} {median(runs, 'size') / MB:9.1f} "
              f"{median(runs, 'size') / size:9.3f} {median(runs, 'memory') / (1 << 20):9.1f}")
    found = {"size / gzip -6": median(results["kist"], "size") / size}
    if results.get("docker"):
        found["wall / docker"] = statistics.median(a["wall"] / b["wall"] for a, b in zip(results["kist"], results["docker"]))
    print("\nbars of kist:")
    for name, value in found.items():
        print(f"  {name:<22} {value:8.3f}   bar {BARS[name]:<6} {'met' if value <= BARS[name] else 'NOT met'}")


def main():
    rounds = int(sys.argv[1]) if sys.argv[1:] else 3
    images.path("debian") # while there is a network
    kit.isolate()
    folder = tempfile.mkdtemp(prefix="kist-bench.", dir=os.environ.get("TMPDIR", "/var/tmp"))
    peers = []
    try:
        source = kit.Registry(os.path.join(folder, "registry"))
        layout = oci.Layout(images.path("debian"))
        image = source.push(layout.folder + ":latest", "python:3")
        peers.append(Kist(folder, image))
        if shutil.which("dockerd", path=kit.ENVIRONMENT["PATH"]):
            peers.append(DockerPush(folder, image))
        results = {peer.name: [] for peer in peers}
        for number in range(rounds):
            for peer in peers:
                run = measure(peer, folder, number)
                results[peer.name].append(run)
                print(f"round {number + 1}: {peer.name:<10} {run['wall']:.2f} s", flush=True)
        report(results, sum(layer["size"] for layer in layout.manifest["layers"]))
    finally:
        for peer in peers:
            peer.stop()
        for path in sorted((m for m in kit.mounts() if m.startswith(folder + "/")), reverse=True):
            kit.command("umount", "-l", path)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
