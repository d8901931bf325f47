/* config.json's user namespace: linux.uidMappings and gidMappings (runtime-spec config-linux.md, "User namespace mappings"). */
#include "container/spec_private.h"

static bool parse_range(struct port_id_range *r, const cJSON *item)
{
    int64_t inside, outside, size;

    if (!kist_spec_number(item, "containerID", 0, UINT32_MAX - 1, &inside) || !kist_spec_number(item, "hostID", 0, UINT32_MAX - 1, &outside) ||
        !kist_spec_number(item, "size", 1, UINT32_MAX, &size) || inside + size > UINT32_MAX || outside + size > UINT32_MAX) {
        return false;
    }
    *r = (struct port_id_range){(uint32_t)inside, (uint32_t)outside, (uint32_t)size};
    return true;
}

static int parse_map(struct port_id_map *map, struct port_id_range **owned, const cJSON *part, const char *name, struct kist_error *err)
{
    const cJSON *array = kist_json_array(part, name), *item;
    void *room;
    int rc = cJSON_GetArraySize(array) > PORT_ID_RANGES_MAX ? kist_spec_wrong(name, err)
                                                             : kist_spec_room(&room, array, sizeof(**owned), err);

    if (rc < 0) {
        return rc;
    }
    map->v = *owned = room;
    cJSON_ArrayForEach(item, array)
    {
        if (!parse_range(&(*owned)[map->n++], item)) {
            return kist_spec_wrong(name, err);
        }
    }
    return 0;
}

/* What runs there, and what belongs to root, is to be somebody. */
static int check(const struct port_id_map *map, uint32_t id, const char *what, struct kist_error *err)
{
    uint32_t outside;

    return port_id_outside(map, id, &outside)
               ? 0
               : kist_error_set(err, KIST_E_USAGE, "the container's user namespace has no %s %u (see --uidmap, --gidmap)", what, (unsigned)id);
}

int kist_spec_parse_users(struct kist_spec *spec, const cJSON *part, struct kist_error *err)
{
    struct port_command *c = &spec->sandbox.command;
    struct port_ids *ids = &c->ids;
    int rc = parse_map(&ids->users, &spec->users, part, "uidMappings", err);

    rc = rc < 0 ? rc : parse_map(&ids->groups, &spec->user_groups, part, "gidMappings", err);
    if (rc < 0 || (spec->sandbox.own & PORT_OWN_USERS) == 0) {
        return rc < 0 || ids->users.n + ids->groups.n == 0
                   ? rc
                   : kist_error_set(err, KIST_E_USAGE, "config.json: linux.uidMappings and gidMappings need a user namespace");
    }
    if (ids->users.n == 0 || ids->groups.n == 0) {
        return kist_error_set(err, KIST_E_USAGE, "config.json: a user namespace needs linux.uidMappings and gidMappings");
    }
    rc = check(&ids->users, 0, "user", err);
    rc = rc < 0 ? rc : check(&ids->groups, 0, "group", err);
    rc = rc < 0 ? rc : check(&ids->users, c->uid, "user", err);
    rc = rc < 0 ? rc : check(&ids->groups, c->gid, "group", err);
    for (size_t i = 0; rc == 0 && i < c->group_count; i++) {
        rc = check(&ids->groups, c->groups[i], "group", err);
    }
    return rc;
}
