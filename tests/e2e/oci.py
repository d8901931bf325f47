"""Images by hand, for tests: tar members, layers, manifests, and how they get into a registry."""
import gzip
import hashlib
import http.client
import io
import json
import os
import subprocess
import tarfile

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


# ---- layers ---------------------------------------------------------------------------------------------------------


def tar(entries, end=True):
    """
    (name, contents or None[, settings]) -> a tar. None is a directory; settings are tarfile's: type, mode, linkname, uid,
    pax_headers, ...
    """
    out = io.BytesIO()
    archive = tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT)
    for name, contents, *settings in entries:
        info = tarfile.TarInfo(name)
        info.mode = 0o755 if contents is None else 0o644
        info.type = tarfile.DIRTYPE if contents is None else tarfile.REGTYPE
        info.mtime = 1600000000
        info.size = len(contents or b"")
        for key, value in (settings[0] if settings else {}).items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(contents or b""))
    if end:
        archive.close()
    return out.getvalue()


def gzipped(data, level=6):
    return gzip.compress(data, level, mtime=0)


def gzip_members(data, size):
    return b"".join(gzipped(data[i:i + size]) for i in range(0, len(data), size))


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


def zstd_frames(data, size):
    """Several frames, skippable ones between and at both ends (RFC 8878, 3.1.2)."""
    skippable = b"\x5a\x2a\x4d\x18" + (7).to_bytes(4, "little") + b"skipped"
    return skippable + skippable.join(zstd(data[i:i + size]) for i in range(0, len(data), size)) + skippable


class Layer:
    """What a manifest and a config say of a layer; give size, digest or diff_id to make them lie."""

    def __init__(self, blob, unpacked=None, media_type=OCI_LAYER + "+gzip", **lies):
        self.blob = blob
        self.media_type = lies.get("media_type", media_type)
        self.size = lies.get("size", len(blob))
        self.digest = lies.get("digest", digest(blob))
        self.diff_id = lies.get("diff_id", digest(unpacked if unpacked is not None else blob))

    @staticmethod
    def of(entries, **lies):
        data = tar(entries)
        return Layer(gzipped(data), data, **lies)


# ---- images ---------------------------------------------------------------------------------------------------------


class Document:
    """A manifest or an index, and the blobs and documents it needs."""

    def __init__(self, data, media_type, blobs=(), below=()):
        self.data = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.media_type = media_type
        self.digest = digest(self.data)
        self.blobs = dict(blobs)
        self.below = list(below)

    def descriptor(self, **more):
        return {"mediaType": self.media_type, "size": len(self.data), "digest": self.digest, **more}


def image(layers, os_name="linux", arch="amd64", variant=None, docker=False, config=None, history=None):
    body = {"created": "2020-01-02T03:04:05Z", "architecture": arch, "os": os_name, "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}}
    if variant:
        body["variant"] = variant
    if history:
        body["history"] = history
    text = json.dumps(body).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
        "config": {"mediaType": DOCKER_CONFIG if docker else OCI_CONFIG, "size": len(text), "digest": digest(text)},
        "layers": [{"mediaType": DOCKER_LAYER if docker else layer.media_type, "size": layer.size, "digest": layer.digest}
                   for layer in layers],
    }
    made = Document(manifest, manifest["mediaType"], {digest(text): text, **{la.digest: la.blob for la in layers}})
    made.layers, made.config_digest, made.platform = layers, digest(text), {"os": os_name, "architecture": arch}
    if variant:
        made.platform["variant"] = variant
    return made


def index(images, docker=False):
    body = {"schemaVersion": 2, "mediaType": DOCKER_LIST if docker else OCI_INDEX,
            "manifests": [i.descriptor(platform=i.platform) for i in images]}
    return Document(body, body["mediaType"], below=images)


# ---- into a registry, or a folder -----------------------------------------------------------------------------------


def _request(connection, method, path, body=None, headers=None):
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
    return answer


def push(host, name, document, tag=None):
    """By the registry's own API, so that what no client would push gets there. Returns what to pull."""
    connection = http.client.HTTPConnection(host)
    for below in document.below:
        push(host, name, below)
    for key, blob in document.blobs.items():
        location = _request(connection, "POST", f"/v2/{name}/blobs/uploads/").headers["Location"]
        location = location.split(host, 1)[-1]
        _request(connection, "PUT", location + ("&" if "?" in location else "?") + "digest=" + key, blob)
    _request(connection, "PUT", f"/v2/{name}/manifests/{tag or document.digest}", document.data,
             {"Content-Type": document.media_type})
    connection.close()
    return f"{host}/{name}:{tag}" if tag else f"{host}/{name}@{document.digest}"


class Layout:
    """An OCI layout on disk with one image in it."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "index.json")) as f:
            self.index = json.load(f)
        self.manifest = json.loads(self.read(self.index["manifests"][0]["digest"]))
        self.config = json.loads(self.read(self.manifest["config"]["digest"]))
        self.diff_ids = self.config["rootfs"]["diff_ids"]

    def path(self, key):
        return os.path.join(self.folder, "blobs", *key.split(":"))

    def read(self, key):
        with open(self.path(key), "rb") as f:
            return f.read()

    def save(self, data):
        key = digest(data)
        with open(self.path(key), "wb") as f:
            f.write(data)
        return key

    def save_manifest(self):
        """After a change of manifest; what nothing needs any more is deleted."""
        text = json.dumps(self.manifest).encode()
        self.index["manifests"][0].update(digest=self.save(text), size=len(text))
        with open(os.path.join(self.folder, "index.json"), "w") as f:
            json.dump(self.index, f)
        wanted = {self.index["manifests"][0]["digest"], self.manifest["config"]["digest"],
                  *(layer["digest"] for layer in self.manifest["layers"])}
        for name in os.listdir(os.path.join(self.folder, "blobs/sha256")):
            if "sha256:" + name not in wanted:
                os.unlink(self.path("sha256:" + name))

    def download(self):
        """Bytes that a pull brings."""
        return sum(part["size"] for part in [self.manifest["config"], *self.manifest["layers"]])
