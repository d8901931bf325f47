/*
 * What 'kist run --rm' and 'kist exec' of 'true' are held against: a bare program that makes the same process out of the
 * same namespaces, groups and mounts, with everything known beforehand and nothing looked at twice.
 *
 *     baseline DIR LAYER...      DIR: an empty directory on the store's filesystem; LAYER: squashfs files, the base first
 *     baseline --enter PID ID    PID: process 1 of the container ID
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAYERS_MAX 128

static const char *const hierarchies[] = {"cpu", "memory", "devices", "pids"};
static int tasks[4], unified = -1;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fprintf(stderr, ": %s\n", strerror(errno));
    _exit(125);
}

static const char *path(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *path(const char *fmt, ...)
{
    static char text[4][4096];
    static unsigned next;
    char *dst = text[next++ % 4];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(dst, sizeof(text[0]), fmt, args);
    va_end(args);
    return dst;
}

static void put(int dir, const char *file, const char *text)
{
    int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        die("%s", file);
    }
    (void)close(fd);
}

static void make_groups(const char *name)
{
    static const char *const allowed[] = {"c *:* m",   "b *:* m",   "c 1:3 rwm",  "c 1:5 rwm",
                                          "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",  "c 5:0 rwm",
                                          "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm"};

    for (int i = 0; i < 4; i++) {
        const char *dir = path("/sys/fs/cgroup/%s/kist/%s", hierarchies[i], name);
        int fd;

        (void)mkdir(path("/sys/fs/cgroup/%s/kist", hierarchies[i]), 0755);
        tasks[i] = -1;
        if (mkdir(dir, 0755) < 0) {
            continue;
        }
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        tasks[i] = openat(fd, "tasks", O_WRONLY | O_CLOEXEC);
        if (strcmp(hierarchies[i], "devices") == 0) {
            put(fd, "devices.deny", "a");
            for (size_t k = 0; k < sizeof(allowed) / sizeof(allowed[0]); k++) {
                put(fd, "devices.allow", allowed[k]);
            }
        }
        (void)close(fd);
    }
    (void)mkdir("/sys/fs/cgroup/unified/kist", 0755);
    if (mkdir(path("/sys/fs/cgroup/unified/kist/%s", name), 0755) == 0) {
        unified = open(path("/sys/fs/cgroup/unified/kist/%s", name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
}

/* Those that are there. */
static void find_groups(const char *name)
{
    for (int i = 0; i < 4; i++) {
        tasks[i] = open(path("/sys/fs/cgroup/%s/kist/%s/tasks", hierarchies[i], name), O_WRONLY | O_CLOEXEC);
    }
    unified = open(path("/sys/fs/cgroup/unified/kist/%s", name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void join_groups(void)
{
    for (int i = 0; i < 4; i++) {
        if (tasks[i] >= 0 && write(tasks[i], "0", 1) < 0) {
            die("join %s", hierarchies[i]);
        }
    }
}

static void remove_groups(const char *name)
{
    for (int i = 0; i < 4; i++) {
        (void)rmdir(path("/sys/fs/cgroup/%s/kist/%s", hierarchies[i], name));
    }
    (void)rmdir(path("/sys/fs/cgroup/unified/kist/%s", name));
}

static void do_mount(const char *source, const char *target, const char *type, unsigned long flags,
                     const char *data)
{
    if (mount(source, target, type, flags, data) < 0) {
        die("mount at %s", target);
    }
}

static void do_bind(const char *source, const char *target, unsigned long flags)
{
    do_mount(source, target, NULL, MS_BIND | MS_REC, NULL);
    do_mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | flags, NULL);
}

/* A loop device that is bound to file; others may be after the same one. */
static int bind_loop(const char *file, const char **device)
{
    struct loop_config config = {.fd = (uint32_t)open(file, O_RDONLY | O_CLOEXEC)};
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), loop;

    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    do {
        *device = path("/dev/loop%d", ioctl(control, LOOP_CTL_GET_FREE));
        loop = open(*device, O_RDONLY | O_CLOEXEC);
        if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) == 0) {
            (void)close((int)config.fd);
            (void)close(control);
            return loop;
        }
        (void)close(loop);
    } while (errno == EBUSY);
    die("%s on %s", file, *device);
}

