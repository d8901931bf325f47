/* 'inspect' of containers and images, and 'image inspect' of images alone. */
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/columns.h"
#include "cmd/container_view.h"
#include "cmd/image_view.h"
#include "container/container.h"

struct options {
    const char *format;
    const char *type; /* NULL: either */
};

/* Everything that may be asked for. */
struct kept {
    struct kist_store *store; /* NULL: there is no store yet */
    struct kist_image_list images;
    struct kist_container_list containers;
    const char *what; /* is meant: "container", "image", or both */
};

static int load(struct kist_app *app, struct kept *k, struct kist_error *err)
{
    int rc = kist_app_store(app, false, &k->store, err);

    if (rc == KIST_E_NOT_FOUND) {
        return 0;
    }
    if (rc == 0 && strstr(k->what, "image")) {
        rc = kist_store_images(k->store, &k->images, err);
    }
    if (rc == 0 && strstr(k->what, "container")) {
        struct kist_engine engine = {.store = k->store, .run = NULL};

        rc = kist_container_list(&engine, &k->containers, err);
    }
    return rc;
}

static int details_of(const struct kept *k, const char *text, cJSON **details, struct kist_error *err)
{
    const struct kist_container *container;
    const struct kist_image *image;
    int rc = kist_container_list_find(&k->containers, text, &container, err);

    if (rc == 0) {
        const struct kist_engine engine = {.store = k->store};

        return kist_container_details(&engine, container, details, err);
    }
    if (rc != KIST_E_NOT_FOUND) {
        return rc;
    }
    rc = kist_image_list_find(&k->images, text, NULL, &image, err);
    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, rc, "no such %s: '%s'", k->what, text);
    }
    return rc == 0 ? kist_image_details(k->store, &k->images, image, details, err) : rc;
}

/* What was found is printed even when something else was not, as Docker does. */
static int inspect(struct kist_app *app, const struct options *o, const char *what, int count, char **operands,
                   struct kist_error *err)
{
    KIST_AUTO(json) cJSON *all = cJSON_CreateArray();
    struct kept kept = {.what = what};
    struct kist_error missing;
    int rc = all ? load(app, &kept, err) : kist_error_nomem(err), failed = 0;

    for (int i = 0; rc == 0 && i < count; i++) {
        cJSON *details = NULL;
        int found = details_of(&kept, operands[i], &details, &missing);

        if (found == 0) {
            rc = kist_json_append(all, details, err);
        } else if (failed == 0) {
            failed = found;
            *err = missing;
        } else {
            kist_app_complain(&missing);
        }
    }
    if (rc == 0) {
        struct kist_error bad_format;

        rc = kist_details_print(all, o->format, &bad_format);
        if (rc < 0) {
            *err = bad_format;
        }
    }
    kist_image_list_release(&kept.images);
    kist_container_list_release(&kept.containers);
    return rc < 0 ? rc : failed;
}

static int run_any(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;

    if (o->type && strcmp(o->type, "container") != 0 && strcmp(o->type, "image") != 0) {
        return kist_error_set(err, KIST_E_USAGE, "'%s' is not a valid value for --type (container, image)", o->type);
    }
    return inspect(app, o, o->type ? o->type : "container or image", count, operands, err);
}

static int run_image(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    return inspect(app, values, "image", count, operands, err);
}

#define FORMAT KIST_OPT("format", 'f', TEXT, struct options, format, "TEMPLATE", "Print by a Go template")

static const struct kist_option image_options[] = {
    FORMAT,
    {.name = NULL},
};

static const struct kist_option options[] = {
    FORMAT,
    KIST_OPT("type", 0, TEXT, struct options, type, "TYPE", "Only a container, or an image"),
    {.name = NULL},
};

const struct kist_command kist_cmd_inspect = {
    .name = "inspect",
    .operands = "NAME|ID [NAME|ID...]",
    .summary = "Print all that is known of containers or images, as JSON",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = -1,
    .flags = KIST_CMD_CONTAINERS,
    .run = run_any,
};

const struct kist_command kist_cmd_image_inspect = {
    .name = "image inspect",
    .operands = "IMAGE [IMAGE...]",
    .summary = "Print all that is known of images, as JSON",
    .options = image_options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = -1,
    .run = run_image,
};
