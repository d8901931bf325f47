#include "transfer/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

#define MOUNT_BYTES (1229U << 10) /* about what the kernel takes for a mounted layer */
#define TEXT_MAX 4096             /* what a pull has beside its layers in files of its own: lease, rooms; and index.json grows by */
#define DEFAULT_JOBS 2U

/* A squashfs of zstd-3 blocks is about as large as the gzip layer it came from; zstd layers come packed harder than that. */
enum packed { PACKED_NOT, PACKED_GZIP, PACKED_ZSTD };

static enum packed packed_how(const struct kist_descriptor *blob)
{
    return kist_str_ends(blob->media_type, "zstd")  ? PACKED_ZSTD
           : kist_str_ends(blob->media_type, ".tar") ? PACKED_NOT
                                                     : PACKED_GZIP;
}

static uint64_t scaled(uint64_t size, uint64_t times, uint64_t by, uint64_t more)
{
    return size > INT64_MAX / 8 ? INT64_MAX : size / by * times + size % by * times / by + more;
}

uint64_t kist_layer_estimate(const struct kist_descriptor *blob)
{
    enum packed how = packed_how(blob);

    return how == PACKED_NOT    ? scaled(blob->size, 1, 2, 8192)
           : how == PACKED_ZSTD ? scaled(blob->size, 9, 8, 8192)
                                : scaled(blob->size, 33, 32, 8192);
}

uint64_t kist_layer_bound(const struct kist_descriptor *blob)
{
    enum packed how = packed_how(blob);

    return how == PACKED_NOT    ? scaled(blob->size, 33, 32, 65536)
           : how == PACKED_ZSTD ? scaled(blob->size, 3, 2, 65536)
                                : scaled(blob->size, 5, 4, 65536);
}

static bool is_first(const struct kist_pull_plan *plan, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (kist_digest_equal(&plan->layers[i].diff_id, &plan->layers[index].diff_id)) {
            return false;
        }
    }
    return true;
}

static void add(uint64_t *sum, uint64_t bytes)
{
    *sum = bytes > INT64_MAX - *sum ? INT64_MAX : *sum + bytes;
}

static uint64_t cost(struct kist_store *store, uint64_t size)
{
    return store ? kist_store_cost(store, size) : size;
}

int kist_plan_make(struct kist_pull_plan *plan, struct kist_store *store, const struct kist_resolved *r,
                   struct kist_error *err)
{
    plan->platform = r->config.platform;
    plan->source = r->source;
    plan->manifest = r->manifest_desc;
    plan->config = r->manifest.config.digest;
    plan->layers = calloc(r->manifest.entry_count + 1, sizeof(*plan->layers));
    if (!plan->layers) {
        return kist_error_nomem(err);
    }
    plan->layer_count = r->manifest.entry_count;
    plan->mount_bytes = (uint64_t)plan->layer_count * MOUNT_BYTES;
    for (size_t i = 0; i < plan->layer_count; i++) {
        struct kist_pull_layer *layer = &plan->layers[i];

        layer->diff_id = r->config.diff_ids[i];
        layer->blob = r->manifest.entries[i];
        /* The same layer twice in an image is pulled once. */
        if (!is_first(plan, i) || (store && kist_store_has_layer(store, &layer->diff_id))) {
            layer->state = KIST_PULL_KEPT;
        } else {
            uint64_t estimate = cost(store, kist_layer_estimate(&layer->blob));
            uint64_t there = store ? kist_store_layer_begun_bytes(store, &layer->diff_id) : 0; /* to be gone on with */

            add(&plan->download_bytes, layer->blob.size);
            add(&plan->estimate_bytes, estimate - KIST_MIN(estimate, there));
            add(&plan->bound_bytes, cost(store, kist_layer_bound(&layer->blob)));
        }
    }
    if (plan->estimate_bytes > 0) {
        uint64_t blobs = cost(store, r->manifest_text.len) + cost(store, r->config_text.len);

        add(&plan->estimate_bytes, blobs);
        add(&plan->bound_bytes, blobs);
    }
    return 0;
}

/* Not the image that the name stands for at present, where an update must be able to fall back to it. */
static int may_go(void *arg, const struct kist_image *image, struct kist_error *err)
{
    const struct kist_pull_plan *plan = arg;

    (void)err;
    return !image->name || strcmp(image->name, plan->name) != 0;
}

static int find_evicted(struct kist_pull_plan *plan, struct kist_store *store, const struct kist_store_limits *limits,
                        uint64_t missing, struct kist_error *err)
{
    const struct kist_store_prune options = {.all = true,
                                             .keep_previous = limits->keep_previous,
                                             .dry_run = true,
                                             .need = missing,
                                             .takes = limits->keep_previous ? may_go : NULL,
                                             .arg = plan};
    int rc = kist_store_prune(store, &options, &plan->evicted, err);

    plan->fits = rc == 0 && plan->evicted.freed >= missing;
    if (!plan->fits) {
        kist_store_removed_release(&plan->evicted);
        plan->evicted = (struct kist_store_removed){.freed = 0};
    }
    return rc;
}

int kist_plan_fit(struct kist_pull_plan *plan, struct kist_store *store, const struct kist_pull_options *options,
                  struct kist_store_room **room, struct kist_error *err)
{
    const struct kist_store_limits *limits = &options->limits;
    struct kist_store_space space = {.left = UINT64_MAX};
    uint64_t files = (options->jobs ? options->jobs : DEFAULT_JOBS) + 2, need = plan->estimate_bytes;
    uint64_t left = 0;
    int rc = 0;

    plan->fits = true;
    if (store) {
        rc = kist_store_space(store, &space, err);
        add(&need, files * kist_store_cost(store, TEXT_MAX));
    } else if (limits->quota.value > 0 && !limits->quota.percent) {
        space = (struct kist_store_space){.quota = limits->quota.value, .left = limits->quota.value, .by_quota = true};
    }
    plan->left_bytes = space.left;
    if (rc < 0 || plan->estimate_bytes == 0) {
        return rc;
    }
    plan->peak_bytes = need;
    plan->fits = need <= space.left;
    if (!plan->fits && store && limits->evict && (rc = find_evicted(plan, store, limits, need - space.left, err)) < 0) {
        return rc;
    }
    if (!plan->fits && store && !limits->evict && kist_store_left_drop(store, true, &left, NULL) == 0) {
        plan->fits = need <= space.left + left;
    }
    if (room) {
        return kist_store_room_take(store, "partial", "-", need, NULL, room, err);
    }
    return plan->fits ? 0 : kist_store_space_fits(&space, need, err);
}
