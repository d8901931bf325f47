#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/image_view.h"
#include "cmd/pulling.h"
#include "cmd/remote.h"
#include "transfer/repair.h"

struct options {
    bool deep, repair, json;
};

static const char *kind_name(enum kist_damage_kind kind)
{
    static const char *const names[] = {"index", "blob", "layer"};

    return names[kind];
}

/* An image's name, else its short ID. */
static const char *image_label(char label[KIST_REFERENCE_TEXT_MAX], const struct kist_image *image)
{
    struct kist_reference ref;

    if (image->name && kist_reference_parse(&ref, image->name, NULL) == 0) {
        return kist_reference_familiar(label, &ref);
    }
    return kist_image_short_id(label, &image->config);
}

static bool is_hurt(const struct kist_damage *damage, const struct kist_image *image)
{
    return damage->all || kist_damage_hurts(damage, image);
}

static void print_event(const struct kist_damage *damage, const struct kist_image_list *images, int rc,
                        const struct kist_error *err)
{
    char digest[KIST_DIGEST_TEXT_MAX], label[KIST_REFERENCE_TEXT_MAX];
    const char *before = "  hurts: ";

    if (damage->kind == KIST_DAMAGE_INDEX) {
        (void)printf("index.json: %s\n", damage->why);
    } else {
        (void)printf("%s '%s': %s\n", kind_name(damage->kind), kist_digest_text(digest, &damage->digest), damage->why);
    }
    for (size_t i = 0; i < images->n; i++) {
        if (is_hurt(damage, &images->v[i])) {
            (void)printf("%s%s", before, image_label(label, &images->v[i]));
            before = ", ";
        }
    }
    (void)printf("%s", before[0] == ',' ? "\n" : "");
    if (rc == 1) {
        (void)printf("  repaired\n");
    } else if (rc < 0) {
        (void)printf("  not repaired: %s\n", err->message);
    }
}

static int make_row(const struct kist_damage *damage, const struct kist_image_list *images, int rc,
                    const struct kist_error *why, cJSON *row, struct kist_error *err)
{
    char digest[KIST_DIGEST_TEXT_MAX], label[KIST_REFERENCE_TEXT_MAX];
    cJSON *hurt = cJSON_CreateArray();
    int done;

    if ((done = kist_json_put(row, "hurts", hurt, err)) < 0 ||
        (done = kist_json_put_string(row, "kind", kind_name(damage->kind), err)) < 0 ||
        (!damage->all &&
         (done = kist_json_put_string(row, "digest", kist_digest_text(digest, &damage->digest), err)) < 0) ||
        (done = kist_json_put_string(row, "problem", damage->why, err)) < 0 ||
        (done = kist_json_put_bool(row, "repaired", rc == 1, err)) < 0) {
        return done;
    }
    for (size_t i = 0; i < images->n && done == 0; i++) {
        if (is_hurt(damage, &images->v[i])) {
            done = kist_json_append(hurt, cJSON_CreateString(image_label(label, &images->v[i])), err);
        }
    }
    return rc < 0 && done == 0 ? kist_json_put_string(row, "reason", why->message, err) : done;
}

static void print_event_json(const struct kist_damage *damage, const struct kist_image_list *images, int rc,
                             const struct kist_error *why)
{
    KIST_AUTO(json) cJSON *row = cJSON_CreateObject();
    KIST_AUTO(buf) struct kist_buf text = KIST_BUF_INIT(1U << 20);
    struct kist_error err = {.code = KIST_E_NOMEM, .message = "out of memory"};

    if (!row || make_row(damage, images, rc, why, row, &err) < 0 || kist_json_print(row, false, &text, &err) < 0) {
        kist_app_complain(&err);
        return;
    }
    (void)printf("%s\n", kist_buf_text(&text));
}

static void on_event(void *arg, const struct kist_damage *damage, const struct kist_image_list *images, int rc,
                     const struct kist_error *err)
{
    const struct options *o = arg;

    o->json ? print_event_json(damage, images, rc, err) : print_event(damage, images, rc, err);
}

static void print_result(const struct kist_repair_result *r, bool json)
{
    char size[KIST_STR_SIZE_MAX];

    if (json) {
        (void)printf("{\"images\":%" PRIu64 ",\"layers\":%" PRIu64 ",\"blobs\":%" PRIu64 ",\"bytes\":%" PRIu64
                     ",\"damaged\":%" PRIu64 ",\"repaired\":%" PRIu64 "}\n",
                     r->images, r->layers, r->blobs, r->bytes, r->damaged, r->repaired);
        return;
    }
    (void)printf("Checked: %" PRIu64 " images, %" PRIu64 " layers, %" PRIu64 " blobs, %s\n", r->images, r->layers,
                 r->blobs, kist_str_size(size, r->bytes));
    (void)printf("Damaged: %" PRIu64 ", repaired: %" PRIu64 "\n", r->damaged, r->repaired);
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct options copy = *o;
    struct kist_repair_options options = {.deep = o->deep, .repair = o->repair, .event = on_event, .event_arg = &copy};
    struct kist_repair_result result;
    struct kist_store *store;
    int rc = kist_app_store(app, false, &store, err);

    (void)count;
    (void)operands;
    if (rc < 0) {
        return rc;
    }
    kist_pulling_layer(&app->settings, &options.layer);
    rc = kist_remote_options(app, &options.registry, err);
    if (rc < 0) {
        return rc;
    }
    kist_app_catch_signals();
    rc = kist_repair(store, &options, &result, err);
    kist_app_release_signals();
    if (rc < 0) {
        return rc;
    }
    print_result(&result, o->json);
    if (result.repaired == result.damaged) {
        return 0;
    }
    return kist_error_set(err, KIST_E_CORRUPT, "store '%s' is damaged in %" PRIu64 " places%s", kist_store_root(store),
                          result.damaged - result.repaired,
                          o->repair ? "" : " (try 'kist system check --repair')");
}

static const struct kist_option options[] = {
    KIST_OPT("deep", 0, FLAG, struct options, deep, NULL, "Also give back the tar of each layer and compare its digest"),
    KIST_OPT("repair", 0, FLAG, struct options, repair, NULL, "Fetch again what is damaged, and only that"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object a line"),
    {.name = NULL},
};

const struct kist_command kist_cmd_check = {
    .name = "system check",
    .operands = "",
    .summary = "Verify all that is kept, and repair what is damaged",
    .options = options,
    .options_size = sizeof(struct options),
    .run = run,
};
