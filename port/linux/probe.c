#include "port/probe.h"

#include <errno.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "kernel.h"
#include "port/file.h"
#include "port/network.h"
#include "port/quota.h"
#include "port/seccomp.h"
#include "sandbox_private.h"

enum probe {
    SQUASHFS, ZSTD, GZIP, LOOP, OVERLAY, UPPER, XATTRS, QUOTAS,
    MNT, PID, UTS, IPC, NET, CGROUP_NS, USER, OWNERS,
    PROC, TMPFS, DEVPTS, MQUEUE,
    MEMORY, CPU, PIDS, FREEZER, DEVICES,
    SECCOMP, BRIDGE, VETH, NF_TABLES,
    PROBES,
};

#define NOTHING_RUNS "nothing runs"
#define UNPACKED "layers are unpacked for each container, which takes flash and time (--rootfs copy)"
#define NO_BRIDGE "containers have the host's network or none"

static const struct port_probe features[PROBES] = {
    [SQUASHFS] = {"squashfs", "CONFIG_SQUASHFS", UNPACKED, false, PORT_UNKNOWN},
    [ZSTD] = {"squashfs-zstd", "CONFIG_SQUASHFS_ZSTD", "layers are kept as gzip: larger, slower to read", false, PORT_UNKNOWN},
    [GZIP] = {"squashfs-gzip", "CONFIG_SQUASHFS_ZLIB", "layers kept as gzip cannot be mounted", false, PORT_UNKNOWN},
    [LOOP] = {"loop", "CONFIG_BLK_DEV_LOOP", UNPACKED, false, PORT_UNKNOWN},
    [OVERLAY] = {"overlayfs", "CONFIG_OVERLAY_FS", UNPACKED, false, PORT_UNKNOWN},
    [UPPER] = {"overlayfs-here", "another filesystem for --root: ext4, f2fs, ubifs, xfs, btrfs",
               UNPACKED, false, PORT_UNKNOWN},
    [XATTRS] = {"xattrs", "CONFIG_..._FS_XATTR of the store's filesystem",
                UNPACKED, false, PORT_UNKNOWN},
    [QUOTAS] = {"project-quotas", "CONFIG_QUOTA, CONFIG_QFMT_V2, and a store on ext4 with 'tune2fs -O quota,project -Q prjquota' or on xfs with "
                                  "'mount -o prjquota'",
                "'--storage-opt size=' of a container takes all of that size from the start, in an ext4 image (mkfs.ext4)", false, PORT_UNKNOWN},
    [MNT] = {"namespace-mnt", "CONFIG_NAMESPACES", NOTHING_RUNS, true, PORT_UNKNOWN},
    [PID] = {"namespace-pid", "CONFIG_PID_NS", NOTHING_RUNS, true, PORT_UNKNOWN},
    [UTS] = {"namespace-uts", "CONFIG_UTS_NS", NOTHING_RUNS, true, PORT_UNKNOWN},
    [IPC] = {"namespace-ipc", "CONFIG_IPC_NS", NOTHING_RUNS, true, PORT_UNKNOWN},
    [NET] = {"namespace-net", "CONFIG_NET_NS", "only --network host", false, PORT_UNKNOWN},
    [CGROUP_NS] = {"namespace-cgroup", "CONFIG_CGROUPS", "containers see the host's control groups", false, PORT_UNKNOWN},
    [USER] = {"namespace-user", "CONFIG_USER_NS", "no --userns private, and containers for root only", false, PORT_UNKNOWN},
    [OWNERS] = {"idmapped-layers", "Linux 6.2, and a store on ext4, f2fs, xfs or btrfs", "with --userns private " UNPACKED, false, PORT_UNKNOWN},
    [PROC] = {"proc", "CONFIG_PROC_FS", NOTHING_RUNS, true, PORT_UNKNOWN},
    [TMPFS] = {"tmpfs", "CONFIG_TMPFS", NOTHING_RUNS ": no /dev, no --tmpfs", true, PORT_UNKNOWN},
    [DEVPTS] = {"devpts", "CONFIG_UNIX98_PTYS", NOTHING_RUNS ": no /dev/pts", true, PORT_UNKNOWN},
    [MQUEUE] = {"mqueue", "CONFIG_POSIX_MQUEUE", NOTHING_RUNS ": no /dev/mqueue", true, PORT_UNKNOWN},
    [MEMORY] = {"cgroup-memory", "CONFIG_MEMCG", "no limits of memory", false, PORT_UNKNOWN},
    [CPU] = {"cgroup-cpu", "CONFIG_CFS_BANDWIDTH", "no limits of CPU time", false, PORT_UNKNOWN},
    [PIDS] = {"cgroup-pids", "CONFIG_CGROUP_PIDS", "no limits of processes", false, PORT_UNKNOWN},
    [FREEZER] = {"cgroup-freezer", "CONFIG_CGROUP_FREEZER", "no pause", false, PORT_UNKNOWN},
    [DEVICES] = {"cgroup-devices", "CONFIG_CGROUP_BPF or CONFIG_CGROUP_DEVICE",
                 "device nodes that a container makes itself are not held back by rules", false, PORT_UNKNOWN},
    [SECCOMP] = {"seccomp", "CONFIG_SECCOMP_FILTER", "only --security-opt seccomp=unconfined", false, PORT_UNKNOWN},
    [BRIDGE] = {"bridge", "CONFIG_BRIDGE", NO_BRIDGE, false, PORT_UNKNOWN},
    [VETH] = {"veth", "CONFIG_VETH", NO_BRIDGE, false, PORT_UNKNOWN},
    [NF_TABLES] = {"nf_tables", "CONFIG_NF_TABLES, CONFIG_NFT_NAT, CONFIG_NFT_MASQ", NO_BRIDGE, false, PORT_UNKNOWN},
};

