#!/usr/bin/env python3
"""The hard limit: quota and reserve, what a pull plans, what goes for it, and what the store is said to take."""
import contextlib
import os
import random

import kit
import oci
from kit import Cutter, check, equal, test
from shared import SHARED, configured, prepare, registry, small

NO_SPACE = 16
KIB, MIB = 1 << 10, 1 << 20


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def sized(name, size, tag="1", seed=None):
    """An image of one layer of about size bytes, that nothing compresses."""
    layer = oci.Layer.of([("noise", noise(size, seed or name))])
    return oci.push(registry().host, name, oci.image([layer]), tag)


def packed(name, times=6):
    """An image whose layer zstd packs into a MiB, and blocks of 128 KiB do not: what the plan expects is far too little."""
    data = oci.tar([("again", noise(MIB) * times)])
    layer = oci.Layer(oci.zstd(data), data, media_type=oci.OCI_LAYER + "+zstd")
    return oci.push(registry().host, name, oci.image([layer]), "1")


def du(path):
    return int(kit.command("du", "-s", "-x", "--block-size=1", path).split()[0])


def check_df(t):
    """system df and du agree, to the byte; what they say."""
    for _ in range(20):  # a filesystem may settle what files take only when it writes them out
        before = du(t.root)
        rows = t.kist("system", "df", "--json").jsons()
        if du(t.root) == before:
            break
    total = sum(row["Bytes"] for row in rows)
    equal(total, du(t.root), "the sum of system df")
    equal(t.kist("info", "--json").json()["StoreBytes"], total, "StoreBytes of info")
    return {row["Type"]: row for row in rows}


def quota(size):
    return {"KIST_STORE_QUOTA": str(size)}


@test
def a_pull_that_does_not_fit_does_not_start(t):
    t.kist("pull", "-q", SHARED["busybox"])
    before = t.snapshot()
    name = sized("large", 3 * MIB)
    cutter = Cutter(t, registry().host)
    there = name.replace(registry().host, cutter.host)
    limit = du(t.root) + 2 * MIB
    t.fails(NO_SPACE, [f"cannot pull '{there}': needs 3.2 MiB, 2.0 MiB left under quota 5.", " MiB (try 'kist image prune')"], "pull", there, env=quota(limit))
    equal(cutter.requests("blobs/" + oci.Layer.of([("noise", noise(3 * MIB, "large"))]).digest), [],
          "requests for the layer")
    equal(t.snapshot(), before, "the store")
    r = t.kist("pull", "--dry-run", "--json", there, env=quota(limit), code=NO_SPACE)
    plan = r.json()
    equal((plan["status"], plan["fits"], plan["layersToDownload"], plan["evicted"]), ("planned", False, 1, []), "the plan")
    check(plan["left"] < 2 * MIB < plan["download"] < plan["estimate"] < plan["peak"], f"the plan is {plan}")
    check(plan["estimate"] < plan["bound"], f"the plan is {plan}")
    check(MIB < plan["mountMemory"] < 2 * MIB, f"the plan is {plan}")
    equal(t.snapshot(), before, "the store after a dry run")
    r = t.kist("pull", "--dry-run", there, env=quota(limit), code=NO_SPACE, out=["Would download 3.0 MiB", " at most\n", " left\n"])
    t.kist("pull", there, env=quota(limit + 2 * MIB))
    check(du(t.root) <= limit + 2 * MIB, "past the quota")
    plan = t.kist("pull", "--dry-run", "--json", there, env=quota(limit)).json()
    equal((plan["fits"], plan["download"], plan["peak"]), (True, 0, 0), "the plan for what is kept")


@test
def a_plan_without_a_store(t):
    name = sized("large", 3 * MIB)
    t.fails(NO_SPACE, " left under quota 1 MiB", "pull", "--dry-run", name, env=quota("1MiB"))
    t.kist("pull", "--dry-run", name, env=quota("4MiB"))
    check(not os.path.exists(t.root), "a dry run made a store")


