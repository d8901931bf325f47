#include "container/publish.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

struct range {
    unsigned first, last; /* 0, 0: not said */
};

static int malformed(const char *text, const char *why, struct kist_error *err)
{
    return kist_error_set(err, KIST_E_USAGE, "invalid port '%s': %s (expected [[ADDRESS:][HOST]:]CONTAINER[/tcp|udp])", text, why);
}

static bool parse_range(struct range *r, char *text)
{
    char *dash = strchr(text, '-');
    uint64_t first, last;

    if (dash) {
        *dash++ = '\0';
    }
    if (!kist_str_u64(text, UINT16_MAX, &first) || !kist_str_u64(dash ? dash : text, UINT16_MAX, &last) || first == 0 ||
        last < first) {
        return false;
    }
    *r = (struct range){(unsigned)first, (unsigned)last};
    return true;
}

/* Takes "[...]" off, and sees whether it is an address. */
static bool parse_address(char dst[PORT_PROXY_ADDRESS_MAX], char *text)
{
    const size_t len = strlen(text);
    unsigned char raw[16];

    if (text[0] == '[' && text[len - 1] == ']') {
        text[len - 1] = '\0';
        text++;
        return inet_pton(AF_INET6, text, raw) == 1 && kist_str_copy(dst, PORT_PROXY_ADDRESS_MAX, text);
    }
    if (strcmp(text, "localhost") == 0) {
        return kist_str_copy(dst, PORT_PROXY_ADDRESS_MAX, "127.0.0.1");
    }
    return (inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1) &&
           kist_str_copy(dst, PORT_PROXY_ADDRESS_MAX, text);
}

static int add(struct kist_published *p, const struct port_published *one, struct kist_error *err)
{
    struct port_published *grown;

    if (p->n >= KIST_PUBLISH_MAX) {
        return kist_error_set(err, KIST_E_USAGE, "more than %d published ports", KIST_PUBLISH_MAX);
    }
    grown = realloc(p->v, (p->n + 1) * sizeof(*p->v));
    if (!grown) {
        return kist_error_nomem(err);
    }
    p->v = grown;
    p->v[p->n++] = *one;
    return 0;
}

/* Cuts "/tcp" or "/udp" off. */
static bool parse_protocol(char *text, bool *udp)
{
    char *slash = strchr(text, '/');

    *udp = false;
    if (!slash) {
        return true;
    }
    *slash++ = '\0';
    *udp = strcmp(slash, "udp") == 0;
    return *udp || strcmp(slash, "tcp") == 0;
}

/* copy is text's, to be cut. */
static int parse_parts(struct kist_published *p, const char *text, char *copy, struct kist_error *err)
{
    struct port_published one = {.address = ""};
    struct range host = {0, 0}, container;
    char *inner, *outer = NULL;
    int rc = 0;

    if (!parse_protocol(copy, &one.udp)) {
        return malformed(text, "the protocol must be tcp or udp", err);
    }
    inner = strrchr(copy, ':');
    if (inner) {
        *inner++ = '\0';
        outer = strrchr(copy, ':');
        /* the colon before the host's port, not one inside "[::1]" */
        if (outer && (copy[0] != '[' || outer[-1] == ']')) {
            *outer++ = '\0';
            if (*copy != '\0' && !parse_address(one.address, copy)) {
                return malformed(text, "there is no such address", err);
            }
        } else {
            outer = copy;
        }
    } else {
        inner = copy;
    }
    if (!parse_range(&container, inner)) {
        return malformed(text, "the container's port must be 1 to 65535", err);
    }
    if (outer && *outer != '\0' && !parse_range(&host, outer)) {
        return malformed(text, "the host's port must be 1 to 65535", err);
    }
    if (host.first != 0 && host.last - host.first != container.last - container.first) {
        return malformed(text, "the ranges differ in length", err);
    }
    for (unsigned i = 0; rc == 0 && i <= container.last - container.first; i++) {
        one.container = (uint16_t)(container.first + i);
        one.host = host.first != 0 ? (uint16_t)(host.first + i) : 0;
        rc = add(p, &one, err);
    }
    return rc;
}

int kist_publish_parse(struct kist_published *p, const char *text, struct kist_error *err)
{
    KIST_AUTO(free) char *copy = strdup(text);

    return copy ? parse_parts(p, text, copy, err) : kist_error_nomem(err);
}

int kist_publish_exposed(struct kist_published *p, const char *text, struct kist_error *err)
{
    KIST_AUTO(publish) struct kist_published exposed = {.v = NULL};
    int rc = kist_publish_parse(&exposed, text, err);

    for (size_t i = 0; rc == 0 && i < exposed.n; i++) {
        bool there = false;

        for (size_t j = 0; j < p->n; j++) {
            there = there || (p->v[j].container == exposed.v[i].container && p->v[j].udp == exposed.v[i].udp);
        }
        rc = there ? 0 : add(p, &exposed.v[i], err);
    }
    return rc;
}

void kist_publish_release(struct kist_published *p)
{
    free(p->v);
    *p = (struct kist_published){.v = NULL};
}

void kist_publish_auto(struct kist_published *p)
{
    kist_publish_release(p);
}

int kist_publish_print(struct kist_buf *out, const struct port_published *one, struct kist_error *err)
{
    const bool v6 = strchr(one->address, ':') != NULL;
    char host[8] = "";

    if (one->host != 0 && !kist_str_format(host, sizeof(host), "%u", (unsigned)one->host)) {
        return kist_error_set(err, KIST_E_FAIL, "a port is too long");
    }
    return kist_buf_printf(out, err, "%s%s%s:%s:%u/%s", v6 ? "[" : "", one->address, v6 ? "]" : "", host,
                           (unsigned)one->container, one->udp ? "udp" : "tcp");
}

int kist_publish_each(const struct kist_published *p, kist_publish_fn *each, void *arg, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < p->n; i++) {
        const char *address = p->v[i].address;
        const bool v6 = strchr(address, ':') != NULL;
        char quoted[PORT_PROXY_ADDRESS_MAX + 2];

        if (*address == '\0') {
            rc = each(arg, &p->v[i], "0.0.0.0", err);
            rc = rc < 0 ? rc : each(arg, &p->v[i], "[::]", err);
        } else if (kist_str_format(quoted, sizeof(quoted), "%s%s%s", v6 ? "[" : "", address, v6 ? "]" : "")) {
            rc = each(arg, &p->v[i], quoted, err);
        }
    }
    return rc;
}
