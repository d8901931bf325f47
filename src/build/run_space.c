#include "build/run_space.h"

#include "base/str.h"
#include "store/quota.h"

static int refuse(const struct kist_store_space *space, struct kist_error *err)
{
    char over[KIST_STR_SIZE_MAX], quota[KIST_STR_SIZE_MAX];

    (void)kist_str_size(over, space->over);
    return space->by_quota ? kist_error_set(err, KIST_E_NO_SPACE,
                                            "what the command wrote is %s too much under quota %s (try 'kist builder prune', 'kist image prune')",
                                            over, kist_str_size(quota, space->quota))
                           : kist_error_set(err, KIST_E_NO_SPACE, "what the command wrote leaves the disk %s too little", over);
}

int kist_run_space_check(struct kist_run_space *s, struct port_dir *dir, bool whole, struct kist_error *err)
{
    struct kist_store_room *room;
    struct kist_store_space space;
    struct port_space fs;
    int rc = port_dir_space(dir, &fs, err);

    if (rc == 0 && !whole && s->left > 0 && fs.available + s->left / 2 > s->available) {
        return 0;
    }
    rc = rc < 0 ? rc : kist_store_space(s->store, &space, err);
    if (rc < 0) {
        return rc;
    }
    s->available = fs.available;
    s->left = space.left;
    if (space.over == 0) {
        return 0;
    }
    s->left = 0;
    rc = kist_store_room_take(s->store, "containers", s->id, 0, NULL, &room, err);
    if (rc == 0) {
        kist_store_room_free(room);
    }
    return rc == KIST_E_NO_SPACE ? refuse(&space, err) : rc;
}