@test
def the_writer_stops_at_the_quota(t):
    """The plan fits, and then reality does not."""
    t.kist("pull", "-q", SHARED["busybox"])
    name = packed("packed")
    limit = du(t.root) + 3 * MIB
    before = t.snapshot()
    r = t.fails(NO_SPACE, [f"cannot pull '{name}': cannot store layer 'sha256:", "': needs ", " left under quota "],
                "pull", name, env=quota(limit))
    check("No space left on device" not in r.err, r.err)
    equal(t.transient(), [], "what is left in tmp/ and partial/")
    equal({path: s[0] for path, s in t.snapshot().items()}, {path: s[0] for path, s in before.items()}, "the store")
    t.kist("pull", name, env=quota(limit + 4 * MIB))
    check(du(t.root) <= limit + 4 * MIB, "past the quota")
    check_df(t)


@test
def bad_limits(t):
    for value in ("much", "50%%", "101%", "-1", "%", "1.5%", "9" * 30):
        t.fails(2, ["store.quota", "neither a size like 256MiB nor a share like 50%"], "images", env=quota(value))
        t.fails(2, ["store.reserve", "neither a size like 256MiB nor a share like 50%"], "--store-reserve", value, "images")
    t.kist("images", env=quota("0"))


@test
def removing_works_on_a_full_store(t):
    name = sized("one", 300 * KIB)
    t.kist("pull", "-q", name)
    t.kist("create", "--name", "one", SHARED["busybox"], "true")
    tight = quota(16 * KIB)
    t.fails(NO_SPACE, "0 B left under quota 16 KiB", "pull", small_image("fresh"), env=tight)
    t.fails(125, "0 B left under quota 16 KiB", "run", SHARED["busybox"], "true", env=tight)
    t.fails(NO_SPACE, "0 B left under quota 16 KiB", "create", SHARED["busybox"], "true", env=tight)
    equal(len(t.kist("ps", "-aq").out.split()), 1, "containers")
    t.kist("rm", "one", env=tight)
    t.kist("rmi", name, env=tight)
    t.kist("image", "prune", "-a", "-f", env=tight)
    equal(t.images(), [], "the images kept")
    equal(t.layers(), {}, "the layers kept")
    check_df(t)


def small_image(name):
    return oci.push(registry().host, name, small(name), "1")


# ---- what goes for it -----------------------------------------------------------------------------------------------


def used_long_ago(t, name, days):
    """The last use of an image is the time of its manifest's blob."""
    details = t.kist("image", "inspect", name).json()[0]
    digest = details["RepoDigests"][0].split("@sha256:")[1]
    path = os.path.join(t.root, "blobs/sha256", digest)
    when = os.stat(path).st_mtime - days * 86400
    os.utime(path, (when, when))


@test
def what_was_used_longest_ago_goes(t):
    names = [sized(f"age{i}", 700 * KIB) for i in range(5)]
    for i, name in enumerate(names[:4]):
        t.kist("pull", "-q", name)
        used_long_ago(t, name, 100 - i)
    t.kist("image", "pin", names[0])
    t.kist("create", "--name", "holds", names[1], "/noise")
    limit = quota(du(t.root) + 400 * KIB)
    before = t.images()
    t.fails(NO_SPACE, "(try 'kist image prune')", "pull", names[4], env=limit)
    equal(t.images(), before, "images where nothing may go")
    allowed = {**limit, "KIST_PRUNE_AUTO": "true"}
    plan = t.kist("pull", "--dry-run", "--json", names[4], env=allowed).json()
    equal((plan["fits"], plan["evicted"][:1]), (True, [names[2]]), "the plan")
    check(plan["evictedBytes"] > 700 * KIB, f"the plan is {plan}")
    t.kist("pull", "--dry-run", names[4], env=allowed, out=f"Would remove '{names[2]}' to make room")
    equal(t.images(), before, "images after a dry run")
    t.kist("pull", names[4], env=allowed, err=f"{names[2]}: removed to make room")
    equal(t.images(), sorted([names[0], names[1], names[3], names[4]]), "the images kept")
    check(du(t.root) <= int(limit["KIST_STORE_QUOTA"]), "past the quota")
    check_df(t)


