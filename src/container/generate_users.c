/* --userns, --uidmap, --gidmap: a user namespace of the container's own. */
#include <stdlib.h>
#include <string.h>

#include "container/generate_private.h"

#define DEFAULT_MAP "0:100000:65536"

/* CONTAINER:HOST[:SIZE], as podman has it. */
static int put_range(cJSON *map, const char *text, const char *what, struct kist_error *err)
{
    static const char *const names[] = {"containerID", "hostID", "size"};
    KIST_AUTO(free) char *copy = strdup(text);
    char *rest = copy, *word;
    cJSON *range = cJSON_CreateObject();
    int rc = kist_json_append(map, range, err);
    size_t n = 0;

    if (!copy) {
        return kist_error_nomem(err);
    }
    while (rc == 0 && (word = strsep(&rest, ":"))) {
        uint64_t number;

        if (n == KIST_COUNT(names) || !kist_str_u64(word, UINT32_MAX - 1, &number) || (n == 2 && number == 0)) {
            n = 0;
            break;
        }
        rc = kist_json_put_u64(range, names[n++], number, err);
    }
    if (rc == 0 && n < 2) {
        return kist_error_set(err, KIST_E_USAGE, "%s: invalid map '%.100s' (expected CONTAINER:HOST:SIZE)", what, text);
    }
    return rc < 0 || n == 3 ? rc : kist_json_put_u64(range, names[2], 1, err);
}

static int put_map(cJSON *linux_part, const char *name, const struct kist_strv *ranges, const char *what, struct kist_error *err)
{
    cJSON *map = cJSON_CreateArray();
    int rc = kist_json_put(linux_part, name, map, err);

    for (size_t i = 0; rc == 0 && i < ranges->n; i++) {
        rc = put_range(map, ranges->v[i], what, err);
    }
    return rc < 0 || ranges->n > 0 ? rc : put_range(map, DEFAULT_MAP, what, err);
}

static const char *mode_of(const struct kist_run_options *o)
{
    return o->userns && *o->userns != '\0' ? o->userns
           : o->uid_maps.n + o->gid_maps.n > 0 ? "private"
           : o->userns_default                ? o->userns_default
                                              : "host";
}

bool kist_run_options_users(const struct kist_run_options *o)
{
    return strcmp(mode_of(o), "host") != 0;
}

static const char *flag_of(const struct kist_run_options *o, const struct kist_strv *ranges)
{
    return ranges == &o->uid_maps ? "--uidmap" : ranges == &o->gid_maps ? "--gidmap" : "userns.map";
}

int kist_generate_users(cJSON *linux_part, const struct kist_run_options *o, struct kist_error *err)
{
    const bool mapped = o->uid_maps.n + o->gid_maps.n > 0, given = o->userns && *o->userns != '\0';
    const char *mode = mode_of(o);
    /* one alone stands for both */
    const struct kist_strv *users = o->uid_maps.n > 0 ? &o->uid_maps : mapped ? &o->gid_maps : &o->userns_map,
                           *groups = o->gid_maps.n > 0 ? &o->gid_maps : users;
    cJSON *space;
    int rc;

    if (strcmp(mode, "host") == 0) {
        return mapped ? kist_error_set(err, KIST_E_USAGE, "conflicting options: --userns host and --uidmap, --gidmap") : 0;
    }
    if (strcmp(mode, "private") != 0) {
        return kist_error_set(err, KIST_E_USAGE, "%s must be host or private, not '%.100s'", given ? "--userns" : "userns.default", mode);
    }
    space = cJSON_CreateObject();
    rc = kist_json_append(cJSON_GetObjectItemCaseSensitive(linux_part, "namespaces"), space, err);
    rc = rc < 0 ? rc : kist_json_put_string(space, "type", "user", err);
    rc = rc < 0 ? rc : put_map(linux_part, "uidMappings", users, flag_of(o, users), err);
    return rc < 0 ? rc : put_map(linux_part, "gidMappings", groups, flag_of(o, groups), err);
}
