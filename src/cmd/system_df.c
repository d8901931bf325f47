#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/columns.h"
#include "cmd/container_view.h"
#include "cmd/image_view.h"
#include "store/steps.h"


struct options {
    bool verbose, json;
    const char *format;
};

/* One row of the summary. */
struct kind {
    const char *name;
    uint64_t total, active, bytes, reclaimable;
};

enum { IMAGES, CONTAINERS, VOLUMES, CACHE, KINDS };

struct df {
    struct kist_store *store;
    bool verbose;
    struct kist_image_list images;
    struct kist_container_list containers;
    struct kist_store_volume_list volumes;
    struct kind kinds[KINDS];
    uint64_t steps; /* bytes of layers that only the build cache needs */
    cJSON *rows[KINDS]; /* of -v, in details */
    cJSON *details;
};

static int put_size(cJSON *row, const char *name, uint64_t bytes, struct kist_error *err)
{
    char text[KIST_STR_SIZE_MAX];

    return kist_json_put_string(row, name, kist_str_size(text, bytes), err);
}

static int put_count(cJSON *row, const char *name, uint64_t count, struct kist_error *err)
{
    char text[24];

    return kist_json_put_string(row, name, kist_str_format(text, sizeof(text), "%" PRIu64, count) ? text : "", err);
}

/* ---- what there is ---- */

static uint64_t users(const struct df *d, const struct kist_digest *id)
{
    uint64_t n = 0;

    for (size_t i = 0; i < d->containers.n; i++) {
        n += kist_digest_equal(&d->containers.v[i].image, id);
    }
    return n;
}

/* Names of one image ID are one image. */
static bool is_first(const struct kist_image_list *list, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (kist_digest_equal(&list->v[i].config, &list->v[index].config)) {
            return false;
        }
    }
    return true;
}

/* What 'image prune -a' would free; on a filesystem that is read-only, nothing. */
static int find_reclaimable(struct df *d, bool keep_previous, struct kist_error *err)
{
    const struct kist_store_prune options = {.all = true, .keep_previous = keep_previous, .dry_run = true};
    struct kist_store_removed removed;
    int rc = kist_store_prune(d->store, &options, &removed, err);

    d->kinds[IMAGES].reclaimable = removed.freed;
    kist_store_removed_release(&removed);
    return rc == KIST_E_IO ? 0 : rc;
}

static int add_images(struct df *d, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < d->images.n && rc == 0; i++) {
        const struct kist_image *image = &d->images.v[i];
        uint64_t used = users(d, &image->config);
        cJSON *row = NULL;

        if (image->place) {
            continue; /* takes nothing here */
        }
        if (is_first(&d->images, i)) {
            d->kinds[IMAGES].total++;
            d->kinds[IMAGES].active += used > 0;
        }
        if (!d->verbose) {
            continue;
        }
        rc = kist_image_row(image, false, &row, err);
        rc = rc < 0 ? rc : kist_json_append(d->rows[IMAGES], row, err);
        rc = rc < 0 ? rc : put_count(row, "Containers", used, err);
    }
    return rc;
}

static uint64_t volumes_of(const struct df *d, const struct kist_container *c)
{
    const char *name = c->name[0] ? c->name : c->id; /* as volumes name their users */
    uint64_t n = 0;

    for (size_t i = 0; i < d->volumes.n; i++) {
        for (size_t k = 0; k < d->volumes.v[i].users.n; k++) {
            n += strcmp(d->volumes.v[i].users.v[k], name) == 0;
        }
    }
    return n;
}

static int add_container(void *arg, const char *name, uint64_t bytes, struct kist_error *err)
{
    struct df *d = arg;
    cJSON *row = NULL;
    int rc = 0;

    for (size_t i = 0; i < d->containers.n && rc == 0; i++) {
        const struct kist_container *c = &d->containers.v[i];
        bool runs = c->status == KIST_CONTAINER_RUNNING;

        if (strcmp(c->id, name) == 0) {
            d->kinds[CONTAINERS].total++;
            d->kinds[CONTAINERS].active += runs;
            d->kinds[CONTAINERS].reclaimable += runs ? 0 : bytes;
            rc = kist_container_row(c, false, &row, err);
            rc = rc < 0 ? rc : kist_json_append(d->rows[CONTAINERS], row, err);
            rc = rc < 0 ? rc : put_count(row, "LocalVolumes", volumes_of(d, c), err);
            rc = rc < 0 ? rc : put_size(row, "Size", bytes, err);
            rc = rc < 0 ? rc : kist_json_put_u64(row, "Bytes", bytes, err);
        }
    }
    return rc;
}

