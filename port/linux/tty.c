/* The container's terminal: one of its own devpts, so that names and numbers in there are true. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "base/str.h"
#include "kernel.h"
#include "sandbox_private.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static int open_slave(int root, int master)
{
    int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    char path[32];
    unsigned number;

    if (slave >= 0 || (errno != EINVAL && errno != ENOTTY)) {
        return slave;
    }
    /* before 4.13 only its name leads to it */
    if (ioctl(master, TIOCGPTN, &number) < 0 || !kist_str_format(path, sizeof(path), "/dev/pts/%u", number)) {
        return -1;
    }
    return port_place_open(root, path, O_RDWR | O_NOCTTY);
}

static int bind_console(int root, int slave, struct kist_error *err)
{
    KIST_AUTO(fd) int target = port_place_make(root, "/dev/console", false, err);
    const struct port_bind bind = {.source = slave,
                                   .target = target,
                                   .path = "/dev/console",
                                   .flags = PORT_MOUNT_NOSUID | PORT_MOUNT_NOEXEC};

    return target < 0 ? target : port_mount_bind(root, &bind, err);
}

/* /dev/pts/ptmx is what it says: a master of a devpts, not something an image or a volume put there. */
static bool is_ptmx(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2);
}

int port_tty_make(const struct port_command *command, int root, bool console, int *master, int *slave,
                  struct kist_error *err)
{
    const struct winsize size = {.ws_row = command->rows, .ws_col = command->columns};
    uint32_t uid = 0;
    int unlock = 0;

    *master = port_place_open(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
    if (*master < 0 || !is_ptmx(*master)) {
        return kist_error_set(
            err, KIST_E_UNSUPPORTED,
            "the container has no terminals: its /dev/pts has no 'ptmx' (CONFIG_UNIX98_PTYS)");
    }
    if (ioctl(*master, TIOCSPTLCK, &unlock) < 0 || (*slave = open_slave(root, *master)) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot open a terminal for the container");
    }
    /* the command's user must be able to open its own terminal; group and mode are devpts's */
    if (!port_id_outside(&command->ids.users, command->uid, &uid) || fchown(*slave, uid, (gid_t)-1) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot set up the container's terminal");
    }
    if (size.ws_row > 0 && ioctl(*slave, TIOCSWINSZ, &size) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot set the size of the container's terminal");
    }
    return console ? bind_console(root, *slave, err) : 0;
}
