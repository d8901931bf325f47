#include "cmd/cmd.h"
#include "cmd/pruning.h"

struct options {
    bool force, json;
};

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
            o->json ? kist_pruning_json(&removed) : kist_pruning_removed(&removed, "Untagged: ", "Deleted: ");
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
    KIST_OPT("force", 'f', FLAG, struct options, force, NULL, "All names of an image given by its ID; what containers use only loses its names; none such is fine"),
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