@test
def a_writer_makes_room_too(t):
    """The plan fits at first, and what it did not foresee is made room for."""
    old = sized("old", 3 * MIB)
    t.kist("pull", "-q", old)
    name = packed("packed2", 4)
    limit = du(t.root) + 2 * MIB
    t.kist("pull", name, env={**quota(limit), "KIST_PRUNE_AUTO": "true"})
    equal(t.images(), [name], "the images kept")
    check(du(t.root) <= limit, "past the quota")


@test
def the_image_to_fall_back_to_stays(t):
    first = sized("app", 900 * KIB, "1", "v1")
    t.kist("pull", "-q", first)
    used_long_ago(t, first, 10)
    sized("app", 900 * KIB, "1", "v2")
    limit = quota(du(t.root) + 400 * KIB)
    t.fails(NO_SPACE, "left under quota", "pull", first, env={**limit, "KIST_PRUNE_AUTO": "true"})
    equal(t.images(), [first], "the images kept")
    t.kist("pull", first, env={**limit, "KIST_PRUNE_AUTO": "true", "KIST_PRUNE_KEEP_PREVIOUS": "false"}, out="Status: ")
    equal(t.images(), [first], "the images kept")
    equal(len(t.layers()), 1, "layers")


# ---- df -------------------------------------------------------------------------------------------------------------


