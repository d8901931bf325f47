#include "cmd/pruning.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int kist_pruning_confirm(const char *what, const char *warning, struct kist_error *err)
{
    char answer[8] = "";

    if (!isatty(STDIN_FILENO)) {
        return 0;
    }
    (void)fprintf(stderr, "WARNING! This will remove %s\nAre you sure you want to continue? [y/N] ", warning);
    if (!fgets(answer, sizeof(answer), stdin) || (answer[0] != 'y' && answer[0] != 'Y')) {
        return kist_error_set(err, KIST_E_FAIL, "%s has been cancelled", what);
    }
    return 0;
}

void kist_pruning_list(const char *title, const char *prefix, const struct kist_strv *lines)
{
    if (lines->n > 0 && title) {
        (void)printf("%s\n", title);
    }
    for (size_t i = 0; i < lines->n; i++) {
        (void)printf("%s%s\n", prefix, lines->v[i]);
    }
}

void kist_pruning_total(const char *title, uint64_t bytes)
{
    char size[KIST_STR_SIZE_MAX];

    (void)printf("%s: %s\n", title, kist_str_size(size, bytes));
}

void kist_pruning_removed(const struct kist_store_removed *removed, const char *untagged, const char *deleted)
{
    char text[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference ref;

    for (size_t i = 0; i < removed->untagged.n; i++) {
        bool parsed = kist_reference_parse(&ref, removed->untagged.v[i], NULL) == 0;

        (void)printf("%s%s\n", untagged, parsed ? kist_reference_familiar(text, &ref) : removed->untagged.v[i]);
    }
    kist_pruning_list(NULL, deleted, &removed->deleted);
}

static void print_list(const char *name, const struct kist_strv *list)
{
    (void)printf("\"%s\":[", name);
    for (size_t i = 0; i < list->n; i++) {
        (void)printf("%s\"%s\"", i > 0 ? "," : "", list->v[i]);
    }
    (void)printf("],");
}

void kist_pruning_json(const struct kist_store_removed *removed)
{
    (void)printf("{");
    print_list("untagged", &removed->untagged);
    print_list("deleted", &removed->deleted);
    (void)printf("\"freed\":%llu}\n", (unsigned long long)removed->freed);
}

struct taking {
    const struct kist_filters *filters;
    struct kist_store *store;
};

static int takes(void *arg, const struct kist_image *image, struct kist_error *err)
{
    const struct taking *t = arg;

    return kist_filters_image(t->filters, t->store, NULL, image, err);
}

int kist_pruning_images(struct kist_app *app, const struct kist_pruning_images *images, struct kist_store *store,
                        struct kist_store_removed *removed, struct kist_error *err)
{
    struct taking taking = {images->filters, store};
    const struct kist_store_prune options = {
        .all = images->filters->has_dangling ? !images->filters->dangling : images->all,
        .keep_previous = app->settings.keep_previous,
        .dry_run = images->dry_run,
        .keep = images->keep,
        .target_free = images->target_free,
        .takes = takes,
        .arg = &taking,
    };
    char target[KIST_STR_SIZE_MAX], missing[KIST_STR_SIZE_MAX];
    int rc = kist_store_prune(store, &options, removed, err);

    if (rc < 0 || removed->missing == 0) {
        return rc;
    }
    return kist_error_set(err, KIST_E_NO_SPACE, "%s are not to be had: %s short, and no other image may go%s",
                          kist_str_size(target, images->target_free), kist_str_size(missing, removed->missing),
                          options.all ? "" : " (try --all)");
}
