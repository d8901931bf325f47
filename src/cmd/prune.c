/* 'container prune' and 'system prune'. */
#include <stdio.h>

#include "cmd/pruning.h"
#include "container/container.h"

#define LABEL_MAX (1U << 20)

struct options {
    bool all, force, volumes;
    struct kist_strv filters;
};

static bool takes(void *arg, const struct kist_container *c)
{
    KIST_AUTO(strv) struct kist_strv labels = {.v = NULL};
    const struct kist_filters *f = arg;
    const cJSON *label;

    cJSON_ArrayForEach(label, c->labels)
    {
        KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(LABEL_MAX);

        if (kist_buf_printf(&text, NULL, "%s=%s", label->string, cJSON_GetStringValue(label)) < 0 ||
            kist_strv_add(&labels, kist_buf_text(&text), NULL) < 0) {
            return false; /* who cannot tell takes nothing away */
        }
    }
    return (!f->has_until || c->created <= f->until) && kist_filters_labels(f, &labels);
}

static int prune_containers(struct kist_store *store, struct kist_filters *filters, uint64_t *freed, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv deleted = {.v = NULL};
    struct kist_engine engine = {.store = store};
    int rc = kist_container_prune(&engine, takes, filters, &deleted, freed, err);

    kist_pruning_list("Deleted Containers:", "", &deleted);
    (void)(deleted.n > 0 && printf("\n"));
    return rc;
}

static int run_containers(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct kist_filters filters;
    struct kist_store *store;
    uint64_t freed = 0;
    int rc = kist_filters_parse(&filters, &o->filters, "until label", err);

    (void)count;
    (void)operands;
    if (rc == 0 && !o->force) {
        rc = kist_pruning_confirm("container prune", "all stopped containers.", err);
    }
    if (rc == 0 && (rc = kist_app_store(app, false, &store, err)) == 0) {
        rc = prune_containers(store, &filters, &freed, err);
    } else if (rc == KIST_E_NOT_FOUND) {
        rc = 0; /* no store yet: nothing to remove */
    }
    if (rc == 0) {
        kist_pruning_total("Total reclaimed space", freed);
    }
    return rc;
}

static int prune_builder(const struct kist_app *app, struct kist_store *store, bool all, const struct kist_filters *filters,
                         uint64_t *freed, struct kist_error *err)
{
    KIST_AUTO(strv) struct kist_strv deleted = {.v = NULL};
    int rc = kist_pruning_builder(app, store, all, filters->has_until ? filters->until : 0, 0, &deleted, freed, err);

    kist_pruning_list("Deleted build cache objects:", "", &deleted);
    (void)(deleted.n > 0 && printf("\n"));
    return rc;
}

static int prune_system(struct kist_app *app, const struct options *o, struct kist_filters *filters, uint64_t *freed,
                        struct kist_error *err)
{
    const struct kist_pruning_images images = {.all = o->all, .filters = filters};
    struct kist_store_removed removed = {.freed = 0};
    struct kist_store *store;
    int rc = kist_app_store(app, false, &store, err);

    if (rc < 0) {
        return rc == KIST_E_NOT_FOUND ? 0 : rc;
    }
    rc = prune_containers(store, filters, freed, err);
    if (rc == 0 && o->volumes) {
        rc = kist_pruning_volumes(store, false, filters, freed, err);
    }
    if (rc == 0) {
        rc = kist_pruning_images(app, &images, store, &removed, err);
    }
    if (rc == 0 && removed.untagged.n + removed.deleted.n > 0) {
        (void)printf("Deleted Images:\n");
        kist_pruning_removed(&removed, "untagged: ", "deleted: ");
        (void)printf("\n");
    }
    *freed += removed.freed;
    kist_store_removed_release(&removed);
    return rc < 0 || filters->has_labels ? rc : prune_builder(app, store, o->all, filters, freed, err);
}

static int run_system(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct kist_filters filters;
    char warning[256];
    uint64_t freed = 0;
    int rc = kist_filters_parse(&filters, &o->filters, "until label", err);

    (void)count;
    (void)operands;
    if (rc == 0 && !o->force) {
        (void)snprintf(warning, sizeof(warning), "\n  - all stopped containers%s\n  - all %s\n  - %s build cache\n",
                       o->volumes ? "\n  - all anonymous volumes not used by at least one container" : "",
                       o->all ? "images without at least one container associated to them" : "dangling images",
                       o->all ? "all" : "unused");
        rc = kist_pruning_confirm("system prune", warning, err);
    }
    if (rc == 0) {
        rc = prune_system(app, o, &filters, &freed, err);
    }
    if (rc == 0) {
        kist_pruning_total("Total reclaimed space", freed);
    }
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("all", 'a', FLAG, struct options, all, NULL, "Also images with names, where no container uses them"),
    KIST_OPT("volumes", 0, FLAG, struct options, volumes, NULL, "Also anonymous volumes that no container uses"),
    KIST_OPT("filter", 0, LIST, struct options, filters, "KEY=VALUE", "until, label or label!"),
    KIST_OPT("force", 'f', FLAG, struct options, force, NULL, "Do not ask"),
    {.name = NULL},
};

#define SYSTEM_ONLY 2 /* rows at the front that 'container prune' has not */

const struct kist_command kist_cmd_container_prune = {
    .name = "container prune",
    .operands = "",
    .summary = "Remove the containers that do not run",
    .options = options + SYSTEM_ONLY,
    .options_size = sizeof(struct options),
    .flags = KIST_CMD_CONTAINERS,
    .run = run_containers,
};

const struct kist_command kist_cmd_system_prune = {
    .name = "system prune",
    .operands = "",
    .summary = "Remove all that nothing uses",
    .options = options,
    .options_size = sizeof(struct options),
    .flags = KIST_CMD_CONTAINERS,
    .run = run_system,
};
