"""A filesystem with one file in it, "disk", that keeps a log of what is written to that file and when it is flushed: for a disk
whose power can be cut afterwards. It speaks the kernel's FUSE protocol (linux/fuse.h, 7.31) itself, with nothing but Python.

The log is a sequence of records: u64 offset, u32 length, then the bytes written; length 0 is a flush. It is in the log before
whoever wrote or flushed is told, so the log's size at any moment is a point that nothing reported later lies before.
"""
import errno
import os
import signal
import struct

import kit

DISK = 2  # its inode; 1 is the root
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC = 1, 2, 3, 4, 14, 15, 16, 17, 18, 20
FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 25, 26, 27, 28, 29, 36, 42
IN_HEADER = struct.Struct("<IIQQIIIHH")
OUT_HEADER = struct.Struct("<IiQ")
RECORD = struct.Struct("<QI")
WRITE_MAX = 128 << 10
BIG_WRITES = 1 << 5


class Server:
    """The process that answers the kernel; it has the disk in memory."""

    def __init__(self, device, disk, log):
        self.device, self.disk, self.log = device, disk, log

    def attributes(self, node):
        directory = node != DISK
        size = 0 if directory else len(self.disk)
        mode = 0o40700 if directory else 0o100600
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def record(self, offset, data):
        os.write(self.log, RECORD.pack(offset, len(data)) + data)

    def answer(self, kind, node, body):
        """Bytes, or a negative error number."""
        if kind == INIT:
            return struct.pack("<IIIIHHIIHHIIHHIIII", 7, 31, 128 << 10, BIG_WRITES, 8, 6, WRITE_MAX, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        if kind == LOOKUP:
            if body.rstrip(b"\0") != b"disk":
                return -errno.ENOENT
            return struct.pack("<QQQQII", DISK, 0, 3600, 3600, 0, 0) + self.attributes(DISK)
        if kind in (GETATTR, SETATTR):
            return struct.pack("<QII", 3600, 0, 0) + self.attributes(node)
        if kind in (OPEN, OPENDIR):
            return struct.pack("<QII", 0, 0, 0)
        if kind == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return bytes(self.disk[offset:offset + size])
        if kind == WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            data = body[40:40 + size]
            self.disk[offset:offset + size] = data
            self.record(offset, data)
            return struct.pack("<II", size, 0)
        if kind == FSYNC:
            self.record(0, b"")
            return b""
        if kind == STATFS:
            return struct.pack("<QQQQQIIII24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0)
        if kind in (FLUSH, RELEASE, RELEASEDIR, READDIR):
            return b""
        return -errno.ENOSYS

    def serve(self):
        while True:
            try:
                request = os.read(self.device, WRITE_MAX + 8192)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT):
                    continue
                return  # unmounted
            _, kind, unique, node, *_ = IN_HEADER.unpack_from(request)
            if kind in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            result = self.answer(kind, node, request[IN_HEADER.size:])
            error, body = (result, b"") if isinstance(result, int) else (0, result)
            os.write(self.device, OUT_HEADER.pack(OUT_HEADER.size + len(body), error, unique) + body)


class Recorder:
    """Mounts it at folder; folder/disk begins as the bytes of image. close() ends it."""

    def __init__(self, folder, image, log):
        self.folder, self.log = folder, log
        os.makedirs(folder)
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.set_inheritable(device, True)
        kit.command("mount", "-i", "-t", "fuse", "-o", f"fd={device},rootmode=40000,user_id=0,group_id=0", "recorder", folder,
                    pass_fds=[device])
        self.child = os.fork()
        if self.child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            status = 1
            try:
                with open(image, "rb") as f:
                    Server(device, bytearray(f.read()), file).serve()
                status = 0
            finally:
                os._exit(status)
        os.close(device)
        os.close(file)
        kit.KEPT.append(self.child)
        self.disk = os.path.join(folder, "disk")

    def position(self):
        return os.path.getsize(self.log)

    def close(self):
        kit.command("umount", self.folder)
        _, status = os.waitpid(self.child, 0)
        kit.KEPT.remove(self.child)
        kit.equal(status, 0, "exit status of the recorder")


def records(log):
    """(end of the record in the log, offset, bytes or None for a flush), in order."""
    with open(log, "rb") as f:
        data = f.read()
    at = 0
    while at < len(data):
        offset, size = RECORD.unpack_from(data, at)
        at += RECORD.size + size
        yield at, offset, data[at - size:at] if size else None
