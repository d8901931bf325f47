/* 'image prune', 'image pin' and 'image unpin': what goes, and what is to stay. */
#include <stdio.h>

#include "cmd/pruning.h"

struct options {
    bool all, force, dry_run, json;
    struct kist_strv filters;
    uint64_t keep, target_free;
};

static void print(const struct options *o, const struct kist_store_removed *removed)
{
    if (o->json) {
        kist_pruning_json(removed);
        return;
    }
    if (removed->untagged.n + removed->deleted.n > 0) {
        (void)printf(o->dry_run ? "Images to delete:\n" : "Deleted Images:\n");
        kist_pruning_removed(removed, "untagged: ", "deleted: ");
        (void)printf("\n");
    }
    kist_pruning_total(o->dry_run ? "Total space to reclaim" : "Total reclaimed space", removed->freed);
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct kist_filters filters;
    const struct kist_pruning_images images = {o->all, o->dry_run, o->keep, o->target_free, &filters};
    struct kist_store_removed removed = {.freed = 0};
    struct kist_store *store;
    int rc = kist_filters_parse(&filters, &o->filters, "dangling until label reference", err);

    (void)count;
    (void)operands;
    if (rc == 0 && !o->force && !o->dry_run) {
        rc = kist_pruning_confirm("image prune",
                                  o->all ? "all images without at least one container associated to them."
                                         : "all dangling images.", err);
    }
    if (rc < 0) {
        return rc;
    }
    rc = kist_app_store(app, false, &store, err);
    if (rc == KIST_E_NOT_FOUND) { /* no store yet: nothing to remove */
        print(o, &removed);
        return 0;
    }
    if (rc == 0) {
        rc = kist_pruning_images(app, &images, store, &removed, err);
    }
    if (rc == 0 || rc == KIST_E_NO_SPACE) {
        print(o, &removed);
    }
    kist_store_removed_release(&removed);
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("all", 'a', FLAG, struct options, all, NULL, "Also images with names, where no container uses them"),
    KIST_OPT("filter", 0, LIST, struct options, filters, "KEY=VALUE", "until, label, label!, reference or dangling"),
    KIST_OPT("keep", 0, NUMBER, struct options, keep, "N", "Keep the N images of each repository that came last"),
    KIST_OPT("target-free", 0, BYTES, struct options, target_free, "SIZE",
             "Stop when so much is free; exit 16 when it cannot be had"),
    KIST_OPT("dry-run", 0, FLAG, struct options, dry_run, NULL, "Only say what would go"),
    KIST_OPT("force", 'f', FLAG, struct options, force, NULL, "Do not ask"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object"),
    {.name = NULL},
};

const struct kist_command kist_cmd_image_prune = {
    .name = "image prune",
    .operands = "",
    .summary = "Remove images that nothing uses, the one used longest ago first",
    .options = options,
    .options_size = sizeof(struct options),
    .run = run,
};

static int set_pins(struct kist_app *app, int count, char **operands, bool pin, struct kist_error *err)
{
    struct kist_store *store;
    int rc = kist_app_store(app, false, &store, err);

    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, rc, "no such image: '%s'", operands[0]);
    }
    for (int i = 0; i < count && rc == 0; i++) {
        rc = kist_store_image_pin(store, operands[i], pin, err);
        if (rc == 0) {
            (void)printf("%s\n", operands[i]);
        }
    }
    return rc;
}

static int run_pin(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    (void)values;
    return set_pins(app, count, operands, true, err);
}

static int run_unpin(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    (void)values;
    return set_pins(app, count, operands, false, err);
}

const struct kist_command kist_cmd_pin = {
    .name = "image pin",
    .operands = "IMAGE [IMAGE...]",
    .summary = "Keep images from being pruned",
    .min_operands = 1,
    .max_operands = -1,
    .run = run_pin,
};

const struct kist_command kist_cmd_unpin = {
    .name = "image unpin",
    .operands = "IMAGE [IMAGE...]",
    .summary = "Let images be pruned again",
    .min_operands = 1,
    .max_operands = -1,
    .run = run_unpin,
};
