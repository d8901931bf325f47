/* The root: layers and writable directory, joined by overlayfs. Everything is named relative to the scratch
 * directory, by short names, so that the options fit into the page that mount(2) takes, and no character of
 * the store's path needs escaping. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

#define NAME_MAX_DIGITS 12

static int make_dir(int at, const char *name, mode_t mode, struct kist_error *err)
{
    if (mkdirat(at, name, mode) < 0 && errno != EEXIST) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot make directory '%s'", name);
    }
    return 0;
}

static int mount_layers(const struct port_root *spec, int user_ns, int *fds, struct kist_error *err)
{
    for (size_t i = 0; i < spec->layer_count; i++) {
        char name[NAME_MAX_DIGITS];
        int rc = kist_str_format(name, sizeof(name), "%zu", i) ? make_dir(AT_FDCWD, name, 0755, err)
                                                               : (int)KIST_E_FAIL;

        if (rc == 0) {
            rc = port_loop_mount(&spec->layers[i], name, err);
        }
        if (rc == 0 && user_ns >= 0) {
            rc = port_users_show(user_ns, name, "squashfs", err);
        }
        if (rc < 0) {
            return rc;
        }
        fds[i] = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fds[i] < 0) {
            return kist_error_sys(err, KIST_E_IO, errno, "cannot open layer '%s'", spec->layers[i].name);
        }
    }
    return 0;
}

/* "rw": "upper" and "work" of the container, seen under a short name. */
static int mount_rw(const struct port_root *spec, int rw, int user_ns, int *own, int *upper, struct kist_error *err)
{
    char path[PORT_FD_PATH_MAX];
    int rc = make_dir(AT_FDCWD, "rw", 0755, err);

    if (rc < 0) {
        return rc;
    }
    if (spec->image && (rc = port_loop_mount_image(spec->image, "rw", false, err)) < 0) {
        return rc;
    }
    if (spec->memory && mount("kist", "rw", "tmpfs", MS_NODEV, spec->memory) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot mount a tmpfs for what the container writes");
    }
    if (!spec->memory && !spec->image && mount(port_fd_path(path, rw), "rw", NULL, MS_BIND, NULL) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot bind the writable directory");
    }
    if ((spec->memory || spec->image) && (*own = open("rw", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot open the writable directory");
    }
    rc = make_dir(AT_FDCWD, "rw/upper", 0755, err);
    rc = rc < 0 ? rc : make_dir(AT_FDCWD, "rw/work", 0700, err);
    if (rc == 0 && user_ns >= 0) {
        rc = port_users_show(user_ns, "rw", "the filesystem the store is on", err);
    }
    if (rc < 0) {
        return rc;
    }
    *upper = open("rw/upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *upper < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot open the writable directory") : 0;
}

/* "lowerdir=2:1:0,upperdir=...", the topmost layer first. */
static int options(const struct port_root *spec, const char *more, struct kist_buf *text, struct kist_error *err)
{
    int rc = kist_buf_puts(text, "lowerdir=", err);

    for (size_t i = spec->layer_count; rc == 0 && i-- > 0;) {
        rc = kist_buf_printf(text, err, "%zu%s", i, i > 0 ? ":" : "");
    }
    if (rc == 0) {
        rc = kist_buf_printf(text, err, ",upperdir=rw/upper,workdir=rw/work%s", more);
    }
    return rc;
}

static int overlay_failed(int upper, int number, struct kist_error *err)
{
    char value[1];

    if (number == ENODEV) {
        return port_kernel_lacks(err, "overlayfs", "CONFIG_OVERLAY_FS");
    }
    if (number == EINVAL && fgetxattr(upper, "trusted.overlay.opaque", value, sizeof(value)) < 0 &&
        errno == ENODATA) {
        return kist_error_set(
            err, KIST_E_UNSUPPORTED,
            "overlayfs cannot write to the filesystem the store is on (is it an overlay itself?); "
            "put the store on another one with --root");
    }
    return kist_error_sys(err, KIST_E_IO, number, "cannot mount the container's root with overlayfs");
}

static int mount_overlay(const struct port_root *spec, int upper, struct kist_error *err)
{
    /* what is written must be whole without what is below it, however the kernel was built (metacopy: 4.19). volatile (5.10): the
     * end of a container that leaves nothing behind need not wait for the flash */
    static const char *const more[] = {",redirect_dir=off,metacopy=off,volatile", ",redirect_dir=off,metacopy=off", ""};
    char value[1];
    int number = EINVAL;

    /* a filesystem that keeps no such attribute lets overlayfs start, and fails it at the first removed
     * directory */
    if (fgetxattr(upper, "trusted.overlay.opaque", value, sizeof(value)) < 0 && errno == EOPNOTSUPP) {
        return kist_error_set(
            err, KIST_E_UNSUPPORTED,
            "the filesystem the store is on has no trusted xattrs, which overlayfs needs; put the store "
            "on another one with --root");
    }
    for (size_t i = spec->transient ? 0 : 1; number == EINVAL && i < KIST_COUNT(more); i++) {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(4095);
        int rc = options(spec, more[i], &text, err);

        if (rc < 0) {
            return rc;
        }
        number = mount("overlay", "root", "overlay", MS_NODEV, text.data) < 0 ? errno : 0;
    }
    return number == 0 ? 0 : overlay_failed(upper, number, err);
}

static int open_root(int *root, struct kist_error *err)
{
    *root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *root < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot open the container's root") : 0;
}

/* What was unpacked, owners and all, with device nodes that may be in it as dead as a layer's. */
static int build_plain(const struct port_child *child, int rw, int *root, struct kist_error *err)
{
    KIST_AUTO(fd) int from = openat(rw, "root", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int rc = make_dir(AT_FDCWD, "root", 0755, err);
    KIST_AUTO(fd) int to = rc < 0 ? -1 : open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct port_bind bind = {.source = from, .target = to, .path = "root", .flags = PORT_MOUNT_NODEV};
    KIST_AUTO(fd) int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (rc < 0) {
        return rc;
    }
    if (from < 0 || to < 0 || here < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot open the container's root");
    }
    rc = port_mount_bind(here, &bind, err);
    rc = rc == 0 && child ? port_command_wear(child->command, err) : rc;
    return rc < 0 ? rc : open_root(root, err);
}

int port_root_build(const struct port_root *spec, const struct port_child *child, int rw, int *root, int *own, struct kist_error *err)
{
    const int user_ns = child ? child->user_ns : -1;
    int layers[KIST_MAX_LAYERS], upper = -1, rc;

    *own = -1;
    if (spec->plain) {
        return build_plain(child, rw, root, err);
    }
    if (spec->layer_count == 0 || spec->layer_count > KIST_COUNT(layers)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "an image of %zu layers cannot be run (1 to %zu can)",
                              spec->layer_count, KIST_COUNT(layers));
    }
    rc = mount_layers(spec, user_ns, layers, err);
    if (rc == 0) {
        rc = mount_rw(spec, rw, user_ns, own, &upper, err);
    }
    if (rc == 0 && child) {
        rc = port_command_wear(child->command, err);
    }
    if (rc == 0 && spec->fresh) {
        rc = port_root_imply(spec, layers, upper, err);
    }
    if (rc == 0) {
        rc = make_dir(AT_FDCWD, "root", 0755, err);
    }
    if (rc == 0) {
        rc = mount_overlay(spec, upper, err);
    }
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < spec->layer_count; i++) {
        (void)close(layers[i]);
    }
    (void)close(upper);
    return open_root(root, err);
}
