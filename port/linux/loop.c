#include <errno.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

#ifndef LOOP_CONFIGURE /* 5.8 */
#define LOOP_CONFIGURE 0x4C0A
struct loop_config {
    __u32 fd;
    __u32 block_size;
    struct loop_info64 info;
    __u64 __reserved[8];
};
#endif

#define DEVICE_PATH_MAX 32
/* How often another process may get ahead of us before we give up. */
#define TRIES 64

/* A loop device held open: its path is good as long as it is. */
struct loop {
    int fd;
    bool writable;
    char path[DEVICE_PATH_MAX];
};

int port_kernel_lacks(struct kist_error *err, const char *what, const char *option)
{
    return kist_error_set(err, KIST_E_UNSUPPORTED, "this kernel has no %s (%s, or its module)", what, option);
}

static bool open_number(struct loop *loop, unsigned number)
{
    if (!kist_str_format(loop->path, sizeof(loop->path), "/dev/loop%u", number)) {
        errno = ENAMETOOLONG;
        return false;
    }
    loop->fd = open(loop->path, (loop->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    return loop->fd >= 0;
}

/* The device shows the whole of file st, and can do no more than read it. */
static bool shows(const struct loop *loop, const struct stat *st)
{
    struct loop_info64 info;

    return ioctl(loop->fd, LOOP_GET_STATUS64, &info) == 0 && info.lo_device == (uint64_t)st->st_dev &&
           info.lo_inode == (uint64_t)st->st_ino && info.lo_offset == 0 && info.lo_sizelimit == 0 &&
           (info.lo_flags & LO_FLAGS_READ_ONLY) != 0;
}

/* A device that is on the file already; it stays so while we hold it open. */
static bool find_shared(struct loop *loop, const struct stat *st)
{
    FILE *table = fopen("/proc/partitions", "re");
    char line[128];
    bool found = false;

    /*
     * it lists the devices that have a size: loop devices in use; /sys asks for a look at every one there is
     */
    while (table && !found && fgets(line, sizeof(line), table)) {
        const char *name = strrchr(line, ' ');
        uint64_t number;

        line[strcspn(line, "\n")] = '\0';
        if (name && kist_str_starts(name, " loop") &&
            kist_str_u64(name + strlen(" loop"), 1U << 20, &number) && open_number(loop, (unsigned)number)) {
            found = shows(loop, st);
            if (!found) {
                (void)close(loop->fd);
            }
        }
    }
    if (table) {
        (void)fclose(table);
    }
    return found;
}

/* Binds the free device to the file. -1 and errno. */
static int bind_device(const struct loop *loop, const struct port_layer *layer)
{
    struct loop_config config = {.fd = (uint32_t)layer->fd};

    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (loop->writable ? 0 : LO_FLAGS_READ_ONLY);
    (void)snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", layer->name);
    if (ioctl(loop->fd, LOOP_CONFIGURE, &config) == 0) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOTTY && errno != ENOSYS) {
        return -1;
    }
    if (ioctl(loop->fd, LOOP_SET_FD, layer->fd) < 0) {
        return -1;
    }
    if (ioctl(loop->fd, LOOP_SET_STATUS64, &config.info) < 0) {
        int number = errno;

        (void)ioctl(loop->fd, LOOP_CLR_FD, 0);
        errno = number;
        return -1;
    }
    return 0;
}

static int bind_free(struct loop *loop, const struct port_layer *layer, struct kist_error *err)
{
    KIST_AUTO(fd) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

    if (control < 0) {
        return errno == ENOENT || errno == ENODEV || errno == ENXIO
                   ? port_kernel_lacks(err, "loop devices", "CONFIG_BLK_DEV_LOOP")
                   : kist_error_sys(err, KIST_E_IO, errno, "cannot open '/dev/loop-control'");
    }
    for (int i = 0; i < TRIES; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);

        if (number < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot get a free loop device");
        }
        if (!open_number(loop, (unsigned)number)) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot open '%s'", loop->path);
        }
        number = bind_device(loop, layer) == 0 ? 0 : errno;
        if (number == 0) {
            return 0;
        }
        (void)close(loop->fd);
        if (number != EBUSY && number != ENXIO) {
            return kist_error_sys(err, KIST_E_IO, number, "cannot put layer '%s' on loop device '%s'",
                                  layer->name, loop->path);
        }
    }
    return kist_error_set(err, KIST_E_CONFLICT,
                          "cannot get a loop device for layer '%s': others take them all", layer->name);
}

static int mount_failed(const struct port_layer *layer, int number, struct kist_error *err)
{
    if (number == ENODEV) {
        return port_kernel_lacks(err, "squashfs", "CONFIG_SQUASHFS");
    }
    if (number == EINVAL) {
        return kist_error_set(
            err, KIST_E_UNSUPPORTED,
            "the kernel refuses layer '%s': it may lack the layer's compression (CONFIG_SQUASHFS_ZSTD), "
            "or the file is damaged",
            layer->name);
    }
    return kist_error_sys(err, KIST_E_IO, number, "cannot mount layer '%s'", layer->name);
}

int port_loop_mount(const struct port_layer *layer, const char *target, struct kist_error *err)
{
    struct stat st;

    if (layer->fd < 0) {
        return mount(layer->name, target, NULL, MS_BIND, NULL) < 0
                   ? kist_error_sys(err, KIST_E_IO, errno, "cannot bind '%s'", layer->name)
                   : 0;
    }
    if (fstat(layer->fd, &st) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot look at layer '%s'", layer->name);
    }
    for (int i = 0;; i++) {
        struct loop loop = {.fd = -1};
        int rc = 0, number;

        if (!find_shared(&loop, &st)) {
            rc = bind_free(&loop, layer, err);
        }
        if (rc < 0) {
            return rc;
        }
        number = mount(loop.path, target, "squashfs", MS_RDONLY | MS_NODEV, NULL) < 0 ? errno : 0;
        (void)close(loop.fd);
        if (number == 0) {
            return 0;
        }
        /* its last other user let go of it under us, or it is being set up: look again */
        if ((number != EBUSY && number != ENXIO) || i == TRIES) {
            return mount_failed(layer, number, err);
        }
    }
}

int port_loop_mount_image(const struct port_layer *image, const char *target, bool read_only, struct kist_error *err)
{
    struct loop loop = {.fd = -1, .writable = !read_only};
    int rc = bind_free(&loop, image, err), number;

    if (rc < 0) {
        return rc;
    }
    /* read as it is: no journal is looked at */
    number = mount(loop.path, target, "ext4", MS_NODEV | (read_only ? MS_RDONLY : 0UL), read_only ? "noload" : NULL) < 0 ? errno : 0;
    (void)close(loop.fd);
    if (number == ENODEV) {
        return port_kernel_lacks(err, "ext4", "CONFIG_EXT4_FS");
    }
    return number == 0 ? 0 : kist_error_sys(err, KIST_E_IO, number, "cannot mount '%s'", image->name);
}