static enum port_found found_if(bool good)
{
    return good ? PORT_FOUND : PORT_MISSING;
}

/* ---- a squashfs of nothing but its root, with no compressed block: only the superblock says how it would be ---- */

#define EMPTY_BYTES 4096

static void put(unsigned char *at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (unsigned char)(value >> (8 * i));
    }
}

/* Superblock, inode table (one directory), id table (0) and the index of that: 96, 34, 6 and 8 bytes. */
static void make_empty(unsigned char image[EMPTY_BYTES], unsigned compressor)
{
    memset(image, 0, EMPTY_BYTES);
    memcpy(image, "hsqs", 4);
    put(image + 4, 1, 4);                  /* inodes */
    put(image + 12, 131072, 4);            /* bytes of a block */
    put(image + 20, compressor, 2);
    put(image + 22, 17, 2);                /* its logarithm */
    put(image + 24, 0x0a1b, 2);            /* nothing compressed, no fragments, no xattrs */
    put(image + 26, 1, 2);                 /* ids */
    put(image + 28, 4, 2);                 /* version 4.0 */
    put(image + 40, 144, 8);               /* bytes used */
    put(image + 48, 136, 8);               /* id table */
    put(image + 56, UINT64_MAX, 8);        /* no xattr table */
    put(image + 64, 96, 8);                /* inodes */
    put(image + 72, 130, 8);               /* directories */
    put(image + 80, UINT64_MAX, 8);        /* no fragments */
    put(image + 88, UINT64_MAX, 8);        /* no exports */
    put(image + 96, 0x8000 | 32, 2);
    put(image + 98, 1, 2);                 /* a directory, */
    put(image + 100, 0755, 2);             /* mode, */
    put(image + 110, 1, 4);                /* number, */
    put(image + 118, 2, 4);                /* links, */
    put(image + 122, 3, 2);                /* empty, */
    put(image + 126, 2, 4);                /* and its parent */
    put(image + 130, 0x8000 | 4, 2);
    put(image + 136, 130, 8);
}

static bool has_loop(void)
{
    KIST_AUTO(fd) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

    return control >= 0 && ioctl(control, LOOP_CTL_GET_FREE) >= 0;
}

/* In a mount namespace of our own. The image is in memory: nothing is written for it. */
static int mount_empty(bool zstd, const char *place, struct kist_error *err)
{
    unsigned char image[EMPTY_BYTES];
    const char *name = zstd ? "zstd" : "gzip";
    KIST_AUTO(fd) int fd = (int)syscall(SYS_memfd_create, "kist-probe", 1U /* MFD_CLOEXEC */);
    const struct port_layer layer = {.fd = fd, .name = name};

    make_empty(image, zstd ? 6 : 1);
    return fd < 0 || write(fd, image, sizeof(image)) != (ssize_t)sizeof(image) || !has_loop() ? (int)KIST_E_FAIL
                                                                                             : port_loop_mount(&layer, place, err);
}

static enum port_found found_by(int rc)
{
    return rc == 0 ? PORT_FOUND : rc == KIST_E_UNSUPPORTED ? PORT_MISSING : PORT_UNKNOWN;
}

