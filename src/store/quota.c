#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "private.h"

#define SLACK_BLOCKS 8 /* kept for directories that grow by a block between two checks, and for leases */
#define LEASE_BLOCKS 6
#define RECORD 16      /* bytes a filesystem needs at most to remember where a block is, in a file all in pieces */

void kist_store_limit(struct kist_store *s, const struct kist_store_limits *limits)
{
    s->limits = *limits;
}

const struct kist_store_limits *kist_store_limits(const struct kist_store *s)
{
    return &s->limits;
}

bool kist_store_limited(const struct kist_store *s)
{
    return s->limits.quota.value > 0 || s->limits.reserve.value > 0;
}

uint64_t kist_store_cost(const struct kist_store *s, uint64_t size)
{
    uint64_t blocks = size / s->block + (size % s->block > 0);

    if (size > INT64_MAX / 2) {
        return size;
    }
    return (blocks + 1 + blocks * RECORD / s->block) * s->block;
}

uint64_t kist_store_cost_inverse(const struct kist_store *s, uint64_t bytes)
{
    uint64_t all = bytes / s->block, blocks = all > 0 ? all - 1 : 0;

    blocks -= blocks * RECORD / (s->block + RECORD);
    while (blocks > 0 && kist_store_cost(s, blocks * s->block) > bytes) {
        blocks--;
    }
    return blocks * s->block;
}

uint64_t kist_store_headroom(struct kist_store *s)
{
    struct port_stat st;
    uint64_t index = port_dir_stat(s->root, "index.json", &st, NULL) == 0 ? st.size : 0;

    return kist_store_cost(s, index) + (uint64_t)SLACK_BLOCKS * s->block;
}

static uint64_t bytes_of(const struct kist_store_amount *amount, uint64_t total)
{
    return amount->percent ? total / 100 * amount->value + total % 100 * amount->value / 100 : amount->value;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static int find_space(struct kist_store *s, bool locked, struct kist_store_space *space, struct kist_error *err)
{
    struct kist_store_usage usage;
    struct port_space fs;
    uint64_t left, taken;
    int rc = port_dir_space(s->root, &fs, err);

    *space = (struct kist_store_space){.quota = 0};
    if (rc < 0) {
        return rc;
    }
    space->quota = bytes_of(&s->limits.quota, fs.total);
    space->reserve = bytes_of(&s->limits.reserve, fs.total);
    space->available = fs.available;
    space->kept = minus(kist_store_headroom(s), kist_store_spare_bytes(s));
    if (kist_store_limited(s) && (rc = kist_store_rooms(s, locked, &space->promised, err)) < 0) {
        return rc;
    }
    taken = space->reserve + space->promised + space->kept;
    space->left = minus(space->available, taken);
    space->over = minus(taken, space->available);
    if (space->quota > 0) {
        if ((rc = kist_store_usage(s, &usage, err)) < 0) {
            return rc;
        }
        space->used = usage.total;
        taken = space->used + space->promised + space->kept;
        left = minus(space->quota, taken);
        space->by_quota = left < space->left;
        space->left = KIST_MIN(left, space->left);
        space->over = KIST_MAX(minus(taken, space->quota), space->over);
    }
    return 0;
}

/* "256 MiB" rather than "256.0 MiB": a limit as somebody gave it. */
static const char *limit_text(char text[KIST_STR_SIZE_MAX], uint64_t bytes)
{
    char *point = strstr(kist_str_size(text, bytes), ".0 ");

    if (point) {
        memmove(point, point + 2, strlen(point + 2) + 1);
    }
    return text;
}

int kist_store_space(struct kist_store *s, struct kist_store_space *space, struct kist_error *err)
{
    return find_space(s, false, space, err);
}

int kist_store_space_locked(struct kist_store *s, struct kist_store_space *space, struct kist_error *err)
{
    return find_space(s, true, space, err);
}

int kist_store_space_fits(const struct kist_store_space *space, uint64_t bytes, struct kist_error *err)
{
    char need[KIST_STR_SIZE_MAX], left[KIST_STR_SIZE_MAX], limit[KIST_STR_SIZE_MAX];
    const char *what = space->by_quota      ? "under quota "
                       : space->reserve > 0 ? "on the filesystem above reserve "
                                            : "on the filesystem";
    uint64_t bound = space->by_quota ? space->quota : space->reserve;

    if (bytes <= space->left) {
        return 0;
    }
    return kist_error_set(err, KIST_E_NO_SPACE, "needs %s, %s left %s%s (try 'kist image prune')",
                          kist_str_size(need, bytes), kist_str_size(left, space->left), what,
                          bound > 0 ? limit_text(limit, bound) : "");
}

int kist_store_lease_fits(struct kist_store *s, size_t digests, struct kist_error *err)
{
    uint64_t bytes = kist_store_cost(s, (uint64_t)digests * KIST_DIGEST_HEX_MAX);
    struct kist_store_space space;
    int rc = kist_store_space_locked(s, &space, err);

    if (rc < 0 || digests == 0) {
        return rc;
    }
    return bytes + space.over <= space.left + LEASE_BLOCKS * (uint64_t)s->block
               ? 0
               : kist_store_space_fits(&space, KIST_MAX(bytes, space.left + 1), err);
}

int kist_store_fits(struct kist_store *s, uint64_t bytes, struct kist_error *err)
{
    struct kist_store_space space;
    int rc = kist_store_space_locked(s, &space, err);

    return rc < 0 ? rc : kist_store_space_fits(&space, bytes, err);
}
