#include <string.h>

#include "private.h"

struct counting {
    struct kist_store *store;
    struct kist_store_usage *usage;
};

static int count_one(void *arg, const char *name, struct kist_error *err)
{
    const struct counting *c = arg;
    struct kist_store_usage *u = c->usage;
    const struct {
        const char *name;
        uint64_t *bytes;
    } kinds[] = {
        {"layers", &u->layers},         {"blobs", &u->blobs},     {"partial", &u->partial},
        {"containers", &u->containers}, {"volumes", &u->volumes}, {"cache", &u->cache},
    };
    uint64_t bytes, *sum = &u->other;
    int rc = port_dir_usage(c->store->root, name, &bytes, err);

    for (size_t i = 0; i < KIST_COUNT(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            sum = kinds[i].bytes;
        }
    }
    if (rc == 0) {
        *sum += bytes;
        u->total += bytes;
    }
    return rc;
}

int kist_store_usage(struct kist_store *s, struct kist_store_usage *usage, struct kist_error *err)
{
    struct counting c = {s, usage};
    int rc;

    *usage = (struct kist_store_usage){.total = 0};
    rc = port_dir_usage(s->root, NULL, &usage->other, err);
    usage->total = usage->other;
    return rc < 0 ? rc : port_dir_list(s->root, count_one, &c, err);
}
