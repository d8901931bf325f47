#include "netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool port_netlink_open(struct port_netlink *n, int protocol)
{
    *n = (struct port_netlink){.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)};
    return n->fd >= 0;
}

void port_netlink_close(struct port_netlink *n)
{
    if (n->fd >= 0) {
        (void)close(n->fd);
    }
    n->fd = -1;
}

static struct nlmsghdr *message(struct port_netlink *n)
{
    return (struct nlmsghdr *)(void *)(n->buf + n->message);
}

/* Room for length bytes, zeroed up to the next multiple of 4; NULL when there is none. */
static void *add(struct port_netlink *n, size_t length)
{
    const size_t whole = NLMSG_ALIGN(length);
    char *at = n->buf + n->length;

    if (n->full || whole > sizeof(n->buf) - n->length) {
        n->full = true;
        return NULL;
    }
    memset(at, 0, whole);
    n->length += whole;
    message(n)->nlmsg_len = (uint32_t)(n->length - n->message);
    return at;
}

void port_netlink_message(struct port_netlink *n, unsigned type, unsigned flags, const void *head, size_t head_length)
{
    const size_t begin = n->length;

    if (n->full || sizeof(n->buf) - begin < NLMSG_HDRLEN) {
        n->full = true;
        return;
    }
    n->message = begin;
    n->length += NLMSG_HDRLEN;
    *message(n) = (struct nlmsghdr){.nlmsg_len = NLMSG_HDRLEN,
                                    .nlmsg_type = (uint16_t)type,
                                    .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST),
                                    .nlmsg_seq = ++n->sequence};
    port_netlink_bare(n, head, head_length);
}

void port_netlink_bare(struct port_netlink *n, const void *data, size_t length)
{
    void *at = add(n, length);

    if (at) {
        memcpy(at, data, length);
    }
}

void port_netlink_attr(struct port_netlink *n, unsigned type, const void *data, size_t length)
{
    struct nlattr *attr = add(n, NLA_HDRLEN + length);

    if (attr) {
        *attr = (struct nlattr){.nla_len = (uint16_t)(NLA_HDRLEN + length), .nla_type = (uint16_t)type};
        if (length > 0) {
            memcpy((char *)attr + NLA_HDRLEN, data, length);
        }
    }
}

void port_netlink_text(struct port_netlink *n, unsigned type, const char *text)
{
    port_netlink_attr(n, type, text, strlen(text) + 1);
}

void port_netlink_u32(struct port_netlink *n, unsigned type, uint32_t value)
{
    port_netlink_attr(n, type, &value, sizeof(value));
}

size_t port_netlink_nest(struct port_netlink *n, unsigned type)
{
    const size_t nest = n->length;

    port_netlink_attr(n, type | NLA_F_NESTED, NULL, 0);
    return nest;
}

void port_netlink_end(struct port_netlink *n, size_t nest)
{
    if (!n->full) {
        ((struct nlattr *)(void *)(n->buf + nest))->nla_len = (uint16_t)(n->length - nest);
    }
}

/* The first answer that is an acknowledgement or a failure; 0 or an errno. */
static int answer(int fd)
{
    char buf[4096] __attribute__((aligned(NLMSG_ALIGNTO)));

    for (;;) {
        ssize_t got = recv(fd, buf, sizeof(buf), 0);
        int left = (int)got;

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? errno : EPROTO;
        }
        for (const struct nlmsghdr *m = (const void *)buf; NLMSG_OK(m, (unsigned)left); m = NLMSG_NEXT(m, left)) {
            if (m->nlmsg_type == NLMSG_ERROR && m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr))) {
                return -((const struct nlmsgerr *)NLMSG_DATA(m))->error;
            }
        }
    }
}

bool port_netlink_send(struct port_netlink *n)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent;
    int failed;

    if (n->full) {
        errno = EMSGSIZE;
        return false;
    }
    do {
        sent = sendto(n->fd, n->buf, n->length, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
    } while (sent < 0 && errno == EINTR);
    n->length = n->message = 0;
    if (sent < 0) {
        return false;
    }
    failed = answer(n->fd);
    errno = failed;
    return failed == 0;
}