/* At /proc, which is there. */
static enum port_found try_squashfs(bool zstd)
{
    struct kist_error err = {.code = KIST_OK};
    int rc = mount_empty(zstd, "/proc", &err);

    if (rc == 0) {
        (void)umount2("/proc", MNT_DETACH);
    }
    return found_by(rc);
}

/* Other owners, on a layer and on the store's filesystem, which is where the working directory is. */
static enum port_found try_owners(void)
{
    static const struct port_id_range range = {0, 100000, 1};
    const struct port_sandbox_spec spec = {.own = PORT_OWN_USERS, .command = {.ids = {{&range, 1}, {&range, 1}}}};
    struct port_users users = {.leash = -1};
    struct kist_error err = {.code = KIST_OK};
    int rc = port_users_make(&users, &spec, &err);

    if (rc == 0 && (mkdir("shown", 0700) < 0 || mount("shown", "shown", NULL, MS_BIND, NULL) < 0)) {
        rc = KIST_E_FAIL;
    }
    rc = rc < 0 ? rc : port_users_show(users.ns[PORT_USERS_USER], "shown", "the store", &err);
    if (rc == 0 && (rc = mount_empty(true, "shown", &err)) == KIST_E_UNSUPPORTED) {
        rc = mount_empty(false, "shown", &err);
    }
    rc = rc < 0 ? rc : port_users_show(users.ns[PORT_USERS_USER], "shown", "a layer", &err);
    while (umount2("shown", MNT_DETACH) == 0) {
    }
    port_users_release(&users);
    return found_by(rc);
}

/* ---- the others ---- */

/* A line of file has word, as a whole word. */
static bool lists(const char *file, const char *word)
{
    FILE *f = fopen(file, "re");
    char line[1024], *rest, *part;
    bool found = false;

    while (f && !found && fgets(line, sizeof(line), f)) {
        for (rest = line; !found && (part = strsep(&rest, " \t\n"));) {
            found = strcmp(part, word) == 0;
        }
    }
    if (f) {
        (void)fclose(f);
    }
    return found;
}

static enum port_found filesystem(const char *name)
{
    return found_if(lists("/proc/filesystems", name));
}

static enum port_found namespace(const char *name)
{
    char path[64];

    return found_if(kist_str_format(path, sizeof(path), "/proc/self/ns/%s", name) && access(path, F_OK) == 0);
}


/* A controller of this hierarchy is one that a group can be given. */
static int look_at_groups(void *arg, const struct port_hierarchy *h, struct kist_error *err)
{
    static const struct {
        enum probe probe;
        const char *name;
    } rows[] = {{MEMORY, "memory"}, {CPU, "cpu"}, {PIDS, "pids"}};
    enum port_found *found = arg;
    char path[600];
    struct stat st;

    (void)err;
    if (h->unified) {
        for (size_t i = 0; i < KIST_COUNT(rows); i++) {
            if (kist_str_format(path, sizeof(path), "%s/cgroup.controllers", h->point) && lists(path, rows[i].name)) {
                found[rows[i].probe] = PORT_FOUND;
            }
        }
        /* on by the kernel's version, not its configuration; the root group has no such file */
        if (stat("/sys/kernel/cgroup/features", &st) == 0) {
            found[FREEZER] = PORT_FOUND;
        }
    }
    found[FREEZER] = h->freezer ? PORT_FOUND : found[FREEZER];
    found[DEVICES] = h->devices ? PORT_FOUND : found[DEVICES];
    for (size_t i = 0; i < KIST_COUNT(rows) && !h->unified; i++) {
        char label[64], *rest = label, *part;

        if (!kist_str_copy(label, sizeof(label), h->label)) {
            continue;
        }
        while ((part = strsep(&rest, ","))) {
            found[rows[i].probe] = strcmp(part, rows[i].name) == 0 ? PORT_FOUND : found[rows[i].probe];
        }
    }
    return 0;
}

static void try_groups(enum port_found *found)
{
    found[MEMORY] = found[CPU] = found[PIDS] = found[FREEZER] = found[DEVICES] = PORT_MISSING;
    (void)!port_hierarchies(look_at_groups, found, NULL);
    if (found[DEVICES] == PORT_MISSING) {
        found[DEVICES] = geteuid() == 0 ? found_if(!port_device_lacking()) : PORT_UNKNOWN;
    }
}