static void mount_layer(const char *file, const char *target)
{
    const char *device;
    int loop = bind_loop(file, &device);

    (void)mkdir(target, 0755);
    do_mount(device, target, "squashfs", MS_RDONLY | MS_NODEV, NULL);
    (void)close(loop);
}

static void mount_root(int layers, char **files)
{
    char options[4096];
    size_t len = (size_t)snprintf(options, sizeof(options), "lowerdir=");

    for (int i = 0; i < layers; i++) {
        mount_layer(files[i], path("%d", i));
    }
    for (int i = layers - 1; i >= 0; i--) {
        len += (size_t)snprintf(options + len, sizeof(options) - len, "%d%s", i, i > 0 ? ":" : "");
    }
    (void)snprintf(options + len, sizeof(options) - len, ",upperdir=rw/upper,workdir=rw/work,volatile");
    (void)mkdir("root", 0755);
    do_mount("overlay", "root", "overlay", MS_NODEV, options);
}

static void mount_world(const char *name)
{
    static const struct {
        const char *name;
        int major, minor;
    } devices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                   {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
    static const char *const locked[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
    static const char *const hidden[] = {"proc/acpi", "proc/interrupts", "proc/keys", "proc/timer_list",
                                         "sys/firmware"};
    static const char *const files[] = {"resolv.conf", "hostname", "hosts"};
    const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    struct stat st;

    (void)mkdir("root/proc", 0755);
    do_mount("proc", "root/proc", "proc", safe, NULL);
    (void)mkdir("root/dev", 0755);
    do_mount("tmpfs", "root/dev", "tmpfs", MS_NOSUID | MS_NODEV | MS_STRICTATIME, "mode=755,size=65536k");
    (void)mkdir("root/sys", 0755);
    do_mount("sysfs", "root/sys", "sysfs", safe | MS_RDONLY, NULL);
    (void)mkdir("root/dev/pts", 0755);
    do_mount("devpts", "root/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
             "newinstance,ptmxmode=0666,mode=0620,gid=5");
    (void)mkdir("root/dev/mqueue", 0755);
    do_mount("mqueue", "root/dev/mqueue", "mqueue", safe, NULL);
    (void)mkdir("root/dev/shm", 0755);
    do_mount("shm", "root/dev/shm", "tmpfs", safe, "mode=1777,size=67108864");
    do_mount("tmpfs", "root/sys/fs/cgroup", "tmpfs", safe, "mode=755,size=64k");
    for (int i = 0; i < 4; i++) {
        if (tasks[i] >= 0) {
            (void)mkdir(path("root/sys/fs/cgroup/%s", hierarchies[i]), 0755);
            do_bind(path("/sys/fs/cgroup/%s/kist/%s", hierarchies[i], name),
                    path("root/sys/fs/cgroup/%s", hierarchies[i]), safe | MS_RDONLY);
        }
    }
    if (unified >= 0) {
        (void)mkdir("root/sys/fs/cgroup/unified", 0755);
        do_bind(path("/sys/fs/cgroup/unified/kist/%s", name), "root/sys/fs/cgroup/unified", safe | MS_RDONLY);
    }
    do_mount(NULL, "root/sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | safe, NULL);
    (void)mkdir("root/etc", 0755);
    for (size_t i = 0; i < 3; i++) {
        (void)close(open(path("root/etc/%s", files[i]), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
        do_bind("/etc/hostname", path("root/etc/%s", files[i]), MS_NODEV);
    }
    for (size_t i = 0; i < 6; i++) {
        (void)mknod(devices[i].name, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor));
        (void)close(open(path("root/dev/%s", devices[i].name), O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
        do_mount(devices[i].name, path("root/dev/%s", devices[i].name), NULL, MS_BIND, NULL);
    }
    for (size_t i = 0; i < 5; i++) {
        if (stat(path("root/%s", locked[i]), &st) == 0) {
            do_bind(path("root/%s", locked[i]), path("root/%s", locked[i]), safe | MS_RDONLY);
        }
    }
    (void)mkdir("empty", 0555);
    for (size_t i = 0; i < 5; i++) {
        if (stat(path("root/%s", hidden[i]), &st) == 0) {
            do_bind(S_ISDIR(st.st_mode) ? "empty" : "/dev/null", path("root/%s", hidden[i]), MS_RDONLY);
        }
    }
}

static void loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)ioctl(fd, SIOCGIFFLAGS, &request);
    request.ifr_flags |= IFF_UP;
    (void)ioctl(fd, SIOCSIFFLAGS, &request);
    (void)close(fd);
}

__attribute__((noreturn)) static void run_true(void)
{
    char *const argv[] = {(char *)"true", NULL}, *const env[] = {NULL};

    (void)execve("/bin/true", argv, env);
    die("exec");
}

__attribute__((noreturn)) static void child(const char *dir, const char *name, int layers, char **files)
{
    (void)setsid();
    (void)sethostname(name, strlen(name));
    loopback_up();
    do_mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL);
    (void)mkdir(path("%s/upper", dir), 0755);
    (void)mkdir(path("%s/work", dir), 0700);
    do_mount("scratch", path("%s/mnt", dir), "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=700");
    if (chdir(path("%s/mnt", dir)) < 0) {
        die("chdir");
    }
    (void)mkdir("rw", 0755);
    do_mount(dir, "rw", NULL, MS_BIND, NULL);
    mount_root(layers, files);
    mount_world(name);
    join_groups();
    (void)unshare(CLONE_NEWCGROUP);
    if (chdir("root") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0) {
        die("pivot_root");
    }
    run_true();
}

/* As fork, into the unified group where there is one. */
static pid_t make_process(uint64_t flags)
{
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
            set_tid_size, cgroup;
    } args = {.flags = flags, .exit_signal = SIGCHLD};

    if (unified >= 0) {
        args.flags |= 0x200000000ULL; /* CLONE_INTO_CGROUP */
        args.cgroup = (uint64_t)unified;
    }
    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static int end_of(pid_t pid)
{
    int status;

    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        die("clone3");
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int enter(const char *target, const char *name)
{
    const int namespaces = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWNS;
    int process = (int)syscall(SYS_pidfd_open, (pid_t)strtol(target, NULL, 10), 0);
    pid_t pid;

    find_groups(name);
    if (process < 0 || setns(process, CLONE_NEWPID) < 0) {
        die("setns");
    }
    pid = make_process(0);
    if (pid == 0) {
        (void)setsid();
        join_groups();
        if (setns(process, namespaces) < 0 || chdir("/") < 0) {
            die("setns");
        }
        run_true();
    }
    return end_of(pid);
}

int main(int argc, char **argv)
{
    const char *dir, *name;
    char own_name[32];
    int status;
    pid_t pid;

    if (argc == 4 && strcmp(argv[1], "--enter") == 0) {
        return enter(argv[2], argv[3]);
    }
    if (argc < 3 || argc - 2 > LAYERS_MAX) {
        (void)fprintf(stderr, "usage: baseline DIR LAYER... | baseline --enter PID ID\n");
        return 2;
    }
    dir = argv[1];
    (void)snprintf(own_name, sizeof(own_name), "baseline-%d", (int)getpid());
    name = own_name;
    (void)mkdir(path("%s/mnt", dir), 0700);
    make_groups(name);
    pid = make_process(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET);
    if (pid == 0) {
        child(dir, name, argc - 2, argv + 2);
    }
    status = end_of(pid);
    remove_groups(name);
    return status;
}
