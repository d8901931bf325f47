/* What kernels have and C libraries' headers may not: numbers, structs and thin wrappers, errno as ever. */
#ifndef KIST_PORT_LINUX_KERNEL_H
#define KIST_PORT_LINUX_KERNEL_H

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* From 424 on every machine has the same number for a call. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_move_mount
#define SYS_move_mount 429
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

/* AT_... and flags of the mount calls; <sys/mount.h> and <linux/mount.h> quarrel over the originals */
enum {
    KERNEL_AT_RECURSIVE = 0x8000,
    KERNEL_OPEN_TREE_CLONE = 1,
    KERNEL_MOVE_MOUNT_F_EMPTY_PATH = 0x4,
    KERNEL_MOVE_MOUNT_T_EMPTY_PATH = 0x40,
    KERNEL_ATTR_RDONLY = 0x1,
    KERNEL_ATTR_NOSUID = 0x2,
    KERNEL_ATTR_NODEV = 0x4,
    KERNEL_ATTR_NOEXEC = 0x8,
    KERNEL_ATTR_NOATIME = 0x10,
    KERNEL_ATTR_STRICTATIME = 0x20,
    KERNEL_ATTR_ATIME_MASK = 0x70,
    KERNEL_ATTR_NODIRATIME = 0x80,
    KERNEL_ATTR_IDMAP = 0x100000,
    KERNEL_RESOLVE_NO_MAGICLINKS = 0x02,
    KERNEL_RESOLVE_IN_ROOT = 0x10,
    KERNEL_CLOSE_RANGE_CLOEXEC = 1 << 2,
};

#define KERNEL_CLONE_INTO_CGROUP 0x200000000ULL
#define KERNEL_CGROUP2_MAGIC 0x63677270
#define KERNEL_PROC_MAGIC 0x9fa0

struct kernel_mount_attr {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};

struct kernel_open_how {
    uint64_t flags, mode, resolve;
};

struct kernel_clone_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size,
        cgroup;
};

static inline int kernel_open_tree(int dir, const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, dir, path, flags);
}

static inline int kernel_move_mount(int from, int to)
{
    return (int)syscall(SYS_move_mount, from, "", to, "",
                        KERNEL_MOVE_MOUNT_F_EMPTY_PATH | KERNEL_MOVE_MOUNT_T_EMPTY_PATH);
}

static inline int kernel_mount_setattr(int fd, unsigned flags, struct kernel_mount_attr *attr)
{
    return (int)syscall(SYS_mount_setattr, fd, "", flags | AT_EMPTY_PATH, attr, sizeof(*attr));
}

static inline int kernel_openat2(int dir, const char *path, struct kernel_open_how *how)
{
    return (int)syscall(SYS_openat2, dir, path, how, sizeof(*how));
}

static inline pid_t kernel_clone3(struct kernel_clone_args *args)
{
    return (pid_t)syscall(SYS_clone3, args, sizeof(*args));
}

/* As fork, with flags of clone(2): the child goes on with a copy of our memory. */
static inline pid_t kernel_clone(unsigned long flags)
{
#if defined(__s390__) || defined(__CRIS__)
    return (pid_t)syscall(SYS_clone, 0UL, flags | SIGCHLD, 0UL, 0UL, 0UL);
#else
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0UL, 0UL, 0UL, 0UL);
#endif
}

static inline int kernel_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

#endif