/* In the working directory, on the store's filesystem, and in a mount namespace of our own. */
static void try_mounts(enum port_found *found)
{
    static const char *const rooms[] = {"lower", "upper", "work", "merged"};
    int rc;

    found[LOOP] = found_if(has_loop());
    found[ZSTD] = try_squashfs(true);
    found[GZIP] = try_squashfs(false);
    found[SQUASHFS] = found_if(found[ZSTD] == PORT_FOUND || found[GZIP] == PORT_FOUND || lists("/proc/filesystems", "squashfs"));
    found[XATTRS] = setxattr(".", "trusted.kist.probe", "x", 1, 0) == 0 ? PORT_FOUND : errno == EPERM ? PORT_UNKNOWN : PORT_MISSING;
    for (size_t i = 0; i < KIST_COUNT(rooms); i++) {
        (void)mkdir(rooms[i], 0700);
    }
    rc = mount("overlay", "merged", "overlay", 0, "lowerdir=lower,upperdir=upper,workdir=work");
    found[UPPER] = rc == 0 ? found_if(mkdir("merged/made", 0700) == 0) : errno == EPERM ? PORT_UNKNOWN : PORT_MISSING;
    if (rc == 0) {
        (void)umount2("merged", MNT_DETACH);
    }
    found[OVERLAY] = filesystem("overlay"); /* after the attempt, which loads a module */
}

static enum port_found try_quotas(void)
{
    struct port_dir *here;
    bool available;

    if (port_dir_open(&here, ".", false, NULL) < 0) {
        return PORT_UNKNOWN;
    }
    available = port_quota_available(here);
    port_dir_close(here);
    return found_if(available);
}

/* In a network namespace of our own. */
static void try_network(enum port_found *found)
{
    const struct port_network net = {.bridge = "kist-probe0", .port = "kist-probe1", .gateway = 0x0a0a0a01,
                                     .address = 0x0a0a0a02, .prefix = 24, .mac = {2, 0, 0, 0, 0, 1}};
    struct kist_error err = {.code = KIST_OK};
    int rc = port_network_bridge(&net, &err);

    if (rc == 0 || (rc == KIST_E_UNSUPPORTED && strstr(err.message, "NF_TABLES"))) {
        found[BRIDGE] = PORT_FOUND;
        found[NF_TABLES] = found_if(rc == 0);
    } else if (rc == KIST_E_UNSUPPORTED) {
        found[BRIDGE] = PORT_MISSING;
    }
    if (found[BRIDGE] == PORT_FOUND) {
        rc = port_network_attach(&net, (int)getpid(), &err);
        found[VETH] = rc == 0 ? PORT_FOUND : rc == KIST_E_UNSUPPORTED ? PORT_MISSING : PORT_UNKNOWN;
    }
}

static void try_rest(enum port_found *found)
{
    found[USER] = namespace("user");
    found[MNT] = namespace("mnt");
    found[PID] = namespace("pid");
    found[UTS] = namespace("uts");
    found[IPC] = namespace("ipc");
    found[NET] = namespace("net");
    found[CGROUP_NS] = namespace("cgroup");
    found[PROC] = filesystem("proc");
    found[TMPFS] = filesystem("tmpfs");
    found[DEVPTS] = filesystem("devpts");
    found[MQUEUE] = filesystem("mqueue");
    found[SECCOMP] = found_if(port_seccomp_available());
    try_groups(found);
}

/* ---- trying, in a process of its own ---- */

