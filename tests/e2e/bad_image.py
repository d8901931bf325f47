#!/usr/bin/env python3
"""
Images that lie or are broken. Each time there is one clear message, the exit code of the table, nothing left that the next command
does not sweep, and the image that was there before is as good as ever.
"""
import contextlib
import http.server
import json
import os
import struct
import subprocess
import threading

import kit
import oci
from failing import CORRUPT, NO_SPACE, UNSUPPORTED, behind, large, unharmed
from kit import check, equal, test
from shared import prepare, registry


def refused(t, document, code, message, name="bad"):
    """An image that a registry takes, and kist does not."""
    reference = oci.push(registry().host, name, document, "1")
    with unharmed(t):
        t.fails(code, ["cannot pull", *([message] if isinstance(message, str) else message)], "pull", reference)


def refused_layer(t, code, message, *layers):
    refused(t, oci.image(list(layers)), code, [layers[-1].digest, *([message] if isinstance(message, str) else message)])


# ---- digests and sizes ----------------------------------------------------------------------------------------------


@test
def wrong_digest(t):
    """The layer is another, well-formed one of the same size."""
    good = oci.tar([("file", b"a" * 5000)])
    other = good.replace(b"a" * 5000, b"b" * 5000)
    layer = oci.Layer(good, media_type=oci.OCI_LAYER)
    name = oci.push(registry().host, "digest", oci.image([layer]), "1")
    _, name = behind(t, f"blobs/.*{layer.digest[7:]}:replace-body={t.write('other', other)}", reference=name)
    with unharmed(t):
        t.fails(CORRUPT, [layer.digest, oci.digest(other), "digest"], "pull", name)


@test
def wrong_byte(t):
    document, name = large()
    layer = document.layers[0]
    for position in (0, 12, 1500000, layer.size - 3):
        _, bad = behind(t, f"blobs/.*{layer.digest[7:]}:corrupt-at={position}", reference=name)
        with unharmed(t):
            t.fails(CORRUPT, layer.digest, "pull", bad)


@test
def size_too_small(t):
    data = oci.tar([("file", os.urandom(5000))])
    blob = oci.gzipped(data)
    refused_layer(t, CORRUPT, [f"larger than the {len(blob) - 7} bytes"], oci.Layer(blob, data, size=len(blob) - 7))


@test
def size_too_large(t):
    data = oci.tar([("file", os.urandom(5000))])
    blob = oci.gzipped(data)
    refused_layer(t, CORRUPT, [f"shorter than the {len(blob) + 7} bytes"], oci.Layer(blob, data, size=len(blob) + 7))


@test
def size_not_as_sent(t):
    """The registry sends more or less than it has."""
    document, name = large()
    layer = document.layers[0]
    for fault, message in {"extra=10": "larger than", "truncate=1000": "shorter than", "extra=10:chunked": "larger than",
                           "truncate=1000:chunked": "shorter than"}.items():
        _, bad = behind(t, f"blobs/.*{layer.digest[7:]}:{fault}", reference=name)
        with unharmed(t):
            t.fails(CORRUPT, message, "pull", bad)


@test
def wrong_diff_id(t):
    wrong = "sha256:" + "1" * 64
    layer = oci.Layer.of([("file", b"text")], diff_id=wrong)
    refused_layer(t, CORRUPT, ["diff ID", wrong], layer)


@test
def wrong_config(t):
    document, name = large()
    other = document.blobs[document.config_digest].replace(b"2020-", b"2021-")
    _, bad = behind(t, f"blobs/.*{document.config_digest[7:]}:replace-body={t.write('config', other)}", reference=name)
    with unharmed(t):
        t.fails(CORRUPT, [document.config_digest, "digest"], "pull", bad)


@test
def wrong_manifest(t):
    """By digest, another manifest comes."""
    document, name = large()
    other = t.write("manifest", document.data.replace(b"schemaVersion", b"schemaversion"))
    by_digest = f"{name.rsplit(':', 1)[0]}@{document.digest}"
    _, bad = behind(t, f"manifests/:replace-body={other}:content-type={oci.OCI_MANIFEST}", reference=by_digest)
    with unharmed(t):
        t.fails(CORRUPT, [document.digest], "pull", bad)


# ---- compression ----------------------------------------------------------------------------------------------------


