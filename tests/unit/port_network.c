#include "port/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define NOT_HERE 77 /* exit status */

static const struct port_network net = {.bridge = "kist9",
                                        .port = "kist9test",
                                        .gateway = 0x0a580001,
                                        .address = 0x0a580007,
                                        .prefix = 24,
                                        .mac = {0x02, 0x42, 0x0a, 0x58, 0x00, 0x07}};

/* In a network namespace of its own: as a container would, waits to be connected, then calls the gateway. */
static int contained(int go)
{
    const struct sockaddr_in gateway = {
        .sin_family = AF_INET, .sin_port = htons(4000), .sin_addr.s_addr = htonl(net.gateway)};
    struct sockaddr_in self;
    socklen_t size = sizeof(self);
    struct kist_error err = {.code = KIST_OK};
    char byte;
    int fd;

    if (unshare(CLONE_NEWNET) < 0 || write(go, "u", 1) != 1 || read(go, &byte, 1) != 1) {
        return 1;
    }
    if (port_network_inside(&net, &err) < 0) {
        fprintf(stderr, "inside: %s\n", err.message);
        return 2;
    }
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)&gateway, sizeof(gateway)) < 0) {
        perror("connect");
        return 3;
    }
    return getsockname(fd, (struct sockaddr *)&self, &size) == 0 && self.sin_addr.s_addr == htonl(net.address) ? 0 : 4;
}

static void connects(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(4000)};
    struct kist_error err = {.code = KIST_OK};
    int listener = socket(AF_INET, SOCK_STREAM, 0), ends[2], status;
    char byte;
    pid_t pid;

    REQUIRE(bind(listener, (struct sockaddr *)&any, sizeof(any)) == 0 && listen(listener, 4) == 0);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    if (port_network_bridge(&net, &err) == KIST_E_UNSUPPORTED) {
        fprintf(stderr, "%s\n", err.message);
        _exit(NOT_HERE);
    }
    CHECK_INT(err.code, KIST_OK);
    REQUIRE_OK(port_network_bridge(&net, &err), err); /* there already */
    pid = fork();
    if (pid == 0) {
        _exit(contained(ends[1]));
    }
    REQUIRE(read(ends[0], &byte, 1) == 1);
    REQUIRE_OK(port_network_attach(&net, pid, &err), err);
    CHECK(if_nametoindex(net.port) > 0);
    REQUIRE_OK(port_network_attach(&net, pid, &err), err); /* what an earlier run left is replaced */
    CHECK(if_nametoindex(net.port) > 0);
    REQUIRE(write(ends[0], "g", 1) == 1);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, 0);
}

/* Whatever is made ends with the child's namespace. */
TEST(a_container_reaches_its_gateway)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (unshare(CLONE_NEWNET) < 0) {
            _exit(NOT_HERE);
        }
        connects();
        _exit(test_failures > 0);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE) {
        TEST_SKIP("no network of its own can be made here: under emulation, or by this kernel");
    }
    CHECK_INT(status, 0);
}

