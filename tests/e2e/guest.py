#!/usr/bin/env python3
"""What this kernel may lack, in a guest that has it: Debian's user-mode-linux, a kernel that is a program. Control groups v2 alone, with
controllers; quotas of projects; memory that nothing else takes."""
import os
import re
import shutil
import subprocess

import kit
from kit import check, equal, skip, test
from shared import SHARED, prepare

INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin KIST_ROOT=/mnt/store KIST_NETWORK_DEFAULT=none
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
for module in fs/squashfs/squashfs fs/overlayfs/overlay drivers/block/loop fs/quota/quota_tree fs/quota/quota_v2; do
    busybox insmod /usr/lib/uml/modules/$(uname -r)/kernel/$module.ko
done
mount -t tmpfs tmpfs /mnt
sh SCRIPT
busybox poweroff -f
"""

SCRIPT = """
say() { echo "@ $1=$(echo $2)"; }
exec 2>&1
KIST load -q -i IMAGE
KIST run --name eater -m 32m box:1 tail -c 100m /dev/zero
say memory "$? $(KIST inspect -f '{{.State.OOMKilled}}' eater)"
KIST run --rm --pids-limit 10 box:1 sh -c 'for i in $(seq 40); do sleep 1 & done; echo made'
say bomb $?
C=$(KIST run -d --name all -m 64m --memory-reservation 32m --cpus 1.5 --cpu-shares 512 --pids-limit 20 box:1 sleep 1000)
cd /sys/fs/cgroup/kist/$C
for file in memory.max memory.swap.max memory.low cpu.max cpu.weight pids.max; do say $file "$(cat $file)"; done
KIST update -m 128m --memory-swap -1 --pids-limit 33 --cpus 0.5 all
for file in memory.max memory.swap.max cpu.max pids.max; do say new-$file "$(cat $file)"; done
say stats "$(KIST stats --no-stream all | tail -1)"
KIST pause all; say frozen "$(cat cgroup.freeze) $(KIST ps --format '{{.Status}}')"
KIST unpause all; say thawed "$(cat cgroup.freeze)"
say entered "$(KIST exec all cat /proc/self/cgroup)"
C=$(KIST run -d --name plain box:1 sleep 1000)
KIST update -m 32m --pids-limit 7 plain
say late "$(cat ../$C/memory.max ../$C/pids.max | xargs)"
cd /
KIST rm -f all plain
say weight "$(KIST run --rm --blkio-weight 300 box:1 true 2>&1; echo $?)"
say processors "$(KIST run --rm --cpuset-cpus 0 box:1 true 2>&1; echo $?)"
say left "$(find /sys/fs/cgroup -mindepth 2 -type d -name '*????????????????????????????????')"
"""

IDLE = """
say() { echo "@ $1=$2"; }
exec 2>&1
KIST load -q -i IMAGE
available() { sync; echo 3 > /proc/sys/vm/drop_caches; sed -n 's/^MemAvailable: *\\([0-9]*\\).*/\\1/p' /proc/meminfo; }
start() { KIST run -d box:1 sleep 1000 > /dev/null; }
start  # what the first one brings is not the others'
BEFORE=$(available)
for i in $(seq 50); do start; done
say taken $((BEFORE - $(available)))
# of the processes whose command line has the word, KiB each
sizes() { sed -n 's/^Pss: *\\([0-9]*\\).*/\\1/p' $(grep -l "$1" /proc/[0-9]*/cmdline 2>/dev/null | sed 's/cmdline/smaps_rollup/') | xargs; }
say supervisors "$(sizes supervise)"
say apps "$(sizes '^sleep')"
say left ""
"""


def program():
    """kist without a sanitizer, whose shadow memory the guest has no room for."""
    for path in (kit.KIST, os.path.join(os.path.dirname(kit.KIST), "..", "release", "kist")):
        if os.path.exists(path):
            with open(path, "rb") as f:
                if b"__asan_init" not in f.read():
                    return os.path.realpath(path)
    return skip("only a kist with a sanitizer is here (cmake --preset release)")


def boot(t, script, *disks):
    """What a guest says that runs script, with KIST and IMAGE for the program and an archive: name -> text. disks: files, /dev/ubda the first."""
    if not shutil.which("linux.uml"):
        skip("no user-mode-linux")
    kist = program()
    image = t.path("box.tar")
    t.kist("pull", "-q", SHARED["busybox"])
    t.kist("tag", SHARED["busybox"], "box:1")
    t.kist("save", "-o", image, "box:1")
    path = t.write("script", script.replace("KIST ", kist + " ").replace("IMAGE", image))
    init = t.write("init", INIT.replace("SCRIPT", path))
    os.chmod(init, 0o755)
    out = subprocess.run(["linux.uml", "mem=512M", "rootfstype=hostfs", "rootflags=/", "ro", f"init={init}", "con=null", "con0=null,fd:1", "quiet",
                          *(f"ubd{i}={disk}" for i, disk in enumerate(disks))],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, cwd=t.dir).stdout
    said = dict(re.findall(r"^@ ([^=]+)=(.*?)\r?$", out, re.M))
    check("left" in said, f"the guest did not come to the end: {out[-2000:]!r}")
    return said


@test
def limits_of_v2(t):
    said = boot(t, SCRIPT)
    stats = said.pop("stats")
    # this kernel has no weights and no sets: each is told what it is
    equal([said.pop(word) for word in ("weight", "processors")],
          ["kist: this kernel cannot limit block devices: its controller 'io' cannot do that (CONFIG_BFQ_GROUP_IOSCHED or CONFIG_BLK_CGROUP_IOCOST) 125",
           "kist: this kernel cannot limit processors here: it has no controller 'cpuset' (CONFIG_CPUSETS), or does not hand it on 125"], "what it lacks")
    equal(said, {"memory": "137 true", "bomb": "2", "memory.max": str(64 << 20), "memory.swap.max": str(64 << 20), "memory.low": str(32 << 20),
                 "cpu.max": "150000 100000", "cpu.weight": "20", "pids.max": "20", "new-memory.max": str(128 << 20), "new-memory.swap.max": "max",
                 "new-cpu.max": "50000 100000", "new-pids.max": "33", "frozen": said["frozen"], "thawed": "0", "entered": "0::/",
                 "late": f"{32 << 20} 7", "left": ""}, "what the guest said")
    check(re.fullmatch(r"1 Up .* \(Paused\)", said["frozen"]), f"frozen: {said['frozen']}")
    check("/ 128MiB" in stats and " all " in stats, f"stats: {stats}")


@test
def fifty_idle(t):
    """What they cost where nothing else runs: each supervisor, and all of them with what the kernel keeps."""
    said = boot(t, IDLE)
    supervisors, apps = ([int(number) for number in said[name].split()] for name in ("supervisors", "apps"))
    equal((len(supervisors), len(apps)), (51, 51), "how many run")
    check(0 < max(supervisors) <= 1024, f"the largest supervisor has {max(supervisors)} KiB")
    taken = int(said["taken"]) - sum(apps) * 50 // 51
    check(0 < taken <= 60 << 10, f"50 containers took {taken} KiB")
    if os.environ.get("KIST_TEST_KEEP"):
        print(f"supervisors of {min(supervisors)} to {max(supervisors)} KiB, {taken} KiB for 50 containers")


QUOTAS = """
say() { echo "@ $1=$(echo $2)"; }
exec 2>&1
mknod /run/disk b 98 0
mount -t ext4 -o prjquota /run/disk /mnt
KIST load -q -i IMAGE
say doctor "$(KIST system doctor | grep project-quotas)"
fill='dd if=/dev/zero of=/full bs=64k count=1000 2>&1 | grep -o "Disk quota exceeded"; wc -c < /full'
say full "$(KIST run --name limited --storage-opt size=8m box:1 sh -c "$fill")"
say again "$(KIST start -a limited)"
say free "$(KIST run --name other --storage-opt size=8m box:1 sh -c 'dd if=/dev/zero of=/part bs=1M count=6 2>&1 | grep -c exceeded')"
say unlimited "$(KIST run --rm box:1 sh -c 'dd if=/dev/zero of=/big bs=1M count=20 2>&1 | grep -c exceeded')"
say images "$(find /mnt/store/containers -name rw.img)"
used() { KIST system df --format '{{if eq .Type "Containers"}}{{.Bytes}}{{end}}' | xargs; }
say used $(used)
KIST rm limited other
say removed $(used)
say left "$(find /mnt/store/containers /mnt/store/tmp -mindepth 1)"
"""


@test
def sizes_by_quotas_of_projects(t):
    kit.need_programs("mkfs.ext4")
    disk = t.path("disk")
    with open(disk, "wb") as f:
        f.truncate(128 << 20)
    kit.command("mkfs.ext4", "-q", "-O", "quota,project", "-E", "quotatype=prjquota", disk)
    said = boot(t, QUOTAS, disk)
    for word in ("full", "again"):  # the limit is the container's for life
        text, size = said.pop(word).rsplit(" ", 1)
        equal(text, "Disk quota exceeded", word)
        check(7 << 20 <= int(size) <= 8 << 20, f"{word}: {size} bytes were written under a limit of 8 MiB")
    used = int(said.pop("used"))
    check(13 << 20 <= used <= 16 << 20, f"{used} bytes for containers that wrote 8 and 6 MiB")
    check(int(said.pop("removed")) < 1 << 20, "what containers that are gone take")
    equal(said, {"doctor": "found project-quotas", "free": "0", "unlimited": "0", "images": "", "left": ""}, "what the guest said")


kit.main(prepare)
