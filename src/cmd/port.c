#include <stdio.h>

#include "cmd/container_view.h"
#include "cmd/containers.h"

struct wanted {
    struct kist_published ports; /* none: all */
    unsigned printed;
};

static int print_port(void *arg, const struct port_published *port, const char *address, struct kist_error *err)
{
    struct wanted *wanted = arg;
    bool all = wanted->ports.n == 0;

    (void)err;
    if (all) {
        (void)printf("%u/%s -> ", (unsigned)port->container, port->udp ? "udp" : "tcp");
    } else if (wanted->ports.v[0].container != port->container || wanted->ports.v[0].udp != port->udp) {
        return 0;
    }
    (void)printf("%s:%u\n", address, (unsigned)port->host);
    wanted->printed++;
    return 0;
}

static int run(struct kist_app *app, const void *options, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(container) struct kist_container c = {.pid = 0};
    struct kist_engine engine;
    struct wanted wanted = {.printed = 0};
    int rc = kist_containers_find(app, &engine, operands[0], &c, err);

    (void)options;
    if (rc == 0 && count > 1) {
        rc = kist_publish_parse(&wanted.ports, operands[1], err);
    }
    rc = rc < 0 ? rc : kist_container_each_port(&c, print_port, &wanted, err);
    if (rc == 0 && count > 1 && wanted.printed == 0) {
        rc = kist_error_set(err, KIST_E_FAIL, "no public port '%s' published for '%s'", operands[1], operands[0]);
    }
    kist_publish_release(&wanted.ports);
    return rc;
}

const struct kist_command kist_cmd_port = {
    .name = "port",
    .operands = "CONTAINER [PORT[/tcp|udp]]",
    .summary = "List a container's published ports",
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
