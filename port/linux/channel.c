#include "port/channel.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "file_private.h"

#define KIND (SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK)

/* By the directory's descriptor: the path alone may be longer than an address can be. */
static bool address_of(struct sockaddr_un *address, const struct port_dir *dir, const char *name)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    return kist_str_format(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s", dir->fd, name);
}

int port_channel_listen(int *fd, struct port_dir *dir, const char *name, struct kist_error *err)
{
    struct sockaddr_un address;

    *fd = socket(AF_UNIX, KIND, 0);
    if (*fd >= 0 && address_of(&address, dir, name)) {
        (void)unlinkat(dir->fd, name, 0);
        if (bind(*fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && listen(*fd, 64) == 0) {
            return 0;
        }
    }
    (void)port_error(err, errno, "listen at", dir->path, name);
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
    return KIST_E_IO;
}

int port_channel_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int port_channel_connect(int *fd, struct port_dir *dir, const char *name, struct kist_error *err)
{
    struct sockaddr_un address;
    int rc = -1;

    *fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (*fd >= 0 && address_of(&address, dir, name)) {
        rc = connect(*fd, (const struct sockaddr *)&address, sizeof(address));
    }
    if (rc == 0) {
        return 0;
    }
    rc = errno == ENOENT || errno == ECONNREFUSED
             ? kist_error_set(err, KIST_E_NOT_FOUND, "nobody listens at '%s/%s'", dir->path, name)
             : port_error(err, errno, "connect to", dir->path, name);
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
    return rc;
}

int port_channel_pair(int fds[2], struct kist_error *err)
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0
               ? kist_error_sys(err, KIST_E_IO, errno, "cannot make a pair of sockets")
               : 0;
}

bool port_channel_send(int fd, const void *data, size_t len)
{
    ssize_t n;

    do {
        n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)len;
}

int port_channel_receive(int fd, void *data, size_t size)
{
    ssize_t n;

    do {
        n = recv(fd, data, size, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n >= 0 ? (int)n : errno == EAGAIN ? -1 : 0;
}

bool port_channel_wait(int fd, int milliseconds)
{
    struct pollfd poll_for = {.fd = fd, .events = POLLIN};

    return poll(&poll_for, 1, milliseconds) > 0;
}

void port_notify(const char *name, const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t len = strlen(name);
    KIST_AUTO(fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || (name[0] != '/' && name[0] != '@') || !kist_str_copy(address.sun_path, sizeof(address.sun_path), name)) {
        return;
    }
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    }
    (void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}
