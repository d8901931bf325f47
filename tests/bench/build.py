"""What a build costs, side by side: see README.md. Started by build.sh."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pull import Docker, kit, oci  # noqa: E402
import images  # noqa: E402

BARS = {"cold / docker": 0.6, "cold / buildah": 0.6, "cached, ms": 30, "cached / docker": 0.1, "written / 100 MiB": 1.05}

TUTORIAL = """FROM {base}
WORKDIR /app
COPY . .
RUN python3 -m compileall -q /app && python3 -m venv --without-pip /venv
EXPOSE 8000
CMD ["python3", "app.py"]
"""
TEN = """FROM {base}
WORKDIR /app
COPY app.py /app/
RUN echo 1 > /1
RUN echo 2 > /2
COPY . /app
RUN echo 3 > /3
ENV A=b
EXPOSE 80
CMD ["python3"]
"""


class Kist:
    name = "kist"

    def __init__(self, folder, image):
        self.root = os.path.join(folder, "kist-store")
        self.image = image
        kit.command(*self.kist("pull", "-q", image))

    def kist(self, *args):
        return ["env", "-i", "PATH=/usr/bin", kit.KIST, "--root", self.root, *args]

    def command(self, context, *options):
        return self.kist("build", "-q", "-t", "bench", "--network", "none", *options, context)

    def stop(self):
        pass


class DockerBuild(Docker):
    def __init__(self, folder, image):
        super().__init__(os.path.join(folder, "docker"))
        self.image = image
        self.start(os.path.join(folder, "docker-store"))
        kit.command("docker", "-H", self.socket, "pull", "-q", image)

    def command(self, context, *options): # pylint: disable=arguments-differ
        return ["env", "DOCKER_BUILDKIT=0", "docker", "-H", self.socket, "build", "-q", "-t", "bench", "--network", "none", *options, context]


class Buildah:
    name = "buildah"

    def __init__(self, folder, image):
        self.before = ["buildah", "--root", os.path.join(folder, "buildah-store"), "--runroot", os.path.join(folder, "buildah-run"),
                       "--storage-driver", "overlay"]
        self.image = image
        kit.command(*self.before, "pull", "-q", "--tls-verify=false", image)

    def command(self, context, *options):
        return [*self.before, "bud", "-q", "--layers", "--isolation", "chroot", "--pull-never", "-t", "bench", *options, context]

    def stop(self):
        pass


def timed(command):
    begun = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=kit.ENVIRONMENT, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.decode(errors='replace')[-2000:]}")
    return time.monotonic() - begun


def make_context(folder, dockerfile, base, files):
    os.makedirs(os.path.join(folder, "lib"))
    for number in range(files):
        with open(os.path.join(folder, "lib", f"m{number}.py"), "w") as f:
            f.write(f"value = {number}\n" * 200)
    for name, text in (("app.py", "print('up')\n"), ("Dockerfile", dockerfile.format(base=base))):
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)
    return folder


def written(kist, folder):
    """All bytes that a COPY of 100 MiB of noise gives to write system calls."""
    size = 100 << 20
    context = make_context(os.path.join(folder, "noise"), "FROM scratch\nCOPY noise /\n", "", 0)
    with open("/dev/urandom", "rb") as source, open(os.path.join(context, "noise"), "wb") as f:
        f.write(source.read(size))
    log = os.path.join(folder, "writes")
    kit.command("strace", "-f", "-o", log, "-e", "trace=write,pwrite64,writev,pwritev", *kist.command(context))
    with open(log) as f:
        return sum(int(line.rsplit("= ", 1)[1].split()[0]) for line in f if "= " in line and "= -" not in line) / size


def report(cold, cached, noise):
    print(f"\n{'':<10} {'cold s':>8} {'cached ms':>10}")
    for name in cold:
        print(f"{name:<10} {statistics.median(cold[name]):8.2f} {statistics.median(cached[name]) * 1000:10.1f}")
    found = {f"cold / {name}": statistics.median(a / b for a, b in zip(cold["kist"], runs)) for name, runs in cold.items() if name != "kist"}
    found["cached, ms"] = statistics.median(cached["kist"]) * 1000
    if "docker" in cached:
        found["cached / docker"] = statistics.median(a / b for a, b in zip(cached["kist"], cached["docker"]))
    found["written / 100 MiB"] = noise
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
        image = source.push(oci.Layout(images.path("debian")).folder + ":latest", "python:3")
        peers.append(Kist(folder, image))
        if shutil.which("dockerd", path=kit.ENVIRONMENT["PATH"]):
            peers.append(DockerBuild(folder, image))
        if shutil.which("buildah", path=kit.ENVIRONMENT["PATH"]):
            peers.append(Buildah(folder, image))
        tutorial = make_context(os.path.join(folder, "tutorial"), TUTORIAL, image, 200)
        ten = make_context(os.path.join(folder, "ten"), TEN, image, 1000)
        cold, cached = {peer.name: [] for peer in peers}, {peer.name: [] for peer in peers}
        for peer in peers:
            timed(peer.command(ten))
        for number in range(rounds):
            for peer in peers:
                cold[peer.name].append(timed(peer.command(tutorial, "--no-cache")))
                cached[peer.name].append(min(timed(peer.command(ten)) for _ in range(3)))
                print(f"round {number + 1}: {peer.name:<10} {cold[peer.name][-1]:.2f} s, {cached[peer.name][-1] * 1000:.1f} ms", flush=True)
        report(cold, cached, written(peers[0], folder))
    finally:
        for peer in peers:
            peer.stop()
        for path in sorted((m for m in kit.mounts() if m.startswith(folder + "/")), reverse=True):
            kit.command("umount", "-l", path)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
