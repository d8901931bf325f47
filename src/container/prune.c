#include "container/container.h"

int kist_container_prune(const struct kist_engine *e, bool (*takes)(void *arg, const struct kist_container *c), void *arg,
                         struct kist_strv *deleted, uint64_t *freed, struct kist_error *err)
{
    KIST_AUTO(container_list) struct kist_container_list list = {.v = NULL};
    int rc = kist_container_list(e, &list, err);

    *freed = 0;
    for (size_t i = 0; i < list.n && rc == 0; i++) {
        const struct kist_container *c = &list.v[i];
        uint64_t bytes = 0;

        if (kist_container_is_up(c) || !takes(arg, c)) {
            continue;
        }
        if ((rc = kist_store_container_usage(e->store, c->id, &bytes, err)) == 0 &&
            (rc = kist_container_remove(e, c->id, false, err)) == 0) {
            *freed += bytes;
            rc = kist_strv_add(deleted, c->id, err);
        } else if (rc == KIST_E_CONFLICT || rc == KIST_E_NOT_FOUND) {
            rc = 0; /* started or removed while we looked */
        }
    }
    return rc;
}

int kist_container_remove_volumes(const struct kist_engine *e, const char *id, bool force, struct kist_error *err)
{
    KIST_AUTO(store_volume_list) struct kist_store_volume_list list = {.v = NULL};
    KIST_AUTO(strv) struct kist_strv names = {.v = NULL};
    int rc;

    if ((rc = kist_store_container_volumes(e->store, id, &names, err)) < 0 ||
        (rc = kist_store_volumes(e->store, &list, err)) < 0 || (rc = kist_container_remove(e, id, force, err)) < 0) {
        return rc;
    }
    for (size_t i = 0; i < names.n && rc == 0; i++) {
        const struct kist_store_volume *volume = kist_store_volume_find(&list, names.v[i]);

        if (volume && volume->anonymous) {
            rc = kist_store_volume_remove(e->store, volume->name, NULL, err);
            rc = rc == KIST_E_CONFLICT || rc == KIST_E_NOT_FOUND ? 0 : rc; /* another container's too, or gone */
        }
    }
    return rc;
}
