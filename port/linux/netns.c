#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sandbox_private.h"

int port_loopback_up(struct kist_error *err)
{
    KIST_AUTO(fd) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo"};

    if (fd < 0 && (errno == EAFNOSUPPORT || errno == ENOSYS)) {
        return 0; /* a kernel without IPv4 has no interface to bring up */
    }
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot look at the loopback interface");
    }
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) {
        return kist_error_sys(err, KIST_E_IO, errno, "cannot bring up the loopback interface");
    }
    return 0;
}
