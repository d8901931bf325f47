#include <stdio.h>

#include "cmd/cmd.h"

struct options {
    bool force, json;
};

static void print_removed(const struct kist_store_removed *r)
{
    char text[KIST_REFERENCE_TEXT_MAX];
    struct kist_reference ref;

    for (size_t i = 0; i < r->untagged.n; i++) {
        bool parsed = kist_reference_parse(&ref, r->untagged.v[i], NULL) == 0;

        (void)printf("Untagged: %s\n", parsed ? kist_reference_familiar(text, &ref) : r->untagged.v[i]);
    }
    for (size_t i = 0; i < r->deleted.n; i++) {
        (void)printf("Deleted: %s\n", r->deleted.v[i]);
    }
}

static void print_list(const char *name, const struct kist_strv *list)
{
    (void)printf("\"%s\":[", name);
    for (size_t i = 0; i < list->n; i++) {
        (void)printf("%s\"%s\"", i > 0 ? "," : "", list->v[i]);
    }
    (void)printf("],");
}

static void print_json(const struct kist_store_removed *r)
{
    (void)printf("{");
    print_list("untagged", &r->untagged);
    print_list("deleted", &r->deleted);
    (void)printf("\"freed\":%llu}\n", (unsigned long long)r->freed);
}

/* Every operand is tried; the first failure is the command's, with --force not one that finds nothing: as Docker has it. */
static int run(struct kist_app *app, const void *values, int count, char **operands, struct kist_error *err)
{
    const struct options *o = values;
    struct kist_store *store;
    int rc = kist_app_store(app, false, &store, err), failed = 0;

    if (rc == KIST_E_NOT_FOUND && o->force) {
        return 0; /* no store yet: nothing to remove */
    }
    if (rc == KIST_E_NOT_FOUND) {
        return kist_error_set(err, KIST_E_NOT_FOUND, "no such image: '%s'", operands[0]);
    }
    for (int i = 0; rc == 0 && i < count; i++) {
        struct kist_store_removed removed = {.freed = 0};
        struct kist_error one;
        int done = kist_store_image_remove(store, operands[i], o->force, &removed, &one);

        if (done == 0) {
            o->json ? print_json(&removed) : print_removed(&removed);
        } else if (failed == 0 && !(o->force && done == KIST_E_NOT_FOUND)) {
            failed = done;
            *err = one;
        } else {
            kist_app_complain(&one);
        }
        kist_store_removed_release(&removed);
    }
    return rc < 0 ? rc : failed;
}

static const struct kist_option options[] = {
    KIST_OPT("force", 'f', FLAG, struct options, force, NULL, "All names of an image given by its ID; none such is fine"),
    KIST_OPT("json", 0, FLAG, struct options, json, NULL, "Print a JSON object for each"),
    {.name = NULL},
};

const struct kist_command kist_cmd_rmi = {
    .name = "rmi",
    .operands = "IMAGE [IMAGE...]",
    .summary = "Remove images, and what nothing else needs of them",
    .options = options,
    .options_size = sizeof(struct options),
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
