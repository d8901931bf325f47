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

struct telling {
    struct port_dir *dir;
    int (*each)(void *arg, const char *name, uint64_t bytes, struct kist_error *err);
    void *arg;
};

static int tell_one(void *arg, const char *name, struct kist_error *err)
{
    const struct telling *t = arg;
    uint64_t bytes;
    int rc = port_dir_usage(t->dir, name, &bytes, err);

    return rc < 0 ? rc : t->each(t->arg, name, bytes, err);
}

int kist_store_usage_each(struct kist_store *s, const char *kind,
                          int (*each)(void *arg, const char *name, uint64_t bytes, struct kist_error *err), void *arg,
                          struct kist_error *err)
{
    struct telling t = {.each = each, .arg = arg};
    int rc = port_dir_open_at(&t.dir, s->root, kind, false, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    rc = port_dir_list(t.dir, tell_one, &t, err);
    port_dir_close(t.dir);
    return rc;
}
