/* Binds of what is in layers, or in a directory that is not to be left or changed: joined as a root is, in a place of their own. */
#include <errno.h>
#include <sys/stat.h>

#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

#define NAME_MAX_INSIDE 32

static int make(const char *name, struct kist_error *err)
{
    return mkdir(name, 0755) < 0 && errno != EEXIST
               ? kist_error_sys(err, KIST_E_IO, errno, "cannot make directory '%s'", name)
               : 0;
}

/* The root of the layers, to be written to as it likes. */
static int join(const struct port_mount *m, size_t number, bool transient, int *top, struct kist_error *err)
{
    const struct port_root spec = {.layers = m->layers, .layer_count = m->layer_count, .fresh = true, .transient = transient};
    char place[NAME_MAX_INSIDE], rw[NAME_MAX_INSIDE];
    KIST_AUTO(fd) int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int rc = kist_str_format(place, sizeof(place), "inside%zu", number) && kist_str_format(rw, sizeof(rw), "rw/%s", place)
                 ? 0
                 : (int)KIST_E_FAIL,
        own;

    rc = rc < 0 ? rc : make(place, err);
    rc = rc < 0 ? rc : make(rw, err);
    if (rc < 0) {
        return rc;
    }
    KIST_AUTO(fd) int written = open(rw, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (here < 0 || written < 0 || chdir(place) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot open '%s'", rw);
    }
    rc = port_root_build(&spec, NULL, written, top, &own, err);
    if (fchdir(here) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot go back");
    }
    return rc;
}

int port_inside_open(const struct port_mount *m, size_t number, bool transient, struct kist_error *err)
{
    const struct port_layer *first = &m->layers[0];
    int top = -1, fd, rc;

    if (m->layer_count == 1 && (m->flags & PORT_MOUNT_RDONLY) != 0 && first->fd < 0) {
        top = open(first->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        rc = top < 0 ? kist_error_sys(err, KIST_E_IO, errno, "cannot open '%s'", first->name) : 0;
    } else {
        rc = join(m, number, transient, &top, err);
    }
    fd = rc < 0 ? -1 : port_place_open(top, m->source, O_PATH);
    if (rc == 0 && fd < 0) {
        rc = kist_error_sys(err, errno == ENOENT || errno == ENOTDIR ? KIST_E_NOT_FOUND : KIST_E_IO, errno,
                            "cannot open '%s' to mount it at '%s'", m->source, m->target);
    }
    if (top >= 0) {
        (void)close(top);
    }
    return rc < 0 ? rc : fd;
}
