/* 'history': the steps an image was made by, the newest first. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cmd/cmd.h"
#include "cmd/columns.h"
#include "cmd/image_view.h"
#include "cmd/pulling.h"

#define SHOWN 45 /* bytes of a step, as Docker cuts it */

struct options {
    bool human, human_given, json, no_trunc, quiet;
    const char *format, *platform;
};

struct listing {
    const struct options *o;
    struct kist_store *store;
    const struct kist_image *image;
    cJSON *rows;
};

static int put_size(cJSON *row, const struct listing *l, const struct kist_digest *diff_id, struct kist_error *err)
{
    char text[KIST_STR_SIZE_MAX], digest[KIST_DIGEST_TEXT_MAX];
    struct port_file *file;
    uint64_t bytes = 0;
    int rc = 0;

    if (diff_id && (rc = kist_store_layer_open(l->store, diff_id, &file, err)) == 0) {
        rc = port_file_size(file, &bytes, err);
        port_file_discard(file);
    }
    rc = rc < 0 ? rc : kist_json_put_string(row, "LayerID", diff_id ? kist_digest_text(digest, diff_id) : "", err);
    rc = rc < 0 ? rc : kist_json_put_u64(row, "Bytes", bytes, err);
    if (l->o->human_given && !l->o->human) {
        (void)!kist_str_format(text, sizeof(text), "%llu", (unsigned long long)bytes);
    } else {
        (void)kist_str_size(text, bytes);
    }
    return rc < 0 ? rc : kist_json_put_string(row, "Size", text, err);
}

/* In one line, and not longer than others. */
static int put_step(cJSON *row, const char *text, bool whole, struct kist_error *err)
{
    KIST_AUTO(free) char *line = strdup(text ? text : "");
    size_t cut = SHOWN - 1;

    if (!line) {
        return kist_error_nomem(err);
    }
    (void)kist_str_disarm(line);
    if (whole || strlen(line) <= SHOWN) {
        return kist_json_put_string(row, "CreatedBy", line, err);
    }
    while (cut > 0 && ((unsigned char)line[cut] & 0xc0) == 0x80) {
        cut--; /* not within a character */
    }
    KIST_AUTO(buf) struct kist_buf shown = KIST_BUF_INIT(2 * SHOWN);
    int rc = kist_buf_printf(&shown, err, "%.*s\xe2\x80\xa6", (int)cut, line);

    return rc < 0 ? rc : kist_json_put_string(row, "CreatedBy", shown.data, err);
}

static int put_id(cJSON *row, const struct listing *l, bool top, struct kist_error *err)
{
    char id[KIST_DIGEST_TEXT_MAX] = "<missing>";

    if (top && l->o->no_trunc) {
        (void)kist_digest_text(id, &l->image->config);
    } else if (top) {
        (void)kist_image_short_id(id, &l->image->config);
    }
    return kist_json_put_string(row, "ID", id, err);
}

/* step may be NULL: nothing is known of it. diff_id NULL: it made no layer. */
static int add_row(struct listing *l, const cJSON *step, const struct kist_digest *diff_id, bool top, struct kist_error *err)
{
    const char *comment = kist_json_string(step, "comment"), *at = kist_json_string(step, "created");
    KIST_AUTO(json) cJSON *row = cJSON_CreateObject();
    char when[KIST_STR_TIME_MAX];
    int64_t created = 0;
    int rc = row ? put_id(row, l, top, err) : kist_error_nomem(err);

    if (!at || !kist_str_time(at, &created)) {
        created = 0;
    }
    rc = rc < 0 ? rc : kist_image_times(row, created, err);
    if (rc == 0 && l->o->human_given && !l->o->human) {
        cJSON_DeleteItemFromObjectCaseSensitive(row, "CreatedSince");
        rc = kist_json_put_string(row, "CreatedSince", created > 0 ? kist_str_rfc3339(when, created) : "N/A", err);
    }
    rc = rc < 0 ? rc : put_step(row, kist_json_string(step, "created_by"), l->o->no_trunc, err);
    rc = rc < 0 ? rc : put_size(row, l, diff_id, err);
    rc = rc < 0 ? rc : kist_json_put_string(row, "Comment", comment ? comment : "", err);
    if (rc == 0 && !cJSON_InsertItemInArray(l->rows, 0, row)) {
        return kist_error_nomem(err);
    }
    row = rc == 0 ? NULL : row;
    return rc;
}

