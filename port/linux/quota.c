#include "port/quota.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/dqblk_xfs.h>
#include <linux/quota.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "file_private.h"
#include "kernel.h"
#include "sandbox_private.h"

#ifndef SYS_quotactl_fd /* 5.14 */
#define SYS_quotactl_fd 443
#endif

#define PROJECTS 2 /* PRJQUOTA, which not all headers have */
#define TRIES 64
#define FIRST 0x10000000U /* administrators number theirs from below */
#define DEVICE "device"

/* Of dir's filesystem. -1 and errno. */
static long control(struct port_dir *dir, unsigned command, uint32_t project, void *data)
{
    const unsigned number = (command << 8) | PROJECTS;
    char path[PORT_FD_PATH_MAX + sizeof(DEVICE)], at[PORT_FD_PATH_MAX];
    long rc = syscall(SYS_quotactl_fd, dir->fd, number, project, data);
    struct stat st;

    if (rc == 0 || errno != ENOSYS) {
        return rc;
    }
    /* older kernels want a node of the device, whose name in /dev nobody knows */
    if (fstat(dir->fd, &st) < 0 || !kist_str_format(path, sizeof(path), "%s/" DEVICE, port_fd_path(at, dir->fd)) ||
        (mknodat(dir->fd, DEVICE, S_IFBLK | 0600, st.st_dev) < 0 && errno != EEXIST)) {
        return -1;
    }
    rc = syscall(SYS_quotactl, number, path, project, data);
    (void)unlinkat(dir->fd, DEVICE, 0);
    return rc;
}

bool port_quota_available(struct port_dir *dir)
{
    struct fs_quota_stat state = {.qs_version = FS_QSTAT_VERSION};

    return control(dir, Q_XGETQSTAT, 0, &state) == 0 && (state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0;
}

/* -1 and errno. */
static int64_t count_inodes(struct port_dir *dir, uint32_t project)
{
    struct if_dqblk quota = {.dqb_valid = 0};

    if (control(dir, Q_GETQUOTA, project, &quota) < 0) {
        return errno == ENOENT || errno == ESRCH ? 0 : -1;
    }
    return (int64_t)quota.dqb_curinodes;
}

/* A project of its own; 0 and errno. */
static uint32_t join_project(struct port_dir *dir, uint32_t hint)
{
    struct fsxattr attributes;

    for (uint32_t i = 0; i < TRIES; i++) {
        const uint32_t project = FIRST + (hint + i) % FIRST;
        int64_t inodes = count_inodes(dir, project);

        if (inodes == 0 && ioctl(dir->fd, FS_IOC_FSGETXATTR, &attributes) == 0) {
            attributes.fsx_projid = project;
            attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
            inodes = ioctl(dir->fd, FS_IOC_FSSETXATTR, &attributes) < 0 ? -1 : count_inodes(dir, project);
            if (inodes == 1) {
                return project;
            }
        }
        if (inodes < 0) {
            return 0;
        }
    }
    errno = EBUSY;
    return 0;
}

int port_quota_limit(struct port_dir *dir, uint32_t hint, uint64_t bytes, struct kist_error *err)
{
    struct if_dqblk quota = {.dqb_bhardlimit = bytes / 1024, .dqb_valid = QIF_BLIMITS};
    uint32_t project;

    if (!port_quota_available(dir)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "the filesystem of '%s' keeps no quotas of projects", dir->path);
    }
    project = join_project(dir, hint);
    if (project == 0 || control(dir, Q_SETQUOTA, project, &quota) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot limit '%s' to %llu bytes", dir->path, (unsigned long long)bytes);
    }
    return 0;
}

int port_quota_reserve(struct port_file *f, uint64_t size, struct kist_error *err)
{
    int rc;

    do {
        rc = fallocate(f->fd, 0, 0, (off_t)size);
    } while (rc < 0 && errno == EINTR);
    return rc < 0 ? port_error(err, errno, "reserve room for", f->path, NULL) : 0;
}

int port_quota_image(struct port_dir **out, struct port_file *f, struct kist_error *err)
{
    const struct port_layer image = {.fd = f->fd, .name = f->path};
    int rc, fd;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make a mount namespace");
    }
    rc = port_loop_mount_image(&image, "/sys", true, err);
    if (rc < 0) {
        return rc;
    }
    fd = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)umount2("/sys", MNT_DETACH);
    return fd < 0 ? port_error(err, errno, "open", f->path, NULL) : port_dir_new(out, fd, f->path, NULL, err);
}