/* Where to try: in the store's tmp/, which is swept should we die, or in the nearest directory there is. */
static int make_place(char *place, size_t size, const char *dir)
{
    char path[KIST_MAX_PATH + 1];
    struct stat st;
    char *slash;

    if (!kist_str_format(path, sizeof(path), "%s/tmp", dir)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    while (stat(path, &st) < 0 && (slash = strrchr(path, '/')) && slash != path) {
        *slash = '\0';
    }
    if (!kist_str_format(place, size, "%s/kist-probe-XXXXXX", path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return mkdtemp(place) ? 0 : -1;
}

static void remove_place(const char *place)
{
    char folder[KIST_MAX_PATH + 1];
    const char *name = kist_path_base(place);
    struct port_dir *dir;

    if (kist_str_format(folder, sizeof(folder), "%.*s", (int)(name - place), place) &&
        port_dir_open(&dir, folder, false, NULL) == 0) {
        (void)!port_dir_remove_tree(dir, name, NULL);
        port_dir_close(dir);
    }
}

/* What is tried, and what came of it. */
struct trying {
    enum { EVERYTHING, ONLY_MOUNTS, ONLY_OWNERS, ONLY_ZSTD, ONLY_GZIP } what;
    char place[KIST_MAX_PATH + 1]; /* "": there is none */
    enum port_found found[PROBES];
};

/* The child: whatever it does to mounts and interfaces is gone with it. */
static void try_all(struct trying *t)
{
    bool own = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;

    if (t->what == ONLY_ZSTD || t->what == ONLY_GZIP) {
        t->found[ZSTD] = own ? try_squashfs(t->what == ONLY_ZSTD) : PORT_UNKNOWN;
        return;
    }
    if (own && t->place[0] != '\0' && chdir(t->place) == 0) {
        t->found[OWNERS] = t->what == ONLY_MOUNTS ? PORT_UNKNOWN : try_owners();
        if (t->what == ONLY_OWNERS) {
            return;
        }
        t->found[QUOTAS] = t->what == ONLY_MOUNTS ? PORT_UNKNOWN : try_quotas();
        try_mounts(t->found);
    }
    if (t->what == ONLY_MOUNTS) {
        return;
    }
    try_rest(t->found);
    if (unshare(CLONE_NEWNET) == 0) {
        try_network(t->found);
    }
}

static int run(struct trying *t, struct kist_error *err)
{
    int ends[2], number;
    ssize_t got;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make a pipe");
    }
    pid = kernel_clone(0);
    number = errno;
    if (pid == 0) {
        try_all(t);
        _exit(write(ends[1], t->found, sizeof(t->found)) == (ssize_t)sizeof(t->found) ? 0 : 1);
    }
    (void)close(ends[1]);
    got = pid < 0 ? 0 : read(ends[0], t->found, sizeof(t->found));
    (void)close(ends[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0) {
        return kist_error_sys(err, KIST_E_IO, number, "cannot start a process to try things in");
    }
    return got == (ssize_t)sizeof(t->found) ? 0
                                            : kist_error_set(err, KIST_E_FAIL, "the process that tried things died");
}

/* With a place of its own on the store's filesystem. */
static int run_at(struct trying *t, const char *dir, struct kist_error *err)
{
    int rc;

    for (size_t i = 0; i < PROBES; i++) {
        t->found[i] = PORT_UNKNOWN;
    }
    if (make_place(t->place, sizeof(t->place), dir) < 0) {
        t->place[0] = '\0';
    }
    rc = run(t, err);
    if (t->place[0] != '\0') {
        remove_place(t->place);
    }
    return rc;
}

int port_probe_all(const char *dir, struct port_probe *probes, size_t *count, struct kist_error *err)
{
    struct trying t = {.what = EVERYTHING};
    int rc = run_at(&t, dir, err);

    for (size_t i = 0; i < PROBES; i++) {
        probes[i] = features[i];
        probes[i].found = t.found[i];
    }
    *count = PROBES;
    return rc;
}

/* All of it can be seen without trying. */
static bool has_layers(const char *dir)
{
    struct statfs fs;
    char value[1];

    return lists("/proc/filesystems", "squashfs") && lists("/proc/filesystems", "overlay") && access("/dev/loop-control", F_OK) == 0 &&
           statfs(dir, &fs) == 0 && fs.f_type != OVERLAYFS_SUPER_MAGIC &&
           (getxattr(dir, "trusted.overlay.opaque", value, sizeof(value)) >= 0 || errno != EOPNOTSUPP);
}

bool port_probe_layers(const char *dir, struct port_probe *lacking)
{
    static const enum probe needed[] = {SQUASHFS, LOOP, OVERLAY, XATTRS, UPPER};
    struct trying t = {.what = ONLY_MOUNTS};

    if (has_layers(dir) || run_at(&t, dir, NULL) < 0) {
        return true;
    }
    for (size_t i = 0; i < KIST_COUNT(needed); i++) {
        if (t.found[needed[i]] == PORT_MISSING) {
            *lacking = features[needed[i]];
            return false;
        }
    }
    return true;
}

bool port_probe_owners(const char *dir, struct port_probe *lacking)
{
    struct trying t = {.what = ONLY_OWNERS};

    if (run_at(&t, dir, NULL) < 0 || t.found[OWNERS] != PORT_MISSING) {
        return true;
    }
    *lacking = features[OWNERS];
    return false;
}

enum port_found port_probe_squashfs(bool zstd)
{
    struct trying t = {.what = zstd ? ONLY_ZSTD : ONLY_GZIP};

    return run(&t, NULL) == 0 ? t.found[ZSTD] : PORT_UNKNOWN;
}