/* Of how many layers the steps tell. */
static size_t count_told(const cJSON *list)
{
    const cJSON *step;
    size_t told = 0;

    cJSON_ArrayForEach(step, list)
    {
        told += !kist_json_bool(step, "empty_layer", false);
    }
    return told;
}

static int add_rows(struct listing *l, struct kist_error *err)
{
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(KIST_MAX_CONFIG);
    KIST_AUTO(json) cJSON *config = NULL;
    const size_t count = l->image->layer_count;
    const cJSON *list, *step;
    size_t layer = 0, told;
    int rc = kist_store_blob(l->store, &l->image->config, &text, err);

    rc = rc < 0 ? rc : kist_json_parse(&config, kist_buf_text(&text), text.len, "config", err);
    list = rc < 0 ? NULL : kist_json_array(config, "history");
    told = KIST_MIN(count_told(list), count);
    for (; rc == 0 && layer < count - told; layer++) { /* what is below was made by nobody knows whom */
        rc = add_row(l, NULL, &l->image->diff_ids[layer], layer + 1 == count && cJSON_GetArraySize(list) == 0, err);
    }
    cJSON_ArrayForEach(step, list)
    {
        const bool empty = kist_json_bool(step, "empty_layer", false) || layer == count;

        rc = rc < 0 ? rc : add_row(l, step, empty ? NULL : &l->image->diff_ids[layer], !step->next, err);
        layer += !empty;
    }
    return rc;
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    static const struct kist_column columns[] = {
        {"IMAGE", "ID"}, {"CREATED", "CreatedSince"}, {"CREATED BY", "CreatedBy"}, {"SIZE", "Size"}, {"COMMENT", "Comment"},
    };
    KIST_AUTO(image_list) struct kist_image_list images = {.v = NULL};
    const struct options *o = values;
    const struct kist_rows_options rows_options = {o->json, o->quiet, o->format, "ID"};
    KIST_AUTO(json) cJSON *rows = cJSON_CreateArray();
    struct listing l = {.o = o, .rows = rows};
    struct kist_platform platform;
    bool aarch32;
    int rc = rows ? kist_app_store(app, false, &l.store, err) : kist_error_nomem(err);

    (void)count;
    rc = rc < 0 ? rc : kist_store_images(l.store, &images, err);
    rc = rc < 0 || !o->platform ? rc : kist_pulling_platform(app, o->platform, &platform, &aarch32, err);
    rc = rc < 0 ? rc : kist_image_list_find(&images, operands[0], o->platform ? &platform : NULL, &l.image, err);
    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, rc, "no such image: '%s'", operands[0]);
    }
    rc = rc < 0 ? rc : add_rows(&l, err);
    return rc < 0 ? rc : kist_rows_print(&rows_options, columns, KIST_COUNT(columns), rows, err);
}

static const struct kist_option options[] = {
    KIST_OPT("format", 0, TEXT, struct options, format, "TEMPLATE", "Print each step by a Go template"),
    {.name = "human", .letter = 'H', .type = KIST_OPTION_FLAG, .offset = offsetof(struct options, human),
     .help = "Sizes and times for people (default true)", .given = offsetof(struct options, human_given)},
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object a line"),
    KIST_OPT("no-trunc", 0, FLAG, struct options, no_trunc, NULL, "Print whole IDs and steps"),
    KIST_OPT("platform", 0, TEXT, struct options, platform, "OS/ARCH[/VARIANT]", "Of the image for another platform"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Print only IDs"),
    {.name = NULL},
};

const struct kist_command kist_cmd_history = {
    .name = "history",
    .operands = "IMAGE",
    .summary = "List the steps an image was made by",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
