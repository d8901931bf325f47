/*
 * Freezing: "cgroup.freeze" of the v2 group, which is there whatever controllers v2 has (5.2); without it, a group of v1's
 * freezer, made when it is first asked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "kernel.h"
#include "port/clock.h"
#include "port/rootless.h"
#include "sandbox_private.h"

#define SETTLE_TRIES 2000 /* milliseconds */

struct freezing {
    const char *name;
    char unified[512], freezer[512], member[512]; /* groups; "": there is none */
    size_t point;                                 /* bytes of freezer that are its hierarchy's */
};

static int note_group(void *arg, const struct port_hierarchy *h, struct kist_error *err)
{
    struct freezing *f = arg;
    char *path = h->unified ? f->unified : h->spare ? f->freezer : f->member;

    if (h->spare && !h->freezer) {
        return 0;
    }

    if (!kist_str_format(path, sizeof(f->unified), "%s/%s", h->point, f->name)) {
        return kist_error_set(err, KIST_E_UNSUPPORTED, "the path of control group '%s' is too long", h->point);
    }
    if (h->freezer) {
        f->point = strlen(h->point);
    }
    if (h->freezer && !h->spare) {
        memcpy(f->freezer, f->member, sizeof(f->freezer)); /* with another controller: it is there already */
    }
    return 0;
}

static int open_in(const char *group, const char *name, int flags)
{
    char path[600];

    return kist_str_format(path, sizeof(path), "%s/%s", group, name) ? open(path, flags | O_CLOEXEC) : -1;
}

static bool say(const char *group, const char *name, const char *text)
{
    KIST_AUTO(fd) int fd = open_in(group, name, O_WRONLY);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Waits until the file says so. */
static bool becomes(const char *group, const char *name, const char *text)
{
    for (int i = 0; i < SETTLE_TRIES; i++) {
        KIST_AUTO(fd) int fd = open_in(group, name, O_RDONLY);
        char found[256];
        ssize_t n = fd < 0 ? -1 : read(fd, found, sizeof(found) - 1);

        if (n < 0) {
            return false;
        }
        found[n] = '\0';
        if (strstr(found, text)) {
            return true;
        }
        port_clock_sleep(1);
    }
    errno = ETIMEDOUT;
    return false;
}

bool port_cgroup_move(const char *from, const char *to, size_t point)
{
    bool moved = true;

    (void)port_cgroup_mkdir(to, point, NULL, NULL);
    for (int round = 0; moved && round < SETTLE_TRIES; round++) {
        char text[32768], *rest = text, *pid;
        KIST_AUTO(fd) int list = open_in(from, "cgroup.procs", O_RDONLY), there = open_in(to, "cgroup.procs", O_RDONLY);
        char known[32768] = "\n";
        ssize_t n = list < 0 ? -1 : read(list, text, sizeof(text) - 1), k = there < 0 ? -1 : read(there, known + 1, sizeof(known) - 2);

        if (n < 0 || k < 0) {
            return false;
        }
        text[n] = known[k + 1] = '\0';
        moved = false;
        while ((pid = strsep(&rest, "\n")) && *pid != '\0') {
            char line[24];

            if (kist_str_format(line, sizeof(line), "\n%s\n", pid) && !strstr(known, line)) {
                moved = say(to, "cgroup.procs", pid) || moved;
            }
        }
    }
    return true;
}

int port_cgroup_freeze(const char *name, bool freeze, struct kist_error *err)
{
    struct freezing f = {.name = name};
    int rc = port_hierarchies(note_group, &f, err);
    bool good;

    if (rc < 0 || port_rootless()) {
        return rc < 0 ? rc : kist_error_set(err, KIST_E_UNSUPPORTED, "only root can pause containers: control groups are root's here");
    }
    good = f.unified[0] != '\0' && say(f.unified, "cgroup.freeze", freeze ? "1" : "0");
    if (good) {
        good = becomes(f.unified, "cgroup.events", freeze ? "frozen 1" : "frozen 0");
    } else if (f.freezer[0] != '\0' && f.member[0] != '\0') {
        good = (!freeze || strcmp(f.freezer, f.member) == 0 || port_cgroup_move(f.member, f.freezer, f.point)) &&
               say(f.freezer, "freezer.state", freeze ? "FROZEN" : "THAWED") &&
               becomes(f.freezer, "freezer.state", freeze ? "FROZEN" : "THAWED");
    } else {
        return kist_error_set(err, KIST_E_UNSUPPORTED,
                              "this kernel cannot freeze a container (cgroup v2 of Linux 5.2, or CONFIG_CGROUP_FREEZER)");
    }
    return good ? 0
                : kist_error_sys(err, KIST_E_IO, errno, "cannot %s the container", freeze ? "freeze" : "thaw");
}