@test
def truncated_gzip(t):
    data = oci.tar([("file", os.urandom(50000))])
    blob = oci.gzipped(data)
    for length in (len(blob) - 1, len(blob) - 9, len(blob) // 2, 5):
        refused_layer(t, CORRUPT, "gzip", oci.Layer(blob[:length], data))


@test
def gzip_bomb(t):
    """Small as declared; unpacked, it would not end."""
    head = header("zeros", b"20000000000\0")
    packer = subprocess.Popen(["gzip", "-6", "-n"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    feed = threading.Thread(target=lambda: ([packer.stdin.write(part) for part in [head, *[bytes(1 << 20)] * 600]],
                                            packer.stdin.close()))
    feed.start()
    blob = packer.stdout.read()
    feed.join()
    packer.wait()
    check(len(blob) < 1 << 20, "the bomb is no bomb")
    refused_layer(t, CORRUPT, "unpack", oci.Layer(blob, b""))


@test
def corrupt_zstd(t):
    kit.need_programs("zstd")
    data = oci.tar([("file", os.urandom(50000) + bytes(50000))])
    blob = oci.zstd(data)
    kind = oci.OCI_LAYER + "+zstd"
    for bad in (blob[:100] + bytes(64) + blob[164:], blob[:-5], blob[:len(blob) // 2], blob[:-4] + b"\0\1\2\3",
                b"\x28\xb5\x2f\xfd" + b"\xff" * 100):
        refused_layer(t, CORRUPT, "zstd", oci.Layer(bad, data, media_type=kind))


@test
def zstd_window(t):
    """A frame that wants more memory than a decoder has to have."""
    kit.need_programs("zstd")
    data = oci.tar([("file", os.urandom(1 << 20))])
    child = subprocess.run(["zstd", "-q", "-c", "--ultra", "--long=27", "-19"], input=data, stdout=subprocess.PIPE, check=True)
    refused_layer(t, (CORRUPT, UNSUPPORTED), "window",
                  oci.Layer(child.stdout, data, media_type=oci.OCI_LAYER + "+zstd"))


# ---- documents ------------------------------------------------------------------------------------------------------


def refused_document(t, text, media_type, code, message):
    file = t.write("document", text)
    _, name = behind(t, f"manifests/:replace-body={file}:content-type={media_type}")
    with unharmed(t):
        t.fails(code, ["cannot pull", *([message] if isinstance(message, str) else message)], "pull", name)


@test
def huge_manifest(t):
    text = json.dumps({"schemaVersion": 2, "mediaType": oci.OCI_MANIFEST, "annotations": {"a": "x" * (4 << 20)}})
    refused_document(t, text, oci.OCI_MANIFEST, CORRUPT, str(4 << 20))


@test
def deep_manifest(t):
    text = '{"schemaVersion": 2, "layers": ' + "[" * 10000 + "]" * 10000 + "}"
    refused_document(t, text, oci.OCI_MANIFEST, CORRUPT, "nest")
    refused_document(t, '{"a":' * 10000 + "1" + "}" * 10000, oci.OCI_INDEX, CORRUPT, "nest")


@test
def deep_config(t):
    layer = oci.Layer.of([("file", b"text")])
    config = b'{"rootfs": ' + b"[" * 10000 + b"]" * 10000 + b"}"
    good = oci.image([layer])
    manifest = json.loads(good.data)
    manifest["config"].update(digest=oci.digest(config), size=len(config))
    refused(t, oci.Document(manifest, oci.OCI_MANIFEST, {oci.digest(config): config, layer.digest: layer.blob}), CORRUPT, "nest")


@test
def no_json(t):
    for text in ("", "not json", '{"schemaVersion": 2', '{"schemaVersion": 2, "layers": "\x01"}', "[]", "null", "{}"):
        refused_document(t, text, oci.OCI_MANIFEST, CORRUPT, "manifest")


@test
def unknown_manifest(t):
    kind = "application/vnd.example.picture.v1+json"
    refused_document(t, json.dumps({"schemaVersion": 2, "mediaType": kind}), kind, UNSUPPORTED, kind)


@test
def schema_1(t):
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    refused_document(t, json.dumps({"schemaVersion": 1, "name": "old", "fsLayers": []}), kind, UNSUPPORTED, "schema 1")
    refused_document(t, json.dumps({"schemaVersion": 1, "fsLayers": []}), "application/json", UNSUPPORTED, "schema 1")


@test
def counts_that_do_not_fit(t):
    layers = [oci.Layer.of([(f"file{i}", b"text")]) for i in range(2)]
    good = oci.image(layers)
    manifest = json.loads(good.data)
    manifest["layers"].pop()
    refused(t, oci.Document(manifest, oci.OCI_MANIFEST, good.blobs), CORRUPT, ["1 layers", "2 diff IDs"])


@test
def too_many_layers(t):
    layer = oci.Layer.of([("file", b"text")])
    refused(t, oci.image([layer] * 129), (CORRUPT, UNSUPPORTED), "128")


@test
def index_in_an_index(t):
    inner = oci.index([oci.image([oci.Layer.of([("file", b"text")])])])
    inner.platform = {"os": "linux", "architecture": "amd64"}
    refused(t, oci.index([inner]), UNSUPPORTED, "index")


@test
def unknown_layer_type(t):
    data = oci.tar([("file", b"text")])
    refused(t, oci.image([oci.Layer(oci.gzipped(data), data, media_type="application/vnd.example.disk")]), UNSUPPORTED,
            "application/vnd.example.disk")


# ---- tar ------------------------------------------------------------------------------------------------------------


def header(name, size_field=b"00000000000\0", kind=b"0"):
    """A ustar header with a size as given."""
    block = bytearray(oci.tar([(name, b"")], end=False)[:512])
    block[124:136], block[156:157] = size_field, kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def plain(data):
    return oci.Layer(data, media_type=oci.OCI_LAYER)


@test
def negative_size(t):
    refused_layer(t, CORRUPT, "size", plain(header("file", b"\xff" * 8 + struct.pack(">i", -512)) + bytes(1024)))
    refused_layer(t, CORRUPT, "size", plain(header("file", b"-0000000512\0") + bytes(1024)))


@test
def enormous_size(t):
    """More than any file can have, and more than comes."""
    refused_layer(t, CORRUPT, "size", plain(header("file", b"\x80" + b"\x7f" * 11) + bytes(1024)))
    refused_layer(t, NO_SPACE, "mem", plain(header("file", b"\x80" + struct.pack(">xxxQ", 1 << 60)) + bytes(1024)))


@test
def path_that_escapes(t):
    for name in ("../outside", "a/../../outside", "a/b/../../../etc/passwd", "/../outside"):
        refused_layer(t, CORRUPT, ["'" + name + "'", "leads out"], plain(oci.tar([(name, b"evil")])))
    check(not os.path.exists(os.path.join(t.root, "outside")), "it got out")


@test
def path_through_symlinks(t):
    """An absolute path or link leads to somewhere in the layer, as in a chroot."""
    data = oci.tar([("link", b"", {"type": b"2", "linkname": "/../../../../etc"}), ("link/inside", b"text"),
                    ("/absolute", b"text")])
    name = oci.push(registry().host, "bad", oci.image([plain(data)]), "symlinks")
    t.kist("pull", "-q", name)
    place = t.mount("-t", "squashfs", "-o", "loop,ro", *t.layers().values(), t.path("layer"))
    equal(sorted(os.listdir(place)), ["absolute", "etc", "link"], "the layer's files")
    equal(os.listdir(os.path.join(place, "etc")), ["inside"], "the files in etc")
    check(not os.path.exists("/etc/inside"), "it got out")


@test
def hard_link_outside(t):
    for target, message in {"../../etc/shadow": "leads out", "not/there": "not in this layer", "/etc/shadow": "not in this layer",
                            "": "no link target"}.items():
        refused_layer(t, CORRUPT, ["link", message],
                      plain(oci.tar([("link", b"", {"type": b"1", "linkname": target})])))


@test
def whiteout_of_no_name(t):
    for name in (".wh.", "a/.wh..", ".wh..."):
        refused_layer(t, CORRUPT, "whiteout", plain(oci.tar([(name, b"")])))


@test
def no_tar(t):
    noise = os.urandom(20000)
    for data in (noise, b"hello world\n" * 1000, b"\x89PNG\r\n" + noise, header("file")[:300]):
        refused_layer(t, CORRUPT, "tar", oci.Layer(oci.gzipped(data), data))
    refused_layer(t, CORRUPT, "", plain(noise))


@test
def truncated_tar(t):
    data = oci.tar([("file", os.urandom(5000)), ("more", b"x" * 5000)], end=False)
    refused_layer(t, CORRUPT, "tar", plain(data[:3000]))


class Files(http.server.BaseHTTPRequestHandler):
    """A registry of one image, whose layer has ten million empty files; they are made as they are asked for."""

    protocol_version = "HTTP/1.1"
    layer = oci.Layer(b"", size=1 << 28, digest="sha256:" + "2" * 64, media_type=oci.OCI_LAYER)
    document = oci.image([layer])

    def do_GET(self):
        if "/manifests/" in self.path:
            self.answer(self.document.data, oci.OCI_MANIFEST)
        elif self.path.endswith(self.document.config_digest):
            self.answer(self.document.blobs[self.document.config_digest], "application/octet-stream")
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(self.layer.size))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.files()

    def files(self):
        """Each digit with what it lacks to nine, so that all headers have the same checksum."""
        block = b"".join(header("0000-9999/%04d-%04d" % (i, 9999 - i)) for i in range(10000))
        for i in range(1000):
            self.wfile.write(block.replace(b"0000-9999/", b"%04d-%04d/" % (i, 9999 - i)))
            self.server.sent += 10000

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@test
def ten_million_files(t):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.sent = 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with unharmed(t):
            t.fails(NO_SPACE, ["files", "mem"], "--mem", "16MiB", "pull", f"127.0.0.1:{server.server_port}/files")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    check(server.sent < 200000, f"{server.sent} files were taken")


kit.main(prepare)
