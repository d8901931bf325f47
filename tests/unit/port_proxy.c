#include "port/proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define HERE 0x7f000001

static int open_at(int type, uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(HERE)};
    socklen_t size = sizeof(a);
    int fd = socket(AF_INET, type, 0);

    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || (type == SOCK_STREAM && listen(fd, 64) < 0) ||
        getsockname(fd, (struct sockaddr *)&a, &size) < 0) {
        return -1;
    }
    *port = ntohs(a.sin_port);
    return fd;
}

static int call(int type, uint16_t port)
{
    const struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(HERE)};
    const struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, type, 0);

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 ? fd : -1;
}

/* Sends it all and reads it all back from an echo at the other end. */
static void echo(int listener)
{
    for (;;) {
        char buf[4096];
        int fd = accept(listener, NULL, NULL);
        ssize_t n;

        while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
            for (ssize_t done = 0, put; done < n; done += put) {
                put = send(fd, buf + done, (size_t)(n - done), MSG_NOSIGNAL);
                if (put <= 0) {
                    break;
                }
            }
        }
        (void)close(fd);
    }
}

TEST(passes_a_stream_both_ways_to_its_end)
{
    static char out[1 << 20], back[sizeof(out)];
    struct port_published port = {.address = "127.0.0.1"};
    struct kist_error err;
    struct port_proxy *proxy;
    int listener = open_at(SOCK_STREAM, &port.container), fd, status;
    size_t sent = 0, got = 0;
    pid_t pid;

    REQUIRE(listener >= 0);
    pid = fork();
    if (pid == 0) {
        echo(listener);
        _exit(0);
    }
    for (size_t i = 0; i < sizeof(out); i++) {
        out[i] = (char)(i * 7 + i / 251);
    }
    REQUIRE_OK(port_proxy_start(&proxy, &port, 1, HERE, &err), err);
    CHECK(port.host != 0);
    for (int round = 0; round < 3; round++) {
        bool ended = false;

        sent = got = 0;
        fd = call(SOCK_STREAM, port.host);
        REQUIRE(fd >= 0);
        while (!ended) {
            struct pollfd p = {.fd = fd, .events = (short)(POLLIN | (sent < sizeof(out) ? POLLOUT : 0))};

            REQUIRE(poll(&p, 1, 20000) == 1);
            if (sent < sizeof(out) && (p.revents & POLLOUT) != 0) {
                ssize_t n = send(fd, out + sent, sizeof(out) - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

                sent += n > 0 ? (size_t)n : 0;
                if (sent == sizeof(out)) {
                    REQUIRE(shutdown(fd, SHUT_WR) == 0);
                }
            }
            if ((p.revents & (POLLIN | POLLHUP)) != 0) {
                ssize_t n = recv(fd, back + got, sizeof(back) - got + (got == sizeof(back)), MSG_DONTWAIT);

                ended = n == 0;
                got += n > 0 ? (size_t)n : 0;
            }
        }
        CHECK_INT(got, sizeof(out));
        CHECK_MEM(back, out, sizeof(out));
        (void)close(fd);
    }
    port_proxy_stop(proxy);
    CHECK(call(SOCK_STREAM, port.host) < 0);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
    (void)close(listener);
}

TEST(answers_of_datagrams_find_their_way_back)
{
    struct port_published port = {.address = "127.0.0.1", .udp = true};
    struct kist_error err;
    struct port_proxy *proxy;
    int server = open_at(SOCK_DGRAM, &port.container);

    REQUIRE(server >= 0);
    REQUIRE_OK(port_proxy_start(&proxy, &port, 1, HERE, &err), err);
    for (int i = 0; i < 300; i++) { /* more than there are sessions */
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        int client = call(SOCK_DGRAM, port.host), word = i, heard = -1;

        REQUIRE(send(client, &word, sizeof(word), 0) == sizeof(word));
        REQUIRE(recvfrom(server, &heard, sizeof(heard), 0, (struct sockaddr *)&from, &size) == sizeof(heard));
        CHECK_INT(heard, i);
        heard = -i;
        REQUIRE(sendto(server, &heard, sizeof(heard), 0, (struct sockaddr *)&from, size) == sizeof(heard));
        REQUIRE(recv(client, &word, sizeof(word), 0) == sizeof(word));
        CHECK_INT(word, -i);
        (void)close(client);
    }
    port_proxy_stop(proxy);
    (void)close(server);
}

TEST(tells_of_a_port_that_is_taken)
{
    struct port_published taken = {.address = "127.0.0.1", .container = 80}, odd = {.address = "300.1.2.3", .container = 80};
    struct kist_error err;
    struct port_proxy *proxy;
    int listener = open_at(SOCK_STREAM, &taken.host);

    REQUIRE(listener >= 0);
    CHECK_INT(port_proxy_start(&proxy, &taken, 1, HERE, &err), KIST_E_CONFLICT);
    CHECK(strstr(err.message, "is already allocated"));
    CHECK_INT(port_proxy_start(&proxy, &odd, 1, HERE, &err), KIST_E_USAGE);
    (void)close(listener);
}

TEST(ends_a_connection_that_the_container_refuses)
{
    struct port_published port = {.address = "127.0.0.1"};
    struct kist_error err;
    struct port_proxy *proxy;
    int listener = open_at(SOCK_STREAM, &port.container), fd;
    char byte;

    (void)close(listener); /* nobody is there */
    REQUIRE_OK(port_proxy_start(&proxy, &port, 1, HERE, &err), err);
    fd = call(SOCK_STREAM, port.host);
    REQUIRE(fd >= 0);
    CHECK(recv(fd, &byte, 1, 0) <= 0);
    (void)close(fd);
    port_proxy_stop(proxy);
}
