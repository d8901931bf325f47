#include <stdio.h>

#include "build/cache_mount.h"
#include "build/known.h"
#include "cmd/pruning.h"
#include "store/steps.h"

struct options {
    bool all, force;
    uint64_t keep;
    struct kist_strv filters;
};

int kist_pruning_builder(const struct kist_app *app, struct kist_store *store, bool all, int64_t until, uint64_t keep,
                         struct kist_strv *deleted, uint64_t *freed, struct kist_error *err)
{
    const struct kist_store_step_prune options = {.all = all, .until = until, .keep = keep};
    struct kist_store_removed removed;
    int rc = kist_store_step_drop(store, &options, &removed, err);

    *freed += removed.freed;
    for (size_t i = 0; i < removed.deleted.n && rc == 0; i++) {
        rc = kist_strv_add(deleted, removed.deleted.v[i], err);
    }
    kist_store_removed_release(&removed);
    if (rc == 0 && keep == 0 && until == 0) {
        kist_known_forget(app->settings.run_dir);
    }
    return rc == 0 && keep == 0 ? kist_cache_mount_prune(store, until > 0 ? until : INT64_MAX, freed, err) : rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv deleted = {.v = NULL};
    const struct options *o = values;
    struct kist_filters filters;
    struct kist_store *store;
    uint64_t freed = 0;
    int rc = kist_filters_parse(&filters, &o->filters, "until", err);

    (void)count;
    (void)operands;
    if (rc == 0 && !o->force) {
        rc = kist_pruning_confirm("builder prune", o->all ? "all build cache." : "all dangling build cache.", err);
    }
    if (rc == 0 && (rc = kist_app_store(app, false, &store, err)) == 0) {
        rc = kist_pruning_builder(app, store, o->all, filters.has_until ? filters.until : 0, o->keep, &deleted, &freed, err);
    } else if (rc == KIST_E_NOT_FOUND) {
        rc = 0; /* no store yet: nothing to remove */
    }
    if (rc == 0) {
        kist_pruning_list("Deleted build cache objects:", "", &deleted);
        (void)(deleted.n > 0 && printf("\n"));
        kist_pruning_total("Total reclaimed space", freed);
    }
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("all", 'a', FLAG, struct options, all, NULL, "Also steps whose layers images use"),
    KIST_OPT("filter", 0, LIST, struct options, filters, "KEY=VALUE", "until: only what was not used since"),
    KIST_OPT("keep-storage", 0, BYTES, struct options, keep, "SIZE", "Let so much of it stay, what was used last"),
    KIST_OPT("force", 'f', FLAG, struct options, force, NULL, "Do not ask"),
    {.name = NULL},
};

const struct kist_command kist_cmd_builder_prune = {
    .name = "builder prune",
    .operands = "",
    .summary = "Remove what builds have left to be used again",
    .options = options,
    .options_size = sizeof(struct options),
    .run = run,
};