static int add_volume(void *arg, const char *name, uint64_t bytes, struct kist_error *err)
{
    struct df *d = arg;
    const struct kist_store_volume *volume = kist_store_volume_find(&d->volumes, name);
    cJSON *row = cJSON_CreateObject();
    int rc = kist_json_append(d->rows[VOLUMES], row, err);

    d->kinds[VOLUMES].total++;
    d->kinds[VOLUMES].active += volume && volume->users.n > 0;
    d->kinds[VOLUMES].reclaimable += volume && volume->users.n > 0 ? 0 : bytes;
    rc = rc < 0 ? rc : put_count(row, "Links", volume ? volume->users.n : 0, err);
    rc = rc < 0 ? rc : kist_json_put_string(row, "Name", name, err);
    rc = rc < 0 ? rc : put_size(row, "Size", bytes, err);
    return rc < 0 ? rc : kist_json_put_u64(row, "Bytes", bytes, err);
}

static int add_cache(void *arg, const char *name, uint64_t bytes, struct kist_error *err)
{
    struct df *d = arg;
    cJSON *row = cJSON_CreateObject();
    int rc = kist_json_append(d->rows[CACHE], row, err);

    d->kinds[CACHE].total++;
    d->kinds[CACHE].reclaimable += bytes;
    rc = rc < 0 ? rc : kist_json_put_string(row, "ID", name, err);
    rc = rc < 0 ? rc : put_size(row, "Size", bytes, err);
    return rc < 0 ? rc : kist_json_put_u64(row, "Bytes", bytes, err);
}

/* Steps of builds: their layers are the cache's where no image has them. */
static int add_steps(struct df *d, struct kist_error *err)
{
    KIST_AUTO(store_step_list) struct kist_store_step_list steps = {.v = NULL};
    char hex[KIST_DIGEST_HEX_MAX];
    int rc = kist_store_steps(d->store, &steps, err);

    for (size_t i = 0; i < steps.n && rc == 0; i++) {
        const struct kist_store_step *step = &steps.v[i];
        cJSON *row = cJSON_CreateObject();

        d->kinds[CACHE].total++;
        d->kinds[CACHE].active += step->needed;
        d->kinds[CACHE].reclaimable += step->needed ? 0 : step->bytes;
        d->steps += step->needed ? 0 : step->bytes;
        rc = kist_json_append(d->rows[CACHE], row, err);
        rc = rc < 0 ? rc : kist_json_put_string(row, "ID", kist_digest_hex(hex, &step->key), err);
        rc = rc < 0 ? rc : kist_json_put_string(row, "Description", step->text, err);
        rc = rc < 0 ? rc : kist_json_put_bool(row, "InUse", step->needed, err);
        rc = rc < 0 ? rc : put_size(row, "Size", step->bytes, err);
        rc = rc < 0 ? rc : kist_json_put_u64(row, "Bytes", step->bytes, err);
    }
    return rc == KIST_E_IO ? 0 : rc; /* a filesystem that is read-only: no lock is to be had */
}

static int find_all(struct df *d, bool keep_previous, struct kist_error *err)
{
    struct kist_engine engine = {.store = d->store};
    struct kist_store_usage usage;
    int rc = kist_store_images(d->store, &d->images, err);

    rc = rc < 0 ? rc : kist_container_list(&engine, &d->containers, err);
    rc = rc < 0 ? rc : kist_store_volumes(d->store, &d->volumes, err);
    rc = rc < 0 ? rc : add_images(d, err);
    rc = rc < 0 ? rc : kist_store_usage_each(d->store, "containers", add_container, d, err);
    rc = rc < 0 ? rc : kist_store_usage_each(d->store, "volumes", add_volume, d, err);
    rc = rc < 0 ? rc : kist_store_usage_each(d->store, "cache", add_cache, d, err);
    rc = rc < 0 ? rc : add_steps(d, err);
    rc = rc < 0 ? rc : find_reclaimable(d, keep_previous, err);
    rc = rc < 0 ? rc : kist_store_usage(d->store, &usage, err);
    if (rc == 0) {
        d->kinds[CONTAINERS].bytes = usage.containers;
        d->kinds[VOLUMES].bytes = usage.volumes;
        d->kinds[CACHE].bytes = usage.cache + d->steps;
        /* the store's own files are there for the images: so the sum is what du says */
        d->kinds[IMAGES].bytes = usage.total - usage.containers - usage.volumes - d->kinds[CACHE].bytes;
    }
    return rc;
}

/* ---- how it is told ---- */

static int summary(const struct df *d, cJSON *rows, struct kist_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < KINDS && rc == 0; i++) {
        const struct kind *k = &d->kinds[i];
        char size[KIST_STR_SIZE_MAX], share[KIST_STR_SIZE_MAX + 16];
        uint64_t percent = k->bytes > 0 ? KIST_MIN(k->reclaimable, k->bytes) * 100 / k->bytes : 0;
        cJSON *row = cJSON_CreateObject();

        (void)kist_str_size(size, k->reclaimable);
        if (!kist_str_format(share, sizeof(share), i == CACHE ? "%s" : "%s (%" PRIu64 "%%)", size, percent)) {
            share[0] = '\0';
        }
        if ((rc = kist_json_append(rows, row, err)) == 0 &&
            (rc = kist_json_put_string(row, "Type", k->name, err)) == 0 &&
            (rc = put_count(row, "TotalCount", k->total, err)) == 0 &&
            (rc = put_count(row, "Active", k->active, err)) == 0 &&
            (rc = put_size(row, "Size", k->bytes, err)) == 0 &&
            (rc = kist_json_put_string(row, "Reclaimable", share, err)) == 0 &&
            (rc = kist_json_put_u64(row, "Bytes", k->bytes, err)) == 0) {
            rc = kist_json_put_u64(row, "ReclaimableBytes", k->reclaimable, err);
        }
    }
    return rc;
}

