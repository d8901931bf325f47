/* Published ports as people write them: Docker's -p, [[ADDRESS:][HOST]:]CONTAINER[/tcp|udp], ports or ranges of them. */
#ifndef KIST_CONTAINER_PUBLISH_H
#define KIST_CONTAINER_PUBLISH_H

#include "base/buf.h"
#include "port/proxy.h"

struct kist_published {
    struct port_published *v;
    size_t n;
};

#define KIST_PUBLISH_MAX 1024 /* ports of one container */

/* Appends what text means. KIST_E_USAGE in Docker's words: bad port, bad address, ranges of different lengths. */
int kist_publish_parse(struct kist_published *p, const char *text, struct kist_error *err) KIST_CHECKED;
/* "80/tcp" of an image or of --expose: a port of the host that is free, for each that is not published already. */
int kist_publish_exposed(struct kist_published *p, const char *text, struct kist_error *err) KIST_CHECKED;
void kist_publish_release(struct kist_published *p);
void kist_publish_auto(struct kist_published *p);

/* As text that kist_publish_parse takes: "0.0.0.0:8080:80/tcp", "[::1]::53/udp". */
int kist_publish_print(struct kist_buf *out, const struct port_published *one, struct kist_error *err) KIST_CHECKED;

/*
 * Calls each for every port, twice where every address of the host is meant: address is as it is written before a port, "0.0.0.0" or "[::]".
 * Gives the first failure.
 */
typedef int kist_publish_fn(void *arg, const struct port_published *port, const char *address, struct kist_error *err);
int kist_publish_each(const struct kist_published *p, kist_publish_fn *each, void *arg, struct kist_error *err) KIST_CHECKED;

#endif
