#include <inttypes.h>
#include <stdio.h>

#include "cmd/pulling.h"

struct options {
    const char *platform, *progress;
    bool quiet, dry_run, json;
};

static const char *change_name(enum kist_store_change change)
{
    static const char *const names[] = {"unchanged", "downloaded", "updated"};

    return names[change];
}

static void print_evicted(const struct kist_store_removed *r)
{
    (void)printf("\"evicted\":[");
    for (size_t i = 0; i < r->untagged.n; i++) {
        (void)printf("%s\"%s\"", i > 0 ? "," : "", r->untagged.v[i]);
    }
    (void)printf("],\"evictedBytes\":%" PRIu64 "}\n", r->freed);
}

static void print_json(const struct kist_pull_plan *p, bool dry_run)
{
    char digest[KIST_DIGEST_TEXT_MAX], id[KIST_DIGEST_TEXT_MAX], platform[KIST_PLATFORM_TEXT_MAX];
    size_t missing = 0;

    for (size_t i = 0; i < p->layer_count; i++) {
        missing += p->layers[i].state == KIST_PULL_WAITING;
    }
    (void)printf("{\"name\":\"%s\",\"status\":\"%s\",\"digest\":\"%s\",\"image\":\"%s\",\"platform\":\"%s\","
                 "\"layers\":%zu,",
                 p->name, dry_run ? "planned" : change_name(p->change), kist_digest_text(digest, &p->source),
                 kist_digest_text(id, &p->config), kist_platform_text(platform, &p->platform), p->layer_count);
    if (dry_run) {
        (void)printf("\"layersToDownload\":%zu,\"download\":%" PRIu64 ",\"estimate\":%" PRIu64 ",\"bound\":%" PRIu64
                     ",\"peak\":%" PRIu64 ",",
                     missing, p->download_bytes, p->estimate_bytes, p->bound_bytes, p->peak_bytes);
        if (p->left_bytes != UINT64_MAX) {
            (void)printf("\"left\":%" PRIu64 ",", p->left_bytes);
        }
        (void)printf("\"mountMemory\":%" PRIu64 ",\"fits\":%s,", p->mount_bytes, p->fits ? "true" : "false");
    } else {
        (void)printf("\"received\":%" PRIu64 ",\"kept\":%" PRIu64 ",", p->received_bytes, p->kept_bytes);
    }
    print_evicted(&p->evicted);
}

static void print_plan(const struct kist_pull_plan *p)
{
    char size[KIST_STR_SIZE_MAX], kept[KIST_STR_SIZE_MAX], most[KIST_STR_SIZE_MAX], digest[KIST_DIGEST_TEXT_MAX];

    for (size_t i = 0; i < p->layer_count; i++) {
        (void)printf("%s  %-12s %s\n", kist_digest_text(digest, &p->layers[i].blob.digest),
                     p->layers[i].state == KIST_PULL_KEPT ? "kept" : "to download",
                     kist_str_size(size, p->layers[i].blob.size));
    }
    (void)printf("Would download %s and keep about %s, %s at most\n", kist_str_size(size, p->download_bytes),
                 kist_str_size(kept, p->estimate_bytes), kist_str_size(most, p->bound_bytes));
    if (p->left_bytes != UINT64_MAX) {
        (void)printf("Would take %s while it works; %s left\n", kist_str_size(size, p->peak_bytes),
                     kist_str_size(kept, p->left_bytes));
    }
    for (size_t i = 0; i < p->evicted.untagged.n; i++) {
        (void)printf("Would remove '%s' to make room\n", p->evicted.untagged.v[i]);
    }
    if (p->evicted.freed > 0) {
        (void)printf("Would free %s\n", kist_str_size(size, p->evicted.freed));
    }
    (void)printf("Mounted, its layers take about %s of the kernel's memory\n", kist_str_size(size, p->mount_bytes));
}

static void print_result(const struct kist_pull_plan *p)
{
    char received[KIST_STR_SIZE_MAX], kept[KIST_STR_SIZE_MAX], digest[KIST_DIGEST_TEXT_MAX];

    (void)printf("Digest: %s\nStatus: %s, %s received, %s kept\n%s\n", kist_digest_text(digest, &p->source),
                 change_name(p->change), kist_str_size(received, p->received_bytes),
                 kist_str_size(kept, p->kept_bytes), p->name);
}

static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    const char *progress = o->progress ? o->progress : o->quiet ? "none" : o->json ? "json" : "auto";
    struct kist_pull_plan plan;
    int rc;

    (void)count;
    rc = kist_pulling(app, operands[0], o->platform, o->dry_run && !o->progress ? "none" : progress, o->dry_run, &plan, err);
    if (rc == 0 || (o->dry_run && rc == KIST_E_NO_SPACE && plan.layers)) {
        if (o->json) {
            print_json(&plan, o->dry_run);
        } else if (o->quiet) {
            (void)printf("%s\n", plan.name);
        } else if (o->dry_run) {
            print_plan(&plan);
        } else {
            print_result(&plan);
        }
    }
    kist_pull_plan_release(&plan);
    return rc;
}

static const struct kist_option options[] = {
    KIST_OPT("platform", 0, TEXT, struct options, platform, "OS/ARCH[/VARIANT]", "Image for another platform"),
    KIST_OPT("quiet", 'q', FLAG, struct options, quiet, NULL, "Print only the image's name"),
    KIST_OPT("dry-run", 0, FLAG, struct options, dry_run, NULL, "Print what would be done, and do nothing"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print the result as a JSON object"),
    KIST_OPT("progress", 0, TEXT, struct options, progress, "MODE", "auto, plain, json or none, on standard error"),
    {.name = NULL},
};

const struct kist_command kist_cmd_pull = {
    .name = "pull",
    .operands = "REF",
    .summary = "Pull an image from a registry",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