static const struct kist_column summary_columns[] = {
    {"TYPE", "Type"}, {"TOTAL", "TotalCount"}, {"ACTIVE", "Active"}, {"SIZE", "Size"}, {"RECLAIMABLE", "Reclaimable"}};
static const struct kist_column image_columns[] = {
    {"REPOSITORY", "Repository"}, {"TAG", "Tag"},   {"IMAGE ID", "ID"},
    {"CREATED", "CreatedSince"},  {"SIZE", "Size"}, {"SHARED SIZE", "SharedSize"},
    {"UNIQUE SIZE", "UniqueSize"}, {"CONTAINERS", "Containers"},
};
static const struct kist_column container_columns[] = {
    {"CONTAINER ID", "ID"}, {"IMAGE", "Image"}, {"COMMAND", "Command"}, {"LOCAL VOLUMES", "LocalVolumes"}, {"SIZE", "Size"},
    {"CREATED", "RunningFor"}, {"STATUS", "Status"}, {"NAMES", "Names"},
};
static const struct kist_column volume_columns[] = {{"VOLUME NAME", "Name"}, {"LINKS", "Links"}, {"SIZE", "Size"}};

static int print_details(const struct df *d, struct kist_error *err)
{
    char size[KIST_STR_SIZE_MAX];
    int rc;

    (void)printf("Images space usage:\n\n");
    rc = kist_columns_print(image_columns, KIST_COUNT(image_columns), d->rows[IMAGES], err);
    if (rc == 0) {
        (void)printf("\nContainers space usage (measured; nothing limits it):\n\n");
        rc = kist_columns_print(container_columns, KIST_COUNT(container_columns), d->rows[CONTAINERS], err);
    }
    if (rc == 0) {
        (void)printf("\nLocal Volumes space usage:\n\n");
        rc = kist_columns_print(volume_columns, KIST_COUNT(volume_columns), d->rows[VOLUMES], err);
    }
    if (rc == 0) {
        (void)printf("\nBuild cache usage: %s\n", kist_str_size(size, d->kinds[CACHE].bytes));
    }
    return rc;
}

static int print(const struct df *d, const struct options *o, struct kist_error *err)
{
    const struct kist_rows_options rows_options = {.json = o->json, .format = o->format};
    KIST_AUTO(json) cJSON *rows = cJSON_CreateArray();
    int rc;

    if (!rows) {
        return kist_error_nomem(err);
    }
    if (o->verbose && !o->json && !o->format) {
        return print_details(d, err);
    }
    if (o->verbose) {
        rc = kist_json_append(rows, cJSON_Duplicate(d->details, true), err);
    } else {
        rc = summary(d, rows, err);
    }
    return rc < 0 ? rc : kist_rows_print(&rows_options, summary_columns, KIST_COUNT(summary_columns), rows, err);
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    static const char *const names[KINDS] = {"Images", "Containers", "Volumes", "BuildCache"};
    KIST_AUTO(json) cJSON *details = cJSON_CreateObject();
    struct df d = {
        .verbose = ((const struct options *)values)->verbose,
        .details = details,
        .kinds = {{.name = "Images"}, {.name = "Containers"}, {.name = "Local Volumes"}, {.name = "Build Cache"}},
    };
    int rc = 0;

    (void)count;
    (void)operands;
    for (size_t i = 0; i < KINDS && rc == 0; i++) {
        d.rows[i] = cJSON_AddArrayToObject(details, names[i]);
        rc = d.rows[i] ? 0 : kist_error_nomem(err);
    }
    if (rc == 0 && (rc = kist_app_store(app, false, &d.store, err)) == 0) {
        rc = find_all(&d, app->settings.keep_previous, err);
    } else if (rc == KIST_E_NOT_FOUND) {
        rc = 0; /* no store yet: nothing takes anything */
    }
    rc = rc < 0 ? rc : print(&d, values, err);
    kist_image_list_release(&d.images);
    kist_container_list_release(&d.containers);
    kist_store_volume_list_release(&d.volumes);
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("verbose", 'v', FLAG, struct options, verbose, NULL, "Print each image, container and volume"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object a line"),
    KIST_OPT("format", 0, TEXT, struct options, format, "TEMPLATE", "Print each row by a Go template"),
    {.name = NULL},
};

const struct kist_command kist_cmd_system_df = {
    .name = "system df",
    .operands = "",
    .summary = "Print what images, containers and volumes take",
    .options = options,
    .options_size = sizeof(struct options),
    .flags = KIST_CMD_CONTAINERS,
    .run = run,
};