@test
def df_tells_what_du_does(t):
    out = t.kist("system", "df").out.splitlines()
    equal(out[0].split(), ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"], "the columns")
    equal(out[1].split(), ["Images", "0", "0", "0", "B", "0", "B", "(0%)"], "the images of no store")
    name = sized("one", 400 * KIB)
    for image in (SHARED["busybox"], name):
        t.kist("pull", "-q", image)
        check_df(t)
    t.kist("tag", name, "another:name")
    t.kist("run", "--name", "filled", SHARED["busybox"], "sh", "-c",
           "mkdir -p /d/e/f; dd if=/dev/urandom of=/d/e/f/file bs=1000 count=300 2>/dev/null; ln /d/e/f/file /d/again; rm -r /home")
    rows = check_df(t)
    equal((rows["Images"]["TotalCount"], rows["Images"]["Active"]), ("2", "1"), "images")
    equal((rows["Containers"]["TotalCount"], rows["Containers"]["Active"]), ("1", "0"), "containers")
    check(300 * 1000 < rows["Containers"]["Bytes"] < 400 * 1000, f"containers are {rows['Containers']}")
    freed = rows["Images"]["ReclaimableBytes"]
    check(400 * KIB < freed < 500 * KIB, f"images are {rows['Images']}")
    out = t.kist("system", "df", "-v").out
    kit.contains(out, ["Images space usage:", "UNIQUE SIZE", "Containers space usage (measured; nothing limits it):", "filled",
                       "Local Volumes space usage:", "Build cache usage: 0 B"], "system df -v")
    details = t.kist("system", "df", "-v", "--json").json()
    equal([len(details[key]) for key in ("Images", "Containers", "Volumes", "BuildCache")], [3, 1, 0, 0], "rows of -v")
    equal(t.kist("system", "df", "--format", "{{.Type}} {{.TotalCount}}").out.splitlines()[0], "Images 2", "a template")
    before = du(t.root)
    t.kist("image", "prune", "-a", "-f")
    check(before - du(t.root) >= freed, "what was reclaimable did not come back")
    t.kist("rm", "filled")
    t.kist("image", "prune", "-a", "-f")
    equal(check_df(t)["Containers"]["TotalCount"], "0", "containers")


# ---- what containers have in the store ---------------------------------------------------------------------------------


@test
def what_fills_a_volume_stays_under_the_quota(t):
    layer = oci.Layer.of([("data", None), ("data/noise", noise(900 * KIB, 5)), ("more", None), ("more/noise", noise(900 * KIB, 6))])
    name = configured({"Volumes": {"/data": {}, "/more": {}}}, layer, tag="volumes")
    t.kist("pull", "-q", name)
    for left in (400, 1300):  # neither fits, and one of two
        limit = du(t.root) + left * KIB
        t.fails(125, ["cannot fill volume", "Disk quota exceeded"], "run", "--name", "filled", name, "true", env=quota(limit))
        check(du(t.root) <= limit, f"{du(t.root)} bytes, past the quota of {limit}")
        check_df(t)
        t.kist("rm", "-fv", "filled", code=(0, 12))
    limit = du(t.root) + 2200 * KIB
    t.kist("run", "--name", "filled", name, "sh", "-c", "cmp /data/noise /data/noise && ls /more/noise", env=quota(limit))
    check(du(t.root) <= limit, "past the quota")
    rows = check_df(t)
    equal((rows["Local Volumes"]["TotalCount"], rows["Local Volumes"]["Active"]), ("2", "2"), "volumes")
    equal(rows["Local Volumes"]["ReclaimableBytes"], 0, "reclaimable of volumes in use")
    details = t.kist("system", "df", "-v", "--json").json()
    equal([row["Links"] for row in details["Volumes"]], ["1", "1"], "links")
    equal(details["Containers"][0]["LocalVolumes"], "2", "volumes of the container")
    t.kist("rm", "filled")
    rows = check_df(t)
    check(rows["Local Volumes"]["ReclaimableBytes"] > 1800 * KIB, f"volumes are {rows['Local Volumes']}")
    # on a store that is full, what there is starts as ever
    t.kist("create", "--name", "full", SHARED["busybox"], "true")
    t.kist("start", "-a", "full")
    t.kist("start", "-a", "full", env=quota("1MiB"))


@test
def logs_in_the_store_count(t):
    """A configuration's limit reaches the supervisor, which holds room for all that its log may come to take."""
    t.kist("pull", "-q", SHARED["busybox"])
    logs = {"KIST_LOG_DIR": os.path.join(t.root, "logs"), "KIST_LOG_SIZE": "1MiB"}
    script = ["sh", "-c", "dd if=/dev/zero bs=1000 count=2000 2>/dev/null | tr '\\0' 'x' | fold -w 99; exec sleep 1000"]

    def start(left, code):
        limit = du(t.root) + left
        config = t.write("conf", f"store.quota = {limit}\n")
        t.kist("--config", config, "run", "-d", "--name", "logs", SHARED["busybox"], *script, env=logs, code=code,
               err=" left under quota " if code else None)
        return limit

    start(900 * KIB, 125)
    t.kist("rm", "-f", "logs", code=(0, 12))
    limit = start(1300 * KIB, 0)
    kit.wait_until(lambda: du(logs["KIST_LOG_DIR"]) > 600 * KIB, "the log fills both its files")
    t.fails(NO_SPACE, " left under quota ", "pull", sized("beside", 900 * KIB), env=quota(limit))
    check(du(t.root) <= limit, f"{du(t.root)} bytes, past the quota of {limit}")
    t.kist("rm", "-f", "logs")
    check_df(t)


# ---- a small disk ---------------------------------------------------------------------------------------------------


@test
def a_reserve_on_a_small_ext4(t):
    """What is left to others is there, however much is pulled."""
    kit.need_programs("mkfs.ext4")
    disk = t.path("disk")
    with open(disk, "wb") as f:
        f.truncate(24 * MIB)
    kit.command("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", disk)
    t.mount("-o", "loop", disk, t.path("mnt"))
    t.root = t.path("mnt", "store")
    reserve = {"KIST_STORE_RESERVE": "8MiB"}

    def free():
        s = os.statvfs(t.path("mnt"))
        return s.f_bavail * s.f_frsize

    for i in range(20):
        r = t.kist("pull", "-q", sized(f"disk{i}", 1500 * KIB), env=reserve, code=(0, NO_SPACE))
        check(free() >= 8 * MIB, f"{free()} bytes left")
        check_df(t)
        if r.code:
            kit.contains(r.err, "left on the filesystem above reserve 8 MiB (try 'kist image prune')", "the message")
            break
    else:
        kit.check(False, "20 images of 1.5 MiB fit on 16 MiB")
    check(i > 5, f"only {i} images fit")
    t.fails(NO_SPACE, "left on the filesystem above reserve 8 MiB", "pull", packed("packed3", 8), env=reserve)
    check(free() >= 8 * MIB, f"{free()} bytes left")
    t.kist("pull", "-q", sized("more", 1500 * KIB), env=reserve | {"KIST_PRUNE_AUTO": "1"})
    check(free() >= 8 * MIB, f"{free()} bytes left")


@test
def removing_where_others_filled_the_disk(t):
    """Not a block is free on an ext4 with a journal: rmi and prune go on all the same, each as often as it takes."""
    kit.need_programs("mkfs.ext4")
    disk, place = t.path("disk"), t.path("mnt")
    with open(disk, "wb") as f:
        f.truncate(32 * MIB)
    kit.command("mkfs.ext4", "-q", "-m", "0", "-J", "size=4", disk)
    t.mount("-o", "loop", disk, place)
    t.root = t.path("mnt", "store")

    def fill(name):
        """Large blocks first, then single bytes: what is left has no room for one."""
        for size in (MIB, 4096, 1):
            with contextlib.suppress(OSError), open(t.path("mnt", name), "ab", buffering=0) as f:
                while True:
                    f.write(b"x" * size)
                    if size == 1:
                        os.fsync(f.fileno())
        os.sync()
        equal(os.statvfs(place).f_bavail, 0, "blocks free")

    names = [sized(f"full{i}", 700 * KIB) for i in range(4)]
    for name in names:
        t.kist("pull", "-q", name)
    fill("ballast")
    t.kist("rmi", names[0])
    equal(len(t.images()), 3, "images after rmi")
    fill("more")
    t.kist("rmi", names[1])
    fill("more still")
    t.kist("image", "prune", "-a", "-f")
    equal(t.images(), [], "images after prune")
    kit.check(os.statvfs(place).f_bavail * 4096 > MIB, "nothing came free")
    t.kist("system", "check")
    t.kist("pull", "-q", names[2])
    check_df(t)


@test
def a_quota_in_per_cent(t):
    t.mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", t.root)
    t.fails(NO_SPACE, "left under quota 4 MiB", "pull", sized("half", 5 * MIB), env=quota("50%"))
    t.kist("pull", "-q", sized("third", 3 * MIB), env=quota("50%"))
    equal(t.kist("info", "--json", env=quota("50%")).json()["StoreQuota"], 4 * MIB, "StoreQuota")
    t.fails(NO_SPACE, "left on the filesystem above reserve 4 MiB", "pull", sized("third2", 3 * MIB),
            env={"KIST_STORE_RESERVE": "50%"})


# ---- several at once ------------------------------------------------------------------------------------------------


@test
def several_processes_share_one_quota(t):
    """Eight pulls of a MiB, at once, where about three fit: some do, the others say why, and the limit holds."""
    t.kist("pull", "-q", SHARED["busybox"])
    names = [sized(f"at-once{i}", MIB) for i in range(8)]
    limit = du(t.root) + 3 * MIB + 700 * KIB
    children = [(name, t.start("pull", "-q", name, env=quota(limit))) for name in names]
    results = [(name, t.finish(child, ("pull", name), code=(0, NO_SPACE))) for name, child in children]
    for name, r in results:
        if r.code:
            kit.contains(r.err, " left under quota ", "the message")
    kept = [name for name, r in results if r.code == 0]
    equal(t.images(), sorted([*kept, SHARED["busybox"]]), "the images kept")
    check(1 <= len(kept) <= 3, f"{len(kept)} of them fitted")
    check(du(t.root) <= limit, "past the quota")
    equal(t.transient(), [], "what is left in tmp/ and partial/")
    check_df(t)


if __name__ == "__main__":
    kit.main(prepare)
